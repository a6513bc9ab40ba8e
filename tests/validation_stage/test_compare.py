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
    tolerance_width,
    unexplained,
)
from satqkd.validation.reference import Reference, Tolerance, load_reference, observed


def reference(*rows):
    """A reference of observed rows, each given by what matters to the test."""
    filled = [{"role": "observed", "where": "text", "reason": "because.", "unit": "km", **row} for row in rows]
    return Reference(id="mine", paper="ours", protocol="BB84", values=filled)


def only(row, simulated):
    (found,) = compare(reference({"id": "x", **row}), {"x": simulated})
    return found


POSITIVE = st.floats(1e-6, 1e6)
SIDE = st.sampled_from([-1.0, 1.0])
FORMS = st.sampled_from(["absolute", "relative", "decades", "link_db"])


@given(published=POSITIVE, amount=st.floats(0.01, 0.9), form=FORMS, side=SIDE, share=st.floats(0.0, 3.0))
def test_verdict_and_deviation_agree_with_the_bound(published, amount, form, side, share):
    width = tolerance_width(Tolerance(**{form: amount}), published, end=0, upwards=side > 0, sigma=None)
    value = published + side * share * width
    row = only({"value": published, "tolerance": {form: amount}}, {"value": value, "unit": "km"})
    # What the sum with `published` loses in its last places, in units of the width.
    lost = 1e-9 + 4e-16 * (published + abs(value)) / width
    assert row.deviation_over_tolerance == pytest.approx(share, abs=1e-6 + lost, rel=1e-6)
    if abs(share - 1) > 2 * lost:
        assert row.verdict == ("within" if share < 1 else "outside")


@pytest.mark.parametrize(
    ("tolerance", "low", "high"),
    [
        ({"absolute": 0.05}, 7.55, 7.65),
        ({"relative": 0.02}, 7.6 * 0.98, 7.6 * 1.02),
        ({"decades": 0.5}, 7.6 / math.sqrt(10), 7.6 * math.sqrt(10)),
        ({"link_db": 1.5}, 7.6 / 10**0.15, 7.6 * 10**0.15),
        ({"absolute": 0.3, "relative": 0.4 / 7.6}, 7.1, 8.1),
    ],
)
def test_the_bound_itself_is_within(tolerance, low, high):
    row = {"value": 7.6, "tolerance": tolerance}
    for bound, beyond in ((low, low - 1e-6), (high, high + 1e-6)):
        assert only(row, {"value": bound, "unit": "km"}).verdict == "within"
        assert only(row, {"value": beyond, "unit": "km"}).verdict == "outside"


@given(published=POSITIVE, simulated=st.floats(0, 1e9))
def test_a_noisy_simulation_widens_its_bound_by_root_two_at_most(published, simulated):
    assert published <= combined_sigma(published, simulated) <= published * math.sqrt(2) * (1 + 1e-12)


def test_sigmas_combine_and_only_where_the_tolerance_counts_them():
    row = {"value": 10.0, "sigma": 0.4, "tolerance": {"sigmas": 3}}
    assert only(row, {"value": 11.4, "unit": "km", "sigma": 0.3}).tolerance == pytest.approx((1.5,))
    assert only(row, {"value": 11.4, "unit": "km", "sigma": 0.3}).verdict == "within"
    assert only(row, {"value": 11.4, "unit": "km"}).verdict == "outside"
    assert only(row, {"value": 11.4, "unit": "km", "sigma": math.nan}).verdict == "outside"
    assert only(row, {"value": 30.0, "unit": "km", "sigma": 100.0}).verdict == "outside"
    fixed = {"value": 10.0, "sigma": 0.4, "tolerance": {"absolute": 1.0}}
    assert only(fixed, {"value": 11.4, "unit": "km", "sigma": 100.0}).verdict == "outside"


@given(low=st.floats(-3, 3), high=st.floats(-3, 3))
def test_the_worst_end_of_a_range_decides(low, high):
    row = {"value": [100.0, 200.0], "tolerance": {"absolute": [1, 20]}}
    found = only(row, {"value": [100 + low, 200 + 20 * high], "unit": "km"})
    assert found.deviation_over_tolerance == pytest.approx(max(abs(low), abs(high)), abs=1e-9)
    assert found.tolerance == (1, 20)


@pytest.mark.parametrize(("value", "ratio"), [(3.0, 0), (5.5, 0), (8.0, 0), (9.5, 1), (1.5, 1), (11.0, 2), (-3.0, 4)])
def test_one_number_against_limits_deviates_by_what_lies_beyond(value, ratio):
    found = only({"value": [3, 8], "limits": True, "tolerance": {"absolute": 1.5}}, {"value": value, "unit": "km"})
    assert found.deviation_over_tolerance == pytest.approx(ratio)
    assert found.verdict == ("within" if ratio <= 1 else "outside")


@pytest.mark.parametrize("value", [math.nan, None, [1.0, math.nan]])
def test_no_number_is_missing_and_says_so(value):
    published = [1, 2] if isinstance(value, list) else 1
    found = only({"value": published, "tolerance": {"absolute": 1}}, {"value": value, "unit": "km"})
    assert found.verdict == "missing"
    assert "NaN" in found.reason
    assert found.simulated is None and math.isnan(found.deviation_over_tolerance)


@pytest.mark.parametrize("nothing", [{}, {"x": None}, {"x": []}])
def test_what_nobody_simulated_is_missing(nothing):
    (row,) = compare(reference({"id": "x", "value": 1, "tolerance": {"absolute": 1}}), nothing)
    assert (row.verdict, row.reason, row.role) == ("missing", "not simulated", "predicted")


def test_infinity_is_outside():
    assert only({"value": 1, "tolerance": {"decades": 1}}, {"value": math.inf, "unit": "km"}).verdict == "outside"


def test_an_entry_may_be_a_record():
    assert only({"value": 1, "tolerance": {"absolute": 1}}, Simulated(value=1.5, unit="km")).verdict == "within"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"value": 1, "unit": "m"}, "simulated in 'm', published in 'km': convert to 'km'"),
        ({"value": [1, 2], "unit": "km"}, "another shape: give one number"),
        ({"value": 1, "units": "km"}, r"mine x: units: unknown key: did you mean 'unit'\?"),
        ({"value": 1, "unit": "km", "role": "guessed"}, "mine x: role: 'guessed' does not fit"),
        ([{"value": 1, "unit": "km"}, {"value": 2, "unit": "km"}], "same role: keep one"),
    ],
)
def test_entries_that_do_not_fit(entry, message):
    with pytest.raises(ValueError, match=message):
        only({"value": 1, "tolerance": {"absolute": 1}}, entry)


def test_a_range_needs_two_ends_in_order():
    row = {"value": [1, 2], "tolerance": {"absolute": 1}}
    with pytest.raises(ValueError, match=r"give \[lowest, highest\]"):
        only(row, {"value": 1, "unit": "km"})
    with pytest.raises(ValueError, match="runs downwards"):
        only(row, {"value": [2, 1], "unit": "km"})


@pytest.mark.parametrize(("name", "hint"), [("coincidence", "coincidences"), ("pair_rat", "")])
def test_an_unknown_id_names_the_nearest(name, hint):
    with pytest.raises(ValueError, match=f"yin2020 has no observed value '{name}'.*{hint}"):
        compare(load_reference("yin2020"), {name: {"value": 1}})


def test_an_input_is_not_compared():
    with pytest.raises(ValueError, match="no observed value 'pair_rate'"):
        compare(load_reference("yin2020"), {"pair_rate": {"value": 5.9e6, "unit": "1/s"}})


def test_both_roles_of_a_key_give_a_row_each():
    both = [{"value": 500, "sigma": 90}, {"value": 378.7, "role": "formula"}]
    rows = [row for row in compare(load_reference("yin2020"), {"secret_key_bits": both}) if row.id == "secret_key_bits"]
    assert [(row.role, row.verdict) for row in rows] == [("predicted", "within"), ("formula", "within")]
    assert rows[1].tolerance == (10,) and rows[0].tolerance[0] > 100


def test_a_formula_does_not_pass_through_the_link():
    row = {"value": 2.2, "tolerance": {"link_db": 1.5, "absolute": 0.05}}
    assert only(row, {"value": 2.0, "unit": "km"}).verdict == "within"
    assert only(row, {"value": 2.0, "unit": "km", "role": "formula"}).verdict == "outside"
    with pytest.raises(ValueError, match="add a formula tolerance"):
        only({"value": 2.2, "tolerance": {"link_db": 1.5}}, {"value": 2.2, "unit": "km", "role": "formula"})


def test_contradictions_reach_the_reason():
    rows = compare(load_reference("yin2020"), {"coincidence_rate": {"value": 2.0, "unit": "1/s"}})
    row = next(row for row in rows if row.id == "coincidence_rate")
    assert "Contradiction: 6208 coincidences in 3100 s are 2.0 per second, not 2.2." in row.reason


def test_rows_keep_the_order_of_the_reference():
    published = load_reference("liao2017")
    assert [row.id for row in compare(published, {})] == list(observed(published))


def test_table_reads_well():
    published = reference(
        {"id": "range", "value": [645, 1200], "tolerance": {"absolute": [1, 24]}},
        {"id": "rate", "value": 1.0e-17, "tolerance": {"absolute": 0.5e-17}},
        {"id": "count", "value": 3551136, "tolerance": {"link_db": 1.5}},
    )
    simulated = {"range": {"value": [645.3491, 1199.5], "unit": "km"}, "count": {"value": 3.4e6, "unit": "km"}}
    frame = table(compare(published, simulated))
    assert list(frame.columns) == [
        "scenario", "id", "published", "published_sigma", "simulated", "simulated_sigma", "unit", "role", "tolerance",
        "deviation_over_tolerance", "reason", "verdict",
    ]  # fmt: skip
    assert list(frame["published"]) == ["645 to 1200", "1e-17", "3551136"]
    assert list(frame["simulated"]) == ["645.349 to 1199.5", "", "3400000"]
    assert list(frame["tolerance"]) == ["1 and 24", "5e-18", "1.037e+06"]
    assert list(frame["verdict"]) == ["within", "missing", "within"]


def test_an_empty_table_has_its_columns():
    assert "verdict" in table([]).columns


# --- known deviations ---

TWO = reference(
    {"id": "a", "value": 1, "tolerance": {"absolute": 1}}, {"id": "b", "value": 1, "tolerance": {"absolute": 1}}
)


def known(tmp_path, text):
    path = tmp_path / "known_deviations.yaml"
    path.write_text(text, encoding="utf-8")
    return read_known_deviations(path)


def test_only_what_nobody_explained_remains(tmp_path):
    rows = compare(TWO, {"a": {"value": 9, "unit": "km"}, "b": {"value": 9, "unit": "km"}})
    listed = known(tmp_path, "- {scenario: mine, id: a, reason: found}\n")
    assert [row.id for row in unexplained(rows, listed)] == ["b"]
    assert [row.id for row in unexplained(rows, [])] == ["a", "b"]
    assert stale(rows, listed) == []


def test_another_scenario_of_the_same_id_is_not_excused(tmp_path):
    rows = compare(TWO, {"a": {"value": 9, "unit": "km"}})
    listed = known(tmp_path, "- {scenario: other, id: a, reason: found}\n")
    assert [row.id for row in unexplained(rows, listed)] == ["a"]
    assert stale(rows, listed) == []


def test_a_deviation_that_went_away_is_stale(tmp_path):
    listed = known(tmp_path, "- {scenario: mine, id: a, reason: found}\n- {scenario: mine, id: gone, reason: found}\n")
    within = compare(TWO, {"a": {"value": 1, "unit": "km"}})
    assert [one.id for one in stale(within, listed)] == ["a", "gone"]
    assert [one.id for one in stale(compare(TWO, {}), listed)] == ["gone"]


def test_a_deviation_of_one_role_does_not_excuse_the_other(tmp_path):
    listed = known(tmp_path, "- {scenario: mine, id: a, role: formula, reason: found, arithmetic: 1 + 1}\n")
    rows = compare(TWO, {"a": [{"value": 9, "unit": "km"}, {"value": 9, "unit": "km", "role": "formula"}]})
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
