"""Stage 4 on what stage 3 recorded."""

from shutil import copytree

import numpy as np
import pytest
import zarr

from satqkd.bell import bell_test
from satqkd.channel import link_budget
from satqkd.coincidence import coincidences, count, observables
from satqkd.coincidence.figures import delay_figure, rate_figure
from satqkd.dataset import load, save
from satqkd.detection import simulate
from satqkd.fiber import compare
from satqkd.files import hash_of
from satqkd.flight import hermite
from satqkd.key import distill
from satqkd.orbit import find_sessions
from satqkd.streams import SESSION_PULSES, record_key, transmitter_log

FOUR_SIGMA = 4
FIFTY_PICOSECONDS = 50e-12


@pytest.mark.parametrize("which", ["bright", "bright_active", "pulses"])
def test_the_clock_is_that_of_the_truth(which, request):
    run = request.getfixturevalue(which)
    found, truth = run.coincidence, run.truth
    seconds = found.session_duration.values[0]
    offset = found.clock_offset.values[0] - truth.clock_offset.values
    drift = found.clock_drift.values[0] - truth.clock_drift.values
    assert np.abs(offset).max() < FIFTY_PICOSECONDS
    assert np.abs(offset + seconds * drift).max() < FIFTY_PICOSECONDS
    assert np.all(np.abs(offset) < 5 * found.clock_offset_sigma.values[0])
    assert found.clock_residual_rms.values[0] == pytest.approx(run.scenario.beacon.jitter_ps * 1e-12, rel=0.05)


def test_delays_of_pairs_are_two_jitters_wide_and_centred(bright):
    jitter_ps = np.sqrt(2) * bright.scenario.detection.timing_jitter_ps
    delay = bright.coincidence.delay.values
    half_ps = bright.scenario.coincidence.window_ns * 500
    assert np.abs(delay).max() <= half_ps
    assert abs(delay.mean()) < FOUR_SIGMA * jitter_ps / np.sqrt(delay.size) + 20
    # A Gaussian cut at the window's edges.
    fine = np.linspace(-half_ps, half_ps, 10_001)
    weight = np.exp(-((fine / jitter_ps) ** 2) / 2)
    expected = np.sqrt((weight * fine**2).sum() / weight.sum())
    assert delay.std() == pytest.approx(expected, rel=FOUR_SIGMA / np.sqrt(2 * delay.size) + 0.005)


def test_the_histogram_peaks_at_zero_and_lies_on_the_accidentals(bright):
    data = bright.coincidence
    assert data.delay_bin.values[0] == -9950
    assert (data.delay_bin.values == -data.delay_bin.values[::-1]).all()
    counts = data.delay_histogram.values
    assert abs(data.delay_bin.values[np.argmax(counts)]) < 500
    aside = np.abs(data.delay_bin.values) > 5000
    expected = float(data.accidentals.sum()) * 100 / (bright.scenario.coincidence.window_ns * 1e3)
    assert abs(counts[aside].mean() - expected) < FOUR_SIGMA * np.sqrt(expected / aside.sum()) + 0.01 * expected


@pytest.mark.parametrize("which", ["bright", "bright_active"])
def test_tables_hold_every_pair_once(which, request):
    data = request.getfixturevalue(which).coincidence
    assert data.counts.dims == ("measurement", "alice_setting", "bob_setting", "alice_outcome", "bob_outcome")
    assert int(data.counts.sum()) == data.sizes["coincidence"] == int(data.rate.sum())
    assert data.duration.values.tolist() == [20, 10]
    assert data.measurement_name.values.tolist() == ["key", "bell"]
    assert np.all(np.diff(data.time.values) >= 0)
    bell = data.measurement_number.values == 1
    assert data.time.values[~bell].max() <= 20 * 10**12 <= data.time.values[bell].min()
    for row in [(0, 1, 0, 1, 1), (1, 0, 0, 0, 1)]:
        columns = ["measurement_number", "setting_a", "setting_b", "outcome_a", "outcome_b"]
        here = np.all([data[name].values == value for name, value in zip(columns, row, strict=True)], axis=0)
        assert int(data.counts.values[row]) == here.sum() > 0


def test_only_the_key_is_sifted_to_bits(bright):
    data = bright.coincidence
    sifted = data.alice_bit.values >= 0
    assert (sifted == (data.bob_bit.values >= 0)).all()
    key = data.measurement_number.values == 0
    same = data.setting_a.values == data.setting_b.values
    assert (sifted == (key & same)).all()
    errors = np.mean(data.alice_bit.values[sifted] != data.bob_bit.values[sifted])
    assert 0.01 < errors < 0.1
    # A state of this kind is anticorrelated in one basis and correlated in the other.
    assert sorted(np.sign(np.diag(data.ideal_correlation.values[0]))) == [-1, 1]


def test_events_during_dead_time_are_left_out(bright, tmp_path):
    """Of Poissonian clicks, those remain before which none came for the dead time: exp(-rate dead)."""
    dead_s = 1e-5
    scenario = bright.scenario.replaced({"detection.dead_time_ns": dead_s * 1e9})
    data = coincidences(scenario, bright.orbit, bright.tags, path=tmp_path / "c.nc")
    clicks = bright.coincidence.singles.values[0]
    expected = clicks * np.exp(-clicks / 30 * dead_s)
    assert np.all(np.abs(data.singles.values[0] - expected) < FOUR_SIGMA * np.sqrt(clicks) + 0.002 * clicks)
    assert data.sizes["coincidence"] < 0.6 * bright.coincidence.sizes["coincidence"]


def late(orbit, seconds):
    """The prediction of a satellite that is so late on its path."""
    node_s, step_s = np.arange(orbit.sizes["time"], dtype=float), 1e-3
    wrong = orbit.copy(deep=True)
    for station in range(orbit.sizes["station"]):
        path = node_s, orbit.range.values[:, station], orbit.range_rate.values[:, station]
        before, here, after = (hermite(node_s - seconds + shift, *path) for shift in (-step_s, 0, step_s))
        wrong["range"][:, station], wrong["range_rate"][:, station] = here, (after - before) / (2 * step_s)
    return wrong


@pytest.mark.parametrize("which", ["bright", "pulses"])
def test_an_orbit_that_is_wrong_by_five_kilometres_loses_no_coincidence(which, request, tmp_path):
    """0.66 s along the path, up to 17 microseconds of light: the beacons say what the prediction does not."""
    run = request.getfixturevalue(which)
    found = coincidences(run.scenario, late(run.orbit, 0.66), run.tags, path=tmp_path / "c.nc")
    assert found.sizes["coincidence"] == pytest.approx(run.coincidence.sizes["coincidence"], rel=0.002)
    assert found.delay.values.std() == pytest.approx(run.coincidence.delay.values.std(), rel=0.01)
    assert (found.clock_followed.values > 0.99).all()
    assert (np.abs(found.clock_offset - run.truth.clock_offset.values) < 5 * found.clock_offset_sigma).all()


def test_a_wrong_beacon_rate_names_scenario_session_and_station(bright, tmp_path):
    wrong = bright.scenario.replaced({"beacon.pulse_rate_hz": 9.7e3})
    with pytest.raises(
        ValueError, match="yin2020, session 0, delingha: beacon: .* .check beacon.pulse_rate_hz and the ele"
    ):
        coincidences(wrong, bright.orbit, bright.tags, path=tmp_path / "c.nc")
    assert list(tmp_path.iterdir()) == []


def test_a_station_without_seconds_of_gps_is_named(bright, tmp_path):
    copytree(bright.tags, tmp_path / "detection.zarr")
    group = zarr.open_group(tmp_path / "detection.zarr", mode="a")["nanshan/gps"]
    group.attrs["session_first_tag"] = [0, 2]
    with pytest.raises(ValueError, match="yin2020, session 0, nanshan: GPS seconds: 2 tags"):
        coincidences(bright.scenario, bright.orbit, tmp_path / "detection.zarr", path=tmp_path / "c.nc")


def test_pulses_are_found_in_the_transmitters_log(pulses):
    data, source = pulses.coincidence, pulses.scenario.source
    pulse = data.time.values // int(1e12 / source.pulse_rate_hz)
    key = record_key(11, "tiangong2", 1, "log")
    intensity, basis, bit = transmitter_log(key, pulse, source.shares)
    assert (data.intensity.values == intensity).all()
    assert (data.setting_a.values == basis).all()
    assert (data.outcome_a.values == bit).all()
    assert np.abs(data.delay.values).max() <= pulses.scenario.coincidence.window_ns * 500


def test_every_click_in_the_window_is_counted(pulses):
    data = pulses.coincidence
    assert int(data.clicks.sum()) <= int(data.singles.sum()) and (data.clicks >= data.rate).all()
    assert data.counts.dims == ("intensity_level", "alice_setting", "bob_setting", "alice_outcome", "bob_outcome")
    assert int(data.counts.sum()) == data.sizes["coincidence"] == int(data.rate.sum())
    counts = data.counts.values
    assert int(data.sifted_rate.sum()) == counts[0, [0, 1], [0, 1]].sum()
    assert data.pulses.values == pytest.approx(5e7 * 143 * np.array([0.5, 0.25, 0.25]))
    # Bases are chosen by a beam splitter: half of each intensity is sifted.
    for level in range(3):
        total, sifted = counts[level].sum(), counts[level][[0, 1], [0, 1]].sum()
        assert abs(sifted - total / 2) < FOUR_SIGMA * np.sqrt(total) / 2


def test_bits_agree_in_equal_bases_and_not_in_others(pulses):
    signal = pulses.coincidence.counts.values[0]
    for basis in range(2):
        agree = signal[basis, basis]
        assert (agree[0, 1] + agree[1, 0]) / agree.sum() < 0.03
        cross = signal[basis, 1 - basis]
        assert abs(cross[0, 1] + cross[1, 0] - cross.sum() / 2) < FOUR_SIGMA * np.sqrt(cross.sum()) / 2


def test_observables_are_those_of_the_tables(bright, pulses):
    values = {name: value for name, (value, _) in observables(bright.coincidence).items()}
    pairs, noise = bright.coincidence.sizes["coincidence"], float(bright.coincidence.accidentals.sum())
    assert values["coincidence_rate"] == pairs / 30
    assert values["signal_to_noise"] == pytest.approx(pairs / noise - 1)
    assert values["key_coincidences"] + values["bell_coincidences"] == pairs
    values = {name: value for name, (value, _) in observables(pulses.coincidence).items()}
    assert values["sifted_bits"] == pytest.approx(143 * values["sifted_rate"])
    assert values["sifted_rate_nearest"] > values["sifted_rate"] > values["sifted_rate_farthest"]
    assert values["gain_signal"] == pytest.approx(values["sifted_bits"] / (5e7 * 143 / 2))
    noise_hz = 300  # nine tenths of it fall beside the window of 2 ns in 20 ns
    clicks, inside = (
        pulses.coincidence[name].values[pulses.coincidence.rate.values > 0] for name in ("clicks", "rate")
    )
    assert clicks.mean() - inside.mean() > 0.9 * noise_hz
    assert values["gain_signal"] > values["gain_decoy"] > values["yield_vacuum"] / 2


@pytest.mark.parametrize("which", ["bright", "pulses"])
def test_the_result_is_the_same_after_disk_and_a_second_time(which, request, tmp_path):
    run = request.getfixturevalue(which)
    save(run.orbit, tmp_path / "orbit.nc")
    again = coincidences(run.scenario, load(tmp_path / "orbit.nc"), run.tags, path=tmp_path / "coincidence.nc")
    assert again.identical(run.coincidence)
    again.close()
    assert load(tmp_path / "coincidence.nc").identical(run.coincidence)
    assert hash_of(tmp_path / "coincidence.nc") == hash_of(run.tags.with_name("coincidence.nc"))


def test_each_session_has_its_own_part_of_the_log(missions, tmp_path):
    """Two passes of Tiangong-2: bits agree in both, and pulses of one number differ between them."""
    scenario = missions["tiangong2"].replaced(
        {"orbit.search_end": "2017-03-30T00:00:00Z", "measurements.0.duration_s": 240}
    )
    orbit = find_sessions(scenario)
    simulate(scenario, orbit, link_budget(scenario, orbit), path=tmp_path / "d.zarr", seed=1, run=1)
    data = coincidences(scenario, orbit, tmp_path / "d.zarr", path=tmp_path / "c.nc")
    assert data.sizes["session"] >= 2
    assert np.all(np.diff(data.time.values) >= 0)
    elapsed_s = (orbit.time.values - orbit.time.values[0]) / np.timedelta64(1, "s")
    second = np.searchsorted(elapsed_s * 1e12, data.time.values, "right") - 1
    assert (orbit.session_number.values[second] == data.session_number.values).all()
    for session in range(2):
        here = (data.session_number.values == session) & (data.intensity.values == 0)
        here &= data.setting_a.values == data.setting_b.values
        assert here.sum() > 1e4
        assert np.mean(data.outcome_a.values[here] != data.outcome_b.values[here]) < 0.03
    pulse = np.arange(10_000)
    key = record_key(1, "tiangong2", 1, "log")
    first, second = (transmitter_log(key, s * SESSION_PULSES + pulse, scenario.source.shares)[2] for s in range(2))
    assert abs(np.mean(first == second) - 0.5) < FOUR_SIGMA * 0.5 / 100


@pytest.mark.slow
def test_sessions_are_put_together(missions, tmp_path):
    scenario = missions["yin2020"].replaced(
        {
            "orbit.min_elevation_deg": 25,
            "orbit.min_duration_s": 20,
            "measurements.0.duration_s": 250,
            "measurements.1.duration_s": 30,
        }
    )
    orbit = find_sessions(scenario)
    truth = simulate(scenario, orbit, link_budget(scenario, orbit), path=tmp_path / "d.zarr", seed=1, run=1)
    data = coincidences(scenario, orbit, tmp_path / "d.zarr", path=tmp_path / "c.nc")
    assert data.sizes["session"] == np.unique(orbit.session_number).size >= 2
    assert data.session_duration.values.sum() == 280
    assert np.abs(data.clock_offset.values - truth.clock_offset.values).max() < FIFTY_PICOSECONDS
    assert np.all(np.diff(data.time.values) >= 0)
    node_s = (orbit.time.values - orbit.time.values[0]) // np.timedelta64(1, "s")
    second = np.searchsorted(node_s, data.time.values // 10**12, "right") - 1
    assert (np.bincount(second, minlength=orbit.sizes["time"]) == data.rate.values).all()
    assert (orbit.session_number.values[second] == data.session_number.values).all()
    assert count(data.time.values, data.time.values, 0) == data.sizes["coincidence"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("which", ["bright", "pulses"])
def test_a_mission_without_a_photon_goes_through_to_the_key(which, request, run_of, tmp_path):
    """No light and no noise: clocks are found by the beacon, nothing is counted, and the key is 0 with its reason."""
    scenario = request.getfixturevalue(which).scenario
    nothing = {"receiver_efficiency": 1e-12, "background_rate_hz": 0}
    nothing |= {f"detectors.{k}.dark_rate_hz": 0 for k in range(4)}
    dark = run_of(
        scenario.replaced(
            {f"stations.{i}.{key}": value for i in range(len(scenario.stations)) for key, value in nothing.items()}
        )
    )
    counted = dark.coincidence
    assert counted.sizes["coincidence"] == counted.counts.sum() == counted.singles.sum() == 0
    seen = {name: value for name, (value, _) in observables(counted).items()}
    nowhere = {"pulses": ("qber_signal", "arrival_time_spread"), "bright": ("signal_to_noise",)}[which]
    assert np.isnan([seen[name] for name in nowhere]).all()
    assert delay_figure(counted) and rate_figure(counted)
    data = distill(dark.scenario, counted)
    assert (data.no_key == "no signal").all() and not data.length.any() and not data.public_bits.any()
    assert compare(dark.scenario, dark.channel, data).satellite_key_rate == 0
    if which == "bright":
        bell = bell_test(dark.scenario, counted, dark.orbit)
        assert bell.trials == 0 and np.isnan(bell.s)
    save(data, tmp_path / "key.nc")
    assert load(tmp_path / "key.nc").no_key.values.tolist() == data.no_key.values.tolist()
