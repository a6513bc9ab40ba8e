"""Snakemake and the notebook on recordings."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from satqkd.dataset import load
from satqkd.planning import record_example
from satqkd.scenario import load_scenario

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
FOLDER = "results/recorded_example/recorded"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The project with the example's recordings, of fewer seconds, and nothing in results."""
    path = tmp_path_factory.mktemp("project")
    for name in ("workflow", "notebooks", "data", "src"):
        shutil.copytree(ROOT / name, path / name)
    for name in ("Snakefile", "environment.yml"):
        shutil.copy(ROOT / name, path)
    scenario = path / "data/scenarios/recorded_example.yaml"
    text = scenario.read_text().replace("duration_s: 20", "duration_s: 4").replace("duration_s: 10", "duration_s: 2")
    scenario.write_text(text)
    mission = load_scenario(path / "data/scenarios/yin2020.yaml")
    record_example(load_scenario(scenario), mission, transmittance=0.03, seed=5)
    return path


def run(project, *command):
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=project, env=environment, text=True, capture_output=True)
    return done.returncode, done.stdout + done.stderr


def snakemake(project, *arguments):
    return run(project, "snakemake", "--cores", "1", "--config", "scenarios=[recorded_example]", *arguments)


def test_a_recording_with_a_fault_ends_in_one_sentence_before_any_work(project):
    recording = project / "data/recordings/example_bob.npy"
    whole = recording.read_bytes()
    recording.write_bytes(whole[:-5])
    status, text = snakemake(project)
    recording.write_bytes(whole)
    assert status != 0 and "Traceback" not in text
    said = [line for line in text.splitlines() if "example_bob.npy: is no whole NPY file" in line]
    assert len(said) == 1 and "data/scenarios/recorded_example.yaml: " in said[0]
    assert not (project / "results").exists()


def test_the_workflow_goes_from_recordings_to_the_key(project):
    status, text = snakemake(project)
    assert status == 0, text
    folder = project / FOLDER
    coincidence, key, bell = (load(folder / f"{name}.nc") for name in ("coincidence", "key", "bell"))
    assert coincidence.duration.values.tolist() == [4, 2]
    assert 0.005 < float(key.errors.sum() / key.sifted.sum()) < 0.06
    assert float(key.length.sel(bound="asymptotic")) > 0
    assert float(bell.s) > 2 + 5 * float(bell.sigma)
    assert (folder / "figures/delay.svg").is_file() and (folder / "coincidence.nc.provenance.json").is_file()
    assert load(folder / "recording.nc").clicks.sum("detector").min() > 1e5
    status, text = snakemake(project)
    assert status == 0 and "Nothing to be done" in text


def test_every_parameter_of_the_rule_is_one_of_the_notebook():
    rule = (ROOT / "workflow/rules/recorded.smk").read_text()
    given = set(re.findall(r"-p (\w+) ", rule))
    cells = nbformat.read(ROOT / "notebooks/recorded.ipynb", as_version=4).cells
    source = next(cell.source for cell in cells if cell.cell_type == "code")
    assert given and given <= set(re.findall(r"^(\w+) =", source, re.MULTILINE))


def test_the_notebook_runs_on_the_spot(project):
    """With its own defaults, from its own folder, as JupyterLab runs it: it makes its recordings itself."""
    shutil.rmtree(project / "data/recordings")
    status, text = run(project / "notebooks", "papermill", "recorded.ipynb", "run.ipynb", "--no-progress-bar")
    assert status == 0, text
    assert float(load(project / FOLDER / "key.nc").sifted.sum()) > 1000
