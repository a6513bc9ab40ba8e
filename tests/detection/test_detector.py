"""Local clocks, dead time and sorting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.detection.detector import alive, local_time_ps, sort_nearly_sorted

DARK_AGES = np.iinfo(np.int64).min // 2


@given(times=st.lists(st.integers(-50, 50), max_size=60))
def test_sorting_equals_a_stable_argsort(times):
    times, labels = np.array(times, np.int64), np.arange(len(times), dtype=np.uint8)
    order = np.argsort(times, kind="stable")
    expected = times[order], labels[order]
    sort_nearly_sorted(times, labels)
    assert (times == expected[0]).all()
    assert (labels == expected[1]).all()


def plain_alive(times, detector, dead):
    last, kept = {}, []
    for time, d in zip(times, detector, strict=True):
        kept.append(d not in last or time - last[d] >= dead)
        if kept[-1]:
            last[d] = time
    return kept


CLICKS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 3)), max_size=60).map(sorted)


@given(clicks=CLICKS, dead=st.integers(0, 30), cuts=st.lists(st.integers(0, 60), max_size=4))
def test_dead_time_equals_its_definition_in_chunks_of_any_size(clicks, dead, cuts):
    times = np.array([time for time, _ in clicks], np.int64)
    detector = np.array([d for _, d in clicks], np.uint8)
    last = np.full(4, DARK_AGES)
    pieces = [
        alive(*chunk, dead, last)
        for chunk in zip(np.split(times, sorted(cuts)), np.split(detector, sorted(cuts)), strict=True)
    ]
    assert np.concatenate(pieces).tolist() == plain_alive(times, detector, dead)


@pytest.mark.parametrize("rate_hz", [1e5, 1e7])
def test_a_dead_detector_counts_as_the_textbook_says(rate_hz):
    """Non-paralysable: rate / (1 + rate dead)."""
    rng = np.random.default_rng(1)
    times = np.rint(np.cumsum(rng.exponential(1e12 / rate_hz, 400_000))).astype(np.int64)
    dead_ps = 50_000
    kept = alive(times, np.zeros(times.size, np.uint8), dead_ps, np.full(4, DARK_AGES)).sum()
    expected = times.size / (1 + rate_hz * dead_ps * 1e-12)
    assert abs(kept - expected) < 4 * np.sqrt(expected)


def test_local_clocks_run_fast_by_their_drift_and_stand_off_by_their_offset():
    true_s = np.array([0.0, 1.0, 200.0])
    assert local_time_ps(true_s, offset_s=0.25, drift=1e-6).tolist() == [
        250_000_000_000,
        1_250_001_000_000,
        200_250_200_000_000,
    ]
    assert local_time_ps(true_s, offset_s=-0.25, drift=0)[0] == -250_000_000_000
