"""The account of a key that two places share: every bit serves once, and none of them twice."""

from dataclasses import dataclass

import numpy as np

from satqkd.key.custody.keyfile import SecretBits
from satqkd.key.postprocessing.authentication import PRIME_BITS, authentication_tag, is_authentic

TAG_BITS = 96  # a forged message of up to 10 GB passes with a probability below 2e-20


class KeyReuseError(ValueError):
    """Bits of a key were asked for that have served already."""


class KeyExhaustedError(ValueError):
    """More bits of a key were asked for than are left."""


class ForgedMessageError(ValueError):
    """A message does not carry the tag that its sender would have given it."""


@dataclass(frozen=True)
class Use:
    """Bits `start` to `stop` of a key have served for `purpose`."""

    start: int
    stop: int
    purpose: str


@dataclass(frozen=True)
class Message:
    """What goes over the open channel; everybody may read it.

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
    """One place's copy of a key, and the account of its bits.

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
    """

    def __init__(self, name: str, key: SecretBits) -> None:
        self.name = name
        self.uses: list[Use] = []
        self._bits = key.reveal().copy()
        self._point = _number(self.take(PRIME_BITS, "point of the authentication"))

    @property
    def position(self) -> int:
        """Place of the first bit that has not served."""
        return self.uses[-1].stop if self.uses else 0

    @property
    def remaining(self) -> int:
        """Bits that are left."""
        return self._bits.size - self.position

    def take(self, count: int, purpose: str, *, start: int | None = None) -> SecretBits:
        """Bits of the key, the next ones or those from `start` on; they can never be had again.

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
        """A message that all can read and none can change, for 96 bits of key."""
        return self._message(self.position, self.take(TAG_BITS, "tag"), b"open", content)

    def verify(self, message: Message) -> bytes:
        """Content of a message that the other side signed.

        Raises
        ------
        ForgedMessageError
            When its tag is wrong; the pad of the tag is spent all the same, since every try on it is a chance.
        """
        return self._checked(message, b"open")

    def encrypt(self, plaintext: bytes) -> Message:
        """A message under a one-time pad, for 96 bits of key and 8 for each byte."""
        start, pad = self.position, self.take(TAG_BITS, "tag")
        return self._message(start, pad, b"sealed", self._under_pad(plaintext))

    def decrypt(self, message: Message) -> bytes:
        """Plaintext of a message that the other side encrypted; raises what `verify` does."""
        return self._under_pad(self._checked(message, b"sealed"))

    def _message(self, start: int, pad: SecretBits, kind: bytes, content: bytes) -> Message:
        tag = authentication_tag(kind + content, point=self._point, pad=_number(pad), bits=TAG_BITS)
        return Message(start, content, tag)

    def _checked(self, message: Message, kind: bytes) -> bytes:
        pad = _number(self.take(TAG_BITS, "tag", start=message.start))
        if not is_authentic(kind + message.content, message.tag, point=self._point, pad=pad, bits=TAG_BITS):
            raise ForgedMessageError(f"{self.name}: the tag of a message at start={message.start} is wrong: drop it")
        return message.content

    def _under_pad(self, text: bytes) -> bytes:
        pad = np.frombuffer(self.take(8 * len(text), "one-time pad").packed(), np.uint8)
        return (np.frombuffer(text, np.uint8) ^ pad).tobytes()


def _number(bits: SecretBits) -> int:
    return int.from_bytes(bits.packed(), "little")
