"""Read time tags from lines of text: CSV with named columns, and the two columns of a quTAG."""

import gzip
import io
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numba
import numpy as np

from satqkd.detection.columns import ADVICE, NAMES, Pieces, first_line

LONGEST_LINE = 4096
BOM = b"\xef\xbb\xbf"
DELIMITERS = (",", "\t", ";")
BLOCK_BYTES = 1 << 20  # of a file that are read at a time
LEAST_BYTES = 4  # in a line with two numbers, its end included
MOST_TITLES = 100  # lines before the first number of a file without named columns
MOST_DIGITS = 18  # of a number that always fits into 64 bits
TWO_NUMBERS = "give the time in ps and the channel, both whole numbers, in each line"
SPACE, QUOTE, NEWLINE, RETURN = (ord(mark) for mark in ' "\n\r')


def read_csv(path: Path, size: int, notes: Counter) -> Pieces:
    """Yield the tags of a CSV file whose first line names its columns; see `satqkd.detection.columns.read_npy`.

    Columns are separated by commas, tabs or semicolons, and may be in quotes. The file may be compressed by gzip. Its
    last line may lack an end; this is counted in `notes`, since a file that was cut off looks the same.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_csv(Path(folder, "tags.csv"), [(np.array([100, 250]), np.array([0, 3]))])
    ...     time, detector, record = next(read_csv(Path(folder, "tags.csv"), 10, Counter()))
    >>> time.tolist(), detector.tolist(), list(record)
    ([100, 250], [0, 3], [0, 1])
    """

    def columns(block: bytes) -> tuple[str, tuple[int, int], int, int]:
        header = _line(block, 0).decode("utf-8")
        delimiter = next((mark for mark in DELIMITERS if mark in header), ",")
        names = [name.strip().strip('"') for name in header.split(delimiter)]
        if not set(NAMES) <= set(names):
            raise ValueError(f"{path}: line 1 is {header.rstrip()[:60]!r}: {ADVICE}, and their names in line 1")
        time, detector = (names.index(name) for name in NAMES)
        return delimiter, (time, detector), len(_line(block, 0)), 1

    yield from _read(path, size, notes, columns, f"{ADVICE} [ps, int64]")


def read_qutag(path: Path, size: int, notes: Counter) -> Pieces:
    """Yield the tags of a text file of qutools' quTAG: time and channel in each line, without names of columns.

    Time and channel are separated by commas, tabs, semicolons or spaces. Lines before the first one that begins with a
    digit are left out. Otherwise the file may look as for `read_csv`. A quTAG counts picoseconds (its base unit).

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "tags.txt").write_text("Time Tag ; Channel\\n100 ; 1\\n250 ; 4\\n")
    ...     time, detector, record = next(read_qutag(Path(folder, "tags.txt"), 10, Counter()))
    >>> time.tolist(), detector.tolist()
    ([100, 250], [1, 4])
    """

    def columns(block: bytes) -> tuple[str, tuple[int, int], int, int]:
        start = 0
        for titles in range(MOST_TITLES):
            line = _line(block, start)
            text = line.decode("utf-8").strip()
            if text[:1].isdigit():
                return next((mark for mark in DELIMITERS if mark in text), " "), (0, 1), start, titles
            start += len(line)
            if not line:
                break
        raise ValueError(f"{path}: none of its first {titles + 1} lines begins with a number: {TWO_NUMBERS}")

    yield from _read(path, size, notes, columns, TWO_NUMBERS)


def _read(
    path: Path,
    size: int,
    notes: Counter,
    columns: Callable[[bytes], tuple[str, tuple[int, int], int, int]],
    advice: str,
) -> Pieces:
    """Yield tags; `columns` returns delimiter, indices of both columns, first byte and number of lines before it.

    `columns` gets the first block of the file. Lines that `parse` cannot read are read by numpy, which reads more kinds
    of numbers but is slow.
    """
    first, delimiter = 0, ""
    with opened(path) as handle:
        try:
            blocks = _whole_lines(handle, notes)
            for block in blocks:
                position = 0
                if not delimiter:
                    block = block.removeprefix(BOM)
                    delimiter, places, position, titles = columns(block)
                data = np.frombuffer(block, np.uint8)
                while position < len(block):
                    time, detector, position, odd = parse(data, position, size, ord(delimiter), *places)
                    if time.size:
                        yield time, detector, range(first, first + time.size)
                        first += time.size
                    if not odd:
                        continue
                    lines, position = _lines(block[position:]), len(block)
                    filled = max((n for n, line in enumerate(lines, 1) if line.strip()), default=0)
                    if filled < len(lines):  # a file may end in blank lines, but has none before other lines
                        lines = lines[:filled] + [""] * any(rest.strip() for rest in blocks)
                    if lines:
                        rows = _parsed(path, lines, delimiter, places, first + titles + 1, advice)
                        yield rows[:, 0], rows[:, 1], range(first, first + len(rows))
                        first += len(rows)
            if not delimiter:
                columns(b"")
        except UnicodeDecodeError:
            raise ValueError(f"{path}: contains more than text: is it the right format?") from None
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"{path}: cannot be uncompressed ({first_line(error)}): copy it again") from None


def opened(path: Path) -> BinaryIO:
    """Open a file, which may be compressed by gzip."""
    with path.open("rb") as handle:
        compressed = handle.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if compressed else path.open("rb")  # type: ignore[return-value]


def _whole_lines(handle: BinaryIO, notes: Counter) -> Iterator[bytes]:
    """Yield a file in blocks that end with a line; count a last line without an end, and give it one."""
    rest = b""
    while block := handle.read(BLOCK_BYTES):
        block = rest + block
        # A return at the end of a block may be the first half of a line's end.
        end = block.rfind(b"\n") + 1 or block.rfind(b"\r", 0, len(block) - 1) + 1
        whole, rest = block[:end], block[end:]
        if len(rest) >= LONGEST_LINE:  # too long: refused when it is read
            whole, rest = block + b"\n", b""
        if whole:
            yield whole
    if rest:
        notes["unfinished_lines"] += bool(rest.strip()) and not rest.endswith(b"\r")
        yield rest + b"\n"


def _line(block: bytes, start: int) -> bytes:
    """Return the line that begins at a byte, with its end, up to the length of the longest allowed line."""
    lines = block[start : start + LONGEST_LINE].splitlines(keepends=True)
    return lines[0] if lines else b""


def _lines(block: bytes) -> list[str]:
    """Return lines without their ends."""
    return [line.rstrip("\n") for line in io.StringIO(block.decode("utf-8"), newline=None)]


@numba.njit(cache=True, nogil=True)
def parse(
    data: np.ndarray, position: int, size: int, delimiter: int, time_place: int, detector_place: int
) -> tuple[np.ndarray, np.ndarray, int, bool]:
    """Read two columns of whole numbers from lines of text.

    Parameters
    ----------
    data : ndarray of uint8
        Bytes, the last of which ends a line.
    position : int
        Index of the first byte of the first line.
    size : int
        Largest number of lines to read.
    delimiter : int
        Byte between columns. Several spaces are one delimiter.
    time_place, detector_place : int
        Indices of both columns.

    Returns
    -------
    time, detector : ndarray of int64, uint8, shape (line,)
    position : int
        Index of the first byte of the next line.
    odd : bool
        Whether the next line is one that this function cannot read: it has a number of more than 18 digits or with a
        sign, a detector above 255 or a missing column, or it is blank or too long.

    Examples
    --------
    >>> text = np.frombuffer(b"100,0\\n250,3\\n", np.uint8)
    >>> time, detector, position, odd = parse(text, 0, 10, ord(","), 0, 1)
    >>> time.tolist(), detector.tolist(), position, odd
    ([100, 250], [0, 3], 12, False)
    """
    most = min(size, (data.size - position) // LEAST_BYTES + 1)
    time, detector = np.empty(most, np.int64), np.empty(most, np.uint8)
    last = max(time_place, detector_place)
    sound: Any
    line: Any
    # Unsigned, because numba checks signed indices for negative values.
    p, one, zero, ten = np.uint64(position), np.uint64(1), np.uint64(48), np.uint64(10)
    for n in range(most):
        line = p
        if line == np.uint64(data.size):
            return time[:n], detector[:n], int(line), False
        column = 0
        sound = True
        while True:
            if column in (time_place, detector_place):
                while data[p] == SPACE:
                    p += one
                quoted = data[p] == QUOTE
                p += np.uint64(quoted)
                start, value = p, np.int64(0)
                digit = np.uint64(data[p]) - zero  # unsigned: any byte that is not a digit becomes large
                while digit < ten:
                    value = value * 10 + np.int64(digit)
                    p += one
                    digit = np.uint64(data[p]) - zero
                sound &= start < p <= start + np.uint64(MOST_DIGITS)
                if quoted:
                    sound &= data[p] == QUOTE
                    p += np.uint64(data[p] == QUOTE)
                if column == time_place:
                    time[n] = value
                else:
                    detector[n] = value
                    sound &= value < 256
            elif data[p] == QUOTE:
                p += one
                while sound and data[p] != QUOTE:
                    sound = data[p] != NEWLINE and data[p] != RETURN and data[p] < 128
                    p += one
                p += np.uint64(sound)
            else:
                while data[p] != delimiter and data[p] != NEWLINE and data[p] != RETURN:
                    sound &= data[p] < 128
                    p += one
            if not sound:
                break
            end = p
            while data[p] == SPACE:
                p += one
            mark = data[p]
            if mark in (NEWLINE, RETURN):
                break
            if mark == delimiter:
                p += one
            elif delimiter != SPACE or p == end:
                sound = False
                break
            column += 1
        if not sound or column < last or p - line >= np.uint64(LONGEST_LINE - 1):
            return time[:n], detector[:n], int(line), True
        p += one
        if data[p - one] == RETURN and p < np.uint64(data.size) and data[p] == NEWLINE:
            p += one
    return time, detector, int(p), False


def _parsed(
    path: Path, lines: list[str], delimiter: str, places: tuple[int, int], first: int, advice: str
) -> np.ndarray:
    """Return two columns of numbers, or name the first line that has none; `first` is the number of the first line."""
    for number, line in enumerate(lines, first):
        if len(line) >= LONGEST_LINE - 1:
            raise ValueError(f"{path}: line {number} is longer than {LONGEST_LINE - 1} characters: {advice}")
    rows = _numbers(lines, delimiter, places)
    if rows is None:
        while len(lines) > 1:  # by bisection: finding the line costs no more than reading all
            half = lines[: len(lines) // 2]
            sound = _numbers(half, delimiter, places) is not None
            first, lines = (first + len(half), lines[len(half) :]) if sound else (first, half)
        raise ValueError(f"{path}: line {first} is {lines[0].rstrip()[:60]!r}: {advice}")
    return rows


def _numbers(lines: list[str], delimiter: str, places: tuple[int, int]) -> np.ndarray | None:
    """Return two columns of numbers, or None if any line has none."""
    mark = None if delimiter == " " else delimiter
    with warnings.catch_warnings(action="ignore"):  # numpy warns if all lines are empty
        try:
            rows = np.loadtxt(lines, np.int64, comments=None, delimiter=mark, usecols=places, ndmin=2, quotechar='"')
        except ValueError:
            return None
    return rows if len(rows) == len(lines) else None


def write_csv(path: Path, pieces: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
    """Write tags as lines of a CSV file below ``time_ps,detector``; see `satqkd.detection.columns.write_npy`."""
    with path.open("w", encoding="ascii", newline="\n") as handle:
        handle.write(",".join(NAMES) + "\n")
        for time, detector in pieces:
            handle.writelines(f"{t},{d}\n" for t, d in zip(time.tolist(), detector.tolist(), strict=True))
