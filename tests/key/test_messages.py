"""What is said in public: sizes by hand, and what authentication adds up to."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from satqkd.key.custody.keyfile import SecretBits
from satqkd.key.postprocessing.authentication import authentication_cost_bits
from satqkd.key.postprocessing.distillation import DistilledKey
from satqkd.key.postprocessing.messages import Message, authentication_shares, pair_messages, pulse_messages
from satqkd.key.postprocessing.verification import Reconciliation


def key(n, length, *, parities=70, tag=34, frames=1):
    """A key of a given length from n sifted bits."""
    bits = SecretBits(np.zeros(length, np.uint8))
    corrected = Reconciliation(
        np.zeros(n, np.uint8), parity_bits=parities, tag_bits=tag, errors=9, round_trips=8, verified=True, frames=frames
    )
    return DistilledKey(bits, bits, corrected)


NOT_BEGUN = DistilledKey(SecretBits([]), SecretBits([]), None)


def sizes(messages):
    return {(message.sender, message.topic): message.bits for message in messages}


def test_both_stations_announce_every_detection():
    said = sizes(
        pair_messages(
            stations=["a", "b"], detections=[1000, 500], sifted=30, tested=12, keys=[key(200, 40), key(100, 20)]
        )
    )
    assert said == {
        ("a", "detections"): 64_000,
        ("a", "settings"): 1000,
        ("b", "detections"): 32_000,
        ("b", "settings"): 500,
        ("b", "sifting"): 30 * 10,  # places in a list of a thousand
        ("a", "test outcomes"): 12,
        ("b", "test outcomes"): 12,
        ("a", "shuffle seeds"): 2 * 128,
        ("b", "parities"): 140,
        ("a", "parities"): 140,
        ("a", "verification seeds"): (200 + 33) + (100 + 33),
        ("a", "verification tags"): 68,
        ("b", "verification results"): 2 * 65,
        ("a", "amplification seeds"): (200 + 39) + (100 + 19),
    }


def test_a_transmitter_answers_for_each_detection_that_is_announced():
    said = sizes(pulse_messages(station="b", detections=1000, sifted=400, tested=60, keys=[key(200, 0), NOT_BEGUN]))
    assert said == {
        ("b", "detections"): 64_000,
        ("b", "settings"): 1000,
        ("transmitter", "intensities"): 2000,
        ("transmitter", "settings"): 1000,
        ("b", "sifting"): 4000,
        ("b", "test outcomes"): 60,
        ("transmitter", "test outcomes"): 60,
        ("transmitter", "shuffle seeds"): 128,
        ("b", "parities"): 70,
        ("transmitter", "parities"): 70,
        ("transmitter", "verification seeds"): 233,
        ("transmitter", "verification tags"): 34,
        ("b", "verification results"): 65,
        ("transmitter", "amplification seeds"): 0,
    }


def test_only_parities_and_tags_give_anything_away():
    messages = pair_messages(stations=["a", "b"], detections=[9, 9], sifted=3, tested=0, keys=[key(200, 40)])
    assert {message.topic: message.disclosed for message in messages if message.disclosed} == {
        "parities": 70,
        "verification tags": 34,
    }


def test_frames_have_a_seed_and_a_tag_each():
    one, two = (
        sizes(pair_messages(stations=["a", "b"], detections=[9, 9], sifted=3, tested=0, keys=[key(200, 0, **how)]))
        for how in ({}, {"frames": 2, "tag": 70})
    )
    assert two["a", "shuffle seeds"] == 2 * one["a", "shuffle seeds"]
    assert two["b", "verification results"] == 2 * one["b", "verification results"]
    assert two["a", "verification seeds"] == 200 + 2 * 34


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 10**12)), min_size=1, max_size=12),
    st.floats(1e-15, 0.5),
)
def test_shares_add_up_to_a_tag_in_each_direction(said, eps):
    messages = [Message("a", "first", 0), Message("b", "first", 0), *(Message(who, "more", n) for who, n in said)]
    shares = authentication_shares(messages, eps=eps)
    total = [sum(m.bits for m in messages if m.sender == who) for who in "ab"]
    assert sum(shares) == authentication_cost_bits(total, eps=eps)
    assert min(shares) >= 0 and min(shares[:2]) > 0


def test_the_detections_of_yin2020_cost_ten_bits_more_a_tag():
    """1.3e7 detections at a station, in place of 64 bits for each of 12,400 coincidences.

    By hand: 6,933,334 blocks, and log2((2 x 6,933,334 + 1) x 2 / 1e-10) = 57.9.
    """
    detections, coincidences = 1.3e7, 12_400
    (more,) = authentication_shares([Message("a", "detections", int(64 * detections))], eps=1e-10)
    (less,) = authentication_shares([Message("a", "coincidences", 64 * coincidences)], eps=1e-10)
    assert more == 58 and more - less == 10
