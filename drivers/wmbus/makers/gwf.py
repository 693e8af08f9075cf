"""GWF: alarms and battery behind the records."""

from decimal import Decimal

from drivers.model import DecodeError, Quantity, Reading
from drivers.phrase import phrase
from drivers.wmbus.makers.parts import Layout, Said
from drivers.wmbus.records import Records

KIND = 0x01
HALF_YEAR_S = 15_778_800
ALARMS = {0x02: "leak", 0x08: "burst", 0x20: "battery low", 0x40: "backflow"}

# behind DIF 0F
RCM = Layout(
    "01 AA BB",
    {
        "01": phrase("kind of these bytes"),
        "A": phrase("alarms"),
        "B": phrase("battery left, in half years, in its highest 5 bits; lowest bit: saving power"),
    },
)


def rcm(read: Records) -> Said:
    tail = read.manufacturer_data
    if not tail:
        return Said(())
    if tail[0] != KIND or len(tail) < 3:
        raise DecodeError(f"data behind DIF 0F: kind {tail[0]:02x} is not known", tail)
    battery = Decimal((tail[2] >> 3) * HALF_YEAR_S)
    # The records have this register in days already: this is the coarser second opinion, in half years.
    readings = (Reading("battery_life_remaining_estimate", Quantity.DURATION, battery),)
    return Said(readings, tuple(code for bit, code in ALARMS.items() if tail[1] & bit))
