"""The committed draws from the posterior of the calibration, and draws of any scenario's uncertain inputs."""

from pathlib import Path

import numpy as np
import pandas as pd

from satqkd.calibration.problem import Problem, calibration_file, read_problem
from satqkd.scenario import Scenario, ScenarioError, data_folder, load_scenario
from satqkd.streams import stream

ROWS = 400


def draws_file() -> Path:
    """Return the path of the committed draws, a column for each parameter of the calibration.

    Examples
    --------
    >>> draws_file().name
    'draws.csv'
    """
    return data_folder() / "calibration" / "draws.csv"


def calibrated_names() -> list[str]:
    """Return the names of the scenarios that are calibrated together.

    Examples
    --------
    >>> calibrated_names()
    ['yin2017', 'yin2020', 'liao2017', 'tiangong2']
    """
    return list(read_problem(calibration_file(), [], published={}).scenarios)


def calibration_problem(published: dict[str, dict[str, tuple[float, ...]]] | None = None) -> Problem:
    """Return the calibration that comes with the package, without targets unless published values are given.

    Examples
    --------
    >>> len(calibration_problem().targets)
    0
    """
    missions = [load_scenario(name) for name in calibrated_names()]
    return read_problem(
        calibration_file(), [one for one in missions if isinstance(one, Scenario)], published=published or {}
    )


def parameter_draws(scenario: Scenario, *, seed: int, rows: int = ROWS) -> list[dict[str, float]]:
    """Return draws of the uncertain values of a scenario: for each draw, the changed values by dotted key.

    Parameters
    ----------
    scenario : Scenario
        A calibrated one gets the committed draws from the posterior. Their order is the same for all calibrated
        scenarios. Any other one gets independent draws of its uncertain inputs.
    seed : int
        Seed of the independent draws.
    rows : int
        Number of draws.

    Raises
    ------
    ScenarioError
        For more rows than were committed, or if the committed draws do not have the parameters of the calibration.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> len(parameter_draws(load_scenario("liao2017"), seed=1, rows=10))
    10
    """
    if scenario.name in calibrated_names():
        table, problem = pd.read_csv(draws_file()), calibration_problem()
        if set(table) != {parameter.name for parameter in problem.parameters} or len(table) < rows:
            raise ScenarioError(f"{draws_file()}: does not fit the calibration: run make calibrate")
        return [problem.changes(scenario.name, row) for row in table.head(rows).to_dict("records")]
    rng = stream(seed, scenario.name, "inputs")
    uniform = rng.random((rows, len(scenario.unknowns)))
    return [
        {
            key: unknown.uncertainty.quantile(probability)
            for unknown, probability in zip(scenario.unknowns, row, strict=True)
            for key in unknown.keys
        }
        for row in uniform
    ]


def thinned(posterior: pd.DataFrame, rows: int = ROWS) -> pd.DataFrame:
    """Return evenly spaced rows of a posterior, rounded to five digits.

    Examples
    --------
    >>> thinned(pd.DataFrame({"a": np.arange(10.0)}), rows=2)["a"].tolist()
    [0.0, 9.0]
    """
    chosen = posterior.iloc[np.linspace(0, len(posterior) - 1, rows).round().astype(int)]
    return chosen.map(lambda value: float(f"{value:.5g}")).reset_index(drop=True)
