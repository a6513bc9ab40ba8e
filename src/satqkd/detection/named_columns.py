"""Columns of a table by name, read in pieces, and the meaning of their values: CSV, Parquet, NPY and NPZ."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
import pandas as pd

from satqkd.detection.columns import BUFFER_BYTES
from satqkd.detection.text import DELIMITERS, opened

ROWS = 1 << 20
UNKNOWN = -1


def named_columns(
    path: Path, kind: str, names: Sequence[str], *, each: str, comment: str | None = None
) -> Iterator[dict[str, Any]]:
    """Yield those of some columns that a table has, in pieces of up to a million rows.

    Parameters
    ----------
    path : Path
    kind : {"csv", "parquet", "npy", "npz"}
        Format of the file. A CSV may be compressed by gzip; its delimiter is that of its first line.
    names : sequence of str
        Columns, fields or arrays.
    each : str
        What a row stands for, as messages say it.
    comment : str, optional
        Mark after which a line of a CSV is left out.

    Yields
    ------
    dict of str to array_like, shape (row,)
        Values by name. A column that the table lacks is missing.

    Raises
    ------
    Exception
        Of many types, those of the libraries, for a file that cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "tags.csv").write_text("time_ps;detector;basis\\n100;0;HV\\n250;1;DA\\n")
    ...     [piece] = named_columns(Path(folder, "tags.csv"), "csv", ["basis"], each="tag")
    >>> list(piece), list(piece["basis"])
    (['basis'], ['HV', 'DA'])
    """
    if kind == "npz":
        if not is_zipfile(path):
            raise ValueError("it is not a complete npz file: copy it again")
        with np.load(path, allow_pickle=False) as arrays:
            whole = {name: arrays[name] for name in names if name in arrays.files}
        yield from _cut(whole, each)
    elif kind == "npy":
        rows = np.lib.format.open_memmap(path, mode="r")  # never loads pickled objects
        yield from _cut({name: rows[name] for name in names if name in (rows.dtype.names or ())}, each)
    elif kind == "parquet":
        from pyarrow import parquet  # slow to import, and few tables need it

        with parquet.ParquetFile(path, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
            known = [name for name in names if name in file.schema_arrow.names]
            types = {name: file.schema_arrow.field(name).type for name in known}
            if lists := [name for name in known if types[name].num_fields]:
                raise ValueError(f"{lists[0]} is {types[lists[0]]}: give one value for each {each}")
            for batch in file.iter_batches(ROWS, columns=known, use_threads=False):
                yield {name: batch[name].to_pandas() for name in known}
    elif kind == "csv":
        with opened(path) as handle:
            lines = pd.read_csv(
                handle,
                sep="\0",
                quoting=csv.QUOTE_NONE,
                comment=comment,
                nrows=1,
                dtype=str,
                na_filter=False,
                engine="python",
            )
        head = lines.columns[0]
        mark = next((mark for mark in DELIMITERS if mark in head), ",")
        # Pandas would take the first columns of longer rows for names of the rows, and with usecols it would cut them.
        widths = [len(row) for row in csv.reader([head, *lines[head]], delimiter=mark, skipinitialspace=True)]
        if widths[-1] > widths[0]:
            raise ValueError("row 1 has more columns than the first line names: give each column its name")
        with (
            opened(path) as handle,
            pd.read_csv(
                handle, sep=mark, comment=comment, chunksize=ROWS, skipinitialspace=True, low_memory=False
            ) as frames,
        ):
            for frame in frames:
                yield {str(name).strip(): frame[name] for name in frame.columns if str(name).strip() in names}
    else:
        raise ValueError(f"the suffix {path.suffix or '(none)'} is unknown: give CSV, Parquet, npz or npy")


def _cut(whole: dict[str, np.ndarray], each: str) -> Iterator[dict[str, np.ndarray]]:
    """Yield columns of one length in pieces."""
    if deep := [name for name, column in whole.items() if column.ndim != 1]:
        raise ValueError(f"{deep[0]} has the shape {whole[deep[0]].shape}: give one value for each {each}")
    sizes = {name: column.size for name, column in whole.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"its columns have {', '.join(f'{size} ({name})' for name, size in sizes.items())} rows")
    for first in range(0, max(sizes.values(), default=1), ROWS):
        yield {name: column[first : first + ROWS] for name, column in whole.items()}


def meanings(values: Any, known: Iterable[Sequence[float | str]]) -> np.ndarray:
    """Return which meaning each value of a column has; numbers are equal to words that spell them.

    Parameters
    ----------
    values : array_like, shape (row,)
    known : iterable of sequence
        For each meaning the values that stand for it, numbers or words.

    Returns
    -------
    ndarray of int8, shape (row,)
        Index of the meaning, or `UNKNOWN`.

    Examples
    --------
    >>> meanings(np.array([0, 22.5, 45, 50]), [(0, 22.5), ("45.0", 67.5)]).tolist()
    [0, 0, 1, -1]
    """
    known = [[_number_or_word(value) for value in stand_for] for stand_for in known]
    index = {value: number for number, stand_for in enumerate(known) for value in stand_for}
    place, different = pd.factorize(values, use_na_sentinel=False)
    return np.array([index.get(_number_or_word(value), UNKNOWN) for value in different], np.int8)[place]


def _number_or_word(value: Any) -> float | str:
    """Return the number that a value is or spells, or else its word."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).strip()
