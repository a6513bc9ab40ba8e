"""Published values and bands of the runs upon the axes of a figure."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from satqkd.plot import BLACK, ORANGE, VERMILION
from satqkd.validation.reference import Observed

PRINTED = "printed (bar: its σ, else the printed digits)"
MARK: dict[str, Any] = {"fmt": "D", "color": BLACK, "mfc": ORANGE, "ms": 5, "capsize": 3, "lw": 1, "zorder": 5}
COUNTED: dict[str, Any] = {"fmt": "o", "color": VERMILION, "ms": 3.5, "capsize": 2, "lw": 1}


def error_bar(row: Observed, end: int = 0) -> float:
    """Return the length of a published value's error bar: its standard deviation, else what its printing allows."""
    return row.sigma or row.half_widths[end]


def mark(
    axis: Axes, x: float, row: Observed | None, *, end: int = 0, scale: float = 1.0, label: str | None = PRINTED
) -> None:
    """Mark a published value with its error bar, once in the legend."""
    if row is None:
        return
    seen = label in axis.get_legend_handles_labels()[1]
    axis.errorbar(
        [x],
        [scale * row.ends[end]],
        [scale * error_bar(row, end)],
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
