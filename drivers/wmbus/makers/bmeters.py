"""B Meters: the old RFM-TX1 module's masked volume, and what Hydrodigit sends behind its records, old and new."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from drivers.model import DecodeError, Quantity, Reading
from drivers.phrase import Phrase, phrase
from drivers.wmbus.makers.parts import Heard, Layout, Part, Said, bcd, day, little, month_end, need, volume
from drivers.wmbus.records import Records

RFM_TX1_BYTES = 61  # from CI on
TENS = 10  # one unit of the month ends is ten of the volume's last digit
NONE = 0xFFFFFF

# What the four bytes of the volume are XORed with, beside the access number; the row is its low half.
MASK = tuple(
    zip(
        (122, 112, 185, 121, 7, 50, 156, 180, 10, 240, 22, 12, 74, 119, 189, 57),
        (16, 19, 11, 7, 154, 161, 126, 196, 206, 5, 152, 201, 72, 46, 120, 111),
        (26, 34, 142, 74, 203, 57, 96, 128, 25, 165, 17, 125, 228, 138, 87, 40),
        (10, 19, 153, 22, 105, 14, 153, 163, 3, 134, 94, 162, 31, 232, 140, 5),
        strict=True,
    )
)

_BATTERY_V = ("1.9", "2.1", "2.2", "2.3", "2.4", "2.5", "2.65", "2.8", "2.9", "3.05", "3.2", "3.35", "3.5")
_BATTERY_FULL_V = "3.7"
_FRAUD_17 = {0x40: "backflow", 0x20: "over flow"}
_FRAUD = {0x80: "magnetic field", 0x40: "tamper (sensor)", 0x20: "removed"}

_MONTH_ENDS = phrase("volumes at the ends of January to December, in tens of the volume's last digit")
_UNKNOWN_BYTES = 255  # no more can be followed behind a part of unknown length

# behind the CI field 7A, where others have a short header
RFM_TX1 = Layout(
    "NN SS FF FF .. .. VV VV VV VV .. .. .. .. .. .. .. TT TT TT TT TT TT" + 36 * " EE",
    {
        "N": phrase("access number"),
        "S": phrase("status"),
        "F": phrase("configuration: a security mode of the maker's own"),
        "V": phrase("volume in litres, digits under a mask"),
        "T": phrase("second, minute, hour, day, month and year, in digits"),
        "E": _MONTH_ENDS,
    },
)
# bit of the first byte behind DIF 0F -> bytes that it announces, in this order
HYDRODIGIT_PARTS = (
    (0x01, ((1, phrase("battery voltage, by a table")),)),
    (0x02, ((1, phrase("kind of a fraud")), (3, phrase("date of a fraud: year, month, day")))),
    (0x80, ((3, phrase("date of a leak: year, month, day")),)),
    (0x04, ((4, phrase("volume backwards, in litres")),)),
    (0x10, ((36, _MONTH_ENDS),)),
)
HYDRODIGIT_17_PARTS = (
    (0x01, ((1, phrase("battery, not filled")),)),
    (0x02, ((4, phrase("volume backwards, in litres")),)),
    (0x04, ((3, phrase("date of the first fraud: day, month, year; its kind in the month's high bits")),)),
    (0x08, ((3, phrase("date of a leak: day, month, year")),)),
    (0x10, ((3, phrase("date of a burst pipe: day, month, year")),)),
    (0x60, ((_UNKNOWN_BYTES, phrase("values at memory days, not established")),)),
    (0x80, ((36, _MONTH_ENDS), (1, phrase("day they are kept on, 0 for the last of the month")))),
)


def rfm_tx1(heard: Heard) -> Said:
    body = heard.body
    need(body, 24, "RFM-TX1")
    access = body[1]
    digits = bytes(byte ^ access ^ mask for byte, mask in zip(body[7:11], MASK[access & 0x0F], strict=True))
    total = bcd(digits, "volume")
    second, minute, hour, number, month, year = (bcd(body[at : at + 1], "time") for at in range(18, 24))
    if second > 59 or minute > 59 or hour > 23:
        raise DecodeError(f"{hour}:{minute}:{second} is no time", body)
    try:
        now = date(2000 + year, month, number)
    except ValueError:
        raise DecodeError(f"{number}.{month}.{year} is no date", body) from None
    readings = [volume(total, main=True), *day(now)]
    if len(body) >= RFM_TX1_BYTES - 1:
        readings += _months(body[24:60], now, Decimal(total))
    return Said(tuple(readings))


def hydrodigit(read: Records) -> Said:
    tail = read.manufacturer_data
    if not tail:
        return Said(())
    rest, status = _Rest(tail[1:]), []
    readings: list[Reading] = []
    if tail[0] & 0x01:
        readings.append(Reading("battery_voltage", Quantity.VOLTAGE, _battery_v(rest.take(1)[0] & 0x0F)))
    if tail[0] & 0x02:
        kind = rest.take(1)[0]
        status += [code for bit, code in _FRAUD.items() if kind & bit]
        readings += _dated("tamper_date", rest.take(3))
    if tail[0] & 0x80:
        leak = _dated("leak_date", rest.take(3))
        status += ["leak (earlier)"] if leak else []
        readings += leak
    if tail[0] & 0x04:
        readings.append(Reading("volume_backward", Quantity.VOLUME, Decimal(little(rest.take(4), 0, 4))))
    if tail[0] & 0x10:
        now, total = _now(read), _total(read)
        if now is None or total is None:
            raise DecodeError("month ends without the meter's clock or volume", tail)
        readings += _months(rest.take(36), now, total)
    return Said(tuple(readings), tuple(status))


# HYDRODIGIT user manual v1.4.3, protocol specification
def hydrodigit_17(read: Records) -> Said:
    tail = read.manufacturer_data
    if not tail:
        return Said(())
    parts, rest = tail[0], _Rest(tail[1:])
    readings: list[Reading] = []
    status: list[str] = []
    faults: tuple[DecodeError, ...] = ()
    if parts & 0x01:
        rest.take(1)
    if parts & 0x02:
        readings.append(Reading("volume_backward", Quantity.VOLUME, Decimal(little(rest.take(4), 0, 4))))
    for part, word in ((0x04, "tamper"), (0x08, "leak"), (0x10, "burst")):
        if parts & part:
            number, month, year = rest.take(3)
            found = _dated(f"{word}_date", bytes((year, month & 0x1F, number)))
            kinds = [code for bit, code in _FRAUD_17.items() if part == 0x04 and month & bit] or [word]
            status += [f"{kind} (earlier)" for kind in kinds] if found else []
            readings += found
    if parts & 0x60:
        return Said(tuple(readings), tuple(status), (DecodeError("values at memory days are not known", tail),))
    if parts & 0x80:
        sent, kept_on = rest.take(36), rest.take(1)[0]
        now, total = _now(read), _total(read)
        if now is None or total is None or kept_on:
            faults = (DecodeError(f"month values kept on day {kept_on:x} cannot be dated", tail),)
        else:
            readings += _months(sent, now, total, none=(NONE, 0))
    if rest.data.strip(b"\x2f"):
        raise DecodeError(f"{len(rest.data)} bytes behind the parts that are announced", tail)
    return Said(tuple(readings), tuple(status), faults)


class _Rest:
    """Bytes taken from the front."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def take(self, size: int) -> bytes:
        need(self.data, size, "data behind DIF 0F")
        taken, self.data = self.data[:size], self.data[size:]
        return taken


def hydrodigit_parts(tail: bytes) -> Iterator[Part]:
    return _announced(tail, HYDRODIGIT_PARTS)(tail)


def hydrodigit_17_parts(tail: bytes) -> Iterator[Part]:
    return _announced(tail, HYDRODIGIT_17_PARTS)(tail)


def _announced(tail: bytes, parts: tuple[tuple[int, tuple[tuple[int, Phrase], ...]], ...]) -> Layout:
    """The layout of the parts whose bits are set in the first byte, in their order."""
    fields = [field for bit, fields in parts if tail[0] & bit for field in fields]
    drawing = "BB " + " ".join(f"{n}".zfill(2) for n, (size, _) in enumerate(fields) for _ in range(size))
    meanings = {f"{n}".zfill(2): meaning for n, (_, meaning) in enumerate(fields)}
    return Layout(drawing, {"BB": phrase("which of the following fields are there"), **meanings})


def _battery_v(code: int) -> Decimal:
    return Decimal(_BATTERY_V[code - 1] if 1 <= code <= len(_BATTERY_V) else _BATTERY_FULL_V)


def _dated(register: str, sent: bytes) -> list[Reading]:
    """Year, month, day in BCD; nothing where they are no date."""
    try:
        at = date(2000 + bcd(sent[:1], "year"), bcd(sent[1:2], "month"), bcd(sent[2:], "day"))
    except (ValueError, DecodeError):
        return []
    return [Reading(register, Quantity.DATE, at)]


def _months(sent: bytes, now: date, total: Decimal, none: tuple[int, ...] = (NONE,)) -> list[Reading]:
    """Volumes at month ends, the newest as storage 1. A month that has not ended yet is last year's."""
    readings: list[Reading] = []
    newer = total
    litres_each = TENS * Decimal(1).scaleb(int(total.as_tuple().exponent))
    for back in range(1, 13):
        end = month_end(now.year, now.month, back)
        raw = little(sent, 3 * (end.month - 1), 3)
        if raw in none:
            continue
        litres = raw * litres_each
        if litres > newer:
            raise DecodeError("the volumes at month ends do not rise to the present one", sent)
        newer = litres
        readings += [volume(litres, back), *day(end, back)]
    return readings


def _now(read: Records) -> date | None:
    for reading in read.readings:
        if reading.register == "date_time" and not reading.storage and isinstance(reading.value, date):
            return reading.value
    return None


def _total(read: Records) -> Decimal | None:
    for reading in read.readings:
        if reading.register == "volume" and not reading.storage and isinstance(reading.value, Decimal):
            return reading.value
    return None
