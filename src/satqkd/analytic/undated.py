"""Predictions for a publication that does not give its nights of measurement or its exact lowest elevation.

The session of each measurement and the air of each night are drawn, and the session shown is cut at the drawn lowest
elevation. The mean transmittance of the longest measurement stays the same, because the calibration has fixed it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import xarray as xr

from satqkd.analytic.links import changed_link, with_more_loss
from satqkd.channel import extinction_db, link_budget, to_db
from satqkd.orbit import find_sessions, observables
from satqkd.scenario import Scenario

NODES = 9  # values of a quantity of the orbit at which observables are computed; linear between them
AROUND = timedelta(minutes=20)  # before and after the session shown, to search for it again
GEOMETRY = ("orbit.", "polarization.")
NEXT = 17  # rows between the draws of successive nights, far enough apart to be independent
Observables = dict[str, tuple[float | list[float], str]]


@dataclass(frozen=True)
class Nights:
    """A drawn assignment of the measurements of a scenario to its sessions, with the air of each night.

    Attributes
    ----------
    measurement : ndarray, shape (time,)
        Index of the measurement of each second, -1 for none.
    extinction_db : dict of int to ndarray, shape (session,)
        By the number of a station: extinction at the zenith in the night of each session [dB].
    scale_db : float
        Additional loss of each link with which the longest measurement keeps its mean transmittance [dB].
    """

    measurement: np.ndarray
    extinction_db: dict[int, np.ndarray]
    scale_db: float


def draw_nights(
    scenario: Scenario, link: xr.Dataset, rng: np.random.Generator, *, air: Mapping[int, Sequence[float]]
) -> Nights:
    """Draw the session of each measurement, with the air of each night.

    Parameters
    ----------
    scenario : Scenario
    link : xarray.Dataset
        Result of stage 2 with the scenario's extinction.
    rng : numpy.random.Generator
    air : mapping
        By the number of a station: extinction at the zenith in the night of each session [dB].

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> mission = load_scenario("yin2017")
    >>> link = link_budget(mission, find_sessions(mission))
    >>> nights = draw_nights(mission, link, np.random.default_rng(1), air={})
    >>> [int(np.count_nonzero(nights.measurement == number)) for number in range(2)]
    [250, 1059]
    """
    number = link.session_number.values
    sessions = np.unique(number)
    closing = np.append(number[1:] != number[:-1], True)
    seconds = np.concatenate([np.flatnonzero((number == one) & ~closing) for one in rng.permutation(sessions)])
    measurement = np.full(number.size, -1, link.measurement.dtype)
    measurement[seconds] = scenario.schedule(seconds.size)
    nights = Nights(measurement, {station: np.asarray(values, float) for station, values in air.items()}, 0.0)
    counts = np.bincount(link.measurement.values[link.measurement.values >= 0])
    longest = int(np.argmax(counts))
    before = link.transmittance.values[link.measurement.values == longest].prod(axis=1).mean()
    after = with_nights(scenario, link, nights).transmittance.values[measurement == longest].prod(axis=1).mean()
    return Nights(measurement, nights.extinction_db, -float(to_db(after / before)) / link.sizes["station"])


def with_nights(scenario: Scenario, link: xr.Dataset, nights: Nights, *, session: int | None = None) -> xr.Dataset:
    """Return a link budget with the measurements and the air of drawn nights.

    Parameters
    ----------
    scenario : Scenario
    link : xarray.Dataset
        Result of stage 2 with the scenario's extinction.
    nights : Nights
    session : int, optional
        The session to which all seconds of `link` belong; these then keep their measurement.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> mission = load_scenario("tiangong2")
    >>> link = link_budget(mission, find_sessions(mission))
    >>> same = Nights(link.measurement.values, {}, 3.0)
    >>> float((with_nights(mission, link, same).attenuation - link.attenuation).max().round(3))
    3.0
    """
    number = link.session_number.values if session is None else np.full(link.sizes["time"], session)
    components = [str(name) for name in link.component.values]
    more = np.zeros(link.loss.shape)
    more[..., components.index("receiver")] = nights.scale_db
    for i, values in nights.extinction_db.items():
        elevation, own = link.elevation.values[:, i], scenario.stations[i].zenith_extinction_db
        # Extinction in dB is proportional to that at the zenith.
        per_db = extinction_db(elevation, zenith_extinction_db=1.0)
        more[:, i, components.index("atmosphere")] = per_db * (values[number] - own)
    return with_more_loss(link, more, **({"measurement": nights.measurement} if session is None else {}))


def shown_alone(scenario: Scenario, changes: Mapping[str, float]) -> Scenario:
    """Return the scenario restricted to the session that its figures show.

    Parameters
    ----------
    scenario : Scenario
    changes : mapping
        Changed values by dotted key; only those of the orbit and of the polarisation are used.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> find_sessions(shown_alone(load_scenario("yin2020"), {"orbit.min_elevation_deg": 12.5})).sizes["session"]
    1
    """
    values: dict[str, Any] = {key: value for key, value in changes.items() if key.startswith(GEOMETRY)}
    if shown := scenario.orbit.showcase:
        values |= {"orbit.search_start": shown - AROUND, "orbit.search_end": shown + AROUND}
    first = scenario.measurements[0].model_dump() | {"duration_s": None, "pause_s": 0}
    values |= {"orbit.min_duration_s": 0, "orbit.survey": None, "measurements": [first], "relay": None}
    return scenario.replaced(values)


def geometry_keys(draws: Sequence[Mapping[str, float]]) -> list[str]:
    """Return the keys of draws that belong to the orbit or to the rotation of the polarisation.

    Examples
    --------
    >>> geometry_keys([{"orbit.min_elevation_deg": 13.0, "source.fidelity": 0.9}])
    ['orbit.min_elevation_deg']
    """
    return [key for key in (draws[0] if draws else {}) if key.startswith(GEOMETRY)]


def orbit_draws(scenario: Scenario, draws: Sequence[Mapping[str, float]]) -> list[Observables]:
    """Return the observables of stage 1 for the session shown, for each draw.

    Parameters
    ----------
    scenario : Scenario
    draws : sequence of mapping
        Changed values by dotted key. Only those of the orbit and of the polarisation are used.

    Returns
    -------
    list of dict
        Name to (value, unit) for each draw; empty if no value of the geometry is uncertain.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> draws = [{"orbit.min_elevation_deg": 12.5}, {"orbit.min_elevation_deg": 13.5}]
    >>> low, high = orbit_draws(load_scenario("yin2020"), draws)
    >>> low["session_duration"][0] > high["session_duration"][0]
    True
    """
    keys = geometry_keys(draws)
    if len(keys) != 1:
        return [_observed(scenario, {key: draw[key] for key in keys}) if keys else {} for draw in draws]
    (key,) = keys
    drawn = np.array([draw[key] for draw in draws])
    nodes = np.linspace(drawn.min(), drawn.max(), NODES)
    at_nodes = [_observed(scenario, {key: float(node)}) for node in nodes]
    return [
        {
            name: (_between(value, nodes, [one[name][0] for one in at_nodes]), unit)
            for name, (_, unit) in at_nodes[0].items()
        }
        for value in drawn
    ]


def _observed(scenario: Scenario, changes: Mapping[str, float]) -> Observables:
    return observables(find_sessions(shown_alone(scenario, changes)))


def _between(value: float, nodes: np.ndarray, values: list) -> float | list[float]:
    """Interpolate observables, each a number or a range."""
    table = np.array(values, float)
    if table.ndim == 1:
        return float(np.interp(value, nodes, table))
    return [float(np.interp(value, nodes, column)) for column in table.T]


def link_shown(
    scenario: Scenario, draws: Sequence[Mapping[str, float]]
) -> Callable[[dict[str, float]], tuple[Scenario, xr.Dataset]] | None:
    """Return a function that gives the link of the session shown above the lowest elevation of a draw.

    Parameters
    ----------
    scenario : Scenario
    draws : sequence of mapping
        Changed values by dotted key.

    Returns
    -------
    callable or None
        From the changes of a draw to scenario and link budget; None if the lowest elevation is known.
    """
    horizon = "orbit.min_elevation_deg"
    if horizon not in geometry_keys(draws):
        return None
    lowest = min(draw[horizon] for draw in draws)
    widest = shown_alone(scenario, {horizon: lowest})
    orbit = find_sessions(widest)
    budget = link_budget(widest, orbit)

    def of(changes: dict[str, float]) -> tuple[Scenario, xr.Dataset]:
        changed, link = changed_link(widest, changes, channel=budget, orbit=orbit)
        return changed, link.isel(time=link.elevation.values.min(axis=1) >= changes[horizon])

    return of
