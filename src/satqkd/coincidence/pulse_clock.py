"""Recover a receiver's clock against the transmitter's log: from the comb of its pulses, and by identifying them."""

from dataclasses import dataclass, replace

import numba
import numpy as np

from satqkd.coincidence.acquisition import FALSE_ALARM, MAX_DRIFT
from satqkd.coincidence.clock import Clock
from satqkd.flight import PS
from satqkd.result import Result

# Error rate and share of noise that the comparison with the log assumes. Other values only make it less sensitive.
ASSUMED_QBER, ASSUMED_NOISE = 0.1, 0.1
FEWEST_TAGS = 128
COMB_TAGS = (512, 4096)  # numbers of tags, tried in turn: more tags show a fainter comb, but take longer
MOST_DRIFTS = 1 << 20
STEP_TAGS, STEPS_S = 1000, (1e-3, 1.0)
# Numbers of tags that are compared with every place of the log, tried in turn, and then with the places that are left.
PLACE_TAGS, ALL_TAGS = (96, 384, 768), 20_000
# Scores are rounded to multiples of a unit and limited, so that their sums fit 16 bits.
SCORE_UNIT, LARGEST_SCORE = 1 / 16, 42
LEAST_SHIFTS, MOST_SHIFTS, BLOCK = 1 << 20, 1 << 26, 1 << 14
# A clock counts as curved if the mean square of its deviations from a line exceeds this many variances.
BENT = 3.0
PEAK_SIGMA = 5  # half width of the peak of the pulses
MAD_TO_SIGMA = 1.4826  # median absolute deviation to standard deviation of a normal distribution
# State of a pulse in the log: 4 x intensity + 2 x basis + bit, or this where the log has no pulse.
NO_PULSE = 12


@dataclass(frozen=True, repr=False)
class PulseLog(Result):
    """Record of the pulses that a transmitter sent.

    Attributes
    ----------
    states : ndarray of uint8, shape (pulse,)
        4 x intensity + 2 x basis + bit of each pulse.
    repeats : bool
        Whether the record is sent again and again.
    first : int
        Index in the record of pulse number 0.
    """

    states: np.ndarray
    repeats: bool = False
    first: int = 0

    def at(self, pulse: np.ndarray) -> np.ndarray:
        """Return the states of pulses by their numbers; `NO_PULSE` where the log has none.

        Examples
        --------
        >>> PulseLog(np.array([0, 7, 3], np.uint8)).at(np.array([1, 5])).tolist()
        [7, 12]
        >>> PulseLog(np.array([0, 7, 3], np.uint8), repeats=True).at(np.array([1, 5])).tolist()
        [7, 3]
        """
        place = pulse + self.first
        if self.repeats:
            return self.states[place % self.states.size]
        known = (place >= 0) & (place < self.states.size)
        return np.where(known, self.states[np.where(known, place, 0)], np.uint8(NO_PULSE))

    def between(self, first: int, end: int) -> np.ndarray:
        """Return the states of the pulses from `first` to before `end`; see `at`.

        Examples
        --------
        >>> PulseLog(np.array([0, 7, 3], np.uint8)).between(-1, 2).tolist()
        [12, 0, 7]
        """
        if self.repeats:
            return self.at(np.arange(first, end))
        first, end = first + self.first, end + self.first
        low, high = np.clip([first, end], 0, self.states.size)
        return np.pad(
            self.states[low:high],
            (min(max(-first, 0), end - first), min(max(end - self.states.size, 0), end - first)),
            constant_values=NO_PULSE,
        )


def recover_pulse_clock(
    local_ps: np.ndarray,
    channel: np.ndarray,
    log: PulseLog,
    *,
    pulse_rate_hz: float,
    mean_photon_numbers: np.ndarray,
    prior_offset_s: float = 0.0,
    reach_s: float = 2.0,
) -> Clock:
    """Recover offset and drift of a receiver's clock against the transmitter's log of pulses.

    Pulse n is at (n + 1/2) periods of the transmitter's clock. The tags show the comb of the pulses, whose phase is
    followed through the recording. Intensities, bases and bits of the log then identify the pulses.

    Parameters
    ----------
    local_ps : ndarray of int64, shape (n,)
        Ascending tags [ps].
    channel : ndarray of uint8, shape (n,)
        2 x setting + outcome.
    log : PulseLog
    pulse_rate_hz : float
        Pulse rate by the transmitter's clock [1/s].
    mean_photon_numbers : ndarray, shape (intensity,)
    prior_offset_s, reach_s : float
        The tags' time at time zero of the transmitter, and the largest error of this time [s].

    Returns
    -------
    Clock
        Clock of the receiver against the transmitter.

    Raises
    ------
    ValueError
        If the tags show no comb of this rate, or if no place or several places of the log fit them.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> log = PulseLog(rng.integers(0, 4, 100_000).astype(np.uint8))  # one intensity
    >>> pulse = np.sort(rng.choice(100_000, 2000, replace=False))
    >>> setting = rng.integers(0, 2, pulse.size)
    >>> state = log.at(pulse)
    >>> channel = 2 * setting + np.where(setting == state >> 1, state & 1, rng.integers(0, 2, pulse.size))
    >>> time_ps = 1_000_000 * pulse + 500_000 + 12_300_000
    >>> mu = np.array([0.5, 0.1, 0.0])
    >>> clock = recover_pulse_clock(time_ps, channel, log, pulse_rate_hz=1e6, mean_photon_numbers=mu, reach_s=0.01)
    >>> round(1e6 * clock.offset_s, 6)
    12.3
    """
    period_ps = PS / pulse_rate_hz
    if local_ps.size < FEWEST_TAGS:
        raise ValueError(f"{local_ps.size} tags do not show a comb of pulses: it takes {FEWEST_TAGS}")
    drift = comb_drift(local_ps, period_ps)
    clock = _followed_comb(local_ps, period_ps, drift)
    pulse = np.floor(clock.true_s(local_ps) * pulse_rate_hz).astype(np.int64)
    scores = log_scores(log, mean_photon_numbers)
    # The comb does not say which pulse is the first.
    centre, half = (
        int(np.rint((clock.offset_s - prior_offset_s) * pulse_rate_hz)),
        int(np.ceil(reach_s * pulse_rate_hz)),
    )
    shift, false_alarm = place_in_log(pulse, channel, log, scores, first=centre - half, count=2 * half + 1)
    moved_s = shift / pulse_rate_hz
    middle_s = float(clock.true_s(local_ps[local_ps.size // 2 :][:1])[0]) + moved_s
    return replace(
        clock,
        offset_s=float(clock.offset_s - (1 + clock.drift) * moved_s),
        offset_sigma_s=float(np.hypot(clock.offset_sigma_s, middle_s * clock.drift_sigma)),
        false_alarm=false_alarm,
        node_s=clock.node_s + moved_s,
    )


def comb_drift(local_ps: np.ndarray, period_ps: float) -> float:
    """Return the drift with which tags in the middle of a recording make a comb of a known period.

    Parameters
    ----------
    local_ps : ndarray of int64, shape (n,)
        Ascending tags [ps].
    period_ps : float
        Period of the pulses by the transmitter's clock [ps].

    Raises
    ------
    ValueError
        If no drift within `MAX_DRIFT` makes a comb.

    Notes
    -----
    Rayleigh's test: for times without a comb the squared resultant over n is exponentially distributed with mean 1.

    Examples
    --------
    >>> pulse = np.sort(np.random.default_rng(1).choice(10**6, 10_000, replace=False))
    >>> drift = comb_drift(np.rint(pulse * 10_000 * (1 + 3e-5)).astype(np.int64), 1e4)
    >>> round(1e6 * drift, 1)
    30.0
    """
    for tags in COMB_TAGS:
        phase, turn, span_ps = _stretch(local_ps, tags, period_ps)
        tried = int(np.ceil(MAX_DRIFT * 4 * span_ps / period_ps))
        if tried > MOST_DRIFTS:
            break
        drifts = np.arange(-tried, tried + 1) * (MAX_DRIFT / tried)
        seen = _squared_resultants(phase, turn, drifts / (1 + drifts))
        if seen.max() > np.log(drifts.size / FALSE_ALARM):
            best = float(drifts[seen.argmax()])
            while tags < local_ps.size and span_ps < PS:  # a longer stretch gives a more precise drift
                tags *= 2
                phase, turn, span_ps = _stretch(local_ps, tags, period_ps)
                drifts = best + np.arange(-16, 17) * period_ps / (8 * span_ps)
                best = float(drifts[_squared_resultants(phase, turn, drifts / (1 + drifts)).argmax()])
            return best
    raise ValueError(
        f"tags at {1e12 * local_ps.size / max(np.ptp(local_ps), 1):.3g} 1/s show no comb of {PS / period_ps:.9g} "
        f"pulses a second within {1e6 * MAX_DRIFT:g} ppm: check source.pulse_rate_hz, and whether there is more "
        "than noise"
    )


def _stretch(local_ps: np.ndarray, tags: int, period_ps: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Return phase and time from the middle of the central tags, in radians of the period, and their span [ps]."""
    middle = local_ps.size // 2
    some = local_ps[max(middle - tags // 2, 0) : middle + tags // 2]
    since = (some - local_ps[middle]).astype(float)
    radian = 2 * np.pi / period_ps
    return since % period_ps * radian, since * radian, float(max(since[-1] - since[0], period_ps))


@numba.njit(cache=True)
def _squared_resultants(phase: np.ndarray, turn: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Return |sum exp(i (phase - rate turn))|^2 / n for each rate."""
    result = np.empty(rates.size)
    for k in range(rates.size):
        cos, sin = 0.0, 0.0
        for i in range(phase.size):
            angle = phase[i] - rates[k] * turn[i]
            cos += np.cos(angle)
            sin += np.sin(angle)
        result[k] = (cos * cos + sin * sin) / phase.size
    return result


def _followed_comb(local_ps: np.ndarray, period_ps: float, drift: float) -> Clock:
    """Follow the phase of the comb from the middle of a recording to both ends; the first pulse is still unknown."""
    origin = local_ps[local_ps.size // 2]
    since = (local_ps - origin) / (1 + drift)
    span_s = max(float(since[-1] - since[0]) / PS, 1e-9)
    step_ps = PS * float(np.clip(STEP_TAGS * span_s / local_ps.size, *STEPS_S))
    number = np.floor((since - since[0]) / step_ps).astype(np.int64)
    n = np.bincount(number).astype(float)
    angle = since % period_ps * (2 * np.pi / period_ps)
    resultant = np.bincount(number, np.cos(angle)) + 1j * np.bincount(number, np.sin(angle))
    length = np.abs(resultant) / np.maximum(n, 1)
    seen = np.flatnonzero(n * length**2 > np.log(n.size / FALSE_ALARM))
    if not seen.size:
        raise ValueError("the comb of pulses fades nowhere into view: record with more light")
    time = np.bincount(number, since)[seen] / n[seen]
    delay = _unwrapped(time, np.angle(resultant[seen]) * period_ps / (2 * np.pi), period_ps)
    # Variance of a mean direction, with the second moment of a normal distribution.
    radians = (1 - length[seen] ** 4) / (2 * n[seen] * length[seen] ** 2)
    variance = np.maximum(radians * (period_ps / (2 * np.pi)) ** 2, 1e-2)
    for _ in range(2):  # again with the tags of the peak alone, which removes most of the noise between the pulses
        slope, left = _line(time, delay, variance)
        rest = delay - left - slope * time
        rest = rest if _bends(rest, variance) else np.zeros(rest.size)
        curve = left + slope * since + np.interp(since, time, rest)
        off = (since - curve + period_ps / 2) % period_ps - period_ps / 2
        scatter_ps = max(MAD_TO_SIGMA * float(np.median(np.abs(off))), 1.0)
        near = np.abs(off) < PEAK_SIGMA * scatter_ps
        n_near = np.maximum(np.bincount(number[near], minlength=n.size)[seen], 1)
        delay = left + slope * time + rest + np.bincount(number[near], off[near], minlength=n.size)[seen] / n_near
        variance = scatter_ps**2 / n_near
    slope, left = _line(time, delay, variance)
    rest = delay - left - slope * time
    total = 1 / np.sum(1 / variance)
    full_drift = (1 + drift) / (1 - slope) - 1
    clock = Clock(
        offset_s=float(((1 + full_drift) * (left - period_ps / 2) + origin) / PS),
        drift=float(full_drift),
        offset_sigma_s=float(np.sqrt(total) / PS),
        drift_sigma=float(np.sqrt(total) / max(np.std(time), step_ps)),
        residual_rms_s=scatter_ps / PS,
        pairs=float(np.abs(resultant[seen]).sum()),
        followed=seen.size / n.size,
    )
    if not _bends(rest, variance):
        return clock
    # Nodes in true time: since the origin, corrected by the slope of the delays.
    node_s, wander_s = ((1 - slope) * time - left + period_ps / 2) / PS, rest / PS
    return replace(clock, node_s=node_s, wander_s=wander_s, wander_rate=np.gradient(wander_s, node_s))


def _line(time: np.ndarray, delay: np.ndarray, variance: np.ndarray) -> tuple[float, float]:
    """Return slope and value at zero of the line through delays."""
    if time.size == 1:
        return 0.0, float(delay[0])
    slope, left = np.polyfit(time, delay, 1, w=variance**-0.5)
    return float(slope), float(left)


def _bends(rest: np.ndarray, variance: np.ndarray) -> bool:
    """Return whether deviations from a line are larger than noise."""
    return rest.size > 2 and bool(np.sum(rest**2 / variance) > BENT * rest.size)


def _unwrapped(time: np.ndarray, delay: np.ndarray, period: float) -> np.ndarray:
    """Return delays without jumps of whole periods, each as near as possible to the line through those before it."""
    result = delay.copy()
    middle = result.size // 2
    for places in (range(middle + 1, result.size), range(middle - 1, -1, -1)):
        step = places.step
        for k in places:
            slope = 0.0
            if abs(k - middle) > 1:
                first = max(k - 3 * step, middle) if step > 0 else min(k - 3 * step, middle)
                slope = (result[k - step] - result[first]) / (time[k - step] - time[first])
            promised = result[k - step] + slope * (time[k] - time[k - step])
            result[k] += period * np.rint((promised - result[k]) / period)
    return result


def log_scores(log: PulseLog, mean_photon_numbers: np.ndarray) -> np.ndarray:
    """Return the log likelihood ratio of a tag for a given pulse of the log against a random one.

    Parameters
    ----------
    log : PulseLog
    mean_photon_numbers : ndarray, shape (intensity,)

    Returns
    -------
    ndarray, shape (channel, state)
        Channels are 2 x setting + outcome. The last state is `NO_PULSE`, with a score of 0.

    Examples
    --------
    >>> log_scores(PulseLog(np.arange(12, dtype=np.uint8)), np.array([0.8, 0.1, 0.0]))[0, [0, 1, 2, 8]].round(
    ...     2
    ... ).tolist()
    [1.49, -0.54, 0.92, -2.3]
    """
    share = np.bincount(log.states >> 2, minlength=3)[:3] / log.states.size
    mu = np.asarray(mean_photon_numbers, float)
    intensity, basis, bit = (np.arange(NO_PULSE) >> 2), (np.arange(NO_PULSE) >> 1) & 1, np.arange(NO_PULSE) & 1
    channel = np.arange(4)[:, None]
    alike = np.where((channel & 1) == bit, 2 * (1 - ASSUMED_QBER), 2 * ASSUMED_QBER)
    ratio = (mu / (share @ mu))[intensity] * np.where((channel >> 1) == basis, alike, 1.0)
    return np.pad(np.log((1 - ASSUMED_NOISE) * ratio + ASSUMED_NOISE), ((0, 0), (0, 1)))


def place_in_log(
    pulse: np.ndarray, channel: np.ndarray, log: PulseLog, scores: np.ndarray, *, first: int, count: int
) -> tuple[int, float]:
    """Return the shift of the tags' pulse numbers that fits a log, and a bound on the probability of a chance fit.

    Parameters
    ----------
    pulse : ndarray of int64, shape (n,)
        Ascending numbers of pulses, up to a shift.
    channel : ndarray of uint8, shape (n,)
    log : PulseLog
    scores : ndarray, shape (channel, state)
        From `log_scores`.
    first, count : int
        The shifts to try.

    Raises
    ------
    ValueError
        If no shift fits, or several fit equally well.

    Notes
    -----
    The mean likelihood ratio over random logs is 1, so that by Markov's inequality chance exceeds exp(s) at one of N
    shifts with a probability of at most N exp(-s).

    Examples
    --------
    >>> log = PulseLog(np.random.default_rng(1).integers(0, 12, 5000).astype(np.uint8))
    >>> pulse = np.flatnonzero(log.states[:1000] < 4)
    >>> place_in_log(
    ...     pulse - 70, log.states[pulse], log, log_scores(log, np.array([0.5, 0.1, 0.0])), first=0, count=200
    ... )[0]
    70
    """
    if log.repeats and count > log.states.size:  # of equivalent places take the one nearest to the middle
        first, count = first + (count - log.states.size) // 2, log.states.size
    # Chance is expected to exceed this evidence at less than one place.
    limit = np.log(count)
    middle = pulse.size // 2
    for tags in PLACE_TAGS:
        part = slice(max(middle - tags // 2, 0), middle + tags // 2)
        shifts = _likely_shifts(pulse[part], channel[part], log, scores, first=first, count=count, least=limit + 3)
        if shifts.size or tags >= pulse.size:
            break
    part = slice(max(middle - ALL_TAGS // 2, 0), middle + ALL_TAGS // 2)
    evidence = np.array([scores[channel[part], log.at(pulse[part] + shift)].sum() for shift in shifts])
    enough = -np.log(FALSE_ALARM)
    if not evidence.size or evidence.max() < limit + enough:
        raise ValueError(
            f"no place of the log within {count} pulses fits {pulse.size} tags: check that the log belongs to this "
            "recording, channels, the order of log_intensities, and start_s of transmitter and station, or raise "
            "start_uncertainty_s"
        )
    near = shifts[evidence > evidence.max() - enough]
    if near.size > 1:
        raise ValueError(
            f"places of the log that are {near[1] - near[0]} pulses apart fit the tags equally well: if "
            "the record repeats after that many pulses, give one period of it, and repeats: true"
        )
    return int(near[0]), float(np.exp(limit - evidence.max()))


def _likely_shifts(
    pulse: np.ndarray, channel: np.ndarray, log: PulseLog, scores: np.ndarray, *, first: int, count: int, least: float
) -> np.ndarray:
    """Return the shifts at which the sum of the tags' scores exceeds a value."""
    whole = np.clip(np.floor(scores / SCORE_UNIT), -LARGEST_SCORE, LARGEST_SCORE).astype(np.int8)
    span = int(pulse[-1] - pulse[0])
    size = int(np.clip(span, LEAST_SHIFTS, MOST_SHIFTS))
    found = []
    for begin in range(first, first + count, size):
        total = np.zeros(min(size, first + count - begin), np.int16)
        states = log.between(int(pulse[0]) + begin, int(pulse[-1]) + begin + total.size)
        _add_scores(whole[:, states], channel, pulse - pulse[0], total)
        found.append(begin + np.flatnonzero(total > least / SCORE_UNIT))
    return np.concatenate(found)


@numba.njit(cache=True)
def _add_scores(rows: np.ndarray, channel: np.ndarray, pulse: np.ndarray, total: np.ndarray) -> None:
    """Add the scores of all tags at each shift, in blocks that fit a processor's cache."""
    for low in range(0, total.size, BLOCK):
        block = total[low : low + BLOCK]
        for k in range(pulse.size):
            row = rows[channel[k], pulse[k] + low : pulse[k] + low + block.size]
            for j in range(block.size):
                block[j] += row[j]
