"""The tables in Snakemake's report, in a real Chromium on a desk and on a phone."""

import pytest

pytestmark = pytest.mark.browser

SIZES = {"desk": (1280, 900), "phone": (390, 800)}


@pytest.fixture(params=SIZES)
def report(request, root, page):
    """The page of the report, in a window of one size."""
    path = root / "results/report-snakemake.html"
    if not path.exists():
        raise FileNotFoundError("results/report-snakemake.html is not there: run make results first")
    width, height = SIZES[request.param]
    page.set_viewport_size({"width": width, "height": height})
    page.set_default_timeout(10_000)
    page.goto(path.as_uri())
    return page


def opened(report, row):
    """The page behind a row of the menu, which is then put away."""
    report.locator("tr", has_text=row).locator("a[iconname=eye]").click()
    report.locator("iframe").wait_for(state="attached")  # on a phone the menu covers it
    frame = report.frames[-1]
    report.locator("a.bg-transparent").nth(1).click()  # the cross, beside what opens the menu again
    frame.wait_for_function("innerWidth >= 390")
    frame.locator("h1").wait_for()
    return frame


def fits(frame):
    return frame.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_parameters_of_an_experiment_say_where_they_come_from(report):
    report.get_by_text("tiangong2", exact=True).first.click()
    report.get_by_text("parameters", exact=True).first.click()
    frame = opened(report, "parameters")
    assert fits(frame)
    row = frame.locator("tr", has_text="pulse_rate_hz").first
    assert "published" in row.inner_text() and "main text" in row.inner_text()
    assert frame.get_by_text("calibrated", exact=True).first.is_visible()


def test_verdicts_can_be_read_and_reasons_opened(report):
    report.get_by_text("validation", exact=True).first.click()
    frame = opened(report, "validation.html")
    assert fits(frame)
    row = frame.locator("tr", has_text="orbit_speed").last
    assert "within" in row.inner_text() and "7.7" in row.inner_text()
    reason = row.locator("details")
    before = reason.bounding_box()["height"]
    reason.locator("summary").click()
    assert reason.bounding_box()["height"] > before
