"""Each fault of a recording is found, dated and named, and sound recordings have none."""

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given
from hypothesis import strategies as st

from satqkd.coincidence import coincidences
from satqkd.coincidence.figures import health_figure
from satqkd.coincidence.health import DelaysByDetector, blind_detectors, clicks_by_second, rate_findings, runs
from satqkd.coincidence.matching import histogram
from satqkd.coincidence.report import balance_table
from satqkd.coincidence.streams import aligned
from satqkd.detection import write_tags
from satqkd.scenario import load_scenario

SECOND_PS = 10**12
PAIRS_HZ, NOISE_HZ, SECONDS = 2000, 400, 10


def recorded(root, folder, fault=None, **changed):
    """Stage 4 on pairs and noise with a fault: a function of station, times and detectors."""
    rng = np.random.default_rng(7)
    pairs = np.sort(rng.integers(0, SECONDS * SECOND_PS, PAIRS_HZ * SECONDS))
    store = folder / "detection.zarr"
    for name in ("alice", "bob"):
        noise = rng.integers(0, SECONDS * SECOND_PS, NOISE_HZ * SECONDS)
        time = np.concatenate([pairs + rng.normal(0, 300, pairs.size).astype(np.int64), noise])
        detector = rng.integers(0, 4, time.size).astype(np.uint8)
        if fault:
            time, detector = fault(name, time, detector, rng)
        order = np.argsort(time, kind="stable")
        tags = xr.Dataset({"time": ("tag", time[order] + SECOND_PS), "detector": ("tag", detector[order])})
        write_tags(tags, store, name)
    zarr.open_group(store, mode="a").attrs.update(seed=0, run=1)
    scenario = load_scenario(root / "data/scenarios/recorded_example.yaml")
    scenario = scenario.replaced({"measurements.0.duration_s": 6, "measurements.1.duration_s": 4} | changed)
    return coincidences(scenario, None, store, path=folder / "coincidence.nc")


def late(name, time, detector, rng):
    """Channel 3 of bob, which is his detector 1, clicks 4 ns after the others."""
    return (time + 4000 * (detector == 1), detector) if name == "bob" else (time, detector)


def dies(name, time, detector, rng):
    kept = (detector != 2) | (time < 5 * SECOND_PS) | (name == "bob")
    return time[kept], detector[kept]


def shines(name, time, detector, rng):
    """Light on all detectors of alice in the seconds 3 and 4."""
    more = rng.integers(3 * SECOND_PS, 5 * SECOND_PS, 120_000 if name == "alice" else 0)
    return np.append(time, more), np.append(detector, rng.integers(0, 4, more.size).astype(np.uint8))


def shifts(name, time, detector, rng):
    """A second that bob's tagger counted twice, from his second 6 on."""
    return (time + SECOND_PS * (time >= 6 * SECOND_PS), detector) if name == "bob" else (time, detector)


def jumps(name, time, detector, rng):
    return (time + 900 * (time >= 7 * SECOND_PS), detector) if name == "bob" else (time, detector)


def blind(name, time, detector, rng):
    """Alice's detector 0 sees only light of its own."""
    other = rng.integers(0, SECONDS * SECOND_PS, time.size)
    return (np.where(detector == 0, other, time), detector) if name == "alice" else (time, detector)


def closes(name, time, detector, rng):
    """The light of the source is shut off for bob, who still has noise."""
    kept = (time < 7 * SECOND_PS) | (np.arange(time.size) >= PAIRS_HZ * SECONDS) | (name == "alice")
    return time[kept], detector[kept]


def test_sound_recordings_have_no_finding(root, tmp_path):
    data = recorded(root, tmp_path)
    assert data.sizes["finding"] == 0
    assert int(data.detector_clicks.sum()) == int(data.detector_singles.sum())
    assert (data.delays_by_detector.sum(["alice_detector", "bob_detector"]) == data.delay_histogram).all()
    assert not data.looks_blind.any()
    scatter_s = 300e-12 * np.sqrt(2 / PAIRS_HZ)
    assert float(data.clock_delay_sigma.mean()) == pytest.approx(scatter_s, rel=0.1)
    four_sigma = 4 * scatter_s
    assert float(np.abs(data.clock_delay).max()) < four_sigma


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (late, [r"channel 3 of bob (setting 0, outcome 1) clicks 4.0 ns after the others"]),
        (dies, ["seconds 5 to 9: channel 2 of alice (setting 1, outcome 0) falls to 0 clicks a second"]),
        (blind, ["channel 0 of alice (setting 0, outcome 0) has clicks and hardly any coincidence"]),
        (jumps, ["second 7: bob: its clock jumps by +0.9"]),
        (
            shifts,
            ["seconds 6 to 9: bob: its clock jumps by +1.000000", "a second that was counted twice or not at all"],
        ),
        (closes, ["seconds 7 to 9: coincidences stop and no clock within 2 s finds them"]),
    ],
)
def test_each_fault_is_found_dated_and_named(root, tmp_path, fault, words):
    data = recorded(root, tmp_path, fault)
    found = data.finding_text.values.tolist()
    assert [text for text in words if not any(text in line for line in found)] == [], found
    assert len(found) == 1, found


def test_light_that_is_too_bright_is_found_in_its_seconds(root, tmp_path):
    """60 kHz of light: with a dead time of 5 us the detectors are dead for a third of the time."""
    data = recorded(root, tmp_path, shines, **{"detection.dead_time_ns": 5000})
    assert data.finding_kind.values.tolist() == ["bright"]
    assert data.finding_text.values[0].startswith("seconds 3 to 4: alice: 0.0")
    assert int(data.finding_first_s[0]) == 3 and int(data.finding_end_s[0]) == 5


def test_the_figure_and_the_table_show_what_was_counted(root, tmp_path):
    data = recorded(root, tmp_path, dies)
    figure = health_figure(data)
    drawn = [line.get_ydata() for line in figure.axes[0].lines]
    np.testing.assert_array_equal(drawn, data.detector_clicks.values[:, 0].T)
    np.testing.assert_allclose(figure.axes[2].lines[0].get_ydata(), 1e9 * data.clock_delay.values)
    table = balance_table(data)
    assert table.clicks.tolist() == data.detector_singles.values.ravel().tolist()
    assert table.groupby("station")["clicks (%)"].sum().tolist() == pytest.approx([100, 100], abs=0.2)
    dead = table[(table.station == "alice") & (table.setting == 1) & (table.outcome == 0)]
    assert float(dead["clicks (%)"].iloc[0]) < 15 < table["clicks (%)"].drop(dead.index).min()


def test_a_pause_is_no_fault(root, tmp_path):
    data = recorded(root, tmp_path, **{"measurements.1.duration_s": 2, "measurements.1.pause_s": 2})
    assert data.sizes["finding"] == 0 and data.duration.values.tolist() == [6, 2]


def test_a_link_that_fades_is_no_fault():
    """All detectors fade together by a factor of 30, as over a pass."""
    fade = np.geomspace(1, 30, 40)
    clicks = np.random.default_rng(1).poisson(3000 / fade[:, None] * np.ones(4))
    assert rate_findings(clicks, 0, dead_time_s=5e-8) == []
    clicks[30:, 1] = 0
    assert [one.kind for one in rate_findings(clicks, 0, dead_time_s=5e-8)] == ["silent"]


def test_chance_alone_is_rarely_a_fault():
    rng = np.random.default_rng(2)
    for mean in (1, 10, 1000):
        assert rate_findings(rng.poisson(mean, (3000, 4)), 0, dead_time_s=0.0) == []


@given(st.lists(st.booleans(), max_size=30))
def test_runs_are_the_marked_seconds(marked):
    seconds = [second for first, end in runs(marked) for second in range(first, end)]
    assert seconds == np.flatnonzero(marked).tolist()


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 3)), max_size=30).map(sorted),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 3)), max_size=30).map(sorted),
)
def test_delays_by_detector_add_up_to_those_of_all(first, second):
    a, b = (np.array([t for t, _ in tags], np.int64) for tags in (first, second))
    of_a, of_b = (np.array([d for _, d in tags], np.uint8) for tags in (first, second))
    delays = DelaysByDetector(bin_ps=100, bins=20)
    for piece in aligned(*([tuple(tags)] for tags in ((a, of_a), (b, of_b)))):
        delays.add(*piece)
    assert (delays.counts().sum(axis=(0, 1)) == histogram(a, b, 100, 20)).all()
    assert clicks_by_second(a, of_a, 1).sum() == a.size


def test_a_detector_without_coincidences_is_named_and_a_weak_one_is_not():
    clicks, coincidences = np.array([1000, 900, 2500, 1100]), np.array([410, 370, 12, 430])
    assert blind_detectors(clicks, coincidences).tolist() == [False, False, True, False]
    assert not blind_detectors([1000, 900, 700, 1100], [410, 370, 280, 430]).any()
    assert not blind_detectors([0, 0, 0, 0], [0, 0, 0, 0]).any()
    assert not blind_detectors([10, 9, 25, 11], [4, 3, 1, 4]).any()  # too few to tell
