"""Eve's knowledge of a bit, from her probability that it is 1."""

import numpy as np
from numpy.typing import ArrayLike


def information_bits(belief: ArrayLike) -> np.ndarray:
    """Return Eve's information on each bit, 1 - h(p) with the binary entropy h [bit].

    Parameters
    ----------
    belief : array_like
        Her probability that the bit is 1, given everything that she has seen [1].

    Returns
    -------
    ndarray

    Notes
    -----
    The mean over her observations is the mutual information of a uniform bit and her observation (Cover and Thomas,
    Elements of Information Theory, chapter 2). It is exact if `belief` is her true posterior.

    Examples
    --------
    >>> information_bits([0.5, 1.0, 0.0, 0.89]).round(2).tolist()
    [0.0, 1.0, 1.0, 0.5]
    """
    p = np.asarray(belief, float)
    q = 1 - p
    entropy = -(p * np.log2(np.where(p > 0, p, 1)) + q * np.log2(np.where(q > 0, q, 1)))
    return 1 - entropy


def success_probability(belief: ArrayLike) -> np.ndarray:
    """Return the probability that Eve's best guess of each bit is right, max(p, 1 - p).

    Examples
    --------
    >>> success_probability([0.5, 0.9, 0.2]).tolist()
    [0.5, 0.9, 0.8]
    """
    p = np.asarray(belief, float)
    return np.maximum(p, 1 - p)


def guesses(belief: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return Eve's best guess of each bit: the more probable value, or a random one where she knows nothing.

    Parameters
    ----------
    belief : ndarray, shape (n,)
    rng : numpy.random.Generator
        Generator of the random guesses.

    Returns
    -------
    ndarray of uint8, shape (n,)

    Examples
    --------
    >>> guesses(np.array([0.9, 0.1]), np.random.default_rng(1)).tolist()
    [1, 0]
    """
    coin = rng.random(belief.size) < 0.5
    return np.where(belief == 0.5, coin, belief > 0.5).astype(np.uint8)
