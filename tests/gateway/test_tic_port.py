"""The customer port finds its meter's speed and mode by listening, and finds them again: on a line that garbles."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from random import Random

import pytest

from drivers import tic
from drivers.encode.tic import historique_frame, standard_frame, with_parity
from drivers.model import DecodeError, Frame, Telegram
from drivers.talk import Identity
from drivers.tic.labels import Mode
from drivers.tic.listening import Listener
from gateway import lines
from gateway.config import parse
from gateway.demo.wires import TcpWire
from gateway.ports import stream as stream_port
from gateway.ports.listening import ListeningPort, Patience
from gateway.ports.stream import SerialLine
from gateway.views import Hears, Listening
from tests.linky import Meter, household

pytestmark = pytest.mark.virtual

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
LINKY = household(AT, 1000, 2000)
STANDARD, HISTORIQUE = standard_frame(LINKY), historique_frame(LINKY)
SAYS = {Mode.STANDARD: STANDARD, Mode.HISTORIQUE: HISTORIQUE}

IN_STANDARD = Listening(Hears.GROUPS, (9600,), "standard")
IN_HISTORIQUE = Listening(Hears.GROUPS, (1200,), "historique")
NOISE, NOTHING = Listening(Hears.NOISE, (9600, 1200)), Listening(Hears.NOTHING, (9600, 1200))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes within 0.2 s is gathered to save wake-ups; here nobody saves."""
    monkeypatch.setattr(stream_port, "GATHER_S", 0.01)


class Sink:
    """Writes down how the line is heard, and the readings of every frame."""

    def __init__(self) -> None:
        self.heard: list[Listening] = []
        self.telegrams: list[Telegram] = []
        self.refused: list[DecodeError] = []
        self.news = asyncio.Event()

    def opened(self, port: str) -> None: ...

    def identified(self, port: str, identity: Identity) -> None:
        raise AssertionError(identity)

    def listening(self, port: str, listening: Listening) -> None:
        self.heard.append(listening)
        self.news.set()

    def frame(self, port: str, frame: Frame) -> None:
        try:
            self.telegrams.append(tic.decode(frame))
        except DecodeError as error:
            self.refused.append(error)
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

    def registers(self) -> set[str]:
        return {reading.register for telegram in self.telegrams for reading in telegram.readings}


def meter(mode: Mode) -> Meter:
    """Six times as fast as a real one, and at its speed all the same: bytes are late by nothing here."""
    played = Meter(lambda: SAYS[played.mode], mode, speed=6)
    return played


@asynccontextmanager
async def reading(line: Meter, sink: Sink, bauds: tuple[int, ...] = (9600, 1200)) -> AsyncIterator[None]:
    serial = SerialLine(str(line.path), bauds[0])
    port = ListeningPort("linky", serial, sink, bauds, Listener, Patience(dwell_s=0.4, lost_s=0.8, check_s=0.2))
    tasks = [asyncio.create_task(port.run()), asyncio.create_task(line.play())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        line.close()


@pytest.mark.parametrize(
    ("mode", "heard", "index"), [(Mode.STANDARD, IN_STANDARD, "EAST"), (Mode.HISTORIQUE, IN_HISTORIQUE, "HCHC")]
)
async def test_nobody_has_to_say_at_which_speed_and_in_which_mode_a_meter_speaks(
    mode: Mode, heard: Listening, index: str
) -> None:
    line, sink = meter(mode), Sink()
    async with reading(line, sink):
        await sink.until(lambda: len(sink.telegrams) >= 3)
    assert sink.heard[-1] == heard
    assert index in sink.registers()
    assert not any(telegram.faults for telegram in sink.telegrams), "what decided is not lost to the first frame"


async def test_a_meter_that_is_switched_in_the_middle_is_found_again_by_itself_and_back_again() -> None:
    line, sink = meter(Mode.HISTORIQUE), Sink()
    async with reading(line, sink):
        await sink.until(lambda: IN_HISTORIQUE in sink.heard and len(sink.telegrams) > 2)
        line.mode = Mode.STANDARD
        await sink.until(lambda: "EAST" in sink.registers())
        told = len(sink.heard)
        line.mode = Mode.HISTORIQUE
        await sink.until(lambda: sink.heard[told:].count(IN_HISTORIQUE) == 1)
    modes = [heard for heard in sink.heard if heard.hears is Hears.GROUPS]
    assert modes == [IN_HISTORIQUE, IN_STANDARD, IN_HISTORIQUE]
    values = {str(r.value) for telegram in sink.telegrams for r in telegram.readings if r.register.startswith("HC")}
    assert values == {"1000", "2000"}, "nothing that was misheard became a value"


async def test_no_data_at_all_is_told_apart_from_a_wrong_speed() -> None:
    line, sink = meter(Mode.STANDARD), Sink()
    line.plugged = False
    line.damage = lambda data: Random(1).randbytes(len(data))
    async with reading(line, sink):
        await sink.until(lambda: sink.heard == [NOTHING])
        line.plugged = True
        await sink.until(lambda: sink.heard == [NOTHING, NOISE])
        line.damage = bytes
        await sink.until(lambda: sink.heard == [NOTHING, NOISE, IN_STANDARD])
        line.plugged = False
        await sink.until(lambda: sink.heard[-1] == NOTHING)


async def test_a_speed_that_the_file_states_is_kept_and_the_noise_is_said_to_come_at_it() -> None:
    line, sink = meter(Mode.HISTORIQUE), Sink()
    async with reading(line, sink, bauds=(9600,)):
        await sink.until(lambda: len(sink.heard) > 0)
        await asyncio.sleep(0.05)
    assert sink.heard == [Listening(Hears.NOISE, (9600,))]
    assert not sink.telegrams


async def test_bytes_of_wrong_parity_cost_their_group_and_never_become_a_value() -> None:
    line, sink = meter(Mode.STANDARD), Sink()
    rng = Random(7)

    def damaged(data: bytes) -> bytes:
        wire = bytearray(data)
        wire[rng.randrange(len(wire))] ^= 1 << rng.randrange(8)
        return bytes(wire)

    line.damage = damaged
    async with reading(line, sink):
        await sink.until(lambda: len(sink.telegrams) >= 15)
    sent = {(r.register, r.value) for r in tic.decode(Frame(STANDARD[1:-1])).readings}
    read = {(r.register, r.value) for telegram in sink.telegrams for r in telegram.readings}
    assert read <= sent
    assert sum(len(telegram.faults) for telegram in sink.telegrams) > 5


@pytest.mark.parametrize("parity", ["", 'parity = "N"\n', 'parity = "E"\n'])
async def test_over_tcp_the_groups_tell_the_mode_and_the_parity_is_read_as_stated_or_as_found(parity: str) -> None:
    for mode in SAYS:
        data = SAYS[mode] if "E" in parity else with_parity(SAYS[mode])
        wire, sink = TcpWire(), Sink()
        text = f'[[port]]\nname = "linky"\nprotocol = "tic"\ntcp = "127.0.0.1:{wire.port}"\n{parity}'
        port = lines.open_port(parse(text, "a test").ports[0], (), sink)
        tasks = [asyncio.create_task(job) for job in (wire.serve(), said_again(wire, data), port.run())]
        await sink.until(partial(enough, sink))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert sink.heard == [Listening(Hears.GROUPS, (), mode)]
        assert not any(telegram.faults for telegram in sink.telegrams)


def enough(sink: Sink) -> bool:
    return len(sink.telegrams) >= 2


async def said_again(wire: TcpWire, data: bytes) -> None:
    while True:
        wire.write(data)
        await asyncio.sleep(0.02)
