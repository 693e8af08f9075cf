"""Tasmota: `tele/<topic>/SENSOR` with its energy, its smart-meter scripts, its Teleinfo and its sensors; `LWT`.

https://tasmota.github.io/docs/MQTT/, .../Smart-Meter-Interface/, .../Teleinfo/. `Time` is local and says no zone: what is
said counts from when it was heard.
"""

import re
from collections.abc import Mapping
from decimal import Decimal

from drivers.model import Kind, Medium, Quantity
from drivers.mqtt.heard import Heard, Item, address, heard
from drivers.mqtt.message import Message, plain_word, small, table, words
from drivers.mqtt.units import FACTOR, HUMIDITY, TEXT, UNITS, Meant, Said, meant
from drivers.mqtt.zlinky import LABELS
from drivers.thing import Presence, Unread

KIND = "tasmota"
TOPIC = re.compile(r"(?:tele/(?P<after>.+)|(?P<before>.+)/tele)/(?P<what>SENSOR|LWT|STATE|INFO[1-9]|UPTIME)")
DISCOVERY = re.compile(r"tasmota/discovery/[^/]+/(config|sensors)")
PHASES_MAX = 3

# The energy monitor's own words; a list has one entry a phase.
ENERGY = {
    "Total": ("import_energy", UNITS["kWh"]),
    "ExportActive": ("export_energy", UNITS["kWh"]),
    "Power": ("power", UNITS["W"]),
    "ApparentPower": ("apparent_power", UNITS["VA"]),
    "ReactivePower": ("reactive_power", UNITS["var"]),
    "Factor": ("power_factor", FACTOR),
    "Frequency": ("frequency", UNITS["Hz"]),
    "Voltage": ("voltage", UNITS["V"]),
    "Current": ("current", UNITS["A"]),
}
SUMMED = frozenset({"Power", "ApparentPower", "ReactivePower", "Total", "ExportActive"})
MAIN = frozenset({"import_energy", "power"})
# The names that Tasmota's own meter descriptors give; others are the owner's, and their units are not said.
SCRIPT = {
    "Total_in": ("import_energy", UNITS["kWh"]),
    "Total_out": ("export_energy", UNITS["kWh"]),
    "Power_curr": ("power", UNITS["W"]),
    "Power_cur": ("power", UNITS["W"]),
}
NOT_METERS = frozenset({"ESP32", "ANALOG", "PN532", "Switch"})


def decode(message: Message) -> tuple[Item, ...] | None:
    """What one message says; None if it is none of Tasmota's. DecodeError where it cannot be read."""
    if DISCOVERY.fullmatch(message.topic):
        return ()
    found = TOPIC.fullmatch(message.topic)
    if found is None:
        return None
    name = found["after"] or found["before"]
    if found["what"] == "LWT":
        return (Presence(address(KIND, name), plain_word(message.payload) != "Offline"),) if message.payload else ()
    if found["what"] != "SENSOR":
        return ()
    if message.retained:
        return (Unread("retained"),)
    return tuple(_things(name, table(message.payload), message.topic))


def _things(name: str, groups: Mapping[str, object], topic: str) -> list[Heard]:
    found: list[Heard] = []
    said, script = Said(), Said()
    energy = groups.get("ENERGY")
    if isinstance(energy, dict):
        _energy(said, energy)
    electric = bool(said.readings)
    unit = meant(groups.get("TempUnit"))
    for group, values in groups.items():
        if not isinstance(values, dict) or group in {"ENERGY", "TIC", *NOT_METERS}:
            continue
        if SCRIPT.keys() & values.keys():
            script = Said()
            for key, (register, what) in SCRIPT.items():
                if key in values:
                    script.add(register, what, values[key], main=register in MAIN)
            found.append(heard(KIND, f"{name}/{group}", name, Medium.ELECTRICITY, script, topic))
            continue
        if own := words(values.get("Id")):  # `DS18B20-1` is whichever was found first, until one more is plugged in
            group = f"{group.partition('-')[0]}-{own}"
        if unit is not None and unit.quantity is Quantity.TEMPERATURE:
            said.add(f"{group}_temperature", unit, values.get("Temperature"), main=not electric)
        said.add(f"{group}_humidity", HUMIDITY, values.get("Humidity"))
    tic = groups.get("TIC")
    if isinstance(tic, dict):
        found.append(heard(KIND, f"{name}/TIC", name, Medium.ELECTRICITY, labels(tic), topic))
    if said.readings or said.faults:
        found.insert(0, heard(KIND, name, name, Medium.ELECTRICITY if electric else Medium.OTHER, said, topic))
    return found


def _energy(said: Said, energy: Mapping[str, object]) -> None:
    for key, (register, what) in ENERGY.items():
        value = energy.get(key)
        if not isinstance(value, list):
            said.add(register, what, value, main=register in MAIN)
            continue
        for phase, each in enumerate(value[:PHASES_MAX], 1):
            said.add(f"{register}_l{phase}", what, each)
        total = _sum(value) if key in SUMMED and len(value) <= PHASES_MAX else None
        said.add(register, what, total, main=register in MAIN)


def _sum(values: list[object]) -> Decimal | None:
    """The sum of all the phases; None where one of them was not said."""
    total = Decimal(0)
    for each in values:
        if isinstance(each, bool) or not isinstance(each, (int, Decimal)) or not small(each):
            return None
        total += each
    return total if values else None


def labels(groups: Mapping[str, object]) -> Said:
    """TIC labels with their raw text, as the Teleinfo build hands them on."""
    said = Said()
    for name, raw in groups.items():
        label = LABELS.get(name)
        if label is None or label.quantity is None:
            continue
        if label.quantity is Quantity.TEXT:
            said.add(name, TEXT, raw)
        elif label.quantity.kind in {Kind.INDEX, Kind.LEVEL}:
            number = int(raw) if isinstance(raw, str) and raw.isascii() and raw.isdigit() and len(raw) <= 9 else None
            what = Meant(label.quantity, Decimal(label.scale), label.quantity.unit)
            said.add(name, what, number, main=label.main, tariff=label.tariff, function=label.function)
    return said
