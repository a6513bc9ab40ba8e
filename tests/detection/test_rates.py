"""Points in time drawn from a rate, and fading."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest, poisson

from satqkd.detection.rates import PoissonProcess, _follow, fading

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
    found = PoissonProcess(np.random.default_rng(seed + 1)).times(edges, rate)
    expected = rescaled_times(edges, rate, np.random.default_rng(seed + 1))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11)


@given(seed=st.integers(0, 2**32 - 1))
def test_times_ascend_inside_the_cells_that_shine(seed):
    rng = np.random.default_rng(seed)
    edges, rate = np.linspace(2, 5, 31), rng.choice([0.0, 300.0], 30)
    times = PoissonProcess(rng).times(edges, rate)
    assert np.all(np.diff(times) > 0)
    assert np.all((times >= 2) & (times <= 5))
    assert np.all(rate[np.clip(np.searchsorted(edges, times, side="right") - 1, 0, 29)] > 0)


@given(seed=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(1, 29), max_size=5))
def test_a_process_is_the_same_wherever_its_stretches_end(seed, cuts):
    """To the last bit, and with one generator."""
    rng = np.random.default_rng(seed)
    edges, rate = np.linspace(2, 5, 31), rng.choice([0.0, 0.1, 3.0, 300.0], 30)
    whole = PoissonProcess(np.random.default_rng(seed)).times(edges, rate)
    process = PoissonProcess(np.random.default_rng(seed))
    bounds = [0, *sorted(cuts), 30]
    pieces = [process.times(edges[i : j + 1], rate[i:j]) for i, j in zip(bounds[:-1], bounds[1:], strict=True)]
    assert np.concatenate(pieces).tobytes() == whole.tobytes()


@given(seed=st.integers(0, 2**32 - 1), room=st.integers(1, 40))
def test_an_array_that_is_too_short_is_filled_and_followed_by_another(seed, room):
    edges, rate = np.linspace(2, 5, 31), np.random.default_rng(seed).choice([0.0, 300.0], 30)
    whole = PoissonProcess(np.random.default_rng(seed)).times(edges, rate)
    rng = np.random.default_rng(seed)
    pieces, cell, left = [], 0, rng.standard_exponential()
    while cell < rate.size:
        times = np.empty(room)
        count, cell, left = _follow(times, edges, rate, cell, left, rng)
        assert count == room or cell == rate.size
        pieces.append(times[:count])
    assert np.concatenate(pieces).tobytes() == whole.tobytes()


@pytest.mark.parametrize("seed", range(5))
def test_points_follow_a_rate_that_fades(seed):
    """A pass of 27,000 coherence cells: counts of the cells, and the rescaled times as a whole and step by step."""
    rng = np.random.Generator(np.random.SFC64(seed))
    edges = np.linspace(0, 270, 27_001)
    profile = np.exp(-(((edges[:-1] - 135) / 80) ** 2)) * fading(np.full(27_000, 0.1), rng)
    rate = 1e6 * profile / (profile.sum() * 0.01)
    times = PoissonProcess(rng).times(edges, rate)
    expected = rate * 0.01
    assert abs(times.size - 1e6) < 4 * 1e3
    found = np.bincount(np.searchsorted(edges, times, side="right") - 1, minlength=27_000)
    dense = expected > 5
    chi_squared = ((found - expected)[dense] ** 2 / expected[dense]).sum()
    assert abs(chi_squared - dense.sum()) < 4 * np.sqrt(2 * dense.sum() + (1 / expected[dense]).sum())
    rescaled = np.interp(times, edges, np.append(0, np.cumsum(expected)))
    assert kstest(rescaled / 1e6, "uniform").pvalue > ONE_IN_TEN_THOUSAND
    steps = np.diff(rescaled, prepend=0)
    assert kstest(steps, "expon").pvalue > ONE_IN_TEN_THOUSAND
    assert abs(np.corrcoef(steps[:-1], steps[1:])[0, 1]) < 4 / np.sqrt(times.size)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -1.0])
def test_what_is_no_rate_is_refused(wrong):
    with pytest.raises(ValueError, match=f"rate={wrong} is not a rate: give finite numbers"):
        PoissonProcess(np.random.default_rng(1)).times(np.linspace(0, 1, 4), np.array([1.0, wrong, 1.0]))


def test_totals_are_poissonian():
    rng = np.random.default_rng(5)
    totals = [PoissonProcess(rng).times(np.array([0.0, 0.5, 2.0]), np.array([4.0, 2.0])).size for _ in range(5000)]
    bins = np.bincount(np.clip(totals, 0, 10), minlength=11)
    expected = 5000 * np.array([*poisson.pmf(np.arange(10), 5), poisson.sf(9, 5)])
    assert chisquare(bins, expected).pvalue > ONE_IN_TEN_THOUSAND


def test_darkness_gives_nothing():
    assert PoissonProcess(np.random.default_rng(1)).times(np.array([0.0, 10.0]), np.array([0.0])).size == 0


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
