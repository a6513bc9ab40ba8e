"""Stage 4: which clicks belong together? From the tags and the orbit's prediction alone."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr
import zarr

from satqkd.coincidence.clock import PS, Clock, recover_clock, seconds_clock
from satqkd.coincidence.matching import accidental_count, histogram, match
from satqkd.coincidence.sifting import ideal_correlation, resolve_clicks, sift
from satqkd.dataset import SESSION_PULSES, label, record_key, transmitter_log, variable
from satqkd.flight import emission_times
from satqkd.scenario import INTENSITIES, Recorded, RecordedStation, Scenario

SECOND = int(PS)
HISTOGRAM_BIN_PS, HISTOGRAM_BINS = 100, 200
# How far two recordings' clocks may be apart at first [s], tried one after the other: the nearer they are, the fewer
# pairs are enough. Where UTC is not known, two people have pressed a button.
REACHES_S = {"orbit": (0.01, 2.0), "bench": (2.0,)}
EXTREME_SECONDS = 10


@dataclass(frozen=True)
class _Session:
    """One session's tags in the satellite's time.

    Attributes
    ----------
    number, first, seconds : int
        Its number, its first row in the orbit's data set, and how many seconds it has.
    time_ps : list of ndarray of int64
        For each station the emission times since the session's start [ps], ascending.
    channel : list of ndarray of uint8
    clocks : list of Clock
    """

    number: int
    first: int
    seconds: int
    time_ps: list
    channel: list
    clocks: list


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
    parts = [
        _match_pulses(scenario, session, int(store["transmitter"].attrs["log_key"], 16))
        if decoy
        else _match_pairs(scenario, orbit, session)
        for session in sessions
    ]
    events = {name: np.concatenate([part[name] for part in parts]) for name in parts[0] if name[0] != "_"}
    data = _events(events, decoy)
    data["delay_histogram"] = variable("delay_bin", sum(p["_histogram"] for p in parts), "1", "tags by delay")
    data = data.assign_coords(
        delay_bin=variable(
            "delay_bin", (np.arange(HISTOGRAM_BINS) - HISTOGRAM_BINS / 2 + 0.5) * HISTOGRAM_BIN_PS, "ps", "delay"
        )
    )
    (_count_pulses if decoy else _count_pairs)(data, scenario, parts, orbit)
    data["singles"] = variable(
        ("session", "station"), np.array([[t.size for t in s.time_ps] for s in sessions]), "1", "detection events"
    )
    data["session_duration"] = variable("session", np.array([s.seconds for s in sessions]), "s", "seconds of open link")
    for name, units, text in [
        ("offset_s", "s", "clock offset"),
        ("drift", "1", "clock drift"),
        ("offset_sigma_s", "s", "uncertainty of the clock offset"),
        ("residual_rms_s", "s", "scatter of the correlated tags"),
        ("followed", "1", "share of the session in which the clock was seen"),
    ]:
        values = np.array([[getattr(clock, name) for clock in s.clocks] for s in sessions])
        data["clock_" + name.removesuffix("_s")] = variable(("session", "station"), values, units, text)
    if "range" in orbit:
        text = "range, of both stations together for two"
        data["range"] = variable("second", orbit.range.values.sum(axis=1), "m", text)
    data.attrs["window_ns"] = scenario.coincidence.window_ns
    data = data.assign_coords(
        station=("station", [s.name for s in scenario.stations]),
        session=("session", np.array([s.number for s in sessions], np.int16)),
        measurement_name=("measurement", [m.name for m in scenario.measurements]),
    )
    return label(data, "coincidence", scenario, int(store.attrs["seed"])).assign_attrs(run=int(store.attrs["run"]))


def _sessions(scenario: Scenario, orbit: xr.Dataset, store: zarr.Group) -> list[_Session]:
    numbers = np.unique(orbit.pass_number.values)
    sessions = []
    for order, number in enumerate(numbers):
        nodes = np.flatnonzero(orbit.pass_number.values == number)
        start_ps = _start_ps(orbit, nodes[0])
        emitted, channels, clocks = [], [], []
        for index, station in enumerate(scenario.stations):
            path = _path(orbit, nodes, index)
            read = partial(_session_tags, store, station.name, order)
            try:
                clock = _beacon_clock(scenario, read("beacon") - start_ps, read("gps") - start_ps, path)
            except ValueError as error:
                raise ValueError(f"{scenario.name}, session {number}, {station.name}: {error}") from None
            time, channel = _clicks(scenario, station.name, number, read)
            emission_s = emission_times(clock.true_s(time - start_ps), **path)
            emitted.append(np.rint(emission_s * PS).astype(np.int64))
            channels.append(channel)
            clocks.append(clock)
        seconds = int(np.count_nonzero(orbit.measurement.values[nodes] >= 0))
        sessions.append(_Session(int(number), int(nodes[0]), seconds, emitted, channels, clocks))
    return sessions


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
        time, channel = _clicks(scenario, station.name, 0, partial(_session_tags, store, station.name, 0))
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
    return [_Session(0, 0, seconds, times, channels, [reference, clock])], orbit


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


def _clicks(scenario: Scenario | Recorded, station: str, number: int, read) -> tuple[np.ndarray, np.ndarray]:
    """Times and channels of a station's events, double clicks resolved where there are pairs."""
    time, channel = read("photons"), read("photons", "detector")
    if scenario.source.kind == "decoy":
        return time, channel
    kept, channel = resolve_clicks(
        time,
        channel,
        window_ps=int(scenario.coincidence.window_ns * 1e3),
        dead_ps=int(scenario.detection.dead_time_ns * 1e3),
        key=record_key(0, "double clicks", station, number),
    )
    return time[kept], channel


def _session_tags(store: zarr.Group, station: str, order: int, kind: str, name: str = "time") -> np.ndarray:
    group = store[f"{station}/{kind}"]
    first, last = group.attrs["session_first_tag"][order : order + 2]
    return group[name][first:last]


def _match_pairs(scenario: Scenario, orbit: xr.Dataset, session: _Session) -> dict:
    window_ps = int(scenario.coincidence.window_ns * 1e3)
    a, b = session.time_ps
    first, second = match(a, b, window_ps)
    measured = orbit.measurement.values[session.first : session.first + session.seconds]
    second_of = np.clip(a[first] // int(PS), 0, session.seconds - 1)
    return {
        "time": a[first] + _start_ps(orbit, session.first),
        "delay": b[second] - a[first],
        "setting_a": session.channel[0][first] >> 1,
        "setting_b": session.channel[1][second] >> 1,
        "outcome_a": session.channel[0][first] & 1,
        "outcome_b": session.channel[1][second] & 1,
        "pass_number": np.full(first.size, session.number, np.int16),
        "measurement_number": measured[second_of].astype(np.int8),
        "_histogram": histogram(a, b, HISTOGRAM_BIN_PS, HISTOGRAM_BINS),
        "_accidentals": accidental_count(a, b, window_ps, gap_ps=int(scenario.coincidence.accidental_gap_ns * 1e3)),
        "_rate": (session.first, np.bincount(second_of, minlength=session.seconds)),
    }


def _match_pulses(scenario: Scenario, session: _Session, log_key: int) -> dict:
    source = scenario.source
    window_ps = int(scenario.coincidence.window_ns * 1e3)
    period_ps = PS / source.pulse_rate_hz
    time, channel = session.time_ps[0], session.channel[0]
    pulse = np.floor(time / period_ps).astype(np.int64)
    delay = np.rint(time - (pulse + 0.5) * period_ps).astype(np.int64)
    # A laser pulse leaves at the middle of its period; the histogram shows the whole period.
    edges = (np.arange(HISTOGRAM_BINS + 1) - HISTOGRAM_BINS / 2) * HISTOGRAM_BIN_PS
    inside = np.flatnonzero((2 * np.abs(delay) <= window_ps) & (pulse >= 0))
    inside = inside[time[inside] < session.seconds * int(PS)]
    intensity, basis, bit = transmitter_log(log_key, session.number * SESSION_PULSES + pulse[inside], source.shares)
    return {
        "time": time[inside],
        "delay": delay[inside].astype(np.int32),
        "intensity": intensity,
        "setting_a": basis,
        "setting_b": channel[inside] >> 1,
        "outcome_a": bit,
        "outcome_b": channel[inside] & 1,
        "pass_number": np.full(inside.size, session.number, np.int16),
        "_histogram": np.histogram(delay, edges)[0],
        "_rate": (session.first, np.bincount(time[inside] // int(PS), minlength=session.seconds)),
        "_sifted_rate": (
            session.first,
            np.bincount(
                time[inside[(basis == channel[inside] >> 1) & (intensity == 0)]] // int(PS), minlength=session.seconds
            ),
        ),
    }


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
    return xr.Dataset({name: variable("coincidence", values, *texts[name]) for name, values in events.items()})


def _table(index: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    return np.bincount(
        np.ravel_multi_index([np.asarray(i, np.int64) for i in index], shape), minlength=int(np.prod(shape))
    ).reshape(shape)


def _series(parts: list[dict], name: str, size: int) -> np.ndarray:
    values = np.zeros(size, np.int64)
    for part in parts:
        first, counts = part[name]
        values[first : first + counts.size] = counts
    return values


def _count_pairs(data: xr.Dataset, scenario: Scenario, parts: list[dict], orbit: xr.Dataset) -> None:
    angles = [np.deg2rad(m.angles_deg) for m in scenario.measurements]
    correlation = np.array([ideal_correlation(scenario.source.bell_state, *pair) for pair in angles])
    shape = (len(angles), 2, 2, 2, 2)
    columns = ["measurement_number", "setting_a", "setting_b", "outcome_a", "outcome_b"]
    counts = _table([data[name].values for name in columns], shape)
    axes = ("measurement", "alice_setting", "bob_setting", "alice_outcome", "bob_outcome")
    data["counts"] = variable(axes, counts, "1", "coincidences")
    data["ideal_correlation"] = variable(axes[:3], correlation, "1", "correlation of the ideal state")
    data["duration"] = variable(
        "measurement", [np.count_nonzero(orbit.measurement.values == m) for m in range(len(angles))], "s", "open link"
    )
    data["rate"] = variable(
        "second", _series(parts, "_rate", orbit.sizes["time"]), "s-1", "coincidences in each second"
    )
    data["accidentals"] = variable(
        "session", [p["_accidentals"] for p in parts], "1", "expected accidental coincidences"
    )
    kept = ~np.isclose(np.abs(correlation), 0).any(axis=(1, 2))  # settings made for a Bell test yield no key
    alice, bob = np.full(data.sizes["coincidence"], -1, np.int8), np.full(data.sizes["coincidence"], -1, np.int8)
    for m in range(len(angles)):
        if kept[m] and scenario.measurements[m].name == "bell":
            continue
        own = np.flatnonzero(data.measurement_number.values == m)
        index, a, b = sift(*(data[name].values[own] for name in columns[1:]), correlation[m])
        alice[own[index]], bob[own[index]] = a, b
    data["alice_bit"] = variable("coincidence", alice, "1", "sifted bit of the first station, -1 where sifted out")
    data["bob_bit"] = variable("coincidence", bob, "1", "sifted bit of the second station, -1 where sifted out")


def _count_pulses(data: xr.Dataset, scenario: Scenario, parts: list[dict], orbit: xr.Dataset) -> None:
    columns = ["intensity", "setting_a", "setting_b", "outcome_a", "outcome_b"]
    counts = _table([data[name].values for name in columns], (3, 2, 2, 2, 2))
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
    data["rate"] = variable("second", _series(parts, "_rate", orbit.sizes["time"]), "s-1", "detections in each second")
    data["sifted_rate"] = variable(
        "second", _series(parts, "_sifted_rate", orbit.sizes["time"]), "s-1", "sifted signal bits in each second"
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
