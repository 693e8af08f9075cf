"""Units as things write them, and the readings of one message: what has no certain unit gives none."""

import re
from decimal import Decimal

from drivers.model import DecodeError, Function, Kind, Quantity, Reading, frozen
from drivers.mqtt.message import small, words

READINGS_MAX = 100
REGISTER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}")


@frozen
class Meant:
    """What a number of a unit is: a quantity, in its own unit once multiplied by `factor`."""

    quantity: Quantity
    factor: Decimal
    unit: str


def _units(*rows: tuple[str, Quantity, str]) -> dict[str, Meant]:
    return {unit: Meant(quantity, Decimal(factor), unit) for units, quantity, factor in rows for unit in units.split()}


UNITS = _units(
    ("Wh", Quantity.ENERGY, "1"),
    ("kWh KWh", Quantity.ENERGY, "1000"),
    ("MWh", Quantity.ENERGY, "1000000"),
    ("MJ", Quantity.ENERGY_JOULE, "1000000"),
    ("GJ", Quantity.ENERGY_JOULE, "1000000000"),
    ("varh VArh VARh", Quantity.REACTIVE_ENERGY, "1"),
    ("kvarh kVArh kVARh", Quantity.REACTIVE_ENERGY, "1000"),
    ("VAh", Quantity.APPARENT_ENERGY, "1"),
    ("kVAh", Quantity.APPARENT_ENERGY, "1000"),
    ("m³ m3", Quantity.VOLUME, "1000"),
    ("L l", Quantity.VOLUME, "1"),
    ("HCA hca", Quantity.HEAT_COST, "1"),
    ("W", Quantity.POWER, "1"),
    ("kW", Quantity.POWER, "1000"),
    ("VA", Quantity.APPARENT_POWER, "1"),
    ("kVA", Quantity.APPARENT_POWER, "1000"),
    ("var VAr VAR", Quantity.REACTIVE_POWER, "1"),
    ("kvar kVAr kVAR", Quantity.REACTIVE_POWER, "1000"),
    ("m³/h m3/h", Quantity.FLOW, "1000"),
    ("L/h l/h", Quantity.FLOW, "1"),
    ("L/min l/min", Quantity.FLOW, "60"),
    ("V", Quantity.VOLTAGE, "1"),
    ("mV", Quantity.VOLTAGE, "0.001"),
    ("A", Quantity.CURRENT, "1"),
    ("mA", Quantity.CURRENT, "0.001"),
    ("Hz", Quantity.FREQUENCY, "1"),
    ("°C C", Quantity.TEMPERATURE, "1"),
    ("bar", Quantity.PRESSURE, "1"),
    ("hPa mbar", Quantity.PRESSURE, "0.001"),
    ("kPa", Quantity.PRESSURE, "0.01"),
    ("Pa", Quantity.PRESSURE, "0.00001"),
    ("ppm", Quantity.CONCENTRATION, "1"),
)
HUMIDITY = Meant(Quantity.HUMIDITY, Decimal(1), "%")
RATIO = Meant(Quantity.RATIO, Decimal(1), "%")
YES_OR_NO = Meant(Quantity.NUMBER, Decimal(1), "0 or 1")
FACTOR = Meant(Quantity.POWER_FACTOR, Decimal(1), "")
TEXT = Meant(Quantity.TEXT, Decimal(1), "")

# Outside of these a value is none: a damaged one, or a marker for "not measured".
LIMITS = {
    Quantity.HUMIDITY: (Decimal(0), Decimal(100)),
    Quantity.RATIO: (Decimal(0), Decimal(100)),
    Quantity.POWER_FACTOR: (Decimal(-1), Decimal(1)),
    Quantity.TEMPERATURE: (Decimal(-100), Decimal(1000)),
    Quantity.FREQUENCY: (Decimal(0), Decimal(1000)),
}


def meant(unit: object, name: str = "") -> Meant | None:
    """What a stated unit means; a percentage means something only beside a name that says of what."""
    if not isinstance(unit, str):
        return None
    if unit.strip() in {"%", "%RH"}:
        return HUMIDITY if "humidity" in name else RATIO if name == "battery" else None
    return UNITS.get(unit.strip())


class Said:
    """The readings of one message, and what of it was refused. `units` are those that were stated, by register."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.faults: list[DecodeError] = []
        self.units: dict[str, str] = {}

    def add(
        self,
        register: str,
        what: Meant | None,
        value: object,
        *,
        main: bool = False,
        tariff: int = 0,
        function: Function = Function.INSTANTANEOUS,
    ) -> None:
        """One value; nothing where it has no unit or was not said (null)."""
        if what is None or value is None:
            return
        if not REGISTER.fullmatch(register) or register in self.units or len(self.readings) >= READINGS_MAX:
            self._refuse(register, "no name for one more value of this message")
            return
        found: Decimal | str | None
        if what.quantity is Quantity.TEXT:
            found = words(value) or None
        elif what.quantity is Quantity.NUMBER and isinstance(value, bool):
            found = Decimal(int(value))
        else:
            found = self._number(register, what, value)
        if found is not None:
            self.units[register] = what.unit
            self.readings.append(Reading(register, what.quantity, found, tariff, function=function, main=main))

    def _number(self, register: str, what: Meant, value: object) -> Decimal | None:
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            self._refuse(register, f"a number is needed, not {'true or false' if isinstance(value, bool) else 'text'}")
            return None
        if not small(value):
            self._refuse(register, "a number of a home's size is needed")
            return None
        exact = Decimal(value) if what.factor == 1 else value * what.factor
        low, high = LIMITS.get(what.quantity, (None, None))
        if what.quantity.kind is Kind.INDEX and exact < 0:
            self._refuse(register, "an index below zero")
            return None
        if low is not None and high is not None and not low <= exact <= high:
            self._refuse(register, f"{exact} {what.quantity.unit} can not be")
            return None
        return exact

    def _refuse(self, register: str, why: str) -> None:
        if len(self.faults) < READINGS_MAX:
            self.faults.append(DecodeError(f"{register[:64]!r}: {why}"))
