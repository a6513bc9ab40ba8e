"""Error correction by several codes, to compare what each discloses and how often it waits for answers."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from satqkd.key.postprocessing.distillation import FEWEST_BITS, corrected_in_frames
from satqkd.key.postprocessing.reconciliation import VARIANTS, cascade
from satqkd.key.postprocessing.verification import Reconciliation
from satqkd.key.postprocessing.winnow import winnow

CODES: dict[str, Callable[..., Reconciliation]] = {
    **{f"cascade {variant}": partial(cascade, variant=variant) for variant in VARIANTS},
    "winnow": winnow,
}


def corrected_by(
    code: str, pairs: Sequence[tuple[np.ndarray, np.ndarray]], *, eps_cor: float, rng: np.random.Generator
) -> list[Reconciliation]:
    """Correct the bits of several bases by one code.

    Parameters
    ----------
    code : str
        Key of `CODES`.
    pairs : sequence of (ndarray, ndarray)
        Sifted bits of Alice and Bob in each basis. A basis with fewer than 64 bits, or with half of them wrong, is left
        out.
    eps_cor : float
        Probability that unequal bits of a basis pass the verification.
    rng : numpy.random.Generator
        Of the public choices.

    Returns
    -------
    list of Reconciliation
        One for each basis that is not left out.

    Raises
    ------
    ValueError
        For an unknown code.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> alice = rng.integers(0, 2, 10_000, dtype=np.uint8)
    >>> bob = alice ^ (rng.random(10_000) < 0.03)
    >>> for code in ("cascade original", "winnow"):
    ...     (done,) = corrected_by(code, [(alice, bob)], eps_cor=1e-10, rng=rng)
    ...     print(code, done.verified, round(done.f_ec, 2), done.round_trips)
    cascade original True 1.17 35
    winnow True 1.41 11
    """
    if code not in CODES:
        raise ValueError(f"code={code!r} is unknown: choose one of {', '.join(CODES)}")
    rates = [float(np.mean(alice != bob)) if len(bob) >= FEWEST_BITS else 0.5 for alice, bob in pairs]
    return [
        corrected_in_frames(alice, bob, qber=qber, eps_cor=eps_cor, rng=rng, correct=CODES[code])
        for (alice, bob), qber in zip(pairs, rates, strict=True)
        if qber < 0.5
    ]
