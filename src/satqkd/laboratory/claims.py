"""Key lengths that a laboratory claims if it leaves a countermeasure out; stage 5 gives all other lengths."""

import numpy as np
import xarray as xr

from satqkd.key.proofs.bbm92 import Bbm92Key, bbm92_key_length
from satqkd.scenario import Scenario
from satqkd.scenario.hostile import InterceptResend, PhotonNumberSplitting, UnbalancedSettings

PAIR_PROOFS = ("asymptotic", "tomamichel2012", "hypergeometric")


def claimed_lengths(scenario: Scenario, key: xr.Dataset) -> dict[str, float]:
    """Return the key length that a laboratory claims, by name of the proof or of what it takes for one [bit].

    Parameters
    ----------
    scenario : Scenario
        With an attack, whose countermeasure is in place or not.
    key : xarray.Dataset
        Result of stage 5.

    Examples
    --------
    >>> from satqkd.laboratory.experiments import EXPERIMENTS
    >>> scenario = EXPERIMENTS["intercept_resend"].scenario("none", 0.5)
    >>> counts = {"sifted": ("basis", [1000, 1000]), "errors": ("basis", [10, 10])}
    >>> key = xr.Dataset(counts | {"leak_ec": ("bound", [200.0])}, {"bound": ["asymptotic"], "basis": ["z", "x"]})
    >>> claimed_lengths(scenario, key)
    {'without privacy amplification': 1800.0}
    """
    attack = scenario.attack
    if isinstance(attack, InterceptResend) and not attack.privacy_amplification:
        bits = float(key.sifted.sum()) - float(key.leak_ec.sel(bound="asymptotic"))
        return {"without privacy amplification": max(bits, 0.0)}
    if isinstance(attack, PhotonNumberSplitting) and not attack.decoys:
        claims = pair_lengths(scenario, sifted=key.sifted.values[0], errors=key.errors.values[0])
        return {f"{proof} of single photons": float(claim.length) for proof, claim in claims.items()}
    if isinstance(attack, UnbalancedSettings) and not attack.errors_by_basis:
        # Each basis holds all bits, and the key is that of one: the error rate of all is the phase error rate of all.
        sifted, errors = (np.full(2, bits) for bits in sifted_bits(key))
        claims = pair_lengths(scenario, sifted=sifted, errors=errors)
        return {f"{proof} of one error rate": float(claim.z.length) for proof, claim in claims.items()}
    lengths = {str(bound): float(bits) for bound, bits in zip(key.bound.values, key.length.values, strict=True)}
    own = scenario.key.bound
    return {own: lengths.pop(own)} | lengths


def pair_lengths(scenario: Scenario, *, sifted: np.ndarray, errors: np.ndarray) -> dict[str, Bbm92Key]:
    """Return the key of single photons by name of the proof, of the tightest one first.

    Parameters
    ----------
    scenario : Scenario
    sifted, errors : ndarray, shape (basis,)

    Examples
    --------
    >>> from satqkd.laboratory.experiments import EXPERIMENTS
    >>> scenario = EXPERIMENTS["unbalanced_settings"].scenario("none", 1.0)
    >>> claims = pair_lengths(scenario, sifted=np.array([18_000, 2000]), errors=np.array([0, 1000]))
    >>> [float(claim.length) for claim in claims.values()]
    [0.0, 0.0, 0.0]
    """
    return {
        proof: bbm92_key_length(
            n_z=sifted[0],
            n_x=sifted[1],
            errors_z=errors[0],
            errors_x=errors[1],
            eps_sec=scenario.key.eps_sec,
            eps_cor=scenario.key.eps_cor,
            f_ec=scenario.key.f_ec,
            bound=proof,
        )
        for proof in reversed(PAIR_PROOFS)
    }


def sifted_bits(key: xr.Dataset) -> tuple[int, int]:
    """Return the sifted bits that become key, and the errors among them; of pulses those of the signal.

    Examples
    --------
    >>> sifted_bits(xr.Dataset({"sifted": ("basis", [60, 40]), "errors": ("basis", [1, 2])}))
    (100, 3)
    """
    sifted, errors = (np.atleast_2d(key[name].values)[0] for name in ("sifted", "errors"))
    return int(sifted.sum()), int(errors.sum())
