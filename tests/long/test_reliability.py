"""`make results` killed, starved and locked out: make test-long; docs/reliability.md is its last result."""

import os
import random
import re
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

pytestmark = pytest.mark.long
SHORT = {"scenarios": ["tiangong2"], "replicates": 2}
RESULTS = ("make", "results", "CORES=2")
KILLS = 20
OTHERS = 8
TABLE = """\
an undisturbed run took {seconds:.0f} s and made {files} results and figures.

| what was done | after | it ended with | whole | the next run |
| --- | --- | --- | --- | --- |
{rows}"""


class Row(NamedTuple):
    """What was tried, and what happened."""

    what: str
    after: str
    ended: str
    whole: int
    second: str


@pytest.fixture(scope="module")
def new_project(root, project_in, tmp_path_factory):
    """A copy of the project with the Makefile and its environment."""

    def made():
        project = project_in(tmp_path_factory.mktemp("project") / "copy", **SHORT)
        for name in ("Makefile", "requirements.lock", "pyproject.toml"):
            shutil.copy2(root / name, project.folder)
        # A folder of links: one link to the environment would be followed by whoever renews it.
        (project.folder / ".venv").mkdir()
        for entry in (root / ".venv").iterdir():
            if entry.name != ".made":
                (project.folder / ".venv" / entry.name).symlink_to(entry)
        (project.folder / ".venv/.made").touch()
        return project

    return made


@pytest.fixture
def project(new_project):
    made = new_project()
    yield made
    shutil.rmtree(made.folder)


class Undisturbed(NamedTuple):
    """A run to which nothing happens: its results, its time [s], and the logs of its jobs."""

    results: dict[str, bytes]
    seconds: float
    logs: list[str]


@pytest.fixture(scope="module")
def undisturbed(new_project):
    project, start = new_project(), time.monotonic()
    status, said = project.run(*RESULTS)
    assert status == 0, said
    seconds = time.monotonic() - start
    assert (project.folder / "results/report.html").is_file()
    assert (project.folder / "results/report-snakemake.html").is_file()
    logs = sorted(str(path.relative_to(project.folder)) for path in project.folder.glob("results/**/logs/*.log"))
    assert len(logs) > 10
    return Undisturbed(project.results(), seconds, logs)


def wait_for(process, log):
    """Wait until a job of a run begins, however long the machine takes."""
    while process.poll() is None and not log.exists():
        time.sleep(0.05)
    assert log.exists(), f"the run ended before {log} was there"


@pytest.fixture(scope="module")
def table(request, renew, undisturbed):
    """What was tried; the page is renewed when all of it was, and held."""
    rows = []
    yield rows
    if not request.session.testsfailed and len(rows) == KILLS + OTHERS:
        lines = "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)
        renew("disturbances", TABLE.format(seconds=undisturbed.seconds, files=len(undisturbed.results), rows=lines))


def assert_plain_second_run(project, expected):
    """Seconds of a run that completes what is there."""
    start = time.monotonic()
    status, said = project.run(*RESULTS)
    assert status == 0, said
    project.assert_results(expected)
    return f"{time.monotonic() - start:.0f} s"


def ending(status, said):
    """Of a run that was disturbed: its status, or what it says where it speaks for itself."""
    assert "Traceback" not in said
    return f"signal {-status}" if status < 0 else f"status {status}"


def snakemake_of(process):
    """The Snakemake that make has started, or make where there is none yet."""
    with suppress(psutil.Error):
        for child in psutil.Process(process.pid).children():
            if "snakemake" in " ".join(child.cmdline()):
                return child
    return process


def disturb(process, how):
    """A signal for the whole session, or for one process of it."""
    if how == "all":
        os.killpg(process.pid, signal.SIGKILL)
    elif how == "snakemake":
        snakemake_of(process).send_signal(signal.SIGKILL)
    elif how == "stage":
        family = psutil.Process(process.pid).children(recursive=True)
        (job,) = (p for p in family if "results/tiangong2/run1/detection.zarr" in p.cmdline())
        job.kill()
    else:
        os.killpg(process.pid, getattr(signal, how))


@pytest.mark.parametrize("number", range(KILLS))
def test_killed_at_a_random_moment(project, undisturbed, table, number):
    """All processes at once, as when the power fails, and Snakemake alone, whose jobs go on without it.

    The moment is in a job that is drawn, or before the first: no two runs take the same time.
    """
    expected = undisturbed.results
    how, what = [("all", "SIGKILL for all processes"), ("snakemake", "SIGKILL for Snakemake alone")][number % 2]
    drawn, start = random.Random(number), time.monotonic()
    log, later_s = drawn.choice(["", *undisturbed.logs]), drawn.uniform(0, 0.5)
    process = project.start(*RESULTS)
    if log:
        wait_for(process, project.folder / log)
    with suppress(subprocess.TimeoutExpired):
        process.wait(later_s)
    after = f"{time.monotonic() - start:.1f} s, in {Path(log).stem}" if log else f"{later_s:.1f} s"
    if process.poll() is None:
        disturb(process, how)
    status, said = project.end(process)
    ended, whole = ending(status, said), project.whole(expected)
    table.append(Row(what, after, ended, whole, assert_plain_second_run(project, expected)))


@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM", "stage"])
def test_ended_from_outside(project, undisturbed, table, how):
    """Ctrl-C, a scheduler's end, and one stage killed as the system does for want of memory."""
    expected = undisturbed.results
    process = project.start(*RESULTS)
    log = project.folder / "results/tiangong2/run1/logs/03_detection.log"
    while process.poll() is None and not (log.exists() and log.stat().st_size):
        time.sleep(0.05)
    start = time.monotonic()
    disturb(process, how)
    status, said = project.end(process)
    assert status != 0
    if how == "stage":
        assert str(log.relative_to(project.folder)) in said  # where to look
    whole = project.whole(expected)
    what = {"stage": "SIGKILL for a stage's process"}.get(how, f"{how} for all processes")
    ended = f"{ending(status, said)}, {time.monotonic() - start:.0f} s later"
    table.append(Row(what, "in stage 3", ended, whole, assert_plain_second_run(project, expected)))


def in_namespace(project, script, kinds="m"):
    """Status of a script that may mount file systems, or has a network of its own, and what it said."""
    return project.run("unshare", f"-r{kinds}", "sh", "-ec", script)


@pytest.mark.parametrize(("place", "share"), [("results", 0.4), (".", 0.7)])
def test_a_full_disk(project, new_project, undisturbed, table, place, share):
    """A file system that holds a part of the results, for these alone or for the project with Snakemake's records."""
    expected = undisturbed.results
    source, kept = new_project().folder, project.folder.parent
    (project.folder / "results").mkdir()
    sources = [path for path in source.rglob("*") if path.is_file()] if place == "." else []
    size = int(share * sum(map(len, expected.values())) + 1.1 * sum(path.stat().st_size for path in sources))
    script = f"""
        mount -t tmpfs -o size={size} small {project.folder / place}
        test {place} = results || cp -a {source}/. {project.folder}
        cd {project.folder}
        make results CORES=2 || echo "first: status $?"
        mkdir {kept}/first {kept}/second
        cp -a results {kept}/first
        mount -o remount,size=4g {project.folder / place}
        began=$(date +%s)
        make results CORES=2
        echo "second: $(($(date +%s) - began)) s"
        cp -a results {kept}/second
    """
    status, said = in_namespace(project, script)
    shutil.rmtree(source)
    assert status == 0, said
    first, second = (replace(project, folder=kept / name) for name in ("first", "second"))
    second.assert_results(expected)
    what = {"results": "disk of the results full", ".": "disk of the whole project full"}[place]
    (ended,), (took,) = (re.findall(rf"^{name}: (.+)$", said, re.M) for name in ("first", "second"))
    assert "No space left on device" in said or "Traceback" not in said
    table.append(Row(what, f"{share:.0%} of the bytes", ended, first.whole(expected), took))


def test_results_that_cannot_be_written(project, undisturbed, table):
    expected = undisturbed.results
    results = project.folder / "results"
    results.mkdir()
    start = time.monotonic()
    script = f"mount --bind {results} {results}; mount -o remount,ro,bind {results}; cd {project.folder}; make results"
    status, said = in_namespace(project, script)
    ended = f"{ending(status, said)}, {time.monotonic() - start:.0f} s later"
    assert status != 0 and said.count(f"{results}: cannot be written: ") == 1
    table.append(Row("results mounted read-only", "0 s", ended, 0, assert_plain_second_run(project, expected)))


def test_two_runs_in_one_folder(project, undisturbed, table):
    """One that begins at the same moment and one that comes later are refused; the first goes on."""
    expected = undisturbed.results
    first, twin = project.start(*RESULTS), project.start(*RESULTS)
    start, log = time.monotonic(), project.folder / "results/tiangong2/run1/logs/03_detection.log"
    while not log.exists() and None in (first.poll(), twin.poll()):
        time.sleep(0.05)
    third = time.monotonic() - start
    ends = [project.run(*RESULTS), *(project.end(process) for process in (first, twin))]
    refused = [said for status, said in ends if status != 0]
    assert len(refused) == 2 and all(said.count("another run works here") == 1 for said in refused)
    whole = project.whole(expected)
    assert whole == len(expected)
    ended = "status 0; the others refused in one sentence"
    second = assert_plain_second_run(project, expected)
    table.append(Row("three runs in one folder", f"0, 0 and {third:.0f} s", ended, whole, second))


def test_no_network(project, undisturbed, table):
    """Not even the loopback."""
    expected = undisturbed.results
    status, said = in_namespace(project, f"cd {project.folder}; make results CORES=2", "n")
    assert status == 0, said
    whole = project.whole(expected)
    assert whole == len(expected)
    table.append(
        Row("no network at all", "0 s", ending(status, said), whole, assert_plain_second_run(project, expected))
    )
