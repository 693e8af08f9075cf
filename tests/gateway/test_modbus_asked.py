"""What a person asks of a line while it is polled: a first reading, an identification, a search."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from decimal import Decimal
from typing import Any

import pytest

from drivers.encode.modbus import Slave, encode
from drivers.modbus import identify, load, plan
from drivers.modbus.rtu import Refused, crc
from drivers.model import DecodeError, Telegram
from gateway.ports.modbus import Found, ModbusPort, SerialLine, TcpLine, Unit
from tests.buses import TIMEOUT_S, Bus, PacedMaster, Sink, ladder, peer, rungs, virtually

pytestmark = pytest.mark.virtual

SDM120 = load("eastron_sdm120")
ABB = load("abb_b23")
LINE = SerialLine("/dev/ttyUSB0", 9600)


async def opened(port: ModbusPort) -> None:
    """The line is open, and quiet: somebody who is not there was asked."""
    while "not open" in str(await port.ask(99, 3, 0, 1)):
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def open_port(
    line: SerialLine | TcpLine, sink: Sink, *units: Unit, master: PacedMaster | None = None
) -> AsyncIterator[ModbusPort]:
    """A port whose line is open and quiet."""
    timeout_s = 1.0 if master else TIMEOUT_S
    port = ModbusPort("bus", line, units, sink, timeout_s, **({"opening": master.open} if master else {}))
    running = asyncio.create_task(port.run())
    try:
        await opened(port)
        yield port
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


@pytest.fixture
async def sink() -> Sink:
    return Sink()


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    bus = Bus(Slave(1, rungs()), Slave(5, {3: encode(ABB, {"power": Decimal("77.31")})}))
    yield bus
    bus.unplug()


async def test_a_line_without_meters_is_opened_and_reads_a_meter_once_on_request(bus: Bus, sink: Sink) -> None:
    async with open_port(bus.line, sink) as port:
        bus.requests.clear()
        said = await port.once(5, ABB)
        assert len(bus.requests) == len(plan(ABB)), "asked once, and no more"
    assert isinstance(said, Telegram)
    assert str(said.address) == "modbus:bus/5"
    assert {r.register: r.value for r in said.readings} == {"power": Decimal("77.31")}
    assert sink.telegrams == [], "what a person tries is no telegram of the port"


async def test_registers_are_answered_as_they_are_and_a_refusal_is_one(bus: Bus, sink: Sink) -> None:
    async with open_port(bus.line, sink) as port:
        assert await port.ask(1, 4, 11, 3) == (11, 12, 13)
        assert await port.ask(1, 4, 2000, 1) == Refused(2)
        assert await port.ask(1, 3, 0, 1) == Refused(1)
        assert "unit 7, registers 0 to 0: no answer in 0.08 s" in str(await port.ask(7, 3, 0, 1))


@pytest.mark.parametrize(
    ("unit", "function_code", "address", "count", "fault"),
    [
        (0, 3, 0, 1, "a unit from 1 to 247 is needed, not 0"),
        (248, 3, 0, 1, "a unit from 1 to 247 is needed, not 248"),
        (1, 6, 0, 1, "function code 3 or 4 is needed (we only read), not 6"),
        (1, 3, 0, 126, "1 to 125 registers from 0 to 65535 are needed, not 126 from 0 on"),
        (1, 3, 65535, 2, "1 to 125 registers from 0 to 65535 are needed, not 2 from 65535 on"),
    ],
)
async def test_what_cannot_be_asked_is_a_sentence_and_not_asked(
    bus: Bus, sink: Sink, unit: int, function_code: int, address: int, count: int, fault: str
) -> None:
    async with open_port(bus.line, sink) as port:
        bus.requests.clear()
        assert str(await port.ask(unit, function_code, address, count)) == fault
        assert bus.requests == []


async def test_a_line_that_is_not_open_says_so(sink: Sink) -> None:
    port = ModbusPort("bus", LINE, [], sink)
    assert str(await port.ask(1, 3, 0, 1)) == "bus: the line is not open"
    assert str(await port.once(1, SDM120)) == "bus: the line is not open"
    with pytest.raises(OSError, match="bus: the line is not open"):
        await anext(port.scan([1]))


async def test_a_line_that_is_lost_answers_those_who_wait_with_a_sentence(bus: Bus, sink: Sink) -> None:
    bus.behave = lambda n, reply: None
    port = ModbusPort("bus", bus.line, [], sink, TIMEOUT_S)
    running = asyncio.create_task(port.run())
    await opened(port)
    asking = [asyncio.create_task(port.ask(1, 4, 0, count)) for count in (1, 2, 3)]
    await asyncio.sleep(TIMEOUT_S / 2)
    bus.unplug()
    answers = await asyncio.wait_for(asyncio.gather(*asking), 2)
    assert {str(answer) for answer in answers} == {"bus: the line was lost before the answer"}
    with pytest.raises(OSError, match="/dev/pts/"):
        await running


async def test_a_late_reply_never_becomes_the_answer_to_a_person(bus: Bus, sink: Sink) -> None:
    async with open_port(bus.line, sink) as port:
        before = len(bus.requests)
        bus.behave = lambda n, reply: ((2.5 if n == before else 0.2) * TIMEOUT_S, reply)
        assert isinstance(await port.ask(1, 4, 100, 2), DecodeError)
        for address in (200, 300, 400):
            said = await port.ask(1, 4, address, 2)
            assert isinstance(said, DecodeError) or said == (address, address + 1)
        assert await port.ask(1, 4, 500, 2) == (500, 501)


async def test_an_exception_that_may_belong_to_an_earlier_request_is_no_refusal(bus: Bus, sink: Sink) -> None:
    async with open_port(bus.line, sink) as port:
        before = len(bus.requests)
        # The first one's exception comes when the second one, of another length, is asked.
        bus.behave = lambda n, reply: (2.2 * TIMEOUT_S if n == before else 0.5 * TIMEOUT_S, reply)
        assert isinstance(await port.ask(1, 4, 2000, 2), DecodeError)
        said = await port.ask(1, 4, 100, 3)
        assert not isinstance(said, Refused)
        assert await port.ask(1, 4, 100, 3) == (100, 101, 102)


async def test_a_search_finds_who_answers_anything_and_asks_each_once(bus: Bus, sink: Sink) -> None:
    async with open_port(bus.line, sink) as port:
        bus.requests.clear()
        found = [found async for found in port.scan(range(9))]
        assert [request[0] for request in bus.requests] == list(range(1, 9))
    assert found == [Found(1, Refused(1)), Found(5, Refused(2))]


async def test_a_search_for_a_known_model_asks_for_a_register_it_has(bus: Bus, sink: Sink) -> None:
    async with open_port(bus.line, sink) as port:
        (found,) = [found async for found in port.scan([5], ABB)]
    assert isinstance(found.said, tuple)
    assert len(found.said) == ABB.registers[0].type.registers


async def test_a_damaged_answer_to_a_search_is_found_and_said_to_be_damaged(bus: Bus, sink: Sink) -> None:
    bus.behave = lambda n, reply: (0.0, reply[:-1] + bytes([reply[-1] ^ 1]))
    async with open_port(bus.line, sink) as port:
        (found,) = [found async for found in port.scan([1])]
    assert found.unit == 1
    assert "CRC" in str(found.said)


async def test_a_gateway_that_answers_for_a_meter_that_is_not_there_is_no_find(sink: Sink) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.readexactly(12):
            code = 11 if request[6] != 3 else 2
            writer.write(request[:4] + bytes([0, 3, request[6], 0x80 | request[7], code]))

    async with peer(talk) as line, open_port(line, sink) as port:
        assert [found.unit async for found in port.scan(range(6))] == [3]


async def test_a_search_can_be_left_and_the_next_one_begins(bus: Bus, sink: Sink) -> None:
    async with open_port(bus.line, sink) as port:
        search = port.scan(range(1, 248))
        assert (await anext(search)).unit == 1
        with pytest.raises(OSError, match="a search is already under way"):
            await anext(port.scan([1]))
        await search.aclose()
        asked = len(bus.requests)
        assert [found.unit async for found in port.scan([5])] == [5]
        assert len(bus.requests) <= asked + 2


async def test_a_request_whose_caller_left_is_not_asked(bus: Bus, sink: Sink) -> None:
    async with open_port(bus.line, sink) as port:
        bus.requests.clear()
        mute = asyncio.create_task(port.ask(9, 3, 0, 1))
        left = asyncio.create_task(port.ask(1, 4, 77, 1))
        await asyncio.sleep(0.01)
        left.cancel()
        await mute
        assert await port.ask(1, 4, 78, 1) == (78,)
        assert [request[:4] for request in bus.requests] == [b"\x09\x03\x00\x00", b"\x01\x04\x00\x4e"]


async def test_more_requests_than_may_wait_are_refused_at_once(bus: Bus, sink: Sink) -> None:
    async with open_port(bus.line, sink) as port:
        answers = await asyncio.gather(*(port.ask(1, 4, address, 1) for address in range(20)))
    assert answers[:16] == [(address,) for address in range(16)]
    assert "16 requests wait for the line already" in str(answers[16])


async def test_meters_come_and_go_while_the_line_stays_open(bus: Bus, sink: Sink) -> None:
    first, second = Unit(1, ladder(1), 0.02), Unit(5, ABB, 0.02)
    async with open_port(bus.line, sink) as port:
        port.set_units([first])
        await sink.until(lambda: len(sink.said(1)) >= 2)
        port.set_units([first, second])
        await sink.until(lambda: len(sink.said(5)) >= 2)
        port.set_units([second])
        await asyncio.sleep(0.03)
        told = len(sink.said(1))
        await sink.until(lambda: len(sink.said(5)) >= 6)
    assert len(sink.said(1)) == told
    assert sink.opens == 1


async def test_nothing_but_reading_is_ever_sent_whatever_is_asked(bus: Bus, sink: Sink) -> None:
    units = Unit(1, ladder(2), 0.02), Unit(5, ABB, 0.02), Unit(6, load("sunspec"), 0.02), Unit(9, SDM120, 0.02)
    async with open_port(bus.line, sink, *units) as port:
        await port.once(1, ladder(2))
        for question in identify.questions():
            await port.ask(5, question.function_code, question.address, question.count)
        for function_code in range(256):
            await port.ask(5, function_code, 0, 1)
        assert [found.unit async for found in port.scan(range(1, 7))] == [1, 5]
    assert {request[1] for request in bus.requests} == {3, 4}
    assert all(crc(request[:6]) == request[6:] for request in bus.requests)


def on_a_paced_line(test: Callable[[PacedMaster, Sink], Coroutine[Any, Any, None]]) -> None:
    """In the clock's time: four SDM120 at 9600 baud, each asked as often as the line allows."""
    registers = {SDM120.function_code: encode(SDM120, {"power": Decimal(5)})}

    async def run() -> None:
        await test(PacedMaster({unit: Slave(unit, registers) for unit in range(1, 5)}), Sink())

    virtually(run())


UNITS = [Unit(unit, SDM120, 0.1) for unit in range(1, 5)]


def test_a_person_waits_for_one_request_at_most_on_a_line_that_is_never_free() -> None:
    async def test(master: PacedMaster, sink: Sink) -> None:
        async with open_port(LINE, sink, *UNITS, master=master) as port:
            await asyncio.sleep(30)
            loop = asyncio.get_running_loop()
            began = loop.time()
            assert isinstance(await port.ask(2, 4, 12, 2), tuple)
            between = [unit for at, unit, *_ in master.asked if at >= began]
            assert between == [2], "only what was on the line already came before it"
            assert loop.time() - began < 0.5

    on_a_paced_line(test)


def test_a_search_of_all_units_leaves_the_meters_every_other_turn() -> None:
    async def test(master: PacedMaster, sink: Sink) -> None:
        async with open_port(LINE, sink, *UNITS, master=master) as port:
            await asyncio.sleep(10)
            loop = asyncio.get_running_loop()
            began, told = loop.time(), len(sink.telegrams)
            assert [found.unit async for found in port.scan(range(1, 248))] == [1, 2, 3, 4]
            assert loop.time() - began < 400
            assert len(sink.telegrams) - told >= 240

    on_a_paced_line(test)
