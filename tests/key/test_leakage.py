"""Light that comes back out of a source: how many pulses may be read, and what that costs the key."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln, logsumexp
from scipy.stats import binom

from satqkd.key import DecoyCounts, decoy_key_length
from satqkd.key.proofs import decoy
from satqkd.key.proofs.leakage import leaking_share, log_subsets, most_tagged
from satqkd.key.proofs.multinomial import leakage_terms
from satqkd.scenario import ScenarioError, load_scenario, mission

COUNTS = DecoyCounts(*[[70_000, 4000, 10]] * 2, *[[735, 50, 5]] * 2, pulses=[5e8, 2.5e8, 2.5e8])
PASS = {
    "counts": COUNTS, "mean_photon_numbers": [0.8, 0.1, 0.0], "intensity_probabilities": [0.5, 0.25, 0.25],
    "eps_sec": 1e-10, "eps_cor": 1e-10, "f_ec": 1.16, "key_basis": "both", "key_intensities": "signal",
}  # fmt: skip


@given(st.integers(1, 10**10), st.floats(-16, 1), st.floats(-100, -1))
def test_more_pulses_return_light_no_oftener_than_allowed(pulses, power, log_tail):
    q = leaking_share(10.0**power)
    tagged = most_tagged(pulses, returned_photons=10.0**power, log_tail=log_tail)
    assert 0 <= tagged <= pulses and tagged == np.rint(tagged)
    rounding = 1e-6
    assert binom.logsf(tagged, pulses, q) <= log_tail + rounding


@pytest.mark.parametrize("pulses", [5, 60, 10**6])
@pytest.mark.parametrize("tagged", [1, 3, 5])
def test_the_ways_to_choose_pulses_are_not_more_than_bounded(pulses, tagged):
    k = np.arange(tagged + 1)
    ways = logsumexp(gammaln(pulses + 1) - gammaln(k + 1) - gammaln(pulses - k + 1))
    assert ways <= log_subsets(pulses, tagged) < ways + 1.5 * tagged


def test_light_that_comes_back_shortens_the_key_until_there_is_none():
    lengths = [
        float(decoy_key_length(**PASS, bound="multinomial", returned_photons=returned).length)
        for returned in (0.0, 1e-15, 1e-12, 1e-11, 1e-10)
    ]
    assert lengths == sorted(lengths, reverse=True) and lengths[-2] > 0 == lengths[-1]
    # The numbers of docs/proofs.md, in kbit.
    assert np.round(np.array(lengths) / 1e3, 1).tolist() == [17.9, 10.0, 5.5, 3.1, 0.0]


def test_without_returned_light_no_pulse_is_tagged():
    tagged, patterns = leakage_terms(np.array([1e3, 1e9]), returned_photons=0.0, eps_sec=1e-10)
    assert tagged.tolist() == patterns.tolist() == [0.0, 0.0]
    some, ways = leakage_terms(np.array([1e3, 1e9]), returned_photons=[0.0, 1e-9], eps_sec=1e-10)
    assert some[0] == ways[0] == 0.0 and some[1] > 0.0 and ways[1] > 0.0


def test_empty_pulses_have_no_credit_if_light_comes_back():
    one, two = (decoy_key_length(**PASS, bound=f"multinomial{way}", returned_photons=1e-13) for way in ("", "_two_way"))
    assert float(one.length) == float(two.length) and not np.any(one.x.vacuum_events)


def test_an_array_of_returned_photons_is_one_call():
    together = decoy_key_length(**PASS, bound="multinomial", returned_photons=[0.0, 1e-12]).length
    alone = [float(decoy_key_length(**PASS, bound="multinomial", returned_photons=r).length) for r in (0.0, 1e-12)]
    assert together.tolist() == alone


@pytest.mark.parametrize("bound", sorted(set(decoy.PROOFS) - set(decoy.LEAKAGE_PROOFS)))
def test_a_proof_without_a_term_for_it_refuses(bound):
    with pytest.raises(ValueError, match=r"returned_photons=1e-12 .* take one of asymptotic, multinomial"):
        decoy_key_length(**PASS, bound=bound, returned_photons=1e-12)


def test_without_the_number_of_pulses_it_refuses():
    counts = DecoyCounts(*[[70_000, 4000, 10]] * 2, *[[735, 50, 5]] * 2)
    with pytest.raises(ValueError, match="pulses=None"):
        decoy_key_length(**PASS | {"counts": counts}, bound="multinomial", returned_photons=1e-12)


def test_a_scenario_offers_the_proofs_that_have_the_term():
    liao2017 = load_scenario("liao2017")
    assert decoy.LEAKAGE_PROOFS == mission.LEAKAGE_PROOFS
    with pytest.raises(ScenarioError, match=r"key.bound=chernoff is not a proof .* asymptotic, multinomial"):
        liao2017.replaced({"source.returned_photons": 1e-12})
    leaking = liao2017.replaced({"source.returned_photons": 1e-12, "key.bound": "multinomial"})
    assert leaking.proofs == mission.LEAKAGE_PROOFS
    sealed = liao2017.replaced({"source.returned_photons": 0})
    assert sealed.content_hash == liao2017.content_hash
