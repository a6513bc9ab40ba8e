"""Element sets: the same orbit from every format, and a plain sentence for every damaged file."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sgp4.io import compute_checksum

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


NUMBERS = {
    "OBJECT_NAME": "MICIUS",
    "EPOCH": "2016-12-19T13:39:33.153408",
    "MEAN_MOTION": 15.23916091,
    "ECCENTRICITY": 0.0013349,
    "INCLINATION": 97.3698,
    "RA_OF_ASC_NODE": 268.1064,
    "ARG_OF_PERICENTER": 175.8929,
    "MEAN_ANOMALY": 309.019,
    "NORAD_CAT_ID": 41731,
    "BSTAR": 1.8801e-5,
    "REV_AT_EPOCH": None,
}
KVN = """CCSDS_OMM_VERS = 3.0
COMMENT a line = of words
CREATION_DATE = 2016-12-20T00:00:00

OBJECT_NAME = MICIUS
CENTER_NAME = EARTH
REF_FRAME = TEME
TIME_SYSTEM = UTC
MEAN_ELEMENT_THEORY = SGP/SGP4
EPOCH = 2016-354T13:39:33.153408Z
MEAN_MOTION = 15.23916091 [rev/day]
ECCENTRICITY = 0.0013349
INCLINATION = 97.3698 [deg]
RA_OF_ASC_NODE = 268.1064
ARG_OF_PERICENTER = 175.8929
MEAN_ANOMALY = 309.0190
NORAD_CAT_ID = 41731
BSTAR = 0.18801E-4
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
        "csv with semicolons": f"{header}\n{row}\n".replace(",", ";"),
        "csv with quotes": "".join(f'"{line.replace(",", chr(34) + "," + chr(34))}"\n' for line in (header, row)),
        "csv of the catalogue": f"CCSDS_OMM_VERS,COMMENT,{header},PERIOD\n3.0,GENERATED VIA API,{row},94.5\n",
        "xml": XML,
        "xml in a namespace": XML.replace(
            "<ndm>", '<n:ndm xmlns:n="urn:ccsds:schema:ndmxml" xmlns="urn:other">'
        ).replace("</ndm>", "</n:ndm>"),
        "json": json.dumps([dict(zip(header.split(","), row.split(","), strict=True))]),
        "json with numbers": json.dumps(NUMBERS),
        "kvn": KVN,
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
    held = r"has no element set of norad_id=25544; it holds 2 satellites \(41731, 41765\): choose one of them"
    with pytest.raises(ValueError, match=held):
        read_elements(path, norad_id=25544)


@pytest.mark.parametrize("kind", ["json", "kvn", "csv"])
def test_several_messages_in_a_file_are_several_sets(tmp_path, kind):
    epochs = ["2016-12-19T13:39:33.5", "2016-12-20T13:39:33.5"]
    sets = [
        {name: value for name, value in NUMBERS.items() if value is not None} | {"EPOCH": epoch} for epoch in epochs
    ]
    if kind == "json":
        text = json.dumps(sets)
    elif kind == "kvn":
        lines = [[f"{name} = {value}" for name, value in ({"CCSDS_OMM_VERS": 3.0} | one).items()] for one in sets]
        text = "\n\n".join("\n".join(one) for one in lines)
    else:
        text = "\n".join([",".join(sets[0]), *(",".join(map(str, one.values())) for one in sets)])
    assert read_elements(write(tmp_path, text)).epochs.tolist() == np.array(epochs, "datetime64[ns]").tolist()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2024-10-01T12:00:00", "2024-10-01T12:00:00"),
        ("2024-10-01T12:00:00Z", "2024-10-01T12:00:00"),
        ("2024-10-01T12:00:00.000000Z", "2024-10-01T12:00:00"),
        ("2024-10-01 12:00:00", "2024-10-01T12:00:00"),
        ("2018-274T12:00:00.5", "2018-10-01T12:00:00.5"),
        ("2024-366T23:59:59.99999951Z", "2025-01-01T00:00:00"),
        ("2024-10-01T12:00:00.123456", "2024-10-01T12:00:00.123456"),
    ],
)
def test_every_way_to_write_an_epoch(tmp_path, written, meant):
    elements = read_elements(write(tmp_path, json.dumps(NUMBERS | {"EPOCH": written})))
    assert elements.epochs[0] == np.datetime64(meant)


@pytest.mark.parametrize(
    "epoch", ["2024-10-01", "2023-366T00:00:00", "2024-13-01T00:00:00", "2024-10-01T24:00:00", "x"]
)
def test_an_epoch_that_is_none_is_shown_with_how_to_write_it(tmp_path, epoch):
    with pytest.raises(ValueError, match=rf"entry 1: .* .EPOCH={epoch}.: write it as in 2018-10-01T12:00:00.5 or"):
        read_elements(write(tmp_path, json.dumps(NUMBERS | {"EPOCH": epoch})))


@pytest.mark.parametrize(
    "name",
    [
        "EPHEMERIS_TYPE",
        "REV_AT_EPOCH",
        "CLASSIFICATION_TYPE",
        "ELEMENT_SET_NO",
        "OBJECT_NAME",
        "OBJECT_ID",
        "MEAN_MOTION_DOT",
        "MEAN_MOTION_DDOT",
    ],
)
def test_what_the_standard_lets_out_may_be_missing_or_empty(tmp_path, name):
    header, row = (ORBITS / "spooqy1.csv").read_text().splitlines()
    fields = dict(zip(header.split(","), row.split(","), strict=True))
    whole = read_elements(ORBITS / "spooqy1.csv")
    for changed in (fields | {name: ""}, {key: value for key, value in fields.items() if key != name}):
        path = write(tmp_path, ",".join(changed) + "\n" + ",".join(changed.values()) + "\n")
        jd = whole.satrecs[0].jdsatepoch
        read = read_elements(path)
        np.testing.assert_array_equal(positions_m(read.satrecs[0], jd), positions_m(whole.satrecs[0], jd))


@pytest.mark.parametrize("number", [5, 41731, 339_999, 340_000, 100_000_000, 999_999_999])
def test_catalogue_numbers_of_up_to_nine_digits(tmp_path, number):
    path = write(tmp_path, json.dumps([NUMBERS | {"NORAD_CAT_ID": number}, NUMBERS | {"NORAD_CAT_ID": 4}]))
    elements = read_elements(path, norad_id=number)
    assert elements.norad_id == number and len(elements.satrecs) == 1
    with pytest.raises(ValueError, match="NORAD_CAT_ID=1e.09, outside"):
        read_elements(write(tmp_path, json.dumps(NUMBERS | {"NORAD_CAT_ID": 1_000_000_000})))


@pytest.mark.parametrize(("written", "number"), [("A0001", 100_001), ("E8493", 148_493), ("Z9999", 339_999)])
def test_numbers_with_a_letter_in_two_line_sets(tmp_path, written, number):
    lines = [line[:2] + written + line[7:68] for line in (LINE_1, LINE_2)]
    text = "\n".join(line + str(compute_checksum(line + "0")) for line in lines)
    assert read_elements(write(tmp_path, text)).norad_id == number
    assert read_elements(write(tmp_path, text), norad_id=number).norad_id == number


@pytest.mark.parametrize(
    ("name", "value", "way_out"),
    [
        ("REF_FRAME", "GCRF", "REF_FRAME=GCRF is not TEME: fetch elements made for SGP4"),
        ("TIME_SYSTEM", "TAI", "TIME_SYSTEM=TAI is not UTC"),
        ("CENTER_NAME", "MARS", "CENTER_NAME=MARS is not EARTH"),
        ("MEAN_ELEMENT_THEORY", "DSST", "MEAN_ELEMENT_THEORY=DSST is not SGP4"),
        ("EPHEMERIS_TYPE", 4, "EPHEMERIS_TYPE=4 is SGP4-XP, not SGP4"),
    ],
)
def test_elements_for_something_else_than_sgp4_are_refused(tmp_path, name, value, way_out):
    with pytest.raises(ValueError, match=f"orbit.txt, entry 1: {way_out}"):
        read_elements(write(tmp_path, json.dumps(NUMBERS | {name: value})))


def neighbours(kind):
    """A sound set of Micius beside unsound entries, of other satellites or of none."""
    lines = f"{NAME}\n{LINE_1}\n{LINE_2}\n"
    message = json.dumps(NUMBERS)
    header = ",".join(NUMBERS)
    row = ",".join(str(value or "") for value in NUMBERS.values())
    decayed = [TIANGONG_1, TIANGONG_2[:52] + "17.90000000" + TIANGONG_2[63:68]]
    decayed[1] += str(compute_checksum(decayed[1] + "0"))
    return {
        "a decayed one": f"{lines}B\n{decayed[0]}\n{decayed[1]}\n",
        "a bad checksum before": f"B\n{TIANGONG_1[:-1]}0\n{TIANGONG_2}\n{lines}",
        "a bad checksum of line 2": f"{lines}{TIANGONG_1}\n{TIANGONG_2[:-1]}0\n",
        "a line 1 alone": f"B\n{TIANGONG_1}\n{lines}",
        "a line 2 alone": f"{TIANGONG_2}\n{lines}",
        "a line 2 cut short": f"{TIANGONG_1}\n{TIANGONG_2[:40]}\n{lines}",
        "prose": f"prose\n{lines}",
        "a number nobody can read": f"{TIANGONG_1[:2]}*!{TIANGONG_1[4:]}\n{TIANGONG_2}\n{lines}",
        "a message without number": f'[{{"OBJECT_NAME": "B"}}, {message}]',
        "a message without motion": f'[{{"NORAD_CAT_ID": 7, "EPOCH": "2024-10-01T00:00:00"}}, {message}]',
        "a row too short": f"{header}\nB,2024\n{row}\n",
        "a row too long": f"{header}\n{row}\n{row},1\n".replace(f"{row},1", f"{row.replace('41731', '7')},1"),
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "a decayed one",
        "a bad checksum before",
        "a bad checksum of line 2",
        "a line 1 alone",
        "a line 2 alone",
        "a line 2 cut short",
        "prose",
        "a number nobody can read",
        "a message without number",
        "a message without motion",
        "a row too short",
        "a row too long",
    ],
)
def test_an_unsound_neighbour_is_skipped_and_said_once(tmp_path, kind):
    path = write(tmp_path, neighbours(kind))
    with pytest.warns(UserWarning) as said:
        elements = read_elements(path, norad_id=41731)
    assert elements.norad_id == 41731 and len(elements.satrecs) == 1 and elements.name in ("", NAME)
    [warning] = said
    sentence = str(warning.message)
    assert sentence.startswith(
        f"{path}: beside norad_id=41731 skipped 1 unsound of other satellites, the first: {path}"
    )
    with pytest.raises(ValueError, match="orbit.txt"):
        read_elements(path)


def test_what_is_unsound_of_another_satellite_is_not_why_one_is_missing(tmp_path):
    """The sentence names the satellites of the file, and not the fault of one that nobody asked for."""
    path = write(tmp_path, "\n".join([LINE_1, LINE_2, f"{TIANGONG_1[:-1]}x", TIANGONG_2]))
    with pytest.raises(ValueError, match=r"norad_id=25544; it holds 2 satellites \(41731, 41765\): choose") as said:
        read_elements(path, norad_id=25544)
    assert "checksum" not in str(said.value)


def test_sound_neighbours_are_passed_over_in_silence(tmp_path):
    path = write(tmp_path, "\n".join([LINE_1, LINE_2, TIANGONG_1, TIANGONG_2]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_elements(path, norad_id=41765).norad_id == 41765


def test_an_unsound_set_of_the_satellite_asked_for_is_refused(tmp_path):
    damaged = f"{LINE_1[:-1]}0\n{LINE_2}\n"
    with pytest.raises(ValueError, match="line 3: checksum 0 is not the 1"):
        read_elements(write(tmp_path, f"{LINE_1}\n{LINE_2}\n{damaged}"), norad_id=41731)


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
        ('[{"NORAD_CAT_ID": 41731}]', "entry 1: the field EPOCH is missing"),
        ('{"error": "no such user"}', "entry 1: the field NORAD_CAT_ID is missing"),
        ('[{"NORAD_CAT_ID": 41731', "is not a readable OMM in JSON"),
        ("[41731]", "is not a readable OMM in JSON .41731 is no message.: fetch it again"),
        ('[{"BSTAR": 0, "BSTAR": 1}]', "is not a readable OMM in JSON .BSTAR twice in one object.: fetch it again"),
        ("CCSDS_OMM_VERS = 2.0\n", "message 1: the field NORAD_CAT_ID is missing"),
        ("CCSDS_OMM_VERS = 2.0\nBSTAR = 0\nBSTAR = 1\n", "line 3: BSTAR stands twice in one message: leave one"),
        ("CCSDS_OMM_VERS = 2.0\nBSTAR 0\n", "line 2: BSTAR 0 is not a line of an OMM in KVN"),
        (XML[:-60], "not a readable OMM in XML"),
        (XML.replace("<data>", "<dat>").replace("</data>", "</dat>"), "not a readable OMM in XML"),
        (XML.replace("BSTAR", "BSTAER"), "message 1: the field BSTAR is missing"),
        (XML.replace(">0.0013349<", ">round<"), "message 1: a field cannot be read"),
        (XML.replace(">0.0013349<", ">1.0013349<"), "message 1: SGP4 cannot start"),
        ("OBJECT_NAME,NORAD_CAT_ID\nMICIUS,41731\n", "row 1: the field EPOCH is missing"),
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
