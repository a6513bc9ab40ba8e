"""What the errors of a random sample say of the bits that were not looked at.

N = n + k bits, of which K are wrong, fall into a sample of k and a rest of n, which becomes key; every way to fall is
as likely as any other. A phase-error bound needs a limit on the wrong bits of the rest that fails with at most a given
probability whatever K is. With one basis as sample for the other the split is random when each round chooses its basis
independently of everything else.
"""

import math

import numpy as np
from numba import vectorize
from numpy.typing import ArrayLike

# Terms of a tail that are added one by one; what is left is bounded by a geometric series.
_TERMS = 20_000
_GOLDEN = 0.6180339887498949


def _no_knowledge(deviation: np.ndarray, n_key: ArrayLike, n_sample: ArrayLike) -> np.ndarray:
    """Return the deviation, infinite where there is no sample or no rest."""
    return np.where((np.asarray(n_key) > 0) & (np.asarray(n_sample) > 0), deviation, np.inf)[()]


def serfling_deviation(n_key: ArrayLike, n_sample: ArrayLike, *, eps: ArrayLike) -> np.ndarray:
    r"""Return how far the error rate of a sample may lie below that of the whole, sample included.

    :math:`\sqrt{(n+1) \ln(1/\varepsilon) / (2 k (n+k))}` for a sample of k drawn without replacement out of n + k.

    Parameters
    ----------
    n_key : array_like
        Size n of the rest, which becomes key.
    n_sample : array_like
        Size k of the sample.
    eps : array_like
        Failure probability.

    Returns
    -------
    ndarray or float
        Deviation of the error rate; infinite without a sample or a rest.

    Notes
    -----
    Serfling, Ann. Stat. 2, 39 (1974), corollary 1.1; the form printed in Yin et al., Nature 582, 501 (2020). It does
    not yet speak of the rest alone: see `serfling_key_deviation`.

    Examples
    --------
    >>> round(float(serfling_deviation(1000, 1000, eps=1e-10)), 4)
    0.0759
    """
    n, k = np.asarray(n_key, dtype=float), np.asarray(n_sample, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _no_knowledge(np.sqrt(-(n + 1.0) * np.log(eps) / 2.0 / (k * (n + k))), n, k)


def serfling_key_deviation(n_key: ArrayLike, n_sample: ArrayLike, *, eps: ArrayLike) -> np.ndarray:
    r"""Return how far the error rate of a sample may lie below that of the rest, which becomes key.

    :math:`\sqrt{(n+k)(k+1) \ln(1/\varepsilon) / (2 n k^2)}` for a sample of k drawn without replacement out of n + k.

    Parameters
    ----------
    n_key, n_sample, eps
        As in `serfling_deviation`.

    Returns
    -------
    ndarray or float
        Deviation of the error rate; infinite without a sample or a rest.

    Notes
    -----
    Supplementary note 2 of Tomamichel, Lim, Gisin, Renner, Nat. Commun. 3, 634 (2012): Serfling's bound on the rest
    against the whole, and the whole written as sample and rest.

    Examples
    --------
    >>> round(float(serfling_key_deviation(1000, 1000, eps=1e-10)), 4)
    0.1518
    """
    n, k = np.asarray(n_key, dtype=float), np.asarray(n_sample, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _no_knowledge(np.sqrt(-(n + k) * (k + 1.0) * np.log(eps) / 2.0 / (n * k**2)), n, k)


@vectorize(cache=True)
def _two_step(weight: float, error_rate: float, n_key: float, n_sample: float, eps: float) -> float:
    """Return the deviation if Serfling's step takes a share `weight` of the failure probability."""
    whole = n_key + n_sample
    first = math.sqrt(-math.log(weight * eps) * (n_key + 1.0) / (2.0 * whole * n_sample))
    errors = whole * (error_rate + first)
    if errors >= 0.5 * whole:
        return np.inf
    rest = 1.0 / (errors + 1.0) + 1.0 / (whole - errors + 1.0)
    return first + math.sqrt(1.0 - math.log((1.0 - weight) * eps) / (2.0 * rest)) / n_key


@vectorize(cache=True)
def small_block_deviation(error_rate: float, n_key: float, n_sample: float, eps: float) -> float:
    r"""Return how far the error rate of a sample may lie below that of the rest, for blocks of a few thousand bits.

    The smallest :math:`\nu` with :math:`0 < \xi < \nu` and

    .. math:: e^{-2 N k \xi^2 / (n + 1)} + e^{-2 \Gamma (n^2 (\nu - \xi)^2 - 1)} = \varepsilon, \qquad
              \Gamma = \frac{1}{N (E + \xi) + 1} + \frac{1}{N - N (E + \xi) + 1}, \quad N = n + k.

    Parameters
    ----------
    error_rate : array_like
        Error rate E of the sample.
    n_key, n_sample, eps
        As in `serfling_deviation`.

    Returns
    -------
    ndarray or float
        Deviation of the error rate; infinite without a sample or a rest, or when it is beyond one half anyway.

    Notes
    -----
    Lim, Xu, Pan, Ekert, Phys. Rev. Lett. 126, 100501 (2021): Serfling for the sample against the whole, then the tail
    of Hush and Scovel for the rest, which is narrow where errors are few. Any share of the failure probability between
    the two is sound; the best one is found by golden section.

    Examples
    --------
    >>> round(float(small_block_deviation(0.02, 1000, 1000, 1e-10)), 4)
    0.1226
    """
    if n_key <= 0 or n_sample <= 0:
        return np.inf
    # In the logarithm of the share the minimum is wide and single.
    low, high = math.log(1e-12), math.log(1.0 - 1e-3)
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left = _two_step(math.exp(left), error_rate, n_key, n_sample, eps)
    at_right = _two_step(math.exp(right), error_rate, n_key, n_sample, eps)
    for _ in range(40):
        # Where both are infinite the share of the first step is too small.
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = _two_step(math.exp(left), error_rate, n_key, n_sample, eps)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = _two_step(math.exp(right), error_rate, n_key, n_sample, eps)
    return min(at_left, at_right)


@vectorize(cache=True)
def _log_binomial(n: float, k: float) -> float:
    """Return the logarithm of the number of ways to choose k of n."""
    return math.lgamma(n + 1.0) - math.lgamma(k + 1.0) - math.lgamma(n - k + 1.0)


@vectorize(cache=True)
def _tail_exceeds(n_key: int, n_sample: int, errors_sample: int, errors_key: int, tail: float) -> bool:
    """Return whether at most this many errors in the sample are more likely than `tail`, given all errors.

    Rounding and the cut of a long sum go to the safe side: the answer is yes where they could decide.
    """
    n, k, x, whole = float(n_key), float(n_sample), float(errors_sample), float(n_key + n_sample)
    wrong = x + errors_key
    ratio = x * (n - wrong + x) / ((wrong - x + 1.0) * (k - x + 1.0))
    if ratio >= 1.0:
        return True
    rounding = 1e-15 * (whole + 1.0) * math.log(whole + 2.0)
    log_last = _log_binomial(wrong, x) + _log_binomial(whole - wrong, k - x) - _log_binomial(whole, k)
    most = math.exp(min(math.log(tail) - log_last - rounding, 700.0))
    if most < 1.0 or most >= 1.0 / (1.0 - ratio):
        return most < 1.0
    total, term = 1.0, 1.0
    for _ in range(_TERMS):
        term *= ratio
        total += term
        if total > most or term < 1e-17:
            return total > most
        x -= 1.0
        ratio = x * (n - wrong + x) / ((wrong - x + 1.0) * (k - x + 1.0))
    return total + term * ratio / (1.0 - ratio) > most


@vectorize(cache=True)
def hypergeometric_key_errors(n_key: int, n_sample: int, errors_sample: int, tail: float) -> int:
    r"""Return the most errors that the rest may hold, by the exact tail of the hypergeometric distribution.

    With :math:`X` the errors that fall into the sample when there are :math:`K` in all, the largest :math:`K - x` with
    :math:`P_K[X \le x] > \varepsilon`.

    Parameters
    ----------
    n_key, n_sample : array_like of int
        Size n of the rest and k of the sample.
    errors_sample : array_like of int
        Errors x seen in the sample.
    tail : array_like
        Failure probability.

    Returns
    -------
    ndarray or int
        Errors; n where the sample excludes nothing.

    Notes
    -----
    Derived. The tail falls with K, so that the errors of the rest exceed the limit exactly when
    :math:`P_K[X \le x] \le \varepsilon` for the true K: the probability of this is at most :math:`\varepsilon`,
    whatever K is, as in Clopper and Pearson, Biometrika 26, 404 (1934), for the binomial. It is also the least limit
    for the event "at most x errors in the sample and more than the limit in the rest", whose probability is largest
    for the K at which the two meet; every other bound of that event is therefore wider. For the use in key
    distribution see Mannalath, Zapatero, Curty, arXiv:2410.04095.

    Examples
    --------
    >>> int(hypergeometric_key_errors(1000, 1000, 20, 1e-10))
    81
    """
    fewest, excluded = 0, n_key + 1
    # Gallop from the expectation, which is never excluded, then halve.
    if n_sample > 0:
        fewest = min(n_key, int(errors_sample * (n_key / n_sample)))
        step = 1 + int(math.sqrt(fewest + 1.0))
        while fewest + step <= n_key and _tail_exceeds(n_key, n_sample, errors_sample, fewest + step, tail):
            fewest, step = fewest + step, 2 * step
        if fewest + step <= n_key:
            excluded = fewest + step
        while excluded - fewest > 1:
            middle = (fewest + excluded) // 2
            if _tail_exceeds(n_key, n_sample, errors_sample, middle, tail):
                fewest = middle
            else:
                excluded = middle
        return fewest
    return n_key
