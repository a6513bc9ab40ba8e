"""Figures of a mission from its scenario and its orbit."""

import xarray as xr
from matplotlib.figure import Figure

from satqkd.orbit import read_elements
from satqkd.overview.figures import map_figure
from satqkd.overview.worldmap import access_circle, access_radius_rad, ground_track, read_land
from satqkd.scenario import Scenario


def world_map(scenario: Scenario, orbit: xr.Dataset) -> Figure:
    """Draw the ground track about the session shown, and each station's footprint, on the map of the world.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> from satqkd.orbit import find_sessions
    >>> mission = load_scenario("tiangong2")
    >>> len(world_map(mission, find_sessions(mission)).axes)
    2
    """
    elements = read_elements(scenario.file(scenario.orbit.elements), scenario.orbit.norad_id)
    middle = orbit.closest_approach.values[orbit.attrs["showcase"]]
    radius_rad = access_radius_rad(float(orbit.satellite_altitude.mean()), scenario.orbit.min_elevation_deg)
    footprints = {
        station.name: (
            (station.latitude_deg, station.longitude_deg),
            access_circle(station.latitude_deg, station.longitude_deg, radius_rad),
        )
        for station in scenario.stations
    }
    return map_figure(orbit, ground_track(elements, middle), footprints, read_land())
