"""The site of the documentation: links by the HTML of all pages; some pages on a desk and on a phone."""

import importlib
import re
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from matplotlib.figure import Figure

from satqkd.papers import CATALOGUE

pytestmark = pytest.mark.browser

SIZES = {"desk": (1280, 900), "phone": (390, 800)}
SAMPLE = [
    "index.html",
    "README.html",
    "CONTRIBUTING.html",
    "docs/tutorial.html",
    "docs/scenario-keys.html",
    "docs/proofs.html",
    "docs/soundness.html",
    "docs/physics/channel.html",
    "docs/physics/key.html",
    "docs/physics/printed.html",
    "docs/site/api/index.html",
    "docs/site/api/satqkd.key.html",
    "docs/site/api/satqkd.key.proofs.decoy.html",
    "docs/site/figures.html",
    "docs/site/figures-yin2020.html",
    "results/yin2020/notebooks/01_orbit.html",
    "results/yin2020/run1/notebooks/05_key.html",
]
# The theme hides what runs over the edge, so that the page itself stays narrow: ask the headings and paragraphs.
CUT_OFF = """[...document.querySelectorAll("h1, h2, h3, dt.sig, p")]
    .filter(element => element.scrollWidth > element.clientWidth + 1).map(element => element.textContent)"""


class Page(HTMLParser):
    """What a page links to, what it loads, and the names of its places."""

    def __init__(self, text):
        super().__init__()
        self.links, self.loads, self.places = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.places.update(filter(None, (given.get("id"), given.get("name"))))
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag == "link" and given.get("rel") in ("stylesheet", "preload", "icon", "modulepreload"):
            self.loads.append(given["href"])
        if tag in ("img", "script", "iframe", "source", "object") and given.get("src"):
            self.loads.append(given["src"])


@pytest.fixture(scope="session")
def site(root):
    folder = root / "results/site"
    if not (folder / "index.html").exists():
        raise FileNotFoundError("results/site is not there: run make results and make docs first")
    return folder


@pytest.fixture(scope="session")
def pages(site):
    """Every page by its path."""
    found = (path for path in site.rglob("*.html") if "_static" not in path.parts)
    return {path: Page(path.read_text()) for path in found}


def test_every_link_inside_leads_somewhere(pages):
    broken = []
    for path, page in pages.items():
        for target in page.links + page.loads:
            link = urlsplit(target)
            if link.scheme:
                continue
            found = (path.parent / unquote(link.path)).resolve() if link.path else path
            place = unquote(link.fragment)
            if not found.exists() or (place and found in pages and place not in pages[found].places):
                broken.append((path.name, target))
    assert len(pages) > 100
    assert not broken


def test_nothing_is_loaded_from_elsewhere(pages):
    assert not [(path.name, load) for path, page in pages.items() for load in page.loads if urlsplit(load).netloc]


def test_every_public_name_has_its_place(pages, root):
    places = set().union(*(page.places for path, page in pages.items() if path.parent.name == "api"))
    packages = ["satqkd", *(f"satqkd.{path.parent.name}" for path in root.glob("src/satqkd/*/__init__.py"))]
    names = 0
    for package in map(importlib.import_module, packages):
        for name in getattr(package, "__all__", []):
            value = getattr(package, name)
            if hasattr(value, "__qualname__"):
                assert f"{value.__module__}.{value.__qualname__}" in places
                names += 1
    assert names > 50


def test_every_figure_of_the_papers_is_shown(site, pages):
    for name, figures in CATALOGUE.items():
        page = pages[site / f"docs/site/figures-{name}.html"]
        assert {f"{name}-{figure}".replace("_", "-") for figure in figures} <= page.places


def test_every_figure_leads_to_the_function_that_draws_it(pages):
    for path, page in pages.items():
        if path.name.startswith("figures-"):
            figures = {place for place in page.places if place.startswith(path.stem.removeprefix("figures-") + "-")}
            functions = [link for link in page.links if "api/satqkd." in link and "#satqkd." in link]
            assert len(figures) == len(functions) > 10


def test_the_code_of_the_figures_draws_them(root, monkeypatch):
    monkeypatch.chdir(root)
    text = (root / "docs/site/figures-yin2020.md").read_text()
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    drawn = 0
    for preamble, *figures in (re.findall(r"^```python\n(.*?)^```", one, re.M | re.S) for one in sections):
        known = {}
        exec(preamble, known)
        for code in figures:
            lines, _, last = code.strip().rpartition("\n")
            exec(lines, known)
            assert isinstance(eval(last, known), Figure), code
            drawn += 1
    assert drawn == 18 + len(CATALOGUE["yin2020"])


@pytest.mark.parametrize("size", SIZES)
def test_pages_fit_and_say_no_error(site, page, size):
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    for name in SAMPLE:
        page.goto((site / name).as_uri())
        page.wait_for_load_state()
        assert page.locator("h1").first.is_visible(), name
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert not page.evaluate(CUT_OFF), name


def test_formulas_are_set(site, page):
    page.goto((site / "docs/physics/channel.html").as_uri())
    page.wait_for_function("document.querySelectorAll('mjx-container').length > 20")
    assert page.locator("mjx-merror").count() == 0


def test_search_finds_a_word(site, page):
    page.goto((site / "search.html").as_uri() + "?q=scintillation")
    page.locator("ul.search li a").first.wait_for(timeout=20_000)
    assert "channel" in " ".join(page.locator("ul.search li a").all_inner_texts()).lower()
