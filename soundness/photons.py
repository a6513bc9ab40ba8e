"""Test bounds for decoy states on events with given numbers of photons and errors.

An adversary may choose how many events come from 0, 1, 2 and 3 photons, and how many of them are wrong. These numbers
are given. Basis and intensity of each event, and the bit of an empty pulse, are random: they are enumerated or drawn.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import fftconvolve
from scipy.stats import multinomial

from satqkd.key.proofs.decoy import DecoyCounts, decoy_key_length
from satqkd.key.proofs.entropy import binary_entropy
from soundness.findings import Finding

SOUND = ("lim2014", "chernoff", "zhang2017", "rusca2018")
# These may count empty pulses, with their phase errors, among the single photons. Therefore only their secret bits are
# compared.
WEIGHED = ("multinomial", "multinomial_two_way")
UNSOUND = ("gaussian", "tiangong2")
WITHOUT_VACUUM = ("rusca2018",)
MU, SHARES = (0.7, 0.15, 0.0), (0.5, 0.3, 0.2)
# Number of tail bounds that a statement depends on, of signal, decoy and vacuum counts; each of them may fail.
EMPTY, SINGLE, ERRORS, PHASE = 2, 5, 2, 1


@dataclass(frozen=True)
class Population:
    """Sifted events of both bases together, by photon number, and the errors among them.

    Attributes
    ----------
    empty, single, double, triple : int
        Events by photon number.
    wrong_single, wrong_several : int
        Wrong events among the single photons, and among the double and the triple ones, in either basis.
    basis_x : float
        Probability that an event was measured in X, which gives key. Z is the sample.
    mu, shares : tuple
        Mean photon numbers, and probabilities, of signal, decoy and vacuum.
    fluctuation : float
        Relative uncertainty of the intensities of signal and decoy, as told to the bound.
    corner : tuple
        Place of the true intensities in this box, from -1 to 1.
    """

    empty: int
    single: int
    double: int = 0
    triple: int = 0
    wrong_single: int = 0
    wrong_several: int = 0
    basis_x: float = 0.5
    mu: tuple = MU
    shares: tuple = SHARES
    fluctuation: float = 0.0
    corner: tuple = (0.0, 0.0)

    def __str__(self):
        photons = " + ".join(f"{n:,}" for n in (self.empty, self.single, self.double, self.triple))
        parts = [f"{photons} events of 0 to 3 photons, {self.wrong_single:,} single ones wrong, P(X) {self.basis_x:g}"]
        if self.mu[2] > 0.0:
            parts.append(f"vacuum of {self.mu[2]:g} photons")
        if self.fluctuation:
            parts.append(f"intensities {self.fluctuation:.0%} uncertain, at {self.corner}")
        return ", ".join(parts)

    @property
    def true_mu(self) -> np.ndarray:
        """Return the mean photon numbers of the events."""
        return np.array(self.mu) * (1.0 + self.fluctuation * np.array([*self.corner, 0.0]))

    def intensities(self, photons: int, kept: int = 3) -> np.ndarray:
        """Return the probability of each of the `kept` intensities for an event of a given number of photons."""
        p = np.array(self.shares[:kept]) * np.exp(-self.true_mu[:kept]) * self.true_mu[:kept] ** photons
        return p / p.sum()


@dataclass(frozen=True)
class Drawn:
    """Counts of many draws, shape (draws, intensities), with the true numbers of each."""

    counts: DecoyCounts
    empty: np.ndarray
    single: np.ndarray
    single_sample: np.ndarray
    wrong_sample: np.ndarray
    wrong_key: np.ndarray


def draw(population: Population, rng: np.random.Generator, draws: int, kept: int = 3) -> Drawn:
    """Draw basis and intensity of each event, and the bits of empty pulses.

    The errors of single photons in X are those that a measurement in Z would show: the phase errors of the key.
    """
    detections, errors, truth = np.zeros((2, draws, kept)), np.zeros((2, draws, kept)), {}
    several = population.wrong_several
    classes = [
        ("empty", 0, population.empty, None),
        ("single", 1, population.single - population.wrong_single, False),
        ("wrong", 1, population.wrong_single, True),
        ("double", 2, population.double - min(several, population.double), False),
        ("double wrong", 2, min(several, population.double), True),
        ("triple", 3, population.triple - min(several, population.triple), False),
        ("triple wrong", 3, min(several, population.triple), True),
    ]
    bases = np.array([population.basis_x, 1.0 - population.basis_x])
    for name, photons, events, wrong in classes:
        cells = (bases[:, np.newaxis] * population.intensities(photons, kept)).ravel()
        split = rng.multinomial(events, cells, size=draws).reshape(draws, 2, kept).transpose(1, 0, 2)
        detections += split
        errors += rng.binomial(split, 0.5) if wrong is None else split * wrong
        truth[name] = split
    single = truth["single"] + truth["wrong"]
    sent = 1e9 * np.array(population.shares[:kept]) / sum(population.shares[:kept])
    return Drawn(
        DecoyCounts(detections[0], detections[1], errors[0], errors[1], sent),
        truth["empty"][0], single[0], single[1], truth["wrong"][1], truth["wrong"][0],
    )  # fmt: skip


def account(population: Population, counts: DecoyCounts, bound: str, eps: float, signal_only: bool):
    """Return the key that a bound computes from counts, X giving key."""
    kept = np.shape(counts.detections_x)[-1]
    shares = np.array(population.shares[:kept])
    return decoy_key_length(
        counts=counts,
        mean_photon_numbers=np.array(population.mu[:kept]),
        intensity_probabilities=shares / shares.sum(),
        eps_sec=eps,
        eps_cor=1e-10,
        f_ec=1.0,
        bound=bound,
        key_intensities="signal" if signal_only else "all",
        intensity_fluctuation=population.fluctuation,
    )


def secret_bits(empty, single, phase_error):
    """Return the number of secret bits: empty pulses, and single photons less the entropy of their phase errors."""
    return empty + single * (1.0 - binary_entropy(np.minimum(phase_error, 0.5)))


def failures_of(drawn: Drawn, key, *, signal_only: bool, gains: bool) -> dict[str, tuple[np.ndarray, int]]:
    """Return the draws in which each statement fails, and the number of tail bounds that it depends on."""
    basis, rounding = key.x, 1e-9
    in_key = slice(0, 1 if signal_only else None)
    # The formulas with gains are about the signal's single photons in both bases.
    in_sample = slice(0, 1 if gains else None)
    empty, single, wrong = (part[:, in_key].sum(axis=1) for part in (drawn.empty, drawn.single, drawn.wrong_key))
    single_sample, wrong_sample = (part[:, in_sample].sum(axis=1) for part in (drawn.single_sample, drawn.wrong_sample))
    true_rate = np.divide(wrong, single, out=np.zeros_like(wrong, dtype=float), where=single > 0)
    promised = secret_bits(basis.vacuum_events, basis.single_photons, basis.phase_error)
    more = int(signal_only)
    return {
        "empty pulses": (basis.vacuum_events > empty + rounding, EMPTY + more),
        "single photons": (basis.single_photons > single + rounding, SINGLE + more),
        "single photons of the sample": (basis.single_photons_sample > single_sample + rounding, SINGLE),
        "errors of single photons": (basis.single_photon_errors_sample < wrong_sample - rounding, ERRORS),
        "phase error rate": (
            (basis.phase_error < 0.5) & (basis.phase_error < true_rate - rounding), 2 * SINGLE + ERRORS + PHASE + more,
        ),
        "secret bits": (promised > secret_bits(empty, single, true_rate) * (1.0 + rounding) + rounding, 0),
    }  # fmt: skip


def drawn_population(
    population: Population, eps_values, rng: np.random.Generator, draws: int, bounds=(*SOUND, *UNSOUND)
) -> Iterator[Finding]:
    """Yield the frequency with which each statement of each bound fails for a population.

    Where the intensities are uncertain, a bound promises the shortest key of the box rather than the fewest photons.
    Then only the secret bits are compared, as for the bounds that weigh all counts together.
    """
    made = {kept: draw(population, rng, draws, kept) for kept in (2, 3)}
    for bound in bounds:
        drawn = made[2 if bound in WITHOUT_VACUUM else 3]
        gains = bound == "tiangong2"
        if gains and population.mu[2] > 0.0:
            continue
        for signal_only in (True,) if gains else (False, True):
            for eps in eps_values:
                key = account(population, drawn.counts, bound, eps, signal_only)
                failed = failures_of(drawn, key, signal_only=signal_only, gains=gains)
                if population.fluctuation or bound in WEIGHED:
                    failed = {"secret bits": failed["secret bits"]}
                paid_each = float(key.split.estimate)
                where = f"{population}, key of {'signal' if signal_only else 'all'}"
                for estimate, (which, tails) in failed.items():
                    paid = tails * paid_each if tails else eps
                    if not gains or estimate != "empty pulses":
                        yield Finding(
                            "decoy", bound, estimate, eps, min(paid, 1.0), float(np.mean(which)), where, draws
                        )


def populations() -> list[Population]:
    """Return populations from a few events to a million, with no, few and many errors, and other extremes."""
    result = []
    for events in (30, 300, 3000, 30_000, 300_000, 1_000_000):
        for vacuum_share in (0.0, 0.02, 0.4):
            empty, double = round(vacuum_share * events), round(0.2 * events)
            single, triple = round(0.6 * (events - empty)), round(0.05 * events)
            some = Population(empty, single, double, triple)
            wrongs = (
                {0, 1, 5, round(0.003 * single), round(0.05 * single)} if events < 30_000 else {5, round(0.02 * single)}
            )
            result += [replace(some, wrong_single=wrong, wrong_several=double // 2) for wrong in sorted(wrongs)]
    for events in (3000, 100_000):
        some = Population(events // 50, round(0.7 * events), round(0.2 * events), round(0.05 * events))
        for basis_x in (0.05, 0.2, 0.8, 0.95):
            result += [replace(some, basis_x=basis_x, wrong_single=wrong) for wrong in (3, round(0.02 * some.single))]
        # Only single photons; only several photons; only empty pulses; a dim vacuum; rare decoys; similar intensities.
        result += [
            Population(0, events, wrong_single=4),
            Population(0, 0, events, events // 10),
            Population(events, 0),
            replace(some, mu=(0.5, 0.1, 0.002), wrong_single=10),
            replace(some, mu=(0.5, 0.1, 0.05), wrong_single=10),
            replace(some, shares=(0.96, 0.02, 0.02), wrong_single=10),
            replace(some, mu=(0.4, 0.3, 0.0), wrong_single=10),
        ]
    return result


def uncertain_populations() -> list[Population]:
    """Return populations with intensities at the corners of the allowed box, in its middle, and half way along its
    sides.
    """
    places = [(a, b) for a in (-1.0, 0.0, 1.0) for b in (-1.0, 0.0, 1.0)]
    some = Population(2000, 70_000, 20_000, 3000, wrong_single=500, wrong_several=300)
    few = Population(60, 2000, 400, 50, wrong_single=2, wrong_several=20)
    return [
        replace(kind, fluctuation=width, corner=place)
        for kind in (some, few)
        for width in (0.02, 0.1)
        for place in places
    ]


def inside_the_box(rng: np.random.Generator, points: int, bound: str) -> np.ndarray:
    """Return the difference between the shortest key at the corners and a key at intensities inside the box, per random
    pass.

    A bound takes the shortest key of the four corners. It is sound for intensities anywhere in the box when no key
    inside is shorter, that is, when no difference is positive. This is searched for, and not proven.
    """
    mu = np.stack([rng.uniform(0.3, 1.0, points), rng.uniform(0.03, 0.2, points), np.zeros(points)], axis=-1)
    shares = rng.dirichlet([3.0, 2.0, 1.0], points).clip(0.02)
    shares /= shares.sum(axis=-1, keepdims=True)
    transmittance, background = (10.0 ** rng.uniform(*range_, (points, 1)) for range_ in ((-4.0, -1.0), (-8.0, -4.0)))
    pulses, wrong = (10.0 ** rng.uniform(*range_, (points, 1)) for range_ in ((6.0, 10.0), (-4.0, -1.1)))
    seen = -np.expm1(-transmittance * mu)
    detections = pulses * shares * (seen + background)
    errors = pulses * shares * (wrong * seen + 0.5 * background)
    basis_x = rng.uniform(0.1, 0.9, (points, 1))
    x, z = rng.poisson(basis_x * detections), rng.poisson((1.0 - basis_x) * detections)
    wrong_x, wrong_z = rng.binomial(x, errors / detections), rng.binomial(z, errors / detections)
    width = rng.uniform(0.005, 0.1, points)
    usable = mu[:, 1] * (1.0 + width) < mu[:, 0] * (1.0 - width)
    mu = np.where(usable[:, np.newaxis], mu, MU)
    common = {
        "counts": DecoyCounts(x, z, wrong_x, wrong_z, pulses * shares),
        "intensity_probabilities": shares,
        "eps_sec": 1e-9,
        "eps_cor": 1e-9,
        "f_ec": 1.16,
        "bound": bound,
        "key_intensities": "signal",
    }
    place = np.stack([*rng.uniform(-1.0, 1.0, (2, points)), np.zeros(points)], axis=-1)
    inside = decoy_key_length(mean_photon_numbers=mu * (1.0 + width[:, np.newaxis] * place), **common)
    corners = decoy_key_length(mean_photon_numbers=mu, intensity_fluctuation=width, **common)
    return corners.length - inside.length


def grid_of_counts(parts: list[tuple[int, np.ndarray]]) -> np.ndarray:
    """Return the probability of each (signal, decoy) count of groups of events, shape (N + 1, N + 1)."""
    total = sum(events for events, _ in parts)
    result = np.ones((1, 1))
    for events, p in parts:
        signal, decoy = np.meshgrid(np.arange(events + 1), np.arange(events + 1), indexing="ij")
        rest = events - signal - decoy
        inside = rest >= 0
        counts = np.stack([signal, decoy, np.where(inside, rest, 0)], axis=-1)
        one = np.zeros(signal.shape)
        one[inside] = multinomial.pmf(counts[inside], events, p)
        result = fftconvolve(result, one)
    # A count cannot exceed all events. Values there, and tiny ones elsewhere, are rounding errors of the transform.
    possible = np.add.outer(np.arange(total + 1), np.arange(total + 1)) <= total
    return np.where(possible & (result > 1e-15), result, 0.0)


# Events of 0 to 3 photons in one basis, few enough to enumerate every outcome.
ENUMERATED = (
    (0, 40, 0, 0), (5, 60, 10, 0), (40, 60, 0, 0), (60, 10, 0, 0), (0, 5, 60, 10), (2, 120, 20, 3), (0, 150, 0, 0),
    (100, 0, 0, 0), (0, 0, 80, 0),
)  # fmt: skip
WRONG_ENUMERATED = ((0, 1, 0), (0, 10, 3), (20, 2, 0), (3, 40, 20), (60, 1, 0), (0, 100, 0))


def enumerated_outcomes(population: Population, by_photons: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Return counts of groups of 0, 1, 2, ... photons by intensity, shape (outcomes, 3), and their probabilities."""
    p = grid_of_counts([(n, population.intensities(photons)) for photons, n in enumerate(by_photons)])
    signal, decoy = np.nonzero(p)
    counts = np.stack([signal, decoy, sum(by_photons) - signal - decoy], axis=-1)
    return counts, p[signal, decoy]


def enumerate_photons(
    eps: float, events=ENUMERATED, wrong=WRONG_ENUMERATED, settings=((MU, SHARES), ((0.5, 0.1, 0.05), (0.3, 0.3, 0.4)))
) -> Iterator[Finding]:
    """Enumerate every outcome for empty pulses, single photons and their errors, under the bounds with two decoys."""
    bounds = [bound for bound in (*SOUND, *UNSOUND) if bound not in (*WITHOUT_VACUUM, "tiangong2")]
    rounding = 1e-9
    for population in (Population(0, 0, mu=mu, shares=shares) for mu, shares in settings):
        vacuum = f"in one basis, vacuum of {population.mu[2]:g} photons"
        for by_photons in events:
            counts, p = enumerated_outcomes(population, by_photons)
            none, where = np.zeros_like(counts), f"{' + '.join(map(str, by_photons))} events of 0 to 3 photons {vacuum}"
            for bound in bounds:
                key = account(population, DecoyCounts(counts, counts, none, none), bound, eps, False)
                for estimate, tails, failed in (
                    ("empty pulses", EMPTY, key.x.vacuum_events > by_photons[0] + rounding),
                    ("single photons", SINGLE, key.x.single_photons > by_photons[1] + rounding),
                ):
                    paid = tails * float(key.split.estimate)
                    yield Finding("decoy", bound, estimate, eps, paid, float(p[failed].sum()), where)
        for by_photons in wrong:
            counts, p = enumerated_outcomes(population, by_photons)
            none, where = np.zeros_like(counts), f"{' + '.join(map(str, by_photons))} errors of 0 to 2 photons {vacuum}"
            # The detections are many, so that only the bound on errors is tested.
            many = counts + 10**6
            for bound in bounds:
                key = account(population, DecoyCounts(many, many, none, counts), bound, eps, False)
                failed = key.x.single_photon_errors_sample < by_photons[1] - rounding
                paid = ERRORS * float(key.split.estimate)
                yield Finding("decoy", bound, "errors of single photons", eps, paid, float(p[failed].sum()), where)
