"""Time tags of S-Fifteen's instruments: binary words of 64 bits, the output that ``readevents7 -a1`` calls mode 1.

The upper 54 bits are the time in 1/256 ns, the lowest four name the inputs that fired, and bit 4 marks a word that only
reports that the counter rolled over. Written from the vendor's public usage text.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from satqkd.detection.columns import Pieces

TIME_BITS, FLAG_BITS, INPUTS = 54, 10, 4
MOST_ROLLS = 130  # 106 days: 64 bits of picoseconds hold no more
LONGEST_PS = (1 << TIME_BITS) // 32 * 125 - 2  # later times would round to a count that overflows


def read_sfifteen(path: Path, size: int, notes: Counter, *, swapped: bool = False) -> Pieces:
    """Yield the tags of a file of words, piece by piece.

    Parameters
    ----------
    path : Path
    size : int
        Words in a piece.
    notes : Counter
        Receives how often the counter rolled over, and how many words named no input (dummies) or more than one.
    swapped : bool
        Whether the upper half of each word comes first, as with the option -X.

    Yields
    ------
    time_ps, detector, record : ndarray of int64, uint8, int64, shape (tag,)
        Time since the counter's zero [ps], input from 0, and number of the word from 0. A word that names several
        inputs gives one tag for each.

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
            rolls -= np.minimum(np.minimum.accumulate(rolls), 0)  # no tag is from before the first word's turn
            if rolls.size and rolls.max() > MOST_ROLLS:
                raise ValueError(
                    f"{path}: record {first + event[rolls.argmax()]} comes after more than {MOST_ROLLS} roll-overs "
                    "of the counter, that is 106 days: is it the right format, or sfifteen_swapped?"
                )
            if event.size:
                rolled, last = int(rolls[-1]), ticks[-1:]
            notes["counter_rollovers"] = rolled
            which, detector = np.nonzero(fired[event])
            yield time_ps(ticks + (rolls << TIME_BITS))[which], detector.astype(np.uint8), first + event[which]
            first += words.size


def _rolls(step: np.ndarray) -> np.ndarray:
    """Return +1 where the counter fell by more than half its range, and -1 where it rose by it: a tag from before the
    roll-over that comes after it.
    """
    half = 1 << (TIME_BITS - 1)
    return (step < -half).astype(np.int64) - (step > half)


def time_ps(ticks: np.ndarray) -> np.ndarray:
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
