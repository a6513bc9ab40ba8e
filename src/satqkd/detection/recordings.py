"""Time tags on disk: one Zarr group a station with its photons, its beacon and its GPS seconds."""

from pathlib import Path

import numpy as np
import xarray as xr
import zarr
from zarr.codecs import BloscCodec

CHUNK = 1 << 20


class TagWriter:
    """Append tags to arrays of one length, a whole chunk at a time, so that memory does not grow with the pass."""

    def __init__(self, group: zarr.Group, columns: dict[str, str]):
        self._arrays = {
            name: group.create_array(
                name,
                shape=(0,),
                chunks=(CHUNK,),
                dtype=dtype,
                dimension_names=("tag",),
                compressors=BloscCodec(cname="zstd", clevel=1, shuffle="shuffle"),
            )
            for name, dtype in columns.items()
        }
        self._waiting: dict[str, list[np.ndarray]] = {name: [] for name in columns}
        self._count = 0

    def append(self, **values: np.ndarray) -> None:
        for name, piece in values.items():
            self._waiting[name].append(piece)
        self._count += piece.size
        if self._count >= CHUNK:
            self._write(self._count // CHUNK * CHUNK)

    def _write(self, count: int) -> None:
        for name, array in self._arrays.items():
            values = np.concatenate(self._waiting[name])
            start = array.shape[0]
            array.resize((start + count,))
            array[start:] = values[:count]
            self._waiting[name] = [values[count:]]
        self._count -= count

    def close(self) -> None:
        if self._count:
            self._write(self._count)


def read_tags(path: str | Path, station: str, kind: str = "photons") -> xr.Dataset:
    """The tags of a station, lazily.

    Parameters
    ----------
    path : str or Path
        A ``detection.zarr``.
    station : str
        Name of the station.
    kind : {"photons", "beacon", "gps"}

    Returns
    -------
    xarray.Dataset
        time(tag) [ps of the local clock, int64] and, for photons, detector(tag).
    """
    return xr.open_zarr(path, group=f"{station}/{kind}", consolidated=False, chunks=None)
