"""The data of one record as a number, a text or a moment (EN 13757-3, data field, LVAR and annex on data types)."""

import math
import struct
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, auto
from typing import NamedTuple

from drivers.model import DecodeError

NUMBER_BYTES_MAX = 16
# What a number of so many bytes is where the meter has none: all ones in type C, the most negative one in type B.
_INVALID = (
    tuple((1 << 8 * size) - 1 for size in range(NUMBER_BYTES_MAX + 1)),
    (0, *(-(1 << 8 * size - 1) for size in range(1, NUMBER_BYTES_MAX + 1))),
)
IDENTITY_BYTES = 8  # an enhanced identification: digits, manufacturer, version and device type in one, no number


class Coding(Enum):
    """What the DIF, or LVAR after DIF xD, says of the bytes."""

    NOTHING = auto()
    BINARY = auto()
    REAL = auto()
    BCD = auto()
    BCD_NEGATIVE = auto()
    TEXT = auto()
    WIDE = auto()  # binary by LVAR: may be a number or a container


# A member looked up in its Enum costs as much as decoding an integer (Python 3.11), and numbers are most of the data.
_BINARY, _WIDE, _BCD, _BCD_NEGATIVE = Coding.BINARY, Coding.WIDE, Coding.BCD, Coding.BCD_NEGATIVE


class Data(NamedTuple):
    coding: Coding
    raw: bytes


# DIF data field -> coding and bytes. 8, "selection for readout", carries nothing in an answer; D is LVAR.
FIELDS = {
    0x0: (Coding.NOTHING, 0),
    0x1: (Coding.BINARY, 1),
    0x2: (Coding.BINARY, 2),
    0x3: (Coding.BINARY, 3),
    0x4: (Coding.BINARY, 4),
    0x5: (Coding.REAL, 4),
    0x6: (Coding.BINARY, 6),
    0x7: (Coding.BINARY, 8),
    0x8: (Coding.NOTHING, 0),
    0x9: (Coding.BCD, 1),
    0xA: (Coding.BCD, 2),
    0xB: (Coding.BCD, 3),
    0xC: (Coding.BCD, 4),
    0xE: (Coding.BCD, 6),
}
FIELD_LVAR = 0xD


def lvar(length: int) -> tuple[Coding, int] | None:
    """Coding and bytes that an LVAR byte announces; None where it is reserved (EN 13757-3, variable length data)."""
    if length <= 0xBF:
        return Coding.TEXT, length
    if 0xC0 <= length <= 0xC9:
        return Coding.BCD, length - 0xC0
    if 0xD0 <= length <= 0xD9:
        return Coding.BCD_NEGATIVE, length - 0xD0
    if 0xE0 <= length <= 0xEF:
        return Coding.WIDE, length - 0xE0
    if 0xF0 <= length <= 0xF4:
        return Coding.WIDE, 4 * (length - 0xEC)
    return {0xF5: (Coding.WIDE, 48), 0xF6: (Coding.WIDE, 64)}.get(length)


def number(data: Data, signed: bool = True, flags: bool = False) -> Decimal | None:
    """The number, or None where the data type's own "invalid" stands. DecodeError for what is no number."""
    return number_of(data.coding, data.raw, signed, flags)


def number_of(coding: Coding, raw: bytes, signed: bool, flags: bool) -> Decimal | None:
    """As `number`, for the one who reads every record of every telegram."""
    if coding is _BINARY or coding is _WIDE:
        if len(raw) > NUMBER_BYTES_MAX:
            raise DecodeError(f"{len(raw)} bytes, a number has {NUMBER_BYTES_MAX} at most", raw)
        value = int.from_bytes(raw, "little", signed=signed)
        if not raw or (not flags and value == _INVALID[signed][len(raw)]):
            return None
        return Decimal(value)
    if coding is _BCD or coding is _BCD_NEGATIVE:
        return _bcd(raw, coding is _BCD_NEGATIVE)
    if coding is Coding.REAL:
        return _real(raw)
    if coding is Coding.TEXT:
        raise DecodeError("text where a number was expected", raw)
    return None


def text(data: Data) -> str | None:
    """The text; numbers as their digits, leading zeros of BCD kept. None where nothing stands."""
    raw = data.raw
    match data.coding:
        case Coding.TEXT:
            # ISO 8859-1, the last character first
            shown = raw[::-1].decode("latin-1").strip("\0 ")
            return (shown if shown.isprintable() else raw.hex()) or None
        case Coding.BCD | Coding.BCD_NEGATIVE:
            digits = raw[::-1].hex()
            if not digits or set(digits) == {"f"}:
                return None
            return digits.upper()  # some makers count their identification in hex
        case Coding.BINARY:
            value = int.from_bytes(raw, "little")
            if value == _INVALID[False][len(raw)]:
                return None
            return raw[::-1].hex() if len(raw) == IDENTITY_BYTES else str(value)
        case Coding.WIDE:
            return raw.hex() or None
        case Coding.REAL:
            value_real = _real(raw)
            return None if value_real is None else format(value_real, "f")
        case Coding.NOTHING:
            return None


def manufacturer(data: Data) -> str | None:
    """Three letters of five bits each (EN 13757-7, manufacturer identification)."""
    if data.coding is Coding.TEXT:
        return text(data)
    code = int.from_bytes(data.raw, "little")
    letters = [code >> shift & 0x1F for shift in (10, 5, 0)]
    if len(data.raw) != 2 or not all(1 <= letter <= 26 for letter in letters):
        raise DecodeError(f"manufacturer: three letters in 2 bytes are needed, not {data.raw.hex()}", data.raw)
    return "".join(chr(64 + letter) for letter in letters)


def moment(data: Data, sizes: tuple[int, ...] = (2, 3, 4, 6)) -> date | str | None:
    """A date (type G), a local date and time (F, I) or a time of day as text (J); None where it is marked invalid.

    `sizes`: the bytes that the VIF allows. Type M, in a data field of variable length, is not read.
    """
    raw = data.raw
    if data.coding is not _BINARY:
        if data.coding is Coding.NOTHING:
            return None
        if data.coding is _WIDE:
            raise DecodeError("a date of variable length (type M) is not read", raw)
        raise DecodeError(f"a date in coding {data.coding.name}", raw)
    match len(raw) if len(raw) in sizes else 0:
        case 2:
            return date_g(raw)
        case 3:
            return time_j(raw)
        case 4:
            return datetime_f(raw)
        case 6:
            return datetime_i(raw)
        case _:
            known = ", ".join(str(size) for size in sizes)
            raise DecodeError(f"a date of {len(raw)} bytes; with this VIF it has {known}", raw)


# YYYDDDDD YYYYMMMM     types G, F, I: three low bits of the year above the day, four high bits above the month
def date_g(raw: bytes) -> date | None:
    """Type G, EN 13757-3: two digits of the year, 81-99 are the last century."""
    year, month, day = _year_month_day(raw)
    if year > 99:
        return None
    return _date(1900 + year if year > 80 else 2000 + year, month, day)


# I.MMMMMM SCCHHHHH YYYDDDDD YYYYMMMM     I: invalid   S: summer time   C: hundreds of years after 1900
def datetime_f(raw: bytes) -> datetime | None:
    """Type F, EN 13757-3."""
    year, month, day = _year_month_day(raw[2:])
    if raw[0] & 0x80 or year > 99:
        return None
    # Meters fill C as they like (0, 1, even 2); only 81-99 without it is surely the last century.
    century = 1900 if raw[1] & 0x60 == 0 and year > 80 else 2000
    return _datetime(century + year, month, day, raw[1] & 0x1F, raw[0] & 0x3F)


# LLSSSSSS I.MMMMMM WWWHHHHH YYYDDDDD YYYYMMMM ..WWWWWW     S: second   I: invalid   W: day of week, week
def datetime_i(raw: bytes) -> datetime | None:
    """Type I, EN 13757-3: 2000 to 2099."""
    year, month, day = _year_month_day(raw[3:])
    if raw[1] & 0x80 or year > 99:
        return None
    return _datetime(2000 + year, month, day, raw[2] & 0x1F, raw[1] & 0x3F, raw[0] & 0x3F)


def time_j(raw: bytes) -> str | None:
    """Type J, EN 13757-3: HH:MM:SS, local. The highest bits are 0; 63 is "every second", and so on."""
    second, minute, hour = raw
    if hour > 23 or minute > 59 or second > 59:
        return None
    return f"{hour:02}:{minute:02}:{second:02}"


def _year_month_day(raw: bytes) -> tuple[int, int, int]:
    return raw[0] >> 5 | (raw[1] & 0xF0) >> 1, raw[1] & 0x0F, raw[0] & 0x1F


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:  # day 0 is "every day", month 15 "every month", FFFF "none"
        return None


def _datetime(year: int, month: int, day: int, hour: int, minute: int, second: int = 0) -> datetime | None:
    try:
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001  the meter's own clock, zone not said
    except ValueError:
        return None


def _bcd(raw: bytes, negative: bool) -> Decimal | None:
    digits = raw[::-1].hex()
    if not digits.strip("f"):
        return None
    if digits[0] == "f" and not negative:
        digits, negative = digits[1:], True
    if not digits.isdecimal():
        raise DecodeError(f"BCD {raw[::-1].hex()} has a nibble that is no digit", raw)
    value = int(digits)
    return Decimal(-value if negative else value)


def _real(raw: bytes) -> Decimal | None:
    """IEEE 754 single precision, as the shortest decimal that means the same 32 bits."""
    (value,) = struct.unpack("<f", raw)
    if not math.isfinite(value):
        return None
    if value == 0:
        return Decimal(0)
    for digits in range(6, 9):
        shown = f"{value:.{digits}g}"
        if _single(float(shown)) == raw:
            return Decimal(shown)
    return Decimal(f"{value:.9g}")


def _single(value: float) -> bytes:
    try:
        return struct.pack("<f", value)
    except OverflowError:
        return b""
