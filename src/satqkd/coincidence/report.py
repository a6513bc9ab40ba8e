"""The health report of a recorded session: what `health` finds in its tags, as variables of the stage's data set."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from satqkd.coincidence.clock import Clock
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
from satqkd.coincidence.pulse_clock import ALL_TAGS, PulseLog, central, log_scores, place_in_log
from satqkd.coincidence.sessions import SECOND, Session
from satqkd.coincidence.spool import Spool
from satqkd.coincidence.streams import Tags, numbered
from satqkd.dataset import variable
from satqkd.flight import PS
from satqkd.scenario import Recorded
from satqkd.scenario.mission import DecoyPulses

HISTOGRAM_BIN_PS, HISTOGRAM_BINS = 100, 200
# Jumps of a receiver's clock against the transmitter's log are searched this far, in seconds with that many tags.
LONGEST_SLIP_S, FEWEST_SLIPPED = 0.01, 50


class Tally:
    """What the report of a recorded session counts while its tags are read and matched.

    Parameters
    ----------
    seconds, stations : int
    folder : str or Path
        Where the times and delays of the events are kept if they are many.

    Attributes
    ----------
    clicks : ndarray of int64, shape (seconds, stations, 4)
        Of each station and detector in each second.
    time_ps, delay_ps : Spool
        Of the events since the session's start.
    """

    def __init__(self, seconds: int, stations: int, folder: str | Path) -> None:
        self.folder = folder
        self.clicks = np.zeros((seconds, stations, DETECTORS), np.int64)
        self.time_ps, self.delay_ps = Spool(np.int64, folder), Spool(np.int64, folder)

    def add_tags(self, *piece: Tags) -> None:
        """Count a further piece of each station's tags, from `aligned`."""
        self.clicks += np.stack([clicks_by_second(*tags, len(self.clicks)) for tags in piece], axis=1)

    def add_events(self, events: dict[str, np.ndarray]) -> None:
        """Count further events, columns by name, and keep their times since the session's start, and delays."""
        self.time_ps.append(events["time"])
        self.delay_ps.append(events["delay"])

    def clock_delay(self, clock: Clock, origin_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean delay of the events in each second against a clock without wander, and its error [s].

        Parameters
        ----------
        clock : Clock
            By which the events were found.
        origin_s : float
            The session's start in its reference time.
        """
        seconds = len(self.clicks)
        mean_s, sigma_s = mean_delay_by_second(self.time_ps.array(), self.delay_ps.array(), seconds)
        # What the fit of the clock followed belongs to the clock as well.
        return mean_s + clock.wander_at(origin_s + np.arange(seconds) + 0.5), sigma_s


class PairTally(Tally):
    """What the report of a session of pairs counts.

    Parameters
    ----------
    seconds : int
    folder : str or Path
        As of `Tally`.

    Attributes
    ----------
    delays : DelaysByDetector
    pairs : ndarray of int64, shape (seconds,)
        Coincidences in each second.

    Examples
    --------
    >>> tally = PairTally(1, folder=".")
    >>> tags = np.array([0, 5000]), np.array([0, 2], np.uint8)
    >>> tally.add_tags(tags, tags)
    >>> tally.clicks.tolist()
    [[[1, 0, 1, 0], [1, 0, 1, 0]]]
    """

    def __init__(self, seconds: int, folder: str | Path) -> None:
        super().__init__(seconds, 2, folder)
        self.delays = DelaysByDetector(bin_ps=HISTOGRAM_BIN_PS, bins=HISTOGRAM_BINS)
        self.pairs = np.zeros(seconds, np.int64)

    def add_tags(self, *piece: Tags) -> None:
        """Count a further piece of either station's tags, from `aligned`."""
        super().add_tags(*piece)
        a, b = piece
        self.delays.add(a, b)

    def add_events(self, events: dict[str, np.ndarray]) -> None:
        """Count further coincidences, and keep their times and delays."""
        super().add_events(events)
        self.pairs += np.bincount(events["time"] // SECOND, minlength=self.pairs.size)


class PulseTally(Tally):
    """What the report of a session of pulses counts.

    Parameters
    ----------
    seconds : int
    folder : str or Path
        As of `Tally`.
    source : DecoyPulses
    log : PulseLog
        From the session's start.

    Attributes
    ----------
    delays : ndarray of int64, shape (4, 4, bins)
        Tags by delay from the middle of their pulse, by the state that was sent, 2 x basis + bit, and by detector.
    evidence : ndarray, shape (seconds,)
        Log likelihood ratio of each second's tags for the pulses in which they are, against random ones.
    detections : ndarray of int64, shape (4,)
        Events of each detector.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> source = load_scenario("pulses_example").replaced({"source.pulse_rate_hz": 1e6}).source
    >>> tally = PulseTally(1, ".", source, PulseLog(np.array([3, 1, 2], np.uint8)))
    >>> tally.add_tags((np.array([500_000, 1_500_100]), np.array([3, 1], np.uint8)))
    >>> tally.delays[[3, 1], [3, 1], [100, 101]].tolist(), tally.evidence.round(1).tolist()
    ([1, 1], [1.1])
    """

    def __init__(self, seconds: int, folder: str | Path, source: DecoyPulses, log: PulseLog) -> None:
        super().__init__(seconds, 1, folder)
        self.log, self.scores, self.period_ps = log, log_scores(log, source.mu), PS / source.pulse_rate_hz
        self.delays = np.zeros((DETECTORS, DETECTORS, HISTOGRAM_BINS), np.int64)
        self.evidence = np.zeros(seconds)
        self.detections = np.zeros(DETECTORS, np.int64)

    def add_tags(self, *piece: Tags) -> None:
        """Count a further piece of the receiver's tags."""
        super().add_tags(*piece)
        ((time_ps, detector),) = piece
        pulse = np.floor(time_ps / self.period_ps).astype(np.int64)
        state = self.log.at(pulse)
        # One addition after the other, so that the pieces change no bit.
        np.add.at(self.evidence, time_ps // SECOND, self.scores[detector, state])
        delay_ps = time_ps - np.rint((pulse + 0.5) * self.period_ps).astype(np.int64)
        edges_ps = (np.arange(HISTOGRAM_BINS + 1) - HISTOGRAM_BINS / 2) * HISTOGRAM_BIN_PS
        for sent, d in np.ndindex(DETECTORS, DETECTORS):
            own = (state % DETECTORS == sent) & (detector == d)
            self.delays[sent, d] += np.histogram(delay_ps[own], edges_ps)[0]

    def add_events(self, events: dict[str, np.ndarray]) -> None:
        """Count further detections in the window, and keep their times and delays."""
        super().add_events(events)
        self.detections += np.bincount(2 * events["setting_b"] + events["outcome_b"], minlength=DETECTORS)


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
    texts = "delay of the pairs against a clock without wander", "pairs of tags by delay and detectors"
    data = _counted(session, tally, delays=tally.delays.counts(), texts=texts)
    found = _findings(scenario, session, data, np.where(measurement >= 0, tally.pairs, -1), tally.folder)
    return _with_findings(scenario, data, found, session.first)


def _counted(session: Session, tally: Tally, *, delays: np.ndarray, texts: tuple[str, str]) -> xr.Dataset:
    """Return the variables of a report: clicks and mean delay by second, and delays by detector.

    Parameters
    ----------
    session : Session
        Its last clock is the one that the delays are measured by.
    tally : Tally
    delays : ndarray, shape (4, 4, bin)
    texts : (str, str)
        Meaning of ``clock_delay`` and of ``delays_by_detector``.
    """
    mean_s, sigma_s = tally.clock_delay(session.clocks[-1], session.clock_origin_s)
    by_second, by_delay = ("second", "station", "detector"), ("alice_detector", "bob_detector", "delay_bin")
    return xr.Dataset(
        {
            "detector_clicks": variable(
                by_second, tally.clicks, "s-1", "clicks in each second by 2 x setting + outcome"
            ),
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


def pulse_health(scenario: Recorded, session: Session, measurement: np.ndarray, tally: PulseTally) -> xr.Dataset:
    """Return what is found in the tags of a receiver of pulses, second by second.

    Parameters
    ----------
    scenario : Recorded
        Of pulses.
    session : Session
    measurement : ndarray of int, shape (second,)
        -1 in pauses, which are left out.
    tally : PulseTally
        Of all tags and detections of the session.

    Returns
    -------
    xarray.Dataset
        As of `recording_health`; in the place of the first station's detectors are the states that the log says were
        sent, 2 x basis + bit.
    """
    assert isinstance(scenario.source, DecoyPulses)
    texts = "delay of the pulses against a clock without wander", "tags by delay, sent basis and bit, and detector"
    data = _counted(session, tally, delays=tally.delays, texts=texts)
    used = np.flatnonzero(measurement >= 0)
    window_s = 1e-9 * scenario.coincidence.window_ns
    clicks = tally.clicks[used, 0]
    found = []
    for one in late_detectors(tally.delays, bin_ps=HISTOGRAM_BIN_PS, window_ps=int(PS * window_s)):
        basis, bit = divmod(one.detector, 2)
        said = one if one.station else replace(one, detector=-1, text=f"basis {basis}, bit {bit} {one.text}")
        found.append(replace(said, station=0 if one.station else -1))
    late = {one.detector for one in found}
    text = "has clicks and hardly any in the window of the pulses: it sees other light, or it is late"
    blind = np.flatnonzero(blind_detectors(clicks.sum(axis=0), tally.detections)).tolist()
    found += [Finding("blind", 0, d, 0, 0, text) for d in blind if d not in late]
    dated = rate_findings(clicks, 0, dead_time_s=1e-9 * scenario.detection.dead_time_ns)
    delay, sigma = data.clock_delay.values[used], data.clock_delay_sigma.values[used]
    dated += [replace(one, station=0) for one in delay_jumps(delay, sigma, window_s=window_s)]
    found += _dated(dated, used)
    found += _lost_pulses(scenario.source, session, tally)
    return _with_findings(scenario, data, in_order(found), session.first)


def _lost_pulses(source: DecoyPulses, session: Session, tally: PulseTally) -> list[Finding]:
    """Return when tags do not belong to the pulses that the clock says: it jumped by whole periods, or all is lost."""
    tags = tally.clicks.sum(axis=(1, 2))
    before = np.concatenate([[0], np.cumsum(tags)])
    found = []
    reach = int(LONGEST_SLIP_S * source.pulse_rate_hz) + 1
    for first, end in runs((tally.evidence < 0) & (tags > FEWEST_SLIPPED)):
        part = central(int(before[end] - before[first]), ALL_TAGS)
        time_ps, detector = numbered(session.tags[0], *(int(before[first]) + k for k in (part.start, part.stop)))
        pulse = np.floor(time_ps / tally.period_ps).astype(np.int64)
        try:
            shift, _ = place_in_log(pulse, detector, tally.log, tally.scores, first=-reach, count=2 * reach + 1)
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
