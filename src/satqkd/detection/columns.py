"""Time tags as two columns, ``time_ps`` and ``detector``: NPY, CSV and Parquet."""

import struct
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
# Of Parquet: what stands in memory at once, and what is walked through before anything is read.
LARGEST_GROUP, LARGEST_FOOTER_BYTES, PAGE_HEADER_BYTES = 1 << 26, 1 << 21, 1 << 12
# By the type of a page: the field of its own header, and what that has to hold; the encoding among it.
PAGES = {0: (5, {1, 2, 3, 4}), 2: (7, {1, 2}), 3: (8, {1, 2, 3, 4, 5, 6})}
ENCODING = {5: 2, 7: 2, 8: 4}
STRUCTURE, DEEPEST, MOST_FIELDS = 12, 16, 64  # of thrift

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
        raise ValueError(f"{path}: is no whole NPY file ({_first_line(error)}): copy it again") from None
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
    """Tags of a Parquet file, one row group at a time (`size` is the file's own); as `read_npy`."""
    import fastparquet  # a tenth of a second that only Parquet is worth

    _require_sound(path)
    try:
        file = fastparquet.ParquetFile(str(path))
        if not set(NAMES) <= set(file.columns):
            raise ValueError(f"has the columns {', '.join(file.columns)[:60]}: {WANTED}")
        first = 0
        for group in file.iter_row_groups(columns=list(NAMES)):
            time, detector = (group[name].to_numpy() for name in NAMES)
            yield *_integers(path, time, detector), first + np.arange(time.size)
            first += time.size
    except Exception as error:  # of every library that a page goes through
        text = _first_line(error)
        raise ValueError(
            text if text.startswith(str(path)) else f"{path}: no whole Parquet file of tags: {text}"
        ) from None


def _require_sound(path: Path) -> None:
    """Refuse a Parquet file whose structure contradicts itself.

    On such a file fastparquet can crash the interpreter, loop for ever or ask for all memory. What is looked at is the
    footer, and the header of every page of the two columns (Apache Parquet's format, thrift's compact protocol).
    """
    size = path.stat().st_size
    with path.open("rb") as handle:
        if handle.read(4) != b"PAR1" or size < 12:
            raise ValueError(f"{path}: is no Parquet file: it does not begin with PAR1")
        handle.seek(size - 8)
        length, magic = struct.unpack("<I4s", handle.read(8))
        if magic != b"PAR1" or length > size - 12:
            raise ValueError(f"{path}: is no whole Parquet file: it does not end with its footer, copy it again")
        if length > LARGEST_FOOTER_BYTES:
            raise ValueError(
                f"{path}: has a footer of {length} bytes, more than {LARGEST_FOOTER_BYTES}: write larger row groups"
            )
        handle.seek(size - 8 - length)
        try:
            footer, _ = _thrift(handle.read(length), 0)
            groups = footer[4]
            if footer[3] != sum(group[3] for group in groups):
                raise ValueError(f"the footer says {footer[3]} rows, its row groups {sum(g[3] for g in groups)}")
            for number, group in enumerate(groups):
                if not 0 <= group[3] <= LARGEST_GROUP:
                    raise ValueError(f"row group {number} has {group[3]} rows, outside [0, {LARGEST_GROUP}]")
                for chunk in group[1]:
                    if chunk[3][3][-1].decode() in NAMES:
                        _require_sound_pages(
                            handle, chunk, group[3], f"{chunk[3][3][-1].decode()} of row group {number}"
                        )
        except (KeyError, IndexError, TypeError, AttributeError, UnicodeDecodeError, struct.error):
            raise ValueError(f"{path}: no whole Parquet file of tags: its headers are damaged, copy it again") from None
        except ValueError as error:
            raise ValueError(
                f"{path}: no whole Parquet file of tags: {error}: copy it again, or write it anew"
            ) from None


def _require_sound_pages(handle, chunk: dict, rows: int, where: str) -> None:
    """Refuse a column of a row group whose pages do not hold its rows."""
    column = chunk[3]
    place, left = min(column.get(11, column[9]) or column[9], column[9]), column[7]
    if 1 in chunk or column[5] != rows or place < 4:
        raise ValueError(f"{where} stands in another file, or has {column[5]} values for {rows} rows")
    found = 0
    while found < rows:
        handle.seek(place)
        page, length = _thrift(handle.read(min(left, PAGE_HEADER_BYTES)), 0)
        kind, needed = PAGES[page[1]]
        values = page[kind][1]
        left -= length + page[3]
        place += length + page[3]
        # Eight bytes a number, as many for its levels, and what a codec adds.
        sound = 0 < values <= rows and page[3] >= 0 and 0 <= page[2] <= 16 * values + PAGE_HEADER_BYTES and left >= 0
        if not sound or not needed <= page[kind].keys() or not 0 <= page[kind][ENCODING[kind]] <= 9:
            raise ValueError(f"{where} has a page of {values} values in {page[2]} bytes, {page[3]} in the file")
        found += values if page[1] != 2 else 0
    if found != rows:
        raise ValueError(f"{where} has {found} values for {rows} rows")


def _thrift(data: bytes, place: int, kind: int = STRUCTURE, depth: int = 0):
    """A value in thrift's compact protocol, and where it ends: structures as dicts by number of the field.

    Only what Parquet's headers are made of, and what fastparquet's reader of them knows: what else there is, it passes
    over in wrong steps.

    Raises
    ------
    IndexError, struct.error
        When it does not end within the data.
    ValueError
        For other types, fields without a step, and structures too deep.
    """
    if kind in (1, 2):  # the type of a bool is its value
        return kind == 1, place
    if kind == 3:
        return data[place], place + 1
    if kind in (4, 5, 6):
        number, place = _varint(data, place)
        return number >> 1 ^ -(number & 1), place
    if kind == 7:
        return struct.unpack_from("<d", data, place)[0], place + 8
    if kind == 8:
        length, place = _varint(data, place)
        if length > len(data) - place:
            raise IndexError
        return data[place : place + length], place + length
    if kind == 9:
        count, inner = data[place] >> 4, data[place] & 15
        count, place = _varint(data, place + 1) if count == 15 else (count, place + 1)
        if count > len(data) - place:  # each takes a byte at least
            raise IndexError
        if count and inner not in (5, 6, 8, STRUCTURE):
            raise ValueError(f"it has a list of type {inner}")
        values = []
        for _ in range(count):
            value, place = _thrift(data, place, inner, depth + 1)
            values.append(value)
        return values, place
    if kind != STRUCTURE or depth > DEEPEST:
        raise ValueError(f"it has a field of type {kind} {depth} levels deep")
    fields, name = {}, 0
    while data[place]:
        step, inner = data[place] >> 4, data[place] & 15
        name += step
        if not step or name > MOST_FIELDS:
            raise ValueError(f"it has a field after {name} that no header has")
        fields[name], place = _thrift(data, place + 1, inner, depth + 1)
    return fields, place + 1


def _varint(data: bytes, place: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        number |= (data[place] & 127) << shift
        place += 1
        if data[place - 1] < 128:
            return number, place
    raise ValueError("it has a number of more than 64 bits")


def _integers(path: Path, time: np.ndarray, detector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    for name, values in zip(NAMES, (time, detector), strict=True):
        if values.dtype.kind not in "iu" or (values.dtype == np.uint64 and np.any(values >> np.uint64(63))):
            raise ValueError(f"{path}: {name} is {values.dtype}, not whole numbers of 64 bits: {WANTED}")
    return time.astype(np.int64), detector.astype(np.int64)


def _first_line(error: Exception) -> str:
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
    """Write tags as row groups of a Parquet file, zstd; as `write_npy`."""
    import fastparquet
    import pandas as pd

    for number, (time, detector) in enumerate(pieces):
        rows = pd.DataFrame({"time_ps": time, "detector": detector})
        fastparquet.write(str(path), rows, compression="ZSTD", write_index=False, append=number > 0)
