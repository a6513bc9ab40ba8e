"""Key lengths that a laboratory claims if it leaves a countermeasure out; stage 5 gives all other lengths."""

import numpy as np
import xarray as xr

from satqkd.key.proofs.bbm92 import bbm92_key_length
from satqkd.scenario import Scenario
from satqkd.scenario.hostile import InterceptResend, PhotonNumberSplitting

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
        (n_z, n_x), (errors_z, errors_x) = key.sifted.values[0], key.errors.values[0]
        return {
            f"{proof} of single photons": float(
                bbm92_key_length(
                    n_z=n_z,
                    n_x=n_x,
                    errors_z=errors_z,
                    errors_x=errors_x,
                    eps_sec=scenario.key.eps_sec,
                    eps_cor=scenario.key.eps_cor,
                    f_ec=scenario.key.f_ec,
                    bound=proof,
                ).length
            )
            for proof in reversed(PAIR_PROOFS)
        }
    lengths = {str(bound): float(bits) for bound, bits in zip(key.bound.values, key.length.values, strict=True)}
    own = scenario.key.bound
    return {own: lengths.pop(own)} | lengths


def sifted_bits(key: xr.Dataset) -> tuple[int, int]:
    """Return the sifted bits that become key, and the errors among them; of pulses those of the signal.

    Examples
    --------
    >>> sifted_bits(xr.Dataset({"sifted": ("basis", [60, 40]), "errors": ("basis", [1, 2])}))
    (100, 3)
    """
    sifted, errors = (np.atleast_2d(key[name].values)[0] for name in ("sifted", "errors"))
    return int(sifted.sum()), int(errors.sum())
