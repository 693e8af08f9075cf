"""Shelly, second generation and later: `<prefix>/events/rpc`, where only what changed is said, and `<prefix>/status/...`.

https://shelly-api-docs.shelly.cloud/gen2/: General/Notifications, ComponentsAndServices/Mqtt, EM, EMData, EM1, EM1Data,
Switch, PM1, Cover, Temperature, Humidity, Flood. Each measuring channel is a meter of its own; a three-phase `em` is one.
"""

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from drivers.model import DecodeError, Medium
from drivers.mqtt.heard import Heard, Item, address, heard
from drivers.mqtt.message import Message, plain_word, small, table, words
from drivers.mqtt.units import FACTOR, HUMIDITY, RATIO, UNITS, YES_OR_NO, Meant, Said
from drivers.thing import Presence, Unread

KIND = "shelly"
TOPIC = re.compile(r"(?P<prefix>.+)/(?P<what>events/rpc|online|status/(?P<component>[a-z0-9_]+(?::[0-9]{1,3})?))")
DEVICE = re.compile(r"[0-9A-Za-z_-]{1,60}")
COMPONENT = re.compile(r"(?P<type>[a-z0-9_]+):(?P<id>[0-9]{1,3})")
NOTIFICATIONS = frozenset({"NotifyStatus", "NotifyFullStatus"})
CHANNELS_MAX = 1_000
PREFIXES_MAX = 500

# Three phases in one instrument; its totals are its own.
PHASES = {"a": "l1", "b": "l2", "c": "l3"}
EM_PHASE: Mapping[str, tuple[str, Meant]] = {
    "act_power": ("power", UNITS["W"]),
    "aprt_power": ("apparent_power", UNITS["VA"]),
    "voltage": ("voltage", UNITS["V"]),
    "current": ("current", UNITS["A"]),
    "pf": ("power_factor", FACTOR),
    "total_act_energy": ("import_energy", UNITS["Wh"]),
    "total_act_ret_energy": ("export_energy", UNITS["Wh"]),
}
EM_TOTAL: Mapping[str, tuple[str, Meant]] = {
    "total_act_power": ("power", UNITS["W"]),
    "total_aprt_power": ("apparent_power", UNITS["VA"]),
    "total_current": ("current", UNITS["A"]),
    "total_act": ("import_energy", UNITS["Wh"]),
    "total_act_ret": ("export_energy", UNITS["Wh"]),
    "a_freq": ("frequency", UNITS["Hz"]),
}
EM: dict[str, tuple[str, Meant]] = {
    **EM_TOTAL,
    **{
        f"{letter}_{key}": (f"{register}_{phase}", what)
        for letter, phase in PHASES.items()
        for key, (register, what) in EM_PHASE.items()
    },
}
EM1: dict[str, tuple[str, Meant]] = {**EM_PHASE, "freq": ("frequency", UNITS["Hz"])}
OUTPUT: dict[str, tuple[str, Meant]] = {
    "apower": ("power", UNITS["W"]),
    "aprtpower": ("apparent_power", UNITS["VA"]),
    "voltage": ("voltage", UNITS["V"]),
    "current": ("current", UNITS["A"]),
    "pf": ("power_factor", FACTOR),
    "freq": ("frequency", UNITS["Hz"]),
}
# A component, and the meter whose values it has: `emdata:0` counts what `em:0` measures.
METERS: Mapping[str, tuple[str, Mapping[str, tuple[str, Meant]]]] = {
    "em": ("em", EM),
    "emdata": ("em", EM),
    "em1": ("em1", EM1),
    "em1data": ("em1", EM1),
    "switch": ("switch", OUTPUT),
    "pm1": ("pm1", OUTPUT),
    "cover": ("cover", OUTPUT),
    "light": ("light", OUTPUT),
}
MAIN = frozenset({"power", "import_energy"})
# What of a device is measured around it.
AROUND: Mapping[str, tuple[str, str, Meant]] = {
    "temperature": ("tC", "temperature", UNITS["°C"]),
    "humidity": ("rh", "humidity", HUMIDITY),
    "flood": ("alarm", "water_leak", YES_OR_NO),
    "smoke": ("alarm", "smoke", YES_OR_NO),
}
# A channel that says one of these measures nothing that may be believed.
BROKEN = ("power_meter_failure", "out_of_range", "ct_type_not_set", "read", "no_load_calibration")


@dataclass(slots=True)
class Memory:
    """What a partial message leaves out: each channel's returned energy. And which device speaks under a prefix."""

    returned: OrderedDict[str, Decimal] = field(default_factory=OrderedDict)
    devices: dict[str, str] = field(default_factory=dict)


def decode(message: Message, memory: Memory) -> tuple[Item, ...] | None:
    """What one message says; None if it is none of a Shelly's. DecodeError where it cannot be read."""
    found = TOPIC.fullmatch(message.topic)
    if found is None or found["prefix"].startswith("shellies/"):
        return None
    prefix = found["prefix"]
    if found["what"] == "online":
        word = plain_word(message.payload)
        return (Presence(address(KIND, prefix), word == "true"),) if word in {"true", "false"} else None
    if not message.payload.lstrip().startswith(b"{"):
        return None  # somebody else's topic
    content = table(message.payload)
    if found["component"] is not None:
        if COMPONENT.fullmatch(found["component"]) is None and "id" not in content:
            return ()
        if message.retained:
            return (Unread("retained"),)
        return tuple(_things(prefix, {found["component"]: content}, memory, whole=True))
    if not isinstance(content.get("method"), str) or "params" not in content:
        return None
    if message.retained:
        return (Unread("retained"),)
    device, params = words(content.get("src")), content["params"]
    if content["method"] not in NOTIFICATIONS or not isinstance(params, dict):
        return ()
    _check_name(device, prefix, memory)
    return tuple(_things(prefix, params, memory, whole=content["method"] == "NotifyFullStatus"))


def whole_status(device: str, components: Mapping[str, object], memory: Memory) -> tuple[Heard, ...]:
    """What `Shelly.GetStatus` says, asked of the device itself: all its components at once."""
    return tuple(_things(device, components, memory, whole=True))


def is_device_id(text: object) -> bool:
    """Whether this is the id of a device, such as `shellypro3em-08f9e0e5c0a8`."""
    return isinstance(text, str) and DEVICE.fullmatch(text) is not None


def _check_name(device: str, prefix: str, memory: Memory) -> None:
    """One device speaks under one prefix: two with one name, or one under two, are not mixed. DecodeError says which."""
    known = memory.devices.get(prefix)
    if known == device:
        return
    if not device:
        raise DecodeError("a Shelly that does not say its name")
    if known is not None:
        raise DecodeError(f"{device} speaks under the prefix of {known}: not mixed")
    if (other := next((each for each, name in memory.devices.items() if name == device), None)) is not None:
        raise DecodeError(f"{device} speaks under the prefix {other} already: not mixed")
    if len(memory.devices) >= PREFIXES_MAX:
        raise DecodeError(f"more than {PREFIXES_MAX} Shellys")
    memory.devices[prefix] = device


def _things(prefix: str, components: Mapping[str, object], memory: Memory, *, whole: bool) -> Iterator[Heard]:
    meters: dict[str, tuple[Said, list[str]]] = {}
    around = Said()
    for name, status in components.items():
        found = COMPONENT.fullmatch(name)
        if found is None or not isinstance(status, dict):
            continue
        if (known := METERS.get(found["type"])) is not None:
            said, errors = meters.setdefault(f"{known[0]}:{found['id']}", (Said(), []))
            broken = [words(each) for each in _list(status.get("errors")) if words(each)]
            errors += broken
            if not any(each.startswith(BROKEN) for each in broken):
                _measured(said, known[1], status)
                _counted(said, f"{prefix}/{name}", status, memory, whole=whole)
        elif (seen := AROUND.get(found["type"])) is not None:
            key, register, what = seen
            numbered = register if found["id"] == "0" else f"{register}_{found['id']}"
            around.add(numbered, what, status.get(key), main=register == "temperature")
        elif found["type"] == "devicepower" and isinstance(battery := status.get("battery"), dict):
            around.add("battery", RATIO, battery.get("percent"))
    for channel, (said, errors) in meters.items():
        if said.readings or said.faults or errors:
            status_words = tuple(dict.fromkeys(errors))
            name = f"{prefix} {channel}"
            yield heard(KIND, f"{prefix}/{channel}", name, Medium.ELECTRICITY, said, prefix, status=status_words)
    if around.readings or around.faults:
        yield heard(KIND, prefix, prefix, Medium.OTHER, around, prefix)


def _measured(said: Said, rows: Mapping[str, tuple[str, Meant]], status: Mapping[str, object]) -> None:
    for key, (register, what) in rows.items():
        if key in status:
            said.add(register, what, status[key], main=register in MAIN)


def _counted(said: Said, channel: str, status: Mapping[str, object], memory: Memory, *, whole: bool) -> None:
    """`aenergy` counts both directions: what was taken is what is left without `ret_aenergy` (Switch, status).

    Where it is not said, the last one holds: what is left out did not change. Where none was ever said there is none,
    if this is the whole status, or a new minute has begun, of which both would tell.
    """
    both, returned = status.get("aenergy"), status.get("ret_aenergy")
    if isinstance(returned, dict):
        total = _wh(returned.get("total"))
        if total is not None:
            memory.returned[channel] = total
            memory.returned.move_to_end(channel)
            said.add("export_energy", UNITS["Wh"], total)
            if len(memory.returned) > CHANNELS_MAX:
                memory.returned.popitem(last=False)
    if not isinstance(both, dict):
        return
    total = _wh(both.get("total"))
    known = memory.returned.get(channel)
    if known is None and returned is None and (whole or "minute_ts" in both):
        known = Decimal(0)
    if total is not None and known is not None:
        said.add("import_energy", UNITS["Wh"], total - known, main=True)


def _wh(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)) or not small(value):
        return None
    return Decimal(value)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
