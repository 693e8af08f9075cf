"""Techem's own payloads: water meters, heat cost allocators, heat meters and smoke detectors without a header.

Nothing in them is a checksum. What must hold: the length, the kind byte where it is known, and dates that exist.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from drivers.model import DecodeError, Quantity, Reading
from drivers.phrase import phrase
from drivers.wmbus.makers.parts import (
    Heard,
    Layout,
    Part,
    Said,
    date_t,
    day,
    heat_cost,
    little,
    month_end,
    need,
    temperature,
    volume,
)

LITRES = 100  # one unit of every water meter here
WH_PER_KWH = 1000
J_PER_MJ = 1_000_000
HALF_MONTHS = 24
HALF_DAY = 15  # the first half of a month ends with this day

_SMOKE = {0x00: (), 0x01: ("smoke",)}

_COMMON = {
    "K": phrase("kind of this payload"),
    "T": phrase("last billing day"),
    "C": phrase("date now, without its year"),
}
MK_RADIO_3_AND_4 = Layout(
    "KK TT TT PP PP CC CC NN NN",
    {
        **_COMMON,
        "P": phrase("volume of the period that ended then, in 100 L"),
        "N": phrase("volume since then, in 100 L"),
    },
)
MK_RADIO_3A = Layout(
    ".. .. DD DD VV VV VV 00" + 3 * HALF_MONTHS // 2 * " HH",
    {
        "D": phrase("date now"),
        "V": phrase("volume, in 100 L"),
        "00": phrase("always 0 so far"),
        "H": phrase("two half-months and a 0 in three bytes, the newest first: consumption in 100 L"),
    },
)
_FHKV = {
    **_COMMON,
    "P": phrase("units of heat cost of the period that ended then"),
    "N": phrase("units of heat cost since then"),
    "R": phrase("room temperature, in hundredths of a degree"),
    "H": phrase("radiator temperature, in hundredths of a degree"),
}
FHKV_3 = Layout("KK TT TT PP PP CC CC NN NN RR RR HH HH", _FHKV)
FHKV_3_0F = Layout("KK TT TT PP PP CC CC NN NN .. RR RR HH HH", _FHKV)
COMPACT_5 = Layout(
    "KK TT TT PP PP PP .. NN NN NN",
    {
        **_COMMON,
        "P": phrase("energy of the period that ended then, in kWh"),
        "N": phrase("energy since then, in kWh"),
    },
)
VARIO_451 = Layout(
    "KK TT TT PP PP .. .. NN NN",
    {
        **_COMMON,
        "P": phrase("energy of the period that ended then, in MJ"),
        "N": phrase("energy since then, in MJ"),
    },
)
SMOKE = Layout("SS TT TT", {"S": phrase("state: 0 is calm, 1 is smoke"), "T": phrase("date of the last yearly record")})


def mk_radio_3(heard: Heard) -> Said:
    return _water(heard.payload, "MK Radio 3")


def mk_radio_4(heard: Heard) -> Said:
    return _water(heard.payload, "MK Radio 4")


def mk_radio_3a(heard: Heard) -> Said:
    p = heard.payload
    need(p, 8 + 3 * HALF_MONTHS // 2, "MK Radio 3a")
    if p[7]:
        raise DecodeError("MK Radio 3a: a volume above 24 bits is not established", p)
    now = date_t(little(p, 2, 2))
    if now is None:
        raise DecodeError("MK Radio 3a: no date", p)
    halves = [p[8 + 3 * (n // 2) + n % 2] for n in range(HALF_MONTHS)]
    readings = [volume(little(p, 4, 3) * LITRES, main=True), *day(now)]
    if now.day <= HALF_DAY:
        halves.insert(0, 0)  # the second half of this month is still to come
    for n in range(1, len(halves) // 2):
        consumed = (halves[2 * n] + halves[2 * n + 1]) * LITRES
        readings.append(Reading("volume_of_month", Quantity.VOLUME, Decimal(consumed), storage=n))
        readings += day(month_end(now.year, now.month, n), n)
    return Said(tuple(readings))


# each period from 0 on
def fhkv_3(heard: Heard) -> Said:
    p = heard.payload
    need(p, 14, "FHKV data III")
    if p[0] not in (0x01, 0x0F, 0x11):
        raise DecodeError(f"FHKV data III: kind {p[0]:02x} is not known", p)
    at = 10 if p[0] == 0x0F else 9
    ended = date_t(little(p, 1, 2))
    readings = [
        heat_cost(little(p, 7, 2), main=True),
        heat_cost(little(p, 3, 2), 1),
        *day(ended, 1),
        *day(_now(little(p, 5, 2), ended)),
        temperature("room_temperature", _hundredths(p, at)),
        temperature("radiator_temperature", _hundredths(p, at + 2)),
    ]
    return Said(tuple(readings))


def compact_5(heard: Heard) -> Said:
    p = heard.payload
    need(p, 10, "Compact V")
    return _heat(p, "energy", Quantity.ENERGY, (little(p, 3, 3), little(p, 7, 3)), WH_PER_KWH)


def vario_451(heard: Heard) -> Said:
    p = heard.payload
    need(p, 9, "Vario 4.5.1")
    return _heat(p, "energy_joule", Quantity.ENERGY_JOULE, (little(p, 3, 2), little(p, 7, 2)), J_PER_MJ)


def smoke(heard: Heard) -> Said:
    p = heard.payload
    need(p, 3, "smoke detector")
    status = _SMOKE.get(p[0], (f"maker status {p[0]:#x}",))
    state = Reading("detector_state", Quantity.NUMBER, Decimal(p[0]))
    return Said((state, *day(date_t(little(p, 1, 2)), 1)), status)


def fhkv_3_parts(p: bytes) -> Iterator[Part]:
    """Kind 0F has one byte more."""
    return (FHKV_3_0F if p[:1] == b"\x0f" else FHKV_3)(p)


def _water(p: bytes, name: str) -> Said:
    need(p, 9, name)
    ended = date_t(little(p, 1, 2))
    before, since = little(p, 3, 2) * LITRES, little(p, 7, 2) * LITRES
    now = _now(little(p, 5, 2), ended)
    return Said((volume(before + since, main=True), volume(before, 1), *day(ended, 1), *day(now)))


def _heat(p: bytes, register: str, quantity: Quantity, raw: tuple[int, int], factor: int) -> Said:
    """Energy when the last period ended, and since then: the index is their sum."""
    before, since = (Decimal(value) * factor for value in raw)
    readings = (
        Reading(register, quantity, before + since, main=True),
        Reading(register, quantity, before, storage=1),
        Reading(f"{register}_since_target", quantity, since),
        *day(date_t(little(p, 1, 2)), 1),
    )
    return Said(readings)


def _now(word: int, ended: date | None) -> date | None:
    """The date now, sent without its year: it lies within a year after the last billing day."""
    # ...MMMMD DDDD....     little-endian
    month, number = word >> 9 & 0x0F, word >> 4 & 0x1F
    if ended is None or not month or not number:
        return None
    try:
        now = date(ended.year, month, number)
        return now if now > ended else now.replace(year=ended.year + 1)
    except ValueError:
        raise DecodeError(f"day {number} of month {month} is no date") from None


def _hundredths(p: bytes, at: int) -> Decimal:
    return Decimal(int.from_bytes(p[at : at + 2], "little", signed=True)).scaleb(-2)
