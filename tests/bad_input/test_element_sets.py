"""Element sets of another time, of no orbit, and damaged ones, in each format: one sentence before any work."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sgp4.io import compute_checksum

from satqkd.orbit import propagate, read_elements
from satqkd.orbit.elements import BOUNDS
from satqkd.orbit.formats import LARGEST_FILE_BYTES, OPTIONAL
from satqkd.scenario import ScenarioError
from satqkd.workflow.check import check

from ..sizes import examples

DATA = Path(__file__).parents[2] / "data"
ROWS = (DATA / "orbits/micius.csv").read_text().splitlines()
NAMES = ROWS[0].split(",")
TREE = yaml.load((DATA / "scenarios/yin2020.yaml").read_text(), yaml.CSafeLoader)
# The set that the sessions of yin2020, in October 2018, are computed from.
ROW = dict(zip(NAMES, next(row for row in ROWS if "2018-09-15T" in row).split(","), strict=True))
LINE_1 = "1 41731U 16051A   18258.22623667  .00000384  00000-0  18801-4 0  9991"
LINE_2 = "2 41731  97.3698 268.1064 0013349 175.8929 309.0190 15.23916091 19164"
# Where a two-line set holds what an OMM calls so, and how it is written there.
PLACES = {
    "INCLINATION": (2, 8, "{:8.4f}"),
    "RA_OF_ASC_NODE": (2, 17, "{:8.4f}"),
    "ARG_OF_PERICENTER": (2, 34, "{:8.4f}"),
    "MEAN_ANOMALY": (2, 43, "{:8.4f}"),
    "MEAN_MOTION": (2, 52, "{:11.8f}"),
}


def csv(*changes):
    """An OMM of one row, or of several."""
    return "\n".join([",".join(NAMES), *(",".join((ROW | change).values()) for change in changes or ({},))]) + "\n"


def two_lines(*changes):
    """A two-line set with texts put in at (line, column from 0), its checksums right."""
    lines = [LINE_1, LINE_2]
    for line, place, text in changes:
        whole = lines[line - 1]
        lines[line - 1] = whole[:place] + text + whole[place + len(text) :]
    return "\n".join(line[:68] + str(compute_checksum(line[:68] + "0")) for line in lines) + "\n"


@pytest.fixture
def asked(tmp_path, refusal):
    """What `check` says to yin2020 with these element sets."""
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "orbits").mkdir()
    scenario, elements = tmp_path / "scenarios/yin2020.yaml", tmp_path / "orbits/micius.csv"

    def asked(content, **orbit):
        scenario.write_text(yaml.dump(TREE | {"orbit": TREE["orbit"] | orbit}, Dumper=yaml.CSafeDumper))
        elements.write_bytes(content if isinstance(content, bytes) else content.encode())
        sentence = refusal(check, scenario, ScenarioError)
        assert sentence.startswith(f"{scenario}: orbit.elements=micius.csv: ") and sentence.isprintable()
        return sentence.removeprefix(f"{scenario}: ")

    yield asked
    assert {path.name for path in tmp_path.rglob("*")} <= {"scenarios", "orbits", "yin2020.yaml", "micius.csv"}


def test_the_sound_sets_are_sound(tmp_path):
    for number, text in enumerate((csv(), two_lines())):
        (tmp_path / f"{number}.txt").write_text(text)
        assert len(read_elements(tmp_path / f"{number}.txt").satrecs) == 1


@pytest.mark.parametrize("year", ["1990", "2008", "2015", "2020", "2028", "2056"])
@pytest.mark.parametrize("kind", [csv, two_lines])
def test_epochs_years_away_from_the_pass(asked, kind, year):
    """File, epoch, day of the pass, bound and way out."""
    change = {"EPOCH": f"{year}-09-15T05:25:46.000000"} if kind is csv else (1, 18, f"{year[2:]}258.22623667")
    sentence = asked(kind(change))
    assert re.search(
        rf"micius\.csv: 2018-1\d-\d\dT\S+ lies \d+\.\d days from the nearest element set of .*\(epoch {year}-09-1",
        sentence,
    )
    assert "more than max_age_days=60: add a nearer element set" in sentence


@pytest.mark.parametrize(
    "days", [("1957-10-05", "2199-12-01"), ("2018-10-01", "2199-12-01"), ("2018-11-01", "2018-12-01")]
)
def test_searches_beyond_the_sets_are_refused_before_they_begin(asked, days, monkeypatch):
    """Two hundred years at a position every two minutes would take gigabytes."""
    monkeypatch.setattr(
        sys.modules["satqkd.orbit.propagation"], "propagate", lambda *_, **__: pytest.fail("positions were computed")
    )
    sentence = asked(csv(), search_start=f"{days[0]}T00:00:00Z", search_end=f"{days[1]}T00:00:00Z")
    assert "more than max_age_days=60" in sentence


def test_a_satellite_that_never_sets_wants_a_day_of_its_own(asked):
    """Forty days of tenths of a second took 35 s."""
    change = {"MEAN_MOTION": "1.0027", "ECCENTRICITY": "0.0002", "INCLINATION": "0.05", "BSTAR": "0"}
    change |= {"MEAN_MOTION_DOT": "0", "RA_OF_ASC_NODE": "20", "ARG_OF_PERICENTER": "0", "MEAN_ANOMALY": "150"}
    days = {"search_start": "2018-09-20T00:00:00Z", "search_end": "2018-10-30T00:00:00Z", "min_elevation_deg": 15}
    sentence = asked(csv(change), **days)
    assert "the satellite is in view for 40.0 days on end, more than 1: let search_end follow search_start" in sentence


def test_a_gap_between_sets_is_as_bad_as_their_end(asked):
    sentence = asked(csv({}, {"EPOCH": "2019-09-15T05:25:46.0"}), search_end="2019-09-14T00:00:00Z")
    assert "2019-03-16T17:25:46 lies 182.5 days" in sentence


@pytest.mark.parametrize("epoch", ["9999-12-31", "0001-01-01", "1956-01-01", "2200-01-02"])
def test_epochs_of_no_satellite(asked, epoch):
    """In 64 bits of nanoseconds they would come round to another century."""
    assert "EPOCH is outside the years 1957 to 2199" in asked(csv({"EPOCH": f"{epoch}T00:00:00.000000"}))


NO_NUMBERS = ["", "nan", "inf", "-inf", "1e400", "abc", "9" * 5000, "1e308", "--1", "0x10", "None"]


@pytest.mark.parametrize("name", BOUNDS)
def test_every_number_of_a_message_is_a_number_within_its_bounds(asked, name):
    for value in NO_NUMBERS:
        if value or name not in OPTIONAL:
            assert name in asked(csv({name: value})), value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MEAN_MOTION", 0.0),
        ("MEAN_MOTION", 18.5),
        ("INCLINATION", 200),
        ("RA_OF_ASC_NODE", 968.1),
        ("ARG_OF_PERICENTER", 400),
        ("MEAN_ANOMALY", 999),
    ],
)
@pytest.mark.parametrize("kind", [csv, two_lines])
def test_values_that_no_orbit_has(asked, kind, name, value):
    line, column, form = PLACES[name]
    sentence = asked(csv({name: str(value)}) if kind is csv else two_lines((line, column, form.format(value))))
    low, high = BOUNDS[name]
    assert f"{name}={value:.6g}, outside [{low:g}, {high:g}]" in sentence


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        (csv, {"ECCENTRICITY": "0.2"}, "the perigee lies at -885 km, below 100 km"),
        (two_lines, (2, 26, "0700000"), "the perigee lies at "),
        (csv, {"MEAN_MOTION": "16.65"}, "the perigee lies at "),
        (csv, {"ECCENTRICITY": "-0.01"}, "ECCENTRICITY=-0.01, outside [0, 0.999]"),
        (csv, {"ECCENTRICITY": "0.99"}, "SGP4 cannot start"),
        (csv, {"MEAN_MOTION": "17.5"}, "has decayed"),
        (two_lines, (2, 52, "17.50000000"), "has decayed"),
        (csv, {"MEAN_MOTION": "16.42", "BSTAR": "0.01"}, "has decayed"),
        (csv, {"BSTAR": "0.1"}, "has decayed"),
        (two_lines, (1, 53, " 10000-0"), "has decayed"),
        (csv, {"BSTAR": "-1"}, "BSTAR=-1 is no satellite's drag"),
        (two_lines, (1, 53, "-10000+1"), "BSTAR=-1 is no satellite's drag"),
    ],
)
def test_orbits_that_have_decayed_or_never_were(asked, kind, change, said):
    assert said in asked(kind(change))


@pytest.mark.parametrize(
    ("line", "column", "text"),
    [
        (1, 2, "x1731"),
        (1, 2, "     "),
        (1, 18, "18999.22623667"),
        (1, 18, "18abc.22623667"),
        (1, 18, "              "),
        (1, 33, "nan        "[:10]),
        (1, 53, " 99999+9"),
        (1, 53, "        "),
        (1, 53, " 18x01-4"),
        (2, 8, " xx.3698"),
        (2, 8, "        "),
        (2, 17, "268 1064"),
        (2, 25, "12345678"),
        (2, 26, "       "),
        (2, 26, "nan    "),
        (2, 26, "00-3349"),
        (2, 42, "9309.0190"),
        (2, 52, "        nan"),
        (2, 52, "           "),
        (2, 63, "     "),
        (2, 8, " 9\u0667.3698"),
    ],
)
def test_fields_of_two_lines_that_are_no_numbers(asked, line, column, text):
    """With the right checksum, which does not see letters; SGP4's own reader makes other numbers of most of them."""
    assert re.search(rf"line {line}|line 1|SGP4 cannot start|catalogue number", asked(two_lines((line, column, text))))


@settings(max_examples=examples(300), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 2),
    st.integers(2, 67),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=6),
)
def test_a_two_line_set_is_refused_or_means_what_stands_there(tmp_path, line, place, text):
    path = tmp_path / "a.txt"
    path.write_text(two_lines((line, place, text[: 68 - place])))
    first, second = path.read_text().splitlines()
    try:
        elements = read_elements(path)
    except ValueError as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error)
        return
    (satrec,) = elements.satrecs
    angles = np.degrees([satrec.inclo, satrec.nodeo, satrec.argpo, satrec.mo])
    np.testing.assert_allclose(angles, [float(second[i : i + 8]) for i in (8, 17, 34, 43)], atol=1e-9)
    assert satrec.ecco == pytest.approx(int(second[26:33].replace(" ", "0")) * 1e-7)
    assert satrec.no_kozai * 720 / np.pi == pytest.approx(float(second[52:63]))
    assert satrec.bstar == pytest.approx(float(f"{first[53:59]}e{first[59:61]}") * 1e-5)
    midnight = np.datetime64(f"{1900 + int(first[18:20]) + 100 * (int(first[18:20]) < 57)}-01-01", "ns")
    days = float(first[20:32].replace(" ", "0")) - 1
    assert abs(elements.epochs[0] - midnight - np.timedelta64(round(days * 86400e6), "us")) < np.timedelta64(2, "us")


FILES = {
    "two satellites": csv({}, {"NORAD_CAT_ID": "41765"}),
    "a whole catalogue": csv(*({"NORAD_CAT_ID": str(number)} for number in range(1, 2000))),
    "two satellites in lines": two_lines() + two_lines((1, 2, "41765"), (2, 2, "41765")),
    "lines of two satellites": two_lines((2, 2, "41765")),
    "a column twice": csv().replace("EPHEMERIS_TYPE", "MEAN_MOTION"),
    "a row too short": csv() + ",".join(list(ROW.values())[:5]) + "\n",
    "the header again": csv() + csv(),
    "a field without end": csv({"OBJECT_NAME": "x" * 200_000}),
    "a quote without end": csv({"OBJECT_NAME": '"MICIUS'}),
    "UTF-16": csv().encode("utf-16"),
    "random bytes": np.random.default_rng(3).bytes(10_000),
    "one long line": b"x" * 20_000_000,
    "many lines": b"x y z\n" * 2_000_000,
    "entities that explode": "<!DOCTYPE a [<!ENTITY b 'bbbb'><!ENTITY c '&b;&b;'>]><ndm>&c;</ndm>",
    "an entity of another file": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><ndm>&x;</ndm>',
    "a page of the web": "<!DOCTYPE html><html><body><p>404 not found</body></html>",
    "an unknown encoding": '<?xml version="1.0" encoding="nonsense"?><ndm></ndm>',
    "deep XML": "<a>" * 100_000,
    "XML of nothing": "<ndm></ndm>",
}


@pytest.mark.parametrize("case", ["two satellites", "two satellites in lines", "a whole catalogue"])
def test_a_file_of_several_satellites_names_the_key_that_chooses(asked, case):
    sentence = asked(FILES[case])
    assert "choose one by norad_id, which is orbit.norad_id in a scenario, or take out the others" in sentence
    without = asked(FILES[case], norad_id=25544)
    assert "has no element set of norad_id=25544: leave norad_id out or give another file" in without


@pytest.mark.parametrize("case", ["one long line", "many lines", "random bytes", "a page of the web", "deep XML"])
def test_files_that_are_no_sets_of_the_satellite_asked_for(asked, case):
    asked(FILES[case], norad_id=41731)


@pytest.mark.parametrize("case", FILES)
def test_files_that_are_no_sets_of_one_satellite(asked, case):
    asked(FILES[case])


def test_a_file_larger_than_any_is_not_read(asked, tmp_path):
    with (tmp_path / "big.txt").open("wb") as handle:
        handle.truncate(LARGEST_FILE_BYTES + 1)  # no byte of it takes room
    with pytest.raises(ValueError, match="more than 100000000: give the sets of your satellites alone"):
        read_elements(tmp_path / "big.txt")
    (tmp_path / "big.txt").unlink()


def test_a_name_does_not_reach_the_terminal_as_it_is(asked):
    sentence = asked(csv({"OBJECT_NAME": "\x1b[2Jgone$(touch owned)", "EPOCH": "2008-09-15T05:25:46.0"}))
    assert "[2Jgone" in sentence and "\x1b" not in sentence


@pytest.mark.parametrize(
    ("longest_days", "seconds"), [(14, 2), (30, 15), (60, 100)], ids=["a plan's bound", "a month", "a scenario's bound"]
)
def test_what_the_bounds_on_age_mean(longest_days, seconds):
    """How late or early Micius is by an older set, held against each later one: docs/design.md quotes these."""
    elements = read_elements(DATA / "orbits/micius.csv")
    late = []
    for i, old in enumerate(elements.satrecs):
        for j in np.flatnonzero((elements.epochs - elements.epochs[i]) / np.timedelta64(1, "D") <= longest_days):
            if j > i:
                new = elements.satrecs[j]
                position, velocity = map(np.array, new.sgp4(new.jdsatepoch, new.jdsatepochF)[1:])
                then = np.array(old.sgp4(new.jdsatepoch, new.jdsatepochF)[1])
                angle = np.arccos(then @ position / np.linalg.norm(then) / np.linalg.norm(position))
                late.append(angle * np.linalg.norm(position) / np.linalg.norm(velocity))
    assert len(late) > 20
    assert seconds / 2 < max(late) < seconds


def test_no_set_older_than_the_bound_is_used(tmp_path):
    elements = read_elements(DATA / "orbits/tiangong2.csv")
    day = np.timedelta64(1, "D")
    propagate(elements, elements.epochs[-1:] + 60 * day)
    with pytest.raises(ValueError, match="60.* days from the nearest element set"):
        propagate(elements, elements.epochs[-1:] + 60 * day + np.timedelta64(1, "h"))


NIGHTS = "date_utc,station,search_from_utc,latitude_deg,longitude_deg,altitude_m\n"
NIGHT = "2016-09-22,nanshan,2016-09-22T18:00:00Z,43.4754611,87.1766861,2028\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "line 2: date_utc=None cannot be read"),
        (NIGHTS + NIGHT + "2016-09-29,delingha\n", "line 3: search_from_utc=None cannot be read"),
        (NIGHTS + NIGHT.replace("T18:00:00Z", " evening"), "line 2: search_from_utc=2016-09-22 evening cannot be read"),
        (NIGHTS + NIGHT.replace("43.4754611", "43 N"), "line 2: latitude_deg=43 N cannot be read"),
        (NIGHTS + NIGHT.replace("2016-09-22T", "2006-09-22T"), "more than max_age_days=60"),
        (NIGHTS + "x" * 200_000, "is not a CSV file"),
        ("\udcff\udcfe", "is not a CSV file"),
    ],
)
def test_surveys_that_are_no_tables_of_nights(text, said, tmp_path, refusal):
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "orbits").symlink_to(DATA / "orbits")
    path = tmp_path / "scenarios/liao2017.yaml"
    tree = yaml.safe_load((DATA / "scenarios/liao2017.yaml").read_text())
    tree["orbit"]["survey"] = "nights.csv"
    path.write_text(yaml.safe_dump(tree))
    (tmp_path / "scenarios/nights.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert said in refusal(check, path, ScenarioError)


@pytest.mark.parametrize("duration_s", [86401, 1e9, 1e15])
def test_recorded_sessions_are_of_one_pass(duration_s, tmp_path, refusal, monkeypatch):
    """Each tenth of a second is computed: a second's typing error must not ask for all memory."""
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "orbits").symlink_to(DATA / "orbits")
    path = tmp_path / "scenarios/recorded_example.yaml"
    tree = yaml.safe_load((DATA / "scenarios/recorded_example.yaml").read_text())
    place = {"latitude_deg": 37, "longitude_deg": 97, "altitude_m": 3000, "time_zero": "2018-10-01T18:10:51Z"}
    tree["stations"] = [station | place for station in tree["stations"]]
    tree["orbit"] = {"elements": "micius.csv", "start": "2018-10-01T18:10:52Z", "duration_s": duration_s}
    path.write_text(yaml.safe_dump(tree))
    monkeypatch.setattr(sys.modules["satqkd.workflow.check"], "_require_tags", lambda *_: None)
    sentence = refusal(check, path, ScenarioError)
    assert f"orbit.duration_s={duration_s} is wrong, input should be less than or equal to 86400" in sentence
    assert "one pass" in sentence
