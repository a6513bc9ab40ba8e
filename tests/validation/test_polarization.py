"""Polarisation frames against the IAU's routine for the parallactic angle, and against a number of the reference."""

import erfa
import numpy as np
import pytest

from satqkd.orbit import frames
from satqkd.orbit.polarization import frame_rotation_deg, rotated_contrast, station_axis


@pytest.mark.parametrize("latitude_deg", [-35.0, 5.0, 40.4, 67.0])
def test_mounts_differ_by_the_parallactic_angle(latitude_deg):
    """The angle at the target between pole and zenith, positive west of the meridian, by ERFA's ``hd2pa``."""
    longitude_deg = 117.6
    axes = frames.local_axes(latitude_deg, longitude_deg)
    elevation, azimuth = np.radians(np.meshgrid([12.0, 45.0, 80.0], np.arange(5.0, 360.0, 30.0), indexing="ij"))
    elevation, azimuth = elevation.ravel(), azimuth.ravel()
    hour_angle, declination = erfa.ae2hd(azimuth, elevation, np.radians(latitude_deg))
    expected = np.degrees(erfa.hd2pa(hour_angle, declination, np.radians(latitude_deg)))
    level = np.stack([np.cos(elevation) * np.sin(azimuth), np.cos(elevation) * np.cos(azimuth), np.sin(elevation)], 1)
    light = -level @ axes
    held = np.tile([0.36, 0.48, 0.8], (len(light), 1))
    one_by_one = [
        [frame_rotation_deg(ray[None], held[:1], station_axis(mount, axes))[0] for ray in light]
        for mount in ("equatorial", "altazimuth")
    ]
    from_pole, from_vertical = np.array(one_by_one)
    # It is counted from the pole to the zenith, counterclockwise for who looks up: right-handed about the light.
    difference = (from_pole - from_vertical - expected + 180) % 360 - 180
    np.testing.assert_allclose(difference, 0, atol=1e-8)


def test_the_printed_contrasts_are_a_few_degrees_apart():
    """data/reference/liao2017.yaml: from 280:1 it takes a rotation of 3.2 degrees to 150:1."""
    half_a_digit = 0.05
    low, high = rotated_contrast(280, 3.2 - half_a_digit), rotated_contrast(280, 3.2 + half_a_digit)
    assert high < 150 < low
