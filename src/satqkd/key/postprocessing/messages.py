"""What has to be said in public to make a key: message by message, its size, and what it costs in key.

Alice answers in error correction: she is the first station, or the transmitter. Bob corrects. All that one side says in
a session goes under one tag at its end, and no key is used before both tags are checked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from satqkd.key.postprocessing.authentication import tag_bits
from satqkd.key.postprocessing.distillation import DistilledKey

TIME_BITS = 64  # of a detection, as time taggers write it, or the number of a pulse
SETTING_BITS = 1
INTENSITY_BITS = 2  # one of three
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
        What it is about.
    bits : int
        Size.
    disclosed : int
        Bits of the secret string that it gives away; they are taken from the key.
    """

    sender: str
    topic: str
    bits: int
    disclosed: int = 0


def pair_messages(
    *, stations: Sequence[str], detections: Sequence[int], sifted: int, tested: int, keys: Iterable[DistilledKey]
) -> list[Message]:
    """List the public messages of two stations that share pairs.

    Parameters
    ----------
    stations : sequence of str
        Alice and Bob.
    detections : sequence of int
        All detection events of either station: none knows beforehand which of them have a partner.
    sifted : int
        Coincidences in equal bases that are for the key, of all detections.
    tested : int
        Coincidences that are for something else, such as a Bell test: both sides say their outcomes.
    keys : iterable of DistilledKey
        The key of each basis.

    Returns
    -------
    list of Message
        In the order in which they are said.

    Examples
    --------
    >>> said = pair_messages(
    ...     stations=["Delingha", "Nanshan"], detections=[10**6, 10**6], sifted=2000, tested=0, keys=[]
    ... )
    >>> said[0]
    Message(sender='Delingha', topic='detections', bits=64000000, disclosed=0)
    """
    alice, bob = stations
    said = [
        Message(sender, topic, bits * int(count))
        for sender, count in zip(stations, detections, strict=True)
        for topic, bits in (("detections", TIME_BITS), ("settings", SETTING_BITS))
    ]
    said.append(Message(bob, "sifting", _listed(sifted, detections[0])))
    said += [Message(sender, "test outcomes", int(tested)) for sender in stations]
    return said + _post_processing(alice, bob, list(keys))


def pulse_messages(
    *, station: str, detections: int, sifted: int, tested: int, keys: Iterable[DistilledKey]
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

    Returns
    -------
    list of Message
        In the order in which they are said.

    Examples
    --------
    >>> said = pulse_messages(station="Xinglong", detections=10**6, sifted=500_000, tested=100_000, keys=[])
    >>> said[2]
    Message(sender='transmitter', topic='intensities', bits=2000000, disclosed=0)
    """
    alice, count = "transmitter", int(detections)
    said = [
        Message(station, "detections", TIME_BITS * count),
        Message(station, "settings", SETTING_BITS * count),
        Message(alice, "intensities", INTENSITY_BITS * count),
        Message(alice, "settings", SETTING_BITS * count),
        Message(station, "sifting", _listed(sifted, detections)),
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
        The first message of a sender pays for a tag at all, each later one for what the tag grows by. Together they are
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


def _listed(places: int, length: int) -> int:
    """Return the bits that name a number of places in a list."""
    return int(places) * int(np.ceil(np.log2(max(length, 2))))


def _post_processing(alice: str, bob: str, keys: list[DistilledKey]) -> list[Message]:
    """List the messages of error correction, verification and privacy amplification of all bases."""
    done = [key.reconciliation for key in keys if key.reconciliation is not None]
    frames = sum(one.frames for one in done)
    parities, tags = sum(one.parity_bits for one in done), sum(one.tag_bits for one in done)
    # A Toeplitz matrix has a diagonal for each bit of either side, less one.
    verification = sum(one.bits.size + one.tag_bits - one.frames for one in done)
    amplification = sum(
        key.reconciliation.bits.size + len(key.alice) - 1
        for key in keys
        if key.reconciliation is not None and len(key.alice)
    )
    return [
        Message(alice, "shuffle seeds", SHUFFLE_SEED_BITS * frames),
        Message(bob, "parities", parities),
        Message(alice, "parities", parities, disclosed=parities),
        Message(alice, "verification seeds", verification),
        Message(alice, "verification tags", tags, disclosed=tags),
        Message(bob, "verification results", (1 + COUNT_BITS) * frames),  # equal or not, and how many errors there were
        Message(alice, "amplification seeds", amplification),
    ]
