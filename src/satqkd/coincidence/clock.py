"""Recover offset and drift between two streams of tags: follow the peak of their correlation and fit it."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from satqkd.coincidence.acquisition import Line, Search, acquire, follow, limit_message, overlap
from satqkd.coincidence.curve import bends, maximise, pieces_near, smooth
from satqkd.coincidence.matching import _require_ascending, _tags
from satqkd.coincidence.spool import Spool
from satqkd.flight import PS, arrival_times, hermite
from satqkd.result import Result

# Standard deviations at which a fit contradicts its prior.
CONTRADICTION = 6
# Least share of the time in which a delay that bends has to be seen for the bend to be believed.
FOLLOWED = 0.8


@dataclass(frozen=True, repr=False)
class Clock(Result):
    """A local clock against the reference, local = (1 + drift) reference + offset, and its departure from that line.

    Attributes
    ----------
    offset_s, drift : float
        At reference time zero [s], and fractional frequency error [1].
    offset_sigma_s, drift_sigma : float
        One standard deviation of each.
    residual_rms_s : float
        Standard deviation of the correlated tags about the fit [s]: the jitter of a pair.
    pairs : float
        Correlated pairs of tags in the fit; not a whole number, since each pair counts by its probability.
    false_alarm : float
        Bound on the probability that chance shows such a peak anywhere in what was searched.
    followed : float
        Share of the recording over which the peak was seen. Elsewhere the clock is interpolated or continued.
    node_s, wander_s, wander_rate : ndarray, shape (m,)
        Times of the line [s], departure from it [s], and its slope [1]. A cubic goes through them; zero where a line
        is all that the tags call for.
    """

    offset_s: float = 0.0
    drift: float = 0.0
    offset_sigma_s: float = np.inf
    drift_sigma: float = np.inf
    residual_rms_s: float = 0.0
    pairs: float = 0.0
    false_alarm: float = 1.0
    followed: float = 0.0
    node_s: np.ndarray = field(default_factory=lambda: np.arange(2.0))
    wander_s: np.ndarray = field(default_factory=lambda: np.zeros(2))
    wander_rate: np.ndarray = field(default_factory=lambda: np.zeros(2))

    def true_s(self, local_ps: np.ndarray) -> np.ndarray:
        """Return the reference times [s] of ascending tags of the local clock [ps]."""
        line = (local_ps / PS - self.offset_s) / (1 + self.drift)
        return line - self.wander_at(line)

    def wander_at(self, line_s: np.ndarray) -> np.ndarray:
        """Return the departure from the line [s] at ascending times of the line [s]."""
        return hermite(line_s, self.node_s, self.wander_s, self.wander_rate)


def recover_clock(
    reference_ps: ArrayLike,
    local_ps: ArrayLike,
    *,
    prior: Clock | None = None,
    reach_s: float = 2.0,
    node_s: np.ndarray | None = None,
    range_m: np.ndarray | None = None,
    range_rate_m_s: np.ndarray | None = None,
    folder: str | Path | None = None,
) -> Clock:
    """Recover offset and drift of one stream of tags against another that shares some events with it.

    GPS seconds, beacon pulses and correlated photons are treated alike: events that both streams contain make a peak
    in their correlation. The search begins with a short stretch and wide bins, and takes longer stretches or finer bins
    until a peak stands out that chance would not make. The peak is followed through the recording, and a line, or a
    curve where the tags require one, is fitted to all pairs near it.

    Parameters
    ----------
    reference_ps, local_ps : array_like of int64, shapes (n,) and (m,)
        Ascending tags of either clock, counted from a time near the recording's start [ps]: numbers of 64 bits hold a
        picosecond for three hours.
    prior : Clock, optional
        Where to look. Without one the clocks are taken to agree to within `reach_s` and 100 ppm.
    reach_s : float
        The delay against the prior stays within this from the first tag to the last [s]. For a comb of pulses it has
        to be less than half their spacing.
    node_s, range_m, range_rate_m_s : ndarray, shape (k,), optional
        The orbit's prediction: the reference is what leaves the satellite, and its time of flight is added.
    folder : str or Path, optional
        Where the pairs near the peak are kept meanwhile if they are many; by default with the system's temporary files.
        With tags that are mapped from a file the memory does not grow with them.

    Returns
    -------
    Clock
        Where the tags call for a curve, or contradict the prior by more than six standard deviations (an orbit that
        was predicted wrongly does both), the line is that of the prior and all the rest is wander. Without a prior
        the line is that of least squares, and its sigmas hold the wander's root mean square.

    Raises
    ------
    ValueError
        Where no peak stands out that chance makes less often than once in a million searches, where several fit
        alike (a comb), or where the peak was lost: a bend that was not seen for most of the time, a delay outside of
        the reach. For tags that are not whole numbers or do not ascend.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> shared = np.sort(rng.integers(10**12, size=20_000))
    >>> clock = recover_clock(shared, shared + 300_000)
    >>> round(1e9 * clock.offset_s)
    300
    """
    if not reach_s > 0:
        raise ValueError(f"reach_s={reach_s} is not above 0: give the seconds by which the prior may be wrong")
    a, b = _ascending("reference_ps", reference_ps), _ascending("local_ps", local_ps)
    if node_s is not None and range_m is not None and range_rate_m_s is not None:
        arrival_s = arrival_times(a / PS, node_s=node_s, range_m=range_m, range_rate_m_s=range_rate_m_s)
        a = _tags("arrivals", np.rint(arrival_s * PS).astype(np.int64))
    prior = prior or Clock()
    search = overlap(a, b, Line(0.0, 0.0, prior.offset_s * PS, prior.drift, 0.0), reach_s * PS)
    seed = None if search is None else acquire(search)
    if search is None or seed is None:
        raise ValueError(
            f"nothing found: no peak within {reach_s:g} s of the prior is common to {a.size} and {b.size} tags"
            + ("" if search is None else limit_message(search))
        )
    return _fit(search, seed, prior, folder)


def seconds_clock(gps_ps: ArrayLike) -> Clock:
    """Fit offset and drift to tags of GPS seconds, each of which belongs to the nearest whole second.

    Parameters
    ----------
    gps_ps : array_like of int64, shape (n,)
        Local tags [ps], within half a second of the seconds that they mark.

    Raises
    ------
    ValueError
        For fewer than three tags.

    Examples
    --------
    >>> clock = seconds_clock(np.array([2, 3, 4]) * 10**12 + 5_000_000)
    >>> round(1e6 * clock.offset_s, 6)
    5.0
    """
    local = np.asarray(gps_ps) / PS
    if local.size < 3:
        raise ValueError(f"{local.size} tags do not fix a clock: it takes 3")
    x, y = np.rint(local), local - np.rint(local)
    mean = x.mean()
    drift = (x - mean) @ y / ((x - mean) @ (x - mean))
    residual = y - y.mean() - drift * (x - mean)
    variance = residual @ residual / (x.size - 2)
    drift_sigma = np.sqrt(variance / ((x - mean) @ (x - mean)))
    return Clock(
        offset_s=float(y.mean() - drift * mean),
        drift=float(drift),
        offset_sigma_s=float(np.hypot(np.sqrt(variance / x.size), mean * drift_sigma)),
        drift_sigma=float(drift_sigma),
        residual_rms_s=float(np.sqrt(variance)),
        pairs=float(x.size),
        false_alarm=0.0,
        followed=1.0,
    )


def _ascending(name: str, tags: ArrayLike) -> np.ndarray:
    tags = _tags(name, tags)
    _require_ascending(name, tags)
    return tags


def _fit(search: Search, seed: Line, prior: Clock, folder: str | Path | None) -> Clock:
    """Fit a line or a curve to all pairs near the followed peak."""
    track = follow(search, seed)
    line = replace(seed, start=search.begin, delay=seed.at(search.begin))
    points = [(piece, piece.start + part * piece.span) for piece in track for part in (0.25, 0.75)]
    curve: tuple[np.ndarray, ...] = (
        np.array([(time - line.start) / PS for _, time in points]),
        np.array([piece.at(time) - line.at(time) for piece, time in points]),
        np.array([(piece.drift - line.drift) * PS for piece, _ in points]),
    )
    sigma, share, half = seed.bin / 2, 0.5, 16 * seed.bin
    for _ in range(6):
        time, delay = _pairs_near(search, line, curve, half, folder)
        curve, sigma, share, found = maximise(time, delay, curve, half, sigma, share)
        wider = pieces_near(search.a, search.b, line.start, line.delay, line.drift, curve, 4 * half)
        around = sum(piece.size for piece, _ in wider)
        background = (around - time.size) / 3
        if (1 - share) * time.size > 1.5 * background + 5 * np.sqrt(background + 4):
            # The fit attributes more pairs to background than the sidebands show, so the window covers only the top of
            # the peak: widen it.
            sigma, half = half / 2, 4 * half
        elif 6 * sigma < half < 40 * sigma:
            # The window holds the whole peak, and not too much background.
            break
        else:
            half = 8 * sigma
    off = curve[1] + line.at(line.start + curve[0] * PS) - search.base.at(line.start + curve[0] * PS)
    if np.abs(off).max() > search.reach:
        raise ValueError(
            f"nothing certain found: the peak leaves the {search.reach / PS:g} s about the prior: "
            "give a better prior, or a larger reach_s"
        )
    followed = _followed(search, track, line, found)
    if bends(curve) and followed < FOLLOWED and not np.isfinite(prior.offset_sigma_s):
        raise ValueError(
            f"nothing certain found: the delay bends, and its peak was lost for {1 - followed:.0%} of the time; "
            "take an orbit that predicts the flight better, or pulses and a prior"
        )
    clock = _straight(line, curve, sigma, found)
    clock = replace(clock, false_alarm=search.false_alarm(seed), followed=followed)
    return _against_prior(clock, prior)


def _pairs_near(
    search: Search, line: Line, curve: tuple[np.ndarray, ...], half: float, folder: str | Path | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return times and delays of all pairs near a curve, in a file if they are many."""
    time, delay = Spool(float, folder), Spool(float, folder)
    for own_time, own_delay in pieces_near(search.a, search.b, line.start, line.delay, line.drift, curve, half):
        time.append(own_time)
        delay.append(own_delay)
    return time.array(), delay.array()


def _followed(search: Search, track: list[Line], line: Line, found: tuple[np.ndarray, ...]) -> float:
    """Return the share of the recording in which the fit kept most of what the track saw in its wider bins."""
    x, _, weight = found
    total = np.concatenate([[0.0], np.cumsum(weight)])
    kept = 0.0
    for piece in track:
        first, last = np.searchsorted(x, (np.array([0, piece.span]) + piece.start - line.start) / PS)
        if total[last] - total[first] > (piece.count - piece.mean) / 2:
            kept += piece.span
    return min(kept / search.span, 1.0)


def _straight(line: Line, curve: tuple[np.ndarray, ...], sigma: float, found: tuple[np.ndarray, ...]) -> Clock:
    """Return the least-squares line through a curve, its errors, and the remaining wander."""
    nodes, values, slopes = curve
    x, information, weight = found
    pairs = weight.sum()
    _, ends, (slope, _) = smooth(x, hermite(x, *curve), np.maximum(information, 0), 0)
    left = ends[0] - slope * x[0]
    since = x + line.start / PS
    information = information * max(pairs - 2, 1) / pairs
    normal = np.array([[information.sum(), information @ since], [information @ since, information @ since**2]])
    variance = np.diag(np.linalg.inv(normal))
    drift = line.drift + slope / PS
    wander, rate, spread = np.zeros(2), np.zeros(2), 0.0
    if bends(curve):
        wander, rate = (values - left - slope * nodes) / PS / (1 + drift), (slopes - slope) / PS / (1 + drift)
        spread = np.sqrt(np.mean(hermite(x, nodes, wander, rate) ** 2))
    return Clock(
        offset_s=float((line.at(0.0) + left - slope * line.start / PS) / PS),
        drift=float(drift),
        offset_sigma_s=float(np.hypot(np.sqrt(variance[0]) / PS, spread)),
        drift_sigma=float(np.hypot(np.sqrt(variance[1]) / PS, spread / np.std(x))),
        residual_rms_s=float(sigma / PS),
        pairs=float(pairs),
        **_continued(nodes + line.start / PS + wander, wander, rate),
    )


def _continued(node_s: np.ndarray, wander_s: np.ndarray, wander_rate: np.ndarray) -> dict:
    """Return the nodes with one more at either end, beyond which the cubic continues as a line."""
    step = np.array([-1.0, 1.0])
    before, after = node_s[[0, -1]] + step, wander_s[[0, -1]] + step * wander_rate[[0, -1]]
    return {
        "node_s": np.concatenate([before[:1], node_s, before[1:]]),
        "wander_s": np.concatenate([after[:1], wander_s, after[1:]]),
        "wander_rate": wander_rate[np.r_[0, : wander_rate.size, -1]],
    }


def _against_prior(clock: Clock, prior: Clock) -> Clock:
    """Return the clock itself where a line agrees with the prior; else the prior's line, with the rest as wander."""
    off = abs(clock.offset_s - prior.offset_s) / np.hypot(clock.offset_sigma_s, prior.offset_sigma_s)
    skew = abs(clock.drift - prior.drift) / np.hypot(clock.drift_sigma, prior.drift_sigma)
    if not np.isfinite(prior.offset_sigma_s) or (not clock.wander_s.any() and max(off, skew) < CONTRADICTION):
        return clock
    line = ((1 + clock.drift) * clock.node_s + clock.offset_s - prior.offset_s) / (1 + prior.drift)
    return replace(
        clock,
        offset_s=prior.offset_s,
        drift=prior.drift,
        offset_sigma_s=prior.offset_sigma_s,
        drift_sigma=prior.drift_sigma,
        node_s=line,
        wander_s=line - (clock.node_s - clock.wander_s),
        wander_rate=1 - (1 - clock.wander_rate) * (1 + prior.drift) / (1 + clock.drift),
    )
