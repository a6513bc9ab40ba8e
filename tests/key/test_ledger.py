"""Nothing of a key is used twice, and what goes over the open channel is neither read nor changed."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.key.custody.keyfile import SecretBits, random_secret_bits
from satqkd.key.custody.ledger import (
    TAG_BITS,
    ForgedMessageError,
    KeyExhaustedError,
    KeyLedger,
    KeyReuseError,
)

POINT_BITS = 127


def pair(count=2000):
    """The same key in two places, and its bits."""
    key = random_secret_bits(count)
    return KeyLedger("here", key), KeyLedger("there", key), key.reveal()


@given(st.lists(st.tuples(st.integers(0, 300), st.one_of(st.none(), st.integers(0, 2000))), max_size=25))
def test_no_bit_is_ever_handed_out_twice(requests):
    ledger, _, bits = pair()
    handed_out = np.zeros(bits.size, int)
    handed_out[:POINT_BITS] = 1
    for count, start in requests:
        before, wanted = ledger.position, ledger.position if start is None else start
        if wanted < before:
            with pytest.raises(KeyReuseError):
                ledger.take(count, "test", start=start)
        elif wanted + count > bits.size:
            with pytest.raises(KeyExhaustedError):
                ledger.take(count, "test", start=start)
        else:
            np.testing.assert_array_equal(
                ledger.take(count, "test", start=start).reveal(), bits[wanted : wanted + count]
            )
            handed_out[wanted : wanted + count] += 1
            before = wanted + count
        assert ledger.position == before  # a refused request takes nothing
    assert handed_out.max() <= 1
    assert [use.start for use in ledger.uses[1:]] == [use.stop for use in ledger.uses[:-1]]
    assert ledger.uses[0].start == 0
    assert ledger.remaining == bits.size - ledger.uses[-1].stop
    booked = sum(use.stop - use.start for use in ledger.uses if use.purpose != "passed over")
    assert booked == handed_out.sum()


def test_bits_that_were_taken_or_passed_over_are_erased():
    ledger = KeyLedger("a", SecretBits(np.ones(400)))
    ledger.take(10, "test", start=200)
    assert not ledger._bits[:210].any() and ledger._bits[210:].all()


def test_the_key_that_was_given_stays_as_it_is():
    key = random_secret_bits(400)
    copy = key.reveal().copy()
    KeyLedger("a", key).take(200, "test")
    np.testing.assert_array_equal(key.reveal(), copy)


def test_a_key_shorter_than_the_point_of_authentication_is_refused():
    with pytest.raises(KeyExhaustedError, match=r"short: count=127 is outside \[0, 126\]"):
        KeyLedger("short", random_secret_bits(126))


@given(st.lists(st.binary(max_size=40), max_size=5), st.booleans())
def test_messages_arrive_as_they_were(texts, both_ways):
    here, there, _ = pair(5000)
    for number, text in enumerate(texts):
        sender, receiver = (there, here) if both_ways and number % 2 else (here, there)
        assert receiver.decrypt(sender.encrypt(text)) == text
        assert receiver.verify(sender.sign(text)) == text
    assert here.uses == there.uses


def test_a_pad_is_as_long_as_its_message_and_a_tag():
    here, there, bits = pair()
    message = here.encrypt(b"0123456789")
    start = POINT_BITS + TAG_BITS
    pad = np.packbits(bits[start : start + 80], bitorder="little")
    assert message.content == bytes(np.frombuffer(b"0123456789", np.uint8) ^ pad)
    assert [use.stop - use.start for use in here.uses] == [POINT_BITS, TAG_BITS, 80]


def test_a_message_that_comes_again_is_refused():
    here, there, _ = pair()
    message = here.encrypt(b"text")
    there.decrypt(message)
    with pytest.raises(KeyReuseError, match="there: start=127 is below 255"):
        there.decrypt(message)


def test_a_lost_message_costs_its_key_and_nothing_else():
    here, there, _ = pair()
    here.encrypt(b"lost")
    assert there.decrypt(here.encrypt(b"found")) == b"found"
    assert [use.purpose for use in there.uses].count("passed over") == 1
    assert there.position == here.position


@given(st.data())
def test_whatever_is_changed_is_noticed(data):
    here, there, _ = pair()
    message = here.encrypt(b"pay one hundred")
    place = data.draw(st.integers(0, 8 * len(message.content) - 1))
    changed = bytearray(message.content)
    changed[place // 8] ^= 1 << place % 8
    forged = data.draw(
        st.sampled_from(
            [
                dataclasses.replace(message, content=bytes(changed)),
                dataclasses.replace(message, content=message.content[:-1]),
                dataclasses.replace(message, content=message.content + b"\0"),
                dataclasses.replace(message, tag=message.tag ^ 1 << place % TAG_BITS),
                dataclasses.replace(message, start=message.start + 1),
            ]
        )
    )
    with pytest.raises(ForgedMessageError, match="there: the tag of a message"):
        there.decrypt(forged)
    with pytest.raises(KeyReuseError):  # the pad is spent: no second try
        there.decrypt(message)


def test_an_open_message_is_not_taken_for_a_sealed_one():
    here, there, _ = pair()
    with pytest.raises(ForgedMessageError):
        there.decrypt(here.sign(b"open"))


def test_a_used_up_key_gives_no_message():
    here, _, _ = pair(POINT_BITS + TAG_BITS + 8)
    with pytest.raises(KeyExhaustedError, match=r"here: count=16 is outside \[0, 8\]"):
        here.encrypt(b"ab")


def test_a_ledger_shows_no_bits():
    here, _, _ = pair()
    assert repr(here).startswith("<satqkd.key.custody.ledger.KeyLedger object")
    assert "secret" not in repr(here.uses)
