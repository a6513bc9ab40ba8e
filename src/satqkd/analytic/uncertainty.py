"""Uncertainty of a mission's key: its 68 % interval, and the share of each uncertain input.

One unknown at a time is moved by one standard deviation, up and down. The changes of the key length L and the deviation
by counting and fading are added in quadrature, separately for increases and decreases:

    high = L + sqrt(sum_i max(L_i+ - L, L_i- - L, 0)^2 + sigma_counting^2),
    share_i = ((L_i+ - L_i-) / 2)^2 / sum_j ((L_j+ - L_j-) / 2)^2.

This is first order in each unknown. Calibrated parameters are correlated: those that are not independent move together
along the principal axes of their posterior, and have one share.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from satqkd.analytic.forecast import Counts, counts_through, key_length, orbit_at, secret_bits
from satqkd.analytic.links import changed_link
from satqkd.analytic.means import with_means
from satqkd.analytic.prospect import middle_seconds
from satqkd.calibration.draws import calibrated_names, calibration_problem, draws_file
from satqkd.channel import link_budget
from satqkd.result import Result
from satqkd.scenario import Scenario, ScenarioError

COUNTING = "counting and fading"
CORRELATED = 0.3  # smallest partial correlation with which two parameters move together
LOGARITHMIC = "_db"  # end of a key whose value is a logarithm
NODES = 50  # seconds of open link: the key differs by at most half a per cent from that of all seconds


@dataclass(frozen=True)
class Disturbance:
    """An unknown of a scenario, moved by one standard deviation.

    Attributes
    ----------
    name : str
        Its key, or the names of calibrated parameters that are correlated.
    low, high : dict
        New values by dotted key.
    """

    name: str
    low: dict[str, float]
    high: dict[str, float]


@dataclass(frozen=True, repr=False)
class KeyInterval(Result):
    """Secret key of each pass with its 68 % interval.

    Attributes
    ----------
    key, low, high : ndarray, shape (pass,)
        Expected secret bits, and the ends of the interval.
    variances : dict of str to ndarray, shape (pass,)
        Variance of the key caused by each unknown alone, and by counting and fading [bit^2].
    """

    key: np.ndarray
    low: np.ndarray
    high: np.ndarray
    variances: dict[str, np.ndarray]

    def shares(self) -> dict[str, float]:
        """Return the share of each unknown in the variance of all passes [1], largest first; empty without variance."""
        sums = {name: float(np.sum(variance)) for name, variance in self.variances.items()}
        total = sum(sums.values())
        ordered = sorted(sums.items(), key=lambda item: -item[1])
        return {name: variance / total for name, variance in ordered} if total > 0 else {}


def disturbances(scenario: Scenario) -> list[Disturbance]:
    """Return the unknowns of a scenario, each moved by one standard deviation.

    Parameters
    ----------
    scenario : Scenario
        The unknowns of a calibrated scenario are those of the posterior. Those of any other one are the values that
        its file states with an uncertainty; a value that was changed since is taken as known.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> names = [disturbance.name for disturbance in disturbances(load_scenario("liao2017"))]
    >>> "liao2017 key.f_ec" in names
    True
    """
    if scenario.name in calibrated_names():
        return [_moved(scenario, *move) for move in _principal_moves(scenario.name)]
    found = []
    for unknown in scenario.unknowns:
        width = unknown.uncertainty
        keys = [key for key in unknown.keys if value_at(scenario, key) == width.value]
        ends = np.clip([width.value - width.deviation, width.value + width.deviation], width.low, width.high)
        if keys:
            found.append(Disturbance(unknown.name, *(dict.fromkeys(keys, float(end)) for end in ends)))
    return found


def value_at(scenario: Scenario, key: str) -> Any:
    """Return the value at a dotted key, None where the scenario does not have it.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> value_at(load_scenario("liao2017"), "stations.0.aperture_m")
    1.0
    """
    node: Any = scenario
    for part in key.split("."):
        try:
            if isinstance(node, tuple):
                node = node[int(part)]
            else:
                node = node[part] if isinstance(node, dict) else getattr(node, part)
        except (LookupError, AttributeError):
            return None
    return node


@cache
def _principal_moves(name: str) -> list[tuple[str, dict[str, float]]]:
    """Return the moves of a calibrated scenario by one standard deviation, by dotted key.

    Values in dB move as they are, and all others by their logarithms, in which a known product is a straight line.
    """
    draws = pd.read_csv(draws_file())
    problem = calibration_problem()
    parameters = [parameter for parameter in problem.parameters if parameter.of(name)]
    values = np.array([draws[p.name] if p.keys[0].endswith(LOGARITHMIC) else np.log(draws[p.name]) for p in parameters])
    moves = []
    for group in _correlated(values):
        sizes, axes = np.linalg.eigh(np.atleast_2d(np.cov(values[group])))
        words = ", ".join(parameters[i].name for i in group) + (" together" if len(group) > 1 else "")
        for size, axis in zip(sizes, axes.T, strict=True):
            move = np.sqrt(max(size, 0.0)) * axis
            keys = {key: float(step) for i, step in zip(group, move, strict=True) for key in parameters[i].of(name)}
            moves.append((words, keys))
    return moves


def _correlated(values: np.ndarray) -> list[list[int]]:
    """Return groups of rows that are correlated, directly or through others.

    Among many factors whose product is known, two are hardly correlated. Their partial correlation, with the others
    given, is near one. It follows from the inverse of the correlation matrix.
    """
    precision = np.linalg.pinv(np.atleast_2d(np.corrcoef(values)))
    scale = np.sqrt(np.diag(precision))
    groups: list[set[int]] = []
    for i, row in enumerate(np.abs(precision / np.outer(scale, scale)) > CORRELATED):
        mine = {i, *np.flatnonzero(row).tolist()}
        touching = [group for group in groups if group & mine]
        groups = [group for group in groups if not group & mine] + [mine.union(*touching)]
    return [sorted(group) for group in groups]


def _moved(scenario: Scenario, name: str, moves: dict[str, float]) -> Disturbance:
    values = {key: value for key in moves if (value := value_at(scenario, key)) is not None}
    low, high = (
        {
            key: float(value + sign * moves[key] if key.endswith(LOGARITHMIC) else value * np.exp(sign * moves[key]))
            for key, value in values.items()
        }
        for sign in (-1, 1)
    )
    return Disturbance(name, low, high)


def key_interval(scenario: Scenario, counts_of: Callable[[dict[str, float]], tuple[Scenario, Counts]]) -> KeyInterval:
    """Return the key of each pass, distilled by itself, with its 68 % interval and the variance by each unknown.

    Parameters
    ----------
    scenario : Scenario
    counts_of : callable
        Changes by dotted key to the changed scenario and the expected counts of the passes.

    Notes
    -----
    A change to a value outside the bounds of the scenario, such as an efficiency above 1, is left out.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> mission, mean = load_scenario("yin2020"), np.array([[[900.0, 20.0], [800.0, 20.0]]])
    >>> counts = Counts(mean, mean, fading=np.array([0.1]), duration_s=np.array([1000.0]))
    >>> interval = key_interval(mission, lambda changes: (mission.replaced(changes), counts))
    >>> interval.key.round(), interval.shares()["counting and fading"]
    (array([361.]), 1.0)
    """
    _, counts = counts_of({})
    key, sigma = secret_bits(scenario, counts)
    up, down, variances = sigma**2, sigma**2, {COUNTING: sigma**2}
    for disturbance in disturbances(scenario):
        low, high = (_key_after(changes, counts_of, key) for changes in (disturbance.low, disturbance.high))
        up = up + np.maximum(np.maximum(low, high) - key, 0.0) ** 2
        down = down + np.maximum(key - np.minimum(low, high), 0.0) ** 2
        variances[disturbance.name] = variances.get(disturbance.name, 0.0) + ((high - low) / 2) ** 2
    return KeyInterval(key, np.maximum(key - np.sqrt(down), 0.0), key + np.sqrt(up), variances)


def _key_after(
    changes: dict[str, float], counts_of: Callable[[dict[str, float]], tuple[Scenario, Counts]], unchanged: np.ndarray
) -> np.ndarray:
    try:
        changed, counts = counts_of(changes)
    except ScenarioError:
        return unchanged
    return key_length(changed)(counts.mean, counts.duration_s)


def interval_through(scenario: Scenario, orbit: xr.Dataset, *, weights_s: np.ndarray) -> KeyInterval:
    """Return the key of passes with its 68 % interval, from the nodes of each pass.

    Parameters
    ----------
    scenario : Scenario
    orbit : xarray.Dataset
        Result of stage 1, at the nodes of one pass after the other.
    weights_s : ndarray, shape (pass, node)
        Time that each node represents [s].
    """
    budget = link_budget(scenario, orbit)

    def counts_of(changes: dict[str, float]) -> tuple[Scenario, Counts]:
        changed, link = changed_link(scenario, changes, channel=budget, orbit=orbit)
        return changed, counts_through(changed, link, weights_s)

    return key_interval(scenario, counts_of)


def pass_intervals(
    scenario: Scenario, *, range_m: np.ndarray, elevation_deg: np.ndarray, weights_s: np.ndarray
) -> KeyInterval:
    """Return the key of each pass by itself with its 68 % interval; the parameters are those of `expected_counts`.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> nodes = np.ones((1, 1, 1))
    >>> interval = pass_intervals(
    ...     load_scenario("liao2017"), range_m=7e5 * nodes, elevation_deg=50 * nodes, weights_s=np.full((1, 1), 120.0)
    ... )
    >>> bool(interval.low[0] < interval.key[0] < interval.high[0])
    True
    """
    orbit = orbit_at(scenario, range_m=range_m, elevation_deg=elevation_deg)
    return interval_through(scenario, orbit, weights_s=weights_s)


def mission_interval(scenario: Scenario, orbit: xr.Dataset, *, min_elevation_deg: float = 0.0) -> KeyInterval:
    """Return the key of all sessions of a scenario together with its 68 % interval.

    Parameters
    ----------
    scenario : Scenario
    orbit : xarray.Dataset
        Result of stage 1.
    min_elevation_deg : float
        Leave out the seconds in which the satellite is lower than this over any station [degree].

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.orbit import find_sessions
    >>> mission = load_scenario("liao2017")
    >>> interval = mission_interval(mission, find_sessions(mission))
    >>> bool(interval.low[0] < interval.key[0] < interval.high[0])
    True
    """
    scenario = with_means(scenario, orbit)
    seconds, step_s = middle_seconds(orbit, NODES)
    weights_s = step_s * (seconds.elevation.values.min(axis=1) >= min_elevation_deg)[None, :]
    return interval_through(scenario, seconds, weights_s=weights_s)
