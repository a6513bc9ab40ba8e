"""Compute a grid of designs around a scenario by the analytic chain, and chosen points by the event simulation.

The jobs of workflow/rules/sweep.smk call ``python -m satqkd.sweep.grid block|event|gather …``.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import xarray as xr

from satqkd.analytic.prospect import answer
from satqkd.channel import link_budget
from satqkd.coincidence import coincidences
from satqkd.dataset import label, load, save, variable
from satqkd.detection import simulate
from satqkd.files import save_json, save_provenance
from satqkd.key import distill
from satqkd.key.stage import observables
from satqkd.orbit import find_sessions
from satqkd.plot import save_figure
from satqkd.result import Result
from satqkd.scenario import Bench, Scenario, ScenarioError
from satqkd.streams import record_key
from satqkd.sweep.figures import sweep_figure
from satqkd.sweep.sweepfile import Sweep, at_point, load_sweep

# The results of the analytic chain at a point, with unit and description. Only pairs have S.
ANSWERS = {
    "open_s": ("s", "open link"),
    "attenuation_min": ("dB", "lowest attenuation"),
    "attenuation_max": ("dB", "highest attenuation"),
    "rate": ("s-1", "coincidences of pairs, or sifted signal bits"),
    "sifted": ("1", "sifted bits"),
    "qber": ("1", "quantum bit error rate"),
    "key": ("1", "secret bits"),
    "key_sigma": ("1", "standard deviation of the secret bits"),
    "chsh_s": ("1", "CHSH value of the pairs"),
}
SIMULATED = {name: ANSWERS[name] for name in ("sifted", "qber", "key")}


@dataclass(frozen=True, repr=False)
class Simulated(Result):
    """The outcome of one simulated point.

    Attributes
    ----------
    sifted : float
        Sifted bits that become key.
    qber : float
        Error rate of these bits [1].
    key : float
        Secret bits by the scenario's proof.
    """

    sifted: float
    qber: float
    key: float


def block(sweep: Sweep, first: int, last: int) -> xr.Dataset:
    """Compute points `first` to `last` of a sweep by the analytic chain.

    Returns
    -------
    xarray.Dataset
        The variables of `ANSWERS` and the reason ``no_key``, shape (point,), and ``loss`` [dB], the mean by component,
        (point, component).

    Raises
    ------
    ScenarioError
        Where a point has no session or is not a scenario.

    Examples
    --------
    >>> from satqkd.sweep import load_sweep
    >>> block(load_sweep("example"), 0, 1).key.round(-3).values.tolist()
    [184000.0, 157000.0]
    """
    orbits: dict[tuple, xr.Dataset] = {}
    answers = []
    for point in sweep.points(first, last):
        with at_point(sweep, point):
            scenario = sweep.at(point)
            if (where := _where(scenario)) not in orbits:
                orbits[where] = find_sessions(scenario)
            answers.append(answer(scenario, orbits[where]))
    components = list(answers[0].budget)
    data = xr.Dataset(
        {
            name: variable("point", [getattr(one, name) for one in answers], *words)
            for name, words in ANSWERS.items()
            if getattr(answers[0], name) is not None
        },
        coords={"point": np.arange(first, last + 1), "component": components},
    )
    data["no_key"] = variable(
        "point", [one.no_key for one in answers], "1", "why there is no key, empty where there is"
    )
    losses = [[one.budget[component] for component in components] for one in answers]
    data["loss"] = variable(("point", "component"), losses, "dB", "mean loss, all stations together")
    return data


def _where(scenario: Scenario) -> tuple:
    """Return all that ranges, elevations and frames depend on: points that share it share their sessions."""
    if isinstance(scenario, Bench):
        return scenario.losses_db.shape
    stations = ((s.latitude_deg, s.longitude_deg, s.altitude_m, s.mount) for s in scenario.stations)
    return scenario.orbit, scenario.polarization.satellite_axis, *stations


def simulate_point(sweep: Sweep, point: dict[str, float | str], *, replicate: int, seed: int) -> Simulated:
    """Compute a point by the event simulation: tags, matching and key, with all open time for the key.

    Parameters
    ----------
    sweep : Sweep
    point : dict
        Value by parameter.
    replicate : int
        Its random stream is named by sweep, point and replicate, so other points of a sweep do not change it.
    seed : int
        The seed of the configuration. Where nights are drawn (`channel.nights.sessions`), every point and replicate has
        the nights that the workflow draws for the scenario with this seed.
    """
    named = [f"{name}={point[name]}" for name in sorted(point)]
    with at_point(sweep, point), TemporaryDirectory() as folder:
        scenario = sweep.at(point)
        orbit = find_sessions(scenario)
        tags = Path(folder) / "detection.zarr"
        own = record_key(seed, "sweep", sweep.name, *named)
        channel = link_budget(scenario, orbit, seed=seed)
        simulate(scenario, orbit, channel, path=tags, seed=own, run=replicate)
        account = distill(scenario, coincidences(scenario, orbit, tags, path=Path(folder) / "coincidence.nc"))
    sifted = account.sifted.values[0] if "pulses" in account else account.sifted.values
    found = observables(account)
    qber, key = (float(found[name][0]) for name in ("qber", "key_length"))
    return Simulated(sifted=float(sifted.sum()), qber=qber, key=key)


def gather(sweep: Sweep, blocks: list[xr.Dataset], events: list[dict]) -> xr.Dataset:
    """Collect all points in one data set.

    Parameters
    ----------
    sweep : Sweep
    blocks : list of xarray.Dataset
        Results of `block`, which together cover every point once.
    events : list of dict
        The fields of `Simulated`, with ``point``, ``replicate`` and ``seed``.

    Returns
    -------
    xarray.Dataset
        One dimension for each parameter, named after it. ``simulated_…`` also have the dimension replicate, and are
        NaN where nothing was simulated.

    Raises
    ------
    ValueError
        Where points are missing or repeated.
    """
    flat = xr.concat(sorted(blocks, key=lambda part: int(part.point[0])), "point")
    if not np.array_equal(flat.point, np.arange(sweep.size)):
        raise ValueError(
            f"blocks hold {flat.sizes['point']} points and not each of {sweep.size} once: compute them anew"
        )
    coordinates = {
        p.name: (p.name, list(p.coordinate), {"units": p.unit, "keys": " ".join(p.keys)}) for p in sweep.parameters
    }
    data = xr.Dataset(coords=coordinates | {"component": flat.component.values})
    for name, values in flat.data_vars.items():
        dims = (*sweep.shape, *values.dims[1:])
        shape = (*sweep.shape.values(), *values.shape[1:])
        data[name] = (dims, values.values.reshape(shape), values.attrs)
    if events:
        _add_simulated(sweep, data, events)
    data.attrs |= {"title": sweep.title, "sweep": sweep.name}
    return label(data, "sweep", sweep.base, events[0]["seed"] if events else None)


def _add_simulated(sweep: Sweep, data: xr.Dataset, events: list[dict]) -> None:
    replicates = np.arange(1, sweep.replicates + 1)
    data.coords["replicate"] = ("replicate", replicates, {"units": "1", "long_name": "independent simulation"})
    for name, (unit, words) in SIMULATED.items():
        values = np.full((*sweep.shape.values(), replicates.size), np.nan)
        for event in events:
            place = [parameter.coordinate.index(event["point"][parameter.name]) for parameter in sweep.parameters]
            values[*place, event["replicate"] - 1] = event[name]
        data[f"simulated_{name}"] = variable((*sweep.shape, "replicate"), values, unit, f"{words}, simulated")


def _typed(sweep: Sweep, words: list[str]) -> dict[str, float | str]:
    """Return a point from words such as aperture=1.2."""
    given = dict(word.split("=", 1) for word in words)
    numbers = {p.name: not isinstance(p.coordinate[0], str) for p in sweep.parameters}
    return {p: float(given[p]) if numbers[p] else given[p] for p in sweep.shape}


def main() -> None:
    """Run one job of a sweep."""
    parser = argparse.ArgumentParser(prog="python -m satqkd.sweep.grid", description=__doc__.split("\n")[0])
    parser.add_argument("sweep", help="YAML file")
    jobs = parser.add_subparsers(dest="job", required=True)
    one = jobs.add_parser("block", help="points by the analytic chain")
    one.add_argument("--first", type=int, required=True)
    one.add_argument("--last", type=int, required=True)
    one = jobs.add_parser("event", help="one simulation of one point")
    one.add_argument("--point", nargs="+", required=True, metavar="NAME=VALUE")
    one.add_argument("--replicate", type=int, required=True)
    one.add_argument("--seed", type=int, required=True)
    one = jobs.add_parser("gather", help="all of them in one data set with its figure")
    one.add_argument("--blocks", nargs="+", required=True)
    one.add_argument("--events", nargs="*", default=[])
    for one in jobs.choices.values():
        one.add_argument("--output", required=True)
    asked = parser.parse_args()
    try:
        sweep = load_sweep(asked.sweep)
        if asked.job == "block":
            save(block(sweep, asked.first, asked.last), asked.output)
        elif asked.job == "event":
            point = _typed(sweep, asked.point)
            found = simulate_point(sweep, point, replicate=asked.replicate, seed=asked.seed)
            save_json(asdict(found) | {"point": point, "replicate": asked.replicate, "seed": asked.seed}, asked.output)
        else:
            events = [json.loads(Path(event).read_text()) for event in asked.events]
            data = gather(sweep, [load(part) for part in asked.blocks], events)
            save(data, asked.output)
            save_figure(sweep_figure(data), Path(asked.output).with_suffix(".svg"))
            save_provenance(asked.output, sweep.files)
    except ScenarioError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
