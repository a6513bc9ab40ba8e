"""Local clocks, dead time and sorting."""

from heapq import heappop, heappush

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest

from satqkd.detection.detector import Detectors, Waiting, _insertion_sort, local_time_ps, sort_nearly_sorted

ONE_IN_TEN_THOUSAND = 1e-4


@given(times=st.lists(st.integers(-50, 50), max_size=60))
def test_sorting_equals_a_stable_argsort(times):
    times, labels = np.array(times, np.int64), np.arange(len(times), dtype=np.uint8)
    order = np.argsort(times, kind="stable")
    expected = times[order], labels[order]
    sort_nearly_sorted(times, labels)
    assert (times == expected[0]).all()
    assert (labels == expected[1]).all()


@pytest.mark.parametrize("order", ["reversed", "shuffled", "late first"])
def test_any_order_is_sorted_in_a_time_that_is_not_quadratic(order):
    """A million tags: what insertion cannot do, a merge sort takes over, and the result is stable all the same."""
    n = 1_000_000
    rng = np.random.default_rng(1)
    times = {
        "reversed": np.arange(n)[::-1] // 3,
        "shuffled": rng.integers(0, n // 3, n),
        "late first": np.concatenate([np.full(n // 2, n), np.arange(n // 2)]),
    }[order].astype(np.int64)
    labels = rng.integers(0, 256, n).astype(np.uint8)
    right = np.argsort(times, kind="stable")
    expected = times[right], labels[right]
    assert not _insertion_sort(times.copy(), labels.copy(), 16 * n)
    sort_nearly_sorted(times, labels)
    assert (times == expected[0]).all()
    assert (labels == expected[1]).all()


@given(times=st.lists(st.integers(-50, 50), max_size=60), moves=st.integers(0, 100))
def test_a_sort_that_gives_up_leaves_equal_tags_in_their_order(times, moves):
    times, labels = np.array(times, np.int64), np.arange(len(times), dtype=np.uint8)
    order = np.argsort(times, kind="stable")
    found, tagged = times.copy(), labels.copy()
    inversions = sum(int((times[:i] > times[i]).sum()) for i in range(times.size))
    assert _insertion_sort(found, tagged, moves) == (inversions <= moves)
    again = np.argsort(found, kind="stable")
    assert (found[again] == times[order]).all()
    assert (tagged[again] == labels[order]).all()


def test_jitter_of_neighbours_needs_no_merge_sort():
    """Ten million tags a second with 544 ps: the densest that the four experiments' detectors could give."""
    rng = np.random.default_rng(1)
    times = np.rint(np.cumsum(rng.exponential(1e5, 100_000)) + rng.normal(0, 544, 100_000)).astype(np.int64)
    labels = np.arange(times.size).astype(np.uint8)
    assert np.count_nonzero(np.diff(times) < 0) > 100
    assert _insertion_sort(times, labels, times.size // 100)
    assert np.all(np.diff(times) >= 0)


@given(steps=st.lists(st.tuples(st.integers(0, 9), st.integers(-12, 12)), max_size=60), cut=st.integers(1, 20))
def test_waiting_tags_leave_in_the_order_of_one_sort(steps, cut):
    """Tags that ascend but for a jitter of 12, in chunks: nothing later comes more than that before a horizon."""
    true = np.cumsum([step for step, _ in steps], dtype=np.int64)
    times = true + np.array([jitter for _, jitter in steps], np.int64)
    labels = np.arange(times.size, dtype=np.uint8)
    order = np.argsort(times, kind="stable")
    waiting, gone = Waiting(), []
    for first in range(0, times.size, cut):
        waiting.add(times[first : first + cut], labels[first : first + cut])
        gone.append(waiting.before(true[first : first + cut][-1] - 12))
    gone.append(waiting.before(np.iinfo(np.int64).max))
    assert np.concatenate([t for t, _ in gone]).tolist() == times[order].tolist()
    assert np.concatenate([label for _, label in gone]).tolist() == labels[order].tolist()


PASSIVE, ACTIVE = (np.array(which, np.uint8) for which in ([0, 1, 2, 3], [0, 1, 0, 1]))


def detectors(*, dead_ps, probability=0.0, decay_ps=0.0, seed=1, detector_of=PASSIVE):
    return Detectors(
        detector_of=detector_of,
        dead_ps=dead_ps,
        afterpulse_probability=probability,
        afterpulse_decay_ps=decay_ps,
        rng=np.random.default_rng(seed),
    )


def plain_clicks(times, channel, *, dead_ps, probability, decay_ps, seed, detector_of):
    """The definition: whatever comes next, arrival or after-pulse, clicks where its detector is ready."""
    rng = np.random.default_rng(seed)
    coming = [(int(time), 0, i, int(c), False) for i, (time, c) in enumerate(zip(times, channel, strict=True))]
    last, clicks, number = {}, [], 0
    while coming:
        time, _, _, c, after = heappop(coming)
        detector = int(detector_of[c])
        if detector in last and time - last[detector] < dead_ps:
            continue
        last[detector] = time
        clicks.append((time, c, after))
        if probability > 0 and rng.random() < probability:
            number += 1
            release = time + dead_ps + round(decay_ps * rng.standard_exponential())
            heappush(coming, (release, 1, number, detector, True))  # arrivals first, then in the order of their causes
    return clicks


CLICKS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 3)), max_size=60).map(sorted)


@given(
    clicks=CLICKS,
    dead=st.integers(0, 30),
    probability=st.sampled_from([0.0, 0.3, 0.9]),
    decay=st.sampled_from([0.2, 5.0, 200.0]),
    cuts=st.lists(st.integers(0, 60), max_size=4),
    detector_of=st.sampled_from([PASSIVE, ACTIVE]),
    seed=st.integers(0, 2**32 - 1),
)
def test_clicks_equal_their_definition_in_chunks_of_any_size(clicks, dead, probability, decay, cuts, detector_of, seed):
    times = np.array([time for time, _ in clicks], np.int64)
    channel = np.array([c for _, c in clicks], np.uint8)
    model = {"dead_ps": dead, "probability": probability, "decay_ps": decay, "seed": seed, "detector_of": detector_of}
    tested = detectors(**model)
    pieces = [
        tested.clicks(*chunk)
        for chunk in zip(np.split(times, sorted(cuts)), np.split(channel, sorted(cuts)), strict=True)
    ]
    pieces.append(tested.clicks(times[:0], channel[:0], last=True))
    found = zip(*(np.concatenate(column).tolist() for column in zip(*pieces, strict=True)), strict=True)
    assert list(found) == plain_clicks(times, channel, **model)


def test_many_after_pulses_may_wait_at_once():
    """More of them than there is room for at first: nearly every click's comes after a thousand others."""
    times, channel = np.arange(0, 100_000, 20, dtype=np.int64), np.zeros(5000, np.uint8)
    model = {"dead_ps": 0, "probability": 0.95, "decay_ps": 20_000.0, "seed": 3, "detector_of": PASSIVE}
    found = detectors(**model).clicks(times, channel, last=True)
    assert list(zip(*(column.tolist() for column in found), strict=True)) == plain_clicks(times, channel, **model)


@pytest.mark.parametrize("rate_hz", [1e5, 1e7])
def test_a_dead_detector_counts_as_the_textbook_says(rate_hz):
    """Non-paralysable: rate / (1 + rate dead)."""
    rng = np.random.default_rng(1)
    times = np.rint(np.cumsum(rng.exponential(1e12 / rate_hz, 400_000))).astype(np.int64)
    kept = detectors(dead_ps=50_000).clicks(times, np.zeros(times.size, np.uint8), last=True)[0].size
    expected = times.size / (1 + rate_hz * 50_000e-12)
    assert abs(kept - expected) < 4 * np.sqrt(expected)


@pytest.mark.parametrize("probability", [0.02, 0.4])
def test_clusters_of_after_pulses_are_geometric_and_their_delays_exponential(probability):
    """Clicks so far apart that their clusters do not meet: sizes (1 - p) p^(n-1), mean 1 / (1 - p)."""
    n, dead_ps, decay_ps = 200_000, 50_000, 30_000.0
    first = np.arange(n, dtype=np.int64) * 10**9
    tested = detectors(dead_ps=dead_ps, probability=probability, decay_ps=decay_ps)
    times, channel, after = tested.clicks(first, np.full(n, 2, np.uint8), last=True)
    assert (channel == 2).all()
    assert (times[~after] == first).all()
    sizes = np.bincount(times // 10**9, minlength=n)
    spread = np.sqrt(probability) / (1 - probability)
    assert abs(sizes.mean() - 1 / (1 - probability)) < 4 * spread / np.sqrt(n)
    largest = 1 + int(np.log(5 / n / (1 - probability)) / np.log(probability))  # five clusters of this size, at least
    chances = (1 - probability) * probability ** np.arange(largest)
    chances[-1] /= 1 - probability  # and of the larger ones
    counts = np.bincount(np.minimum(sizes, largest), minlength=largest + 1)[1:]
    assert chisquare(counts, n * chances).pvalue > ONE_IN_TEN_THOUSAND
    delays = np.diff(times)[after[1:]] - dead_ps
    assert delays.min() >= 0
    assert kstest(delays / decay_ps, "expon").pvalue > ONE_IN_TEN_THOUSAND


def test_after_pulses_raise_the_rate_of_a_busy_detector_as_a_renewal_process_says():
    """Dead after every click, then the first photon clicks or, in p of the cases, the release if it comes before."""
    rate_hz, dead_ps, decay_ps, probability, n = 1e5, 10**6, 1_000.0, 0.1, 400_000
    rng = np.random.default_rng(5)
    times = np.rint(np.cumsum(rng.exponential(1e12 / rate_hz, n))).astype(np.int64)
    tested = detectors(dead_ps=dead_ps, probability=probability, decay_ps=decay_ps)
    clicks = tested.clicks(times, np.zeros(n, np.uint8), last=True)[0]
    both = 1 / (rate_hz + 1e12 / decay_ps)
    wait_s = probability * both + (1 - probability) / rate_hz
    expected = times[-1] * 1e-12 / (dead_ps * 1e-12 + wait_s)
    # A release that a photon forestalls falls into the dead time, which is a thousand decays long.
    assert abs(clicks.size - expected) < 4 * np.sqrt(expected)


@pytest.mark.parametrize("probability", [-0.1, 1.0, np.nan])
def test_a_probability_with_which_clicks_never_end_is_refused(probability):
    with pytest.raises(ValueError, match="is outside \\[0, 1\\): at one"):
        detectors(dead_ps=0, probability=probability)


def test_local_clocks_run_fast_by_their_drift_and_stand_off_by_their_offset():
    true_s = np.array([0.0, 1.0, 200.0])
    assert local_time_ps(true_s, offset_s=0.25, drift=1e-6).tolist() == [
        250_000_000_000,
        1_250_001_000_000,
        200_250_200_000_000,
    ]
    assert local_time_ps(true_s, offset_s=-0.25, drift=0)[0] == -250_000_000_000
