"""What error correction gives and discloses, and the hash by which both sides verify that their bits are equal."""

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import ArrayLike

from satqkd.key.proofs.entropy import binary_entropy, check_range
from satqkd.result import Result

WORD = np.uint64
_SHORTEST, _LONGEST = 64, 2**31 - 1
_LONGEST_TAG = 64


@dataclass(frozen=True, repr=False)
class Reconciliation(Result):
    """Result of error correction, and what it disclosed.

    Attributes
    ----------
    bits : ndarray of uint8, shape (n,)
        Bob's bits after correction.
    parity_bits : int
        Bits about Alice's string that the correction disclosed.
    tag_bits : int
        Bits of the verification hash, disclosed besides.
    errors : int
        Bits that the correction changed.
    round_trips : int
        Questions of Bob and answers of Alice, all that can go in parallel as one, and one for the verification.
    verified : bool
        Whether the hashes agree. If not, ``bits`` still has errors and must not be used.
    frames : int
        Of the bits, each with a tag of its own.
    """

    bits: np.ndarray
    parity_bits: int
    tag_bits: int
    errors: int
    round_trips: int
    verified: bool
    frames: int = 1

    @property
    def leak_bits(self) -> int:
        """Return all bits disclosed, verification included."""
        return self.parity_bits + self.tag_bits

    @property
    def collision_probability(self) -> float:
        """Return the highest probability that ``verified`` is true for unequal bits."""
        return self.frames * 2.0 ** -(self.tag_bits / self.frames)

    @property
    def f_ec(self) -> float:
        """Return the parity bits over the Shannon limit n h(errors / n); infinite without errors.

        The tag is left out: key lengths subtract it on its own, as log2(1 / eps_cor).
        """
        limit = float(self.bits.size * binary_entropy(self.errors / self.bits.size))
        return self.parity_bits / limit if limit else np.inf


def checked_frame(alice: ArrayLike, bob: ArrayLike, *, qber: float, eps_cor: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the bits of both sides as uint8, after checking what every reconciliation requires.

    Parameters
    ----------
    alice, bob : array_like of 0 and 1, shape (n,)
    qber, eps_cor : float

    Returns
    -------
    tuple of ndarray of uint8

    Raises
    ------
    ValueError
        For arrays that are not one-dimensional, of unequal length, shorter than 64, or not of 0 and 1; for qber outside
        [0, 0.5) or eps_cor outside [2^-64, 0.5].

    Examples
    --------
    >>> alice, bob = checked_frame([0, 1] * 32, [0, 1] * 32, qber=0.01, eps_cor=1e-10)
    >>> alice.dtype, alice.size
    (dtype('uint8'), 64)
    """
    alice, bob = _binary("alice", alice), _binary("bob", bob)
    if alice.size != bob.size:
        raise ValueError(f"alice has {alice.size} bits and bob {bob.size}: give the same sifted events of both sides")
    check_range(_SHORTEST, _LONGEST, "collect more bits before they are corrected, or cut the frame", n=bob.size)
    below_half = np.nextafter(0.5, 0.0)
    check_range(0.0, below_half, "give a fraction below one half, not percent", qber=qber)
    check_range(2.0**-_LONGEST_TAG, 0.5, "give a failure probability such as 1e-10", eps_cor=eps_cor)
    return alice, bob


def _binary(name: str, bits: ArrayLike) -> np.ndarray:
    """Return bits as uint8; refuse what is not one dimension of 0 and 1."""
    bits = np.asarray(bits)
    if bits.ndim != 1:
        raise ValueError(f"{name} has shape {bits.shape}: give one bit after another, of shape (n,)")
    wrong = bits[(bits != 0) & (bits != 1)]
    if wrong.size:
        raise ValueError(f"{name} holds {wrong[0]}: give 0 and 1 only")
    return bits.astype(np.uint8)


def packed(bits: np.ndarray) -> np.ndarray:
    """Return bits in 64-bit words, the first bit lowest, with at least one zero after the last.

    Examples
    --------
    >>> packed(np.array([1, 1, 0, 1], np.uint8)).tolist()
    [11]
    """
    words = np.zeros(bits.size // 64 + 1, "<u8")
    octets = np.packbits(bits, bitorder="little")
    words.view(np.uint8)[: octets.size] = octets
    return words


def verified_result(
    alice_words: np.ndarray,
    bob_words: np.ndarray,
    bob: np.ndarray,
    *,
    eps_cor: float,
    parity_bits: int,
    round_trips: int,
    rng: np.random.Generator,
) -> Reconciliation:
    """Compare the hashes of both sides, and return the record of the correction.

    Parameters
    ----------
    alice_words, bob_words : ndarray of uint64
        Packed bits after correction, see `packed`.
    bob : ndarray of uint8, shape (n,)
        Bob's bits before.
    eps_cor : float
        Highest probability that unequal bits pass.
    parity_bits, round_trips : int
        Of the correction.
    rng : numpy.random.Generator
        Draws the hash, which is public, after the correction.

    Returns
    -------
    Reconciliation

    Examples
    --------
    >>> bits = np.ones(100, np.uint8)
    >>> words = packed(bits)
    >>> common = {"eps_cor": 1e-10, "parity_bits": 30, "round_trips": 5, "rng": np.random.default_rng(1)}
    >>> result = verified_result(words, words, bits, **common)
    >>> result.verified, result.leak_bits
    (True, 64)
    """
    tag_bits = int(np.ceil(-np.log2(eps_cor)))
    seed = rng.integers(0, 2**64, size=bob_words.size + 1, dtype=WORD)
    verified = toeplitz_tag(alice_words, seed, tag_bits) == toeplitz_tag(bob_words, seed, tag_bits)
    bits = np.unpackbits(bob_words.view(np.uint8), count=bob.size, bitorder="little")
    errors = int(np.count_nonzero(bits != bob))
    return Reconciliation(bits, int(parity_bits), tag_bits, errors, int(round_trips) + 1, bool(verified))


@numba.njit(cache=True)
def parity(word: np.uint64) -> np.uint64:
    """Return the parity of a word, 0 or 1.

    Examples
    --------
    >>> int(parity(np.uint64(7)))
    1
    """
    word ^= word >> WORD(32)
    word ^= word >> WORD(16)
    word ^= word >> WORD(8)
    word ^= word >> WORD(4)
    word ^= word >> WORD(2)
    word ^= word >> WORD(1)
    return word & WORD(1)


@numba.njit(cache=True)
def toeplitz_tag(words: np.ndarray, seed: np.ndarray, tag_bits: int) -> np.uint64:
    """Return the product of a Toeplitz matrix with a key, one bit for each row; the seed holds the diagonals.

    Unequal keys have equal tags with probability 2^-tag_bits over the seeds: Krawczyk, CRYPTO '94, LNCS 839, 129;
    Mansour, Nisan and Tiwari, Theor. Comput. Sci. 107, 121 (1993).

    Parameters
    ----------
    words : ndarray of uint64, shape (m,)
    seed : ndarray of uint64, shape (m + 1,)
    tag_bits : int
        At most 64.

    Returns
    -------
    uint64

    Examples
    --------
    >>> int(toeplitz_tag(np.array([3], np.uint64), np.array([1, 0], np.uint64), 2))
    1
    """
    tag = WORD(0)
    for row in range(tag_bits):
        folded = WORD(0)
        for word in range(words.size):
            # Two shifts, since one by 64 is not defined.
            window = (seed[word] >> WORD(row)) | ((seed[word + 1] << WORD(1)) << WORD(63 - row))
            folded ^= words[word] & window
        tag |= parity(folded) << WORD(row)
    return tag
