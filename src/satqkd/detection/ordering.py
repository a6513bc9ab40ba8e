"""Check the tags of a recording and put them in order, piece by piece."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numba
import numpy as np

from satqkd.detection.columns import Pieces, Record
from satqkd.detection.detector import sort_nearly_sorted

EARLIEST_PS = int(np.iinfo(np.int64).min)


def ascending(
    path: Path, pieces: Pieces, notes: Counter, *, earliest_ps: int, disorder_ps: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Check each piece of a recording, and sort tags that are slightly out of order, also across pieces.

    Parameters
    ----------
    path : Path
        File that errors name.
    pieces : iterator of (time_ps, detector, record)
        Output of a reader, see `satqkd.detection.columns`.
    notes : Counter
        Receives ``sorted_tags``, the number of late tags, and ``largest_disorder_ps``.
    earliest_ps : int
        Times below this are an error [ps].
    disorder_ps : int
        Tags that are late by up to this time are sorted; later ones are an error [ps].

    Yields
    ------
    time_ps, detector : ndarray of int64, uint8, shape (tag,)
        No tag is earlier than those of the piece before. A piece may be empty.

    Raises
    ------
    ValueError
        For times that are too early or too far out of order, and detectors outside of 8 bits.

    Examples
    --------
    >>> pieces = [(np.array([5, 20]), np.array([0, 1]), range(2)), (np.array([18, 30]), np.array([2, 3]), range(2, 4))]
    >>> found = list(ascending(Path("a.csv"), iter(pieces), Counter(), earliest_ps=0, disorder_ps=2))
    >>> [(time.tolist(), detector.tolist()) for time, detector in found]
    [([5], [0]), ([18, 20], [2, 1]), ([30], [3])]
    """
    time, detector = np.empty(0, np.int64), np.empty(0, np.uint8)
    latest = EARLIEST_PS
    for new_time, new_detector, new_record in pieces:
        if not new_time.size:
            continue
        _check_values(path, new_time, new_detector, new_record, earliest_ps)
        before = latest
        latest, late, worst_ps = lateness(new_time, before)
        if worst_ps > disorder_ps:
            _refuse_disorder(path, new_time, before, new_record, disorder_ps)
        notes["sorted_tags"] += int(late)
        notes["largest_disorder_ps"] = max(notes["largest_disorder_ps"], int(worst_ps))
        new_detector = new_detector.astype(np.uint8, copy=False)
        if late or time.size:
            time, detector = np.concatenate([time, new_time]), np.concatenate([detector, new_detector])
        else:
            time, detector = new_time, new_detector
        if late:
            sort_nearly_sorted(time, detector)
        ready = np.searchsorted(time, max(int(latest) - disorder_ps, EARLIEST_PS))
        yield time[:ready], detector[:ready]
        time, detector = time[ready:].copy(), detector[ready:].copy()  # copied, to release the rest of the piece
    yield time, detector


@numba.njit(cache=True, nogil=True)
def lateness(time: np.ndarray, latest: int) -> tuple[int, int, np.uint64]:
    """Return the latest time, the number of late tags (which come after a later one), and their largest delay [ps].

    Parameters
    ----------
    time : ndarray of int64, shape (tag,)
        Times [ps].
    latest : int
        Latest time before them [ps].

    Examples
    --------
    >>> latest, late, worst_ps = lateness(np.array([5, 3, 8]), 4)
    >>> int(latest), int(late), int(worst_ps)
    (8, 1, 2)
    """
    late, worst = 0, np.uint64(0)
    for first in range(0, time.size, 64):
        here = time[first : first + 64]
        # Ordered stretches cost only this loop, which has no branch.
        falls = here[0] < latest
        for i in range(1, here.size):
            falls |= here[i] < here[i - 1]
        if not falls:
            latest = here[-1]
            continue
        for i in range(here.size):
            if here[i] < latest:
                late += 1
                # Unsigned: no difference of two times overflows.
                worst = max(worst, np.uint64(latest) - np.uint64(here[i]))
            else:
                latest = here[i]
    return latest, late, worst


def _refuse_disorder(path: Path, time: np.ndarray, latest: int, record: Record, disorder_ps: int) -> None:
    """Raise an error that names the first tag that is too far out of order."""
    behind = (np.maximum(np.maximum.accumulate(time), latest) - time).view(np.uint64)
    worst = np.argmax(behind > disorder_ps)
    raise ValueError(
        f"{path}: record {record[worst]} lies {behind[worst]} ps before an earlier one, more than the {disorder_ps} ps "
        "that are sorted: is it the right format, did its counter roll over, or are these two recordings in one? Where "
        "the instrument writes them so, raise disorder_ns of its station"
    )


def _check_values(path: Path, time: np.ndarray, detector: np.ndarray, record: Record, earliest_ps: int) -> None:
    """Refuse detectors outside of 8 bits, and times before the earliest possible one."""
    if detector.dtype != np.uint8 and (detector.min() < 0 or detector.max() > 255):
        worst = np.argmax((detector < 0) | (detector > 255))
        raise ValueError(
            f"{path}: record {record[worst]} has detector {detector[worst]}, outside [0, 255]: wrong column?"
        )
    if time.min() < earliest_ps:
        worst = np.argmax(time < earliest_ps)
        raise ValueError(
            f"{path}: record {record[worst]} has the time {time[worst]} ps, below {earliest_ps}: give times that count "
            "from the tagger's start, in ps"
        )
