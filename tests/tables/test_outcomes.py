"""Outcomes beside the published values, for a reader."""

import json

import pytest

from satqkd.files import MissingResult, save_observables
from satqkd.tables import Table, display_beside_published, verdict_counts, verdict_table
from satqkd.validation import gather, load_reference, read_known_deviations, validate

REFERENCES = "data/reference"
ORBIT = {"session_duration": (285.0, "s"), "range_sum": ([1545.0, 4000.0], "km"), "speed": (7.6, "km/s")}


@pytest.fixture
def references(root):
    return root / REFERENCES


def saved(folder, values, stage="orbit"):
    save_observables(values, folder / f"{stage}.observables.json")
    return folder / f"{stage}.observables.json"


def test_a_stage_stands_beside_what_is_printed_of_it(missions, references, tmp_path):
    table = display_beside_published(saved(tmp_path, ORBIT), missions["yin2020"], references).set_index("outcome")
    assert table.loc["pass_duration", ["published", "simulated", "unit"]].tolist() == ["285", "285", "s"]
    assert table.loc[["pass_duration", "range_sum"], "deviation (%)"].tolist() == pytest.approx([0, 100 * 1270 / 2730])
    assert list(table.index) == ["pass_duration", "range_sum", "speed"]
    assert "verdict" not in table and "z" not in table


def test_verdicts_of_all_stages_are_those_of_the_validation_table(missions, references, tmp_path):
    for run, length in enumerate((300.0, 400.0), start=1):
        saved(tmp_path / f"run{run}", {"key_length": (length, "1"), "qber": (0.045, "1")}, "key")
    saved(tmp_path, ORBIT)
    mission, reference = missions["yin2020"], load_reference(references / "yin2020.yaml")
    known = read_known_deviations(references / "known_deviations.yaml")
    frame = validate({"yin2020": reference}, {"yin2020": mission}, {"yin2020": gather(tmp_path)}, known)
    expected = verdict_table(frame[frame.verdict != "missing"])
    shown = display_beside_published(tmp_path, mission, references)
    printed = shown[shown.verdict != "not compared"]
    assert len(printed) >= 4 and printed.equals(expected)
    assert (printed["mean of the runs"] == "350 ± 71").sum() == 1
    assert (printed["predicted [68 %]"] == "350 [279.3, 420.7]").sum() == 1
    assert verdict_counts(shown).equals(verdict_counts(frame[frame.verdict != "missing"]))


def test_a_mission_without_publication_has_its_outcomes_alone(missions, references, tmp_path):
    own = missions["yin2020"].model_copy(update={"reference": None})
    table = display_beside_published(saved(tmp_path, ORBIT | {"no_key": ("", "reason")}), own, references / "nowhere")
    assert list(table.columns) == ["outcome", "simulated", "unit"]
    assert table.simulated.tolist() == ["1545 to 4000", "285", "7.6"]


def test_a_stage_of_which_nothing_is_printed_and_nothing_came_out(missions, references, tmp_path):
    table = display_beside_published(saved(tmp_path, {}, "detection"), missions["yin2020"], references)
    assert isinstance(table, Table) and len(table) == 0 and "published" in table


def test_a_number_that_did_not_come_out_is_missing(missions, references, tmp_path):
    path = saved(tmp_path, {"session_duration": (float("nan"), "s")})
    assert "NaN" in path.read_text() and json.loads(path.read_text())
    table = display_beside_published(path, missions["yin2020"], references)
    assert table.outcome.tolist() == ["pass_duration"] and table.simulated.tolist() == ["–"]


def test_results_that_are_not_there_yet_are_named(missions, references, tmp_path):
    for path in (tmp_path / "nothing", tmp_path / "orbit.observables.json"):
        with pytest.raises(MissingResult, match=f"{path.name} does not exist yet: run make results first"):
            display_beside_published(path, missions["yin2020"], references)
