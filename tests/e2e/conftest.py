"""A real browser, and the furnished house as its visitor meets it."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
# Without these Chromium looks for hosts beyond the machine on its own account.
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]
STOP_S_MAX = 10


@dataclass(frozen=True)
class Running:
    """A gateway in a process of its own: where its pages are, and what else it printed."""

    url: str
    said: list[str]
    process: "subprocess.Popen[str]"


@contextmanager
def started(*command: str, lines: int) -> Iterator[Running]:
    """Start a gateway and read the first `lines` it prints, the address among them; it must stop cleanly."""
    process = subprocess.Popen([sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        said = [process.stdout.readline().rstrip("\n") for _ in range(lines)]
        address = re.search(r"http://\S+", "\n".join(said))
        assert address is not None, said
        yield Running(address[0].rstrip("/"), said, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_S_MAX) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        if process.stdin is not None:
            process.stdin.close()


@pytest.fixture(scope="session")
def demo() -> Iterator[Running]:
    """`releve demo`, as the README says it."""
    with started("-m", "gateway", "demo", "--port", "0", lines=3) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    assert Path(CHROMIUM).exists(), f"{CHROMIUM} is needed: make test installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def context_with(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Makes browser contexts that are closed afterwards."""
    opened: list[BrowserContext] = []

    def make(**options: object) -> BrowserContext:
        opened.append(browser.new_context(**{"locale": "fr-FR", **options}))  # type: ignore[arg-type]
        return opened[-1]

    yield make
    for context in opened:
        context.close()


@pytest.fixture
def page(context_with: Callable[..., BrowserContext]) -> Page:
    """A page in French; anything its console calls an error fails the test."""
    page = context_with().new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page's script failed: {error}"))
    return page
