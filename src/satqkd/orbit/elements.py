"""Mean orbital elements of one satellite: the checked sets of a file, and the one nearest in time."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sgp4.api import SGP4_ERRORS, Satrec

from satqkd.orbit.formats import DAY_US, KNOWN_FORMATS, Entry, read_entries

UNIX_EPOCH_JD = 2440587.5
# Before it there was no satellite, after it datetime64[ns] soon ends [Julian day].
FIRST_EPOCH, LAST_EPOCH = (UNIX_EPOCH_JD + float(np.datetime64(day, "D").astype(int)) for day in ("1957-10-04", "2200"))
LOWEST_PERIGEE_KM = 100.0  # below it an orbit does not last a day
MOST_UNKNOWN = 1000  # entries without a readable catalogue number, after which a file of something else is given up
# What an orbit round the Earth can have, in the names and units of an OMM; NaN lies in no bounds.
BOUNDS = {
    "MEAN_MOTION": (0.05, 18.0),  # revolutions a day, to half-way to the Moon
    "ECCENTRICITY": (0.0, 0.999),
    "INCLINATION": (0.0, 180.0),
    "RA_OF_ASC_NODE": (-360.0, 360.0),
    "ARG_OF_PERICENTER": (-360.0, 360.0),
    "MEAN_ANOMALY": (-360.0, 360.0),
    "BSTAR": (-10.0, 10.0),
    "MEAN_MOTION_DOT": (-1e3, 1e3),
    "MEAN_MOTION_DDOT": (-1e9, 1e9),
    "NORAD_CAT_ID": (0, 999_999_999),
}


@dataclass(frozen=True)
class Elements:
    """Hold the element sets of one satellite in order of epoch.

    Attributes
    ----------
    name : str
        Name of the object as the file gives it; empty if it gives none.
    norad_id : int
        Catalogue number.
    satrecs : tuple of sgp4.api.Satrec, length (set,)
        Element sets, ready for SGP4.
    epochs : ndarray of datetime64[ns], shape (set,)
        Epochs [UTC], strictly increasing.
    """

    name: str
    norad_id: int
    satrecs: tuple[Satrec, ...]
    epochs: np.ndarray


def read_elements(path: str | Path, norad_id: int | None = None) -> Elements:
    """Read the element sets of one satellite: OMM in CSV, JSON, KVN or XML, or two-line sets with or without names.

    What the file is follows from its content, not from its name.

    Parameters
    ----------
    path : str or Path
        File to read.
    norad_id : int, optional
        Catalogue number of the satellite to pick from a file of several. Sets of other satellites that are unsound are
        then skipped with a warning.

    Returns
    -------
    Elements
        Sorted by epoch. Of several sets with the same epoch the last in the file counts.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is empty, in no known format or damaged (wrong checksum, missing or unreadable field, a value
        outside `BOUNDS`), if the orbit of a set comes below `LOWEST_PERIGEE_KM`, if the file holds several satellites
        and `norad_id` does not choose, or if it does not hold `norad_id`.

    Examples
    --------
    >>> micius = read_elements("data/orbits/micius.csv")
    >>> micius.norad_id, len(micius.satrecs)
    (41731, 26)
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: give the path of {KNOWN_FORMATS}")
    chosen, skipped, satellites, others = _chosen(path, norad_id)
    if len(satellites) > 1:
        raise ValueError(
            f"{path} holds {_some(satellites)}: choose one by norad_id, which is orbit.norad_id in a scenario, or take "
            "out the others"
        )
    if faults := [entry.fault for entry in chosen if entry.fault]:
        raise ValueError(faults[0])
    if not chosen and norad_id is not None:
        reason = f" ({skipped[0]})" if skipped and not others else ""
        held = f"; it holds {_some(others)}: choose one of them" if others else f"{reason}: leave norad_id out"
        raise ValueError(f"{path} has no element set of norad_id={norad_id}{held} or give another file")
    if not chosen:
        raise ValueError(f"{path} has no element set: give {KNOWN_FORMATS}")
    if skipped:
        warnings.warn(
            f"{path}: beside norad_id={norad_id} skipped {len(skipped)} unsound of other satellites, the first: "
            f"{skipped[0]}",
            stacklevel=2,
        )
    by_epoch = {_epoch(entry.satrec): entry.satrec for entry in chosen if entry.satrec is not None}
    epochs = sorted(by_epoch)
    return Elements(
        name="".join(filter(str.isprintable, chosen[-1].name))[:60],
        norad_id=satellites[0],
        satrecs=tuple(by_epoch[epoch] for epoch in epochs),
        epochs=np.array(epochs, dtype="datetime64[ns]"),
    )


def _some(satellites: list[int]) -> str:
    """Return the number of satellites, and the first of them."""
    some = ", ".join(map(str, satellites[:8])) + ", …" * (len(satellites) > 8)
    return f"{len(satellites)} satellite{'s' * (len(satellites) > 1)} ({some})"


def _chosen(path: Path, norad_id: int | None) -> tuple[list[Entry], list[str], list[int], list[int]]:
    """Return the checked entries that were asked for, what is wrong with the others, and the satellites of both.

    What has no readable catalogue number may be of any satellite: it is an error unless one was asked for.
    """
    chosen: list[Entry] = []
    skipped: list[str] = []
    others: set[int] = set()
    unknown = 0
    for entry in map(_checked, read_entries(path)):
        if norad_id is None or entry.norad_id == norad_id:
            chosen.append(entry)
        else:
            others |= set() if entry.norad_id is None else {entry.norad_id}
            skipped += [entry.fault] if entry.fault else []
        unknown += entry.norad_id is None
        if entry.norad_id is None and (norad_id is None or unknown > MOST_UNKNOWN):
            raise ValueError(entry.fault)
    satellites = {entry.norad_id for entry in chosen if entry.norad_id is not None}
    return chosen, skipped, sorted(satellites), sorted(others)


def nearest(elements: Elements, times: np.ndarray) -> np.ndarray:
    """Return the index of the element set whose epoch lies nearest to each time.

    Parameters
    ----------
    elements : Elements
        Element sets of one satellite.
    times : ndarray of datetime64[ns], shape (time,)
        Times [UTC].

    Returns
    -------
    ndarray of int, shape (time,)
        Index into ``elements.satrecs``; exactly half-way the earlier set.

    Examples
    --------
    >>> micius = read_elements("data/orbits/micius.csv")
    >>> nearest(micius, micius.epochs[[0, 5]]).tolist()
    [0, 5]
    """
    halfway = elements.epochs[:-1] + np.diff(elements.epochs) // 2
    return np.searchsorted(halfway, np.asarray(times, dtype="datetime64[ns]"))


def _epoch(satrec: Satrec) -> np.datetime64:
    """Return the epoch to the microsecond, which is how both formats write it."""
    microseconds = round((satrec.jdsatepoch - UNIX_EPOCH_JD) * DAY_US) + round(satrec.jdsatepochF * DAY_US)
    return np.datetime64(microseconds, "us").astype("datetime64[ns]")


def _checked(entry: Entry) -> Entry:
    """Return the entry, with a fault if its elements describe no orbit or SGP4 cannot start from them."""
    if entry.satrec is None or entry.norad_id is None:
        return entry
    try:
        _require_orbit(entry.satrec, entry.norad_id, entry.where)
    except ValueError as error:
        return Entry(entry.where, entry.name, entry.norad_id, None, str(error))
    return entry


def _require_orbit(satrec: Satrec, norad_id: int, where: str) -> None:
    """Refuse elements that describe no orbit, or from which SGP4 cannot start."""
    for name, value in (_fields(satrec) | {"NORAD_CAT_ID": norad_id}).items():
        low, high = BOUNDS[name]
        if not low <= value <= high:
            raise ValueError(
                f"{where}: SGP4 cannot start from {name}={value:.6g}, outside [{low:g}, {high:g}]: check the set"
            )
    if not FIRST_EPOCH <= satrec.jdsatepoch + satrec.jdsatepochF < LAST_EPOCH:
        raise ValueError(f"{where}: EPOCH is outside the years 1957 to 2199: fetch the set again")
    if satrec.error:
        raise ValueError(f"{where}: SGP4 cannot start ({SGP4_ERRORS.get(satrec.error, satrec.error)}): check the set")
    perigee_km = satrec.altp * satrec.radiusearthkm
    if not perigee_km >= LOWEST_PERIGEE_KM:
        raise ValueError(
            f"{where}: the perigee lies at {perigee_km:.0f} km, below {LOWEST_PERIGEE_KM:g} km, where no orbit lasts a "
            "day: the satellite has decayed, or the set is wrong: give an earlier one"
        )


def _fields(satrec: Satrec) -> dict[str, float]:
    """Return the fields that `BOUNDS` limits, in the units of an OMM."""
    day = 1440.0 / (2.0 * np.pi)  # from radians a minute to revolutions a day
    return {
        "MEAN_MOTION": satrec.no_kozai * day,
        "ECCENTRICITY": satrec.ecco,
        "INCLINATION": np.degrees(satrec.inclo),
        "RA_OF_ASC_NODE": np.degrees(satrec.nodeo),
        "ARG_OF_PERICENTER": np.degrees(satrec.argpo),
        "MEAN_ANOMALY": np.degrees(satrec.mo),
        "BSTAR": satrec.bstar,
        "MEAN_MOTION_DOT": satrec.ndot * day * 1440.0,
        "MEAN_MOTION_DDOT": satrec.nddot * day * 1440.0**2,
    }
