"""Length of an entanglement-based key (BBM92), both bases giving key, under named proofs.

The phase errors of the key from one basis are bounded by the bit errors seen in the other. Each basis gives a key of
its own with the failure probabilities stated; the two together are secret and correct up to twice these.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from satqkd.key.entropy import (
    binary_entropy,
    check_errors,
    check_range,
    check_security,
    error_rate,
    leak_ec_bits,
    named_bound,
    serfling_deviation,
    serfling_key_deviation,
)


@dataclass(frozen=True)
class Bbm92BasisKey:
    """Account of the key from one basis; arrays of the shape of the counts, bits unless said otherwise.

    Attributes
    ----------
    n_sifted : array_like
        Sifted bits n.
    qber : array_like
        Their error rate.
    phase_error : array_like
        Bound on their phase error rate, at most one half.
    privacy : array_like
        n h(phase_error), what an eavesdropper may know.
    leak_ec : array_like
        What error correction discloses.
    security : array_like
        Price of the failure probabilities.
    unfloored : array_like
        n - privacy - leak_ec - security; negative where there is no key.
    length : array_like
        The same, not below 0.
    """

    n_sifted: np.ndarray
    qber: np.ndarray
    phase_error: np.ndarray
    privacy: np.ndarray
    leak_ec: np.ndarray
    security: np.ndarray
    unfloored: np.ndarray
    length: np.ndarray


@dataclass(frozen=True)
class Bbm92Key:
    """Length of the key under one bound, and the account of each basis.

    Attributes
    ----------
    bound : str
        Name of the proof.
    z, x : Bbm92BasisKey
        Key from the Z and from the X basis.
    """

    bound: str
    z: Bbm92BasisKey
    x: Bbm92BasisKey

    @property
    def length(self):
        """Secret bits of both bases; a basis without key adds nothing."""
        return self.z.length + self.x.length

    @property
    def leak_ec(self):
        """Bits disclosed by error correction in both bases."""
        return self.z.leak_ec + self.x.leak_ec


@dataclass(frozen=True)
class _Proof:
    deviation: Callable
    security: Callable


def _composed_security_bits(eps_sec, eps_cor):
    return np.log2(2.0 / eps_cor) - 2.0 * np.log2(eps_sec)


def _yin2020_deviation(n_key, n_sample, eps_sec):
    return serfling_deviation(n_key, n_sample, eps=eps_sec)


def _tomamichel2012_deviation(n_key, n_sample, eps_sec):
    # Smoothing takes 2 eps and hashing the other half of eps_sec, so eps = eps_sec / 4; a tail of eps^2 smooths by eps.
    return serfling_key_deviation(n_key, n_sample, eps=(eps_sec / 4.0) ** 2)


def _none(first, second, eps_sec=None):
    return 0.0


_PROOFS = {
    "yin2020": _Proof(_yin2020_deviation, _composed_security_bits),
    "tomamichel2012": _Proof(_tomamichel2012_deviation, _composed_security_bits),
    "asymptotic": _Proof(_none, _none),
}


def mismatched_phase_error(error_rate, efficiency_mismatch):
    r"""Phase error rate when detector efficiencies differ, :math:`E / (1 - \Delta)`, at most one half.

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
    """
    return np.minimum(np.asarray(error_rate) * (1.0 + np.asarray(efficiency_mismatch)) ** 2, 0.5)


def _basis_key(proof, *, n_key, errors_key, n_sample, errors_sample, eps_sec, eps_cor, f_ec, efficiency_mismatch):
    """Key from one basis, n [1 - h(phase error)] - leak - security."""
    qber = np.minimum(error_rate(errors_key, n_key), 0.5)
    error_bound = error_rate(errors_sample, n_sample) + proof.deviation(n_key, n_sample, eps_sec)
    phase_error = mismatched_phase_error(error_bound, efficiency_mismatch)
    privacy = n_key * binary_entropy(phase_error)
    leak_ec = leak_ec_bits(n_key, qber, f_ec=f_ec)
    security = proof.security(eps_sec, eps_cor)
    unfloored = n_key - privacy - leak_ec - security
    return Bbm92BasisKey(n_key, qber, phase_error, privacy, leak_ec, security, unfloored, np.maximum(unfloored, 0.0))


def bbm92_key_length(*, n_z, n_x, errors_z, errors_x, eps_sec, eps_cor, f_ec, bound, efficiency_mismatch=0.0):
    """Secret key length of BBM92 with key from both bases.

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
    bound : {"yin2020", "tomamichel2012", "asymptotic"}
        Proof, see the notes.
    efficiency_mismatch : array_like
        Relative difference of the detector efficiencies.

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
    takes eps = eps_sec, so it is no proof for the rest alone. Which count stands in its numerator is not clear in
    print; Serfling's corollary says the size of the key.
    "tomamichel2012": theorem 2 of Tomamichel, Lim, Gisin, Renner, Nat. Commun. 3, 634 (2012), preparation quality 1,
    with the error rate that was seen in place of a tolerated one.
    "asymptotic": n [1 - h(E) - f h(E')], no failure probability.
    """
    proof = named_bound(_PROOFS, bound)
    check_security(eps_sec=eps_sec, eps_cor=eps_cor, f_ec=f_ec)
    check_range(0.0, 1.0, "give a fraction, not percent", efficiency_mismatch=efficiency_mismatch)
    check_errors(errors=errors_z, detections=n_z, names=("errors_z", "n_z"))
    check_errors(errors=errors_x, detections=n_x, names=("errors_x", "n_x"))
    n_z, n_x, errors_z, errors_x = np.broadcast_arrays(n_z, n_x, errors_z, errors_x)
    common = {"eps_sec": eps_sec, "eps_cor": eps_cor, "f_ec": f_ec, "efficiency_mismatch": efficiency_mismatch}
    key_z = _basis_key(proof, n_key=n_z, errors_key=errors_z, n_sample=n_x, errors_sample=errors_x, **common)
    key_x = _basis_key(proof, n_key=n_x, errors_key=errors_x, n_sample=n_z, errors_sample=errors_z, **common)
    return Bbm92Key(bound, key_z, key_x)


def qber_threshold(*, n_z, n_x, eps_sec, eps_cor, f_ec, bound, efficiency_mismatch=0.0):
    """Error rate, the same in both bases, up to which either basis gives a key.

    Parameters
    ----------
    n_z, n_x : float
        Sifted bits in each basis.
    eps_sec, eps_cor, f_ec, bound, efficiency_mismatch
        As in `bbm92_key_length`.

    Returns
    -------
    float
        QBER at which the last key vanishes.

    Raises
    ------
    ValueError
        When these counts give no key even without errors; else as in `bbm92_key_length`.
    """
    common = {"eps_sec": eps_sec, "eps_cor": eps_cor, "f_ec": f_ec, "efficiency_mismatch": efficiency_mismatch}

    def longest(qber):
        key = bbm92_key_length(n_z=n_z, n_x=n_x, errors_z=qber * n_z, errors_x=qber * n_x, bound=bound, **common)
        return float(np.maximum(key.z.unfloored, key.x.unfloored))

    if longest(0.0) <= 0.0:
        raise ValueError(
            f"n_z={n_z:g} and n_x={n_x:g} give no key even without errors at eps_sec={eps_sec:g}: "
            "collect more bits or allow a larger eps_sec"
        )
    return brentq(longest, 0.0, 0.5, xtol=1e-12)
