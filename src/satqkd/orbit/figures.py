"""Figures of stage 1."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from satqkd.plot import STATION_STYLES, TOTAL_STYLE, in_style, legend_above, new_figure, showcase


@in_style
def ranges_figure(orbit: xr.Dataset) -> Figure:
    """Draw the range of each station and their sum, and the elevation, through the showcase session."""
    shown = showcase(orbit)
    elapsed = shown.elapsed.values
    figure, (above, below) = new_figure(2, 1, height_cm=12, sharex=True, height_ratios=(3, 2))
    for station, style in zip(shown.station.values, STATION_STYLES, strict=False):
        one = shown.sel(station=station)
        above.plot(elapsed, one.range.values / 1e3, label=station.capitalize(), **style)
        below.plot(elapsed, one.elevation.values, **style)
    if shown.sizes["station"] > 1:
        above.plot(elapsed, shown.range.values.sum(axis=1) / 1e3, label="sum", **TOTAL_STYLE)
    above.set(ylabel="Range (km)")
    below.set(ylabel="Elevation (degree)", xlabel=shown.elapsed.attrs["label"], xlim=(0, elapsed[-1]))
    below.set_ylim(bottom=0)
    legend_above(above)
    return figure


@in_style
def sky_figure(orbit: xr.Dataset) -> Figure:
    """Draw the track over each station in the showcase session: zenith in the middle, north up, a dot each whole
    minute.
    """
    shown = showcase(orbit)
    count = shown.sizes["station"]
    figure, axes = new_figure(
        1, count, width_cm=8 * count, height_cm=9, squeeze=False, subplot_kw={"projection": "polar"}
    )
    for axis, station, style in zip(axes[0], shown.station.values, STATION_STYLES, strict=False):
        track = shown.sel(station=station)
        azimuth, elevation = np.deg2rad(track.azimuth.values), track.elevation.values
        axis.plot(azimuth, elevation, **style)
        axis.set(theta_zero_location="N", theta_direction=-1, rlim=(90, 0), title=station.capitalize())
        axis.set_thetagrids((0, 90, 180, 270), ("N", "E", "S", "W"))
        opposite = np.rad2deg(azimuth[np.argmax(elevation)]) + 180
        axis.set_rgrids((30, 60), ("30°", "60°"), angle=opposite, fontsize=7, color="0.4")
        _mark_minutes(axis, track.time, azimuth, elevation, style["color"])
    day = np.datetime_as_string(shown.time.values[0], unit="D")
    figure.supxlabel(f"Dots at whole minutes, UTC, {day}", fontsize="medium")
    return figure


@in_style
def polarization_figure(orbit: xr.Dataset) -> Figure:
    """Draw the rotation of the polarisation frames in the showcase session, and the contrast with and without
    compensation.
    """
    shown = showcase(orbit)
    elapsed = shown.elapsed.values
    with_contrast = "contrast_compensated" in shown
    figure, axes = new_figure(1 + with_contrast, 1, height_cm=12 if with_contrast else 8, sharex=True, squeeze=False)
    for station, style in zip(shown.station.values, STATION_STYLES, strict=False):
        one = shown.sel(station=station)
        axes[0, 0].plot(elapsed, one.frame_rotation.values, label=station.capitalize(), **style)
        if with_contrast:
            lost = style | {"lw": 1, "alpha": 0.6}
            name = station.capitalize()
            axes[1, 0].plot(elapsed, one.contrast_uncompensated.values, label=f"{name}, standing plate", **lost)
            axes[1, 0].plot(elapsed, one.contrast_compensated.values, label="following plate", **(style | {"lw": 2}))
    axes[0, 0].set(ylabel="Turn of the frames (degree)")
    axes[-1, 0].set(xlabel=shown.elapsed.attrs["label"], xlim=(0, elapsed[-1]))
    if with_contrast:
        axes[1, 0].set(ylabel="Polarisation contrast to 1")
        axes[1, 0].set_ylim(bottom=0)
        legend_above(axes[1, 0])
    legend_above(axes[0, 0])
    return figure


def _mark_minutes(axis: Axes, time: xr.DataArray, azimuth: np.ndarray, elevation: np.ndarray, color: str) -> None:
    """Draw dots with their time, on the side of the track that faces right."""
    across = np.gradient((90 - elevation) * np.exp(1j * azimuth)) * 1j  # north is real, east imaginary
    across *= np.where(across.imag < 0, -1, 1) / np.abs(across)
    for i in np.flatnonzero(time.dt.second.values == 0):
        axis.plot(azimuth[i], elevation[i], "o", ms=4, color=color)
        axis.annotate(
            np.datetime_as_string(time.values[i], unit="m")[-5:],
            (azimuth[i], elevation[i]),
            (20 * across[i].imag, 10 * across[i].real),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=7,
        )
