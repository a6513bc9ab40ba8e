"""Checking tags and putting them in order."""

from collections import Counter
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from satqkd.detection.ordering import EARLIEST_PS, ascending, lateness

from ..sizes import examples

LATEST_PS = np.iinfo(np.int64).max
# Long enough for several of the stretches that are looked at together, with a few tags that come late.
STREAM = st.tuples(
    st.integers(1, 300), st.lists(st.tuples(st.integers(0, 299), st.integers(0, 2000)), max_size=6), st.integers(0, 99)
)


def stream(drawn):
    size, late, seed = drawn
    times = np.cumsum(np.random.default_rng(seed).integers(0, 50, size)) + 20_000
    for index, by in late:
        times[index % size] -= by
    return times


@settings(max_examples=examples(60))
@given(drawn=STREAM, before=st.integers(0, 40_000))
def test_lateness_is_that_of_each_tag_against_all_before(drawn, before):
    times = stream(drawn)
    latest, count, worst = before, 0, 0
    for time in times.tolist():
        count += time < latest
        worst = max(worst, latest - time)
        latest = max(latest, time)
    assert tuple(map(int, lateness(times, before))) == (latest, count, worst)


def test_the_difference_of_extreme_times_does_not_overflow():
    times = np.array([LATEST_PS, EARLIEST_PS])
    assert tuple(map(int, lateness(times, EARLIEST_PS))) == (LATEST_PS, 1, 2**64 - 1)


@settings(max_examples=examples(60))
@given(drawn=STREAM, cuts=st.lists(st.integers(0, 300), max_size=5))
def test_pieces_in_order_are_the_stable_sort_of_the_whole(drawn, cuts):
    times, labels = stream(drawn), np.arange(drawn[0]) % 256
    edges = sorted(min(cut, times.size) for cut in cuts)
    pieces = zip(*(np.split(column, edges) for column in (times, labels, np.arange(times.size))), strict=True)
    notes = Counter()
    found = list(ascending(Path("a"), pieces, notes, earliest_ps=0, disorder_ps=20_000))
    order = np.argsort(times, kind="stable")
    assert np.concatenate([time for time, _ in found]).tolist() == times[order].tolist()
    assert np.concatenate([label for _, label in found]).tolist() == labels[order].tolist()
    assert notes["sorted_tags"] == np.count_nonzero(np.maximum.accumulate(times) > times)
