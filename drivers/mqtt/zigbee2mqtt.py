"""Zigbee2MQTT: what its inventory says a device exposes, with its unit, is read from what the device then says.

https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html and .../exposes.html
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from drivers.model import DecodeError, Medium, Quantity, frozen
from drivers.mqtt import zlinky
from drivers.mqtt.heard import Item, address, heard, medium_of
from drivers.mqtt.message import Message, parse, plain_word, small, table, words
from drivers.mqtt.units import YES_OR_NO, Meant, Said, meant
from drivers.thing import Presence, Unread

KIND = "zigbee2mqtt"
BASE = "zigbee2mqtt"
BASES_MAX = 8
DEVICES_MAX = 500
# A clock may be wrong by a few minutes; what a bridge remembers is older.
OLD_S = 600
# Below these speaks another kind, a device of whose may be called "bridge".
OTHERS = frozenset({"tele", "stat", "cmnd", "shellies", "homeassistant", "teleinfo", "wmbusmeters", "rtl_433"})
EXPOSES_MAX = 200
PUBLISHED, SETTABLE = 1, 2  # bits of `access`

# Of what is counted, only what the documentation calls a total: "energy_today" has the same unit and begins anew.
INDEX = re.compile(r"energy(_phase_[abc]|_l[1-9]|_[1-9]|_left|_right)?")
EXPORT = re.compile(r"produced_energy(_phase_[abc])?")
YES_NO = frozenset(
    [
        "water_leak",
        "contact",
        "occupancy",
        "presence",
        "smoke",
        "gas",
        "carbon_monoxide",
        "vibration",
        "battery_low",
        "tamper",
    ]
)
MAIN = frozenset({"energy", "power", "temperature"})
NOT_READ = re.compile(
    r".*(calibration|offset|threshold|setpoint|limit|max|min|interval|precision).*|device_temperature"
)
# Counts pulses under a name and a unit that its owner sets: read by a mapping, where the owner says what they are worth.
PULSES = frozenset({"ZiPulses"})


@frozen
class Expose:
    """One value of a device: where it stands, what it is, and how yes and no are written."""

    name: str
    property: str
    what: Meant
    yes: object = None
    no: object = None


@dataclass(frozen=True, slots=True)
class Device:
    """One row of the inventory."""

    ieee: str
    name: str
    model: str
    medium: Medium
    exposes: tuple[Expose, ...]


@dataclass(slots=True)
class Memory:
    """The inventories of the bridges heard, by base topic, then by friendly name."""

    devices: dict[str, dict[str, Device]] = field(default_factory=lambda: {BASE: {}})


def decode(message: Message, memory: Memory, at: int) -> tuple[Item, ...] | None:
    """What one message says, heard `at` (UTC seconds); None if it is none of a bridge's.

    DecodeError where it cannot be read.
    """
    base, bridge, _ = message.topic.partition("/bridge/")
    if bridge and base not in OTHERS:
        if is_chatter(message.topic):
            return ()
        _inventory(base, message.payload, memory)
        return ()
    for base, devices in memory.devices.items():
        if message.topic.startswith(base + "/"):
            return _said(message, base, message.topic.removeprefix(base + "/"), devices, at)
    return None


def is_chatter(topic: str) -> bool:
    """Whether a bridge speaks of itself there: its log, its settings, all devices that it could know, in megabytes."""
    base, bridge, what = topic.partition("/bridge/")
    return bool(bridge) and base not in OTHERS and what != "devices"


def _said(message: Message, base: str, name: str, devices: Mapping[str, Device], at: int) -> tuple[Item, ...]:
    device = devices.get(name)
    if device is not None:
        if message.retained:
            return (Unread("retained"),)
        content = table(message.payload)
        if _seen_at(content.get("last_seen"), at) < at - OLD_S:
            return (Unread("old"),)
        said = _readings(device, content)
        return (heard(KIND, device.ieee, device.name, device.medium, said, base),)
    stem, _, last = name.rpartition("/")
    if last == "availability" and stem in devices:
        word = plain_word(message.payload)
        if word.startswith("{"):
            word = words(table(message.payload).get("state"))
        return (Presence(address(KIND, devices[stem].ieee), word != "offline"),) if word else ()
    if last in {"set", "get"} or stem.rpartition("/")[2] in {"set", "get"}:
        return ()
    return (Unread("not in the inventory"),)


def _seen_at(last_seen: object, at: int) -> float:
    """When the device itself spoke, where the bridge says it. When it starts, it says again what it remembers of all."""
    if isinstance(last_seen, int) and not isinstance(last_seen, bool):
        return last_seen / 1000 if small(last_seen) else at
    try:
        said = datetime.fromisoformat(words(last_seen))
    except ValueError:
        return at
    return at if said.tzinfo is None else said.timestamp()


def _readings(device: Device, values: Mapping[str, object]) -> Said:
    said = Said()
    if device.model == zlinky.MODEL:
        zlinky.read(
            said, {expose.name: (expose.what, values.get(expose.property)) for expose in device.exposes}, values
        )
        return said
    for expose in device.exposes:
        value = values.get(expose.property)
        if expose.what is YES_OR_NO and not isinstance(value, bool) and value is not None:
            value = True if value == expose.yes else False if value == expose.no else value
        register = "export_energy" if expose.property == "produced_energy" else expose.property
        said.add(register, expose.what, value, main=expose.property in MAIN)
    return said


def _inventory(base: str, payload: bytes, memory: Memory) -> None:
    """Replace what is known of a bridge's devices; DecodeError where the list cannot be, and then nothing changes."""
    rows = parse(payload, inventory=True) if payload else []
    if not isinstance(rows, list):
        raise DecodeError("zigbee2mqtt: bridge/devices: a list is needed")
    if base not in memory.devices:
        if not any(isinstance(row, dict) and "ieee_address" in row for row in rows):
            return  # somebody else's bridge
        if len(memory.devices) >= BASES_MAX:
            raise DecodeError(f"zigbee2mqtt: more than {BASES_MAX} bridges")
    found: dict[str, Device] = {}
    twice: set[str] = set()
    addresses: set[str] = set()
    for row in rows[:DEVICES_MAX]:
        device = _device(row)
        if device is None:
            continue
        if device.name in found or device.ieee in addresses:
            twice.add(device.name)
        addresses.add(device.ieee)
        found[device.name] = device
    for name in twice:  # whose values they are nobody can say
        del found[name]
    memory.devices[base] = found
    if len(rows) > DEVICES_MAX:
        raise DecodeError(f"zigbee2mqtt: {len(rows)} devices, the first {DEVICES_MAX} are read")


def _device(row: object) -> Device | None:
    if not isinstance(row, dict):
        return None
    ieee, name, definition = words(row.get("ieee_address")), words(row.get("friendly_name")), row.get("definition")
    if not ieee or not name or not isinstance(definition, dict):
        return None
    model = words(definition.get("model"))
    exposes = () if model in PULSES else tuple(_exposes(model, definition.get("exposes")))[:EXPOSES_MAX]
    if model == zlinky.MODEL:
        medium = Medium.ELECTRICITY
    else:
        exposes = _unambiguous(exposes)
        medium = medium_of({expose.what.quantity for expose in exposes})
    return Device(ieee, name, model, medium, exposes)


def _unambiguous(exposes: tuple[Expose, ...]) -> tuple[Expose, ...]:
    """Two meanings of one value leave none."""
    properties = [expose.property for expose in exposes]
    return tuple(expose for expose in exposes if properties.count(expose.property) == 1)


def _exposes(model: str, rows: object) -> Iterator[Expose]:
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, dict):
            continue
        if "access" not in row:  # a light, a switch: what it has is in its features
            if row.get("type") != "composite":
                yield from _exposes(model, row.get("features"))
            continue
        access, name, property_ = row["access"], words(row.get("name")), words(row.get("property"))
        if not isinstance(access, int) or not access & PUBLISHED or access & SETTABLE or not name or not property_:
            continue
        what = _what(model, row, name, property_)
        if what is not None:
            yield Expose(name, property_, what, row.get("value_on"), row.get("value_off"))


def _what(model: str, row: Mapping[str, object], name: str, property_: str) -> Meant | None:
    if model == zlinky.MODEL:
        return zlinky.meant_by(name, row.get("type"), row.get("unit"))
    match row.get("type"):
        case "binary":
            return YES_OR_NO if name in YES_NO else None
        case "numeric" if not NOT_READ.fullmatch(name):
            what = meant(row.get("unit"), name)
            if what is None or not what.quantity.unit:
                return None
            index = what.quantity in {Quantity.ENERGY, Quantity.VOLUME}
            known = INDEX.fullmatch(property_) or EXPORT.fullmatch(property_)
            return what if not index or (known and what.quantity is Quantity.ENERGY) else None
    return None
