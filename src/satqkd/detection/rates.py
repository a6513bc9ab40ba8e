"""Rates over a pass: fading, and points in time drawn from a rate that changes."""

import numba
import numpy as np


def fading(relative_variance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Log-normal factors with mean one, one for each coherence cell.

    Parameters
    ----------
    relative_variance : ndarray, shape (cell,)
        Variance of the received power over its squared mean (scintillation index and pointing together) [1].
    rng : numpy.random.Generator

    Notes
    -----
    Andrews and Phillips, Laser Beam Propagation through Random Media, 2nd ed., section 5.5: log-normal irradiance
    in weak turbulence, sigma_ln^2 = ln(1 + sigma_I^2) and mean -sigma_ln^2 / 2.
    """
    log_variance = np.log1p(relative_variance)
    return np.exp(np.sqrt(log_variance) * rng.standard_normal(log_variance.size) - log_variance / 2)


@numba.njit(cache=True)
def poisson_times(edges, rate, rng):
    """Points of a Poisson process whose rate is constant within cells, ascending, without sorting or rejection.

    Parameters
    ----------
    edges : ndarray, shape (cell + 1,)
        Ascending cell edges [s].
    rate : ndarray, shape (cell,)
        Rate in each cell [1/s].
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (n,)
        Times [s].

    Notes
    -----
    The time-rescaling theorem: exponential steps of unit mean in the integrated rate, here followed by one pointer.
    """
    total = 0.0
    for k in range(rate.size):
        total += rate[k] * (edges[k + 1] - edges[k])
    times = np.empty(int(total + 10.0 * np.sqrt(total) + 20.0))
    count = 0
    k = 0
    left = rng.standard_exponential()
    start = edges[0]
    while k < rate.size:
        area = rate[k] * (edges[k + 1] - start)
        if left >= area:
            left -= area
            k += 1
            if k < rate.size:
                start = edges[k]
            continue
        start += left / rate[k]
        if count == times.size:
            times = np.concatenate((times, np.empty(times.size)))
        times[count] = start
        count += 1
        left = rng.standard_exponential()
    return times[:count]
