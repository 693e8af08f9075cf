"""What a VIF means: register, quantity, factor to the quantity's unit and data type (EN 13757-3, value information block).

The names in these tables are promises: series and users' files hold them.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto

from drivers.model import Quantity


class DataType(Enum):
    """How the data of a record is to be read (EN 13757-3, annex on data types); BCD and reals say so themselves."""

    SIGNED = auto()  # type B: the most negative value means "invalid"
    INDEX = auto()  # type B, of a register that only grows: meters also fill it with ones where they have no value
    POSITIVE = auto()  # type B, of what is never below zero
    UNSIGNED = auto()  # type C: all ones mean "invalid"
    FLAGS = auto()  # type D: every pattern is a value
    TEXT = auto()
    MANUFACTURER = auto()  # three letters of five bits
    DATE = auto()  # type G
    CLOCK = auto()  # types F, I, J, told apart by their size
    MOMENT = auto()  # any of both
    BYTES = auto()  # a container: shown as hex, as sent
    SECRET = auto()  # access codes and passwords: never kept


@dataclass(frozen=True, slots=True)
class Meaning:
    """A VIF, and after `vife.combine` its VIFEs: value in the quantity's unit = data * factor."""

    register: str
    quantity: Quantity
    factor: Decimal = Decimal(1)
    type: DataType = DataType.SIGNED
    profile: int = 0  # the VIFE of a compact profile, 0 for a single value
    absent: bool = False  # the meter says that it has no value
    error: str = ""  # what it says in place of a value; a maker may use the VIFE for something else


Table = dict[int, Meaning]
DURATION_S = (1, 60, 3600, 86400)  # nn = 0..3 of every duration: seconds, minutes, hours, days

_Q = Quantity
_L_PER_M3 = 1000
_L_PER_GALLON = Decimal("3.785411784")  # US gallon, exact by definition
_L_PER_CUBIC_FOOT = Decimal("28.316846592")  # exact by definition
_PER_4096 = Decimal(1) / 4096  # 2^-12, exact in 12 decimals


def _powers(
    first: int,
    count: int,
    register: str,
    quantity: Quantity,
    factor: Decimal | str | int,
    type_: DataType = DataType.SIGNED,
) -> Table:
    """`count` codes from `first` on, each ten times the one before."""
    return {first + n: Meaning(register, quantity, Decimal(factor).scaleb(n), type_) for n in range(count)}


def _indexes(first: int, count: int, register: str, quantity: Quantity, factor: Decimal | str | int) -> Table:
    return _powers(first, count, register, quantity, factor, DataType.INDEX)


def _durations(
    first: int,
    register: str,
    quantity: Quantity = Quantity.DURATION,
    skip: int = 0,
    type_: DataType = DataType.POSITIVE,
) -> Table:
    return {first + n: Meaning(register, quantity, Decimal(DURATION_S[n]), type_) for n in range(skip, 4)}


def _one(code: int, register: str, quantity: Quantity, type_: DataType, factor: Decimal | str | int = 1) -> Table:
    return {code: Meaning(register, quantity, Decimal(factor), type_)}


PRIMARY: Table = {
    **_indexes(0x00, 8, "energy", _Q.ENERGY, "0.001"),
    **_indexes(0x08, 8, "energy_joule", _Q.ENERGY_JOULE, 1),
    **_indexes(0x10, 8, "volume", _Q.VOLUME, "0.001"),
    **_indexes(0x18, 8, "mass", _Q.MASS, "0.001"),
    **_durations(0x20, "on_time", _Q.OPERATING_TIME),
    **_durations(0x24, "operating_time", _Q.OPERATING_TIME),
    **_powers(0x28, 8, "power", _Q.POWER, "0.001"),
    **_powers(0x30, 8, "power_joule", _Q.POWER_JOULE, 1),
    **_powers(0x38, 8, "flow", _Q.FLOW, "0.001"),
    **_powers(0x40, 8, "flow", _Q.FLOW, Decimal("1e-7") * _L_PER_M3 * 60),
    **_powers(0x48, 8, "flow", _Q.FLOW, Decimal("1e-9") * _L_PER_M3 * 3600),
    **_powers(0x50, 8, "mass_flow", _Q.MASS_FLOW, "0.001"),
    **_powers(0x58, 4, "flow_temperature", _Q.TEMPERATURE, "0.001"),
    **_powers(0x5C, 4, "return_temperature", _Q.TEMPERATURE, "0.001"),
    **_powers(0x60, 4, "temperature_difference", _Q.TEMPERATURE_DIFFERENCE, "0.001"),
    **_powers(0x64, 4, "external_temperature", _Q.TEMPERATURE, "0.001"),
    **_powers(0x68, 4, "pressure", _Q.PRESSURE, "0.001"),
    **_one(0x6C, "date", _Q.DATE, DataType.DATE),
    **_one(0x6D, "date_time", _Q.DATE, DataType.CLOCK),
    **_one(0x6E, "heat_cost", _Q.HEAT_COST, DataType.INDEX),
    **_durations(0x70, "averaging_duration"),
    **_durations(0x74, "actuality_duration"),
    **_one(0x78, "fabrication_number", _Q.TEXT, DataType.TEXT),
    **_one(0x79, "identification", _Q.TEXT, DataType.TEXT),
    **_one(0x7A, "bus_address", _Q.NUMBER, DataType.UNSIGNED),
}

# VIF FB: first extension. A unit that no Quantity has (calories, degrees Fahrenheit) ends the register's name.
FB: Table = {
    **_indexes(0x00, 2, "energy", _Q.ENERGY, "1e5"),
    **_indexes(0x02, 2, "reactive_energy", _Q.REACTIVE_ENERGY, "1e3"),
    **_indexes(0x04, 2, "apparent_energy", _Q.APPARENT_ENERGY, "1e3"),
    **_indexes(0x08, 2, "energy_joule", _Q.ENERGY_JOULE, "1e8"),
    **_powers(0x0C, 4, "energy_mcal", _Q.NUMBER, "0.1"),
    **_indexes(0x10, 2, "volume", _Q.VOLUME, "1e5"),
    **_powers(0x14, 4, "reactive_power", _Q.REACTIVE_POWER, 1),
    **_indexes(0x18, 2, "mass", _Q.MASS, "1e5"),
    **_powers(0x1A, 2, "humidity", _Q.HUMIDITY, "0.1", DataType.UNSIGNED),
    **_indexes(0x20, 1, "volume", _Q.VOLUME, _L_PER_CUBIC_FOOT),
    **_indexes(0x21, 1, "volume", _Q.VOLUME, _L_PER_CUBIC_FOOT / 10),
    **_indexes(0x22, 2, "volume", _Q.VOLUME, _L_PER_GALLON / 10),
    **_powers(0x24, 1, "flow", _Q.FLOW, _L_PER_GALLON * 60 / 1000),
    **_powers(0x25, 1, "flow", _Q.FLOW, _L_PER_GALLON * 60),
    **_powers(0x26, 1, "flow", _Q.FLOW, _L_PER_GALLON),
    **_powers(0x28, 2, "power", _Q.POWER, "1e5"),
    **_one(0x2A, "phase_between_voltages_deg", _Q.NUMBER, DataType.SIGNED, "0.1"),
    **_one(0x2B, "phase_voltage_to_current_deg", _Q.NUMBER, DataType.SIGNED, "0.1"),
    **_powers(0x2C, 4, "frequency", _Q.FREQUENCY, "0.001"),
    **_powers(0x30, 2, "power_joule", _Q.POWER_JOULE, "1e8"),
    **_powers(0x34, 4, "apparent_power", _Q.APPARENT_POWER, 1),
    **_powers(0x58, 4, "flow_temperature_degf", _Q.NUMBER, "0.001"),
    **_powers(0x5C, 4, "return_temperature_degf", _Q.NUMBER, "0.001"),
    **_powers(0x60, 4, "temperature_difference_degf", _Q.NUMBER, "0.001"),
    **_powers(0x64, 4, "external_temperature_degf", _Q.NUMBER, "0.001"),
    **_one(0x68, "rating_factor", _Q.NUMBER, DataType.UNSIGNED, _PER_4096),
    # 0x69, the rating factor of a radiator's output: public sources do not agree on its unit
    **_one(0x6A, "rating_factor_coupling", _Q.NUMBER, DataType.UNSIGNED, _PER_4096),
    **_one(0x6B, "rating_factor_coupling_room", _Q.NUMBER, DataType.UNSIGNED, _PER_4096),
    **_one(0x6C, "rating_factor_coupling_heater", _Q.NUMBER, DataType.UNSIGNED, _PER_4096),
    **_one(0x6D, "rating_factor_low_temperature", _Q.NUMBER, DataType.UNSIGNED, _PER_4096),
    **_one(0x6E, "rating_factor_display", _Q.NUMBER, DataType.UNSIGNED, _PER_4096),
    **_powers(0x70, 4, "cold_warm_temperature_limit_degf", _Q.NUMBER, "0.001"),
    **_powers(0x74, 4, "cold_warm_temperature_limit", _Q.TEMPERATURE, "0.001"),
    **_powers(0x78, 8, "cumulated_maximum_power", _Q.POWER, "0.001"),
}

# VIF FD: main extension.
FD: Table = {
    **_powers(0x00, 4, "credit", _Q.NUMBER, "0.001"),
    **_powers(0x04, 4, "debit", _Q.NUMBER, "0.001"),
    **_one(0x08, "message_number", _Q.NUMBER, DataType.UNSIGNED),
    **_one(0x09, "device_type", _Q.NUMBER, DataType.UNSIGNED),
    **_one(0x0A, "manufacturer", _Q.TEXT, DataType.MANUFACTURER),
    **_one(0x0B, "parameter_set", _Q.TEXT, DataType.TEXT),
    **_one(0x0C, "model_version", _Q.TEXT, DataType.TEXT),
    **_one(0x0D, "hardware_version", _Q.TEXT, DataType.TEXT),
    **_one(0x0E, "firmware_version", _Q.TEXT, DataType.TEXT),
    **_one(0x0F, "software_version", _Q.TEXT, DataType.TEXT),
    **_one(0x10, "customer_location", _Q.TEXT, DataType.TEXT),
    **_one(0x11, "customer", _Q.TEXT, DataType.TEXT),
    **{code: Meaning("access_code", _Q.TEXT, type=DataType.SECRET) for code in (*range(0x12, 0x17), 0x19)},
    **_one(0x17, "error_flags", _Q.NUMBER, DataType.FLAGS),
    **_one(0x18, "error_mask", _Q.NUMBER, DataType.FLAGS),
    **_one(0x1A, "digital_output", _Q.NUMBER, DataType.FLAGS),
    **_one(0x1B, "digital_input", _Q.NUMBER, DataType.FLAGS),
    **_one(0x1C, "baud_rate_bd", _Q.NUMBER, DataType.UNSIGNED),
    **_one(0x1D, "response_delay_bits", _Q.NUMBER, DataType.UNSIGNED),
    **_one(0x1E, "retries", _Q.NUMBER, DataType.POSITIVE),
    **_one(0x1F, "remote_control", _Q.NUMBER, DataType.FLAGS),
    **_one(0x20, "storage_first", _Q.NUMBER, DataType.UNSIGNED),
    **_one(0x21, "storage_last", _Q.NUMBER, DataType.UNSIGNED),
    **_one(0x22, "storage_block_size", _Q.NUMBER, DataType.UNSIGNED),
    **_one(0x23, "tariff_descriptor", _Q.NUMBER, DataType.FLAGS),
    **_durations(0x24, "storage_interval", type_=DataType.SIGNED),
    **_one(0x28, "storage_interval_months", _Q.NUMBER, DataType.SIGNED),
    **_one(0x29, "storage_interval_years", _Q.NUMBER, DataType.SIGNED),
    **_one(0x2A, "operator_data", _Q.TEXT, DataType.TEXT),
    **_one(0x2B, "time_point_second", _Q.NUMBER, DataType.UNSIGNED),
    **_durations(0x2C, "duration_since_readout", type_=DataType.UNSIGNED),
    **_one(0x30, "tariff_start", _Q.DATE, DataType.MOMENT),
    **_durations(0x30, "tariff_duration", skip=1, type_=DataType.UNSIGNED),
    **_durations(0x34, "tariff_period", type_=DataType.UNSIGNED),
    **_one(0x38, "tariff_period_months", _Q.NUMBER, DataType.UNSIGNED),
    **_one(0x39, "tariff_period_years", _Q.NUMBER, DataType.UNSIGNED),
    **_one(0x3A, "number", _Q.NUMBER, DataType.SIGNED),
    **_one(0x3B, "wireless_container", _Q.TEXT, DataType.BYTES),
    **_durations(0x3C, "transmission_period", type_=DataType.UNSIGNED),
    **_powers(0x40, 16, "voltage", _Q.VOLTAGE, "1e-9"),
    **_powers(0x50, 16, "current", _Q.CURRENT, "1e-12"),
    **_one(0x60, "reset_count", _Q.COUNT, DataType.POSITIVE),
    **_one(0x61, "cumulation_count", _Q.COUNT, DataType.POSITIVE),
    **_one(0x62, "control_signal", _Q.NUMBER, DataType.FLAGS),
    **_one(0x63, "day_of_week", _Q.NUMBER, DataType.UNSIGNED),
    **_one(0x64, "week_number", _Q.NUMBER, DataType.UNSIGNED),
    **_one(0x65, "day_change", _Q.TEXT, DataType.MOMENT),
    **_one(0x66, "parameter_activation", _Q.NUMBER, DataType.FLAGS),
    **_one(0x67, "supplier_information", _Q.TEXT, DataType.TEXT),
    **_one(0x68, "duration_since_cumulation", _Q.DURATION, DataType.UNSIGNED, 3600),
    **_one(0x69, "duration_since_cumulation", _Q.DURATION, DataType.UNSIGNED, 86400),
    **_one(0x6A, "duration_since_cumulation_months", _Q.NUMBER, DataType.UNSIGNED),
    **_one(0x6B, "duration_since_cumulation_years", _Q.NUMBER, DataType.UNSIGNED),
    **_one(0x6C, "battery_operating_time", _Q.OPERATING_TIME, DataType.POSITIVE, 3600),
    **_one(0x6D, "battery_operating_time", _Q.OPERATING_TIME, DataType.POSITIVE, 86400),
    **_one(0x6E, "battery_operating_time_months", _Q.NUMBER, DataType.POSITIVE),
    **_one(0x6F, "battery_operating_time_years", _Q.NUMBER, DataType.POSITIVE),
    **_one(0x70, "battery_change", _Q.DATE, DataType.MOMENT),
    **_one(0x71, "rf_level_dbm", _Q.NUMBER, DataType.SIGNED),
    **_one(0x72, "daylight_saving", _Q.TEXT, DataType.BYTES),
    **_one(0x73, "listening_window", _Q.TEXT, DataType.BYTES),
    **_one(0x74, "battery_life_remaining", _Q.DURATION, DataType.UNSIGNED, 86400),
    **_one(0x75, "stop_count", _Q.COUNT, DataType.UNSIGNED),
    **_one(0x76, "manufacturer_container", _Q.TEXT, DataType.BYTES),
}

# VIF FD FD: second level of the main extension.
FD_FD: Table = {
    **_one(0x00, "application", _Q.NUMBER, DataType.UNSIGNED),
    **_one(0x02, "battery_life_remaining_months", _Q.NUMBER, DataType.UNSIGNED),
    **_one(0x03, "battery_life_remaining_years", _Q.NUMBER, DataType.UNSIGNED),
}

# Units that meters write out in a plain-text VIF (7C), in lower case.
PLAIN: dict[str, Meaning] = {
    "wh": Meaning("energy", _Q.ENERGY, Decimal(1), DataType.INDEX),
    "kwh": Meaning("energy", _Q.ENERGY, Decimal(1000), DataType.INDEX),
    "m3": Meaning("volume", _Q.VOLUME, Decimal(1000), DataType.INDEX),
    "l": Meaning("volume", _Q.VOLUME, Decimal(1), DataType.INDEX),
    "w": Meaning("power", _Q.POWER),
    "kw": Meaning("power", _Q.POWER, Decimal(1000)),
    "varh": Meaning("reactive_energy", _Q.REACTIVE_ENERGY, Decimal(1), DataType.INDEX),
    "kvarh": Meaning("reactive_energy", _Q.REACTIVE_ENERGY, Decimal(1000), DataType.INDEX),
    "var": Meaning("reactive_power", _Q.REACTIVE_POWER),
    "kvar": Meaning("reactive_power", _Q.REACTIVE_POWER, Decimal(1000)),
    "va": Meaning("apparent_power", _Q.APPARENT_POWER),
    "kva": Meaning("apparent_power", _Q.APPARENT_POWER, Decimal(1000)),
    "v": Meaning("voltage", _Q.VOLTAGE),
    "a": Meaning("current", _Q.CURRENT),
    "hz": Meaning("frequency", _Q.FREQUENCY),
    "%rh": Meaning("humidity", _Q.HUMIDITY),
    "ppm": Meaning("concentration", _Q.CONCENTRATION),
    "bar": Meaning("pressure", _Q.PRESSURE),
    "°c": Meaning("temperature", _Q.TEMPERATURE),
}
