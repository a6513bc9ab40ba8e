"""Orbit: our positions, angles and passes against numbers that somebody else computed or measured."""

import csv
from pathlib import Path

import erfa
import numpy as np
import pytest

from satqkd.orbit import frames
from satqkd.orbit.elements import Elements, nearest, read_elements
from satqkd.orbit.passes import passes
from satqkd.orbit.propagation import Station, look_angles, propagate

ORBITS = Path(__file__).parents[2] / "data" / "orbits"
MICIUS = read_elements(ORBITS / "micius.csv")
SECOND = np.timedelta64(1_000_000_000, "ns")


def degrees(whole, minutes, seconds):
    return whole + minutes / 60 + seconds / 3600


STATIONS = {
    "xinglong": Station("xinglong", degrees(40, 23, 45.12), degrees(117, 34, 38.85), 890.0),
    "delingha": Station("delingha", degrees(37, 22, 44.43), degrees(97, 43, 37.01), 3153.0),
    "nanshan": Station("nanshan", degrees(43, 28, 31.66), degrees(87, 10, 36.07), 2028.0),
    "lijiang": Station("lijiang", degrees(26, 41, 38.15), degrees(100, 1, 45.55), 3233.0),
}


def site_m(name):
    station = STATIONS[name]
    return frames.geodetic_to_itrs(station.latitude_deg, station.longitude_deg, station.altitude_m)


def set_of(text):
    """The one element set of Micius whose epoch begins with the text."""
    [index] = [i for i, epoch in enumerate(MICIUS.epochs) if str(epoch).startswith(text)]
    return Elements(MICIUS.name, MICIUS.norad_id, MICIUS.satrecs[index : index + 1], MICIUS.epochs[index : index + 1])


def nights_of_liao2017():
    """Date, station and start of the search for the orbits of Liao et al. 2017, extended data."""
    with open(ORBITS / "liao2017_orbits.csv", newline="") as file:
        return [
            (row["date_utc"], row["station"], np.datetime64(row["search_from_utc"].rstrip("Z"), "ns"))
            for row in csv.DictReader(file)
        ]


@pytest.mark.parametrize(
    ("first", "second", "printed_km"),
    [("delingha", "lijiang", 1203), ("delingha", "nanshan", 1120)],
    ids=["Yin et al., Science 356, 1140 (2017)", "Yin et al., Nature 582, 501 (2020)"],
)
def test_printed_baselines_are_chords(first, second, printed_km):
    half_of_the_last_digit_km = 0.5
    chord_km = frames.chord_m(site_m(first), site_m(second)) / 1e3
    assert abs(chord_km - printed_km) < half_of_the_last_digit_km


def test_chords_to_a_hundred_metres():
    assert frames.chord_m(site_m("delingha"), site_m("lijiang")) / 1e3 == pytest.approx(1203.3, abs=0.1)
    assert frames.chord_m(site_m("delingha"), site_m("nanshan")) / 1e3 == pytest.approx(1119.9, abs=0.1)


def test_pass_of_liao2017():
    """Liao et al., Nature 549, 43 (2017): 2016-12-19 over Xinglong, from 645 to 1200 km, 273 s."""
    elements = set_of("2016-12-19T13:39:33")
    hundredths = np.datetime64("2016-12-19T16:45", "ns") + np.arange(0, 90_000) * (SECOND // 100)
    seen = look_angles(elements, STATIONS["xinglong"], hundredths)
    one_kilometre, two_seconds, three_seconds = 1e3, 2 * SECOND, 3.0
    assert abs(seen.range_m.min() - 645e3) < one_kilometre
    assert abs(hundredths[seen.range_m.argmin()] - np.datetime64("2016-12-19T16:52:13", "ns")) < two_seconds
    assert abs((seen.range_m < 1200e3).sum() / 100 - 273) < three_seconds
    assert not seen.sunlit.any()


@pytest.mark.parametrize(("date", "station", "start"), nights_of_liao2017())
def test_each_night_of_liao2017_has_its_pass(date, station, start):
    """A pass above 10 degrees, in the dark at its highest, and no higher or lower than the printed extremes.

    Printed for 23 orbits: 85.7 degrees (507.0 km) to 25.0 degrees (1034.7 km). Not by range: on 2017-04-19 it is
    492 km at 82.8 degrees.
    """
    found = passes(MICIUS, STATIONS[station], start, start + np.timedelta64(8, "h"), 10.0)
    assert 1 <= len(found) <= 2
    best = max(found, key=lambda one: one.max_elevation_deg)
    lowest_printed_deg, highest_printed_deg, a_tenth = 25.0, 85.7, 0.1
    assert lowest_printed_deg - a_tenth < best.max_elevation_deg < highest_printed_deg + a_tenth
    seen = look_angles(MICIUS, STATIONS[station], np.array([best.culmination]))
    end_of_nautical_twilight_deg = -12.0
    assert not seen.sunlit[0]
    assert seen.sun_elevation_deg[0] < end_of_nautical_twilight_deg


def test_nearest_orbit_of_liao2017():
    """Printed: shortest range 507.0 km at a highest elevation of 85.7 degrees. It is the night of 2017-02-13."""
    start = np.datetime64("2017-02-13T18:00", "ns")
    [one] = passes(MICIUS, STATIONS["nanshan"], start, start + np.timedelta64(8, "h"), 10.0)
    one_kilometre, a_tenth_of_a_degree = 1e3, 0.1
    assert abs(one.shortest_range_m - 507.0e3) < one_kilometre
    assert abs(one.max_elevation_deg - 85.7) < a_tenth_of_a_degree


@pytest.mark.parametrize(
    ("time", "elevation_deg", "azimuth_deg", "range_m", "range_rate_m_s", "latitude_deg", "longitude_deg", "height_m"),
    [
        ("16:48:00", 5.975239, 2.665018, 1986743.523, -6954.69579, 57.087445, 118.983409, 498149.151),
        ("16:50:30", 25.574194, 346.944922, 1005042.399, -5686.83279, 47.766447, 115.041150, 494903.528),
        ("16:52:13.5", 47.819054, 285.659208, 645348.666, -20.51907, 41.282099, 112.948551, 492774.832),
        ("16:55:00", 14.791034, 214.448462, 1392448.947, 6557.22019, 30.793193, 110.166908, 489848.657),
    ],
)
def test_look_angles_are_those_of_skyfield(
    time, elevation_deg, azimuth_deg, range_m, range_rate_m_s, latitude_deg, longitude_deg, height_m
):
    """Computed with Skyfield 1.55 from the same set, on 2016-12-19 over Xinglong, with UT1 = UTC (delta_t=68.184)."""
    times = np.array([f"2016-12-19T{time}"], dtype="datetime64[ns]")
    seen = look_angles(set_of("2016-12-19T13:39:33"), STATIONS["xinglong"], times)
    a_microdegree, a_centimetre, a_millimetre_per_second = 1e-6, 1e-2, 1e-3
    assert seen.elevation_deg[0] == pytest.approx(elevation_deg, abs=a_microdegree)
    assert seen.azimuth_deg[0] == pytest.approx(azimuth_deg, abs=a_microdegree)
    assert seen.latitude_deg[0] == pytest.approx(latitude_deg, abs=a_microdegree)
    assert seen.longitude_deg[0] == pytest.approx(longitude_deg, abs=a_microdegree)
    assert seen.range_m[0] == pytest.approx(range_m, abs=a_centimetre)
    assert seen.altitude_m[0] == pytest.approx(height_m, abs=a_centimetre)
    assert seen.range_rate_m_s[0] == pytest.approx(range_rate_m_s, abs=a_millimetre_per_second)


def test_teme_to_earth_of_vallado():
    """Vallado, Fundamentals of Astrodynamics and Applications, example 3-15: 2004-04-06, UT1 given, no polar motion."""
    ut1 = np.array(["2004-04-06T07:51:28.386009"], dtype="datetime64[ns]") - np.timedelta64(439_961_900, "ns")
    position, velocity = frames.teme_to_itrs(
        np.array([[5094.18016210e3, 6127.64465950e3, 6380.34453270e3]]),
        np.array([[-4.7461314870e3, 0.7858180410e3, 5.5319312880e3]]),
        ut1,
    )
    a_millimetre, the_length_of_day_m_s = 1e-3, 2e-2
    np.testing.assert_allclose(position[0], [-1033.47503130e3, 7901.30558560e3, 6380.34453270e3], atol=a_millimetre)
    # The book's velocity includes the excess of that day over 86400 s, which we leave out.
    np.testing.assert_allclose(
        velocity[0], [-3.2256327470e3, -2.8724425110e3, 5.5319312880e3], atol=the_length_of_day_m_s
    )


def test_neglect_of_polar_motion_and_ut1_is_as_large_as_stated():
    """Same example: with both, the position is 16 m off by polar motion and 256 m by UT1 - UTC."""
    utc = np.array(["2004-04-06T07:51:28.386009"], dtype="datetime64[ns]")
    position, _ = frames.teme_to_itrs(
        np.array([[5094.18016210e3, 6127.64465950e3, 6380.34453270e3]]), np.zeros((1, 3)), utc
    )
    error_m = np.linalg.norm(position[0] - [-1033.4793830e3, 7901.2952754e3, 6380.3565958e3])
    earth_rotation_in_ut1_offset_m = frames.EARTH_ROTATION_RAD_S * 0.4399619 * np.hypot(5094.18e3, 6127.64e3)
    twenty_metres = 20.0
    assert abs(error_m - earth_rotation_in_ut1_offset_m) < twenty_metres


def test_sidereal_rotation_agrees_with_the_celestial_frame():
    """The other way round: TEME to true equinox to GCRS (IAU 2006), and from there by ERFA's c2t06a."""
    times = np.datetime64("2016-12-19T00:00", "ns") + np.arange(0, 24) * np.timedelta64(1, "h")
    position_teme, velocity_teme = propagate(MICIUS, times)
    utc = frames.julian_date(times)
    tt = erfa.taitt(*erfa.utctai(*utc))
    true_equinox = frames.rotate_about_pole(position_teme, -erfa.eqeq94(*tt))
    celestial = np.einsum("tji,tj->ti", erfa.pnm06a(*tt), true_equinox)
    earth_fixed = np.einsum("tij,tj->ti", erfa.c2t06a(*tt, *utc, 0.0, 0.0), celestial)
    five_metres = 5.0
    assert (
        np.linalg.norm(frames.teme_to_itrs(position_teme, velocity_teme, times)[0] - earth_fixed, axis=1).max()
        < five_metres
    )


@pytest.mark.parametrize("equinox", ["2016-09-22T14:21", "2017-03-20T10:29", "2017-09-22T20:02", "2018-09-23T01:54"])
def test_sun_crosses_the_equator_at_the_published_minute(equinox):
    """Times of the equinoxes, to the minute, as in the almanacs."""
    declination_deg = np.degrees(
        np.arcsin(frames.sun_direction_teme(np.array([equinox], dtype="datetime64[ns]"))[0, 2])
    )
    motion_in_a_minute_deg = 0.4 / 1440
    assert abs(declination_deg) < motion_in_a_minute_deg


def test_sun_is_that_of_the_almanac():
    """Low-precision formulae for the Sun of the Astronomical Almanac (page C5), good to 0.01 degree, 1950 to 2050."""
    times = np.datetime64("2016-01-01", "ns") + np.arange(0, 24 * 365 * 3, 101) * np.timedelta64(1, "h")
    days = np.sum(frames.julian_date(times), axis=0) - 2451545.0
    mean_longitude, anomaly = 280.460 + 0.9856474 * days, np.radians(357.528 + 0.9856003 * days)
    longitude = np.radians(mean_longitude + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    obliquity = np.radians(23.439 - 0.0000004 * days)
    almanac = np.stack(
        [np.cos(longitude), np.cos(obliquity) * np.sin(longitude), np.sin(obliquity) * np.sin(longitude)], axis=-1
    )
    sidereal = erfa.gmst06(*frames.julian_date(times), *frames.julian_date(times))
    expected = frames.rotate_about_pole(almanac, sidereal)
    apart_deg = np.degrees(np.linalg.norm(np.cross(expected, frames.sun_direction(times)), axis=-1))
    precision_of_the_formula_and_nutation = 0.015
    assert apart_deg.max() < precision_of_the_formula_and_nutation


def test_nearest_sets_are_young_enough_for_every_night_of_liao2017():
    starts = np.array([start for _, _, start in nights_of_liao2017()])
    age = np.abs(starts - MICIUS.epochs[nearest(MICIUS, starts)])
    assert len(starts) == 21
    assert age.max() < np.timedelta64(8, "D")
