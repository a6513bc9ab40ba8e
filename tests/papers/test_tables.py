"""The data behind the figures, from counts that are made up."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd import orbit as orbit_stage
from satqkd.analytic.expected import pulse_rates
from satqkd.channel import link_budget
from satqkd.files import MissingResult
from satqkd.key.proofs.bbm92 import bbm92_key_length, qber_threshold
from satqkd.papers import CATALOGUE, figures, read_results
from satqkd.papers.links import against_fiber, attenuation, counted_efficiency, efficiency, gain_db, single_links
from satqkd.papers.nights import clear_and_hazy, through_the_season
from satqkd.papers.pairs import basis_counts, chsh_of, correlations, key_rates, space_time, threshold, visibilities
from satqkd.papers.passes import contrast, duration_s, ranges, timeline, track, turn_rate_deg_s
from satqkd.papers.pulses import arrival_times, qber, sifted_rate, spread_ns
from satqkd.papers.results import mean_and_sigma

RUNS = 3  # of conftest.py
ONE_SECOND_KM = 7.7  # that a satellite may go between two rows


@pytest.fixture(scope="module")
def results(simulated, missions):
    previous = simulated["yin2017"] / "channel.nc"
    return {
        name: read_results(missions[name], folder, previous if name == "yin2020" else None)
        for name, folder in simulated.items()
    }


def test_runs_are_read_in_their_order(results):
    assert [run.name for run in results["yin2017"].runs] == [f"run{n + 1}" for n in range(RUNS)]


def test_a_folder_without_runs_is_named(missions, tmp_path):
    with pytest.raises(MissingResult, match="run1/coincidence.nc does not exist yet: run make results first"):
        read_results(missions["yin2017"], tmp_path)


@given(st.lists(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3), min_size=2, max_size=5))
def test_a_band_is_mean_and_sample_deviation(values):
    mean, sigma = mean_and_sigma(values)
    for column, m, s in zip(np.transpose(values), mean, sigma, strict=True):
        assert m == pytest.approx(np.mean(column), abs=1e-9)
        assert s == pytest.approx(np.sqrt(((column - np.mean(column)) ** 2).sum() / (len(column) - 1)), abs=1e-9)


def test_one_run_has_no_band():
    assert np.isnan(mean_and_sigma(np.ones((1, 2)))[1]).all()


@pytest.mark.parametrize("name", ["yin2017", "yin2020", "tiangong2"])
def test_ranges_are_those_of_the_session(results, orbits, name):
    table, seen = ranges(results[name]), orbit_stage.observables(orbits[name])
    assert table.elapsed_s.tolist() == list(range(len(table)))
    for station in orbits[name].station.values:
        found = (table[f"range_{station}_km"].min(), table[f"range_{station}_km"].max())
        assert found == pytest.approx(seen[f"range_{station}"][0], abs=ONE_SECOND_KM)
    if "range_sum_km" in table:
        assert np.allclose(table.filter(regex="range_(?!sum)").sum(axis=1), table.range_sum_km)


def test_a_telescope_turns_as_fast_as_the_stage_says(results, orbits):
    found = turn_rate_deg_s(track(results["liao2017"])).max()
    assert found == pytest.approx(orbit_stage.observables(orbits["liao2017"])["max_angular_velocity"][0], rel=1e-3)


def test_a_star_at_constant_elevation_turns_with_the_cosine():
    table = pd.DataFrame(
        {"elapsed_s": np.arange(9.0), "azimuth_deg": (350 + 4 * np.arange(9)) % 360, "elevation_deg": 60}
    )
    assert turn_rate_deg_s(table) == pytest.approx(2.0)


def test_contrast_with_and_without_a_plate(results):
    table = contrast(results["liao2017"])
    assert (table.compensated > table.uncompensated).all()
    assert table.frames_compensated.tolist() == pytest.approx([280.0] * len(table))
    # At a quarter turn a standing plate sends all the light to the wrong port, whatever the optics do in addition.
    assert table.uncompensated.min() == pytest.approx(table.frames_uncompensated.min(), abs=0.01)


def test_the_phases_of_a_pass_follow_each_other(results):
    table = timeline(results["tiangong2"])
    assert table.phase.tolist() == ["initialisation", "acquisition", "link", "communication"]
    assert (table.start_s + table.duration_s).tolist()[:-1] == pytest.approx(table.start_s.tolist()[1:])
    assert duration_s(table, "link") == pytest.approx(27)
    assert table.end_zenith_deg.iloc[-1] == pytest.approx(55, abs=0.01)
    assert (np.diff(table.zenith_deg) > 0).all()


@pytest.mark.parametrize("name", ["yin2017", "yin2020"])
def test_attenuation_from_expected_counts_is_the_link_budgets(results, name):
    table = attenuation(results[name])
    seen = table.dropna(subset="counted_db")
    assert len(seen) == round(len(table) / 25)
    # The mean of a block is that of the transmittance, in which good seconds count more.
    share = 10 ** (-table.attenuation_db.to_numpy()[:-1] / 10)
    means = [share[middle - 12 : middle + 13].mean() for middle in seen.index[:-1]]
    assert seen.counted_db.to_numpy()[:-1] == pytest.approx(-10 * np.log10(means), abs=0.1)
    assert (seen.counted_low_db <= seen.counted_db).all() and (seen.counted_db <= seen.counted_high_db).all()


@given(transmittance=st.floats(1e-7, 1e-2))
@pytest.mark.parametrize("name", ["liao2017", "tiangong2"])
def test_sifted_bits_tell_the_efficiency(missions, name, transmittance):
    source = missions[name].source
    sifted = pulse_rates(missions[name], np.array([transmittance]))[:, :, 0].sum(axis=(0, 1))
    rate = source.pulse_rate_hz * source.shares[0] * sifted
    assert counted_efficiency(missions[name], rate) == pytest.approx([transmittance], rel=1e-9)


def test_efficiency_is_counted_second_by_second(results):
    table = efficiency(results["tiangong2"])
    assert table.counted.to_numpy() == pytest.approx(table.efficiency.to_numpy(), rel=1e-9)
    assert table.counted_sigma.max() < 1e-12


def test_a_fiber_loses_two_decades_in_a_hundred_kilometres(results):
    table = against_fiber(results["liao2017"])
    assert (np.diff(table.range_km) >= 0).all() and table.range_km[0] == 0
    assert np.log10(table.fiber).to_numpy() == pytest.approx(-table.range_km.to_numpy() / 50)
    assert table.efficiency.isna().sum() == (table.range_km < 645).sum()


def test_the_gain_is_that_of_the_transmittances(results):
    one = results["yin2020"]
    half = one.channel.assign(transmittance=one.channel.transmittance / 2)
    table = single_links(type(one)(one.scenario, one.orbit, one.channel, one.runs, half))
    assert gain_db(table) == pytest.approx(10 * np.log10(2))
    alone = table[table.apparatus == "this work"]
    assert np.isnan(gain_db(alone))
    assert len(figures.single_links(alone, {}).axes) == 1  # without the results of the apparatus before


def test_clicks_less_the_noise_tell_the_efficiency_of_a_link(results):
    table = single_links(results["yin2020"])
    now = table[(table.apparatus == "this work") & table.counted.notna()]
    assert now.counted.to_numpy() == pytest.approx(now.efficiency.to_numpy(), abs=1 / (5.9e6 * 0.53))  # half a click
    assert table.counted[table.apparatus == "previous"].isna().all()
    assert now.groupby("station").size().tolist() == [len(results["yin2020"].shown()[0])] * 2


def test_sifted_rate_is_the_mean_of_the_runs(results):
    table = sifted_rate(results["liao2017"])
    stacked = results["liao2017"].stacked("coincidence", "sifted_rate")
    assert table.sifted_rate.sum() == pytest.approx(stacked.sum() / RUNS)
    assert table.sifted_rate.idxmax() == pytest.approx(table.range_km.idxmin(), abs=2)


def test_every_tenth_bit_is_wrong(results):
    table = qber(results["liao2017"])
    assert table.qber.to_numpy() == pytest.approx(0.1)
    assert table.qber_sigma.to_numpy() == pytest.approx(0, abs=1e-12)
    assert table.sifted_bits.sum() == 10 * len(sifted_rate(results["liao2017"]))


def test_the_spread_is_that_of_a_cut_gaussian(results):
    table = arrival_times(results["liao2017"])
    assert spread_ns(table, window_ns=20) == pytest.approx(0.4, rel=2e-3)
    # Of a normal distribution cut at 2.5 sigma.
    assert spread_ns(table, window_ns=2) == pytest.approx(0.4 * np.sqrt(1 - 5 * 0.0175283 / 0.9875807), rel=2e-2)


def test_s_is_the_signed_sum(results):
    table = correlations(results["yin2017"])
    s, sigma = chsh_of(table)
    assert (s, sigma) == pytest.approx((2.4, 0.2))
    assert table.trials.sum() == 256


def test_counts_in_equal_bases(results):
    table = basis_counts(results["yin2017"])
    assert table.counts.sum() == pytest.approx(2 * 68 * np.mean([1 + n for n in range(RUNS)]))
    assert table.groupby("basis").share.sum().tolist() == pytest.approx([1, 1])
    assert table[table.right].outcome.tolist() == ["HV", "VH", "++", "--"]
    assert visibilities(table) == pytest.approx([15 / 17, 15 / 17])


def test_the_trial_shown_is_the_one_with_the_largest_difference(results, orbits):
    table = space_time(results["yin2017"])
    difference_km = abs(table.path_km[0] - table.path_km[1])
    assert difference_km == pytest.approx(orbit_stage.observables(orbits["yin2017"])["max_range_difference"][0], abs=2)
    assert (table.first_choice_us < table.last_choice_us).all() and (table.last_choice_us < table.measurement_us).all()
    assert table.arrival_us.to_numpy() == pytest.approx(table.path_km.to_numpy() / 0.299792458)


def test_key_against_the_error_rate(results):
    one = results["yin2020"]
    table = key_rates(one)
    key = one.scenario.key
    proof = {"eps_sec": key.eps_sec, "eps_cor": key.eps_cor, "f_ec": key.f_ec, "bound": key.bound}
    proof["efficiency_mismatch"] = key.efficiency_mismatch
    step = table.qber[1] - table.qber[0]
    assert threshold(table) == pytest.approx(qber_threshold(n_z=1500, n_x=1600, **proof), abs=step)
    runs = table[table.kind == "run"].reset_index()
    assert len(runs) == RUNS and runs.qber[0] == pytest.approx(124 / 3100)
    length = bbm92_key_length(n_z=1500, n_x=1600, errors_z=60, errors_x=64, **proof).length
    assert runs.finite[0] == pytest.approx(float(length) / 3100)
    assert (table.asymptotic >= table.finite).all()


@pytest.mark.filterwarnings("error")
def test_arrival_times_and_error_rates_of_nothing_are_no_numbers():
    tags = pd.DataFrame({"delay_ns": [-1.0, 0.0, 1.0], "tags": 0.0})
    assert np.isnan(spread_ns(tags, window_ns=20))
    blocks = pd.DataFrame({"qber": [0.0, 0.0], "sifted_bits": [0.0, 0.0]})
    (found,) = CATALOGUE["tiangong2"]["fig_2c"].values(blocks).values()
    assert np.isnan(found)


def test_a_hazy_night_lets_less_light_through_than_a_clear_one(results):
    table = clear_and_hazy(results["yin2020"])
    assert (table.hazy < table["median"]).all() and (table["median"] < table.clear).all()
    # Haze costs more where there is more air.
    lowest, highest = table.elevation_deg.idxmin(), table.elevation_deg.idxmax()
    cost = np.log(table.clear / table.hazy)
    assert cost[lowest] > cost[highest]
    assert table.range_km.min() == pytest.approx(853, abs=1)


def test_the_air_of_a_drawn_session_is_replaced_and_not_added_to(results, missions):
    """With drawn nights the link budget has another extinction than the stated one."""
    stated = results["yin2020"]
    nights = {"channel.nights.sessions": "drawn", "orbit.measurement_nights": "stated"}
    mission = missions["yin2020"].replaced(nights)
    drawn = replace(stated, channel=link_budget(mission, stated.orbit, seed=3))
    own, other = clear_and_hazy(stated), clear_and_hazy(drawn)
    assert abs(other.efficiency / own.efficiency - 1).max() > 0.01
    pd.testing.assert_frame_equal(other.drop(columns="efficiency"), own.drop(columns="efficiency"), rtol=1e-9)
    pd.testing.assert_frame_equal(through_the_season(drawn), through_the_season(stated), rtol=1e-9)


def test_every_night_of_the_season_has_its_interval(results):
    table = through_the_season(results["yin2020"])
    assert (table.night.iloc[0], table.night.iloc[-1], len(table)) == ("2018-10-01", "2019-04-30", 212)
    assert (table.efficiency_low < table.efficiency_median).all()
    assert (table.efficiency_median < table.efficiency_high).all()
    # Decibels by the air mass of the pass's highest point, which is between that of 40 and that of 30 degrees.
    mass, _ = np.polyfit(table.extinction_db, -10 * np.log10(table.efficiency), 1)
    assert 1.55 < mass < 2.0
    # Neighbouring nights are alike: their aerosol keeps its value for days.
    steps = np.abs(np.diff(np.log(table.extinction_db)))
    assert np.median(steps) < np.log(table.extinction_db).std()
