"""Read published values: what the papers print, and how precisely they print it.

One YAML file per experiment in ``data/reference``; its README explains every key. This module only reads and checks;
:mod:`satqkd.validation.compare` compares a simulation with it.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, PositiveFloat, ValidationError, model_validator

from satqkd.scenario import data_folder
from satqkd.scenario.reading import read_yaml
from satqkd.validation.kinds import Kind, kind_of

REFERENCE_FOLDER = data_folder() / "reference"

Range = tuple[FiniteFloat, FiniteFloat]


class Closed(BaseModel):
    """A frozen record that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Record = TypeVar("Record", bound=Closed)


class Input(Closed):
    """A property of the apparatus or the site, which a scenario may take as a parameter."""

    id: str
    role: Literal["input"]
    value: Any
    unit: Any = "1"
    sigma: PositiveFloat | None = None
    approx: bool = False
    where: str


class Observed(Closed):
    """An outcome, which the simulation has to reproduce.

    Attributes
    ----------
    value : float or pair of float
        The number, or lowest and highest of a range [unit].
    sigma : float, optional
        The paper's own standard deviation [unit].
    digit : float, optional
        Unit of the last printed digit [unit], where zeros at the end of the number are printed digits.
    approx : bool
        The paper says "about", or shows the value in a figure.
    printed : optional
        What the paper prints, where that is not a number.
    limits : bool
        The range bounds one number ("below 3 dB"), instead of giving the two extremes of a quantity that varies.
    note : str, optional
        Arithmetic with printed numbers that helps to read the row.
    contradiction : str, optional
        The arithmetic that shows a contradiction between this number and the paper's others.
    simulated_by : str, optional
        The observable that is compared with it: ``stage.name``, for another scenario ``scenario/stage.name``, or the
        difference of two. Without it no stage simulates the value yet.
    """

    id: str
    role: Literal["observed"]
    value: FiniteFloat | Range
    unit: str = "1"
    sigma: PositiveFloat | None = None
    digit: PositiveFloat | None = None
    approx: bool = False
    where: str
    printed: Any = None
    limits: bool = False
    note: str | None = Field(default=None, min_length=1)
    contradiction: str | None = Field(default=None, min_length=1)
    simulated_by: str | None = Field(default=None, pattern=r"^[a-z0-9_/.]+( - [a-z0-9_/.]+)?$")

    @property
    def ends(self) -> tuple[float, ...]:
        """Return the value as a tuple: one number, or the two ends of the range [unit]."""
        return self.value if isinstance(self.value, tuple) else (self.value,)

    @property
    def kind(self) -> Kind:
        """Return the kind of quantity, which follows from the unit."""
        return kind_of(self.unit)

    @property
    def half_widths(self) -> tuple[float, ...]:
        """Return how far the true value may lie from each printed number [unit].

        Half a unit of the last printed digit; for an "about" at least the share of its kind.
        """
        digits = [self.digit or last_digit(end) for end in self.ends]
        # A zero is printed to the digit of the other end.
        halves = [(digit or max(digits) or 1.0) / 2 for digit in digits]
        if self.approx:
            abouts = [self.kind.difference(self.kind.about, end) for end in self.ends]
            halves = [max(pair) for pair in zip(halves, abouts, strict=True)]
        return tuple(halves)

    @property
    def sigmas(self) -> tuple[float, ...]:
        """Return the standard deviation of each published number [unit].

        The paper's own, or that of an even distribution over the printed half-width: 1/sqrt(3) of it.
        """
        if self.sigma is not None:
            return (self.sigma,) * len(self.ends)
        return tuple(half / math.sqrt(3) for half in self.half_widths)

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        if self.ends[0] > self.ends[-1]:
            raise ValueError(f"value={list(self.ends)} runs downwards: give the lowest first")
        if self.limits and len(self.ends) == 1:
            raise ValueError(f"limits is set but value={self.value} is one number: give a range [lowest, highest]")
        if self.sigma and self.digit:
            raise ValueError("both sigma and digit are given: keep the paper's sigma and drop digit")
        return self


def last_digit(number: float) -> float:
    """Return the unit of the last digit of a number that is not zero; 0 for zero.

    Examples
    --------
    >>> last_digit(68.5), last_digit(1700), last_digit(3.13e-5)
    (0.1, 100.0, 1e-07)
    """
    exponent = Decimal(repr(number)).normalize().as_tuple().exponent
    return float(f"1e{exponent}") if number else 0.0


class Headline(Closed):
    """What the first page of the results shows of a paper: ids of observed values, and the title of one figure."""

    values: Annotated[tuple[str, ...], Field(min_length=1, max_length=4)]
    figure: str


class Reference(Closed):
    """All published values of one paper."""

    id: str
    paper: str
    protocol: str
    headline: Headline | None = None
    values: tuple[Annotated[Input | Observed, Field(discriminator="role")], ...]
    figures: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        ids = [value.id for value in self.values]
        for repeated in sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"the id {repeated!r} occurs {ids.count(repeated)} times: give each value its own")
        return self

    @model_validator(mode="after")
    def _headline_is_there(self) -> Self:
        if self.headline is None:
            return self
        ids = [value.id for value in self.values if value.role == "observed"]
        for name in self.headline.values:
            if name not in ids:
                raise ValueError(f"headline: {name} is not an observed value{nearest(name, ids) or ': give an id'}")
        titles = [title.partition(":")[0] for title in self.figures]
        if self.headline.figure not in titles:
            raise ValueError(f"headline: {self.headline.figure} is not a figure: give one of {', '.join(titles)}")
        return self


def nearest(name: object, names: Iterable[str]) -> str:
    """Return a hint that names the entry of `names` that `name` was probably meant to be; empty when none is close.

    Examples
    --------
    >>> nearest("qbre", ["qber", "chsh_s"])
    ": did you mean 'qber'?"
    """
    found = difflib.get_close_matches(str(name), sorted(names), n=1, cutoff=0.5)
    return f": did you mean {found[0]!r}?" if found else ""


def validated(model: type[Record], raw: Any, source: str | Path) -> Record:
    """Return `raw` as a record of type `model`.

    Raises
    ------
    ValueError
        One sentence about the first error: the source, the place, what is wrong, and a way out.

    Examples
    --------
    >>> validated(Headline, {"values": ["qber"], "figure": "Fig 2"}, "mine.yaml").figure
    'Fig 2'
    """
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    # A reader of the file finds a row by its id rather than by its number in the list.
    place: list[str] = []
    here = raw
    for step in first["loc"]:
        if isinstance(here, list | tuple) and isinstance(step, int):
            here = here[step]
            place.append(str(here["id"]) if isinstance(here, dict) and "id" in here else f"[{step}]")
        elif isinstance(here, dict) and step in here:
            here = here[step]
            place.append(str(step))
        elif first["type"] == "missing":
            place.append(str(step))
    # Pydantic adds the discriminator as a step to the location of a row.
    where = ".".join(step for step in place if step not in ("values", "observed", "input"))
    if first["type"] == "extra_forbidden":
        records = (Reference, Observed) if model is Reference else (model,)
        keys = {key for record in records for key in record.model_fields}
        message = "unknown key" + (nearest(first["loc"][-1], keys) or ": remove it")
    elif first["type"] == "missing":
        message = "is missing: add it"
    elif first["type"] == "value_error":
        message = str(first["ctx"]["error"])
    else:
        message = f"{first['input']!r} does not fit: {first['msg'][0].lower()}{first['msg'][1:]}"
    raise ValueError(f"{source}: {where + ': ' if where else ''}{message}") from None


def load_reference(id_or_path: str | Path) -> Reference:
    """Read and check the published values of one paper.

    Parameters
    ----------
    id_or_path : str or Path
        Name of a file in ``data/reference`` ("yin2017"), or the path of any YAML file in the same schema.

    Raises
    ------
    FileNotFoundError
        There is no such file; the message names the nearest.
    ValueError
        The content does not fit the schema.

    Examples
    --------
    >>> reference = load_reference("yin2017")
    >>> reference.paper
    'Satellite-based entanglement distribution over 1200 kilometers, Science 356, 1140 (2017), arXiv:1707.01339'
    """
    path = Path(id_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = REFERENCE_FOLDER / f"{id_or_path}.yaml"
    if not path.is_file():
        names = [found.stem for found in REFERENCE_FOLDER.glob("*.yaml")]
        raise FileNotFoundError(
            f"{path} does not exist{nearest(path.stem, names) or ': give the path of a reference file'}"
        )
    return validated(Reference, read_yaml(path, "published values"), path)


def figure_id(title: str) -> str:
    """Return the name of a figure's files.

    Examples
    --------
    >>> figure_id("ED Fig 5a: histogram of arrival times")
    'ed_fig_5a'
    """
    return title.partition(":")[0].lower().replace(" ", "_")


def observed(reference: Reference) -> dict[str, Observed]:
    """Return the observed values of a reference by id, in the file's order.

    Examples
    --------
    >>> observed(load_reference("yin2017"))["chsh_s"].value
    2.37
    """
    return {value.id: value for value in reference.values if value.role == "observed"}
