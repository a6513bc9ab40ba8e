"""Key rate that a publication expects of other hardware, by the analytic chain."""

import xarray as xr

from satqkd.analytic.prospect import answer
from satqkd.scenario import Scenario


def outlook_observables(scenario: Scenario, orbit: xr.Dataset) -> dict[str, tuple[float, str]]:
    """Return the key rate of the same sessions with the hardware of the scenario's `outlook`.

    Parameters
    ----------
    scenario : Scenario
    orbit : xarray.Dataset
        Result of stage 1.

    Returns
    -------
    dict
        Name to (value, unit), secret bits per second of open link; empty for a scenario without an outlook.

    Examples
    --------
    >>> from satqkd import load_scenario, orbit
    >>> mission = load_scenario("tiangong2")
    >>> value, unit = outlook_observables(mission, orbit.find_sessions(mission))["outlook_key_rate"]
    >>> round(value), unit
    (16592, 'bit/s')
    """
    if not scenario.outlook:
        return {}
    found = answer(scenario.replaced(scenario.outlook), orbit)
    return {"outlook_key_rate": (found.key / found.open_s, "bit/s")}
