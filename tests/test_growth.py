"""What a stage holds in memory does not grow with the tags, and pieces of a stream give what the whole gives."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd import bell, coincidence, dataset
from satqkd.channel import link_budget
from satqkd.channel import stage as channel_stage
from satqkd.coincidence import coincidences, histogram, match, streams
from satqkd.coincidence.matching import accidental_count, accidentals, beside_the_peak
from satqkd.coincidence.sifting import Clicks, resolve_clicks
from satqkd.coincidence.streams import PairStream, aligned
from satqkd.detection import simulate
from satqkd.detection.detector import Detectors
from satqkd.key import stage
from satqkd.key.postprocessing import distillation
from satqkd.orbit import find_sessions
from satqkd.orbit import stage as orbit_stage
from satqkd.scenario import ScenarioError

TIMES = st.lists(st.integers(-20, 400), max_size=40).map(sorted)
CUTS = st.lists(st.integers(0, 40), max_size=6)


def tags_of(times, labels=4):
    times = np.array(times, np.int64)
    return times, (np.arange(times.size) % labels).astype(np.uint8)


def in_pieces(tags, cuts):
    """The same tags, cut at places, empty pieces among them."""
    return list(zip(*(np.split(column, sorted(min(c, column.size) for c in cuts)) for column in tags), strict=True))


def joined(pieces):
    return [np.concatenate(columns) for columns in zip(*pieces, strict=True)]


@given(times=TIMES, cuts=CUTS, window=st.integers(0, 12), dead=st.integers(0, 30), key=st.integers(0, 2**64 - 1))
def test_clicks_in_chunks_make_the_same_events(times, cuts, window, dead, key):
    how = {"window_ps": window, "dead_ps": dead, "key": key}
    tags = tags_of(times, 3)
    index, channel = resolve_clicks(*tags, **how)
    clicks, pieces = Clicks(**how), in_pieces(tags, cuts)
    found = [clicks.events(*piece, last=n == len(pieces)) for n, piece in enumerate(pieces, 1)]
    assert all(np.array_equal(x, y) for x, y in zip(joined(found), (tags[0][index], channel), strict=True))


@given(a=TIMES, b=TIMES, cuts_a=CUTS, cuts_b=CUTS)
def test_aligned_pieces_are_the_streams_cut_at_common_times(a, b, cuts_a, cuts_b):
    tags = tags_of(a), tags_of(b)
    pieces = list(aligned(in_pieces(tags[0], cuts_a), in_pieces(tags[1], cuts_b)))
    for stream, whole in zip(zip(*pieces, strict=True), tags, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(joined(stream), whole, strict=True))
    edges = [[time for time, _ in piece if time.size] for piece in pieces]
    for before, after in zip(edges, edges[1:], strict=False):
        assert max(time[-1] for time in before) <= min(time[0] for time in after)


@given(a=TIMES, b=TIMES, cuts_a=CUTS, cuts_b=CUTS, window=st.integers(0, 30), gap=st.integers(0, 60))
def test_pairs_in_pieces_are_those_of_the_whole_streams(a, b, cuts_a, cuts_b, window, gap):
    tags, where = (tags_of(a), tags_of(b)), {"windows": 4, "gap_ps": gap}
    stream = PairStream(window_ps=window, histograms=[(3, 10, 0), *beside_the_peak(max(window, 1), **where)])
    found = [stream.add(*piece) for piece in aligned(in_pieces(tags[0], cuts_a), in_pieces(tags[1], cuts_b))]
    for partners, whole, index in zip(
        zip(*found, strict=True), tags, match(*(t for t, _ in tags), window), strict=True
    ):
        assert all(np.array_equal(x, y[index]) for x, y in zip(joined(partners), whole, strict=True))
    delays, *sides = stream.delays.counts
    assert np.array_equal(delays, histogram(tags[0][0], tags[1][0], 3, 10))
    assert accidentals(sides, windows=4) == accidental_count(tags[0][0], tags[1][0], max(window, 1), **where)


def test_tags_that_can_find_nothing_any_more_do_not_wait():
    """One station is silent."""
    stream = PairStream(window_ps=100, histograms=[(10, 10, 0)])
    nothing = tags_of([])
    for first in range(0, 10**6, 10**5):
        stream.add(tags_of(range(first, first + 10**5, 10)), nothing)
        assert max(time.size for time, _ in stream._unmatched) <= 6
        assert max(time.size for time in stream.delays._recent) <= 11


@pytest.mark.slow
@pytest.mark.parametrize("which", ["bright", "pulses"])
def test_the_size_of_pieces_changes_no_coincidence(which, request, monkeypatch, tmp_path):
    run = request.getfixturevalue(which)
    monkeypatch.setattr(streams, "PIECE", 1009)
    assert coincidences(run.scenario, run.orbit, run.tags, path=tmp_path / "c.nc").identical(run.coincidence)


# Half a minute of many tags and few pairs.
BUSY = {
    "orbit.search_end": "2018-10-02T00:00:00Z",
    "orbit.max_range_m": 8.8e5,
    "orbit.min_duration_s": 0,
    "measurements.0.duration_s": 20,
    "measurements.1.duration_s": 10,
}
FEW, MANY = 4_000_000, 16_000_000


def peak_bytes(call, *arguments, **how):
    """The most that was held at a time, and what the call gave."""
    tracemalloc.start()
    try:
        result = call(*arguments, **how)
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_memory_is_flat_in_the_tags(missions, tmp_path):
    """A tag has nine bytes: with less than one more for each, nothing holds them."""
    peaks = []
    for tags in (FEW, MANY):
        noise = {f"stations.{i}.background_rate_hz": tags / 30 / 8 for i in range(2)}
        scenario, path = missions["yin2020"].replaced(BUSY | noise), tmp_path / f"{tags}.zarr"
        orbit = find_sessions(scenario)
        channel = link_budget(scenario, orbit)
        recording, _ = peak_bytes(simulate, scenario, orbit, channel, path=path, seed=1, run=1)
        matching, found = peak_bytes(coincidences, scenario, orbit, path, path=tmp_path / "c.nc")
        assert 0.9 * tags < found.singles.sum() < 1.1 * tags
        peaks.append([recording, matching])
    np.testing.assert_array_less(np.diff(peaks, axis=0), MANY - FEW)


@pytest.mark.slow
def test_memory_is_flat_in_the_events(missions, tmp_path):
    """Nearly every tag of a decoy-state receiver is one; in memory it would have nineteen bytes."""
    peaks, events = [], []
    for gain in (5, 20):
        pulse_rate_hz = missions["tiangong2"].source.pulse_rate_hz * gain
        fast = {"source.pulse_rate_hz": pulse_rate_hz, "coincidence.window_ns": 0.9e9 / pulse_rate_hz}
        scenario, path = missions["tiangong2"].replaced(fast), tmp_path / "d.zarr"
        orbit = find_sessions(scenario)
        simulate(scenario, orbit, link_budget(scenario, orbit), path=path, seed=1, run=1)
        peak, found = peak_bytes(coincidences, scenario, orbit, path, path=tmp_path / "c.nc")
        reading, _ = peak_bytes(coincidence.observables, found)
        peaks.append(max(peak, reading))
        events.append(found.sizes["coincidence"])
        found.close()
    assert np.diff(peaks) < np.diff(events), (peaks, events)


def test_frames_are_corrected_as_one_and_share_the_failure(monkeypatch):
    rng = np.random.default_rng(1)
    alice = rng.integers(0, 2, 10_001, dtype=np.uint8)
    bob = alice ^ (rng.random(alice.size) < 0.02)
    monkeypatch.setattr(distillation, "FRAME_BITS", 4000)
    how = {"qber": 0.02, "eps_cor": 1e-10, "rng": rng}
    found = distillation.corrected_in_frames(alice, bob, **how)
    assert found.verified and np.array_equal(found.bits, alice)
    assert found.frames == 3 and found.errors == np.count_nonzero(alice != bob)
    assert found.collision_probability <= 1e-10 < 8 * found.collision_probability
    key = distillation.distilled_key(alice, bob, undisclosed=8000.0, **how)
    assert key.alice == key.bob and len(key.alice) == 8000 - key.reconciliation.leak_bits > 0


@pytest.mark.parametrize("which", ["bright", "pulses"])
def test_events_in_parts_give_the_same_bits(which, request, monkeypatch):
    run = request.getfixturevalue(which)
    whole = [stage._sifted_bits(run.scenario, run.coincidence, basis) for basis in (0, 1)]
    monkeypatch.setattr(dataset, "PART", 1 + run.coincidence.sizes["coincidence"] // 7)
    parts = [stage._sifted_bits(run.scenario, run.coincidence, basis) for basis in (0, 1)]
    assert np.array_equal(whole[0], parts[0]) and np.array_equal(whole[1], parts[1])
    assert min(alice.size for alice, _ in whole) > 1000


@pytest.mark.slow
def test_sessions_farther_apart_than_tags_can_count_are_refused(missions, orbits, monkeypatch):
    starts = orbits["yin2020"].session_start.values
    days = float((starts[-1] - starts[0]) / np.timedelta64(1, "D"))
    monkeypatch.setattr(orbit_stage, "MOST_DAYS", days - 1)
    with pytest.raises(ScenarioError, match="more than the .* that time tags of 64 bits count in picoseconds: let"):
        find_sessions(missions["yin2020"])
    monkeypatch.setattr(orbit_stage, "MOST_DAYS", days + 1)
    assert find_sessions(missions["yin2020"]).sizes == orbits["yin2020"].sizes
    assert 106 * 86400e12 < 2**63


@pytest.mark.parametrize("days", [0, 53, 54, 105])
def test_detectors_click_on_every_day_that_tags_can_count(days):
    arrivals = days * 86_400 * 10**12 + np.array([0, 10_000, 60_000, 10**6])
    detectors = Detectors(
        detector_of=np.arange(4, dtype=np.uint8),
        dead_ps=50_000,
        afterpulse_probability=0.0,
        afterpulse_decay_ps=0.0,
        rng=np.random.default_rng(1),
    )
    times, _, _ = detectors.clicks(arrivals, np.zeros(4, np.uint8), last=True)
    assert np.array_equal(times, arrivals[[0, 2, 3]])


def test_a_part_of_the_seconds_at_a_time_gives_the_same_channel(missions, orbits, channels, monkeypatch):
    monkeypatch.setattr(channel_stage, "PART", 77)
    for name in ("yin2017", "tiangong2"):
        assert link_budget(missions[name], orbits[name]).identical(channels[name])


def test_few_pairs_without_an_error_have_a_contrast_without_end(bright):
    perfect = bright.coincidence.drop_dims("coincidence").copy(deep=True)
    right = np.sign(np.diag(perfect.ideal_correlation.values[0]))
    perfect.counts.values[0, [0, 1], [0, 1]] = [25 * np.eye(2, dtype=int)[:: int(sign)] for sign in right]
    assert bell.observables(bell.bell_test(bright.scenario, perfect))["contrast_diagonal"] == (np.inf, "ratio to 1")
