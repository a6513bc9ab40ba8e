"""Read published values: what the papers print, how far a simulation may deviate from it, and why.

One YAML file per experiment in ``data/reference``; its README explains every key. This module only reads and checks;
:mod:`satqkd.validation.compare` compares a simulation with it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, PositiveFloat, ValidationError, model_validator

from satqkd.scenario import data_folder
from satqkd.scenario.reading import read_yaml

REFERENCE_FOLDER = data_folder() / "reference"

Range = tuple[FiniteFloat, FiniteFloat]


class Closed(BaseModel):
    """A frozen record that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Record = TypeVar("Record", bound=Closed)


class Tolerance(Closed):
    """Independent contributions to a tolerance, added in quadrature.

    Attributes
    ----------
    sigmas : float, optional
        Number of standard deviations, the paper's and the simulation's combined.
    absolute : float or pair of float, optional
        In the unit of the value; a pair has one number for the lower end of a range and one for the upper.
    relative : float, optional
        Fraction of the printed value.
    decades : float, optional
        A factor 10**decades upwards and downwards.
    link_db : float, optional
        Uncertainty [dB] of a link to whose transmittance the value is proportional: a factor 10**(link_db/10).
    """

    sigmas: PositiveFloat | None = None
    absolute: PositiveFloat | tuple[PositiveFloat, PositiveFloat] | None = None
    relative: PositiveFloat | None = None
    decades: PositiveFloat | None = None
    link_db: PositiveFloat | None = None

    @model_validator(mode="after")
    def _something_is_given(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("a tolerance is empty: give at least one of " + ", ".join(type(self).model_fields))
        return self


class AssumedSigma(Closed):
    """A standard deviation that the paper does not print but its own counts imply, with the reason."""

    value: PositiveFloat
    reason: str = Field(min_length=1)


class FormulaTolerance(Closed):
    """The tolerance of a formula that is evaluated on the paper's own counts, with the reason."""

    tolerance: Tolerance
    reason: str = Field(min_length=1)


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
    printed : optional
        What the paper prints, where that is not a number.
    limits : bool
        The range bounds one number ("below 3 dB"), instead of giving the two extremes of a quantity that varies.
    formula : FormulaTolerance, optional
        Replaces `tolerance` for a formula evaluated on the paper's own counts.
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
    approx: bool = False
    where: str
    printed: Any = None
    limits: bool = False
    tolerance: Tolerance
    reason: str = Field(min_length=1)
    sigma_assumed: AssumedSigma | None = None
    formula: FormulaTolerance | None = None
    contradiction: str | None = Field(default=None, min_length=1)
    simulated_by: str | None = Field(default=None, pattern=r"^[a-z0-9_/.]+( - [a-z0-9_/.]+)?$")

    @property
    def ends(self) -> tuple[float, ...]:
        """Return the value as a tuple: one number, or the two ends of the range [unit]."""
        return self.value if isinstance(self.value, tuple) else (self.value,)

    @property
    def published_sigma(self) -> float | None:
        """Return the paper's standard deviation, or the one that its counts imply [unit]; None without either."""
        return self.sigma or (self.sigma_assumed.value if self.sigma_assumed else None)

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        if self.ends[0] > self.ends[-1]:
            raise ValueError(f"value={list(self.ends)} runs downwards: give the lowest first")
        if self.limits and len(self.ends) == 1:
            raise ValueError(f"limits is set but value={self.value} is one number: give a range [lowest, highest]")
        if self.sigma and self.sigma_assumed:
            raise ValueError("both sigma and sigma_assumed are given: keep the paper's own and drop sigma_assumed")
        for tolerance in (self.tolerance, self.formula.tolerance if self.formula else None):
            if tolerance is not None:
                self._check_tolerance(tolerance)
        return self

    def _check_tolerance(self, tolerance: Tolerance) -> None:
        if tolerance.sigmas and self.published_sigma is None:
            raise ValueError("the tolerance counts sigmas but there is none: give sigma or sigma_assumed")
        if isinstance(tolerance.absolute, tuple) and len(self.ends) == 1:
            raise ValueError(f"absolute={list(tolerance.absolute)} has two ends but the value has one: give one number")
        if (tolerance.relative or tolerance.decades or tolerance.link_db) and min(self.ends) <= 0:
            raise ValueError(f"a relative tolerance of {min(self.ends):g} has no meaning: give absolute")


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
    >>> validated(Tolerance, {"relative": 0.1}, "mine.yaml").relative
    0.1
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
        kinds = (Reference, Observed, Tolerance) if model is Reference else (model,)
        keys = {key for kind in kinds for key in kind.model_fields}
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
