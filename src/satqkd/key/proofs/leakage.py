"""Price of light that carries the settings of a source back to Eve: the terms of theorem 7 of docs/proofs.md."""

import numpy as np
from numpy.typing import ArrayLike

_HALVINGS = 60  # of the bracket of a root: far more precise than whole pulses


def leaking_share(returned_photons: ArrayLike) -> np.ndarray:
    """Return the probability that the coherent light that returns in a pulse has at least one photon [1].

    Parameters
    ----------
    returned_photons : array_like
        Mean photon number of the light that returns in a pulse [1].

    Examples
    --------
    >>> leaking_share(1e-3).round(7).item()
    0.0009995
    """
    return -np.expm1(-np.asarray(returned_photons, float))


def most_tagged(pulses: ArrayLike, *, returned_photons: ArrayLike, log_tail: ArrayLike) -> np.ndarray:
    r"""Return the number m of tagged pulses: more pulses return a photon with at most a given probability.

    Parameters
    ----------
    pulses : array_like
        Pulses of the session [1].
    returned_photons : array_like
        Mean photon number of the light that returns in a pulse [1].
    log_tail : array_like
        Natural logarithm of this probability.

    Returns
    -------
    ndarray
        Whole numbers.

    Notes
    -----
    Chernoff's bound for a binomial number X of mean :math:`\lambda`: :math:`P[X \ge k] \le e^{-\lambda}
    (e\lambda/k)^k` for :math:`k > \lambda`.

    Examples
    --------
    >>> most_tagged(1e9, returned_photons=[0.0, 1e-12, 1e-9], log_tail=np.log(1e-20)).tolist()
    [0.0, 5.0, 21.0]
    """
    pulses, log_tail = np.asarray(pulses, float), np.asarray(log_tail, float)
    mean = pulses * leaking_share(returned_photons)
    low = mean + 0.0 * log_tail
    high = low - log_tail + np.sqrt(log_tail**2 - 2.0 * low * log_tail)  # Bernstein's bound, which is met here
    for _ in range(_HALVINGS):
        k = 0.5 * (low + high)
        with np.errstate(divide="ignore", invalid="ignore"):
            met = k - mean - k * np.log(k / mean) <= log_tail
        low, high = np.where(met, low, k), np.where(met, k, high)
    return np.where(mean > 0.0, np.minimum(np.ceil(high) - 1.0, pulses), 0.0)


def log_subsets(pulses: ArrayLike, tagged: ArrayLike) -> np.ndarray:
    r"""Return the logarithm of an upper bound on the number B of sets of at most `tagged` pulses.

    Parameters
    ----------
    pulses, tagged : array_like
        Number of all pulses, and largest size of a set.

    Notes
    -----
    :math:`\sum_{j \le m}\binom Nj \le (eN/m)^m` for :math:`1 \le m \le N`.

    Examples
    --------
    >>> log_subsets(1e9, [0.0, 2.0]).round(1).tolist()
    [0.0, 42.1]
    """
    pulses, tagged = np.asarray(pulses, float), np.asarray(tagged, float)
    some = np.maximum(tagged, 1.0)
    return np.where(tagged > 0.0, some * (1.0 + np.log(np.maximum(pulses, some) / some)), 0.0)
