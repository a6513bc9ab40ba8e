"""Error rates, visibilities and the key under every proof, from counts alone: `from_counts`."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from satqkd.key.proofs.bbm92 import PROOFS as PAIR_PROOFS
from satqkd.key.proofs.bbm92 import Bbm92Key, bbm92_key_length
from satqkd.key.proofs.decoy import LEAKAGE_PROOFS, DecoyCounts, DecoyKey, decoy_key_length
from satqkd.key.proofs.decoy import PROOFS as PULSE_PROOFS
from satqkd.key.proofs.entropy import check_errors
from satqkd.key.proofs.reasons import no_key_reason
from satqkd.result import Result


@dataclass(frozen=True, repr=False)
class PairCounts(Result):
    """Sifted bits of photon pairs by basis, and the errors among them; arrays of one shape.

    Attributes
    ----------
    n_z, n_x : array_like
        Sifted bits in each basis.
    errors_z, errors_x : array_like
        Errors among them.

    Raises
    ------
    ValueError
        For counts below 0, or more errors than bits.
    """

    n_z: np.ndarray
    n_x: np.ndarray
    errors_z: np.ndarray
    errors_x: np.ndarray

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, np.asarray(getattr(self, field.name)))
        check_errors(errors=self.errors_z, detections=self.n_z, names=("errors_z", "n_z"))
        check_errors(errors=self.errors_x, detections=self.n_x, names=("errors_x", "n_x"))


@dataclass(frozen=True, repr=False)
class CountedKey(Result):
    """What counts say: error rates, and the key under every proof, for each of the leading axes of the counts.

    Attributes
    ----------
    sifted, errors : ndarray, shape (..., basis)
        Bits that become key in Z and in X, of decoy states those of the signal, and the errors among them.
    qber, qber_sigma : ndarray, shape (..., basis)
        Error rate and its binomial standard deviation; nan without bits.
    length : dict of str to ndarray, shape (...)
        Secret bits by the name of the proof.
    no_key : dict of str to ndarray of str, shape (...)
        Why a proof gives no key, one of `satqkd.key.proofs.reasons.REASONS`; empty where it gives key.
    """

    sifted: np.ndarray
    errors: np.ndarray
    qber: np.ndarray
    qber_sigma: np.ndarray
    length: dict[str, np.ndarray]
    no_key: dict[str, np.ndarray]

    @property
    def visibility(self) -> np.ndarray:
        """Return the visibility of the correlation in each basis, 1 - 2 QBER; shape (..., basis)."""
        return 1.0 - 2.0 * self.qber

    @property
    def visibility_sigma(self) -> np.ndarray:
        """Return the standard deviation of the visibility; shape (..., basis)."""
        return 2.0 * self.qber_sigma


def sifted_pairs(coincidences: ArrayLike, ideal_correlation: ArrayLike) -> PairCounts:
    """Return sifted bits and errors from the coincidences of every pair of detectors.

    Parameters
    ----------
    coincidences : array_like, shape (..., 2, 2, 2, 2)
        By setting and outcome: (setting, setting, outcome, outcome). Setting 0 is Z, setting 1 is X.
    ideal_correlation : array_like, shape (2, 2)
        Correlation of the intended state by setting; where it is positive, equal outcomes are right.

    Examples
    --------
    >>> counts = np.zeros((2, 2, 2, 2))
    >>> counts[[0, 1], [0, 1]] = [[4, 90], [92, 6]], [[95, 3], [2, 91]]
    >>> sifted_pairs(counts, [[-1, 0], [0, 1]])
    PairCounts(n_z=192.0, n_x=191.0, errors_z=10.0, errors_x=5.0)
    """
    equal_settings = np.asarray(coincidences)[..., [0, 1], [0, 1], :, :]
    equal = equal_settings[..., 0, 0] + equal_settings[..., 1, 1]
    unequal = equal_settings[..., 0, 1] + equal_settings[..., 1, 0]
    errors = np.where(np.diag(np.asarray(ideal_correlation)) > 0, unequal, equal)
    sifted = equal + unequal
    return PairCounts(sifted[..., 0], sifted[..., 1], errors[..., 0], errors[..., 1])


def qber_of(errors: ArrayLike, sifted: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the error rate E and its binomial standard deviation :math:`\sqrt{E (1 - E) / n}`; nan without bits.

    Parameters
    ----------
    errors, sifted : array_like
        Errors among the sifted bits, and these.

    Examples
    --------
    >>> [round(float(part), 4) for part in qber_of(10, 200)]
    [0.05, 0.0154]
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        qber = np.divide(errors, sifted)
        return qber, np.sqrt(qber * (1 - qber) / sifted)


def from_counts(counts: PairCounts | DecoyCounts, **choices: Any) -> CountedKey:
    """Return error rates and the key under every proof that applies to the counts.

    Parameters
    ----------
    counts : PairCounts or DecoyCounts
        Of photon pairs, see also `sifted_pairs`, or of decoy states.
    **choices
        Parameters of `bbm92_key_length` or of `decoy_key_length`, except counts and bound.

    Returns
    -------
    CountedKey

    Raises
    ------
    ValueError
        As `bbm92_key_length` and `decoy_key_length`.

    Notes
    -----
    "tiangong2" requires the pulses sent, a true vacuum and key of the signal alone. Counts of two intensities have one
    proof, "rusca2018".

    Examples
    --------
    >>> counts = PairCounts(n_z=[1900, 60], n_x=[1900, 60], errors_z=[80, 2], errors_x=[90, 3])
    >>> key = from_counts(counts, eps_sec=1e-10, eps_cor=1e-10, f_ec=1.16)
    >>> key.length["projected"].round().tolist(), key.no_key["projected"].tolist()
    ([334.0, 0.0], ['', 'block too small'])
    """
    if isinstance(counts, PairCounts):
        return _of_pairs(counts, choices)
    return _of_pulses(counts, choices)


def _of_pairs(counts: PairCounts, choices: dict[str, Any]) -> CountedKey:
    """Return the key of both bases of photon pairs."""
    given = {field.name: getattr(counts, field.name) for field in fields(counts)}
    sifted = np.stack([counts.n_z, counts.n_x], axis=-1)
    errors = np.stack([counts.errors_z, counts.errors_x], axis=-1)
    single_photons = np.full(sifted.shape[:-1], np.inf)
    return _key(
        sifted, errors, PAIR_PROOFS, lambda bound: bbm92_key_length(**given, **choices, bound=bound), single_photons
    )


def _of_pulses(counts: DecoyCounts, choices: dict[str, Any]) -> CountedKey:
    """Return the key of decoy states."""
    sifted = np.stack([counts.detections_z[..., 0], counts.detections_x[..., 0]], axis=-1)
    errors = np.stack([counts.errors_z[..., 0], counts.errors_x[..., 0]], axis=-1)
    intensities = np.asarray(choices["mean_photon_numbers"], float)
    proofs = tuple(PULSE_PROOFS)
    if intensities.shape[-1] == 2:
        proofs = ("rusca2018",)
    elif counts.pulses is None or np.any(intensities[..., 2] > 0) or choices.get("key_intensities") != "signal":
        proofs = tuple(bound for bound in proofs if bound != "tiangong2")
    if np.any(np.asarray(choices.get("returned_photons", 0.0)) > 0.0):
        proofs = tuple(bound for bound in proofs if bound in LEAKAGE_PROOFS)

    def length(bound: str) -> DecoyKey:
        return decoy_key_length(counts=counts, **choices, bound=bound)

    plain = length("asymptotic" if "asymptotic" in proofs else "rusca2018")
    seen = [np.asarray(basis.single_photons) for basis in (plain.z, plain.x) if basis is not None]
    return _key(sifted, errors, proofs, length, np.sum(seen, axis=0))


def _key(
    sifted: np.ndarray,
    errors: np.ndarray,
    proofs: tuple[str, ...],
    length: Callable[[str], Bbm92Key | DecoyKey],
    single_photons: np.ndarray,
) -> CountedKey:
    """Return the lengths under all proofs, and the reason for each that is 0."""
    shape = sifted.shape[:-1]
    lengths = {bound: np.broadcast_to(np.asarray(length(bound).length, float), shape) for bound in proofs}
    asymptotic = lengths.get("asymptotic", np.zeros(shape))
    reasons = {
        bound: np.array(
            [
                no_key_reason(
                    length=float(bits[row]),
                    asymptotic=float(asymptotic[row]),
                    sifted=sifted[row],
                    errors=errors[row],
                    single_photons=float(single_photons[row]),
                )
                for row in np.ndindex(shape)
            ],
            dtype=object,
        ).reshape(shape)
        for bound, bits in lengths.items()
    }
    return CountedKey(sifted, errors, *qber_of(errors, sifted), lengths, reasons)
