"""Stage 6: is it entangled?"""

import numpy as np
import xarray as xr
from scipy.constants import c

from satqkd.bell.chsh import Chsh, Fidelity, chsh, correlation, fidelity_from_visibilities, qber_from_s
from satqkd.bell.locality import along_baseline_m, separations_s, trial_timing
from satqkd.dataset import label, variable
from satqkd.scenario import Recorded, Scenario
from satqkd.scenario.mission import Detection

FREEDOM_OF_CHOICE = ("emission, choice a", "emission, choice b")


def bell_test(scenario: Scenario | Recorded, coincidence: xr.Dataset, orbit: xr.Dataset | None = None) -> xr.Dataset:
    """Run the CHSH test, the locality analysis and the fidelity estimate on the coincidences measured for them.

    Parameters
    ----------
    scenario : Scenario or Recorded
    coincidence : xarray.Dataset
        Result of stage 4, of an entangled source.
    orbit : xarray.Dataset, optional
        Result of stage 1, for the locality of a Bell test; the scenario has to give `measurement_delay_ns` as well.

    Returns
    -------
    xarray.Dataset
        E, its error and counts by setting; S, sigma, p_value; separation of the events of a trial by second;
        visibility by basis, contrast and fidelity. Nan where a setting or a basis has no coincidence.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> dims = ("measurement", "alice_setting", "bob_setting")
    >>> counts = [30, 5, 4, 31, 29, 6, 5, 30, 31, 4, 5, 30, 4, 31, 30, 5]
    >>> counted = xr.Dataset(
    ...     {
    ...         "counts": ((*dims, "alice_outcome", "bob_outcome"), np.reshape(counts, (1, 2, 2, 2, 2))),
    ...         "ideal_correlation": (dims, np.sqrt(0.5) * np.array([[[1, 1], [1, -1]]])),
    ...     },
    ...     coords={"measurement_name": ("measurement", ["bell"])},
    ...     attrs={"run": 1, "seed": 1},
    ... )
    >>> bell = bell_test(load_scenario("yin2017"), counted)
    >>> round(float(bell.s), 2), round(float(bell.sigma), 2)
    (2.91, 0.16)
    """
    names = list(coincidence.measurement_name.values)
    data = xr.Dataset()
    if "bell" in names:
        data = xr.Dataset(_chsh(coincidence, names.index("bell"), known_settings=scenario.turned))
        if orbit is not None and scenario.detection.measurement_delay_ns is not None:
            _locality(data, scenario.detection, orbit)
    bases = [name for name in names if name != "bell"]
    if bases:
        data = data.assign(_visibilities(coincidence, names.index(bases[0])))
    data.attrs["run"] = coincidence.attrs["run"]
    return label(data, "bell", scenario, coincidence.attrs["seed"])


def _chsh(coincidence: xr.Dataset, measurement: int, *, known_settings: bool) -> dict[str, xr.Variable]:
    """Return the variables of a CHSH test."""
    counts = coincidence.counts.values[measurement].reshape(4, 4)
    ideal = coincidence.ideal_correlation.values[measurement].ravel()
    # The intended state fixes the signs before the first trial.
    signs = np.sign(ideal).astype(int)
    result = chsh(counts, signs=tuple(signs)) if counts.any(axis=1).all() else _unfinished(counts)
    return {
        "counts": variable(("setting", "outcome"), counts, "1", "coincidences by setting and outcome ++, +-, -+, --"),
        "e": variable("setting", result.e, "1", "correlation"),
        "e_sigma": variable("setting", result.e_sigma, "1", "its Poisson standard deviation"),
        "ideal": variable("setting", ideal, "1", "correlation of the ideal state"),
        "sign": variable("setting", signs, "1", "sign of the setting in S"),
        "s": variable((), result.s, "1", "CHSH sum"),
        "sigma": variable((), result.sigma, "1", "its standard deviation"),
        # Settings that are known before the pairs come exclude no local model.
        "p_value": variable(
            (), 1.0 if known_settings else result.p_value, "1", "highest probability under local realism"
        ),
        "n_sigma": variable((), result.n_sigma, "1", "standard deviations above 2"),
        "trials": variable((), result.trials, "1", "coincidences in all settings"),
    }


def _unfinished(counts: np.ndarray) -> Chsh:
    """Return a CHSH test with a setting that has no coincidence: S is nan, and the p-value 1."""
    e, sigma = np.full((2, 4), np.nan)
    seen = counts.any(axis=1)
    e[seen], sigma[seen] = correlation(counts[seen])
    return Chsh(np.nan, np.nan, int(counts.sum()), 1.0, e, sigma)


def _locality(data: xr.Dataset, detection: Detection, orbit: xr.Dataset) -> None:
    used = orbit.isel(time=orbit.link_open.values)
    range_m, baseline_m = used.range.values, float(orbit.baseline)
    assert detection.measurement_delay_ns is not None
    timing = trial_timing(
        range_m,
        hold_s=1 / detection.switch_rate_hz if detection.switch_rate_hz else 0.0,
        random_number_delay_s=detection.random_number_delay_ns * 1e-9,
        measurement_delay_s=detection.measurement_delay_ns * 1e-9,
    )
    separations = separations_s(range_m, baseline_m=baseline_m, timing=timing)
    data["separation"] = variable(
        ("condition", "time"),
        np.stack(list(separations.values())),
        "s",
        "time by which two events lie outside each other's light cones, at the worst",
    )
    for name, text in (
        ("first_choice", "earliest time of the random event, after the emission"),
        ("last_choice", "latest time of the random event, after the emission"),
        ("measurement", "end of the measurement, after the emission"),
    ):
        data[f"{name}_time"] = variable(("time", "station"), getattr(timing, name), "s", text)
    data["along_baseline"] = variable(
        "time", along_baseline_m(range_m, baseline_m=baseline_m), "m", "place of the satellite along the baseline"
    )
    data["baseline"] = orbit.baseline
    data.coords.update(
        {
            "condition": list(separations),
            "time": used.time,
            "station": used.station,
            "session_number": used.session_number,
        }
    )
    data.attrs["showcase"] = orbit.attrs["showcase"]


def _visibilities(coincidence: xr.Dataset, measurement: int) -> dict[str, xr.Variable]:
    """Return the variables of visibility and fidelity in equal bases."""
    counts = coincidence.counts.values[measurement][[0, 1], [0, 1]]
    equal, unequal = counts[:, 0, 0] + counts[:, 1, 1], counts[:, 0, 1] + counts[:, 1, 0]
    right = np.where(np.diag(coincidence.ideal_correlation.values[measurement]) > 0, equal, unequal)
    total = equal + unequal
    visibility, sigma, fidelity = np.full(2, np.nan), np.full(2, np.nan), Fidelity(*np.full(4, np.nan))
    seen = total > 0
    visibility[seen] = 2 * right[seen] / total[seen] - 1
    sigma[seen] = np.sqrt((1 - visibility[seen] ** 2) / total[seen])
    if seen.all():
        fidelity = fidelity_from_visibilities(*visibility, sigma_z=sigma[0], sigma_x=sigma[1])
    return {
        "basis_counts": variable(("basis", "alice_outcome", "bob_outcome"), counts, "1", "coincidences in equal bases"),
        "visibility": variable("basis", visibility, "1", "visibility of the correlation"),
        "visibility_sigma": variable("basis", sigma, "1", "its standard deviation"),
        "fidelity_bound": variable(
            (), fidelity.lower_bound, "1", "lower bound on the fidelity with the Bell state, of any state"
        ),
        "fidelity_bound_sigma": variable((), fidelity.sigma, "1", "its standard deviation"),
        "fidelity_white_noise": variable(
            (), fidelity.white_noise, "1", "fidelity with the Bell state if all noise is white"
        ),
        "fidelity_white_noise_sigma": variable((), fidelity.white_noise_sigma, "1", "its standard deviation"),
    }


def observables(data: xr.Dataset) -> dict[str, tuple[float, str]]:
    """Return what a publication can be compared with: name to (value, unit).

    Examples
    --------
    >>> observables(xr.Dataset({"s": 2.4, "n_sigma": 4.5, "trials": 1167}))["bell_violation"]
    (4.5, 'standard deviations')
    """
    result: dict[str, tuple[float, str]] = {}
    if "s" in data:
        result |= {
            "chsh_s": (float(data.s), "1"),
            "bell_trials": (float(data.trials), "1"),
            "bell_violation": (float(data.n_sigma), "standard deviations"),
            "qber_of_s": (qber_from_s(float(data.s)), "1"),
        }
    if "separation" in data:
        free = data.condition.isin(FREEDOM_OF_CHOICE)
        margin_s = float(data.separation[~free].min())
        result |= {
            "locality_margin": (margin_s * 1e6, "us"),
            "locality_margin_distance": (margin_s * c / 1e3, "km"),
            "freedom_of_choice_margin": (float(data.separation[free].min()) * 1e6, "us"),
        }
    if "fidelity_bound" in data:
        visibility = float(data.visibility[1])
        perfect = np.inf if visibility == 1 else np.nan
        result |= {
            "fidelity_bound": (float(data.fidelity_bound), "1"),
            "fidelity_white_noise": (float(data.fidelity_white_noise), "1"),
            "contrast_diagonal": ((1 + visibility) / (1 - visibility) if visibility < 1 else perfect, "ratio to 1"),
            "equal_basis_coincidences": (float(data.basis_counts.sum()), "1"),
        }
    return result
