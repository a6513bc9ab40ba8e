"""A satellite as trusted relay: two stations that it sees one after the other come to a common key.

The satellite shares a key with the first station, keeps it on board, and shares another with the second one later. It
announces the exclusive or of both, and the second station takes its own key off again. What is left is the first
station's. Whoever listens sees that key under a one-time pad. The satellite knows it too: it has to be trusted.
"""

from dataclasses import dataclass

import numpy as np

from satqkd.key.custody.keyfile import SecretBits
from satqkd.key.custody.ledger import TAG_BITS, KeyLedger, Message


@dataclass(frozen=True)
class Announcement:
    """What the satellite announces in public.

    Attributes
    ----------
    to_first : Message
        How many bits of the first station's key go on, signed with its key.
    to_second : Message
        These bits plus, modulo 2, as many of the second station's key.
    """

    to_first: Message
    to_second: Message


def relay_key(first: KeyLedger, second: KeyLedger, count: int) -> Announcement:
    """Pass key of the first station on to the second, and erase on board what is used of both keys.

    Parameters
    ----------
    first, second : KeyLedger
        The satellite's own copies.
    count : int
        Bits to pass on, in whole bytes.

    Raises
    ------
    ValueError
        When `count` is no positive number of whole bytes, or more than `relayable_bits`.

    Examples
    --------
    >>> bits = np.random.default_rng(1).integers(0, 2, (2, 1000))
    >>> on_board = [KeyLedger(name, SecretBits(key)) for name, key in zip(["Beijing", "Stellenbosch"], bits)]
    >>> beijing, stellenbosch = (KeyLedger(ledger.name, SecretBits(key)) for ledger, key in zip(on_board, bits))
    >>> announcement = relay_key(*on_board, 128)
    >>> kept_by_first(beijing, announcement) == found_by_second(stellenbosch, announcement)
    True
    """
    most = relayable_bits(first, second)
    if count % 8 or not 0 < count <= most:
        raise ValueError(
            f"count={count} is no positive multiple of 8 up to {most}: both keys have to pay for it and for a tag"
        )
    notice = first.sign(count.to_bytes(8, "little"))
    return Announcement(notice, second.encrypt(first.take(count, "relayed").packed()))


def relayable_bits(first: KeyLedger, second: KeyLedger) -> int:
    """Return the most that `relay_key` can pass on, in whole bytes [bit].

    Examples
    --------
    >>> first, second = (
    ...     KeyLedger("Beijing", SecretBits(np.ones(1000))),
    ...     KeyLedger("Stellenbosch", SecretBits(np.ones(500))),
    ... )
    >>> relayable_bits(first, second)
    272
    """
    return max(min(first.remaining, second.remaining) - TAG_BITS, 0) // 8 * 8


def kept_by_first(ledger: KeyLedger, announcement: Announcement) -> SecretBits:
    """Return the common key from the first station's copy of its key; raise what `KeyLedger.verify` does.

    Examples
    --------
    >>> bits = np.random.default_rng(1).integers(0, 2, (2, 1000))
    >>> on_board = [KeyLedger(name, SecretBits(key)) for name, key in zip(["Beijing", "Stellenbosch"], bits)]
    >>> beijing, stellenbosch = (KeyLedger(ledger.name, SecretBits(key)) for ledger, key in zip(on_board, bits))
    >>> kept_by_first(beijing, relay_key(*on_board, 128))
    <128 secret bits>
    """
    return ledger.take(int.from_bytes(ledger.verify(announcement.to_first), "little"), "relayed")


def found_by_second(ledger: KeyLedger, announcement: Announcement) -> SecretBits:
    """Return the common key from the announcement and the second station's key; raise what `KeyLedger.decrypt` does.

    Examples
    --------
    >>> bits = np.random.default_rng(1).integers(0, 2, (2, 1000))
    >>> on_board = [KeyLedger(name, SecretBits(key)) for name, key in zip(["Beijing", "Stellenbosch"], bits)]
    >>> beijing, stellenbosch = (KeyLedger(ledger.name, SecretBits(key)) for ledger, key in zip(on_board, bits))
    >>> found_by_second(stellenbosch, relay_key(*on_board, 128))
    <128 secret bits>
    """
    relayed = np.frombuffer(ledger.decrypt(announcement.to_second), np.uint8)
    return SecretBits(np.unpackbits(relayed, bitorder="little"))
