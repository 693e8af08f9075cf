"""Many connections that say little: what is left for the household."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from aiohttp import web

from drivers.model import Medium, Quantity, Reading, State, Telegram
from gateway.ledger import Ledger
from tests.house import Clock, house
from tests.webui.home import LINKY, NOW, TOML
from webui import doors, live
from webui.assets import Assets
from webui.auth import Access
from webui.server import make_app

HEALTH = b"GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
LARGE = f"GET {Assets().url('releve.css')} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


class Visitor:
    """One connection, from an address of our choice."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, request: bytes) -> bytes:
        self.writer.write(request)
        return await asyncio.wait_for(self.reader.readline(), 5)

    async def is_put_out(self) -> bool:
        with contextlib.suppress(ConnectionResetError):
            while await asyncio.wait_for(self.reader.read(65536), 5):
                pass
        return True


@pytest.fixture
async def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """A box that takes in five connections at once."""
    monkeypatch.setattr(doors, "CONNECTIONS_MAX", 5)
    monkeypatch.setattr(doors, "IDLE_S_MAX", 60.0)
    with house(tmp_path, "", Clock(NOW)) as home:
        ledger = Ledger.open(tmp_path / "ledger.db")
        app = make_app(home, Access(home, ledger), host_names=(), password=False)
        try:
            async with doors.opened(app, "127.0.0.1", 0, 1.0) as taken:
                yield taken
        finally:
            ledger.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_box_that_listens_to_ipv6_as_well_is_found_by_both(host: str) -> None:
    with socket.socket(socket.AF_INET6) as free:
        free.bind(("::", 0))
        port: int = free.getsockname()[1]
    async with doors.opened(web.Application(), "::", port, 1.0):
        _, writer = await asyncio.open_connection(host, port)
        writer.close()


class Street:
    """All who visit in a test."""

    def __init__(self) -> None:
        self.visitors: list[Visitor] = []

    async def visit(self, port: int, address: str = "127.0.0.1") -> Visitor:
        visitor = Visitor(*await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0)))
        self.visitors.append(visitor)
        return visitor


@pytest.fixture
async def street() -> AsyncIterator[Street]:
    opened = Street()
    yield opened
    for visitor in opened.visitors:
        visitor.writer.transport.abort()
    await asyncio.sleep(0)


async def test_connections_that_say_nothing_keep_nobody_out(port: int, street: Street) -> None:
    crowd = [await street.visit(port) for _ in range(30)]
    assert await (await street.visit(port)).ask(HEALTH) == b"HTTP/1.1 200 OK\r\n"
    for silent in crowd[:25]:
        assert await silent.is_put_out()


async def test_who_opens_many_loses_its_own_and_not_anothers(port: int, street: Street) -> None:
    household = await street.visit(port, "127.0.0.2")
    assert await household.ask(b"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") == b"HTTP/1.1 200 OK\r\n"
    for _ in range(30):
        await street.visit(port, "127.0.0.3")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(household.is_put_out(), 0.1)


async def test_who_never_reads_its_answers_is_put_out_all_the_same(port: int) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as closed:
        before = descriptors()
        deaf = 12
        for _ in range(deaf):
            line = closed.enter_context(socket.socket())
            line.setblocking(False)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await loop.sock_connect(line, ("127.0.0.1", port))
            await loop.sock_sendall(line, LARGE * 40)
            await asyncio.sleep(0.05)
        assert descriptors() <= before + deaf + doors.CONNECTIONS_MAX


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_listener_that_takes_nothing_gives_its_place_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PING_S", 0.1)
    with house(tmp_path, TOML, Clock(NOW)) as home, socket.socket() as deaf:
        home.catalog.adopt(str(LINKY), "Maison", Medium.ELECTRICITY, NOW)
        ledger = Ledger.open(tmp_path / "ledger.db")
        app = make_app(home, Access(home, ledger), host_names=(), password=False)
        async with doors.opened(app, "127.0.0.1", 0, 1.0) as taken:
            deaf.setblocking(False)
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(deaf, ("127.0.0.1", taken))
            await loop.sock_sendall(deaf, b"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            while not app[live.LISTENERS]:
                await asyncio.sleep(0.01)
            power = Telegram(LINKY, State.DECODED, readings=(Reading("P", Quantity.POWER, Decimal(1), main=True),))
            async with asyncio.timeout(5):
                while app[live.LISTENERS]:
                    for _ in range(200):
                        home.collect.telegram("linky", lambda: power)
                    await asyncio.sleep(0.01)
        ledger.close()


async def test_a_request_that_is_never_finished_is_not_waited_for(
    tmp_path: Path, street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "IDLE_S_MAX", 0.05)
    with house(tmp_path, "", Clock(NOW)) as home:
        ledger = Ledger.open(tmp_path / "ledger.db")
        app = make_app(home, Access(home, ledger), host_names=(), password=False)
        async with doors.opened(app, "127.0.0.1", 0, 1.0) as taken:
            slow = await street.visit(taken)
            slow.writer.write(HEALTH[:-2])
            assert await slow.is_put_out()
        ledger.close()


async def test_bytes_that_are_no_http_leave_no_trace_in_the_log(
    port: int, street: Street, caplog: pytest.LogCaptureFixture
) -> None:
    for noise in (b"\x16\x03\x01\x00\xff\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n"):
        assert await (await street.visit(port)).ask(noise) == b"HTTP/1.0 400 Bad Request\r\n"
    assert [record for record in caplog.records if record.levelno >= logging.INFO] == []
