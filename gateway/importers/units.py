"""Units a file may state, and what they are to us: the quantity, and the power of ten from its own unit."""

from drivers.model import Quantity

UNITS: dict[str, tuple[Quantity, int]] = {
    "Wh": (Quantity.ENERGY, 0),
    "kWh": (Quantity.ENERGY, 3),
    "MWh": (Quantity.ENERGY, 6),
    "J": (Quantity.ENERGY_JOULE, 0),
    "kJ": (Quantity.ENERGY_JOULE, 3),
    "MJ": (Quantity.ENERGY_JOULE, 6),
    "GJ": (Quantity.ENERGY_JOULE, 9),
    "varh": (Quantity.REACTIVE_ENERGY, 0),
    "kvarh": (Quantity.REACTIVE_ENERGY, 3),
    "VAh": (Quantity.APPARENT_ENERGY, 0),
    "kVAh": (Quantity.APPARENT_ENERGY, 3),
    "L": (Quantity.VOLUME, 0),
    "m3": (Quantity.VOLUME, 3),
    "m3degC": (Quantity.VOLUME_TEMPERATURE, 0),
    "kg": (Quantity.MASS, 0),
    "t": (Quantity.MASS, 3),
    "HCA": (Quantity.HEAT_COST, 0),
    "count": (Quantity.COUNT, 0),
    "W": (Quantity.POWER, 0),
    "kW": (Quantity.POWER, 3),
    "J/h": (Quantity.POWER_JOULE, 0),
    "var": (Quantity.REACTIVE_POWER, 0),
    "VA": (Quantity.APPARENT_POWER, 0),
    "kVA": (Quantity.APPARENT_POWER, 3),
    "L/h": (Quantity.FLOW, 0),
    "m3/h": (Quantity.FLOW, 3),
    "kg/h": (Quantity.MASS_FLOW, 0),
    "degC": (Quantity.TEMPERATURE, 0),
    "K": (Quantity.TEMPERATURE_DIFFERENCE, 0),
    "%RH": (Quantity.HUMIDITY, 0),
    "bar": (Quantity.PRESSURE, 0),
    "V": (Quantity.VOLTAGE, 0),
    "A": (Quantity.CURRENT, 0),
    "Hz": (Quantity.FREQUENCY, 0),
    "%": (Quantity.RATIO, 0),
    "ppm": (Quantity.CONCENTRATION, 0),
    "s": (Quantity.DURATION, 0),
    "s run": (Quantity.OPERATING_TIME, 0),
    "power factor": (Quantity.POWER_FACTOR, 0),
    "number": (Quantity.NUMBER, 0),
}


def unit_for(quantity: Quantity, exponent: int) -> tuple[str, int]:
    """The unit, and its power of ten, in which a value of so many tens is written with the digits it has, and no more."""
    fitting = {power: unit for unit, (its, power) in UNITS.items() if its is quantity and power <= max(exponent, 0)}
    power = max(fitting)
    return fitting[power], power
