"""The fall of twilight against a curve that somebody else read off a graph."""

import numpy as np
import pytest

from satqkd.detection.sky import twilight_radiance


def brightening_mag(sun_elevation_deg):
    """Return how much brighter the zenith is than at night [mag].

    A polynomial through points of a graph in A. and M. Meinel, Sunsets, Twilights and Evening Skies (1983), p. 38, as
    the program skycalc of J. Thorstensen has it; its author finds that it agrees with E. V. Ashburn's measurements in
    the blue, J. Geophys. Res. 57, 85 (1952).
    """
    y = (-sun_elevation_deg - 9.0) / 9.0
    return ((2.0635175 * y + 1.246602) * y - 9.4084495) * y + 6.132725


@pytest.mark.parametrize("higher, lower", [(-4.0, -6.0), (-6.0, -9.0), (-9.0, -12.0)])
def test_twilight_falls_as_fast_as_the_graph_of_meinel_and_meinel(higher, lower):
    # Of twilight alone, without the night sky; a graph is read to a quarter of a magnitude.
    printed = np.diff(np.log10([10 ** (0.4 * brightening_mag(sun)) - 1 for sun in (lower, higher)]))[0]
    ours = np.diff(
        np.log10(
            [twilight_radiance(0.0, sun_elevation_deg=sun, towards=0.0, wavelength_m=810e-9) for sun in (lower, higher)]
        )
    )[0]
    quarter_of_a_magnitude = 0.1
    assert ours == pytest.approx(printed, abs=quarter_of_a_magnitude)
