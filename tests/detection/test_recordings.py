"""Time tags on disk."""

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from satqkd.detection import recordings
from satqkd.detection.recordings import TagWriter, read_tags


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


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
