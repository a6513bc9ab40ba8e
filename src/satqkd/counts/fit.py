"""Fit a bench to rows of a count table: pair rate, efficiencies, noise, dead time, error rates. Predict the others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import least_squares
from scipy.special import xlogy

from satqkd.coincidence.sifting import ideal_correlation
from satqkd.counts.table import CountTable, read_table
from satqkd.detection.dead_time import ready_share
from satqkd.key import sifted_pairs
from satqkd.result import Result
from satqkd.scenario import Counts
from satqkd.scenario.counts import CountedPairs

# Signs of a correlation by outcome of the first and of the second station.
SIGNS = np.array([[1.0, -1.0], [-1.0, 1.0]])
# Parameters in the order of the vector that is fitted: logarithms of rate and efficiencies, then the rest as they are.
RATE, EFFICIENCY, NOISE, DEAD_TIME, VISIBILITY = slice(0, 1), slice(1, 9), slice(9, 17), slice(17, 18), slice(18, 20)
SCALES = np.concatenate([np.ones(9), np.full(8, 1e3), [1e-8], np.full(2, 1e-2)])
# Relative deviation of the pair rate or an efficiency from which the rows do not determine the bench. Usual counts give
# them to a few parts in a thousand; where noise and pairs cannot be told apart, the deviation is above one.
LARGEST_DEVIATION = 0.1


@dataclass(frozen=True, repr=False)
class BenchFit(Result):
    """A bench as its counts show it, each value with its standard deviation from counting.

    Attributes
    ----------
    pair_rate_hz_per_mw, pair_rate_sigma : float
        Pairs for each milliwatt of pump [1/(s mW)], or [1/s] where the table has no power; see the notes.
    efficiency, efficiency_sigma : ndarray, shape (2, 4)
        Probability that a photon of the arm, before the loss that is set, clicks in a detector [1]. It includes the
        beam splitter, so that the four of a station add up to the efficiency of the arm.
    noise_hz, noise_sigma : ndarray, shape (2, 4)
        Dark counts and stray light of each detector [1/s].
    dead_time_s, dead_time_sigma : float
        Dead time of a detector after a click [s].
    error, error_sigma : ndarray, shape (2,)
        Error rate of the true pairs in Z and in X [1].
    deviance, freedom : float
        Poisson deviance of the rows fitted, and its expectation for a model that holds: the number of counts without
        that of the parameters.
    rows : tuple of int
        The rows fitted, from 1.
    parameters, covariance : ndarray, shape (20,) and (20, 20)
        The vector that was fitted, for predictions.

    Notes
    -----
    Counts do not tell which share of the true pairs lies outside the window: the pair rate is too large by that share,
    the efficiencies are too small by it, and no prediction depends on it.
    """

    pair_rate_hz_per_mw: float
    pair_rate_sigma: float
    efficiency: np.ndarray
    efficiency_sigma: np.ndarray
    noise_hz: np.ndarray
    noise_sigma: np.ndarray
    dead_time_s: float
    dead_time_sigma: float
    error: np.ndarray
    error_sigma: np.ndarray
    deviance: float
    freedom: int
    rows: tuple[int, ...]
    parameters: np.ndarray
    covariance: np.ndarray


@dataclass(frozen=True, repr=False)
class Settings(Result):
    """What is known of each row without its counts.

    Attributes
    ----------
    duration_s, window_s, pump_mw : ndarray, shape (row,)
        Acquisition time, full width of the window [s] and pump power [mW].
    transmittance : ndarray, shape (row, 2)
        Of the loss that is set in each arm [1].
    correlation_z, correlation_x : ndarray, shape (row, 2, 2)
        Parts of the ideal correlation that the visibilities in Z and in X multiply, by setting of either station.
    """

    duration_s: np.ndarray
    window_s: np.ndarray
    pump_mw: np.ndarray
    transmittance: np.ndarray
    correlation_z: np.ndarray
    correlation_x: np.ndarray


def settings_of(scenario: Counts, table: CountTable) -> Settings:
    r"""Return the settings of each row of a table of pairs.

    Notes
    -----
    The correlation of linear analysers at the angles a and b is :math:`T_z \cos 2a \cos 2b + T_x \sin 2a \sin 2b` for
    every mixture of Bell states, with the correlations :math:`T_z` and :math:`T_x` in H/V and in the diagonal basis.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> scenario = load_scenario("counts_example")
    >>> settings = settings_of(scenario, read_table(scenario))
    >>> settings.correlation_z[0].round(3).tolist()
    [[-1.0, -0.0], [-0.0, -0.0]]
    """
    assert isinstance(scenario.source, CountedPairs) and table.loss_db is not None
    angles = 2 * np.deg2rad([m.angles_deg for m in scenario.measurements])[table.measurement]
    turn = np.array([0.0, np.pi / 4])
    ideal_z, ideal_x = np.diag(ideal_correlation(scenario.source.bell_state, turn, turn))
    first, second = angles[:, 0, :, None], angles[:, 1, None, :]
    return Settings(
        duration_s=table.duration_s,
        window_s=table.window_s,
        pump_mw=np.ones_like(table.duration_s) if table.pump_mw is None else table.pump_mw,
        transmittance=10 ** (-table.loss_db / 10),
        correlation_z=ideal_z * np.cos(first) * np.cos(second),
        correlation_x=ideal_x * np.sin(first) * np.sin(second),
    )


def expected_counts(parameters: np.ndarray, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the expected counts of a bench, as a counter of each pair of detectors sees them.

    Parameters
    ----------
    parameters : ndarray, shape (20,)
        As in `BenchFit`.
    settings : Settings

    Returns
    -------
    singles : ndarray, shape (row, 2, 4)
    coincidences : ndarray, shape (row, 2, 2, 2, 2)
        By setting and outcome: (setting, setting, outcome, outcome).

    Notes
    -----
    A detector with n photons and dark counts per second is ready for :math:`r = 1/(1 + n\tau)` of the time (Knoll,
    Radiation Detection and Measurement, 4th ed., section 4.VII). Of the pairs that arrive at two detectors with the
    rate a, :math:`C = a (r_1 r_2 + C \tau)` are counted: where one pair made both dead, they are dead together. The
    accidental coincidences are :math:`(n_1 r_1 - C)(n_2 r_2 - C) w`: clicks of a counted pair have their partner.
    """
    rate, efficiency = np.exp(parameters[RATE]), np.exp(parameters[EFFICIENCY]).reshape(2, 4)
    noise, (dead_s,) = parameters[NOISE].reshape(2, 4), parameters[DEAD_TIME]
    visible_z, visible_x = parameters[VISIBILITY]
    pairs_hz = rate * settings.pump_mw
    seen = settings.transmittance[..., None] * efficiency
    arrivals_hz = pairs_hz[:, None, None] * seen + noise
    ready = ready_share(arrivals_hz, dead_s=dead_s)
    clicks_hz = arrivals_hz * ready
    correlation = visible_z * settings.correlation_z + visible_x * settings.correlation_x
    shares = 1 + correlation[..., None, None] * SIGNS
    arriving_hz = pairs_hz[:, None, None, None, None] * _by_outcome(seen) * shares
    true_hz = arriving_hz * _by_outcome(ready) / (1 - arriving_hz * dead_s)
    first = clicks_hz[:, 0].reshape(-1, 2, 1, 2, 1) - true_hz
    second = clicks_hz[:, 1].reshape(-1, 1, 2, 1, 2) - true_hz
    window_s, duration_s = (v[:, None, None, None, None] for v in (settings.window_s, settings.duration_s))
    return clicks_hz * settings.duration_s[:, None, None], (true_hz + first * second * window_s) * duration_s


def _by_outcome(values: np.ndarray) -> np.ndarray:
    """Return the products over the two stations' detectors, shape (row, setting, setting, outcome, outcome)."""
    return values[:, 0].reshape(-1, 2, 1, 2, 1) * values[:, 1].reshape(-1, 1, 2, 1, 2)


def fit_bench(scenario: Counts, *, table: CountTable | None = None, rows: Sequence[int] | None = None) -> BenchFit:
    """Fit a bench to rows of a count table of pairs.

    Parameters
    ----------
    scenario : Counts
        With singles, and rows of different loss or power.
    table : CountTable, optional
        By default the scenario's.
    rows : sequence of int, optional
        Rows to fit, from 1; by default the scenario's `fit_rows`, or all.

    Returns
    -------
    BenchFit

    Raises
    ------
    ValueError
        Where there are no singles, no such rows, or rows that do not determine every parameter.

    Notes
    -----
    Maximum of the Poisson likelihood of coincidences and of clicks without a partner, by least squares of the deviance
    residuals. The covariance is the inverse of the Fisher information.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> found = fit_bench(load_scenario("counts_example"), rows=[1, 4, 9, 12])
    >>> bool(abs(found.error[0] - 0.02) < 5 * found.error_sigma[0])
    True
    """
    table = read_table(scenario) if table is None else table
    if table.singles is None or table.coincidences is None:
        raise ValueError(f"{scenario.path}: a fit requires singles and coincidences: name the columns in pairs")
    size = len(table.duration_s)
    asked = rows or scenario.fit_rows or range(1, size + 1)
    if len(set(asked)) < len(asked):
        raise ValueError(f"rows {[*asked]} name a row twice, so that its counts would count twice: name each row once")
    if wrong := [row for row in asked if not 1 <= row <= size]:
        raise ValueError(f"row {wrong[0]} is not in the table, which has rows 1 to {size}: fit others")
    chosen = [row - 1 for row in asked]
    settings = _rows(settings_of(scenario, table), chosen)
    counted = _independent(table.singles[chosen], table.coincidences[chosen])

    def residuals(scaled: np.ndarray) -> np.ndarray:
        expected = np.maximum(_independent(*expected_counts(scaled * SCALES, settings)), 1e-12)
        deviance = 2 * (xlogy(counted, counted / expected) - counted + expected)
        return np.sign(counted - expected) * np.sqrt(np.maximum(deviance, 0))

    start = _start(table.singles[chosen], table.coincidences[chosen], settings)
    low = np.concatenate([np.full(9, -np.inf), np.zeros(9), -np.ones(2)]) / SCALES
    high = np.concatenate([np.full(18, np.inf), np.ones(2)]) / SCALES
    found = least_squares(residuals, start / SCALES, bounds=(low, high), x_scale="jac", max_nfev=200)
    covariance = np.linalg.pinv(found.jac.T @ found.jac) * np.multiply.outer(SCALES, SCALES)
    if not (np.diag(covariance)[:9] < LARGEST_DEVIATION**2).all() or np.linalg.matrix_rank(found.jac) < SCALES.size:
        raise ValueError(
            f"rows {[*asked]} do not determine the bench: fit rows that "
            "differ in power, or in the loss of both arms (pairs.pump_mw, pairs.loss_db)"
        )
    return _result(found.x * SCALES, covariance, float(np.sum(found.fun**2)), counted.size, tuple(asked))


def _rows(settings: Settings, chosen: list[int]) -> Settings:
    """Return the settings of some rows."""
    return Settings(*(getattr(settings, name)[chosen] for name in settings.__dataclass_fields__))


def _independent(singles: np.ndarray, coincidences: np.ndarray) -> np.ndarray:
    """Return clicks without a partner by detector, and coincidences, of all rows, shape (row * 24,).

    Singles and coincidences share their clicks; these numbers do not, so that each is a Poisson number by itself.
    """
    partnered = np.stack([coincidences.sum(axis=(2, 4)), coincidences.sum(axis=(1, 3))], axis=1)
    alone = np.maximum(singles - partnered.reshape(singles.shape), 0)
    return np.concatenate([alone.reshape(-1, 8), coincidences.reshape(-1, 16)], axis=1).ravel()


def _start(singles: np.ndarray, coincidences: np.ndarray, settings: Settings) -> np.ndarray:
    """Return a first guess from ratios of sums: pairs from singles and coincidences, efficiencies from their shares."""
    each = np.maximum(singles.sum(axis=2), 1.0)
    pairs = np.maximum(coincidences.sum(axis=(1, 2, 3, 4)), 1.0)
    made_hz = np.median(each.prod(axis=1) / pairs / settings.duration_s / settings.pump_mw)
    arms = np.median(pairs[:, None] / each[:, ::-1] / settings.transmittance, axis=0)
    shares = np.maximum(singles.sum(axis=0), 1.0) / each.sum(axis=0)[:, None]
    efficiency = np.clip(arms[:, None] * shares, 1e-9, 1.0)
    return np.concatenate([[np.log(made_hz)], np.log(efficiency).ravel(), np.full(8, 100.0), [1e-8], [0.9, 0.9]])


def _result(
    vector: np.ndarray, covariance: np.ndarray, deviance: float, counts: int, rows: tuple[int, ...]
) -> BenchFit:
    """Return the fit with its values named."""
    sigma = np.sqrt(np.diag(covariance))
    rate, efficiency = float(np.exp(vector[RATE])[0]), np.exp(vector[EFFICIENCY])
    return BenchFit(
        pair_rate_hz_per_mw=rate,
        pair_rate_sigma=rate * float(sigma[RATE][0]),
        efficiency=efficiency.reshape(2, 4),
        efficiency_sigma=(efficiency * sigma[EFFICIENCY]).reshape(2, 4),
        noise_hz=vector[NOISE].reshape(2, 4),
        noise_sigma=sigma[NOISE].reshape(2, 4),
        dead_time_s=float(vector[DEAD_TIME][0]),
        dead_time_sigma=float(sigma[DEAD_TIME][0]),
        error=(1 - vector[VISIBILITY]) / 2,
        error_sigma=sigma[VISIBILITY] / 2,
        deviance=deviance,
        freedom=counts - vector.size,
        rows=rows,
        parameters=vector,
        covariance=covariance,
    )


def fit_table(fit: BenchFit) -> pd.DataFrame:
    """Return the values of a fit, one a row.

    Returns
    -------
    pandas.DataFrame
        Columns parameter, value, sigma and unit. Detectors are numbered by setting and outcome: 0+, 0-, 1+, 1-.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> fit_table(fit_bench(load_scenario("counts_example"))).parameter.iloc[[0, 1, -1]].tolist()
    ['pair_rate_hz_per_mw', 'efficiency_0_0+', 'error_x']
    """
    names = [f"{station}_{setting}{outcome}" for station in (0, 1) for setting in (0, 1) for outcome in "+-"]
    rows = [("pair_rate_hz_per_mw", fit.pair_rate_hz_per_mw, fit.pair_rate_sigma, "1/(s mW)")]
    for quantity, values, sigmas, unit in (
        ("efficiency", fit.efficiency, fit.efficiency_sigma, "1"),
        ("noise", fit.noise_hz, fit.noise_sigma, "1/s"),
    ):
        rows += [
            (f"{quantity}_{name}", float(value), float(sigma), unit)
            for name, value, sigma in zip(names, values.ravel(), sigmas.ravel(), strict=True)
        ]
    rows.append(("dead_time", 1e9 * fit.dead_time_s, 1e9 * fit.dead_time_sigma, "ns"))
    for basis, value, sigma in zip("zx", fit.error, fit.error_sigma, strict=True):
        rows.append((f"error_{basis}", float(value), float(sigma), "1"))
    return pd.DataFrame(rows, columns=["parameter", "value", "sigma", "unit"])


def predict(fit: BenchFit, scenario: Counts, *, table: CountTable | None = None) -> pd.DataFrame:
    """Compare what a fit predicts for each row of a table with what was counted.

    Parameters
    ----------
    fit : BenchFit
    scenario : Counts
    table : CountTable, optional
        By default the scenario's.

    Returns
    -------
    pandas.DataFrame
        Columns row, fitted (whether the fit has used the row), coincidences, coincidences_predicted and
        coincidences_sigma, qber, qber_predicted and qber_sigma. A sigma combines the deviations of
        counting and of the fit.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> scenario = load_scenario("counts_example")
    >>> table = predict(fit_bench(scenario), scenario)
    >>> others = table[~table.fitted]
    >>> bool((abs(others.coincidences / others.coincidences_predicted - 1) < 0.03).all())
    True
    """
    table = read_table(scenario) if table is None else table
    assert table.coincidences is not None
    settings = settings_of(scenario, table)
    ideal = _ideal(settings)

    def outcome(parameters: np.ndarray) -> np.ndarray:
        _, pairs = expected_counts(parameters, settings)
        return np.stack([pairs.sum(axis=(1, 2, 3, 4)), _error_rate(pairs, ideal)])

    total, qber = outcome(fit.parameters)
    # Derivatives of both for each parameter, for the deviation of the fit.
    steps = np.diag(np.sqrt(np.diag(fit.covariance)) * 1e-2)
    slopes = np.stack([(outcome(fit.parameters + s) - outcome(fit.parameters - s)) / (2 * s.sum()) for s in steps])
    of_fit = np.sqrt(np.maximum(np.einsum("pqr,ps,sqr->qr", slopes, fit.covariance, slopes), 0))
    sifted = sum(_sifted(table.coincidences, ideal)[:2])
    counted_qber = _error_rate(table.coincidences, ideal)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_counting = np.sqrt(np.stack([total, qber * (1 - qber) / sifted]))
    sigma = np.hypot(of_counting, of_fit)
    return pd.DataFrame(
        {
            "row": np.arange(1, len(total) + 1),
            "fitted": np.isin(np.arange(1, len(total) + 1), fit.rows),
            "coincidences": table.coincidences.sum(axis=(1, 2, 3, 4)),
            "coincidences_predicted": total,
            "coincidences_sigma": sigma[0],
            "qber": counted_qber,
            "qber_predicted": qber,
            "qber_sigma": sigma[1],
        }
    )


def _ideal(settings: Settings) -> np.ndarray:
    """Return the ideal correlation of each row."""
    return settings.correlation_z + settings.correlation_x


def _sifted(pairs: np.ndarray, ideal: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return sifted bits in Z and X, and the errors in each, of every row."""
    rows = [sifted_pairs(one, correlation) for one, correlation in zip(pairs, ideal, strict=True)]
    return tuple(np.array([getattr(row, name) for row in rows]) for name in ("n_z", "n_x", "errors_z", "errors_x"))


def _error_rate(pairs: ArrayLike, ideal: np.ndarray) -> np.ndarray:
    """Return the error rate of each row, both bases together; nan without bits."""
    n_z, n_x, errors_z, errors_x = _sifted(np.asarray(pairs), ideal)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (errors_z + errors_x) / (n_z + n_x)
