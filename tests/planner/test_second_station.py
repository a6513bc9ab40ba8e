"""The pass of a relay over its second station, and the key from the orbit to the one-time pad."""

import numpy as np
import pytest

from satqkd.analytic import expected_from_orbit
from satqkd.key.custody.keyfile import random_secret_bits
from satqkd.key.custody.ledger import KeyLedger
from satqkd.key.custody.relay import found_by_second, kept_by_first, relay_key, relayable_bits
from satqkd.orbit import find_sessions
from satqkd.planner import second_station_scenario


@pytest.fixture(scope="module")
def later(missions, orbits):
    return second_station_scenario(missions["liao2017"], orbits["liao2017"])


def test_the_later_session_is_around_the_pass_that_stage_1_found(orbits, later):
    orbit, one_second = find_sessions(later), np.timedelta64(1, "s")
    assert orbit.station.values.tolist() == ["nanshan"]
    assert abs(orbit.closest_approach.values[0] - orbits["liao2017"].relay_time.values) < one_second
    assert float(orbit.shortest_range[0, 0]) == pytest.approx(float(orbits["liao2017"].relay_range), rel=1e-6)


def test_the_second_station_scenario_differs_in_place_and_time_alone(missions, later):
    scenario = missions["liao2017"]
    assert later.name == "liao2017_nanshan"  # its own random streams
    assert later.relay is None
    for part in ("transmitter", "channel", "source", "detection", "beacon", "coincidence", "measurements", "key"):
        assert getattr(later, part) == getattr(scenario, part)
    assert later.stations[0].detectors == scenario.stations[0].detectors
    assert later.stations[0].altitude_m == 2028


def test_a_scenario_without_a_relay_has_no_second_station(missions, orbits):
    with pytest.raises(ValueError, match="yin2020 has no second station: add a section relay"):
        second_station_scenario(missions["yin2020"], orbits["yin2020"])


def test_both_stations_end_with_the_shorter_of_two_keys(missions, orbits, later):
    """Keys of the sizes to be expected of the two passes, at the share of the sifted bits that liao2017 printed."""
    share = 300939 / 1671072
    sifted = [
        expected_from_orbit(scenario, orbit)["sifted_bits"]
        for scenario, orbit in ((missions["liao2017"], orbits["liao2017"]), (later, find_sessions(later)))
    ]
    assert sifted[1] > sifted[0]  # 542 km against 645
    keys = [random_secret_bits(round(share * count)) for count in sifted]
    on_board = [KeyLedger(name, key) for name, key in zip(("xinglong", "nanshan"), keys, strict=True)]
    stations = [KeyLedger(name, key) for name, key in zip(("xinglong", "nanshan"), keys, strict=True)]
    announcement = relay_key(*on_board, relayable_bits(*on_board))
    kept, found = kept_by_first(stations[0], announcement), found_by_second(stations[1], announcement)
    assert kept == found
    assert 0 <= len(keys[0]) - 127 - 96 - len(kept) < 8
    here, there = KeyLedger("xinglong to nanshan", kept), KeyLedger("xinglong to nanshan", found)
    text = bytes(range(256)) * 100
    assert there.decrypt(here.encrypt(text)) == text
    assert [ledger.uses for ledger in on_board] == [ledger.uses for ledger in stations]
