"""Far field: limits that follow by hand, power, and agreement with the perfect telescope of the diffraction module."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satqkd.channel import link_budget, observables
from satqkd.channel.diffraction import captured_fraction
from satqkd.channel.far_field import (
    FarField,
    captured_of_pattern,
    divergences_rad,
    far_field,
    fitted_divergence_rad,
    scanned,
    strehl_ratio,
)
from satqkd.scenario import ScenarioError

from ..sizes import examples

TELESCOPE = {"wavelength_m": 850e-9, "aperture_m": 0.3}
UNIFORM = 0.01  # truncation of a beam that is much wider than the aperture


def power(pattern):
    return pattern.intensity.sum() * (pattern.angle_rad[1] - pattern.angle_rad[0]) ** 2


def test_a_uniform_aperture_has_the_airy_pattern():
    """Peak area/lambda^2, first dark ring at 1.22 lambda/D, 1/e2 points 1.645 lambda/D apart."""
    pattern = far_field(**TELESCOPE, truncation=UNIFORM)
    area_m2 = np.pi * 0.15**2
    assert pattern.intensity.max() == pytest.approx(area_m2 / 850e-9**2, rel=2e-3)
    assert divergences_rad(pattern)[0] == pytest.approx(1.645 * 850e-9 / 0.3, rel=5e-3)
    cut = pattern.intensity[:, pattern.angle_rad.size // 2]
    dark = np.abs(pattern.angle_rad - 1.22 * 850e-9 / 0.3).argmin()
    assert cut[dark] < 1e-3 * cut.max()


def test_an_obscured_uniform_aperture_by_hand():
    """The field on the axis is that of the open area, and the power too: the peak falls by 1 - g^2."""
    pattern, whole = (far_field(**TELESCOPE, truncation=UNIFORM, obscuration_m=d) for d in (0.12, 0.0))
    assert strehl_ratio(pattern, whole) == pytest.approx(1 - 0.4**2, rel=1e-2)
    assert divergences_rad(pattern)[0] < divergences_rad(whole)[0]


def test_the_best_truncation_has_the_gain_of_klein_and_degnan():
    """0.8145 of (pi D / lambda)^2 per emitted light, of which 1 - exp(-2 alpha^2) passes the rim."""
    passing = 1 - np.exp(-2 * 1.12**2)
    gain = 4 * np.pi * far_field(**TELESCOPE).intensity.max() * passing
    assert gain / (np.pi * 0.3 / 850e-9) ** 2 == pytest.approx(0.8145, rel=3e-3)


def test_a_wide_aperture_leaves_the_gaussian():
    """Truncated at four radii, a waist of D/8 has the divergence 2 lambda / (pi w0)."""
    pattern = far_field(**TELESCOPE, truncation=4.0)
    assert divergences_rad(pattern)[0] == pytest.approx(2 * 850e-9 / (np.pi * 0.3 / 8), rel=5e-3)


@settings(max_examples=examples(15))  # each takes two transforms of the whole grid
@given(st.floats(0.3, 2.5), st.floats(0, 0.5), st.floats(-0.15, 0.15), st.floats(-0.1, 0.1))
def test_power_is_kept_and_no_error_brightens_the_peak(truncation, obscured, defocus, coma):
    telescope = TELESCOPE | {"truncation": truncation, "obscuration_m": 0.3 * obscured}
    perfect = far_field(**telescope)
    wrong = far_field(**telescope, wavefront_waves={"defocus": defocus, "coma_x": coma})
    outside_the_grid = 0.1  # rings of an obscured aperture
    assert 1 - outside_the_grid < power(wrong) < 1.001
    assert strehl_ratio(wrong, perfect) < 1 + 1e-9


@pytest.mark.parametrize("term", ["defocus", "astigmatism_45", "coma_y", "spherical"])
def test_small_errors_follow_marechal(term):
    uniform = TELESCOPE | {"truncation": UNIFORM}
    ratio = strehl_ratio(far_field(**uniform, wavefront_waves={term: 0.04}), far_field(**uniform))
    assert ratio == pytest.approx(np.exp(-((2 * np.pi * 0.04) ** 2)), abs=5e-3)


def test_astigmatism_and_defocus_make_an_ellipse_that_turns_with_the_sign():
    errors = {"defocus": 0.15, "astigmatism_0": 0.04}
    x, y = divergences_rad(far_field(**TELESCOPE, wavefront_waves=errors))
    turned = divergences_rad(far_field(**TELESCOPE, wavefront_waves=errors | {"astigmatism_0": -0.04}))
    assert x > 1.2 * y
    assert turned == pytest.approx((y, x), rel=1e-6)


def test_the_capture_is_that_of_the_perfect_telescope():
    pattern = far_field(**TELESCOPE)
    range_m = np.array([5e5, 1e6, 2e6])
    mirror = {"aperture_m": 1.2, "obscuration_m": 0.3}
    found = captured_of_pattern(pattern, range_m, **mirror)
    known = captured_fraction(
        range_m,
        model="truncated_gaussian",
        wavelength_m=850e-9,
        transmitter_aperture_m=0.3,
        truncation_ratio=1.12,
        **mirror,
    )
    assert found == pytest.approx(known, rel=5e-3)


def test_a_scan_adds_the_jitter_in_quadrature_to_a_gaussian():
    angle = np.linspace(-4e-5, 4e-5, 801)
    gaussian = FarField(angle, np.exp(-8 * np.add.outer((angle / 8e-6) ** 2, (angle / 11e-6) ** 2)))
    expected = [np.sqrt(width**2 + 16 * 1.2**2) for width in (8, 11)]
    assert [1e6 * w for w in divergences_rad(scanned(gaussian, jitter_rad=1.2e-6))] == pytest.approx(expected, rel=1e-3)


def test_the_fit_of_a_scan_knows_its_deviation():
    rng, offset = np.random.default_rng(1), np.linspace(-1.2e-5, 1.2e-5, 25)
    fits = [fitted_divergence_rad(offset, rng.poisson(500 * np.exp(-8 * (offset / 9e-6) ** 2))) for _ in range(150)]
    widths, sigmas = np.array(fits).T
    assert widths.mean() == pytest.approx(9e-6, rel=5e-3)
    assert sigmas.mean() == pytest.approx(widths.std(), rel=0.15)


def test_what_is_no_telescope_is_refused():
    with pytest.raises(ValueError, match="'tilt' is unknown: take one of defocus"):
        far_field(**TELESCOPE, wavefront_waves={"tilt": 0.1})
    with pytest.raises(ValueError, match="outside"):
        far_field(**TELESCOPE, obscuration_m=0.3)
    with pytest.raises(ValueError, match="wider than its grid"):
        divergences_rad(far_field(**TELESCOPE, wavefront_waves={"defocus": 2.0}))


def test_the_gaussian_stays_and_the_pattern_replaces_it_by_name(missions, orbits):
    scenario, orbit = missions["liao2017"].replaced({"transmitter.far_field": None}), orbits["liao2017"]
    plain = link_budget(scenario, orbit)
    beside = link_budget(missions["liao2017"], orbit)
    assert beside.loss.equals(plain.loss)
    assert observables(beside)["divergence_scanned"][0][0] > 8
    fed = link_budget(missions["liao2017"].replaced({"transmitter.far_field.capture": "pattern"}), orbit)
    change_db = (fed.loss - plain.loss).sel(component="diffraction")
    assert 0.1 < np.abs(change_db).max() < 2  # the same divergence, another form
    assert fed.loss.sel(component="atmosphere").equals(plain.loss.sel(component="atmosphere"))
    with pytest.raises(ScenarioError, match="wavefront_waves"):
        missions["liao2017"].replaced({"transmitter.far_field.wavefront_waves": {"tilt": 0.1}})
