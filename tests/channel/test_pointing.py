"""Pointing: the mean factor against the captured fraction of a smeared beam, quadrature and drawn samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import integrate

from satqkd.channel import diffraction, pointing

jitters_rad = st.floats(0.0, 2e-5)
divergences_rad = st.floats(1e-6, 1e-4)
five_sigma = 5.0


def test_mean_factor_of_a_round_beam():
    w, sigma = 5e-6, 1.2e-6
    assert_allclose(pointing.mean_pointing_factor(sigma, 2 * w), w**2 / (w**2 + 4 * sigma**2), rtol=1e-12)


def test_mean_factor_is_the_average_over_the_jitter():
    theta_x, theta_y, sigma = 8.5e-6, 11e-6, 1.2e-6

    x = np.linspace(-9.0, 9.0, 1001) * sigma
    y = x[:, None]
    density = np.exp(-(x**2 + y**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
    loss = np.exp(-8.0 * ((x / theta_x) ** 2 + (y / theta_y) ** 2))
    expected = np.trapezoid(np.trapezoid(density * loss, x), x)
    assert_allclose(pointing.mean_pointing_factor(sigma, (theta_x, theta_y)), expected, rtol=1e-9)


@pytest.mark.parametrize("divergence", [10e-6, (8.5e-6, 11e-6)])
def test_smeared_beam_gives_the_same_mean_to_a_small_receiver(divergence):
    smeared = pointing.jittered_divergence_rad(1.2e-6, divergence)
    steady = diffraction.captured_fraction(1e9, divergence_full_angle_rad=divergence, aperture_m=1.0)
    jittered = diffraction.captured_fraction(1e9, divergence_full_angle_rad=smeared, aperture_m=1.0)
    assert_allclose(pointing.mean_pointing_factor(1.2e-6, divergence), jittered / steady, rtol=1e-6)


@given(jitters_rad, jitters_rad, divergences_rad, divergences_rad)
def test_larger_jitter_never_loses_less(sigma, other, theta_x, theta_y):
    small, large = sorted((sigma, other))
    more = pointing.mean_pointing_factor(large, (theta_x, theta_y))
    less = pointing.mean_pointing_factor(small, (theta_x, theta_y))
    assert 0.0 < more <= less <= 1.0


@given(jitters_rad, jitters_rad, divergences_rad)
def test_axes_are_independent(sigma_x, sigma_y, theta):
    both = pointing.mean_pointing_factor((sigma_x, sigma_y), theta)
    x_squared = pointing.mean_pointing_factor(sigma_x, theta)
    y_squared = pointing.mean_pointing_factor(sigma_y, theta)
    assert_allclose(both**2, x_squared * y_squared, rtol=1e-9)


def test_no_jitter_loses_nothing():
    assert pointing.mean_pointing_factor(0.0, (8e-6, 11e-6)) == 1.0
    drawn = pointing.sample_pointing_factor(
        np.random.default_rng(1), 10, jitter_rad=0.0, divergence_full_angle_rad=1e-5
    )
    assert np.all(drawn == 1.0)


@pytest.mark.parametrize("jitter", [0.4e-6, 1.2e-6, (3e-6, 1e-6)])
@pytest.mark.parametrize("divergence", [10e-6, (8.5e-6, 11e-6)])
def test_mean_of_the_draws_is_the_formula(jitter, divergence):
    optics = {"jitter_rad": jitter, "divergence_full_angle_rad": divergence}
    drawn = pointing.sample_pointing_factor(np.random.default_rng(20161219), 200_000, **optics)
    error = drawn.std() / np.sqrt(drawn.size)
    assert abs(drawn.mean() - pointing.mean_pointing_factor(jitter, divergence)) < five_sigma * error
    assert drawn.min() > 0.0
    assert drawn.max() <= 1.0


def test_draws_follow_the_power_law():
    sigma, theta = 2e-6, 10e-6
    drawn = pointing.sample_pointing_factor(
        np.random.default_rng(7), 20_000, jitter_rad=sigma, divergence_full_angle_rad=theta
    )

    def cumulative(h):
        density = lambda x: pointing.pointing_factor_pdf(x, jitter_rad=sigma, divergence_full_angle_rad=theta)  # noqa: E731
        return np.array([integrate.quad(density, 0.0, limit)[0] for limit in np.atleast_1d(h)])

    grid = np.linspace(0.02, 1.0, 50)
    empirical = np.searchsorted(np.sort(drawn), grid) / drawn.size
    kolmogorov_at_one_in_a_million = 2.7 / np.sqrt(drawn.size)
    assert np.max(np.abs(empirical - cumulative(grid))) < kolmogorov_at_one_in_a_million


@given(st.floats(0.3e-6, 5e-6), st.floats(5e-6, 2e-5))
def test_density_integrates_to_one_and_to_the_mean(sigma, theta):
    def density(h):
        return pointing.pointing_factor_pdf(h, jitter_rad=sigma, divergence_full_angle_rad=theta)

    # The substitution h = t^4 tames the pole that strong jitter puts at zero.
    total = integrate.quad(lambda t: density(t**4) * 4 * t**3, 0.0, 1.0, limit=200)[0]
    mean = integrate.quad(lambda t: t**4 * density(t**4) * 4 * t**3, 0.0, 1.0, limit=200)[0]
    assert_allclose(total, 1.0, rtol=1e-6)
    assert_allclose(mean, pointing.mean_pointing_factor(sigma, theta), rtol=1e-6)


def test_density_vanishes_outside_the_possible():
    outside = pointing.pointing_factor_pdf([-0.1, 0.0, 1.1], jitter_rad=1e-6, divergence_full_angle_rad=1e-5)
    assert np.all(outside == 0.0)


@pytest.mark.parametrize("jitter", [0.4e-6, 2e-6, (3e-6, 1e-6)])
@pytest.mark.parametrize("divergence", [10e-6, (8.5e-6, 11e-6)])
def test_variance_of_the_draws_is_the_formula(jitter, divergence):
    optics = {"jitter_rad": jitter, "divergence_full_angle_rad": divergence}
    drawn = pointing.sample_pointing_factor(np.random.default_rng(3), 200_000, **optics)
    relative = drawn / pointing.mean_pointing_factor(jitter, divergence) - 1.0
    error = np.std(relative**2) / np.sqrt(drawn.size)
    assert abs(np.mean(relative**2) - pointing.pointing_variance(jitter, divergence)) < five_sigma * error


def test_variance_is_that_of_the_power_law():
    power = (10e-6 / (4 * 2e-6)) ** 2
    expected = 1.0 / (power * (power + 2.0))  # beta distribution with exponents (power, 1)
    assert_allclose(pointing.pointing_variance(2e-6, 10e-6), expected, rtol=1e-12)


def test_wrong_input_says_value_bound_and_way_out():
    with pytest.raises(ValueError, match="jitter_rad=-1e-06 is below 0: give the standard deviation per axis"):
        pointing.mean_pointing_factor(-1e-6, 1e-5)
    with pytest.raises(ValueError, match="divergence_full_angle_rad=0 is not above 0: give it in radians"):
        pointing.mean_pointing_factor(1e-6, (1e-5, 0.0))
    with pytest.raises(ValueError, match="round beam only: give one jitter_rad and one divergence, or sample"):
        pointing.pointing_factor_pdf(0.5, jitter_rad=1e-6, divergence_full_angle_rad=(1e-5, 2e-5))
