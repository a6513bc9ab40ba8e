"""Which photons reach which detector, and when: thinned Poisson processes, a stretch of a session at a time.

What comes out is the same wherever a session is cut into stretches, at the edges of coherence cells: each random
stream is used up in the order of the events.

Pairs, photons and pulses that nobody sees are never drawn. Of a Poisson stream of pairs, those that both stations
detect, those that only one detects and the background are independent Poisson processes whose rates follow from the
transmittances; photons from phase-randomised coherent pulses are Poissonian too. All of it is exact.
"""

from dataclasses import dataclass

import numba
import numpy as np

from satqkd.detection.rates import PoissonProcess
from satqkd.detection.source import contrast_error, joint_probabilities, werner_state, with_flips
from satqkd.streams import random_words, transmitter_log


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
    *,
    source,
    detection,
    measurement,
    efficiencies,
    edges_s,
    transmittances,
    rotations_rad,
    flights,
    switch_keys,
    emissions,
    rng,
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
    rotations_rad : ndarray, shape (2, cell)
        Angle by which the polarisation arrives turned at each station [rad].
    flights : sequence of callable
        Emission to arrival times of each link, which decide an active analyser's setting.
    switch_keys : sequence of int or None
        Keys of the stations' random settings; None for passive analysers.
    emissions : PoissonProcess
        Draws when pairs leave.
    rng : numpy.random.Generator
        Draws what becomes of them.

    Returns
    -------
    list of Light
    """
    best = efficiencies.max(axis=1)
    seen = np.minimum(transmittances * best[:, None], 1.0)
    angles = np.deg2rad(measurement.angles_deg)[:, None] - rotations_rad[..., None]  # by station, cell and setting
    probabilities = with_flips(
        joint_probabilities(werner_state(source.bell_state, source.fidelity), *angles),
        contrast_error(source.polarization_contrast),
    )
    times = emissions.times(edges_s, source.pair_rate_hz * (seen[0] + seen[1] - seen[0] * seen[1]))
    settings = [
        np.empty(0, np.uint8)
        if key is None
        else settings_at(flight(times), switch_rate_hz=detection.switch_rate_hz, key=key)
        for flight, key in zip(flights, switch_keys, strict=True)
    ]
    emission_s, channel = np.empty((2, times.size)), np.empty((2, times.size), np.uint8)
    below = probabilities.reshape(-1, 2, 2, 4).cumsum(axis=3)[..., :3]
    counts = _detect_pairs(
        times, *settings, edges_s, seen, below, efficiencies / best[:, None], emission_s, channel, rng
    )
    return [Light(emission_s[a, :n], channel[a, :n]) for a, n in enumerate(counts)]


@numba.njit(cache=True, nogil=True)
def _detect_pairs(times, first, second, edges, seen, below, relative_efficiency, emission, channel, rng):
    """Deal pairs that at least one station detects to the two; without settings, a beam splitter chooses them.

    What is not kept is written over: where chance decides, a branch costs more than a store.
    """
    n, m, i = 0, 0, 0
    last = seen.shape[1] - 1
    for k in range(last + 1):
        a, b = seen[0, k], seen[1, k]
        both = a * b
        while i < times.size and (times[i] < edges[k + 1] or k == last):
            fate = rng.random() * (a + b - both)
            share = 4 * rng.random()
            chosen = int(share)
            share -= chosen
            s = np.int64(first[i]) if first.size else chosen >> 1
            t = np.int64(second[i]) if second.size else chosen & 1
            outcome = (share >= below[k, s, t, 0]) + (share >= below[k, s, t, 1]) + (share >= below[k, s, t, 2])
            here, there = 2 * s + (outcome >> 1), 2 * t + (outcome & 1)
            emission[0, n], channel[0, n] = times[i], here
            emission[1, m], channel[1, m] = times[i], there
            n += (fate < a) & (rng.random() < relative_efficiency[0, here])
            m += ((fate < both) | (fate >= a)) & (rng.random() < relative_efficiency[1, there])
            i += 1
    return n, m


def decoy_light(
    *,
    source,
    measurement,
    efficiencies,
    edges_s,
    transmittance,
    rotation_rad,
    first_pulse,
    log_key,
    emissions,
    rng,
):
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
    rotation_rad : ndarray, shape (cell,)
        Angle by which the polarisation arrives turned [rad].
    first_pulse : int
        Number in the log of the pulse that begins at time zero.
    log_key : int
        Key of the transmitter's log.
    emissions : PoissonProcess
        Draws when photons leave.
    rng : numpy.random.Generator
        Draws what becomes of them.

    Returns
    -------
    Light
    """
    best = efficiencies.max()
    candidates = emissions.times(edges_s, source.pulse_rate_hz * source.mu.max() * transmittance * best)
    pulse = np.floor(candidates * source.pulse_rate_hz).astype(np.int64)
    intensity, basis, bit = transmitter_log(log_key, first_pulse + pulse, source.shares)
    angles = np.deg2rad(np.asarray(measurement.angles_deg[0]))
    sent = angles[:, None] + np.pi / 2 * np.arange(2)  # by basis and bit
    arriving = rotation_rad[:, None, None] + sent  # by cell, basis and bit
    error = source.preparation_error
    slip = contrast_error(source.polarization_contrast)
    wrong = error + slip - 2 * error * slip
    second = wrong + (1 - 2 * wrong) * np.sin(arriving[..., None] - angles) ** 2  # and by setting
    channel = np.empty(pulse.size, np.uint8)
    kept = source.mu / source.mu.max()
    count = _detect_pulses(
        candidates, edges_s, pulse, intensity, basis, bit, kept, second, efficiencies / best, channel, rng
    )
    return Light((pulse[:count] + 0.5) / source.pulse_rate_hz, channel[:count])


@numba.njit(cache=True, nogil=True)
def _detect_pulses(times, edges, pulse, intensity, basis, bit, kept, second, relative_efficiency, channel, rng):
    """Keep by intensity, analyse and detect photons: pulse numbers in place, and channels."""
    n, k = 0, 0
    for i in range(pulse.size):
        while k + 1 < second.shape[0] and times[i] >= edges[k + 1]:
            k += 1
        which = 2 * rng.random()
        setting = int(which)
        c = 2 * setting + (which - setting < second[k, basis[i], bit[i], setting])
        pulse[n], channel[n] = pulse[i], c
        n += rng.random() < kept[intensity[i]] * relative_efficiency[c]
    return n


def background(
    *, rates_hz: np.ndarray, edges_s: np.ndarray, arrivals: PoissonProcess, rng
) -> tuple[np.ndarray, np.ndarray]:
    """Background and dark clicks: times [s], ascending, and channel, of independent Poisson processes by channel."""
    times = arrivals.times(edges_s, np.full(edges_s.size - 1, rates_hz.sum()))
    channel = np.searchsorted(np.cumsum(rates_hz) / (rates_hz.sum() or 1.0), rng.random(times.size), side="right")
    return times, channel.astype(np.uint8)


@numba.njit(cache=True, nogil=True)
def merged(times, channel, other_times, other_channel):
    """Two ascending streams as one; at equal times the first stream's come first."""
    n, m = times.size, other_times.size
    both_times, both_channel = np.empty(n + m, times.dtype), np.empty(n + m, np.uint8)
    i = 0
    for j in range(m):
        while i < n and times[i] <= other_times[j]:
            both_times[i + j], both_channel[i + j] = times[i], channel[i]
            i += 1
        both_times[i + j], both_channel[i + j] = other_times[j], other_channel[j]
    both_times[i + m :], both_channel[i + m :] = times[i:], channel[i:]
    return both_times, both_channel
