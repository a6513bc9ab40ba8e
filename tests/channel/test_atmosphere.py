"""Atmosphere: air mass against a spherical exponential atmosphere, its limits, and the extinction made of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import integrate

from satqkd.channel import atmosphere

elevations_deg = st.floats(0.0, 90.0)
models = sorted(atmosphere.AIR_MASS_MODELS)


def spherical_air_mass(elevation_deg, scale_height_m=8.4e3, earth_radius_m=6.371e6):
    """Air mass of an exponential atmosphere around a sphere, along a straight ray."""
    sine = np.sin(np.radians(elevation_deg))

    def column(h):
        path = np.sqrt((earth_radius_m * sine) ** 2 + 2.0 * earth_radius_m * h + h**2)
        return np.exp(-h / scale_height_m) * (earth_radius_m + h) / path

    return integrate.quad(column, 0.0, 1.2e5, limit=200)[0] / scale_height_m


@pytest.mark.parametrize("elevation_deg", [8.0, 10.0, 15.0, 30.0, 60.0, 90.0])
def test_air_mass_is_that_of_a_spherical_atmosphere(elevation_deg):
    # Straight rays against refracted ones: they part by half a degree only at the horizon.
    refraction_and_scale_height = 0.015
    assert_allclose(
        atmosphere.air_mass(elevation_deg), spherical_air_mass(elevation_deg), rtol=refraction_and_scale_height
    )


def test_air_mass_is_one_at_the_zenith():
    assert_allclose(atmosphere.air_mass(90.0, model="plane_parallel"), 1.0, rtol=1e-12)
    residue_of_the_fit = 3e-4
    assert_allclose(atmosphere.air_mass(90.0), 1.0, atol=residue_of_the_fit)


@given(elevations_deg, elevations_deg, st.sampled_from(models))
def test_air_mass_never_rises_with_elevation(one, other, model):
    low, high = sorted((one, other))
    assert atmosphere.air_mass(low, model=model) >= atmosphere.air_mass(high, model=model) >= 0.999


@given(st.floats(1.0, 89.0))
def test_a_round_earth_has_less_air_than_a_flat_one(elevation_deg):
    assert atmosphere.air_mass(elevation_deg) < atmosphere.air_mass(elevation_deg, model="plane_parallel")


@pytest.mark.parametrize("model", models)
@pytest.mark.parametrize("extinction", [0.0, 1.3])
def test_there_is_no_link_below_the_horizon(model, extinction):
    loss = atmosphere.extinction_db([-90.0, -1.0, 45.0], zenith_extinction_db=extinction, model=model)
    assert np.all(np.isinf(loss[:2]))
    assert np.isfinite(loss[2])


@given(st.floats(0.0, 10.0), st.floats(1.0, 90.0))
def test_extinction_is_that_of_the_zenith_times_the_air_mass(zenith_db, elevation_deg):
    loss = atmosphere.extinction_db(elevation_deg, zenith_extinction_db=zenith_db)
    assert_allclose(loss, zenith_db * atmosphere.air_mass(elevation_deg), rtol=1e-12)


def test_shape_follows_the_elevation():
    assert atmosphere.extinction_db(np.full((4, 2), 30.0), zenith_extinction_db=1.0).shape == (4, 2)


def test_wrong_input_says_value_bound_and_way_out():
    with pytest.raises(ValueError, match=r"elevation_deg=95 is outside \[-90, 90\]: give degrees above the horizon"):
        atmosphere.air_mass([10.0, 95.0])
    with pytest.raises(ValueError, match="model='flat' is unknown: choose one of kasten_young, plane_parallel"):
        atmosphere.air_mass(10.0, model="flat")
    with pytest.raises(ValueError, match="zenith_extinction_db=-1 is below 0: give the loss of one air mass in dB"):
        atmosphere.extinction_db(10.0, zenith_extinction_db=-1.0)
