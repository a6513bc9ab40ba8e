"""Figures of stage 7."""

from satqkd.plot import BLUE, GREEN, VERMILION, in_style, legend_above, new_figure


@in_style
def rates_figure(fiber):
    """Rates through fibre against its attenuation, beside the satellite's."""
    figure, axis = new_figure()
    attenuation = fiber.fiber.values
    axis.plot(attenuation, fiber.plob_rate.values, "s:", color=GREEN, label="PLOB bound")
    axis.plot(attenuation, fiber.sifted_rate.values, "o-", color=BLUE, label="fibre, sifted")
    for x, rate, years in zip(attenuation, fiber.sifted_rate.values, fiber.years_per_bit.values, strict=True):
        axis.annotate(f"{years:.2g} years per bit", (x, rate), (-6, -8), textcoords="offset points", ha="right", va="top")
    rate = float(fiber.satellite_key_rate)
    axis.axhline(rate, color=VERMILION, ls="--", label="satellite")
    axis.set(yscale="log", ylabel="Rate (bit/s)", xlabel="Attenuation of the fibre (dB/km)")
    legend_above(axis)
    return figure
