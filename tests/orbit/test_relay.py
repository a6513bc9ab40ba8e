"""Stage 1: the later pass over a second station, to which the key is passed on."""

import numpy as np
import pytest

from satqkd.orbit import Station, find_sessions, look_angles, observables, passes, read_elements
from satqkd.scenario import ScenarioError, load_scenario

NANSHAN = Station("nanshan", 43.4754611, 87.1766861, 2028)
HOUR, MILLISECOND = np.timedelta64(1, "h"), np.timedelta64(1, "ms")


def all_passes(scenario, orbit, hours, min_elevation_deg):
    """Every pass over Nanshan after the session, dark or not."""
    elements = read_elements(scenario.file(scenario.orbit.elements))
    start = orbit.closest_approach.values[0]
    seen = passes(elements, NANSHAN, start, start + hours * HOUR, min_elevation_deg)
    return [(p, look_angles(elements, NANSHAN, np.array([p.culmination]))) for p in seen]


def test_key_goes_on_one_revolution_later(missions, orbits):
    """15.239 revolutions a day, from the element set; the passes lie 3 degrees of latitude apart, 50 s of flight."""
    one_minute = 1 / 60
    delay_h = float(orbits["liao2017"].relay_delay) / 3600
    assert abs(delay_h - 24 / 15.239) < one_minute
    first, _ = all_passes(missions["liao2017"], orbits["liao2017"], 3, 10)[0]
    assert abs(first.culmination - orbits["liao2017"].relay_time.values) < MILLISECOND


def test_chord_between_the_stations_is_the_printed_one(orbits):
    rounding_to_a_hundred_km = 50
    value, unit = observables(orbits["liao2017"])["relay_baseline"]
    assert unit == "km"
    assert abs(value - 2500) < rounding_to_a_hundred_km


def test_passes_by_day_and_too_far_ones_are_waited_out(missions):
    scenario = missions["liao2017"].replaced(
        {
            "orbit.search_start": "2016-12-20T12:00:00Z",
            "orbit.search_end": "2016-12-21T00:00:00Z",
            "orbit.max_range_m": 8e5,
            "orbit.survey": None,
            "relay.max_delay_h": 120,
        }
    )
    orbit = find_sessions(scenario)
    seen = all_passes(scenario, orbit, 120, scenario.orbit.min_elevation_deg)
    dark = [view.sun_elevation_deg[0] <= scenario.orbit.max_sun_elevation_deg for _, view in seen]
    near = [p.shortest_range_m <= scenario.orbit.max_range_m for p, _ in seen]
    usable = [one and other for one, other in zip(dark, near, strict=True)].index(True)
    assert not all(dark[:usable]) and not all(near[:usable])
    assert abs(orbit.relay_time.values - seen[usable][0].culmination) < MILLISECOND


def test_a_relay_that_comes_too_late_is_refused(missions):
    with pytest.raises(ScenarioError, match="relay finds no pass over nanshan .* max_delay_h=1: wait longer"):
        find_sessions(missions["liao2017"].replaced({"relay.max_delay_h": 1}))


def test_without_a_relay_there_is_nothing_of_it(orbits):
    assert not [name for name in orbits["tiangong2"].variables if "relay" in name]
    assert not [name for name in observables(orbits["tiangong2"]) if "relay" in name]


def test_a_relay_to_the_same_station_is_refused(root, tmp_path):
    text = (root / "data/scenarios/liao2017.yaml").read_text()
    (tmp_path / "same.yaml").write_text(text.replace("name: nanshan", "name: xinglong"))
    with pytest.raises(ScenarioError, match="relay xinglong requires a scenario of one other station"):
        load_scenario(tmp_path / "same.yaml")
