"""Fork the notebooks of a run from one process that has everything imported.

Starting papermill, a kernel and their imports takes longer than most stages compute. `start`, called when a run begins,
starts one process that imports everything once and forks itself for every notebook that
``workflow/scripts/notebook.py`` asks for. It has one thread and no open file of a result, so that a fork of it is
sound. It ends with the run, however that ends, with everything that it forked; and it refuses where a source file has
changed since.
"""

import atexit
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from satqkd.workflow.notebook import run
from satqkd.workflow.preloaded import FORKS, may_fork, preload_papermill, preload_science

# In the environment of a run's jobs: the socket of the server.
PLACE = "SATQKD_NOTEBOOKS"
# One thread for a job, as Snakemake has it; linear algebra starts its threads when it is imported.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_PART = 1 << 16  # bytes
_FIELDS = {"arguments", "folder", "python", "environment"}


def start() -> None:
    """Start the server of this run, which ends with this process; does nothing where forks are not sound."""
    if not FORKS:
        return
    folder = tempfile.mkdtemp(prefix="satqkd")
    place = f"{folder}/notebooks"
    listening = _listening(place)
    server = subprocess.Popen(
        [sys.executable, "-m", "satqkd.workflow.server", str(listening.fileno()), folder],
        stdin=subprocess.PIPE,
        env=os.environ | _ONE_THREAD,
        pass_fds=[listening.fileno()],
        start_new_session=True,  # Ctrl-C is for Snakemake, which tells its jobs
    )
    listening.close()
    os.environ[PLACE] = place
    atexit.register(_stop, server)


def _stop(server: subprocess.Popen) -> None:
    server.stdin.close()
    server.wait()


def _listening(place: str) -> socket.socket:
    """A socket on which jobs may already knock while the server imports."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(place)
    listening.listen(64)
    return listening


class Server:
    """Fork a process for each request, and answer with its exit status.

    Parameters
    ----------
    listening : socket.socket
        Where requests arrive.
    """

    def __init__(self, listening: socket.socket):
        self._listening = listening
        self._sources = _times()
        self._jobs: dict[socket.socket, int] = {}
        self._waiting = selectors.DefaultSelector()

    def serve(self, run_ended: int) -> None:
        """Serve until a file descriptor reports the end of the run, then end all that is left."""
        self._waiting.register(run_ended, selectors.EVENT_READ, None)
        self._waiting.register(self._listening, selectors.EVENT_READ, self._fork)
        while True:
            for key, _ in self._waiting.select():
                if key.data is None:
                    for pid in self._jobs.values():
                        _end(pid)
                    return
                key.data(key.fileobj)

    def _fork(self, listening: socket.socket) -> None:
        """Fork a job for whoever knocks, or refuse."""
        connection, _ = listening.accept()
        asked, terminal = _request(connection)
        if not asked or asked["python"] != sys.executable or not may_fork() or _times() != self._sources:
            _reply(connection, None)
            return
        pid = os.fork()
        if pid == 0:
            self._become_job(connection, asked, terminal)
        os.close(terminal)
        self._jobs[connection] = pid
        ended = os.pidfd_open(pid)
        self._waiting.register(ended, selectors.EVENT_READ, lambda ended: self._answer(ended, connection))
        self._waiting.register(connection, selectors.EVENT_READ, self._abandoned)

    def _become_job(self, connection: socket.socket, asked: dict, terminal: int) -> None:
        """Run one notebook in this process, and end it."""
        status = 1
        try:
            os.setsid()
            for inherited in (self._waiting, self._listening, connection, *self._jobs):
                inherited.close()  # others would wait for the end of what stays open here
            with open(os.devnull) as nothing:
                os.dup2(nothing.fileno(), 0)
            os.dup2(terminal, 2)
            os.environ.clear()
            os.environ.update(asked["environment"])
            os.chdir(asked["folder"])
            status = run(asked["arguments"])
        finally:
            os._exit(status)

    def _answer(self, ended: int, connection: socket.socket) -> None:
        """Report the end of a job to whoever waits for it."""
        self._waiting.unregister(ended)
        os.close(ended)
        status = os.waitstatus_to_exitcode(os.waitpid(self._jobs.pop(connection), 0)[1])
        with suppress(KeyError):
            self._waiting.unregister(connection)
        _reply(connection, status if status >= 0 else 128 - status)

    def _abandoned(self, connection: socket.socket) -> None:
        """End the job for which nobody waits any more."""
        self._waiting.unregister(connection)
        _end(self._jobs[connection])


def _request(connection: socket.socket) -> tuple[dict | None, int]:
    """Receive what is asked for, one line, and the standard error output of who asks."""
    text, files, _, _ = socket.recv_fds(connection, _PART, 1)
    while text and not text.endswith(b"\n"):
        text += (part := connection.recv(_PART))
        if not part:
            return None, -1
    try:
        asked = json.loads(text)
    except ValueError:
        return None, -1
    return (asked, files[0]) if files and asked.keys() >= _FIELDS else (None, -1)


def _reply(connection: socket.socket, status: int | None) -> None:
    """Send an exit status, or None for a refusal, and close the connection."""
    with suppress(OSError):  # nobody may be left to read it
        connection.sendall(f"{json.dumps(status)}\n".encode())
    connection.close()


def _end(pid: int) -> None:
    """End a job; its kernel ends within a second when its parent is gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _times() -> dict[str, int]:
    """When the package's source files were changed."""
    package = Path(__file__).parents[1]
    return {str(path): path.stat().st_mtime_ns for path in package.rglob("*.py")}


def main(arguments: list[str]) -> None:
    """Import everything, then serve until standard input ends."""
    number, folder = arguments
    try:
        server = Server(socket.socket(fileno=int(number)))
        preload_papermill()
        preload_science()
        server.serve(sys.stdin.fileno())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
