"""Coincidences between two ascending streams of time tags."""

import numba
import numpy as np


@numba.njit(cache=True)
def _match(a, b, half, offset, first, second):
    i = j = n = 0
    while i < a.size and j < b.size:
        delay = 2 * (b[j] - a[i] - offset)
        if delay < -half:
            j += 1
        elif delay > half:
            i += 1
        else:
            first[n] = i
            second[n] = j
            n += 1
            i += 1
            j += 1
    return n


def match(a_ps, b_ps, window_ps: int, offset_ps: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Greedy one-to-one matches of two ascending streams.

    Parameters
    ----------
    a_ps, b_ps : ndarray of int64, shapes (n,) and (m,)
        Ascending tags [ps].
    window_ps : int
        Full width of the window, edges included: abs(b - a - offset) <= window / 2 [ps].
    offset_ps : int
        Delay of b against a [ps].

    Returns
    -------
    first, second : ndarray of int64, shape (k,)
        Indices into a and b. The earliest tags that lie within the window of one another are matched first, and no
        tag is used twice.
    """
    size = min(len(a_ps), len(b_ps))
    first, second = np.empty(size, np.int64), np.empty(size, np.int64)
    count = _match(a_ps, b_ps, int(window_ps), int(offset_ps), first, second)
    return first[:count].copy(), second[:count].copy()


@numba.njit(cache=True)
def _count(a, b, half, offset):
    i = j = n = 0
    while i < a.size and j < b.size:
        delay = 2 * (b[j] - a[i] - offset)
        if delay < -half:
            j += 1
        elif delay > half:
            i += 1
        else:
            n += 1
            i += 1
            j += 1
    return n


def count(a_ps, b_ps, window_ps: int, offset_ps: int = 0) -> int:
    """Number of matches that `match` finds."""
    return int(_count(a_ps, b_ps, int(window_ps), int(offset_ps)))


@numba.njit(cache=True)
def _histogram(a, b, width, bins, offset, counts):
    span = width * bins
    start = 0
    for i in range(a.size):
        low = a[i] + offset - span // 2
        while start < b.size and b[start] < low:
            start += 1
        j = start
        while j < b.size and b[j] - low < span:
            counts[(b[j] - low) // width] += 1
            j += 1


def histogram(a_ps, b_ps, bin_ps: int, bins: int, offset_ps: int = 0) -> np.ndarray:
    """Histogram of all delays b - a - offset, whether or not a tag has another partner.

    Parameters
    ----------
    a_ps, b_ps : ndarray of int64
        Ascending tags [ps].
    bin_ps, bins : int
        Width [ps] and number of the bins, which span [-bin * bins // 2, …) around the offset.
    offset_ps : int
        Delay of b against a at the middle [ps].

    Returns
    -------
    ndarray of int64, shape (bins,)
    """
    counts = np.zeros(bins, np.int64)
    _histogram(a_ps, b_ps, int(bin_ps), int(bins), int(offset_ps), counts)
    return counts


def accidental_count(a_ps, b_ps, window_ps: int, *, windows: int = 40, gap_ps: int = 100_000) -> float:
    """Expected accidental coincidences within a window, from delays where nothing else is.

    Parameters
    ----------
    a_ps, b_ps : ndarray of int64
        Ascending tags [ps].
    window_ps : int
        Full width of the window [ps].
    windows : int
        How many windows' worth of delays are counted, half of them on either side of the peak.
    gap_ps : int
        How far off the peak they are at least [ps].
    """
    span = windows // 2 * window_ps
    sides = [histogram(a_ps, b_ps, span, 1, sign * (gap_ps + span // 2))[0] for sign in (-1, 1)]
    return float(sum(sides)) / (windows // 2 * 2)
