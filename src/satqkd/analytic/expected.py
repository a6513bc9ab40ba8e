"""Expected rates, error rates and S of a scenario, second by second and in closed form.

They take milliseconds, so the calibration and the planner use them, and the event simulation is tested against them.
Dead time and double clicks are left out; at the papers' rates they change 0.1 per cent.
"""

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from satqkd.analytic.sky import with_mean_sky
from satqkd.channel import link_budget
from satqkd.channel import observables as channel_observables
from satqkd.coincidence.sifting import ideal_correlation
from satqkd.coincidence.stage import EXTREME_SECONDS
from satqkd.detection.source import contrast_error, joint_probabilities, werner_state, with_flips
from satqkd.detection.stage import FWHM_PER_SIGMA
from satqkd.key.optimise.downlink import window_acceptance
from satqkd.scenario import Scenario, ScenarioError
from satqkd.scenario.mission import DecoySource, EntangledSource, Station


def ratio(part: float, whole: float) -> float:
    """Return the part of a whole [1]; nan where both are 0.

    Examples
    --------
    >>> ratio(1.0, 4.0)
    0.25
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.divide(part, whole))


def expected_from_orbit(scenario: Scenario, orbit: xr.Dataset) -> dict[str, float | list[float]]:
    """Return `expected` of a scenario in a known orbit, which is the model that a calibration fits.

    Examples
    --------
    >>> from satqkd import load_scenario, orbit
    >>> mission = load_scenario("liao2017")
    >>> round(expected_from_orbit(mission, orbit.find_sessions(mission))["qber_signal"], 4)
    0.011
    """
    return expected(with_mean_sky(scenario, orbit), link_budget(scenario, orbit))


def expected(scenario: Scenario, channel: xr.Dataset) -> dict[str, float | list[float]]:
    """Return the expected observables of stages 2, 4 and 5 that a calibration or a plan asks for.

    Parameters
    ----------
    scenario : Scenario
    channel : xarray.Dataset
        Result of stage 2.

    Returns
    -------
    dict
        Names as in the stages' `observables`; each value as the published one is given.

    Raises
    ------
    ScenarioError
        Where the polarisation that analysers see is turned, which the chain leaves out.

    Examples
    --------
    >>> from satqkd import load_scenario, orbit
    >>> from satqkd.channel import link_budget
    >>> mission = load_scenario("yin2020")
    >>> round(expected(mission, link_budget(mission, orbit.find_sessions(mission)))["chsh_s"], 2)
    2.57
    """
    require_compensated(scenario)
    used = channel.isel(time=channel.measurement.values >= 0)
    result = {name: value for name, (value, _) in channel_observables(channel).items()}
    return result | (_pulses(scenario, used) if isinstance(scenario.source, DecoySource) else _pairs(scenario, used))


def require_compensated(scenario: Scenario) -> None:
    """Raise a `ScenarioError` where the polarisation that analysers see is turned.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> require_compensated(load_scenario("liao2017"))
    """
    if not scenario.polarization.compensated or scenario.polarization.residual_deg:
        raise ScenarioError(
            f"{scenario.path}: polarization turns what analysers see, which the analytic chain leaves out: simulate "
            "instead, or set compensated: true and residual_deg: 0"
        )


def pair_rates(scenario: Scenario, transmittance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return true and accidental coincidences [1/s], each shape (time,), of a source of pairs.

    Parameters
    ----------
    scenario : Scenario
    transmittance : ndarray, shape (time, station)
        Of each link, without detectors [1].

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> true, accidental = pair_rates(load_scenario("yin2020"), np.full((1, 2), 1e-3))
    >>> true.round(2), accidental.round(2)
    (array([1.5]), array([0.1]))
    """
    assert isinstance(scenario.source, EntangledSource)
    source, window_s = scenario.source, scenario.coincidence.window_ns * 1e-9
    seen = transmittance * [_efficiency(station) for station in scenario.stations]
    singles = source.pair_rate_hz * seen + [noise_hz(scenario, station) for station in scenario.stations]
    jitter_s = np.sqrt(2) * scenario.detection.timing_jitter_ps * 1e-12
    true = source.pair_rate_hz * seen.prod(axis=1) * window_acceptance(window_s, jitter_s)
    return true, singles.prod(axis=1) * window_s


def pair_correlations(scenario: Scenario, angles_deg: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return the correlation of the true pairs, and the ideal one, by setting of either station; each shape (2, 2).

    Parameters
    ----------
    scenario : Scenario
    angles_deg : array_like, shape (station, setting)
        Of the analysers [degree].

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> found, ideal = pair_correlations(load_scenario("yin2020"), [[0, 45], [0, 45]])
    >>> ideal.round(3) + 0.0
    array([[-1.,  0.],
           [ 0.,  1.]])
    """
    assert isinstance(scenario.source, EntangledSource)
    angles, source = np.deg2rad(angles_deg), scenario.source
    state = werner_state(source.bell_state, source.fidelity)
    outcomes = with_flips(joint_probabilities(state, *angles), contrast_error(source.polarization_contrast))
    found = outcomes[..., 0, 0] + outcomes[..., 1, 1] - outcomes[..., 0, 1] - outcomes[..., 1, 0]
    return found, ideal_correlation(source.bell_state, *angles)


def pulse_rates(scenario: Scenario, transmittance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return sifted bits and the errors among them per pulse [1], each shape (intensity, time), of a source of pulses.

    Parameters
    ----------
    scenario : Scenario
    transmittance : ndarray, shape (time,)
        Of the link, without detectors [1].

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> sifted, errors = pulse_rates(load_scenario("liao2017"), np.array([1e-3]))
    >>> sifted.shape, bool((errors < sifted).all())
    ((3, 1), True)
    """
    assert isinstance(scenario.source, DecoySource)
    source, station = scenario.source, scenario.stations[0]
    window_s = scenario.coincidence.window_ns * 1e-9
    jitter_s = np.hypot(scenario.detection.timing_jitter_ps, source.pulse_width_ps / FWHM_PER_SIGMA) * 1e-12
    arriving = transmittance * _efficiency(station) * window_acceptance(window_s, jitter_s)
    noise = noise_hz(scenario, station) * window_s
    slip = contrast_error(source.polarization_contrast)
    wrong = source.preparation_error + slip - 2 * source.preparation_error * slip
    # Both bases are chosen by a beam splitter: half of the detections are sifted.
    sifted = (source.mu[:, None] * arriving + noise) / 2
    return sifted, (source.mu[:, None] * arriving * wrong + noise / 2) / 2


def _efficiency(station: Station) -> float:
    """Return the mean efficiency of a station's detectors [1]."""
    return float(np.mean([detector.efficiency for detector in station.detectors]))


def noise_hz(scenario: Scenario, station: Station) -> float:
    """Return background and dark counts of a station [1/s]; an active receiver has two detectors, not four.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> mission = load_scenario("yin2020")
    >>> round(noise_hz(mission, mission.stations[0]))
    3255
    """
    if station.sky is not None:
        raise ScenarioError(
            f"{scenario.path}: station {station.name} has sky, which varies by the second: take the mean by "
            "satqkd.analytic.sky.with_mean_sky first"
        )
    detectors = station.detectors[: 2 if scenario.detection.basis_choice == "active" else 4]
    return sum(station.background_rate_hz + detector.dark_rate_hz for detector in detectors)


def _pairs(scenario: Scenario, channel: xr.Dataset) -> dict[str, float]:
    """Return rates, error rates and S of pairs."""
    true, accidental = pair_rates(scenario, channel.transmittance.values)
    purity = ratio(true.sum(), (true + accidental).sum())
    result = {
        "coincidence_rate": float((true + accidental).mean()),
        "accidental_rate": float(accidental.mean()),
        "signal_to_noise": ratio(true.sum(), accidental.sum()),
    }
    measured = channel.measurement.values
    for index, measurement in enumerate(scenario.measurements):
        correlation, ideal = pair_correlations(scenario, measurement.angles_deg)
        correlation = purity * correlation
        result[f"{measurement.name}_coincidences"] = float((true + accidental)[measured == index].sum())
        if measurement.name == "bell":
            result["chsh_s"] = float(np.abs(np.sum(np.sign(ideal) * correlation)))
        else:
            errors = (1 - np.sign(np.diag(ideal)) * np.diag(correlation)) / 2
            result |= {"qber": float(errors.mean()), "qber_z": float(errors[0]), "qber_x": float(errors[1])}
    return result


def _pulses(scenario: Scenario, channel: xr.Dataset) -> dict[str, float]:
    """Return rates, gains and error rates of pulses."""
    assert isinstance(scenario.source, DecoySource)
    source = scenario.source
    sifted, errors = pulse_rates(scenario, channel.transmittance.values[:, 0])
    rate = source.pulse_rate_hz * source.shares[0] * sifted[0]
    farthest, nearest = _seconds(channel)
    gain, qber = sifted.mean(axis=1), list(map(ratio, errors.sum(axis=1), sifted.sum(axis=1)))
    return {
        "detection_events": float(2 * source.pulse_rate_hz * (source.shares[:, None] * sifted).sum()),
        "sifted_bits": float(rate.sum()),
        "sifted_rate": float(rate.mean()),
        "sifted_rate_farthest": float(rate[farthest].mean()),
        "sifted_rate_nearest": float(rate[nearest].mean()),
        "gain_signal": float(gain[0]),
        "gain_decoy": float(gain[1]),
        "yield_vacuum": float(2 * gain[2]),
        "qber_signal": qber[0],
        "qber_decoy": qber[1],
    }


def _seconds(channel: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the seconds at the farthest end and those around the nearest point, as stage 4 takes them."""
    order = np.argsort(channel.range.values[:, 0])
    return order[-EXTREME_SECONDS:], order[:EXTREME_SECONDS]
