"""Figures of stage 4."""

import numpy as np

from satqkd.plot import BLUE, ORANGE, VERMILION, in_style, legend_above, mark_sessions, new_figure


@in_style
def delay_figure(coincidence):
    """How the delays of the tags are spread, with the window in which they are counted."""
    drawn = coincidence.isel(delay_bin=np.flatnonzero(coincidence.delay_histogram.values > 0))
    figure, axis = new_figure()
    axis.step(drawn.delay_bin.values / 1e3, drawn.delay_histogram.values, where="mid", color=BLUE, lw=1)
    if "window_ns" in coincidence.attrs:
        half = coincidence.attrs["window_ns"] / 2
        axis.axvspan(-half, half, color=ORANGE, alpha=0.25, lw=0, label=f"window, {2 * half:g} ns")
        legend_above(axis)
    decoy = "pulses" in coincidence
    width_ps = float(np.diff(coincidence.delay_bin.values[:2])[0])
    axis.set(yscale="log", ylabel=f"{'Tags' if decoy else 'Pairs of tags'} in {width_ps:g} ps",
             xlabel="Detection minus pulse centre (ns)" if decoy else "Second station minus first (ns)")
    return figure


@in_style
def rate_figure(coincidence):
    """What was counted in the window in each second of open link."""
    durations = coincidence.session_duration.values
    # A session's last row closes its last second and holds no count.
    first = np.cumsum(durations + 1) - durations - 1
    seconds = np.concatenate([np.arange(start, start + n) for start, n in zip(first, durations, strict=True)])
    shown = coincidence.isel(second=seconds)
    decoy = "sifted_rate" in coincidence
    figure, axis = new_figure()
    axis.plot(shown.rate.values, color=BLUE, lw=1 if decoy else 0.5, label="detections in the window" if decoy else "coincidences")
    if decoy:
        axis.plot(shown.sifted_rate.values, color=VERMILION, lw=1, ls="--", label="sifted signal bits")
    mark_sessions(axis, durations)
    axis.set_ylim(bottom=0)
    axis.set_ylabel("Rate (1/s)")
    legend_above(axis)
    return figure
