"""Figures of decoy-state downlinks: sifted bits, errors and arrival times through the pass."""

import numpy as np
import pandas as pd
import xarray as xr

from satqkd.flight import PS
from satqkd.papers.results import Results, mean_and_sigma
from satqkd.scenario import INTENSITIES

BLOCK_S = 10  # in which thousands of sifted bits fall


def sifted_rate(results: Results) -> pd.DataFrame:
    """Return the sifted signal bits in each second of the session shown.

    Columns: elapsed_s, range_km, sifted_rate and sifted_rate_sigma [bit/s], mean and scatter of the runs.
    """
    rows, elapsed_s = results.shown()
    mean, sigma = mean_and_sigma(results.stacked("coincidence", "sifted_rate")[:, rows])
    return pd.DataFrame(
        {
            "elapsed_s": elapsed_s,
            "range_km": results.orbit.range.values[rows, 0] / 1e3,
            "sifted_rate": mean,
            "sifted_rate_sigma": sigma,
        }
    )


def qber(results: Results) -> pd.DataFrame:
    """Return the error rate of the sifted signal bits in blocks of ten seconds.

    Columns: elapsed_s (middle of the block), sifted_bits (mean of the runs), qber of all runs together, qber_sigma, the
    scatter of the runs.
    """
    seconds = int(results.shown()[0].size)
    edges = np.append(np.arange(0, seconds - BLOCK_S // 2, BLOCK_S), seconds)
    names = ("time", "intensity", "setting_a", "setting_b", "outcome_a", "outcome_b")
    counts = np.stack([_sifted_and_errors(data, seconds) for data in results.each("coincidence", *names)])
    sifted, errors = np.moveaxis(np.add.reduceat(counts, edges[:-1], axis=2), 1, 0)
    return pd.DataFrame(
        {
            "elapsed_s": (edges[:-1] + edges[1:]) / 2,
            "sifted_bits": sifted.mean(axis=0),
            "qber": errors.sum(axis=0) / np.maximum(sifted.sum(axis=0), 1),
            "qber_sigma": mean_and_sigma(errors / np.maximum(sifted, 1))[1],
        }
    )


def _sifted_and_errors(data: xr.Dataset, seconds: int) -> np.ndarray:
    """Return sifted signal bits in each second of the first session, and errors among them, shape (2, second)."""
    sifted = (data.intensity.values == INTENSITIES.index("signal")) & (data.setting_a.values == data.setting_b.values)
    second = data.time.values[sifted] // int(PS)
    wrong = data.outcome_a.values[sifted] != data.outcome_b.values[sifted]
    return np.stack([np.bincount(s, minlength=seconds)[:seconds] for s in (second, second[wrong])])


def arrival_times(results: Results) -> pd.DataFrame:
    """Return the distribution of arrival times about those of the pulses, in bins of 100 ps.

    Columns: delay_ns (middle of the bin), tags and tags_sigma, mean and scatter of the runs.
    """
    mean, sigma = mean_and_sigma(results.stacked("coincidence", "delay_histogram"))
    first = next(results.each("coincidence", "delay_histogram"))
    return pd.DataFrame({"delay_ns": first.delay_bin.values / 1e3, "tags": mean, "tags_sigma": sigma})


def spread_ns(table: pd.DataFrame, *, window_ns: float) -> float:
    """Return the standard deviation of the `arrival_times` within a window [ns]; nan without tags."""
    inside = table[table.delay_ns.abs() < window_ns / 2]
    if not inside.tags.any():
        return np.nan
    mean = np.average(inside.delay_ns, weights=inside.tags)
    return float(np.sqrt(np.average((inside.delay_ns - mean) ** 2, weights=inside.tags)))
