"""What Home Assistant is told of a device whose event is a message: keys that it takes, and every word that can come."""

import json

import pytest

from gateway.services.model import Service
from gateway.telling import ABOUT
from gateway.way import Form, Kind, Way
from sync.messengers import make
from sync.messengers.event import STATE_CHARACTERS_MAX, Event, discovery
from sync.model import Message, Trouble, Why
from sync.net import Net
from tests.answering import saying
from tests.parcels import House

MESSAGE = Message("test 1", "trial", "Essai", "Relevé vous parle.", 1_795_000_000, urgent=False)


def test_the_device_has_an_event_and_a_state_that_home_assistant_takes() -> None:
    payload = discovery("releve/0", "releve_0_messages")
    assert json.loads(json.dumps(payload)) == payload
    assert payload.keys() == {"dev", "o", "cmps", "qos"}
    assert payload["o"]["name"], "without an origin all of it is refused"  # type: ignore[index] # a mapping
    event, last = payload["cmps"]["event"], payload["cmps"]["message"]  # type: ignore[index] # a mapping
    assert event.keys() == {"p", "unique_id", "name", "state_topic", "event_types"}
    assert event["p"] == "event"
    assert last["p"] == "sensor"
    assert not {"state_class", "unit_of_measurement", "device_class"} & last.keys(), "else it is to be a number"
    assert last["value_template"] == f"{{{{ value_json.title[:{STATE_CHARACTERS_MAX}] }}}}"
    assert event["unique_id"] != last["unique_id"]
    assert event["state_topic"] != last["state_topic"]
    for topic in (event["state_topic"], last["state_topic"]):
        assert not set("+#") & set(topic)


def test_each_word_that_a_message_can_be_about_is_a_kind_of_event() -> None:
    types = discovery("releve/0", "releve_0_messages")["cmps"]["event"]["event_types"]  # type: ignore[index]
    assert {*map(str, Service), *ABOUT, "week", "ending", "trial", "notice"} == set(types)
    assert len(types) == len(set(types))


def made(net: Net, address: str, *, at_home: bool = True) -> Event:
    one = make(Way(Kind.EVENT, address, "", Form.WORDS, at_home=at_home), {}, House(), net)
    assert isinstance(one, Event)
    return one


@pytest.mark.parametrize("address", ["http://127.0.0.1:1883", "127.0.0.1", "mqtt://127.0.0.1:99999"])
async def test_an_address_that_is_none_is_one_sentence(address: str) -> None:
    async with Net("127.0.0.1", at_home=True) as net:
        one = made(net, address)
        with pytest.raises(Trouble, match="address: mqtt://"):
            await one.open()
        await one.close()


async def test_away_from_home_a_broker_in_clear_is_refused() -> None:
    async with Net("127.0.0.1", at_home=False) as net:
        one = made(net, "mqtt://127.0.0.1:1883", at_home=False)
        with pytest.raises(Trouble) as caught:
            await one.tell(MESSAGE)
        await one.close()
    assert caught.value.why is Why.FORBIDDEN


async def test_what_is_no_broker_is_one_sentence() -> None:
    async with saying(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url, Net("127.0.0.1", at_home=True) as net:
        one = made(net, url.replace("http:", "mqtt:"))
        with pytest.raises(Trouble):
            await one.open()
        await one.close()
