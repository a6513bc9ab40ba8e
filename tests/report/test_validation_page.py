"""The validation table for a reader."""

import pandas as pd
import pytest

from satqkd.report import validation_page

HEAD = "scenario,id,published,published_sigma,simulated,simulated_sigma,unit,role,tolerance,deviation_over_tolerance"
ROWS = """,reason,verdict
one,range,645,,645.3,,km,predicted,2,0.15,"Half a digit, x < y.",within
one,qber,0.011,0.002,0.05,0.001,1,predicted,0.006,6.5,Known. Tolerance: three sigma.,listed
two,count,5,,,,1,predicted,1,,nobody simulates it,missing
two,rate,1 to 2,,3 to 4,0.5,1/s,calibrated,0.1 and 0.2,20,wrong,outside
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


def test_values_stand_with_their_sigmas(page):
    assert cell(page, "range", "published") == "645" and cell(page, "range", "simulated") == "645.3"
    assert cell(page, "qber", "published") == "0.011 ± 0.002"
    assert cell(page, "count", "simulated") == "–" and cell(page, "count", "deviation / tolerance") == ""
    assert cell(page, "rate", "simulated") == "3 to 4 ± 0.5" and cell(page, "rate", "unit") == "1/s"


@pytest.mark.parametrize(
    ("row", "verdict"), [("range", "within"), ("qber", "listed"), ("count", "missing"), ("rate", "outside")]
)
def test_a_verdict_is_a_word_and_not_only_a_colour(page, row, verdict):
    assert f">{verdict}</span>" in cell(page, row, "verdict")


def test_the_reason_opens_from_the_tolerance(page):
    found = cell(page, "range", "tolerance")
    assert "<summary>2</summary>" in found and "x &lt; y" in found


def test_counts_by_experiment_come_first(page):
    first = page[: page.index("<h2")]
    assert [cell(first, "two</a>", name) for name in ("within", "listed", "outside", "missing")] == ["0", "0", "1", "1"]
