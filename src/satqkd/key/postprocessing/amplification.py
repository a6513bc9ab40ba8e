"""Privacy amplification: Toeplitz hashing of a corrected key, exact over GF(2)."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from satqkd.key.postprocessing.binary_field import add_products, evaluate, interpolate

DIGIT_BITS = 32  # of one coefficient: products of two, of degree 62, stay as they are in the field of 2^64 elements
TRANSFORM_SIZES = (1 << 8, 1 << 12, 1 << 16)
CALL_POINTS = 500  # points that take as long as a call does


@dataclass(frozen=True)
class ToeplitzSeed:
    """Public seed, prepared for hashing keys of one size; `toeplitz` says when it may be used again.

    Attributes
    ----------
    n_bits, length : int
        Bits of the keys that it hashes, and of the hashes.
    transforms : ndarray of uint64, shape (window, point)
        Windows of the seed as values of polynomials.
    """

    n_bits: int
    length: int
    transforms: np.ndarray = field(repr=False)


def toeplitz(bits: ArrayLike, seed_bits: ArrayLike | ToeplitzSeed, length: int) -> np.ndarray:
    r"""Hash a key to fewer bits with a Toeplitz matrix, exactly.

    Bit i of the hash is :math:`\bigoplus_j t_{n-1+i-j}\,x_j`: the first row of the matrix is the first n bits of the
    seed backwards, its first column the last `length` bits of the seed.

    Parameters
    ----------
    bits : array_like of 0 and 1, shape (n,)
        Key x after error correction.
    seed_bits : array_like of 0 and 1, shape (n + length - 1,), or ToeplitzSeed
        Seed t, uniformly random, announced after the last quantum signal was received.
    length : int
        Bits of the hash, 0 to n.

    Returns
    -------
    ndarray of uint8, shape (length,)

    Raises
    ------
    ValueError
        When the sizes do not go together, or an array holds something else than bits.

    Notes
    -----
    Toeplitz matrices are a two-universal family, Krawczyk, CRYPTO '94, p. 129; that this suffices against quantum side
    information is the leftover hash lemma of Tomamichel, Schaffner, Smith and Renner, IEEE Trans. Inf. Theory 57, 5524
    (2011). The hash is secret even to one who knows the seed. So the same seed may hash several keys, if all of them
    were received before it was announced, and their failure probabilities add up; a seed known earlier could be used
    to choose the attack.

    The hash is part of the product of two polynomials over GF(2), cut into blocks whose products come from
    `binary_field`: integers only, so that there is no rounding error to watch. Memory beyond the arguments is 0.53
    bytes per bit of key and 0.53 per bit of seed.

    Examples
    --------
    >>> toeplitz([1, 0, 1, 1], [0, 1, 1, 0, 1], 2)
    array([1, 1], dtype=uint8)
    """
    key = _bit_array(bits, "bits")
    seed = seed_bits if isinstance(seed_bits, ToeplitzSeed) else toeplitz_seed(seed_bits, key.size, length)
    if (seed.n_bits, seed.length) != (key.size, length):
        raise ValueError(
            f"seed_bits is made for hashing {seed.n_bits} bits to {seed.length}, not {key.size} to {length}: make one "
            "with toeplitz_seed for this size"
        )
    points = seed.transforms.shape[1]
    digits = _block_digits(points)
    block = digits * DIGIT_BITS
    columns, rows = -(-key.size // block), -(-length // block)
    panels = np.zeros((columns, points), np.uint64)
    for j, panel in enumerate(panels):
        _transform(panel, key, j * block, digits)
    hashed = np.empty((rows, block), np.uint8)
    for i in range(rows):
        total = np.zeros(points, np.uint64)
        for j in range(columns):
            add_products(total, panels[j], seed.transforms[columns - 1 + i - j])
        interpolate(total)
        words = total[digits : 2 * digits] ^ (total[digits - 1 : 2 * digits - 1] >> np.uint64(DIGIT_BITS))
        hashed[i] = np.unpackbits(words.astype("<u4").view(np.uint8), bitorder="little")
    return hashed.ravel()[:length]


def toeplitz_seed(seed_bits: ArrayLike, n_bits: int, length: int) -> ToeplitzSeed:
    """Prepare a seed for hashing keys of `n_bits` to `length` bits, which is nearly half of the work of `toeplitz`.

    Parameters
    ----------
    seed_bits : array_like of 0 and 1, shape (n_bits + length - 1,)
    n_bits, length : int
        Bits of the key and of its hash.

    Raises
    ------
    ValueError
        As in `toeplitz`.

    Examples
    --------
    >>> seed = toeplitz_seed([0, 1, 1, 0, 1], 4, 2)
    >>> toeplitz([1, 0, 1, 1], seed, 2)
    array([1, 1], dtype=uint8)
    """
    if n_bits < 1:
        raise ValueError(f"n={n_bits} bits of key are fewer than 1: there is nothing to hash")
    if not 0 <= length <= n_bits:
        raise ValueError(f"length={length} is outside [0, {n_bits}]: hashing makes a key shorter, never longer")
    seed = _bit_array(seed_bits, "seed_bits")
    if seed.size != n_bits + length - 1:
        raise ValueError(
            f"seed_bits has {seed.size} bits, not n + length - 1 = {n_bits + length - 1}: draw as many as there are "
            "diagonals"
        )
    points = _transform_size(n_bits, length)
    digits = _block_digits(points)
    block = digits * DIGIT_BITS
    columns, rows = -(-n_bits // block), -(-length // block)
    transforms = np.zeros((columns + rows - 1, points), np.uint64)
    for k, window in enumerate(transforms):
        # So that coefficient n - 1 of the product, the first bit of the hash, begins a block.
        _transform(window, seed, (k - columns) * block + n_bits - 1, 2 * digits)
    return ToeplitzSeed(n_bits, length, transforms)


def _block_digits(points: int) -> int:
    """Return the digits of a block for which the upper block of its product with a window comes out right.

    A transform of N points gives a product modulo a polynomial without terms between x^N and x^(N/16), for the sizes
    used. What is folded down from above x^N therefore stays below 15 N / 32.
    """
    return 15 * points // 32


def _transform_size(n_bits: int, length: int) -> int:
    """Return the size with the least work: transforms, and a product for each pair of blocks."""

    def work(points: int) -> int:
        block = _block_digits(points) * DIGIT_BITS
        columns, rows = -(-n_bits // block), -(-length // block)
        return (points + CALL_POINTS) * (2 * (columns + rows) * points.bit_length() + columns * rows)

    return min(TRANSFORM_SIZES, key=work)


def _transform(values: np.ndarray, bits: np.ndarray, start: int, digits: int) -> None:
    """Fill an array of zeros with the transform of the digits that begin at bit `start`; beyond the bits are zeros."""
    padded = np.zeros(digits * DIGIT_BITS, np.uint8)
    stop = min(start + padded.size, bits.size)
    padded[max(-start, 0) : stop - start] = bits[max(start, 0) : stop]
    values[:digits] = np.packbits(padded, bitorder="little").view("<u4")
    evaluate(values)


def _bit_array(values: ArrayLike, name: str) -> np.ndarray:
    """Return bits as a one-dimensional array; an error names the array and shows none of its values."""
    bits = np.asarray(values)
    if bits.ndim != 1 or bits.size and bits.dtype.kind not in "bui":
        raise ValueError(f"{name} is of shape {bits.shape} and type {bits.dtype}: give integers in one dimension")
    if bits.size and (bits.min() < 0 or bits.max() > 1):
        raise ValueError(f"{name} holds something else than 0 and 1: unpack words with numpy.unpackbits")
    return bits
