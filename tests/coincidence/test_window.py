"""Shares of clicks in a window against draws, and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from satqkd.coincidence.sifting import resolve_clicks
from satqkd.coincidence.window import afterpulse_share, double_clicks, late_acceptance, pulse_shares

DRAWS = 400_000
SECONDS = st.floats(1e-11, 1e-8)


def of_binomial(found, share):
    return abs(found - share) < 4 * np.sqrt(share * (1 - share) / DRAWS)


def test_shares_of_a_pulse_by_hand():
    own, others = pulse_shares(window_s=2e-9, jitter_s=1e-9, period_s=4e-9)
    assert own == pytest.approx(2 * norm.cdf(1) - 1)
    assert others == pytest.approx(2 * (norm.cdf(5) - norm.cdf(3)))
    assert pulse_shares(window_s=2e-9, jitter_s=0.0, period_s=4e-9) == (1, 0)


@given(window_s=SECONDS, jitter_s=SECONDS, period_s=SECONDS)
def test_windows_as_wide_as_the_period_take_all_light(window_s, jitter_s, period_s):
    own, others = pulse_shares(window_s=window_s, jitter_s=jitter_s, period_s=period_s)
    assert own >= 0 and others >= -1e-12 and own + others <= 1 + 1e-9
    assert sum(pulse_shares(window_s=2 * period_s, jitter_s=jitter_s, period_s=period_s)) == pytest.approx(1)


@pytest.mark.parametrize(("dead_ns", "decay_ns", "period_ns"), [(50, 40, 10), (47, 8, 10), (50, 3, 20)])
def test_afterpulses_in_windows_are_those_drawn(dead_ns, decay_ns, period_ns):
    rng = np.random.default_rng(1)
    delay_ns = rng.normal(0, 0.5, DRAWS) + dead_ns + rng.exponential(decay_ns, DRAWS)
    inside = np.abs((delay_ns + period_ns / 2) % period_ns - period_ns / 2) < 1
    share = afterpulse_share(
        window_s=2e-9, jitter_s=0.5e-9, period_s=period_ns * 1e-9, dead_s=dead_ns * 1e-9, decay_s=decay_ns * 1e-9
    )
    assert of_binomial(inside.mean(), share)


@pytest.mark.parametrize("jitter_ns", [0.0, 0.77, 3.0])
def test_pairs_behind_another_click_are_those_drawn(jitter_ns):
    rng = np.random.default_rng(2)
    delay_ns = rng.normal(0, 1, DRAWS) * jitter_ns + rng.uniform(0, 2.5, DRAWS)
    share = late_acceptance(window_s=2.5e-9, jitter_s=jitter_ns * 1e-9)
    assert of_binomial((np.abs(delay_ns) < 1.25).mean(), share)


def test_double_clicks_count_as_stage_4_counts_them():
    """Photons a microsecond apart at channel 1, with other clicks at random, matched to partners without delay."""
    window_ps, dead_ps, photons = 2500, 50_000, 400_000
    rates_hz = np.array([1e6, 0.0, 2e6, 3e6])
    rng = np.random.default_rng(5)
    photon_ps = 10**6 * (1 + np.arange(photons))
    noise = [rng.integers(0, 10**6 * photons, rng.poisson(rate * photons * 1e-6)) for rate in rates_hz]
    times = np.concatenate([photon_ps, *noise])
    channel = np.repeat([1, 0, 1, 2, 3], [photons, *map(len, noise)]).astype(np.uint8)
    order = np.argsort(times, kind="stable")
    index, counted = resolve_clicks(times[order], channel[order], window_ps=window_ps, dead_ps=dead_ps, key=7)
    event_ps = times[order][index]
    nearest = photon_ps[np.clip(np.rint(event_ps / 10**6).astype(int) - 1, 0, photons - 1)]
    # Events on either side of the photon; those behind it have no other click before them.
    matched = (event_ps <= nearest) & (nearest - event_ps <= window_ps // 2)
    found = np.bincount(counted[matched], minlength=4)
    ready = np.exp(-rates_hz.sum() * dead_ps * 1e-12)  # no click in the dead time before the event
    other_hz = np.zeros((4, 4))
    other_hz[1] = rates_hz
    share = double_clicks(other_hz, window_s=2.5e-9, acceptance=1.0, late_acceptance=0.5)[1]
    assert (np.abs(found - photons * ready * share) < 4 * np.sqrt(photons * ready * share)).all()
    assert found[3] > found[2] > found[0] > 400


@given(other_hz=st.floats(0, 1e12), late=st.floats(0, 1), window_s=SECONDS)
def test_shares_stay_shares_however_many_clicks_a_window_has(other_hz, late, window_s):
    other = np.full((4, 4), other_hz) * (1 - np.eye(4))
    share = double_clicks(other, window_s=window_s, acceptance=1.0, late_acceptance=late)
    assert (share >= 0).all() and (share <= 1).all()
    assert (share.sum(axis=1) >= 1 - 1e-12).all() and (share.sum(axis=1) <= 1 + late + 1e-12).all()
