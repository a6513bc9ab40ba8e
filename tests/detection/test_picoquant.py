"""PTU and HT3 files, made here from the vendor's description of them, and read by ptufile besides."""

import struct
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ptufile import PtuFile

from satqkd.detection.picoquant import LAYOUTS, decode, read_ht3, read_ptu

from ..sizes import examples

T2 = [kind for kind, layout in LAYOUTS.items() if not layout.t3]
T3 = [kind for kind, layout in LAYOUTS.items() if layout.t3]
HYDRA_T2, HYDRA_T3 = 0x01010204, 0x01010304
UNIT_S = {T2[0]: 4e-12, T2[1]: 1e-12, T2[2]: 1e-12, T2[3]: 2.5e-10, T2[4]: 2.5e-11, T2[5]: 5e-12}


def header_tag(name, kind, value, more=b""):
    packed = struct.pack("<d", value) if kind == 0x20000008 else struct.pack("<q", value)
    return struct.pack("<32siI", name.encode(), -1, kind) + packed + more


def write_ptu(path, records, kind, *, unit_s=1e-12, fine_s=1e-12, count=None):
    """A PTU file with a header of every kind of tag."""
    head = b"PQTTTR\0\0" + b"1.0.00\0\0"
    head += header_tag("File_Comment", 0x4001FFFF, 16, b"made by a test\0\0")
    head += header_tag("Wide", 0x4002FFFF, 8, "ab\0\0".encode("utf-16le"))
    head += header_tag("Blob", 0xFFFFFFFF, 8, b"12345678") + header_tag("Floats", 0x2001FFFF, 16, bytes(16))
    head += header_tag("Fast_Load_End", 0xFFFF0008, 0) + header_tag("HW_Marker", 0x00000008, 1)
    head += header_tag("File_CreatingTime", 0x21000008, 0) + header_tag(
        "Measurement_Mode", 0x10000008, 2 + LAYOUTS[kind].t3
    )
    values = {
        "TTResultFormat_TTTRRecType": (0x10000008, kind),
        "TTResultFormat_BitsPerRecord": (0x10000008, 32),
        "TTResult_NumberOfRecords": (0x10000008, len(records) if count is None else count),
        "MeasDesc_GlobalResolution": (0x20000008, unit_s),
        "MeasDesc_Resolution": (0x20000008, fine_s),
    }
    for name, entry in values.items():
        head += header_tag(name, *entry)
    head += header_tag("Header_End", 0xFFFF0008, 0)
    path.write_bytes(head + np.asarray(records, "<u4").tobytes())
    return path


def write_ht3(path, records, *, version="2.0", sync_hz=80_000_000, fine_ps=4.0, count=None, inputs=2, **changes):
    """An HT3 file: text, settings, hardware, inputs, what the tagger counted, imaging."""
    fields = {"ident": "HydraHarp", "bits": 32, "mode": 3, "image": 3} | changes
    head = struct.pack("<16s6s18s12s18s2s256s", fields["ident"].encode(), version.encode(), *5 * [b""])
    head += struct.pack("<6id", 1, fields["bits"], 0, fields["mode"], 0, 0, fine_ps) + bytes(40 + 64 + 36 + 36)
    head += bytes(16 + 8 + 4 + 4 + 80) + struct.pack("<dqi", 1.0, 3, inputs) + bytes(28) + bytes(20 * inputs)
    total = len(records) if count is None else count
    head += struct.pack("<4iq", sync_hz, 1000, 0, fields["image"], total) + bytes(4 * fields["image"])
    path.write_bytes(head + np.asarray(records, "<u4").tobytes())
    return path


def overflow_records(kind, count):
    """Records that stand for so many overflows of the counter."""
    layout = LAYOUTS[kind]
    if layout.picoharp:
        return [15 << 28] * count
    word = 1 << 31 | 63 << 25
    if layout.single:
        return [word] * count
    most = 1023 if layout.t3 else (1 << 25) - 1
    whole, rest = divmod(count, most)
    return [word | most] * whole + [word | rest] * (rest > 0)


def packed(kind, events):
    """Records of (ticks, fine, channel) in ascending order, channel as `read_ptu` gives it."""
    layout, records, wraps = LAYOUTS[kind], [], 0
    for ticks, fine, channel in events:
        records += overflow_records(kind, ticks // layout.wrap - wraps)
        wraps, tick = divmod(ticks, layout.wrap)
        if layout.picoharp:
            records.append(channel << 28 | (fine << 16 | tick if layout.t3 else tick))
        elif channel == 0:
            records.append(1 << 31 | tick)
        else:
            records.append((channel - 1) << 25 | (fine << 10 | tick if layout.t3 else tick))
    return records


def marker(kind, tick):
    layout = LAYOUTS[kind]
    if layout.picoharp:
        return 15 << 28 | (3 << 16 if layout.t3 else tick & ~15 | 3)
    return 1 << 31 | 5 << 25 | tick


def flags(kind):
    layout = LAYOUTS[kind]
    return layout.picoharp, layout.t3, layout.wrap, layout.single


def all_tags(pieces):
    pieces = list(pieces)
    return tuple(np.concatenate([piece[i] for piece in pieces]) for i in range(3))


@st.composite
def recordings(draw, kinds):
    """A record type, events that may be some overflows apart, and where markers stand between them."""
    kind = draw(st.sampled_from(kinds))
    layout = LAYOUTS[kind]
    steps = draw(st.lists(st.integers(0, 3 * layout.wrap), min_size=1, max_size=20))
    fine = st.integers(0, 4000) if layout.t3 else st.just(0)
    lowest = 1 if layout.t3 else 0
    channels = st.integers(lowest, 4 if layout.picoharp else 63)
    events = [(int(t), draw(fine), draw(channels)) for t in np.cumsum(steps)]
    marked = draw(st.lists(st.integers(0, len(events) - 1), max_size=3, unique=True))
    records = []
    for i, event in enumerate(events):
        before = events[i - 1][0] // layout.wrap * layout.wrap if i else 0
        records += packed(kind, [(event[0] - before, *event[1:])])
        records += [marker(kind, event[0] % layout.wrap)] if i in marked else []
    return kind, events, records, len(marked)


@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(recording=recordings(T2), size=st.integers(1, 30))
def test_t2_times_come_back_to_the_picosecond(recording, size, tmp_path):
    kind, events, records, markers = recording
    path, notes = write_ptu(tmp_path / "a.ptu", records, kind, unit_s=UNIT_S[kind]), Counter()
    time, detector, record = all_tags(read_ptu(path, size, notes))
    assert time.tolist() == [ticks * round(UNIT_S[kind] * 1e12) for ticks, _, _ in events]
    assert detector.tolist() == [channel for _, _, channel in events]
    assert notes["markers"] == markers
    kept = np.array(records)[record]
    assert np.all(np.diff(record) > 0) and len(kept) == len(events)
    assert [
        decode(kept[i : i + 1].astype(np.uint32), *flags(kind), 0)[2][0] for i in range(len(kept))
    ] == detector.tolist()
    assert time.dtype == np.int64 and detector.dtype == np.uint8


@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(recording=recordings(T3), size=st.integers(1, 30))
def test_t3_times_are_sync_pulses_and_the_time_since(recording, size, tmp_path):
    kind, events, records, markers = recording
    path, notes = write_ptu(tmp_path / "a.ptu", records, kind, unit_s=12.5e-9, fine_s=4e-12), Counter()
    time, detector, _ = all_tags(read_ptu(path, size, notes))
    assert time.tolist() == [ticks * 12500 + fine * 4 for ticks, fine, _ in events]
    assert detector.tolist() == [channel for _, _, channel in events]
    assert notes["markers"] == markers


@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(recording=recordings(T2 + T3))
def test_ptufile_reads_the_same(recording, tmp_path):
    """Another's reading of the same file; ptufile counts inputs from 0, and calls the sync input 0 as well."""
    kind, _, records, _ = recording
    layout = LAYOUTS[kind]
    with PtuFile(write_ptu(tmp_path / "a.ptu", records, kind)) as file:
        theirs = file.decode_records()
    theirs = theirs[theirs["channel"] >= 0]
    words = np.array(records, np.uint32)
    ticks, fine, channel, *_ = decode(words, *flags(kind), 0)
    assert theirs["time"].tolist() == ticks.tolist()
    assert theirs["channel"].tolist() == [c if kind == 0x00010203 else max(c - 1, 0) for c in channel.tolist()]
    if layout.t3:
        assert theirs["dtime"].tolist() == fine.tolist()


def plain_decode(records, layout):
    """The vendor's description of the records, one after another, in plain Python."""
    overflow, found = 0, []
    for number, word in enumerate(records):
        bits = f"{word:032b}"
        if layout.picoharp:
            channel = int(bits[:4], 2)
            fine, tick = (int(bits[4:16], 2), int(bits[16:], 2)) if layout.t3 else (0, int(bits[4:], 2))
            if channel == 15 and (fine if layout.t3 else int(bits[28:], 2)) == 0:
                overflow += layout.wrap
            elif layout.t3 <= channel <= 4 and tick < layout.wrap:
                found.append((overflow + tick, fine, channel, number))
            elif channel != 15:
                return found, number
            continue
        special, channel = int(bits[0]), int(bits[1:7], 2)
        fine, tick = (int(bits[7:22], 2), int(bits[22:], 2)) if layout.t3 else (0, int(bits[7:], 2))
        if not special and tick < layout.wrap:
            found.append((overflow + tick, fine, channel + 1, number))
        elif special and channel == 63:
            overflow += layout.wrap if layout.single or tick == 0 else layout.wrap * tick
        elif special and channel == 0 and not layout.t3 and tick < layout.wrap:
            found.append((overflow + tick, 0, 0, number))
        elif not (special and 1 <= channel <= 15):
            return found, number
    return found, -1


@settings(max_examples=examples(400))
@given(
    kind=st.sampled_from(list(LAYOUTS)),
    records=st.lists(
        st.integers(0, 2**32 - 1)
        | st.builds(lambda high, low: high << 25 | low, st.sampled_from([64, 65, 79, 127]), st.integers(0, 3))
        | st.builds(lambda low: 15 << 28 | low, st.integers(0, 20)),
        max_size=12,
    ),
)
def test_any_words_are_decoded_as_the_description_says(kind, records):
    layout = LAYOUTS[kind]
    words = np.array(records, np.uint32)
    *columns, _, _, bad = decode(words, *flags(kind), 0)
    found, expected_bad = plain_decode(records, layout)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == found
    assert bad == expected_bad


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_ht3_files_are_read(version, tmp_path):
    kind = 0x00010304 if version == "1.0" else HYDRA_T3
    events = [(5, 100, 1), (1030, 0, 2), (5000, 7, 1), (80_000_123, 9, 2)]
    path = write_ht3(tmp_path / "a.ht3", packed(kind, events), version=version)
    time, detector, _ = all_tags(read_ht3(path, 1000, Counter()))
    assert time.tolist() == [ticks * 12500 + fine * 4 for ticks, fine, _ in events]
    assert detector.tolist() == [1, 2, 1, 2]


def test_sync_pulses_of_an_odd_rate_do_not_drift(tmp_path):
    """An hour of 76.123457 MHz, with the last pulse a whole number of seconds after the first."""
    rate_hz = 76_123_457
    path = write_ht3(tmp_path / "a.ht3", packed(HYDRA_T3, [(0, 0, 1), (3600 * rate_hz, 3, 1)]), sync_hz=rate_hz)
    time, *_ = all_tags(read_ht3(path, 1000, Counter()))
    assert time.tolist() == [0, 3600 * 10**12 + 12]


GOOD = [(1000, 0, 1), (40_000_000, 0, 2), (41_000_000, 0, 0)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b"PQHISTO" + b[7:], "is not a PTU file: it does not begin with PQTTTR"),
        (lambda b: b"", "is not a PTU file"),
        (lambda b: b[:200], "the header has no end: it is truncated"),
        (lambda b: b[:-2], "ends in the middle of record 3: it is truncated"),
        (lambda b: b[:-4], "the header states 4 records, the file has 3: it is truncated, or its header is wrong"),
        (lambda b: b + bytes(8), "the header states 4 records, the file has 6"),
        (
            lambda b: b.replace(struct.pack("<q", HYDRA_T2), struct.pack("<q", 0x00010999)),
            "TTTRRecType=0x00010999 is unknown",
        ),
        (lambda b: b.replace(struct.pack("<d", 1e-12), struct.pack("<d", -1e-12)), "gives a resolution of -1e-12 s"),
        (lambda b: b.replace(struct.pack("<d", 1e-12), struct.pack("<d", np.nan)), "gives a resolution of nan s"),
        (lambda b: b.replace(b"MeasDesc_GlobalResolution", b"measDesc_GlobalResolution"), "lacks MeasDesc_GlobalReso"),
        (
            lambda b: b.replace(struct.pack("<iI", -1, 0x4001FFFF), struct.pack("<iI", -1, 77)),
            "File_Comment is of the unknown type 0x4d",
        ),
        (
            lambda b: b.replace(struct.pack("<Iq", 0x4001FFFF, 16), struct.pack("<Iq", 0x4001FFFF, -48)),
            "File_Comment is of",
        ),
        (lambda b: b[:-4] + b"\xff\xff\xff\xbf", "record 3 is 0xbfffffff, which a HydraHarp V2 T2 never writes"),
    ],
)
def test_a_damaged_ptu_file_is_named_with_its_fault(change, message, tmp_path):
    path = write_ptu(tmp_path / "lab.ptu", packed(HYDRA_T2, GOOD), HYDRA_T2)
    whole = path.read_bytes()
    path.write_bytes(change(whole))
    assert path.read_bytes() != whole
    with pytest.raises(ValueError) as error:
        all_tags(read_ptu(path, 2, Counter()))
    assert str(error.value).startswith(f"{path}: ") and message in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ident": "TimeHarp 260"}, "is not an HT3 file of a HydraHarp"),
        ({"version": "3.0"}, "unknown HT3 version '3.0': known are 1.0 and 2.0"),
        ({"mode": 2}, "has 32 bits a record in mode 2, not 32 in mode 3"),
        ({"bits": 64}, "has 64 bits a record"),
        ({"sync_hz": 0}, "the header's SyncRate is 0: without it"),
        ({"count": 7}, "the header states 7 records, the file has 4"),
        ({"fine_ps": 0.0}, "gives a resolution of 0 s"),
    ],
)
def test_a_damaged_ht3_file_is_named_with_its_fault(change, message, tmp_path):
    path = write_ht3(tmp_path / "lab.ht3", packed(HYDRA_T3, [(1, 1, 1), (5000, 2, 1), (6000, 3, 2)])[:4], **change)
    with pytest.raises(ValueError) as error:
        all_tags(read_ht3(path, 2, Counter()))
    assert str(error.value).startswith(f"{path}: ") and message in str(error.value)


@pytest.mark.parametrize("inputs", [10_000, 2**31 - 1])
def test_an_ht3_header_of_more_inputs_than_the_file_has_room_for_is_refused(inputs, tmp_path):
    path = write_ht3(tmp_path / "lab.ht3", packed(HYDRA_T3, [(1, 1, 1)]))
    whole = path.read_bytes()
    path.write_bytes(whole[:664] + struct.pack("<i", inputs) + whole[668:])
    with pytest.raises(ValueError, match="the header has no end: it is truncated"):
        all_tags(read_ht3(path, 2, Counter()))


def test_a_header_that_counts_none_is_mended_and_said(tmp_path):
    """The instrument's software writes the count last: it is 0 where a run was broken off."""
    path, notes = write_ptu(tmp_path / "a.ptu", packed(HYDRA_T2, GOOD), HYDRA_T2, count=0), Counter()
    assert all_tags(read_ptu(path, 2, notes))[0].size == 3
    assert notes["uncounted_records"] == 4
