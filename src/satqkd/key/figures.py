"""Figures of stage 5."""

from textwrap import fill

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from satqkd.key.proofs.reasons import REASONS
from satqkd.plot import BLUE, GREEN, ORANGE, VERMILION, in_style, legend_above, new_figure

BASIS_LABELS = {"z": "H/V", "x": "diagonal"}
# Each marker is smaller than the last, so that coinciding lines all show; dotted where a colour is repeated.
MARKERS = (
    *(("o-", 9), ("s-", 7), ("D-", 5), ("^-", 4), ("v-", 4), ("p-", 4), ("x-", 4)),
    *(("+:", 4), ("*:", 4)),
)
# Where a length is zero, the axis is linear below this and logarithmic above, to show it.
LINEAR_BELOW_BIT = 10


@in_style
def qber_figure(key: xr.Dataset) -> Figure:
    """Draw the error rate in each basis; pulses get a panel for each intensity, with an axis of its own."""
    rates = key if "intensity_level" in key.dims else key.expand_dims("intensity_level")
    names = key.intensity_name.values if "intensity_name" in key.coords else [""]
    least_cm = 16 if "suggestion" in key.attrs else 9
    figure, axes = new_figure(1, len(names), width_cm=max(least_cm, 5.5 * len(names)), height_cm=8, squeeze=False)
    if float(key.get("qber_threshold", float("nan"))) > 0:
        axes[0, 0].axhline(100 * float(key.qber_threshold), color=VERMILION, ls="--", label="no key above")
        legend_above(axes[0, 0])
    for level, (axis, name) in enumerate(zip(axes[0], names, strict=True)):
        one = rates.isel(intensity_level=level)
        axis.errorbar(
            [BASIS_LABELS[b] for b in one.basis.values],
            100 * one.qber.values,
            100 * one.qber_sigma.values,
            fmt="o",
            color=BLUE,
            capsize=4,
        )
        axis.set(title=name, xlabel="Basis", xlim=(-0.6, 1.6), ylim=(0, 1.1 * axis.get_ylim()[1]))
        for place, rate in enumerate(one.qber.values):
            if np.isnan(rate):
                axis.text(place, 0.5, "no bit", transform=axis.get_xaxis_transform(), ha="center", color="0.4")
    axes[0, 0].set_ylabel("Quantum bit error rate (%)")
    _say_why(figure, key, width=int(5.5 * figure.get_figwidth() * 2.54))
    return figure


def _say_why(figure: Figure, key: xr.Dataset, *, width: int) -> None:
    """Write above a figure why the scenario's proof gives no key, which labels may be swapped, and what is held."""
    if "no_key" not in key:
        return
    bound = key.attrs["compared_bound"]
    if reason := str(key.no_key.sel(bound=bound).values):
        lines = [f"No key by {bound}: {reason}", key.attrs.get("suggestion", "")]
        if "real_length" in key and (held := int(key.real_length.sum())):
            lines.append(f"The two sides hold {held:,} bit nevertheless: {REASONS[reason]}")
        figure.suptitle("\n".join(fill(line, width) for line in lines if line), fontsize="medium")


@in_style
def length_figure(key: xr.Dataset) -> Figure:
    """Draw the length of the key against the failure probability, a line for each proof; the legend says why one
    gives none.
    """
    longest = float(key.length_by_eps.max())
    figure, axis = new_figure()
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="Failure probability of secrecy, and of correctness",
        ylabel="Secret key (bit)",
    )
    if (key.length_by_eps <= 0).any():
        axis.set_yscale("symlog", linthresh=LINEAR_BELOW_BIT)
        axis.set_ylim(-1, 2 * max(longest, LINEAR_BELOW_BIT))
    for bound, (marker, size) in zip(key.bound.values, MARKERS, strict=False):
        reason = str(key.no_key.sel(bound=bound).values) if "no_key" in key else ""
        label = f"{bound} ({reason})" if reason else bound
        axis.plot(key.eps.values, key.length_by_eps.sel(bound=bound).values, marker, ms=size, mfc="none", label=label)
    axis.axvline(key.attrs["eps_sec"], color="0.4", ls="--", label="this scenario")
    legend_above(axis, 3 if "no_key" not in key or not (key.no_key != "").any() else 2)
    return figure


@in_style
def published_length_figure(lengths: xr.DataArray, *, printed: tuple[float, ...]) -> Figure:
    """Draw the key that each proof grants to published counts against the failure probability, with the printed key.

    Parameters
    ----------
    lengths : xarray.DataArray, dims (bound, eps)
        Bits.
    printed : tuple of float
        Failure probability and length in print.

    Examples
    --------
    >>> lengths = xr.DataArray([[0.0, 400.0]], {"bound": ["projected"], "eps": [1e-10, 1e-6]}, ("bound", "eps"))
    >>> figure = published_length_figure(lengths, printed=(1e-10, 372))
    >>> figure.axes[0].get_ylabel()
    'Secret key (bit)'
    """
    figure, axis = new_figure(height_cm=10)
    for bound, (marker, size) in zip(lengths.bound.values, MARKERS, strict=False):
        axis.plot(lengths.eps.values, lengths.sel(bound=bound).values, marker, ms=size, mfc="none", label=bound)
    axis.plot(*printed, "*", ms=14, color="black", label=f"printed, {printed[1]:g} bit")
    axis.set(xscale="log", xlabel="Failure probability of secrecy, and of correctness", ylabel="Secret key (bit)")
    axis.set_ylim(0, None)
    legend_above(axis, 4)
    return figure


@in_style
def exchange_figure(key: xr.Dataset) -> Figure:
    """Draw the size of each public message; with a link also how long error correction takes on it with each code."""
    figure, axes = new_figure(
        1, 2 if "code" in key.dims else 1, width_cm=24 if "code" in key.dims else 16, height_cm=10, squeeze=False
    )
    axis, senders = axes[0, 0], list(dict.fromkeys(key.sender.values))
    topics = [
        name.removeprefix(f"{sender} ") for name, sender in zip(key.message.values, key.sender.values, strict=True)
    ]
    places = np.arange(len(topics))
    for sender, color in zip(senders, (BLUE, VERMILION), strict=True):
        own = (key.sender.values == sender) & (key.public_bits.values > 0)
        axis.barh(places[own], key.public_bits.values[own], color=color, label=sender)
    axis.set(xscale="log", xlabel="Size (bit)", yticks=places, yticklabels=topics)
    axis.set_xlim(1, None)
    axis.invert_yaxis()
    legend_above(axis, 2)
    if "code" in key.dims:
        _draw_codes(axes[0, 1], key)
    if "time_to_key" in key:
        figure.suptitle(f"From the last photon to the key: {float(key.time_to_key):.1f} s", fontsize="medium")
    return figure


def _draw_codes(axis: Axes, key: xr.Dataset) -> None:
    """Draw the time of error correction by code, with what it discloses."""
    sending, waiting = key.code_sending_time.values, key.code_waiting_time.values
    axis.barh(key.code.values, sending, color=GREEN, label="sending")
    axis.barh(key.code.values, waiting, left=sending, color=ORANGE, label="waiting for answers")
    longest = float((sending + waiting).max())
    for place, (time, parities, rounds) in enumerate(
        zip(sending + waiting, key.code_parity_bits.values, key.code_round_trips.values, strict=True)
    ):
        text = f"{parities / 1e3:,.1f} kbit disclosed\n{rounds:.0f} round trips"
        axis.text(time + 0.02 * longest, place, text, va="center", fontsize="small")
    axis.set(xlabel="Error correction and verification (s)", xlim=(0, 1.6 * longest))
    axis.invert_yaxis()
    legend_above(axis, 2)
