"""The scenario of a trusted relay's second half: the same satellite over another station, later on the same orbit."""

import numpy as np
import xarray as xr

from satqkd.scenario import Scenario

HALF_A_PASS = np.timedelta64(15, "m")


def second_station_scenario(scenario: Scenario, orbit: xr.Dataset) -> Scenario:
    """Return the scenario of the pass over the station that a relay serves second.

    A relay needs a key with each of its two stations. The scenario itself gives the first key, and the scenario
    returned here the second; `satqkd.key.relay_key` passes the shorter of the two on.

    Parameters
    ----------
    scenario : Scenario
        With a section `relay`, which names the second station.
    orbit : xarray.Dataset
        Result of stage 1, which found the second station's pass.

    Returns
    -------
    Scenario
        All stages run on it as on any other. Its station has the receiver of the first one. Its name joins both names,
        so that its random streams differ from those of the first half.

    Raises
    ------
    ValueError
        If the scenario has no section `relay`.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.orbit import find_sessions
    >>> scenario = load_scenario("liao2017")
    >>> second = second_station_scenario(scenario, find_sessions(scenario))
    >>> second.name, second.stations[0].name
    ('liao2017_nanshan', 'nanshan')
    """
    relay = scenario.relay
    if relay is None:
        raise ValueError(f"{scenario.name} has no second station: add a section relay with its name and place")
    start, end = (_utc(orbit.relay_time.values + shift) for shift in (-HALF_A_PASS, HALF_A_PASS))
    place = {f"stations.0.{key}": getattr(relay, key) for key in ("latitude_deg", "longitude_deg", "altitude_m")}
    return scenario.replaced(
        {
            "name": f"{scenario.name}_{relay.name}",
            "stations.0.name": relay.name,
            **place,
            "orbit.search_start": start,
            "orbit.search_end": end,
            "orbit.showcase": None,
            "orbit.survey": None,
            "relay": None,
        }
    )


def _utc(time: np.datetime64) -> str:
    return f"{time.astype('datetime64[s]')}Z"
