"""Entropies, the leak of error correction, and the tail bounds that the finite-key proofs share.

Counts may be fractional, so that expected counts of a model go through the same formulas as counted ones. Everything
broadcasts.
"""

import numpy as np
from scipy.special import entr


def named_bound(bounds, name):
    """Look a bound up by name; a wrong name lists the right ones.

    Parameters
    ----------
    bounds : dict of str to object
    name : str

    Raises
    ------
    ValueError
        When there is no such bound.
    """
    if name not in bounds:
        raise ValueError(f"bound={name!r} is unknown: choose one of {', '.join(sorted(bounds))}")
    return bounds[name]


def check_range(low, high, way_out, **quantities):
    """Refuse quantities outside [low, high], naming the first one that is.

    Parameters
    ----------
    low, high : float
        Bounds, both allowed.
    way_out : str
        What to give instead; ends the message.
    **quantities : array_like
        Values by name.

    Raises
    ------
    ValueError
        With name, value, bounds and way out; NaN is refused too.
    """
    for name, value in quantities.items():
        values = np.asarray(value, dtype=float)
        inside = (values >= low) & (values <= high)
        if not np.all(inside):
            raise ValueError(f"{name}={values[~inside].flat[0]:g} is outside [{low:g}, {high:g}]: {way_out}")


def check_security(*, eps_sec, eps_cor, f_ec):
    """Refuse failure probabilities outside (0, 1) and an error correction that beats the Shannon limit.

    Parameters
    ----------
    eps_sec, eps_cor : array_like
        Failure probabilities of secrecy and correctness.
    f_ec : array_like
        Inefficiency of error correction, leaked bits over the Shannon limit.

    Raises
    ------
    ValueError
    """
    tiny = np.finfo(float).tiny
    check_range(tiny, 1.0, "give a failure probability such as 1e-10", eps_sec=eps_sec, eps_cor=eps_cor)
    check_range(1.0, np.inf, "give leaked bits over n h(QBER), 1 at the Shannon limit", f_ec=f_ec)


def check_errors(*, errors, detections, names):
    """Refuse negative counts and more errors than detections.

    Parameters
    ----------
    errors, detections : array_like
    names : tuple of str
        What the two are called in the message.

    Raises
    ------
    ValueError
    """
    check_range(0.0, np.finfo(float).max, "give counts", **{names[0]: errors, names[1]: detections})
    more = np.asarray(errors) > np.asarray(detections)
    if np.any(more):
        error, detection = (np.broadcast_to(value, more.shape)[more].flat[0] for value in (errors, detections))
        raise ValueError(f"{names[0]}={error:g} exceeds {names[1]}={detection:g}: errors are a part of the detections")


def error_rate(errors, n):
    """Fraction of errors; one half where there is no event, since nothing is then known.

    Parameters
    ----------
    errors, n : array_like
        Errors among n events.

    Returns
    -------
    ndarray or float
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(n) > 0, np.divide(errors, n), 0.5)[()]


def binary_entropy(p):
    r"""Binary entropy :math:`h(p) = -p \log_2 p - (1-p) \log_2 (1-p)`.

    Parameters
    ----------
    p : array_like
        Probability in [0, 1].

    Returns
    -------
    ndarray or float
        Entropy [bit].

    Raises
    ------
    ValueError
        When p is outside [0, 1].
    """
    p = np.asarray(p, dtype=float)
    check_range(0.0, 1.0, "give a fraction, not percent", p=p)
    return (entr(p) + entr(1.0 - p)) / np.log(2.0)


def leak_ec_bits(n, qber, *, f_ec):
    """Bits that error correction discloses, f n h(QBER).

    Parameters
    ----------
    n : array_like
        Sifted bits.
    qber : array_like
        Their error rate, in [0, 0.5].
    f_ec : array_like
        Inefficiency, 1 at the Shannon limit.

    Returns
    -------
    ndarray or float
        Leak [bit].

    Raises
    ------
    ValueError
        When qber is outside [0, 0.5].
    """
    check_range(0.0, 0.5, "give a fraction, not percent; above one half, flip the bits of one side", qber=qber)
    return np.multiply(f_ec, n) * binary_entropy(qber)


def hoeffding_deviation(n, eps):
    r"""Deviation of a count from its expectation, :math:`\sqrt{n \ln(1/\varepsilon) / 2}`.

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
    """
    return np.sqrt(-0.5 * np.asarray(n) * np.log(eps))


def serfling_deviation(n_key, n_sample, *, eps):
    r"""How far the error rate of a sample may lie below that of the whole, sample included.

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
        Deviation of the error rate; infinite without a sample.

    Notes
    -----
    Serfling, Ann. Stat. 2, 39 (1974), corollary 1.1; the form printed in Yin et al., Nature 582, 501 (2020). It does
    not yet speak of the rest alone: see `serfling_key_deviation`.
    """
    n, k = np.asarray(n_key, dtype=float), np.asarray(n_sample, dtype=float)
    with np.errstate(divide="ignore"):
        return np.sqrt(-(n + 1.0) * np.log(eps) / 2.0 / (k * (n + k)))


def serfling_key_deviation(n_key, n_sample, *, eps):
    r"""How far the error rate of a sample may lie below that of the rest, which becomes key.

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
    """
    n, k = np.asarray(n_key, dtype=float), np.asarray(n_sample, dtype=float)
    with np.errstate(divide="ignore"):
        return np.sqrt(-(n + k) * (k + 1.0) * np.log(eps) / 2.0 / (n * k**2))


def chernoff_lower(observed, eps):
    r"""Lowest expectation that an observed count allows, :math:`x - \beta/2 - \sqrt{2\beta x + \beta^2/4}`.

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
    Closed form of Yin et al., Sci. Rep. 10, 14312 (2020), wider than the implicit bound of Zhang et al., Phys. Rev. A
    95, 012333 (2017), which has to be solved for each point. From the tail exp(-d^2 E / (2 + d)) follows
    x + beta/2 - sqrt(...), higher by beta; the published form is kept, since others compute with it, and is sound.
    """
    beta = -np.log(eps)
    return observed - 0.5 * beta - np.sqrt(2.0 * beta * observed + 0.25 * beta**2)


def chernoff_upper(observed, eps):
    r"""Highest expectation that an observed count allows, :math:`x + \beta + \sqrt{2\beta x + \beta^2}`.

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
    """
    beta = -np.log(eps)
    return observed + beta + np.sqrt(2.0 * beta * observed + beta**2)


def hoeffding_thinned(n, share, eps):
    r"""Lowest number that remains of n events when each stays with a known probability.

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
    """
    return np.maximum(np.multiply(n, share) - hoeffding_deviation(n, eps), 0.0)


def chernoff_thinned(n, share, eps):
    r"""Lowest number that remains of n events, :math:`n q - \sqrt{2 n q \ln(1/\varepsilon)}`, not below 0.

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
    """
    expectation = np.multiply(n, share)
    return np.maximum(expectation - np.sqrt(-2.0 * expectation * np.log(eps)), 0.0)
