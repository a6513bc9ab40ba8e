"""Whether a Parquet file is sound, before a library reads it that trusts it."""

import struct
from pathlib import Path

# What stands in memory at once, and what is walked through before anything is read.
LARGEST_GROUP, LARGEST_FOOTER_BYTES, PAGE_HEADER_BYTES = 1 << 26, 1 << 21, 1 << 12
# By the type of a page: the field of its own header, and what that has to hold; the encoding among it.
PAGES = {0: (5, {1, 2, 3, 4}), 2: (7, {1, 2}), 3: (8, {1, 2, 3, 4, 5, 6})}
ENCODING = {5: 2, 7: 2, 8: 4}
STRUCTURE, DEEPEST, MOST_FIELDS = 12, 16, 64  # of thrift


def require_sound(path: Path, columns: tuple[str, ...]) -> None:
    """Refuse a Parquet file whose structure contradicts itself.

    On such a file fastparquet can crash the interpreter, loop for ever or ask for all memory. What is looked at is the
    footer, and the header of every page of some columns (Apache Parquet's format, thrift's compact protocol).
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
                    if chunk[3][3][-1].decode() in columns:
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
