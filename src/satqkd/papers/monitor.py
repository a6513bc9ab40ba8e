"""Correlation curves that the monitor on board measures of the source."""

import numpy as np
import pandas as pd

from satqkd.detection.monitor import curve_probabilities, fitted_visibility, reported_fidelity
from satqkd.detection.source import source_state
from satqkd.papers.results import Results
from satqkd.scenario.mission import EntangledSource

BASES = {"H/V": 0.0, "diagonal": 45.0}  # angle of the fixed polariser [degree]
ANGLES_DEG = np.arange(0, 180, 10.0)  # of the turned one
SECONDS = 10.0  # at each angle


def curves(results: Results) -> pd.DataFrame:
    """Return coincidences behind two polarisers on board, one of them turned, in the scenario's state.

    Columns: basis (of the fixed polariser), angle_deg, seconds, counts (drawn), counts_sigma, expected; equal for all
    rows of a basis visibility with its sigma; for all rows fidelity_bound and fidelity_white_noise with their sigmas.
    """
    source = results.scenario.source
    assert isinstance(source, EntangledSource) and source.monitor_tap is not None
    state = source_state(source)
    pairs = source.pair_rate_hz * source.monitor_tap**2 * SECONDS
    parts, seen = [], []
    for basis, fixed_deg in BASES.items():
        expected = pairs * curve_probabilities(state, np.radians(fixed_deg), np.radians(ANGLES_DEG))
        counts = results.stream("monitor", basis).poisson(expected)
        seen.append(fitted_visibility(np.radians(ANGLES_DEG), counts))
        columns = {"angle_deg": ANGLES_DEG, "seconds": SECONDS, "counts": counts, "counts_sigma": np.sqrt(counts)}
        fitted = {"visibility": seen[-1].value, "visibility_sigma": seen[-1].sigma}
        parts.append(pd.DataFrame({"basis": basis} | columns | {"expected": expected} | fitted))
    fidelity = vars(reported_fidelity(*seen))
    return pd.concat(parts, ignore_index=True).assign(**{f"fidelity_{name}": value for name, value in fidelity.items()})


def pair_rate(table: pd.DataFrame) -> dict[str, float]:
    """Return the rate of tapped pairs [1/s], as value and sigma: a quarter of them passes two polarisers on average.

    Examples
    --------
    >>> pair_rate(pd.DataFrame({"counts": [100, 0], "seconds": [2.0, 2.0]}))
    {'value': 100.0, 'sigma': 10.0}
    """
    counts, seconds = float(table.counts.sum()), float(table.seconds.sum())
    return {"value": 4 * counts / seconds, "sigma": 4 * counts**0.5 / seconds}
