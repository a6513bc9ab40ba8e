"""Figures of stage 8."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from satqkd.plot import BLUE, GREEN, ORANGE, VERMILION, in_style, new_figure

COLOURS = {"within": GREEN, "listed": ORANGE, "outside": VERMILION, "missing": "0.6"}
SHOWN_LIMIT = 3  # longer bars end at the edge of the panel


@in_style
def deviation_figure(table: pd.DataFrame) -> Figure:
    """Draw the distance of each simulated value from the published one in units of its tolerance, one panel an
    experiment.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.validation import load_reference, validate
    >>> seen = {"yin2017": {"bell.chsh_s": {"value": 2.41, "unit": "1", "sigma": 0.09}}}
    >>> frame = validate({"yin2017": load_reference("yin2017")}, {"yin2017": load_scenario("yin2017")}, seen, [])
    >>> [axis.get_title() for axis in deviation_figure(frame).axes]
    ['yin2017']
    """
    names = list(dict.fromkeys(table.scenario))
    longest = table.groupby("scenario").size().max()
    figure, axes = new_figure(1, len(names), width_cm=9 * len(names), height_cm=0.42 * longest + 3, squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        rows = table[table.scenario == name].reset_index(drop=True)
        place = np.arange(len(rows))
        shown = rows.deviation_over_tolerance.astype(float).clip(upper=SHOWN_LIMIT).fillna(0)
        axis.barh(place, shown, color=[COLOURS[v] for v in rows.verdict], height=0.7)
        axis.axvline(1, color=BLUE, lw=1)
        axis.set(yticks=place, yticklabels=rows.id, xlim=(0, SHOWN_LIMIT), ylim=(len(rows) - 0.4, -0.6), title=name)
        axis.set_xlabel("deviation / tolerance")
        axis.set_xticks(range(SHOWN_LIMIT + 1), [*range(SHOWN_LIMIT), f"≥ {SHOWN_LIMIT}"])
        axis.tick_params(axis="y", labelsize=7)
        axis.grid(axis="y", visible=False)
        for y in place[rows.verdict == "missing"]:
            axis.text(0.03, y, "missing", va="center", fontsize=6, color="0.4")
    handles = [axes[0, 0].barh([0], [0], color=colour, label=verdict) for verdict, colour in COLOURS.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(COLOURS), 2 * len(names)))
    return figure
