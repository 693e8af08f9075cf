"""What Home Assistant is told of a device: keys and units that it takes, for whatever a meter counts."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.model import Kind as QuantityKind
from drivers.model import Medium, Quantity
from gateway.way import Form, Kind, Way
from sync import mqtt_line
from sync.model import Series, Trouble, Why
from sync.net import Net
from sync.targets import mqtt
from tests.answering import saying
from tests.parcels import House, day

NUMBERS = [each for each in Quantity if each.kind in (QuantityKind.INDEX, QuantityKind.LEVEL)]

# What Home Assistant 2026.11 takes without a word; "" is no device class, with any unit.
UNITS = {
    "energy": {"Wh", "kWh", "MWh", "GJ"},
    "gas": {"m³"},
    "water": {"m³", "L"},
    "power": {"W", "kW"},
    "apparent_power": {"VA"},
    "volume_flow_rate": {"L/h", "L/min", "m³/h"},
    "temperature": {"°C"},
    "temperature_delta": {"K", "°C"},
    "voltage": {"V"},
    "current": {"A"},
    "frequency": {"Hz"},
    "humidity": {"%"},
}


def check(payload: dict[str, Any]) -> None:
    """A device discovery payload, as the documentation and a trial with 2025.4 and 2026.11 have it."""
    assert payload.keys() == {"dev", "o", "cmps", "availability", "qos"}
    assert payload["o"]["name"], "without an origin all of it is refused"
    assert payload["dev"]["ids"]
    assert payload["dev"]["name"]
    assert payload["availability"][0].keys() == {"topic"}
    ids = [each["unique_id"] for each in payload["cmps"].values()]
    assert len(set(ids)) == len(ids)
    for each in payload["cmps"].values():
        assert each["p"] == "sensor"
        assert each["state_topic"]
        assert not set("+#") & set(each["state_topic"])
        assert each["state_class"] in ("total_increasing", "measurement")
        if "device_class" in each:
            assert each["unit_of_measurement"] in UNITS[each["device_class"]]
            counts = each["device_class"] in ("energy", "gas", "water")
            assert (each["state_class"] == "total_increasing") is counts
        assert "exp_aft" not in each
        assert "expire_after" not in each


@pytest.mark.parametrize("medium", Medium)
@pytest.mark.parametrize("quantity", NUMBERS)
def test_whatever_a_meter_counts_is_a_component_that_home_assistant_takes(quantity: Quantity, medium: Medium) -> None:
    one = Series("a:b:0", "A", medium, quantity.word, quantity.unit, quantity.kind, (1,), (), ("1.5",))
    check(mqtt.discovery("releve/0", "releve_0_", "a", [one]))


def test_a_house_is_a_device_a_point() -> None:
    series = day().series
    payload = mqtt.discovery("releve/0", "releve_0_", "maison", [series[0], series[4]])
    check(payload)
    assert json.loads(json.dumps(payload)) == payload
    assert len(payload["cmps"]) == 2  # type: ignore[arg-type] # a mapping


@given(st.text(), st.text())
def test_two_series_never_share_a_topic(first: str, second: str) -> None:
    assert (mqtt.slug(first) == mqtt.slug(second)) is (first == second)
    assert not set("+#/ ") & set(mqtt.slug(first))


@given(st.binary())
def test_whatever_the_broker_holds_is_no_bug(there: bytes) -> None:
    assert mqtt.is_behind("index", there, b'{"value":1,"at":1}') in (True, False)


@pytest.mark.parametrize(
    ("kind", "there", "behind"),
    [
        ("index", b'{"value":2,"at":5}', True),
        ("index", b'{"value":1,"at":5}', False),
        ("level", b'{"value":2,"at":5}', False),
        ("level", b'{"value":2,"at":10}', True),
        ("index", b'{"value":1e99999,"at":5}', True),
        ("index", b'{"value":NaN,"at":5}', False),
        ("index", b'{"value":null,"at":5}', False),
        ("index", b"[" * 30_000, False),
        ("index", b"", False),
    ],
)
def test_only_what_is_newer_and_an_index_that_is_no_less_is_said(kind: str, there: bytes, behind: bool) -> None:
    assert mqtt.is_behind(kind, there, b'{"value":1.5,"at":9}') is behind


def test_what_no_figure_is_known_of_has_no_state() -> None:
    one = Series("a:b:0", "A", "water", "volume", "L", "index", (1, 2), (), (None, None))
    assert mqtt.state(one) is None


def made(net: Net, address: str, *, at_home: bool = True) -> mqtt.Mqtt:
    return mqtt.Mqtt(Way(Kind.MQTT, address, "", Form.LIVE, at_home=at_home), {}, House(), net)


@pytest.mark.parametrize("address", ["http://127.0.0.1:1883", "127.0.0.1", "mqtt://127.0.0.1:99999"])
async def test_an_address_that_is_none_is_one_sentence(address: str) -> None:
    async with Net("127.0.0.1", at_home=True) as net:
        target = made(net, address)
        with pytest.raises(Trouble, match="address: mqtt://"):
            await target.open()
        await target.close()


async def test_away_from_home_a_broker_in_clear_is_refused() -> None:
    async with Net("127.0.0.1", at_home=False) as net:
        target = made(net, "mqtt://127.0.0.1:1883", at_home=False)
        with pytest.raises(Trouble) as caught:
            await target.open()
        await target.close()
    assert caught.value.why is Why.FORBIDDEN


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\x20\x02\x00\x05", b"\xff" * 20])
async def test_what_is_no_broker_is_one_sentence(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_line, "ANSWER_S_MAX", 1.0)
    async with saying(answer) as url, Net("127.0.0.1", at_home=True) as net:
        target = made(net, url.replace("http:", "mqtt:"))
        with pytest.raises(Trouble):
            await target.open()
        await target.close()
