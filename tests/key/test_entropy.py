"""Entropies and checks of arguments: known values, and messages that say what is right."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.key.proofs import entropy

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
