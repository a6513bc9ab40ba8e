"""Time tags on disk: our own Zarr, one group a station, and what laboratories record."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr
import zarr
from zarr.codecs import BloscCodec

from satqkd.dataset import label, variable
from satqkd.detection.columns import first_line, read_csv, read_npy, read_parquet, write_csv, write_npy, write_parquet
from satqkd.detection.picoquant import read_ht3, read_ptu
from satqkd.detection.sfifteen import read_sfifteen, write_sfifteen
from satqkd.files import finished
from satqkd.scenario import Recorded, RecordedStation

CHUNK = 1 << 20
# Inputs have delays of their own: tags out of order by no more than this are sorted, others are a fault of the file.
DISORDER_PS = 1_000_000
EARLIEST_PS = np.iinfo(np.int64).min
LARGEST_ZARR_CHUNK = 1 << 26
IGNORED, UNKNOWN = 254, 255

READERS = {
    "npy": read_npy,
    "csv": read_csv,
    "parquet": read_parquet,
    "ptu": read_ptu,
    "ht3": read_ht3,
    "sfifteen": read_sfifteen,
    "sfifteen_swapped": partial(read_sfifteen, swapped=True),
}
WRITERS = {"npy": write_npy, "csv": write_csv, "parquet": write_parquet, "sfifteen": write_sfifteen}
SUFFIXES = {f".{name}": name for name in ("zarr", "npy", "csv", "parquet", "ptu", "ht3")} | {".a1": "sfifteen"}
# What is done about a recording's faults, in the attributes of what is read.
REPAIRS = {
    "sorted_tags": "tags that came after a later one",
    "largest_disorder_ps": "by so much at most",
    "counter_rollovers": "times that the counter rolled over",
    "words_of_several_inputs": "words that became a tag of each of their inputs",
    "dummy_words": "words of no input, left out",
    "markers": "records of markers, left out",
    "uncounted_records": "records of a header that counts none",
}


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
                # As small as zstd makes them, at a quarter of its time.
                compressors=BloscCodec(cname="lz4", clevel=1, shuffle="bitshuffle" if dtype == "uint8" else "shuffle"),
                config={"write_empty_chunks": True},  # detector 0 throughout is data too
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


def read_tags(
    path: str | Path, station: str | None = None, kind: str = "photons", *, format: str | None = None
) -> xr.Dataset:
    """The tags of a recording: of our own Zarr lazily, of other files whole.

    Parameters
    ----------
    path : str or Path
        A ``detection.zarr``, or a file of PicoQuant's (PTU, HT3), S-Fifteen's (a1), or NPY, CSV or Parquet with the
        columns ``time_ps`` and ``detector``; see docs/recordings.md.
    station : str, optional
        Name of the station, of a Zarr only.
    kind : {"photons", "beacon", "gps"}
        Of a Zarr.
    format : str, optional
        Key of `READERS` or zarr, where the suffix does not say it.

    Returns
    -------
    xarray.Dataset
        time(tag) [ps of the local clock, int64], ascending, and, for photons, detector(tag) [uint8]. The attributes say
        what was mended, see `REPAIRS`.

    Raises
    ------
    ValueError
        For a file that is none, that is cut, or that holds what no laboratory records; it names file and record.
    """
    path = Path(path)
    if _format(path, format) == "zarr":
        group = _zarr_group(path, station, kind)
        return xr.open_zarr(path, group=group, consolidated=False, chunks=None)
    pieces = list(tag_chunks(path, station, format=format))
    return xr.concat(pieces, "tag", combine_attrs="override").assign_attrs(pieces[-1].attrs)


def tag_chunks(path: str | Path, station: str | None = None, *, format: str | None = None) -> Iterator[xr.Dataset]:
    """The photons of a recording in pieces of a million tags or so, for files larger than the memory.

    Parameters
    ----------
    path, station, format
        As of `read_tags`.

    Yields
    ------
    xarray.Dataset
        As `read_tags` gives it. The attributes count what was mended so far.

    Raises
    ------
    ValueError
        As `read_tags`, when the iteration comes to the fault.
    """
    path, notes = Path(path), Counter()
    name = _format(path, format)
    if name == "zarr":
        pieces = _zarr_pieces(path, station)
    elif not path.is_file():
        raise ValueError(f"{path}: is {'a folder' if path.is_dir() else 'no file'}: check its name")
    elif station is not None:
        raise ValueError(f"{path}: holds one station, so that station={station} has no meaning: leave it out")
    else:
        pieces = READERS[name](path, CHUNK, notes)
    found = False
    for time, detector in _ascending(path, pieces, notes, earliest_ps=EARLIEST_PS if name == "zarr" else 0):
        if time.size:
            found = True
            yield _dataset(time, detector, {"format": name} | {key: int(notes[key]) for key in REPAIRS if notes[key]})
    if not found and name != "zarr":
        raise ValueError(f"{path}: holds no tags: nothing was recorded, or the file is cut")


def write_tags(
    tags: xr.Dataset | Iterable[xr.Dataset], path: str | Path, station: str | None = None, *, format: str | None = None
) -> None:
    """Write the photons of a station in one of the open formats.

    Parameters
    ----------
    tags : xarray.Dataset or iterable of xarray.Dataset
        time(tag) [ps, int64], ascending, and detector(tag); or pieces of it one after another, as from `tag_chunks`.
    path : str or Path
        Zarr (which takes a station more, if it is there), NPY, CSV, Parquet or S-Fifteen's a1; the file takes its name
        when it is whole.
    station : str, optional
        Name of the station, for a Zarr only.
    format : str, optional
        Key of `WRITERS` or zarr, where the suffix does not say it.

    Raises
    ------
    ValueError
        For no tags, times that do not ascend or are negative, and detectors that the format does not know.
    """
    path = Path(path)
    name = _format(path, format)
    if name != "zarr" and name not in WRITERS:
        raise ValueError(f"{path}: {name} is the format of an instrument: write {', '.join(WRITERS)} or zarr")
    if (station is None) == (name == "zarr"):
        raise ValueError(f"{path}: station={station}: a Zarr wants the name of the station, other files take none")
    pieces = _checked_pieces(path, [tags] if isinstance(tags, xr.Dataset) else tags, negative=name == "zarr")
    if name == "zarr":
        write_station(zarr.open_group(path, mode="a", zarr_format=3), station, pieces)
        return
    try:
        with finished(path) as draft:
            WRITERS[name](draft, pieces)
    except ValueError as error:
        raise ValueError(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from None


def import_recordings(scenario: Recorded, path: str | Path) -> xr.Dataset:
    """Bring the recordings that a scenario names into the form of stage 3, with its numbers of the detectors.

    Parameters
    ----------
    scenario : Recorded
    path : str or Path
        The ``detection.zarr`` to write; it takes this name when it is whole.

    Returns
    -------
    xarray.Dataset
        For each station the clicks by detector, the first and the last tag, and what was mended, see `REPAIRS`.

    Raises
    ------
    ValueError
        For what is wrong with a recording, a channel that the scenario does not know, and one that never clicked.
    """
    with finished(path) as draft:
        store = zarr.open_group(draft, mode="w", zarr_format=3)
        # No seed was drawn from: stage 4 resolves double clicks with the same one.
        store.attrs.update(label(xr.Dataset(), "detection", scenario, 0).attrs | {"run": 1})
        found = [_import_station(scenario, station, store) for station in scenario.stations]
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


def _import_station(scenario: Recorded, station: RecordedStation, store: zarr.Group) -> dict:
    path = scenario.recording(station)
    outcome = np.full(256, UNKNOWN, np.uint8)
    outcome[list(station.ignored_channels)] = IGNORED
    outcome[list(station.channels)] = range(4)
    found = {"clicks": np.zeros(4, np.int64)}

    def kept():
        for piece in tag_chunks(path, station.name if path.is_dir() else None, format=station.format):
            time, channel = piece.time.values, piece.detector.values
            detector = outcome[channel]
            if UNKNOWN in detector:
                first = np.argmax(detector == UNKNOWN)
                raise ValueError(
                    f"{path}: channel {channel[first]} clicks at {time[first]} ps and stands in neither channels nor "
                    f"ignored_channels of station {station.name}: add it to one of them"
                )
            time, detector = time[detector != IGNORED], detector[detector != IGNORED]
            found.update(piece.attrs)
            if time.size:
                found["clicks"] += np.bincount(detector, minlength=4)
                found.update(first_tag=found.get("first_tag", time[0]), last_tag=time[-1])
                yield time, detector

    write_station(store, station.name, kept())
    if not found["clicks"].all():
        silent = station.channels[int(np.argmin(found["clicks"]))]
        raise ValueError(f"{path}: channel {silent} never clicks: correct channels of station {station.name}")
    return found


def write_station(store: zarr.Group, station: str, pieces: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
    """Write ascending times [ps] and detectors as the photons of a station of a ``detection.zarr``."""
    group = store.create_group(f"{station}/photons", overwrite=True)
    writer = TagWriter(group, {"time": "int64", "detector": "uint8"})
    count = 0
    for time, detector in pieces:
        writer.append(time=time, detector=detector)
        count += time.size
    writer.close()
    group.attrs["session_first_tag"] = [0, count]


def _format(path: Path, format: str | None) -> str:
    name = SUFFIXES.get(path.suffix.lower()) if format is None else format
    if name != "zarr" and name not in READERS:
        asked = f"the suffix {path.suffix or '(none)'}" if format is None else f"format={format}"
        raise ValueError(f"{path}: {asked} is not known: give format as one of zarr, {', '.join(READERS)}")
    return name


def _dataset(time: np.ndarray, detector: np.ndarray, attrs: dict) -> xr.Dataset:
    return xr.Dataset(
        {
            "time": ("tag", time, {"units": "ps", "long_name": "time of the local clock"}),
            "detector": ("tag", detector, {"units": "1", "long_name": "detector"}),
        },
        attrs=attrs,
    )


def _zarr_group(path: Path, station: str | None, kind: str) -> str:
    """The group of a station's tags, if it is there and whole: a lost chunk would read as zeros."""
    if not (path / "zarr.json").is_file():
        raise ValueError(f"{path}: is no Zarr store: check its name")
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
    """Refuse an array that is none of tags, or that is not whole: a lost chunk would read as zeros."""
    sound = column.shape == shape and column.ndim == 1 and column.dtype.kind in "iu"
    if not sound or not 0 < column.chunks[0] <= LARGEST_ZARR_CHUNK:
        raise ValueError(f"{name} is {column.dtype} of shape {column.shape} in chunks of {column.chunks}")
    if lost := column.nchunks - column.nchunks_initialized:
        raise ValueError(f"{lost} of {column.nchunks} chunks of {name} are lost: copy it again")


@contextmanager
def _told_of_zarr(path: Path) -> Iterator[None]:
    """One sentence with the path for whatever the libraries below find."""
    try:
        yield
    except Exception as error:
        text = first_line(error)[:200]
        own = isinstance(error, ValueError) and text.endswith("copy it again")
        raise ValueError(
            f"{path}: {text}" if own else f"{path}: is no whole Zarr store: {text}: copy it again"
        ) from None


def _zarr_pieces(path: Path, station: str | None):
    name = _zarr_group(path, station, "photons")
    group = zarr.open_group(path, mode="r")[name]
    for first in range(0, group["time"].shape[0], CHUNK):
        with _told_of_zarr(path):
            time, detector = (group[name][first : first + CHUNK].astype(np.int64) for name in ("time", "detector"))
        yield time, detector, first + np.arange(time.size)


def _ascending(path, pieces, notes: Counter, *, earliest_ps: int):
    """Check each piece, and sort the tags that are a little out of order, also over the seam of two pieces."""
    time, detector = np.empty(0, np.int64), np.empty(0, np.uint8)
    latest = EARLIEST_PS
    for new_time, new_detector, new_record in pieces:
        if not new_time.size:
            continue
        _check_values(path, new_time, new_detector, new_record, earliest_ps)
        # How far each tag lies behind the latest one before it: no difference of two times is too large for it.
        behind = (np.maximum(np.maximum.accumulate(new_time), latest) - new_time).view(np.uint64)
        latest = max(latest, int(new_time.max()))
        if behind.max() > DISORDER_PS:
            _refuse_disorder(path, behind, new_record)
        notes["sorted_tags"] += int(np.count_nonzero(behind))
        notes["largest_disorder_ps"] = max(notes["largest_disorder_ps"], int(behind.max()))
        time, detector = np.concatenate([time, new_time]), np.concatenate([detector, new_detector.astype(np.uint8)])
        order = np.argsort(time, kind="stable")
        time, detector = time[order], detector[order]
        ready = np.searchsorted(time, max(latest - DISORDER_PS, EARLIEST_PS))
        yield time[:ready], detector[:ready]
        time, detector = time[ready:], detector[ready:]
    yield time, detector


def _check_values(path, time, detector, record, earliest_ps) -> None:
    if detector.min() < 0 or detector.max() > 255:
        worst = np.argmax((detector < 0) | (detector > 255))
        raise ValueError(
            f"{path}: record {record[worst]} has detector {detector[worst]}, outside [0, 255]: wrong column?"
        )
    if time.min() < earliest_ps:
        worst = np.argmax(time < earliest_ps)
        raise ValueError(
            f"{path}: record {record[worst]} has the time {time[worst]} ps, below {earliest_ps}: give times that count "
            "from the tagger's start, in ps"
        )


def _refuse_disorder(path, behind, record) -> None:
    worst = np.argmax(behind > DISORDER_PS)
    raise ValueError(
        f"{path}: record {record[worst]} lies {behind[worst]} ps before an earlier one, more than the {DISORDER_PS} ps "
        "that are sorted: is it the right format, did its counter roll over, or are it two recordings in one?"
    )


def _checked_pieces(path, tags, *, negative: bool):
    """Pieces of at most a chunk, their times ascending."""
    latest, empty = np.iinfo(np.int64).min, True
    for whole in tags:
        for first in range(0, whole.sizes["tag"], CHUNK):
            piece = whole.isel(tag=slice(first, first + CHUNK))
            time, detector = piece.time.values.astype(np.int64), piece.detector.values.astype(np.uint8)
            if time[0] < latest or np.any(np.diff(time) < 0):
                raise ValueError(f"{path}: times do not ascend: sort them, and the detectors with them")
            if not negative and time[0] < 0:
                raise ValueError(f"{path}: the first time is {time[0]} ps, below 0: subtract it, or another offset")
            latest, empty = time[-1], False
            yield time, detector
    if empty and not negative:
        raise ValueError(f"{path}: there are no tags to write")
