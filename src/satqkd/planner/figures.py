"""Figures of the planner."""

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from satqkd.plot import in_style, legend_above, new_figure, no_data

MOST_NAMED = 8  # nights that are all named; of fewer, the automatic labels would be hours
COLOURS, DASHES = 7, ("-", "--", "-.", ":")  # 28 satellites have different lines


@in_style
def calendar_figure(nights: pd.DataFrame, growth: dict[str, tuple[np.ndarray, np.ndarray]], title: str) -> Figure:
    """Draw the expected secret bits with the clouds by night and station, and their cumulative sum.

    Parameters
    ----------
    nights : pandas.DataFrame, shape (station, night)
        Result of `nightly`.
    growth : dict of str to (ndarray, ndarray)
        Result of `cumulative`, by satellite.
    title : str

    Examples
    --------
    >>> days = np.arange(np.datetime64("2018-09-10"), np.datetime64("2018-09-12"))
    >>> nights = pd.DataFrame([[1e5, np.nan]], index=["xinglong"], columns=days)
    >>> figure = calendar_figure(nights, {"micius": (np.array([1e5, 1e5]), np.array([1e3, 1e3]))}, "Two nights")
    >>> figure.axes[0].get_title()
    'Two nights'
    """
    if not nights.size:
        return no_data(f"{title}: no pass is dark enough")
    figure, (above, below) = new_figure(
        2, 1, height_cm=8 + 0.45 * len(nights), sharex=True, height_ratios=(max(len(nights), 3), 6)
    )
    days = nights.columns.to_numpy()
    edges = np.append(days, days[-1] + np.timedelta64(1, "D"))
    bits = nights.to_numpy()
    rows = np.arange(len(nights) + 1)
    # A night with an open link but without key is grey, one without an open link is white.
    above.pcolormesh(edges, rows, np.where(bits == 0, 0.15, np.nan), cmap="Greys", vmin=0, vmax=1)
    if (bits > 0).any():
        high = np.nanmax(bits)
        norm = LogNorm(min(max(np.nanmin(bits[bits > 0]), 1e-4 * high), 0.5 * high), high)
        mesh = above.pcolormesh(edges, rows, np.where(bits > 0, bits, np.nan), cmap="cividis", norm=norm)
        figure.colorbar(mesh, ax=above, label="Expected\nsecret bits\n(grey: 0)")
    else:
        title += "\nNo key is expected (grey: the link is open)"
    above.set_yticks(rows[:-1] + 0.5, nights.index)
    above.tick_params(axis="y", length=0)
    above.grid(False)
    above.invert_yaxis()
    above.set_title(title, fontsize="medium")
    for index, (name, (mean, sigma)) in enumerate(growth.items()):
        line = {"color": f"C{index % COLOURS}", "ls": DASHES[index % len(DASHES)]}
        below.step(edges, np.append(0.0, mean), label=name, **line)
        below.fill_between(
            edges, np.append(0.0, mean - sigma), np.append(0.0, mean + sigma), step="pre", alpha=0.2, lw=0,
            color=line["color"],
        )  # fmt: skip
    below.set(ylabel="Secret bits so far", xlabel="Night (from its evening)", xlim=(edges[0], edges[-1]))
    below.set_ylim(0, max(1.0, below.get_ylim()[1]))
    below.locator_params(axis="y", integer=True)
    if len(days) <= MOST_NAMED:
        below.set_xticks(edges, edges.astype("datetime64[D]").astype(str))
    legend_above(below, columns=5)
    figure.autofmt_xdate(rotation=30)
    return figure
