"""Theorem 1 of docs/proofs.md on a few qubits: the distance of hashed bits from a perfect key, computed exactly."""

import itertools

import numpy as np
import pytest
from scipy.special import comb

QUBITS = 4
VALUES = np.array(list(itertools.product([0, 1], repeat=QUBITS)))
# (-1)^(x z) / sqrt(2^n), from the X basis to the Z basis.
HADAMARD = (-1.0) ** (VALUES @ VALUES.T) / 2 ** (QUBITS / 2)


def eavesdropper_given_bits(rng, errors, weight, labels):
    """Eve's unnormalised state for each value of the bits, when the phase pattern has too many errors with `weight`.

    `labels` is the dimension of Eve's system: 16 tell all patterns apart, with 1 they stand in superposition.
    """
    patterns = rng.standard_normal((2**QUBITS, labels)) + 1j * rng.standard_normal((2**QUBITS, labels))
    few = VALUES.sum(axis=1) <= errors
    for group, share in ((few, 1.0 - weight), (~few, weight)):
        norm = np.sum(np.abs(patterns[group]) ** 2)
        patterns[group] *= np.sqrt(share / norm) if norm else 0.0
    return HADAMARD @ patterns


def distance(states, parities, hashes):
    """Of the hash, given the parities, from a uniform one: half the trace norm, the mean over all hash functions."""
    syndrome = VALUES @ parities.T % 2 @ (1 << np.arange(len(parities)))
    total = 0.0
    for matrix in hashes:
        key = VALUES @ matrix.T % 2 @ (1 << np.arange(len(matrix)))
        for value in np.unique(syndrome):
            blocks = [states[(syndrome == value) & (key == k)] for k in range(2 ** len(matrix))]
            operators = [block.T @ block.conj() for block in blocks]
            mean = sum(operators) / len(operators)
            total += 0.5 * sum(np.abs(np.linalg.eigvalsh(each - mean)).sum() for each in operators)
    return total / len(hashes)


@pytest.mark.parametrize("labels", [1, 2, 16])
@pytest.mark.parametrize(("errors", "disclosed", "length"), [(0, 0, 2), (0, 1, 1), (1, 0, 1), (1, 1, 1), (0, 2, 2)])
@pytest.mark.parametrize("weight", [0.0, 0.01, 0.2])
def test_hashed_bits_are_as_near_to_a_perfect_key_as_theorem_1_says(labels, errors, disclosed, length, weight):
    rng = np.random.default_rng([labels, errors, disclosed, length, int(100 * weight)])
    parities = np.eye(QUBITS, dtype=int)[:disclosed]
    parities[:, -1] = 1
    # All matrices together are a two-universal family.
    hashes = np.array(list(itertools.product([0, 1], repeat=length * QUBITS))).reshape(-1, length, QUBITS)
    patterns = comb(QUBITS, np.arange(errors + 1)).sum()
    bound = np.sqrt(weight) + weight / 2.0 + 0.5 * np.sqrt(patterns * 2.0 ** (length + disclosed - QUBITS))
    states = eavesdropper_given_bits(rng, errors, weight, labels)
    assert np.sum(np.abs(states) ** 2) == pytest.approx(1.0)
    found = distance(states, parities, hashes)
    assert 0.0 < found <= bound


def test_patterns_that_are_too_many_break_the_bound_of_fewer():
    rng = np.random.default_rng(1)
    states = eavesdropper_given_bits(rng, 4, 0.0, 16)
    hashes = np.array(list(itertools.product([0, 1], repeat=QUBITS))).reshape(-1, 1, QUBITS)
    assert distance(states, np.zeros((0, QUBITS), dtype=int), hashes) > 0.5 * np.sqrt(2.0 ** (1 - QUBITS))
