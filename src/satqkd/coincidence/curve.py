"""Fit the line or curve about which the pairs near a peak are spread."""

from collections.abc import Iterator

import numba
import numpy as np
from scipy.interpolate import make_lsq_spline

from satqkd.coincidence import streams
from satqkd.coincidence.matching import _advance
from satqkd.flight import PS, hermite

# The fit: time bins, the most pieces of a curve, and what each further parameter has to take off chi-square.
TIME_BINS, MAX_PIECES, PENALTY = 4096, 64, 12.0
# Rounding two tags to picoseconds spreads their difference by this [ps].
QUANTUM = 6**-0.5


def maximise(
    time: np.ndarray, delay: np.ndarray, curve: tuple[np.ndarray, ...], half: float, sigma: float, share: float
) -> tuple[tuple[np.ndarray, ...], float, float, tuple[np.ndarray, ...]]:
    """Fit by expectation maximisation: pairs follow a Gaussian about a curve, or are spread evenly over all delays.

    Parameters
    ----------
    time, delay : ndarray, shape (n,)
        Of the pairs, ascending in time [s, ps]; they may be mapped from a file, and are read in pieces.
    curve : tuple of ndarray
        Nodes [s], values [ps] and slopes [ps/s] to begin with.
    half, sigma : float
        How far from the curve the pairs were taken, and the spread to begin with [ps].
    share : float
        Of the pairs that belong to the peak, to begin with.

    Returns
    -------
    curve, sigma, share
        As found.
    tuple
        Mean times [s], information [1/ps^2] and pairs in the peak of the time bins.
    """
    if time.size < 3:
        raise ValueError(f"nothing found: {time.size} pairs of tags do not fix a clock")
    first, per_second = time[0], (TIME_BINS - 1) / max(time[-1] - time[0], 1e-12)
    pieces = None
    for _ in range(100):
        sums, square = np.zeros((4, TIME_BINS)), 0.0
        for k in range(0, time.size, streams.PIECE):
            own = time[k : k + streams.PIECE]
            index = ((own - first) * per_second).astype(np.int64)
            off = delay[k : k + streams.PIECE] - hermite(own, *curve)
            square = expect(index, own, off, sigma, share, half, sums, square)
        weight, moment, residual, information = sums
        pairs = weight.sum()
        used = weight > 1e-6 * pairs / TIME_BINS
        x = moment[used] / weight[used]
        # The weights alone ignore the doubt whether a pair belongs to the peak; the information (Louis 1982) has it.
        gain = np.clip(pairs / sigma**2 / max(information.sum(), 1e-30), 1, 5)
        y, precision = hermite(x, *curve) + gain * residual[used] / weight[used], weight[used] / (gain * sigma**2)
        pieces = _choose(x, y, precision) if pieces is None else pieces
        while pieces and x.size <= 4 * (pieces + 3):
            pieces //= 2
        last, curve, before = curve, smooth(x, y, precision, pieces), sigma
        moved = np.abs(hermite(x, *curve) - hermite(x, *last)).max()
        share, sigma = pairs / time.size, max(np.sqrt(square / pairs), QUANTUM)
        if moved < 0.05 * sigma / np.sqrt(pairs) and abs(sigma / before - 1) < 0.01 / np.sqrt(pairs) + 1e-5:
            break
    return curve, sigma, share, (x, information[used], weight[used])


def _choose(x: np.ndarray, y: np.ndarray, precision: np.ndarray) -> int:
    """Return how many pieces of the curve justify their parameters; 0 means a line."""
    costs, pieces = {}, 0
    while pieces <= MAX_PIECES and x.size > 4 * (pieces + 3):
        misfit = precision @ (y - hermite(x, *smooth(x, y, precision, pieces))) ** 2
        costs[pieces] = misfit + PENALTY * (pieces + 3 if pieces else 2)
        pieces = max(2 * pieces, 1)
    return min(costs, key=costs.__getitem__, default=0)


def smooth(
    x: np.ndarray, y: np.ndarray, precision: np.ndarray, pieces: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit a line (no pieces) or a cubic spline of equally weighted pieces by least squares; return it as a curve."""
    if pieces == 0:
        centre, level = np.average(x, weights=precision), np.average(y, weights=precision)
        slope = (precision * (x - centre)) @ y / max((precision * (x - centre)) @ (x - centre), 1e-300)
        nodes = x[[0, -1]]
        return nodes, level + slope * (nodes - centre), np.full(2, slope)
    share = np.cumsum(precision) - precision / 2
    inner = np.interp(np.arange(1, pieces) / pieces * precision.sum(), share, x)
    spline = make_lsq_spline(x, y, np.concatenate([[x[0]] * 4, inner, [x[-1]] * 4]), k=3, w=np.sqrt(precision))
    nodes = np.concatenate([x[:1], inner, x[-1:]])
    return nodes, spline(nodes), spline.derivative()(nodes)


def bends(curve: tuple[np.ndarray, ...]) -> bool:
    """Tell whether a curve of `smooth` is more than a line: a single cubic has two nodes too, but its slopes differ."""
    nodes, _, slopes = curve
    return nodes.size > 2 or slopes[0] != slopes[1]


def pieces_near(
    a: np.ndarray, b: np.ndarray, start: float, delay: float, drift: float, curve: tuple[np.ndarray, ...], half: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the pairs of tags near a curve about a line as `pairs_near` returns them, in pieces of the tags of a."""
    low = 0
    for k in range(0, a.size, streams.PIECE):
        time, off, low = pairs_near(a[k : k + streams.PIECE], b, low, start, delay, drift, *curve, half)
        yield time, off


@numba.njit(cache=True)
def pairs_near(
    a: np.ndarray,
    b: np.ndarray,
    low: int,
    start: float,
    delay: float,
    drift: float,
    nodes: np.ndarray,
    values: np.ndarray,
    slopes: np.ndarray,
    half: float,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the pairs of tags near a curve about a line: times since the start [s], delays off the line [ps].

    Parameters
    ----------
    a, b : ndarray of int64
        Ascending tags [ps]; those of a from the start on are used.
    low : int
        Tags of b to pass over, which are too early for any of a.
    start, delay, drift : float
        The line: delay at the start [ps], and its drift.
    nodes, values, slopes : ndarray, shape (m,)
        The curve: times since the start [s], delay off the line [ps] and slope [ps/s].
    half : float
        How far off the curve a pair may be [ps].

    Returns
    -------
    time, delay : ndarray, shape (n,)
    low : int
        Tags of b that are too early for any later tag of a.
    """
    first = np.searchsorted(a, start)
    since = (a[first:] - start) / PS
    near = hermite(since, nodes, values, slopes)
    times, delays = np.empty(1024), np.empty(1024)
    n = 0
    for i in range(since.size):
        tag = a[first + i]
        line = delay + drift * (tag - start)
        edge = line + near[i] - half
        low = _advance(b, low, tag, edge)
        j = low
        while j < b.size and b[j] - tag <= edge + 2 * half:
            if n == times.size:
                times, delays = np.concatenate((times, np.empty(n))), np.concatenate((delays, np.empty(n)))
            times[n], delays[n] = since[i], b[j] - tag - line
            n += 1
            j += 1
    return times[:n], delays[:n], low


@numba.njit(cache=True)
def expect(
    index: np.ndarray,
    time: np.ndarray,
    residual: np.ndarray,
    sigma: float,
    share: float,
    half: float,
    sums: np.ndarray,
    square: float,
) -> float:
    """Add up the probabilities w that pairs belong to the peak, by time bin.

    Parameters
    ----------
    index : ndarray of int64, shape (n,)
        Time bin of each pair.
    time, residual : ndarray, shape (n,)
        Its time [s], and its delay off the curve [ps].
    sigma, share, half : float
        Standard deviation of the peak [ps], share of the pairs in it, and half of the width that all lie in [ps].
    sums : ndarray, shape (4, bin)
        Where sums over the pairs are added: of w, of w time, of w residual, and of the information about the place of
        the peak, w / sigma^2 - w (1 - w) residual^2 / sigma^4 (Louis, J. R. Stat. Soc. B 44, 226 (1982)).
    square : float
        Sum of w residual^2 over the pairs before.

    Returns
    -------
    float
        The same with these pairs.
    """
    peak, background = share / (np.sqrt(2 * np.pi) * sigma), max((1 - share) / (2 * half), 1e-300)
    for i in range(time.size):
        u = residual[i] / sigma
        p = peak * np.exp(-0.5 * u * u)
        w = p / (p + background)
        k = index[i]
        sums[0, k] += w
        sums[1, k] += w * time[i]
        sums[2, k] += w * residual[i]
        sums[3, k] += (w - w * (1 - w) * u * u) / sigma**2
        square += w * residual[i] ** 2
    return square
