import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from drivers.encode.modbus import Slave
from drivers.modbus import load
from drivers.model import Telegram
from gateway.ports.modbus import ModbusPort, Unit
from tests.buses import TIMEOUT_S, Bus, Sink, rungs, running

pytestmark = pytest.mark.virtual

SUNSPEC = load("sunspec")


@pytest.fixture
async def sink() -> Sink:
    return Sink()


@pytest.fixture
async def steps() -> AsyncIterator[Bus]:
    bus = Bus(Slave(1, rungs()))
    yield bus
    bus.unplug()


def sunspec_registers(energy: int = 1_234_567) -> dict[int, int]:
    """An inverter of one phase at 40000: common model, model 101, end."""
    words = [0x5375, 0x6E53, 1, 66, *[0] * 66, 101, 50, *[0x8000] * 50, 0xFFFF, 0]
    registers = dict(enumerate(words, 40000))
    start = 40070
    registers |= {
        start + 14: 3210,
        start + 15: 0xFFFF,
        start + 24: energy >> 16,
        start + 25: energy & 0xFFFF,
        start + 26: 0,
    }
    return registers


async def test_a_sunspec_unit_is_found_by_a_walk_and_then_read(steps: Bus, sink: Sink) -> None:
    steps.slaves = (Slave(1, {3: sunspec_registers()}),)
    async with running(steps.line, [Unit(1, SUNSPEC, 0.01)], sink):
        await sink.until(lambda: len(sink.telegrams) >= 3)
    assert sink.faults == []
    assert sink.said(1)[0]["power"] == Decimal("321.0")
    assert sink.said(1)[0]["export_energy"] == Decimal(1_234_567)
    asked = [(int.from_bytes(r[2:4], "big"), r[5]) for r in steps.requests]
    assert asked[:5] == [(40000, 2), (40002, 2), (40070, 2), (40122, 2), (40070, 38)]
    assert set(asked[5:]) == {(40070, 38)}, "the walk is done once"


async def test_sunspec_models_that_moved_give_no_reading_until_they_are_found_again(steps: Bus, sink: Sink) -> None:
    slave = Slave(1, {3: sunspec_registers()})
    steps.slaves = (slave,)
    async with running(steps.line, [Unit(1, SUNSPEC, 0.01)], sink):
        await sink.until(lambda: len(sink.telegrams) >= 1)
        moved = sunspec_registers()
        moved |= {40070: 11, 40071: 13, **dict.fromkeys(range(40072, 40085), 7)}
        moved |= {40085 + offset: word for offset, word in enumerate(sunspec_registers()[40070 + i] for i in range(54))}
        slave.registers = {3: moved}
        await sink.until(lambda: len(sink.faults) >= 1)
        told = len(sink.telegrams)
        await sink.until(lambda: len(sink.telegrams) > told)
    assert str(sink.faults[0]) == "unit 1: its SunSpec models are not where they were found"
    assert {said["export_energy"] for said in sink.said(1)} == {Decimal(1_234_567)}


async def test_a_walk_on_a_unit_without_sunspec_says_so(steps: Bus, sink: Sink) -> None:
    steps.slaves = (Slave(1, {3: {}}),)
    async with running(steps.line, [Unit(1, SUNSPEC, 0.01)], sink):
        await sink.until(lambda: len(sink.faults) >= 1)
    assert str(sink.faults[0]) == 'unit 1: no SunSpec unit: "SunS" stands at none of 40000, 0, 50000'
    assert sink.telegrams == []


async def test_an_inverter_that_falls_silent_during_the_walk_is_walked_again(steps: Bus, sink: Sink) -> None:
    steps.slaves = (Slave(1, {3: sunspec_registers()}),)
    steps.behave = lambda n, reply: None if n in {2, 7} else (0.0, reply)
    async with running(steps.line, [Unit(1, SUNSPEC, 0.01)], sink):
        await sink.until(lambda: len(sink.telegrams) >= 2)
    assert "unit 1, registers 40070 to 40071: no answer" in str(sink.faults[0])
    assert all(said["power"] == Decimal("321.0") for said in sink.said(1))


async def test_a_page_may_read_a_sunspec_unit_once_before_it_is_one_of_the_meters(steps: Bus, sink: Sink) -> None:
    steps.slaves = (Slave(1, {3: sunspec_registers()}), Slave(7, {3: sunspec_registers(42)}))
    port = ModbusPort("bus", steps.line, [Unit(1, SUNSPEC, 0.01)], sink, timeout_s=TIMEOUT_S)
    task = asyncio.create_task(port.run())
    await sink.until(lambda: len(sink.telegrams) >= 1)
    said = await port.once(7, SUNSPEC)
    task.cancel()
    assert isinstance(said, Telegram)
    assert {r.register: r.value for r in said.readings}["export_energy"] == Decimal(42)
