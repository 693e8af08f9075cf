"""What the lines of a P1 telegram mean: a row says a code's quantity, tariff and rank, and units are checked against it.

P1 companion standard v2.2 to v5.0.2 (Netherlands), e-MUCS (Belgium), and the codes that other countries' ports add:
totals without tariff, reactive energy, frequency and power factor. Registers are named without medium and channel, as a
meter's own display names them.
"""

from dataclasses import dataclass
from enum import Enum

from drivers.model import Function, Medium, Quantity


class Form(Enum):
    """How a value is written."""

    NUMBER = "(number*unit)"
    DATED = "(time)(number*unit)"
    COUNT = "(digits)"
    DIGITS = "(digits) as a word"
    TEXT = "(text)"


@dataclass(frozen=True, slots=True)
class Row:
    quantity: Quantity
    form: Form = Form.NUMBER
    tariff: int = 0
    main: bool = False
    function: Function = Function.INSTANTANEOUS


def _energies() -> dict[str, Row]:
    """Import is what the house took. Export is never: it is no main index, so that no sum of a page counts it."""
    rows = {}
    for tariff in range(5):
        rows[f"1-0:1.8.{tariff}"] = Row(Quantity.ENERGY, tariff=tariff, main=True)
        rows[f"1-0:2.8.{tariff}"] = Row(Quantity.ENERGY, tariff=tariff)
        for reactive in (3, 4):
            rows[f"1-0:{reactive}.8.{tariff}"] = Row(Quantity.REACTIVE_ENERGY, tariff=tariff)
    return rows


def _levels(quantity: Quantity, codes: str) -> dict[str, Row]:
    return {f"1-0:{code}.7.0": Row(quantity) for code in codes.split()}


ELECTRICITY: dict[str, Row] = {
    **_energies(),
    "1-0:1.7.0": Row(Quantity.POWER, main=True),
    **_levels(Quantity.POWER, "2 21 22 41 42 61 62"),
    **_levels(Quantity.REACTIVE_POWER, "3 4 23 24 43 44 63 64"),
    **_levels(Quantity.APPARENT_POWER, "9 10"),
    **_levels(Quantity.VOLTAGE, "32 52 72"),
    **_levels(Quantity.CURRENT, "31 51 71"),
    **_levels(Quantity.FREQUENCY, "14"),
    **_levels(Quantity.POWER_FACTOR, "13 33 53 73"),
    "1-0:1.4.0": Row(Quantity.POWER),
    "1-0:1.6.0": Row(Quantity.POWER, Form.DATED, function=Function.MAXIMUM),
    "0-0:96.7.21": Row(Quantity.COUNT, Form.COUNT),
    "0-0:96.7.9": Row(Quantity.COUNT, Form.COUNT),
    **{f"1-0:{phase}.{event}.0": Row(Quantity.COUNT, Form.COUNT) for phase in (32, 52, 72) for event in (32, 36)},
    "0-0:96.14.0": Row(Quantity.TEXT, Form.DIGITS),
    "0-0:96.13.0": Row(Quantity.TEXT, Form.TEXT),
    "0-0:96.13.1": Row(Quantity.TEXT, Form.TEXT),
}

# Of a meter on the electricity meter's M-Bus; what it counts, its unit says. Belgian gas is 24.2.3, not brought to a
# common temperature.
SUB_METER_CODES = ("24.2.1", "24.2.3")
SUB_METER_QUANTITIES = (Quantity.VOLUME, Quantity.ENERGY, Quantity.ENERGY_JOULE)

# Unit: its quantities, and the power of ten to the unit that the quantity has here.
UNITS: dict[str, tuple[tuple[Quantity, ...], int]] = {
    "Wh": ((Quantity.ENERGY,), 0),
    "kWh": ((Quantity.ENERGY,), 3),
    "MWh": ((Quantity.ENERGY,), 6),
    "varh": ((Quantity.REACTIVE_ENERGY,), 0),
    "kvarh": ((Quantity.REACTIVE_ENERGY,), 3),
    "W": ((Quantity.POWER,), 0),
    "kW": ((Quantity.POWER,), 3),
    "var": ((Quantity.REACTIVE_POWER,), 0),
    "kvar": ((Quantity.REACTIVE_POWER,), 3),
    "VA": ((Quantity.APPARENT_POWER,), 0),
    "kVA": ((Quantity.APPARENT_POWER,), 3),
    "V": ((Quantity.VOLTAGE,), 0),
    "A": ((Quantity.CURRENT,), 0),
    "Hz": ((Quantity.FREQUENCY,), 0),
    "": ((Quantity.POWER_FACTOR,), 0),
    "dm3": ((Quantity.VOLUME,), 0),
    "m3": ((Quantity.VOLUME,), 3),
    "MJ": ((Quantity.ENERGY_JOULE,), 6),
    "GJ": ((Quantity.ENERGY_JOULE,), 9),
}

# Device type of the M-Bus -> medium (EN 13757-3), written as a decimal number; the others are OTHER.
MEDIA = {
    2: Medium.ELECTRICITY,
    3: Medium.GAS,
    4: Medium.HEAT,
    6: Medium.HOT_WATER,
    7: Medium.WATER,
    10: Medium.COOLING,
    11: Medium.COOLING,
    12: Medium.HEAT,
    13: Medium.HEAT,
}
