"""The page on which the results open, in a real Chromium on a desk and on a phone."""

import pytest

pytestmark = pytest.mark.browser

EXPERIMENTS = ("yin2017", "liao2017", "yin2020", "tiangong2")


@pytest.fixture(params=[(1280, 900), (390, 800)], ids=["desk", "phone"])
def results(request, root, page):
    """The page in a window of one size."""
    path = root / "results/report.html"
    if not path.exists():
        raise FileNotFoundError("results/report.html is not there: run make results first")
    width, height = request.param
    page.set_viewport_size({"width": width, "height": height})
    page.goto(path.as_uri())
    return page


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_each_experiment_has_its_figure_and_its_numbers(results, experiment):
    section = results.locator("section", has=results.locator(f"h2#{experiment}"))
    picture = section.locator("img")
    assert picture.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 300
    rows = section.locator("tbody tr")
    assert rows.count() >= 3
    for row in rows.all():
        assert any(verdict in row.inner_text() for verdict in ("within", "vague", "listed", "outside"))


def test_nothing_is_wider_than_the_window(results):
    assert results.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_verdicts_and_the_report_of_snakemake_are_one_touch_away(results):
    results.locator("a[href='report-snakemake.html']").wait_for()
    results.locator("a[href='validation.html#yin2020']").click()
    results.locator("h2#yin2020").wait_for()
    assert results.get_by_text("Published against simulated").count() >= 1
