"""Diffraction: the captured fraction against plain quadrature, closed-form limits and its own invariants."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import integrate, special

from satqkd.channel import diffraction as d

ranges_m = st.floats(1e4, 4e7)
divergences_rad = st.floats(1e-6, 1e-4)
apertures_m = st.floats(0.05, 5.0)
rounding = 1e-12


def fraction_by_quadrature(w_x, w_y, aperture_m, obscuration_m):
    """Irradiance of unit power, summed over the annulus in polar coordinates."""

    def ring(phi, radius):
        exponent = (radius * np.cos(phi) / w_x) ** 2 + (radius * np.sin(phi) / w_y) ** 2
        return 2.0 / (np.pi * w_x * w_y) * np.exp(-2.0 * exponent) * radius

    return 4.0 * integrate.dblquad(ring, obscuration_m / 2, aperture_m / 2, 0.0, np.pi / 2, epsabs=1e-13)[0]


@pytest.mark.parametrize("obscuration_m", [0.0, 0.4])
@pytest.mark.parametrize("divergence", [10e-6, (8.5e-6, 11e-6), (2e-6, 20e-6)])
@pytest.mark.parametrize("range_m", [3e4, 1.2e6])
def test_captured_fraction_is_the_integral_of_the_irradiance(range_m, divergence, obscuration_m):
    w_x, w_y = np.broadcast_to(divergence, 2) * range_m / 2
    expected = fraction_by_quadrature(w_x, w_y, 1.2, obscuration_m)
    fraction = d.captured_fraction(
        range_m, divergence_full_angle_rad=divergence, aperture_m=1.2, obscuration_m=obscuration_m
    )
    assert_allclose(fraction, expected, rtol=1e-9)


def test_small_aperture_takes_the_peak_irradiance():
    fraction = d.captured_fraction(1e9, divergence_full_angle_rad=(8e-6, 11e-6), aperture_m=1.0)
    assert_allclose(fraction, 2.0 * 1.0**2 / (8e3 * 11e3), rtol=1e-6)


def test_shape_follows_the_range():
    range_m = np.linspace(5e5, 1.2e6, 6).reshape(3, 2)
    for divergence in (10e-6, (8e-6, 11e-6)):
        fraction = d.captured_fraction(range_m, divergence_full_angle_rad=divergence, aperture_m=1.0)
        assert fraction.shape == (3, 2)
        alone = d.captured_fraction(range_m[1, 1], divergence_full_angle_rad=divergence, aperture_m=1.0)
        assert_allclose(fraction[1, 1], alone, rtol=rounding)


@given(ranges_m, divergences_rad, divergences_rad, apertures_m)
def test_fraction_is_a_fraction_whichever_way_the_ellipse_lies(range_m, theta_x, theta_y, aperture_m):
    fraction = d.captured_fraction(range_m, divergence_full_angle_rad=(theta_x, theta_y), aperture_m=aperture_m)
    turned = d.captured_fraction(range_m, divergence_full_angle_rad=(theta_y, theta_x), aperture_m=aperture_m)
    assert 0.0 < fraction <= 1.0 + rounding
    assert_allclose(fraction, turned, rtol=1e-6)


@given(ranges_m, st.floats(1.0, 10.0), divergences_rad, st.floats(0.1, 10.0), apertures_m)
def test_loss_never_falls_with_range(range_m, further, theta, axis_ratio, aperture_m):
    beam = {"divergence_full_angle_rad": (theta, theta * axis_ratio), "aperture_m": aperture_m}
    near, far = d.captured_fraction(np.array([range_m, range_m * further]), **beam)
    assert far <= near * (1.0 + rounding)


@given(ranges_m, divergences_rad, apertures_m, st.floats(0.0, 0.95))
def test_ellipse_of_equal_axes_is_round(range_m, theta, aperture_m, obscuration_ratio):
    receiver = {"aperture_m": aperture_m, "obscuration_m": obscuration_ratio * aperture_m}
    round_beam = d.captured_fraction(range_m, divergence_full_angle_rad=theta, **receiver)
    # A hair off equal, so that the angular integral is taken and not the closed form.
    ellipse = d.captured_fraction(range_m, divergence_full_angle_rad=(theta, theta * (1 + 1e-13)), **receiver)
    assert_allclose(ellipse, round_beam, rtol=1e-9, atol=1e-300)


@given(ranges_m, divergences_rad, apertures_m, st.floats(0.0, 0.99))
def test_obscuration_takes_its_own_share(range_m, theta, aperture_m, obscuration_ratio):
    inner_m = max(obscuration_ratio * aperture_m, 1e-4)
    shared = {"divergence_full_angle_rad": theta}
    whole = d.captured_fraction(range_m, aperture_m=aperture_m, **shared)
    annulus = d.captured_fraction(range_m, aperture_m=aperture_m, obscuration_m=inner_m, **shared)
    disc = d.captured_fraction(range_m, aperture_m=inner_m, **shared)
    assert_allclose(annulus + disc, whole, rtol=1e-9)


def test_beam_diameter_is_angle_times_range():
    assert_allclose(d.beam_diameter_m([7e5, 1.4e6], 35e-6), [24.5, 49.0], rtol=rounding)


@pytest.mark.parametrize("level", [0.5, np.exp(-2.0)])
def test_wide_transmitter_leaves_the_gaussian_alone(level):
    alpha, wavelength_m, aperture_m = 6.0, 850e-9, 0.3
    waist_m = 0.5 * aperture_m / alpha
    expected = 2.0 * wavelength_m / (np.pi * waist_m) * np.sqrt(-0.5 * np.log(level))
    assert_allclose(
        d.diffraction_limited_divergence(wavelength_m, aperture_m, truncation_ratio=alpha, level=level),
        expected,
        rtol=1e-9,
    )


def test_uniformly_lit_transmitter_makes_the_airy_pattern():
    x = np.linspace(0.01, 30.0, 50)
    amplitude = d.far_field_amplitude(x, truncation_ratio=1e-6)
    assert_allclose(amplitude, special.j1(x) / x, atol=1e-12)
    first_zero = np.pi * 1.2196698912665045
    assert abs(d.far_field_amplitude(first_zero, truncation_ratio=1e-6)) < 1e-12


def test_uniformly_lit_ring_is_a_difference_of_two_airy_patterns():
    x, gamma = np.linspace(0.01, 30.0, 50), 0.4
    expected = special.j1(x) / x - gamma**2 * special.j1(gamma * x) / (gamma * x)
    assert_allclose(d.far_field_amplitude(x, truncation_ratio=1e-6, obscuration_ratio=gamma), expected, atol=1e-12)


def test_divergence_of_a_narrow_ring_is_the_first_crossing():
    x = 0.5 * np.pi * d.diffraction_limited_divergence(1.0, 1.0, truncation_ratio=1e-3, obscuration_ratio=0.99)
    mean_radius = 0.995
    assert_allclose(special.j0(mean_radius * x) ** 2, np.exp(-2.0), rtol=1e-4)
    assert x < 2.4048  # within the central lobe of J0


@pytest.mark.parametrize("gamma", [0.0, 0.3])
@pytest.mark.parametrize("alpha", [0.5, 1.12, 3.0])
def test_gain_efficiency_is_the_peak_of_the_far_field(alpha, gamma):
    peak = d.far_field_amplitude(0.0, truncation_ratio=alpha, obscuration_ratio=gamma) ** 2
    assert_allclose(d.on_axis_gain_efficiency(alpha, gamma), 8.0 * alpha**2 * peak, rtol=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.3])
def test_far_receiver_sees_the_on_axis_gain(gamma):
    wavelength_m, transmitter_m, alpha, range_m, receiver_m = 850e-9, 0.3, 1.12, 1e8, 1.0
    gain = d.on_axis_gain_efficiency(alpha, gamma) * (np.pi * transmitter_m / wavelength_m) ** 2
    expected = gain * (receiver_m / (4.0 * range_m)) ** 2 / d.transmitted_fraction(alpha, gamma)
    fraction = d.captured_fraction(
        range_m,
        model="truncated_gaussian",
        wavelength_m=wavelength_m,
        transmitter_aperture_m=transmitter_m,
        truncation_ratio=alpha,
        obscuration_ratio=gamma,
        aperture_m=receiver_m,
    )
    assert_allclose(fraction, expected, rtol=1e-4)


def truncated(range_m, alpha, **receiver):
    return d.captured_fraction(
        range_m,
        model="truncated_gaussian",
        wavelength_m=850e-9,
        transmitter_aperture_m=0.3,
        truncation_ratio=alpha,
        **receiver,
    )


def test_truncated_beam_becomes_the_gaussian_when_the_rim_is_far_out():
    range_m = np.geomspace(5e4, 5e6, 9)
    gaussian = d.captured_fraction(
        range_m, divergence_full_angle_rad=4 * 6.0 * 850e-9 / (np.pi * 0.3), aperture_m=1.0, obscuration_m=0.3
    )
    assert_allclose(truncated(range_m, 6.0, aperture_m=1.0, obscuration_m=0.3), gaussian, rtol=1e-9)


def test_truncated_beam_becomes_the_airy_pattern_when_the_rim_is_close():
    range_m = np.geomspace(5e4, 5e6, 9)
    x = np.pi * 0.3 * 0.5 / (850e-9 * range_m)
    encircled = 1.0 - special.j0(x) ** 2 - special.j1(x) ** 2
    assert_allclose(truncated(range_m, 1e-4, aperture_m=1.0), encircled, rtol=1e-7)


@given(st.floats(0.2, 5.0), st.floats(1e5, 1e7), st.floats(1.0, 5.0))
def test_truncated_beam_loses_with_range(alpha, range_m, further):
    near, far = truncated(np.array([range_m, range_m * further]), alpha, aperture_m=1.0)
    assert 0.0 < far <= near * (1.0 + 1e-9) <= 1.0 + 1e-8


@given(st.floats(0.05, 5.0), st.floats(0.0, 0.9))
def test_what_passes_the_transmitter_is_a_share_of_the_beam(alpha, gamma):
    def irradiance(u):
        return 4.0 * alpha**2 * u * np.exp(-2.0 * (alpha * u) ** 2)

    expected = integrate.quad(irradiance, gamma, 1.0)[0]
    assert_allclose(d.transmitted_fraction(alpha, gamma), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"range_m": 0.0}, "range_m=0 is not above 0: give it in metres"),
        ({"range_m": np.nan}, "range_m=nan is not above 0"),
        ({"divergence_full_angle_rad": -1e-6}, "divergence_full_angle_rad=-1e-06 is not above 0: give it in radians"),
        ({"divergence_full_angle_rad": (1e-6, 1e-6, 1e-6)}, "3 values, not 1 or 2"),
        ({"aperture_m": -1.0}, "aperture_m=-1 is not above 0"),
        ({"obscuration_m": 1.2}, r"obscuration_m=1.2 is outside \[0, 1\)"),
        ({"model": "gausian"}, "model='gausian' is unknown: choose one of gaussian, truncated_gaussian"),
    ],
)
def test_wrong_input_says_value_bound_and_way_out(arguments, message):
    good = {"range_m": 1e6, "divergence_full_angle_rad": 1e-5, "aperture_m": 1.0, "obscuration_m": 0.0}
    arguments = good | arguments
    with pytest.raises(ValueError, match=message):
        d.captured_fraction(arguments.pop("range_m"), **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"truncation_ratio": 0.0}, "truncation_ratio=0 is not above 0: give a positive number"),
        ({"truncation_ratio": 1.0, "obscuration_ratio": 1.0}, r"obscuration_ratio=1 is outside \[0, 1\)"),
        ({"truncation_ratio": 1.0, "level": 1.0}, r"level=1 is outside \(0, 1\)"),
    ],
)
def test_wrong_transmitter_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        d.diffraction_limited_divergence(850e-9, 0.3, **arguments)


def test_geometric_loss_by_hand():
    """A beam of ten times the receiver's diameter has a hundred times its area."""
    assert_allclose(d.geometric_loss_db([10.0, 1.0], 1.0), [20.0, 0.0], atol=1e-12)
    with pytest.raises(ValueError, match="aperture_m=0 is not above 0: give it in metres"):
        d.geometric_loss_db(10.0, 0.0)
