"""Timeline of a pass: the search against drawn directions, the loops by hand, and sessions that wait for the link."""

import numpy as np
import pytest

from satqkd.orbit import find_sessions
from satqkd.orbit.stage import observables, phase_durations
from satqkd.orbit.timeline import (
    PHASES,
    Search,
    crossing_s,
    phase_starts_s,
    phases_after,
    settling_time_s,
    signed_zenith_deg,
)

SEARCH = Search(
    pointing_sigma_rad=1e-3,
    look_rad=5e-4,
    overlap=0.2,
    dwell_s=0.5,
    coarse_bandwidth_hz=2.0,
    fine_field_rad=1e-4,
    fine_bandwidth_hz=100.0,
    residual_rad=1e-6,
)
SECONDS, ELEVATION = np.arange(7.0), np.array([-5.0, 5.0, 20.0, 40.0, 20.0, 5.0, -5.0])


def test_the_scan_finds_drawn_directions_in_its_mean_time():
    """Looks that a spiral of this pitch takes to the radius of each direction."""
    x, y = np.random.default_rng(1).normal(0, SEARCH.pointing_sigma_rad, (2, 100_000))
    pitch_rad = 5e-4 * 0.8
    seconds = 0.5 * (1 + np.pi * (x**2 + y**2) / pitch_rad**2)
    assert SEARCH.mean_scan_s() == pytest.approx(seconds.mean(), rel=0.01)
    for probability in (0.1, 0.5, 0.99):
        assert SEARCH.scan_s(probability) == pytest.approx(np.quantile(seconds, probability), rel=0.03)


def test_an_error_far_below_the_field_takes_one_look():
    sure = Search(1e-6, 5e-4, 0.0, 0.5, 2.0, 1e-4, 100.0, 1e-6)
    assert sure.mean_scan_s() == pytest.approx(0.5, rel=1e-4)


def test_loops_settle_by_the_logarithm_of_what_they_correct():
    coarse_s, fine_s = np.log(5) / (2 * np.pi * 2), np.log(50) / (2 * np.pi * 100)
    assert SEARCH.settling_s() == pytest.approx(coarse_s + fine_s)
    assert SEARCH.mean_s() == pytest.approx(SEARCH.mean_scan_s() + coarse_s + fine_s)
    assert settling_time_s(1e-7, within_rad=1e-6, bandwidth_hz=2) == 0


@pytest.mark.parametrize("limit_deg, rise_s, set_s", [(0, 0.5, 5.5), (30, 2.5, 3.5), (60, 3, 3), (-20, 0, 6)])
def test_crossings_of_a_pass(limit_deg, rise_s, set_s):
    assert crossing_s(SECONDS, ELEVATION, limit_deg, rising=True) == pytest.approx(rise_s)
    assert crossing_s(SECONDS, ELEVATION, limit_deg, rising=False) == pytest.approx(set_s)


def test_phases_follow_each_other_and_none_begins_after_the_end():
    lengths = {"initialisation_s": 30, "acquisition_s": 15, "link_s": 27}
    assert phase_starts_s(begin_s=-10, end_s=100, **lengths).tolist() == [-10, 20, 35, 62, 100]
    short = phase_starts_s(begin_s=0, end_s=40, **lengths)
    assert short.tolist() == [0, 30, 40, 40, 40]
    assert phase_durations(short[None])["communication_time"] == (0.0, "s")
    assert phases_after(short[None], **lengths | {"initialisation_s": 5}).tolist() == [[0, 5, 20, 40, 40]]


def test_zenith_angles_are_negative_before_the_highest_point():
    assert signed_zenith_deg(SECONDS, ELEVATION, np.array([1.0, 3.0, 5.0])).tolist() == [-85, -50, 85]


def test_two_stations_wait_for_the_later_one_and_stop_with_the_earlier():
    both = np.array([[0.0, 10, 20, 40, 90], [5.0, 15, 30, 50, 80]])
    assert phase_durations(both) == {"acquisition_time": (15.0, "s"), "communication_time": (30.0, "s")}


def test_a_session_as_stated_has_a_timeline_beside_it(missions, orbits):
    orbit, acquisition = orbits["tiangong2"], missions["tiangong2"].orbit.acquisition
    assert orbit.phase.values.tolist() == list(PHASES)
    lengths = np.diff(orbit.phase_start.values[0, 0])
    assert lengths[[0, 2]] == pytest.approx([acquisition.initialisation_s, acquisition.link_s])
    begin, end = orbit.phase_zenith.values[0, 0, [0, -1]]
    assert (begin, end) == (pytest.approx(-80, abs=0.01), pytest.approx(55, abs=0.01))
    assert float(orbit.session_duration[0]) == 143
    assert observables(orbit)["communication_time"][0] == pytest.approx(lengths[3])


def test_a_session_of_the_timeline_is_its_communication(missions):
    changes = {"orbit.acquisition.sessions": "timeline", "orbit.max_range_m": None, "orbit.max_duration_s": None}
    mission = missions["tiangong2"].replaced(changes | {"orbit.min_elevation_deg": 5.0})
    orbit = find_sessions(mission)
    a_tenth_of_a_second_at_each_end = 0.2
    found, _ = observables(orbit)["communication_time"]
    assert float(orbit.session_duration[0]) == pytest.approx(found, abs=a_tenth_of_a_second_at_each_end)
    late = find_sessions(mission.replaced({"orbit.acquisition.link_s": 47.0}))
    assert float(late.session_duration[0]) == pytest.approx(found - 20, abs=a_tenth_of_a_second_at_each_end)


def test_scenarios_without_acquisition_have_no_timeline(orbits):
    assert "phase_start" not in orbits["liao2017"]
