"""The two stations get the same key, the satellite's words give it to nobody else, and every bit pays once."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.key.custody.keyfile import random_secret_bits
from satqkd.key.custody.ledger import TAG_BITS, ForgedMessageError, KeyLedger, KeyReuseError
from satqkd.key.custody.relay import found_by_second, kept_by_first, relay_key, relayable_bits
from satqkd.key.postprocessing.authentication import PRIME_BITS


class Mission:
    """A satellite and two stations with a key each."""

    def __init__(self, first_bits=1500, second_bits=1200):
        self.keys = [random_secret_bits(count) for count in (first_bits, second_bits)]
        self.on_board = [KeyLedger(name, key) for name, key in zip(("xinglong", "nanshan"), self.keys, strict=True)]
        self.first, self.second = (
            KeyLedger(name, key) for name, key in zip(("xinglong", "nanshan"), self.keys, strict=True)
        )


@given(st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_both_stations_have_the_same_key(sizes):
    mission = Mission()
    for size in sizes:
        count = min(8 * size, relayable_bits(*mission.on_board))
        if not count:
            break
        announcement = relay_key(*mission.on_board, count)
        kept, found = kept_by_first(mission.first, announcement), found_by_second(mission.second, announcement)
        assert kept == found
        assert len(kept) == count
    assert [ledger.uses for ledger in mission.on_board] == [mission.first.uses, mission.second.uses]


def test_the_announcement_is_the_sum_of_the_two_keys():
    mission, start = Mission(), PRIME_BITS + TAG_BITS
    announcement = relay_key(*mission.on_board, 80)
    first, second = (key.reveal()[start : start + 80] for key in mission.keys)
    announced = np.unpackbits(np.frombuffer(announcement.to_second.content, np.uint8), bitorder="little")
    np.testing.assert_array_equal(announced, first ^ second)


def test_every_relayed_key_is_as_likely_whatever_was_announced():
    """Over all keys of the second station, one announcement goes with each key of the first once."""
    announced = 0b1011
    assert sorted(announced ^ second for second in range(16)) == list(range(16))


def test_the_account_of_the_longest_relay():
    mission = Mission(1500, 1200)
    count = relayable_bits(*mission.on_board)
    assert count == (1200 - PRIME_BITS - TAG_BITS) // 8 * 8
    relay_key(*mission.on_board, count)
    first, second = mission.on_board
    assert first.remaining == 1500 - PRIME_BITS - TAG_BITS - count
    assert second.remaining == 1200 - PRIME_BITS - TAG_BITS - count < 8
    assert [use.purpose for use in first.uses] == ["point of the authentication", "tag", "relayed"]
    assert [use.purpose for use in second.uses] == ["point of the authentication", "tag", "one-time pad"]
    assert relayable_bits(first, second) == 0


@pytest.mark.parametrize("count", [-8, 0, 7, 984])
def test_what_the_keys_do_not_pay_for_is_refused_and_costs_nothing(count):
    mission = Mission(1500, 1200)
    before = [ledger.position for ledger in mission.on_board]
    with pytest.raises(ValueError, match=rf"count={count} is not a positive multiple of 8 up to 976"):
        relay_key(*mission.on_board, count)
    assert [ledger.position for ledger in mission.on_board] == before


def test_nothing_on_board_gives_the_key_after_the_announcement():
    mission = Mission()
    relay_key(*mission.on_board, 400)
    for ledger in mission.on_board:
        assert not ledger._bits[: ledger.position].any()


def test_an_announcement_serves_once():
    mission = Mission()
    announcement = relay_key(*mission.on_board, 160)
    kept_by_first(mission.first, announcement)
    found_by_second(mission.second, announcement)
    with pytest.raises(KeyReuseError):
        kept_by_first(mission.first, announcement)
    with pytest.raises(KeyReuseError):
        found_by_second(mission.second, announcement)


def test_a_forged_announcement_gives_no_key():
    mission = Mission()
    announcement = relay_key(*mission.on_board, 160)
    longer = dataclasses.replace(announcement.to_first, content=(168).to_bytes(8, "little"))
    with pytest.raises(ForgedMessageError):
        kept_by_first(mission.first, dataclasses.replace(announcement, to_first=longer))
    turned = bytes([announcement.to_second.content[0] ^ 1]) + announcement.to_second.content[1:]
    with pytest.raises(ForgedMessageError):
        found_by_second(
            mission.second,
            dataclasses.replace(announcement, to_second=dataclasses.replace(announcement.to_second, content=turned)),
        )


def test_the_stations_talk_under_the_common_key():
    mission = Mission(4000, 4000)
    announcement = relay_key(*mission.on_board, 3200)
    here = KeyLedger("xinglong to nanshan", kept_by_first(mission.first, announcement))
    there = KeyLedger("xinglong to nanshan", found_by_second(mission.second, announcement))
    assert there.decrypt(here.encrypt(b"from Xinglong")) == b"from Xinglong"
    assert here.decrypt(there.encrypt(b"from Nanshan")) == b"from Nanshan"
    assert here.uses == there.uses
