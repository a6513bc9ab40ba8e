"""Figures of stage 4."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from satqkd.plot import BLACK, BLUE, GREEN, ORANGE, VERMILION, in_style, legend_above, new_figure, session_stairs

# Detectors of a station, by 2 x setting + outcome.
DETECTOR_NAMES = ("0, 0", "0, 1", "1, 0", "1, 1")
DETECTOR_STYLES = tuple(
    {"color": color, "ls": line}
    for color, line in zip((BLUE, ORANGE, GREEN, VERMILION), ("-", "--", "-.", ":"), strict=True)
)
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


@in_style
def health_figure(coincidence: xr.Dataset) -> Figure:
    """Draw the health of recordings: clicks by detector, delay of the pairs by second, and coincidences and delays by
    pair of detectors. Of pulses the states that the transmitter sent take the place of one station's detectors.

    Parameters
    ----------
    coincidence : xarray.Dataset
        Result of stage 4 for recordings.
    """
    figure, axes = new_figure(3, 2, height_cm=21)
    stations = coincidence.station.values.tolist()
    second = np.arange(coincidence.sizes["second"])
    what = "pairs"
    if len(stations) == 1:
        _draw_error_rate(axes[0, 1], coincidence)
        stations, what = ["sent", *stations], "pulses"
    for axis, station, clicks in zip(
        axes[0], coincidence.station.values, coincidence.detector_clicks.values.swapaxes(0, 1), strict=False
    ):
        for detector, style in enumerate(DETECTOR_STYLES):
            axis.step(second, clicks[:, detector], where="mid", label=DETECTOR_NAMES[detector], **style)
        axis.set(title=station, xlabel="Second", ylabel="Clicks (1/s)", ylim=(0, 1.15 * max(clicks.max(), 1)))
    names = axes[0, 0].get_legend_handles_labels()
    figure.legend(*names, loc="outside upper center", ncols=4, title="setting, outcome")
    delay_ns, sigma_ns = 1e9 * coincidence.clock_delay.values, 1e9 * coincidence.clock_delay_sigma.values
    axes[1, 0].errorbar(second, delay_ns, sigma_ns, fmt="o", ms=3, color=BLUE)
    axes[1, 0].set(xlabel="Second", ylabel=f"Delay of the {what} (ns)", title="clock")
    rate = coincidence.rate.values
    axes[1, 1].step(second, rate, where="mid", color=BLUE)
    counted = "Coincidences (1/s)" if what == "pairs" else "In the window (1/s)"
    axes[1, 1].set(xlabel="Second", ylabel=counted, ylim=(0, 1.15 * max(rate.max(), 1)), title=what)
    _draw_pairs_of_detectors(axes[2, 0], coincidence, stations)
    _draw_delays_by_detector(axes[2, 1], coincidence, stations)
    return figure


def _draw_error_rate(axis: Axes, coincidence: xr.Dataset) -> None:
    """Draw the error rate of sifted signal pulses by basis, with two standard deviations."""
    counts = coincidence.counts.values[0, [0, 1], [0, 1]]
    total = np.maximum(counts.sum(axis=(1, 2)), 1)
    rate = (counts[:, 0, 1] + counts[:, 1, 0]) / total
    axis.bar(["Z", "X"], 100 * rate, yerr=200 * np.sqrt(rate * (1 - rate) / total), color=BLUE, width=0.5, capsize=4)
    axis.set(title="signal", ylabel="QBER (%)", ylim=(0, 130 * max(rate.max(), 0.01)))


def _draw_pairs_of_detectors(axis: Axes, coincidence: xr.Dataset, stations: list[str]) -> None:
    """Draw the coincidences of each pair of detectors as a table."""
    near = np.abs(coincidence.delay_bin.values) < 500 * coincidence.attrs["window_ns"]
    counts = coincidence.delays_by_detector.values[:, :, near].sum(axis=2)
    axis.imshow(counts, cmap="Blues", vmin=0, vmax=2 * max(counts.max(), 1), aspect="auto")
    for (row, column), number in np.ndenumerate(counts):
        axis.text(column, row, f"{number}" if number < 100_000 else f"{number:.1e}", ha="center", va="center")
    axis.grid(visible=False)
    axis.set(xlabel=stations[1], ylabel=stations[0], title="coincidences")
    axis.set(xticks=range(4), yticks=range(4), xticklabels=DETECTOR_NAMES, yticklabels=DETECTOR_NAMES)


def _draw_delays_by_detector(axis: Axes, coincidence: xr.Dataset, stations: list[str]) -> None:
    """Draw the delays of each detector's pairs as a share of its highest bin, one row for each detector."""
    delays = coincidence.delays_by_detector.values
    rows = np.concatenate([delays.sum(axis=1), delays.sum(axis=0)])
    shares = rows / np.maximum(rows.max(axis=1, keepdims=True), 1)
    edges_ns = (float(coincidence.delay_bin[0]) / 1e3, float(coincidence.delay_bin[-1]) / 1e3)
    axis.imshow(shares, cmap="Blues", aspect="auto", extent=(*edges_ns, 7.5, -0.5), interpolation="nearest")
    axis.grid(visible=False)
    axis.axhline(3.5, color=BLACK, lw=0.8)
    half = coincidence.attrs["window_ns"] / 2
    for edge in (-half, half):
        axis.axvline(edge, color=ORANGE, ls="--", lw=1)
    names = [f"{station} {name}" for station in stations for name in DETECTOR_NAMES]
    axis.set(yticks=range(8), yticklabels=names, xlabel=f"{stations[1]} minus {stations[0]} (ns)", title="delays")
