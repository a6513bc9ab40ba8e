"""Tabulate the outcomes of stages next to the published values. No stage uses them."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from satqkd.files import require_result
from satqkd.scenario import Scenario
from satqkd.tables.table import Table
from satqkd.validation.compare import read_known_deviations
from satqkd.validation.reference import Reference, load_reference, observed
from satqkd.validation.stage import PRINTED, gather, tally, validate

KNOWN_DEVIATIONS = "known_deviations.yaml"
UNITS = {"1": "", "us": "µs"}
PREDICTED, MEAN = "predicted [68 %]", "mean of the runs"
ONE_STAGE = ("outcome", "published", "simulated", "unit", "deviation (%)")


def display_beside_published(results: str | Path, scenario: Scenario, references: str | Path) -> Table:
    """Tabulate the outcomes of a stage, or of all stages, next to the published values. It only displays.

    Parameters
    ----------
    results : str or Path
        The ``<stage>.observables.json`` of one stage; or the folder ``results/<scenario>`` for all stages, with mean
        and standard deviation over the runs.
    scenario : Scenario
    references : str or Path
        Folder of the published values and of the known deviations.

    Returns
    -------
    Table
        For all stages the columns of `verdict_table`; for one stage, whose single run has no spread to judge by, the
        columns outcome, published, simulated, unit and "deviation (%)". Published values that have a result come first,
        in the reference's order, then all outcomes without a published value. A scenario without a reference has only
        the columns outcome, simulated and unit.

    Raises
    ------
    MissingResult
        There are no results yet.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from satqkd import load_scenario
    >>> from satqkd.validation.reference import REFERENCE_FOLDER
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "bell.observables.json"
    ...     _ = path.write_text(json.dumps({"chsh_s": {"value": 2.41, "unit": "1"}}))
    ...     table = display_beside_published(path, load_scenario("yin2017"), REFERENCE_FOLDER)
    >>> table[["outcome", "published", "simulated"]].values.tolist()
    [['chsh_s', '2.37 ± 0.09', '2.41']]
    """
    seen = _observables(Path(results))
    if not scenario.reference:
        return _others(seen)
    reference = load_reference(Path(references) / f"{scenario.reference}.yaml")
    known = read_known_deviations(Path(references) / KNOWN_DEVIATIONS)
    frame = validate({scenario.name: reference}, {scenario.name: scenario}, {scenario.name: seen}, known)
    terms = _answered(reference, seen)
    used = {term for names in terms.values() for term in names}
    others = _others({name: entry for name, entry in seen.items() if name not in used})
    shown = verdict_table(frame[frame.id.isin(terms)])
    if Path(results).is_dir():
        others = others.rename(columns={"simulated": MEAN}).assign(verdict="not compared")
    else:
        shown = Table(shown.rename(columns={MEAN: "simulated"})[list(ONE_STAGE)])
    return Table(pd.concat([part for part in (shown, others) if len(part)] or [shown], ignore_index=True))


def verdict_table(frame: pd.DataFrame) -> Table:
    """Tabulate the rows of a validation table for a reader.

    Parameters
    ----------
    frame : pandas.DataFrame
        Result of `satqkd.validation.validate`.

    Returns
    -------
    Table
        Columns outcome, published, "predicted [68 %]", "mean of the runs", unit, z, "deviation (%)", role, verdict, and
        remark, the reason for a listed or missing value.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.validation import load_reference, validate
    >>> seen = {"yin2017": {"bell.chsh_s": {"value": 2.41, "unit": "1", "sigma": 0.09}}}
    >>> frame = validate({"yin2017": load_reference("yin2017")}, {"yin2017": load_scenario("yin2017")}, seen, [])
    >>> verdict_table(frame).set_index("outcome").loc["chsh_s", ["published", PREDICTED, MEAN]].tolist()
    ['2.37 ± 0.09', '2.41 [2.32, 2.5]', '2.41 ± 0.09']
    """
    remarked = frame.verdict.isin(["listed", "missing"])
    columns = {
        "outcome": frame.id,
        "published": [with_sigma(*pair) for pair in zip(frame.published, frame.published_sigma, strict=True)],
        PREDICTED: [with_interval(*three) for three in zip(frame["median"], frame.low, frame.high, strict=True)],
        MEAN: [with_sigma(*pair) for pair in zip(frame.simulated, frame.simulated_sigma, strict=True)],
        "unit": frame.unit.replace(UNITS),
        "z": frame.z,
        "deviation (%)": 100 * frame.relative_deviation,
        "role": frame.role,
        "verdict": frame.verdict,
        "remark": frame.reason.str.split(PRINTED).str[0].where(remarked, ""),
    }
    return Table(Table(columns).reset_index(drop=True))


def verdict_counts(frame: pd.DataFrame) -> Table:
    """Count the verdicts of a validation table, or of a `verdict_table`, by role.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.validation import load_reference, validate
    >>> seen = {"yin2017": {"bell.chsh_s": {"value": 2.41, "unit": "1", "sigma": 0.09}}}
    >>> frame = validate({"yin2017": load_reference("yin2017")}, {"yin2017": load_scenario("yin2017")}, seen, [])
    >>> verdict_counts(frame)[["role", "within"]].values.tolist()
    [['predicted', 1]]
    """
    judged = frame[frame.verdict != "not compared"]
    return Table(tally(judged).reset_index().rename_axis(columns=None))


def with_sigma(value: Any, sigma: Any) -> str:
    """Return a value with its standard deviation as text, and a dash where there is no value.

    Examples
    --------
    >>> with_sigma("2.37", 0.09)
    '2.37 ± 0.09'
    """
    if pd.isna(value) or value == "":
        return "–"
    return str(value) if pd.isna(sigma) or sigma == "" else f"{value} ± {float(sigma):.2g}"


def with_interval(median: Any, low: Any, high: Any) -> str:
    """Return each number of a prediction with its interval as text, and a dash for a missing number.

    Parameters
    ----------
    median, low, high : str or float
        Of the validation table; two numbers of a range are written as "64 to 82".

    Examples
    --------
    >>> with_interval("5406.6", "5366.3", "5446.9"), with_interval("1203.3", "1203.3", "1203.3")
    ('5407 [5366, 5447]', '1203')
    """
    if pd.isna(median) or median == "":
        return "–"
    texts = []
    for value, below, above in zip(*(str(ends).split(" to ") for ends in (median, low, high)), strict=True):
        interval = "" if below == above else f" [{_short(below)}, {_short(above)}]"
        texts.append(_short(value) + interval)
    return " to ".join(texts)


def _short(number: str) -> str:
    """Write a number to four digits, and the digits before the point in full."""
    value = float(number)
    return f"{value:.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"


def _observables(results: Path) -> dict[str, dict[str, Any]]:
    """Read observables by ``stage.name``."""
    require_result(results)
    if results.is_dir():
        return gather(results)
    stage = results.name.partition(".")[0]
    return {f"{stage}.{name}": entry | {"sigma": None} for name, entry in json.loads(results.read_text()).items()}


def _answered(reference: Reference, seen: dict[str, Any]) -> dict[str, list[str]]:
    """Return the observables of each published value for which all observables are given."""
    terms = {name: row.simulated_by.split(" - ") for name, row in observed(reference).items() if row.simulated_by}
    return {name: needed for name, needed in terms.items() if set(needed) <= seen.keys()}


def _others(seen: dict[str, Any]) -> Table:
    """Tabulate observables alone, without those that are an empty text."""
    rows = [
        (
            name.partition(".")[2],
            with_sigma(_text(entry["value"]), entry["sigma"]),
            UNITS.get(entry["unit"], entry["unit"]),
        )
        for name, entry in seen.items()
        if entry["value"] != ""
    ]
    return Table(rows, columns=["outcome", "simulated", "unit"])


def _text(value: Any) -> str:
    """Write a number, or the two ends of a range, to six digits."""
    if isinstance(value, list):
        return " to ".join(map(_text, value))
    return value if isinstance(value, str) else f"{value:.6g}"
