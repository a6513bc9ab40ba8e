"""Mean orbital elements of one satellite: read from OMM or two-line files, choose the set nearest in time."""

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


@dataclass(frozen=True)
class Elements:
    """Element sets of one satellite in order of epoch.

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
    """Element sets of one satellite from an OMM file (CSV or XML) or from two-line sets with or without name lines.

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
        If the file is empty, in no known format or damaged (wrong checksum, missing or unreadable field), if it holds
        several satellites and `norad_id` does not choose, or if it does not hold `norad_id`.
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
        raise ValueError(
            f"{path} holds {len(satellites)} satellites ({', '.join(map(str, satellites))}): choose one by norad_id"
        )
    by_epoch = {_epoch(satrec): satrec for _, satrec in sets}
    epochs = sorted(by_epoch)
    return Elements(
        name=sets[-1][0],
        norad_id=satellites[0],
        satrecs=tuple(by_epoch[epoch] for epoch in epochs),
        epochs=np.array(epochs, dtype="datetime64[ns]"),
    )


def nearest(elements: Elements, times: np.ndarray) -> np.ndarray:
    """Index of the element set whose epoch lies nearest to each time.

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
    """
    halfway = elements.epochs[:-1] + np.diff(elements.epochs) // 2
    return np.searchsorted(halfway, np.asarray(times, dtype="datetime64[ns]"))


def _catalogue_number(satrec: Satrec) -> int:
    return int(satrec.satnum)


def _epoch(satrec: Satrec) -> np.datetime64:
    """Epoch to the microsecond, in which both formats write it."""
    microseconds = round((satrec.jdsatepoch - UNIX_EPOCH_JD) * DAY_US) + round(satrec.jdsatepochF * DAY_US)
    return np.datetime64(microseconds, "us").astype("datetime64[ns]")


def _read_sets(path: Path) -> Iterator[tuple[str, Satrec]]:
    """Name and element set of each entry of a file in whichever format it has."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    start = text.lstrip()
    if start.startswith("<"):
        yield from _read_xml(path)
    elif start.startswith(("{", "[", "CCSDS_OMM_VERS")):
        raise ValueError(f"{path} is an OMM in JSON or KVN, which is not read: give it as CSV, XML or two-line sets")
    elif "NORAD_CAT_ID" in start.split("\n", 1)[0]:
        rows = omm.parse_csv(start.splitlines())
        yield from (_from_omm(fields, f"{path}, row {row}") for row, fields in enumerate(rows, start=1))
    else:
        yield from _read_two_line(path, text.splitlines())


def _read_xml(path: Path) -> Iterator[tuple[str, Satrec]]:
    """Entries of an OMM file in XML."""
    try:
        messages = list(omm.parse_xml(path))
    except (ElementTree.ParseError, AttributeError, TypeError) as error:
        raise ValueError(f"{path} is not a readable OMM in XML ({error}): fetch it again") from None
    yield from (_from_omm(fields, f"{path}, message {number}") for number, fields in enumerate(messages, start=1))


def _from_omm(fields: dict, where: str) -> tuple[str, Satrec]:
    """Element set from the fields of one orbit mean-elements message."""
    satrec = Satrec()
    try:
        omm.initialize(satrec, fields)
    except KeyError as error:
        raise ValueError(f"{where}: the field {error.args[0]} is missing: give a complete OMM") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: a field cannot be read ({error}): give numbers and a date with fraction") from None
    # The reader counts days from 1949 in one float, which costs up to 0.3 microseconds, or 2 mm in low orbit.
    satrec.jdsatepochF = round(satrec.jdsatepochF * DAY_US) / DAY_US
    return (fields.get("OBJECT_NAME") or "").strip(), _usable(satrec, where)


def _read_two_line(path: Path, lines: list[str]) -> Iterator[tuple[str, Satrec]]:
    """Entries of a file of two-line sets; a line before line 1 that is no element line is the name."""
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
    if not line.startswith(f"{kind} ") or len(line) < TLE_LINE_LENGTH:
        raise ValueError(f"{where}: expected line {kind} of an element set with {TLE_LINE_LENGTH} characters: {line!r}")
    checksum = compute_checksum(line)
    if line[TLE_LINE_LENGTH - 1] != str(checksum):
        raise ValueError(
            f"{where}: checksum {line[TLE_LINE_LENGTH - 1]} is not the {checksum} that its digits give: "
            "the line is damaged, fetch the set again"
        )


def _from_two_line(first: str, second: str, where: str) -> Satrec:
    try:
        return Satrec.twoline2rv(first, second)
    except ValueError as error:
        raise ValueError(f"{where}: a field cannot be read ({error}): fetch the set again") from None


def _usable(satrec: Satrec, where: str) -> Satrec:
    """Refuse elements that SGP4 cannot start from."""
    if satrec.error:
        raise ValueError(f"{where}: SGP4 cannot start ({SGP4_ERRORS.get(satrec.error, satrec.error)}): check the set")
    return satrec
