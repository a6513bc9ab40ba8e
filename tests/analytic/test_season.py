"""Sessions of many nights, and what they predict."""

import numpy as np
import pytest

from satqkd.analytic import expected
from satqkd.analytic.season import (
    continued,
    nearest_to,
    night_extinctions,
    season_rates,
    survey_draws,
    survey_nights,
    with_counting,
)

OWN = 2  # the night of the paper, of those in `nights`


@pytest.fixture(scope="module")
def few(orbits):
    """Three nights of the survey of liao2017, all at Xinglong."""
    return orbits["liao2017"].isel(night=slice(2, 5))


@pytest.fixture(scope="module")
def nights(missions, few):
    return survey_nights(missions["liao2017"], few)


def own_extinction(missions, nights, extinction_db):
    scenario = missions["liao2017"]
    own_db = scenario.stations[0].zenith_extinction_db
    shape = (1, len(nights), 2)
    return season_rates(scenario, nights, np.full(shape, extinction_db or own_db), own_extinction_db=own_db)


def test_the_night_of_the_paper_is_the_scenario_itself(missions, channels, nights):
    rates = own_extinction(missions, nights, None)
    session = expected(missions["liao2017"], channels["liao2017"])
    sampling = 0.01  # 24 seconds stand for 273
    assert rates.rate[0, OWN] == pytest.approx(session["sifted_rate"], rel=sampling)
    assert rates.peak_rate[0, OWN] == pytest.approx(session["sifted_rate_nearest"], rel=1e-6)
    assert rates.qber[0, OWN] == pytest.approx(session["qber_signal"], rel=sampling)


def test_haze_takes_bits_and_leaves_errors(missions, nights):
    clear, hazy = (own_extinction(missions, nights, extinction_db) for extinction_db in (3.0, 6.0))
    assert (hazy.rate < clear.rate).all() and (hazy.qber > clear.qber).all()
    # Three decibels at each air mass, where no dead time matters.
    lowest = min(night.air_mass.min() for night in nights)
    assert (hazy.peak_rate / clear.peak_rate < 1.02 * 10 ** (-0.3 * lowest)).all()


def test_the_extinction_of_the_papers_night_is_known_and_that_of_others_is_not(missions, few, nights):
    draws = night_extinctions(
        missions["liao2017"],
        nights,
        np.random.default_rng(1),
        stated_time=few.closest_approach.values[0],
        zenith_extinction_db=np.full(500, 3.258),
    )
    spread = draws.std(axis=0)
    a_few_hundredths_db = 0.05
    assert (spread[OWN] < a_few_hundredths_db).all()
    assert (np.delete(spread, OWN, axis=0) > 5 * spread[OWN].max()).all()
    changes = np.abs(draws[:, :, 1] - draws[:, :, 0]).mean(axis=0)
    assert (changes < 0.2 * spread[:, 0].max()).all()


def test_counting_has_the_mean_and_the_deviation_of_poisson(missions, nights):
    rates = own_extinction(missions, nights, None)
    many = type(rates)(*(np.repeat(values, 4000, axis=0) for values in (rates.rate, rates.peak_rate, rates.qber)))
    counted = with_counting(many, nights, np.random.default_rng(1))
    seconds = nights[OWN].duration_s
    assert counted.rate[:, OWN].mean() == pytest.approx(rates.rate[0, OWN], rel=1e-3)
    assert counted.rate[:, OWN].std() == pytest.approx(np.sqrt(rates.rate[0, OWN] / seconds), rel=0.06)
    wrong = rates.rate[0, OWN] * seconds * rates.qber[0, OWN]
    assert counted.qber[:, OWN].std() == pytest.approx(rates.qber[0, OWN] / np.sqrt(wrong), rel=0.06)


def test_a_power_law_is_continued():
    range_m = np.array([5e5, 6e5, 7e5, 9e5])
    assert continued(range_m, 1e15 * range_m[None] ** -2.0, 1e6) == pytest.approx([1e3])


def test_draws_of_the_survey_contain_the_sessions_own_optics(missions, few):
    """Twice the light of the transmitter makes twice the rate, whatever the night."""
    scenario, rng = missions["liao2017"], np.random.default_rng
    half = {"transmitter.optics_efficiency": scenario.transmitter.optics_efficiency / 2}
    one, other = (survey_draws(scenario, [changes] * 12, orbit=few, rng=rng(3)) for changes in ({}, half))
    ratio = np.array(one["sifted_rate_530km"][0]) / np.array(other["sifted_rate_530km"][0])
    assert ratio.mean() == pytest.approx(2, rel=0.03)
    error = np.array(one["qber_over_23_orbits"][0])
    assert error.shape == (12, 2) and (error[:, 0] < error[:, 1]).all()


def test_the_nearest_night_is_found(nights):
    assert nights[nearest_to(nights, 645e3)].date == "2016-12-19"
