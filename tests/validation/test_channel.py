"""Channel models against numbers that others computed, and against simulations that share no formula with them."""

import erfa
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize, special, stats

from satqkd.channel import atmosphere, diffraction, pointing, turbulence
from satqkd.scenario.mission import NARROWEST_DIVERGENCE

hv57 = turbulence.HufnagelValley()
five_sigma = 5.0


# --- Diffraction -----------------------------------------------------------------------------------------------------


def marcum_q(a, b):
    """Marcum Q function of order one, as the tail of a noncentral chi-square distribution."""
    return stats.ncx2.sf(b**2, 2, a**2)


@pytest.mark.parametrize("range_m", [5e4, 3e5, 1.2e6])
def test_elliptical_beam_follows_the_hoyt_distribution(range_m):
    """Power within a circle of an elliptical Gaussian: the Hoyt distribution in Marcum Q functions."""
    sigma_x, sigma_y, radius_m = 11e-6 * range_m / 4, 8.5e-6 * range_m / 4, 0.5
    a, b = 0.5 * radius_m * (1 / sigma_y + 1 / sigma_x), 0.5 * radius_m * (1 / sigma_y - 1 / sigma_x)
    fraction = diffraction.captured_fraction(range_m, divergence_full_angle_rad=(11e-6, 8.5e-6), aperture_m=1.0)
    assert_allclose(fraction, marcum_q(a, b) - marcum_q(b, a), rtol=1e-9)


def test_uniformly_lit_aperture_has_the_widths_of_the_airy_pattern():
    """First dark ring at 1.22, full width at half maximum 1.029 and at 1/e^2 1.645 wavelengths over the diameter."""
    width = {"truncation_ratio": 1e-3}
    assert_allclose(diffraction.diffraction_limited_divergence(1.0, 1.0, level=0.5, **width), 1.029, atol=0.0005)
    assert_allclose(diffraction.diffraction_limited_divergence(1.0, 1.0, **width), 1.645, atol=0.0005)
    dark = optimize.brentq(lambda x: diffraction.far_field_amplitude(np.pi * x, **width), 1.0, 1.5)
    assert_allclose(dark, 1.22, atol=0.0005)


@pytest.mark.parametrize("beam_over_aperture", [0.5, 0.7, 1.0, 1.5, 2.0, 4.0])
def test_truncated_beam_has_the_width_of_ureys_fit(beam_over_aperture):
    """H. Urey, Appl. Opt. 43, 620 (2004): polynomials fitted to the diffraction integral."""
    inverse = 1.0 / beam_over_aperture
    one_per_cent_of_the_fit = 0.01
    width = {"truncation_ratio": inverse}
    assert_allclose(
        diffraction.diffraction_limited_divergence(1.0, 1.0, **width),
        1.654 - 0.105 * inverse + 0.28 * inverse**2,
        rtol=one_per_cent_of_the_fit,
    )
    assert_allclose(
        diffraction.diffraction_limited_divergence(1.0, 1.0, level=0.5, **width),
        1.036 - 0.058 * inverse + 0.156 * inverse**2,
        rtol=one_per_cent_of_the_fit,
    )


@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.2, 0.3, 0.4])
def test_best_truncation_is_that_of_klein_and_degnan(gamma):
    """Appl. Opt. 13, 2134 (1974): the optimum is 1.12 - 1.30 gamma^2 + 2.12 gamma^4 to one per cent."""
    best = optimize.minimize_scalar(
        lambda alpha: -diffraction.on_axis_gain_efficiency(alpha, gamma), bounds=(0.5, 2.0), method="bounded"
    )
    one_per_cent = 0.011
    assert_allclose(best.x, 1.12 - 1.30 * gamma**2 + 2.12 * gamma**4, rtol=one_per_cent)
    if gamma == 0.0:
        assert_allclose(-best.fun, 0.8145, atol=5e-5)


def test_thrown_photons_hit_the_receiver_as_often_as_computed():
    """Photons of a jittering elliptical beam are thrown one by one; nothing here knows the formulas."""
    rng, photons, range_m = np.random.default_rng(549), 1_000_000, 1.5e5
    divergence, jitter_rad = np.array([8.5e-6, 11e-6]), 1.2e-6
    axis_error = rng.normal(0.0, jitter_rad, (photons, 2))
    landing_m = range_m * (axis_error + rng.normal(0.0, divergence / 4, (photons, 2)))
    radius_m = np.hypot(*landing_m.T)
    hits = np.count_nonzero((radius_m < 0.5) & (radius_m > 0.15))
    smeared = pointing.jittered_divergence_rad(jitter_rad, divergence)
    fraction = diffraction.captured_fraction(
        range_m, divergence_full_angle_rad=smeared, aperture_m=1.0, obscuration_m=0.3
    )
    assert abs(hits - photons * fraction) < five_sigma * np.sqrt(photons * fraction * (1 - fraction))


@pytest.mark.parametrize(
    ("divergence_rad", "aperture_m", "range_m", "published_db"),
    [(35e-6, 1.2, 388e3, 21.0), (35e-6, 1.2, 719e3, 26.0), (10e-6, 1.0, 1200e3, 22.0)],
)
def test_printed_losses_are_ratios_of_areas_and_ours_three_db_less(divergence_rad, aperture_m, range_m, published_db):
    """The losses printed for tiangong2 (388 and 719 km) and liao2017 (1200 km, divergence "about 10" microradians in
    its main text) come out of a uniform disc of the 1/e^2 diameter. The axis of a Gaussian is twice as bright as that
    disc, so a centred receiver loses 3.01 dB less."""
    diameter_m = diffraction.beam_diameter_m(range_m, divergence_rad)
    area_ratio_db = diffraction.geometric_loss_db(diameter_m, aperture_m)
    printed_to_the_unit = 0.5
    assert_allclose(area_ratio_db, published_db, atol=printed_to_the_unit)
    fraction = diffraction.captured_fraction(range_m, divergence_full_angle_rad=divergence_rad, aperture_m=aperture_m)
    finite_receiver = 0.05
    assert_allclose(area_ratio_db + 10 * np.log10(fraction), 10 * np.log10(2.0), atol=finite_receiver)


def test_no_beam_of_a_scenario_is_narrower_than_the_best_truncated_gaussian():
    """1.8836 wavelengths over the aperture: the width of the far field at the truncation of the highest irradiance."""
    best = optimize.minimize_scalar(lambda ratio: -diffraction.on_axis_gain_efficiency(ratio), bounds=(1.0, 1.3))
    assert_allclose(best.x, 1.12, atol=0.005)  # Klein and Degnan 1974
    angle = diffraction.diffraction_limited_divergence(1.0, 1.0, truncation_ratio=best.x)
    assert_allclose(NARROWEST_DIVERGENCE, angle, atol=1e-4)


def test_tiangong2_beam_is_24_5_metres_wide_at_700_km():
    assert_allclose(diffraction.beam_diameter_m(700e3, 35e-6), 24.5, rtol=1e-12)


# --- Atmosphere ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("elevation_deg", "published"), [(0.0, 37.92), (5.0, 10.31), (10.0, 5.586), (30.0, 1.994)])
def test_air_mass_has_the_values_of_its_paper(elevation_deg, published):
    assert_allclose(atmosphere.air_mass(elevation_deg), published, rtol=1e-3)


def young_air_mass(elevation_deg):
    """A. T. Young, Appl. Opt. 33, 1108 (1994), in the geometric elevation."""
    c = np.sin(np.radians(elevation_deg))
    return (1.002432 * c**2 + 0.148386 * c + 0.0096467) / (c**3 + 0.149864 * c**2 + 0.0102963 * c + 0.000303978)


@pytest.mark.parametrize(("elevation_deg", "excess"), [(10.0, 0.008), (15.0, 0.004), (30.0, 0.001), (80.0, 0.0)])
def test_neglected_refraction_costs_what_is_said(elevation_deg, excess):
    assert_allclose(atmosphere.air_mass(elevation_deg) / young_air_mass(elevation_deg) - 1.0, excess, atol=0.0005)


def test_apparent_elevation_brings_the_two_air_masses_together():
    """The refraction of ERFA for the standard atmosphere at sea level explains the difference."""
    a, b = erfa.refco(1013.25, 15.0, 0.0, 0.55)
    elevation_deg = np.array([10.0, 15.0, 30.0])
    tangent = 1.0 / np.tan(np.radians(elevation_deg))
    bending_deg = np.degrees(a * tangent + b * tangent**3)
    assert_allclose(bending_deg, [0.09, 0.06, 0.03], atol=0.005)
    two_fits = 1e-3
    assert_allclose(atmosphere.air_mass(elevation_deg + bending_deg), young_air_mass(elevation_deg), rtol=two_fits)


# --- Turbulence ------------------------------------------------------------------------------------------------------


def test_hv57_earns_its_name():
    """Five centimetres and seven microradians at 0.5 micrometres towards the zenith."""
    path = {"wavelength_m": 0.5e-6, "profile": hv57}
    printed_to_the_digit = 0.5
    assert_allclose(100 * turbulence.fried_parameter_m(90.0, **path), 5.0, atol=0.1 * printed_to_the_digit)
    assert_allclose(1e6 * turbulence.isoplanatic_angle_rad(90.0, **path), 7.0, atol=printed_to_the_digit)


def test_seeing_is_0_98_wavelengths_over_the_fried_parameter():
    """Full width at half maximum of a long exposure, from the slope of the encircled share."""
    fried_m, wavelength_m = 0.1, 0.5e-6
    radius = np.linspace(0.005, 1.0, 400) * wavelength_m / fried_m
    share = np.array(
        [turbulence.field_of_view_fraction(fried_m, wavelength_m=wavelength_m, field_of_view_rad=2 * r) for r in radius]
    )
    irradiance = np.gradient(share, radius) / radius
    full_width = 2 * np.interp(-0.5, -irradiance[1:-1] / irradiance[1], radius[1:-1]) * fried_m / wavelength_m
    assert_allclose(full_width, 0.98, atol=0.01)


def test_large_telescopes_flicker_as_astronomers_know():
    """17.34 D^(-7/3) sec^3(z) times the second moment, for a hard rim; the soft edge lies 11 per cent lower.

    The coefficient is that of short exposures in e.g. J. Osborn et al., Mon. Not. R. Astron. Soc. 452, 1707 (2015).
    """
    aperture_m, elevation_deg = 100.0, np.array([30.0, 90.0])
    secant = 1.0 / np.sin(np.radians(elevation_deg))
    astronomers = 17.34 * aperture_m ** (-7 / 3) * secant**3 * turbulence.turbulence_moment(hv57, 2.0)
    ours = turbulence.flux_variance(elevation_deg, wavelength_m=0.5e-6, profile=hv57, aperture_m=aperture_m)
    soft_over_hard = 0.885  # ratio of the two filters' moments of order 4/3, in gamma functions
    assert_allclose(ours / astronomers, soft_over_hard, atol=0.003)


def hard_edged_flux_variance(height_m, strength, wavelength_m, aperture_m):
    """Filter integral of the weak theory for one layer and a receiver with a rim; x is kappa D / 2."""
    k, radius_m = 2 * np.pi / wavelength_m, aperture_m / 2
    log_x = np.linspace(np.log(1e-4), np.log(1e4), 400_001)
    x = np.exp(log_x)
    fresnel = 2 * np.sin(x**2 * height_m / (2 * k * radius_m**2)) ** 2
    filtered = np.trapezoid(x ** (-5 / 3) * (2 * special.j1(x) / x) ** 2 * fresnel, log_x)
    return 8 * np.pi**2 * k**2 * 0.033 * strength * radius_m ** (5 / 3) * filtered


def gaussian_layer(height_m, strength):
    """Profile of a layer 800 m thick, thin enough to count as one screen, thick enough for the quadrature."""
    return lambda h: strength / (np.sqrt(2 * np.pi) * 800.0) * np.exp(-0.5 * ((h - height_m) / 800.0) ** 2)


@pytest.mark.parametrize("aperture_m", [0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 10.0])
def test_soft_edge_stays_within_eighteen_per_cent_of_a_rim(aperture_m):
    hard = hard_edged_flux_variance(1e4, 1e-13, 850e-9, aperture_m)
    path = {"wavelength_m": 850e-9, "profile": gaussian_layer(1e4, 1e-13)}
    soft = turbulence.flux_variance(90.0, aperture_m=aperture_m, **path)
    stated = 0.18
    assert_allclose(soft, hard, rtol=stated)


def scintillation_of_phase_screens(height_m, strength, wavelength_m, aperture_m, screens, rng):
    """Waves behind random Kolmogorov screens, propagated by FFT: variances of irradiance and of collected flux."""
    size, step_m = 512, 6e-3
    kx = 2 * np.pi * np.fft.fftfreq(size, step_m)
    kappa_squared = kx[:, None] ** 2 + kx**2
    kappa_squared[0, 0] = np.inf  # no piston
    k = 2 * np.pi / wavelength_m
    density = 2 * np.pi * k**2 * strength * 0.033 * kappa_squared ** (-11 / 6)
    amplitude = size**2 * (2 * np.pi / (size * step_m)) * np.sqrt(density / 2)
    kappa_squared[0, 0] = 0.0
    propagator = np.exp(-0.5j * kappa_squared * height_m / k)
    axis = (np.arange(size) - size // 2) * step_m
    pupil = np.fft.fft2(np.fft.ifftshift(np.hypot(axis[:, None], axis) <= aperture_m / 2))
    point, flux = [], []
    for _ in range(screens):
        noise = rng.standard_normal((size, size)) + 1j * rng.standard_normal((size, size))
        phase = np.fft.ifft2(noise * amplitude) * np.sqrt(2.0)
        for screen in (phase.real, phase.imag):
            irradiance = np.abs(np.fft.ifft2(np.fft.fft2(np.exp(1j * screen)) * propagator)) ** 2
            point.append(irradiance.var() / irradiance.mean() ** 2)
            collected = np.fft.ifft2(np.fft.fft2(irradiance) * pupil).real
            flux.append(collected.var() / collected.mean() ** 2)
    return np.array(point), np.array(flux)


@pytest.mark.slow
def test_wave_optics_scintillates_as_the_theory_says():
    """A layer at 10 km, weak turbulence: simulated waves against Rytov variance, index and aperture averaging."""
    wavelength_m, aperture_m, strength = 850e-9, 0.3, 1.0e-13
    path = {"wavelength_m": wavelength_m, "profile": gaussian_layer(1e4, strength)}
    index = turbulence.scintillation_index(turbulence.rytov_variance(90.0, **path))
    averaged = turbulence.flux_variance(90.0, aperture_m=aperture_m, **path)
    point, flux = scintillation_of_phase_screens(
        1e4, strength, wavelength_m, aperture_m, screens=20, rng=np.random.default_rng(53)
    )
    sample_and_grid = 0.03
    assert_allclose(point.mean(), index, rtol=sample_and_grid)
    hard_edge = hard_edged_flux_variance(1e4, strength, wavelength_m, aperture_m)
    sample = 5.0 * flux.std() / np.sqrt(flux.size)
    assert_allclose(flux.mean(), hard_edge, atol=sample)
    soft_against_hard = 0.18
    assert_allclose(flux.mean(), averaged, rtol=soft_against_hard)
