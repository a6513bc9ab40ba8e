"""Files of element sets: orbit mean-elements messages (CSV, JSON, KVN, XML) and two-line sets, entry by entry."""

import csv
import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sgp4 import omm
from sgp4.alpha5 import from_alpha5
from sgp4.api import Satrec
from sgp4.io import compute_checksum

TLE_LINE_LENGTH = 69
DAY_US = 86_400_000_000
# Far more than all sets of one satellite; a larger file holds something else, and reading it would take minutes.
LARGEST_FILE_BYTES = 100_000_000
KNOWN_FORMATS = "an OMM file (CSV, JSON, KVN or XML) or two-line sets"
LARGEST_SATNUM = 339_999  # that SGP4 keeps: five places of a two-line set with a letter in front
REQUIRED = (
    "NORAD_CAT_ID",
    "EPOCH",
    "MEAN_MOTION",
    "ECCENTRICITY",
    "INCLINATION",
    "RA_OF_ASC_NODE",
    "ARG_OF_PERICENTER",
    "MEAN_ANOMALY",
    "BSTAR",
)
# SGP4 computes with none of these, and the standard lets them be left out or empty.
OPTIONAL = {
    "MEAN_MOTION_DOT": 0.0,
    "MEAN_MOTION_DDOT": 0.0,
    "EPHEMERIS_TYPE": 0,
    "ELEMENT_SET_NO": 0,
    "REV_AT_EPOCH": 0,
}
WHOLE = ("NORAD_CAT_ID", "EPHEMERIS_TYPE", "ELEMENT_SET_NO", "REV_AT_EPOCH")
# Where a message says for what its elements are meant, it has to be SGP4 as this package uses it.
MEANT_FOR = {
    "CENTER_NAME": ("EARTH",),
    "REF_FRAME": ("TEME",),
    "TIME_SYSTEM": ("UTC",),
    "MEAN_ELEMENT_THEORY": ("SGP4", "SGP/SGP4", "SGP"),
}
SGP4_XP = 4  # the ephemeris type of another theory, whose elements SGP4 takes kilometres astray
EPOCH = re.compile(
    r"(?P<year>[0-9]{4})-(?:(?P<month>[0-9]{2})-(?P<day>[0-9]{2})|(?P<day_of_year>[0-9]{3}))"
    r"[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})(?P<fraction>\.[0-9]+)?Z?"
)
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
class Entry:
    """Hold one entry of a file of element sets: a set ready for SGP4, or the sentence that says what is wrong.

    Attributes
    ----------
    where : str
        File and place, for the beginning of a sentence.
    name : str
        Name of the object; empty if the file gives no name.
    norad_id : int or None
        Catalogue number; None where it cannot be read.
    satrec : sgp4.api.Satrec or None
        The set; None where there is a fault.
    fault : str
        What is wrong; empty where nothing is.
    """

    where: str
    name: str
    norad_id: int | None
    satrec: Satrec | None
    fault: str = ""


def read_entries(path: Path) -> Iterator[Entry]:
    """Yield the entries of a file; its content tells the format, not its name.

    Parameters
    ----------
    path : Path
        File to read.

    Yields
    ------
    Entry
        In the order of the file; an entry that cannot be read is one with a fault.

    Raises
    ------
    ValueError
        If the file as a whole cannot be read: too large, or broken in the syntax of its format.

    Examples
    --------
    >>> first = next(read_entries(Path("data/orbits/micius.csv")))
    >>> first.name, first.norad_id, first.fault
    ('MICIUS', 41731, '')
    """
    if (size := path.stat().st_size) > LARGEST_FILE_BYTES:
        raise ValueError(
            f"{path} has {size} bytes, more than {LARGEST_FILE_BYTES}: give the sets of your satellites alone"
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}): check who may read it") from None
    text = content.decode("utf-8-sig", errors="replace").strip("\ufeff \t\r\n")
    heading = text.split("\n", 1)[0].strip()
    if text.startswith("<"):
        return _entries(path, "message", _read_xml(path, content))
    if text.startswith(("{", "[")):
        return _entries(path, "entry", _read_json(path, text))
    if re.match(r"(COMMENT\b|[A-Z][A-Z0-9_]*\s*=)", text):
        return _entries(path, "message", _read_kvn(path, text.splitlines()))
    if re.search(r"\b(NORAD_CAT_ID|CCSDS_OMM_VERS|MEAN_MOTION)\b", heading) and re.search(r"[,;\t]", heading):
        return _entries(path, "row", _read_csv(path, text.splitlines()))
    return _read_two_line(path, content.decode("utf-8-sig", errors="replace").splitlines())


def _entries(path: Path, kind: str, messages: Iterator[Mapping[str, Any]]) -> Iterator[Entry]:
    """Yield an entry for each message."""
    return (_from_omm(fields, f"{path}, {kind} {number}") for number, fields in enumerate(messages, start=1))


def _read_csv(path: Path, lines: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table, whichever of the usual delimiters its header has."""
    delimiter = max(",;\t", key=lines[0].count)
    try:
        rows = csv.reader(lines, delimiter=delimiter)
        names = [name.strip() for name in next(rows)]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"{path} has the column {_shown(twice[0])} twice: leave one of them")
        for cells in rows:
            if cells:
                yield dict(zip(names, cells, strict=False)) | {"": cells[len(names) :]}
    except csv.Error as error:
        raise ValueError(f"{path} is not a readable OMM in CSV ({error}): fetch it again") from None


def _read_json(path: Path, text: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of an array, or the only one."""
    try:
        tree = json.loads(text, object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not a readable OMM in JSON ({_shown(error)}): fetch it again") from None
    for entry in tree if isinstance(tree, list) else [tree]:
        if not isinstance(entry, dict):
            raise ValueError(f"{path} is not a readable OMM in JSON ({_shown(entry)} is no message): fetch it again")
        yield entry


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object, none of whose keys may stand twice."""
    if len(fields := dict(pairs)) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)} twice in one object")
    return fields


def _read_kvn(path: Path, lines: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the messages of a file of lines ``key = value [unit]``, each from its CCSDS_OMM_VERS on."""
    fields: dict[str, Any] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or re.match(r"\s*COMMENT\b", line):
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            raise ValueError(
                f"{path}, line {number}: {_shown(line)} is not a line of an OMM in KVN: write key = value, or fetch it "
                "again"
            )
        if key == "CCSDS_OMM_VERS" and fields:
            yield fields
            fields = {}
        if key in fields:
            raise ValueError(f"{path}, line {number}: {_shown(key)} stands twice in one message: leave one of them")
        fields[key] = re.sub(r"\s*\[[^][]*\]$", "", value)
    yield fields


def _read_xml(path: Path, content: bytes) -> Iterator[dict[str, Any]]:
    """Yield the segments of a file, in whatever namespace."""
    if b"<!" in content.replace(b"<!--", b""):  # entities, which can explode, or a page of the web
        raise ValueError(f"{path} is not a readable OMM in XML (it declares a type of document): fetch it again")
    try:
        root = ElementTree.fromstring(content.strip())
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise ValueError(f"{path} is not a readable OMM in XML ({error}): fetch it again") from None
    for segment in root.iterfind(".//{*}segment"):
        if segment.find("{*}data/{*}meanElements") is None:
            raise ValueError(f"{path} is not a readable OMM in XML (a segment has no meanElements): fetch it again")
        parts = ("{*}metadata", "{*}data/{*}meanElements", "{*}data/{*}tleParameters")
        leaves = [leaf for part in parts for leaf in segment.iterfind(f"{part}/*")]
        yield {leaf.tag.rpartition("}")[2]: leaf.text for leaf in leaves}


def _from_omm(fields: Mapping[str, Any], where: str) -> Entry:
    """Return the entry of one orbit mean-elements message."""
    name, norad_id = str(fields.get("OBJECT_NAME") or "").strip(), None
    try:
        if surplus := fields.get(""):
            raise ValueError(
                f"{where}: {_shown(surplus[0])} is in a cell beyond the columns of the header: fetch the file again"
            )
        for required in REQUIRED:
            if fields.get(required) is None:
                raise ValueError(f"{where}: the field {required} is missing: give a complete OMM")
        norad_id = int(_number(fields, "NORAD_CAT_ID", where))
        _require_sgp4(fields, where)
        return Entry(where, name, norad_id, _initialized(fields, norad_id, where))
    except ValueError as error:
        return Entry(where, name, norad_id, None, str(error))


def _initialized(fields: Mapping[str, Any], norad_id: int, where: str) -> Satrec:
    """Return the element set of a complete message."""
    values: dict[str, Any] = {name: _number(fields, name, where) for name in (*REQUIRED, *OPTIONAL) if name != "EPOCH"}
    values |= {
        "EPOCH": _epoch(fields, where).isoformat(timespec="microseconds"),
        "CLASSIFICATION_TYPE": str(fields.get("CLASSIFICATION_TYPE") or "U").strip()[:1] or "U",
        "OBJECT_ID": str(fields.get("OBJECT_ID") or "").strip()[:11],
        # Longer numbers are in no field of SGP4's: the entry keeps them.
        "NORAD_CAT_ID": norad_id if 0 <= norad_id <= LARGEST_SATNUM else 0,
    }
    satrec = Satrec()
    try:
        omm.initialize(satrec, values)
    except (TypeError, ValueError, OverflowError, SystemError) as error:
        raise ValueError(f"{where}: a field cannot be read ({_shown(error)}): fetch the set again") from None
    # The reader counts days from 1949 in one float, which costs up to 0.3 microseconds, or 2 mm in low orbit.
    satrec.jdsatepochF = round(satrec.jdsatepochF * DAY_US) / DAY_US
    return satrec


def _number(fields: Mapping[str, Any], name: str, where: str) -> float:
    """Return the number in a field; an optional one that is missing or empty has its default."""
    value = fields.get(name)
    if name in OPTIONAL and (value is None or not str(value).strip()):
        return OPTIONAL[name]
    try:
        if isinstance(value, bool):
            raise TypeError
        return (int if name in WHOLE else float)(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        kind = "a whole number" if name in WHOLE else "a number"
        raise ValueError(f"{where}: a field cannot be read ({name}={_shown(value)}): give {kind}") from None


def _epoch(fields: Mapping[str, Any], where: str) -> datetime:
    """Return the epoch [UTC] to the microsecond."""
    try:
        if not (parts := EPOCH.fullmatch(str(fields["EPOCH"]).strip())):
            raise ValueError
        if parts["day_of_year"]:
            day = datetime(int(parts["year"]), 1, 1) + timedelta(days=int(parts["day_of_year"]) - 1)
            if day.year != int(parts["year"]):
                raise ValueError
        else:
            day = datetime(int(parts["year"]), int(parts["month"]), int(parts["day"]))
        time = day.replace(hour=int(parts["hour"]), minute=int(parts["minute"]), second=int(parts["second"]))
        return time + timedelta(microseconds=round(1e6 * float(parts["fraction"] or 0)))
    except (ValueError, OverflowError):
        raise ValueError(
            f"{where}: a field cannot be read (EPOCH={_shown(fields['EPOCH'])}): write it as in "
            "2018-10-01T12:00:00.5 or, by day of year, 2018-274T12:00:00.5, in UTC"
        ) from None


def _require_sgp4(fields: Mapping[str, Any], where: str) -> None:
    """Refuse a message whose elements are meant for another theory, frame, time or planet."""
    for name, allowed in MEANT_FOR.items():
        value = str(fields.get(name) or allowed[0]).strip()
        if value.upper() not in allowed:
            raise ValueError(f"{where}: {name}={_shown(value)} is not {allowed[0]}: fetch elements made for SGP4")
    if _number(fields, "EPHEMERIS_TYPE", where) == SGP4_XP:
        raise ValueError(f"{where}: EPHEMERIS_TYPE={SGP4_XP} is SGP4-XP, not SGP4: fetch elements made for SGP4")


def _read_two_line(path: Path, lines: list[str]) -> Iterator[Entry]:
    """Yield the entries of a file of two-line sets; a line before line 1 that is not an element line is the name."""
    name, first, first_at = "", None, 0
    for number, line in enumerate((line.rstrip() for line in lines), start=1):
        where = f"{path}, line {number}"
        if not line:
            continue
        if first is not None:
            yield _from_two_line(name, first, line, f"{path}, line {first_at}", where)
            name, first = "", None
            if line.startswith("2 "):
                continue
        if line.startswith("1 ") and len(line) >= TLE_LINE_LENGTH - 1:
            first, first_at = line, number
        elif line.startswith("2 ") and len(line) >= TLE_LINE_LENGTH - 1:
            fault = f"{where}: line 2 of an element set without its line 1: give both lines"
            yield Entry(where, name, _alpha5(line), None, fault)
        elif name:
            yield Entry(where, name, None, None, f"{where}: neither OMM nor two-line set: give {KNOWN_FORMATS}")
            name = line.removeprefix("0 ").strip()
        else:
            name = line.removeprefix("0 ").strip()
    if first is not None:
        where = f"{path}, line {first_at}"
        fault = f"{where}: line 1 of an element set without its line 2: give both lines"
        yield Entry(where, name, _alpha5(first), None, fault)


def _from_two_line(name: str, first: str, second: str, where: str, second_where: str) -> Entry:
    """Return the entry of two lines that follow one another."""
    norad_id = _alpha5(first)
    try:
        _check_two_line(first, "1", where)
        _check_two_line(second, "2", second_where)
        if first[2:7] != second[2:7]:
            raise ValueError(
                f"{second_where}: catalogue number {second[2:7]} follows {first[2:7]}: give lines that belong"
            )
        if first[62] == str(SGP4_XP):
            raise ValueError(f"{where}: ephemeris type {SGP4_XP} is SGP4-XP, not SGP4: fetch elements made for SGP4")
        try:
            return Entry(where, name, norad_id, Satrec.twoline2rv(first, second))
        except ValueError as error:
            raise ValueError(f"{where}: a field cannot be read ({error}): fetch the set again") from None
    except ValueError as error:
        return Entry(where, name, norad_id, None, str(error))


def _alpha5(line: str) -> int | None:
    """Return the catalogue number of an element line, whose first place may be a letter; None if it cannot be read."""
    number = line[2:7].strip().replace(" ", "0")
    return int(from_alpha5(number)) if re.fullmatch(r"[0-9A-HJ-NP-Z][0-9]{0,4}", number, re.ASCII) else None


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


def _shown(value: Any) -> str:
    """Return the beginning of a value of the file, without what a terminal would obey."""
    try:
        text = str(value)
    except ValueError:  # an integer of thousands of digits
        text = "a number of thousands of digits"
    return "".join(filter(str.isprintable, text))[:60]
