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


def test_results_depend_neither_on_the_cores_nor_on_the_folder(project_in, clone, tmp_path):
    projects = {cores: project_in(tmp_path / f"on{cores}", **SHORT) for cores in (1, 2)} | {8: clone}
    for cores, project in projects.items():
        status, text = project.run("snakemake", "--cores", str(cores))
        assert status == 0, text
    first = projects.pop(1).results()
    assert {"validation.csv", "tiangong2/run1/key.nc", "tiangong2/figures/map.svg"} <= set(first)
    for project in projects.values():
        project.assert_results(first)
