"""Fresnel's formulas against reflections that others have computed or measured.

All values as the University of Arizona's public test cases of its Fresnel code quote them.
"""

import numpy as np
import pytest

from satqkd.channel.polarization_train import fresnel_reflection

last_digit = 2e-6
last_digit_of_index = 1e-3


def test_nickel_at_60_degrees():
    """Chiu, Lee and Su, Appl. Opt. 38, 4047 (1999), at 632.8 nm."""
    p, s = fresnel_reflection(2.007 + 3.781j, np.radians(60))
    assert s == pytest.approx(-0.882373 - 0.183978j, abs=last_digit)
    assert p == pytest.approx(0.462133 + 0.492465j, abs=last_digit)


def test_gold_at_50_degrees():
    """Johnson and Christy, Phys. Rev. B 6, 4370 (1972), at 582 nm."""
    p, s = fresnel_reflection(0.29006 + 2.8628j, np.radians(50))
    assert (abs(s) ** 2, abs(p) ** 2) == pytest.approx((0.92516, 0.83233), abs=1e-5)


@pytest.mark.parametrize("degrees, minutes", [(48, 37), (54, 37)])
def test_total_reflection_in_glass_retards_by_an_eighth_of_a_wave(degrees, minutes):
    """Born and Wolf, Principles of Optics, section 1.5: Fresnel's rhomb of n = 1.51."""
    p, s = fresnel_reflection(1 / 1.51, np.radians(degrees + minutes / 60))
    assert abs(np.angle(p / s)) == pytest.approx(np.pi / 4, abs=last_digit_of_index)
