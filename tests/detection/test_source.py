"""Quantum states and Born's rule."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.detection.source import (
    BELL_STATES,
    bell_diagonal_state,
    contrast_error,
    joint_probabilities,
    linear_projectors,
    source_state,
    werner_state,
    with_flips,
)

ANGLES = st.floats(-10, 10)
STATES = st.sampled_from(sorted(BELL_STATES))
# Textbook correlations of linear analysers at a and b.
TEXTBOOK = {
    "psi_minus": lambda a, b: -np.cos(2 * (a - b)),
    "phi_plus": lambda a, b: np.cos(2 * (a - b)),
    "psi_plus": lambda a, b: -np.cos(2 * (a + b)),
    "phi_minus": lambda a, b: np.cos(2 * (a + b)),
}


def correlation(state, a, b):
    p = joint_probabilities(state, [a], [b])[0, 0]
    return p[0, 0] + p[1, 1] - p[0, 1] - p[1, 0]


@given(name=STATES, a=ANGLES, b=ANGLES)
def test_bell_states_correlate_as_the_textbook_says(name, a, b):
    assert correlation(werner_state(name, 1.0), a, b) == pytest.approx(TEXTBOOK[name](a, b), abs=1e-12)


@given(name=STATES, fidelity=st.floats(0.25, 1), a=ANGLES, b=ANGLES)
def test_werner_states_correlate_less_by_their_weight(name, fidelity, a, b):
    weight = (4 * fidelity - 1) / 3
    assert correlation(werner_state(name, fidelity), a, b) == pytest.approx(weight * TEXTBOOK[name](a, b), abs=1e-12)


@given(weights=st.lists(st.floats(0.01, 1), min_size=4, max_size=4), a=ANGLES, b=ANGLES)
def test_mixtures_of_bell_states_correlate_as_their_parts(weights, a, b):
    mixture = dict(zip(BELL_STATES, np.array(weights) / sum(weights), strict=True))
    parts = sum(weight * TEXTBOOK[name](a, b) for name, weight in mixture.items())
    assert correlation(bell_diagonal_state(mixture), a, b) == pytest.approx(parts, abs=1e-12)


@given(name=STATES, fidelity=st.floats(0.25, 1))
def test_white_noise_weighs_the_other_bell_states_alike(name, fidelity):
    mixture = {state: (1 - fidelity) / 3 for state in BELL_STATES} | {name: fidelity}
    assert bell_diagonal_state(mixture) == pytest.approx(werner_state(name, fidelity), abs=1e-12)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"psi": 1.0}, "bell_state=psi is unknown: take one of psi_minus"),
        ({"psi_plus": 0.9}, r"weights=\[0.9\] are not a distribution: give numbers from 0 that sum to 1"),
        ({"psi_plus": 1.1, "phi_plus": -0.1}, "are not a distribution"),
    ],
)
def test_weights_that_are_no_mixture_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        bell_diagonal_state(weights)


def test_a_source_gives_the_state_that_it_names(missions):
    weights = {"psi_plus": 0.9, "phi_minus": 0.1}
    mission = missions["yin2020"].replaced({"source.fidelity": None, "source.bell_weights": weights})
    assert (source_state(mission.source) == bell_diagonal_state(weights)).all()
    werner = missions["yin2020"].source
    assert (source_state(werner) == werner_state("psi_plus", werner.fidelity)).all()


@given(name=STATES, fidelity=st.floats(0.25, 1))
def test_werner_states_are_states_of_the_given_fidelity(name, fidelity):
    state = werner_state(name, fidelity)
    assert np.trace(state) == pytest.approx(1)
    assert np.allclose(state, state.T)
    assert np.linalg.eigvalsh(state).min() > -1e-12
    assert BELL_STATES[name] @ state @ BELL_STATES[name] == pytest.approx(fidelity)


def test_half_fidelity_is_where_entanglement_ends():
    """Partial transposition (Peres 1996) shows a negative eigenvalue above one half, and none at it."""
    for fidelity, entangled in [(0.5, False), (0.51, True)]:
        state = werner_state("psi_plus", fidelity).reshape(2, 2, 2, 2).transpose(0, 3, 2, 1).reshape(4, 4)
        assert (np.linalg.eigvalsh(state).min() < -1e-12) == entangled


@given(
    weights=st.lists(st.floats(0, 1), min_size=4, max_size=4),
    a=st.lists(ANGLES, min_size=1, max_size=3),
    b=ANGLES,
    seed=st.integers(0, 2**32 - 1),
)
def test_probabilities_of_any_state_sum_to_one_and_do_not_signal(weights, a, b, seed):
    basis, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(4, 4)))
    weights = (np.array(weights) + 1e-3) / (np.array(weights) + 1e-3).sum()
    state = basis @ np.diag(weights) @ basis.T
    p = joint_probabilities(state, a, [b, b + 0.7])
    assert p.shape == (len(a), 2, 2, 2)
    assert p.min() > -1e-12
    np.testing.assert_allclose(p.sum(axis=(2, 3)), 1, atol=1e-12)
    np.testing.assert_allclose(p.sum(axis=3)[:, 0], p.sum(axis=3)[:, 1], atol=1e-12)


@given(a=ANGLES, b=ANGLES)
def test_product_states_follow_malus(a, b):
    """One photon horizontal, the other vertical."""
    p = joint_probabilities(np.diag([0.0, 1, 0, 0]), [a], [b])[0, 0]
    first, second = [np.cos(a) ** 2, np.sin(a) ** 2], [np.sin(b) ** 2, np.cos(b) ** 2]
    np.testing.assert_allclose(p, np.outer(first, second), atol=1e-12)


@given(angle=ANGLES)
def test_projectors_are_complete_and_idempotent(angle):
    both = linear_projectors(angle)
    np.testing.assert_allclose(both.sum(axis=0), np.eye(2), atol=1e-12)
    np.testing.assert_allclose(both @ both, both, atol=1e-12)


@given(name=STATES, a=ANGLES, b=ANGLES, error=st.floats(0, 0.5))
def test_flips_at_both_stations_shrink_the_correlation_twice(name, a, b, error):
    p = joint_probabilities(werner_state(name, 1.0), [a], [b])
    flipped = with_flips(p, error)[0, 0]
    found = flipped[0, 0] + flipped[1, 1] - flipped[0, 1] - flipped[1, 0]
    assert flipped.sum() == pytest.approx(1)
    assert found == pytest.approx((1 - 2 * error) ** 2 * TEXTBOOK[name](a, b), abs=1e-12)


def test_contrast_is_a_ratio_of_right_to_wrong():
    assert contrast_error(None) == 0
    assert (1 - contrast_error(280)) / contrast_error(280) == pytest.approx(280)


@pytest.mark.parametrize(
    ("state", "fidelity", "message"),
    [
        ("psi", 0.9, "bell_state=psi is unknown: take one of psi_minus, psi_plus, phi_minus, phi_plus"),
        ("psi_plus", 0.2, r"fidelity=0.2 is outside \[0.25, 1\]: give the overlap"),
        ("psi_plus", 97.0, r"fidelity=97.0 is outside \[0.25, 1\]"),
        ("psi_plus", np.nan, r"fidelity=nan is outside \[0.25, 1\]"),
    ],
)
def test_impossible_states_are_refused(state, fidelity, message):
    with pytest.raises(ValueError, match=message):
        werner_state(state, fidelity)
