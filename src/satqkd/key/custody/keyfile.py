"""Bits that nobody else may see: a record that does not show them, and files that only their owner can open."""

import hmac
import os
import stat
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import ArrayLike

from satqkd.files import finished

MAGIC = b"satqkd key 1\n"
COUNT_BYTES = 8


class SecretBits:
    """Bits of a key. Printed, logged or shown in a notebook, the record gives their number and nothing else.

    Parameters
    ----------
    bits : array_like of 0 and 1, shape (n,)
        Copied.

    Raises
    ------
    ValueError
        When there is something else among them; the message does not show it.

    Examples
    --------
    >>> SecretBits([0, 1, 1, 0])
    <4 secret bits>
    """

    __slots__ = ("_bits",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, bits: ArrayLike) -> None:
        given = np.asarray(bits)
        if given.ndim != 1 or np.any((given != 0) & (given != 1)):
            raise ValueError(f"bits of shape {given.shape} are not all 0 or 1 in one dimension: unpack them first")
        self._bits = given.astype(np.uint8)
        self._bits.setflags(write=False)

    def reveal(self) -> np.ndarray:
        """Return the bits themselves, uint8, shape (n,), read-only."""
        return self._bits

    def packed(self) -> bytes:
        """Return the bits, eight to a byte, the first in the lowest place; zeros fill the last byte."""
        return np.packbits(self._bits, bitorder="little").tobytes()

    def __len__(self) -> int:
        return self._bits.size

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretBits):
            return NotImplemented
        return len(self) == len(other) and hmac.compare_digest(self.packed(), other.packed())

    def __repr__(self) -> str:
        return f"<{len(self)} secret bits>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("secret bits are not pickled, since anybody could read them: use write_key")


def random_secret_bits(count: int) -> SecretBits:
    """Draw bits from the operating system's source of randomness, the only one that may give secrets.

    What a seed of the configuration gives is simulated: it comes back with the seed, and is no secret.

    Examples
    --------
    >>> random_secret_bits(128)
    <128 secret bits>
    """
    drawn = np.frombuffer(os.urandom(-(-count // 8)), np.uint8)
    return SecretBits(np.unpackbits(drawn, count=count, bitorder="little"))


def write_key(path: str | Path, key: SecretBits) -> None:
    """Write a key to a file of mode 0600, which its owner alone may read and write, from its first byte on.

    The file takes its name when it is whole; one that stood there is replaced.

    Parameters
    ----------
    path : str or Path
    key : SecretBits

    Raises
    ------
    TypeError
        When `key` is not a `SecretBits`.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_key(Path(folder) / "alice.key", SecretBits([0, 1, 1, 0]))
    ...     print(oct((Path(folder) / "alice.key").stat().st_mode & 0o777))
    0o600
    """
    if not isinstance(key, SecretBits):
        raise TypeError(f"key is of type {type(key).__name__}: wrap the bits in SecretBits, which does not show them")
    with finished(path) as draft:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            os.fchmod(descriptor, 0o600)  # where the umask takes away even the owner's rights
            handle.write(MAGIC + len(key).to_bytes(COUNT_BYTES, "little") + key.packed())
            handle.flush()
            os.fsync(descriptor)


def read_key(path: str | Path) -> SecretBits:
    """Read a key that `write_key` wrote.

    Raises
    ------
    PermissionError
        When others than the owner may do anything with the file.
    ValueError
        When it is not a key, or not a whole one.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_key(Path(folder) / "alice.key", SecretBits([0, 1, 1, 0]))
    ...     print(read_key(Path(folder) / "alice.key"))
    <4 secret bits>
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as handle:
        mode = stat.S_IMODE(os.fstat(handle.fileno()).st_mode)
        if mode & 0o077:
            raise PermissionError(
                f"{path} has mode {mode:04o} where 0600 is the widest: others may have seen this key, so make a new "
                "one, or chmod 600 it if you know better"
            )
        content = handle.read()
    start = len(MAGIC) + COUNT_BYTES
    count = int.from_bytes(content[len(MAGIC) : start], "little")
    if not content.startswith(MAGIC) or len(content) != start + -(-count // 8):
        raise ValueError(f"{path} with its {len(content)} bytes is no whole key: read what write_key wrote")
    return SecretBits(np.unpackbits(np.frombuffer(content, np.uint8, offset=start), count=count, bitorder="little"))
