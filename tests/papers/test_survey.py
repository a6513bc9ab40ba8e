"""The known orbits of liao2017."""

import numpy as np
import pandas as pd
import pytest

from satqkd.analytic import expected
from satqkd.papers import read_results
from satqkd.papers.survey import WEATHER_SIGMA, at_range, nearest, orbits, weather_factors


@pytest.fixture(scope="module")
def table(simulated, missions):
    return orbits(read_results(missions["liao2017"], simulated["liao2017"]))


def test_the_weather_is_log_normal_about_one():
    logs = np.log(weather_factors(np.random.default_rng(3), 20_000))
    assert logs.mean() == pytest.approx(0, abs=4 * np.log(WEATHER_SIGMA) / np.sqrt(20_000))
    assert logs.std() == pytest.approx(np.log(WEATHER_SIGMA), rel=0.03)


def test_every_known_orbit_is_there_with_the_range_of_its_pass(table, orbits):
    survey = orbits["liao2017"]
    assert [f"{night} {station}" for night, station in zip(table.night, table.station, strict=True)] == list(
        survey.night.values
    )
    assert len(table) == 21
    assert table.shortest_range_km.to_numpy() == pytest.approx(survey.survey_range.values / 1e3, abs=0.1)
    assert table.max_elevation_deg.to_numpy() == pytest.approx(survey.survey_elevation.values, abs=0.05)


def test_the_night_of_the_paper_is_the_scenario_itself(table, missions, channels):
    night = table[table.night == "2016-12-19"].iloc[0]
    session = expected(missions["liao2017"], channels["liao2017"])
    assert night.rate == pytest.approx(session["sifted_rate"], rel=1e-6)
    assert night.peak_rate == pytest.approx(session["sifted_rate_nearest"], rel=1e-6)
    assert night.qber == pytest.approx(session["qber_signal"], rel=1e-6)


def test_weather_spreads_the_rates_and_the_error_rates(table):
    for name in ("rate", "peak_rate", "qber"):
        assert (table[f"{name}_low"] < table[f"{name}_median"]).all()
        assert (table[f"{name}_median"] < table[f"{name}_high"]).all()
    # The median weather is the scenario's own, to what 400 draws can tell.
    assert table.rate_median.to_numpy() == pytest.approx(table.rate.to_numpy(), rel=0.2)


def test_a_power_law_is_continued():
    table = pd.DataFrame({"shortest_range_km": [500.0, 600.0, 700.0, 900.0]})
    table["rate"] = 1e9 * table.shortest_range_km**-2.0
    assert at_range(table, "rate", 1000.0) == pytest.approx(1e3)
    assert nearest(table, 640).shortest_range_km == 600
