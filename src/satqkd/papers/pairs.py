"""Figures of entangled pairs: counts in equal bases, the Bell test, and key against the error rate."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.constants import c

from satqkd.key import bbm92_key_length
from satqkd.papers.results import Results, mean_and_sigma

SETTINGS = ("a1 b1", "a1 b2", "a2 b1", "a2 b2")
OUTCOMES = {"H/V": ("HH", "HV", "VH", "VV"), "diagonal": ("++", "+-", "-+", "--")}
QBER_GRID = np.linspace(0.0, 0.12, 241)


def correlations(results: Results) -> pd.DataFrame:
    """Return the correlation at the four settings of the Bell test.

    Columns: setting, sign (in S), ideal, e and e_sigma (mean and scatter of the runs), e_poisson (a run's own standard
    deviation), trials (mean of the runs).
    """
    first = next(results.each("bell", "ideal", "sign"))
    mean, sigma = mean_and_sigma(results.stacked("bell", "e"))
    return pd.DataFrame(
        {
            "setting": SETTINGS,
            "sign": first.sign.values,
            "ideal": first.ideal.values,
            "e": mean,
            "e_sigma": sigma,
            "e_poisson": results.stacked("bell", "e_sigma").mean(axis=0),
            "trials": results.stacked("bell", "counts").sum(axis=2).mean(axis=0),
        }
    )


def chsh_of(table: pd.DataFrame) -> tuple[float, float]:
    """Return S of mean `correlations`, and the standard deviation of one run's S."""
    return float((table.sign * table.e).sum()), float(np.sqrt((table.e_poisson**2).sum()))


def basis_counts(results: Results) -> pd.DataFrame:
    """Return the coincidences in equal bases.

    Columns: basis, outcome, counts and counts_sigma (mean and scatter of the runs), share and share_sigma of those in
    the basis, right (whether the intended state gives it).
    """
    counts = results.stacked("bell", "basis_counts").reshape(len(results.runs), 2, 4).astype(float)
    (mean, sigma), (share, share_sigma) = (
        mean_and_sigma(values) for values in (counts, counts / np.maximum(counts.sum(axis=2, keepdims=True), 1))
    )
    parallel = mean[:, [0, 3]].sum(axis=1) > mean[:, [1, 2]].sum(axis=1)
    return pd.DataFrame(
        {
            "basis": np.repeat(list(OUTCOMES), 4),
            "outcome": np.concatenate(list(OUTCOMES.values())),
            "counts": mean.ravel(),
            "counts_sigma": sigma.ravel(),
            "share": share.ravel(),
            "share_sigma": share_sigma.ravel(),
            "right": (np.array([True, False, False, True]) == parallel[:, None]).ravel(),
        }
    )


def visibilities(table: pd.DataFrame) -> np.ndarray:
    """Return the visibility of the `basis_counts` of all runs together, by basis."""
    right, total = ((table.counts * which).groupby(table.basis).sum() for which in (table.right, 1))
    return (2 * right / total - 1).reindex(list(OUTCOMES)).to_numpy()


def space_time(results: Results) -> pd.DataFrame:
    """Return a trial of the Bell test at the second at which the paths differ most, one row for each station.

    Columns: station, place_km (along the baseline), satellite_km (the same for the emission), path_km, arrival_us,
    first_choice_us, last_choice_us, measurement_us (all after the emission), baseline_km.
    """
    names = ("first_choice_time", "last_choice_time", "measurement_time", "along_baseline", "baseline")
    bell = next(results.each("bell", *names))
    shown = bell.isel(time=bell.session_number.values == results.orbit.attrs["showcase"])
    path_m = results.orbit.range.sel(time=shown.time).values
    which = int(np.argmax(np.abs(path_m[:, 0] - path_m[:, 1])))
    trial, baseline_km = shown.isel(time=which), float(bell.baseline) / 1e3
    events = {f"{name.removesuffix('_time')}_us": trial[name].values * 1e6 for name in names[:3]}
    return pd.DataFrame(
        {
            "station": trial.station.values,
            "place_km": [0.0, baseline_km],
            "satellite_km": float(trial.along_baseline) / 1e3,
            "path_km": path_m[which] / 1e3,
            "arrival_us": path_m[which] / c * 1e6,
        }
        | events
        | {"baseline_km": baseline_km}
    )


def key_rates(results: Results) -> pd.DataFrame:
    """Return the secret key rate against the error rate, for the sifted bits of each run.

    Columns: kind ("curve": any error rate, mean of the runs; "run": a run and its own error rate), qber, finite and
    finite_sigma, asymptotic and asymptotic_sigma [bit/s].
    """
    key = results.scenario.key
    proof = {"eps_sec": key.eps_sec, "eps_cor": key.eps_cor, "f_ec": key.f_ec}
    proof["efficiency_mismatch"] = key.efficiency_mismatch
    curves, points = [], []
    for data in results.each("key", "sifted", "errors", "duration"):
        n, wrong = data.sifted.values, data.errors.values

        def rates(z: np.ndarray, x: np.ndarray, n: Any = n, seconds: float = float(data.duration)) -> Any:
            counts = {"n_z": n[0], "n_x": n[1], "errors_z": z, "errors_x": x}
            return [bbm92_key_length(**counts, bound=b, **proof).length / seconds for b in (key.bound, "asymptotic")]

        curves.append(rates(QBER_GRID * n[0], QBER_GRID * n[1]))
        points.append([wrong.sum() / n.sum() if n.any() else np.nan, *rates(*wrong)])
    (finite, asymptotic), (finite_sigma, asymptotic_sigma) = mean_and_sigma(np.array(curves, float))
    curve = pd.DataFrame(
        {
            "kind": "curve",
            "qber": QBER_GRID,
            "finite": finite,
            "finite_sigma": finite_sigma,
            "asymptotic": asymptotic,
            "asymptotic_sigma": asymptotic_sigma,
        }
    )
    runs = pd.DataFrame(np.array(points, float), columns=["qber", "finite", "asymptotic"]).assign(kind="run")
    return pd.concat([curve, runs], ignore_index=True)


def threshold(table: pd.DataFrame) -> float:
    """Return the error rate at which the finite key of `key_rates` vanishes [1]."""
    curve = table[table.kind == "curve"]
    positive = curve[curve.finite > 0]
    return float(positive.qber.max()) if len(positive) else np.nan
