"""What a standard leaves open, as data: one TOML file a meter model or a maker's family; the folder is the registry.

A file's name begins with its makers' letters (`kam-kaw_water.toml`), so that only the makers heard are read (docs/meters.md).
"""

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from importlib import resources
from typing import Any

from drivers.model import Medium, Quantity

PATTERN_FIELDS = 3  # manufacturer, version, device type
MODELS_MAX = 1024  # models kept as read; a stairwell has some dozens

HEADER = "header"  # the status byte of the transport layer's header, as a source of status bits

_ANY = "*"
_PLAIN = "_words.toml"
_MAKERS = "_makers.toml"
_MODEL_KEYS = {"name", "meters", "medium", "coding", "formats", "register", "field", "status", "history"}
_FIELD_KEYS = {"from", "mask", "name", "quantity", "unit", "factor", "offset"}
_REGISTER_KEYS = {"from", "name", "quantity", "unit", "factor", "type", "tariff", "subunit", "storages", "as_tariff"}
_STATUS_KEYS = {"from", "kind", "bytes", "mask", "quiet", "codes"}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a register that the standard leaves open is in a model. None: as the standard has it.

    Value in the quantity's unit = data * factor. `data_type` is a word of the standard's: signed, unsigned, flags, text,
    bytes. The rule holds for `tariff`, `subunit` and from the first to the last of `storages`; with `as_tariff` the maker
    used the tariff to count something else (phases), and the name says it.
    """

    name: str
    quantity: Quantity | None = None
    factor: Decimal | None = None
    data_type: str | None = None
    tariff: int | None = None
    subunit: int | None = None
    storages: tuple[int, int] | None = None
    as_tariff: int | None = None

    def holds(self, tariff: int, storage: int, subunit: int) -> bool:
        first, last = self.storages or (storage, storage)
        return self.tariff in (None, tariff) and self.subunit in (None, subunit) and first <= storage <= last


@dataclass(frozen=True, slots=True)
class Field:
    """A number within the bits of another: (bits under `mask`, moved down to bit 0) * factor + offset."""

    source: str
    mask: int
    name: str
    quantity: Quantity
    factor: Decimal
    offset: Decimal

    def value(self, number: int) -> Decimal:
        return Decimal((number & self.mask) // (self.mask & -self.mask)) * self.factor + self.offset


@dataclass(frozen=True, slots=True)
class Flags:
    """How one number says what is not in order. `codes` are (mask or value, code); an empty code is in order.

    kind bits: each mask that is set gives its code. value: the number under `mask` is one of the values.
    decimal-sum: decimal codes added up, the field is BCD though its DIF says binary.
    `data_bytes` None: whatever length the number was sent in. Of a `quiet` table the numbers that it does not list are
    in order; elsewhere they are said as a number, never dropped.
    """

    source: str
    kind: str
    data_bytes: int | None
    mask: int
    quiet: bool
    codes: tuple[tuple[int, str], ...]

    def words(self, number: int) -> tuple[str, ...]:
        """Codes of what is set."""
        match self.kind:
            case "bits":
                number &= self.mask
                found = [code for mask, code in self.codes if number & mask]
                rest = number
                for mask, _ in self.codes:
                    rest &= ~mask
            case "value":
                known = dict(self.codes)
                seen = number & self.mask
                found, rest = ([known[seen]], 0) if seen in known else ([], seen)
            case _:
                digits = f"{number:x}"
                found, rest = [], int(digits) if digits.isdecimal() else number
                for value, code in sorted(self.codes, reverse=True):
                    if digits.isdecimal() and value <= rest:
                        found.append(code)
                        rest -= value
        if rest and not self.quiet and self.source != HEADER:
            found.append(f"error flags {rest:#x}")
        return tuple(code for code in found if code)


@dataclass(frozen=True, slots=True)
class History:
    """Storages without dates that count month ends back from the meter's clock: `first` is the newest of them."""

    first: int
    last: int
    step: int


@dataclass(frozen=True, slots=True)
class Model:
    """All that is known of one (manufacturer, version, device type) beside the standard."""

    name: str
    medium: Medium | None = None
    coding: str = ""
    rules: tuple[tuple[str, Rule], ...] = ()
    flags: tuple[Flags, ...] = ()
    fields: tuple[Field, ...] = ()
    history: History | None = None

    def rule(self, register: str, tariff: int, storage: int, subunit: int) -> Rule | None:
        """What the register of the standard's name means in this model."""
        for name, rule in self.rules:
            if name == register and rule.holds(tariff, storage, subunit):
                return rule
        return None

    def status(self, source: str, data_bytes: int) -> tuple[Flags, ...]:
        """How this model's bits in `source` are to be read."""
        return tuple(f for f in self.flags if f.source == source and f.data_bytes in (None, data_bytes))


@lru_cache(maxsize=MODELS_MAX)
def model(manufacturer: str, version: int, device_type: int) -> Model | None:
    """The model, or None where nothing is known beside the standard. A pattern that says more goes before one with `*`."""
    best: Model | None = None
    fewest = PATTERN_FIELDS
    for patterns, found, _ in _family(manufacturer):
        for pattern in patterns:
            maker, a, b = pattern.split("-")
            if pattern.count(_ANY) < fewest and maker == manufacturer and _fits(a, version) and _fits(b, device_type):
                best, fewest = found, pattern.count(_ANY)
    return best


@lru_cache(maxsize=64)
def formats(manufacturer: str) -> tuple[bytes, ...]:
    """DIF and VIF bytes of the full frames behind this maker's compact ones, as far as they are known."""
    return tuple(heads for _, _, known in _family(manufacturer) for heads in known)


def maker(manufacturer: str) -> str | None:
    """The name on the meter for a telegram's three letters; None where nobody wrote it down."""
    return _makers().get(manufacturer)


def words(code: str, language: str) -> str:
    """A status code in plain words, `fr` or `en`; the code itself where nobody wrote words for it.

    A code is a meaning, or a meaning with a detail in brackets: `leak`, `leak (earlier)`.
    """
    plain = _plain()
    meaning, _, detail = code.partition(" (")
    text = plain["meaning"].get(meaning, {}).get(language)
    if text is None:
        return _numbered(code, language)
    if not detail:
        return text
    known = plain["detail"].get(detail.removesuffix(")"), {})
    return f"{text} ({known.get(language, detail.removesuffix(')'))})"


def codes() -> frozenset[str]:
    """Every meaning that has words."""
    return frozenset(_plain()["meaning"])


def details() -> frozenset[str]:
    return frozenset(_plain()["detail"])


def _numbered(code: str, language: str) -> str:
    """Codes that end in what the maker sent: `error flags 0x104`, `manufacturer status 5`."""
    prefix, _, number = code.rpartition(" ")
    text = _plain()["numbered"].get(prefix, {}).get(language)
    return code if text is None else f"{text} {number}"


@lru_cache(maxsize=1)
def _plain() -> dict[str, dict[str, dict[str, str]]]:
    return _toml(_PLAIN)


@lru_cache(maxsize=1)
def _makers() -> dict[str, str]:
    return _toml(_MAKERS)


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((resources.files(__name__) / name).read_text("utf-8"))


@lru_cache(maxsize=64)
def _family(manufacturer: str) -> tuple[tuple[tuple[str, ...], Model, tuple[bytes, ...]], ...]:
    letters = manufacturer.lower()
    if not letters.isalnum():
        return ()
    return tuple(read(name) for name in files() if letters in name.partition("_")[0].split("-"))


@lru_cache(maxsize=1)
def files() -> tuple[str, ...]:
    """The registry: names of all files, in the order in which they are asked."""
    names = (entry.name for entry in resources.files(__name__).iterdir())
    return tuple(sorted(name for name in names if name.endswith(".toml") and not name.startswith("_")))


def read(name: str) -> tuple[tuple[str, ...], Model, tuple[bytes, ...]]:
    """One file: the meters it is for, what it says of them, its compact formats. ValueError names what is wrong."""
    raw = _toml(name)
    _known(name, raw, _MODEL_KEYS)
    found = Model(
        raw["name"],
        Medium(raw["medium"]) if "medium" in raw else None,
        raw.get("coding", ""),
        tuple((row["from"], _rule(f"{name}: register {row['from']}", row)) for row in raw.get("register", ())),
        tuple(_flags(f"{name}: status {row['from']}", row) for row in raw.get("status", ())),
        tuple(_field(f"{name}: field {row['from']}", row) for row in raw.get("field", ())),
        History(**raw["history"]) if "history" in raw else None,
    )
    return tuple(raw["meters"]), found, tuple(bytes.fromhex(heads) for heads in raw.get("formats", ()))


def _rule(where: str, row: dict[str, Any]) -> Rule:
    _known(where, row, _REGISTER_KEYS)
    return Rule(
        row["name"],
        _quantity(where, row),
        Decimal(row["factor"]) if "factor" in row else None,
        row.get("type"),
        row.get("tariff"),
        row.get("subunit"),
        _storages(where, row),
        row.get("as_tariff"),
    )


def _storages(where: str, row: dict[str, Any]) -> tuple[int, int] | None:
    if "storages" not in row:
        return None
    if len(row["storages"]) != 2:
        raise ValueError(f"{where}: storages: the first and the last are needed, not {row['storages']}")
    first, last = row["storages"]
    return first, last


def _quantity(where: str, row: dict[str, Any]) -> Quantity | None:
    word, unit = row.get("quantity"), row.get("unit")
    if word is None:
        return None
    for quantity in Quantity:
        if quantity.word == word and unit in (None, quantity.unit):
            return quantity
    raise ValueError(f"{where}: no quantity {word!r} in {unit!r}")


def _field(where: str, row: dict[str, Any]) -> Field:
    _known(where, row, _FIELD_KEYS)
    quantity = _quantity(where, row) or Quantity.NUMBER
    mask = int(row["mask"], 0)
    if mask <= 0:
        raise ValueError(f"{where}: a mask of one bit at least is needed, not {row['mask']}")
    factor, offset = Decimal(row.get("factor", "1")), Decimal(row.get("offset", "0"))
    return Field(row["from"], mask, row["name"], quantity, factor, offset)


def _flags(where: str, row: dict[str, Any]) -> Flags:
    _known(where, row, _STATUS_KEYS)
    kind = row.get("kind", "bits")
    base = 10 if kind == "decimal-sum" else 0
    rows = tuple((int(number, base), str(code)) for number, code in row["codes"].items())
    mask = int(row.get("mask", "0xffffffffffffffff"), 0)
    return Flags(row["from"], kind, row.get("bytes"), mask, row.get("quiet", False), rows)


def _known(where: str, row: dict[str, Any], keys: set[str]) -> None:
    if unknown := set(row) - keys:
        raise ValueError(f"{where}: {', '.join(sorted(unknown))} is unknown")


def _fits(pattern: str, number: int) -> bool:
    return pattern == _ANY or int(pattern, 16) == number
