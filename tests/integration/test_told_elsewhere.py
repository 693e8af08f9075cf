"""From a leak in the readings to a letter and a telephone: a gateway that runs, its sync process, a real mail server, a real browser."""

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from playwright.sync_api import Page, expect

from drivers.model import Medium, Quantity
from gateway.model import Point, SeriesKey
from sync.work import DUE_S
from tests.answering import Asked, There, answering
from tests.e2e.conftest import Running, started
from tests.house import Clock, house
from tests.integration.phone import fits, holding, until_it_says
from tests.mail import Post, posting

pytestmark = pytest.mark.timeout(240)

HOUSE = Path(__file__).parents[1] / "e2e" / "open_house.py"
METER = "wmbus:RLV:23118604:1:7"
SOON_S = 60
# So long nothing comes a second time: the sync process asks once more meanwhile.
QUIET_MS = (DUE_S + 5) * 1000


@dataclass
class Servers:
    """A mail server that asks for a login, and what looks like ntfy; both on loopback, in a thread of their own."""

    post: Post = field(default_factory=Post)
    phone: There = field(default_factory=There)
    _ended: threading.Event = field(default_factory=threading.Event)
    _ready: threading.Event = field(default_factory=threading.Event)

    async def serve(self) -> None:
        def ntfy(asked: Asked) -> web.Response:
            return web.json_response({"id": "x", "event": "message", **json.loads(asked.body)})

        async with AsyncExitStack() as opened:
            await opened.enter_async_context(posting(self.post))
            self.phone = await opened.enter_async_context(answering(ntfy))
            self._ready.set()
            while not self._ended.is_set():
                await asyncio.sleep(0.05)

    @property
    def rang(self) -> list[dict[str, object]]:
        return [json.loads(asked.body) for asked in self.phone.asked]


@contextmanager
def serving() -> Iterator[Servers]:
    servers = Servers()
    thread = threading.Thread(target=lambda: asyncio.run(servers.serve()), name="servers")
    thread.start()
    try:
        assert servers._ready.wait(SOON_S)
        yield servers
    finally:
        servers._ended.set()
        thread.join()


def leaking_home(folder: Path) -> Path:
    """A home whose water ran as usual for five days, and since three hours at 700 L/h; its configuration."""
    data, now = folder / "data", int(time.time())
    data.mkdir()
    with house(data, clock=Clock(now)) as home:
        home.catalog.adopt(METER, "Eau froide", Medium.WATER, now - 5 * 86_400)
        meter = home.catalog.meter(METER)
        assert meter is not None
        litres, points = 600_000, []
        for at in range(now - 5 * 86_400, now, 600):
            litres += 117 if at > now - 3 * 3600 else 12 if time.gmtime(at).tm_hour in (7, 12, 19) else 0
            points.append(Point(SeriesKey(meter.point, "volume"), Quantity.VOLUME, at, litres, 0, main=True))
        home.store.add(points)
        assert home.store.commit()
    config = folder / "releve.toml"
    config.write_text(
        f'[box]\ndata = "{data}"\nruntime = "{data}/run"\nsecret = "{folder}/secret"\nsync = "child"\n'
        '[dwelling]\ntime_zone = "Europe/Paris"\n'
    )
    return config


@pytest.fixture
def phone() -> Iterator[Page]:
    with holding() as page:
        yield page


def until(page: Page, url: str, said: str | re.Pattern[str]) -> None:
    until_it_says(page, url, said, SOON_S)


def add_mail(page: Page, url: str, port: int) -> None:
    page.goto(f"{url}/alerts")
    page.get_by_role("link", name="Être prévenu ailleurs").click()
    fits(page)
    page.get_by_role("link", name="Un courriel").click()
    fits(page)
    page.get_by_label("À qui (adresses électroniques)").fill("camille@example.org, fille@example.org")
    page.get_by_label("Le serveur d’envoi").fill(f"smtp://127.0.0.1:{port}")
    page.get_by_label("C’est une machine chez moi").check()
    page.get_by_label("Comment vous l’appelez").fill("Camille")
    page.get_by_label("Qui achemine les messages").fill("moi")
    page.get_by_role("button", name="Relire avant de donner").click()
    fits(page)
    expect(page.get_by_text("Camille (camille@example.org, fille@example.org")).to_be_visible()
    page.get_by_role("button", name="Oui, donner cet accès").click()
    expect(page.get_by_role("status")).to_contain_text("C’est donné")


def add_phone(page: Page, url: str, there: str) -> None:
    page.goto(f"{url}/alerts/reach/ntfy?lang=en")
    page.get_by_label("Its address").fill(f"{there}/maison-k7qz2")
    page.get_by_label("It is a machine in my own home").check()
    page.get_by_label("the same words as on the page").check()
    page.get_by_label("In which language").select_option("en")
    page.get_by_label("What you call it").fill("Telephone")
    page.get_by_label("Who carries the messages").fill("me")
    page.get_by_role("button", name="Read it over").click()
    fits(page)
    page.get_by_role("button", name="Yes, give this access").click()
    expect(page.get_by_role("status")).to_contain_text("It is given")


def test_a_leak_reaches_a_mailbox_and_a_telephone_once_each_in_two_languages(tmp_path: Path, phone: Page) -> None:
    config = leaking_home(tmp_path)
    with serving() as servers:
        with started(str(HOUSE), str(config), lines=1) as box:
            walk(box, servers, phone)
        taken = len(servers.post.letters), len(servers.rang)
        with started(str(HOUSE), str(config), lines=1) as box:
            until(phone, box.url, "Beaucoup d’eau coule")
            phone.wait_for_timeout(QUIET_MS)
            assert (len(servers.post.letters), len(servers.rang)) == taken, "a restart tells nobody again"
            phone.goto(f"{box.url}/alerts/reach?lang=fr")
            phone.get_by_role("button", name=re.compile("Arrêter")).first.click()
            expect(phone.get_by_role("status")).to_contain_text("C’est arrêté")


def walk(box: Running, servers: Servers, page: Page) -> None:
    until(page, box.url, "Beaucoup d’eau coule")
    page.goto(f"{box.url}/data")
    expect(page.get_by_text("Rien ne quitte la maison.")).to_be_visible()
    add_mail(page, box.url, servers.post.port)
    until(page, f"{box.url}/alerts/reach", "250 2.0.0 taken as 4711")
    letter = servers.post.read(0)
    assert (letter["From"], letter["Subject"]) == ("Relevé <camille@example.org>", "De l’eau coule")
    text = letter.get_content().replace("\u00a0", " ").replace("\u202f", " ")
    assert re.search(r"Beaucoup d’eau coule sans arrêt depuis .*environ 700 litres par heure", text, re.DOTALL), text
    assert "le robinet d’arrêt" in text
    assert f"{box.url}" in text
    assert servers.post.letters[0].rcpt_tos == ["camille@example.org", "fille@example.org"]
    page.goto(f"{box.url}/alerts/reach")
    page.get_by_role("button", name="Envoyer un essai").click()
    until(page, f"{box.url}/alerts/reach", "Le dernier message (un essai) a été accepté")
    assert servers.post.read(1)["Subject"] == "Essai de votre boîtier de compteurs"

    add_phone(page, box.url, servers.phone.url)
    end = time.monotonic() + SOON_S
    while not servers.rang and time.monotonic() < end:
        page.wait_for_timeout(200)
    (rang,) = servers.rang
    assert (rang["topic"], rang["title"], rang["priority"]) == ("maison-k7qz2", "Water is running", 5)
    assert "about 700" in str(rang["message"]).replace("\u00a0", " ")
    until(page, f"{box.url}/data/ledger?lang=en", re.compile(r"Telephone was told: leaks\."))
    fits(page)
    page.goto(f"{box.url}/data?lang=fr")
    fits(page)
    expect(page.get_by_text("Quelqu’un est prévenu des alertes par 2 moyens.")).to_be_visible()
    assert len(servers.post.letters) == 2
