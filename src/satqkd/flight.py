"""Time of flight: from emission on the satellite to arrival at a station, and back.

Detection delays photons by it and coincidence takes it out again, each from the range and range rate of the orbit's
data set, node by node (one second apart), with cubic Hermite interpolation. Against the true path the interpolation
errs by 1.2 ps at most, over the lowest of the passes in the tests.
"""

import numba
import numpy as np
from scipy.constants import c

PS = 1e12  # picoseconds in a second


@numba.njit(cache=True)
def hermite(x: np.ndarray, nodes: np.ndarray, values: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Interpolate by cubic Hermite polynomials at ascending points.

    Parameters
    ----------
    x : ndarray, shape (n,)
        Points, ascending; outside the nodes the nearest interval's cubic goes on.
    nodes, values, slopes : ndarray, shape (m,)
        Ascending nodes, the function and its derivative there.

    Examples
    --------
    >>> hermite(np.array([0.5]), np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.array([0.0, 2.0]))
    array([0.25])
    """
    result = np.empty(x.size)
    k = 0
    last = nodes.size - 2
    for i in range(x.size):
        while k < last and x[i] >= nodes[k + 1]:
            k += 1
        step = nodes[k + 1] - nodes[k]
        u = (x[i] - nodes[k]) / step
        v = 1.0 - u
        result[i] = (
            values[k] * v * v * (1.0 + 2.0 * u)
            + values[k + 1] * u * u * (1.0 + 2.0 * v)
            + step * u * v * (slopes[k] * v - slopes[k + 1] * u)
        )
    return result


def arrival_times(
    emission_s: np.ndarray, *, node_s: np.ndarray, range_m: np.ndarray, range_rate_m_s: np.ndarray
) -> np.ndarray:
    """Return when the station receives what is emitted at given times.

    Parameters
    ----------
    emission_s : ndarray, shape (n,)
        Times of emission, ascending [s].
    node_s, range_m, range_rate_m_s : ndarray, shape (m,)
        Times of the orbit's data set [s], range [m] and range rate [m/s].

    Returns
    -------
    ndarray, shape (n,)
        Emission plus range / c [s], of one light path at the time of emission.

    Examples
    --------
    >>> node_s = np.arange(3.0)
    >>> at = arrival_times(np.array([0.5]), node_s=node_s, range_m=6e5 + 5e3 * node_s, range_rate_m_s=np.full(3, 5e3))
    >>> (1e3 * (at - 0.5)).round(4)
    array([2.0097])
    """
    return emission_s + hermite(emission_s, node_s, range_m, range_rate_m_s) / c


def emission_times(
    arrival_s: np.ndarray, *, node_s: np.ndarray, range_m: np.ndarray, range_rate_m_s: np.ndarray
) -> np.ndarray:
    """Return when the satellite emitted what arrives at given, ascending times [s]: the inverse of `arrival_times`.

    Examples
    --------
    >>> path = {"node_s": np.arange(3.0), "range_m": 6e5 + 5e3 * np.arange(3.0), "range_rate_m_s": np.full(3, 5e3)}
    >>> emission_times(arrival_times(np.array([0.5]), **path), **path).round(9)
    array([0.5])
    """
    return arrival_s - hermite(
        arrival_s, node_s + range_m / c, range_m / c, range_rate_m_s / c / (1.0 + range_rate_m_s / c)
    )
