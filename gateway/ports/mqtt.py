"""Listens to an MQTT broker. Of lines of text each message is cut by itself, and what is not of now is refused.

Imported by a house that has such a port, and by no other: paho-mqtt comes with it.
"""

# paho-mqtt is driven from the event loop: this port waits until its socket is readable and then calls `loop_read`,
# which takes one packet at most. Nothing is queued between two threads, so a broker that floods waits in the kernel's
# buffer like any other line, and what a sink raises reaches the supervisor. Only looking up the name, connecting and
# TLS's handshake block inside paho: they run in a thread of the loop's own pool, where asyncio looks up names too, and
# nothing else touches the client meanwhile. paho's own thread would hand over through a queue without a bound;
# aiomqtt is one more dependency around the same calls.

import asyncio
import secrets
import socket
import ssl
from asyncio import Future
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from drivers.model import DecodeError, Frame
from drivers.talk import Dongle
from gateway.ports import Sink
from gateway.ports.lan import at_home
from gateway.ports.password import password_in
from gateway.ports.stream import cut, wake

PAYLOAD_BYTES_MAX = 16_384  # twice the longest line that a framer takes
# paho takes a packet whole before it hands it over. A broker that speaks MQTT 5 is told to keep longer ones; one of
# 3.1.1 cannot be told, and there its own limit holds (mosquitto: message_size_limit).
PACKET_BYTES_MAX = 262_144
ANSWER_S_MAX = 5.0
KEEP_ALIVE_S = 20  # a broker that vanished is noticed within twice as long
TURNS = 4  # how often, in one keep-alive, paho is asked whether it is time for a sign of life
REFUSED_LOGIN = frozenset({134, 135})  # MQTT 5.0, section 3.2.2.2; paho names those of 3.1.1 by the same numbers
OLDER_BROKER = 132


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to listen, to which topics, and as whom."""

    host: str
    port: int
    topics: tuple[str, ...]
    user: str | None = None
    password_file: Path | None = None
    tls: bool = False
    ca_file: Path | None = None
    password: str | None = field(default=None, repr=False)
    at_home: bool = False  # connected to in the home's network only

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class _OlderBrokerError(Exception):
    """The broker speaks MQTT 3.1.1 at most."""


class MqttLine:
    """One subscription of an MQTT port, which hears each message."""

    def __init__(
        self,
        name: str,
        broker: Broker,
        hear: Callable[[MQTTMessage], None],
        sink: Sink,
        *,
        answer_s: float = ANSWER_S_MAX,
        keep_alive_s: int = KEEP_ALIVE_S,
        packet_bytes_max: int = PACKET_BYTES_MAX,
    ) -> None:
        self._name = name
        self._broker = broker
        self._hear = hear
        self._sink = sink
        self._answer_s = answer_s
        self._keep_alive_s = keep_alive_s
        self._packet_bytes_max = packet_bytes_max

    async def run(self) -> None:
        try:
            await self._listen(MQTTProtocolVersion.MQTTv5)
        except _OlderBrokerError:
            await self._listen(MQTTProtocolVersion.MQTTv311)

    async def _listen(self, version: MQTTProtocolVersion) -> None:
        loop = asyncio.get_running_loop()
        host = await at_home(self._broker.host, self._broker.port) if self._broker.at_home else self._broker.host
        asked = (self._broker, host, version, self._keep_alive_s, self._packet_bytes_max)
        opening = loop.run_in_executor(None, _Session, *asked)
        try:
            session = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_unused)
            raise
        try:
            due: float | None = loop.time() + self._answer_s
            while True:
                await session.wait(due or loop.time() + self._keep_alive_s / TURNS)
                heard = session.read()
                if due is not None and session.subscribed:
                    due = None
                    self._sink.opened(self._name)
                for message in heard:
                    self._hear(message)
                if due is not None and loop.time() >= due:
                    raise TimeoutError(f"{self._broker}: no answer of an MQTT broker in {self._answer_s:g} s")
        finally:
            session.close()


class MqttPort:
    """Lines of text from a broker. Each message brings one or more to a framer of its own, its end included."""

    def __init__(
        self,
        name: str,
        broker: Broker,
        framer: Callable[[], Dongle],
        sink: Sink,
        *,
        answer_s: float = ANSWER_S_MAX,
        keep_alive_s: int = KEEP_ALIVE_S,
    ) -> None:
        self.name = name
        self._framer = framer
        self._sink = sink
        self._line = MqttLine(name, broker, self._hear, sink, answer_s=answer_s, keep_alive_s=keep_alive_s)

    async def run(self) -> None:
        await self._line.run()

    def _hear(self, message: MQTTMessage) -> None:
        if message.retain:
            self._sink.fault(self.name, DecodeError("mqtt: a message that the broker retained: its time is not known"))
            return
        if len(message.payload) > PAYLOAD_BYTES_MAX:
            size = f"{len(message.payload)} bytes in a message, at most {PAYLOAD_BYTES_MAX} are read"
            self._sink.fault(self.name, DecodeError(f"mqtt: {size}"))
            return
        for item in cut(self.name, self._framer(), bytes(message.payload) + b"\n"):
            match item:
                case Frame():
                    self._sink.frame(self.name, item)
                case DecodeError():
                    self._sink.fault(self.name, item)


def faults(broker: Broker) -> Iterator[tuple[str, str]]:
    """Which of the broker's files cannot be used, and why."""
    for key, path, read in (("password_file", broker.password_file, password_in), ("ca_file", broker.ca_file, _trust)):
        if path is not None:
            try:
                read(path)
            except OSError as error:
                yield key, str(error)


class _Session:
    """One connection. paho calls back only from within the methods here, and what it said waits until they end."""

    def __init__(
        self, broker: Broker, host: str, version: MQTTProtocolVersion, keep_alive_s: int, packet_bytes_max: int
    ) -> None:
        """Connect to the broker at `host`; this blocks. OSError or TimeoutError says in one sentence why it cannot be done."""
        self._broker = broker
        self._keep_alive_s = keep_alive_s
        self._answered = False
        self.subscribed = False
        self._heard: list[MQTTMessage] = []
        self._lost: Exception | None = None
        newer = version == MQTTProtocolVersion.MQTTv5
        self._client = client = Client(
            CallbackAPIVersion.VERSION2,
            f"releve{secrets.token_hex(6)}",  # another for each: a broker ends the older of two that are alike
            clean_session=None if newer else True,
            protocol=version,
            reconnect_on_failure=False,
        )
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = lambda _client, _data, message: self._heard.append(message)
        client.on_disconnect = self._on_disconnect
        if broker.user is not None:
            kept = password_in(broker.password_file) if broker.password_file else broker.password
            client.username_pw_set(broker.user, kept)
        if broker.tls:
            client.tls_set_context(named(_trust(broker.ca_file), broker.host))
        properties = None
        if newer:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho's own
            properties.MaximumPacketSize = packet_bytes_max
        try:
            client.connect(host, broker.port, keep_alive_s, properties=properties)
        except ssl.SSLCertVerificationError as error:
            raise OSError(f"{broker}: the broker's certificate is not trusted: {error.verify_message}") from None
        except (ssl.SSLError, ConnectionResetError) as error:
            raise OSError(f"{broker}: no TLS there: {error.strerror}") from None
        except TimeoutError:
            raise TimeoutError(f"{broker}: no answer in time") from None
        except (OSError, ValueError) as error:  # ValueError: what can be no name of a host
            raise OSError(f"{broker}: {getattr(error, 'strerror', None) or error}") from None

    async def wait(self, due: float) -> None:
        """Until something came, or until it is `due` on the loop's clock."""
        sock = self._client.socket()
        if sock is None:
            return
        loop = asyncio.get_running_loop()
        readable: Future[None] = loop.create_future()
        loop.add_reader(sock.fileno(), wake, readable)
        try:
            async with asyncio.timeout_at(due):
                await readable
        except TimeoutError:
            pass
        finally:
            loop.remove_reader(sock.fileno())

    def read(self) -> list[MQTTMessage]:
        """What came, and may be nothing; then OSError when the connection is lost. Sends the sign of life when due."""
        client = self._client
        more = True
        while more:
            client.loop_read()
            sock = client.socket()
            more = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0  # the kernel no longer knows of it
        client.loop_misc()
        if client.want_write():
            client.loop_write()
        heard, self._heard = self._heard, []
        if self._lost is not None and not heard:
            raise self._lost
        return heard

    def close(self) -> None:
        self._client.disconnect()
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    def _on_connect(self, client: Client, _: object, flags: ConnectFlags, why: ReasonCode, _more: object) -> None:
        self._answered = True
        if why.value == OLDER_BROKER:
            self._lost = _OlderBrokerError()
        elif why.value in REFUSED_LOGIN:
            wrong = "refuses the user or the password" if self._broker.user else "wants a user and a password"
            self._lost = self._lost or PermissionError(f"{self._broker}: the broker {wrong} ({why})")
        elif why.is_failure:
            self._lose(f"the broker refuses the connection ({why})")
        else:
            client.subscribe([(topic, 0) for topic in self._broker.topics])

    def _on_subscribe(self, _: Client, _data: object, _id: int, granted: list[ReasonCode], _more: object) -> None:
        for topic, answer in zip(self._broker.topics, granted, strict=False):
            if answer.is_failure:
                self._lose(f"the broker refuses the topic {topic!r} ({answer})")
        self.subscribed = self._lost is None

    def _on_disconnect(self, _: Client, _data: object, flags: DisconnectFlags, why: ReasonCode, _more: object) -> None:
        if flags.is_disconnect_packet_from_server:
            self._lose(f"the broker ended the connection ({why})")
        elif why == "Keep alive timeout":
            self._lose(f"no sign of life from the broker in {self._keep_alive_s} s")
        elif self._answered:
            self._lose("the connection is lost")
        else:
            self._lose("the connection ended before a broker answered: is it MQTT, and `tls` as it is there?")

    def _lose(self, why: str) -> None:
        """The first reason is the one; others follow from it."""
        self._lost = self._lost or OSError(f"{self._broker}: {why}")


def named(context: ssl.SSLContext, name: str) -> ssl.SSLContext:
    """Have the certificate be that of `name`, whatever address is connected to: paho would ask for the address's."""
    wrap = context.wrap_socket

    def wrap_named(
        sock: socket.socket, *, server_hostname: str = "", do_handshake_on_connect: bool = True
    ) -> ssl.SSLSocket:
        wrapped = wrap(sock, server_hostname=name, do_handshake_on_connect=do_handshake_on_connect)
        try:
            wrapped.do_handshake()  # here: paho would leave the socket open when it fails
        except OSError:
            wrapped.close()
            raise
        return wrapped

    context.wrap_socket = wrap_named  # type: ignore[assignment,method-assign] # as paho calls it
    return context


def _close_unused(opening: "Future[_Session]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _trust(path: Path | None) -> ssl.SSLContext:
    """Trust who signed the broker's certificate: the file's authority if there is one, else those of the system."""
    try:
        return ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise OSError(f"{path}: a certificate in PEM form is needed") from None
    except OSError as error:
        raise OSError(f"{path}: cannot be read: {error.strerror}") from None
