"""The decoy-state proofs, compiled: how far counts may lie from their expectation, and what they say of the photons.

`satqkd.key.proofs.decoy` calls them on arrays. Triples run over signal, decoy and vacuum. "Key" is the basis that
gives key,
"sample" the other one, in which its phase errors show. Counts may be fractional, so that expected counts of a model go
through the same formulas as counted ones. The loop over settings that an optimiser asks for stands here too: numba's
cache notices a change of the file that a function is in, and of no other, so that all that is compiled together has to
be together.
"""

import math
from typing import Any

import numpy as np
from numba import njit, vectorize
from numpy.typing import ArrayLike

from satqkd.key.proofs.points import rows_of

# Tails of a count about its expectation.
EQUAL, HOEFFDING, CHERNOFF, ZHANG2017, GAUSSIAN = range(5)
# Ways to bound the single photons.
TWO_DECOYS, ONE_DECOY, GAINS = range(3)
# What `account` fills in, in this order.
ACCOUNT = (
    "n_sifted",
    "qber",
    "vacuum_events",
    "single_photons",
    "single_photons_sample",
    "single_photon_errors_sample",
    "phase_error",
    "leak_ec",
    "unfloored",
)

# Expected counts below this are none at all; their square would leave the range of numbers.
_NOTHING = 1e-100

compiled = njit(cache=True, error_model="numpy")


@compiled
def _hoeffding(n: float, beta: float) -> float:
    """Return the deviation of `hoeffding_deviation`, given beta = ln(1/eps)."""
    return math.sqrt(0.5 * n * beta)


@compiled
def _chernoff_lower(observed: float, beta: float) -> float:
    """Return the limit of `chernoff_lower`, given beta = ln(1/eps)."""
    return observed - 0.5 * beta - math.sqrt(2.0 * beta * observed + 0.25 * beta**2)


@compiled
def _chernoff_upper(observed: float, beta: float) -> float:
    """Return the limit of `chernoff_upper`, given beta = ln(1/eps)."""
    return observed + beta + math.sqrt(2.0 * beta * observed + beta**2)


@vectorize(cache=True)
def hoeffding_deviation(n: float, eps: float) -> float:
    r"""Return the deviation of a count from its expectation, :math:`\sqrt{n \ln(1/\varepsilon) / 2}`.

    Parameters
    ----------
    n : array_like
        Independent events that could have been counted.
    eps : array_like
        Probability that the deviation, to one side, is larger.

    Returns
    -------
    ndarray or float
        Deviation [events].

    Notes
    -----
    Hoeffding, J. Am. Stat. Assoc. 58, 13 (1963).

    Examples
    --------
    >>> round(float(hoeffding_deviation(10_000, 1e-10)), 1)
    339.3
    """
    return _hoeffding(n, -math.log(eps))


@vectorize(cache=True)
def chernoff_lower(observed: float, eps: float) -> float:
    r"""Return the lowest expectation that a count allows, :math:`x - \beta/2 - \sqrt{2\beta x + \beta^2/4}`.

    Parameters
    ----------
    observed : array_like
        Count x of independent events.
    eps : array_like
        Failure probability; :math:`\beta = \ln(1/\varepsilon)`.

    Returns
    -------
    ndarray or float
        Expectation [events]; negative for counts below 3 beta, where it says nothing.

    Notes
    -----
    Closed form of Yin et al., Sci. Rep. 10, 14312 (2020), wider than the implicit bound `zhang2017_lower`. From the
    tail exp(-d^2 E / (2 + d)) follows x + beta/2 - sqrt(...), higher by beta; the published form is kept, since
    others compute with it, and is sound.

    Examples
    --------
    >>> round(float(chernoff_lower(1000, 1e-10)), 1)
    773.6
    """
    return _chernoff_lower(observed, -math.log(eps))


@vectorize(cache=True)
def chernoff_upper(observed: float, eps: float) -> float:
    r"""Return the highest expectation that a count allows, :math:`x + \beta + \sqrt{2\beta x + \beta^2}`.

    Parameters
    ----------
    observed, eps
        As in `chernoff_lower`.

    Returns
    -------
    ndarray or float
        Expectation [events].

    Notes
    -----
    Solves the tail exp(-d^2 E / 2) of a count below its expectation E; Yin et al., Sci. Rep. 10, 14312 (2020).

    Examples
    --------
    >>> round(float(chernoff_upper(1000, 1e-10)), 1)
    1238.9
    """
    return _chernoff_upper(observed, -math.log(eps))


@compiled
def _zhang2017_root(s: float) -> float:
    """Return the root z of z - 1 - ln z = s^2 / 2, the lesser one for s < 0 and the greater one for s > 0."""
    if s < -1.4:
        z, steps = math.exp(-1.0 - 0.5 * s * s), 3
    elif s < 2.0:
        # Taylor's series of the root, good to a few parts in 1e4 at the ends; Newton does the rest.
        z = 1 / 36 + s * (-1 / 270 + s * (1 / 4320 + s * (1 / 17010 - s * 139 / 5443200)))
        z, steps = 1.0 + s * (1.0 + s * (1 / 3 + s * z)), 1 if abs(s) < 1.0 else 2
    else:
        z, steps = 1.0 + s * (1.0 + s * (1 / 3 + s / 36)), 3
    if z < 1e-300:
        return 0.0
    for _ in range(steps):
        z *= (math.log(z) + 0.5 * s * s) / (z - 1.0)
    return z


@compiled
def _zhang2017_lower(observed: float, beta: float) -> float:
    """Return the limit of `zhang2017_lower`, given beta = ln(1/eps)."""
    return observed * _zhang2017_root(-math.sqrt(2.0 * beta / observed)) if observed > _NOTHING else 0.0


@compiled
def _zhang2017_upper(observed: float, beta: float) -> float:
    """Return the limit of `zhang2017_upper`, given beta = ln(1/eps)."""
    return observed * _zhang2017_root(math.sqrt(2.0 * beta / observed)) if observed > _NOTHING else beta


@vectorize(cache=True)
def zhang2017_lower(observed: float, eps: float) -> float:
    r"""Return the lowest expectation that a count allows, the lesser root E of :math:`E - x + x \ln(x/E) = \beta`.

    Parameters
    ----------
    observed, eps
        As in `chernoff_lower`.

    Returns
    -------
    ndarray or float
        Expectation [events], not below 0.

    Notes
    -----
    The Chernoff bound without approximation; Zhang, Zhao, Razavi, Ma, Phys. Rev. A 95, 012333 (2017). They give half
    of the failure probability to each side; here eps is that of this side. Newton's step never passes the root, since
    the left side is convex, so that the bound is sound wherever the steps end.

    Examples
    --------
    >>> round(float(zhang2017_lower(1000, 1e-10)), 1)
    800.5
    """
    return _zhang2017_lower(observed, -math.log(eps))


@vectorize(cache=True)
def zhang2017_upper(observed: float, eps: float) -> float:
    r"""Return the highest expectation that a count allows, the greater root of :math:`E - x + x \ln(x/E) = \beta`.

    Parameters
    ----------
    observed, eps
        As in `chernoff_lower`.

    Returns
    -------
    ndarray or float
        Expectation [events]; beta for a count of 0.

    Notes
    -----
    See `zhang2017_lower`.

    Examples
    --------
    >>> round(float(zhang2017_upper(1000, 1e-10)), 1)
    1230.2
    """
    return _zhang2017_upper(observed, -math.log(eps))


@compiled
def _hoeffding_thinned(n: float, share: float, beta: float) -> float:
    """Return the number of `hoeffding_thinned`, given beta = ln(1/eps)."""
    return max(n * share - _hoeffding(n, beta), 0.0)


@compiled
def _chernoff_thinned(n: float, share: float, beta: float) -> float:
    """Return the number of `chernoff_thinned`, given beta = ln(1/eps)."""
    return max(n * share - math.sqrt(2.0 * n * share * beta), 0.0)


@vectorize(cache=True)
def hoeffding_thinned(n: float, share: float, eps: float) -> float:
    r"""Return the lowest number that remains of n events when each stays with a known probability.

    :math:`n q - \sqrt{n \ln(1/\varepsilon) / 2}`, not below 0.

    Parameters
    ----------
    n : array_like
        Events, or a lower bound on them.
    share : array_like
        Probability q that an event stays.
    eps : array_like
        Failure probability.

    Returns
    -------
    ndarray or float
        Events.

    Notes
    -----
    Hoeffding, J. Am. Stat. Assoc. 58, 13 (1963).

    Examples
    --------
    >>> round(float(hoeffding_thinned(10_000, 0.1, 1e-10)), 1)
    660.7
    """
    return _hoeffding_thinned(n, share, -math.log(eps))


@vectorize(cache=True)
def chernoff_thinned(n: float, share: float, eps: float) -> float:
    r"""Return the lowest number that remains of n events, :math:`n q - \sqrt{2 n q \ln(1/\varepsilon)}`, not below 0.

    Parameters
    ----------
    n, share, eps
        As in `hoeffding_thinned`.

    Returns
    -------
    ndarray or float
        Events.

    Notes
    -----
    From the multiplicative Chernoff tail exp(-d^2 E / 2) with E = n q; narrower than Hoeffding's for q below 1/4.

    Examples
    --------
    >>> round(float(chernoff_thinned(10_000, 0.1, 1e-10)), 1)
    785.4
    """
    return _chernoff_thinned(n, share, -math.log(eps))


@compiled
def lower_limit(count: float, total: float, beta: float, sigmas: float, tail: int) -> float:
    """Return the lowest expectation that a count allows; Hoeffding's bound uses `total`, the sum over intensities.

    The failure probability enters as its logarithm, beta = ln(1/eps), which is taken once for all limits.

    Examples
    --------
    >>> round(lower_limit(1000.0, 5000.0, math.log(1e10), 0.0, ZHANG2017), 1)
    800.5
    """
    if tail == HOEFFDING:
        return count - _hoeffding(total, beta)
    if tail == CHERNOFF:
        return _chernoff_lower(count, beta)
    if tail == ZHANG2017:
        return _zhang2017_lower(count, beta)
    if tail == GAUSSIAN:
        return count - sigmas * math.sqrt(count)
    return count


@compiled
def upper_limit(count: float, total: float, beta: float, sigmas: float, tail: int) -> float:
    """Return the highest expectation that a count allows; arguments as of `lower_limit`.

    Examples
    --------
    >>> round(upper_limit(1000.0, 5000.0, math.log(1e10), 0.0, ZHANG2017), 1)
    1230.2
    """
    if tail == HOEFFDING:
        return count + _hoeffding(total, beta)
    if tail == CHERNOFF:
        return _chernoff_upper(count, beta)
    if tail == ZHANG2017:
        return _zhang2017_upper(count, beta)
    if tail == GAUSSIAN:
        return count + sigmas * math.sqrt(count)
    return count


@compiled
def least_thinned(n: float, share: float, beta: float, sigmas: float, tail: int) -> float:
    """Return the lowest number that remains of n events when each stays with a known probability; see `lower_limit`.

    Examples
    --------
    >>> round(least_thinned(10_000.0, 0.1, math.log(1e10), 0.0, CHERNOFF), 1)
    785.4
    """
    if tail == HOEFFDING:
        return _hoeffding_thinned(n, share, beta)
    if tail in (CHERNOFF, ZHANG2017):
        return _chernoff_thinned(n, share, beta)
    if tail == GAUSSIAN:
        return max(n * share - sigmas * math.sqrt(n * share), 0.0)
    return n * share


@compiled
def entropy(p: float) -> float:
    """Return the binary entropy of a probability in [0, 1] [bit].

    Examples
    --------
    >>> entropy(0.5)
    1.0
    """
    if p <= 0.0 or p >= 1.0:
        return 0.0
    return -(p * math.log(p) + (1.0 - p) * math.log(1.0 - p)) / math.log(2.0)


@compiled
def rate(errors: float, n: float) -> float:
    """Return the fraction of errors, at most one half; one half also without events.

    Examples
    --------
    >>> rate(2.0, 100.0), rate(0.0, 0.0)
    (0.02, 0.5)
    """
    return min(errors / n, 0.5) if n > 0.0 else 0.5


@compiled
def vacuum_events(decoy_upper: float, vacuum_lower: float, mu: np.ndarray, tau_0: float) -> float:
    r"""Return a lower bound on detections of empty pulses, :math:`\tau_0 (\mu_2 n_3^- - \mu_3 n_2^+) / (\mu_2 -
    \mu_3)`.

    Eq. (2) of Lim et al., Phys. Rev. A 89, 022307 (2014). The limits are weighted: each times
    :math:`e^{\mu_k} / p_k`; :math:`\tau_n = \sum_k p_k e^{-\mu_k} \mu_k^n / n!` is the probability that a pulse of any
    intensity holds n photons.

    Examples
    --------
    >>> vacuum_events(6e5, 2e4, np.array([0.5, 0.1, 0.0]), 0.7)
    14000.0
    """
    return max(tau_0 * (mu[1] * vacuum_lower - mu[2] * decoy_upper) / (mu[1] - mu[2]), 0.0)


@compiled
def single_photon_events(
    signal_upper: float,
    decoy_lower: float,
    vacuum_upper: float,
    empty: float,
    mu: np.ndarray,
    tau_0: float,
    tau_1: float,
) -> float:
    r"""Return a lower bound on the detections of single photons, given `empty` of empty pulses.

    .. math:: s_1 = \frac{\tau_1 \mu_1 [n_2^- - n_3^+ - (\mu_2^2 - \mu_3^2)(n_1^+ - s_0/\tau_0) / \mu_1^2]}
                         {\mu_1 (\mu_2 - \mu_3) - \mu_2^2 + \mu_3^2}

    Eq. (3) of Lim et al., Phys. Rev. A 89, 022307 (2014); limits weighted as in `vacuum_events`.

    Examples
    --------
    >>> round(single_photon_events(1.9e6, 5.5e5, 2e4, 1.4e4, np.array([0.5, 0.1, 0.0]), 0.7, 0.23))
    1307550
    """
    squares = mu[1] ** 2 - mu[2] ** 2
    several = squares / mu[0] ** 2 * (signal_upper - empty / tau_0)
    bound = tau_1 * mu[0] * (decoy_lower - vacuum_upper - several) / (mu[0] * (mu[1] - mu[2]) - squares)
    return max(bound, 0.0)


@compiled
def single_photon_errors(
    brighter_upper: float, dimmer_lower: float, brighter: float, dimmer: float, tau_1: float
) -> float:
    r"""Return an upper bound on the errors of single photons, :math:`\tau_1 (m_2^+ - m_3^-) / (\mu_2 - \mu_3)`.

    Eq. (4) of Lim et al., Phys. Rev. A 89, 022307 (2014); limits weighted as in `vacuum_events`. May exceed all errors
    that were seen, which is then the better bound.

    Examples
    --------
    >>> round(single_photon_errors(1.2e4, 9e3, 0.1, 0.0, 0.23))
    6900
    """
    return max(tau_1 * (brighter_upper - dimmer_lower) / (brighter - dimmer), 0.0)


@compiled
def sampling_deviation(error_rate: float, n_sample: float, n_key: float, eps_sec: float, terms: int) -> float:
    r"""Return the sampling term of the phase error rate as printed, which is not a bound for few errors.

    :math:`\gamma(a, b, c, d) = \sqrt{\frac{(c+d)(1-b)b}{c d \ln 2} \log_2 \frac{(c+d)\, 21^2}{c d (1-b) b\, a^2}}` with
    the secrecy a, the error rate b of the sample, c single photons in the sample and d in the key. `terms` stands in
    place of the 21 failure probabilities that share eps_sec in Lim et al. Infinite without sample or key, 0 for an
    error rate of 0.

    Eq. (5) of Lim et al., Phys. Rev. A 89, 022307 (2014), an expansion for many errors: it vanishes without errors,
    where the tail allows :math:`\ln(1/\varepsilon) / \ln(1 + c/d)` of them in the key. `phase_error_deviation` is the
    bound.

    Examples
    --------
    >>> round(sampling_deviation(0.02, 1e5, 1e5, 1e-10, 21), 5)
    0.00608
    """
    if min(n_sample, n_key) <= 0.0:
        return math.inf
    variance = error_rate * (1.0 - error_rate)
    if variance <= 0.0:
        return 0.0
    # In this order of factors neither very small nor very many events overflow.
    spread = variance * ((n_sample + n_key) / n_sample / n_key)
    logarithm = math.log(spread * (terms / (variance * eps_sec)) ** 2) / math.log(2.0) ** 2
    return math.sqrt(spread * max(logarithm, 0.0))


@compiled
def _transposed_exponent(seen: float, in_key: float, n_sample: float, n_key: float) -> tuple[float, float]:
    """Return the exponent of Chernoff's bound on the sample's share of the errors, and its slope in the key's
    errors.
    """
    whole = n_sample + n_key
    wrong = seen + in_key
    in_sample_mean, in_key_mean = wrong * (n_sample / whole), wrong * (n_key / whole)
    excess = (n_sample * in_key - n_key * seen) / whole
    slope = math.log1p(excess / in_key_mean)
    # For a long sample the two terms nearly cancel, and log1p keeps what is left of them.
    if seen < 0.5 * in_sample_mean:
        return seen * math.log(seen / in_sample_mean) + in_key * slope, slope
    return seen * math.log1p(-excess / in_sample_mean) + in_key * slope, slope


@compiled
def key_errors_limit(seen: float, n_sample: float, n_key: float, beta: float) -> float:
    r"""Return the most errors of the key that the errors of a random sample allow, at every size.

    The root y above :math:`x d / c` of

    .. math:: x \ln\frac{x (c + d)}{(x + y) c} + y \ln\frac{y (c + d)}{(x + y) d} = \ln\frac1\varepsilon,

    without errors :math:`y = \ln(1/\varepsilon) / \ln(1 + c/d)`.

    Parameters
    ----------
    seen : float
        Errors x of the sample, or an upper bound on them.
    n_sample, n_key : float
        Events c of the sample and d of the key, or lower bounds on them; above 0.
    beta : float
        :math:`\ln(1/\varepsilon)`.

    Returns
    -------
    float
        Errors; may exceed d where the sample excludes nothing.

    Notes
    -----
    Derived. That K of N = c + d events are wrong and c of them are drawn as the sample is the same as that c are
    marked and K of them are drawn as the errors. Sampling without replacement concentrates at least as binomial draws
    do (Hoeffding, J. Am. Stat. Assoc. 58, 13 (1963), theorem 4), so that Chernoff's bound for K draws that hit the
    sample with c/N each holds: at most x of them do with a probability of at most exp(-K D(x/K || c/N)), and the left
    side above is this exponent for K = x + y. It rises with y above x d / c, so that more than y(x) errors in the key
    means a sample whose probability is at most eps.

    Bounds in place of the true numbers are safe: above x d / c the left side falls with x and rises with c, and at a
    fixed rate y/d it rises with d, its derivative being (y/d) [ln(r/u) + u/r - 1] >= 0 with the rates r = y/d of the
    key and u = (x + y)/N of the whole. So y rises with x and falls with c, and y/d falls with d.

    The left side is convex in y, so that after one step of Newton's method from anywhere the rest is above the root:
    the limit holds wherever the steps end.

    Examples
    --------
    >>> round(key_errors_limit(20.0, 1000.0, 1000.0, math.log(1e10)), 1)
    87.8
    """
    odds = n_sample / n_key
    if seen <= _NOTHING:
        return beta / math.log1p(odds)
    # A quadratic approximation of the exponent is near enough for four steps to a part in 1e11.
    half = beta / (1.0 + odds)
    excess = half + math.sqrt(half * (half + 2.0 * seen))
    in_key = (seen + excess) * (1.0 + 1.0 / odds) - seen
    for _ in range(4):
        exponent, slope = _transposed_exponent(seen, in_key, n_sample, n_key)
        in_key -= (exponent - beta) / slope
    return in_key


@compiled
def phase_error_deviation(error_rate: float, n_sample: float, n_key: float, eps_sec: float, terms: int) -> float:
    """Return how far the error rate of the sample may lie below that of the key: a bound at every size.

    `sampling_deviation` as printed where it is at least that of `key_errors_limit`, else the latter; each takes
    eps_sec / terms. Infinite without sample or key.

    Examples
    --------
    >>> round(phase_error_deviation(0.0, 1000.0, 1000.0, 1e-10, 21), 4)
    0.0376
    """
    printed = sampling_deviation(error_rate, n_sample, n_key, eps_sec, terms)
    if min(n_sample, n_key) <= 0.0 or error_rate + printed >= 0.5:
        return printed
    seen, beta = error_rate * n_sample, math.log(terms / eps_sec)
    if seen > _NOTHING:
        in_key = (error_rate + printed) * n_key
        # The exponent is at least the squared lack of errors in the sample over twice their mean, without a logarithm.
        mean = (seen + in_key) * (n_sample / (n_sample + n_key))
        if (mean - seen) ** 2 >= 2.0 * beta * mean:
            return printed
        if _transposed_exponent(seen, in_key, n_sample, n_key)[0] >= beta:
            return printed
    return max(printed, key_errors_limit(seen, n_sample, n_key, beta) / n_key - error_rate)


@compiled
def _two_decoy_photons(
    counts: np.ndarray,
    mu: np.ndarray,
    weights: tuple[float, float, float],
    tau_0: float,
    tau_1: float,
    beta: float,
    sigmas: float,
    tail: int,
) -> tuple[float, float]:
    """Return lower bounds on the detections of empty pulses and of single photons, in one basis."""
    total = counts[0] + counts[1] + counts[2]
    empty = vacuum_events(
        weights[1] * upper_limit(counts[1], total, beta, sigmas, tail),
        weights[2] * lower_limit(counts[2], total, beta, sigmas, tail),
        mu,
        tau_0,
    )
    single = single_photon_events(
        weights[0] * upper_limit(counts[0], total, beta, sigmas, tail),
        weights[1] * lower_limit(counts[1], total, beta, sigmas, tail),
        weights[2] * upper_limit(counts[2], total, beta, sigmas, tail),
        empty,
        mu,
        tau_0,
        tau_1,
    )
    return empty, single


@compiled
def most_empty_events(wrong: float, total: float, beta: float) -> float:
    r"""Return an upper bound on the detections of empty pulses, :math:`2 [v_0 + \sqrt{n \ln(1/\varepsilon) / 2}]`.

    Each of them is an error with a probability of one half, independently; v_0 are these errors at most, n all events,
    and beta is :math:`\ln(1/\varepsilon)`. Eq. (A19) of Rusca et al., Appl. Phys. Lett. 112, 171104 (2018).

    Examples
    --------
    >>> round(most_empty_events(100.0, 10_000.0, math.log(1e10)))
    879
    """
    return 2.0 * (wrong + _hoeffding(total, beta))


@compiled
def _one_decoy_photons(
    counts: np.ndarray,
    errors: np.ndarray,
    mu: np.ndarray,
    weights: tuple[float, float, float],
    tau_0: float,
    tau_1: float,
    beta: float,
    sigmas: float,
    tail: int,
) -> tuple[float, float]:
    """Return lower bounds on the detections of empty pulses and of single photons without a vacuum intensity.

    Rusca et al., Appl. Phys. Lett. 112, 171104 (2018), Eqs. (A16), (A17) and (A19): half of the empty pulses'
    detections are errors, which bounds them from above.
    """
    total, wrong = counts[0] + counts[1], errors[0] + errors[1]
    signal_upper = weights[0] * upper_limit(counts[0], total, beta, sigmas, tail)
    decoy_lower = weights[1] * lower_limit(counts[1], total, beta, sigmas, tail)
    empty = max(tau_0 / (mu[0] - mu[1]) * (mu[0] * decoy_lower - mu[1] * signal_upper), 0.0)
    wrong_empty = tau_0 * min(
        weights[0] * upper_limit(errors[0], wrong, beta, sigmas, tail),
        weights[1] * upper_limit(errors[1], wrong, beta, sigmas, tail),
    )
    most_empty = most_empty_events(wrong_empty, total, beta)
    ratio = (mu[1] / mu[0]) ** 2
    bound = decoy_lower - ratio * signal_upper - (1.0 - ratio) * most_empty / tau_0
    return empty, max(tau_1 * mu[0] / (mu[1] * (mu[0] - mu[1])) * bound, 0.0)


@compiled
def _error_bound(
    errors: np.ndarray,
    bright: int,
    mu: np.ndarray,
    weights: tuple[float, float, float],
    tau_1: float,
    beta: float,
    sigmas: float,
    tail: int,
    capped: bool,
) -> float:
    """Return the most errors of single photons, from intensity `bright` and the next dimmer one; at most those seen."""
    seen = errors.sum()
    if capped:
        return seen
    bound = single_photon_errors(
        weights[bright] * upper_limit(errors[bright], seen, beta, sigmas, tail),
        weights[bright + 1] * lower_limit(errors[bright + 1], seen, beta, sigmas, tail),
        mu[bright],
        mu[bright + 1],
        tau_1,
    )
    return min(bound, seen)


@compiled
def gain_limit(count: float, pulses: float, sigmas: float) -> float:
    """Return the clicks per pulse, `sigmas` standard deviations of the count away, not below 0.

    Examples
    --------
    >>> gain_limit(10_000.0, 1e6, 5.0)
    0.0105
    """
    return max(count + sigmas * math.sqrt(count), 0.0) / pulses


@compiled
def single_photon_yield(counts: np.ndarray, pulses: np.ndarray, mu: np.ndarray, sigmas: float) -> float:
    r"""Return a lower bound on the probability that a single photon clicks, from gains, with a true vacuum.

    :math:`Y_1 = \frac{\mu_1}{\mu_1\mu_2 - \mu_2^2} [Q_2^- e^{\mu_2} - Q_1^+ e^{\mu_1} \mu_2^2/\mu_1^2
    - (\mu_1^2 - \mu_2^2) Q_3^+ / \mu_1^2]`.

    Ma, Qi, Zhao, Lo, Phys. Rev. A 72, 012326 (2005).

    Examples
    --------
    >>> counts = np.array([8e5, 1e5, 2e3])
    >>> round(single_photon_yield(counts, np.array([7e8, 2e8, 1e8]), np.array([0.5, 0.1, 0.0]), 5.0), 5)
    0.00558
    """
    ratio = (mu[1] / mu[0]) ** 2
    several = gain_limit(counts[0], pulses[0], sigmas) * math.exp(mu[0]) * ratio
    empty = (1.0 - ratio) * gain_limit(counts[2], pulses[2], sigmas)
    bound = gain_limit(counts[1], pulses[1], -sigmas) * math.exp(mu[1]) - several - empty
    return max(mu[0] / (mu[0] * mu[1] - mu[1] ** 2) * bound, 0.0)


@compiled
def _gain_photons(
    key: np.ndarray, sample: np.ndarray, sample_errors: np.ndarray, pulses: np.ndarray, mu: np.ndarray, sigmas: float
) -> tuple[float, float, float]:
    """Return the single photons of the signal pulses in key and sample, and the errors among the latter."""
    pulses_of_one = pulses[0] * mu[0] * math.exp(-mu[0])
    empty_errors = 0.5 * gain_limit(sample[2], pulses[2], -sigmas) * math.exp(-mu[0])
    errors = pulses[0] * max(gain_limit(sample_errors[0], pulses[0], sigmas) - empty_errors, 0.0)
    single = pulses_of_one * single_photon_yield(key, pulses, mu, sigmas)
    return single, pulses_of_one * single_photon_yield(sample, pulses, mu, sigmas), errors


@compiled
def account(
    key: np.ndarray,
    key_errors: np.ndarray,
    sample: np.ndarray,
    sample_errors: np.ndarray,
    pulses: np.ndarray,
    mu: np.ndarray,
    p: np.ndarray,
    eps_sec: float,
    sigmas: float,
    f_ec: float,
    mismatch: float,
    security: float,
    proof: int,
    tail: int,
    terms: int,
    signal_only: bool,
    capped: bool,
    out: np.ndarray,
) -> None:
    """Compute the account of the key from one basis under one proof; fill `out` in the order of `ACCOUNT`.

    Parameters
    ----------
    key, key_errors, sample, sample_errors, pulses, mu, p : ndarray, shape (2,) or (3,)
        Counts in the basis of the key and in the other one, pulses sent, mean photon numbers, probabilities.
    eps_sec, sigmas : float
        Secrecy, and standard deviations where the tail is Gaussian.
    f_ec, mismatch, security : float
        Inefficiency of error correction, detector mismatch, price of the failure probabilities [bit].
    proof, tail, terms : int
        How single photons are bounded, with which tail, and how many failure probabilities share eps_sec.
    signal_only : bool
        Whether key is made of the signal pulses alone.
    capped : bool
        Whether all errors seen stand for those of single photons, even where decoys bound them better.
    """
    beta = math.log(terms / eps_sec)
    deviation = 0.0
    if proof == GAINS:
        empty = 0.0
        single, single_sample, errors = _gain_photons(key, sample, sample_errors, pulses, mu, sigmas)
        ratio = rate(errors, single_sample)
    else:
        decoys = len(mu) - 1
        weights = (math.exp(mu[0]) / p[0], math.exp(mu[1]) / p[1], math.exp(mu[decoys]) / p[decoys])
        tau_0, tau_1 = 1.0 / weights[0] + 1.0 / weights[1], mu[0] / weights[0] + mu[1] / weights[1]
        if proof == TWO_DECOYS:
            tau_0, tau_1 = tau_0 + 1.0 / weights[2], tau_1 + mu[2] / weights[2]
            empty, single = _two_decoy_photons(key, mu, weights, tau_0, tau_1, beta, sigmas, tail)
            _, single_sample = _two_decoy_photons(sample, mu, weights, tau_0, tau_1, beta, sigmas, tail)
        else:
            empty, single = _one_decoy_photons(key, key_errors, mu, weights, tau_0, tau_1, beta, sigmas, tail)
            _, single_sample = _one_decoy_photons(sample, sample_errors, mu, weights, tau_0, tau_1, beta, sigmas, tail)
        errors = _error_bound(sample_errors, decoys - 1, mu, weights, tau_1, beta, sigmas, tail, capped)
        if signal_only:
            empty = least_thinned(empty, 1.0 / (weights[0] * tau_0), beta, sigmas, tail)
            single = least_thinned(single, mu[0] / (weights[0] * tau_1), beta, sigmas, tail)
        ratio = rate(errors, single_sample)
        if tail != EQUAL:
            deviation = phase_error_deviation(ratio, single_sample, single, eps_sec, terms)
    n_sifted = key[0] if signal_only else key.sum()
    qber = rate(key_errors[0] if signal_only else key_errors.sum(), n_sifted)
    phase_error = min((ratio + deviation) * (1.0 + mismatch) ** 2, 0.5)
    leak_ec = f_ec * n_sifted * entropy(qber)
    out[0], out[1], out[2], out[3] = n_sifted, qber, empty, single
    out[4], out[5], out[6], out[7] = single_sample, errors, phase_error, leak_ec
    out[8] = empty + single * (1.0 - entropy(phase_error)) - leak_ec - security


@njit(inline="always")
def _row(values: np.ndarray, i: int) -> Any:
    """Return the row of point i, or the only one."""
    return values[min(i, len(values) - 1)]


@compiled
def _each(
    key: np.ndarray,
    key_errors: np.ndarray,
    sample: np.ndarray,
    sample_errors: np.ndarray,
    pulses: np.ndarray,
    mu: np.ndarray,
    p: np.ndarray,
    eps_sec: np.ndarray,
    sigmas: np.ndarray,
    f_ec: np.ndarray,
    mismatch: np.ndarray,
    security: np.ndarray,
    proof: np.ndarray,
    tail: np.ndarray,
    terms: np.ndarray,
    signal_only: np.ndarray,
    out: np.ndarray,
) -> None:
    """Fill the rows of `out` with `account` of the rows of its arguments."""
    for i in range(len(out)):
        account(
            _row(key, i), _row(key_errors, i), _row(sample, i), _row(sample_errors, i), _row(pulses, i), _row(mu, i),
            _row(p, i), _row(eps_sec, i), _row(sigmas, i), _row(f_ec, i), _row(mismatch, i), _row(security, i),
            _row(proof, i), _row(tail, i), _row(terms, i), _row(signal_only, i), False, out[i],
        )  # fmt: skip


def accounts_of(*arguments: ArrayLike) -> np.ndarray:
    """Return the account of every point of arguments that broadcast, in the order of `ACCOUNT`; shape (..., 9)."""
    shape, rows = rows_of(arguments[:7], arguments[7:12], arguments[12:])
    out = np.empty((math.prod(shape), len(ACCOUNT)))
    _each(*rows, out)
    return out.reshape(*shape, len(ACCOUNT))


@compiled
def expected_clicks(brightness: float, steps: float, light: np.ndarray, noise: np.ndarray) -> tuple[float, float]:
    """Return the clicks of a pulse in each of the best steps of a pass: of light, and of noise in a window of one
    second.

    Parameters
    ----------
    brightness : float
        Mean photon number, times the share of light within the window.
    steps : float
        How many, the last one in part.
    light, noise : ndarray, shape (time + 1, order)
        Cumulative power sums of the transmittance, best steps first: plain, and weighted with the noise rate.
    """
    whole = min(int(steps), len(light) - 2)
    part = steps - whole
    seen, term = 0.0, 1.0
    dark = noise[whole, 0] + part * (noise[whole + 1, 0] - noise[whole, 0])
    for j in range(1, light.shape[1]):
        term *= -brightness / j
        seen -= term * (light[whole, j] + part * (light[whole + 1, j] - light[whole, j]))
        dark += term * (noise[whole, j] + part * (noise[whole + 1, j] - noise[whole, j]))
    return seen, dark


@compiled
def pass_clicks(
    brightness: np.ndarray, steps: np.ndarray, light: np.ndarray, noise: np.ndarray, seen: np.ndarray, dark: np.ndarray
) -> None:
    """Fill `seen` and `dark` with `expected_clicks` of an array of shape (n, k), for n numbers of steps."""
    for i in range(len(steps)):
        for k in range(brightness.shape[1]):
            seen[i, k], dark[i, k] = expected_clicks(brightness[i, k], steps[i], light, noise)


@compiled
def pass_lengths(
    settings: np.ndarray,
    vacuum: float,
    pulses: float,
    misalignment: float,
    jitter_s: float,
    light: np.ndarray,
    noise: np.ndarray,
    eps_sec: float,
    sigmas: float,
    f_ec: float,
    mismatch: float,
    security: float,
    fluctuation: float,
    proof: int,
    tail: int,
    terms: int,
    signal_only: bool,
    both: bool,
    capped: bool,
    out: np.ndarray,
) -> None:
    """Compute the length of the key of a pass, not cut at zero, for each row of settings; -inf where not allowed.

    A row holds the mean photon numbers and the probabilities of signal and decoy, the probability of X, the width of
    the window, and the steps used. Like `satqkd.key.proofs.decoy.decoy_key_length` on the counts of
    `satqkd.key.optimise.downlink.DecoyDownlink.counts`, at a hundredth of the cost; where two bases give key and
    neither has any, the one that is nearer to it counts. `capped` as in `account`.
    """
    intensities = 2 if proof == ONE_DECOY else 3
    mu, p, sent, filled = np.empty(intensities), np.empty(intensities), np.empty(intensities), np.empty(9)
    x, x_errors, z, z_errors = (
        np.empty(intensities),
        np.empty(intensities),
        np.empty(intensities),
        np.empty(intensities),
    )
    for i in range(len(settings)):
        signal, decoy, share_signal, share_decoy, basis_x, window_s, steps = settings[i]
        out[i] = -np.inf
        least_decoy, most_decoy = decoy * (1.0 - fluctuation), decoy * (1.0 + fluctuation)
        if least_decoy <= vacuum or signal * (1.0 - fluctuation) <= most_decoy + vacuum:
            continue
        if share_signal + share_decoy > 1.0 - 1e-6:
            continue
        acceptance = math.erf(window_s / (2.0 * math.sqrt(2.0) * jitter_s)) if jitter_s > 0.0 else 1.0
        mu[0], mu[1], p[0], p[1] = signal, decoy, share_signal, 1.0 - share_signal
        if intensities == 3:
            mu[2], p[1], p[2] = vacuum, share_decoy, 1.0 - share_signal - share_decoy
        for k in range(intensities):
            seen, dark = expected_clicks(acceptance * mu[k], steps, light, noise)
            sent[k] = pulses * steps * p[k]
            clicks = pulses * p[k] * (seen + window_s * dark)
            errors = pulses * p[k] * (misalignment * seen + 0.5 * window_s * dark)
            x[k], x_errors[k] = clicks * basis_x**2, errors * basis_x**2
            z[k], z_errors[k] = clicks * (1.0 - basis_x) ** 2, errors * (1.0 - basis_x) ** 2
        least_x, least_z = np.inf, np.inf
        for corner in range(4 if fluctuation > 0.0 else 1):
            mu[0] = signal * (1.0 + (corner % 2 * 2 - 1) * fluctuation)
            mu[1] = decoy * (1.0 + (corner // 2 * 2 - 1) * fluctuation)
            account(
                x, x_errors, z, z_errors, sent, mu, p, eps_sec, sigmas, f_ec, mismatch, security,
                proof, tail, terms, signal_only, capped, filled,
            )  # fmt: skip
            least_x = min(least_x, filled[8])
            if both:
                account(
                    z, z_errors, x, x_errors, sent, mu, p, eps_sec, sigmas, f_ec, mismatch, security,
                    proof, tail, terms, signal_only, capped, filled,
                )  # fmt: skip
                least_z = min(least_z, filled[8])
        if not both:
            out[i] = least_x
        elif max(least_x, least_z) > 0.0:
            out[i] = max(least_x, 0.0) + max(least_z, 0.0)
        else:
            out[i] = max(least_x, least_z)
