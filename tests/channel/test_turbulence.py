"""Turbulence: each integral against adaptive quadrature or its definition, and the invariants of fading."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import integrate, special

from satqkd.channel import turbulence as t

elevations_deg = st.floats(5.0, 90.0)
zenith = {"elevation_deg": 90.0, "wavelength_m": 850e-9}
hv57 = t.HufnagelValley()
five_sigma = 5.0


def by_quadrature(integrand):
    return integrate.quad(integrand, 0.0, 6e4, points=[50, 300, 1e3, 5e3, 1e4, 1.5e4, 3e4], limit=500, epsabs=0.0)[0]


@pytest.mark.parametrize("station_altitude_m", [0.0, 3200.0])
@pytest.mark.parametrize("power", [0.0, 5 / 6, 5 / 3, 2.0])
def test_moment_is_the_integral(power, station_altitude_m):
    profile = t.HufnagelValley(station_altitude_m=station_altitude_m)
    assert_allclose(t.turbulence_moment(profile, power), by_quadrature(lambda h: profile(h) * h**power), rtol=1e-6)


def test_moment_of_an_exponential_layer_is_a_gamma_function():
    scale_m = 1500.0
    moment = t.turbulence_moment(lambda h: 1e-16 * np.exp(-h / scale_m), 5 / 6)
    assert_allclose(moment, 1e-16 * scale_m ** (11 / 6) * special.gamma(11 / 6), rtol=1e-8)


def test_mountain_keeps_its_ground_layer_and_loses_the_air_below():
    mountain = t.HufnagelValley(station_altitude_m=3200.0)
    assert mountain(0.0) > 1.7e-14
    assert np.all(mountain([500.0, 2000.0, 15e3]) < hv57([500.0, 2000.0, 15e3]))
    assert_allclose(mountain(5e3), hv57(8.2e3), rtol=1e-6)


@given(elevations_deg)
def test_integrals_grow_with_their_power_of_the_secant(elevation_deg):
    secant = 1.0 / np.sin(np.radians(elevation_deg))
    path = {"wavelength_m": 850e-9, "profile": hv57}
    for function, power in (
        (t.fried_parameter_m, -3 / 5),
        (t.isoplanatic_angle_rad, -8 / 5),
        (t.rytov_variance, 11 / 6),
    ):
        assert_allclose(function(elevation_deg, **path) / function(90.0, **path), secant**power, rtol=1e-9)


@pytest.mark.parametrize("elevation_deg", [15.0, 90.0])
def test_satellite_sends_a_plane_wave(elevation_deg):
    slant, range_m = 1.0 / np.sin(np.radians(elevation_deg)), 500e3 / np.sin(np.radians(elevation_deg))
    spherical = by_quadrature(lambda h: hv57(h) * (1.0 - h * slant / range_m) ** (5 / 3))
    share = (spherical / t.turbulence_moment(hv57, 0.0)) ** -0.6
    assert 1.0 < share < 1.003


def test_flat_atmosphere_at_ten_degrees_costs_five_per_cent_of_the_rytov_variance():
    radius_m, sine = 6.371e6, np.sin(np.radians(10.0))

    def curved(h):
        root = np.sqrt((radius_m * sine) ** 2 + 2 * radius_m * h + h**2)
        return hv57(h) * (root - radius_m * sine) ** (5 / 6) * (radius_m + h) / root

    flat = t.turbulence_moment(hv57, 5 / 6) * t.secant(10.0) ** (11 / 6)
    assert_allclose(flat / by_quadrature(curved), 1.051, atol=0.001)


@pytest.mark.slow
@pytest.mark.parametrize("aperture_m", [0.05, 0.2, 1.0])
@pytest.mark.parametrize("elevation_deg", [10.0, 90.0])
def test_flux_variance_is_the_filter_integral_of_the_weak_theory(elevation_deg, aperture_m):
    k, slant = 2 * np.pi / 850e-9, 1.0 / np.sin(np.radians(elevation_deg))
    log_kappa = np.linspace(np.log(1e-2), np.log(2e3), 1501)
    kappa = np.exp(log_kappa)[:, None]
    nodes, weights = np.polynomial.legendre.leggauss(300)
    height_m = 2e4 * (nodes + 1.0)
    kolmogorov = 0.033 * hv57(height_m) * kappa ** (-11 / 3)
    fresnel = 2 * np.sin(kappa**2 * height_m * slant / (2 * k)) ** 2
    edge = np.exp(-((aperture_m * kappa) ** 2) / 16)
    inner = 8 * np.pi**2 * k**2 * slant * (kolmogorov * fresnel * edge) @ (2e4 * weights)
    expected = np.trapezoid(inner * kappa[:, 0] ** 2, log_kappa)
    variance = t.flux_variance(elevation_deg, wavelength_m=850e-9, profile=hv57, aperture_m=aperture_m)
    assert_allclose(variance, expected, rtol=1e-4)


def test_flux_variance_of_a_point_is_the_rytov_variance():
    rounding_of_the_published_constant = 0.0012
    point = t.flux_variance([10.0, 45.0, 90.0], wavelength_m=850e-9, profile=hv57, aperture_m=0.0)
    rytov = t.rytov_variance([10.0, 45.0, 90.0], wavelength_m=850e-9, profile=hv57)
    assert_allclose(point, rytov, rtol=rounding_of_the_published_constant)


@given(elevations_deg, st.floats(0.0, 3.0), st.floats(0.0, 3.0))
def test_wider_receiver_never_flickers_more(elevation_deg, one, other):
    narrow, wide = sorted((one, other))
    path = {"wavelength_m": 850e-9, "profile": hv57}
    less = t.aperture_averaging_factor(elevation_deg, aperture_m=wide, **path)
    more = t.aperture_averaging_factor(elevation_deg, aperture_m=narrow, **path)
    assert 0.0 < less <= more * (1 + 1e-9) <= 1.0 + 1e-8


def test_weak_scintillation_is_the_rytov_variance():
    assert_allclose(t.scintillation_index(1e-4), 1e-4, rtol=1e-3)


def test_scintillation_peaks_and_then_saturates_towards_one():
    variance = np.geomspace(1e-3, 1e8, 400)
    index = t.scintillation_index(variance)
    peak = int(np.argmax(index))
    assert 2.0 < variance[peak] < 30.0
    assert 1.2 < index[peak] < 1.7
    assert np.all(np.diff(index[:peak]) > 0.0)
    assert np.all(np.diff(index[peak:]) < 0.0)
    assert_allclose(t.scintillation_index(1e12), 1.0, atol=0.02)


def test_turbulence_hardly_widens_a_downlink():
    turbulent = t.turbulent_divergence_rad(
        [20.0, 90.0], wavelength_m=850e-9, profile=hv57, range_m=np.array([1.2e6, 5e5])
    )
    ten_microradians = 10e-6
    extra_db = 10 * np.log10(1 + (turbulent / ten_microradians) ** 2)
    assert np.all(turbulent > 0.0)
    assert np.all(extra_db < 0.01)


def test_long_term_width_is_that_of_the_huygens_fresnel_integral():
    # A beam as strongly spread as an uplink: the Gaussian coherence against the 5/3 law it stands for, at 1/e^2.
    k, waist_m, coherence_m = 2 * np.pi / 850e-9, 0.1, 0.15
    rho = np.linspace(0.0, 1.2, 6001)
    transfer = np.exp(-(rho**2) / (2 * waist_m**2) - (rho / coherence_m) ** (5 / 3)) * rho
    angle = np.linspace(0.0, 12e-6, 400)
    irradiance = np.trapezoid(transfer * special.j0(k * angle[:, None] * rho), rho, axis=1)
    full_angle = 2 * np.interp(-np.exp(-2.0), -irradiance / irradiance[0], angle)
    gaussian = np.sqrt((4 / (k * waist_m)) ** 2 + 32 / (k * coherence_m) ** 2)
    five_thirds_taken_as_two = 0.05
    assert_allclose(gaussian, full_angle, rtol=five_thirds_taken_as_two)


@given(st.floats(0.01, 1.0), st.floats(1e-6, 3e-4), st.floats(1.0, 3.0))
def test_wider_field_and_better_seeing_lose_less(fried_m, field_rad, factor):
    optics = {"wavelength_m": 850e-9}
    share = t.field_of_view_fraction(fried_m, field_of_view_rad=field_rad, **optics)
    assert 0.0 < share <= 1.0 + 1e-9
    assert t.field_of_view_fraction(fried_m, field_of_view_rad=field_rad * factor, **optics) >= share - 1e-12
    assert t.field_of_view_fraction(fried_m * factor, field_of_view_rad=field_rad, **optics) >= share - 1e-12


def test_small_field_takes_the_peak_of_the_image():
    # The peak of the long-exposure image is 2 pi times the integral of its transfer function.
    fried_m, wavelength_m, field_rad = 0.1, 850e-9, 1e-8
    peak = 2 * np.pi * integrate.quad(lambda f: np.exp(-3.44 * (wavelength_m * f / fried_m) ** (5 / 3)) * f, 0, 1e6)[0]
    share = t.field_of_view_fraction(fried_m, wavelength_m=wavelength_m, field_of_view_rad=field_rad)
    assert_allclose(share, peak * np.pi * (field_rad / 2) ** 2, rtol=1e-4)


@given(st.floats(0.1, 100.0), elevations_deg, st.floats(0.0, 0.02))
def test_coherence_time_follows_aperture_and_speed(wind_m_s, elevation_deg, slew_rad_s):
    layer = {"wavelength_m": 850e-9, "height_m": 1e4}
    still = t.coherence_time_s(elevation_deg, aperture_m=1.0, wind_speed_m_s=wind_m_s, slew_rate_rad_s=0.0, **layer)
    moving = t.coherence_time_s(
        elevation_deg, aperture_m=1.0, wind_speed_m_s=wind_m_s, slew_rate_rad_s=slew_rad_s, **layer
    )
    assert_allclose(still, 1.0 / wind_m_s, rtol=1e-12)
    assert moving <= still
    point = t.coherence_time_s(90.0, aperture_m=0.0, wind_speed_m_s=wind_m_s, slew_rate_rad_s=0.0, **layer)
    assert_allclose(point, np.sqrt(850e-9 * 1e4) / wind_m_s, rtol=1e-12)


def test_single_layer_scintillates_at_its_own_height():
    layer = lambda h: 1e-16 * np.exp(-0.5 * ((h - 1e4) / 800.0) ** 2)  # noqa: E731
    assert_allclose(t.scintillation_height_m(layer), 1e4, rtol=0.01)


def test_below_the_horizon_there_is_no_path():
    path = {"wavelength_m": 850e-9, "profile": hv57}
    for function in (t.fried_parameter_m, t.isoplanatic_angle_rad, t.rytov_variance):
        assert np.isnan(function([-3.0, 30.0], **path)).tolist() == [True, False]
    variance = t.flux_variance([-3.0, 30.0], aperture_m=1.0, **path)
    assert np.isnan(t.scintillation_index(variance)).tolist() == [True, False]
    fried_m = t.fried_parameter_m([-3.0, 30.0], **path)
    share = t.field_of_view_fraction(fried_m, wavelength_m=850e-9, field_of_view_rad=27e-6)
    assert np.isnan(share).tolist() == [True, False]


def test_wrong_input_says_value_bound_and_way_out():
    with pytest.raises(ValueError, match="ground_cn2=-1 is not above 0: give a positive number"):
        t.HufnagelValley(ground_cn2=-1.0)
    with pytest.raises(ValueError, match="wavelength_m=0 is not above 0: give it in metres"):
        t.fried_parameter_m(90.0, wavelength_m=0.0, profile=hv57)
    with pytest.raises(ValueError, match="aperture_m=-1 is below 0: give the diameter in metres"):
        t.flux_variance(90.0, wavelength_m=850e-9, profile=hv57, aperture_m=-1.0)
    with pytest.raises(ValueError, match="variance=-1 is below 0: give a Rytov variance"):
        t.scintillation_index([0.1, -1.0])
