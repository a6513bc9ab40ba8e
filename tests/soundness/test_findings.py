"""What counts as a failure, and what the page says of it."""

from pathlib import Path

import pytest
from scipy.stats import binom
from soundness import __main__ as laboratory
from soundness.findings import Finding, worst
from soundness.page import ratio_text, table


def finding(failures, paid=1e-2, draws=0, **changed):
    arguments = {"family": "decoy", "bound": "one", "estimate": "a count", "eps": 0.1, "where": "here"} | changed
    return Finding(**arguments, paid=paid, failures=failures, draws=draws)


def test_the_interval_is_where_the_binomial_tails_are_even():
    low, high = finding(0.03, draws=1000).interval()
    assert binom.sf(29, 1000, low) == pytest.approx(0.025, rel=1e-6)
    assert binom.cdf(30, 1000, high) == pytest.approx(0.025, rel=1e-6)
    assert finding(0.0, draws=1000).interval()[0] == 0.0
    assert finding(1.0, draws=1000).interval()[1] == 1.0


def test_chance_is_no_failure_and_a_large_excess_is_one():
    assert not finding(0.012, draws=1000).unsound
    assert finding(0.04, draws=1000).unsound
    assert finding(0.0101).unsound
    assert not finding(0.01).unsound


def test_a_row_holds_the_worst_of_each_secrecy_and_says_where():
    found = [
        finding(0.001), finding(0.002, where="there"), finding(0.05, eps=0.01), finding(0.0, eps=0.01, draws=100),
    ]  # fmt: skip
    assert worst(found[:2]).where == "there"
    rows = table(found, (0.1, 0.01)).splitlines()
    assert rows[2] == "| one | a count | every outcome | 0.2 | **5** | here; ε = 0.01 |"
    assert rows[3] == "| one | a count | drawn | – | 0 [0, 3.6] | no failure anywhere |"
    assert ratio_text(finding(0.009998)) == "0.9998"


def test_the_page_shows_every_bound_and_marks_only_those_that_are_no_proofs():
    page = (Path(__file__).parents[2] / laboratory.PAGE).read_text()
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    bounds = {row[0] for row in rows} - {"bound", "---"}
    assert bounds == {*laboratory.PROOFS, *laboratory.NO_PROOFS}
    marked = {row[0] for row in rows if any(cell.startswith("**") for cell in row)}
    assert marked == set(laboratory.NO_PROOFS)
