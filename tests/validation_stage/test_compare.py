import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satqkd.validation.compare import (
    Simulated,
    combined_sigma,
    compare,
    read_known_deviations,
    stale,
    table,
    unexplained,
    verdict_of,
)
from satqkd.validation.reference import Reference, load_reference, observed


def reference(*rows):
    """A reference of observed rows, each given by what matters to the test."""
    filled = [{"role": "observed", "where": "text", "unit": "1/s", **row} for row in rows]
    return Reference(id="mine", paper="ours", protocol="BB84", values=filled)


def only(row, simulated):
    (found,) = compare(reference({"id": "x", **row}), {"x": {"unit": row.get("unit", "1/s"), **simulated}})
    return found


POSITIVE = st.floats(1e-3, 1e6)


@given(published=POSITIVE, z=st.floats(-4, 4), spread=st.floats(0.001, 0.05))
def test_z_counts_the_standard_deviations_of_the_prediction(published, z, spread):
    """The rounding is made negligible: a digit of a millionth of the spread."""
    sigma = spread * published
    found = only({"value": published, "digit": 1e-6 * sigma}, {"value": published + z * sigma, "sigma": sigma})
    assert found.z == pytest.approx(z, rel=1e-4, abs=1e-6)
    assert found.relative_deviation == pytest.approx(z * spread, rel=1e-4, abs=1e-6)
    assert found.relative_width == pytest.approx(1.96 * spread, rel=1e-4)
    if abs(abs(z) - 2) > 1e-3:
        assert found.verdict == ("within" if abs(z) < 2 else "outside")


def test_what_rounds_to_the_printed_number_is_within():
    """Half a unit of the last digit is 1.73 standard deviations of an even distribution."""
    for value, verdict in ((7.55, "within"), (7.65, "within"), (7.66, "outside"), (7.54, "outside")):
        assert only({"value": 7.6}, {"value": value}).verdict == verdict
    assert only({"value": 7.6}, {"value": 7.65}).z == pytest.approx(math.sqrt(3))


def test_a_printed_sigma_is_the_noise_that_the_prediction_holds_too():
    """0.3 printed and 0.4 predicted make 0.4 together, not 0.5; rounding makes 0.5."""
    row = {"value": 10.0, "sigma": 0.3}
    assert only(row, {"value": 10.8, "sigma": 0.4}).z == pytest.approx(2)
    assert only(row, {"value": 10.6, "sigma": 0.1}).z == pytest.approx(2)
    rounded = {"value": 10.0, "digit": 2 * 0.3 * math.sqrt(3)}
    assert only(rounded, {"value": 11.0, "sigma": 0.4}).z == pytest.approx(2)


@given(published=POSITIVE, spread=POSITIVE)
def test_no_noise_counts_twice(published, spread):
    larger = max(published, spread)
    assert combined_sigma(published, spread, counted=True) == larger
    assert larger <= combined_sigma(published, spread, counted=False) <= larger * math.sqrt(2) * (1 + 1e-12)


def test_the_facing_side_of_a_skew_distribution_counts():
    row = {"value": 10.0, "digit": 1e-6}
    skew = {"value": 12.0, "low": 11.0, "high": 16.0}
    assert only(row, skew).z == pytest.approx(2)
    assert only(row | {"value": 14.0}, skew).z == pytest.approx(-0.5)
    assert only(row, skew).relative_width == pytest.approx(1.96 * 2.5 / 10)


@pytest.mark.parametrize(
    ("unit", "widest"), [("1/s", 0.25), ("bit/s", 0.25), ("1", 0.25), ("km", 0.10), ("deg", 0.10), ("s", 0.10)]
)
def test_what_is_too_wide_is_vague(unit, widest):
    row = {"value": 100.0, "digit": 1e-6, "unit": unit}
    for width, verdict in ((0.99 * widest, "within"), (1.01 * widest, "vague")):
        assert only(row, {"value": 100.0, "sigma": 100 * width / 1.96}).verdict == verdict


def test_decibels_are_as_wide_as_the_transmittance_behind_them():
    """A quarter more transmittance is 0.97 dB, whatever the loss."""
    quarter_db = 10 * math.log10(1.25)
    for loss in (3.0, 64.0):
        row = {"value": loss, "digit": 1e-6, "unit": "dB"}
        assert only(row, {"value": loss, "sigma": 0.99 * quarter_db / 1.96}).verdict == "within"
        assert only(row, {"value": loss, "sigma": 1.01 * quarter_db / 1.96}).verdict == "vague"
        assert only(row, {"value": loss + 3, "sigma": 3.0}).relative_deviation == pytest.approx(0.995, abs=1e-3)


def test_a_time_of_day_has_no_zero():
    """Half an hour of width at half past one as at noon."""
    for hour in (1.5, 12.0):
        row = {"value": hour, "digit": 0.1, "approx": True, "unit": "h after midnight"}
        assert only(row, {"value": hour}).verdict == "within"
        assert only(row, {"value": hour + 0.25}).z == pytest.approx(math.sqrt(3))
        assert only(row, {"value": hour, "sigma": 0.3}).verdict == "vague"


def test_being_wide_does_not_excuse():
    assert only({"value": 10.0}, {"value": 100.0, "sigma": 40.0}).verdict == "outside"
    assert only({"value": 10.0}, {"value": 100.0, "sigma": 100.0}).verdict == "vague"
    assert (verdict_of(math.nan, math.nan, widest=0.25), verdict_of(2, 0.25, widest=0.25)) == ("missing", "within")


@given(low=st.floats(-3, 3), high=st.floats(-3, 3))
def test_the_worst_end_of_a_range_decides(low, high):
    unit = 1 / math.sqrt(12)
    found = only({"value": [100.0, 201.0], "digit": 1}, {"value": [100 + low * unit, 201 + high * unit]})
    assert abs(found.z) == pytest.approx(max(abs(low), abs(high)), abs=1e-9)


def test_a_zero_shares_digit_and_scale_with_the_other_end():
    found = only({"value": [0, 150]}, {"value": [1.0, 150.0]})
    assert found.half_width == (5, 5)
    assert found.relative_deviation == pytest.approx(1 / 150)
    assert found.relative_width == pytest.approx(1.96 * 5 / math.sqrt(3) / 150)


@pytest.mark.parametrize(("value", "beyond"), [(3.0, 0), (5.5, 0), (8.0, 0), (9.5, 1.5), (1.5, -1.5), (-3.0, -6)])
def test_one_number_against_limits_deviates_by_what_lies_beyond(value, beyond):
    found = only({"value": [3, 8], "limits": True}, {"value": value})
    assert found.z == pytest.approx(beyond / (0.5 / math.sqrt(3)))
    assert found.verdict == ("within" if beyond == 0 else "outside")
    assert found.relative_width == 0


def test_the_width_of_a_bounded_number_is_its_own():
    row = {"value": [10, 100], "limits": True}
    assert only(row, {"value": 20.0, "sigma": 1.0}).relative_width == pytest.approx(1.96 / 20)
    assert only(row, {"value": 20.0, "sigma": 4.0}).verdict == "vague"


@pytest.mark.parametrize("value", [math.nan, None, [1.0, math.nan]])
def test_no_number_is_missing_and_says_so(value):
    found = only({"value": [1, 2] if isinstance(value, list) else 1}, {"value": value})
    assert found.verdict == "missing"
    assert "NaN" in found.reason
    assert found.median is None and math.isnan(found.z)


def test_one_run_alone_has_no_spread_to_judge_by():
    found = only({"value": 11.0}, {"value": 12.0, "sigma": math.nan})
    assert found.verdict == "missing" and found.reason.startswith("One run has no scatter")
    assert only({"value": 11.0}, {"value": 12.0, "sigma": math.nan, "low": 11.0, "high": 13.0}).verdict == "within"


@pytest.mark.parametrize("nothing", [{}, {"x": None}, {"x": []}])
def test_what_nobody_simulated_is_missing(nothing):
    (row,) = compare(reference({"id": "x", "value": 1}), nothing)
    assert (row.verdict, row.reason, row.role) == ("missing", "not simulated", "predicted")


def test_infinity_is_outside():
    assert only({"value": 1}, {"value": math.inf}).verdict == "outside"
    assert only({"value": 1}, {"value": 1.1, "low": 1.0, "high": math.inf}).verdict == "vague"


def test_an_entry_may_be_a_record():
    (row,) = compare(reference({"id": "x", "value": 1}), {"x": Simulated(value=1.5, unit="1/s")})
    assert row.verdict == "vague"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"value": 1, "unit": "m"}, "simulated in 'm', published in '1/s': convert to '1/s'"),
        ({"value": [1, 2]}, "another shape: give one number"),
        ({"value": 1, "units": "km"}, r"mine x: units: unknown key: did you mean 'unit'\?"),
        ({"value": 1, "role": "guessed"}, "mine x: role: 'guessed' does not fit"),
    ],
)
def test_entries_that_do_not_fit(entry, message):
    with pytest.raises(ValueError, match=message):
        only({"value": 1}, entry)


def test_one_role_occurs_once():
    with pytest.raises(ValueError, match="same role: keep one"):
        compare(reference({"id": "x", "value": 1}), {"x": [{"value": 1, "unit": "1/s"}, {"value": 2, "unit": "1/s"}]})


def test_a_range_needs_two_ends_in_order():
    with pytest.raises(ValueError, match=r"give \[lowest, highest\]"):
        only({"value": [1, 2]}, {"value": 1})
    with pytest.raises(ValueError, match="runs downwards"):
        only({"value": [1, 2]}, {"value": [2, 1]})


@pytest.mark.parametrize(("name", "hint"), [("coincidence", "coincidences"), ("pair_rat", "")])
def test_an_unknown_id_names_the_nearest(name, hint):
    with pytest.raises(ValueError, match=f"yin2020 has no observed value '{name}'.*{hint}"):
        compare(load_reference("yin2020"), {name: {"value": 1}})


def test_an_input_is_not_compared():
    with pytest.raises(ValueError, match="no observed value 'pair_rate'"):
        compare(load_reference("yin2020"), {"pair_rate": {"value": 5.9e6, "unit": "1/s"}})


def test_both_roles_of_a_value_give_a_row_each():
    both = [{"value": 372, "sigma": 20}, {"value": 378.7, "role": "formula"}]
    rows = [row for row in compare(load_reference("yin2020"), {"secret_key_bits": both}) if row.id == "secret_key_bits"]
    assert [(row.role, row.verdict) for row in rows] == [("predicted", "within"), ("formula", "outside")]


def test_contradictions_reach_the_reason():
    rows = compare(load_reference("yin2020"), {"coincidence_rate": {"value": 2.0, "unit": "1/s"}})
    row = next(row for row in rows if row.id == "coincidence_rate")
    assert "Contradiction: 6208 coincidences in 3100 s are 2.0 per second, not 2.2." in row.reason


def test_rows_keep_the_order_of_the_reference():
    published = load_reference("liao2017")
    assert [row.id for row in compare(published, {})] == list(observed(published))


def test_table_reads_well():
    published = reference(
        {"id": "range", "value": [645, 1200], "unit": "km"},
        {"id": "rate", "value": 1.0e-17},
        {"id": "count", "value": 3551136},
    )
    simulated = {
        "range": {"value": [645.3491, 1199.5], "unit": "km"},
        "count": {"value": 3.4e6, "low": 3.3e6, "high": 3.6e6, "mean": 3.5e6, "sigma": 1884.0, "unit": "1/s"},
    }
    frame = table(compare(published, simulated))
    assert list(frame.columns) == [
        "scenario", "id", "published", "published_sigma", "half_width", "median", "low", "high", "simulated",
        "simulated_sigma", "unit", "role", "z", "relative_deviation", "relative_width", "least_width", "reason",
        "verdict",
    ]  # fmt: skip
    assert list(frame["published"]) == ["645 to 1200", "1e-17", "3551136"]
    assert list(frame["half_width"]) == ["0.5 and 50", "5e-18", "0.5"]
    assert list(frame["median"]) == ["645.349 to 1199.5", "", "3400000"]
    assert (frame["low"][2], frame["high"][2], frame["simulated"][2]) == ("3300000", "3600000", "3500000")
    assert list(frame["verdict"]) == ["within", "missing", "within"]


def test_an_empty_table_has_its_columns():
    assert "verdict" in table([]).columns


# --- known deviations ---

TWO = reference({"id": "a", "value": 1}, {"id": "b", "value": 1})


def known(tmp_path, text):
    path = tmp_path / "known_deviations.yaml"
    path.write_text(text, encoding="utf-8")
    return read_known_deviations(path)


def test_only_what_nobody_explained_remains(tmp_path):
    rows = compare(TWO, {"a": {"value": 9, "unit": "1/s"}, "b": {"value": 9, "unit": "1/s"}})
    listed = known(tmp_path, "- {scenario: mine, id: a, reason: found}\n")
    assert [row.id for row in unexplained(rows, listed)] == ["b"]
    assert [row.id for row in unexplained(rows, [])] == ["a", "b"]
    assert stale(rows, listed) == []


def test_another_scenario_of_the_same_id_is_not_excused(tmp_path):
    rows = compare(TWO, {"a": {"value": 9, "unit": "1/s"}})
    listed = known(tmp_path, "- {scenario: other, id: a, reason: found}\n")
    assert [row.id for row in unexplained(rows, listed)] == ["a"]
    assert stale(rows, listed) == []


def test_a_deviation_that_went_away_is_stale(tmp_path):
    listed = known(tmp_path, "- {scenario: mine, id: a, reason: found}\n- {scenario: mine, id: gone, reason: found}\n")
    within = compare(TWO, {"a": {"value": 1, "unit": "1/s"}})
    assert [one.id for one in stale(within, listed)] == ["a", "gone"]
    assert [one.id for one in stale(compare(TWO, {}), listed)] == ["gone"]


def test_printing_and_counting_alone_make_a_row_vague():
    """A violation of 4, printed to one digit and counted to one sigma: 1.96 sqrt(1 + 1/12)/4."""
    row = {"value": 4.0}
    found = only(row, {"value": 4.2, "sigma": 3.0, "counting": 1.0})
    assert found.least_width == pytest.approx(1.96 * math.sqrt(1 + 1 / 12) / 4)
    assert (
        found.verdict == "vague" and "counting noise of one experiment that alone makes it vague: 51%" in found.reason
    )
    narrow = only(row, {"value": 4.2, "sigma": 3.0, "counting": 0.01})
    assert narrow.least_width == pytest.approx(1.96 * math.sqrt(1 / 12) / 4, rel=1e-3)
    assert narrow.verdict == "vague" and "alone makes it vague" not in narrow.reason


def test_a_deviation_of_one_role_does_not_excuse_the_other(tmp_path):
    listed = known(tmp_path, "- {scenario: mine, id: a, role: formula, reason: found, arithmetic: 1 + 1}\n")
    rows = compare(TWO, {"a": [{"value": 9, "unit": "1/s"}, {"value": 9, "unit": "1/s", "role": "formula"}]})
    assert [(row.id, row.role) for row in unexplained(rows, listed)] == [("a", "predicted")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {scenario: mine, id: a}\n", "entry 1: reason: is missing"),
        ("- {scenario: mine, id: a, reason: x, arithmetics: y}\n", "did you mean 'arithmetic'"),
        ("{scenario: mine}\n", "is a dict: give a list"),
        ("- {scenario: mine, id: a, reason: x}\n- {scenario: mine, id: a, reason: y}\n", "mine a is listed twice"),
    ],
)
def test_known_deviations_that_do_not_fit(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        known(tmp_path, text)


def test_an_empty_list_of_known_deviations(tmp_path):
    assert known(tmp_path, "") == []
