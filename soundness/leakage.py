"""Test theorem 7 of docs/proofs.md, the price of light that comes back out of the source.

Two statements are tested. First, where each pulse returns a little coherent light, no event is more probable than the
theorem allows, given its probability if the pulses that return light were drawn at random. Second, with tagged pulses,
which Eve puts where they do most harm, no fewer bits are secret than promised.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import numpy as np

from satqkd.key.proofs.decoy import DecoyCounts
from satqkd.key.proofs.multinomial import accounts_of, security_bits
from soundness.findings import Finding
from soundness.photons import Population, draw, secret_bits

SOUND = "multinomial, theorem 7"
INCOHERENT = "light that comes back taken for a mixture"
UNTAGGED = "light that comes back left out"
UNSOUND = (INCOHERENT, UNTAGGED)
# Pulses of a session, mean number of photons that return in each, and the number m of pulses that may be tagged.
SESSIONS = ((4, 0.1, 1), (6, 0.02, 2), (8, 0.3, 5), (10, 0.01, 3), (12, 0.2, 6))
POPULATIONS = (
    Population(0, 3000, wrong_single=4),
    Population(2000, 70_000, 20_000, 5000, wrong_single=5, wrong_several=300),
    Population(400, 3000, 500, 100, wrong_single=30, wrong_several=20),
)
TAGGED = (5, 40, 150)


def amplitudes(pulses: int, returned_photons: float, tagged: int) -> tuple[np.ndarray, float]:
    """Return the amplitude of each set of up to `tagged` pulses that return light, and the weight of larger sets."""
    q = -np.expm1(-returned_photons)
    sizes = [len(some) for k in range(pulses + 1) for some in combinations(range(pulses), k)]
    found = np.sqrt(q ** np.array(sizes) * (1 - q) ** (pulses - np.array(sizes)))
    few = np.array(sizes) <= tagged
    return found[few], float(np.sum(found[~few] ** 2))


def superposed(pulses: int, returned_photons: float, tagged: int) -> Iterator[Finding]:
    """Yield the probability of the event that gains most from superposition, and the probability that is paid for it.

    Eve projects on the state in which every set of pulses contributes the same amplitude. The inequality of Cauchy and
    Schwarz in the proof is then an equality.
    """
    each, rest = amplitudes(pulses, returned_photons, tagged)
    event = 1 / each / np.linalg.norm(1 / each)
    real, mixed = float(np.sum(event * each) ** 2), float(np.sum((event * each) ** 2))
    paid = (np.sqrt(each.size * mixed) + np.sqrt(rest)) ** 2
    where = f"{pulses} pulses that return {returned_photons:g} photons, {tagged} tagged"
    for bound, price in ((SOUND, paid), (INCOHERENT, mixed)):
        yield Finding("decoy", bound, "probability of an event of many pulses", 0.0, price, real, where)


def tagged_population(
    population: Population, tagged: int, eps_values, rng: np.random.Generator, draws: int
) -> Iterator[Finding]:
    """Yield how often fewer bits are secret than promised, if Eve gives `tagged` pulses the decoy's intensity.

    She knows their bits. A tagged pulse in the key therefore counts as a single photon with a phase error; one in the
    sample shows no error. The promise counts the bits of pulses of up to one photon. It leaves out the price of the
    ways to choose the tagged pulses, which `superposed` tests.
    """
    drawn = draw(population, rng, draws)
    in_key = rng.binomial(tagged, population.basis_x, draws)
    detections_x, detections_z = drawn.counts.detections_x.copy(), drawn.counts.detections_z.copy()
    detections_x[:, 1] += in_key
    detections_z[:, 1] += tagged - in_key
    counts = DecoyCounts(detections_x, detections_z, drawn.counts.errors_x, drawn.counts.errors_z)
    single, wrong = drawn.single.sum(axis=1) + in_key, drawn.wrong_key.sum(axis=1) + in_key
    true = secret_bits(0.0, single, np.divide(wrong, single, out=np.zeros(draws), where=single > 0))
    where, rounding = f"{population}, {tagged} tagged", 1e-9
    for eps in eps_values:
        terms = (eps, 1.0, 0.0, float(security_bits(eps, 1e-10)), population.fluctuation, False, True)
        arguments = (
            counts.detections_x, counts.errors_x, counts.detections_z, counts.errors_z,
            np.array(population.mu), np.array(population.shares), *terms,
        )  # fmt: skip
        for bound, allowed in ((SOUND, float(tagged)), (UNTAGGED, 0.0)):
            found = accounts_of(*arguments, tagged=allowed, patterns=0.0)
            promised = secret_bits(found[:, 2], found[:, 3], found[:, 6])
            failed = promised > true * (1 + rounding) + rounding
            yield Finding("decoy", bound, "secret bits", eps, eps, float(np.mean(failed)), where, draws)


def everything(eps_values, rng: np.random.Generator, draws: int, populations=POPULATIONS) -> Iterator[Finding]:
    """Yield the findings of all sessions and populations."""
    for session in SESSIONS:
        for eps in eps_values:
            yield from (replace(one, eps=eps) for one in superposed(*session))
    for population in populations:
        for tagged in TAGGED:
            yield from tagged_population(population, tagged, eps_values, rng, draws)
