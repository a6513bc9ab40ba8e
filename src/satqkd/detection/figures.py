"""Figures of stage 3."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from satqkd.plot import STATION_STYLES, in_style, legend_above, new_figure, session_stairs


@in_style
def rates_figure(truth: xr.Dataset) -> Figure:
    """Draw the photons detected in each second of open link, by station.

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
    figure, axis = new_figure()
    for station, style in zip(truth.station.values, STATION_STYLES, strict=False):
        photons = link_open.photons.sel(station=station).values
        session_stairs(axis, photons, durations, label=station.capitalize(), **style)
    axis.set_ylim(bottom=0)
    axis.set_ylabel("Detected photons (1/s)")
    legend_above(axis)
    return figure
