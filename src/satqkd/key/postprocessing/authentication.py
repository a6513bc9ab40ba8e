r"""Authentication of the classical messages, after Wegman and Carter: what it costs in key, and the tags themselves.

The tag of a message is its polynomial hash at a secret point, hidden by a pad of fresh key. The point serves for all
messages; the pad is what each of them costs.
"""

import hmac
import math
from collections.abc import Sequence

PRIME_BITS = 127  # the field is that of the integers modulo the Mersenne prime 2^127 - 1
BLOCK_BYTES = 15


def blocks_of(message_bits: int) -> int:
    """Return the number of blocks of 120 bits into which a message falls.

    Examples
    --------
    >>> blocks_of(1000)
    9
    """
    return -(-message_bits // (8 * BLOCK_BYTES))


def forgery_probability(message_bits: int, tag_bits: int) -> float:
    r"""Return the probability that a forged message of at most this size is accepted, :math:`(2L + 1)/2^t`.

    Parameters
    ----------
    message_bits : int
        Size of the longest message that the receiver takes; L blocks.
    tag_bits : int
        Size t of the tag, at most 127.

    Notes
    -----
    Derived from the root count of a polynomial. Of two messages, the difference of the hashes is a polynomial in the
    point of degree L at most, without constant term. Tags that differ by a given number leave :math:`2^{128-t}` values
    for it, since an integer below the prime and the same less the prime both count; each is taken at L points at most,
    of the :math:`2^{127}` that the key can give, of which two mean zero.

    Examples
    --------
    >>> forgery_probability(1000, 48) < 1e-13
    True
    """
    return (2 * blocks_of(message_bits) + 1) / 2**tag_bits


def tag_bits(message_bits: int, *, eps: float) -> int:
    """Return the size of the shortest tag that a forged message passes with at most a probability `eps` [bit].

    Parameters
    ----------
    message_bits : int
        Size of the longest message that the receiver takes.
    eps : float
        Failure probability of this one message.

    Raises
    ------
    ValueError
        When eps is no probability, or so small that no tag of 127 bits does.

    Examples
    --------
    >>> tag_bits(10**6, eps=1e-10)
    48
    """
    if not 0 < eps < 1:
        raise ValueError(f"eps={eps:g} is outside (0, 1): give the probability that a forgery passes")
    if message_bits < 0:
        raise ValueError(f"message_bits={message_bits} is outside [0, inf]: give the size of the message")
    size = math.ceil(math.log2(2 * blocks_of(message_bits) + 1) - math.log2(eps))
    if size > PRIME_BITS:
        raise ValueError(
            f"eps={eps:g} for {message_bits} bits wants a tag of {size} bits, above {PRIME_BITS}: authenticate shorter "
            "messages or take a larger eps"
        )
    return size


def authentication_cost_bits(message_bits: Sequence[int], *, eps: float) -> int:
    """Return the bits of key that authenticating some messages spends: a pad for the tag of each.

    Parameters
    ----------
    message_bits : sequence of int
        Sizes of the messages. What one side says in the course of a session can go under one tag at its end, as long as
        no key is used before, so that a session costs a tag in each direction.
    eps : float
        Probability that any of them is forged, shared evenly.

    Returns
    -------
    int
        Bits to take from the key for what is called net. The 127 bits of the secret point come from the pool that the
        stations share beforehand; they are not spent.

    Raises
    ------
    ValueError
        As `tag_bits`.

    Notes
    -----
    Wegman and Carter, J. Comput. Syst. Sci. 22, 265 (1981): hash and one-time pad; that the hash stays good
    for the next message when its pad is fresh, with quantum side information too, is shown by Portmann, IEEE Trans.
    Inf. Theory 60, 4383 (2014).

    Examples
    --------
    >>> authentication_cost_bits([10**6, 10**5], eps=1e-10)
    94
    """
    sizes = list(message_bits)
    return sum(tag_bits(size, eps=eps / len(sizes)) for size in sizes)


def polynomial_hash(message: bytes, point: int) -> int:
    r"""Return the hash of a message, :math:`\sum_{i=1}^{L} m_i r^{L+1-i} \bmod 2^{127} - 1`.

    Parameters
    ----------
    message : bytes
        In blocks of 15 bytes, each with a byte 1 on top, so that no block is zero and the end of the last one is seen.
    point : int
        Secret point r, 127 random bits.

    Examples
    --------
    >>> polynomial_hash(b"a", 1)
    353
    """
    prime = (1 << PRIME_BITS) - 1
    value = 0
    for start in range(0, len(message), BLOCK_BYTES):
        block = int.from_bytes(message[start : start + BLOCK_BYTES] + b"\x01", "little")
        value = (value + block) * point % prime
    return value


def authentication_tag(message: bytes, *, point: int, pad: int, bits: int) -> int:
    r"""Return the tag of a message, hash plus pad modulo :math:`2^t`.

    Parameters
    ----------
    message : bytes
    point : int
        Secret point, for all messages.
    pad : int
        Secret pad of `bits` bits, for this message and never again.
    bits : int
        Size t of the tag, agreed on beforehand, from `tag_bits` for the longest message that is taken.

    Examples
    --------
    >>> authentication_tag(b"a", point=1, pad=2, bits=8)
    99
    """
    return (polynomial_hash(message, point) + pad) % 2**bits


def is_authentic(message: bytes, tag: int, *, point: int, pad: int, bits: int) -> bool:
    """Return whether a message carries its tag; arguments as in `authentication_tag`.

    Examples
    --------
    >>> is_authentic(b"a", 99, point=1, pad=2, bits=8), is_authentic(b"b", 99, point=1, pad=2, bits=8)
    (True, False)
    """
    expected = authentication_tag(message, point=point, pad=pad, bits=bits)
    size = -(-bits // 8)
    return 0 <= tag < 2**bits and hmac.compare_digest(expected.to_bytes(size, "little"), tag.to_bytes(size, "little"))
