"""The CHSH test: correlations, S with its error, the p-value against local realism, and fidelity from visibilities."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtrc

from satqkd.result import Result

LOCAL_BOUND = 2.0
LOCAL_WIN_PROBABILITY = 0.75
TSIRELSON_BOUND = 2.0 * np.sqrt(2.0)

_EQUAL_SIGN = np.array([1.0, -1.0, -1.0, 1.0])


@dataclass(frozen=True, repr=False)
class Chsh(Result):
    """Outcome of a CHSH test.

    Attributes
    ----------
    s : float
        Sum of the four correlations with the signs of the test.
    sigma : float
        Standard deviation of s from Poissonian counts.
    trials : int
        Coincidences over all settings.
    p_value : float
        Highest probability with which any local realistic model wins at least as often, see `chsh_p_value`.
    e, e_sigma : ndarray, shape (4,)
        Correlation of each setting and its standard deviation.
    """

    s: float
    sigma: float
    trials: int
    p_value: float
    e: np.ndarray
    e_sigma: np.ndarray

    @property
    def n_sigma(self) -> float:
        """Return by how many standard deviations s exceeds 2 (negative when it does not); infinite for sigma = 0."""
        excess = self.s - LOCAL_BOUND
        return excess / self.sigma if self.sigma != 0.0 else math.copysign(math.inf, excess)


@dataclass(frozen=True, repr=False)
class Fidelity(Result):
    """Fidelity with a Bell state from two visibilities.

    Attributes
    ----------
    lower_bound, sigma : ndarray or float
        What no state of these visibilities falls below, and its standard deviation.
    white_noise, white_noise_sigma : ndarray or float
        Fidelity of the state if all noise is white (a Werner state), and its standard deviation: an estimate that rests
        on this assumption, and no bound; nan below a visibility of -1/3, which no such state has.
    """

    lower_bound: np.ndarray
    sigma: np.ndarray
    white_noise: np.ndarray
    white_noise_sigma: np.ndarray


def correlation(counts: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the correlation of two outcomes, :math:`E = (N_{++} + N_{--} - N_{+-} - N_{-+}) / N`, and its standard
    deviation.

    Parameters
    ----------
    counts : array_like, shape (..., 4)
        Coincidences with outcomes ++, +-, -+, --.

    Returns
    -------
    e, sigma : ndarray or float
        Correlation, and :math:`\sqrt{(1 - E^2)/N}`, to which four independent Poissonian counts propagate.

    Raises
    ------
    ValueError
        For counts below 0, another shape, or a setting without a coincidence.

    Examples
    --------
    >>> e, sigma = correlation([40, 10, 12, 38])
    >>> round(float(e), 3), round(float(sigma), 3)
    (0.56, 0.083)
    """
    counts = np.asarray(counts, dtype=float)
    if counts.shape[-1:] != (4,):
        raise ValueError(f"counts has shape {counts.shape}, not (..., 4): give ++, +-, -+ and -- on the last axis")
    if not np.all(counts >= 0.0):
        raise ValueError(f"counts={np.min(counts):g} is below 0: give numbers of coincidences")
    total = counts.sum(axis=-1)
    if np.any(total == 0.0):
        raise ValueError("a setting has 0 coincidences, at least 1 is needed: measure longer or leave the test out")
    e = counts @ _EQUAL_SIGN / total
    return e, np.sqrt((1.0 - e**2) / total)


def chsh_p_value(wins: ArrayLike, trials: ArrayLike) -> np.ndarray:
    """Return the highest probability of that many wins in the CHSH game under local realism, memory allowed.

    Parameters
    ----------
    wins : array_like of int
        Trials whose outcomes agreed (sign +1) or differed (sign -1) as the sign of their setting says.
    trials : array_like of int
        All trials.

    Returns
    -------
    ndarray or float
        Tail of the binomial distribution with win probability 3/4.

    Notes
    -----
    Whatever happened before, a local model wins a trial with uniformly chosen settings with probability 3/4 at most, so
    that the number of wins is dominated by a binomial: Gill, Proc. Math. Stat. Phys. (2003), by martingales; the exact
    tail for perfect random numbers in Elkouss and Wehner, npj Quantum Inf. 2, 16026 (2016). Neither Gaussian counts
    nor independent trials are assumed; settings chosen uniformly and signs fixed beforehand are.

    Examples
    --------
    >>> f"{chsh_p_value(850, 1000):.1e}"
    '8.8e-15'
    """
    return bdtrc(np.asarray(wins) - 1.0, trials, LOCAL_WIN_PROBABILITY)


def chsh(counts: ArrayLike, *, signs: Sequence[int] = (1, -1, 1, 1)) -> Chsh:
    r"""Test the CHSH inequality with four settings, :math:`S = \sum_j s_j E_j`.

    Parameters
    ----------
    counts : array_like of int, shape (4, 4)
        Coincidences by setting (a, b), (a, b'), (a', b), (a', b') and outcome ++, +-, -+, --.
    signs : sequence of int, shape (4,)
        Signs :math:`s_j`, +1 or -1, one or three of them negative. The default suits :math:`\Phi^+` at polarisation
        angles (0, pi/8), (0, 3 pi/8), (pi/4, pi/8), (pi/4, 3 pi/8).

    Returns
    -------
    Chsh

    Raises
    ------
    ValueError
        For counts that are not whole numbers of shape (4, 4), an empty setting, or signs that make no CHSH inequality.

    Notes
    -----
    Clauser, Horne, Shimony, Holt, Phys. Rev. Lett. 23, 880 (1969). A state of the other sign (S near -2.8) needs the
    opposite signs: choosing them after the fact would halve the p-value that is due.

    Examples
    --------
    >>> seen = chsh([[43, 7, 7, 43], [7, 43, 43, 7], [43, 7, 7, 43], [43, 7, 7, 43]])
    >>> round(seen.s, 2), round(seen.sigma, 2), seen.trials
    (2.88, 0.14, 400)
    """
    counts, sign = np.asarray(counts), np.asarray(signs)
    if counts.shape != (4, 4):
        raise ValueError(f"counts has shape {counts.shape}, not (4, 4): give four settings by four outcomes")
    if np.any(counts != np.floor(counts)):
        raise ValueError("counts are not whole, so no p-value exists: give counted coincidences, not expected ones")
    if sign.shape != (4,) or np.any(np.abs(sign) != 1) or np.prod(sign) != -1:
        raise ValueError(f"signs={sign.tolist()} make no CHSH inequality: give four of +-1 with one or three negative")
    e, e_sigma = correlation(counts)
    trials = int(counts.sum())
    wins = int(counts[np.multiply.outer(sign, _EQUAL_SIGN) > 0].sum())
    sigma = np.sqrt(np.sum(e_sigma**2))
    return Chsh(float(sign @ e), float(sigma), trials, float(chsh_p_value(wins, trials)), e, e_sigma)


def qber_from_s(s: float) -> float:
    r"""Return the error rate in equal bases that S means for a state with white noise, :math:`(1 - S/2\sqrt{2})/2`.

    Parameters
    ----------
    s : float
        CHSH parameter, 2 sqrt(2) without errors.

    Returns
    -------
    float
        Error rate [1]; nan for nan.

    Notes
    -----
    A Werner state of visibility V has :math:`S = 2\sqrt{2}\,V` at the best angles and errs with :math:`(1 - V)/2`.

    Examples
    --------
    >>> round(qber_from_s(2.37), 3)
    0.081
    """
    return float((1 - s / TSIRELSON_BOUND) / 2)


def fidelity_from_visibilities(
    v_z: ArrayLike, v_x: ArrayLike, *, sigma_z: ArrayLike = 0.0, sigma_x: ArrayLike = 0.0
) -> Fidelity:
    r"""Bound and estimate the fidelity with a Bell state from the visibilities in two bases, without tomography.

    Parameters
    ----------
    v_z, v_x : array_like
        Visibilities, that is correlations with the sign of the Bell state in question, in [-1, 1].
    sigma_z, sigma_x : array_like
        Their standard deviations.

    Returns
    -------
    Fidelity
        The bound :math:`F \ge (V_Z + V_X)/2`, and :math:`F = (1 + 3V)/4` with the mean visibility V for white noise.

    Raises
    ------
    ValueError
        When a visibility is outside [-1, 1].

    Notes
    -----
    With the third correlation F = (1 + V_X + V_Y + V_Z)/4, signs as for the Bell state. The fidelity to the Bell state
    with V_X and V_Z reversed, (1 - V_X + V_Y - V_Z)/4, is not negative, so V_Y >= V_X + V_Z - 1. No assumption on the
    state; equality when it is a mixture of three Bell states without that one. Toth and Guehne, Phys. Rev. Lett. 94,
    060501 (2005), take the same step with two settings for stabiliser states of any size. White noise (Werner, Phys.
    Rev. A 40, 4277 (1989)) has V_X = V_Y = V_Z.

    Examples
    --------
    >>> seen = fidelity_from_visibilities(0.92, 0.90)
    >>> round(float(seen.lower_bound), 3), round(float(seen.white_noise), 4)
    (0.91, 0.9325)
    """
    for name, value in (("v_z", v_z), ("v_x", v_x)):
        if not np.all(np.abs(value) <= 1.0):
            raise ValueError(f"{name}={np.ravel(value)[0]:g} is outside [-1, 1]: give a fraction, not percent")
    mean, sigma = np.add(v_z, v_x) / 2.0, np.hypot(sigma_z, sigma_x) / 2.0
    white = np.where(mean >= -1.0 / 3.0, (1.0 + 3.0 * mean) / 4.0, np.nan)[()]
    return Fidelity(mean, sigma, white, 0.75 * sigma)
