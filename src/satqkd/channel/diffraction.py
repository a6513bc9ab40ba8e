"""Diffraction: how wide the beam is at the receiver, and how much of it the receiver takes.

Two models of the beam. ``gaussian`` starts from a measured far-field divergence and may be elliptical;
``truncated_gaussian`` starts from the transmitter: a round Gaussian beam cut by the rim and the secondary mirror of a
perfect telescope.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.polynomial import Chebyshev
from numpy.typing import ArrayLike
from scipy import optimize, special

_WAYS_OUT = {"m": "it in metres", "rad": "it in radians", "s": "it in SI units"}
_ONE_OVER_E_SQUARED = float(np.exp(-2.0))


def check_positive(**quantities: ArrayLike) -> None:
    """Refuse quantities that are not above zero, naming the first one that is not.

    Parameters
    ----------
    **quantities : array_like
        Values by name; the suffix of the name is the unit.

    Raises
    ------
    ValueError
        With name, value, bound and unit.
    """
    for name, value in quantities.items():
        if not np.all(np.asarray(value) > 0.0):
            way_out = _WAYS_OUT.get(name.rsplit("_", 1)[-1], "a positive number")
            raise ValueError(f"{name}={np.min(value):g} is not above 0: give {way_out}")


def named_model(models: dict[str, Callable], name: str) -> Callable:
    """Look a model up by name; a wrong name lists the right ones.

    Parameters
    ----------
    models : dict of str to callable
    name : str

    Raises
    ------
    ValueError
        When there is no such model.
    """
    if name not in models:
        raise ValueError(f"model={name!r} is unknown: choose one of {', '.join(sorted(models))}")
    return models[name]


def axis_pair(name: str, value: float | tuple[float, float]) -> tuple[float, ...]:
    """Spread a scalar over both axes of the beam, or pass a pair on.

    Parameters
    ----------
    name : str
        Name used in the message.
    value : float or pair of float
        One value for a round beam, (x, y) for an elliptical one.

    Returns
    -------
    tuple of float

    Raises
    ------
    ValueError
        When there are neither one nor two values.
    """
    values = np.ravel(np.asarray(value, dtype=float))
    if values.size not in (1, 2):
        raise ValueError(f"{name} has {values.size} values, not 1 or 2: give one number or a pair (x, y)")
    return float(values[0]), float(values[-1])


def beam_diameter_m(range_m: ArrayLike, divergence_full_angle_rad: ArrayLike) -> np.ndarray:
    r"""Return the far-field diameter of the beam, :math:`2w = \theta L`.

    The width of the beam at the transmitter is neglected: 0.3 m against 5 m at 500 km and 10 urad, added in quadrature,
    is 0.2 per cent.

    Parameters
    ----------
    range_m : array_like
        Distance to the transmitter [m].
    divergence_full_angle_rad : array_like
        Full angle of the divergence [rad]; the diameter is of the same kind (1/e^2 from 1/e^2).

    Returns
    -------
    ndarray or float
        Diameter [m].

    Examples
    --------
    >>> round(float(beam_diameter_m(1.2e6, 10e-6)), 6)
    12.0
    """
    check_positive(range_m=range_m, divergence_full_angle_rad=divergence_full_angle_rad)
    return np.multiply(range_m, divergence_full_angle_rad)


def geometric_loss_db(beam_diameter_m: ArrayLike, aperture_m: ArrayLike) -> np.ndarray:
    r"""Return the ratio of the beam's area to the receiver's, :math:`20\log_{10}(2w/D)` [dB].

    This is how the papers count the loss by diffraction: the mean irradiance over the disc of the beam. A receiver that
    is much smaller than a Gaussian beam, on its axis, takes twice as much and loses 3.0 dB less, which is what
    `captured_fraction` gives.

    Parameters
    ----------
    beam_diameter_m : array_like
        1/e^2 diameter of the beam at the receiver [m].
    aperture_m : array_like
        Diameter of the receiver [m].

    Returns
    -------
    ndarray or float
        Loss [dB]; below 0 where the beam is narrower than the receiver.

    Raises
    ------
    ValueError
        For a length that is not positive.

    Examples
    --------
    >>> round(float(geometric_loss_db(12.0, 1.0)), 1)
    21.6
    """
    check_positive(beam_diameter_m=beam_diameter_m, aperture_m=aperture_m)
    return 20.0 * np.log10(np.divide(beam_diameter_m, aperture_m))


def captured_fraction(
    range_m: ArrayLike, *, aperture_m: float, obscuration_m: float = 0.0, model: str = "gaussian", **beam: Any
) -> np.ndarray:
    """Return the fraction of the light leaving the transmitter that falls on the centred receiver.

    Parameters
    ----------
    range_m : array_like
        Distance to the transmitter [m].
    aperture_m, obscuration_m : float
        Diameter of the receiver and of its central obscuration [m].
    model : {"gaussian", "truncated_gaussian"}
        Model of the beam.
    **beam
        What the model needs: see `gaussian_captured_fraction` (``divergence_full_angle_rad``) and
        `truncated_gaussian_captured_fraction` (``wavelength_m``, ``transmitter_aperture_m``, ``truncation_ratio``).

    Returns
    -------
    ndarray or float, shape of range_m
        Fraction in (0, 1].

    Raises
    ------
    ValueError
        For an unknown model, lengths that are not positive, or an obscuration as wide as the aperture.

    Examples
    --------
    >>> eta = captured_fraction(1.2e6, aperture_m=1.2, divergence_full_angle_rad=10e-6)
    >>> round(float(eta), 5)
    0.0198
    """
    check_positive(range_m=range_m, aperture_m=aperture_m)
    if not 0.0 <= obscuration_m < aperture_m:
        raise ValueError(
            f"obscuration_m={obscuration_m:g} is outside [0, {aperture_m:g}): "
            "give the diameter of the secondary mirror, which is smaller than the aperture"
        )
    fraction = named_model(CAPTURE_MODELS, model)
    return fraction(np.asarray(range_m, dtype=float), aperture_m=aperture_m, obscuration_m=obscuration_m, **beam)


def gaussian_captured_fraction(
    range_m: ArrayLike,
    *,
    divergence_full_angle_rad: float | tuple[float, float],
    aperture_m: float,
    obscuration_m: float = 0.0,
) -> np.ndarray:
    r"""Return the fraction of a round or elliptical Gaussian beam on a centred annular aperture.

    Parameters
    ----------
    range_m : array_like
        Distance to the transmitter [m].
    divergence_full_angle_rad : float or pair of float
        1/e^2 full angle of the divergence [rad]; a pair (x, y) for an elliptical beam.
    aperture_m, obscuration_m : float
        Outer and inner diameter of the receiver [m].

    Returns
    -------
    ndarray or float, shape of range_m
        Fraction in (0, 1].

    Notes
    -----
    Round beam of radius :math:`w = \theta L / 2`, receiver of radii :math:`b < a`:
    :math:`\eta = e^{-2b^2/w^2} - e^{-2a^2/w^2}` (e.g. Siegman, *Lasers*, ch. 17, on the transmission of apertures).
    For the ellipse the radial integral is done in closed form and the angle is left,

    .. math:: \eta = \frac{1}{\pi w_x w_y} \int_0^{2\pi} \frac{e^{-b^2 q} - e^{-a^2 q}}{q}\,d\phi, \qquad
              q(\phi) = \frac{2\cos^2\phi}{w_x^2} + \frac{2\sin^2\phi}{w_y^2}.

    The integrand is smooth and periodic, so equidistant midpoints converge geometrically: 64 of them in a quadrant
    are exact to 1e-10 up to an axis ratio of 10.

    Examples
    --------
    >>> eta = gaussian_captured_fraction(1.2e6, divergence_full_angle_rad=(8e-6, 11e-6), aperture_m=1.2)
    >>> round(float(eta), 5)
    0.02246
    """
    theta_x, theta_y = axis_pair("divergence_full_angle_rad", divergence_full_angle_rad)
    check_positive(divergence_full_angle_rad=(theta_x, theta_y))
    w_x = 0.5 * beam_diameter_m(range_m, theta_x)
    w_y = 0.5 * beam_diameter_m(range_m, theta_y)
    outer, inner = (0.5 * aperture_m) ** 2, (0.5 * obscuration_m) ** 2
    if theta_x == theta_y:
        q = 2.0 / w_x**2
        return -np.exp(-inner * q) * np.expm1((inner - outer) * q)
    phi = (np.arange(64) + 0.5) * (0.5 * np.pi / 64)
    q = 2.0 * np.square(np.cos(phi) / w_x[..., None]) + 2.0 * np.square(np.sin(phi) / w_y[..., None])
    ring = -np.exp(-inner * q) * np.expm1((inner - outer) * q)
    return 2.0 / (w_x * w_y) * np.mean(ring / q, axis=-1)


def transmitted_fraction(truncation_ratio: ArrayLike, obscuration_ratio: ArrayLike = 0.0) -> np.ndarray:
    r"""Return the fraction of a Gaussian beam that passes the rim and the secondary mirror of the transmitter.

    Parameters
    ----------
    truncation_ratio : array_like
        :math:`\alpha`, radius of the transmitter over the 1/e^2 radius of the beam upon it [1].
    obscuration_ratio : array_like
        :math:`\gamma`, diameter of the central obscuration over that of the transmitter [1].

    Returns
    -------
    ndarray or float
        :math:`e^{-2\gamma^2\alpha^2} - e^{-2\alpha^2}`.

    Examples
    --------
    >>> round(float(transmitted_fraction(1.12, 0.2)), 4)
    0.8232
    """
    alpha_squared, gamma_squared = np.square(truncation_ratio), np.square(obscuration_ratio)
    return -np.exp(-2.0 * gamma_squared * alpha_squared) * np.expm1(-2.0 * alpha_squared * (1.0 - gamma_squared))


def on_axis_gain_efficiency(truncation_ratio: ArrayLike, obscuration_ratio: ArrayLike = 0.0) -> np.ndarray:
    r"""Return the on-axis far-field gain over that of a uniformly lit, unobscured aperture that takes all the power.

    Parameters
    ----------
    truncation_ratio, obscuration_ratio : array_like
        :math:`\alpha` and :math:`\gamma` as in `transmitted_fraction` [1].

    Returns
    -------
    ndarray or float
        :math:`g = \frac{2}{\alpha^2}\left(e^{-\alpha^2} - e^{-\gamma^2\alpha^2}\right)^2`; light lost at the rim
        counts as lost. The gain itself is :math:`g\,(\pi D/\lambda)^2`.

    Notes
    -----
    B. J. Klein and J. J. Degnan, "Optical antenna gain. 1: Transmitting antennas", Appl. Opt. 13, 2134 (1974). Its
    maximum without obscuration is 0.8145, at :math:`\alpha = 1.12`.

    Examples
    --------
    >>> round(float(on_axis_gain_efficiency(1.12)), 4)
    0.8145
    """
    alpha_squared, gamma_squared = np.square(truncation_ratio), np.square(obscuration_ratio)
    amplitude = np.exp(-gamma_squared * alpha_squared) * np.expm1(-alpha_squared * (1.0 - gamma_squared))
    return 2.0 / alpha_squared * np.square(amplitude)


def far_field_amplitude(x: ArrayLike, *, truncation_ratio: float, obscuration_ratio: float = 0.0) -> np.ndarray:
    r"""Return the far field of the truncated Gaussian beam, as its Hankel integral.

    Parameters
    ----------
    x : array_like
        :math:`\pi D \theta / \lambda` at the angle :math:`\theta` from the axis [1].
    truncation_ratio, obscuration_ratio : float
        :math:`\alpha` and :math:`\gamma` as in `transmitted_fraction` [1].

    Returns
    -------
    ndarray, shape of x
        :math:`F(x) = \int_\gamma^1 e^{-\alpha^2 u^2} J_0(xu)\,u\,du`.

    Notes
    -----
    Gauss-Legendre; the number of nodes grows with the phase x, so that each oscillation of the kernel is resolved.

    Examples
    --------
    >>> far_field_amplitude([0.0, 3.83], truncation_ratio=1.0).round(4)
    array([0.3161, 0.0358])
    """
    x = np.asarray(x, dtype=float)
    nodes, weights = np.polynomial.legendre.leggauss(32 + int(np.max(np.abs(x)) + truncation_ratio**2))
    u = 0.5 * (1.0 + obscuration_ratio + (1.0 - obscuration_ratio) * nodes)
    weights = 0.5 * (1.0 - obscuration_ratio) * weights * u * np.exp(-np.square(truncation_ratio * u))
    return special.j0(x[..., None] * u) @ weights


def diffraction_limited_divergence(
    wavelength_m: float,
    transmitter_aperture_m: float,
    *,
    truncation_ratio: float,
    obscuration_ratio: float = 0.0,
    level: float = _ONE_OVER_E_SQUARED,
) -> float:
    r"""Return the full angle at which the far field of a perfect transmitter has fallen to a level of its peak.

    Parameters
    ----------
    wavelength_m, transmitter_aperture_m : float
        Wavelength and diameter of the transmitter [m].
    truncation_ratio, obscuration_ratio : float
        :math:`\alpha` and :math:`\gamma` as in `transmitted_fraction` [1].
    level : float
        Irradiance over its peak; 1/e^2 unless told, 0.5 for the full width at half maximum.

    Returns
    -------
    float
        Full angle [rad].

    Raises
    ------
    ValueError
        For a quantity that is not positive, an obscuration ratio outside [0, 1) or a level outside (0, 1).

    Notes
    -----
    A wide aperture (:math:`\alpha \to \infty`) gives the Gaussian :math:`2\lambda/(\pi w_0)`, a uniformly lit one
    (:math:`\alpha \to 0`) the Airy pattern, :math:`1.645\,\lambda/D` at 1/e^2.

    Examples
    --------
    >>> angle = diffraction_limited_divergence(850e-9, 0.3, truncation_ratio=1.12)
    >>> round(1e6 * angle, 2)  # urad
    5.34
    """
    check_positive(
        wavelength_m=wavelength_m, transmitter_aperture_m=transmitter_aperture_m, truncation_ratio=truncation_ratio
    )
    if not 0.0 <= obscuration_ratio < 1.0:
        raise ValueError(f"obscuration_ratio={obscuration_ratio:g} is outside [0, 1): give a ratio of diameters")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level={level:g} is outside (0, 1): give a fraction of the irradiance on the axis")
    shape = {"truncation_ratio": truncation_ratio, "obscuration_ratio": obscuration_ratio}
    on_axis = far_field_amplitude(0.0, **shape)

    def excess(x: np.ndarray) -> np.ndarray:
        return (far_field_amplitude(x, **shape) / on_axis) ** 2 - level

    # The main lobe of the Airy pattern ends at x = 3.83; a Gaussian of ratio alpha falls as exp(-x^2 / 2 alpha^2). The
    # side lobes of a narrow ring rise above the level again, so the first crossing is looked for.
    trial = np.linspace(0.0, 3.9 + np.sqrt(-2.0 * np.log(level)) * truncation_ratio, 256)
    below = int(np.argmax(excess(trial) < 0.0))
    x = optimize.brentq(excess, trial[below - 1], trial[below], xtol=1e-12)
    return 2.0 * x * wavelength_m / (np.pi * transmitter_aperture_m)


def truncated_gaussian_captured_fraction(
    range_m: ArrayLike,
    *,
    wavelength_m: float,
    transmitter_aperture_m: float,
    truncation_ratio: float,
    aperture_m: float,
    obscuration_m: float = 0.0,
    obscuration_ratio: float = 0.0,
) -> np.ndarray:
    r"""Return the fraction of a diffraction-limited truncated Gaussian beam on a centred annular aperture.

    Of the light that leaves the telescope; what the rim and the secondary mirror keep back is `transmitted_fraction`.

    Parameters
    ----------
    range_m : array_like
        Distance to the transmitter, in its far field [m].
    wavelength_m, transmitter_aperture_m : float
        Wavelength and diameter of the transmitter [m].
    truncation_ratio, obscuration_ratio : float
        :math:`\alpha` and :math:`\gamma` of the transmitter, as in `transmitted_fraction` [1].
    aperture_m, obscuration_m : float
        Outer and inner diameter of the receiver [m].

    Returns
    -------
    ndarray or float, shape of range_m
        Fraction in (0, 1].

    Notes
    -----
    Parseval's theorem for the Hankel transform normalises the far field:

    .. math:: \eta = \frac{\int_{x_b}^{x_a} F^2(x)\,x\,dx}{\int_\gamma^1 e^{-2\alpha^2u^2}\,u\,du},
              \qquad x_a = \frac{\pi D a}{\lambda L}.

    F is an entire function of x, so a Chebyshev series carries it to rounding, and its square is integrated exactly.

    Examples
    --------
    >>> eta = truncated_gaussian_captured_fraction(
    ...     1.2e6, wavelength_m=850e-9, transmitter_aperture_m=0.3, truncation_ratio=1.12, aperture_m=1.2
    ... )
    >>> round(float(eta), 4)
    0.0661
    """
    check_positive(
        wavelength_m=wavelength_m, transmitter_aperture_m=transmitter_aperture_m, truncation_ratio=truncation_ratio
    )
    per_metre = np.pi * transmitter_aperture_m / (wavelength_m * np.asarray(range_m, dtype=float))
    x_outer, x_inner = 0.5 * aperture_m * per_metre, 0.5 * obscuration_m * per_metre
    x_max = float(np.max(x_outer))
    amplitude = Chebyshev.interpolate(
        lambda x: far_field_amplitude(x, truncation_ratio=truncation_ratio, obscuration_ratio=obscuration_ratio),
        deg=24 + int(1.5 * x_max),
        domain=[0.0, x_max],
    )
    encircled = (amplitude**2 * Chebyshev.identity(domain=[0.0, x_max])).integ(lbnd=0.0)
    emitted = transmitted_fraction(truncation_ratio, obscuration_ratio) / (4.0 * truncation_ratio**2)
    return (encircled(x_outer) - encircled(x_inner)) / emitted


CAPTURE_MODELS: dict[str, Callable] = {
    "gaussian": gaussian_captured_fraction,
    "truncated_gaussian": truncated_gaussian_captured_fraction,
}
