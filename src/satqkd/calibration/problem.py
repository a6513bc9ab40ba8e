"""Parameters of the joint calibration with their priors, and the observed values of all scenarios."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from satqkd.scenario import Scenario, ScenarioError, data_folder
from satqkd.scenario.reading import read_tree
from satqkd.scenario.uncertain import Uncertainty, uncertainty_of


def calibration_file() -> Path:
    """Return the path of the calibration of the four experiments.

    Examples
    --------
    >>> calibration_file().name
    'calibration.yaml'
    """
    return data_folder() / "scenarios" / "calibration.yaml"


@dataclass(frozen=True)
class Parameter:
    """An unknown quantity of one or several scenarios.

    Attributes
    ----------
    name : str
    keys : tuple of str
        Places of its value, as ``scenario/dotted.key``.
    prior : Uncertainty
        Distribution before the fit to the targets, in the unit of the keys.
    """

    name: str
    keys: tuple[str, ...]
    prior: Uncertainty

    def value_at(self, score: float) -> float:
        """Return the value at a normal score in the prior.

        Examples
        --------
        >>> Parameter("optics", ("mine/transmitter.optics_efficiency",), Uncertainty(0.5, 0.45, 0.55)).value_at(0.0)
        0.5
        """
        return self.prior.quantile(NormalDist().cdf(score))

    @property
    def power(self) -> int:
        """Return the power of this efficiency in the rate of coincidences: the number of stations that have it.

        Examples
        --------
        >>> Parameter(
        ...     "a", ("x/stations.0.receiver_efficiency", "x/stations.1.receiver_efficiency"), Uncertainty(1)
        ... ).power
        2
        """
        return max(len({key.partition("detectors")[0] for key in self.keys}), 1)

    def of(self, scenario: str) -> list[str]:
        """Return the dotted keys at which a scenario has this value.

        Examples
        --------
        >>> Parameter("fidelity", ("yin2017/source.fidelity", "yin2020/source.fidelity"), Uncertainty(0.9)).of(
        ...     "yin2020"
        ... )
        ['source.fidelity']
        """
        return [key.partition("/")[2] for key in self.keys if key.startswith(f"{scenario}/")]


@dataclass(frozen=True)
class Target:
    """An observed value that the parameters are fitted to.

    Attributes
    ----------
    scenario, id : str
        Scenario and row of the published value.
    observable : str
        Name of the observable in `satqkd.analytic.expected`.
    value : tuple of float
        The published number, or both ends of a range.
    width : float or None
        Standard deviation by printing, in the unit of the value; None for a count, which has Poisson's.
    fixes : str
        Name of the efficiency that a count fixes once all others are given; empty for none.
    """

    scenario: str
    id: str
    observable: str
    value: tuple[float, ...]
    width: float | None
    fixes: str = ""

    def log_likelihood(self, expected: float | list[float]) -> float:
        """Return the logarithm of the likelihood of the published value, up to a constant.

        Examples
        --------
        >>> round(Target("mine", "rate", "rate", (12.0,), 0.5).log_likelihood(13.0), 2)
        -2.0
        """
        mean = np.atleast_1d(expected)
        if self.width is not None:
            return float(-0.5 * np.sum(((mean - self.value) / self.width) ** 2))
        (count,) = self.value
        return float(count * np.log(mean[0] / count) - (mean[0] - count)) if mean[0] > 0 else -math.inf


@dataclass(frozen=True)
class Problem:
    """Parameters and targets of a calibration."""

    parameters: tuple[Parameter, ...]
    targets: tuple[Target, ...]

    @property
    def scenarios(self) -> tuple[str, ...]:
        """Return the names of the scenarios that have a parameter."""
        return tuple(dict.fromkeys(key.partition("/")[0] for p in self.parameters for key in p.keys))

    def changes(self, scenario: str, values: Mapping[str, float]) -> dict[str, float]:
        """Return the values in a scenario, by dotted key, that follow from values of the parameters, by name.

        Examples
        --------
        >>> fidelity = Parameter("fidelity", ("yin2017/source.fidelity", "yin2020/source.fidelity"), Uncertainty(0.9))
        >>> Problem((fidelity,), ()).changes("yin2020", {"fidelity": 0.95})
        {'source.fidelity': 0.95}
        """
        return {key: float(values[parameter.name]) for parameter in self.parameters for key in parameter.of(scenario)}

    def blocks(self) -> list["Problem"]:
        """Split into problems that share no scenario, whose posteriors are independent.

        Examples
        --------
        >>> one, two, both = (
        ...     Parameter(name, keys, Uncertainty(1.0))
        ...     for name, keys in (("a", ("x/k",)), ("b", ("y/k",)), ("c", ("y/l", "z/l")))
        ... )
        >>> [[parameter.name for parameter in block.parameters] for block in Problem((one, two, both), ()).blocks()]
        [['a'], ['b', 'c']]
        """
        groups: list[set[str]] = []
        for parameter in self.parameters:
            mine = {key.partition("/")[0] for key in parameter.keys}
            touching = [group for group in groups if group & mine]
            groups = [group for group in groups if not group & mine] + [mine.union(*touching)]
        return [
            Problem(
                tuple(p for p in self.parameters if p.keys[0].partition("/")[0] in group),
                tuple(t for t in self.targets if t.scenario in group),
            )
            for group in groups
        ]


def read_problem(
    path: str | Path, scenarios: Iterable[Scenario], *, published: Mapping[str, Mapping[str, tuple[float, ...]]]
) -> Problem:
    """Read a joint calibration, and add the uncertain inputs of its scenarios to the parameters.

    Parameters
    ----------
    path : str or Path
        YAML file: parameters {name, keys, range} and targets {scenario, id, observable, width, fixes}.
    scenarios : iterable of Scenario
        A value that a scenario takes from another one (`from`) has the parameter of that other scenario.
    published : mapping
        Observed values by scenario and id, as tuples of one or two numbers.

    Raises
    ------
    ScenarioError
        For an id that was not published, or a parameter without a range.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> problem = read_problem(calibration_file(), [load_scenario("yin2017"), load_scenario("yin2020")], published={})
    >>> "yin2020 receiver efficiency" in [parameter.name for parameter in problem.parameters]
    True
    """
    tree = read_tree(Path(path), "a calibration", "data/scenarios/calibration.yaml")
    missions = {scenario.name: scenario for scenario in scenarios}
    parameters = [_parameter(entry, path) for entry in tree["parameters"]]
    fitted = {key for parameter in parameters for key in parameter.keys}
    for name, scenario in missions.items():
        for unknown in scenario.unknowns:
            keys = tuple(f"{name}/{key}" for key in unknown.keys)
            if not set(unknown.keys) & set(scenario.transferred) and not set(keys) & fitted:
                parameters.append(Parameter(f"{name} {unknown.name}", keys, unknown.uncertainty))
    shared = {
        f"{name}/{key}": f"{source}/{key}" for name, one in missions.items() for key, source in one.transferred.items()
    }
    parameters = [
        replace(p, keys=p.keys + tuple(key for key, source in shared.items() if source in p.keys)) for p in parameters
    ]
    targets = []
    for entry in tree["targets"]:
        if entry["scenario"] not in published:
            continue
        if entry["id"] not in (rows := published[entry["scenario"]]):
            raise ScenarioError(
                f"{path}: {entry['scenario']} is fitted to {entry['id']}, which its paper does not give: take one of "
                f"data/reference/{entry['scenario']}.yaml"
            )
        targets.append(
            Target(
                scenario=entry["scenario"],
                id=entry["id"],
                observable=entry["observable"],
                value=rows[entry["id"]],
                width=entry.get("width"),
                fixes=entry.get("fixes", ""),
            )
        )
    return Problem(tuple(parameters), tuple(targets))


def _parameter(entry: dict[str, Any], path: str | Path) -> Parameter:
    middle = {"value": sum(entry.get("range", (0, 0))) / 2}
    prior = uncertainty_of({**entry, **middle}, str(entry["name"]))
    if prior is None:
        raise ScenarioError(f"{path}: {entry['name']} has no range: give [lowest, highest]")
    return Parameter(entry["name"], tuple(entry["keys"]), prior)
