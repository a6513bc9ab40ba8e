"""The field of 2^64 elements and its transform, against arithmetic with Python's integers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.key.postprocessing import binary_field
from satqkd.key.postprocessing.binary_field import CANTOR_BASIS, evaluate, interpolate, portable_product

ELEMENT = st.integers(0, 2**64 - 1)


def defined_product(a, b):
    """Product of two polynomials over GF(2), and its remainder after division by x^64 + x^4 + x^3 + x + 1."""
    product = 0
    for i in range(64):
        product ^= (a << i) * (b >> i & 1)
    for i in range(127, 63, -1):
        product ^= (1 << 64 | 0x1B) << i - 64 if product >> i & 1 else 0
    return product


def product_on_this_machine(a, b):
    total = np.zeros(1, np.uint64)
    binary_field.add_products(total, np.array([a], np.uint64), np.array([b], np.uint64))
    return int(total[0])


@given(ELEMENT, ELEMENT)
def test_both_products_are_the_definition(a, b):
    assert product_on_this_machine(a, b) == defined_product(a, b)
    assert int(portable_product(np.uint64(a), np.uint64(b))) == defined_product(a, b)


def test_the_modulus_is_irreducible():
    """x^(2^64) = x, and x^(2^32) - x has no factor in common with it (Rabin's test; 2 is the only prime of 64)."""
    powers = [2]
    for _ in range(64):
        powers.append(defined_product(powers[-1], powers[-1]))
    assert powers[64] == 2
    a, b = 1 << 64 | 0x1B, powers[32] ^ 2
    while b:
        while a.bit_length() >= b.bit_length():
            a ^= b << a.bit_length() - b.bit_length()
        a, b = b, a
    assert a == 1


def test_the_basis_is_a_cantor_basis():
    basis = [int(element) for element in CANTOR_BASIS]
    assert basis[0] == 1
    for below, element in zip(basis, basis[1:], strict=False):
        assert defined_product(element, element) ^ element == below


@pytest.mark.slow
@pytest.mark.parametrize("levels", [1, 2, 3, 5, 6, 8])
@given(seed=st.integers(0, 2**32))
def test_evaluation_is_horners_at_every_point_of_the_span(levels, seed):
    rng = np.random.default_rng(seed)
    coefficients = rng.integers(0, 2**64, 1 << levels, dtype=np.uint64)
    values = coefficients.copy()
    evaluate(values)
    for place in rng.integers(0, values.size, 2):
        point, expected = 0, 0
        for i in range(levels):
            point ^= int(CANTOR_BASIS[i]) * (int(place) >> i & 1)
        for coefficient in coefficients[::-1]:
            expected = defined_product(expected, point) ^ int(coefficient)
        assert int(values[place]) == expected


@pytest.mark.parametrize("levels", range(1, 17))
def test_interpolation_undoes_evaluation(levels):
    coefficients = np.random.default_rng(levels).integers(0, 2**64, 1 << levels, dtype=np.uint64)
    there_and_back = coefficients.copy()
    evaluate(there_and_back)
    assert (there_and_back != coefficients).any()
    interpolate(there_and_back)
    np.testing.assert_array_equal(there_and_back, coefficients)


@pytest.mark.parametrize(("name", "features", "there"), [("generic", "", False), (None, "+avx,+pclmul", True)])
def test_the_instruction_is_used_only_where_numba_compiles_for_it(monkeypatch, name, features, there):
    monkeypatch.setattr(binary_field.config, "CPU_NAME", name)
    monkeypatch.setattr(binary_field.config, "CPU_FEATURES", features)
    assert binary_field._has_carryless_multiplication() is there
