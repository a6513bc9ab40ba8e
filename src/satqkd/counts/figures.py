"""Figures of count tables."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from satqkd.plot import BLACK, BLUE, VERMILION, in_style, legend_above, new_figure, no_data

BASIS_STYLES = {"z": {"color": BLUE, "marker": "o"}, "x": {"color": VERMILION, "marker": "s"}}
BASIS_LABELS = {"z": "H/V", "x": "diagonal"}
MARKERS = "osD^vpx*+"


def _rows(data: xr.Dataset) -> xr.Dataset:
    """Return the rows of the table, without their sum."""
    return data.isel(row=slice(0, -1))


def _numbered(axis: Axes, rows: xr.Dataset) -> np.ndarray:
    """Number the rows along the axis, and return their numbers."""
    axis.set_xlabel("Row of the table")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    return np.arange(1, rows.sizes["row"] + 1)


@in_style
def acquisitions_figure(data: xr.Dataset) -> Figure:
    """Draw the coincidences of each row with the accidental ones among them, or the sifted bits of decoy states."""
    rows = _rows(data)
    figure, axis = new_figure()
    number = _numbered(axis, rows)
    if "coincidences" in rows:
        axis.plot(number, rows.coincidences / rows.duration, "o", color=BLUE, label="coincidences")
        if "accidentals" in rows:
            text = "accidental, by singles and window"
            axis.plot(number, rows.accidentals / rows.duration, "x", color=BLACK, label=text)
    for basis, style in BASIS_STYLES.items():
        sifted = rows.sifted.sel(basis=basis) / rows.duration
        axis.plot(number, sifted, ls="", ms=4, mfc="none", label=f"sifted, {BASIS_LABELS[basis]}", **style)
    axis.set(yscale="log", ylabel="Rate (1/s)")
    legend_above(axis, 2)
    return figure


@in_style
def error_rate_figure(data: xr.Dataset) -> Figure:
    """Draw the error rate of each row in each basis, with its binomial standard deviation."""
    rows = _rows(data)
    if not np.isfinite(rows.qber).any():
        return no_data("No sifted bit in this table")
    figure, axis = new_figure()
    number = _numbered(axis, rows)
    for shift, (basis, style) in zip((-0.1, 0.1), BASIS_STYLES.items(), strict=True):
        one = rows.sel(basis=basis)
        bars = {"ls": "", "capsize": 3, "ms": 5, "label": BASIS_LABELS[basis]} | style
        axis.errorbar(number + shift, 100 * one.qber, 100 * one.qber_sigma, **bars)
    axis.set(ylabel="Quantum bit error rate (%)", ylim=(0, 1.05 * axis.get_ylim()[1]))
    legend_above(axis)
    return figure


@in_style
def row_key_figure(data: xr.Dataset) -> Figure:
    """Draw the key of each row by itself under every proof; a row without key is on the axis."""
    rows = _rows(data)
    figure, axis = new_figure()
    number = _numbered(axis, rows)
    for bound, marker in zip(rows.bound.values, MARKERS, strict=False):
        axis.plot(number, rows.length.sel(bound=bound) / rows.duration, marker, ms=5, mfc="none", label=bound)
    axis.set(ylabel="Secret key (bit/s)", yscale="symlog")
    axis.set_ylim(0, 2 * max(10, float((rows.length / rows.duration).max())))
    legend_above(axis, 3)
    return figure


@in_style
def fit_figure(predicted: pd.DataFrame | None) -> Figure:
    """Draw by how much the counts of each row deviate from those of a fitted bench, in coincidences and in error rate.

    Parameters
    ----------
    predicted : pandas.DataFrame, optional
        Result of `satqkd.counts.predict`; without it the figure says that nothing was fitted.
    """
    if predicted is None:
        return no_data("No rows to fit: name them in fit_rows")
    figure, (left, right) = new_figure(1, 2, width_cm=18)
    for fitted, color, label in ((True, BLACK, "fitted"), (False, VERMILION, "predicted")):
        rows = predicted[predicted.fitted == fitted]
        style = {"fmt": "o" if fitted else "s", "color": color, "capsize": 3, "ms": 5, "label": label}
        relative = 100 / rows.coincidences_predicted
        deviation = (rows.coincidences - rows.coincidences_predicted) * relative
        left.errorbar(rows.row, deviation, rows.coincidences_sigma * relative, **style)
        right.errorbar(rows.row, 100 * (rows.qber - rows.qber_predicted), 100 * rows.qber_sigma, **style)
    for axis, text in ((left, "Coincidences, counted minus fit (%)"), (right, "QBER, counted minus fit (points)")):
        axis.axhline(0, color=BLACK, lw=0.8)
        axis.set(xlabel="Row of the table", ylabel=text)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        legend_above(axis)
    return figure


@in_style
def row_bell_figure(data: xr.Dataset) -> Figure:
    """Draw S of each row of a Bell test, with the limits of local models and of quantum mechanics."""
    if "s" not in data or not np.isfinite(data.s).any():
        return no_data("No row of this table is of a Bell test with all four settings")
    rows = _rows(data)
    figure, axis = new_figure()
    axis.errorbar(_numbered(axis, rows), rows.s, rows.s_sigma, fmt="o", color=BLUE, capsize=3)
    axis.axhline(2, color=VERMILION, ls="--", label="local models")
    axis.axhline(2 * np.sqrt(2), color=BLACK, ls=":", label="quantum mechanics")
    axis.set_ylabel("$S$")
    legend_above(axis)
    return figure
