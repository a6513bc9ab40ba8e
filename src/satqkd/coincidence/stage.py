"""Stage 4: which clicks belong together? From the tags and the orbit's prediction alone."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr

from satqkd.coincidence.health import DETECTORS, bin_middles_ps, blind_detectors
from satqkd.coincidence.matching import accidentals, beside_the_peak
from satqkd.coincidence.pulse_clock import PulseLog
from satqkd.coincidence.pulse_sessions import pulses_sent, recorded_log, recorded_pulses
from satqkd.coincidence.report import (
    HISTOGRAM_BIN_PS,
    HISTOGRAM_BINS,
    PairTally,
    PulseTally,
    joined_health,
    pulse_health,
    recording_health,
)
from satqkd.coincidence.sessions import SECOND, Session, passes, recorded
from satqkd.coincidence.sifting import ideal_correlation, sift
from satqkd.coincidence.streams import PairStream, Tags, aligned
from satqkd.dataset import growing, in_parts, label, load, variable
from satqkd.files import require_result
from satqkd.flight import PS
from satqkd.scenario import INTENSITIES, Experiment, Recorded, Scenario
from satqkd.scenario.mission import DecoyPulses
from satqkd.streams import SESSION_PULSES, transmitter_log

EXTREME_SECONDS = 10  # a paper reads the rates at the ends of a pass off a smooth curve


def coincidences(
    scenario: Scenario | Recorded, orbit: xr.Dataset | None, tags: str | Path, *, path: str | Path
) -> xr.Dataset:
    """Recover the clocks, match the tags, sift.

    Parameters
    ----------
    scenario : Scenario or Recorded
    orbit : xarray.Dataset, optional
        The prediction, for the time of flight; without one, recordings are of one place.
    tags : str or Path
        The ``detection.zarr``.
    path : str or Path
        The ``coincidence.nc`` to write: events go there as they are found, because they may be more than the memory
        holds.

    Returns
    -------
    xarray.Dataset
        Events by coincidence, left in the file, counts by outcome, rates by second and session; see docs/design.md.

    Raises
    ------
    MissingResult
        Where there are no tags yet.
    ValueError
        Where a clock is not found, or recordings have less in common than the measurements want.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from satqkd import channel, detection, load_scenario, orbit
    >>> bench = load_scenario("bench_example").replaced({"stations.0.loss_db": 3, "source.pair_rate_hz_per_mw": 2e4})
    >>> still = orbit.find_sessions(bench)
    >>> with TemporaryDirectory() as folder:
    ...     tags = f"{folder}/detection.zarr"
    ...     truth = detection.simulate(bench, still, channel.link_budget(bench, still), path=tags, seed=1, run=1)
    ...     data = coincidences(bench, still, tags, path=f"{folder}/coincidence.nc").load()
    >>> data.sizes["coincidence"] == int(data.counts.sum()) > 10000
    True
    """
    require_result(tags)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    store, folder = zarr.open_group(tags, mode="r"), Path(path).parent
    sessions: Iterable[Session]
    log: PulseLog | None = None
    if isinstance(scenario, Recorded) and scenario.transmitter:
        session, log, orbit = recorded_pulses(scenario, orbit, store, recorded_log(store, folder), folder)
        sessions = [session]
    elif isinstance(scenario, Recorded):
        sessions, orbit = recorded(scenario, orbit, store, folder)
    elif orbit is not None:
        sessions = passes(scenario, orbit, store)
    else:
        raise ValueError(f"{scenario.path}: coincidences of a mission need its orbit: give the result of stage 1")
    matched: Callable[[_Part], Iterator[dict[str, np.ndarray]]]
    if isinstance(scenario.source, DecoyPulses):
        matched = partial(_match_pulses, scenario, scenario.source, _sent(scenario.source, store, log))
    else:
        matched = partial(_match_pairs, scenario, orbit)
    texts, parts = _texts(scenario.source.kind == "decoy"), []
    reports: list[xr.Dataset] = []
    with growing(path, "coincidence") as (append, finish):
        for session in sessions:
            part = _Part(session, len(scenario.stations))
            measured = orbit.measurement.values
            if isinstance(scenario, Recorded) and scenario.runs is not None:
                measured = measured[session.first :][: session.seconds + 1]
            if log is not None and isinstance(scenario.source, DecoyPulses):
                part.tally = PulseTally(measured.size, folder, scenario.source, log)
            elif isinstance(scenario, Recorded):
                part.tally = PairTally(measured.size, folder)
            for events in matched(part):
                append({name: variable("coincidence", events[name], *texts[name]) for name in texts})
                if part.tally is not None:
                    part.tally.add_events(events | {"time": events["time"] - session.start_ps})
            parts.append(part)
            if isinstance(scenario, Recorded):
                if isinstance(part.tally, PulseTally):
                    reports.append(pulse_health(scenario, session, measured, part.tally))
                elif isinstance(part.tally, PairTally):
                    reports.append(recording_health(scenario, session, measured, part.tally))
                part.tally = None
        summary = _summary(scenario, parts, orbit, log)
        if reports:
            summary = summary.merge(joined_health(reports))
        rest = label(summary, "coincidence", scenario, int(store.attrs["seed"]))
        finish(rest.assign_attrs(run=int(store.attrs["run"])))
    return load(path, leave="coincidence")


class _Part:
    """Sums over a session while its tags are read."""

    def __init__(self, session: Session, stations: int) -> None:
        self.number, self.first, self.seconds = session.number, session.first, session.seconds
        self.start_ps, self.clocks, self._tags = session.start_ps, session.clocks, session.tags
        self.singles = np.zeros((stations, DETECTORS), np.int64)
        self.histogram = np.zeros(HISTOGRAM_BINS, np.int64)
        self.clicks, self.rate, self.sifted_rate = np.zeros((3, session.seconds), np.int64)
        self.accidentals = 0.0
        self.counts: Any = 0  # an array after the first piece
        self.tally: PairTally | PulseTally | None = None  # of recordings, for the report of their health

    def pieces(self) -> Iterator[list[Tags]]:
        """Yield the tags of all stations, cut at common times."""
        for piece in aligned(*self._tags):
            self.singles += [np.bincount(channel, minlength=DETECTORS) for _, channel in piece]
            if self.tally is not None:
                self.tally.add_tags(*piece)
            yield piece


def _match_pairs(scenario: Experiment, orbit: xr.Dataset, part: _Part) -> Iterator[dict[str, np.ndarray]]:
    """Yield the columns of the session's coincidences, piece by piece."""
    window_ps = int(scenario.coincidence.window_ns * 1e3)
    beside = beside_the_peak(window_ps, gap_ps=int(scenario.coincidence.accidental_gap_ns * 1e3))
    stream = PairStream(window_ps=window_ps, histograms=[(HISTOGRAM_BIN_PS, HISTOGRAM_BINS, 0), *beside])
    measured = orbit.measurement.values[part.first : part.first + part.seconds]
    correlation = _correlations(scenario)
    for piece in part.pieces():
        (a, channel_a), (b, channel_b) = stream.add(*piece)
        second_of = np.clip(a // SECOND, 0, part.seconds - 1)
        part.rate += np.bincount(second_of, minlength=part.seconds)
        events = {
            "time": a + part.start_ps,
            "delay": b - a,
            "setting_a": channel_a >> 1,
            "setting_b": channel_b >> 1,
            "outcome_a": channel_a & 1,
            "outcome_b": channel_b & 1,
            "session_number": np.full(a.size, part.number, np.int16),
            "measurement_number": measured[second_of].astype(np.int8),
        }
        part.counts += _table(events, "measurement_number", correlation.shape[0])
        yield events | _sifted(scenario, correlation, events)
    part.histogram, *sides = stream.delays.counts
    part.accidentals = accidentals(sides)


# Which pulses of a session, by their numbers, had which intensity, basis and bit.
Sent = Callable[[int, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]


def _sent(source: DecoyPulses, store: zarr.Group, log: PulseLog | None) -> Sent:
    """Return the transmitter's log as a function of session and pulse numbers."""
    if log is None:
        log_key = int(store["transmitter"].attrs["log_key"], 16)
        return lambda session, pulse: transmitter_log(log_key, session * SESSION_PULSES + pulse, source.shares)

    def recorded_states(session: int, pulse: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        states = log.at(pulse)
        return states >> 2, (states >> 1) & 1, states & 1

    return recorded_states


def _match_pulses(
    scenario: Experiment, source: DecoyPulses, sent: Sent, part: _Part
) -> Iterator[dict[str, np.ndarray]]:
    """Yield the columns of the session's detections in the window, piece by piece."""
    window_ps = int(scenario.coincidence.window_ns * 1e3)
    period_ps = PS / source.pulse_rate_hz
    # A laser pulse leaves at the middle of its period; the histogram shows the whole period.
    edges = (np.arange(HISTOGRAM_BINS + 1) - HISTOGRAM_BINS / 2) * HISTOGRAM_BIN_PS
    for ((time, channel),) in part.pieces():
        pulse = np.floor(time / period_ps).astype(np.int64)
        delay = np.rint(time - (pulse + 0.5) * period_ps).astype(np.int64)
        part.histogram += np.histogram(delay, edges)[0]
        in_session = (pulse >= 0) & (time < part.seconds * SECOND)
        part.clicks += np.bincount(time[in_session] // SECOND, minlength=part.seconds)
        inside = (2 * np.abs(delay) <= window_ps) & in_session
        time, pulse, delay, channel = (column[inside] for column in (time, pulse, delay, channel))
        intensity, basis, bit = sent(part.number, pulse)
        sifted = (basis == channel >> 1) & (intensity == INTENSITIES.index("signal"))
        part.rate += np.bincount(time // SECOND, minlength=part.seconds)
        part.sifted_rate += np.bincount(time[sifted] // SECOND, minlength=part.seconds)
        events = {
            "time": time + part.start_ps,
            "delay": delay.astype(np.int32),
            "intensity": intensity,
            "setting_a": basis,
            "setting_b": channel >> 1,
            "outcome_a": bit,
            "outcome_b": channel & 1,
            "session_number": np.full(time.size, part.number, np.int16),
        }
        part.counts += _table(events, "intensity", len(INTENSITIES))
        yield events


def _texts(decoy: bool) -> dict[str, tuple[str, str]]:
    """Return unit and meaning of the events' columns."""
    common = {
        "time": ("ps", "emission since the first session's start"),
        "delay": ("ps", "detection minus pulse centre" if decoy else "second station minus first"),
        "setting_a": ("1", "setting of the transmitter" if decoy else "setting of the first station"),
        "setting_b": ("1", "setting of the receiver" if decoy else "setting of the second station"),
        "outcome_a": ("1", "bit that was sent" if decoy else "outcome at the first station"),
        "outcome_b": ("1", "outcome at the receiver" if decoy else "outcome at the second station"),
        "session_number": ("1", "session"),
    }
    if decoy:
        return common | {"intensity": ("1", "index into signal, decoy, vacuum")}
    bit = "sifted bit of the {} station, -1 where sifted out"
    return common | {
        "measurement_number": ("1", "index into the scenario's measurements"),
        "alice_bit": ("1", bit.format("first")),
        "bob_bit": ("1", bit.format("second")),
    }


def _table(events: dict[str, np.ndarray], first: str, size: int) -> np.ndarray:
    """Count events by a first column and by both settings and outcomes."""
    index = events[first].astype(np.int64)
    for name in ("setting_a", "setting_b", "outcome_a", "outcome_b"):
        index = 2 * index + events[name]
    return np.bincount(index, minlength=16 * size).reshape(size, 2, 2, 2, 2)


def _correlations(scenario: Experiment) -> np.ndarray:
    """Return the correlations of the ideal state, shape (measurement, setting, setting)."""
    assert not isinstance(scenario.source, DecoyPulses)
    angles = [np.deg2rad(m.angles_deg) for m in scenario.measurements]
    return np.array([ideal_correlation(scenario.source.bell_state, *pair) for pair in angles])


def _sifted(scenario: Experiment, correlation: np.ndarray, events: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return both sides' bits, -1 where sifted out."""
    kept = ~np.isclose(np.abs(correlation), 0).any(axis=(1, 2))  # settings made for a Bell test yield no key
    alice, bob = np.full((2, events["time"].size), -1, np.int8)
    for m, measurement in enumerate(scenario.measurements):
        if kept[m] and measurement.name == "bell":
            continue
        own = np.flatnonzero(events["measurement_number"] == m)
        setting_a, setting_b = events["setting_a"][own], events["setting_b"][own]
        outcome_a, outcome_b = events["outcome_a"][own], events["outcome_b"][own]
        index, a, b = sift(setting_a, setting_b, outcome_a, outcome_b, correlation[m])
        alice[own[index]], bob[own[index]] = a, b
    return {"alice_bit": alice, "bob_bit": bob}


def _summary(scenario: Experiment, parts: list[_Part], orbit: xr.Dataset, log: PulseLog | None) -> xr.Dataset:
    """Return everything except the events."""
    histogram = variable("delay_bin", sum(part.histogram for part in parts), "1", "tags by delay")
    middles_ps = bin_middles_ps(HISTOGRAM_BIN_PS, HISTOGRAM_BINS)
    data = xr.Dataset({"delay_histogram": histogram}, {"delay_bin": variable("delay_bin", middles_ps, "ps", "delay")})
    if isinstance(scenario.source, DecoyPulses):
        _count_pulses(data, scenario.source, parts, orbit, log)
    else:
        _count_pairs(data, scenario, parts, orbit)
    singles = np.array([part.singles for part in parts])
    data["singles"] = variable(("session", "station"), singles.sum(axis=2), "1", "detection events")
    clicks = singles.sum(axis=0)
    counts = data.counts.values.sum(axis=0)
    sides = [counts.sum(axis=(1, 3)), counts.sum(axis=(0, 2))][-len(scenario.stations) :]
    pairs = np.array([side.ravel() for side in sides])
    by_detector = ("station", "detector")
    data["detector_singles"] = variable(by_detector, clicks, "1", "detection events by 2 x setting + outcome")
    data["detector_coincidences"] = variable(by_detector, pairs, "1", "those of them in the window")
    blind = np.array([blind_detectors(*both) for both in zip(clicks, pairs, strict=True)], np.int8)
    data["looks_blind"] = variable(by_detector, blind, "1", "whether hardly any of its events is in the window")
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
    return data.assign_coords(
        station=("station", [s.name for s in scenario.stations]),
        session=("session", np.array([part.number for part in parts], np.int16)),
        measurement_name=("measurement", [m.name for m in scenario.measurements]),
    )


def _series(parts: list[_Part], name: str, size: int) -> np.ndarray:
    values = np.zeros(size, np.int64)
    for part in parts:
        values[part.first : part.first + part.seconds] = getattr(part, name)
    return values


def _count_pairs(data: xr.Dataset, scenario: Experiment, parts: list[_Part], orbit: xr.Dataset) -> None:
    correlation, counts = _correlations(scenario), np.sum([part.counts for part in parts], axis=0)
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


def _count_pulses(
    data: xr.Dataset, source: DecoyPulses, parts: list[_Part], orbit: xr.Dataset, log: PulseLog | None
) -> None:
    counts = np.sum([part.counts for part in parts], axis=0)
    data["counts"] = variable(
        ("intensity_level", "alice_setting", "bob_setting", "alice_outcome", "bob_outcome"),
        counts,
        "1",
        "detections in the window",
    )
    seconds = int(np.count_nonzero(orbit.measurement.values >= 0))
    pulses = source.pulse_rate_hz * seconds * source.shares
    if log is not None:
        pulses = pulses_sent(log, orbit.measurement.values, source.pulse_rate_hz).astype(float)
    data["pulses"] = variable("intensity_level", pulses, "1", "pulses sent")
    data["mean_photon_number"] = variable("intensity_level", source.mu, "1", "mean photon number")
    data["duration"] = variable("measurement", [seconds], "s", "open link")
    for name, text in [
        ("clicks", "clicks in each second, in the window or not"),
        ("rate", "detections in the window in each second"),
        ("sifted_rate", "sifted signal bits in each second"),
    ]:
        data[name] = variable("second", _series(parts, name, orbit.sizes["time"]), "s-1", text)
    data.coords["intensity_name"] = ("intensity_level", list(INTENSITIES))


def observables(data: xr.Dataset) -> dict[str, tuple[float, str]]:
    """Return what a publication can be compared with: name to (value or [low, high], unit).

    Rates at the ends of the range are means over the ten seconds nearest to the station and farthest from it: a paper
    reads them off a smooth curve. The count rate is that of all clicks, noise included, before the window.

    Examples
    --------
    >>> outcomes = ("measurement", "alice_setting", "bob_setting", "alice_outcome", "bob_outcome")
    >>> data = xr.Dataset(
    ...     {
    ...         "duration": ("measurement", [100.0]),
    ...         "accidentals": ("measurement", [16.0]),
    ...         "counts": (outcomes, np.full((1, 2, 2, 2, 2), 50)),
    ...     },
    ...     coords={"measurement_name": ("measurement", ["key"])},
    ... )
    >>> found = observables(data)
    >>> found["coincidence_rate"], found["signal_to_noise"], found["key_sifted"]
    ((8.0, '1/s'), (49.0, 'ratio to 1'), (400.0, '1'))
    """
    duration = float(data.duration.sum())
    if "pulses" in data:
        # On a bench all seconds are equally far.
        range_m = data.range.values if "range" in data else np.zeros(data.sizes["second"])
        order = np.argsort(range_m[data.rate.values > 0])
        clicks, sifted_rate = (data[name].values[data.rate.values > 0] for name in ("clicks", "sifted_rate"))
        near, far = order[:EXTREME_SECONDS], order[-EXTREME_SECONDS:]
        counts = data.counts.values
        sifted = counts[:, [0, 1], [0, 1]].sum(axis=1)
        errors = sifted[:, 0, 1] + sifted[:, 1, 0]
        total = sifted.sum(axis=(1, 2))
        qber = np.where(total > 0, errors / np.maximum(total, 1), np.nan)
        gain = total / data.pulses.values
        signal = float(total[0])
        return {
            "detection_events": (float(counts.sum()), "1"),
            "sifted_bits": (signal, "1"),
            "sifted_rate": (signal / duration, "bit/s"),
            "sifted_rate_nearest": (_mean(sifted_rate[near]), "bit/s"),
            "sifted_rate_farthest": (_mean(sifted_rate[far]), "bit/s"),
            "signal_count_rate": ([_mean(clicks[far]), _mean(clicks[near])], "1/s"),
            "qber_signal": (float(qber[0]), "1"),
            "qber_decoy": (float(qber[1]), "1"),
            "gain_signal": (gain[0], "1"),
            "gain_decoy": (gain[1], "1"),
            # Both bases together: half of the noise is sifted out, and a yield counts all of it.
            "yield_vacuum": (2 * gain[2], "1"),
            "arrival_time_spread": (_delay_spread_ps(data) * 1e-3, "ns"),
        }
    accidentals = float(data.accidentals.sum())
    pairs = float(data.counts.sum())
    without_noise = np.inf if pairs else np.nan
    result = {
        "coincidence_rate": (pairs / duration, "1/s"),
        "signal_to_noise": ((pairs - accidentals) / accidentals if accidentals else without_noise, "ratio to 1"),
        "accidental_rate": (accidentals / duration, "1/s"),
    }
    for m, name in enumerate(data.measurement_name.values):
        counts = data.counts.values[m]
        result[f"{name}_coincidences"] = (float(counts.sum()), "1")
        result[f"{name}_sifted"] = (float(counts[[0, 1], [0, 1]].sum()), "1")
    return result


def _mean(rates: np.ndarray) -> float:
    """Return the mean rate over the seconds with counts, 0 if there is no such second."""
    return float(rates.mean()) if rates.size else 0.0


def _delay_spread_ps(data: xr.Dataset) -> float:
    """Return the standard deviation of the events' delays, from integer sums over parts; nan without events."""
    if not data.sizes["coincidence"]:
        return np.nan
    sums = np.zeros(2, np.int64)
    for part in in_parts(data[["delay"]], "coincidence"):
        delay = part.delay.values.astype(np.int64)
        sums += delay.sum(), np.dot(delay, delay)
    mean, square = sums / data.sizes["coincidence"]
    return float(np.sqrt(square - mean**2))
