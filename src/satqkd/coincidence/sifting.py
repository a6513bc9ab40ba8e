"""From clicks to bits: double clicks, dead time, matching bases."""

import numba
import numpy as np

from satqkd.streams import random_words

# Which detectors have to be ready for an event, by the detectors that click in it: masks of bits 2 x setting + outcome.
_CLICKED = np.arange(16, dtype=np.uint8)
_SETTINGS = np.where(_CLICKED & 0b0011, 0b0011, 0) | np.where(_CLICKED & 0b1100, 0b1100, 0)
DEAD_TIME_RULES = {
    "station": np.full(16, 0b1111, np.uint8),
    "setting": _SETTINGS.astype(np.uint8),
    "detector": _CLICKED,
}


@numba.njit(cache=True)
def _resolve(
    times: np.ndarray,
    channel: np.ndarray,
    window: int,
    dead: int,
    needed: np.ndarray,
    words: np.ndarray,
    free_at: np.ndarray,
    last: bool,
    discard: bool,
    kept: np.ndarray,
    resolved: np.ndarray,
) -> tuple[int, int]:
    """Return the number of events, and of clicks that are dealt with; `free_at` becomes when each detector is ready."""
    n = 0
    i = 0
    while i < times.size:
        j = i + 1
        mask = 1 << channel[i]
        doubles = False
        while j < times.size and times[j] - times[i] <= window:
            mask |= 1 << channel[j]
            doubles = doubles or channel[j] != channel[i]
            j += 1
        if j == times.size and not last:
            break
        ready = True
        for d in range(4):
            if (needed[mask] >> d) & 1 and times[i] < free_at[d]:
                ready = False
        if ready and not (doubles and discard):
            kept[n] = i
            chosen = channel[i]
            if doubles:
                which = words[i] % np.uint64(
                    ((mask >> 0) & 1) + ((mask >> 1) & 1) + ((mask >> 2) & 1) + ((mask >> 3) & 1)
                )
                for d in range(4):
                    if (mask >> d) & 1:
                        if which == 0:
                            chosen = d
                            break
                        which -= np.uint64(1)
            resolved[n] = chosen
            n += 1
        for k in range(i, j):
            free_at[channel[k]] = times[k] + dead
        i = j
    return n, i


class Clicks:
    """The clicks of a station as they arrive in chunks, resolved as `resolve_clicks` resolves all of them.

    Parameters
    ----------
    window_ps, dead_ps, key, dead_time_rule, discard
        As of `resolve_clicks`.
    """

    def __init__(
        self, *, window_ps: int, dead_ps: int, key: int, dead_time_rule: str = "station", discard: bool = False
    ) -> None:
        self._window, self._dead, self._key = int(window_ps), int(dead_ps), np.uint64(key)
        self._needed, self._discard = _named_rule(dead_time_rule), discard
        self._left = np.empty(0, np.int64), np.empty(0, np.uint8)
        self._done, self._free_at = 0, np.full(4, np.iinfo(np.int64).min)

    def events(self, times_ps: np.ndarray, channel: np.ndarray, *, last: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Return times of the first clicks of events that no later click can join, and the channels that count.

        Parameters
        ----------
        times_ps, channel : ndarray, shape (n,)
            The next clicks, ascending.
        last : bool
            No click comes any more.
        """
        times, channel = np.concatenate([self._left[0], times_ps]), np.concatenate([self._left[1], channel])
        words = random_words(self._key, np.arange(self._done, self._done + times.size))
        kept, resolved = np.empty(times.size, np.int64), np.empty(times.size, np.uint8)
        n, used = _resolve(
            times,
            channel,
            self._window,
            self._dead,
            self._needed,
            words,
            self._free_at,
            last,
            self._discard,
            kept,
            resolved,
        )
        self._left = times[used:].copy(), channel[used:].copy()
        self._done += used
        return times[kept[:n]], resolved[:n].copy()


def _named_rule(name: str) -> np.ndarray:
    """Return the detectors that have to be ready by a rule."""
    if name not in DEAD_TIME_RULES:
        raise ValueError(f"dead_time_rule={name!r} is unknown: take one of {', '.join(DEAD_TIME_RULES)}")
    return DEAD_TIME_RULES[name]


def resolve_clicks(
    times_ps: np.ndarray,
    channel: np.ndarray,
    *,
    window_ps: int,
    dead_ps: int,
    key: int,
    dead_time_rule: str = "station",
    discard: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Turn clicks into detection events that no double click biases, and by default no dead time.

    Clicks of several detectors within a window are one event with one of their outcomes at random. By the rule
    "station" an event that comes while any of the detectors is still dead is left out, so that at every event all four
    were ready.

    Parameters
    ----------
    times_ps : ndarray of int64, shape (n,)
        Ascending tags [ps].
    channel : ndarray of uint8, shape (n,)
        2 * setting + outcome.
    window_ps, dead_ps : int
        Width within which clicks are one event, and the dead time [ps].
    key : int
        Key of the random choices.
    dead_time_rule : {"station", "setting", "detector"}
        Which detectors have to be ready: all of the station, those of the settings that click, or those that click.
    discard : bool
        Leave out events of several detectors. Not secure: Eve can cause them where she measured in the wrong basis.

    Returns
    -------
    index, channel : ndarray, shape (event,)
        First click of each event, and the channel that counts.

    Raises
    ------
    ValueError
        For an unknown rule.

    Notes
    -----
    Random assignment of double clicks: Luetkenhaus, Phys. Rev. A 59, 3301 (1999). "station" is the rule of Yin et al.,
    Nature 582, 501 (2020), methods.

    Examples
    --------
    >>> clicks = np.array([0, 30_000, 60_000, 200_000]), np.array([0, 2, 1, 0], np.uint8)
    >>> resolve_clicks(*clicks, window_ps=1000, dead_ps=50_000, key=1)[0].tolist()
    [0, 3]
    >>> resolve_clicks(*clicks, window_ps=1000, dead_ps=50_000, key=1, dead_time_rule="setting")[0].tolist()
    [0, 1, 2, 3]
    """
    times_ps = np.asarray(times_ps)
    kept = np.empty(times_ps.size, np.int64)
    resolved = np.empty(times_ps.size, np.uint8)
    words = random_words(np.uint64(key), np.arange(times_ps.size))
    never = np.full(4, np.iinfo(np.int64).min)
    needed = _named_rule(dead_time_rule)
    n, _ = _resolve(
        times_ps, channel, int(window_ps), int(dead_ps), needed, words, never, True, discard, kept, resolved
    )
    return kept[:n].copy(), resolved[:n].copy()


# E(a, b) = sign * cos 2(a + turn * b) of linear analysers.
_CORRELATION = {"phi_plus": (1, -1), "psi_minus": (-1, -1), "phi_minus": (1, 1), "psi_plus": (-1, 1)}


def ideal_correlation(bell_state: str, first_rad: np.ndarray, second_rad: np.ndarray) -> np.ndarray:
    """Return the correlation of a pure Bell state's outcomes at linear analyser angles, shape (setting, setting).

    Examples
    --------
    >>> angles = np.radians([0.0, 45.0])
    >>> ideal_correlation("psi_minus", angles, angles).round(3) + 0.0
    array([[-1.,  0.],
           [ 0., -1.]])
    """
    sign, turn = _CORRELATION[bell_state]
    return sign * np.cos(2 * (np.asarray(first_rad)[:, None] + turn * np.asarray(second_rad)[None, :]))


def sift(
    setting_a: np.ndarray, setting_b: np.ndarray, outcome_a: np.ndarray, outcome_b: np.ndarray, correlation: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keep events of equal settings, and flip Bob's outcome where the state anti-correlates.

    Parameters
    ----------
    setting_a, setting_b, outcome_a, outcome_b : ndarray, shape (n,)
    correlation : ndarray, shape (2, 2)
        From `ideal_correlation`; only its diagonal is used.

    Returns
    -------
    index : ndarray, shape (sifted,)
    alice, bob : ndarray of uint8, shape (sifted,)
        Bits that agree but for errors.

    Examples
    --------
    >>> correlation = -np.eye(2)
    >>> settings, outcome = np.array([0, 1, 1]), np.array([0, 1, 0])
    >>> kept, alice, bob = sift(settings, np.array([0, 0, 1]), outcome, 1 - outcome, correlation)
    >>> kept.tolist(), alice.tolist(), bob.tolist()
    ([0, 2], [0, 0], [0, 0])
    """
    index = np.flatnonzero(setting_a == setting_b)
    flip = (np.diag(correlation) < 0).astype(np.uint8)[setting_a[index]]
    return index, outcome_a[index].astype(np.uint8), outcome_b[index].astype(np.uint8) ^ flip
