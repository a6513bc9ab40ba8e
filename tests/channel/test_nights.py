"""Extinction by night: limits by hand, and that what is drawn has the distribution that was asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.channel import drawn_extinctions_db
from satqkd.channel.nights import (
    DB_PER_DEPTH,
    NightAir,
    angstrom_ratio,
    log_normal_of,
    molecular_extinction_db,
    night_extinctions_db,
    night_number,
    season_of,
    slow_change,
)
from satqkd.channel.stage import night_air
from satqkd.scenario import ScenarioError

DRAWS = 20_000
DAY_S = 86400.0
FOUR_SIGMA = 4 / np.sqrt(DRAWS)
NEW_YEAR = np.datetime64("2017-01-01T16:00", "s")
CLEAR = {"zenith_extinction_db": 2.0, "molecular_db": 0.07, "stated_time": NEW_YEAR, "place_deg": (40.0, 117.0)}


def air(**changed):
    values = {"depth_median": np.full(4, 0.05), "depth_log_sigma": np.full(4, 0.7), "decorrelation_s": 4 * DAY_S}
    return NightAir(**values | changed)


def drawn(times, *, stated="median", draws=DRAWS, **changed):
    given = {name: changed.pop(name) for name in list(changed) if name in CLEAR}
    rng = np.random.default_rng(5)
    return night_extinctions_db(rng, times, air=air(**changed), stated=stated, draws=draws, **CLEAR | given)


@given(st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_log_normal_has_the_mean_and_the_sigma_it_was_given(mean, sigma):
    median, s = log_normal_of(mean, sigma)
    assert median * np.exp(s**2 / 2) == pytest.approx(mean)
    assert mean * np.sqrt(np.expm1(s**2)) == pytest.approx(sigma)
    assert median < mean


def test_a_slow_change_keeps_its_variance_and_forgets_with_its_time():
    x = slow_change(
        np.random.default_rng(2), [8 * DAY_S, 0.0, 300.0, 4 * DAY_S], decorrelation_s=4 * DAY_S, draws=DRAWS
    )
    assert np.abs(x.mean(axis=0)).max() < FOUR_SIGMA
    assert np.abs(x.var(axis=0) - 1).max() < np.sqrt(2) * FOUR_SIGMA
    # Over a pass of five minutes it moves by sqrt(2 * 300 s / 4 d), 4 % of its spread.
    assert (x[:, 2] - x[:, 1]).std() == pytest.approx(np.sqrt(2 * 300 / (4 * DAY_S)), rel=0.05)
    assert np.mean(x[:, 1] * x[:, 3]) == pytest.approx(np.exp(-1), abs=1.5 * FOUR_SIGMA)
    assert np.mean(x[:, 1] * x[:, 0]) == pytest.approx(np.exp(-2), abs=1.5 * FOUR_SIGMA)


def test_air_that_does_not_vary_gives_the_stated_extinction_on_every_night():
    times = NEW_YEAR + np.arange(5) * np.timedelta64(30, "D")
    for stated in ("median", "night"):
        still = drawn(times, stated=stated, depth_log_sigma=np.zeros(4), draws=3)
        assert still == pytest.approx(np.full((3, 5), 2.0))


def test_the_median_of_the_nights_and_their_spread_are_those_of_the_aerosol():
    far = drawn(np.array([NEW_YEAR + np.timedelta64(40, "D")]))[:, 0]
    depth = (far - 2.0) / DB_PER_DEPTH + 0.05  # what is added to the rest
    assert np.log(depth).mean() == pytest.approx(np.log(0.05), abs=0.7 * FOUR_SIGMA)
    assert np.log(depth).std() == pytest.approx(0.7, rel=FOUR_SIGMA)


def test_the_stated_night_keeps_its_extinction_and_its_neighbours_are_like_it():
    times = NEW_YEAR + np.array([0, 1, 40]) * np.timedelta64(1, "D")
    found = drawn(times, stated="night")
    assert found[:, 0] == pytest.approx(np.full(DRAWS, 2.0))
    spread = found.std(axis=0)
    assert spread[0] < spread[1] < spread[2]
    # Two independent depths differ by sqrt(2) times the spread of one.
    one = drawn(times[2:]).std()
    assert spread[2] == pytest.approx(np.sqrt(2) * one, rel=0.1)


def test_another_season_has_its_own_depth():
    summer = NEW_YEAR + np.timedelta64(180, "D")
    depths = np.array([0.05, 0.05, 0.15, 0.05])
    still = drawn(np.array([NEW_YEAR, summer]), depth_median=depths, depth_log_sigma=np.zeros(4), draws=1)[0]
    assert still == pytest.approx([2.0, 2.0 + 0.1 * DB_PER_DEPTH])
    with pytest.raises(ValueError, match="aerosol_depth has no summer: give mean and standard deviation"):
        drawn(np.array([summer]), depth_median=np.array([0.05, 0.05, np.nan, 0.05]))


def test_cirrus_comes_in_its_share_of_the_nights_and_stays_for_the_night():
    times = NEW_YEAR + np.array([0, 7200, 10 * 86400]) * np.timedelta64(1, "s")
    cloudy = drawn(
        times, depth_log_sigma=np.zeros(4), cirrus_share=0.3, cirrus_median=0.1, cirrus_log_sigma=np.log(2.0)
    )
    added = (cloudy - 2.0) / DB_PER_DEPTH
    assert added[:, 0] == pytest.approx(added[:, 1])
    there = added[:, 2] > 1e-9
    assert there.mean() == pytest.approx(0.3, abs=np.sqrt(0.21) * FOUR_SIGMA)
    assert np.median(added[there, 2]) == pytest.approx(0.1, rel=0.05)
    # No cirrus in the night whose extinction is stated.
    assert drawn(times, stated="night", depth_log_sigma=np.zeros(4), cirrus_share=1.0)[:, 0] == pytest.approx(2.0)


def test_a_stated_extinction_of_less_than_the_aerosol_leaves_the_molecules():
    assert drawn(np.array([NEW_YEAR]), zenith_extinction_db=0.1, depth_log_sigma=np.zeros(4), draws=1) == pytest.approx(
        0.07 + 0.05 * DB_PER_DEPTH
    )


def test_a_stated_night_without_room_for_aerosol_is_refused():
    with pytest.raises(ValueError, match="zenith_extinction_db=0.08 of the stated night leaves no room for aerosol"):
        drawn(np.array([NEW_YEAR]), stated="night", zenith_extinction_db=0.08, depth_log_sigma=np.full(4, 0.1), draws=2)


def test_molecules_follow_wavelength_and_pressure():
    at_sea = molecular_extinction_db(550e-9, altitude_m=0.0)
    assert at_sea == pytest.approx(0.097 * DB_PER_DEPTH, rel=0.02)  # an optical depth of a tenth in the green
    assert molecular_extinction_db(1100e-9, altitude_m=0.0) == pytest.approx(at_sea / 16, rel=0.04)
    assert molecular_extinction_db(550e-9, altitude_m=8400.0) == pytest.approx(at_sea / np.e)
    assert angstrom_ratio(440e-9, measured_m=440e-9, exponent=1.3) == 1.0


def test_nights_change_at_noon_and_seasons_with_the_hemisphere():
    noon = np.datetime64("2017-01-01T12:00", "s")
    assert night_number(noon - np.timedelta64(1, "s"), longitude_deg=0.0) + 1 == night_number(noon, longitude_deg=0.0)
    assert season_of(NEW_YEAR, latitude_deg=-30.0) == season_of(NEW_YEAR + np.timedelta64(180, "D"), latitude_deg=30.0)


def test_one_extinction_is_the_model_without_nights(missions):
    times = NEW_YEAR + np.arange(3) * np.timedelta64(9, "D")
    arguments = {"stated_time": NEW_YEAR, "zenith_extinction_db": [1.0, 2.0]}
    for changes in ({"channel.nights": None}, {"channel.nights.extinction": "one"}):
        scenario = missions["liao2017"].replaced(changes)
        found = drawn_extinctions_db(scenario, times, np.random.default_rng(1), **arguments)
        assert found.tolist() == [[1.0] * 3, [2.0] * 3]


def test_nights_without_depths_are_refused(missions):
    with pytest.raises(ScenarioError, match="extinction=log_normal goes with aerosol_depth"):
        missions["liao2017"].replaced({"channel.nights.aerosol_depth": {}})
    with pytest.raises(ScenarioError, match="season ends at .* not after"):
        season = ["2018-10-02T00:00:00Z", "2018-10-01T00:00:00Z"]
        missions["liao2017"].replaced({"channel.nights.season": season})


def test_the_winter_near_beijing_is_as_clean_as_printed(missions):
    """Median below 0.10 in winter at 440 nm, Remote Sens. 14, 4321 (2022), of mean and deviation 0.13 and 0.11."""
    winter = night_air(missions["liao2017"].channel.nights, wavelength_m=440e-9).depth_median[0]
    assert winter < 0.10
