"""A page of the system's Chromium that must not ask anything of the world outside, nor complain."""

import shutil

import pytest
from playwright.sync_api import sync_playwright

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
QUIET += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="session")
def browser():
    chromium = shutil.which("chromium")
    if chromium is None:
        raise RuntimeError("no chromium: install it (apt-get install chromium), or leave out -m browser")
    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=chromium, args=QUIET)
        yield found
        found.close()


@pytest.fixture
def page(browser):
    """A new page; afterwards it has asked nothing of another host, and reported no error."""
    new = browser.new_page(viewport={"width": 1280, "height": 900})
    asked, errors = [], []
    new.on("request", lambda request: asked.append(request.url))
    new.on("pageerror", lambda error: errors.append(str(error)))
    new.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield new
    new.close()
    assert not errors
    local = ("http://127.0.0.1:", "ws://127.0.0.1:", "file:", "data:", "blob:", "about:")
    assert not [url for url in asked if not url.startswith(local)]
