"""Figures of stage 6."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.constants import c

from satqkd.plot import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    STATION_STYLES,
    in_style,
    legend_above,
    new_figure,
    no_data,
    showcase,
)

SPEED_OF_LIGHT_M_US = c * 1e-6
SETTINGS = ("$a_1, b_1$", "$a_1, b_2$", "$a_2, b_1$", "$a_2, b_2$")
CONDITION_STYLES = {
    "measurements": {"color": BLACK, "ls": "-"},
    "choice a, measurement b": {"color": BLUE, "ls": "--"},
    "choice b, measurement a": {"color": ORANGE, "ls": "-."},
    "choices": {"color": GREEN, "ls": ":"},
}
BASIS_OUTCOMES = {"H/V": ("HH", "HV", "VH", "VV"), "diagonal": ("++", "+−", "−+", "−−")}


@in_style
def correlation_figure(bell: xr.Dataset) -> Figure:
    """Draw the correlation at the four settings of the Bell test with its error, and the ideal state's as an
    outline.
    """
    if "e" not in bell:
        return no_data("No Bell test in this scenario")
    figure, axis = new_figure(width_cm=12)
    axis.bar(SETTINGS, bell.e.values, yerr=bell.e_sigma.values, color=BLUE, width=0.6, capsize=5, label="counted")
    axis.bar(SETTINGS, bell.ideal.values, width=0.6, fill=False, ec=BLACK, ls="--", label="ideal state")
    axis.axhline(0, color=BLACK, lw=0.8)
    axis.set(xlabel="Settings of the two stations", ylabel="Correlation $E$", ylim=(-1.05, 1.05))
    legend_above(axis)
    value = f"$S$ = {float(bell.s):.2f} ± {float(bell.sigma):.2f}"
    missing = "No $S$: a pair of settings has no coincidence"
    figure.suptitle(value if np.isfinite(bell.s) else missing, fontsize="medium")
    return figure


@in_style
def counts_figure(bell: xr.Dataset) -> Figure:
    """Draw the share of each pair of outcomes in equal bases, with its count in brackets."""
    if "basis_counts" not in bell:
        return no_data("No coincidences in equal bases in this scenario")
    figure, axes = new_figure(1, 2, height_cm=8, sharey=True)
    for axis, (name, outcomes), counts in zip(axes, BASIS_OUTCOMES.items(), bell.basis_counts.values, strict=True):
        raw, total = counts.ravel(), max(counts.sum(), 1)
        bars = axis.bar(outcomes, raw / total, yerr=np.sqrt(raw) / total, width=0.6, color=BLUE, capsize=3)
        axis.bar_label(bars, [f"({count})" for count in raw], padding=2)
        axis.set(title=name, xlabel="Outcomes at the two stations")
    axes[0].set(ylabel="Share of the coincidences")
    axes[0].margins(y=0.12)
    return figure


@in_style
def locality_figure(bell: xr.Dataset) -> Figure:
    """Draw a trial in space and time where the paths differ most, and the separations through the showcase session."""
    if "separation" not in bell:
        return no_data("No Bell test whose locality can be computed")
    shown = showcase(bell)
    figure, (left, right) = new_figure(1, 2, width_cm=18, height_cm=10)
    _space_time(left, shown.isel(time=int(np.argmin(shown.separation.sel(condition="measurements").values))))
    for condition, style in CONDITION_STYLES.items():
        margin_us = shown.separation.sel(condition=condition).values * 1e6
        right.plot(shown.elapsed.values, margin_us, label=condition, **style)
    right.set(xlabel=shown.elapsed.attrs["label"], ylabel="Outside the light cone by (µs)")
    right.set_ylim(bottom=0)
    legend_above(right, columns=2)
    return figure


def _space_time(axis: Axes, trial: xr.Dataset) -> None:
    """Draw the photons' paths, the choices, the measurements and the light cones of the earliest choices."""
    baseline_km, foot_km = float(trial.baseline) / 1e3, float(trial.along_baseline) / 1e3
    cone_us = float(trial.baseline) / SPEED_OF_LIGHT_M_US
    for index, (place, far) in enumerate([(0.0, baseline_km), (baseline_km, 0.0)]):
        one, color = trial.isel(station=index), STATION_STYLES[index]["color"]
        first, last, end = (float(one[f"{name}_time"]) * 1e6 for name in ("first_choice", "last_choice", "measurement"))
        axis.plot([foot_km, place], [0, end], color="0.6", lw=1)
        axis.plot([place, far], [first, first + cone_us], color=color, ls=":", lw=1)
        axis.plot([place, place], [first, last], color=color, lw=4, solid_capstyle="butt")
        axis.plot(place, end, "o", color=color, ms=5, label=str(one.station.values).capitalize())
    axis.set(xlabel="Along the baseline (km)", ylabel="Time after the emission (µs)")
    legend_above(axis)
