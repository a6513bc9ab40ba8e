"""Mean clicks with dead time and after-pulses, against detectors that draw each click and against limits by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.detection.dead_time import afterpulse_gain, pulses_in_dead_time, ready_share
from satqkd.detection.detector import Detectors

RATES = st.floats(0, 1e8)
DEAD_S = st.floats(0, 1e-6)


def drawn(arrivals_ps, *, dead_ps, probability=0.0, decay_ps=0.0):
    detectors = Detectors(
        detector_of=np.zeros(1, np.uint8),
        dead_ps=dead_ps,
        afterpulse_probability=probability,
        afterpulse_decay_ps=decay_ps,
        rng=np.random.default_rng(2),
    )
    return detectors.clicks(arrivals_ps, np.zeros(arrivals_ps.size, np.uint8), last=True)[0]


@pytest.mark.parametrize(("rate_hz", "probability", "decay_ns"), [(5e6, 0.0, 0), (2e6, 0.1, 40), (5e6, 0.05, 200)])
def test_clicks_per_second_are_those_that_detectors_draw(rate_hz, probability, decay_ns):
    rng = np.random.default_rng(1)
    arrivals_ps = np.sort(rng.integers(0, 10**12, rng.poisson(rate_hz)))
    found = drawn(arrivals_ps, dead_ps=50_000, probability=probability, decay_ps=decay_ns * 1e3).size
    gain = afterpulse_gain(rate_hz, dead_s=50e-9, probability=probability, decay_s=decay_ns * 1e-9)
    expected = rate_hz * gain * ready_share(rate_hz * gain, dead_s=50e-9)
    assert abs(found - expected) < 4 * np.sqrt(expected)
    assert probability == 0 or abs(found - expected / gain) > 4 * np.sqrt(expected)


@given(rate=RATES, dead_s=DEAD_S)
def test_without_afterpulses_every_arrival_at_a_ready_detector_is_a_click(rate, dead_s):
    assert afterpulse_gain(rate, dead_s=dead_s, probability=0.0, decay_s=0.0) == 1
    assert 1 - rate * ready_share(rate, dead_s=dead_s) * dead_s == pytest.approx(ready_share(rate, dead_s=dead_s))


@given(rate=RATES, dead_s=DEAD_S, probability=st.floats(0, 0.9), decay_s=st.floats(1e-9, 1e-6))
def test_the_gain_lies_between_no_afterpulse_lost_and_all(rate, dead_s, probability, decay_s):
    gain = float(afterpulse_gain(rate, dead_s=dead_s, probability=probability, decay_s=decay_s))
    assert 1 - 1e-9 <= gain <= 1 / (1 - probability) + 1e-9
    block_s = decay_s * (1 - np.exp(-dead_s / decay_s))
    survives = 1 / (1 + rate * gain * block_s)
    assert gain == pytest.approx(1 + probability * survives * gain)


def test_a_geometric_series_of_afterpulses_by_hand():
    assert afterpulse_gain(0.0, dead_s=50e-9, probability=0.2, decay_s=30e-9) == pytest.approx(1.25)


@pytest.mark.parametrize("dead_ns", [4, 45, 50, 57])
def test_photons_of_pulses_block_each_other_as_detectors_draw(dead_ns):
    """Pulses of 10 ns and jitter of 0.5 ns with 0.02 photons each; blocked in first order."""
    rng = np.random.default_rng(3)
    pulse = rng.integers(0, 10**7, rng.poisson(0.02 * 10**7))
    arrivals_ps = np.sort(np.rint(pulse * 10_000 + rng.normal(0, 500, pulse.size)).astype(np.int64))
    found = drawn(arrivals_ps, dead_ps=dead_ns * 1000).size
    own, covered = pulses_in_dead_time(dead_s=dead_ns * 1e-9, jitter_s=0.5e-9, period_s=10e-9)
    assert own == pytest.approx(0.5)
    expected = arrivals_ps.size / (1 + 0.02 * covered)
    second_order = 2e-4
    assert found == pytest.approx(expected, rel=second_order + 4 * np.sqrt(0.02 * covered / expected))


def test_a_dead_time_of_nothing_covers_nothing_and_a_long_one_its_periods():
    assert pulses_in_dead_time(dead_s=0.0, jitter_s=0.5e-9, period_s=10e-9) == pytest.approx((0, 0))
    assert pulses_in_dead_time(dead_s=55e-9, jitter_s=0.0, period_s=10e-9) == pytest.approx((0.5, 5.5))
    assert pulses_in_dead_time(dead_s=57e-9, jitter_s=30e-9, period_s=10e-9)[1] == pytest.approx(5.7, abs=1e-6)
