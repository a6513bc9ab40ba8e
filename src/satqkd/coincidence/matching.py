"""Coincidences between two ascending streams of time tags.

One pointer in each stream, and every step moves the one that is behind, or both at a match. Done with branches, every
other step pays for a misprediction; without them, it waits for its two loads. So four stretches are walked in one loop,
each with pointers of its own. They begin at clean cuts, where no tag before the cut can match one behind it: whatever
came before, a walk goes on from there in the same way. Threads share the work at such cuts too, and cannot change it.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
from numba import uint64
from numpy.typing import ArrayLike

# Tags of the longer stream in a stretch: what four of them hold of both streams fits the second-level cache.
STRETCH = 4096
# From so many times the tags of the other on, a stream is searched in blocks instead.
SPARSE, BLOCK = 12, 16
BOUND = 2**63 - 1


@numba.njit
def _step(
    a: np.ndarray, b: np.ndarray, i: int, j: int, s: int, rise: int, hi: int, x: np.ndarray, y: np.ndarray
) -> tuple[int, int]:
    # Unsigned, because numba looks at signed indices whether they are negative.
    delay = b[uint64(j)] - a[uint64(i)]
    if x is not None:
        if y is not None:
            # After s steps i + j - s has grown by the number of matches: a pair that is none is overwritten.
            x[uint64(i + j - s)] = i
            y[uint64(i + j - s)] = j
        else:
            x[uint64(j)] = i
    return i + (delay >= rise), j + (delay <= hi)


@numba.njit
def _walk_stretches(
    a: np.ndarray,
    b: np.ndarray,
    p: np.ndarray,
    q: np.ndarray,
    rise: int,
    hi: int,
    x: np.ndarray,
    y: np.ndarray,
    ends: np.ndarray,
) -> None:
    i0, i1, i2, i3 = p[0], p[1], p[2], p[3]
    j0, j1, j2, j3 = q[0], q[1], q[2], q[3]
    s = 0
    while True:
        steps = min(p[1] - i0, p[2] - i1, p[3] - i2, p[4] - i3, q[1] - j0, q[2] - j1, q[3] - j2, q[4] - j3)
        if steps == 0:
            break
        for _ in range(steps):
            i0, j0 = _step(a, b, i0, j0, s, rise, hi, x, y)
            i1, j1 = _step(a, b, i1, j1, s, rise, hi, x, y)
            i2, j2 = _step(a, b, i2, j2, s, rise, hi, x, y)
            i3, j3 = _step(a, b, i3, j3, s, rise, hi, x, y)
            s += 1
    pointers = ((i0, j0), (i1, j1), (i2, j2), (i3, j3))
    for k in range(4):
        i, j = pointers[k]
        own = s
        while i < p[k + 1] and j < q[k + 1]:
            i, j = _step(a, b, i, j, own, rise, hi, x, y)
            own += 1
        ends[k, 0], ends[k, 1], ends[k, 2] = i, j, i + j - own - p[k] - q[k]


@numba.njit
def _advance(x: np.ndarray, k: int, origin: float, low: float) -> int:
    # The first k, from the given one on, with x[k] - origin >= low.
    while k + BLOCK <= x.size and x[uint64(k + BLOCK - 1)] - origin < low:
        k += BLOCK
    if k + BLOCK <= x.size:
        half = BLOCK // 2
        while half > 0:
            k += half * (x[uint64(k + half - 1)] - origin < low)
            half //= 2
    else:
        while k < x.size and x[uint64(k)] - origin < low:
            k += 1
    return k


@numba.njit
def _search(a: np.ndarray, b: np.ndarray, rise: int, hi: int, x: np.ndarray, y: np.ndarray, ends: np.ndarray) -> None:
    i = j = n = 0
    while j < b.size:
        i = _advance(a, i, b[j], -hi)
        if i == a.size:
            break
        if x is not None:
            if y is not None:
                x[n] = i
                y[n] = j
            else:
                x[j] = i
        match = b[j] - a[i] >= rise
        i += match
        n += match
        j += 1
    ends[0, 0], ends[0, 1], ends[0, 2] = i, j, n


@numba.njit
def _tally(
    a: np.ndarray, b: np.ndarray, x: np.ndarray, j: int, stop: int, lo: int, hi: int, width: int, counts: np.ndarray
) -> None:
    for k in range(j, stop):
        i = x[k]
        # At most hi, too: tags that do not ascend would else be counted outside of the array.
        while i < a.size and lo <= b[k] - a[i] <= hi:
            counts[(b[k] - a[i] - lo) // width] += 1
            i += 1


@numba.njit(cache=True)
def _cut(a: np.ndarray, b: np.ndarray, p: int, q: int, lo: int, hi: int) -> tuple[int, int]:
    # The first clean cut from a[p] on; q is not behind it in b.
    while p < a.size:
        q = _advance(b, q, a[p], lo)
        if p == 0 or q == b.size or b[q] - a[p - 1] > hi:
            return p, q
        p += 1
    return a.size, b.size


@numba.njit(cache=True, nogil=True)
def _ascends(x: np.ndarray) -> bool:
    falls = False
    for k in range(x.size - 1):
        falls |= x[k + 1] < x[k]
    return not falls


@numba.njit
def _scratch(like: np.ndarray, size: int) -> np.ndarray:
    if like is not None:
        like = np.empty(size, np.int64)
    return like


@numba.njit(cache=True, nogil=True)
def _walk(
    a: np.ndarray,
    b: np.ndarray,
    i: int,
    j: int,
    stretch: int,
    lo: int,
    hi: int,
    rise: int,
    first: np.ndarray | None,
    second: np.ndarray | None,
    width: int,
) -> tuple[int, int, int]:
    """Match two streams from a clean cut (i, j) to where one of them ends; a should be the longer one.

    Without `first` and `second` matches are only counted. With both, their indices stand there from j on. With `first`
    alone it counts all delays from lo to hi by bins; rise then has to be hi + 1, so that no tag is used up.

    Returns
    -------
    i, j, n : int
        The first tags that were not used up, and the number of matches; -1 for tags that do not ascend.
    """
    start = n = j
    p, q, ends = np.empty(5, np.int64), np.empty(5, np.int64), np.empty((4, 3), np.int64)
    last = False
    while not last:
        p[0], q[0] = i, j
        for k in range(4):
            p[k + 1], q[k + 1] = _cut(a, b, p[k] + stretch, q[k], lo, hi)
        last = p[4] == a.size or q[4] == b.size
        if last:
            # One walk up to where either stream ends: of the other, more may find matches in tags yet to come.
            p[1:4], p[4] = i, a.size
            q[1:4], q[4] = j, b.size
        p -= i
        q -= j
        own_a, own_b = a[i : i + p[4]], b[j : j + q[4]]
        x, y = _scratch(first, p[4] + q[4]), _scratch(second, p[4] + q[4])
        if p[4] > SPARSE * q[4] and not last:
            ends[:] = 0
            _search(own_a, own_b, rise, hi, x, y, ends)
        else:
            _walk_stretches(own_a, own_b, p, q, rise, hi, x, y, ends)
        for k in range(4):
            if first is not None:
                if second is not None:
                    for m in range(ends[k, 2]):
                        first[n + m] = i + x[p[k] + q[k] + m]
                        second[n + m] = j + y[p[k] + q[k] + m]
                else:
                    _tally(own_a, own_b, x, q[k], ends[k, 1], lo, hi, width, first)
            n += ends[k, 2]
        used_a, used_b = (ends[3, 0], ends[3, 1]) if last else (p[4], q[4])
        # Behind the walk the tags are in the cache, and looking at them all costs least.
        if not (_ascends(a[i : i + used_a + 1]) and _ascends(b[j : j + used_b + 1])):
            return i, j, -1
        i += used_a
        j += used_b
    return i, j, n - start


def _tags(name: str, tags: ArrayLike) -> np.ndarray:
    tags = np.asarray(tags)
    if tags.ndim != 1 or tags.dtype.kind not in "iu" or not np.can_cast(tags.dtype, np.int64):
        raise ValueError(
            f"{name} is an array of {tags.dtype} with {tags.ndim} dimensions: give int64, in picoseconds, with one"
        )
    # Writable or not, one type for numba.
    tags = np.require(tags, np.int64, ["C", "A"]).view()
    tags.flags.writeable = False
    return tags


def _whole(name: str, value: Any, least: int) -> int:
    if value % 1 or value < least:
        raise ValueError(f"{name}={value} is not a whole number from {least} on: give one")
    return int(value)


def _within(lo: int, hi: int) -> tuple[int, int]:
    if lo <= -BOUND or hi >= BOUND or hi - lo >= BOUND:
        raise ValueError(f"delays from {lo} to {hi} ps are more than 64 bits hold: ask for less than 53 days")
    return lo, hi


def _edges(window_ps: int, offset_ps: int) -> tuple[int, int]:
    offset, half = _whole("offset_ps", offset_ps, -BOUND), _whole("window_ps", window_ps, 0) // 2
    return _within(offset - half, offset + half)


def _require_ascending(name: str, tags: np.ndarray) -> None:
    if not _ascends(tags):
        k = int(np.flatnonzero(tags[1:] < tags[:-1])[0])
        raise ValueError(
            f"{name} falls from {tags[k]} to {tags[k + 1]} ps at index {k + 1}: sort it, or undo a counter's overflow"
        )


def _run(
    a: np.ndarray,
    b: np.ndarray,
    lo: int,
    hi: int,
    *,
    threads: int = 1,
    first: np.ndarray | None = None,
    second: np.ndarray | None = None,
    counts: np.ndarray | None = None,
    width: int = 0,
    whole: bool = True,
) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """Match both streams in as many parts as there are threads.

    Returns
    -------
    parts : list of (int, int)
        Where the matches of each part begin in `first` and `second`, and how many there are.
    used : tuple of int
        How many tags of a and b are used up. With `whole` the others are looked at, too, whether they ascend.
    """
    names = "a_ps", "b_ps"
    if a.size and b.size and max(int(b[-1]) - int(a[0]), int(a[-1]) - int(b[0])) >= BOUND:
        raise ValueError(
            f"tags of the two streams are {BOUND} ps (106 days) apart or more: take the session's start off both"
        )
    flipped = a.size < b.size
    if flipped:
        a, b, lo, hi, names = b, a, -hi, -lo, names[::-1]
        first, second = second, first
    threads = min(_whole("threads", threads, 1), a.size + 1)
    cuts = [(0, 0)]
    for k in range(1, threads):
        cuts.append(_cut(a, b, max(a.size * k // threads, cuts[-1][0]), cuts[-1][1], lo, hi))
    cuts.append((a.size, b.size))

    def walk(k: int) -> tuple[int, int, int]:
        (i, j), (p, q) = cuts[k : k + 2]
        rise, out = (lo, (first, second)) if counts is None else (hi + 1, (counts[k], None))
        stretch = min(STRETCH, a.size // 64 + 1)
        i, j, n = _walk(a[:p], b[:q], i, j, stretch, lo, hi, rise, *out, width)
        rest = a[max(i - 1, 0) : p + 1], b[max(j - 1, 0) : q + 1]
        return i, j, n if not whole or all(map(_ascends, rest)) else -1

    if threads == 1:
        done = [walk(0)]
    else:
        with ThreadPoolExecutor(threads) as pool:
            done = list(pool.map(walk, range(threads)))
    if min(n for _, _, n in done) < 0:
        for name, tags in sorted(zip(names, (a, b), strict=True)):
            _require_ascending(name, tags)
    i, j, _ = done[-1]
    return [(q, n) for (_, q), (_, _, n) in zip(cuts, done, strict=False)], (j, i) if flipped else (i, j)


def _pairs(
    a: np.ndarray, b: np.ndarray, lo: int, hi: int, **how: Any
) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    first, second = (np.empty(min(a.size, b.size), np.int64) for _ in range(2))
    parts, used = _run(a, b, lo, hi, first=first, second=second, **how)
    n = 0
    for start, more in parts:
        for index in (first, second):
            index[n : n + more] = index[start : start + more]
        n += more
    for index in (first, second):
        index.resize(n, refcheck=False)
    return first, second, used


def match(
    a_ps: ArrayLike, b_ps: ArrayLike, window_ps: int, offset_ps: int = 0, *, threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Match two ascending streams greedily, one tag to one tag.

    Parameters
    ----------
    a_ps, b_ps : array_like of integers, shapes (n,) and (m,)
        Ascending tags [ps]; equal ones may follow one another.
    window_ps : int
        Full width of the window, edges included: abs(b - a - offset) <= window / 2 [ps]. An odd one is as wide as the
        even one below it.
    offset_ps : int
        Delay of b against a [ps].
    threads : int
        Threads that share the work. The result is the same with any number of them.

    Returns
    -------
    first, second : ndarray of int64, shape (k,)
        Indices into a and b, both ascending. The earliest tags that lie within the window of one another are matched
        first, and no tag is used twice. No other one-to-one matching has more pairs.

    Raises
    ------
    ValueError
        For tags that are not whole numbers, that do not ascend, or that are 2**63 - 1 ps apart and more, and for a
        negative or broken window.

    Examples
    --------
    >>> a, b = np.array([0, 1000, 5000]), np.array([100, 1300, 9000])
    >>> [part.tolist() for part in match(a, b, 500)]
    [[0], [0]]
    """
    a, b = _tags("a_ps", a_ps), _tags("b_ps", b_ps)
    return _pairs(a, b, *_edges(window_ps, offset_ps), threads=threads)[:2]


def match_chunks(
    a_chunks: Iterable, b_chunks: Iterable, window_ps: int, offset_ps: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Match two streams that are too long for the memory.

    Parameters
    ----------
    a_chunks, b_chunks : iterable of array_like of integers
        The streams in order, each cut in pieces as it comes.
    window_ps, offset_ps : int
        As for `match`.

    Yields
    ------
    first, second : ndarray of int64
        Indices into the whole streams. Put together they are what `match` gives for the whole streams, however these
        are cut. One chunk of each is held at a time. Where one stream ends, the rest of the other is not read.

    Raises
    ------
    ValueError
        As for `match`; tags must ascend from chunk to chunk too.
    """
    lo, hi = _edges(window_ps, offset_ps)
    a_chunks, b_chunks = _checked("a_chunks", a_chunks), _checked("b_chunks", b_chunks)
    a, b, i, j = next(a_chunks, None), next(b_chunks, None), 0, 0
    while a is not None and b is not None:
        first, second, (used_a, used_b) = _pairs(a, b, lo, hi, whole=False)
        yield first + i, second + j
        # What is left of the one stream can still match what comes of the other, of which nothing is left.
        a, b, i, j = a[used_a:], b[used_b:], i + used_a, j + used_b
        a = a if a.size else next(a_chunks, None)
        b = b if b.size else next(b_chunks, None)


def _checked(name: str, chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    last = -BOUND - 1
    for number, chunk in enumerate(chunks):
        tags = _tags(f"{name}, chunk {number},", chunk)
        _require_ascending(f"{name}, chunk {number},", tags)
        if tags.size:
            if tags[0] < last:
                raise ValueError(
                    f"{name} falls from {last} to {tags[0]} ps where chunk {number} begins: sort the stream"
                )
            last = tags[-1]
            yield tags


def count(a_ps: ArrayLike, b_ps: ArrayLike, window_ps: int, offset_ps: int = 0, *, threads: int = 1) -> int:
    """Return the number of matches that `match` finds.

    Examples
    --------
    >>> count(np.array([0, 1000, 5000]), np.array([100, 1300, 9000]), 500)
    1
    """
    parts, _ = _run(_tags("a_ps", a_ps), _tags("b_ps", b_ps), *_edges(window_ps, offset_ps), threads=threads)
    return int(sum(n for _, n in parts))


def histogram(
    a_ps: ArrayLike, b_ps: ArrayLike, bin_ps: int, bins: int, offset_ps: int = 0, *, threads: int = 1
) -> np.ndarray:
    """Return the histogram of all delays b - a - offset, whether or not a tag has another partner.

    Parameters
    ----------
    a_ps, b_ps : array_like of integers
        Ascending tags [ps].
    bin_ps, bins : int
        Width [ps] and number of the bins. The first begins at -(bin * bins // 2), and each holds its lower edge.
    offset_ps : int
        Delay of b against a at the middle [ps].
    threads : int
        Threads that share the work.

    Returns
    -------
    ndarray of int64, shape (bins,)

    Raises
    ------
    ValueError
        As for `match`.

    Examples
    --------
    >>> histogram(np.array([0, 1000]), np.array([100, 1300]), 100, 4).tolist()
    [0, 0, 0, 1]
    """
    a, b = _tags("a_ps", a_ps), _tags("b_ps", b_ps)
    width, bins = _whole("bin_ps", bin_ps, 1), _whole("bins", bins, 1)
    lo = _whole("offset_ps", offset_ps, -BOUND) - width * bins // 2
    lo, hi = _within(lo, lo + width * bins - 1)
    counts = np.zeros((_whole("threads", threads, 1), bins), np.int64)
    _run(a, b, lo, hi, threads=threads, counts=counts, width=width)
    counts = counts.sum(axis=0)
    # The longer stream comes first in the walk, and delays change their sign with the order.
    return counts[::-1] if a.size < b.size else counts


def accidental_count(
    a_ps: np.ndarray, b_ps: np.ndarray, window_ps: int, *, windows: int = 40, gap_ps: int = 100_000
) -> float:
    """Estimate the accidental coincidences within a window from delays at which there are no others.

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
    beside = beside_the_peak(window_ps, windows=windows, gap_ps=gap_ps)
    return accidentals([histogram(a_ps, b_ps, *where) for where in beside], windows=windows)


def beside_the_peak(window_ps: int, *, windows: int = 40, gap_ps: int = 100_000) -> list[tuple[int, int, int]]:
    """Return bin_ps, bins and offset_ps of a `histogram` on either side of the peak, for `accidental_count`."""
    span = windows // 2 * window_ps
    return [(span, 1, sign * (gap_ps + span // 2)) for sign in (-1, 1)]


def accidentals(sides: list[np.ndarray], *, windows: int = 40) -> float:
    """Estimate the accidental coincidences within a window from the two histograms of `beside_the_peak`."""
    return float(sum(side[0] for side in sides)) / (windows // 2 * 2)
