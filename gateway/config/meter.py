"""What a [[meter]] of the configuration says: an address that speaks by itself, or what a port has to ask or count."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from drivers.model import Medium, Quantity
from drivers.pulse import PER_KWH_MAX, Weight, parse_weight, per_kwh
from gateway.config.port import topic_filter
from gateway.config.table import Table, join, line, port_name, shown
from gateway.config.words import Meter, Port

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


def meter_table(table: Table, ports: Sequence[Port]) -> Meter:
    """Read one [[meter]]; `ports` are those that it may name."""
    name = table.checked("name", "", line, needed=True)
    address = table.checked("address", "", _address)
    key = table.checked("key", None, _key)
    named = table.checked("port", "", port_name)
    port = next((port for port in ports if port.name == named), None)
    # Modbus over serial line V1.02, section 2.2: 1 to 247; gateways that speak Modbus TCP also answer to 0 and 255.
    unit = table.integer("unit", None, range(256) if port is not None and port.framing == "tcp" else range(1, 248))
    model = table.checked("model", "", line)
    masters = [each.name for each in ports if each.protocol == "mbus" and not each.listen]
    asked = address.startswith("mbus:") and ("port" in table.met or bool(masters))
    least_s, usual_s = (MBUS_EVERY_S_MIN, MBUS_EVERY_S) if asked else (1, EVERY_S)
    every_s = table.integer("every_s", usual_s, range(least_s, EVERY_S_MAX + 1))
    primary = table.integer("primary", None, range(MBUS_PRIMARY_MAX + 1))
    medium = table.word("medium", None, tuple(Medium))
    weight = _weight(table)
    polled = {"port", "unit", "model"} & table.met
    topic = table.checked("topic", None, _mapped_topic)
    values = tuple(_value(each) for each in table.tables("values"))
    if asked:
        named = _mbus_port(table, named, masters)
        for other in ("unit", "model", "topic", "values", *WEIGHTS):
            table.refuse(other, "an mbus meter has none")
    elif "address" in table.met:
        for other in ("port", "unit", "model", "every_s", "primary", "topic", "values", *WEIGHTS):
            table.refuse(other, "a meter with an address speaks by itself")
        if address and not address.startswith(("wmbus:", "mbus:")):
            table.refuse("key", "only wmbus and mbus meters have a key")
        if address.startswith("p1:") and medium is None:
            table.fault("medium", "is needed: a p1 line has meters of several kinds")
    elif {"topic", "values"} & table.met or (port is not None and port.protocol == "mqtt"):
        _mapped_meter(table, port, named)
        address = f"thing:generic/{topic}" if topic else ""
    elif set(WEIGHTS) & table.met or (port is not None and port.protocol == "pulse"):
        address = f"pulse:{named}" if named else ""
        medium = _pulse_meter(table, port, named, weight, Medium(medium) if medium else None)
    elif not polled:
        table.fault("", "an address is needed, or port, unit and model, or port and weight")
    else:
        for needed in sorted({"port", "unit", "model"} - polled):
            table.fault(needed, "is needed beside " + " and ".join(sorted(polled)))
        table.refuse("key", "a modbus meter has no key")
        if port is None and "port" in polled:
            table.fault("port", f"no [[port]] has the name {shown(named)}")
        if port is not None and port.protocol != "modbus":
            table.fault("port", f"a modbus port is needed, not {named!r}, which is {port.protocol}")
        if named and unit is not None:
            address = f"modbus:{named}/{unit}"
    if not asked and "address" not in table.met:
        table.refuse("primary", "only an mbus meter has one beside its address")
    table.end()
    return Meter(
        name,
        address,
        key,
        named or None,
        unit,
        model or None,
        every_s,
        Medium(medium) if medium else None,
        weight,
        topic,
        tuple(value for value in values if value is not None),
        primary,
    )


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


def _mapped_meter(table: Table, port: Port | None, named: str) -> None:
    for other in ("unit", "model", "every_s", "key", *WEIGHTS):
        table.refuse(other, "a meter that a topic speaks of has none")
    for needed in ("port", "topic", "values", "medium"):
        if needed not in table.met:
            table.fault(needed, "is needed for a meter that a topic speaks of")
    if port is None and named:
        table.fault("port", f"no [[port]] has the name {shown(named)}")
    elif port is not None and port.protocol != "mqtt":
        table.fault("port", f"an mqtt port is needed, not {named!r}, which is {port.protocol}")


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


def _pulse_meter(
    table: Table, port: Port | None, named: str, weight: Weight | None, medium: Medium | None
) -> Medium | None:
    """What is measured; without a word, electricity where pulses are energy."""
    for other in ("unit", "model", "every_s", "key"):
        table.refuse(other, "a meter whose pulses are counted has none")
    if "port" not in table.met:
        table.fault("port", "is needed beside what a pulse is worth")
    elif port is None and named:
        table.fault("port", f"no [[port]] has the name {shown(named)}")
    elif port is not None and port.protocol != "pulse":
        table.fault("port", f"a pulse port is needed, not {named!r}, which is {port.protocol}")
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
