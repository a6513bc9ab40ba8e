"""Time tags as two columns, ``time_ps`` and ``detector``: NPY and Parquet."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

NAMES = ("time_ps", "detector")
FIELDS = np.dtype([("time_ps", "<i8"), ("detector", "u1")])
ADVICE = "give whole numbers in the columns time_ps and detector"
BUFFER_BYTES = 1 << 20  # of a column to read at a time; by default pyarrow reads a whole row group

Record = np.ndarray | range
Pieces = Iterator[tuple[np.ndarray, np.ndarray, Record]]


def read_npy(path: Path, size: int, notes: Counter) -> Pieces:
    """Yield the tags of an NPY file with the fields ``time_ps`` and ``detector``, or of integers of shape (tag, 2).

    Parameters
    ----------
    path : Path
    size : int
        Rows in a piece.
    notes : Counter
        Not used, because nothing is repaired here; other readers count their repairs in it.

    Yields
    ------
    time_ps, detector : ndarray of whole numbers, shape (tag,)
        The columns unchanged.
    record : range
        Numbers of the rows from 0.

    Raises
    ------
    ValueError
        For a file of another kind or a truncated one, and for values of another type.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/tags.npy", [[100, 0], [250, 3]])
    ...     time, detector, record = next(read_npy(Path(folder, "tags.npy"), 10, Counter()))
    >>> time.tolist(), detector.tolist(), list(record)
    ([100, 250], [0, 3], [0, 1])
    """
    try:
        rows = np.lib.format.open_memmap(path, mode="r")  # never loads pickled objects, whatever the header says
    except Exception as error:  # the parsers of the header raise many types
        raise ValueError(f"{path}: is not a complete NPY file ({first_line(error)}): copy it again") from None
    names = rows.dtype.names
    named = names is not None and rows.ndim == 1 and all(name in names and not rows.dtype[name].shape for name in NAMES)
    if not named and not (names is None and rows.ndim == 2 and rows.shape[1] == 2):
        raise ValueError(
            f"{path}: holds {str(rows.dtype)[:60]} of shape {rows.shape}: {ADVICE}, or an array of shape (tag, 2)"
        )
    present = path.stat().st_size - rows.offset
    if present != rows.nbytes:
        raise ValueError(
            f"{path}: the header states {rows.nbytes} bytes of tags, the file has {present}: copy it again"
        )
    for first in range(0, len(rows), size):
        piece = rows[first : first + size]
        columns = [piece[name] for name in NAMES] if named else piece.T
        yield *_integers(path, *columns), range(first, first + len(piece))


def read_parquet(path: Path, size: int, notes: Counter) -> Pieces:
    """Yield the tags of a Parquet file, page by page, so that row groups may be of any size; see `read_npy`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_parquet(Path(folder, "tags.parquet"), [(np.array([100, 250]), np.array([0, 3], np.uint8))])
    ...     time, detector, record = next(read_parquet(Path(folder, "tags.parquet"), 10, Counter()))
    >>> time.tolist(), detector.tolist(), list(record)
    ([100, 250], [0, 3], [0, 1])
    """
    from pyarrow import parquet

    first = 0
    try:
        # Without pre_buffer=False pyarrow keeps what it has read until the end.
        with parquet.ParquetFile(
            path, buffer_size=BUFFER_BYTES, pre_buffer=False, page_checksum_verification=True
        ) as file:
            names, rows = file.schema_arrow.names, file.metadata.num_rows
            if not set(NAMES) <= set(names):
                raise ValueError(f"has the columns {', '.join(names)[:60]}: {ADVICE}")
            for batch in file.iter_batches(size, columns=list(NAMES), use_threads=False):
                time, detector = (batch[name].to_numpy(zero_copy_only=False) for name in NAMES)
                yield *_integers(path, time, detector), range(first, first + time.size)
                first += time.size
        if first != rows:
            raise ValueError(f"the footer states {rows} rows, its row groups have {first}: copy it again")
    except Exception as error:  # pyarrow raises many types
        text = first_line(error)[:200]
        raise ValueError(
            text if text.startswith(str(path)) else f"{path}: is not a complete Parquet file of tags: {text}"
        ) from None


def _integers(path: Path, time: np.ndarray, detector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both columns as int64; refuse other types, and numbers that int64 cannot hold."""
    for name, values in zip(NAMES, (time, detector), strict=True):
        if values.dtype.kind not in "iu" or (values.dtype == np.uint64 and np.any(values >> np.uint64(63))):
            raise ValueError(f"{path}: {name} is {values.dtype}, not whole numbers of 64 bits: {ADVICE}")
    return time.astype(np.int64), detector.astype(np.int64)


def first_line(error: Exception) -> str:
    """Return the first line of a library's message, which may have many, or the type of the error.

    Examples
    --------
    >>> first_line(OSError("damaged page\\nin column 1")), first_line(KeyError())
    ('damaged page', 'KeyError')
    """
    return (str(error).splitlines() or [type(error).__name__])[0]


def write_npy(path: Path, pieces: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
    """Write tags to an NPY file with the fields ``time_ps`` and ``detector``.

    Parameters
    ----------
    path : Path
    pieces : iterable of (time_ps, detector)
        Arrays of shape (tag,), one piece after another.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_npy(Path(folder, "tags.npy"), [(np.array([100, 250]), np.array([0, 3]))])
    ...     np.load(f"{folder}/tags.npy").tolist()
    [(100, 0), (250, 3)]
    """
    count = 0
    with path.open("wb") as handle:
        for _ in range(2):  # the header is written again when the number of rows is known; numpy leaves room for it
            handle.seek(0)
            np.lib.format.write_array_header_1_0(
                handle, {"descr": FIELDS.descr, "fortran_order": False, "shape": (count,)}
            )
            for time, detector in pieces if not count else ():
                rows = np.empty(time.size, FIELDS)
                rows["time_ps"], rows["detector"] = time, detector
                rows.tofile(handle)
                count += rows.size


def write_parquet(path: Path, pieces: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
    """Write tags as row groups of a Parquet file, compressed by zstd, with a checksum on each page; see `write_npy`."""
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema({"time_ps": pa.int64(), "detector": pa.uint8()})
    with parquet.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as file:
        for time, detector in pieces:
            file.write_batch(pa.record_batch([time, detector], schema=schema))
