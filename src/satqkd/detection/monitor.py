"""Monitor of a source of pairs on board: correlation curves of tapped photons, and the fidelity that they report."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from satqkd.detection.source import linear_projectors


@dataclass(frozen=True)
class Visibility:
    """Visibility of a correlation curve with its standard deviation [1]."""

    value: float
    sigma: float


@dataclass(frozen=True)
class ReportedFidelity:
    """Fidelity that curves in two bases report [1].

    Attributes
    ----------
    bound, bound_sigma : float
        Lower bound for any state: the mean visibility of two complementary bases.
    white_noise, white_noise_sigma : float
        Fidelity of a Bell state with white noise of that visibility.
    """

    bound: float
    bound_sigma: float
    white_noise: float
    white_noise_sigma: float


def curve_probabilities(state: np.ndarray, fixed_rad: float, turned_rad: ArrayLike) -> np.ndarray:
    """Return the probability that both photons of a pair pass their polarisers, shape of turned_rad.

    Parameters
    ----------
    state : ndarray, shape (4, 4)
        Density matrix over HH, HV, VH, VV.
    fixed_rad : float
        Angle of the first polariser [rad].
    turned_rad : array_like, shape (angle,)
        Angles of the second [rad].

    Notes
    -----
    Born's rule: tr[state (P_first x P_second)].

    Examples
    --------
    >>> from satqkd.detection.source import werner_state
    >>> curve_probabilities(werner_state("psi_plus", 1.0), 0.0, np.radians([0, 45, 90])).round(3)
    array([0.  , 0.25, 0.5 ])
    """
    first = linear_projectors(fixed_rad)[0]
    second = linear_projectors(np.asarray(turned_rad))[:, 0]
    rho = state.reshape(2, 2, 2, 2)
    return np.einsum("abcd,ca,ndb->n", rho, first, second).real


def fitted_visibility(turned_rad: ArrayLike, counts: ArrayLike) -> Visibility:
    """Return the visibility of a correlation curve from its counts.

    Parameters
    ----------
    turned_rad : array_like, shape (angle,)
        Angles of the turned polariser, spread evenly over half a turn [rad].
    counts : array_like, shape (angle,)
        Coincidences at each.

    Returns
    -------
    Visibility

    Raises
    ------
    ValueError
        For fewer than four angles, or without a count.

    Notes
    -----
    Counts N(x) = a + b cos 2x + c sin 2x by linear least squares; the visibility is sqrt(b^2 + c^2)/a. Its variance
    follows from that of the counts, which is Poisson's, to first order.

    Examples
    --------
    >>> angles = np.radians(np.arange(0, 180, 15))
    >>> curve = fitted_visibility(angles, 1000 * (1 + 0.9 * np.cos(2 * angles)))
    >>> round(curve.value, 3), round(curve.sigma, 3)
    (0.9, 0.01)
    """
    angles, seen = np.asarray(turned_rad, float), np.asarray(counts, float)
    if angles.size < 4 or not seen.sum() > 0:
        raise ValueError(f"counts at {angles.size} angles, {seen.sum():g} in all: give at least four, with a count")
    terms = np.linalg.pinv(np.stack([np.ones_like(angles), np.cos(2 * angles), np.sin(2 * angles)], axis=1))
    a, b, c = terms @ seen
    swing = max(float(np.hypot(b, c)), 1e-12)
    slope = np.array([-swing / a**2, b / swing / a, c / swing / a]) @ terms  # of the visibility by each count
    return Visibility(float(swing / a), float(np.sqrt((slope**2 * seen).sum())))


def reported_fidelity(first: Visibility, second: Visibility) -> ReportedFidelity:
    """Return the fidelity that the visibilities in two complementary bases report.

    Notes
    -----
    (V1 + V2)/2 is a lower bound of the fidelity to a Bell state (Guehne and Toth, Phys. Rep. 474, 1 (2009), section on
    entanglement witnesses); white noise of visibility V has (1 + 3 V)/4.

    Examples
    --------
    >>> reported = reported_fidelity(Visibility(0.9, 0.003), Visibility(0.8, 0.004))
    >>> round(reported.bound, 3), round(reported.white_noise, 4), round(reported.bound_sigma, 4)
    (0.85, 0.8875, 0.0025)
    """
    mean, sigma = (first.value + second.value) / 2, float(np.hypot(first.sigma, second.sigma)) / 2
    return ReportedFidelity(mean, sigma, (1 + 3 * mean) / 4, 3 * sigma / 4)


def extreme_visibilities(fidelity: float) -> dict[str, tuple[float, float, float]]:
    """Return the visibilities that states of a given fidelity have in H/V, diagonal and circular basis.

    Parameters
    ----------
    fidelity : float
        Fidelity to a Bell state [1].

    Returns
    -------
    dict
        "white noise": all the same. "dephased": all of H/V, the other two (2 F - 1). "flipped": all of the diagonal
        basis, the other two likewise. They are the ends of the mixtures of the four Bell states.

    Raises
    ------
    ValueError
        For a fidelity outside [1/2, 1].

    Notes
    -----
    In a mixture of Bell states with the weight F of the intended one, a basis has the visibility 1 - 2 w, with the
    weight w of those states that correlate there in the other way; the three add up to 4 F - 1 (Bennett, DiVincenzo,
    Smolin and Wootters, Phys. Rev. A 54, 3824 (1996)).

    Examples
    --------
    >>> {name: tuple(round(v, 3) for v in seen) for name, seen in extreme_visibilities(0.907).items()}
    {'white noise': (0.876, 0.876, 0.876), 'dephased': (1.0, 0.814, 0.814), 'flipped': (0.814, 1.0, 0.814)}
    """
    if not 0.5 <= fidelity <= 1:
        raise ValueError(f"fidelity={fidelity} is outside [0.5, 1]: give the overlap with the Bell state")
    even, least = (4 * fidelity - 1) / 3, 2 * fidelity - 1
    return {"white noise": (even,) * 3, "dephased": (1.0, least, least), "flipped": (least, 1.0, least)}
