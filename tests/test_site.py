"""What the site of the documentation says about the code: nothing is left out."""

import importlib
import pkgutil
from pathlib import Path

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
