"""Recordings of one place that were not made at one moment, or not in ps, or not for a key."""

import numpy as np
import pytest
import xarray as xr
import zarr

from satqkd.bell import bell_test, observables
from satqkd.bell.figures import correlation_figure, counts_figure
from satqkd.coincidence import coincidences
from satqkd.coincidence.sessions import first_found
from satqkd.detection import write_tags
from satqkd.key import distill, in_words
from satqkd.key.figures import length_figure, qber_figure
from satqkd.orbit import find_sessions
from satqkd.scenario import ScenarioError, load_scenario

SECOND_PS = 10**12
PAIRS_HZ, NOISE_HZ, SECONDS = 1000, 200, 8
KEY = "  - name: key\n    duration_s: 20\n    angles_deg: [[0, 45], [0, 45]]\n"
BELL = "  - name: bell\n    duration_s: 10\n"


@pytest.fixture
def scenario(example_in, tmp_path):
    """The example with other measurements."""
    return lambda *changes: example_in(tmp_path, "recorded_example", *changes)


def tags(folder, *, starts_s=(0.0, 0.0), ends_s=(SECONDS, SECONDS), unit_ps=1):
    """Write pairs of random outcomes and noise as two recordings that began and ended at these times."""
    rng = np.random.default_rng(7)
    pairs = rng.integers(0, SECONDS * SECOND_PS, PAIRS_HZ * SECONDS)
    path = folder / "detection.zarr"
    for name, start_s, end_s in zip(("alice", "bob"), starts_s, ends_s, strict=True):
        noise = rng.integers(0, SECONDS * SECOND_PS, NOISE_HZ * SECONDS)
        time = np.sort(np.concatenate([pairs + rng.normal(0, 300, pairs.size).astype(np.int64), noise]))
        time = time[(time >= start_s * SECOND_PS) & (time < end_s * SECOND_PS)]
        time = (time - time[0] + SECOND_PS) // unit_ps
        detector = rng.integers(0, 4, time.size).astype(np.uint8)
        write_tags(xr.Dataset({"time": ("tag", time), "detector": ("tag", detector)}), path, name)
    zarr.open_group(path, mode="a").attrs.update(seed=0, run=1)
    return path


def found(scenario, path):
    return coincidences(scenario, None, path, path=path.parent / "coincidence.nc")


SHORT = [("duration_s: 20", "duration_s: 2"), ("duration_s: 10", "duration_s: 1")]


@pytest.mark.slow
def test_a_late_start_is_found_with_the_keys_that_the_message_names(scenario, tmp_path):
    path, short = tags(tmp_path, starts_s=(0.0, 4.5)), scenario(*SHORT)
    with pytest.raises(ValueError, match=r"up to 2 s away from what start_s says: .*start_uncertainty_s$"):
        found(short, path)
    expected = PAIRS_HZ * 3
    for changed in ({"stations.1.start_s": 4.4}, {"stations.0.start_uncertainty_s": 6}):
        data = found(short.replaced(changed), path)
        assert float(data.clock_offset[0, 1]) == pytest.approx(-4.5, abs=0.01)
        assert abs(data.counts.sum() / expected - 1) < 0.05


@pytest.mark.parametrize(("reach_s", "expected"), [(2.0, [0.1, 2.0]), (0.05, [0.05])])
def test_each_range_is_searched_once(scenario, reach_s, expected):
    tried = []

    def in_vain(reach_s):
        tried.append(reach_s)
        raise ValueError("nothing found")

    with pytest.raises(ValueError, match="^recorded_example: nothing found$"):
        first_found(scenario(), reach_s, in_vain)
    assert tried == expected


def test_recordings_that_share_too_little_time_are_refused(scenario, tmp_path):
    path = tags(tmp_path, starts_s=(0.0, 1.7), ends_s=(4, SECONDS))
    with pytest.raises(ValueError, match=r"the recordings have 2\.3 s in common where measurements want 3"):
        found(scenario(*SHORT), path)


def test_times_that_are_not_in_picoseconds_are_suspected(scenario, tmp_path):
    path = tags(tmp_path, unit_ps=10_000)
    words = r"alice lasts 0.0008 s where .* want 3: .*; tags arrive at 12 and 12 MHz: are times in ps\?$"
    with pytest.raises(ValueError, match=words):
        found(scenario(*SHORT), path)


def test_a_bell_test_alone_runs_and_says_that_no_key_was_measured(scenario, tmp_path):
    bell_only = scenario((KEY, ""), SHORT[1])
    data = found(bell_only, tags(tmp_path))
    entangled, secret = bell_test(bell_only, data), distill(bell_only, data)
    assert data.measurement_name.values.tolist() == ["bell"] and data.duration.values.tolist() == [1]
    assert "chsh_s" in observables(entangled)
    assert set(secret.no_key.values) == set(secret.no_key_in_hand.values) == {"not measured"}
    assert "0 bit, not measured" in in_words(secret)
    assert counts_figure(entangled) and correlation_figure(entangled)
    assert qber_figure(secret) and length_figure(secret)


def test_nothing_is_counted_in_a_pause(scenario, tmp_path):
    """Pairs, clicks and accidentals of the two seconds in which the analysers are moved."""
    path = tags(tmp_path)
    paused = scenario(SHORT[0], (BELL, "  - name: bell\n    pause_s: 2\n    duration_s: 3\n"))
    data = found(paused, path)
    whole = found(scenario(SHORT[0], (BELL, "  - name: bell\n    duration_s: 5\n")), path)
    assert data.duration.values.tolist() == [2, 3] and data.session_duration.values.tolist() == [7]
    rate = whole.rate.values * np.array([1, 1, 0, 0, 1, 1, 1])
    assert np.abs(data.rate.values - rate).max() < 3  # a double click at the edge may be resolved otherwise
    assert float(data.singles.sum()) == pytest.approx(5 / 7 * float(whole.singles.sum()), rel=0.05)
    assert float(data.accidentals.sum()) == pytest.approx(5 / 7 * float(whole.accidentals.sum()), rel=0.5)
    with pytest.raises(ValueError, match=r"lasts 8 s where measurements want 25: give them shorter durations$"):
        found(scenario(SHORT[0], (BELL, "  - name: bell\n    pause_s: 20\n    duration_s: 3\n")), path)


def test_stage_1_says_that_a_bench_has_no_orbit(scenario):
    with pytest.raises(ScenarioError, match=r"recorded_example.yaml: has no orbit: leave stage 1 out"):
        find_sessions(scenario())


@pytest.mark.parametrize(
    ("mission", "key", "value", "words"),
    [
        ("yin2020", "measurements.1.pause_s", 2, "measurement bell has pause_s=2: only recordings have pauses"),
        ("yin2020", "channel.nights.sessions", "drawn", "would both draw the air of each night: give one of the two"),
        ("liao2017", "coincidence.window_ns", 11, "window_ns=11 is longer than the 10 ns between pulses"),
        ("liao2017", "coincidence.dead_time_rule", "detector", "dead_time_rule=detector is for pairs"),
        ("recorded_example", "stations.0.start_uncertainty_s", 0, "stations.0.start_uncertainty_s=0 is wrong"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(mission, key, value, words):
    with pytest.raises(ScenarioError, match=words):
        load_scenario(mission).replaced({key: value})
