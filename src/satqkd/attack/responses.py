"""Eve's attacks on single photons: which photons click, in which channel, and what she then knows.

Every function takes the channel (2 * setting + outcome) in which each photon would be detected if nobody attacked, and
uniform random numbers. Eve's receiver is a copy of the station's: if she measures in the basis of that setting, she
finds the outcome of that channel.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Response:
    """Clicks that Eve causes.

    Attributes
    ----------
    kept : ndarray of bool, shape (n,)
        Which photons make a click.
    channel : ndarray of uint8, shape (n,)
        Channel of the click.
    belief : ndarray, shape (n, setting)
        Eve's probability that the outcome is 1, if the setting turns out to be 0 or 1.
    delay_s : ndarray, shape (n,)
        Delay of the photon by her attack [s].
    extra, extra_channel : ndarray of int, shape (m,)
        Additional photons: index of the photon that each accompanies, and channel.
    extra_delay_s : float
        Delay of these photons [s].
    extra_belief : ndarray, shape (m, setting)
        Like `belief`, for clicks that these photons cause.
    """

    kept: np.ndarray
    channel: np.ndarray
    belief: np.ndarray
    delay_s: np.ndarray
    extra: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    extra_channel: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint8))
    extra_delay_s: float = 0.0
    extra_belief: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))


def mean_click_probability(table: ArrayLike) -> float:
    """Return the largest share of Eve's signals that can click, for a table of relative click probabilities.

    Parameters
    ----------
    table : array_like
        See `faked`.

    Examples
    --------
    >>> mean_click_probability(resent_click_table(match=1.0, mismatch=0.0))
    0.5
    """
    return float(_probabilities(table).sum(axis=2).mean())


def _probabilities(table: ArrayLike) -> np.ndarray:
    """Return click probabilities by (target, setting, outcome), scaled so that the largest sum over outcomes is 1."""
    each = np.asarray(table, float).reshape(-1, 2, 2)
    return each / each.sum(axis=2).max()


def _belief(table: ArrayLike) -> np.ndarray:
    """Return the probability that a click has outcome 1, by (target, setting); one half where nothing clicks."""
    each = np.asarray(table, float).reshape(-1, 2, 2)
    total = each.sum(axis=2)
    return np.divide(each[..., 1], total, out=np.full(total.shape, 0.5), where=total > 0)


def resent_click_table(*, match: ArrayLike, mismatch: ArrayLike) -> np.ndarray:
    """Return the click probabilities of light that Eve resends in the state that she found, shape (target, channel).

    Parameters
    ----------
    match : array_like, shape () or (basis,)
        Probability of a click if the station measures in her basis [1].
    mismatch : array_like, shape () or (basis,)
        Probability of a click if it measures in the other basis, where both outcomes are equally likely [1].

    Examples
    --------
    >>> resent_click_table(match=1.0, mismatch=0.5)[0].tolist()
    [1.0, 0.0, 0.25, 0.25]
    """
    match, mismatch = (np.broadcast_to(np.asarray(one, float), 2) for one in (match, mismatch))
    table = np.zeros((2, 2, 2, 2))  # Eve's basis and outcome, the station's setting and outcome
    for basis in (0, 1):
        table[basis, [0, 1], basis, [0, 1]] = match[basis]
        table[basis, :, 1 - basis] = mismatch[basis] / 2
    return table.reshape(4, 4)


def faked(channel: np.ndarray, draws: np.ndarray, table: np.ndarray, *, basis: int | None = None) -> Response:
    """Let Eve measure, and send light that should click in the channel that she found.

    Parameters
    ----------
    channel : ndarray of uint8, shape (n,)
    draws : ndarray, shape (n, 3)
        Uniform random numbers.
    table : ndarray, shape (target, channel)
        Relative probability that light for a target channel clicks in each channel.
    basis : int, optional
        In which she measures; by default either one at random.

    Notes
    -----
    Intercept and resend, Bennett and Brassard (1984), if a click is as likely in either basis; faked states, Makarov
    and Hjelme, J. Mod. Opt. 52, 691 (2005), if it is more likely in hers.

    Examples
    --------
    >>> draws = np.array([[0.1, 0.9, 0.2], [0.7, 0.9, 0.2]])
    >>> answer = faked(np.array([3, 3], np.uint8), draws, resent_click_table(match=1.0, mismatch=1.0))
    >>> answer.channel.tolist(), answer.belief.tolist()
    ([3, 2], [[0.5, 1.0], [0.0, 0.5]])
    """
    setting = channel >> 1
    matches = draws[:, 0] < 0.5 if basis is None else setting == basis
    own = (2 * (1 - setting) + (draws[:, 1] < 0.5)).astype(np.uint8)  # her result if she takes the other basis
    target = np.where(matches, channel, own)
    chance = _probabilities(table)[target, setting]
    first = draws[:, 2] < chance[:, 0]
    kept = draws[:, 2] < chance.sum(axis=1)
    sent = (2 * setting + ~first).astype(np.uint8)
    return Response(kept, sent, _belief(table)[target], np.zeros(channel.size))


def filtered(
    channel: np.ndarray,
    draws: np.ndarray,
    table: np.ndarray,
    *,
    delays_s: np.ndarray,
    accepted: np.ndarray | float = 1.0,
) -> Response:
    """Let Eve send photons on in a random way, where the efficiency of each detector depends on the way.

    Parameters
    ----------
    channel : ndarray of uint8, shape (n,)
    draws : ndarray, shape (n, 3)
        Uniform random numbers.
    table : ndarray, shape (way, channel)
        Relative efficiency of each detector for each way.
    delays_s : ndarray, shape (way,)
        Delay of each way [s].
    accepted : ndarray, shape (way, channel)
        Relative share of the clicks that the station accepts.

    Notes
    -----
    Time-shift attack: Qi, Fung, Lo and Ma, Quantum Inf. Comput. 7, 73 (2007). Eve does not
    disturb the polarisation. For each click she knows how much more likely one outcome was.

    Examples
    --------
    >>> table, delays_s = np.array([[0.9, 0.1, 0.9, 0.1]]), np.zeros(1)
    >>> answer = filtered(np.array([0, 1], np.uint8), np.full((2, 3), 0.5), table, delays_s=delays_s)
    >>> answer.kept.tolist(), answer.belief[0].tolist()
    ([True, False], [0.1, 0.1])
    """
    way = (draws[:, 0] * len(table)).astype(np.int64)
    kept = draws[:, 2] < (table / table.max())[way, channel]
    return Response(kept, channel, _belief(table * accepted)[way], delays_s[way])


def one_awake(channel: np.ndarray, draws: np.ndarray, *, rested: np.ndarray, lead_s: float) -> Response:
    """Let Eve send a bright pulse just before each photon, which puts all detectors but one into their dead time.

    Parameters
    ----------
    channel : ndarray of uint8, shape (n,)
    draws : ndarray, shape (n, 3)
        Uniform random numbers.
    rested : ndarray of bool, shape (n,)
        Whether the detectors are ready again after the previous pulse; Eve blocks the other photons.
    lead_s : float
        Time from the bright pulse to the photon [s].

    Notes
    -----
    Weier et al., New J. Phys. 13, 073024 (2011): a pulse polarised like one outcome does not reach the detector of the
    other. The simulation of the detectors applies the dead time.

    Examples
    --------
    >>> draws, rested = np.array([[0.9, 0.5, 0.5]]), np.array([True])
    >>> answer = one_awake(np.array([2], np.uint8), draws, rested=rested, lead_s=20e-9)
    >>> answer.extra_channel.tolist(), answer.belief.tolist()
    ([0, 1, 2], [[0.5, 1.0]])
    """
    awake = (draws[:, 0] * 4).astype(np.uint8)
    belief = np.full((channel.size, 2), 0.5)
    belief[np.arange(channel.size), awake >> 1] = awake & 1
    asleep = np.sort((awake[rested, None] + np.arange(1, 4)) % 4, axis=1).astype(np.uint8)
    whose = np.repeat(np.flatnonzero(rested), 3)
    # In the basis of the detector that stays awake, the bright pulse makes only the other detector click.
    of_pulse = 1 - belief[whose]
    return Response(rested, channel, belief, np.zeros(channel.size), whose, asleep.ravel(), -lead_s, of_pulse)


def doubled(channel: np.ndarray, draws: np.ndarray) -> Response:
    """Let Eve measure in a random basis, and send so much light that both outcomes click in the other basis.

    Parameters
    ----------
    channel : ndarray of uint8, shape (n,)
    draws : ndarray, shape (n, 3)
        Uniform random numbers.

    Notes
    -----
    Luetkenhaus, Phys. Rev. A 59, 3301 (1999), shows with such an attack that double clicks must be counted.

    Examples
    --------
    >>> answer = doubled(np.array([3, 3], np.uint8), np.array([[0.1, 0.5, 0.5], [0.7, 0.5, 0.5]]))
    >>> answer.extra.tolist(), answer.extra_channel.tolist(), answer.belief.tolist()
    ([1], [2], [[0.5, 1.0], [0.5, 0.5]])
    """
    matches = draws[:, 0] < 0.5
    belief = np.full((channel.size, 2), 0.5)
    belief[matches, channel[matches] >> 1] = channel[matches] & 1
    whose = np.flatnonzero(~matches)
    every = np.ones(channel.size, bool)
    return Response(
        every, channel, belief, np.zeros(channel.size), whose, channel[whose] ^ 1, extra_belief=belief[whose]
    )


def predicted(channel: np.ndarray, emission_s: np.ndarray, *, known_after_s: float) -> Response:
    """Let Eve measure in the basis that the station will use, once its record of settings repeats.

    Parameters
    ----------
    channel : ndarray of uint8, shape (n,)
    emission_s : ndarray, shape (n,)
        Since the session's start [s].
    known_after_s : float
        Time after which the record repeats [s].

    Notes
    -----
    She sends the state that she found, in the basis that the station uses next. No outcome changes, and she knows all
    of them. Before the record repeats she only listens to the public sifting.

    Examples
    --------
    >>> predicted(np.array([1, 1], np.uint8), np.array([0.1, 0.9]), known_after_s=0.5).belief[:, 0].tolist()
    [0.5, 1.0]
    """
    belief = np.full((channel.size, 2), 0.5)
    seen = np.flatnonzero(emission_s >= known_after_s)
    belief[seen, channel[seen] >> 1] = channel[seen] & 1
    return Response(np.ones(channel.size, bool), channel, belief, np.zeros(channel.size))
