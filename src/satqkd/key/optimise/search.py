"""A seeded search for the greatest value in a box that either finds it twice or says that it did not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from satqkd.key.proofs.bbm92 import Bbm92Key, SampledKey
from satqkd.key.proofs.decoy import DecoyKey
from satqkd.result import Result

# The search begins with this many times the data, and takes them away step by step.
_ABUNDANCE = 3.0 ** np.arange(8, -1, -1)
# With the true data a search takes about 30 generations; one that takes this many does not converge.
_GENERATIONS = 200
# A search ends when its best quarter lies within this part of what two searches may differ by. It has lost when two
# others are further above it than this many times the width of its best quarter, which is about what it still gains.
_ENDED, _LOST = 0.1, 10.0


AnyKey = DecoyKey | Bbm92Key | SampledKey


class NotConvergedError(RuntimeError):
    """Failure of a search: its runs do not agree on the best point."""


@dataclass(frozen=True, repr=False)
class Maximum(Result):
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


@dataclass(frozen=True, repr=False)
class Optimum(Result):
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
    key: AnyKey
    spread: float
    evaluations: int

    @property
    def length(self) -> float:
        """Return the secret bits."""
        return float(self.key.length)


def _reflected(points: np.ndarray) -> np.ndarray:
    """Reflect points beyond a wall of the unit cube back into it."""
    points = np.abs(points)
    return np.minimum(np.minimum(points, np.abs(2.0 - points)), 1.0)


def _searches(
    values_at: Callable[[np.ndarray, float, np.ndarray], np.ndarray],
    rng: np.random.Generator,
    runs: int,
    dimensions: int,
    population: int,
    tolerance: Callable[[ArrayLike], np.ndarray],
) -> tuple[np.ndarray, np.ndarray, int]:
    """Run independent searches in the unit cube; return their best points and values, and the points asked for."""
    kept = population // 4
    # The better a point, the more it counts, as in evolution strategies.
    weights = np.log(kept + 0.5) - np.log(np.arange(1, kept + 1))
    weights /= weights.sum()
    diagonal = np.arange(dimensions)
    running, found = np.arange(runs), np.empty((runs, dimensions))
    points = rng.random((runs, 10 * population, dimensions))
    values = values_at(points, _ABUNDANCE[0], running)
    best, evaluations = _best(points, values, kept)[0], values.size
    mean = best.mean(axis=1)
    covariance = (best - mean[:, np.newaxis]).transpose(0, 2, 1) @ (best - mean[:, np.newaxis]) / kept
    highest = np.full(runs, -np.inf)
    for abundance in _ABUNDANCE:
        for _ in range(3 if abundance > 1.0 else _GENERATIONS):
            covariance[:, diagonal, diagonal] += 1e-13 * np.trace(covariance, axis1=1, axis2=2)[:, np.newaxis] + 1e-26
            root = np.linalg.cholesky(covariance)
            points = rng.standard_normal((len(running), population, dimensions)) @ root.transpose(0, 2, 1)
            points = _reflected(points + mean[:, np.newaxis])
            points[:, 0] = best[:, 0]
            values = values_at(points, abundance, running)
            evaluations += values.size
            best, values = _best(points, values, kept)
            # The step of the mean counts as spread, so that the search does not stop on a slope.
            steps = best - mean[:, np.newaxis]
            covariance = 0.3 * covariance + 0.7 * (steps * weights[:, np.newaxis]).transpose(0, 2, 1) @ steps
            mean = weights @ best
            if abundance > 1.0:
                continue
            found[running], highest[running] = best[:, 0], values[:, 0]
            width = values[:, 0] - values[:, -1]
            going = width > _ENDED * tolerance(values[:, 0])
            going &= values[:, 0] + _LOST * width >= np.partition(highest, -2)[-2]
            if not going.all():
                running, best, mean, covariance = running[going], best[going], mean[going], covariance[going]
            if not len(running):
                break
        covariance *= 4.0
    return found, highest, evaluations


def _best(points: np.ndarray, values: np.ndarray, kept: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the best points of each run and their values, the very best first."""
    order = np.argsort(-values, axis=1)[:, :kept]
    run = np.arange(len(points))[:, np.newaxis]
    return points[run, order], values[run, order]


def maximise(
    *objectives: Callable,
    low: ArrayLike,
    high: ArrayLike,
    rng: np.random.Generator,
    resolution: float = 0.01,
    population: int = 96,
) -> Maximum:
    """Find the greatest value that any of some functions has within a box, twice.

    Parameters
    ----------
    *objectives : callable
        Each takes points, shape (n, d), and a factor by which data are more plenty than they are; gives n values, -inf
        where a point is not allowed. With more data the function has to be larger and its best point near by. A
        function that is the greater one of several, each with a best point of its own, had better come with these.
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
        When the two best of eight searches a function do not agree.

    Notes
    -----
    Each search estimates a normal distribution from the best quarter of a generation and draws the next generation from
    it. Finite keys exist in a small part of the box only, surrounded by a plain where to send nothing is best; with a
    few thousand times the data that part is large, and it is followed while the data are taken away.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> found = maximise(lambda points, _: -1e3 * ((points - 0.3) ** 2).sum(axis=1), low=[0, 0], high=[1, 1], rng=rng)
    >>> found.point.round(1)
    array([0.3, 0.3])
    """
    low, high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    free = np.flatnonzero(high > low)
    edges = np.diag(high - low)[free]

    def tolerance(value: ArrayLike) -> np.ndarray:
        return resolution + 1e-6 * np.abs(value)

    def values_at(points: np.ndarray, abundance: float, runs: np.ndarray) -> np.ndarray:
        places, values = low + points @ edges, np.empty(points.shape[:-1])
        for number, objective in enumerate(objectives):
            own = runs // 2 == number
            if own.any():
                values[own] = objective(places[own].reshape(-1, len(low)), abundance).reshape(values[own].shape)
        return values

    if not len(free):
        return Maximum(low, max(float(objective(low[np.newaxis], 1.0)[0]) for objective in objectives), 0.0, 1)
    found: list[tuple[float, np.ndarray]] = []
    evaluations = 0
    for doubled in range(4):
        runs, size = 2 * len(objectives), population * 2**doubled
        points, values, asked = _searches(values_at, rng, runs, len(free), size, tolerance)
        evaluations += asked
        found += zip(values, np.clip(low + points @ edges, low, high), strict=True)
        (first, point), (second, _) = sorted(found, key=lambda run: -run[0])[:2]
        if first - second <= tolerance(first):
            return Maximum(point, float(first), float(first - second), evaluations)
    raise NotConvergedError(
        f"the two best of {len(found)} searches are {first - second:.3g} apart: give narrower limits"
    )


def optimum_of(best: Maximum, names: Sequence[str], key: Callable[[np.ndarray], AnyKey], **fixed: float) -> Optimum:
    """Return the record of a search; raise where even the best settings give no key."""
    if best.value <= 0.0:
        raise ValueError(
            f"no settings within the limits give key: the best are {-best.value:.0f} bit short. "
            "Use more of the pass, several passes, a less strict failure probability, or wider limits"
        )
    settings = dict(zip(names, map(float, best.point), strict=True)) | fixed
    return Optimum(settings, key(best.point), best.spread, best.evaluations)


def worth(key: AnyKey) -> np.ndarray:
    """Return the length of all blocks together [bit]; where none has key, that of the block nearest to it, below zero.

    Examples
    --------
    >>> from satqkd.key import bbm92_key_length
    >>> security = {"eps_sec": 1e-10, "eps_cor": 1e-10, "f_ec": 1.16, "bound": "projected"}
    >>> round(worth(bbm92_key_length(n_z=100, n_x=100, errors_z=5, errors_x=5, **security)).item())
    -134
    """
    blocks = [key.block] if isinstance(key, SampledKey) else [block for block in (key.z, key.x) if block is not None]
    unfloored = np.stack(np.broadcast_arrays(*(block.unfloored for block in blocks)))
    nearest = unfloored.max(axis=0)
    return np.where(nearest > 0.0, np.maximum(unfloored, 0.0).sum(axis=0), nearest)
