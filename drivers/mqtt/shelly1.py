"""Shelly, first generation: a topic a value under `shellies/<id>/`.

https://shelly-api-docs.shelly.cloud/gen1/. Each measuring channel is a meter of its own: a clamp may be around anything.
"""

import re
from collections.abc import Mapping

from drivers.model import Medium
from drivers.mqtt.heard import Item, address, heard
from drivers.mqtt.message import Message, plain_number, plain_word, table
from drivers.mqtt.units import FACTOR, HUMIDITY, RATIO, UNITS, YES_OR_NO, Meant, Said
from drivers.thing import Presence, Unread

KIND = "shelly"
TOPIC = re.compile(r"shellies/(?P<id>[^/]+)/(?P<what>.+)")
CHANNEL = re.compile(r"(?P<channel>(?:emeter|relay|roller|light)/[0-9])/(?P<value>[a-z_]+)")

# `total` is in Wh and survives a power cut. `energy`, in watt-minutes, begins anew with each: it is no index.
EMETER: Mapping[str, tuple[str, Meant]] = {
    "power": ("power", UNITS["W"]),
    "reactive_power": ("reactive_power", UNITS["var"]),
    "voltage": ("voltage", UNITS["V"]),
    "current": ("current", UNITS["A"]),
    "pf": ("power_factor", FACTOR),
    "total": ("import_energy", UNITS["Wh"]),
    "total_returned": ("export_energy", UNITS["Wh"]),
}
RELAY: Mapping[str, tuple[str, Meant]] = {"power": ("power", UNITS["W"])}
MAIN = frozenset({"power", "import_energy"})
# `sensor/temperature` is in °C or °F as somebody set it, and does not say: `info` does.
SENSOR: Mapping[str, tuple[str, Meant]] = {"humidity": ("humidity", HUMIDITY), "battery": ("battery", RATIO)}
YES_NO = {"flood": "water_leak", "smoke": "smoke", "motion": "occupancy"}
WORDS = {"true": True, "false": False, "1": True, "0": False}


def decode(message: Message) -> tuple[Item, ...] | None:
    """What one message says; None if it is none of a Shelly's. DecodeError where it cannot be read."""
    found = TOPIC.fullmatch(message.topic)
    if found is None:
        return None
    id_, what = found["id"], found["what"]
    if what == "online":
        return (Presence(address(KIND, id_), plain_word(message.payload) != "false"),) if message.payload else ()
    place, medium, said = id_, Medium.OTHER, Said()
    if (channel := CHANNEL.fullmatch(what)) is not None:
        place, medium = f"{id_}/{channel['channel']}", Medium.ELECTRICITY
        known = (EMETER if what.startswith("emeter") else RELAY).get(channel["value"])
        if known is not None and not message.retained:
            said.add(known[0], known[1], plain_number(message.payload), main=known[0] in MAIN)
    elif what.startswith("sensor/"):
        name = what.removeprefix("sensor/")
        if name in YES_NO:
            said.add(YES_NO[name], YES_OR_NO, WORDS.get(plain_word(message.payload), plain_word(message.payload)))
        elif name in SENSOR and not message.retained:
            said.add(*SENSOR[name], plain_number(message.payload))
    elif what == "info":
        said = _info(table(message.payload))
    if not said.readings and not said.faults:
        return (Unread("retained"),) if message.retained else ()
    return (Unread("retained"),) if message.retained else (heard(KIND, place, id_, medium, said, f"shellies/{id_}"),)


def _info(status: Mapping[str, object]) -> Said:
    said = Said()
    temperature = status.get("tmp")
    if isinstance(temperature, dict) and temperature.get("is_valid", True) is True:
        said.add("temperature", UNITS["°C"], temperature.get("tC"), main=True)
    return said
