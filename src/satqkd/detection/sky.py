"""Light of the sky in a receiver: dark sky, glow of a town, twilight, and scattered light of Moon and Sun.

Brightness of Moon and Sun is computed in the V band, and converted to the wavelength of the link with the spectrum of
sunlight and the dependence of scattering on wavelength. Angles are in degrees, as in the formulas of the sources.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

V_BAND_M = 550e-9
SUN_TEMPERATURE_K = 5772.0  # effective temperature, IAU 2015 Resolution B3
SECOND_RADIATION_CONSTANT_M_K = 1.438777e-2
PLANCK_J_S = 6.62607015e-34
ZERO_MAGNITUDE_W_M2_HZ = 3631e-26  # of the AB system
SQUARE_ARC_SECOND_SR = (np.pi / 180 / 3600) ** 2
SUN_V_MAGNITUDE = -26.74
# Exponents of the wavelength for scattering by molecules (Rayleigh) and by aerosol (Angstrom).
MOLECULES, AEROSOL = -4.0, -1.3
GLOW_ZENITH_DEG = 70.0  # zenith angle of the stated ratio of the glow of towns to the dark sky
# Twilight: values of the I band, which the source uses for the z band.
TWILIGHT_RATIO = 2.29  # zenith with the Sun 12 degrees below the horizon, over the dark zenith
TWILIGHT_DECADES_PER_RAD = 24.08  # of the Sun's elevation
TWILIGHT_DECADES_PER_PATH = 0.3  # of the path minus that at the zenith; twice as many towards the Sun
TWILIGHT_DARK_MAGNITUDE = 20.2  # AB, of the dark zenith that the ratio refers to
TWILIGHT_BAND_M = 800e-9
TWILIGHT_ENDS_DEG = -18.0


def optical_path(zenith_deg: ArrayLike) -> np.ndarray:
    """Return the path of scattered light through the atmosphere, relative to that at the zenith [1].

    Notes
    -----
    Krisciunas and Schaefer, PASP 103, 1033 (1991), eq. 3; 5 at the horizon.

    Examples
    --------
    >>> optical_path([0.0, 60.0, 90.0]).round(2)
    array([1.  , 1.89, 5.  ])
    """
    return (1 - 0.96 * np.sin(np.radians(zenith_deg)) ** 2) ** -0.5


def moon_magnitude(phase_angle_deg: ArrayLike) -> np.ndarray:
    """Return the V magnitude of the Moon at its phase angle, which is zero at full Moon.

    Notes
    -----
    Krisciunas and Schaefer (1991), eq. 9. Within 7 degrees of full Moon it is brighter by up to 0.3 mag; this and the
    distance of the Moon are left out.

    Examples
    --------
    >>> moon_magnitude([0.0, 90.0]).round(2)
    array([-12.73, -10.13])
    """
    angle = np.abs(phase_angle_deg)
    return -12.73 + 0.026 * angle + 4e-9 * angle**4


def scattering_function(separation_deg: ArrayLike, *, wavelength_m: float = V_BAND_M) -> np.ndarray:
    """Return the scattering function of molecules and aerosol at an angle from the light [nL per foot-candle].

    Parameters
    ----------
    separation_deg : array_like
        Angle between the line of sight and the light [degree].
    wavelength_m : float
        Both terms hold for the V band; molecules scale with the power -4 of the wavelength, aerosol with -1.3 [m].

    Returns
    -------
    ndarray

    Notes
    -----
    Krisciunas and Schaefer (1991), eq. 21. Within 10 degrees of the light the term of aerosol is their formula for the
    halo, 6.2e7 / angle^2.

    Examples
    --------
    >>> float(np.log10(scattering_function(90.0)).round(3))
    5.399
    """
    angle = np.maximum(np.asarray(separation_deg, float), 0.25)  # the disc of Moon and Sun
    molecules = 10**5.36 * (1.06 + np.cos(np.radians(angle)) ** 2)
    aerosol = np.where(angle < 10, 6.2e7 / angle**2, 10 ** (6.15 - angle / 40))
    ratio = wavelength_m / V_BAND_M
    return molecules * ratio**MOLECULES + aerosol * ratio**AEROSOL


def scattered_brightness_nl(
    *,
    magnitude: ArrayLike,
    light_zenith_deg: ArrayLike,
    separation_deg: ArrayLike,
    zenith_deg: ArrayLike,
    extinction_mag: float,
    wavelength_m: float = V_BAND_M,
) -> np.ndarray:
    """Return the brightness of the sky by scattered light of Moon or Sun [nL]; zero if it is below the horizon.

    Parameters
    ----------
    magnitude : array_like
        V magnitude of the light above the atmosphere.
    light_zenith_deg, separation_deg, zenith_deg : array_like
        Zenith angle of the light, its angle from the line of sight, and zenith angle of the line of sight [degree].
    extinction_mag : float
        Extinction of the V band at the zenith [mag].
    wavelength_m : float
        As of `scattering_function` [m].

    Returns
    -------
    ndarray

    Notes
    -----
    Krisciunas and Schaefer (1991), eqs. 8 and 15: the light after extinction on its way in, times the scattering
    function, times the share that is scattered along the line of sight. By moonlight the authors find agreement with
    measurements within 8 to 23 %.

    Examples
    --------
    >>> full_moon = scattered_brightness_nl(
    ...     magnitude=-12.73, light_zenith_deg=40.0, separation_deg=60.0, zenith_deg=20.0, extinction_mag=0.172
    ... )
    >>> round(float(full_moon))
    1267
    """
    illuminance = 10 ** (-0.4 * (np.asarray(magnitude) + 16.57))
    arriving = 10 ** (-0.4 * extinction_mag * optical_path(light_zenith_deg))
    scattered = 1 - 10 ** (-0.4 * extinction_mag * optical_path(zenith_deg))
    brightness = scattering_function(separation_deg, wavelength_m=wavelength_m) * illuminance * arriving * scattered
    return np.where(np.asarray(light_zenith_deg) < 90, brightness, 0.0)


def surface_magnitude(brightness_nl: ArrayLike) -> np.ndarray:
    """Return a brightness [nL] as V magnitude per square arc second.

    Notes
    -----
    Garstang, PASP 98, 364 (1986), eq. 19, as Krisciunas and Schaefer (1991) use it.

    Examples
    --------
    >>> float(surface_magnitude(79.0).round(1))
    21.6
    """
    return (20.7233 - np.log(np.asarray(brightness_nl) / 34.08)) / 0.92104


def photon_radiance(magnitude: ArrayLike, *, wavelength_m: float) -> np.ndarray:
    """Return the photon radiance for an AB magnitude per square arc second [1/(s m2 sr nm)].

    Notes
    -----
    Definition of the AB system (Oke and Gunn, ApJ 266, 713 (1983)): 3631 Jy at magnitude zero; 1 Jy is
    1e-26 / (h lambda) photons per second, square metre and relative bandwidth.

    Examples
    --------
    A magnitude of zero, from one square arc second, in the V band: 1e8 photons per second, square metre and nanometre.

    >>> round(float(photon_radiance(0.0, wavelength_m=550e-9) * SQUARE_ARC_SECOND_SR / 1e7), 1)
    10.0
    """
    per_relative_band = ZERO_MAGNITUDE_W_M2_HZ / PLANCK_J_S * 10 ** (-0.4 * np.asarray(magnitude))
    return per_relative_band / (wavelength_m * 1e9) / SQUARE_ARC_SECOND_SR


def sunlight_ratio(wavelength_m: float) -> float:
    """Return the photons per nanometre of sunlight at a wavelength, relative to those in the V band [1].

    Notes
    -----
    Planck's law at the effective temperature of the Sun, right within 15 % from 400 to 1600 nm. Moonlight is taken to
    have the same spectrum.

    Examples
    --------
    >>> round(sunlight_ratio(850e-9), 2)
    0.91
    """

    def photons(wavelength_m: float) -> float:
        return wavelength_m**-4 / np.expm1(SECOND_RADIATION_CONSTANT_M_K / (wavelength_m * SUN_TEMPERATURE_K))

    return float(photons(wavelength_m) / photons(V_BAND_M))


def dark_sky_radiance(
    zenith_deg: ArrayLike, *, zenith_magnitude: float, extinction_mag: float, wavelength_m: float
) -> np.ndarray:
    """Return the radiance of airglow and starlight without Moon [1/(s m2 sr nm)].

    Parameters
    ----------
    zenith_deg : array_like
        Of the line of sight [degree].
    zenith_magnitude : float
        AB magnitude of a square arc second of the zenith, at the wavelength of the link.
    extinction_mag : float
        At the zenith [mag].
    wavelength_m : float
        Of the link [m].

    Returns
    -------
    ndarray

    Notes
    -----
    Krisciunas and Schaefer (1991), eq. 2: B = B_zenith X 10^(-0.4 k (X - 1)) with the optical path X, since airglow
    comes from a layer above the air that absorbs.

    Examples
    --------
    >>> dark = dark_sky_radiance([0.0, 70.0], zenith_magnitude=20.2, extinction_mag=0.172, wavelength_m=810e-9)
    >>> float((dark[1] / dark[0]).round(2))
    2.0
    """
    path = optical_path(zenith_deg)
    dimmed = path * 10 ** (-0.4 * extinction_mag * (path - 1))
    return dimmed * photon_radiance(zenith_magnitude, wavelength_m=wavelength_m)


def glow_ratio(azimuth_deg: ArrayLike, zenith_deg: ArrayLike, *, glow: Sequence[tuple[float, float]]) -> np.ndarray:
    """Return the light of towns over that of the dark zenith [1].

    Parameters
    ----------
    azimuth_deg, zenith_deg : array_like
        Of the line of sight [degree].
    glow : sequence of (float, float)
        Azimuth [degree] and the ratio measured there at a zenith angle of 70 degrees. Interpolation is linear around
        the whole horizon. Empty for no glow.

    Returns
    -------
    ndarray

    Notes
    -----
    Between zenith and horizon the ratio is proportional to X - 1, with the optical path X, so there is no glow at the
    zenith. This is an assumption, which a survey of the site can test.

    Examples
    --------
    >>> glow_ratio([90.0, 180.0], [70.0, 0.0], glow=[(0.0, 0.0), (180.0, 4.0)]).round(2)
    array([2., 0.])
    """
    if not glow:
        return np.zeros(np.broadcast(np.asarray(azimuth_deg), np.asarray(zenith_deg)).shape)
    azimuths, ratios = np.transpose(sorted(glow))
    towards = np.interp(np.asarray(azimuth_deg) % 360, azimuths, ratios, period=360)
    return towards * (optical_path(zenith_deg) - 1) / (optical_path(GLOW_ZENITH_DEG) - 1)


def scattered_radiance(brightness_nl: ArrayLike, *, wavelength_m: float) -> np.ndarray:
    """Return the photon radiance of scattered light of Moon or Sun at a wavelength [1/(s m2 sr nm)].

    Parameters
    ----------
    brightness_nl : array_like
        Result of `scattered_brightness_nl` with the same wavelength [nL].
    wavelength_m : float
        Of the link [m].

    Returns
    -------
    ndarray

    Examples
    --------
    >>> float(scattered_radiance(0.0, wavelength_m=850e-9))
    0.0
    """
    one_nl = photon_radiance(surface_magnitude(1.0), wavelength_m=V_BAND_M)
    return np.asarray(brightness_nl) * one_nl * sunlight_ratio(wavelength_m)


def towards_sun(*, elevation_deg: ArrayLike, sun_elevation_deg: ArrayLike, sun_separation_deg: ArrayLike) -> np.ndarray:
    r"""Return the cosine of the azimuth between a line of sight and the Sun [1]; 0 at the zenith, which has none.

    Notes
    -----
    Law of cosines for sides: :math:`\cos\rho = \sin h\sin h_\odot + \cos h\cos h_\odot\cos\Delta A`.

    Examples
    --------
    >>> towards_sun(elevation_deg=[30.0, 30.0, 90.0], sun_elevation_deg=-12.0, sun_separation_deg=[42.0, 162.0, 102.0])
    array([ 1., -1.,  0.])
    """
    here, sun, between = (np.radians(angle) for angle in (elevation_deg, sun_elevation_deg, sun_separation_deg))
    across = np.cos(here) * np.cos(sun)
    known = across > 1e-9
    cosine = (np.cos(between) - np.sin(here) * np.sin(sun)) / np.where(known, across, 1.0)
    return np.where(known, np.clip(cosine, -1.0, 1.0), 0.0)


def twilight_radiance(
    zenith_deg: ArrayLike, *, sun_elevation_deg: ArrayLike, towards: ArrayLike, wavelength_m: float
) -> np.ndarray:
    r"""Return the radiance of twilight [1/(s m2 sr nm)]; zero unless the Sun is 0 to 18 degrees below the horizon.

    Parameters
    ----------
    zenith_deg : array_like
        Of the line of sight [degree].
    sun_elevation_deg : array_like
        [degree].
    towards : array_like
        Cosine of the azimuth between line of sight and Sun, of `towards_sun` [1].
    wavelength_m : float
        Of the link [m].

    Returns
    -------
    ndarray

    Notes
    -----
    Form and values of the z band in the sky model of the Rubin Observatory (Yoachim et al., An optical to IR sky
    brightness model for the LSST (2016), as its code has them): :math:`f = r f_0 10^{a(h_\odot + 12°) + b(X - 1) +
    c\cos\Delta A (X - 1)}`, the last term only on the side of the Sun. Its r and a are those of the I band of Patat,
    Ugolnikov and Postylyakov (2006), doi 10.1051/0004-6361:20064992, who measured with the Sun 4 to 22 degrees below
    the horizon at a site whose dark zenith has 20.2 AB. We take `optical_path` for X, and the spectrum of sunlight for
    other wavelengths. With the Sun less than 4 degrees below the horizon the model is extrapolated.

    Examples
    --------
    Twilight falls by a factor of 330 when the Sun sinks from 6 to 12 degrees, and again from 12 to 18 degrees.

    >>> light = twilight_radiance(0.0, sun_elevation_deg=[-6, -12, -18], towards=0.0, wavelength_m=800e-9)
    >>> dark = dark_sky_radiance(0.0, zenith_magnitude=20.2, extinction_mag=0.0, wavelength_m=800e-9)
    >>> [f"{ratio:.2g}" for ratio in light / dark]
    ['7.6e+02', '2.3', '0.0069']
    """
    sun_deg, more_path = np.asarray(sun_elevation_deg, float), optical_path(zenith_deg) - 1
    decades = (
        TWILIGHT_DECADES_PER_RAD * np.radians(sun_deg + 12)
        + TWILIGHT_DECADES_PER_PATH * more_path
        + TWILIGHT_DECADES_PER_PATH * more_path * np.maximum(towards, 0.0)
    )
    zenith = TWILIGHT_RATIO * photon_radiance(TWILIGHT_DARK_MAGNITUDE, wavelength_m=TWILIGHT_BAND_M)
    colour = sunlight_ratio(wavelength_m) / sunlight_ratio(TWILIGHT_BAND_M)
    lit = (sun_deg >= TWILIGHT_ENDS_DEG) & (sun_deg <= 0)
    return np.where(lit, zenith * colour * 10.0 ** np.where(lit, decades, 0.0), 0.0)


@dataclass(frozen=True)
class SkyRadiance:
    """Radiance of the sky along a line of sight, by its cause; every attribute has shape (time,) [1/(s m2 sr nm)].

    Attributes
    ----------
    dark : ndarray
        Airglow and starlight.
    glow : ndarray
        Light of towns.
    moon, sun : ndarray
        Their scattered light.
    twilight : ndarray
        Light of the Sun below the horizon.
    """

    dark: np.ndarray
    glow: np.ndarray
    moon: np.ndarray
    sun: np.ndarray
    twilight: np.ndarray


def sky_radiance(
    *,
    elevation_deg: ArrayLike,
    azimuth_deg: ArrayLike,
    moon_elevation_deg: ArrayLike,
    moon_separation_deg: ArrayLike,
    moon_phase_angle_deg: ArrayLike,
    sun_elevation_deg: ArrayLike,
    sun_separation_deg: ArrayLike,
    dark_magnitude: float,
    extinction_mag: float,
    glow: Sequence[tuple[float, float]],
    wavelength_m: float,
) -> SkyRadiance:
    """Return the radiance of the sky along a line of sight, by its cause.

    Parameters
    ----------
    elevation_deg, azimuth_deg : array_like, shape (time,)
        Line of sight [degree].
    moon_elevation_deg, moon_separation_deg, moon_phase_angle_deg : array_like, shape (time,)
        Elevation of the Moon, its angle from the line of sight, and its phase angle [degree].
    sun_elevation_deg, sun_separation_deg : array_like, shape (time,)
        Elevation of the Sun, and its angle from the line of sight [degree].
    dark_magnitude, extinction_mag, wavelength_m
        As of `dark_sky_radiance`.
    glow
        As of `glow_ratio`.

    Returns
    -------
    SkyRadiance

    Examples
    --------
    A full Moon at 50 degrees of elevation makes this sky three times as bright as without Moon.

    >>> sky = sky_radiance(
    ...     elevation_deg=60.0,
    ...     azimuth_deg=0.0,
    ...     moon_elevation_deg=50.0,
    ...     moon_separation_deg=60.0,
    ...     moon_phase_angle_deg=0.0,
    ...     sun_elevation_deg=-40.0,
    ...     sun_separation_deg=120.0,
    ...     dark_magnitude=20.2,
    ...     extinction_mag=0.172,
    ...     glow=[],
    ...     wavelength_m=810e-9,
    ... )
    >>> float((1 + sky.moon / sky.dark).round()), float(sky.sun)
    (3.0, 0.0)
    """
    zenith_deg = 90 - np.asarray(elevation_deg)
    dark_air = {"zenith_magnitude": dark_magnitude, "extinction_mag": extinction_mag, "wavelength_m": wavelength_m}
    dark_zenith = dark_sky_radiance(0.0, **dark_air)
    scattered = partial(
        scattered_brightness_nl, zenith_deg=zenith_deg, extinction_mag=extinction_mag, wavelength_m=wavelength_m
    )
    moon_nl = scattered(
        magnitude=moon_magnitude(moon_phase_angle_deg),
        light_zenith_deg=90 - np.asarray(moon_elevation_deg),
        separation_deg=moon_separation_deg,
    )
    sun_nl = scattered(
        magnitude=SUN_V_MAGNITUDE,
        light_zenith_deg=90 - np.asarray(sun_elevation_deg),
        separation_deg=sun_separation_deg,
    )
    return SkyRadiance(
        dark=dark_sky_radiance(zenith_deg, **dark_air),
        glow=dark_zenith * glow_ratio(azimuth_deg, zenith_deg, glow=glow),
        moon=scattered_radiance(moon_nl, wavelength_m=wavelength_m),
        sun=scattered_radiance(sun_nl, wavelength_m=wavelength_m),
        twilight=twilight_radiance(
            zenith_deg,
            sun_elevation_deg=sun_elevation_deg,
            towards=towards_sun(
                elevation_deg=elevation_deg,
                sun_elevation_deg=sun_elevation_deg,
                sun_separation_deg=sun_separation_deg,
            ),
            wavelength_m=wavelength_m,
        ),
    )


def received_hz(
    radiance: ArrayLike, *, aperture_m: float, obscuration_m: float, field_of_view_rad: float, filter_nm: float
) -> np.ndarray:
    """Return the photons that a telescope receives from a radiance [1/s].

    Parameters
    ----------
    radiance : array_like
        Photon radiance [1/(s m2 sr nm)].
    aperture_m, obscuration_m : float
        Diameters of mirror and central obscuration [m].
    field_of_view_rad : float
        Full angle of the round field [rad].
    filter_nm : float
        Equivalent width of the spectral filter [nm].

    Returns
    -------
    ndarray

    Notes
    -----
    Radiance times etendue: area pi (D^2 - d^2)/4 and solid angle pi (field/2)^2, without optics and detectors.

    Examples
    --------
    >>> round(float(received_hz(1e12, aperture_m=1.2, obscuration_m=0.0, field_of_view_rad=27e-6, filter_nm=20)))
    12951
    """
    area_m2 = np.pi * (aperture_m**2 - obscuration_m**2) / 4
    return np.asarray(radiance) * area_m2 * np.pi * (field_of_view_rad / 2) ** 2 * filter_nm
