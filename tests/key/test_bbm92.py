"""BBM92 key length: the account adds up, moves the right way, and says what is wrong."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from satqkd.key.proofs.bbm92 import (
    KEPT,
    bbm92_key_length,
    kept_entropy,
    log_patterns,
    mismatched_phase_error,
    qber_threshold,
    sampled_key_length,
    split_of,
)
from satqkd.key.proofs.converse import longest_length
from satqkd.key.proofs.sampling import hypergeometric_key_errors

PROVEN = ["tomamichel2012", "lim2021", "hypergeometric"]
FINITE = ["yin2020", *PROVEN, "projected"]
BOUNDS = [*FINITE, "asymptotic"]
SECURITY = {"eps_sec": 1e-9, "eps_cor": 1e-12, "f_ec": 1.15}
ROUNDING = 1e-6

sizes = st.integers(1, 10**7)
rates = st.floats(0.0, 0.5)


def key_length(n_z, n_x, errors_z, errors_x, bound, **changed):
    return bbm92_key_length(n_z=n_z, n_x=n_x, errors_z=errors_z, errors_x=errors_x, bound=bound, **(SECURITY | changed))


@pytest.mark.parametrize("bound", BOUNDS)
@given(n_z=sizes, n_x=sizes, rate_z=rates, rate_x=rates)
def test_account_adds_up(bound, n_z, n_x, rate_z, rate_x):
    key = key_length(n_z, n_x, rate_z * n_z, rate_x * n_x, bound)
    for basis, n in ((key.z, n_z), (key.x, n_x)):
        assert basis.unfloored == pytest.approx(n - basis.privacy - basis.leak_ec - basis.security, rel=1e-12)
        assert basis.length == max(basis.unfloored, 0.0)
        assert 0.0 <= basis.phase_error <= 0.5
    assert key.length == key.z.length + key.x.length
    assert key.leak_ec == key.z.leak_ec + key.x.leak_ec


@pytest.mark.parametrize("bound", BOUNDS)
@given(n_z=sizes, n_x=sizes, rate=rates, more=rates, basis=st.sampled_from("zx"))
def test_errors_never_lengthen_the_key(bound, n_z, n_x, rate, more, basis):
    low, high = sorted((rate, more))
    fewer = key_length(n_z, n_x, low * n_z, low * n_x, bound)
    rates_now = {"z": low, "x": low} | {basis: high}
    worse = key_length(n_z, n_x, rates_now["z"] * n_z, rates_now["x"] * n_x, bound)
    assert worse.length <= fewer.length + ROUNDING


@given(n_z=sizes, n_x=sizes, rate_z=rates, rate_x=rates)
def test_proofs_are_ordered(n_z, n_x, rate_z, rate_x):
    counted = (n_z, n_x, int(rate_z * n_z), int(rate_x * n_x))
    lengths = {bound: key_length(*counted, bound).length for bound in BOUNDS}
    assert lengths["tomamichel2012"] <= lengths["yin2020"] + ROUNDING
    assert lengths["tomamichel2012"] <= lengths["hypergeometric"] + ROUNDING
    assert lengths["lim2021"] <= lengths["hypergeometric"] + ROUNDING
    assert lengths["hypergeometric"] <= lengths["projected"] + ROUNDING
    assert max(lengths.values()) <= lengths["asymptotic"] + ROUNDING


@pytest.mark.parametrize("bound", FINITE)
@given(n_z=sizes, n_x=sizes, rate=rates, strict=st.floats(-15.0, -1.0), more=st.floats(-15.0, -1.0))
def test_a_stricter_failure_probability_never_lengthens_the_key(bound, n_z, n_x, rate, strict, more):
    strict, more = sorted((strict, more))
    counted = (n_z, n_x, int(rate * n_z), int(rate * n_x), bound)
    for name in ("eps_sec", "eps_cor"):
        shorter, longer = (key_length(*counted, **{name: 10.0**eps}).length for eps in (strict, more))
        assert shorter <= longer + ROUNDING


@pytest.mark.parametrize("bound", BOUNDS)
@given(n_z=st.integers(10, 10**5), n_x=st.integers(10, 10**5), rate=st.floats(0.0, 0.12), factor=st.integers(2, 100))
def test_more_data_never_lower_the_rate(bound, n_z, n_x, rate, factor):
    counts = np.array([n_z, n_x, int(rate * n_z), int(rate * n_x)])
    few, many = key_length(*counts, bound).length, key_length(*(factor * counts), bound).length
    assert many >= factor * few * (1.0 - 1e-12)


@pytest.mark.parametrize("bound", FINITE)
def test_finite_key_approaches_the_asymptotic_one(bound):
    n = 10**12
    finite, limit = (key_length(n, n, n // 50, n // 50, name).length for name in (bound, "asymptotic"))
    assert 0.999 < finite / limit < 1.0


@pytest.mark.parametrize("bound", PROVEN)
@given(eps_sec=st.floats(1e-15, 0.1), share=st.floats(0.01, 0.99))
def test_the_division_adds_up(bound, eps_sec, share):
    split = split_of(bound, eps_sec=eps_sec, eps_cor=1e-12, estimate_share=share)
    smoothing = np.sqrt(split.estimate)
    assert 2.0 * smoothing + split.amplification == pytest.approx(eps_sec, rel=1e-12)
    key = key_length(10_000, 10_000, 200, 200, bound, eps_sec=eps_sec, estimate_share=share)
    hashing = 2.0 * np.log2(1.0 / (2.0 * split.amplification))
    assert key.z.security == pytest.approx(hashing + np.log2(2.0 / 1e-12), rel=1e-12)
    assert key.split == split_of(bound, eps_sec=eps_sec, eps_cor=1e-12, estimate_share=share)


@given(st.floats(1e-15, 0.1), st.floats(0.01, 0.99))
def test_projection_pays_its_smoothing_once(eps_sec, share):
    split = split_of("projected", eps_sec=eps_sec, eps_cor=1e-12, estimate_share=share)
    kept = KEPT / (1.0 - KEPT) * split.amplification
    assert np.sqrt(split.estimate) + 0.5 * split.estimate + split.amplification + kept <= eps_sec * (1.0 + 1e-12)


@given(st.integers(1, 400), st.floats(0.0, 1.0))
def test_patterns_are_counted_from_above(n, part):
    errors = int(part * n)
    exact = math.log2(sum(math.comb(n, j) for j in range(errors + 1)))
    assert exact * (1.0 - 1e-12) - 1e-9 <= log_patterns(n, errors) <= n
    if errors <= 0.2 * n:
        half_a_bit = 0.5
        assert log_patterns(n, errors) <= exact + half_a_bit


def test_entropy_of_what_equal_detectors_would_have_kept_is_the_mean_over_all_numbers():
    n, k, x, tail, kept, rare = 90, 80, 2, 1e-4, 0.9, 1e-3
    key, sample = np.arange(n + 1)[:, np.newaxis], np.arange(k + 1)
    wrong = hypergeometric_key_errors(key, sample, np.minimum(x, sample), tail)
    entropy = key - log_patterns(key, wrong)
    probability = binom.pmf(key, n, kept) * binom.pmf(sample, k, kept)
    probability[: int(binom.ppf(rare, n, kept))] = 0.0
    probability[:, : int(binom.ppf(rare, k, kept))] = 0.0
    exact = -2.0 * np.log2(np.sum(probability * 2.0 ** (-entropy / 2.0)))
    found = kept_entropy(n, k, x, tail, kept, rare)
    two_bits = 2.0
    assert exact - two_bits < found <= exact


@given(st.floats(0.0, 0.05), st.floats(0.0, 0.05))
def test_detectors_that_differ_never_lengthen_the_key(first, second):
    less, more = sorted((first, second))
    one_bit = 1.0
    shorter, longer = (key_length(4000, 3000, 80, 60, "projected", efficiency_mismatch=m).length for m in (more, less))
    assert shorter <= longer + one_bit
    none = key_length(4000, 3000, 80, 60, "projected").length
    assert longer <= none + ROUNDING


@pytest.mark.parametrize(("n", "k", "x"), [(1685, 1415, 62), (1415, 1685, 78), (20_000, 20_000, 300)])
def test_no_proof_passes_the_limit_of_the_attack(n, k, x):
    for eps in (1e-8, 1e-10, 1e-12):
        key = bbm92_key_length(
            n_z=n, n_x=k, errors_z=0, errors_x=x, f_ec=1.0, bound="projected", eps_sec=eps, eps_cor=eps,
            estimate_share=np.linspace(0.1, 0.9, 17),
        )  # fmt: skip
        limit = longest_length(n_key=n, n_sample=k, errors_sample=x, leak_ec=0.0, eps_sec=eps)
        assert key.z.length.max() < limit < n


def test_half_of_the_failure_probability_is_the_published_division():
    # Theorem 2 of Tomamichel et al. (2012) ends in log2(2 / (eps_sec^2 eps_cor)).
    key = key_length(50_000, 50_000, 1000, 1000, "tomamichel2012")
    assert key.z.security == pytest.approx(np.log2(2.0 / (1e-18 * 1e-12)), rel=1e-12)
    assert key.split.estimate == (1e-9 / 4) ** 2


def test_a_share_of_nothing_is_refused():
    with pytest.raises(ValueError, match=r"estimate_share=1 is outside .*: leave a share for each part"):
        key_length(1000, 1000, 10, 10, "lim2021", estimate_share=1.0)


def test_expected_counts_of_an_exact_tail_go_to_the_bad_side():
    whole = key_length(1700, 1400, 80, 63, "hypergeometric")
    parts = key_length(1699.4, 1400.9, 79.2, 62.1, "hypergeometric")
    assert parts.z.phase_error == whole.z.phase_error


def sampled(n_sample, bound="hypergeometric", n_sifted=20_000, errors=600, **changed):
    return sampled_key_length(n_sifted=n_sifted, errors=errors, n_sample=n_sample, bound=bound, **(SECURITY | changed))


@pytest.mark.parametrize("bound", PROVEN)
def test_one_block_is_the_key_of_the_bits_that_are_left(bound):
    key = sampled(5000, bound)
    twin = key_length(15_000, 5000, 450, 150, bound).z
    assert key.block.n_sifted == 15_000
    assert key.block.phase_error == twin.phase_error
    assert key.block.leak_ec == twin.leak_ec
    # Its verification hash has log2(1/eps_cor) bits, without the bit for rounding up.
    assert key.length == pytest.approx(twin.length + 1.0, rel=1e-12)


def test_a_sample_that_is_too_small_or_too_large_leaves_no_key():
    lengths = sampled(np.array([0, 10, 5000, 19_990, 20_000])).length
    assert (lengths > 0).tolist() == [False, False, True, False, False]


def test_a_sample_larger_than_the_block_is_refused():
    with pytest.raises(ValueError, match="n_sample=20001 exceeds n_sifted=20000"):
        sampled(20_001)


def test_tighter_security_and_mismatch_cost_key():
    lengths = [
        key_length(50_000, 50_000, 1000, 1000, "tomamichel2012", **changed).length
        for changed in ({}, {"eps_sec": 1e-12}, {"eps_cor": 1e-15}, {"f_ec": 1.3}, {"efficiency_mismatch": 0.02})
    ]
    assert max(lengths[1:]) < lengths[0]


def test_phase_error_of_z_comes_from_x():
    key = key_length(1000, 1000, 10, 50, "asymptotic")
    assert (key.z.phase_error, key.x.phase_error) == (0.05, 0.01)
    assert (key.z.qber, key.x.qber) == (0.01, 0.05)


def test_mismatch_raises_the_phase_error_up_to_one_half():
    assert mismatched_phase_error(0.1, 0.0147) == pytest.approx(0.1 / (1.0 - 0.0288), rel=1e-4)
    assert mismatched_phase_error(0.49, 0.1) == 0.5


def test_counts_broadcast_point_by_point():
    n_z, errors_z = np.array([[1000], [50_000]]), np.array([10, 20, 30])
    table = key_length(n_z, 40_000, errors_z, 800, "yin2020")
    assert table.length.shape == (2, 3)
    for i, j in np.ndindex(2, 3):
        single = key_length(int(n_z[i, 0]), 40_000, int(errors_z[j]), 800, "yin2020")
        assert single.length == pytest.approx(table.length[i, j], rel=1e-12)
        assert single.x.phase_error == pytest.approx(table.x.phase_error[i, j], rel=1e-12)


@pytest.mark.parametrize("bound", BOUNDS)
def test_basis_without_bits_gives_no_key_and_no_knowledge(bound):
    key = key_length(0, 10_000, 0, 50, bound)
    assert key.length == 0.0
    assert key.x.phase_error == 0.5
    assert key.z.leak_ec == key.z.privacy == 0.0


@pytest.mark.parametrize("bound", BOUNDS)
def test_no_bits_at_all_give_no_key(bound):
    key = key_length(0, 0, 0, 0, bound)
    assert key.length == 0.0
    assert (key.z.phase_error, key.x.phase_error) == (0.5, 0.5)


def test_record_is_frozen():
    key = key_length(1000, 1000, 10, 10, "yin2020")
    with pytest.raises(dataclasses.FrozenInstanceError):
        key.bound = "other"


def test_unknown_bound_lists_the_known_ones():
    with pytest.raises(
        ValueError,
        match="bound='renner' is unknown: choose one of asymptotic, hypergeometric, lim2021, projected, tomamichel2012",
    ):
        key_length(1000, 1000, 10, 10, "renner")


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ((1000, 1000, 1001, 10), "errors_z=1001 exceeds n_z=1000"),
        ((1000, -5, 10, 0), r"n_x=-5 is outside \[0, "),
    ],
)
def test_impossible_counts_are_refused(counts, message):
    with pytest.raises(ValueError, match=message):
        key_length(*counts, "yin2020")


@pytest.mark.parametrize("bound", BOUNDS)
def test_threshold_parts_key_from_no_key(bound):
    n_z, n_x = 30_000, 20_000
    threshold = qber_threshold(n_z=n_z, n_x=n_x, bound=bound, **SECURITY)
    below, above = (key_length(n_z, n_x, q * n_z, q * n_x, bound).length for q in (threshold - 1e-6, threshold + 1e-6))
    assert below > 0.0
    assert above == 0.0


def test_threshold_of_too_few_bits_is_an_error():
    with pytest.raises(ValueError, match="n_z=100 and n_x=100 give no key even without errors"):
        qber_threshold(n_z=100, n_x=100, bound="tomamichel2012", **SECURITY)
