"""Ground track and footprints on the map."""

from pathlib import Path

import numpy as np
import pandas as pd

from satqkd.orbit import Elements, propagate
from satqkd.orbit.frames import EARTH_RADIUS_M, itrs_to_geodetic, teme_to_itrs
from satqkd.scenario import data_folder

STEP = np.timedelta64(20, "s")


def read_land(path: str | Path | None = None) -> list[np.ndarray]:
    """Read outlines of the continents, each an array of longitude and latitude [degree], shape (point, 2).

    Examples
    --------
    >>> read_land()[0].shape[1]
    2
    """
    table = pd.read_csv(path or data_folder() / "map/land.csv")
    return [one[["longitude_deg", "latitude_deg"]].to_numpy() for _, one in table.groupby("polygon")]


def ground_track(
    elements: Elements, middle: np.datetime64, *, minutes: float = 95.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return times, and the points of the ground above which the satellite stands then, each shape (time,).

    Parameters
    ----------
    elements : Elements
    middle : datetime64
        UTC time of the middle.
    minutes : float
        Length of the track, about a revolution unless told.

    Returns
    -------
    times : ndarray of datetime64[ns]
    latitude_deg, longitude_deg : ndarray
        WGS84 [degree].

    Examples
    --------
    >>> from satqkd import load_scenario, orbit
    >>> mission = load_scenario("yin2020")
    >>> sets = orbit.read_elements(mission.file(mission.orbit.elements), mission.orbit.norad_id)
    >>> times, latitude_deg, _ = ground_track(sets, np.datetime64("2018-09-20T18:00"))
    >>> times.size, bool(np.abs(latitude_deg).max() > 80)
    (285, True)
    """
    half = int(minutes * 60 / 2 / (STEP / np.timedelta64(1, "s")))
    times = np.asarray(middle, "datetime64[ns]") + np.arange(-half, half + 1) * STEP
    latitude_deg, longitude_deg, _ = itrs_to_geodetic(teme_to_itrs(*propagate(elements, times), times)[0])
    return times, latitude_deg, longitude_deg


def access_radius_rad(altitude_m: float, min_elevation_deg: float) -> float:
    r"""Return the angle at the Earth's centre between a station and a satellite at its lowest elevation.

    Parameters
    ----------
    altitude_m : float
        Of the satellite [m].
    min_elevation_deg : float
        Lowest elevation [degree].

    Notes
    -----
    On a sphere, :math:`\arccos\frac{R\cos\epsilon}{R + h} - \epsilon` (derived: the sum of angles in the triangle of
    the centre, the station and the satellite).

    Examples
    --------
    >>> round(float(np.degrees(access_radius_rad(500e3, 10.0))), 1)
    14.0
    """
    elevation = np.deg2rad(min_elevation_deg)
    return float(np.arccos(EARTH_RADIUS_M * np.cos(elevation) / (EARTH_RADIUS_M + altitude_m)) - elevation)


def access_circle(
    latitude_deg: float, longitude_deg: float, radius_rad: float, points: int = 181
) -> tuple[np.ndarray, np.ndarray]:
    """Return the points at an angle from a place on a sphere: latitude and longitude [degree], each shape (points,).

    Longitudes are within 180 degrees of the place's own, so that a circle across the date line stays in one piece.

    Examples
    --------
    >>> latitude_deg, longitude_deg = access_circle(0.0, 179.0, np.radians(10.0), points=5)
    >>> latitude_deg.round(6) + 0.0
    array([ 10.,   0., -10.,   0.,  10.])
    >>> longitude_deg.round(6)
    array([179., 189., 179., 169., 179.])
    """
    bearing = np.linspace(0.0, 2 * np.pi, points)
    latitude = np.deg2rad(latitude_deg)
    sine = np.sin(latitude) * np.cos(radius_rad) + np.cos(latitude) * np.sin(radius_rad) * np.cos(bearing)
    east = np.arctan2(
        np.sin(bearing) * np.sin(radius_rad) * np.cos(latitude), np.cos(radius_rad) - np.sin(latitude) * sine
    )
    return np.rad2deg(np.arcsin(sine)), longitude_deg + np.rad2deg(east)
