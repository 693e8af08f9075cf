"""What drivers say of bytes, in the reader's language: phrases, values as meters state them, names of registers."""

import re
from datetime import date, datetime
from decimal import Decimal

from markupsafe import Markup

from drivers.phrase import Code, Phrase, Register, Value
from webui import status
from webui.words import Words, mark

# The registers that most meters have. One that is not here keeps its technical name.
REGISTERS = {
    "actuality_duration": mark("age of the values"),
    "alarm_count": mark("number of alarms"),
    "apparent_energy": mark("apparent energy"),
    "apparent_power": mark("apparent power"),
    "averaging_duration": mark("time that averages are taken over"),
    "baud_rate_bd": mark("speed of the line"),
    "battery_change": mark("battery to be changed"),
    "battery_life_remaining": mark("battery life left"),
    "battery_life_remaining_estimate": mark("battery life left, roughly"),
    "battery_operating_time": mark("battery in use for"),
    "battery": mark("battery"),
    "battery_voltage": mark("battery voltage"),
    "bus_address": mark("address on the bus"),
    "current": mark("current"),
    "customer": mark("customer"),
    "customer_location": mark("place of the meter"),
    "date": mark("date"),
    "date_time": mark("date and time"),
    "detector_state": mark("state of the detector"),
    "device_type": mark("type of device"),
    "digital_input": mark("inputs"),
    "digital_output": mark("outputs"),
    "duration_since_readout": mark("time since the last reading"),
    "energy": mark("energy"),
    "energy_joule": mark("energy"),
    "error_flags": mark("error flags"),
    "export_energy": mark("energy given"),
    "export_reactive_energy": mark("reactive energy given"),
    "external_temperature": mark("outside temperature"),
    "fabrication_number": mark("serial number"),
    "firmware_version": mark("firmware version"),
    "flow": mark("flow"),
    "flow_temperature": mark("supply temperature"),
    "frequency": mark("frequency"),
    "import_energy": mark("energy taken (index)"),
    "import_reactive_energy": mark("reactive energy taken"),
    "hardware_version": mark("hardware version"),
    "heat_cost": mark("heat cost units"),
    "heat_cost_of_month": mark("heat cost units of a month"),
    "heat_cost_of_period": mark("heat cost units of a period"),
    "heat_cost_total": mark("all heat cost units"),
    "history_age": mark("age of the kept value"),
    "humidity": mark("humidity"),
    "identification": mark("identification"),
    "manufacturer": mark("maker"),
    "mass": mark("mass"),
    "mass_flow": mark("mass flow"),
    "message_number": mark("message number"),
    "model_version": mark("model and version"),
    "number": mark("number"),
    "on_time": mark("time switched on"),
    "operating_time": mark("operating time"),
    "parameter_set": mark("set of parameters"),
    "power": mark("power"),
    "power_factor": mark("power factor"),
    "power_joule": mark("power"),
    "pressure": mark("pressure"),
    "radiator_temperature": mark("radiator temperature"),
    "reactive_energy": mark("reactive energy"),
    "reactive_power": mark("reactive power"),
    "reset_count": mark("number of restarts"),
    "return_temperature": mark("return temperature"),
    "rf_level_dbm": mark("radio level, dBm"),
    "room_temperature": mark("room temperature"),
    "software_version": mark("software version"),
    "storage_interval": mark("time between two kept values"),
    "storage_interval_months": mark("months between two kept values"),
    "smoke": mark("smoke"),
    "occupancy": mark("somebody moves"),
    "contact": mark("contact"),
    "water_leak": mark("water where there should be none"),
    "tamper_date": mark("date of a fraud"),
    "leak_date": mark("date of a leak"),
    "target_date": mark("date of the kept value"),
    "target_date_time": mark("date and time of the kept value"),
    "temperature": mark("temperature"),
    "temperature_difference": mark("temperature difference"),
    "transmission_period": mark("time between two messages"),
    "voltage": mark("voltage"),
    "volume": mark("volume"),
    "volume_of_month": mark("volume of a month"),
}
# What may stand behind any of them.
ADDED = {
    "forward": mark("%(name)s, forward"),
    "backward": mark("%(name)s, backward"),
    "average": mark("%(name)s, average"),
    "at_base_conditions": mark("%(name)s, at base conditions"),
    "at_metering_conditions": mark("%(name)s, as measured"),
    "l1": mark("%(name)s, phase 1"),
    "l2": mark("%(name)s, phase 2"),
    "l3": mark("%(name)s, phase 3"),
    "future": mark("%(name)s, to come"),
    "since_target": mark("%(name)s, since the kept value"),
}
_AGAIN = re.compile(r"(.+)_([0-9]+)")


def phrase(words: Words, said: Phrase) -> Markup:
    return words.say(said.text, **{name: value(words, each, name) for name, each in said.values.items()})


def value(words: Words, said: Value, name: str = "") -> Markup:
    """A value within a phrase, or a meter's own; a decoder's own words (`why`) are English everywhere."""
    match said:
        case Phrase():
            return phrase(words, said)
        case Code(code):
            return Markup("{}").format(status.said(words, (code,)))
        case Register(register):
            return register_name(words, register)
        case Decimal():
            return Markup("{}").format(words.number(said, max(0, -int(said.as_tuple().exponent))))
        case datetime():
            return words.say(
                "%(day)s at %(time)s",
                day=words.day(said.date(), weekday=False, year=True),
                time=words.time(said.hour * 60 + said.minute),
            )
        case date():
            return words.day(said, weekday=False, year=True)
        case _ if name == "why":
            return Markup('<span lang="en">{}</span>').format(said)
        case _:
            return Markup("{}").format(said)


def register_name(words: Words, register: str) -> Markup:
    if register in REGISTERS:
        return words.say(REGISTERS[register])
    for end, sentence in ADDED.items():
        if register.endswith(f"_{end}"):
            return words.say(sentence, name=register_name(words, register.removesuffix(f"_{end}")))
    again = _AGAIN.fullmatch(register)
    if again and again[1] in REGISTERS and again[1] != "manufacturer":  # manufacturer_20 is a VIF of its own
        return words.say("%(name)s (%(which)s)", name=words.say(REGISTERS[again[1]]), which=again[2])
    return Markup('<code lang="en">{}</code>').format(register)
