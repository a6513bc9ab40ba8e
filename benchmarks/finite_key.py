"""Compare key lengths in sweeps, and optimised ones, with open programs and a general optimiser."""

import time

import numpy as np
import scipy
from scipy.optimize import differential_evolution, minimize

from benchmarks.pair import side_by_side
from satqkd.key.optimise.downlink import DecoyDownlink
from satqkd.key.optimise.optimum import optimal_decoy
from satqkd.key.optimise.search import NotConvergedError
from satqkd.key.proofs.bbm92 import bbm92_key_length
from satqkd.key.proofs.decoy import PROOFS, DecoyCounts, decoy_key_length

POINTS = 10**6
# Number of points for a program that takes one at a time.
ONE_BY_ONE = 10**4
SECURITY = {"eps_sec": 1e-9, "eps_cor": 1e-15, "f_ec": 1.16}
BBM92_BOUNDS = ("yin2020", "tomamichel2012", "lim2021", "hypergeometric", "projected")
STARTS = SEEDS = 200
# Much key, two nearly equally good sets of settings under Hoeffding's tail, and little key.
LOSSES_DB = (34.0, 39.25, 41.0)


def rows() -> list[dict]:
    """Time sweeps of a million points, and one optimised pass. A missing program gives a row that says so."""
    sweep = decoy_sweep(POINTS)
    result = [_alone(f"decoy key, {bound}", lambda bound=bound: length(sweep, bound)) for bound in PROOFS]
    pairs = pair_sweep(POINTS)
    for bound in BBM92_BOUNDS:
        result.append(_alone(f"BBM92 key, {bound}", lambda bound=bound: bbm92_key_length(**pairs, bound=bound)))
    return [*result, _beside_w1adri(), _optimised("chernoff", 36.0), _optimised("lim2014", 39.25)]


def decoy_sweep(points):
    """Return expected counts of passes with random intensities, losses and error rates."""
    rng = np.random.default_rng(points)
    mu = np.stack([rng.uniform(0.5, 0.9, points), rng.uniform(0.1, 0.3, points), np.zeros(points)], axis=-1)
    p = np.broadcast_to([0.7, 0.2, 0.1], mu.shape)
    seen = -np.expm1(-mu * 10 ** rng.uniform(-4.0, -2.5, (points, 1)))
    detections = 1e10 * p * (seen + 1e-6)
    errors = 1e10 * p * (rng.uniform(0.005, 0.02, (points, 1)) * seen + 5e-7)
    counts = DecoyCounts(0.81 * detections, 0.01 * detections, 0.81 * errors, 0.01 * errors, 1e10 * p)
    return {"counts": counts, "mean_photon_numbers": mu, "intensity_probabilities": p}


def pair_sweep(points):
    """Return counts of random BBM92 sessions, as arguments of `bbm92_key_length`."""
    rng = np.random.default_rng(points)
    n_z, n_x = rng.integers(1000, 100_000, (2, points))
    errors_z, errors_x = (rng.binomial(n, 0.03) for n in (n_z, n_x))
    return {"n_z": n_z, "n_x": n_x, "errors_z": errors_z, "errors_x": errors_x} | SECURITY


def length(sweep, bound):
    """Return the key lengths of all points."""
    key_intensities = "signal" if bound == "tiangong2" else "all"
    return decoy_key_length(**sweep, **SECURITY, bound=bound, key_intensities=key_intensities).length


def _alone(what, ours, turns=3):
    """Return the shortest of three turns, since the first one may compile."""
    seconds = []
    for _ in range(turns):
        start = time.perf_counter()
        ours()
        seconds.append(time.perf_counter() - start)
    return {"what": what, "size": POINTS, "ours": f"{min(seconds):.4g}", "unit": "s", "cores": 1}


def _beside_w1adri():
    """Compare Lim et al.'s bound with W1Adri's program, if its ``app/physics`` is on the path."""
    what = "decoy key, lim2014, point by point"
    try:
        from finite_key import lim2014_key_length
    except ImportError:
        return {"what": what, "size": ONE_BY_ONE, "peer_is": "finite_key of W1Adri's simulator is not installed"}
    sweep = decoy_sweep(ONE_BY_ONE)
    counts = sweep["counts"]
    points = list(
        zip(
            *(map(tuple, values.tolist()) for values in (counts.detections_x, counts.detections_z, counts.errors_z)),
            counts.errors_x.sum(axis=-1).tolist(),
            *(map(tuple, sweep[name].tolist()) for name in ("mean_photon_numbers", "intensity_probabilities")),
            strict=True,
        )
    )

    def peer():
        for x, z, wrong_z, wrong_x, mu, p in points:
            lim2014_key_length(x, z, wrong_z, wrong_x, intensities=mu, probs=p, **SECURITY)

    return side_by_side(
        what, ONE_BY_ONE, lambda: length(sweep, "lim2014"), peer, peer_is="finite_key of W1Adri's simulator"
    )


def downlink(loss_db):
    """Return a pass at 500 km with the given loss at its nearest point; range and air mass change every second."""
    range_km = np.hypot(600.0, 7.5 * np.arange(-150, 151))
    transmittance = 10 ** (-loss_db / 10) * (600.0 / range_km) ** 2 * np.exp(-0.15 * range_km / 500.0)
    return DecoyDownlink(transmittance, noise_rate_hz=400.0, pulse_rate_hz=1e8, misalignment=0.008, jitter_s=0.4e-9)


def loss_of(link, bound):
    """Return minus the bits as a function on a seven-dimensional cube, with points on the last axis, for a general
    optimiser.
    """

    def loss(cube):
        signal, decoy, p_signal, p_decoy, basis_x, window, _ = np.clip(cube, 0.01, 0.99)
        signal = 0.05 + 1.45 * signal
        mu = np.stack([signal, signal * decoy, np.zeros_like(signal)], axis=-1)
        p = np.stack([p_signal, (1 - p_signal) * p_decoy, (1 - p_signal) * (1 - p_decoy)], axis=-1)
        counts = link.counts(
            mean_photon_numbers=mu,
            intensity_probabilities=p,
            basis_x=basis_x,
            window_s=8.0 * link.jitter_s * window,
            seconds=link.step_s * np.size(link.transmittance) * np.clip(cube[6], 0.01, 1.0),
        )
        sweep = {"counts": counts, "mean_photon_numbers": mu, "intensity_probabilities": p}
        key_intensities = "signal" if bound == "tiangong2" else "all"
        return -decoy_key_length(**sweep, **SECURITY, bound=bound, key_intensities=key_intensities).x.unfloored

    return loss


def optimised(link, bound, seed):
    """Return our longest key of a pass, with every setting free."""
    key_intensities = "signal" if bound == "tiangong2" else "all"
    rng = np.random.default_rng(seed)
    return optimal_decoy(link, **SECURITY, bound=bound, rng=rng, key_intensities=key_intensities).length


def _optimised(bound, loss_db):
    """Compare an optimised pass with differential evolution on the same objective, whose key may be shorter."""
    link = downlink(loss_db)
    loss = loss_of(link, bound)

    def peer():
        return -differential_evolution(
            loss, [(0.0, 1.0)] * 7, rng=1, vectorized=True, updating="deferred", polish=False, maxiter=400, tol=1e-9
        ).fun

    ours, theirs = optimised(link, bound, 1), peer()
    if ours < theirs * (1.0 - 1e-6):
        raise RuntimeError(f"{bound}: {ours:.1f} bits are fewer than the {theirs:.1f} of a general optimiser")
    peer_is = f"scipy {scipy.__version__} differential evolution, {theirs / ours:.4f} of our key"
    return side_by_side(
        f"optimised decoy key, {bound}", 1, lambda: optimised(link, bound, 1), peer, peer_is=peer_is, repeats=5
    )


def study() -> None:
    """Print for each proof and loss: time, seeds that fail, and the best of many starts of a general search."""
    for bound in (name for name in PROOFS if name != "asymptotic"):
        for loss_db in LOSSES_DB:
            print(bound, loss_db, *_seeds(downlink(loss_db), bound), flush=True)


def _seeds(link, bound):
    lengths, seconds, failures = [], [], 0
    for seed in range(SEEDS):
        start = time.perf_counter()
        try:
            lengths.append(optimised(link, bound, seed))
        except (NotConvergedError, ValueError):
            failures += 1
        seconds.append(1e3 * (time.perf_counter() - start))
    if not lengths:
        return "no key:", failures, "of", SEEDS, "say so"
    best = _random_starts(link, bound)
    return (
        f"bits {min(lengths):.2f} to {max(lengths):.2f}, {failures} failures; ms: median {np.median(seconds):.1f}, "
        f"99 % below {np.quantile(seconds, 0.99):.1f}; best of {STARTS} starts {best - min(lengths):+.3f} bits",
    )


def _random_starts(link, bound):
    """Return the longest key that Nelder and Mead's search finds from random points."""
    loss, rng = loss_of(link, bound), np.random.default_rng(7)
    draws = rng.random((7, 100, STARTS))
    # Most of the cube gives no key and no slope, so each start is the best of a hundred points.
    best = np.argmin(loss(draws.reshape(7, -1)).reshape(100, STARTS), axis=0)
    starts = draws[:, best, np.arange(STARTS)].T
    found = [
        minimize(
            loss, start, method="Nelder-Mead", bounds=[(0.0, 1.0)] * 7,
            options={"maxfev": 400, "xatol": 1e-8, "fatol": 1e-4},
        ).fun
        for start in starts
    ]  # fmt: skip
    return -min(found)


if __name__ == "__main__":
    study()
