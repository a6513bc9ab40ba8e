"""The HTML of a table."""

import re

from satqkd.tables import Table

LONG = "word " * 60


def test_every_word_is_shown_and_signs_are_text():
    html = Table({"why": [LONG, "<b>5 & 6</b>"]})._repr_html_()
    assert LONG.strip() in html and "&lt;b&gt;5 &amp; 6&lt;/b&gt;" in html and "<b>" not in html


def test_every_cell_has_its_own_style_and_no_number_of_its_row():
    html = Table({"verdict": ["within", "listed"], "ratio": [0.123, float("nan")]})._repr_html_()
    cells = re.findall(r"<t[dh]( [^>]*)>([^<]*)<", html)
    assert [text for _, text in cells] == ["verdict", "ratio", "within", "0.12", "listed", ""]
    assert all("text-align: left" in style for style, _ in cells) and "<style" not in html


def test_verdicts_are_told_apart_by_colour():
    html = Table({"verdict": ["within", "listed", "outside", "missing"], "remark": ["within reach"] * 4})._repr_html_()
    assert len(set(re.findall(r"solid ([^\"]+)\"", html))) == 4 == html.count("solid")


def test_a_long_table_is_not_cut():
    assert Table({"number": range(200)})._repr_html_().count("<td") == 200
