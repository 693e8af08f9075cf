"""What the things of one broker say: each message goes to the driver of its kind, and nothing of two things is mixed."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from drivers.model import DecodeError, Telegram
from drivers.mqtt import generic, homeassistant, rtl_433, shelly1, shelly2, tasmota, teleinfo, wmbusmeters, zigbee2mqtt
from drivers.mqtt.heard import Heard, Item
from drivers.mqtt.message import INVENTORY_BYTES_MAX, PAYLOAD_BYTES_MAX, TEXT_CHARACTERS_MAX, Message
from drivers.thing import Presence, Thing, Unread

# What is listened to when the configuration names no topics.
TOPICS = (
    "zigbee2mqtt/#",
    "tele/#",
    "+/tele/+",
    "shellies/#",
    "+/events/rpc",
    "+/status/+",
    "+/online",
    "homeassistant/#",
    "+/sensor/+/state",
    "+/binary_sensor/+/state",
    "+/status",
    "teleinfo/+",
    "wmbusmeters/#",
    "rtl_433/+/events",
)
THINGS_MAX = 1_000
UNITS_MAX = 20_000
# A name is free again once who had it was not heard for so long: somebody renamed a topic.
SOURCE_S = 3600
# A counter that so many readings found below the last believed one begins anew now and then: it is no index.
FALLS = 3
FALLEN_MAX = 500
# Kinds whose announcements do not say whether a counter survives a power cut.
UNSURE = homeassistant.KIND


@dataclass(slots=True)
class _Source:
    place: str
    at: int


@dataclass(slots=True)
class Things:
    """The memory of one broker, which belongs to who listens to it. Everything in it is bounded.

    `mappings` are what their owner says of topics; they go before what is recognised.
    """

    mappings: dict[str, generic.Mapping] = field(default_factory=dict)
    fallen: set[tuple[str, str]] = field(default_factory=set)
    _zigbee: zigbee2mqtt.Memory = field(default_factory=zigbee2mqtt.Memory)
    _shelly: shelly2.Memory = field(default_factory=shelly2.Memory)
    _announced: homeassistant.Memory = field(default_factory=homeassistant.Memory)
    _sources: OrderedDict[str, _Source] = field(default_factory=OrderedDict)
    _units: dict[tuple[str, str], str] = field(default_factory=dict)
    _falls: dict[tuple[str, str], int] = field(default_factory=dict)

    def hear(self, message: Message, at: int) -> tuple[Thing | Presence | Unread | DecodeError, ...]:
        """What one message says, heard at `at` (UTC seconds)."""
        if message.topic not in self.mappings and zigbee2mqtt.is_chatter(message.topic):
            return ()
        bytes_max = INVENTORY_BYTES_MAX if message.topic.endswith("/bridge/devices") else PAYLOAD_BYTES_MAX
        size = len(message.payload)
        if size > bytes_max:
            return (_fault(message, DecodeError(f"{size} bytes in a message, at most {bytes_max} are read")),)
        try:
            items = self._decode(message, at)
        except DecodeError as error:
            return (_fault(message, error),)
        if items is None:
            return (Unread("not recognised"),)
        return tuple(self._checked(message, items, at))

    def fell(self, address: str, register: str) -> None:
        """An index of a thing was below the last that was believed."""
        key = address, register
        if not address.startswith(f"thing:{UNSURE}/") or len(self._falls) >= FALLEN_MAX:
            return
        self._falls[key] = self._falls.get(key, 0) + 1
        if self._falls[key] >= FALLS and len(self.fallen) < FALLEN_MAX:
            self.fallen.add(key)

    def _decode(self, message: Message, at: int) -> Sequence[Item] | None:
        mapping = self.mappings.get(message.topic)
        if mapping is not None:
            return (Unread("retained"),) if message.retained else (generic.decode(message, mapping),)
        for found in (
            zigbee2mqtt.decode(message, self._zigbee, at),
            tasmota.decode(message),
            shelly1.decode(message),
            teleinfo.decode(message),
        ):
            if found is not None:
                return found
        if (found := rtl_433.decode(message)) is not None:
            return found
        if (found := homeassistant.decode(message, self._announced)) is not None:
            return found
        if (found := shelly2.decode(message, self._shelly)) is not None:
            return found
        return wmbusmeters.decode(message)

    def _checked(
        self, message: Message, items: Sequence[Item], at: int
    ) -> Iterator[Thing | Presence | Unread | DecodeError]:
        for item in items:
            if not isinstance(item, Heard):
                yield item
                continue
            address = str(item.thing.telegram.address)
            if not self._is_its_place(address, item.source, at):
                known = self._sources.get(address)
                where = f"speaks on {known.place}, and is not read from" if known else "is one thing too many, on"
                yield _fault(message, DecodeError(f"{address} {where} {item.source}"))
                continue
            yield replace(item.thing, telegram=self._of_one_unit(address, item))

    def _is_its_place(self, address: str, place: str, at: int) -> bool:
        known = self._sources.get(address)
        if known is not None and known.place != place and at - known.at < SOURCE_S:
            return False
        if known is None and len(self._sources) >= THINGS_MAX:
            oldest = next(iter(self._sources))
            if at - self._sources[oldest].at < SOURCE_S:
                return False
            del self._sources[oldest]
        self._sources[address] = _Source(place, at)
        self._sources.move_to_end(address)
        return True

    def _of_one_unit(self, address: str, item: Heard) -> Telegram:
        """The telegram without what changed its unit, and without counters that begin anew."""
        refused: list[DecodeError] = []
        readings = []
        for reading in item.thing.telegram.readings:
            key, unit = (address, reading.register), item.units.get(reading.register)
            if key in self.fallen:
                refused.append(DecodeError(f"{address} {reading.register}: it begins anew now and then: no index"))
                continue
            if unit is not None and len(self._units) < UNITS_MAX:
                first = self._units.setdefault(key, unit)
                if first != unit:
                    what = f"its unit was {first!r} and is {unit!r} now: not mixed"
                    refused.append(DecodeError(f"{address} {reading.register}: {what}"))
                    continue
            readings.append(reading)
        telegram = item.thing.telegram
        if not refused:
            return telegram
        return replace(telegram, readings=tuple(readings), faults=(*telegram.faults, *refused))


def _fault(message: Message, error: DecodeError) -> DecodeError:
    topic = message.topic if message.topic.isprintable() else ascii(message.topic)
    return DecodeError(f"mqtt {topic[:TEXT_CHARACTERS_MAX]}: {error}", error.data or message.payload)
