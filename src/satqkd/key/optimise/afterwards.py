"""What a laboratory may still choose after a pass, and how much key it gains.

How the failure probability is divided (`optimal_split`), how large a sample is disclosed (`optimal_sample`), and which
parts of a pass make a key together (`optimal_blocks`). The choice must follow from expected counts or from the quality
of the link, not from the errors that were seen: a proof speaks of a rule that was there before.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from satqkd.key.optimise.search import Maximum, Optimum, maximise, optimum_of, worth
from satqkd.key.proofs.bbm92 import SampledKey, sampled_key_length
from satqkd.result import Result


def optimal_split(key: Callable, *, eps: float, rng: np.random.Generator) -> Optimum:
    """Divide one failure probability between secrecy and correctness, and within secrecy, for the longest key.

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

    Examples
    --------
    >>> from functools import partial
    >>> from satqkd.key import bbm92_key_length
    >>> counts = {"n_z": 1900, "n_x": 1900, "errors_z": 80, "errors_x": 90, "f_ec": 1.16, "bound": "projected"}
    >>> best = optimal_split(partial(bbm92_key_length, **counts), eps=1e-10, rng=np.random.default_rng(1))
    >>> best.length > bbm92_key_length(**counts, eps_sec=0.5e-10, eps_cor=0.5e-10).length.item()
    True
    """
    names = ("eps_sec", "eps_cor", "estimate_share")

    def divided(settings: np.ndarray) -> np.ndarray:
        correctness = eps * 10.0 ** settings[0]
        return np.array([eps - correctness, correctness, settings[1]])

    def objective(points: np.ndarray, abundance: float) -> np.ndarray:
        return worth(key(**dict(zip(names, divided(points.T), strict=True))))

    best = maximise(objective, low=[-4.0, 0.02], high=[-0.1, 0.98], rng=rng, resolution=1.0, population=64)
    best = Maximum(divided(best.point), best.value, best.spread, best.evaluations)
    return optimum_of(best, names, lambda point: key(**dict(zip(names, point, strict=True))))


def optimal_sample(
    *,
    n_sifted: float,
    errors: float,
    eps_sec: float,
    eps_cor: float,
    f_ec: float,
    bound: str,
    rng: np.random.Generator,
    efficiency_mismatch: float = 0.0,
) -> Optimum:
    """Find the size of the sample that gives the longest key when both bases make one block.

    Parameters
    ----------
    n_sifted, errors, eps_sec, eps_cor, f_ec, bound, efficiency_mismatch
        As in `satqkd.key.proofs.bbm92.sampled_key_length`; numbers.
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

    Examples
    --------
    >>> best = optimal_sample(
    ...     n_sifted=3800,
    ...     errors=170,
    ...     eps_sec=1e-10,
    ...     eps_cor=1e-10,
    ...     f_ec=1.16,
    ...     bound="projected",
    ...     rng=np.random.default_rng(1),
    ... )
    >>> 0 < best.settings["n_sample"] < 3800
    True
    """
    names = ("n_sample", "estimate_share")

    def key(settings: np.ndarray, abundance: float = 1.0) -> SampledKey:
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

    def objective(points: np.ndarray, abundance: float) -> np.ndarray:
        return key(points.T, abundance).block.unfloored

    low, high = [1.0, 0.02], [n_sifted - 1.0, 0.98]
    best = maximise(objective, low=low, high=high, rng=rng, resolution=1.0, population=64)
    best.point[0] = np.rint(best.point[0])
    return optimum_of(best, names, key)


@dataclass(frozen=True, repr=False)
class Blocks(Result):
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


def optimal_blocks(length: Callable, *, bins: int, most: int = 4) -> Blocks:
    """Find which neighbouring parts of a pass should make a key together, and which should make none.

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

    Examples
    --------
    >>> yields = np.array([-10.0, 50.0, 60.0, -10.0])
    >>> total = np.append(0.0, np.cumsum(yields))
    >>> optimal_blocks(lambda first, last, blocks: total[last] - total[first] - 20.0, bins=4)
    Blocks(length=90.0, edges=[(1, 3)])
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


def _edges(start: np.ndarray) -> list[tuple[int, int]]:
    """Return the blocks of the best way to cut, found from the end backwards; -1 marks a bin in no block."""
    block, end = len(start) - 1, start.shape[1] - 1
    edges = []
    while block > 0 and end > 0:
        if start[block, end] < 0:
            end -= 1
        else:
            edges.append((int(start[block, end]), end))
            block, end = block - 1, int(start[block, end])
    return edges[::-1]
