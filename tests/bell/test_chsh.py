"""CHSH: quantum states by the Born rule, local models by enumeration, errors by repetition."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import comb

from satqkd.bell.chsh import (
    LOCAL_BOUND,
    LOCAL_WIN_PROBABILITY,
    TSIRELSON_BOUND,
    chsh,
    chsh_p_value,
    correlation,
    fidelity_from_visibilities,
    qber_from_s,
)

ANGLES = [(0.0, np.pi / 8), (0.0, 3 * np.pi / 8), (np.pi / 4, np.pi / 8), (np.pi / 4, 3 * np.pi / 8)]
SIGNS = np.array([1, -1, 1, 1])
PAULI = {
    "x": np.array([[0, 1], [1, 0]], dtype=complex),
    "y": np.array([[0, -1j], [1j, 0]]),
    "z": np.array([[1, 0], [0, -1]], dtype=complex),
}
PHI_PLUS = np.outer([1, 0, 0, 1], [1, 0, 0, 1]) / 2.0
ROUNDING = 1e-9

angles = st.floats(0.0, np.pi)


def projectors(angle):
    """Linear polarisation at an angle, and across it."""
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-np.sin(angle), np.cos(angle)])
    return [np.outer(v, v) for v in (along, across)]


def born_rule(state, settings):
    """Probability by setting and outcome ++, +-, -+, --; shape (settings, 4)."""
    return np.array(
        [
            [np.trace(state @ np.kron(pa, pb)).real for pa, pb in itertools.product(projectors(a), projectors(b))]
            for a, b in settings
        ]
    )


def random_state(seed, rank):
    """Mixed state of two qubits: a random pure state of a larger system, the rest traced out."""
    rng = np.random.default_rng(seed)
    amplitudes = rng.normal(size=(4, rank)) + 1j * rng.normal(size=(4, rank))
    state = amplitudes @ amplitudes.conj().T
    return state / np.trace(state).real


def s_value(probabilities, signs=SIGNS):
    return float(signs @ correlation(np.clip(probabilities, 0.0, None))[0])


def test_bell_state_reaches_the_tsirelson_bound():
    assert s_value(born_rule(PHI_PLUS, ANGLES)) == pytest.approx(TSIRELSON_BOUND, rel=1e-12)


@given(st.floats(0.0, 1.0))
def test_werner_state_has_s_in_proportion_to_its_visibility(visibility):
    werner = visibility * PHI_PLUS + (1.0 - visibility) * np.eye(4) / 4.0
    assert s_value(born_rule(werner, ANGLES)) == pytest.approx(visibility * TSIRELSON_BOUND, abs=ROUNDING)


@given(st.integers(0, 10**6), st.integers(1, 4), angles, angles, angles, angles)
def test_no_state_exceeds_the_tsirelson_bound(seed, rank, a, a_prime, b, b_prime):
    settings = [(a, b), (a, b_prime), (a_prime, b), (a_prime, b_prime)]
    probabilities = born_rule(random_state(seed, rank), settings)
    for signs in itertools.product([1, -1], repeat=4):
        if np.prod(signs) == -1:
            assert abs(s_value(probabilities, np.array(signs))) <= TSIRELSON_BOUND + ROUNDING


def test_no_local_strategy_exceeds_two_or_wins_more_than_three_quarters():
    best = []
    for a, a_prime, b, b_prime in itertools.product([1, -1], repeat=4):
        products = np.array([a * b, a * b_prime, a_prime * b, a_prime * b_prime])
        counts = np.zeros((4, 4), dtype=int)
        counts[np.arange(4), np.where(products == 1, 0, 1)] = 1
        assert chsh(counts).s == SIGNS @ products
        best.append((chsh(counts).s, np.mean(products == SIGNS)))
    assert max(best) == (LOCAL_BOUND, LOCAL_WIN_PROBABILITY)


def test_counts_make_s_and_its_error():
    counts = np.array([[80, 10, 20, 90], [15, 85, 75, 25], [100, 0, 50, 50], [60, 20, 20, 60]])
    result = chsh(counts)
    e = np.array([140 / 200, -120 / 200, 100 / 200, 80 / 160])
    np.testing.assert_allclose(result.e, e)
    np.testing.assert_allclose(result.e_sigma, np.sqrt((1 - e**2) / np.array([200, 200, 200, 160])))
    assert result.s == pytest.approx(0.7 + 0.6 + 0.5 + 0.5)
    assert result.sigma == pytest.approx(np.sqrt(np.sum(result.e_sigma**2)))
    assert result.trials == 760
    assert result.n_sigma == pytest.approx((result.s - 2.0) / result.sigma)


def test_sigma_is_the_scatter_of_repeated_poissonian_tests():
    repeats = 3000
    rates = 260.0 * born_rule(0.9 * PHI_PLUS + 0.1 * np.eye(4) / 4.0, ANGLES)
    rng = np.random.default_rng(1120)
    results = [chsh(rng.poisson(rates)) for _ in range(repeats)]
    scatter, stated = np.std([r.s for r in results]), np.mean([r.sigma for r in results])
    four_sigma_of_a_scatter = 4.0 / np.sqrt(2.0 * repeats)
    assert abs(scatter / stated - 1.0) < four_sigma_of_a_scatter


@given(st.integers(1, 60), st.data())
def test_p_value_is_the_binomial_tail(trials, data):
    wins = data.draw(st.integers(0, trials))
    k = np.arange(wins, trials + 1)
    tail = np.sum(comb(trials, k) * 0.75**k * 0.25 ** (trials - k))
    assert chsh_p_value(wins, trials) == pytest.approx(tail, rel=1e-9, abs=0.0)


def test_p_value_holds_against_a_local_model_with_memory():
    # The model plays a different deterministic strategy in each trial, chosen by how well it has done so far.
    rng = np.random.default_rng(1964)
    repeats, trials, level = 4000, 80, 0.05
    wins = np.zeros(repeats, dtype=int)
    for done in range(trials):
        losing_setting = np.where(wins < 0.75 * done, 1, 3)
        wins += rng.integers(0, 4, repeats) != losing_setting
    false_alarms = np.mean(chsh_p_value(wins, trials) <= level)
    assert false_alarms <= level + 4.0 * np.sqrt(level * (1.0 - level) / repeats)


def test_wins_follow_the_signs():
    like, unlike = [45, 5, 5, 45], [5, 45, 45, 5]
    counts = np.array([like, unlike, like, like])
    assert chsh(counts).p_value == pytest.approx(float(chsh_p_value(360, 400)), rel=1e-12, abs=0.0)
    assert chsh(counts).p_value < 1e-10
    opposite = chsh(counts, signs=-SIGNS)
    assert opposite.s == -chsh(counts).s
    assert opposite.p_value == pytest.approx(float(chsh_p_value(40, 400)), rel=1e-12)


def test_perfect_correlations_leave_no_error_bar():
    certain = chsh(np.array([[5, 0, 0, 5], [0, 5, 5, 0], [5, 0, 0, 5], [5, 0, 0, 5]]))
    assert (certain.s, certain.sigma, certain.n_sigma) == (4.0, 0.0, np.inf)


@pytest.mark.parametrize(
    ("counts", "signs", "message"),
    [
        (np.ones((3, 4)), SIGNS, r"counts has shape \(3, 4\), not \(4, 4\)"),
        (np.full((4, 4), 1.5), SIGNS, "counts are not whole"),
        (np.full((4, 4), -1), SIGNS, "counts=-1 is below 0"),
        (np.zeros((4, 4)), SIGNS, "a setting has 0 coincidences"),
        (np.ones((4, 4)), (1, 1, 1, 1), "make no CHSH inequality"),
        (np.ones((4, 4)), (1, -1, 2, 1), "make no CHSH inequality"),
    ],
)
def test_what_is_no_chsh_test_is_refused(counts, signs, message):
    with pytest.raises(ValueError, match=message):
        chsh(counts, signs=signs)


# Signs of the correlations in Z and X of each Bell state, and the state.
BELL = {
    "phi_plus": ((1, 1), np.array([1, 0, 0, 1])),
    "phi_minus": ((1, -1), np.array([1, 0, 0, -1])),
    "psi_plus": ((-1, 1), np.array([0, 1, 1, 0])),
    "psi_minus": ((-1, -1), np.array([0, 1, -1, 0])),
}


def visibilities(state, name="phi_plus"):
    """Correlations in Z and X with the signs of a Bell state, both 1 for it."""
    found = [np.trace(state @ np.kron(PAULI[k], PAULI[k])).real for k in "zx"]
    return np.clip(np.multiply(BELL[name][0], found), -1, 1)


@given(st.sampled_from(sorted(BELL)), st.integers(0, 10**6), st.integers(1, 4), st.floats(0.0, 1.0))
def test_fidelity_bound_holds_for_any_state(name, seed, rank, weight):
    bell_state = np.outer(BELL[name][1], BELL[name][1]) / 2.0
    state = weight * bell_state + (1.0 - weight) * random_state(seed, rank)
    fidelity = np.trace(state @ bell_state).real
    assert fidelity_from_visibilities(*visibilities(state, name)).lower_bound <= fidelity + ROUNDING


@given(st.floats(-0.333, 1.0))
def test_white_noise_has_the_fidelity_that_is_estimated(weight):
    werner = weight * PHI_PLUS + (1.0 - weight) * np.eye(4) / 4.0
    estimate = fidelity_from_visibilities(*visibilities(werner))
    assert estimate.white_noise == pytest.approx(np.trace(werner @ PHI_PLUS).real, abs=ROUNDING)
    assert estimate.lower_bound <= estimate.white_noise + ROUNDING


def test_noise_that_cannot_be_white_gives_no_estimate():
    found = fidelity_from_visibilities(-0.5, -0.4)
    assert found.lower_bound == pytest.approx(-0.45)
    assert np.isnan(found.white_noise)


def test_the_estimate_is_no_bound():
    """Phase flips alone: the third correlation is worse than white noise would make it."""
    phase_flip = np.kron(np.eye(2), PAULI["z"])
    state = 0.6 * PHI_PLUS + 0.4 * phase_flip @ PHI_PLUS @ phase_flip
    found = fidelity_from_visibilities(*visibilities(state))
    assert found.lower_bound == pytest.approx(0.6)
    assert found.white_noise == pytest.approx(0.7)


def test_fidelity_sigma_is_the_scatter_of_repeated_poissonian_counts():
    repeats, expected = 3000, np.array([70, 6, 9, 65])
    rng = np.random.default_rng(869)
    bounds, sigmas = [], []
    for _ in range(repeats):
        (v_z, v_x), (sigma_z, sigma_x) = correlation(rng.poisson([expected, expected]))
        found = fidelity_from_visibilities(v_z, v_x, sigma_z=sigma_z, sigma_x=sigma_x)
        bounds.append(found.lower_bound)
        sigmas.append(found.sigma)
    four_sigma_of_a_scatter, curvature = 4.0 / np.sqrt(2.0 * repeats), 0.02
    assert abs(np.std(bounds) / np.mean(sigmas) - 1.0) < four_sigma_of_a_scatter + curvature


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_fidelity_bound_is_reached_by_bit_and_phase_flips(flip, dephase):
    flips = [np.kron(np.eye(2), PAULI[k]) @ PHI_PLUS @ np.kron(np.eye(2), PAULI[k]) for k in "xz"]
    parts = np.array([1.0, flip, dephase]) / (1.0 + flip + dephase)
    state = parts[0] * PHI_PLUS + parts[1] * flips[0] + parts[2] * flips[1]
    bound = fidelity_from_visibilities(*visibilities(state)).lower_bound
    assert bound == pytest.approx(parts[0], abs=ROUNDING)


def test_fidelity_carries_the_errors_of_both_visibilities():
    fidelity = fidelity_from_visibilities(0.9, 0.8, sigma_z=0.03, sigma_x=0.04)
    assert fidelity.lower_bound == pytest.approx(0.85)
    assert fidelity.sigma == pytest.approx(0.025)
    assert fidelity.white_noise == pytest.approx(0.8875)
    assert fidelity.white_noise_sigma == pytest.approx(0.01875)


def test_visibility_in_percent_is_refused():
    with pytest.raises(ValueError, match=r"v_x=88 is outside \[-1, 1\]: give a fraction"):
        fidelity_from_visibilities(0.9, 88.0)


@given(st.floats(0.0, 1.0))
def test_the_error_rate_of_s_is_that_of_a_state_with_white_noise(visibility):
    """S is 2 sqrt(2) V, and of white noise half is wrong: (1 - V) / 2."""
    assert qber_from_s(TSIRELSON_BOUND * visibility) == pytest.approx((1 - visibility) / 2, abs=1e-12)


def test_the_error_rate_printed_for_the_previous_work_is_that_of_its_s():
    printed_to_the_digit = 0.0005
    assert qber_from_s(2.37) == pytest.approx(0.081, abs=printed_to_the_digit)
