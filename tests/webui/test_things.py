"""Things of the owner's broker on the pages: known by name and value before they are adopted, and adopted like a meter."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from drivers.mqtt import Message, Things
from tests.drivers.mqtt.say import device, numeric
from tests.webui.home import Home, open_home, read

BROKER = '[[port]]\nname = "broker"\nprotocol = "mqtt"\nmqtt = "127.0.0.1:1883"\n'
ADDRESS = "thing:zigbee2mqtt/0x1"
NAME = 'cuisine/<b>"lave-linge"'


class Spoken:
    def __init__(self, home: Home) -> None:
        self.home = home
        self.things = Things()
        plug = device("0x1", NAME, numeric("power", "W"), numeric("energy", "kWh"))
        self.say("zigbee2mqtt/bridge/devices", [plug])

    def say(self, topic: str, content: object) -> None:
        message = Message(topic, json.dumps(content).encode())
        self.home.house.collect.things("broker", lambda at: self.things.hear(message, at))


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with open_home(tmp_path, toml=BROKER) as opened:
        yield opened


async def test_a_thing_is_offered_with_its_name_kind_and_values_and_becomes_a_meter(home: Home) -> None:
    spoken = Spoken(home)
    spoken.say(f"zigbee2mqtt/{NAME}", {"power": 41.2, "energy": 12.34})
    text = read(await home.text("/meters")).text
    assert NAME in text
    assert "Zigbee2MQTT · 2\u00a0valeurs" in text
    assert "par le réseau de la maison" in text
    page = read(await home.text(f"/meters/add?address={quote(ADDRESS)}"))
    assert "puissance 41\u00a0W" in page.text.replace("\u202f", "\u00a0")
    assert page.fields["name"] == NAME
    async with home.client.post("/meters/add", data={**page.fields, "name": "Lave-linge"}) as answer:
        assert "Ce compteur est le vôtre." in read(await answer.text()).text
    spoken.say(f"zigbee2mqtt/{NAME}", {"power": 41.2, "energy": 12.34})
    assert 'aria-label="12' in await home.text("/meters")


async def test_a_program_is_told_of_a_thing_and_of_none_of_its_values(home: Home) -> None:
    Spoken(home).say(f"zigbee2mqtt/{NAME}", {"power": 41.2})
    (heard,) = (await home.json("/api/v1/heard"))["heard"]
    assert (heard["address"], heard["name"], heard["kind"], heard["values"]) == (ADDRESS, NAME, "zigbee2mqtt", 1)
    assert "41" not in json.dumps({key: value for key, value in heard.items() if not key.endswith("_at")})


async def test_what_was_not_read_of_the_broker_is_on_the_page_of_the_box(home: Home) -> None:
    spoken = Spoken(home)
    message = Message(f"zigbee2mqtt/{NAME}", b'{"power": 1}', retained=True)
    home.house.collect.things("broker", lambda at: spoken.things.hear(message, at))
    assert "le serveur MQTT les avait gardés" in read(await home.text("/box")).text


async def test_a_thing_that_is_away_says_so_in_plain_words(home: Home) -> None:
    spoken = Spoken(home)
    spoken.say(f"zigbee2mqtt/{NAME}", {"power": 1})
    await home.house.adopt(ADDRESS, "Lave-linge", None)
    spoken.say(f"zigbee2mqtt/{NAME}", {"power": 1})
    spoken.say(f"zigbee2mqtt/{NAME}/availability", {"state": "offline"})
    text = read(await home.text("/meters")).text
    assert "absent : sa passerelle ou son serveur MQTT ne l’entend plus" in text
