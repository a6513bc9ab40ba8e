"""Fading over a pass, and Poisson processes of varying rate."""

import numba
import numpy as np


def fading(relative_variance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw log-normal factors of the received power with mean one, one for each coherence cell.

    Parameters
    ----------
    relative_variance : ndarray, shape (cell,)
        Variance of the received power over its squared mean (scintillation index and pointing together) [1].
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (cell,)

    Notes
    -----
    Andrews and Phillips, Laser Beam Propagation through Random Media, 2nd ed., section 5.5: log-normal irradiance
    in weak turbulence, sigma_ln^2 = ln(1 + sigma_I^2) and mean -sigma_ln^2 / 2.

    Examples
    --------
    >>> factor = fading(np.full(10_000, 0.1), np.random.default_rng(1))
    >>> float(factor.mean().round(2)), float(factor.var().round(2))
    (1.0, 0.1)
    """
    log_variance = np.log1p(relative_variance)
    return np.exp(np.sqrt(log_variance) * rng.standard_normal(log_variance.size) - log_variance / 2)


def correlated_fading(
    relative_variance: np.ndarray, correlation_s: np.ndarray, *, step_s: float, rng: np.random.Generator
) -> np.ndarray:
    """Draw log-normal factors of the received power with mean one, whose logarithm has an exponential correlation.

    Parameters
    ----------
    relative_variance : ndarray, shape (cell,)
        Variance of the factor over its squared mean [1].
    correlation_s : ndarray, shape (cell,)
        Time after which the correlation of the logarithm has fallen to 1/e [s].
    step_s : float
        Length of a cell [s].
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (cell,)

    Notes
    -----
    As `fading`, with a Gaussian chain z' = r z + sqrt(1 - r^2) xi in place of independent numbers, r = exp(-step/time).

    Examples
    --------
    >>> variance, time_s = np.full(100_000, 0.1), np.full(100_000, 0.01)
    >>> factor = correlated_fading(variance, time_s, step_s=1e-3, rng=np.random.default_rng(1))
    >>> float(factor.mean().round(1)), float(factor.var().round(1))
    (1.0, 0.1)
    """
    log_variance = np.log1p(relative_variance)
    chain = _chain(rng.standard_normal(log_variance.size), np.exp(-step_s / correlation_s))
    return np.exp(np.sqrt(log_variance) * chain - log_variance / 2)


@numba.njit(cache=True)
def _chain(fresh: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Return a chain of unit variance that keeps a share of each value; the first value is the first fresh one."""
    values = fresh.copy()
    for i in range(1, fresh.size):
        values[i] = kept[i] * values[i - 1] + np.sqrt(1 - kept[i] ** 2) * fresh[i]
    return values


class PoissonProcess:
    """A Poisson process with a rate that is constant within cells, drawn from one stretch of cells to the next.

    The points do not depend on where a session is cut into stretches.

    Parameters
    ----------
    rng : numpy.random.Generator
        A generator that nothing else uses.

    Notes
    -----
    Time-rescaling theorem: in the integrated rate, the steps between points are exponential with unit mean.

    Examples
    --------
    >>> process = PoissonProcess(np.random.default_rng(1))
    >>> process.times(np.array([0.0, 1.0, 2.0]), np.array([0.0, 3.0])).round(3).tolist()
    [1.358, 1.46]
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._left = rng.standard_exponential()  # integrated rate from here to the next point

    def times(self, edges: np.ndarray, rate: np.ndarray) -> np.ndarray:
        """Draw the points of the next stretch in ascending order, without sorting or rejection.

        Parameters
        ----------
        edges : ndarray, shape (cell + 1,)
            Ascending cell edges [s].
        rate : ndarray, shape (cell,)
            Rate in each cell [1/s].

        Returns
        -------
        ndarray, shape (n,)
            Times of the points [s].

        Raises
        ------
        ValueError
            If a rate is negative or not a finite number.
        """
        expected = float(np.sum(rate * np.diff(edges)))
        if not (np.isfinite(expected) and rate.min(initial=0.0) >= 0):
            wrong = rate[~(np.isfinite(rate) & (rate >= 0))]
            raise ValueError(f"rate={wrong[:1].sum()} is not a rate: give finite numbers, zero or above")
        pieces: list[np.ndarray] = []
        cell = 0
        while not pieces or cell < rate.size:  # once, except after a fluctuation of ten standard deviations
            times = np.empty(int(expected + 10 * np.sqrt(expected) + 20))
            count, cell, self._left = _follow(times, edges, rate, cell, self._left, self._rng)
            pieces.append(times[:count])
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


@numba.njit(cache=True, nogil=True)
def _follow(
    times: np.ndarray, edges: np.ndarray, rate: np.ndarray, cell: int, left: float, rng: np.random.Generator
) -> tuple[int, int, float]:
    """Fill times from a cell on; return their number, and the cell (rate.size at the end) and step to continue with."""
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
