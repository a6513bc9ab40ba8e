"""Snakemake and sweeps."""

import pytest
import yaml

from satqkd.dataset import load

FOLDER = "results/sweep/small"
SMALL = {
    "name": "small",
    "title": "Three mirrors",
    "scenario": "tiangong2",
    "parameters": [{"name": "aperture", "keys": ["stations.0.aperture_m"], "unit": "m", "values": [0.8, 1, 1.2]}],
    "points_per_job": 2,
    "simulate": [{"aperture": 1.2}],
    "replicates": 1,
}


@pytest.fixture(scope="module")
def project(project_in, tmp_path_factory):
    """The project with nothing in results, and a sweep of three points."""
    made = project_in(tmp_path_factory.mktemp("project"), scenarios=["tiangong2"])
    (made.folder / "data/sweeps/small.yaml").write_text(yaml.safe_dump(SMALL))
    return made


def sweep(project, name):
    return project.snakemake("sweep", "--config", f"sweep={name}")


def test_a_sweep_and_nothing_to_do_after_it(project):
    status, text = sweep(project, "small")
    assert status == 0, text
    assert text.count("Finished jobid") == 2 + 1 + 1  # blocks, a simulation, and what gathers them
    data = load(project.folder / FOLDER / "sweep.nc")
    assert data.key.dims == ("aperture",) and data.simulated_key.notnull().sum() == 1
    files = {path.name for path in (project.folder / FOLDER).iterdir() if path.is_file()}
    assert files == {"sweep.nc", "sweep.svg", "sweep.png", "sweep.nc.provenance.json"}
    assert not list((project.folder / FOLDER).rglob("blocks/*.nc"))
    status, text = sweep(project, "small")
    assert status == 0 and "Nothing to be done" in text
