"""Calibrate the experiments: sample the posterior and write the draws that the workflow uses."""

from pathlib import Path

import click
import numpy as np
import pandas as pd
import xarray as xr

from satqkd import validation
from satqkd.calibration.draws import calibrated_names, calibration_problem, thinned
from satqkd.calibration.posterior import STEPS, WARM_UP, Flight, diagnostics, sample
from satqkd.calibration.problem import calibration_file
from satqkd.files import finished, save_provenance
from satqkd.orbit import find_sessions
from satqkd.scenario import Scenario, data_folder, load_scenario


def calibrate(*, seed: int, steps: int = STEPS, warm_up: int = WARM_UP, processes: int = 1) -> xr.DataTree:
    """Sample the posterior of the package's experiments, as `satqkd.calibration.posterior.sample` returns it."""
    names = calibrated_names()
    references = {name: validation.load_reference(data_folder() / f"reference/{name}.yaml") for name in names}
    published = {
        name: {row.id: row.ends for row in validation.observed(reference).values()}
        for name, reference in references.items()
    }
    missions = [one for one in map(load_scenario, names) if isinstance(one, Scenario)]
    flights = {mission.name: Flight.of(mission, find_sessions(mission)) for mission in missions}
    return sample(calibration_problem(published), flights, seed=seed, steps=steps, warm_up=warm_up, processes=processes)


def flat(tree: xr.DataTree) -> pd.DataFrame:
    """Return the posterior with a row for each draw of each chain, and a column for each parameter."""
    posterior = tree["posterior"].to_dataset()
    return pd.DataFrame({str(name): np.ravel(posterior[name].values) for name in posterior})


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--seed", required=True, type=int)
@click.option("--steps", default=STEPS, show_default=True, help="steps of each walker")
@click.option("--warm-up", default=WARM_UP, show_default=True, help="steps that are dropped")
@click.option("--processes", default=1, show_default=True, help="scenarios sampled at the same time")
def main(folder: Path, seed: int, steps: int, warm_up: int, processes: int) -> None:
    """Write posterior.nc, diagnostics.csv and draws.csv to FOLDER."""
    tree = calibrate(seed=seed, steps=steps, warm_up=warm_up, processes=processes)
    table = diagnostics(tree)
    with finished(folder / "posterior.nc") as draft:
        tree.to_netcdf(draft)
    for name, frame in (("diagnostics", table), ("draws", thinned(flat(tree)))):
        with finished(folder / f"{name}.csv") as draft:
            frame.to_csv(draft, index=False)
    scenarios = [data_folder() / f"scenarios/{name}.yaml" for name in calibrated_names()]
    save_provenance(folder / "draws.csv", [calibration_file(), *scenarios])
    click.echo(table.to_string(index=False))


if __name__ == "__main__":
    main()
