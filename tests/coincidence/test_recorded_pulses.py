"""Stage 4 on a receiver's tags and the transmitter's log: the counts are those of the simulation's own stages."""

import numpy as np
import pandas as pd
import pytest
import zarr

from satqkd.bench import still_link
from satqkd.channel import link_budget
from satqkd.coincidence import coincidences, observables
from satqkd.coincidence.figures import health_figure
from satqkd.coincidence.report import balance_table
from satqkd.detection import import_recordings, read_tags, simulate, write_tags
from satqkd.key import distill
from satqkd.orbit import find_sessions
from satqkd.streams import transmitter_log
from satqkd.workflow.check import check
from satqkd.workflow.example import laboratory_bench, record_example

TRANSMITTANCE, SEED = 0.05, 5
SECOND_PS = 10**12
FEWER = ("duration_s: 10", "duration_s: 4"), ("pulse_rate_hz: 2.0e6", "pulse_rate_hz: 5.0e5")


@pytest.fixture(scope="module")
def laboratory(example_in, missions, tmp_path_factory):
    """The example of pulses with fewer seconds: its scenario and its folder, the files imported."""
    folder = tmp_path_factory.mktemp("pulses")
    scenario = example_in(folder, "pulses_example", *FEWER)
    record_example(scenario, missions["liao2017"], transmittance=TRANSMITTANCE, seed=SEED)
    import_recordings(scenario, folder / "detection.zarr")
    return scenario, folder


@pytest.fixture(scope="module")
def found(laboratory):
    scenario, folder = laboratory
    return coincidences(scenario, None, folder / "detection.zarr", path=folder / "coincidence.nc")


@pytest.fixture(scope="module")
def simulated(laboratory, missions, tmp_path_factory):
    """Stages 3 and 4 of the same laboratory, with beacon and GPS."""
    scenario, _ = laboratory
    folder = tmp_path_factory.mktemp("simulated")
    bench = laboratory_bench(scenario, missions["liao2017"]).model_copy(update={"key": scenario.key})
    room, link = still_link(["bob"], [4], transmittance=TRANSMITTANCE)
    simulate(bench, room, link, path=folder / "detection.zarr", seed=SEED, run=1)
    return bench, coincidences(bench, room, folder / "detection.zarr", path=folder / "coincidence.nc")


def first_pulse(found):
    """Number in the log of the pulse at which the session begins: the first after the first tag."""
    return int(np.ceil(-float(found.clock_offset[0, 0]) * 5e5))


def test_counts_are_those_of_the_simulated_stages(found, simulated):
    """The clocks of both ways agree to within the jitter: a tag at the edge of the window may change sides."""
    here, there = found.counts.values, simulated[1].counts.values
    changed = 20e-12 / (2e-9 * np.sqrt(2)) * there.sum()  # the clocks differ by less than 20 ps
    assert np.abs(here - there).sum() <= changed + 5
    assert here.sum() == found.sizes["coincidence"] > 5000
    sent = found.pulses.values
    # The session begins with the first tag, and ends with the log.
    assert sent.sum() == 5e5 * 4 - first_pulse(found) and abs(sent[0] / 1e6 - 1) < 5 / np.sqrt(1e6)
    assert found.duration.values.tolist() == [4]


def test_each_event_belongs_to_the_same_pulse(found, simulated):
    """Events of both ways by time: intensity, basis and bit are those that the simulated transmitter sent."""
    columns = ["intensity", "setting_a", "setting_b", "outcome_a", "outcome_b"]
    here, there = ({int(t / 2_000_000): k for k, t in enumerate(d.time.values)} for d in (found, simulated[1]))
    shift = first_pulse(found)
    common = [(here[n], there[n + shift]) for n in here if n + shift in there]
    assert len(common) > 0.99 * len(here)
    first, second = (np.array(side) for side in zip(*common, strict=True))
    for name in columns:
        assert (found[name].values[first] == simulated[1][name].values[second]).all()


def test_error_rate_and_key_are_those_of_the_simulated_stages(laboratory, found, simulated):
    bench, there = simulated
    # By the pulses that were sent, where the simulated stages take their expected numbers.
    own, other = distill(laboratory[0], found), distill(bench, there.assign(pulses=found.pulses))
    assert own.qber.values[:2] == pytest.approx(other.qber.values[:2], abs=2e-3)
    expected = float(other.length.sel(bound="asymptotic"))
    assert float(own.length.sel(bound="asymptotic")) == pytest.approx(expected, rel=0.02) and expected > 1000
    assert observables(found)["sifted_bits"][0] == own.sifted.values[0].sum()


def test_the_clock_is_the_receivers(found, missions):
    station = missions["liao2017"].stations[0]
    clock = found.isel(session=0, station=0)
    assert abs(float(clock.clock_drift) - station.clock_drift) < 1e-10
    jitter_s = np.hypot(550e-12, 200e-12 / np.sqrt(8 * np.log(2)))
    assert float(clock.clock_residual_rms) == pytest.approx(jitter_s, rel=0.05)


def test_a_sound_recording_has_no_finding_and_a_figure(found):
    assert found.sizes["finding"] == 0
    assert len(health_figure(found).axes) >= 5
    assert balance_table(found).coincidences.sum() == found.sizes["coincidence"]


@pytest.fixture
def changed(laboratory, example_in, tmp_path):
    """The laboratory with pieces of the scenario's text exchanged, other tags, or another log."""
    _, folder = laboratory

    def run(*changes, tags=lambda tags: tags, log=lambda frame: frame):
        write_tags(
            tags(read_tags(folder / "recordings/example_receiver.a1")), tmp_path / "recordings/example_receiver.a1"
        )
        log(pd.read_parquet(folder / "recordings/example_log.parquet")).to_parquet(
            tmp_path / "recordings/example_log.parquet"
        )
        other = example_in(tmp_path, "pulses_example", *FEWER, *changes)
        import_recordings(other, tmp_path / "detection.zarr")
        return coincidences(other, None, tmp_path / "detection.zarr", path=tmp_path / "coincidence.nc")

    return run


@pytest.mark.slow
def test_jumps_silence_and_lateness_are_dated_and_named(changed):
    """Channel 2 dies after two seconds, and channel 3 has a cable of 3 ns."""

    def spoilt(tags):
        time, detector = tags.time.values.copy(), tags.detector.values
        time[detector == 3] += 3000
        kept = (detector != 2) | (time < time[0] + 2 * SECOND_PS)
        order = np.argsort(time[kept], kind="stable")
        return tags.isel(tag=np.flatnonzero(kept)[order]).assign(time=("tag", time[kept][order]))

    texts = changed(tags=spoilt).finding_text.values.tolist()
    assert any("seconds 2 to 3: channel 2 of bob (setting 1, outcome 0) falls to 0 clicks" in text for text in texts)
    late = "channel 3 of bob (setting 1, outcome 1) clicks "
    (late_ns,) = [float(text.removeprefix(late).split()[0]) for text in texts if text.startswith(late)]
    assert abs(late_ns - 3.0) < 0.11  # a bin of the histogram


@pytest.mark.slow
def test_a_clock_that_jumps_by_whole_periods_is_dated(changed):
    def jumped(tags):
        time = tags.time.values
        return tags.assign(time=("tag", time + np.where(time > time[0] + 3 * SECOND_PS, 5 * 2_000_000, 0)))

    texts = changed(tags=jumped).finding_text.values.tolist()
    assert texts == ["second 3: bob: its clock jumps by +0.000010000 s, 5 pulses"]


@pytest.mark.slow
def test_words_name_the_intensities(changed):
    words = np.array(["s", "d", "v"])
    result = changed(
        ("[0, 1, 2]  ", '["s", "d", "v"]'),
        log=lambda frame: frame.assign(intensity=words[frame.intensity]),
    )
    assert result.counts.values.sum() > 5000


@pytest.mark.slow
def test_swapped_intensities_are_noticed_by_their_shares(changed):
    with pytest.raises(ValueError, match=r"example_log.parquet: 0.5.* of 2000000 pulses are decoy, and intensity_pro"):
        changed(("log_intensities: [0, 1, 2]", "log_intensities: [1, 0, 2]"))


@pytest.mark.slow
def test_a_log_that_ends_early_is_told(changed):
    with pytest.raises(
        ValueError, match="recording of bob and the log of the transmitter have 2.0 s in common where the"
    ):
        changed(log=lambda frame: frame[:1_000_000])


def test_the_files_are_looked_at_before_any_work(laboratory, example_in, tmp_path):
    scenario, folder = laboratory
    assert check(scenario.path).transmitter.log == "example_log.parquet"
    (tmp_path / "recordings").symlink_to(folder / "recordings")
    wrong = example_in(tmp_path, "pulses_example", *FEWER, ("log: example_log.parquet", "log: example_receiver.a1"))
    with pytest.raises(
        ValueError, match=r"transmitter.log: .*example_receiver.a1: cannot be read as a log of pulses: the"
    ):
        check(wrong.path)


@pytest.mark.slow
def test_a_pass_is_counted_by_the_log_as_by_the_beacon(root, example_in, missions, tmp_path):
    """Six seconds of a satellite through a better link: tags and log without beacon, known to a millisecond of UTC."""
    better = {"stations.0.receiver_efficiency": 0.9, "stations.0.zenith_extinction_db": 0.3, "reference": None}
    mission = missions["liao2017"].replaced(better | {"orbit.max_duration_s": 6, "source.pulse_rate_hz": 2e6})
    sky = find_sessions(mission)
    simulate(mission, sky, link_budget(mission, sky), path=tmp_path / "simulated.zarr", seed=3, run=1)
    beacon = coincidences(mission, sky, tmp_path / "simulated.zarr", path=tmp_path / "simulated.nc")
    (tmp_path / "orbits").symlink_to(root / "data/orbits")
    tags = read_tags(tmp_path / "simulated.zarr", "xinglong")
    write_tags(tags.assign(time=tags.time + SECOND_PS), tmp_path / "recordings/receiver.npy")
    log_key = int(zarr.open_group(tmp_path / "simulated.zarr", mode="r")["transmitter"].attrs["log_key"], 16)
    sent = transmitter_log(log_key, np.arange(14_000_000), mission.source.shares)
    pd.DataFrame(dict(zip(("intensity", "basis", "bit"), sent, strict=True))).to_parquet(
        tmp_path / "recordings/log.parquet"
    )
    station, start = mission.stations[0], sky.time.values[0]
    zero = start - np.timedelta64(1000 + round(1000 * station.clock_offset_s), "ms")
    first, zero = (f"{np.datetime_as_string(time, unit='ms')}Z" for time in (start, zero))
    place = f"latitude_deg: {station.latitude_deg}\n    longitude_deg: {station.longitude_deg}\n    altitude_m: 890"
    orbit = f"orbit: {{elements: micius.csv, start: {first}, duration_s: 6}}\ntransmitter:\n  time_zero: {first}\n"
    scenario = example_in(
        tmp_path,
        "pulses_example",
        ("transmitter:\n", orbit),
        ("- name: bob\n", f"- name: bob\n    {place}\n    time_zero: {zero}\n"),
        ("example_receiver.a1", "receiver.npy"),
        ("example_log", "log"),
        ("duration_s: 10", "duration_s: 5"),
    )
    import_recordings(scenario, tmp_path / "recorded.zarr")
    found = coincidences(scenario, find_sessions(scenario), tmp_path / "recorded.zarr", path=tmp_path / "recorded.nc")
    in_time = int(np.count_nonzero(beacon.time.values < 5 * SECOND_PS))
    assert found.duration.values.tolist() == [5]
    assert abs(found.sizes["coincidence"] - in_time) < 0.005 * in_time and in_time > 5000
    assert float(distill(scenario, found).qber[0].max()) < 0.02
