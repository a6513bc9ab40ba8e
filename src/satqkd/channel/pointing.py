"""Pointing: what the jitter of the transmitter's axis costs, on average and from moment to moment."""

import numpy as np
from numpy.typing import ArrayLike

from satqkd.channel.diffraction import axis_pair, check_positive


def _squared_jitter_ratio(
    jitter_rad: float | tuple[float, float], divergence_full_angle_rad: float | tuple[float, float]
) -> np.ndarray:
    """Return (2 sigma / w)^2 for both axes, shape (2,), where w is the 1/e^2 half angle."""
    jitter = np.array(axis_pair("jitter_rad", jitter_rad))
    divergence = np.array(axis_pair("divergence_full_angle_rad", divergence_full_angle_rad))
    check_positive(divergence_full_angle_rad=divergence)
    if not np.all(jitter >= 0.0):
        raise ValueError(f"jitter_rad={np.min(jitter):g} is below 0: give the standard deviation per axis in radians")
    return np.square(4.0 * jitter / divergence)


def mean_pointing_factor(
    jitter_rad: float | tuple[float, float], divergence_full_angle_rad: float | tuple[float, float]
) -> float:
    r"""Return the mean of the captured light under Gaussian pointing jitter, relative to perfect pointing.

    Parameters
    ----------
    jitter_rad : float or pair of float
        Standard deviation of the pointing error per axis [rad]; a pair (x, y) when the axes differ.
    divergence_full_angle_rad : float or pair of float
        1/e^2 full angle of the divergence [rad]; a pair (x, y) for an elliptical beam.

    Returns
    -------
    float
        Factor in (0, 1].

    Raises
    ------
    ValueError
        For a negative jitter or a divergence that is not positive.

    Notes
    -----
    Round beam of half angle :math:`w`: :math:`w^2/(w^2 + 4\sigma^2)`; for an ellipse the product of the square roots
    over the axes. It averages :math:`e^{-2\theta^2/w^2}` over the jitter and is exact for a receiver small against the
    beam; for a receiver of any size the mean is that of a steady beam of `jittered_divergence_rad`.

    Examples
    --------
    >>> round(mean_pointing_factor(1.2e-6, 10e-6), 4)
    0.8127
    """
    return float(np.prod(1.0 / np.sqrt(1.0 + _squared_jitter_ratio(jitter_rad, divergence_full_angle_rad))))


def jittered_divergence_rad(
    jitter_rad: float | tuple[float, float], divergence_full_angle_rad: float | tuple[float, float]
) -> tuple[float, ...]:
    r"""Return the divergence of the mean beam: a Gaussian smeared by Gaussian jitter is again a Gaussian.

    Parameters
    ----------
    jitter_rad, divergence_full_angle_rad : float or pair of float
        As in `mean_pointing_factor`.

    Returns
    -------
    tuple of float
        1/e^2 full angles (x, y), :math:`\sqrt{\theta^2 + 16\sigma^2}` [rad].

    Examples
    --------
    >>> [round(1e6 * angle, 2) for angle in jittered_divergence_rad(1.2e-6, 10e-6)]
    [11.09, 11.09]
    """
    ratio = _squared_jitter_ratio(jitter_rad, divergence_full_angle_rad)
    divergence = axis_pair("divergence_full_angle_rad", divergence_full_angle_rad)
    theta_x, theta_y = np.array(divergence) * np.sqrt(1.0 + ratio)
    return float(theta_x), float(theta_y)


def pointing_factor_pdf(factor: ArrayLike, *, jitter_rad: float, divergence_full_angle_rad: float) -> np.ndarray:
    r"""Return the probability density of the momentary pointing factor of a round beam with equal jitter in both axes.

    Parameters
    ----------
    factor : array_like
        Momentary factor h [1].
    jitter_rad, divergence_full_angle_rad : float
        As in `mean_pointing_factor`.

    Returns
    -------
    ndarray, shape of factor
        :math:`\gamma^2 h^{\gamma^2 - 1}` on (0, 1] and 0 elsewhere, with :math:`\gamma = w/2\sigma` [1].

    Raises
    ------
    ValueError
        When jitter or divergence is not one positive number.

    Notes
    -----
    A. A. Farid and S. Hranilovic, J. Lightwave Technol. 25, 1702 (2007), for a receiver small against the beam.

    Examples
    --------
    >>> pointing_factor_pdf([0.5, 1.0], jitter_rad=1.2e-6, divergence_full_angle_rad=10e-6).round(3)
    array([0.429, 4.34 ])
    """
    check_positive(jitter_rad=jitter_rad, divergence_full_angle_rad=divergence_full_angle_rad)
    if np.size(jitter_rad) != 1 or np.size(divergence_full_angle_rad) != 1:
        raise ValueError("the power law holds for a round beam only: give one jitter_rad and one divergence, or sample")
    power = np.square(divergence_full_angle_rad / (4.0 * jitter_rad))
    factor = np.asarray(factor, dtype=float)
    inside = (factor > 0.0) & (factor <= 1.0)
    return np.where(inside, power * np.where(inside, factor, 1.0) ** (power - 1.0), 0.0)


def sample_pointing_factor(
    rng: np.random.Generator,
    size: int | tuple[int, ...],
    *,
    jitter_rad: float | tuple[float, float],
    divergence_full_angle_rad: float | tuple[float, float],
) -> np.ndarray:
    r"""Draw momentary pointing factors :math:`e^{-2\theta_x^2/w_x^2 - 2\theta_y^2/w_y^2}`, independent of each other.

    Parameters
    ----------
    rng : numpy.random.Generator
    size : int or tuple of int
        Shape of the result.
    jitter_rad, divergence_full_angle_rad : float or pair of float
        As in `mean_pointing_factor`, which is the mean of the draws.

    Returns
    -------
    ndarray, shape (size)
        Factors in (0, 1].

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> sample_pointing_factor(rng, 3, jitter_rad=1.2e-6, divergence_full_angle_rad=10e-6).round(3)
    array([0.811, 0.842, 0.965])
    """
    x_ratio, y_ratio = _squared_jitter_ratio(jitter_rad, divergence_full_angle_rad)
    x_error, y_error = rng.standard_normal(size), rng.standard_normal(size)
    return np.exp(-0.5 * (x_ratio * np.square(x_error) + y_ratio * np.square(y_error)))


def pointing_variance(
    jitter_rad: float | tuple[float, float], divergence_full_angle_rad: float | tuple[float, float]
) -> float:
    r"""Return the variance of the momentary pointing factor over its squared mean.

    Parameters
    ----------
    jitter_rad, divergence_full_angle_rad : float or pair of float
        As in `mean_pointing_factor`.

    Returns
    -------
    float
        :math:`\prod_{x,y} \frac{1 + r}{\sqrt{1 + 2r}} - 1` with :math:`r = (2\sigma/w)^2`: the Gaussian moments
        :math:`E[h^n] = (1 + nr)^{-1/2}` of each axis [1].

    Examples
    --------
    >>> round(pointing_variance(1.2e-6, 10e-6), 4)
    0.0363
    """
    ratio = _squared_jitter_ratio(jitter_rad, divergence_full_angle_rad)
    return float(np.prod((1.0 + ratio) / np.sqrt(1.0 + 2.0 * ratio)) - 1.0)
