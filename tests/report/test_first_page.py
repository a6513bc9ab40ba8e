"""The page on which the results open: what is there stands on it, links lead somewhere, no other host is asked."""

import json
import re
import shutil
from html.parser import HTMLParser

import pytest

from satqkd.report import first_page, write_first_page
from satqkd.report.__main__ import main

PICTURE = '<svg xmlns="http://www.w3.org/2000/svg"/>'
VALUES = {
    "channel": {"attenuation": ([32.0, 42.0], "dB")},
    "run1/coincidence": {"sifted_bits": (111000.0, "1"), "qber_signal": (0.0191, "1")},
    "run2/coincidence": {"sifted_bits": (113000.0, "1"), "qber_signal": (0.0187, "1")},
    "run1/key": {"pooled_key_length": (13000.0, "1"), "no_key": ("", "reason")},
    "run2/key": {"pooled_key_length": (9.0, "1"), "no_key": ("", "reason")},
}


def put(folder, name, text=PICTURE):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


@pytest.fixture
def results(root, tmp_path):
    """A project with results of tiangong2, as they are in part after a run."""
    for kind in ("scenarios", "reference", "orbits"):
        shutil.copytree(root / "data" / kind, tmp_path / "data" / kind)
    for name, values in VALUES.items():
        text = json.dumps({key: {"value": value, "unit": unit} for key, (value, unit) in values.items()})
        put(tmp_path / "results", f"tiangong2/{name}.observables.json", text)
    for name in ("run1/figures/rate.svg", "figures/sky.svg", "parameters.html"):
        put(tmp_path / "results", f"tiangong2/{name}")
    return tmp_path / "results"


class Page(HTMLParser):
    """Links, pictures and headings of a page, and whether every tag is closed in order."""

    def __init__(self, text):
        super().__init__()
        self.links, self.pictures, self.open, self.text = [], [], [], []
        self.feed(text)
        self.text = " ".join(" ".join(self.text).split())

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag not in ("meta", "img"):
            self.open.append(tag)
        if tag == "a":
            self.links.append(given["href"])
        if tag == "img":
            self.pictures.append(given["src"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_headline_stands_beside_the_papers(results):
    page = Page(first_page(results))
    assert not page.open and len(page.pictures) == 1
    assert "final key bits 13119 6504 ± 9186" in page.text
    assert re.search(r"sifted bits 112031 ± 335 112000 ± 1414 .*within", page.text)
    assert "QBER signal 0.0184 ± 0.0004 0.0189 ± 0.00028" in page.text


def test_links_lead_to_what_is_there_and_to_no_other_host(results):
    put(results, "validation.html", '<h2 id="tiangong2">')
    put(results, "report-snakemake.html")
    put(results, "plan/example/calendar.svg")
    put(results, "sweep/example/sweep.nc")
    text = first_page(results)
    page = Page(text)
    for link in page.links:
        assert (results / link.partition("#")[0]).resolve().is_file(), link
    assert {"plan/example/calendar.svg", "sweep/example/sweep.nc", "report-snakemake.html"} <= set(page.links)
    assert "validation.html#tiangong2" in page.links and "tiangong2/parameters.html" in page.links
    assert "<script" not in text and "http" not in text.replace("http-equiv", "")
    assert all(picture.startswith("data:image/svg+xml;base64,") for picture in page.pictures)


def test_the_papers_figure_takes_the_place_of_the_stages(results):
    put(results, "tiangong2/papers/fig_2b.svg")
    page = Page(first_page(results))
    assert "Fig 2b: sifted key rate against time" in page.text and "tiangong2/papers/fig_2b.svg" in page.links


def test_a_mission_of_ones_own_shows_its_values_and_why_there_is_no_key(results):
    shutil.copytree(results / "tiangong2", results / "template")
    text = json.dumps(
        {"key_length": {"value": 0.0, "unit": "1"}, "no_key": {"value": "too many errors", "unit": "reason"}}
    )
    put(results, "template/run1/key.observables.json", text)
    page = Page(first_page(results))
    assert "A telescope on a roof in Vienna" in page.text and "no key too many errors in 1 of 2 runs" in page.text
    assert page.text.index("Tiangong-2") < page.text.index("Vienna")


def test_a_scenario_that_cannot_be_read_any_more_is_named(results):
    put(results, "mine/orbit.nc", "")
    (results.parent / "data/scenarios/mine.yaml").write_text("name: mine\n")
    assert "mine.yaml: the key" in Page(first_page(results)).text


def test_without_results_there_is_a_page_all_the_same(tmp_path):
    assert "No experiment" in first_page(tmp_path / "results")
    write_first_page(tmp_path / "results")
    assert (tmp_path / "results/report.html").is_file()


def test_the_command_writes_it(results, monkeypatch):
    monkeypatch.chdir(results.parent)
    assert main(["results"]) == 0
    assert (results / "report.html").read_text() == first_page(results)
