"""The same seed gives the same bytes in every result and figure, however it is run."""

import shutil
import subprocess

import pytest
import yaml

from satqkd import load_scenario
from satqkd.stages import run_stages

SHORT = {"scenarios": ["tiangong2"], "replicates": 2}


@pytest.fixture
def clone(root, project_in, tmp_path):
    """What git knows of the project, in a folder of another name: no compiled kernel comes along."""
    known = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    project = project_in(tmp_path / "another place/project", **SHORT)
    files = {root / name for name in subprocess.check_output(known, cwd=root, text=True).split("\0")}
    shutil.rmtree(project.folder / "src")
    for file in files:
        if file.is_relative_to(root / "src") and file.is_file():
            copy = project.folder / file.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
    return project


def test_results_depend_neither_on_the_cores_nor_on_the_folder(whole_run, project_in, clone, tmp_path):
    expected = whole_run.results()
    assert {"validation.csv", "tiangong2/run1/key.nc", "tiangong2/figures/map.svg"} <= set(expected)
    for cores, project in {1: project_in(tmp_path / "on1", **SHORT), 8: clone}.items():
        status, text = project.run("snakemake", "--cores", str(cores))
        assert status == 0, text
        project.assert_results(expected)


def test_stages_called_from_python_write_what_the_workflow_writes(whole_run, tmp_path):
    seed = yaml.safe_load((whole_run.folder / "workflow/config.yaml").read_text())["seed"]
    run_stages(load_scenario("tiangong2"), tmp_path, seed=seed, run=2)
    made = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"orbit.nc", "fiber.nc", "truth.nc", "coincidence.nc", "key.nc", "alice.key"} <= {p.name for p in made}
    shown = {"fiber.nc"}  # of the workflow's first run
    for path in made:
        name = path.relative_to(tmp_path)
        same = path.read_bytes() == (whole_run.folder / "results/tiangong2" / name).read_bytes()
        assert same or name.name in shown, name
