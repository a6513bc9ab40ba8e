"""Snakemake on a copy of the project: a run, an interrupted run, bad input."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
CHANNEL = "results/tiangong2/channel.nc"


@pytest.fixture
def project(tmp_path):
    """The project with one scenario and nothing in results."""
    for name in ("workflow", "notebooks", "data", "src"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("Snakefile", "environment.yml"):
        shutil.copy(ROOT / name, tmp_path)
    configure(tmp_path, scenarios=["tiangong2"], replicates=2)
    return tmp_path


def configure(project, **values):
    path = project / "workflow/config.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | values))


def start(project, *arguments):
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.Popen(
        ["snakemake", "--cores", "1", *arguments],
        cwd=project,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def snakemake(project, *arguments):
    process = start(project, *arguments)
    text, _ = process.communicate()
    return process.returncode, text


def results(project):
    return (
        [path for path in (project / "results").rglob("*") if path.is_file()] if (project / "results").is_dir() else []
    )


def test_a_run_after_an_interrupted_one(project):
    process = start(project, CHANNEL)
    begun = project / "results/tiangong2/logs/01_orbit.log"
    while process.poll() is None and not begun.exists():
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (project / CHANNEL).exists()
    snakemake(project, "--unlock")
    status, text = snakemake(project, "--rerun-incomplete", CHANNEL)
    assert status == 0, text
    first = (project / CHANNEL).read_bytes()
    status, text = snakemake(project, CHANNEL)
    assert status == 0 and "Nothing to be done" in text
    assert (project / CHANNEL).read_bytes() == first
    assert (project / "results/tiangong2/figures/attenuation.svg").is_file()
    assert (project / "results/tiangong2/channel.nc.provenance.json").is_file()
    assert not list((project / "results").rglob("*.draft"))


BAD = {
    "unknown key": ("aperture_m: {value: 1.2, published: main text}", "aperture_cm: 120", "aperture_m"),
    "wrong unit": ("aperture_m: {value: 1.2, published: main text}", "aperture_m: 1.2 m", "write the number alone"),
    "impossible value": ("min_elevation_deg: {value: 25,", "min_elevation_deg: {value: 95,", "less than 90"),
    "missing element set": ("elements: tiangong2.csv", "elements: tiangong3.csv", "tiangong3.csv"),
    "no pass": ("max_range_m: {value: 7.19e5,", "max_range_m: {value: 7.19e4,", "search longer"),
    "unknown proof": ("bound: tiangong2", "bound: tiangong3", "take one of"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_in_one_sentence_before_any_work(project, case):
    old, new, hint = BAD[case]
    path = project / "data/scenarios/tiangong2.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    status, text = snakemake(project)
    assert status != 0
    said = [line for line in text.splitlines() if "tiangong2.yaml" in line]
    assert len(said) == 1 and hint in said[0], text
    assert "Traceback" not in text
    assert not results(project)


def test_bad_config_is_named(project):
    configure(project, replicates=1)
    status, text = snakemake(project)
    assert status != 0 and "replicates=1" in text and "Traceback" not in text
