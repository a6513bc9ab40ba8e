"""Figures of stage 4."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from satqkd.plot import BLUE, ORANGE, VERMILION, in_style, legend_above, new_figure, session_stairs

PAIRS_BLOCK_S = 10  # a few coincidences in a second are mostly noise


@in_style
def delay_figure(coincidence: xr.Dataset) -> Figure:
    """Draw the distribution of the tags' delays, with the window in which they are counted."""
    figure, axis = new_figure()
    half = coincidence.attrs.get("window_ns", 0) / 2
    decoy, shown = "pulses" in coincidence, coincidence
    if decoy:  # nothing is farther from a pulse than half of their period, and the bins beyond are empty
        near = np.abs(coincidence.delay_bin.values) < 1e3 * half
        held = np.flatnonzero((coincidence.delay_histogram.values > 0) | near)
        shown = coincidence.isel(delay_bin=slice(held[0], held[-1] + 1) if held.size else slice(None))
    axis.step(shown.delay_bin.values / 1e3, shown.delay_histogram.values, where="mid", color=BLUE, lw=1)
    if "window_ns" in coincidence.attrs:
        axis.axvspan(-half, half, color=ORANGE, alpha=0.25, lw=0, label=f"window of {2 * half:g} ns")
        legend_above(axis)
    width_ps = float(coincidence.delay_bin[1] - coincidence.delay_bin[0])
    axis.set(
        yscale="log" if coincidence.delay_histogram.any() else "linear",
        ylabel=f"{'Tags' if decoy else 'Pairs of tags'} in {width_ps:g} ps",
        xlabel="Detection minus pulse centre (ns)" if decoy else "Second station minus first (ns)",
    )
    return figure


@in_style
def rate_figure(coincidence: xr.Dataset) -> Figure:
    """Draw the counts in the window in each second of open link; for pairs as means over ten seconds."""
    durations = coincidence.session_duration.values
    # The last row of a session only closes its last second.
    first = np.cumsum(durations + 1) - durations - 1
    shown = coincidence.isel(second=np.concatenate([np.arange(n) + i for i, n in zip(first, durations, strict=True)]))
    figure, axis = new_figure()
    if "sifted_rate" in shown:
        session_stairs(axis, shown.rate.values, durations, label="detections in the window", color=BLUE)
        session_stairs(axis, shown.sifted_rate.values, durations, label="sifted signal bits", color=VERMILION, ls="--")
    else:
        session_stairs(
            axis,
            shown.rate.values,
            durations,
            block_s=PAIRS_BLOCK_S,
            color=BLUE,
            label=f"coincidences, means of {PAIRS_BLOCK_S} s",
        )
    axis.set_ylim(bottom=0)
    axis.set_ylabel("Rate (1/s)")
    legend_above(axis)
    return figure
