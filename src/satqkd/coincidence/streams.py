"""Match and count streams of tags that are too long for the memory, in pieces cut at common times.

The results do not depend on the pieces: they are those of `match` and `histogram` for the whole streams.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import zarr

from satqkd.coincidence.matching import _edges, _pairs, _tags, histogram
from satqkd.flight import PS

PIECE = 1 << 18  # tags to work on at a time: their arrays fit a processor's cache
Tags = tuple[np.ndarray, np.ndarray]
NONE: Tags = np.empty(0, np.int64), np.empty(0, np.uint8)


class Recording:
    """The tags of one kind at one station in a Zarr group, by session."""

    def __init__(self, group: zarr.Group) -> None:
        self._first = group.attrs["session_first_tag"]
        self._time = group["time"]
        self._detector = group.get("detector")

    def times(self, order: int) -> np.ndarray:
        """Return all times of a session [ps]."""
        times: np.ndarray = self._time[self._first[order] : self._first[order + 1]]
        return times

    def extent(self, order: int) -> tuple[float, float]:
        """Return how long a session's tags last [s] and how many there are in a second [1/s]."""
        first, end = self._first[order : order + 2]
        span_s = (int(self._time[end - 1]) - int(self._time[first])) / PS if end > first else 0.0
        return span_s, (end - first) / span_s if span_s > 0 else 0.0

    def chunks(self, order: int) -> Iterator[Tags]:
        """Yield times [ps] and detectors of a session as they lie on disk, cut into pieces."""
        (first, end), size = self._first[order : order + 2], self._time.chunks[0]
        edges = [first, *range(first // size * size + size, end, size), end]
        for low, high in pairwise(edges):
            time, detector = self._time[low:high], self._detector[low:high]
            for k in range(0, max(high - low, 1), PIECE):
                yield time[k : k + PIECE], detector[k : k + PIECE]


def gathered(stream: Iterable[Tags], size: int) -> Iterator[Tags]:
    """Yield a stream in pieces of at least a number of tags, but for the last one.

    Examples
    --------
    >>> stream = [(np.array([time]), np.zeros(1, np.uint8)) for time in (1, 4, 9)]
    >>> [time.tolist() for time, _ in gathered(stream, 2)]
    [[1, 4], [9]]
    """
    held: list[Tags] = []
    for piece in stream:
        held.append(piece)
        if sum(time.size for time, _ in held) >= size:
            yield _together(held)
            held = []
    if held:
        yield _together(held)


def _together(pieces: list[Tags]) -> Tags:
    time, label = (np.concatenate(columns) for columns in zip(*pieces, strict=True))
    return time, label


def numbered(stream: Iterable[Tags], first: int, end: int) -> Tags:
    """Return the tags of a stream by their numbers from 0, from `first` to before `end`.

    Examples
    --------
    >>> stream = [(np.array([time, time + 1]), np.zeros(2, np.uint8)) for time in (1, 4, 9)]
    >>> numbered(stream, 1, 3)[0].tolist()
    [2, 4]
    """
    held, begin = [NONE], 0
    for time, label in stream:
        own = slice(max(first - begin, 0), max(end - begin, 0))
        held.append((time[own], label[own]))
        begin += time.size
        if begin >= end:
            break
    return _together(held)


def aligned(*streams: Iterable[Tags]) -> Iterator[list[Tags]]:
    """Yield pieces of several streams that end at common times.

    Parameters
    ----------
    streams : iterable of (ndarray of int64, ndarray of uint8)
        Ascending times [ps] and their labels, chunk by chunk.

    Yields
    ------
    list of (ndarray, ndarray)
        The next tags of each stream, none of them later than any tag of the next piece; one piece at least.

    Examples
    --------
    >>> a = [(np.array([1, 4, 9]), np.zeros(3, np.uint8))]
    >>> b = [(np.array([2, 3]), np.ones(2, np.uint8)), (np.array([8]), np.ones(1, np.uint8))]
    >>> [[time.tolist() for time, _ in piece] for piece in aligned(a, b)]
    [[[1], [2, 3]], [[4], [8]], [[9], []]]
    """
    chunks = [(chunk for chunk in stream if chunk[0].size) for stream in streams]
    held = [next(stream, NONE) for stream in chunks]
    while True:
        until = min((time[-1] for time, _ in held if time.size), default=0)
        ends = [np.searchsorted(time, until, "right") for time, _ in held]
        yield [(time[:end], label[:end]) for (time, label), end in zip(held, ends, strict=True)]
        for k, end in enumerate(ends):
            held[k] = held[k][0][end:], held[k][1][end:]
            if not held[k][0].size:
                held[k] = next(chunks[k], NONE)
        if not any(time.size for time, _ in held):
            return


def last_time(*piece: Tags) -> int:
    """Return the last time in a piece of several streams [ps]; 0 for an empty one.

    Examples
    --------
    >>> last_time((np.array([1, 7]), np.zeros(2)), (np.array([3]), np.zeros(1)))
    7
    """
    return max((int(time[-1]) for time, _ in piece if time.size), default=0)


class DelayCounts:
    """Histograms of the delays between two streams that arrive in aligned pieces.

    Parameters
    ----------
    histograms : sequence of (int, int, int)
        bin_ps, bins and offset_ps of each `histogram` of delays that is wanted.

    Attributes
    ----------
    counts : list of ndarray of int64, shape (bins,)
        The histograms so far.

    Examples
    --------
    >>> delays = DelayCounts([(100, 4, 0)])
    >>> delays.add(np.array([0]), np.array([], np.int64), until=0)
    >>> delays.add(np.array([1000]), np.array([100, 1050]), until=1050)
    >>> delays.counts[0].tolist()
    [0, 0, 1, 1]
    """

    def __init__(self, histograms: Sequence[tuple[int, int, int]]) -> None:
        self._histograms = histograms
        self._reach = max(abs(offset_ps) + bin_ps * bins for bin_ps, bins, offset_ps in histograms)
        self._recent = [NONE[0], NONE[0]]
        self.counts = self._count()

    def add(self, a: np.ndarray, b: np.ndarray, until: int) -> None:
        """Count delays within a piece and across its seam: those of both together, less those counted before.

        Parameters
        ----------
        a, b : ndarray of int64
            The next ascending tags [ps].
        until : int
            No later tag is before this time [ps].
        """
        before = self._count()
        self._recent = [np.concatenate(times) for times in zip(self._recent, (a, b), strict=True)]
        self.counts = [so_far + now - old for so_far, now, old in zip(self.counts, self._count(), before, strict=True)]
        self._recent = [time[np.searchsorted(time, until - self._reach) :].copy() for time in self._recent]

    def _count(self) -> list[np.ndarray]:
        return [histogram(self._recent[0], self._recent[1], *where) for where in self._histograms]


class PairStream:
    """Two stations' tags as they arrive in aligned pieces: a tag that may still find a partner waits for the next
    piece.

    Parameters
    ----------
    window_ps : int
        Full width of the window of `match` [ps].
    histograms : sequence of (int, int, int)
        As for `DelayCounts`.

    Attributes
    ----------
    delays : DelayCounts
    """

    def __init__(self, *, window_ps: int, histograms: Sequence[tuple[int, int, int]]) -> None:
        self._lo, self._hi = _edges(window_ps, 0)
        self._unmatched = [NONE, NONE]
        self.delays = DelayCounts(histograms)

    def add(self, a: Tags, b: Tags) -> list[Tags]:
        """Match and count a further piece.

        Parameters
        ----------
        a, b : (ndarray of int64, ndarray of uint8)
            From `aligned`.

        Returns
        -------
        list of (ndarray, ndarray)
            Times and labels of the partners that the piece brings, at either station.
        """
        until = last_time(a, b)
        self.delays.add(a[0], b[0], until)
        pair = [_joined(left, new) for left, new in zip(self._unmatched, (a, b), strict=True)]
        (first, _), (second, _) = pair
        *partners, used = _pairs(_tags("a", first), _tags("b", second), self._lo, self._hi, whole=False)
        # A tag older than the window has no partner any more, however long the other stream is silent.
        starts = [max(n, np.searchsorted(time, until - self._hi)) for n, (time, _) in zip(used, pair, strict=True)]
        self._unmatched = [(time[n:].copy(), label[n:].copy()) for n, (time, label) in zip(starts, pair, strict=True)]
        return [(time[k], label[k]) for (time, label), k in zip(pair, partners, strict=True)]


def _joined(left: Tags, new: Tags) -> Tags:
    if not left[0].size:
        return new
    return np.concatenate([left[0], new[0]]), np.concatenate([left[1], new[1]])
