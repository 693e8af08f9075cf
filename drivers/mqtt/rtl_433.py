"""rtl_433: its JSON of what is on the air; the unit is the end of each key, or of its text.

https://github.com/merbanan/rtl_433, docs/DATA_FORMAT.md. Its own decoding of wireless M-Bus leaves out tariffs, so the
telegram that it hands on beside it is decoded here.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from drivers import wmbus
from drivers.model import DecodeError, Frame, Kind, Medium, State
from drivers.mqtt.heard import Heard, Item, address, heard
from drivers.mqtt.message import Message, number_of, table, words
from drivers.mqtt.units import HUMIDITY, UNITS, Said
from drivers.receivers import rtl_433
from drivers.thing import Thing, Unread

KIND = "rtl_433"
TOPIC = re.compile(r"rtl_433/.+|.+/rtl_433/.+|rtl_433")
MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,39}")
WIRELESS_MBUS = "Wireless-MBus"
SUFFIXES = {
    "C": UNITS["°C"],
    "hPa": UNITS["hPa"],
    "kPa": UNITS["kPa"],
    "W": UNITS["W"],
    "kW": UNITS["kW"],
    "V": UNITS["V"],
    "A": UNITS["A"],
    "Hz": UNITS["Hz"],
}
NOT_READ = re.compile(r"setpoint_.*|battery_.*|.*(min|max|avg).*")
WITH_UNIT = re.compile(r"(-?[0-9.]+) (\S+)")


def decode(message: Message) -> tuple[Item, ...] | None:
    """What one message says; None if rtl_433 did not write it. DecodeError where it cannot be read."""
    if not TOPIC.fullmatch(message.topic):
        return None
    if not message.payload.lstrip().startswith(b"{"):
        return ()  # it may publish each value by itself, too: the same again
    content = table(message.payload)
    model = words(content.get("model"))
    if not MODEL.fullmatch(model):
        return ()
    if message.retained:
        return (Unread("retained"),)
    if model == WIRELESS_MBUS:
        return _telegram(message)
    parts = [model]
    for key, mark in (("id", ""), ("channel", "c")):
        value = content.get(key)
        if isinstance(value, (int, str)) and not isinstance(value, bool) and MODEL.fullmatch(str(value)):
            parts.append(mark + str(value))
    if len(parts) == 1:
        return (Unread("no number of its own"),)
    said = _readings(content)
    return (heard(KIND, "/".join(parts), " ".join(parts), Medium.OTHER, said, message.topic, radio=True),)


def _telegram(message: Message) -> tuple[Item, ...]:
    found: list[Item] = []
    for item in rtl_433.Framer().feed(message.payload + b"\n"):
        if isinstance(item, DecodeError):
            raise item
        if isinstance(item, Frame):
            read = wmbus.decode(item)
            name = str(read.address).partition(":")[2]
            if read.state is not State.DECODED:
                why = "locked: a port with protocol wmbus takes its key"
                read = replace(read, state=State.UNSUPPORTED, error=why, encrypted=False)
            thing = Thing(replace(read, address=address(KIND, f"{WIRELESS_MBUS}/{name}")), name, KIND, radio=True)
            found.append(Heard(thing, message.topic, {}))
    return tuple(found)


def _readings(content: Mapping[str, object]) -> Said:
    said = Said()
    for key, value in content.items():
        if NOT_READ.fullmatch(key):
            continue
        if key == "humidity":
            said.add(key, HUMIDITY, value)
            continue
        name, _, suffix = key.rpartition("_")
        what = SUFFIXES.get(suffix) if name else None
        number: object = value
        if isinstance(value, str):
            parts = WITH_UNIT.fullmatch(value)
            what = UNITS.get(parts[2]) if parts else None
            number = number_of(parts[1]) if parts else None
        if what is not None and what.quantity.kind is Kind.LEVEL and isinstance(number, (int, Decimal)):
            said.add(key, what, number, main=key == "temperature_C")
    return said
