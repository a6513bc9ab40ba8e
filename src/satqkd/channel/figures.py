"""Figures of stage 2."""

import xarray as xr
from matplotlib.figure import Figure

from satqkd.plot import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PINK,
    SKY,
    STATION_STYLES,
    TOTAL_STYLE,
    VERMILION,
    YELLOW,
    in_style,
    legend_above,
    new_figure,
    no_data,
    showcase,
)

COMPONENT_COLOURS = (PINK, BLUE, VERMILION, SKY, GREEN, YELLOW, ORANGE)


@in_style
def attenuation_figure(channel: xr.Dataset) -> Figure:
    """Draw the attenuation of each link, and of all together as the publication counts it, through the showcase
    session.
    """
    shown = showcase(channel)
    elapsed = shown.elapsed.values
    figure, axis = new_figure()
    axis.plot(elapsed, shown.total_attenuation.values, label="total", **TOTAL_STYLE | {"lw": 2.5})
    for station, style in zip(shown.station.values, STATION_STYLES, strict=False):
        axis.plot(elapsed, shown.attenuation.sel(station=station).values, label=station.capitalize(), **style)
    axis.set(ylabel="Attenuation (dB)", xlabel=shown.elapsed.attrs["label"], xlim=(0, elapsed[-1]))
    legend_above(axis)
    return figure


@in_style
def budget_figure(channel: xr.Dataset) -> Figure:
    """Draw the losses of each link as stacked components through the showcase session."""
    shown = showcase(channel)
    elapsed = shown.elapsed.values
    figure, axes = new_figure(1, shown.sizes["station"], height_cm=10, sharey=True, squeeze=False)
    for axis, station in zip(axes[0], shown.station.values, strict=True):
        link = shown.sel(station=station)
        axis.stackplot(elapsed, link.loss.values.T, colors=COMPONENT_COLOURS, labels=link.component.values, lw=0)
        axis.plot(elapsed, link.attenuation.values, color=BLACK, lw=1)
        axis.set(title=station.capitalize(), xlim=(0, elapsed[-1]))
    axes[0, 0].set_ylabel("Loss (dB)")
    figure.supxlabel(shown.elapsed.attrs["label"], fontsize="medium")
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles[::-1], names[::-1], loc="outside right upper")
    return figure


@in_style
def contrast_figure(channel: xr.Dataset) -> Figure:
    """Draw the contrast of the polarisation train through the showcase session, with following and standing plates.

    Examples
    --------
    >>> contrast_figure(xr.Dataset()).axes[0].texts[0].get_text()
    'No polarisation train in this scenario: the light keeps its stated contrast'
    """
    if "contrast_compensated" not in channel:
        return no_data("No polarisation train in this scenario: the light keeps its stated contrast")
    shown = showcase(channel)
    elapsed = shown.elapsed.values
    figure, axis = new_figure()
    for station, style in zip(shown.station.values, STATION_STYLES, strict=False):
        link, name = shown.sel(station=station), station.capitalize()
        axis.plot(elapsed, link.contrast_compensated.values, label=f"{name}, following plates", **style | {"lw": 2})
        standing = style | {"lw": 1, "alpha": 0.6}
        axis.plot(elapsed, link.contrast_uncompensated.values, label=f"{name}, standing plates", **standing)
    axis.set(
        yscale="log",
        ylabel="Polarisation contrast to 1",
        xlabel=shown.elapsed.attrs["label"],
        xlim=(0, elapsed[-1]),
    )
    legend_above(axis, columns=2)
    return figure
