"""Random streams that follow from one seed by name, and records of random choices that need no memory."""

import hashlib

import numba
import numpy as np


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """A random stream of its own for every name, whatever the order in which streams are opened.

    Parameters
    ----------
    seed : int
        The one seed of the configuration.
    names : str or int
        Scenario, run, stage, pass, purpose.
    """
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, *map(_word, names)])))


def record_key(seed: int, *names: str | int) -> int:
    """Key (64 bits) of a counter-based random record, see `random_words`."""
    return int(np.random.SeedSequence([seed, *map(_word, names)]).generate_state(1, np.uint64)[0])


def _word(name: str | int) -> int:
    return int.from_bytes(hashlib.sha256(str(name).encode()).digest()[:8], "big")


@numba.njit(cache=True)
def random_words(key: np.uint64, counters: np.ndarray) -> np.ndarray:
    """The random 64-bit words that a record holds at given places.

    A transmitter logs ten billion choices in a pass, and a station switches its basis thousands of times a second.
    A counter-based generator is that log without its gigabytes: any entry can be looked up, and none is stored.

    Parameters
    ----------
    key : uint64
        Key of the record, from `record_key`.
    counters : ndarray of int64, shape (n,)
        Places in the record (pulse numbers, switching slots).

    Returns
    -------
    ndarray of uint64, shape (n,)

    Notes
    -----
    The SplitMix64 output function, Steele, Lea and Flood, OOPSLA 2014, Fig. 16, applied to key + counter * gamma.
    """
    words = np.empty(counters.size, np.uint64)
    for i in range(counters.size):
        z = np.uint64(key) + np.uint64(counters[i]) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        words[i] = z ^ (z >> np.uint64(31))
    return words


# Numbers in a transmitter's log that belong to one session: more pulses than any session has.
SESSION_PULSES = 1 << 44


def transmitter_log(
    key: int, pulses: np.ndarray, probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the transmitter sent in given pulses.

    Parameters
    ----------
    key : int
        Key of the log.
    pulses : ndarray of int64, shape (n,)
        Pulse numbers; those of session s begin at s * SESSION_PULSES.
    probabilities : ndarray, shape (intensity,)
        Share of the pulses at each intensity [1].

    Returns
    -------
    intensity, basis, bit : ndarray of uint8, shape (n,)
    """
    words = random_words(np.uint64(key), pulses)
    edges = (np.cumsum(probabilities)[:-1] * 2.0**62).astype(np.uint64)
    intensity = np.searchsorted(edges, words >> np.uint64(2), side="right").astype(np.uint8)
    return intensity, ((words >> np.uint64(1)) & np.uint64(1)).astype(np.uint8), (words & np.uint64(1)).astype(np.uint8)
