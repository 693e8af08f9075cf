"""Somebody opens the page that adds devices on a telephone: a Shelly appears by itself, is added, and its index is theirs."""

import asyncio
import re
import secrets
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect
from zeroconf import IPVersion, ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from gateway.ports.shelly import EVERY_S
from tests.e2e.conftest import Running, started
from tests.shelly import Shelly

pytestmark = pytest.mark.timeout(120)

SOON_MS = 20_000
PASSWORD = "korrekt horse battery"
NAME = f"shellyproem50-{secrets.token_hex(6)}"  # another machine's tests may be heard on the same loopback


@contextmanager
def announced(shelly: Shelly) -> Iterator[int]:
    """The device in a thread with a loop of its own: it answers on loopback, and announces itself there."""
    ready, done = Event(), asyncio.Event()
    port = 0
    loop = asyncio.new_event_loop()

    async def live() -> None:
        nonlocal port
        async with shelly.serving() as port:
            mdns = AsyncZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only)
            for kind in ("_shelly._tcp.local.", "_http._tcp.local."):
                texts = {"gen": "2", "app": "ProEM50", "ver": "1.0.0"}
                service = ServiceInfo(
                    kind, f"{NAME}.{kind}", parsed_addresses=["127.0.0.1"], port=port, properties=texts,
                    server=f"{NAME}.local.",
                )  # fmt: skip
                await mdns.async_register_service(service)
            try:
                ready.set()
                await done.wait()
            finally:
                await mdns.async_close()

    thread = Thread(target=loop.run_until_complete, args=(live(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield port
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()


@pytest.fixture
def shelly() -> Iterator[Shelly]:
    device = Shelly(PASSWORD)
    device.info["id"] = NAME
    with announced(device):
        yield device


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Running]:
    """A gateway without any line."""
    config = tmp_path / "releve.toml"
    config.write_text(f'[box]\ndata = "{tmp_path}/data"\nruntime = "{tmp_path}/run"\ncommit_s = 10\n')
    with started(str(Path(__file__).with_name("open_house.py")), str(config), lines=1) as running:
        yield running


@pytest.fixture
def phone(context_with: Callable[..., BrowserContext]) -> Page:
    page = context_with(viewport={"width": 360, "height": 740}).new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page's script failed: {error}"))
    return page


def late(route: Route) -> None:
    """The page's live line opens only once the first value was said: it tells of none that came before."""
    time.sleep(EVERY_S + 1)
    route.continue_()


def fits(page: Page) -> None:
    width, inner = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width <= inner, f"{page.url} is {width} wide on a screen of {inner}"


def test_a_shelly_appears_by_itself_is_added_and_one_of_its_channels_is_a_meter(
    house: Running, shelly: Shelly, phone: Page
) -> None:
    phone.goto(f"{house.url}/meters")
    fits(phone)
    phone.get_by_role("link", name="Ajouter un compteur ou un appareil").click()
    fits(phone)
    found = phone.get_by_role("listitem").filter(has_text=NAME)
    expect(found).to_be_visible(timeout=SOON_MS)  # nobody pressed anything
    expect(phone.get_by_role("heading", name=NAME)).to_have_count(1)  # though it announces itself twice
    fits(phone)
    found.get_by_role("link").click()

    fits(phone)
    expect(phone.get_by_label("Son adresse")).to_have_value(re.compile(r"127\.0\.0\.1:\d+"))
    phone.get_by_label("Son mot de passe").fill("not this one")
    phone.get_by_role("button", name="Lire", exact=True).click()
    expect(phone.get_by_role("alert")).to_have_text("Ce n’est pas le mot de passe de ce Shelly.")
    fits(phone)
    phone.get_by_label("Son mot de passe").fill(PASSWORD)
    phone.get_by_role("button", name="Lire", exact=True).click()

    channel = phone.get_by_role("listitem").filter(has_text="em1:0")
    expect(channel).to_contain_text("480", timeout=SOON_MS)
    fits(phone)
    shelly.status["em1:0"]["act_power"] = 777.0
    expect(channel).to_contain_text("777", timeout=SOON_MS)  # it is live
    channel.get_by_role("link", name="C’est le mien").click()
    fits(phone)
    phone.get_by_label("Comment l’appelez-vous, chez vous ?").fill("Tableau")
    phone.get_by_role("button", name="Le prendre pour mien").click()
    fits(phone)
    expect(phone.get_by_text("Ce compteur est le vôtre")).to_be_visible(timeout=SOON_MS)

    phone.route("**/api/v1/live*", late)
    phone.goto(f"{house.url}/meters")
    expect(phone.get_by_label("1234 kWh")).to_be_visible(timeout=SOON_MS)
    fits(phone)
    phone.goto(f"{house.url}/meters/find")
    expect(phone.get_by_role("listitem").filter(has_text=NAME)).to_contain_text("à vous", timeout=SOON_MS)
    with urllib.request.urlopen(f"{house.url}/api/v1/ports", timeout=10) as answer:
        assert PASSWORD.encode() not in answer.read()


def test_the_way_to_a_shelly_is_walked_with_the_keyboard_alone(house: Running, shelly: Shelly, phone: Page) -> None:
    phone.goto(f"{house.url}/meters/find")
    expect(phone.get_by_role("listitem").filter(has_text=NAME)).to_be_visible(timeout=SOON_MS)
    walk(phone, "Regarder")
    phone.keyboard.press("Enter")
    expect(phone.get_by_label("Son mot de passe")).to_be_visible()
    walk(phone, "password")
    phone.keyboard.type(PASSWORD)
    phone.keyboard.press("Enter")
    expect(phone.get_by_role("listitem").filter(has_text="em1:1")).to_be_visible(timeout=SOON_MS)
    walk(phone, "em1:1")
    phone.keyboard.press("Enter")
    expect(phone.get_by_label("Comment l’appelez-vous, chez vous ?")).to_be_visible()


def walk(page: Page, to: str) -> None:
    """Tab until what has the focus is called like this; the pages that refresh themselves must let it be."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if to in page.evaluate("document.activeElement.textContent + ' ' + (document.activeElement.name || '')"):
            return
    raise AssertionError(f"{to} is not reached by keyboard")
