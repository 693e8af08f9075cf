"""Anything else on a broker: its owner says which number of which topic is what, and sees first what would be read."""

import re
from collections.abc import Iterator
from decimal import Decimal

from drivers.model import DecodeError, Kind, Medium, Quantity, frozen
from drivers.mqtt.heard import Heard, heard
from drivers.mqtt.message import Message, at, leaves, number_of, parse, plain_number, plain_word, small
from drivers.mqtt.units import HUMIDITY, RATIO, READINGS_MAX, REGISTER, TEXT, UNITS, YES_OR_NO, Meant, Said

KIND = "generic"
POINTER = re.compile(r"(/[^/]{1,80}){0,10}")
CANDIDATES_MAX = 200
FACTOR = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
# Words for yes and no, as things write them.
YES_NO_WORDS = {
    "true": True,
    "on": True,
    "1": True,
    "open": True,
    "false": False,
    "off": False,
    "0": False,
    "closed": False,
}


@frozen
class Value:
    """One row of a mapping: where in the payload, which register it becomes, and what a 1 there is worth."""

    path: str
    register: str
    what: Meant
    main: bool = False


@frozen
class Mapping:
    """What a topic says of one meter."""

    topic: str
    name: str
    medium: Medium
    values: tuple[Value, ...]


@frozen
class Candidate:
    """A number somewhere in a payload, that a mapping may name."""

    path: str
    number: Decimal


def value(path: str, quantity: str, unit: str, factor: str = "1", register: str = "", *, main: bool = False) -> Value:
    """A row out of its words; ValueError says which of them is wrong and what is expected."""
    if not POINTER.fullmatch(path):
        raise ValueError(
            f'path: a JSON pointer such as /ENERGY/Total is needed ("" for a plain number), not {path[:40]!r}'
        )
    if not FACTOR.fullmatch(factor) or not Decimal(factor):
        raise ValueError(f"factor: a number above zero is needed, not {factor[:40]!r}")
    known = [each for each in Quantity if each.word == quantity and each.kind in {Kind.INDEX, Kind.LEVEL, Kind.TEXT}]
    if not known:
        raise ValueError(f"quantity: one of {', '.join(quantities())} is needed, not {quantity[:40]!r}")
    name = register or quantity
    if not REGISTER.fullmatch(name):
        raise ValueError(f"register: letters, digits, . _ + or - are needed, not {name[:40]!r}")
    what = _what(known, unit)
    if what is None:
        wanted = ", ".join(units(quantity)) or "none"
        raise ValueError(f"unit: one of {wanted} is needed for {quantity}, not {unit[:40]!r}")
    return Value(path, name, Meant(what.quantity, what.factor * Decimal(factor), unit), main)


def quantities() -> tuple[str, ...]:
    """The words of what a mapping may read."""
    found = [meant.quantity.word for meant in UNITS.values()]
    return tuple(dict.fromkeys((*found, "humidity", "ratio", "number", "count", "text")))


def units(quantity: str) -> tuple[str, ...]:
    """The units that a quantity may be written in."""
    if quantity in {"humidity", "ratio"}:
        return ("%",)
    return tuple(unit for unit, meant in UNITS.items() if meant.quantity.word == quantity)


def decode(message: Message, mapping: Mapping) -> Heard:
    """What the message says; DecodeError where it cannot be read."""
    said = preview(message.payload, mapping.values)
    if not said.readings and not said.faults:
        raise DecodeError(f"{message.topic}: nothing of it stands where the mapping says", message.payload)
    return heard(KIND, mapping.topic, mapping.name, mapping.medium, said, mapping.topic)


def preview(payload: bytes, values: tuple[Value, ...]) -> Said:
    """What would be read of a payload (`readings`), and why not the rest (`faults`); DecodeError where nothing can be."""
    said = Said()
    plain = all(row.path == "" for row in values)
    content = None if plain else parse(payload)
    for row in values[:READINGS_MAX]:
        if plain:
            found: object = _plain(payload, row.what)
        else:
            found = at(content, row.path)
            if found is None:
                said.faults.append(DecodeError(f"{row.register!r}: nothing stands at {row.path or 'the top'}"))
        said.add(row.register, row.what, _written(found, row.what), main=row.main)
    return said


def candidates(payload: bytes) -> tuple[Candidate, ...]:
    """The numbers of a payload, with their places: what a mapping may name. DecodeError where there are none."""
    found = tuple(_candidates(payload))[:CANDIDATES_MAX]
    if not found:
        raise DecodeError("no number in it", payload)
    return found


def _candidates(payload: bytes) -> Iterator[Candidate]:
    content = parse(payload)
    for path, leaf in leaves(content):
        number = Decimal(leaf) if type(leaf) in {int, Decimal} else number_of(leaf) if isinstance(leaf, str) else None  # type: ignore[arg-type] # told by type()
        if number is not None and small(number):
            yield Candidate(path, number)


def _what(known: list[Quantity], unit: str) -> Meant | None:
    match known[0]:
        case Quantity.HUMIDITY:
            return HUMIDITY if unit == "%" else None
        case Quantity.RATIO:
            return RATIO if unit == "%" else None
        case Quantity.NUMBER:
            return YES_OR_NO if not unit else None
        case Quantity.TEXT:
            return TEXT if not unit else None
        case Quantity.COUNT:
            return Meant(Quantity.COUNT, Decimal(1), "") if not unit else None
    what = UNITS.get(unit)
    return what if what is not None and what.quantity in known else None


def _plain(payload: bytes, what: Meant) -> object:
    return plain_word(payload) if what.quantity in {Quantity.NUMBER, Quantity.TEXT} else plain_number(payload)


def _written(found: object, what: Meant) -> object:
    """A number that was written as text is one: its owner says so."""
    if not isinstance(found, str) or what.quantity is Quantity.TEXT:
        return found
    if what.quantity is Quantity.NUMBER and found.lower() in YES_NO_WORDS:
        return YES_NO_WORDS[found.lower()]
    number = number_of(found)
    return found if number is None else number
