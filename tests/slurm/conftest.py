"""A private Slurm of one node: no accounting, no systemd, no cgroups; every process is stopped by its id."""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

DAEMONS = ("munged", "slurmctld", "slurmd")
ADMIN = f"{os.environ['PATH']}{os.pathsep}/usr/sbin"
CONFIGURATION = """\
ClusterName=local
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={state}/munge/sock,cred_expire=10
CredType=cred/munge
SlurmctldPort={controller_port}
SlurmdPort={node_port}
StateSaveLocation={state}/controller
SlurmdSpoolDir={state}/node
SlurmctldPidFile={state}/slurmctld.pid
SlurmdPidFile={state}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1,sched_min_interval=0
MpiDefault=none
ReturnToService=2
MinJobAge=86400
KillWait=2
SlurmctldTimeout=10
SlurmdTimeout=10
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory_mb} State=UNKNOWN
PartitionName=local Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    """The daemons of one Slurm, all of whose files are in a folder."""

    def __init__(self, state: Path):
        self.state, self.processes = state, {}
        self.host = socket.gethostname().split(".")[0]
        for name, mode in (("", 0o755), ("munge", 0o711), ("controller", 0o700), ("node", 0o700), ("bin", 0o755)):
            (state / name).mkdir(exist_ok=True)
            (state / name).chmod(mode)
        key = state / "munge/key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        self.configuration = state / "slurm.conf"
        memory_mb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
        self.configuration.write_text(
            CONFIGURATION.format(
                host=self.host,
                user=subprocess.check_output(["id", "-un"], text=True).strip(),
                state=state,
                controller_port=free_port(),
                node_port=free_port(),
                cpus=os.cpu_count(),
                memory_mb=int(0.9 * memory_mb),
            )
        )
        # The executor's job step drops every SLURM_* variable before its srun: this gives SLURM_CONF back.
        shim = state / "bin/srun"
        shim.write_text(f'#!/bin/sh\nSLURM_CONF={self.configuration} exec {shutil.which("srun")} "$@"\n')
        shim.chmod(0o755)
        self.environment = os.environ | {
            "SLURM_CONF": str(self.configuration),
            "PATH": f"{state / 'bin'}{os.pathsep}{ADMIN}",
        }

    @staticmethod
    def wait_for(condition, seconds: float, what: str):
        """The first true value of a condition."""
        end = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < end, f"{what} within {seconds} s"
            time.sleep(0.2)
        return value

    def start(self, name: str) -> None:
        """Start one daemon in the foreground of a session of its own."""
        munge = self.state / "munge"
        command = {
            "munged": [
                *("munged", "--foreground", "--force", f"--key-file={munge}/key", f"--socket={munge}/sock"),
                *(f"--pid-file={munge}/pid", f"--log-file={munge}/log", f"--seed-file={munge}/seed"),
            ],
            "slurmctld": ["slurmctld", "-D", "-i", "-f", str(self.configuration)],
            "slurmd": ["slurmd", "-D", "-f", str(self.configuration), "-N", self.host],
        }[name]
        with (self.state / f"{name}.log").open("a") as log:
            self.processes[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )
        if name == "munged":
            self.wait_for(lambda: (munge / "sock").exists(), 20, "munged made no socket")

    def stop(self, name: str, number: int = signal.SIGTERM) -> None:
        """End one daemon by its process id."""
        process = self.processes.pop(name, None)
        if process and process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def call(self, *command: str) -> str:
        """What a command of Slurm prints."""
        return subprocess.run(
            command, env=self.environment, text=True, check=True, timeout=60, capture_output=True
        ).stdout

    def lose_node(self, job: str) -> None:
        """Kill slurmd, all processes of a job and those that watch them, as when a machine loses its power."""
        lines = self.call("scontrol", "listpids", job).splitlines()[1:]
        of_job = {int(line.split()[0]) for line in lines}
        parents = {int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1]) for number in of_job}
        watching = {p for p in parents if Path(f"/proc/{p}/comm").read_text().startswith("slurmstepd")}
        assert watching, lines
        self.stop("slurmd", signal.SIGKILL)
        for number in [*watching, *of_job]:  # who could still report an end goes first
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)

    def node_state(self) -> str:
        try:
            return self.call("sinfo", "-h", "-o", "%T").strip()
        except subprocess.CalledProcessError:
            return "no controller"

    def table(self, columns: str, state: str = "all") -> list[tuple[str, ...]]:
        """What squeue says of jobs in columns between bars."""
        lines = self.call("squeue", "-h", f"--states={state}", "-o", columns).splitlines()
        return [tuple(line.split("|")) for line in lines]

    def jobs(self, state: str = "all") -> list[tuple[str, str]]:
        """Number of each job, and the rule that it is for."""
        return self.table("%i|%k", state)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A Slurm that runs, or the reason why there is none."""
    if missing := [name for name in (*DAEMONS, "sbatch", "srun") if not shutil.which(name, path=ADMIN)]:
        pytest.fail(f"{', '.join(missing)} missing: make test-slurm installs them, or see docs/clusters.md")
    made = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        for name in DAEMONS:
            made.start(name)
        made.wait_for(lambda: made.node_state().startswith("idle"), 60, "the node was not idle")
        yield made
    finally:
        if "slurmctld" in made.processes:
            for number, _ in made.jobs("pending,running"):
                made.call("scancel", number)
            made.wait_for(lambda: not made.jobs("pending,running,completing"), 60, "jobs did not end")
        for name in reversed(DAEMONS):
            made.stop(name)
