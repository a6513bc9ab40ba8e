"""Entropies and tail bounds: known values, and exact tails that the bounds have to cover."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import lambertw
from scipy.stats import binom, hypergeom, poisson

from satqkd.key import entropy

EPS = st.floats(1e-9, 0.2)
ROUNDING = 1e-9


def test_binary_entropy_at_known_points():
    np.testing.assert_allclose(
        entropy.binary_entropy([0.0, 0.25, 0.5, 1.0]), [0.0, 2.0 - 0.75 * np.log2(3.0), 1.0, 0.0]
    )


@given(st.floats(0.0, 0.5), st.floats(0.0, 0.5))
def test_binary_entropy_is_symmetric_and_rises_to_one_half(p, q):
    low, high = sorted((p, q))
    assert entropy.binary_entropy(low) <= entropy.binary_entropy(high) + ROUNDING
    assert entropy.binary_entropy(p) == pytest.approx(entropy.binary_entropy(1.0 - p), abs=ROUNDING)


@pytest.mark.parametrize("p", [-0.01, 1.2, np.nan])
def test_binary_entropy_refuses_what_is_no_probability(p):
    with pytest.raises(ValueError, match=rf"p={p:g} is outside \[0, 1\]: give a fraction, not percent"):
        entropy.binary_entropy([0.1, p])


def test_leak_is_f_times_the_shannon_limit():
    leak = entropy.leak_ec_bits(np.array([1000, 2000]), 0.25, f_ec=1.2)
    np.testing.assert_allclose(leak, 1.2 * np.array([1000, 2000]) * (2.0 - 0.75 * np.log2(3.0)))


def test_leak_refuses_percent():
    with pytest.raises(ValueError, match=r"qber=4.5 is outside \[0, 0.5\]: give a fraction"):
        entropy.leak_ec_bits(1000, 4.5, f_ec=1.1)


def test_error_rate_of_no_events_is_one_half():
    np.testing.assert_array_equal(entropy.error_rate([0, 3], [0, 12]), [0.5, 0.25])


def test_security_parameters_have_bounds():
    with pytest.raises(ValueError, match=r"eps_sec=0 is outside"):
        entropy.check_security(eps_sec=0.0, eps_cor=1e-10, f_ec=1.1)
    with pytest.raises(ValueError, match=r"f_ec=0.9 is outside \[1, inf\]"):
        entropy.check_security(eps_sec=1e-10, eps_cor=1e-10, f_ec=0.9)


@given(st.integers(1, 500), st.floats(0.0, 1.0), EPS)
def test_hoeffding_covers_the_binomial(n, probability, eps):
    lowest = n * probability - entropy.hoeffding_deviation(n, eps)
    assert binom.cdf(np.ceil(lowest) - 1, n, probability) <= eps + ROUNDING


@given(st.integers(1, 120), st.integers(1, 120), st.floats(0.0, 1.0), EPS)
def test_serfling_covers_the_sample_against_the_whole(n_key, n_sample, fraction, eps):
    whole = n_key + n_sample
    errors = round(fraction * whole)
    in_sample = np.arange(n_sample + 1)
    missed = in_sample / n_sample + entropy.serfling_deviation(n_key, n_sample, eps=eps) < errors / whole - ROUNDING
    assert hypergeom.pmf(in_sample, whole, errors, n_sample)[missed].sum() <= eps


@given(st.integers(1, 120), st.integers(1, 120), st.floats(0.0, 1.0), EPS)
def test_serfling_covers_the_sample_against_the_rest(n_key, n_sample, fraction, eps):
    whole = n_key + n_sample
    errors = round(fraction * whole)
    in_sample = np.arange(n_sample + 1)
    in_key = (errors - in_sample) / n_key
    missed = in_sample / n_sample + entropy.serfling_key_deviation(n_key, n_sample, eps=eps) < in_key - ROUNDING
    assert hypergeom.pmf(in_sample, whole, errors, n_sample)[missed].sum() <= eps


def test_deviation_for_the_rest_is_the_larger_one():
    whole, rest = (
        entropy.serfling_deviation(1685, 1415, eps=1e-10),
        entropy.serfling_key_deviation(1685, 1415, eps=1e-10),
    )
    assert 1.8 < rest / whole < 1.9


def test_no_sample_is_no_knowledge():
    assert np.isinf(entropy.serfling_deviation(100, 0, eps=0.1))
    assert np.isinf(entropy.serfling_key_deviation(100, 0, eps=0.1))


@given(st.floats(0.01, 300.0), EPS)
def test_chernoff_covers_the_poissonian(expectation, eps):
    counts = np.arange(2000)
    probability = poisson.pmf(counts, expectation)
    assert probability[entropy.chernoff_upper(counts, eps) < expectation].sum() <= eps
    assert probability[entropy.chernoff_lower(counts, eps) > expectation].sum() <= eps


@given(st.floats(1.0, 1e7), EPS)
def test_chernoff_is_never_narrower_than_the_implicit_bound(observed, eps):
    # Zhang et al., Phys. Rev. A 95, 012333 (2017): E - x + x ln(x/E) = ln(1/eps), both roots by the Lambert function.
    argument = -np.exp(-1.0 + np.log(eps) / observed)
    lower, upper = (-observed * lambertw(argument, branch).real for branch in (0, -1))
    slack = 1e-6 * observed
    assert entropy.chernoff_lower(observed, eps) <= lower + slack
    assert entropy.chernoff_upper(observed, eps) >= upper - slack


@pytest.mark.parametrize("thinned", [entropy.hoeffding_thinned, entropy.chernoff_thinned])
@given(n=st.integers(1, 2000), share=st.floats(0.0, 1.0), eps=EPS)
def test_thinning_covers_the_binomial(thinned, n, share, eps):
    lowest = thinned(n, share, eps)
    assert 0.0 <= lowest <= n * share
    assert binom.cdf(np.ceil(lowest - ROUNDING) - 1, n, share) <= eps + ROUNDING


@pytest.mark.parametrize("thinned", [entropy.hoeffding_thinned, entropy.chernoff_thinned])
def test_thinning_is_not_much_wider_than_the_exact_tail(thinned):
    n, share, eps = 100_000, 0.2, 1e-6
    expectation = n * share
    assert expectation - thinned(n, share, eps) < 1.5 * (expectation - binom.ppf(eps, n, share))


def test_tails_broadcast():
    eps = np.array([1e-3, 1e-9])[:, None]
    observed = np.array([10.0, 100.0, 1000.0])
    for bound in (entropy.chernoff_lower, entropy.chernoff_upper, entropy.hoeffding_deviation):
        table = bound(observed, eps)
        assert table.shape == (2, 3)
        assert table[1, 2] == bound(1000.0, 1e-9)
