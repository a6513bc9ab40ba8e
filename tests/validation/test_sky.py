"""Moon and moonlight against values that others have published or computed."""

import erfa
import numpy as np

from satqkd.detection.sky import moon_magnitude, scattered_brightness_nl, surface_magnitude
from satqkd.orbit import Station, frames
from satqkd.orbit.lights import lights


def test_the_moon_of_the_textbook():
    """Meeus, Astronomical Algorithms, example 47.a: 1992 April 12, 0 h TD, distance 368,409.7 km, apparent place."""
    utc = np.array(["1992-04-11T23:59:01.816"], "datetime64[ns]")  # TT - UTC was 58.184 s
    position = frames.moon_position(utc)[0]
    last_digit_m = 100.0
    assert abs(np.linalg.norm(position) - 368_409.7e3) < last_digit_m
    declination = np.degrees(np.arcsin(position[2] / np.linalg.norm(position)))
    ten_arc_seconds = 10 / 3600
    assert abs(declination - 13.768368) < ten_arc_seconds
    # Apparent right ascension: longitude in the Earth's frame plus the apparent sidereal time.
    date, half_day = frames.julian_date(utc)
    sidereal = np.degrees(erfa.gst94(date, half_day))[0]
    ascension = (np.degrees(np.arctan2(position[1], position[0])) + sidereal) % 360
    assert abs(ascension - 134.688470) < ten_arc_seconds


def test_the_moon_covers_the_sun_where_and_when_the_almanac_says():
    """Greatest eclipse of 21 August 2017 (NASA): 18:25:32 UT at 36 58 N, 87 40 W, the Sun 64 degrees high."""
    times = np.array(["2017-08-21T18:25:32"], "datetime64[ns]")
    place = Station("hopkinsville", 36 + 58 / 60, -(87 + 40 / 60), 0.0)
    axes = frames.local_axes(place.latitude_deg, place.longitude_deg)
    sun_elevation_deg, sun_azimuth_deg = frames.elevation_azimuth_deg(frames.sun_direction(times), axes)
    seen = lights(place, times, elevation_deg=sun_elevation_deg, azimuth_deg=sun_azimuth_deg)
    half_of_the_last_digit_deg, minute_of_arc_deg = 0.5, 1 / 60
    assert abs(sun_elevation_deg[0] - 64) < half_of_the_last_digit_deg
    assert seen.moon_separation_deg[0] < minute_of_arc_deg
    assert seen.sun_separation_deg[0] < 1e-6
    assert abs(seen.moon_elevation_deg[0] - sun_elevation_deg[0]) < minute_of_arc_deg


def test_quarters_of_the_almanac():
    """First quarter 2018 October 16, 18:02, full Moon October 24, 16:45, both UT: in longitude from the Sun 90 and 180
    degrees.
    """
    times = np.array(["2018-10-16T18:02", "2018-10-24T16:45"], "datetime64[ns]")
    place = Station("equator", 0.0, 0.0, 0.0)
    phase = lights(place, times, elevation_deg=np.zeros(2), azimuth_deg=np.zeros(2)).moon_phase_angle_deg
    # At a quarter the phase angle lacks the 0.15 degrees by which the Sun's distance is finite, and latitude adds to it
    # at full Moon: up to five degrees.
    assert abs(phase[0] - 90) < 0.3
    assert phase[1] < 5


def test_moonlight_of_another_program():
    """specsim, `krisciunas_schaefer(20 deg, 70 deg, 50 deg, 0.25, 0.15)`: 19.855 mag a square arc second."""
    brightness = scattered_brightness_nl(
        magnitude=moon_magnitude(0.25 * 180),
        light_zenith_deg=70.0,
        separation_deg=50.0,
        zenith_deg=20.0,
        extinction_mag=0.15,
    )
    half_of_the_last_digit = 5e-4
    assert abs(float(surface_magnitude(brightness)) - 19.855) < half_of_the_last_digit
