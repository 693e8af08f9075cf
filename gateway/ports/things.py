"""Hears the things on the owner's broker, and keeps in memory what came last on each topic, for a page that maps one."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from paho.mqtt.client import MQTTMessage

from drivers.model import DecodeError
from drivers.mqtt import Message, Things
from drivers.mqtt.message import INVENTORY_BYTES_MAX
from drivers.thing import Presence, Thing, Unread
from gateway.ports import ThingSink
from gateway.ports.mqtt import ANSWER_S_MAX, KEEP_ALIVE_S, Broker, MqttLine

RECENT_TOPICS_MAX = 300
RECENT_BYTES_MAX = 2_048  # a payload that is longer is no thing's
PACKET_BYTES_MAX = INVENTORY_BYTES_MAX + 65_536  # and its topic


@dataclass(frozen=True, slots=True)
class Recent:
    """What came last on a topic, and when, UTC seconds."""

    topic: str
    payload: bytes
    at: int


class ThingsPort:
    """One subscription. `recent` has the topics of the last messages, the newest last; never what is on the air."""

    def __init__(
        self,
        name: str,
        broker: Broker,
        things: Things,
        sink: ThingSink,
        *,
        answer_s: float = ANSWER_S_MAX,
        keep_alive_s: int = KEEP_ALIVE_S,
    ) -> None:
        self.name = name
        self._things = things
        self._sink = sink
        self._recent: OrderedDict[str, Recent] = OrderedDict()
        self._line = MqttLine(
            name,
            broker,
            self._hear,
            sink,
            answer_s=answer_s,
            keep_alive_s=keep_alive_s,
            packet_bytes_max=PACKET_BYTES_MAX,
        )

    @property
    def recent(self) -> tuple[Recent, ...]:
        return tuple(self._recent.values())

    async def run(self) -> None:
        await self._line.run()

    def _hear(self, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:  # paho hands on what a broker lets pass
            self._sink.fault(self.name, DecodeError("mqtt: a topic that is no text in UTF-8"))
            return
        heard = Message(topic, bytes(message.payload), message.retain)

        def read(at: int) -> Sequence[Thing | Presence | Unread | DecodeError]:
            items = self._things.hear(heard, at)
            if not any(isinstance(item, Thing) and item.radio for item in items):
                self._remember(heard, at)
            return items

        for address, register in self._sink.things(self.name, read):
            self._things.fell(address, register)

    def _remember(self, message: Message, at: int) -> None:
        if message.retained or len(message.payload) > RECENT_BYTES_MAX:
            return
        self._recent[message.topic] = Recent(message.topic, message.payload, at)
        self._recent.move_to_end(message.topic)
        if len(self._recent) > RECENT_TOPICS_MAX:
            self._recent.popitem(last=False)
