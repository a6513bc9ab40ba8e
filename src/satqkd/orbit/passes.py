"""When a satellite passes over stations: a known trajectory, gone through node by node in one compiled loop."""

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np

from satqkd.orbit import frames
from satqkd.orbit.elements import Elements
from satqkd.orbit.propagation import SECOND, Place, Trajectory, trajectory
from satqkd.result import Result

STRONGEST_ACCELERATION_M_S2 = 12.0  # gravity at the ground, and Coriolis in low orbit or beyond the Moon
SETTLED = 1e-6  # of the spacing, 0.1 ms: no better than the interpolation
SINE, RATE, RECEDING, RANGE = 0, 1, 2, 3  # of the elevation, of the range, as `_seen` gives them


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


def passes(
    elements: Elements,
    station: Place,
    start: np.datetime64,
    end: np.datetime64,
    min_elevation_deg: float,
    *,
    max_age_days: float = 60.0,
) -> list[Pass]:
    """Find every pass of the satellite over one station between start and end.

    Parameters
    ----------
    elements : Elements
        Element sets of the satellite.
    station : Place
        A `Station`, or anything with `latitude_deg`, `longitude_deg` and `altitude_m`.
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

    Examples
    --------
    >>> from satqkd.orbit import Station, read_elements
    >>> micius = read_elements("data/orbits/micius.csv")
    >>> xinglong = Station("xinglong", 40.3959, 117.5775, 890.0)
    >>> start = np.datetime64("2016-12-19", "ns")
    >>> for one in passes(micius, xinglong, start, start + np.timedelta64(1, "D"), 30.0):
    ...     print(one.culmination.astype("datetime64[s]"), round(one.max_elevation_deg, 1), "degrees")
    2016-12-19T03:50:03 71.5 degrees
    2016-12-19T16:52:13 47.8 degrees
    """
    return passes_over(trajectory(elements, start, end, max_age_days=max_age_days), station, min_elevation_deg)


def passes_over(path: Trajectory, station: Place, min_elevation_deg: float) -> list[Pass]:
    """Find every pass of a known trajectory over one station.

    Parameters
    ----------
    path : Trajectory
        Path of the satellite.
    station : Place
        A `Station`, or anything with `latitude_deg`, `longitude_deg` and `altitude_m`.
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
    """
    seconds = pass_times(path, station, min_elevation_deg)
    site, up = _place(station)
    nodes = path.position_m, path.velocity_m_s, path.acceleration_m_s2, path.spacing_s
    shortest_m = _shortest_ranges(*nodes, site, up, seconds)
    offset = path.at(seconds[:, 1])[0] - site
    max_elevation_deg = np.degrees(np.arcsin(offset @ up / np.linalg.norm(offset, axis=1)))
    times = path.start + np.rint(1e9 * seconds).astype("timedelta64[ns]")
    return [Pass(*row) for row in zip(*times.T, max_elevation_deg.tolist(), shortest_m.tolist(), strict=True)]


def joint_passes(
    elements: Elements,
    stations: Sequence[Place],
    start: np.datetime64,
    end: np.datetime64,
    min_elevation_deg: float | Sequence[float],
    *,
    max_age_days: float = 60.0,
) -> list[JointPass]:
    """Find the intervals between start and end in which all stations see the satellite.

    Parameters
    ----------
    elements : Elements
        Element sets of the satellite.
    stations : sequence of Place
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

    Examples
    --------
    >>> from satqkd.orbit import Station, read_elements
    >>> micius = read_elements("data/orbits/micius.csv")
    >>> stations = [Station("delingha", 37.379, 97.727, 3153.0), Station("lijiang", 26.694, 100.029, 3233.0)]
    >>> start = np.datetime64("2016-12-19", "ns")
    >>> [round(one.duration_s) for one in joint_passes(micius, stations, start, start + np.timedelta64(1, "D"), 10.0)]
    [254, 138, 125]
    """
    if np.ndim(min_elevation_deg) and np.size(min_elevation_deg) != len(stations):
        raise ValueError(
            f"min_elevation_deg has {np.size(min_elevation_deg)} values for {len(stations)} stations: "
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


def pass_times(path: Trajectory, station: Place, min_elevation_deg: float) -> np.ndarray:
    """Find rise, culmination and set of every pass of a trajectory over one station.

    Parameters
    ----------
    path : Trajectory
    station : Place
        A `Station`, or anything with `latitude_deg`, `longitude_deg` and `altitude_m`.
    min_elevation_deg : float
        Elevation above which the satellite counts as seen [degree], 0 to below 90.

    Returns
    -------
    ndarray, shape (pass, 3)
        Times [s] after the trajectory's start, in order; a pass under way at either end is cut there.

    Raises
    ------
    ValueError
        If `min_elevation_deg` is outside its bounds.

    Notes
    -----
    Only intervals between nodes in which the satellite can be above the horizon plane are searched. The elevation turns
    where its rate changes sign. Cut there, an interval has an elevation that only rises or only falls, so each change
    between below and above is exactly one crossing: no pass is too short to be found. Times are within ten
    milliseconds of those of SGP4, unless the elevation changes by less than 1e-5 degree in that time.
    """
    if not 0.0 <= min_elevation_deg < 90.0:
        raise ValueError(f"min_elevation_deg={min_elevation_deg} is outside [0, 90): give degrees above the horizon")
    return _pass_times(
        path.position_m,
        path.velocity_m_s,
        path.acceleration_m_s2,
        path.spacing_s,
        *_place(station),
        float(np.sin(np.radians(min_elevation_deg))),
        STRONGEST_ACCELERATION_M_S2 * path.spacing_s**2 / 8.0,
    )


def _place(station: Place) -> tuple[np.ndarray, np.ndarray]:
    """Return a station's position [m] and its vertical, each shape (3,)."""
    site = frames.geodetic_to_itrs(station.latitude_deg, station.longitude_deg, station.altitude_m)
    return site, frames.local_axes(station.latitude_deg, station.longitude_deg)[2]


@numba.njit(cache=True)
def _seen(
    position: np.ndarray, velocity: np.ndarray, site: np.ndarray, up: np.ndarray
) -> tuple[float, float, float, float]:
    """Return the sine of the elevation [1], its rate times the range, the range's rate [m/s], and the range [m]."""
    along = square = climbing = receding = 0.0
    for axis in range(3):
        offset = position[axis] - site[axis]
        along += offset * up[axis]
        square += offset * offset
        climbing += velocity[axis] * up[axis]
        receding += offset * velocity[axis]
    distance = np.sqrt(square)
    sine = along / distance
    return sine, climbing - sine * receding / distance, receding / distance, distance


@numba.njit(cache=True)
def _polynomial(position: np.ndarray, velocity: np.ndarray, acceleration: np.ndarray, i: int, h: float) -> np.ndarray:
    """Return the quintic from node i to the next, shape (6, 3), as `Trajectory.polynomial` does."""
    c = np.empty((6, 3))
    for axis in range(3):
        p, v, a = position[i, axis], h * velocity[i, axis], h * h * acceleration[i, axis]
        x = position[i + 1, axis] - p - v - a / 2
        y = h * velocity[i + 1, axis] - v - a
        z = h * h * acceleration[i + 1, axis] - a
        c[0, axis], c[1, axis], c[2, axis] = p, v, a / 2
        c[3, axis] = 10 * x - 4 * y + z / 2
        c[4, axis] = -15 * x + 7 * y - z
        c[5, axis] = 6 * x - 3 * y + z / 2
    return c


@numba.njit(cache=True)
def _between(c: np.ndarray, h: float, u: float, site: np.ndarray, up: np.ndarray) -> tuple[float, float, float, float]:
    """Return what `_seen` gives at a fraction u of the way from node to node."""
    position, velocity = np.empty(3), np.empty(3)
    for axis in range(3):
        position[axis] = c[0, axis] + u * (
            c[1, axis] + u * (c[2, axis] + u * (c[3, axis] + u * (c[4, axis] + u * c[5, axis])))
        )
        velocity[axis] = (
            c[1, axis] + u * (2 * c[2, axis] + u * (3 * c[3, axis] + u * (4 * c[4, axis] + u * 5 * c[5, axis])))
        ) / h
    return _seen(position, velocity, site, up)


@numba.njit(cache=True)
def _root(
    c: np.ndarray, h: float, site: np.ndarray, up: np.ndarray, which: int, level: float, low: float, high: float
) -> float:
    """Return where a quantity of `_seen` passes a level between low and high: regula falsi, Illinois variant."""
    first, last = low, high
    f_low = _between(c, h, low, site, up)[which] - level
    f_high = _between(c, h, high, site, up)[which] - level
    for _ in range(100):
        middle = low - f_low * (high - low) / (f_high - f_low)
        # A little too far, so that the last two lie on both sides of the root.
        middle = min(max(middle + 0.25 * SETTLED * np.sign(low - high), first), last)
        f_middle = _between(c, h, middle, site, up)[which] - level
        if (f_middle > 0.0) != (f_high > 0.0):
            low, f_low = high, f_high
        else:
            f_low *= 0.5
        high, f_high = middle, f_middle
        if abs(high - low) < SETTLED:
            break
    return 0.5 * (low + high)


@numba.njit(cache=True)
def _pass_times(
    position: np.ndarray,
    velocity: np.ndarray,
    acceleration: np.ndarray,
    h: float,
    site: np.ndarray,
    up: np.ndarray,
    lowest_sine: float,
    bulge_m: float,
) -> np.ndarray:
    """Return rise, culmination and set of each pass, shape (pass, 3)."""
    last = position.shape[0] - 1
    times = np.empty((last + 1, 3))
    count = 0
    floor_m = site[0] * up[0] + site[1] * up[1] + site[2] * up[2] - bulge_m
    near = position[0, 0] * up[0] + position[0, 1] * up[1] + position[0, 2] * up[2] > floor_m
    sine, rate, _, _ = _seen(position[0], velocity[0], site, up)
    known, seen, rise, highest, culmination = 0, sine > lowest_sine, 0.0, sine, 0.0
    for i in range(last):
        was_near, j = near, i + 1
        near = position[j, 0] * up[0] + position[j, 1] * up[1] + position[j, 2] * up[2] > floor_m
        if not (was_near or near):
            continue
        if known != i:
            sine, rate, _, _ = _seen(position[i], velocity[i], site, up)
        known = j
        next_sine, next_rate, _, _ = _seen(position[j], velocity[j], site, up)
        turns = (rate > 0.0) != (next_rate > 0.0)
        if turns or (next_sine > lowest_sine) != seen:
            c = _polynomial(position, velocity, acceleration, i, h)
            cut, sine_at_cut = 1.0, next_sine
            if turns:
                cut = _root(c, h, site, up, RATE, 0.0, 0.0, 1.0)
                sine_at_cut = _between(c, h, cut, site, up)[SINE]
            for part in range(2):
                begin, end = (0.0, cut) if part == 0 else (cut, 1.0)
                above = (sine_at_cut if part == 0 else next_sine) > lowest_sine
                if above != seen:
                    moment = h * (i + _root(c, h, site, up, SINE, lowest_sine, begin, end))
                    if above:
                        rise, highest = moment, -1.0
                    else:
                        times[count, 0], times[count, 1], times[count, 2] = rise, culmination, moment
                        count += 1
                    seen = above
                if part == 0 and seen and sine_at_cut > highest:
                    highest, culmination = sine_at_cut, h * (i + cut)
        sine, rate = next_sine, next_rate
    if seen:
        times[count, 0], times[count, 2] = rise, h * last
        times[count, 1] = h * last if sine > highest else culmination
        count += 1
    return times[:count].copy()


@numba.njit(cache=True)
def _shortest_ranges(
    position: np.ndarray,
    velocity: np.ndarray,
    acceleration: np.ndarray,
    h: float,
    site: np.ndarray,
    up: np.ndarray,
    times: np.ndarray,
) -> np.ndarray:
    """Return the shortest range [m] of each pass: at its ends, or where the range turns between them."""
    last = position.shape[0] - 1
    shortest = np.full(times.shape[0], np.inf)
    for one in range(times.shape[0]):
        begin, end = times[one, 0] / h, times[one, 2] / h
        for i in range(min(int(begin), last - 1), min(int(end), last - 1) + 1):
            c = _polynomial(position, velocity, acceleration, i, h)
            low, high = max(begin - i, 0.0), min(end - i, 1.0)
            first, final = _between(c, h, low, site, up), _between(c, h, high, site, up)
            shortest[one] = min(shortest[one], first[RANGE], final[RANGE])
            if (first[RECEDING] > 0.0) != (final[RECEDING] > 0.0):
                turn = _root(c, h, site, up, RECEDING, 0.0, low, high)
                shortest[one] = min(shortest[one], _between(c, h, turn, site, up)[RANGE])
    return shortest
