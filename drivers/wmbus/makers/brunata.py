"""Brunata's radio heat cost allocator (BFW): 40 bytes in place of records."""

from datetime import date

from drivers.model import DecodeError
from drivers.phrase import phrase
from drivers.wmbus.makers.parts import Layout, Said, bcd, day, heat_cost, month_end

CONTENT_BYTES = 40
MONTHS = 18

RADIO_240 = Layout(
    "2F 2F .. .. PP PP NN NN .. .." + MONTHS // 2 * 3 * " EE" + " DD DD DD",
    {
        "2F": phrase("two fillers"),
        "P": phrase("units of heat cost at the end of the last year, the high byte first"),
        "N": phrase("units of heat cost now, the high byte first"),
        "E": phrase("units at the ends of 18 months, two in three bytes, the oldest first"),
        "D": phrase("date now: day, month, year"),
    },
)


# aa bb cc at two months' ends: b_high aa the older, b_low cc the newer
def radio_240(content: bytes) -> Said:
    if len(content) != CONTENT_BYTES or content[:2] != b"\x2f\x2f":
        raise DecodeError(f"{CONTENT_BYTES} bytes from 2F 2F on are needed, not {len(content)}", content)
    number, month, year = (bcd(content[at : at + 1], "date") for at in (37, 38, 39))
    try:
        now = date(2000 + year, month, number)
    except ValueError:
        raise DecodeError(f"{number}.{month}.{year} is no date", content) from None
    readings = [
        heat_cost(int.from_bytes(content[6:8], "big"), main=True),
        *day(now),
        heat_cost(int.from_bytes(content[4:6], "big"), 1),
    ]
    months: list[int] = []
    for at in range(10, 37, 3):
        a, b, c = content[at : at + 3]
        months += [(b >> 4) << 8 | a, (b & 0x0F) << 8 | c]
    for back, units in enumerate(reversed(months), 1):
        readings.append(heat_cost(units, 1 + back))
        readings += day(month_end(now.year, now.month, back), 1 + back)
    return Said(tuple(readings))
