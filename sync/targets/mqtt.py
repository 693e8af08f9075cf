"""A broker at home, as Home Assistant finds devices there: the last figure of each series, retained, and what it is.

MQTT 3.1.1; Home Assistant, "MQTT: device discovery payload". docs/home-assistant.md says which topics.
"""

import hashlib
import json
import re
import secrets as random
from collections.abc import Mapping, Sequence
from decimal import Decimal

from gateway.way import Way
from sync.model import Home, Lies, Parcel, Piece, Put, Series, Target, Trouble, Why
from sync.mqtt_line import HA_STATUS, Line
from sync.net import Net

# quantity, unit: device class, unit there, and how many of ours that is. Only what HA 2026.11 took in a trial, or names in its list.
CLASSES = {
    ("energy", "Wh"): ("energy", "Wh", "1"),
    ("energy", "J"): ("energy", "GJ", "1e9"),
    ("power", "W"): ("power", "W", "1"),
    ("apparent_power", "VA"): ("apparent_power", "VA", "1"),
    ("flow", "L/h"): ("volume_flow_rate", "L/h", "1"),
    ("temperature", "degC"): ("temperature", "°C", "1"),
    ("temperature_difference", "K"): ("temperature_delta", "K", "1"),
    ("voltage", "V"): ("voltage", "V", "1"),
    ("current", "A"): ("current", "A", "1"),
    ("frequency", "Hz"): ("frequency", "Hz", "1"),
    ("humidity", "%RH"): ("humidity", "%", "1"),
}
VOLUMES = {"gas": ("gas", "m³", "1000"), "water": ("water", "L", "1"), "hot_water": ("water", "L", "1")}


def make(way: Way, secrets: Mapping[str, str], home: Home, net: Net) -> Target:
    return Mqtt(way, secrets, home, net)


class Mqtt:
    """Keeps its connection: the broker says `offline` for us when it is gone.

    What was published is read back from the broker, by a process that keeps nothing; and each message is waited for until the
    broker brings it to us, too, since it thanks for one that it drops by its own rules.
    """

    def __init__(self, way: Way, secrets: Mapping[str, str], home: Home, net: Net) -> None:
        self._way, self._secrets, self._home, self._net = way, secrets, home, net
        self._base = f"releve/{home.grant}"
        self._device = f"releve_{home.grant}_"
        self._line: Line | None = None

    async def open(self) -> None:
        """Log in, and hear what of ours the broker holds."""
        line = self._line = Line(self._way, self._secrets, self._net, f"{self._base}/status")
        await line.connect()
        for topic in (f"{self._base}/#", "homeassistant/device/+/config", HA_STATUS):
            await line.subscribe(topic)
        probe = random.token_hex(8).encode()
        # What is retained comes before it.
        await line.say(f"{self._base}/probe", probe, retain=False)
        await line.say(f"{self._base}/status", b"online")

    async def put(self, parcels: Sequence[Parcel]) -> list[Put]:
        line = self._open_line()
        return [await self._put(line, parcel) for parcel in parcels]

    async def look(self) -> Lies | None:
        """A broker hands on, and says of nothing that it lies there."""
        return None

    async def erase(self, pieces: Sequence[Piece]) -> None:
        """Each topic of ours that the broker holds is emptied; Home Assistant then removes the devices."""
        line = self._open_line()
        line.erased = True
        devices = [topic for topic in line.seen if topic.startswith(f"homeassistant/device/{self._device}")]
        for topic in [*devices, *(topic for topic in line.seen if topic.startswith(f"{self._base}/"))]:
            await line.say(topic, b"")

    async def leave(self) -> None:
        """The login is its owner's."""

    async def close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await line.close()

    def _open_line(self) -> "Line":
        line = self._line
        if line is None or line.lost is not None:
            raise Trouble(Why.UNREACHABLE, f"{self._net.host}: the connection is lost")
        return line

    async def _put(self, line: "Line", parcel: Parcel) -> Put:
        devices: dict[str, list[Series]] = {}
        for series in parcel.series:
            devices.setdefault(series.key.partition(":")[0], []).append(series)
        sent, kept = [], 0
        for point, of_it in devices.items():
            topic = f"homeassistant/device/{self._device}{slug(point)}/config"
            payload = json.dumps(discovery(self._base, self._device, point, of_it), ensure_ascii=False).encode()
            if line.seen.get(topic) != payload or line.asked_again:
                await line.say(topic, payload)
                sent.append(payload)
        line.asked_again = False
        for series in parcel.series:
            figure = state(series)
            if figure is None:
                continue
            topic = f"{self._base}/{slug(series.key)}"
            if line.seen.get(topic) == figure:
                continue
            if is_behind(series.kind, line.seen.get(topic, b""), figure):
                kept += 1
                continue
            await line.say(topic, figure)
            sent.append(figure)
        whole = b"\n".join(sent)
        answer = f"{len(sent)} messages" + (f", {kept} not sent: older or less than what is there" if kept else "")
        held = str(max((max(one.at, default=0) for one in parcel.series), default=0) or "")
        return Put(held, len(whole), hashlib.sha256(whole).hexdigest(), answer)


def discovery(base: str, device: str, point: str, every: Sequence[Series]) -> dict[str, object]:
    """The payload of one device, a metering point, with a component a series."""
    components = {}
    for series in every:
        device_class, unit, _ = _class(series)
        said = {
            "p": "sensor",
            "unique_id": device + slug(series.key),
            "name": series.key.partition(":")[2],
            "state_topic": f"{base}/{slug(series.key)}",
            "value_template": "{{ value_json.value }}",
            "state_class": "total_increasing" if series.kind == "index" else "measurement",
            "device_class": device_class,
            "unit_of_measurement": unit,
        }
        components[slug(series.key)] = {name: value for name, value in said.items() if value}
    return {
        "dev": {"ids": [device + slug(point)], "name": every[0].name, "mf": "Relevé"},
        "o": {"name": "releve"},
        "cmps": components,
        "availability": [{"topic": f"{base}/status"}],
        "qos": 1,
    }


def state(series: Series) -> bytes | None:
    """The last figure that is known, in Home Assistant's unit, and its time."""
    known = [(at, value) for at, value in zip(series.at, series.value, strict=True) if value is not None]
    if not known:
        return None
    at, value = known[-1]
    number = Decimal(value) / Decimal(_class(series)[2])
    return f'{{"value":{number:f},"at":{at}}}'.encode()


def is_behind(kind: str, there: bytes, payload: bytes) -> bool:
    """Whether what the broker holds is newer, or an index that is higher: less would be counted as used by Home Assistant."""
    try:
        held = json.loads(there, parse_float=Decimal)
        held_at, held_value = int(held["at"]), Decimal(held["value"])
    except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError):
        return False
    if not held_value.is_finite():
        return False
    new = json.loads(payload, parse_float=Decimal)
    return bool(new["at"] < held_at or (kind == "index" and new["value"] < held_value))


def slug(text: str) -> str:
    """Letters, digits and hyphens as they are, all else by its number: no two texts have one."""
    return re.sub(r"[^A-Za-z0-9-]", lambda found: f"_{ord(found[0]):x}_", text)


def _class(series: Series) -> tuple[str, str, str]:
    if series.quantity == "volume":
        return VOLUMES.get(series.medium, ("", "L", "1"))
    return CLASSES.get((series.quantity, series.unit), ("", series.unit, "1"))
