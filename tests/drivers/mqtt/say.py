"""Payloads made by us in the shapes that the makers document, and what `Things` makes of them."""

import json
from decimal import Decimal

from drivers.model import DecodeError, Telegram
from drivers.mqtt import Message, Things
from drivers.thing import Presence, Thing, Unread

Heard = Thing | Presence | Unread | DecodeError
AT = 1_790_000_000


def payload(content: object) -> bytes:
    return content if isinstance(content, bytes) else json.dumps(content).encode()


def say(things: Things, topic: str, content: object, *, retained: bool = False, at: int = AT) -> tuple[Heard, ...]:
    return things.hear(Message(topic, payload(content), retained), at)


def telegram(things: Things, topic: str, content: object) -> Telegram:
    (item,) = say(things, topic, content)
    assert isinstance(item, Thing), item
    return item.telegram


def values(read: Telegram) -> dict[str, Decimal | str]:
    """Numbers and words by register, indexes and levels alike."""
    return {each.register: each.value for each in read.readings if isinstance(each.value, (Decimal, str))}


def mains(read: Telegram) -> set[str]:
    return {each.register for each in read.readings if each.main}


def fault(item: Heard) -> str:
    assert isinstance(item, DecodeError), item
    return str(item)


def numeric(name: str, unit: str, property_: str | None = None, access: int = 1) -> dict[str, object]:
    """One entry of `exposes` (zigbee2mqtt.io, guide/usage/exposes)."""
    return {"type": "numeric", "name": name, "property": property_ or name, "unit": unit, "access": access}


def binary(name: str, on: object = True, off: object = False) -> dict[str, object]:
    return {"type": "binary", "name": name, "property": name, "value_on": on, "value_off": off, "access": 1}


def device(ieee: str, name: str, *exposes: dict[str, object], model: str = "N1") -> dict[str, object]:
    """One row of `bridge/devices` (guide/usage/mqtt_topics_and_messages)."""
    return {
        "ieee_address": ieee,
        "type": "EndDevice",
        "friendly_name": name,
        "definition": {"model": model, "vendor": "Nobody", "exposes": list(exposes), "options": []},
        "endpoints": {"1": {"bindings": [], "clusters": {"input": ["genBasic"], "output": []}}},
    }


COORDINATOR = {"ieee_address": "0x01", "type": "Coordinator", "friendly_name": "Coordinator", "definition": None}


def bridge(*rows: dict[str, object]) -> Things:
    things = Things()
    assert say(things, "zigbee2mqtt/bridge/devices", [COORDINATOR, *rows], retained=True) == ()
    return things
