"""Stage 4: which clicks belong together? From the tags and the orbit's prediction alone."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr
import zarr

from satqkd.coincidence.clock import PS, recover_clock
from satqkd.coincidence.matching import accidental_count, histogram, match
from satqkd.coincidence.sifting import ideal_correlation, resolve_clicks, sift
from satqkd.dataset import SESSION_PULSES, label, record_key, transmitter_log, variable
from satqkd.flight import emission_times
from satqkd.scenario import INTENSITIES, Scenario

HISTOGRAM_BIN_PS, HISTOGRAM_BINS = 100, 200
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


def coincidences(scenario: Scenario, orbit: xr.Dataset, tags: str | Path) -> xr.Dataset:
    """Recover the clocks, match the tags, sift.

    Parameters
    ----------
    scenario : Scenario
    orbit : xarray.Dataset
        The prediction, for the time of flight.
    tags : str or Path
        The ``detection.zarr``.

    Returns
    -------
    xarray.Dataset
        Events by coincidence, counts by outcome, rates by second and session; see docs/design.md.
    """
    store = zarr.open_group(tags, mode="r")
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
        ("residual_rms_s", "s", "scatter of the beacon tags"),
    ]:
        values = np.array([[getattr(clock, name) for clock in s.clocks] for s in sessions])
        data["clock_" + name.removesuffix("_s")] = variable(("session", "station"), values, units, text)
    data["range"] = variable("second", orbit.range.values.sum(axis=1), "m", "range, of both stations together for two")
    data.attrs["window_ns"] = scenario.coincidence.window_ns
    data = data.assign_coords(
        station=("station", [s.name for s in scenario.stations]),
        session=("session", np.array([s.number for s in sessions], np.int16)),
        measurement_name=("measurement", [m.name for m in scenario.measurements]),
    )
    return label(data, "coincidence", scenario, int(store.attrs["seed"])).assign_attrs(run=int(store.attrs["run"]))


def _sessions(scenario: Scenario, orbit: xr.Dataset, store: zarr.Group) -> list[_Session]:
    numbers = np.unique(orbit.pass_number.values)
    times = orbit.time.values
    window_ps = int(scenario.coincidence.window_ns * 1e3)
    dead_ps = int(scenario.detection.dead_time_ns * 1e3)
    sessions = []
    for order, number in enumerate(numbers):
        nodes = np.flatnonzero(orbit.pass_number.values == number)
        start_ps = int((times[nodes[0]] - times[0]) / np.timedelta64(1, "ns")) * 1000
        emitted, channels, clocks = [], [], []
        for index, station in enumerate(scenario.stations):
            orbit_path = {
                "node_s": np.arange(nodes.size, dtype=float),
                "range_m": orbit.range.values[nodes, index].astype(float),
                "range_rate_m_s": orbit.range_rate.values[nodes, index].astype(float),
            }
            read = partial(_session_tags, store, station.name, order)
            beacon = scenario.beacon
            try:
                clock = recover_clock(
                    read("beacon") - start_ps,
                    read("gps") - start_ps,
                    beacon_rate_hz=beacon.pulse_rate_hz / beacon.recorded_one_in,
                    **orbit_path,
                )
            except ValueError as error:
                raise ValueError(f"{scenario.name}, session {number}, {station.name}: {error}") from None
            time, channel = read("photons"), read("photons", "detector")
            if scenario.source.kind == "entangled":
                kept, channel = resolve_clicks(
                    time,
                    channel,
                    window_ps=window_ps,
                    dead_ps=dead_ps,
                    key=record_key(0, "double clicks", station.name, number),
                )
                time = time[kept]
            emission_s = emission_times(clock.true_s(time - start_ps), **orbit_path)
            emitted.append(np.rint(emission_s * PS).astype(np.int64))
            channels.append(channel)
            clocks.append(clock)
        seconds = int(np.count_nonzero(orbit.measurement.values[nodes] >= 0))
        sessions.append(_Session(int(number), int(nodes[0]), seconds, emitted, channels, clocks))
    return sessions


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
        "_accidentals": accidental_count(a, b, window_ps),
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
