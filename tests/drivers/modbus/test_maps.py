from decimal import Decimal

import pytest

from drivers.modbus import known, load, models
from drivers.modbus.maps import Mark, TcpDefaults, WireType, WordOrder, parse
from drivers.model import Kind, Medium, Quantity

SMALLEST = """
vendor = "Nobody"
models = ["N1"]
sources = ["the manual, page 3"]
confidence = "medium"
function_code = 4

[[register]]
name = "import_energy"
address = 72
type = "float32"
scale = "1000"
quantity = "energy"
"""


# What stands for a meter on a page, where it is not one index of import and one power.
MAIN: dict[str, tuple[set[str], set[str]]] = {
    "dzg_dvh4013": ({"import_energy"}, {"import_power"}),  # states its power by direction
    "kamstrup_multical_403": (set(), set()),  # only temperatures: its file says why
    "orno_we515": ({"total_energy"}, {"power"}),  # states no direction
    "schneider_pm3255": (set(), {"power"}),  # its file says why
    "siemens_pac2200": ({"import_energy:1", "import_energy:2"}, {"power"}),
    "sma_inverter": ({"export_energy"}, {"power"}),
}

PROMISED = """
abb_b21 abb_b23 carlo_gavazzi_em112 carlo_gavazzi_em24 carlo_gavazzi_em24_e1 carlo_gavazzi_em340 dzg_dvh4013
eastron_sdm120 eastron_sdm220 eastron_sdm230 eastron_sdm630 eastron_sdm72dm eastron_sdm72dm_v2 finder_7m24 finder_7m38
hager_ecr380d janitza_b23 janitza_umg96rm kamstrup_multical_403 orno_we515 orno_we517 orno_we526 schneider_iem3155
schneider_pm3255 shelly_pro_3em siemens_pac2200 sma_inverter socomec_countis_e14 socomec_countis_e24
socomec_countis_e44 wago_879
"""


def test_the_promised_meters_are_there() -> None:
    assert set(PROMISED.split()) <= set(models())
    assert known() == (*models(), "sunspec")


@pytest.mark.parametrize("model", models())
def test_every_map_names_its_sources_and_what_stands_for_it_on_a_page(model: str) -> None:
    meter_map = load(model)
    assert meter_map.id == model
    assert all(source.strip() for source in meter_map.sources)
    main = [register for register in meter_map.registers if register.main]
    assert {r.quantity for r in main} <= {Quantity.ENERGY, Quantity.POWER}
    indexes = {r.key for r in main if r.quantity.kind is Kind.INDEX}
    levels = {r.key for r in main if r.quantity.kind is Kind.LEVEL}
    assert (indexes, levels) == MAIN.get(model, ({"import_energy"}, {"power"}))
    assert all(r.name == r.name.lower() and r.name.isidentifier() for r in meter_map.registers)


def test_a_heat_meter_says_that_it_measures_heat() -> None:
    assert load("kamstrup_multical_403").medium is Medium.HEAT
    assert load("abb_b21").medium is Medium.ELECTRICITY


@pytest.mark.parametrize(("model", "unit"), [("carlo_gavazzi_em24_e1", 1), ("shelly_pro_3em", 1), ("sma_inverter", 3)])
def test_a_meter_without_a_serial_line_says_where_it_answers_on_tcp(model: str, unit: int) -> None:
    assert load(model).serial is None
    assert load(model).tcp == TcpDefaults(502, unit)


def test_an_unknown_model_is_told_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"abb_b23, .* is needed, not '\.\./secret'"):
        load("../secret")


def test_a_row_says_address_width_quantity_and_scale_together() -> None:
    meter_map = parse("nobody_n1", SMALLEST)
    (register,) = meter_map.registers
    assert (register.address, register.end, register.type) == (72, 74, WireType.FLOAT32)
    assert (register.quantity, register.scale) == (Quantity.ENERGY, Decimal(1000))
    assert meter_map.word_order is WordOrder.BIG
    assert meter_map.serial is None


@pytest.mark.parametrize(
    ("was", "becomes", "complaint"),
    [
        ('sources = ["the manual, page 3"]', "", "sources: at least one"),
        ('sources = ["the manual, page 3"]', 'sources = [""]', "sources: at least one"),
        ("function_code = 4", "function_code = 6", "we only read"),
        ("function_code = 4", "function_kode = 4", "function_kode is not a word"),
        ('"medium"', '"sure"', "confidence"),
        ('scale = "1000"', "scale = 0.1", "a decimal in quotes"),
        ('scale = "1000"', 'scale = "0"', "other than 0"),
        ('scale = "1000"', 'scale = "NaN"', "other than 0"),
        ('scale = "1000"', 'scale = "much"', "a decimal is needed"),
        ('scale = "1000"', "", "scale is needed"),
        ('"energy"', '"kWh"', "a word of drivers.model.Quantity"),
        ("address = 72", "address = 65535", "0 to 65535"),
        ("address = 72", 'address = "72"', "0 to 65535"),
        ('"float32"', '"float16"', "float16"),
        ("[[register]]", "[limits]\nmax_registers_per_read = 126\n[[register]]", "1 to 125"),
        ("[[register]]", "[limits]\nmax_registers_per_read = 1\n[[register]]", "wider than one read"),
        ("[[register]]", '[serial]\nbaud = 9600\nparity = "E"\n[[register]]', "stopbits and unit are needed"),
        ("[[register]]", "[tcp]\nport = 502\n[[register]]", "port and unit are needed"),
        ("function_code = 4", 'function_code = 4\nmedium = "steam"', "medium: one of electricity, "),
        ("address = 72", "address = 72\nfunction_code = 6", r"register\[0\].function_code: 3 or 4"),
        ("[[register]]", "[[identify]]\naddress = 1\n[[register]]", r"identify\[0\]: function_code, address, and"),
        (
            "[[register]]",
            '[[identify]]\nfunction_code = 3\naddress = 65535\ntype = "uint32"\nvalues = ["0x1"]\n[[register]]',
            r"identify\[0\]: 1 to 125 registers from 0 to 65535 are needed",
        ),
    ],
)
def test_a_map_with_a_fault_is_refused_by_name(was: str, becomes: str, complaint: str) -> None:
    assert was in SMALLEST
    with pytest.raises(ValueError, match=complaint):
        parse("nobody_n1", SMALLEST.replace(was, becomes, 1))


def test_two_registers_in_one_place_or_of_one_name_are_refused() -> None:
    row = SMALLEST[SMALLEST.index("[[register]]") :]
    with pytest.raises(ValueError, match="lies over"):
        parse("nobody_n1", SMALLEST + row.replace("72", "73").replace("import", "export"))
    with pytest.raises(ValueError, match="twice"):
        parse("nobody_n1", SMALLEST + row.replace("72", "74"))


def test_marks_and_ranges_of_invalid_patterns_are_read() -> None:
    more = """
[invalid]
float32 = ["0x7F800001", "0xFF000000..0xFFFFFFFF"]

[[identify]]
function_code = 3
address = 11
type = "uint16"
values = ["0x66", "0x67"]

[[identify]]
function_code = 4
address = 6
count = 10
texts = ["SPEM-003"]
"""
    meter_map = parse("nobody_n1", SMALLEST + more)
    assert meter_map.registers[0].invalid == (range(0x7F800001, 0x7F800002), range(0xFF000000, 0x1_0000_0000))
    assert meter_map.marks == (Mark(3, 11, 1, values=frozenset({0x66, 0x67})), Mark(4, 6, 10, texts=("SPEM-003",)))
