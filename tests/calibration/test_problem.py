"""Parameters, priors and targets of the joint calibration, and what a scenario says of them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, poisson

from satqkd import ScenarioError, load_scenario, validation
from satqkd.calibration import (
    Parameter,
    Problem,
    Target,
    calibrated_names,
    calibration_file,
    calibration_problem,
    read_problem,
)
from satqkd.scenario.uncertain import Uncertainty

MOST_TARGETS = 20


@pytest.fixture(scope="module")
def published(root):
    references = {name: validation.load_reference(root / f"data/reference/{name}.yaml") for name in calibrated_names()}
    return {
        name: {row.id: row.ends for row in validation.observed(reference).values()}
        for name, reference in references.items()
    }


@given(count=st.integers(1, 10**6), ratio=st.floats(0.5, 2))
def test_a_count_has_poissons_likelihood(count, ratio):
    target = Target("mine", "count", "count", (float(count),), None)
    mean = ratio * count
    expected = poisson.logpmf(count, mean) - poisson.logpmf(count, count)
    assert target.log_likelihood(mean) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_a_range_has_a_normal_likelihood_at_both_ends():
    target = Target("mine", "attenuation", "attenuation", (32.0, 42.0), 0.5)
    best = 2 * norm.logpdf(0, 0, 0.5)
    expected = norm.logpdf(32.3, 32, 0.5) + norm.logpdf(41.5, 42, 0.5) - best
    assert target.log_likelihood([32.3, 41.5]) == pytest.approx(expected)


def test_no_light_is_impossible_where_something_was_counted():
    assert Target("mine", "count", "count", (3.0,), None).log_likelihood(0.0) == -math.inf


def test_the_committed_calibration_is_small(published):
    problem = calibration_problem(published)
    assert sum(len(target.value) for target in problem.targets) <= MOST_TARGETS
    assert len({parameter.name for parameter in problem.parameters}) == len(problem.parameters)


def test_shared_values_are_one_parameter():
    fidelity = next(p for p in calibration_problem().parameters if p.name == "fidelity of the pairs")
    assert set(fidelity.keys) == {"yin2017/source.fidelity", "yin2020/source.fidelity"}
    assert load_scenario("yin2017").source.fidelity == load_scenario("yin2020").source.fidelity


def test_blocks_share_no_scenario_and_lose_no_target(published):
    problem = calibration_problem(published)
    blocks = problem.blocks()
    scenarios = [set(block.scenarios) for block in blocks]
    assert sum(map(len, scenarios)) == len(set().union(*scenarios)) == len(calibrated_names())
    assert sum(len(block.targets) for block in blocks) == len(problem.targets)


@pytest.mark.parametrize("name", ["yin2017", "liao2017", "yin2020", "tiangong2"])
def test_what_is_fitted_is_marked_calibrated_and_nothing_else(published, name):
    """Every fitted key names targets of its scenario, except where printed ranges choose the session, and printed
    widths the wavefront that is shown beside the link.
    """
    problem, mission = calibration_problem(published), load_scenario(name)
    uncertain = {key for unknown in mission.unknowns for key in unknown.keys}
    fitted = {key for parameter in problem.parameters for key in parameter.of(name)} - uncertain
    marked = {
        key: words
        for key, (origin, words) in mission.origins.items()
        if origin == "calibrated" and not key.startswith(("orbit.", "transmitter.far_field."))
    }
    assert set(marked) | set(mission.transferred) - uncertain == fitted
    ids = {target.id for target in problem.targets if target.scenario == name}
    assert {word.strip() for words in marked.values() for word in words.split(",")} <= ids


def test_a_calibration_names_only_what_was_published():
    with pytest.raises(ScenarioError, match="tiangong2 is fitted to sifted_bits, which its paper does not give: take"):
        read_problem(calibration_file(), [], published={"tiangong2": {}})


def test_a_parameter_requires_a_range(tmp_path):
    path = tmp_path / "calibration.yaml"
    path.write_text("parameters: [{name: a, keys: [x/y]}]\ntargets: []\n")
    with pytest.raises(ScenarioError, match=r"calibration.yaml: a has no range: give \[lowest, highest\]"):
        read_problem(path, [], published={})


def test_changes_are_those_of_one_scenario():
    both = Parameter("both", ("one/a.b", "two/c.d"), Uncertainty(1.0))
    assert Problem((both,), ()).changes("two", {"both": np.float64(2.0)}) == {"c.d": 2.0}
