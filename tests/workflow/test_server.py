"""Notebooks that are forked from one process: what they say, when that process refuses, and how it all ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import nbformat
import psutil
import pytest

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "workflow/scripts/notebook.py"
START = """
import os
from satqkd.workflow import server
server.start()
print(os.environ[server.PLACE], flush=True)
input()
"""


@contextmanager
def run_of_a_workflow(source=ROOT / "src"):
    """A process that has a server as Snakemake has one, and the server's socket."""
    owner = subprocess.Popen(
        [sys.executable, "-c", START],
        env=os.environ | {"PYTHONPATH": str(source)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield owner, Path(owner.stdout.readline().strip())
    finally:
        owner.kill()
        owner.communicate()


@pytest.fixture(scope="module")
def place():
    with run_of_a_workflow() as (_, place):
        yield place


def notebook(path, *cells):
    """A notebook of code cells, the first of which has the parameters."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.cells[0].metadata["tags"] = ["parameters"]
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, path)
    return path


def begun(path, place, *parameters):
    """The process of a rule that runs a notebook."""
    out = path.parent / "out"
    command = [sys.executable, CLIENT, path, out / "run.ipynb", "--log", out / "logs/it.log", *parameters]
    environment = os.environ | {"SATQKD_NOTEBOOKS": str(place)}
    return subprocess.Popen(command, env=environment, cwd=path.parent, stderr=subprocess.PIPE, text=True)


def run(path, place, *parameters):
    """Exit status of a notebook's rule, and its sentence."""
    process = begun(path, place, *parameters)
    return process.wait(), process.communicate()[1]


def until(condition, seconds=20):
    """Wait for a condition that takes a moment to come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("by", ["the server", "itself"])
def test_a_notebook_has_its_parameters_folder_and_environment(by, place, tmp_path, monkeypatch):
    monkeypatch.setenv("GREETING", "hello")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as Snakemake sets it
    cells = (
        "number = 1",
        "import os, sys, json",
        "seen = [number, os.getcwd(), os.environ['GREETING'], 'satqkd' in sys.modules]",
        "json.dump(seen, open('a.json', 'w'))",
    )
    status, said = run(notebook(tmp_path / "a.ipynb", *cells), place if by == "the server" else "", "-p", "number", "7")
    assert (status, said) == (0, "")
    assert json.loads((tmp_path / "a.json").read_text()) == [7, str(tmp_path), "hello", True]
    assert "Ending Cell" in (tmp_path / "out/logs/it.log").read_text()
    columns, values = (line.split("\t") for line in (tmp_path / "out/benchmarks/it.tsv").read_text().splitlines())
    cost = dict(zip(columns, map(float, values), strict=True))
    assert 20 < cost["max_rss"] < 2000 and 0 < cost["cpu_time"] < 60 and cost["s"] > 0


@pytest.mark.parametrize("by", ["the server", "itself"])
def test_a_notebook_that_fails_says_so_in_one_sentence_with_the_path_of_its_log(by, place, tmp_path):
    path = notebook(tmp_path / "a.ipynb", "raise ValueError('qber=4.5 is outside [0, 0.5]')")
    status, said = run(path, place if by == "the server" else "")
    log = tmp_path / "out/logs/it.log"
    assert status == 1
    assert said == f"{path} failed: ValueError: qber=4.5 is outside [0, 0.5] (log: {log})\n"
    assert "Traceback" in log.read_text() and not (tmp_path / "out/benchmarks").exists()


def test_kernels_do_not_see_each_other(place, tmp_path):
    cells = ("import numpy as np", "assert not hasattr(np, 'mark'); np.mark = 1", "np.random.default_rng(1)")
    path = notebook(tmp_path / "a.ipynb", *cells)
    assert [run(path, place)[0] for _ in range(2)] == [0, 0]


def test_the_server_refuses_what_is_not_a_request_and_goes_on(place, tmp_path):
    for text in (b"", b"nonsense", b'{"arguments": []}\n'):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(place))
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            assert connection.makefile().readline() in ("null\n", "")
    assert run(notebook(tmp_path / "a.ipynb", "1 + 1"), place)[0] == 0


def test_without_a_server_behind_its_socket_a_notebook_runs_by_itself(tmp_path):
    assert run(notebook(tmp_path / "a.ipynb", "1 + 1"), tmp_path / "nothing")[0] == 0


SLEEP = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)"


def sleeping(path, place):
    """A rule whose notebook sleeps, and its kernel."""
    process = begun(notebook(path / "a.ipynb", SLEEP), place)
    until(lambda: (path / "pid").exists() and (path / "pid").read_text())
    return process, psutil.Process(int((path / "pid").read_text()))


def test_a_kernel_ends_with_the_job_that_waits_for_it(place, tmp_path):
    process, kernel = sleeping(tmp_path, place)
    process.kill()
    process.communicate()
    until(lambda: not kernel.is_running() or kernel.status() == psutil.STATUS_ZOMBIE)
    assert run(notebook(tmp_path / "b.ipynb", "1 + 1"), place)[0] == 0


@pytest.mark.parametrize("how", ["ends", "is killed"])
def test_nothing_outlives_the_run(how, tmp_path):
    with run_of_a_workflow() as (owner, place):
        (server,) = psutil.Process(owner.pid).children()
        process, kernel = sleeping(tmp_path, place)
        if how == "ends":
            owner.communicate("\n")
        else:
            owner.send_signal(signal.SIGKILL)
            owner.wait()
        assert process.wait() != 0
        process.communicate()
        until(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in (server, kernel)))
        until(lambda: not place.parent.exists())


def test_a_changed_source_is_not_run_by_what_was_imported_before(project_in, tmp_path):
    project = project_in(tmp_path / "copy")
    path = notebook(tmp_path / "a.ipynb", "from satqkd.plot import BLUE", "open('blue', 'w').write(BLUE)")
    with run_of_a_workflow(project.folder / "src") as (_, place):
        environment = {"PYTHONPATH": str(project.folder / "src"), "SATQKD_NOTEBOOKS": str(place)}
        for change in (None, ('BLACK = (\n    "#0072B2"', 'BLACK = (\n    "#000001"')):
            source = project.folder / "src/satqkd/plot.py"
            if change:
                assert change[0] in source.read_text()
                source.write_text(source.read_text().replace(*change))
            command = [sys.executable, CLIENT, path, tmp_path / "run.ipynb", "--log", tmp_path / "logs/it.log"]
            subprocess.run(command, env=os.environ | environment, cwd=tmp_path, check=True)
            assert (tmp_path / "blue").read_text() == ("#000001" if change else "#0072B2")
