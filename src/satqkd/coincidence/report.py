"""The health report of a recorded session: what `health` finds in its tags, as variables of the stage's data set."""

from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from satqkd.coincidence.health import (
    DETECTORS,
    Finding,
    bin_middles_ps,
    blind_detectors,
    clicks_by_second,
    delay_jumps,
    delays_by_detector,
    in_order,
    jump_finding,
    late_detectors,
    lost_stretches,
    mean_delay_by_second,
    rate_findings,
)
from satqkd.coincidence.sessions import SECOND, Session
from satqkd.dataset import variable
from satqkd.scenario import Recorded

HISTOGRAM_BIN_PS, HISTOGRAM_BINS = 100, 200


def recording_health(
    scenario: Recorded, session: Session, measurement: np.ndarray, time_ps: np.ndarray, delay_ps: np.ndarray
) -> xr.Dataset:
    """Return what is found in the tags of a recorded session, second by second.

    Parameters
    ----------
    scenario : Recorded
    session : Session
        With all of its tags in memory.
    measurement : ndarray of int, shape (second,)
        Index of the measurement, -1 in pauses, which are left out.
    time_ps, delay_ps : ndarray of int64, shape (n,)
        Of the coincidences.

    Returns
    -------
    xarray.Dataset
        Clicks by second, station and detector, the delay of the pairs by second, delays by pair of detectors, and the
        findings: kind, station, detector, first and end second, and a sentence.
    """
    seconds = measurement.size
    (a,), (b,) = (list(tags) for tags in session.tags)
    time_ps = time_ps - session.start_ps
    mean_s, sigma_s = mean_delay_by_second(time_ps, delay_ps, seconds)
    # What the fit of the clock followed belongs to the clock as well.
    mean_s = mean_s + session.clocks[1].wander_at(session.clock_origin_s + np.arange(seconds) + 0.5)
    clicks = np.stack([clicks_by_second(*tags, seconds) for tags in (a, b)], axis=1)
    delays = delays_by_detector(*a, *b, bin_ps=HISTOGRAM_BIN_PS, bins=HISTOGRAM_BINS)
    by_second, by_delay = ("second", "station", "detector"), ("alice_detector", "bob_detector", "delay_bin")
    data = xr.Dataset(
        {
            "detector_clicks": variable(by_second, clicks, "s-1", "clicks in each second by 2 x setting + outcome"),
            "clock_delay": variable("second", mean_s, "s", "delay of the pairs against a clock without wander"),
            "clock_delay_sigma": variable("second", sigma_s, "s", "its standard deviation"),
            "delays_by_detector": variable(by_delay, delays, "1", "pairs of tags by delay and detectors"),
        },
        {"delay_bin": variable("delay_bin", bin_middles_ps(HISTOGRAM_BIN_PS, HISTOGRAM_BINS), "ps", "delay")},
    )
    counted = np.bincount(time_ps // SECOND, minlength=seconds)
    found = _findings(scenario, session, data, np.where(measurement >= 0, counted, -1))
    for name, units, text in [
        ("kind", "1", "kind of the fault"),
        ("station", "1", "index of the station, -1 where it cannot be said"),
        ("detector", "1", "2 x setting + outcome, -1 where it is not one"),
        ("first_s", "s", "second in which it begins"),
        ("end_s", "s", "second in which it has ended"),
    ]:
        data[f"finding_{name}"] = variable("finding", [getattr(one, name) for one in found], units, text)
    data["finding_text"] = variable("finding", [sentence(scenario, one) for one in found], "1", "what was found")
    return data


def _findings(scenario: Recorded, session: Session, data: xr.Dataset, coincidences: np.ndarray) -> list[Finding]:
    """Return all findings; `coincidences` are those of each second, -1 in pauses."""
    (a,), (b,) = (list(tags) for tags in session.tags)
    window_ns, dead_time_ns = scenario.coincidence.window_ns, scenario.detection.dead_time_ns
    used = np.flatnonzero(coincidences >= 0)
    clicks, delays = data.detector_clicks.values[used], data.delays_by_detector.values
    found = late_detectors(delays, bin_ps=HISTOGRAM_BIN_PS, window_ps=int(1e3 * window_ns))
    late = {(one.station, one.detector) for one in found}
    near = delays[:, :, np.abs(data.delay_bin.values) < 500 * window_ns].sum(axis=2)
    dated: list[Finding] = []
    for station in (0, 1):
        of_station = clicks[:, station]
        blind = blind_detectors(of_station.sum(axis=0), near.sum(axis=1 - station))
        text = "has clicks and hardly any coincidence: it sees other light, or it is farther off than 10 ns"
        found += [
            Finding("blind", station, d, 0, 0, text) for d in np.flatnonzero(blind).tolist() if (station, d) not in late
        ]
        dated += rate_findings(of_station, station, dead_time_s=1e-9 * dead_time_ns)
    delay, sigma = data.clock_delay.values[used], data.clock_delay_sigma.values[used]
    dated += delay_jumps(delay, sigma, window_s=1e-9 * window_ns)
    # They count the seconds that are used: say which seconds of the session these are.
    found += [replace(one, first_s=int(used[one.first_s]), end_s=int(used[one.end_s - 1]) + 1) for one in dated]
    background = np.median(delays.sum(axis=(0, 1))) * 1e3 * window_ns / HISTOGRAM_BIN_PS / max(used.size, 1)
    for first, end in lost_stretches(coincidences[used], background):
        found.append(jump_finding(a[0], b[0], int(used[first]), int(used[end - 1]) + 1))
    return in_order(found)


def balance_table(data: xr.Dataset) -> pd.DataFrame:
    """Return the clicks and coincidences of each detector, and its share of its station's.

    Parameters
    ----------
    data : xarray.Dataset
        Result of stage 4 for recordings.

    Returns
    -------
    pandas.DataFrame
        A row for each station, setting and outcome; shares in percent.

    Examples
    --------
    >>> dims = ("station", "detector")
    >>> counted = {"detector_singles": (dims, [[10, 10, 20, 10]]), "detector_coincidences": (dims, [[1, 2, 1, 0]])}
    >>> balance_table(xr.Dataset(counted, {"station": ["alice"]}))["clicks (%)"].tolist()
    [20.0, 20.0, 40.0, 20.0]
    """
    clicks, pairs = data.detector_singles.values, data.detector_coincidences.values
    rows = [(name, *divmod(d, 2)) for name in data.station.values.tolist() for d in range(DETECTORS)]
    table = pd.DataFrame(rows, columns=["station", "setting", "outcome"])
    for name, values in [("clicks", clicks), ("coincidences", pairs)]:
        table[name] = values.ravel()
        table[f"{name} (%)"] = (100 * values / np.maximum(values.sum(axis=1, keepdims=True), 1)).ravel().round(1)
    table["coincidences per click (%)"] = (100 * pairs / np.maximum(clicks, 1)).ravel().round(2)
    return table


def sentence(scenario: Recorded, finding: Finding) -> str:
    """Return a finding with the names of station and channel and its seconds.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> silent = Finding("silent", 1, 2, first_s=4, end_s=9, text="falls to 0 clicks a second")
    >>> sentence(load_scenario("recorded_example"), silent)
    'seconds 4 to 8: channel 2 of bob (setting 1, outcome 0) falls to 0 clicks a second'
    """
    who, last_s = "", finding.end_s - 1
    if finding.station >= 0:
        station = scenario.stations[finding.station]
        who = f"{station.name}: "
        if finding.detector >= 0:
            setting, outcome = divmod(finding.detector, 2)
            channel = station.channels[finding.detector]
            who = f"channel {channel} of {station.name} (setting {setting}, outcome {outcome}) "
    if last_s < 0:
        return f"{who}{finding.text}"
    when = f"second {last_s}" if finding.first_s == last_s else f"seconds {finding.first_s} to {last_s}"
    return f"{when}: {who}{finding.text}"
