"""Compare Cascade with the decoder of an LDPC code, and the leak of its variants over many frames."""

import importlib.metadata

import numpy as np
from scipy.sparse import coo_matrix

from benchmarks.pair import side_by_side
from satqkd.key.postprocessing.reconciliation import cascade
from satqkd.key.postprocessing.winnow import winnow
from satqkd.key.proofs.entropy import binary_entropy

FRAMES = {1000: 4000, 3100: 4000, 10_000: 2000, 100_000: 300, 1_000_000: 30}
ERROR_RATES = (0.005, 0.01, 0.02, 0.045, 0.08)
VARIANTS = ("original", "yan2008", "option7", "option8", "winnow")
# Leak of the LDPC code over the Shannon limit: about the lowest at which its frames of 10^5 bits at 2 % decode. The
# shares of its columns by weight were found by a few trials, and leak far less than equal weights of three.
LDPC_INEFFICIENCY = 1.2
LDPC_COLUMNS = {2: 0.12, 3: 0.63, 10: 0.25}


def rows() -> list[dict]:
    """Compare Cascade with ldpc on the same frame: seconds, and disclosed bits."""
    from ldpc import BpDecoder

    n, qber, rng = 100_000, 0.02, np.random.default_rng(1)
    alice, bob = sifted(n, qber, rng)
    checks = irregular_code(n, round(LDPC_INEFFICIENCY * n * binary_entropy(qber)), rng)
    decoder = BpDecoder(checks, error_rate=qber, bp_method="product_sum", max_iter=100)
    ours = cascade(alice, bob, qber, np.random.default_rng(2))

    def peer():
        syndrome = (checks @ (alice ^ bob) % 2).astype(np.uint8)
        if np.any(bob ^ decoder.decode(syndrome) != alice):
            raise RuntimeError(f"LDPC_INEFFICIENCY={LDPC_INEFFICIENCY} does not correct the frame: raise it")

    speed = side_by_side(
        "Cascade option7, 2 %",
        n,
        lambda: cascade(alice, bob, qber, np.random.default_rng(2)),
        peer,
        peer_is=f"ldpc {importlib.metadata.version('ldpc')}, belief propagation, irregular code",
        repeats=3,
    )
    ratio = f"{LDPC_INEFFICIENCY / ours.f_ec:.3g}"
    leak = {"ours": f"{ours.f_ec:.4g}", "peer": f"{LDPC_INEFFICIENCY:g}", "ratio": ratio, "low": ratio, "high": ratio}
    return [speed, speed | leak | {"what": "the same, leak over the Shannon limit", "unit": "1"}]


def sifted(n, qber, rng):
    """Draw the bits of Alice, and those of Bob with exactly n qber errors at random places."""
    alice = rng.integers(0, 2, n, dtype=np.uint8)
    bob = alice.copy()
    bob[rng.choice(n, round(n * qber), replace=False)] ^= 1
    return alice, bob


def irregular_code(n, checks, rng):
    """Draw parity checks of nearly equal weight; the weights of columns follow `LDPC_COLUMNS`."""
    weights = np.repeat(list(LDPC_COLUMNS), [round(n * share) for share in LDPC_COLUMNS.values()])
    bits = np.repeat(np.arange(n), weights)
    edges = rng.permutation(np.arange(bits.size) % checks), bits
    matrix = coo_matrix((np.ones(bits.size, np.uint8), edges), shape=(checks, n)).tocsr()
    # Two edges between the same bit and check cancel.
    matrix.data %= 2
    matrix.eliminate_zeros()
    return matrix


def study() -> None:
    """Print inefficiency, frame error rate and round trips for each variant, frame size and error rate."""
    for variant in VARIANTS:
        for n, frames in FRAMES.items():
            for qber in ERROR_RATES:
                rng = np.random.default_rng([n, round(1e4 * qber)])
                results = [_corrected(variant, n, qber, rng) for _ in range(frames)]
                f_ec = [result.parity_bits / (n * binary_entropy(qber)) for result in results]
                failed = sum(not result.verified for result in results)
                round_trips = np.mean([result.round_trips for result in results])
                print(
                    f"| {variant} | {n} | {100 * qber:g} | {np.mean(f_ec):.3f} ± {np.std(f_ec):.3f} "
                    f"| {failed}/{frames} | {round_trips:.0f} |",
                    flush=True,
                )


def _corrected(variant, n, qber, rng):
    alice, bob = sifted(n, qber, rng)
    if variant == "winnow":
        return winnow(alice, bob, qber, rng)
    return cascade(alice, bob, qber, rng, variant=variant)


if __name__ == "__main__":
    study()
