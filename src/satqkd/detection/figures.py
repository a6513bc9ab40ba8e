"""Figures of stage 3."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from satqkd.plot import (
    BLACK,
    BLUE,
    ORANGE,
    STATION_STYLES,
    VERMILION,
    in_style,
    legend_above,
    new_figure,
    session_stairs,
)


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


@in_style
def twilight_figure(sky: xr.Dataset) -> Figure:
    """Draw the radiance of the sky against the Sun's elevation: twilight on either side, dark sky and Moon.

    Parameters
    ----------
    sky : xarray.Dataset
        dark(sun_elevation), twilight(side, sun_elevation) and moon(phase, sun_elevation), radiances as of
        `satqkd.detection.sky.sky_radiance` [1/(s m2 sr nm)]; the coordinate sun_elevation in degrees.

    Examples
    --------
    >>> one = xr.Dataset(
    ...     {
    ...         "dark": ("sun_elevation", [3e10, 3e10]),
    ...         "twilight": (("side", "sun_elevation"), [[2e8, 5e13]]),
    ...         "moon": (("phase", "sun_elevation"), [[7e10, 7e10]]),
    ...     },
    ...     coords={"sun_elevation": [-18.0, -6.0], "side": ["away from it"], "phase": ["full Moon"]},
    ... )
    >>> [text.get_text() for text in twilight_figure(one).axes[0].get_legend().get_texts()]
    ['twilight, away from it', 'dark sky', 'full Moon']
    """
    figure, axis = new_figure()
    sun_deg = sky.sun_elevation.values
    for side, colour, dash in zip(sky.side.values, (VERMILION, ORANGE), ("-", "--"), strict=False):
        light = sky.twilight.sel(side=side).values
        axis.plot(sun_deg, np.where(light > 0, light, np.nan), color=colour, ls=dash, lw=2, label=f"twilight, {side}")
    axis.plot(sun_deg, sky.dark.values, color=BLACK, lw=2, label="dark sky")
    for phase, dash in zip(sky.phase.values, ("-", "--"), strict=False):
        axis.plot(sun_deg, sky.moon.sel(phase=phase).values, color=BLUE, ls=dash, label=str(phase))
    axis.set(
        yscale="log",
        xlim=(sun_deg[0], sun_deg[-1]),
        xticks=np.arange(np.ceil(sun_deg[0] / 6) * 6, sun_deg[-1] + 1, 6),
        xlabel="Elevation of the Sun (degree)",
        ylabel="Photons (1/(s m² sr nm))",
    )
    legend_above(axis, columns=3)
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
