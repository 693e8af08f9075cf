"""Vectors: registers written by hand (IEEE 754, two's complement) against the maps; no meter was recorded."""

import struct
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.encode.modbus import encode
from drivers.modbus import MeterMap, decode, load, models
from drivers.modbus.decode import shortest
from drivers.modbus.maps import WireType
from drivers.model import Address, Medium, Quantity, State

ADDRESS = Address("modbus", "bus/1")

# First register and its words -> register name and value.
VECTORS: dict[str, list[tuple[int, str, str, str]]] = {
    "eastron_sdm120": [
        (0, "4366 199A", "voltage", "230.1"),
        (6, "40A8 0000", "current", "5.25"),
        (12, "C49C 5000", "power", "-1250.5"),
        (30, "3F7A E148", "power_factor", "0.98"),
        (70, "4247 EB85", "frequency", "49.98"),
        (72, "4640 E6AE", "import_energy", "12345670"),
        (74, "3DCC CCCD", "export_energy", "100"),
    ],
    "eastron_sdm630": [
        (0, "4366 199A", "voltage_l1", "230.1"),
        (4, "4365 E666", "voltage_l3", "229.9"),
        (52, "C49C 5000", "power", "-1250.5"),
        (72, "4640 E6AE", "import_energy", "12345670"),
        (356, "3DCC CCCD", "export_energy_l3", "100"),
    ],
    "schneider_iem3155": [
        (3027, "4366 199A", "voltage_l1", "230.1"),
        (3059, "4016 147B", "power", "2345"),
        (3203, "0000 0001 1044 85CB", "import_energy", "4567893451"),
        (3525, "0000 0000 075B CD15", "import_energy_l3", "123456789"),
    ],
    "carlo_gavazzi_em340": [
        (0, "08FD 0000", "voltage_l1", "230.1"),
        (12, "1482 0000", "current_l1", "5.250"),
        (40, "CFC7 FFFF", "power", "-1234.5"),
        (46, "FC25", "power_factor_l1", "-0.987"),
        (51, "01F4", "frequency", "50.0"),
        (52, "CD15 075B", "import_energy", "12345678900"),
    ],
    "abb_b23": [
        (23296, "0000 08FD", "voltage_l1", "230.1"),
        (23316, "FFFF CFC7", "power", "-123.45"),
        (23340, "1386", "frequency", "49.98"),
        (23354, "FC25", "power_factor", "-0.987"),
        (20480, "0000 0000 075B CD15", "import_energy", "1234567890"),
    ],
}


def words(address: int, text: str) -> dict[int, int]:
    return {address + i: int(word, 16) for i, word in enumerate(text.split())}


def read(meter_map: MeterMap, registers: dict[int, int]) -> dict[str, Decimal]:
    readings = decode(meter_map, ADDRESS, registers).readings
    return {reading.register: reading.value for reading in readings if isinstance(reading.value, Decimal)}


def test_every_map_has_a_vector() -> None:
    assert set(VECTORS) == set(models())


@pytest.mark.parametrize("model", models())
def test_every_map_reads_its_vector_exactly(model: str) -> None:
    registers: dict[int, int] = {}
    for address, text, _, _ in VECTORS[model]:
        registers |= words(address, text)
    said = read(load(model), registers)
    # Compared as text: 230.1 and not 230.10, 12345670 and not 1.234567E+7.
    assert {name: str(value) for name, value in said.items()} == {name: value for _, _, name, value in VECTORS[model]}


def test_a_telegram_says_whose_it_is_what_flows_and_which_index_counts() -> None:
    telegram = decode(load("eastron_sdm120"), ADDRESS, words(72, "4640 E6AE 3DCC CCCD"))
    assert (telegram.address, telegram.state, telegram.medium) == (ADDRESS, State.DECODED, Medium.ELECTRICITY)
    assert [(r.register, r.quantity, r.main) for r in telegram.readings] == [
        ("import_energy", Quantity.ENERGY, True),
        ("export_energy", Quantity.ENERGY, False),
    ]


def test_a_register_that_was_not_read_is_absent_and_never_zero() -> None:
    telegram = decode(load("eastron_sdm120"), ADDRESS, {72: 0x4640})
    assert (telegram.readings, telegram.state) == ((), State.NO_DATA)
    assert read(load("eastron_sdm120"), words(72, "0000 0000")) == {"import_energy": Decimal(0)}


@pytest.mark.parametrize("text", ["7FC0 0000", "FFC0 0000", "7F80 0000", "FF80 0000", "7F80 0001"])
def test_nan_and_infinity_give_no_reading(text: str) -> None:
    assert read(load("schneider_iem3155"), words(3059, text)) == {}


def test_each_invalid_marker_gives_no_reading() -> None:
    assert read(load("carlo_gavazzi_em340"), words(40, "FFFF 7FFF")) == {}
    assert read(load("schneider_iem3155"), words(3203, "8000 0000 0000 0000")) == {}
    assert read(load("abb_b23"), words(23340, "FFFF")) == {}
    assert read(load("abb_b23"), words(23354, "7FFF")) == {}
    assert read(load("abb_b23"), words(23316, "7FFF FFFF")) == {}
    assert read(load("abb_b23"), words(20480, "FFFF FFFF FFFF FFFF")) == {}


def test_a_negative_zero_is_zero() -> None:
    assert str(read(load("eastron_sdm120"), words(12, "8000 0000"))["power"]) == "0"


def test_the_shortest_decimal_is_what_the_display_shows() -> None:
    assert str(shortest(bytes.fromhex("4366199A"))) == "230.1"
    assert shortest(bytes.fromhex("4B800000")) == Decimal(16777216)
    assert shortest(bytes.fromhex("7F7FFFFF")) == Decimal("3.4028235E+38")
    assert shortest(struct.pack(">d", 230.1)) == Decimal("230.1")


@given(st.binary(min_size=4, max_size=4) | st.binary(min_size=8, max_size=8))
def test_the_shortest_decimal_names_the_same_number(raw: bytes) -> None:
    value = shortest(raw)
    form = ">f" if len(raw) == 4 else ">d"
    assert value is None or struct.pack(form, float(value)) == raw


@given(st.sampled_from(models()), st.data())
def test_any_registers_give_finite_readings_only(model: str, data: st.DataObject) -> None:
    meter_map = load(model)
    addresses = [a for r in meter_map.registers for a in range(r.address, r.end)]
    registers = data.draw(st.dictionaries(st.sampled_from(addresses), st.integers(0, 0xFFFF)))
    decode(meter_map, ADDRESS, registers)  # Reading asserts that its value is finite and fits its quantity


@settings(max_examples=30)
@given(st.sampled_from(models()), st.data())
def test_what_is_encoded_is_read_back_exactly(model: str, data: st.DataObject) -> None:
    meter_map = load(model)
    values: dict[str, Decimal] = {}
    for register in meter_map.registers:
        low = 0 if register.type in {WireType.UINT16, WireType.UINT32, WireType.UINT64} else -30000
        steps = data.draw(st.none() | st.integers(low, 30000))
        if steps is not None:
            values[register.name] = steps * register.scale
    registers = encode(meter_map, values)
    assert read(meter_map, registers) == values
