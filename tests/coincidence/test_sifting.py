"""Double clicks, dead time and sifting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from satqkd.coincidence import sift
from satqkd.coincidence.sifting import ideal_correlation, resolve_clicks
from satqkd.detection.source import BELL_STATES, joint_probabilities, werner_state
from satqkd.streams import random_words

ONE_IN_TEN_THOUSAND = 1e-4


def plain_events(times, channel, window, dead, key):
    """Group clicks by windows; drop groups that begin while a detector is dead; choose one detector of each group."""
    words = random_words(np.uint64(key), np.arange(len(times))).tolist()
    groups, i = [], 0
    while i < len(times):
        group = [k for k in range(i, len(times)) if times[k] - times[i] <= window]
        groups.append(group)
        i = group[-1] + 1
    events, ready = [], -np.inf
    for group in groups:
        if times[group[0]] >= ready:
            clicked = sorted({channel[k] for k in group})
            events.append((group[0], clicked[words[group[0]] % len(clicked)]))
        ready = max(ready, times[group[-1]] + dead)
    return events


CLICKS = st.lists(st.tuples(st.integers(0, 80), st.integers(0, 3)), max_size=25).map(sorted)


@given(clicks=CLICKS, window=st.integers(0, 12), dead=st.integers(0, 30), key=st.integers(0, 2**64 - 1))
def test_events_equal_their_definition(clicks, window, dead, key):
    times = np.array([time for time, _ in clicks], np.int64)
    channel = np.array([c for _, c in clicks], np.uint8)
    index, resolved = resolve_clicks(times, channel, window_ps=window, dead_ps=dead, key=key)
    expected = plain_events(times.tolist(), channel.tolist(), window, dead, key)
    assert list(zip(index.tolist(), resolved.tolist(), strict=True)) == expected


@pytest.mark.parametrize("clicked", [(0, 1), (0, 3), (1, 2, 3), (0, 1, 2, 3)])
def test_double_clicks_fall_evenly_on_the_detectors_that_clicked(clicked):
    events = 40_000
    times = np.repeat(np.arange(events) * 10_000, len(clicked)) + np.tile(np.arange(len(clicked)), events)
    channel = np.tile(np.array(clicked, np.uint8), events)
    _, resolved = resolve_clicks(times, channel, window_ps=100, dead_ps=0, key=12)
    counts = np.bincount(resolved, minlength=4)
    assert counts.sum() == events
    assert chisquare(counts[list(clicked)]).pvalue > ONE_IN_TEN_THOUSAND


@given(gaps=st.lists(st.integers(60, 1000), max_size=20), channels=st.data())
def test_clicks_far_apart_are_left_as_they_are(gaps, channels):
    times = np.cumsum(np.array(gaps, np.int64))
    channel = np.array(channels.draw(st.lists(st.integers(0, 3), min_size=times.size, max_size=times.size)), np.uint8)
    index, resolved = resolve_clicks(times, channel, window_ps=10, dead_ps=50, key=1)
    assert (index == np.arange(times.size)).all()
    assert (resolved == channel).all()


def test_at_every_event_all_detectors_were_ready():
    rng = np.random.default_rng(1)
    times, channel = np.cumsum(rng.integers(1, 60_000, 50_000)), rng.integers(0, 4, 50_000).astype(np.uint8)
    index, _ = resolve_clicks(times, channel, window_ps=2_500, dead_ps=50_000, key=1)
    before = index[index > 0]
    assert np.all(times[before] - times[before - 1] >= 50_000)
    assert 0.1 < index.size / times.size < 0.9


@pytest.mark.parametrize("state", BELL_STATES)
@given(a=st.lists(st.floats(-4, 4), min_size=2, max_size=2), b=st.lists(st.floats(-4, 4), min_size=2, max_size=2))
def test_ideal_correlations_are_those_of_born(state, a, b):
    p = joint_probabilities(werner_state(state, 1.0), a, b)
    born = p[..., 0, 0] + p[..., 1, 1] - p[..., 0, 1] - p[..., 1, 0]
    np.testing.assert_allclose(ideal_correlation(state, a, b), born, atol=1e-12)


@pytest.mark.parametrize("state", BELL_STATES)
def test_sifted_bits_of_an_ideal_state_agree(state):
    rng = np.random.default_rng(2)
    angles = np.deg2rad([0, 45])
    p = joint_probabilities(werner_state(state, 1.0), angles, angles)
    setting_a, setting_b = rng.integers(0, 2, (2, 4000))
    cumulative = p.reshape(2, 2, 4).cumsum(axis=2)[setting_a, setting_b]
    joint = np.minimum((rng.random(4000)[:, None] > cumulative).sum(axis=1), 3)
    index, alice, bob = sift(setting_a, setting_b, joint >> 1, joint & 1, ideal_correlation(state, angles, angles))
    assert (index == np.flatnonzero(setting_a == setting_b)).all()
    assert (alice == bob).all()
    assert 0.4 < alice.mean() < 0.6


def test_a_wrong_click_is_a_wrong_bit():
    correlation = np.array([[1.0, 0], [0, -1.0]])
    clicks = np.array([[0, 0, 1, 1, 0], [0, 1, 1, 1, 0], [0, 0, 0, 1, 1], [1, 0, 1, 1, 1]])
    index, alice, bob = sift(*clicks, correlation)
    assert index.tolist() == [0, 2, 3, 4]
    assert alice.tolist() == [0, 0, 1, 1]
    assert bob.tolist() == [1, 0, 0, 1]
