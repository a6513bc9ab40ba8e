"""Fork the kernel of a notebook from a process that has imported what the notebook needs."""

import json
import os
import sys
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets.config import Config

_LAUNCHER = "ipykernel_launcher"


class ForkedKernel:
    """A process that waits for the command of a kernel, then becomes that kernel.

    It is forked while this process has no second thread and no socket, because later a fork would not be safe. The
    command of the kernel is known only later. The class has the part of `subprocess.Popen` that a provisioner uses.
    """

    stdin = stdout = stderr = None
    waiting: "ForkedKernel | None" = None

    def __init__(self) -> None:
        self.returncode: int | None = None
        inside, self._outside = os.pipe()
        self.pid = os.fork()
        if self.pid:
            os.close(inside)
            return
        os.close(self._outside)
        _become_kernel(inside)

    def begin(self, command: list[str], environment: dict[str, str], folder: str | None) -> None:
        """Send the process the arguments of ipykernel's launcher, its environment and its folder."""
        asked = {"arguments": command, "environment": environment, "folder": folder}
        with os.fdopen(self._outside, "w") as pipe:
            json.dump(asked, pipe)
        self._outside = -1

    def abandon(self) -> None:
        """End the process if no kernel was requested."""
        if self._outside != -1:
            os.close(self._outside)
            self._outside = -1
            self.wait()

    def poll(self) -> int | None:
        """Return the exit status, or None while the process runs."""
        return self._waited(os.WNOHANG)

    def wait(self) -> int | None:
        """Wait for the end of the process, and return its exit status."""
        return self._waited(0)

    def _waited(self, options: int) -> int | None:
        """Return the exit status if the process has ended, with the options of `os.waitpid`."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the process, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


def _become_kernel(pipe: int) -> None:
    """Wait for a command, run the kernel, and end the process; end it at once if no command comes."""
    status = 1
    try:
        os.setsid()  # signals to a kernel go to its process group
        with os.fdopen(pipe) as source:
            text = source.read()
        if text:
            asked = json.loads(text)
            os.environ.clear()
            os.environ.update(asked["environment"])
            if asked["folder"]:
                os.chdir(asked["folder"])
            _serve(asked["arguments"])
        status = 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _serve(arguments: list[str]) -> None:
    """Run an IPython kernel in this process until it is asked to end."""
    from ipykernel.kernelapp import IPKernelApp

    sys.argv = [_LAUNCHER, *arguments]
    # Without a history, which no notebook of the workflow reads. The kernel ends when its parent ends: ipykernel reads
    # the parent from the environment when it is imported, but that was in another process.
    own = {"HistoryManager": {"enabled": False}, "IPKernelApp": {"parent_handle": os.getppid()}}
    IPKernelApp.launch_instance(arguments, config=Config(own))


class ForkedKernelProvisioner(LocalProvisioner):
    """Provisioner that uses the process forked for the notebook; without one it starts the kernel as usual."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Launch a kernel with a command, and return its connection information."""
        forked, ForkedKernel.waiting = ForkedKernel.waiting, None
        if forked is None or _LAUNCHER not in cmd or cmd[0] != sys.executable:
            return await super().launch_kernel(cmd, **kwargs)
        environment = kwargs["env"] | {"JPY_PARENT_PID": str(os.getpid())}
        forked.begin(cmd[cmd.index(_LAUNCHER) + 1 :], environment, kwargs.get("cwd"))
        self.process = forked  # type: ignore[assignment]  # it has what is used of Popen
        self.pid = self.pgid = forked.pid
        self.cwd = kwargs.get("cwd", os.getcwd())
        return self.connection_info
