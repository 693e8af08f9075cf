"""Compact profiles: many values of one register in one record (EN 13757-3, annex on compact profiles)."""

# SS VV EE EE EE ...
# S: spacing control: 2 bits how the elements count, 2 bits unit of the spacing, 4 bits DIF data field of an element
# V: spacing value: units of time between two elements   E: elements

import calendar
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Context, Decimal, Inexact

from drivers.model import DecodeError, Quantity
from drivers.wmbus.values import FIELDS, Coding, Data, number
from drivers.wmbus.vif import DURATION_S, DataType, Meaning
from drivers.wmbus.vife import NUMBERS, PROFILE_INVERSE, PROFILES, SIGNED

ABSOLUTE, INCREMENTS, DECREMENTS, DIFFERENCES = range(4)
UNIT_DAY = 3
SPACING_MAX = 250  # spacing values above it do not count units; 0 is an array that is not one of times
SPACING_HALF_MONTH, SPACING_MONTHS = 0xFD, 0xFE
MONTHS = {1: 6, 2: 3, UNIT_DAY: 1}  # by the unit's two bits, with SPACING_MONTHS
HALVES = (1, 16)  # days that half a month begins with

_EXACT = Context(prec=100, traps=[Inexact])


def decode(meaning: Meaning, raw: bytes, base: Decimal | None) -> Iterator[tuple[int, Decimal]]:
    """(n, value) of each element that is valid, n = 1 for the one next to the base value.

    Differences count from the base, the single value of the same storage; without it, or after an invalid element,
    nothing more can be said. Each leads from the older value to the newer one: an inverse profile takes it off.
    """
    name = f"{meaning.register}: {PROFILES[meaning.profile]}"
    if meaning.type not in NUMBERS or len(raw) < 2:
        raise DecodeError(f"{name} cannot be read", raw)
    mode, field = raw[0] >> 6, raw[0] & 0x0F
    adds = (mode == DECREMENTS) == (meaning.profile == PROFILE_INVERSE)
    coding, size = FIELDS.get(field, (Coding.NOTHING, 0))
    elements = raw[2:]
    if not size or len(elements) % size:
        raise DecodeError(f"{name}: {len(elements)} bytes are no whole number of elements of DIF {field:X}", raw)
    signed = mode in (ABSOLUTE, DIFFERENCES) and meaning.type in SIGNED
    ones = mode == ABSOLUTE and meaning.type is DataType.INDEX
    value = base
    for n in range(len(elements) // size):
        element_raw = elements[n * size : (n + 1) * size]
        element = None if ones and not element_raw.strip(b"\xff") else number(Data(coding, element_raw), signed)
        if element is None and mode == ABSOLUTE:
            continue
        if element is None:
            return
        step = _EXACT.multiply(element, meaning.factor)
        if mode == ABSOLUTE:
            value = step
        elif value is None:
            raise DecodeError(f"{name}: its differences have no base value", raw)
        else:
            value = _EXACT.add(value, step) if adds else _EXACT.subtract(value, step)
        yield n + 1, value


def sure(meaning: Meaning, raw: bytes, elements: list[tuple[date | None, Decimal]], stated: dict[date, Decimal]) -> int:
    """How many of the elements hold, from the base value on. DecodeError where one contradicts a value stated beside them.

    Sums of differences must agree with what the meter says of the same dates. An allocator starts again from zero on
    its set date, which no sum can know: of its sums only those up to one that agrees are sure.
    """
    if raw[0] >> 6 == ABSOLUTE:
        return len(elements)
    agreed = 0
    for n, (at, value) in enumerate(elements, 1):
        if at is None or at not in stated:
            continue
        if value != stated[at]:
            other = f"the profile's sum for {at} is {value}, the value kept for that date {stated[at]}"
            raise DecodeError(f"{meaning.register}: {other}", raw)
        agreed = n
    return agreed if meaning.quantity is Quantity.HEAT_COST else len(elements)


def moment(meaning: Meaning, raw: bytes, base: date, n: int) -> date | None:
    """When element n was kept, counted from the base value's moment; None where the spacing is not known."""
    unit, spacing = raw[0] >> 4 & 3, raw[1]
    steps = -n if meaning.profile == PROFILE_INVERSE else n
    try:
        if spacing == SPACING_MONTHS and unit in MONTHS:
            return _months_later(base, steps * MONTHS[unit])
        if spacing == SPACING_HALF_MONTH and unit == UNIT_DAY and base.day in HALVES:
            later = HALVES.index(base.day) + steps
            return _months_later(base.replace(day=1), later // 2).replace(day=HALVES[later % 2])
        if not 0 < spacing <= SPACING_MAX or (unit != UNIT_DAY and not isinstance(base, datetime)):
            return None
        return base + timedelta(seconds=DURATION_S[unit] * spacing * steps)
    except (ValueError, OverflowError):  # before year 1 or after 9999
        return None


def _months_later(base: date, months: int) -> date:
    """The same day of another month; the last day stays the last day."""
    year, month = divmod(base.year * 12 + base.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    is_last = base.day == calendar.monthrange(base.year, base.month)[1]
    return base.replace(year=year, month=month + 1, day=last if is_last else min(base.day, last))
