"""What a [[meter]] of the configuration says: an address that speaks by itself, or what a port has to ask or count."""

import re
from collections.abc import Sequence
from enum import Enum, auto
from typing import TYPE_CHECKING

from drivers.model import Medium, Quantity
from drivers.pulse import PER_KWH_MAX, Weight, parse_weight, per_kwh
from gateway.config.port import topic_filter
from gateway.config.table import Table, join, line, port_name, shown
from gateway.config.words import Meter, Port, Protocol

if TYPE_CHECKING:
    from drivers.mqtt.generic import Value

EVERY_S = 10
EVERY_S_MAX = 86_400
MBUS_PRIMARY_MAX = 250  # EN 13757-2, address field: what may be given to a meter
# A wired meter that lives on a battery has only so many answers in it.
MBUS_EVERY_S, MBUS_EVERY_S_MIN = 3600, 60
KEY_DIGITS = 32
KEY_SHOWN_MAX = 7  # a longer text may be a key but for one digit, and a key is shown to nobody

ADDRESS = re.compile(
    r"tic:[0-9A-Z]{12}|p1:[0-9A-Za-z-]{1,40}|sml:[0-9A-Z]{2,32}"
    r"|w?mbus:[@-_]{3}-[0-9A-Fa-f]{8}-[0-9a-f]{2}-[0-9a-f]{2}"
    r"|thing:[a-z0-9_]{1,20}/[^\x00-\x20#+]([^\x00-\x1f#+]{0,198}[^\x00-\x20#+])?"
    r"|mbus:([0-9a-f]{8}|[0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|250)"  # a meter that says no more of itself
)
ADDRESS_WANTED = "an address such as wmbus:KAM-12345678-1b-16 or tic:041234567890"

# What may be measured by pulses that are worth litres, or watt-hours.
WEIGHTS = ("weight", "pulses_per_kwh")
PULSE_MEDIA = {
    Quantity.VOLUME: (Medium.GAS, Medium.WATER, Medium.HOT_WATER),
    Quantity.ENERGY: (Medium.ELECTRICITY, Medium.HEAT, Medium.COOLING, Medium.OTHER),
}


class How(Enum):
    """How a meter is read: it speaks by itself; it is asked by M-Bus, or by Modbus; a topic speaks of it; it is counted."""

    SPEAKING = auto()
    WIRED = auto()
    ASKED = auto()
    MAPPED = auto()
    COUNTED = auto()


# Which words such a meter has beside `name` and `medium`, and why it has no other.
WORDS = {
    How.SPEAKING: ({"address", "key"}, "a meter with an address speaks by itself"),
    How.WIRED: ({"address", "key", "port", "primary", "every_s"}, "an mbus meter has none"),
    How.MAPPED: ({"port", "topic", "values"}, "a meter that a topic speaks of has none"),
    How.COUNTED: ({"port", *WEIGHTS}, "a meter whose pulses are counted has none"),
    How.ASKED: ({"port", "unit", "model", "every_s"}, "a modbus meter has none"),
}


def meter_table(table: Table, ports: Sequence[Port]) -> Meter:
    """Read one [[meter]]; `ports` are those that it may name."""
    name = table.checked("name", "", line, needed=True)
    address = table.checked("address", "", _address)
    key = table.checked("key", None, _key)
    named = table.checked("port", "", port_name)
    port = next((port for port in ports if port.name == named), None)
    masters = [each.name for each in ports if each.protocol == "mbus" and not each.listen]
    how = _how(table, address, port, masters)
    # Modbus over serial line V1.02, section 2.2: 1 to 247; gateways that speak Modbus TCP also answer to 0 and 255.
    unit = table.integer("unit", None, range(256) if port is not None and port.framing == "tcp" else range(1, 248))
    model = table.checked("model", "", line)
    least_s, usual_s = (MBUS_EVERY_S_MIN, MBUS_EVERY_S) if how is How.WIRED else (1, EVERY_S)
    every_s = table.integer("every_s", usual_s, range(least_s, EVERY_S_MAX + 1))
    primary = table.integer("primary", None, range(MBUS_PRIMARY_MAX + 1))
    stated = table.word("medium", None, tuple(Medium))
    medium = Medium(stated) if stated else None
    weight = _weight(table)
    topic = table.checked("topic", None, _mapped_topic)
    values = tuple(value for each in table.tables("values") if (value := _value(each)) is not None)
    if how is not None:
        words, reason = WORDS[how]
        for other in sorted(set.union(*(known for known, _ in WORDS.values())) - words):
            table.refuse(other, reason)
    match how:
        case None:
            table.fault("", "an address is needed, or port, unit and model, or port and weight")
        case How.SPEAKING:
            _check_speaking(table, address, medium)
        case How.WIRED:
            named = _mbus_port(table, named, masters)
        case How.MAPPED:
            address = f"thing:generic/{topic}" if topic else ""
            _check_needed(table, {"port", "topic", "values", "medium"}, "is needed for a meter that a topic speaks of")
            _check_port(table, named, port, "mqtt")
        case How.COUNTED:
            address = f"pulse:{named}" if named else ""
            medium = _pulse_medium(table, weight, medium)
            _check_port(table, named, port, "pulse")
        case How.ASKED:
            address = f"modbus:{named}/{unit}" if named and unit is not None else ""
            asked = {"port", "unit", "model"} & table.met
            _check_needed(table, {"port", "unit", "model"}, "is needed beside " + " and ".join(sorted(asked)))
            _check_port(table, named, port, "modbus")
    table.end()
    return Meter(
        name, address, key, named or None, unit, model or None, every_s, medium, weight, topic, values, primary
    )


def _how(table: Table, address: str, port: Port | None, masters: Sequence[str]) -> How | None:
    """How the meter is read; None where its words do not say."""
    if address.startswith("mbus:") and ("port" in table.met or masters):
        return How.WIRED
    if "address" in table.met:
        return How.SPEAKING
    if {"topic", "values"} & table.met or (port is not None and port.protocol == "mqtt"):
        return How.MAPPED
    if set(WEIGHTS) & table.met or (port is not None and port.protocol == "pulse"):
        return How.COUNTED
    return How.ASKED if {"port", "unit", "model"} & table.met else None


def _check_speaking(table: Table, address: str, medium: Medium | None) -> None:
    if address and not address.startswith(("wmbus:", "mbus:")):
        table.refuse("key", "only wmbus and mbus meters have a key")
    if address.startswith("p1:") and medium is None:
        table.fault("medium", "is needed: a p1 line has meters of several kinds")


def _check_needed(table: Table, words: set[str], why: str) -> None:
    for word in sorted(words - table.met):
        table.fault(word, why)


def _check_port(table: Table, named: str, port: Port | None, protocol: Protocol) -> None:
    if port is None and named:
        table.fault("port", f"no [[port]] has the name {shown(named)}")
    elif port is not None and port.protocol != protocol:
        article = "an" if protocol == "mqtt" else "a"
        table.fault("port", f"{article} {protocol} port is needed, not {named!r}, which is {port.protocol}")


def _mbus_port(table: Table, named: str, masters: Sequence[str]) -> str:
    """On which bus the meter is asked: the one that is named, or the only one there is."""
    if "port" in table.met:
        if named and named not in masters:
            wanted = f"one of {join(masters)} is needed" if masters else "an mbus port that does not listen is needed"
            table.fault("port", f"{wanted}, not {shown(named)}")
        return named
    if len(masters) > 1:
        table.fault("port", f"is needed: on which bus is it, {join(masters)}?")
    return masters[0]


def _value(table: Table) -> "Value | None":
    """One row of `values`."""
    from drivers.mqtt import generic  # late: a house without a broker does not load it

    path = table.checked("path", "", str)
    quantity = table.checked("quantity", "", str, needed=True)
    unit = table.checked("unit", "", str)
    factor = table.checked("factor", "1", str)
    register = table.checked("register", "", str)
    main = table.boolean("main", False)
    table.end()
    if not quantity:
        return None
    try:
        return generic.value(path, quantity, unit, factor, register, main=main)
    except ValueError as error:
        key, _, text = str(error).partition(": ")
        table.fault(key, text)
        return None


def _mapped_topic(text: str) -> str:
    topic = topic_filter(text)
    if not ADDRESS.fullmatch(f"thing:generic/{topic}"):
        raise ValueError(f"one topic of at most 200 characters, without + and #, is needed, not {shown(text)}")
    return topic


def _weight(table: Table) -> Weight | None:
    weight = table.checked("weight", None, parse_weight)
    pulses = table.integer("pulses_per_kwh", None, range(1, PER_KWH_MAX + 1))
    if set(WEIGHTS) <= table.met:
        table.fault("", "one of weight and pulses_per_kwh is needed, not both")
    return weight if pulses is None else per_kwh(pulses)


def _pulse_medium(table: Table, weight: Weight | None, medium: Medium | None) -> Medium | None:
    """What is measured; without a word, electricity where pulses are energy."""
    if "port" not in table.met:
        table.fault("port", "is needed beside what a pulse is worth")
    if not set(WEIGHTS) & table.met:
        table.fault("weight", 'is needed, such as "10 L", or pulses_per_kwh')
    if weight is None:
        return medium
    allowed = PULSE_MEDIA[weight.quantity]
    if medium is None and "medium" not in table.met:
        if weight.quantity is Quantity.ENERGY:
            return Medium.ELECTRICITY
        table.fault("medium", f"is needed: one of {join(allowed)}")
    elif medium is not None and medium not in allowed:
        table.fault("medium", f"one of {join(allowed)} is needed where pulses are {weight.quantity.unit}, not {medium}")
    return medium


def _key(text: str) -> bytes:
    if len(text) == KEY_DIGITS and re.fullmatch(r"[0-9A-Fa-f]+", text):
        return bytes.fromhex(text)
    if len(text) <= KEY_SHOWN_MAX:
        raise ValueError(f"{KEY_DIGITS} hex digits are needed, not {text!r}")
    wrong = re.search(r"[^0-9A-Fa-f]", text)
    place = f", the first that is no hex digit at place {wrong.start() + 1}" if wrong else ""
    raise ValueError(f"{KEY_DIGITS} hex digits are needed, not {len(text)} characters{place}")


def _address(text: str) -> str:
    if not ADDRESS.fullmatch(text):
        raise ValueError(f"{ADDRESS_WANTED} is needed, not {shown(text)}")
    if not text.startswith(("wmbus:", "mbus:")) or "-" not in text:
        return text
    maker, dash, number = text.partition("-")
    return maker + dash + number.lower()
