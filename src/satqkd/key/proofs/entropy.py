"""Entropies, the leak of error correction, and what the finite-key proofs ask of their arguments.

Counts may be fractional, so that expected counts of a model go through the same formulas as counted ones. Everything
broadcasts.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import entr

from satqkd.result import Result


@dataclass(frozen=True, repr=False)
class EpsilonSplit(Result):
    """How a proof divides its failure probabilities.

    Attributes
    ----------
    eps_sec, eps_cor : array_like
        Secrecy and correctness of the key.
    estimate : array_like
        Probability that one tail bound fails; 0 where the proof has none.
    estimates : int
        How many such probabilities, of tail bounds and smoothings, share eps_sec.
    amplification : array_like
        Distance from uniform that hashing adds.
    """

    eps_sec: np.ndarray
    eps_cor: np.ndarray
    estimate: np.ndarray
    estimates: int
    amplification: np.ndarray


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
        # Least and greatest alone are twice as fast as a mask, and NaN is in neither.
        if values.size and not (values.min() >= low and values.max() <= high):
            inside = (values >= low) & (values <= high)
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
