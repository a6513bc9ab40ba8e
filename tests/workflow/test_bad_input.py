"""Snakemake on bad input: one sentence before any work, once for each kind.

The sentences are tested at the functions that make them: `tests/bad_input/`, `tests/planner/`.
"""

import json
import shutil

import numpy as np
import pytest


@pytest.fixture(scope="module")
def project(project_in, tmp_path_factory):
    """The project with nothing in results; each test leaves it as it was."""
    return project_in(tmp_path_factory.mktemp("project") / "copy", replicates=2)


def tree(folder):
    """Every file with its bytes' number and time, but for Snakemake's own notes."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and not {".snakemake", "__pycache__"} & set(path.parts)
    }


def changed(project, name, old, new):
    """Change a file; gives back what undoes it."""
    path = project / name
    before = path.read_bytes()
    assert old.encode() in before
    path.write_bytes(before.replace(old.encode(), new.encode()))
    return lambda: path.write_bytes(before)


def cut_recording(project):
    path = project / "data/recordings/example_alice.a1"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(np.arange(3, dtype="<u8").tobytes()[:-1])
    (path.parent / "example_bob.npy").touch()
    return lambda: path.unlink()


# What is wrong, what Snakemake is asked for, and a word of the sentence.
WRONG = {
    "scenario": (
        lambda p: changed(p, "data/scenarios/tiangong2.yaml", "aperture_m:", "aperture_cm:"),
        ["scenarios=[tiangong2]"],
        "did you mean aperture_m",
    ),
    "recording": (cut_recording, ["scenarios=[recorded_example]"], "ends 7 bytes into record 2"),
    "plan": (
        lambda p: changed(p, "data/plans/example.yaml", "max_age_days: 14", "max_age_days: two weeks"),
        ["scenarios=[tiangong2]", "plan=example"],
        "max_age_days=two weeks is not a number",
    ),
    "sweep": (
        lambda p: changed(p, "data/sweeps/example.yaml", "name: example", "name: $(touch owned)"),
        ["scenarios=[tiangong2]", "sweep=example"],
        "data/sweeps/example.yaml: name=$(touch owned)",
    ),
    "name on the command line": (
        lambda p: lambda: None,
        ["scenarios=['tiangong2;touch owned']"],
        "is not a list of names",
    ),
    "key of the configuration": (
        lambda p: lambda: None,
        ["scenario=[tiangong2]"],
        "unknown key scenario: did you mean",
    ),
    "configuration": (
        lambda p: changed(p, "workflow/config.yaml", "replicates: 2", "replicates: 1"),
        ["scenarios=[tiangong2]"],
        "replicates=1",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_snakemake_says_what_is_wrong_and_does_nothing(case, project):
    wrong, config, said = WRONG[case]
    undo = wrong(project.folder)
    before = tree(project.folder)
    status, text = project.snakemake("--config", *config)
    after = tree(project.folder)
    undo()
    assert status != 0 and "Traceback" not in text
    assert len([line for line in text.splitlines() if said in line]) == 1, text
    assert after == before


def test_the_name_of_a_file_of_element_sets_is_never_a_command(project):
    """It may hold whatever can be printed; the orbit is computed from it all the same."""
    name = """$(touch owned)`touch owned`'";touch owned;#.csv"""
    copied = project.folder
    (copied / "data/orbits/tiangong2.csv").rename(copied / "data/orbits" / name)
    undo = changed(copied, "data/scenarios/tiangong2.yaml", "elements: tiangong2.csv", f"elements: {json.dumps(name)}")
    before = tree(copied)
    config = ["--config", "scenarios=[tiangong2]"]
    status, text = project.snakemake("results/tiangong2/orbit.nc", *config)
    (copied / "data/orbits" / name).rename(copied / "data/orbits/tiangong2.csv")
    undo()
    assert status == 0, text
    assert not list(copied.rglob("owned"))
    new = tree(copied).keys() - before.keys() - {"data/orbits/tiangong2.csv"}
    assert new and all(path.startswith("results/") for path in new)
    shutil.rmtree(copied / "results/tiangong2")
