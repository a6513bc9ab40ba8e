"""Stage 3: recordings of whole sessions."""

import numpy as np
import pytest
import zarr
from scipy.stats import chi2_contingency, chisquare

from satqkd.channel import link_budget
from satqkd.dataset import hash_of, load, save
from satqkd.detection import observables, read_tags, simulate, stage
from satqkd.orbit import find_sessions

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
    monkeypatch.setattr(stage._Receiver, "close", lambda self: 1 / 0)
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


BLOCKS = (1, 4, 10_000)


@pytest.fixture(scope="module")
def by_block(brief, tmp_path_factory):
    """The same seconds drawn in blocks of other lengths: other numbers of the stream, so other bytes."""
    folder = tmp_path_factory.mktemp("blocks")
    scenario = brief[0].replaced({f"stations.{i}.background_rate_hz": 3e4 for i in range(2)})
    result = {}
    for block_s in BLOCKS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stage, "BLOCK_S", block_s)
            truth = recorded((scenario, *brief[1:]), folder / f"{block_s}.zarr")
        result[block_s] = folder / f"{block_s}.zarr", truth
    return scenario, result


def test_the_block_length_changes_no_rate(by_block):
    scenario, runs = by_block
    for index, station in enumerate(scenario.stations):
        detectors, seconds, photons = [], [], []
        for path, truth in runs.values():
            tags = read_tags(path, station.name)
            detectors.append(np.bincount(tags.detector.values, minlength=4))
            elapsed = (tags.time.values - tags.time.values[0]) // 10**12
            seconds.append(np.bincount(elapsed, minlength=12)[:12])
            photons.append(truth.photons.values[:12, index].sum())
            assert truth.fading.values[:12, index] == pytest.approx(1, abs=0.05)
        assert chi2_contingency(detectors).pvalue > ONE_IN_TEN_THOUSAND
        assert chi2_contingency(seconds).pvalue > ONE_IN_TEN_THOUSAND
        for count in photons[1:]:
            assert abs(count - photons[0]) < FOUR_SIGMA * np.sqrt(2 * photons[0])


def test_jitter_over_a_seam_keeps_every_tag_and_its_order(brief, tmp_path, monkeypatch):
    """Clicks packed within a nanosecond of where blocks begin and end: jitter carries many to the other side."""
    each = 500

    def packed(*, rates_hz, start_s, end_s, rng):
        times = np.concatenate([start_s + 1e-9 * rng.random(each), end_s - 1e-9 * rng.random(each)])
        return np.sort(times), rng.integers(0, 4, 2 * each).astype(np.uint8)

    monkeypatch.setattr(stage, "background", packed)
    monkeypatch.setattr(stage, "BLOCK_S", 1)
    scenario = brief[0].replaced({"detection.dead_time_ns": 0})
    truth = recorded((scenario, *brief[1:]), tmp_path / "d.zarr")
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
    expected = source.pulse_rate_hz * (source.shares @ source.mu) * (link[1:] + link[:-1]) / 2 * factor * 0.5
    found = truth.photons.values[:143, 0]
    # The link changes a little within each second's cell.
    assert ((found - expected) ** 2 / (expected + (0.002 * expected) ** 2)).sum() < 143 + 4 * np.sqrt(286)


def test_no_tag_is_lost_or_doubled_where_blocks_meet(by_block):
    """Clicks within 200 us of the seams between blocks of a second, against as much time in their middle."""
    scenario, runs = by_block
    for station in scenario.stations:
        tags = read_tags(runs[1][0], station.name).time.values
        flight_ps = 10**12 * (tags[0] * 1e-12 % 1)  # the first click arrives a flight after a whole second
        phase = (tags - flight_ps) % 10**12
        seam = np.count_nonzero((phase < 2e8) | (phase > 10**12 - 2e8))
        middle = np.count_nonzero(np.abs(phase - 5e11) < 2e8)
        assert abs(seam - middle) < FOUR_SIGMA * np.sqrt(seam + middle)
        assert chisquare(np.histogram(phase, 1000, (0, 10**12))[0][1:-1]).pvalue > ONE_IN_TEN_THOUSAND


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
    sessions = np.unique(orbit.pass_number).size
    assert sessions >= 2
    simulate(scenario, orbit, link_budget(scenario, orbit), path=tmp_path / "d.zarr", seed=1, run=1)
    starts = orbit.time.values[np.searchsorted(orbit.pass_number.values, np.arange(sessions))]
    for station in scenario.stations:
        tags = session_tags(tmp_path / "d.zarr", station.name)
        assert len(tags) == sessions
        for times, start in zip(tags, starts, strict=True):
            since_s = times * 1e-12 - (start - orbit.time.values[0]) / np.timedelta64(1, "s") - station.clock_offset_s
            assert (since_s.min() > 0) and (since_s.max() < 300)
    assert not (tmp_path / "d.zarr" / "transmitter").exists()


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
    assert np.unique(orbit.pass_number).size >= 2
    simulate(scenario, orbit, link_budget(scenario, orbit), path=tmp_path / "d.zarr", seed=1, run=1)
    starts = orbit.time.values[np.searchsorted(orbit.pass_number.values, [0, 1])]
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
