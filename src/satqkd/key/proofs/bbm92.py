"""Length of an entanglement-based key (BBM92) under named proofs.

`bbm92_key_length` makes key of both bases: the phase errors of the key from one basis are bounded by the bit errors
seen in the other. Each basis gives a key of its own with the failure probabilities stated; the two together are secret
and correct up to twice these. `sampled_key_length` takes both bases as one block, of which a random part is disclosed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, logsumexp

from satqkd.key.proofs.entropy import (
    EpsilonSplit,
    binary_entropy,
    check_errors,
    check_range,
    check_security,
    error_rate,
    leak_ec_bits,
    named_bound,
)
from satqkd.key.proofs.sampling import (
    hypergeometric_key_errors,
    serfling_deviation,
    serfling_key_deviation,
    small_block_deviation,
)
from satqkd.result import Result


@dataclass(frozen=True, repr=False)
class BlockKey(Result):
    """Account of the key from one block of sifted bits: arrays of the shape of the counts [bit], unless said otherwise.

    Attributes
    ----------
    n_sifted : array_like
        Sifted bits n that become key.
    qber : array_like
        Their error rate.
    phase_error : array_like
        Bound on their phase error rate, at most one half.
    privacy : array_like
        What an eavesdropper may know: n h(phase_error), or the term that "projected" subtracts.
    leak_ec : array_like
        What error correction discloses.
    security : array_like
        Price of the failure probabilities.
    unfloored : array_like
        n - privacy - leak_ec - security; negative where there is no key.
    length : array_like
        `unfloored`, not below 0.
    """

    n_sifted: np.ndarray
    qber: np.ndarray
    phase_error: np.ndarray
    privacy: np.ndarray
    leak_ec: np.ndarray
    security: np.ndarray
    unfloored: np.ndarray
    length: np.ndarray


@dataclass(frozen=True, repr=False)
class Bbm92Key(Result):
    """Length of the key under one proof, and the account of each basis.

    Attributes
    ----------
    bound : str
        Name of the proof.
    split : EpsilonSplit
        Failure probabilities, of the key of each basis.
    z, x : BlockKey
        Key from the Z and from the X basis.
    """

    bound: str
    split: EpsilonSplit
    z: BlockKey
    x: BlockKey

    @property
    def length(self) -> np.ndarray:
        """Return the secret bits of both bases; a basis without key adds nothing."""
        return self.z.length + self.x.length

    @property
    def leak_ec(self) -> np.ndarray:
        """Return the bits that error correction discloses in both bases."""
        return self.z.leak_ec + self.x.leak_ec


@dataclass(frozen=True, repr=False)
class SampledKey(Result):
    """Length of the key from one block under one proof, with a random sample disclosed.

    Attributes
    ----------
    bound : str
        Name of the proof.
    split : EpsilonSplit
        Failure probabilities.
    n_sample : array_like
        Bits disclosed.
    block : BlockKey
        Key from the rest.
    """

    bound: str
    split: EpsilonSplit
    n_sample: np.ndarray
    block: BlockKey

    @property
    def length(self) -> np.ndarray:
        """Return the secret bits."""
        return self.block.length

    @property
    def leak_ec(self) -> np.ndarray:
        """Return the bits that error correction discloses."""
        return self.block.leak_ec


def _yin2020(n_key: ArrayLike, n_sample: ArrayLike, errors_sample: ArrayLike, tail: ArrayLike) -> np.ndarray:
    """Return the bound on the phase error rate by the deviation of a sample from the whole."""
    return error_rate(errors_sample, n_sample) + serfling_deviation(n_key, n_sample, eps=tail)


def _tomamichel2012(n_key: ArrayLike, n_sample: ArrayLike, errors_sample: ArrayLike, tail: ArrayLike) -> np.ndarray:
    """Return the bound on the phase error rate by the deviation of a sample from the rest."""
    return error_rate(errors_sample, n_sample) + serfling_key_deviation(n_key, n_sample, eps=tail)


def _lim2021(n_key: ArrayLike, n_sample: ArrayLike, errors_sample: ArrayLike, tail: ArrayLike) -> np.ndarray:
    """Return the bound on the phase error rate by the deviation for small blocks."""
    seen = error_rate(errors_sample, n_sample)
    return seen + small_block_deviation(seen, np.asarray(n_key, float), np.asarray(n_sample, float), tail)


def _hypergeometric(n_key: ArrayLike, n_sample: ArrayLike, errors_sample: ArrayLike, tail: ArrayLike) -> np.ndarray:
    """Return the bound on the phase error rate by the exact tail."""
    # Expected counts are not whole numbers: round them to the bad side.
    n, k = np.ceil(n_key).astype(np.int64), np.floor(n_sample).astype(np.int64)
    errors = np.minimum(np.ceil(errors_sample).astype(np.int64), k)
    # For a few key bits the limit may lie below the error rate of the sample; the proof does not need that.
    return np.maximum(error_rate(hypergeometric_key_errors(n, k, errors, tail), n), error_rate(errors_sample, n_sample))


def _asymptotic(n_key: ArrayLike, n_sample: ArrayLike, errors_sample: ArrayLike, tail: ArrayLike) -> np.ndarray:
    """Return the error rate of the sample itself."""
    return error_rate(errors_sample, n_sample)


_PHASE_ERRORS: dict[str, Callable] = {
    "yin2020": _yin2020,
    "tomamichel2012": _tomamichel2012,
    "lim2021": _lim2021,
    "hypergeometric": _hypergeometric,
    "projected": _hypergeometric,
    "asymptotic": _asymptotic,
}
PROOFS = tuple(_PHASE_ERRORS)
# Part of hashing's share that "projected" reserves for two numbers of bits, of key and of sample, that equal detectors
# would have kept.
KEPT = 0.1
# Number of blocks into which the numbers of bits that stay are divided.
_KEPT_BLOCKS = 12


def split_of(bound: str, *, eps_sec: ArrayLike, eps_cor: ArrayLike, estimate_share: ArrayLike = 0.5) -> EpsilonSplit:
    r"""Divide the failure probabilities of one key as a proof does.

    Smoothing by :math:`\varepsilon` and hashing make up the secrecy, :math:`\varepsilon_s = 2\varepsilon +
    \varepsilon_\text{pa}`, and a bound on the phase errors that fails with :math:`\varepsilon^2` smooths by
    :math:`\varepsilon`.

    Parameters
    ----------
    bound : str
        Name of the proof.
    eps_sec, eps_cor : array_like
        Secrecy and correctness.
    estimate_share : array_like
        Share of eps_sec that goes to the estimate, :math:`2\varepsilon/\varepsilon_s`.

    Returns
    -------
    EpsilonSplit

    Notes
    -----
    Tomamichel, Lim, Gisin, Renner, Nat. Commun. 3, 634 (2012), with a share of one half; Lim, Xu, Pan, Ekert, Phys.
    Rev. Lett. 126, 100501 (2021), who leave it free. "yin2020" as printed divides nothing: each probability is
    eps_sec. "projected" pays :math:`\varepsilon` once (theorem 1 of docs/proofs.md), and reserves a part of the rest
    for detectors that differ.

    Examples
    --------
    >>> split_of("tomamichel2012", eps_sec=1e-10, eps_cor=1e-15)
    EpsilonSplit(eps_sec=1e-10, eps_cor=1e-15, estimate=6.250000000000001e-22, estimates=1, amplification=5e-11)
    """
    eps_sec, eps_cor, estimate_share = (
        np.asarray(value, dtype=float)[()] for value in (eps_sec, eps_cor, estimate_share)
    )
    if bound == "asymptotic":
        return EpsilonSplit(eps_sec, eps_cor, np.zeros_like(eps_sec), 0, np.zeros_like(eps_sec))
    if bound == "yin2020":
        return EpsilonSplit(eps_sec, eps_cor, eps_sec, 1, 0.5 * eps_sec)
    if bound == "projected":
        smoothing = estimate_share * eps_sec
        hashing = (1.0 - estimate_share) * (1.0 - KEPT) * eps_sec
        return EpsilonSplit(eps_sec, eps_cor, smoothing**2 * (1.0 - smoothing), 1, hashing)
    return EpsilonSplit(eps_sec, eps_cor, (0.5 * estimate_share * eps_sec) ** 2, 1, (1.0 - estimate_share) * eps_sec)


def mismatched_phase_error(error_rate: ArrayLike, efficiency_mismatch: ArrayLike) -> np.ndarray:
    r"""Return the phase error rate where detector efficiencies differ, :math:`E / (1 - \Delta)`, at most one half.

    Parameters
    ----------
    error_rate : array_like
        Bound on the error rate for equal detectors.
    efficiency_mismatch : array_like
        Relative difference :math:`\delta` of the efficiencies; :math:`\Delta = 1 - 1/(1+\delta)^2`.

    Returns
    -------
    ndarray or float

    Notes
    -----
    As printed in Yin et al., Nature 582, 501 (2020), methods.

    Examples
    --------
    >>> float(mismatched_phase_error(0.04, 0.01).round(5))
    0.0408
    """
    return np.minimum(np.asarray(error_rate) * (1.0 + np.asarray(efficiency_mismatch)) ** 2, 0.5)


def log_patterns(n: ArrayLike, errors: ArrayLike) -> np.ndarray:
    """Return the bits that name which of n bits are wrong, if at most `errors` are; at most n.

    Parameters
    ----------
    n, errors : array_like

    Returns
    -------
    ndarray or float

    Notes
    -----
    The logarithm of the greatest binomial coefficient and of the geometric series that bounds the others.

    Examples
    --------
    >>> round(float(log_patterns(1000, 100)), 1)
    464.6
    """
    n, errors = np.asarray(n, dtype=float), np.asarray(errors, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        greatest = gammaln(n + 1.0) - gammaln(errors + 1.0) - gammaln(n - errors + 1.0)
        bits = (greatest - np.log1p(-errors / (n - errors + 1.0))) / np.log(2.0)
    return np.where(errors < 0.5 * n, np.minimum(bits, n), n)[()]


def _kept_blocks(n: ArrayLike, kept: ArrayLike, rare: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of bits that stay, in blocks: the lower end of each, and the logarithm of its probability.

    Numbers below the first end have a probability of at most `rare`; those above the last end are in its block.
    """
    from scipy.stats import binom  # half a second, and few calls need it

    n = np.floor(n)[..., np.newaxis]
    kept, rare = (np.expand_dims(np.asarray(value, dtype=float), -1) for value in (kept, rare))
    least = np.where(kept < 1.0, binom.ppf(rare, n, kept), n)
    most = np.floor(n * kept + 2.0 * np.sqrt(n * kept * (1.0 - kept)))
    ends = np.floor(least + (np.maximum(most, least) - least) * np.linspace(0.0, 1.0, _KEPT_BLOCKS))
    at_least = binom.sf(ends - 1.0, n, kept)
    with np.errstate(divide="ignore"):
        return ends, np.log(at_least - np.append(at_least[..., 1:], np.zeros_like(at_least[..., :1]), axis=-1))


def kept_entropy(
    n_key: ArrayLike, n_sample: ArrayLike, errors_sample: ArrayLike, tail: ArrayLike, kept: ArrayLike, rare: ArrayLike
) -> np.ndarray:
    r"""Return the min-entropy of a key if a random part of its bits, and of the sample's, stays [bit].

    :math:`-2\log_2 \mathrm{E}[2^{-H/2}]`, where :math:`H = r - \log_2 \sum_{j \le u} \binom rj` for r bits that stay
    and at most u phase errors. Numbers with a probability of at most `rare` each, in key and in sample, are left out.

    Parameters
    ----------
    n_key, n_sample, errors_sample : array_like
        Bits of the key and of the sample, and errors in the latter.
    tail : array_like
        Failure probability of the bound on the phase errors.
    kept : array_like
        Least probability that a bit stays.
    rare : array_like
        Probability, of either number, that is left out.

    Returns
    -------
    ndarray or float

    Notes
    -----
    Theorem 4 of docs/proofs.md: the distance that hashing leaves is averaged over the numbers that stay. H rises with
    both, so the lower end of a block bounds the whole block.

    Examples
    --------
    >>> round(float(kept_entropy(1000, 1000, 20, 1e-10, kept=0.98, rare=1e-12)))
    578
    """
    arrays = np.broadcast_arrays(*(np.asarray(v, float) for v in (n_key, n_sample, errors_sample, tail, kept, rare)))
    n_key, n_sample, errors_sample, tail, kept, rare = arrays
    key, of_key = _kept_blocks(n_key, kept, rare)
    sample, of_sample = _kept_blocks(n_sample, kept, rare)
    key, of_key = key[..., :, np.newaxis].astype(np.int64), of_key[..., :, np.newaxis]
    sample, of_sample = sample[..., np.newaxis, :].astype(np.int64), of_sample[..., np.newaxis, :]
    errors = np.minimum(np.ceil(errors_sample)[..., np.newaxis, np.newaxis].astype(np.int64), sample)
    wrong = hypergeometric_key_errors(key, sample, errors, tail[..., np.newaxis, np.newaxis])
    entropy = key - log_patterns(key, wrong)
    logarithms = of_key + of_sample - 0.5 * np.log(2.0) * entropy
    return (-2.0 / np.log(2.0) * logsumexp(logarithms, axis=(-2, -1)))[()]


def _projected_key(
    split: EpsilonSplit,
    verification: np.ndarray,
    *,
    n_key: np.ndarray,
    errors_key: np.ndarray,
    n_sample: np.ndarray,
    errors_sample: np.ndarray,
    f_ec: ArrayLike,
    efficiency_mismatch: ArrayLike,
) -> BlockKey:
    """Return the key from one block by theorems 1 and 4 of docs/proofs.md."""
    kept = (1.0 + np.asarray(efficiency_mismatch, dtype=float)) ** -2
    # Where all bits are kept, `_hypergeometric` rounds fractional numbers to the bad side.
    held, held_sample = np.where(kept < 1.0, np.floor(n_key * kept), n_key), np.floor(n_sample * kept)
    errors = np.minimum(errors_sample, held_sample)
    phase_error = np.minimum(_hypergeometric(held, held_sample, errors, split.estimate), 0.5)
    if np.all(kept == 1.0):
        privacy = log_patterns(n_key, n_key * phase_error)
    else:
        # Bits that equal detectors would not have kept count as known.
        rare = 0.5 * KEPT / (1.0 - KEPT) * split.amplification
        privacy = n_key - kept_entropy(n_key, n_sample, errors_sample, split.estimate, kept, rare)
    qber = np.minimum(error_rate(errors_key, n_key), 0.5)
    leak_ec = leak_ec_bits(n_key, qber, f_ec=f_ec)
    security = verification - 2.0 * np.log2(2.0 * split.amplification)
    unfloored = n_key - privacy - leak_ec - security
    return BlockKey(n_key, qber, phase_error, privacy, leak_ec, security, unfloored, np.maximum(unfloored, 0.0))


def _block_key(
    bound: str,
    split: EpsilonSplit,
    verification: np.ndarray,
    *,
    n_key: np.ndarray,
    errors_key: np.ndarray,
    n_sample: np.ndarray,
    errors_sample: np.ndarray,
    f_ec: ArrayLike,
    efficiency_mismatch: ArrayLike,
) -> BlockKey:
    """Return the key from one block, n [1 - h(phase error)] - leak - security; `verification` is a hash's length
    [bit].
    """
    if bound == "projected":
        return _projected_key(
            split,
            verification,
            n_key=n_key,
            errors_key=errors_key,
            n_sample=n_sample,
            errors_sample=errors_sample,
            f_ec=f_ec,
            efficiency_mismatch=efficiency_mismatch,
        )
    qber = np.minimum(error_rate(errors_key, n_key), 0.5)
    error_bound = _PHASE_ERRORS[bound](n_key, n_sample, errors_sample, split.estimate)
    phase_error = mismatched_phase_error(error_bound, efficiency_mismatch)
    privacy = n_key * binary_entropy(phase_error)
    leak_ec = leak_ec_bits(n_key, qber, f_ec=f_ec)
    security = np.zeros(())[()] if bound == "asymptotic" else verification - 2.0 * np.log2(2.0 * split.amplification)
    unfloored = n_key - privacy - leak_ec - security
    return BlockKey(n_key, qber, phase_error, privacy, leak_ec, security, unfloored, np.maximum(unfloored, 0.0))


def _check(
    bound: str,
    eps_sec: ArrayLike,
    eps_cor: ArrayLike,
    f_ec: ArrayLike,
    efficiency_mismatch: ArrayLike,
    estimate_share: ArrayLike,
) -> None:
    """Refuse an unknown proof, and parameters out of range."""
    named_bound(_PHASE_ERRORS, bound)
    check_security(eps_sec=eps_sec, eps_cor=eps_cor, f_ec=f_ec)
    check_range(0.0, 1.0, "give a fraction, not percent", efficiency_mismatch=efficiency_mismatch)
    check_range(1e-9, 1.0 - 1e-9, "leave a share for each part", estimate_share=estimate_share)


def bbm92_key_length(
    *,
    n_z: ArrayLike,
    n_x: ArrayLike,
    errors_z: ArrayLike,
    errors_x: ArrayLike,
    eps_sec: ArrayLike,
    eps_cor: ArrayLike,
    f_ec: ArrayLike,
    bound: str,
    efficiency_mismatch: ArrayLike = 0.0,
    estimate_share: ArrayLike = 0.5,
) -> Bbm92Key:
    """Return the length of a BBM92 key from both bases.

    Parameters
    ----------
    n_z, n_x : array_like
        Sifted bits in each basis.
    errors_z, errors_x : array_like
        Errors among them.
    eps_sec, eps_cor : array_like
        Failure probabilities of secrecy and correctness, of the key of each basis.
    f_ec : array_like
        Inefficiency of error correction.
    bound : {"yin2020", "tomamichel2012", "lim2021", "hypergeometric", "projected", "asymptotic"}
        Proof, see the notes.
    efficiency_mismatch : array_like
        Relative difference of the detector efficiencies.
    estimate_share : array_like
        Share of eps_sec that goes to the estimate of the phase errors, see `split_of`.

    Returns
    -------
    Bbm92Key
        Broadcast over all arguments.

    Raises
    ------
    ValueError
        For an unknown bound, counts below 0, more errors than bits, or parameters out of range.

    Notes
    -----
    "yin2020": Yin et al., Nature 582, 501 (2020), as printed; its deviation compares the sample with the whole and
    takes eps = eps_sec, so it proves nothing about the rest alone. Which count is in its numerator is not
    clear in print; by Serfling's corollary it is the size of the key.
    "tomamichel2012": theorem 2 of Tomamichel, Lim, Gisin, Renner, Nat. Commun. 3, 634 (2012), preparation quality 1,
    with the error rate that was seen in place of a tolerated one.
    "lim2021": the same with the two-step deviation of Lim, Xu, Pan, Ekert, Phys. Rev. Lett. 126, 100501 (2021); their
    own protocol, with both bases in one block, is `sampled_key_length`.
    "hypergeometric": the same with the exact tail, see `satqkd.key.proofs.sampling.hypergeometric_key_errors`. Counts
    that are not whole numbers are rounded to the bad side.
    "projected": the exact tail, the failure of the estimate paid once in place of twice, the patterns of phase errors
    counted, and detectors that differ within the estimate; `docs/proofs.md`.
    "asymptotic": n [1 - h(E) - f h(E')], no failure probability.

    Errors do not show a blind or weak detector: `satqkd.key.checked_assumptions` compares the counts by outcome with
    what the proofs assume.

    Examples
    --------
    >>> security = {"eps_sec": 1e-10, "eps_cor": 1e-10, "f_ec": 1.16}
    >>> key = bbm92_key_length(n_z=1900, n_x=1900, errors_z=80, errors_x=90, **security, bound="projected")
    >>> round(key.length.item())
    334
    """
    _check(bound, eps_sec, eps_cor, f_ec, efficiency_mismatch, estimate_share)
    check_errors(errors=errors_z, detections=n_z, names=("errors_z", "n_z"))
    check_errors(errors=errors_x, detections=n_x, names=("errors_x", "n_x"))
    n_z, n_x, errors_z, errors_x = np.broadcast_arrays(n_z, n_x, errors_z, errors_x)
    split = split_of(bound, eps_sec=eps_sec, eps_cor=eps_cor, estimate_share=estimate_share)
    common = {"f_ec": f_ec, "efficiency_mismatch": efficiency_mismatch}
    hash_bits = np.log2(2.0 / np.asarray(eps_cor))
    z = _block_key(
        bound, split, hash_bits, n_key=n_z, errors_key=errors_z, n_sample=n_x, errors_sample=errors_x, **common
    )
    x = _block_key(
        bound, split, hash_bits, n_key=n_x, errors_key=errors_x, n_sample=n_z, errors_sample=errors_z, **common
    )
    return Bbm92Key(bound, split, z, x)


def sampled_key_length(
    *,
    n_sifted: ArrayLike,
    errors: ArrayLike,
    n_sample: ArrayLike,
    eps_sec: ArrayLike,
    eps_cor: ArrayLike,
    f_ec: ArrayLike,
    bound: str,
    efficiency_mismatch: ArrayLike = 0.0,
    estimate_share: ArrayLike = 0.5,
) -> SampledKey:
    """Return the length of a BBM92 key with both bases in one block, of which a random sample is disclosed.

    Parameters
    ----------
    n_sifted : array_like
        Sifted bits of both bases together.
    errors : array_like
        Errors among them; the sample has its share.
    n_sample : array_like
        Bits disclosed, chosen at random from all; the rest becomes key.
    eps_sec, eps_cor, f_ec, bound, efficiency_mismatch, estimate_share
        As in `bbm92_key_length`, for the one key.

    Returns
    -------
    SampledKey
        Broadcast over all arguments.

    Raises
    ------
    ValueError
        As `bbm92_key_length`; and for a sample larger than the block.

    Notes
    -----
    Protocol of Lim, Xu, Pan, Ekert, Phys. Rev. Lett. 126, 100501 (2021), where the verification hash has
    log2(1/eps_cor) bits. Both bases have to be chosen with the same probability: only then do errors in the measured
    basis tell those in the other one.

    Examples
    --------
    >>> security = {"eps_sec": 1e-10, "eps_cor": 1e-10, "f_ec": 1.16}
    >>> key = sampled_key_length(n_sifted=20_000, errors=400, n_sample=8000, **security, bound="lim2021")
    >>> round(key.length.item())
    5222
    """
    _check(bound, eps_sec, eps_cor, f_ec, efficiency_mismatch, estimate_share)
    check_errors(errors=errors, detections=n_sifted, names=("errors", "n_sifted"))
    check_errors(errors=n_sample, detections=n_sifted, names=("n_sample", "n_sifted"))
    n_sifted, errors, n_sample = np.broadcast_arrays(n_sifted, errors, n_sample)
    seen = error_rate(errors, n_sifted)
    split = split_of(bound, eps_sec=eps_sec, eps_cor=eps_cor, estimate_share=estimate_share)
    n_key = n_sifted - n_sample
    block = _block_key(
        bound,
        split,
        -np.log2(eps_cor),
        n_key=n_key,
        errors_key=seen * n_key,
        n_sample=n_sample,
        errors_sample=seen * n_sample,
        f_ec=f_ec,
        efficiency_mismatch=efficiency_mismatch,
    )
    return SampledKey(bound, split, n_sample, block)


def qber_threshold(
    *,
    n_z: float,
    n_x: float,
    eps_sec: float,
    eps_cor: ArrayLike,
    f_ec: ArrayLike,
    bound: str,
    efficiency_mismatch: ArrayLike = 0.0,
) -> float:
    """Return the error rate, equal in both bases, up to which either basis gives a key.

    Parameters
    ----------
    n_z, n_x : float
        Sifted bits in each basis.
    eps_sec, eps_cor, f_ec, bound, efficiency_mismatch
        As in `bbm92_key_length`.

    Returns
    -------
    float
        Highest QBER at which there is still key in a basis.

    Raises
    ------
    ValueError
        When these counts give no key even without errors; else as in `bbm92_key_length`.

    Examples
    --------
    >>> security = {"eps_sec": 1e-10, "eps_cor": 1e-10, "f_ec": 1.16}
    >>> round(qber_threshold(n_z=1900, n_x=1900, **security, bound="projected"), 4)
    0.0542
    """
    from scipy.optimize import brentq  # slow to import, and every start of Snakemake imports this module

    common = {"eps_sec": eps_sec, "eps_cor": eps_cor, "f_ec": f_ec, "efficiency_mismatch": efficiency_mismatch}

    def longest(qber: float) -> float:
        key = bbm92_key_length(n_z=n_z, n_x=n_x, errors_z=qber * n_z, errors_x=qber * n_x, bound=bound, **common)
        return float(np.maximum(key.z.unfloored, key.x.unfloored))

    if longest(0.0) <= 0.0:
        raise ValueError(
            f"n_z={n_z:g} and n_x={n_x:g} give no key even without errors at eps_sec={eps_sec:g}: "
            "collect more bits or allow a larger eps_sec"
        )
    return brentq(longest, 0.0, 0.5, xtol=1e-12)
