"""Figures of stage 5."""

import numpy as np

from satqkd.plot import BLUE, VERMILION, in_style, legend_above, new_figure

BASES = {"z": "H/V", "x": "diagonal"}


@in_style
def qber_figure(key):
    """Error rate in each basis, one panel an intensity where pulses have several."""
    panels = key if "intensity_level" in key.dims else key.expand_dims("intensity_level")
    count = panels.sizes["intensity_level"]
    figure, axes = new_figure(1, count, width_cm=max(8, 5.5 * count), squeeze=False)
    for axis, (_, panel) in zip(axes[0], panels.groupby("intensity_level"), strict=True):
        pass
    return figure


MARKERS = "osD^v"


@in_style
def length_figure(key):
    """Length of the key against the failure probability, one line a proof."""
    figure, axis = new_figure()
    for bound, marker in zip(key.bound.values, MARKERS, strict=False):
        axis.plot(key.eps.values, key.length_by_eps.sel(bound=bound).values, f"{marker}-", ms=4, label=bound)
    axis.axvline(key.attrs["eps_sec"], color="0.4", ls="--", label="scenario")
    axis.set(xscale="log", ylabel="Secret key (bit)", xlabel="Failure probability (1)")
    axis.set_yscale("symlog", linthresh=10)
    axis.set_ylim(bottom=-1)
    legend_above(axis, 5)
    return figure
