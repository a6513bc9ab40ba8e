import math

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from satqkd.validation.compare import compare, read_known_deviations
from satqkd.validation.kinds import KINDS, kind_of
from satqkd.validation.reference import REFERENCE_FOLDER, Reference, last_digit, load_reference, observed

COUNTS = {"yin2017": 26, "yin2020": 28, "liao2017": 28, "tiangong2": 25}
REFERENCES = {name: load_reference(name) for name in COUNTS}
ROWS = [(name, row) for name, reference in REFERENCES.items() for row in observed(reference).values()]
IDS = [f"{name}-{row.id}" for name, row in ROWS]


def scaled(row, factor):
    """The published value times a factor, as a simulation would hand it in; one number for limits."""
    ends = tuple(factor * end for end in row.ends)
    return ends[-1] if row.limits or len(ends) == 1 else ends


def compared(name, row, value):
    rows = compare(REFERENCES[name], {row.id: {"value": value, "unit": row.unit}})
    return next(one for one in rows if one.id == row.id)


def test_every_observed_value_is_there():
    assert {name: len(observed(reference)) for name, reference in REFERENCES.items()} == COUNTS
    assert len(ROWS) == 107


def test_id_is_the_file_name():
    assert all(reference.id == name for name, reference in REFERENCES.items())


@pytest.mark.parametrize(("name", "row"), ROWS, ids=IDS)
def test_a_row_can_fail(name, row):
    """Ten times the value, or none of it, is never within."""
    assert compared(name, row, scaled(row, 1.0)).z == 0
    assert compared(name, row, scaled(row, 10.0)).verdict in ("outside", "vague")
    if not row.limits:
        assert compared(name, row, scaled(row, 0.0)).verdict in ("outside", "vague")


@pytest.mark.parametrize(("name", "row"), [(n, r) for n, r in ROWS if r.limits], ids=lambda x: getattr(x, "id", x))
def test_limits_fail_on_both_sides(name, row):
    low, high = row.value
    span = high - low
    assert compared(name, row, (low + high) / 2).verdict == "within"
    assert compared(name, row, low - span).verdict == "outside"
    assert compared(name, row, high + span).verdict == "outside"


def test_rows_that_their_printing_alone_leaves_vague():
    """One printed digit is half a unit of it: up to 57 % of the value."""
    row = next(row for name, row in ROWS if row.id == "sifted_rate_1200km")
    assert "That alone makes it vague: 57%." in compared("liao2017", row, 1000.0).reason
    alone = {f"{name}.{row.id}" for name, row in ROWS if compared(name, row, scaled(row, 1.0)).verdict == "vague"}
    assert alone == {
        "yin2017.fiber_coincidence_rate_1200km",
        "liao2017.max_angular_velocity",
        "liao2017.arrival_time_spread",
        "liao2017.sifted_rate_1200km",
        "liao2017.qber_over_23_orbits",
        "liao2017.relay_delay_to_nanshan",
        "tiangong2.signal_count_rate",
        "tiangong2.outlook_key_rate",
        "yin2020.local_start_time",
    }


def test_the_last_printed_digit_is_read_off_the_number():
    halves = {f"{name}.{row.id}": row.half_widths for name, row in ROWS}
    assert halves["yin2017.attenuation_lijiang_above_15deg"] == (0.5, 0.05)
    assert halves["yin2017.range_lijiang"] == (5, 50)
    assert halves["yin2020.sifted_bits"] == (0.5,)
    assert halves["tiangong2.yield_vacuum"] == pytest.approx((0.5e-9,))
    assert halves["liao2017.orbits_shortest_range"] == (0.5, 0.05)


@given(digits=st.integers(1, 10**6), exponent=st.integers(-20, 6))
def test_half_a_unit_is_what_rounding_loses(digits, exponent):
    number = float(f"{digits}e{exponent}")
    digit = last_digit(number)
    assert number / digit == pytest.approx(round(number / digit), rel=1e-9)
    assert round(number / digit) % 10 != 0


def test_widths_belong_to_kinds_and_not_to_rows():
    """The only numbers of a row beside its value are the paper's sigma and a digit, which is a power of ten."""
    for _, row in ROWS:
        assert row.digit is None or math.log10(row.digit) == round(math.log10(row.digit))
    assert {row.kind.widest for _, row in ROWS if row.unit in ("km", "s", "deg/s", "ns")} == {0.10}
    assert {row.kind.widest for _, row in ROWS if row.unit in ("1", "1/s", "bit/s", "dB")} == {0.25}


def test_a_paper_that_says_about_is_read_more_widely():
    rows = observed(REFERENCES["yin2017"])
    assert rows["pass_duration"].half_widths == pytest.approx((0.05 * 275,))
    assert rows["max_path_difference"].half_widths == pytest.approx((0.02 * 944,))
    assert rows["signal_to_noise"].half_widths == (0.5,)
    assert rows["local_start_time"].half_widths == (0.25,)


@pytest.mark.parametrize("kind", dict.fromkeys([*KINDS.values(), kind_of("1")]), ids=lambda kind: kind.name)
@given(share=st.floats(1e-3, 2), value=st.floats(0.1, 1e4))
def test_fraction_and_difference_are_inverse(kind, share, value):
    assert kind.fraction(kind.difference(share, value), value) == pytest.approx(share)


def test_numeric_forms_keep_what_is_printed():
    printed = {f"{name}.{row.id}": (row.value, row.printed) for name, row in ROWS if row.printed is not None}
    assert sorted(printed) == [
        "liao2017.orbits_shortest_range",
        "yin2017.local_start_time",
        "yin2020.local_start_time",
        "yin2020.outlook_key_rate",
    ]
    for name in ("yin2017", "yin2020"):
        hours, text = printed[f"{name}.local_start_time"]
        assert hours == int(text[:2]) + int(text[3:]) / 60
    ends, elevations = printed["liao2017.orbits_shortest_range"]
    assert tuple(elevations) == ends


def test_contradictions_hold_their_arithmetic():
    """Each is recomputed from the numbers in the file, not from the sentence."""
    value = {f"{name}.{row.id}": row.value for name, row in ROWS}
    given = {f"{name}.{v.id}": v.value for name, ref in REFERENCES.items() for v in ref.values if v.role == "input"}
    bell_s, trials = value["yin2020.chsh_s"], value["yin2020.bell_trials"]
    sigma_s = math.sqrt(4 * (1 - (bell_s / 4) ** 2) / (trials / 4))
    vacuum_part = 0.5 * value["tiangong2.yield_vacuum"] / value["tiangong2.gain_decoy"]
    disc_db = 20 * math.log10(value["tiangong2.beam_diameter_700km"] / given["tiangong2.receiver_aperture"])
    far = value["yin2017.range_lijiang"][1]
    rate = value["yin2020.coincidences"] / given["yin2020.duration"]
    found = {
        "yin2020.coincidence_rate": rate == pytest.approx(2.0, abs=0.01) != value["yin2020.coincidence_rate"],
        "yin2020.sifted_rate": value["yin2020.sifted_bits"] / given["yin2020.duration"] == 1.0,
        "yin2020.qber": value["yin2020.sifted_errors"] / value["yin2020.sifted_bits"] > value["yin2020.qber"] + 0.5e-4,
        "yin2020.chsh_s": sigma_s == pytest.approx(0.096, abs=5e-4),
        "yin2020.bell_violation": (bell_s - 2) / sigma_s == pytest.approx(5.8, abs=0.05),
        "yin2020.bell_trials": trials / given["yin2020.bell_duration"] > 2 * value["yin2020.coincidence_rate"],
        "tiangong2.qber_decoy": vacuum_part > value["tiangong2.qber_decoy"],
        "tiangong2.yield_vacuum": given["tiangong2.background_rate_total"] * given["tiangong2.time_window"] * 1e-9
        < value["tiangong2.yield_vacuum"],
        "tiangong2.final_key_rate": value["tiangong2.final_key_bits"] / given["tiangong2.session_duration"]
        > value["tiangong2.final_key_rate"] + 0.5,
        "tiangong2.geometric_loss_700km": disc_db == pytest.approx(26.2, abs=0.05),
        "yin2017.max_path_difference": far - (value["yin2017.range_sum"][1] - far)
        > value["yin2017.max_path_difference"] + 0.02 * value["yin2017.max_path_difference"],
        "liao2017.arrival_time_spread": given["liao2017.sync_jitter"] > value["liao2017.arrival_time_spread"],
    }
    stated = {f"{name}.{row.id}" for name, row in ROWS if row.contradiction}
    assert set(found) <= stated
    assert all(found.values()), [name for name, holds in found.items() if not holds]


def test_the_known_deviation_of_the_bell_test_has_the_trials_of_the_last_full_run(root):
    [known] = [
        one for one in read_known_deviations(REFERENCE_FOLDER / "known_deviations.yaml") if one.id == "bell_violation"
    ]
    value = observed(REFERENCES["yin2020"])
    deviation = pd.read_csv(root / "docs/validation.csv").set_index(["scenario", "id"]).relative_deviation
    trials = round(value["bell_trials"].value * (1 + deviation["yin2020", "bell_trials"]))
    sigma_s = math.sqrt(4 * (1 - (value["chsh_s"].value / 4) ** 2) / (trials / 4))
    assert f"{trials} trials, as simulated, have {sigma_s:.2f}." in known.arithmetic


def test_decoy_counts_are_complete():
    counts = yaml.safe_load((REFERENCE_FOLDER / "decoy_counts.yaml").read_text(encoding="utf-8"))
    for name in ("detections_x", "detections_z", "errors_x", "errors_z", "errors_z_shared"):
        assert len(counts[name]) == len(counts["mean_photon_numbers"]) == 3
    # Sharing one error rate over the intensities moves errors between them and keeps their number.
    assert sum(counts["errors_z_shared"]) == pytest.approx(sum(counts["errors_z"]), rel=1e-9)
    assert all(one["errors"] in counts for one in counts["key_length_bits"])


# --- what is wrong is said in one sentence ---

GOOD = {
    "id": "mine",
    "paper": "ours",
    "protocol": "BB84",
    "values": [
        {"id": "aperture", "role": "input", "value": 1.2, "unit": "m", "where": "text"},
        {
            "id": "range", "role": "observed", "value": [500, 900], "unit": "km", "where": "text",
            "note": "because.",
        },
    ],
}  # fmt: skip


def written(tmp_path, change):
    """A reference file in which `change` has been applied to the observed row."""
    content = yaml.safe_load(yaml.safe_dump(GOOD))
    change(content["values"][1])
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_any_path_will_do(tmp_path):
    reference = load_reference(written(tmp_path, lambda row: None))
    assert isinstance(reference, Reference)
    assert observed(reference)["range"].ends == (500, 900)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row.pop("where"), r"mine\.yaml: range\.where: is missing: add it"),
        (lambda row: row.update(note=""), r"range\.note: ''.*at least 1"),
        (lambda row: row.update(digits=1), r"unknown key: did you mean 'digit'\?"),
        (lambda row: row.update(digit=0), r"range\.digit: 0 .*greater than 0"),
        (lambda row: row.update(tolerance={"absolute": 3}), r"range\.tolerance: unknown key"),
        (lambda row: row.update(sigma=3, digit=1), r"keep the paper's sigma and drop digit"),
        (lambda row: row.update(value=[900, 500]), r"runs downwards: give the lowest first"),
        (lambda row: row.update(value="01:30"), r"range\.value: '01:30' does not fit"),
        (lambda row: row.update(value=5, limits=True), r"limits is set but"),
        (lambda row: row.update(id="aperture"), r"'aperture' occurs 2 times"),
        (lambda row: row.update(role="observd"), r"range: .*observd"),
    ],
)
def test_errors_name_place_and_way_out(tmp_path, change, message):
    path = written(tmp_path, change)
    with pytest.raises(ValueError, match=message) as error:
        load_reference(path)
    assert "\n" not in str(error.value)


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(FileNotFoundError, match="did you mean 'yin2017'|did you mean 'yin2020'"):
        load_reference("yin2018")


def test_broken_yaml_names_the_line(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("id: x\nvalues: [\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 3: is not YAML"):
        load_reference(path)


def test_a_key_that_stands_twice_is_refused(tmp_path):
    path = tmp_path / "twice.yaml"
    path.write_text("id: x\npaper: a\npaper: b\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 3: the key paper occurs twice: keep one"):
        load_reference(path)


def test_records_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        ROWS[0][1].value = 1.0
