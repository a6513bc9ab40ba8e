"""Means over the open seconds, which the analytic chain uses for the light of the sky and the contrast of optics."""

import numpy as np
import xarray as xr

from satqkd.channel.stage import polarization_contrast
from satqkd.detection.stage import sky_background
from satqkd.scenario import Scenario


def with_means(scenario: Scenario, orbit: xr.Dataset) -> Scenario:
    """Return a scenario in which nothing but the link changes by the second, as the analytic chain requires.

    Parameters
    ----------
    scenario : Scenario
    orbit : xarray.Dataset
        Result of stage 1.

    Returns
    -------
    Scenario
        With `with_mean_sky` and `with_mean_contrast`.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.orbit import find_sessions
    >>> mission = load_scenario("liao2017")
    >>> with_means(mission, find_sessions(mission)) is mission
    True
    """
    return with_mean_contrast(with_mean_sky(scenario, orbit), orbit)


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


def with_mean_contrast(scenario: Scenario, orbit: xr.Dataset) -> Scenario:
    """Return a scenario whose source has the mean contrast of its polarisation train.

    Error rates keep their mean over the seconds. Where stations differ, the contrast of both is the one that gives the
    same visibility of pairs.

    Parameters
    ----------
    scenario : Scenario
    orbit : xarray.Dataset
        Result of stage 1.

    Returns
    -------
    Scenario
        The same one where the light has the stated contrast.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.orbit import find_sessions
    >>> changes = {"source.polarization_contrast": None, "polarization.train.contrast": "train"}
    >>> mission = load_scenario("liao2017").replaced(changes)
    >>> round(with_mean_contrast(mission, find_sessions(mission)).source.polarization_contrast, -1)
    260.0
    """
    train = scenario.polarization.train
    if train is None or not scenario.polarization.has_own_contrast:
        return scenario
    is_open = orbit.measurement.values >= 0
    wrong = 1 / (1 + polarization_contrast(train, orbit).contrast_compensated.values)
    visibility = np.prod(1 - 2 * wrong[is_open if is_open.any() else slice(None)].mean(axis=0)) ** (1 / wrong.shape[1])
    return scenario.replaced(
        {
            "source.polarization_contrast": float((1 + visibility) / (1 - visibility)),
            "polarization.train.contrast": "stated",
        }
    )
