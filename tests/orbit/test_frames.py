"""Frames: what any right-handed, length-keeping, rotating frame must do, and the shadow's geometry."""

import erfa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.orbit import frames

latitudes = st.floats(-89.9, 89.9)
longitudes = st.floats(-180.0, 180.0)
times = st.integers(0, 40 * 365 * 86_400).map(
    lambda s: np.array([np.datetime64("2000-01-01", "ns") + np.timedelta64(s, "s")])
)


def test_julian_date_is_exact():
    midnight, fraction = frames.julian_date(
        np.array(["2000-01-01T12:00:00", "1969-12-31T18:00:00"], dtype="datetime64[ns]")
    )
    np.testing.assert_array_equal(midnight, [2451544.5, 2440586.5])
    np.testing.assert_array_equal(fraction, [0.5, 0.75])


@given(time=times, x=st.floats(-4e7, 4e7), y=st.floats(-4e7, 4e7), z=st.floats(-4e7, 4e7))
def test_turning_keeps_length_and_height_over_the_equator(time, x, y, z):
    position = np.array([[x, y, z]])
    turned, _ = frames.teme_to_itrs(position, np.zeros((1, 3)), time)
    assert np.linalg.norm(turned) == pytest.approx(np.linalg.norm(position), rel=1e-12, abs=1e-6)
    assert turned[0, 2] == position[0, 2]


def test_velocity_is_the_derivative_of_the_position():
    step_s = 0.5
    times = np.datetime64("2017-01-01T05:00", "ns") + np.array([-5, 0, 5]) * np.timedelta64(100_000_000, "ns")
    velocity = np.array([[1e3, -7e3, 2e3]])
    position = np.array([[6e6, 3e6, -1e6]]) + np.array([[-step_s], [0.0], [step_s]]) * velocity
    position_itrs, velocity_itrs = frames.teme_to_itrs(position, np.repeat(velocity, 3, axis=0), times)
    derivative = (position_itrs[2] - position_itrs[0]) / (2 * step_s)
    one_micrometre_per_second = 1e-6
    np.testing.assert_allclose(velocity_itrs[1], derivative, atol=one_micrometre_per_second)


def test_a_point_fixed_to_the_earth_has_no_velocity():
    times = np.datetime64("2017-06-01", "ns") + np.arange(24) * np.timedelta64(1, "h")
    station = np.tile(frames.geodetic_to_itrs(40.0, 117.0, 900.0), (24, 1))
    teme = frames.rotate_about_pole(station, -frames.sidereal_angle_rad(times))
    turning = np.cross([0.0, 0.0, frames.EARTH_ROTATION_RAD_S], teme)
    position, velocity = frames.teme_to_itrs(teme, turning, times)
    np.testing.assert_allclose(position, station, atol=1e-6)
    np.testing.assert_allclose(velocity, 0.0, atol=1e-9)


@given(latitude_deg=latitudes, longitude_deg=longitudes, altitude_m=st.floats(-400.0, 4e7))
def test_geodetic_round_trip(latitude_deg, longitude_deg, altitude_m):
    position = frames.geodetic_to_itrs(latitude_deg, longitude_deg, altitude_m)
    latitude, longitude, altitude = frames.itrs_to_geodetic(position[None, :])
    a_millimetre_on_the_ground = 1e-8
    assert latitude[0] == pytest.approx(latitude_deg, abs=a_millimetre_on_the_ground)
    assert (longitude[0] - longitude_deg + 180.0) % 360.0 == pytest.approx(180.0, abs=a_millimetre_on_the_ground)
    assert altitude[0] == pytest.approx(altitude_m, abs=1e-3)


@given(latitude_deg=latitudes, longitude_deg=longitudes)
def test_local_axes_are_orthonormal_right_handed_and_up_is_up(latitude_deg, longitude_deg):
    axes = frames.local_axes(latitude_deg, longitude_deg)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1.0)
    ground, above = (frames.geodetic_to_itrs(latitude_deg, longitude_deg, h) for h in (0.0, 1000.0))
    np.testing.assert_allclose((above - ground) / 1000.0, axes[2], atol=1e-9)


@given(
    latitude_deg=latitudes, longitude_deg=longitudes, elevation=st.floats(-89.0, 89.0), azimuth=st.floats(0.0, 359.99)
)
def test_direction_comes_back(latitude_deg, longitude_deg, elevation, azimuth):
    axes = frames.local_axes(latitude_deg, longitude_deg)
    el, az = np.radians([elevation, azimuth])
    direction = np.array([np.cos(el) * np.sin(az), np.cos(el) * np.cos(az), np.sin(el)]) @ axes
    found_elevation, found_azimuth = frames.elevation_azimuth_deg(5e5 * direction[None, :], axes)
    assert found_elevation[0] == pytest.approx(elevation, abs=1e-9)
    assert (found_azimuth[0] - azimuth + 180.0) % 360.0 == pytest.approx(180.0, abs=1e-7)


def test_north_pole_star_stands_as_high_as_the_latitude():
    axes = frames.local_axes(40.0, 117.0)
    elevation, azimuth = frames.elevation_azimuth_deg(np.array([[0.0, 0.0, 1.0]]), axes)
    assert elevation[0] == pytest.approx(40.0)
    assert azimuth[0] % 360.0 == pytest.approx(0.0, abs=1e-9)


def test_range_rate_is_the_derivative_of_the_range():
    offset, velocity, step_s = np.array([[8e5, -3e5, 4e5]]), np.array([[-5e3, 4e3, 3e3]]), 1e-2
    ahead, behind = (frames.range_and_rate(offset + sign * step_s * velocity, velocity)[0] for sign in (1, -1))
    assert frames.range_and_rate(offset, velocity)[1] == pytest.approx((ahead - behind) / (2 * step_s), rel=1e-8)


@given(time=times)
def test_line_between_hours_is_the_sun_itself(time):
    between_hours = frames.sun_direction(time)
    directly = frames.rotate_about_pole(frames.sun_direction_teme(time), frames.sidereal_angle_rad(time))
    a_tenth_of_an_arc_second = np.radians(0.1 / 3600)
    assert np.linalg.norm(between_hours - directly) < a_tenth_of_an_arc_second
    assert np.linalg.norm(between_hours) == pytest.approx(1.0, abs=1e-12)


def test_sun_of_scattered_times_is_that_of_each_alone():
    scattered = np.array(["2018-10-01T18:12", "2016-12-19T16:52", "2017-06-21T04:24"], dtype="datetime64[ns]")
    alone = np.concatenate([frames.sun_direction(scattered[i : i + 1]) for i in range(3)])
    np.testing.assert_allclose(frames.sun_direction(scattered), alone, atol=1e-12)


@given(height_m=st.floats(2e5, 4e7), angle_deg=st.floats(0.0, 180.0), around=st.floats(0.0, 2 * np.pi))
def test_umbra_is_a_cone_behind_the_earth(height_m, angle_deg, around):
    """In the umbra just when the distance from the axis is below the cone's radius there (similar triangles)."""
    sun = np.array([[1.0, 0.0, 0.0]])
    distance_m, angle = frames.EARTH_RADIUS_M + height_m, np.radians(angle_deg)
    behind, aside = -distance_m * np.cos(angle), distance_m * np.sin(angle)
    slope = np.arcsin((frames.SUN_RADIUS_M - frames.EARTH_RADIUS_M) / erfa.DAU)
    radius_m = (frames.EARTH_RADIUS_M - behind * np.sin(slope)) / np.cos(slope)
    fifty_kilometres = 5e4
    if abs(aside - radius_m) < fifty_kilometres and behind > 0:
        return
    position = np.array([[-behind, aside * np.cos(around), aside * np.sin(around)]])
    assert frames.is_sunlit(position, sun)[0] == (behind < 0 or aside > radius_m)


def test_umbra_ends_where_the_cone_ends():
    """The Earth's shadow is about 1.38 million kilometres long."""
    sun = np.array([[1.0, 0.0, 0.0]])
    inside, beyond = np.array([[-1.3e9, 0.0, 0.0]]), np.array([[-1.45e9, 0.0, 0.0]])
    assert not frames.is_sunlit(inside, sun)[0]
    assert frames.is_sunlit(beyond, sun)[0]


def test_years_beyond_the_leap_second_table_do_not_warn(recwarn):
    frames.sun_direction(np.array(["2060-03-20T12:00"], dtype="datetime64[ns]"))
    assert not recwarn.list
