"""The search for passes in numpy, all intervals at once: the plain definition that the compiled loop is held to."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from satqkd.orbit import Pass, Station, frames
from satqkd.orbit.passes import SETTLED, STRONGEST_ACCELERATION_M_S2
from satqkd.orbit.propagation import Trajectory


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
        return cls(path, frames.geodetic_to_itrs(station.latitude_deg, station.longitude_deg, station.altitude_m), up)

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
