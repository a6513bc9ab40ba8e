"""Settings of analysers that are turned, in a column of the tags themselves."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr

from satqkd.detection import import_recordings
from satqkd.detection import named_columns as columns_module
from satqkd.detection import recordings as module
from satqkd.detection.turned import settings_of_tags
from satqkd.scenario import ScenarioError, load_scenario
from satqkd.workflow.check import check

FORMATS = ["csv", "csv.gz", "parquet", "npy"]
OUTCOME_CHANNELS = np.array([5, 6], np.uint8)
MOVES = -1
TAGS = 3000


def write(path: Path, **columns) -> None:
    """Write a recording with the columns `time_ps`, `detector` and more, in the format of its suffix."""
    frame = pd.DataFrame(columns)
    if path.suffix == ".npy":
        np.save(path, frame.to_records(index=False))
    elif path.suffix == ".parquet":
        frame.to_parquet(path, row_group_size=700)
    else:
        frame.to_csv(path, index=False, sep=";")


@pytest.fixture
def laboratory(root, tmp_path):
    """Return a function that imports recordings of both stations, by name of the file, with the lines of each."""
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "recordings").mkdir()
    text = (root / "data/scenarios/recorded_example.yaml").read_text()
    path = tmp_path / "scenarios/recorded_example.yaml"

    def written(alice: str, bob: str):
        start, end = text.index("stations:\n"), text.index("source:\n")
        stations = f"stations:\n  - {{name: alice, {alice}}}\n  - {{name: bob, {bob}}}\n"
        path.write_text(text[:start] + stations + text[end:])
        return load_scenario(path)

    return written


def tags(scenario, folder: Path) -> dict:
    """Return all that an import finds."""
    data = import_recordings(scenario, folder / "detection.zarr")
    store = zarr.open_group(folder / "detection.zarr", mode="r")
    arrays = {f"{name} {key}": store[f"{name}/photons/{key}"][:].tolist() for name in ("alice", "bob")
              for key in ("time", "detector")}  # fmt: skip
    return arrays | {name: data[name].values.tolist() for name in data.data_vars}


@pytest.fixture
def recorded():
    """Times that are slightly out of order and outcomes; each is at least 1 ns from the next in time."""
    rng = np.random.default_rng(11)
    time = 10**12 + np.arange(TAGS) * 10**6
    late = rng.permutation(TAGS // 2)[:200] * 2
    time[late], time[late + 1] = time[late + 1], time[late]
    return time, rng.integers(0, 2, TAGS), rng


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("piece", [7, 1 << 20])
def test_a_column_gives_the_tags_that_a_table_of_the_same_turns_gives(
    laboratory, recorded, tmp_path, monkeypatch, kind, piece
):
    monkeypatch.setattr(module, "CHUNK", piece)
    monkeypatch.setattr(columns_module, "ROWS", 2 * piece - 3)
    time, outcome, _ = recorded
    turned_ps = np.sort(time)[[0, 400, 410, 1500, 1501, 2600]] - 1
    setting = np.array([0, MOVES, 1, MOVES, 0, 1])
    own = setting[np.searchsorted(turned_ps, time, "right") - 1]
    pd.DataFrame({"time_ps": turned_ps, "setting": setting}).to_csv(tmp_path / "recordings/turned.csv", index=False)
    channel = OUTCOME_CHANNELS[outcome]
    for name in ("alice", "bob"):
        write(tmp_path / f"recordings/{name}.{kind}", time_ps=time, note=own * 0, basis=own, detector=channel)
    common = "recording: {}." + kind + ", channels: [5, 6], disorder_ns: 2000, "
    alice, bob = common.format("alice"), common.format("bob")
    by_table = tags(laboratory(alice + "settings: turned.csv", bob + "settings: turned.csv"), tmp_path)
    scenario = laboratory(alice + "settings_column: basis", bob + "settings_column: basis")
    by_column = tags(check(scenario.path), tmp_path)
    assert by_column == by_table
    assert by_table["sorted_tags"] == [200, 200] and len(by_table["bob time"]) == np.count_nonzero(own >= 0)


@pytest.mark.parametrize("kind", ["csv", "npy"])
def test_a_setting_of_its_own_for_each_tag_gives_what_four_channels_give(laboratory, recorded, tmp_path, kind):
    """A random switch: tags that are sorted, or moved by the delays of their inputs, keep their settings."""
    time, outcome, rng = recorded
    setting, trigger = rng.integers(0, 2, TAGS), rng.random(TAGS) < 0.1
    four = np.where(trigger, 9, 2 * setting + outcome)
    two = np.where(trigger, 9, OUTCOME_CHANNELS[outcome])
    write(tmp_path / f"recordings/four.{kind}", time_ps=time, detector=four.astype(np.uint8))
    write(tmp_path / f"recordings/two.{kind}", time_ps=time, detector=two.astype(np.uint8), basis=setting)
    common = "ignored_channels: [9], disorder_ns: 2000, "
    passive = f"recording: four.{kind}, channels: [0, 1, 2, 3], {common} delays_ns: [0, 1500, 0, 1500]"
    switched = (
        f"recording: two.{kind}, channels: [5, 6], {common} delays_ns: [0, 1500], settings_column: basis, "
        "settings_random: true"
    )
    scenario = laboratory(passive, switched)
    assert not scenario.turned
    found = tags(scenario, tmp_path)
    assert found["bob time"] == found["alice time"] and found["bob detector"] == found["alice detector"]
    assert found["clicks"][0] == found["clicks"][1] and sum(found["clicks"][0]) == np.count_nonzero(~trigger)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("values", "zero", "one"),
    [
        ([[0, 22.5], [45, "67.50"]], [0, 22.5], [45, 67.5]),
        ([["H/V"], ["D/A", "R/L"]], ["H/V"], ["D/A", "R/L"]),
        ([["on"], [0]], ["on"], ["0"]),
    ],
)
def test_values_are_degrees_or_names(tmp_path, kind, values, zero, one):
    own = [*zero, *one, *zero, -1]
    own = np.array(own, float) if isinstance(zero[0], float | int) else np.array(own).astype(str)
    path = tmp_path / f"bob.{kind}"
    write(path, time_ps=np.arange(own.size), detector=np.zeros(own.size, int), basis=own)
    if kind == "npy" and own.dtype.kind == "U":  # as numpy stores words, not objects
        np.save(path, np.rec.fromarrays([own], names="basis"))
    (found,) = settings_of_tags(path, path.name.split(".")[1], "basis", values=values)
    assert found.tolist() == [0] * len(zero) + [1] * len(one) + [0] * len(zero) + [2]


@pytest.mark.parametrize(
    "text",
    [
        '\ufeff"time_ps","detector","basis"\n1,0,"HV"\n2,1,"DA"\n',
        "time_ps\tnote\tdetector\tbasis\r\n1\t#3\t0\tHV\r\n2\t#4\t1\tDA\r\n\r\n",
        "time_ps , detector , basis,\n1 , 0 , HV,\n2 , 1 , DA,",
    ],
)
def test_a_csv_may_look_as_one_of_tags_may(tmp_path, text):
    (tmp_path / "bob.csv").write_text(text, newline="")
    (found,) = settings_of_tags(tmp_path / "bob.csv", "csv", "basis", values=[["HV"], ["DA"]])
    assert found.tolist() == [0, 1]


def test_a_file_without_tags_is_named(laboratory, tmp_path):
    (tmp_path / "recordings/bob.csv").write_text("time_ps,detector,basis\n")
    one = "recording: bob.csv, channels: [5, 6], settings_column: basis"
    with pytest.raises(ValueError, match=r"bob.csv: holds no tags"):
        import_recordings(laboratory(one, one), tmp_path / "detection.zarr")


def test_parquet_may_hold_booleans_and_words_by_number(tmp_path):
    path = tmp_path / "bob.parquet"
    frame = pd.DataFrame({"switch": [True, False], "basis": pd.Categorical(["DA", "HV"])})
    frame.to_parquet(path)
    assert next(settings_of_tags(path, "parquet", "switch")).tolist() == [1, 0]
    assert next(settings_of_tags(path, "parquet", "basis", values=[["HV"], ["DA"]])).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (
            "csv",
            "100,5,0\n200,6,2\n",
            "line 3 has basis=2, not one of 0, 1, or -1 while the analyser moves: co",
        ),
        ("csv", "100,5,0\n200,6,0.5\n", "line 3 has basis=0.5, not one of 0, 1, or"),
        ("csv", "100,5,0\n200,6,\n", "line 3 has basis=nan, not one of 0, 1, or"),
        ("csv", "100,5,0\n200,6\n", "line 3 has basis=nan, not one of 0, 1, or"),
        ("parquet", "100,5,0\n200,6,\n", "record 1 has basis=nan, not one of 0, 1, or"),
        ("npy", "100,5,0\n200,6,7\n", "record 1 has basis=7, not one of 0, 1, or"),
    ],
)
@pytest.mark.parametrize("rows", [1, 5])
def test_an_unknown_setting_is_named_with_its_place(laboratory, tmp_path, monkeypatch, kind, text, message, rows):
    monkeypatch.setattr(columns_module, "ROWS", rows)
    path = tmp_path / f"recordings/bob.{kind}"
    (tmp_path / "recordings/bob.csv").write_text(f"time_ps,detector,basis\n{text}")
    if kind != "csv":
        write(path, **pd.read_csv(tmp_path / "recordings/bob.csv"))
    one = f"recording: bob.{kind}, channels: [5, 6], settings_column: basis"
    with pytest.raises(ValueError, match=re.escape(f"{path}: {message}")):
        import_recordings(laboratory(one, one), tmp_path / "detection.zarr")
    assert not (tmp_path / "detection.zarr").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bob.csv", "bob.csv: has no column angle: correct settings_column, or add the column to the tags"),
        ("bob.npy", "bob.npy: has no column angle: correct settings_column"),
        ("pairs.npy", "pairs.npy: has no column angle: correct settings_column"),
        ("bob.a1", "bob.a1: tags of the format sfifteen have no column angle: give settings, a table of when the ana"),
        ("bob.txt", "bob.txt: tags of the format qutag have no column angle: give settings, a table of when"),
    ],
)
def test_a_recording_without_the_column_is_refused_before_any_work(laboratory, tmp_path, name, message):
    folder = tmp_path / "recordings"
    write(folder / "bob.csv", time_ps=[100, 200], detector=[5, 6])
    write(folder / "bob.npy", time_ps=[100, 200], detector=[5, 6])
    np.save(folder / "pairs.npy", [[100, 5], [200, 6]])
    (folder / "bob.txt").write_text("100;5\n200;6\n")
    np.array([100 << 10 | 1, 200 << 10 | 2], "<u8").tofile(folder / "bob.a1")
    one = f"recording: {name}, channels: [5, 6], settings_column: angle"
    with pytest.raises(ScenarioError, match=f"recording of station alice: .*{message}"):
        check(laboratory(one, one).path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("long.csv", "row 1 has more columns than the first line names: give each column its name"),
        ("later.csv", ".* Expected 3 fields in line 3, saw 4"),
        ("deep.npy", r"basis has the shape \(2, 2\): give one value for each tag"),
        ("deep.parquet", "basis is list<.*>: give one value for each tag"),
    ],
)
def test_a_column_without_one_value_for_each_tag_is_refused(tmp_path, name, message):
    (tmp_path / "long.csv").write_text("time_ps,detector,basis\n100,5,0,0\n200,6,1,0\n")
    (tmp_path / "later.csv").write_text("time_ps,detector,basis\n100,5,0\n200,6,1,0\n")
    np.save(tmp_path / "deep.npy", np.zeros(2, [("time_ps", "i8"), ("detector", "u1"), ("basis", "i8", 2)]))
    pd.DataFrame({"basis": [[0, 1], [1, 0]]}).to_parquet(tmp_path / "deep.parquet")
    with pytest.raises(ValueError, match=f"{name}: its column basis cannot be read: {message}"):
        list(settings_of_tags(tmp_path / name, name.split(".")[1], "basis"))


@pytest.mark.parametrize(
    ("detector", "basis", "message"),
    [
        ([5, 6], MOVES, "no tag of station alice has a setting: .* or does its analyser always move"),
        ([5, 5], 0, "channel 6 never clicks: correct channels of station alice"),
        ([9, 9], 0, "channel 5 never clicks: correct channels of station alice"),
    ],
)
def test_an_analyser_that_always_moves_or_has_a_silent_channel_is_named(laboratory, tmp_path, detector, basis, message):
    write(tmp_path / "recordings/bob.csv", time_ps=[100, 200], detector=detector, basis=[basis, basis])
    one = "recording: bob.csv, channels: [5, 6], ignored_channels: [9], settings_column: basis"
    with pytest.raises(ValueError, match=f"bob.csv: {message}"):
        import_recordings(laboratory(one, one), tmp_path / "detection.zarr")


def test_events_wait_until_no_detector_is_dead_after_a_tag_without_a_setting(laboratory, tmp_path, monkeypatch):
    """The dead time is 50 ns; stage 4 does not see the tags that are left out."""
    monkeypatch.setattr(module, "CHUNK", 2)
    time = [0, 60_000, 100_000, 149_999, 150_000, 199_000, 240_000, 300_000]
    setting = [0, 0, -1, 0, 1, -1, 1, 1]
    write(tmp_path / "recordings/bob.csv", time_ps=time, detector=[5, 6, 5, 6, 5, 6, 6, 6], basis=setting)
    pd.DataFrame({"time_ps": time, "setting": setting}).to_csv(tmp_path / "recordings/turned.csv", index=False)
    one = "recording: bob.csv, channels: [5, 6], "
    found = tags(laboratory(one + "settings_column: basis", one + "settings: turned.csv"), tmp_path)
    for name in ("alice", "bob"):
        assert found[f"{name} time"] == [0, 60_000, 150_000, 300_000]
        assert found[f"{name} detector"] == [0, 1, 2, 3]
