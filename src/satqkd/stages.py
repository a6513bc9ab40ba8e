"""Stages 1 to 7 one after the other, from Python: one run of a scenario without the workflow."""

from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from satqkd.bell import bell_test
from satqkd.channel import link_budget
from satqkd.coincidence import coincidences
from satqkd.dataset import save
from satqkd.detection import simulate
from satqkd.fiber import compare
from satqkd.key import distill
from satqkd.orbit import find_sessions
from satqkd.scenario import Bench, Scenario


@dataclass(frozen=True)
class StageResults:
    """The data sets of one run of a scenario.

    Attributes
    ----------
    orbit, channel, coincidence, key : xarray.Dataset
        Results of stages 1, 2, 4 and 5. The events of `coincidence` stay in its file until they are used.
    bell : xarray.Dataset or None
        Result of stage 6; None without an entangled source.
    fiber : xarray.Dataset or None
        Result of stage 7; None for a bench.
    """

    orbit: xr.Dataset
    channel: xr.Dataset
    coincidence: xr.Dataset
    key: xr.Dataset
    bell: xr.Dataset | None
    fiber: xr.Dataset | None


def run_stages(
    scenario: Scenario, folder: str | Path, *, seed: int, run: int = 1, progress: bool = False
) -> StageResults:
    """Run stages 1 to 7 of a scenario, and write each data set to a folder.

    Files have the same names and bytes as those of the workflow in ``results/<scenario>``: ``orbit.nc``, ``channel.nc``
    and ``fiber.nc``, and in ``run<run>`` the data sets and keys of stages 3 to 6.

    Parameters
    ----------
    scenario : Scenario
    folder : str or Path
        Created if it does not exist; results in it are replaced.
    seed, run : int
        Seed of all random numbers, and number of the replicate.
    progress : bool
        Whether to show a progress bar while photons are simulated.

    Returns
    -------
    StageResults

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from satqkd import load_scenario
    >>> mission = load_scenario("tiangong2").replaced({"orbit.max_duration_s": 4})
    >>> with TemporaryDirectory() as folder:
    ...     results = run_stages(mission, folder, seed=1)
    ...     sorted(path.name for path in Path(folder, "run1").iterdir())
    ['alice.key', 'bob.key', 'coincidence.nc', 'detection.zarr', 'key.nc', 'truth.nc']
    >>> int(results.coincidence.counts.sum()) > 1000, results.bell
    (True, None)
    """
    folder = Path(folder)
    of_run = folder / f"run{run}"
    of_run.mkdir(parents=True, exist_ok=True)
    orbit = find_sessions(scenario)
    save(orbit, folder / "orbit.nc")
    channel = link_budget(scenario, orbit, seed=seed)
    save(channel, folder / "channel.nc")
    tags = of_run / "detection.zarr"
    save(simulate(scenario, orbit, channel, path=tags, seed=seed, run=run, progress=progress), of_run / "truth.nc")
    events = coincidences(scenario, orbit, tags, path=of_run / "coincidence.nc")
    key = distill(scenario, events, folder=of_run)
    save(key, of_run / "key.nc")
    bell = fiber = None
    if scenario.source.kind == "entangled":
        bell = bell_test(scenario, events, orbit)
        save(bell, of_run / "bell.nc")
    if not isinstance(scenario, Bench):
        fiber = compare(scenario, channel, key)
        save(fiber, folder / "fiber.nc")
    return StageResults(orbit, channel, events, key, bell, fiber)
