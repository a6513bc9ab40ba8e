"""The explorer: sliders start at the scenario, each moves what it should, and the answer is the analytic chain's."""

from dataclasses import replace

import numpy as np
import pytest

from satqkd.analytic import expected
from satqkd.analytic.prospect import answer
from satqkd.channel import link_budget
from satqkd.explorer.drawing import as_html
from satqkd.explorer.settings import beginning, settings_of, with_settings
from satqkd.explorer.sliders import Explorer
from satqkd.orbit import find_sessions
from satqkd.scenario import ScenarioError, load_scenario

NAMES = ("yin2020", "liao2017")


@pytest.fixture(scope="module", params=NAMES)
def mission(request, root):
    scenario = load_scenario(root / f"data/scenarios/{request.param}.yaml")
    return scenario, find_sessions(scenario)


@pytest.fixture(scope="module")
def explorer(root):
    return Explorer([root / f"data/scenarios/{name}.yaml" for name in NAMES])


def untouched(scenario):
    return {setting.label: beginning(scenario, setting) for setting in settings_of(scenario)}


def test_untouched_sliders_leave_the_scenario_as_it_is(mission):
    scenario, _ = mission
    same = with_settings(scenario, untouched(scenario))
    for setting in settings_of(scenario):
        assert beginning(same, setting) == pytest.approx(beginning(scenario, setting), rel=1e-12)
    assert same.transmitter.divergence_rad == pytest.approx(scenario.transmitter.divergence_rad, rel=1e-12)


def test_the_answer_is_that_of_the_analytic_chain_on_every_second(mission):
    scenario, orbit = mission
    found, full = answer(scenario, orbit), expected(scenario, link_budget(scenario, orbit))
    if scenario.source.kind == "decoy":
        assert found.rate == pytest.approx(full["sifted_rate"], rel=2e-3)
        assert found.qber == pytest.approx(full["qber_signal"], rel=2e-3)
    else:
        assert found.rate == pytest.approx(full["coincidence_rate"], rel=1e-2)
        assert found.chsh_s == pytest.approx(full["chsh_s"], rel=2e-3)
    assert sum(found.budget.values()) == pytest.approx(
        link_budget(scenario, orbit).attenuation.sum("station").mean().item(), abs=0.05
    )
    assert found.key > 0 and found.key_sigma > 0


@pytest.mark.parametrize(
    ("label", "factor", "sign"),
    [("aperture", 1.5, 1), ("divergence", 1.5, -1), ("pointing jitter", 5, -1), ("source rate", 1.5, 1)],
)
def test_each_slider_moves_the_rate_to_its_side(mission, label, factor, sign):
    scenario, orbit = mission
    values = untouched(scenario)
    values[label] *= factor
    assert sign * (answer(with_settings(scenario, values), orbit).rate / answer(scenario, orbit).rate - 1) > 0.01


def test_background_costs_error_rate_and_key(mission):
    scenario, orbit = mission
    values = untouched(scenario)
    values["background"] = 1e5
    noisy, quiet = answer(with_settings(scenario, values), orbit), answer(scenario, orbit)
    assert noisy.qber > quiet.qber and noisy.key < quiet.key


def test_the_elevation_cut_shortens_the_link(mission):
    scenario, orbit = mission
    used = orbit.elevation.values[orbit.measurement.values >= 0].min(axis=1)
    cut = float(np.median(used))
    assert answer(scenario, orbit, min_elevation_deg=cut).open_s == np.count_nonzero(used >= cut)
    nothing = answer(scenario, orbit, min_elevation_deg=89.9)
    assert nothing.open_s == nothing.key == 0
    assert "No second" in as_html("a <b>", nothing) and "a &lt;b&gt;" in as_html("a <b>", nothing)


def test_turned_polarisation_is_refused(root):
    scenario = load_scenario(root / "data/scenarios/liao2017.yaml").replaced({"polarization.compensated": False})
    with pytest.raises(ScenarioError, match="polarization turns"):
        answer(scenario, find_sessions(scenario))


def test_moving_a_slider_changes_the_numbers_shown(explorer):
    before = explorer.numbers.value
    explorer.sliders["aperture"].value *= 1.3
    assert explorer.numbers.value != before
    assert f"{explorer.shown.result.key:,.0f}" in explorer.numbers.value


@pytest.mark.slow
def test_another_scenario_brings_its_own_sliders(explorer):
    explorer.choice.value = "liao2017"
    assert explorer.scenario.name == "liao2017"
    assert "sifted signal bits" in explorer.numbers.value
    explorer.choice.value = "yin2020"
    assert "coincidences" in explorer.numbers.value


def test_no_key_is_shown_with_its_reason(mission):
    scenario, orbit = mission
    assert answer(scenario, orbit).no_key == ""
    values = untouched(scenario)
    values["background"] = 1e7
    noisy = answer(with_settings(scenario, values), orbit)
    reason = {"yin2020": "uncorrelated", "liao2017": "too many errors"}[scenario.name]
    assert noisy.key == 0 and noisy.no_key == reason
    assert f"0 ± 0 bit, {reason}" in as_html("a", noisy)
    assert "nan" not in as_html("a", replace(noisy, qber=np.nan, chsh_s=np.nan))


def test_a_bench_has_sliders_of_its_own(root):
    explorer = Explorer([root / "data/scenarios/bench_example.yaml"])
    assert list(explorer.sliders) == ["arm loss", "pump power", "background", "window"]
    before = explorer.shown.result
    explorer.sliders["arm loss"].value *= 2
    after = explorer.shown.result
    assert after.rate < before.rate / 2 and after.budget["arm"] > before.budget["arm"] + 3
    explorer.sliders["pump power"].value *= 2
    assert explorer.shown.result.rate > 1.9 * after.rate and "<svg" in explorer.curves.value
