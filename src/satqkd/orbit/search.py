"""Passes of a known trajectory over many stations, node by node in one compiled loop.

`satqkd.orbit.passes.passes_over` is the definition; this gives the same times for a year of passes in a hundredth of a
second, once the trajectory is there.
"""

import numba
import numpy as np

from satqkd.orbit import frames
from satqkd.orbit.passes import SETTLED, STRONGEST_ACCELERATION_M_S2, Station, Trajectory

SINE, RATE = 0, 1


def pass_times(path: Trajectory, station: Station, min_elevation_deg: float) -> np.ndarray:
    """Rise, culmination and set of every pass of a trajectory over one station.

    Parameters
    ----------
    path : Trajectory
    station : Station
        Or anything with `latitude_deg`, `longitude_deg` and `altitude_m`.
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
    As in `passes_over`: from node to node the elevation is cut where its rate changes sign, so that each part only
    rises or only falls, and no pass is too short to be found.
    """
    if not 0.0 <= min_elevation_deg < 90.0:
        raise ValueError(f"min_elevation_deg={min_elevation_deg} is outside [0, 90): give degrees above the horizon")
    return _pass_times(
        path.position_m,
        path.velocity_m_s,
        path.acceleration_m_s2,
        path.spacing_s,
        frames.geodetic_to_itrs(station.latitude_deg, station.longitude_deg, station.altitude_m),
        frames.local_axes(station.latitude_deg, station.longitude_deg)[2],
        float(np.sin(np.radians(min_elevation_deg))),
        STRONGEST_ACCELERATION_M_S2 * path.spacing_s**2 / 8.0,
    )


@numba.njit(cache=True)
def _sine_and_rate(position, velocity, site, up):
    """Sine of the elevation [1], and its rate times the range [m/s]."""
    along = square = climbing = receding = 0.0
    for axis in range(3):
        offset = position[axis] - site[axis]
        along += offset * up[axis]
        square += offset * offset
        climbing += velocity[axis] * up[axis]
        receding += offset * velocity[axis]
    sine = along / np.sqrt(square)
    return sine, climbing - sine * receding / np.sqrt(square)


@numba.njit(cache=True)
def _polynomial(position, velocity, acceleration, i, h):
    """Quintic from node i to the next, shape (6, 3), as `Trajectory.polynomial`."""
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
def _between(c, h, u, site, up):
    """Sine and rate at a fraction u of the way from node to node."""
    position, velocity = np.empty(3), np.empty(3)
    for axis in range(3):
        position[axis] = c[0, axis] + u * (
            c[1, axis] + u * (c[2, axis] + u * (c[3, axis] + u * (c[4, axis] + u * c[5, axis])))
        )
        velocity[axis] = (
            c[1, axis] + u * (2 * c[2, axis] + u * (3 * c[3, axis] + u * (4 * c[4, axis] + u * 5 * c[5, axis])))
        ) / h
    return _sine_and_rate(position, velocity, site, up)


@numba.njit(cache=True)
def _root(c, h, site, up, which, level, low, high):
    """Where sine or rate passes a level between low and high: regula falsi, Illinois variant."""
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
def _pass_times(position, velocity, acceleration, h, site, up, lowest_sine, bulge_m):
    """Shape (pass, 3)."""
    last = position.shape[0] - 1
    times = np.empty((last + 1, 3))
    count = 0
    floor_m = site[0] * up[0] + site[1] * up[1] + site[2] * up[2] - bulge_m
    near = position[0, 0] * up[0] + position[0, 1] * up[1] + position[0, 2] * up[2] > floor_m
    sine, rate = _sine_and_rate(position[0], velocity[0], site, up)
    known, seen, rise, highest, culmination = 0, sine > lowest_sine, 0.0, sine, 0.0
    for i in range(last):
        was_near, j = near, i + 1
        near = position[j, 0] * up[0] + position[j, 1] * up[1] + position[j, 2] * up[2] > floor_m
        if not (was_near or near):
            continue
        if known != i:
            sine, rate = _sine_and_rate(position[i], velocity[i], site, up)
        known = j
        next_sine, next_rate = _sine_and_rate(position[j], velocity[j], site, up)
        turns = (rate > 0.0) != (next_rate > 0.0)
        if turns or (next_sine > lowest_sine) != seen:
            c = _polynomial(position, velocity, acceleration, i, h)
            cut, sine_at_cut = 1.0, next_sine
            if turns:
                cut = _root(c, h, site, up, RATE, 0.0, 0.0, 1.0)
                sine_at_cut = _between(c, h, cut, site, up)[0]
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
