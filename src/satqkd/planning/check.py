"""What can be known to be wrong with a scenario before any work starts."""

from pathlib import Path

from satqkd.detection import tag_chunks
from satqkd.key.stage import proofs
from satqkd.orbit.stage import find_sessions
from satqkd.scenario import Recorded, Scenario, ScenarioError, load_scenario


def check(path: str | Path) -> Scenario | Recorded:
    """Read a scenario and make sure that its files are there, that its proof exists and that a pass fulfils it.

    Of a recorded scenario the first million tags are read as well.

    Raises
    ------
    ScenarioError
        One sentence that names the file, the key, the value, the bound and a way out.
    """
    scenario = load_scenario(path)
    require_proof(scenario)
    try:
        if scenario.kind == "recorded":
            for station in scenario.stations:
                recording = scenario.recording(station)
                next(tag_chunks(recording, station.name if recording.is_dir() else None, format=station.format))
        if scenario.orbit:
            find_sessions(scenario)
    except ScenarioError:
        raise
    except (ValueError, OSError) as error:  # from element sets and recordings: already one sentence
        raise ScenarioError(f"{path}: {error}") from None
    return scenario


def require_proof(scenario: Scenario | Recorded) -> None:
    """Refuse a scenario whose proof its source does not admit (`ScenarioError`)."""
    bounds = proofs(scenario)
    if scenario.key.bound not in bounds:
        raise ScenarioError(
            f"{scenario.path}: key.bound={scenario.key.bound} is not a proof for this source: take one of "
            f"{', '.join(bounds)}"
        )
