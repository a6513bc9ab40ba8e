"""Why there is no key: each reason by counts that have it, and labels that are swapped."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.key.proofs.reasons import (
    FEWEST_TELLING,
    REASONS,
    crossed_station,
    no_key_reason,
    not_in_hand_reason,
    side_of_one_half,
    suspected_swap,
)

NONE = {"length": 0.0, "asymptotic": 0.0}


@pytest.mark.parametrize(
    ("reason", "case"),
    [
        ("", {"length": 0.5, "asymptotic": 9.0, "sifted": [900, 800], "errors": [9, 8]}),
        ("no signal", {**NONE, "sifted": [0, 0], "errors": [0, 0]}),
        ("empty basis", {**NONE, "sifted": [900, 0], "errors": [9, 0]}),
        ("errors above one half", {**NONE, "sifted": [900, 800], "errors": [9, 792]}),
        ("errors above one half", {**NONE, "sifted": [900, 800], "errors": [450, 792]}),
        ("uncorrelated", {**NONE, "sifted": [900, 800], "errors": [460, 390]}),
        ("uncorrelated", {**NONE, "sifted": [900, 800], "errors": [9, 410]}),
        ("too many errors", {**NONE, "sifted": [900, 800], "errors": [200, 200]}),
        ("block too small", {"length": 0.0, "asymptotic": 300.0, "sifted": [900, 800], "errors": [9, 8]}),
        ("block too small", {**NONE, "sifted": [3, 2], "errors": [0, 1]}),
        ("block too small", {**NONE, "sifted": [4, 4], "errors": [4, 4]}),  # four of four happen by chance
        ("no single photons", {**NONE, "sifted": [900, 800], "errors": [9, 8], "single_photons": 0.0}),
        ("too many errors", {**NONE, "sifted": [900, 800], "errors": [9, 8], "single_photons": 12.0}),
        ("assumed leak", {"length": 0.0, "asymptotic": 300.0, "sifted": [9000, 9000], "errors": [9, 8], "held": 7}),
    ],
)
def test_each_reason_has_its_counts(reason, case):
    assert no_key_reason(**case) == reason
    assert reason == "" or reason in REASONS


@given(
    st.floats(0, 1e6),
    st.floats(0, 1e6),
    st.lists(st.tuples(st.integers(0, 10**6), st.floats(0, 1)), min_size=2, max_size=2),
    st.sampled_from([0.0, 5.0, np.inf]),
    st.integers(0, 3),
)
def test_there_is_a_reason_exactly_where_there_is_no_key(length, asymptotic, bases, single_photons, held):
    sifted, errors = [n for n, _ in bases], [int(share * n) for n, share in bases]
    reason = no_key_reason(
        length=length, asymptotic=asymptotic, sifted=sifted, errors=errors, single_photons=single_photons, held=held
    )
    assert (reason == "") == (length > 0)
    assert reason == "" or reason in REASONS


def test_a_rate_of_one_half_is_rarely_told_from_one_half():
    """Four standard deviations: once in 16,000 for both sides together; twice that many are seldom seen."""
    n, draws = 1000, 200_000
    errors = np.random.default_rng(4).binomial(n, 0.5, draws)
    most = 40  # expected 12.7
    assert 0 < np.count_nonzero(side_of_one_half(np.full(draws, n), errors)) < most


def test_the_fewest_bits_tell_a_rate_at_the_end_of_the_key_from_one_half():
    few, enough = int(FEWEST_TELLING) - 5, int(FEWEST_TELLING) + 5
    assert side_of_one_half(few, 0.11 * few) == 0 and side_of_one_half(enough, 0.11 * enough) == -1


@pytest.mark.parametrize(
    ("reason", "case"),
    [
        ("", {"held": 5, "begun": True, "verified": True, "proof_reason": ""}),
        ("not verified", {"held": 0, "begun": True, "verified": False, "proof_reason": ""}),
        ("real leak", {"held": 0, "begun": True, "verified": True, "proof_reason": ""}),
        ("block too small", {"held": 0, "begun": False, "verified": False, "proof_reason": ""}),
        ("no signal", {"held": 0, "begun": False, "verified": False, "proof_reason": "no signal"}),
    ],
)
def test_each_key_in_hand_has_its_reason(reason, case):
    assert not_in_hand_reason(**case) == reason


def outcomes(correlation, n=1000):
    """Coincidences by setting and outcome of a correlation, shape (2, 2)."""
    equal = np.rint(n * (1 + np.asarray(correlation)) / 4).astype(int)
    table = np.empty((2, 2, 2, 2), int)
    table[..., 0, 0] = table[..., 1, 1] = equal
    table[..., 0, 1] = table[..., 1, 0] = n // 2 - equal
    return table


IDEAL = np.array([[-1.0, 0.0], [0.0, 1.0]])  # of psi plus at 0 and 45 degrees


def relabelled(table, station, order):
    """Coincidences with the four detectors of a station, by 2 x setting + outcome, in another order."""
    by_detector = np.moveaxis(table, (station, 2 + station), (0, 1)).reshape(4, 2, 2)[list(order)]
    return np.moveaxis(by_detector.reshape(2, 2, 2, 2), (0, 1), (station, 2 + station))


ORDERS = list(permutations(range(4)))
# Orders that keep the detectors of a setting together.
TOGETHER = [order for order in ORDERS if {*order[:2]} in ({0, 1}, {2, 3})]


@pytest.mark.parametrize("visibility", [0.7, 1.0])
@pytest.mark.parametrize("station", [0, 1])
@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_detectors_of_different_settings_that_are_swapped_are_told_from_all_else(visibility, station, order):
    """For each of the 24 orders of a station's channels; detectors that differ by a tenth hide nothing."""
    table = outcomes(visibility * IDEAL) * np.array([1.0, 0.9])
    crossed = relabelled(table.astype(int), station, order)
    assert crossed_station(crossed, pairs=True) == (None if order in TOGETHER else station)


@pytest.mark.parametrize("correlation", [0 * IDEAL, np.full((2, 2), 0.5**0.5) * [[1, 1], [1, -1]]])
def test_nothing_is_swapped_without_correlation_or_where_all_are_correlated(correlation):
    """Noise, and the angles of a Bell test."""
    assert crossed_station(outcomes(correlation), pairs=True) is None


@pytest.mark.parametrize(
    ("suspect", "correlation"),
    [
        ("", 0.9 * IDEAL),
        ("outcomes", -0.9 * IDEAL),
        ("outcomes", 0.9 * IDEAL * [[1, 1], [1, -1]]),
        ("outcomes", 0.9 * IDEAL * [[-1, 1], [1, 1]]),
        ("settings", 0.9 * IDEAL[::-1]),
        ("settings", 0.9 * IDEAL[:, ::-1]),
        ("nothing", 0 * IDEAL),
        ("nothing", 0.9 * IDEAL * [[1, 1], [1, 0]]),
    ],
)
def test_a_swap_is_seen_in_the_correlations(suspect, correlation):
    assert suspected_swap(outcomes(correlation), IDEAL) == suspect
