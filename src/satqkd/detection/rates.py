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


class PoissonProcess:
    """Points in time at a rate that is constant within cells, drawn from one stretch of cells to the next.

    The points are the same wherever a stretch is cut.

    Parameters
    ----------
    rng : numpy.random.Generator
        For this process alone.

    Notes
    -----
    The time-rescaling theorem: exponential steps of unit mean in the integrated rate, here followed by one pointer.
    """

    def __init__(self, rng: np.random.Generator):
        self._rng = rng
        self._left = rng.standard_exponential()  # integrated rate from here to the next point

    def times(self, edges: np.ndarray, rate: np.ndarray) -> np.ndarray:
        """Points in the next stretch, ascending, without sorting or rejection.

        Parameters
        ----------
        edges : ndarray, shape (cell + 1,)
            Ascending cell edges [s].
        rate : ndarray, shape (cell,)
            Rate in each cell [1/s].

        Returns
        -------
        ndarray, shape (n,)
            Times [s].

        Raises
        ------
        ValueError
            Where a rate is negative or not a finite number.
        """
        expected = float(np.sum(rate * np.diff(edges)))
        if not (np.isfinite(expected) and rate.min(initial=0.0) >= 0):
            wrong = rate[~(np.isfinite(rate) & (rate >= 0))]
            raise ValueError(f"rate={wrong[:1].sum()} is no rate: give finite numbers from zero up")
        pieces, cell = [], 0
        while not pieces or cell < rate.size:  # once: a second round is a fluctuation by ten standard deviations
            times = np.empty(int(expected + 10 * np.sqrt(expected) + 20))
            count, cell, self._left = _follow(times, edges, rate, cell, self._left, self._rng)
            pieces.append(times[:count])
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


@numba.njit(cache=True, nogil=True)
def _follow(times, edges, rate, cell, left, rng):
    """Fill times from a cell on; returns how many, and where to go on (cell is rate.size at the end)."""
    count = 0
    for k in range(cell, rate.size):
        start, end = edges[k], edges[k + 1]
        area = rate[k] * (end - start)
        if left < area:
            per_unit = 1.0 / rate[k]
            while left < area and count < times.size:
                time = start + left * per_unit
                times[count] = time if time < end else end
                count += 1
                left += rng.standard_exponential()
            if left < area:
                return count, k, left
        left -= area
    return count, rate.size, left
