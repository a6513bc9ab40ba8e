"""The outlook of a publication: other hardware, the same sessions."""

import pytest

from satqkd.analytic.outlook import outlook_observables
from satqkd.analytic.prospect import answer
from satqkd.orbit import find_sessions
from satqkd.scenario import ScenarioError, load_scenario


@pytest.fixture(scope="module")
def tiangong2(root):
    scenario = load_scenario(root / "data/scenarios/tiangong2.yaml")
    return scenario, find_sessions(scenario)


def test_it_is_the_key_of_the_changed_scenario(tiangong2):
    scenario, orbit = tiangong2
    value, unit = outlook_observables(scenario, orbit)["outlook_key_rate"]
    changed = answer(scenario.replaced(scenario.outlook), orbit)
    assert unit == "bit/s" and value == changed.key / changed.open_s > 0


def test_a_better_beam_makes_more_of_it(tiangong2):
    scenario, orbit = tiangong2
    narrower = scenario.replaced({"transmitter.divergence_full_angle_urad": 20}).model_copy(update={"outlook": {}})
    assert outlook_observables(narrower, orbit) == {}
    widths = [
        scenario.model_copy(update={"outlook": scenario.outlook | {"transmitter.divergence_full_angle_urad": urad}})
        for urad in (18.0, 30.0)
    ]
    narrow, wide = (outlook_observables(each, orbit)["outlook_key_rate"][0] for each in widths)
    assert narrow > wide > 0


def test_a_brighter_source_alone_drowns_in_accidentals(root):
    scenario = load_scenario(root / "data/scenarios/yin2020.yaml")
    orbit = find_sessions(scenario)
    brighter = {"source.pair_rate_hz": scenario.outlook["source.pair_rate_hz"]}
    found = answer(scenario.replaced(brighter), orbit)
    assert found.key == 0 and found.qber > 0.25
    with_faster_detectors = answer(scenario.replaced(scenario.outlook), orbit)
    assert with_faster_detectors.key > 0 and with_faster_detectors.qber < 0.08


def test_a_key_that_is_none_is_named(tiangong2):
    scenario, orbit = tiangong2
    with pytest.raises(ScenarioError, match="source.colour is not a key"):
        outlook_observables(scenario.model_copy(update={"outlook": {"source.colour": 1.0}}), orbit)
