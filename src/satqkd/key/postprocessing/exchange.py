"""Time that the public messages of a session take on a link of given rates and delay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from satqkd.key.postprocessing.messages import Message


@dataclass(frozen=True)
class Exchange:
    """Times of all messages of a key on a link.

    Attributes
    ----------
    sending_s : ndarray, shape (message,)
        Size of each message over the rate of its sender [s].
    waiting_s : ndarray, shape (message,)
        Delay of its parts, until the other side has read them [s].
    load : dict
        By sender: time that streamed messages take, over the time of the sessions. Above one, they queue [1].
    backlog_s : float
        Time from the last photon until all streamed messages have arrived [s].
    after_s : float
        Time from the last photon until both sides hold the key [s].
    """

    sending_s: np.ndarray
    waiting_s: np.ndarray
    load: dict[str, float]
    backlog_s: float
    after_s: float


def exchange(
    messages: Sequence[Message], *, rates_bit_s: Mapping[str, float], delay_s: float, sessions_s: Sequence[float]
) -> Exchange:
    """Return how long the public messages take.

    Parameters
    ----------
    messages : sequence of Message
        In their order.
    rates_bit_s : mapping
        Rate at which each sender can send [bit/s]. Both directions can be used at the same time.
    delay_s : float
        Time from the end of a message until the other side has read it [s].
    sessions_s : sequence of float
        Durations of the sessions that the key is made of [s].

    Returns
    -------
    Exchange

    Raises
    ------
    ValueError
        For a rate that is not above zero, a delay below zero, or no time of sessions.

    Notes
    -----
    Streamed messages are sent while detections arrive, at their mean rate over all sessions; where that is more than
    the link carries, what is left at the end of the last session follows, both directions in parallel. All others are
    said after the last photon, one after the other, since each depends on those before it: together
    sum(bits/rate) + delay * parts. A message that follows another one of the same side goes with it, and has no delay
    of its own.

    Examples
    --------
    >>> said = [Message("station", "parities", 10**6, rounds=3), Message("satellite", "parities", 10**6, rounds=3)]
    >>> rates = {"station": 1e6, "satellite": 4e6}
    >>> round(exchange(said, rates_bit_s=rates, delay_s=0.01, sessions_s=[300]).after_s, 6)
    1.31
    """
    if not min(rates_bit_s.values()) > 0:
        raise ValueError(f"rates_bit_s={dict(rates_bit_s)} are not all above 0: give bits per second")
    if not delay_s >= 0:
        raise ValueError(f"delay_s={delay_s} is below 0: give the time until a message is read")
    if not sum(sessions_s) > 0:
        raise ValueError(f"sessions_s={list(sessions_s)} have no duration: give seconds of open link")
    sending = np.array([message.bits / rates_bit_s[message.sender] for message in messages])
    after = np.array([not message.streamed for message in messages], bool)
    waiting, sender = np.zeros(sending.size), None
    for place, message in enumerate(messages):
        if not message.streamed:
            waiting[place] = delay_s * max(message.rounds - (message.sender == sender), 0)
            sender = message.sender
    load = {
        name: sum(sending[i] for i, one in enumerate(messages) if one.streamed and one.sender == name) / sum(sessions_s)
        for name in rates_bit_s
    }
    backlog = max(0.0, *(one - 1 for one in load.values())) * sessions_s[-1] + (delay_s if any(load.values()) else 0.0)
    total = backlog + float(sending[after].sum() + waiting.sum())
    return Exchange(sending, waiting, {name: float(share) for name, share in load.items()}, backlog, total)
