"""Test tail bounds: enumerate sums of independent clicks with given probabilities, against their expectation.

A decoy bound assumes that the intensity of each event is independent, given its number of photons. The clicks of one
intensity are then a sum of draws, with one probability for each number of photons.
"""

from collections.abc import Iterator

import numpy as np
from scipy.signal import convolve
from scipy.stats import binom

from satqkd.key.proofs import decoy_bounds
from satqkd.key.proofs.decoy import PROOFS
from soundness.findings import Finding

HOEFFDING = "lim2014, rusca2018"
TAILS = {
    HOEFFDING: "lim2014",
    "chernoff": "chernoff",
    "zhang2017": "zhang2017",
    "gaussian": "gaussian",
    "tiangong2": "tiangong2",
}
# Numbers of events, and the probability of each to have the intensity in question.
GROUPS = (
    *(((n, q),) for n in (1, 3, 10, 50, 200, 1000) for q in (1e-3, 0.02, 0.1, 0.3, 0.5, 0.8, 0.99)),
    *(((100_000, mean / 100_000),) for mean in (0.01, 0.1, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 9.0, 15.0, 40.0, 200.0)),
    *(((few, 0.9), (many, 0.05)) for few in (2, 10, 100) for many in (20, 400)),
    ((200, 0.3), (100, 0.6)), ((5, 0.5), (1000, 0.01)),
)  # fmt: skip
# Empty pulses, and all events, for the bound on empty pulses from their errors.
VACUUM = ((1, 1), (3, 3), (10, 10), (100, 100), (1000, 1000), (10, 1000), (100, 1000), (1000, 10**5))


def distribution(groups) -> np.ndarray:
    """Return the probability of each number of clicks, up to where the rest is below 1e-16."""
    result = np.ones(1)
    for n, q in groups:
        last = min(n, int(binom.isf(1e-17, n, q)) + 1)
        result = convolve(result, binom.pmf(np.arange(last + 1), n, q), method="direct")
    return result


def enumerate_counts(eps: float, groups=GROUPS) -> Iterator[Finding]:
    """Enumerate lower and upper limits of an expectation, and the least part of a known number, for every tail."""
    for bound, name in TAILS.items():
        proof = PROOFS[name]
        terms, tail, beta = proof.terms, proof.tail, np.log(proof.terms / eps)
        sigmas = float(proof.sigmas(np.float64(eps), False))
        for group in groups:
            p, expectation = distribution(group), sum(n * q for n, q in group)
            total = float(sum(n for n, _ in group))
            counts = np.arange(len(p), dtype=float)
            low, high = (
                np.array([limit(count, total, beta, sigmas, tail) for count in counts])
                for limit in (decoy_bounds.lower_limit, decoy_bounds.upper_limit)
            )
            failures = {
                "expectation of a count, from below": p[low > expectation * (1.0 + 1e-12)].sum(),
                "expectation of a count, from above": p[high < expectation * (1.0 - 1e-12)].sum(),
            }
            if len(group) == 1 and bound != "tiangong2":
                stays = decoy_bounds.least_thinned(total, group[0][1], beta, sigmas, tail)
                failures["signal's part of a known number"] = p[counts < stays * (1.0 - 1e-12)].sum()
            where = " and ".join(f"{n:,} event{'s' * (n > 1)} with {q:.3g} each" for n, q in group)
            for estimate, failed in failures.items():
                yield Finding("decoy", bound, estimate, eps, eps / terms, float(failed), where)


def enumerate_empty_pulses(eps: float, vacuum=VACUUM) -> Iterator[Finding]:
    """Enumerate the limit of empty pulses from their errors, for the bound without vacuum pulses."""
    terms = PROOFS["rusca2018"].terms
    for empty, total in vacuum:
        p = distribution([(empty, 0.5)])
        most = [
            decoy_bounds.most_empty_events(float(wrong), float(total), np.log(terms / eps)) for wrong in range(len(p))
        ]
        where = f"{empty:,} empty pulses of {total:,} events"
        failed = float(p[np.array(most) < empty].sum())
        yield Finding("decoy", "rusca2018", "empty pulses by their errors", eps, eps / terms, failed, where)
