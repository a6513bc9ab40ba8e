"""What a publication expects of other hardware, by the analytic chain."""

import xarray as xr

from satqkd.analytic.prospect import answer
from satqkd.scenario import Scenario


def outlook_observables(scenario: Scenario, orbit: xr.Dataset) -> dict[str, tuple[float, str]]:
    """Secret bits per second of open link, in the same sessions, with the values of the scenario's `outlook`.

    Parameters
    ----------
    scenario : Scenario
    orbit : xarray.Dataset
        Of stage 1.

    Returns
    -------
    dict
        Name to (value, unit); empty for a scenario without an outlook.
    """
    if not scenario.outlook:
        return {}
    found = answer(scenario.replaced(scenario.outlook), orbit)
    return {"outlook_key_rate": (found["key"] / found["open_s"], "bit/s")}
