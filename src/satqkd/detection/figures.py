"""Figures of stage 3."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from satqkd.plot import STATION_STYLES, in_style, legend_above, new_figure, session_stairs


@in_style
def rates_figure(truth: xr.Dataset) -> Figure:
    """Draw the photons detected in each second of open link, by station, and below the light of the sky if modelled.

    Examples
    --------
    >>> truth = xr.Dataset(
    ...     {"photons": (("time", "station"), [[5], [7]]), "fading": (("time", "station"), [[1.0], [1.1]])},
    ...     coords={"station": ["nanshan"], "session_number": ("time", [0, 0])},
    ... )
    >>> rates_figure(truth).axes[0].get_ylabel()
    'Detected photons (1/s)'
    """
    link_open = truth.isel(time=np.isfinite(truth.fading.values).all(axis=1))
    durations = np.unique(link_open.session_number.values, return_counts=True)[1]
    panels = 1 + ("sky" in truth)
    figure, axes = new_figure(panels, 1, height_cm=9 + 5 * (panels - 1), squeeze=False)
    axis = axes[0, 0]
    for station, style in zip(truth.station.values, STATION_STYLES, strict=False):
        photons = link_open.photons.sel(station=station).values
        session_stairs(axis, photons, durations, label=station.capitalize(), **style)
    axis.set_ylim(bottom=0)
    axis.set_ylabel("Detected photons (1/s)")
    legend_above(axis)
    if "sky" in truth:
        _draw_sky(axes[1, 0], link_open, durations)
    return figure


def _draw_sky(axis: Axes, link_open: xr.Dataset, durations: np.ndarray) -> None:
    """Draw the clicks of the sky in each detector, and those without Moon and Sun as a thin line."""
    for station, style in zip(link_open.station.values, STATION_STYLES, strict=False):
        sky = link_open.sky.sel(station=station)
        session_stairs(axis, sky.sum("light").values, durations, label=f"sky, {station.capitalize()}", **style)
        dark = sky.sel(light=["dark", "glow"]).sum("light").values
        session_stairs(axis, dark, durations, label=None, **style | {"lw": 0.7, "alpha": 0.6})
    axis.set_ylim(bottom=0)
    axis.set_ylabel("Clicks of the sky\nin each detector (1/s)")
    legend_above(axis)
