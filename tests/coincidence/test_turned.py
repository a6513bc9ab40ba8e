"""Stage 4 on analysers that are turned, between recordings or while one goes on."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from satqkd.bell import bell_test
from satqkd.coincidence import coincidences
from satqkd.coincidence.figures import health_figure, rate_figure
from satqkd.detection import import_recordings, read_tags, write_tags
from satqkd.detection.turned import turned_by_table
from satqkd.key import distill, in_words
from satqkd.scenario import load_scenario
from satqkd.workflow.check import check
from satqkd.workflow.example import record_example

TRANSMITTANCE = 0.1
FIVE_SIGMA = 5


@pytest.fixture(scope="module")
def laboratory(example_in, missions, tmp_path_factory):
    """The example of turned analysers with a second a run, through more light."""
    folder = tmp_path_factory.mktemp("turned")
    scenario = example_in(folder, "turned_example")
    record_example(scenario, missions["yin2020"], transmittance=TRANSMITTANCE, seed=5, run_s=1)
    return scenario, folder


@pytest.fixture(scope="module")
def found(laboratory):
    scenario, folder = laboratory
    assert check(scenario.path).turned
    import_recordings(scenario, folder / "detection.zarr")
    return coincidences(scenario, None, folder / "detection.zarr", path=folder / "coincidence.nc")


@pytest.mark.slow
def test_each_run_counts_at_its_settings_alone(found):
    by_setting = found.counts.values.sum(axis=(3, 4))
    assert (by_setting[0] > 0).tolist() == [[True, False], [False, True]]
    assert (by_setting[1] > 0).all()
    assert found.duration.values.tolist() == [2, 4] and found.session_duration.values.tolist() == [1] * 6
    assert found.session_number.values.max() == 5
    assert np.bincount(found.session_number.values, minlength=6).sum() == int(found.rate.sum()) == found.counts.sum()


@pytest.mark.slow
def test_error_rate_s_and_fidelity_are_those_of_the_state(laboratory, found, missions):
    """A Werner state: errors (1 - p) / 2, S = 2 sqrt(2) p, F = (1 + 3 p) / 4, less the accidentals."""
    scenario, _ = laboratory
    p = (4 * missions["yin2020"].source.fidelity - 1) / 3
    p *= 1 - float(found.accidentals.sum()) / float(found.counts.sum())
    key, bell = distill(scenario, found), bell_test(scenario, found)
    sifted = int(key.sifted.sum())
    assert abs(int(key.errors.sum()) / sifted - (1 - p) / 2) < FIVE_SIGMA * np.sqrt((1 - p**2) / 4 / sifted)
    assert abs(float(bell.s) - 2 * np.sqrt(2) * p) < FIVE_SIGMA * float(bell.sigma)
    fidelity = float(bell.fidelity_white_noise), float(bell.fidelity_white_noise_sigma)
    assert abs(fidelity[0] - (1 + 3 * p) / 4) < FIVE_SIGMA * fidelity[1]


@pytest.mark.slow
def test_settings_that_are_known_give_no_key_in_hand_and_exclude_no_local_model(laboratory, found):
    key, bell = distill(laboratory[0], found), bell_test(laboratory[0], found)
    assert float(key.length.sel(bound="asymptotic")) > 0 and (key.no_key.sel(bound="asymptotic") == "").all()
    assert not key.real_length.any() and set(key.no_key_in_hand.values) <= {"turned analysers", "block too small"}
    assert "hand" in in_words(key)
    assert float(bell.s) > 2 + FIVE_SIGMA * float(bell.sigma) and float(bell.p_value) == 1


@pytest.mark.slow
def test_its_health_and_figures_are_of_all_runs(found):
    assert found.sizes["second"] == found.detector_clicks.sizes["second"] == 12  # a row closes each session
    assert int(found.delays_by_detector.sum()) > int(found.counts.sum())
    assert found.sizes["finding"] == 0
    assert health_figure(found) and rate_figure(found)


@pytest.fixture(scope="module")
def tabled(example_in, missions, tmp_path_factory):
    """One recording of either station: Bob's analyser is turned by hand, Alice's is passive with four channels."""
    folder = tmp_path_factory.mktemp("tabled")
    short = ("duration_s: 20", "duration_s: 4"), ("duration_s: 10", "duration_s: 2")
    passive = example_in(folder, "recorded_example", *short)
    record_example(passive, missions["yin2020"], transmittance=TRANSMITTANCE, seed=6)
    tags = read_tags(folder / "recordings/example_bob.npy")
    time, outcome = tags.time.values, np.zeros(9, np.uint8)
    outcome[[4, 3, 2, 1]] = range(4)
    first = int(time[0])
    turns = first + np.array([0, 1_000, 1_050, 2_000, 2_050, 3_000, 3_050, 4_500, 4_550]) * 10**9
    setting = np.array([0, -1, 1, -1, 0, -1, 1, -1, 0])
    (folder / "recordings/example_turned.csv").write_text(
        "time_ps,setting\n" + "".join(f"{t},{s}\n" for t, s in zip(turns, setting, strict=True))
    )
    own = setting[np.maximum(np.searchsorted(turns, time, "right") - 1, 0)]
    detector = outcome[tags.detector.values]
    seen = (tags.detector.values > 0) & ((own < 0) | (detector >> 1 == own))
    data = tags.isel(tag=seen).assign(detector=("tag", (5 + (detector & 1)[seen]).astype(np.uint8)))
    write_tags(data, folder / "recordings/example_bob.npy")
    by_hand = ("channels: [4, 3, 2, 1]", "channels: [5, 6]\n    settings: example_turned.csv")
    scenario = example_in(folder, "recorded_example", *short, by_hand, ("ignored_channels: [0]", "#"))
    import_recordings(scenario, folder / "detection.zarr")
    return scenario, coincidences(scenario, None, folder / "detection.zarr", path=folder / "coincidence.nc")


@pytest.mark.slow
def test_a_table_of_settings_turns_two_detectors_into_four(tabled, missions):
    scenario, found = tabled
    assert scenario.turned and (found.counts.values.sum(axis=(3, 4)) > 0).all()
    p = (4 * missions["yin2020"].source.fidelity - 1) / 3
    p *= 1 - float(found.accidentals.sum()) / float(found.counts.sum())
    bell = bell_test(scenario, found)
    assert abs(float(bell.s) - 2 * np.sqrt(2) * p) < FIVE_SIGMA * float(bell.sigma)
    assert found.detector_clicks.values[0, 1, 2:].sum() == 0  # Bob's first second is at setting 0


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("time,setting\n1,0\n", "has no column time_ps of whole numbers"),
        ("time_ps,setting\n1,2\n", "row 1 has setting=2: give 0, 1, or -1 while the analyser moves"),
        ("time_ps,setting\n5,0\n4,1\n", "row 2 has time_ps=4, not after the row before: sort the rows"),
    ],
)
def test_a_wrong_table_of_settings_is_named(tmp_path, table, message):
    path = tmp_path / "turned.csv"
    path.write_text(table)
    with pytest.raises(ValueError, match=f"turned.csv: {message}"):
        turned_by_table(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "channels: [1, 2]}    #",
            "channels: [1, 2, 3]}  #",
            "channels are three: give four, or the two of an analyser",
        ),
        ("settings: [0, 1]", "settings: [0, null]", "runs.3 lacks a setting of bob: it goes with two channels"),
        ("{name: bob, channels: [1, 2]}", "{name: bob, channels: [1, 2, 3, 4]}", "runs.0 has a setting of bob"),
        ("{name: bob,", "{name: bob, recording: b.npy,", "station bob has a recording, which runs name"),
        (
            "measurement: key, settings: [1, 1]",
            "measurement: state, settings: [1, 1]",
            "runs.1.measurement=state is not",
        ),
        (
            "- {name: bell,",
            "- {name: bell, duration_s: 3,",
            "measurement bell has a duration_s or pause_s: its runs have",
        ),
    ],
)
def test_what_does_not_go_together_is_said(example_in, tmp_path, old, new, message):
    with pytest.raises(ValueError, match=message):
        example_in(tmp_path, "turned_example", (old, new))


def test_two_channels_need_to_know_where_the_analyser_stood(example_in, tmp_path):
    with pytest.raises(ValueError, match="station alice has two channels: say where its analyser stood, by runs"):
        example_in(tmp_path, "recorded_example", ("channels: [0, 1, 2, 3] ", "channels: [0, 1] "))


def analysed(scenario, folder):
    """Return coincidences, key and Bell test without what names the scenario."""
    import_recordings(scenario, folder / "detection.zarr")
    found = coincidences(scenario, None, folder / "detection.zarr", path=folder / "coincidence.nc")
    results = found, distill(scenario, found), bell_test(scenario, found)
    return [result.load().drop_attrs() for result in results]


@pytest.mark.slow
def test_a_table_as_a_column_of_the_tags_gives_the_same_bits(tabled):
    scenario, _ = tabled
    folder = scenario.path.parent.parent
    tags = read_tags(folder / "recordings/example_bob.npy")
    table = pd.read_csv(folder / "recordings/example_turned.csv")
    setting = table.setting.values[np.searchsorted(table.time_ps, tags.time.values, "right") - 1]
    degrees = np.choose(setting + 1, [-1, 22.5, 67.5])
    columns = {"time_ps": tags.time.values, "detector": tags.detector.values, "angle_deg": degrees}
    pd.DataFrame(columns).to_parquet(folder / "recordings/bob.parquet")
    by_table = analysed(scenario, folder)
    text = scenario.path.read_text()
    scenario.path.write_text(
        text.replace("example_bob.npy", "bob.parquet").replace(
            "settings: example_turned.csv", "settings_column: angle_deg\n    settings_values: [[22.5], [67.5]]"
        )
    )
    by_column = analysed(check(scenario.path), folder)
    scenario.path.write_text(text)
    for one, other in zip(by_table, by_column, strict=True):
        xr.testing.assert_identical(one, other)


@pytest.mark.slow
def test_a_random_switch_gives_the_bits_of_four_channels_and_a_key_in_hand(example_in, missions, tmp_path):
    short = ("duration_s: 20", "duration_s: 2"), ("duration_s: 10", "duration_s: 1")
    switched = example_in(tmp_path, "switched_example", *short)
    path = switched.path
    record_example(switched, missions["yin2020"], transmittance=0.04, seed=7)
    found, key, bell = analysed(check(path), tmp_path)
    assert float(bell.s) > 2 + FIVE_SIGMA * float(bell.sigma) and float(bell.p_value) < 1e-6
    assert float(key.length.sel(bound="asymptotic")) > 0 and not found.sizes["finding"]
    assert "turned analysers" not in key.no_key_in_hand.values
    tags = pd.read_parquet(tmp_path / "recordings/example_switched.parquet")
    tags["detector"] = np.where(tags.detector == 0, 0, tags.detector + 2 * (tags.basis == "DA"))
    tags.to_parquet(tmp_path / "recordings/example_switched.parquet")
    start, end = path.read_text().index("    settings_column"), path.read_text().index("source:")
    path.write_text((path.read_text()[:start] + path.read_text()[end:]).replace("[1, 2] ", "[1, 2, 3, 4] "))
    for one, other in zip((found, key, bell), analysed(load_scenario(path), tmp_path), strict=True):
        xr.testing.assert_identical(one, other)
