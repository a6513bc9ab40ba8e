"""Locality: light cones against Lorentz boosts and brute force, and what stage 6 makes of it."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.constants import c

from satqkd.bell import bell_test, observables
from satqkd.bell.locality import along_baseline_m, separation_s, separations_s, trial_timing
from satqkd.bell.stage import FREEDOM_OF_CHOICE
from satqkd.dataset import load, save

from .test_stage import counted

BASELINE_M = 1.2e6
KILOMETRES = st.floats(400, 3000)
DELAY_S = st.floats(0, 1e-3)
A_PICOSECOND = 1e-12


def interval_m2(event, other):
    """Invariant interval, positive for space-like separation; events are (x, y, z, ct) [m]."""
    difference = np.subtract(event, other)
    return difference[:3] @ difference[:3] - difference[3] ** 2


def boosted(event, speed):
    """An event in a frame that moves along x at a share of the speed of light."""
    x, y, z, t = event
    gamma = 1 / np.sqrt(1 - speed**2)
    return np.array([gamma * (x - speed * t), y, z, gamma * (t - speed * x)])


EVENT = st.tuples(*[st.floats(-2e6, 2e6)] * 4)


@given(event=EVENT, other=EVENT, speed=st.floats(-0.99, 0.99))
def test_the_sign_is_that_of_the_interval_in_every_frame(event, other, speed):
    distance_m = np.linalg.norm(np.subtract(event[:3], other[:3]))
    delay_s = (other[3] - event[3]) / c
    apart = float(separation_s(distance_m, delay_s, delay_s))
    assume(abs(apart) > 1e-9)
    assert (apart > 0) == (interval_m2(event, other) > 0)
    assert (apart > 0) == (interval_m2(boosted(event, speed), boosted(other, speed)) > 0)


@given(
    ranges=st.tuples(KILOMETRES, KILOMETRES),
    hold_s=DELAY_S,
    random_s=DELAY_S,
    measurement_s=DELAY_S,
    seed=st.integers(0, 2**32 - 1),
)
def test_no_trial_is_worse_than_the_worst_case_and_one_reaches_it(ranges, hold_s, random_s, measurement_s, seed):
    """Trials by the definition: a setting begins, holds, and a photon comes at some time of it."""
    range_m = np.array([ranges]) * 1e3
    timing = trial_timing(range_m, hold_s=hold_s, random_number_delay_s=random_s, measurement_delay_s=measurement_s)
    worst = separations_s(range_m, baseline_m=BASELINE_M, timing=timing)
    phase = np.random.default_rng(seed).random((2, 60))
    phase[:, :4] = [[0, 0, 1, 1], [0, 1, 0, 1]]
    measured = (range_m[0] / c + measurement_s)[:, None]
    chosen = measured - random_s - phase * hold_s
    trials = {
        "measurements": BASELINE_M / c - abs(measured[0] - measured[1]) + 0 * phase[0],
        "choice a, measurement b": BASELINE_M / c - abs(measured[1] - chosen[0]),
        "choice b, measurement a": BASELINE_M / c - abs(measured[0] - chosen[1]),
        "choices": BASELINE_M / c - abs(chosen[0] - chosen[1]),
        "emission, choice a": range_m[0, 0] / c - abs(chosen[0]),
        "emission, choice b": range_m[0, 1] / c - abs(chosen[1]),
    }
    assert set(trials) == set(worst)
    for name, separations in trials.items():
        assert worst[name][0] <= separations.min() + A_PICOSECOND
        assert worst[name][0] == pytest.approx(separations.min(), abs=A_PICOSECOND)


@given(x=st.floats(-2e6, 2e6), y=st.floats(-2e6, 2e6), height=st.floats(3e5, 1e6))
def test_the_satellite_stands_where_its_ranges_say(x, y, height):
    """No difference of paths exceeds the baseline, so that measurements after equal delays are never time-like."""
    place = np.array([x, y, height])
    range_m = np.array([[np.linalg.norm(place), np.linalg.norm(place - [BASELINE_M, 0, 0])]])
    assert along_baseline_m(range_m, baseline_m=BASELINE_M)[0] == pytest.approx(x, abs=1e-2)
    timing = trial_timing(range_m, hold_s=0.0, random_number_delay_s=0.0, measurement_delay_s=1e-7)
    assert separations_s(range_m, baseline_m=BASELINE_M, timing=timing)["measurements"][0] >= -A_PICOSECOND


def test_by_hand_at_ranges_that_light_takes_whole_milliseconds_for():
    range_m = c * np.array([[2e-3, 5e-3]])
    timing = trial_timing(range_m, hold_s=2e-4, random_number_delay_s=2e-7, measurement_delay_s=1e-7)
    found = separations_s(range_m, baseline_m=c * 4e-3, timing=timing)
    expected_us = {
        "measurements": 1000,
        "choice a, measurement b": 799.8,
        "choice b, measurement a": 1000.2,
        "choices": 800,
        "emission, choice a": 0.1,
        "emission, choice b": 0.1,
    }
    assert {name: value[0] * 1e6 for name, value in found.items()} == pytest.approx(expected_us, abs=1e-6)


def test_a_negative_time_is_refused():
    with pytest.raises(ValueError, match="hold_s=-1 is below 0: give a time in seconds"):
        trial_timing(np.ones((1, 2)), hold_s=-1, random_number_delay_s=0.0, measurement_delay_s=0.0)


@pytest.fixture(scope="module")
def tested(missions, orbits):
    """Stage 6 of yin2017 with its orbit."""
    return bell_test(missions["yin2017"], counted("psi_plus", 0.9), orbits["yin2017"])


def test_yin2017_is_local_in_every_second(tested, orbits):
    orbit = orbits["yin2017"]
    used = orbit.isel(time=orbit.link_open.values)
    values = {name: value for name, (value, _) in observables(tested).items()}
    longest_wait_s = 2e-4 + 2e-7
    difference_m = float(np.abs(np.diff(used.range.values, axis=1)).max())
    by_hand_s = (float(orbit.baseline) - difference_m) / c - longest_wait_s
    assert values["locality_margin"] == pytest.approx(by_hand_s * 1e6)
    assert values["locality_margin_distance"] == pytest.approx(by_hand_s * c / 1e3)
    assert values["locality_margin"] > 200
    # The printed delays: 200 ns of the random number less 100 ns of the measurement.
    assert values["freedom_of_choice_margin"] == pytest.approx(0.1)
    assert tested.separation.sizes == {"condition": 6, "time": 1309}
    assert set(FREEDOM_OF_CHOICE) < set(tested.condition.values.tolist())


def test_a_beam_splitter_chooses_too_late_for_freedom_of_choice(missions, orbits):
    found = observables(bell_test(missions["yin2020"], counted("psi_plus", 0.9), orbits["yin2020"]))
    assert found["freedom_of_choice_margin"] == (pytest.approx(-0.1), "us")
    assert found["locality_margin"][0] > 1000


def test_slow_switches_are_not_local(missions, orbits):
    """Settings that stay for five milliseconds are known at the other station before it measures."""
    slow = missions["yin2017"].replaced({"detection.switch_rate_hz": 200})
    assert observables(bell_test(slow, counted("psi_plus", 0.9), orbits["yin2017"]))["locality_margin"][0] < 0


def test_without_an_orbit_or_a_delay_or_a_bell_test_nothing_is_said(missions, orbits):
    without = missions["yin2017"].replaced({"detection.measurement_delay_ns": None})
    for data in (
        bell_test(missions["yin2017"], counted("psi_plus", 0.9)),
        bell_test(without, counted("psi_plus", 0.9), orbits["yin2017"]),
        bell_test(missions["yin2017"], counted("psi_plus", 0.9, names=("state",)), orbits["yin2017"]),
    ):
        assert "separation" not in data
        assert "locality_margin" not in observables(data)


def test_files_keep_the_separations(tested, tmp_path):
    save(tested, tmp_path / "bell.nc")
    kept = load(tmp_path / "bell.nc")
    np.testing.assert_array_equal(kept.separation, tested.separation)
    assert kept.condition.values.tolist() == tested.condition.values.tolist()
    assert kept.separation.attrs["units"] == "s"
