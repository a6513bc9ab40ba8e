"""What the workflow has simulated, as the figures of the papers want it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from satqkd.dataset import load
from satqkd.plot import showcase
from satqkd.scenario import Scenario


@dataclass(frozen=True)
class Results:
    """Results of a scenario.

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
        """These variables of a stage, run after run: millions of events need not be there all at once."""
        for run in self.runs:
            yield load(run / f"{stage}.nc", names=names)

    def stacked(self, stage: str, name: str) -> np.ndarray:
        """One variable of all runs, shape (run, ...)."""
        return np.stack([data[name].values for data in self.each(stage, name)])

    def shown(self) -> tuple[np.ndarray, np.ndarray]:
        """The seconds of open link in the session that the figures show: their rows, and the times since it began [s].

        Each time is that of the beginning of its second.
        """
        session = showcase(self.orbit.assign_coords(row=("time", np.arange(self.orbit.sizes["time"]))))
        used = session.measurement.values >= 0
        return session.row.values[used], session.elapsed.values[used]


def read_results(scenario: Scenario, folder: str | Path, previous: str | Path | None = None) -> Results:
    """Results of a scenario in ``results/<scenario>``.

    Parameters
    ----------
    scenario : Scenario
    folder : str or Path
    previous : str or Path, optional
        The ``channel.nc`` of the apparatus that the paper compares its own with.

    Raises
    ------
    FileNotFoundError
        Where a run has no coincidences yet.
    """
    folder = Path(folder)
    runs = tuple(sorted(folder.glob("run*"), key=lambda run: int(run.name.removeprefix("run"))))
    if not runs or not all((run / "coincidence.nc").is_file() for run in runs):
        raise FileNotFoundError(f"{folder} has no run, or one without coincidence.nc: run the workflow first")
    return Results(
        scenario,
        load(folder / "orbit.nc"),
        load(folder / "channel.nc"),
        runs,
        load(previous) if previous else None,
    )


def mean_and_sigma(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the runs, and their standard deviation; of shape (run, ...)."""
    values = np.asarray(values, float)
    sigma = values.std(axis=0, ddof=1) if len(values) > 1 else np.full(values.shape[1:], np.nan)
    return values.mean(axis=0), sigma
