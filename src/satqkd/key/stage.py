"""Stage 5: how many secret bits? Error rates, and the length of the key under each proof."""

import numpy as np
import xarray as xr

from satqkd.dataset import label, variable
from satqkd.key.bbm92 import bbm92_key_length, qber_threshold
from satqkd.key.decoy import DecoyCounts, decoy_key_length
from satqkd.key.entropy import binary_entropy
from satqkd.scenario import INTENSITIES, Scenario

BOUNDS = {
    "entangled": ("asymptotic", "yin2020", "tomamichel2012"),
    "decoy": ("asymptotic", "lim2014", "chernoff", "tiangong2"),
}
# The failure probabilities for which a length is tabulated, besides the scenario's own.
EPS_GRID = 10.0 ** -np.arange(3, 16)


def proofs(scenario: Scenario) -> tuple[str, ...]:
    """The proofs that a scenario's source admits: the formulas of tiangong2 take a true vacuum only."""
    dim_vacuum = scenario.source.kind == "decoy" and scenario.source.mean_photon_numbers["vacuum"] > 0
    return tuple(bound for bound in BOUNDS[scenario.source.kind] if not (dim_vacuum and bound == "tiangong2"))


def distill(scenario: Scenario, coincidence: xr.Dataset) -> xr.Dataset:
    """Error rates and key lengths of what was sifted.

    Parameters
    ----------
    scenario : Scenario
    coincidence : xarray.Dataset
        Result of stage 4.

    Returns
    -------
    xarray.Dataset
        sifted, errors and qber by basis (and intensity), length(bound) at the scenario's failure probabilities with the
        account of its terms, and length_by_eps(bound, eps).
    """
    bounds = proofs(scenario)
    counted = _pulses(scenario, coincidence) if scenario.source.kind == "decoy" else _pairs(scenario, coincidence)
    data, length = counted
    keys = [length(bound, scenario.key.eps_sec, scenario.key.eps_cor) for bound in bounds]
    for name, text in [("length", "secret key"), ("leak_ec", "disclosed by error correction")]:
        data[name] = variable("bound", [float(getattr(key, name)) for key in keys], "bit", text)
    parts = [[getattr(key, basis) for basis in ("z", "x")] for key in keys]
    for name, units, text in [
        ("phase_error", "1", "bound on the phase error rate"),
        ("unfloored", "bit", "length before it is cut at zero"),
        ("security", "bit", "price of the failure probabilities"),
    ]:
        data[name] = variable(
            ("bound", "basis"), [[float(getattr(p, name)) for p in pair] for pair in parts], units, text
        )
    by_eps = [np.broadcast_to(length(bound, EPS_GRID, EPS_GRID).length, EPS_GRID.shape) for bound in bounds]
    data["length_by_eps"] = variable(
        ("bound", "eps"), by_eps, "bit", "secret key with both failure probabilities at eps"
    )
    data = data.assign_coords(bound=list(bounds), basis=["z", "x"], eps=EPS_GRID)
    data.attrs |= {
        "run": coincidence.attrs["run"],
        "compared_bound": scenario.key.bound,
        "f_ec": scenario.key.f_ec,
        "eps_sec": scenario.key.eps_sec,
        "eps_cor": scenario.key.eps_cor,
    }
    return label(data, "key", scenario, coincidence.attrs["seed"])


def _pairs(scenario: Scenario, coincidence: xr.Dataset):
    """Counts of the measurement that is for the key, else of the test of the state."""
    names = list(coincidence.measurement_name.values)
    which = names.index("key") if "key" in names else names.index("state")
    counts = coincidence.counts.values[which][[0, 1], [0, 1]]
    sign = np.diag(coincidence.ideal_correlation.values[which])
    equal, unequal = counts[:, 0, 0] + counts[:, 1, 1], counts[:, 0, 1] + counts[:, 1, 0]
    sifted, errors = equal + unequal, np.where(sign > 0, unequal, equal)
    data = _rates(("basis",), sifted, errors, float(coincidence.duration.values[which]))
    arguments = {
        "n_z": sifted[0],
        "n_x": sifted[1],
        "errors_z": errors[0],
        "errors_x": errors[1],
        "f_ec": scenario.key.f_ec,
        "efficiency_mismatch": scenario.key.efficiency_mismatch,
    }
    proof = {"eps_sec": scenario.key.eps_sec, "eps_cor": scenario.key.eps_cor, "bound": scenario.key.bound}
    fixed = {name: arguments[name] for name in ("n_z", "n_x", "f_ec", "efficiency_mismatch")}
    try:
        threshold = qber_threshold(**fixed, **proof)
    except ValueError:  # so few bits that not even errorless ones give key
        threshold = np.nan
    data["qber_threshold"] = variable((), threshold, "1", "error rate at which no key is left")
    return data, lambda bound, eps_sec, eps_cor: bbm92_key_length(
        **arguments, bound=bound, eps_sec=eps_sec, eps_cor=eps_cor
    )


def _pulses(scenario: Scenario, coincidence: xr.Dataset):
    counts = coincidence.counts.values[:, [0, 1], [0, 1]]
    sifted, errors = counts.sum(axis=(2, 3)), counts[:, :, 0, 1] + counts[:, :, 1, 0]
    data = _rates(("intensity_level", "basis"), sifted, errors, float(coincidence.duration.sum()))
    data["pulses"] = coincidence.pulses
    data.coords["intensity_name"] = ("intensity_level", list(INTENSITIES))
    source = scenario.source
    arguments = {
        "counts": DecoyCounts(
            detections_z=sifted[:, 0],
            detections_x=sifted[:, 1],
            errors_z=errors[:, 0],
            errors_x=errors[:, 1],
            pulses=coincidence.pulses.values,
        ),
        "mean_photon_numbers": source.mu,
        "intensity_probabilities": source.shares,
        "f_ec": scenario.key.f_ec,
        "key_basis": "both",
        "key_intensities": "signal",
        "intensity_fluctuation": source.intensity_fluctuation,
    }
    return data, lambda bound, eps_sec, eps_cor: decoy_key_length(
        **arguments, bound=bound, eps_sec=eps_sec, eps_cor=eps_cor
    )


def _rates(dims, sifted, errors, duration_s) -> xr.Dataset:
    with np.errstate(invalid="ignore", divide="ignore"):
        qber = errors / sifted
        sigma = np.sqrt(qber * (1 - qber) / sifted)
    return xr.Dataset(
        {
            "sifted": variable(dims, sifted, "bit", "sifted bits"),
            "errors": variable(dims, errors, "bit", "errors among them"),
            "qber": variable(dims, qber, "1", "quantum bit error rate"),
            "qber_sigma": variable(dims, sigma, "1", "its binomial standard deviation"),
            "duration": variable((), duration_s, "s", "open link"),
        }
    )


def observables(data: xr.Dataset) -> dict[str, tuple[float, str]]:
    """What the key says that a publication can be held against: name to (value, unit)."""
    duration = float(data.duration)
    compared = data.sel(bound=data.attrs["compared_bound"])
    length, leak = float(compared.length), float(compared.leak_ec)
    result = {
        "key_length": (length, "1"),
        "key_rate": (length / duration, "bit/s"),
        "asymptotic_key_rate": (float(data.length.sel(bound="asymptotic")) / duration, "bit/s"),
        "leak_ec": (leak, "1"),
    }
    if "pulses" in data:
        sifted, errors = data.sifted.values, data.errors.values
        pulses = data.pulses.values
        result |= {
            "key_per_pulse": (length / pulses.sum(), "1"),
            "leak_ec_per_pulse": (leak / pulses[0], "1"),
            "privacy_amplification_factor": (1 - float(np.mean(binary_entropy(compared.phase_error.values))), "1"),
            "qber": (errors[0].sum() / sifted[0].sum(), "1"),
        }
        return {name: (float(value), unit) for name, (value, unit) in result.items()}
    sifted, errors = data.sifted.values, data.errors.values
    return result | {
        "sifted_bits": (float(sifted.sum()), "1"),
        "sifted_errors": (float(errors.sum()), "1"),
        "sifted_rate": (float(sifted.sum()) / duration, "bit/s"),
        "qber": (float(errors.sum() / sifted.sum()), "1"),
        "qber_z": (float(data.qber[0]), "1"),
        "qber_x": (float(data.qber[1]), "1"),
        "qber_threshold": (float(data.qber_threshold), "1"),
    }
