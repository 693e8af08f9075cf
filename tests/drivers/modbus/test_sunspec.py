"""SunSpec units made by Python's struct from SunSpec's own model tables; no unit was recorded."""

import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus import decode, plan, sunspec
from drivers.modbus.sunspec import Ask, Found
from drivers.model import Address, DecodeError, Quantity

ADDRESS = Address("modbus", "bus/1")
COMMON = (1, 66, *[0] * 66)
END = (0xFFFF, 0)


def model(number: int, length: int, fill: int, *said: tuple[int, str, float]) -> tuple[int, ...]:
    """A model: each register `fill`, and values by their offset from the number on and struct's letter."""
    words = [number, length, *[fill] * length]
    for at, letter, value in said:
        packed = struct.pack(f">{letter}", value)
        words[at : at + len(packed) // 2] = struct.unpack(f">{len(packed) // 2}H", packed)
    return tuple(words)


def unit(*models: tuple[int, ...], base: int = 40000) -> dict[int, int]:
    words = [0x5375, 0x6E53, *(word for each in models for word in each), *END]
    return dict(enumerate(words, base))


def found(registers: dict[int, int], asked: list[Ask] | None = None) -> Found:
    """Walk along these registers as a port does; what is not there is refused."""
    walk = sunspec.walk()
    ask = next(walk)
    while True:
        if asked is not None:
            asked.append(ask)
        span = range(ask.address, ask.address + ask.count)
        words = tuple(registers[a] for a in span) if all(a in registers for a in span) else ()
        try:
            ask = walk.send(words)
        except StopIteration as end:
            told: Found = end.value
            return told


def read(registers: dict[int, int]) -> dict[str, Decimal]:
    """What the unit says through the planned requests only."""
    meter_map = found(registers).map
    got = {a: registers[a] for block in plan(meter_map) for a in range(block.address, block.address + block.count)}
    readings = decode(meter_map, ADDRESS, got).readings
    return {reading.register: reading.value for reading in readings if isinstance(reading.value, Decimal)}


# Not implemented: FFFFh in an unsigned value, 8000h in a signed one, 0 in a counter.
INVERTER = model(
    103, 50, 0xFFFF,
    (2, "H", 1234), (6, "h", -2), (10, "H", 2301), (13, "h", -1), (14, "h", 8765), (15, "h", 0), (16, "H", 5001),
    (17, "h", -2), (18, "h", -321), (19, "h", 1), (20, "H", 0x8000), (24, "I", 123456), (26, "h", 3), (31, "H", 0x8000),
    (33, "h", -45), (37, "h", -1),
)  # fmt: skip
METER = model(
    203, 105, 0x8000,
    (8, "h", 23012), (15, "h", -2), (18, "h", -1250), (20, "h", 640), (22, "h", 1), (46, "I", 7654321), (54, "h", -1),
    *((at, "I", 0) for at in (38, 40, 42, 44, 48, 50, 52)),
)  # fmt: skip


def test_an_inverter_is_read_with_the_factors_that_it_states() -> None:
    said = {name: str(value) for name, value in read(unit(COMMON, INVERTER)).items()}
    assert said == {
        "current": "12.34",
        "voltage_l1": "230.1",
        "power": "8765",
        "frequency": "50.01",
        "apparent_power": "-3210",
        "export_energy": "123456000",
        "temperature": "-4.5",
    }


def test_a_meter_is_read_and_a_counter_at_zero_has_not_counted() -> None:
    said = read(unit(COMMON, METER))
    assert said == {
        "voltage_l1": Decimal("230.12"),
        "power": Decimal(-12500),
        "power_l2": Decimal(6400),
        "import_energy": Decimal("765432.1"),
    }


@pytest.mark.parametrize("number", [111, 112, 113])
def test_a_float_inverter_is_read_and_nan_is_absent(number: int) -> None:
    said = read(unit(COMMON, model(number, 60, 0x7FC0, (22, "f", 4321.5), (32, "f", 9876544.0), (24, "f", 49.98))))
    assert said == {"power": Decimal("4321.5"), "export_energy": Decimal(9876544), "frequency": Decimal("49.98")}


@pytest.mark.parametrize("number", [211, 212, 213, 214])
def test_a_float_meter_is_read(number: int) -> None:
    said = read(unit(COMMON, model(number, 124, 0x7FC0, (28, "f", -1250.5), (60, "f", 0.0), (68, "f", 123456.0))))
    assert said == {"power": Decimal("-1250.5"), "export_energy": Decimal(0), "import_energy": Decimal(123456)}


@pytest.mark.parametrize("number", [101, 102, 103, 201, 202, 203, 204])
def test_every_model_with_factors_is_known(number: int) -> None:
    length, at, factor = (50, 14, 15) if number < 200 else (105, 18, 22)
    assert read(unit(model(number, length, 0x8000, (at, "h", 42), (factor, "h", 0)))) == {"power": Decimal(42)}


def test_the_modules_of_a_string_inverter_are_read_as_many_as_it_counts() -> None:
    mppt = model(
        160, 68, 0x8000,
        (2, "h", -2), (3, "h", -1), (4, "h", 0), (5, "h", 0), (8, "H", 2),
        (19, "H", 512), (20, "H", 6001), (21, "H", 3072), (22, "I", 1000), (39, "H", 0xFFFF), (41, "H", 12), (61, "H", 9),
    )  # fmt: skip
    said = read(unit(COMMON, INVERTER, mppt))
    assert {name: value for name, value in said.items() if name.startswith("mppt")} == {
        "mppt1_current": Decimal("5.12"),
        "mppt1_voltage": Decimal("600.1"),
        "mppt1_power": Decimal(3072),
        "mppt1_energy": Decimal(1000),
        "mppt2_power": Decimal(12),
        "mppt2_energy": Decimal(0x80008000),
    } | {"mppt2_voltage": Decimal("3276.8")}


@pytest.mark.parametrize("base", [40000, 0, 50000])
def test_a_unit_is_found_at_each_of_the_three_addresses(base: int) -> None:
    asked: list[Ask] = []
    assert found(unit(COMMON, INVERTER, base=base), asked).headers == ((base + 70, 103, 50),)
    tried = (40000, 0, 50000)[: (40000, 0, 50000).index(base) + 1]
    assert tuple(ask.address for ask in asked[: len(tried)]) == tried


def test_unknown_models_are_passed_over_by_their_length() -> None:
    assert read(unit(COMMON, (64001, 3, 7, 7, 7), INVERTER, (17, 12, *[0] * 12), METER))["power"] == Decimal(8765)


def test_a_second_meter_has_names_of_its_own_and_is_not_what_stands_for_the_unit() -> None:
    meter_map = found(unit(COMMON, INVERTER, COMMON, METER, COMMON, METER)).map
    assert {r.name for r in meter_map.registers if r.main} == {"power", "export_energy"}
    keys = [r.key for r in meter_map.registers]
    assert len(keys) == len(set(keys))
    assert {"power", "power_2", "power_3", "import_energy_2"} <= set(keys)


def test_each_model_is_one_request_with_its_header_and_all_its_factors() -> None:
    meter_map = found(unit(COMMON, INVERTER, METER)).map
    blocks = plan(meter_map)
    assert [(block.address, block.count) for block in blocks] == [(40070, 38), (40122, 55)]
    for block in blocks:
        assert block.halves() == ()
        assert all(block.address <= (r.factor or 0) < block.address + block.count for r in block.registers)


@pytest.mark.parametrize("factor", [0x8000, 11, 0xFFF5])
def test_a_value_whose_factor_is_not_stated_is_absent(factor: int) -> None:
    registers = unit(COMMON, INVERTER)
    registers[40070 + 15] = factor
    assert "power" not in read(registers)


def test_a_model_that_is_shorter_than_what_is_read_of_it_is_left_out() -> None:
    registers = unit(COMMON, model(103, 30, 0), METER)
    assert found(registers).headers == ((40070 + 32, 203, 105),)


def test_a_row_of_models_without_an_end_is_given_up() -> None:
    registers = unit(*[(64000, 1, 0)] * 100)
    asked: list[Ask] = []
    with pytest.raises(DecodeError, match="SunSpec unit at 40000 with none of the models 101, 102"):
        found(registers, asked)
    assert len(asked) == 1 + sunspec.MODELS_MAX


def test_a_unit_that_is_refused_behind_its_last_model_is_read() -> None:
    registers = unit(COMMON, INVERTER)
    del registers[40122], registers[40123]
    assert read(registers)["power"] == Decimal(8765)


def test_a_unit_without_the_magic_is_no_sunspec_unit() -> None:
    with pytest.raises(DecodeError, match="stands at none of 40000, 0, 50000"):
        found(dict.fromkeys(range(60000), 0))


def test_models_that_are_not_where_they_were_are_noticed() -> None:
    registers = unit(COMMON, INVERTER, METER)
    known = found(registers)
    assert sunspec.unchanged(known, registers)
    assert sunspec.unchanged(known, {a: w for a, w in registers.items() if a < 40100})
    assert not sunspec.unchanged(known, registers | {40122: 204})
    assert not sunspec.unchanged(known, registers | {40123: 104})


@given(st.data())
def test_any_registers_whatever_end_a_walk_and_give_a_map_that_can_be_read(data: st.DataObject) -> None:
    word = st.sampled_from([1, 66, 103, 50, 160, 48, 203, 105, 0xFFFF, 0, 0x5375, 0x6E53]) | st.integers(0, 0xFFFF)
    walk = sunspec.walk()
    ask = next(walk)
    for _ in range(2 * sunspec.MODELS_MAX + 3):
        assert 0 <= ask.address <= 0x10000 - ask.count
        words = (
            sunspec.MAGIC if ask.address in sunspec.BASES else data.draw(st.tuples(*[word] * ask.count) | st.just(()))
        )
        try:
            ask = walk.send(words)
        except DecodeError:
            return
        except StopIteration as end:
            meter_map = end.value.map
            assert all(block.count <= 125 for block in plan(meter_map))
            assert all(r.span[1] <= 0x10000 for r in meter_map.registers)
            assert {r.quantity for r in meter_map.registers if r.main} <= {Quantity.ENERGY, Quantity.POWER}
            return
    raise AssertionError("a walk that does not end")
