"""Registers of a meter in, one telegram out."""

import math
import struct
from collections.abc import Mapping
from decimal import Context, Decimal

from drivers.modbus.maps import MeterMap, Register, WireType, WordOrder
from drivers.model import Address, Reading, State, Telegram

# 20 digits of an uint64 and a scale of some digits more: nothing is rounded.
_EXACT = Context(prec=60)

# SunSpec's sunssf: a signed power of ten; 8000h, like anything else beyond these, is none.
FACTOR_MAX = 10


def decode(meter_map: MeterMap, address: Address, registers: Mapping[int, int]) -> Telegram:
    """What the meter said. A register that is absent, or holds its invalid marker, NaN or infinity, gives no reading."""
    readings = []
    for register in meter_map.registers:
        value = _value(meter_map.word_order, register, registers)
        if value is not None:
            readings.append(
                Reading(register.name, register.quantity, value, tariff=register.tariff, main=register.main)
            )
    return Telegram(
        address=address,
        state=State.DECODED if readings else State.NO_DATA,
        medium=meter_map.medium,
        readings=tuple(readings),
    )


def shortest(raw: bytes) -> Decimal | None:
    """The shortest decimal that is this IEEE 754 number (4 or 8 bytes): 230.1, not 230.100006. None for NaN, infinity."""
    form = ">f" if len(raw) == 4 else ">d"
    (number,) = struct.unpack(form, raw)
    if not math.isfinite(number):
        return None
    if len(raw) == 8:
        return Decimal(repr(number))
    # Six digits always survive decimal -> binary32 -> decimal and nine always name the number (IEEE 754, 5.12.2).
    texts = (f"{number:.{digits}g}" for digits in (6, 7, 8, 9))
    return Decimal(next(text for text in texts if struct.pack(form, float(text)) == raw))


def _value(word_order: WordOrder, register: Register, registers: Mapping[int, int]) -> Decimal | None:
    words = [registers.get(address) for address in range(register.address, register.end)]
    if word_order is WordOrder.LITTLE:
        words.reverse()
    raw = 0
    for word in words:
        if word is None:
            return None
        raw = raw << 16 | word
    if any(raw in patterns for patterns in register.invalid):
        return None
    scale = register.scale
    if register.factor is not None:
        factor = _factor(registers.get(register.factor))
        if factor is None:
            return None
        scale = _EXACT.multiply(scale, factor)
    octets = raw.to_bytes(2 * len(words), "big")
    if register.type.floating:
        number = shortest(octets)
        return None if number is None else _whole(_EXACT.multiply(number, scale))
    signed = register.type in {WireType.INT16, WireType.INT32, WireType.INT64}
    return _EXACT.multiply(Decimal(int.from_bytes(octets, "big", signed=signed)), scale)


def _factor(word: int | None) -> Decimal | None:
    power = None if word is None else word - 0x10000 if word & 0x8000 else word
    if power is None or abs(power) > FACTOR_MAX:
        return None
    return Decimal(10**power) if power >= 0 else Decimal(1).scaleb(power)


def _whole(value: Decimal) -> Decimal:
    """A float has no resolution of its own: drop the zeros that scaling left behind (12345.67 kWh is 12345670 Wh)."""
    if value == value.to_integral_value():
        return Decimal(int(value))
    return value.normalize(_EXACT)
