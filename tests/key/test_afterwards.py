"""What is chosen after a pass is as good as the best of all choices."""

from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from satqkd.key.optimise.afterwards import optimal_blocks, optimal_sample, optimal_split
from satqkd.key.proofs.bbm92 import bbm92_key_length, sampled_key_length

from ..sizes import examples

SECURITY = {"eps_sec": 1e-9, "eps_cor": 1e-15, "f_ec": 1.16}
ONE_BIT = 1.0

# Yin et al., Nature 582, 501 (2020).
YIN2020 = {"n_z": 1685, "n_x": 1415, "errors_z": 78, "errors_x": 62, "f_ec": 1.19, "efficiency_mismatch": 0.0147}


def test_a_divided_failure_probability_gives_more_key():
    def key(**split):
        return bbm92_key_length(**YIN2020, bound="hypergeometric", **split)

    best = optimal_split(key, eps=1e-6, rng=np.random.default_rng(1))
    assert best.settings["eps_sec"] + best.settings["eps_cor"] == pytest.approx(1e-6, rel=1e-12)
    half = key(eps_sec=5e-7, eps_cor=5e-7).length
    correctness, share = 1e-6 * np.geomspace(1e-4, 0.79, 60), np.linspace(0.02, 0.98, 97)[:, np.newaxis]
    grid = key(eps_sec=1e-6 - correctness, eps_cor=correctness, estimate_share=share).length
    assert best.length >= grid.max() - ONE_BIT
    assert best.length > half + 5 * ONE_BIT


def test_a_sample_is_as_good_as_the_best_of_all():
    proof = {"eps_sec": 1e-6, "eps_cor": 1e-8, "f_ec": 1.19, "bound": "hypergeometric"}
    best = optimal_sample(n_sifted=3100, errors=140, rng=np.random.default_rng(1), **proof)
    share = np.linspace(0.02, 0.98, 49)[:, np.newaxis]
    every = sampled_key_length(
        n_sifted=3100, errors=140, n_sample=np.arange(1, 3100), estimate_share=share, **proof
    ).length
    assert best.length >= every.max() - ONE_BIT
    assert best.settings["n_sample"] == int(best.settings["n_sample"])


def test_a_sample_that_gives_no_key_is_said():
    with pytest.raises(ValueError, match="no settings within the limits give key"):
        optimal_sample(n_sifted=300, errors=14, rng=np.random.default_rng(1), bound="lim2021", **SECURITY)


@settings(max_examples=examples(30))
@given(st.integers(0, 10**6), st.integers(1, 3))
@example(35550, 2)  # the best of two that share the failure probability has one of them empty
def test_blocks_are_the_best_of_all_ways_to_cut(seed, most):
    bins = 6
    value = np.random.default_rng(seed).normal(0.3, 1.0, (most + 1, bins + 1, bins + 1))
    found = optimal_blocks(lambda first, last, blocks: np.maximum(value[blocks, first, last], 0), bins=bins, most=most)
    intervals = list(combinations(range(bins + 1), 2))
    best = 0.0
    for blocks in range(1, most + 1):
        for cut in chain.from_iterable(combinations(intervals, used) for used in range(1, blocks + 1)):
            if all(left[1] <= right[0] for left, right in zip(cut, cut[1:], strict=False)):
                best = max(best, sum(max(value[blocks][one], 0.0) for one in cut))
    assert found.length == pytest.approx(best)
    assert all(left[1] <= right[0] for left, right in zip(found.edges, found.edges[1:], strict=False))


def test_a_clear_and_a_hazy_half_make_a_key_each():
    n, errors = np.full(20, 20_000.0), np.where(np.arange(20) < 10, 200.0, 1600.0)

    def length(first, last, blocks):
        block_n, block_errors = (
            np.append(0.0, np.cumsum(x))[last] - np.append(0.0, np.cumsum(x))[first] for x in (n, errors)
        )
        return bbm92_key_length(
            n_z=block_n / 2, n_x=block_n / 2, errors_z=block_errors / 2, errors_x=block_errors / 2,
            eps_sec=1e-9 / blocks, eps_cor=1e-9 / blocks, f_ec=1.16, bound="lim2021",
        ).length  # fmt: skip

    found = optimal_blocks(length, bins=20)
    assert found.edges[0] == (0, 10)
    assert found.length > length(np.array([0]), np.array([20]), 1)[0]
