"""The explorer in JupyterLab, in a real Chromium: move a slider, read the changed number."""

import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(root, tmp_path_factory):
    """Address and folder of a JupyterLab on a copy of the notebooks."""
    folder = tmp_path_factory.mktemp("lab")
    for name in ("notebooks", "data"):
        shutil.copytree(root / name, folder / name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", f"--port={port}"]
    # As `make lab` starts it.
    makefile = (root / "Makefile").read_text()
    command += shlex.split(re.search(r"^LAB_SETTINGS := (.*)$", makefile, re.MULTILINE)[1])
    command += [f"--ServerApp.root_dir={folder}", "--IdentityProvider.token=", "--ServerApp.port_retries=0"]
    with (
        (folder / "lab.log").open("w") as log,
        subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as running,
    ):
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(120):
                try:
                    urllib.request.urlopen(f"{address}/api", timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.5)
            yield address, folder
        finally:
            running.terminate()


@pytest.fixture
def explorer(server, page):
    """The page with the explorer in it, and the folder of the copy."""
    address, folder = server
    page.goto(f"{address}/lab/tree/notebooks/explore.ipynb?reset")
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    page.wait_for_timeout(500)  # until the cells are marked as waiting: outputs of an earlier run may be there
    expect(page.get_by_text("[*]:")).to_have_count(0, timeout=60_000)
    page.locator("svg[aria-label^='secret key']").wait_for(timeout=60_000)
    return page, folder


def number(cell):
    return float(cell.inner_text().split()[0].replace(",", ""))


def move(page, slider, steps, key="ArrowRight"):
    page.locator(".widget-hslider .noUi-handle").nth(slider).focus()
    for _ in range(steps):
        page.keyboard.press(key)


def test_a_slider_moves_the_numbers_and_the_curves(explorer):
    page, _ = explorer
    rate = page.locator("tr", has_text="coincidences").locator("b")
    curve = page.locator("svg[aria-label^='coincidences'] path").last
    before, drawn = rate.inner_text(), curve.get_attribute("d")
    assert re.fullmatch(r"[\d.,]+ /s", before)
    move(page, 0, 20)
    expect(rate).not_to_have_text(before, timeout=30_000)
    assert number(rate) > float(before.split()[0].replace(",", ""))
    expect(curve).not_to_have_attribute("d", drawn)
    expect(page.locator("svg[aria-label='secret key (bit) against aperture']")).to_have_count(1, timeout=30_000)
    move(page, 1, 3)
    page.locator("svg[aria-label='secret key (bit) against divergence']").wait_for()


def test_nothing_is_cut_or_asked_on_a_desk(explorer, tmp_path):
    page, _ = explorer
    # A drawing that follows the last slider replaces the curves: whatever looks at them does so in one call.
    page.locator("svg[aria-label]").last.evaluate("curve => curve.scrollIntoView({block: 'nearest'})")
    page.screenshot(path=tmp_path / "explorer.png")
    for label in page.locator(".widget-hslider .widget-label").all():
        assert label.evaluate("label => label.scrollWidth <= label.clientWidth"), label.inner_text()
    cut = page.locator("svg[aria-label] text").evaluate_all(
        """texts => texts.filter(text => {
            const inside = text.getBoundingClientRect(), frame = text.ownerSVGElement.getBoundingClientRect();
            return inside.left < frame.left || inside.right > frame.right;
        }).map(text => text.textContent)"""
    )
    assert cut == []
    # Sliders and curves are seen together while a slider moves.
    height = page.evaluate(
        """() => [...document.querySelectorAll("svg[aria-label]")].at(-1).getBoundingClientRect().bottom
            - document.querySelector(".widget-hslider").getBoundingClientRect().top"""
    )
    assert 0 < height < 600
    assert page.get_by_text("Jupyter news").count() == 0


def test_a_pinned_setting_stays_beside_those_that_follow(explorer):
    page, _ = explorer
    page.get_by_role("button", name="pin", exact=True).click()
    row = page.locator("tr", has_text="coincidences").locator("td")
    expect(row).to_have_count(3)
    pinned = row.nth(2).inner_text()
    move(page, 0, 10)
    expect(row.nth(1)).not_to_have_text(pinned)
    assert row.nth(2).inner_text() == pinned


def test_a_setting_is_saved_once(explorer):
    page, folder = explorer
    move(page, 0, 20)
    saved = folder / "data/scenarios/yin2020_explored.yaml"
    page.get_by_role("button", name="save", exact=True).click()
    page.get_by_text("written: ").wait_for()
    text = saved.read_text()
    assert "assumed: set in the explorer" in text
    page.get_by_role("button", name="save", exact=True).click()
    page.get_by_text("is there already").wait_for()
    assert saved.read_text() == text
