"""A real Home Assistant is told messages: an event that it knows once, a state that waits for it, and a device that goes."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.way import Form, Kind, Way
from sync.messengers.event import Event
from sync.model import Message
from sync.net import Net
from tests.home_assistant.conftest import BROKER, THEIRS
from tests.home_assistant.hass import Entity, HomeAssistant, until
from tests.integration.mosquitto import PASSWORD, USER, Mosquitto
from tests.parcels import GRANT, House

FRENCH = Message(
    "leak 17 1", "leak", "Fuite d’eau probable à l’étage", "De l’eau coule\ndepuis 9 h.", 1_795_000_000, urgent=True
)
ENGLISH = replace(FRENCH, name="frost 3 1", about="frost", subject="It may freeze " + "in the garage " * 30)
SOON_S = 60.0


@pytest.fixture
def theirs(broker: Mosquitto, tmp_path: Path) -> Iterator[HomeAssistant]:
    with contextlib.ExitStack() as opened:
        made = HomeAssistant(tmp_path / "hass")
        opened.callback(made.end)
        made.start()
        yield made


def told(*messages: Message, leaves: bool = False) -> None:
    """As the sync process does it: a connection, the messages, and gone again."""

    async def tell() -> None:
        way = Way(Kind.EVENT, f"mqtt://127.0.0.1:{BROKER}", USER, Form.WORDS, at_home=True)
        async with Net("127.0.0.1", at_home=True) as net:
            one = Event(way, {"password": PASSWORD}, House(), net)
            try:
                if leaves:
                    await one.leave()
                    return
                await one.open()
                for message in messages:
                    await one.tell(message)
            finally:
                await one.close()

    asyncio.run(tell())


def entity(theirs: HomeAssistant, name: str) -> Entity | None:
    return theirs.entities().get(f"releve_{GRANT}_messages_{name}")


def said(theirs: HomeAssistant, name: str, attribute: str) -> object:
    found = entity(theirs, name)
    return found and found.attributes.get(attribute)


@pytest.mark.timeout(400)
def test_home_assistant_is_told_each_message_once_and_finds_the_last_one_when_it_starts(theirs: HomeAssistant) -> None:
    version = theirs.set_up(BROKER, THEIRS, PASSWORD)

    # The first message comes right after the device.
    told(FRENCH)
    until(lambda: said(theirs, "event", "event_type") == "leak", "it is told", SOON_S)
    event, last = entity(theirs, "event"), entity(theirs, "message")
    assert event is not None
    assert last is not None
    assert (event.attributes["title"], event.attributes["message"]) == (FRENCH.subject, FRENCH.text)
    assert event.attributes["urgent"] is True
    assert (last.state, last.attributes["message"]) == (FRENCH.subject, FRENCH.text)
    assert len(theirs.devices()) == 1

    # A second try is none.
    told(FRENCH)
    again = entity(theirs, "event")
    assert again is not None
    assert again.state == event.state, "the time of the event"

    # It is away while something is told: the event passes, the last message waits.
    theirs.end()
    told(ENGLISH)
    theirs.start()
    theirs.log_in()
    until(lambda: said(theirs, "message", "title") == ENGLISH.subject.strip(), "the last one is there", SOON_S)
    late = entity(theirs, "message")
    assert late is not None
    assert late.state == ENGLISH.subject[:255].strip()
    assert said(theirs, "event", "event_type") == "leak"

    # Ended: neither an entity nor a device is left.
    told(leaves=True)
    until(lambda: theirs.entities() == {} and theirs.devices() == [], "all of it is gone", SOON_S)
    print(f"Home Assistant {version}: messages told, waited for and gone")
