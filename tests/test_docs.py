"""The pages of the documentation: links, commands and what is made from code."""

import importlib.util
import re
import subprocess
import sys
import tomllib
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from satqkd import load_scenario
from satqkd.analytic.prospect import answer
from satqkd.orbit import find_sessions

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *(page for folder in ("docs", "docs/physics") for page in ROOT.glob(f"{folder}/*.md")),
    *ROOT.glob("data/*/README.md"),
]


def anchors(page):
    """Names that the headings of a page have in a link."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


@pytest.mark.parametrize("folder", ["docs", "docs/physics"])
def test_the_index_names_every_page(folder):
    index = (ROOT / folder / "README.md").read_text()
    for page in ROOT.glob(f"{folder}/*.md"):
        assert page.name == "README.md" or f"({page.name})" in index, page.name


def test_commands_of_make_are_targets_of_the_makefile():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        named = set(re.findall(r"(?:`|^ *)make ([a-z-]+)", page.read_text(), re.MULTILINE))
        assert named <= targets, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_list_on_a_command_line_is_quoted(page):
    """zsh takes what stands in brackets for a pattern of file names."""
    for line in page.read_text().splitlines():
        if found := re.search(r"--config\b(.*)", line):
            assert not re.search(r"""(?<!['"\w])\w+=\[""", found[1]), line


def test_scenario_keys_are_current():
    spec = importlib.util.spec_from_file_location("scenario_keys", ROOT / "docs/scenario_keys.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.PAGE.read_text() == script.page()
    assert "| `aperture_m` | number | m | > 0, ≤ 10 |  | clear aperture |" in script.page()
    text = "highest elevation of the Sun, at every station"
    assert f"| `max_sun_elevation_deg` | number | degree | ≥ -90, ≤ 90 | `-6` | {text} |" in script.page()


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


def test_the_recipe_of_an_orbit_gives_that_of_jinan1():
    (recipe,) = [block for block in blocks("docs/your-own-mission.md", "python") if "node_rate" in block]
    made = subprocess.run([sys.executable, "-c", recipe], capture_output=True, text=True, check=True).stdout
    assert made == (ROOT / "data/orbits/jinan1.csv").read_text()


def test_the_example_of_the_readme_prints_what_stands_under_it(monkeypatch):
    (code,) = blocks("README.md", "python")
    (shown,) = re.findall(r"```python\n.*?```\n\n```\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    monkeypatch.chdir(ROOT)
    with redirect_stdout(StringIO()) as made:
        exec(code, {"__name__": "readme"})
    assert made.getvalue() == shown


def test_the_readme_states_licence_and_versions_as_the_package_does():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    versions = [text.rpartition(" ")[2] for text in project["classifiers"] if "Python :: 3." in text]
    line = f"Licence: {project['license']}. Python: {versions[0]} to {versions[-1]}."
    assert line in (ROOT / "README.md").read_text().splitlines()


@pytest.mark.slow
def test_what_the_template_is_expected_to_yield_is_what_the_page_shows():
    page = (ROOT / "docs/your-own-mission.md").read_text()
    (block,) = re.findall(r'^python -c "\n(.*?)"\n```\n\nFor the template as it is:', page, re.MULTILINE | re.DOTALL)
    (shown,) = re.findall(r"For the template as it is:\n\n```\n(.*?)```", page, re.DOTALL)
    made = subprocess.run(
        [sys.executable, "-c", block.replace("mine.yaml", "template.yaml")],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    made, shown = (dict(line.split(" ", 1) for line in text.splitlines()) for text in (made, shown))
    assert list(made) == list(shown)
    assert abs(float(made["key"]) - float(shown["key"])) < float(shown["key_sigma"])


def test_what_jinan1_is_expected_to_yield_is_what_the_page_shows():
    page = (ROOT / "docs/your-own-mission.md").read_text()
    mission = load_scenario(ROOT / "data/scenarios/jinan1.yaml")
    sessions = find_sessions(mission)
    expected = answer(mission, sessions)
    rows = {row.split("|")[1].strip(): row.split("|")[2].strip() for row in page.splitlines() if row.count("|") == 4}
    assert rows["sifted bits"] == f"{expected.sifted:,.0f}"
    assert rows["QBER"] == f"{100 * expected.qber:.2f} %"
    assert rows["key length under the scenario's proof"] == f"`{mission.key.bound}`: {expected.key:,.0f}"
    low, high = expected.attenuation_min, expected.attenuation_max
    assert rows["attenuation without detectors"] == f"{low:.1f} to {high:.1f} dB"
    near, far = float(sessions.shortest_range.min()) / 1e3, float(sessions.longest_range.max()) / 1e3
    assert rows["sessions"] == f"1 of {expected.open_s:.0f} s, {near:.0f} to {far:.0f} km"
