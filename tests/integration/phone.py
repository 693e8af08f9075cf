"""A telephone's browser, as a person in France holds it."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.e2e.conftest import CHROMIUM, QUIET

WIDTH = 360
LOOK_MS = 500


@contextmanager
def holding() -> Iterator[Page]:
    """A page in it; its script must not fail."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_context(locale="fr-FR", viewport={"width": WIDTH, "height": 740}).new_page()
        page.on("pageerror", lambda error: pytest.fail(f"the page's script failed: {error}"))
        yield page
        browser.close()


def fits(page: Page) -> None:
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= WIDTH, f"{page.url} is {width} wide on a screen of {WIDTH}"


def until_it_says(page: Page, url: str, said: str | re.Pattern[str], soon_s: float) -> None:
    """Opened again and again, as its reader would, until it says that."""
    end = time.monotonic() + soon_s
    while time.monotonic() < end:
        page.goto(url)
        fits(page)
        if page.get_by_text(said).first.is_visible():
            return
        page.wait_for_timeout(LOOK_MS)
    pytest.fail(f"{url} does not say {said!r}: {page.locator('main').inner_text()}")
