"""Time tags as two columns, ``time_ps`` and ``detector``: NPY, CSV and Parquet."""

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

NAMES = ("time_ps", "detector")
FIELDS = np.dtype([("time_ps", "<i8"), ("detector", "u1")])
WANTED = "wants whole numbers in the columns time_ps and detector"
LONGEST_LINE = 4096
BUFFER_BYTES = 1 << 20  # of a column that is read; without it, a whole row group is

Pieces = Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]


def read_npy(path: Path, size: int, notes: Counter) -> Pieces:
    """Tags of an NPY file, with the fields ``time_ps`` and ``detector`` or as whole numbers of shape (tag, 2).

    Parameters
    ----------
    path : Path
    size : int
        Rows in a piece.
    notes : Counter
        Takes nothing: nothing is mended here.

    Yields
    ------
    time_ps, detector, record : ndarray of whole numbers, shape (tag,)
        Columns as they stand, and the number of the row from 0.

    Raises
    ------
    ValueError
        For a file that is none or is cut, and for values of another kind.
    """
    try:
        rows = np.lib.format.open_memmap(path, mode="r")  # takes no pickled objects, whatever the header says
    except Exception as error:  # of every parser that a header goes through
        raise ValueError(f"{path}: is no whole NPY file ({first_line(error)}): copy it again") from None
    names = rows.dtype.names
    named = names is not None and rows.ndim == 1 and all(name in names and not rows.dtype[name].shape for name in NAMES)
    if not named and not (names is None and rows.ndim == 2 and rows.shape[1] == 2):
        raise ValueError(
            f"{path}: holds {str(rows.dtype)[:60]} of shape {rows.shape}: {WANTED}, or an array of shape (tag, 2)"
        )
    present = path.stat().st_size - rows.offset
    if present != rows.nbytes:
        raise ValueError(
            f"{path}: the header says {rows.nbytes} bytes of tags, the file holds {present}: copy it again"
        )
    for first in range(0, len(rows), size):
        piece = rows[first : first + size]
        columns = [piece[name] for name in NAMES] if named else piece.T
        yield *_integers(path, *columns), first + np.arange(len(piece))


def read_csv(path: Path, size: int, notes: Counter) -> Pieces:
    """Tags of a CSV file whose first line names its columns; as `read_npy`."""
    with path.open(encoding="utf-8-sig") as handle:
        try:
            names = [name.strip() for name in handle.readline(LONGEST_LINE).split(",")]
            if not set(NAMES) <= set(names):
                raise ValueError(f"{path}: line 1 is {','.join(names)[:60]!r}: {WANTED}, and a first line that says so")
            places = [names.index(name) for name in NAMES]
            first = 0
            while lines := list(islice(iter(partial(handle.readline, LONGEST_LINE), ""), size)):
                _require_lines(path, lines, first)
                rows = _parsed(path, lines, places, first)
                yield rows[:, 0], rows[:, 1], first + np.arange(len(lines))
                first += len(lines)
        except UnicodeDecodeError:
            raise ValueError(f"{path}: is no CSV file: it holds other than text") from None


def _require_lines(path: Path, lines: list[str], first: int) -> None:
    """Refuse lines that are none: too long, or without an end."""
    longest = max(range(len(lines)), key=lambda n: len(lines[n]))
    if len(lines[longest]) == LONGEST_LINE:
        raise ValueError(f"{path}: line {first + longest + 2} is longer than {LONGEST_LINE - 1} characters: {WANTED}")
    if not lines[-1].endswith("\n"):
        raise ValueError(f"{path}: line {first + len(lines) + 1} has no end: the file is cut, copy it again")


def _parsed(path: Path, lines: list[str], places: list[int], first: int) -> np.ndarray:
    rows = _numbers(lines, places)
    if rows is None:
        while len(lines) > 1:  # halves, so that to find the line costs no more than to read them all
            half = lines[: len(lines) // 2]
            sound = _numbers(half, places) is not None
            first, lines = (first + len(half), lines[len(half) :]) if sound else (first, half)
        raise ValueError(f"{path}: line {first + 2} is {lines[0].rstrip()[:60]!r}: {WANTED} [ps, int64]")
    return rows


def _numbers(lines: list[str], places: list[int]) -> np.ndarray | None:
    """Two columns of all the lines, or None where one of them is none."""
    with warnings.catch_warnings(action="ignore"):  # of lines that are all empty
        try:
            rows = np.loadtxt(lines, np.int64, comments=None, delimiter=",", usecols=places, ndmin=2)
        except ValueError:
            return None
    return rows if len(rows) == len(lines) else None


def read_parquet(path: Path, size: int, notes: Counter) -> Pieces:
    """Tags of a Parquet file, page by page, so that row groups may be of any size; as `read_npy`."""
    from pyarrow import parquet

    first = 0
    try:
        with parquet.ParquetFile(path, buffer_size=BUFFER_BYTES, page_checksum_verification=True) as file:
            names, rows = file.schema_arrow.names, file.metadata.num_rows
            if not set(NAMES) <= set(names):
                raise ValueError(f"has the columns {', '.join(names)[:60]}: {WANTED}")
            for batch in file.iter_batches(size, columns=list(NAMES), use_threads=False):
                time, detector = (batch[name].to_numpy(zero_copy_only=False) for name in NAMES)
                yield *_integers(path, time, detector), first + np.arange(time.size)
                first += time.size
        if first != rows:
            raise ValueError(f"the footer says {rows} rows, its row groups have {first}: copy it again")
    except Exception as error:  # of every kind that the library raises
        text = first_line(error)[:200]
        raise ValueError(
            text if text.startswith(str(path)) else f"{path}: no whole Parquet file of tags: {text}"
        ) from None


def _integers(path: Path, time: np.ndarray, detector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    for name, values in zip(NAMES, (time, detector), strict=True):
        if values.dtype.kind not in "iu" or (values.dtype == np.uint64 and np.any(values >> np.uint64(63))):
            raise ValueError(f"{path}: {name} is {values.dtype}, not whole numbers of 64 bits: {WANTED}")
    return time.astype(np.int64), detector.astype(np.int64)


def first_line(error: Exception) -> str:
    """Of what a library says, which may go on for pages."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def write_npy(path: Path, pieces: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
    """Write tags with the fields ``time_ps`` and ``detector``.

    Parameters
    ----------
    path : Path
    pieces : iterable of (time_ps, detector)
    """
    count = 0
    with path.open("wb") as handle:
        for _ in range(2):  # the header first without the number of rows, which it then has room for
            handle.seek(0)
            np.lib.format.write_array_header_1_0(
                handle, {"descr": FIELDS.descr, "fortran_order": False, "shape": (count,)}
            )
            for time, detector in pieces if not count else ():
                rows = np.empty(time.size, FIELDS)
                rows["time_ps"], rows["detector"] = time, detector
                rows.tofile(handle)
                count += rows.size


def write_csv(path: Path, pieces: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
    """Write tags as lines below ``time_ps,detector``; as `write_npy`."""
    with path.open("w", encoding="ascii", newline="\n") as handle:
        handle.write(",".join(NAMES) + "\n")
        for time, detector in pieces:
            handle.writelines(f"{t},{d}\n" for t, d in zip(time.tolist(), detector.tolist(), strict=True))


def write_parquet(path: Path, pieces: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
    """Write tags as row groups of a Parquet file, zstd, with a checksum on each page; as `write_npy`."""
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema({"time_ps": pa.int64(), "detector": pa.uint8()})
    with parquet.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as file:
        for time, detector in pieces:
            file.write_batch(pa.record_batch([time, detector], schema=schema))
