"""What `check` says of scenarios that are wrong, before any work starts."""

import shutil
import subprocess
import sys

import pytest

from satqkd.scenario import ScenarioError
from satqkd.workflow.check import check

BAD = {
    "unknown key": ("aperture_m: {value: 1.2, published: main text}", "aperture_cm: 120", "aperture_m"),
    "wrong unit": ("aperture_m: {value: 1.2, published: main text}", "aperture_m: 1.2 m", "write the number alone"),
    "impossible value": ("min_elevation_deg: {value: 25,", "min_elevation_deg: {value: 95,", "less than 90"),
    "missing element set": ("elements: tiangong2.csv", "elements: tiangong3.csv", "tiangong3.csv"),
    "no pass": ("max_range_m: {value: 7.19e5,", "max_range_m: {value: 7.19e4,", "search longer"),
    "unknown proof": ("bound: tiangong2", "bound: tiangong3", "take one of"),
}


@pytest.fixture
def scenario(root, tmp_path):
    """A scenario with its element sets, in a folder of its own."""
    for name in ("scenarios/tiangong2.yaml", "orbits/tiangong2.csv"):
        (tmp_path / name).parent.mkdir()
        shutil.copy(root / "data" / name, tmp_path / name)
    return tmp_path / "scenarios/tiangong2.yaml"


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_in_one_sentence(case, scenario, refusal):
    old, new, hint = BAD[case]
    text = scenario.read_text()
    assert old in text
    scenario.write_text(text.replace(old, new))
    assert hint in refusal(check, scenario, ScenarioError)


def test_an_element_set_that_is_wrong_is_named_with_its_key(scenario, refusal):
    elements = scenario.parents[1] / "orbits/tiangong2.csv"
    text = elements.read_text()
    assert ",0,U,41765," in text
    elements.write_text(text.replace(",0,U,41765,", ",0,U,41765,nan"))
    assert "orbit.elements=tiangong2.csv" in refusal(check, scenario, ScenarioError)


def test_missions_are_checked_without_what_only_others_need(root):
    """Every start of Snakemake waits for these imports."""
    mission = "data/scenarios/tiangong2.yaml"
    program = f"import sys; from satqkd.workflow.check import check; check('{mission}'); print(*sys.modules)"
    said = subprocess.check_output([sys.executable, "-c", program], cwd=root, text=True).split()
    assert "satqkd.orbit" in said
    assert not {"scipy.stats", "scipy.optimize", "zarr", "matplotlib", "satqkd.detection", "satqkd.planner"} & set(said)
