"""Published values and bands of the runs upon the axes of a figure."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from satqkd.plot import BLACK, ORANGE, VERMILION
from satqkd.validation.compare import tolerance_width
from satqkd.validation.reference import Observed

PRINTED = "printed (bar: its σ, else the tolerance)"
MARK: dict[str, Any] = {"fmt": "D", "color": BLACK, "mfc": ORANGE, "ms": 5, "capsize": 3, "lw": 1, "zorder": 5}
COUNTED: dict[str, Any] = {"fmt": "o", "color": VERMILION, "ms": 3.5, "capsize": 2, "lw": 1}


def error_bar(row: Observed, end: int = 0) -> tuple[float, float]:
    """Return how far a published value's error bar reaches down and up: its standard deviation, else its tolerance."""
    if row.published_sigma is not None:
        return row.published_sigma, row.published_sigma
    down, up = (
        tolerance_width(row.tolerance, row.ends[end], end=end, upwards=upwards, sigma=None) for upwards in (False, True)
    )
    return down, up


def mark(
    axis: Axes, x: float, row: Observed | None, *, end: int = 0, scale: float = 1.0, label: str | None = PRINTED
) -> None:
    """Mark a published value with its error bar, once in the legend."""
    if row is None:
        return
    low, high = error_bar(row, end)
    seen = label in axis.get_legend_handles_labels()[1]
    axis.errorbar(
        [x],
        [scale * row.ends[end]],
        [[scale * low], [scale * high]],
        label=None if seen else label,
        **MARK,
    )


def mark_extremes(
    axis: Axes, x: ArrayLike, y: ArrayLike, row: Observed | None, *, scale: float = 1.0, label: str | None = PRINTED
) -> None:
    """Mark the lowest and highest published value where a curve is lowest and highest."""
    if row is not None:
        for end, place in enumerate((np.nanargmin(y), np.nanargmax(y))):
            mark(axis, np.asarray(x)[place], row, end=end, scale=scale, label=label)


def line_with_band(axis: Axes, x: ArrayLike, mean: ArrayLike, sigma: ArrayLike, label: str, **style: Any) -> None:
    """Draw the mean of the runs and the band of one standard deviation."""
    x, mean, sigma = (np.asarray(values, float) for values in (x, mean, sigma))
    axis.plot(x, mean, label=label, **style)
    axis.fill_between(x, mean - sigma, mean + sigma, color=style["color"], alpha=0.3, lw=0)
