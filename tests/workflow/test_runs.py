"""Snakemake on a copy of the project: interrupted runs, and two at once."""

import os
import signal
import time

import pytest

CHANNEL = "results/tiangong2/channel.nc"


@pytest.fixture
def project(project_in, tmp_path):
    """The project with one scenario and nothing in results."""
    return project_in(tmp_path, scenarios=["tiangong2"], replicates=2)


def begun(project, log="01_orbit"):
    """A run that has come to a stage."""
    process = project.start("snakemake", "--cores", "1", CHANNEL)
    while process.poll() is None and not (project.folder / f"results/tiangong2/logs/{log}.log").exists():
        time.sleep(0.05)
    return process


def assert_channel_is_made(project):
    status, text = project.snakemake("--rerun-incomplete", CHANNEL)
    assert status == 0, text
    made = project.results()
    assert {"tiangong2/channel.nc", "tiangong2/figures/attenuation.svg"} <= set(made)
    assert not [name for name in made if name.endswith(".draft")]
    assert (project.folder / f"{CHANNEL}.provenance.json").is_file()
    status, text = project.snakemake(CHANNEL)
    assert status == 0 and "Nothing to be done" in text
    assert project.results() == made


def test_a_run_after_a_killed_one(project):
    process = begun(project)
    os.killpg(process.pid, signal.SIGKILL)
    project.end(process)
    assert not (project.folder / CHANNEL).exists()
    draft = project.folder / "results/tiangong2/.channel.nc.1.draft"
    draft.write_bytes(b"half")  # and one as a kill in mid-write leaves it
    assert_channel_is_made(project)


def test_a_run_after_one_that_left_its_jobs_behind(project):
    process = begun(project)
    process.kill()  # Snakemake alone: its job goes on
    process.wait()
    assert_channel_is_made(project)


def test_a_second_run_beside_the_first_ends_in_one_sentence(project):
    process = begun(project)
    os.killpg(process.pid, signal.SIGSTOP)  # else it may end before the second has begun
    status, text = project.snakemake(CHANNEL)
    os.killpg(process.pid, signal.SIGCONT)
    assert status != 0 and "another run works here" in text and "Traceback" not in text
    status, text = project.end(process)
    assert status == 0, text
    assert_channel_is_made(project)
