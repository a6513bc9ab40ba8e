"""Far field of a truncated, obscured Gaussian aperture with wavefront errors, and what a receiver captures of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.optimize import curve_fit

from satqkd.channel.diffraction import check_positive

PUPIL_POINTS = 192  # across the aperture
ANGLES = 321  # across the pattern, in each axis
EXTENT = 12.0  # half width of the pattern, in wavelengths over the aperture
E2 = float(np.exp(-2))

# Zernike polynomials of radius r and azimuth p with unit variance over a full circle.
WAVEFRONT_TERMS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "defocus": lambda r, p: np.sqrt(3) * (2 * r**2 - 1),
    "astigmatism_0": lambda r, p: np.sqrt(6) * r**2 * np.cos(2 * p),
    "astigmatism_45": lambda r, p: np.sqrt(6) * r**2 * np.sin(2 * p),
    "coma_x": lambda r, p: np.sqrt(8) * (3 * r**3 - 2 * r) * np.cos(p),
    "coma_y": lambda r, p: np.sqrt(8) * (3 * r**3 - 2 * r) * np.sin(p),
    "spherical": lambda r, p: np.sqrt(5) * (6 * r**4 - 6 * r**2 + 1),
}


@dataclass(frozen=True)
class FarField:
    """Radiant intensity over transmitted power, on a square grid of angles.

    Attributes
    ----------
    angle_rad : ndarray, shape (angle,)
        Of either axis, evenly spaced around zero [rad].
    intensity : ndarray, shape (angle, angle)
        By x and y [1/sr]; its integral over all angles is one.
    """

    angle_rad: np.ndarray
    intensity: np.ndarray


def far_field(
    *,
    wavelength_m: float,
    aperture_m: float,
    obscuration_m: float = 0.0,
    truncation: float = 1.12,
    wavefront_waves: Mapping[str, float] | None = None,
) -> FarField:
    r"""Return the far field of a telescope that sends a Gaussian beam.

    Parameters
    ----------
    wavelength_m, aperture_m, obscuration_m : float
        Wavelength, and diameters of aperture and central obscuration [m].
    truncation : float
        Radius of the aperture over the 1/e2 radius of the beam in it [1].
    wavefront_waves : mapping of str to float
        Coefficients of `WAVEFRONT_TERMS`: rms over a full circle [wavelengths].

    Returns
    -------
    FarField

    Raises
    ------
    ValueError
        For an unknown term, or diameters and a truncation that are no telescope.

    Notes
    -----
    Fraunhofer diffraction: the field at an angle is the Fourier transform of that in the pupil, and the radiant
    intensity :math:`|U|^2/\lambda^2` over the power that passes (Goodman, Introduction to Fourier Optics, section 4.3).
    The transform is a matrix product, which samples any angles. Zernike polynomials in the normalisation of Noll,
    J. Opt. Soc. Am. 66, 207 (1976).

    Examples
    --------
    >>> pattern = far_field(wavelength_m=850e-9, aperture_m=0.3)
    >>> [round(1e6 * width, 1) for width in divergences_rad(pattern)]
    [5.3, 5.3]
    """
    check_positive(wavelength_m=wavelength_m, aperture_m=aperture_m, truncation=truncation)
    if not 0 <= obscuration_m < aperture_m:
        raise ValueError(f"obscuration_m={obscuration_m:g} is outside [0, aperture_m={aperture_m:g}): make it smaller")
    coefficients = dict(wavefront_waves or {})
    if unknown := set(coefficients) - set(WAVEFRONT_TERMS):
        raise ValueError(f"wavefront {min(unknown)!r} is unknown: take one of {', '.join(WAVEFRONT_TERMS)}")
    across = (np.arange(PUPIL_POINTS) + 0.5) / PUPIL_POINTS * 2 - 1
    x, y = np.meshgrid(across, across, indexing="ij")
    radius, azimuth = np.hypot(x, y), np.arctan2(y, x)
    phase = sum(
        (waves * WAVEFRONT_TERMS[name](radius, azimuth) for name, waves in coefficients.items()), np.zeros_like(radius)
    )
    inside = (radius <= 1) & (radius >= obscuration_m / aperture_m)
    pupil = np.where(inside, np.exp(-((truncation * radius) ** 2) + 2j * np.pi * phase), 0)
    cell_m = aperture_m / PUPIL_POINTS
    angle = np.linspace(-EXTENT, EXTENT, ANGLES) * wavelength_m / aperture_m
    kernel = np.exp(-2j * np.pi / wavelength_m * np.outer(angle, across * aperture_m / 2))
    amplitude = kernel @ pupil @ kernel.T * cell_m**2
    power = np.sum(np.abs(pupil) ** 2) * cell_m**2
    return FarField(angle, np.abs(amplitude) ** 2 / wavelength_m**2 / power)


def divergences_rad(pattern: FarField) -> tuple[float, float]:
    """Return the full angles between the outermost 1/e2 points along x and y through the peak [rad].

    Examples
    --------
    >>> angle = np.linspace(-4e-5, 4e-5, 801)
    >>> gaussian = np.exp(-8 * np.add.outer((angle / 8e-6) ** 2, (angle / 11e-6) ** 2))
    >>> [round(1e6 * width, 2) for width in divergences_rad(FarField(angle, gaussian))]
    [8.0, 11.0]
    """
    i, j = np.unravel_index(pattern.intensity.argmax(), pattern.intensity.shape)
    cuts = pattern.intensity[:, j], pattern.intensity[i, :]
    x, y = (_width(pattern.angle_rad, cut / cut.max()) for cut in cuts)
    return x, y


def strehl_ratio(pattern: FarField, perfect: FarField) -> float:
    """Return the peak of a pattern over that of the perfect telescope [1].

    Examples
    --------
    Marechal: a small rms of s wavelengths leaves exp(-(2 pi s)^2).

    >>> telescope = {"wavelength_m": 850e-9, "aperture_m": 0.3, "truncation": 0.01}
    >>> slightly = far_field(**telescope, wavefront_waves={"coma_x": 0.03})
    >>> round(strehl_ratio(slightly, far_field(**telescope)), 3), round(float(np.exp(-((0.06 * np.pi) ** 2))), 3)
    (0.965, 0.965)
    """
    return float(pattern.intensity.max() / perfect.intensity.max())


def captured_of_pattern(
    pattern: FarField, range_m: ArrayLike, *, aperture_m: float, obscuration_m: float = 0.0
) -> np.ndarray:
    """Return the share of the transmitted power that an annular receiver on the peak of the pattern captures [1].

    Parameters
    ----------
    pattern : FarField
    range_m : array_like
        Distance [m].
    aperture_m, obscuration_m : float
        Diameters of the receiver [m].

    Returns
    -------
    ndarray, shape of range_m

    Notes
    -----
    The mean of the pattern over circles around its peak, integrated over the solid angle of the receiver.

    Examples
    --------
    >>> pattern = far_field(wavelength_m=850e-9, aperture_m=0.3)
    >>> captured_of_pattern(pattern, [6e5, 1.2e6], aperture_m=1.0).round(3)
    array([0.174, 0.046])
    """
    step = pattern.angle_rad[1] - pattern.angle_rad[0]
    peak = np.array(np.unravel_index(pattern.intensity.argmax(), pattern.intensity.shape), float)
    reach = min(*peak, *(pattern.angle_rad.size - 1 - peak))
    radius = np.linspace(0, reach, 8 * int(reach) + 1)
    around = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    places = peak[:, None, None] + np.stack([np.cos(around), np.sin(around)])[:, None, :] * radius[None, :, None]
    mean = map_coordinates(pattern.intensity, places, order=3).mean(axis=1)
    ring = 2 * np.pi * radius * mean * step**2
    within = np.concatenate([[0.0], np.cumsum((ring[1:] + ring[:-1]) / 2 * np.diff(radius))])
    outer, inner = (np.asarray(size / 2 / np.asarray(range_m, float)) / step for size in (aperture_m, obscuration_m))
    return np.interp(outer, radius, within) - np.interp(inner, radius, within)


def scanned(pattern: FarField, *, jitter_rad: float) -> FarField:
    """Return the pattern that a slow scan from the ground sees: smeared by the pointing jitter.

    Parameters
    ----------
    pattern : FarField
    jitter_rad : float
        Standard deviation per axis [rad].

    Examples
    --------
    >>> pattern = far_field(wavelength_m=850e-9, aperture_m=0.3)
    >>> [round(1e6 * width, 1) for width in divergences_rad(scanned(pattern, jitter_rad=1.2e-6))]
    [7.1, 7.1]
    """
    step = pattern.angle_rad[1] - pattern.angle_rad[0]
    return FarField(pattern.angle_rad, gaussian_filter(pattern.intensity, jitter_rad / step))


def fitted_divergence_rad(offset_rad: ArrayLike, counts: ArrayLike) -> tuple[float, float]:
    """Return the full 1/e2 angle of a Gaussian that is fitted to counts along a scan, and its standard deviation [rad].

    Parameters
    ----------
    offset_rad : array_like, shape (point,)
        Angles of the scan [rad].
    counts : array_like, shape (point,)
        Clicks at each; the fit weights them by Poisson's deviation of the fitted curve.

    Examples
    --------
    >>> offset = np.linspace(-8e-6, 8e-6, 17)
    >>> width, sigma = fitted_divergence_rad(offset, 1000 * np.exp(-8 * (offset / 9e-6) ** 2))
    >>> round(1e6 * width, 2), sigma < 1e-6
    (9.0, True)
    """
    offset, seen = np.asarray(offset_rad, float) * 1e6, np.asarray(counts, float)

    def gaussian(angle: np.ndarray, height: float, centre: float, width: float) -> np.ndarray:
        return height * np.exp(-8 * ((angle - centre) / width) ** 2)

    mean = float(np.average(offset, weights=seen))
    spread = 4 * float(np.sqrt(np.average((offset - mean) ** 2, weights=seen)))
    values, expected = np.array([seen.max(), mean, spread]), seen
    for _ in range(3):  # deviations of the fitted counts: those of the drawn ones would pull the fit down
        fit = partial(curve_fit, gaussian, offset, seen, sigma=np.sqrt(expected + 0.1), absolute_sigma=True)
        values, covariance = fit(p0=values, method="trf")
        expected = gaussian(offset, *values)
    return abs(float(values[2])) * 1e-6, float(np.sqrt(covariance[2, 2])) * 1e-6


def _width(angle_rad: np.ndarray, cut: np.ndarray) -> float:
    """Return the distance between the outermost points at which a cut of unit peak is at 1/e2."""
    above = np.flatnonzero(cut >= E2)
    first, last = above[0], above[-1]
    if first == 0 or last == cut.size - 1:
        raise ValueError("the pattern is wider than its grid of angles: lower the wavefront errors")
    left = np.interp(E2, cut[first - 1 : first + 1], angle_rad[first - 1 : first + 1])
    right = np.interp(-E2, -cut[last : last + 2], angle_rad[last : last + 2])
    return float(right - left)
