"""wmbusmeters: the JSON that it publishes of a telegram it decoded; the unit is the end of each key.

https://github.com/wmbusmeters/wmbusmeters, README (fields) and its table of units. Only its output was looked at.
"""

import re
from collections.abc import Mapping

from drivers.model import Kind, Medium
from drivers.mqtt.heard import Item, heard
from drivers.mqtt.message import Message, table, words
from drivers.mqtt.units import HUMIDITY, UNITS, Said
from drivers.thing import Unread

KIND = "wmbusmeters"
MARK = b'"_"'
ID = re.compile(r"[0-9A-Fa-f]{8}")
DRIVER = re.compile(r"[a-z0-9_]{1,40}")
SUFFIXES = {
    "kwh": UNITS["kWh"],
    "mj": UNITS["MJ"],
    "gj": UNITS["GJ"],
    "kvarh": UNITS["kvarh"],
    "kvah": UNITS["kVAh"],
    "m3": UNITS["m3"],
    "l": UNITS["L"],
    "hca": UNITS["HCA"],
    "kw": UNITS["kW"],
    "m3h": UNITS["m3/h"],
    "lh": UNITS["L/h"],
    "c": UNITS["°C"],
    "v": UNITS["V"],
    "a": UNITS["A"],
    "hz": UNITS["Hz"],
    "bar": UNITS["bar"],
    "rh": HUMIDITY,
}
MEDIA = {
    "water": Medium.WATER,
    "cold water": Medium.WATER,
    "warm water": Medium.HOT_WATER,
    "hot water": Medium.HOT_WATER,
    "heat": Medium.HEAT,
    "heat volume at inlet": Medium.HEAT,
    "cooling": Medium.COOLING,
    "heat/cooling load": Medium.HEAT,
    "heat cost allocation": Medium.HEAT_COST,
    "gas": Medium.GAS,
    "electricity": Medium.ELECTRICITY,
}
# A value of the past, or the largest of a period, has the unit of the present one.
PAST = frozenset(
    [
        "at",
        "last",
        "prev",
        "previous",
        "history",
        "target",
        "min",
        "max",
        "minimum",
        "maximum",
        "average",
        "avg",
        "mean",
        "set",
        "due",
        "year",
        "month",
        "week",
        "day",
        "hour",
    ]
)
INDEXES = re.compile(
    r"total|total_(energy|volume|water|heat|cooling)(_consumption|_production)?|current_consumption|total_backward"
)
MAIN = frozenset({"total", "total_energy_consumption", "total_energy", "total_volume", "current_consumption"})
# A heat meter's volume is not what it is there for, and an allocator's units are.
MAIN_UNITS = {
    Medium.WATER: {"m3", "l"},
    Medium.HOT_WATER: {"m3", "l"},
    Medium.GAS: {"m3"},
    Medium.HEAT: {"kwh", "mj", "gj"},
    Medium.COOLING: {"kwh", "mj", "gj"},
    Medium.ELECTRICITY: {"kwh"},
    Medium.HEAT_COST: {"hca"},
}


def decode(message: Message) -> tuple[Item, ...] | None:
    """What one message says; None if wmbusmeters did not write it. DecodeError where it cannot be read."""
    if MARK not in message.payload[:200] or not message.payload.lstrip().startswith(b"{"):
        return None
    content = table(message.payload)
    id_ = words(content.get("id"))
    if content.get("_") != "telegram" or not ID.fullmatch(id_):
        return None
    if message.retained:
        return (Unread("retained"),)
    medium = MEDIA.get(words(content.get("media")), Medium.OTHER)
    status = tuple(each for each in words(content.get("status")).split() if each != "OK")
    said = _readings(content, medium)
    name = words(content.get("name")) or id_
    # Two makers may have given one number: the driver's word (`multical21`) tells them apart.
    driver = words(content.get("meter"))
    own = f"{driver}/{id_.lower()}" if DRIVER.fullmatch(driver) else id_.lower()
    return (heard(KIND, own, name, medium, said, message.topic, status=status, radio=True),)


def _readings(content: Mapping[str, object], medium: Medium) -> Said:
    said = Said()
    for key, value in content.items():
        name, _, suffix = key.rpartition("_")
        what = SUFFIXES.get(suffix)
        if what is None or not name or PAST & set(name.split("_")):
            continue
        index = what.quantity.kind is Kind.INDEX
        if index and not INDEXES.fullmatch(name):
            continue
        main = name in MAIN and suffix in MAIN_UNITS.get(medium, ()) if index else suffix in {"kw", "m3h", "lh"}
        said.add(key, what, value, main=main)
    return said
