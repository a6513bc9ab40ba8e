"""The interval of a key and the shares of the unknowns, against Monte Carlo and by hand."""

import numpy as np
import pytest

from satqkd import load_scenario
from satqkd.analytic.forecast import Counts, expected_counts, key_length
from satqkd.analytic.uncertainty import COUNTING, disturbances, key_interval, mission_interval, pass_intervals
from satqkd.orbit import find_sessions
from satqkd.scenario.uncertain import LOWER, UPPER

NODES = {
    "range_m": np.full((1, 1, 1), 7e5),
    "elevation_deg": np.full((1, 1, 1), 50.0),
    "weights_s": np.full((1, 1), 200.0),
}
DRAWS = 200


@pytest.fixture(scope="module")
def mission():
    """The template, of which three values are uncertain, and another proof, which takes less time."""
    return load_scenario("template").replaced({"key.bound": "chernoff"})


def test_unknowns_move_by_one_standard_deviation(mission):
    moves = {move.name: move for move in disturbances(mission)}
    assert moves["stations.receiver_efficiency"].low == {"stations.0.receiver_efficiency": pytest.approx(0.17)}
    half = (2.2 - 0.8) / 12**0.5
    assert moves["stations.zenith_extinction_db"].high == {"stations.0.zenith_extinction_db": pytest.approx(1.5 + half)}
    assert set(moves) == {unknown.name for unknown in mission.unknowns}


def test_what_was_changed_is_known(mission):
    names = [move.name for move in disturbances(mission.replaced({"stations.0.receiver_efficiency": 0.3}))]
    assert "stations.receiver_efficiency" not in names and "stations.zenith_extinction_db" in names


def test_without_unknowns_only_counting_remains(mission):
    known = mission.replaced({"stations.0.receiver_efficiency": 0.21})
    known._widths.clear()
    interval = pass_intervals(known, **NODES)
    assert interval.shares() == {COUNTING: 1.0}


@pytest.mark.slow
def test_the_interval_is_that_of_monte_carlo(mission):
    """Each unknown is drawn from its distribution; counting adds little to so large a key."""
    rng = np.random.default_rng(3)
    keys = []
    for _ in range(DRAWS):
        changes = {k: u.uncertainty.quantile(rng.random()) for u in mission.unknowns for k in u.keys}
        counts = expected_counts(mission.replaced(changes), **NODES)
        keys.append(key_length(mission)(counts.mean, counts.duration_s)[0])
    interval = pass_intervals(mission, **NODES)
    low, high = np.quantile(keys, [LOWER, UPPER])
    width, fifth = interval.high[0] - interval.low[0], 0.2  # a uniform distribution has its 68 % farther out
    assert width == pytest.approx(high - low, rel=fifth)
    assert interval.low[0] == pytest.approx(low, abs=fifth * width)
    assert interval.high[0] == pytest.approx(high, abs=fifth * width)


def test_shares_add_to_one_and_the_air_is_the_largest(mission):
    shares = pass_intervals(mission, **NODES).shares()
    assert sum(shares.values()) == pytest.approx(1)
    assert next(iter(shares)) in ("stations.zenith_extinction_db", "stations.receiver_efficiency")
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


def test_shares_of_a_made_up_chain_follow_by_hand(mission):
    """Counts in which only the background stands: the key moves with it and with nothing else."""

    def counts_of(changes):
        changed = mission.replaced(changes)
        wrong = changed.stations[0].background_rate_hz
        mean = np.array([[[[4e6, 2.5e5, 100.0], [200 * wrong, 100.0, 50.0]]] * 2])
        return changed, Counts(mean, mean, np.zeros(1), np.array([200.0]))

    interval = key_interval(mission, counts_of)
    assert interval.variances["stations.zenith_extinction_db"][0] == 0
    assert interval.variances["stations.background_rate_hz"][0] > 0
    assert interval.low[0] < interval.key[0] < interval.high[0]


def test_no_key_has_an_interval_from_zero(mission):
    interval = pass_intervals(mission.replaced({"source.preparation_error": 0.3}), **NODES)
    assert interval.key[0] == interval.low[0] == interval.high[0] == 0
    assert interval.shares() == {}


def test_an_impossible_end_counts_as_no_change(mission):
    nearly = mission.replaced({"stations.0.receiver_efficiency": 0.2})
    moves = [move for move in disturbances(nearly) if move.name == "stations.receiver_efficiency"]
    assert moves  # the value is the file's, so it still moves

    def counts_of(changes):
        return mission.replaced({key: 10 * value for key, value in changes.items()}), expected_counts(mission, **NODES)

    interval = key_interval(mission, counts_of)  # an efficiency of 2.3 is refused
    assert interval.variances["stations.receiver_efficiency"][0] == 0


@pytest.mark.parametrize("name", ["liao2017", "yin2020"])
def test_a_calibrated_scenario_has_the_posterior_s_interval(missions, orbits, name):
    """The count is known to a few per cent, so efficiency and air, each uncertain by far more, cannot widen the key."""
    interval = mission_interval(missions[name], orbits[name])
    shares = interval.shares()
    assert sum(shares.values()) == pytest.approx(1)
    together = [words for words in shares if "extinction" in words]
    assert len(together) == 1 and together[0].endswith("together")
    assert shares[together[0]] < 0.5
    assert interval.low[0] < interval.key[0] < interval.high[0]


def test_the_session_of_the_template_has_an_interval():
    mission = load_scenario("template")
    interval = mission_interval(mission, find_sessions(mission))
    assert 0 < interval.low[0] < interval.key[0] < interval.high[0]
    above = mission_interval(mission, find_sessions(mission), min_elevation_deg=89.0)
    assert above.key[0] == 0
