"""Nights by local mean solar time: of which night a moment is, and a long pass cut into one part for each night."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from satqkd.orbit.propagation import Place, Trajectory
from satqkd.planner.windows import Sun, lowest_elevation_deg, view

HOURS_PER_DEGREE = 1 / 15
HALF_A_DAY = np.timedelta64(12, "h")
SECOND = np.timedelta64(1, "s")
DAY_S = 86400.0
STEP_S = 600.0  # a dark part of a pass shorter than this may go unseen
HIGHEST_STEPS = 1000  # into which the time about the highest point is cut, again and again
HIGHEST_WITHIN_S = 0.01


def night_of(times: np.ndarray, longitude_deg: np.ndarray) -> np.ndarray:
    """Return the day [datetime64[D]] in whose evening the night of a time [UTC] began, by local mean solar time.

    Examples
    --------
    >>> night_of(np.array(["2018-09-11T03:00", "2018-09-11T21:00"], "datetime64[s]"), np.array([16.4, 16.4]))
    array(['2018-09-10', '2018-09-11'], dtype='datetime64[D]')
    """
    return (times + _ahead_of_utc(longitude_deg) - HALF_A_DAY).astype("datetime64[D]")


def noons_s(path: Trajectory, longitude_deg: float) -> np.ndarray:
    """Return every local mean noon of a trajectory [s after its start], shape (noon,).

    Examples
    --------
    >>> from satqkd.orbit import read_elements
    >>> from satqkd.orbit.propagation import trajectory
    >>> days = np.array(["2018-10-01", "2018-10-03"], "datetime64[ns]")
    >>> noons_s(trajectory(read_elements("data/orbits/micius.csv"), *days), 15.0) / 3600
    array([11., 35.])
    """
    ahead, end = _ahead_of_utc(longitude_deg), path.start + np.timedelta64(round(1e9 * path.duration_s), "ns")
    first, last = (np.array([path.start, end]) + ahead).astype("datetime64[D]")
    days = np.arange(first, last + 1)
    noons = (days.astype("datetime64[s]") + HALF_A_DAY - ahead - path.start) / SECOND
    return noons[(noons > 0.0) & (noons < path.duration_s)]


def one_a_night(
    path: Trajectory, stations: Sequence[Place], sun: Sun, times: np.ndarray, max_sun_elevation_deg: float
) -> np.ndarray:
    """Cut passes that reach from one night into the next at the first station's noons.

    A satellite far out may be in view for days on end. A pass is cut at a noon that has darkness before and behind it,
    up to the next cut, and is itself in daylight; a pass of more than a day, also in polar night, is cut at every such
    noon.

    Parameters
    ----------
    path : Trajectory
    stations : sequence of Place
        Of one link.
    sun : Sun
    times : ndarray, shape (pass, 3)
        Rise, culmination and set [s after the trajectory's start].
    max_sun_elevation_deg : float
        Highest Sun at which it is dark [degree].

    Returns
    -------
    ndarray, shape (part, 3)
        As `times`; the culmination of a part is its own.
    """
    noons = noons_s(path, stations[0].longitude_deg)
    first, last = np.searchsorted(noons, times[:, 0], "right"), np.searchsorted(noons, times[:, 2], "left")
    parts = []
    for one, inside in zip(times, (noons[i:j] for i, j in zip(first, last, strict=True)), strict=True):
        cuts = _cuts(path, stations, sun, one, inside, max_sun_elevation_deg) if inside.size else []
        edges = [one[0], *cuts, one[2]]
        for begin, end in zip(edges[:-1], edges[1:], strict=True):
            highest = one[1] if begin <= one[1] <= end else _highest_s(path, stations, begin, end)
            parts.append((begin, highest, end))
    return np.array(parts).reshape(-1, 3)


def _ahead_of_utc(longitude_deg: ArrayLike) -> np.ndarray:
    """Return local mean solar time minus UTC [timedelta64[s]]."""
    east = ((np.asarray(longitude_deg) + 180.0) % 360.0 - 180.0) * HOURS_PER_DEGREE
    return np.rint(3600 * east).astype("timedelta64[s]")


def _cuts(
    path: Trajectory, stations: Sequence[Place], sun: Sun, one: np.ndarray, noons: np.ndarray, max_sun_deg: float
) -> list[float]:
    """Return the noons at which a pass is cut."""
    moments = np.linspace(one[0], one[2], int(np.ceil((one[2] - one[0]) / STEP_S)) + 2)
    dark = moments[_is_dark(path, stations, sun, moments, max_sun_deg)]
    cuts, begin = [], one[0]
    for noon, bright in zip(noons, ~_is_dark(path, stations, sun, noons, max_sun_deg), strict=True):
        before, behind = ((begin <= dark) & (dark < noon)).any(), (dark > noon).any()
        if before and behind and (bright or one[2] - one[0] > DAY_S):
            cuts.append(noon)
            begin = noon
    return cuts


def _is_dark(
    path: Trajectory, stations: Sequence[Place], sun: Sun, seconds: np.ndarray, max_sun_elevation_deg: float
) -> np.ndarray:
    """Return when the Sun is low enough at every station, shape (time,)."""
    return view(path, stations, sun, seconds).sun_elevation_deg.max(axis=1) <= max_sun_elevation_deg


def _highest_s(path: Trajectory, stations: Sequence[Place], begin: float, end: float) -> float:
    """Return when the lowest elevation is highest in a part of a pass [s], on ever finer grids."""
    low, high = begin, end
    while True:
        grid = np.linspace(low, high, HIGHEST_STEPS)
        best = int(np.argmax(lowest_elevation_deg(path, stations, grid)))
        if grid[1] - grid[0] < HIGHEST_WITHIN_S:
            return float(grid[best])
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, HIGHEST_STEPS - 1)]
