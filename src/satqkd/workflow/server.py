"""Fork the notebooks of a run from one process that has imported everything.

Starting papermill and a kernel with their imports takes longer than the computation of most stages. `start`, called
when a run begins, starts one process that imports everything once and forks itself for every notebook that
``workflow/scripts/notebook.py`` requests. It has one thread and no result open, so that it is safe to fork. It ends
together with the run and with everything that it forked, and it refuses requests after a source file has changed.
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

# Variable in the environment of a run's jobs: the path of the server's socket.
PLACE = "SATQKD_NOTEBOOKS"
# One thread for each job, as Snakemake counts; libraries of linear algebra start their threads when imported.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_PART = 1 << 16  # bytes
_FIELDS = {"arguments", "folder", "python", "environment"}


def start() -> None:
    """Start the server of this run, which ends with this process; do nothing where it is not safe to fork."""
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
        start_new_session=True,  # Ctrl-C is for Snakemake, which ends its jobs
    )
    listening.close()
    os.environ[PLACE] = place
    atexit.register(_stop, server)


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End the server: close its standard input, and wait."""
    server.communicate()


def _listening(place: str) -> socket.socket:
    """Return a socket to which jobs can connect while the server is still importing."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(place)
    listening.listen(64)
    return listening


class Server:
    """A server that forks a process for each request, and answers with its exit status.

    Parameters
    ----------
    listening : socket.socket
        Socket of the requests.
    """

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._sources = _times()
        self._jobs: dict[socket.socket, int] = {}
        self._waiting = selectors.DefaultSelector()

    def serve(self, run_ended: int) -> None:
        """Serve until a file descriptor reports the end of the run, then end the remaining jobs."""
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
        """Fork a job for a request, or refuse it."""
        connection, _ = listening.accept()
        asked, terminal = _request(connection)
        if not asked or not _same_interpreter(asked["python"]) or not may_fork() or _times() != self._sources:
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
            self._waiting.close()
            for inherited in (self._listening, connection, *self._jobs):
                inherited.close()  # while a socket is open here, its other end would not see that it was closed
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
        """Report the exit status of a job over the connection of its request."""
        self._waiting.unregister(ended)
        os.close(ended)
        status = os.waitstatus_to_exitcode(os.waitpid(self._jobs.pop(connection), 0)[1])
        with suppress(KeyError):
            self._waiting.unregister(connection)
        _reply(connection, status if status >= 0 else 128 - status)

    def _abandoned(self, connection: socket.socket) -> None:
        """End a job whose client has gone."""
        self._waiting.unregister(connection)
        _end(self._jobs[connection])


def _same_interpreter(python: str) -> bool:
    """Return whether a path is this interpreter, also through a link to its folder."""
    mine, theirs = (
        (os.path.realpath(os.path.dirname(path)), os.path.basename(path)) for path in (sys.executable, python)
    )
    return mine == theirs


def _request(connection: socket.socket) -> tuple[dict | None, int]:
    """Receive a request, one line of JSON, and the file descriptor of the client's standard error."""
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
    with suppress(OSError):  # the client may have gone
        connection.sendall(f"{json.dumps(status)}\n".encode())
    connection.close()


def _end(pid: int) -> None:
    """End a job; its kernel ends within a second after its parent."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _times() -> dict[str, int]:
    """Return the times at which the package's source files were changed."""
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
