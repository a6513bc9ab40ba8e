"""Missions that nobody has published as here: the template and two worked examples."""

import copy

import numpy as np
import pytest
import yaml

from satqkd.analytic.prospect import answer
from satqkd.orbit import find_sessions, passes, read_elements
from satqkd.orbit.frames import geodetic_to_itrs
from satqkd.scenario import ORIGINS, load_scenario
from satqkd.workflow.check import check

EXAMPLES = ("jinan1", "spooqy1")


@pytest.fixture(scope="module", params=[*EXAMPLES, "template"])
def mission(request, root):
    return check(root / f"data/scenarios/{request.param}.yaml")


def test_it_is_held_against_nothing_and_yields_a_key(mission):
    found = answer(mission, find_sessions(mission))
    assert mission.reference is None
    assert found.key > 3 * found.key_sigma > 0
    assert mission.source.kind == "decoy" or found.chsh_s > 2


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_number_of_an_example_says_where_it_comes_from(root, name):
    def unsourced(node, path=""):
        if isinstance(node, dict) and "value" not in node:
            for key, value in node.items():
                yield from unsourced(value, f"{path}.{key}")
        elif isinstance(node, list):
            for number, value in enumerate(node):
                yield from unsourced(value, f"{path}.{number}")
        elif isinstance(node, int | float) and not isinstance(node, bool):
            yield path

    tree = yaml.safe_load((root / f"data/scenarios/{name}.yaml").read_text())
    assert not [path for path in unsourced(tree) if not path.endswith("utc_offset_h")]
    assert {origin for origin, _ in load_scenario(root / f"data/scenarios/{name}.yaml").origins.values()} <= set(
        ORIGINS[:2]
    )


def test_the_template_has_every_section_of_a_mission(root):
    tree = yaml.safe_load((root / "data/scenarios/template.yaml").read_text())
    model = type(load_scenario(root / "data/scenarios/template.yaml"))
    assert set(tree) >= set(model.model_fields) - {"kind", "reference", "outlook", "attack"}


def test_the_pairs_in_the_templates_comment_load(root, tmp_path):
    text = (root / "data/scenarios/template.yaml").read_text()
    tree, block = yaml.safe_load(text), text[text.index("# Pairs instead") :].splitlines()[1:]
    tree |= yaml.safe_load("\n".join(line.removeprefix("# ") for line in block))
    del tree["relay"]
    tree["stations"].append(copy.deepcopy(tree["stations"][0]) | {"name": "other"})
    (tmp_path / "template.yaml").write_text(yaml.safe_dump(tree))
    assert load_scenario(tmp_path / "template.yaml").source.kind == "entangled"


def test_the_constructed_orbit_is_what_it_is_said_to_be(root):
    """500 km high, and above the same local time every night."""
    elements = read_elements(root / "data/orbits/jinan1.csv")
    equator = type("Station", (), {"latitude_deg": 0.0, "longitude_deg": 20.0, "altitude_m": 0.0})
    start = np.datetime64("2024-10-01", "ns")
    found = passes(elements, equator, start, start + np.timedelta64(30, "D"), 60.0)
    hours = [(p.culmination - p.culmination.astype("datetime64[D]")) / np.timedelta64(1, "h") for p in found]
    local = (np.array(hours) + 20 / 15) % 24
    night = local[(local > 18) | (local < 6)]
    # The equation of time does not enter a mean local time; ten minutes are the width of what passes above 60 degrees.
    a_quarter_of_an_hour = 0.25
    assert night.size > 3 and np.abs(night - 23).max() < a_quarter_of_an_hour
    ten_kilometres = 1e4  # an eccentricity of 0.001
    over = [p for p in found if p.max_elevation_deg > 80]
    heights_m = np.array([p.shortest_range_m * np.sin(np.radians(p.max_elevation_deg)) for p in over])
    assert heights_m.size and np.abs(heights_m - 500e3).max() < ten_kilometres


def test_beijing_and_stellenbosch_are_as_far_apart_as_published(root):
    """12,900 km along the ground: Li et al., Nature 640, 47 (2025)."""
    mission = load_scenario(root / "data/scenarios/jinan1.yaml")
    ends = [
        geodetic_to_itrs(place.latitude_deg, place.longitude_deg, place.altitude_m)
        for place in (mission.stations[0], mission.relay)
    ]
    chord_m = np.linalg.norm(ends[0] - ends[1])
    ground_km = 2 * 6371 * np.arcsin(chord_m / (2 * 6371e3))
    half_of_the_last_digit_km = 50
    assert abs(ground_km - 12_900) < half_of_the_last_digit_km
