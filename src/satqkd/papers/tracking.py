"""Residual of the tracking loops: a series of both axes, and its spectrum."""

import numpy as np
import pandas as pd
from scipy.signal import welch

from satqkd.channel.stage import control_loops, vibration
from satqkd.channel.tracking import draw_vibration, residual_series_rad, residual_spectrum
from satqkd.papers.results import Results

DURATION_S = 50.0  # of the series that yin2017 shows
SETTLING_S = 2.0  # until the loops have caught the beacon
FINER = 4  # steps of the vibration in a frame of the fine sensor
SHOWN_HZ = 20.0  # points of the series that are drawn
SEGMENT_S = 2.0  # of the estimate of the spectrum


def residual(results: Results) -> pd.DataFrame:
    """Return what the scenario's loops leave of the platform's vibration in 50 seconds.

    Columns: kind ("series": x is a time [s] and y an angle [urad]; "spectrum": x is a frequency [Hz] and y a spectral
    density [urad2/Hz]), axis ("x" or "y"; of a spectrum also "model", the loops' transfer functions), x, y; and
    rms_urad of each axis, over all frames of the fine sensor.
    """
    tracking = results.scenario.transmitter.tracking
    assert tracking is not None
    coarse, fine = control_loops(tracking)
    platform = vibration(tracking)
    size, settling = int(DURATION_S * fine.frame_hz), int(SETTLING_S * fine.frame_hz)
    every, parts = int(fine.frame_hz / SHOWN_HZ), []
    for axis in ("x", "y"):
        rng = results.stream("tracking", axis)
        steps = FINER * (size + settling)
        step_s = 1 / (FINER * fine.frame_hz)
        drawn = draw_vibration(
            rng, steps, step_s=step_s, rms_rad=platform["platform_rms_rad"], highest_hz=platform["highest_hz"]
        )
        frames = drawn.reshape(-1, FINER).mean(axis=1)
        left = 1e6 * residual_series_rad(frames, coarse=coarse, fine=fine, rng=rng)[settling:]
        seconds = np.arange(size) / fine.frame_hz
        frequency, density = welch(left, fine.frame_hz, nperseg=int(SEGMENT_S * fine.frame_hz))
        chosen = np.unique(np.geomspace(1, frequency.size - 1, 200).astype(int))
        for kind, x, y in (
            ("series", seconds[::every], left[::every]),
            ("spectrum", frequency[chosen], density[chosen]),
        ):
            parts.append(pd.DataFrame({"kind": kind, "axis": axis, "x": x, "y": y, "rms_urad": left.std()}))
    model = 1e12 * residual_spectrum(frequency[chosen], **platform, coarse=coarse, fine=fine)
    parts.append(pd.DataFrame({"kind": "spectrum", "axis": "model", "x": frequency[chosen], "y": model}))
    return pd.concat(parts, ignore_index=True)


def rms_urad(table: pd.DataFrame) -> float:
    """Return the mean of both axes' standard deviations [urad].

    Examples
    --------
    >>> rms_urad(pd.DataFrame({"axis": ["x", "x", "y"], "rms_urad": [0.4, 0.4, 0.6]}))
    0.5
    """
    return float(table.dropna(subset="rms_urad").groupby("axis").rms_urad.first().mean())
