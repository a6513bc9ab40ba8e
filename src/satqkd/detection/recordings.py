"""Time tags on disk: Zarr stores of this package, with one group a station, and files that laboratories record."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from zarr.codecs import BloscCodec

from satqkd.dataset import label, variable
from satqkd.detection.columns import (
    Pieces,
    first_line,
    read_npy,
    read_parquet,
    write_npy,
    write_parquet,
)
from satqkd.detection.ordering import EARLIEST_PS, ascending
from satqkd.detection.photon_hdf5 import read_photon_hdf5
from satqkd.detection.picoquant import read_ht3, read_ptu
from satqkd.detection.sfifteen import read_sfifteen, write_sfifteen
from satqkd.detection.text import read_csv, read_qutag, write_csv
from satqkd.detection.transmitter_log import log_states
from satqkd.detection.turned import (
    Turned,
    ascending_with_settings,
    ready_tags,
    settings_of_tags,
    turned_by_column,
    turned_by_table,
    turned_to,
)
from satqkd.files import finished
from satqkd.scenario import INTENSITIES, Recorded, RecordedStation
from satqkd.scenario.recorded import RecordedPulses, RecordedRun

CHUNK = 1 << 20
# Inputs of a tagger have different delays, so tags out of order by up to this are sorted by default; more is a fault of
# the file.
DISORDER_PS = 1_000_000
LARGEST_ZARR_CHUNK = 1 << 26
IGNORED, UNKNOWN = 254, 255
# Standard deviations at which the shares of a log of pulses contradict the scenario's.
SHARES_SIGMA = 6.0

READERS: dict[str, Callable[[Path, int, Counter], Pieces]] = {
    "npy": read_npy,
    "csv": read_csv,
    "parquet": read_parquet,
    "ptu": read_ptu,
    "ht3": read_ht3,
    "sfifteen": read_sfifteen,
    "sfifteen_swapped": partial(read_sfifteen, swapped=True),
    "qutag": read_qutag,
    "photon_hdf5": read_photon_hdf5,
}
WRITERS = {"npy": write_npy, "csv": write_csv, "parquet": write_parquet, "sfifteen": write_sfifteen}
SUFFIXES = {f".{name}": name for name in ("zarr", "npy", "csv", "parquet", "ptu", "ht3")} | {
    ".a1": "sfifteen",
    ".txt": "qutag",
    ".h5": "photon_hdf5",
    ".hdf5": "photon_hdf5",
}
# Repairs of a recording, counted in the attributes of the tags that are read.
REPAIRS = {
    "sorted_tags": "tags that came after a later one",
    "largest_disorder_ps": "largest time by which a tag came late",
    "counter_rollovers": "times that the counter rolled over",
    "words_of_several_inputs": "words that gave a tag for each of several inputs",
    "dummy_words": "words of no input, left out",
    "markers": "records of markers, left out",
    "uncounted_records": "records that the header does not count",
    "unfinished_lines": "last lines without an end, as in a file that was cut",
}
# Files that only their vendor's software reads, by suffix, and how to convert them.
CLOSED = {
    ".ttbin": "read it with FileReader of Swabian's Time Tagger library and write the columns time_ps and detector",
    ".pt2": "open it with PicoQuant's software and save it as PTU",
    ".pt3": "open it with PicoQuant's software and save it as PTU",
    ".ht2": "open it with PicoQuant's software and save it as PTU",
    ".thd": "open it with PicoQuant's software and save it as PTU",
    ".bin": "load a quTAG's into its program, or with TDC_readTimestamps of its library, and write it as text (.txt)",
}


class TagWriter:
    """Append tags to arrays of a Zarr group in whole chunks, so that memory does not grow with the recording.

    Parameters
    ----------
    group : zarr.Group
    columns : dict of str to str
        Data type by name of the array.
    dim : str
        What is appended.

    Examples
    --------
    >>> group = zarr.create_group({})
    >>> writer = TagWriter(group, {"time": "int64"})
    >>> writer.append(time=np.array([100, 250]))
    >>> writer.close()
    >>> group["time"][:].tolist()
    [100, 250]
    """

    def __init__(self, group: zarr.Group, columns: dict[str, str], *, dim: str = "tag") -> None:
        self._arrays = {
            name: group.create_array(
                name,
                shape=(0,),
                chunks=(CHUNK,),
                dtype=dtype,
                dimension_names=(dim,),
                # As small as with zstd, in a quarter of the time.
                compressors=BloscCodec(cname="lz4", clevel=1, shuffle="bitshuffle" if dtype == "uint8" else "shuffle"),
                config={"write_empty_chunks": True},  # a chunk of detector 0 alone is data, not empty
            )
            for name, dtype in columns.items()
        }
        self._waiting: dict[str, list[np.ndarray]] = {name: [] for name in columns}
        self._count = 0

    def append(self, **values: np.ndarray) -> None:
        """Append arrays of one length, one for each column."""
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
        """Write the last chunk, which may be incomplete."""
        if self._count:
            self._write(self._count)


def read_tags(
    path: str | Path,
    station: str | None = None,
    kind: str = "photons",
    *,
    format: str | None = None,
    disorder_ps: int = DISORDER_PS,
) -> xr.Dataset:
    """Read the tags of a recording: lazily from a Zarr store, completely from other files.

    Parameters
    ----------
    path : str or Path
        A ``detection.zarr``, or a file of PicoQuant's (PTU, HT3) or S-Fifteen's (a1), a quTAG's text, Photon-HDF5, or
        NPY, CSV or Parquet with the columns ``time_ps`` and ``detector``; see docs/recordings.md.
    station : str, optional
        Name of the station, for a Zarr store only.
    kind : {"photons", "beacon", "gps"}
        Kind of the tags, for a Zarr store only.
    format : str, optional
        Key of `READERS` or zarr; by default that of the suffix.
    disorder_ps : int
        Tags up to this time before an earlier one are sorted; more is an error [ps].

    Returns
    -------
    xarray.Dataset
        time(tag) [ps of the local clock, int64], ascending, and, for photons, detector(tag) [uint8]. The attributes
        count the repairs, see `REPAIRS`.

    Raises
    ------
    ValueError
        For a file of another kind, a truncated one, or one with impossible values; it names file and record.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "alice.csv").write_text("time_ps,detector\\n100,0\\n90,3\\n")
    ...     tags = read_tags(f"{folder}/alice.csv")
    >>> tags.time.values.tolist(), tags.detector.values.tolist(), tags.attrs["sorted_tags"]
    ([90, 100], [3, 0], 1)
    """
    path = Path(path)
    if _format(path, format) == "zarr":
        group = _zarr_group(path, station, kind)
        return xr.open_zarr(path, group=group, consolidated=False, chunks=None)
    pieces = _checked(path, station, format=format, disorder_ps=disorder_ps)
    times, detectors, _, attrs = zip(*pieces, strict=True)
    return _dataset(np.concatenate(times), np.concatenate(detectors), attrs[-1])


def tag_chunks(
    path: str | Path, station: str | None = None, *, format: str | None = None, disorder_ps: int = DISORDER_PS
) -> Iterator[xr.Dataset]:
    """Yield the photons of a recording in pieces of up to a million tags, for files larger than the memory.

    Parameters
    ----------
    path, station, format, disorder_ps
        As for `read_tags`.

    Yields
    ------
    xarray.Dataset
        As from `read_tags`. The attributes count the repairs up to here.

    Raises
    ------
    ValueError
        As `read_tags`, when the iteration reaches the fault.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/alice.npy", [[100, 0], [250, 3]])
    ...     [piece.sizes["tag"] for piece in tag_chunks(f"{folder}/alice.npy")]
    [2]
    """
    for time, detector, _, attrs in _checked(Path(path), station, format=format, disorder_ps=disorder_ps):
        yield _dataset(time, detector, attrs)


def _checked(
    path: Path,
    station: str | None,
    *,
    format: str | None,
    disorder_ps: int,
    settings_of: RecordedStation | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None, dict[str, Any]]]:
    """Yield times, detectors, settings where a station has a column of them, and counts of the repairs up to here."""
    notes: Counter[str] = Counter()
    name = _format(path, format)
    if name == "zarr":
        pieces = _zarr_pieces(path, station)
    elif not path.is_file():
        raise ValueError(f"{path}: is {'a folder' if path.is_dir() else 'not a file'}: check its name")
    elif station is not None:
        raise ValueError(f"{path}: has one station only: leave station={station} out")
    else:
        pieces = READERS[name](path, CHUNK, notes)
    found = False
    limits = {"earliest_ps": EARLIEST_PS if name == "zarr" else 0, "disorder_ps": disorder_ps}
    ordered: Iterator[tuple[np.ndarray, ...]] = ascending(path, pieces, notes, **limits)
    if settings_of is not None and settings_of.settings_column:
        settings = column_of_settings(path, settings_of)
        ordered = ascending_with_settings(path, pieces, settings, notes, **limits)
    for time, detector, *setting in ordered:
        if time.size:
            found = True
            attrs = {"format": name} | {key: int(notes[key]) for key in REPAIRS if notes[key]}
            yield time, detector, setting[0] if setting else None, attrs
    if not found and name != "zarr":
        raise ValueError(f"{path}: holds no tags: nothing was recorded, or the file is truncated")


def write_tags(
    tags: xr.Dataset | Iterable[xr.Dataset], path: str | Path, station: str | None = None, *, format: str | None = None
) -> None:
    """Write the photons of a station in an open format.

    Parameters
    ----------
    tags : xarray.Dataset or iterable of xarray.Dataset
        time(tag) [ps, int64], ascending, and detector(tag); or pieces of it in order, as from `tag_chunks`.
    path : str or Path
        Zarr store (a store that exists gets one more station), NPY, CSV, Parquet or S-Fifteen's a1. The file gets its
        name when it is complete.
    station : str, optional
        Name of the station, for a Zarr store only.
    format : str, optional
        Key of `WRITERS` or zarr; by default that of the suffix.

    Raises
    ------
    ValueError
        For no tags, times that do not ascend or are negative, and detectors that the format does not have.

    Examples
    --------
    >>> import tempfile
    >>> tags = xr.Dataset({"time": ("tag", [100, 250]), "detector": ("tag", [0, 3])})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_tags(tags, f"{folder}/alice.csv")
    ...     Path(folder, "alice.csv").read_text().split()
    ['time_ps,detector', '100,0', '250,3']
    """
    path = Path(path)
    name = _format(path, format)
    if name != "zarr" and name not in WRITERS:
        raise ValueError(f"{path}: {name} is a format that only instruments write: take {', '.join(WRITERS)} or zarr")
    if (station is None) == (name == "zarr"):
        raise ValueError(f"{path}: station={station}: a Zarr store requires the name of a station, other files none")
    pieces = _checked_pieces(path, [tags] if isinstance(tags, xr.Dataset) else tags, negative=name == "zarr")
    if station is not None:
        write_station(zarr.open_group(path, mode="a", zarr_format=3), station, pieces)
        return
    try:
        with finished(path) as draft:
            WRITERS[name](draft, pieces)
    except ValueError as error:
        raise ValueError(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from None


def import_recordings(scenario: Recorded, path: str | Path) -> xr.Dataset:
    """Convert the recordings that a scenario names to the form of stage 3, with its numbering of the detectors.

    Parameters
    ----------
    scenario : Recorded
    path : str or Path
        The ``detection.zarr`` to write; it gets this name when it is complete.

    Returns
    -------
    xarray.Dataset
        For each station the clicks by detector, the first and the last tag, and the repairs, see `REPAIRS`.

    Raises
    ------
    ValueError
        For a faulty recording, a channel that is not in the scenario, and one that never clicked.

    Examples
    --------
    >>> import shutil
    >>> from tempfile import TemporaryDirectory
    >>> from satqkd import load_scenario
    >>> from satqkd.scenario import data_folder
    >>> channel = np.tile(np.arange(4, dtype=np.uint8), 100)
    >>> time = np.arange(400) * 10**6
    >>> with TemporaryDirectory() as folder:
    ...     mine = shutil.copy(data_folder() / "scenarios/recorded_example.yaml", folder)
    ...     for name, first in [("example_alice.a1", 0), ("example_bob.npy", 1)]:
    ...         write_tags(
    ...             xr.Dataset({"time": ("tag", time), "detector": ("tag", channel + first)}), f"{folder}/{name}"
    ...         )
    ...     data = import_recordings(load_scenario(mine), f"{folder}/detection.zarr")
    >>> data.clicks.values.tolist()
    [[100, 100, 100, 100], [100, 100, 100, 100]]
    """
    with finished(path) as draft:
        store = zarr.open_group(draft, mode="w", zarr_format=3)
        # Nothing was drawn here. Stage 4 reads the seed: it resolves double clicks at random.
        store.attrs.update(label(xr.Dataset(), "detection", scenario, 0).attrs | {"run": 1})
        found = [_import_all(scenario, station, store) for station in scenario.stations]
        if scenario.transmitter:
            _import_log(scenario, store)
    data = xr.Dataset(
        {
            "clicks": variable(("station", "detector"), [f["clicks"] for f in found], "1", "tags by detector"),
            "first_tag": variable("station", [f["first_tag"] for f in found], "ps", "earliest time"),
            "last_tag": variable("station", [f["last_tag"] for f in found], "ps", "latest time"),
        }
        | {
            name: variable("station", [f.get(name, 0) for f in found], "ps" if name.endswith("_ps") else "1", text)
            for name, text in REPAIRS.items()
        },
        coords={"station": [station.name for station in scenario.stations]},
    )
    return label(data, "detection", scenario)


def _import_all(scenario: Recorded, station: RecordedStation, store: zarr.Group) -> dict[str, Any]:
    """Write the tags of all recordings of a station; return clicks, first and last tag, and repairs of all together."""
    if scenario.runs is None:
        return _import_station(scenario, station, store)
    index = scenario.stations.index(station)
    found = [
        _import_station(scenario, station, store.require_group(run_group(number)), run, run.settings[index])
        for number, run in enumerate(scenario.runs)
    ]
    total = {name: sum(one.get(name, 0) for one in found) for name in ("clicks", *REPAIRS)}
    total["largest_disorder_ps"] = max(one.get("largest_disorder_ps", 0) for one in found)
    return total | {"first_tag": found[0]["first_tag"], "last_tag": found[-1]["last_tag"]}


def run_group(number: int) -> str:
    """Return the group of a ``detection.zarr`` that has the tags of one of several runs.

    Examples
    --------
    >>> run_group(0)
    'run0'
    """
    return f"run{number}"


def _turned(scenario: Recorded, station: RecordedStation, setting: int | None) -> Turned | None:
    """Return what gives the tags of a station with two channels their settings; None for one with four."""
    if setting is not None:
        return turned_to(setting)
    if station.settings_column:
        return turned_by_column
    table = scenario.settings_file(station)
    return turned_by_table(table) if table else None


def column_of_settings(path: Path, station: RecordedStation) -> Iterator[np.ndarray]:
    """Yield the settings of a station's tags from the column of its recording, see `settings_of_tags`.

    Examples
    --------
    >>> import tempfile
    >>> bob = RecordedStation(name="bob", recording="bob.csv", channels=(1, 2), settings_column="basis")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "bob.csv").write_text("time_ps,detector,basis\\n100,1,0\\n250,1,1\\n")
    ...     [settings] = column_of_settings(Path(folder, "bob.csv"), bob)
    >>> settings.tolist()
    [0, 1]
    """
    assert station.settings_column is not None
    return settings_of_tags(
        path, _format(path, station.format), station.settings_column, values=station.settings_values
    )


def _import_station(
    scenario: Recorded,
    station: RecordedStation,
    store: zarr.Group,
    run: RecordedRun | None = None,
    setting: int | None = None,
) -> dict[str, Any]:
    """Write the tags of a station with the numbers of its detectors; return clicks, first and last tag, and repairs."""
    path = scenario.recording(station, run)
    turned = _turned(scenario, station, setting)
    outcome = np.full(256, UNKNOWN, np.uint8)
    outcome[list(station.ignored_channels)] = IGNORED
    outcome[list(station.channels)] = range(len(station.channels))
    found: dict[str, Any] = {"clicks": np.zeros(4, np.int64), "tags": 0}
    delays_ps = np.rint(1e3 * np.array(station.delays_ns)).astype(np.int64)
    # No detection of a pulse is left out for a dead time.
    dead_ps = 0 if scenario.transmitter else int(1e3 * scenario.detection.dead_time_ns)

    def kept() -> Pieces:
        own = station.name if path.is_dir() else None
        disorder_ps = int(1e3 * station.disorder_ns)
        for time, channel, setting, attrs in _checked(
            path, own, format=station.format, disorder_ps=disorder_ps, settings_of=station
        ):
            detector = outcome[channel]
            if UNKNOWN in detector:
                first = np.argmax(detector == UNKNOWN)
                raise ValueError(
                    f"{path}: channel {channel[first]} clicks at {time[first]} ps and is in neither channels nor "
                    f"ignored_channels of station {station.name}: add it to one of them"
                )
            found.update(attrs)
            used = detector != IGNORED
            time, detector = time[used] - delays_ps[detector[used]], detector[used]
            if setting is not None:
                detector = 2 * setting[used] + detector
            yield time, detector, range(time.size)

    def counted() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        pieces: Iterable[tuple[Any, ...]] = kept()
        if delays_ps.any():  # tags of inputs with different delays change their order
            disorder_ps = int(np.ptp(delays_ps))
            pieces = ascending(path, kept(), Counter(), earliest_ps=EARLIEST_PS, disorder_ps=disorder_ps)
        last_unset_ps = EARLIEST_PS
        for time, detector, *_ in pieces:
            found["tags"] += time.size
            if turned:
                detector, known = turned(time, detector)
                ready, last_unset_ps = ready_tags(time, known, dead_ps=dead_ps, last_unset_ps=last_unset_ps)
                time, detector = time[ready], detector[ready]
            if time.size:
                found["clicks"] += np.bincount(detector, minlength=4)
                found.update(first_tag=found.get("first_tag", time[0]), last_tag=time[-1])
                yield time, detector

    write_station(store, station.name, counted())
    clicks = found["clicks"]
    if turned and found["tags"]:
        # Of settings that the analyser never has in this recording there are no clicks.
        clicks = clicks.reshape(2, 2)[clicks.reshape(2, 2).any(axis=1)].ravel()
        if not clicks.size:
            raise ValueError(
                f"{path}: no tag of station {station.name} has a setting: are the times of settings in its clock, or "
                "does its analyser always move?"
            )
    if not clicks.all():
        silent = station.channels[int(np.argmin(clicks)) % len(station.channels)]
        raise ValueError(f"{path}: channel {silent} never clicks: correct channels of station {station.name}")
    return found


def _import_log(scenario: Recorded, store: zarr.Group) -> None:
    """Write a transmitter's log to a ``detection.zarr`` as one byte a pulse, and check the shares of its intensities.

    Parameters
    ----------
    scenario : Recorded
        Of pulses.
    store : zarr.Group

    Raises
    ------
    ValueError
        As `log_states`, and where the scenario's `intensity_probabilities` are not those of the log.
    """
    assert scenario.transmitter is not None and isinstance(scenario.source, RecordedPulses)
    path = scenario.log_file()
    group = store.create_group("transmitter/log")
    group.attrs["repeats"] = scenario.transmitter.repeats
    writer, counts = TagWriter(group, {"state": "uint8"}, dim="pulse"), np.zeros(len(INTENSITIES), np.int64)
    for states in log_states(path, intensities=scenario.transmitter.log_intensities):
        writer.append(state=states)
        counts += np.bincount(states >> 2, minlength=counts.size)
    writer.close()
    share, total = scenario.source.shares, counts.sum()
    off = np.abs(counts - total * share) / np.sqrt(total * share * (1 - share))
    if off.max() > SHARES_SIGMA:
        name = INTENSITIES[int(off.argmax())]
        raise ValueError(
            f"{path}: {counts[off.argmax()] / total:.4g} of {total} pulses are {name}, and "
            f"intensity_probabilities.{name}={share[off.argmax()]:g}: correct it, or the order of "
            "transmitter.log_intensities"
        )


def write_station(store: zarr.Group, station: str, pieces: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
    """Write ascending times [ps] and detectors as the photons of a station of a ``detection.zarr``.

    Examples
    --------
    >>> store = zarr.create_group({})
    >>> write_station(store, "alice", [(np.array([100, 250]), np.array([0, 3]))])
    >>> store["alice/photons/detector"][:].tolist()
    [0, 3]
    """
    group = store.create_group(f"{station}/photons", overwrite=True)
    writer = TagWriter(group, {"time": "int64", "detector": "uint8"})
    count = 0
    for time, detector in pieces:
        writer.append(time=time, detector=detector)
        count += time.size
    writer.close()
    group.attrs["session_first_tag"] = [0, count]


def _format(path: Path, format: str | None) -> str:
    """Return the name of a format, by default that of the suffix."""
    suffix = (path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower()
    name = SUFFIXES.get(suffix) if format is None else format
    if format is None and suffix in CLOSED:
        raise ValueError(f"{path}: {suffix} is read by its vendor's software only: {CLOSED[suffix]}")
    if name != "zarr" and name not in READERS:
        asked = f"the suffix {path.suffix or '(none)'}" if format is None else f"format={format}"
        raise ValueError(f"{path}: {asked} is unknown: give format as one of zarr, {', '.join(READERS)}")
    return name


def _dataset(time: np.ndarray, detector: np.ndarray, attrs: dict[str, Any]) -> xr.Dataset:
    """Return tags as a data set."""
    return xr.Dataset(
        {
            "time": ("tag", time, {"units": "ps", "long_name": "time of the local clock"}),
            "detector": ("tag", detector, {"units": "1", "long_name": "detector"}),
        },
        attrs=attrs,
    )


def _zarr_group(path: Path, station: str | None, kind: str) -> str:
    """Return the name of the group of a station's tags; refuse a store without it, and one that is not complete."""
    if not (path / "zarr.json").is_file():
        raise ValueError(f"{path}: is not a Zarr store: check its name")
    with _told_of_zarr(path):
        store = zarr.open_group(path, mode="r")
        if f"{station}/{kind}" not in store:
            known = ", ".join(sorted(store.group_keys()))[:80]
            raise ValueError(
                f"holds no {kind} of station={station}: it holds {known}: give one of them, or copy it again"
            )
        arrays = dict(store[f"{station}/{kind}"].arrays())
        for name in ("time", "detector")[: 1 + (kind == "photons")]:
            _require_column(arrays[name], f"{station}/{kind}/{name}", arrays["time"].shape)
        return f"{station}/{kind}"


def _require_column(column: zarr.Array, name: str, shape: tuple) -> None:
    """Refuse an array that cannot hold tags or lacks a chunk, which would be read as zeros."""
    sound = column.shape == shape and column.ndim == 1 and column.dtype.kind in "iu"
    if not sound or not 0 < column.chunks[0] <= LARGEST_ZARR_CHUNK:
        raise ValueError(f"{name} is {column.dtype} of shape {column.shape} in chunks of {column.chunks}")
    if lost := column.nchunks - column.nchunks_initialized:
        raise ValueError(f"{lost} of {column.nchunks} chunks of {name} are missing: copy it again")


@contextmanager
def _told_of_zarr(path: Path) -> Iterator[None]:
    """Turn every error of the libraries into one sentence with the path."""
    try:
        yield
    except Exception as error:
        text = first_line(error)[:200]
        own = isinstance(error, ValueError) and text.endswith("copy it again")
        raise ValueError(
            f"{path}: {text}" if own else f"{path}: is not a complete Zarr store: {text}: copy it again"
        ) from None


def _zarr_pieces(path: Path, station: str | None) -> Pieces:
    """Yield the photons of a station in a Zarr store."""
    name = _zarr_group(path, station, "photons")
    group = zarr.open_group(path, mode="r")[name]
    for first in range(0, group["time"].shape[0], CHUNK):
        with _told_of_zarr(path):
            time, detector = (group[name][first : first + CHUNK].astype(np.int64) for name in ("time", "detector"))
        yield time, detector, range(first, first + time.size)


def _checked_pieces(
    path: Path, tags: Iterable[xr.Dataset], *, negative: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pieces of at most a chunk; refuse times that do not ascend, or that are negative where they must not be."""
    latest, empty = np.iinfo(np.int64).min, True
    for whole in tags:
        for first in range(0, whole.sizes["tag"], CHUNK):
            piece = whole.isel(tag=slice(first, first + CHUNK))
            time, detector = piece.time.values.astype(np.int64), piece.detector.values.astype(np.uint8)
            if time[0] < latest or np.any(np.diff(time) < 0):
                raise ValueError(f"{path}: times do not ascend: sort them, and the detectors with them")
            if not negative and time[0] < 0:
                raise ValueError(f"{path}: the first time is {time[0]} ps, below 0: subtract it, or a smaller time")
            latest, empty = time[-1], False
            yield time, detector
    if empty and not negative:
        raise ValueError(f"{path}: there are no tags to write")
