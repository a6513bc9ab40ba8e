"""Toeplitz hashing against the matrix itself, and against products of Python's integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import toeplitz as toeplitz_matrix

from satqkd.key.postprocessing import amplification, binary_field
from satqkd.key.postprocessing.amplification import toeplitz, toeplitz_seed

from ..sizes import examples

BLOCK = {points: 15 * points // 32 * 32 for points in amplification.TRANSFORM_SIZES}


def random_bits(rng, size):
    return rng.integers(0, 2, size, dtype=np.uint8)


def hash_by_integers(key, seed, length):
    """Bits n - 1 onwards of the product over GF(2), by shifts and exclusive or."""
    number, product = int("".join(map(str, seed[::-1])) or "0", 2), 0
    for place in np.flatnonzero(key):
        product ^= number << int(place)
    return np.array([product >> key.size - 1 + i & 1 for i in range(length)], np.uint8)


def bit_of_hash(key, seed, i):
    """One row of the matrix times the key."""
    return np.count_nonzero(seed[i : i + key.size][::-1] & key) & 1


@given(st.integers(1, 40), st.data())
def test_hash_is_the_matrix_times_the_key(n, data):
    length = data.draw(st.integers(1, n))
    key = np.array(data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    seed = np.array(data.draw(st.lists(st.integers(0, 1), min_size=n + length - 1, max_size=n + length - 1)))
    matrix = toeplitz_matrix(seed[n - 1 :], seed[n - 1 :: -1])
    assert matrix.shape == (length, n)
    np.testing.assert_array_equal(toeplitz(key, seed, length), matrix @ key % 2)


@settings(max_examples=examples(40))
@given(st.integers(1, 3 * BLOCK[256]), st.floats(0, 1), st.sampled_from(["random", "ones"]), st.integers(0, 2**32))
def test_hash_is_exact_over_the_edges_of_blocks(n, share, kind, random):
    rng, length = np.random.default_rng(random), round(share * n)
    key, seed = random_bits(rng, n), random_bits(rng, n + length - 1)
    if kind == "ones":
        key[:], seed[:] = 1, 1
    np.testing.assert_array_equal(toeplitz(key, seed, length), hash_by_integers(key, seed, length))


@pytest.mark.parametrize("points", amplification.TRANSFORM_SIZES)
@pytest.mark.parametrize("kind", ["random", "ones"])
def test_every_transform_size_is_exact_in_every_block(monkeypatch, points, kind):
    monkeypatch.setattr(amplification, "TRANSFORM_SIZES", (points,))
    n, length = 2 * BLOCK[points] + 17, BLOCK[points] + 5
    rng = np.random.default_rng(points)
    key, seed = random_bits(rng, n), random_bits(rng, n + length - 1)
    if kind == "ones":
        key[:], seed[:] = 1, 1
    hashed = toeplitz(key, seed, length)
    edges = [0, 1, 31, 32, 33, BLOCK[points] - 1, BLOCK[points], length - 1]
    for i in [*edges, *rng.integers(0, length, 100)]:
        assert hashed[i] == bit_of_hash(key, seed, i)


@pytest.mark.parametrize(("n", "length"), [(20_000, 9_000), (300_000, 120_000)])
def test_hash_is_linear_in_key_and_seed(n, length):
    rng = np.random.default_rng(n)
    x, y = random_bits(rng, (2, n))
    s, t = random_bits(rng, (2, n + length - 1))
    np.testing.assert_array_equal(toeplitz(x ^ y, s, length), toeplitz(x, s, length) ^ toeplitz(y, s, length))
    np.testing.assert_array_equal(toeplitz(x, s ^ t, length), toeplitz(x, s, length) ^ toeplitz(x, t, length))


def test_a_seed_made_ready_hashes_as_the_seed_itself():
    rng = np.random.default_rng(7)
    seed = random_bits(rng, 20_000 + 7_000 - 1)
    ready = toeplitz_seed(seed, 20_000, 7_000)
    for key in random_bits(rng, (3, 20_000)):
        np.testing.assert_array_equal(toeplitz(key, ready, 7_000), toeplitz(key, seed, 7_000))


def test_two_keys_collide_for_the_promised_share_of_seeds():
    """Two-universal: of all seeds, exactly 2^-length give two different keys the same hash."""
    n, length = 6, 4
    seeds = [[s >> i & 1 for i in range(n + length - 1)] for s in range(1 << n + length - 1)]
    rng = np.random.default_rng(2)
    for _ in range(4):
        x, y = random_bits(rng, (2, n))
        y[0] = 1 - x[0]
        same = sum(np.array_equal(toeplitz(x, seed, length), toeplitz(y, seed, length)) for seed in seeds)
        assert same == len(seeds) >> length


def test_types_of_bits_do_not_matter():
    rng = np.random.default_rng(1)
    key, seed = random_bits(rng, 500), random_bits(rng, 699)
    expected = toeplitz(key, seed, 200)
    np.testing.assert_array_equal(toeplitz(key.astype(bool), seed.astype(np.int64), 200), expected)
    np.testing.assert_array_equal(toeplitz(key.tolist(), seed[::-1][::-1], 200), expected)
    assert expected.dtype == np.uint8


def test_no_bits_are_left_of_a_key_without_secrecy():
    assert toeplitz([1, 0, 1], [1, 1], 0).shape == (0,)


@pytest.mark.parametrize(
    ("key", "seed", "length", "message"),
    [
        ([1, 0], [1, 0, 1, 1], 3, r"length=3 is outside \[0, 2\]"),
        ([1, 0], [1], -1, r"length=-1 is outside \[0, 2\]"),
        ([1, 0], [1, 0, 1], 1, r"seed_bits has 3 bits, not n \+ length - 1 = 2"),
        ([], [], 0, "n=0 bits of key"),
        ([1, 2], [1, 0], 1, "bits holds other values than 0 and 1"),
        ([1, 0], [1, -1], 1, "seed_bits holds other values than 0 and 1"),
        ([1.0, 0.0], [1, 0], 1, "bits is of shape .* and type float64"),
        ([[1, 0]], [1, 0], 1, r"bits is of shape \(1, 2\)"),
    ],
)
def test_what_is_no_hashing_is_refused(key, seed, length, message):
    with pytest.raises(ValueError, match=message):
        toeplitz(key, seed, length)


def test_a_seed_made_ready_for_another_size_is_refused():
    ready = toeplitz_seed([1, 0, 1, 1], 3, 2)
    with pytest.raises(ValueError, match="made for hashing 3 bits to 2, not 4 to 1"):
        toeplitz([1, 0, 0, 1], ready, 1)


def test_the_portable_product_gives_the_same_hash(monkeypatch):
    """What a machine without the instruction runs, uncompiled from the same source."""
    rng = np.random.default_rng(4)
    key, seed = random_bits(rng, 300), random_bits(rng, 419)
    expected = toeplitz(key, seed, 120)
    monkeypatch.setattr(binary_field, "product", binary_field.portable_product)
    for name in ("_forward", "_backward", "add_products", "_change_basis", "_change_basis_back"):
        plain = getattr(binary_field, name).py_func
        monkeypatch.setattr(binary_field, name, plain)
    monkeypatch.setattr(amplification, "add_products", binary_field.add_products)
    np.testing.assert_array_equal(toeplitz(key, seed, 120), expected)
