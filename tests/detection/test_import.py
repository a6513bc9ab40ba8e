"""Recordings of a scenario in the form of stage 3."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr

from satqkd.detection import import_recordings, read_tags, write_tags
from satqkd.detection import recordings as module
from satqkd.detection.transmitter_log import log_states
from satqkd.scenario import load_scenario


@pytest.fixture
def scenario(example_in, tmp_path):
    """The example with two small recordings of random clicks, of which Bob's has the second of GPS in channel 0."""
    rng = np.random.default_rng(4)
    record(tmp_path / "recordings/example_alice.a1", rng.integers(0, 4, 500))
    record(tmp_path / "recordings/example_bob.npy", rng.integers(0, 5, 600))
    return example_in(tmp_path, "recorded_example")


def record(path, detector, start_ps=10**12):
    times = start_ps + np.arange(len(detector)) * 1_000_000
    write_tags(xr.Dataset({"time": ("tag", times), "detector": ("tag", np.asarray(detector, np.uint8))}), path)


@pytest.mark.parametrize("chunk", [7, 1 << 20])
def test_channels_become_outcomes_and_ignored_ones_are_gone(scenario, tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(module, "CHUNK", chunk)
    data = import_recordings(scenario, tmp_path / "detection.zarr")
    for name, file, channels in (("alice", "example_alice.a1", [0, 1, 2, 3]), ("bob", "example_bob.npy", [4, 3, 2, 1])):
        raw = read_tags(tmp_path / "recordings" / file)
        kept = np.isin(raw.detector.values, channels)
        tags = read_tags(tmp_path / "detection.zarr", name)
        assert (tags.time.values == raw.time.values[kept]).all()
        assert [channels[outcome] for outcome in tags.detector.values] == raw.detector.values[kept].tolist()
        one = data.sel(station=name)
        assert one.clicks.values.tolist() == [np.count_nonzero(raw.detector.values == c) for c in channels]
        assert (one.first_tag, one.last_tag) == (tags.time.values[0], tags.time.values[-1])
    store = zarr.open_group(tmp_path / "detection.zarr", mode="r")
    assert store.attrs["scenario_hash"] == scenario.content_hash == data.attrs["scenario_hash"]
    assert store["bob/photons"].attrs["session_first_tag"] == [0, int(data.clicks.sel(station="bob").sum())]
    assert not any(int(data[name].sum()) for name in module.REPAIRS)


def test_what_was_mended_is_said(scenario, tmp_path):
    path = tmp_path / "recordings/example_alice.a1"
    words = np.fromfile(path, "<u8")
    words[[10, 11]] = words[[11, 10]]
    words[20] &= ~np.uint64(15)
    words.tofile(path)
    data = import_recordings(scenario, tmp_path / "detection.zarr").sel(station="alice")
    assert (data.sorted_tags, data.largest_disorder_ps, data.dummy_words) == (1, 1_000_000, 1)


def test_delays_of_inputs_are_subtracted_and_the_tags_sorted_again(scenario, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 7)
    delays_ns = (0, 2500.5, -40, 7)
    late = scenario.replaced({"stations.0.delays_ns": delays_ns})
    raw = read_tags(tmp_path / "recordings/example_alice.a1")
    import_recordings(late, tmp_path / "detection.zarr")
    tags = read_tags(tmp_path / "detection.zarr", "alice")
    shifted = raw.time.values - np.rint(1e3 * np.array(delays_ns)).astype(int)[raw.detector.values]
    order = np.argsort(shifted, kind="stable")
    assert tags.time.values.tolist() == shifted[order].tolist()
    assert tags.detector.values.tolist() == raw.detector.values[order].tolist()


def test_how_much_disorder_is_sorted_is_a_key_of_the_station(scenario, tmp_path):
    path = tmp_path / "recordings/example_alice.a1"
    words = np.fromfile(path, "<u8")
    words[[10, 40]] = words[[40, 10]]
    words.tofile(path)
    with pytest.raises(ValueError, match="29000000 ps before an earlier one, .* raise disorder_ns of its station"):
        import_recordings(scenario, tmp_path / "detection.zarr")
    data = import_recordings(scenario.replaced({"stations.0.disorder_ns": 30_000}), tmp_path / "detection.zarr")
    assert (data.sorted_tags[0], data.largest_disorder_ps[0]) == (30, 30_000_000)


def test_a_station_of_a_zarr_is_a_recording(scenario, tmp_path):
    tags = read_tags(tmp_path / "recordings/example_bob.npy")
    write_tags(tags, tmp_path / "recordings/both.zarr", "bob")
    text = scenario.path.read_text().replace("example_bob.npy", "both.zarr")
    scenario.path.write_text(text)
    data = import_recordings(load_scenario(scenario.path), tmp_path / "detection.zarr")
    assert data.clicks.sel(station="bob").sum() == np.count_nonzero(tags.detector.values)


@pytest.mark.parametrize(
    ("detector", "message"),
    [
        (
            [0, 1, 2, 7, 3],
            "channel 7 clicks at 1000003000000 ps and is in neither channels nor ignored_channels of st",
        ),
        ([0, 1, 3, 3], "channel 2 never clicks: correct channels of station alice"),
        ([0, 2, 2, 0], "channel 1 never clicks: correct channels of station alice"),
        ([9, 9, 9], "channel 0 never clicks: correct channels of station alice"),
    ],
)
def test_a_wrong_map_of_channels_is_said_and_leaves_nothing(scenario, tmp_path, detector, message):
    record(tmp_path / "recordings/example_alice.npy", detector)
    text = scenario.path.read_text().replace("example_alice.a1", "example_alice.npy\n    ignored_channels: [9]")
    scenario.path.write_text(text)
    with pytest.raises(ValueError) as error:
        import_recordings(load_scenario(scenario.path), tmp_path / "detection.zarr")
    assert str(error.value).startswith(f"{tmp_path}/recordings/example_alice.npy: {message}")
    assert {path.name for path in tmp_path.iterdir()} == {"recordings", "scenarios"}


@pytest.mark.parametrize(
    ("detector", "table", "message"),
    [
        ([0, 1, 0, 1], "2000000000000,0", "no tag of station alice has a setting: are the times of settings in its"),
        ([0, 0, 0, 0], "0,0", "channel 1 never clicks: correct channels of station alice"),
        ([9, 9, 9, 9], "0,0", "channel 0 never clicks: correct channels of station alice"),
    ],
)
def test_an_analyser_without_a_setting_or_with_a_silent_channel_is_named(
    example_in, tmp_path, detector, table, message
):
    record(tmp_path / "recordings/alice.npy", detector)
    (tmp_path / "recordings/turned.csv").write_text(f"time_ps,setting\n{table}\n")
    turned = example_in(
        tmp_path,
        "recorded_example",
        ("recording: example_alice.a1", "recording: alice.npy\n    settings: turned.csv"),
        ("channels: [0, 1, 2, 3] ", "channels: [0, 1]\n    ignored_channels: [9] "),
    )
    with pytest.raises(ValueError, match=f"alice.npy: {message}"):
        import_recordings(turned, tmp_path / "detection.zarr")


def test_a_fault_of_a_file_leaves_nothing(scenario, tmp_path):
    path = tmp_path / "recordings/example_bob.npy"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="example_bob.npy: is not a complete NPY file"):
        import_recordings(scenario, tmp_path / "detection.zarr")
    assert {path.name for path in tmp_path.iterdir()} == {"recordings", "scenarios"}


@pytest.mark.parametrize("kind", ["npz", "npy", "parquet", "csv", "csv.gz"])
def test_a_log_of_pulses_is_read_from_every_format(tmp_path, kind):
    frame = pd.DataFrame({"intensity": [0, 2, 1, 0], "basis": [0, 1, 1, 0], "bit": [1, 0, 1, 0]})
    path = tmp_path / f"log.{kind}"
    if kind == "npz":
        np.savez(path, **{name: frame[name] for name in frame})
    elif kind == "npy":
        np.save(path, frame.to_records(index=False))
    elif kind == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep=";" if kind == "csv" else ",")
    assert np.concatenate(list(log_states(path))).tolist() == [1, 10, 7, 0]


def test_the_names_of_a_log_may_be_in_quotes(tmp_path):
    (tmp_path / "log.csv").write_text('"intensity";"basis";"bit"\n0;0;1\n2;1;0\n')
    assert np.concatenate(list(log_states(tmp_path / "log.csv"))).tolist() == [1, 10]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("intensity,basis\n0,0\n", "has no bit: give intensity, basis and bit of each pulse"),
        (
            "intensity,basis,bit\n0,0,0\n3,0,0\n",
            "row 2 has intensity=3, not one of 0, 1, 2: correct it, or name what the log writes in "
            "transmitter.log_intensities$",
        ),
        (
            "intensity,basis,bit\n0,0,0\n1,2,0\n",
            "row 2 has basis=2, not one of 0, 1: give 0 and 1 for the receiver's settings 0 and 1$",
        ),
        (
            "intensity,basis,bit\n0,0,\n",
            "row 1 has bit=nan, not one of 0, 1: give 0 and 1 for the receiver's outcomes 0 and 1$",
        ),
        ("intensity,basis,bit\n0,0,0,1\n", ".* row 1 has more columns than the first line names: give each column its"),
        (
            "intensity,basis,bit\n0,0,0\n0,0,0,1\n",
            "cannot be read as a log of pulses: .* Expected 3 fields in line 3, saw 4",
        ),
        ("intensity,basis,bit\n", "has no rows: give one for each pulse"),
        ("", "cannot be read as a log of pulses"),
    ],
)
def test_a_wrong_log_of_pulses_is_named_with_its_row(tmp_path, text, message):
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"log.csv: {message}"):
        list(log_states(path))


@pytest.mark.parametrize(
    ("name", "intensity", "message"),
    [
        ("log.npz", [[0, 1], [1, 0]], r"intensity has the shape \(2, 2\): give one value for each pulse"),
        ("log.npz", 0, r"intensity has the shape \(\): give one value for each pulse"),
        ("log.parquet", [[0], [1]], "intensity is list<.*>: give one value for each pulse"),
    ],
)
def test_a_log_with_more_or_less_than_a_value_for_each_pulse_is_refused(tmp_path, name, intensity, message):
    path = tmp_path / name
    columns = {"intensity": intensity, "basis": [0, 1], "bit": [0, 1]}
    np.savez(path, **columns) if name == "log.npz" else pd.DataFrame(columns).to_parquet(path)
    with pytest.raises(ValueError, match=f"{name}: cannot be read as a log of pulses: {message}"):
        list(log_states(path))


def test_what_is_no_npz_is_said(tmp_path):
    path = tmp_path / "log.npz"
    path.write_text("intensity,basis,bit\n0,0,0\n")
    with pytest.raises(ValueError, match="log.npz: .*: it is not a complete npz file: copy it again$"):
        list(log_states(path))
