"""Things on the owner's broker: heard with their name and values, adopted like any meter, and nothing of the others kept."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from drivers.encode import records, wmbus
from drivers.model import Address, DecodeError, Medium, Quantity
from drivers.mqtt import TOPICS, Message, Things
from drivers.mqtt.things import FALLS
from drivers.thing import Presence, Thing, Unread
from gateway import config, lines
from gateway.collect import PREVIEW_MAX
from gateway.config import ConfigError
from gateway.house import House
from gateway.model import SeriesKey
from gateway.ports.things import PACKET_BYTES_MAX, RECENT_BYTES_MAX, RECENT_TOPICS_MAX, ThingsPort
from gateway.trial import Trial
from gateway.views import PointState
from tests.brokers import ACCEPTED, GRANTED, There, publish, serving
from tests.drivers.mqtt.say import binary, device, numeric
from tests.house import NOON, Clock, house

BROKER = '[[port]]\nname = "broker"\nprotocol = "mqtt"\nmqtt = "127.0.0.1:1883"\n'
PLUG = device("0x1", "cuisine/lave-linge", numeric("power", "W"), numeric("energy", "kWh"))
LEAK = device("0x2", "cave", binary("water_leak"), numeric("temperature", "°C"))
ADDRESS = "thing:zigbee2mqtt/0x1"


class Spoken:
    """What things say to a house, through its own collecting."""

    def __init__(self, home: House) -> None:
        self.home = home
        home.collect.opened("broker")
        self.things = Things(fallen=home._fallen)
        self.say("zigbee2mqtt/bridge/devices", [PLUG, LEAK], retained=True)

    def say(self, topic: str, content: object, *, retained: bool = False) -> None:
        payload = content if isinstance(content, bytes) else json.dumps(content).encode()
        message = Message(topic, payload, retained)
        for address, register in self.home.collect.things("broker", lambda at: self.things.hear(message, at)):
            self.things.fell(address, register)

    @property
    def counts(self) -> dict[str, int]:
        return dict(self.home.collect.ports["broker"].counts)


def kept(home: House) -> dict[str, Decimal]:
    return {str(info.key): point.decimal for info in home.store.series() if (point := home.store.latest(info.key))}


def test_a_thing_nobody_adopted_is_known_by_its_name_and_last_values_and_nothing_of_it_is_kept(tmp_path: Path) -> None:
    with house(tmp_path, BROKER) as home:
        spoken = Spoken(home)
        spoken.say("zigbee2mqtt/cuisine/lave-linge", {"power": 3, "energy": 12.34})
        spoken.say("zigbee2mqtt/cuisine/lave-linge", {"power": 41.2})
        (heard,) = home.heard()
        assert (heard.address, heard.name, heard.kind) == (ADDRESS, "cuisine/lave-linge", "zigbee2mqtt")
        assert (heard.medium, heard.count, heard.values) == (Medium.ELECTRICITY, 2, 2)
        assert {each.register: each.value for each in heard.preview} == {
            "power": Decimal("41.2"),
            "energy": Decimal("12340.00"),
        }
        assert kept(home) == {}


async def test_an_adopted_thing_is_a_meter_whose_partial_messages_are_kept(tmp_path: Path) -> None:
    clock = Clock()
    with house(tmp_path, BROKER, clock) as home:
        spoken = Spoken(home)
        spoken.say("zigbee2mqtt/cuisine/lave-linge", {"power": 41.2})
        adoption = await home.adopt(ADDRESS, "Lave-linge", None)
        spoken.say("zigbee2mqtt/cuisine/lave-linge", {"energy": 12.34})
        spoken.say("zigbee2mqtt/cuisine/lave-linge", {"power": 55})
        assert kept(home) == {"lave-linge:energy:0": Decimal("12340.00"), "lave-linge:power:0": Decimal(55)}
        view = home.point(adoption.point)
        assert view is not None
        assert view.state is PointState.SPEAKING
        assert view.index is not None
        assert view.level is not None
        assert [view.index.value, view.level.value] == [12340, 55]
        assert home.heard() == ()


def test_a_neighbour_on_the_air_is_known_by_its_label_alone(tmp_path: Path) -> None:
    data = wmbus.telegram(Address("wmbus", "12345678", "KAM", 0x1B, 0x16), records.volume(612_483), 1).hex()
    with house(tmp_path, BROKER) as home:
        Spoken(home).say("rtl_433/pi/events", {"model": "Wireless-MBus", "id": 12345678, "data": data, "mic": "CRC"})
        (heard,) = home.heard()
        assert (heard.kind, heard.values, heard.preview) == ("rtl_433", 1, ())


async def test_a_thing_that_is_away_is_said_and_is_no_sign_of_life(tmp_path: Path) -> None:
    clock = Clock()
    with house(tmp_path, BROKER, clock) as home:
        spoken = Spoken(home)
        spoken.say("shellyplus1pm-1/status/switch:0", {"id": 0, "apower": 5})
        adoption = await home.adopt("thing:shelly/shellyplus1pm-1/switch:0", "Prise", None)
        spoken.say("shellyplus1pm-1/status/switch:0", {"id": 0, "apower": 6})
        clock.at += 30
        spoken.say("shellyplus1pm-1/online", b"false")
        away = home.point(adoption.point)
        assert away is not None
        assert (away.status, away.heard_at) == (("away",), NOON)
        spoken.say("shellyplus1pm-1/online", b"true")
        back = home.point(adoption.point)
        assert back is not None
        assert back.status == ()


async def test_a_thing_that_went_away_while_the_box_did_not_run_is_said_to_be_away(tmp_path: Path) -> None:
    with house(tmp_path, BROKER) as home:
        Spoken(home).say("shellyplus1pm-1/status/switch:0", {"id": 0, "apower": 5})
        await home.adopt("thing:shelly/shellyplus1pm-1/switch:0", "Prise", None)
    with house(tmp_path, BROKER) as home:
        spoken = Spoken(home)
        spoken.say("shellyplus1pm-1/online", b"false", retained=True)
        assert [point.status for point in home.points()] == [("away",)]
        spoken.say("shellyplus1pm-1/online", b"true", retained=True)
        assert [point.status for point in home.points()] == [()]


def test_what_is_not_read_is_counted_by_its_reason(tmp_path: Path) -> None:
    with house(tmp_path, BROKER) as home:
        spoken = Spoken(home)
        spoken.say("zigbee2mqtt/cave", {"water_leak": True}, retained=True)
        spoken.say("zigbee2mqtt/unknown", {"power": 1})
        spoken.say("somewhere/else", {"power": 1})
        spoken.say("zigbee2mqtt/cave", b'{"water_leak": NaN}')
        assert spoken.counts == {
            "messages": 5,
            "retained": 1,
            "not in the inventory": 1,
            "not recognised": 1,
            "faults": 1,
        }
        assert home.collect.ports["broker"].last_fault == "mqtt zigbee2mqtt/cave: NaN is no number"


async def test_a_leak_is_kept_at_once_though_it_was_dry_a_moment_ago(tmp_path: Path) -> None:
    clock = Clock()
    with house(tmp_path, BROKER, clock) as home:
        spoken = Spoken(home)
        spoken.say("zigbee2mqtt/cave", {"water_leak": False})
        await home.adopt("thing:zigbee2mqtt/0x2", "Cave", None)
        for leak in (False, True, False):
            spoken.say("zigbee2mqtt/cave", {"water_leak": leak, "temperature": 12})
            clock.at += 1
        points = home.store.points(SeriesKey("cave", "water_leak"), NOON - 1, NOON + 10)
        assert points is not None
        assert list(points.value) == [0, 1, 0]


async def test_an_index_that_runs_back_is_held_and_never_mixed_with_what_was_believed(tmp_path: Path) -> None:
    clock = Clock()
    with house(tmp_path, BROKER, clock) as home:
        spoken = Spoken(home)
        spoken.say("zigbee2mqtt/cuisine/lave-linge", {"energy": 12})
        await home.adopt(ADDRESS, "Lave-linge", None)
        for energy in (12, 12.1, 3, 12.2):
            clock.at += 60
            spoken.say("zigbee2mqtt/cuisine/lave-linge", {"energy": energy})
        assert kept(home) == {"lave-linge:energy:0": Decimal("12200.0")}
        assert spoken.counts["held"] == 1


async def test_a_thing_of_the_same_name_on_a_second_broker_is_not_mixed_with_the_first(tmp_path: Path) -> None:
    second = BROKER.replace('"broker"', '"other"')
    clock = Clock()
    with house(tmp_path, BROKER + second, clock) as home:
        for port, total in (("broker", 5), ("broker", 5), ("other", 6)):
            message = Message("tele/four/SENSOR", json.dumps({"ENERGY": {"Total": total}}).encode())
            home.collect.things(port, lambda at, said=message: Things().hear(said, at))  # type: ignore[misc] # mypy does not see the default
            if not home.points():
                await home.adopt("thing:tasmota/four", "Four", None)
        assert kept(home) == {"four:import_energy:0": 5000}
        assert "speaks on port broker, and is not read from port other" in str(home.collect.ports["other"].last_fault)


def announce(spoken: Spoken) -> None:
    sensor = {
        "unit_of_meas": "kWh",
        "dev_cla": "energy",
        "stat_cla": "total_increasing",
        "dev": {"ids": "a1", "name": "N"},
    }
    spoken.say("homeassistant/sensor/n/compteur/config", {**sensor, "stat_t": "n/sensor/compteur/state"}, retained=True)


async def test_an_announced_counter_that_begins_anew_is_no_index_after_a_restart_either(tmp_path: Path) -> None:
    clock = Clock()
    with house(tmp_path, BROKER, clock) as home:
        spoken = Spoken(home)
        announce(spoken)
        spoken.say("n/sensor/compteur/state", b"9")
        await home.adopt("thing:homeassistant/a1", "N", None)
        for energy in (b"9", b"10", *(b"0.1",) * FALLS, b"10.5"):
            clock.at += 60
            spoken.say("n/sensor/compteur/state", energy)
        assert kept(home) == {"n:compteur:0": Decimal(10_000)}
        await home.save(stopping=True)
    with house(tmp_path, BROKER, clock) as home:
        spoken = Spoken(home)
        announce(spoken)
        clock.at += 60
        spoken.say("n/sensor/compteur/state", b"11")
        assert kept(home) == {"n:compteur:0": Decimal(10_000)}


def test_a_thing_with_more_registers_than_a_page_shows_is_bounded(tmp_path: Path) -> None:
    many = device("0x3", "many", *(numeric(f"power_{n}", "W") for n in range(PREVIEW_MAX * 2)))
    with house(tmp_path, BROKER) as home:
        spoken = Spoken(home)
        spoken.say("zigbee2mqtt/bridge/devices", [many])
        spoken.say("zigbee2mqtt/many", {f"power_{n}": n for n in range(PREVIEW_MAX * 2)})
        (heard,) = home.heard()
        assert (heard.values, len(heard.preview)) == (PREVIEW_MAX, PREVIEW_MAX)


# -- the port ---------------------------------------------------------------------------------------------------------
class Sink(Trial):
    """Writes down all that a port says."""

    def __init__(self) -> None:
        super().__init__()
        self.items: list[Thing | Presence | Unread | DecodeError] = []
        self.news = asyncio.Event()

    def things(self, port: str, read: object) -> Sequence[tuple[str, str]]:
        assert callable(read)
        self.items += read(NOON)
        self.news.set()
        return ()

    async def count(self, number: int) -> list[Thing | Presence | Unread | DecodeError]:
        async with asyncio.timeout(10):
            while len(self.items) < number:
                self.news.clear()
                await self.news.wait()
        return self.items


async def test_the_port_reads_a_retained_inventory_larger_than_any_telegram_and_then_values() -> None:
    rows = [device(f"{n:#x}", f"d{n}", numeric("power", "W")) for n in range(300)]
    said = publish(json.dumps(rows).encode(), "zigbee2mqtt/bridge/devices", retain=True)
    said += publish(b'{"power":9}', "zigbee2mqtt/d299", retain=True) + publish(b'{"power":7}', "zigbee2mqtt/d299")
    there, sink = There(ACCEPTED, GRANTED, said), Sink()
    async with serving(there) as broker:
        port = ThingsPort("broker", replace(broker, topics=("zigbee2mqtt/#",)), Things(), sink)
        task = asyncio.create_task(port.run())
        retained, thing = await sink.count(2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert retained == Unread("retained")
    assert isinstance(thing, Thing)
    assert [each.value for each in thing.telegram.readings] == [7]
    # MQTT 5.0, section 3.1.2.11: the maximum packet size (27h), and no will: nothing is ever published.
    assert there.asked[0][1:][7] == 0b10
    assert there.asked[0][1:][11:16] == b"\x27" + PACKET_BYTES_MAX.to_bytes(4, "big")
    assert [each.topic for each in port.recent] == ["zigbee2mqtt/d299"]


async def test_recent_messages_are_bounded_and_hold_nothing_of_the_air() -> None:
    air = {"model": "Nexus-TH", "id": 1, "temperature_C": 3}
    said = b"".join(publish(b"1", f"a/{n}") for n in range(RECENT_TOPICS_MAX + 5))
    said += publish(json.dumps(air).encode(), "rtl_433/pi/events") + publish(b"x" * (RECENT_BYTES_MAX + 1), "long")
    there, sink = There(ACCEPTED, GRANTED, said), Sink()
    async with serving(there) as broker:
        port = ThingsPort("broker", broker, Things(), sink)
        task = asyncio.create_task(port.run())
        await sink.count(RECENT_TOPICS_MAX + 7)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [each.topic for each in port.recent] == [f"a/{n}" for n in range(5, RECENT_TOPICS_MAX + 5)]


def test_a_trial_shows_what_a_thing_says_and_nothing_of_the_air() -> None:
    trial, things = Trial(), Things()
    air = Message("rtl_433/pi/events", b'{"model":"Nexus-TH","id":1,"temperature_C":3}')
    for message in (air, Message("tele/x/SENSOR", b'{"ENERGY":{"Power":5}}'), Message("tele/x/SENSOR", b"{")):
        trial.things("broker", lambda at, message=message: things.hear(message, at))  # type: ignore[misc] # mypy does not see the default
    assert [str(each.address) for each in trial.telegrams] == ["thing:tasmota/x"]
    assert len(trial.faults) == 1


# -- configuration ----------------------------------------------------------------------------------------------------
MAPPED = """
[[meter]]
name = "Puits"
port = "broker"
topic = "garden/pump"
medium = "water"
values = [
  { path = "/total", quantity = "volume", unit = "m3", main = true },
  { path = "/flow", quantity = "flow", unit = "L/min", register = "debit" },
]
"""


def test_a_port_without_topics_listens_to_all_that_is_known_and_to_what_is_mapped() -> None:
    told = config.parse(BROKER + MAPPED, "a test")
    opened = lines.open_port(told.ports[0], told.meters, Trial())
    assert isinstance(opened, ThingsPort)
    assert opened._line._broker.topics == (*TOPICS, "garden/pump")
    named = config.parse(BROKER + 'topic = ["zigbee2mqtt/#"]\n', "a test")
    assert named.ports[0].mqtt is not None
    assert named.ports[0].mqtt.topics == ("zigbee2mqtt/#",)


async def test_a_mapped_topic_is_a_meter_from_its_first_message(tmp_path: Path) -> None:
    with house(tmp_path, BROKER + MAPPED) as home:
        assert home.config.meters[0].topic == "garden/pump"
        things = lines.open_port(home.config.ports[0], home.config.meters, home.collect)
        assert isinstance(things, ThingsPort)
        message = Message("garden/pump", b'{"total": 12.5, "flow": 2}')
        home.collect.things("broker", lambda at: things._things.hear(message, at))
        assert kept(home) == {"puits:volume:0": Decimal("12500.0"), "puits:debit:0": Decimal(120)}
        (point,) = home.points()
        assert (point.address, point.point.medium) == ("thing:generic/garden/pump", Medium.WATER)
        assert point.quantity is Quantity.VOLUME


@pytest.mark.parametrize(
    ("toml", "fault"),
    [
        ('[[port]]\nname = "b"\nprotocol = "mqtt"\n', "port[1]: mqtt is needed"),
        (
            '[[port]]\nname = "b"\nprotocol = "mqtt"\ndevice = "/dev/x"\n',
            "port[1].device: has no place here: an mqtt port listens to a broker",
        ),
        (BROKER + 'receiver = "auto"\n', "port[1].receiver: has no place here: only a wmbus port has a receiver"),
        (
            BROKER + MAPPED.replace('"garden/pump"', '"garden/#"'),
            "meter[1].topic: one topic of at most 200 characters, without + and #, is needed, not 'garden/#'",
        ),
        (
            BROKER + MAPPED.replace('medium = "water"\n', ""),
            "meter[1].medium: is needed for a meter that a topic speaks of",
        ),
        (
            BROKER + MAPPED.replace('"m3"', '"kWh"'),
            "meter[1].values[1].unit: one of m³, m3, L, l is needed for volume, not 'kWh'",
        ),
        (
            BROKER + MAPPED.replace('"/total"', '"total"'),
            "meter[1].values[1].path: a JSON pointer such as /ENERGY/Total is needed",
        ),
        (BROKER + MAPPED.replace("main", "mian"), "meter[1].values[1].mian: is not known; main?"),
        (MAPPED, "meter[1].port: no [[port]] has the name 'broker'"),
        ('[[meter]]\nname = "x"\naddress = "thing:tasmota/a+b"\n', "meter[1].address: an address such as"),
    ],
)
def test_a_fault_of_the_configuration_is_named_by_its_place(toml: str, fault: str) -> None:
    with pytest.raises(ConfigError) as met:
        config.parse(toml, "a test")
    assert any(each.startswith(fault) for each in met.value.faults), met.value.faults


def test_a_thing_may_be_adopted_by_the_file_under_the_address_that_the_page_shows() -> None:
    told = config.parse('[[meter]]\nname = "Four"\naddress = "thing:tasmota/cuisine/four à pain"\n', "a test")
    assert told.meters[0].address == "thing:tasmota/cuisine/four à pain"
