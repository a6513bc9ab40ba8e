"""Accidental coincidences, and the width of the window that they show."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satqkd.coincidence import count
from satqkd.counts.accidentals import expected_accidentals, ratio_of_accidentals, window_factor

from ..sizes import examples


def test_detectors_go_to_settings_and_outcomes():
    singles = np.ones((2, 4))
    singles[0, 1], singles[1, 2] = 3, 5  # setting 0 outcome 1; setting 1 outcome 0
    each = expected_accidentals(singles, duration_s=1.0, window_s=1.0)
    assert each[0, 1, 1, 0] == 15 and each[0, 0, 1, 1] == 3 and each[1, 1, 0, 0] == 5


def test_two_poisson_streams_have_that_many_coincidences():
    rng, seconds, window_ps = np.random.default_rng(1), 20.0, 2000
    streams = [np.sort(rng.integers(0, int(seconds * 1e12), 400_000)) for _ in range(2)]
    singles = np.zeros((2, 4))
    singles[:, 0] = [s.size for s in streams]
    expected = expected_accidentals(singles, duration_s=seconds, window_s=window_ps * 1e-12).sum()
    five_sigma = 5 * np.sqrt(expected)
    assert abs(count(*streams, window_ps) - expected) < five_sigma


@settings(max_examples=examples(30))
@given(factor=st.sampled_from([0.5, 1.0, 2.0]), error=st.floats(0.0, 0.1), seed=st.integers(0, 2**32 - 1))
def test_the_errors_of_drawn_tables_give_the_factor_of_the_window(factor, error, seed):
    rng = np.random.default_rng(seed)
    true, accidentals = np.array([1e5, 2e5, 4e5, 8e5]), np.array([5e2, 2e3, 1e4, 4e4])
    wrong = rng.poisson(error * true + factor * accidentals / 2)
    right = rng.poisson((1 - error) * true + factor * accidentals / 2)
    found = window_factor(wrong, wrong + right, accidentals)
    assert abs(found.factor - factor) < 5 * found.sigma and found.sigma < 0.1
    assert found.contradicts == (factor != 1.0)


@pytest.mark.parametrize(
    ("wrong", "total", "accidentals"),
    [([5], [100], [3]), ([5, 10], [100, 200], [3, 6]), ([0, 0], [0, 0], [1, 2]), ([60, 70], [100, 100], [1, 9])],
    ids=["one row", "the same share in all rows", "no coincidences", "errors above one half"],
)
def test_rows_that_do_not_tell_contradict_nothing(wrong, total, accidentals):
    assert not window_factor(wrong, total, accidentals).contradicts


def test_few_accidentals_contradict_nothing():
    assert not ratio_of_accidentals([2], [1.0]).contradicts
    assert ratio_of_accidentals([50], [100.0]).contradicts
    assert not ratio_of_accidentals([0], [0.0]).contradicts
