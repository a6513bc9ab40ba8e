"""The peak in the correlation of two streams of tags: found with nothing known, sharpened, and followed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from satqkd.coincidence.delays import SIDE, correlate, highest, line_sums, pair_counts, tags_between

PS = 1e12
MAX_DRIFT = 1e-4
FALSE_ALARM = 1e-6
# The first search: its widest bin [ps], the segments, and segments times delays, that it may have, the lines to try.
WIDEST_BIN, MAX_CELLS, MAX_ROWS, CANDIDATES = 2e7, 2**24, 2**11, 8
# A closer look at a line: segments and delays; a tag is a picosecond wide, and finer than this nothing is seen.
ROWS, BINS, FINEST_BIN = 64, 192, 4.0
# Steps towards a line that stands out more, as factors of the stretch and of the bin, the cheapest first. A part of
# the stretch is any of its quarters; a longer one has to keep this share of the correlated tags per second.
STEPS = ((1 / 4, 1 / 16), (1, 1 / 16), (1, 1 / 4), (1 / 4, 1 / 4), (1 / 4, 1), (4, 1), (4, 4), (4, 16), (16, 16))
QUARTERS, KEPT = (0.125, -0.125, 0.375, -0.375), 0.6
# In a second light fades, and a delay does not bend [ps].
STEADY = 1e12
# Correlated tags of a line that has no need to be longer: what is left of the recording is followed piece by piece.
ENOUGH = 1000


@dataclass(frozen=True)
class Line:
    """Tags of b that come delay + drift (a - start) after those of a, to within a bin, over a stretch [ps]."""

    start: float
    span: float
    delay: float
    drift: float
    bin: float
    count: int = 0
    mean: float = 0.0

    @property
    def evidence(self) -> float:
        """Minus the logarithm of Chernoff's bound on the probability of so many counts, or more, on a given line."""
        return self.count * np.log(self.count / self.mean) - self.count + self.mean if self.count > self.mean else 0.0

    @property
    def rate(self) -> float:
        return (self.count - self.mean) / self.span

    @property
    def steady_rate(self) -> float:
        """Two standard deviations below the rate; of less than a second, where light flickers, nothing is said."""
        return (self.count - 2 * np.sqrt(self.count) - self.mean) / self.span if self.span >= STEADY else 0.0

    def keeps(self, rate: float) -> bool:
        """Whether it holds most of the tags that there are by a steady rate."""
        return self.span < STEADY or self.rate > KEPT * rate

    def at(self, time):
        return self.delay + self.drift * (time - self.start)

    def touches(self, other: "Line") -> bool:
        """Whether two lines of one stretch share tags."""
        first, last = (self.at(t) - other.at(t) for t in (self.start, self.start + self.span))
        return first * last <= 0 or min(abs(first), abs(last)) < 4 * self.bin


@dataclass(frozen=True)
class Search:
    """Two streams, the line around which to look, how far, and from when to when both have tags [ps]."""

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
        """Where half of the rarer tags are over."""
        if self.a.size <= self.b.size:
            return float(self.a[self.a.size // 2])
        time = float(self.b[self.b.size // 2])
        return time - self.base.at(time)

    def density(self, line: Line, start: float, span: float, reach: float) -> float:
        """Pairs of tags per delay, about a line, that a stretch has by chance; as if of one pair at least [1/ps]."""
        end = start + span
        n_a = tags_between(self.a, start, end)
        n_b = tags_between(self.b, start + line.at(start) - reach, end + line.at(end) + reach)
        return max(n_a * n_b, 1) / (span + 2 * reach)

    def placed(self, start: float, span: float) -> float:
        """The start of a stretch, moved into the recording."""
        return min(max(start, self.begin), self.end - span)

    def false_alarm(self, line: Line) -> float:
        """Lines of this stretch and bin that could have been taken, times the probability of one as rich."""
        lines = 2 * self.reach / line.bin * (1 + 2 * self.max_drift * line.span / line.bin) * 2 * self.span / line.span
        return float(np.exp(min(np.log(lines) - line.evidence, 0.0)))


def overlap(a, b, base: Line, reach: float) -> Search | None:
    """The search in what two streams [ps] have in common, if it is anything."""
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
    """Segments, bin and stretch of one search after the other: longer stretches first, finer bins then."""
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
    """The first line that chance does not explain, if there is no other like it."""
    for rows, width, span in _levels(search.reach, search.span):
        found = rough = None
        for candidate in _candidates(search, rows, width, search.placed(search.middle - span / 2, span), span):
            if found and (candidate.touches(rough) or candidate.rate < rough.rate / 2):
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
    """What it would take to find a peak, for the end of a sentence."""
    seconds = search.span / PS
    rates = search.a.size / seconds, search.b.size / seconds
    limit = detection_limit_hz(*rates, duration_s=seconds, reach_s=search.reach / PS)
    return (
        f" in {seconds:.3g} s; at these rates it takes about {limit:.2g} coincidences a second: "
        "record for longer, or give a prior and a smaller reach_s"
    )


def _candidates(search: Search, rows: int, width: float, start: float, span: float) -> list[Line]:
    """The likeliest lines of all that the reach and the drift allow, the best first."""
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
    """Pairs of tags of a stretch in rows and bins, counted one by one or by Fourier transform."""
    counts, row = np.zeros((rows, bins), np.int32), lowest.span / rows
    # Counting a pair takes some nanoseconds, a bin of a Fourier transform some tens.
    few = density * bins * lowest.bin < 30 * rows * (bins + row / lowest.bin)
    (pair_counts if few else correlate)(
        search.a, search.b, lowest.start, row, lowest.delay, lowest.drift, lowest.bin, counts
    )
    return counts


def _line(lowest: Line, rows: int, slope: int, delay: int, count: int, mean: float) -> Line:
    """The line of a cell of `line_sums`."""
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
    """The line near a given one, of its stretch and bin, that stands out most."""
    row = near.span / ROWS
    drift = near.drift - ROWS / 2 * near.bin / ((ROWS - 1) * row)
    lowest = replace(near, delay=near.delay - (BINS - 1.5 * ROWS) / 2 * near.bin, drift=drift)
    density = search.density(near, near.start, near.span, BINS * near.bin)
    sums = line_sums(_counts(search, lowest, ROWS, BINS, density))
    return _line(lowest, ROWS, *highest(sums, 0, BINS - ROWS, BINS - ROWS, density * near.bin))


def _sharpen(search: Search, line: Line) -> Line:
    """From a line to one nearby that stands out more, until there is none."""
    widest, richest = line.bin, line.steady_rate
    while True:
        for trial in _neighbours(search, line, widest):
            # A line that a bending delay leaves has lost tags by the second, however many it has altogether.
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
    """The lines before and after one, each where the last points to: looked for more widely the longer it is lost."""
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
    """The line that goes on at an edge: as long as the first, or shorter where the delay bends."""
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
    """Rate of coincidences above which `recover_clock` finds a steady peak, about [1/s].

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
