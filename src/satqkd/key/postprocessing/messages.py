"""Public messages that making a key requires: the size of each, and its cost in key.

Alice, who answers in error correction, is the first station or the transmitter; Bob corrects. All that one side says in
a session has one tag at its end, and no key is used before both tags are checked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from satqkd.key.postprocessing.announcements import ANNOUNCEMENTS, Announcements
from satqkd.key.postprocessing.authentication import tag_bits
from satqkd.key.postprocessing.distillation import DistilledKey
from satqkd.key.postprocessing.verification import Reconciliation

SETTING_BITS = 1
COUNT_BITS = 64
SHUFFLE_SEED_BITS = 128  # of the generator that shuffles a frame for error correction


@dataclass(frozen=True)
class Message:
    """All that one side says about one topic in a session.

    Attributes
    ----------
    sender : str
        Name of the station, or "transmitter".
    topic : str
        Subject of the message.
    bits : int
        Size.
    disclosed : int
        Bits of the secret string that it gives away; they are taken from the key.
    rounds : int
        Parts that it is said in, each of which waits for a part of the other side.
    streamed : bool
        Whether it can be said while detections still arrive, about those that have arrived.
    """

    sender: str
    topic: str
    bits: int
    disclosed: int = 0
    rounds: int = 1
    streamed: bool = False


def pair_messages(
    *,
    stations: Sequence[str],
    detections: Sequence[int],
    sifted: int,
    tested: int,
    keys: Iterable[DistilledKey],
    slots: float = 2.0**64,
    announcements: str = "plain",
) -> list[Message]:
    """List the public messages of two stations that share pairs.

    Parameters
    ----------
    stations : sequence of str
        Alice and Bob.
    detections : sequence of int
        All detection events of either station: none knows beforehand which of them have a partner.
    sifted : int
        Coincidences in equal bases that are for the key.
    tested : int
        Coincidences for other purposes, such as a Bell test: both sides say their outcomes.
    keys : iterable of DistilledKey
        The key of each basis.
    slots : float
        Units of time in all sessions together, as the time taggers count them.
    announcements : {"plain", "compressed"}
        How detections, and the places of sifted ones, are written.

    Returns
    -------
    list of Message
        In the order in which they are said.

    Raises
    ------
    ValueError
        For unknown announcements.

    Examples
    --------
    >>> said = pair_messages(
    ...     stations=["Delingha", "Nanshan"], detections=[10**6, 10**6], sifted=2000, tested=0, keys=[]
    ... )
    >>> said[0].sender, said[0].topic, said[0].bits
    ('Delingha', 'detections', 64000000)
    """
    (alice, bob), code = stations, _announcements(announcements)
    said = [
        Message(sender, topic, bits, streamed=True)
        for sender, count in zip(stations, map(int, detections), strict=True)
        for topic, bits in (("detections", code.times(count, slots)), ("settings", SETTING_BITS * count))
    ]
    said.append(Message(bob, "sifting", code.places(int(sifted), int(detections[0])), streamed=True))
    said += [Message(sender, "test outcomes", int(tested)) for sender in stations]
    return said + _post_processing(alice, bob, list(keys))


def pulse_messages(
    *,
    station: str,
    detections: int,
    sifted: int,
    tested: int,
    keys: Iterable[DistilledKey],
    slots: float = 2.0**64,
    shares: Sequence[float] = (1 / 3, 1 / 3, 1 / 3),
    announcements: str = "plain",
) -> list[Message]:
    """List the public messages of a transmitter of pulses and the receiving station.

    Parameters
    ----------
    station : str
        Bob.
    detections : int
        All detection events of the station.
    sifted : int
        Detections in equal bases, of all intensities.
    tested : int
        Those among them of decoy and vacuum pulses: both sides say their bits.
    keys : iterable of DistilledKey
        The key of each basis.
    slots : float
        Pulses in all sessions together.
    shares : sequence of float
        Shares of the three intensities among the detections [1].
    announcements : {"plain", "compressed"}
        How the numbers of the detected pulses, their intensities and the places of sifted ones are written.

    Returns
    -------
    list of Message
        In the order in which they are said.

    Raises
    ------
    ValueError
        For unknown announcements.

    Examples
    --------
    >>> said = pulse_messages(station="Xinglong", detections=10**6, sifted=500_000, tested=100_000, keys=[])
    >>> said[2].sender, said[2].topic, said[2].bits
    ('transmitter', 'intensities', 2000000)
    """
    alice, count, code = "transmitter", int(detections), _announcements(announcements)
    said = [
        Message(station, "detections", code.times(count, slots), streamed=True),
        Message(station, "settings", SETTING_BITS * count, streamed=True),
        Message(alice, "intensities", code.levels(count, shares), streamed=True),
        Message(alice, "settings", SETTING_BITS * count, streamed=True),
        Message(station, "sifting", code.places(int(sifted), count), streamed=True),
        Message(station, "test outcomes", int(tested)),
        Message(alice, "test outcomes", int(tested)),
    ]
    return said + _post_processing(alice, station, list(keys))


def authentication_shares(messages: Sequence[Message], *, eps: float) -> list[int]:
    """Return what each message adds to the tag of its sender [bit].

    Parameters
    ----------
    messages : sequence of Message
        In their order, of two senders.
    eps : float
        Probability that any of them is forged; each sender's tag has one half.

    Returns
    -------
    list of int
        The first message of a sender pays for a tag, each later one for the growth of the tag. Together they are
        `satqkd.key.postprocessing.authentication.authentication_cost_bits` of the two sums.

    Raises
    ------
    ValueError
        As `satqkd.key.postprocessing.authentication.tag_bits`.

    Examples
    --------
    >>> authentication_shares([Message("Alice", "settings", 10**6), Message("Alice", "parities", 10**5)], eps=1e-10)
    [49, 0]
    """
    total: dict[str, int] = {}
    paid: dict[str, int] = {}
    shares = []
    for message in messages:
        total[message.sender] = total.get(message.sender, 0) + message.bits
        tag = tag_bits(total[message.sender], eps=eps / 2)
        shares.append(tag - paid.get(message.sender, 0))
        paid[message.sender] = tag
    return shares


def correction_messages(alice: str, bob: str, done: Sequence[Reconciliation]) -> list[Message]:
    """List the messages of error correction and verification of all bases, which are corrected in parallel.

    Parameters
    ----------
    alice, bob : str
        Who answers, and who corrects.
    done : sequence of Reconciliation
        Of each basis.

    Returns
    -------
    list of Message
        In the order in which they are said.

    Examples
    --------
    >>> import numpy as np
    >>> from satqkd.key import cascade
    >>> bits = np.zeros(1000, np.uint8)
    >>> done = cascade(bits, bits, 0.01, np.random.default_rng(1))
    >>> said = correction_messages("transmitter", "Xinglong", [done])
    >>> said[2].topic, said[2].bits == done.parity_bits, said[2].rounds
    ('parities', True, 1)
    """
    frames = sum(one.frames for one in done)
    parities, tags = sum(one.parity_bits for one in done), sum(one.tag_bits for one in done)
    rounds = max((one.round_trips - 1 for one in done), default=0)  # the last one is the verification
    # A Toeplitz matrix has a diagonal for each bit of either side, less one.
    verification = sum(one.bits.size + one.tag_bits - one.frames for one in done)
    return [
        Message(alice, "shuffle seeds", SHUFFLE_SEED_BITS * frames),
        Message(bob, "parities", parities, rounds=rounds),
        Message(alice, "parities", parities, disclosed=parities, rounds=rounds),
        Message(alice, "verification seeds", verification),
        Message(alice, "verification tags", tags, disclosed=tags),
        Message(bob, "verification results", (1 + COUNT_BITS) * frames),  # equal or not, and how many errors there were
    ]


def _announcements(name: str) -> Announcements:
    """Return the model of announcements of a name."""
    if name not in ANNOUNCEMENTS:
        raise ValueError(f"announcements={name!r} is unknown: choose one of {', '.join(ANNOUNCEMENTS)}")
    return ANNOUNCEMENTS[name]


def _post_processing(alice: str, bob: str, keys: list[DistilledKey]) -> list[Message]:
    """List the messages of error correction, verification and privacy amplification of all bases."""
    amplification = sum(
        key.reconciliation.bits.size + len(key.alice) - 1
        for key in keys
        if key.reconciliation is not None and len(key.alice)
    )
    done = [key.reconciliation for key in keys if key.reconciliation is not None]
    return [*correction_messages(alice, bob, done), Message(alice, "amplification seeds", amplification)]
