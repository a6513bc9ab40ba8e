"""Scan of the transmitter's beam over the station."""

import numpy as np
import pandas as pd

from satqkd.channel.far_field import divergences_rad, fitted_divergence_rad, scanned
from satqkd.channel.stage import telescope_pattern
from satqkd.papers.results import Results

OFFSETS_URAD = np.arange(-15, 15.5, 1.0)  # of the beam from the station
CLICKS = 2000.0  # at the peak of the scan


def scan(results: Results) -> pd.DataFrame:
    """Return clicks while the beam is scanned over the station along x and y, through the peak.

    Columns: axis, offset_urad, expected, counts (drawn), counts_sigma, still (the pattern without jitter, of the same
    peak); equal for all rows of an axis divergence_urad (1/e2, of the fitted Gaussian) and its sigma.
    """
    transmitter = results.scenario.transmitter
    assert transmitter.far_field is not None
    pattern = telescope_pattern(transmitter)
    smeared = scanned(pattern, jitter_rad=transmitter.pointing_jitter_urad * 1e-6)
    i, j = np.unravel_index(smeared.intensity.argmax(), smeared.intensity.shape)
    parts = []
    for axis, place in (("x", (slice(None), j)), ("y", (i, slice(None)))):
        still, seen = (one.intensity[place] / one.intensity[place].max() for one in (pattern, smeared))
        offset_rad = OFFSETS_URAD * 1e-6
        expected = CLICKS * np.interp(offset_rad, pattern.angle_rad, seen)
        counts = results.stream("scan", axis).poisson(expected)
        width_rad, sigma_rad = fitted_divergence_rad(offset_rad, counts)
        columns = {"axis": axis, "offset_urad": OFFSETS_URAD, "expected": expected, "counts": counts}
        columns |= {"counts_sigma": np.sqrt(counts), "still": CLICKS * np.interp(offset_rad, pattern.angle_rad, still)}
        columns |= {"divergence_urad": 1e6 * width_rad, "divergence_sigma_urad": 1e6 * sigma_rad}
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def pattern(results: Results) -> pd.DataFrame:
    """Return the far field through its peak along x and y, without jitter, as in a collimator's focus.

    Columns: axis, offset_urad (from the peak), intensity (1 at the peak); equal for all rows of an axis
    divergence_urad, the full angle at 1/e2 of the peak.
    """
    field = telescope_pattern(results.scenario.transmitter)
    peak = np.unravel_index(field.intensity.argmax(), field.intensity.shape)
    parts = []
    for number, (axis, width_rad) in enumerate(zip(("x", "y"), divergences_rad(field), strict=True)):
        place = tuple(slice(None) if n == number else peak[n] for n in range(2))
        offset_urad = 1e6 * (field.angle_rad - field.angle_rad[peak[number]])
        near = np.abs(offset_urad) <= OFFSETS_URAD[-1]
        columns = {"axis": axis, "offset_urad": offset_urad[near]}
        columns["intensity"] = field.intensity[place][near] / field.intensity.max()
        parts.append(pd.DataFrame(columns | {"divergence_urad": 1e6 * width_rad}))
    return pd.concat(parts, ignore_index=True)


def divergences_urad(table: pd.DataFrame) -> tuple[float, float]:
    """Return the narrower and the wider divergence of a scan [urad].

    Examples
    --------
    >>> divergences_urad(pd.DataFrame({"axis": ["x", "y"], "divergence_urad": [11.0, 9.0]}))
    (9.0, 11.0)
    """
    low, high = sorted(table.groupby("axis").divergence_urad.first())
    return float(low), float(high)
