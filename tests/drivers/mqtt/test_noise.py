"""What may come on any topic: too long, too deep, no number, anybody's bytes. A fault that says so, and nothing is read."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.model import DecodeError, Kind
from drivers.mqtt import Message
from drivers.mqtt.message import DEPTH_MAX, INVENTORY_BYTES_MAX, KEYS_MAX, PAYLOAD_BYTES_MAX
from drivers.mqtt.things import THINGS_MAX
from drivers.thing import Presence, Thing, Unread
from tests.drivers.mqtt.say import AT, bridge, device, fault, numeric, say, telegram, values

PLUG = device("0x1", "plug", numeric("power", "W"), numeric("energy", "kWh"))
TOPICS = (
    "zigbee2mqtt/plug",
    "zigbee2mqtt/plug/availability",
    "zigbee2mqtt/bridge/devices",
    "tele/plug/SENSOR",
    "tele/plug/LWT",
    "shellies/shellyem-1/emeter/0/total",
    "shellies/shellyht-1/info",
    "shellyplus1pm-1/events/rpc",
    "shellyplus1pm-1/status/switch:0",
    "shellyplus1pm-1/online",
    "homeassistant/sensor/node/power/config",
    "node/sensor/power/state",
    "wmbusmeters/12345678",
    "rtl_433/pi/events",
)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b'{"power": NaN}', "NaN is no number"),
        (b'{"power": Infinity}', "Infinity is no number"),
        (b'{"power": -Infinity}', "-Infinity is no number"),
        (b'{"power": 1, "power": 2}', "a key stands twice"),
        (b"[" * 5000 + b"]" * 5000, "nested too deeply"),
        (b'{"a":' * (DEPTH_MAX + 2) + b"1" + b"}" * (DEPTH_MAX + 2), "nested too deeply"),
        (json.dumps({f"k{n}": 1 for n in range(KEYS_MAX + 1)}).replace(" ", "").encode()[:], "more keys"),
        (b'{"power": ' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"power": 12', "not JSON"),
        (b"[1, 2]", "a JSON object is needed"),
        (b"\xff\xfe", "text in UTF-8"),
        (b" " * (PAYLOAD_BYTES_MAX + 1), f"{PAYLOAD_BYTES_MAX + 1} bytes in a message, at most {PAYLOAD_BYTES_MAX}"),
    ],
)
def test_what_is_no_payload_of_a_thing_is_one_sentence(raw: bytes, why: str) -> None:
    (refused,) = say(bridge(PLUG), "zigbee2mqtt/plug", raw)
    assert fault(refused).startswith("mqtt zigbee2mqtt/plug: ")
    assert why in fault(refused)


@pytest.mark.parametrize(
    "number", ["true", '"12"', "1e400", "-1e300", "1e-300", "123456789012345678901234567890", "[1]", "{}"]
)
def test_what_is_no_number_of_a_home_is_not_read_and_the_rest_is(number: str) -> None:
    read = telegram(bridge(PLUG), "zigbee2mqtt/plug", f'{{"power": 7, "energy": {number}}}'.encode())
    assert values(read) == {"power": 7}
    assert len(read.faults) == 1


def test_an_index_below_zero_is_not_read() -> None:
    read = telegram(bridge(PLUG), "zigbee2mqtt/plug", {"power": -7, "energy": -1})
    assert values(read) == {"power": -7}
    assert len(read.faults) == 1


def test_an_inventory_that_is_damaged_leaves_the_one_before() -> None:
    things = bridge(PLUG)
    assert "not JSON" in fault(say(things, "zigbee2mqtt/bridge/devices", b"[{")[0])
    assert "bytes in a message" in fault(say(things, "zigbee2mqtt/bridge/devices", b" " * (INVENTORY_BYTES_MAX + 1))[0])
    assert values(telegram(things, "zigbee2mqtt/plug", {"power": 7})) == {"power": 7}


def test_a_crowd_of_made_up_things_does_not_push_out_the_houses_own() -> None:
    things = bridge(PLUG)
    telegram(things, "zigbee2mqtt/plug", {"power": 7})
    last: tuple[object, ...] = ()
    for n in range(THINGS_MAX + 10):
        last = say(things, f"tele/t{n}/SENSOR", {"ENERGY": {"Power": 1}})
    assert "is one thing too many" in str(last[0])
    assert values(telegram(things, "zigbee2mqtt/plug", {"power": 8})) == {"power": 8}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(TOPICS),
            st.binary(max_size=80) | json_values.map(lambda v: json.dumps(v).encode()),
            st.booleans(),
        ),
        max_size=6,
    )
)
def test_whatever_comes_becomes_things_or_faults(messages: list[tuple[str, bytes, bool]]) -> None:
    things = bridge(PLUG)
    for topic, raw, retained in messages:
        for item in things.hear(Message(topic, raw, retained), AT):
            assert isinstance(item, (Thing, Presence, Unread, DecodeError))
            if isinstance(item, Thing):
                assert not retained
                assert all(each.quantity.kind is not Kind.INDEX or each.value >= 0 for each in item.telegram.readings)  # type: ignore[operator] # a Decimal, as each index
