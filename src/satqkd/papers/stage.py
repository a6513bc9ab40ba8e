"""Every figure of a paper: its table as CSV, its drawing, and how far it lies from what is printed."""

from pathlib import Path

import pandas as pd

from satqkd.files import save_csv
from satqkd.papers import survey
from satqkd.papers.catalogue import CATALOGUE
from satqkd.papers.results import Results
from satqkd.plot import save_figure
from satqkd.scenario import Scenario
from satqkd.validation.compare import Row, compare, table
from satqkd.validation.reference import Reference


def figure_tables(results: Results) -> dict[str, pd.DataFrame]:
    """Return the data behind each figure of the scenario's paper, by the figure's id.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from satqkd import load_scenario
    >>> from satqkd.stages import run_stages
    >>> mission = load_scenario("tiangong2").replaced({"orbit.max_duration_s": 4})
    >>> from satqkd.papers import read_results
    >>> with TemporaryDirectory() as folder:
    ...     results = run_stages(mission, folder, seed=1)
    ...     tables = figure_tables(read_results(mission, folder))
    >>> {name: len(table) for name, table in tables.items()}
    {'table_1': 4, 'fig_2a': 4, 'fig_2b': 4, 'fig_2c': 0}
    """
    assert results.scenario.reference is not None
    return {name: figure.table(results) for name, figure in CATALOGUE[results.scenario.reference].items()}


def observables(tables: dict[str, pd.DataFrame], reference: Reference) -> dict[str, tuple[float | list[float], str]]:
    """Return what only a survey of many orbits says of published values: name to (value, unit).

    Examples
    --------
    >>> from satqkd.validation import load_reference
    >>> observables({"ed_fig_1": pd.DataFrame()}, load_reference("yin2020"))
    {}
    """
    surveys = (name for name, figure in CATALOGUE[reference.id].items() if figure.table is survey.orbits)
    return {key: entry for name in surveys for key, entry in survey.observables(tables[name]).items()}


def deviations(tables: dict[str, pd.DataFrame], scenario: Scenario, reference: Reference) -> pd.DataFrame:
    """Compare what the tables say with the published values.

    Parameters
    ----------
    tables : dict
        By the figure's id, of `figure_tables`.
    scenario : Scenario
        Its calibrated parameters say which published values they were fitted to.
    reference : Reference

    Returns
    -------
    pandas.DataFrame
        Columns figure, title, scenario, id, published, published_sigma, half_width, simulated, simulated_sigma, unit,
        role and relative_deviation; a row for each published value that a figure shows. There is no z and no verdict,
        since a table has no predictive distribution.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from satqkd import load_scenario
    >>> from satqkd.stages import run_stages
    >>> mission = load_scenario("tiangong2").replaced({"orbit.max_duration_s": 4})
    >>> from satqkd.papers import read_results
    >>> from satqkd.validation import load_reference
    >>> with TemporaryDirectory() as folder:
    ...     results = run_stages(mission, folder, seed=1)
    ...     tables = figure_tables(read_results(mission, folder))
    >>> frame = deviations(tables, mission, load_reference("tiangong2"))
    >>> frame[["figure", "id", "unit"]].iloc[0].tolist()
    ['table_1', 'acquisition_time', 's']
    """
    parts = []
    for name, figure in CATALOGUE[reference.id].items():
        rows = _compared(figure.values(tables[name]), reference, scenario.fitted)
        frame = table(rows).drop(columns=["median", "low", "high", "z", "relative_width", "reason", "verdict"])
        frame["scenario"] = scenario.name
        frame.insert(0, "title", figure.title)
        frame.insert(0, "figure", name)
        parts += frame.to_dict("records")
    return pd.DataFrame(parts)


def _compared(values: dict, reference: Reference, fitted: set[str]) -> list[Row]:
    """Return rows of the comparison for a table: id to a number, a range, or {value, sigma}, in published units."""
    units = {value.id: value.unit for value in reference.values}
    simulated = {}
    for name, entry in values.items():
        entry = entry if isinstance(entry, dict) else {"value": entry}
        number, sigma = entry["value"], entry.get("sigma")
        simulated[name] = {
            "value": tuple(map(float, number)) if isinstance(number, tuple) else float(number),
            "unit": units[name],
            "sigma": None if sigma is None else float(sigma),
            "role": "calibrated" if name in fitted else "predicted",
        }
    return [row for row in compare(reference, simulated) if row.id in simulated]


def draw_figures(tables: dict[str, pd.DataFrame], reference: Reference, folder: str | Path) -> dict:
    """Draw every figure as SVG and PNG, and save the table behind each as CSV beside it.

    Returns
    -------
    dict
        Figures by id.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from satqkd import load_scenario
    >>> from satqkd.stages import run_stages
    >>> mission = load_scenario("tiangong2").replaced({"orbit.max_duration_s": 4})
    >>> from satqkd.papers import read_results
    >>> from satqkd.validation import load_reference
    >>> with TemporaryDirectory() as folder:
    ...     results = run_stages(mission, folder, seed=1)
    ...     tables = figure_tables(read_results(mission, folder))
    ...     drawn = draw_figures(tables, load_reference("tiangong2"), folder)
    >>> sorted(drawn)
    ['fig_2a', 'fig_2b', 'fig_2c', 'table_1']
    """
    published = {value.id: value for value in reference.values}
    drawn = {}
    for name, figure in CATALOGUE[reference.id].items():
        drawn[name] = figure.draw(tables[name], published)
        save_figure(drawn[name], Path(folder) / f"{name}.svg")
        save_csv(tables[name], Path(folder) / f"{name}.csv")
    return drawn
