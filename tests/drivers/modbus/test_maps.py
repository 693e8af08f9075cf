from decimal import Decimal

import pytest

from drivers.modbus import load, models
from drivers.modbus.maps import WireType, WordOrder, parse
from drivers.model import Kind, Quantity

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


def test_the_promised_meters_are_there() -> None:
    promised = {"abb_b23", "carlo_gavazzi_em340", "eastron_sdm120", "eastron_sdm630", "schneider_iem3155"}
    assert promised <= set(models())


@pytest.mark.parametrize("model", models())
def test_every_map_names_its_sources_one_main_index_and_one_main_power(model: str) -> None:
    meter_map = load(model)
    assert meter_map.id == model
    assert all(source.strip() for source in meter_map.sources)
    assert [r.name for r in meter_map.registers if r.main and r.quantity is Quantity.ENERGY] == ["import_energy"]
    assert [r.name for r in meter_map.registers if r.main and r.quantity.kind is Kind.LEVEL] == ["power"]
    assert all(r.name == r.name.lower() and r.name.isidentifier() for r in meter_map.registers)


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
