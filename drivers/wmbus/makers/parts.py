"""What the makers' own codings share: their layouts, their answer, their dates, and readings made from their fields."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby

from drivers.model import DecodeError, Function, Medium, Quantity, Reading
from drivers.phrase import Phrase, phrase
from drivers.wmbus.link import Identity

TARGET_DATE = "target_date"
NOT_ESTABLISHED = phrase("not established")


@dataclass(frozen=True, slots=True)
class Part:
    """Some bytes of a maker's own coding and what they mean. `opened`: they were encrypted as sent, these are plain."""

    data: bytes
    meaning: Phrase
    opened: bool = False


class Layout:
    """Bytes as they are drawn, two characters a byte; equal ones side by side are one field.

    `meanings` says what a field is by its letter, or by its two characters. What is not there, as `..` and all that
    comes behind the drawing, is not established.
    """

    def __init__(self, drawing: str, meanings: Mapping[str, Phrase]) -> None:
        self._fields = [
            (meanings.get(name) or meanings.get(name[0]) or NOT_ESTABLISHED, len(list(same)))
            for name, same in groupby(drawing.split())
        ]

    def __call__(self, data: bytes, *, opened: bool = False) -> Iterator[Part]:
        at = 0
        for meaning, size in (*self._fields, (NOT_ESTABLISHED, len(data))):
            if at < len(data):
                yield Part(data[at : at + size], meaning, opened)
            at += size


@dataclass(frozen=True, slots=True)
class Said:
    """What a maker's own payload says, beside the telegram's header. `faults`: parts of it that were refused."""

    readings: tuple[Reading, ...]
    status: tuple[str, ...] = ()
    faults: tuple[DecodeError, ...] = ()
    medium: Medium | None = None
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """A payload in a maker's own coding: `body` from its CI field on, and what a cipher needs of the header."""

    identity: Identity
    body: bytes
    key: bytes | None = None

    @property
    def payload(self) -> bytes:
        return self.body[1:]


def need(data: bytes, size: int, what: str) -> None:
    if len(data) < size:
        raise DecodeError(f"{what}: {size} bytes are needed, not {len(data)}", data)


def little(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")


def volume(litres: Decimal | int, storage: int = 0, *, main: bool = False) -> Reading:
    return Reading("volume", Quantity.VOLUME, Decimal(litres), storage=storage, main=main)


def heat_cost(units: Decimal | int, storage: int = 0, *, main: bool = False) -> Reading:
    return Reading("heat_cost", Quantity.HEAT_COST, Decimal(units), storage=storage, main=main)


def temperature(
    register: str, celsius: Decimal, storage: int = 0, function: Function = Function.INSTANTANEOUS
) -> Reading:
    return Reading(register, Quantity.TEMPERATURE, celsius, storage=storage, function=function)


def day(at: date | None, storage: int = 0) -> tuple[Reading, ...]:
    """The date of a storage as a reading, nothing where the meter had none."""
    if at is None:
        return ()
    return (Reading(TARGET_DATE if storage else "date", Quantity.DATE, at, storage=storage),)


# YYYYYYYM MMMDDDDD     little-endian; not type G of EN 13757-3, whose year is split
def date_t(word: int) -> date | None:
    """The date of Techem and Apator: five bits of day, four of month, the year since 2000."""
    if word in (0, 0xFFFF):
        return None
    try:
        return date(2000 + (word >> 9), word >> 5 & 0x0F, word & 0x1F)
    except ValueError:
        raise DecodeError(f"{word:04x} is no date") from None


def bcd(data: bytes, what: str) -> int:
    """Digits, least significant byte first."""
    digits = data[::-1].hex()
    if not digits.isdecimal():
        raise DecodeError(f"{what}: {digits} is no number of digits", data)
    return int(digits)


def month_end(year: int, month: int, months_back: int = 0) -> date:
    """The last day of a month, so many months before it."""
    index = year * 12 + month - months_back  # the month after, counted from year 0
    return date.fromordinal(date(index // 12, index % 12 + 1, 1).toordinal() - 1)
