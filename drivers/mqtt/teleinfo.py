"""teleinfo2mqtt: a Linky's TIC, each label with its raw text, on `teleinfo/<address of the meter>`.

https://github.com/fmartinou/teleinfo2mqtt. Its `value` leaves out leading zeros, so the raw text is read.
"""

import re

from drivers.model import Medium
from drivers.mqtt.heard import Item, heard
from drivers.mqtt.message import Message, table
from drivers.mqtt.tasmota import labels
from drivers.thing import Unread

KIND = "teleinfo"
TOPIC = re.compile(r"teleinfo/[0-9A-Za-z]{1,20}")
ADDRESS = re.compile(r"[0-9A-Z]{12}")


def decode(message: Message) -> tuple[Item, ...] | None:
    """What one message says; None if it is none of these. DecodeError where it cannot be read."""
    if not TOPIC.fullmatch(message.topic) or not message.payload.lstrip().startswith(b"{"):
        return None
    raw = {name: each.get("raw") for name, each in table(message.payload).items() if isinstance(each, dict)}
    address = raw.get("ADCO") or raw.get("ADSC")
    if not isinstance(address, str) or not ADDRESS.fullmatch(address):
        return (Unread("no number of its own"),)
    if message.retained:
        return (Unread("retained"),)
    return (heard(KIND, address, address, Medium.ELECTRICITY, labels(raw), message.topic),)
