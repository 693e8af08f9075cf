"""What one meter of a P1 telegram said: its number, its values, and when they were taken."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from drivers.model import Address, DecodeError, Frame, Medium, Quantity, Reading, State, Telegram
from drivers.p1.obis import ELECTRICITY, MEDIA, SUB_METER_CODES, SUB_METER_QUANTITIES, UNITS, Form, Row
from drivers.p1.times import moments

# The electricity meter asks those on its M-Bus each five minutes or each hour, and repeats for ever what it heard last.
SILENT = timedelta(hours=48)
AHEAD_MAX = timedelta(hours=2)  # clocks differ, and seasons are told wrongly; what is dated further ahead has no date
ID_CHARACTERS_MAX = 40
TEXT_CHARACTERS_MAX = 1024
SHOWN_CHARACTERS_MAX = 60

_LINE = re.compile(r"([0-9]-[0-9]:[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3})((?:\([^()]*\))+)")
_CHANNEL = re.compile(r"0-[1-9]:")
_NUMBER = re.compile(r"([0-9]{1,10}(?:\.[0-9]{1,7})?)(?:\*([A-Za-z0-9]{1,5}))?")
_DIGITS = re.compile(r"[0-9]{1,10}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_NO_ID = re.compile(r"[^0-9A-Za-z]+")

_TIME = "0-0:1.0.0"
# The electricity meter's number, the best first; where no line says it, the telegram's first line must do.
_NUMBERS = ("0-0:96.1.1", "0-0:96.1.0", "0-0:42.0.0")
_SUB_NUMBERS = ("96.1.0", "96.1.1")
_DEVICE_TYPE = "24.1.0"
# Breaker: 0 open, 1 closed, 2 open until the household closes it (IEC 62056-6-2, disconnect control).
_BREAKER, _CLOSED, _BREAKER_OPEN = "0-0:96.3.10", "1", "breaker open"
# (time)(status)(minutes)(1)(0-n:24.2.1)(unit)(value): versions 2.2 and 3, the value on a line of its own
_OLD_VALUE, _OLD_PARTS = "24.3.0", 7
_INVALID = 0x06  # of the status, an AMR profile status: its clock or its data are invalid

Lines = dict[str, list[str]]  # code: what its brackets hold


def decode(frame: Frame, at: datetime | None = None) -> Telegram:
    """All that is understood of one meter. DecodeError where nothing says which one it is.

    `at` is when it was heard, for telegrams that do not say their own time.
    """
    lines, faults = _read(frame)
    channel = next((code[:4] for code in lines if _CHANNEL.match(code)), "")
    if channel and (number := _number(lines, [channel + code for code in _SUB_NUMBERS])):
        said = moments(lines[_TIME][0]) if _TIME in lines else ()
        return _sub_meter(Address("p1", number), lines, channel, said[0] if said else at, faults)
    number = _number(lines, _NUMBERS) or _clean(frame.data[1:].partition(b"\r\n")[0].decode("latin-1"))
    if not number:
        raise DecodeError("p1 telegram: neither 0-0:96.1.1 nor its first line names a meter", frame.data)
    return _electricity(Address("p1", number), lines, faults)


def is_checked(frame: Frame) -> bool:
    """Whether a CRC vouches for this frame; else only the parity of its characters does."""
    return not frame.data.endswith(b"!")


def _read(frame: Frame) -> tuple[Lines, list[DecodeError]]:
    lines: Lines = {}
    faults = []
    for line in frame.data.decode("latin-1").split("\r\n")[1:-1]:
        found = _LINE.fullmatch(line)
        if found is None:
            faults.append(DecodeError("p1: a line is a code and values in brackets", line.encode("latin-1")))
        else:
            lines[found[1]] = found[2][1:-1].split(")(")  # what is said twice, was said last
    return lines, faults


def _number(lines: Lines, codes: tuple[str, ...] | list[str]) -> str:
    """The number a meter carries on its plate; it is sent as its characters' codes, or as it is."""
    for code in codes:
        text = lines.get(code, [""])[0]
        if _HEX.fullmatch(text) and (plain := bytes.fromhex(text)).isalnum():
            text = plain.decode("ascii")
        if number := _clean(text):
            return number
    return ""


def _clean(text: str) -> str:
    return _NO_ID.sub("-", text).strip("-")[:ID_CHARACTERS_MAX]


def _electricity(address: Address, lines: Lines, faults: list[DecodeError]) -> Telegram:
    readings: list[Reading] = []
    for code, values in lines.items():
        row = ELECTRICITY.get(code)
        if row is None or values == [""]:
            continue
        try:
            readings += _readings(code, row, values)
        except DecodeError as fault:
            faults.append(fault)
    status = () if lines.get(_BREAKER, [_CLOSED]) == [_CLOSED] else (_BREAKER_OPEN,)
    return _telegram(address, Medium.ELECTRICITY, readings, faults, "the meter states no value", status)


def _readings(code: str, row: Row, values: list[str]) -> Iterator[Reading]:
    """One, or none where a text says nothing. DecodeError names the form that was expected."""
    register = code.partition(":")[2]
    at = None
    match row.form, values:
        case Form.DATED, [time, text]:
            (at, *_) = moments(time) or (None,)
            value: Decimal | str = _measured(code, text, (row.quantity,))[1]
        case Form.NUMBER, [text]:
            value = _measured(code, text, (row.quantity,))[1]
        case Form.COUNT, [text] if _DIGITS.fullmatch(text):
            value = Decimal(text)
        case Form.DIGITS, [text] if _DIGITS.fullmatch(text):
            value = str(int(text))
        case Form.TEXT, [text]:
            value = _text(text)
            if not value:
                return
        case _:
            raise _fault(code, row.form.value, values)
    yield Reading(register, row.quantity, value, row.tariff, 0, 0, row.function, row.main, at)


def _sub_meter(
    address: Address, lines: Lines, channel: str, now: datetime | None, faults: list[DecodeError]
) -> Telegram:
    """A value that is repeated for days says nothing of now: it is left out, and the meter is said to be unheard."""
    kind = lines.get(channel + _DEVICE_TYPE, [""])[0]
    medium = MEDIA.get(int(kind), Medium.OTHER) if _DIGITS.fullmatch(kind) else Medium.OTHER
    readings, error = [], "the electricity meter has not heard it yet"
    for code, time, text in _sub_values(lines, channel, faults):
        taken = moments(time)
        if not taken:
            continue
        if now is not None and taken[0] > now + AHEAD_MAX:
            error = f"its value is dated ahead, {taken[0]:%Y-%m-%d %H:%M} UTC"
            continue
        if now is not None and taken[0] < now - SILENT:
            error = f"the electricity meter has not heard it since {taken[0]:%Y-%m-%d %H:%M} UTC"
            continue
        try:
            quantity, value = _measured(channel + code, text, SUB_METER_QUANTITIES)
        except DecodeError as fault:
            faults.append(fault)
            continue
        readings.append(Reading(code, quantity, value, main=True, at=taken[0] if len(taken) == 1 else None))
    return _telegram(address, medium, readings, faults, error)


def _sub_values(lines: Lines, channel: str, faults: list[DecodeError]) -> Iterator[tuple[str, str, str]]:
    """Code, time, and number with unit, of what a meter on the M-Bus said."""
    for code in SUB_METER_CODES:
        match lines.get(channel + code):
            case None | [""]:
                pass
            case [time, text]:
                yield code, time, text
            case values:
                faults.append(_fault(channel + code, Form.DATED.value, values))
    match lines.get(channel + _OLD_VALUE):
        case None | [""]:
            pass
        case [time, status, _, "1", of, unit, number] if _HEX.fullmatch(status) and of.startswith(channel):
            if not int(status, 16) & _INVALID:
                yield of.removeprefix(channel), time, f"{number}*{unit}"
        case values:
            faults.append(_fault(channel + _OLD_VALUE, "(time)(status)(minutes)(1)(code)(unit)(number)", values))


def _measured(code: str, text: str, wanted: tuple[Quantity, ...]) -> tuple[Quantity, Decimal]:
    """A number in the quantity's own unit, as finely as the meter wrote it."""
    found = _NUMBER.fullmatch(text)
    quantities, exponent = UNITS.get(found[2] or "", ((), 0)) if found else ((), 0)
    for quantity in quantities:
        if found and quantity in wanted:
            return quantity, Decimal(found[1]).scaleb(exponent)
    raise _fault(
        code, f"a number in {' or '.join(unit for unit in UNITS if set(UNITS[unit][0]) & set(wanted))}", [text]
    )


def _text(text: str) -> str:
    """A message, sent as its characters' codes or as it is."""
    plain = bytes.fromhex(text).decode("latin-1") if _HEX.fullmatch(text) else text
    return "".join(character for character in plain if character.isprintable())[:TEXT_CHARACTERS_MAX].strip()


def _fault(code: str, wanted: str, values: list[str]) -> DecodeError:
    met = "".join(f"({value})" for value in values)
    return DecodeError(f"p1 {code}: {wanted} is needed, not {met[:SHOWN_CHARACTERS_MAX]!r}", met.encode("latin-1"))


def _telegram(
    address: Address,
    medium: Medium,
    readings: list[Reading],
    faults: list[DecodeError],
    error: str,
    status: tuple[str, ...] = (),
) -> Telegram:
    if readings:
        return Telegram(address, State.DECODED, medium, tuple(readings), status, tuple(faults))
    return Telegram(address, State.NO_DATA, medium, (), status, tuple(faults), error)
