"""Prepare a recording of decoy-state pulses for stage 4: its clock recovered against the transmitter's log."""

from dataclasses import replace

import numpy as np
import xarray as xr
import zarr

from satqkd.coincidence.clock import Clock
from satqkd.coincidence.pulse_clock import PulseLog, recover_pulse_clock
from satqkd.coincidence.sessions import (
    SECOND,
    Session,
    bench_orbit,
    first_found,
    measured_seconds,
    since_start_ps,
    station_path,
    wanted_seconds,
)
from satqkd.coincidence.streams import Recording
from satqkd.flight import PS, emission_times
from satqkd.scenario import INTENSITIES, Recorded
from satqkd.scenario.mission import DecoyPulses
from satqkd.scenario.recorded import RecordedStation, RecordedTransmitter


def recorded_log(store: zarr.Group) -> PulseLog:
    """Return the transmitter's log of a ``detection.zarr``.

    Examples
    --------
    >>> store = zarr.create_group({})
    >>> group = store.create_group("transmitter/log", attributes={"repeats": False})
    >>> array = group.create_array("state", data=np.array([0, 7, 3], np.uint8))
    >>> recorded_log(store).states.tolist()
    [0, 7, 3]
    """
    group = store["transmitter/log"]
    return PulseLog(group["state"][:], bool(group.attrs["repeats"]))


def recorded_pulses(
    scenario: Recorded, orbit: xr.Dataset | None, store: zarr.Group, log: PulseLog
) -> tuple[Session, PulseLog, xr.Dataset]:
    """Return the session that a recording has in common with a log, the log from the session's start, and its seconds.

    Parameters
    ----------
    scenario : Recorded
        Of pulses.
    orbit : xarray.Dataset, optional
        The prediction, for the time of flight. Without one tags are counted from the recording's first one, and seconds
        from where both have begun.
    store : zarr.Group
        The ``detection.zarr``.
    log : PulseLog
        From `recorded_log`.

    Raises
    ------
    ValueError
        Where the clock is not found, or recording and log have less in common than the measurement wants.
    """
    (station,), source = scenario.stations, scenario.source
    assert scenario.transmitter is not None and isinstance(source, DecoyPulses)
    period_ps = PS / source.pulse_rate_hz
    time, channel = (
        np.concatenate(c) for c in zip(*Recording(store[f"{station.name}/photons"]).chunks(0), strict=True)
    )
    if orbit is None:
        time = time - time[0]
    else:
        time, channel = _emitted(time, channel, station, scenario.transmitter, orbit)
    clock = _log_clock(scenario, station, scenario.transmitter, time, channel, log)
    time = np.rint(clock.true_s(time) * PS).astype(np.int64)
    logged_ps = np.inf if log.repeats else log.states.size * period_ps
    begin_ps, end_ps = max(time[0], 0 if not log.repeats else time[0]), min(time[-1], logged_ps)
    start_ps = float(begin_ps)
    if orbit is not None:
        start_ps = -float(since_start_ps(orbit, scenario.transmitter.time_zero))
        begin_ps, end_ps = max(begin_ps, start_ps), min(end_ps, start_ps + (orbit.sizes["time"] - 1) * SECOND)
    common_s = (end_ps - begin_ps) / PS
    first_pulse = int(np.ceil(start_ps / period_ps))
    wanted = wanted_seconds(scenario)
    if round(common_s) < wanted:
        raise ValueError(
            f"{scenario.name}: the recording of {station.name} and the log of the transmitter have "
            f"{max(common_s, 0):.1f} s in common where the measurement "
            f"wants {wanted}: give a shorter duration_s, or a log that is as long"
        )
    if orbit is None:
        orbit = bench_orbit(scenario, round(common_s))
    seconds = measured_seconds(orbit.measurement.values)
    used = slice(*np.searchsorted(time, [begin_ps, end_ps]))
    since, channel = time[used] - round(first_pulse * period_ps), channel[used]
    used = slice(*np.searchsorted(since, [0, seconds * SECOND]))
    since, channel = since[used], channel[used]
    # Nothing is counted in a pause.
    measured = orbit.measurement.values[since // SECOND] >= 0
    tags = [(since[measured], channel[measured])]
    shifted = replace(log, first=first_pulse)
    return Session(0, 0, seconds, 0, [tags], [clock], first_pulse / source.pulse_rate_hz), shifted, orbit


def pulses_sent(log: PulseLog, measurement: np.ndarray, pulse_rate_hz: float) -> np.ndarray:
    """Return how many pulses of each intensity were sent in the seconds that are measured.

    Parameters
    ----------
    log : PulseLog
        From the first second on.
    measurement : ndarray of int, shape (second,)
        -1 where nothing is measured.
    pulse_rate_hz : float

    Returns
    -------
    ndarray of int64, shape (intensity,)

    Examples
    --------
    >>> log = PulseLog(np.array([0, 4, 0, 8], np.uint8), repeats=True)
    >>> pulses_sent(log, np.array([0, -1, 0]), 4.0).tolist()
    [4, 2, 2]
    """
    total = np.zeros(len(INTENSITIES), np.int64)
    for second in np.flatnonzero(measurement >= 0):
        first, end = (int(np.ceil(edge * pulse_rate_hz)) for edge in (second, second + 1))
        whole = 0
        if log.repeats:  # whole repetitions are counted once
            whole = (end - first) // log.states.size
            end -= whole * log.states.size
        total += np.bincount(log.between(first, end) >> 2, minlength=4)[: len(INTENSITIES)]
        if whole:
            total += whole * np.bincount(log.states >> 2, minlength=4)[: len(INTENSITIES)]
    return total


def _emitted(
    time: np.ndarray, channel: np.ndarray, station: RecordedStation, transmitter: RecordedTransmitter, orbit: xr.Dataset
) -> tuple[np.ndarray, np.ndarray]:
    """Return when tags near the orbit's seconds left the satellite since the first pulse [ps], and their channels."""
    since_s = time / PS + since_start_ps(orbit, station.time_zero) / PS
    last_s = orbit.sizes["time"] - 1.0
    margin_s = 1.0 + station.start_uncertainty_s
    near = np.abs(since_s - last_s / 2) < last_s / 2 + margin_s
    emission_s = emission_times(since_s[near], **station_path(orbit, np.arange(orbit.sizes["time"]), 0))
    first_pulse_s = since_start_ps(orbit, transmitter.time_zero) / PS
    return np.rint((emission_s - first_pulse_s) * PS).astype(np.int64), channel[near]


def _log_clock(
    scenario: Recorded,
    station: RecordedStation,
    transmitter: RecordedTransmitter,
    time: np.ndarray,
    channel: np.ndarray,
    log: PulseLog,
) -> Clock:
    """Recover the receiver's clock against the log, over one search range after the other."""
    source = scenario.source
    assert isinstance(source, DecoyPulses)
    reach_s = station.start_uncertainty_s + transmitter.start_uncertainty_s
    prior_s = 0.0 if scenario.orbit else transmitter.start_s - station.start_s

    def recovered(tried_s: float) -> Clock:
        return recover_pulse_clock(
            time,
            channel,
            log,
            pulse_rate_hz=source.pulse_rate_hz,
            mean_photon_numbers=source.mu,
            prior_offset_s=prior_s,
            reach_s=tried_s,
        )

    return first_found(scenario, reach_s, recovered)
