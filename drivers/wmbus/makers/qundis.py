"""Qundis' walk-by block: one record (0D FF 5F) with the values that other telegrams of the same meter send as records."""

from datetime import date
from decimal import Decimal

from drivers.model import DecodeError, Function, Quantity, Reading
from drivers.phrase import phrase
from drivers.wmbus.makers.parts import Layout, Said, bcd, day, month_end
from drivers.wmbus.records import Records
from drivers.wmbus.values import date_g

REGISTER = "manufacturer_5f"
BLOCK_BYTES = 53
ENCRYPTED = 0x35
MONTHS = 12
NO_DATA = -0x8000
STORAGE_YEAR, STORAGE_MONTH = 1, 17  # as in the records of the other telegrams

# VIF of the value: register, quantity, its unit in the quantity's, units of the record in one of the history
_UNITS = {
    0x13: ("volume", Quantity.VOLUME, 1, 10),
    0x6E: ("heat_cost", Quantity.HEAT_COST, 1, 1),
    0x05: ("energy", Quantity.ENERGY, 100, 1),
    0x06: ("energy", Quantity.ENERGY, 1000, 1),
    0x0D: ("energy_joule", Quantity.ENERGY_JOULE, 100_000, 1),
    0x0E: ("energy_joule", Quantity.ENERGY_JOULE, 1_000_000, 1),
}

WALK_BY = Layout(
    "BB BB CC .. EE DD DD .. KK VV FF FF NN NN NN NN yy yy YY YY YY YY mm mm MM MM MM MM" + 2 * MONTHS * " HH" + " 2F",
    {
        "B": phrase("kind of this block"),
        "C": phrase("counter"),
        "E": phrase("35 if encrypted"),
        "D": phrase("days, counted up"),
        "K": phrase("how the values are coded"),
        "V": phrase("VIF of the values"),
        "F": phrase("date of an error, FFFF for none"),
        "N": phrase("value now, in digits"),
        "y": phrase("date of the year's end"),
        "Y": phrase("value at the year's end, in digits"),
        "m": phrase("date of the month's end"),
        "M": phrase("value at the month's end, in digits"),
        "H": phrase("consumption of twelve months, the oldest first"),
        "2F": phrase("end of the block"),
    },
)


def walk_by(read: Records) -> Said:
    block = next((bytes.fromhex(str(r.value)) for r in read.readings if r.register == REGISTER), b"")
    if len(block) != BLOCK_BYTES:
        return Said(())  # none, or another kind of block
    unit = _UNITS.get(block[9])
    if unit is None or block[:2] != b"\x00\x82" or block[-1] != 0x2F:
        what = "is encrypted" if block[4] == ENCRYPTED else "has a layout that is not known"
        raise DecodeError(f"walk-by block {what}", block)
    register, quantity, factor, _ = unit

    def value(at: int, storage: int) -> list[Reading]:
        if block[at : at + 4] == b"\xff" * 4:
            return []
        return [Reading(register, quantity, Decimal(bcd(block[at : at + 4], register) * factor), storage=storage)]

    year, month, error = (date_g(block[at : at + 2]) for at in (16, 22, 10))
    readings = [*value(12, 0), *value(18, STORAGE_YEAR), *day(year, STORAGE_YEAR)]
    readings += [*value(24, STORAGE_MONTH), *day(month, STORAGE_MONTH)]
    if error is not None:
        readings.append(Reading("date", Quantity.DATE, error, function=Function.ERROR))
    if month is not None:
        readings += _history(block, month, year)
    return Said(tuple(readings))


def _history(block: bytes, last: date, year: date | None) -> list[Reading]:
    """Consumption of past months. An allocator restarts once a year: that month's difference is from its last value."""
    register, quantity, factor, step = _UNITS[block[9]]
    readings: list[Reading] = []
    for back in range(MONTHS):
        raw = int.from_bytes(block[50 - 2 * back : 52 - 2 * back], "little", signed=True)
        end = month_end(last.year, last.month, back)
        if raw < 0 and quantity is Quantity.HEAT_COST and year == month_end(end.year, end.month, 1):
            raw += bcd(block[18:22], register)
        if raw == NO_DATA or raw < 0:
            continue
        storage = STORAGE_MONTH + back
        readings.append(Reading(f"{register}_of_month", quantity, Decimal(raw * step * factor), storage=storage))
        readings += day(end, storage) if back else ()
    return readings
