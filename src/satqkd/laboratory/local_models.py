"""Local models of a Bell test: S > 2 where a loophole is open, and S of at most 2 where it is closed.

A trial has settings a, b and outcomes, each 0 or 1. Outcomes that are always 0 give S = 2, the most that a local model
reaches (Clauser, Horne, Shimony and Holt, Phys. Rev. Lett. 23, 880 (1969)). Outcomes that are equal, except for the
settings (0, 1), where they differ, would give S = 4; for these each station has to know both settings.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from satqkd.bell.chsh import Chsh, chsh
from satqkd.streams import stream

SILENT = -1
# Settings of both stations, whether the loophole is open, and a random generator, to both outcomes.
Model = Callable[[np.ndarray, np.ndarray, bool, np.random.Generator], tuple[np.ndarray, np.ndarray]]


def _differ(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return 1 where outcomes have to differ for S = 4, else 0."""
    return ((a == 0) & (b == 1)).astype(np.int64)


def fair_sampling(
    a: np.ndarray, b: np.ndarray, is_open: bool, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Let each pair carry two settings, and a detector stay silent where its station has chosen another one.

    Notes
    -----
    Pearle, Phys. Rev. D 2, 1418 (1970). It is closed where every trial counts, and a silent detector as outcome 0.

    Examples
    --------
    >>> settings = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    >>> first, second = fair_sampling(*settings, True, np.random.default_rng(1))
    >>> set(first.tolist()) <= {-1, 0}
    True
    """
    carried_a, carried_b = rng.integers(2, size=(2, a.size))
    silent = SILENT if is_open else 0
    return np.where(a == carried_a, 0, silent), np.where(b == carried_b, _differ(carried_a, carried_b), silent)


def locality(a: np.ndarray, b: np.ndarray, is_open: bool, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Let the second station hear of the first one's setting in time; closed, it has to guess.

    Notes
    -----
    Bell, Physics 1, 195 (1964), on settings that are chosen too early. It is closed where the choice of each station
    lies outside the other measurement's light cone, which stage 6 computes.

    Examples
    --------
    >>> locality(np.array([0, 1]), np.array([1, 1]), True, np.random.default_rng(1))[1].tolist()
    [1, 0]
    """
    known = a if is_open else rng.integers(2, size=a.size)
    return np.zeros(a.size, np.int64), _differ(known, b)


def memory(a: np.ndarray, b: np.ndarray, is_open: bool, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Let the second station expect the setting that the first one had one record ago.

    Notes
    -----
    Open, the first station's settings are a record that repeats; closed, they are fresh, and memory does not help:
    Barrett, Collins, Hardy, Kent and Popescu, Phys. Rev. A 66, 042111 (2002).

    Examples
    --------
    >>> a = np.tile(np.arange(RECORD) % 2, 2)
    >>> int(memory(a, np.ones_like(a), True, np.random.default_rng(1))[1][RECORD:].sum()) == RECORD // 2
    True
    """
    expected = np.concatenate([np.ones(min(RECORD, a.size), a.dtype), a[:-RECORD]])
    return np.zeros(a.size, np.int64), _differ(expected, b)


RECORD = 1000
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
LOOPHOLES: dict[str, Model] = {"fair sampling": fair_sampling, "locality": locality, "memory": memory}


def play(loophole: str, *, is_open: bool, share: float, trials: int, rng: np.random.Generator) -> Chsh:
    """Test the CHSH inequality on a local model.

    Parameters
    ----------
    loophole : str
        One of `LOOPHOLES`.
    is_open : bool
    share : float
        Share of the trials in which the model uses the loophole; in the others both outcomes are 0 [1].
    trials : int
    rng : numpy.random.Generator

    Returns
    -------
    Chsh
        Of the trials in which both stations have an outcome.

    Examples
    --------
    >>> round(play("locality", is_open=True, share=1.0, trials=1000, rng=np.random.default_rng(1)).s, 2)
    4.0
    """
    a, b = rng.integers(2, size=(2, trials))
    if loophole == "memory" and is_open:
        a = np.resize(a[:RECORD], trials)
    used = rng.random(trials) < share
    first, second = (np.where(used, one, 0) for one in LOOPHOLES[loophole](a, b, is_open, rng))
    both = (first != SILENT) & (second != SILENT)
    index = (8 * a + 4 * b + 2 * first + second)[both]
    return chsh(np.bincount(index, minlength=16).reshape(4, 4))


def loophole_table(seed: int, *, trials: int = 20_000) -> pd.DataFrame:
    """Return S of every local model against the share of the trials in which it uses its loophole.

    Parameters
    ----------
    seed : int
    trials : int
        For each point.

    Returns
    -------
    pandas.DataFrame
        Columns loophole, open, share, s, s_sigma and p_value.

    Examples
    --------
    >>> table = loophole_table(1, trials=4000)
    >>> len(table), bool(table.s[table.open & (table.share == 1)].min() > 3)
    (36, True)
    """
    points = [(name, is_open, share) for name in LOOPHOLES for is_open in (True, False) for share in SHARES]
    rows = []
    for name, is_open, share in points:
        rng = stream(seed, "local models", name, str(is_open), str(share))
        seen = play(name, is_open=is_open, share=share, trials=trials, rng=rng)
        rows.append((name, is_open, share, seen.s, seen.sigma, seen.p_value))
    return pd.DataFrame(rows, columns=["loophole", "open", "share", "s", "s_sigma", "p_value"])
