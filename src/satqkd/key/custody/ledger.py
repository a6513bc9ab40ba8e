"""The account of a key that two places share: every bit serves once, and none of them twice."""

from dataclasses import dataclass

import numpy as np

from satqkd.key.custody.keyfile import SecretBits
from satqkd.key.postprocessing.authentication import PRIME_BITS, authentication_tag, is_authentic

TAG_BITS = 96  # a forged message of up to 10 GB passes with a probability below 2e-20


class KeyReuseError(ValueError):
    """Refusal of bits that have already been used."""


class KeyExhaustedError(ValueError):
    """Refusal of more bits than are left."""


class ForgedMessageError(ValueError):
    """Refusal of a message whose tag is wrong."""


@dataclass(frozen=True)
class Use:
    """Use of bits: `start` to before `stop` of a key were taken for `purpose`."""

    start: int
    stop: int
    purpose: str


@dataclass(frozen=True)
class Message:
    """Message on the open channel, which everybody may read.

    Attributes
    ----------
    start : int
        Place in the key of the pad of its tag.
    content : bytes
    tag : int
    """

    start: int
    content: bytes
    tag: int


class KeyLedger:
    """Copy of a key that one place holds, and the account of its bits.

    The other place has the same. Both go through the key in the same order, and bits are erased as they are taken. The
    first 127 are the secret point of the authentication, which serves as long as the key does.

    Parameters
    ----------
    name : str
        Of the two places, for the messages of errors.
    key : SecretBits

    Raises
    ------
    KeyExhaustedError
        When the key has fewer than 127 bits.

    Attributes
    ----------
    name : str
    uses : list of Use
        In the order of the key, without gaps.

    Examples
    --------
    >>> bits = np.random.default_rng(1).integers(0, 2, 1000)
    >>> satellite, station = KeyLedger("Jinan-1", SecretBits(bits)), KeyLedger("Jinan-1", SecretBits(bits))
    >>> message = satellite.sign(b"600 bits follow")
    >>> station.verify(message), station.remaining
    (b'600 bits follow', 777)
    """

    def __init__(self, name: str, key: SecretBits) -> None:
        self.name = name
        self.uses: list[Use] = []
        self._bits = key.reveal().copy()
        self._point = _number(self.take(PRIME_BITS, "point of the authentication"))

    @property
    def position(self) -> int:
        """Return the place of the first unused bit."""
        return self.uses[-1].stop if self.uses else 0

    @property
    def remaining(self) -> int:
        """Return the number of bits that are left."""
        return self._bits.size - self.position

    def take(self, count: int, purpose: str, *, start: int | None = None) -> SecretBits:
        """Return bits of the key, the next ones or those from `start` on, and erase them.

        Parameters
        ----------
        count : int
        purpose : str
            For the account.
        start : int, optional
            Where the other side took them; what is passed over is given up.

        Raises
        ------
        KeyReuseError
            When bits from `start` on have served already.
        KeyExhaustedError
            When there are not as many.
        """
        start = self.position if start is None else start
        if start < self.position:
            raise KeyReuseError(
                f"{self.name}: start={start} is below {self.position}, and bits below that have served: take new ones"
            )
        stop = start + count
        if count < 0 or stop > self._bits.size:
            raise KeyExhaustedError(
                f"{self.name}: count={count} is outside [0, {max(self._bits.size - start, 0)}], the bits from {start} "
                "on: exchange more key"
            )
        taken = SecretBits(self._bits[start:stop])
        self._bits[self.position : stop] = 0
        if start > self.position:
            self.uses.append(Use(self.position, start, "passed over"))
        self.uses.append(Use(start, stop, purpose))
        return taken

    def sign(self, content: bytes) -> Message:
        """Return a message that all can read and none can change; it costs 96 bits of key."""
        return self._message(self.position, self.take(TAG_BITS, "tag"), b"open", content)

    def verify(self, message: Message) -> bytes:
        """Return the content of a message that the other side signed.

        Raises
        ------
        ForgedMessageError
            When its tag is wrong; the pad of the tag is spent all the same, since every try on it is a chance.
        """
        return self._checked(message, b"open")

    def encrypt(self, plaintext: bytes) -> Message:
        """Return a message under a one-time pad; it costs 96 bits of key and 8 for each byte."""
        start, pad = self.position, self.take(TAG_BITS, "tag")
        return self._message(start, pad, b"sealed", self._under_pad(plaintext))

    def decrypt(self, message: Message) -> bytes:
        """Return the plaintext of a message that the other side encrypted; raise what `verify` does."""
        return self._under_pad(self._checked(message, b"sealed"))

    def _message(self, start: int, pad: SecretBits, kind: bytes, content: bytes) -> Message:
        """Return a message with its tag; `kind` keeps open and encrypted messages apart."""
        tag = authentication_tag(kind + content, point=self._point, pad=_number(pad), bits=TAG_BITS)
        return Message(start, content, tag)

    def _checked(self, message: Message, kind: bytes) -> bytes:
        """Return the content of a message whose tag is right."""
        pad = _number(self.take(TAG_BITS, "tag", start=message.start))
        if not is_authentic(kind + message.content, message.tag, point=self._point, pad=pad, bits=TAG_BITS):
            raise ForgedMessageError(f"{self.name}: the tag of a message at start={message.start} is wrong: drop it")
        return message.content

    def _under_pad(self, text: bytes) -> bytes:
        """Encrypt or decrypt with the next bits of the key."""
        pad = np.frombuffer(self.take(8 * len(text), "one-time pad").packed(), np.uint8)
        return (np.frombuffer(text, np.uint8) ^ pad).tobytes()


def _number(bits: SecretBits) -> int:
    """Return bits as an integer, the first lowest."""
    return int.from_bytes(bits.packed(), "little")
