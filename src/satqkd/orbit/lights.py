"""Where Moon and Sun stand for a station that looks at the satellite."""

from dataclasses import dataclass

import erfa
import numpy as np

from satqkd.orbit import frames
from satqkd.orbit.propagation import Place


@dataclass(frozen=True)
class Lights:
    """Moon and Sun as a station sees them, without refraction; every attribute has shape (time,) [degree].

    Attributes
    ----------
    moon_elevation_deg, moon_separation_deg : ndarray
        Elevation of the Moon's centre, and its angle from the line of sight.
    moon_phase_angle_deg : ndarray
        Angle between Sun and Earth at the Moon: 0 at full Moon, 180 at new Moon.
    sun_separation_deg : ndarray
        Angle of the Sun from the line of sight.
    """

    moon_elevation_deg: np.ndarray
    moon_separation_deg: np.ndarray
    moon_phase_angle_deg: np.ndarray
    sun_separation_deg: np.ndarray


def lights(station: Place, times: np.ndarray, *, elevation_deg: np.ndarray, azimuth_deg: np.ndarray) -> Lights:
    """Return where Moon and Sun stand while a station looks in given directions.

    Parameters
    ----------
    station : Place
    times : ndarray of datetime64[ns], shape (time,)
        UTC.
    elevation_deg, azimuth_deg : ndarray, shape (time,)
        Line of sight [degree].

    Returns
    -------
    Lights

    Notes
    -----
    The Moon by `satqkd.orbit.frames.moon_position`, seen from the station (its parallax is up to a degree).

    Examples
    --------
    At the total eclipse of the Moon of 27 July 2018, 20:22 UTC, the Moon was opposite to the Sun.

    >>> from satqkd.orbit import Station
    >>> eclipse = np.array(["2018-07-27T20:22"], "datetime64[ns]")
    >>> seen = lights(Station("xinglong", 40.4, 117.6, 890.0), eclipse, elevation_deg=[90.0], azimuth_deg=[0.0])
    >>> float(seen.moon_phase_angle_deg[0]) < 0.5
    True
    """
    axes = frames.local_axes(station.latitude_deg, station.longitude_deg)
    place = frames.geodetic_to_itrs(station.latitude_deg, station.longitude_deg, station.altitude_m)
    moon, sun = frames.moon_position(times), frames.sun_direction(times)
    elevation, azimuth = np.radians(elevation_deg), np.radians(azimuth_deg)
    local = [np.cos(elevation) * np.sin(azimuth), np.cos(elevation) * np.cos(azimuth), np.sin(elevation)]
    sight = np.stack(local, axis=-1) @ axes
    return Lights(
        moon_elevation_deg=frames.elevation_azimuth_deg(moon - place, axes)[0],
        moon_separation_deg=_angle_deg(moon - place, sight),
        moon_phase_angle_deg=_angle_deg(-moon, sun * erfa.DAU - moon),
        sun_separation_deg=_angle_deg(sun, sight),
    )


def _angle_deg(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the angle between vectors, shape (time, 3) [degree]."""
    across = np.linalg.norm(np.cross(first, second), axis=-1)
    return np.degrees(np.arctan2(across, np.einsum("...i,...i", first, second)))
