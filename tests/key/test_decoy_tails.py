"""Tail bounds of counts: exact tails that they have to cover."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import lambertw
from scipy.stats import binom, poisson

from satqkd.key.proofs import decoy_bounds as tails

EPS = st.floats(1e-9, 0.2)
ROUNDING = 1e-9


@given(st.integers(1, 500), st.floats(0.0, 1.0), EPS)
def test_hoeffding_covers_the_binomial(n, probability, eps):
    lowest = n * probability - tails.hoeffding_deviation(n, eps)
    assert binom.cdf(np.ceil(lowest) - 1, n, probability) <= eps + ROUNDING


@given(st.floats(0.01, 300.0), EPS)
def test_chernoff_covers_the_poissonian(expectation, eps):
    counts = np.arange(2000)
    probability = poisson.pmf(counts, expectation)
    assert probability[tails.chernoff_upper(counts, eps) < expectation].sum() <= eps
    assert probability[tails.chernoff_lower(counts, eps) > expectation].sum() <= eps


@given(st.floats(0.01, 300.0), EPS)
def test_zhang2017_covers_the_poissonian(expectation, eps):
    counts = np.arange(2000)
    probability = poisson.pmf(counts, expectation)
    assert probability[tails.zhang2017_upper(counts, eps) < expectation].sum() <= eps
    assert probability[tails.zhang2017_lower(counts, eps) > expectation].sum() <= eps


@given(st.floats(1e-3, 1e10), EPS)
def test_zhang2017_solves_its_equation(observed, eps):
    # E - x + x ln(x/E) = ln(1/eps), in units of x so that rounding stays small.
    beta = np.log(1.0 / eps)
    for bound in (tails.zhang2017_lower(observed, eps), tails.zhang2017_upper(observed, eps)):
        z = bound / observed
        if z > 1e-250:
            assert z - 1.0 - np.log(z) == pytest.approx(beta / observed, rel=1e-4, abs=1e-14)


@given(st.floats(1.0, 1e7), EPS)
def test_zhang2017_is_the_lambert_function(observed, eps):
    argument = -np.exp(-1.0 + np.log(eps) / observed)
    lower, upper = (-observed * lambertw(argument, branch).real for branch in (0, -1))
    # The Lambert function loses half of its digits at its branch point, which large counts come near to.
    assert tails.zhang2017_lower(observed, eps) == pytest.approx(lower, rel=1e-7, abs=1e-7)
    assert tails.zhang2017_upper(observed, eps) == pytest.approx(upper, rel=1e-7)


@given(st.floats(0.0, 1e9), EPS)
def test_the_closed_form_is_never_narrower(observed, eps):
    slack = ROUNDING * (1.0 + observed)
    assert tails.chernoff_lower(observed, eps) <= tails.zhang2017_lower(observed, eps) + slack
    assert tails.chernoff_upper(observed, eps) >= tails.zhang2017_upper(observed, eps) - slack


def test_zhang2017_of_nothing_and_next_to_nothing():
    nothing = np.array([0.0, 1e-320, 1e-200, 1e-30, 1e-3])
    assert np.all(tails.zhang2017_lower(nothing, 1e-11) == 0.0)
    np.testing.assert_allclose(tails.zhang2017_upper(nothing, 1e-11), np.log(1e11), rtol=1e-3)


@pytest.mark.parametrize("thinned", [tails.hoeffding_thinned, tails.chernoff_thinned])
@given(n=st.integers(1, 2000), share=st.floats(0.0, 1.0), eps=EPS)
def test_thinning_covers_the_binomial(thinned, n, share, eps):
    lowest = thinned(n, share, eps)
    assert 0.0 <= lowest <= n * share
    assert binom.cdf(np.ceil(lowest - ROUNDING) - 1, n, share) <= eps + ROUNDING


@pytest.mark.parametrize("thinned", [tails.hoeffding_thinned, tails.chernoff_thinned])
def test_thinning_is_not_much_wider_than_the_exact_tail(thinned):
    n, share, eps = 100_000, 0.2, 1e-6
    expectation = n * share
    assert expectation - thinned(n, share, eps) < 1.5 * (expectation - binom.ppf(eps, n, share))


def test_tails_broadcast():
    eps = np.array([1e-3, 1e-9])[:, None]
    observed = np.array([10.0, 100.0, 1000.0])
    for bound in (tails.chernoff_lower, tails.zhang2017_upper, tails.hoeffding_deviation):
        table = bound(observed, eps)
        assert table.shape == (2, 3)
        assert table[1, 2] == bound(1000.0, 1e-9)
