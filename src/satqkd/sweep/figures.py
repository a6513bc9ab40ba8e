"""The figure of a sweep."""

from itertools import product

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from satqkd.plot import in_style, new_figure

MOST_LINES, MOST_PANELS = 6, 4
ROWS = {"key": "Secret bits", "qber": "QBER (%)"}
LOG_FROM = 5  # an axis is logarithmic when its largest value is more than this many times its smallest
DECADES_FROM = 20  # and then only powers of ten have labels; on a shorter one so have 2, 3 and 5
MOST_DIGITS = 15


@in_style
def sweep_figure(data: xr.Dataset) -> Figure:
    """Draw secret bits and error rate over the first parameter.

    Each line is a value of the second parameter, and each panel one of the third. At most `MOST_LINES` and
    `MOST_PANELS` evenly chosen values are drawn, and only the first value of any further parameter; the title says so.
    Shades are one standard deviation of the key, and marks the mean and standard deviation of the simulations.

    Parameters
    ----------
    data : xarray.Dataset
        Result of `gather`.
    """
    names = data.key.dims
    x, *others = names
    lines = _shown(data, others[0], MOST_LINES) if others else [{}]
    panels = _shown(data, others[1], MOST_PANELS) if len(others) > 1 else [{}]
    rest = {name: 0 for name in others[2:]}
    figure, axes = new_figure(
        2, len(panels), width_cm=max(12, 6 * len(panels)), height_cm=12, sharex=True, sharey="row", squeeze=False
    )
    for (column, panel), (row, (variable, text)) in product(enumerate(panels), enumerate(ROWS.items())):
        axis = axes[row, column]
        for number, line in enumerate(lines):
            one = data.isel(panel | line | rest)
            style = {"color": colormaps["viridis"](0.9 * number / max(len(lines) - 1, 1))}
            _draw(axis, one, x, variable, _words(data, line), style)
        if row == 0:
            axis.set_title(_words(data, panel), fontsize="medium")
            axis.set_yscale("symlog", linthresh=1)
        else:
            axis.set_xlabel(_axis(data, x))
        if column == 0:
            axis.set_ylabel(text)
        _scale(axis, data[x].values)
    # All panels share this limit, and setting it ends the automatic one, so it is set after everything is drawn.
    axes[0, 0].set_ylim(bottom=0)
    left_out = [
        f"{len(shown)} of the {data.sizes[name]} values of {name} are drawn"
        for name, shown in zip(others, (lines, panels), strict=False)
        if len(shown) < data.sizes[name]
    ]
    left_out += [f"{_words(data, {name: 0})}, the first of {data.sizes[name]} values" for name in rest]
    figure.suptitle("\n".join(filter(None, [data.attrs["title"], "; ".join(left_out)])), fontsize="medium")
    if others:
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize="small")
    return figure


def _shown(data: xr.Dataset, name: str, most: int) -> list[dict[str, int]]:
    """Return places along a parameter, evenly chosen with both ends."""
    size = data.sizes[name]
    return [{name: int(i)} for i in np.linspace(0, size - 1, min(most, size)).round()]


def _words(data: xr.Dataset, place: dict[str, int]) -> str:
    return ", ".join(f"{_axis(data, name)} = {_short(data[name].values)[i]}" for name, i in place.items())


def _axis(data: xr.Dataset, name: str) -> str:
    unit = data[name].attrs["units"]
    return name if unit == "1" else f"{name} ({unit})"


def _short(values: np.ndarray) -> list[str]:
    """Return values as text, numbers with three digits, or more where two would look the same."""
    if values.dtype.kind != "f":
        return [str(value) for value in values]
    texts = ([f"{value:.{digits}g}" for value in values] for digits in range(3, MOST_DIGITS + 1))
    return next((text for text in texts if len(set(text)) == len(text)), [repr(value) for value in values.tolist()])


def _draw(axis: Axes, one: xr.Dataset, x: str, variable: str, text: str, style: dict) -> None:
    one = one.sortby(x) if one[x].dtype.kind == "f" else one
    places = one[x].values if one[x].dtype.kind == "f" else np.arange(one.sizes[x])
    per_cent = 100 if variable == "qber" else 1
    axis.plot(places, per_cent * one[variable], marker=".", ms=3, label=text, **style)
    if variable == "key":
        low, high = np.maximum(one.key - one.key_sigma, 0), one.key + one.key_sigma
        axis.fill_between(places, low, high, alpha=0.2, lw=0, **style)
    if f"simulated_{variable}" in one:
        found = per_cent * one[f"simulated_{variable}"]
        axis.errorbar(
            places, found.mean("replicate"), yerr=found.std("replicate", ddof=min(1, found.sizes["replicate"] - 1)),
            fmt="s", ms=4, mfc="none", capsize=3, **style,
        )  # fmt: skip


def _scale(axis: Axes, values: np.ndarray) -> None:
    if values.dtype.kind != "f":
        axis.set_xticks(np.arange(values.size), values, rotation=30, ha="right")
    elif values.min() > 0 and values.max() / values.min() > LOG_FROM:
        axis.set_xscale("log")
        if values.max() / values.min() <= DECADES_FROM:
            axis.xaxis.set_minor_locator(LogLocator(subs=(2, 3, 5)))
            axis.xaxis.set_major_formatter("{x:g}")
            axis.xaxis.set_minor_formatter("{x:g}")
            axis.tick_params(axis="x", which="minor", labelsize="small")
