"""Builds M-Bus records, for the demo and the tests (EN 13757-3): DIF, VIF and data of one value, whole records joined."""

from datetime import date, datetime

from drivers.model import Function

FIELD_INT = {0: 0x0, 1: 0x1, 2: 0x2, 3: 0x3, 4: 0x4, 6: 0x6, 8: 0x7}  # bytes -> DIF data field
FIELD_BCD = {1: 0x9, 2: 0xA, 3: 0xB, 4: 0xC, 6: 0xE}
FIELD_LVAR = 0xD

TEXT_BYTES_MAX = 0xBF

_FUNCTIONS = (Function.INSTANTANEOUS, Function.MAXIMUM, Function.MINIMUM, Function.ERROR)


def dif(
    field: int, storage: int = 0, tariff: int = 0, subunit: int = 0, function: Function = Function.INSTANTANEOUS
) -> bytes:
    """DIF and as many DIFEs as storage, tariff and subunit need."""
    out = bytearray([field | _FUNCTIONS.index(function) << 4 | (storage & 1) << 6])
    storage >>= 1
    while storage or tariff or subunit:
        out[-1] |= 0x80
        out.append(storage & 0x0F | (tariff & 3) << 4 | (subunit & 1) << 6)
        storage, tariff, subunit = storage >> 4, tariff >> 2, subunit >> 1
    return bytes(out)


def record(dif: bytes, vif: bytes, data: bytes) -> bytes:
    return dif + vif + data


def bcd(value: int, digits: int) -> bytes:
    """The last digits first; a negative number gives its first digit for the sign."""
    shown = f"{value:0{digits}}" if value >= 0 else f"f{-value:0{digits - 1}}"
    assert len(shown) == digits, (value, digits)
    return bytes.fromhex(shown)[::-1]


def int_(value: int, size: int) -> bytes:
    return value.to_bytes(size, "little", signed=True)


def text(letters: str) -> bytes:
    """LVAR and the letters, the last one first."""
    raw = letters.encode("latin-1")
    assert len(raw) <= TEXT_BYTES_MAX, letters
    return bytes([len(raw)]) + raw[::-1]


def date_g(day: date) -> bytes:
    year = day.year % 100
    return bytes((day.day | (year & 7) << 5, day.month | (year & 0x78) << 1))


def datetime_f(at: datetime) -> bytes:
    """Local time without seconds; the hundreds of years are said too."""
    hundreds = (at.year - 1900) // 100
    return bytes((at.minute, at.hour | hundreds << 5)) + date_g(at)


def datetime_i(at: datetime) -> bytes:
    return bytes((at.second, at.minute, at.hour)) + date_g(at) + b"\x00"


def volume(litres: int, storage: int = 0, tariff: int = 0, subunit: int = 0) -> bytes:
    return record(dif(0x4, storage, tariff, subunit), b"\x13", int_(litres, 4))


def energy(kwh: int, storage: int = 0, tariff: int = 0) -> bytes:
    return record(dif(0xC, storage, tariff), b"\x06", bcd(kwh, 8))


def energy_wh(wh: int, storage: int = 0, tariff: int = 0) -> bytes:
    return record(dif(0x4, storage, tariff), b"\x03", int_(wh, 4))


def heat_cost(units: int, storage: int = 0) -> bytes:
    return record(dif(0x3, storage), b"\x6e", int_(units, 3))


def power(watts: int) -> bytes:
    return record(dif(0x3), b"\x2b", int_(watts, 3))


def flow(litres_per_hour: int) -> bytes:
    return record(dif(0x2), b"\x3b", int_(litres_per_hour, 2))


def flow_temperature(tenths_degc: int) -> bytes:
    return record(dif(0x2), b"\x5a", int_(tenths_degc, 2))


def return_temperature(tenths_degc: int) -> bytes:
    return record(dif(0x2), b"\x5e", int_(tenths_degc, 2))


def external_temperature(tenths_degc: int) -> bytes:
    return record(dif(0x2), b"\x66", int_(tenths_degc, 2))


def date_time(at: datetime, storage: int = 0) -> bytes:
    return record(dif(0x4, storage), b"\x6d", datetime_f(at))


def kept_on(day: date, storage: int = 1) -> bytes:
    """The date a storage was kept at; storage 1 is most meters' last month or last due day."""
    return record(dif(0x2, storage), b"\x6c", date_g(day))


def error_flags(flags: int) -> bytes:
    return record(dif(0x2), b"\xfd\x17", flags.to_bytes(2, "little"))


def fabrication_number(digits: str) -> bytes:
    return record(dif(0xC), b"\x78", bcd(int(digits), 8))
