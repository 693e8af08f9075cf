"""Vectors: registers written by hand or by Python's struct against the maps; no meter was recorded."""

import struct
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.encode.modbus import encode
from drivers.modbus import MeterMap, decode, load, models
from drivers.modbus.decode import shortest
from drivers.modbus.maps import WireType, WordOrder
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
    "eastron_sdm220": [
        (0, "4367 6666", "voltage", "231.4"),
        (6, "4060 0000", "current", "3.5"),
        (12, "C449 9000", "power", "-806.25"),
        (30, "BF7A E148", "power_factor", "-0.98"),
        (72, "4608 F5B8", "import_energy", "8765430"),
        (74, "4148 0000", "export_energy", "12500"),
    ],
    "eastron_sdm230": [
        (0, "4367 6666", "voltage", "231.4"),
        (12, "44BB 9000", "power", "1500.5"),
        (70, "4248 147B", "frequency", "50.02"),
        (72, "4608 F5B8", "import_energy", "8765430"),
        (78, "3E80 0000", "export_reactive_energy", "250"),
    ],
    "eastron_sdm72dm": [
        (52, "C50A 2C00", "power", "-2210.75"),
        (72, "4587 0C00", "import_energy", "4321500"),
        (74, "418A 0000", "export_energy", "17250"),
    ],
    "eastron_sdm72dm_v2": [
        (4, "4365 E666", "voltage_l3", "229.9"),
        (14, "4420 2000", "power_l2", "640.5"),
        (52, "C50A 2C00", "power", "-2210.75"),
        (62, "3F60 0000", "power_factor", "0.875"),
        (72, "4587 0C00", "import_energy", "4321500"),
    ],
    "carlo_gavazzi_em112": [
        (0, "0900 0000", "voltage", "230.4"),
        (2, "1482 0000", "current", "5.250"),
        (4, "CFC7 FFFF", "power", "-1234.5"),
        (8, "FEBF FFFF", "reactive_power", "-32.1"),
        (15, "01F4", "frequency", "50.0"),
        (16, "1206 000F", "import_energy", "98765400"),
        (32, "004D 0000", "export_energy", "7700"),
    ],
    "carlo_gavazzi_em24": [
        (0, "0900 0000", "voltage_l1", "230.4"),
        (16, "1170 0001", "current_l3", "70.000"),
        (40, "7E33 FFFE", "power", "-9876.5"),
        (53, "FC25", "power_factor", "-0.987"),
        (55, "01F4", "frequency", "50.0"),
        (62, "D687 0012", "import_energy", "123456700"),
        (92, "0015 0000", "export_energy", "2100"),
    ],
    "carlo_gavazzi_em24_e1": [
        (2, "0907 0000", "voltage_l2", "231.1"),
        (18, "EE8F FFFE", "power_l1", "-7000.1"),
        (40, "0000 0001", "power", "6553.6"),
        (49, "03E8", "power_factor", "1.000"),
        (52, "D687 0012", "import_energy", "123456700"),
        (78, "0015 0000", "export_energy", "2100"),
    ],
    "schneider_pm3255": [
        (2999, "4184 0000", "current_l1", "16.5"),
        (3031, "4365 E666", "voltage_l3", "229.9"),
        (3059, "C088 0000", "power", "-4250"),
        (3067, "3E00 0000", "reactive_power", "125"),
        (3109, "4247 EB85", "frequency", "49.98"),
    ],
    "abb_b21": [
        (23296, "0000 08FD", "voltage", "230.1"),
        (23308, "0000 020D", "current", "5.25"),
        (23316, "FFFF CFC7", "power", "-123.45"),
        (23340, "1386", "frequency", "49.98"),
        (23354, "FC25", "power_factor", "-0.987"),
        (20480, "0000 0001 2A05 F200", "import_energy", "50000000000"),
        (20484, "0000 0000 0000 000C", "export_energy", "120"),
    ],
    "socomec_countis_e24": [
        (50520, "0000 59E4", "voltage_l1", "230.12"),
        (50532, "0001 1171", "current_l3", "70.001"),
        (50536, "FFFF FE50", "power", "-4320"),
        (50538, "0000 000F", "reactive_power", "150"),
        (50946, "0012 D687", "import_energy", "12345670"),
        (50952, "0000 0059", "export_energy", "890"),
    ],
    "socomec_countis_e44": [
        (50522, "0000 59E4", "voltage_l2", "230.12"),
        (50526, "0000 1389", "frequency", "50.01"),
        (50536, "0000 01B0", "power", "4320"),
        (50548, "FFFF FFF9", "power_l3", "-70"),
        (50946, "0012 D687", "import_energy", "12345670"),
    ],
    "socomec_countis_e14": [
        (50520, "0000 59E4", "voltage", "230.12"),
        (50528, "0000 3E81", "current", "16.001"),
        (50536, "FFFF FE50", "power", "-4320"),
        (50946, "0012 D687", "import_energy", "12345670"),
    ],
    "hager_ecr380d": [
        (45056, "59E4", "voltage_l1", "230.12"),
        (45062, "1387", "frequency", "49.99"),
        (45069, "0001 1171", "current_l3", "70.001"),
        (45073, "FFFF FE50", "power", "-4320"),
        (45077, "0000 01B1", "apparent_power", "4330"),
        (45152, "0000 D431", "import_energy", "54321000"),
        (45450, "0000 0003", "export_energy_l3", "3000"),
    ],
    "finder_7m24": [
        (2500, "4366 199A", "voltage", "230.1"),
        (2516, "4050 0000", "current", "3.25"),
        (2536, "C43A E000", "power", "-747.5"),
        (2584, "4248 0A3D", "frequency", "50.01"),
        (2752, "47F1 2000", "import_energy", "123456"),
        (2756, "429C 0000", "export_energy", "78"),
    ],
    "finder_7m38": [
        (2504, "4365 E666", "voltage_l3", "229.9"),
        (2532, "4420 2000", "power_l2", "640.5"),
        (2536, "C43A E000", "power", "-747.5"),
        (2752, "47F1 2000", "import_energy", "123456"),
    ],
    "orno_we515": [
        (304, "1389", "frequency", "50.01"),
        (305, "5A05", "voltage", "230.45"),
        (313, "0001 1171", "current", "70.001"),
        (320, "0000 3EE4", "power", "16100"),
        (344, "03E6", "power_factor", "0.998"),
        (40960, "0012 D687", "total_energy", "12345670"),
    ],
    "orno_we517": [
        (14, "4366 199A", "voltage_l1", "230.1"),
        (28, "C020 0000", "power", "-2500"),
        (36, "3E00 0000", "reactive_power", "125"),
        (52, "3F7A E148", "power_factor", "0.98"),
        (264, "4640 E6AE", "import_energy", "12345670"),
        (278, "3F00 0000", "export_energy_l3", "500"),
    ],
    "orno_we526": [
        (256, "0003 8432", "voltage", "230.450"),
        (258, "0000 1482", "current", "5.250"),
        (260, "FFFF FB50", "power", "-1200"),
        (266, "01F4", "frequency", "50.0"),
        (267, "FC1A", "power_factor", "-0.998"),
        (270, "0012 D687", "import_energy", "12345670"),
    ],
    "dzg_dvh4013": [
        (0, "0000 3039", "import_power", "1234.5"),
        (2, "0000 0000", "export_power", "0.0"),
        (4, "0000 5A05", "voltage_l1", "230.45"),
        (18, "0000 C346", "frequency", "49.990"),
        (16384, "075B CD15", "import_energy", "123456789"),
        (16640, "0000 002A", "export_energy", "42"),
    ],
    "janitza_b23": [
        (19000, "4366 199A", "voltage_l1", "230.1"),
        (19026, "C49C 5000", "power", "-1250.5"),
        (19050, "4247 EB85", "frequency", "49.98"),
        (19068, "4996 B438", "import_energy", "1234567"),
        (19074, "4118 0000", "export_energy_l3", "9.5"),
    ],
    "janitza_umg96rm": [
        (19004, "4365 E666", "voltage_l3", "229.9"),
        (19026, "C49C 5000", "power", "-1250.5"),
        (19040, "4144 0000", "reactive_power_l3", "12.25"),
        (19068, "4996 B438", "import_energy", "1234567"),
        (19076, "4228 0000", "export_energy", "42"),
    ],
    "shelly_pro_3em": [
        (1013, "5000 C49C", "power", "-1250.5"),
        (1020, "199A 4366", "voltage_l1", "230.1"),
        (1042, "0000 4050", "current_l2", "3.25"),
        (1064, "2000 4420", "power_l3", "640.5"),
        (1162, "B438 4996", "import_energy", "1234567"),
        (1224, "0000 4118", "export_energy_l3", "9.5"),
    ],
    "sma_inverter": [
        (30513, "0000 0002 DFDC 1C35", "export_energy", "12345678901"),
        (30775, "0000 10E1", "power", "4321"),
    ],
    "wago_879": [
        (20482, "4366 199A", "voltage_l1", "230.1"),
        (20498, "BFA0 0000", "power", "-1250"),
        (20522, "3F7A E148", "power_factor", "0.98"),
        (24588, "4640 E6AE", "import_energy", "12345670"),
        (24610, "3F00 0000", "export_energy_l3", "500"),
    ],
    "siemens_pac2200": [
        (1, "4366 199A", "voltage_l1", "230.1"),
        (65, "C49C 5000", "power", "-1250.5"),
        (69, "3F7A E148", "power_factor", "0.98"),
        (801, "419D 6F34 5600 0000", "import_energy:1", "123456789.5"),
        (805, "409F 4000 0000 0000", "import_energy:2", "2000"),
        (809, "4053 4000 0000 0000", "export_energy:1", "77"),
    ],
    "kamstrup_multical_403": [
        (6, "4287 C7AE", "flow_temperature", "67.89"),
        (8, "420A 0000", "return_temperature", "34.5"),
    ],
}


def words(address: int, text: str) -> dict[int, int]:
    return {address + i: int(word, 16) for i, word in enumerate(text.split())}


def read(meter_map: MeterMap, registers: dict[int, int]) -> dict[str, Decimal]:
    readings = decode(meter_map, ADDRESS, registers).readings
    return {
        f"{reading.register}:{reading.tariff}" if reading.tariff else reading.register: reading.value
        for reading in readings
        if isinstance(reading.value, Decimal)
    }


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
    assert read(load("carlo_gavazzi_em24"), words(40, "1234 7FFF")) == {}
    assert read(load("socomec_countis_e24"), words(50946, "FFFF FFFF")) == {}
    assert read(load("sma_inverter"), words(30775, "8000 0000") | words(30513, "FFFF FFFF FFFF FFFF")) == {}


def test_every_register_with_an_invalid_marker_is_absent_when_it_holds_one() -> None:
    marked = [(load(model), register) for model in models() for register in load(model).registers if register.invalid]
    assert len(marked) > 100
    for meter_map, register in marked:
        for pattern in {p for patterns in register.invalid for p in (patterns[0], patterns[-1])}:
            count = register.type.registers
            held = [pattern >> 16 * place & 0xFFFF for place in range(count)]
            held = held if meter_map.word_order is WordOrder.LITTLE else held[::-1]
            assert read(meter_map, dict(enumerate(held, register.address))) == {}, (meter_map.id, register.key)


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
            values[register.key] = steps * register.scale
    registers = encode(meter_map, values)
    assert read(meter_map, registers) == values
