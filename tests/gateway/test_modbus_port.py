import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from itertools import pairwise
from statistics import median

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.encode.modbus import Slave, encode
from drivers.modbus import load
from drivers.modbus.rtu import crc
from drivers.model import State
from gateway.ports.modbus import ModbusPort, SerialLine, TcpLine, Unit
from tests.buses import TIMEOUT_S, Bus, Sink, ladder, peer, rungs, running

pytestmark = pytest.mark.virtual

SDM630 = load("eastron_sdm630")
VALUES = {"voltage_l1": Decimal("230.1"), "power": Decimal("-1250.5"), "import_energy": Decimal(12345670)}


@pytest.fixture
async def sink() -> Sink:
    return Sink()


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    bus = Bus(Slave(1, {4: encode(SDM630, VALUES)}, registers_max=50))
    yield bus
    bus.unplug()


@pytest.fixture
async def steps() -> AsyncIterator[Bus]:
    bus = Bus(Slave(1, rungs()))
    yield bus
    bus.unplug()


async def test_a_meter_on_a_serial_line_is_read_whole_and_again(bus: Bus, sink: Sink) -> None:
    async with running(bus.line, [Unit(1, SDM630, 0.05)], sink):
        await sink.until(lambda: len(sink.telegrams) >= 2)
    assert sink.opens == 1
    assert sink.said(1)[:2] == [VALUES, VALUES]
    assert str(sink.telegrams[0].address) == "modbus:bus/1"
    assert sink.faults == []
    assert {request[1] for request in bus.requests} == {4}


async def test_two_meters_share_a_line_and_each_says_its_own(bus: Bus, sink: Sink) -> None:
    abb = load("abb_b23")
    bus.slaves += (Slave(2, {3: encode(abb, {"power": Decimal("77.31")})}),)
    async with running(bus.line, [Unit(1, SDM630, 0.05), Unit(2, abb, 0.05)], sink):
        await sink.until(lambda: len(sink.said(1)) >= 2 and len(sink.said(2)) >= 2)
    assert sink.said(1)[0] == VALUES
    assert sink.said(2)[0] == {"power": Decimal("77.31")}


@pytest.mark.parametrize(
    ("which", "late"), [(0, 1.4), (1, 1.9), (3, 1.4), (0, 2.5), (1, 3.2), (1, 4.3)], ids=lambda number: str(number)
)
async def test_a_late_reply_never_becomes_the_value_of_another_register(
    steps: Bus, sink: Sink, which: int, late: float
) -> None:
    steps.behave = lambda n, reply: (late * TIMEOUT_S if n == which else 0.05 * TIMEOUT_S, reply)
    async with running(steps.line, [Unit(1, ladder(), 0.01)], sink):
        await sink.until(lambda: len(sink.telegrams) >= 3)
    assert "no answer in 0.08 s" in str(sink.faults[0])
    right = {f"r{a}": Decimal(a) for rung in range(4) for a in (100 * rung, 100 * rung + 1)}
    assert all(said == right for said in sink.said(1))


async def test_a_meter_that_is_always_late_says_nothing_rather_than_something_wrong(steps: Bus, sink: Sink) -> None:
    steps.behave = lambda n, reply: (1.5 * TIMEOUT_S, reply)
    async with running(steps.line, [Unit(1, ladder(), 0.01)], sink):
        await sink.until(lambda: len(sink.faults) >= 3)
    assert sink.telegrams == []
    assert "9 bytes came after that and were dropped" in str(sink.faults[0])


async def test_a_late_reply_is_not_taken_for_the_answer_that_would_clear_the_doubt(steps: Bus, sink: Sink) -> None:
    # The first reply comes just when the unit is asked again, the next ones each before the following request's own.
    delays = {0: 4.5, 1: 1.6}
    steps.behave = lambda n, reply: (delays.get(n, 0.5) * TIMEOUT_S, reply)
    async with running(steps.line, [Unit(1, ladder(3), 0.01)], sink):
        await sink.until(lambda: len(sink.telegrams) >= 2)
    assert all(said == {f"r{a}": Decimal(a) for a in (0, 1, 100, 101, 200, 201)} for said in sink.said(1))


async def test_a_meter_whose_delay_wanders_around_the_timeout_is_never_misread(steps: Bus, sink: Sink) -> None:
    delays = [0.3, 1.2, 0.9, 2.2, 0.1, 1.05, 0.5, 3.1, 0.2, 0.7]
    steps.behave = lambda n, reply: (delays[n % len(delays)] * TIMEOUT_S, reply)
    async with running(steps.line, [Unit(1, ladder(2), 0.01)], sink):
        await sink.until(lambda: len(sink.faults) + len(sink.telegrams) >= 6)
    assert all(said == {f"r{a}": Decimal(a) for a in (0, 1, 100, 101)} for said in sink.said(1))


async def test_a_dead_meter_does_not_slow_the_living_one(steps: Bus, sink: Sink) -> None:
    async with running(steps.line, [Unit(1, ladder(1), 0.05), Unit(9, ladder(1), 0.05)], sink):
        await sink.until(lambda: len(sink.said(1)) >= 16)
    assert [request[0] for request in steps.requests].count(9) <= 5
    assert median(later - earlier for earlier, later in pairwise(sink.at_s)) < 1.5 * 0.05
    assert sink.said(9) == []


def _broken(reply: bytes) -> Iterator[bytes]:
    yield reply[:-1] + bytes([reply[-1] ^ 1])  # CRC
    yield reply[:4]  # cut short
    yield b"\x55" * 40
    body = bytes([reply[0], reply[1], 2]) + reply[3:5]  # one register where two were asked
    yield body + crc(body)
    body = bytes([2]) + reply[1:-2]  # another unit
    yield body + crc(body)


@pytest.mark.parametrize("fault", range(5), ids=["crc", "short", "noise", "length", "unit"])
async def test_a_broken_reply_is_a_fault_and_the_next_round_is_right(steps: Bus, sink: Sink, fault: int) -> None:
    steps.behave = lambda n, reply: (0.0, list(_broken(reply))[fault] if n == 1 else reply)
    async with running(steps.line, [Unit(1, ladder(2), 0.01)], sink):
        await sink.until(lambda: len(sink.telegrams) >= 2)
    assert len(sink.faults) == 1
    assert str(sink.faults[0]).startswith("unit 1, registers 100 to 101: ")
    assert all(said == {f"r{a}": Decimal(a) for a in (0, 1, 100, 101)} for said in sink.said(1))


async def test_a_refused_block_is_halved_down_to_what_the_meter_has_and_remembered(bus: Bus, sink: Sink) -> None:
    registers = encode(SDM630, VALUES)
    del registers[60], registers[61]  # reactive_power: this meter does not have it
    bus.slaves = (Slave(1, {4: registers}, registers_max=30),)
    async with running(bus.line, [Unit(1, SDM630, 0.01)], sink):
        await sink.until(lambda: len(sink.telegrams) >= 1)
        refusals = len(sink.faults)
        await sink.until(lambda: len(sink.telegrams) >= 3)
    assert sink.said(1) == [VALUES] * 3
    assert "registers 60 to 61: exception 2 (illegal data address)" in str(sink.faults[-1])
    assert len(sink.faults) == refusals, "a later round asked again for what the first one was refused"


async def test_a_meter_that_has_nothing_of_its_map_says_that_it_has_no_data(bus: Bus, sink: Sink) -> None:
    bus.slaves = (Slave(1, {4: {}}),)
    async with running(bus.line, [Unit(1, ladder(1), 0.01)], sink):
        await sink.until(lambda: len(sink.telegrams) >= 2)
    assert {telegram.state for telegram in sink.telegrams} == {State.NO_DATA}


async def test_a_busy_meter_is_asked_again_later_and_keeps_its_plan(steps: Bus, sink: Sink) -> None:
    busy = bytes([1, 0x84, 6])
    steps.behave = lambda n, reply: (0.0, busy + crc(busy) if n == 0 else reply)
    async with running(steps.line, [Unit(1, ladder(1), 0.01)], sink):
        await sink.until(lambda: len(sink.telegrams) >= 1)
    assert [str(fault) for fault in sink.faults] == ["unit 1, registers 0 to 1: exception 6 (device busy)"]
    assert sink.said(1)[0] == {"r0": Decimal(0), "r1": Decimal(1)}


async def test_a_pulled_cable_ends_the_run_with_an_error_the_supervisor_retries(bus: Bus, sink: Sink) -> None:
    async with running(bus.line, [Unit(1, SDM630, 0.01)], sink) as task:
        await sink.until(lambda: len(sink.telegrams) >= 1)
        bus.unplug()
        with pytest.raises(OSError, match="/dev/pts/"):
            await asyncio.wait_for(task, 2)


async def test_a_missing_device_is_named(sink: Sink) -> None:
    with pytest.raises(OSError, match=r"/dev/serial/by-id/none: no such device"):
        await ModbusPort("bus", SerialLine("/dev/serial/by-id/none", 9600), [Unit(1, SDM630, 1)], sink).run()
    assert sink.opens == 0


async def test_a_line_that_never_falls_silent_is_opened_again(steps: Bus, sink: Sink) -> None:
    async def chatter() -> None:
        while True:
            os.write(steps.near, b"\x55")
            await asyncio.sleep(TIMEOUT_S / 4)

    talking = asyncio.create_task(chatter())
    async with running(steps.line, [Unit(1, ladder(1), 0.01)], sink) as task:
        with pytest.raises(TimeoutError, match="never falls silent"):
            await asyncio.wait_for(task, 2)
    talking.cancel()


async def test_a_bridge_to_a_serial_line_is_as_safe_as_the_line(steps: Bus, sink: Sink) -> None:
    steps.behave = lambda n, reply: ((1.6 if n == 1 else 0.1) * TIMEOUT_S, reply)
    async with (
        peer(steps.bridge) as line,
        running(TcpLine(line.host, line.port, rtu=True), [Unit(1, ladder(2), 0.01)], sink),
    ):
        await sink.until(lambda: len(sink.telegrams) >= 2)
    assert len(sink.faults) == 1
    assert all(said == {f"r{a}": Decimal(a) for a in (0, 1, 100, 101)} for said in sink.said(1))


@contextlib.asynccontextmanager
async def tcp_server(*devices: SimDevice) -> AsyncIterator[tuple[ModbusTcpServer, TcpLine]]:
    server = ModbusTcpServer(list(devices), address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    assert isinstance(server.transport, asyncio.Server)
    try:
        yield server, TcpLine("127.0.0.1", server.transport.sockets[0].getsockname()[1])
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it bare


def device(unit: int, blocks: dict[int, list[int]]) -> SimDevice:
    """A pymodbus device: its code, not ours, on the other side."""
    return SimDevice(unit, [SimData(a, values=words, datatype=DataType.REGISTERS) for a, words in blocks.items()])


async def test_a_meter_on_modbus_tcp_is_read_and_what_it_lacks_is_absent(sink: Sink) -> None:
    em340 = load("carlo_gavazzi_em340")
    blocks = {0: [0x08FD, 0] + [0] * 22, 40: [0xCFC7, 0xFFFF] + [0] * 12}  # no registers from 64 on
    async with tcp_server(device(1, blocks)) as (_, line), running(line, [Unit(1, em340, 0.02)], sink):
        await sink.until(lambda: len(sink.telegrams) >= 2)
    said = sink.said(1)[1]
    assert said["voltage_l1"] == Decimal("230.1")
    assert said["power"] == Decimal("-1234.5")
    assert not {"import_energy_l1", "export_energy"} & said.keys()
    assert "exception 2" in str(sink.faults[0])


async def test_a_tcp_server_that_goes_away_ends_the_run(sink: Sink) -> None:
    async with (
        tcp_server(device(1, {0: [0, 1]})) as (server, line),
        running(line, [Unit(1, ladder(1), 0.01)], sink) as t,
    ):
        await sink.until(lambda: len(sink.telegrams) >= 1)
        await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it bare
        with pytest.raises(OSError, match="closed by the other side"):
            await asyncio.wait_for(t, 2)
    with pytest.raises(OSError, match="no connection"):
        await ModbusPort("bus", line, [Unit(1, ladder(1), 1)], sink, timeout_s=TIMEOUT_S).run()


async def test_a_late_or_short_reply_over_tcp_is_dropped_too(sink: Sink) -> None:
    count = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        while request := await reader.readexactly(12):
            address, asked = int.from_bytes(request[8:10], "big"), int.from_bytes(request[10:12], "big")
            count += 1
            words = range(address, address + (1 if count == 5 else asked))
            pdu = bytes([4, 2 * len(words)]) + b"".join(word.to_bytes(2, "big") for word in words)
            head = request[:4] + (len(pdu) + 1).to_bytes(2, "big") + request[6:7]
            delay = (1.5 if count == 2 else 0.1) * TIMEOUT_S
            asyncio.get_running_loop().call_later(delay, writer.write, head + pdu)

    async with peer(talk) as line, running(line, [Unit(1, ladder(2), 0.01)], sink):
        await sink.until(lambda: len(sink.telegrams) >= 3)
    assert ["no answer" in str(fault) for fault in sink.faults] == [True, False]
    assert "a reply of 2 bytes that says 2, expected 4" in str(sink.faults[1])
    assert all(said == {f"r{a}": Decimal(a) for a in (0, 1, 100, 101)} for said in sink.said(1))
