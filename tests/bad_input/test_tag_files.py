"""Damaged recordings of every format: one sentence with file, record and value, and no tag that nobody recorded."""

import json
import struct
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
import xarray as xr
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from satqkd.detection import recordings, tag_chunks, write_tags
from satqkd.detection.text import LONGEST_LINE

from ..sizes import examples

OPEN = ("npy", "csv", "parquet", "a1")
FORMATS = (*OPEN, "ptu", "ht3")
TAGS = 300
MEGABYTE = 1 << 20
EXAMPLES = settings(
    max_examples=examples(75),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def header_tag(name, kind, value, more=b""):
    packed = struct.pack("<d", value) if kind == 0x20000008 else struct.pack("<q", value)
    return struct.pack("<32siI", name.encode(), -1, kind) + packed + more


def ptu(records, *, first=(), **changes):
    """A PTU file of a HydraHarp, T2; a value of None leaves its tag out."""
    tags = {
        "TTResultFormat_TTTRRecType": (0x10000008, 0x01010204),
        "TTResult_NumberOfRecords": (0x10000008, len(records)),
        "MeasDesc_GlobalResolution": (0x20000008, 1e-12),
        "Header_End": (0xFFFF0008, 0),
    } | changes
    head = b"PQTTTR\0\0" + b"1.0.00\0\0" + b"".join(first)
    head += b"".join(header_tag(name, *entry) for name, entry in tags.items() if entry)
    return head + np.asarray(records, "<u4").tobytes()


def ht3(records, *, inputs=2, image=0, sync_hz=80_000_000, count=None):
    head = struct.pack("<16s6s18s12s18s2s256s", b"HydraHarp", b"2.0", *5 * [b""])
    head += struct.pack("<6id", 1, 32, 0, 3, 0, 0, 4.0) + bytes(40 + 64 + 36 + 36)
    head += bytes(16 + 8 + 4 + 4 + 80) + struct.pack("<dqi", 1.0, 3, inputs) + bytes(28) + bytes(40)
    return (
        head
        + struct.pack("<4iq", sync_hz, 1000, 0, image, len(records) if count is None else count)
        + np.asarray(records, "<u4").tobytes()
    )


@pytest.fixture(scope="module", autouse=True)
def sound(tmp_path_factory):
    """The bytes of a sound file of each format; each is read once, so that no test waits for compilers and imports."""
    folder = tmp_path_factory.mktemp("sound")
    times = np.cumsum(np.random.default_rng(1).integers(1, 10**6, TAGS))
    tags = xr.Dataset({"time": ("tag", times), "detector": ("tag", (times % 4).astype(np.uint8))})
    files = {}
    for name in OPEN:
        write_tags(tags, folder / f"a.{name}")
        files[name] = (folder / f"a.{name}").read_bytes()
    words = np.arange(TAGS) | (np.arange(TAGS) % 4 << 25)
    files |= {"ptu": ptu(words), "ht3": ht3(words)}
    for name, content in files.items():
        (folder / f"b.{name}").write_bytes(content)
        read_all(folder / f"b.{name}")
    return files


def read_all(path, **how):
    pieces = list(tag_chunks(path, **how))
    time = np.concatenate([piece.time.values for piece in pieces])
    assert time.dtype == np.int64 and time.min() >= 0 and np.all(np.diff(time) >= 0)
    return time


def refused_or_sound(path, refusal, **how):
    """Either tags in order, or one sentence."""
    try:
        read_all(path, **how)
    except ValueError:
        assert refusal(lambda path: read_all(path, **how), path).startswith(f"{path}: ")


@pytest.mark.parametrize("name", FORMATS)
def test_the_sound_files_are_sound(name, sound, tmp_path):
    path = tmp_path / f"a.{name}"
    path.write_bytes(sound[name])
    assert read_all(path).size == TAGS


@pytest.mark.parametrize("name", FORMATS)
@EXAMPLES
@given(content=st.binary(max_size=600), start=st.integers(0, 64))
def test_random_bytes_with_or_without_a_beginning(name, content, start, sound, tmp_path, refusal):
    path = tmp_path / f"a.{name}"
    path.write_bytes(sound[name][:start] + content)
    refused_or_sound(path, refusal)


@pytest.mark.parametrize("name", FORMATS)
@EXAMPLES
@given(data=st.data())
def test_whatever_byte_is_changed_cut_or_put_in(name, data, sound, tmp_path, refusal):
    whole = sound[name]
    # Headers and footers, where a byte weighs most, as often as all the rest.
    place = data.draw(
        st.integers(0, len(whole) - 1) | st.integers(0, 200) | st.integers(len(whole) - 500, len(whole) - 1)
    )
    change = data.draw(st.sampled_from(["change", "cut", "insert", "delete"]))
    some = data.draw(st.binary(min_size=1, max_size=8))
    path = tmp_path / f"a.{name}"
    path.write_bytes(
        {
            "change": whole[:place] + some + whole[place + len(some) :],
            "cut": whole[:place],
            "insert": whole[:place] + some + whole[place:],
            "delete": whole[:place] + whole[place + len(some) :],
        }[change]
    )
    refused_or_sound(path, refusal)


@pytest.mark.parametrize("name", FORMATS)
def test_a_folder_an_empty_file_and_none_at_all(name, tmp_path, refusal):
    path = tmp_path / f"a.{name}"
    assert "is not a file" in refusal(read_all, path)
    path.mkdir()
    assert "is a folder" in refusal(read_all, path)
    assert "is a folder" in refusal(lambda path: read_all(path, station="alice"), path)
    path.rmdir()
    path.write_bytes(b"")
    refusal(read_all, path)


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "a1"])
def test_a_file_cut_anywhere_is_refused(name, sound, tmp_path, refusal):
    """Neither S-Fifteen's words nor lines have an end: cut between two of them, the file is a shorter recording. A line
    without an end may be whole, and is counted.
    """
    path = tmp_path / f"a.{name}"
    for share in (0.01, 0.3, 0.5, 0.9, 0.999):
        path.write_bytes(sound[name][: int(share * len(sound[name]))].rstrip(b"\n"))
        if name == "csv" and path.read_bytes().rpartition(b"\n")[2].count(b",") == 1:
            assert next(tag_chunks(path)).attrs["unfinished_lines"] == 1
        else:
            assert refusal(read_all, path).startswith(f"{path}: ")


TWO = np.array([1, 2])
HEADERS = {
    "no end": ptu(TWO, Header_End=None),
    "a million tags": ptu(TWO, first=[header_tag("Comment", 0x10000008, 1)] * 100_000),
    "a tag longer than the file": ptu(TWO, first=[header_tag("Comment", 0x4001FFFF, 2**63 - 1)]),
    "a name of line breaks": ptu(TWO, first=[header_tag("a\nb\x1b[2J", 77, 0)]),
    "records to come": ptu(TWO, TTResult_NumberOfRecords=(0x10000008, 2**62)),
    "less than no records": ptu(TWO, TTResult_NumberOfRecords=(0x10000008, -2)),
    "a fraction of a record": ptu(TWO, TTResult_NumberOfRecords=(0x20000008, 1.5)),
    "a type that is no number": ptu(TWO, TTResultFormat_TTTRRecType=(0x20000008, float("nan"))),
    "a resolution of nothing": ptu(TWO, MeasDesc_GlobalResolution=(0x20000008, 1e-300)),
    "a resolution of NaN": ptu(TWO, MeasDesc_GlobalResolution=(0x20000008, float("nan"))),
    "overflows beyond 64 bits": ptu([0xFFFFFFFF] * 20_000),
    "times beyond 106 days": ptu([0xFFFFFFFF, 1], MeasDesc_GlobalResolution=(0x20000008, 1e-8)),
}


@pytest.mark.parametrize("case", HEADERS)
def test_headers_that_lie(case, tmp_path, refusal):
    path = tmp_path / "a.ptu"
    path.write_bytes(HEADERS[case])
    sentence = refusal(read_all, path)
    assert sentence.startswith(f"{path}: ") and sentence.isprintable()


@pytest.mark.parametrize(
    "changes", [{"inputs": 2**31 - 1}, {"inputs": -1}, {"image": 2**31 - 1}, {"sync_hz": -1}, {"count": 2**62}]
)
def test_headers_of_ht3_that_lie(changes, tmp_path, refusal):
    path = tmp_path / "a.ht3"
    path.write_bytes(ht3([1, 2], **changes))
    assert refusal(read_all, path).startswith(f"{path}: ")


@pytest.mark.parametrize(
    "content",
    [
        np.array([[1, "x"]], object),
        np.array([1, 2]),
        np.array([[1.0, 2.0]]),
        np.array([[np.nan, 0]]),
        np.zeros(3, [("time_ps", "<i8", 2), ("detector", "u1")]),
        np.zeros(3, [("time_ps", "<i8"), ("channel", "u1")]),
        np.array([[1, 2]], np.uint64) << np.uint64(63),
        np.array([["1", "2"]]),
    ],
    ids=lambda content: str(content.dtype),
)
def test_arrays_that_are_no_tags(content, tmp_path, refusal):
    """One of Python's objects would be unpickled, which runs what its writer wants."""
    np.save(tmp_path / "a.npy", content, allow_pickle=True)
    assert refusal(read_all, tmp_path / "a.npy").startswith(f"{tmp_path / 'a.npy'}: ")


class Owns:
    """Pickled, it makes a file wherever it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("kind", ["pickle", "npy", "npz"])
def test_nothing_is_unpickled(kind, tmp_path, refusal):
    import pickle

    trap = Owns(tmp_path / "owned")
    with (tmp_path / "a.npy").open("wb") as handle:
        if kind == "pickle":
            pickle.dump(trap, handle)
        elif kind == "npy":
            np.save(handle, np.array([trap, trap], object), allow_pickle=True)
        else:
            np.savez(handle, time_ps=np.array([trap], object))
    (tmp_path / "owned").unlink(missing_ok=True)
    refusal(read_all, tmp_path / "a.npy")
    assert not (tmp_path / "owned").exists()


def test_an_array_with_more_or_fewer_rows_than_its_header_says(sound, tmp_path, refusal):
    for content in (sound["npy"] + bytes(9), sound["npy"].replace(b"(300,)", b"(200,)")):
        (tmp_path / "a.npy").write_bytes(content)
        assert "bytes of tags, the file has" in refusal(read_all, tmp_path / "a.npy")


LINES = {
    "nan": "5,1\nnan,1\n",
    "empty field": "5,1\n,1\n",
    "one column": "5,1\n6\n",
    "text": "5,1\nsix,1\n",
    "float": "5,1\n6.5,1\n",
    "exponent": "5,1\n6e3,1\n",
    "hexadecimal": "5,1\n0x10,1\n",
    "beyond 64 bits": f"5,1\n{2**64},1\n",
    "huge": "5,1\n" + "9" * 3000 + ",1\n",
    "long line": "5,1\n6,1," + "x" * 10 * LONGEST_LINE + "\n",
    "negative": "5,1\n-6,1\n",
    "channel 256": "5,1\n6,256\n",
    "empty line": "5,1\n\n6,1\n",
    "back in time": f"{10**12},1\n5,1\n",
    "binary": "5,1\n\x00,1\n",
}


@pytest.mark.parametrize("case", LINES)
def test_lines_that_are_no_tags_are_named(case, tmp_path, refusal):
    path = tmp_path / "a.csv"
    path.write_text("time_ps,detector\n" + LINES[case])
    sentence = refusal(read_all, path)
    assert "line 3" in sentence or "record 1" in sentence, sentence


@pytest.mark.parametrize("bad", [0, 1, 49_999, 99_999])
def test_one_bad_line_among_many_is_found(bad, tmp_path, refusal):
    lines = [f"{t},1\n" for t in range(100_000)]
    lines[bad] = "x,1\n"
    path = tmp_path / "a.csv"
    path.write_text("time_ps,detector\n" + "".join(lines))
    assert f"line {bad + 2} is 'x,1'" in refusal(read_all, path)


@pytest.mark.parametrize("name", ["csv", "ptu"])
def test_a_header_without_end_does_not_fill_the_memory(name, tmp_path, refusal):
    path = tmp_path / f"a.{name}"
    entry = b"x" * 48 if name == "csv" else header_tag("Comment", 0x10000008, 1)
    path.write_bytes(b"PQTTTR\0\0" + bytes(8) + entry * (64 * MEGABYTE // 48))
    tracemalloc.start()
    refusal(read_all, path)
    assert tracemalloc.get_traced_memory()[1] < 8 * MEGABYTE
    tracemalloc.stop()


def footer_of(content):
    length = int.from_bytes(content[-8:-4], "little")
    return content[: -8 - length], content[-8 - length : -8]


def varint(number):
    number <<= 1
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


@pytest.mark.parametrize(
    "rows", [2 * TAGS, 2**26, 2**40, 2**62], ids=["twice", "large", "a terabyte", "more than there is"]
)
def test_a_footer_that_promises_more_asks_for_no_more_than_pieces(rows, sound, tmp_path, refusal):
    body, footer = footer_of(sound["parquet"])
    assert footer.count(varint(TAGS)) >= 3
    footer = footer.replace(varint(TAGS), varint(rows))
    path = tmp_path / "a.parquet"
    path.write_bytes(body + footer + struct.pack("<I4s", len(footer), b"PAR1"))
    tracemalloc.start()
    before, two_pieces = pa.default_memory_pool().max_memory(), 2 * 16 * recordings.CHUNK  # of two columns, int64
    sentence = refusal(read_all, path)
    assert "not a complete Parquet file of tags" in sentence
    assert tracemalloc.get_traced_memory()[1] < 8 * MEGABYTE
    assert pa.default_memory_pool().max_memory() - before < two_pieces
    tracemalloc.stop()


@pytest.mark.parametrize(
    "footer",
    [
        b"\x1c" * 5000,  # structure in structure
        b"\x19\xfc" + b"\xff" * 9 + b"\x01",  # a list of more than there is
        b"\x18\xff\xff\xff\xff\x0f",  # text of more than there is
        b"\x15" + b"\xff" * 30,  # a number without end
        b"\x05\x02\x02\x00",  # a field without a step
        b"\x1b\x01\x55\x00\x00\x00",  # a map
        b"\x00",
        b"",
        bytes(2 * MEGABYTE),
    ],
)
def test_footers_that_lead_nowhere(footer, tmp_path, refusal):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1" + footer + struct.pack("<I4s", len(footer), b"PAR1"))
    assert "not a complete Parquet file" in refusal(read_all, path)


def test_a_counter_that_rolls_over_for_ever(tmp_path, refusal):
    """Each word 0.4 of the counter's range after the one before it: a million years, in the wrong format."""
    ticks = np.cumsum(np.full(1000, 0.4 * 2**54).astype(np.uint64)) % np.uint64(2**54)
    path = tmp_path / "a.a1"
    (ticks << np.uint64(10) | np.uint64(1)).astype("<u8").tofile(path)
    assert "more than 130 roll-overs of the counter" in refusal(read_all, path)


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "a.zarr"
    times = np.arange(1, TAGS) * 1000
    write_tags(xr.Dataset({"time": ("tag", times), "detector": ("tag", (times % 4).astype(np.uint8))}), path, "alice")
    return path


def rewritten(path, name, **changes):
    file = path / "alice/photons" / name / "zarr.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


STORES = {
    "no metadata": lambda p: (p / "zarr.json").unlink(),
    "metadata that is no JSON": lambda p: (p / "zarr.json").write_text("{"),
    "metadata of another kind": lambda p: (p / "alice/photons/time/zarr.json").write_text('{"zarr_format": 3}'),
    "bytes for metadata": lambda p: (p / "alice/photons/time/zarr.json").write_bytes(b"\xff" * 50),
    "no array of times": lambda p: (p / "alice/photons/time/zarr.json").unlink(),
    "no array of detectors": lambda p: (p / "alice/photons/detector/zarr.json").unlink(),
    "a damaged chunk": lambda p: (p / "alice/photons/time/c/0").write_bytes(b"\x02" * 40),
    "a cut chunk": lambda p: (p / "alice/photons/detector/c/0").write_bytes(b""),
    "a lost chunk of detectors": lambda p: (p / "alice/photons/detector/c/0").unlink(),
    "more times than detectors": lambda p: rewritten(p, "time", shape=[TAGS + 5]),
    "a shape without end": lambda p: rewritten(p, "time", shape=[2**62]),
    "less than nothing": lambda p: rewritten(p, "time", shape=[-5]),
    "a chunk for all memory": lambda p: rewritten(
        p, "time", chunk_grid={"name": "regular", "configuration": {"chunk_shape": [2**40]}}
    ),
    "times that are fractions": lambda p: rewritten(p, "time", data_type="float64", fill_value=0.0),
    "an unknown codec": lambda p: rewritten(p, "time", codecs=[{"name": "pickle"}]),
    "a file in its place": lambda p: (p.rename(p.with_name("moved")), p.write_bytes(b"x")),
    "none of this station": lambda p: (p / "alice").rename(p / "bob"),
}


@pytest.mark.parametrize("case", STORES)
def test_stores_that_are_damaged(case, store, refusal):
    STORES[case](store)
    sentence = refusal(lambda path: read_all(path, station="alice"), store)
    assert sentence.startswith(f"{store}: ")


def test_times_so_far_apart_that_their_difference_overflows(tmp_path, refusal):
    path = tmp_path / "a.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=3)
    ends = np.array([2**63 - 1, -(2**63)])
    recordings.write_station(group, "alice", [(ends, np.zeros(2, np.uint8))])
    assert "before an earlier one" in refusal(lambda path: list(tag_chunks(path, "alice")), path)
