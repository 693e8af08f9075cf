"""A wired M-Bus meter, found and added by somebody on a page."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from drivers.model import DecodeError
from gateway.ports.mbus import MbusPort
from tests.webui.home import Home, open_home
from tests.webui.test_dial import send, text
from tests.wired import Wires, heat_meter

pytestmark = pytest.mark.virtual
REL = "mbus:REL-67204118-1b-04"
PAGE = "/meters/bus?port=bus"


@pytest.fixture
async def wired(tmp_path: Path) -> AsyncIterator[Home]:
    """Two heat meters on one bus; 67204118 has the primary address 5."""
    wires = Wires([heat_meter(67204118, 4321, primary=5), heat_meter(11223344, 77, parts=3)])
    toml = f'[[port]]\nname = "bus"\nprotocol = "mbus"\ndevice = "{wires.line.device}"\nbaud = 9600\nparity = "N"\n'
    async with open_home(tmp_path, toml=toml) as home:
        task = asyncio.ensure_future(home.house.running.run(home.house.config))
        async with asyncio.timeout(5):
            while not await is_open(home):
                await asyncio.sleep(0.01)
        try:
            yield home
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    wires.unplug()


async def is_open(home: Home) -> bool:
    await asyncio.sleep(0)
    port = home.house.running.port("bus")
    assert isinstance(port, MbusPort)
    said = await port.once(5)
    return not (isinstance(said, DecodeError) and "not open" in str(said))


async def test_a_meter_is_read_by_its_primary_address_and_kept_with_it(wired: Home) -> None:
    status, page = await send(wired, "/meters/bus/read", await wired.text(PAGE), port="bus", address="5")
    assert status == 200
    assert "4 321 kWh" in text(page)
    assert wired.house.config.meters == ()
    status, page = await send(wired, "/meters/bus/keep", page, name="Chaufferie", address=REL)
    assert status == 200
    assert "Ce compteur est le vôtre" in text(page)
    (meter,) = wired.house.config.meters  # type: ignore[misc] # added a moment ago
    assert (meter.address, meter.primary, meter.every_s) == (REL, 5, 3600)
    async with asyncio.timeout(5):
        while wired.house.points()[0].index is None:
            await asyncio.sleep(0.01)
    page = (await send(wired, "/meters/bus/drop", await wired.text(PAGE), port="bus", meter="Chaufferie"))[1]
    assert wired.house.config.meters == ()
    assert "Aucun compteur n’y est encore interrogé." in text(page)


async def test_a_meter_is_read_by_the_number_printed_on_it(wired: Home) -> None:
    page = (await send(wired, "/meters/bus/read", await wired.text(PAGE), port="bus", address="11 223 344"))[1]
    assert "77 kWh" in text(page)
    status, page = await send(wired, "/meters/bus/keep", page, name="", address="mbus:REL-11223344-1b-04")
    assert status == 422
    assert "Il faut un nom" in text(page)
    assert "77 kWh" in text(page)


async def test_a_search_shows_who_is_there_and_one_of_them_is_looked_at(wired: Home) -> None:
    _, page = await send(wired, "/meters/bus/search", await wired.text(PAGE), port="bus")
    assert "Aucun compteur n’a encore répondu." in text(page)
    search = wired.house.searches.of("bus")
    assert search is not None
    async with asyncio.timeout(20):
        while len(search.found) < 2:
            await asyncio.sleep(0.02)
    page = await wired.text(PAGE)
    assert "2 compteurs ont répondu." in text(page)
    assert "67 204 118" in text(page)
    await send(wired, "/meters/bus/stop", page, port="bus")
    assert not search.running
    page = await wired.text(PAGE + "&address=mbus:REL-11223344-1b-04")
    assert "77 kWh" in text(page).partition("Ce qu’il dit maintenant")[2]


@pytest.mark.parametrize("typed", ["", "251", "1234", "abc", "123456789"])
async def test_what_is_no_address_is_refused_in_words(wired: Home, typed: str) -> None:
    status, page = await send(wired, "/meters/bus/read", await wired.text(PAGE), port="bus", address=typed)
    assert status == 422
    assert "Le numéro imprimé sur le compteur a 8 chiffres" in text(page)


async def test_a_bus_that_is_not_there_has_no_page(wired: Home) -> None:
    await wired.text("/meters/bus?port=nowhere", status=404)
    await wired.text("/meters/wire?port=bus", status=404)
