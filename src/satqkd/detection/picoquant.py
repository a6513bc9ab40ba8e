"""Time tags of PicoQuant's instruments: PTU files of every instrument, and HT3 files of the HydraHarp.

Written from the vendor's public description of its files (PicoQuant-Time-Tagged-File-Format-Demos: tag types, tag
dictionary, TTTR record formats) and of HT3 (its access demo).
"""

import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np

from satqkd.detection.columns import Pieces
from satqkd.flight import PS

FS = 1e15
LONGEST_S = 2.0**63 / PS  # 106 days: 64 bits of picoseconds hold no more
MOST_TICKS = 1 << 62
MOST_HEADER_TAGS = 10_000
END = "it is truncated, or its header is wrong: copy it again from the instrument's computer"
# Type codes of header tags whose value is a number, and of those whose value is the length of the data that follow.
INT8, FLOAT8 = 0x10000008, 0x20000008
NUMBERS = {0xFFFF0008, 0x00000008, INT8, 0x11000008, 0x12000008, FLOAT8, 0x21000008}
LENGTHS = {0x1001FFFF, 0x2001FFFF, 0x4001FFFF, 0x4002FFFF, 0xFFFFFFFF}


@dataclass(frozen=True)
class Layout:
    """The use of the 32 bits of a record.

    Attributes
    ----------
    device : str
    picoharp : bool
        Whether a record has four bits of channel, with 15 for special records; else a special bit and six of channel.
    t3 : bool
        Whether a record has a count of sync pulses and the time since the last one; else one time.
    wrap : int
        What one overflow adds to the counter.
    single : bool
        Whether a record of overflows always stands for one; else it has their number.
    """

    device: str
    picoharp: bool
    t3: bool
    wrap: int
    single: bool


LAYOUTS = {
    0x00010203: Layout("PicoHarp 300 T2", True, False, 210698240, True),
    0x00010303: Layout("PicoHarp 300 T3", True, True, 1 << 16, True),
    0x00010204: Layout("HydraHarp V1 T2", False, False, 33552000, True),
    0x00010304: Layout("HydraHarp V1 T3", False, True, 1 << 10, True),
    0x01010204: Layout("HydraHarp V2 T2", False, False, 1 << 25, False),
    0x01010304: Layout("HydraHarp V2 T3", False, True, 1 << 10, False),
    0x00010205: Layout("TimeHarp 260 N T2", False, False, 1 << 25, False),
    0x00010305: Layout("TimeHarp 260 N T3", False, True, 1 << 10, False),
    0x00010206: Layout("TimeHarp 260 P T2", False, False, 1 << 25, False),
    0x00010306: Layout("TimeHarp 260 P T3", False, True, 1 << 10, False),
    0x00010207: Layout("MultiHarp, PicoHarp 330 T2", False, False, 1 << 25, False),
    0x00010307: Layout("MultiHarp, PicoHarp 330 T3", False, True, 1 << 10, False),
}


@dataclass(frozen=True)
class Header:
    """The header of a file, as far as it describes the records.

    Attributes
    ----------
    record_type : int
        Key of `LAYOUTS`.
    offset : int
        First byte of the records.
    records : int
        Number of records; 0 if the instrument stopped before it wrote the number.
    unit_s : float
        Unit of the time of a T2 record, or of the count of sync pulses of a T3 record [s].
    fine_unit_s : float
        Unit of the time since the last sync pulse, T3 only [s].
    """

    record_type: int
    offset: int
    records: int
    unit_s: float
    fine_unit_s: float


def read_ptu(path: Path, size: int, notes: Counter) -> Pieces:
    """Yield the tags of a PTU file, piece by piece.

    Parameters
    ----------
    path : Path
    size : int
        Records in a piece.
    notes : Counter
        Receives the number of markers that were left out.

    Yields
    ------
    time_ps, detector, record : ndarray of int64, uint8, int64, shape (tag,)
        Time [ps]; channel, 0 for the sync input and n for input n, except of a PicoHarp 300, where it is as recorded;
        and number of the record from 0.

    Raises
    ------
    ValueError
        For a file of another kind, for one that is truncated or contradicts its header, and for a record that the
        instrument cannot have written.
    """
    yield from _read(path, ptu_header(path), size, notes)


def read_ht3(path: Path, size: int, notes: Counter) -> Pieces:
    """Yield the tags of a HydraHarp's HT3 file, piece by piece; see `read_ptu`."""
    yield from _read(path, ht3_header(path), size, notes)


def ptu_header(path: Path) -> Header:
    """Read the tags at the beginning of a PTU file."""
    tags: dict[str, Any] = {}
    size = path.stat().st_size
    with path.open("rb") as handle:
        if handle.read(16)[:8] != b"PQTTTR\0\0":
            raise ValueError(f"{path}: is not a PTU file: it does not begin with PQTTTR")
        for _ in range(MOST_HEADER_TAGS):
            entry = handle.read(48)
            if len(entry) < 48:
                break
            name, _, kind, value = struct.unpack("<32siIq", entry)
            name = "".join(filter(str.isprintable, name.split(b"\0")[0].decode("latin1")))
            if kind in LENGTHS and value >= 0:
                handle.seek(min(value, size), 1)
            elif kind not in NUMBERS:
                raise ValueError(
                    f"{path}: the header's {name} is of the unknown type {kind:#x} or of negative length: {END}"
                )
            tags[name] = struct.unpack("<d", entry[-8:])[0] if kind == FLOAT8 else value
            if name == "Header_End":
                break
        offset = handle.tell()
    if "Header_End" not in tags:
        raise ValueError(f"{path}: the header has no end: {END}")
    names = ("TTResultFormat_TTTRRecType", "TTResult_NumberOfRecords", "MeasDesc_GlobalResolution")
    if missing := [name for name in names if name not in tags]:
        raise ValueError(f"{path}: the header lacks {missing[0]}: {END}")
    kind, records, unit_s = (tags[name] for name in names)
    for name, value in zip(names[:2], (kind, records), strict=True):
        if not isinstance(value, int):
            raise ValueError(f"{path}: the header's {name}={value:g} is not a whole number: {END}")
    return Header(kind, offset, records, float(unit_s), float(tags.get("MeasDesc_Resolution", 0.0)))


def ht3_header(path: Path) -> Header:
    """Read the header of fixed length that the HydraHarp's older software writes, versions 1.0 and 2.0."""
    with path.open("rb") as handle:
        head = handle.read(696)
        if not head.startswith(b"HydraHarp\0"):
            raise ValueError(f"{path}: is not an HT3 file of a HydraHarp: it does not begin with HydraHarp; export PTU")
        version = head[16:22].split(b"\0")[0].decode("latin1")
        kinds = {"1.0": 0x00010304, "2.0": 0x01010304}
        if version not in kinds:
            raise ValueError(f"{path}: is of the unknown HT3 version {version!r}: known are 1.0 and 2.0; export PTU")
        if len(head) < 696:
            raise ValueError(f"{path}: the header has no end: {END}")
        bits, _, mode = struct.unpack_from("<3i", head, 332)
        if (bits, mode) != (32, 3):
            raise ValueError(f"{path}: has {bits} bits a record in mode {mode}, not 32 in mode 3 (T3): export PTU")
        inputs = struct.unpack_from("<i", head, 664)[0]
        handle.seek(20 * max(inputs, 0), 1)
        tail = handle.read(24)
        if len(tail) < 24:
            raise ValueError(f"{path}: the header has no end: {END}")
        sync_rate_hz, _, _, image, records = struct.unpack("<4iq", tail)
        offset = handle.tell() + 4 * max(image, 0)
    if sync_rate_hz <= 0:
        raise ValueError(
            f"{path}: the header's SyncRate is {sync_rate_hz}: without it counts of sync pulses have no time"
        )
    return Header(kinds[version], offset, records, 1 / sync_rate_hz, struct.unpack_from("<d", head, 352)[0] / PS)


def _read(path: Path, header: Header, size: int, notes: Counter) -> Pieces:
    """Yield times, channels and numbers of the records that are tags."""
    layout = _checked_layout(path, header, notes)
    overflow, first = 0, 0
    with path.open("rb") as handle:
        handle.seek(header.offset)
        while (records := np.fromfile(handle, "<u4", size)).size:
            ticks, fine, channel, index, overflow, markers, bad = decode(
                records, layout.picoharp, layout.t3, layout.wrap, layout.single, overflow
            )
            if bad >= 0:
                raise ValueError(
                    f"{path}: record {first + bad} is {records[bad]:#010x}, which a {layout.device} never writes: "
                    "the file is damaged, or its header names another instrument"
                )
            notes["markers"] += markers
            if ticks.size and ticks.max() * header.unit_s >= LONGEST_S:
                raise ValueError(
                    f"{path}: record {first + index[ticks.argmax()]} comes after {ticks.max() * header.unit_s:.3g} s, "
                    f"later than the {LONGEST_S:.3g} s that fit into a time in ps: {END}"
                )
            yield _time_ps(ticks, fine, header, layout.t3), channel, first + index
            first += records.size


def _checked_layout(path: Path, header: Header, notes: Counter) -> Layout:
    """Return the layout of the records; refuse a header that contradicts the length of the file."""
    if header.record_type not in LAYOUTS:
        raise ValueError(f"{path}: TTResultFormat_TTTRRecType={header.record_type:#010x} is unknown: {END}")
    layout = LAYOUTS[header.record_type]
    present, rest = divmod(path.stat().st_size - header.offset, 4)
    if rest or present < 0:
        raise ValueError(f"{path}: ends in the middle of record {max(present, 0)}: {END}")
    if header.records == 0:
        notes["uncounted_records"] += present
    elif present != header.records:
        raise ValueError(f"{path}: the header states {header.records} records, the file has {present}: {END}")
    for unit_s in (header.unit_s, header.fine_unit_s)[: 1 + layout.t3]:
        if not 1 / FS <= unit_s < 1:
            raise ValueError(f"{path}: the header gives a resolution of {unit_s:g} s: {END}")
    return layout


def _time_ps(ticks: np.ndarray, fine: np.ndarray, header: Header, t3: bool) -> np.ndarray:
    """Return times [ps]: exact for T2, whose unit is whole femtoseconds; T3 uses the period of sync pulses, a float."""
    if t3:
        return np.rint(ticks * (header.unit_s * PS) + fine * (header.fine_unit_s * PS)).astype(np.int64)
    unit_fs = round(header.unit_s * FS)
    return ticks // 1000 * unit_fs + (ticks % 1000 * unit_fs + 500) // 1000


@numba.njit(cache=True)
def decode(
    records: np.ndarray, picoharp: bool, t3: bool, wrap: int, single: bool, overflow: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int, int, int]:
    """Unpack records, and undo the overflows of their counter.

    Parameters
    ----------
    records : ndarray of uint32, shape (n,)
    picoharp, t3, wrap, single
        See `Layout`.
    overflow : int
        Sum of the overflows before these records.

    Returns
    -------
    ticks, fine, channel, index : ndarray of int64, int64, uint8, int64, shape (tag,)
        Counter including overflows, time since the sync pulse, channel, and index of the record.
    overflow, markers, bad : int
        Sum of the overflows so far; number of markers; first record that the instrument never writes, or -1.

    Examples
    --------
    >>> two_tags_of_a_picoharp = np.array([5, 1 << 28 | 7], np.uint32)
    >>> ticks, fine, channel, index, *_ = decode(two_tags_of_a_picoharp, True, False, 210698240, True, 0)
    >>> ticks.tolist(), channel.tolist()
    ([5, 7], [0, 1])
    """
    size = records.size
    ticks, fine, index = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.int64)
    channel = np.empty(size, np.uint8)
    n = markers = 0
    word: Any
    overflows: Any
    marker: Any
    for i in range(size):
        word = np.int64(records[i])
        if picoharp:
            code = word >> 28
            special = code == 15
            tick, delay = (word & 0xFFFF, word >> 16 & 0xFFF) if t3 else (word & 0xFFFFFFF, np.int64(0))
            mark = delay if t3 else tick & 15
            overflows = np.int64(special and mark == 0)
            marker = special and mark > 0
            known = special or (np.int64(t3) <= code <= 4 and tick < wrap)
        else:
            code = word >> 25 & 63
            special = word >> 31 == 1
            tick, delay = (word & 0x3FF, word >> 10 & 0x7FFF) if t3 else (word & 0x1FFFFFF, np.int64(0))
            overflows = np.int64(special and code == 63)
            if overflows and not single:
                overflows = max(tick, 1)
            marker = special and 1 <= code <= 15
            sync = special and code == 0 and not t3
            known = overflows or marker or ((sync or not special) and tick < wrap)
            code = 0 if sync else code + 1
        if not known:
            return ticks[:n], fine[:n], channel[:n], index[:n], overflow, markers, i
        overflow += overflows * wrap
        markers += marker
        if overflows or marker:
            if overflow > MOST_TICKS:  # no recording is that long, and 64 bits would overflow soon
                return ticks[:n], fine[:n], channel[:n], index[:n], overflow, markers, i
            continue
        ticks[n] = overflow + tick
        fine[n] = delay
        channel[n] = code
        index[n] = i
        n += 1
    return ticks[:n], fine[:n], channel[:n], index[:n], overflow, markers, -1
