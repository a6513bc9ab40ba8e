"""Figures of the calibration: corner plots of the posterior, and the targets."""

import textwrap
from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.ndimage import gaussian_filter

from satqkd.plot import BLUE, ORANGE, VERMILION, in_style, new_figure

BINS = 30
SMOOTH = 1.2  # standard deviation, in bins, of the smoothing of two-dimensional densities
# Shares of the draws within one and two standard deviations of a two-dimensional normal distribution.
CONTOURS = (0.393, 0.865)


@in_style
def corner_figure(tree: xr.DataTree, names: Sequence[str]) -> Figure:
    """Draw the posterior and prior of each parameter on the diagonal, and the posterior of each pair below it.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `satqkd.calibration.posterior.sample`.
    names : sequence of str
        Parameters.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> group = xr.Dataset({name: (("chain", "draw"), rng.normal(size=(2, 500))) for name in "ab"})
    >>> len(corner_figure(xr.DataTree.from_dict({"/posterior": group, "/prior": group}), ["a", "b"]).axes)
    4
    """
    size = len(names)
    posterior, prior = (
        {name: np.ravel(tree[group].to_dataset()[name].values) for name in names} for group in ("posterior", "prior")
    )
    side_cm = max(12.0, 3.2 * size)
    figure, axes = new_figure(size, size, width_cm=side_cm, height_cm=side_cm, sharex="col", squeeze=False)
    for i, name in enumerate(names):
        values = posterior[name]
        low, high = np.quantile(values, [0.001, 0.999])
        edges = np.linspace(low, high, BINS + 1)
        diagonal = axes[i, i]
        diagonal.hist(values, edges, density=True, color=BLUE, alpha=0.7)
        diagonal.hist(prior[name], edges, weights=_density(prior[name], edges), histtype="step", color=ORANGE)
        diagonal.axvline(np.median(values), color=VERMILION, lw=1)
        diagonal.set(yticks=[], xlim=(low, high))
        for j in range(size):
            axis = axes[i, j]
            if j > i:
                axis.set_axis_off()
            if j < i:
                _pair(axis, posterior[names[j]], values)
                axis.set_ylim(low, high)
                axis.yaxis.set_major_locator(MaxNLocator(3))
                axis.set_yticklabels([]) if j else None
            axis.xaxis.set_major_locator(MaxNLocator(3))
            axis.tick_params(axis="x", rotation=45, labelsize="small")
            axis.tick_params(axis="y", labelsize="small")
        axes[size - 1, i].set_xlabel(_words(name), fontsize="small")
        if i:
            axes[i, 0].set_ylabel(_words(name), fontsize="small")
    return figure


def _words(name: str) -> str:
    """Return a parameter's name, broken into short lines."""
    return textwrap.fill(name.replace("stations.", "").replace("_", " ").replace(".", " "), 14)


def _density(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return weights that normalise a histogram by all values, including those outside its edges."""
    return np.full(values.size, 1 / (values.size * (edges[1] - edges[0])))


def _pair(axis: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """Draw the density of two parameters, with contours that hold the shares `CONTOURS`."""
    ranges = [np.quantile(values, [0.001, 0.999]) for values in (x, y)]
    counts, x_edges, y_edges = np.histogram2d(x, y, BINS, ranges)
    counts = gaussian_filter(counts, SMOOTH)
    ordered = np.sort(counts.ravel())[::-1]
    shares = np.cumsum(ordered) / ordered.sum()
    levels = sorted({float(ordered[np.searchsorted(shares, share)]) for share in CONTOURS})
    axis.pcolormesh(x_edges, y_edges, counts.T, cmap="Blues", rasterized=True)
    centres = (x_edges[1:] + x_edges[:-1]) / 2, (y_edges[1:] + y_edges[:-1]) / 2
    axis.contour(*centres, counts.T, levels=levels, colors=BLUE, linewidths=0.8)


@in_style
def targets_figure(tree: xr.DataTree) -> Figure:
    """Draw each target relative to its posterior predictive distribution, in standard deviations of the latter.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `satqkd.calibration.posterior.sample`.

    Examples
    --------
    >>> drawn = xr.Dataset({"mine rate": (("chain", "draw"), np.random.default_rng(1).normal(5, 1, (2, 500)))})
    >>> observed = xr.Dataset({"mine rate": 5.5})
    >>> figure = targets_figure(xr.DataTree.from_dict({"/posterior_predictive": drawn, "/observed_data": observed}))
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['mine rate']
    """
    drawn, observed = (tree[group].to_dataset() for group in ("posterior_predictive", "observed_data"))
    labels, places = [], []
    for name in drawn:
        values = drawn[name].stack(sample=("chain", "draw"))
        ends = values.transpose("sample", ...).values.reshape(values.sizes["sample"], -1)
        for i, seen in enumerate(np.atleast_1d(observed[name].values)):
            labels.append(str(name) + (("", " (low)", " (high)")[i + 1] if ends.shape[1] > 1 else ""))
            places.append((seen - ends[:, i].mean()) / ends[:, i].std())
    figure, axis = new_figure(height_cm=1.2 + 0.7 * len(labels))
    axis.axvspan(-1, 1, color=BLUE, alpha=0.15, lw=0)
    axis.plot(places, range(len(labels)), "o", color=VERMILION)
    axis.set_yticks(range(len(labels)), labels)
    axis.set(xlim=(-3, 3), ylim=(len(labels) - 0.5, -0.5), xlabel="Observed minus predicted, in standard deviations")
    return figure
