"""Hours on a Modbus line, in the clock's own time: who is asked when, and what a dead meter costs the others."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from statistics import mean

import pytest

from drivers.encode.modbus import Slave, encode
from drivers.modbus import MeterMap, load, plan
from drivers.modbus.rtu import crc
from gateway.ports.modbus import ModbusPort, SerialLine, Unit
from gateway.ports.modbus_bus import Request, probe_of
from tests.buses import PacedMaster, Sink, ladder, rungs, virtually

SDM120 = load("eastron_sdm120")
LINE = SerialLine("/dev/ttyUSB0", 9600)


def meters(count: int) -> PacedMaster:
    registers = {SDM120.function_code: encode(SDM120, {"power": Decimal(5)})}
    return PacedMaster({unit: Slave(unit, registers) for unit in range(1, count + 1)})


def run(master: PacedMaster, units: list[Unit], seconds: float, *changes: tuple[float, Callable[[], object]]) -> Sink:
    """What a port tells in so many seconds; each change is made at its time."""
    sinks = []

    async def live() -> None:
        sink = Sink()
        sinks.append(sink)
        running = asyncio.create_task(ModbusPort("bus", LINE, units, sink, opening=master.open).run())
        loop = asyncio.get_running_loop()
        for at, change in (*changes, (seconds, running.cancel)):
            await asyncio.sleep(at - loop.time())
            change()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    virtually(live())
    return sinks[0]


def times(sink: Sink, unit: int, since: float = 0) -> list[float]:
    told = zip(sink.telegrams, sink.at_s, strict=True)
    return [at for telegram, at in told if telegram.address.id == f"bus/{unit}" and at >= since]


def period(sink: Sink, unit: int, since: float = 0) -> float:
    return mean(later - earlier for earlier, later in pairwise(times(sink, unit, since)))


def test_ten_meters_at_9600_baud_are_all_read_in_the_time_their_bytes_take() -> None:
    master = meters(10)
    sink = run(master, [Unit(unit, SDM120, 0.1) for unit in range(1, 11)], 60)
    requests = len(plan(SDM120))
    spoken_s = sum((8 + 5 + 2 * block.count) * 10 / 9600 + 0.03 for block in plan(SDM120))
    silent_s = (SDM120.unit_switch_ms + (requests - 1) * SDM120.gap_ms) / 1000
    assert all(period(sink, unit) == pytest.approx(10 * (spoken_s + silent_s), rel=0.02) for unit in range(1, 11))
    turns = [unit for _, unit, *_ in master.asked[::requests]]
    assert turns[:20] == [*range(1, 11)] * 2, "who waited longest is asked next"


@pytest.mark.parametrize("dead", [1, 2, 5])
def test_the_living_keep_their_period_within_a_tenth_beside_dead_meters(dead: int) -> None:
    master = meters(10)
    master.dead = set(range(11 - dead, 11))
    sink = run(master, [Unit(unit, SDM120, 4.0) for unit in range(1, 11)], 900)  # all ten take 3.2 s
    assert all(period(sink, unit, since=60) < 1.1 * 4.0 for unit in range(1, 11 - dead))
    for unit in range(1, 11 - dead):
        waits = [later - earlier for earlier, later in pairwise(times(sink, unit, since=60))]
        assert max(waits) < 4.0 + dead * 2.2, "a try of a dead one: its timeout, and as long a silence"
    asked = Counter(unit for _, unit, *_ in master.asked)
    assert all(6 <= asked[unit] <= 9 for unit in master.dead), "and are asked still"


def test_one_dead_meter_takes_at_most_a_tenth_of_the_line_from_its_second_try_on() -> None:
    master = meters(2)
    master.dead = {2}
    sink = run(master, [Unit(1, SDM120, 1.0), Unit(2, SDM120, 1.0)], 310)
    tries = [at for at, unit, *_ in master.asked if unit == 2]
    assert all(later - earlier >= 20 for earlier, later in pairwise(tries[1:]))
    assert period(sink, 1) < 1.1


def test_a_meter_that_comes_back_is_read_within_the_longest_pause_and_then_as_before() -> None:
    master = meters(2)
    units = [Unit(1, SDM120, 5.0), Unit(2, SDM120, 5.0)]
    sink = run(master, units, 3000, (100, lambda: master.dead.add(2)), (1500, master.dead.clear))
    back = times(sink, 2, since=1500)
    assert back[0] < 1500 + 303
    assert back[1] - back[0] == pytest.approx(5, abs=0.5)


def test_a_line_that_was_cut_is_read_again_within_ten_seconds_every_meter() -> None:
    master = meters(4)
    units = [Unit(unit, SDM120, 5.0) for unit in range(1, 5)]
    cut, mended = (200, lambda: master.dead.update(master.slaves)), (2000, master.dead.clear)
    sink = run(master, units, 2100, cut, mended)
    assert all(times(sink, unit, since=2000)[0] < 2010 for unit in range(1, 5))


def test_the_gap_of_a_meter_and_that_between_two_are_kept() -> None:
    abb, sdm = load("abb_b23"), load("eastron_sdm630")
    slow = MeterMap(**{name: getattr(abb, name) for name in abb.__slots__} | {"gap_ms": 70, "unit_switch_ms": 120})
    slaves = {1: Slave(1, {3: encode(abb, {})}), 2: Slave(2, {4: encode(sdm, {})})}
    master = PacedMaster(slaves, think_s=0.0)
    run(master, [Unit(1, slow, 0.1), Unit(2, sdm, 0.1)], 20)
    byte_s = 10 / 9600
    for (at, unit, _, _, count), (later, next_unit, *_) in pairwise(master.asked):
        answered = at + (8 + (5 + 2 * count)) * byte_s
        if count == 0 or answered > later:  # a refusal is shorter than what was asked
            continue
        silent = later - answered
        least = (0.120 if unit != next_unit else 0.070) if next_unit == 1 else 0.020
        assert silent >= least - 1e-9, (unit, next_unit)


def test_after_a_failure_the_line_is_silent_for_a_timeout_whoever_is_next() -> None:
    master = meters(2)
    master.dead = {2}
    run(master, [Unit(1, SDM120, 0.5), Unit(2, SDM120, 0.5)], 30)
    after = [later - at for (at, unit, *_), (later, *_) in pairwise(master.asked) if unit == 2]
    assert after
    assert all(pause >= 2.0 for pause in after), "its own timeout and as long again"


def test_what_a_meter_lacks_is_asked_again_each_hour_and_told_once() -> None:
    registers = encode(SDM120, {"power": Decimal(5)})
    lacking = SDM120.registers[3]
    for address in range(lacking.address, lacking.end):
        registers.pop(address)
    master = PacedMaster({1: Slave(1, {SDM120.function_code: registers})})
    sink = run(master, [Unit(1, SDM120, 60.0)], 4 * 3600)
    refusals = [str(fault) for fault in sink.faults]
    assert len(refusals) == len(set(refusals))
    assert f"registers {lacking.address} to {lacking.end - 1}: exception 2" in refusals[-1]
    tries = [at for at, _, _, address, count in master.asked if (address, count) == (lacking.address, 2)]
    assert 3 <= len(tries) <= 5
    assert all({r.register for r in t.readings} == {"power"} for t in sink.telegrams)


@pytest.mark.parametrize("code", [1, 4, 5, 6, 8, 10, 11])
def test_a_meter_in_trouble_keeps_its_plan(code: int) -> None:
    class Troubled(Slave):
        troubled = True

        def feed(self, data: bytes):  # type: ignore[no-untyped-def]
            refused = bytes([1, data[1] | 0x80, code])
            return iter([refused + crc(refused)]) if self.troubled else super().feed(data)

    slave = Troubled(1, rungs())
    master = PacedMaster({1: slave})
    sink = run(master, [Unit(1, ladder(3), 5.0)], 60, (30, lambda: setattr(slave, "troubled", False)))
    assert {(address, count) for _, _, _, address, count in master.asked} == {(0, 2), (100, 2), (200, 2)}
    assert f"exception {code} (" in str(sink.faults[0])
    assert len(sink.telegrams) >= 3


def test_what_tells_replies_apart_is_whole_values_where_it_can_be() -> None:
    asked = Request(1, 4, 100, 8, wholes=(2, 4, 6))
    assert probe_of(asked, {(4, 8)}).count == 2
    assert probe_of(asked, {(4, 8), (4, 2), (3, 4)}).count == 4
    assert probe_of(asked, {(4, 8), (4, 2), (4, 4), (4, 6)}).count == 1
    assert probe_of(Request(1, 4, 65535, 1), {(4, 1)}).count == 1, "there is no other: the silence alone protects"
