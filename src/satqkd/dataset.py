"""The data sets of the stages: their attributes, and how they are written and read."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import netCDF4
import xarray as xr
from numpy.typing import ArrayLike

from satqkd.files import finished, require_result
from satqkd.scenario import AnyScenario


def variable(dims: str | tuple[str, ...], values: ArrayLike, units: str, long_name: str) -> xr.Variable:
    """Return a variable with its CF attributes.

    Examples
    --------
    >>> variable("time", [1.0, 2.0], "m", "range").attrs
    {'units': 'm', 'long_name': 'range'}
    """
    return xr.Variable(dims, values, {"units": units, "long_name": long_name})


@cache
def own_version() -> str:
    """Return the version of the installed package, which is read from its metadata once.

    Examples
    --------
    >>> own_version().count(".") >= 1
    True
    """
    return version("satqkd")


def label(data: xr.Dataset, stage: str, scenario: AnyScenario, seed: int | None = None) -> xr.Dataset:
    """Set the CF global attributes. No timestamp or path is stored, so equal inputs give identical files.

    Parameters
    ----------
    data : xarray.Dataset
        Its own attributes are kept.
    stage : str
    scenario : AnyScenario
    seed : int, optional
        The configuration's seed, for a stage that draws random numbers.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> label(xr.Dataset(), "orbit", load_scenario("liao2017")).attrs["scenario"]
    'liao2017'
    """
    data.attrs = (
        {
            "Conventions": "CF-1.11",
            "title": scenario.title,
            "stage": stage,
            "scenario": scenario.name,
            "scenario_hash": scenario.content_hash,
            "satqkd_version": own_version(),
        }
        | ({} if seed is None else {"seed": seed})
        | data.attrs
    )
    return data


COMPRESSED: dict[str, Any] = {"zlib": True, "complevel": 1, "shuffle": True}
CHUNK, PART = 1 << 18, 1 << 20  # rows of a long data set that are compressed, and processed, together


@contextmanager
def _two_chunks() -> Iterator[None]:
    """Keep two chunks of each variable in memory instead of the default 64 MB: rows are used once, and in order."""
    size = int(netCDF4.get_chunk_cache()[0])
    netCDF4.set_chunk_cache(2 * 8 * CHUNK)
    try:
        yield
    finally:
        netCDF4.set_chunk_cache(size)


def save(data: xr.Dataset, path: str | Path) -> None:
    """Write a data set as netCDF4, with large variables compressed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(xr.Dataset({"range": variable("time", [5e5, 6e5], "m", "range")}), f"{folder}/orbit.nc")
    ...     load(f"{folder}/orbit.nc").range.values.tolist()
    [500000.0, 600000.0]
    """
    with _two_chunks(), finished(path) as draft:
        data.to_netcdf(draft, engine="netcdf4", encoding=_encoding(data))


@contextmanager
def growing(path: str | Path, dim: str) -> Iterator[tuple[Callable, Callable]]:
    """Write a data set that may have more rows along a dimension than fit into memory.

    Parameters
    ----------
    path : str or Path
        The netCDF4 file, which gets its name when it is complete.
    dim : str
        The dimension along which the data set grows.

    Yields
    ------
    append : callable
        Takes the next rows, a dict of one-dimensional xarray.Variable with the same names and types in every call.
    finish : callable
        Takes an xarray.Dataset of everything that is not along the dimension; the last call.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with growing(f"{folder}/tags.nc", "tag") as (append, finish):
    ...         append({"time": variable("tag", [1, 2], "ps", "time")})
    ...         append({"time": variable("tag", [5], "ps", "time")})
    ...         finish(xr.Dataset(attrs={"run": 1}))
    ...     load(f"{folder}/tags.nc").time.values.tolist()
    [1, 2, 5]
    """
    with _two_chunks(), finished(path) as draft:
        file = netCDF4.Dataset(draft, "w")
        file.createDimension(dim)

        def append(rows: dict[str, xr.Variable]) -> None:
            end = file.dimensions[dim].size
            for name, row in rows.items():
                if name not in file.variables:
                    column = file.createVariable(name, row.dtype, (dim,), chunksizes=[CHUNK], **COMPRESSED)
                    column.setncatts(row.attrs)
                file.variables[name][end:] = row.values

        def finish(rest: xr.Dataset) -> None:
            file.close()
            rest.to_netcdf(draft, mode="a", engine="netcdf4", encoding=_encoding(rest))

        try:
            yield append, finish
        finally:
            if file.isopen():
                file.close()


def _encoding(data: xr.Dataset) -> dict[Any, dict]:
    """Return the encoding by variable: compression of large ones, and the units of times."""
    encoding: dict[Any, dict] = {name: COMPRESSED for name, values in data.variables.items() if values.size > 1000}
    for name, values in data.variables.items():
        if values.dtype.kind == "M":
            encoding[name] = encoding.get(name, {}) | {
                "units": "nanoseconds since 2016-01-01",
                "dtype": "int64",
                "calendar": "proleptic_gregorian",
            }
    return encoding


def load(path: str | Path, *, leave: str | None = None, names: Sequence[str] | None = None) -> xr.Dataset:
    """Read a data set, completely or some of its variables, or with the variables along a dimension left in the file.

    Parameters
    ----------
    path : str or Path
    leave : str, optional
        Variables along this dimension stay in the file until they are used.
    names : sequence of str, optional
        The variables to read; by default all.

    Raises
    ------
    MissingResult
        If the file does not exist yet.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     save(xr.Dataset({"range": ("time", [7e5, 8e5]), "baseline": 1.2e6}), f"{folder}/orbit.nc")
    ...     sorted(load(f"{folder}/orbit.nc")), list(load(f"{folder}/orbit.nc", names=["baseline"]))
    (['baseline', 'range'], ['baseline'])
    """
    require_result(path)
    with _two_chunks():
        if leave is None:
            with xr.open_dataset(path, engine="netcdf4") as data:
                return (data if names is None else data[list(names)]).load()
        data = xr.open_dataset(path, engine="netcdf4", cache=False)
        for values in data.variables.values():
            if leave not in values.dims:
                values.load()
        return data


def in_parts(data: xr.Dataset, dim: str) -> Iterator[xr.Dataset]:
    """Yield the rows of a long data set in parts that fit into memory.

    Examples
    --------
    >>> [part.sizes["tag"] for part in in_parts(xr.Dataset({"time": ("tag", [1, 2, 3])}), "tag")]
    [3]
    """
    for first in range(0, data.sizes[dim], PART):
        yield data.isel({dim: slice(first, first + PART)})
