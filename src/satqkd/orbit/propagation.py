"""Where the satellite is, and how a station sees it."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from sgp4.api import SGP4_ERRORS

from . import frames
from .elements import Elements, nearest

KILOMETRE_M = 1e3
SECOND = np.timedelta64(1_000_000_000, "ns")
NODE_SPACING_S = 120.0
GRAVITATIONAL_PARAMETER_M3_S2 = 3.986004418e14
J2 = 1.08263e-3
STRAYED = 1.1  # times the apogee of the set, which no force takes a satellite to within months


class Place(Protocol):
    """Anything on the ground: WGS84 latitude and longitude [degree], height above the ellipsoid [m]."""

    @property
    def latitude_deg(self) -> float: ...
    @property
    def longitude_deg(self) -> float: ...
    @property
    def altitude_m(self) -> float: ...


@dataclass(frozen=True)
class Station:
    """A place on the ground: WGS84 latitude and longitude [degree], height above the ellipsoid [m]."""

    name: str
    latitude_deg: float
    longitude_deg: float
    altitude_m: float


@dataclass(frozen=True)
class LookAngles:
    """Describe how a station sees the satellite; every attribute is an array of shape (time,).

    Attributes
    ----------
    range_m, range_rate_m_s : ndarray
        Distance [m] and its rate [m/s], positive when the satellite recedes.
    elevation_deg, azimuth_deg : ndarray
        Direction [degree], without refraction; azimuth from north through east.
    sun_elevation_deg : ndarray
        Elevation of the Sun's centre at the station [degree], without refraction.
    sunlit : ndarray of bool
        Whether sunlight reaches the satellite (False only in full shadow).
    latitude_deg, longitude_deg, altitude_m : ndarray
        The satellite's own WGS84 coordinates [degree, degree, m]: the sub-satellite point and the height above it.
    """

    range_m: np.ndarray
    elevation_deg: np.ndarray
    azimuth_deg: np.ndarray
    range_rate_m_s: np.ndarray
    sun_elevation_deg: np.ndarray
    sunlit: np.ndarray
    latitude_deg: np.ndarray
    longitude_deg: np.ndarray
    altitude_m: np.ndarray


@dataclass(frozen=True)
class Trajectory:
    """A satellite's path in the rotating frame of the Earth, known at evenly spaced nodes.

    One trajectory serves any number of stations.

    Attributes
    ----------
    start : datetime64[ns]
        Time of the first node [UTC].
    duration_s : float
        Time from the first node to the last [s].
    position_m, velocity_m_s, acceleration_m_s2 : ndarray, shape (node, 3)
        At the nodes [m, m/s, m/s^2].
    """

    start: np.datetime64
    duration_s: float
    position_m: np.ndarray
    velocity_m_s: np.ndarray
    acceleration_m_s2: np.ndarray

    @property
    def spacing_s(self) -> float:
        """Time from node to node [s]."""
        return self.duration_s / (len(self.position_m) - 1)

    def at(self, seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return position [m] and velocity [m/s], shape (time, 3), at times in seconds after the start, shape (time,).

        Notes
        -----
        Quintic Hermite interpolation, within half a metre of SGP4 in low orbit, so that crossing times are good to
        0.1 ms; most of it is that the velocity of SGP4 differs by 2 cm/s from the derivative of its position. Where
        `propagate` changes from one element set to the next, the jump is smoothed over one spacing.
        """
        first = np.clip(np.floor_divide(seconds, self.spacing_s).astype(np.intp), 0, len(self.position_m) - 2)
        return self.between(self.polynomial(first), seconds / self.spacing_s - first)

    def polynomial(self, first: np.ndarray) -> np.ndarray:
        """Return the coefficients, shape (6, interval, 3), of the position from nodes, shape (interval,), to the
        next.
        """
        h, last = self.spacing_s, first + 1
        p, v, a = self.position_m[first], h * self.velocity_m_s[first], h**2 * self.acceleration_m_s2[first]
        position = self.position_m[last] - p - v - a / 2
        velocity = h * self.velocity_m_s[last] - v - a
        acceleration = h**2 * self.acceleration_m_s2[last] - a
        c3 = 10 * position - 4 * velocity + acceleration / 2
        c4 = -15 * position + 7 * velocity - acceleration
        c5 = 6 * position - 3 * velocity + acceleration / 2
        return np.stack([p, v, a / 2, c3, c4, c5])

    def between(self, polynomial: np.ndarray, fraction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return position [m] and velocity [m/s], shape (interval, 3), at fractions of the way from node to node."""
        c0, c1, c2, c3, c4, c5 = polynomial
        u = fraction[:, None]
        position = c0 + u * (c1 + u * (c2 + u * (c3 + u * (c4 + u * c5))))
        return position, (c1 + u * (2 * c2 + u * (3 * c3 + u * (4 * c4 + u * 5 * c5)))) / self.spacing_s


def propagate(elements: Elements, times: np.ndarray, *, max_age_days: float = 60.0) -> tuple[np.ndarray, np.ndarray]:
    """Compute position and velocity by SGP4, each time from the element set nearest to it.

    Parameters
    ----------
    elements : Elements
        Element sets of the satellite.
    times : ndarray of datetime64[ns], shape (time,)
        Times [UTC].
    max_age_days : float
        Longest time between an epoch and a time computed from it [day].

    Returns
    -------
    position_teme_m : ndarray, shape (time, 3)
        Position [m] in the true equator, mean equinox frame of date.
    velocity_teme_m_s : ndarray, shape (time, 3)
        Velocity [m/s] in the same frame.

    Raises
    ------
    ValueError
        If a time lies farther than `max_age_days` from every epoch, or if SGP4 computes no position, as after decay,
        or one that the set's orbit does not have, as by an absurd drag term.

    Notes
    -----
    Half-way between two epochs the position jumps by the disagreement of the two sets.

    Examples
    --------
    >>> from satqkd.orbit.elements import read_elements
    >>> micius = read_elements("data/orbits/micius.csv")
    >>> position_m, velocity_m_s = propagate(micius, np.array(["2018-10-01T12:00"], "datetime64[ns]"))
    >>> (np.linalg.norm(position_m, axis=1) / 1e3).round(), (np.linalg.norm(velocity_m_s, axis=1) / 1e3).round(2)
    (array([6873.]), array([7.62]))
    """
    times = np.asarray(times, dtype="datetime64[ns]")
    index = nearest(elements, times)
    _require_fresh(elements, times, index, max_age_days)
    midnight, fraction = frames.julian_date(times)
    position, velocity = np.empty((len(times), 3)), np.empty((len(times), 3))
    for chosen in np.unique(index):
        here = index == chosen
        error, position[here], velocity[here] = elements.satrecs[chosen].sgp4_array(midnight[here], fraction[here])
        if error.any():
            first = np.flatnonzero(error)[0]
            raise ValueError(
                f"SGP4 gives no position of {_label(elements)} at {_iso(times[here][first])} from the set of "
                f"{_iso(elements.epochs[chosen])} ({SGP4_ERRORS[int(error[first])]}): "
                "add an element set nearer to that time or search earlier"
            )
        _require_near(elements, chosen, times[here], position[here])
    return KILOMETRE_M * position, KILOMETRE_M * velocity


def trajectory(
    elements: Elements, start: np.datetime64, end: np.datetime64, *, max_age_days: float = 60.0
) -> Trajectory:
    """Compute the path of a satellite over the turning Earth from start to end [UTC], at nodes at most two minutes
    apart.

    Raises
    ------
    ValueError
        If `end` is not after `start`, and whatever `propagate` raises.

    Examples
    --------
    >>> from satqkd.orbit.elements import read_elements
    >>> start = np.datetime64("2018-10-01", "ns")
    >>> path = trajectory(read_elements("data/orbits/micius.csv"), start, start + np.timedelta64(1, "h"))
    >>> path.spacing_s, path.position_m.shape
    (np.float64(120.0), (31, 3))
    """
    start, end = np.asarray([start, end], "datetime64[ns]")
    if not end > start:
        raise ValueError(f"end={_iso(end)} is not after start={_iso(start)}: give a later end")
    # The ages are the largest at the ends and half-way between sets: refused before millions of nodes are made.
    halfway = elements.epochs[:-1] + np.diff(elements.epochs) // 2
    oldest = np.concatenate([[start], halfway[(start < halfway) & (halfway < end)], [end]])
    _require_fresh(elements, oldest, nearest(elements, oldest), max_age_days)
    duration_s = (end - start) / SECOND
    count = int(np.ceil(duration_s / NODE_SPACING_S))
    times = start + np.rint(np.linspace(0.0, 1e9 * duration_s, count + 1)).astype("timedelta64[ns]")
    position, velocity = propagate(elements, times, max_age_days=max_age_days)
    position, velocity = frames.teme_to_itrs(position, velocity, times)
    return Trajectory(start, duration_s, position, velocity, gravity_on_earth_m_s2(position, velocity))


def gravity_on_earth_m_s2(position_itrs_m: np.ndarray, velocity_itrs_m_s: np.ndarray) -> np.ndarray:
    """Return the acceleration [m/s^2], shape (time, 3), of a satellite as seen from the turning Earth.

    Parameters
    ----------
    position_itrs_m, velocity_itrs_m_s : ndarray, shape (time, 3)
        In the Earth's frame [m, m/s].

    Returns
    -------
    ndarray, shape (time, 3)
        Attraction of the Earth with its flattening, Coriolis and centrifugal acceleration; what is left out is below
        1e-4 m/s^2 in low orbit.

    Notes
    -----
    Gradient of the potential up to J2, Montenbruck and Gill, "Satellite Orbits" (2000), section 3.2.

    Examples
    --------
    >>> gravity_on_earth_m_s2(np.array([[7e6, 0.0, 0.0]]), np.zeros((1, 3))).round(3) + 0.0
    array([[-8.108,  0.   ,  0.   ]])
    """
    x, y, z = np.moveaxis(position_itrs_m, -1, 0)
    squared = x * x + y * y + z * z
    attraction = GRAVITATIONAL_PARAMETER_M3_S2 / (squared * np.sqrt(squared))
    flattening = 1.5 * J2 * frames.EARTH_RADIUS_M**2 / squared
    in_plane = attraction * (1.0 + flattening * (1.0 - 5.0 * z * z / squared))
    turning = frames.EARTH_ROTATION_RAD_S
    return np.stack(
        [
            (turning**2 - in_plane) * x + 2.0 * turning * velocity_itrs_m_s[..., 1],
            (turning**2 - in_plane) * y - 2.0 * turning * velocity_itrs_m_s[..., 0],
            -(in_plane + 2.0 * attraction * flattening) * z,
        ],
        axis=-1,
    )


def look_angles(elements: Elements, station: Place, times: np.ndarray, *, max_age_days: float = 60.0) -> LookAngles:
    """Compute how a station sees the satellite, and whether both are in the dark.

    Parameters
    ----------
    elements : Elements
        Element sets of the satellite.
    station : Place
        A `Station`, or anything with `latitude_deg`, `longitude_deg` and `altitude_m`.
    times : ndarray of datetime64[ns], shape (time,)
        Times [UTC].
    max_age_days : float
        As in `propagate`.

    Returns
    -------
    LookAngles
        Arrays of shape (time,).

    Raises
    ------
    ValueError
        Whatever `propagate` raises.

    Examples
    --------
    >>> from satqkd.orbit.elements import read_elements
    >>> micius = read_elements("data/orbits/micius.csv")
    >>> xinglong = Station("xinglong", 40.3959, 117.5775, 890.0)
    >>> seen = look_angles(micius, xinglong, np.array(["2016-12-19T16:47"], "datetime64[ns]"))
    >>> seen.elevation_deg.round(1), (seen.range_m / 1e3).round()
    (array([1.5]), array([2407.]))
    """
    position, velocity = frames.teme_to_itrs(*propagate(elements, times, max_age_days=max_age_days), times)
    axes = frames.local_axes(station.latitude_deg, station.longitude_deg)
    offset = position - frames.geodetic_to_itrs(station.latitude_deg, station.longitude_deg, station.altitude_m)
    range_m, range_rate_m_s = frames.range_and_rate(offset, velocity)
    elevation_deg, azimuth_deg = frames.elevation_azimuth_deg(offset, axes)
    sun = frames.sun_direction(times)
    latitude_deg, longitude_deg, altitude_m = frames.itrs_to_geodetic(position)
    return LookAngles(
        range_m=range_m,
        elevation_deg=elevation_deg,
        azimuth_deg=azimuth_deg,
        range_rate_m_s=range_rate_m_s,
        sun_elevation_deg=frames.elevation_azimuth_deg(sun, axes)[0],
        sunlit=frames.is_sunlit(position, sun),
        latitude_deg=latitude_deg,
        longitude_deg=longitude_deg,
        altitude_m=altitude_m,
    )


def _require_fresh(elements: Elements, times: np.ndarray, index: np.ndarray, max_age_days: float) -> None:
    """Refuse times too far from any epoch."""
    age_days = np.abs(times - elements.epochs[index]) / np.timedelta64(1, "D")
    if not age_days.size or age_days.max() <= max_age_days:
        return
    worst = int(np.argmax(age_days))
    raise ValueError(
        f"{_iso(times[worst])} lies {age_days[worst]:.1f} days from the nearest element set of {_label(elements)} "
        f"(epoch {_iso(elements.epochs[index[worst]])}), more than max_age_days={max_age_days:g}: "
        "add a nearer element set"
    )


def _require_near(elements: Elements, chosen: np.intp, times: np.ndarray, position_km: np.ndarray) -> None:
    """Refuse positions, shape (time, 3) [km], far above the apogee of the set that they are computed from."""
    satrec = elements.satrecs[chosen]
    apogee_km = (1.0 + satrec.alta) * satrec.radiusearthkm
    radius_km = np.linalg.norm(position_km, axis=1)
    worst = np.argmax(radius_km)  # nan counts as the largest
    if not radius_km[worst] <= STRAYED * apogee_km:
        raise ValueError(
            f"SGP4 takes {_label(elements)} at {_iso(times[worst])} to {radius_km[worst]:.4g} km from the Earth's "
            f"centre, where the set of {_iso(elements.epochs[chosen])} has its apogee at {apogee_km:.0f} km: "
            f"BSTAR={satrec.bstar:g} is no satellite's drag, fetch the set again"
        )


def _label(elements: Elements) -> str:
    return f"{elements.name} ({elements.norad_id})".strip()


def _iso(time: np.datetime64) -> str:
    return np.datetime_as_string(time, unit="s")
