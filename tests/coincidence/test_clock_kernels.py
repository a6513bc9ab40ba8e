"""The clock's hot loops, each against a plain definition of itself, on many random inputs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satqkd.coincidence.curve import expect, pairs_near
from satqkd.coincidence.delays import GUARD, SIDE, correlate, highest, line_sums, pair_counts, tags_between
from satqkd.flight import hermite

from ..sizes import examples

MANY = settings(max_examples=examples(100))
tags = st.lists(st.integers(-50, 3000), max_size=60).map(lambda times: np.array(sorted(times), np.int64))
# Binary fractions, so that no edge depends on the order of the arithmetic.
delays = st.integers(-2000, 2000).map(lambda n: n / 4)
drifts = st.integers(-64, 64).map(lambda n: n / 1024)


@MANY
@given(tags, delays, delays)
def test_tags_between(times, start, end):
    start, end = sorted((start, end))
    assert tags_between(times, start, end) == sum(start <= time < end for time in times)


@MANY
@given(tags, tags, delays, st.sampled_from([64.0, 100.0, 512.0]), delays, drifts, st.sampled_from([0.5, 8.0, 32.0]))
def test_pairs_are_counted_by_row_and_delay(a, b, start, row, delay, drift, width):
    expected = np.zeros((4, 7), np.int32)
    for time in a:
        if start <= time < start + 4 * row:
            for other in b:
                off = other - time - (delay + drift * (time - start))
                if 0 <= off < 7 * width:
                    expected[int((time - start) / row), int(off / width)] += 1
    counts = np.zeros((4, 7), np.int32)
    looked = pair_counts(a, b, start, row, delay, drift, width, counts)
    assert (counts == expected).all()
    assert looked[0] == sum(start <= time < start + 4 * row for time in a) and 0 <= looked[1] <= b.size


@MANY
@given(tags, tags, delays, st.sampled_from([256.0, 512.0]), delays, drifts, st.sampled_from([8.0, 32.0]))
def test_a_fourier_transform_counts_pairs_of_bins(a, b, start, row, delay, drift, width):
    expected = np.zeros((4, 7), np.int32)
    for k in range(4):
        begin = start + k * row
        other = begin + delay + drift * row * (k + 0.5) + width / 2
        for i in np.floor((a[(a >= begin) & (a < begin + row)] - begin) / width):
            for j in np.floor((b[b >= other] - other) / width):
                if 0 <= j - i < 7:
                    expected[k, int(j - i)] += 1
    counts = np.zeros((4, 7), np.int32)
    correlate(a, b, start, row, delay, drift, width, counts)
    assert (counts == expected).all()


def test_both_ways_of_counting_see_the_same_peak():
    rng = np.random.default_rng(1)
    a = np.sort(rng.integers(0, 10**9, 500))
    b = np.sort(np.concatenate([a + 5_010_000 + a // 10**5, rng.integers(0, 10**9, 500)]))
    found = []
    for count in (pair_counts, correlate):
        counts = np.zeros((8, 100), np.int32)
        count(a, b, 0.0, 1.25e8, 4e6, 1e-5, 2e4, counts)
        found.append(counts.sum(axis=0))
    assert np.argmax(found[0]) == 50
    # The transform puts a pair into its bin or into one beside it.
    assert found[1][49:52].sum() == pytest.approx(found[0][49:52].sum(), rel=0.05)
    assert found[1].sum() == pytest.approx(found[0].sum(), rel=0.05)


def lines(counts):
    """The definition of `line_sums`: a line of shift s is two lines of half the rows and shift s // 2."""
    rows, bins = counts.shape
    if rows == 1:
        return counts
    upper, lower = lines(counts[: rows // 2]), lines(counts[rows // 2 :])
    sums = np.zeros_like(counts)
    for s in range(rows):
        for j in range(bins):
            k = j + (s + 1) // 2
            sums[s, j] = upper[s // 2, j] + (lower[s // 2, k] if k < bins else 0)
    return sums


@MANY
@given(st.sampled_from([1, 2, 4, 8, 16]), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_sums_along_lines(rows, bins, seed):
    counts = np.random.default_rng(seed).integers(0, 5, (rows, bins)).astype(np.int32)
    before = counts.copy()
    assert (line_sums(counts) == lines(counts)).all()
    assert (counts == before).all()


@pytest.mark.parametrize("rows", [8, 64, 256])
def test_sums_take_a_bin_of_each_row_near_the_straight_line(rows):
    """Each row of its own power of a number, so that a sum tells its bins; they leave the line by less than log2."""
    for shift in (0, 1, rows // 3, rows - 1):
        taken = np.empty(rows)
        for row in range(rows):
            counts = np.zeros((rows, 2 * rows), np.int32)
            counts[row] = np.arange(2 * rows)
            taken[row] = line_sums(counts)[shift, 0]
        straight = shift * np.arange(rows) / (rows - 1)
        assert taken[0] == 0 and taken[-1] == shift
        assert np.abs(taken - straight).max() <= np.log2(rows) / 2


@MANY
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 4), st.lists(st.integers(0, 90), min_size=4, max_size=4).map(sorted))
def test_the_highest_cell(seed, chance, edges):
    first, last, valid, bins = edges
    sums = np.random.default_rng(seed).poisson(chance, (4, bins)).astype(np.int32)
    best, expected = 0.0, None
    for s in range(4):
        for j in range(first, last):
            near = [sums[s, k] for k in range(valid) if GUARD < abs(k - j) <= SIDE]
            mean = max(sum(near) / max(len(near), 1), chance)
            excess = (sums[s, j] - mean) ** 2 / mean if sums[s, j] > mean else 0.0
            if excess > best * (1 + 1e-12):
                best, expected = excess, (s, j, sums[s, j], mean)
    found = highest(sums, first, last, valid, chance)
    if expected is None:
        assert found[2] == 0
    else:
        assert (found[2] - found[3]) ** 2 / found[3] == pytest.approx(best)
        assert found == pytest.approx(expected) or sums[found[0], found[1]] == found[2]


@MANY
@given(tags, tags, delays, delays, drifts, st.integers(0, 2**32 - 1), st.sampled_from([16.0, 300.0]))
def test_pairs_near_a_curve(a, b, start, delay, drift, seed, half):
    nodes = np.array([-1.0, 1e-9, 3e-9, 1.0])
    values, slopes = np.round(np.random.default_rng(seed).uniform(-300, 300, (2, 4))) + 0.125
    expected = []
    for time in a[a >= start]:
        since = (time - start) / 1e12
        near = hermite(np.array([since]), nodes, values, slopes)[0]
        line = delay + drift * (time - start)
        expected += [(since, other - time - line) for other in b if abs(other - time - line - near) <= half]
    *found, _ = pairs_near(a, b, 0, start, delay, drift, nodes, values, slopes, half)
    assert np.column_stack(found).tolist() == [list(pair) for pair in expected]


@MANY
@given(st.integers(0, 200), st.floats(0.5, 20), st.floats(0.01, 1), st.integers(0, 2**32 - 1))
def test_expectations(size, sigma, share, seed):
    rng, half = np.random.default_rng(seed), 30.0
    index, time, residual = rng.integers(0, 5, size), rng.random(size), rng.uniform(-half, half, size)
    gauss = share * np.exp(-((residual / sigma) ** 2) / 2) / (np.sqrt(2 * np.pi) * sigma)
    w = gauss / (gauss + max((1 - share) / (2 * half), 1e-300))
    information = w / sigma**2 - w * (1 - w) * residual**2 / sigma**4
    found, square = np.zeros((4, 5)), 0.0
    for part in (slice(0, size // 3), slice(size // 3, size)):
        square = expect(index[part], time[part], residual[part], sigma, share, half, found, square)
    for values, each in zip(found, (w, w * time, w * residual, information), strict=True):
        assert values == pytest.approx(np.bincount(index, each, 5), abs=1e-12)
    assert square == pytest.approx(w @ residual**2)
