"""What can be known to be wrong with a scenario before any work starts."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from satqkd.orbit.stage import find_sessions
from satqkd.scenario import Recorded, Scenario, ScenarioError, load_scenario

# What stage 1 reads of a survey, and how it has to look.
NIGHT = {
    "date_utc": str.strip,
    "station": str.strip,
    "search_from_utc": lambda text: datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ"),
    "latitude_deg": float,
    "longitude_deg": float,
    "altitude_m": float,
}


def check(path: str | Path) -> Scenario | Recorded:
    """Read a scenario and make sure that its files are there and that a pass fulfils it.

    Of a recorded scenario the first million tags are read as well.

    Raises
    ------
    ScenarioError
        One sentence that names the file, the key, the value, the bound and a way out.
    """
    scenario = load_scenario(path)
    if scenario.kind == "recorded":
        for station in scenario.stations:
            with _blamed(path, f"recording of station {station.name}"):
                _require_tags(scenario, station)
    if scenario.orbit:
        if scenario.orbit.survey:
            with _blamed(path, f"orbit.survey={scenario.orbit.survey}"):
                _require_nights(scenario.file(scenario.orbit.survey))
        with _blamed(path, f"orbit.elements={scenario.orbit.elements}"):
            find_sessions(scenario)
    return scenario


@contextmanager
def _blamed(path: str | Path, key: str) -> Iterator[None]:
    """What is wrong with a file that a scenario names, and is one sentence already, with the scenario and its key."""
    try:
        yield
    except ScenarioError:
        raise
    except (ValueError, OSError) as error:
        raise ScenarioError(f"{path}: {key}: {error}") from None


def _require_tags(scenario: Recorded, station) -> None:
    """Refuse a recording whose first tags cannot be read, or that has none."""
    from satqkd.detection import tag_chunks  # half a second of every start of Snakemake, which missions do without

    recording = scenario.recording(station)
    tags = tag_chunks(recording, station.name if recording.is_dir() else None, format=station.format)
    if next(tags, None) is None:
        raise ValueError(f"{recording}: holds no tags: nothing was recorded, or it is cut")


def _require_nights(path: Path) -> None:
    """Refuse a survey that is no table of nights."""
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            for row in (rows := csv.DictReader(handle)):
                for name, read in NIGHT.items():
                    try:
                        read(row[name])
                    except (KeyError, TypeError, ValueError):
                        raise ValueError(
                            f"{path}: line {rows.line_num}: {name}={str(row.get(name))[:40]} cannot be read: give the "
                            f"columns {', '.join(NIGHT)}, times as in 2016-09-22T18:00:00Z"
                        ) from None
    except (csv.Error, UnicodeDecodeError):
        raise ValueError(f"{path}: is no CSV file: give a table of nights") from None
