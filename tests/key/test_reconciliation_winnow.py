"""Winnow: the same promises as Cascade, from Hamming syndromes."""

import ast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satqkd.key.postprocessing.winnow import _expected_pass, block_exponents, winnow

from ..sizes import examples


def sifted(n, error_rate, rng):
    """Bits of Alice, and Bob's with independent errors."""
    alice = rng.integers(0, 2, n, dtype=np.uint8)
    return alice, alice ^ (rng.random(n) < error_rate).astype(np.uint8)


def plain_winnow(alice, bob, exponents, rng):
    """The protocol told block by block: Bob's bits and what Alice disclosed."""
    bob, disclosed, frame_is_even = list(bob), 0, False
    for number, exponent in enumerate(exponents):
        order = rng.permutation(len(bob)) if number else np.arange(len(bob))
        blocks = [order[low : low + 2**exponent] for low in range(0, len(bob), 2**exponent)]
        differs = 0
        for block in blocks:
            if frame_is_even and block is blocks[-1]:
                odd = differs % 2
            else:
                odd = sum(int(alice[i]) + int(bob[i]) for i in block) % 2
                disclosed += 1
            differs += odd
            if odd:
                disclosed += exponent
                place = 0
                for x, i in enumerate(block):
                    place ^= x * (int(alice[i]) ^ int(bob[i]))
                bob[block[place if place < len(block) else 0]] ^= 1
        frame_is_even = True
    return np.array(bob), disclosed


@settings(max_examples=examples(40))
@given(n=st.integers(64, 600), error_rate=st.sampled_from([0.0, 0.02, 0.1, 0.3]), seed=st.integers(0, 2**32))
def test_equals_the_protocol_told_block_by_block(n, error_rate, seed):
    alice, bob = sifted(n, error_rate, np.random.default_rng(seed))
    bits, disclosed = plain_winnow(alice, bob, block_exponents(error_rate, n), np.random.default_rng(seed))
    ours = winnow(alice, bob, error_rate, np.random.default_rng(seed))
    np.testing.assert_array_equal(ours.bits, bits)
    assert ours.parity_bits == disclosed


@settings(max_examples=examples(40))
@given(
    n=st.integers(64, 5000),
    error_rate=st.floats(0.0, 0.15),
    factor=st.sampled_from([0.0, 0.3, 1.0, 3.0]),
    seed=st.integers(0, 2**32),
)
def test_no_residual_error_or_says_so(n, error_rate, factor, seed):
    rng = np.random.default_rng(seed)
    alice, bob = sifted(n, error_rate, rng)
    result = winnow(alice, bob, error_rate * factor, rng)
    assert result.verified == np.array_equal(result.bits, alice)


def test_corrects_and_leaks_more_than_the_limit():
    rng = np.random.default_rng(1)
    frames = [winnow(*sifted(10_000, 0.045, rng), 0.045, rng) for _ in range(20)]
    assert sum(frame.verified for frame in frames) >= 19
    assert 1.2 < np.mean([frame.f_ec for frame in frames]) < 1.5


@pytest.mark.parametrize("exponent", [3, 6, 10])
def test_a_pass_leaves_and_discloses_what_is_expected(exponent):
    """Against the distribution of errors in a block, told case by case."""
    rng, size, error_rate, blocks = np.random.default_rng(2), 2**exponent, 0.01, 4000
    errors = rng.binomial(size, error_rate, blocks)
    odd = errors % 2 == 1
    left = np.where(odd, np.where(errors == 1, 0, errors + 1), errors) / size
    rate, disclosed = _expected_pass(error_rate, exponent)
    assert abs(left.mean() - rate) < 4 * left.std() / np.sqrt(blocks)
    assert abs((1 + exponent * odd.mean()) / size - disclosed) < 4 * exponent * odd.std() / np.sqrt(blocks) / size


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="give a fraction"):
        winnow(np.zeros(100), np.zeros(100), 2.0, np.random.default_rng(0))


def test_alices_bits_are_read_behind_one_door(root):
    tree = ast.parse((root / "src/satqkd/key/postprocessing/winnow.py").read_text())
    inside = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "_Alice"]
    private = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "_bits"]
    assert len(inside) == 1 and private
    assert all(node in list(ast.walk(inside[0])) for node in private)
