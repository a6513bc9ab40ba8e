"""Compare published with predicted values: one row per value, with z, relative deviation, width and verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd
from pydantic import Field

from satqkd.scenario.reading import read_yaml
from satqkd.validation.reference import Closed, Observed, Reference, nearest, observed, validated

Role = Literal["predicted", "calibrated", "formula"]

# Values with |z| of at most this agree.
AGREES = 2.0
# A value exactly on a bound is within, although 7.65 - 7.6 exceeds 0.05 by a few units in the last place.
ROUNDING = 1e-9
# Half-width of an interval of 95 %, in standard deviations of a normal distribution.
HALF_OF_95 = 1.96

Verdict = Literal["within", "vague", "listed", "outside", "missing"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


class Simulated(Closed):
    """A simulated value, to be compared with a published one.

    Attributes
    ----------
    value : float or pair of float
        Median of the predictive distribution, or mean of the runs; for a range lowest and highest [unit]. NaN or None
        when the simulation has no answer.
    unit : str
        Has to be that of the published value.
    low, high : float or pair of float, optional
        Ends of the interval that has 68 % of the predictive distribution, one for each number of the value [unit].
        Without them the interval is one `sigma` to either side.
    mean : float or pair of float, optional
        Mean of the runs, where `value` is another number [unit].
    counting : float
        Standard deviation of the prediction by counting alone, with all values known, of the wider end [unit].
    sigma : float, optional
        Standard deviation over the runs [unit]; None where the value does not depend on the run, NaN where it does but
        its spread is not known.
    role : {"predicted", "calibrated", "formula"}
        "formula" marks a value that follows from printed inputs alone.
    """

    value: float | tuple[float, float] | None
    unit: str = "1"
    low: float | tuple[float, float] | None = None
    high: float | tuple[float, float] | None = None
    mean: float | tuple[float, float] | None = None
    counting: float = 0.0
    sigma: float | None = None
    role: Role = "predicted"

    @property
    def ends(self) -> tuple[float, ...]:
        """Return the value as a tuple: one number, or the two ends of the range [unit]; NaN without an answer."""
        return _as_ends(self.value)

    @property
    def means(self) -> tuple[float, ...]:
        """Return the mean of the runs as a tuple [unit]."""
        return self.ends if self.mean is None else _as_ends(self.mean)

    @property
    def intervals(self) -> tuple[tuple[float, float], ...]:
        """Return the interval of 68 % of each number [unit]."""
        if self.low is not None and self.high is not None:
            return tuple(zip(_as_ends(self.low), _as_ends(self.high), strict=True))
        spread = self.sigma or 0.0
        return tuple((end - spread, end + spread) for end in self.ends)


def _as_ends(value: float | tuple[float, float] | None) -> tuple[float, ...]:
    value = math.nan if value is None else value
    return value if isinstance(value, tuple) else (value,)


@dataclass(frozen=True)
class Row:
    """One row of the validation table. What has one number for each end of a range is a tuple.

    Attributes
    ----------
    published_sigma : float or None
        The paper's own standard deviation [unit].
    half_width : tuple of float
        How far the true value may lie from the printed one, where the paper prints no standard deviation [unit].
    median, low, high : tuple of float or None
        Predictive distribution: median, and the ends of the interval of 68 % [unit].
    simulated : tuple of float or None
        Mean of the runs [unit].
    z : float
        Median less published value in standard deviations of both together; of a range the end farther off.
    relative_deviation : float
        The same difference as a fraction, see `Kind.fraction`.
    relative_width : float
        Half-width of the interval of 95 % of that difference, as a fraction; of a range the wider one.
    least_width : float
        The same by printing and counting alone, with all values of the model known: no model can be narrower.
    """

    scenario: str
    id: str
    published: tuple[float, ...]
    published_sigma: float | None
    half_width: tuple[float, ...]
    median: tuple[float, ...] | None
    low: tuple[float, ...] | None
    high: tuple[float, ...] | None
    simulated: tuple[float, ...] | None
    simulated_sigma: float | None
    unit: str
    role: Role
    z: float
    relative_deviation: float
    relative_width: float
    least_width: float
    reason: str
    verdict: Verdict


class KnownDeviation(Closed):
    """A row that is outside for a known reason; it stays outside where the reason is that our model is short."""

    scenario: str
    id: str
    reason: str = Field(min_length=1)
    arithmetic: str | None = None
    role: Role | None = None
    model_short: bool = False


def combined_sigma(published_sigma: float, spread: float, *, counted: bool) -> float:
    """Return the standard deviation of the difference between a predicted and a published value.

    Parameters
    ----------
    published_sigma : float
        Standard deviation of the published value [unit].
    spread : float
        Standard deviation of the prediction, with the counting noise of one experiment [unit].
    counted : bool
        Whether `published_sigma` is the paper's own, that is the counting noise of one experiment. It is then in both
        numbers, so the larger one counts. Rounding is independent of it and is added in quadrature.

    Examples
    --------
    >>> combined_sigma(0.3, 0.4, counted=False), combined_sigma(0.3, 0.4, counted=True)
    (0.5, 0.4)
    """
    return max(published_sigma, spread) if counted else math.hypot(published_sigma, spread)


@dataclass(frozen=True)
class Deviation:
    """How far one number of a prediction is from the published one, with the attributes of `Row`."""

    z: float
    relative_deviation: float
    relative_width: float


def deviations(row: Observed, simulated: Simulated) -> tuple[Deviation, ...]:
    """Compare each published number with its prediction.

    Parameters
    ----------
    row : Observed
    simulated : Simulated
        With as many numbers as `row`; one number for limits.

    Returns
    -------
    tuple of Deviation
        One for each published number. Within printed limits z is zero, and the width is that of the prediction alone,
        relative to it: a limit has no width.

    Examples
    --------
    >>> from satqkd.validation import load_reference
    >>> row = observed(load_reference("yin2017"))["attenuation_two_downlink"]
    >>> low, _ = deviations(row, Simulated(value=(64.5, 82.0), unit="dB", sigma=0.3))
    >>> round(low.z, 2), round(low.relative_deviation, 2), round(low.relative_width, 2)
    (1.2, 0.12, 0.21)
    """
    values, intervals = simulated.ends, simulated.intervals
    if row.limits:
        values, intervals = values * 2, intervals * 2
    bounds = zip(row.ends, row.sigmas, values, intervals, (-1, 1), strict=False)
    return tuple(
        _deviation(row, published, sigma, value=value, interval=interval, side=side)
        for published, sigma, value, interval, side in bounds
    )


def _deviation(
    row: Observed, published: float, sigma: float, *, value: float, interval: tuple[float, float], side: int
) -> Deviation:
    """Compare one number; `side` is -1 for the lower limit and 1 for the upper one."""
    low, high = interval
    difference = value - published
    if row.limits:
        difference = max(difference, 0.0) if side > 0 else min(difference, 0.0)
    if math.isinf(difference):
        return Deviation(difference, difference, math.inf)
    # A distribution may be skew: the side of it that faces the published value counts.
    facing = value - low if difference > 0 else high - value
    counted = row.sigma is not None
    together = combined_sigma(sigma, facing, counted=counted)
    half = (high - low) / 2
    width = HALF_OF_95 * (half if row.limits else combined_sigma(sigma, half, counted=counted))
    # A zero has no fractions: the other end of its range stands for the scale.
    scale = (value if row.limits else published) or max(map(abs, row.ends))
    return Deviation(
        z=difference / together,
        relative_deviation=row.kind.fraction(difference, scale),
        relative_width=row.kind.fraction(width, scale),
    )


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
    missing = "not simulated"
    found: tuple[Deviation, ...] = ()
    if simulated is not None:
        _check_shape(scenario, row, simulated)
        if any(map(math.isnan, simulated.ends)):
            missing = "The simulation gave no number (NaN)."
        elif any(math.isnan(end) for interval in simulated.intervals for end in interval):
            missing = "One run has no scatter, and there is no predictive distribution."
        else:
            found = deviations(row, simulated)
    answered = simulated if found else None
    farthest = max(found, key=lambda one: abs(one.z), default=Deviation(math.nan, math.nan, math.nan))
    width = max((one.relative_width for one in found), default=math.nan)
    least = min(width, _least_width(row, simulated)) if simulated and found else math.nan
    lows, highs = zip(*answered.intervals, strict=True) if answered else (None, None)
    contradiction = f"Contradiction: {row.contradiction}" if row.contradiction else None
    return Row(
        scenario=scenario,
        id=row.id,
        published=row.ends,
        published_sigma=row.sigma,
        half_width=() if row.sigma else row.half_widths,
        median=answered.ends if answered else None,
        low=lows,
        high=highs,
        simulated=answered.means if answered else None,
        simulated_sigma=answered.sigma if answered else None,
        unit=row.unit,
        role=simulated.role if simulated else "predicted",
        z=farthest.z,
        relative_deviation=farthest.relative_deviation,
        relative_width=width,
        least_width=least,
        reason=" ".join(filter(None, [_precision(row, least), row.note, contradiction])) if found else missing,
        verdict=verdict_of(farthest.z, width, widest=row.kind.widest),
    )


def verdict_of(z: float, relative_width: float, *, widest: float) -> Verdict:
    """Return the verdict on a row, before known deviations are considered.

    Parameters
    ----------
    z, relative_width : float
        As in `Row`; NaN without a simulated value.
    widest : float
        Largest width at which agreement reproduces something, see `Kind`.

    Examples
    --------
    >>> verdict_of(1.5, 0.1, widest=0.25), verdict_of(1.5, 0.4, widest=0.25), verdict_of(-3.0, 0.4, widest=0.25)
    ('within', 'vague', 'outside')
    """
    if math.isnan(z):
        return "missing"
    if abs(z) > AGREES + ROUNDING:
        return "outside"
    return "within" if relative_width <= widest + ROUNDING else "vague"


def _least_width(row: Observed, simulated: Simulated) -> float:
    """Return the relative width by printing and counting alone."""
    spread = simulated.counting
    alone = simulated.model_copy(
        update={
            "low": tuple(end - spread for end in simulated.ends),
            "high": tuple(end + spread for end in simulated.ends),
        }
    )
    return max(one.relative_width for one in deviations(row, alone))


def _precision(row: Observed, least_width: float) -> str:
    """Return in words how precisely the paper gives the value, and whether any model could be narrow enough."""
    printed, alone = _printed(row)
    if alone > row.kind.widest:
        return f"{printed} That alone makes it vague: {alone:.0%}."
    if least_width > row.kind.widest:
        return f"{printed} With the counting noise of one experiment that alone makes it vague: {least_width:.0%}."
    return printed


def _printed(row: Observed) -> tuple[str, float]:
    """Return in words how precisely the paper gives the value, and the relative width by that alone."""
    exact = Simulated(value=row.ends[0] if row.limits else row.value, unit=row.unit)
    alone = max(one.relative_width for one in deviations(row, exact))
    if row.sigma is not None:
        return "The paper prints its standard deviation.", alone
    widths = _width_text(row.half_widths)
    if row.approx:
        words = f"Printed as about, or read off a figure: known to {widths}."
    else:
        words = f"Half a unit of the last printed digit: {widths}."
    return words, alone


def compare(reference: Reference, simulated: Mapping[str, Any]) -> list[Row]:
    """Compare simulated values with published ones.

    Parameters
    ----------
    reference : Reference
        Result of :func:`satqkd.validation.reference.load_reference`; its id names the scenario.
    simulated : mapping of str to Simulated, to a dict with its keys, or to a list of either
        By id. A list holds several roles of one value; each gives a row.

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
    Ranges are compared end by end: the end with the larger z and the one with the larger width decide. The deviation of
    a number from published limits is its distance beyond them.

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
    """Return rows as a table with one column per field of `Row`; a range is written as two numbers.

    Examples
    --------
    >>> from satqkd.validation import load_reference
    >>> frame = table(compare(load_reference("yin2017"), {"chsh_s": {"value": 2.41}})).set_index("id")
    >>> frame.loc["chsh_s", ["published", "simulated", "verdict"]].tolist()
    ['2.37', '2.41', 'within']
    """
    frame = pd.DataFrame([asdict(row) for row in rows], columns=list(Row.__dataclass_fields__))
    frame["published"] = [_compact(ends, 15) for ends in frame["published"]]
    frame["half_width"] = [_width_text(widths) for widths in frame["half_width"]]
    for name in ("median", "low", "high", "simulated"):
        frame[name] = [_compact(ends, 6) for ends in frame[name]]
    return frame


def _width_text(widths: tuple[float, ...]) -> str:
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
    """Return the rows that are outside and that no known deviation names.

    Examples
    --------
    >>> from satqkd.validation import load_reference
    >>> rows = compare(load_reference("yin2017"), {"chsh_s": {"value": 3.0}})
    >>> [row.id for row in unexplained(rows, [])]
    ['chsh_s']
    """
    return [row for row in rows if row.verdict == "outside" and not any(_names(one, row) for one in known)]


def stale(rows: Iterable[Row], known: Sequence[KnownDeviation]) -> list[KnownDeviation]:
    """Return the known deviations that no longer deviate: no row that they name is outside.

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
        if one.scenario in covered and all(row.verdict in ("within", "vague") for row in rows if _names(one, row))
    ]
