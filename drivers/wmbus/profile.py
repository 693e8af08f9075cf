"""Compact profiles: many values of one register in one record (EN 13757-3, annex on compact profiles)."""

# SS VV EE EE EE ...
# S: spacing control: 2 bits how the elements count, 2 bits unit of the spacing, 4 bits DIF data field of an element
# V: spacing value: units of time between two elements   E: elements

from collections.abc import Iterator
from decimal import Context, Decimal, Inexact

from drivers.model import DecodeError
from drivers.wmbus.values import FIELDS, Coding, Data, number
from drivers.wmbus.vif import DataType, Meaning
from drivers.wmbus.vife import PROFILES

ABSOLUTE, INCREMENTS, DECREMENTS, DIFFERENCES = range(4)

_EXACT = Context(prec=100, traps=[Inexact])


def decode(meaning: Meaning, raw: bytes, base: Decimal | None) -> Iterator[tuple[int, Decimal]]:
    """(n, value) of each element that is valid, n = 1 for the one next to the base value.

    Differences count from the base, the single value of the same storage; without it, or after an invalid element,
    nothing more can be said.
    """
    name = f"{meaning.register}: {PROFILES[meaning.profile]}"
    if meaning.type not in (DataType.SIGNED, DataType.UNSIGNED) or len(raw) < 2:
        raise DecodeError(f"{name} cannot be read", raw)
    mode, field = raw[0] >> 6, raw[0] & 0x0F
    coding, size = FIELDS.get(field, (Coding.NOTHING, 0))
    elements = raw[2:]
    if not size or len(elements) % size:
        raise DecodeError(f"{name}: {len(elements)} bytes are no whole number of elements of DIF {field:X}", raw)
    if mode != ABSOLUTE and base is None:
        raise DecodeError(f"{name}: its differences have no base value", raw)
    signed = mode in (ABSOLUTE, DIFFERENCES) and meaning.type is DataType.SIGNED
    value = base
    for n in range(len(elements) // size):
        element = number(Data(coding, elements[n * size : (n + 1) * size]), signed)
        if mode == ABSOLUTE:
            if element is not None:
                yield n + 1, _EXACT.multiply(element, meaning.factor)
            continue
        if element is None:
            return
        assert value is not None, "differences have a base"
        step = _EXACT.multiply(element, meaning.factor)
        value = _EXACT.subtract(value, step) if mode == DECREMENTS else _EXACT.add(value, step)
        yield n + 1, value
