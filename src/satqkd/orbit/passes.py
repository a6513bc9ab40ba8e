"""Where the satellite is, how a station sees it, and when it passes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
from sgp4.api import SGP4_ERRORS

from satqkd.result import Result

from . import frames
from .elements import Elements, nearest

KILOMETRE_M = 1e3
SECOND = np.timedelta64(1_000_000_000, "ns")
NODE_SPACING_S = 120.0
GRAVITATIONAL_PARAMETER_M3_S2 = 3.986004418e14
J2 = 1.08263e-3
STRONGEST_ACCELERATION_M_S2 = 12.0  # gravity at the ground, and Coriolis in low orbit or beyond the Moon
STRAYED = 1.1  # times the apogee of the set, which no force takes a satellite to within months
SETTLED = 1e-6  # of the spacing, 0.1 ms: no better than the interpolation


@dataclass(frozen=True)
class Station:
    """A place on the ground: WGS84 latitude and longitude [degree], height above the ellipsoid [m]."""

    name: str
    latitude_deg: float
    longitude_deg: float
    altitude_m: float


@dataclass(frozen=True)
class LookAngles:
    """How a station sees the satellite; every attribute is an array of shape (time,).

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


@dataclass(frozen=True, repr=False)
class Pass(Result):
    """One pass over a station: times [UTC, datetime64[ns]], highest elevation [degree], shortest range [m].

    A pass under way when the search starts or ends is cut there.
    """

    rise: np.datetime64
    culmination: np.datetime64
    set: np.datetime64
    max_elevation_deg: float
    shortest_range_m: float


@dataclass(frozen=True)
class JointPass:
    """An interval in which every station sees the satellite: times [UTC, datetime64[ns]]."""

    start: np.datetime64
    end: np.datetime64

    @property
    def duration_s(self) -> float:
        """Length of the interval [s]."""
        return float((self.end - self.start) / SECOND)


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
        """Position [m] and velocity [m/s], shape (time, 3), at times in seconds after the start, shape (time,).

        Notes
        -----
        Quintic Hermite interpolation, within half a metre of SGP4 in low orbit, so that crossing times are good to
        0.1 ms; most of it is that the velocity of SGP4 differs by 2 cm/s from the derivative of its position. Where
        `propagate` changes from one element set to the next, the jump is smoothed over one spacing.
        """
        first = np.clip(np.floor_divide(seconds, self.spacing_s).astype(np.intp), 0, len(self.position_m) - 2)
        return self.between(self.polynomial(first), seconds / self.spacing_s - first)

    def polynomial(self, first: np.ndarray) -> np.ndarray:
        """Coefficients, shape (6, interval, 3), of the position from nodes, shape (interval,), to the next."""
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
        """Position [m] and velocity [m/s], shape (interval, 3), at fractions of the way from node to node."""
        c0, c1, c2, c3, c4, c5 = polynomial
        u = fraction[:, None]
        position = c0 + u * (c1 + u * (c2 + u * (c3 + u * (c4 + u * c5))))
        return position, (c1 + u * (2 * c2 + u * (3 * c3 + u * (4 * c4 + u * 5 * c5)))) / self.spacing_s


def propagate(elements: Elements, times: np.ndarray, *, max_age_days: float = 60.0) -> tuple[np.ndarray, np.ndarray]:
    """Position and velocity by SGP4, each time from the element set nearest to it.

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
    """Path of a satellite over the turning Earth from start to end [UTC], with nodes at most two minutes apart.

    Raises
    ------
    ValueError
        If `end` is not after `start`, and whatever `propagate` raises.
    """
    start, end = np.datetime64(start, "ns"), np.datetime64(end, "ns")
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
    """Acceleration [m/s^2], shape (time, 3), of a satellite as seen from the turning Earth.

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


def look_angles(elements: Elements, station: Station, times: np.ndarray, *, max_age_days: float = 60.0) -> LookAngles:
    """How a station sees the satellite, and whether both are in the dark.

    Parameters
    ----------
    elements : Elements
        Element sets of the satellite.
    station : Station
        Or anything with `latitude_deg`, `longitude_deg` and `altitude_m`.
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
    """
    position, velocity = frames.teme_to_itrs(*propagate(elements, times, max_age_days=max_age_days), times)
    axes = frames.local_axes(station.latitude_deg, station.longitude_deg)
    offset = position - _site_m(station)
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


def passes(
    elements: Elements,
    station: Station,
    start: np.datetime64,
    end: np.datetime64,
    min_elevation_deg: float,
    *,
    max_age_days: float = 60.0,
) -> list[Pass]:
    """Every pass of the satellite over one station between start and end.

    Parameters
    ----------
    elements : Elements
        Element sets of the satellite.
    station : Station
        Or anything with `latitude_deg`, `longitude_deg` and `altitude_m`.
    start, end : datetime64[ns]
        Limits of the search [UTC].
    min_elevation_deg : float
        Elevation above which the satellite counts as seen [degree], 0 to below 90.
    max_age_days : float
        As in `propagate`.

    Returns
    -------
    list of Pass
        In order of time. For several stations compute `trajectory` once and ask `passes_over` for each.

    Raises
    ------
    ValueError
        If `min_elevation_deg` is outside its bounds, and whatever `trajectory` raises.
    """
    return passes_over(trajectory(elements, start, end, max_age_days=max_age_days), station, min_elevation_deg)


def passes_over(path: Trajectory, station: Station, min_elevation_deg: float) -> list[Pass]:
    """Every pass of a known trajectory over one station.

    Parameters
    ----------
    path : Trajectory
        Path of the satellite.
    station : Station
        Or anything with `latitude_deg`, `longitude_deg` and `altitude_m`.
    min_elevation_deg : float
        Elevation above which the satellite counts as seen [degree], 0 to below 90.

    Returns
    -------
    list of Pass
        In order of time.

    Raises
    ------
    ValueError
        If `min_elevation_deg` is outside its bounds.

    Notes
    -----
    Only intervals between nodes in which the satellite can be above the horizon plane are looked at. The elevation
    turns where its rate changes sign. Cut there, an interval has an elevation that only rises or only falls, so each
    change between below and above is exactly one crossing: no pass is too short to be found. Times are within ten
    milliseconds of those of SGP4, unless the elevation changes by less than 1e-5 degree in that time.
    """
    if not 0.0 <= min_elevation_deg < 90.0:
        raise ValueError(f"min_elevation_deg={min_elevation_deg} is outside [0, 90): give degrees above the horizon")
    sight = _Sight.of(path, station)
    near = sight.near_horizon()
    edges, culminations = _crossings(sight, near, np.sin(np.radians(min_elevation_deg)))
    candidates = np.concatenate([edges.ravel(), culminations, _closest_approaches(sight, near, edges)])
    seen = sight.at(candidates)
    highest = _smallest_of_each(edges, candidates, -seen.sine)
    closest = _smallest_of_each(edges, candidates, seen.range_m)
    seconds = np.insert(edges, 1, candidates[highest], axis=1)
    times = path.start + np.rint(1e9 * seconds).astype("timedelta64[ns]")
    max_elevation_deg = np.degrees(np.arcsin(seen.sine[highest])).tolist()
    return [Pass(*row) for row in zip(*times.T, max_elevation_deg, seen.range_m[closest].tolist(), strict=True)]


def joint_passes(
    elements: Elements,
    stations: Sequence[Station],
    start: np.datetime64,
    end: np.datetime64,
    min_elevation_deg: float | Sequence[float],
    *,
    max_age_days: float = 60.0,
) -> list[JointPass]:
    """Intervals between start and end in which all stations see the satellite.

    Parameters
    ----------
    elements : Elements
        Element sets of the satellite.
    stations : sequence of Station
        At least one.
    start, end : datetime64[ns]
        Limits of the search [UTC].
    min_elevation_deg : float or sequence of float, shape (station,)
        Elevation above which the satellite counts as seen [degree], for all stations or for each.
    max_age_days : float
        As in `propagate`.

    Returns
    -------
    list of JointPass
        In order of time.

    Raises
    ------
    ValueError
        Whatever `passes` raises, or if the elevations are neither one nor as many as the stations.
    """
    if np.ndim(min_elevation_deg) and len(min_elevation_deg) != len(stations):
        raise ValueError(
            f"min_elevation_deg has {len(min_elevation_deg)} values for {len(stations)} stations: "
            "give one for all or one for each"
        )
    path = trajectory(elements, start, end, max_age_days=max_age_days)
    lowest = np.broadcast_to(min_elevation_deg, len(stations))
    single = [p for station, low in zip(stations, lowest, strict=True) for p in passes_over(path, station, low)]
    times = np.array([p.rise for p in single] + [p.set for p in single], dtype="datetime64[ns]")
    order = np.argsort(times, kind="stable")
    seeing = np.cumsum(np.repeat([1, -1], len(single))[order])
    opens = np.flatnonzero(seeing == len(stations))
    intervals = [JointPass(*pair) for pair in zip(times[order[opens]], times[order[opens + 1]], strict=True)]
    return [interval for interval in intervals if interval.duration_s > 0.0]


@dataclass(frozen=True)
class _View:
    """Range [m] and its rate [m/s], sine of the elevation and its rate times the range [m/s], each shape (time,)."""

    range_m: np.ndarray
    range_rate_m_s: np.ndarray
    sine: np.ndarray
    elevation_rate: np.ndarray


@dataclass(frozen=True)
class _Sight:
    """A trajectory as one station sees it: the station's position [m] and its vertical, each shape (3,)."""

    path: Trajectory
    site_m: np.ndarray
    up: np.ndarray

    @classmethod
    def of(cls, path: Trajectory, station: Station) -> "_Sight":
        up = frames.local_axes(station.latitude_deg, station.longitude_deg)[2]
        return cls(path, _site_m(station), up)

    def view(self, position_m: np.ndarray, velocity_m_s: np.ndarray) -> _View:
        offset = position_m - self.site_m
        range_m, range_rate_m_s = frames.range_and_rate(offset, velocity_m_s)
        sine = np.einsum("...i,i", offset, self.up) / range_m
        return _View(range_m, range_rate_m_s, sine, np.einsum("...i,i", velocity_m_s, self.up) - sine * range_rate_m_s)

    def at_nodes(self, nodes: np.ndarray) -> _View:
        return self.view(self.path.position_m[nodes], self.path.velocity_m_s[nodes])

    def at(self, seconds: np.ndarray) -> _View:
        return self.view(*self.path.at(seconds))

    def near_horizon(self) -> np.ndarray:
        """Those nodes from which to the next the satellite can come above the horizon plane.

        Between nodes it is above their chord by at most a h^2 / 8 (22 km for two minutes).
        """
        bulge_m = STRONGEST_ACCELERATION_M_S2 * self.path.spacing_s**2 / 8.0
        height_m = np.einsum("ij,j", self.path.position_m, self.up) - self.site_m @ self.up
        return np.flatnonzero(np.maximum(height_m[:-1], height_m[1:]) > -bulge_m)

    def root(self, quantity: Callable, first: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Fraction of the way from the first node to the next, between low and high, where a quantity changes sign."""
        polynomial = self.path.polynomial(first)
        return _root(lambda u: quantity(self.view(*self.path.between(polynomial, u))), low, high)


def _crossings(sight: _Sight, first: np.ndarray, lowest_sine: float) -> tuple[np.ndarray, np.ndarray]:
    """Times [s after start] of rising and setting, shape (pass, 2), and of the turning points of the elevation.

    They are looked for from each of the first nodes to the next. A satellite that is up when the trajectory begins or
    ends rises or sets there.
    """
    spacing_s = sight.path.spacing_s
    begin, end = sight.at_nodes(first), sight.at_nodes(first + 1)
    turns = _differ(begin.elevation_rate, end.elevation_rate)
    zero, cut, sine_at_cut = np.zeros(len(first)), np.ones(len(first)), end.sine.copy()
    cut[turns] = sight.root(attrgetter("elevation_rate"), first[turns], zero[turns], cut[turns])
    culminations = spacing_s * (first[turns] + cut[turns])
    sine_at_cut[turns] = sight.at(culminations).sine

    def excess(seen):
        return seen.sine - lowest_sine

    early = _differ(excess(begin), sine_at_cut - lowest_sine)
    late = _differ(sine_at_cut - lowest_sine, excess(end))
    edges = [
        spacing_s * (first[early] + sight.root(excess, first[early], zero[early], cut[early])),
        spacing_s * (first[late] + sight.root(excess, first[late], cut[late], zero[late] + 1.0)),
        np.array([0.0, sight.path.duration_s])[excess(sight.at_nodes(np.array([0, -1]))) > 0.0],
    ]
    edges = np.sort(np.concatenate(edges)).reshape(-1, 2)
    return edges[edges[:, 0] < edges[:, 1]], culminations


def _closest_approaches(sight: _Sight, near: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Times [s after start] at which the range turns, in those intervals between nodes that share in a pass."""
    spacing_s = sight.path.spacing_s
    before, after = np.searchsorted(edges.ravel(), spacing_s * np.stack([near, near + 1]))
    first = near[(before % 2 == 1) | (after > before)]
    turns = first[_differ(sight.at_nodes(first).range_rate_m_s, sight.at_nodes(first + 1).range_rate_m_s)]
    zero = np.zeros(len(turns))
    return spacing_s * (turns + sight.root(attrgetter("range_rate_m_s"), turns, zero, zero + 1.0))


def _differ(begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Indices at which one value is positive and the other is not."""
    return np.flatnonzero((begin > 0.0) != (end > 0.0))


def _site_m(station: Station) -> np.ndarray:
    return frames.geodetic_to_itrs(station.latitude_deg, station.longitude_deg, station.altitude_m)


def _root(function: Callable, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Where a function changes sign between low and high, within SETTLED, for all intervals at once.

    The Illinois variant of regula falsi keeps the root enclosed and needs about eight steps. Each step goes a little
    too far, so that the last two lie on both sides of the root.
    """
    bounds = low, high
    f_low, f_high = function(low), function(high)
    settled = np.zeros(len(low), dtype=bool)
    for _ in range(100):
        middle = low - f_low * (high - low) / (f_high - f_low) + 0.25 * SETTLED * np.sign(low - high)
        middle = np.clip(middle, *bounds)
        f_middle = function(middle)
        crossed = (f_middle > 0.0) != (f_high > 0.0)
        low, f_low = np.where(crossed, high, low), np.where(crossed, f_high, 0.5 * f_low)
        high, f_high = middle, f_middle
        settled |= np.abs(high - low) < SETTLED
        if settled.all():
            break
    return 0.5 * (low + high)


def _smallest_of_each(edges: np.ndarray, times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """For each pass, edges of shape (pass, 2), the index of the smallest of the values at times within it."""
    number = np.searchsorted(edges[:, 0], times, side="right") - 1
    inside = np.flatnonzero((number >= 0) & (times <= np.append(edges[:, 1], -np.inf)[number]))
    order = inside[np.lexsort([values[inside], number[inside]])]
    return order[np.unique(number[order], return_index=True)[1]]


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
