"""Time tags in Photon-HDF5 files, the open format for time-stamped photons.

Written from the format's definition (photon-hdf5.readthedocs.io, photon-data group).
"""

from collections import Counter
from pathlib import Path

import netCDF4
import numpy as np

from satqkd.detection.columns import Pieces, first_line
from satqkd.flight import PS

FS = 1e15
LONGEST_S = 2.0**63 / PS  # 106 days: 64 bits of picoseconds hold no more
# A unit this near to whole femtoseconds was meant to be: its times are exact.
ROUNDING = 1e-9
CACHE_BYTES = 1 << 24  # of each column; the library's own limit is 64 MB


def read_photon_hdf5(path: Path, size: int, notes: Counter) -> Pieces:
    """Yield the tags of a Photon-HDF5 file, piece by piece.

    Parameters
    ----------
    path : Path
    size : int
        Tags in a piece.
    notes : Counter
        Not used, because nothing is repaired here.

    Yields
    ------
    time_ps, detector : ndarray of int64, and of whole numbers, shape (tag,)
        Time [ps], with the time since the laser's pulse added where the file has it (nanotimes), and detector, 0 in a
        file of one.
    record : range
        Numbers of the tags from 0.

    Raises
    ------
    ValueError
        For a file of another kind or a damaged one, for one with several spots, and for times beyond 106 days.
    """
    try:
        with netCDF4.Dataset(path) as file:
            file.set_auto_maskandscale(False)
            spots = sorted(name for name in file.groups if name.startswith("photon_data"))
            if spots != ["photon_data"]:
                raise ValueError(
                    f"has the groups {', '.join(spots)}: write each to a file of its own, as photon_data"
                    if spots
                    else "has no group photon_data: export Photon-HDF5, or the columns time_ps and detector"
                )
            group = file["photon_data"]
            unit_s = _unit(group, "timestamps", "timestamps_unit")
            fine_unit_s = _unit(group, "nanotimes", "tcspc_unit") if "nanotimes" in group.variables else 0.0
            count = group["timestamps"].size
            for name in {"detectors", "nanotimes"} & set(group.variables):
                if group[name].size != count:
                    raise ValueError(f"has {count} timestamps and {group[name].size} {name}: copy it again")
            for column in group.variables.values():
                column.set_var_chunk_cache(CACHE_BYTES)
            for first in range(0, count, size):
                time = whole_ps(_column(group, "timestamps", first, size), unit_s)
                if fine_unit_s:
                    time += whole_ps(_column(group, "nanotimes", first, size), fine_unit_s)
                known = "detectors" in group.variables
                detector = _column(group, "detectors", first, size) if known else np.zeros(time.size, np.uint8)
                yield time, detector, range(first, first + time.size)
    except Exception as error:  # the netCDF library raises many types
        text = first_line(error)[:200]
        own = isinstance(error, ValueError) and not isinstance(error, UnicodeDecodeError)
        raise ValueError(
            f"{path}: {text}" if own else f"{path}: is not a complete Photon-HDF5 file: {text}: copy it again"
        ) from None


def whole_ps(ticks: np.ndarray, unit_s: float) -> np.ndarray:
    """Return counts of a unit [s] as times [ps, int64], exactly where the unit is whole femtoseconds.

    Raises
    ------
    ValueError
        For times that do not fit into 64 bits.

    Examples
    --------
    >>> whole_ps(np.array([3, 10**15 + 1]), 12.5e-12).tolist()
    [38, 12500000000000013]
    """
    if ticks.size and np.abs(np.array([ticks.min(), ticks.max()], float)).max() * unit_s >= LONGEST_S:
        raise ValueError(
            f"holds times beyond {LONGEST_S:.3g} s, which do not fit into ps: is the unit {unit_s:g} s right?"
        )
    ticks = ticks.astype(np.int64)
    unit_fs = round(unit_s * FS)
    if abs(unit_s * FS - unit_fs) > ROUNDING * unit_fs:
        return np.rint(ticks * (unit_s * PS)).astype(np.int64)
    return ticks // 1000 * unit_fs + (ticks % 1000 * unit_fs + 500) // 1000


def _unit(group: netCDF4.Group, name: str, unit: str) -> float:
    """Return the unit of a column of times [s]."""
    specs = group.groups.get(f"{name}_specs")
    if name not in group.variables or specs is None or unit not in specs.variables:
        raise ValueError(f"lacks photon_data/{name} or photon_data/{name}_specs/{unit}: write it again")
    value = float(specs[unit][...])
    if not 1 / FS <= value < 1:
        raise ValueError(f"has {unit}={value:g} s, outside [1e-15, 1): give the unit in seconds")
    return value


def _column(group: netCDF4.Group, name: str, first: int, size: int) -> np.ndarray:
    """Return some values of a column; refuse other types than whole numbers."""
    values: np.ndarray = np.asarray(group[name][first : first + size])
    if values.dtype.kind not in "iu" or values.ndim != 1:
        raise ValueError(f"has {name} of {values.dtype}, shape {values.shape}: give one column of whole numbers")
    return values
