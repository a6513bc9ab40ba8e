"""Turbulence: what the moving air does to a plane wave that comes down from a satellite.

Kolmogorov turbulence without inner and outer scale, on a flat atmosphere. A *profile* is any function of the height
above the station [m] that returns the structure constant Cn^2 [m^(-2/3)]; `HufnagelValley` is the usual one. Along a
slant path lengths grow as the secant of the zenith angle; below the horizon, where there is no path, results are nan.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from satqkd.channel.atmosphere import kasten_young_air_mass
from satqkd.channel.diffraction import check_positive

_TOP_M = 40e3  # turbulence above it adds less than 1e-6 to any integral here
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(200)


@dataclass(frozen=True)
class HufnagelValley:
    r"""Hufnagel-Valley profile of the refractive-index structure constant; call it with heights above the station.

    Attributes
    ----------
    ground_cn2 : float
        Structure constant at the ground, A [m^(-2/3)].
    wind_rms_m_s : float
        Root mean square of the wind speed between 5 and 20 km, v [m/s].
    station_altitude_m : float
        Altitude of the station above sea level [m].

    Notes
    -----
    With altitude :math:`z` above sea level and height :math:`h` above the station,

    .. math:: C_n^2 = 0.00594\left(\frac{v}{27}\right)^2 (10^{-5}z)^{10} e^{-z/1000}
              + 2.7\times10^{-16} e^{-z/1500} + A e^{-h/100}.

    R. R. Beland, in *The Infrared and Electro-Optical Systems Handbook*, vol. 2 (1993); the defaults are HV 5/7. That
    the surface layer follows the ground, and the rest the altitude, is our reading for stations in the mountains: they
    have less air above them, but still a ground.

    Examples
    --------
    >>> f"{HufnagelValley()(0.0):.3e}"
    '1.727e-14'
    """

    ground_cn2: float = 1.7e-14
    wind_rms_m_s: float = 21.0
    station_altitude_m: float = 0.0

    def __post_init__(self) -> None:
        check_positive(ground_cn2=self.ground_cn2, wind_rms_m_s=self.wind_rms_m_s)

    def __call__(self, height_m: ArrayLike) -> np.ndarray:
        """Return the structure constant [m^(-2/3)] at heights above the station [m], in their shape."""
        height_m = np.asarray(height_m, dtype=float)
        altitude_m = height_m + self.station_altitude_m
        jet_stream = 0.00594 * (self.wind_rms_m_s / 27.0) ** 2 * (1e-5 * altitude_m) ** 10 * np.exp(-altitude_m / 1e3)
        free_air = 2.7e-16 * np.exp(-altitude_m / 1.5e3)
        return jet_stream + free_air + self.ground_cn2 * np.exp(-height_m / 100.0)


def layers(profile: Callable) -> tuple[np.ndarray, ...]:
    """Return a quadrature over the height: heights [m] and Cn^2 dh [m^(1/3)] of 200 layers.

    Gauss-Legendre in the cube root of the height, which crowds the nodes where the surface layer needs them.

    Parameters
    ----------
    profile : callable
        Cn^2 [m^(-2/3)] of the height above the station [m].

    Returns
    -------
    tuple of ndarray, each of shape (layer,)

    Examples
    --------
    >>> height_m, strength = layers(HufnagelValley())
    >>> height_m.shape, float(strength.sum().round(15))
    ((200,), 2.235e-12)
    """
    t = 0.5 * (_NODES + 1.0)
    height_m = _TOP_M * t**3
    return height_m, profile(height_m) * (1.5 * _TOP_M) * t**2 * _WEIGHTS


def turbulence_moment(profile: Callable, power: float) -> float:
    r"""Return a moment of the profile, :math:`\int C_n^2(h)\,h^p\,dh` [m^(1/3 + p)].

    Parameters
    ----------
    profile : callable
        Cn^2 [m^(-2/3)] of the height above the station [m].
    power : float
        p, not negative.

    Returns
    -------
    float

    Examples
    --------
    >>> f"{turbulence_moment(HufnagelValley(), 0.0):.3e}"
    '2.235e-12'
    """
    height_m, strength = layers(profile)
    return float(np.sum(strength * height_m**power))


def secant(elevation_deg: ArrayLike) -> np.ndarray:
    """Return the length of the slant path relative to the vertical one on a flat atmosphere; nan below the horizon.

    It is nowhere longer than the air mass of the horizon, 37.9, which a flat atmosphere exceeds below 1.5 degrees.

    Parameters
    ----------
    elevation_deg : array_like
        Elevation above the horizon [degree].

    Returns
    -------
    ndarray, shape of elevation_deg

    Notes
    -----
    The curvature of the Earth shortens the path to 10 km by 2 per cent at 10 degrees, where `rytov_variance` is thereby
    5 per cent too large; at 20 degrees it is 1 per cent. Within a few degrees of the horizon it is an order of
    magnitude.

    Examples
    --------
    >>> secant([90.0, 30.0, 0.0, -1.0]).round(1)
    array([ 1. ,  2. , 37.9,  nan])
    """
    sine = np.sin(np.radians(np.asarray(elevation_deg, dtype=float)))
    return 1.0 / np.where(sine >= 0.0, np.maximum(sine, 1.0 / kasten_young_air_mass(0.0)), np.nan)


def fried_parameter_m(elevation_deg: ArrayLike, *, wavelength_m: float, profile: Callable) -> np.ndarray:
    r"""Return the Fried parameter of a plane wave, :math:`r_0 = [0.423\,k^2 \sec\zeta \int C_n^2\,dh]^{-3/5}`.

    A satellite is so far above the turbulence that its spherical wave is plane: at 500 km that changes 0.2 per cent.

    Parameters
    ----------
    elevation_deg : array_like
        Elevation above the horizon [degree].
    wavelength_m : float
        Wavelength [m].
    profile : callable
        Cn^2 [m^(-2/3)] of the height above the station [m].

    Returns
    -------
    ndarray, shape of elevation_deg
        Fried parameter [m].

    Notes
    -----
    D. L. Fried, J. Opt. Soc. Am. 56, 1372 (1966).

    Examples
    --------
    >>> fried_parameter_m([90.0, 30.0], wavelength_m=500e-9, profile=HufnagelValley()).round(3)
    array([0.05 , 0.033])
    """
    check_positive(wavelength_m=wavelength_m)
    wavenumber = 2.0 * np.pi / wavelength_m
    return (0.423 * wavenumber**2 * secant(elevation_deg) * turbulence_moment(profile, 0.0)) ** -0.6


def isoplanatic_angle_rad(elevation_deg: ArrayLike, *, wavelength_m: float, profile: Callable) -> np.ndarray:
    r"""Return the isoplanatic angle, :math:`\theta_0 = [2.914\,k^2 \sec^{8/3}\zeta \int C_n^2\,h^{5/3}\,dh]^{-3/5}`.

    Parameters
    ----------
    elevation_deg, wavelength_m, profile
        As in `fried_parameter_m`.

    Returns
    -------
    ndarray, shape of elevation_deg
        Angle [rad].

    Notes
    -----
    D. L. Fried, J. Opt. Soc. Am. 72, 52 (1982).

    Examples
    --------
    >>> (1e6 * isoplanatic_angle_rad([90.0], wavelength_m=500e-9, profile=HufnagelValley())).round(1)  # urad
    array([6.9])
    """
    check_positive(wavelength_m=wavelength_m)
    wavenumber = 2.0 * np.pi / wavelength_m
    path = secant(elevation_deg) ** (8.0 / 3.0) * turbulence_moment(profile, 5.0 / 3.0)
    return (2.914 * wavenumber**2 * path) ** -0.6


def rytov_variance(elevation_deg: ArrayLike, *, wavelength_m: float, profile: Callable) -> np.ndarray:
    r"""Return the Rytov variance of a downlink, :math:`\sigma_R^2 = 2.25\,k^{7/6}\sec^{11/6}\zeta\int
    C_n^2\,h^{5/6}\,dh`.

    The scintillation index of a point receiver in weak turbulence.

    Parameters
    ----------
    elevation_deg, wavelength_m, profile
        As in `fried_parameter_m`.

    Returns
    -------
    ndarray, shape of elevation_deg
        Variance [1].

    Notes
    -----
    L. C. Andrews and R. L. Phillips, *Laser Beam Propagation through Random Media*, 2nd ed. (2005), ch. 12.

    Examples
    --------
    >>> rytov_variance([90.0, 30.0], wavelength_m=850e-9, profile=HufnagelValley()).round(3)
    array([0.127, 0.451])
    """
    check_positive(wavelength_m=wavelength_m)
    wavenumber = 2.0 * np.pi / wavelength_m
    path = secant(elevation_deg) ** (11.0 / 6.0) * turbulence_moment(profile, 5.0 / 6.0)
    return 2.25 * wavenumber ** (7.0 / 6.0) * path


def flux_variance(elevation_deg: ArrayLike, *, wavelength_m: float, profile: Callable, aperture_m: float) -> np.ndarray:
    r"""Return the variance of the power on a receiver of finite size over its squared mean, in weak turbulence.

    Parameters
    ----------
    elevation_deg, wavelength_m, profile
        As in `fried_parameter_m`.
    aperture_m : float
        Diameter of the receiver [m]; 0 gives the Rytov variance, to the rounding of its 2.25.

    Returns
    -------
    ndarray, shape of elevation_deg
        Variance [1].

    Raises
    ------
    ValueError
        For a negative aperture or a wavelength that is not positive.

    Notes
    -----
    Andrews and Phillips (2005), ch. 12, downlink. With :math:`s = h\sec\zeta`,

    .. math:: \sigma^2(D) = 8.70\,k^2\sec\zeta\int C_n^2\,\mathrm{Re}\left[
              \left(\tfrac{D^2}{16} + \tfrac{is}{k}\right)^{5/6} - \left(\tfrac{D^2}{16}\right)^{5/6}\right] dh,

    which is the filter integral of the weak theory for a receiver with the soft edge :math:`e^{-D^2\kappa^2/16}` in
    place of :math:`[2J_1(\kappa D/2)/(\kappa D/2)]^2`. From the point to the infinite aperture the soft edge stays
    within 18 per cent of the hard one.

    Examples
    --------
    >>> flux_variance([90.0, 30.0], wavelength_m=850e-9, profile=HufnagelValley(), aperture_m=1.0).round(4)
    array([0.0003, 0.0023])
    """
    check_positive(wavelength_m=wavelength_m)
    if not aperture_m >= 0.0:
        raise ValueError(f"aperture_m={aperture_m:g} is below 0: give the diameter in metres")
    wavenumber = 2.0 * np.pi / wavelength_m
    height_m, strength = layers(profile)
    slant = secant(elevation_deg)
    # A pinhole of 4 micrometres stands for the point, so that one formula holds for all.
    soft = np.maximum(aperture_m**2 / 16.0, 1e-12)
    ratio = slant[..., None] * height_m / (wavenumber * soft)
    # Re[(1 + i y)^(5/6)] - 1 in polar form, free of the cancellation that a wide receiver brings.
    angle = 5.0 / 6.0 * np.arctan(ratio)
    growth = np.expm1(5.0 / 12.0 * np.log1p(ratio**2)) * np.cos(angle) - 2.0 * np.sin(0.5 * angle) ** 2
    # 8 pi^2 times 0.033 of the Kolmogorov spectrum times Gamma(1/6) * 3/5, which is -Gamma(-5/6) / 2
    constant = 8.0 * np.pi**2 * 0.033 * 0.6 * special.gamma(1.0 / 6.0)
    return constant * wavenumber**2 * slant * soft ** (5.0 / 6.0) * (growth @ strength)


def aperture_averaging_factor(
    elevation_deg: ArrayLike, *, wavelength_m: float, profile: Callable, aperture_m: float
) -> np.ndarray:
    """Return the variance on the receiver over that on a point, in weak turbulence; it falls with the diameter from 1.

    Parameters
    ----------
    elevation_deg, wavelength_m, profile, aperture_m
        As in `flux_variance`.

    Returns
    -------
    ndarray, shape of elevation_deg
        Factor in (0, 1].

    Examples
    --------
    >>> aperture_averaging_factor([30.0], wavelength_m=850e-9, profile=HufnagelValley(), aperture_m=1.0).round(3)
    array([0.005])
    """
    on_mirror, on_point = (
        flux_variance(elevation_deg, wavelength_m=wavelength_m, profile=profile, aperture_m=diameter_m)
        for diameter_m in (aperture_m, 0.0)
    )
    return on_mirror / on_point


def scintillation_index(variance: ArrayLike) -> np.ndarray:
    r"""Return the scintillation index of a plane wave from weak to strong turbulence.

    Parameters
    ----------
    variance : array_like
        :math:`\sigma_R^2` of `rytov_variance`, or `flux_variance` of a receiver of finite size [1].

    Returns
    -------
    ndarray, shape of variance
        :math:`\exp\left[\frac{0.49\sigma_R^2}{(1+1.11\sigma_R^{12/5})^{7/6}}
        + \frac{0.51\sigma_R^2}{(1+0.69\sigma_R^{12/5})^{5/6}}\right] - 1`.

    Raises
    ------
    ValueError
        For a negative variance.

    Notes
    -----
    L. C. Andrews et al., J. Opt. Soc. Am. A 16, 1417 (1999), and Andrews and Phillips (2005), ch. 9 and 12, for a point
    receiver. To insert the variance of the flux instead is our interpolation: it is right for a point at any strength
    and for a receiver so wide that its own variance stays weak (a metre at 850 nm and 10 degrees: 0.06).

    Examples
    --------
    >>> scintillation_index([0.1, 1.0, 10.0]).round(3)
    array([0.099, 0.706, 1.243])
    """
    variance = np.asarray(variance, dtype=float)
    if np.any(variance < 0.0):
        raise ValueError(f"variance={np.nanmin(variance):g} is below 0: give a Rytov variance")
    strength = variance**1.2
    large_scale = 0.49 * variance / (1.0 + 1.11 * strength) ** (7.0 / 6.0)
    small_scale = 0.51 * variance / (1.0 + 0.69 * strength) ** (5.0 / 6.0)
    return np.expm1(large_scale + small_scale)


def turbulent_divergence_rad(
    elevation_deg: ArrayLike, *, wavelength_m: float, profile: Callable, range_m: ArrayLike
) -> np.ndarray:
    r"""Return the 1/e^2 full angle that turbulence adds, in quadrature, to the long-term divergence of a downlink.

    Parameters
    ----------
    elevation_deg, wavelength_m, profile
        As in `fried_parameter_m`.
    range_m : array_like
        Distance to the satellite [m], of a shape that goes with elevation_deg.

    Returns
    -------
    ndarray
        Full angle [rad]; tenths of a microradian and less, since the turbulence is all at the far end of the beam.

    Notes
    -----
    The coherence radius of a spherical wave that starts at the receiver, seen at the satellite, is
    :math:`\rho_0 = [1.46\,k^2\sec\zeta\int C_n^2\,(s/L)^{5/3}\,dh]^{-3/5}`. Taken as Gaussian,
    :math:`e^{-(\rho/\rho_0)^{5/3}} \to e^{-(\rho/\rho_0)^2}`, it widens the beam to
    :math:`\theta^2 = \theta_0^2 + 32/(k\rho_0)^2`, by the extended Huygens-Fresnel principle (for the method see
    R. L. Fante, Proc. IEEE 63, 1669 (1975)).

    Examples
    --------
    >>> path = {"wavelength_m": 850e-9, "profile": HufnagelValley()}
    >>> (1e6 * turbulent_divergence_rad([30.0], range_m=1e6, **path)).round(3)
    array([0.118])
    """
    check_positive(wavelength_m=wavelength_m, range_m=range_m)
    wavenumber = 2.0 * np.pi / wavelength_m
    slant = secant(elevation_deg)
    path = slant * (slant / range_m) ** (5.0 / 3.0) * turbulence_moment(profile, 5.0 / 3.0)
    coherence_radius_m = (1.46 * wavenumber**2 * path) ** -0.6
    return np.sqrt(32.0) / (wavenumber * coherence_radius_m)


def field_of_view_fraction(fried_m: ArrayLike, *, wavelength_m: float, field_of_view_rad: float) -> np.ndarray:
    r"""Return the share of a star-like image, blurred by turbulence, that passes the receiver's field stop.

    Parameters
    ----------
    fried_m : array_like
        Fried parameter along the path [m].
    wavelength_m : float
        Wavelength [m].
    field_of_view_rad : float
        Full angle of the round field of view, centred on the satellite [rad].

    Returns
    -------
    ndarray, shape of fried_m
        Fraction in (0, 1].

    Notes
    -----
    Long exposure through a telescope much wider than :math:`r_0`. With the optical transfer function
    :math:`e^{-3.44(\lambda f/r_0)^{5/3}}` (Fried 1966),

    .. math:: E = z\int_0^\infty e^{-3.44\,t^{5/3}}\,J_1(zt)\,dt, \qquad z = \frac{\pi\,\mathrm{FOV}\,r_0}{\lambda}.

    Examples
    --------
    >>> field_of_view_fraction([0.05, 0.1], wavelength_m=850e-9, field_of_view_rad=27e-6).round(3)
    array([0.722, 0.946])
    """
    check_positive(wavelength_m=wavelength_m, field_of_view_rad=field_of_view_rad)
    z = np.pi * field_of_view_rad * np.asarray(fried_m, dtype=float) / wavelength_m
    # With t = u^3 the integrand is smooth and vanishes at both ends: the trapezoid rule is a plain sum. Beyond u = 1.6
    # nothing is left, and the nodes resolve the oscillations of the kernel: the sum is exact to 1e-10.
    u, step = np.linspace(0.0, 1.6, 64 + int(4.0 * np.nanmax(z, initial=0.0)), retstep=True)
    transfer = np.exp(-3.44 * u**5) * 3.0 * u**2 * step
    return z * (special.j1(z[..., None] * u**3) @ transfer)


def scintillation_height_m(profile: Callable) -> float:
    r"""Return the height of the one layer that would scintillate as the whole profile does on a large receiver.

    Parameters
    ----------
    profile : callable
        Cn^2 [m^(-2/3)] of the height above the station [m].

    Returns
    -------
    float
        :math:`\left[\int C_n^2 h^2\,dh \Big/ \int C_n^2 h^{5/6}\,dh\right]^{6/7}` [m].

    Notes
    -----
    H. T. Yura and W. G. McKinley, Appl. Opt. 22, 3353 (1983).

    Examples
    --------
    >>> round(scintillation_height_m(HufnagelValley()))
    7844
    """
    return float((turbulence_moment(profile, 2.0) / turbulence_moment(profile, 5.0 / 6.0)) ** (6.0 / 7.0))


def coherence_time_s(
    elevation_deg: ArrayLike,
    *,
    wavelength_m: float,
    aperture_m: float,
    height_m: float,
    wind_speed_m_s: float,
    slew_rate_rad_s: ArrayLike,
) -> np.ndarray:
    r"""Return the time over which the fading keeps its value: the pattern crosses one aperture, or one of its own
    grains.

    Parameters
    ----------
    elevation_deg : array_like
        Elevation above the horizon [degree].
    wavelength_m, aperture_m : float
        Wavelength and diameter of the receiver [m].
    height_m : float
        Height of the scintillating layer, see `scintillation_height_m` [m].
    wind_speed_m_s : float
        Wind across the path at that height [m/s].
    slew_rate_rad_s : array_like
        Angular speed of the line of sight [rad/s]; at the layer it outruns every wind.

    Returns
    -------
    ndarray
        :math:`\max(D, \sqrt{\lambda s}) / (v + \omega s)` with :math:`s = h\sec\zeta` [s].

    Notes
    -----
    Taylor's frozen flow: a scale, right to a factor of about two. Wind and slew are taken to add up.

    Examples
    --------
    >>> layer = {"height_m": 10e3, "wind_speed_m_s": 20.0}
    >>> coherence_time_s([60.0], wavelength_m=850e-9, aperture_m=1.0, slew_rate_rad_s=0.015, **layer).round(4)
    array([0.0052])
    """
    check_positive(wavelength_m=wavelength_m, height_m=height_m, wind_speed_m_s=wind_speed_m_s)
    distance_m = height_m * secant(elevation_deg)
    grain_m = np.maximum(aperture_m, np.sqrt(wavelength_m * distance_m))
    return grain_m / (wind_speed_m_s + np.asarray(slew_rate_rad_s) * distance_m)
