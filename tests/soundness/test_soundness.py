"""No bound that is called a proof fails more often than it pays for, and the laboratory sees those that do.

A small part of ``make soundness``: small blocks whole, long ones with few errors, and a few populations of photons.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom
from soundness import __main__ as laboratory
from soundness import leakage, photons, sampling, tails
from soundness.findings import worst
from soundness.photons import Population

from satqkd.key.proofs import decoy_bounds
from satqkd.key.proofs.bbm92 import bbm92_key_length
from satqkd.key.proofs.decoy import DecoyCounts, decoy_key_length
from satqkd.key.proofs.sampling import hypergeometric_key_errors

from ..sizes import examples

EPS = (1e-1, 1e-3)
BLOCKS = ((1, 1), (1, 3), (3, 1), (10, 10), (8, 30), (40, 10), (60, 60))
LONG = ((1000, 1000), (10**5, 1000), (1000, 10**6))
POPULATIONS = (
    Population(0, 3000, wrong_single=4),
    Population(2000, 70_000, 20_000, 5000, wrong_single=5, wrong_several=300, basis_x=0.8),
    Population(400, 300, 50, 10, wrong_single=3, wrong_several=20),
    Population(20, 700, 200, 50, wrong_single=10, mu=(0.5, 0.1, 0.05)),
    Population(2000, 70_000, 20_000, 3000, wrong_single=500, fluctuation=0.05, corner=(1.0, -1.0)),
)


@pytest.fixture(scope="module")
def found():
    rng, result = np.random.default_rng(1), []
    for eps in EPS:
        result += sampling.enumerate_blocks(eps, BLOCKS, LONG, 40)
        result += sampling.drawn_blocks(eps, rng, 100_000, LONG[:2], (0.02, 0.4))
        result += tails.enumerate_counts(eps, tails.GROUPS[::4])
        result += tails.enumerate_empty_pulses(eps, tails.VACUUM[:6])
        result += photons.enumerate_photons(eps, photons.ENUMERATED[:4], photons.WRONG_ENUMERATED[:3])
    for population in POPULATIONS:
        result += photons.drawn_population(population, EPS, rng, 4000)
        result += photons.drawn_population(population, EPS, rng, 400, photons.WEIGHED)
    return result + list(leakage.everything(EPS, rng, 400, leakage.POPULATIONS[:1]))


def test_every_proof_keeps_what_it_promises(found):
    assert not [one for one in found if one.bound in laboratory.PROOFS and one.unsound]


def test_every_bound_and_estimate_is_in_the_part_that_runs_here(found):
    assert {one.bound for one in found} == {*laboratory.PROOFS, *laboratory.NO_PROOFS}
    assert {one.estimate for one in found if one.bound == "chernoff"} == {
        "expectation of a count, from below", "expectation of a count, from above", "signal's part of a known number",
        "empty pulses", "single photons", "single photons of the sample", "errors of single photons",
        "phase error rate", "secret bits",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("bound", "estimate", "at_least"),
    [
        ("yin2020", "errors of the key", 100.0),
        ("gaussian", "expectation of a count, from above", 1000.0),
        ("gaussian", "errors of single photons", 1000.0),
        ("tiangong2", "phase errors, given the single photons", 100.0),
        ("tiangong2", "phase error rate", 2.0),
        (sampling.PRINTED, "phase errors, given the single photons", 10_000.0),
        (leakage.INCOHERENT, "probability of an event of many pulses", 1000.0),
        (leakage.UNTAGGED, "secret bits", 100.0),
    ],
)
def test_what_is_no_proof_is_seen_to_fail(found, bound, estimate, at_least):
    failed = [one for one in found if (one.bound, one.estimate, one.eps) == (bound, estimate, 1e-3)]
    assert worst(failed).unsound
    assert worst(failed).ratio > at_least


def test_the_exact_tail_is_seen_to_use_what_it_pays(found):
    # A laboratory that overlooked failures would find less.
    exact = [one for one in found if one.bound == "hypergeometric" and not one.draws]
    assert 0.9 < worst(exact).ratio <= 1.0


def test_the_commands_verdict_names_a_proof_that_fails_and_a_formula_that_does_not(found):
    assert laboratory.misjudged(found) == []
    proofs = [one for one in found if one.bound not in laboratory.NO_PROOFS]
    assert laboratory.misjudged(proofs) == [
        f"{name} is not a proof, and was not seen to fail" for name in laboratory.NO_PROOFS
    ]


def test_a_sampling_term_that_vanishes_would_be_caught(monkeypatch):
    monkeypatch.setattr(decoy_bounds, "phase_error_deviation", decoy_bounds.sampling_deviation)
    found = list(sampling.enumerate_blocks(1e-3, BLOCKS[:2], LONG[:1], 40))
    sentences = laboratory.misjudged(found)
    assert any(line.startswith("all but tiangong2, phase errors") for line in sentences)


def test_enumeration_agrees_with_the_distribution_of_scipy():
    n_key, n_sample, wrong = 40, 25, 12
    limit = np.full(n_sample + 1, 0.2)
    failed = sampling.enumerated_failures(n_key, n_sample, np.arange(n_sample + 1), limit, [wrong])
    # More than 8 of the key's 40 are wrong when fewer than 4 of 12 are seen.
    assert failed[0] == pytest.approx(hypergeom.cdf(3, n_key + n_sample, wrong, n_sample), rel=1e-9)


def test_enumerated_counts_of_groups_are_those_that_are_drawn():
    population, events = Population(0, 0), (3, 4, 2, 0)
    p = photons.grid_of_counts([(n, population.intensities(k)) for k, n in enumerate(events)])
    assert p.sum() == pytest.approx(1.0, rel=1e-9)
    rng, draws = np.random.default_rng(2), 200_000
    drawn = sum(rng.multinomial(n, population.intensities(k), draws) for k, n in enumerate(events))
    five_sigma = 5.0 * np.sqrt(0.25 / draws)
    assert abs(p[4].sum() - np.mean(drawn[:, 0] == 4)) < five_sigma
    assert abs(p[:, 3].sum() - np.mean(drawn[:, 1] == 3)) < five_sigma


def test_drawn_events_are_all_there_and_errors_are_part_of_them():
    population = POPULATIONS[1]
    drawn = photons.draw(population, np.random.default_rng(3), 500)
    counts = drawn.counts
    total = population.empty + population.single + population.double + population.triple
    assert np.all((counts.detections_x + counts.detections_z).sum(axis=1) == total)
    assert np.all(drawn.wrong_key.sum(axis=1) + drawn.wrong_sample.sum(axis=1) == population.wrong_single)
    assert np.mean(drawn.single.sum(axis=1)) == pytest.approx(population.basis_x * population.single, rel=0.01)


@settings(max_examples=examples(300))
@given(st.floats(0.0, 30.0), st.floats(1.0, 400.0), st.floats(1.0, 400.0), st.floats(-12.0, -0.7))
def test_fractional_counts_promise_no_more_than_whole_ones_that_they_allow(seen, n_sample, n_key, eps):
    # Bounds x on errors, c and d on single photons: true are at most x and at least c and d.
    seen, tail = min(seen, 0.5 * n_sample), 10.0**eps / 21
    whole = int(np.floor(seen)), int(np.ceil(n_sample)), int(np.ceil(n_key))
    exact = hypergeometric_key_errors(whole[2], whole[1], whole[0], tail) / whole[2]
    rate = seen / n_sample
    deviation = decoy_bounds.phase_error_deviation(rate, n_sample, n_key, 10.0**eps, 21)
    assert min(rate + deviation, 0.5) >= min(exact, 0.5) * (1.0 - 1e-12)


@pytest.mark.parametrize("bound", sampling.PAIR_PROOFS)
@settings(max_examples=examples(100))
@given(st.floats(0.0, 0.4), st.floats(1.0, 400.0), st.floats(1.0, 400.0), st.floats(-6.0, -0.7))
def test_expected_counts_of_pairs_promise_no_more_either(bound, rate, n_sample, n_key, eps):
    seen = rate * n_sample
    key = bbm92_key_length(
        n_z=n_key, n_x=n_sample, errors_z=0.0, errors_x=seen, eps_sec=10.0**eps, eps_cor=1e-9, f_ec=1.0, bound=bound
    )
    whole = int(np.floor(seen)), int(np.ceil(n_sample)), int(np.ceil(n_key))
    exact = hypergeometric_key_errors(whole[2], whole[1], whole[0], key.split.estimate) / whole[2]
    assert key.z.phase_error >= min(exact, 0.5) * (1.0 - 1e-12)


@pytest.mark.parametrize("bound", ["chernoff", "zhang2017"])
@pytest.mark.parametrize("key_intensities", ["all", "signal"])
def test_a_clean_pass_has_the_phase_errors_that_the_exact_tail_allows(bound, key_intensities):
    # With no phase error at all, the key of the signal had 3853 bits under chernoff and 4578 under zhang2017.
    counts = DecoyCounts(*[[10_000, 700, 10]] * 2, *[[0, 0, 0]] * 2, [5e7, 2.5e7, 2.5e7])
    key = decoy_key_length(
        counts=counts, mean_photon_numbers=[0.8, 0.1, 0.0], intensity_probabilities=[0.5, 0.25, 0.25], eps_sec=1e-9,
        eps_cor=1e-9, f_ec=1.16, bound=bound, key_basis="both", key_intensities=key_intensities,
    )  # fmt: skip
    n_key, n_sample = (int(np.floor(n)) for n in (key.x.single_photons, key.x.single_photons_sample))
    exact = hypergeometric_key_errors(n_key, n_sample, 0, key.split.estimate)
    assert exact == {"all": 34, "signal": 28}[key_intensities]
    assert exact <= key.x.phase_error * key.x.single_photons < exact + 1.0
    if key_intensities == "signal":
        assert round(float(key.length)) == {"chernoff": 3415, "zhang2017": 4124}[bound]


def test_the_exact_tail_allows_34_phase_errors_in_equal_blocks_without_an_error():
    n, tail = 4049, 1e-9 / 21
    assert hypergeometric_key_errors(n, n, 0, tail) == 34
    assert hypergeom.pmf(0, 2 * n, 34, n) > tail >= hypergeom.pmf(0, 2 * n, 35, n)
    assert 34.0 <= decoy_bounds.phase_error_deviation(0.0, float(n), float(n), 1e-9, 21) * n < 35.0


def test_no_key_inside_the_box_of_intensities_is_shorter_than_at_its_corners():
    rng, a_bit = np.random.default_rng(4), 1e-3
    for bound in (*photons.SOUND, *photons.UNSOUND):
        assert photons.inside_the_box(rng, 5000, bound).max() < a_bit
