"""Ground track and footprints on the map."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.orbit import read_elements
from satqkd.orbit.frames import EARTH_RADIUS_M
from satqkd.overview import world_map
from satqkd.overview.worldmap import access_circle, access_radius_rad, ground_track, read_land


def test_the_track_goes_through_the_session(missions, orbits):
    scenario, orbit = missions["liao2017"], orbits["liao2017"]
    elements = read_elements(scenario.file(scenario.orbit.elements))
    times, latitude, longitude = ground_track(elements, orbit.time.values[100])
    shared, ours, theirs = np.intersect1d(times, orbit.time.values, return_indices=True)
    assert shared.size > 10
    assert latitude[ours] == pytest.approx(orbit.satellite_latitude.values[theirs], abs=1e-6)
    assert longitude[ours] == pytest.approx(orbit.satellite_longitude.values[theirs], abs=1e-6)


@given(st.floats(2e5, 2e6), st.floats(0, 80))
def test_at_the_edge_of_a_footprint_the_satellite_stands_at_the_lowest_elevation(altitude_m, elevation_deg):
    radius = access_radius_rad(altitude_m, elevation_deg)
    up = (EARTH_RADIUS_M + altitude_m) * np.cos(radius) - EARTH_RADIUS_M
    along = (EARTH_RADIUS_M + altitude_m) * np.sin(radius)
    assert np.rad2deg(np.arctan2(up, along)) == pytest.approx(elevation_deg, abs=1e-6)


@given(st.floats(-85, 85), st.floats(-180, 180), st.floats(0.01, 0.5))
def test_a_footprint_is_a_circle(latitude_deg, longitude_deg, radius_rad):
    def vector(latitude, longitude):
        latitude, longitude = np.deg2rad(latitude), np.deg2rad(longitude)
        return np.array([np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)])

    circle = access_circle(latitude_deg, longitude_deg, radius_rad)
    cosine = vector(latitude_deg, longitude_deg) @ vector(*circle)
    assert np.arccos(np.clip(cosine, -1, 1)) == pytest.approx(radius_rad, abs=1e-6)


@pytest.mark.parametrize("name", ["yin2017", "yin2020", "tiangong2"])
def test_the_session_begins_and_ends_within_all_footprints(missions, orbits, name):
    scenario, orbit = missions[name], orbits[name]
    radius = access_radius_rad(float(orbit.satellite_altitude.mean()), scenario.orbit.min_elevation_deg)
    latitude, longitude = (np.deg2rad(orbit[f"satellite_{axis}"].values) for axis in ("latitude", "longitude"))
    for station in scenario.stations:
        place = np.deg2rad([station.latitude_deg, station.longitude_deg])
        cosine = np.sin(latitude) * np.sin(place[0]) + np.cos(latitude) * np.cos(place[0]) * np.cos(
            longitude - place[1]
        )
        assert np.arccos(cosine).max() < radius + np.deg2rad(0.3)  # the Earth is no sphere, and the altitude varies


def test_the_land_is_on_the_globe():
    land = read_land()
    assert len(land) > 20
    for outline in land:
        assert (np.abs(outline) <= [180, 90]).all()
        assert outline[0].tolist() == outline[-1].tolist()


def test_the_map_shows_each_station_twice(missions, orbits):
    figure = world_map(missions["yin2020"], orbits["yin2020"])
    places = [
        tuple(map(float, line.get_xydata()[0]))
        for axis in figure.axes
        for line in axis.lines
        if line.get_marker() == "^"
    ]
    stations = [(station.longitude_deg, station.latitude_deg) for station in missions["yin2020"].stations]
    assert places == stations * 2
