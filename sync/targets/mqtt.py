"""A broker at home, as Home Assistant finds devices there: the last figure of each series, retained, and what it is.

MQTT 3.1.1; Home Assistant, "MQTT: device discovery payload". docs/home-assistant.md says which topics.
"""

import asyncio
import contextlib
import hashlib
import json
import re
import secrets as random
import ssl
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.ports.mqtt import named
from gateway.way import Way
from sync.model import Home, Lies, Parcel, Piece, Put, Series, Target, Trouble, Why
from sync.net import Net

PORTS = {"mqtt": 1883, "mqtts": 8883}
HA_STATUS = "homeassistant/status"
KEEP_ALIVE_S = 30
ANSWER_S_MAX = 10.0
PAYLOAD_BYTES_MAX = 65_536
TOPICS_MAX = 10_000
REFUSED_LOGIN = frozenset({134, 135})  # MQTT 3.1.1, section 3.2.2.3, by paho's numbers

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
        self._line: _Line | None = None

    async def open(self) -> None:
        """Log in, and hear what of ours the broker holds."""
        line = self._line = _Line(self._way, self._secrets, self._net, self._base)
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
            await line.close(f"{self._base}/status")

    def _open_line(self) -> "_Line":
        line = self._line
        if line is None or line.lost is not None:
            raise Trouble(Why.UNREACHABLE, f"{self._net.host}: the connection is lost")
        return line

    async def _put(self, line: "_Line", parcel: Parcel) -> Put:
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


class _Line:
    """One connection. paho's own thread keeps it alive; all that it says is done in the event loop."""

    def __init__(self, way: Way, secrets: Mapping[str, str], net: Net, base: str) -> None:
        self._way, self._secrets, self._net, self._base = way, secrets, net, base
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._granted: dict[int, bool] = {}
        self._heard: dict[str, bytes] = {}
        self._connected = False
        self._client: Client | None = None
        self.seen: dict[str, bytes] = {}  # what the broker holds
        self.lost: Trouble | None = None
        self.asked_again = False
        self.erased = False

    async def connect(self) -> None:
        try:
            parts = urlsplit(self._way.address)
            usual = PORTS[parts.scheme]
            port = parts.port or usual
        except (ValueError, KeyError):
            raise Trouble(Why.ODD, "address: mqtt://HOST:1883 or mqtts://HOST:8883 is needed") from None
        if parts.scheme == "mqtt" and not self._way.at_home:
            raise Trouble(Why.FORBIDDEN, "mqtts is needed for a broker that is not at home")
        client = self._client = Client(
            CallbackAPIVersion.VERSION2,
            f"releve{random.token_hex(6)}",
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_message, client.on_subscribe = self._on_message, self._on_subscribe
        client.connect_timeout = ANSWER_S_MAX
        if self._way.user:
            client.username_pw_set(self._way.user, self._secrets.get("password", ""))
        client.will_set(f"{self._base}/status", b"offline", 1, retain=True)
        if parts.scheme == "mqtts":
            context = self._net.tls()
            if self._way.at_home:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            client.tls_set_context(named(context, self._net.host))
        host = (await self._net.addresses())[0]
        try:
            await self._loop.run_in_executor(None, client.connect, host, port, KEEP_ALIVE_S)
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", "") or error.reason or "no TLS there"
            raise Trouble(Why.CERTIFICATE, f"{self._net.host}: {reason}") from None
        except (OSError, ValueError) as error:
            raise Trouble(Why.UNREACHABLE, f"{self._net.host}: {getattr(error, 'strerror', None) or error}") from None
        client.loop_start()
        await self._until(lambda: self._connected)

    async def subscribe(self, topic: str) -> None:
        assert self._client is not None
        _, number = self._client.subscribe(topic, 1)
        assert number is not None
        await self._until(lambda: number in self._granted)
        if not self._granted[number]:
            raise Trouble(Why.REFUSED, f"{self._net.host}: the broker refuses to let us hear {topic}")

    async def say(self, topic: str, payload: bytes, *, retain: bool = True) -> None:
        """Until the broker brings it to us, too."""
        assert self._client is not None
        self._heard.pop(topic, None)
        self._client.publish(topic, payload, 1, retain)
        try:
            await self._until(lambda: self._heard.get(topic) == payload)
        except Trouble:
            if self.lost is not None:
                raise
            raise Trouble(Why.REFUSED, f"{self._net.host}: the broker does not take what is said to {topic}") from None

    async def close(self, status: str) -> None:
        client = self._client
        if client is None:
            return
        if self._connected and self.lost is None and not self.erased:
            with contextlib.suppress(Trouble):
                await self.say(status, b"offline")
        client.disconnect()
        if self._connected:  # else the broker takes it for a cut line, and says `offline` after an erasure
            with contextlib.suppress(Trouble):
                await self._until(lambda: False)
        await self._loop.run_in_executor(None, client.loop_stop)
        if (sock := client.socket()) is not None:
            sock.close()
        client._reset_sockets(sockpair_only=True)  # what paho wakes its thread with; it would wait for the collector
        self._client = None

    async def _until(self, holds: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                while not holds():
                    if self.lost is not None:
                        raise self.lost
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise Trouble(Why.UNREACHABLE, f"{self._net.host}: no answer of a broker in time") from None

    def _tell(self, change: Callable[[], None]) -> None:
        def done() -> None:
            change()
            self._changed.set()

        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(done)

    def _on_connect(
        self, _: Client, _data: Any, _flags: ConnectFlags, why: ReasonCode, _more: Properties | None
    ) -> None:
        def change() -> None:
            if why.is_failure:
                refused = Why.REFUSED if why.value in REFUSED_LOGIN else Why.ODD
                self.lost = self.lost or Trouble(refused, f"{self._net.host}: the broker refuses us ({why})")
            else:
                self._connected = True

        self._tell(change)

    def _on_disconnect(
        self, _: Client, _data: Any, _flags: DisconnectFlags, why: ReasonCode, _more: Properties | None
    ) -> None:
        def change() -> None:
            self.lost = self.lost or Trouble(Why.UNREACHABLE, f"{self._net.host}: the connection is lost ({why})")

        self._tell(change)

    def _on_subscribe(
        self, _: Client, _data: Any, number: int, granted: list[ReasonCode], _more: Properties | None
    ) -> None:
        self._tell(lambda: self._granted.__setitem__(number, not any(each.is_failure for each in granted)))

    def _on_message(self, _: Client, _data: Any, message: MQTTMessage) -> None:
        topic, payload = message.topic, bytes(message.payload)
        if len(payload) > PAYLOAD_BYTES_MAX:
            return

        def change() -> None:
            if topic == HA_STATUS:
                self.asked_again = self.asked_again or (payload == b"online" and not message.retain)
                return
            self._heard[topic] = payload
            if topic.endswith("/probe"):
                return
            if not payload:
                self.seen.pop(topic, None)
            elif len(self.seen) < TOPICS_MAX or topic in self.seen:
                self.seen[topic] = payload

        self._tell(change)
