"""Reasons why there is no key, a closed list, and the labels of a measurement that may be swapped."""

import numpy as np
from numpy.typing import ArrayLike

REASONS = {
    "not measured": "no measurement of name key or state was made",
    "no signal": "no bit was sifted in either basis",
    "empty basis": "a basis has no sifted bit, and each basis is the sample for the other",
    "errors above one half": "more than half of the bits of a basis are wrong, as with a swapped label",
    "uncorrelated": "the error rate of a basis cannot be told from one half",
    "unequal detectors": "the counts show detectors that differ by more than the proof allows",
    "dependent bases": "detections depend on the basis, which the proofs exclude",
    "dead detectors": "events were counted while a detector was dead, which the proofs exclude",
    "turned analysers": "analysers were turned by hand, so that an eavesdropper can know every setting; the length is "
    "what the same counts give with random settings",
    "no single photons": "the counts of the three intensities show no sifted bit of a single photon",
    "too many errors": "the error rates leave nothing, however many bits there are",
    "block too small": "more bits at the same error rates would give key, these are too few for the proof",
    "assumed leak": "error correction with f_ec would take all of it; it really disclosed less, and left key in hand",
    "real leak": "error correction really disclosed more than f_ec says, and all that the proof leaves",
    "not verified": "the corrected bits of the two sides differ",
}
CONTRADICTIONS = ("unequal detectors", "dependent bases", "dead detectors")  # of the counts, to what proofs assume
SWAPPED = ("errors above one half", "uncorrelated")  # reasons that a wrong label can cause

# Standard deviations from which an error rate counts as different from one half; by chance it is once in 30,000 times.
TELLING_SIGMA = 4.0
# Error rate at which 1 - 2 h(E) vanishes. Fewer bits than these cannot tell even such a rate from one half.
KEYLESS_QBER = 0.11
FEWEST_TELLING = (TELLING_SIGMA / (1.0 - 2.0 * KEYLESS_QBER)) ** 2
# Largest part of a detector's correlation with its own basis that it has with the other one. It has none where
# detectors are equal, and a third where those of the other station are swapped.
LARGEST_CROSSTALK = 0.25


def side_of_one_half(events: ArrayLike, errors: ArrayLike) -> np.ndarray:
    r"""Return on which side of one half an error rate lies: -1 below, 1 above, 0 where counting cannot tell.

    At a rate of one half, :math:`2m - n` has the standard deviation :math:`\sqrt{n}`.

    Parameters
    ----------
    events, errors : array_like
        Events n and the errors m among them.

    Returns
    -------
    ndarray of int

    Examples
    --------
    >>> side_of_one_half([100, 100, 100, 4], [10, 45, 98, 4]).tolist()
    [-1, 0, 1, 0]
    """
    n, excess = np.asarray(events), 2 * np.asarray(errors) - np.asarray(events)
    return (np.sign(excess) * (np.abs(excess) > TELLING_SIGMA * np.sqrt(n))).astype(int)


def no_key_reason(
    *,
    length: float,
    asymptotic: float,
    sifted: ArrayLike,
    errors: ArrayLike,
    single_photons: float = np.inf,
    held: int = 0,
    alarm: str = "",
) -> str:
    """Return why a proof gives no key, one of `REASONS`; an empty word where it gives key.

    Parameters
    ----------
    length, asymptotic : float
        Key by the proof, and by the same equations without any deviation [bit].
    sifted, errors : array_like, shape (2,)
        Sifted bits that become key, by basis, and the errors among them.
    single_photons : float
        Single photons among them by the equations without any deviation, both bases together.
    held : int
        Bits of the real key that was made by this proof.
    alarm : str
        Reason of `satqkd.key.proofs.balance.checked_assumptions`, where the counts contradict the proof.

    Returns
    -------
    str

    Examples
    --------
    >>> no_key_reason(length=0.0, asymptotic=0.0, sifted=[900, 800], errors=[880, 20])
    'errors above one half'
    """
    sifted, side = np.asarray(sifted), side_of_one_half(sifted, errors)
    if length > 0.0:
        return ""
    if held > 0:
        return "assumed leak"
    if not sifted.any():
        return "no signal"
    if not sifted.all():
        return "empty basis"
    if (side > 0).any():
        return "errors above one half"
    telling = not (side == 0).any() or sifted[side == 0].min() >= FEWEST_TELLING
    if asymptotic <= 0.0 and (side == 0).any() and telling:
        return "uncorrelated"
    if alarm:
        return alarm
    if asymptotic > 0.0 or not telling:
        return "block too small"
    return "no single photons" if single_photons <= 0.0 else "too many errors"


def not_in_hand_reason(*, held: int, begun: bool, verified: bool, proof_reason: str, turned: bool = False) -> str:
    """Return why a basis has no key in hand, one of `REASONS`; an empty word where it has key.

    Parameters
    ----------
    held : int
        Bits of the real key.
    begun : bool
        Whether errors were corrected at all.
    verified : bool
        Whether the corrected bits were verified.
    proof_reason : str
        Of `no_key_reason` for the same proof.
    turned : bool
        Whether analysers were turned by hand.

    Returns
    -------
    str

    Examples
    --------
    >>> not_in_hand_reason(held=0, begun=True, verified=False, proof_reason="")
    'not verified'
    """
    if held > 0:
        return ""
    if begun and not verified:
        return "not verified"
    if turned and not proof_reason:
        return "turned analysers"
    return proof_reason or ("real leak" if begun else "block too small")


def suspected_swap(counts: ArrayLike, ideal_correlation: ArrayLike) -> str:
    """Return what may be swapped where outcomes are not correlated as the intended state has them.

    Parameters
    ----------
    counts : array_like, shape (2, 2, 2, 2)
        Coincidences by setting and outcome: (setting, setting, outcome, outcome).
    ideal_correlation : array_like, shape (2, 2)
        Correlation of the intended state by setting.

    Returns
    -------
    str
        "outcomes": equal settings are correlated, with the other sign in one of them at least. "settings": unequal
        settings are correlated and equal ones are not. "nothing": no pair of settings is correlated in one of the
        bases, so that no swap explains it. Empty where equal settings are correlated as they should be.

    Examples
    --------
    >>> counts = np.zeros((2, 2, 2, 2))
    >>> counts[[0, 1], [0, 1]] = [[100, 0], [0, 100]]
    >>> suspected_swap(counts, [[-1, 0], [0, -1]])
    'outcomes'
    """
    counts = np.asarray(counts)
    equal = counts[..., 0, 0] + counts[..., 1, 1]
    total = counts.sum(axis=(2, 3))
    # An outcome is wrong if it differs from the sign of the ideal state, or from equality where there is no sign.
    side = side_of_one_half(total, np.where(np.asarray(ideal_correlation) < 0, equal, total - equal))
    matched, crossed = side[[0, 1], [0, 1]], side[[0, 1], [1, 0]]
    if (matched > 0).any():
        return "outcomes"
    if (matched < 0).all():
        return ""
    return "settings" if crossed.all() and not matched.any() else "nothing"


def crossed_station(counts: ArrayLike, *, pairs: bool) -> int | None:
    """Return the station that seems to have detectors of different settings swapped, or None for no station.

    A detector is correlated with that setting of the other station which measures in its basis. Where detectors of
    different settings are swapped, the two of a setting are correlated with different ones.

    Parameters
    ----------
    counts : array_like, shape (2, 2, 2, 2)
        Coincidences by setting and outcome: (setting, setting, outcome, outcome).
    pairs : bool
        Whether both stations have detectors; the first "station" of pulses is the transmitter.

    Returns
    -------
    int or None

    Examples
    --------
    >>> counts = np.full((2, 2, 2, 2), 100)
    >>> counts[[0, 1], [0, 1]] = [[0, 200], [200, 0]]
    >>> by_detector = counts.transpose(0, 2, 1, 3).reshape(4, 4)
    >>> crossed = by_detector[:, [0, 2, 1, 3]].reshape(2, 2, 2, 2).transpose(0, 2, 1, 3)
    >>> crossed_station(counts, pairs=True), crossed_station(crossed, pairs=True)
    (None, 1)
    """
    for station in (0, 1) if pairs else (1,):
        # By the station's setting and outcome, then the other's.
        first, second = np.moveaxis(np.asarray(counts), (station, 2 + station), (0, 1)).transpose(3, 0, 1, 2)
        correlation = np.abs(first - second) / np.maximum(first + second, 1)
        partner, strongest = correlation.argmax(axis=-1), correlation.max(axis=-1)
        told = np.take_along_axis(side_of_one_half(first + second, second), partner[..., None], axis=-1) != 0
        one_basis = correlation.min(axis=-1) < LARGEST_CROSSTALK * strongest
        if told.all() and one_basis.all() and (partner[:, 0] != partner[:, 1]).all():
            return station
    return None
