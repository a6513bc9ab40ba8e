"""Tags against the polynomial written out, and the promised bound against every key of a small field."""

from collections import Counter
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.key.postprocessing import authentication
from satqkd.key.postprocessing.authentication import (
    authentication_cost_bits,
    authentication_tag,
    forgery_probability,
    is_authentic,
    polynomial_hash,
    tag_bits,
)

POINT = st.integers(0, 2**127 - 1)


@given(st.binary(max_size=100), POINT)
def test_hash_is_the_polynomial(message, point):
    blocks = [message[i : i + 15] for i in range(0, len(message), 15)]
    terms = [sum(byte * 256**place for place, byte in enumerate(block)) + 256 ** len(block) for block in blocks]
    expected = sum(term * point ** (len(blocks) - i) for i, term in enumerate(terms)) % (2**127 - 1)
    assert polynomial_hash(message, point) == expected
    assert authentication.blocks_of(8 * len(message)) == len(blocks)


@given(st.binary(max_size=50), POINT, st.integers(1, 127), st.data())
def test_the_tag_of_a_message_is_taken_and_no_other(message, point, bits, data):
    pad = data.draw(st.integers(0, 2**bits - 1))
    tag = authentication_tag(message, point=point, pad=pad, bits=bits)
    assert is_authentic(message, tag, point=point, pad=pad, bits=bits)
    for other in (tag ^ 1 << data.draw(st.integers(0, bits - 1)), tag + 2**bits, tag - 2**bits):
        assert not is_authentic(message, other, point=point, pad=pad, bits=bits)


@pytest.mark.parametrize("tag_size", [1, 4, 7, 11, 13])
def test_no_difference_of_tags_is_likelier_than_promised(monkeypatch, tag_size):
    """Every key of the field of 2^13 - 1 elements, with blocks of a byte: short ones and long ones, zeros in front."""
    monkeypatch.setattr(authentication, "PRIME_BITS", 13)
    monkeypatch.setattr(authentication, "BLOCK_BYTES", 1)
    messages = [b"", b"\0", b"\1", b"\0\0", b"\0\xff", b"\xa5\x5a\xc3", b"\x00\x00\x01", b"\xff\xff\xff"]
    hashes = {m: [polynomial_hash(m, point) % 2**tag_size for point in range(2**13)] for m in messages}
    worst = 0
    for true, forged in product(messages, messages):
        if true == forged:
            continue
        differences = Counter((a - b) % 2**tag_size for a, b in zip(hashes[true], hashes[forged], strict=True))
        promised = forgery_probability(8 * max(len(true), len(forged)), tag_size)
        assert max(differences.values()) / 2**13 <= promised
        worst = max(worst, max(differences.values()) / 2**13 / min(promised, 1))
    assert worst > 0.2  # the bound is no larger than it has to be, within a factor


def test_the_pad_hides_the_hash():
    tags = {authentication_tag(b"the same message", point=12345, pad=pad, bits=8) for pad in range(256)}
    assert tags == set(range(256))


@given(st.integers(0, 10**10), st.floats(1e-18, 0.9))
def test_the_tag_is_the_shortest_that_keeps_the_probability(message_bits, eps):
    size, rounding = tag_bits(message_bits, eps=eps), 1 + 1e-12
    assert forgery_probability(message_bits, size) <= eps * rounding
    assert size == 0 or forgery_probability(message_bits, size - 1) > eps / rounding


def test_cost_is_a_tag_for_each_message():
    assert authentication_cost_bits([], eps=1e-10) == 0
    assert authentication_cost_bits([10**6], eps=1e-10) == 48  # 8334 blocks: log2(16669 x 10^10) = 47.24
    assert authentication_cost_bits([10**6, 10**6], eps=1e-10) == 2 * 49
    assert authentication_cost_bits(iter([10**6, 0]), eps=1e-10) == 49 + 35


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=20), st.floats(1e-15, 0.5))
def test_all_messages_together_are_forged_no_more_often_than_asked_for(sizes, eps):
    each = [tag_bits(size, eps=eps / len(sizes)) for size in sizes]
    assert authentication_cost_bits(sizes, eps=eps) == sum(each)
    assert sum(map(forgery_probability, sizes, each)) <= eps * (1 + 1e-12)


@pytest.mark.parametrize(
    ("message_bits", "eps", "message"),
    [
        (100, 0.0, r"eps=0 is outside \(0, 1\)"),
        (100, 1.0, r"eps=1 is outside \(0, 1\)"),
        (100, float("nan"), r"eps=nan is outside"),
        (-1, 1e-9, r"message_bits=-1 is outside \[0, inf\]"),
        (10**9, 1e-35, r"requires a tag of 141 bits, above 127"),
    ],
)
def test_what_no_tag_does_is_refused(message_bits, eps, message):
    with pytest.raises(ValueError, match=message):
        tag_bits(message_bits, eps=eps)
