"""What passes between stages: attributes, files, random streams and provenance."""

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import netCDF4
import numba
import numpy as np
import xarray as xr

from satqkd.scenario import Scenario


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """A random stream of its own for every name, whatever the order in which streams are opened.

    Parameters
    ----------
    seed : int
        The one seed of the configuration.
    names : str or int
        Scenario, run, stage, pass, purpose.
    """
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, *map(_word, names)])))


def record_key(seed: int, *names: str | int) -> int:
    """Key (64 bits) of a counter-based random record, see `random_words`."""
    return int(np.random.SeedSequence([seed, *map(_word, names)]).generate_state(1, np.uint64)[0])


def _word(name: str | int) -> int:
    return int.from_bytes(hashlib.sha256(str(name).encode()).digest()[:8], "big")


@numba.njit(cache=True)
def random_words(key, counters):
    """The random 64-bit words that a record holds at given places.

    A transmitter logs ten billion choices in a pass, and a station switches its basis thousands of times a second.
    A counter-based generator is that log without its gigabytes: any entry can be looked up, and none is stored.

    Parameters
    ----------
    key : uint64
        Key of the record, from `record_key`.
    counters : ndarray of int64, shape (n,)
        Places in the record (pulse numbers, switching slots).

    Returns
    -------
    ndarray of uint64, shape (n,)

    Notes
    -----
    The SplitMix64 output function, Steele, Lea and Flood, OOPSLA 2014, Fig. 16, applied to key + counter * gamma.
    """
    words = np.empty(counters.size, np.uint64)
    for i in range(counters.size):
        z = np.uint64(key) + np.uint64(counters[i]) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        words[i] = z ^ (z >> np.uint64(31))
    return words


# Numbers in a transmitter's log that belong to one session: more pulses than any session has.
SESSION_PULSES = 1 << 44


def transmitter_log(
    key: int, pulses: np.ndarray, probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the transmitter sent in given pulses.

    Parameters
    ----------
    key : int
        Key of the log.
    pulses : ndarray of int64, shape (n,)
        Pulse numbers; those of session s begin at s * SESSION_PULSES.
    probabilities : ndarray, shape (intensity,)
        Share of the pulses at each intensity [1].

    Returns
    -------
    intensity, basis, bit : ndarray of uint8, shape (n,)
    """
    words = random_words(np.uint64(key), pulses)
    edges = (np.cumsum(probabilities)[:-1] * 2.0**62).astype(np.uint64)
    intensity = np.searchsorted(edges, words >> np.uint64(2), side="right").astype(np.uint8)
    return intensity, ((words >> np.uint64(1)) & np.uint64(1)).astype(np.uint8), (words & np.uint64(1)).astype(np.uint8)


def variable(dims, values, units: str, long_name: str) -> xr.Variable:
    """A variable with its CF attributes."""
    return xr.Variable(dims, values, {"units": units, "long_name": long_name})


def label(data: xr.Dataset, stage: str, scenario: Scenario, seed: int | None = None) -> xr.Dataset:
    """The same data set with the global attributes that say what it is: no time of day, no place."""
    data.attrs = (
        {
            "Conventions": "CF-1.11",
            "title": scenario.title,
            "stage": stage,
            "scenario": scenario.name,
            "scenario_hash": scenario.content_hash,
            "satqkd_version": version("satqkd"),
        }
        | ({} if seed is None else {"seed": seed})
        | data.attrs
    )
    return data


@contextmanager
def finished(path: str | Path):
    """A place to write in that takes its real name only when the writing has succeeded."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        yield draft
        if path.is_dir():
            shutil.rmtree(path)
        draft.replace(path)
    finally:
        if draft.is_dir():
            shutil.rmtree(draft)
        else:
            draft.unlink(missing_ok=True)


COMPRESSED = {"zlib": True, "complevel": 1, "shuffle": True}
CHUNK, PART = 1 << 18, 1 << 20  # rows of a long data set to compress together, and to work on together
# Rows are written and read in their order: the library's 64 MB for each variable would hold what nobody asks for again.
netCDF4.set_chunk_cache(2 * 8 * CHUNK)


def save(data: xr.Dataset, path: str | Path) -> None:
    """Write a data set as netCDF4; large variables compressed."""
    with finished(path) as draft:
        data.to_netcdf(draft, engine="netcdf4", encoding=_encoding(data))


@contextmanager
def growing(path: str | Path, dim: str):
    """Write a data set whose rows along a dimension are more than the memory may hold.

    Parameters
    ----------
    path : str or Path
        Of the netCDF4 file, which takes its name when all of it is there.
    dim : str
        The dimension along which the data set grows.

    Yields
    ------
    append : callable
        Takes a dict of one-dimensional xarray.Variable, the next rows: the same names and types every time.
    finish : callable
        Takes an xarray.Dataset of all that does not lie along the dimension, once and last.
    """
    with finished(path) as draft:
        file = netCDF4.Dataset(draft, "w")
        file.createDimension(dim)

        def append(rows: dict[str, xr.Variable]) -> None:
            end = file.dimensions[dim].size
            for name, row in rows.items():
                if name not in file.variables:
                    column = file.createVariable(name, row.dtype, dim, chunksizes=[CHUNK], **COMPRESSED)
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


def _encoding(data: xr.Dataset) -> dict[str, dict]:
    encoding = {name: COMPRESSED for name, values in data.variables.items() if values.size > 1000}
    for name, values in data.variables.items():
        if values.dtype.kind == "M":
            encoding[name] = encoding.get(name, {}) | {
                "units": "nanoseconds since 2016-01-01",
                "dtype": "int64",
                "calendar": "proleptic_gregorian",
            }
    return encoding


def load(path: str | Path, *, leave: str | None = None) -> xr.Dataset:
    """Read a data set whole, or leave what lies along a dimension in the file, to be read when it is asked for."""
    if leave is None:
        with xr.open_dataset(path, engine="netcdf4") as data:
            return data.load()
    data = xr.open_dataset(path, engine="netcdf4", cache=False)
    for values in data.variables.values():
        if leave not in values.dims:
            values.load()
    return data


def in_parts(data: xr.Dataset, dim: str) -> Iterator[xr.Dataset]:
    """The rows of a long data set, so many at a time that they fit the memory."""
    for first in range(0, data.sizes[dim], PART):
        yield data.isel({dim: slice(first, first + PART)})


def save_json(values: dict, path: str | Path) -> None:
    """Write a small record as JSON."""
    with finished(path) as draft:
        draft.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n")


def save_observables(values: dict[str, tuple[float, str]], path: str | Path) -> None:
    """Write what a stage can hold against publications, name to (value, unit), as JSON for stage 8 to read."""
    save_json({name: {"value": value, "unit": unit} for name, (value, unit) in values.items()}, path)


def hash_of(path: str | Path) -> str:
    """SHA-256 of a file, or of all the files of a folder with their names."""
    path = Path(path)
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            if file != path:  # where a name or a file ends is part of what is hashed
                digest.update(f"{file.relative_to(path).as_posix()}\0{file.stat().st_size}\0".encode())
            with file.open("rb") as handle:
                while block := handle.read(1 << 22):
                    digest.update(block)
    return digest.hexdigest()


def save_provenance(result: str | Path, inputs: list[str | Path]) -> None:
    """Say beside a result when and with what it was made, and from which inputs: ``<result>.provenance.json``."""
    result = Path(result)
    save_json(
        {
            "result": result.name,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "packages": {name: version(name) for name in ("satqkd", "numpy", "scipy", "xarray", "numba")},
            "inputs": {Path(source).name: hash_of(source) for source in inputs},
        },
        result.with_name(result.name + ".provenance.json"),
    )
