"""Figures of stage 7."""

import xarray as xr
from matplotlib.figure import Figure

from satqkd.plot import BLUE, GREEN, VERMILION, in_style, legend_above, new_figure


@in_style
def rates_figure(fiber: xr.Dataset) -> Figure:
    """Draw the rate through fibre against its attenuation, with the time to a bit, next to the satellite's key rate."""
    attenuation = fiber.fiber.values
    figure, axis = new_figure()
    satellite = float(fiber.satellite_key_rate)
    if satellite > 0:
        axis.axhline(satellite, color=VERMILION, ls="--", label="satellite, secret key")
    else:
        axis.plot([], [], " ", label="satellite: no key")
    axis.plot(attenuation, fiber.plob_rate.values, "s:", color=GREEN, label="fibre, PLOB bound")
    axis.plot(attenuation, fiber.sifted_rate.values, "o-", color=BLUE, label="fibre, sifted bits")
    for x, rate, years in zip(attenuation, fiber.sifted_rate.values, fiber.years_per_bit.values, strict=True):
        axis.annotate(
            f"{_number(years)} years/bit",
            (x, rate),
            (-5, -5),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=7,
        )
    axis.set(yscale="log", xlabel="Attenuation of the fibre (dB/km)", ylabel="Rate (bit/s)")
    axis.margins(x=0.4, y=0.15)
    legend_above(axis)
    return figure


def _number(value: float) -> str:
    """Return two digits, as a power of ten where zeros would have to be counted."""
    if 0.01 <= value < 1000:
        return f"{value:.2g}" if value < 10 else f"{value:.0f}"
    digits, power = f"{value:.1e}".split("e")
    return rf"${digits}\times10^{{{int(power)}}}$"
