"""Entropies, the leak of error correction, and what the finite-key proofs ask of their arguments.

Counts may be fractional, so that expected counts of a model go through the same formulas as counted ones. Everything
broadcasts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr

from satqkd.result import Result

T = TypeVar("T")


@dataclass(frozen=True, repr=False)
class EpsilonSplit(Result):
    """Division of the failure probabilities by a proof.

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


def named_bound(bounds: Mapping[str, T], name: str) -> T:
    """Return a bound by its name; a wrong name lists the right ones.

    Parameters
    ----------
    bounds : dict of str to object
    name : str

    Raises
    ------
    ValueError
        When there is no such bound.

    Examples
    --------
    >>> named_bound({"lim2014": 1, "chernoff": 2}, "chernoff")
    2
    """
    if name not in bounds:
        raise ValueError(f"bound={name!r} is unknown: choose one of {', '.join(sorted(bounds))}")
    return bounds[name]


def check_range(low: float, high: float, way_out: str, **quantities: ArrayLike) -> None:
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

    Examples
    --------
    >>> try:
    ...     check_range(0.0, 0.5, "give a fraction, not percent", qber=4.5)
    ... except ValueError as error:
    ...     print(error)
    qber=4.5 is outside [0, 0.5]: give a fraction, not percent
    """
    for name, value in quantities.items():
        values = np.asarray(value, dtype=float)
        # Least and greatest alone are twice as fast as a mask, and NaN is in neither.
        if values.size and not (values.min() >= low and values.max() <= high):
            inside = (values >= low) & (values <= high)
            raise ValueError(f"{name}={values[~inside].flat[0]:g} is outside [{low:g}, {high:g}]: {way_out}")


def check_security(*, eps_sec: ArrayLike, eps_cor: ArrayLike, f_ec: ArrayLike) -> None:
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

    Examples
    --------
    >>> check_security(eps_sec=1e-10, eps_cor=1e-15, f_ec=1.16)
    """
    tiny = np.finfo(float).tiny
    check_range(tiny, 1.0, "give a failure probability such as 1e-10", eps_sec=eps_sec, eps_cor=eps_cor)
    check_range(1.0, np.inf, "give leaked bits over n h(QBER), 1 at the Shannon limit", f_ec=f_ec)


def check_errors(*, errors: ArrayLike, detections: ArrayLike, names: tuple[str, str]) -> None:
    """Refuse negative counts and more errors than detections.

    Parameters
    ----------
    errors, detections : array_like
    names : tuple of str
        What the two are called in the message.

    Raises
    ------
    ValueError

    Examples
    --------
    >>> try:
    ...     check_errors(errors=5, detections=[10, 4], names=("errors_x", "detections_x"))
    ... except ValueError as error:
    ...     print(error)
    errors_x=5 exceeds detections_x=4: errors are a part of the detections
    """
    check_range(0.0, np.finfo(float).max, "give counts", **{names[0]: errors, names[1]: detections})
    more = np.asarray(errors) > np.asarray(detections)
    if np.any(more):
        error, detection = (np.broadcast_to(value, more.shape)[more].flat[0] for value in (errors, detections))
        raise ValueError(f"{names[0]}={error:g} exceeds {names[1]}={detection:g}: errors are a part of the detections")


def error_rate(errors: ArrayLike, n: ArrayLike) -> np.ndarray:
    """Return the fraction of errors; one half where there is no event, since nothing is then known.

    Parameters
    ----------
    errors, n : array_like
        Errors among n events.

    Returns
    -------
    ndarray or float

    Examples
    --------
    >>> error_rate([2, 0], [100, 0]).tolist()
    [0.02, 0.5]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(n) > 0, np.divide(errors, n), 0.5)[()]


def binary_entropy(p: ArrayLike) -> np.ndarray:
    r"""Return the binary entropy :math:`h(p) = -p \log_2 p - (1-p) \log_2 (1-p)`.

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

    Examples
    --------
    >>> float(binary_entropy(0.5))
    1.0
    """
    p = np.asarray(p, dtype=float)
    check_range(0.0, 1.0, "give a fraction, not percent", p=p)
    return (entr(p) + entr(1.0 - p)) / np.log(2.0)


def leak_ec_bits(n: ArrayLike, qber: ArrayLike, *, f_ec: ArrayLike) -> np.ndarray:
    """Return the bits that error correction discloses, f n h(QBER).

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

    Examples
    --------
    >>> round(float(leak_ec_bits(1000, 0.03, f_ec=1.16)), 1)
    225.5
    """
    check_range(0.0, 0.5, "give a fraction, not percent; above one half, flip the bits of one side", qber=qber)
    return np.multiply(f_ec, n) * binary_entropy(qber)
