"""Accidental coincidences from singles and window, and what the counts say about the width of the window."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from satqkd.result import Result

# A window that is taken for half of its width is wrong by a factor of two: halfway there, in the logarithm, is a factor
# of the square root of two.
TELLING_FACTOR = np.sqrt(2.0)
TELLING_SIGMA = 3.0


@dataclass(frozen=True, repr=False)
class WindowFactor(Result):
    """Ratio of the accidental coincidences in the counts to those that singles and window give.

    Attributes
    ----------
    factor, sigma : float
        The ratio and its standard deviation: 1 if the window has the stated width, 2 if the width was half of it.
    """

    factor: float
    sigma: float

    @property
    def contradicts(self) -> bool:
        """Return whether the ratio is nearer to a factor of two than to 1, beyond what counting explains."""
        low, high = self.factor - TELLING_SIGMA * self.sigma, self.factor + TELLING_SIGMA * self.sigma
        return bool((self.factor > TELLING_FACTOR and low > 1.0) or (self.factor < 1.0 / TELLING_FACTOR and high < 1.0))


def expected_accidentals(singles: ArrayLike, *, duration_s: ArrayLike, window_s: ArrayLike) -> np.ndarray:
    r"""Return the accidental coincidences of each pair of detectors, :math:`S_a S_b w / T`.

    Parameters
    ----------
    singles : array_like, shape (..., 2, 4)
        Counts of each detector of either station.
    duration_s, window_s : array_like, shape (...)
        Acquisition time T, and full width w of the window [s].

    Returns
    -------
    ndarray, shape (..., 2, 2, 2, 2)
        By setting and outcome: (setting, setting, outcome, outcome).

    Notes
    -----
    Two independent Poisson processes of the rates S/T; Eckart and Shonka, Phys. Rev. 53, 752 (1938). The counts of a
    detector include its partners of true pairs, so that pairs of different emissions are in it.

    Examples
    --------
    >>> float(expected_accidentals(np.full((2, 4), 1e5), duration_s=10, window_s=1e-9).sum())
    16.0
    """
    singles = np.asarray(singles, float)
    scale = np.asarray(np.divide(window_s, duration_s))
    each = np.einsum("...i,...j->...ij", singles[..., 0, :], singles[..., 1, :]) * scale[..., None, None]
    return each.reshape(*each.shape[:-2], 2, 2, 2, 2).swapaxes(-3, -2)


def ratio_of_accidentals(counted: ArrayLike, expected: ArrayLike) -> WindowFactor:
    """Return the ratio of accidental coincidences that were counted with a delay to those expected.

    Parameters
    ----------
    counted, expected : array_like, shape (row,)

    Examples
    --------
    >>> ratio_of_accidentals([210, 390], [100, 200]).contradicts
    True
    """
    total, whole = np.sum(counted), np.sum(expected)
    if whole == 0:
        return WindowFactor(np.nan, np.inf)
    return WindowFactor(float(total / whole), float(np.sqrt(max(total, 1.0)) / whole))


def window_factor(wrong: ArrayLike, total: ArrayLike, accidentals: ArrayLike) -> WindowFactor:
    r"""Find the accidental coincidences among all from how errors grow over the rows of a table.

    True pairs err with one rate e everywhere, accidental pairs with one half, so that in every row

    .. math:: m = e\,n + k\,(1/2 - e)\,a

    with the errors m among n coincidences in equal bases, and a of them accidental by singles and window. The least
    squares in e and k (1/2 - e), weighted with the Poisson variance of m, need rows of different a / n.

    Parameters
    ----------
    wrong, total, accidentals : array_like, shape (row,)
        m, n and a.

    Returns
    -------
    WindowFactor
        k; nan with an infinite deviation where the rows do not tell.

    Examples
    --------
    >>> total, accidentals = np.array([1e5, 2e5, 4e5]), np.array([1e2, 4e3, 4e4])
    >>> found = window_factor(0.02 * total + 2 * 0.48 * accidentals, total, accidentals)
    >>> round(found.factor, 3), round(found.sigma, 3), found.contradicts
    (2.0, 0.013, True)
    """
    m, n, a = (np.asarray(values, float) for values in (wrong, total, accidentals))
    used = n > 0
    if used.sum() < 2:
        return WindowFactor(np.nan, np.inf)
    weight = 1.0 / np.sqrt(np.maximum(m[used], 1.0))
    design = np.stack([n[used], a[used]], axis=1) * weight[:, None]
    information = design.T @ design
    if np.linalg.cond(design / np.maximum(np.linalg.norm(design, axis=0), 1e-300)) > 1e6:
        return WindowFactor(np.nan, np.inf)
    covariance = np.linalg.inv(information)
    error, slope = covariance @ (design.T @ (m[used] * weight))
    gain = 0.5 - error
    if gain <= 0:
        return WindowFactor(np.nan, np.inf)
    # The first derivatives of k = slope / (1/2 - e) propagate the deviations of both.
    gradient = np.array([slope / gain**2, 1.0 / gain])
    return WindowFactor(float(slope / gain), float(np.sqrt(gradient @ covariance @ gradient)))
