"""A Shelly at home, added by somebody on a page: with its password, its channels looked at before one is taken."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from gateway.find import Announced, Thing
from gateway.ports.shelly import ShellyPort
from tests.house import house as house_of
from tests.house import lines_of
from tests.shelly import ID, Shelly
from tests.webui.home import Home, open_home, read
from tests.webui.test_dial import send, text

PAGE = "/meters/device"
SECRET = "korrekt horse battery"
CHANNEL = f"thing:shelly/{ID}/em1:0"


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device is asked each 10 ms, as no test has five seconds."""
    monkeypatch.setitem(ShellyPort.__init__.__kwdefaults__ or {}, "every_s", 0.01)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with open_home(tmp_path, toml="") as opened, lines_of(opened.house):
        yield opened


async def added(home: Home, port: int, password: str = "") -> str:
    """The page of a device that was added at this port."""
    status, page = await send(home, f"{PAGE}/add", await home.text(PAGE), at=f"127.0.0.1:{port}", password=password)
    assert status == 200, text(page)
    await until(home.house.heard)
    return await home.text(f"{PAGE}?port=shelly-127-0-0-1")


async def test_a_shelly_is_added_with_its_password_looked_at_and_one_channel_taken(home: Home) -> None:
    shelly = Shelly(SECRET)
    async with shelly.serving() as port:
        at = f"127.0.0.1:{port}"
        status, page = await send(home, f"{PAGE}/add", await home.text(f"{PAGE}?at={at}"), password="")
        assert status == 422
        assert "Ce Shelly a un mot de passe : tapez-le sous son adresse." in text(page)
        status, page = await send(home, f"{PAGE}/add", page, password="wrong one")
        assert status == 422
        assert "Ce n’est pas le mot de passe de ce Shelly." in text(page)
        assert "wrong one" not in page
        assert read(page).fields["at"] == at
        assert home.house.config.ports == ()  # nothing is kept yet
        status, page = await send(home, f"{PAGE}/add", page, password=SECRET)
        assert status == 200
        await until(lambda: len(home.house.heard()) == 2)

        page = await home.text(f"{PAGE}?port=shelly-127-0-0-1")
        assert "Shelly ProEM50" in text(page)
        assert "480 W" in text(page)
        assert "Voie em1:0" in text(page)
        assert "énergie soutirée (index) 1 235 kWh" in text(page)
        assert home.house.points() == ()  # looking takes nothing

        page = await home.text(f"/meters/add?address={quote(CHANNEL)}")
        status, page = await send(home, "/meters/add", page, name="Tableau")
        assert (status, "Ce compteur est le vôtre" in text(page)) == (200, True)
        await until(lambda: home.house.points()[0].index)
        index = home.house.points()[0].index
        assert index is not None
        assert (home.house.points()[0].point.name, int(index.value)) == ("Tableau", 1_234_567)
        assert 'aria-label="1234 kWh"' in await home.text("/meters")

        page = await home.text(f"{PAGE}?port=shelly-127-0-0-1")
        assert "Tableau" in text(page)
        assert text(page).count("C’est le mien") == 1  # the other channel
        for path in ("/", "/meters", "/meters/find", f"{PAGE}?port=shelly-127-0-0-1", "/box", "/api/v1/ports"):
            assert SECRET not in await home.text(path)


async def test_a_device_is_asked_again_after_a_restart_with_its_password_which_lies_sealed(
    home: Home, tmp_path: Path
) -> None:
    async with Shelly(SECRET).serving() as port:
        await added(home, port, SECRET)
        assert SECRET.encode() not in b"".join(path.read_bytes() for path in tmp_path.rglob("*.json"))
        assert home.house.catalog.password("shelly-127-0-0-1") == SECRET


async def test_a_device_is_taken_away_again_and_what_was_read_stays(home: Home, tmp_path: Path) -> None:
    shelly = Shelly(SECRET)
    async with shelly.serving() as port:
        await added(home, port, SECRET)
        page = await home.text(f"/meters/add?address={quote(CHANNEL)}")
        await send(home, "/meters/add", page, name="Tableau")
        await until(lambda: home.house.points()[0].index)
        page = await home.text(f"{PAGE}?port=shelly-127-0-0-1")
        status, page = await send(home, f"{PAGE}/drop", page, port="shelly-127-0-0-1")
        assert status == 200
        assert "Ajouter un compteur" in text(page)
        asked = len(shelly.asked)
        await asyncio.sleep(0.05)
        assert len(shelly.asked) == asked  # it is left in peace
    assert home.house.config.ports == ()
    assert home.house.catalog.password("shelly-127-0-0-1") is None
    assert home.house.points()[0].index is not None
    assert text(await home.text("/meters")).count("C’est le mien") == 0  # nor is its other channel offered any longer


async def test_the_same_device_is_not_added_twice(home: Home) -> None:
    shelly = Shelly()
    async with shelly.serving() as port:
        await added(home, port)
        asked = shelly.asked.count("/shelly")
        status, page = await send(home, f"{PAGE}/add", await home.text(PAGE), at=f"127.0.0.1:{port}", password="")
        assert (status, "Shelly ProEM50" in text(page)) == (200, True)
        assert len(home.house.config.ports) == 1
        assert shelly.asked.count("/shelly") == asked


async def test_what_the_device_says_of_itself_is_shown_as_text(home: Home) -> None:
    shelly = Shelly()
    shelly.info["app"] = "<script>alert(1)</script>"
    async with shelly.serving() as port:
        page = await added(home, port)
    assert "<script>alert" not in page
    assert "Shelly <script>alert(1)</script>" in text(page)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "Il faut une adresse comme 192.168.1.20."),
        ("127.0.0.1:0", "Il faut une adresse comme 192.168.1.20."),
        ("127.0.0.1:65536", "Il faut une adresse comme 192.168.1.20."),
        ("http://127.0.0.1/", "Il faut une adresse comme 192.168.1.20."),
        ("a b", "Il faut une adresse comme 192.168.1.20."),
        ("<b>", "Il faut une adresse comme 192.168.1.20."),
        ("8.8.8.8", "Cette adresse n’est pas chez vous, et le boîtier n’interroge personne ailleurs."),
        ("0.0.0.0", "Cette adresse n’est pas chez vous, et le boîtier n’interroge personne ailleurs."),
        ("a..b", "Aucun Shelly que le boîtier sache lire ne répond à cette adresse."),
        ("127.0.0.1:1", "Aucun Shelly que le boîtier sache lire ne répond à cette adresse."),
    ],
)
async def test_an_address_that_is_no_good_is_one_sentence_and_stays_to_be_corrected(
    home: Home, typed: str, sentence: str
) -> None:
    status, page = await send(home, f"{PAGE}/add", await home.text(PAGE), at=typed, password=SECRET)
    assert status == 422
    assert sentence in text(page)
    assert (read(page).fields["at"], read(page).refused) == (typed, [])
    assert SECRET not in page
    assert home.house.config.ports == ()


async def test_a_shelly_of_the_first_generation_is_told_what_to_do(home: Home) -> None:
    shelly = Shelly()
    shelly.info = {"type": "SHEM", "mac": "98CDAC1F0000", "auth": False, "fw": "x"}
    async with shelly.serving() as port:
        status, page = await send(home, f"{PAGE}/add", await home.text(PAGE), at=f"127.0.0.1:{port}", password="")
    assert status == 422
    assert "Un Shelly de première génération s’écoute par un serveur MQTT" in text(page)


async def test_a_page_of_something_else_is_no_shelly_and_no_bug(home: Home) -> None:
    shelly = Shelly()
    shelly.info = {}
    async with shelly.serving() as port:
        status, page = await send(home, f"{PAGE}/add", await home.text(PAGE), at=f"127.0.0.1:{port}", password="")
    assert status == 422
    assert "Aucun Shelly que le boîtier sache lire ne répond à cette adresse." in text(page)


@pytest.mark.parametrize("password", ["x" * 129, "é" * 65])
async def test_a_password_that_is_too_long_is_refused_in_words(home: Home, password: str) -> None:
    status, page = await send(home, f"{PAGE}/add", await home.text(PAGE), at="127.0.0.1:1", password=password)
    assert status == 422
    assert "Un mot de passe d’au plus 128 caractères est accepté." in text(page)


async def test_a_device_that_falls_silent_says_so_on_its_page(home: Home) -> None:
    shelly = Shelly()
    async with shelly.serving() as port:
        await added(home, port)
    await until(lambda: not home.house.ports()[0].open)
    page = await home.text(f"{PAGE}?port=shelly-127-0-0-1")
    assert "Cet appareil ne répond pas. Le boîtier réessaie de lui-même." in text(page)
    assert "Connection refused" in text(page)


async def test_a_device_that_nobody_added_has_no_page_of_its_own_and_is_not_dropped(home: Home) -> None:
    assert "Son adresse" in text(await home.text(f"{PAGE}?port=nowhere"))
    status, _ = await send(home, f"{PAGE}/drop", await home.text(PAGE), port="nowhere")
    assert status == 404


async def test_what_was_added_is_there_again_after_a_restart(tmp_path: Path) -> None:
    async with Shelly().serving() as port:
        async with open_home(tmp_path, toml="") as home, lines_of(home.house):
            await added(home, port)
        with house_of(tmp_path) as again:
            assert [(told.name, told.tcp) for told in again.config.ports] == [("shelly-127-0-0-1", ("127.0.0.1", port))]


async def test_what_is_found_on_the_network_leads_to_its_page_or_says_what_to_do(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = (
        Announced(Thing.SHELLY, "shellyproem50-1", "192.168.1.20", 80, (("gen", "2"),)),
        Announced(Thing.SHELLY, "shellyem-OLD", "192.168.1.21", 80),
        Announced(Thing.BROKER, "Mosquitto <b>", "192.168.1.22", 8883, secure=True),
        Announced(Thing.TASMOTA, "tasmota-1", "192.168.1.23", 80),
        Announced(Thing.HOMEWIZARD, "p1meter-1", "192.168.1.24", 80),
    )
    monkeypatch.setattr(home.house.finder, "look", lambda: found)
    page = await home.text("/meters/find")
    assert read(page).refused == []
    assert 'href="/meters/device?at=192.168.1.20:80"' in page
    assert "at=192.168.1.21" not in page
    assert "Un Shelly de première génération s’écoute par un serveur MQTT" in text(page)
    assert 'href="/meters/broker?at=192.168.1.22:8883&amp;tls=1"' in page
    assert "Mosquitto <b>" in text(page)
    assert "Le boîtier ne sait pas encore lire celui-ci." in text(page)


async def test_a_modbus_address_beyond_the_home_is_not_asked(home: Home) -> None:
    status, page = await send(home, "/meters/find/modbus", await home.text("/meters/find"), at="8.8.8.8")
    assert status == 422
    assert "Cette adresse n’est pas chez vous" in text(page)
