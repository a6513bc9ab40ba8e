"""Stage 3: recordings of whole sessions."""

import tracemalloc

import numpy as np
import pytest
import zarr
from scipy.stats import chisquare

from satqkd.channel import link_budget
from satqkd.dataset import load, save
from satqkd.detection import observables, read_tags, simulate, stage
from satqkd.detection.arrivals import settings_at
from satqkd.files import hash_of
from satqkd.orbit import find_sessions
from satqkd.scenario import ScenarioError
from satqkd.streams import record_key

ONE_IN_TEN_THOUSAND = 1e-4
FOUR_SIGMA = 4


@pytest.fixture(scope="module")
def brief(missions):
    """Twelve seconds of yin2020, eight for the key and four for the Bell test."""
    scenario = missions["yin2020"].replaced(
        {
            "orbit.min_duration_s": 0,
            "measurements.0.duration_s": 8,
            "measurements.1.duration_s": 4,
            "transmitter.pointing_jitter_urad": 0.05,
            "channel.fading_coherence_ms": 2,
        }
    )
    orbit = find_sessions(scenario)
    return scenario, orbit, link_budget(scenario, orbit)


def recorded(brief, path, *, seed=3, run=1):
    scenario, orbit, channel = brief
    return simulate(scenario, orbit, channel, path=path, seed=seed, run=run)


def session_tags(path, station, kind="photons", name="time"):
    """Tags of each session."""
    first = zarr.open_group(path, mode="r")[f"{station}/{kind}"].attrs["session_first_tag"]
    return np.split(read_tags(path, station, kind)[name].values, first[1:-1])


def test_the_same_seed_gives_the_same_bytes(brief, tmp_path):
    truth = [recorded(brief, tmp_path / name) for name in ("a.zarr", "b.zarr")]
    assert hash_of(tmp_path / "a.zarr") == hash_of(tmp_path / "b.zarr")
    for name, data in zip("ab", truth, strict=True):
        save(data, tmp_path / f"{name}.nc")
    assert (tmp_path / "a.nc").read_bytes() == (tmp_path / "b.nc").read_bytes()
    assert load(tmp_path / "a.nc").identical(truth[0])


@pytest.mark.parametrize("other", [{"seed": 4}, {"run": 2}])
def test_another_seed_or_run_gives_other_tags_of_the_same_rate(brief, tmp_path, other):
    recorded(brief, tmp_path / "a.zarr")
    recorded(brief, tmp_path / "b.zarr", **other)
    for station in ("delingha", "nanshan"):
        one, two = (read_tags(tmp_path / f"{name}.zarr", station).time.values for name in "ab")
        assert np.intersect1d(one, two).size == 0
        assert abs(one.size - two.size) < FOUR_SIGMA * np.sqrt(one.size + two.size)


def test_a_failed_recording_leaves_nothing(brief, tmp_path, monkeypatch):
    monkeypatch.setattr(stage._Files, "close", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        recorded(brief, tmp_path / "a.zarr")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("which", ["bright", "bright_active", "pulses"])
def test_tags_ascend_and_name_one_of_four_detectors(which, request):
    run = request.getfixturevalue(which)
    for station in run.scenario.stations:
        for times in session_tags(run.tags, station.name):
            assert times.size > 1e5
            assert np.all(np.diff(times) >= 0)
        assert np.bincount(read_tags(run.tags, station.name).detector.values).size == 4


def test_a_laboratory_has_nothing_but_tags(bright, pulses):
    """No truth in the recording: times and detectors, and of the transmitter the key of its log."""
    for run, extra in ((bright, set()), (pulses, {"transmitter"})):
        store = zarr.open_group(run.tags, mode="r")
        stations = {station.name for station in run.scenario.stations}
        assert set(store.group_keys()) == stations | extra
        for station in stations:
            assert {kind: set(group.array_keys()) for kind, group in store[station].groups()} == {
                "photons": {"time", "detector"},
                "beacon": {"time"},
                "gps": {"time"},
            }
            assert {key for _, group in store[station].groups() for key in group.attrs} == {"session_first_tag"}
        assert set(store.attrs) == {
            "Conventions",
            "title",
            "stage",
            "scenario",
            "scenario_hash",
            "satqkd_version",
            "seed",
            "run",
        }


def test_every_photon_and_every_background_click_is_recorded_once(bright):
    """Without dead time: tags are the truth's photons and background at its rate."""
    for index, station in enumerate(bright.scenario.stations):
        photons = int(bright.truth.photons[:, index].sum())
        noise_hz = sum(d.dark_rate_hz + station.background_rate_hz for d in station.detectors)
        expected = photons + 30 * noise_hz
        assert abs(read_tags(bright.tags, station.name).sizes["tag"] - expected) < FOUR_SIGMA * np.sqrt(30 * noise_hz)


def test_photons_of_each_second_follow_transmittance_and_fading(bright):
    rate = bright.scenario.source.pair_rate_hz
    for index, station in enumerate(bright.scenario.stations):
        efficiency = np.mean([d.efficiency for d in station.detectors])
        link = bright.channel.transmittance.values[:31, index]
        expected = rate * (link[1:] + link[:-1]) / 2 * bright.truth.fading.values[:30, index] * efficiency
        found = bright.truth.photons.values[:30, index]
        assert ((found - expected) ** 2 / expected).sum() < 30 + 4 * np.sqrt(60)
    assert bright.truth.photons.values[30:].sum() == 0


def test_dead_time_keeps_clicks_of_a_detector_apart(missions, brief, tmp_path):
    scenario = brief[0].replaced({"detection.dead_time_ns": 1e5})
    simulate(scenario, brief[1], brief[2], path=tmp_path / "dead.zarr", seed=3, run=1)
    recorded(brief, tmp_path / "live.zarr")
    for station in scenario.stations:
        tags = read_tags(tmp_path / "dead.zarr", station.name)
        for detector in range(4):
            assert np.diff(tags.time.values[tags.detector.values == detector]).min() >= 10**8
        assert tags.sizes["tag"] < read_tags(tmp_path / "live.zarr", station.name).sizes["tag"]


def test_a_switched_receiver_is_dead_at_both_settings(missions, brief, tmp_path):
    """It has two detectors, whatever the setting in which they last clicked."""
    scenario = brief[0].replaced(
        {"detection.dead_time_ns": 1e5, "detection.basis_choice": "active", "detection.switch_rate_hz": 5e4}
    )
    simulate(scenario, brief[1], brief[2], path=tmp_path / "dead.zarr", seed=3, run=1)
    tags = read_tags(tmp_path / "dead.zarr", "delingha")
    for detector in range(2):
        here = tags.detector.values & 1 == detector
        assert np.diff(tags.time.values[here]).min() >= 10**8
        assert len(set(tags.detector.values[here])) == 2


def test_active_receivers_have_two_detectors_and_even_settings(bright_active):
    for station in bright_active.scenario.stations:
        tags = read_tags(bright_active.tags, station.name)
        setting = tags.detector.values >> 1
        slots = 30 * bright_active.scenario.detection.switch_rate_hz
        assert abs(setting.mean() - 0.5) < FOUR_SIGMA * 0.5 / np.sqrt(slots)
        # The setting changes with the slot, not with the click: neighbours mostly share it.
        slot_s = 1 / bright_active.scenario.detection.switch_rate_hz
        near = np.diff(tags.time.values) < 0.01 * slot_s * 1e12
        assert np.mean(setting[1:][near] == setting[:-1][near]) > 0.99


def test_the_beacon_and_the_gps_second_are_there_all_the_time(bright):
    for station in bright.scenario.stations:
        beacon, gps = (session_tags(bright.tags, station.name, kind) for kind in ("beacon", "gps"))
        assert [tags.size for tags in beacon] == [30_000]
        assert [tags.size for tags in gps] == [30]
        local_s = gps[0] * 1e-12 - station.clock_offset_s - np.arange(30) * (1 + station.clock_drift)
        assert np.abs(local_s).max() < 5 * bright.scenario.beacon.gps_jitter_ns * 1e-9
        # Second differences take out the flight: three jitters, weighted 1, -2 and 1, remain.
        scatter = np.std(np.diff(beacon[0], 2)) / np.sqrt(6)
        assert scatter == pytest.approx(bright.scenario.beacon.jitter_ps, rel=0.03)


# Bright and busy: jitter that carries tags over the ends of cells, dead time, after-pulses long after their clicks.
BUSY = {
    "detection.timing_jitter_ps": 1e5,
    "detection.dead_time_ns": 500,
    "detection.afterpulse_probability": 0.3,
    "detection.afterpulse_decay_ns": 2e3,
    "channel.fading_coherence_ms": 20,
}


def busy(missions, which):
    if which == "decoy":  # pulses that lie on both sides of a second's end
        scenario = missions["tiangong2"].replaced(
            BUSY | {"source.pulse_rate_hz": 3_000_000.7, "orbit.max_duration_s": 3, "stations.0.receiver_efficiency": 1}
        )
    else:
        scenario = missions["yin2020"].replaced(
            BUSY
            | {"source.pair_rate_hz": 2e8, "orbit.min_duration_s": 0}
            | {f"measurements.{i}.duration_s": 2 - i for i in range(2)}
            | ({"detection.basis_choice": "active", "detection.switch_rate_hz": 1e5} if which == "active" else {})
        )
    orbit = find_sessions(scenario)
    return scenario, orbit, link_budget(scenario, orbit)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["passive", "active", "decoy"])
def test_bytes_depend_neither_on_blocks_nor_on_threads(missions, tmp_path, monkeypatch, which):
    mission = busy(missions, which)
    hashes = set()
    for number, (block_s, threads, block_tags) in enumerate(
        [(None, 1, stage.BLOCK_TAGS), (None, 2, 3000), (0.001, 1, 1), (0.13, 3, 1), (1, 1, 1), (1e4, 2, 1)]
    ):
        monkeypatch.setattr(stage, "BLOCK_TAGS", block_tags)
        truth = simulate(*mission, path=tmp_path / f"{number}.zarr", seed=3, run=1, block_s=block_s, threads=threads)
        save(truth, tmp_path / f"{number}.nc")
        hashes.add((hash_of(tmp_path / f"{number}.zarr"), hash_of(tmp_path / f"{number}.nc")))
    assert len(hashes) == 1
    for index, station in enumerate(mission[0].stations):
        tags = read_tags(tmp_path / "0.zarr", station.name)
        assert truth.photons.values[:, index].sum() > (400 if which == "decoy" else 30_000)
        assert np.all(np.diff(tags.time.values) >= 0)
    # Without what crosses the seams there would be other tags.
    for key, value in (("dead_time_ns", 0), ("timing_jitter_ps", 0)):
        calm = mission[0].replaced({f"detection.{key}": value})
        simulate(calm, *mission[1:], path=tmp_path / "calm.zarr", seed=3, run=1)
        other = read_tags(tmp_path / "calm.zarr", station.name)
        assert other.sizes != tags.sizes or (other.time.values != tags.time.values).any()


@pytest.mark.parametrize(
    ("wrong", "text"), [({"block_s": 0}, "block_s=0 is not above 0"), ({"threads": 0}, "threads=0")]
)
def test_no_blocks_and_no_threads_are_refused(brief, tmp_path, wrong, text):
    with pytest.raises(ValueError, match=text):
        simulate(*brief, path=tmp_path / "d.zarr", seed=3, run=1, **wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("half", [{"afterpulse_probability": 0.1}, {"afterpulse_decay_ns": 50}])
def test_after_pulses_want_both_of_their_keys(missions, half):
    with pytest.raises(ScenarioError, match="afterpulse_decay_ns goes with an afterpulse_probability above 0"):
        missions["yin2020"].replaced({f"detection.{key}": value for key, value in half.items()})


@pytest.mark.slow
def test_memory_grows_neither_with_the_seconds_nor_with_the_rate(missions, tmp_path):
    """What Python and numpy hold at most, over two and eight seconds, and at a fourfold rate."""

    def peak(seconds, pair_rate_hz):
        scenario = missions["yin2020"].replaced(
            {"source.pair_rate_hz": pair_rate_hz, "orbit.min_duration_s": 0, "orbit.max_range_m": 1e6}
            | {f"measurements.{i}.duration_s": seconds for i in range(2)}
        )
        orbit = find_sessions(scenario)
        channel = link_budget(scenario, orbit)
        tracemalloc.start()
        truth = simulate(scenario, orbit, channel, path=tmp_path / "d.zarr", seed=3, run=1)
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest, int(truth.photons.sum())

    (little, photons), *more = peak(1, 1e9), peak(4, 1e9), peak(1, 4e9)
    for much, number in more:
        assert number > 3.5 * photons
        assert much < 1.5 * little  # how full the chunks are that wait to be written


def test_after_pulses_of_a_switched_receiver_carry_the_setting_of_their_time(missions, tmp_path):
    """Delays as long as a setting: every tag, photon or not, names the setting of the moment."""
    mission = busy(missions, "active")
    changes = {"detection.afterpulse_decay_ns": 1e4, "detection.timing_jitter_ps": 100}
    few, many = (mission[0].replaced(changes | {"detection.afterpulse_probability": p}) for p in (0.01, 0.9))
    for scenario, name in ((few, "few"), (many, "many")):
        simulate(scenario, *mission[1:], path=tmp_path / name, seed=3, run=1)
        for station in scenario.stations:
            tags = read_tags(tmp_path / name, station.name, format="zarr")
            true_s = (tags.time.values * 1e-12 - station.clock_offset_s) / (1 + station.clock_drift)
            place = true_s * 1e5 % 1
            clear = (place > 1e-4) & (place < 1 - 1e-4)  # a nanosecond from a change of settings
            key = record_key(3, scenario.name, 1, "settings", station.name, 0)
            expected = settings_at(true_s[clear], switch_rate_hz=1e5, key=key)
            assert (tags.detector.values[clear] >> 1 == expected).all()
    sizes = [read_tags(tmp_path / name, station.name, format="zarr").sizes["tag"] for name in ("few", "many")]
    assert sizes[1] > 2 * sizes[0]


def test_jitter_over_a_seam_keeps_every_tag_and_its_order(brief, tmp_path, monkeypatch):
    """Clicks packed within a nanosecond of where blocks begin and end: jitter carries many to the other side."""
    each = 500

    def packed(*, rates_hz, edges_s, arrivals, rng):
        times = np.concatenate([edges_s[0] + 1e-9 * rng.random(each), edges_s[-1] - 1e-9 * rng.random(each)])
        return np.sort(times), rng.integers(0, 4, 2 * each).astype(np.uint8)

    monkeypatch.setattr(stage, "background", packed)
    scenario = brief[0].replaced({"detection.dead_time_ns": 0})
    truth = simulate(scenario, *brief[1:], path=tmp_path / "d.zarr", seed=3, run=1, block_s=1)
    for index, station in enumerate(scenario.stations):
        times = read_tags(tmp_path / "d.zarr", station.name).time.values
        assert np.all(np.diff(times) >= 0)
        assert times.size == int(truth.photons[:, index].sum()) + 12 * 2 * each


def test_fading_dims_what_it_dims(missions, tmp_path):
    """One cell a second, and a beam that wanders by half of its width: photons follow the truth's factors."""
    scenario = missions["tiangong2"].replaced(
        {"channel.fading_coherence_ms": 1000, "transmitter.pointing_jitter_urad": 8, "detection.dead_time_ns": 0}
    )
    orbit = find_sessions(scenario)
    channel = link_budget(scenario, orbit)
    truth = simulate(scenario, orbit, channel, path=tmp_path / "d.zarr", seed=2, run=1)
    source, factor = scenario.source, truth.fading.values[:143, 0]
    assert factor.std() > 0.3
    link = channel.transmittance.values[:, 0]
    clicks = source.pulse_rate_hz * (source.shares @ source.mu) * scenario.stations[0].detectors[0].efficiency
    expected = clicks * (link[1:] + link[:-1]) / 2 * factor
    found = truth.photons.values[:143, 0]
    # The link changes a little within each second's cell.
    assert ((found - expected) ** 2 / (expected + (0.002 * expected) ** 2)).sum() < 143 + 4 * np.sqrt(286)


def test_no_tag_is_lost_or_doubled_where_blocks_meet(brief, tmp_path):
    """Clicks within 200 us of the seams between blocks of a second, against as much time in their middle."""
    scenario = brief[0].replaced({f"stations.{i}.background_rate_hz": 3e4 for i in range(2)})
    simulate(scenario, *brief[1:], path=tmp_path / "d.zarr", seed=3, run=1, block_s=1)
    for station in scenario.stations:
        tags = read_tags(tmp_path / "d.zarr", station.name).time.values
        flight_ps = 10**12 * (tags[0] * 1e-12 % 1)  # the first click arrives a flight after a whole second
        phase = (tags - flight_ps) % 10**12
        seam = np.count_nonzero((phase < 2e8) | (phase > 10**12 - 2e8))
        middle = np.count_nonzero(np.abs(phase - 5e11) < 2e8)
        assert abs(seam - middle) < FOUR_SIGMA * np.sqrt(seam + middle)
        assert chisquare(np.histogram(phase, 1000, (0, 10**12))[0][1:-1]).pvalue > ONE_IN_TEN_THOUSAND


@pytest.mark.slow
def test_sessions_are_recorded_one_after_another(missions, tmp_path):
    scenario = missions["yin2020"].replaced(
        {
            "orbit.min_elevation_deg": 25,
            "orbit.min_duration_s": 20,
            "measurements.0.duration_s": 200,
            "measurements.1.duration_s": 100,
        }
    )
    orbit = find_sessions(scenario)
    sessions = np.unique(orbit.session_number).size
    assert sessions >= 2
    simulate(scenario, orbit, link_budget(scenario, orbit), path=tmp_path / "d.zarr", seed=1, run=1)
    starts = orbit.time.values[np.searchsorted(orbit.session_number.values, np.arange(sessions))]
    for station in scenario.stations:
        tags = session_tags(tmp_path / "d.zarr", station.name)
        assert len(tags) == sessions
        for times, start in zip(tags, starts, strict=True):
            since_s = times * 1e-12 - (start - orbit.time.values[0]) / np.timedelta64(1, "s") - station.clock_offset_s
            assert (since_s.min() > 0) and (since_s.max() < 300)
    assert not (tmp_path / "d.zarr" / "transmitter").exists()


@pytest.mark.slow
def test_settings_are_not_repeated_in_the_next_session(missions, tmp_path):
    scenario = missions["yin2017"].replaced(
        {
            "orbit.min_duration_s": 0,
            "orbit.min_elevation_deg": 30,
            "measurements.0.duration_s": 150,
            "measurements.1.duration_s": 50,
            "stations.0.background_rate_hz": 2e4,
        }
    )
    orbit = find_sessions(scenario)
    assert np.unique(orbit.session_number).size >= 2
    simulate(scenario, orbit, link_budget(scenario, orbit), path=tmp_path / "d.zarr", seed=1, run=1)
    starts = orbit.time.values[np.searchsorted(orbit.session_number.values, [0, 1])]
    slots = []
    for session in range(2):
        since_start = int((starts[session] - starts[0]) / np.timedelta64(1, "ns")) * 1000
        time = session_tags(tmp_path / "d.zarr", "delingha")[session] - since_start
        detector = session_tags(tmp_path / "d.zarr", "delingha", name="detector")[session]
        record = np.full(50_000, -1)
        slot = ((time * 1e-12 - 0.0123) / (1 + 2e-7) * 5e3).astype(int)
        inside = slot < record.size
        record[slot[inside]] = detector[inside] >> 1
        slots.append(record)
    both = (slots[0] >= 0) & (slots[1] >= 0)
    assert both.sum() > 30_000
    assert abs(np.mean(slots[0][both] == slots[1][both]) - 0.5) < FOUR_SIGMA * 0.5 / np.sqrt(both.sum())


def test_the_source_is_watched_through_two_taps(missions, bright, run_of):
    assert observables(bright.truth) == {}
    tapped = missions["yin2017"].replaced({"measurements.0.duration_s": 2, "measurements.1.duration_s": 2})
    value, unit = observables(run_of(tapped).truth)["monitor_coincidence_rate"]
    assert unit == "1/s"
    assert value == pytest.approx(5.9e6 * 0.01**2)
