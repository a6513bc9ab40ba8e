"""Stage 1: the sessions of a scenario."""

import numpy as np
import pytest

from satqkd.channel import link_budget
from satqkd.orbit import find_sessions, frames, joint_passes, observables, read_elements
from satqkd.scenario import ScenarioError, load_scenario

SECOND = np.timedelta64(1, "s")
MISSIONS = ["yin2017", "liao2017", "yin2020", "tiangong2"]


def test_the_dated_pass_of_liao2017_is_the_printed_one(orbits):
    """645 km and 273 s within 1200 km, as printed; and the time of closest approach that the search of passes gives."""
    one_kilometre, three_seconds, two_seconds = 1e3, 3.0, np.timedelta64(2, "s")
    orbit = orbits["liao2017"]
    assert abs(float(orbit.shortest_range.min()) - 645e3) < one_kilometre
    assert abs(float(orbit.session_duration[0]) - 273) < three_seconds
    assert abs(orbit.closest_approach.values[0] - np.datetime64("2016-12-19T16:52:13")) < two_seconds


@pytest.mark.parametrize("name", MISSIONS)
def test_every_second_used_fulfils_the_conditions(missions, orbits, name):
    scenario, orbit = missions[name], orbits[name]
    used = orbit.isel(time=orbit.link_open.values)
    rounding_to_a_second_deg, of_range_m = 0.06, 8e3
    conditions = scenario.orbit
    assert float(used.elevation.min()) > conditions.min_elevation_deg - rounding_to_a_second_deg
    assert float(used.sun_elevation.max()) <= conditions.max_sun_elevation_deg
    if conditions.max_range_m is not None:
        assert float(used.range.max()) < conditions.max_range_m + of_range_m
    if conditions.max_duration_s is not None:
        assert float(orbit.session_duration.max()) <= conditions.max_duration_s
    if conditions.satellite_in_shadow:
        assert not used.sunlit.any()
    assert float(orbit.session_duration.min()) >= conditions.min_duration_s


@pytest.mark.parametrize("name", MISSIONS)
def test_sessions_are_seconds_of_utc_one_after_another(orbits, name):
    orbit = orbits[name]
    times, number = orbit.time.values, orbit.session_number.values
    assert np.all(times == times.astype("datetime64[s]"))
    for session in np.unique(number):
        assert np.all(np.diff(times[number == session]) == SECOND)
    assert np.all(np.diff(times) > 0)
    assert np.unique(number).tolist() == orbit.session.values.tolist()
    length = np.bincount(number) - 1
    assert np.all(np.abs(length - orbit.session_duration.values) <= 1)


@pytest.mark.parametrize("name", MISSIONS)
def test_every_measurement_gets_its_seconds_in_order(missions, orbits, name):
    orbit, measurements = orbits[name], missions[name].measurements
    measured, number = orbit.measurement.values, orbit.session_number.values
    for index, measurement in enumerate(measurements):
        if measurement.duration_s is not None:
            assert np.count_nonzero(measured == index) == measurement.duration_s
        else:
            assert np.count_nonzero(measured == index) == measured.size - np.unique(number).size
    used = measured[measured >= 0]
    assert np.all(np.diff(used) >= 0)
    closing = np.flatnonzero(np.append(np.diff(number) != 0, True))
    assert np.all(measured[closing] == -1)
    assert (orbit.link_open.values == (measured >= 0)).all()


def test_a_session_waits_for_the_shadow_if_it_must(missions):
    """An evening pass of Tiangong-2 that the Sun leaves half-way."""
    evening = {"orbit.search_start": "2017-04-04T00:00:00Z", "orbit.search_end": "2017-04-05T00:00:00Z"}
    lit, dark = (
        find_sessions(missions["tiangong2"].replaced(evening | {"orbit.satellite_in_shadow": wanted}))
        for wanted in (False, True)
    )
    assert 40 < int(lit.sunlit.sum()) < lit.sizes["time"]
    assert not dark.sunlit.any()
    last_lit = lit.time.values[lit.sunlit.values[:, 0]][-1]
    assert abs(dark.session_start.values[0] - last_lit) <= SECOND
    assert float(dark.session_duration[0]) < float(lit.session_duration[0])


@pytest.mark.parametrize("name", MISSIONS)
def test_range_rate_is_the_rate_of_the_range(orbits, name):
    orbit = orbits[name].isel(time=orbits[name].session_number.values == 0)
    middle = (orbit.range.values[2:] - orbit.range.values[:-2]) / 2
    fourth = np.abs(np.diff(orbit.range_rate.values, 2, axis=0)).max() / 6
    assert np.abs(middle - orbit.range_rate.values[1:-1]).max() < 1.1 * fourth


@pytest.mark.parametrize("name", MISSIONS)
def test_extents_hold_what_the_seconds_show(orbits, name):
    orbit = orbits[name]
    for session in orbit.session.values:
        seen = orbit.isel(time=orbit.session_number.values == session)
        extent = orbit.sel(session=session)
        a_second_m = 8e3
        assert np.all(np.abs(seen.range.min("time") - extent.shortest_range) < a_second_m)
        assert np.all(np.abs(seen.range.max("time") - extent.longest_range) < a_second_m)
        assert np.all(extent.max_elevation >= seen.elevation.max("time") - 1e-3)
        assert extent.session_start.values <= extent.closest_approach.values
        assert extent.closest_approach.values <= seen.time.values[-1] + SECOND
        assert 0.2 < float(extent.largest_angular_rate) < 1.3


@pytest.mark.parametrize(("name", "printed_km"), [("yin2017", 1203), ("yin2020", 1120)])
def test_baselines_are_chords(missions, orbits, name, printed_km):
    a, b = (frames.geodetic_to_itrs(s.latitude_deg, s.longitude_deg, s.altitude_m) for s in missions[name].stations)
    assert float(orbits[name].baseline) == pytest.approx(np.linalg.norm(a - b))
    assert round(float(orbits[name].baseline) / 1e3) == printed_km


def test_one_station_has_no_baseline(orbits):
    assert np.isnan(orbits["liao2017"].baseline)
    assert "baseline" not in observables(orbits["liao2017"])


def test_the_session_is_a_part_of_a_joint_pass(missions, orbits):
    scenario, orbit = missions["yin2020"], orbits["yin2020"]
    elements = read_elements(scenario.file(scenario.orbit.elements))
    first, last = orbit.time.values[[0, -1]]
    passes = joint_passes(elements, scenario.stations, first - 3600 * SECOND, last + 3600 * SECOND, 13)
    for session in orbit.session.values:
        times = orbit.time.values[orbit.session_number.values == session]
        assert any(p.start - SECOND < times[0] and times[-1] < p.end + SECOND for p in passes)


def test_one_satellite_of_several_is_followed_as_if_alone(missions, orbits, root, tmp_path):
    text = (root / "data/orbits/micius.csv").read_text()
    others = (root / "data/orbits/tiangong2.csv").read_text().split("\n", 1)[1]
    unsound = text.splitlines()[1].replace(",41731,", ",41732,").replace(",0.0", ",x", 1)
    (tmp_path / "orbits").mkdir()
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "orbits/several.csv").write_text(f"{text}{others}{unsound}\n")
    scenario = missions["liao2017"].replaced(
        {"orbit.elements": "several.csv", "orbit.norad_id": 41731, "orbit.survey": None}
    )
    scenario._path = tmp_path / "scenarios/liao2017.yaml"
    with pytest.warns(UserWarning, match="skipped 1 unsound of other satellites, the first: .*row 32: a field cannot"):
        found = find_sessions(scenario)
    whole = orbits["liao2017"].drop_dims("night")
    assert found.drop_attrs().drop_vars("session").equals(whole.drop_attrs().drop_vars("session"))
    with pytest.raises(ValueError, match="holds 3 satellites .41731, 41732, 41765.: .* orbit.norad_id in a scenario"):
        find_sessions(scenario.replaced({"orbit.norad_id": None}))


@pytest.mark.parametrize("lowest_deg", [0, 0.01, 0.5])
def test_no_node_of_a_session_lies_below_the_horizon(root, lowest_deg):
    """The last one lay at -0.009 degrees, where there is no air mass: its loss was infinite."""
    mission = load_scenario(root / "data/scenarios/template.yaml")
    orbit = find_sessions(mission.replaced({"orbit.min_elevation_deg": lowest_deg}))
    a_second_deg = 0.1
    assert float(orbit.elevation.min()) >= 0.0 and abs(float(orbit.elevation.min()) - lowest_deg) < a_second_deg
    assert (np.diff(orbit.time.values) == SECOND).all()
    channel = link_budget(mission, orbit)
    assert np.isfinite(channel.loss.values).all() and np.isfinite(channel.fading_variance.values).all()


def test_the_showcase_is_the_session_nearest_to_its_time(missions, orbits):
    start = orbits["yin2020"].session_start.values
    later = find_sessions(missions["yin2020"].replaced({"orbit.showcase": "2018-10-06T18:00:00Z"}))
    nearest = np.argmin(np.abs(start - np.datetime64("2018-10-06T18:00:00")))
    assert nearest > 0
    assert later.attrs["showcase"] == nearest
    assert orbits["yin2020"].attrs["showcase"] == 0


def test_the_survey_has_the_highest_pass_of_each_night(orbits, root):
    orbit = orbits["liao2017"]
    nights = (root / "data/orbits/liao2017_orbits.csv").read_text().splitlines()[1:]
    assert orbit.sizes["night"] == len(nights)
    assert float(orbit.survey_elevation.min()) >= 10
    night = np.flatnonzero(np.char.startswith(orbit.night.values.astype(str), "2016-12-19"))
    assert float(orbit.survey_range[night][0]) == pytest.approx(float(orbit.shortest_range.min()), abs=100)


@pytest.mark.parametrize("name", MISSIONS)
def test_variables_have_units_and_names(orbits, name):
    orbit = orbits[name]
    units = {
        "range": "m",
        "range_rate": "m s-1",
        "elevation": "degree",
        "azimuth": "degree",
        "sun_elevation": "degree",
        "sunlit": "1",
        "link_open": "1",
        "session_duration": "s",
        "baseline": "m",
        "shortest_range": "m",
    }
    for variable, unit in units.items():
        assert orbit[variable].attrs["units"] == unit
        assert orbit[variable].attrs["long_name"]
    assert orbit.range.dims == ("time", "station")
    assert orbit.attrs["stage"] == "orbit"
    assert "seed" not in orbit.attrs


def test_observables_are_in_the_papers_units(orbits):
    values = observables(orbits["yin2020"])
    assert values["range_sum"][0] == pytest.approx([1545, 2750], abs=1)
    assert values["range_delingha"][0] == pytest.approx([853, 1501], abs=1)
    assert values["baseline"] == (pytest.approx(1119.9, abs=0.1), "km")
    assert values["local_start_time"] == (pytest.approx(2 + 11 / 60, abs=0.02), "h after midnight")
    assert values["speed"][0] == pytest.approx(7.6, abs=0.05)


BY_DAY = {
    "orbit.search_start": "2016-12-19T03:00:00Z",
    "orbit.search_end": "2016-12-19T05:00:00Z",
    "orbit.max_sun_elevation_deg": 90,
}


@pytest.mark.parametrize(
    ("changes", "reasons", "way"),
    [
        ({"orbit.search_end": "2016-12-19T13:00:00Z"}, "no pass is high enough", "search longer or lower min_elev"),
        ({"orbit.min_elevation_deg": 60}, "no pass is high enough", "lower min_elevation_deg=60"),
        ({"orbit.max_sun_elevation_deg": -85}, "of 1 pass, 1 never in darkness", "raise max_sun_elevation_deg=-85"),
        ({"orbit.min_duration_s": 400}, "of 1 pass, 1 too short", "lower min_duration_s=400"),
        ({"orbit.max_range_m": 1e5}, "of 1 pass, 1 never near enough", "raise max_range_m=100000"),
        (BY_DAY | {"orbit.satellite_in_shadow": True}, "1 never with the satellite in shadow", "leave out satellite"),
    ],
)
def test_without_a_session_the_message_names_file_reasons_and_way_out(missions, changes, reasons, way):
    mission = missions["liao2017"].replaced(changes)
    with pytest.raises(ScenarioError) as error:
        find_sessions(mission)
    text = str(error.value)
    assert text.startswith(f"{mission.path}: orbit gives 0 s of sessions from 2016-12-19 to 2016-12-")
    assert reasons in text and way in text.split(reasons)[1]
    assert "\n" not in text


def test_too_few_passes_are_said_with_both_numbers(missions):
    with pytest.raises(ScenarioError, match="orbit gives 289 s of sessions .* where measurements want 3326 s; of "):
        find_sessions(missions["yin2020"].replaced({"orbit.search_end": "2018-10-02T00:00:00Z"}))


def test_in_the_summer_of_the_far_north_no_pass_is_in_darkness(missions):
    """Every pass is counted, and the sentence does not ask for a lower horizon alone."""
    place = {"orbit.search_start": "2018-08-10T00:00:00Z", "orbit.search_end": "2018-08-12T00:00:00Z"}
    place |= {"stations.0.latitude_deg": 78, "orbit.max_range_m": None, "orbit.showcase": None, "relay": None}
    with pytest.raises(ScenarioError, match=r"of (\d+) passes, \1 never in darkness: .*raise max_sun_elevation_deg=-"):
        find_sessions(missions["liao2017"].replaced(place))


def test_the_last_measurement_takes_what_is_left_of_the_sessions_that_are_needed(missions):
    """Sessions are taken until those before it have their seconds and one is left; alone it takes one session."""
    mission = missions["yin2020"]
    first = find_sessions(mission.replaced({"measurements.0.duration_s": 100, "measurements.1.duration_s": None}))
    open_s = first.sizes["time"] - 1
    assert first.sizes["session"] == 1
    assert [int((first.measurement == n).sum()) for n in (0, 1)] == [100, open_s - 100]
    exactly = {"measurements.0.duration_s": open_s, "measurements.1.duration_s": None}
    assert find_sessions(mission.replaced(exactly)).sizes["session"] == 2
    key = mission.measurements[0].model_copy(update={"duration_s": None})
    alone = find_sessions(mission.model_copy(update={"measurements": (key,)}))
    assert alone.sizes["session"] == 1 and int((alone.measurement == 0).sum()) == open_s


def test_missing_element_sets_are_said_before_any_search(missions):
    with pytest.raises(ScenarioError, match="orbit names the file nobody.csv, found neither"):
        find_sessions(missions["liao2017"].replaced({"orbit.elements": "nobody.csv"}))
