"""The page of a scenario's parameters."""

import html
import re
from html.parser import HTMLParser

import pytest

from satqkd.report import parameters_page
from satqkd.scenario import load_scenario
from satqkd.tables import parameter_rows

SCENARIOS = ("yin2017", "liao2017", "yin2020", "tiangong2", "jinan1", "spooqy1", "template", "recorded_example")


@pytest.fixture(params=SCENARIOS)
def scenario(request, root):
    return load_scenario(root / f"data/scenarios/{request.param}.yaml")


def test_every_sourced_value_stands_there_with_its_words(scenario):
    found = {key: (origin, words) for key, _, origin, words, _ in parameter_rows(scenario) if words}
    assert found == scenario.origins


def test_keys_are_those_by_which_a_scenario_is_changed(scenario):
    for key, value, *_ in parameter_rows(scenario):
        if re.fullmatch(r"[-+0-9.e]+", value) and not key.startswith("outlook."):
            changed = {row[0]: row[1] for row in parameter_rows(scenario.replaced({key: float(value)}))}
            assert changed[key] == value


def test_what_a_file_leaves_out_is_a_default(scenario):
    origins = {key: origin for key, _, origin, _, _ in parameter_rows(scenario)}
    text = scenario.path.read_text()
    assert {"coincidence.accidental_gap_ns": "default"}.items() <= origins.items() or "accidental_gap_ns" in text
    for key in (key for key, origin in origins.items() if origin == "default" and not re.search(r"\.\d\.", key)):
        assert not re.search(rf"^ *(- )?{key.rpartition('.')[2]}:", text, re.MULTILINE), key


def test_values_are_shown_as_one_would_write_them(root):
    rows = {key: value for key, value, *_ in parameter_rows(load_scenario(root / "data/scenarios/liao2017.yaml"))}
    assert rows["transmitter.divergence_full_angle_urad"] == "[8.5, 11]"
    assert rows["source.pulse_rate_hz"] == "100000000"
    assert rows["source.intensity_probabilities"] == "signal 0.5, decoy 0.25, vacuum 0.25"
    assert rows["source.mean_photon_numbers.decoy"] == "0.1 (0.095 to 0.105)"
    assert rows["orbit.satellite_in_shadow"] == "no"
    assert rows["measurements.0.angles_deg"] == "[[0, 45]]"


class Cells(HTMLParser):
    """The texts of a page's cells, row by row, and whether every tag is closed in order."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.open, self.outside = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "!doctype"):
            self.open.append(tag)
        self.outside += [v for k, v in attributes if k in ("src", "href") and not v.startswith("#")]
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if set(self.open) & {"td", "th"}:
            self.rows[-1][-1] += data


def test_the_page_holds_every_row_and_asks_for_nothing(scenario):
    text = parameters_page(scenario)
    cells = Cells(text)
    assert not cells.open and not cells.outside and "<script" not in text and "http" not in text
    shown = [tuple(row[1:4]) for row in cells.rows if row[0] != "key"]
    assert shown.sort() == [(value, origin, words) for _, value, origin, words, _ in parameter_rows(scenario)].sort()
    assert len(shown) == len(parameter_rows(scenario))


def test_words_with_signs_of_html_are_text(root, tmp_path):
    words = "<b>5 & 6</b>"
    path = tmp_path / "tiangong2.yaml"
    source = (root / "data/scenarios/tiangong2.yaml").read_text()
    path.write_text(source.replace('"main text, about"', f'"{words}"', 1))
    page = parameters_page(load_scenario(path))
    assert words not in page and html.escape(words) in page
