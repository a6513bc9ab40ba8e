"""Find when a link is open: passes over one or several stations, and the part of each that is dark enough."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from satqkd.orbit import frames
from satqkd.orbit.propagation import Place, Trajectory
from satqkd.scenario.mission import Orbit

HOUR = np.timedelta64(1, "h")
STEP_S = 10.0  # an open part, or a break in it, that is shorter may be missed
HALVINGS = 10  # of a step, down to 10 ms
THIRDS = 25  # of a pass cut off one after another, from four minutes down to 10 ms
SUN_DEG_S = 360 / 86164


@dataclass(frozen=True)
class Sun:
    """Directions to the Sun in the frame of SGP4, shape (hour, 3), from the first hour on: one table for all links."""

    first: np.datetime64
    directions: np.ndarray

    @classmethod
    def during(cls, start: np.datetime64, end: np.datetime64) -> "Sun":
        """Compute the table from the hour of `start` to past the hour of `end` [UTC].

        Examples
        --------
        >>> start = np.datetime64("2018-03-20T12:00", "ns")
        >>> Sun.during(start, start + HOUR).directions.round(2)[0] + 0.0
        array([1., 0., 0.])
        """
        first = start.astype("datetime64[h]").astype("datetime64[ns]")
        return cls(first, frames.sun_direction_teme(np.arange(first, end + 2 * HOUR, HOUR)))

    def at(self, times: np.ndarray) -> np.ndarray:
        """Return directions in the Earth's frame, shape (time, 3), interpolated between full hours as
        `frames.sun_direction` does.

        Examples
        --------
        >>> noon = np.datetime64("2018-03-20T12:00", "ns")
        >>> Sun.during(noon, noon + HOUR).at(np.array([noon])).round(2) + 0.0
        array([[1.  , 0.03, 0.  ]])
        """
        hours = (times - self.first) / HOUR
        known = np.arange(len(self.directions))
        sun = np.stack([np.interp(hours, known, component) for component in self.directions.T], axis=-1)
        return frames.rotate_about_pole(
            sun / np.linalg.norm(sun, axis=-1, keepdims=True), frames.sidereal_angle_rad(times)
        )


@dataclass(frozen=True)
class View:
    """The satellite as the stations of a link see it.

    `sunlit`, shape (time,), says whether the Sun shines on the satellite.
    """

    range_m: np.ndarray
    elevation_deg: np.ndarray
    sun_elevation_deg: np.ndarray
    sunlit: np.ndarray


def view(path: Trajectory, stations: Sequence[Place], sun: Sun, seconds: np.ndarray) -> View:
    """Return how stations see the satellite at times [s] after the trajectory's start, shape (time,).

    Examples
    --------
    >>> from satqkd.orbit import Station, read_elements
    >>> from satqkd.orbit.propagation import trajectory
    >>> from satqkd.scenario import data_folder
    >>> start = np.datetime64("2016-12-19T16:00", "ns")
    >>> end = start + HOUR
    >>> path = trajectory(read_elements(data_folder() / "orbits/micius.csv"), start, end)
    >>> stations = [Station("xinglong", 40.3959, 117.5775, 890.0)]
    >>> seen = view(path, stations, Sun.during(start, end), np.array([3219.0]))
    >>> seen.elevation_deg.round(1).tolist(), (seen.range_m / 1e3).round().tolist()
    ([[29.5]], [[904.0]])
    """
    position, _ = path.at(seconds)
    towards_sun = sun.at(path.start + np.rint(1e9 * seconds).astype("timedelta64[ns]"))
    elevation_deg, range_m = zip(*(_elevation_and_range(station, position) for station in stations), strict=True)
    sun_elevation_deg = [
        frames.elevation_azimuth_deg(towards_sun, frames.local_axes(s.latitude_deg, s.longitude_deg))[0]
        for s in stations
    ]
    return View(
        range_m=np.stack(range_m, axis=1),
        elevation_deg=np.stack(elevation_deg, axis=1),
        sun_elevation_deg=np.stack(sun_elevation_deg, axis=1),
        sunlit=frames.is_sunlit(position, towards_sun),
    )


def _elevation_and_range(station: Place, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    offset = position - frames.geodetic_to_itrs(station.latitude_deg, station.longitude_deg, station.altitude_m)
    axes = frames.local_axes(station.latitude_deg, station.longitude_deg)
    return frames.elevation_azimuth_deg(offset, axes)[0], np.sqrt(np.einsum("ij,ij->i", offset, offset))


# Reasons for a closed window, in the order of the conditions in `fulfilled`.
CLOSED = ("sun too high", "satellite in sunlight", "too far away")
TOO_SHORT = "window too short"


def fulfilled(seen: View, conditions: Orbit) -> np.ndarray:
    """Return where a scenario's conditions hold at every station, shape (3, time): darkness, shadow, and range.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> night = View(np.array([[8e5]]), np.array([[60.0]]), np.array([[-30.0]]), np.array([False]))
    >>> fulfilled(night, load_scenario("liao2017").orbit).ravel().tolist()
    [True, True, True]
    """
    dark = (seen.sun_elevation_deg <= conditions.max_sun_elevation_deg).all(axis=1)
    everywhere = np.ones_like(dark)
    near = everywhere if conditions.max_range_m is None else (seen.range_m <= conditions.max_range_m).all(axis=1)
    return np.stack([dark, ~seen.sunlit if conditions.satellite_in_shadow else everywhere, near])


def usable(seen: View, conditions: Orbit) -> np.ndarray:
    """Return where a scenario's conditions all hold at every station, shape (time,).

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> sun_elevation_deg = np.array([[30.0], [-30.0]])
    >>> day_and_night = View(np.full((2, 1), 8e5), np.full((2, 1), 60.0), sun_elevation_deg, np.full(2, False))
    >>> usable(day_and_night, load_scenario("liao2017").orbit).tolist()
    [False, True]
    """
    return np.logical_and.reduce(fulfilled(seen, conditions))


def closing(seen: View, conditions: Orbit) -> str:
    """Return why a pass has no window, from views of it in order of time: one of `CLOSED`, or `TOO_SHORT`.

    Conditions count one after the other; the first one that leaves no moment is the reason.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> day = View(np.array([[8e5]]), np.array([[60.0]]), np.array([[30.0]]), np.array([True]))
    >>> closing(day, load_scenario("liao2017").orbit)
    'sun too high'
    """
    left = np.logical_and.accumulate(fulfilled(seen, conditions), axis=0).any(axis=1)
    return TOO_SHORT if left.all() else CLOSED[int(np.argmin(left))]


def joint_times_s(path: Trajectory, stations: Sequence[Place], single: list[np.ndarray]) -> np.ndarray:
    """Return rise, culmination and set [s after start], shape (pass, 3), of all stations together, from those of each.

    The culmination of a joint pass is where the lowest elevation is highest.

    Notes
    -----
    Each elevation rises and then falls, hence the lowest of them does as well. The third of the interval that cannot
    hold its highest point is cut off repeatedly, down to hundredths of a second in low orbit.

    Examples
    --------
    >>> from satqkd.orbit import Station, read_elements
    >>> from satqkd.orbit.propagation import trajectory
    >>> from satqkd.scenario import data_folder
    >>> start = np.datetime64("2016-12-19T16:00", "ns")
    >>> end = start + HOUR
    >>> path = trajectory(read_elements(data_folder() / "orbits/micius.csv"), start, end)
    >>> stations = [Station("xinglong", 40.3959, 117.5775, 890.0), Station("delingha", 37.379, 97.727, 3153.0)]
    >>> from satqkd.orbit.passes import pass_times
    >>> joint_times_s(path, stations, [pass_times(path, station, 10.0) for station in stations]).round().tolist()
    [[3089.0, 3219.0, 3341.0]]
    """
    if len(single) == 1:
        return single[0]
    edges = common([times[:, ::2] for times in single])
    low, high = edges.T.copy()
    for _ in range(THIRDS):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        rising = lowest_elevation_deg(path, stations, left) < lowest_elevation_deg(path, stations, right)
        low, high = np.where(rising, left, low), np.where(rising, high, right)
    return np.stack([edges[:, 0], (low + high) / 2, edges[:, 1]], axis=1)


def lowest_elevation_deg(path: Trajectory, stations: Sequence[Place], seconds: np.ndarray) -> np.ndarray:
    """Return the elevation [degree] at the station that sees the satellite lowest, shape (time,).

    Examples
    --------
    >>> from satqkd.orbit import Station, read_elements
    >>> from satqkd.orbit.propagation import trajectory
    >>> from satqkd.scenario import data_folder
    >>> start = np.datetime64("2016-12-19T16:00", "ns")
    >>> end = start + HOUR
    >>> path = trajectory(read_elements(data_folder() / "orbits/micius.csv"), start, end)
    >>> stations = [Station("xinglong", 40.3959, 117.5775, 890.0)]
    >>> lowest_elevation_deg(path, stations, np.array([3219.0])).round(1).tolist()
    [29.5]
    """
    position, _ = path.at(seconds)
    return np.min([_elevation_and_range(station, position)[0] for station in stations], axis=0)


def may_be_dark(view_there: View, within_s: np.ndarray, max_sun_elevation_deg: float) -> np.ndarray:
    """Return whether the Sun can be low enough at every station within some time [s] of a view, shape (time,).

    The Sun climbs by at most one turn in a day.

    Examples
    --------
    >>> dusk = View(np.array([[8e5]]), np.array([[60.0]]), np.array([[-5.0]]), np.array([True]))
    >>> may_be_dark(dusk, np.array([600.0]), -6.0).tolist()
    [True]
    """
    lowest = view_there.sun_elevation_deg.max(axis=1) - SUN_DEG_S * within_s
    return lowest <= max_sun_elevation_deg


def common(intervals: list[np.ndarray]) -> np.ndarray:
    """Return the intersection of several sets of intervals, each shape (n, 2), disjoint and in order.

    Examples
    --------
    >>> common([np.array([[0.0, 4.0], [6.0, 9.0]]), np.array([[3.0, 7.0]])]).tolist()
    [[3.0, 4.0], [6.0, 7.0]]
    """
    times = np.concatenate([one.ravel() for one in intervals])
    steps = np.concatenate([np.tile([1, -1], len(one)) for one in intervals])
    order = np.lexsort([steps, times])  # an interval that ends where another begins does not overlap it
    opens = np.flatnonzero(np.cumsum(steps[order]) == len(intervals))
    return np.stack([times[order[opens]], times[order[opens + 1]]], axis=1)


def longest_windows(is_open: Callable, edges: np.ndarray) -> np.ndarray:
    """Find the longest open part of each interval.

    Parameters
    ----------
    is_open : callable
        Times [s], shape (time,), to bool.
    edges : ndarray, shape (interval, 2)
        Begin and end [s].

    Returns
    -------
    ndarray, shape (interval, 2)
        Begin and end [s], to ten milliseconds; where it is never open, both are the interval's begin.

    Examples
    --------
    >>> longest_windows(lambda seconds: abs(seconds - 50) < 20, np.array([[0.0, 100.0]])).round().tolist()
    [[30.0, 70.0]]
    """
    windows = np.repeat(edges[:, :1], 2, axis=1)
    if not len(edges):
        return windows
    count = int(np.ceil((edges[:, 1] - edges[:, 0]).max() / STEP_S)) + 1
    grid = np.linspace(edges[:, 0], edges[:, 1], max(count, 2), axis=1)
    closed = np.zeros((len(edges), 1), np.int8)
    change = np.diff(np.hstack([closed, is_open(grid.ravel()).reshape(grid.shape), closed]), axis=1)
    row, first = np.nonzero(change == 1)
    last = np.nonzero(change == -1)[1] - 1
    begin = _bisected(is_open, grid[row, first], grid[row, np.maximum(first - 1, 0)])
    end = _bisected(is_open, grid[row, last], grid[row, np.minimum(last + 1, grid.shape[1] - 1)])
    order = np.lexsort([end - begin, row])
    longest = order[np.flatnonzero(np.diff(row[order], append=-1))]
    windows[row[longest]] = np.stack([begin, end], axis=1)[longest]
    return windows


def _bisected(is_open: Callable, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Return the last open times [s] between open and closed ones."""
    for _ in range(HALVINGS if inside.size else 0):
        middle = 0.5 * (inside + outside)
        there = is_open(middle) | (inside == outside)
        inside, outside = np.where(there, middle, inside), np.where(there, outside, middle)
    return inside
