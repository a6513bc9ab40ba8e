"""The same seed gives the same bytes in every result and figure, however it is run."""

import shutil
import subprocess

import pytest

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
