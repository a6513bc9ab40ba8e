"""Sample against the rest: every bound is held against the exact hypergeometric distribution."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom

from satqkd.key.proofs import sampling

from ..sizes import examples

EPS = st.floats(1e-9, 0.2)
ROUNDING = 1e-9


@given(st.integers(1, 120), st.integers(1, 120), st.floats(0.0, 1.0), EPS)
def test_serfling_covers_the_sample_against_the_whole(n_key, n_sample, fraction, eps):
    whole = n_key + n_sample
    errors = round(fraction * whole)
    in_sample = np.arange(n_sample + 1)
    missed = in_sample / n_sample + sampling.serfling_deviation(n_key, n_sample, eps=eps) < errors / whole - ROUNDING
    assert hypergeom.pmf(in_sample, whole, errors, n_sample)[missed].sum() <= eps


@given(st.integers(1, 120), st.integers(1, 120), st.floats(0.0, 1.0), EPS)
def test_serfling_covers_the_sample_against_the_rest(n_key, n_sample, fraction, eps):
    whole = n_key + n_sample
    errors = round(fraction * whole)
    in_sample = np.arange(n_sample + 1)
    in_key = (errors - in_sample) / n_key
    missed = in_sample / n_sample + sampling.serfling_key_deviation(n_key, n_sample, eps=eps) < in_key - ROUNDING
    assert hypergeom.pmf(in_sample, whole, errors, n_sample)[missed].sum() <= eps


def test_deviation_for_the_rest_is_the_larger_one():
    whole, rest = (
        sampling.serfling_deviation(1685, 1415, eps=1e-10),
        sampling.serfling_key_deviation(1685, 1415, eps=1e-10),
    )
    assert 1.8 < rest / whole < 1.9


def test_no_sample_is_no_knowledge():
    assert np.isinf(sampling.serfling_deviation(100, 0, eps=0.1))
    assert np.isinf(sampling.serfling_key_deviation(100, 0, eps=0.1))
    assert np.isinf(sampling.small_block_deviation(0.1, 100.0, 0.0, 0.1))
    assert np.isinf(sampling.small_block_deviation(0.1, 0.0, 100.0, 0.1))
    assert sampling.hypergeometric_key_errors(100, 0, 0, 0.1) == 100


def test_neither_sample_nor_rest_is_no_knowledge():
    assert np.isinf(sampling.serfling_deviation(0, 0, eps=0.1))
    assert np.isinf(sampling.serfling_key_deviation(0, 0, eps=0.1))


@given(st.integers(1, 120), st.integers(1, 120), st.floats(0.0, 1.0), EPS)
def test_small_block_deviation_covers_the_sample_against_the_rest(n_key, n_sample, fraction, eps):
    whole = n_key + n_sample
    errors = round(fraction * whole)
    in_sample = np.arange(n_sample + 1)
    seen = in_sample / n_sample
    deviation = sampling.small_block_deviation(seen, float(n_key), float(n_sample), eps)
    missed = seen + deviation < (errors - in_sample) / n_key - ROUNDING
    assert hypergeom.pmf(in_sample, whole, errors, n_sample)[missed].sum() <= eps


@given(st.integers(10, 10**6), st.integers(10, 10**6), st.floats(0.0, 0.2), st.floats(1e-30, 0.01))
def test_small_block_deviation_is_the_best_division(n_key, n_sample, seen, eps):
    n, k, whole = float(n_key), float(n_sample), float(n_key + n_sample)
    found = sampling.small_block_deviation(seen, n, k, eps)
    weight = np.concatenate([np.geomspace(1e-12, 0.9, 4001), np.linspace(0.9, 0.999, 4001)])
    xi = np.sqrt(-np.log(weight * eps) * (n + 1) / (2 * whole * k))
    gamma = 1 / (whole * (seen + xi) + 1) + 1 / (whole - whole * (seen + xi) + 1)
    with np.errstate(invalid="ignore"):
        nu = np.where(seen + xi < 0.5, xi + np.sqrt(1 - np.log((1 - weight) * eps) / (2 * gamma)) / n, np.inf)
    if np.isinf(nu.min()):
        assert np.isinf(found)
    else:
        assert found <= nu.min() * (1 + 1e-9)
        assert found >= nu.min() * (1 - 1e-4)


def most_key_errors(n_key, n_sample, errors_sample, tails):
    """Definition of the exact limit for several tails: the most errors in the key that are not excluded."""
    in_key = np.arange(n_key + 1)
    at_most = hypergeom.cdf(errors_sample, n_key + n_sample, errors_sample + in_key, n_sample)
    return [in_key[at_most > tail].max() for tail in tails]


@settings(max_examples=examples(100))
@given(st.integers(1, 80), st.integers(1, 80), st.floats(0.0, 1.0), st.floats(1e-25, 0.2))
@example(59, 1, 0.0, 0.2)
def test_hypergeometric_limit_equals_its_definition(n_key, n_sample, fraction, tail):
    errors = round(fraction * n_sample)
    found = sampling.hypergeometric_key_errors(n_key, n_sample, errors, tail)
    # 48 of 60 errors miss a sample of one with a probability of 0.2: rounding says whether that is more than 0.2.
    rounding = 1e-12
    more, fewer = most_key_errors(n_key, n_sample, errors, [tail * (1 - rounding), tail * (1 + rounding)])
    assert fewer <= found <= more


@given(st.integers(1, 100), st.integers(1, 100), st.floats(0.0, 1.0), EPS)
def test_hypergeometric_limit_covers_whatever_the_errors_are(n_key, n_sample, fraction, eps):
    whole = n_key + n_sample
    errors = round(fraction * whole)
    in_sample = np.arange(n_sample + 1)
    missed = sampling.hypergeometric_key_errors(n_key, n_sample, in_sample, eps) < errors - in_sample
    assert hypergeom.pmf(in_sample, whole, errors, n_sample)[missed].sum() <= eps


def test_hypergeometric_limit_is_no_wider_than_needed():
    # One error less, and the worst number of errors would be missed more often than allowed.
    n_key, n_sample, tail = 60, 40, 1e-3
    for seen in range(0, 30, 3):
        limit = sampling.hypergeometric_key_errors(n_key, n_sample, seen, tail)
        assert hypergeom.cdf(seen, n_key + n_sample, seen + limit, n_sample) > tail
        assert hypergeom.cdf(seen, n_key + n_sample, seen + limit + 1, n_sample) <= tail


def test_drawn_samples_exceed_the_hypergeometric_limit_as_often_as_promised():
    n_key, n_sample, errors, tail = 700, 300, 60, 0.02
    seen = np.random.default_rng(7).hypergeometric(errors, n_key + n_sample - errors, n_sample, 100_000)
    missed = np.mean(errors - seen > sampling.hypergeometric_key_errors(n_key, n_sample, seen, tail))
    assert 0.2 * tail < missed <= tail


@given(st.integers(1, 10**7), st.integers(1, 10**7), st.floats(0.0, 0.5), st.floats(1e-40, 0.01))
def test_hypergeometric_limit_is_inside_the_other_bounds(n_key, n_sample, fraction, eps):
    seen = int(fraction * n_sample)
    limit = sampling.hypergeometric_key_errors(n_key, n_sample, seen, eps) / n_key
    rate = seen / n_sample
    assert limit <= rate + sampling.serfling_key_deviation(n_key, n_sample, eps=eps)
    assert limit <= rate + sampling.small_block_deviation(rate, float(n_key), float(n_sample), eps)


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.floats(0.0, 0.4), st.floats(1e-40, 0.01))
def test_hypergeometric_limit_moves_the_right_way(n_key, n_sample, fraction, tail):
    seen = int(fraction * n_sample)
    limit = sampling.hypergeometric_key_errors(n_key, n_sample, seen, tail)
    assert limit <= sampling.hypergeometric_key_errors(n_key, n_sample, min(seen + 1, n_sample), tail)
    assert limit <= sampling.hypergeometric_key_errors(n_key, n_sample, seen, 0.1 * tail)
    assert limit <= sampling.hypergeometric_key_errors(n_key + 1, n_sample, seen, tail)


def test_hypergeometric_limit_of_very_long_keys_is_the_normal_one():
    n, rate, tail = 10**12, 0.02, 1e-20
    limit = sampling.hypergeometric_key_errors(n, n, int(rate * n), tail)
    sigmas = 9.2623  # of a normal distribution, one-sided, at 1e-20
    assert (limit / n - rate) / np.sqrt(2 * rate * (1 - rate) / n) == pytest.approx(sigmas, rel=1e-3)
