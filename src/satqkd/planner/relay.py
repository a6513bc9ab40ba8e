"""A key carried on: the second half of a relay is the same scenario over another station, later on the same orbit."""

import numpy as np
import xarray as xr

from satqkd.scenario import Scenario

HALF_A_PASS = np.timedelta64(15, "m")


def later_scenario(scenario: Scenario, orbit: xr.Dataset) -> Scenario:
    """The scenario of the pass in which the satellite passes the key on, with a station of the same kind.

    Parameters
    ----------
    scenario : Scenario
        With a section `relay`.
    orbit : xarray.Dataset
        Result of stage 1, which found the pass.

    Returns
    -------
    Scenario
        All stages run on it as on any other; its name is that of both together, so that it has random streams of its
        own.
    """
    start, end = (_utc(orbit.relay_time.values + shift) for shift in (-HALF_A_PASS, HALF_A_PASS))
    place = {
        f"stations.0.{key}": getattr(scenario.relay, key) for key in ("latitude_deg", "longitude_deg", "altitude_m")
    }
    return scenario.replaced(
        {
            "name": f"{scenario.name}_{scenario.relay.name}",
            "stations.0.name": scenario.relay.name,
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
