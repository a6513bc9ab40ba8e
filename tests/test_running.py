"""One run at a time, and nothing left of a killed one."""

import errno
import fcntl
import os
import py_compile
import subprocess
import sys

import pytest

from satqkd.workflow.running import MARK, RunError, begin, remove_cut_bytecode

BEGIN = "from satqkd.workflow.running import begin; begin(); print('begun', flush=True); input()"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.delenv(MARK, raising=False)
    (tmp_path / "results").mkdir()
    yield tmp_path
    os.environ.pop(MARK, None)


@pytest.fixture
def elsewhere(folder):
    """A run of another process in the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "begun\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_run_is_refused_until_the_first_has_ended(folder, elsewhere):
    draft = folder / "results/.a.nc.1.draft"
    draft.touch()
    with pytest.raises(RunError, match="another run works here"):
        begin(folder)
    assert draft.exists()
    elsewhere.kill()
    elsewhere.wait()
    begin(folder)
    assert not draft.exists()


def test_what_a_killed_run_left_is_cleared_up(folder):
    locks = folder / ".snakemake/locks"
    (folder / "results/mine/.b.zarr.2.draft").mkdir(parents=True)
    locks.mkdir(parents=True)
    for left in ("results/mine/.b.zarr.2.draft/part", "results/mine/.c.nc.3.draft", ".snakemake/locks/0.input.lock"):
        (folder / left).touch()
    whole = folder / "results/mine/c.nc"
    whole.touch()
    begin(folder)
    assert [path for path in (folder / "results").rglob("*") if path.is_file()] == [whole]
    assert not list(locks.iterdir()) and not list((folder / "results/mine").glob(".b*"))


def test_jobs_without_their_run_are_ended_and_no_others(folder):
    sleep = [sys.executable, "-c", "input()"]
    jobs = [
        subprocess.Popen(sleep, stdin=subprocess.PIPE, env=os.environ | {MARK: str(place)})
        for place in (folder, folder.parent)
    ]
    try:
        begin(folder)
        assert jobs[0].poll() is not None
        assert jobs[1].poll() is None
    finally:
        for job in jobs:
            job.kill()
            job.communicate()


def test_without_locks_nothing_is_cleared_up(folder, monkeypatch):
    def none(descriptor, kind):
        raise OSError(errno.EOPNOTSUPP, "no locks here")

    draft = folder / "results/.a.nc.1.draft"
    draft.touch()
    monkeypatch.setattr(fcntl, "flock", none)
    begin(folder)
    assert draft.exists()


def test_the_jobs_of_a_run_are_marked(folder):
    begin(folder)
    assert os.environ[MARK] == str(folder)


def test_a_folder_that_cannot_be_written_is_named(folder, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: path != folder / "results")
    with pytest.raises(RunError, match=r"results: cannot be written: make it writable"):
        begin(folder)
    assert not (folder / ".snakemake").exists()


@pytest.mark.parametrize("left", [10, 16, 17, 40, 60])
def test_compiled_modules_that_a_full_disk_has_cut_are_removed(tmp_path, left):
    cut, whole = (tmp_path / f"__pycache__/{name}.cpython-311.pyc" for name in ("cut", "whole"))
    for path in (cut, whole):
        module = tmp_path / f"{path.name.partition('.')[0]}.py"
        module.write_text("NUMBERS = [*range(10), 'eleven']\n")
        py_compile.compile(str(module), str(path))
    cut.write_bytes(cut.read_bytes()[:left])
    remove_cut_bytecode([tmp_path, tmp_path / "nowhere"])
    assert not cut.exists() and whole.exists()
