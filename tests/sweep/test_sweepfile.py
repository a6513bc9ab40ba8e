"""Sweeps that are wrong end in one sentence before any work."""

import re
import shutil
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from satqkd.scenario import ScenarioError
from satqkd.sweep.sweepfile import Range, Sweep, load_sweep


@pytest.fixture(scope="module")
def data(root, tmp_path_factory):
    """A copy of the project's data, without recordings."""
    path = tmp_path_factory.mktemp("project") / "data"
    for name in ("sweeps", "orbits", "scenarios"):
        shutil.copytree(root / "data" / name, path / name)
    return path


@pytest.fixture
def written(data):
    """Write the example with changes as a sweep of its own, and give its path."""

    def write(text=None, **changes):
        tree = yaml.safe_load((data / "sweeps/example.yaml").read_text()) | {"name": "mine"} | changes
        path = data / "sweeps/mine.yaml"
        path.write_text(yaml.safe_dump(tree) if text is None else text)
        return path

    return write


APERTURE = {"name": "aperture", "keys": ["stations.0.aperture_m"], "unit": "m", "values": [0.8, 1]}
SPACED = {"name": "a", "keys": ["key.f_ec"]}
OTHER = {"name": "b", "keys": ["stations.0.altitude_m"]}


def test_the_example_is_a_thousand_points(root):
    sweep = load_sweep(root / "data/sweeps/example.yaml")
    assert sweep.size == 1000 and list(sweep.shape) == ["divergence", "aperture", "extinction"]
    assert len(sweep.events()) == 4
    assert [file.name for file in sweep.files] == ["example.yaml", "tiangong2.yaml", "tiangong2.csv"]


def test_a_point_sets_its_keys_and_nothing_else(root):
    sweep = load_sweep(root / "data/sweeps/example.yaml")
    scenario = sweep.at({"divergence": 12.5, "aperture": 1.3, "extinction": 4})
    assert scenario.transmitter.divergence_full_angle_urad == 12.5
    assert scenario.stations[0].aperture_m == 1.3 and scenario.stations[0].zenith_extinction_db == 4
    assert scenario.replaced(
        {
            "transmitter.divergence_full_angle_urad": sweep.base.transmitter.divergence_full_angle_urad,
            "stations.0.aperture_m": sweep.base.stations[0].aperture_m,
            "stations.0.zenith_extinction_db": sweep.base.stations[0].zenith_extinction_db,
        }
    ) == sweep.base.replaced({})


def test_keys_move_together_and_words_and_yaml_1_1_numbers_are_values(written):
    both = {"name": "aperture", "keys": ["stations.0.aperture_m", "stations.1.aperture_m"], "values": [1, "1.2e0"]}
    proof = {"name": "proof", "keys": ["key.bound"], "values": ["yin2020", "tomamichel2012"]}
    sweep = load_sweep(written(scenario="yin2020", parameters=[both, proof], simulate=[]))
    scenario = sweep.at({"aperture": 1.2, "proof": "tomamichel2012"})
    assert [station.aperture_m for station in scenario.stations] == [1.2, 1.2]
    assert scenario.key.bound == "tomamichel2012"
    (whole,) = scenario.measurements
    assert whole.name == "key" and whole.duration_s == 3100 + 226


def test_blocks_cover_every_point_once(written):
    sweep = load_sweep(written(points_per_job=333))
    blocks = sweep.blocks()
    points = [tuple(p.values()) for first, last in blocks.values for p in sweep.points(first, last)]
    assert len(blocks) == 4 and len(points) == len(set(points)) == 1000
    assert points[1][:2] == points[0][:2] and points[1][2] != points[0][2]


@given(
    start=st.floats(1e-9, 1e9), ratio=st.floats(1.01, 1e6), points=st.integers(2, 60),
    spacing=st.sampled_from(["linear", "log"]),
)  # fmt: skip
def test_a_range_has_both_ends_and_even_steps(start, ratio, points, spacing):
    values = np.array(Range(start=start, stop=start * ratio, points=points, spacing=spacing).values())
    assert values.size == points
    np.testing.assert_allclose([values[0], values[-1]], [start, start * ratio], rtol=1e-11)
    steps = np.diff(np.log(values) if spacing == "log" else values)
    np.testing.assert_allclose(steps, steps.mean(), rtol=1e-6, atol=1e-9 * abs(values).max() * (spacing == "linear"))


BAD = {
    "an unknown key": ({"parameter": []}, "unknown key parameter: did you mean parameters?"),
    "an unknown key inside": ({"parameters": [APERTURE | {"units": "m"}]}, "did you mean unit?"),
    "a key that the scenario has not": (
        {"parameters": [APERTURE | {"keys": ["stations.0.apertur_m"]}]},
        "stations.0.apertur_m is not a key of this scenario",
    ),
    "a value out of bounds": ({"parameters": [APERTURE | {"values": [1, 80]}]}, "stations.0.aperture_m=80.0 is wrong"),
    "values and a range": (
        {"parameters": [APERTURE | {"range": {"start": 1, "stop": 2, "points": 3}}]},
        "parameter aperture needs values or range: give one of the two",
    ),
    "neither": ({"parameters": [SPACED]}, "parameter a needs values or range"),
    "numbers and words": ({"parameters": [APERTURE | {"values": [1, "large"]}]}, "mixes numbers and words"),
    "a value twice": ({"parameters": [APERTURE | {"values": [1, 1.0]}]}, "has a value twice: keep one"),
    "a number that is none": ({"parameters": [APERTURE | {"values": [float("nan")]}]}, "is not a finite number"),
    "a path": ({"parameters": [APERTURE | {"values": ["../../x"]}]}, "parameters.0.values.0=../../x is wrong"),
    "equal ratios from zero": (
        {"parameters": [SPACED | {"range": {"start": 0, "stop": 1, "points": 3, "spacing": "log"}}]},
        "have no equal ratios: take linear spacing",
    ),
    "one point of a range": (
        {"parameters": [SPACED | {"range": {"start": 1, "stop": 2, "points": 1}}]},
        "points=1 is wrong",
    ),
    "a dimension twice": ({"parameters": [APERTURE, deepcopy(APERTURE)]}, "have the name aperture twice: keep one"),
    "a key twice": (
        {"parameters": [APERTURE, deepcopy(APERTURE) | {"name": "other"}]},
        "have the key stations.0.aperture_m twice",
    ),
    "a dimension's name": ({"parameters": [APERTURE | {"name": "replicate"}]}, "is a dimension of every sweep"),
    "who is meant": ({"parameters": [APERTURE | {"keys": ["name"]}]}, "changes name, which a sweep keeps"),
    "how time is shared": (
        {"parameters": [APERTURE | {"keys": ["measurements.0.duration_s"]}]},
        "changes measurements.0.duration_s, which a sweep keeps",
    ),
    "too many": (
        {"parameters": [part | {"range": {"start": 1, "stop": 2, "points": 1001}} for part in (SPACED, OTHER)]},
        "parameters span 1002001 points, more than 1000000",
    ),
    "half a point": ({"simulate": [{"aperture": 0.6}]}, "needs divergence, aperture, extinction of each point"),
    "a point beside the grid": (
        {"simulate": [{"divergence": 10, "aperture": 0.65, "extinction": 0.5}]},
        "simulate has aperture=0.65, which is not among its values: take one of 0.6, 0.7",
    ),
    "no replicate": ({"replicates": 0}, "replicates=0 is wrong"),
    "a scenario that is not there": (
        {"scenario": "none"},
        "scenario=none: names the file none.yaml, found neither beside the sweep nor in",
    ),
    "a recording": ({"scenario": "recorded_example"}, "is of kind recorded: take a mission"),
    "another source's proof": (
        {"parameters": [{"name": "proof", "keys": ["key.bound"], "values": ["yin2020"]}], "simulate": []},
        "key.bound=yin2020 is not a proof for this source",
    ),
    "turned polarisation": (
        {"parameters": [{"name": "turn", "keys": ["polarization.residual_deg"], "values": [0, 3]}], "simulate": []},
        "which the analytic chain leaves out",
    ),
    "a name of another file": ({"name": "yours"}, "name=yours is not the file's: call it mine"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_ends_in_one_sentence(written, name):
    changes, said = BAD[name]
    if "parameters" in changes and "simulate" not in changes:
        changes = changes | {"simulate": []}
    with pytest.raises(ScenarioError, match=re.escape(said)) as caught:
        load_sweep(written(**changes))
    assert "\n" not in str(caught.value) and "data" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- 1", "holds no mapping: start from data/sweeps/example.yaml"),
        ("a: [", "is not YAML"),
        ("name: a\nname: b", "the key name occurs twice"),
        ("a: &x 1\nb: *x", "YAML aliases are not allowed"),
    ],
)
def test_what_is_no_sweep(written, text, said):
    with pytest.raises(ScenarioError, match=said):
        load_sweep(written(text))


def test_a_sweep_that_is_not_there(tmp_path):
    with pytest.raises(ScenarioError, match="nowhere.yaml: does not exist"):
        load_sweep(tmp_path / "nowhere.yaml")


def test_a_sweep_finds_the_scenario_beside_it(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (data / "scenarios/tiangong2.yaml").read_text()
    Path("ours.yaml").write_text(text.replace("name: tiangong2", "name: ours", 1))
    tree = yaml.safe_load((data / "sweeps/example.yaml").read_text()) | {"name": "mine", "scenario": "ours"}
    Path("mine.yaml").write_text(yaml.safe_dump(tree))
    assert [file.name for file in load_sweep("mine.yaml").files] == ["mine.yaml", "ours.yaml", "tiangong2.csv"]


def test_the_seconds_of_all_measurements_have_to_be_known(data, written):
    """What the last one takes depends on the sessions that the others need; given to the key alone it would be one."""
    text = (data / "scenarios/yin2020.yaml").read_text()
    assert text.count("    duration_s: {value: 226, published: main text}\n") == 1
    text = text.replace("    duration_s: {value: 226, published: main text}\n", "").replace(
        "name: yin2020", "name: rest", 1
    )
    (data / "scenarios/rest.yaml").write_text(text)
    with pytest.raises(ScenarioError, match="mine.yaml: scenario=rest: measurement bell has no duration_s: .* give it"):
        load_sweep(written(scenario="rest", parameters=[APERTURE], simulate=[]))


def test_a_corner_that_is_no_scenario(written):
    """Each value alone is one, both together are not: decoy and vacuum pulses brighter than the signal."""
    decoy = {"name": "decoy", "keys": ["source.mean_photon_numbers.decoy"], "values": [0.35, 0.7]}
    vacuum = {"name": "vacuum", "keys": ["source.mean_photon_numbers.vacuum"], "values": [0, 0.2]}
    with pytest.raises(ScenarioError, match=r"decoy=0.7 vacuum=0.2: .*do not hold signal > decoy \+ vacuum"):
        load_sweep(written(scenario="liao2017", parameters=[decoy, vacuum], simulate=[]))


def test_the_model_describes_every_key():
    schema = Sweep.model_json_schema()
    described = [field for part in schema["$defs"].values() for field in part["properties"].values()]
    assert all("description" in field for field in described)
