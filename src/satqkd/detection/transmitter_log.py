"""Read the log of a transmitter of pulses: intensity, basis and bit, one row for each pulse."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from satqkd.detection.columns import first_line
from satqkd.detection.named_columns import UNKNOWN, meanings, named_columns

COLUMNS = ("intensity", "basis", "bit")
WAYS_OUT = {
    "intensity": "correct it, or name what the log writes in transmitter.log_intensities",
    "basis": "give 0 and 1 for the receiver's settings 0 and 1",
    "bit": "give 0 and 1 for the receiver's outcomes 0 and 1",
}


def log_states(path: Path, *, intensities: Sequence[int | str] = (0, 1, 2)) -> Iterator[np.ndarray]:
    """Yield the states of a transmitter's pulses in pieces: 4 x intensity + 2 x basis + bit.

    Parameters
    ----------
    path : Path
        CSV (also compressed), Parquet, npz or npy, with the columns, arrays or fields `COLUMNS`.
    intensities : sequence of int or str
        Values that stand for signal, decoy and vacuum in the file.

    Yields
    ------
    ndarray of uint8, shape (pulse,)

    Raises
    ------
    ValueError
        For a file that cannot be read or lacks a column, and for an unexpected value, with its row.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/log.npz", intensity=[0, 2, 1], basis=[0, 1, 1], bit=[1, 0, 1])
    ...     np.concatenate(list(log_states(Path(folder, "log.npz")))).tolist()
    [1, 10, 7]
    """
    row = 0
    kind = ([suffix for suffix in path.suffixes if suffix != ".gz"][-1:] or [""])[0].removeprefix(".")
    for columns in _told_of_log(path, named_columns(path, kind, COLUMNS, comment="#", each="pulse")):
        if missing := [name for name in COLUMNS if name not in columns]:
            raise ValueError(
                f"{path}: has no {missing[0]}: give intensity, basis and bit of each pulse, and their names "
                f"(it has {', '.join(columns) or 'none of them'})"
            )
        known = dict(zip(COLUMNS, (intensities, (0, 1), (0, 1)), strict=True))
        indices = {name: meanings(columns[name], [(value,) for value in values]) for name, values in known.items()}
        for name, index in indices.items():
            if UNKNOWN in index:
                first = int(np.argmax(index == UNKNOWN))
                raise ValueError(
                    f"{path}: row {row + first + 1} has {name}={str(np.asarray(columns[name])[first])[:40]}, not one "
                    f"of {', '.join(map(str, known[name]))}: {WAYS_OUT[name]}"
                )
        states = (4 * indices["intensity"] + 2 * indices["basis"] + indices["bit"]).astype(np.uint8)
        row += states.size
        yield states
    if not row:
        raise ValueError(f"{path}: has no rows: give one for each pulse")


def _told_of_log(path: Path, pieces: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Turn every error of the libraries into one sentence with the path."""
    try:
        yield from pieces
    except Exception as error:  # each reader raises its own errors
        raise ValueError(f"{path}: cannot be read as a log of pulses: {first_line(error)[:200]}") from None
