"""The longest key that settings allow: what a laboratory may choose before a pass, and what it may choose after.

Before: intensities and their probabilities, bases, the width of the window, the seconds that are used
(`optimal_decoy`, `optimal_pairs`). After: how the failure probability is divided (`optimal_split`), how large a sample
is disclosed (`optimal_sample`), and which parts of a pass make a key together (`optimal_blocks`). What is chosen after
must follow from expected counts or from the quality of the link, not from the errors that were seen: a proof speaks of
a rule that was there before.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from satqkd.key.bbm92 import Bbm92Key, SampledKey, bbm92_key_length, sampled_key_length
from satqkd.key.decoy import PROOFS, DecoyKey, decoy_key_length
from satqkd.key.decoy_bounds import GAINS, ONE_DECOY, pass_lengths
from satqkd.key.downlink import DecoyDownlink, PairDownlinks
from satqkd.key.entropy import check_security, named_bound

# The search begins with this many times the data, and takes them away step by step.
_ABUNDANCE = 3.0 ** np.arange(8, -1, -1)
# With the true data a search takes about 40 generations; one that takes so many does not converge.
_GENERATIONS = 200
_DECOY_SETTINGS = ("signal", "decoy", "share_signal", "share_decoy", "basis_x", "window_s", "seconds")
_PAIR_SETTINGS = ("pair_rate_hz", "window_s", "basis_x", "seconds", "estimate_share")
# A window this many standard deviations of the jitter wide takes all light.
_WIDE = 8.0


class NotConvergedError(RuntimeError):
    """Runs of a search did not agree on the best point."""


@dataclass(frozen=True)
class Maximum:
    """Best point that a search found.

    Attributes
    ----------
    point : ndarray
        Where.
    value : float
        How much.
    spread : float
        How far the second best run stayed below.
    evaluations : int
        Points that were asked for.
    """

    point: np.ndarray
    value: float
    spread: float
    evaluations: int


@dataclass(frozen=True)
class Optimum:
    """Settings that give the longest key.

    Attributes
    ----------
    settings : dict of str to float
        What was chosen, and what was fixed.
    key : DecoyKey, Bbm92Key or SampledKey
        The account of the key.
    spread : float
        How far the second best run of the search stayed below [bit].
    evaluations : int
        Settings that were tried.
    """

    settings: dict[str, float]
    key: DecoyKey | Bbm92Key | SampledKey
    spread: float
    evaluations: int

    @property
    def length(self):
        """Secret bits."""
        return float(self.key.length)


def _reflected(points):
    """Points beyond a wall of the unit cube come back into it."""
    points = np.abs(points)
    return np.minimum(np.minimum(points, np.abs(2.0 - points)), 1.0)


def _two_runs(objective, rng, dimensions, population):
    """Best points and values of two searches in the unit cube that know nothing of each other, and what they cost."""
    kept = population // 4
    # The better a point, the more it counts, as in evolution strategies.
    weights = np.log(kept + 0.5) - np.log(np.arange(1, kept + 1))
    weights /= weights.sum()
    diagonal = np.arange(dimensions)
    points = rng.random((2, 10 * population, dimensions))
    values = objective(points, _ABUNDANCE[0])
    best, evaluations = _best(points, values, kept)[0], values.size
    mean = best.mean(axis=1)
    covariance = (best - mean[:, np.newaxis]).transpose(0, 2, 1) @ (best - mean[:, np.newaxis]) / kept
    for abundance in _ABUNDANCE:
        for _ in range(3 if abundance > 1.0 else _GENERATIONS):
            covariance[:, diagonal, diagonal] += 1e-13 * np.trace(covariance, axis1=1, axis2=2)[:, np.newaxis] + 1e-26
            root = np.linalg.cholesky(covariance)
            points = rng.standard_normal((2, population, dimensions)) @ root.transpose(0, 2, 1)
            points = _reflected(points + mean[:, np.newaxis])
            points[:, 0] = best[:, 0]
            values = objective(points, abundance)
            evaluations += values.size
            best, values = _best(points, values, kept)
            # The step of the mean counts as spread, so that the search does not stop on a slope.
            steps = best - mean[:, np.newaxis]
            covariance = 0.3 * covariance + 0.7 * (steps * weights[:, np.newaxis]).transpose(0, 2, 1) @ steps
            mean = weights @ best
            if abundance == 1.0 and np.all(values[:, 0] - values[:, -1] <= 1e-9 * np.abs(values[:, 0])):
                break
        covariance *= 4.0
    return best[:, 0], values[:, 0], evaluations


def _best(points, values, kept):
    """The best points of each run and their values, the very best first."""
    order = np.argsort(-values, axis=1)[:, :kept]
    run = np.arange(2)[:, np.newaxis]
    return points[run, order], values[run, order]


def maximise(objective, *, low, high, rng, resolution=0.01, population=96):
    """Greatest value of a function within a box, found twice.

    Parameters
    ----------
    objective : callable
        Takes points, shape (n, d), and a factor by which data are more plenty than they are; gives n values, -inf
        where a point is not allowed. With more data the function has to be larger and its best point near by.
    low, high : array_like, shape (d,)
        The box; where both are equal, nothing is chosen.
    rng : numpy.random.Generator
    resolution : float
        Difference between two searches that does not matter, besides a part in a million.
    population : int
        Points of a generation.

    Returns
    -------
    Maximum

    Raises
    ------
    NotConvergedError
        When the two best of eight searches do not agree.

    Notes
    -----
    Each search estimates a normal distribution from the best quarter of a generation and draws the next generation from
    it. Finite keys exist in a small part of the box only, surrounded by a plain where to send nothing is best; with a
    few thousand times the data that part is large, and it is followed while the data are taken away.
    """
    low, high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    free = np.flatnonzero(high > low)
    edges = np.diag(high - low)[free]

    def in_cube(points, abundance):
        return objective((low + points @ edges).reshape(-1, len(low)), abundance).reshape(points.shape[:-1])

    if not len(free):
        return Maximum(low, float(objective(low[np.newaxis], 1.0)[0]), 0.0, 1)
    found, evaluations = [], 0
    for doubled in range(4):
        points, values, asked = _two_runs(in_cube, rng, len(free), population * 2**doubled)
        found += list(zip(values, np.clip(low + points @ edges, low, high), strict=True))
        evaluations += asked
        (first, point), (second, _) = sorted(found, key=lambda one: -one[0])[:2]
        if first - second <= resolution + 1e-6 * abs(first):
            return Maximum(point, float(first), float(first - second), evaluations)
    raise NotConvergedError(
        f"the two best of {len(found)} searches are {first - second:.3g} apart: give narrower limits"
    )


def _box(names, defaults, limits):
    """Lower and upper limit of each setting; a single number fixes it."""
    for name in limits:
        if name not in names:
            raise ValueError(f"limits has {name!r}, which is no setting: choose from {', '.join(names)}")
    missing = [name for name in names if name not in {*limits, *defaults}]
    if missing:
        raise ValueError(f"limits has no {missing[0]}: give a number, or the lowest and the highest")
    box = np.array([np.broadcast_to(limits.get(name, defaults.get(name)), 2) for name in names], dtype=float)
    for name, (low, high) in zip(names, box, strict=True):
        if not low <= high:
            raise ValueError(f"limits of {name} are {low:g} and {high:g}: give the lowest first")
    return box.T


def _window_limits(jitter_s, longest_s):
    """What the jitter says of a window; nothing when there is none."""
    return {"window_s": (0.2 * jitter_s, min(_WIDE * jitter_s, longest_s))} if jitter_s > 0.0 else {}


def _found(best, names, key, **fixed):
    """The record of a search, or an error when even the best settings give no key."""
    if best.value <= 0.0:
        raise ValueError(
            f"no settings within the limits give key: the best are {-best.value:.0f} bit short. "
            "Use more of the pass, several passes, a less strict failure probability, or wider limits"
        )
    settings = dict(zip(names, map(float, best.point), strict=True)) | fixed
    return Optimum(settings, key(best.point), best.spread, best.evaluations)


def optimal_decoy(
    link: DecoyDownlink,
    *,
    eps_sec,
    eps_cor,
    f_ec,
    bound,
    rng,
    key_basis="x",
    key_intensities="all",
    vacuum=0.0,
    intensity_fluctuation=0.0,
    efficiency_mismatch=0.0,
    limits: Mapping[str, float | tuple[float, float]] | None = None,
) -> Optimum:
    """Settings of a decoy-state pass that give the longest key from its expected counts.

    Parameters
    ----------
    link : DecoyDownlink
    eps_sec, eps_cor, f_ec, bound, key_basis, key_intensities, intensity_fluctuation, efficiency_mismatch
        As in `satqkd.key.decoy.decoy_key_length`; numbers, and key_basis "x" or "both".
    rng : numpy.random.Generator
    vacuum : float
        Mean photon number of the vacuum.
    limits : dict, optional
        For each setting a number, which fixes it, or the lowest and the highest: signal and decoy (mean photon
        numbers), share_signal and share_decoy (probabilities), basis_x (probability of either side to choose X),
        window_s, and seconds (how much of the pass is used, the best seconds first).

    Returns
    -------
    Optimum

    Raises
    ------
    NotConvergedError
        When runs of the search do not agree.
    ValueError
        When no settings within the limits give key; for limits that name no setting or are in the wrong order, and as
        `decoy_key_length`.
    """
    proof = named_bound(PROOFS, bound)
    check_security(eps_sec=eps_sec, eps_cor=eps_cor, f_ec=f_ec)
    for name, value, known in (
        ("key_basis", key_basis, ("x", "both")),
        ("key_intensities", key_intensities, ("all", "signal")),
    ):
        if value not in known:
            raise ValueError(f"{name}={value!r} is unknown: choose one of {', '.join(known)}")
    signal_only = key_intensities == "signal"
    if proof.photons == GAINS and (not signal_only or vacuum != 0.0):
        raise ValueError(f"bound={bound!r} takes a true vacuum and key_intensities='signal': give both")
    one_decoy = proof.photons == ONE_DECOY
    defaults = {
        "signal": (0.05, 1.5),
        "decoy": (1e-3, 1.0),
        "share_signal": (0.01, 0.98),
        "share_decoy": (0.01, 0.9) if not one_decoy else 0.0,
        "basis_x": (0.02, 0.98),
        "seconds": (link.step_s, link.step_s * np.size(link.transmittance)),
    } | _window_limits(link.jitter_s, 1.0 / link.pulse_rate_hz)
    low, high = _box(_DECOY_SETTINGS, defaults, dict(limits or {}))
    exact = np.float64(eps_sec)
    proven = (
        exact, float(proof.sigmas(exact, signal_only)), float(f_ec), float(efficiency_mismatch),
        float(proof.security(exact, np.float64(eps_cor), signal_only)), float(intensity_fluctuation),
        proof.photons, proof.tail, proof.shares(signal_only), signal_only, key_basis == "both",
    )  # fmt: skip
    in_steps = np.array([1.0] * 6 + [1.0 / link.step_s])

    def objective(points, abundance):
        pulses, lengths = abundance * link.pulse_rate_hz * link.step_s, np.empty(len(points))
        link_terms = (float(vacuum), pulses, float(link.misalignment), float(link.jitter_s), *link.sums)
        pass_lengths(points * in_steps, *link_terms, *proven, lengths)
        return lengths

    def key(point):
        signal, decoy, share_signal, share_decoy, basis_x, window_s, seconds = point
        mu, p = [signal, decoy, vacuum], [share_signal, share_decoy, 1.0 - share_signal - share_decoy]
        if one_decoy:
            mu, p = [signal, decoy], [share_signal, 1.0 - share_signal]
        counts = link.counts(
            mean_photon_numbers=mu, intensity_probabilities=p, basis_x=basis_x, window_s=window_s, seconds=seconds
        )
        return decoy_key_length(
            counts=counts,
            mean_photon_numbers=mu,
            intensity_probabilities=p,
            eps_sec=eps_sec,
            eps_cor=eps_cor,
            f_ec=f_ec,
            bound=bound,
            key_basis=key_basis,
            key_intensities=key_intensities,
            intensity_fluctuation=intensity_fluctuation,
            efficiency_mismatch=efficiency_mismatch,
        )

    best = maximise(objective, low=low, high=high, rng=rng)
    return _found(best, _DECOY_SETTINGS, key, vacuum=vacuum)


def _worth(*parts):
    """What keys are worth together, with a slope where there is none: all that is above zero, else the nearest."""
    unfloored = np.stack(np.broadcast_arrays(*(part.unfloored for part in parts)))
    nearest = unfloored.max(axis=0)
    return np.where(nearest > 0.0, np.maximum(unfloored, 0.0).sum(axis=0), nearest)


def optimal_pairs(
    link: PairDownlinks,
    *,
    eps_sec,
    eps_cor,
    f_ec,
    bound,
    rng,
    limits: Mapping[str, float | tuple[float, float]],
    efficiency_mismatch=0.0,
) -> Optimum:
    """Settings of a pass of photon pairs that give the longest key from its expected counts, both bases giving key.

    Parameters
    ----------
    link : PairDownlinks
    eps_sec, eps_cor, f_ec, bound, efficiency_mismatch
        As in `satqkd.key.bbm92.bbm92_key_length`; numbers.
    rng : numpy.random.Generator
    limits : dict
        As in `optimal_decoy`, for the settings pair_rate_hz (which has no default), window_s, basis_x, seconds, and
        estimate_share.

    Returns
    -------
    Optimum

    Raises
    ------
    NotConvergedError, ValueError
        As `optimal_decoy`.
    """
    proof = {"eps_sec": eps_sec, "eps_cor": eps_cor, "f_ec": f_ec, "bound": bound}
    proof["efficiency_mismatch"] = efficiency_mismatch
    defaults = {
        "basis_x": (0.02, 0.98),
        "seconds": (link.step_s, link.step_s * len(link.transmittance)),
        "estimate_share": (0.02, 0.98),
    } | _window_limits(link.jitter_s, np.inf)
    low, high = _box(_PAIR_SETTINGS, defaults, dict(limits))

    def key(settings, abundance=1.0):
        counts = link.counts(**dict(zip(_PAIR_SETTINGS[:-1], settings[:-1], strict=True)))
        counts = {name: abundance * value for name, value in counts.items()}
        return bbm92_key_length(**counts, **proof, estimate_share=settings[-1])

    def objective(points, abundance):
        return _worth(*_parts(key(points.T, abundance)))

    # An exact tail jumps from one count to the next, by about a bit.
    best = maximise(objective, low=low, high=high, rng=rng, resolution=1.0)
    return _found(best, _PAIR_SETTINGS, key)


def optimal_split(key: Callable, *, eps, rng) -> Optimum:
    """Division of one failure probability between secrecy and correctness, and within secrecy, that gives most key.

    Parameters
    ----------
    key : callable
        Takes eps_sec, eps_cor and estimate_share as keywords, all arrays, and gives a `DecoyKey`, `Bbm92Key` or
        `SampledKey`.
    eps : float
        Secrecy and correctness of each key together.
    rng : numpy.random.Generator

    Returns
    -------
    Optimum
        With eps_sec, eps_cor and estimate_share as settings.

    Raises
    ------
    NotConvergedError
        When runs of the search do not agree.
    ValueError
        When no division gives key.
    """
    names = ("eps_sec", "eps_cor", "estimate_share")

    def divided(settings):
        correctness = eps * 10.0 ** settings[0]
        return np.array([eps - correctness, correctness, settings[1]])

    def objective(points, abundance):
        return _worth(*_parts(key(**dict(zip(names, divided(points.T), strict=True)))))

    best = maximise(objective, low=[-4.0, 0.02], high=[-0.1, 0.98], rng=rng, resolution=1.0, population=64)
    best = Maximum(divided(best.point), best.value, best.spread, best.evaluations)
    return _found(best, names, lambda point: key(**dict(zip(names, point, strict=True))))


def _parts(key):
    """Accounts of the blocks that a key consists of."""
    if isinstance(key, SampledKey):
        return [key.block]
    return [part for part in (key.z, key.x) if part is not None]


def optimal_sample(*, n_sifted, errors, eps_sec, eps_cor, f_ec, bound, rng, efficiency_mismatch=0.0) -> Optimum:
    """Size of the sample that gives the longest key when both bases make one block.

    Parameters
    ----------
    n_sifted, errors, eps_sec, eps_cor, f_ec, bound, efficiency_mismatch
        As in `satqkd.key.bbm92.sampled_key_length`; numbers.
    rng : numpy.random.Generator

    Returns
    -------
    Optimum
        With n_sample and estimate_share as settings.

    Raises
    ------
    NotConvergedError
        When runs of the search do not agree.
    ValueError
        When no sample gives key.
    """
    names = ("n_sample", "estimate_share")

    def key(settings, abundance=1.0):
        return sampled_key_length(
            n_sifted=abundance * n_sifted,
            errors=abundance * errors,
            n_sample=np.rint(abundance * settings[0]),
            estimate_share=settings[1],
            eps_sec=eps_sec,
            eps_cor=eps_cor,
            f_ec=f_ec,
            bound=bound,
            efficiency_mismatch=efficiency_mismatch,
        )

    def objective(points, abundance):
        return key(points.T, abundance).block.unfloored

    low, high = [1.0, 0.02], [n_sifted - 1.0, 0.98]
    best = maximise(objective, low=low, high=high, rng=rng, resolution=1.0, population=64)
    best.point[0] = np.rint(best.point[0])
    return _found(best, names, key)


@dataclass(frozen=True)
class Blocks:
    """Parts of a pass that make a key each.

    Attributes
    ----------
    length : float
        Secret bits of all of them.
    edges : list of tuple of int
        First bin of each block, and the one behind its last.
    """

    length: float
    edges: list[tuple[int, int]]


def optimal_blocks(length: Callable, *, bins, most=4) -> Blocks:
    """Which neighbouring parts of a pass should make a key together, and which should make none.

    Parameters
    ----------
    length : callable
        Takes the first bin of a block, the bin behind its last, and the number of blocks that share the failure
        probability; the first two are arrays. Gives the lengths of their keys.
    bins : int
        Parts of the pass, in the order of the quality of the link.
    most : int
        Blocks at most.

    Returns
    -------
    Blocks
        The best of all ways to cut out up to so many blocks.

    Notes
    -----
    Dynamic programming: the best with one block more ends with a block that follows the best of what is before it.
    """
    first, last = np.triu_indices(bins + 1, 1)
    longest = Blocks(0.0, [])
    for blocks in range(1, most + 1):
        value = np.zeros((bins + 1, bins + 1))
        value[first, last] = np.broadcast_to(length(first, last, blocks), first.shape)
        best, start = np.zeros((blocks + 1, bins + 1)), np.zeros((blocks + 1, bins + 1), dtype=int)
        for block in range(1, blocks + 1):
            for end in range(1, bins + 1):
                totals = best[block - 1, :end] + value[:end, end]
                start[block, end] = np.argmax(totals)
                best[block, end] = totals[start[block, end]]
                if best[block, end - 1] > best[block, end]:
                    best[block, end], start[block, end] = best[block, end - 1], -1
        if best[blocks, bins] > longest.length:
            longest = Blocks(float(best[blocks, bins]), _edges(start))
    return longest


def _edges(start):
    """Blocks of the best way to cut, read backwards; -1 stands for a bin in no block."""
    block, end = len(start) - 1, start.shape[1] - 1
    edges = []
    while block > 0 and end > 0:
        if start[block, end] < 0:
            end -= 1
        else:
            edges.append((int(start[block, end]), end))
            block, end = block - 1, int(start[block, end])
    return edges[::-1]
