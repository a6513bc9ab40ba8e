"""The pages of the documentation: links, commands and what is made from code."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_scenario_keys_are_current():
    spec = importlib.util.spec_from_file_location("scenario_keys", ROOT / "docs/scenario_keys.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.PAGE.read_text() == script.page()
    assert "| `aperture_m` | number | m | > 0, ≤ 10 |  | clear aperture |" in script.page()
    assert "| `max_sun_elevation_deg` | number | degree | ≥ -90, ≤ 90 | `-6` | highest Sun at every station |" in (
        script.page()
    )


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


def test_the_recipe_of_an_orbit_gives_that_of_jinan1():
    (recipe,) = [block for block in blocks("docs/your-own-mission.md", "python") if "node_rate" in block]
    made = subprocess.run([sys.executable, "-c", recipe], capture_output=True, text=True, check=True).stdout
    assert made == (ROOT / "data/orbits/jinan1.csv").read_text()


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
