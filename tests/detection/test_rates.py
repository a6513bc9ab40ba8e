"""Points in time drawn from a rate, and fading."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest, poisson

from satqkd.detection.rates import fading, poisson_times

ONE_IN_TEN_THOUSAND = 1e-4


def rescaled_times(edges, rate, rng):
    """The definition: unit exponential steps in the integrated rate, turned back into time by searching."""
    integral = np.concatenate([[0.0], np.cumsum(rate * np.diff(edges))])
    times, reached = [], rng.standard_exponential()
    while reached < integral[-1]:
        cell = np.searchsorted(integral, reached, side="right") - 1
        times.append(edges[cell] + (reached - integral[cell]) / rate[cell])
        reached += rng.standard_exponential()
    return np.array(times)


@given(seed=st.integers(0, 2**32 - 1), cells=st.integers(1, 12))
def test_times_equal_their_definition(seed, cells):
    rng = np.random.default_rng(seed)
    edges = np.cumsum(rng.uniform(0.01, 2, cells + 1)) - 3
    rate = rng.choice([0.0, 0.3, 5.0, 40.0], cells)
    found = poisson_times(edges, rate, np.random.default_rng(seed + 1))
    expected = rescaled_times(edges, rate, np.random.default_rng(seed + 1))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11)


@given(seed=st.integers(0, 2**32 - 1))
def test_times_ascend_inside_the_cells_that_shine(seed):
    rng = np.random.default_rng(seed)
    edges, rate = np.linspace(2, 5, 31), rng.choice([0.0, 300.0], 30)
    times = poisson_times(edges, rate, rng)
    assert np.all(np.diff(times) > 0)
    assert np.all((times >= 2) & (times <= 5))
    assert np.all(rate[np.clip(np.searchsorted(edges, times, side="right") - 1, 0, 29)] > 0)


def test_counts_of_cells_follow_their_rates():
    edges = np.linspace(0, 10, 101)
    rate = 2e4 * np.exp(-np.linspace(0, 3, 100))
    times = poisson_times(edges, rate, np.random.default_rng(4))
    expected = rate * 0.1
    found = np.histogram(times, edges)[0]
    assert abs(times.size - expected.sum()) < 4 * np.sqrt(expected.sum())
    assert chisquare(found, expected * times.size / expected.sum()).pvalue > ONE_IN_TEN_THOUSAND
    inside = (times / 0.1) % 1
    assert kstest(inside, "uniform").pvalue > ONE_IN_TEN_THOUSAND


def test_totals_are_poissonian():
    rng = np.random.default_rng(5)
    totals = [poisson_times(np.array([0.0, 0.5, 2.0]), np.array([4.0, 2.0]), rng).size for _ in range(5000)]
    bins = np.bincount(np.clip(totals, 0, 10), minlength=11)
    expected = 5000 * np.array([*poisson.pmf(np.arange(10), 5), poisson.sf(9, 5)])
    assert chisquare(bins, expected).pvalue > ONE_IN_TEN_THOUSAND


def test_darkness_gives_nothing():
    assert poisson_times(np.array([0.0, 10.0]), np.array([0.0]), np.random.default_rng(1)).size == 0


@pytest.mark.parametrize("variance", [0.0, 0.01, 0.3])
def test_fading_has_unit_mean_and_the_variance_asked_for(variance):
    factor = fading(np.full(400_000, variance), np.random.default_rng(2))
    assert factor.min() > 0
    assert abs(factor.mean() - 1) <= 4 * np.sqrt(variance / factor.size) + 1e-12
    # The fourth moment of a log-normal distribution, for the error of the variance.
    w = 1 + variance
    fourth = (w**4 + 2 * w**3 + 3 * w**2 - 3) * variance**2
    assert abs(factor.var() - variance) <= 4 * np.sqrt((fourth - variance**2) / factor.size) + 1e-12


def test_fading_of_each_cell_is_its_own():
    factor = fading(np.full(200_000, 0.1), np.random.default_rng(3))
    assert abs(np.corrcoef(factor[:-1], factor[1:])[0, 1]) < 4 / np.sqrt(factor.size)
