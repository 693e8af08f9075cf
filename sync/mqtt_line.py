"""A connection to a broker at home: what is said is waited for until the broker brings it back. MQTT 3.1.1."""

import asyncio
import contextlib
import secrets as random
import ssl
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.ports.mqtt import named
from gateway.way import Way
from sync.model import Trouble, Why
from sync.net import Net

PORTS = {"mqtt": 1883, "mqtts": 8883}
HA_STATUS = "homeassistant/status"
KEEP_ALIVE_S = 30
ANSWER_S_MAX = 10.0
PAYLOAD_BYTES_MAX = 65_536
TOPICS_MAX = 10_000
REFUSED_LOGIN = frozenset({134, 135})  # MQTT 3.1.1, section 3.2.2.3, by paho's numbers


class Line:
    """paho's own thread keeps it alive; all that it says is done in the event loop.

    `status`: a topic where the broker says `offline` for us when the line is cut, and we ourselves when we leave; none where it is empty.
    """

    def __init__(self, way: Way, secrets: Mapping[str, str], net: Net, status: str = "") -> None:
        self._way, self._secrets, self._net, self._status = way, secrets, net, status
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
        if self._status:
            client.will_set(self._status, b"offline", 1, retain=True)
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

    async def close(self) -> None:
        client = self._client
        if client is None:
            return
        if self._status and self._connected and self.lost is None and not self.erased:
            with contextlib.suppress(Trouble):
                await self.say(self._status, b"offline")
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
