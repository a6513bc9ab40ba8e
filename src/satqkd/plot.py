"""One style for all figures: readable in print and for the colour-blind, the same bytes every time."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from satqkd.dataset import finished

# Okabe and Ito's palette, told apart with any colour vision.
BLUE, ORANGE, GREEN, PINK, SKY, VERMILION, YELLOW, BLACK = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")

STYLE = {
    "axes.prop_cycle": mpl.cycler(color=[BLUE, VERMILION, GREEN, ORANGE, PINK, SKY, BLACK]),
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "figure.dpi": 110,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "savefig.dpi": 160,
    "svg.hashsalt": "satqkd",
}


def new_figure(rows: int = 1, columns: int = 1, *, width_cm: float = 16, height_cm: float = 9, **subplots):
    """A figure and its axes in the common style, as ``plt.subplots`` gives them, without pyplot's state."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width_cm / 2.54, height_cm / 2.54))
        return figure, figure.subplots(rows, columns, **subplots)


def published_range(axis, low: float, high: float, text: str) -> None:
    """Mark the lowest and highest value that a paper prints."""
    axis.axhspan(low, high, color=ORANGE, alpha=0.12, lw=0, label=text)


def save_figure(figure, path: str | Path) -> None:
    """Write a figure as SVG and PNG, without the time of day; ``path`` is the SVG's, the PNG stands beside it."""
    for name in (Path(path).with_suffix(".svg"), Path(path).with_suffix(".png")):
        with mpl.rc_context(STYLE), finished(name) as draft:
            metadata = {"Date": None} if name.suffix == ".svg" else {"Software": None}
            figure.savefig(draft, format=name.suffix[1:], metadata=metadata)
