"""Find what is wrong with a scenario before any work starts."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from satqkd.orbit.stage import find_sessions
from satqkd.scenario import Counts, Recorded, RecordedStation, Scenario, ScenarioError, load_scenario
from satqkd.scenario.recorded import RecordedRun

# The columns of a survey that stage 1 reads, and what reads them.
NIGHT: dict[str, Callable[[str], object]] = {
    "date_utc": str.strip,
    "station": str.strip,
    "search_from_utc": lambda text: datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ"),
    "latitude_deg": float,
    "longitude_deg": float,
    "altitude_m": float,
}


def check(path: str | Path) -> Scenario | Recorded | Counts:
    """Read a scenario, and make sure that its files exist and that there are passes that fulfil its conditions.

    Of a recorded scenario also read the first million tags, and of a count table all of it; its `fit_rows` are fitted.

    Parameters
    ----------
    path : str or Path
        A name or a path, as for `load_scenario`.

    Raises
    ------
    ScenarioError
        One sentence that names the file, the key, the value, the bound and a way out.

    Examples
    --------
    >>> check("tiangong2").name
    'tiangong2'
    """
    scenario = load_scenario(path)
    if isinstance(scenario, Counts):
        from satqkd.counts import fit_bench, read_table  # takes half a second, and missions do not need it

        with _blamed(path, f"table={scenario.table}"):
            table = read_table(scenario)
        if scenario.fit_rows:
            with _blamed(path, "fit_rows"):
                fit_bench(scenario, table=table)
        return scenario
    if isinstance(scenario, Recorded):
        for run in scenario.runs or (None,):
            for station in scenario.stations:
                with _blamed(path, f"recording of station {station.name}"):
                    _require_tags(scenario, station, run)
        with _blamed(path, "transmitter.log"):
            _require_log(scenario)
    if scenario.orbit:
        if scenario.orbit.survey:
            with _blamed(path, f"orbit.survey={scenario.orbit.survey}"):
                _require_nights(scenario.file(scenario.orbit.survey))
        with _blamed(path, f"orbit.elements={scenario.orbit.elements}"):
            find_sessions(scenario)
    return scenario


@contextmanager
def _blamed(path: str | Path, key: str) -> Iterator[None]:
    """Add the scenario and its key to the error message of a file that the scenario names."""
    try:
        yield
    except ScenarioError:
        raise
    except (ValueError, OSError) as error:
        raise ScenarioError(f"{path}: {key}: {error}") from None


def _require_tags(scenario: Recorded, station: RecordedStation, run: RecordedRun | None) -> None:
    """Refuse a recording whose first tags cannot be read, or that has none."""
    from satqkd.detection import tag_chunks  # takes half a second, and missions do not need it

    recording = scenario.recording(station, run)
    own = station.name if recording.is_dir() else None
    tags = tag_chunks(recording, own, format=station.format, disorder_ps=int(1e3 * station.disorder_ns))
    if next(tags, None) is None:
        raise ValueError(f"{recording}: holds no tags: nothing was recorded, or it is truncated")
    if table := scenario.settings_file(station):
        from satqkd.detection.turned import turned_by_table

        turned_by_table(table)
    if station.settings_column:
        from satqkd.detection.recordings import column_of_settings

        next(column_of_settings(recording, station))


def _require_log(scenario: Recorded) -> None:
    """Refuse a transmitter's log whose first million pulses cannot be read."""
    if scenario.transmitter is None:
        return
    from satqkd.detection.transmitter_log import log_states  # takes half a second, and missions do not need it

    next(log_states(scenario.log_file(), intensities=scenario.transmitter.log_intensities))


def _require_nights(path: Path) -> None:
    """Refuse a survey that is not a table of nights."""
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
        raise ValueError(f"{path}: is not a CSV file: give a table of nights") from None
