"""Frames: from the frame of SGP4 to the rotating Earth, and from there to a station's horizon and to the Sun.

Positions are Cartesian [m] with the axis in the last dimension; times are numpy datetime64[ns] in UTC.

Polar motion and UT1 - UTC are neglected, so that no table from the network is needed. The first moves a point on the
ground by up to about 15 m, the second (up to 0.9 s) turns the Earth under the satellite by up to 420 m at the equator:
a range of 600 km changes by at most a few hundred metres. Element sets themselves are good to about a kilometre.
"""

import warnings

import erfa
import numpy as np

EARTH_ROTATION_RAD_S = 7.292115146706979e-5
EARTH_RADIUS_M = 6378137.0
SUN_RADIUS_M = 6.957e8
SPEED_OF_LIGHT_AU_DAY = erfa.DAYSEC / erfa.AULT
WGS84 = 1


def julian_date(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the Julian date [day] in two parts: the preceding midnight, and the fraction of the day.

    Parameters
    ----------
    times : ndarray of datetime64[ns], shape (time,)
        Times [UTC].

    Returns
    -------
    midnight, fraction : ndarray, shape (time,)
        Their sum is the Julian date; apart they keep it to the nanosecond.

    Examples
    --------
    >>> [part.tolist() for part in julian_date(np.array(["2018-10-01T12:00"], "datetime64[ns]"))]
    [[2458392.5], [0.5]]
    """
    times = np.asarray(times, dtype="datetime64[ns]")
    midnight = times.astype("datetime64[D]")
    return midnight.astype(np.int64) + 2440587.5, (times - midnight) / np.timedelta64(1, "D")


def sidereal_angle_rad(times: np.ndarray) -> np.ndarray:
    """Return the Earth's rotation angle [rad] from the mean equinox, shape (time,), with UTC in place of UT1.

    Notes
    -----
    The 1982 expression, since TEME is defined with it: Vallado, Crawford, Hujsak and Kelso, "Revisiting Spacetrack
    Report #3", AIAA 2006-6753, appendix C.

    Examples
    --------
    >>> sidereal_angle_rad(np.array(["2018-10-01"], "datetime64[ns]")).round(4)
    array([0.169])
    """
    return erfa.gmst82(*julian_date(times))


def rotate_about_pole(vectors: np.ndarray, angle_rad: np.ndarray) -> np.ndarray:
    """Express vectors, shape (time, 3), in axes turned eastward about the pole by an angle [rad], shape (time,).

    Examples
    --------
    >>> rotate_about_pole(np.array([[1.0, 0.0, 0.0]]), np.array([np.pi / 2])).round(3) + 0.0
    array([[ 0., -1.,  0.]])
    """
    cosine, sine = np.cos(angle_rad), np.sin(angle_rad)
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.stack([cosine * x + sine * y, cosine * y - sine * x, z], axis=-1)


def teme_to_itrs(
    position_teme_m: np.ndarray, velocity_teme_m_s: np.ndarray, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Convert position [m] and velocity [m/s] from the frame of SGP4 to the rotating frame of the Earth.

    Parameters
    ----------
    position_teme_m, velocity_teme_m_s : ndarray, shape (time, 3)
        In the true equator, mean equinox frame of date.
    times : ndarray of datetime64[ns], shape (time,)
        Times [UTC].

    Returns
    -------
    position_itrs_m, velocity_itrs_m_s : ndarray, shape (time, 3)
        The velocity is the one seen from the turning Earth.

    Notes
    -----
    AIAA 2006-6753, appendix C, without polar motion (so strictly the pseudo Earth-fixed frame).

    Examples
    --------
    >>> position, velocity = teme_to_itrs(
    ...     np.array([[7e6, 0.0, 0.0]]),
    ...     np.array([[0.0, 7546.0, 0.0]]),
    ...     np.array(["2018-03-20T12:00"], "datetime64[ns]"),
    ... )
    >>> [np.linalg.norm(vector).round(1).item() for vector in (position, velocity)]
    [7000000.0, 7035.6]
    """
    angle_rad = sidereal_angle_rad(times)
    position = rotate_about_pole(position_teme_m, angle_rad)
    velocity = rotate_about_pole(velocity_teme_m_s, angle_rad)
    velocity[..., 0] += EARTH_ROTATION_RAD_S * position[..., 1]
    velocity[..., 1] -= EARTH_ROTATION_RAD_S * position[..., 0]
    return position, velocity


def geodetic_to_itrs(latitude_deg: float, longitude_deg: float, altitude_m: float) -> np.ndarray:
    """Return the position [m], shape (3,), of a point at WGS84 latitude, longitude [degree] and height [m].

    Examples
    --------
    >>> geodetic_to_itrs(0.0, 90.0, 0.0).round(1) + 0.0
    array([      0., 6378137.,       0.])
    """
    return erfa.gd2gc(WGS84, np.radians(longitude_deg), np.radians(latitude_deg), altitude_m)


def itrs_to_geodetic(position_itrs_m: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return WGS84 latitude, longitude [degree] and height [m], each shape (time,), of positions of shape (time, 3).

    Examples
    --------
    >>> [float(part[0].round(6)) for part in itrs_to_geodetic(geodetic_to_itrs(40.4, 117.6, 890.0)[None])]
    [40.4, 117.6, 890.0]
    """
    longitude_rad, latitude_rad, altitude_m = erfa.gc2gd(WGS84, position_itrs_m)
    return np.degrees(latitude_rad), np.degrees(longitude_rad), altitude_m


def local_axes(latitude_deg: float, longitude_deg: float) -> np.ndarray:
    """Return the unit vectors east, north and up (the normal of the ellipsoid) in the Earth's frame, as rows of a (3,
    3) array.

    Examples
    --------
    >>> local_axes(0.0, 0.0)[2].round(3) + 0.0
    array([1., 0., 0.])
    """
    latitude, longitude = np.radians(latitude_deg), np.radians(longitude_deg)
    east = [-np.sin(longitude), np.cos(longitude), 0.0]
    north = [-np.sin(latitude) * np.cos(longitude), -np.sin(latitude) * np.sin(longitude), np.cos(latitude)]
    up = [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)]
    return np.array([east, north, up])


def elevation_azimuth_deg(directions_itrs: np.ndarray, axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return elevation and azimuth [degree] of directions as a station sees them.

    Parameters
    ----------
    directions_itrs : ndarray, shape (time, 3)
        Vectors from the station, of any length.
    axes : ndarray, shape (3, 3)
        The station's `local_axes`.

    Returns
    -------
    elevation_deg, azimuth_deg : ndarray, shape (time,)
        Without refraction (which lifts a satellite at 10 degrees by 0.09 degree); azimuth from north through east,
        0 to 360.

    Examples
    --------
    >>> elevation_deg, azimuth_deg = elevation_azimuth_deg(np.array([[0.0, 1.0, 1.0]]), np.eye(3))
    >>> elevation_deg.round(6).tolist(), azimuth_deg.round(6).tolist()
    ([45.0], [0.0])
    """
    east, north, up = np.moveaxis(directions_itrs @ axes.T, -1, 0)
    return np.degrees(np.arctan2(up, np.hypot(east, north))), np.degrees(np.arctan2(east, north)) % 360.0


def range_and_rate(offset_m: np.ndarray, velocity_m_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distance [m] and its rate [m/s], each shape (time,), from offset and velocity of shape (time, 3).

    Examples
    --------
    >>> [part.tolist() for part in range_and_rate(np.array([[3.0, 4.0, 0.0]]), np.array([[5.0, 0.0, 0.0]]))]
    [[5.0], [3.0]]
    """
    range_m = np.sqrt(np.einsum("...i,...i", offset_m, offset_m))
    return range_m, np.einsum("...i,...i", offset_m, velocity_m_s) / range_m


def chord_m(first_itrs_m: np.ndarray, second_itrs_m: np.ndarray) -> float:
    """Return the straight distance [m] through the Earth between two points, each shape (3,).

    Examples
    --------
    >>> delingha, lijiang = geodetic_to_itrs(37.379, 97.727, 3153.0), geodetic_to_itrs(26.694, 100.029, 3233.0)
    >>> round(chord_m(delingha, lijiang) / 1e3)
    1203
    """
    return float(np.linalg.norm(np.subtract(first_itrs_m, second_itrs_m)))


def _terrestrial(times: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Return terrestrial time as two parts of a Julian date, and the rotation to the Earth's frame, (time, 3, 3)."""
    utc = julian_date(times)
    with warnings.catch_warnings():
        # For years beyond the table of leap seconds ERFA warns; a second more turns the Sun by 0.04 arc seconds, and
        # moves the Moon by half an arc second.
        warnings.simplefilter("ignore", erfa.ErfaWarning)
        tt = erfa.taitt(*erfa.utctai(*utc))
    return tt, erfa.c2t00b(*tt, *utc, 0.0, 0.0)


def sun_direction_teme(times: np.ndarray) -> np.ndarray:
    """Return the unit vector to the apparent Sun in the frame of SGP4, shape (time, 3), with aberration.

    Notes
    -----
    Position of the Earth by ERFA's ``epv00``, precession and nutation IAU 2000B; good to an arc second.

    Examples
    --------
    >>> sun_direction_teme(np.array(["2018-03-20T16:15"], "datetime64[ns]")).round(2) + 0.0
    array([[1., 0., 0.]])
    """
    tt, to_itrs = _terrestrial(times)
    heliocentric, barycentric = erfa.epv00(*tt)
    sun = -heliocentric["p"] / np.linalg.norm(heliocentric["p"], axis=-1, keepdims=True)
    sun = sun + barycentric["v"] / SPEED_OF_LIGHT_AU_DAY
    sun_itrs = np.einsum("...ij,...j", to_itrs, sun / np.linalg.norm(sun, axis=-1, keepdims=True))
    return rotate_about_pole(sun_itrs, -sidereal_angle_rad(times))


def sun_direction(times: np.ndarray) -> np.ndarray:
    """Return the unit vector to the apparent Sun in the rotating frame of the Earth.

    Parameters
    ----------
    times : ndarray of datetime64[ns], shape (time,)
        Times [UTC].

    Returns
    -------
    ndarray, shape (time, 3)
        Unit vectors, good to 0.001 degree where UT1 - UTC is small (0.9 s of it turns the Sun by 0.004 degree).

    Notes
    -----
    Against the stars the Sun moves by a degree a day. A straight line between full hours misses it by 0.02 arc seconds,
    and costs nothing per second of a pass.

    Examples
    --------
    >>> sun_direction(np.array(["2018-03-20T12:00"], "datetime64[ns]")).round(2)
    array([[ 1.  ,  0.03, -0.  ]])
    """
    times = np.asarray(times, dtype="datetime64[ns]")
    hour = np.timedelta64(1, "h")
    hours = np.unique(times.astype("datetime64[h]"))
    nodes = np.union1d(hours, hours + hour)
    at_nodes = sun_direction_teme(nodes)
    here, there = ((moments - nodes[0]) / hour for moments in (times, nodes))
    sun = np.stack([np.interp(here, there, component) for component in at_nodes.T], axis=-1)
    return rotate_about_pole(sun / np.linalg.norm(sun, axis=-1, keepdims=True), sidereal_angle_rad(times))


def moon_position(times: np.ndarray) -> np.ndarray:
    """Return the geocentric position of the Moon in the rotating frame of the Earth [m].

    Parameters
    ----------
    times : ndarray of datetime64[ns], shape (time,)
        Times [UTC].

    Returns
    -------
    ndarray, shape (time, 3)

    Notes
    -----
    ERFA's ``moon98`` (Meeus, Astronomical Algorithms, 2nd ed., chapter 47), good to 10 arc seconds, and precession and
    nutation IAU 2000B. The Earth's rotation angle is that of UTC: 0.9 s of UT1 - UTC turns the Moon by 0.004 degree.

    Examples
    --------
    >>> position = moon_position(np.array(["2018-07-27T20:22"], "datetime64[ns]"))
    >>> float(np.linalg.norm(position).round(-6) / 1e6)  # thousand km, near its apogee
    406.0
    """
    tt, to_itrs = _terrestrial(np.asarray(times, dtype="datetime64[ns]"))
    return np.einsum("...ij,...j", to_itrs, erfa.moon98(*tt)["p"]) * erfa.DAU


def is_sunlit(position_itrs_m: np.ndarray, sun_itrs: np.ndarray) -> np.ndarray:
    """Return whether a satellite sees any of the Sun's disc, that is, whether it is outside the Earth's umbra.

    Parameters
    ----------
    position_itrs_m : ndarray, shape (time, 3)
        Positions of the satellite [m].
    sun_itrs : ndarray, shape (time, 3)
        Unit vectors to the Sun.

    Returns
    -------
    ndarray of bool, shape (time,)
        True in full light and in penumbra.

    Notes
    -----
    Conical shadow of a sphere of the equatorial radius: in umbra the Sun's disc lies wholly within the Earth's. The
    flattening (21 km) and the atmosphere shift entry and exit in low orbit by a few seconds.

    Examples
    --------
    >>> is_sunlit(np.array([[-7e6, 0.0, 0.0], [7e6, 0.0, 0.0]]), np.array([[1.0, 0.0, 0.0]] * 2))
    array([False,  True])
    """
    distance_m = np.linalg.norm(position_itrs_m, axis=-1)
    earth_radius = np.arcsin(EARTH_RADIUS_M / distance_m)
    sun_radius = np.arcsin(SUN_RADIUS_M / erfa.DAU)
    cosine = -np.einsum("...i,...i", position_itrs_m, sun_itrs) / distance_m
    return np.arccos(np.clip(cosine, -1.0, 1.0)) > earth_radius - sun_radius
