"""Run a notebook of the workflow: notebook.py NOTEBOOK OUTPUT --log LOG [papermill's -p, -f ...].

Where the workflow runs on this machine, a process that has everything imported runs it (`satqkd.workflow.server`);
elsewhere, and where that process refuses, this one does (`satqkd.workflow.notebook`). This file imports the standard
library only, because it is started for every notebook.
"""

import json
import os
import signal
import socket
import sys

# Snakemake says what Ctrl-C does; a traceback of each waiting job would not help.
signal.signal(signal.SIGINT, signal.SIG_DFL)


def served(place: str, arguments: list[str]) -> int | None:
    """Have the server run a notebook: its exit status, or None where there is no server or it refuses."""
    asked = {"arguments": arguments, "folder": os.getcwd(), "python": sys.executable, "environment": dict(os.environ)}
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(place)
        except OSError:
            return None
        socket.send_fds(connection, [f"{json.dumps(asked)}\n".encode()], [2])
        with connection.makefile() as source:
            answer = source.readline()
    return json.loads(answer) if answer else 1  # the server is gone, and the run with it


if __name__ == "__main__":
    place = os.environ.get("SATQKD_NOTEBOOKS")
    status = served(place, sys.argv[1:]) if place else None
    if status is None:
        os.execv(sys.executable, [sys.executable, "-m", "satqkd.workflow.notebook", *sys.argv[1:]])
    sys.exit(status)
