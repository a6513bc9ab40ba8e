"""Test bounds on a random sample: K wrong bits among n + k, of which k are seen and n become key.

The true K is given. Its divisions are enumerated where blocks are small or errors few, and drawn where there are many.
A phase error rate of one half promises no key and cannot fail, so its limit is infinite here.
"""

from collections.abc import Callable, Iterator

import numpy as np
from scipy.special import gammaln

from satqkd.key.proofs import decoy_bounds
from satqkd.key.proofs.bbm92 import bbm92_key_length
from satqkd.key.proofs.decoy import PROOFS
from satqkd.key.proofs.sampling import serfling_deviation
from soundness.findings import Finding

PAIR_PROOFS = ("tomamichel2012", "lim2021", "hypergeometric", "projected")
PAIR_FORMULAS = ("yin2020",)
# Serfling's inequality for sample and key together is sound, and is a step of lim2021.
SERFLING = "yin2020, lim2021"
SOUND = "all but tiangong2"
PRINTED = "lim2014, Eq. (5) as printed"
# Key and sample of blocks in which every number of errors is tried.
SMALL_BLOCKS = (
    (1, 1), (1, 3), (3, 1), (2, 5), (10, 10), (10, 40), (40, 10), (50, 50), (150, 20), (20, 150), (150, 150),
)  # fmt: skip
# Blocks in which all numbers of errors up to `FEW` are tried.
LONG_BLOCKS = ((1000, 1000), (1000, 30), (1000, 10**5), (10**5, 1000), (10**6, 10**6), (10**6, 10**4), (10**4, 10**6))
FEW = 80
ERROR_RATES = (0.002, 0.02, 0.11, 0.4)
TERMS = PROOFS["lim2014"].terms


def pair_limit(bound: str) -> Callable:
    """Return the limit of the key's error rate by a proof for pairs, and its allowed failure probability."""

    def limit(n_key, n_sample, seen, eps):
        key = bbm92_key_length(
            n_z=n_key, n_x=n_sample, errors_z=0, errors_x=seen, eps_sec=eps, eps_cor=1e-10, f_ec=1.0, bound=bound
        )
        return _promised(np.asarray(key.z.phase_error)), float(key.split.estimate)

    return limit


def whole_limit(n_key, n_sample, seen, eps):
    """Return the limit of the key's error rate by Serfling's bound on sample and key together, and its failure
    probability.
    """
    together = seen / n_sample + serfling_deviation(n_key, n_sample, eps=eps)
    return ((n_key + n_sample) * together - seen) / n_key, eps


def _promised(phase_error):
    return np.where(phase_error < 0.5, phase_error, np.inf)


def decoy_limit(deviation: Callable, terms: int = TERMS) -> Callable:
    """Return the limit of the phase error rate of known single photons, and its allowed failure probability."""

    def limit(n_key, n_sample, seen, eps):
        rates = np.minimum(np.asarray(seen) / n_sample, 0.5)
        wider = [deviation(rate, float(n_sample), float(n_key), eps, terms) for rate in rates]
        return _promised(rates + wider), eps / terms

    return limit


def limits() -> dict[tuple[str, str, str], Callable]:
    """Return all limits by family, bound and estimate."""
    pairs = {("pairs", bound, "errors of the key"): pair_limit(bound) for bound in (*PAIR_PROOFS, *PAIR_FORMULAS)}
    pairs["pairs", SERFLING, "errors of sample and key together"] = whole_limit
    decoy = {
        SOUND: decoy_limit(decoy_bounds.phase_error_deviation),
        PRINTED: decoy_limit(decoy_bounds.sampling_deviation),
        # This formula uses the error rate of the sample as that of the key.
        "tiangong2": decoy_limit(lambda *_: 0.0, PROOFS["tiangong2"].terms),
    }
    return pairs | {("decoy", name, "phase errors, given the single photons"): limit for name, limit in decoy.items()}


def _log_choose(n, k):
    return gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)


def enumerated_failures(n_key, n_sample, seen, limit, wrong) -> np.ndarray:
    """Return the probability that the errors of the key exceed the limit, for each total number `wrong`.

    Parameters
    ----------
    n_key, n_sample : int
    seen : ndarray of int
        Enumerated numbers of errors in the sample.
    limit : ndarray
        Limit of the key's error rate for each of them.
    wrong : ndarray of int

    Returns
    -------
    ndarray
        Probabilities, in the shape of `wrong`.
    """
    total = np.asarray(wrong)[:, np.newaxis]
    in_key = total - seen
    rounding = 1e-9
    failed = (in_key >= 0) & (in_key <= n_key) & (in_key > n_key * limit + rounding)
    inside = np.clip(in_key, 0, n_key)
    log_p = _log_choose(n_sample, seen) + _log_choose(n_key, inside) - _log_choose(n_key + n_sample, total)
    return np.exp(np.where(failed, log_p, -np.inf)).sum(axis=1)


def enumerate_blocks(eps: float, blocks=SMALL_BLOCKS, long_blocks=LONG_BLOCKS, few=FEW) -> Iterator[Finding]:
    """Try every limit in small blocks with any number of errors, and in long ones with few."""
    for name, limit_of in limits().items():
        tried = [(*block, sum(block)) for block in blocks] + [(*block, few) for block in long_blocks]
        for n_key, n_sample, most in tried:
            seen = np.arange(min(n_sample, most) + 1)
            limit, paid = limit_of(n_key, n_sample, seen, eps)
            failures = enumerated_failures(n_key, n_sample, seen, limit, np.arange(most + 1))
            wrong = int(np.argmax(failures))
            yield Finding(*name, eps, paid, float(failures[wrong]), block_text(n_key, n_sample, wrong))


def enumerate_many_errors(eps: float, blocks=LONG_BLOCKS, rates=ERROR_RATES) -> Iterator[Finding]:
    """Try every limit in long blocks with many errors, within twelve standard deviations."""
    for n_key, n_sample, error_rate in ((*block, rate) for block in blocks for rate in rates):
        wrong, whole = round(error_rate * (n_key + n_sample)), n_key + n_sample
        sigma = np.sqrt(error_rate * (1.0 - error_rate) * n_key * n_sample / whole)
        middle = wrong * n_sample / whole
        seen = np.arange(max(0, int(middle - 12.0 * sigma)), min(n_sample, wrong, int(middle + 12.0 * sigma)) + 1)
        for name, limit_of in limits().items():
            limit, paid = limit_of(n_key, n_sample, seen, eps)
            failures = enumerated_failures(n_key, n_sample, seen, limit, [wrong])
            yield Finding(*name, eps, paid, float(failures[0]), block_text(n_key, n_sample, wrong))


def drawn_blocks(
    eps: float, rng: np.random.Generator, draws: int, blocks=LONG_BLOCKS, rates=ERROR_RATES
) -> Iterator[Finding]:
    """Draw samples of long blocks with many errors, for all limits that allow at least ten failures among the draws."""
    for n_key, n_sample, error_rate in ((*block, rate) for block in blocks for rate in rates):
        wrong, whole = round(error_rate * (n_key + n_sample)), n_key + n_sample
        seen, times = np.unique(rng.hypergeometric(wrong, whole - wrong, n_sample, draws), return_counts=True)
        for name, limit_of in limits().items():
            limit, paid = limit_of(n_key, n_sample, seen, eps)
            failed = (wrong - seen) / n_key > limit * (1.0 + 1e-12)
            if paid * draws >= 10.0:
                where = block_text(n_key, n_sample, wrong)
                yield Finding(*name, eps, paid, float(times[failed].sum() / draws), where, draws)


def block_text(n_key: int, n_sample: int, wrong: int) -> str:
    """Describe a block in words."""
    return f"key {n_key:,}, sample {n_sample:,}, {wrong:,} wrong"
