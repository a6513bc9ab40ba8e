"""The real key of one basis."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.key.postprocessing import distillation
from satqkd.key.postprocessing.distillation import FEWEST_BITS, distilled_key
from satqkd.key.postprocessing.verification import Reconciliation


def sifted(n, qber, seed):
    rng = np.random.default_rng(seed)
    alice = rng.integers(0, 2, n, dtype=np.uint8)
    return alice, alice ^ (rng.random(n) < qber).astype(np.uint8), rng


@given(st.integers(FEWEST_BITS, 3000), st.floats(0, 0.11), st.integers(0, 2**32))
def test_both_sides_hold_the_same_key_of_what_is_left(n, qber, seed):
    alice, bob, rng = sifted(n, qber, seed)
    key = distilled_key(alice, bob, qber=qber, undisclosed=0.8 * n, eps_cor=1e-10, rng=rng)
    left = max(int(0.8 * n) - key.reconciliation.leak_bits, 0) if key.reconciliation.verified else 0
    assert len(key.alice) == len(key.bob) == left
    assert key.alice == key.bob


def test_a_correction_that_failed_gives_no_key(monkeypatch):
    alice, bob, rng = sifted(1000, 0.02, 1)
    failed = Reconciliation(bob, parity_bits=10, tag_bits=34, errors=0, round_trips=3, verified=False)
    monkeypatch.setattr(distillation, "corrected_in_frames", lambda *_, **__: failed)
    key = distilled_key(alice, bob, qber=0.02, undisclosed=900.0, eps_cor=1e-10, rng=rng)
    assert len(key.alice) == len(key.bob) == 0 and key.reconciliation is failed


@pytest.mark.parametrize("n", [0, 1, FEWEST_BITS - 1])
def test_a_handful_of_bits_is_not_begun(n):
    alice, bob, rng = sifted(n, 0.0, 2)
    key = distilled_key(alice, bob, qber=0.0, undisclosed=float(n), eps_cor=1e-10, rng=rng)
    assert key.reconciliation is None and len(key.alice) == len(key.bob) == 0


def test_another_seed_gives_another_key():
    keys = []
    for seed in (1, 2):
        alice, bob, _ = sifted(2000, 0.02, 3)
        keys.append(
            distilled_key(
                alice, bob, qber=0.02, undisclosed=1500.0, eps_cor=1e-10, rng=np.random.default_rng(seed)
            ).alice
        )
    size = min(map(len, keys))
    assert size > 100
    assert not np.array_equal(keys[0].reveal()[:size], keys[1].reveal()[:size])
