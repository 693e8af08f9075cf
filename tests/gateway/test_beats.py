"""What stands still is seen, and what only waits is not taken for it."""

import asyncio
import contextlib
import os
import pty
import threading
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from drivers.model import DecodeError, Frame, Telegram
from drivers.talk import Identity
from gateway import lines
from gateway.beats import PORT_S_MAX, Beats
from gateway.collect import Collect
from gateway.config import Config, parse
from gateway.ports import Port
from gateway.running import Running
from gateway.views import Listening

HOUR_S = 3600


class Quiet:
    """A sink of lines on which nothing is said but that they are mute."""

    def __init__(self) -> None:
        self.opens = 0

    def opened(self, port: str) -> None:
        self.opens += 1

    def identified(self, port: str, identity: Identity) -> None: ...
    def listening(self, port: str, listening: Listening) -> None: ...
    def frame(self, port: str, frame: Frame) -> None: ...
    def telegram(self, port: str, read: Callable[[], Telegram]) -> None: ...
    def fault(self, port: str, error: DecodeError) -> None: ...
    def lost(self, port: str, reason: str) -> None: ...


class MadeUp:
    """A port that does as told."""

    def __init__(self, name: str, run: Callable[[], object]) -> None:
        self.name = name
        self._run = run

    async def run(self) -> None:
        await self._run()  # type: ignore[misc] # whatever a test has it wait for


@asynccontextmanager
async def running(config: Config, open_port: Callable[[object], Port]) -> AsyncIterator[Running]:
    ports = Running(open_port, cast(Collect, Quiet()), lambda: None)
    task = asyncio.create_task(ports.run(config))
    try:
        await asyncio.sleep(0)
        yield ports
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def mute() -> Iterator[str]:
    """The path of a serial line on which nobody says anything."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


def one(words: str, meter: str = "") -> Config:
    return parse(f'[[port]]\nname = "one"\n{words}\n{meter}', "test.toml")


ONE = one('protocol = "sml"\ntcp = "127.0.0.1:1"')


@pytest.mark.virtual
@pytest.mark.parametrize(
    "words",
    [
        'protocol = "tic"',
        'protocol = "p1"',
        'protocol = "sml"',
        'protocol = "wmbus"',
        'protocol = "wmbus"\nreceiver = "hexlines"',
        'protocol = "wmbus"\nreceiver = "im871a"',
        'protocol = "mbus"',
        'protocol = "mbus"\nlisten = true',
        'protocol = "modbus"',
    ],
)
async def test_a_port_whose_line_is_mute_for_hours_moves(mute: str, words: str) -> None:
    config, sink = one(f'{words}\ndevice = "{mute}"'), Quiet()
    async with running(config, lambda port: lines.open_port(config.ports[0], config.meters, sink)) as ports:
        for _ in range(4 * 60):
            await asyncio.sleep(60)
            assert ports.beats.still() is None
    assert sink.opens or "wmbus" in words  # a receiver that is to be found is looked for again and again


@pytest.mark.virtual
async def test_a_port_that_waits_for_its_device_moves() -> None:
    async def away() -> None:
        raise OSError("unplugged")

    async with running(ONE, lambda port: MadeUp("one", away)) as ports:
        await asyncio.sleep(HOUR_S)
        assert ports.beats.still() is None


@pytest.mark.virtual
async def test_a_port_that_waits_for_what_never_comes_is_said_to_stand_still() -> None:
    never = asyncio.Event()
    async with running(ONE, lambda port: MadeUp("one", never.wait)) as ports:
        await asyncio.sleep(PORT_S_MAX - 1)
        assert ports.beats.still() is None
        await asyncio.sleep(2)
        assert ports.beats.still() == "the port one has not moved for 121 s"
        await ports.stop("one")
        assert ports.beats.still() is None  # a port that was taken away is missed by nobody


async def test_a_port_that_hangs_in_a_thread_is_said_to_stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.running.PORT_S_MAX", 0.02)
    answered = threading.Event()
    async with running(ONE, lambda port: MadeUp("one", lambda: asyncio.to_thread(answered.wait))) as ports:
        try:
            await asyncio.sleep(0.05)  # the loop turns meanwhile
            assert (ports.beats.still() or "").startswith("the port one has not moved")
        finally:
            answered.set()


@pytest.mark.virtual
async def test_each_part_has_a_patience_of_its_own() -> None:
    beats = Beats()
    beats.moved("the store", 300)
    beats.moved("the port linky", 120)
    await asyncio.sleep(200)
    assert beats.still() == "the port linky has not moved for 200 s"
    beats.moved("the port linky", 120)
    assert beats.still() is None
