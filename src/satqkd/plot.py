"""One style for all figures: readable in print and for the colour-blind, the same bytes every time."""

from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler

from satqkd.files import finished

# Okabe and Ito's palette, told apart with any colour vision.
BLUE, ORANGE, GREEN, PINK, SKY, VERMILION, YELLOW, BLACK = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
    "#000000",
)

STYLE: dict[Any, Any] = {
    "axes.prop_cycle": cycler(color=[BLUE, VERMILION, GREEN, ORANGE, PINK, SKY, BLACK]),
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "figure.dpi": 110,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.alpha": 0.3,
    "legend.columnspacing": 1.4,
    "legend.frameon": False,
    "savefig.dpi": 160,
    "svg.hashsalt": "satqkd",
}

# A decorator for functions that draw: what they add after `new_figure`, a legend say, is in the style as well.
in_style = mpl.rc_context(STYLE)

# Colour and dashes of the first and the second station, and of both together: told apart in grey print, too.
STATION_STYLES = ({"color": BLUE, "ls": "-"}, {"color": VERMILION, "ls": "--"})
TOTAL_STYLE: dict[Any, Any] = {"color": BLACK, "ls": "-", "lw": 1.2}


class ShownFigure(Figure):
    """A figure that a notebook shows by itself, without pyplot's list of open figures.

    Attributes
    ----------
    saved_png : bytes or None
        The PNG file that `save_figure` has written, so that a figure that is saved and shown is drawn once.
    """

    saved_png: bytes | None = None

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """Return the PNG, and the width at which it is shown [pixel]: that of `figure.dpi`, whatever the file's."""
        png = self.saved_png
        if png is None:
            image = BytesIO()
            with mpl.rc_context(STYLE):
                self.savefig(image, format="png")
            png = image.getvalue()
        return png, {"width": round(self.get_figwidth() * STYLE["figure.dpi"])}


def new_figure(
    rows: int = 1, columns: int = 1, *, width_cm: float = 16, height_cm: float = 9, **subplots: Any
) -> tuple[Figure, Any]:
    """Return a figure and its axes in the common style, as ``plt.subplots`` does, without pyplot's state."""
    with mpl.rc_context(STYLE):
        figure = ShownFigure(figsize=(width_cm / 2.54, height_cm / 2.54))
        return figure, figure.subplots(rows, columns, **subplots)


def showcase(data: xr.Dataset) -> xr.Dataset:
    """Return the session that figures show, with `elapsed`, the seconds since it began, and the label of that axis."""
    shown = data.isel(time=data.pass_number.values == data.attrs["showcase"])
    start = shown.time.values[0]
    text = f"Time since {np.datetime_as_string(start, unit='s').replace('T', ' ')} UTC (s)"
    return shown.assign_coords(elapsed=("time", (shown.time.values - start) / np.timedelta64(1, "s"), {"label": text}))


def session_stairs(
    axis: Axes, values: np.ndarray, durations_s: np.ndarray, *, block_s: int = 1, label: str | None, **style: Any
) -> None:
    """Draw counts in each second of open link, session after session, as means over blocks of seconds.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    values : ndarray, shape (second,)
        Every second of open link, and no other.
    durations_s : ndarray of int, shape (session,)
        How many of them each session has.
    """
    for end, seconds in zip(np.cumsum(durations_s), durations_s, strict=True):
        edges = np.append(np.arange(0, seconds, block_s), seconds)
        means = np.add.reduceat(values[end - seconds : end], edges[:-1]) / np.diff(edges)
        axis.stairs(means, edges + end - seconds, baseline=None, label=label, **style)
        label = None
        if end < np.sum(durations_s):
            axis.axvline(end, color="0.6", lw=0.8, ls=":")
    axis.set(xlim=(0, end), xlabel="Open link, sessions one after another (s)")


def legend_above(axis: Axes, columns: int = 4) -> None:
    """Put the legend above the axes, where no curve can run into it."""
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=columns)


def no_data(text: str) -> Figure:
    """Return a figure that only says why there is nothing to draw."""
    figure, axis = new_figure(height_cm=4)
    axis.set_axis_off()
    axis.text(0.5, 0.5, text, ha="center", va="center")
    return figure


def published_range(axis: Axes, low: float, high: float, text: str) -> None:
    """Mark the lowest and highest value that a paper prints."""
    axis.axhspan(low, high, color=ORANGE, alpha=0.12, lw=0, label=text)


def save_figure(figure: Figure, path: str | Path) -> Figure:
    """Write a figure as SVG and PNG, without the time of day, and return it, for a notebook to show.

    ``path`` is the SVG's; the PNG stands beside it.
    """
    for name in (Path(path).with_suffix(".svg"), Path(path).with_suffix(".png")):
        with mpl.rc_context(STYLE), finished(name) as draft:
            metadata = {"Date": None} if name.suffix == ".svg" else {"Software": None}
            figure.savefig(draft, format=name.suffix[1:], metadata=metadata)
            if name.suffix == ".png" and isinstance(figure, ShownFigure):
                figure.saved_png = draft.read_bytes()
    return figure
