"""Detectors that differ, and detections that depend on the basis: seen in the counts, paid for, or refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.key import bbm92_key_length
from satqkd.key.proofs.balance import (
    COVERED,
    bases_depend,
    bases_unbalanced,
    checked_assumptions,
    detector_mismatch,
    log_ratio,
)

SECURITY = {"eps_sec": 1e-10, "eps_cor": 1e-10, "f_ec": 1.16}


def drawn(rng, pairs, *, qber=0.02, efficiency=None, blinded=0.0):
    """Coincidences of a state that correlates in equal settings, through detectors of the given relative efficiency.

    `blinded` is the part of the coincidences of unequal settings that is missing, as with a detector that only clicks
    in the eavesdropper's basis.
    """
    efficiency = np.ones((2, 2, 2)) if efficiency is None else np.asarray(efficiency)
    correlation = np.array([[1 - 2 * qber, 0.0], [0.0, 1 - 2 * qber]])
    sign = np.array([1, -1])
    outcomes = (1 + correlation[:, :, None, None] * sign[:, None] * sign) / 16
    outcomes[[0, 1], [1, 0]] *= 1 - blinded
    # efficiency[station, setting, outcome]
    seen = outcomes * efficiency[0][:, None, :, None] * efficiency[1][None, :, None, :]
    return rng.poisson(pairs * seen)


def sifted(counts):
    """Bits and errors of both bases."""
    equal = counts[[0, 1], [0, 1]]
    return {
        "n_z": equal[0].sum(),
        "n_x": equal[1].sum(),
        "errors_z": equal[0, 0, 1] + equal[0, 1, 0],
        "errors_x": equal[1, 0, 1] + equal[1, 1, 0],
    }


def one_weak(ratio, station=1, setting=0, outcome=1):
    efficiency = np.ones((2, 2, 2))
    efficiency[station, setting, outcome] = ratio
    return efficiency


def test_bases_are_unbalanced_beyond_chance_and_the_detectors():
    rng = np.random.default_rng(2)
    assert not any(bases_unbalanced(rng.binomial(20_000, [0.5, 0.5]), mismatch=0.0) for _ in range(200))
    assert bases_unbalanced([5500, 4500], mismatch=0.0) and bases_unbalanced([4500, 5500], mismatch=0.0)
    assert not bases_unbalanced([5500, 4500], mismatch=0.25)
    assert not bases_unbalanced([0, 0], mismatch=0.0)


def test_a_ratio_of_counts_has_the_deviation_of_its_draws():
    rng = np.random.default_rng(1)
    ratio, sigma = log_ratio(rng.poisson(400, 20_000), rng.poisson(200, 20_000))
    four_sigma_of_the_mean = 4 * sigma.mean() / np.sqrt(ratio.size)
    assert abs(ratio.mean() - np.log(400.5 / 200.5)) < four_sigma_of_the_mean
    assert np.std(ratio) == pytest.approx(sigma.mean(), rel=0.03)


def test_equal_detectors_raise_no_alarm():
    rng = np.random.default_rng(2)
    assert not any(
        checked_assumptions(drawn(rng, pairs), pairs=True, declared=0.0).reason
        for pairs in (0, 10, 1000, 10**6)
        for _ in range(500)
    )


@pytest.mark.parametrize("station", [0, 1])
@pytest.mark.parametrize("setting", [0, 1])
@pytest.mark.parametrize("outcome", [0, 1])
def test_a_weak_detector_is_found_and_its_mismatch_lies_within_the_limits(station, setting, outcome):
    efficiency = one_weak(0.7, station, setting, outcome)
    counts = drawn(np.random.default_rng(3), 400_000, efficiency=efficiency)
    found = detector_mismatch(counts, pairs=True)
    assert (found.station, found.setting, found.outcome) == (station, setting, outcome)
    assert 0.3 < found.least < 1 / 0.7 - 1 < found.most < 0.6


def test_the_limits_hold_the_true_mismatch_in_every_draw():
    """Five standard deviations fail once in millions of draws; limits of one would fail in hundreds of these."""
    rng = np.random.default_rng(4)
    truth, draws = 0.25, 1000
    found = [
        detector_mismatch(drawn(rng, 20_000, efficiency=one_weak(1 / (1 + truth))), pairs=True) for _ in range(draws)
    ]
    assert all(one.least <= truth <= one.most for one in found)
    assert np.median([one.most for one in found]) < 2 * truth


def test_what_is_declared_raises_no_alarm_and_what_is_not_is_refused_or_paid_for():
    counts = drawn(np.random.default_rng(5), 400_000, efficiency=one_weak(0.8))
    assert checked_assumptions(counts, pairs=True, declared=0.3).reason == ""
    alarm = checked_assumptions(counts, pairs=True, declared=0.05)
    assert alarm.reason == "unequal detectors"
    assert alarm.allowed_mismatch("tomamichel2012") is None and alarm.allowed_mismatch("yin2020") is None
    assert {bound: alarm.allowed_mismatch(bound) for bound in COVERED} == dict.fromkeys(COVERED, alarm.mismatch.most)


def test_a_blind_detector_gets_no_key_by_any_proof():
    """The measured case: one detector has accidental coincidences alone, and nine in ten sifted bits are the same."""
    counts = drawn(np.random.default_rng(6), 400_000, efficiency=one_weak(0.08))
    bits = counts[0, 0].sum(axis=0)
    assert bits.max() / bits.sum() > 0.9
    assert bbm92_key_length(**sifted(counts), **SECURITY, bound="tomamichel2012").length > 0
    alarm = checked_assumptions(counts, pairs=True, declared=0.0)
    assert alarm.reason == "unequal detectors"
    assert all(alarm.allowed_mismatch(bound) is None for bound in ("tomamichel2012", *COVERED))


def test_detectors_that_click_in_one_basis_only_are_refused():
    rng = np.random.default_rng(7)
    assert checked_assumptions(drawn(rng, 100_000, blinded=0.5), pairs=True, declared=0.0).reason == "dependent bases"
    alarm = checked_assumptions(drawn(rng, 100_000, blinded=1.0), pairs=True, declared=0.02)
    assert all(alarm.allowed_mismatch(bound) is None for bound in COVERED)


def test_declared_detectors_may_correlate_the_settings_as_much_as_they_can():
    """Both stations' weak detectors in the same setting, correlated outcomes: the odds ratio departs from 1."""
    efficiency = one_weak(0.6) * one_weak(0.6, station=0)
    counts = drawn(np.random.default_rng(8), 10**7, qber=0.0, efficiency=efficiency)
    assert bases_depend(counts, mismatch=0.0)
    assert not bases_depend(counts, mismatch=1 / 0.6 - 1)


def test_pulses_have_one_receiver_and_its_outcomes_count_whatever_was_sent():
    counts = drawn(np.random.default_rng(9), 400_000, efficiency=one_weak(0.7))
    found = detector_mismatch(counts, pairs=False)
    assert (found.station, found.setting, found.outcome) == (1, 0, 1)
    assert found.least < 1 / 0.7 - 1 < found.most


@given(
    weak=st.floats(0.3, 1.0),
    qber=st.floats(0.0, 0.05),
    pairs=st.sampled_from([3000, 10**5, 10**7]),
    seed=st.integers(0, 10**6),
)
def test_no_more_is_granted_than_the_sifted_bits_have(weak, qber, pairs, seed):
    """Soundness: an eavesdropper who knows how the detectors differ guesses the stronger one's outcome, so that each
    bit holds -log2(p) of min-entropy at most. What the proof credits before errors are corrected is not above it.
    """
    efficiency = one_weak(np.sqrt(weak)) * one_weak(np.sqrt(weak), station=0)
    counts = drawn(np.random.default_rng(seed), pairs, qber=qber, efficiency=efficiency)
    alarm = checked_assumptions(counts, pairs=True, declared=0.0)
    mismatch = alarm.allowed_mismatch("projected")
    if alarm.reason and mismatch is not None:
        key = bbm92_key_length(**sifted(counts), **SECURITY, bound="projected", efficiency_mismatch=mismatch)
        bits = counts[0, 0].sum(axis=1)
        min_entropy = -bits.sum() * np.log2(bits.max() / bits.sum())
        assert key.z.n_sifted - key.z.privacy <= min_entropy
        naive = bbm92_key_length(**sifted(counts), **SECURITY, bound="projected")
        assert key.length <= naive.length
