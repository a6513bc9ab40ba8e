"""Stage 6: is it entangled?"""

import numpy as np
import xarray as xr

from satqkd.bell.chsh import chsh, fidelity_from_visibilities
from satqkd.dataset import label, variable
from satqkd.scenario import Scenario


def bell_test(scenario: Scenario, coincidence: xr.Dataset) -> xr.Dataset:
    """CHSH test of the coincidences that are for it, and the fidelity from those in two bases.

    Parameters
    ----------
    scenario : Scenario
    coincidence : xarray.Dataset
        Result of stage 4, of an entangled source.

    Returns
    -------
    xarray.Dataset
        E, its error and counts by setting; S, sigma, p_value; visibility by basis, contrast and fidelity.
    """
    names = list(coincidence.measurement_name.values)
    data = xr.Dataset()
    if "bell" in names:
        _chsh(data, coincidence.isel(measurement=names.index("bell")))
    bases = [name for name in names if name != "bell"]
    if bases:
        _visibilities(data, coincidence.isel(measurement=names.index(bases[0])))
    data.attrs["run"] = coincidence.attrs["run"]
    return label(data, "bell", scenario, coincidence.attrs["seed"])


def _chsh(data: xr.Dataset, counted: xr.Dataset) -> None:
    counts = counted.counts.values.reshape(4, 4)
    # The intended state fixes the signs before the first trial.
    signs = np.sign(counted.ideal_correlation.values).ravel().astype(int)
    result = chsh(counts, signs=tuple(signs))
    data["counts"] = variable(("setting", "outcome"), counts, "1", "coincidences by setting and outcome ++, +-, -+, --")
    data["e"] = variable("setting", result.e, "1", "correlation")
    data["e_sigma"] = variable("setting", result.e_sigma, "1", "its Poisson standard deviation")
    data["ideal"] = variable("setting", counted.ideal_correlation.values.ravel(), "1", "correlation of the ideal state")
    data["sign"] = variable("setting", signs, "1", "sign of the setting in S")
    for name, value, text in [
        ("s", result.s, "CHSH sum"),
        ("sigma", result.sigma, "its standard deviation"),
        ("p_value", result.p_value, "highest probability under local realism"),
        ("n_sigma", result.n_sigma, "standard deviations above 2"),
        ("trials", result.trials, "coincidences in all settings"),
    ]:
        data[name] = variable((), value, "1", text)


def _visibilities(data: xr.Dataset, counted: xr.Dataset) -> None:
    counts = counted.counts.values[[0, 1], [0, 1]]
    equal, unequal = counts[:, 0, 0] + counts[:, 1, 1], counts[:, 0, 1] + counts[:, 1, 0]
    right = np.where(np.diag(counted.ideal_correlation.values) > 0, equal, unequal)
    total = equal + unequal
    visibility = 2 * right / total - 1
    sigma = np.sqrt((1 - visibility**2) / total)
    fidelity = fidelity_from_visibilities(*visibility, sigma_z=sigma[0], sigma_x=sigma[1])
    data["basis_counts"] = variable(
        ("basis", "alice_outcome", "bob_outcome"), counts, "1", "coincidences in equal bases"
    )
    data["visibility"] = variable("basis", visibility, "1", "visibility of the correlation")
    data["visibility_sigma"] = variable("basis", sigma, "1", "its standard deviation")
    data["fidelity"] = variable((), fidelity.lower_bound, "1", "lower bound on the fidelity with the Bell state")
    data["fidelity_sigma"] = variable((), fidelity.sigma, "1", "its standard deviation")


def observables(data: xr.Dataset) -> dict[str, tuple[float, str]]:
    """What the Bell test says that a publication can be held against: name to (value, unit)."""
    result = {}
    if "s" in data:
        result |= {
            "chsh_s": (float(data.s), "1"),
            "bell_trials": (float(data.trials), "1"),
            "bell_violation": (float(data.n_sigma), "standard deviations"),
        }
    if "fidelity" in data:
        visibility = float(data.visibility[1])
        result |= {
            "fidelity": (float(data.fidelity), "1"),
            "contrast_diagonal": ((1 + visibility) / (1 - visibility), "ratio to 1"),
            "equal_basis_coincidences": (float(data.basis_counts.sum()), "1"),
        }
    return result
