"""The search finds what there is to find, and says when it does not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satqkd.key.optimise.search import NotConvergedError, maximise

from ..sizes import examples

SQUARE = {"low": [0, 0], "high": [1, 1]}


def test_a_search_that_does_not_converge_says_so():
    noise = np.random.default_rng(4)
    with pytest.raises(NotConvergedError, match="the two best of 8 searches are .* apart: give narrower limits"):
        maximise(
            lambda points, _: 1e6 * noise.random(len(points)), low=[0, 0], high=[1, 1], rng=np.random.default_rng(1)
        )


@given(st.integers(0, 10**6))
@settings(max_examples=examples(20))
def test_the_search_finds_a_peak_wherever_it_is(seed):
    rng = np.random.default_rng(seed)
    peak, width = rng.uniform(-2.0, 3.0, 4), rng.uniform(0.1, 1.0, 4)
    low, high = np.full(4, -2.0), np.full(4, 3.0)
    best = maximise(
        lambda points, _: 1e5 - 1e3 * (((points - peak) / width) ** 2).sum(axis=1), low=low, high=high, rng=rng
    )
    resolution = 0.01
    assert best.value == pytest.approx(1e5, abs=resolution)
    # Where the function is lower by the resolution.
    assert (np.abs(best.point - peak) <= width * np.sqrt(resolution / 1e3)).all()


def test_of_two_functions_the_greater_maximum_is_found():
    def peak(place, height):
        return lambda points, _: height - 1e3 * ((points - place) ** 2).sum(axis=1)

    for heights in [(1e3, 1.01e3), (1.01e3, 1e3)]:
        best = maximise(peak(0.2, heights[0]), peak(0.9, heights[1]), **SQUARE, rng=np.random.default_rng(1))
        assert best.value == pytest.approx(1.01e3, abs=0.01)
        np.testing.assert_allclose(best.point, 0.2 if heights[0] > heights[1] else 0.9, atol=1e-3)


def test_a_search_that_one_function_fails_says_so_only_when_it_matters():
    noise = np.random.default_rng(4)

    def unsteady(points, _):
        return 1e6 * noise.random(len(points))

    def steady(points, _):
        return 2e6 - ((points - 0.5) ** 2).sum(axis=1)

    assert maximise(unsteady, steady, **SQUARE, rng=np.random.default_rng(1)).value == pytest.approx(2e6)
    with pytest.raises(NotConvergedError):
        maximise(unsteady, lambda points, _: np.zeros(len(points)), **SQUARE, rng=np.random.default_rng(1))


def test_a_search_that_has_lost_asks_for_no_more_points():
    asked = {"near": 0, "far": 0}

    def peak(name, height):
        def values(points, _):
            asked[name] += len(points)
            return height - 1e3 * ((points - 0.5) ** 2).sum(axis=1)

        return values

    space = {"low": [0] * 6, "high": [1] * 6}
    best = maximise(peak("near", 2.0), peak("far", 1.0), **space, rng=np.random.default_rng(1), resolution=1e-9)
    assert best.value == pytest.approx(2.0, abs=1e-6)
    assert asked["far"] < asked["near"]
