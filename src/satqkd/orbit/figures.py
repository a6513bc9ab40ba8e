"""Figures of stage 1."""

import numpy as np

from satqkd.plot import STATION_STYLES, TOTAL_STYLE, in_style, legend_above, new_figure, showcase


@in_style
def ranges_figure(orbit):
    """Range of each station and their sum, and the elevation, through the showcase session."""
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
def sky_figure(orbit):
    """Track over each station in the showcase session: zenith in the middle, north up, a dot at each whole minute."""
    shown = showcase(orbit)
    count = shown.sizes["station"]
    figure, axes = new_figure(1, count, width_cm=8 * count, height_cm=9, squeeze=False,
                              subplot_kw={"projection": "polar"})
    for axis, station, style in zip(axes[0], shown.station.values, STATION_STYLES, strict=False):
        track = shown.sel(station=station)
        axis.plot(np.deg2rad(track.azimuth.values), track.elevation.values, **style)
        minutes = track.isel(time=track.time.dt.second.values == 0)
        axis.plot(np.deg2rad(minutes.azimuth.values), minutes.elevation.values, "o", ms=4, color=style["color"])
        for time, azimuth, elevation in zip(minutes.time.dt.strftime("%H:%M").values, minutes.azimuth.values,
                                            minutes.elevation.values, strict=True):
            axis.annotate(time, (np.deg2rad(azimuth), elevation), (5, 0), textcoords="offset points", fontsize=7,
                          va="center")
        axis.set(theta_zero_location="N", theta_direction=-1, rlim=(90, 0), title=f"{station.capitalize()}, UTC")
        axis.set_thetagrids((0, 90, 180, 270), ("N", "E", "S", "W"))
        axis.set_rgrids((30, 60), ("30°", "60°"), angle=135, fontsize=7, color="0.4")
    return figure
