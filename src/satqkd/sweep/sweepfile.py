"""The sweep that a user writes: a scenario, the values of some of its keys, and the points to simulate."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import cached_property
from itertools import product
from math import isclose, prod
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from satqkd.analytic.expected import require_compensated
from satqkd.planner.planfile import Name
from satqkd.scenario import Scenario, ScenarioError, load_scenario
from satqkd.scenario.fields import Number, Section, Whole
from satqkd.scenario.messages import validated
from satqkd.scenario.provided import found, named_file
from satqkd.scenario.reading import read_tree

MOST_POINTS = 1_000_000
# Keys that a sweep cannot change: the identity of the scenario, and the measurements (all time is for the key).
FIXED = ("name", "title", "kind", "reference", "measurements", "source.kind")


def _value(value: Any) -> float | str:
    """Return a number, also where YAML 1.1 reads 1e-9 as text, or a plain word."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date | list | dict | None):
        raise ValueError("is neither a number nor a word: write one value, a time in quotes")
    try:
        number = float(value)
    except ValueError:
        return value
    if not np.isfinite(number):
        raise ValueError("is not a finite number")
    return number


Value = Annotated[float | Annotated[str, Field(pattern=r"^[\w.:+-]+$", max_length=80)], BeforeValidator(_value)]


class Range(Section):
    """Evenly spaced numbers."""

    start: Number = Field(description="first value")
    stop: Number = Field(description="last value")
    points: Annotated[Whole, Field(ge=2, le=10_000)] = Field(description="how many values, including both ends")
    spacing: Literal["linear", "log"] = Field("linear", description="equal steps or equal ratios")

    @model_validator(mode="after")
    def _positive(self) -> Self:
        if self.spacing == "log" and (self.start <= 0 or self.stop <= 0):
            raise ValueError(f"start={self.start:g} and stop={self.stop:g} have no equal ratios: take linear spacing")
        return self

    def values(self) -> tuple[float, ...]:
        """Return the numbers, rounded to twelve digits because they become parts of file names.

        Examples
        --------
        >>> Range(start=1, stop=100, points=3, spacing="log").values()
        (1.0, 10.0, 100.0)
        """
        space = np.geomspace if self.spacing == "log" else np.linspace
        return tuple(float(f"{value:.12g}") for value in space(self.start, self.stop, self.points))


class Parameter(Section):
    """A dimension of the sweep: keys of the scenario that take the same values together."""

    name: Name = Field(description="name of the dimension, in lower case")
    keys: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        description="dotted keys of the scenario, as in stations.0.aperture_m"
    )
    unit: str = Field("1", description="for the axis and the data set")
    values: Annotated[tuple[Value, ...], Field(min_length=1)] | None = Field(None, description="numbers or words")
    range: Range | None = Field(None, description="instead of values")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.values is None) == (self.range is None):
            raise ValueError(f"parameter {self.name} needs values or range: give one of the two")
        if len({isinstance(value, str) for value in self.coordinate}) > 1:
            raise ValueError(f"parameter {self.name} mixes numbers and words: give one kind")
        if len(set(self.coordinate)) < len(self.coordinate):
            raise ValueError(f"parameter {self.name} has a value twice: keep one")
        if fixed := [key for key in self.keys if key in FIXED or key.split(".")[0] in FIXED]:
            raise ValueError(f"parameter {self.name} changes {fixed[0]}, which a sweep keeps: take other keys")
        return self

    @cached_property
    def coordinate(self) -> tuple[float | str, ...]:
        """Return the values, given one by one or as a range."""
        return self.range.values() if self.range else self.values or ()

    def nearest(self, value: float | str) -> float | str | None:
        """Return the value of the sweep that equals a given one to nine digits; None without one.

        Examples
        --------
        >>> Parameter(name="aperture", keys=("stations.0.aperture_m",), values=(0.6, 1.2)).nearest(1.2000000001)
        1.2
        """
        if isinstance(value, str):
            return value if value in self.coordinate else None
        numbers = [v for v in self.coordinate if not isinstance(v, str)]
        return next((v for v in numbers if isclose(v, value, rel_tol=1e-9)), None)


class Sweep(Section):
    """A grid of designs around a scenario."""

    name: Name = Field(description="name of the results folder, and of the file")
    title: str = Field(min_length=1, description="one line for the figure")
    scenario: Name = Field(description="a mission, in data/scenarios or beside the sweep")
    parameters: Annotated[tuple[Parameter, ...], Field(min_length=1)]
    points_per_job: Whole = Field(250, description="points of the analytic chain that one job computes")
    simulate: tuple[dict[str, Value], ...] = Field((), description="points for the event simulation as well")
    replicates: Annotated[Whole, Field(le=1000)] = Field(2, description="independent simulations of each such point")

    _path: Path = PrivateAttr(default=Path())
    _scenario: Scenario = PrivateAttr()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for what, names in (
            ("name", [parameter.name for parameter in self.parameters]),
            ("key", [key for parameter in self.parameters for key in parameter.keys]),
        ):
            if twice := [name for name in names if names.count(name) > 1]:
                raise ValueError(f"parameters have the {what} {twice[0]} twice: keep one")
        if taken := [p.name for p in self.parameters if p.name in ("component", "replicate")]:
            raise ValueError(f"the parameter's name {taken[0]} is a dimension of every sweep: give another")
        if self.size > MOST_POINTS:
            raise ValueError(f"parameters span {self.size} points, more than {MOST_POINTS}: take fewer values")
        for point in self.simulate:
            if set(point) != set(self.shape):
                raise ValueError(f"simulate needs {', '.join(self.shape)} of each point: it has {', '.join(point)}")
            for parameter in self.parameters:
                if parameter.nearest(point[parameter.name]) is None:
                    raise ValueError(
                        f"simulate has {parameter.name}={point[parameter.name]}, which is not among its values: take "
                        f"one of {', '.join(map(str, parameter.coordinate[:12]))}"
                    )
        return self

    @property
    def path(self) -> Path:
        """Return the path of the sweep's file."""
        return self._path

    @property
    def base(self) -> Scenario:
        """Return the scenario, with all open time for the key."""
        return self._scenario

    @property
    def files(self) -> list[Path]:
        """Return the paths of the sweep, of its scenario, and of the scenario's element sets."""
        orbit = self.base.orbit
        return [self.path, self.base.path, *(self.base.file(name) for name in (orbit.elements, orbit.survey) if name)]

    @property
    def shape(self) -> dict[str, int]:
        """Return the number of values by parameter."""
        return {parameter.name: len(parameter.coordinate) for parameter in self.parameters}

    @property
    def size(self) -> int:
        """Return the number of points."""
        return prod(self.shape.values())

    def points(self, first: int, last: int) -> list[dict[str, float | str]]:
        """Return the points from number `first` to number `last`; the last parameter changes fastest.

        Examples
        --------
        >>> load_sweep("example").points(0, 0)
        [{'divergence': 10.0, 'aperture': 0.6, 'extinction': 0.5}]
        """
        index = np.unravel_index(np.arange(first, last + 1), tuple(self.shape.values()))
        columns = [[p.coordinate[i] for i in number] for p, number in zip(self.parameters, index, strict=True)]
        return [dict(zip(self.shape, values, strict=True)) for values in zip(*columns, strict=True)]

    def blocks(self) -> pd.DataFrame:
        """Return the numbers of the first and the last point of each job of the analytic chain.

        Examples
        --------
        >>> load_sweep("example").blocks().values.tolist()
        [[0, 249], [250, 499], [500, 749], [750, 999]]
        """
        first = np.arange(0, self.size, self.points_per_job)
        return pd.DataFrame({"first": first, "last": np.minimum(first + self.points_per_job, self.size) - 1})

    def events(self) -> pd.DataFrame:
        """Return a row for each job of the event simulation: the value of each parameter, and the replicate.

        Examples
        --------
        >>> load_sweep("example").events().iloc[0].to_dict()
        {'divergence': 10.0, 'aperture': 0.6, 'extinction': 0.5, 'replicate': 1.0}
        """
        points = [{p.name: p.nearest(point[p.name]) for p in self.parameters} for point in self.simulate]
        rows = [point | {"replicate": number} for point in points for number in range(1, self.replicates + 1)]
        return pd.DataFrame(rows, columns=[*self.shape, "replicate"]).drop_duplicates(ignore_index=True)

    def at(self, point: dict[str, float | str]) -> Scenario:
        """Return the scenario at a point; raise one sentence (`ScenarioError`) where it is not a scenario.

        Examples
        --------
        >>> sweep = load_sweep("example")
        >>> (point,) = sweep.points(0, 0)
        >>> sweep.at(point).stations[0].aperture_m
        0.6
        """
        values = {key: point[p.name] for p in self.parameters if p.name in point for key in p.keys}
        with at_point(self, point):
            changed = self.base.replaced(values)
            require_compensated(changed)
        return changed


@contextmanager
def at_point(sweep: Sweep, point: dict[str, float | str]) -> Iterator[None]:
    """Add the point of a sweep to the message of an error in the input (`ScenarioError`).

    Examples
    --------
    >>> with at_point(load_sweep("example"), {"aperture": 0.6}):
    ...     raise ValueError("there is no session")
    Traceback (most recent call last):
        ...
    satqkd.scenario.messages.ScenarioError: ...example.yaml: aperture=0.6: there is no session
    """
    try:
        yield
    except ValueError as error:
        where = f"{sweep.path}: {' '.join(f'{name}={value}' for name, value in point.items())}: "
        raise ScenarioError(f"{where if where not in str(error) else ''}{error}") from None


def _all_for_the_key(scenario: Scenario) -> Scenario:
    """Return the scenario with every second of its sessions for the key, as the analytic chain computes it."""
    key = next(m for name in ("key", "state") for m in scenario.measurements if m.name == name)
    *others, last = scenario.measurements
    if others and last.duration_s is None:
        raise ScenarioError(
            f"measurement {last.name} has no duration_s: a sweep gives the seconds of all measurements to the key, so "
            "give it the seconds that it takes"
        )
    durations = [measurement.duration_s for measurement in scenario.measurements]
    whole = key.model_copy(update={"duration_s": None if None in durations else sum(durations)})
    return scenario.model_copy(update={"measurements": (whole,)})


def load_sweep(path: str | Path) -> Sweep:
    """Read and check a sweep with its scenario.

    Every edge of the grid from its first point, and every corner, has to be a scenario. Then the points between are
    scenarios as well, unless the bounds of one key depend on another key; the job reports such a point.

    Parameters
    ----------
    path : str or Path
        The name of a sweep that comes with the package, or the path of a YAML file.

    Raises
    ------
    ScenarioError
        One sentence that names the file, the key, the value, the bound and a way out.

    Examples
    --------
    >>> load_sweep("example").shape
    {'divergence': 10, 'aperture': 10, 'extinction': 10}
    """
    path = found(path, "sweeps", "a sweep")
    sweep = validated(Sweep, read_tree(path, "a sweep", "data/sweeps/example.yaml"), path)
    sweep._path = path
    if sweep.name != path.stem:
        raise ScenarioError(f"{path}: name={sweep.name} is not the file's: call it {path.stem}")
    try:
        scenario = load_scenario(named_file(path, f"{sweep.scenario}.yaml", "scenarios", "sweep"))
    except ScenarioError as error:
        raise ScenarioError(f"{path}: scenario={sweep.scenario}: {error}") from None
    if not isinstance(scenario, Scenario):
        raise ScenarioError(f"{path}: scenario={sweep.scenario} is of kind {scenario.kind}: take a mission or a bench")
    try:
        sweep._scenario = _all_for_the_key(scenario)
    except ScenarioError as error:
        raise ScenarioError(f"{path}: scenario={sweep.scenario}: {error}") from None
    (first,) = sweep.points(0, 0)
    for parameter in sweep.parameters:
        for value in parameter.coordinate:
            sweep.at(first | {parameter.name: value})
    for corner in product(*({p.coordinate[0], p.coordinate[-1]} for p in sweep.parameters)):
        sweep.at(dict(zip(sweep.shape, corner, strict=True)))
    return sweep
