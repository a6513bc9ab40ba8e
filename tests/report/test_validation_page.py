"""The validation table for a reader."""

import pandas as pd
import pytest

from satqkd.report import validation_page

HEAD = (
    "scenario,id,published,published_sigma,half_width,median,low,high,simulated,simulated_sigma,unit,role,z,"
    "relative_deviation,relative_width,least_width,reason,verdict"
)
ROWS = """
one,range,645,,0.5,645.3,645.3,645.3,645.3,,km,predicted,1.04,0.0005,0.001,0.001,"Half a digit, x < y.",within
one,qber,0.011,0.002,,0.05,0.045,0.055,0.052,0.001,1,predicted,6.5,3.5,0.1,0.1,Known. Printed: sigma.,listed
two,count,5,,0.5,,,,,,1,predicted,,,,,nobody simulates it,missing
two,rate,1 to 2,,0.5,3 to 4,2.5 to 3.5,3.5 to 4.5,3 to 4,0.5,1/s,calibrated,-20,-0.3,0.2,0.1,wrong,outside
two,key,70,,5,75,60,90,80,15,1,predicted,0.3,0.07,0.4,0.1,"Half a unit.",vague
"""


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "validation.csv"
    path.write_text(HEAD + ROWS)
    return validation_page(pd.read_csv(path))


def cell(page, row, column):
    """The cell of a row, by the name of its column."""
    line = page[page.index(f">{row}</td>") :]
    start = line.index(f'data-label="{column}">') + len(f'data-label="{column}">')
    return line[start : line.index("</td>", start)]


def test_values_stand_with_their_uncertainties(page):
    assert cell(page, "range", "published") == "645" and cell(page, "range", "predicted [68 %]") == "645.3"
    assert cell(page, "qber", "published") == "0.011 ± 0.002"
    assert cell(page, "qber", "predicted [68 %]") == "0.05 [0.045, 0.055]"
    assert cell(page, "qber", "mean of the runs") == "0.052 ± 0.001"
    assert cell(page, "count", "predicted [68 %]") == "–" and cell(page, "count", "z") == ""
    assert cell(page, "rate", "predicted [68 %]") == "3 [2.5, 3.5] to 4 [3.5, 4.5]"
    assert [cell(page, "rate", name) for name in ("unit", "z", "deviation (%)", "width (%)")] == [
        "1/s", "-20.00", "-30", "20",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "verdict"),
    [("range", "within"), ("qber", "listed"), ("count", "missing"), ("rate", "outside"), ("key", "vague")],
)
def test_a_verdict_is_a_word_and_not_only_a_colour(page, row, verdict):
    assert f">{verdict}</span>" in cell(page, row, "verdict")


def test_the_reason_opens(page):
    found = cell(page, "range", "why")
    assert "<summary>reason</summary>" in found and "x &lt; y" in found


def test_counts_by_experiment_come_first(page):
    first = page[: page.index("<h2")]
    names = ("within", "vague", "listed", "outside", "missing")
    assert [cell(first, "two</a>", name) for name in names] == ["0", "1", "0", "1", "1"]
    assert "χ² = 43.42 over 3 rows" in first
