"""Compiled decoy-state proof "multinomial": counts by intensity, weighed together, bound the photons behind them.

Given its photon number, a detection has each intensity with a known probability, whatever Eve did. A weight for each
intensity therefore bounds the detections of a photon number directly, with one failure probability for the weighted
sum, where other proofs limit each count by itself and add the widths. The theorems that are quoted here, and every
step, are in `docs/proofs.md`.

Triples run over signal, decoy and vacuum. "Key" is the basis that gives key, "sample" the other one. Counts may be
fractional, so that expected counts of a model go through the same formulas as counted ones. All functions that are
compiled together are in this file: numba's cache notices a change of the file that holds a function, and of no other.
"""

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from satqkd.key.proofs.decoy_bounds import ACCOUNT
from satqkd.key.proofs.leakage import log_subsets, most_tagged
from satqkd.key.proofs.points import rows_of

compiled = njit(cache=True, error_model="numpy")

# Number of terms of `account`, and the place of the length that it keeps for the optimiser.
TERMS, UNFLOORED = len(ACCOUNT), ACCOUNT.index("unfloored")
# Shares of eps_sec: each of five estimates of photon numbers, the phase errors, and hashing. They add up to 1.
ESTIMATES = 5
ESTIMATE, PHASE, HASHING = 0.04, 0.6, 0.2
# Quantities that weights bound: events of at most one photon, empty events, errors of single photons.
EVENTS, EMPTY, ERRORS = range(3)
# Ways to bound phase errors: by the errors of single photons that decoys allow, by all errors seen, or the better one.
DECOYS, CAPPED, BOTH = 1, 2, 3
# Amounts by which the weights are moved to the safe side, far more than their rounding.
_RELATIVE, _ABSOLUTE = 1e-12, 1e-15
# Steps of the search for the best scale of the weights, in its logarithm; weights of any scale are sound.
_STEP, _TRIES = 0.1, 20
_HALF_LOG_2_PI = 0.9189385332046727
# Parts of the decoy's weight that the signal's errors are tried with, and moves of the scale. Without a search the
# part is 1, and the better one of two moves is within a few percent of the best for passes with key.
_SIGNAL_PARTS, _SHIFTS = np.array([0.0, 0.02, 0.15, 0.5, 1.0]), np.array([0.0, 0.4, -0.4, 0.8, 1.6])
_LIKELY_SHIFTS = (0.8, 1.5)


@compiled
def photon_shares(mu: np.ndarray, p: np.ndarray, fluctuation: float, low: np.ndarray, high: np.ndarray) -> None:
    r"""Fill `low` and `high` with the least and greatest :math:`p_k e^{-\mu_k} \mu_k^n` that a fluctuation allows.

    Parameters
    ----------
    mu, p : ndarray, shape (3,)
        Mean photon numbers and probabilities.
    fluctuation : float
        Largest relative error of the signal's and the decoy's mean photon number.
    low, high : ndarray, shape (3, 3)
        Filled, by photon number and intensity.

    Examples
    --------
    >>> mu, p = np.array([0.5, 0.1, 0.0]), np.array([0.7, 0.2, 0.1])
    >>> low, high = np.empty((3, 3)), np.empty((3, 3))
    >>> photon_shares(mu, p, 0.0, low, high)
    >>> low.round(4)
    array([[0.4246, 0.181 , 0.1   ],
           [0.2123, 0.0181, 0.    ],
           [0.1061, 0.0018, 0.    ]])
    """
    for k in range(3):
        width = fluctuation if k < 2 else 0.0
        ends = (mu[k] * (1.0 - width), mu[k] * (1.0 + width))
        for n in range(3):
            first, last = math.exp(-ends[0]) * ends[0] ** n, math.exp(-ends[1]) * ends[1] ** n
            low[n, k], high[n, k] = p[k] * min(first, last), p[k] * max(first, last)
            if ends[0] < n < ends[1]:
                high[n, k] = p[k] * math.exp(-float(n)) * float(n) ** n


@compiled
def _sum_at_most(low: np.ndarray, high: np.ndarray, x: np.ndarray) -> float:
    """Return the greatest sum of q x over all q between low and high."""
    total = 0.0
    for k in range(3):
        total += x[k] * (high[k] if x[k] > 0.0 else low[k])
    return total


@compiled
def _mean_at_most(low: np.ndarray, high: np.ndarray, x: np.ndarray) -> float:
    """Return the greatest mean of x with weights q between low and high, which a corner of the box has."""
    best = -np.inf
    for corner in range(4 if low[0] < high[0] else 1):
        signal = high[0] if corner % 2 else low[0]
        decoy = high[1] if corner // 2 else low[1]
        best = max(best, (signal * x[0] + decoy * x[1] + high[2] * x[2]) / (signal + decoy + high[2]))
    return best


@compiled
def _signal_weight(x: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Return the greatest x of the signal for which two photons, hence also more, give nothing."""
    above = x[1] * high[2, 1] + x[2] * (high[2, 2] if x[2] > 0.0 else low[2, 2])
    return -above / low[2, 0] * (1.0 + _RELATIVE) - _ABSOLUTE


@compiled
def _vacuum_weight(x: np.ndarray, signal: float, most: float, low: np.ndarray, high: np.ndarray) -> float:
    """Return the greatest x of the vacuum for which the mean x of empty pulses is at most `most`."""
    best = np.inf
    for corner in range(4 if low[0, 0] < high[0, 0] else 1):
        q, r = high[0, 0] if corner % 2 else low[0, 0], high[0, 1] if corner // 2 else low[0, 1]
        best = min(best, (most * (q + r + high[0, 2]) - q * signal - r * x[1]) / high[0, 2])
    return best - _RELATIVE * abs(best) - _ABSOLUTE


@compiled
def _theta(mean: float, share: float) -> float:
    """Return the theta that takes a mean of 1 + `mean` to 1, a part `share` of the events credited with exp(-theta)."""
    kept = share - mean / (1.0 + mean)
    return -math.log(kept / share) if kept > 0.0 else np.inf


@compiled
def _signal_mean(low: np.ndarray, high: np.ndarray, x: np.ndarray) -> float:
    """Return the mean that `_theta` needs where only the events of the signal are credited."""
    others = x[1] * (high[1] if x[1] > 0.0 else low[1]) + x[2] * (high[2] if x[2] > 0.0 else low[2])
    part = others / (low[0] if others > 0.0 else high[0])
    return (1.0 + x[0]) / (1.0 - part) - 1.0 if part < 1.0 else np.inf


@compiled
def credit(
    x: np.ndarray, signal_only: bool, share_empty: float, share_single: float, low: np.ndarray, high: np.ndarray
) -> float:
    """Return the least theta for which the weights ln(1 + x) bound theta times the credited events; inf if none does.

    Conditions (a) to (d) of theorem 2 in docs/proofs.md.

    Parameters
    ----------
    x : ndarray, shape (3,)
        Exponentials of the weights, less 1.
    signal_only : bool
        Whether only the signal's events are credited.
    share_empty, share_single : float
        Probabilities with which an empty event and one of a single photon are credited.
    low, high : ndarray, shape (3, 3)
        Of `photon_shares`.

    Returns
    -------
    float

    Examples
    --------
    >>> mu, p = np.array([0.5, 0.1, 0.0]), np.array([0.7, 0.2, 0.1])
    >>> low, high, x = np.empty((3, 3)), np.empty((3, 3)), np.empty(3)
    >>> photon_shares(mu, p, 0.0, low, high)
    >>> theta = weigh_events(0.01, 0, 0.0, 1.0, low, high, x)
    >>> credit(x, 0, 0.0, 1.0, low, high) == theta
    True
    """
    if not (-1.0 < x[0] < 0.0 < x[1] and x[2] > -1.0) or _sum_at_most(low[2], high[2], x) > 0.0:
        return np.inf
    # With a negative weight of a vacuum that holds photons, three give nothing if two do not and one does.
    if low[1, 2] > 0.0 and x[2] < 0.0 and _sum_at_most(low[1], high[1], -x) >= 0.0:
        return np.inf
    if signal_only:
        single, empty = _signal_mean(low[1], high[1], x), _signal_mean(low[0], high[0], x)
    else:
        single, empty = _mean_at_most(low[1], high[1], x), _mean_at_most(low[0], high[0], x)
    if single <= 0.0:
        return np.inf
    theta = _theta(single, share_single)
    if empty > 0.0:
        theta = max(theta, _theta(empty, share_empty) if share_empty > 0.0 else np.inf)
    return theta * (1.0 + _RELATIVE) + _ABSOLUTE


@compiled
def weigh_events(
    decoy: float,
    signal_only: bool,
    share_empty: float,
    share_single: float,
    low: np.ndarray,
    high: np.ndarray,
    x: np.ndarray,
) -> float:
    """Fill x with good weights whose decoy has ln(1 + x) = `decoy`; return their theta, as `credit` does.

    Examples
    --------
    >>> mu, p = np.array([0.5, 0.1, 0.0]), np.array([0.7, 0.2, 0.1])
    >>> low, high = np.empty((3, 3)), np.empty((3, 3))
    >>> photon_shares(mu, p, 0.0, low, high)
    >>> round(weigh_events(0.01, 0, 0.0, 1.0, low, high, np.empty(3)), 5)
    0.00063
    """
    x[1], x[2] = math.expm1(decoy), 0.0
    for _ in range(1 if low[1, 2] == 0.0 else 3):
        x[0] = _signal_weight(x, low, high)
        if x[0] <= -1.0:
            return np.inf
        most, signal = 0.0, x[0]
        if share_empty > 0.0:
            mean = _signal_mean(low[1], high[1], x) if signal_only else _mean_at_most(low[1], high[1], x)
            theta = _theta(mean, share_single)
            kept = share_empty * math.exp(-theta) + 1.0 - share_empty
            if signal_only:
                signal = (1.0 + x[0]) * kept - 1.0
            else:
                most = 1.0 / kept - 1.0
        x[2] = _vacuum_weight(x, signal, most, low, high)
        if x[2] <= -1.0:
            return np.inf
    if low[1, 2] > 0.0:
        x[0] = _signal_weight(x, low, high)
    return credit(x, signal_only, share_empty, share_single, low, high)


@compiled
def weigh_errors(decoy: float, part: float, low: np.ndarray, high: np.ndarray, x: np.ndarray) -> float:
    """Fill x with weights whose decoy has ln(1 + x) = -`decoy`, the signal a part of it; return alpha of theorem 3.

    Examples
    --------
    >>> mu, p = np.array([0.5, 0.1, 0.0]), np.array([0.7, 0.2, 0.1])
    >>> low, high = np.empty((3, 3)), np.empty((3, 3))
    >>> photon_shares(mu, p, 0.0, low, high)
    >>> round(weigh_errors(0.01, 1.0, low, high, np.empty(3)), 5)
    0.01
    """
    x[0], x[1] = math.expm1(-decoy * part), math.expm1(-decoy)
    x[2] = _vacuum_weight(x, x[0], 0.0, low, high)
    if x[2] <= -1.0:
        return 0.0
    return -math.log1p(_mean_at_most(low[1], high[1], x)) * (1.0 - _RELATIVE) - _ABSOLUTE


@compiled
def weigh_empty(vacuum: float, signal_only: bool, low: np.ndarray, high: np.ndarray, x: np.ndarray) -> float:
    """Fill x with weights whose vacuum has ln(1 + x) = `vacuum`; return theta of theorem 2 for empty events alone.

    Examples
    --------
    >>> mu, p = np.array([0.5, 0.1, 0.0]), np.array([0.7, 0.2, 0.1])
    >>> low, high = np.empty((3, 3)), np.empty((3, 3))
    >>> photon_shares(mu, p, 0.0, low, high)
    >>> round(weigh_empty(0.01, 0, low, high, np.empty(3)), 5)
    0.00142
    """
    x[0], x[2] = 0.0, math.expm1(vacuum)
    # The decoy's weight cancels what single photons of the vacuum would add.
    x[1] = -x[2] * high[1, 2] / low[1, 1] * (1.0 + _RELATIVE) - (_ABSOLUTE if high[1, 2] > 0.0 else 0.0)
    if x[1] <= -1.0:
        return np.inf
    mean = _signal_mean(low[0], high[0], x) if signal_only else _mean_at_most(low[0], high[0], x)
    return math.log1p(mean) * (1.0 + _RELATIVE) + _ABSOLUTE if 0.0 < mean < np.inf else np.inf


@compiled
def _sum_of(counts: np.ndarray, x: np.ndarray) -> float:
    """Return the sum of counts times their weights."""
    return counts[0] * math.log1p(x[0]) + counts[1] * math.log1p(x[1]) + counts[2] * math.log1p(x[2])


@compiled
def _value(
    scale: float,
    what: int,
    part: float,
    counts: np.ndarray,
    price: float,
    signal_only: bool,
    share_empty: float,
    share_single: float,
    low: np.ndarray,
    high: np.ndarray,
    x: np.ndarray,
) -> float:
    """Return a lower bound on events, or minus an upper bound on errors, for weights of a scale; -inf for none."""
    if what == EVENTS:
        theta = weigh_events(math.exp(scale), signal_only, share_empty, share_single, low, high, x)
    elif what == EMPTY:
        theta = weigh_empty(math.exp(scale), signal_only, low, high, x)
    else:
        theta = weigh_errors(math.exp(scale), part, low, high, x)
    return (_sum_of(counts, x) - price) / theta if 0.0 < theta < np.inf else -np.inf


@compiled
def _best_scale(
    start: float,
    what: int,
    part: float,
    plan: np.ndarray,
    price: float,
    signal_only: bool,
    share_empty: float,
    share_single: float,
    low: np.ndarray,
    high: np.ndarray,
    x: np.ndarray,
) -> float:
    """Return the best logarithm of the decoy's weight for a plan: the vertex of a parabola through the guess."""
    rest = (what, part, plan, price, signal_only, share_empty, share_single, low, high, x)
    below, at_start, above = _value(start - _STEP, *rest), _value(start, *rest), _value(start + _STEP, *rest)
    # Beyond some scale nothing is bounded; below it, the bound may still rise towards smaller scales.
    for _ in range(_TRIES):
        if above > -np.inf and below <= at_start:
            break
        start, above, at_start = start - _STEP, at_start, below
        below = _value(start - _STEP, *rest)
    bend = below + above - 2.0 * at_start
    if not -np.inf < bend < 0.0:
        return start
    vertex = start + min(max(0.5 * _STEP * (below - above) / bend, -3.0 * _STEP), 3.0 * _STEP)
    return vertex if _value(vertex, *rest) >= at_start else start


@compiled
def _eligible(counts: np.ndarray, signal_only: bool) -> float:
    """Return all events that could be credited."""
    return counts[0] if signal_only else counts[0] + counts[1] + counts[2]


@compiled
def least_events(
    counts: np.ndarray,
    plan: np.ndarray,
    price: float,
    signal_only: bool,
    share_empty: float,
    share_single: float,
    low: np.ndarray,
    high: np.ndarray,
    searched: bool = True,
    tagged: float = 0.0,
) -> float:
    """Return a lower bound on the credited events of at most one photon; theorem 2 of docs/proofs.md.

    Parameters
    ----------
    counts, plan : ndarray, shape (3,)
        What was counted, and what was expected without looking at it, which decides the weights.
    price : float
        Logarithm of the inverse failure probability.
    signal_only, share_empty, share_single, low, high
        As of `credit`.
    searched : bool
        Whether to look for the best scale of the weights; the guess is nearly as good, and three times as fast.
    tagged : float
        Largest number of counted events of which Eve knows everything; theorem 7.

    Returns
    -------
    float
        Events, neither below 0 nor above all that were counted.

    Examples
    --------
    >>> mu, p = np.array([0.5, 0.1, 0.0]), np.array([0.7, 0.2, 0.1])
    >>> low, high = np.empty((3, 3)), np.empty((3, 3))
    >>> photon_shares(mu, p, 0.0, low, high)
    >>> counts = np.array([7e5, 4e4, 100])
    >>> round(least_events(counts, counts, math.log(1e10), 0, 1.0, 1.0, low, high, 1))
    423559
    """
    x = np.empty(3)
    ratio = high[2, 1] / low[2, 0]
    slope = (low[1, 1] - ratio * high[1, 0]) / (low[1, 0] + low[1, 1] + low[1, 2])
    if slope <= 0.0 or plan[0] + plan[1] + plan[2] <= 0.0:
        return 0.0
    # The weights for endless data, and the variance of their sum, give a first guess of the scale.
    decoy = 1.0 / slope
    empty = (high[0, 0] * ratio - high[0, 1]) * decoy / high[0, 2]
    variance = plan[1] * decoy**2 + plan[0] * (ratio * decoy) ** 2 + plan[2] * empty**2
    start = math.log(math.sqrt(2.0 * price / variance) * decoy)
    rest = (price, signal_only, share_empty, share_single, low, high, x)
    scale = _best_scale(start, EVENTS, 0.0, plan, *rest) if searched else start
    found = _value(scale, EVENTS, 0.0, counts, *rest)
    if tagged > 0.0 and found > 0.0:  # x holds the weights of the scale, and each tagged event has the greatest of them
        theta = credit(x, signal_only, share_empty, share_single, low, high)
        found -= tagged * math.log1p(max(x[0], x[1], x[2], 0.0)) / theta
    return min(max(found, 0.0), _eligible(counts, signal_only))


@compiled
def least_empty(
    counts: np.ndarray,
    plan: np.ndarray,
    price: float,
    signal_only: bool,
    low: np.ndarray,
    high: np.ndarray,
    searched: bool = True,
) -> float:
    """Return a lower bound on the empty events among some counts; arguments as of `least_events`.

    Examples
    --------
    >>> mu, p = np.array([0.5, 0.1, 0.0]), np.array([0.7, 0.2, 0.1])
    >>> low, high = np.empty((3, 3)), np.empty((3, 3))
    >>> photon_shares(mu, p, 0.0, low, high)
    >>> counts = np.array([7e5, 4e4, 100])
    >>> round(least_empty(counts, counts, math.log(1e10), 0, low, high, 1))
    350
    """
    x = np.empty(3)
    rest = (price, signal_only, 1.0, 1.0, low, high, x)
    if plan[2] <= 0.0:
        return 0.0
    start = math.log(math.log1p(math.sqrt(2.0 * price / plan[2])))
    scale = _best_scale(start, EMPTY, 0.0, plan, *rest) if searched else start
    return min(max(_value(scale, EMPTY, 0.0, counts, *rest), 0.0), _eligible(counts, signal_only))


@compiled
def _errors_scale(plan: np.ndarray, part: float, price: float, high: np.ndarray) -> float:
    """Return a first guess of the scale of the errors' weights, from the variance of their sum."""
    empty = (high[0, 0] * part + high[0, 1]) / high[0, 2]
    variance = plan[0] * part**2 + plan[1] + plan[2] * empty**2
    return math.log(math.log1p(math.sqrt(2.0 * price / variance)))


@compiled
def _with_tagged(
    errors: float, tagged: float, scale: float, part: float, low: np.ndarray, high: np.ndarray, x: np.ndarray
) -> float:
    """Return a bound on errors of single photons if some errors may have any intensity; theorem 7."""
    if tagged <= 0.0:
        return errors
    alpha = weigh_errors(math.exp(scale), part, low, high, x)
    return errors + tagged * math.log1p(max(x[0], x[1], x[2], 0.0)) / alpha if alpha > 0.0 else np.inf


@compiled
def most_errors(
    counts: np.ndarray,
    plan: np.ndarray,
    price: float,
    low: np.ndarray,
    high: np.ndarray,
    searched: bool = True,
    tagged: float = 0.0,
) -> float:
    """Return an upper bound on the errors of single photons among some errors; theorem 3 of docs/proofs.md.

    Arguments as of `least_events`.

    Examples
    --------
    >>> mu, p = np.array([0.5, 0.1, 0.0]), np.array([0.7, 0.2, 0.1])
    >>> low, high = np.empty((3, 3)), np.empty((3, 3))
    >>> photon_shares(mu, p, 0.0, low, high)
    >>> errors = np.array([7350, 500, 50])
    >>> round(most_errors(errors, errors, math.log(1e10), low, high, 1))
    7472
    """
    x = np.empty(3)
    rest = (price, 0, 0.0, 1.0, low, high, x)
    if not searched:
        start = _errors_scale(plan, 1.0, price, high)
        less, more = start + _LIKELY_SHIFTS[0], start + _LIKELY_SHIFTS[1]
        scale = less if _value(less, ERRORS, 1.0, plan, *rest) >= _value(more, ERRORS, 1.0, plan, *rest) else more
        return max(_with_tagged(-_value(scale, ERRORS, 1.0, counts, *rest), tagged, scale, 1.0, low, high, x), 0.0)
    best, best_part, best_start = -np.inf, 0.0, 0.0
    for part in _SIGNAL_PARTS:
        start = _errors_scale(plan, part, price, high)
        for shift in _SHIFTS:
            found = _value(start + shift, ERRORS, part, plan, *rest)
            if found > best:
                best, best_part, best_start = found, part, start + shift
    if best == -np.inf:
        return np.inf
    scale = _best_scale(best_start, ERRORS, best_part, plan, *rest)
    return max(
        _with_tagged(-_value(scale, ERRORS, best_part, counts, *rest), tagged, scale, best_part, low, high, x), 0.0
    )


@compiled
def _log_factorial(n: float) -> float:
    """Return the logarithm of n!, by Stirling's series to 1e-16 of itself where n is not small."""
    z = n + 1.0
    if z < 16.0:
        return math.lgamma(z)
    y = 1.0 / (z * z)
    series = (1 / 12 - y * (1 / 360 - y * (1 / 1260 - y * (1 / 1680 - y / 1188)))) / z
    return (z - 0.5) * math.log(z) - z + _HALF_LOG_2_PI + series


@compiled
def _log_tail(n_key: float, n_sample: float, x: float, errors_key: float, constant: float) -> float:
    """Return the logarithm of a bound on the probability of at most x errors in the sample, of x + errors_key in all.

    The term of x itself, and a geometric series for the rest; `constant` holds the factorials without errors_key.
    """
    ratio = x * (n_key - errors_key) / ((errors_key + 1.0) * (n_sample - x + 1.0))
    if ratio >= 1.0:
        return 0.0
    wrong = x + errors_key
    term = constant - _log_factorial(errors_key) - _log_factorial(n_key - errors_key)
    return term + _log_factorial(wrong) + _log_factorial(n_sample + n_key - wrong) - math.log1p(-ratio)


@compiled
def most_phase_errors(n_key: float, n_sample: float, x: float, log_tail: float) -> float:
    """Return an upper bound on the errors of the rest: `sampling.hypergeometric_key_errors` for numbers that are not
    whole.

    n_key where the sample excludes nothing.

    Examples
    --------
    >>> round(most_phase_errors(1000.0, 1000.0, 20.0, math.log(1e-10)), 1)
    81.5
    """
    if n_sample <= x or n_key <= 0.0:
        return n_key
    whole = n_key + n_sample
    # The logarithms of factorials are far larger than their sum: move the limit by their rounding.
    log_tail -= 2e-15 * whole * math.log(whole + 2.0)
    constant = _log_factorial(n_sample) + _log_factorial(n_key) - _log_factorial(whole)
    constant -= _log_factorial(x) + _log_factorial(n_sample - x)
    first, last = min(x * n_key / n_sample, n_key), n_key
    if _log_tail(n_key, n_sample, x, last, constant) > log_tail:
        return n_key
    # Newton's method from a Gaussian with its skewness, to a little beyond the root. The bracket contains the root, and
    # its upper end is the answer.
    variance = (x + 1.0) * (1.0 - x / n_sample) * n_key / n_sample * whole / n_sample
    guess = first + math.sqrt(-2.0 * log_tail * variance) - log_tail * (1.0 + 2.0 * n_key / n_sample) / 3.0
    guess = min(guess, 0.5 * (first + last))
    for _ in range(60):
        if guess <= first or guess >= last:
            guess = 0.5 * (first + last)
        value = _log_tail(n_key, n_sample, x, guess, constant) - log_tail
        if value > 0.0:
            first = guess
        else:
            last = guess
        if -1e-6 < value <= 0.0 or last - first <= 1e-9 * last:
            break
        odds = (guess + 0.5) * (whole - x - guess + 0.5) / ((n_key - guess + 0.5) * (x + guess + 0.5))
        ratio = x * (n_key - guess) / ((guess + 1.0) * (n_sample - x + 1.0))
        slope = math.log(odds) + ratio / (1.0 - ratio) * (1.0 / (guess + 1.0) + 1.0 / (n_key - guess))
        guess += (value + 5e-7) / slope if odds > 1.0 and ratio < 1.0 else np.inf
    return last


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
def _planned(other: np.ndarray, total: float, p: np.ndarray, plan: np.ndarray) -> None:
    """Fill `plan` with the counts by intensity expected in one basis, from the other basis and its own total.

    One event more, shared like the pulses, accounts for the uncertainty of a few counts.
    """
    scale = total / (other[0] + other[1] + other[2] + 1.0)
    for k in range(3):
        plan[k] = scale * (other[k] + p[k])


@compiled
def _planned_errors(plan: np.ndarray, errors: float, p: np.ndarray, planned: np.ndarray) -> None:
    """Fill `planned` with errors by intensity: half of the clicks without light, and a share of all others."""
    dark = plan[2] / p[2]
    light = max(plan[0] - p[0] * dark, 0.0) + max(plan[1] - p[1] * dark, 0.0)
    share = max(errors + 1.0 - 0.5 * dark, 0.01 * light) / light if light > 0.0 else 0.5
    total = 0.0
    for k in range(3):
        planned[k] = 0.5 * p[k] * dark + share * max(plan[k] - p[k] * dark, 0.0)
        total += planned[k]
    for k in range(3):
        planned[k] *= (errors + 1.0) / total


@compiled
def _shares_of_empty(kept: float, signal_only: bool, low: np.ndarray, high: np.ndarray) -> tuple[float, float]:
    """Return the shares of the key's and the sample's empty events that are counted with single photons.

    Empty pulses are less often signal than single photons are; a key of the signal holds fewer of them than the sample.
    """
    if not signal_only:
        return kept, kept
    least = low[0, 0] / (low[0, 0] + high[0, 1] + high[0, 2]) * (high[1, 0] + low[1, 1] + low[1, 2]) / high[1, 0]
    most = high[0, 0] / (high[0, 0] + low[0, 1] + low[0, 2]) * (low[1, 0] + high[1, 1] + high[1, 2]) / low[1, 0]
    return kept * min(least / most, 1.0) * (1.0 - _RELATIVE), kept * min(least, 1.0)


@compiled
def _log_phase_tail(eps_sec: float) -> float:
    """Return the logarithm of the failure probability of either way to bound the phase errors."""
    return 2.0 * math.log(PHASE * eps_sec) + math.log1p(-PHASE * eps_sec) - math.log(2.0)


@compiled
def account(
    key: np.ndarray,
    key_errors: np.ndarray,
    sample: np.ndarray,
    sample_errors: np.ndarray,
    mu: np.ndarray,
    p: np.ndarray,
    eps_sec: float,
    f_ec: float,
    mismatch: float,
    security: float,
    fluctuation: float,
    signal_only: bool,
    two_way: bool,
    searched: bool,
    ways: int,
    tagged: float,
    patterns: float,
) -> tuple[float, ...]:
    """Return the account of the key from one basis, in the order of `satqkd.key.proofs.decoy_bounds.ACCOUNT`.

    Parameters
    ----------
    key, key_errors, sample, sample_errors, mu, p : ndarray, shape (3,)
        Counts in the basis of the key and in the other one, mean photon numbers, probabilities.
    eps_sec, f_ec, mismatch, security, fluctuation : float
        Secrecy, inefficiency of error correction, detector mismatch, price of the failure probabilities [bit], and
        largest relative error of the signal's and the decoy's mean photon number.
    signal_only : bool
        Whether key is made of the signal pulses alone.
    two_way : bool
        Whether error correction makes public where the errors were, so that empty events are not secret.
    searched : bool
        As of `least_events`.
    ways : int
        How to bound the phase errors: `DECOYS`, `CAPPED`, or the better of `BOTH`.
    tagged, patterns : float
        Pulses of which Eve may know everything, and the logarithm of four times the ways to choose them; theorem 7.
        Both are 0 for a source that sends no light back. Otherwise `two_way` has to be set.
    """
    low, high = np.empty((3, 3)), np.empty((3, 3))
    plan, planned = np.empty(3), np.empty(3)
    photon_shares(mu, p, fluctuation, low, high)
    price, kept = patterns - math.log(ESTIMATE * eps_sec), 1.0 / (1.0 + mismatch)
    share_key, share_sample = _shares_of_empty(kept, signal_only, low, high)
    seen = sample_errors[0] + sample_errors[1] + sample_errors[2]
    # The phase errors may be wrong with (PHASE eps_sec)^2, shared by the two ways to bound them.
    log_tail = _log_phase_tail(eps_sec) - patterns
    secret, empty, photons, phase_error, sample_of, errors_of = -1.0, 0.0, 0.0, 0.5, 0.0, seen
    for way in (DECOYS, CAPPED):
        if not ways & way:
            continue
        _planned(sample, key[0] + key[1] + key[2], p, plan)
        in_key = 1.0 if not two_way else share_key if way == CAPPED else 0.0
        credited = least_events(key, plan, price, signal_only, in_key, kept, low, high, searched, tagged)
        free = 0.0 if two_way else min(least_empty(key, plan, price, signal_only, low, high, searched), credited)
        _planned(key, sample[0] + sample[1] + sample[2], p, plan)
        in_sample, among, errors = (share_sample, credited, seen) if way == CAPPED else (0.0, credited - free, seen)
        # A number as `signal_only` is, because numba would compile everything once more for the literal 0.
        held = least_events(sample, plan, price, np.int64(0), in_sample, kept, low, high, searched, tagged)
        if way == DECOYS:
            _planned_errors(plan, seen, p, planned)
            errors = min(most_errors(sample_errors, planned, price, low, high, searched, tagged), seen)
        rate, single = 0.5, credited - free
        if single > 0.0:
            rate = min((most_phase_errors(among, held, errors, log_tail) + tagged) / single, 0.5)
        if free + single * (1.0 - entropy(rate)) > secret:
            secret, empty, photons = free + single * (1.0 - entropy(rate)), free, single
            phase_error, sample_of, errors_of = rate, held, errors
    n_sifted = key[0] if signal_only else key[0] + key[1] + key[2]
    wrong = key_errors[0] if signal_only else key_errors[0] + key_errors[1] + key_errors[2]
    qber = min(wrong / n_sifted, 0.5) if n_sifted > 0.0 else 0.5
    leak_ec = f_ec * n_sifted * entropy(qber)
    unfloored = secret - leak_ec - security
    return n_sifted, qber, empty, photons, sample_of, errors_of, phase_error, leak_ec, unfloored


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
    mu: np.ndarray,
    p: np.ndarray,
    eps_sec: np.ndarray,
    f_ec: np.ndarray,
    mismatch: np.ndarray,
    security: np.ndarray,
    fluctuation: np.ndarray,
    tagged: np.ndarray,
    patterns: np.ndarray,
    signal_only: np.ndarray,
    two_way: np.ndarray,
    ways: np.ndarray,
    out: np.ndarray,
) -> None:
    """Fill the rows of `out` with `account` of the rows of its arguments."""
    for i in range(len(out)):
        filled = account(
            _row(key, i), _row(key_errors, i), _row(sample, i), _row(sample_errors, i), _row(mu, i), _row(p, i),
            _row(eps_sec, i), _row(f_ec, i), _row(mismatch, i), _row(security, i), _row(fluctuation, i),
            _row(signal_only, i), _row(two_way, i), 1, _row(ways, i), _row(tagged, i), _row(patterns, i),
        )  # fmt: skip
        for place in range(TERMS):
            out[i, place] = filled[place]


def accounts_of(
    *arguments: ArrayLike, ways: int = BOTH, tagged: ArrayLike = 0.0, patterns: ArrayLike = 0.0
) -> np.ndarray:
    """Return the account of every point of arguments that broadcast, in the order of `account`; shape (..., 9).

    Examples
    --------
    >>> counts, errors = np.array([7e5, 4e4, 100.0]), np.array([7350.0, 500.0, 50.0])
    >>> mu, p = np.array([0.5, 0.1, 0.0]), np.array([0.7, 0.2, 0.1])
    >>> found = accounts_of(counts, errors, counts, errors, mu, p, 1e-10, 1.16, 0.0, 250.0, 0.0, True, False)
    >>> round(found[UNFLOORED].item())
    262037
    """
    shape, rows = rows_of(arguments[:6], (*arguments[6:11], tagged, patterns), (*arguments[11:], ways))
    out = np.empty((math.prod(shape), TERMS))
    _each(*rows, out)
    return out.reshape(*shape, TERMS)


@compiled
def pass_lengths(
    settings: np.ndarray,
    clicks: np.ndarray,
    errors: np.ndarray,
    vacuum: float,
    pulses: float,
    eps_sec: float,
    f_ec: float,
    mismatch: float,
    security: float,
    fluctuation: float,
    signal_only: bool,
    two_way: bool,
    both: bool,
    ways: int,
    tagged: np.ndarray,
    patterns: np.ndarray,
    out: np.ndarray,
) -> None:
    """Compute the length of the key of a pass, not cut at zero, for each row of settings; -inf where not allowed.

    Counterpart of `satqkd.key.proofs.decoy_bounds.pass_lengths`. The weights are not searched for, which costs a few
    parts in ten thousand of the length and saves most of the time.

    Parameters
    ----------
    settings : ndarray, shape (n, 5) or more
        Mean photon numbers and probabilities of signal and decoy, and the probability of X.
    clicks, errors : ndarray, shape (n, 3)
        Of one pulse in each step of the pass, as `satqkd.key.optimise.downlink.DecoyDownlink.clicks` gives them.
    vacuum, pulses : float
        Mean photon number of the vacuum; pulses of any intensity in a step.
    eps_sec, f_ec, mismatch, security, fluctuation, signal_only, two_way, ways
        As of `account`.
    both : bool
        Whether both bases give key; where neither has any, the one that is nearer to zero counts.
    tagged, patterns : ndarray, shape (n,)
        As of `account`, for the pulses of each row.
    out : ndarray, shape (n,)
        Filled.
    """
    mu, p = np.empty(3), np.empty(3)
    x, x_errors, z, z_errors = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    rest = (mu, p, eps_sec, f_ec, mismatch, security, fluctuation, signal_only, two_way, 0, ways)
    for i in range(len(settings)):
        mu[0], mu[1], mu[2] = settings[i, 0], settings[i, 1], vacuum
        p[0], p[1], p[2] = settings[i, 2], settings[i, 3], 1.0 - settings[i, 2] - settings[i, 3]
        basis_x = settings[i, 4]
        out[i] = -np.inf
        least_decoy, most_decoy = mu[1] * (1.0 - fluctuation), mu[1] * (1.0 + fluctuation)
        if least_decoy <= vacuum or mu[0] * (1.0 - fluctuation) <= most_decoy + vacuum:
            continue
        if min(p[0], p[1], p[2]) < 1e-6:
            continue
        for k in range(3):
            in_x, in_z = pulses * p[k] * basis_x**2, pulses * p[k] * (1.0 - basis_x) ** 2
            x[k], x_errors[k] = in_x * clicks[i, k], in_x * errors[i, k]
            z[k], z_errors[k] = in_z * clicks[i, k], in_z * errors[i, k]
        out[i] = account(x, x_errors, z, z_errors, *rest, tagged[i], patterns[i])[UNFLOORED]
        if both:
            other = account(z, z_errors, x, x_errors, *rest, tagged[i], patterns[i])[UNFLOORED]
            nearest = max(out[i], other)
            out[i] = max(out[i], 0.0) + max(other, 0.0) if nearest > 0.0 else nearest


def leakage_terms(
    pulses: ArrayLike, *, returned_photons: ArrayLike, eps_sec: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Return the tagged pulses, and the logarithm of four times the ways to choose them; theorem 7 of docs/proofs.md.

    Parameters
    ----------
    pulses : array_like
        Pulses of the session, of all intensities [1].
    returned_photons : array_like
        Mean photon number of the light that comes back in a pulse with the settings on it, at most [1].
    eps_sec : array_like

    Returns
    -------
    tagged, patterns : ndarray
        Both 0 where nothing comes back.

    Examples
    --------
    >>> tagged, patterns = leakage_terms(1e9, returned_photons=1e-12, eps_sec=1e-10)
    >>> tagged.item(), patterns.round(1).item()
    (6.0, 121.0)
    """
    if not np.any(np.asarray(returned_photons) > 0.0):  # the usual case, asked for at every step of a search
        nothing = np.zeros(np.broadcast(pulses, returned_photons, eps_sec).shape)
        return nothing, nothing
    log_tail = np.vectorize(_log_phase_tail.py_func)(eps_sec) - np.log(4.0)
    tagged = most_tagged(pulses, returned_photons=returned_photons, log_tail=log_tail)
    return tagged, np.where(np.asarray(returned_photons) > 0.0, np.log(4.0) + log_subsets(pulses, tagged), 0.0)


def security_bits(eps_sec: np.ndarray, eps_cor: np.ndarray) -> np.ndarray:
    """Return the price of hashing, of rounding to whole events, and of the verification's tag [bit]; docs/proofs.md.

    Examples
    --------
    >>> round(float(security_bits(1e-10, 1e-15)), 1)
    120.9
    """
    return 1.0 - 2.0 * np.log2(2.0 * HASHING * eps_sec) + np.log2(2.0 / eps_cor)
