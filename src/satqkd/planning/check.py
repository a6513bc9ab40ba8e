"""What can be known to be wrong with a scenario before any work starts."""

from pathlib import Path

from satqkd.key.stage import proofs
from satqkd.orbit.stage import find_sessions
from satqkd.scenario import Scenario, ScenarioError, load_scenario


def check(path: str | Path) -> Scenario:
    """Read a scenario and make sure that its files are there, that its proof exists and that a pass fulfils it.

    Raises
    ------
    ScenarioError
        One sentence that names the file, the key, the value, the bound and a way out.
    """
    scenario = load_scenario(path)
    bounds = proofs(scenario)
    if scenario.key.bound not in bounds:
        raise ScenarioError(
            f"{path}: key.bound={scenario.key.bound} is not a proof for this source: "
            f"take one of {', '.join(bounds)}"
        )
    try:
        find_sessions(scenario)
    except ScenarioError:
        raise
    except (ValueError, OSError) as error:  # from the element sets: already one sentence
        raise ScenarioError(f"{path}: {error}") from None
    return scenario
