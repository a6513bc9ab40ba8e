"""What is not known of a value: a range in which all values are equally likely, a standard deviation, or a factor."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from satqkd.scenario.fields import Number
from satqkd.scenario.messages import ScenarioError

WIDTHS = ("range", "sigma", "factor")
_NUMBERS = TypeAdapter(list[Number])
# Probability below the lower and the upper end of a 68 % interval, one standard deviation of a normal distribution.
LOWER, UPPER = 0.1587, 0.8413


@dataclass(frozen=True)
class Uncertainty:
    """The distribution of a value: uniform between two bounds, itself or its logarithm, or normal about the value.

    Attributes
    ----------
    value : float
        The scenario's own value, in the unit of its key.
    low, high : float
        Bounds of a uniform distribution; infinite for a normal one.
    sigma : float
        Standard deviation of a normal distribution; infinite for a uniform one.
    logarithmic : bool
        Whether the logarithm is uniform between those of the bounds.
    """

    value: float
    low: float = -np.inf
    high: float = np.inf
    sigma: float = np.inf
    logarithmic: bool = False

    @property
    def deviation(self) -> float:
        """Return the standard deviation.

        Examples
        --------
        >>> round(Uncertainty(0.5, low=0.4, high=0.6).deviation, 4)
        0.0577
        """
        if np.isfinite(self.sigma):
            return self.sigma
        if self.logarithmic:
            width = np.log(self.high / self.low)
            mean = (self.high - self.low) / width
            return float(((self.high**2 - self.low**2) / (2 * width) - mean**2) ** 0.5)
        return (self.high - self.low) / 12**0.5

    def quantile(self, probability: float) -> float:
        """Return the value that is not exceeded with a probability.

        Examples
        --------
        >>> Uncertainty(0.5, low=0.4, high=0.6).quantile(0.25)
        0.45
        >>> Uncertainty(0.5, sigma=0.1).quantile(0.5)
        0.5
        >>> round(Uncertainty(100.0, low=10.0, high=1000.0, logarithmic=True).quantile(0.25), 1)
        31.6
        """
        if np.isfinite(self.sigma):
            return NormalDist(self.value, self.sigma).inv_cdf(probability)
        if self.logarithmic:
            return float(self.low * (self.high / self.low) ** probability)
        return float(self.low + (self.high - self.low) * probability)

    def log_density(self, value: float) -> float:
        """Return the logarithm of the density at a value, up to a constant.

        Examples
        --------
        >>> Uncertainty(0.5, low=0.4, high=0.6).log_density(0.7)
        -inf
        >>> Uncertainty(0.5, sigma=0.1).log_density(0.6).__round__(6)
        -0.5
        """
        if not self.low <= value <= self.high:
            return -np.inf
        if self.logarithmic:
            return float(-np.log(value))
        return -0.5 * ((value - self.value) / self.sigma) ** 2

    def __str__(self) -> str:
        """Return the width as it is shown behind a value."""
        return f"± {self.sigma:.6g}" if np.isfinite(self.sigma) else f"{self.low:.6g} to {self.high:.6g}"


@dataclass(frozen=True)
class Unknown:
    """One uncertain quantity of a scenario.

    Attributes
    ----------
    name : str
        Its key without the numbers of stations and detectors; with them where two unknowns would have the same name.
    keys : tuple of str
        Dotted keys that have its value.
    uncertainty : Uncertainty
    """

    name: str
    keys: tuple[str, ...]
    uncertainty: Uncertainty


def uncertainty_of(node: Mapping[str, Any], key: str) -> Uncertainty | None:
    """Return the uncertainty that an entry {value: …, published: …, range|sigma|factor: …} states, None without one.

    Parameters
    ----------
    node : mapping
        The entry as it was read.
    key : str
        Its dotted key, for the error message.

    Raises
    ------
    ScenarioError
        Where there are two of them, or one that does not fit the value.

    Examples
    --------
    >>> str(uncertainty_of({"value": 0.5, "range": [0.45, 0.55]}, "transmitter.optics_efficiency"))
    '0.45 to 0.55'
    """
    given = [width for width in WIDTHS if width in node]
    if not given:
        return None
    if len(given) > 1:
        raise ScenarioError(f"{key} has {' and '.join(given)}: keep one of them")
    value = _numbers(node["value"])
    width = _numbers(node[given[0]])
    if len(value) != 1 or isinstance(node["value"], list):
        raise ScenarioError(f"{key}.{given[0]} goes with a single number, and the value is {str(node['value'])[:60]}")
    if given == ["range"]:
        if len(width) != 2 or not width[0] <= value[0] <= width[1] or width[0] == width[1]:
            raise ScenarioError(
                f"{key}.range={str(node['range'])[:60]} does not hold the value {value[0]:g}: give [lowest, highest]"
            )
        return Uncertainty(value[0], low=width[0], high=width[1])
    if given == ["factor"]:
        if len(width) != 1 or width[0] <= 1 or value[0] <= 0:
            raise ScenarioError(
                f"{key}.factor={str(node['factor'])[:60]} does not fit the value {value[0]:g}: give a number above 1, "
                "within which a positive value is known"
            )
        return Uncertainty(value[0], low=value[0] / width[0], high=value[0] * width[0], logarithmic=True)
    if len(width) != 1 or width[0] <= 0:
        raise ScenarioError(
            f"{key}.sigma={str(node['sigma'])[:60]} is not a standard deviation: "
            "give a number above 0 in the key's unit"
        )
    return Uncertainty(value[0], sigma=width[0])


def _numbers(written: Any) -> list[float]:
    """Return what was written as a list of finite numbers; an empty list where it is something else."""
    try:
        return _NUMBERS.validate_python(written if isinstance(written, list) else [written])
    except ValidationError:
        return []


def unknowns(origins: Mapping[str, tuple[str, str]], widths: Mapping[str, Uncertainty]) -> list[Unknown]:
    """Return the uncertain quantities of a scenario.

    Entries of several stations or detectors that agree in value, origin and width state one quantity.

    Examples
    --------
    >>> origins = {f"stations.{i}.background_rate_hz": ("published", "main text") for i in range(2)}
    >>> found = unknowns(origins, dict.fromkeys(origins, Uncertainty(1250.0, low=500.0, high=2000.0)))
    >>> [(unknown.name, len(unknown.keys)) for unknown in found]
    [('stations.background_rate_hz', 2)]
    """
    alike: dict[tuple, list[str]] = {}
    for key, width in widths.items():
        alike.setdefault((re.sub(r"\.\d+", "", key), origins[key], width), []).append(key)
    names = [name for name, _, _ in alike]
    return [
        Unknown(name if names.count(name) == 1 else keys[0], tuple(keys), width)
        for (name, _, width), keys in alike.items()
    ]
