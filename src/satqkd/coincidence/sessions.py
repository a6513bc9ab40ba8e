"""Prepare each session for stage 4: its clocks recovered, its tags in the satellite's time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
import zarr

from satqkd.bench import still_orbit
from satqkd.coincidence.clock import Clock, recover_clock, seconds_clock
from satqkd.coincidence.sifting import Clicks
from satqkd.coincidence.streams import NONE, Recording, Tags
from satqkd.flight import PS, emission_times
from satqkd.scenario import Experiment, Recorded, RecordedStation, Scenario
from satqkd.streams import record_key

SECOND = int(PS)
# Search ranges for the clock offset [s], tried in order: a narrower one needs fewer pairs. Bench recordings are started
# by hand, so only the wide one applies.
REACHES_S = {"orbit": (0.01, 2.0), "bench": (2.0,)}
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
        chunk.
    clocks : list of Clock
    """

    number: int
    first: int
    seconds: int
    start_ps: int
    tags: Sequence[Iterable[Tags]]
    clocks: list[Clock]


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
            path = _path(orbit, nodes, index)
            beacon_ps, gps_ps = (group[kind].times(order) - start_ps for kind in ("beacon", "gps"))
            try:
                clocks.append(_beacon_clock(scenario, beacon_ps, gps_ps, path))
            except ValueError as error:
                raise ValueError(f"{scenario.name}, session {number}, {station.name}: {error}") from None
            clicks = _clicks(scenario, station.name, number, group["photons"].chunks(order))
            tags.append(_emissions(clicks, clocks[-1], start_ps, path))
        seconds = int(np.count_nonzero(orbit.measurement.values[nodes] >= 0))
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


def recorded(scenario: Recorded, orbit: xr.Dataset | None, store: zarr.Group) -> tuple[list[Session], xr.Dataset]:
    """Return the session that two recordings have in common, in the first one's time, and its seconds.

    Without an orbit tags are counted from each recording's first one, and seconds from where both have begun.
    """
    times, channels = [], []
    for index, station in enumerate(scenario.stations):
        recording = Recording(store[f"{station.name}/photons"])
        # Their clocks are found from the pairs themselves, of all the recording at once.
        clicks = _clicks(scenario, station.name, 0, recording.chunks(0))
        time, channel = (np.concatenate(columns) for columns in zip(*clicks, strict=True))
        if orbit is None:
            time = time - time[0]
        else:
            path = _path(orbit, np.arange(orbit.sizes["time"]), index)
            time = time + _since(orbit, station)
            # The orbit covers no time before or after.
            near = np.abs(time - path["node_s"][-1] / 2 * PS) < (path["node_s"][-1] / 2 + 2) * PS
            time, channel = emission_times(time[near] / PS, **path) * PS, channel[near]
        times.append(np.rint(time).astype(np.int64))
        channels.append(channel)
    try:
        clock = _pair_clock(*times, reaches_s=REACHES_S["bench" if orbit is None else "orbit"])
    except ValueError as error:
        raise ValueError(f"{scenario.name}: {error}") from None
    times[1] = np.rint(clock.true_s(times[1]) * PS).astype(np.int64)
    begin, end = max(time[0] for time in times), min(time[-1] for time in times)
    if orbit is not None:
        begin, end = max(begin, 0), min(end, (orbit.sizes["time"] - 1) * SECOND)
    common_s = (end - begin) / PS
    wanted = int(sum(m.duration_s or 0 for m in scenario.measurements))
    if round(common_s) < max(wanted, 1):
        raise ValueError(
            f"{scenario.name}: the recordings have {common_s:.1f} s in common where measurements want {wanted}: "
            "give them shorter durations, or check that both recordings are of the same time"
        )
    if orbit is None:
        orbit = _bench(scenario, round(common_s))
        times = [time - begin for time in times]
    seconds = int(np.count_nonzero(orbit.measurement.values >= 0))
    for index, time in enumerate(times):
        first, last = np.searchsorted(time, [0, seconds * SECOND])
        times[index], channels[index] = time[first:last], channels[index][first:last]
    reference = Clock(offset_sigma_s=0.0, drift_sigma=0.0, false_alarm=0.0, followed=1.0)
    tags = [[one] for one in zip(times, channels, strict=True)]
    return [Session(0, 0, seconds, 0, tags, [reference, clock])], orbit


def _pair_clock(a_ps: np.ndarray, b_ps: np.ndarray, *, reaches_s: tuple[float, ...]) -> Clock:
    """Recover the second clock against the first from the pairs, over one search range after the other."""
    for reach_s in reaches_s:
        try:
            return recover_clock(a_ps, b_ps, reach_s=reach_s)
        except ValueError as error:
            failure = error
    raise failure


def _bench(scenario: Recorded, seconds: int) -> xr.Dataset:
    """Return an orbit data set for a bench, where nothing flies: seconds, and the measurement that each belongs to."""
    durations = [int(m.duration_s or 0) for m in scenario.measurements]
    if scenario.measurements[-1].duration_s is None:
        durations[-1] = seconds - sum(durations)
    measurement = np.repeat(np.arange(len(durations), dtype=np.int8), durations)
    return still_orbit([station.name for station in scenario.stations], measurement)[["measurement"]]


def _since(orbit: xr.Dataset, station: RecordedStation) -> int:
    """Return the time from the orbit's start to a recording's time zero [ps]."""
    assert station.time_zero is not None  # it goes with an orbit
    zero = np.datetime64(station.time_zero.replace(tzinfo=None), "ns")
    return int((zero - orbit.time.values[0]) / np.timedelta64(1, "ns")) * 1000


def _path(orbit: xr.Dataset, nodes: np.ndarray, index: int) -> dict:
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
        key=record_key(0, "double clicks", station, number),
    )
    for time, channel in chunks:
        yield clicks.events(time, channel)
    yield clicks.events(*NONE, last=True)
