"""Compare published with simulated values: one row per value, with tolerance, deviation and verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import Field

from satqkd.scenario.reading import read_yaml
from satqkd.validation.reference import Closed, Observed, Reference, Tolerance, nearest, observed, validated

Role = Literal["predicted", "calibrated", "formula"]

# A value exactly on the bound is within, although 7.65 - 7.6 exceeds 0.05 by a few units in the last place.
ROUNDING = 1e-9


class Simulated(Closed):
    """A simulated value, to be compared with a published one.

    Attributes
    ----------
    value : float or pair of float
        The number, or lowest and highest of a range [unit]; NaN or None when the simulation has no answer.
    unit : str
        Has to be that of the published value.
    sigma : float, optional
        Standard deviation over replicates [unit].
    role : {"predicted", "calibrated", "formula"}
        "formula" marks the result of a formula that is evaluated on the paper's own counts.
    """

    value: float | tuple[float, float] | None
    unit: str = "1"
    sigma: float | None = None
    role: Role = "predicted"

    @property
    def ends(self) -> tuple[float, ...]:
        """Return the value as a tuple: one number, or the two ends of the range [unit]; NaN without an answer."""
        value = math.nan if self.value is None else self.value
        return value if isinstance(value, tuple) else (value,)


@dataclass(frozen=True)
class Row:
    """One row of the validation table; `tolerance` has one number per end of the published value [unit]."""

    scenario: str
    id: str
    published: tuple[float, ...]
    published_sigma: float | None
    simulated: tuple[float, ...] | None
    simulated_sigma: float | None
    unit: str
    role: Role
    tolerance: tuple[float, ...]
    deviation_over_tolerance: float
    reason: str
    verdict: Literal["within", "outside", "missing"]


class KnownDeviation(Closed):
    """A row that is outside its tolerance for a known reason."""

    scenario: str
    id: str
    reason: str = Field(min_length=1)
    arithmetic: str | None = None
    role: Role | None = None


def combined_sigma(published_sigma: float, simulated_sigma: float | None) -> float:
    """Return the standard deviation of the difference between the published and the simulated value.

    The simulation's standard deviation counts at most as much as the paper's. Otherwise a simulation that scatters more
    than the experiment would widen its own bound, and pass because it is noisy. An unknown one (None, NaN) counts as 0.

    Examples
    --------
    >>> combined_sigma(0.3, 0.4), combined_sigma(0.3, None)
    (0.4242640687119285, 0.3)
    """
    if simulated_sigma is None or math.isnan(simulated_sigma):
        return published_sigma
    return math.hypot(published_sigma, min(simulated_sigma, published_sigma))


def tolerance_width(tolerance: Tolerance, published: float, *, end: int, upwards: bool, sigma: float | None) -> float:
    """Return the distance from a published number to the bound above or below it.

    Parameters
    ----------
    published : float
        The number [unit].
    end : {0, 1}
        Which end of a range the number is; 0 for a single number.
    upwards : bool
        Whether the bound above is meant: a factor of 1.41 is +41 % upwards and -29 % downwards.
    sigma : float or None
        Combined standard deviation [unit]; required when the tolerance counts sigmas.

    Returns
    -------
    float
        Contributions of the tolerance, added in quadrature [unit].

    Raises
    ------
    ValueError
        The tolerance counts sigmas and `sigma` is None.

    Examples
    --------
    >>> tolerance_width(Tolerance(sigmas=3), 2.37, end=0, upwards=True, sigma=0.09)
    0.27
    """
    parts = []
    if tolerance.sigmas is not None:
        if sigma is None:
            raise ValueError(f"sigmas={tolerance.sigmas:g} counts standard deviations, and sigma is None: give one")
        parts.append(tolerance.sigmas * sigma)
    if tolerance.absolute is not None:
        parts.append(tolerance.absolute[end] if isinstance(tolerance.absolute, tuple) else tolerance.absolute)
    if tolerance.relative is not None:
        parts.append(tolerance.relative * abs(published))
    for exponent in (tolerance.decades, None if tolerance.link_db is None else tolerance.link_db / 10):
        if exponent is not None:
            factor = 10**exponent
            parts.append(published * (factor - 1 if upwards else 1 - 1 / factor))
    return math.hypot(*parts)


def _tolerance_of(row: Observed, role: Role) -> tuple[Tolerance, str]:
    """Return tolerance and reason for a role; a formula on the paper's own counts does not depend on the link."""
    if role != "formula":
        return row.tolerance, row.reason
    if row.formula is not None:
        return row.formula.tolerance, row.formula.reason
    without_link = {k: v for k, v in row.tolerance.model_dump().items() if v is not None and k != "link_db"}
    if not without_link:
        raise ValueError(
            f"{row.id}: its tolerance is only that of the link, which does not apply to a formula: "
            "add a formula tolerance to the reference"
        )
    return Tolerance(**without_link), row.reason


def _deviations(row: Observed, ends: tuple[float, ...]) -> list[float]:
    """Return the signed distance of the simulated value from each published end [unit]; zero within limits."""
    if row.limits:
        low, high = row.ends
        return [min(ends[0] - low, 0.0), max(ends[0] - high, 0.0)]
    return [simulated - published for simulated, published in zip(ends, row.ends, strict=True)]


def _check_shape(scenario: str, row: Observed, simulated: Simulated) -> None:
    """Refuse a unit, or a number of ends, that differs from the published value's."""
    if simulated.unit != row.unit:
        raise ValueError(
            f"{scenario} {row.id}: simulated in {simulated.unit!r}, published in {row.unit!r}: convert to {row.unit!r}"
        )
    expected = 1 if row.limits else len(row.ends)
    # None means no answer, so it has no shape to check.
    if simulated.value is not None and len(simulated.ends) != expected:
        wanted = "one number" if expected == 1 else "[lowest, highest]"
        raise ValueError(f"{scenario} {row.id}: simulated={simulated.value} has another shape: give {wanted}")
    if simulated.ends[0] > simulated.ends[-1]:
        raise ValueError(f"{scenario} {row.id}: simulated={simulated.value} runs downwards: give the lowest first")


def _compare_one(scenario: str, row: Observed, simulated: Simulated | None) -> Row:
    """Compare one published value with its simulated one, if there is one."""
    role: Role = simulated.role if simulated else "predicted"
    tolerance, reason = _tolerance_of(row, role)
    ends: tuple[float, ...] | None = None
    missing = "not simulated"
    if simulated is not None:
        _check_shape(scenario, row, simulated)
        if any(map(math.isnan, simulated.ends)):
            missing = "the simulation gave no number (NaN)"
        else:
            ends = simulated.ends
    scatter = simulated.sigma if simulated else None
    sigma = None if row.published_sigma is None else combined_sigma(row.published_sigma, scatter)
    deviations = [0.0] * len(row.ends) if ends is None else _deviations(row, ends)
    widths = tuple(
        # A value exceeds the lower limit downwards and the upper limit upwards.
        tolerance_width(tolerance, published, end=end, upwards=end == 1 if row.limits else deviation >= 0, sigma=sigma)
        for end, (published, deviation) in enumerate(zip(row.ends, deviations, strict=True))
    )
    ratio = max(abs(deviation) / width for deviation, width in zip(deviations, widths, strict=True))
    contradiction = f"Contradiction: {row.contradiction}" if row.contradiction else ""
    return Row(
        scenario=scenario,
        id=row.id,
        published=row.ends,
        published_sigma=row.published_sigma,
        simulated=ends,
        simulated_sigma=None if ends is None else scatter,
        unit=row.unit,
        role=role,
        tolerance=widths,
        deviation_over_tolerance=math.nan if ends is None else ratio,
        reason=missing if ends is None else " ".join(filter(None, [reason, contradiction])),
        verdict="missing" if ends is None else "within" if ratio <= 1 + ROUNDING else "outside",
    )


def compare(reference: Reference, simulated: Mapping[str, Any]) -> list[Row]:
    """Compare simulated values with published ones.

    Parameters
    ----------
    reference : Reference
        Result of :func:`satqkd.validation.reference.load_reference`; its id names the scenario.
    simulated : mapping of str to Simulated, to a dict with its keys, or to a list of either
        By id. A list holds several roles of one value, such as a key length that is computed both from end to end and
        by a formula on the paper's own counts. Each role gives a row.

    Returns
    -------
    list of Row
        In the reference's order. A value that was not simulated has the verdict "missing".

    Raises
    ------
    ValueError
        An id is not among the observed values, a unit differs, or there is one number instead of a range.

    Notes
    -----
    Ranges are compared end by end, and the worst end decides. The deviation of a number from published limits is its
    distance beyond them.

    Examples
    --------
    >>> from satqkd.validation import load_reference
    >>> reference = load_reference("yin2017")
    >>> rows = compare(reference, {"chsh_s": {"value": 2.41, "sigma": 0.09}})
    >>> [(row.id, row.verdict) for row in rows if row.simulated]
    [('chsh_s', 'within')]
    """
    rows = observed(reference)
    for name in simulated:
        if name not in rows:
            hint = nearest(name, rows) or ": leave it out, or add it to the reference"
            raise ValueError(f"{reference.id} has no observed value {name!r}{hint}")
    return [
        _compare_one(reference.id, row, entry)
        for name, row in rows.items()
        for entry in _entries(simulated.get(name), f"{reference.id} {name}")
    ]


def _entries(given: Any, source: str) -> Sequence[Simulated | None]:
    """Return the records that are given for one id; None alone when there are none."""
    if given is None or (isinstance(given, Sequence) and not given):
        return [None]
    several = list(given) if isinstance(given, Sequence) else [given]
    entries = [one if isinstance(one, Simulated) else validated(Simulated, one, source) for one in several]
    if len({entry.role for entry in entries}) < len(entries):
        raise ValueError(f"{source}: two simulated values have the same role: keep one of them")
    return entries


def _compact(ends: tuple[float, ...] | None, digits: int) -> str:
    """Write one or two numbers for a reader, as in "645 to 1200"; whole numbers in full."""
    if ends is None:
        return ""
    whole = [float(end).is_integer() and abs(end) < 1e15 for end in ends]
    return " to ".join(str(int(e)) if w else f"{e:.{digits}g}" for e, w in zip(ends, whole, strict=True))


def table(rows: Iterable[Row]) -> pd.DataFrame:
    """Return rows as a table with one column per field of `Row`; a range's tolerance is written as two numbers.

    Examples
    --------
    >>> from satqkd.validation import load_reference
    >>> frame = table(compare(load_reference("yin2017"), {"chsh_s": {"value": 2.41}})).set_index("id")
    >>> frame.loc["chsh_s", ["published", "simulated", "verdict"]].tolist()
    ['2.37', '2.41', 'within']
    """
    frame = pd.DataFrame([asdict(row) for row in rows], columns=list(Row.__dataclass_fields__))
    frame["published"] = [_compact(ends, 15) for ends in frame["published"]]
    frame["simulated"] = [_compact(ends, 6) for ends in frame["simulated"]]
    frame["tolerance"] = [_tolerance_text(widths) for widths in frame["tolerance"]]
    return frame


def _tolerance_text(widths: tuple[float, ...]) -> str:
    return " and ".join(dict.fromkeys(f"{width:.4g}" for width in widths))


def read_known_deviations(path: str | Path) -> list[KnownDeviation]:
    """Read the deviations that have been explained.

    Parameters
    ----------
    path : str or Path
        YAML list of {scenario, id, reason}. Optional are arithmetic, and the role when only one of several rows is
        meant.

    Raises
    ------
    ValueError
        The file does not fit the schema, or lists a deviation twice.

    Examples
    --------
    >>> from satqkd.validation.reference import REFERENCE_FOLDER
    >>> all(one.reason for one in read_known_deviations(REFERENCE_FOLDER / "known_deviations.yaml"))
    True
    """
    raw = read_yaml(Path(path), "a list of known deviations") or []
    if not isinstance(raw, list):
        raise ValueError(f"{path}: is a {type(raw).__name__}: give a list of {{scenario, id, reason}}")
    known = [validated(KnownDeviation, entry, f"{path}: entry {n}") for n, entry in enumerate(raw, start=1)]
    keys = [(one.scenario, one.id, one.role) for one in known]
    for scenario, name, _ in (key for key in keys if keys.count(key) > 1):
        raise ValueError(f"{path}: {scenario} {name} is listed twice: keep one entry")
    return known


def _names(known: KnownDeviation, row: Row) -> bool:
    return (known.scenario, known.id) == (row.scenario, row.id) and known.role in (None, row.role)


def unexplained(rows: Iterable[Row], known: Sequence[KnownDeviation]) -> list[Row]:
    """Return the rows outside their tolerance that no known deviation names.

    Examples
    --------
    >>> from satqkd.validation import load_reference
    >>> rows = compare(load_reference("yin2017"), {"chsh_s": {"value": 3.0}})
    >>> [row.id for row in unexplained(rows, [])]
    ['chsh_s']
    """
    return [row for row in rows if row.verdict == "outside" and not any(_names(one, row) for one in known)]


def stale(rows: Iterable[Row], known: Sequence[KnownDeviation]) -> list[KnownDeviation]:
    """Return the known deviations that no longer deviate: each row that they name is within tolerance, or there is
    none.

    Only scenarios in `rows` are judged, since a run of one scenario does not tell about the others.

    Examples
    --------
    >>> from satqkd.validation import load_reference
    >>> rows = compare(load_reference("yin2017"), {"chsh_s": {"value": 2.41}})
    >>> known = KnownDeviation(scenario="yin2017", id="chsh_s", reason="once")
    >>> [one.id for one in stale(rows, [known])]
    ['chsh_s']
    """
    rows = list(rows)
    covered = {row.scenario for row in rows}
    return [
        one
        for one in known
        if one.scenario in covered and all(row.verdict == "within" for row in rows if _names(one, row))
    ]
