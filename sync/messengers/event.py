"""Home Assistant, by a broker at home: a device *Relevé* whose event is a message (docs/home-assistant.md).

Home Assistant, "MQTT: device discovery payload", "MQTT event", "MQTT sensor".
"""

import asyncio
import json
import secrets as random
from collections.abc import Awaitable, Callable, Mapping

from gateway.telling import ABOUT
from gateway.way import Way
from sync.model import Home, Message, Messenger, Told, Trouble, Why
from sync.mqtt_line import Line
from sync.net import Net
from sync.told import mark, subject, text, told

# Beside what a grant of messages can be about.
MORE = ("ending", "trial", "notice")
# Home Assistant says nowhere that it listens to a device of which it was just told, and keeps no event that came before.
# 2026.11 on two busy cores: 1 s was too short, 5 s enough.
SETTLE_S = 10.0
# Of a state; Home Assistant takes no longer one ("States").
STATE_CHARACTERS_MAX = 255

Sleep = Callable[[float], Awaitable[None]]


def make(way: Way, secrets: Mapping[str, str], home: Home, net: Net) -> Messenger:
    return Event(way, secrets, home, net)


class Event:
    """The device is retained by the broker, the event is not: Home Assistant takes no event that was.

    After it the last message is retained as a state: for a Home Assistant that was away, and for us, who see by it that a
    second try is one.
    """

    def __init__(
        self, way: Way, secrets: Mapping[str, str], home: Home, net: Net, *, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._way, self._secrets, self._home, self._net, self._sleep = way, secrets, home, net, sleep
        self._base = f"releve/{home.grant}"
        self._device = f"releve_{home.grant}_messages"
        self._config = f"homeassistant/device/{self._device}/config"
        self._last = f"{self._base}/message"
        self._line: Line | None = None

    async def open(self) -> None:
        """Log in, and have Home Assistant know the device."""
        line = await self._connect()
        payload = json.dumps(discovery(self._base, self._device), ensure_ascii=False).encode()
        if line.seen.get(self._config) != payload:
            await line.say(self._config, payload)
            await self._sleep(SETTLE_S)

    async def tell(self, message: Message) -> Told:
        if self._line is None or self._line.lost is not None:
            await self.open()
        line = self._line
        assert line is not None
        event, last = (json.dumps(one, ensure_ascii=False).encode() for one in self._bodies(message))
        if line.seen.get(self._last) == last:
            return told(b"\n".join((event, last)), "it was told before")
        await line.say(f"{self._base}/event", event, retain=False)
        await line.say(self._last, last)
        return told(b"\n".join((event, last)), "2 messages")

    async def leave(self) -> None:
        """Home Assistant removes a device whose topic is emptied."""
        line = self._line if self._line is not None and self._line.lost is None else await self._connect()
        for topic in (self._config, self._last):
            await line.say(topic, b"")

    async def close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await line.close()

    async def _connect(self) -> Line:
        """A line, and what of ours the broker holds."""
        await self.close()
        line = self._line = Line(self._way, self._secrets, self._net)
        await line.connect()
        for topic in (self._config, f"{self._base}/#"):
            await line.subscribe(topic)
        await line.say(
            f"{self._base}/probe", random.token_hex(8).encode(), retain=False
        )  # what is retained comes before it
        return line

    def _bodies(self, message: Message) -> tuple[dict[str, object], dict[str, object]]:
        said = {
            "title": subject(message),
            "message": text(message).strip(),
            "urgent": message.urgent,
            "at": message.at,
            "id": mark(self._home.grant, message),
        }
        if message.about not in (*ABOUT, *MORE):
            raise Trouble(Why.ODD, f"{message.about}: Home Assistant was told of no such event")
        return {"event_type": message.about, **said}, said


def discovery(base: str, device: str) -> dict[str, object]:
    """The payload of the device. It is there whether we are or not: so it names no topic that says so."""
    last = f"{base}/message"
    return {
        "dev": {"ids": [device], "name": "Relevé", "mf": "Relevé"},
        "o": {"name": "releve"},
        "cmps": {
            "event": {
                "p": "event",
                "unique_id": f"{device}_event",
                "name": "Message",
                "state_topic": f"{base}/event",
                "event_types": [*ABOUT, *MORE],
            },
            "message": {
                "p": "sensor",
                "unique_id": f"{device}_message",
                "name": "Last message",
                "state_topic": last,
                "value_template": f"{{{{ value_json.title[:{STATE_CHARACTERS_MAX}] }}}}",
                "json_attributes_topic": last,
            },
        },
        "qos": 1,
    }
