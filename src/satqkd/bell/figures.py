"""Figures of stage 6."""

import numpy as np

from satqkd.plot import BLACK, BLUE, in_style, legend_above, new_figure, no_data

SETTINGS = ("$a_1, b_1$", "$a_1, b_2$", "$a_2, b_1$", "$a_2, b_2$")
BASIS_OUTCOMES = {"H/V": ("HH", "HV", "VH", "VV"), "diagonal": ("++", "+−", "−+", "−−")}


@in_style
def correlation_figure(bell):
    """Correlation at the four settings of the Bell test with its error, the ideal state's as an outline."""
    if "e" not in bell:
        return no_data("No Bell test in this scenario")
    figure, axis = new_figure(width_cm=12)
    axis.bar(SETTINGS, bell.e.values, yerr=bell.e_sigma.values, color=BLUE, width=0.6, capsize=5, label="counted")
    axis.bar(SETTINGS, bell.ideal.values, width=0.6, fill=False, ec=BLACK, ls="--", label="ideal state")
    axis.axhline(0, color=BLACK, lw=0.8)
    axis.set(xlabel="Settings of the two stations", ylabel="Correlation $E$", ylim=(-1.05, 1.05))
    legend_above(axis)
    figure.suptitle(f"$S$ = {float(bell.s):.2f} ± {float(bell.sigma):.2f}", fontsize="medium")
    return figure


@in_style
def counts_figure(bell):
    """Share of each pair of outcomes in equal bases, with its count in brackets."""
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
