"""Update a link budget for changed optics and air, without computing diffraction again."""

import re

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from satqkd.channel import (
    extinction_db,
    link_budget,
    mean_pointing_factor,
    pointing_variance,
    to_db,
    tracking_error_rad,
)
from satqkd.scenario import Bench, Scenario

# Keys of a scenario on which a link budget depends, and those of them that only scale it.
LINK = re.compile(r"transmitter\.|channel\.|stations\.\d\.(?!detectors|background|clock|name|utc)")
FACTORS = re.compile(
    r"transmitter\.(optics_efficiency|pointing_jitter_urad)"
    r"|stations\.\d\.(receiver_efficiency|zenith_extinction_db|detectors\.\d\.efficiency)"
)
JITTER = "transmitter.pointing_jitter_urad"
# Variables of tracking, of a scanned far field and of correlated fading, which also depend on the jitter.
OF_JITTER = ("pointing_jitter", "divergence_scanned", "pointing_variance")


def changed_link(
    scenario: Scenario, changes: dict[str, float], *, channel: xr.Dataset, orbit: xr.Dataset
) -> tuple[Scenario, xr.Dataset]:
    """Return a changed scenario and its link budget, by scaling the budget before the changes where possible.

    Parameters
    ----------
    scenario : Scenario
        Before the changes.
    changes : dict
        New value by dotted key.
    channel : xarray.Dataset
        Its result of stage 2. Drawn nights stay the same ones.
    orbit : xarray.Dataset
        Result of stage 1, for changes that need a new link budget.

    Raises
    ------
    ScenarioError
        For a value outside the bounds of the scenario.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.orbit import find_sessions
    >>> mission = load_scenario("liao2017")
    >>> orbit = find_sessions(mission)
    >>> before = link_budget(mission, orbit)
    >>> changed, after = changed_link(mission, {"transmitter.optics_efficiency": 0.3}, channel=before, orbit=orbit)
    >>> bool(np.allclose(after.transmittance, link_budget(changed, orbit).transmittance))
    True
    """
    changed = scenario.replaced(changes)
    if isinstance(changed, Bench):
        return changed, link_budget(changed, orbit)
    tracking = scenario.transmitter.tracking
    # The loops are only shown where the jitter is stated, unless fading has their correlation time.
    if tracking is not None and tracking.jitter == "stated" and scenario.channel.fading == "cells":
        changes = {key: value for key, value in changes.items() if not key.startswith("transmitter.tracking.")}
        if changed.transmitter.tracking not in (tracking, None):
            error = channel.tracking_error.copy(data=tracking_error_rad(changed.transmitter.tracking))
            channel = channel.assign(tracking_error=error)
    jitter_is_shown = JITTER in changes and not {*channel}.isdisjoint(OF_JITTER)
    if jitter_is_shown or any(LINK.match(key) and not FACTORS.match(key) for key in changes):
        return changed, link_budget(changed, orbit, seed=channel.attrs.get("seed"))
    if not any(FACTORS.match(key) for key in changes):
        return changed, channel
    index = {str(name): i for i, name in enumerate(channel.component.values)}
    more = np.zeros(channel.loss.shape)
    more[..., index["transmitter"]] = to_db(
        changed.transmitter.optics_efficiency / scenario.transmitter.optics_efficiency
    )
    fading_variance = channel.fading_variance.values
    beam = tuple(scenario.transmitter.divergence_rad)
    jitters = [one.transmitter.pointing_jitter_urad * 1e-6 for one in (scenario, changed)]
    if jitters[0] != jitters[1]:
        means = [mean_pointing_factor(jitter, beam) for jitter in jitters]
        more[..., index["pointing"]] = to_db(means[1] / means[0])
        spreads = [1 + pointing_variance(jitter, beam) for jitter in jitters]
        fading_variance = (1 + fading_variance) * (spreads[1] / spreads[0]) - 1
    counted = np.zeros(channel.sizes["time"])
    for i, (old, new) in enumerate(zip(scenario.stations, changed.stations, strict=True)):
        more[:, i, index["receiver"]] = to_db(new.receiver_efficiency / old.receiver_efficiency)
        if new.zenith_extinction_db != old.zenith_extinction_db:
            airs = (
                extinction_db(channel.elevation.values[:, i], zenith_extinction_db=station.zenith_extinction_db)
                for station in (new, old)
            )
            more[:, i, index["atmosphere"]] = next(airs) - next(airs)
        if scenario.channel.attenuation_includes_detectors:
            after, before = (np.mean([detector.efficiency for detector in one.detectors]) for one in (new, old))
            counted += to_db(np.divide(after, before))
    return changed, with_more_loss(channel, more, detectors_db=counted, fading_variance=fading_variance)


def with_more_loss(
    link: xr.Dataset, more_db: np.ndarray, *, detectors_db: ArrayLike = 0.0, **others: np.ndarray
) -> xr.Dataset:
    """Return a link budget with more loss.

    Parameters
    ----------
    link : xarray.Dataset
        Result of stage 2.
    more_db : ndarray, shape (time, station, component)
        Additional loss [dB].
    detectors_db : array_like, shape () or (time,)
        Additional loss of all detectors, which only the total attenuation may contain [dB].
    **others : ndarray
        New values of other variables, by name.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.orbit import find_sessions
    >>> mission = load_scenario("tiangong2")
    >>> link = link_budget(mission, find_sessions(mission))
    >>> float((with_more_loss(link, np.ones(link.loss.shape)).attenuation - link.attenuation).max().round(3))
    7.0
    """
    added_db = more_db.sum(axis=2)
    values = others | {
        "loss": link.loss.values + more_db,
        "attenuation": link.attenuation.values + added_db,
        "transmittance": link.transmittance.values * 10 ** (-added_db / 10),
        "total_attenuation": link.total_attenuation.values + added_db.sum(axis=1) + detectors_db,
    }
    # Variables instead of data arrays, because comparing the coordinates of data arrays takes longer than the rest.
    return link.assign({name: link.variables[name].copy(data=array) for name, array in values.items()})
