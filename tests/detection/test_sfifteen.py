"""S-Fifteen's words, made here bit by bit from the vendor's usage text."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from satqkd.detection.sfifteen import LONGEST_PS, read_sfifteen, time_ps, write_sfifteen

from ..sizes import examples

RANGE = 1 << 54
TWO_PICOSECONDS = 2


def word(ticks, pattern, flag=0):
    return (ticks % RANGE) << 10 | flag << 4 | pattern


def write_words(path, words, *, swapped=False):
    values = [w >> 32 | (w & 0xFFFFFFFF) << 32 for w in words] if swapped else words
    path.write_bytes(b"".join(value.to_bytes(8, "little") for value in values))
    return path


def all_tags(path, size=1000, **options):
    notes = Counter()
    pieces = list(read_sfifteen(path, size, notes, **options))
    return *(np.concatenate([piece[i] for piece in pieces]).tolist() for i in range(3)), notes


def rounded(value):
    return int(np.floor(value + Fraction(1, 2)))


@given(st.integers(0, RANGE - 1))
def test_a_count_is_256_to_the_nanosecond(ticks):
    assert time_ps(np.array([ticks]))[0] == rounded(Fraction(ticks * 1000, 256))


@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    events=st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 15), st.booleans()), min_size=1, max_size=20),
    size=st.integers(1, 25),
    swapped=st.booleans(),
)
def test_each_input_of_a_word_is_a_tag(events, size, swapped, tmp_path):
    """Against the same word by word in plain Python; a flagged word is a dummy, whatever it names."""
    ticks = np.cumsum([step for step, *_ in events]).tolist()
    words = [word(t, pattern, flag) for t, (_, pattern, flag) in zip(ticks, events, strict=True)]
    path = write_words(tmp_path / "a.a1", words, swapped=swapped)
    expected = [
        (rounded(Fraction(t * 1000, 256)), detector, number)
        for number, (t, (_, pattern, flag)) in enumerate(zip(ticks, events, strict=True))
        for detector in range(4)
        if pattern >> detector & 1 and not flag
    ]
    *columns, notes = all_tags(path, size, swapped=swapped)
    assert list(zip(*columns, strict=True)) == expected
    patterns = [0 if flag else pattern for _, pattern, flag in events]
    assert notes["dummy_words"] == patterns.count(0)
    assert notes["words_of_several_inputs"] == sum(bin(pattern).count("1") > 1 for pattern in patterns)
    assert notes["counter_rollovers"] == 0


@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.integers(0, RANGE - 1),
    steps=st.lists(st.integers(-200, RANGE // 2 - 1), min_size=2, max_size=12),
    size=st.integers(1, 12),
)
def test_a_counter_that_rolls_over_goes_on(start, steps, size, tmp_path):
    """Also where a tag from just before comes just after: inputs have delays of their own."""
    ticks = [start + t for t in np.cumsum([200 * len(steps), *steps]).tolist()]
    path = write_words(tmp_path / "a.a1", [word(t, 1) for t in ticks])
    times, _, _, notes = all_tags(path, size)
    lost = ticks[0] // RANGE * RANGE  # rolls before the first word are nobody's
    assert times == [rounded(Fraction((t - lost) * 1000, 256)) for t in ticks]
    assert notes["counter_rollovers"] == (ticks[-1] - lost) // RANGE


def test_dummies_do_not_disturb_the_counter(tmp_path):
    path = write_words(tmp_path / "a.a1", [word(RANGE - 5, 1), word(0, 0), word(RANGE - 3, 2), word(7, 8, flag=1)])
    times, detector, record, notes = all_tags(path)
    assert (detector, record, notes["counter_rollovers"]) == ([0, 1], [0, 2], 0)


def test_a_file_that_ends_within_a_word_is_cut(tmp_path):
    path = write_words(tmp_path / "a.a1", [word(1, 1), word(2, 1)])
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ValueError, match="a.a1: ends 5 bytes into record 1: it is truncated, copy it again"):
        all_tags(path)


@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    times=st.lists(st.integers(0, LONGEST_PS - 1), min_size=1, max_size=30).map(sorted),
    cut=st.integers(0, 30),
    data=st.data(),
)
def test_written_tags_come_back_to_two_picoseconds_and_once_rounded_exactly(times, cut, data, tmp_path):
    detector = data.draw(st.lists(st.integers(0, 3), min_size=len(times), max_size=len(times)))
    first = np.array(times), np.array(detector, np.uint8)
    write_sfifteen(tmp_path / "a.a1", [tuple(c[:cut] for c in first), tuple(c[cut:] for c in first)])
    once, same_detector, _, notes = all_tags(tmp_path / "a.a1")
    assert np.abs(np.array(once) - times).max() <= TWO_PICOSECONDS
    assert same_detector == detector and notes["counter_rollovers"] == 0
    write_sfifteen(tmp_path / "b.a1", [(np.array(once), first[1])])
    assert (tmp_path / "b.a1").read_bytes() == (tmp_path / "a.a1").read_bytes()


@pytest.mark.parametrize(
    ("time", "detector", "message"),
    [
        ([1, 2], [0, 4], "detector 4 is not an input: words have inputs 0 to 3"),
        ([-1, 2], [0, 1], "times from -1 to 2 ps do not fit into"),
        ([1, LONGEST_PS], [0, 1], f"times from 1 to {LONGEST_PS} ps do not fit into \\[0, {LONGEST_PS}\\)"),
    ],
)
def test_what_a_word_cannot_hold_is_refused(time, detector, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_sfifteen(tmp_path / "a.a1", [(np.array(time), np.array(detector, np.uint8))])
