"""One style for all figures: legible in print and for the colour-blind, with reproducible bytes."""

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

# The palette of Okabe and Ito, whose colours can be distinguished with any colour vision.
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

# A decorator for functions that draw, so that what they add after `new_figure`, such as a legend, has the style too.
in_style = mpl.rc_context(STYLE)

# Colour and dashes of the first station, the second, and both together; they differ in grey print, too.
STATION_STYLES: tuple[dict[str, Any], ...] = ({"color": BLUE, "ls": "-"}, {"color": VERMILION, "ls": "--"})
TOTAL_STYLE: dict[Any, Any] = {"color": BLACK, "ls": "-", "lw": 1.2}


class ShownFigure(Figure):
    """A figure that a notebook can show without pyplot's list of open figures.

    Attributes
    ----------
    saved_png : bytes or None
        The PNG file that `save_figure` has written: a figure that is saved and then shown is drawn only once.
    """

    saved_png: bytes | None = None

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """Return the PNG, and its width in a notebook [pixel], which follows from `figure.dpi`, not from the file."""
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
    """Return a figure and its axes in the common style, as ``plt.subplots`` does, without pyplot's state.

    Examples
    --------
    >>> figure, axes = new_figure(2, 1, width_cm=12, sharex=True)
    >>> axes.shape, round(figure.get_figwidth() * 2.54)
    ((2,), 12)
    """
    with mpl.rc_context(STYLE):
        figure = ShownFigure(figsize=(width_cm / 2.54, height_cm / 2.54))
        return figure, figure.subplots(rows, columns, **subplots)


def showcase(data: xr.Dataset) -> xr.Dataset:
    """Return the session that figures show, with the coordinate `elapsed` [s] since its start and its axis label.

    Examples
    --------
    >>> import satqkd
    >>> shown = showcase(satqkd.orbit.find_sessions(satqkd.load_scenario("yin2020")))
    >>> shown.elapsed.values[:3].tolist(), shown.elapsed.attrs["label"][:10]
    ([0.0, 1.0, 2.0], 'Time since')
    """
    shown = data.isel(time=data.session_number.values == data.attrs["showcase"])
    start = shown.time.values[0]
    text = f"Time since {np.datetime_as_string(start, unit='s').replace('T', ' ')} UTC (s)"
    return shown.assign_coords(elapsed=("time", (shown.time.values - start) / np.timedelta64(1, "s"), {"label": text}))


def session_stairs(
    axis: Axes, values: np.ndarray, durations_s: np.ndarray, *, block_s: int = 1, label: str | None, **style: Any
) -> None:
    """Draw the counts in each second of open link, one session after another, as means over blocks of seconds.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    values : ndarray, shape (second,)
        Counts in every second of open link.
    durations_s : ndarray of int, shape (session,)
        Seconds of open link in each session.
    block_s : int
        Length of a block [s].
    label : str or None
        Label in the legend.
    style
        As for `matplotlib.axes.Axes.stairs`.

    Examples
    --------
    >>> figure, axis = new_figure()
    >>> session_stairs(axis, np.array([5, 7, 6, 8, 9]), np.array([2, 3]), label="tags")
    >>> axis.get_xlim()
    (np.float64(0.0), np.float64(5.0))
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
    """Put the legend above the axes, where no curve can cross it.

    Examples
    --------
    >>> figure, axis = new_figure()
    >>> _ = axis.plot([0, 1], label="range")
    >>> legend_above(axis)
    >>> axis.get_legend().get_texts()[0].get_text()
    'range'
    """
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=columns)


def no_data(text: str) -> Figure:
    """Return a figure that only states why there is nothing to draw.

    Examples
    --------
    >>> no_data("No Bell measurement").axes[0].texts[0].get_text()
    'No Bell measurement'
    """
    figure, axis = new_figure(height_cm=4)
    axis.set_axis_off()
    axis.text(0.5, 0.5, text, ha="center", va="center")
    return figure


def save_figure(figure: Figure, path: str | Path) -> Figure:
    """Write a figure as SVG and as PNG, without the time of day, and return it for a notebook to show.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : str or Path
        The SVG; the PNG gets the same name with its own suffix.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = save_figure(no_data("No Bell measurement"), f"{folder}/chsh.svg")
    ...     sorted(file.name for file in Path(folder).iterdir())
    ['chsh.png', 'chsh.svg']
    """
    save_svg(figure, Path(path).with_suffix(".svg"))
    with mpl.rc_context(STYLE), finished(Path(path).with_suffix(".png")) as draft:
        figure.savefig(draft, format="png", metadata={"Software": None})
        if isinstance(figure, ShownFigure):
            figure.saved_png = draft.read_bytes()
    return figure


def save_svg(figure: Figure, path: str | Path) -> None:
    """Write a figure as SVG alone, without the time of day.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_svg(no_data("No Bell measurement"), f"{folder}/chsh.svg")
    ...     [file.name for file in Path(folder).iterdir()]
    ['chsh.svg']
    """
    with mpl.rc_context(STYLE), finished(path) as draft:
        figure.savefig(draft, format="svg", metadata={"Date": None})
