"""A P1 line finds its meter's speed by listening, over a cable and over TCP; an optical port needs none of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from drivers.encode import sml as encode_sml
from drivers.encode.p1 import Household, SubMeter, v2, v5
from drivers.model import DecodeError, Frame, Telegram
from drivers.p1 import Line
from drivers.p1.listening import Listener
from drivers.talk import Identity
from gateway import lines
from gateway.config import parse
from gateway.demo.wires import TcpWire
from gateway.ports import Port
from gateway.ports import stream as stream_port
from gateway.ports.listening import ListeningPort, Patience
from gateway.ports.stream import SerialLine
from gateway.views import Hears, Listening
from tests.dutch import Meter

pytestmark = pytest.mark.virtual

AT = datetime(2026, 1, 15, 12, 0, 3, tzinfo=UTC)
GAS = SubMeter("G0099000000000042", 456_789, AT.replace(minute=0, second=0))
HOME = Household(number="E0099000000000042", at=AT, import_wh=(1_000, 2_000), import_w=460, sub_meters=(GAS,))
QUICK = Patience(dwell_s=0.4, lost_s=0.8, check_s=0.2)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes within 0.2 s is gathered to save wake-ups; here nobody saves."""
    monkeypatch.setattr(stream_port, "GATHER_S", 0.01)


class Sink:
    """Writes down how the line is heard, and its frames."""

    def __init__(self) -> None:
        self.heard: list[Listening] = []
        self.frames: list[Frame] = []
        self.refused: list[DecodeError] = []
        self.news = asyncio.Event()

    def opened(self, port: str) -> None: ...

    def identified(self, port: str, identity: Identity) -> None:
        raise AssertionError(identity)

    def listening(self, port: str, listening: Listening) -> None:
        self.heard.append(listening)
        self.news.set()

    def frame(self, port: str, frame: Frame) -> None:
        self.frames.append(frame)
        self.news.set()

    def telegram(self, port: str, read: Callable[[], Telegram]) -> None:
        raise AssertionError(read)

    def fault(self, port: str, error: DecodeError) -> None:
        self.refused.append(error)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():
                self.news.clear()
                await self.news.wait()


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def meter() -> Iterator[Meter]:
    line = Meter(lambda: v5(HOME), pace_s=0.05)
    yield line
    line.close()


@asynccontextmanager
async def running(port: Port, *jobs: "asyncio.Future[None]") -> AsyncIterator[None]:
    task = asyncio.create_task(port.run())
    try:
        yield
    finally:
        for each in (task, *jobs):
            each.cancel()
        await asyncio.gather(task, *jobs, return_exceptions=True)


def port_of(meter: Meter, sink: Sink) -> ListeningPort:
    return ListeningPort("p1", SerialLine(str(meter.path), 115_200), sink, lines.P1_BAUDS, Listener, QUICK)


async def test_nobody_has_to_say_of_which_version_and_speed_a_meter_is(meter: Meter, sink: Sink) -> None:
    async with running(port_of(meter, sink), asyncio.create_task(meter.play())):
        await sink.until(lambda: len(sink.frames) >= 4)
        assert sink.heard == [Listening(Hears.GROUPS, (115_200,))]
        meter.says, meter.baud = lambda: v2(HOME), 9600
        await sink.until(lambda: sink.heard[-1] == Listening(Hears.GROUPS, (9600,)))
        old = len(sink.frames)
        await sink.until(lambda: len(sink.frames) >= old + 4)
    addresses = {str(Line().decode(frame, int(AT.timestamp())).address) for frame in sink.frames}
    assert addresses == {"p1:E0099000000000042", "p1:G0099000000000042"}


async def test_the_telegram_that_decided_is_not_lost(meter: Meter, sink: Sink) -> None:
    turns = iter(range(100))
    meter.says = lambda: v5(HOME) if next(turns) == 5 else b""  # by then the line is open
    async with running(port_of(meter, sink), asyncio.create_task(meter.play())):
        await sink.until(lambda: len(sink.frames) == 2)


async def test_damage_costs_its_telegram_and_never_becomes_a_value(meter: Meter, sink: Sink) -> None:
    turn = [0]

    def damaged(data: bytes) -> bytes:
        turn[0] += 1
        return data if turn[0] % 2 else data.replace(b"000001.000", b"000009.000")

    meter.damage = damaged
    async with running(port_of(meter, sink), asyncio.create_task(meter.play())):
        await sink.until(lambda: len(sink.frames) >= 8)
    assert not any(b"000009.000" in frame.data for frame in sink.frames)
    assert str(sink.refused[0]).startswith("p1 telegram: CRC ")


@pytest.mark.parametrize(
    ("protocol", "data", "frames"),
    [("p1", v5(HOME), 2), ("p1", v2(HOME), 2), ("sml", encode_sml.household(encode_sml.server("REL", 42), 1, 2, 3), 1)],
)
async def test_over_tcp_the_same_bytes_are_read(protocol: str, data: bytes, frames: int, sink: Sink) -> None:
    wire = TcpWire()
    text = f'[[port]]\nname = "grid"\nprotocol = "{protocol}"\ntcp = "127.0.0.1:{wire.port}"\n'
    port = lines.open_port(parse(text, "a test").ports[0], (), sink)
    async with running(port, asyncio.create_task(wire.serve()), asyncio.create_task(said_again(wire, data))):
        await sink.until(lambda: len(sink.frames) >= 2 * frames)
    assert len({frame.data for frame in sink.frames}) == frames


async def said_again(wire: TcpWire, data: bytes) -> None:
    while True:
        wire.write(data)
        await asyncio.sleep(0.02)
