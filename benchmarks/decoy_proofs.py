"""Compare the keys of 500 drawn satellite passes by every sound proof: ``python -m benchmarks.decoy_proofs``.

Altitude, elevation, aperture, brightness, noise and settings are drawn for each pass. The expected counts come from the
analytic chain, and the counts are drawn from them. The sampling term of some proofs is an expansion for many errors;
their phase errors are limited by the exact tail at the failure probability that the proof states for that term.
"""

import time
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.stats import beta

from satqkd.channel.atmosphere import extinction_db
from satqkd.channel.diffraction import captured_fraction
from satqkd.channel.pointing import mean_pointing_factor
from satqkd.key.optimise.downlink import DecoyDownlink
from satqkd.key.proofs import multinomial
from satqkd.key.proofs.decoy import PROOFS, DecoyCounts, decoy_key_length
from satqkd.key.proofs.entropy import binary_entropy
from satqkd.key.proofs.sampling import hypergeometric_key_errors

SEED, SETS = 20281128, 500
FEWEST, MOST = 1e3, 1e7
SECURITY = {"eps_sec": 1e-9, "eps_cor": 1e-9, "f_ec": 1.16}
PEERS = ("lim2014", "chernoff", "zhang2017", "rusca2018")
EARTH_M, GRAVITY_M3_S2 = 6.371e6, 3.986e14
HIGHEST_PHOTON_NUMBER = 12


@dataclass(frozen=True)
class Pass:
    """A drawn pass: its expected counts, its counts, and its settings.

    Attributes
    ----------
    expected, counts : DecoyCounts
    truth : dict of str to tuple of float
        Expected events of no and of one photon in X, and the error rate of the latter; for all intensities together,
        and for the signal alone.
    settings : dict
        Arguments of `satqkd.key.proofs.decoy.decoy_key_length`.
    """

    expected: DecoyCounts
    counts: DecoyCounts
    truth: dict[str, tuple[float, float, float]]
    settings: dict


def transmittance(rng):
    """Draw a pass second by second: a circular orbit, a Gaussian beam, pointing, extinction, and a receiver."""
    altitude_m, highest_deg = rng.uniform(4e5, 1.2e6), rng.uniform(25.0, 90.0)
    radius_m = EARTH_M + altitude_m
    angular_rate = np.sqrt(GRAVITY_M3_S2 / radius_m**3)
    along = angular_rate * np.arange(-500.0, 501.0)
    # The angle at the Earth's centre between station and track follows from the highest elevation.
    highest = np.radians(highest_deg)
    nearest = np.arccos(EARTH_M * np.cos(highest) / radius_m) - highest
    centre = np.arccos(np.cos(nearest) * np.cos(along))
    range_m = np.sqrt(radius_m**2 + EARTH_M**2 - 2.0 * radius_m * EARTH_M * np.cos(centre))
    elevation = np.degrees(np.arcsin((radius_m * np.cos(centre) - EARTH_M) / range_m))
    seen = elevation > 15.0
    range_m, elevation = range_m[seen], elevation[seen]
    divergence_rad = rng.uniform(10e-6, 25e-6)
    captured = captured_fraction(
        range_m, aperture_m=rng.uniform(0.25, 1.2), obscuration_m=0.0, divergence_full_angle_rad=divergence_rad
    )
    pointing = mean_pointing_factor(rng.uniform(0.5e-6, 3e-6), divergence_rad)
    air = 10.0 ** (-extinction_db(elevation, zenith_extinction_db=rng.uniform(0.4, 2.0)) / 10.0)
    return captured * pointing * air * rng.uniform(0.03, 0.2)


def draw_pass(rng) -> Pass:
    """Draw a pass of 1e3 to 1e7 detections."""
    while True:
        link = DecoyDownlink(
            transmittance(rng),
            noise_rate_hz=10.0 ** rng.uniform(1.5, 3.7),
            pulse_rate_hz=10.0 ** rng.uniform(5.0, 9.0),
            misalignment=rng.uniform(0.003, 0.02),
        )
        mu = np.array([rng.uniform(0.4, 0.9), rng.uniform(0.07, 0.2), rng.choice([0.0, 1e-3])])
        signal = rng.uniform(0.5, 0.9)
        decoy = (1.0 - signal) * rng.uniform(0.4, 0.8)
        p = np.array([signal, decoy, 1.0 - signal - decoy])
        passive = rng.random() < 0.5
        settings = {
            "mean_photon_numbers": mu,
            "intensity_probabilities": p,
            "key_basis": "both" if passive else "x",
            "key_intensities": "signal" if passive else "all",
        }
        arrangement = {"basis_x": 0.5 if passive else rng.uniform(0.5, 0.9), "window_s": 1e-9}
        seconds = link.step_s * np.size(link.transmittance)
        expected = link.counts(mean_photon_numbers=mu, intensity_probabilities=p, seconds=seconds, **arrangement)
        total = expected.detections_x.sum() + expected.detections_z.sum()
        if FEWEST <= total <= MOST:
            return Pass(expected, drawn(rng, expected), photons(link, mu, p, arrangement), settings)


def drawn(rng, expected) -> DecoyCounts:
    """Draw counts from their expectation."""
    errors = {basis: rng.poisson(getattr(expected, f"errors_{basis}")) for basis in "xz"}
    right = {
        basis: rng.poisson(getattr(expected, f"detections_{basis}") - getattr(expected, f"errors_{basis}"))
        for basis in "xz"
    }
    return DecoyCounts(errors["x"] + right["x"], errors["z"] + right["z"], errors["x"], errors["z"])


def photons(link, mu, p, arrangement) -> dict[str, tuple[float, float, float]]:
    """Return the expected events in X of no and of one photon, and the error rate of the latter."""
    weight = link.pulse_rate_hz * link.step_s * arrangement["basis_x"] ** 2
    eta = np.asarray(link.transmittance)
    dark = link.noise_rate_hz * arrangement["window_s"]
    empty, single = weight * p * np.exp(-mu), weight * p * mu * np.exp(-mu)
    seen = eta.sum()
    clicks, wrong = (seen + dark * (1.0 - eta).sum(), link.misalignment * seen + 0.5 * dark * (1.0 - eta).sum())
    return {
        "all": (empty.sum() * dark * eta.size, single.sum() * clicks, wrong / clicks),
        "signal": (empty[0] * dark * eta.size, single[0] * clicks, wrong / clicks),
    }


def sound_length(bound, counts, settings):
    """Return the key length of a proof, with its phase errors limited by the exact tail."""
    key = decoy_key_length(counts=counts, bound=bound, **settings, **SECURITY)
    if bound.startswith("multinomial"):
        return float(key.length)
    tail = (SECURITY["eps_sec"] / PROOFS[bound].shares(settings["key_intensities"] == "signal")) ** 2
    return sum(_held(basis, tail) for basis in (key.x, key.z) if basis is not None)


def _held(basis, tail):
    events, sample = int(np.ceil(basis.single_photons)), int(basis.single_photons_sample)
    if events < 1 or sample < 1:
        return 0.0
    errors = min(int(np.ceil(basis.single_photon_errors_sample)), sample)
    exact = hypergeometric_key_errors(events, sample, errors, tail) / events
    phase_error = min(max(float(basis.phase_error), exact), 0.5)
    secret = float(basis.vacuum_events + basis.single_photons * (1.0 - binary_entropy(phase_error)))
    return max(secret - float(basis.leak_ec + basis.security), 0.0)


def asymptotic_length(one):
    """Return the key length of the expected counts without statistics."""
    return float(decoy_key_length(counts=one.expected, bound="asymptotic", **one.settings, **SECURITY).length)


def infinite_decoys(one):
    """Return the key length without statistics when every photon number is known; X counts for both bases."""
    which = one.settings["key_intensities"]
    kept = slice(0, 1 if which == "signal" else 3)
    empty, single, error = one.truth[which]
    detections, errors = one.expected.detections_x[kept].sum(), one.expected.errors_x[kept].sum()
    length = empty + single * (1.0 - binary_entropy(error))
    length -= SECURITY["f_ec"] * detections * binary_entropy(errors / detections)
    return (2.0 if one.settings["key_basis"] == "both" else 1.0) * max(float(length), 0.0)


def _scaled(counts, factor):
    names = ("detections_x", "detections_z", "errors_x", "errors_z")
    return DecoyCounts(*(factor * getattr(counts, name) for name in names))


def smallest_block(one, bound):
    """Return the number of detections, in the expected mixture, above which a proof gives key; infinite above 1e9."""
    total = one.expected.detections_x.sum() + one.expected.detections_z.sum()
    low, high = np.log(100.0 / total), np.log(1e9 / total)
    if sound_length(bound, _scaled(one.expected, np.exp(high)), one.settings) <= 0.0:
        return np.inf
    while high - low > 1e-3:
        middle = 0.5 * (low + high)
        if sound_length(bound, _scaled(one.expected, np.exp(middle)), one.settings) > 0.0:
            high = middle
        else:
            low = middle
    return float(total * np.exp(high))


def linear_program_length(one):
    """Return the key length in X by linear programs with exact binomial limits of each count (Clopper and Pearson).

    Secrecy is divided as in "multinomial", with the part of the estimates shared by 18 limits. Phase errors are
    estimated in the same way.
    """
    mu, p, counts = one.settings["mean_photon_numbers"], one.settings["intensity_probabilities"], one.counts
    n = np.arange(HIGHEST_PHOTON_NUMBER + 1)[:, np.newaxis]
    weight = p * np.exp(-mu) * (mu / mu[0]) ** n
    # Events with more photons lie between the last row and pure signal.
    given_n = np.vstack([weight / weight.sum(axis=1, keepdims=True), [1.0, 0.0, 0.0]])
    eps = multinomial.ESTIMATES * multinomial.ESTIMATE * SECURITY["eps_sec"] / 18.0

    def extreme(observed, objective):
        total = observed.sum()
        low = np.where(observed > 0, beta.ppf(eps, np.maximum(observed, 1), total - observed + 1), 0.0) * total
        high = np.where(observed < total, beta.isf(eps, observed + 1, np.maximum(total - observed, 1)), 1.0) * total
        found = linprog(
            objective, A_ub=np.vstack([given_n.T, -given_n.T]), b_ub=np.concatenate([high, -low]),
            A_eq=[np.ones(len(given_n))], b_eq=[total], method="highs",
        )  # fmt: skip
        return abs(found.fun)

    photons_of = np.zeros((2, len(given_n)))
    photons_of[0, :2], photons_of[1, 1] = 1.0, 1.0
    credited = extreme(counts.detections_x, photons_of[0])
    together, single = (extreme(counts.detections_z, each) for each in photons_of)
    errors = extreme(counts.errors_z, -photons_of[1]) if counts.errors_z.sum() else 0.0
    tail = 2.0 * np.log(multinomial.PHASE * SECURITY["eps_sec"]) - np.log(2.0)
    seen = counts.errors_z.sum()
    wrong = min(
        multinomial.most_phase_errors(credited, together, seen, tail),
        multinomial.most_phase_errors(credited, single, min(errors, seen), tail),
    )
    phase_error = min(wrong / credited, 0.5) if credited > 0 else 0.5
    detections = counts.detections_x.sum()
    leak = SECURITY["f_ec"] * detections * binary_entropy(counts.errors_x.sum() / detections)
    security = multinomial.security_bits(SECURITY["eps_sec"], SECURITY["eps_cor"])
    return max(float(credited * (1.0 - binary_entropy(phase_error)) - leak - security), 0.0)


def study() -> None:
    """Print the comparison of the keys of all sets."""
    rng = np.random.default_rng(SEED)
    passes = [draw_pass(rng) for _ in range(SETS)]
    lengths = {bound: np.array([sound_length(bound, one.counts, one.settings) for one in passes]) for bound in PEERS}
    best = np.max(list(lengths.values()), axis=0)
    ours = np.array([sound_length("multinomial", one.counts, one.settings) for one in passes])
    asymptotic = np.array([asymptotic_length(one) for one in passes])
    limit = np.array([infinite_decoys(one) for one in passes])
    two_way = np.array([sound_length("multinomial_two_way", one.counts, one.settings) for one in passes])
    given = best > 0.0
    gain = ours[given] / best[given]
    print(f"{SETS} sets, seed {SEED}: key under the best peer {given.sum()}, under multinomial {(ours > 0).sum()}")
    print(f"shorter than some peer: {(ours < best).sum()}; least ratio {gain.min():.4f}, median {np.median(gain):.4f}")
    print(
        f"where errors become public: median {np.median(two_way[given] / best[given]):.4f} of the best peer's, which "
        f"holds where they do not; shorter in {(two_way < best).sum()}, with a key {(two_way > 0).sum()}"
    )
    sizes = np.array([one.counts.detections_x.sum() + one.counts.detections_z.sum() for one in passes])
    for low in 10.0 ** np.arange(3, 7):
        inside = (sizes >= low) & (sizes < 10 * low)
        both = inside & given
        text = f"{np.median(ours[both] / best[both]):.3f}" if both.any() else "-"
        reached = inside & (ours > 0)
        share, most = (
            f"{np.median(ours[reached] / each[reached]):.3f}" if reached.any() else "-" for each in (asymptotic, limit)
        )
        print(
            f"{low:.0e} detections: {inside.sum()} sets, {both.sum()} with a key of a peer, {reached.sum()} of ours; "
            f"median ratio {text}; of the asymptotic key {share}, of infinite decoys {most}"
        )
    ratios = []
    for one in passes[::5]:
        peer = min(smallest_block(one, bound) for bound in PEERS)
        if np.isfinite(peer):
            ratios.append(smallest_block(one, "multinomial") / peer)
    print(f"smallest block, {len(ratios)} sets: {np.median(ratios):.3f} of the best peer's; at most {max(ratios):.3f}")
    alone = [one for one in passes if one.settings["key_basis"] == "x"]
    start = time.perf_counter()
    programs = np.array([linear_program_length(one) for one in alone])
    each_ms = 1e3 * (time.perf_counter() - start) / len(alone)
    weighed = np.array([sound_length("multinomial", one.counts, one.settings) for one in alone])
    peers = np.array([max(sound_length(bound, one.counts, one.settings) for bound in PEERS) for one in alone])
    both = peers > 0
    print(
        f"key of X, {both.sum()} sets: linear programs with exact limits of each count give a median of "
        f"{np.median(programs[both] / peers[both]):.3f} of the best peer in {each_ms:.1f} ms each, "
        f"multinomial {np.median(weighed[both] / peers[both]):.3f}; programs longer than it in "
        f"{(programs > weighed).sum()} of {len(alone)}"
    )


if __name__ == "__main__":
    study()
