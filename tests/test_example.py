"""Recordings to try things out with."""

import numpy as np
import pytest

from satqkd.detection import read_tags
from satqkd.scenario import ScenarioError, load_scenario
from satqkd.workflow.check import check
from satqkd.workflow.example import record_example


@pytest.fixture
def scenario(example_in, tmp_path):
    short = ("duration_s: 20", "duration_s: 2"), ("duration_s: 10", "duration_s: 1")
    return example_in(tmp_path, "recorded_example", *short)


def test_they_are_what_the_scenario_names(scenario, missions, tmp_path):
    mission = missions["yin2020"]
    files = record_example(scenario, mission, transmittance=0.02, seed=3)
    assert files == [tmp_path / "recordings/example_alice.a1", tmp_path / "recordings/example_bob.npy"]
    for file, station, section in zip(files, scenario.stations, mission.stations, strict=True):
        tags = read_tags(file)
        assert set(np.unique(tags.detector.values)) == {*station.channels, *station.ignored_channels}
        efficiency = np.mean([d.efficiency for d in section.detectors])
        noise = 4 * section.background_rate_hz + sum(d.dark_rate_hz for d in section.detectors)
        expected = 3 * (mission.source.pair_rate_hz * 0.02 * efficiency + noise)
        clicks = np.isin(tags.detector.values, station.channels)
        assert abs(clicks.sum() - expected) < 4 * np.sqrt(expected) + 0.01 * expected
        # The second of GPS, three times, by a clock that is off by its offset.
        second = tags.time.values[~clicks] / 1e12 - 1 - section.clock_offset_s
        assert second == pytest.approx([0, 1, 2][: second.size], abs=1e-5)
        assert second.size == 3 * len(station.ignored_channels)
    assert check(scenario.path).content_hash == scenario.content_hash


def test_the_same_seed_makes_the_same_files(scenario, missions):
    def files(seed):
        return [p.read_bytes() for p in record_example(scenario, missions["yin2020"], transmittance=0.002, seed=seed)]

    first = files(3)
    assert files(3) == first
    assert files(4) != first


def test_a_laboratorys_own_recording_is_not_overwritten(scenario, missions, tmp_path):
    text = scenario.path.read_text().replace("example_bob.npy", "monday_bob.npy")
    scenario.path.write_text(text)
    with pytest.raises(
        ScenarioError, match="recording=monday_bob.npy does not begin with example_: only such files are"
    ):
        record_example(load_scenario(scenario.path), missions["yin2020"], transmittance=0.01, seed=3)
    assert not (tmp_path / "recordings").exists()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: p.unlink(), "station bob names the file example_bob.npy, found neither beside the scenario nor in"),
        (lambda p: p.write_bytes(p.read_bytes()[:-50]), "example_bob.npy: is not a complete NPY file"),
        (lambda p: p.write_bytes(b""), "example_bob.npy: is not a complete NPY file"),
    ],
)
def test_a_recording_is_looked_at_before_any_work(scenario, missions, spoil, message):
    spoil(record_example(scenario, missions["yin2020"], transmittance=0.002, seed=3)[1])
    with pytest.raises(ScenarioError) as error:
        check(scenario.path)
    assert str(error.value).startswith(f"{scenario.path}: ") and message in str(error.value)


def test_an_orbit_that_cannot_be_is_said_before_any_work(scenario, missions, root, tmp_path):
    """Twelve hours off the satellite is on the other side of the Earth; and it has to last as long as is measured."""
    record_example(scenario, missions["yin2020"], transmittance=0.002, seed=3)
    (tmp_path / "orbits").symlink_to(root / "data/orbits")
    text = scenario.path.read_text()
    for name, station in zip(("alice", "bob"), missions["yin2020"].stations, strict=True):
        place = (
            f"    latitude_deg: {station.latitude_deg}\n    longitude_deg: {station.longitude_deg}\n    altitude_m: 0\n"
        )
        text = text.replace(f"- name: {name}\n", f"- name: {name}\n{place}    time_zero: 2018-10-01T18:11:00Z\n")
    orbit = "orbit: {elements: micius.csv, start: 2018-10-01T18:11:07Z, duration_s: 3}\n"
    scenario.path.write_text(text + orbit)
    assert check(scenario.path).orbit.duration_s == 3
    for old, new, message in (
        (
            "T18:11:07Z",
            "T06:11:07Z",
            r"orbit puts the satellite \d+\.\d degrees below the horizon of alice: check orbit.st",
        ),
        ("duration_s: 3}", "duration_s: 2}", "orbit.duration_s=2 is less than the 3 s that measurements want"),
        ("micius.csv", "nobody.csv", "orbit names the file nobody.csv, found neither"),
    ):
        scenario.path.write_text(text + orbit.replace(old, new))
        with pytest.raises(ScenarioError, match=f"^{scenario.path}: {message}"):
            check(scenario.path)
