"""Nights and horizon that no publication names: what is drawn, and what stays as it was calibrated."""

import numpy as np
import pytest

from satqkd.analytic.predictive import predictive
from satqkd.analytic.undated import draw_nights, link_shown, orbit_draws, with_nights
from satqkd.orbit import find_sessions, observables
from satqkd.scenario import Scenario


@pytest.fixture(scope="module")
def flight(missions, orbits, channels) -> tuple[Scenario, object, object]:
    return missions["yin2017"], orbits["yin2017"], channels["yin2017"]


def light(link, measurement, number):
    return link.transmittance.values[measurement == number].prod(axis=1).mean()


def test_the_longest_measurement_keeps_its_light(flight):
    """Whatever the nights and their air: its count is what the calibration has fixed."""
    mission, _, link = flight
    rng, seen = np.random.default_rng(2), set()
    before = light(link, link.measurement.values, 1)
    for _ in range(20):
        air = rng.uniform(0.5, 1.5, 5)
        nights = draw_nights(mission, link, rng, air={0: air, 1: air})
        after = with_nights(mission, link, nights)
        assert light(after, nights.measurement, 1) == pytest.approx(before, rel=1e-9)
        assert np.bincount(nights.measurement[nights.measurement >= 0]).tolist() == [250, 1059]
        seen.add(int(link.session_number.values[nights.measurement == 0][0]))
    assert len(seen) > 2  # another session has the first measurement


def test_more_extinction_costs_its_air_mass(flight):
    """One decibel more in one night: its loss rises by the air mass, and that of the other nights not at all."""
    mission, _, link = flight
    own = mission.stations[0].zenith_extinction_db
    air = np.full(5, own) + [0, 0, 1, 0, 0]
    nights = draw_nights(mission, link, np.random.default_rng(1), air={0: air})
    after = with_nights(mission, link, nights)
    added = (after.loss - link.loss).sel(component="atmosphere").values
    third = link.session_number.values == 2
    sine = np.sin(np.radians(link.elevation.values[third, 0]))
    curvature_of_the_air_above_ten_degrees = 0.04
    assert added[third, 0] * sine == pytest.approx(np.ones(third.sum()), abs=curvature_of_the_air_above_ten_degrees)
    assert not added[~third].any() and not added[:, 1].any()
    total = after.total_attenuation.values - link.total_attenuation.values
    assert total == pytest.approx(added.sum(axis=1) + 2 * nights.scale_db)


def test_the_session_shown_ends_at_the_horizon(missions):
    mission = missions["yin2020"]
    draws = [{"orbit.min_elevation_deg": elevation} for elevation in (12.5, 13.0, 13.4)]
    found = orbit_draws(mission, draws)
    whole = observables(find_sessions(mission))
    one_step_s = 0.2
    assert found[1]["session_duration"][0] == pytest.approx(whole["session_duration"][0], abs=one_step_s)
    assert found[1]["range_nanshan"][0] == pytest.approx(whole["range_nanshan"][0], rel=1e-3)
    assert found[0]["range_sum"][0][1] > found[1]["range_sum"][0][1] > found[2]["range_sum"][0][1]
    of = link_shown(mission, draws)
    for draw in draws:
        _, link = of(draw)
        lowest = link.elevation.values.min()
        a_second_of_rise_deg = 0.15
        assert 0 <= lowest - draw["orbit.min_elevation_deg"] < a_second_of_rise_deg


def test_a_known_geometry_has_no_draws(missions):
    assert orbit_draws(missions["tiangong2"], [{"source.preparation_error": 0.01}]) == [{}]
    assert link_shown(missions["tiangong2"], [{}]) is None


def test_another_night_widens_what_one_night_gives(flight):
    """The state test of 250 s was on one of five nights; the Bell test keeps its trials."""
    mission, orbit, link = flight
    air = [{f"stations.{i}.zenith_extinction_db": value for i in range(2)} for value in np.linspace(0.5, 1.5, 34)]
    stated = mission.replaced({"orbit.measurement_nights": "stated"})
    found = predictive(mission, air, orbit=orbit, budget=link, seed=3)
    known = predictive(stated, [{}] * 34, orbit=orbit, budget=link, seed=3)
    name = "bell.equal_basis_coincidences"
    assert found[name].std() > 1.5 * known[name].std()
    assert found[name].mean() < known[name].mean()  # which has the best of the five
    # Of the counting alone both say the same.
    assert found[name].attrs["counting_sigma"] == known[name].attrs["counting_sigma"]
