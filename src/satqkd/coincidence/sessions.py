"""Prepare each session for stage 4: its clocks recovered, its tags in the satellite's time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import xarray as xr
import zarr

from satqkd.bench import still_orbit
from satqkd.coincidence import streams
from satqkd.coincidence.clock import Clock, recover_clock, seconds_clock
from satqkd.coincidence.sifting import Clicks
from satqkd.coincidence.spool import Spool
from satqkd.coincidence.streams import NONE, Recording, Tags, gathered
from satqkd.flight import PS, emission_times
from satqkd.scenario import Experiment, Recorded, Scenario
from satqkd.scenario.recorded import RecordedRun
from satqkd.streams import record_key

SECOND = int(PS)
# First search range for the clock offset [s] where UTC is known: a narrower one needs fewer pairs.
UTC_REACH_S = 0.01
# Recordings of one place are searched this near to their stated starts first: fewer coincidences suffice there.
NEAR_REACH_S = 0.1
# More tags than this in a second are rarely of single photons [1/s].
UNLIKELY_HZ = 5e6
KINDS = ("photons", "beacon", "gps")


@dataclass(frozen=True)
class Session:
    """One session's tags in the satellite's time.

    Attributes
    ----------
    number, first, seconds : int
        Its number, its first row in the orbit's data set, and how many seconds it has.
    start_ps : int
        Its start since the first session's.
    tags : sequence of iterable of (ndarray of int64, ndarray of uint8)
        For each station the emission times since the session's start [ps], ascending, and the channels, chunk by
        chunk. Those of recordings can be read more than once.
    clocks : list of Clock
    clock_origin_s : float
        The session's start in the clocks' reference time [s].
    """

    number: int
    first: int
    seconds: int
    start_ps: int
    tags: Sequence[Iterable[Tags]]
    clocks: list[Clock]
    clock_origin_s: float = 0.0


def passes(scenario: Scenario, orbit: xr.Dataset, store: zarr.Group) -> Iterator[Session]:
    """Yield one session after another: its clocks are recovered here, its photons are read on demand."""
    numbers, firsts = np.unique(orbit.session_number.values, return_index=True)
    starts = orbit.time.values[firsts]
    groups = [{kind: Recording(store[f"{s.name}/{kind}"]) for kind in KINDS} for s in scenario.stations]
    for order, (number, nodes) in enumerate(
        zip(numbers, np.split(np.arange(orbit.sizes["time"]), firsts[1:]), strict=True)
    ):
        start_ps = int((starts[order] - starts[0]) / np.timedelta64(1, "ns")) * 1000
        tags, clocks = [], []
        for index, (station, group) in enumerate(zip(scenario.stations, groups, strict=True)):
            path = station_path(orbit, nodes, index)
            beacon_ps, gps_ps = (group[kind].times(order) - start_ps for kind in ("beacon", "gps"))
            try:
                clocks.append(_beacon_clock(scenario, beacon_ps, gps_ps, path))
            except ValueError as error:
                raise ValueError(f"{scenario.name}, session {number}, {station.name}: {error}") from None
            clicks = _clicks(scenario, station.name, number, group["photons"].chunks(order))
            tags.append(_emissions(clicks, clocks[-1], start_ps, path))
        seconds = measured_seconds(orbit.measurement.values[nodes])
        yield Session(int(number), int(nodes[0]), seconds, start_ps, tags, clocks)


def _emissions(clicks: Iterable[Tags], clock: Clock, start_ps: int, path: dict) -> Iterator[Tags]:
    """Yield when a station's clicks left the satellite."""
    for time, channel in clicks:
        emission_s = emission_times(clock.true_s(time - start_ps), **path)
        yield np.rint(emission_s * PS).astype(np.int64), channel


def _beacon_clock(scenario: Scenario, beacon_ps: np.ndarray, gps_ps: np.ndarray, path: dict) -> Clock:
    """Recover a station's clock: GPS seconds identify the beacon's pulses, and the pulses give the time."""
    seconds, rate_hz = path["node_s"].size, scenario.beacon.pulse_rate_hz / scenario.beacon.recorded_one_in
    try:
        gps = seconds_clock(gps_ps)
    except ValueError as error:
        raise ValueError(f"GPS seconds: {error}") from None
    pulses_ps = np.rint(np.arange(seconds * rate_hz) / rate_hz * PS).astype(np.int64)
    try:
        return recover_clock(pulses_ps, beacon_ps, prior=gps, reach_s=0.5 / rate_hz, **path)
    except ValueError as error:
        raise ValueError(f"beacon: {error} (check beacon.pulse_rate_hz and the element set, too)") from None


def recorded(
    scenario: Recorded, orbit: xr.Dataset | None, store: zarr.Group, folder: Path
) -> tuple[list[Session], xr.Dataset]:
    """Return the sessions that two recordings have in common, in the first one's time, and their seconds.

    Each run is a session with clocks of its own. Without an orbit tags are counted from each recording's first one, and
    seconds from where both have begun. While a clock is recovered, its tags are in files without names in a folder.
    """
    if scenario.runs is None:
        session, orbit = _recorded_session(scenario, orbit, store, folder)
        return [session], orbit
    sessions: list[Session] = []
    measured: list[np.ndarray] = []
    numbers: list[np.ndarray] = []
    for number, run in enumerate(scenario.runs):
        try:
            session, seconds = _recorded_session(scenario, None, store[f"run{number}"], folder, run)
        except ValueError as error:
            raise ValueError(f"run {number}: {error}") from None
        first = sum(rows.size for rows in measured)
        sessions.append(replace(session, number=number, first=first, start_ps=first * SECOND))
        # As in an orbit's data set, a row closes the last second of each session.
        measured.append(np.append(seconds.measurement.values, -1))
        numbers.append(np.full(measured[-1].size, number))
    names = [station.name for station in scenario.stations]
    rows = still_orbit(names, np.concatenate(measured), session_number=np.concatenate(numbers))
    return sessions, rows[["measurement"]]


def _recorded_session(
    scenario: Recorded, orbit: xr.Dataset | None, store: zarr.Group, folder: Path, run: RecordedRun | None = None
) -> tuple[Session, xr.Dataset]:
    """Return the session that two recordings have in common, in the first one's time, and its seconds."""
    recordings = [Recording(store[f"{station.name}/photons"]) for station in scenario.stations]
    wanted = wanted_seconds(scenario, run)
    extents = [recording.extent(0) for recording in recordings]
    _require_duration(scenario, extents, wanted)
    sources = [_Emissions(scenario, orbit, index, recording) for index, recording in enumerate(recordings)]
    times = [source.times(folder) for source in sources]
    clock = _pair_clock(scenario, *times, hint=_unit_hint(extents), folder=folder)
    ends = [times[0][[0, -1]], _reference_ps(clock, times[1][[0, -1]])]
    begin, end = max(first for first, _ in ends), min(last for _, last in ends)
    if orbit is not None:
        begin, end = max(begin, 0), min(end, (orbit.sizes["time"] - 1) * SECOND)
    common_s = (end - begin) / PS
    if round(common_s) < wanted:
        raise ValueError(
            f"{scenario.name}: the recordings have {common_s:.1f} s in common where measurements want {wanted}: "
            "give them shorter durations, or check that both recordings are of the same time"
        )
    zero_ps, origin_s = 0, 0.0
    if orbit is None:
        orbit = bench_orbit(scenario, round(common_s), run)
        zero_ps, origin_s = int(begin), begin / PS
    measurement = orbit.measurement.values
    tags = [_Measured(source, own, zero_ps, measurement) for source, own in zip(sources, (None, clock), strict=True)]
    reference = Clock(offset_sigma_s=0.0, drift_sigma=0.0, false_alarm=0.0, followed=1.0)
    return Session(0, 0, measured_seconds(measurement), 0, tags, [reference, clock], origin_s), orbit


@dataclass(frozen=True)
class _Emissions:
    """The events of a recording, read anew whenever they are iterated: when they left the satellite since the orbit's
    start, or without an orbit since the first one, by the station's own clock [ps], and their channels.
    """

    scenario: Recorded
    orbit: xr.Dataset | None
    index: int
    recording: Recording

    def __iter__(self) -> Iterator[Tags]:
        station, first = self.scenario.stations[self.index], None
        for time, channel in _clicks(self.scenario, station.name, 0, self.recording.chunks(0)):
            if not time.size:
                continue
            if self.orbit is None:
                first = time[0] if first is None else first
                time = time - first
            else:
                path = station_path(self.orbit, np.arange(self.orbit.sizes["time"]), self.index)
                time = time + since_start_ps(self.orbit, station.time_zero)
                # The orbit covers no time before or after.
                margin_s = 1.0 + station.start_uncertainty_s
                near = np.abs(time - path["node_s"][-1] / 2 * PS) < (path["node_s"][-1] / 2 + margin_s) * PS
                time, channel = emission_times(time[near] / PS, **path) * PS, channel[near]
            yield np.rint(time).astype(np.int64), channel

    def times(self, folder: Path) -> np.ndarray:
        """Return all times, in a file of the folder if they are many."""
        column = Spool(np.int64, folder)
        for time, _ in self:
            column.append(time)
        return column.array()


@dataclass(frozen=True)
class _Measured:
    """The events of a recording that are measured, in the reference's time since the session's start [ps]."""

    events: _Emissions
    clock: Clock | None
    zero_ps: int
    measurement: np.ndarray

    def __iter__(self) -> Iterator[Tags]:
        return gathered(self._pieces(), 4 * streams.PIECE)

    def _pieces(self) -> Iterator[Tags]:
        end_ps = measured_seconds(self.measurement) * SECOND
        for time, channel in self.events:
            if self.clock is not None:
                time = _reference_ps(self.clock, time)
            time = time - self.zero_ps
            first, last = np.searchsorted(time, [0, end_ps])
            time, channel = time[first:last], channel[first:last]
            # Nothing is counted in a pause, neither pairs nor accidentals.
            measured = self.measurement[time // SECOND] >= 0
            yield time[measured], channel[measured]


def wanted_seconds(scenario: Recorded, run: RecordedRun | None = None) -> int:
    """Return the seconds that recordings must have in common for the measurements, or for one run.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> wanted_seconds(load_scenario("recorded_example"))
    30
    """
    if run is not None:
        return max(round(run.duration_s or 0), 1)
    return max(round(sum(one.pause_s + (one.duration_s or 0) for one in scenario.measurements)), 1)


def _reference_ps(clock: Clock, time_ps: np.ndarray) -> np.ndarray:
    """Return ascending times of a local clock by the reference [ps]."""
    return np.rint(clock.true_s(time_ps) * PS).astype(np.int64)


def measured_seconds(measurement: np.ndarray) -> int:
    """Return the seconds from the start of a session to the end of its last measurement, pauses included.

    Examples
    --------
    >>> measured_seconds(np.array([0, 0, -1, 1, -1]))
    4
    """
    return int(np.flatnonzero(measurement >= 0)[-1]) + 1 if (measurement >= 0).any() else 0


def _pair_clock(scenario: Recorded, a_ps: np.ndarray, b_ps: np.ndarray, *, hint: str, folder: Path) -> Clock:
    """Recover the second clock against the first from the pairs, over one search range after the other."""
    first, second = scenario.stations
    reach_s = first.start_uncertainty_s + second.start_uncertainty_s
    prior = Clock(offset_s=first.start_s - second.start_s)
    try:
        return first_found(
            scenario, reach_s, lambda tried_s: recover_clock(a_ps, b_ps, prior=prior, reach_s=tried_s, folder=folder)
        )
    except ValueError as error:
        starts = "time_zero" if scenario.orbit else "start_s"
        raise ValueError(
            f"{error}; the recordings may begin up to {reach_s:g} s away from what {starts} says: "
            f"correct stations.{starts}, or raise stations.start_uncertainty_s{hint}"
        ) from None


def first_found(scenario: Recorded, reach_s: float, recover: Callable[[float], Clock]) -> Clock:
    """Recover a clock over one search range after the other, of which the last one is given [s]."""
    for tried_s in sorted({min(UTC_REACH_S if scenario.orbit else NEAR_REACH_S, reach_s), reach_s}):
        try:
            return recover(tried_s)
        except ValueError as error:
            failure = error
    raise ValueError(f"{scenario.name}: {failure}")


def _require_duration(scenario: Recorded, extents: list[tuple[float, float]], wanted_s: int) -> None:
    """Refuse recordings that are shorter than the measurements."""
    for station, (span_s, _) in zip(scenario.stations, extents, strict=True):
        if round(span_s) < wanted_s:
            raise ValueError(
                f"{scenario.name}: the recording of {station.name} lasts {span_s:.3g} s where measurements want "
                f"{wanted_s}: give them shorter durations{_unit_hint(extents)}"
            )


def _unit_hint(extents: list[tuple[float, float]]) -> str:
    """Return a question to add to an error message where there are too many tags in a second for single photons."""
    rates_mhz = [rate_hz / 1e6 for _, rate_hz in extents]
    if max(rates_mhz) * 1e6 < UNLIKELY_HZ:
        return ""
    return f"; tags arrive at {' and '.join(f'{rate:.3g}' for rate in rates_mhz)} MHz: are times in ps?"


def bench_orbit(scenario: Recorded, seconds: int, run: RecordedRun | None = None) -> xr.Dataset:
    """Return an orbit data set for a bench, where nothing flies: seconds, and the measurement that each belongs to.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> bench_orbit(load_scenario("recorded_example"), 31).measurement.values.tolist().count(0)
    20
    """
    measurement = scenario.schedule(seconds, run)
    measured = measurement[: measured_seconds(measurement)]
    return still_orbit([station.name for station in scenario.stations], measured)[["measurement"]]


def since_start_ps(orbit: xr.Dataset, time_zero: datetime | None) -> int:
    """Return the time from the orbit's start to a recording's time zero [ps].

    Examples
    --------
    >>> orbit = xr.Dataset(coords={"time": np.array(["2018-10-01T18:11:00"], "M8[ns]")})
    >>> since_start_ps(orbit, datetime(2018, 10, 1, 18, 11, 2))
    2000000000000
    """
    assert time_zero is not None  # it goes with an orbit
    zero = np.datetime64(time_zero.replace(tzinfo=None), "ns")
    return int((zero - orbit.time.values[0]) / np.timedelta64(1, "ns")) * 1000


def station_path(orbit: xr.Dataset, nodes: np.ndarray, index: int) -> dict:
    """Return a station's distance by seconds since the session's start."""
    return {
        "node_s": np.arange(nodes.size, dtype=float),
        "range_m": orbit.range.values[nodes, index].astype(float),
        "range_rate_m_s": orbit.range_rate.values[nodes, index].astype(float),
    }


def _clicks(scenario: Experiment, station: str, number: int, chunks: Iterable[Tags]) -> Iterator[Tags]:
    """Yield times and channels of a station's events, with double clicks resolved for pairs."""
    if scenario.source.kind == "decoy":
        yield from chunks
        return
    clicks = Clicks(
        window_ps=int(scenario.coincidence.window_ns * 1e3),
        dead_ps=int(scenario.detection.dead_time_ns * 1e3),
        discard=scenario.coincidence.double_clicks == "discard",
        key=record_key(0, "double clicks", station, number),
        dead_time_rule=scenario.coincidence.dead_time_rule,
    )
    for time, channel in chunks:
        yield clicks.events(time, channel)
    yield clicks.events(*NONE, last=True)
