"""Time tags as lines of text."""

import csv
import gzip
import io
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from satqkd.detection import text
from satqkd.detection.recordings import read_tags
from satqkd.detection.text import parse, read_csv

from ..sizes import examples

FIELD = st.one_of(
    st.integers(0, 300).map(str),
    st.integers(0, 10**19).map(str),
    st.integers(0, 300).map('"{}"'.format),
    st.sampled_from(["", " 7", "8 ", "-3", "+4", "1.5", "x", '"a,b"', '"', 'a"b', "0005", "µ"]),
)
LINE = st.tuples(st.lists(FIELD, min_size=1, max_size=4), st.sampled_from(["\n", "\r\n", "\r"]))
WHOLE = settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])


def understood(fields, places):
    """Both numbers of a line as Python's own reader of CSV takes them, or None where `parse` may leave it to numpy."""
    if max(places) >= len(fields) or any(not 0 < len(fields[place].strip(" ")) <= 18 for place in places):
        return None
    numbers = [fields[place].strip(" ") for place in places]
    if not all(number.isascii() and number.isdigit() for number in numbers) or int(numbers[1]) > 255:
        return None
    return int(numbers[0]), int(numbers[1])


@WHOLE
@given(
    lines=st.lists(LINE, max_size=6), places=st.sampled_from([(0, 1), (1, 0), (0, 2), (2, 1)]), size=st.integers(1, 8)
)
def test_lines_are_parsed_as_by_the_reader_of_csv(lines, places, size):
    content = "".join(",".join(fields) + end for fields, end in lines)
    data = np.frombuffer(content.encode(), np.uint8)
    time, detector, position, odd = parse(data, 0, size, ord(","), *places)
    rows = list(csv.reader(io.StringIO(content.replace("\r\n", "\n").replace("\r", "\n"))))
    found = list(zip(time.tolist(), detector.tolist(), strict=True))
    assert found == [understood(row, places) for row in rows[: len(found)]]
    assert odd or len(found) == min(size, len(lines))
    assert data[:position].tobytes().decode() == "".join(",".join(f) + end for f, end in lines[: len(found)])


@pytest.mark.parametrize("line", ["5,1", "0,255", '"5","1"', " 5 , 1 ", '5,1,"a,b",c'])
def test_common_lines_are_not_left_to_numpy(line):
    time, _, _, odd = parse(np.frombuffer(f"{line}\n".encode(), np.uint8), 0, 5, ord(","), 0, 1)
    assert time.size == 1 and not odd


@WHOLE
@given(
    rows=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255), st.booleans()), min_size=1, max_size=60),
    block=st.integers(1, 40),
    size=st.integers(1, 9),
)
def test_blocks_and_odd_lines_change_nothing(rows, block, size, tmp_path, monkeypatch):
    """A plus sign is a line for numpy: what both readers find is one sequence with the numbers of its lines."""
    monkeypatch.setattr(text, "BLOCK_BYTES", block)
    path = tmp_path / "a.csv"
    path.write_text("time_ps,detector\n" + "".join(f"{'+' * odd}{t},{d}\n" for t, d, odd in rows))
    pieces = list(read_csv(path, size, Counter()))
    assert [t for piece in pieces for t in piece[0].tolist()] == [t for t, *_ in rows]
    assert [d for piece in pieces for d in piece[1].tolist()] == [d for _, d, _ in rows]
    assert [n for piece in pieces for n in piece[2]] == list(range(len(rows)))


@pytest.mark.parametrize("titles", ["", "Time Tag ; Channel\n", "# quTAG\n# 1 ps\n\n", "\ufeff"])
@pytest.mark.parametrize("mark", [" ; ", ";", "\t", ",", " ", "   "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_text_of_a_qutag_has_no_named_columns(titles, mark, end, tmp_path):
    content = titles + "".join(f"{t}{mark}{d}\n" for t, d in ((10, 1), (20, 5), (35, 101)))
    content = content.replace("\n", end).encode()
    for path, packed in ((tmp_path / "a.txt", content), (tmp_path / "b.txt.gz", gzip.compress(content))):
        path.write_bytes(packed)
        tags = read_tags(path)
        assert (tags.time.values.tolist(), tags.detector.values.tolist()) == ([10, 20, 35], [1, 5, 101])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "none of its first 1 lines begins with a number: give the time in ps and the channel"),
        ("time\nchannel\n", "none of its first 3 lines begins with a number"),
        ("x\n" * 200, "none of its first 100 lines begins"),
        ("time;channel\n10;1\n20\n", "line 3 is '20': give the time in ps and the channel, both whole numbers"),
        ("10 1\n2.5 1\n", "line 2 is '2.5 1'"),
    ],
)
def test_other_text_is_refused_with_its_line(content, message, tmp_path):
    (tmp_path / "a.txt").write_text(content)
    with pytest.raises(ValueError, match=r"a\.txt: ") as error:
        read_tags(tmp_path / "a.txt")
    assert message in str(error.value)
