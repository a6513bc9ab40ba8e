"""Stage 4 on recordings: two files, no beacon, no GPS."""

import numpy as np
import pytest
import zarr

from satqkd.bell import bell_test
from satqkd.bell.figures import counts_figure
from satqkd.coincidence import coincidences, observables
from satqkd.detection import import_recordings, read_tags, write_tags
from satqkd.key import distill, in_words
from satqkd.orbit import find_sessions
from satqkd.workflow.example import record_example

FOUR_SIGMA = 4
TRANSMITTANCE = 0.03
SECOND_PS = 10**12
SHORT = ("duration_s: 20", "duration_s: 5"), ("duration_s: 10", "duration_s: 3")


@pytest.fixture(scope="module")
def laboratory(example_in, missions, tmp_path_factory):
    """The example with fewer seconds: its scenario and its folder, the recordings imported."""
    folder = tmp_path_factory.mktemp("laboratory")
    scenario = example_in(folder, "recorded_example", *SHORT)
    record_example(scenario, missions["yin2020"], transmittance=TRANSMITTANCE, seed=5)
    import_recordings(scenario, folder / "detection.zarr")
    return scenario, folder


@pytest.fixture(scope="module")
def found(laboratory):
    scenario, folder = laboratory
    return coincidences(scenario, None, folder / "detection.zarr", path=folder / "coincidence.nc")


def test_the_clock_is_found_from_the_pairs(laboratory, found, missions):
    scenario, folder = laboratory
    a, b = missions["yin2020"].stations
    drift = (1 + b.clock_drift) / (1 + a.clock_drift) - 1
    first = [int(read_tags(folder / "detection.zarr", name).time[0]) / SECOND_PS - 1 for name in ("alice", "bob")]
    offset_s = (1 + drift) * (first[0] - a.clock_offset_s) + b.clock_offset_s - first[1]
    clock = found.isel(session=0, station=1)
    assert abs(float(clock.clock_offset) - offset_s) < 5 * float(clock.clock_offset_sigma) < 1e-9
    assert abs(float(clock.clock_drift) - drift) < 1e-10
    jitter_s = np.sqrt(2) * missions["yin2020"].detection.timing_jitter_ps * 1e-12
    assert float(clock.clock_residual_rms) == pytest.approx(jitter_s, rel=0.05)
    assert float(found.clock_offset[0, 0]) == float(found.clock_drift[0, 0]) == 0


def test_counts_are_those_of_the_laboratory(laboratory, found, missions):
    """Pairs made, times both paths and both detectors, and what the window cuts off a Gaussian delay."""
    source, stations = missions["yin2020"].source, missions["yin2020"].stations
    efficiency = [np.mean([d.efficiency for d in s.detectors]) for s in stations]
    in_window = 0.8956  # of a Gaussian of 769 ps, +-1.25 ns
    true = source.pair_rate_hz * TRANSMITTANCE**2 * np.prod(efficiency) * in_window * 8
    expected = true + float(found.accidentals.sum())
    assert abs(float(found.counts.sum()) - expected) < FOUR_SIGMA * np.sqrt(expected) + 0.01 * expected
    assert found.duration.values.tolist() == [5, 3]
    assert found.session_duration.values.tolist() == [8]
    assert int(found.counts.sum()) == found.sizes["coincidence"] == int(found.rate.sum())
    assert "range" not in found
    values = {name: value for name, (value, _) in observables(found).items()}
    assert values["coincidence_rate"] == found.sizes["coincidence"] / 8


def test_error_rate_s_and_key_are_those_of_the_state(laboratory, found, missions):
    """A Werner state: errors (1 - p) / 2 and S = 2 sqrt(2) p, less the accidentals among the coincidences."""
    scenario, _ = laboratory
    p = (4 * missions["yin2020"].source.fidelity - 1) / 3
    p *= 1 - float(found.accidentals.sum()) / float(found.counts.sum())
    key, bell = distill(scenario, found), bell_test(scenario, found)
    sifted, errors = int(key.sifted.sum()), int(key.errors.sum())
    assert abs(errors / sifted - (1 - p) / 2) < FOUR_SIGMA * np.sqrt((1 - p**2) / 4 / sifted)
    assert abs(float(bell.s) - 2 * np.sqrt(2) * p) < FOUR_SIGMA * float(bell.sigma)
    assert float(bell.s) > 2 + 5 * float(bell.sigma)
    assert float(key.length.sel(bound="asymptotic")) > 0.5 * sifted
    assert float(key.length.sel(bound="tomamichel2012")) > 0


def recorded(laboratory, tmp_path, **pieces):
    """The laboratory with other recordings: station to a function of its tags."""
    scenario, folder = laboratory
    for name in ("alice", "bob"):
        tags = read_tags(folder / "detection.zarr", name).load()
        write_tags(pieces.get(name, lambda tags: tags)(tags), tmp_path / "detection.zarr", name)
    zarr.open_group(tmp_path / "detection.zarr", mode="a").attrs.update(seed=0, run=1)
    return coincidences(scenario, None, tmp_path / "detection.zarr", path=tmp_path / "coincidence.nc")


@pytest.mark.slow
def test_one_may_start_later_and_count_from_elsewhere(laboratory, found, tmp_path):
    """Both stop and start for themselves; what is common is used, and measurements begin where both have begun."""
    late = recorded(
        laboratory,
        tmp_path,
        bob=lambda tags: tags.assign(time=tags.time + 3600 * SECOND_PS),
        alice=lambda tags: tags.isel(tag=tags.time.values > tags.time.values[0] + 10_000_000_000),
    )
    assert late.duration.values.tolist() == [5, 3]
    assert abs(late.sizes["coincidence"] / found.sizes["coincidence"] - 1) < 0.01


@pytest.mark.slow
def test_recordings_with_too_little_in_common_are_refused(laboratory, tmp_path):
    def short(tags):
        return tags.isel(tag=tags.time.values < tags.time.values[0] + 4 * SECOND_PS)

    with pytest.raises(ValueError, match=r"recorded_example: the recording of bob lasts 4 s where measurements want 8"):
        recorded(laboratory, tmp_path, bob=short)


@pytest.mark.slow
def test_recordings_of_different_sources_have_no_clock_in_common(laboratory, tmp_path):
    def other(tags):
        rng = np.random.default_rng(8)
        return tags.assign(time=("tag", np.sort(rng.integers(0, 8 * SECOND_PS, tags.sizes["tag"]))))

    with pytest.raises(ValueError, match="recorded_example: .*nothing"):
        recorded(laboratory, tmp_path, bob=other)


@pytest.fixture(scope="module")
def satellite(root, example_in, bright, tmp_path_factory):
    """The simulated pass as two recordings with an orbit, the beacon and GPS left behind."""
    folder = tmp_path_factory.mktemp("satellite")
    start = np.datetime_as_string(bright.orbit.time.values[0], unit="s")
    orbit = f"orbit: {{elements: micius.csv, start: {start}Z, duration_s: 30}}\nsource:\n"
    changes = [
        ("source:\n", orbit),
        ("channels: [4, 3, 2, 1]", "channels: [0, 1, 2, 3]"),
        ("ignored_channels: [0] ", "#"),
        ("dead_time_ns: {value: 50", "dead_time_ns: {value: 0"),  # as in the simulated pass
    ]
    for here, there, station in zip(
        ("alice", "bob"), ("example_alice.a1", "example_bob.npy"), bright.scenario.stations, strict=True
    ):
        tags = read_tags(bright.tags, station.name)
        write_tags(tags.assign(time=tags.time + SECOND_PS), folder / "recordings" / there)
        # Known to a millisecond, as a computer knows it.
        before = np.timedelta64(round(1000 * (1 + station.clock_offset_s)), "ms")
        zero = np.datetime_as_string(bright.orbit.time.values[0] - before, unit="ms")
        place = f"latitude_deg: {station.latitude_deg}\n    longitude_deg: {station.longitude_deg}"
        place += f"\n    altitude_m: {station.altitude_m}\n    time_zero: {zero}Z"
        changes.append((f"  - name: {here}\n", f"  - name: {here}\n    {place}\n"))
    (folder / "orbits").symlink_to(root / "data/orbits")
    scenario = example_in(folder, "recorded_example", *changes)
    import_recordings(scenario, folder / "detection.zarr")
    return scenario, folder


@pytest.mark.slow
def test_with_an_orbit_the_same_pairs_are_found_as_with_the_beacon(satellite, bright):
    scenario, folder = satellite
    orbit = find_sessions(scenario)
    assert orbit.range.values == pytest.approx(bright.orbit.range.values[:31], rel=1e-9)
    assert (orbit.measurement.values == bright.orbit.measurement.values[:31]).all()
    found = coincidences(scenario, orbit, folder / "detection.zarr", path=folder / "coincidence.nc")
    beacon = bright.coincidence
    assert abs(found.sizes["coincidence"] / beacon.sizes["coincidence"] - 1) < 0.005
    assert abs(found.delay.values.mean()) < 20
    assert abs(found.delay.values.std() / beacon.delay.values.std() - 1) < 0.02
    assert "range" in found
    a, b = bright.scenario.stations
    assert float(found.clock_drift[0, 1]) == pytest.approx(b.clock_drift - a.clock_drift, abs=2e-9)


@pytest.mark.slow
def test_swapped_channels_leave_no_key_and_are_suspected(laboratory, example_in, tmp_path):
    """Outcomes of one setting swapped at one station: the pairs are found, and the reason comes out at the end."""
    (tmp_path / "recordings").symlink_to(laboratory[1] / "recordings")
    wrong = example_in(tmp_path, "recorded_example", *SHORT, ("[4, 3, 2, 1]", "[4, 3, 1, 2]"))
    import_recordings(wrong, tmp_path / "detection.zarr")
    found = coincidences(wrong, None, tmp_path / "detection.zarr", path=tmp_path / "coincidence.nc")
    data = distill(wrong, found)
    assert data.qber.values == pytest.approx(np.array([0.02, 0.98]), abs=0.01)
    assert (data.no_key == "errors above one half").all() and not data.length.any() and not data.real_length.any()
    assert "stations.1.channels (bob)" in data.attrs["suggestion"] and data.attrs["suggestion"] in in_words(data)
    assert counts_figure(bell_test(wrong, found))
