"""Stage 8: do the results agree with the published values?"""

import csv
import json
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from satqkd.files import finished, require_result
from satqkd.scenario import Scenario, ScenarioError
from satqkd.validation.compare import (
    KnownDeviation,
    Row,
    compare,
    read_known_deviations,
    stale,
    table,
    unexplained,
)
from satqkd.validation.reference import Reference, load_reference, observed

# Observables of an ideal apparatus, which follow from the paper's own inputs by a formula alone.
FORMULAS = ("detection.monitor_coincidence_rate", "fiber.ideal_rate", "fiber.ideal_years_per_bit", "orbit.baseline")


def gather(folder: str | Path) -> dict[str, dict]:
    """Return mean and standard deviation over the runs of every observable of a scenario.

    Parameters
    ----------
    folder : str or Path
        ``results/<scenario>``, with ``<stage>.observables.json`` in it and in each ``run<n>``.

    Returns
    -------
    dict
        ``stage.name`` to {value, unit, sigma}. The sigma is None where the observable does not depend on the run. A
        text is followed by the number of runs that have it, and is empty where no run has one.

    Raises
    ------
    MissingResult
        There are no results yet.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     for run, s in ((1, 2.40), (2, 2.44)):
    ...         (Path(folder) / f"run{run}").mkdir()
    ...         text = json.dumps({"chsh_s": {"value": s, "unit": "1"}})
    ...         _ = (Path(folder) / f"run{run}" / "bell.observables.json").write_text(text)
    ...     entry = gather(folder)["bell.chsh_s"]
    >>> round(entry["value"], 3), round(entry["sigma"], 3)
    (2.42, 0.028)
    """
    folder = Path(folder)
    require_result(folder)
    gathered = {}
    for path in sorted(folder.glob("*.observables.json")):
        for name, entry in json.loads(path.read_text()).items():
            gathered[f"{path.name.split('.')[0]}.{name}"] = entry | {"sigma": None}
    runs: dict[str, list] = {}
    for path in sorted(folder.glob("run*/*.observables.json")):
        for name, entry in json.loads(path.read_text()).items():
            runs.setdefault(f"{path.name.split('.')[0]}.{name}", []).append(entry)
    for name, entries in runs.items():
        if isinstance(entries[0]["value"], str):
            text = _counted([entry["value"] for entry in entries])
            gathered[name] = {"value": text, "unit": entries[0]["unit"], "sigma": None}
            continue
        values = np.array([entry["value"] for entry in entries], float)
        with np.errstate(invalid="ignore"):  # a run may have NaN or an infinite number
            # The sigma of a range is that of its noisier end.
            sigma = float(np.max(np.std(values, axis=0, ddof=1))) if len(entries) > 1 else None
        gathered[name] = {"value": np.mean(values, axis=0).tolist(), "unit": entries[0]["unit"], "sigma": sigma}
    return gathered


def _counted(texts: list[str]) -> str:
    """Return each text with the number of runs that have it."""
    found = Counter(filter(None, texts))
    return ", ".join(f"{text} in {count} of {len(texts)} runs" for text, count in found.most_common())


def without_key(gathered: dict[str, dict]) -> dict[str, str]:
    """Return why runs of a scenario gave no key, for its summary; empty where every run gave one.

    Parameters
    ----------
    gathered : dict
        Result of `gather` for one scenario.

    Returns
    -------
    dict
        ``no_key`` to the reason and the number of runs, or nothing.

    Examples
    --------
    >>> without_key({"key.no_key": {"value": "too few bits in 1 of 3 runs", "unit": "reason", "sigma": None}})
    {'no_key': 'too few bits in 1 of 3 runs'}
    """
    reason = gathered.get("key.no_key", {}).get("value")
    return {"no_key": reason} if reason else {}


def simulated_values(reference: Reference, scenario: Scenario, gathered: dict[str, dict[str, dict]]) -> dict[str, dict]:
    """Return the simulated value of each published one that names its observable.

    Parameters
    ----------
    reference : Reference
    scenario : Scenario
        Its calibrated parameters name the published values that they were fitted to.
    gathered : dict
        Results of `gather` by scenario.

    Returns
    -------
    dict
        Published id to {value, unit, sigma, role}.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> reference, scenario = load_reference("yin2017"), load_scenario("yin2017")
    >>> gathered = {"yin2017": {"bell.chsh_s": {"value": 2.41, "unit": "1", "sigma": 0.09}}}
    >>> simulated_values(reference, scenario, gathered)
    {'chsh_s': {'value': 2.41, 'unit': '1', 'sigma': 0.09, 'role': 'predicted'}}
    """
    result = {}
    for name, row in observed(reference).items():
        if row.simulated_by is None:
            continue
        needed = row.simulated_by.split(" - ")
        terms = [found for term in needed if (found := _entry(term, scenario.name, gathered)) is not None]
        if len(terms) < len(needed):
            continue
        value = terms[0]["value"] if len(terms) == 1 else terms[0]["value"] - terms[1]["value"]
        formula = row.simulated_by.rpartition("/")[2] in FORMULAS
        role = "calibrated" if name in scenario.fitted else "formula" if formula else "predicted"
        result[name] = {
            "value": tuple(value) if isinstance(value, list) else value,
            "unit": row.unit,
            "sigma": terms[0]["sigma"],
            "role": role,
        }
        _check_unit(f"{reference.id} {name}", row, terms[0])
    return result


def _entry(term: str, scenario: str, gathered: dict) -> dict | None:
    owner, _, name = term.rpartition("/")
    return gathered.get(owner or scenario, {}).get(name)


def _check_unit(what: str, row: Any, entry: dict) -> None:
    if entry["unit"] != row.unit:
        raise ValueError(f"{what}: published in {row.unit}, simulated in {entry['unit']}: give both the same unit")


def validate(
    references: dict[str, Reference], scenarios: dict[str, Scenario], gathered: dict, known: list[KnownDeviation]
) -> pd.DataFrame:
    """Return the validation table of all scenarios, one row for each published value.

    Returns
    -------
    pandas.DataFrame
        Columns of `satqkd.validation.compare.Row`. Where a known deviation explains the verdict "outside", the verdict
        is "listed", and the reason column has the reason and arithmetic of the deviation.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> scenario = load_scenario("yin2017")
    >>> gathered = {"yin2017": {"bell.chsh_s": {"value": 2.41, "unit": "1", "sigma": 0.09}}}
    >>> frame = validate({"yin2017": load_reference("yin2017")}, {"yin2017": scenario}, gathered, [])
    >>> frame[frame.verdict == "within"].id.tolist()
    ['chsh_s']
    """
    rows: list[Row] = []
    for name, reference in references.items():
        values = simulated_values(reference, scenarios[name], gathered) if name in gathered else {}
        # The name of a scenario may differ from that of its paper.
        rows += [replace(row, scenario=name) for row in compare(reference, values)]
    frame = table(rows)
    explained = {(k.scenario, k.id): " ".join(filter(None, [k.reason, k.arithmetic])) for k in known}
    unlisted = {(row.scenario, row.id) for row in unexplained(rows, known)}
    for index, row in frame.iterrows():
        key = (row.scenario, row.id)
        if row.verdict == "outside" and key not in unlisted:
            frame.loc[index, "verdict"] = "listed"
            frame.loc[index, "reason"] = f"{explained[key]} Tolerance: {row.reason}"
    for index, row in frame.iterrows():
        simulated_by = observed(references[row.scenario])[row.id].simulated_by or ""
        reason = without_key(gathered.get(row.scenario, {})).get("no_key")
        if reason and simulated_by.startswith("key."):
            frame.loc[index, "reason"] += f" No key: {reason}."
    for deviation in stale(rows, known):
        index = frame.index[(frame.scenario == deviation.scenario) & (frame.id == deviation.id)]
        frame.loc[index, "reason"] += " Listed in known_deviations.yaml, but not outside."
    return frame


def validate_results(results: str | Path, missions: dict[str, Scenario], references: str | Path) -> pd.DataFrame:
    """Return the validation table of the experiments whose results are in a folder, whole or in part.

    Parameters
    ----------
    results : str or Path
        The folder ``results``.
    missions : dict
        Scenarios by name; each names its reference.
    references : str or Path
        The folder ``data/reference``.
    """
    published = {name: load_reference(Path(references) / f"{one.reference}.yaml") for name, one in missions.items()}
    gathered = {name: gather(Path(results) / name) for name in missions}
    return validate(published, missions, gathered, read_known_deviations(Path(references) / "known_deviations.yaml"))


def save_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write the table as CSV, numbers to six digits.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     save_table(pd.DataFrame({"id": ["qber"], "simulated": [0.0812345678]}), Path(folder) / "table.csv")
    ...     print((Path(folder) / "table.csv").read_text())
    id,simulated
    qber,0.0812346
    """
    with finished(path) as draft, draft.open("w", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(frame.columns)
        for row in frame.itertuples(index=False):
            writer.writerow([_shown(value) for value in row])


def _shown(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


TABLE_COLUMNS = ("scenario", "id", "role", "deviation_over_tolerance", "verdict")


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a validation table; raise one sentence (`ScenarioError`) where the file is not one.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> row = {name: ["x"] for name in TABLE_COLUMNS}
    >>> with TemporaryDirectory() as folder:
    ...     save_table(pd.DataFrame(row), Path(folder) / "table.csv")
    ...     frame = read_table(Path(folder) / "table.csv")
    >>> frame.shape
    (1, 5)
    """
    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError) as error:  # the errors of pandas are among them
        raise ScenarioError(f"{path}: cannot be read ({type(error).__name__}): give results/validation.csv") from None
    if missing := [name for name in TABLE_COLUMNS if name not in frame]:
        raise ScenarioError(
            f"{path}: has no column {missing[0]}: give results/validation.csv, which make results writes"
        )
    return frame


def tally(frame: pd.DataFrame) -> pd.DataFrame:
    """Count the rows by role and verdict.

    Examples
    --------
    >>> frame = pd.DataFrame({"role": ["predicted", "formula"], "verdict": ["within", "within"]})
    >>> int(tally(frame).loc["predicted", "within"])
    1
    """
    return pd.crosstab(frame.role, frame.verdict)
