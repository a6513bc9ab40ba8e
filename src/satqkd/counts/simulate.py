"""Make a count table by the event simulation of a bench, as its time taggers and counters would."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import zarr

from satqkd.channel import link_budget
from satqkd.coincidence import count
from satqkd.detection import simulate
from satqkd.orbit import find_sessions
from satqkd.scenario import Bench, ScenarioError
from satqkd.scenario.mission import EntangledSource

# Names of the detectors in the table's columns, by (setting, outcome): 0+, 0-, 1+, 1-.
DETECTORS = (("a_h", "a_v", "a_d", "a_a"), ("b_h", "b_v", "b_d", "b_a"))


def simulate_table(bench: Bench, *, pump_mw: Sequence[float], seed: int) -> pd.DataFrame:
    """Simulate every step of a bench at each pump power, and count singles and coincidences of each pair of detectors.

    Parameters
    ----------
    bench : Bench
        With a source of pairs, one measurement, and clocks without offset and drift: one time tagger serves both.
    pump_mw : sequence of float
        Pump powers [mW].
    seed : int

    Returns
    -------
    pandas.DataFrame
        A row for each power and step. Columns pump_mw, loss_<station>_db (fibre included), time_s, window_ns, the
        singles of each detector (a_h), and the coincidences of each pair of them (a_h&b_v).

    Raises
    ------
    ScenarioError
        For pulses, several measurements, or clocks that differ.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> bench = load_scenario("bench_example").replaced({"stations.0.loss_db": 20, "source.pair_rate_hz_per_mw": 1e5})
    >>> table = simulate_table(bench, pump_mw=[0.1], seed=1)
    >>> table.shape, table.columns[:4].tolist()
    ((1, 29), ['pump_mw', 'loss_alice_db', 'loss_bob_db', 'time_s'])
    """
    if not isinstance(bench.source, EntangledSource) or len(bench.measurements) > 1:
        raise ScenarioError(
            f"{bench.name}: a simulated table requires a source of pairs and a single measurement: take such a bench"
        )
    if any(station.clock_offset_s or station.clock_drift for station in bench.stations):
        raise ScenarioError(f"{bench.name}: clock_offset_s and clock_drift differ from 0: a counter has one clock")
    rows = []
    for run, power in enumerate(pump_mw):
        pumped = bench.replaced({"source.pump_mw": power})
        for losses, counted in zip(bench.losses_db, _counted(pumped, seed, run + 1), strict=True):
            names = [f"loss_{station.name}_db" for station in bench.stations]
            row = {"pump_mw": power} | {name: round(float(x), 6) for name, x in zip(names, losses, strict=True)}
            row |= {"time_s": bench.measurements[0].duration_s, "window_ns": bench.coincidence.window_ns}
            rows.append(row | counted)
    return pd.DataFrame(rows)


def _counted(bench: Bench, seed: int, run: int) -> list[dict[str, int]]:
    """Return singles and coincidences in each step."""
    orbit = find_sessions(bench)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "detection.zarr"
        simulate(bench, orbit, link_budget(bench, orbit), path=path, seed=seed, run=run)
        store = zarr.open_group(path, mode="r")
        stations = [_clicks(store[f"{station.name}/photons"]) for station in bench.stations]
    window_ps = int(bench.coincidence.window_ns * 1e3)
    return [_row(first, second, window_ps) for first, second in zip(*stations, strict=True)]


def _clicks(group: zarr.Group) -> list[list[np.ndarray]]:
    """Return the times of each detector in each session [ps]."""
    time, detector = np.asarray(group["time"][:]), np.asarray(group["detector"][:])
    edges = list(group.attrs["session_first_tag"])
    parts = [slice(first, last) for first, last in zip(edges[:-1], edges[1:], strict=True)]
    return [[time[part][detector[part] == channel] for channel in range(4)] for part in parts]


def _row(first: list[np.ndarray], second: list[np.ndarray], window_ps: int) -> dict[str, int]:
    """Return the counts of one step by column."""
    singles = {
        name: time.size
        for names, s in zip(DETECTORS, (first, second), strict=True)
        for name, time in zip(names, s, strict=True)
    }
    pairs = {
        f"{a}&{b}": count(x, y, window_ps)
        for a, x in zip(DETECTORS[0], first, strict=True)
        for b, y in zip(DETECTORS[1], second, strict=True)
    }
    return singles | pairs
