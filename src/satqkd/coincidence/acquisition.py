"""Find the peak in the correlation of two streams of tags without prior knowledge, sharpen it, and follow it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from satqkd.coincidence.delays import SIDE, correlate, highest, line_sums, pair_counts, tags_between
from satqkd.flight import PS

# Two clocks agree to within this, a fraction of time.
MAX_DRIFT = 1e-4
# Largest probability that chance gives a peak, a comb of pulses, or a place in a log, anywhere in the searched range.
FALSE_ALARM = 1e-6
# Limits of the first search: widest bin [ps], cells (segments times delays), segments, and lines to try.
WIDEST_BIN, MAX_CELLS, MAX_ROWS, CANDIDATES = 2e7, 2**24, 2**11, 8
# A closer look at a line: segments, delays, and the finest bin [ps], since a tag is rounded to a picosecond.
ROWS, BINS, FINEST_BIN = 64, 192, 4.0
# Steps towards a line that stands out more, as factors of stretch and bin, the cheapest first. A shorter stretch may be
# any quarter; a longer one has to keep this share of the correlated tags per second.
STEPS = ((1 / 4, 1 / 16), (1, 1 / 16), (1, 1 / 4), (1 / 4, 1 / 4), (1 / 4, 1), (4, 1), (4, 4), (4, 16), (16, 16))
QUARTERS, KEPT = (0.125, -0.125, 0.375, -0.375), 0.6
# Within this time light may fade, but a delay does not bend [ps].
STEADY = 1e12
# With this many correlated tags a line need not be longer: the rest of the recording is followed piece by piece.
ENOUGH = 1000


@dataclass(frozen=True)
class Line:
    """A line of delays over a stretch of time [ps]: tags of b follow those of a by delay + drift (a - start), within
    a bin.
    """

    start: float
    span: float
    delay: float
    drift: float
    bin: float
    count: int = 0
    mean: float = 0.0

    @property
    def evidence(self) -> float:
        """Return minus the logarithm of Chernoff's bound on the probability of at least this count on a given line."""
        return self.count * np.log(self.count / self.mean) - self.count + self.mean if self.count > self.mean else 0.0

    @property
    def rate(self) -> float:
        """Return the correlated tags per picosecond."""
        return (self.count - self.mean) / self.span

    @property
    def steady_rate(self) -> float:
        """Return two standard deviations below the rate; 0 for less than a second, in which light flickers."""
        return (self.count - 2 * np.sqrt(self.count) - self.mean) / self.span if self.span >= STEADY else 0.0

    def keeps(self, rate: float) -> bool:
        """Return whether the line holds most of the tags that a steady rate would give."""
        return self.span < STEADY or self.rate > KEPT * rate

    def at(self, time: Any) -> Any:
        """Return the delay [ps] at a time, or at an array of times [ps]."""
        return self.delay + self.drift * (time - self.start)

    def touches(self, other: "Line") -> bool:
        """Return whether two lines of one stretch share tags."""
        first, last = (self.at(t) - other.at(t) for t in (self.start, self.start + self.span))
        return first * last <= 0 or min(abs(first), abs(last)) < 4 * self.bin


@dataclass(frozen=True)
class Search:
    """Two streams, the line around which to search, how far from it, and the interval in which both have tags [ps]."""

    a: np.ndarray
    b: np.ndarray
    base: Line
    reach: float
    begin: float
    end: float

    @property
    def span(self) -> float:
        return self.end - self.begin

    @property
    def max_drift(self) -> float:
        return _max_drift(self.reach, self.span)

    @property
    def middle(self) -> float:
        """Return the time at which half of the rarer tags have passed."""
        if self.a.size <= self.b.size:
            return float(self.a[self.a.size // 2])
        time = float(self.b[self.b.size // 2])
        return time - self.base.at(time)

    def density(self, line: Line, start: float, span: float, reach: float) -> float:
        """Return the pairs of tags per delay that chance puts about a line in a stretch, of at least one pair
        [1/ps].
        """
        end = start + span
        n_a = tags_between(self.a, start, end)
        n_b = tags_between(self.b, start + line.at(start) - reach, end + line.at(end) + reach)
        return max(n_a * n_b, 1) / (span + 2 * reach)

    def placed(self, start: float, span: float) -> float:
        """Return the start of a stretch, moved so that the stretch lies within the recording."""
        return min(max(start, self.begin), self.end - span)

    def false_alarm(self, line: Line) -> float:
        """Return the number of such lines that could have been taken, times the probability of one as rich."""
        lines = 2 * self.reach / line.bin * (1 + 2 * self.max_drift * line.span / line.bin) * 2 * self.span / line.span
        return float(np.exp(min(np.log(lines) - line.evidence, 0.0)))


def overlap(a: np.ndarray, b: np.ndarray, base: Line, reach: float) -> Search | None:
    """Return the search over the interval that two streams [ps] have in common, or None."""
    if min(a.size, b.size) < 3:
        return None
    begin = max(float(a[0]), float(b[0]) - base.at(float(b[0])) - reach)
    end = min(float(a[-1]), float(b[-1]) - base.at(float(b[-1])) + reach)
    return Search(a, b, base, reach, begin, end) if end > begin + FINEST_BIN else None


def _max_drift(reach: float, span: float) -> float:
    return min(MAX_DRIFT, 2 * reach / span)


def _delays(reach: float, total: float, span: float, width: float) -> int:
    return int(np.ceil((2 * reach + _max_drift(reach, total) * span) / width))


def _levels(reach: float, total: float) -> Iterator[tuple[int, float, float]]:
    """Yield segments, bin and stretch of one search after the other: longer stretches first, then finer bins."""
    drift = _max_drift(reach, total)
    rows, final = 8, False
    while not final:
        cover = 2 * drift * total / rows
        least = max(rows * (2 * reach + drift * total) / MAX_CELLS, FINEST_BIN)
        width = max(min(WIDEST_BIN, reach / 64, cover), least)
        final = width > cover or rows == MAX_ROWS
        yield rows, width, min(total, rows * width / (2 * drift))
        rows *= 2


def acquire(search: Search) -> Line | None:
    """Return the first line that chance does not explain; raise if another line fits equally well."""
    for rows, width, span in _levels(search.reach, search.span):
        found = rough = None
        for candidate in _candidates(search, rows, width, search.placed(search.middle - span / 2, span), span):
            if found and rough and (candidate.touches(rough) or candidate.rate < rough.rate / 2):
                continue
            line = _sharpen(search, candidate)
            if search.false_alarm(line) > FALSE_ALARM:
                continue
            delays = [x.at(search.middle) for x in (found or line, line)]
            if abs(delays[1] - delays[0]) > 8 * width:
                raise ValueError(
                    f"delays of {delays[0] / PS:.9g} s and {delays[1] / PS:.9g} s fit alike: "
                    f"give a prior, and a reach_s below half the spacing of the pulses"
                )
            found, rough = found or line, rough or candidate
        if found:
            return found
    return None


def limit_message(search: Search) -> str:
    """Say what a peak would need to be found, for the end of a sentence."""
    seconds = search.span / PS
    rates = search.a.size / seconds, search.b.size / seconds
    limit = detection_limit_hz(*rates, duration_s=seconds, reach_s=search.reach / PS)
    return (
        f" in {seconds:.3g} s; at these rates it takes about {limit:.2g} coincidences a second: "
        "record for longer, or search less far"
    )


def _candidates(search: Search, rows: int, width: float, start: float, span: float) -> list[Line]:
    """Return the likeliest lines that reach and drift allow, the best first."""
    delays = _delays(search.reach, search.span, span, width)
    low = search.base.at(start) - search.reach - search.max_drift * span / 2
    lowest = Line(start, span, low, search.base.drift - search.max_drift, width)
    density = search.density(search.base, start, span, search.reach)
    counts = _counts(search, lowest, rows, delays + rows, density)
    lines = []
    # Sums in chunks that a processor's cache holds; of each part of them the best line.
    chunk, part = max(rows, 2**19 // rows), max(32, delays // 64)
    for first in range(0, delays, chunk):
        left, last = max(first - SIDE, 0), min(first + chunk, delays)
        right = min(last + SIDE, delays)
        sums = line_sums(counts[:, left : right + rows])
        for near in range(first, last, part):
            ends = near - left, min(near + part, last) - left
            slope, delay, count, mean = highest(sums, *ends, right - left, density * width)
            lines.append(_line(lowest, rows, slope, delay + left, count, mean))
    needed = np.log(rows * delays) - np.log(CANDIDATES)
    return sorted((x for x in lines if x.evidence > needed), key=lambda x: -x.evidence)[:CANDIDATES]


def _counts(search: Search, lowest: Line, rows: int, bins: int, density: float) -> np.ndarray:
    """Count pairs of tags of a stretch in rows and bins, one by one or by Fourier transform."""
    counts, row = np.zeros((rows, bins), np.int32), lowest.span / rows
    # Counting a pair takes some nanoseconds, a bin of a Fourier transform some tens.
    few = density * bins * lowest.bin < 30 * rows * (bins + row / lowest.bin)
    (pair_counts if few else correlate)(
        search.a, search.b, lowest.start, row, lowest.delay, lowest.drift, lowest.bin, counts
    )
    return counts


def _line(lowest: Line, rows: int, slope: int, delay: int, count: int, mean: float) -> Line:
    """Return the line of a cell of `line_sums`."""
    row = lowest.span / rows
    steeper = slope * lowest.bin / ((rows - 1) * row)
    return replace(
        lowest,
        delay=lowest.delay + (delay + 0.5) * lowest.bin - steeper * row / 2,
        drift=lowest.drift + steeper,
        count=int(count),
        mean=float(mean),
    )


def _look(search: Search, near: Line) -> Line:
    """Return the line near a given one, of its stretch and bin, that stands out most."""
    row = near.span / ROWS
    drift = near.drift - ROWS / 2 * near.bin / ((ROWS - 1) * row)
    lowest = replace(near, delay=near.delay - (BINS - 1.5 * ROWS) / 2 * near.bin, drift=drift)
    density = search.density(near, near.start, near.span, BINS * near.bin)
    sums = line_sums(_counts(search, lowest, ROWS, BINS, density))
    return _line(lowest, ROWS, *highest(sums, 0, BINS - ROWS, BINS - ROWS, density * near.bin))


def _sharpen(search: Search, line: Line) -> Line:
    """Move to neighbouring lines that stand out more, until no neighbour does."""
    widest, richest = line.bin, line.steady_rate
    while True:
        for trial in _neighbours(search, line, widest):
            # A line that a bending delay has left loses tags per second, however many it has in total.
            if trial.evidence > line.evidence and (trial.span <= line.span or trial.keeps(richest)):
                line, richest = trial, max(richest, trial.steady_rate)
                break
        else:
            return line


def _neighbours(search: Search, line: Line, widest: float) -> Iterator[Line]:
    for stretch, zoom in STEPS:
        span, width = min(line.span * stretch, search.span), min(max(line.bin * zoom, FINEST_BIN), widest)
        if (span, width) == (line.span, line.bin) or (stretch > 1 and line.count - line.mean > ENOUGH):
            continue
        for shift in QUARTERS if stretch < 1 else (0.0,):
            start = search.placed(line.start + (line.span - span) / 2 + shift * line.span, span)
            yield _look(search, Line(start, span, line.at(start), line.drift, width))


def follow(search: Search, seed: Line) -> list[Line]:
    """Follow a line in both directions, each step from where the last line points; after a gap, search more widely."""
    track = [seed]
    for later in (True, False):
        last, edge, lost = seed, seed.start + seed.span * later, 1
        while search.begin < edge < search.end:
            # A delay that bends leaves a line by the square of the time.
            width = min(seed.bin * lost**2, max(search.reach / ROWS, seed.bin))
            line = _next(search, seed, last, edge, width, later)
            if line is None:
                edge += last.span if later else -last.span
                lost += 1
                continue
            while line.bin > seed.bin:
                line = _look(search, replace(line, bin=max(line.bin / 16, seed.bin)))
            track.append(line)
            last, edge, lost = line, line.start + line.span * later, 1
    return sorted(track, key=lambda line: line.start)


def _next(search: Search, seed: Line, last: Line, edge: float, width: float, later: bool) -> Line | None:
    """Return the line that continues at an edge: as long as the first, or shorter where the delay bends."""
    found = None
    for part in (1, 1 / 4, 1 / 16):
        span = min(seed.span, 4 * last.span) * part
        start = edge if later else edge - span
        line = _look(search, Line(start, span, last.at(start), last.drift, width))
        if line.evidence > np.log(ROWS * BINS / FALSE_ALARM):
            if line.keeps(last.steady_rate):
                return line
            found = found or line
    return found


def detection_limit_hz(rate_a_hz: float, rate_b_hz: float, *, duration_s: float, reach_s: float = 2.0) -> float:
    """Return the coincidence rate above which `recover_clock` finds a steady peak, approximately [1/s].

    Parameters
    ----------
    rate_a_hz, rate_b_hz : float
        Tags of either stream, correlated or not [1/s].
    duration_s : float
        Of the recording [s].
    reach_s : float
        As for `recover_clock` [s].

    Notes
    -----
    The best line of a search has to be among the likeliest of so many: with m counts on a line by chance, n are
    less probable than exp(-(n ln(n/m) - n + m)) (Chernoff), and half of the pairs are taken to fall on the best line.

    Examples
    --------
    >>> round(detection_limit_hz(3e4, 3e4, duration_s=10.0), 1)
    566.6
    """
    limits = []
    reach, total = reach_s * PS, duration_s * PS
    for rows, width, span in _levels(reach, total):
        mean = rate_a_hz * rate_b_hz * span * width / PS**2
        needed = np.log(rows * _delays(reach, total, span, width)) - np.log(CANDIDATES)
        excess = needed + np.sqrt(2 * needed * mean)
        for _ in range(20):
            count = mean + excess
            excess -= (count * np.log(count / mean) - excess - needed) / np.log(count / mean)
        limits.append(2 * max(excess, 3) / (span / PS))
    return float(min(limits))
