"""Contrast of a polarisation train in the analytic chain: one number, the mean over the open seconds."""

import numpy as np
import xarray as xr

from satqkd.channel.stage import polarization_contrast
from satqkd.scenario import Scenario


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
