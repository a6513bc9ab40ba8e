"""Element sets: the same orbit from every format, and a plain sentence for every damaged file."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.orbit.elements import nearest, read_elements

ORBITS = Path(__file__).parents[2] / "data" / "orbits"
NAME = "MICIUS"
LINE_1 = "1 41731U 16051A   16354.56913372  .00000384  00000-0  18801-4 0  9991"
LINE_2 = "2 41731  97.3698 268.1064 0013349 175.8929 309.0190 15.23916091 19164"
PLUS_1 = "1 41731U 16051A   17006.68497257 +.00000740 +00000-0 +33450-4 0  9991"
PLUS_2 = "2 41731 097.3698 285.9130 0014981 115.0762 332.3276 15.23943888021924"
FLOAT_EPOCH_1 = "1 41731U 16051A   17051.85873793  .00000749  00000-0  33815-4 0  9997"
FLOAT_EPOCH_2 = "2 41731  97.3698 330.3197 0012943 327.1176 118.2987 15.24004245 28803"
TIANGONG_1 = "1 41765U 16057A   17102.85212523  .00007377  00000-0  90494-4 0  9995"
TIANGONG_2 = "2 41765  42.7850  24.2484 0006389 237.0647 228.6739 15.60787293 32774"

XML = """<?xml version="1.0" encoding="UTF-8"?>
<ndm><omm id="CCSDS_OMM_VERS" version="2.0"><body><segment>
<metadata><OBJECT_NAME>MICIUS</OBJECT_NAME><OBJECT_ID>2016-051A</OBJECT_ID></metadata>
<data><meanElements><EPOCH>2016-12-19T13:39:33.153408</EPOCH><MEAN_MOTION>15.23916091</MEAN_MOTION>
<ECCENTRICITY>0.0013349</ECCENTRICITY><INCLINATION>97.3698</INCLINATION><RA_OF_ASC_NODE>268.1064</RA_OF_ASC_NODE>
<ARG_OF_PERICENTER>175.8929</ARG_OF_PERICENTER><MEAN_ANOMALY>309.0190</MEAN_ANOMALY></meanElements>
<tleParameters><EPHEMERIS_TYPE>0</EPHEMERIS_TYPE><CLASSIFICATION_TYPE>U</CLASSIFICATION_TYPE>
<NORAD_CAT_ID>41731</NORAD_CAT_ID><ELEMENT_SET_NO>999</ELEMENT_SET_NO><REV_AT_EPOCH>1916</REV_AT_EPOCH>
<BSTAR>0.000018801</BSTAR><MEAN_MOTION_DOT>0.00000384</MEAN_MOTION_DOT><MEAN_MOTION_DDOT>0</MEAN_MOTION_DDOT>
</tleParameters></data></segment></body></omm></ndm>
"""


def write(folder, text, name="orbit.txt"):
    path = folder / name
    path.write_text(text)
    return path


def positions_m(satrec, epoch_jd):
    """Positions over sixty days, [m]."""
    days = np.linspace(-30.0, 30.0, 500)
    error, position_km, _ = satrec.sgp4_array(np.full(days.shape, epoch_jd), days)
    assert not error.any()
    return 1e3 * position_km


@pytest.mark.parametrize(
    ("file", "lines"),
    [
        ("micius.csv", (LINE_1, LINE_2)),
        ("micius.csv", (PLUS_1, PLUS_2)),
        ("micius.csv", (FLOAT_EPOCH_1, FLOAT_EPOCH_2)),
        ("tiangong2.csv", (TIANGONG_1, TIANGONG_2)),
    ],
)
def test_converted_message_gives_the_positions_of_the_two_line_set(tmp_path, file, lines):
    original = read_elements(write(tmp_path, "\n".join(lines)))
    converted = read_elements(ORBITS / file)
    index = int(nearest(converted, original.epochs)[0])
    assert converted.epochs[index] == original.epochs[0]
    one_millimetre = 1e-3
    a, b = (
        positions_m(satrec, original.satrecs[0].jdsatepoch)
        for satrec in (original.satrecs[0], converted.satrecs[index])
    )
    assert np.abs(a - b).max() < one_millimetre


def test_all_formats_agree(tmp_path):
    csv_lines = (ORBITS / "micius.csv").read_text().splitlines()
    header, row = csv_lines[0], next(line for line in csv_lines if "2016-12-19" in line)
    texts = {
        "two lines": f"{LINE_1}\n{LINE_2}\n",
        "with name": f"{NAME}\n{LINE_1}\n{LINE_2}\n",
        "3LE, windows": f"\n0 {NAME}\r\n{LINE_1}\r\n{LINE_2}\r\n\r\n",
        "csv": f"{header}\n{row}\n",
        "xml": XML,
    }
    read = {kind: read_elements(write(tmp_path, text)) for kind, text in texts.items()}
    reference = read["two lines"]
    for kind, elements in read.items():
        assert elements.norad_id == 41731
        assert elements.name == ("" if kind == "two lines" else NAME)
        np.testing.assert_array_equal(elements.epochs, reference.epochs)
        jd = reference.satrecs[0].jdsatepoch
        np.testing.assert_allclose(
            positions_m(elements.satrecs[0], jd), positions_m(reference.satrecs[0], jd), atol=1e-3
        )


def test_sets_are_sorted_and_a_repeated_epoch_counts_once(tmp_path):
    text = "\n".join([NAME, PLUS_1, PLUS_2, NAME, LINE_1, LINE_2, NAME, PLUS_1, PLUS_2])
    elements = read_elements(write(tmp_path, text))
    expected = np.array(["2016-12-19T13:39:33.153408", "2017-01-06T16:26:21.630048"], dtype="datetime64[ns]")
    np.testing.assert_array_equal(elements.epochs, expected)
    assert [satrec.revnum for satrec in elements.satrecs] == [1916, 2192]


def test_norad_id_picks_one_of_several_satellites(tmp_path):
    path = write(tmp_path, "\n".join([NAME, LINE_1, LINE_2, "TIANGONG-2", TIANGONG_1, TIANGONG_2]))
    assert read_elements(path, norad_id=41765).name == "TIANGONG-2"
    assert read_elements(path, norad_id=41731).name == NAME
    with pytest.raises(ValueError, match=r"orbit\.txt holds 2 satellites \(41731, 41765\): choose one by norad_id"):
        read_elements(path)
    with pytest.raises(ValueError, match=r"orbit\.txt has no element set of norad_id=25544"):
        read_elements(path, norad_id=25544)


def test_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match="nowhere.csv does not exist: give the path"):
        read_elements("nowhere.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "orbit.txt has no element set"),
        ("\n \n", "orbit.txt has no element set"),
        (f"{NAME}\n", "orbit.txt has no element set"),
        ("some\nprose\n", "line 2: neither OMM nor two-line set"),
        (f"{NAME}\n{LINE_1[:-1]}7\n{LINE_2}\n", "line 2: checksum 7 is not the 1 that its digits give"),
        (f"{NAME}\n{LINE_1}\n{LINE_2[:-1]}0\n", "line 3: checksum 0 is not the 4 that its digits give"),
        (f"{NAME}\n{LINE_1}\n", "line 2: line 1 of an element set without its line 2"),
        (f"{NAME}\n{LINE_1}\n{LINE_2[:40]}\n", "line 3: expected line 2 of an element set with 69 characters"),
        (f"{NAME}\n{LINE_2}\n", "line 2: line 2 of an element set without its line 1"),
        (f"{LINE_1}\n{TIANGONG_2}\n", "line 2: catalogue number 41765 follows 41731"),
        ('[{"NORAD_CAT_ID": 41731}]', "is an OMM in JSON or KVN, which is not read"),
        ("CCSDS_OMM_VERS = 2.0\n", "is an OMM in JSON or KVN, which is not read"),
        (XML[:-60], "not a readable OMM in XML"),
        (XML.replace("<data>", "<dat>").replace("</data>", "</dat>"), "not a readable OMM in XML"),
        (XML.replace("BSTAR", "BSTAER"), "message 1: the field BSTAR is missing"),
        (XML.replace(">0.0013349<", ">round<"), "message 1: a field cannot be read"),
        (XML.replace(">0.0013349<", ">1.0013349<"), "message 1: SGP4 cannot start"),
        ("OBJECT_NAME,NORAD_CAT_ID\nMICIUS,41731\n", "row 1: the field CLASSIFICATION_TYPE is missing"),
        ("OBJECT_NAME,NORAD_CAT_ID\n", "orbit.txt has no element set"),
    ],
)
def test_bad_file_is_refused_with_the_place(tmp_path, text, message):
    with pytest.raises(ValueError, match=message) as refusal:
        read_elements(write(tmp_path, text))
    assert "orbit.txt" in str(refusal.value)


@given(place=st.integers(0, 67), digit=st.sampled_from("0123456789"), second=st.booleans())
def test_no_changed_digit_slips_through(tmp_path_factory, place, digit, second):
    lines = [LINE_1, LINE_2]
    line = lines[second]
    changed = line[:place] + digit + line[place + 1 :]
    if not line[place].isdigit() or changed == line:
        return
    lines[second] = changed
    path = write(tmp_path_factory.mktemp("damaged"), "\n".join(lines))
    with pytest.raises(ValueError):
        read_elements(path)


@given(hours=st.lists(st.integers(-20_000, 60_000), min_size=1))
def test_nearest_is_nearest(hours):
    elements = read_elements(ORBITS / "micius.csv")
    times = np.datetime64("2016-12-19", "ns") + np.array(hours, dtype="timedelta64[h]")
    distance = np.abs(elements.epochs[None, :] - times[:, None])
    chosen = distance[np.arange(len(times)), nearest(elements, times)]
    np.testing.assert_array_equal(chosen, distance.min(axis=1))
