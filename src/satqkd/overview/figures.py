"""Figures of a mission at a glance."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from satqkd.plot import BLACK, BLUE, STATION_STYLES, VERMILION, in_style, legend_above, new_figure, showcase

LABELS = {
    "aperture_m": "Aperture of a receiver (m)",
    "divergence_urad": "Divergence, full angle (µrad)",
    "pulse_rate_hz": "Pulses per second",
    "pair_rate_hz": "Pairs per second",
    "background_hz": "Background of a detector (1/s)",
}
AROUND_DEG = 8.0
# Width of the figure of the maps, and what labels and legend take of its width and height.
MAP_WIDTH_CM, LABELS_CM = 19, (3.2, 2.2)
# The axis of the key is linear below this, so that no key has a place as well.
LINEAR_BELOW_BIT = 1.0


@in_style
def map_figure(orbit: xr.Dataset, track: tuple[np.ndarray, ...], footprints: dict, land: list) -> Figure:
    """Draw the world map with the ground track of one revolution, and an enlarged view of the stations with their
    footprints.

    Parameters
    ----------
    orbit : xarray.Dataset
        Result of stage 1.
    track : tuple of ndarray
        Times, latitude and longitude [degree], from `ground_track`.
    footprints : dict
        By station its place and its circle: (latitude, longitude), (latitudes, longitudes) [degree].
    land : list of ndarray
        Result of `read_land`.
    """
    shown = showcase(orbit)
    circles = np.concatenate([np.stack(circle) for _, circle in footprints.values()], axis=1)
    (south, west), (north, east) = circles.min(axis=1) - AROUND_DEG, circles.max(axis=1) + AROUND_DEG
    # The enlarged view has the same scale along both axes in its middle. Both maps are drawn with the same height.
    shrunk = np.cos(np.radians((south + north) / 2))
    widths = (2.0, shrunk * (east - west) / (north - south))
    height_cm = (MAP_WIDTH_CM - LABELS_CM[0]) / sum(widths) + LABELS_CM[1]
    figure, (world, near) = new_figure(1, 2, width_cm=MAP_WIDTH_CM, height_cm=height_cm, width_ratios=widths)
    _, latitude, longitude = track
    # A line must not cross the map where the track leaves it at the date line.
    cut = np.flatnonzero(np.abs(np.diff(longitude)) > 180) + 1
    for axis in (world, near):
        for outline in land:
            axis.fill(*outline.T, color="0.86", lw=0)
        axis.plot(np.insert(longitude, cut, np.nan), np.insert(latitude, cut, np.nan), color="0.4", lw=1)
        axis.plot(shown.satellite_longitude, shown.satellite_latitude, color=BLACK, lw=2.5, label="session")
        for (name, (place, circle)), style in zip(footprints.items(), STATION_STYLES, strict=False):
            axis.plot(circle[1], circle[0], **style, lw=1.2, label=f"{name.capitalize()} and its footprint")
            axis.plot(place[1], place[0], "^", color=style["color"], ms=5)
        axis.set(xlabel="Longitude (degree)")
    world.set(xlim=(-180, 180), ylim=(-90, 90), ylabel="Latitude (degree)")
    world.set_xticks(range(-180, 181, 60))
    world.set_yticks(range(-90, 91, 30))
    near.set(xlim=(west, east), ylim=(south, north))
    world.set_aspect("equal")
    near.set_aspect(1 / shrunk)
    handles, names = world.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=3)
    return figure


@in_style
def sensitivity_figure(table: pd.DataFrame) -> Figure:
    """Draw the secret bits per pass against one parameter a panel, zero without key; a dot marks the scenario.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     [
    ...         (parameter, value, "asymptotic", 1e3 * value, value == 1.0)
    ...         for parameter in ("aperture_m", "divergence_urad", "pair_rate_hz", "background_hz")
    ...         for value in (0.5, 1.0, 2.0)
    ...     ],
    ...     columns=["parameter", "value", "bound", "bits_per_pass", "nominal"],
    ... )
    >>> len(sensitivity_figure(table).axes)
    4
    """
    styles = dict(
        zip(table.bound.unique(), ({"color": BLUE, "ls": "-"}, {"color": VERMILION, "ls": "--"}), strict=False)
    )
    figure, axes = new_figure(2, 2, height_cm=12, sharey=True)
    for axis, (name, some) in zip(axes.flat, table.groupby("parameter", sort=False), strict=True):
        for bound, one in some.groupby("bound", sort=False):
            axis.plot(one.value, one.bits_per_pass, label=bound, **styles[bound])
            own = one[one.nominal]
            axis.plot(own.value, own.bits_per_pass, "o", color=styles[bound]["color"], ms=5)
        if (some.bits_per_pass <= 0).all():
            axis.text(0.5, 0.5, "no key", transform=axis.transAxes, ha="center")
        axis.set(xscale="log", xlabel=LABELS[name], xlim=(some.value.min() / 1.05, some.value.max() * 1.05))
        axis.set_yscale("symlog", linthresh=LINEAR_BELOW_BIT)
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if some.value.max() < 100 * some.value.min() else (1,)))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.minorticks_off()
    axes[0, 0].set_ylim(-0.2 * LINEAR_BELOW_BIT, 3 * max(table.bits_per_pass.max(), LINEAR_BELOW_BIT))
    for axis in axes[:, 0]:
        axis.set_ylabel("Secret bits per pass")
    legend_above(axes[0, 0], columns=2)
    return figure
