"""Photon-HDF5 files, made here from the format's definition."""

import netCDF4
import numpy as np
import pytest

from satqkd.detection import recordings
from satqkd.detection.photon_hdf5 import whole_ps
from satqkd.detection.recordings import read_tags

TICKS, DETECTORS = np.array([4, 9, 9, 1000], np.int64), np.array([0, 3, 1, 2], np.uint8)


def write(path, columns, units, group="photon_data"):
    """Write columns of a photon-data group, and the unit of some of them as (name, value)."""
    with netCDF4.Dataset(path, "w") as file:
        data = file.createGroup(group)
        data.createDimension("photon", None)
        for name, values in columns.items():
            data.createDimension(name, len(values))
            data.createVariable(name, values.dtype, (name,), compression="zlib")[:] = values
        for name, (unit, value) in units.items():
            data.createGroup(f"{name}_specs").createVariable(unit, float)[...] = value
    return path


UNIT = {"timestamps": ("timestamps_unit", 5e-9)}


@pytest.mark.parametrize("chunk", [1, 3, 1 << 20])
def test_timestamps_have_a_unit(chunk, tmp_path, monkeypatch):
    monkeypatch.setattr(recordings, "CHUNK", chunk)
    tags = read_tags(write(tmp_path / "a.h5", {"timestamps": TICKS, "detectors": DETECTORS}, UNIT))
    assert tags.time.values.tolist() == (5000 * TICKS).tolist()
    assert tags.detector.values.tolist() == DETECTORS.tolist()
    assert tags.attrs["format"] == "photon_hdf5"


def test_nanotimes_are_added_and_one_detector_needs_no_column(tmp_path):
    units = UNIT | {"nanotimes": ("tcspc_unit", 16e-12)}
    columns = {"timestamps": TICKS, "nanotimes": np.array([1, 0, 2, 7], np.uint16)}
    tags = read_tags(write(tmp_path / "a.hdf5", columns, units))
    assert tags.time.values.tolist() == [20_016, 45_000, 45_032, 5_000_112]
    assert not tags.detector.values.any()


def test_times_are_exact_where_the_unit_is_whole_femtoseconds():
    a_month = 10**13 + 1
    assert whole_ps(np.array([a_month, 4 * a_month]), 250e-15).tolist() == [25 * 10**11, 10**13 + 1]
    of_a_laser_s = 1 / 76_123_457
    assert whole_ps(np.array([3600 * 76_123_457]), of_a_laser_s).tolist() == [3600 * 10**12]


@pytest.mark.parametrize(
    ("columns", "units", "group", "message"),
    [
        ({"timestamps": TICKS}, UNIT, "events", "has no group photon_data: export Photon-HDF5"),
        ({"timestamps": TICKS}, UNIT, "photon_data0", "has the groups photon_data0: write each to a file of its own"),
        ({"timestamps": TICKS}, {}, "photon_data", "lacks photon_data/timestamps or photon_data/timestamps_specs/time"),
        ({"detectors": DETECTORS}, UNIT, "photon_data", "lacks photon_data/timestamps or"),
        ({"timestamps": 1.0 * TICKS}, UNIT, "photon_data", "has timestamps of float64, shape (4,): give one column of"),
        ({"timestamps": TICKS, "detectors": DETECTORS[1:]}, UNIT, "photon_data", "4 timestamps and 3 detectors"),
        (
            {"timestamps": TICKS},
            {"timestamps": ("timestamps_unit", 5.0)},
            "photon_data",
            "timestamps_unit=5 s, outside",
        ),
        ({"timestamps": TICKS * 10**15}, UNIT, "photon_data", "holds times beyond 9.22e+06 s"),
    ],
)
def test_what_contradicts_the_definition_is_refused(columns, units, group, message, tmp_path):
    with pytest.raises(ValueError) as error:
        read_tags(write(tmp_path / "a.h5", columns, units, group))
    assert str(error.value).startswith(f"{tmp_path / 'a.h5'}: ") and message in str(error.value)


def test_a_damaged_file_is_refused(tmp_path):
    path = write(tmp_path / "a.h5", {"timestamps": TICKS, "detectors": DETECTORS}, UNIT)
    whole = path.read_bytes()
    for content in (b"", b"hello", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.h5: is not a complete Photon-HDF5 file: .*: copy it again"):
            read_tags(path)
