"""Seeded search for the greatest value in a box, which either finds it twice or says that it did not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from satqkd.key.proofs.bbm92 import Bbm92Key, SampledKey
from satqkd.key.proofs.decoy import DecoyKey
from satqkd.result import Result

# The search begins with this many times the data, and reduces them step by step.
_ABUNDANCE = 3.0 ** np.arange(8, -1, -1)
# With the true data a search takes about 30 generations; one that needs this many does not converge.
_GENERATIONS = 200
# A search ends when the width of its best quarter is this fraction of the difference allowed between two searches. It
# is given up when two others lie above it by this many widths of its best quarter, about what it can still gain.
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
        Its place in the box.
    value : float
        The value there.
    spread : float
        Difference to the value of the second best run.
    evaluations : int
        Number of points at which the functions were evaluated.
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
        Values that were chosen, and those that were fixed.
    key : DecoyKey, Bbm92Key or SampledKey
        The account of the key.
    spread : float
        Difference to the second best run of the search [bit].
    evaluations : int
        Number of settings that were tried.
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
        Each takes points, shape (n, d), and a factor by which the data are multiplied; it returns n values, -inf where
        a point is not allowed. With more data a function has to be larger, and its best point has to be near. Give
        several functions with a best point each separately, rather than their maximum.
    low, high : array_like, shape (d,)
        The box; a coordinate with equal limits is fixed.
    rng : numpy.random.Generator
    resolution : float
        Difference that two searches may have, in addition to a part in a million.
    population : int
        Number of points in a generation.

    Returns
    -------
    Maximum

    Raises
    ------
    NotConvergedError
        When the two best of eight searches for each function do not agree.

    Notes
    -----
    Each search estimates a normal distribution from the best quarter of a generation and draws the next generation from
    it. Finite keys exist only in a small part of the box; everywhere else the best choice is to send nothing. With a
    few thousand times the data that part is large, and the search follows it while the data are reduced.

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
