"""A cable that somebody plugs in: it is listened to on a page, said in words, and is a line of the house."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from drivers.encode.tic import standard_frame
from drivers.tic.labels import Mode
from gateway import plugged, recognise
from gateway.ports import stream as stream_port
from gateway.recognise import Stage
from tests.house import house as house_of
from tests.house import lines_of
from tests.linky import Meter, household
from tests.plugs import Sockets
from tests.webui.home import Home, open_home
from tests.webui.test_dial import send, text

pytestmark = pytest.mark.virtual

PAGE = "/meters/cable"
BY_ID = "usb-Maker_TIC_0001-if00-port0"
AT = datetime(2026, 11, 19, 18, 0, tzinfo=UTC)
LINKY = household(AT, 1_000_000, 234_000)


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


@pytest.fixture
def sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sockets:
    made = Sockets(tmp_path / "machine")
    monkeypatch.setattr(plugged, "DEV", made.dev)
    monkeypatch.setattr(plugged, "SYS", made.sys)
    monkeypatch.setattr(stream_port, "GATHER_S", 0.01)
    return made


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with open_home(tmp_path, toml="") as opened, lines_of(opened.house):
        yield opened


@asynccontextmanager
async def linky(sockets: Sockets) -> AsyncIterator[str]:
    """A Linky behind a TIC adapter; the path of its line."""
    meter = Meter(lambda: standard_frame(LINKY), Mode.STANDARD, speed=4)
    device = sockets.plug("ttyUSB0", meter.path, by_id=BY_ID, maker="Maker", product="TIC cable")
    playing = asyncio.ensure_future(meter.play())
    try:
        yield device
    finally:
        playing.cancel()
        await asyncio.wait([playing])
        meter.close()


def page_of(device: str) -> str:
    return f"{PAGE}?device={quote(device)}"


async def test_a_linky_is_found_added_and_its_index_is_on_the_page(
    home: Home, sockets: Sockets, tmp_path: Path
) -> None:
    assert (
        'href="/meters/find"' in (await home.text("/")).partition("<main")[2]
    )  # in one click from an empty first page
    async with linky(sockets) as device:
        page = await home.text("/meters/find")
        assert "TIC cable" in text(page)
        assert f"Maker · {BY_ID}" in text(page)
        _, page = await send(home, f"{PAGE}/listen", page, device=device)
        assert "Le boîtier écoute. Cela prend une demi-minute environ." in text(page)
        await until(lambda: home.house.recognising.listens_to is None)
        page = await home.text(page_of(device))
        assert "Un Linky parle sur ce câble (mode standard)." in text(page)
        assert home.house.config.ports == ()  # listening keeps nothing

        status, page = await send(home, f"{PAGE}/add", page, device=device, protocol="tic")
        assert status == 200
        (port,) = home.house.config.ports  # type: ignore[misc] # added a moment ago
        assert (port.name, port.protocol, port.device, port.baud) == ("linky", "tic", device, None)
        await until(lambda: home.house.points() and home.house.points()[0].index)
        page = await home.text(f"{PAGE}?port=linky")
        assert "Un compteur à vous est lu sur cette ligne." in text(page)
        assert 'aria-label="1234 kWh"' in await home.text("/meters")
        page = await home.text("/meters/find")
        assert "TIC cable" not in text(page)
        assert f"{PAGE}?port=linky" in page

        page = await home.text(f"{PAGE}?port=linky")
        status, page = await send(home, f"{PAGE}/drop", page, port="linky")
        assert (status, home.house.config.ports) == (200, ())
        assert "TIC cable" in text(page)  # it may be added again
        assert home.house.points()[0].index is not None


async def test_a_line_that_was_added_is_there_after_a_restart_and_waits_for_its_device(
    sockets: Sockets, tmp_path: Path
) -> None:
    async with open_home(tmp_path, toml="") as home, lines_of(home.house), linky(sockets) as device:
        await send(home, f"{PAGE}/add", await home.text(page_of(device)), protocol="tic")
        assert len(home.house.config.ports) == 1
    sockets.unplug("ttyUSB0")
    with house_of(tmp_path, "") as again:
        assert [(port.name, port.device) for port in again.config.ports] == [("linky", device)]
    async with open_home(tmp_path, toml="") as home, lines_of(home.house):
        await until(lambda: home.house.ports()[0].reason)
        assert "Cette ligne ne répond pas." in text(await home.text(f"{PAGE}?port=linky"))


async def test_who_clicks_twice_adds_one_line(home: Home, sockets: Sockets) -> None:
    async with linky(sockets) as device:
        page = await home.text(page_of(device))
        both = await asyncio.gather(*(send(home, f"{PAGE}/add", page, protocol="tic") for _ in range(2)))
        assert [status for status, _ in both] == [200, 200]
        assert len(home.house.config.ports) == 1
        status, page = await send(home, f"{PAGE}/add", page, protocol="tic")
        assert status == 200
        assert len(home.house.config.ports) == 1


async def test_a_device_that_another_line_uses_is_neither_listened_to_nor_added(home: Home, sockets: Sockets) -> None:
    async with linky(sockets) as device:
        page = await home.text(page_of(device))
        await send(home, f"{PAGE}/add", page, protocol="tic")
        other_name = str(sockets.dev / "ttyUSB0")
        for path, fields in (("listen", {"device": other_name}), ("add", {"device": other_name, "protocol": "wmbus"})):
            status, said = await send(home, f"{PAGE}/{path}", page, **fields)
            assert (status, "Cette ligne sert déjà : c’est « linky »." in text(said)) == (422, True)
        assert home.house.recognising.listens_to is None
        assert len(home.house.config.ports) == 1


async def test_a_device_that_another_program_holds_is_refused_in_one_sentence(home: Home, sockets: Sockets) -> None:
    async with linky(sockets) as device:
        held = await stream_port.open_line(stream_port.SerialLine(device, 9600))
        try:
            page = await home.text(page_of(device))
            status, said = await send(home, f"{PAGE}/add", page, protocol="tic")
            assert (status, "Un autre programme de cette machine" in text(said)) == (422, True)
            await send(home, f"{PAGE}/listen", page)
            await until(lambda: home.house.recognising.listens_to is None)
            assert "Un autre programme de cette machine" in text(await home.text(page_of(device)))
        finally:
            held.close()
    assert home.house.config.ports == ()


async def test_a_device_that_the_system_forbids_is_refused_in_one_sentence(
    home: Home, sockets: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(line: object) -> None:
        raise PermissionError(13, "not permitted")

    monkeypatch.setattr("webui.cable.probe", forbidden)
    async with linky(sockets) as device:
        status, said = await send(home, f"{PAGE}/add", await home.text(page_of(device)), protocol="tic")
    assert (status, "Le boîtier n’a pas le droit d’ouvrir cette ligne" in text(said)) == (422, True)


async def test_only_what_is_plugged_in_is_ever_opened(home: Home, sockets: Sockets, tmp_path: Path) -> None:
    async with linky(sockets) as device:
        page = await home.text(page_of(device))
        for path in ("listen", "add"):
            for other in (str(tmp_path / "data"), "/etc/passwd", ""):
                status, said = await send(home, f"{PAGE}/{path}", page, device=other, protocol="tic")
                assert (status, "Ceci n’est plus branché" in text(said)) == (422, True)
        status, said = await send(home, f"{PAGE}/add", page, protocol="shelly")
        assert (status, "Choisissez ce que c’est." in text(said)) == (422, True)
    assert home.house.config.ports == ()
    await home.text(f"{PAGE}?port=nowhere", status=404)


@pytest.mark.parametrize(("protocol", "leads_to"), [("modbus", "/meters/wire"), ("mbus", "/meters/bus")])
async def test_meters_that_are_asked_are_chosen_by_hand_with_their_speed(
    home: Home, sockets: Sockets, protocol: str, leads_to: str
) -> None:
    async with linky(sockets) as device:
        page = await home.text(page_of(device))
        status, said = await send(home, f"{PAGE}/add", page, protocol=protocol, baud="19200", parity="O")
        assert (status, f"Compteurs sur la ligne {protocol}" in text(said)) == (200, True)
        (port,) = home.house.config.ports
        assert (port.protocol, port.device, port.baud, port.parity) == (protocol, device, 19200, "O")
        assert leads_to in await home.text("/meters/find")


async def test_a_search_is_stopped_and_what_is_not_known_is_said_with_what_to_do(
    home: Home, sockets: Sockets, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    meter = Meter(lambda: b"", Mode.STANDARD)  # as silent as a Modbus line
    device = sockets.plug("ttyUSB0", meter.path, product="<b>USB</b>")
    try:
        page = await home.text(page_of(device))
        assert "<b>USB</b>" in text(page)
        await send(home, f"{PAGE}/listen", page)
        assert home.house.recognising.listens_to == device
        await send(home, f"{PAGE}/stop", page)
        search = home.house.recognising.of(device)
        assert search is not None
        assert not search.running
        assert "Écouter de nouveau" in text(await home.text(page_of(device)))
        slow = recognise.recognise
        monkeypatch.setattr(recognise, "recognise", lambda device: slow(device, [Stage(9600, 0.05)]))
        monkeypatch.setattr(recognise, "RADIO_S_MAX", 0.1)
        await send(home, f"{PAGE}/listen", page)
        await until(lambda: home.house.recognising.listens_to is None)
        assert "Rien n’est venu sur cette ligne" in text(await home.text(page_of(device)))
    finally:
        meter.close()
