"""What the workflow has simulated, as the figures of the papers want it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from satqkd.dataset import load
from satqkd.files import require_result
from satqkd.plot import showcase
from satqkd.scenario import Scenario
from satqkd.streams import stream

DRAWS = 400  # of the air of nights


@dataclass(frozen=True)
class Results:
    """The results of a scenario, all runs together.

    Attributes
    ----------
    scenario : Scenario
    orbit, channel : xarray.Dataset
        Of stages 1 and 2, which no run changes.
    runs : tuple of Path
        Folders of the replicates.
    previous : xarray.Dataset, optional
        Stage 2 of the apparatus that a paper compares its own with.
    """

    scenario: Scenario
    orbit: xr.Dataset
    channel: xr.Dataset
    runs: tuple[Path, ...]
    previous: xr.Dataset | None = None

    def each(self, stage: str, *names: str) -> Iterator[xr.Dataset]:
        """Yield variables of a stage, run after run, so that not all events are in memory at once."""
        for run in self.runs:
            yield load(run / f"{stage}.nc", names=names)

    def stacked(self, stage: str, name: str) -> np.ndarray:
        """Return one variable of all runs, shape (run, ...)."""
        return np.stack([data[name].values for data in self.each(stage, name)])

    def stream(self, *purpose: str) -> np.random.Generator:
        """Open the random stream of a figure, which depends on the seed of the runs and on its purpose."""
        seed = next(self.each("coincidence")).attrs["seed"]
        return stream(seed, self.scenario.name, "papers", *purpose)

    def shown(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the seconds of open link in the session that figures show: their rows, and the times since its start
        [s].

        Each time is that of the beginning of its second.
        """
        session = showcase(self.orbit.assign_coords(row=("time", np.arange(self.orbit.sizes["time"]))))
        used = session.measurement.values >= 0
        return session.row.values[used], session.elapsed.values[used]


def read_results(scenario: Scenario, folder: str | Path, previous: str | Path | None = None) -> Results:
    """Read the results of a scenario from ``results/<scenario>``.

    Parameters
    ----------
    scenario : Scenario
    folder : str or Path
    previous : str or Path, optional
        The ``channel.nc`` of the apparatus that the paper compares its own with.

    Raises
    ------
    MissingResult
        There is no run yet, or one without coincidences.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from satqkd import load_scenario
    >>> from satqkd.stages import run_stages
    >>> mission = load_scenario("tiangong2").replaced({"orbit.max_duration_s": 4})
    >>> with TemporaryDirectory() as folder:
    ...     results = run_stages(mission, folder, seed=1)
    ...     read_results(mission, folder).stacked("coincidence", "counts").shape == (
    ...         1,
    ...         *results.coincidence.counts.shape,
    ...     )
    True
    """
    folder = Path(folder)
    runs = tuple(sorted(folder.glob("run*"), key=lambda run: int(run.name.removeprefix("run"))))
    for run in runs or [folder / "run1"]:
        require_result(run / "coincidence.nc")
    return Results(
        scenario,
        load(folder / "orbit.nc"),
        load(folder / "channel.nc"),
        runs,
        load(previous) if previous else None,
    )


def mean_and_sigma(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean over the runs and their standard deviation, for values of shape (run, ...).

    Examples
    --------
    >>> [float(value) for value in mean_and_sigma(np.array([1.0, 2.0, 3.0]))]
    [2.0, 1.0]
    """
    values = np.asarray(values, float)
    sigma = values.std(axis=0, ddof=1) if len(values) > 1 else np.full(values.shape[1:], np.nan)
    return values.mean(axis=0), sigma


def percentiles(name: str, draws: np.ndarray) -> dict[str, np.ndarray]:
    """Return the 16th, 50th and 84th percentile of draws, shape (draw, night), as columns of a table.

    Examples
    --------
    >>> {column: values.tolist() for column, values in percentiles("rate", np.arange(101.0)[:, None]).items()}
    {'rate_low': [16.0], 'rate_median': [50.0], 'rate_high': [84.0]}
    """
    ends = np.percentile(draws, (16, 50, 84), axis=0)
    return {f"{name}_{end}": values for end, values in zip(("low", "median", "high"), ends, strict=True)}
