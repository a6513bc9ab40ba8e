"""An explored scenario as a file: the same values, marked as assumed, and never over another file."""

import shutil

import pytest

from satqkd.explorer.saving import save_scenario
from satqkd.explorer.settings import CUT, beginning, changes, settings_of, with_settings
from satqkd.scenario import ScenarioError, load_scenario

NAMES = ("yin2017", "liao2017", "yin2020", "tiangong2", "template")


@pytest.fixture(params=NAMES)
def scenario(request, root, tmp_path):
    """A scenario in a folder of its own, with the element sets beside it."""
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "orbits").symlink_to(root / "data/orbits")
    shutil.copy(root / f"data/scenarios/{request.param}.yaml", tmp_path / "scenarios")
    return load_scenario(tmp_path / f"scenarios/{request.param}.yaml")


def values(scenario):
    moved = {
        setting.label: (beginning(scenario, setting) or setting.top / 2) * 0.93 for setting in settings_of(scenario)
    }
    return moved | {CUT: 0.0}


def without(scenario, *names):
    tree = scenario.model_dump(mode="json")
    return {name: value for name, value in tree.items() if name not in names}


def kept(scenario, changed=()):
    """Where the values come from that a saved scenario takes over."""
    gone = ("reference", "outlook")
    return {key: words for key, words in scenario.origins.items() if key not in changed and not key.startswith(gone)}


def test_what_is_saved_is_what_was_explored(scenario):
    saved = load_scenario(save_scenario(scenario, values(scenario), "explored"))
    left_out = ("name", "reference", "outlook")
    assert without(saved, *left_out) == without(with_settings(scenario, values(scenario)), *left_out)
    assert saved.name == "explored" and saved.reference is None and not saved.outlook


def test_only_changed_values_are_assumed_and_all_others_keep_their_words(scenario):
    saved = load_scenario(save_scenario(scenario, values(scenario), "explored"))
    changed = changes(scenario, values(scenario))
    assert len(changed) >= len(settings_of(scenario))
    for key in changed:
        origin, words = saved.origins[key]
        assert origin == "assumed" and scenario.path.name in words
    assert kept(scenario, changed) == kept(saved, changed)


def test_an_elevation_cut_becomes_the_lowest_elevation(scenario):
    saved = load_scenario(save_scenario(scenario, {CUT: 33.0}, "explored"))
    assert saved.orbit.min_elevation_deg == 33 and saved.origins["orbit.min_elevation_deg"][0] == "assumed"
    lower = load_scenario(save_scenario(scenario, {CUT: 1.0}, "lower"))
    assert lower.orbit == scenario.orbit and kept(lower) == kept(scenario)


@pytest.mark.parametrize("name", ["taken", "../up", "Upper", ""])
def test_no_file_is_written_over_nor_left(scenario, name):
    folder = scenario.path.parent
    (folder / "taken.yaml").write_text("mine")
    before = {file: file.read_bytes() for file in folder.parent.glob("*/*.yaml")}
    with pytest.raises(ScenarioError, match="give another name" if name == "taken" else "name="):
        save_scenario(scenario, values(scenario), name)
    assert {file: file.read_bytes() for file in folder.parent.glob("*/*.yaml")} == before


def test_words_on_a_whole_section_do_not_cover_a_changed_value(root, tmp_path):
    (tmp_path / "orbits").symlink_to(root / "data/orbits")
    (tmp_path / "scenarios").mkdir()
    path = tmp_path / "scenarios/template.yaml"
    text = (root / "data/scenarios/template.yaml").read_text()
    plain = "coincidence:\n  window_ns: 2                    # full width; less than the time between two pulses\n"
    assert plain in text
    text = text.replace(plain, "coincidence:\n  value: {window_ns: 2}\n  published: somewhere\n")
    path.write_text("\n".join(line for line in text.splitlines() if "accidental_gap_ns" not in line))
    saved = load_scenario(save_scenario(load_scenario(path), {"window": 1.0}, "explored"))
    assert saved.coincidence.window_ns == 1
    assert saved.origins["coincidence.window_ns"][0] == "assumed" and "coincidence" not in saved.origins
