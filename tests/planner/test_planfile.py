"""Plans that are wrong end in one sentence before any work."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from satqkd.planner import load_plan
from satqkd.scenario import ScenarioError


@pytest.fixture(scope="module")
def data(root, tmp_path_factory):
    """A copy of the project's data, without recordings."""
    path = tmp_path_factory.mktemp("project") / "data"
    for name in ("plans", "orbits", "scenarios"):
        shutil.copytree(root / "data" / name, path / name)
    return path


@pytest.fixture
def written(data):
    """Write the example with changes as a plan of its own, and give its path."""

    def write(text=None, **changes):
        tree = yaml.safe_load((data / "plans/example.yaml").read_text()) | {"name": "mine"} | changes
        path = data / "plans/mine.yaml"
        path.write_text(yaml.safe_dump(tree) if text is None else text)
        return path

    return write


def test_the_example(data):
    plan = load_plan(data / "plans/example.yaml")
    assert str(plan.start_utc) == "2018-09-10T00:00:00.000000000" and (plan.end_utc - plan.start_utc).astype(int) > 0
    assert [file.name for file in plan.files] == ["example.yaml", "micius.csv", "liao2017.yaml", "yin2020.yaml"]
    (_, elements, decoy), (_, _, pairs) = plan.fleet()
    assert elements.norad_id == 41731
    assert len(plan.links(decoy)) == len(plan.stations)
    assert len(plan.links(pairs)) == len(plan.stations) * (len(plan.stations) - 1) // 2


def test_other_days(data):
    plan = load_plan(data / "plans/example.yaml", start="2018-09-20", days="3")
    assert str(plan.end_utc).startswith("2018-09-23")


STATION = {"name": "here", "latitude_deg": 40, "longitude_deg": 100, "altitude_m": 0}
MICIUS = {"name": "micius", "elements": "micius.csv", "scenario": "liao2017"}
BAD = {
    "an unknown key": ({"min_elevation": 3}, "unknown key min_elevation: did you mean min_elevation_deg?"),
    "a bare number for a day": ({"start": 20180910}, "start=20180910 is not a day: write it as in 2018-10-01"),
    "no day": ({"start": "soon"}, "start=soon is wrong"),
    "no days": ({"days": 0}, "days=0 is wrong"),
    "half a day": ({"days": 0.5}, "days=0.5 is wrong"),
    "cloud per cent": (
        {"stations": [STATION | {"cloud_probability": 40}]},
        "stations.0.cloud_probability=40 is wrong",
    ),
    "two of a name": ({"stations": [STATION, dict(STATION)]}, "stations has here twice: give each its own name"),
    "one station for pairs": (
        {"stations": [dict(STATION)], "satellites": [MICIUS | {"scenario": "yin2020"}]},
        "satellite micius sends pairs to two stations, and stations has 1: give at least two",
    ),
    "elements that are not there": (
        {"satellites": [MICIUS | {"elements": "none.csv"}]},
        "satellite micius names the file none.csv, found neither beside the plan nor in",
    ),
    "a file outside": ({"satellites": [MICIUS | {"elements": "../../x.csv"}]}, "leaves its folder"),
    "a satellite that the file has not": (
        {"satellites": [MICIUS | {"norad_id": 5}]},
        "has no element set of norad_id=5",
    ),
    "elements of another year": (
        {"start": "2022-09-10"},
        "satellite micius has no element set within max_age_days=14 of 2022-09-24, the nearest is of 2021-04-27, "
        "515 days away: add a nearer set to micius.csv, plan fewer or other days, or raise max_age_days",
    ),
    "a gap between the element sets": (
        {"start": "2018-09-15", "days": 340},
        "no element set within max_age_days=14 of",
    ),
    "a scenario that is not there": (
        {"satellites": [MICIUS | {"scenario": "none"}]},
        "satellite micius names the file none.yaml, found neither beside the plan nor in",
    ),
    "a scenario of nearly that name": (
        {"satellites": [MICIUS | {"scenario": "liao2071"}]},
        "liao2071.yaml, found neither beside the plan nor in",
        "did you mean liao2017.yaml? put the file there",
    ),
    "a recording": (
        {"satellites": [MICIUS | {"scenario": "recorded_example"}]},
        "scenario=recorded_example is of kind recorded: take a mission",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_ends_in_one_sentence(written, name):
    changes, *said = BAD[name]
    with pytest.raises(ScenarioError, match=".*".join(map(re.escape, said))) as caught:
        load_plan(written(**changes))
    assert "\n" not in str(caught.value) and "data" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- 1", "holds no mapping: start from data/plans/example.yaml"),
        ("a: [", "is not YAML"),
        ("name: a\nname: b", "the key name occurs twice"),
    ],
)
def test_what_is_no_plan(written, text, said):
    with pytest.raises(ScenarioError, match=said):
        load_plan(written(text))


def test_a_plan_that_is_called_otherwise(written):
    with pytest.raises(ScenarioError, match="name=yours is not the file's: call it mine"):
        load_plan(written(name="yours"))


def test_a_plan_that_is_not_there(tmp_path):
    with pytest.raises(ScenarioError, match="nowhere.yaml: does not exist"):
        load_plan(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("place", [".", "plans"])
def test_a_plan_alone_in_a_folder_finds_what_is_beside_it(data, tmp_path, monkeypatch, place):
    """As after `pip install` and `satqkd new mine`: all in one folder, or in folders beside that of the plan."""
    monkeypatch.chdir(tmp_path)
    for folder in ("scenarios", "orbits") if place == "plans" else (".",):
        Path(folder).mkdir(exist_ok=True)
    Path(place).mkdir(exist_ok=True)
    monkeypatch.chdir(place)
    scenarios, orbits = (Path("../scenarios"), Path("../orbits")) if place == "plans" else (Path(), Path())
    text = (data / "scenarios/liao2017.yaml").read_text()
    (scenarios / "ours.yaml").write_text(text.replace("name: liao2017", "name: ours", 1))
    shutil.copy(data / "orbits/micius.csv", orbits / "ours.csv")
    tree = yaml.safe_load((data / "plans/example.yaml").read_text())
    tree |= {"name": "mine", "satellites": [{"name": "micius", "elements": "ours.csv", "scenario": "ours"}]}
    Path("mine.yaml").write_text(yaml.safe_dump(tree))
    assert [file.name for file in load_plan("mine.yaml").files] == ["mine.yaml", "ours.csv", "ours.yaml"]


def test_a_scenario_may_have_the_name_of_its_plan(data, written):
    text = (data / "scenarios/liao2017.yaml").read_text()
    (data / "scenarios/mine.yaml").write_text(text.replace("name: liao2017", "name: mine", 1))
    plan = load_plan(written(satellites=[MICIUS | {"scenario": "mine"}]))
    assert plan.files[2] == data / "scenarios/mine.yaml"


def test_a_scenario_that_the_analytic_chain_leaves_out(data, written):
    tree = yaml.safe_load((data / "scenarios/liao2017.yaml").read_text())
    tree |= {"name": "turned", "polarization": {"compensated": False}}
    (data / "scenarios/turned.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(ScenarioError, match="which the analytic chain leaves out"):
        load_plan(written(satellites=[MICIUS | {"scenario": "turned"}]))
