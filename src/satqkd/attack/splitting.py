"""Attacks on pulses: Eve keeps a photon of a pulse that has several, or gets light back from the source."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.stats import poisson

PHOTONS = np.arange(21)  # a pulse of mean photon number 1 has more than 20 with a probability below 1e-20


@dataclass(frozen=True)
class Split:
    """Gain of the pulses under an attack, and Eve's knowledge of them.

    Attributes
    ----------
    gain : ndarray, shape (intensity,)
        Probability that a pulse is detected [1].
    known : ndarray, shape (intensity,)
        Share of the detected pulses that she measures when the bases are public [1].
    certainty : float
        Probability that such a measurement gives the bit: 1 if she has a photon that carries it.
    """

    gain: np.ndarray
    known: np.ndarray
    certainty: float = 1.0


def _yields(photons: np.ndarray, transmittance: float) -> np.ndarray:
    """Return the probability that at least one of several photons is detected."""
    return 1 - (1 - transmittance) ** photons


def _yields_of_rest(transmittance: float) -> np.ndarray:
    """Return the probability that a pulse is detected if Eve keeps one of its photons, by `PHOTONS`; 0 below two."""
    return np.where(PHOTONS > 1, _yields(np.maximum(PHOTONS - 1, 0), transmittance), 0.0)


def _expected_gain(mean_photon_numbers: np.ndarray, transmittance: float) -> np.ndarray:
    """Return the probability that a pulse is detected if nobody attacks."""
    return -np.expm1(-mean_photon_numbers * transmittance)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return the share of a whole gain that a part of it is; 0 where the whole is 0."""
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)


def split(
    mean_photon_numbers: ArrayLike, *, transmittance: float, receiver_efficiency: float, lossless: bool, strength: float
) -> Split:
    """Return gains and Eve's knowledge if she splits pulses without changing the gain of the signal.

    Parameters
    ----------
    mean_photon_numbers : array_like, shape (intensity,)
        Signal first [1].
    transmittance : float
        Expected transmittance of link, receiver and detectors together [1].
    receiver_efficiency : float
        Efficiency of receiver and detectors, which Eve cannot replace [1].
    lossless : bool
        Whether she sends photons to the receiver without loss.
    strength : float
        Share of the pulses that she attacks [1].

    Notes
    -----
    Brassard, Luetkenhaus, Mor and Sanders, Phys. Rev. Lett. 85, 1330 (2000). Of n > 1 photons she keeps one and sends
    n - 1. With a lossless channel she blocks single photons, and also pulses of several photons if these alone would
    click too often, so that the signal clicks as often as expected. Without such a channel single photons and n - 1
    photons take the usual one. She does not know the intensity of a pulse.

    Examples
    --------
    >>> attack = split([0.8, 0.1], transmittance=1e-3, receiver_efficiency=0.08, lossless=True, strength=1.0)
    >>> (1e3 * attack.gain).round(3).tolist(), attack.known.tolist()
    ([0.8, 0.016], [1.0, 1.0])
    """
    mu = np.asarray(mean_photon_numbers, float)
    untouched = _expected_gain(mu, transmittance)
    through = receiver_efficiency if lossless else transmittance
    of_several = poisson.pmf(PHOTONS, mu[:, None]) @ _yields_of_rest(through)
    of_single = poisson.pmf(1, mu) * through
    if lossless:
        of_several *= min(1.0, untouched[0] / of_several[0])
        of_single *= np.clip((untouched[0] - of_several[0]) / of_single[0], 0.0, 1.0)
    gain = (1 - strength) * untouched + strength * (of_several + of_single)
    return Split(gain, _share(strength * of_several, gain))


def split_by_intensity(mean_photon_numbers: ArrayLike, **choices: Any) -> Split:
    """Return gains and Eve's knowledge if she knows each pulse's intensity, without changing any gain.

    Parameters
    ----------
    mean_photon_numbers : array_like, shape (intensity,)
        Vacuum pulses are not attacked [1].
    **choices
        Parameters of `split`.

    Examples
    --------
    >>> link = {"transmittance": 1e-3, "receiver_efficiency": 0.08, "lossless": True, "strength": 1.0}
    >>> attack = split_by_intensity([0.8, 0.1, 0.0], **link)
    >>> (1e3 * attack.gain).round(3).tolist(), attack.known.tolist()
    ([0.8, 0.1, 0.0], [1.0, 1.0, 0.0])
    """
    each = [
        split([mu], **choices) if mu > 0 else Split(np.zeros(1), np.zeros(1)) for mu in np.asarray(mean_photon_numbers)
    ]
    return Split(np.concatenate([one.gain for one in each]), np.concatenate([one.known for one in each]))


def trojan_horse(
    mean_photon_numbers: ArrayLike, *, transmittance: float, input_photons: float, isolation_db: float, strength: float
) -> Split:
    """Return gains and Eve's knowledge if the source returns a part of her light, polarised like the pulse.

    Parameters
    ----------
    mean_photon_numbers : array_like, shape (intensity,)
        Mean photon numbers of the source's own pulses [1].
    transmittance : float
        Transmittance of link, receiver and detectors together [1].
    input_photons : float
        Photons that she sends into the source for each pulse [1].
    isolation_db : float
        Loss from the light that she sends in to the light that comes back [dB].
    strength : float
        Share of the pulses that she attacks [1].

    Notes
    -----
    Gisin et al., Phys. Rev. A 73, 022320 (2006). The returned light is coherent, of mean photon number m, in one of two
    orthogonal polarisations. The two states have the overlap exp(-m). Helstrom's measurement (Quantum Detection and
    Estimation Theory, 1976) distinguishes them with probability (1 + sqrt(1 - exp(-2 m)))/2. It is the best measurement
    of single pulses, better than counting photons.

    Examples
    --------
    >>> back = trojan_horse([0.8], transmittance=1e-3, input_photons=1e12, isolation_db=120, strength=1.0)
    >>> back.known.tolist(), round(back.certainty, 3)
    ([1.0], 0.965)
    """
    mu = np.asarray(mean_photon_numbers, float)
    returned = input_photons * 10 ** (-isolation_db / 10)
    certainty = 0.5 * (1 + float(np.sqrt(-np.expm1(-2 * returned))))
    return Split(mu * transmittance, np.full(mu.shape, strength), certainty)


def seeded(
    mean_photon_numbers: ArrayLike, *, transmittance: float, receiver_efficiency: float, gain: float, strength: float
) -> Split:
    """Return gains and Eve's knowledge if her light makes pulses brighter, and she splits those with several photons.

    Parameters
    ----------
    mean_photon_numbers : array_like, shape (intensity,)
        Intended mean photon numbers [1].
    transmittance : float
        Expected transmittance of link, receiver and detectors together [1].
    receiver_efficiency : float
        Efficiency of receiver and detectors, which Eve cannot replace [1].
    gain : float
        Factor by which her light makes pulses brighter [1].
    strength : float
        Share of the pulses that she attacks [1].

    Notes
    -----
    Huang et al., Phys. Rev. Applied 12, 064043 (2019). With the transmittance eta, she lets a pulse of n photons
    click with the probability 1 - (1 - eta/gain)^n, as after a link with a loss higher by the factor gain. Every
    intensity then clicks as often as expected, and decoy states notice nothing. Of n > 1 photons she keeps
    one and sends the others without loss.

    Examples
    --------
    >>> light = {"transmittance": 1e-3, "receiver_efficiency": 0.08, "strength": 1.0}
    >>> attack = seeded([0.8, 0.1], gain=3.0, **light)
    >>> (1e3 * attack.gain).round(3).tolist(), attack.known.round(2).tolist()
    ([0.8, 0.1], [0.91, 0.26])
    """
    mu = np.asarray(mean_photon_numbers, float)
    with_one_kept = np.minimum(_yields(PHOTONS, transmittance / gain), _yields_of_rest(receiver_efficiency))
    several = poisson.pmf(PHOTONS, gain * mu[:, None]) @ with_one_kept
    untouched = _expected_gain(mu, transmittance)
    return Split(untouched, _share(strength * several, untouched))


def crossing_loss_db(mean_photon_number: float, *, receiver_efficiency: float) -> float:
    """Return the loss of a link from which on pulses of several photons alone give the expected gain [dB].

    Parameters
    ----------
    mean_photon_number : float
        Mean photon number of the signal [1].
    receiver_efficiency : float
        Efficiency of receiver and detectors, which Eve cannot replace [1].

    Notes
    -----
    At this loss 1 - exp(-mu eta_link eta_receiver) equals the gain of pulses of which Eve keeps one photon and sends
    the others without loss. At a higher loss she knows the whole key of a source without decoy states.

    Examples
    --------
    >>> round(crossing_loss_db(0.8, receiver_efficiency=0.08), 2)
    5.12
    """

    of_several = poisson.pmf(PHOTONS, mean_photon_number) @ _yields_of_rest(receiver_efficiency)

    def excess(loss_db: float) -> float:
        transmittance = receiver_efficiency * 10 ** (-loss_db / 10)
        return float(_expected_gain(np.asarray(mean_photon_number), transmittance) - of_several)

    return float(brentq(excess, 0.0, 100.0))
