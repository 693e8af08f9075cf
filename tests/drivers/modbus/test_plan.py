from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus import Block, MeterMap, load, models, plan
from drivers.modbus.maps import Register, WireType, WordOrder
from drivers.model import Quantity


def meter_map(registers: list[Register], registers_max: int = 125, hole_registers_max: int = 8) -> MeterMap:
    return MeterMap(
        id="nobody_n1",
        vendor="Nobody",
        models=("N1",),
        sources=("this test",),
        confidence="high",
        function_code=3,
        word_order=WordOrder.BIG,
        registers_max=registers_max,
        gap_ms=0,
        unit_switch_ms=0,
        hole_registers_max=hole_registers_max,
        serial=None,
        registers=tuple(registers),
    )


def register(address: int, type_: WireType = WireType.FLOAT32, barrier: bool = False) -> Register:
    return Register(f"r{address}", address, type_, Decimal(1), Quantity.POWER, barrier=barrier)


def spans(blocks: tuple[Block, ...]) -> list[tuple[int, int]]:
    return [(block.address, block.count) for block in blocks]


def test_neighbours_and_small_holes_are_one_request_and_a_large_hole_is_not_read() -> None:
    assert spans(plan(meter_map([register(0), register(2), register(12)]))) == [(0, 14)]
    assert spans(plan(meter_map([register(0), register(2), register(13)]))) == [(0, 4), (13, 2)]


def test_no_request_asks_more_than_the_meter_answers_and_no_value_is_split() -> None:
    registers = [register(address, WireType.INT64) for address in range(0, 40, 4)]
    assert spans(plan(meter_map(registers, registers_max=10))) == [(0, 8), (8, 8), (16, 8), (24, 8), (32, 8)]


def test_a_barrier_begins_a_new_request() -> None:
    assert spans(plan(meter_map([register(0), register(2, barrier=True), register(4)]))) == [(0, 2), (2, 4)]


def test_the_demo_meter_is_read_in_three_requests() -> None:
    assert spans(plan(load("eastron_sdm630"))) == [(0, 36), (52, 28), (346, 12)]


def test_registers_of_two_function_codes_are_never_in_one_request() -> None:
    blocks = plan(load("sma_inverter"))
    assert [(block.address, block.count, block.function_code) for block in blocks] == [(30513, 4, None), (30775, 2, 4)]


def test_values_that_share_a_factor_are_asked_together_and_never_halved() -> None:
    first = [
        Register(f"a{a}", a, WireType.INT16, Decimal(1), Quantity.POWER, factor=9, together=(0, 10)) for a in (2, 3)
    ]
    second = Register("b", 12, WireType.INT16, Decimal(1), Quantity.POWER, factor=14, together=(10, 15))
    (block,) = plan(meter_map([*first, second]))
    assert (block.address, block.count) == (0, 15)
    assert [(half.address, half.count, len(half.registers)) for half in block.halves()] == [(0, 10, 2), (10, 5, 1)]
    assert block.halves()[0].halves() == ()


def test_halves_hold_the_same_values_and_a_single_value_has_none() -> None:
    first, second = Block((register(0), register(2), register(9))).halves()
    assert spans((first, second)) == [(0, 2), (2, 9)]
    assert first.halves() == ()


@pytest.mark.parametrize("model", models())
def test_every_map_is_read_whole_within_its_limits(model: str) -> None:
    known = load(model)
    blocks = plan(known)
    assert tuple(r for block in blocks for r in block.registers) == known.registers
    assert all(block.count <= known.registers_max for block in blocks)


@given(
    st.lists(st.tuples(st.integers(0, 20), st.sampled_from(WireType), st.booleans()), max_size=60),
    st.integers(4, 125),
    st.integers(0, 20),
)
def test_any_map_is_read_whole_in_order_and_within_its_limits(
    rows: list[tuple[int, WireType, bool]], registers_max: int, hole_registers_max: int
) -> None:
    registers: list[Register] = []
    end = 0
    for hole, type_, barrier in rows:
        registers.append(register(end + hole, type_, barrier))
        end = registers[-1].end
    blocks = plan(meter_map(registers, registers_max, hole_registers_max))
    assert [r for block in blocks for r in block.registers] == registers
    for block in blocks:
        assert block.count <= registers_max
        assert not any(r.barrier for r in block.registers[1:])
        holes = block.count - sum(r.type.registers for r in block.registers)
        assert holes <= hole_registers_max * (len(block.registers) - 1)
