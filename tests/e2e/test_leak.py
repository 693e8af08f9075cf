"""A person with a telephone looks for a leak: live water, a stopcock, a verdict; and the page without a script."""

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from drivers.encode import records, wmbus
from drivers.model import Address
from gateway.alerts import Alerts
from gateway.ledger import Ledger
from gateway.services.model import Finding, Service
from tests.e2e.conftest import Running, started
from tests.e2e.sticks import Stick

pytestmark = pytest.mark.timeout(90)

METER = Address("wmbus", "23118604", "RLV", 0x01, 0x07)
PHONE = {"width": 360, "height": 740}
L_PER_H = 3600.0


class Water:
    """A meter that is heard each half-second, of a litre a second while the stopcock is open."""

    def __init__(self, folder: Path) -> None:
        self.open = True
        self._stick = Stick(folder / "stick")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        litres, number = 612_483.0, 0
        while not self._ended.wait(0.5):
            litres += 0.5 if self.open else 0
            number += 1
            self._stick.hands_on(wmbus.telegram(METER, records.volume(int(litres)), number & 0xFF))

    def end(self) -> None:
        self._ended.set()
        self._thread.join()


def told(folder: Path) -> int:
    """The story of a leak, as the services would have told it; its id."""
    ledger = Ledger.open(folder / "ledger.db")
    now = int(time.time())
    grounds = {"l_per_h": L_PER_H, "lost_l": 2 * L_PER_H, "hours": 2.0}
    finding = Finding(Service.LEAK, "eau-froide", "burst", now - 7200, grounds, 3)
    with ThreadPoolExecutor(1) as beside:  # the browser's own loop runs in this thread
        (story,) = beside.submit(lambda: asyncio.run(Alerts(ledger).tell(now, Service.LEAK, [finding]))).result()
    ledger.close()
    return story.id


@pytest.fixture
def water(tmp_path: Path) -> Iterator[Water]:
    water = Water(tmp_path)
    yield water
    water.end()


@pytest.fixture
def house(tmp_path: Path, water: Water) -> Iterator[Running]:
    (tmp_path / "data").mkdir()
    assert told(tmp_path / "data") == 1
    config = tmp_path / "releve.toml"
    config.write_text(
        f'[box]\ndata = "{tmp_path}/data"\nruntime = "{tmp_path}/run"\nsecret = "{tmp_path}/secret"\n'
        f'[[port]]\nname = "radio"\nprotocol = "wmbus"\nreceiver = "im871a"\ndevice = "{tmp_path}/stick"\n'
        f'[[meter]]\nname = "Eau froide"\naddress = "{METER}"\n'
    )
    with started(str(Path(__file__).with_name("house_in_a_hurry.py")), str(config), lines=1) as running:
        yield running


def fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"


def ran(page: Page) -> int:
    return int(page.locator("#ran").inner_text())


def test_a_leak_is_looked_for_with_live_water(
    house: Running, water: Water, context_with: Callable[..., BrowserContext]
) -> None:
    page = context_with(viewport=PHONE).new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page's script failed: {error}"))
    url = f"{house.url}/leak/1"
    begin = page.get_by_role("button", name="Personne ne prend d’eau : commencer")
    for _ in range(60):
        page.goto(url)
        if begin.is_visible():
            break
        page.wait_for_timeout(250)
    fits(page)
    begin.click()
    expect(page.locator("main")).to_contain_text("De l’eau coule, alors que personne n’en prend.", timeout=10_000)
    page.evaluate("window.notReloaded = true")
    before = ran(page)
    expect(page.locator("#ran")).not_to_have_text(str(before), timeout=4_000)
    assert ran(page) > before
    assert page.evaluate("window.notReloaded"), "by the script, and not by loading the page again"
    fits(page)

    water.open = False
    page.get_by_role("button", name="Le robinet d’arrêt est fermé").click()
    expect(page.locator("main")).to_contain_text("la fuite est chez vous, après le robinet d’arrêt", timeout=15_000)
    assert ran(page) == 0
    fits(page)
    page.get_by_role("button", name="Le robinet d’arrêt est rouvert").click()
    water.open = True
    expect(page.locator("main")).to_contain_text("L’eau coule de nouveau.", timeout=10_000)
    page.get_by_role("button", name="Un W.-C. est fermé").click()

    plain = context_with(viewport=PHONE, java_script_enabled=False).new_page()
    plain.goto(url)
    expect(plain.locator("main")).to_contain_text("Cela coule encore : ce n’est pas celui-ci", timeout=15_000)
    water.open = False
    plain.get_by_role("button", name="Le W.-C. suivant est fermé").click()
    expect(plain.locator("main")).to_contain_text("la fuite est au dernier W.-C. que vous avez fermé", timeout=25_000)
    fits(plain)

    plain.goto(f"{url}/letter")
    expect(plain.locator(".letter")).to_contain_text(re.compile(r"n°\s23\s118\s604"))
    fits(plain)
    plain.emulate_media(media="print")
    assert plain.locator(".letter").is_visible()
    for gone in ("nav", "form", ".onscreen", ".foot"):
        assert not any(each.is_visible() for each in plain.locator(gone).all()), gone
