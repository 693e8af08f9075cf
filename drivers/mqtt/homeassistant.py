"""What announces itself as Home Assistant wants it, ESPHome above all: unit and class from the announcement, then numbers.

https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery, https://esphome.io/components/mqtt/. Only states that are
a plain number or word are read; those behind a template belong to a device that speaks a language of its own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from drivers.model import DecodeError, Kind, Medium, Quantity, frozen
from drivers.mqtt.heard import Item, address, heard
from drivers.mqtt.message import Message, plain_number, plain_word, table, words
from drivers.mqtt.units import HUMIDITY, RATIO, YES_OR_NO, Meant, Said, meant
from drivers.thing import Presence, Unread

KIND = "homeassistant"
PREFIX = "homeassistant"
CONFIG = re.compile(PREFIX + r"/(?P<type>sensor|binary_sensor)/(?P<rest>(?:[^/]+/)?[^/]+)/config")
SENSORS_MAX = 2_000
AVAILABLE_MAX = 1_000

# The long word of each short one (abbreviations of the discovery messages).
SHORT = {
    "stat_t": "state_topic",
    "unit_of_meas": "unit_of_measurement",
    "dev_cla": "device_class",
    "stat_cla": "state_class",
    "uniq_id": "unique_id",
    "obj_id": "object_id",
    "val_tpl": "value_template",
    "avty_t": "availability_topic",
    "pl_avail": "payload_available",
    "pl_not_avail": "payload_not_available",
    "pl_on": "payload_on",
    "pl_off": "payload_off",
    "dev": "device",
}
DEVICE_SHORT = {"ids": "identifiers", "cns": "connections"}
# What a class of the announcement may measure. A counter of gas and one of water have the same unit.
CLASSES: Mapping[str, frozenset[Quantity]] = {
    "energy": frozenset({Quantity.ENERGY}),
    "water": frozenset({Quantity.VOLUME}),
    "gas": frozenset({Quantity.VOLUME}),
    "power": frozenset({Quantity.POWER}),
    "apparent_power": frozenset({Quantity.APPARENT_POWER}),
    "reactive_power": frozenset({Quantity.REACTIVE_POWER}),
    "voltage": frozenset({Quantity.VOLTAGE}),
    "current": frozenset({Quantity.CURRENT}),
    "frequency": frozenset({Quantity.FREQUENCY}),
    "temperature": frozenset({Quantity.TEMPERATURE}),
    "pressure": frozenset({Quantity.PRESSURE}),
    "atmospheric_pressure": frozenset({Quantity.PRESSURE}),
    "volume_flow_rate": frozenset({Quantity.FLOW}),
    "carbon_dioxide": frozenset({Quantity.CONCENTRATION}),
}
PERCENT = {"humidity": HUMIDITY, "battery": RATIO}
YES_NO = {
    "moisture": "water_leak",
    "door": "contact_open",
    "window": "contact_open",
    "opening": "contact_open",
    "garage_door": "contact_open",
    "motion": "occupancy",
    "occupancy": "occupancy",
    "presence": "occupancy",
    "smoke": "smoke",
    "gas": "gas",
    "carbon_monoxide": "carbon_monoxide",
    "battery": "battery_low",
    "tamper": "tamper",
}
# A counter of a period has the unit and the class of one that counts for ever; ESPHome's `total_daily_energy` is one.
PERIOD = re.compile(
    r"(?i).*(dai?ly|day|today|yesterday|week|month|year|hour|session|boot|uptime|since|jour|hier|mois|semaine|annee|année"
    r"|heure|depuis|démarrage|demarrage).*"
)
MAIN = {Quantity.POWER, Quantity.FLOW}


@frozen
class Sensor:
    """One announced value of a device."""

    device: str
    name: str
    announced: str
    register: str
    what: Meant
    main: bool
    medium: Medium
    on: str = ""
    off: str = ""


@dataclass(slots=True)
class Memory:
    """What was announced, by the topic it speaks on; which topic each announcement named, and each value of a device."""

    sensors: dict[str, Sensor] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    values: dict[tuple[str, str], str] = field(default_factory=dict)
    alone: dict[tuple[str, Quantity], int] = field(default_factory=dict)
    available: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # topic: device, word, other word


def decode(message: Message, memory: Memory) -> tuple[Item, ...] | None:
    """What one message says; None if nothing announced it. DecodeError where it cannot be read."""
    config = CONFIG.fullmatch(message.topic)
    if config is not None:
        return _announced(message, config, memory)
    if message.topic.startswith(PREFIX + "/"):
        return ()
    if (there := memory.available.get(message.topic)) is not None:
        device, yes, no = there
        word = plain_word(message.payload)
        return (Presence(address(KIND, device), word == yes),) if word in {yes, no} else ()
    sensor = memory.sensors.get(message.topic)
    if sensor is None:
        return None
    if message.retained:
        return (Unread("retained"),)
    said = Said()
    alone = memory.alone.get((sensor.device, sensor.what.quantity)) == 1  # of two counters none stands for the device
    if sensor.what is YES_OR_NO:
        word = plain_word(message.payload)
        said.add(sensor.register, sensor.what, {sensor.on: True, sensor.off: False}.get(word, word))
    else:
        said.add(sensor.register, sensor.what, plain_number(message.payload), main=sensor.main and alone)
    if not said.readings and not said.faults:
        return ()
    return (heard(KIND, sensor.device, sensor.name, sensor.medium, said, sensor.device),)


def _announced(message: Message, config: re.Match[str], memory: Memory) -> tuple[Item, ...]:
    _forget(message.topic, memory)
    if not message.payload:
        return ()  # it is announced no longer
    content = _long(table(message.payload), SHORT)
    base = words(content.get("~"))
    topic = words(content.get("state_topic"))
    topic = base + topic[1:] if topic.startswith("~") else topic[:-1] + base if topic.endswith("~") else topic
    device, name = _device(content.get("device"))
    register = re.sub(r"[^A-Za-z0-9_]", "_", config["rest"].rpartition("/")[2])
    sensor = _sensor(config["type"], content, device, name, register)
    if sensor is None or not topic or not device or content.get("value_template"):
        return ()
    known = memory.sensors.get(topic)
    if known is None and (other := memory.values.get((device, register))) is not None:
        raise DecodeError(f"{message.topic}: {register} of {device} is announced on {other} already, not on {topic}")
    if known is not None:
        raise DecodeError(f"{message.topic}: {topic} is announced as {known.device} {known.register} already")
    if len(memory.sensors) >= SENSORS_MAX:
        raise DecodeError(f"homeassistant: more than {SENSORS_MAX} announced values")
    memory.sensors[topic], memory.named[message.topic], memory.values[device, register] = sensor, topic, topic
    quantity = device, sensor.what.quantity
    memory.alone[quantity] = memory.alone.get(quantity, 0) + 1
    if (available := words(content.get("availability_topic"))) and len(memory.available) < AVAILABLE_MAX:
        memory.available[available] = (
            device,
            words(content.get("payload_available")) or "online",
            words(content.get("payload_not_available")) or "offline",
        )
    return ()


def _forget(config_topic: str, memory: Memory) -> None:
    topic = memory.named.pop(config_topic, None)
    if topic is not None:
        sensor = memory.sensors.pop(topic)
        del memory.values[sensor.device, sensor.announced]
        memory.alone[sensor.device, sensor.what.quantity] -= 1


def _sensor(type_: str, content: Mapping[str, object], device: str, name: str, register: str) -> Sensor | None:
    class_ = words(content.get("device_class"))
    if type_ == "binary_sensor":
        known = YES_NO.get(class_)
        on, off = words(content.get("payload_on")) or "ON", words(content.get("payload_off")) or "OFF"
        if known is None or on == off:
            return None
        return Sensor(device, name, register, f"{known}.{register}", YES_OR_NO, False, Medium.OTHER, on, off)
    unit = content.get("unit_of_measurement")
    what = PERCENT.get(class_) if unit == "%" else meant(unit)
    if what is None or (class_ in CLASSES and what.quantity not in CLASSES[class_]):
        return None
    main = what.quantity in MAIN
    if what.quantity.kind is Kind.INDEX:
        words_ = f"{register} {words(content.get('name'))} {words(content.get('unique_id'))}"
        if content.get("state_class") != "total_increasing" or class_ not in CLASSES or PERIOD.fullmatch(words_):
            return None
        main = True
    medium = {"gas": Medium.GAS, "water": Medium.WATER}.get(class_, Medium.OTHER)
    if what.quantity in {Quantity.ENERGY, Quantity.POWER, Quantity.APPARENT_POWER}:
        medium = Medium.ELECTRICITY
    return Sensor(device, name, register, register, what, main, medium)


def _device(device: object) -> tuple[str, str]:
    """A device's first identifier, which ESPHome makes its MAC address, and its name."""
    if not isinstance(device, dict):
        return "", ""
    device = _long(device, DEVICE_SHORT)
    ids = device.get("identifiers")
    first = words(ids[0] if isinstance(ids, list) and ids else ids)
    return first, words(device.get("name")) or first


def _long(content: Mapping[str, object], short: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in content.items():
        long = short.get(key, key)
        if found.setdefault(long, value) != value:
            raise DecodeError(f"{long} is said twice, and not the same")
    return found
