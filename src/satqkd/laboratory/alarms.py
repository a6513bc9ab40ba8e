"""Alarms of a station: what it sees of itself, compared with what it expects."""

import numpy as np
import xarray as xr
from scipy.stats import binomtest

from satqkd.attack.devices import voltage_v
from satqkd.attack.eve import brightening
from satqkd.detection import read_tags
from satqkd.scenario import Scenario
from satqkd.scenario.hostile import Blinding, DetectorDamage, LaserSeeding, PredictableSettings, UnbalancedSettings


def monitor_voltage_v(attack: Blinding) -> float:
    """Return the highest voltage at the sampling resistance of an attacked detector [V].

    Examples
    --------
    >>> monitor_voltage_v(Blinding(kind="blinding", photocurrent_ua=40))
    0.4
    """
    return voltage_v(attack.photocurrent_ua, attack.sampling_kohm) if attack.strength > 0 else 0.0


def power_rise(attack: LaserSeeding) -> float:
    """Return the relative rise of the mean power behind a source whose laser is seeded in a share of the pulses.

    Examples
    --------
    >>> power_rise(LaserSeeding(kind="laser_seeding", brightening=2, strength=0.25))
    0.5
    """
    return attack.strength * brightening(attack)


def imbalance_p_value(counts: np.ndarray, efficiencies: np.ndarray) -> float:
    """Return the probability of counts of the two outcomes at least as unbalanced, if efficiencies are as calibrated.

    Parameters
    ----------
    counts : ndarray of int, shape (outcome,)
    efficiencies : ndarray, shape (outcome,)
        As calibrated [1].

    Examples
    --------
    >>> imbalance_p_value(np.array([5000, 5000]), np.array([0.5, 0.5]))
    1.0
    """
    expected = efficiencies[0] / efficiencies.sum()
    return float(binomtest(int(counts[0]), int(counts.sum()), expected).pvalue)


def repetition_p_value(setting: np.ndarray) -> float:
    """Return the probability of a correlation of a record with itself at some delay, if its settings are independent.

    Parameters
    ----------
    setting : ndarray, shape (slot,)
        Mean setting that was seen in each slot, from 0 to 1; nan where none was.

    Notes
    -----
    The largest autocorrelation over all delays, by Hoeffding's inequality (J. Am. Stat. Assoc. 58, 13 (1963)) for a sum
    of independent products of at most 1, and Bonferroni's correction for the number of delays.

    Examples
    --------
    >>> random = np.random.default_rng(1).integers(2, size=2000)
    >>> [repetition_p_value(record) < 1e-10 for record in (1.0 * random, 1.0 * np.tile(random[:500], 4))]
    [False, True]
    """
    sign = np.nan_to_num(2 * setting - 1, nan=0.0)
    products, pairs = (_autocorrelation(values)[1:] for values in (sign, np.abs(sign)))
    exponent = np.max(np.maximum(products, 0.0) ** 2 / (2 * np.maximum(pairs, 1.0)))
    return float(min(1.0, products.size * np.exp(-exponent)))


def unbalanced_p_value(setting: np.ndarray) -> float:
    r"""Return the probability of a record of settings at least as unbalanced, if either setting is as likely.

    Parameters
    ----------
    setting : ndarray, shape (slot,)
        Mean setting that was seen in each slot, from 0 to 1; nan where none was.

    Notes
    -----
    Hoeffding's inequality, J. Am. Stat. Assoc. 58, 13 (1963), in both directions. A slot of the station's clock sees
    one or two settings, and each setting is seen in at most two slots: weights :math:`c \le 2` with the number n
    of slots as their sum, so that :math:`\sum c^2 \le 2n`.

    Examples
    --------
    >>> random = np.random.default_rng(1).random(2000)
    >>> [unbalanced_p_value(1.0 * (random < share)) < 1e-10 for share in (0.5, 0.3)]
    [False, True]
    """
    seen = setting[~np.isnan(setting)]
    return float(min(1.0, 2 * np.exp(-seen.size * (seen.mean() - 0.5) ** 2))) if seen.size else 1.0


def _autocorrelation(values: np.ndarray) -> np.ndarray:
    """Return the sums of products of values at each delay, shape (delay,)."""
    spectrum = np.fft.rfft(values, 2 * values.size)
    return np.fft.irfft(np.abs(spectrum) ** 2)[: values.size]


def _settings_of(scenario: Scenario, tags: str) -> np.ndarray:
    """Return the mean setting that the tags of the last station, an active one, show in each slot of its clock."""
    switch_rate_hz = scenario.detection.switch_rate_hz
    assert switch_rate_hz is not None  # the scenario is checked
    return _settings_by_slot(read_tags(tags, scenario.stations[-1].name).load(), switch_rate_hz)


def _settings_by_slot(tags: xr.Dataset, switch_rate_hz: float) -> np.ndarray:
    """Return the mean setting that tags show in each slot of their clock."""
    slot = np.floor((tags.time.values - tags.time.values[0]) * 1e-12 * switch_rate_hz).astype(np.int64)
    counted = np.bincount(slot)
    ones = np.bincount(slot, weights=tags.detector.values >> 1)
    return np.divide(ones, counted, out=np.full(counted.size, np.nan), where=counted > 0)


def alarms(scenario: Scenario, tags: str) -> list[str]:
    """Return the alarms that the last station raises, from its tags and its monitor.

    Parameters
    ----------
    scenario : Scenario
        With an attack.
    tags : str
        The ``detection.zarr``.
    """
    attack, station = scenario.attack, scenario.stations[-1]
    if isinstance(attack, Blinding) and attack.monitor_threshold_v is not None:
        voltage = monitor_voltage_v(attack)
        return [f"monitor at {voltage:.2g} V"] if voltage >= attack.monitor_threshold_v else []
    if isinstance(attack, LaserSeeding) and attack.power_alarm is not None:
        return [f"power up by {power_rise(attack):.2g}"] if power_rise(attack) >= attack.power_alarm else []
    if isinstance(attack, DetectorDamage) and attack.balance_alarm is not None:
        outcome = read_tags(tags, station.name).detector.values & 1
        efficiencies = np.array([d.efficiency for d in station.detectors]).reshape(2, 2).mean(axis=0)
        p_value = imbalance_p_value(np.bincount(outcome, minlength=2), efficiencies)
        return ["outcomes unbalanced"] if p_value < attack.balance_alarm else []
    if isinstance(attack, PredictableSettings) and attack.repeat_alarm is not None:
        p_value = repetition_p_value(_settings_of(scenario, tags))
        return ["settings repeat"] if p_value < attack.repeat_alarm else []
    if isinstance(attack, UnbalancedSettings) and attack.balance_alarm is not None:
        p_value = unbalanced_p_value(_settings_of(scenario, tags))
        return ["settings unbalanced"] if p_value < attack.balance_alarm else []
    return []
