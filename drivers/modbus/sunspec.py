"""SunSpec: the unit itself says what it is and where. A walk along its models first, then a map like any other.

SunSpec Information Model Specification (Device Information Model): "SunS" at one of three addresses, then models in a
row, each with its number and length before it, FFFFh at the end. The models are those of SunSpec's own model files
(github.com/sunspec/models). All is read with function code 3.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

from drivers.modbus.maps import GAP_MS, REGISTERS_MAX, MeterMap, Register, WireType, WordOrder
from drivers.modbus.rtu import READ_HOLDING
from drivers.model import DecodeError, Quantity

# What a configuration names as the model of such a unit.
MODEL = "sunspec"

BASES = (40000, 0, 50000)
MAGIC = (0x5375, 0x6E53)  # "SunS"
END = 0xFFFF
HEADER_REGISTERS = 2

# A unit states a dozen models at most; a walk that finds no end is given up after so many.
MODELS_MAX = 48

# A module of a string inverter takes 20 registers; what one request does not hold is left out.
MODULES_MAX = 5
_MODULES_AT, _MPPT_FIXED, _MODULE_AT, _MODULE_REGISTERS = 8, 8, 10, 20

# "Not implemented", for each type (Device Information Model, data types). A counter (acc32) at 0 has not counted;
# a float says NaN.
INVALID = {"int16": 0x8000, "uint16": 0xFFFF, "acc32": 0}

Words = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """The next request of a walk: `count` registers from `address` on."""

    function_code: int
    address: int
    count: int


# Gives requests and takes their registers, none of them where the unit refused; at the end there is a map.
Walk = Generator[Ask, Words, "Found"]


class Header(NamedTuple):
    """One model: where its number stands, and the number and length that must still stand there at every reading."""

    at: int
    model: int
    length: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a walk found: a map of what can be read, and the headers of the models behind it."""

    map: MeterMap
    headers: tuple[Header, ...]


class _Row(NamedTuple):
    """A value of a model: where it stands and where its factor does, counted from the model's number on."""

    name: str
    at: int
    type: str
    quantity: Quantity
    factor: int | None = None
    main: bool = False


def walk() -> Walk:
    """Find the models of a unit; DecodeError when it has none that we know, or is no SunSpec unit."""
    base = yield from _base()
    found: list[tuple[Header, tuple[_Row, ...]]] = []
    at = base + len(MAGIC)
    for _ in range(MODELS_MAX):
        words = (yield Ask(READ_HOLDING, at, HEADER_REGISTERS)) if at <= 0x10000 - HEADER_REGISTERS else ()
        if not words or words[0] == END:  # some units refuse what lies behind their last model
            break
        header = Header(at, *words)
        at += HEADER_REGISTERS + header.length
        if header.model == _MPPT and header.length >= _MPPT_FIXED:
            counted = yield Ask(READ_HOLDING, header.at + _MODULES_AT, 1)
            rows = _modules(min(counted[0] if counted else 0, (header.length - _MPPT_FIXED) // _MODULE_REGISTERS))
        else:
            rows = _MODELS.get(header.model, ())
        if rows and header.at + _past(rows) <= min(at, 0x10000):
            found.append((header, rows))
    if not found:
        known = ", ".join(str(model) for model in MODELS)
        raise DecodeError(f"a SunSpec unit at {base} with none of the models {known}")
    return Found(_map(found), tuple(header for header, _ in found))


def unchanged(found: Found, registers: Mapping[int, int]) -> bool:
    """Whether the models still stand where they were found: their headers are read with the values.

    A model whose request failed says nothing against it.
    """
    return all(
        (registers.get(header.at, header.model), registers.get(header.at + 1, header.length)) == header[1:]
        for header in found.headers
    )


def _base() -> Generator[Ask, Words, int]:
    for base in BASES:
        words = yield Ask(READ_HOLDING, base, len(MAGIC))
        if words == MAGIC:
            return base
    raise DecodeError(f'no SunSpec unit: "SunS" stands at none of {", ".join(str(base) for base in BASES)}')


def _map(found: list[tuple[Header, tuple[_Row, ...]]]) -> MeterMap:
    """One request a model. The first of a kind has the plain names, the next ones a number behind theirs."""
    registers: list[Register] = []
    seen: dict[bool, int] = {}
    for header, rows in found:
        mppt = header.model == _MPPT
        seen[mppt] = seen.get(mppt, 0) + 1
        behind = "" if seen[mppt] == 1 else f"_{seen[mppt]}"
        registers += (_register(header, row, behind, header.at + _past(rows)) for row in rows)
    return replace(UNKNOWN, registers=tuple(sorted(registers, key=lambda register: register.address)))


def _register(header: Header, row: _Row, behind: str, past: int) -> Register:
    invalid = INVALID.get(row.type)
    return Register(
        name=row.name + behind,
        address=header.at + row.at,
        type=_TYPES[row.type],
        scale=Decimal(1),
        quantity=row.quantity,
        main=row.main and not behind,
        invalid=() if invalid is None else (range(invalid, invalid + 1),),
        barrier=True,
        factor=None if row.factor is None else header.at + row.factor,
        together=(header.at, past),
    )


def _modules(count: int) -> tuple[_Row, ...]:
    return tuple(
        row._replace(name=f"mppt{number}_{row.name}", at=_MODULE_AT + (number - 1) * _MODULE_REGISTERS + row.at)
        for number in range(1, min(count, MODULES_MAX) + 1)
        for row in _MODULE
    )


def _past(rows: tuple[_Row, ...]) -> int:
    """The first register behind all that is read of a model, counted from its number on."""
    return max(max(row.at + _TYPES[row.type].registers, (row.factor or 0) + 1) for row in rows)


# -- the models --------------------------------------------------------------------------------------------------------
# Left out: power factors (makers disagree whether they are per cent), apparent and reactive energies, states and events.
_TYPES = {
    "int16": WireType.INT16,
    "uint16": WireType.UINT16,
    "acc32": WireType.UINT32,
    "float32": WireType.FLOAT32,
}
_INVERTER = (
    _Row("current", 2, "uint16", Quantity.CURRENT, 6),
    _Row("current_l1", 3, "uint16", Quantity.CURRENT, 6),
    _Row("current_l2", 4, "uint16", Quantity.CURRENT, 6),
    _Row("current_l3", 5, "uint16", Quantity.CURRENT, 6),
    _Row("voltage_l1", 10, "uint16", Quantity.VOLTAGE, 13),
    _Row("voltage_l2", 11, "uint16", Quantity.VOLTAGE, 13),
    _Row("voltage_l3", 12, "uint16", Quantity.VOLTAGE, 13),
    _Row("power", 14, "int16", Quantity.POWER, 15, main=True),
    _Row("frequency", 16, "uint16", Quantity.FREQUENCY, 17),
    _Row("apparent_power", 18, "int16", Quantity.APPARENT_POWER, 19),
    _Row("reactive_power", 20, "int16", Quantity.REACTIVE_POWER, 21),
    _Row("export_energy", 24, "acc32", Quantity.ENERGY, 26, main=True),
    _Row("dc_current", 27, "uint16", Quantity.CURRENT, 28),
    _Row("dc_voltage", 29, "uint16", Quantity.VOLTAGE, 30),
    _Row("dc_power", 31, "int16", Quantity.POWER, 32),
    _Row("temperature", 33, "int16", Quantity.TEMPERATURE, 37),
)
_INVERTER_FLOAT = (
    _Row("current", 2, "float32", Quantity.CURRENT),
    _Row("current_l1", 4, "float32", Quantity.CURRENT),
    _Row("current_l2", 6, "float32", Quantity.CURRENT),
    _Row("current_l3", 8, "float32", Quantity.CURRENT),
    _Row("voltage_l1", 16, "float32", Quantity.VOLTAGE),
    _Row("voltage_l2", 18, "float32", Quantity.VOLTAGE),
    _Row("voltage_l3", 20, "float32", Quantity.VOLTAGE),
    _Row("power", 22, "float32", Quantity.POWER, main=True),
    _Row("frequency", 24, "float32", Quantity.FREQUENCY),
    _Row("apparent_power", 26, "float32", Quantity.APPARENT_POWER),
    _Row("reactive_power", 28, "float32", Quantity.REACTIVE_POWER),
    _Row("export_energy", 32, "float32", Quantity.ENERGY, main=True),
    _Row("dc_current", 34, "float32", Quantity.CURRENT),
    _Row("dc_voltage", 36, "float32", Quantity.VOLTAGE),
    _Row("dc_power", 38, "float32", Quantity.POWER),
    _Row("temperature", 40, "float32", Quantity.TEMPERATURE),
)
_METER = (
    _Row("current", 2, "int16", Quantity.CURRENT, 6),
    _Row("current_l1", 3, "int16", Quantity.CURRENT, 6),
    _Row("current_l2", 4, "int16", Quantity.CURRENT, 6),
    _Row("current_l3", 5, "int16", Quantity.CURRENT, 6),
    _Row("voltage_l1", 8, "int16", Quantity.VOLTAGE, 15),
    _Row("voltage_l2", 9, "int16", Quantity.VOLTAGE, 15),
    _Row("voltage_l3", 10, "int16", Quantity.VOLTAGE, 15),
    _Row("frequency", 16, "int16", Quantity.FREQUENCY, 17),
    _Row("power", 18, "int16", Quantity.POWER, 22, main=True),
    _Row("power_l1", 19, "int16", Quantity.POWER, 22),
    _Row("power_l2", 20, "int16", Quantity.POWER, 22),
    _Row("power_l3", 21, "int16", Quantity.POWER, 22),
    _Row("apparent_power", 23, "int16", Quantity.APPARENT_POWER, 27),
    _Row("reactive_power", 28, "int16", Quantity.REACTIVE_POWER, 32),
    _Row("export_energy", 38, "acc32", Quantity.ENERGY, 54),
    _Row("export_energy_l1", 40, "acc32", Quantity.ENERGY, 54),
    _Row("export_energy_l2", 42, "acc32", Quantity.ENERGY, 54),
    _Row("export_energy_l3", 44, "acc32", Quantity.ENERGY, 54),
    _Row("import_energy", 46, "acc32", Quantity.ENERGY, 54, main=True),
    _Row("import_energy_l1", 48, "acc32", Quantity.ENERGY, 54),
    _Row("import_energy_l2", 50, "acc32", Quantity.ENERGY, 54),
    _Row("import_energy_l3", 52, "acc32", Quantity.ENERGY, 54),
)
_METER_FLOAT = (
    _Row("current", 2, "float32", Quantity.CURRENT),
    _Row("current_l1", 4, "float32", Quantity.CURRENT),
    _Row("current_l2", 6, "float32", Quantity.CURRENT),
    _Row("current_l3", 8, "float32", Quantity.CURRENT),
    _Row("voltage_l1", 12, "float32", Quantity.VOLTAGE),
    _Row("voltage_l2", 14, "float32", Quantity.VOLTAGE),
    _Row("voltage_l3", 16, "float32", Quantity.VOLTAGE),
    _Row("frequency", 26, "float32", Quantity.FREQUENCY),
    _Row("power", 28, "float32", Quantity.POWER, main=True),
    _Row("power_l1", 30, "float32", Quantity.POWER),
    _Row("power_l2", 32, "float32", Quantity.POWER),
    _Row("power_l3", 34, "float32", Quantity.POWER),
    _Row("apparent_power", 36, "float32", Quantity.APPARENT_POWER),
    _Row("reactive_power", 44, "float32", Quantity.REACTIVE_POWER),
    _Row("export_energy", 60, "float32", Quantity.ENERGY),
    _Row("export_energy_l1", 62, "float32", Quantity.ENERGY),
    _Row("export_energy_l2", 64, "float32", Quantity.ENERGY),
    _Row("export_energy_l3", 66, "float32", Quantity.ENERGY),
    _Row("import_energy", 68, "float32", Quantity.ENERGY, main=True),
    _Row("import_energy_l1", 70, "float32", Quantity.ENERGY),
    _Row("import_energy_l2", 72, "float32", Quantity.ENERGY),
    _Row("import_energy_l3", 74, "float32", Quantity.ENERGY),
)
# Of one module, counted from its own first register; the factors stand once, before all modules.
_MPPT = 160
_MODULE = (
    _Row("current", 9, "uint16", Quantity.CURRENT, 2),
    _Row("voltage", 10, "uint16", Quantity.VOLTAGE, 3),
    _Row("power", 11, "uint16", Quantity.POWER, 4),
    _Row("energy", 12, "acc32", Quantity.ENERGY, 5),
)
_MODELS = {
    **dict.fromkeys((101, 102, 103), _INVERTER),
    **dict.fromkeys((111, 112, 113), _INVERTER_FLOAT),
    **dict.fromkeys((201, 202, 203, 204), _METER),
    **dict.fromkeys((211, 212, 213, 214), _METER_FLOAT),
}

MODELS = tuple(sorted((*_MODELS, _MPPT)))

# Before the walk: how the unit is to be asked, and no value yet.
UNKNOWN = MeterMap(
    id=MODEL,
    vendor="SunSpec",
    models=(MODEL,),
    sources=("SunSpec Alliance, github.com/sunspec/models",),
    confidence="high",
    function_code=READ_HOLDING,
    word_order=WordOrder.BIG,
    registers_max=REGISTERS_MAX,
    gap_ms=GAP_MS,
    unit_switch_ms=0,
    hole_registers_max=0,
    serial=None,
    registers=(),
)
