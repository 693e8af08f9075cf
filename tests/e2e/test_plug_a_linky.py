"""A household with a telephone and no editor: a Linky's cable is plugged in, found, added, and its index is on the page."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from drivers.encode.tic import standard_frame
from drivers.tic.labels import Mode
from tests.e2e.conftest import Running, started
from tests.e2e.test_find_shelly import fits
from tests.linky import Meter, household
from tests.plugs import Sockets

pytestmark = pytest.mark.timeout(120)

SOON_MS = 30_000
AT = datetime(2026, 11, 19, 18, 0, tzinfo=UTC)
LINKY = household(AT, 1_000_000, 234_000)


@pytest.fixture
def meter() -> Iterator[Meter]:
    """A Linky in standard mode, speaking in a thread of its own."""
    meter = Meter(lambda: standard_frame(LINKY), Mode.STANDARD)
    loop = asyncio.new_event_loop()
    playing = loop.create_task(meter.play())

    def play() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(playing)

    thread = threading.Thread(target=play)
    thread.start()
    yield meter
    loop.call_soon_threadsafe(playing.cancel)
    thread.join()
    loop.close()
    meter.close()


@pytest.fixture
def sockets(tmp_path: Path) -> Sockets:
    return Sockets(tmp_path / "machine")


@pytest.fixture
def house(tmp_path: Path, sockets: Sockets) -> Iterator[Running]:
    """A gateway with an empty configuration, but for its folders."""
    config = tmp_path / "releve.toml"
    config.write_text(f'[box]\ndata = "{tmp_path}/data"\nruntime = "{tmp_path}/run"\ncommit_s = 10\n')
    script = str(Path(__file__).with_name("house_with_sockets.py"))
    with started(script, str(config), str(sockets.folder), lines=1) as running:
        yield running


@pytest.fixture
def phone(context_with: Callable[..., BrowserContext]) -> Page:
    page = context_with(viewport={"width": 360, "height": 740}).new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page's script failed: {error}"))
    return page


def test_a_linky_that_is_plugged_in_is_found_added_and_read(
    house: Running,
    sockets: Sockets,
    meter: Meter,
    phone: Page,
) -> None:
    phone.goto(house.url)
    fits(phone)
    phone.get_by_role("link", name="Ajouter un compteur ou un appareil").click()
    expect(phone.get_by_text("Rien n’est branché qui ne serve déjà.")).to_be_visible()
    fits(phone)
    sockets.plug("ttyUSB0", meter.path, by_id="usb-Maker_TIC_0001-if00-port0", maker="Maker", product="TIC cable")
    plugged = phone.get_by_role("listitem").filter(has_text="TIC cable")
    expect(plugged).to_be_visible(timeout=SOON_MS)  # nobody pressed anything
    fits(phone)
    plugged.get_by_role("button", name="Qu’est-ce que c’est ?").click()
    expect(phone.get_by_text("Un Linky parle sur ce câble (mode standard).")).to_be_visible(timeout=SOON_MS)
    fits(phone)
    phone.get_by_role("button", name="L’ajouter", exact=True).click()
    expect(phone.get_by_text("Un compteur à vous est lu sur cette ligne.")).to_be_visible(timeout=SOON_MS)
    fits(phone)
    phone.get_by_role("link", name="Voir les compteurs").click()
    expect(phone.get_by_label("1234 kWh")).to_be_visible(timeout=SOON_MS)
    fits(phone)
