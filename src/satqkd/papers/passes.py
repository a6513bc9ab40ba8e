"""Figures of a pass: where the satellite is, and how its polarisation frames turn. No run changes them."""

import numpy as np
import pandas as pd

from satqkd.papers.results import Results
from satqkd.plot import showcase


def ranges(results: Results) -> pd.DataFrame:
    """Return the range of each station, and their sum where there are two, by second of the session shown.

    Columns: elapsed_s, range_<station>_km, range_sum_km.
    """
    shown = showcase(results.orbit)
    range_km = shown.range.values / 1e3
    table = pd.DataFrame({"elapsed_s": shown.elapsed.values})
    for index, station in enumerate(shown.station.values):
        table[f"range_{station}_km"] = range_km[:, index]
    if range_km.shape[1] > 1:
        table["range_sum_km"] = range_km.sum(axis=1)
    return table


def track(results: Results) -> pd.DataFrame:
    """Return where the first station sees the satellite, by second of the session shown.

    Columns: utc, elapsed_s, azimuth_deg, elevation_deg, range_km.
    """
    shown = showcase(results.orbit).isel(station=0)
    return pd.DataFrame(
        {
            "utc": np.datetime_as_string(shown.time.values, unit="s"),
            "elapsed_s": shown.elapsed.values,
            "azimuth_deg": shown.azimuth.values,
            "elevation_deg": shown.elevation.values,
            "range_km": shown.range.values / 1e3,
        }
    )


def turn_rate_deg_s(table: pd.DataFrame) -> np.ndarray:
    """Return how fast a telescope turns along a `track` [degree/s], shape (second,)."""
    azimuth, elevation = (np.unwrap(np.deg2rad(table[f"{name}_deg"])) for name in ("azimuth", "elevation"))
    seconds = table.elapsed_s.to_numpy()
    return np.rad2deg(np.hypot(np.gradient(azimuth, seconds) * np.cos(elevation), np.gradient(elevation, seconds)))


def contrast(results: Results) -> pd.DataFrame:
    """Return the polarisation contrast with a plate that follows the frames and with a fixed one.

    Columns: elapsed_s, compensated, uncompensated (ratios to 1).
    """
    shown = showcase(results.orbit).isel(station=0)
    return pd.DataFrame(
        {
            "elapsed_s": shown.elapsed.values,
            "compensated": shown.contrast_compensated.values,
            "uncompensated": shown.contrast_uncompensated.values,
        }
    )
