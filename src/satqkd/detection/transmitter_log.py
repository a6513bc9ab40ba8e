"""Read the log of a transmitter of pulses: intensity, basis and bit, one row for each pulse."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from satqkd.detection.columns import first_line
from satqkd.detection.text import DELIMITERS

COLUMNS = ("intensity", "basis", "bit")
ROWS = 1 << 20


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
    for columns in _pieces(path):
        if missing := [name for name in COLUMNS if name not in columns]:
            raise ValueError(
                f"{path}: has no {missing[0]}: give intensity, basis and bit of each pulse, and their names "
                f"(it has {', '.join(map(str, columns))[:60]})"
            )
        states = np.zeros(len(columns["bit"]), np.uint8)
        for name, factor, known in (("intensity", 4, intensities), ("basis", 2, (0, 1)), ("bit", 1, (0, 1))):
            values, found = np.asarray(columns[name]), np.zeros(states.size, bool)
            for index, meant in enumerate(known):
                numbers = values.dtype.kind in "iufb" and not isinstance(meant, str)
                # In a column of words numbers are words as well.
                same = values == meant if numbers else values.astype(str) == str(meant)
                states[same] += np.uint8(factor * index)
                found |= same
            if not found.all():
                first = int(np.argmin(found))
                way = ": name what it writes in transmitter.log_intensities" if name == "intensity" else ""
                raise ValueError(
                    f"{path}: row {row + first + 1} has {name}={str(values[first])[:40]}, which is none of "
                    f"{', '.join(map(str, known))}{way}"
                )
        row += states.size
        yield states
    if not row:
        raise ValueError(f"{path}: has no rows: give one for each pulse")


def _pieces(path: Path) -> Iterator[dict[str, np.ndarray]]:
    """Yield the columns of a log in pieces."""
    kind = [suffix for suffix in path.suffixes if suffix != ".gz"][-1:]
    try:
        if kind == [".npz"]:
            with np.load(path, allow_pickle=False) as arrays:
                whole = {name: arrays[name] for name in arrays.files}
            yield from _cut(whole)
        elif kind == [".npy"]:
            rows = np.load(path, mmap_mode="r", allow_pickle=False)
            yield from _cut({name: rows[name] for name in rows.dtype.names or ()})
        elif kind == [".parquet"]:
            from pyarrow import parquet  # slow to import, and few logs need it

            for batch in parquet.ParquetFile(path).iter_batches(ROWS):
                yield {
                    name: column.to_numpy(zero_copy_only=False)
                    for name, column in zip(batch.schema.names, batch.columns, strict=True)
                }
        elif kind == [".csv"]:
            head = pd.read_csv(path, comment="#", nrows=0, sep="\0", engine="python").columns[0]
            mark = next((mark for mark in DELIMITERS if mark in head), ",")
            with pd.read_csv(path, comment="#", chunksize=ROWS, skipinitialspace=True, sep=mark) as frames:
                for frame in frames:
                    yield {str(name).strip(): frame[name].to_numpy() for name in frame.columns}
        else:
            raise ValueError(f"the suffix {path.suffix or '(none)'} is unknown: give CSV, Parquet, npz or npy")
    except Exception as error:  # each reader raises its own errors
        raise ValueError(f"{path}: cannot be read as a log of pulses: {first_line(error)[:200]}") from None


def _cut(whole: dict[str, np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
    """Yield columns of one length in pieces."""
    sizes = {name: len(column) for name, column in whole.items() if name in COLUMNS}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"its columns have {', '.join(f'{size} ({name})' for name, size in sizes.items())} rows")
    for first in range(0, max(sizes.values(), default=1), ROWS):
        yield {name: column[first : first + ROWS] for name, column in whole.items() if column.ndim}
