"""The health report of a recorded session: what `health` finds in its tags, as variables of the stage's data set."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from satqkd.coincidence.health import (
    DETECTORS,
    DelaysByDetector,
    Finding,
    bin_middles_ps,
    blind_detectors,
    clicks_by_second,
    delay_jumps,
    in_order,
    jump_finding,
    late_detectors,
    lost_stretches,
    mean_delay_by_second,
    rate_findings,
    runs,
)
from satqkd.coincidence.pulse_clock import PulseLog, log_scores, place_in_log
from satqkd.coincidence.sessions import SECOND, Session
from satqkd.coincidence.spool import Spool
from satqkd.coincidence.streams import Tags
from satqkd.dataset import variable
from satqkd.flight import PS
from satqkd.scenario import Recorded
from satqkd.scenario.mission import DecoyPulses

HISTOGRAM_BIN_PS, HISTOGRAM_BINS = 100, 200
# Jumps of a receiver's clock against the transmitter's log are searched this far, in seconds with that many tags.
LONGEST_SLIP_S, FEWEST_SLIPPED = 0.01, 50


class PairTally:
    """What the report of a recorded session counts while its tags are read and matched.

    Parameters
    ----------
    seconds : int
    folder : str or Path
        Where the times and delays of the coincidences are kept if they are many.

    Attributes
    ----------
    clicks : ndarray of int64, shape (seconds, 2, 4)
        Of each station and detector in each second.
    delays : DelaysByDetector
    pairs : ndarray of int64, shape (seconds,)
        Coincidences in each second.
    time_ps, delay_ps : Spool
        Of the coincidences since the session's start.

    Examples
    --------
    >>> tally = PairTally(1, folder=".")
    >>> tags = np.array([0, 5000]), np.array([0, 2], np.uint8)
    >>> tally.add_tags(tags, tags)
    >>> tally.clicks.tolist()
    [[[1, 0, 1, 0], [1, 0, 1, 0]]]
    """

    def __init__(self, seconds: int, folder: str | Path) -> None:
        self.folder = folder
        self.clicks = np.zeros((seconds, 2, DETECTORS), np.int64)
        self.delays = DelaysByDetector(bin_ps=HISTOGRAM_BIN_PS, bins=HISTOGRAM_BINS)
        self.pairs = np.zeros(seconds, np.int64)
        self.time_ps, self.delay_ps = Spool(np.int64, folder), Spool(np.int64, folder)

    def add_tags(self, a: Tags, b: Tags) -> None:
        """Count a further piece of either station's tags, from `aligned`."""
        self.clicks += np.stack([clicks_by_second(*tags, len(self.clicks)) for tags in (a, b)], axis=1)
        self.delays.add(a, b)

    def add_pairs(self, time_ps: np.ndarray, delay_ps: np.ndarray) -> None:
        """Count further coincidences, and keep their times and delays."""
        self.pairs += np.bincount(time_ps // SECOND, minlength=self.pairs.size)
        self.time_ps.append(time_ps)
        self.delay_ps.append(delay_ps)


def recording_health(scenario: Recorded, session: Session, measurement: np.ndarray, tally: PairTally) -> xr.Dataset:
    """Return what is found in the tags of a recorded session, second by second.

    Parameters
    ----------
    scenario : Recorded
    session : Session
    measurement : ndarray of int, shape (second,)
        Index of the measurement, -1 in pauses, which are left out; of the session.
    tally : PairTally
        Of all tags and coincidences of the session.

    Returns
    -------
    xarray.Dataset
        Clicks by second, station and detector, the delay of the pairs by second, delays by pair of detectors, and the
        findings: kind, station, detector, first and end second, and a sentence.
    """
    events = tally.time_ps.array(), tally.delay_ps.array()
    texts = "delay of the pairs against a clock without wander", "pairs of tags by delay and detectors"
    data = _counted(session, events, clicks=tally.clicks, delays=tally.delays.counts(), texts=texts)
    found = _findings(scenario, session, data, np.where(measurement >= 0, tally.pairs, -1), tally.folder)
    return _with_findings(scenario, data, found, session.first)


def _counted(
    session: Session,
    events: tuple[np.ndarray, np.ndarray],
    *,
    clicks: np.ndarray,
    delays: np.ndarray,
    texts: tuple[str, str],
) -> xr.Dataset:
    """Return the variables of a report: clicks and mean delay by second, and delays by detector.

    Parameters
    ----------
    session : Session
        Its last clock is the one that the delays are measured by.
    events : (ndarray of int64, ndarray of int64)
        Times since the session's start and delays of what is in the window [ps].
    clicks : ndarray, shape (second, station, 4)
    delays : ndarray, shape (4, 4, bin)
    texts : (str, str)
        Meaning of ``clock_delay`` and of ``delays_by_detector``.
    """
    seconds = len(clicks)
    mean_s, sigma_s = mean_delay_by_second(*events, seconds)
    # What the fit of the clock followed belongs to the clock as well.
    mean_s = mean_s + session.clocks[-1].wander_at(session.clock_origin_s + np.arange(seconds) + 0.5)
    by_second, by_delay = ("second", "station", "detector"), ("alice_detector", "bob_detector", "delay_bin")
    return xr.Dataset(
        {
            "detector_clicks": variable(by_second, clicks, "s-1", "clicks in each second by 2 x setting + outcome"),
            "clock_delay": variable("second", mean_s, "s", texts[0]),
            "clock_delay_sigma": variable("second", sigma_s, "s", "its standard deviation"),
            "delays_by_detector": variable(by_delay, delays, "1", texts[1]),
        },
        {"delay_bin": variable("delay_bin", bin_middles_ps(HISTOGRAM_BIN_PS, HISTOGRAM_BINS), "ps", "delay")},
    )


def _dated(found: Sequence[Finding], used: np.ndarray) -> list[Finding]:
    """Return findings with the seconds of a session; those found have counted only the seconds that are used."""
    return [replace(one, first_s=int(used[one.first_s]), end_s=int(used[one.end_s - 1]) + 1) for one in found]


def _with_findings(scenario: Recorded, data: xr.Dataset, found: list[Finding], first: int) -> xr.Dataset:
    """Add the findings of a session that begins at a row of all seconds, with their sentences."""
    found = [replace(one, first_s=one.first_s + first, end_s=one.end_s + first) if one.end_s else one for one in found]
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


def _findings(
    scenario: Recorded, session: Session, data: xr.Dataset, coincidences: np.ndarray, folder: str | Path
) -> list[Finding]:
    """Return all findings; `coincidences` are those of each second, -1 in pauses."""
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
    found += _dated(dated, used)
    background = np.median(delays.sum(axis=(0, 1))) * 1e3 * window_ns / HISTOGRAM_BIN_PS / max(used.size, 1)
    a, b = session.tags
    for first, end in lost_stretches(coincidences[used], background):
        found.append(jump_finding(a, b, int(used[first]), int(used[end - 1]) + 1, folder=folder))
    return in_order(found)


def joined_health(reports: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return the reports of several runs as one: their seconds one after the other, their delays together."""
    if len(reports) == 1:
        return reports[0]
    by_second = [[name for name in one if "second" in one[name].dims] for one in reports]
    data = xr.concat([one[names] for one, names in zip(reports, by_second, strict=True)], "second")
    found = xr.concat([one[[name for name in one if "finding" in one[name].dims]] for one in reports], "finding")
    text = reports[0].delays_by_detector.attrs
    delays = sum(one.delays_by_detector for one in reports)
    return data.merge(found).assign(delays_by_detector=delays.assign_attrs(text))


def pulse_health(
    scenario: Recorded, session: Session, measurement: np.ndarray, log: PulseLog, events: dict[str, np.ndarray]
) -> xr.Dataset:
    """Return what is found in the tags of a receiver of pulses, second by second.

    Parameters
    ----------
    scenario : Recorded
        Of pulses.
    session : Session
        With all of its tags in memory.
    measurement : ndarray of int, shape (second,)
        -1 in pauses, which are left out.
    log : PulseLog
        From the session's start.
    events : dict of str to ndarray
        Columns of the detections in the window.

    Returns
    -------
    xarray.Dataset
        As of `recording_health`; in the place of the first station's detectors are the states that the log says were
        sent, 2 x basis + bit.
    """
    assert isinstance(scenario.source, DecoyPulses)
    seconds, period_ps = measurement.size, PS / scenario.source.pulse_rate_hz
    ((tags,),) = session.tags
    time_ps, detector = tags
    pulse = np.floor(time_ps / period_ps).astype(np.int64)
    centre_ps = np.rint((pulse + 0.5) * period_ps).astype(np.int64)
    state = log.at(pulse)
    edges_ps = (np.arange(HISTOGRAM_BINS + 1) - HISTOGRAM_BINS / 2) * HISTOGRAM_BIN_PS
    delays = np.zeros((DETECTORS, DETECTORS, HISTOGRAM_BINS), np.int64)
    for sent, d in np.ndindex(DETECTORS, DETECTORS):
        own = (state % DETECTORS == sent) & (detector == d)
        delays[sent, d] = np.histogram(time_ps[own] - centre_ps[own], edges_ps)[0]
    clicks = clicks_by_second(time_ps, detector, seconds)
    within = events["time"] - session.start_ps, events["delay"]
    texts = "delay of the pulses against a clock without wander", "tags by delay, sent basis and bit, and detector"
    data = _counted(session, within, clicks=clicks[:, None], delays=delays, texts=texts)
    used = np.flatnonzero(measurement >= 0)
    window_s = 1e-9 * scenario.coincidence.window_ns
    near = np.bincount(2 * events["setting_b"] + events["outcome_b"], minlength=DETECTORS)
    found = []
    for one in late_detectors(delays, bin_ps=HISTOGRAM_BIN_PS, window_ps=int(PS * window_s)):
        basis, bit = divmod(one.detector, 2)
        said = one if one.station else replace(one, detector=-1, text=f"basis {basis}, bit {bit} {one.text}")
        found.append(replace(said, station=0 if one.station else -1))
    late = {one.detector for one in found}
    text = "has clicks and hardly any in the window of the pulses: it sees other light, or it is late"
    blind = np.flatnonzero(blind_detectors(clicks[used].sum(axis=0), near)).tolist()
    found += [Finding("blind", 0, d, 0, 0, text) for d in blind if d not in late]
    dated = rate_findings(clicks[used], 0, dead_time_s=1e-9 * scenario.detection.dead_time_ns)
    delay, sigma = data.clock_delay.values[used], data.clock_delay_sigma.values[used]
    dated += [replace(one, station=0) for one in delay_jumps(delay, sigma, window_s=window_s)]
    found += _dated(dated, used)
    found += _lost_pulses(scenario.source, log, pulse, detector, time_ps, seconds)
    return _with_findings(scenario, data, in_order(found), session.first)


def _lost_pulses(
    source: DecoyPulses, log: PulseLog, pulse: np.ndarray, detector: np.ndarray, time_ps: np.ndarray, seconds: int
) -> list[Finding]:
    """Return when tags do not belong to the pulses that the clock says: it jumped by whole periods, or all is lost."""
    scores = log_scores(log, source.mu)
    second = time_ps // SECOND
    evidence = np.bincount(second, scores[detector, log.at(pulse)], minlength=seconds)[:seconds]
    tags = np.bincount(second, minlength=seconds)[:seconds]
    found = []
    reach = int(LONGEST_SLIP_S * source.pulse_rate_hz) + 1
    for first, end in runs((evidence < 0) & (tags > FEWEST_SLIPPED)):
        own = slice(*np.searchsorted(second, [first, end]))
        try:
            shift, _ = place_in_log(pulse[own], detector[own], log, scores, first=-reach, count=2 * reach + 1)
        except ValueError:
            text = "clicks go on and belong to no pulse of the log: the light path may be closed, or the log ends"
            found.append(Finding("lost", 0, -1, first, end, text))
            continue
        text = f"its clock jumps by {-shift / source.pulse_rate_hz:+.9f} s, {abs(shift)} pulses"
        found.append(Finding("jump", 0, -1, first, end, text))
    return found


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
            # An analyser that is turned has the same two channels at both settings.
            channel = station.channels[finding.detector % len(station.channels)]
            who = f"channel {channel} of {station.name} (setting {setting}, outcome {outcome}) "
    if last_s < 0:
        return f"{who}{finding.text}"
    when = f"second {last_s}" if finding.first_s == last_s else f"seconds {finding.first_s} to {last_s}"
    return f"{when}: {who}{finding.text}"
