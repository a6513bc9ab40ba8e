"""Double clicks, dead time and sifting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from satqkd.coincidence import sift
from satqkd.coincidence.sifting import DEAD_TIME_RULES, ideal_correlation, resolve_clicks
from satqkd.detection.source import BELL_STATES, joint_probabilities, werner_state
from satqkd.streams import random_words

ONE_IN_TEN_THOUSAND = 1e-4


def plain_events(times, channel, window, dead, key, rule="station"):
    """Group clicks by windows; drop groups that begin while a detector that the rule names is dead; choose one detector
    of each group.
    """
    named = {
        "station": lambda clicked: {0, 1, 2, 3},
        "setting": lambda clicked: {2 * (d // 2) + outcome for d in clicked for outcome in (0, 1)},
        "detector": lambda clicked: clicked,
    }[rule]
    words = random_words(np.uint64(key), np.arange(len(times))).tolist()
    groups, i = [], 0
    while i < len(times):
        group = [k for k in range(i, len(times)) if times[k] - times[i] <= window]
        groups.append(group)
        i = group[-1] + 1
    events, ready = [], dict.fromkeys(range(4), -np.inf)
    for group in groups:
        clicked = sorted({channel[k] for k in group})
        if all(times[group[0]] >= ready[d] for d in named(set(clicked))):
            events.append((group[0], clicked[words[group[0]] % len(clicked)]))
        ready |= {channel[k]: times[k] + dead for k in group}
    return events


CLICKS = st.lists(st.tuples(st.integers(0, 80), st.integers(0, 3)), max_size=25).map(sorted)


@pytest.mark.parametrize("rule", DEAD_TIME_RULES)
@given(clicks=CLICKS, window=st.integers(0, 12), dead=st.integers(0, 30), key=st.integers(0, 2**64 - 1))
def test_events_equal_their_definition(rule, clicks, window, dead, key):
    times = np.array([time for time, _ in clicks], np.int64)
    channel = np.array([c for _, c in clicks], np.uint8)
    index, resolved = resolve_clicks(times, channel, window_ps=window, dead_ps=dead, key=key, dead_time_rule=rule)
    expected = plain_events(times.tolist(), channel.tolist(), window, dead, key, rule)
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


def clicks_of_detectors(rate_hz, dead_ps, *, seed, seconds):
    """Random clicks of four detectors, each dead by itself after a click; this is their total rate before that."""
    rng = np.random.default_rng(seed)
    times, channels = [], []
    for detector in range(4):
        gaps = rng.exponential(4e12 / rate_hz, int(rate_hz * seconds / 4)) + dead_ps
        times.append(np.cumsum(gaps).astype(np.int64))
        channels.append(np.full(times[-1].size, detector, np.uint8))
    times, channels = np.concatenate(times), np.concatenate(channels)
    order = np.argsort(times, kind="stable")
    return times[order], channels[order]


def test_the_rules_cost_what_the_page_says_and_protect_what_it_says():
    """At a total rate R and dead time t, non-paralysable: three other detectors are silent for t with exp(-3 R' t), one
    with exp(-R' t), where R' is the rate of one; two clicks of a detector are never closer than t.
    """
    dead_ps, rate_hz = 50_000, 5e6
    times, channel = clicks_of_detectors(rate_hz, dead_ps, seed=3, seconds=0.1)
    one_hz = rate_hz / 4
    kept, same = {}, {}
    for rule in DEAD_TIME_RULES:
        index, resolved = resolve_clicks(times, channel, window_ps=0, dead_ps=dead_ps, key=1, dead_time_rule=rule)
        kept[rule] = index.size / times.size
        near = np.diff(times[index]) < 2 * dead_ps
        same[rule] = (resolved[1:] == resolved[:-1])[near].mean()
    silent = {"station": 3, "setting": 1, "detector": 0}
    load = one_hz * dead_ps * 1e-12
    for rule, others in silent.items():
        # A detector that clicks 1 / (gap + t) times: none of its clicks lie in the last t with 1 - t / (gap + t).
        assert kept[rule] == pytest.approx((1 - load / (1 + load)) ** others, abs=0.005)
    # By the rule "station" the next outcome is any of four; otherwise a detector that just clicked is known not to.
    assert same["station"] == pytest.approx(0.25, abs=0.02)
    assert same["setting"] < 0.2 and same["detector"] < 0.2


def test_an_unknown_rule_lists_the_known_ones():
    with pytest.raises(ValueError, match="dead_time_rule='any' is unknown: take one of station, setting, detector"):
        resolve_clicks(np.array([1]), np.array([0], np.uint8), window_ps=1, dead_ps=1, key=1, dead_time_rule="any")


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
