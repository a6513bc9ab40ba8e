"""Tracking: limits of the loops by hand, the series against a plain twin and against the transfer functions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.analytic.forecast import counts_through
from satqkd.channel import link_budget
from satqkd.channel.stage import observables
from satqkd.channel.tracking import (
    Loop,
    correlation_time_s,
    draw_vibration,
    drive_residual_rad,
    frequencies_hz,
    platform_spectrum,
    point_ahead_rad,
    rejection,
    residual_rms_rad,
    residual_series_rad,
    residual_spectrum,
)
from satqkd.detection import simulate
from satqkd.detection.rates import correlated_fading
from satqkd.orbit import find_sessions
from satqkd.scenario import ScenarioError

COARSE, FINE = Loop(frame_hz=40, bandwidth_hz=2), Loop(frame_hz=2000, bandwidth_hz=100)
TRACKING = {
    "platform_rms_urad": 9.3,
    "coarse": {"frame_hz": 40, "bandwidth_hz": 2},
    "fine": {"frame_hz": 2000, "bandwidth_hz": 100},
}


def test_the_spectrum_of_the_platform_has_its_variance():
    frequency = np.geomspace(1e-4, 1e5, 20_000)
    variance = np.trapezoid(platform_spectrum(frequency, rms_rad=3.0) * frequency, np.log(frequency))
    assert variance == pytest.approx(9.0, rel=1e-3)


def test_a_vibration_that_ends_keeps_its_variance():
    """All of it is below the end, in the spectrum and in a series; the loops leave less of it."""
    frequency = np.geomspace(1e-4, 1e5, 20_000)
    spectrum = platform_spectrum(frequency, rms_rad=3.0, highest_hz=30)
    assert np.trapezoid(spectrum * frequency, np.log(frequency)) == pytest.approx(9.0, rel=2e-3)
    drawn = draw_vibration(np.random.default_rng(3), 200_000, step_s=1e-2, rms_rad=3.0, highest_hz=5)
    assert drawn.std() == pytest.approx(3.0, rel=0.03)
    above = np.fft.rfftfreq(drawn.size, 1e-2) > 5.01
    assert np.abs(np.fft.rfft(drawn))[above].max() < 1e-6
    left = [
        residual_rms_rad(platform_rms_rad=1.0, coarse=COARSE, fine=FINE, highest_hz=end) for end in (30, 300, np.inf)
    ]
    assert left == sorted(left)


def test_a_slow_disturbance_is_left_by_its_frequency_over_the_bandwidth():
    slow = np.array([0.01, 0.1, 1.0])
    assert np.abs(rejection(slow, FINE)) == pytest.approx(slow / FINE.bandwidth_hz, rel=0.02)
    assert rejection(0.0, FINE) == 0
    assert rejection(FINE.frame_hz, FINE) == 1


@pytest.mark.parametrize(("delay", "gain"), [(0, 2.0), (1, 1.0), (2, 2 * np.sin(np.pi / 10))])
def test_a_loop_oscillates_at_the_gain_by_hand(delay, gain):
    """z - 1 + g, z^2 - z + g and z^3 - z^2 + g leave the unit circle there; just below, the series decays."""
    widest_hz = 1000 * gain / (2 * np.pi)
    with pytest.raises(ValueError, match="oscillates"):
        Loop(1000, widest_hz * 1.0001, delay)
    polynomial = np.array([1.0, -1.0] + [0.0] * delay)
    polynomial[-1] += gain
    assert np.abs(np.roots(polynomial)).max() == pytest.approx(1)
    loop = Loop(1000, widest_hz * 0.95, delay)
    step = residual_series_rad(np.ones(4000), coarse=Loop(10, 1e-6), fine=loop, rng=np.random.default_rng(1))
    assert np.abs(step[-100:]).max() < 1e-3


def plain_series(disturbance, coarse, fine):
    """The loops by their definition, one frame of the fine sensor after the other."""
    ratio, left, fine_done, coarse_done = int(fine.frame_hz / coarse.frame_hz), [], [], []
    for i, value in enumerate(disturbance):
        mirror = fine.gain * sum(fine_done[: max(i - fine.delay_frames, 0)])
        gimbal = coarse.gain * sum(coarse_done[: max(i // ratio - coarse.delay_frames, 0)])
        left.append(value - gimbal - mirror)
        fine_done.append(left[-1])
        if i % ratio == 0:
            seen = []
        seen.append(value - gimbal)
        if i % ratio == ratio - 1:
            coarse_done.append(np.mean(seen))
    return np.array(left)


@pytest.mark.parametrize("delay", [0, 1, 3])
def test_the_series_is_that_of_its_definition(delay):
    coarse, fine = Loop(50, 1.0, delay), Loop(500, 20.0, delay)
    disturbance = np.random.default_rng(3).standard_normal(300).cumsum()
    found = residual_series_rad(disturbance, coarse=coarse, fine=fine, rng=np.random.default_rng(1))
    assert found == pytest.approx(plain_series(disturbance, coarse, fine))


def vibration(rng, frames, *, finer=4, rms_rad=9.3e-6):
    steps = draw_vibration(rng, finer * frames, step_s=1 / (finer * FINE.frame_hz), rms_rad=rms_rad)
    return steps.reshape(-1, finer).mean(axis=1)


def test_a_series_has_the_rms_of_the_transfer_functions():
    rng = np.random.default_rng(5)
    left = residual_series_rad(vibration(rng, 100 * 2000), coarse=COARSE, fine=FINE, rng=rng)[4000:]
    expected = residual_rms_rad(platform_rms_rad=9.3e-6, coarse=COARSE, fine=FINE)
    steps_of_the_coarse_loop = 0.1  # left out of the transfer functions
    assert left.std() == pytest.approx(expected, rel=steps_of_the_coarse_loop)


def test_the_noise_of_the_sensor_alone_by_hand():
    """Without delay, u' = (1 - g) u + g n has the variance g/(2 - g) of that of the noise."""
    fine = Loop(2000, 100, 0, noise_rad=1.0)
    expected = np.sqrt(fine.gain / (2 - fine.gain))
    rms = residual_rms_rad(platform_rms_rad=0.0, coarse=COARSE, fine=fine)
    assert rms == pytest.approx(expected, rel=5e-3)
    quiet = residual_series_rad(np.zeros(200_000), coarse=COARSE, fine=fine, rng=np.random.default_rng(2))
    assert quiet.std() == pytest.approx(expected, rel=0.02)


@given(st.floats(10, 150), st.floats(1.05, 2))
def test_a_faster_loop_never_leaves_more_of_slow_errors(bandwidth, factor):
    slow, fast = Loop(2000, bandwidth), Loop(2000, bandwidth * factor)
    low = np.array([0.1, 1.0, bandwidth / 10])
    assert (np.abs(rejection(low, fast)) < np.abs(rejection(low, slow))).all()


def test_the_error_is_correlated_for_about_a_cycle_of_the_fine_loop():
    frequency = frequencies_hz(FINE)
    spectrum = residual_spectrum(frequency, platform_rms_rad=9.3e-6, coarse=COARSE, fine=FINE)
    assert 0.1 < correlation_time_s(frequency, spectrum) * 2 * np.pi * FINE.bandwidth_hz < 2


def test_the_drive_scatters_more_where_the_satellite_turns_faster():
    drive = {"amplitude_rad": 1e-4, "period_rad": np.radians(0.5), "coarse": COARSE, "fine": FINE}
    slow, fast = drive_residual_rad(np.radians([0.1, 1.0]), **drive)
    assert fast > 50 * slow
    assert drive_residual_rad(0.0, **drive) == 0


def test_the_beam_leads_by_twice_the_speed_over_that_of_light():
    assert point_ahead_rad(299792458.0) == 2.0


def test_frames_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="not a multiple"):
        residual_series_rad(np.zeros(10), coarse=Loop(30, 1), fine=Loop(100, 5), rng=np.random.default_rng(1))


@pytest.fixture(scope="module")
def downlink(missions, orbits):
    return missions["liao2017"].replaced({"transmitter.tracking": None}), orbits["liao2017"]


def test_the_stated_jitter_stays_and_the_loops_replace_it_by_name(downlink):
    scenario, orbit = downlink
    plain = link_budget(scenario, orbit)
    stated = link_budget(scenario.replaced({"transmitter.tracking": TRACKING}), orbit)
    assert stated[list(plain.data_vars)].equals(plain.drop_vars("tracking_error", errors="ignore"))
    assert "tracking_error" in observables(stated)
    loops = link_budget(scenario.replaced({"transmitter.tracking": TRACKING | {"jitter": "loops"}}), orbit)
    assert (loops.pointing_jitter == float(loops.tracking_error)).all()
    drive = TRACKING | {"jitter": "loops", "drive_error_urad": 100, "drive_period_deg": 0.5}
    turning = link_budget(scenario.replaced({"transmitter.tracking": drive}), orbit)
    jitter = turning.pointing_jitter.values[:, 0]
    assert abs(int(jitter.argmax()) - int(orbit.range.values[:, 0].argmin())) < 20  # near the culmination
    assert jitter.max() > 1.1 * jitter.min()


def test_frames_and_bandwidths_of_a_scenario_are_checked(downlink):
    scenario, _ = downlink
    unstable = TRACKING | {"fine": {"frame_hz": 2000, "bandwidth_hz": 320}}
    with pytest.raises(ScenarioError, match=r"bandwidth_hz=320 is not below 318"):
        scenario.replaced({"transmitter.tracking": unstable})
    with pytest.raises(ScenarioError, match="not a multiple"):
        scenario.replaced({"transmitter.tracking": TRACKING | {"fine": {"frame_hz": 90, "bandwidth_hz": 4}}})


def test_correlated_fading_has_its_variance_and_its_correlation_time():
    variance, time_s = np.full(400_000, 0.2), np.full(400_000, 5e-3)
    factor = correlated_fading(variance, time_s, step_s=1e-3, rng=np.random.default_rng(4))
    log = np.log(factor)
    log -= log.mean()
    after_5_ms = np.mean(log[5:] * log[:-5]) / log.var()
    assert factor.mean() == pytest.approx(1.0, abs=0.02)
    assert factor.var() == pytest.approx(0.2, rel=0.05)
    assert after_5_ms == pytest.approx(np.exp(-1), abs=0.02)


def test_stage_3_draws_correlated_fading_and_the_forecast_widens_with_it(missions, tmp_path):
    scenario = missions["tiangong2"].replaced(
        {"orbit.max_duration_s": 20, "channel.fading": "correlated", "channel.fading_coherence_ms": 1}
    )
    orbit = find_sessions(scenario)
    channel = link_budget(scenario, orbit)
    truth = simulate(scenario, orbit, channel, path=tmp_path / "d.zarr", seed=1, run=1)
    assert truth.fading.values[:-1].mean() == pytest.approx(1.0, abs=0.1)
    weights = np.ones((1, channel.sizes["time"]))
    slow = channel.assign(pointing_time=channel.pointing_time * 100)
    fast, wide = (counts_through(scenario, one, weights).fading[0] for one in (channel, slow))
    assert wide > 3 * fast
