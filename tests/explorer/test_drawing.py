"""The explorer's curves: what is drawn is what the analytic chain says."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from satqkd.analytic.prospect import answer, through_pass
from satqkd.explorer.drawing import HEIGHT, WIDTH, Shown, drawings
from satqkd.explorer.settings import CUT, KeyCurve, beginning, key_curve, settings_of, with_settings
from satqkd.explorer.sliders import Explorer
from satqkd.scenario import load_scenario

SOUND = {"decoy": ("multinomial", "multinomial_two_way"), "entangled": ("projected",)}
LABELS = [*(setting.label for setting in settings_of(load_scenario("yin2020"))), CUT]


# One mission of each kind of source; the others, with dearer proofs, are slow.
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("yin2017", "liao2017", "template")]


@pytest.fixture(scope="module", params=["yin2020", "tiangong2", *SLOW[:2]])
def mission(request, missions, orbits):
    return missions[request.param], orbits[request.param]


def own(scenario):
    return {setting.label: beginning(scenario, setting) for setting in settings_of(scenario)} | {CUT: 0.0}


@pytest.mark.parametrize("label", LABELS)
def test_a_key_curve_is_the_answer_at_each_of_its_points(mission, label):
    scenario, orbit = mission
    curve = key_curve(scenario, orbit, own(scenario), label)
    of_nodes = 0.03  # 50 seconds in place of 200
    assert curve.own in curve.value
    # A cut takes away whole points of a curve, each of several seconds: only where nothing is cut is it the same.
    assert label != CUT or curve.key[-1] <= curve.key[0]
    for place in (0,) if label == CUT else (0, curve.value.size // 2, -1):
        values = own(scenario) | {label: curve.value[place]}
        cut = values.pop(CUT)
        found = answer(with_settings(scenario, values), orbit, min_elevation_deg=cut)
        assert abs(curve.key[place] - found.key) <= max(of_nodes * found.key, 3 * found.key_sigma)


def test_a_value_that_no_scenario_can_have_is_a_gap(missions, orbits):
    scenario = missions["liao2017"].replaced({"coincidence.accidental_gap_ns": 5})
    curve = key_curve(scenario, orbits["liao2017"], own(scenario), "window")
    assert np.isnan(curve.key).tolist() == (curve.value > 5).tolist()


def test_the_course_is_that_of_the_session_shown(mission):
    scenario, orbit = mission
    course = through_pass(scenario, orbit)
    shown = orbit.isel(time=orbit.session_number.values == orbit.attrs["showcase"])
    assert course.elapsed_s[0] == 0 and 0 < course.elapsed_s[-1] < shown.sizes["time"]
    nearest = shown.range.sum("station").values.argmin()
    assert abs(course.elapsed_s[course.attenuation_db.argmin()] - nearest) < 60
    one_node = 1  # accidental coincidences, which count too, peak where one link alone is best
    assert abs(course.rate_hz.argmax() - course.attenuation_db.argmin()) <= one_node and (course.qber >= 0).all()
    high = through_pass(scenario, orbit, min_elevation_deg=30)
    assert high.elapsed_s.size < course.elapsed_s.size and high.elapsed_s[0] > 0
    assert through_pass(scenario, orbit, min_elevation_deg=89.9).elapsed_s.size == 0


def panels(html):
    return [ET.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL)]


@pytest.mark.parametrize("key", [0.0, 3e2, 4e8])
def test_everything_drawn_lies_within_its_panel(mission, key):
    scenario, orbit = mission
    course = through_pass(scenario, orbit)
    shown = Shown(own(scenario), replace(answer(scenario, orbit), key=key), course)
    curve = KeyCurve("window", "ns", np.array([1.0, 2.0, 4.0]), np.array([0.0, np.nan, key]), 2.0)
    drawn = panels(drawings(shown, shown, curve))
    assert [panel.get("aria-label").split(" (")[0] for panel in drawn][::3] == ["attenuation", "secret key"]
    for panel in drawn:
        for path in panel.iter("path"):
            points = np.array(re.findall(r"([-\d.]+),([-\d.]+)", path.get("d")), float)
            assert points.size and (points >= 0).all() and (points <= [WIDTH, HEIGHT]).all()
    assert "nan" not in drawings(shown, None, curve)


def test_nothing_is_drawn_of_no_second(mission):
    scenario, orbit = mission
    course = through_pass(scenario, orbit, min_elevation_deg=89.9)
    shown = Shown(own(scenario), answer(scenario, orbit, min_elevation_deg=89.9), course)
    assert len(panels(drawings(shown, None, key_curve(scenario, orbit, own(scenario), CUT)))) == 4


@pytest.mark.parametrize("name", ["yin2020", "tiangong2", *SLOW])
def test_every_slider_answers_under_every_sound_proof(root, name):
    explorer = Explorer([root / f"data/scenarios/{name}.yaml"])
    for bound in SOUND[explorer.scenario.source.kind]:
        explorer.scenario = explorer.scenario.replaced({"key.bound": bound})
        for label, slider in explorer.sliders.items():
            slider.value = min(slider.value * 1.1 or 5, 1e12)
            assert f"against {label}" in explorer.curves.value
            assert f"{explorer.shown.result.key:,.0f} ±" in explorer.numbers.value


def test_a_pin_keeps_the_setting(root):
    explorer = Explorer([root / "data/scenarios/tiangong2.yaml"])
    first = f"{explorer.shown.result.key:,.0f} ±"
    explorer.pin.value = True
    explorer.sliders["aperture"].value *= 1.2
    assert first in explorer.numbers.value and f"{explorer.shown.result.key:,.0f} ±" in explorer.numbers.value
    explorer.pin.value = False
    assert first not in explorer.numbers.value


def test_a_curve_is_worked_out_once_while_one_slider_moves(root, monkeypatch):
    explorer = Explorer([root / "data/scenarios/tiangong2.yaml"])
    seen = []
    monkeypatch.setattr("satqkd.explorer.sliders.key_curve", lambda *a: seen.append(a[-1]) or key_curve(*a))
    for label in ("aperture", "aperture", "window", "window", "aperture"):
        explorer.sliders[label].value *= 1.1
    assert seen == ["window", "aperture"]
