"""Health of two recordings: light that is too bright, detectors that fall silent or lag, clocks that jump.

All functions take tags in one time, counted from the start, or counts in each second of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from satqkd.coincidence import streams
from satqkd.coincidence.clock import recover_clock
from satqkd.coincidence.spool import Spool
from satqkd.coincidence.streams import DelayCounts, Tags, last_time
from satqkd.flight import PS
from satqkd.result import Result

# Standard deviations at which a change is reported; a recording of an hour has ten thousand seconds by channel.
TELLING_SIGMA = 6.0
# A station whose detectors are dead for a larger part of the time is too bright.
DEAD_SHARE = 0.1
# A detector is silent below this part of its usual share of the station's clicks, and noisy above this multiple of it.
SILENT, NOISY = 0.1, 3.0
# Coincidences that fall to this part of the rate of the seconds before are lost.
LOST = 0.2
LONGEST_JUMP_S = 2.0
# A detector with less than this part of the coincidences that its clicks would have at the others' median looks blind.
BLIND = 0.5
# A jump this near to a whole number of seconds is a second that was counted twice or not at all.
WHOLE_SECOND_S = 1e-3
DETECTORS = 4


@dataclass(frozen=True, repr=False)
class Finding(Result):
    """One fault of a recording.

    Attributes
    ----------
    kind : str
        "bright", "silent", "noisy", "blind", "late", "lost" or "jump".
    station, detector : int
        Their numbers; -1 where the fault cannot be assigned.
    first_s, end_s : int
        Seconds in which it was seen, the last one excluded.
    text : str
        What was seen, without the names of station and detector.
    """

    kind: str
    station: int
    detector: int
    first_s: int
    end_s: int
    text: str


def clicks_by_second(time_ps: np.ndarray, detector: np.ndarray, seconds: int) -> np.ndarray:
    """Return the clicks of each detector in each second.

    Parameters
    ----------
    time_ps : ndarray of int64, shape (n,)
    detector : ndarray of uint8, shape (n,)
    seconds : int

    Returns
    -------
    ndarray of int64, shape (seconds, 4)

    Examples
    --------
    >>> clicks_by_second(np.array([0, 10**12, 10**12 + 5]), np.array([3, 0, 0], np.uint8), 2).tolist()
    [[0, 0, 0, 1], [2, 0, 0, 0]]
    """
    index = DETECTORS * (time_ps // int(PS)) + detector
    return np.bincount(index, minlength=DETECTORS * seconds).reshape(-1, DETECTORS)[:seconds]


def bin_middles_ps(bin_ps: int, bins: int) -> np.ndarray:
    """Return the middles of the bins of a histogram of delays about zero [ps].

    Examples
    --------
    >>> bin_middles_ps(100, 4).tolist()
    [-150.0, -50.0, 50.0, 150.0]
    """
    return (np.arange(bins) - bins / 2 + 0.5) * bin_ps


class DelaysByDetector:
    """Histograms of the delays b - a for each pair of detectors, of tags that arrive in aligned pieces.

    Parameters
    ----------
    bin_ps, bins : int
        As for `histogram`.

    Examples
    --------
    >>> delays = DelaysByDetector(bin_ps=100, bins=2)
    >>> tags = np.array([0, 5000]), np.array([0, 2], np.uint8)
    >>> delays.add(tags, tags)
    >>> delays.counts()[:, :, 1].tolist()
    [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    """

    def __init__(self, *, bin_ps: int, bins: int) -> None:
        self._pairs = [[DelayCounts([(bin_ps, bins, 0)]) for _ in range(DETECTORS)] for _ in range(DETECTORS)]

    def add(self, a: Tags, b: Tags) -> None:
        """Count the delays of a further piece of either station's tags, from `aligned`."""
        of_a, of_b = ([time[detector == d] for d in range(DETECTORS)] for time, detector in (a, b))
        for row, own_a in zip(self._pairs, of_a, strict=True):
            for pair, own_b in zip(row, of_b, strict=True):
                pair.add(own_a, own_b, until=last_time(a, b))

    def counts(self) -> np.ndarray:
        """Return the histograms so far, an array of int64 of shape (4, 4, bins)."""
        return np.array([[pair.counts[0] for pair in row] for row in self._pairs])


def mean_delay_by_second(time_ps: np.ndarray, delay_ps: np.ndarray, seconds: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean delay of the coincidences in each second and its standard deviation [s]; nan below two of them.

    Parameters
    ----------
    time_ps, delay_ps : ndarray of int64, shape (n,)
        They may be mapped from files, and are read in pieces.
    seconds : int

    Returns
    -------
    mean_s, sigma_s : ndarray, shape (seconds,)

    Examples
    --------
    >>> mean_s, sigma_s = mean_delay_by_second(np.array([1, 2, 3]), np.array([100, 200, 300]), 2)
    >>> mean_s.tolist(), (1e12 * sigma_s).round(1).tolist()
    ([2e-10, nan], [57.7, nan])
    """
    total, squares, n = np.zeros((3, seconds))
    pieces = [slice(k, k + streams.PIECE) for k in range(0, time_ps.size, streams.PIECE)]
    # One addition after the other, so that the pieces change no bit.
    for piece in pieces:
        second = time_ps[piece] // int(PS)
        n += np.bincount(second, minlength=seconds)
        np.add.at(total, second, delay_ps[piece] / PS)
    n[n < 2] = np.nan
    mean = total / n
    for piece in pieces:
        second = time_ps[piece] // int(PS)
        np.add.at(squares, second, (delay_ps[piece] / PS - mean[second]) ** 2)
    return mean, np.sqrt(squares / (n - 1) / n)


def runs(marked: ArrayLike) -> list[tuple[int, int]]:
    """Return the first and the end (excluded) of each stretch of marked seconds.

    Examples
    --------
    >>> runs([False, True, True, False, True])
    [(1, 3), (4, 5)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], np.asarray(marked, bool), [False]]).astype(int)))
    return [(int(first), int(end)) for first, end in zip(edges[::2], edges[1::2], strict=True)]


def blind_detectors(clicks: ArrayLike, coincidences: ArrayLike) -> np.ndarray:
    """Return which detectors have clicks but far fewer coincidences than the others of their station.

    Such a detector looks blind (its clicks are noise) or late (its delay lies outside the window).

    Parameters
    ----------
    clicks, coincidences : array_like, shape (4,)
        Of the detectors of one station.

    Returns
    -------
    ndarray of bool, shape (4,)

    Examples
    --------
    >>> blind_detectors([1000, 1000, 3000, 1000], [400, 380, 30, 410]).tolist()
    [False, False, True, False]
    """
    clicks, coincidences = np.asarray(clicks, dtype=float), np.asarray(coincidences, dtype=float)
    share = coincidences / np.maximum(clicks, 1.0)
    expected = clicks * np.array([np.median(np.delete(share, d)) for d in range(DETECTORS)])
    too_few = expected - coincidences > TELLING_SIGMA * np.sqrt(expected)
    return too_few & (coincidences < BLIND * expected)


def rate_findings(clicks: np.ndarray, station: int, *, dead_time_s: float) -> list[Finding]:
    """Return when a station was too bright, and when a detector fell silent or became noisy.

    A detector is compared with its usual share of the station's clicks, the 90th percentile or the median of all
    seconds, so that fading of the whole link is not a fault.

    Parameters
    ----------
    clicks : ndarray, shape (seconds, 4)
    station : int
    dead_time_s : float
        Of one detector.

    Returns
    -------
    list of Finding

    Examples
    --------
    >>> clicks = np.full((6, 4), 1000)
    >>> clicks[4:, 2] = 0
    >>> found = rate_findings(clicks, 1, dead_time_s=5e-8)
    >>> [(one.kind, one.detector, one.first_s, one.end_s) for one in found]
    [('silent', 2, 4, 6)]
    """
    total = clicks.sum(axis=1)
    found = [
        Finding(
            "bright", station, -1, first, end,
            f"{total[first:end].mean() / 1e6:.3g} MHz of clicks: its detectors are dead for "
            f"{100 * total[first:end].mean() * dead_time_s:.0f} % of the time",
        )
        for first, end in runs(total * dead_time_s > DEAD_SHARE)
    ]  # fmt: skip
    share = clicks / np.maximum(total, 1)[:, None]
    for detector in range(DETECTORS):
        usual, middle = np.percentile(share[total > 0, detector], [90, 50]) if total.any() else (0.0, 0.0)
        own, rest = clicks[:, detector], total - clicks[:, detector]
        # Clicks that the other detectors promise by the usual share.
        promised = rest * usual / max(1.0 - usual, 0.01)
        silent = (own < SILENT * promised) & (promised - own > TELLING_SIGMA * np.sqrt(promised))
        promised = rest * middle / max(1.0 - middle, 0.01)
        noisy = (own > NOISY * promised) & (own - promised > TELLING_SIGMA * np.sqrt(own + 1))
        for kind, marked, text in [("silent", silent, "falls to"), ("noisy", noisy, "rises to")]:
            found += [
                Finding(kind, station, detector, *run, f"{text} {own[slice(*run)].mean():.3g} clicks a second")
                for run in runs(marked)
            ]
    return found


def late_detectors(delays: np.ndarray, *, bin_ps: int, window_ps: int) -> list[Finding]:
    """Return detectors whose peak of delays is farther from that of the station's others than half of the window.

    Parameters
    ----------
    delays : ndarray, shape (4, 4, bins)
        From `DelaysByDetector`.
    bin_ps, window_ps : int
        Width of the bins, and of the window of coincidences.

    Returns
    -------
    list of Finding

    Examples
    --------
    >>> delays = np.zeros((4, 4, 200), int)
    >>> delays[:, :, 100] = 400
    >>> delays[:, 1, 100], delays[:, 1, 130] = 0, 400
    >>> [(one.kind, one.station, one.detector, one.text) for one in late_detectors(delays, bin_ps=100, window_ps=2000)]
    [('late', 1, 1, 'clicks 3.0 ns after the others, farther than half of the window')]
    """
    middle_ps = bin_middles_ps(bin_ps, delays.shape[2])
    half = max(int(window_ps / bin_ps / 2), 1)
    found = []
    for station in (0, 1):
        peak_ps = np.full(DETECTORS, np.nan)
        for detector, counts in enumerate(delays.sum(axis=1 - station)):
            place, background = int(counts.argmax()), np.median(counts)
            if counts[place] - background > TELLING_SIGMA * np.sqrt(background + 1):
                near = slice(max(place - half, 0), place + half + 1)
                above = np.maximum(counts[near] - background, 0.0)
                peak_ps[detector] = np.average(middle_ps[near], weights=above)
        # Delays are b - a, so that a late detector of a shows before the others.
        peak_ps *= 1 if station else -1
        for detector in np.flatnonzero(np.isfinite(peak_ps)).tolist():
            others = np.delete(peak_ps, detector)
            late_ps = peak_ps[detector] - np.median(others[np.isfinite(others)]) if np.isfinite(others).any() else 0.0
            if abs(late_ps) > window_ps / 2:
                side = "after" if late_ps > 0 else "before"
                text = f"clicks {abs(late_ps) / 1e3:.1f} ns {side} the others, farther than half of the window"
                found.append(Finding("late", station, detector, 0, 0, text))
    return found


def lost_stretches(coincidences: ArrayLike, background: float) -> list[tuple[int, int]]:
    """Return when coincidences stop from one second to the next although they came before, or begin so.

    Parameters
    ----------
    coincidences : array_like, shape (seconds,)
        In each second.
    background : float
        Accidental ones in a second.

    Returns
    -------
    list of (first, end)
        Seconds without coincidences, the last one excluded.

    Examples
    --------
    >>> lost_stretches([100, 104, 98, 3, 0, 2, 1], background=2.0)
    [(3, 7)]
    """
    true = np.asarray(coincidences, dtype=float) - background
    usual = np.percentile(true, 90) if true.size else 0.0
    marked = (true < LOST * usual) & (usual - true > TELLING_SIGMA * np.sqrt(max(usual + background, 1.0)))
    found = []
    for first, end in runs(marked):
        beside = [*true[max(first - 2, 0) : first], *true[end : end + 2]]
        # A link that fades slowly has few coincidences in the seconds next to it as well.
        if beside and max(beside) > usual / 2:
            found.append((first, end))
    return found


def jump_finding(
    a: Iterable[Tags], b: Iterable[Tags], first_s: int, end_s: int, *, folder: str | Path | None = None
) -> Finding:
    """Say why a stretch has no coincidences: a clock that jumped, if the pairs are found at another delay.

    Parameters
    ----------
    a, b : iterable of (ndarray of int64, ndarray of uint8)
        Ascending tags of both stations, chunk by chunk, of which the stretch is used.
    first_s, end_s : int
        The stretch.
    folder : str or Path, optional
        Where its tags are kept meanwhile if they are many; by default with the system's temporary files.

    Returns
    -------
    Finding
    """
    parts = []
    for tags in (a, b):
        part = Spool(np.int64, folder)
        for time, _ in tags:
            first, end = np.searchsorted(time, [int(first_s * PS), int(end_s * PS)])
            part.append(time[first:end] - int(first_s * PS))
        parts.append(part.array())
    try:
        reach_s = min(LONGEST_JUMP_S, 0.5 * (end_s - first_s) + 1.0)
        jump_s = recover_clock(*parts, reach_s=reach_s, folder=folder).offset_s
    except ValueError:
        text = f"coincidences stop and no clock within {LONGEST_JUMP_S:g} s finds them: the light path may be closed"
        return Finding("lost", -1, -1, first_s, end_s, text)
    whole = round(jump_s)
    text = f"its clock jumps by {jump_s:+.9f} s against the other"
    if whole and abs(jump_s - whole) < WHOLE_SECOND_S:
        text += ", a second that was counted twice or not at all"
    return Finding("jump", 1, -1, first_s, end_s, text)


def delay_jumps(delay_s: np.ndarray, sigma_s: np.ndarray, *, window_s: float) -> list[Finding]:
    """Return seconds at which the delay jumps by more than a tenth of the window, beyond what it drifts in a second.

    Parameters
    ----------
    delay_s, sigma_s : ndarray, shape (seconds,)
        Delay of the pairs in each second and its standard deviation.
    window_s : float

    Returns
    -------
    list of Finding

    Examples
    --------
    >>> delay_s = np.array([0, 1, 2, 3, 4, 45, 46, 47, 48]) * 1e-11
    >>> [(one.kind, one.first_s, one.text) for one in delay_jumps(delay_s, np.full(9, 1e-12), window_s=2e-9)]
    [('jump', 5, 'its clock jumps by +0.400 ns against the other')]
    """
    step, sigma = np.diff(delay_s), np.hypot(sigma_s[1:], sigma_s[:-1])
    beside = [np.append(step[max(k - 3, 0) : k], step[k + 1 : k + 4]) for k in range(step.size)]
    usual = np.array([np.median(near[np.isfinite(near)]) if np.isfinite(near).any() else 0.0 for near in beside])
    jump = step - usual
    marked = (np.abs(jump) > TELLING_SIGMA * sigma) & (np.abs(jump) > 0.1 * window_s)
    return [
        # A jump within a second shows in two steps.
        Finding(
            "jump", 1, -1, k + 1, end + 1, f"its clock jumps by {1e9 * jump[k:end].sum():+.3f} ns against the other"
        )
        for k, end in runs(marked)
    ]


def in_order(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings by the second in which they begin.

    Examples
    --------
    >>> in_order([Finding("jump", 1, -1, 9, 9, "b"), Finding("late", 0, 2, 0, 0, "a")])[0].text
    'a'
    """
    return sorted(findings, key=lambda one: (one.first_s, one.station, one.detector, one.kind))
