"""Cascade: Bob corrects his sifted bits from parities that Alice discloses, and a hash verifies that they are equal.

Both sides hold a `_Plan`, which is public: the orders in which the frame is read, and their blocks. Bob's side is
`_correct`. All that it learns about Alice's bits comes from `_disclose`, which counts each bit. A parity that follows
from disclosed ones is not asked: that of the right half of a block follows from the block and its left half, that of
the last block of a pass from the first pass, and that of the complement of a random half likewise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numba
import numpy as np
from numpy.typing import ArrayLike

from satqkd.key.postprocessing.verification import WORD, Reconciliation, checked_frame, packed, parity, verified_result

# A range of positions, from first to before last; an order and a place in it; an order and a range of its places.
_Range: TypeAlias = tuple[int, int]
_Place: TypeAlias = tuple[int, int]
_Leaf: TypeAlias = tuple[int, int, int]

_ONES = WORD(0xFFFFFFFFFFFFFFFF)
_NATURAL, _HALF = -1, -2


class _Plan(NamedTuple):
    """Orders in which both sides read the frame, which are public. A position is order * stride + place.

    Attributes
    ----------
    n, stride : int
        Bits in the frame, and positions that an order takes, a multiple of 64.
    shuffle : ndarray, shape (order,)
        Row of each order in `source` and `place`, or `_NATURAL`, or `_HALF`.
    block : ndarray, shape (order,)
        Block size of each order.
    first_order : ndarray, shape (pass + 1,)
        First order of each pass, and the number of orders; a pass of random halves has two orders.
    source, place : ndarray, shape (shuffled order, n)
        Natural index of each place in a shuffled order, and place of each natural index.
    member : ndarray of words, one order after the other
        Bits that belong to a random half.
    """

    n: int
    stride: int
    shuffle: np.ndarray
    block: np.ndarray
    first_order: np.ndarray
    source: np.ndarray
    place: np.ndarray
    member: np.ndarray


@dataclass(frozen=True)
class _Variant:
    """Block sizes of the first passes, number of passes, and whether sub-blocks are used in back-tracking."""

    first_blocks: Callable
    passes: int
    reuses_sub_blocks: bool


def _power_of_two(exponent: float) -> float:
    """Return a power of two, at least 2^exponent."""
    return 2.0 ** np.ceil(exponent)


def _original_blocks(qber: float) -> tuple[float, ...]:
    """Return the block sizes of the first passes of Brassard and Salvail."""
    first = np.ceil(0.73 / qber)
    return first, 2 * first, 4 * first, 8 * first


def _yan2008_blocks(qber: float) -> tuple[float, ...]:
    """Return the block sizes of the first passes of Yan et al."""
    first = np.ceil(0.80 / qber)
    return first, 5 * first


def _option7_blocks(qber: float) -> tuple[float, ...]:
    """Return the block sizes of the first passes of option 7."""
    first = _power_of_two(-np.log2(qber))
    return first, 4 * first


def _option8_blocks(qber: float) -> tuple[float, ...]:
    """Return the block sizes of the first passes of option 8."""
    alpha = -np.log2(qber) - 0.5
    return _power_of_two(alpha), _power_of_two((alpha + 12) / 2), 4096


VARIANTS = {
    "original": _Variant(_original_blocks, 4, False),
    "yan2008": _Variant(_yan2008_blocks, 10, False),
    "option7": _Variant(_option7_blocks, 14, True),
    "option8": _Variant(_option8_blocks, 14, True),
}


def block_sizes(variant: str, qber: float, n: int) -> tuple[int, ...]:
    """Return the block size of each pass; half of the frame, rounded up, where the variant names none.

    Parameters
    ----------
    variant : {"original", "yan2008", "option7", "option8"}
    qber : float
        Estimated error rate; less than one error in the frame counts as one.
    n : int
        Frame size [bit].

    Returns
    -------
    tuple of int

    Raises
    ------
    ValueError
        For an unknown variant.

    Notes
    -----
    See `cascade` for the sources.

    Examples
    --------
    >>> block_sizes("option7", 0.03, 10_000)[:3]
    (64, 256, 5000)
    """
    if variant not in VARIANTS:
        raise ValueError(f"variant={variant!r} is unknown: choose one of {', '.join(VARIANTS)}")
    half = (n + 1) // 2
    known = [int(min(size, half)) for size in VARIANTS[variant].first_blocks(max(qber, 1.0 / n))]
    return (*known, *[half] * (VARIANTS[variant].passes - len(known)))


def cascade(
    alice: ArrayLike,
    bob: ArrayLike,
    qber: float,
    rng: np.random.Generator,
    *,
    variant: str = "option7",
    eps_cor: float = 1e-10,
) -> Reconciliation:
    """Correct Bob's bits by Cascade and verify them.

    Parameters
    ----------
    alice, bob : array_like of 0 and 1, shape (n,)
        Sifted bits of either side; Bob's are corrected.
    qber : float
        Estimated error rate, in [0, 0.5); it sets the blocks only.
    rng : numpy.random.Generator
        Of the public choices: shuffles, random halves, the hash.
    variant : {"original", "yan2008", "option7", "option8"}
        See the notes.
    eps_cor : float
        Highest probability that unequal bits pass the verification; its tag has log2(1 / eps_cor) bits, 64 at most.

    Returns
    -------
    Reconciliation

    Raises
    ------
    ValueError
        For arrays that are not one-dimensional, of unequal length, shorter than 64, or not of 0 and 1; for qber or
        eps_cor out of range; for an unknown variant.

    Notes
    -----
    "original": Brassard and Salvail, EUROCRYPT '93, LNCS 765, 410 (1994); blocks of 0.73/qber, doubled in each of four
    passes. "yan2008": Yan et al., Fourth International Conference on Natural Computation (2008); 0.80/qber, five times
    that, then n/2 in eight passes. "option7" and "option8": blocks of powers of two, then n/2, 14 passes in all, and
    every sub-block ever asked is used in back-tracking, where the first two use whole blocks. The last three are
    compared as options 2, 7 and 8 by Martinez-Mateo, Pacher, Peev, Ciurana and Martin, Quantum Inf. Comput. 15, 453
    (2015), arXiv:1407.3257; the numbers are those of the open program cascade-cpp.

    Blocks of n/2 are a random half and its complement, each bit drawn by itself, read in the natural order: an error
    pattern is seen with probability 1/2 by each, whatever the pattern. All odd blocks are searched in parallel, but
    those halves wait until nothing else is odd, since their searches are long. The blocks of all passes
    do not depend on what Bob finds and are asked in the first message.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> alice = rng.integers(0, 2, 10_000, dtype=np.uint8)
    >>> bob = alice ^ (rng.random(10_000) < 0.03)
    >>> result = cascade(alice, bob, 0.03, rng)
    >>> result.verified, bool((result.bits == alice).all()), 1.0 < result.f_ec < 1.2
    (True, True, True)
    """
    alice, bob = checked_frame(alice, bob, qber=qber, eps_cor=eps_cor)
    plan = _plan(bob.size, block_sizes(variant, qber, bob.size), rng)
    alice_words, bob_words, account = packed(alice), packed(bob), np.zeros(2, np.int64)
    _correct(_arranged(alice_words, plan), bob_words, plan, VARIANTS[variant].reuses_sub_blocks, account)
    return verified_result(
        alice_words, bob_words, bob, eps_cor=eps_cor, parity_bits=account[0], round_trips=account[1], rng=rng
    )


def _plan(n: int, blocks: Sequence[int], rng: np.random.Generator) -> _Plan:
    """Draw the shuffles and random halves of all passes."""
    half = (n + 1) // 2
    source, place = np.empty((2, sum(size < half for size in blocks[1:]), n), np.int32)
    everyone = packed(np.ones(n, np.uint8))
    shuffle, block, first_order, row = [_NATURAL], [blocks[0]], [0, 1], 0
    member = [np.zeros_like(everyone)]
    for size in blocks[1:]:
        if size < half:
            _shuffle(rng.integers(0, 2**32, size=n, dtype=np.uint32), source[row], place[row])
            shuffle, block, row = [*shuffle, row], [*block, size], row + 1
            member.append(np.zeros_like(everyone))
        else:
            drawn = rng.integers(0, 2**64, size=everyone.size, dtype=WORD)
            shuffle, block = [*shuffle, _HALF, _HALF], [*block, n, n]
            member += [everyone & drawn, everyone & ~drawn]
        first_order.append(len(shuffle))
    return _Plan(
        n=n,
        stride=64 * everyone.size,
        shuffle=np.array(shuffle, np.int64),
        block=np.array(block, np.int64),
        first_order=np.array(first_order, np.int64),
        source=source,
        place=place,
        member=np.concatenate(member),
    )


@numba.njit(cache=True)
def _shuffle(draws: np.ndarray, source: np.ndarray, place: np.ndarray) -> None:
    """Fill a random order and its inverse from draws of 32 bits, by the method of Fisher and Yates."""
    # Fisher and Yates; an index out of i + 1 by multiplication, uneven by (i + 1) / 2^32, which cannot matter here:
    # two errors that share a block must be unlikely to share one again.
    for i in range(source.size):
        source[i] = i
    for i in range(source.size - 1, 0, -1):
        j = (WORD(draws[i]) * WORD(i + 1)) >> WORD(32)
        source[i], source[j] = source[j], source[i]
    for x in range(source.size):
        place[source[x]] = x


@numba.njit(cache=True)
def _bit(words: np.ndarray, i: int) -> np.uint64:
    """Return bit i of a packed array."""
    return (words[WORD(i) >> WORD(6)] >> (WORD(i) & WORD(63))) & WORD(1)


@numba.njit(cache=True)
def _toggle(words: np.ndarray, i: int) -> None:
    """Flip bit i of a packed array."""
    words[WORD(i) >> WORD(6)] ^= WORD(1) << (WORD(i) & WORD(63))


@numba.njit(cache=True)
def _range_parity(words: np.ndarray, low: int, high: int) -> np.uint64:
    """Return the parity of the bits from low to before high."""
    first, last = WORD(low) >> WORD(6), WORD(high - 1) >> WORD(6)
    above, below = _ONES << WORD(low & 63), _ONES >> WORD(63 - ((high - 1) & 63))
    if first == last:
        return parity(words[first] & above & below)
    folded = (words[first] & above) ^ (words[last] & below)
    for word in range(first + WORD(1), last):
        folded ^= words[word]
    return parity(folded)


@numba.njit(cache=True)
def _is_zero(words: np.ndarray, low: int, high: int) -> bool:
    """Return whether no bit from low to before high is set."""
    first, last = WORD(low) >> WORD(6), WORD(high - 1) >> WORD(6)
    above, below = _ONES << WORD(low & 63), _ONES >> WORD(63 - ((high - 1) & 63))
    if first == last:
        return words[first] & above & below == 0
    if words[first] & above or words[last] & below:
        return False
    word = first + WORD(1)
    while word < last and words[word] == 0:
        word += WORD(1)
    return word == last


@numba.njit(cache=True)
def _arrange(words: np.ndarray, plan: _Plan, order: int, out: np.ndarray) -> None:
    """Write a key, given in the natural order, in another order."""
    start = order * plan.stride // 64
    if plan.shuffle[order] == _HALF:
        for word in range(plan.stride // 64):
            out[start + word] = words[word] & plan.member[start + word]
        return
    source = plan.source[plan.shuffle[order]]
    for word in range((plan.n + 63) // 64):
        folded = WORD(0)
        for x in range(64 * word, min(64 * word + 64, plan.n)):
            folded |= _bit(words, source[x]) << WORD(x & 63)
        out[start + word] = folded


@numba.njit(cache=True)
def _with_room(words: np.ndarray, plan: _Plan) -> np.ndarray:
    """Return a key, with zeros where its other orders have their place."""
    out = np.zeros(plan.shuffle.size * plan.stride // 64, WORD)
    # Not a slice: numba would compile the words of an error for shapes that differ, which takes two seconds.
    for i in range(words.size):
        out[i] = words[i]
    return out


@numba.njit(cache=True)
def _arranged(words: np.ndarray, plan: _Plan) -> np.ndarray:
    """Return a key in all orders of the plan."""
    out = _with_room(words, plan)
    for order in range(1, plan.shuffle.size):
        _arrange(words, plan, order, out)
    return out


@numba.njit(cache=True)
def _disclose(alice: np.ndarray, questions: list[_Range], account: np.ndarray) -> np.ndarray:
    """Return, as Alice, the parities of ranges of positions, and count them: Bob learns nothing in any other way."""
    account[0] += len(questions)
    account[1] += 1
    parities = np.empty(len(questions), WORD)
    for i in range(len(questions)):
        parities[i] = _range_parity(alice, questions[i][0], questions[i][1])
    return parities


@numba.njit(cache=True)
def _leaf(split: np.ndarray, start: int, size: int, n: int, x: int) -> _Range:
    """Return the smallest block around a place whose parity is known, as places from low to before high.

    Each block halves at a fixed middle, so that one bit per place tells whether a block has been split there.
    """
    low = x // size * size
    high = min(low + size, n)
    while high - low > 1:
        middle = (low + high) >> 1
        if not _bit(split, start + middle):
            break
        if x < middle:
            high = middle
        else:
            low = middle
    return low, high


@numba.njit(cache=True)
def _leads_odd_block(odd: np.ndarray, begin: int, end: int, place: int) -> bool:
    """Return whether a block is odd as a whole, and the leaf that starts at a place is its first odd one."""
    return _range_parity(odd, begin, end) == 1 and (begin == place or _is_zero(odd, begin, place))


@numba.njit(cache=True)
def _narrow(member: np.ndarray, split: np.ndarray, odd: np.ndarray, start: int, low: int, high: int) -> _Range:
    """Halve an odd leaf of a random half until the half has bits on both sides of the middle, or one bit is left.

    A side without bits of the half is even, and nothing has to be asked.
    """
    while high - low > 1:
        middle = (low + high) >> 1
        if _is_zero(member, start + low, start + middle):
            _toggle(odd, start + low)
            _toggle(odd, start + middle)
            _toggle(split, start + middle)
            low = middle
        elif _is_zero(member, start + middle, start + high):
            _toggle(split, start + middle)
            high = middle
        else:
            break
    return low, high


@numba.njit(cache=True)
def _choose(
    waiting: list[_Leaf], split: np.ndarray, odd: np.ndarray, plan: _Plan, reuse: bool, found: list[_Place]
) -> list[_Leaf]:
    """Return the leaves to ask about in one message: all in shuffled orders, or else all of the first random half.

    Leaves that have become even or were split since they were noted are dropped; the others wait.
    """
    shuffle, block, stride, lowest = plan.shuffle, plan.block, plan.stride, plan.shuffle.size
    leaves, halves, later = [(0, 0, 0)], [(0, 0, 0)], [(0, 0, 0)]
    leaves.clear()
    halves.clear()
    later.clear()
    for order, low, high in waiting:
        start, middle = order * stride, (low + high) >> 1
        if not _bit(odd, start + low) or _bit(split, start + middle):
            continue
        begin = low // block[order] * block[order]
        if not reuse and not _leads_odd_block(
            odd, start + begin, start + min(begin + block[order], plan.n), start + low
        ):
            later.append((order, low, high))
        elif shuffle[order] == _HALF:
            halves.append((order, low, high))
            lowest = min(lowest, order)
        else:
            _toggle(split, start + middle)
            leaves.append((order, low, high))
    waiting.clear()
    waiting.extend(later)
    idle = len(leaves) == 0
    for order, low, high in halves:
        start = order * stride
        # The same leaf can be noted twice.
        if not idle or order > lowest:
            waiting.append((order, low, high))
        elif not _bit(split, start + ((low + high) >> 1)):
            low, high = _narrow(plan.member, split, odd, start, low, high)
            if high - low == 1:
                found.append((order, low))
            else:
                _toggle(split, start + ((low + high) >> 1))
                leaves.append((order, low, high))
    return leaves


@numba.njit(cache=True)
def _note_odd(leaf: _Leaf, found: list[_Place], waiting: list[_Leaf]) -> None:
    """Note an odd leaf: as a wrong bit if it holds one bit, else to be searched."""
    order, low, high = leaf
    if high - low == 1:
        found.append((order, low))
    else:
        waiting.append(leaf)


@numba.njit(cache=True)
def _flip(
    bob: np.ndarray,
    split: np.ndarray,
    odd: np.ndarray,
    plan: _Plan,
    opened: int,
    i: int,
    found: list[_Place],
    waiting: list[_Leaf],
) -> None:
    """Flip Bob's bit i in all orders that are open, and note the leaves that become odd."""
    shuffle, block, stride = plan.shuffle, plan.block, plan.stride
    for order in range(opened):
        kind, start, x = shuffle[order], order * stride, i
        if kind >= 0:
            x = np.int64(plan.place[kind, i])  # type: ignore[assignment]
        elif kind == _HALF and not _bit(plan.member, start + i):
            continue
        _toggle(bob, start + x)
        low, high = _leaf(split, start, block[order], plan.n, x)
        _toggle(odd, start + low)
        if _bit(odd, start + low):
            _note_odd((order, low, high), found, waiting)


@numba.njit(cache=True)
def _flip_all(
    bob: np.ndarray,
    split: np.ndarray,
    odd: np.ndarray,
    plan: _Plan,
    opened: int,
    found: list[_Place],
    waiting: list[_Leaf],
) -> None:
    """Flip the bits found wrong, and those that are found wrong as a consequence."""
    while len(found):
        order, x = found.pop()
        if _bit(odd, order * plan.stride + x):
            row = plan.shuffle[order]
            i = x if row < 0 else np.int64(plan.source[row, x])
            _flip(bob, split, odd, plan, opened, i, found, waiting)


@numba.njit(cache=True)
def _left_parts(leaves: list[_Leaf], stride: int) -> list[_Range]:
    """Return the left part of each leaf as a range of positions."""
    return [(order * stride + low, order * stride + ((low + high) >> 1)) for order, low, high in leaves]


@numba.njit(cache=True)
def _bisect(
    leaves: list[_Leaf],
    parities: np.ndarray,
    bob: np.ndarray,
    odd: np.ndarray,
    stride: int,
    found: list[_Place],
    waiting: list[_Leaf],
) -> None:
    """Continue with the odd part of each leaf, now that the parity of its left part is known."""
    for i in range(len(leaves)):
        order, low, high = leaves[i]
        start, middle = order * stride, (low + high) >> 1
        if parities[i] == _range_parity(bob, start + low, start + middle):
            _toggle(odd, start + low)
            _toggle(odd, start + middle)
            low = middle
        else:
            high = middle
        _note_odd((order, low, high), found, waiting)


@numba.njit(cache=True)
def _blocks(plan: _Plan) -> list[_Range]:
    """Return the positions of the blocks that have to be asked, from first to before last, pass by pass."""
    questions = [(0, 0)]
    questions.clear()
    for order in range(plan.shuffle.size):
        for low in range(0, plan.n, plan.block[order]):
            start = order * plan.stride
            questions.append((start + low, start + min(low + plan.block[order], plan.n)))
        if order > 0 and order + 1 in plan.first_order:
            questions.pop()
    return questions


@numba.njit(cache=True)
def _open(
    bob: np.ndarray,
    odd: np.ndarray,
    plan: _Plan,
    order: int,
    parities: np.ndarray,
    total: np.uint64,
    found: list[_Place],
    waiting: list[_Leaf],
) -> np.uint64:
    """Compare the blocks of one order; a block that was not asked has the error parity of all before it."""
    n, size, start = plan.n, plan.block[order], order * plan.stride
    for number in range((n + size - 1) // size):
        low, high = number * size, min(number * size + size, n)
        wrong = total
        if number < parities.size:
            wrong = parities[number] ^ _range_parity(bob, start + low, start + high)
        total ^= wrong
        if wrong:
            _toggle(odd, start + low)
            _note_odd((order, low, high), found, waiting)
    return total


@numba.njit(cache=True)
def _correct(alice: np.ndarray, key: np.ndarray, plan: _Plan, reuse: bool, account: np.ndarray) -> None:
    """Correct Bob's key in place; ``alice`` is only passed on to `_disclose`."""
    bob = _with_room(key, plan)
    split, odd = np.zeros_like(bob), np.zeros_like(bob)
    found, waiting = [(0, 0)], [(0, 0, 0)]
    found.clear()
    waiting.clear()
    parities, asked = _disclose(alice, _blocks(plan), account), 0
    for number in range(plan.first_order.size - 1):
        # Passes before are even by now, hence the frame is, and the last block of a pass follows from the others.
        total = WORD(0)
        for order in range(plan.first_order[number], plan.first_order[number + 1]):
            if order > 0:
                _arrange(bob, plan, order, bob)
            blocks = (plan.n + plan.block[order] - 1) // plan.block[order]
            known = blocks - (order > 0 and order + 1 == plan.first_order[number + 1])
            total = _open(bob, odd, plan, order, parities[asked : asked + known], total, found, waiting)
            asked += known
        while True:
            _flip_all(bob, split, odd, plan, plan.first_order[number + 1], found, waiting)
            leaves = _choose(waiting, split, odd, plan, reuse, found)
            if len(leaves):
                answers = _disclose(alice, _left_parts(leaves, plan.stride), account)
                _bisect(leaves, answers, bob, odd, plan.stride, found, waiting)
            elif len(found) == 0:
                break
    for i in range(key.size):
        key[i] = bob[i]
