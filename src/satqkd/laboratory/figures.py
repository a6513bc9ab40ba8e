"""Figures of the attack laboratory."""

import textwrap

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from satqkd.laboratory.experiments import EXPERIMENTS
from satqkd.laboratory.matrix import VERDICTS, worst_verdicts
from satqkd.plot import BLACK, BLUE, GREEN, ORANGE, VERMILION, YELLOW, in_style, new_figure

COLOURS = dict(zip(VERDICTS, (VERMILION, YELLOW, GREEN), strict=True))
MEANINGS = {
    "broken": "broken: key that Eve knows in part",
    "priced": "priced: key is short enough",
    "stopped": "stopped: no key, or an alarm",
}


@in_style
def matrix_figure(table: pd.DataFrame) -> Figure:
    """Draw the worst verdict over all strengths of each attack, without and with each countermeasure.

    Parameters
    ----------
    table : pandas.DataFrame
        Of all experiments, from `read_tables`.
    """
    worst = worst_verdicts(table)
    attacks = list(dict.fromkeys(worst.attack))
    most = int(worst.groupby("attack").size().max())
    figure, axis = new_figure(width_cm=19, height_cm=1.1 * len(attacks) + 2.2)
    for row, attack in enumerate(attacks):
        for column, cell in enumerate(worst[worst.attack == attack].itertuples()):
            axis.barh(row, 0.96, left=column + 0.02, height=0.88, color=COLOURS[cell.verdict], alpha=0.75)
            text = "no countermeasure" if cell.setup == "none" else cell.setup
            axis.text(
                column + 0.5,
                row,
                textwrap.fill(text, 27) + f"\n{cell.verdict}",
                ha="center",
                va="center",
                color=BLACK,
                fontsize=7.5,
            )
    axis.set_yticks(range(len(attacks)), [textwrap.fill(EXPERIMENTS[name].title, 22) for name in attacks])
    axis.set(xlim=(0, most), ylim=(len(attacks) - 0.5, -0.5), xticks=[])
    axis.grid(False)
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)
    handles = [Patch(color=COLOURS[name], alpha=0.75, label=text) for name, text in MEANINGS.items()]
    axis.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=3)
    return figure


@in_style
def strength_figure(table: pd.DataFrame) -> Figure:
    """Draw an attack against its strength, one column a setup: key and verdict (squares) above, error rate and S below.

    Parameters
    ----------
    table : pandas.DataFrame
        Of one experiment.
    """
    own = table[table.own_proof]
    setups = list(dict.fromkeys(own.setup))
    with_s = bool(own.s.notna().any())
    figure, axes = new_figure(
        2 + with_s,
        len(setups),
        width_cm=17,
        height_cm=11 + 2 * with_s,
        sharex=True,
        sharey="row",
        squeeze=False,
        height_ratios=(2, 1, 1)[: 2 + with_s],
    )
    for column, setup in zip(axes.T, setups, strict=True):
        one = own[own.setup == setup]
        column[0].plot(one.strength, one.key_bits / one.sifted, "o-", color=BLUE, label="claimed key")
        column[0].plot(one.strength, one.left_bits / one.sifted, "s--", color=BLACK, label="what is left to claim")
        column[0].plot(one.strength, one.eve_bits / one.sifted, "^:", color=VERMILION, label="what Eve knows")
        column[0].scatter(one.strength, [1.25] * len(one), c=one.verdict.map(COLOURS), marker="s", s=45)
        column[0].set_title("no countermeasure" if setup == "none" else textwrap.fill(setup, 28), fontsize=9)
        column[0].set(ylim=(-0.55, 1.4))
        column[1].plot(one.strength, 100 * one.qber, "o-", color=ORANGE)
        column[1].set_ylim(0, max(10.0, 110 * own.qber.max()))
        if with_s:
            column[2].errorbar(one.strength, one.s, 3 * one.s_sigma, fmt="d-", color=GREEN)
            column[2].axhline(2, color="0.4", lw=0.8, ls=":")
            column[2].set_ylim(min(1.0, own.s.min() - 0.2), 3)
        column[-1].set_xlabel("Strength of the attack")
    for axis, text in zip(axes[:, 0], ("Bits per sifted bit", "QBER (%)", "S"), strict=False):
        axis.set_ylabel(text)
    squares = [Line2D([], [], ls="", marker="s", ms=7, color=COLOURS[name], label=name) for name in VERDICTS]
    lines = axes[0, 0].get_legend_handles_labels()[0]
    figure.legend(handles=[*lines, *squares], loc="outside lower center", ncols=3)
    return figure


@in_style
def loophole_figure(table: pd.DataFrame) -> Figure:
    """Draw S of local models, one panel a loophole, open and closed.

    Parameters
    ----------
    table : pandas.DataFrame
        From `satqkd.laboratory.local_models.loophole_table`.
    """
    names = list(dict.fromkeys(table.loophole))
    figure, axes = new_figure(1, len(names), width_cm=17, height_cm=7, sharey=True)
    for axis, name in zip(axes, names, strict=True):
        one = table[table.loophole == name]
        for is_open, colour, shape, text in ((True, VERMILION, "o-", "open"), (False, BLUE, "s--", "closed")):
            some = one[one.open == is_open]
            axis.errorbar(some.share, some.s, 3 * some.s_sigma, fmt=shape, color=colour, label=text)
        axis.axhline(2, color="0.4", lw=0.8, ls=":")
        axis.set_title(name, fontsize=9)
        axis.set(xlabel="Share of the trials", ylim=(1.4, 4.2))
    axes[0].set_ylabel("S of a local model")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
