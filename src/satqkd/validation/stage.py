"""Stage 8: do the results agree with the published values?"""

import csv
import json
import math
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import chi2

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
from satqkd.validation.kinds import kind_of
from satqkd.validation.reference import Reference, load_reference, observed

# Observables of an ideal apparatus, which follow from the paper's own inputs by a formula alone.
FORMULAS = ("detection.monitor_coincidence_rate", "fiber.ideal_rate", "fiber.ideal_years_per_bit", "orbit.baseline")

PREDICTIVE = "predictive.nc"
# Between the reason of a known deviation and how precisely the paper gives the value.
PRINTED = " Printed: "
# The probabilities below and above the interval of one standard deviation of a normal distribution, 68 %.
LOW, HIGH = 0.15866, 0.84134


def gather(folder: str | Path) -> dict[str, dict]:
    """Return mean and standard deviation over the runs of every observable of a scenario.

    Parameters
    ----------
    folder : str or Path
        ``results/<scenario>``, with ``<stage>.observables.json`` in it and in each ``run<n>``.

    Returns
    -------
    dict
        ``stage.name`` to {value, unit, sigma}. The sigma is None where the observable does not depend on the run, and
        NaN where there is one run. A text is followed by the number of runs that have it, and is empty where no run has
        one. Where ``predictive.nc`` has the observable, ``draws`` is its predictive distribution: an array of shape
        (draw,), or (draw, 2) for a range, and ``counting`` the standard deviation by counting alone, of the wider end.

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
            sigma = float(np.max(np.std(values, axis=0, ddof=1))) if len(entries) > 1 else math.nan
        gathered[name] = {"value": np.mean(values, axis=0).tolist(), "unit": entries[0]["unit"], "sigma": sigma}
    return _with_draws(gathered, folder / PREDICTIVE)


def _with_draws(gathered: dict[str, dict], path: Path) -> dict[str, dict]:
    """Add the draws of the predictive distribution, where there are any."""
    if not path.is_file():
        return gathered
    with xr.open_dataset(path) as predictive:
        for name in gathered.keys() & {str(name) for name in predictive.data_vars}:
            found = predictive[name]
            if found.attrs["units"] != gathered[name]["unit"]:
                raise ValueError(
                    f"{path}: {name} is in {found.attrs['units']!r}, its observable in {gathered[name]['unit']!r}: "
                    "make both again"
                )
            gathered[name]["draws"] = found.transpose("draw", ...).values
            gathered[name]["counting"] = float(np.max(found.attrs.get("counting_sigma", 0.0)))
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
        Published id to {value, unit, sigma, role}, with the predictive distribution also {low, high, mean}; as
        `Simulated` takes them.

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
        formula = row.simulated_by.rpartition("/")[2] in FORMULAS
        role = "calibrated" if name in scenario.fitted else "formula" if formula else "predicted"
        mean = _difference([np.asarray(term["value"], float) for term in terms])
        result[name] = {"value": _plain(mean), "unit": row.unit, "sigma": terms[0]["sigma"], "role": role}
        if all("draws" in term for term in terms):
            low, median, high = _quantiles(_difference([term["draws"] for term in terms]))
            result[name] |= {"value": median, "low": low, "high": high, "mean": _plain(mean)}
            result[name]["counting"] = math.hypot(*(term["counting"] for term in terms))
        _check_unit(f"{reference.id} {name}", row, terms[0])
    return result


def _difference(terms: list[np.ndarray]) -> np.ndarray:
    return terms[0] if len(terms) == 1 else terms[0] - terms[1]


def _plain(value: np.ndarray) -> float | tuple[float, ...]:
    return tuple(value.tolist()) if value.ndim else float(value)


def _quantiles(draws: np.ndarray) -> list[float | tuple[float, ...]]:
    """Return the ends of the interval of 68 % and the median between them, over the draws that have a number."""
    if np.isnan(draws).all():
        return [math.nan] * 3
    # The nearest draw, since nothing lies between two infinite ones.
    return [_plain(np.nanquantile(draws, share, axis=0, method="nearest")) for share in (LOW, 0.5, HIGH)]


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
        is "listed", and the reason column has the reason and arithmetic of the deviation. Where our model is short the
        reason is given too, and the row stays outside.

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
    short = {(k.scenario, k.id) for k in known if k.model_short}
    unlisted = {(row.scenario, row.id) for row in unexplained(rows, known)}
    for index, row in frame.iterrows():
        key = (row.scenario, row.id)
        if row.verdict == "outside" and key not in unlisted:
            frame.loc[index, "verdict"] = "outside" if key in short else "listed"
            frame.loc[index, "reason"] = f"{explained[key]}{PRINTED}{row.reason}"
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


TABLE_COLUMNS = ("scenario", "id", "role", "z", "relative_deviation", "relative_width", "verdict")


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
    (1, 7)
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


@dataclass(frozen=True)
class ChiSquared:
    """Sum of squared z over rows, and the probability of at least this sum if the predictions hold.

    Attributes
    ----------
    value : float
    rows : int
    probability : float
        Of a chi-squared distribution with as many degrees of freedom as rows. Rows of one scenario share its
        parameters, so the true probability is less extreme.
    """

    value: float
    rows: int
    probability: float

    @property
    def words(self) -> str:
        """Return the numbers as text."""
        return f"χ² = {self.value:.4g} over {self.rows} rows (probability {self.probability:.2g})"


def judged(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that are predictions and have a z: neither calibrated nor formulas.

    Rows with z of exactly zero are left out: they lie within printed limits, or both are the same whole number.

    Examples
    --------
    >>> judged(pd.DataFrame({"role": ["predicted", "formula"], "z": [0.5, 0.1]})).z.tolist()
    [0.5]
    """
    return frame[(frame.role == "predicted") & frame.z.notna() & (frame.z != 0)]


def chi_squared(frame: pd.DataFrame) -> ChiSquared:
    """Return chi squared of the predicted rows of a validation table, those that are listed or outside included.

    Examples
    --------
    >>> found = chi_squared(pd.DataFrame({"role": ["predicted"] * 2, "z": [1.0, -1.0]}))
    >>> found.value, found.rows, round(found.probability, 3)
    (2.0, 2, 0.368)
    """
    z = judged(frame).z.to_numpy(float)
    value = float(np.sum(z**2))
    return ChiSquared(value, len(z), float(chi2.sf(value, len(z))) if len(z) else math.nan)


def agreement_of_all(frame: pd.DataFrame) -> str:
    """Return chi squared of all predicted rows, and of those that are not listed, as one sentence.

    Examples
    --------
    >>> frame = pd.DataFrame({"role": "predicted", "z": [1.0, -9.0], "verdict": ["within", "listed"]})
    >>> agreement_of_all(frame)
    'χ² = 82 over 2 rows (probability 1.6e-18); without those listed χ² = 1 over 1 rows (probability 0.32)'
    """
    return f"{chi_squared(frame).words}; without those listed {chi_squared(frame[frame.verdict != 'listed']).words}"


def vague_for_any_model(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the vague rows that printing and counting noise alone make too wide to reproduce the value.

    Examples
    --------
    >>> frame = pd.DataFrame({"verdict": ["vague", "vague"], "unit": ["1", "1"], "least_width": [0.5, 0.1]})
    >>> len(vague_for_any_model(frame))
    1
    """
    widest = frame.unit.map(lambda unit: kind_of(str(unit)).widest)
    return frame[(frame.verdict == "vague") & (frame.least_width.astype(float) > widest)]


def verdicts_that_moved(frame: pd.DataFrame, committed: pd.DataFrame) -> list[str]:
    """Return a sentence for each row whose verdict is not the committed one; rows of other scenarios do not count.

    Examples
    --------
    >>> then = pd.DataFrame({"scenario": ["a"], "id": ["qber"], "role": ["predicted"], "verdict": ["within"]})
    >>> verdicts_that_moved(then.assign(verdict="outside"), then)
    ['a qber predicted: within in the committed table, outside now']
    """
    key = ["scenario", "id", "role"]
    now = frame.set_index(key).verdict
    then = committed[committed.scenario.isin(frame.scenario)].set_index(key).verdict
    both = pd.DataFrame({"then": then, "now": now}).reindex([*then.index, *now.index.difference(then.index)])
    return [
        f"{' '.join(name)}: {row.then} in the committed table, {row.now} now"
        for name, row in both.fillna("not there").iterrows()
        if row.then != row.now
    ]
