"""Real key of one basis: corrected, verified, and hashed to its proven length."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from satqkd.key.custody.keyfile import SecretBits
from satqkd.key.postprocessing.amplification import toeplitz, toeplitz_seed
from satqkd.key.postprocessing.reconciliation import cascade
from satqkd.key.postprocessing.verification import Reconciliation

FEWEST_BITS = 64  # that `cascade` accepts
# Bits corrected at a time: `cascade` holds 27 bytes for each, and longer frames save no parities. Hashing takes all.
FRAME_BITS = 10_000_000


@dataclass(frozen=True)
class DistilledKey:
    """Key that post-processing made of the sifted bits of one basis.

    Attributes
    ----------
    alice, bob : SecretBits
        The key of either side; both are empty where nothing is left, or where the verification failed.
    reconciliation : Reconciliation or None
        What error correction disclosed. None where it was not begun: with too few bits, with an error rate of one half
        or more, or under a proof that gives no key even if nothing is disclosed.
    """

    alice: SecretBits
    bob: SecretBits
    reconciliation: Reconciliation | None


def distilled_key(
    alice: np.ndarray, bob: np.ndarray, *, qber: float, undisclosed: float, eps_cor: float, rng: np.random.Generator
) -> DistilledKey:
    """Correct, verify and hash the sifted bits of one basis.

    Parameters
    ----------
    alice, bob : ndarray of 0 and 1, shape (n,)
        Sifted bits of either side.
    qber : float
        Estimated error rate, for the blocks of Cascade; NaN without bits.
    undisclosed : float
        Secret bits by the proof if correction and verification disclosed nothing. What they really disclose is
        subtracted.
    eps_cor : float
        Probability that unequal keys pass the verification.
    rng : numpy.random.Generator
        Of the public choices: shuffles, the hash of the verification, the seed of the Toeplitz matrix.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> alice = rng.integers(0, 2, 10_000, dtype=np.uint8)
    >>> bob = alice ^ (rng.random(10_000) < 0.03)
    >>> distilled_key(alice, bob, qber=0.03, undisclosed=6000.0, eps_cor=1e-10, rng=rng).alice
    <3953 secret bits>
    """
    nothing = SecretBits(np.empty(0, np.uint8))
    if bob.size < FEWEST_BITS or qber >= 0.5 or undisclosed < 1:
        return DistilledKey(nothing, nothing, None)
    corrected = corrected_in_frames(alice, bob, qber=qber, eps_cor=eps_cor, rng=rng)
    length = int(np.floor(undisclosed)) - corrected.leak_bits
    if length < 1 or not corrected.verified:
        return DistilledKey(nothing, nothing, corrected)
    seed = toeplitz_seed(rng.integers(0, 2, bob.size + length - 1, dtype=np.uint8), bob.size, length)
    held, found = (SecretBits(toeplitz(bits, seed, length)) for bits in (alice, corrected.bits))
    return DistilledKey(held, found, corrected)


def corrected_in_frames(
    alice: np.ndarray,
    bob: np.ndarray,
    *,
    qber: float,
    eps_cor: float,
    rng: np.random.Generator,
    correct: Callable[..., Reconciliation] = cascade,
) -> Reconciliation:
    """Correct and verify frames of equal size; their round trips go in parallel.

    Parameters
    ----------
    alice, bob, qber, rng
        As of `distilled_key`.
    eps_cor : float
        Probability that any of the frames passes the verification unequal: each has its share.
    correct : callable
        Code of the error correction, `cascade` or another with its arguments.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> alice = rng.integers(0, 2, 10_000, dtype=np.uint8)
    >>> bob = alice ^ (rng.random(10_000) < 0.03)
    >>> corrected_in_frames(alice, bob, qber=0.03, eps_cor=1e-10, rng=rng).verified
    True
    """
    frames = -(-bob.size // FRAME_BITS)
    split = zip(np.array_split(alice, frames), np.array_split(bob, frames), strict=True)
    done = [correct(own, other, qber, rng, eps_cor=eps_cor / frames) for own, other in split]
    if frames == 1:
        return done[0]
    return Reconciliation(
        bits=np.concatenate([frame.bits for frame in done]),
        parity_bits=sum(frame.parity_bits for frame in done),
        tag_bits=sum(frame.tag_bits for frame in done),
        errors=sum(frame.errors for frame in done),
        round_trips=max(frame.round_trips for frame in done),
        verified=all(frame.verified for frame in done),
        frames=frames,
    )
