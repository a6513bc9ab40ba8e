"""Scenarios of recordings: what loads, what does not, and what is said about it."""

import inspect
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from satqkd.detection.recordings import READERS, column_of_settings
from satqkd.detection.turned import MOVING
from satqkd.scenario import Experiment, Recorded, RecordedStation, Scenario, ScenarioError, load_scenario


@pytest.fixture(scope="module")
def text(root):
    return (root / "data/scenarios/recorded_example.yaml").read_text().replace("name: recorded_example", "name: mine")


@pytest.fixture
def loaded(text, tmp_path):
    """The example, or the example with pieces of its text exchanged."""

    def load(*changes):
        changed = text
        for old, new in changes:
            assert old in changed
            changed = changed.replace(old, new, 1)
        path = tmp_path / "scenarios/mine.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(changed)
        return load_scenario(path)

    return load


PLACE = (
    "latitude_deg: 37 22 44.43 N\n    longitude_deg: 97.7\n    altitude_m: 3153\n    time_zero: 2018-10-01T18:10:51Z"
)
ALICE, BOB = "  - name: alice", "  - name: bob"
ORBIT = (
    "source:\n",
    "orbit: {elements: micius.csv, start: 2018-10-01T18:10:52Z, duration_s: 30}\nsource:\n",
)
COLUMN = (
    "channels: [0, 1, 2, 3] ",
    "channels: [1, 2]\n    settings_column: basis\n    settings_values: [[H], [D]] ",
)
PLACED = [(ALICE, f"{ALICE}\n    {PLACE}"), (BOB, f"{BOB}\n    {PLACE}"), ORBIT]


def test_the_example_loads(loaded):
    scenario = loaded()
    assert isinstance(scenario, Recorded) and scenario.orbit is None and scenario.reference is None
    assert [station.channels for station in scenario.stations] == [(0, 1, 2, 3), (4, 3, 2, 1)]
    assert scenario.source.kind == "entangled" and scenario.coincidence.accidental_gap_ns == 100


def test_an_orbit_goes_with_the_stations_places(loaded):
    scenario = loaded(*PLACED)
    assert scenario.orbit.duration_s == 30
    assert scenario.stations[1].latitude_deg == pytest.approx(37.379, abs=1e-3)


def test_an_orbit_may_name_one_satellite_of_several(loaded):
    assert loaded(*PLACED).orbit.norad_id is None
    assert loaded(*PLACED, ("elements: micius.csv,", "elements: micius.csv, norad_id: 41731,")).orbit.norad_id == 41731


def test_missions_need_not_say_their_kind_and_keep_their_hash(root, tmp_path):
    text = (root / "data/scenarios/yin2020.yaml").read_text()
    said, unsaid = tmp_path / "said/yin2020.yaml", tmp_path / "unsaid/yin2020.yaml"
    for path, before in ((said, "kind: mission\n"), (unsaid, "")):
        path.parent.mkdir()
        path.write_text(before + text)
    said, unsaid = load_scenario(said), load_scenario(unsaid)
    assert isinstance(unsaid, Scenario) and said.content_hash == unsaid.content_hash
    assert "kind" not in unsaid.model_dump()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([("kind: recorded", "kind: record")], "kind=record is wrong: it is one of mission, recorded"),
        ([("kind: recorded", "kind: [1]")], "kind=[1] is wrong: it is one of mission, recorded"),
        (
            [("    recording: example_alice.a1", "    file: a.a1")],
            "unknown key stations.0.file: known here: name, recor",
        ),
        (
            [("channels: [0, 1, 2, 3]", "chanels: [0, 1, 2, 3]")],
            "unknown key stations.0.chanels: did you mean channels?",
        ),
        (
            [("channels: [0, 1, 2, 3]", "channels: [0, 1, 2]")],
            "stations.0 channels are three: give four, or the two of an analyser that is turned",
        ),
        (
            [("channels: [0, 1, 2, 3]", "channels: [0, 1, 2, 300]")],
            "stations.0.channels.3=300 is wrong, input should be",
        ),
        (
            [("channels: [0, 1, 2, 3]", "channels: [0, 1, 2, 2]")],
            "stations.0 channel 2 occurs twice in channels and ign",
        ),
        ([("ignored_channels: [0]", "ignored_channels: [4]")], "stations.1 channel 4 occurs twice"),
        ([("recording: example_alice.a1", "recording: /tmp/a.a1")], "stations.0.recording=/tmp/a.a1 leaves its folder"),
        (
            [("recording: example_alice.a1", "recording: a.a1\n    format: hdf")],
            "stations.0.format=hdf is wrong, input sh",
        ),
        (
            [(ALICE, f"{ALICE}\n    altitude_m: 3")],
            "station alice has altitude_m: it goes with orbit, and on",
        ),
        ([ORBIT], "station alice lacks latitude_deg: it goes with orbit, and only with it"),
        (
            [("window_ns: {value: 2.5,", "window_ns: {value: 101,")],
            "coincidence accidental_gap_ns=100 is less than window",
        ),
        ([("name: bob", "name: alice")], "stations have the same name"),
        ([("- name: key", "- name: bell")], "measurements have the names bell, bell: give each its own"),
        ([("bell_state: {", "pair_rate_hz: 1\n  bell_state: {")], "unknown key source.pair_rate_hz: "),
        (
            [("detection:\n", "transmitter: {log: a.csv}\ndetection:\n")],
            "transmitter goes with a source of kind decoy, and only with it",
        ),
        (
            [("  bell_state: {", "  kind: decoy\n  bell_state: {")],
            "unknown key source.bell_state: known here: kind, pulse_rate_hz",
        ),
        (
            [(ALICE, f"{ALICE}\n    settings: turned.csv")],
            "stations.0 settings goes with two channels: of four the channel gives the setting",
        ),
        (
            [(ALICE, f"{ALICE}\n    settings_column: basis")],
            "stations.0 settings_column goes with two channels: of four the channel gives the setting",
        ),
        (
            [(ALICE, f"{ALICE}\n    settings: turned.csv\n    settings_column: basis")],
            "stations.0 settings and settings_column both say where the analyser stood: keep one",
        ),
        (
            [(ALICE, f"{ALICE}\n    settings_values: [[H], [D]]")],
            "stations.0 settings_values goes with settings_column, and only with it",
        ),
        ([COLUMN, ("[[H], [D]]", "[[H], [D, H]]")], "stations.0 settings_values has H twice: give each value to one"),
        ([COLUMN, ("[[H], [D]]", '[[0, 45], [90, "45.0"]]')], "stations.0 settings_values has 45.0 twice: give each"),
        ([COLUMN, ("[[H], [D]]", "[[1], [-1]]")], "stations.0 settings_values has -1, which stands for an analyser"),
        ([COLUMN, ("[[H], [D]]", "[[H]]")], "stations.0.settings_values is wrong, tuple should have at least 2 items"),
        ([COLUMN, ("[[H], [D]]", "[[H], []]")], "stations.0.settings_values.1 is wrong, tuple should have at least 1"),
        (
            [COLUMN, ("coincidence:\n", "coincidence:\n  dead_time_rule: setting\n")],
            "coincidence.dead_time_rule=setting is for four detectors, and station alice has two for both",
        ),
        ([("  dead_time_ns: {", "  # {")], "detection=None is wrong, input should be a valid dictionary"),
    ],
)
def test_wrong_values_are_refused_in_one_sentence(loaded, tmp_path, changes, expected):
    with pytest.raises(ScenarioError) as error:
        loaded(*changes)
    text = str(error.value)
    assert text.startswith(f"{tmp_path}/scenarios/mine.yaml: {expected}"), text
    assert "\n" not in text


def test_recordings_stand_beside_the_scenario_or_in_their_folder(loaded, tmp_path):
    scenario = loaded()
    alice, bob = scenario.stations
    with pytest.raises(
        ScenarioError, match="station bob names the file example_bob.npy, found neither .* put the recor"
    ):
        scenario.recording(bob)
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings/example_bob.npy").touch()
    (tmp_path / "scenarios/example_alice.a1").touch()
    assert scenario.recording(bob) == tmp_path / "recordings/example_bob.npy"
    assert scenario.recording(alice) == tmp_path / "scenarios/example_alice.a1"


def test_both_kinds_have_what_an_experiment_declares(loaded, missions):
    declared = re.findall(r"def (\w+)\(self\) -> .*: \.\.\.", inspect.getsource(Experiment))
    assert {"stations", "source", "detection", "orbit", "reference", "relay", "polarization", "public_link"} == set(
        declared
    )
    for scenario in (loaded(), *missions.values()):
        assert all(hasattr(scenario, name) for name in declared)


def test_replaced_keeps_the_kind(loaded):
    assert loaded().replaced({"coincidence.window_ns": 1}).coincidence.window_ns == 1
    with pytest.raises(ScenarioError, match="mine.yaml: source.fidelity is not a key"):
        loaded().replaced({"source.fidelity": 1})


def test_every_format_that_is_read_can_be_named():
    named = RecordedStation.model_fields["format"].annotation.__args__[0].__args__
    assert set(named) == {"zarr", *READERS}


class _Texts(yaml.SafeLoader):
    """YAML as an editor sees it: times are text."""


_Texts.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@pytest.mark.parametrize("changes", [[], PLACED])
def test_the_schema_takes_recordings(schema, text, changes):
    for old, new in changes:
        text = text.replace(old, new, 1)
    schema.validate(yaml.load(text, _Texts))
    for old, new in (("kind: recorded", "kind: mission"), ("window_ns", "window_s"), ("[0, 1, 2, 3]", "[0]")):
        with pytest.raises(jsonschema.ValidationError):
            schema.validate(yaml.load(text.replace(old, new, 1), _Texts))


def test_the_documents_example_is_a_scenario(root, tmp_path):
    page = (root / "docs/recordings.md").read_text()
    blocks = [part.split("```", 1)[0] for part in page.split("```yaml\n")[1:]]
    whole = [block for block in blocks if "kind: recorded" in block]
    block = whole[0]
    path = Path(tmp_path / "mine.yaml")
    path.write_text("\n".join(line.removeprefix("   ") for line in block.splitlines()))
    scenario = load_scenario(path)
    assert [station.format for station in scenario.stations] == [None, "sfifteen"]
    assert scenario.key.eps_sec == 1e-10
    path.write_text(whole[1])
    assert load_scenario(path).transmitter.log == "tuesday_log.parquet"
    path.write_text(whole[2])
    assert load_scenario(path).turned and len(load_scenario(path).runs) == 6
    scenarios = whole[0].split("   stations:")[0], whole[0].split("   source:")[1]
    text = "\n".join(line.removeprefix("   ") for line in f"   source:{scenarios[1]}".splitlines())
    head = "\n".join(line.removeprefix("   ") for line in scenarios[0].splitlines())
    (by_table,) = [block for block in blocks if "bob_turned.csv" in block]
    path.write_text(f"{head}\n{by_table}{text}")
    assert load_scenario(path).turned
    (by_column,) = [block for block in blocks if "settings_column" in block]
    path.write_text(f"{head}\n{by_column}{text}")
    (bob,) = [station for station in load_scenario(path).stations if station.settings_column]
    (lines,) = [part.split("```", 1)[0] for part in page.split("```\n") if part.startswith("time_ps,detector,angle")]
    (tmp_path / "bob.csv").write_text(lines)
    assert next(column_of_settings(tmp_path / "bob.csv", bob)).tolist() == [0, MOVING, 1]
