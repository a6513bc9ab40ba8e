"""Public messages on a link: times by hand, announcements against a code that is really written, codes compared."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.key.postprocessing.announcements import prefix_bits, rice_parameter, rice_size_bits
from satqkd.key.postprocessing.codes import CODES, corrected_by
from satqkd.key.postprocessing.exchange import exchange
from satqkd.key.postprocessing.messages import Message, correction_messages, pair_messages, pulse_messages
from satqkd.key.postprocessing.verification import Reconciliation
from satqkd.key.proofs.entropy import binary_entropy

RATES = {"satellite": 4e6, "station": 1e6}


def rice_encoded(gaps, parameter):
    """Plain definition of the code: quotient in unary, a zero, the rest as it is."""
    return "".join(
        "1" * (gap >> parameter) + "0" + (format(gap & (2**parameter - 1), f"0{parameter}b") if parameter else "")
        for gap in gaps
    )


def rice_decoded(coded, parameter):
    gaps, place = [], 0
    while place < len(coded):
        quotient = coded.index("0", place) - place
        place += quotient + 1 + parameter
        gaps.append((quotient << parameter) + int(coded[place - parameter : place] or "0", 2) * (parameter > 0))
    return gaps


@pytest.mark.parametrize("share", [0.5, 0.1, 0.003])
def test_the_size_is_that_of_a_code_which_is_written_and_read(share):
    rng = np.random.default_rng(1)
    chosen = np.flatnonzero(rng.random(200_000) < share)
    gaps = np.diff(chosen, prepend=-1) - 1
    parameter = rice_parameter(chosen.size, 200_000)
    coded = rice_encoded(gaps.tolist(), parameter)
    assert rice_decoded(coded, parameter) == gaps.tolist()
    three_sigma = 3 * np.sqrt(chosen.size) / share / 2**parameter  # of the sum of the quotients
    assert abs(len(coded) - rice_size_bits(chosen.size, 200_000)) < three_sigma


@given(st.integers(1, 10**6), st.floats(1, 1e6))
def test_no_subset_is_shorter_than_its_entropy_nor_much_longer(chosen, places_each):
    places = chosen * places_each
    entropy = float(places * binary_entropy(chosen / places))
    # Geometric gaps have the entropy of the subset. A Rice code is within half a bit a gap of it, and within one for
    # dense subsets, where no gap takes less than one bit.
    assert entropy - 1e-6 <= rice_size_bits(chosen, places) <= entropy + chosen + 1


def test_intensities_cost_their_entropy_where_shares_are_powers_of_two():
    assert prefix_bits(1000, [0.5, 0.25, 0.25]) == 1500
    assert prefix_bits(1000, [0.25, 0.25, 0.5]) == 1500


def test_more_chosen_than_places_is_refused():
    with pytest.raises(ValueError, match=r"chosen=11 is outside \[0, 10\]"):
        rice_size_bits(11, 10)


def test_times_by_hand():
    said = [
        Message("station", "detections", 200_000_000, streamed=True),
        Message("satellite", "intensities", 8_000_000, streamed=True),
        Message("station", "test outcomes", 1_000_000),
        Message("station", "parities", 500_000, rounds=10),
        Message("satellite", "parities", 500_000, rounds=10),
        Message("satellite", "amplification seeds", 2_000_000),
    ]
    times = exchange(said, rates_bit_s=RATES, delay_s=0.1, sessions_s=[60, 100])
    assert times.sending_s.tolist() == [200, 2, 1, 0.5, 0.125, 0.5]
    # The parities of the station go with its test outcomes, the seeds with the last parities.
    assert times.waiting_s.tolist() == pytest.approx([0, 0, 0.1, 0.9, 1.0, 0])
    assert times.load == pytest.approx({"station": 200 / 160, "satellite": 2 / 160})
    assert times.backlog_s == pytest.approx(0.25 * 100 + 0.1)
    assert times.after_s == pytest.approx(25.1 + 2.125 + 2.0)


def test_a_link_that_keeps_up_has_only_the_delay_of_the_last_announcement():
    said = [Message("station", "detections", 1000, streamed=True)]
    assert exchange(said, rates_bit_s=RATES, delay_s=0.2, sessions_s=[10]).after_s == pytest.approx(0.2)


@given(st.floats(1e3, 1e9), st.floats(1e3, 1e9), st.floats(0, 1), st.floats(1.01, 100))
def test_a_faster_link_never_takes_longer(down, up, delay, factor):
    said = pulse_messages(station="station", detections=10**5, sifted=10**4, tested=10**3, keys=[])
    said = [Message("satellite" if one.sender == "transmitter" else "station", one.topic, one.bits) for one in said]
    slow = exchange(said, rates_bit_s={"satellite": down, "station": up}, delay_s=delay, sessions_s=[100])
    fast = exchange(said, rates_bit_s={"satellite": down * factor, "station": up}, delay_s=delay, sessions_s=[100])
    assert fast.after_s <= slow.after_s


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rates_bit_s": {"satellite": 0.0, "station": 1e6}}, "not all above 0"),
        ({"delay_s": -1.0}, "below 0"),
        ({"sessions_s": []}, "no duration"),
    ],
)
def test_a_link_that_cannot_be_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        exchange([], **{"rates_bit_s": RATES, "delay_s": 0.0, "sessions_s": [1]} | change)


def test_compressed_announcements_say_as_much_in_less():
    sizes = {}
    for name in ("plain", "compressed"):
        said = pulse_messages(
            station="b",
            detections=1000,
            sifted=500,
            tested=60,
            keys=[],
            slots=1e6,
            shares=[0.5, 0.25, 0.25],
            announcements=name,
        )
        sizes[name] = {(one.sender, one.topic): one.bits for one in said}
    assert sizes["plain"]["b", "detections"] == 64_000
    assert sizes["compressed"]["b", "detections"] == rice_size_bits(1000, 1e6)
    assert sizes["compressed"]["transmitter", "intensities"] == 1500
    assert sizes["compressed"]["b", "sifting"] == 1000  # half of them are chosen: a bit for each
    assert sizes["compressed"]["b", "settings"] == sizes["plain"]["b", "settings"]


def test_unknown_announcements_list_the_known_ones():
    with pytest.raises(ValueError, match="'short' is unknown: choose one of plain, compressed"):
        pair_messages(stations=["a", "b"], detections=[9, 9], sifted=3, tested=0, keys=[], announcements="short")


def test_bases_are_corrected_in_parallel():
    done = [
        Reconciliation(
            np.zeros(100, np.uint8), parity_bits=bits, tag_bits=30, errors=1, round_trips=trips, verified=True
        )
        for bits, trips in [(50, 8), (70, 21)]
    ]
    parities = [one for one in correction_messages("a", "b", done) if one.topic == "parities"]
    assert [(one.bits, one.rounds) for one in parities] == [(120, 20), (120, 20)]


@pytest.mark.parametrize("code", CODES)
def test_every_code_corrects_both_bases_and_leaves_an_empty_one_out(code):
    rng = np.random.default_rng(7)
    alice = rng.integers(0, 2, 5000, dtype=np.uint8)
    bob = alice ^ (rng.random(5000) < 0.02)
    done = corrected_by(code, [(alice, bob), (alice[:10], bob[:10])], eps_cor=1e-10, rng=rng)
    assert len(done) == 1
    assert done[0].verified
    assert (done[0].bits == alice).all()


def test_winnow_waits_least_and_discloses_most():
    rng = np.random.default_rng(7)
    alice = rng.integers(0, 2, 50_000, dtype=np.uint8)
    pair = (alice, alice ^ (rng.random(50_000) < 0.02))
    done = {code: corrected_by(code, [pair], eps_cor=1e-10, rng=rng)[0] for code in CODES}
    assert min(done, key=lambda code: done[code].round_trips) == "winnow"
    assert max(done, key=lambda code: done[code].parity_bits) == "winnow"


def test_an_unknown_code_lists_the_known_ones():
    with pytest.raises(ValueError, match="choose one of cascade original"):
        corrected_by("hamming", [], eps_cor=1e-10, rng=np.random.default_rng(1))
