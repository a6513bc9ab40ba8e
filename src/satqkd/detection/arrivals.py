"""Which photons reach which detector, and when: thinned Poisson processes, one stretch of a session after another.

The result does not depend on where a session is cut into stretches, at edges of coherence cells, because each random
stream is used up in the order of the events.

Pairs, photons and pulses that are not detected are never drawn. Of a Poisson stream of pairs, those that both stations
detect, those that only one detects and the background are independent Poisson processes whose rates follow from the
transmittances; photons from phase-randomised coherent pulses are Poissonian, too. The method is exact.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numba
import numpy as np
from numpy.typing import ArrayLike

from satqkd.detection.rates import PoissonProcess
from satqkd.detection.source import (
    PairState,
    contrast_error,
    joint_probabilities,
    second_port,
    source_state,
    with_flips,
)
from satqkd.streams import random_words, transmitter_log


class PairSource(PairState, Protocol):
    """What `entangled_light` needs of a source: section `source` of a scenario has it."""

    @property
    def pair_rate_hz(self) -> float: ...
    @property
    def polarization_contrast(self) -> float | None: ...


class PulseSource(Protocol):
    """What `decoy_light` needs of a source: section `source` of a scenario has it.

    Attributes
    ----------
    mu, shares : ndarray, shape (intensity,)
        Mean photon number of each intensity, and its share of the pulses [1].
    """

    @property
    def pulse_rate_hz(self) -> float: ...
    @property
    def mu(self) -> np.ndarray: ...
    @property
    def shares(self) -> np.ndarray: ...
    @property
    def polarization_contrast(self) -> float | None: ...
    @property
    def preparation_error(self) -> float: ...


@dataclass(frozen=True)
class Light:
    """Photons on their way to one station.

    Attributes
    ----------
    emission_s : ndarray, shape (n,)
        Time of emission, ascending [s].
    channel : ndarray of uint8, shape (n,)
        2 * setting + outcome of the detector that they will reach.
    """

    emission_s: np.ndarray
    channel: np.ndarray


def settings_at(
    times_s: np.ndarray,
    *,
    switch_rate_hz: float,
    key: int,
    repeats_after: int | None = None,
    first_share: float = 0.5,
) -> np.ndarray:
    """Return the setting (0 or 1) of an active analyser at given times, from its record of random numbers.

    Parameters
    ----------
    times_s : ndarray, shape (n,)
        Times since the epoch [s].
    switch_rate_hz : float
        Settings drawn per second [1/s].
    key : int
        Key of the station's record.
    repeats_after : int, optional
        Number of settings after which the record begins again; by default it never does.
    first_share : float
        Share of the settings that are 0, at least one half: of the ones of a balanced record, some become 0 [1].

    Returns
    -------
    ndarray of uint8, shape (n,)

    Examples
    --------
    >>> settings_at(np.array([0.0, 0.4, 0.5, 1.1, 1.6]), switch_rate_hz=2.0, key=7).tolist()
    [0, 0, 1, 0, 0]
    """
    slots = np.floor(times_s * switch_rate_hz).astype(np.int64)
    if repeats_after is not None:
        slots %= repeats_after
    words = random_words(np.uint64(key), slots)
    setting = (words & np.uint64(1)).astype(np.uint8)
    if first_share > 0.5:
        setting &= (words >> np.uint64(11)) * 2.0**-53 < 2 * (1 - first_share)
    return setting


def entangled_light(
    *,
    source: PairSource,
    angles_deg: ArrayLike,
    switch_rate_hz: float | None,
    efficiencies: np.ndarray,
    edges_s: np.ndarray,
    transmittances: np.ndarray,
    rotations_rad: np.ndarray,
    flights: Sequence[Callable[[np.ndarray], np.ndarray]],
    switch_keys: Sequence[int | None],
    repeats_after: Sequence[int | None] = (None, None),
    first_shares: Sequence[float] = (0.5, 0.5),
    optics: Sequence[np.ndarray] | None = None,
    emissions: PoissonProcess,
    rng: np.random.Generator,
) -> list[Light]:
    """Draw the photons of a pair source that two stations will detect.

    Parameters
    ----------
    source : PairSource
    angles_deg : array_like, shape (2, setting)
        Analyser angles of the two stations [degree].
    switch_rate_hz : float or None
        Settings that an active analyser draws per second; None for passive analysers [1/s].
    efficiencies : ndarray, shape (2, channel)
        Detector efficiencies [1].
    edges_s : ndarray, shape (cell + 1,)
        Edges of the coherence cells [s].
    transmittances : ndarray, shape (2, cell)
        Of the two links, including fading, without detectors [1].
    rotations_rad : ndarray, shape (2, cell)
        Rotation of the polarisation that arrives at each station [rad].
    flights : sequence of callable
        For each link, arrival times [s] from emission times [s]: they decide the setting of an active analyser.
    switch_keys : sequence of int or None
        Keys of the stations' random settings; None for passive analysers.
    repeats_after : sequence of int or None
        Number of settings after which each station's record begins again; None if it never does.
    first_shares : sequence of float
        Share of each station's settings that are 0, at least one half [1].
    optics : sequence of ndarray of complex, shape (2, cell, 2, 2), optional
        Jones matrix of what the photons pass on their way to each station.
    emissions : PoissonProcess
        Draws the emission times of pairs.
    rng : numpy.random.Generator
        Draws losses, settings and outcomes.

    Returns
    -------
    list of Light
        For each station, shape (2,).

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> mission = load_scenario("yin2020")
    >>> alice, bob = entangled_light(
    ...     source=mission.source,
    ...     angles_deg=mission.measurements[0].angles_deg,
    ...     switch_rate_hz=None,
    ...     efficiencies=np.full((2, 4), 0.5),
    ...     edges_s=np.array([0.0, 0.01]),
    ...     transmittances=np.full((2, 1), 0.01),
    ...     rotations_rad=np.zeros((2, 1)),
    ...     flights=[lambda emission_s: emission_s + 0.002] * 2,
    ...     switch_keys=[None, None],
    ...     emissions=PoissonProcess(np.random.default_rng(1)),
    ...     rng=np.random.default_rng(2),
    ... )
    >>> alice.emission_s.size, bob.emission_s.size
    (299, 306)
    """
    best = efficiencies.max(axis=1)
    seen = np.minimum(transmittances * best[:, None], 1.0)
    angles = np.deg2rad(angles_deg)[:, None] - rotations_rad[..., None]  # by station, cell and setting
    probabilities = with_flips(
        joint_probabilities(source_state(source), *angles, optics=optics),
        contrast_error(source.polarization_contrast),
    )
    times = emissions.times(edges_s, source.pair_rate_hz * (seen[0] + seen[1] - seen[0] * seen[1]))
    settings = [
        np.empty(0, np.uint8)
        if key is None or switch_rate_hz is None
        else settings_at(flight(times), switch_rate_hz=switch_rate_hz, key=key, repeats_after=repeat, first_share=share)
        for flight, key, repeat, share in zip(flights, switch_keys, repeats_after, first_shares, strict=True)
    ]
    emission_s, channel = np.empty((2, times.size)), np.empty((2, times.size), np.uint8)
    below = probabilities.reshape(-1, 2, 2, 4).cumsum(axis=3)[..., :3]
    counts = _detect_pairs(
        times, *settings, edges_s, seen, below, efficiencies / best[:, None], emission_s, channel, rng
    )
    return [Light(emission_s[a, :n], channel[a, :n]) for a, n in enumerate(counts)]


@numba.njit(cache=True, nogil=True)
def _detect_pairs(
    times: np.ndarray, first: np.ndarray, second: np.ndarray, edges: np.ndarray,
    seen: np.ndarray, below: np.ndarray, relative_efficiency: np.ndarray,
    emission: np.ndarray, channel: np.ndarray, rng: np.random.Generator,
) -> tuple[int, int]:  # fmt: skip
    """Assign pairs that at least one station detects to the stations; where no settings are given, draw them.

    A photon that is not kept is overwritten by the next one, because a branch that depends on chance costs more than a
    store.
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
    source: PulseSource,
    angles_deg: ArrayLike,
    efficiencies: np.ndarray,
    edges_s: np.ndarray,
    transmittance: np.ndarray,
    rotation_rad: np.ndarray,
    first_pulse: int,
    log_key: int,
    optics: np.ndarray | None = None,
    emissions: PoissonProcess,
    rng: np.random.Generator,
) -> Light:
    """Draw the photons of a decoy-state transmitter that one station will detect.

    The number of photons of a phase-randomised pulse of mean photon number mu behind a channel of transmittance eta is
    Poissonian with mean mu eta. The photons of all pulses are therefore drawn at the brightest intensity, assigned to
    the pulse in which they fall, and kept with probability mu / mu_max by the intensity in the log. Pulses of several
    photons are included.

    Parameters
    ----------
    source : PulseSource
    angles_deg : array_like, shape (setting,)
        Analyser angles [degree], of transmitter and station alike.
    efficiencies : ndarray, shape (channel,)
        Detector efficiencies [1].
    edges_s : ndarray, shape (cell + 1,)
        Edges of the coherence cells [s since the session's epoch].
    transmittance : ndarray, shape (cell,)
        Of the link, including fading, without detectors [1].
    rotation_rad : ndarray, shape (cell,)
        Rotation of the polarisation that arrives [rad].
    first_pulse : int
        Number in the log of the pulse that begins at time zero.
    log_key : int
        Key of the transmitter's log.
    optics : ndarray of complex, shape (cell, 2, 2), optional
        Jones matrix of what the photons pass on their way, in place of the rotation.
    emissions : PoissonProcess
        Draws the emission times of photons.
    rng : numpy.random.Generator
        Draws losses, settings and outcomes.

    Returns
    -------
    Light

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> mission = load_scenario("liao2017")
    >>> light = decoy_light(
    ...     source=mission.source,
    ...     angles_deg=mission.measurements[0].angles_deg[0],
    ...     efficiencies=np.full(4, 0.5),
    ...     edges_s=np.array([0.0, 0.01]),
    ...     transmittance=np.array([0.001]),
    ...     rotation_rad=np.zeros(1),
    ...     first_pulse=0,
    ...     log_key=7,
    ...     emissions=PoissonProcess(np.random.default_rng(1)),
    ...     rng=np.random.default_rng(2),
    ... )
    >>> light.emission_s.size, np.unique(light.channel).tolist()
    (215, [0, 1, 2, 3])
    """
    best = efficiencies.max()
    candidates = emissions.times(edges_s, source.pulse_rate_hz * source.mu.max() * transmittance * best)
    pulse = np.floor(candidates * source.pulse_rate_hz).astype(np.int64)
    intensity, basis, bit = transmitter_log(log_key, first_pulse + pulse, source.shares)
    angles = np.deg2rad(angles_deg)
    sent = angles[:, None] + np.pi / 2 * np.arange(2)  # by basis and bit
    error = source.preparation_error
    slip = contrast_error(source.polarization_contrast)
    wrong = error + slip - 2 * error * slip
    if optics is None:  # by cell, basis, bit and setting
        across = np.sin((rotation_rad[:, None, None] + sent)[..., None] - angles) ** 2
    else:
        across = second_port(optics, sent, angles)
    second = wrong + (1 - 2 * wrong) * across
    channel = np.empty(pulse.size, np.uint8)
    kept = source.mu / source.mu.max()
    count = _detect_pulses(
        candidates, edges_s, pulse, intensity, basis, bit, kept, second, efficiencies / best, channel, rng
    )
    return Light((pulse[:count] + 0.5) / source.pulse_rate_hz, channel[:count])


@numba.njit(cache=True, nogil=True)
def _detect_pulses(
    times: np.ndarray, edges: np.ndarray, pulse: np.ndarray,
    intensity: np.ndarray, basis: np.ndarray, bit: np.ndarray,
    kept: np.ndarray, second: np.ndarray, relative_efficiency: np.ndarray,
    channel: np.ndarray, rng: np.random.Generator,
) -> int:  # fmt: skip
    """Thin photons by intensity, analyse and detect them; write pulse numbers and channels, and return the count."""
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
    *, rates_hz: np.ndarray, edges_s: np.ndarray, arrivals: PoissonProcess, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw background and dark clicks, an independent Poisson process for each channel.

    Parameters
    ----------
    rates_hz : ndarray, shape (channel,) or (cell, channel)
        Rate of background and dark counts together [1/s], in each cell where it varies.
    edges_s : ndarray, shape (cell + 1,)
        Edges of the stretch, and of cells within it [s].
    arrivals : PoissonProcess
        Draws the times.
    rng : numpy.random.Generator
        Draws the channels.

    Returns
    -------
    times_s : ndarray, shape (n,)
        Ascending [s].
    channel : ndarray of uint8, shape (n,)

    Examples
    --------
    >>> rng, arrivals = np.random.default_rng(1), PoissonProcess(np.random.default_rng(1))
    >>> rates_hz, edges_s = np.array([1.0, 3.0]), np.array([0.0, 1.0])
    >>> times, channel = background(rates_hz=rates_hz, edges_s=edges_s, arrivals=arrivals, rng=rng)
    >>> times.round(2).tolist(), channel.tolist()
    ([0.27, 0.35], [1, 1])
    """
    if rates_hz.ndim == 1:
        times = arrivals.times(edges_s, np.full(edges_s.size - 1, rates_hz.sum()))
        channel = np.searchsorted(np.cumsum(rates_hz) / (rates_hz.sum() or 1.0), rng.random(times.size), side="right")
        return times, channel.astype(np.uint8)
    times = arrivals.times(edges_s, rates_hz.sum(axis=1))
    cell = np.minimum(np.searchsorted(edges_s, times, side="right"), len(rates_hz)) - 1
    up_to = np.cumsum(rates_hz, axis=1)
    drawn = rng.random(times.size) * up_to[cell, -1]
    return times, (up_to[cell, :-1] <= drawn[:, None]).sum(axis=1).astype(np.uint8)


@numba.njit(cache=True, nogil=True)
def merged(
    times: np.ndarray, channel: np.ndarray, other_times: np.ndarray, other_channel: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Merge two ascending streams; at equal times those of the first stream come first.

    Examples
    --------
    >>> zeros, ones = np.zeros(2, np.uint8), np.ones(2, np.uint8)
    >>> [column.tolist() for column in merged(np.array([1, 5]), zeros, np.array([3, 5]), ones)]
    [[1, 3, 5, 5], [0, 1, 0, 1]]
    """
    n, m = times.size, other_times.size
    both_times, both_channel = np.empty(n + m, times.dtype), np.empty(n + m, np.uint8)
    i = 0
    for j in range(m):
        while i < n and times[i] <= other_times[j]:
            both_times[i + j], both_channel[i + j] = times[i], channel[i]
            i += 1
        both_times[i + j], both_channel[i + j] = other_times[j], other_channel[j]
    # Not slices: numba would compile the words of an error for shapes that differ, which takes two seconds.
    while i < n:
        both_times[i + m], both_channel[i + m] = times[i], channel[i]
        i += 1
    return both_times, both_channel
