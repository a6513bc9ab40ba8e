"""Matching, counting and histograms against their plain definitions."""

from bisect import bisect_left

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from satqkd.coincidence import count, histogram, match
from satqkd.coincidence.matching import accidental_count, match_chunks

FOUR_SIGMA = 4
LAST = 2**63 - 1


def plain_match(a, b, window, offset):
    """Each tag of a, in order, takes the first tag of b within the window that comes after those taken."""
    pairs, free = [], 0
    for i, t in enumerate(a):
        j = max(free, bisect_left(b, t + offset - window // 2))
        if j < len(b) and 2 * (b[j] - t - offset) <= window:
            pairs.append((i, j))
            free = j + 1
    return pairs


def plain_histogram(a, b, width, bins, offset):
    counts = [0] * bins
    for t in a:
        for u in b:
            k = (u - t - offset + width * bins // 2) // width
            if 0 <= k < bins:
                counts[k] += 1
    return counts


def pairs_of(matches):
    first, second = matches
    return list(zip(first.tolist(), second.tolist(), strict=True))


def random_streams(count, seed, *, most=40):
    """Small streams, empty ones, ties and duplicates among them, dense and sparse beside one another."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        span = int(rng.choice([1, 8, 40, 400, 4000]))
        a, b = (np.sort(rng.integers(-span, span + 1, rng.integers(0, rng.choice([2, most])))) for _ in range(2))
        yield a, b, int(rng.integers(0, 12)), int(rng.integers(-6, 7))


def cut_up(tags, rng):
    """Chunks of any size, empty ones too."""
    return np.split(tags, np.sort(rng.integers(0, tags.size + 1, rng.integers(0, 6))))


def test_match_and_count_equal_their_definition_on_many_streams():
    for a, b, window, offset in random_streams(6_000, seed=1):
        expected = plain_match(a.tolist(), b.tolist(), window, offset)
        assert pairs_of(match(a, b, window, offset)) == expected
        assert count(a, b, window, offset) == len(expected)


def test_histogram_equals_its_definition_on_many_streams():
    for a, b, width, offset in random_streams(4_000, seed=2, most=20):
        bins = 1 + (a.size + b.size) % 5
        expected = plain_histogram(a.tolist(), b.tolist(), width + 1, bins, offset)
        assert histogram(a, b, width + 1, bins, offset).tolist() == expected


def test_chunks_equal_the_whole_on_many_streams():
    rng = np.random.default_rng(3)
    for a, b, window, offset in random_streams(4_000, seed=3):
        chunks = match_chunks(cut_up(a, rng), cut_up(b, rng), window, offset)
        assert [pair for part in chunks for pair in pairs_of(part)] == plain_match(
            a.tolist(), b.tolist(), window, offset
        )


@pytest.mark.parametrize("sizes", [(50_000, 50_000), (60_000, 9_000), (2_000, 100_000), (70_000, 5)])
@pytest.mark.parametrize("mean_gap", [10_000, 30])
def test_long_streams_with_true_pairs(sizes, mean_gap):
    """Many stretches, and, where tags lie as close as the window is wide, no clean cut between them."""
    rng = np.random.default_rng(4)
    span = max(sizes) * mean_gap
    pairs = rng.integers(0, span, min(sizes) // 3)
    a, b = (
        np.sort(np.concatenate([pairs + rng.integers(-9, 10, pairs.size), rng.integers(0, span, size - pairs.size)]))
        for size in sizes
    )
    b += 12_345
    expected = plain_match(a.tolist(), b.tolist(), 25, 12_345)
    assert len(expected) >= min(sizes) // 4
    counts = histogram(a, b, 1, 25, 12_345)
    assert counts.sum() >= len(expected)
    for threads in (1, 2, 3, 16):
        assert pairs_of(match(a, b, 25, 12_345, threads=threads)) == expected
        assert count(a, b, 25, 12_345, threads=threads) == len(expected)
        assert (histogram(a, b, 1, 25, 12_345, threads=threads) == counts).all()
    lows, highs = (np.searchsorted(b, a + 12_345 + edge, side) for edge, side in [(-12, "left"), (12, "right")])
    assert counts.sum() == (highs - lows).sum()
    chunks = match_chunks(cut_up(a, rng), cut_up(b, rng), 25, 12_345)
    assert [pair for part in chunks for pair in pairs_of(part)] == expected


def test_threads_change_nothing_on_small_streams():
    for a, b, window, offset in random_streams(150, seed=5):
        alone = match(a, b, window, offset), histogram(a, b, window + 1, 3, offset)
        for threads in (2, 5):
            assert pairs_of(match(a, b, window, offset, threads=threads)) == pairs_of(alone[0])
            assert count(a, b, window, offset, threads=threads) == alone[0][0].size
            assert (histogram(a, b, window + 1, 3, offset, threads=threads) == alone[1]).all()


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


STREAMS_AT_THE_END = st.lists(st.integers(LAST - 60, LAST), min_size=1, max_size=12).map(sorted)


@given(a=STREAMS_AT_THE_END, b=STREAMS_AT_THE_END, window=st.integers(0, 40), offset=st.integers(-30, 30))
def test_the_last_tags_of_64_bits_are_matched_like_any(a, b, window, offset):
    for sign, shift in [(1, 0), (-1, 0), (1, -(2**62)), (-1, 2**62)]:
        moved = [np.array(sorted(sign * t + shift for t in tags), np.int64) for tags in (a, b)]
        expected = plain_match(moved[0].tolist(), moved[1].tolist(), window, offset)
        assert pairs_of(match(*moved, window, offset)) == expected
        assert count(*moved, window, offset) == len(expected)
        bins = histogram(*moved, 3, 7, offset).tolist()
        assert bins == plain_histogram(moved[0].tolist(), moved[1].tolist(), 3, 7, offset)


def test_the_longest_delays_are_matched_and_longer_ones_refused():
    a, b = np.array([-(2**62)]), np.array([2**62 - 2])
    assert count(a, b, 2, LAST - 2) == 1
    assert count(a, b, 2, LAST - 3) == 0
    assert count(b, a, 2, 2 - LAST) == 1
    assert histogram(a, b, 1, 3, LAST - 2).tolist() == [0, 0, 1]
    assert histogram(b, a, 1, 3, 2 - LAST).tolist() == [1, 0, 0]
    for pair in [(a - 1, b), (b, a - 1)]:
        with pytest.raises(
            ValueError, match=rf"are {LAST} ps \(106 days\) apart or more: take the session's start off"
        ):
            count(*pair, 10)
    for call in [(10, LAST - 5), (10, 5 - LAST), (2**63, 0), (2, 2**63)]:
        with pytest.raises(ValueError, match=r"delays from -?\d+ to -?\d+ ps are more than 64 bits hold: ask for less"):
            count(a, b, *call)
    with pytest.raises(ValueError, match=r"delays from -4611686018427387904 .* ask for less than 53 days"):
        histogram(a, b, 2**62, 2)


@pytest.mark.parametrize(
    "tags", [[3, 5, 8], (3, 5, 8), np.array([3, 5, 8], np.uint8), np.array([3, 5, 8], ">i8"), np.arange(3, 12)[::3]]
)
def test_whole_numbers_of_any_kind_are_taken(tags):
    ours = np.array([3, 5, 8])
    assert count(tags, ours, 2) == count(ours, tags, 2) == 3


def test_tags_that_cannot_be_written_to_are_taken_and_left_as_they_are():
    a = np.arange(0, 1000, 7)
    kept = a.copy()
    a.flags.writeable = False
    assert count(a, a[::2], 0) == a[::2].size
    assert histogram(a, a, 1, 1).tolist() == [a.size]
    assert (a == kept).all()


@pytest.mark.parametrize(
    "bad", [np.array([1.0, 2.0]), np.array([1, 2], np.uint64), np.array([[1, 2]]), [], [True], ["1"]]
)
def test_what_is_no_stream_of_whole_picoseconds_is_refused(bad):
    good = np.array([1, 2])
    message = r"is an array of .* with \d dimensions: give int64, in picoseconds, with one"
    for call, name in [((bad, good), "a_ps"), ((good, bad), "b_ps")]:
        for function in (match, count, lambda a, b, window: histogram(a, b, window, 1)):
            with pytest.raises(ValueError, match=f"{name} {message}"):
                function(*call, 10)
    with pytest.raises(ValueError, match=f"b_chunks, chunk 1, {message}"):
        list(match_chunks([good], [good[:1], bad], 10))


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (match, (-1,), r"window_ps=-1 is not a whole number from 0 on"),
        (count, (2.5,), r"window_ps=2.5 is not"),
        (count, (float("nan"),), r"window_ps=nan is not"),
        (match, (10, 0.5), r"offset_ps=0.5 is not"),
        (histogram, (0, 10), r"bin_ps=0 is not a whole number from 1 on"),
        (histogram, (10, 0), r"bins=0 is not"),
    ],
)
def test_broken_windows_are_refused(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(np.array([1]), np.array([1]), *arguments)


@pytest.mark.parametrize("function", [match, count, histogram])
def test_no_thread_is_refused(function):
    with pytest.raises(ValueError, match="threads=0 is not a whole number from 1 on"):
        function(np.array([1]), np.array([1]), 10, 5, threads=0)


def test_whole_windows_may_be_floats():
    assert count([0], [5], 1e1) == 1


@pytest.mark.parametrize("size", [5, 300, 100_000])
@pytest.mark.parametrize("other", [0, 3, 100_000])
@pytest.mark.parametrize("threads", [1, 3])
def test_one_step_back_anywhere_is_found(size, other, threads):
    """Where both streams have tags, behind the end of the other one, and where threads share the work."""
    rng = np.random.default_rng(6)
    b = np.arange(other) * 1000
    for k in {1, size - 1, size // 3, size // 2, *rng.integers(1, size, 3).tolist()}:
        a = np.arange(size) * 1000
        a[k:] -= 1001
        message = f"falls from {a[k - 1]} to {a[k]} ps at index {k}: sort it"
        for function in (match, count, lambda a, b, n, **how: histogram(a, b, n, 4, **how)):
            for call, name in [((a, b), "a_ps"), ((b, a), "b_ps")]:
                with pytest.raises(ValueError, match=f"{name} {message}"):
                    function(*call, 10, threads=threads)


@given(a=st.lists(st.integers(-60, 60), max_size=90), b=st.lists(st.integers(-60, 60), max_size=90), data=st.data())
def test_streams_in_disorder_are_refused_and_nothing_else(a, b, data):
    streams = [np.array(sorted(x) if data.draw(st.booleans()) else x, np.int64) for x in (a, b)]
    ordered = all((np.diff(x) >= 0).all() for x in streams)
    for function in (match, count, lambda a, b, n: histogram(a, b, n, 4)):
        if ordered:
            function(*streams, 10)
        else:
            with pytest.raises(ValueError, match="falls from"):
                function(*streams, 10)


def test_any_numbers_at_all_do_no_harm():
    rng = np.random.default_rng(7)
    for size in (10, 1000, 50_000):
        a, b = (rng.integers(-(2**63), LAST, n, endpoint=True) for n in (size, 700))
        for function in (match, count, lambda a, b, n: histogram(a, b, n, 4)):
            with pytest.raises(ValueError, match="falls from|apart"):
                function(a, b, 2**40)


def test_chunks_out_of_order_are_refused():
    good = [np.array([1, 2]), np.array([], np.int64), np.array([2, 9])]
    assert sum(first.size for first, _ in match_chunks(good, good, 0)) == 4
    with pytest.raises(ValueError, match="a_chunks falls from 9 to 1 ps where chunk 1 begins: sort the stream"):
        list(match_chunks([good[2], good[0]], [np.array([100])], 0))
    with pytest.raises(ValueError, match="b_chunks, chunk 0, falls from 2 to 1 ps at index 1"):
        list(match_chunks(good, [np.array([2, 1])], 0))


def test_of_each_stream_one_chunk_is_read_ahead_and_nothing_behind_the_others_end():
    read = []

    def chunks(name, starts):
        for start in starts:
            read.append((name, start))
            yield start + np.arange(10)

    matches = match_chunks(chunks("a", [0, 10]), chunks("b", [0, 10, 20, 30, 40]), 0)
    assert sum(first.size for first, _ in matches) == 20
    assert read == [("a", 0), ("b", 0), ("a", 10), ("b", 10), ("b", 20)]


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
