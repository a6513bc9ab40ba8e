"""Winnow: parities of blocks, and Hamming syndromes of those that differ; an alternative to Cascade, to compare.

Few round trips, no back-tracking, and a larger leak. Bob's side is `_corrected_pass`; what it learns of Alice's bits
comes through one door, `_Alice`, which counts each bit.
"""

import numpy as np
from numpy.typing import ArrayLike

from satqkd.key.postprocessing.verification import Reconciliation, checked_frame, packed, verified_result
from satqkd.key.proofs.entropy import binary_entropy

_SMALLEST_EXPONENT = 2


class _Alice:
    """Alice's bits in the order and the blocks of the present pass. All that Bob learns is counted here."""

    def __init__(self, bits: np.ndarray) -> None:
        self._bits = bits
        self.disclosed_bits = 0
        self.answers = 0

    def parities(self, order: np.ndarray, size: int, *, known_total: bool) -> np.ndarray:
        """Return the parity of each block, except for the last where the total is known."""
        answer = _blocks(self._bits, order, size).sum(axis=1) & 1
        answer = answer[:-1] if known_total else answer
        self.disclosed_bits += answer.size
        self.answers += 1
        return answer

    def syndromes(self, order: np.ndarray, size: int, chosen: np.ndarray) -> np.ndarray:
        """Return the Hamming syndromes of the chosen blocks, log2(size) bits each."""
        answer = _syndromes(_blocks(self._bits, order, size)[chosen])
        self.disclosed_bits += answer.size * (size.bit_length() - 1)
        self.answers += 1
        return answer


def winnow(
    alice: ArrayLike, bob: ArrayLike, qber: float, rng: np.random.Generator, *, eps_cor: float = 1e-10
) -> Reconciliation:
    """Correct Bob's bits by Winnow and verify them.

    Parameters
    ----------
    alice, bob : array_like of 0 and 1, shape (n,)
        Sifted bits of either side; Bob's are corrected.
    qber : float
        Estimated error rate, in [0, 0.5); it sets the blocks only.
    rng : numpy.random.Generator
        Of the public choices: shuffles, the hash.
    eps_cor : float
        Highest probability that unequal bits pass the verification.

    Returns
    -------
    Reconciliation

    Raises
    ------
    ValueError
        As `cascade`.

    Notes
    -----
    Buttler et al., Phys. Rev. A 67, 052303 (2003). The original discards a bit for each one disclosed; here all bits
    stay and the disclosed ones are counted, as for Cascade. The extended Hamming code is used, so that a block of 2^m
    bits is covered whole: the parity tells an odd number of errors, and of a single one the syndrome tells the place.
    The sizes of the blocks are our own choice, see `block_exponents`.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> alice = rng.integers(0, 2, 10_000, dtype=np.uint8)
    >>> bob = alice ^ (rng.random(10_000) < 0.03)
    >>> result = winnow(alice, bob, 0.03, rng)
    >>> result.verified, bool((result.bits == alice).all())
    (True, True)
    """
    alice, bob = checked_frame(alice, bob, qber=qber, eps_cor=eps_cor)
    door, bits = _Alice(alice), bob.copy()
    for number, exponent in enumerate(block_exponents(qber, bob.size)):
        order = np.arange(bob.size) if number == 0 else rng.permutation(bob.size)
        bits = _corrected_pass(door, bits, order, 2**exponent, known_total=number > 0)
    return verified_result(
        packed(alice),
        packed(bits),
        bob,
        eps_cor=eps_cor,
        parity_bits=door.disclosed_bits,
        round_trips=door.answers,
        rng=rng,
    )


def block_exponents(qber: float, n: int, *, errors_left: float = 1e-3) -> list[int]:
    """Return the logarithms of the block sizes, pass by pass; each removes the most entropy for a disclosed bit.

    Parameters
    ----------
    qber : float
        Estimated error rate; less than one error in the frame counts as one.
    n : int
        Frame size [bit].
    errors_left : float
        Expected errors in the frame at which the passes end.

    Returns
    -------
    list of int

    Notes
    -----
    Errors are taken as independent in each pass. An even number in a block stays; of an odd one a single error is
    removed, and three or more become one more, since the syndrome then points to a bit that was right. What is left
    are pairs, because every block is even after its pass: no pass removes more than the pairs that it separates.
    Blocks too large for the errors breed more of them, so they are chosen for three standard deviations and two errors
    more than are expected.

    Examples
    --------
    >>> block_exponents(0.03, 10_000)
    [3, 5, 7, 9, 10, 10]
    """
    error_rate, exponents = max(qber, 1.0 / n), []
    candidates = np.arange(_SMALLEST_EXPONENT, int(np.log2(n)))
    while error_rate * n > errors_left:
        many = min(error_rate + (3.0 * np.sqrt(error_rate * n) + 2.0) / n, 0.5)
        left, disclosed = _expected_pass(many, candidates)
        left = np.maximum(left, many * 2.0**candidates / n)
        best = np.argmax((binary_entropy(many) - binary_entropy(np.clip(left, 0.0, 0.5))) / disclosed)
        exponents.append(int(candidates[best]))
        left, _ = _expected_pass(error_rate, candidates[best])
        error_rate = max(left, error_rate * 2.0 ** candidates[best] / n)
    return exponents


def _expected_pass(error_rate: float, exponents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the error rate after a pass, and the bits disclosed for each bit of the frame."""
    size = 2.0**exponents
    odd = 0.5 * (1.0 - (1.0 - 2.0 * error_rate) ** size)
    single = size * error_rate * (1.0 - error_rate) ** (size - 1.0)
    return error_rate + (odd - 2.0 * single) / size, (1.0 + exponents * odd) / size


def _corrected_pass(alice: _Alice, bits: np.ndarray, order: np.ndarray, size: int, *, known_total: bool) -> np.ndarray:
    """Return Bob's bits after one pass."""
    blocks = _blocks(bits, order, size)
    wrong = blocks.sum(axis=1) & 1
    told = alice.parities(order, size, known_total=known_total)
    wrong[: told.size] ^= told
    if known_total:
        # After the first pass every block is even, hence the frame is.
        wrong[-1] = wrong[:-1].sum() & 1
    odd = np.flatnonzero(wrong)
    if odd.size:
        places = _syndromes(blocks[odd]) ^ alice.syndromes(order, size, odd)
        # A place behind the frame tells of three errors or more: any flip makes the block even, as the next pass wants.
        places[odd * size + places >= bits.size] = 0
        blocks[odd, places] ^= 1
    corrected = np.empty_like(bits)
    corrected[order] = blocks.ravel()[: bits.size]
    return corrected


def _blocks(bits: np.ndarray, order: np.ndarray, size: int) -> np.ndarray:
    """Return bits in an order, one row for each block, with zeros after the last."""
    blocks = np.zeros(-(-bits.size // size) * size, np.uint8)
    blocks[: bits.size] = bits[order]
    return blocks.reshape(-1, size)


def _syndromes(blocks: np.ndarray) -> np.ndarray:
    """Return the exclusive or of the places of all ones in each block."""
    return np.bitwise_xor.reduce(blocks * np.arange(blocks.shape[1]), axis=1)
