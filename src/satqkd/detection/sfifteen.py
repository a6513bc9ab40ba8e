"""Read and write time tags of S-Fifteen's instruments: binary words of 64 bits, mode 1 of ``readevents7 -a1``.

The upper 54 bits are the time in 1/256 ns, the lowest four name the inputs that fired, and bit 4 marks a word that only
reports that the counter rolled over. Written from the vendor's public usage text.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.extending import register_jitable

from satqkd.detection.columns import Pieces

TIME_BITS, FLAG_BITS, INPUTS = 54, 10, 4
MOST_ROLLS = 130  # roll-overs in 106 days, the longest time that 64 bits of picoseconds can hold
LONGEST_PS = (1 << TIME_BITS) // 32 * 125 - 2  # later times would round to a count that overflows


def read_sfifteen(path: Path, size: int, notes: Counter, *, swapped: bool = False) -> Pieces:
    """Yield the tags of a file of words, piece by piece.

    Parameters
    ----------
    path : Path
    size : int
        Words in a piece.
    notes : Counter
        Receives the number of roll-overs of the counter, and of words that name no input (dummies) or several.
    swapped : bool
        Whether the upper half of each word comes first, as with the option -X.

    Yields
    ------
    time_ps, detector, record : ndarray of int64, uint8, int64, shape (tag,)
        Time since the counter's zero [ps], input from 0, and number of the word from 0 (a range where each word gives
        one tag). A word that names several inputs gives one tag for each.

    Raises
    ------
    ValueError
        For a file that ends within a word, and for one of more than 106 days.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "alice.a1")
    ...     write_sfifteen(path, [(np.array([1000, 2000]), np.array([0, 3]))])
    ...     [(time.tolist(), detector.tolist()) for time, detector, _ in read_sfifteen(path, 10, Counter())]
    [([1000, 2000], [0, 3])]
    """
    if rest := path.stat().st_size % 8:
        raise ValueError(
            f"{path}: ends {rest} bytes into record {path.stat().st_size // 8}: it is truncated, copy it again"
        )
    rolled, last, first = 0, -1, 0
    with path.open("rb") as handle:
        while (words := np.fromfile(handle, "<u8", size)).size:
            time, detector, which, rolled, last, dummies, several, late = unpack(words, swapped, rolled, last)
            if late >= 0:
                raise ValueError(
                    f"{path}: record {first + late} comes after more than {MOST_ROLLS} roll-overs "
                    "of the counter, that is 106 days: is it the right format, or sfifteen_swapped?"
                )
            notes["dummy_words"] += dummies
            notes["words_of_several_inputs"] += several
            notes["counter_rollovers"] = rolled
            yield time, detector, first + which if dummies or several else range(first, first + time.size)
            first += words.size


@numba.njit(cache=True, nogil=True)
def unpack(
    words: np.ndarray, swapped: bool, rolled: int, last: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, int, int, int, int]:
    """Unpack words, and undo the roll-overs of their counter.

    Parameters
    ----------
    words : ndarray of uint64, shape (n,)
    swapped : bool
        Whether the upper half of each word comes first.
    rolled, last : int
        Roll-overs before these words, and the count of the last tag, -1 before the first one.

    Returns
    -------
    time_ps, detector, which : ndarray of int64, uint8, int64, shape (tag,)
        Time [ps], input and index of the word. The index is empty if each word gives one tag.
    rolled, last, dummies, several, late : int
        Roll-overs and last count after these words; number of words with no input and with several; index of the first
        word after too many roll-overs, or -1.

    Examples
    --------
    >>> time, detector, *_ = unpack(np.array([256 << 10 | 1, 512 << 10 | 8], np.uint64), False, 0, -1)
    >>> time.tolist(), detector.tolist()
    ([1000, 2000], [0, 3])
    """
    tags: Any = 0
    dummies: Any = 0
    several: Any = 0
    ticks: Any
    for word in words:
        flags = np.int64((word >> np.uint64(32) if swapped else word) & np.uint64(31))
        fired = (flags & 1) + (flags >> 1 & 1) + (flags >> 2 & 1) + (flags >> 3 & 1) if flags < 16 else 0
        tags += fired
        dummies += fired == 0
        several += fired > 1
    time, detector = np.empty(tags, np.int64), np.empty(tags, np.uint8)
    plain = dummies == 0 and several == 0
    which = np.empty(0 if plain else tags, np.int64)
    half, n = np.int64(1 << (TIME_BITS - 1)), 0
    for i in range(words.size):
        word = words[i]
        if swapped:
            word = word << np.uint64(32) | word >> np.uint64(32)
        flags = np.int64(word & np.uint64(31))
        if flags == 0 or flags >= 16:
            continue
        ticks = np.int64(word >> np.uint64(FLAG_BITS))
        if last >= 0:
            # A fall by more than half the range is a roll-over. A rise by as much is a late tag from before the last
            # roll-over, if there was one.
            if ticks < last - half:
                rolled += 1
            elif ticks > last + half:
                rolled = max(rolled - 1, 0)
            if rolled > MOST_ROLLS:
                return time[:n], detector[:n], which[:n], rolled, last, dummies, several, i
        last = ticks
        t = time_ps(ticks + (rolled << TIME_BITS))
        if flags & (flags - 1) == 0:  # one input: no branch depends on its number
            time[n] = t
            detector[n] = (flags >> 1) - (flags >> 3)
            if not plain:
                which[n] = i
            n += 1
            continue
        for k in range(INPUTS):
            if flags >> k & 1:
                time[n] = t
                detector[n] = k
                which[n] = i
                n += 1
    return time, detector, which, rolled, last, dummies, several, -1


@register_jitable
def time_ps(ticks: Any) -> Any:
    """Return times [ps, int64] from counts of 1/256 ns, that is 125/32 ps, rounded.

    Examples
    --------
    >>> time_ps(np.array([1, 256])).tolist()
    [4, 1000]
    """
    return ticks // 32 * 125 + (ticks % 32 * 125 + 16) // 32


def write_sfifteen(path: Path, pieces: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
    """Write ascending tags as one word each, times rounded to 1/256 ns; see `read_sfifteen` for an example.

    Parameters
    ----------
    path : Path
    pieces : iterable of (time_ps, detector)
        Times from 0 to 70368 s [ps], and inputs 0 to 3.

    Raises
    ------
    ValueError
        For an input or a time that does not fit into a word.
    """
    with path.open("wb") as handle:
        for time, detector in pieces:
            if detector.size and detector.max() >= INPUTS:
                raise ValueError(f"detector {detector.max()} is not an input: words have inputs 0 to {INPUTS - 1}")
            if time.size and not 0 <= time.min() <= time.max() < LONGEST_PS:
                raise ValueError(
                    f"times from {time.min()} to {time.max()} ps do not fit into [0, {LONGEST_PS}): subtract the first"
                )
            # 32/125 of the picoseconds, rounded, without an overflow of 64 bits.
            ticks = time // 125 * 32 + (time % 125 * 64 + 125) // 250
            words = ticks.astype(np.uint64) << np.uint64(FLAG_BITS) | np.uint64(1) << detector.astype(np.uint64)
            words.astype("<u8").tofile(handle)
