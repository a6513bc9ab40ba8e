"""The explorer in JupyterLab, in a real Chromium: move a slider, read the changed number."""

import re
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
def lab(root, tmp_path_factory):
    """Address of a JupyterLab on a copy of the notebooks."""
    folder = tmp_path_factory.mktemp("lab")
    for name in ("notebooks", "data"):
        shutil.copytree(root / name, folder / name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", f"--port={port}"]
    command += [f"--ServerApp.root_dir={folder}", "--IdentityProvider.token=", "--ServerApp.port_retries=0"]
    with (folder / "lab.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as server:
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(120):
                try:
                    urllib.request.urlopen(f"{address}/api", timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.5)
            yield address
        finally:
            server.terminate()


def test_a_slider_moves_the_numbers(lab, page):
    page.goto(f"{lab}/lab/tree/notebooks/explore.ipynb")
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    rate = page.locator("tr", has_text="coincidences").locator("b")
    rate.wait_for(timeout=60_000)
    before = rate.inner_text()
    assert re.fullmatch(r"[\d.,]+ /s", before)
    handle = page.locator(".widget-hslider .noUi-handle").first
    handle.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    expect(rate).not_to_have_text(before, timeout=30_000)
    assert float(rate.inner_text().split()[0].replace(",", "")) > float(before.split()[0].replace(",", ""))
