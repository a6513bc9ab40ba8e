"""Light of the sky in the analytic chain: a constant background with the mean of the sky's."""

import numpy as np
import xarray as xr

from satqkd.detection.stage import sky_background
from satqkd.scenario import Scenario


def with_mean_sky(scenario: Scenario, orbit: xr.Dataset, *, weights_s: np.ndarray | None = None) -> Scenario:
    """Return a scenario whose background is constant, at the mean of the sky over its open seconds.

    Counts of single clicks keep their mean. Accidental coincidences go with the product of two stations, so that this
    leaves out how both vary together; a pass varies by a factor of two at most, which makes up to ten per cent of them.

    Parameters
    ----------
    scenario : Scenario
    orbit : xarray.Dataset
        Result of stage 1.
    weights_s : ndarray, shape (time,), optional
        Time that each row stands for [s]; by default, each second of open link counts equally.

    Returns
    -------
    Scenario
        The same one where no station has a model of the sky.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.orbit import find_sessions
    >>> sky = {"filter_nm": 20, "dark_magnitude": 20.2}
    >>> mission = load_scenario("liao2017").replaced({"stations.0.sky": sky, "stations.0.field_of_view_urad": 100})
    >>> constant = with_mean_sky(mission, find_sessions(mission))
    >>> constant.stations[0].sky, round(constant.stations[0].background_rate_hz)
    (None, 98)
    """
    sky = sky_background(scenario, orbit)
    if sky is None:
        return scenario
    weights = (orbit.measurement.values >= 0).astype(float) if weights_s is None else weights_s
    mean_hz = np.einsum("tsl,t->s", sky.values, weights) / max(float(weights.sum()), 1e-9)
    values = {
        f"stations.{i}.{key}": value
        for i, (station, hz) in enumerate(zip(scenario.stations, mean_hz, strict=True))
        for key, value in (("background_rate_hz", station.background_rate_hz + float(hz)), ("sky", None))
    }
    return scenario.replaced(values)
