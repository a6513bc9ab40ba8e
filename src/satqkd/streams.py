"""Random streams that are derived from one seed by name, and records of random choices that need no memory."""

import hashlib

import numba
import numpy as np


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Open the random stream of a name; streams do not depend on the order in which they are opened.

    Parameters
    ----------
    seed : int
        The one seed of the configuration.
    names : str or int
        Scenario, run, stage, pass, purpose.

    Examples
    --------
    >>> stream(1, "yin2020", "detection").integers(100, size=3).tolist()
    [67, 2, 98]
    """
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, *map(_word, names)])))


def record_key(seed: int, *names: str | int) -> int:
    """Return the key (64 bits) of a counter-based random record, see `random_words`.

    Examples
    --------
    >>> record_key(1, "yin2020") == record_key(1, "yin2020")
    True
    """
    return int(np.random.SeedSequence([seed, *map(_word, names)]).generate_state(1, np.uint64)[0])


def _word(name: str | int) -> int:
    """Return a 64-bit number for a name."""
    return int.from_bytes(hashlib.sha256(str(name).encode()).digest()[:8], "big")


@numba.njit(cache=True)
def random_words(key: np.uint64, counters: np.ndarray) -> np.ndarray:
    """Return the random 64-bit words at given places of a record.

    A transmitter logs ten billion choices in a pass, and a station switches its basis thousands of times a second.
    A counter-based generator replaces such a log: it computes any entry, and stores none.

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

    Examples
    --------
    >>> random_words(np.uint64(1), np.array([0, 1])).tolist()
    [6238072747940578789, 10451216379200822465]
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
    """Return the intensity, basis and bit that the transmitter sent in given pulses.

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

    Examples
    --------
    >>> intensity, basis, bit = transmitter_log(7, np.arange(6), np.array([0.5, 0.25, 0.25]))
    >>> intensity.tolist(), basis.tolist(), bit.tolist()
    ([0, 0, 0, 2, 1, 0], [0, 1, 0, 1, 1, 1], [0, 1, 0, 0, 1, 0])
    """
    words = random_words(np.uint64(key), pulses)
    edges = (np.cumsum(probabilities)[:-1] * 2.0**62).astype(np.uint64)
    intensity = np.searchsorted(edges, words >> np.uint64(2), side="right").astype(np.uint8)
    return intensity, ((words >> np.uint64(1)) & np.uint64(1)).astype(np.uint8), (words & np.uint64(1)).astype(np.uint8)
