"""Matching, counting and histograms against their plain definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from satqkd.coincidence import count, histogram, match
from satqkd.coincidence.matching import accidental_count

FOUR_SIGMA = 4


def plain_match(a, b, window, offset):
    """Each tag of a, in order, takes the first tag of b within the window that comes after those taken."""
    pairs, free = [], 0
    for i, t in enumerate(a):
        for j in range(free, len(b)):
            if 2 * abs(b[j] - t - offset) <= window:
                pairs.append((i, j))
                free = j + 1
                break
    return pairs


def plain_histogram(a, b, width, bins, offset):
    counts = [0] * bins
    for t in a:
        for u in b:
            k = (u - t - offset + width * bins // 2) // width
            if 0 <= k < bins:
                counts[k] += 1
    return counts


def random_streams(count, seed):
    """Small streams with empty ones, ties and duplicates among them."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        span = int(rng.choice([1, 8, 40, 400]))
        a, b = (np.sort(rng.integers(-span, span + 1, rng.integers(0, 9))) for _ in range(2))
        yield a, b, int(rng.integers(0, 12)), int(rng.integers(-6, 7))


def test_match_and_count_equal_their_definition_on_many_streams():
    for a, b, window, offset in random_streams(20_000, seed=1):
        first, second = match(a, b, window, offset)
        expected = plain_match(a.tolist(), b.tolist(), window, offset)
        assert list(zip(first.tolist(), second.tolist(), strict=True)) == expected
        assert count(a, b, window, offset) == len(expected)


def test_histogram_equals_its_definition_on_many_streams():
    for a, b, width, offset in random_streams(10_000, seed=2):
        bins = 1 + (a.size + b.size) % 5
        expected = plain_histogram(a.tolist(), b.tolist(), width + 1, bins, offset)
        assert histogram(a, b, width + 1, bins, offset).tolist() == expected


STREAM = st.lists(st.integers(-60, 60), max_size=12).map(sorted).map(lambda tags: np.array(tags, np.int64))


@given(a=STREAM, b=STREAM, window=st.integers(0, 40), offset=st.integers(-30, 30))
def test_no_matching_has_more_pairs(a, b, window, offset):
    near = 2 * np.abs(b[None, :] - a[:, None] - offset) <= window
    most = np.count_nonzero(maximum_bipartite_matching(csr_array(near)) >= 0) if near.any() else 0
    assert count(a, b, window, offset) == most


@given(a=STREAM, b=STREAM, window=st.integers(0, 40), offset=st.integers(-30, 30))
def test_matches_are_one_to_one_in_order_and_within_the_window(a, b, window, offset):
    first, second = match(a, b, window, offset)
    assert np.all(np.diff(first) > 0)
    assert np.all(np.diff(second) > 0)
    assert np.all(2 * np.abs(b[second] - a[first] - offset) <= window)


@given(a=STREAM, window=st.integers(0, 40), offset=st.integers(-(10**15), 10**15))
def test_a_stream_matches_itself_whole(a, window, offset):
    first, second = match(a, a + offset, window, offset)
    assert (first == np.arange(a.size)).all()
    assert (second == first).all()


@given(a=STREAM, b=STREAM, window=st.integers(0, 40), wider=st.integers(0, 40), offset=st.integers(-30, 30))
def test_a_wider_window_loses_nothing_and_directions_are_alike(a, b, window, wider, offset):
    assert count(a, b, window + wider, offset) >= count(a, b, window, offset)
    assert count(b, a, window, -offset) == count(a, b, window, offset)


@given(a=STREAM, b=STREAM, width=st.integers(1, 9), bins=st.integers(1, 50), shift=st.integers(-99, 99))
def test_histograms_shift_with_the_offset(a, b, width, bins, shift):
    assert (histogram(a, b + shift, width, bins, shift) == histogram(a, b, width, bins)).all()


def test_the_edges_of_the_window_belong_to_it():
    a = np.array([0])
    for delay, matched in [(-6, 0), (-5, 1), (5, 1), (6, 0)]:
        assert count(a, a + delay, 10) == matched
    for delay, matched in [(-5, 0), (-4, 1), (4, 1), (5, 0)]:
        assert count(a, a + delay, 9) == matched


def test_nothing_matches_nothing():
    none, one = np.empty(0, np.int64), np.array([5])
    for a, b in [(none, none), (one, none), (none, one)]:
        assert match(a, b, 10)[0].size == match(a, b, 10)[1].size == count(a, b, 10) == 0
        assert histogram(a, b, 1, 4).tolist() == [0, 0, 0, 0]
        assert accidental_count(a, b, 10) == 0


def poisson_tags(rate_hz, duration_s, rng):
    return np.sort(rng.integers(0, int(duration_s * 1e12), rng.poisson(rate_hz * duration_s)))


@pytest.mark.parametrize(("rate_a_hz", "rate_b_hz"), [(2e5, 1e5), (5e4, 3e5)])
def test_accidentals_are_what_two_rates_and_a_window_make(rate_a_hz, rate_b_hz):
    rng = np.random.default_rng(3)
    duration_s, window_ps, windows = 10.0, 2500, 40
    a, b = poisson_tags(rate_a_hz, duration_s, rng), poisson_tags(rate_b_hz, duration_s, rng)
    expected = rate_a_hz * rate_b_hz * window_ps * 1e-12 * duration_s
    found = accidental_count(a, b, window_ps, windows=windows)
    assert abs(found - expected) < FOUR_SIGMA * np.sqrt(expected / windows)
    assert abs(count(a, b, window_ps) - expected) < FOUR_SIGMA * np.sqrt(expected)


def test_accidentals_are_counted_only_where_told():
    """From the gap on, over twenty windows on either side."""
    span, gap = 20 * 2500, 100_000
    a = np.array([10**9])
    for delay, counted in [(0, 0), (gap - 1, 0), (gap, 1), (gap + span - 1, 1), (gap + span, 0)]:
        assert accidental_count(a, a + delay, 2500) == counted / 40
        assert accidental_count(a + delay, a - 1, 2500) == counted / 40


def test_accidentals_leave_the_pairs_out():
    rng = np.random.default_rng(4)
    a, b = poisson_tags(1e5, 10.0, rng), poisson_tags(1e5, 10.0, rng)
    pairs = poisson_tags(2e4, 10.0, rng)
    shifted = [pairs + rng.normal(0, 500, pairs.size).astype(int) for _ in range(2)]
    with_pairs = [np.sort(np.concatenate(both)) for both in zip((a, b), shifted, strict=True)]
    expected = 1.2e5**2 * 2.5e-9 * 10
    assert abs(accidental_count(*with_pairs, 2500) - expected) < FOUR_SIGMA * np.sqrt(expected / 40)
