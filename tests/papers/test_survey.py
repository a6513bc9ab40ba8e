"""The known orbits of liao2017."""

import pytest

from satqkd import papers
from satqkd.papers.survey import observables
from satqkd.validation import load_reference


@pytest.fixture(scope="module")
def table(tables):
    return tables["liao2017"]["ed_fig_1"]


def test_every_known_orbit_is_there_with_the_range_of_its_pass(table, orbits):
    survey = orbits["liao2017"]
    assert [f"{night} {station}" for night, station in zip(table.night, table.station, strict=True)] == list(
        survey.night.values
    )
    assert len(table) == 21
    assert table.shortest_range_km.to_numpy() == pytest.approx(survey.survey_range.values / 1e3, abs=0.1)
    assert table.max_elevation_deg.to_numpy() == pytest.approx(survey.survey_elevation.values, abs=0.05)


def test_the_air_spreads_the_rates_and_the_error_rates_of_all_nights_but_the_papers_own(table):
    own = table.night == "2016-12-19"
    for name in ("extinction_db", "rate", "peak_rate", "qber"):
        relative = (table[f"{name}_high"] - table[f"{name}_low"]) / table[f"{name}_median"]
        assert (relative[~own] > 3 * relative[own].iloc[0]).all()
        assert (table[f"{name}_low"] < table[f"{name}_median"]).all()
        assert (table[f"{name}_median"] < table[f"{name}_high"]).all()
    assert table.rate_median[own].iloc[0] == pytest.approx(table.rate[own].iloc[0], rel=0.01)


def test_what_the_survey_says_of_published_values(table):
    found = observables(table)
    assert found["sifted_rate_530km"][0] == table.peak_rate_median[table.night == "2017-05-06"].iloc[0]
    # Farther than every known orbit of Xinglong, whose rates fall with the range.
    assert 0 < found["sifted_rate_1034p7km"][0] < table.rate_median[table.station == "xinglong"].min()
    low, high = found["qber_over_23_orbits"][0]
    assert low == table.qber_low.min() < high == table.qber_high.max()


@pytest.mark.parametrize("name", ["liao2017", "tiangong2", "yin2017", "yin2020"])
def test_rates_over_a_survey_are_those_of_the_paper_that_has_one(tables, name):
    found = papers.observables(tables[name], load_reference(name))
    assert bool(found) == (name == "liao2017")
