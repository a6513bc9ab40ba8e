"""Expected rates, error rates and S of a scenario, second by second and in closed form.

They take milliseconds, so the calibration and the planner use them, and the event simulation is tested against them.
What the chain follows, and what it leaves out with the size of each: docs/physics/calibration.md.
"""

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from satqkd.analytic.means import with_means
from satqkd.channel import link_budget
from satqkd.channel import observables as channel_observables
from satqkd.coincidence.sifting import ideal_correlation
from satqkd.coincidence.stage import EXTREME_SECONDS
from satqkd.coincidence.window import afterpulse_share, double_clicks, late_acceptance, pulse_shares
from satqkd.detection.dead_time import afterpulse_gain, pulses_in_dead_time, ready_share
from satqkd.detection.source import contrast_error, joint_probabilities, source_state, with_flips
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
    constant = with_means(scenario, orbit)
    return expected(constant, link_budget(constant, orbit))


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
    >>> round(expected(mission, link_budget(mission, orbit.find_sessions(mission)))["chsh_s"], 1)
    2.6
    """
    result = {name: value for name, (value, _) in channel_observables(channel).items()}
    return result | expected_rates(scenario, channel)


def expected_rates(scenario: Scenario, channel: xr.Dataset) -> dict[str, float]:
    """Return the part of `expected` that belongs to stages 4 and 5; it takes a tenth of the time.

    Examples
    --------
    >>> from satqkd import load_scenario, orbit
    >>> from satqkd.channel import link_budget
    >>> mission = load_scenario("liao2017")
    >>> "attenuation" in expected_rates(mission, link_budget(mission, orbit.find_sessions(mission)))
    False
    """
    require_compensated(scenario)
    require_one_contrast(scenario)
    open_link = channel.measurement.values >= 0
    used = channel if open_link.all() else channel.isel(time=open_link)
    return _pulses(scenario, used) if isinstance(scenario.source, DecoySource) else _pairs(scenario, used)


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


def require_one_contrast(scenario: Scenario) -> None:
    """Raise a `ScenarioError` where the contrast changes by the second and has not been replaced by its mean.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> require_one_contrast(load_scenario("liao2017"))
    """
    if scenario.polarization.has_own_contrast:
        raise ScenarioError(
            f"{scenario.path}: polarization.train.contrast=train changes by the second, which the analytic chain "
            "leaves out: set it to stated, with a source.polarization_contrast such as the mean that stage 2 shows"
        )


def noise_hz(scenario: Scenario, station: Station) -> np.ndarray:
    """Return background and dark counts of a station by channel [1/s], shape (4,).

    An active receiver has two detectors, not four, each of which counts half of the time at either setting.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> mission = load_scenario("yin2020").replaced({"stations.0.background_rate_hz": 700})
    >>> noise_hz(mission, mission.stations[0])
    array([755., 907., 760., 755.])
    """
    if station.sky is not None:
        raise ScenarioError(
            f"{scenario.path}: station {station.name} has sky, which varies by the second: take the mean by "
            "satqkd.analytic.means.with_mean_sky first"
        )
    by_detector = np.array([station.background_rate_hz + detector.dark_rate_hz for detector in station.detectors])
    return np.tile(by_detector[:2] / 2, 2) if scenario.detection.basis_choice == "active" else by_detector


def detector_response(scenario: Scenario, arrivals_hz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return clicks of a ready detector for each arrival, and the share of the time in which it is ready [1].

    Parameters
    ----------
    scenario : Scenario
    arrivals_hz : ndarray, shape (..., channel)
        Photons that would click, background and dark counts of each channel [1/s].

    Returns
    -------
    gain, ready : ndarray, shape (..., channel)
        Of the channel's detector; `satqkd.detection.dead_time` has the equations.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> mission = load_scenario("yin2020").replaced({"detection.dead_time_ns": 50})
    >>> gain, ready = detector_response(mission, np.array([0.0, 1e6, 1e6, 2e6]))
    >>> gain, ready.round(3)
    (array([1., 1., 1., 1.]), array([1.   , 0.952, 0.952, 0.909]))
    """
    detection, active = scenario.detection, scenario.detection.basis_choice == "active"
    by_detector = arrivals_hz[..., :2] + arrivals_hz[..., 2:] if active else arrivals_hz
    dead_s = 1e-9 * detection.dead_time_ns
    gain = afterpulse_gain(
        by_detector,
        dead_s=dead_s,
        probability=detection.afterpulse_probability,
        decay_s=1e-9 * (detection.afterpulse_decay_ns or 0.0),
    )
    ready = ready_share(by_detector * gain, dead_s=dead_s)
    return (np.concatenate([gain] * 2, -1), np.concatenate([ready] * 2, -1)) if active else (gain, ready)


def singles(scenario: Scenario, transmittance: np.ndarray) -> np.ndarray:
    """Return the detection events of the stations that stage 4 keeps [1/s], of a source of pairs.

    Parameters
    ----------
    scenario : Scenario
    transmittance : ndarray, shape (time, station)
        Of each link, without detectors [1].

    Returns
    -------
    ndarray, shape (time, station, channel)

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> mission = load_scenario("yin2020").replaced({f"stations.{i}.background_rate_hz": 700 for i in range(2)})
    >>> singles(mission, np.full((1, 2), 1e-3)).sum(axis=2).round()
    array([[6321., 6118.]])
    """
    clicks_hz, ready = _clicks(scenario, transmittance)
    events_hz = clicks_hz * ready
    # A click of a detector that need not be ready begins no event if it comes within the window of another.
    together = {"station": 4, "setting": 2, "detector": 1}[scenario.coincidence.dead_time_rule]
    others = 1 - np.kron(np.eye(4 // together), np.ones((together, together)))
    return events_hz * np.exp(-1e-9 * scenario.coincidence.window_ns * (events_hz @ others))


def pair_rates(
    scenario: Scenario, transmittance: np.ndarray, *, angles_deg: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Return true and accidental coincidences in the window [1/s] of a source of pairs, by settings and outcomes.

    A click whose partner arrives at the other station makes no accidental coincidence: the partner's click or dead time
    leaves no other event there. Off the peak, where stage 4 counts them, accidental coincidences come at the rate that
    is the product of both `singles` and the window.

    Parameters
    ----------
    scenario : Scenario
    transmittance : ndarray, shape (time, station)
        Of each link, without detectors [1].
    angles_deg : array_like, shape (station, setting)
        Of the analysers [degree].

    Returns
    -------
    true, accidental : ndarray, shape (time, setting, setting, outcome, outcome)
        Axes of the settings and outcomes as those of `counts` of stage 4.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> mission = load_scenario("yin2020")
    >>> true, accidental = pair_rates(mission, np.full((1, 2), 1e-3), angles_deg=mission.measurements[0].angles_deg)
    >>> true.shape, true.sum().round(2), accidental.sum().round(1)
    ((1, 2, 2, 2, 2), np.float64(1.5), np.float64(0.1))
    """
    assert isinstance(scenario.source, EntangledSource)
    source, window_s = scenario.source, scenario.coincidence.window_ns * 1e-9
    jitter_s = np.sqrt(2) * scenario.detection.timing_jitter_ps * 1e-12
    accepted = float(window_acceptance(window_s, jitter_s))
    late = late_acceptance(window_s=window_s, jitter_s=jitter_s)
    born = joint_probabilities(source_state(source), *np.deg2rad(angles_deg))
    outcomes = with_flips(born, contrast_error(source.polarization_contrast))
    # A quarter of the pairs goes to each pair of settings; channels are 2 * setting + outcome.
    seen = outcomes.transpose(0, 2, 1, 3).reshape(4, 4) / 4 * np.multiply.outer(*_efficiencies(scenario))
    clicks_hz, ready = _clicks(scenario, transmittance)
    counted = double_clicks(
        _other_clicks(scenario, clicks_hz), window_s=window_s, acceptance=accepted, late_acceptance=late
    )
    pairs_hz = source.pair_rate_hz * accepted * transmittance.prod(axis=1)
    kept = seen * ready[:, 0, :, None] * ready[:, 1, None, :]
    true = pairs_hz[:, None, None] * (np.swapaxes(counted[:, 0], 1, 2) @ kept @ counted[:, 1])
    arriving_hz = (source.pair_rate_hz * transmittance.prod(axis=1))[:, None, None] * seen
    partnered_hz = np.stack([arriving_hz.sum(axis=2), arriving_hz.sum(axis=1)], axis=1)
    alone_hz = (clicks_hz - partnered_hz) * ready
    accidental = window_s * alone_hz[:, 0, :, None] * alone_hz[:, 1, None, :]
    by_setting_and_outcome = (-1, 2, 2, 2, 2)
    return (
        true.reshape(by_setting_and_outcome).transpose(0, 1, 3, 2, 4),
        accidental.reshape(by_setting_and_outcome).transpose(0, 1, 3, 2, 4),
    )


def _efficiencies(scenario: Scenario) -> np.ndarray:
    """Return the efficiencies of the detectors [1], shape (station, channel)."""
    return np.array([[detector.efficiency for detector in station.detectors] for station in scenario.stations])


def _clicks(scenario: Scenario, transmittance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return clicks per second of ready detectors, and the share of the time in which all detectors are ready that the
    dead-time rule of stage 4 names for a channel, both (time, station, channel).

    Stage 4 keeps an event if none of these detectors clicked in the dead time before it. A detector is ready under the
    same condition, so an event is kept if all of them are ready.
    """
    assert isinstance(scenario.source, EntangledSource)
    noise = np.array([noise_hz(scenario, station) for station in scenario.stations])
    arrivals_hz = scenario.source.pair_rate_hz / 4 * transmittance[..., None] * _efficiencies(scenario) + noise
    gain, ready = detector_response(scenario, arrivals_hz)
    detectors = 2 if scenario.detection.basis_choice == "active" else 4
    together = {"station": detectors, "setting": 2, "detector": 1}[scenario.coincidence.dead_time_rule]
    groups = ready[..., :detectors].reshape(*ready.shape[:-1], detectors // together, together).prod(axis=-1)
    return arrivals_hz * gain, np.repeat(groups, 4 // groups.shape[-1], axis=-1)


def _other_clicks(scenario: Scenario, clicks_hz: np.ndarray) -> np.ndarray:
    """Return the clicks per second of other channels while one's setting is chosen, shape (..., channel, channel)."""
    if scenario.detection.basis_choice == "active":
        return clicks_hz[..., None, :] * 2 * np.kron(np.eye(2), [[0, 1], [1, 0]])
    return clicks_hz[..., None, :] * (1 - np.eye(4))


def right_and_wrong(pairs: np.ndarray, ideal: np.ndarray) -> np.ndarray:
    """Return right and wrong sifted bits from coincidences, shape (basis, 2, ...).

    Parameters
    ----------
    pairs : ndarray, shape (..., setting, setting, outcome, outcome)
    ideal : ndarray, shape (setting, setting)
        From `satqkd.coincidence.sifting.ideal_correlation`.

    Examples
    --------
    >>> right_and_wrong(np.arange(16.0).reshape(2, 2, 2, 2), np.diag([-1.0, 1.0]))
    array([[ 3.,  3.],
           [27., 27.]])
    """
    by_basis = np.einsum("...ssop->s...op", pairs)
    equal = by_basis[..., 0, 0] + by_basis[..., 1, 1]
    unequal = by_basis[..., 0, 1] + by_basis[..., 1, 0]
    flip = np.diag(ideal) < 0  # where the state anti-correlates, one station flips its bit
    return np.stack([np.stack([unequal[s], equal[s]] if flip[s] else [equal[s], unequal[s]]) for s in range(2)])


def chsh_s(pairs: np.ndarray, ideal: np.ndarray) -> float:
    """Return S of coincidences with the signs of the ideal correlations; nan with a setting without any.

    Parameters
    ----------
    pairs : ndarray, shape (setting, setting, outcome, outcome)
    ideal : ndarray, shape (setting, setting)
        From `satqkd.coincidence.sifting.ideal_correlation`.

    Examples
    --------
    >>> equal, unequal = np.eye(2), 1 - np.eye(2)
    >>> chsh_s(np.array([[equal, equal], [equal, unequal]]), np.array([[1.0, 1.0], [1.0, -1.0]]))
    4.0
    """
    sign = np.array([[1, -1], [-1, 1]])
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = (pairs * sign).sum(axis=(2, 3)) / pairs.sum(axis=(2, 3))
    return float(abs((np.sign(ideal) * correlation).sum()))


def photons_of_pulse(scenario: Scenario, transmittance: np.ndarray) -> np.ndarray:
    """Return the mean photons of a pulse, of any intensity, that would click in each detector [1], (time, channel).

    Parameters
    ----------
    scenario : Scenario
    transmittance : ndarray, shape (time,)
        Of the link, without detectors [1].

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> photons_of_pulse(load_scenario("liao2017"), np.array([1e-3])).round(7)
    array([[5.31e-05, 5.31e-05, 5.31e-05, 5.31e-05]])
    """
    assert isinstance(scenario.source, DecoySource)
    photon = transmittance[:, None] * _efficiencies(scenario)[0]  # share of a sent photon, (time, channel)
    return np.dot(scenario.source.shares, scenario.source.mu) * photon / 4


def pulse_rates(scenario: Scenario, transmittance: np.ndarray) -> np.ndarray:
    """Return right and wrong sifted bits per pulse [1] of a source of pulses, shape (basis, 2, intensity, time).

    Parameters
    ----------
    scenario : Scenario
    transmittance : ndarray, shape (time,)
        Of the link, without detectors [1].

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> bits = pulse_rates(load_scenario("liao2017"), np.array([1e-3]))
    >>> bits.shape, bool((bits[:, 1] < bits[:, 0])[..., :2, :].all())
    ((2, 2, 3, 1), True)
    """
    assert isinstance(scenario.source, DecoySource)
    source, detection, period_s = scenario.source, scenario.detection, 1 / scenario.source.pulse_rate_hz
    dead_s = 1e-9 * detection.dead_time_ns
    pulse = {
        "window_s": scenario.coincidence.window_ns * 1e-9,
        "jitter_s": float(np.hypot(detection.timing_jitter_ps, source.pulse_width_ps / FWHM_PER_SIGMA)) * 1e-12,
        "period_s": period_s,
    }
    own, others = pulse_shares(**pulse)
    after = afterpulse_share(**pulse, dead_s=dead_s, decay_s=1e-9 * (detection.afterpulse_decay_ns or 0.0))
    own_pulse, pulses = pulses_in_dead_time(dead_s=dead_s, jitter_s=pulse["jitter_s"], period_s=period_s)
    photon = transmittance[:, None] * _efficiencies(scenario)[0]  # share of a sent photon, (time, channel)
    mean = photons_of_pulse(scenario, transmittance)
    noise = noise_hz(scenario, scenario.stations[0])
    gain, ready = detector_response(scenario, mean / period_s + noise)

    def counted(in_pulse: np.ndarray) -> np.ndarray:
        """Return the share of the clicks of a pulse that find their detector ready, from its photons there."""
        return 1 / (1 / ready + mean * (pulses - dead_s / period_s) + (in_pulse - mean) * own_pulse)

    # Clicks in the window of a pulse that tell nothing of its bit: light of other pulses, noise and after-pulses.
    stray = mean * (others + (gain - 1) * after) + noise * gain * min(pulse["window_s"], period_s)
    slip = contrast_error(source.polarization_contrast)
    wrong = source.preparation_error + slip - 2 * source.preparation_error * slip
    sent = source.mu[:, None, None] * photon / 2  # in the basis in which it was sent, (intensity, time, channel)
    right_or_wrong = []
    for part in (1 - wrong, wrong):
        # The basis was sent with probability one half, and so was the bit of either detector.
        bits = own * part * sent * counted(part * sent) / 4 + stray * counted(sent / 2) / 4
        right_or_wrong.append(bits.reshape(*bits.shape[:-1], 2, 2).sum(axis=-1))
    return np.moveaxis(np.stack(right_or_wrong), -1, 0)


def _pairs(scenario: Scenario, channel: xr.Dataset) -> dict[str, float]:
    """Return rates, error rates and S of pairs."""
    assert isinstance(scenario.source, EntangledSource)
    result, total = {}, 0.0
    for index, measurement in enumerate(scenario.measurements):
        transmittance = channel.transmittance.values[channel.measurement.values == index]
        rates = pair_rates(scenario, transmittance, angles_deg=measurement.angles_deg)
        pairs = np.sum(rates, axis=(0, 1))
        total += pairs.sum()
        result[f"{measurement.name}_coincidences"] = float(pairs.sum())
        result[f"{measurement.name}_sifted"] = float(np.einsum("ssop->", pairs))
        ideal = ideal_correlation(scenario.source.bell_state, *np.deg2rad(measurement.angles_deg))
        if measurement.name == "bell":
            result["chsh_s"] = chsh_s(pairs, ideal)
        else:
            bits = right_and_wrong(pairs, ideal)
            z, x = map(ratio, bits[:, 1], bits.sum(axis=1))
            result |= {"qber": ratio(bits[:, 1].sum(), bits.sum()), "qber_z": z, "qber_x": x}
    # As stage 4 counts them, off the peak.
    accidental_hz = singles(scenario, channel.transmittance.values).sum(axis=2).prod(axis=1)
    accidentals = scenario.coincidence.window_ns * 1e-9 * accidental_hz.sum()
    return {
        "coincidence_rate": ratio(total, channel.sizes["time"]),
        "accidental_rate": ratio(accidentals, channel.sizes["time"]),
        "signal_to_noise": ratio(total - accidentals, accidentals),
    } | result


def _pulses(scenario: Scenario, channel: xr.Dataset) -> dict[str, float]:
    """Return rates, gains and error rates of pulses."""
    assert isinstance(scenario.source, DecoySource)
    source = scenario.source
    bits = pulse_rates(scenario, channel.transmittance.values[:, 0]).sum(axis=0)
    sifted, errors = bits.sum(axis=0), bits[1]
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
