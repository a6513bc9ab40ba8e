"""Figures of stage 8."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import norm

from satqkd.plot import BLACK, BLUE, GREEN, ORANGE, SKY, VERMILION, in_style, new_figure
from satqkd.validation.compare import AGREES
from satqkd.validation.stage import agreement_of_all, judged

MARKERS = {"within": (GREEN, "o"), "vague": (SKY, "D"), "listed": (ORANGE, "s"), "outside": (VERMILION, "X")}
# Values beyond these limits are drawn at the edge.
Z_LIMIT = 6.0
RATIO_LIMITS = (0.25, 4.0)
BLOCKS = 2


@in_style
def deviation_figure(table: pd.DataFrame) -> Figure:
    """Draw every row of a validation table as z and as ratio of predicted to published value.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.validation import load_reference, validate
    >>> seen = {"yin2017": {"bell.chsh_s": {"value": 2.41, "unit": "1", "sigma": 0.09}}}
    >>> frame = validate({"yin2017": load_reference("yin2017")}, {"yin2017": load_scenario("yin2017")}, seen, [])
    >>> [axis.get_title(loc="left") for axis in deviation_figure(frame).axes]
    ['yin2017', '']
    """
    names = list(dict.fromkeys(table.scenario))
    blocks = min(len(names), BLOCKS)
    lines = -(-len(names) // blocks)
    longest = table.groupby("scenario").size().max()
    figure, axes = new_figure(
        lines, 2 * blocks, width_cm=19 * blocks, height_cm=lines * (0.4 * longest + 1.6) + 1.5, squeeze=False
    )
    places = axes.reshape(lines * blocks, 2)
    for (left, right), name in zip(places, names, strict=False):
        rows = table[table.scenario == name].reset_index(drop=True)
        _draw_z(left, rows)
        _draw_ratio(right, rows)
        left.set_title(name, loc="left")
    for axis in places[len(names) :].ravel():
        axis.remove()
    handles = [Line2D([], [], ls="", marker=shape, color=colour) for colour, shape in MARKERS.values()]
    figure.legend(handles, list(MARKERS), loc="outside lower center", ncols=len(MARKERS))
    return figure


def _draw_z(axis: Axes, rows: pd.DataFrame) -> None:
    """Draw z, with the ids at the left; a value beyond the limit lies on the edge."""
    axis.axvspan(-AGREES, AGREES, color=GREEN, alpha=0.12, lw=0)
    axis.axvline(0, color=BLACK, lw=0.8)
    for place, row in enumerate(rows.itertuples()):
        if row.verdict in MARKERS:
            colour, shape = MARKERS[row.verdict]
            axis.plot(np.clip(row.z, -Z_LIMIT, Z_LIMIT), place, shape, color=colour, ms=4.5, clip_on=False, zorder=3)
        else:
            axis.text(0.1, place, row.verdict, va="center", fontsize=6, color="0.4")
    axis.set(xlim=(-Z_LIMIT, Z_LIMIT), xlabel=f"z (at the edges: {Z_LIMIT:g} or more)")
    _rows_of(axis, rows)
    axis.set_yticks(range(len(rows)), rows.id, fontsize=7)


def _draw_ratio(axis: Axes, rows: pd.DataFrame) -> None:
    """Draw predicted over published value with the half-width of 95 % of both together."""
    axis.axvline(1, color=BLACK, lw=0.8)
    for place, row in enumerate(rows.itertuples()):
        if row.verdict in MARKERS:
            colour, shape = MARKERS[row.verdict]
            width = row.relative_width
            low, ratio, high = np.clip(1 + row.relative_deviation + np.array([-width, 0, width]), *RATIO_LIMITS)
            axis.plot([low, high], [place, place], color=colour, lw=1.4)
            axis.plot(ratio, place, shape, color=colour, ms=4.5, clip_on=False, zorder=3)
    axis.set_xscale("log")
    axis.set(xlim=RATIO_LIMITS, xlabel="predicted / published, with 95 %")
    ticks = (0.25, 0.5, 0.8, 1, 1.25, 2, 4)
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_xticks([], minor=True)
    _rows_of(axis, rows)
    axis.tick_params(axis="y", labelleft=False)


def _rows_of(axis: Axes, rows: pd.DataFrame) -> None:
    axis.set(yticks=range(len(rows)), ylim=(len(rows) - 0.4, -0.6))
    axis.tick_params(axis="x", labelsize=8)


@in_style
def z_figure(table: pd.DataFrame) -> Figure:
    """Draw how often each z occurs among the predicted rows, with the normal distribution that it should follow.

    Examples
    --------
    >>> rows = pd.DataFrame({"role": "predicted", "z": [0.3, -1.1, 9.0], "verdict": ["within", "within", "listed"]})
    >>> z_figure(rows).axes[0].get_title()[:20]
    'χ² = 82.3 over 3 row'
    """
    figure, axis = new_figure(width_cm=16, height_cm=8)
    rows = judged(table)
    edges = np.arange(-Z_LIMIT, Z_LIMIT + 0.25, 0.5)
    shown = {verdict: rows.z[rows.verdict == verdict].clip(-Z_LIMIT, Z_LIMIT).to_numpy(float) for verdict in MARKERS}
    colours = [colour for colour, _ in MARKERS.values()]
    axis.hist(list(shown.values()), edges, stacked=True, color=colours, label=list(shown))
    z = np.linspace(-Z_LIMIT, Z_LIMIT, 241)
    axis.plot(z, len(rows) * 0.5 * norm.pdf(z), color=BLUE, label="normal distribution")
    axis.set(xlabel=f"z (at the edges: {Z_LIMIT:g} or more)", ylabel="Predicted rows")
    axis.set_title(agreement_of_all(table).replace("; ", "\n"), fontsize="medium")
    figure.legend(loc="outside right upper")
    return figure
