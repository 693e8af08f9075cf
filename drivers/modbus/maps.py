"""Register maps: what a Modbus meter keeps where. A meter is a TOML file in `meters/`; the folder is the registry."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cache, cached_property
from importlib import resources
from typing import Any

from drivers.model import Medium, Quantity

# Application Protocol V1.1b3, 6.3 and 6.4: one request reads at most 125 registers.
REGISTERS_MAX = 125

# A hole this small costs less time on the wire than the overhead of a second request.
HOLE_REGISTERS_MAX = 8

GAP_MS = 20

_MAP_KEYS = {"vendor", "models", "sources", "confidence", "notes", "medium", "function_code", "word_order"}
_LIMIT_KEYS = {"max_registers_per_read", "gap_ms", "unit_switch_ms", "hole_registers_max"}
_SERIAL_KEYS = {"baud", "parity", "stopbits", "unit"}
_TCP_KEYS = {"port", "unit"}
_MARK_KEYS = {"function_code", "address", "type", "values", "count", "texts"}
_ROW_KEYS = {"name", "address", "type", "scale", "quantity", "tariff", "main", "invalid", "barrier", "function_code"}

# The first member of a word is meant: "energy" is watt-hours, "power" is watts.
_QUANTITIES = {quantity.word: quantity for quantity in reversed(Quantity)}


class WireType(StrEnum):
    """How a value lies in its registers; each register is sent high byte first (V1.1b3, 4.2)."""

    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"

    @cached_property  # asked for each value of each telegram
    def registers(self) -> int:
        return int(self.value[-2:]) // 16

    @cached_property
    def floating(self) -> bool:
        return self.value.startswith("float")


class WordOrder(StrEnum):
    """Which register of a value comes first: the high word (big) or the low word (little). Modbus leaves it open."""

    BIG = "big"
    LITTLE = "little"


@dataclass(frozen=True, slots=True)
class Register:
    """One value of a meter: raw value at `address` (0-based, as on the wire) times `scale` is in the quantity's unit.

    `invalid` are ranges of raw bit patterns by which the meter says "no value". No block is read across a `barrier`: what lies
    before it and what begins here are asked separately. `function_code` is only there where it is not the map's own.
    `factor` is the address of a signed power of ten that the meter states beside the value (SunSpec), and `together`
    from where to before where one request must reach, so that both were true at one moment.
    """

    name: str
    address: int
    type: WireType
    scale: Decimal
    quantity: Quantity
    tariff: int = 0
    main: bool = False
    invalid: tuple[range, ...] = ()
    barrier: bool = False
    function_code: int | None = None
    factor: int | None = None
    together: tuple[int, int] | None = None

    @property
    def key(self) -> str:
        """The name, and the tariff where there are some: one of its kind in a map."""
        return f"{self.name}:{self.tariff}" if self.tariff else self.name

    @property
    def end(self) -> int:
        return self.address + self.type.registers

    @property
    def span(self) -> tuple[int, int]:
        """From where to before where the request reaches that reads this value."""
        return self.together or (self.address, self.end)


@dataclass(frozen=True, slots=True)
class SerialDefaults:
    """How the meter's line is set when it leaves the factory."""

    baud: int
    parity: str
    stopbits: int
    unit: int


@dataclass(frozen=True, slots=True)
class TcpDefaults:
    """Where the meter answers on Modbus TCP when it leaves the factory."""

    port: int
    unit: int


@dataclass(frozen=True, slots=True)
class Mark:
    """Registers by which a meter is known: they hold one of `values` as one number, or a text that begins as one of `texts`.

    Of a meter with several marks all must hold; meters of one maker may share some (drivers/modbus/identify.py).
    """

    function_code: int
    address: int
    count: int
    values: frozenset[int] = frozenset()
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MeterMap:
    """A meter as data. `id` is a promise: users' configurations name it. `registers` are in the order of addresses."""

    id: str
    vendor: str
    models: tuple[str, ...]
    sources: tuple[str, ...]
    confidence: str
    function_code: int
    word_order: WordOrder
    registers_max: int
    gap_ms: int
    unit_switch_ms: int
    hole_registers_max: int
    serial: SerialDefaults | None
    registers: tuple[Register, ...]
    medium: Medium = Medium.ELECTRICITY
    tcp: TcpDefaults | None = None
    marks: tuple[Mark, ...] = ()


def models() -> tuple[str, ...]:
    """The ids that `load` knows, sorted."""
    files = resources.files("drivers.modbus").joinpath("meters").iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


@cache  # a map is some 2 ms to read
def load(model: str) -> MeterMap:
    """The map of one meter; ValueError names the known ones."""
    if model not in models():
        raise ValueError(f"modbus model: one of {', '.join(models())} is needed, not {model!r}")
    file = resources.files("drivers.modbus").joinpath("meters", f"{model}.toml")
    return parse(model, file.read_text(encoding="utf-8"))


def parse(model: str, text: str) -> MeterMap:
    """Read one file strictly; ValueError says where, what was met and what was expected."""
    document = tomllib.loads(text)
    limits = document.pop("limits", {})
    serial = document.pop("serial", None)
    tcp = document.pop("tcp", None)
    marks = document.pop("identify", [])
    invalid = document.pop("invalid", {})
    rows = document.pop("register", [])
    _only(model, document, _MAP_KEYS)
    _only(f"{model}.limits", limits, _LIMIT_KEYS)
    _only(f"{model}.invalid", invalid, {str(type_) for type_ in WireType})
    meter_map = MeterMap(
        id=model,
        vendor=document.get("vendor", ""),
        models=tuple(document.get("models", ())),
        sources=tuple(document.get("sources", ())),
        confidence=document.get("confidence", ""),
        function_code=document.get("function_code", 0),
        word_order=WordOrder(document.get("word_order", WordOrder.BIG)),
        registers_max=limits.get("max_registers_per_read", REGISTERS_MAX),
        gap_ms=limits.get("gap_ms", GAP_MS),
        unit_switch_ms=limits.get("unit_switch_ms", 0),
        hole_registers_max=limits.get("hole_registers_max", HOLE_REGISTERS_MAX),
        serial=_serial(f"{model}.serial", serial),
        registers=tuple(
            sorted(
                (_register(f"{model}.register[{i}]", row, invalid) for i, row in enumerate(rows)),
                key=lambda register: register.address,
            )
        ),
        medium=_medium(f"{model}.medium", document.get("medium", Medium.ELECTRICITY)),
        tcp=_tcp(f"{model}.tcp", tcp),
        marks=tuple(_mark(f"{model}.identify[{i}]", table) for i, table in enumerate(marks)),
    )
    _check(meter_map)
    return meter_map


def _check(meter_map: MeterMap) -> None:
    """What the file as a whole must hold."""
    where = meter_map.id
    if not (meter_map.vendor and meter_map.models):
        raise ValueError(f"{where}: vendor and models are needed")
    if not (meter_map.sources and all(meter_map.sources)):
        raise ValueError(f"{where}.sources: at least one public source is needed; a map nobody can check is refused")
    if meter_map.confidence not in {"high", "medium", "low"}:
        raise ValueError(f"{where}.confidence: high, medium or low is needed, not {meter_map.confidence!r}")
    if meter_map.function_code not in {3, 4}:
        raise ValueError(f"{where}.function_code: 3 or 4 is needed (we only read), not {meter_map.function_code!r}")
    if not 1 <= meter_map.registers_max <= REGISTERS_MAX:
        raise ValueError(f"{where}.limits.max_registers_per_read: 1 to 125 is needed, not {meter_map.registers_max}")
    if min(meter_map.gap_ms, meter_map.unit_switch_ms, meter_map.hole_registers_max) < 0:
        raise ValueError(f"{where}.limits: numbers of 0 and more are needed")
    for i, mark in enumerate(meter_map.marks):
        if not (1 <= mark.count <= REGISTERS_MAX and 0 <= mark.address <= 0x10000 - mark.count):
            raise ValueError(f"{where}.identify[{i}]: 1 to 125 registers from 0 to 65535 are needed")
    if not meter_map.registers:
        raise ValueError(f"{where}: at least one [[register]] is needed")
    free = 0
    seen: set[str] = set()
    for register in meter_map.registers:
        if register.address < free:
            raise ValueError(f"{where}: {register.name} at {register.address} lies over the register before it")
        if register.type.registers > meter_map.registers_max:
            raise ValueError(f"{where}: {register.name} is wider than one read may be")
        if register.key in seen:
            raise ValueError(f"{where}: {register.name}, tariff {register.tariff}, is there twice")
        seen.add(register.key)
        free = register.end


def _register(where: str, row: Mapping[str, Any], invalid: Mapping[str, list[str]]) -> Register:
    _only(where, row, _ROW_KEYS)
    if missing := {"name", "address", "type", "scale", "quantity"} - row.keys():
        raise ValueError(f"{where}: {', '.join(sorted(missing))} is needed")
    if not isinstance(row["scale"], str):
        raise ValueError(f'{where}.scale: a decimal in quotes is needed ("0.1"), not {row["scale"]!r}')
    try:
        scale = Decimal(row["scale"])
    except InvalidOperation:
        raise ValueError(f"{where}.scale: a decimal is needed, not {row['scale']!r}") from None
    if not scale.is_finite() or scale == 0:
        raise ValueError(f"{where}.scale: a decimal other than 0 is needed, not {row['scale']!r}")
    if row["quantity"] not in _QUANTITIES:
        raise ValueError(f"{where}.quantity: a word of drivers.model.Quantity is needed, not {row['quantity']!r}")
    type_ = WireType(row["type"])
    if row.get("function_code", 3) not in {3, 4}:
        raise ValueError(f"{where}.function_code: 3 or 4 is needed (we only read), not {row['function_code']!r}")
    if not (isinstance(row["address"], int) and 0 <= row["address"] <= 0x10000 - type_.registers):
        raise ValueError(f"{where}.address: 0 to 65535 is needed, not {row['address']!r}")
    return Register(
        name=row["name"],
        address=row["address"],
        type=type_,
        scale=scale,
        quantity=_QUANTITIES[row["quantity"]],
        tariff=row.get("tariff", 0),
        main=row.get("main", False),
        invalid=tuple(_pattern(pattern) for pattern in row.get("invalid", invalid.get(type_.value, ()))),
        barrier=row.get("barrier", False),
        function_code=row.get("function_code"),
    )


def _pattern(text: str) -> range:
    """One pattern, "0xFFFF", or all from one to another: "0x7FFF0000..0x7FFFFFFF"."""
    first, _, last = text.partition("..")
    return range(int(first, 16), int(last or first, 16) + 1)


def _serial(where: str, table: Mapping[str, Any] | None) -> SerialDefaults | None:
    if table is None:
        return None
    if table.keys() != _SERIAL_KEYS:
        raise ValueError(f"{where}: baud, parity, stopbits and unit are needed, not {', '.join(sorted(table))}")
    if table["parity"] not in {"N", "E", "O"}:
        raise ValueError(f"{where}.parity: N, E or O is needed, not {table['parity']!r}")
    return SerialDefaults(**table)


def _tcp(where: str, table: Mapping[str, Any] | None) -> TcpDefaults | None:
    if table is None:
        return None
    if table.keys() != _TCP_KEYS:
        raise ValueError(f"{where}: port and unit are needed, not {', '.join(sorted(table))}")
    return TcpDefaults(**table)


def _mark(where: str, table: Mapping[str, Any]) -> Mark:
    _only(where, table, _MARK_KEYS)
    asked = table.get("function_code"), table.get("address")
    match table, asked:
        case {"type": str(word), "values": [*values]}, (3 | 4 as code, int(address)) if "texts" not in table and values:
            numbers = frozenset(int(value, 16) for value in values)
            return Mark(code, address, WireType(word).registers, values=numbers)
        case {"count": int(count), "texts": [*texts]}, (3 | 4 as code, int(address)) if "values" not in table and texts:
            return Mark(code, address, count, texts=tuple(texts))
    raise ValueError(f"{where}: function_code, address, and type with values or count with texts are needed")


def _medium(where: str, word: str) -> Medium:
    if word not in set(Medium):
        raise ValueError(f"{where}: one of {', '.join(Medium)} is needed, not {word!r}")
    return Medium(word)


def _only(where: str, table: Mapping[str, Any], known: set[str]) -> None:
    if unknown := table.keys() - known:
        raise ValueError(f"{where}: {', '.join(sorted(unknown))} is not a word of a register map")
