"""Fit what no paper gives: few parameters, few observed values, and a record of both."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from satqkd.result import Result
from satqkd.scenario import Scenario
from satqkd.scenario.reading import read_tree

STARTS, FITS = 64, 4


@dataclass(frozen=True)
class Parameter:
    """A scenario value to fit, the same at all its keys, within bounds."""

    name: str
    keys: tuple[str, ...]
    low: float
    high: float


@dataclass(frozen=True)
class Target:
    """An observed value to fit to: each end, and the width within which a deviation counts as one."""

    id: str
    name: str
    values: tuple[float, ...]
    widths: tuple[float, ...]


@dataclass(frozen=True, repr=False)
class Calibration(Result):
    """The values that a calibration found.

    Attributes
    ----------
    scenario : Scenario
        With the fitted values in it.
    values : dict of str to float
        By parameter.
    sigmas : dict of str to float
        One standard deviation, from the targets' widths as such; infinite where the targets do not fix it.
    residuals : dict of str to tuple of float
        Simulated minus observed by target, in the target's unit.
    """

    scenario: Scenario
    values: dict[str, float]
    sigmas: dict[str, float]
    residuals: dict[str, tuple[float, ...]]


def read_calibration(
    path: str | Path, scenario: str, published: dict[str, tuple[float, ...]]
) -> tuple[list[Parameter], list[Target]]:
    """Read parameters and targets of a scenario's calibration.

    Parameters
    ----------
    path : str or Path
        YAML file: by scenario, parameters {name, keys, low, high} and targets {id, observable, width}.
    scenario : str
        Its name in the file.
    published : dict
        Observed values by id, as tuples of one or two numbers.

    Raises
    ------
    ValueError
        When the file has no such scenario or names an id that was not published.
    """
    calibration = read_tree(Path(path), "a calibration", "data/scenarios/calibration.yaml").get(scenario)
    if calibration is None:
        raise ValueError(f"{path}: has no calibration of {scenario}: add its parameters and targets")
    if unknown := {entry["id"] for entry in calibration["targets"]} - set(published):
        raise ValueError(f"{path}: {scenario} is fitted to {', '.join(sorted(unknown))}, which no paper gives")
    parameters = [Parameter(p["name"], tuple(p["keys"]), p["low"], p["high"]) for p in calibration["parameters"]]
    targets = [
        Target(t["id"], t["observable"], published[t["id"]], (t["width"],) * len(published[t["id"]]))
        for t in calibration["targets"]
    ]
    return parameters, targets


def calibrate(
    model: Callable[[Scenario], dict], scenario: Scenario, *, parameters: list[Parameter], targets: list[Target]
) -> Calibration:
    """Fit a scenario's parameters to observed values by least squares.

    Parameters
    ----------
    model : callable
        Scenario to a dictionary of observables, such as the analytic chain of `satqkd.analytic`.
    scenario : Scenario
        Its values do not matter for the parameters that are fitted: the search starts all over their bounds.
    parameters, targets : list
        What to fit and to what; no more parameters than observed numbers.

    Raises
    ------
    ValueError
        For more parameters than observed numbers, or when the fit does not converge.

    Notes
    -----
    Trust-region reflective least squares, Branch, Coleman and Li, SIAM J. Sci. Comput. 21, 1 (1999), as in scipy.
    """
    numbers = sum(len(target.values) for target in targets)
    if len(parameters) > numbers:
        raise ValueError(f"{len(parameters)} parameters cannot be fitted to {numbers} numbers: take fewer parameters")
    low, high = np.array([(p.low, p.high) for p in parameters]).T
    # Efficiencies and rates span decades: search their logarithm.
    logarithmic = low > 0
    scaled_low = np.where(logarithmic, np.log(np.where(logarithmic, low, 1)), low)
    scaled_high = np.where(logarithmic, np.log(np.where(logarithmic, high, 1)), high)

    def values(x: np.ndarray) -> np.ndarray:
        return np.where(logarithmic, np.exp(x * logarithmic), x)

    def filled(x: np.ndarray) -> Scenario:
        pairs = zip(parameters, values(x), strict=True)
        return scenario.replaced({key: float(value) for parameter, value in pairs for key in parameter.keys})

    def differences(x: np.ndarray) -> dict[str, np.ndarray]:
        result = model(filled(x))
        return {t.id: np.atleast_1d(result[t.name]) - np.array(t.values) for t in targets}

    def residual(x: np.ndarray) -> np.ndarray:
        found = differences(x)
        return np.concatenate([found[t.id] / np.array(t.widths) for t in targets])

    # The ends of a range are extremes over time, and extremes have kinks: several starts, the best fit counts.
    starts = np.random.default_rng(1).uniform(scaled_low, scaled_high, (STARTS, low.size))
    best = sorted(starts, key=lambda x: float(np.sum(residual(x) ** 2)))[:FITS]
    fits = [least_squares(residual, x, bounds=(scaled_low, scaled_high), x_scale="jac", diff_step=1e-4) for x in best]
    fit = min(fits, key=lambda found: found.cost)
    if not fit.success:
        raise ValueError(f"the calibration of {scenario.name} did not converge ({fit.message}): widen the bounds")
    spread = np.full(low.size, np.inf)
    if np.linalg.matrix_rank(fit.jac) == low.size:
        spread = np.sqrt(np.diag(np.linalg.inv(fit.jac.T @ fit.jac))) * np.where(logarithmic, values(fit.x), 1)
    names = [p.name for p in parameters]
    return Calibration(
        scenario=filled(fit.x),
        values=dict(zip(names, values(fit.x).tolist(), strict=True)),
        sigmas=dict(zip(names, spread.tolist(), strict=True)),
        residuals={name: tuple(values.tolist()) for name, values in differences(fit.x).items()},
    )
