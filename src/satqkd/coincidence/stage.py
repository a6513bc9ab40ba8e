"""Stage 4: which clicks belong together? From the tags and the orbit's prediction alone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
import zarr

from satqkd.coincidence.clock import PS, Clock, recover_clock, seconds_clock
from satqkd.coincidence.matching import accidentals, beside_the_peak
from satqkd.coincidence.sifting import Clicks, ideal_correlation, sift
from satqkd.coincidence.streams import NONE, Columns, PairStream, Recording, Tags, aligned
from satqkd.dataset import SESSION_PULSES, label, record_key, transmitter_log, variable
from satqkd.flight import emission_times
from satqkd.scenario import INTENSITIES, Recorded, RecordedStation, Scenario

SECOND = int(PS)
HISTOGRAM_BIN_PS, HISTOGRAM_BINS = 100, 200
# How far two recordings' clocks may be apart at first [s], tried one after the other: the nearer they are, the fewer
# pairs are enough. Where UTC is not known, two people have pressed a button.
REACHES_S = {"orbit": (0.01, 2.0), "bench": (2.0,)}
EXTREME_SECONDS = 10
KINDS = ("photons", "beacon", "gps")


@dataclass(frozen=True)
class _Session:
    """One session's tags in the satellite's time.

    Attributes
    ----------
    number, first, seconds : int
        Its number, its first row in the orbit's data set, and how many seconds it has.
    tags : list of iterable of (ndarray of int64, ndarray of uint8)
        For each station the emission times since the session's start [ps], ascending, and the channels, chunk by
        chunk.
    clocks : list of Clock
    """

    number: int
    first: int
    seconds: int
    tags: list[Iterable[Tags]]
    clocks: list[Clock]


def coincidences(scenario: Scenario | Recorded, orbit: xr.Dataset | None, tags: str | Path) -> xr.Dataset:
    """Recover the clocks, match the tags, sift.

    Parameters
    ----------
    scenario : Scenario or Recorded
    orbit : xarray.Dataset, optional
        The prediction, for the time of flight; without one, recordings are of one place.
    tags : str or Path
        The ``detection.zarr``.

    Returns
    -------
    xarray.Dataset
        Events by coincidence, counts by outcome, rates by second and session; see docs/design.md.

    Raises
    ------
    ValueError
        Where a clock is not found, or recordings have less in common than the measurements want.
    """
    store = zarr.open_group(tags, mode="r")
    if scenario.kind == "recorded":
        sessions, orbit = _recorded(scenario, orbit, store)
    else:
        sessions = _sessions(scenario, orbit, store)
    decoy = scenario.source.kind == "decoy"
    log_key = int(store["transmitter"].attrs["log_key"], 16) if decoy else 0
    rows, parts = Columns(), []
    for session in sessions:
        part = _Part(session, len(scenario.stations))
        for events in _match_pulses(scenario, part, log_key) if decoy else _match_pairs(scenario, orbit, part):
            rows.append(events)
        parts.append(part)
    columns = rows.done()
    data = _events(columns, decoy)
    data["delay_histogram"] = variable("delay_bin", sum(part.histogram for part in parts), "1", "tags by delay")
    data = data.assign_coords(
        delay_bin=variable(
            "delay_bin", (np.arange(HISTOGRAM_BINS) - HISTOGRAM_BINS / 2 + 0.5) * HISTOGRAM_BIN_PS, "ps", "delay"
        )
    )
    (_count_pulses if decoy else _count_pairs)(data, scenario, parts, orbit)
    for name, station in [("alice_bit", "first"), ("bob_bit", "second")]:
        if name in columns:
            text = f"sifted bit of the {station} station, -1 where sifted out"
            data[name] = variable("coincidence", columns[name], "1", text)
    data["singles"] = variable(
        ("session", "station"), np.array([part.singles for part in parts]), "1", "detection events"
    )
    data["session_duration"] = variable("session", np.array([p.seconds for p in parts]), "s", "seconds of open link")
    for name, units, text in [
        ("offset_s", "s", "clock offset"),
        ("drift", "1", "clock drift"),
        ("offset_sigma_s", "s", "uncertainty of the clock offset"),
        ("residual_rms_s", "s", "scatter of the correlated tags"),
        ("followed", "1", "share of the session in which the clock was seen"),
    ]:
        values = np.array([[getattr(clock, name) for clock in part.clocks] for part in parts])
        data["clock_" + name.removesuffix("_s")] = variable(("session", "station"), values, units, text)
    if "range" in orbit:
        text = "range, of both stations together for two"
        data["range"] = variable("second", orbit.range.values.sum(axis=1), "m", text)
    data.attrs["window_ns"] = scenario.coincidence.window_ns
    data = data.assign_coords(
        station=("station", [s.name for s in scenario.stations]),
        session=("session", np.array([part.number for part in parts], np.int16)),
        measurement_name=("measurement", [m.name for m in scenario.measurements]),
    )
    return label(data, "coincidence", scenario, int(store.attrs["seed"])).assign_attrs(run=int(store.attrs["run"]))


def _sessions(scenario: Scenario, orbit: xr.Dataset, store: zarr.Group) -> Iterator[_Session]:
    """One session after another: its clocks are recovered here, its photons are read when they are asked for."""
    numbers, firsts = np.unique(orbit.pass_number.values, return_index=True)
    groups = [{kind: Recording(store[f"{s.name}/{kind}"]) for kind in KINDS} for s in scenario.stations]
    for order, (number, nodes) in enumerate(
        zip(numbers, np.split(np.arange(orbit.sizes["time"]), firsts[1:]), strict=True)
    ):
        start_ps = _start_ps(orbit, nodes[0])
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
        yield _Session(int(number), int(nodes[0]), seconds, tags, clocks)


def _emissions(clicks: Iterable[Tags], clock: Clock, start_ps: int, path: dict) -> Iterator[Tags]:
    """When a station's clicks left the satellite."""
    for time, channel in clicks:
        emission_s = emission_times(clock.true_s(time - start_ps), **path)
        yield np.rint(emission_s * PS).astype(np.int64), channel


def _beacon_clock(scenario: Scenario, beacon_ps: np.ndarray, gps_ps: np.ndarray, path: dict) -> Clock:
    """GPS seconds tell which pulse of the beacon is which; the pulses tell the time."""
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


def _recorded(scenario: Recorded, orbit: xr.Dataset | None, store: zarr.Group) -> tuple[list[_Session], xr.Dataset]:
    """The session that two recordings have in common, in the first one's time, and its seconds.

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
            # The orbit says nothing about what came before or after.
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
    return [_Session(0, 0, seconds, tags, [reference, clock])], orbit


def _pair_clock(a_ps: np.ndarray, b_ps: np.ndarray, *, reaches_s: tuple[float, ...]) -> Clock:
    """The second clock against the first from the pairs themselves, looked for more widely where it is not near."""
    for reach_s in reaches_s:
        try:
            return recover_clock(a_ps, b_ps, reach_s=reach_s)
        except ValueError as error:
            failure = error
    raise failure


def _bench(scenario: Recorded, seconds: int) -> xr.Dataset:
    """What stage 1 says of a session, where nothing flies: its seconds, and which measurement each one belongs to."""
    durations = [int(m.duration_s or 0) for m in scenario.measurements]
    if scenario.measurements[-1].duration_s is None:
        durations[-1] = seconds - sum(durations)
    measurement = np.repeat(np.arange(len(durations), dtype=np.int8), durations)
    return xr.Dataset(
        {"measurement": ("time", measurement)},
        coords={"time": np.datetime64(0, "ns") + np.arange(measurement.size) * np.timedelta64(1, "s")},
    )


def _since(orbit: xr.Dataset, station: RecordedStation) -> int:
    """From the orbit's start to a recording's time zero [ps]."""
    zero = np.datetime64(station.time_zero.replace(tzinfo=None), "ns")
    return int((zero - orbit.time.values[0]) / np.timedelta64(1, "ns")) * 1000


def _path(orbit: xr.Dataset, nodes: np.ndarray, index: int) -> dict:
    """A station's distance by seconds since the session's start."""
    return {
        "node_s": np.arange(nodes.size, dtype=float),
        "range_m": orbit.range.values[nodes, index].astype(float),
        "range_rate_m_s": orbit.range_rate.values[nodes, index].astype(float),
    }


def _clicks(scenario: Scenario | Recorded, station: str, number: int, chunks: Iterable[Tags]) -> Iterator[Tags]:
    """Times and channels of a station's events, double clicks resolved where there are pairs."""
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


class _Part:
    """What is summed up over a session while its tags go by."""

    def __init__(self, session: _Session, stations: int):
        self.number, self.first, self.seconds = session.number, session.first, session.seconds
        self.clocks = session.clocks
        self._tags = session.tags
        self.singles = np.zeros(stations, np.int64)
        self.histogram = np.zeros(HISTOGRAM_BINS, np.int64)
        self.rate, self.sifted_rate = np.zeros((2, session.seconds), np.int64)
        self.accidentals = 0.0
        self.counts = 0

    def pieces(self) -> Iterator[list[Tags]]:
        """The tags of all stations, cut at common times."""
        for piece in aligned(*self._tags):
            self.singles += [time.size for time, _ in piece]
            yield piece


def _match_pairs(scenario: Scenario, orbit: xr.Dataset, part: _Part) -> Iterator[dict[str, np.ndarray]]:
    """Columns of the session's coincidences, piece by piece."""
    window_ps = int(scenario.coincidence.window_ns * 1e3)
    beside = beside_the_peak(window_ps, gap_ps=int(scenario.coincidence.accidental_gap_ns * 1e3))
    stream = PairStream(window_ps=window_ps, histograms=[(HISTOGRAM_BIN_PS, HISTOGRAM_BINS, 0), *beside])
    measured = orbit.measurement.values[part.first : part.first + part.seconds]
    start_ps = _start_ps(orbit, part.first)
    correlation = _correlations(scenario)
    for piece in part.pieces():
        (a, channel_a), (b, channel_b) = stream.add(*piece)
        second_of = np.clip(a // SECOND, 0, part.seconds - 1)
        part.rate += np.bincount(second_of, minlength=part.seconds)
        events = {
            "time": a + start_ps,
            "delay": b - a,
            "setting_a": channel_a >> 1,
            "setting_b": channel_b >> 1,
            "outcome_a": channel_a & 1,
            "outcome_b": channel_b & 1,
            "pass_number": np.full(a.size, part.number, np.int16),
            "measurement_number": measured[second_of].astype(np.int8),
        }
        part.counts += _table(events, "measurement_number", correlation.shape[0])
        yield events | _sifted(scenario, correlation, events)
    part.histogram, *sides = stream.counts
    part.accidentals = accidentals(sides)


def _match_pulses(scenario: Scenario, part: _Part, log_key: int) -> Iterator[dict[str, np.ndarray]]:
    """Columns of the session's detections in the window, piece by piece."""
    source = scenario.source
    window_ps = int(scenario.coincidence.window_ns * 1e3)
    period_ps = PS / source.pulse_rate_hz
    # A laser pulse leaves at the middle of its period; the histogram shows the whole period.
    edges = (np.arange(HISTOGRAM_BINS + 1) - HISTOGRAM_BINS / 2) * HISTOGRAM_BIN_PS
    for ((time, channel),) in part.pieces():
        pulse = np.floor(time / period_ps).astype(np.int64)
        delay = np.rint(time - (pulse + 0.5) * period_ps).astype(np.int64)
        part.histogram += np.histogram(delay, edges)[0]
        inside = (2 * np.abs(delay) <= window_ps) & (pulse >= 0) & (time < part.seconds * SECOND)
        time, pulse, delay, channel = (column[inside] for column in (time, pulse, delay, channel))
        intensity, basis, bit = transmitter_log(log_key, part.number * SESSION_PULSES + pulse, source.shares)
        sifted = (basis == channel >> 1) & (intensity == INTENSITIES.index("signal"))
        part.rate += np.bincount(time // SECOND, minlength=part.seconds)
        part.sifted_rate += np.bincount(time[sifted] // SECOND, minlength=part.seconds)
        events = {
            "time": time,
            "delay": delay.astype(np.int32),
            "intensity": intensity,
            "setting_a": basis,
            "setting_b": channel >> 1,
            "outcome_a": bit,
            "outcome_b": channel & 1,
            "pass_number": np.full(time.size, part.number, np.int16),
        }
        part.counts += _table(events, "intensity", len(INTENSITIES))
        yield events


def _start_ps(orbit: xr.Dataset, first: int) -> int:
    times = orbit.time.values
    return int((times[first] - times[0]) / np.timedelta64(1, "ns")) * 1000


def _events(events: dict, decoy: bool) -> xr.Dataset:
    texts = {
        "time": ("ps", "emission since the first session's start"),
        "delay": ("ps", "detection minus pulse centre" if decoy else "second station minus first"),
        "intensity": ("1", "index into signal, decoy, vacuum"),
        "setting_a": ("1", "setting of the transmitter" if decoy else "setting of the first station"),
        "setting_b": ("1", "setting of the receiver" if decoy else "setting of the second station"),
        "outcome_a": ("1", "bit that was sent" if decoy else "outcome at the first station"),
        "outcome_b": ("1", "outcome at the receiver" if decoy else "outcome at the second station"),
        "pass_number": ("1", "session"),
        "measurement_number": ("1", "index into the scenario's measurements"),
    }
    return xr.Dataset({k: variable("coincidence", events[k], *text) for k, text in texts.items() if k in events})


def _table(events: dict[str, np.ndarray], first: str, size: int) -> np.ndarray:
    """Events by a first column, and by both settings and outcomes."""
    index = events[first].astype(np.int64)
    for name in ("setting_a", "setting_b", "outcome_a", "outcome_b"):
        index = 2 * index + events[name]
    return np.bincount(index, minlength=16 * size).reshape(size, 2, 2, 2, 2)


def _correlations(scenario: Scenario) -> np.ndarray:
    """Of the ideal state, shape (measurement, setting, setting)."""
    angles = [np.deg2rad(m.angles_deg) for m in scenario.measurements]
    return np.array([ideal_correlation(scenario.source.bell_state, *pair) for pair in angles])


def _sifted(scenario: Scenario, correlation: np.ndarray, events: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Both sides' bits, -1 where sifted out."""
    kept = ~np.isclose(np.abs(correlation), 0).any(axis=(1, 2))  # settings made for a Bell test yield no key
    alice, bob = np.full((2, events["time"].size), -1, np.int8)
    for m, measurement in enumerate(scenario.measurements):
        if kept[m] and measurement.name == "bell":
            continue
        own = np.flatnonzero(events["measurement_number"] == m)
        columns = (events[name][own] for name in ("setting_a", "setting_b", "outcome_a", "outcome_b"))
        index, a, b = sift(*columns, correlation[m])
        alice[own[index]], bob[own[index]] = a, b
    return {"alice_bit": alice, "bob_bit": bob}


def _series(parts: list[_Part], name: str, size: int) -> np.ndarray:
    values = np.zeros(size, np.int64)
    for part in parts:
        values[part.first : part.first + part.seconds] = getattr(part, name)
    return values


def _count_pairs(data: xr.Dataset, scenario: Scenario, parts: list[_Part], orbit: xr.Dataset) -> None:
    correlation, counts = _correlations(scenario), sum(part.counts for part in parts)
    axes = ("measurement", "alice_setting", "bob_setting", "alice_outcome", "bob_outcome")
    data["counts"] = variable(axes, counts, "1", "coincidences")
    data["ideal_correlation"] = variable(axes[:3], correlation, "1", "correlation of the ideal state")
    data["duration"] = variable(
        "measurement", [np.count_nonzero(orbit.measurement.values == m) for m in range(len(counts))], "s", "open link"
    )
    data["rate"] = variable("second", _series(parts, "rate", orbit.sizes["time"]), "s-1", "coincidences in each second")
    data["accidentals"] = variable(
        "session", [part.accidentals for part in parts], "1", "expected accidental coincidences"
    )


def _count_pulses(data: xr.Dataset, scenario: Scenario, parts: list[_Part], orbit: xr.Dataset) -> None:
    counts = sum(part.counts for part in parts)
    data["counts"] = variable(
        ("intensity_level", "alice_setting", "bob_setting", "alice_outcome", "bob_outcome"),
        counts,
        "1",
        "detections in the window",
    )
    seconds = int(np.count_nonzero(orbit.measurement.values >= 0))
    data["pulses"] = variable(
        "intensity_level", scenario.source.pulse_rate_hz * seconds * scenario.source.shares, "1", "pulses sent"
    )
    data["mean_photon_number"] = variable("intensity_level", scenario.source.mu, "1", "mean photon number")
    data["duration"] = variable("measurement", [seconds], "s", "open link")
    data["rate"] = variable("second", _series(parts, "rate", orbit.sizes["time"]), "s-1", "detections in each second")
    data["sifted_rate"] = variable(
        "second", _series(parts, "sifted_rate", orbit.sizes["time"]), "s-1", "sifted signal bits in each second"
    )
    data.coords["intensity_name"] = ("intensity_level", list(INTENSITIES))


def observables(data: xr.Dataset) -> dict[str, tuple[float, str]]:
    """What the coincidences say that a publication can be held against: name to (value or [low, high], unit).

    Rates at the ends of the range are means over the ten seconds nearest to the station and farthest from it: a paper
    reads them off a smooth curve.
    """
    duration = float(data.duration.sum())
    if "pulses" in data:
        order = np.argsort(data.range.values[data.rate.values > 0])
        rate, sifted_rate = (data[name].values[data.rate.values > 0] for name in ("rate", "sifted_rate"))
        near, far = order[:EXTREME_SECONDS], order[-EXTREME_SECONDS:]
        counts = data.counts.values
        sifted = counts[:, [0, 1], [0, 1]].sum(axis=1)
        errors = sifted[:, 0, 1] + sifted[:, 1, 0]
        total = sifted.sum(axis=(1, 2))
        qber = errors / np.maximum(total, 1)
        gain = total / data.pulses.values
        signal = float(total[0])
        return {
            "detection_events": (float(counts.sum()), "1"),
            "sifted_bits": (signal, "1"),
            "sifted_rate": (signal / duration, "bit/s"),
            "sifted_rate_nearest": (float(sifted_rate[near].mean()), "bit/s"),
            "sifted_rate_farthest": (float(sifted_rate[far].mean()), "bit/s"),
            "signal_count_rate": ([float(rate[far].mean()), float(rate[near].mean())], "1/s"),
            "qber_signal": (qber[0], "1"),
            "qber_decoy": (qber[1], "1"),
            "gain_signal": (gain[0], "1"),
            "gain_decoy": (gain[1], "1"),
            # Both bases together: half of the noise is sifted out, and a yield counts all of it.
            "yield_vacuum": (2 * gain[2], "1"),
            "arrival_time_spread": (float(np.std(data.delay.values)) * 1e-3, "ns"),
        }
    accidentals = float(data.accidentals.sum())
    pairs = float(data.counts.sum())
    result = {
        "coincidence_rate": (pairs / duration, "1/s"),
        "signal_to_noise": ((pairs - accidentals) / accidentals if accidentals else np.inf, "ratio to 1"),
        "accidental_rate": (accidentals / duration, "1/s"),
    }
    for m, name in enumerate(data.measurement_name.values):
        counts = data.counts.values[m]
        result[f"{name}_coincidences"] = (float(counts.sum()), "1")
        result[f"{name}_sifted"] = (float(counts[[0, 1], [0, 1]].sum()), "1")
    return result
