"""Extinction from night to night: aerosol whose log-normal optical depth changes slowly, thin cirrus, and molecules.

The depth of the aerosol changes over days. Within a pass it changes by a few per cent of its spread, and neighbouring
nights have similar depths.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

SEASONS = ("winter", "spring", "summer", "autumn")  # northern winter is December to February
DB_PER_DEPTH = 10 / np.log(10)
HOURS_PER_DEGREE = 1 / 15
MOST_TRIES = 1000  # draws of a depth until it fits into the extinction of the stated night


@dataclass(frozen=True)
class NightAir:
    """Distribution of the air over the nights of a site.

    Attributes
    ----------
    depth_median, depth_log_sigma : ndarray, shape (4,)
        Optical depth of aerosol at the wavelength of the link, by `SEASONS`: median, and standard deviation of its
        logarithm [1]; NaN where not known.
    decorrelation_s : float
        Time in which the correlation of this logarithm falls to 1/e [s].
    cirrus_share : float
        Share of the nights with thin cirrus [1].
    cirrus_median, cirrus_log_sigma : float
        Optical depth of the cirrus in those nights: median, and standard deviation of its logarithm [1].
    """

    depth_median: np.ndarray
    depth_log_sigma: np.ndarray
    decorrelation_s: float
    cirrus_share: float = 0.0
    cirrus_median: float = 0.1
    cirrus_log_sigma: float = float(np.log(2.0))


def log_normal_of(mean: ArrayLike, sigma: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    r"""Return median and standard deviation of the logarithm of a log-normal distribution with given mean and sigma.

    Parameters
    ----------
    mean, sigma : array_like
        Arithmetic mean and standard deviation, as statistics of optical depths are printed.

    Returns
    -------
    tuple of ndarray

    Notes
    -----
    :math:`s^2 = \ln(1 + \sigma^2/m^2)`, median :math:`m e^{-s^2/2}`. Optical depths of aerosol are log-normal rather
    than normal (O'Neill et al., Geophys. Res. Lett. 27, 3333 (2000)), over months and seasons more than over days
    (Sayer and Knobelspiesse, Atmos. Chem. Phys. 19, 15023 (2019)).

    Examples
    --------
    Winter at Mt Foyeding near Beijing is printed as 0.13 +- 0.11 at 440 nm. Half of the time it is below 0.10.

    >>> median, log_sigma = log_normal_of(0.13, 0.11)
    >>> float(median.round(3)), float(np.exp(log_sigma).round(2))
    (0.099, 2.09)
    """
    mean = np.asarray(mean, float)
    variance = np.log1p((np.asarray(sigma, float) / mean) ** 2)
    return mean * np.exp(-variance / 2), np.sqrt(variance)


def angstrom_ratio(wavelength_m: float, *, measured_m: float, exponent: float) -> float:
    """Return the optical depth of aerosol at a wavelength, relative to that at the measured wavelength [1].

    Notes
    -----
    Angstrom's power law, as sun photometers report its exponent.

    Examples
    --------
    >>> round(angstrom_ratio(880e-9, measured_m=440e-9, exponent=1.0), 3)
    0.5
    """
    return float((wavelength_m / measured_m) ** -exponent)


def season_of(times: ArrayLike, *, latitude_deg: float = 45.0) -> np.ndarray:
    """Return the season at times [UTC] as an index into `SEASONS`, by month; shifted by half a year in the south.

    Examples
    --------
    >>> [SEASONS[i] for i in season_of(np.array(["2016-12-19", "2017-03-01", "2017-11-30"], "datetime64[D]"))]
    ['winter', 'spring', 'autumn']
    """
    month = np.asarray(times).astype("datetime64[M]").astype(int) % 12 + 1
    return (month % 12 // 3 + (0 if latitude_deg >= 0 else 2)) % 4


def night_number(times: ArrayLike, *, longitude_deg: float) -> np.ndarray:
    """Return the number of the night for times [UTC]; it changes at mean local noon.

    Examples
    --------
    >>> evening_and_morning = np.array(["2018-10-01T13:00", "2018-10-01T22:00", "2018-10-02T13:00"], "datetime64[s]")
    >>> (night_number(evening_and_morning, longitude_deg=97.7) - 17805).tolist()
    [0, 0, 1]
    """
    ahead_h = longitude_deg * HOURS_PER_DEGREE - 12
    seconds = np.asarray(times).astype("datetime64[s]").astype(np.int64) + round(3600 * ahead_h)
    return seconds // 86400


def molecular_extinction_db(wavelength_m: float, *, altitude_m: float) -> float:
    r"""Return the extinction of one air mass by molecules [dB].

    Parameters
    ----------
    wavelength_m : float
        Of the link [m].
    altitude_m : float
        Of the station [m].

    Notes
    -----
    Optical depth :math:`0.008569\,\lambda^{-4}(1 + 0.0113\,\lambda^{-2} + 0.00013\,\lambda^{-4})` at sea level with the
    wavelength in micrometres, the fit in common use (Hansen and Travis, Space Sci. Rev. 16, 527 (1974)), times the
    pressure of an isothermal air of 8.4 km scale height. Lines of water and oxygen are left out: lasers avoid them.

    Examples
    --------
    >>> (
    ...     round(molecular_extinction_db(850e-9, altitude_m=0.0), 3),
    ...     round(molecular_extinction_db(810e-9, altitude_m=3153.0), 3),
    ... )
    (0.072, 0.06)
    """
    inverse_square = (1e6 * wavelength_m) ** -2
    depth = 0.008569 * inverse_square**2 * (1 + 0.0113 * inverse_square + 0.00013 * inverse_square**2)
    return float(DB_PER_DEPTH * depth * np.exp(-altitude_m / 8400.0))


def slow_change(rng: np.random.Generator, seconds: ArrayLike, *, decorrelation_s: float, draws: int) -> np.ndarray:
    r"""Draw a stationary Gaussian process of unit variance with exponential correlation, shape (draws, time).

    Parameters
    ----------
    rng : numpy.random.Generator
    seconds : array_like, shape (time,)
        Times in any order [s].
    decorrelation_s : float
        Correlation :math:`e^{-|t - t'|/\tau}` [s].
    draws : int

    Notes
    -----
    The exact step of an Ornstein-Uhlenbeck process: :math:`x' = \rho x + \sqrt{1 - \rho^2}\,\xi`.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x = slow_change(rng, [0.0, 300.0, 1e9], decorrelation_s=4 * 86400.0, draws=4000)
    >>> abs(np.corrcoef(x.T)[0]).round(1).tolist()
    [1.0, 1.0, 0.0]
    """
    seconds = np.asarray(seconds, float)
    order = np.argsort(seconds, kind="stable")
    noise = rng.standard_normal((draws, seconds.size))
    values = np.empty_like(noise)
    before, last = np.zeros(draws), -np.inf
    for place in order:
        kept = np.exp(-(seconds[place] - last) / decorrelation_s)
        before = kept * before + np.sqrt(1 - kept**2) * noise[:, place]
        values[:, place], last = before, seconds[place]
    return values


def night_extinctions_db(
    rng: np.random.Generator,
    times: np.ndarray,
    *,
    air: NightAir,
    zenith_extinction_db: ArrayLike,
    molecular_db: float,
    stated: str,
    stated_time: np.datetime64,
    place_deg: tuple[float, float],
    draws: int,
) -> np.ndarray:
    r"""Draw the extinction of one air mass at times of several nights [dB], shape (draws, time).

    Parameters
    ----------
    rng : numpy.random.Generator
    times : ndarray of datetime64, shape (time,)
        UTC.
    air : NightAir
    zenith_extinction_db : array_like, shape () or (draws,)
        The stated extinction, molecules included [dB].
    molecular_db : float
        Of `molecular_extinction_db`.
    stated : {"median", "night"}
        ``median``: the stated extinction is that of a median night in the season of `stated_time`. ``night``: it is
        that of the moment `stated_time`, whose aerosol is as unknown as that of any other night.
    stated_time : datetime64
        UTC.
    place_deg : (float, float)
        Latitude and longitude of the station [degree].
    draws : int

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        Where the optical depth of a season is not known, or no aerosol fits into the extinction of the stated night.

    Notes
    -----
    With the aerosol's depth :math:`D = m\,e^{s x}` by season and the process x of `slow_change`, the extinction is
    :math:`\max(A - A_D(t_0), A_\text{mol}) + A_D(t)` plus that of cirrus, one draw a night, with
    :math:`A_D = 10 D / \ln 10`. :math:`D(t_0)` is the season's median, or the depth at the stated moment. The latter is
    drawn like any other, but so that the stated extinction leaves room for the molecules, and without cirrus in its
    night. The part of the stated extinction that is not aerosol is the same on every night: molecules, and any other
    loss that a calibration has attributed to the air mass.

    Examples
    --------
    >>> air = NightAir(np.full(4, 0.1), np.full(4, 0.7), decorrelation_s=4 * 86400.0)
    >>> times = np.array(["2016-12-19T16:49", "2017-01-19T16:49"], "datetime64[s]")
    >>> drawn = night_extinctions_db(
    ...     np.random.default_rng(1),
    ...     times,
    ...     air=air,
    ...     zenith_extinction_db=3.0,
    ...     molecular_db=0.07,
    ...     stated="night",
    ...     stated_time=times[0],
    ...     place_deg=(40.4, 117.6),
    ...     draws=1000,
    ... )
    >>> (drawn.std(axis=0) > 0.3).tolist(), float(np.median(drawn[:, 1]).round())
    ([False, True], 3.0)
    """
    moments = np.append(times, np.asarray(stated_time, times.dtype))
    seasons = season_of(moments, latitude_deg=place_deg[0])
    median, log_sigma = air.depth_median[seasons], air.depth_log_sigma[seasons]
    if np.isnan(median).any():
        missing = SEASONS[seasons[np.isnan(median)][0]]
        raise ValueError(f"aerosol_depth has no {missing}: give mean and standard deviation of that season")
    seconds = (moments - moments[0]) / np.timedelta64(1, "s")
    room_db = np.broadcast_to(zenith_extinction_db, draws) - molecular_db
    aerosol_db, left = np.zeros((draws, moments.size)), np.arange(draws)
    for _ in range(MOST_TRIES):
        x = slow_change(rng, seconds, decorrelation_s=air.decorrelation_s, draws=left.size)
        if stated == "median":
            x[:, -1] = 0.0
        aerosol_db[left] = DB_PER_DEPTH * median * np.exp(log_sigma * x)
        left = left[(stated == "night") & (aerosol_db[left, -1] > room_db[left])]
        if not left.size:
            break
    else:
        raise ValueError(
            f"zenith_extinction_db={room_db[left[0]] + molecular_db:g} of the stated night leaves no room for aerosol "
            f"of median depth {median[-1]:.3g} and molecules of {molecular_db:.3g} dB: give more, or stated: median"
        )
    rest_db = np.maximum(np.broadcast_to(zenith_extinction_db, draws) - aerosol_db[:, -1], molecular_db)
    nights, which = np.unique(night_number(moments, longitude_deg=place_deg[1]), return_inverse=True)
    cirrus = (rng.random((draws, nights.size)) < air.cirrus_share) * air.cirrus_median
    cirrus = cirrus * np.exp(air.cirrus_log_sigma * rng.standard_normal(cirrus.shape))
    if stated == "night":
        cirrus[:, which[-1]] = 0.0
    return rest_db[:, None] + aerosol_db[:, :-1] + DB_PER_DEPTH * cirrus[:, which[:-1]]
