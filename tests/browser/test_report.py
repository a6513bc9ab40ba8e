"""Snakemake's report in a real Chromium: opens from the disk, shows every category, asks nothing of the network."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

pytestmark = pytest.mark.browser

EXPERIMENTS = ("yin2017", "liao2017", "yin2020", "tiangong2")


@pytest.fixture(params=[(1280, 900), (390, 800)], ids=["desk", "phone"])
def report(request, root, page):
    """The page of the report, on a desk and on a phone."""
    path = root / "results/report-snakemake.html"
    if not path.exists():
        raise FileNotFoundError("results/report-snakemake.html is not there: run make results first")
    width, height = request.param
    page.set_viewport_size({"width": width, "height": height})
    page.goto(path.as_uri())
    return page


def entries(page):
    """The folders that the menu shows."""
    return [text for text in page.locator("ul li, nav a, a").all_inner_texts() if text.strip()]


def shown(page, name):
    """Open the figure of a row, and return its natural width once it is loaded."""
    page.locator("tr", has_text=name).locator("a[iconname=eye]").click()
    picture = page.locator("img[src^='data:image']").last
    picture.wait_for()
    return picture.evaluate("picture => picture.decode().then(() => picture.naturalWidth)")


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_category_of_an_experiment_has_figures(report, experiment):
    report.get_by_text(experiment, exact=True).click()
    report.get_by_text("1 orbit", exact=True).wait_for()
    categories = [text for text in entries(report) if text[0].isdigit()]
    assert len(categories) >= 6
    for category in categories:
        report.get_by_text(category, exact=True).click()
        report.locator("tr").nth(1).wait_for()
        assert report.locator("tbody tr").count() >= 1
        report.get_by_text(experiment, exact=True).click()


def test_a_figure_and_its_caption_open(report, tmp_path):
    report.get_by_text("yin2020", exact=True).click()
    report.get_by_text("5 key", exact=True).click()
    assert shown(report, "length") > 300
    report.screenshot(path=tmp_path / "report.png")
    colours = plt.imread(tmp_path / "report.png")[..., :3]
    assert len(np.unique(colours.reshape(-1, 3), axis=0)) > 20
    report.locator("tr", has_text="length").locator("a[iconname=information-circle]").click()
    report.get_by_text("Secret key that each proof grants").wait_for()


def test_the_validation_is_there(report):
    report.get_by_text("validation", exact=True).first.click()
    report.locator("tr").nth(1).wait_for()
    assert report.locator("tbody tr").count() >= 1
