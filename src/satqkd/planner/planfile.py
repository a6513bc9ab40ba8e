"""The plan that a user writes: satellites, stations, and the days to forecast."""

from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from satqkd.analytic.expected import require_compensated, require_one_contrast
from satqkd.orbit import Elements, read_elements
from satqkd.orbit.elements import nearest
from satqkd.scenario import Scenario, ScenarioError, load_scenario
from satqkd.scenario.fields import (
    Altitude,
    CatalogueNumber,
    Elevation,
    FileName,
    Latitude,
    Longitude,
    NonNegative,
    Number,
    Positive,
    Section,
    Whole,
)
from satqkd.scenario.messages import validated
from satqkd.scenario.provided import found, named_file
from satqkd.scenario.reading import read_tree

DAY = np.timedelta64(1, "D")


def _day(value: Any) -> Any:
    if isinstance(value, date | str):
        return value
    raise ValueError("is not a day: write it as in 2018-10-01")  # a bare number would be seconds since 1970


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]


class PlanStation(Section):
    """A ground station. Its receiver is the scenario's of the same name, else the scenario's first."""

    name: Name = Field(description="name in lower case")
    latitude_deg: Latitude = Field(description="WGS84 [degree]")
    longitude_deg: Longitude = Field(description="WGS84, east positive [degree]")
    altitude_m: Altitude = Field(description="above the WGS84 ellipsoid [m]")
    cloud_probability: Annotated[Number, Field(ge=0, le=1)] = Field(
        0, description="that clouds close a link to it; 0 leaves the weather out [1]"
    )
    aperture_m: Positive | None = Field(None, description="in place of the receiver's [m]")
    obscuration_m: NonNegative | None = Field(None, description="in place of the receiver's [m]")
    receiver_efficiency: Annotated[Number, Field(gt=0, le=1)] | None = Field(
        None, description="in place of the receiver's [1]"
    )
    zenith_extinction_db: NonNegative | None = Field(None, description="in place of the receiver's [dB]")
    background_rate_hz: NonNegative | None = Field(None, description="in place of the receiver's [1/s]")


class PlanSatellite(Section):
    """A satellite with its orbit, and the scenario whose source, optics and protocol it carries."""

    name: Name = Field(description="name in lower case")
    elements: FileName = Field(description="element sets (CCSDS OMM or TLE), below data/orbits or beside the plan")
    norad_id: CatalogueNumber | None = Field(
        None, description="catalogue number, where the file holds several satellites"
    )
    scenario: Name = Field(description="a mission, in data/scenarios or beside the plan")


class Plan(Section):
    """The satellites, the stations, and the days to plan."""

    name: Name = Field(description="name of the results folder, and of the file")
    title: str = Field(min_length=1, description="one line for the figure and the calendar")
    start: Annotated[date, BeforeValidator(_day)] = Field(description="first day, from 0 h UTC")
    days: Annotated[Whole, Field(le=1100)] = Field(description="how many days")
    min_elevation_deg: Elevation = Field(description="lowest elevation of a pass [degree]")
    max_age_days: Positive = Field(14, description="how far an element set may lie from any of the days [day]")
    czml_days: Whole = Field(7, description="how many of the days the CZML file shows")
    satellites: Annotated[tuple[PlanSatellite, ...], Field(min_length=1)]
    stations: Annotated[tuple[PlanStation, ...], Field(min_length=1)]

    _path: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for what in ("satellites", "stations"):
            names = [entry.name for entry in getattr(self, what)]
            if twice := [name for name in names if names.count(name) > 1]:
                raise ValueError(f"{what} has {twice[0]} twice: give each its own name")
        return self

    @property
    def path(self) -> Path:
        """Return the path of the plan's file."""
        return self._path

    @property
    def start_utc(self) -> np.datetime64:
        """Return the first moment of the plan [UTC]."""
        return np.datetime64(self.start, "ns")

    @property
    def end_utc(self) -> np.datetime64:
        """Return the moment after the plan's last [UTC]."""
        return self.start_utc + self.days * DAY

    @property
    def files(self) -> list[Path]:
        """Return the paths of the plan, its element sets and its scenarios.

        Examples
        --------
        >>> [path.name for path in load_plan("example").files]
        ['example.yaml', 'micius.csv', 'liao2017.yaml', 'yin2020.yaml']
        """
        named = [[self._elements_file(s), self._scenario_file(s)] for s in self.satellites]
        return [self._path, *dict.fromkeys(file for pair in named for file in pair)]

    def fleet(self) -> list[tuple[PlanSatellite, Elements, Scenario]]:
        """Read and check the element sets and the scenario of every satellite.

        Examples
        --------
        >>> [(satellite.name, scenario.name) for satellite, _, scenario in load_plan("example").fleet()]
        [('micius', 'liao2017'), ('micius_pairs', 'yin2020')]
        """
        return [(s, self._elements(s), self._scenario(s)) for s in self.satellites]

    def links(self, scenario: Scenario) -> list[tuple[PlanStation, ...]]:
        """Return the stations, or pairs of stations, that a satellite with this scenario can serve.

        Examples
        --------
        >>> from satqkd import load_scenario
        >>> links = load_plan("example").links(load_scenario("yin2020"))
        >>> ["+".join(station.name for station in link) for link in links[:3]]
        ['xinglong+nanshan', 'xinglong+delingha', 'xinglong+lijiang']
        """
        return list(combinations(self.stations, len(scenario.stations)))

    def _elements_file(self, satellite: PlanSatellite) -> Path:
        return self._named(satellite, satellite.elements, "orbits", beside_first=True)

    def _scenario_file(self, satellite: PlanSatellite) -> Path:
        return self._named(satellite, f"{satellite.scenario}.yaml", "scenarios")

    def _named(self, satellite: PlanSatellite, name: str, folder: str, *, beside_first: bool = False) -> Path:
        try:
            return named_file(self._path, name, folder, "plan", beside_first=beside_first)
        except ScenarioError as error:
            raise ScenarioError(f"{self._path}: satellite {satellite.name} {error}") from None

    def _elements(self, satellite: PlanSatellite) -> Elements:
        try:
            elements = read_elements(self._elements_file(satellite), satellite.norad_id)
        except ScenarioError:
            raise
        except ValueError as error:
            raise ScenarioError(f"{self._path}: satellite {satellite.name}: {error}") from None
        days = np.append(np.arange(self.start_utc, self.end_utc, DAY), self.end_utc)
        epochs = elements.epochs[nearest(elements, days)]
        age_days = np.abs(days - epochs) / DAY
        if age_days.max() > self.max_age_days:
            worst = int(age_days.argmax())
            raise ScenarioError(
                f"{self._path}: satellite {satellite.name} has no element set within "
                f"max_age_days={self.max_age_days:g} of {np.datetime_as_string(days[worst], 'D')}, the nearest is of "
                f"{np.datetime_as_string(epochs[worst], 'D')}, {age_days[worst]:.0f} days away: add a nearer set to "
                f"{satellite.elements}, plan fewer or other days, or raise max_age_days and trust the times less"
            )
        return elements

    def _scenario(self, satellite: PlanSatellite) -> Scenario:
        scenario = load_scenario(self._scenario_file(satellite))
        if scenario.kind != "mission":
            raise ScenarioError(
                f"{self._path}: satellite {satellite.name}: scenario={satellite.scenario} is of kind {scenario.kind}: "
                "take a mission"
            )
        require_compensated(scenario)
        require_one_contrast(scenario)
        if len(self.stations) < len(scenario.stations):
            raise ScenarioError(
                f"{self._path}: satellite {satellite.name} sends pairs to two stations, and stations has "
                f"{len(self.stations)}: give at least two"
            )
        return scenario


def load_plan(path: str | Path, *, start: str | date | None = None, days: int | str | None = None) -> Plan:
    """Read and check a plan with its element sets and scenarios.

    Parameters
    ----------
    path : str or Path
        The name of a plan that comes with the package, or the path of a YAML file.
    start, days : optional
        Replace the file's.

    Raises
    ------
    ScenarioError
        One sentence that names the file, the key, the value, the bound and a way out; also for element sets too far
        from the days of the plan.

    Examples
    --------
    >>> plan = load_plan("example", days=2)
    >>> plan.start.isoformat(), [satellite.name for satellite in plan.satellites]
    ('2018-09-10', ['micius', 'micius_pairs'])
    """
    path = found(path, "plans", "a plan")
    tree = read_tree(path, "a plan", "data/plans/example.yaml")
    tree |= {key: value for key, value in (("start", start), ("days", days)) if value is not None}
    plan = validated(Plan, tree, path)
    plan._path = path
    if plan.name != path.stem:
        raise ScenarioError(f"{path}: name={plan.name} is not the file's: call it {path.stem}")
    plan.fleet()  # every file that the plan names is read before any work
    return plan
