"""Count pairs of tags by time and delay, sum the counts along lines, and find the highest sum."""

import numba
import numpy as np
from scipy import fft

from satqkd.coincidence.matching import _advance

# The chance count of a bin is estimated from its fourth to thirty-second neighbour on either side.
GUARD, SIDE = 3, 32


@numba.njit(cache=True)
def tags_between(tags: np.ndarray, start: float, end: float) -> np.int64:
    """Return the number of ascending tags in an interval.

    Examples
    --------
    >>> int(tags_between(np.array([1, 5, 9]), 2, 9))
    1
    """
    return np.searchsorted(tags, end) - np.searchsorted(tags, start)


@numba.njit(cache=True)
def pair_counts(
    a: np.ndarray, b: np.ndarray, start: float, row: float, delay: float, drift: float, width: float, counts: np.ndarray
) -> tuple[int, int]:
    """Count pairs of tags by the time of the first, in rows, and by their delay off a line, in bins.

    Parameters
    ----------
    a, b : ndarray of int64
        Ascending tags [ps].
    start, row : float
        Begin of the first row and length of each [ps].
    delay, drift, width : float
        Lower edge of the first bin at the start [ps], its drift, and the width of a bin [ps].
    counts : ndarray of int32, shape (row, bin)
        Where they are added.

    Returns
    -------
    int, int
        Tags of a in the rows, and tags of b from the first to the last that any of them looked at.
    """
    rows, bins = counts.shape
    first, last = np.searchsorted(a, start), np.searchsorted(a, start + rows * row)
    begin = end = 0
    if first < last:
        begin = np.searchsorted(b, a[first] + delay + drift * (a[first] - start))
    low = begin
    for i in range(first, last):
        since = a[i] - start
        k = min(int(since / row), rows - 1)
        edge = delay + drift * since
        low = _advance(b, low, a[i], edge)
        end = low
        while end < b.size:
            m = int((b[end] - a[i] - edge) / width)
            if m >= bins:
                break
            counts[k, m] += 1
            end += 1
    return last - first, end - begin


def correlate(
    a: np.ndarray, b: np.ndarray, start: float, row: float, delay: float, drift: float, width: float, counts: np.ndarray
) -> None:
    """Count as `pair_counts` does, by Fourier transform: to within a bin, with the drift removed row by row."""
    rows, bins = counts.shape
    length = int(np.ceil(row / width))
    size = fft.next_fast_len(length + bins, real=True)
    first, second = np.empty(size, np.float32), np.empty(size, np.float32)
    for k in range(rows):
        begin = start + k * row
        _bin(a, begin, begin + row, width, first)
        # The difference of two numbers of bins has its mean half a bin lower than the bin of the difference.
        _bin(b, begin + delay + drift * row * (k + 0.5) + width / 2, np.inf, width, second)
        counts[k] = np.rint(fft.irfft(np.conj(fft.rfft(first)) * fft.rfft(second), size)[:bins])


@numba.njit(cache=True)
def _bin(tags: np.ndarray, start: float, end: float, width: float, histogram: np.ndarray) -> None:
    histogram[:] = 0
    i = np.searchsorted(tags, start)
    while i < tags.size and tags[i] < end:
        k = int((tags[i] - start) / width)
        if k >= histogram.size:
            break
        histogram[k] += 1
        i += 1


@numba.njit(cache=True)
def line_sums(counts: np.ndarray) -> np.ndarray:
    """Sum along lines that shift by 0 to rows - 1 bins from the first row to the last.

    Parameters
    ----------
    counts : ndarray of int32, shape (row, bin)
        A power of two of rows.

    Returns
    -------
    ndarray of int32, shape (shift, bin)
        By the shift, and by the bin in the first row. What lies beyond the last bin counts as nothing.

    Notes
    -----
    The approximate discrete Radon transform: a line over 2 n rows of shift s is two lines over n rows of shift s // 2,
    the second begun (s + 1) // 2 bins on. It leaves the straight line by a bin at most for each doubling, and takes
    the rows' logarithm where each line by itself would take the rows.

    Examples
    --------
    >>> line_sums(np.array([[1, 0, 0], [0, 1, 0]], np.int32)).tolist()
    [[1, 1, 0], [2, 0, 0]]
    """
    rows, bins = counts.shape
    now, new = counts.copy(), np.empty_like(counts)
    length = 1
    while length < rows:
        for block in range(0, rows, 2 * length):
            for s in range(2 * length):
                upper, lower = now[block + s // 2], now[block + length + s // 2][(s + 1) // 2 :]
                out = new[block + s]
                for j in range(lower.size):
                    out[j] = upper[j] + lower[j]
                for j in range(lower.size, bins):
                    out[j] = upper[j]
        now, new = new, now
        length *= 2
    return now


@numba.njit(cache=True)
def highest(sums: np.ndarray, first: int, last: int, valid: int, chance: float) -> tuple[int, int, int, float]:
    """Return the cell that exceeds what chance would put there by the most standard deviations.

    Parameters
    ----------
    sums : ndarray of int32, shape (shift, bin)
    first, last, valid : int
        Cells are taken from the bins [first, last); the bins [0, valid) are neighbours.
    chance : float
        Mean count of a cell when the tags are spread evenly. Their rates may change together with the delay: where
        the neighbours' mean is more, that is taken.

    Returns
    -------
    tuple
        Shift, bin, count and mean count by chance.
    """
    best, found = 0.0, (0, 0, 0, 1.0)
    enough = chance
    for s in range(sums.shape[0]):
        row = sums[s]
        for j in range(first, last):
            if row[j] <= enough:
                continue
            left, right = max(j - SIDE, 0), min(j + SIDE + 1, valid)
            inner, outer = max(j - GUARD, 0), min(j + GUARD + 1, valid)
            near = (row[left:inner].sum() + row[outer:right].sum()) / max(right - left - outer + inner, 1)
            mean = max(near, chance)
            if row[j] > mean and (row[j] - mean) ** 2 > best * mean:
                best, found = (row[j] - mean) ** 2 / mean, (s, j, row[j], mean)
                enough = chance + np.sqrt(best * chance)
    return found
