"""A meter on a Modbus line, added by somebody on a page: read first, kept then, taken away again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from drivers import modbus
from drivers.encode.modbus import Slave, encode
from drivers.model import DecodeError
from gateway.house import House
from gateway.ports.modbus import ModbusPort
from tests.buses import Bus
from tests.house import lines_of
from tests.webui.home import Home, open_home, read
from tests.webui.test_dial import send, text

pytestmark = pytest.mark.virtual
PAGE = "/meters/wire?port=bus"
SDM = modbus.load("eastron_sdm120")
B23 = modbus.load("abb_b23")


@pytest.fixture
async def wired(tmp_path: Path) -> AsyncIterator[Home]:
    """A house whose bus has an Eastron under 5 and an ABB, which says what it is, under 7."""
    eastron = encode(SDM, {"import_energy": Decimal(1_234_567), "power": Decimal(480)})
    abb = encode(B23, {"import_energy": Decimal(98_760), "power": Decimal(230)})
    abb |= {0x8960 + offset: word for offset, word in enumerate((0x4232, 0x3320))}  # "B23 "
    bus = Bus(Slave(5, {4: eastron}), Slave(7, {3: abb}))
    toml = f'[[port]]\nname = "bus"\nprotocol = "modbus"\ndevice = "{bus.line.device}"\n'
    async with open_home(tmp_path, toml=toml) as home, open_lines_of(home.house):
        yield home
    bus.unplug()


@asynccontextmanager
async def open_lines_of(house: House) -> AsyncIterator[None]:
    """The lines of this house, until each is open."""
    async with lines_of(house):
        async with asyncio.timeout(5):
            while not await is_open(house):
                await asyncio.sleep(0.01)
        yield


async def is_open(house: House) -> bool:
    port = house.running.port("bus")
    assert isinstance(port, ModbusPort)
    said = await port.ask(5, 4, 0, 1)
    return not (isinstance(said, DecodeError) and "not open" in str(said))


async def test_a_meter_is_shown_before_it_is_kept_and_asked_from_then_on(wired: Home) -> None:
    status, page = await send(
        wired, "/meters/wire/read", await wired.text(PAGE), unit="5", model="eastron_sdm120", port="bus"
    )
    assert status == 200
    assert "1 234,567 kWh" in text(page)
    assert "480 W" in text(page)
    assert wired.house.config.meters == ()  # looking keeps nothing
    fields = {"port": "bus", "unit": "5", "model": "eastron_sdm120"}
    status, page = await send(wired, "/meters/wire/keep", page, name="Chauffe-eau", **fields)
    assert status == 200
    assert "Ce compteur est le vôtre" in text(page)
    point = wired.house.points()[0]
    assert (point.point.name, point.address) == ("Chauffe-eau", "modbus:bus/5")
    async with asyncio.timeout(5):
        while wired.house.points()[0].index is None:
            await asyncio.sleep(0.01)
    assert "Un compteur est interrogé sur cette ligne." in text(await wired.text(PAGE))


async def test_a_meter_that_says_what_it_is_need_not_be_chosen(wired: Home) -> None:
    page = (await send(wired, "/meters/wire/read", await wired.text(PAGE), unit="7", model="", port="bus"))[1]
    assert "ABB" in text(page).partition("Ce qu’il dit maintenant")[2][:40]
    assert "98,760 kWh" in text(page)


async def test_a_meter_that_does_not_say_it_is_chosen_in_the_list(wired: Home) -> None:
    status, page = await send(wired, "/meters/wire/read", await wired.text(PAGE), unit="5", model="", port="bus")
    assert status == 422
    assert "Quelque chose répond sous l’unité 5, sans dire quel compteur c’est." in text(page)


async def test_the_wrong_model_is_no_value_but_a_sentence(wired: Home) -> None:
    status, page = await send(
        wired, "/meters/wire/read", await wired.text(PAGE), unit="7", model="eastron_sdm120", port="bus"
    )
    assert status == 422
    assert "ne se lit pas comme ce compteur" in text(page)
    assert "illegal function" in text(page)


async def test_where_nothing_answers_the_page_says_what_to_check(wired: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async def mute(port: ModbusPort, unit: int, model: object) -> DecodeError:
        return DecodeError("no answer in 1 s")

    monkeypatch.setattr(ModbusPort, "once", mute)
    status, page = await send(
        wired, "/meters/wire/read", await wired.text(PAGE), unit="9", model="eastron_sdm120", port="bus"
    )
    assert status == 422
    assert "Rien ne répond sous l’unité 9." in text(page)
    assert "sort d’usine réglé à 2400 bauds, parité N, unité 1." in text(page)


@pytest.mark.parametrize("unit", ["", "0", "248", "1.5", "-1", "9999"])
async def test_a_unit_that_cannot_be_is_refused_in_words(wired: Home, unit: str) -> None:
    status, page = await send(
        wired, "/meters/wire/read", await wired.text(PAGE), unit=unit, model="eastron_sdm120", port="bus"
    )
    assert status == 422
    assert "L’unité est un nombre de 1 à 247." in text(page)


async def test_what_was_added_is_taken_away_on_the_same_page_and_its_history_stays(wired: Home) -> None:
    fields = {"port": "bus", "unit": "5", "model": "eastron_sdm120"}
    await send(wired, "/meters/wire/keep", await wired.text(PAGE), name="Chauffe-eau", **fields)
    status, page = await send(wired, "/meters/wire/drop", await wired.text(PAGE), port="bus", meter="Chauffe-eau")
    assert status == 200
    assert "Aucun compteur n’y est encore interrogé." in text(page)
    assert wired.house.config.meters == ()
    assert [view.point.name for view in wired.house.points()] == ["Chauffe-eau"]


async def test_a_search_shows_who_is_there_and_which_meter_it_may_be(wired: Home) -> None:
    port = wired.house.running.port("bus")
    assert isinstance(port, ModbusPort)
    async with asyncio.timeout(60):
        _, page = await send(wired, "/meters/wire/search", await wired.text(PAGE), port="bus")
        assert "Aucun compteur n’a encore répondu." in text(page)
        search = wired.house.searches.of("bus")
        assert search is not None
        while len(search.found) < 2:
            await asyncio.sleep(0.05)
    page = await wired.text(PAGE)
    assert "2 compteurs ont répondu." in text(page)
    assert "unité 5" in text(page)
    await send(wired, "/meters/wire/stop", page, port="bus")
    assert not search.running


async def test_a_line_that_is_not_there_has_no_page(wired: Home) -> None:
    await wired.text("/meters/wire?port=nowhere", status=404)
    status, _ = await send(wired, "/meters/wire/read", await wired.text(PAGE), port="nowhere", unit="1", model="")
    assert status == 404


async def test_two_meters_of_one_name_are_refused_and_nothing_is_kept(wired: Home) -> None:
    page = await wired.text(PAGE)
    await send(wired, "/meters/wire/keep", page, port="bus", unit="5", model="eastron_sdm120", name="Un")
    status, page = await send(
        wired, "/meters/wire/keep", page, port="bus", unit="5", model="eastron_sdm120", name="Deux"
    )
    assert status == 422
    assert "Le boîtier ne l’a pas gardé" in text(page)
    assert read(page).refused == []


async def test_another_meter_at_the_place_of_one_begins_its_own_history_unless_somebody_says_it_is_the_same(
    wired: Home,
) -> None:
    fields = {"port": "bus", "unit": "5", "model": "eastron_sdm120"}
    looked = await wired.text(PAGE)
    page = (await send(wired, "/meters/wire/read", looked, **fields))[1]
    assert "C’est le même compteur" not in text(page)
    await send(wired, "/meters/wire/keep", looked, name="Chauffe-eau", **fields)
    await send(wired, "/meters/wire/drop", looked, port="bus", meter="Chauffe-eau")
    assert "Plus relevés : Chauffe-eau. Ce qu’ils ont dit reste." in text(await wired.text("/meters"))
    page = (await send(wired, "/meters/wire/read", looked, **fields))[1]
    assert "C’est le même compteur que « Chauffe-eau », relevé ici auparavant" in text(page)
    await send(wired, "/meters/wire/keep", looked, name="Piscine", **fields)
    assert [view.point.name for view in wired.house.points()] == ["Chauffe-eau", "Piscine"]
    await send(wired, "/meters/wire/drop", looked, port="bus", meter="Piscine")
    await send(wired, "/meters/wire/keep", looked, name="Bassin", same="on", **fields)
    assert [view.point.name for view in wired.house.points()] == ["Chauffe-eau", "Bassin"]


async def test_a_card_that_refuses_is_said_and_the_meter_goes_on(wired: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"port": "bus", "unit": "5", "model": "eastron_sdm120"}
    page = await wired.text(PAGE)
    await send(wired, "/meters/wire/keep", page, name="Chauffe-eau", **fields)

    def refuse(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gateway.catalog.replace", refuse)
    status, said = await send(wired, "/meters/wire/drop", page, port="bus", meter="Chauffe-eau")
    assert status == 507
    assert "La carte refuse l’écriture. Rien n’a été changé." in text(said)
    status, said = await send(wired, "/meters/wire/keep", page, name="Autre", **(fields | {"unit": "7"}))
    assert status == 422
    assert "Le boîtier ne l’a pas gardé : la carte le refuse." in text(said)
    assert [meter.name for meter in wired.house.config.meters] == ["Chauffe-eau"]
