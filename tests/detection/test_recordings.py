"""Time tags on disk."""

import gzip

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from satqkd.detection import recordings
from satqkd.detection.recordings import TagWriter, read_tags, tag_chunks, write_tags

from ..sizes import examples


def written(path, pieces):
    writer = TagWriter(
        zarr.open_group(path, mode="w", zarr_format=3).create_group("xinglong/photons"),
        {"time": "int64", "detector": "uint8"},
    )
    times = np.cumsum(np.random.default_rng(1).integers(0, 10**9, sum(pieces)))
    detector = (times % 4).astype(np.uint8)
    cuts = np.cumsum(pieces)[:-1]
    for time, label in zip(np.split(times, cuts), np.split(detector, cuts), strict=True):
        writer.append(time=time, detector=label)
    writer.close()
    return times, detector


@settings(max_examples=examples(20), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.integers(0, 70), min_size=1, max_size=8))
def test_tags_come_back_whatever_the_pieces(pieces, tmp_path, monkeypatch):
    monkeypatch.setattr(recordings, "CHUNK", 32)
    times, detector = written(tmp_path / "detection.zarr", pieces)
    data = read_tags(tmp_path / "detection.zarr", "xinglong")
    assert (data.time.values == times).all()
    assert (data.detector.values == detector).all()
    assert data.time.dtype == np.int64
    assert data.detector.dtype == np.uint8


def test_tags_come_back_over_chunks_of_their_real_size(tmp_path):
    pieces = [0, recordings.CHUNK - 1, 2, recordings.CHUNK, 1, 7]
    times, detector = written(tmp_path / "detection.zarr", pieces)
    data = read_tags(tmp_path / "detection.zarr", "xinglong")
    assert data.sizes == {"tag": sum(pieces)}
    assert (data.time.values == times).all()
    assert (data.detector.values == detector).all()


@pytest.mark.parametrize("sizes", [[40], [10, 30], [0, 40, 0], [1] * 40])
def test_the_files_do_not_depend_on_the_pieces(tmp_path, monkeypatch, sizes):
    monkeypatch.setattr(recordings, "CHUNK", 16)
    for name, pieces in (("whole", [40]), ("pieces", sizes)):
        written(tmp_path / name, pieces)
    files = sorted(path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*") if path.is_file())
    assert files == sorted(p.relative_to(tmp_path / "pieces") for p in (tmp_path / "pieces").rglob("*") if p.is_file())
    for file in files:
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "pieces" / file).read_bytes()


def test_no_tags_are_no_error(tmp_path):
    written(tmp_path / "detection.zarr", [0])
    assert read_tags(tmp_path / "detection.zarr", "xinglong").sizes == {"tag": 0}


FILES = ("a.npy", "a.csv", "a.parquet", "a.a1")
TAGS = st.lists(st.tuples(st.integers(0, 10**15), st.integers(0, 3)), min_size=1, max_size=40)
FORMATS = settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
NOT_ZERO = st.integers(-(10**15), -1) | st.integers(1, 10**15)  # as zeros a lost chunk would be read
TWO_PICOSECONDS = 2


def dataset(times, detector):
    return xr.Dataset(
        {"time": ("tag", np.asarray(times, np.int64)), "detector": ("tag", np.asarray(detector, np.uint8))}
    )


def columns(tags):
    rows = sorted(tags)
    return [time for time, _ in rows], [detector for _, detector in rows]


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(recordings, "CHUNK", 7)


@pytest.mark.parametrize("name", FILES)
@FORMATS
@given(tags=TAGS)
def test_what_is_written_is_read_again(name, tags, tmp_path, small_chunks):
    times, detector = columns(tags)
    write_tags(dataset(times, detector), tmp_path / name)
    data = read_tags(tmp_path / name)
    near = TWO_PICOSECONDS if name.endswith("a1") else 0
    assert np.abs(data.time.values - times).max() <= near
    assert data.detector.values.tolist() == detector
    assert (data.time.dtype, data.detector.dtype, data.time.attrs["units"]) == (np.int64, np.uint8, "ps")
    assert set(data.attrs) == {"format"}


@FORMATS
@given(tags=st.lists(st.tuples(NOT_ZERO, st.integers(0, 255)), max_size=40))
@pytest.mark.slow
def test_a_zarr_takes_any_tags_and_several_stations(tags, tmp_path, small_chunks):
    times, detector = columns(tags)
    write_tags(dataset(times, detector), tmp_path / "a.zarr", "alice")
    write_tags(dataset([5], [1]), tmp_path / "a.zarr", "bob")
    data = read_tags(tmp_path / "a.zarr", "alice")
    assert (data.time.values.tolist(), data.detector.values.tolist()) == (times, detector)
    pieces = list(tag_chunks(tmp_path / "a.zarr", "alice"))
    assert sum((piece.time.values.tolist() for piece in pieces), []) == times
    assert read_tags(tmp_path / "a.zarr", "bob").time.values.tolist() == [5]


@pytest.mark.parametrize("name", FILES)
def test_pieces_make_the_same_file_as_the_whole(name, tmp_path, small_chunks):
    times = np.arange(0, 10**9, 10**7)
    whole = dataset(times, times // 10**7 % 4)
    write_tags(whole, tmp_path / f"whole{name}")
    write_tags(tag_chunks(tmp_path / f"whole{name}"), tmp_path / f"pieces{name}")
    read = [read_tags(tmp_path / f"{which}{name}") for which in ("whole", "pieces")]
    assert read[0].equals(read[1]) and read[0].sizes["tag"] == 100
    assert {path.name for path in tmp_path.iterdir()} == {f"whole{name}", f"pieces{name}"}


@FORMATS
@given(
    steps=st.lists(st.integers(0, 10**7), min_size=1, max_size=40),
    late=st.lists(st.integers(0, recordings.DISORDER_PS), min_size=40, max_size=40),
)
def test_tags_a_little_out_of_order_are_sorted_and_counted(steps, late, tmp_path, small_chunks):
    """Each input has a delay of its own: what is read is what a stable sort of the whole gives."""
    times = recordings.DISORDER_PS + np.cumsum(steps) - late[: len(steps)]
    behind = np.maximum.accumulate(times) - times
    np.save(tmp_path / "a.npy", np.stack([times, np.arange(times.size)], axis=1))
    data = read_tags(tmp_path / "a.npy")
    order = np.argsort(times, kind="stable")
    assert data.time.values.tolist() == times[order].tolist()
    assert data.detector.values.tolist() == order.tolist()
    assert data.attrs.get("sorted_tags", 0) == np.count_nonzero(behind)
    assert data.attrs.get("largest_disorder_ps", 0) == behind.max()


@pytest.mark.parametrize("fall", [recordings.DISORDER_PS + 1, 2**32, 10**12])
@pytest.mark.parametrize("name", ["a.npy", "a.csv", "a.parquet"])
def test_tags_far_out_of_order_are_refused(fall, name, tmp_path, small_chunks):
    """A counter of 32 bits that rolled over is among them, and a fault just behind the seam of two pieces."""
    times = np.append(np.arange(14) + 10**13, 10**13 + 13 - fall)
    table(tmp_path / name, times, times * 0)
    with pytest.raises(ValueError) as error:
        read_tags(tmp_path / name)
    assert str(error.value).startswith(f"{tmp_path / name}: record 14 lies {fall} ps before an earlier one, more than")


def table(path, times, detector):
    """The two columns as another program would write them, whatever stands in them."""
    if path.suffix == ".npy":
        kinds = [("time_ps", np.asarray(times).dtype), ("detector", np.asarray(detector).dtype)]
        rows = np.empty(len(times), kinds)
        rows["time_ps"], rows["detector"] = times, detector
        np.save(path, rows)
    elif path.suffix == ".csv":
        pd.DataFrame({"time_ps": times, "detector": detector}).to_csv(path, index=False)
    else:
        pd.DataFrame({"time_ps": times, "detector": detector}).to_parquet(path)


@pytest.mark.parametrize("name", ["a.npy", "a.csv", "a.parquet"])
@pytest.mark.parametrize(
    ("times", "detector", "message"),
    [
        ([4, 5, -6], [0, 1, 2], "record 2 has the time -6 ps, below 0: give times that count"),
        ([4, 5, 6], [0, 256, 2], "record 1 has detector 256, outside [0, 255]: wrong column?"),
        ([4, 5, 6], [0, 1, -1], "record 2 has detector -1, outside [0, 255]"),
        ([4.5, 5, 6], [0, 1, 1], "give whole numbers in the columns time_ps and detector"),
        ([4, 5, 6], [0, 1.5, 1], "give whole numbers in the columns time_ps and detector"),
        ([], [], "holds no tags: nothing was recorded, or the file is truncated"),
    ],
)
def test_wrong_values_are_named_with_their_record(name, times, detector, message, tmp_path):
    kinds = (np.int64, np.int64) if not times else (None, None)
    table(tmp_path / name, np.array(times, kinds[0]), np.array(detector, kinds[1]))
    with pytest.raises(ValueError) as error:
        read_tags(tmp_path / name)
    assert str(error.value).startswith(f"{tmp_path / name}: ") and message in str(error.value)


@pytest.mark.parametrize("name", [*FILES, "a.ptu", "a.ht3"])
@pytest.mark.parametrize("content", [b"", b"\x00", b"hello,world\n" * 20, np.random.default_rng(3).bytes(4096)])
def test_what_is_no_recording_is_refused(name, content, tmp_path):
    """Whatever its suffix says; S-Fifteen's words have no header, and give themselves away by their times."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError) as error:
        read_tags(tmp_path / name)
    assert str(error.value).startswith(f"{tmp_path / name}: ")


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut_anywhere_is_refused_or_lacks_whole_tags(name, tmp_path):
    """Only S-Fifteen's words can end early unseen, between two of them: there is no header and no end."""
    times = np.arange(1, 200) * 10**7
    write_tags(dataset(times, times // 10**7 % 4), tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    for length in range(0, len(whole), 17):
        (tmp_path / name).write_bytes(whole[:length])
        try:
            tags = read_tags(tmp_path / name)
        except ValueError as error:
            assert str(error).startswith(f"{tmp_path / name}: ")
        else:
            found = tags.time.values
            said = tags.attrs.get("unfinished_lines", 0) == 1
            assert (name, length % 8) == ("a.a1", 0) or said == (whole[length - 1 : length] != b"\n")
            assert np.abs(found - times[: found.size]).max() <= TWO_PICOSECONDS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time_ps,detector\n1,0\n2;1\n", "line 3 is '2;1': give whole numbers"),
        ("time_ps,detector\n1,0\n\n2,1\n", "line 3 is '': give"),
        ("time_ps,detector\n1,0\n2\n", "line 3 is '2'"),
        ("time_ps,detector\n1,0\n1e3,1\n", "line 3 is '1e3,1'"),
        ("time_ps,detector\n99999999999999999999,0\n", "line 2 is '99999999999999999999,0'"),
        (
            "1,0\n2,1\n",
            "line 1 is '1,0': give whole numbers in the columns time_ps and detector, and their names in",
        ),
        ("time_s,detector\n1,0\n", "line 1 is 'time_s,detector'"),
    ],
)
def test_lines_of_a_csv_file_are_named(text, message, tmp_path):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError) as error:
        read_tags(tmp_path / "a.csv")
    assert str(error.value).startswith(f"{tmp_path / 'a.csv'}: {message}")


@pytest.mark.parametrize(
    "text",
    [
        "time_ps,detector\n10,3\n20,2\n",
        "time_ps,detector\n10,3\n20,2",
        "time_ps,detector\n10,3\n20,2\n\n",
        "time_ps,detector\n10,3\n20,2\n\n \n\n",
        '"time_ps","detector"\n10,3\n20,2\n',
        '"time_ps","detector"\n"10","3"\n"20","2"\n',
        "time_ps\tdetector\n10\t3\n20\t2\n",
        "time_ps;detector\r\n10;3\r\n20;2\r\n",
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("chunk", [1, 2, 3, 1 << 20])
def test_dialects_of_csv_are_read(text, compressed, chunk, tmp_path, monkeypatch):
    monkeypatch.setattr(recordings, "CHUNK", chunk)
    path = tmp_path / ("a.csv.gz" if compressed else "a.csv")
    path.write_bytes(gzip.compress(text.encode()) if compressed else text.encode())
    data = read_tags(path)
    assert (data.time.values.tolist(), data.detector.values.tolist()) == ([10, 20], [3, 2])
    assert data.attrs.get("unfinished_lines", 0) == (not text.endswith("\n"))


def test_a_compressed_file_that_was_cut_is_refused(tmp_path):
    whole = gzip.compress(("time_ps,detector\n" + "".join(f"{n},0\n" for n in range(10_000))).encode())
    (tmp_path / "a.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"a\.csv\.gz: cannot be uncompressed .*: copy it again"):
        read_tags(tmp_path / "a.csv.gz")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.ttbin", "FileReader of Swabian's"),
        ("a.pt3", "save it as PTU"),
        ("a.bin", "TDC_readTimestamps of its library, and write it as text"),
    ],
)
def test_closed_formats_name_their_converter(name, words, tmp_path):
    (tmp_path / name).write_bytes(b"0123")
    with pytest.raises(ValueError, match=f"{name}: .* is read by its vendor's software only: .*{words}"):
        read_tags(tmp_path / name)


def test_more_disorder_is_sorted_where_it_is_allowed(tmp_path, small_chunks):
    """Tags up to 97 us early, as an instrument writes them where its counter rolls over."""
    times = np.arange(40) * 10**7 + 10**9
    times[[7, 20, 33]] -= 97_000_000
    np.save(tmp_path / "a.npy", np.stack([times, np.arange(40)], axis=1))
    with pytest.raises(ValueError, match="more than the 1000000 ps that are sorted: .* raise disorder_ns"):
        read_tags(tmp_path / "a.npy")
    data = read_tags(tmp_path / "a.npy", disorder_ps=100_000_000)
    assert data.detector.values.tolist() == np.argsort(times, kind="stable").tolist()
    assert data.attrs["sorted_tags"] == 3 and data.attrs["largest_disorder_ps"] == 97_000_000 - 10**7


def test_the_bad_line_is_found_in_any_chunk(tmp_path, small_chunks):
    lines = [f"{n},0" for n in range(30)]
    for bad in range(30):
        (tmp_path / "a.csv").write_text("\n".join(["time_ps,detector", *lines[:bad], "x,0", *lines[bad:], ""]))
        with pytest.raises(ValueError, match=f"line {bad + 2} is 'x,0'"):
            read_tags(tmp_path / "a.csv")


def test_columns_may_stand_in_any_order_with_others(tmp_path):
    (tmp_path / "a.csv").write_text("\ufeffdetector, note ,time_ps\n3,x,10\n2,y,20\n", encoding="utf-8")
    data = read_tags(tmp_path / "a.csv")
    assert (data.time.values.tolist(), data.detector.values.tolist()) == ([10, 20], [3, 2])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.arange(5), "holds int64 of shape (5,): give whole numbers"),
        (np.zeros((5, 3), np.int64), "holds int64 of shape (5, 3)"),
        (np.zeros((5, 2)), "time_ps is float64, not whole numbers"),
        (np.full((5, 2), 2**64 - 1, np.uint64), "time_ps is uint64, not whole numbers of 64 bits"),
        (np.zeros(5, [("time", "i8"), ("detector", "u1")]), "give whole numbers in the columns time_ps and detector"),
        (np.array([{}], object), "is not a complete NPY file"),
    ],
)
def test_arrays_of_another_kind_are_refused(rows, message, tmp_path):
    np.save(tmp_path / "a.npy", rows, allow_pickle=True)
    with pytest.raises(ValueError) as error:
        read_tags(tmp_path / "a.npy")
    assert str(error.value).startswith(f"{tmp_path / 'a.npy'}: ") and message in str(error.value)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"time": [1], "detector": [0]}, "has the columns time, detector: give"),
        ({"time_ps": [1.0, np.nan], "detector": [0, 1]}, "time_ps is float64"),
        ({"time_ps": pd.array([1, None], "Int64"), "detector": [0, 1]}, "give whole numbers"),
        ({"time_ps": ["1", "2"], "detector": [0, 1]}, "give whole numbers"),
    ],
)
def test_parquet_of_another_kind_is_refused(frame, message, tmp_path):
    pd.DataFrame(frame).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ValueError) as error:
        read_tags(tmp_path / "a.parquet")
    assert str(error.value).startswith(f"{tmp_path / 'a.parquet'}: ") and message in str(error.value)


def test_a_vendors_file_says_what_was_mended(tmp_path):
    """Two inputs in one word, a dummy, and a tag that came late."""
    words = [1000 << 10 | 1, 5000 << 10 | 6, 4900 << 10 | 8, 6000 << 10]
    (tmp_path / "lab.dat").write_bytes(b"".join(word.to_bytes(8, "little") for word in words))
    data = read_tags(tmp_path / "lab.dat", format="sfifteen")
    assert data.detector.values.tolist() == [0, 3, 1, 2]
    assert data.attrs == {
        "format": "sfifteen",
        "sorted_tags": 1,
        "largest_disorder_ps": 19531 - 19141,
        "words_of_several_inputs": 1,
        "dummy_words": 1,
    }


def test_words_in_the_wrong_order_are_refused(tmp_path):
    times = np.cumsum(np.random.default_rng(2).integers(1, 10**8, 2000)) + 10**15
    write_tags(dataset(times, times % 4), tmp_path / "lab.a1")
    with pytest.raises(ValueError, match="lab.a1: record .* before an earlier one.*: is it the right format"):
        read_tags(tmp_path / "lab.a1", format="sfifteen_swapped")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: read_tags(p / "a.dat"), "a.dat: the suffix .dat is unknown: give format as one of zarr, npy, csv"),
        (lambda p: read_tags(p / "a"), "a: the suffix (none) is unknown"),
        (lambda p: read_tags(p / "a.npy", format="hdf"), "a.npy: format=hdf is unknown"),
        (lambda p: read_tags(p / "none.csv"), "none.csv: is not a file: check its name"),
        (lambda p: read_tags(p / "good.npy", "alice"), "good.npy: has one station only: leave station=alice out"),
        (lambda p: read_tags(p / "none.zarr", "alice"), "none.zarr: is not a Zarr store: check its name"),
        (lambda p: read_tags(p / "good.zarr", "carol"), "good.zarr: holds no photons of station=carol: it holds alice"),
        (lambda p: read_tags(p / "good.zarr", "alice", "beacon"), "good.zarr: holds no beacon of station=alice"),
        (
            lambda p: write_tags(dataset([1], [1]), p / "a.ptu"),
            "a.ptu: ptu is a format that only instruments write",
        ),
        (lambda p: write_tags(dataset([1], [1]), p / "a.zarr"), "a.zarr: station=None: a Zarr store requires the name"),
        (lambda p: write_tags(dataset([1], [1]), p / "a.npy", "alice"), "a.npy: station=alice: a Zarr store requires"),
        (lambda p: write_tags(dataset([2, 1], [1, 1]), p / "a.npy"), "a.npy: times do not ascend: sort them"),
        (lambda p: write_tags([dataset([2], [1]), dataset([1], [1])], p / "a.npy"), "a.npy: times do not ascend"),
        (lambda p: write_tags(dataset([-2, 1], [1, 1]), p / "a.csv"), "a.csv: the first time is -2 ps, below 0"),
        (lambda p: write_tags(dataset([], []), p / "a.parquet"), "a.parquet: there are no tags to write"),
        (lambda p: write_tags(dataset([1], [7]), p / "a.a1"), "a.a1: detector 7 is not an input"),
    ],
)
def test_calls_that_make_no_sense_say_so_and_leave_nothing(call, message, tmp_path):
    write_tags(dataset([1], [1]), tmp_path / "good.npy")
    write_tags(dataset([1], [1]), tmp_path / "good.zarr", "alice")
    with pytest.raises(ValueError) as error:
        call(tmp_path)
    assert str(error.value).startswith(f"{tmp_path}/{message}")
    assert {path.name for path in tmp_path.iterdir()} == {"good.npy", "good.zarr"}


def test_a_lost_chunk_of_a_zarr_is_no_row_of_zeros(tmp_path, small_chunks):
    write_tags(dataset(np.arange(1, 30), np.arange(1, 30) % 4), tmp_path / "a.zarr", "alice")
    (tmp_path / "a.zarr/alice/photons/time/c/2").unlink()
    for read in (read_tags, lambda *a: list(tag_chunks(*a))):
        with pytest.raises(ValueError, match="a.zarr: 1 of 5 chunks of alice/photons/time are missing: copy it again"):
            read(tmp_path / "a.zarr", "alice")


def test_what_the_simulator_records_goes_through_a_laboratorys_file(bright, tmp_path):
    """Times of our own may be negative, a tagger's are not: an offset comes first."""
    tags = read_tags(bright.tags, "nanshan")
    assert int(tags.time[0]) < 0
    later = tags.assign(time=tags.time + 10**12)
    for name, near in (("a.npy", 0), ("a.a1", TWO_PICOSECONDS)):
        write_tags(later, tmp_path / name)
        again = read_tags(tmp_path / name)
        assert np.abs(again.time.values - later.time.values).max() <= near
        assert (again.detector.values == tags.detector.values).all()
