"""What the site of the documentation says about the code: nothing is left out."""

import importlib
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest

import satqkd

ROOT = Path(__file__).parents[1]


@pytest.fixture
def script(monkeypatch):
    """A module of docs/ by its name."""
    monkeypatch.syspath_prepend(ROOT / "docs")
    return importlib.import_module


def test_without_results_one_sentence_says_what_to_run(script, monkeypatch):
    pages = script("pages")
    monkeypatch.setattr(pages, "notebooks", lambda name: [])
    with pytest.raises(SystemExit, match=r"^make docs [^.]*run make results first$"):
        pages.write()


def test_the_api_has_every_module(script):
    listed = {name for names in script("api").PARTS.values() for name in names}
    assert listed == {module.name for module in pkgutil.iter_modules(satqkd.__path__)} - {"__main__"}


def test_the_gallery_has_every_figure_that_has_a_caption(script):
    captions = {path.stem for path in (ROOT / "workflow/report").glob("*.rst")}
    tables = {"parameters", "validation_table", "verdicts"}
    of_their_own_commands = {"sweep", "attacks", "acquisitions", "error_rate", "row_key", "row_bell", "fit"}
    gallery = script("gallery")
    of_all = {entry.label for entry in gallery.validation_figures()}
    assert captions - tables - of_their_own_commands == {*gallery.STAGE_FIGURES} | of_all


PHYSICS = sorted((ROOT / "docs/physics").glob("*.md"))


def test_every_figure_that_the_physics_names_is_in_the_gallery(script):
    gallery, named = script("gallery"), 0
    for page in PHYSICS:
        for paragraph in re.findall(r"^\*Figures?\*: (?:.+\n)+", page.read_text(), re.MULTILINE):
            figures = gallery.named_figures(paragraph)
            assert figures, paragraph
            for name, figure in figures:
                assert figure in gallery.STAGE_FIGURES or figure in gallery.CATALOGUE[name], (page.name, figure)
            named += len(figures)
    assert named > len(PHYSICS) / 2


@pytest.mark.parametrize(
    "page, heading",
    [
        ("channel", "Far field of a real telescope"),
        ("channel", "Tracking"),
        ("channel", "Polarisation train"),
        ("channel", "Nights"),
        ("detection", "Monitor on board"),
        ("detection", "Light of the sky"),
        ("orbit", "Timeline"),
        ("key", "Public link"),
    ],
)
def test_each_system_of_the_apparatus_has_a_picture(page, heading):
    text = (ROOT / f"docs/physics/{page}.md").read_text()
    (section,) = [part for part in re.split(r"^## ", text, flags=re.MULTILINE) if part.startswith(heading)]
    assert re.search(r"^(\*Figures?\*: |!\[)", section, re.MULTILINE)


def test_a_page_on_the_physics_shows_the_figures_that_were_drawn(script, monkeypatch):
    gallery = script("gallery")
    page = "Before.\n\n*Figures*: yin2017 Fig 3C, spectrum, and\nyin2017 `contrast`.\n\nAfter.\n"
    contrast = "yin2017/figures/contrast.svg"
    monkeypatch.setattr(gallery, "drawn", lambda entries: [one for one in entries if one.file == contrast])
    shown = gallery.with_pictures(page)
    assert re.findall(r"\]\((.*?)\)", shown) == [f"../../results/{contrast}", "#yin2017-contrast"]
    assert shown.startswith(page.partition("\n\nAfter")[0]) and shown.endswith("```\n\nAfter.\n")
    monkeypatch.setattr(gallery, "drawn", lambda entries: [])
    assert gallery.with_pictures(page) == page


def test_the_picture_of_twilight_shows_what_its_page_says(script):
    twilight = script("twilight")
    sky = twilight.lights()
    page = " ".join((ROOT / "docs/physics/detection.md").read_text().split())
    assert "is 7.3, 3.9, 2.6 and 2.0 times as bright as without it" in page
    assert "At 60° from a half Moon it is 1.14 times as bright" in page
    last_digit = {"full Moon": (2.6, 0.05), "half Moon": (1.14, 0.005)}
    for phase, (brighter, half) in last_digit.items():
        assert (1 + sky.moon.sel(phase=phase) / sky.dark).values == pytest.approx(brighter, abs=half)
    towards, away, dark, full, _ = (line.get_ydata() for line in twilight.twilight_figure(sky).axes[0].lines)
    assert (dark == sky.dark.values).all() and (full == sky.moon.values[0]).all()
    assert np.isnan(towards[sky.sun_elevation < -18]).all() and (towards > away)[sky.sun_elevation >= -18].all()
