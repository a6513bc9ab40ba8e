"""Snakemake and the notebook on recordings."""

import shutil

import pytest

from satqkd.dataset import load
from satqkd.scenario import load_scenario
from satqkd.workflow.example import record_example

FOLDER = "results/recorded_example/recorded"


@pytest.fixture(scope="module")
def project(project_in, tmp_path_factory):
    """The project with the example's recordings, of fewer seconds, and nothing in results."""
    made = project_in(tmp_path_factory.mktemp("project"), scenarios=["recorded_example"])
    scenario = made.folder / "data/scenarios/recorded_example.yaml"
    text = scenario.read_text().replace("duration_s: 20", "duration_s: 4").replace("duration_s: 10", "duration_s: 2")
    scenario.write_text(text)
    mission = load_scenario(made.folder / "data/scenarios/yin2020.yaml")
    record_example(load_scenario(scenario), mission, transmittance=0.03, seed=5)
    return made


def test_the_workflow_goes_from_recordings_to_the_key(project):
    status, text = project.snakemake()
    assert status == 0, text
    folder = project.folder / FOLDER
    coincidence, key, bell = (load(folder / f"{name}.nc") for name in ("coincidence", "key", "bell"))
    assert coincidence.duration.values.tolist() == [4, 2]
    assert 0.005 < float(key.errors.sum() / key.sifted.sum()) < 0.06
    assert float(key.length.sel(bound="asymptotic")) > 0
    assert float(bell.s) > 2 + 5 * float(bell.sigma)
    assert (folder / "figures/delay.svg").is_file() and (folder / "coincidence.nc.provenance.json").is_file()
    assert load(folder / "recording.nc").clicks.sum("detector").min() > 1e5
    status, text = project.snakemake()
    assert status == 0 and "Nothing to be done" in text


def test_the_notebook_runs_on_the_spot(project):
    """With its own defaults, from its own folder, as JupyterLab runs it: it makes its recordings itself."""
    shutil.rmtree(project.folder / "data/recordings")
    status, text = project.run(
        *("papermill", "notebooks/recorded.ipynb", "notebooks/run.ipynb", "--cwd", "notebooks", "--no-progress-bar")
    )
    assert status == 0, text
    assert float(load(project.folder / FOLDER / "key.nc").sifted.sum()) > 1000


def test_the_workflow_goes_from_tags_and_log_to_the_key(project_in, tmp_path):
    """Pulses have no Bell test: their rule has no such outputs."""
    made = project_in(tmp_path, scenarios=["pulses_example"])
    scenario = made.folder / "data/scenarios/pulses_example.yaml"
    scenario.write_text(scenario.read_text().replace("duration_s: 10", "duration_s: 3"))
    record_example(load_scenario(scenario), load_scenario("liao2017"), transmittance=0.03, seed=5)
    status, text = made.snakemake()
    assert status == 0, text
    folder = made.folder / "results/pulses_example/recorded"
    assert float(load(folder / "key.nc").length.sel(bound="asymptotic")) > 1000
    assert (folder / "figures/health.svg").is_file() and not (folder / "bell.nc").exists()
