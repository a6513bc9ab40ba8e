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

    Columns: elapsed_s, compensated, uncompensated (ratios to 1, of the optics in the path); frames_compensated,
    frames_uncompensated (of the printed contrast with the frames turned, without a model of the optics).
    """
    shown, optics = (showcase(stage).isel(station=0) for stage in (results.orbit, results.channel))
    return pd.DataFrame(
        {
            "elapsed_s": shown.elapsed.values,
            "compensated": optics.contrast_compensated.values,
            "uncompensated": optics.contrast_uncompensated.values,
            "frames_compensated": shown.contrast_compensated.values,
            "frames_uncompensated": shown.contrast_uncompensated.values,
        }
    )


def timeline(results: Results) -> pd.DataFrame:
    """Return the phases of the session shown over its first station, from the rising satellite to the end of the link.

    Columns: phase, start_s (since the session's start), duration_s, zenith_deg (negative before the highest point),
    end_zenith_deg.
    """
    shown = results.orbit.isel(session=results.orbit.attrs["showcase"], station=0)
    start_s, zenith_deg = shown.phase_start.values, shown.phase_zenith.values
    return pd.DataFrame(
        {
            "phase": shown.phase.values[:-1],
            "start_s": start_s[:-1],
            "duration_s": np.diff(start_s),
            "zenith_deg": zenith_deg[:-1],
            "end_zenith_deg": zenith_deg[1:],
        }
    )


def duration_s(table: pd.DataFrame, phase: str) -> float:
    """Return how long a phase of a `timeline` lasts [s].

    Examples
    --------
    >>> duration_s(pd.DataFrame({"phase": ["acquisition", "link"], "duration_s": [15.0, 27.0]}), "link")
    27.0
    """
    return float(table.set_index("phase").duration_s[phase])
