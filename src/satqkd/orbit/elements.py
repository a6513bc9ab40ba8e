"""Mean orbital elements of one satellite: read from OMM or two-line files, choose the set nearest in time."""

import csv
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sgp4 import omm
from sgp4.api import SGP4_ERRORS, Satrec
from sgp4.io import compute_checksum

TLE_LINE_LENGTH = 69
UNIX_EPOCH_JD = 2440587.5
DAY_US = 86_400_000_000
# Far more than all sets of one satellite: a file that is none is not read for minutes.
LARGEST_FILE_BYTES = 100_000_000
# Before it there was no satellite, after it datetime64[ns] soon ends [Julian day].
FIRST_EPOCH, LAST_EPOCH = (UNIX_EPOCH_JD + float(np.datetime64(day, "D").astype(int)) for day in ("1957-10-04", "2200"))
LOWEST_PERIGEE_KM = 100.0  # below it an orbit does not last a day
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
    "NORAD_CAT_ID": (0, 339_999),  # as far as five places of a two-line set go
}
# Of a two-line set: what stands between which columns, from 0, with the blank before it. SGP4's own reader makes
# another number of what does not look so.
CATALOGUE_NUMBER = ("catalogue number", 1, 7, r" [ 0-9A-HJ-NP-Z][ 0-9]{3}[0-9]")
ANGLE, POWER_OF_TEN = r" +[0-9]{1,3}\.[0-9]{4}", r" [ +-][0-9]{5}[+-][0-9]"
COLUMNS = {
    "1": (
        CATALOGUE_NUMBER,
        ("epoch", 17, 32, r" [0-9]{2}[ 0-3][ 0-9][0-9]\.[0-9]{8}"),
        ("half the rate of the mean motion", 32, 43, r" +[+-]? *0?\.[0-9]{8}"),
        ("sixth of its second derivative", 43, 52, POWER_OF_TEN),
        ("drag term", 52, 61, POWER_OF_TEN),
    ),
    "2": (
        CATALOGUE_NUMBER,
        ("inclination", 7, 16, ANGLE),
        ("right ascension of the node", 16, 25, ANGLE),
        ("eccentricity", 25, 33, r" +[0-9]+"),
        ("argument of perigee", 33, 42, ANGLE),
        ("mean anomaly", 42, 51, ANGLE),
        ("mean motion", 51, 63, r" +[0-9]{1,2}\.[0-9]{8}"),
        ("number of the revolution", 63, 68, r" *[0-9]+"),
    ),
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
    """Read the element sets of one satellite: OMM in CSV or XML, or two-line sets with or without name lines.

    What the file is follows from its content, not from its name.

    Parameters
    ----------
    path : str or Path
        File to read.
    norad_id : int, optional
        Catalogue number of the satellite to pick from a file of several.

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
        raise FileNotFoundError(f"{path} does not exist: give the path of an OMM file (CSV, XML) or of two-line sets")
    sets = [
        (name, satrec) for name, satrec in _read_sets(path) if norad_id is None or _catalogue_number(satrec) == norad_id
    ]
    satellites = sorted({_catalogue_number(satrec) for _, satrec in sets})
    if not satellites and norad_id is not None:
        raise ValueError(f"{path} has no element set of norad_id={norad_id}: leave norad_id out or give another file")
    if not satellites:
        raise ValueError(f"{path} has no element set: give an OMM file (CSV, XML) or two-line sets")
    if len(satellites) > 1:
        some = ", ".join(map(str, satellites[:8])) + ", …" * (len(satellites) > 8)
        raise ValueError(
            f"{path} holds {len(satellites)} satellites ({some}): choose one by norad_id, or take out the others"
        )
    by_epoch = {_epoch(satrec): satrec for _, satrec in sets}
    epochs = sorted(by_epoch)
    return Elements(
        name="".join(filter(str.isprintable, sets[-1][0]))[:60],
        norad_id=satellites[0],
        satrecs=tuple(by_epoch[epoch] for epoch in epochs),
        epochs=np.array(epochs, dtype="datetime64[ns]"),
    )


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


def _catalogue_number(satrec: Satrec) -> int:
    return int(satrec.satnum)


def _epoch(satrec: Satrec) -> np.datetime64:
    """Return the epoch to the microsecond, which is how both formats write it."""
    microseconds = round((satrec.jdsatepoch - UNIX_EPOCH_JD) * DAY_US) + round(satrec.jdsatepochF * DAY_US)
    return np.datetime64(microseconds, "us").astype("datetime64[ns]")


def _read_sets(path: Path) -> Iterator[tuple[str, Satrec]]:
    """Yield name and element set of each entry of a file in whichever format it has."""
    if (size := path.stat().st_size) > LARGEST_FILE_BYTES:
        raise ValueError(
            f"{path} has {size} bytes, more than {LARGEST_FILE_BYTES}: give the sets of your satellites alone"
        )
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}): check who may read it") from None
    start = text.lstrip()
    if start.startswith("<"):
        yield from _read_xml(path, text)
    elif start.startswith(("{", "[", "CCSDS_OMM_VERS")):
        raise ValueError(f"{path} is an OMM in JSON or KVN, which is not read: give it as CSV, XML or two-line sets")
    elif "NORAD_CAT_ID" in start.split("\n", 1)[0]:
        names = start.split("\n", 1)[0].split(",")
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"{path} has the column {twice[0].strip()[:40]} twice: leave one of them")
        rows = omm.parse_csv(start.splitlines())
        try:
            yield from (_from_omm(fields, f"{path}, row {row}") for row, fields in enumerate(rows, start=1))
        except csv.Error as error:
            raise ValueError(f"{path} is not a readable OMM in CSV ({error}): fetch it again") from None
    else:
        yield from _read_two_line(path, text.splitlines())


def _read_xml(path: Path, text: str) -> Iterator[tuple[str, Satrec]]:
    """Yield the entries of an OMM file in XML."""
    if "<!" in text.replace("<!--", ""):  # entities, which can explode, or a page of the web
        raise ValueError(f"{path} is not a readable OMM in XML (it declares a type of document): fetch it again")
    try:
        messages = list(omm.parse_xml(path))
    except (ElementTree.ParseError, AttributeError, TypeError, LookupError, ValueError) as error:
        raise ValueError(f"{path} is not a readable OMM in XML ({error}): fetch it again") from None
    yield from (_from_omm(fields, f"{path}, message {number}") for number, fields in enumerate(messages, start=1))


def _from_omm(fields: dict, where: str) -> tuple[str, Satrec]:
    """Return the element set of one orbit mean-elements message."""
    satrec = Satrec()
    try:
        omm.initialize(satrec, fields)
    except KeyError as error:
        raise ValueError(f"{where}: the field {error.args[0]} is missing: give a complete OMM") from None
    except (TypeError, ValueError, OverflowError, SystemError) as error:
        raise ValueError(
            f"{where}: a field cannot be read ({_unreadable(fields, error)}): give numbers and a date with fraction"
        ) from None
    # The reader counts days from 1949 in one float, which costs up to 0.3 microseconds, or 2 mm in low orbit.
    satrec.jdsatepochF = round(satrec.jdsatepochF * DAY_US) / DAY_US
    return (fields.get("OBJECT_NAME") or "").strip(), _usable(satrec, where)


def _unreadable(fields: dict, error: Exception) -> str:
    """Return the first field that is not a number, or what else is wrong."""
    whole = ("NORAD_CAT_ID", "EPHEMERIS_TYPE", "ELEMENT_SET_NO", "REV_AT_EPOCH")
    for name in (*BOUNDS, *whole):
        try:
            (int if name in whole else float)(fields[name])
        except (TypeError, ValueError):
            return f"{name}={str(fields[name])[:40]}"
    return str(error)[:80]


def _read_two_line(path: Path, lines: list[str]) -> Iterator[tuple[str, Satrec]]:
    """Yield the entries of a file of two-line sets; a line before line 1 that is not an element line is the name."""
    name, first, first_at = "", None, 0
    for number, line in enumerate((line.rstrip() for line in lines), start=1):
        where = f"{path}, line {number}"
        if not line:
            continue
        if first is not None:
            _check_two_line(line, "2", where)
            if line[2:7] != first[2:7]:
                raise ValueError(f"{where}: catalogue number {line[2:7]} follows {first[2:7]}: give lines that belong")
            yield name, _usable(_from_two_line(first, line, where), f"{path}, line {first_at}")
            name, first = "", None
        elif line.startswith("1 ") and len(line) >= TLE_LINE_LENGTH - 1:
            _check_two_line(line, "1", where)
            first, first_at = line, number
        elif line.startswith("2 ") and len(line) >= TLE_LINE_LENGTH - 1:
            raise ValueError(f"{where}: line 2 of an element set without its line 1: give both lines")
        elif name:
            raise ValueError(f"{where}: neither OMM nor two-line set: give an OMM file (CSV, XML) or two-line sets")
        else:
            name = line.removeprefix("0 ").strip()
    if first is not None:
        raise ValueError(f"{path}, line {first_at}: line 1 of an element set without its line 2: give both lines")


def _check_two_line(line: str, kind: str, where: str) -> None:
    """Refuse a line that is not whole."""
    if not line.startswith(f"{kind} ") or len(line) < TLE_LINE_LENGTH or not line.isascii():
        raise ValueError(
            f"{where}: expected line {kind} of an element set with {TLE_LINE_LENGTH} characters: "
            f"{line[:TLE_LINE_LENGTH]!r}"
        )
    checksum = compute_checksum(line)
    if line[TLE_LINE_LENGTH - 1] != str(checksum):
        raise ValueError(
            f"{where}: checksum {line[TLE_LINE_LENGTH - 1]} is not the {checksum} that its digits give: "
            "the line is damaged, fetch the set again"
        )
    for name, first, last, pattern in COLUMNS[kind]:
        if not re.fullmatch(pattern, line[first:last]):
            raise ValueError(
                f"{where}: a field cannot be read ({name}, columns {first + 1} to {last}: {line[first:last]!r}): "
                "fetch the set again"
            )


def _from_two_line(first: str, second: str, where: str) -> Satrec:
    try:
        return Satrec.twoline2rv(first, second)
    except ValueError as error:
        raise ValueError(f"{where}: a field cannot be read ({error}): fetch the set again") from None


def _usable(satrec: Satrec, where: str) -> Satrec:
    """Refuse elements that describe no orbit, or from which SGP4 cannot start."""
    for name, value in _fields(satrec).items():
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
    return satrec


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
        "NORAD_CAT_ID": _catalogue_number(satrec),
    }
