"""Which photons reach which detector, and when: thinned Poisson processes, a block of a session at a time.

Pairs, photons and pulses that nobody sees are never drawn. Of a Poisson stream of pairs, those that both stations
detect, those that only one detects and the background are independent Poisson processes whose rates follow from the
transmittances; photons from phase-randomised coherent pulses are Poissonian too. All of it is exact.
"""

from dataclasses import dataclass

import numpy as np

from satqkd.dataset import random_words, transmitter_log
from satqkd.detection.rates import poisson_times
from satqkd.detection.source import contrast_error, joint_probabilities, werner_state, with_flips


@dataclass(frozen=True)
class Light:
    """Photons on their way to one station.

    Attributes
    ----------
    emission_s : ndarray, shape (n,)
        Time of emission, ascending [s].
    channel : ndarray of uint8, shape (n,)
        2 * setting + outcome of the detector that they will meet.
    """

    emission_s: np.ndarray
    channel: np.ndarray


def settings_at(times_s: np.ndarray, *, switch_rate_hz: float, key: int) -> np.ndarray:
    """Setting (0 or 1) of an active analyser at given times, from its record of random numbers.

    Parameters
    ----------
    times_s : ndarray, shape (n,)
        Times since the epoch [s].
    switch_rate_hz : float
        Settings drawn each second [1/s].
    key : int
        Key of the station's record.
    """
    slots = np.floor(times_s * switch_rate_hz).astype(np.int64)
    return (random_words(np.uint64(key), slots) & np.uint64(1)).astype(np.uint8)


def entangled_light(
    *, source, detection, measurement, efficiencies, edges_s, transmittances, flights, switch_keys, rng
):
    """Photons of a pair source that are going to be detected at two stations.

    Parameters
    ----------
    source, detection, measurement
        Sections of the scenario.
    efficiencies : ndarray, shape (2, channel)
        Detector efficiencies [1].
    edges_s : ndarray, shape (cell + 1,)
        Edges of the coherence cells [s].
    transmittances : ndarray, shape (2, cell)
        Of the two links, without detectors, fading included [1].
    flights : sequence of callable
        Emission to arrival times of each link, which decide an active analyser's setting.
    switch_keys : sequence of int or None
        Keys of the stations' random settings; None for passive analysers.
    rng : numpy.random.Generator

    Returns
    -------
    list of Light
    """
    best = efficiencies.max(axis=1)
    seen = np.minimum(transmittances * best[:, None], 1.0)
    probabilities = with_flips(
        joint_probabilities(werner_state(source.bell_state, source.fidelity), *np.deg2rad(measurement.angles_deg)),
        contrast_error(source.polarization_contrast),
    )
    both = poisson_times(edges_s, source.pair_rate_hz * seen[0] * seen[1], rng)
    settings = [_settings(both, flight, detection, key, rng) for flight, key in zip(flights, switch_keys, strict=True)]
    cumulative = probabilities.reshape(2, 2, 4).cumsum(axis=2)[settings[0], settings[1]]
    joint = np.minimum((rng.random(both.size)[:, None] > cumulative).sum(axis=1), 3).astype(np.uint8)
    outcomes = [joint >> 1, joint & 1]
    marginals = [probabilities.sum(axis=3)[:, 0, 1], probabilities.sum(axis=2)[0, :, 1]]
    lights = []
    for a in range(2):
        alone = poisson_times(edges_s, source.pair_rate_hz * seen[a] * (1 - seen[1 - a]), rng)
        setting = _settings(alone, flights[a], detection, switch_keys[a], rng)
        outcome = (rng.random(alone.size) < marginals[a][setting]).astype(np.uint8)
        emission = np.concatenate([both, alone])
        channel = np.concatenate([2 * settings[a] + outcomes[a], 2 * setting + outcome]).astype(np.uint8)
        order = np.argsort(emission, kind="stable")
        lights.append(_detected(emission[order], channel[order], efficiencies[a] / best[a], rng))
    return lights


def decoy_light(*, source, measurement, efficiencies, edges_s, transmittance, first_pulse, log_key, rng):
    """Photons of a decoy-state transmitter that are going to be detected at one station.

    The photons that a phase-randomised pulse of mean photon number mu sends through a channel of transmittance eta are
    Poissonian with mean mu eta: the photons of all pulses are drawn at the brightest intensity, put into the pulse
    in which they fall, and kept with mu / mu_max by the log. Pulses that hold several are thereby in it.

    Parameters
    ----------
    source, measurement
        Sections of the scenario.
    efficiencies : ndarray, shape (channel,)
        Detector efficiencies [1].
    edges_s : ndarray, shape (cell + 1,)
        Edges of the coherence cells [s since the session's epoch].
    transmittance : ndarray, shape (cell,)
        Of the link, without detectors, fading included [1].
    first_pulse : int
        Number in the log of the pulse that begins at time zero.
    log_key : int
        Key of the transmitter's log.
    rng : numpy.random.Generator

    Returns
    -------
    Light
    """
    mu = source.mu
    best = efficiencies.max()
    candidates = poisson_times(edges_s, source.pulse_rate_hz * mu.max() * transmittance * best, rng)
    pulse = np.floor(candidates * source.pulse_rate_hz).astype(np.int64)
    intensity, basis, bit = transmitter_log(log_key, first_pulse + pulse, source.shares)
    kept = rng.random(pulse.size) < (mu / mu.max())[intensity]
    pulse, basis, bit = pulse[kept], basis[kept], bit[kept]
    setting = (rng.random(pulse.size) < 0.5).astype(np.uint8)
    sent = np.deg2rad(np.asarray(measurement.angles_deg[0]))[basis] + np.pi / 2 * bit
    analyser = np.deg2rad(np.asarray(measurement.angles_deg[0]))[setting]
    error = source.preparation_error
    slip = contrast_error(source.polarization_contrast)
    wrong = error + slip - 2 * error * slip
    second = wrong + (1 - 2 * wrong) * np.sin(sent - analyser) ** 2
    outcome = (rng.random(pulse.size) < second).astype(np.uint8)
    centre = (pulse + 0.5) / source.pulse_rate_hz
    return _detected(centre, (2 * setting + outcome).astype(np.uint8), efficiencies / best, rng)


def background(*, rates_hz: np.ndarray, start_s: float, end_s: float, rng) -> tuple[np.ndarray, np.ndarray]:
    """Background and dark clicks: times [s], ascending, and channel, of independent Poisson processes by channel."""
    times = poisson_times(np.array([start_s, end_s]), np.array([rates_hz.sum()]), rng)
    channel = np.searchsorted(np.cumsum(rates_hz) / (rates_hz.sum() or 1.0), rng.random(times.size), side="right")
    return times, channel.astype(np.uint8)


def _settings(emission_s, flight, detection, key, rng) -> np.ndarray:
    if key is None:
        return (rng.random(emission_s.size) < 0.5).astype(np.uint8)
    return settings_at(flight(emission_s), switch_rate_hz=detection.switch_rate_hz, key=key)


def _detected(emission_s, channel, relative_efficiency, rng) -> Light:
    kept = rng.random(channel.size) < relative_efficiency[channel]
    return Light(emission_s[kept], channel[kept])
