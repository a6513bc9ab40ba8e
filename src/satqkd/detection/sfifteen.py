"""Time tags of S-Fifteen's instruments: binary words of 64 bits, the output that ``readevents7 -a1`` calls mode 1.

The upper 54 bits are the time in 1/256 ns, the lowest four say which of the four inputs fired, and bit 4 marks a word
that only tells that the counter rolled over. Written from the vendor's public usage text.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

TIME_BITS, FLAG_BITS, INPUTS = 54, 10, 4
MOST_ROLLS = 130  # 106 days: more than that 64 bits of picoseconds do not hold
LONGEST_PS = (1 << TIME_BITS) // 32 * 125 - 2  # what is longer would round to a count too many


def read_sfifteen(
    path: Path, size: int, notes: Counter, *, swapped: bool = False
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Tags of a file, so many words at a time.

    Parameters
    ----------
    path : Path
    size : int
        Words in a piece.
    notes : Counter
        Takes how often the counter rolled over, and how many words named no input (dummies) or more than one.
    swapped : bool
        Whether the upper half of each word comes first, as with the option -X.

    Yields
    ------
    time_ps, detector, record : ndarray of int64, uint8, int64, shape (tag,)
        Time since the counter's zero [ps], input from 0, and number of the word from 0. A word that names several
        inputs is a tag of each.

    Raises
    ------
    ValueError
        For a file that ends within a word, and for one of more than 106 days.
    """
    if rest := path.stat().st_size % 8:
        raise ValueError(f"{path}: ends {rest} bytes into record {path.stat().st_size // 8}: it is cut, copy it again")
    rolled, last, first = 0, np.empty(0, np.int64), 0
    with path.open("rb") as handle:
        while (words := np.fromfile(handle, "<u8", size)).size:
            if swapped:
                words = words << np.uint64(32) | words >> np.uint64(32)
            fired = words[:, None] >> np.arange(INPUTS, dtype=np.uint64) & np.uint64(1)
            fired[(words & np.uint64(1 << INPUTS)) != 0] = 0
            event = np.flatnonzero(fired.any(axis=1))
            notes["dummy_words"] += words.size - event.size
            notes["words_of_several_inputs"] += int(np.count_nonzero(fired.sum(axis=1) > 1))
            ticks = (words[event] >> np.uint64(FLAG_BITS)).astype(np.int64)
            rolls = rolled + np.cumsum(_rolls(np.diff(ticks, prepend=last if last.size else ticks[:1])))
            rolls -= np.minimum(np.minimum.accumulate(rolls), 0)  # nothing comes from before the first word
            if rolls.size and rolls.max() > MOST_ROLLS:
                raise ValueError(
                    f"{path}: record {first + event[rolls.argmax()]} comes after its counter rolled over more than "
                    f"{MOST_ROLLS} times, in 106 days: is it the right format, or sfifteen_swapped?"
                )
            if event.size:
                rolled, last = int(rolls[-1]), ticks[-1:]
            notes["counter_rollovers"] = rolled
            which, detector = np.nonzero(fired[event])
            yield time_ps(ticks + (rolls << TIME_BITS))[which], detector.astype(np.uint8), first + event[which]
            first += words.size


def _rolls(step: np.ndarray) -> np.ndarray:
    """+1 where the counter fell by more than half its range, -1 where it rose so: a tag from before the roll."""
    half = 1 << (TIME_BITS - 1)
    return (step < -half).astype(np.int64) - (step > half)


def time_ps(ticks: np.ndarray) -> np.ndarray:
    """Picoseconds [int64] of counts of 1/256 ns, that is 125/32 ps, to the nearest."""
    return ticks // 32 * 125 + (ticks % 32 * 125 + 16) // 32


def write_sfifteen(path: Path, pieces: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
    """Write ascending tags, one word each, times to the nearest 1/256 ns.

    Parameters
    ----------
    path : Path
    pieces : iterable of (time_ps, detector)
        Times from 0 to 70368 s [ps], and inputs 0 to 3.

    Raises
    ------
    ValueError
        For an input or a time that a word cannot hold.
    """
    with path.open("wb") as handle:
        for time, detector in pieces:
            if detector.size and detector.max() >= INPUTS:
                raise ValueError(f"detector {detector.max()} has no input: S-Fifteen's words know 0 to {INPUTS - 1}")
            if time.size and not 0 <= time.min() <= time.max() < LONGEST_PS:
                raise ValueError(
                    f"times from {time.min()} to {time.max()} ps do not fit into [0, {LONGEST_PS}): subtract the first"
                )
            # 32/125 of the picoseconds, rounded, without leaving 64 bits.
            ticks = time // 125 * 32 + (time % 125 * 64 + 125) // 250
            words = ticks.astype(np.uint64) << np.uint64(FLAG_BITS) | np.uint64(1) << detector.astype(np.uint64)
            words.astype("<u8").tofile(handle)
