"""Widths of values and values from other scenarios: what is read, what is refused, and what becomes one unknown."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from satqkd import ScenarioError, load_scenario
from satqkd.scenario.uncertain import LOWER, UPPER, Uncertainty
from satqkd.tables import parameter_rows

OPTICS = 'optics_efficiency: {value: 0.5, published: "main text, 45 to 55 %", range: [0.45, 0.55]}'
LIJIANG = re.compile(r"(name: lijiang.*?zenith_extinction_db: \{value: 1, assumed: )[^}]*?(, range)", re.DOTALL)


@pytest.fixture
def load(root, tmp_path):
    """Load yin2017 with a text replaced, from a folder of its own."""
    text = (root / "data/scenarios/yin2017.yaml").read_text()

    def loaded(old, new):
        assert old in text
        path = tmp_path / "yin2017.yaml"
        path.write_text(text.replace(old, new))
        return load_scenario(path)

    return loaded


@given(low=st.floats(-1e3, 1e3), width=st.floats(1e-3, 1e3), probability=st.floats(0, 1))
def test_a_range_is_uniform(low, width, probability):
    spread = Uncertainty(low, low=low, high=low + width)
    assert spread.quantile(probability) == pytest.approx(low + probability * width, abs=1e-9)
    assert spread.log_density(low + probability * width * (1 - 1e-12)) == 0
    assert spread.log_density(low - 1) == spread.log_density(low + width + 1) == -np.inf


@given(value=st.floats(1e-3, 1e3), factor=st.floats(1.01, 100), probability=st.floats(0, 1))
def test_a_factor_is_uniform_in_the_logarithm(value, factor, probability):
    spread = Uncertainty(value, low=value / factor, high=value * factor, logarithmic=True)
    assert spread.quantile(probability) == pytest.approx(value * factor ** (2 * probability - 1), rel=1e-9)
    assert spread.quantile(0.5) == pytest.approx(value)
    draws = [spread.quantile(p) for p in (np.arange(2000) + 0.5) / 2000]
    assert spread.deviation == pytest.approx(np.std(draws), rel=0.02)
    assert spread.log_density(value / factor * 0.99) == -np.inf
    # The density is that of the quantiles: its product with the value is the same everywhere.
    middle = spread.log_density(value) + np.log(value)
    assert spread.log_density(spread.quantile(0.3)) + np.log(spread.quantile(0.3)) == pytest.approx(middle, abs=1e-9)


@given(value=st.floats(-1e3, 1e3), sigma=st.floats(1e-3, 1e3))
def test_a_sigma_is_normal(value, sigma):
    spread = Uncertainty(value, sigma=sigma)
    assert spread.quantile(UPPER) - value == pytest.approx(sigma, rel=1e-3)
    assert value - spread.quantile(LOWER) == pytest.approx(sigma, rel=1e-3)
    expected = norm.logpdf(value + 2 * sigma, value, sigma) - norm.logpdf(value, value, sigma)
    assert spread.log_density(value + 2 * sigma) == pytest.approx(expected, rel=1e-6)


def test_the_deviation_of_a_range_is_that_of_the_uniform_distribution():
    draws = [Uncertainty(0.5, low=0.2, high=0.8).quantile(p) for p in np.linspace(0, 1, 10_001)]
    assert Uncertainty(0.5, low=0.2, high=0.8).deviation == pytest.approx(np.std(draws), rel=1e-3)


@pytest.mark.parametrize(
    ("new", "sentence"),
    [
        ("{value: 0.5, published: p. 3, range: [0.6, 0.7]}", "range=[0.6, 0.7] does not hold the value 0.5"),
        ("{value: 0.5, published: p. 3, factor: 1}", "factor=1 does not fit the value 0.5: give a number above 1"),
        ("{value: 0.5, published: p. 3, range: [0.4, 0.6], factor: 2}", "has range and factor: keep one of them"),
        ("{value: 0.5, published: p. 3, range: [0.4]}", "range=[0.4] does not hold the value 0.5: give [lowest"),
        ("{value: 0.5, published: p. 3, range: [0.5, 0.5]}", "range=[0.5, 0.5] does not hold"),
        ("{value: 0.5, published: p. 3, range: [a, 0.6]}", "range=['a', 0.6] does not hold"),
        ("{value: 0.5, published: p. 3, sigma: 0}", "sigma=0 is not a standard deviation: give a number above 0"),
        ("{value: 0.5, published: p. 3, sigma: x}", "sigma=x is not a standard deviation"),
        ("{value: 0.5, published: p. 3, sigma: 0.1, range: [0.4, 0.6]}", "has range and sigma: keep one of them"),
        ("{value: 0.5, range: [0.4, 0.6]}", "requires value and one of published, assumed, calibrated, and has value"),
        ("{value: 0.9, published: p. 3, sigma: 0.2}", "narrow transmitter.optics_efficiency, ± 0.2"),
        ("{from: nobody}", "nobody.yaml: does not exist"),
        ("{from: yin2020}", "takes the value from yin2017: name that one"),
        ("{from: recorded_example}", "does not have this key: write the value here"),
        ("{from: yin2017, value: 0.5}", "write {from: name}, the name of another scenario"),
        ("{from: ../yin2020}", "write {from: name}, the name of another scenario"),
    ],
)
def test_a_wrong_width_or_source_is_one_sentence(load, new, sentence):
    with pytest.raises(ScenarioError) as error:
        load(OPTICS, f"optics_efficiency: {new}")
    assert sentence in str(error.value) and "\n" not in str(error.value)


def test_a_list_has_no_width(load):
    with pytest.raises(ScenarioError, match="sigma goes with a single number, and the value is"):
        load(
            "divergence_full_angle_urad: {value: 10, published: ",
            "divergence_full_angle_urad: {value: [10, 11], sigma: 1, published: ",
        )


def test_equal_entries_are_one_unknown(load):
    unknowns = {unknown.name: unknown for unknown in load("", "").unknowns}
    assert len(unknowns["stations.zenith_extinction_db"].keys) == 2
    assert len(unknowns["stations.detectors.efficiency"].keys) == 8


def test_other_words_make_another_unknown(load, root):
    found = LIJIANG.search((root / "data/scenarios/yin2017.yaml").read_text())
    mission = load(found[0], f"{found[1]}another night{found[2]}")
    names = [unknown.name for unknown in mission.unknowns if "extinction" in unknown.name]
    assert names == ["stations.0.zenith_extinction_db", "stations.1.zenith_extinction_db"]


def test_a_transferred_value_has_its_width_and_says_where_it_is_from(missions):
    there, here = missions["yin2017"], missions["yin2020"]
    key = "transmitter.optics_efficiency"
    assert here.transmitter.optics_efficiency == there.transmitter.optics_efficiency
    assert here.widths[key] == there.widths[key]
    assert here.transferred[key] == "yin2017"
    assert here.origins[key] == ("transferred", "yin2017: published, main text, 45 to 55 %")


def test_what_was_calibrated_elsewhere_does_not_count_as_fitted(missions):
    assert "source.fidelity" in missions["yin2017"].transferred
    assert "qber" in missions["yin2020"].fitted
    assert "qber" not in missions["yin2017"].fitted


def test_widths_are_shown_behind_the_value(missions):
    rows = {key: (value, origin) for key, value, origin, *_ in parameter_rows(missions["yin2017"])}
    assert rows["transmitter.optics_efficiency"] == ("0.5 (0.45 to 0.55)", "published")
    assert rows["source.fidelity"][1] == "transferred"


def test_a_changed_scenario_keeps_its_widths(missions):
    mission = missions["yin2017"]
    assert mission.replaced({"transmitter.aperture_m": 0.3}).widths == mission.widths
    assert mission.model_copy(update={"name": "mine"}).unknowns == mission.unknowns
