"""Read the log of a transmitter of pulses: intensity, basis and bit, one row for each pulse."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from zipfile import is_zipfile

import numpy as np
import pandas as pd

from satqkd.detection.columns import first_line
from satqkd.detection.text import DELIMITERS

COLUMNS = ("intensity", "basis", "bit")
WAYS_OUT = {
    "intensity": "correct it, or name what the log writes in transmitter.log_intensities",
    "basis": "give 0 and 1 for the receiver's settings 0 and 1",
    "bit": "give 0 and 1 for the receiver's outcomes 0 and 1",
}
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
                f"(it has {', '.join(map(str, columns))[:60] or 'no names'})"
            )
        known = dict(zip(COLUMNS, (intensities, (0, 1), (0, 1)), strict=True))
        indices = {name: _indices(np.asarray(columns[name]), values) for name, values in known.items()}
        for name, index in indices.items():
            if (index < 0).any():
                first = int(np.argmin(index))
                raise ValueError(
                    f"{path}: row {row + first + 1} has {name}={str(columns[name][first])[:40]}, which is none of "
                    f"{', '.join(map(str, known[name]))}: {WAYS_OUT[name]}"
                )
        states = (4 * indices["intensity"] + 2 * indices["basis"] + indices["bit"]).astype(np.uint8)
        row += states.size
        yield states
    if not row:
        raise ValueError(f"{path}: has no rows: give one for each pulse")


def _indices(values: np.ndarray, known: Sequence[int | str]) -> np.ndarray:
    """Return the index of each value in a sequence, -1 where it is not in it, as an array of int8."""
    # In a column of words numbers are words as well.
    words = values.dtype.kind not in "iufb" or any(isinstance(meant, str) for meant in known)
    values = values.astype(str) if words else values
    found = np.full(values.size, -1, np.int8)
    for index, meant in enumerate(known):
        found[values == (str(meant) if words else meant)] = index
    return found


def _pieces(path: Path) -> Iterator[dict[str, np.ndarray]]:
    """Yield the columns of a log in pieces."""
    kind = [suffix for suffix in path.suffixes if suffix != ".gz"][-1:]
    try:
        if kind == [".npz"]:
            if not is_zipfile(path):
                raise ValueError("it is not a complete npz file: copy it again")
            with np.load(path, allow_pickle=False) as arrays:
                whole = {name: arrays[name] for name in arrays.files}
            yield from _cut(whole)
        elif kind == [".npy"]:
            rows = np.lib.format.open_memmap(path, mode="r")  # never loads pickled objects
            yield from _cut({name: rows[name] for name in rows.dtype.names or ()})
        elif kind == [".parquet"]:
            from pyarrow import parquet  # slow to import, and few logs need it

            for batch in parquet.ParquetFile(path).iter_batches(ROWS):
                columns = dict(zip(batch.schema.names, batch.columns, strict=True))
                if lists := [name for name in COLUMNS if name in columns and columns[name].type.num_fields]:
                    raise ValueError(f"{lists[0]} is {columns[lists[0]].type}: give one value for each pulse")
                yield {name: column.to_numpy(zero_copy_only=False) for name, column in columns.items()}
        elif kind == [".csv"]:
            lines = pd.read_csv(path, comment="#", nrows=1, sep="\0", engine="python")
            head = lines.columns[0]
            mark = next((mark for mark in DELIMITERS if mark in head), ",")
            # Pandas would take the first columns of longer rows for names of the rows.
            if any(str(row).count(mark) > head.count(mark) for row in lines[head]):
                raise ValueError("row 1 has more columns than the first line names: give each column its name")
            with pd.read_csv(path, comment="#", chunksize=ROWS, skipinitialspace=True, sep=mark) as frames:
                for frame in frames:
                    yield {str(name).strip(): frame[name].to_numpy() for name in frame.columns}
        else:
            raise ValueError(f"the suffix {path.suffix or '(none)'} is unknown: give CSV, Parquet, npz or npy")
    except Exception as error:  # each reader raises its own errors
        raise ValueError(f"{path}: cannot be read as a log of pulses: {first_line(error)[:200]}") from None


def _cut(whole: dict[str, np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
    """Yield columns of one length in pieces."""
    whole = {name: column for name, column in whole.items() if name in COLUMNS}
    if deep := [name for name, column in whole.items() if column.ndim != 1]:
        raise ValueError(f"{deep[0]} has the shape {whole[deep[0]].shape}: give one value for each pulse")
    sizes = {name: column.size for name, column in whole.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"its columns have {', '.join(f'{size} ({name})' for name, size in sizes.items())} rows")
    for first in range(0, max(sizes.values(), default=1), ROWS):
        yield {name: column[first : first + ROWS] for name, column in whole.items()}
