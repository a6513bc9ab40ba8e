import math

import pytest
import yaml
from pydantic import ValidationError

from satqkd.validation.compare import compare
from satqkd.validation.reference import REFERENCE_FOLDER, Reference, load_reference, observed

COUNTS = {"yin2017": 25, "yin2020": 28, "liao2017": 26, "tiangong2": 23}
REFERENCES = {name: load_reference(name) for name in COUNTS}
ROWS = [(name, row) for name, reference in REFERENCES.items() for row in observed(reference).values()]
IDS = [f"{name}-{row.id}" for name, row in ROWS]


def scaled(row, factor):
    """The published value times a factor, as a simulation would hand it in; one number for limits."""
    ends = tuple(factor * end for end in row.ends)
    return ends[-1] if row.limits or len(ends) == 1 else ends


def verdict(name, row, value):
    rows = compare(REFERENCES[name], {row.id: {"value": value, "unit": row.unit}})
    return next(one.verdict for one in rows if one.id == row.id)


def test_every_observed_value_is_there():
    assert {name: len(observed(reference)) for name, reference in REFERENCES.items()} == COUNTS
    assert len(ROWS) == 102


def test_id_is_the_file_name():
    assert all(reference.id == name for name, reference in REFERENCES.items())


@pytest.mark.parametrize(("name", "row"), ROWS, ids=IDS)
def test_row_has_a_tolerance_that_can_fail(name, row):
    assert row.reason.endswith(".")
    assert verdict(name, row, scaled(row, 1.0)) == "within"
    assert verdict(name, row, scaled(row, 10.0)) == "outside"
    if not row.limits:
        assert verdict(name, row, scaled(row, 0.0)) == "outside"


@pytest.mark.parametrize(("name", "row"), [(n, r) for n, r in ROWS if r.limits], ids=lambda x: getattr(x, "id", x))
def test_limits_fail_on_both_sides(name, row):
    low, high = row.value
    span = high - low
    assert verdict(name, row, (low + high) / 2) == "within"
    assert verdict(name, row, low - span) == "outside"
    assert verdict(name, row, high + span) == "outside"


def test_poisson_sigmas_of_counts():
    poisson = [row for _, row in ROWS if row.sigma_assumed and "root of the count" in row.sigma_assumed.reason]
    assert len(poisson) == 9
    for row in poisson:
        assert row.sigma_assumed.value == pytest.approx(math.sqrt(row.value), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "ratio", "counted"),
    [("liao2017", "qber", "sifted_bits"), ("tiangong2", "qber_signal", "sifted_bits")],
)
def test_binomial_sigmas_of_ratios(name, ratio, counted):
    rows = observed(REFERENCES[name])
    p, n = rows[ratio].value, rows[counted].value
    assert rows[ratio].sigma_assumed.value == pytest.approx(math.sqrt(p * (1 - p) / n), rel=1e-3)


def test_ratio_of_coincidences_is_judged_by_its_counts():
    rows = observed(REFERENCES["yin2017"])
    wrong = rows["state_test_coincidences"].value / 2 / (1 + rows["contrast_diagonal"].value)
    right = rows["state_test_coincidences"].value / 2 - wrong
    three_sigma = 3 * math.sqrt(1 / right + 1 / wrong) / math.log(10)
    assert rows["contrast_diagonal"].tolerance.decades == pytest.approx(three_sigma, rel=2e-3)


def test_attenuations_and_what_follows_from_them():
    one_and_a_half_db = 1.5
    for name, attenuation in [
        ("yin2017", "attenuation_two_downlink"),
        ("yin2020", "attenuation_two_downlink"),
        ("tiangong2", "attenuation"),
        ("liao2017", "diffraction_loss_1200km"),
    ]:
        assert observed(REFERENCES[name])[attenuation].tolerance.absolute == one_and_a_half_db
    assert {row.tolerance.link_db for _, row in ROWS} == {None, one_and_a_half_db}


def test_a_key_by_formula_is_held_closer_than_one_end_to_end():
    keys = [row for _, row in ROWS if row.id in ("final_key_bits", "secret_key_bits")]
    assert len(keys) == 3
    assert all(row.formula for row in keys)
    rows = compare(REFERENCES["yin2020"], {"secret_key_bits": {"value": 390, "role": "formula"}})
    assert next(row.verdict for row in rows if row.id == "secret_key_bits") == "outside"


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
        > value["yin2017.max_path_difference"] + 36,
        "liao2017.arrival_time_spread": given["liao2017.sync_jitter"] > value["liao2017.arrival_time_spread"],
    }
    stated = {f"{name}.{row.id}" for name, row in ROWS if row.contradiction}
    assert set(found) <= stated
    assert all(found.values()), [name for name, holds in found.items() if not holds]


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
            "tolerance": {"relative": 0.02}, "reason": "because.",
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
        (lambda row: row.pop("tolerance"), r"mine\.yaml: range\.tolerance: is missing: add it"),
        (lambda row: row.pop("reason"), r"range\.reason: is missing"),
        (lambda row: row.update(reason=""), r"range\.reason: ''.*at least 1"),
        (lambda row: row.update(tolerence={}), r"unknown key: did you mean 'tolerance'\?"),
        (lambda row: row.update(tolerance={}), r"empty: give at least one of sigmas"),
        (lambda row: row.update(tolerance={"relativ": 0.1}), r"unknown key: did you mean 'relative'\?"),
        (lambda row: row.update(tolerance={"relative": 0}), r"range\.tolerance\.relative: 0 .*greater than 0"),
        (lambda row: row.update(tolerance={"sigmas": 3}), r"range: .*give sigma or sigma_assumed"),
        (lambda row: row.update(value=[900, 500]), r"runs downwards: give the lowest first"),
        (lambda row: row.update(value="01:30"), r"range\.value: '01:30' does not fit"),
        (lambda row: row.update(value=[0, 5]), r"relative tolerance of 0 has no meaning: give absolute"),
        (lambda row: row.update(value=5, limits=True), r"limits is set but"),
        (lambda row: row.update(value=5, tolerance={"absolute": [1, 2]}), r"two ends but the value has one"),
        (lambda row: row.update(sigma=1, sigma_assumed={"value": 1, "reason": "x"}), r"keep the paper's own"),
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
