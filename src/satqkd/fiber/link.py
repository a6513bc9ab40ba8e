"""What a fibre of the same length would do: loss, the PLOB bound, rates, and orders of magnitude."""

import numpy as np
from numpy.typing import ArrayLike

JULIAN_YEAR_S = 365.25 * 86400.0


def _check_not_negative(**quantities: ArrayLike) -> None:
    for name, value in quantities.items():
        if not np.all(np.asarray(value) >= 0.0):
            raise ValueError(
                f"{name}={np.min(value):g} is below 0: give a length, a loss or a rate as a positive number"
            )


def fiber_loss_db(length_m: ArrayLike, *, attenuation_db_per_km: ArrayLike) -> np.ndarray:
    """Return the loss of a fibre.

    Parameters
    ----------
    length_m : array_like
        Length [m].
    attenuation_db_per_km : array_like
        Attenuation [dB/km].

    Returns
    -------
    ndarray or float
        Loss [dB].

    Raises
    ------
    ValueError
        When either is negative.

    Examples
    --------
    >>> round(float(fiber_loss_db(1.2e6, attenuation_db_per_km=0.16)), 1)
    192.0
    """
    _check_not_negative(length_m=length_m, attenuation_db_per_km=attenuation_db_per_km)
    return np.multiply(length_m, attenuation_db_per_km) / 1e3


def fiber_transmittance(length_m: ArrayLike, *, attenuation_db_per_km: ArrayLike) -> np.ndarray:
    r"""Return the transmittance of a fibre, :math:`10^{-\alpha L / 10}`.

    Parameters
    ----------
    length_m, attenuation_db_per_km
        As in `fiber_loss_db`.

    Returns
    -------
    ndarray or float

    Examples
    --------
    >>> round(float(fiber_transmittance(100e3, attenuation_db_per_km=0.2)), 4)
    0.01
    """
    return 10.0 ** (-fiber_loss_db(length_m, attenuation_db_per_km=attenuation_db_per_km) / 10.0)


def plob_bound(transmittance: ArrayLike) -> np.ndarray:
    r"""Return the highest secret key capacity of a lossy channel without repeater, :math:`-\log_2(1 - \eta)`.

    Parameters
    ----------
    transmittance : array_like
        In [0, 1].

    Returns
    -------
    ndarray or float
        Secret bits per use; infinite without loss.

    Raises
    ------
    ValueError
        When the transmittance is outside [0, 1].

    Notes
    -----
    Pirandola, Laurenza, Ottaviani, Banchi, Nat. Commun. 8, 15043 (2017).

    Examples
    --------
    >>> round(float(plob_bound(0.5)), 3)
    1.0
    """
    transmittance = np.asarray(transmittance, dtype=float)
    outside = ~((transmittance >= 0.0) & (transmittance <= 1.0))
    if np.any(outside):
        raise ValueError(
            f"transmittance={transmittance[outside].flat[0]:g} is outside [0, 1]: give a fraction, not a loss in dB"
        )
    with np.errstate(divide="ignore"):
        return -np.log1p(-transmittance) / np.log(2.0)


def advantage_orders_of_magnitude(satellite_loss_db: ArrayLike, fiber_loss_db: ArrayLike) -> np.ndarray:
    """Return by how many powers of ten the satellite link transmits more than the fibre.

    Parameters
    ----------
    satellite_loss_db, fiber_loss_db : array_like
        Losses over the same baseline [dB].

    Returns
    -------
    ndarray or float
        Orders of magnitude; negative when the fibre is better.
    """
    return np.subtract(fiber_loss_db, satellite_loss_db) / 10.0


def pair_rate_hz(source_rate_hz: ArrayLike, *, transmittance_a: ArrayLike, transmittance_b: ArrayLike) -> np.ndarray:
    """Return the coincidences per second of a pair source between two links.

    Parameters
    ----------
    source_rate_hz : array_like
        Pairs per second.
    transmittance_a, transmittance_b : array_like
        Transmittance to either station; detectors are taken as perfect unless included.

    Returns
    -------
    ndarray or float
        Rate [1/s].

    Raises
    ------
    ValueError
        When anything is negative.

    Examples
    --------
    >>> round(float(pair_rate_hz(5.9e6, transmittance_a=1e-3, transmittance_b=1e-4)), 2)
    0.59
    """
    _check_not_negative(source_rate_hz=source_rate_hz, transmittance_a=transmittance_a, transmittance_b=transmittance_b)
    return np.multiply(source_rate_hz, transmittance_a) * transmittance_b


def sifted_rate_hz(
    pulse_rate_hz: ArrayLike, *, transmittance: ArrayLike, sifting_fraction: ArrayLike = 0.5
) -> np.ndarray:
    """Return the sifted bits per second of a perfect single-photon source.

    Parameters
    ----------
    pulse_rate_hz : array_like
        Photons sent per second.
    transmittance : array_like
        Transmittance of the link; detectors are taken as perfect unless included.
    sifting_fraction : array_like
        Part in which both sides chose the same basis; 1 gives the detected photons.

    Returns
    -------
    ndarray or float
        Rate [bit/s].

    Raises
    ------
    ValueError
        When anything is negative.

    Examples
    --------
    >>> float(sifted_rate_hz(1e10, transmittance=1e-3))
    5000000.0
    """
    _check_not_negative(pulse_rate_hz=pulse_rate_hz, transmittance=transmittance, sifting_fraction=sifting_fraction)
    return np.multiply(pulse_rate_hz, transmittance) * sifting_fraction


def years_per_bit(rate_hz: ArrayLike) -> np.ndarray:
    """Return the mean time between two bits.

    Parameters
    ----------
    rate_hz : array_like
        Bits per second.

    Returns
    -------
    ndarray or float
        Julian years; infinite for a rate of 0.

    Raises
    ------
    ValueError
        When the rate is negative.

    Examples
    --------
    >>> round(float(years_per_bit(1e-9)), 1)
    31.7
    """
    _check_not_negative(rate_hz=rate_hz)
    with np.errstate(divide="ignore"):
        return np.divide(1.0 / JULIAN_YEAR_S, rate_hz)
