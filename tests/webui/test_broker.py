"""The owner's own broker, added by somebody on a page, and a topic on it whose numbers they name."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import pytest

from gateway.ports.things import RECENT_BYTES_MAX, RECENT_TOPICS_MAX, ThingsPort
from tests.brokers import ACCEPTED, CONNECT, GRANTED, SUBSCRIBE, There, publish, serving
from tests.house import lines_of
from tests.webui.home import Home, open_home, read
from tests.webui.test_device import until
from tests.webui.test_dial import send, text

PAGE, MAP = "/meters/broker", "/meters/broker/map"
PORT = "mqtt-127-0-0-1"
MINE = f"{PAGE}?port={PORT}"
USER, SECRET = "releve", "korrekt horse battery"
REFUSED = bytes.fromhex("2003008700")  # MQTT 5.0, section 3.2.2.2: not authorized
TOPIC = "jardin/pompe"
NUMBERS = {"path:001": "/total", "what:001": "energy kWh", "path:002": "/now", "what:002": "power W"}


class Talker(There):
    """A broker that publishes to all who listen; with a `password` only to those who know it."""

    def __init__(self, password: str | None = None) -> None:
        super().__init__(ACCEPTED, GRANTED)
        self._password = password
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        await super().serve(reader, writer)

    def _answer(self, kind: int, body: bytes) -> bytes:
        if kind == CONNECT and self._password is not None and not body.endswith(self._password.encode()):
            return REFUSED
        return super()._answer(kind, body)

    @property
    def subscribed(self) -> int:
        """How often somebody has subscribed."""
        return sum(asked[0] >> 4 == SUBSCRIBE for asked in self.asked)

    def say(self, topic: str, payload: object, *, retain: bool = False) -> None:
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        for writer in self._writers:
            with suppress(ConnectionError):
                writer.write(publish(data, topic, retain=retain))


class Broker:
    """A broker that a page added to a house."""

    def __init__(self, home: Home, talker: Talker) -> None:
        self.home = home
        self.talker = talker

    @property
    def recent(self) -> list[str]:
        port = self.home.house.running.port(PORT)
        assert isinstance(port, ThingsPort)
        return [one.topic for one in port.recent]

    async def say(self, topic: str, payload: object) -> None:
        """Published, and heard."""
        before = self.counted
        self.talker.say(topic, payload)
        await until(lambda: self.counted > before)

    @property
    def counted(self) -> int:
        return self.home.house.ports()[0].counts.get("messages", 0)

    async def map(self, **fields: str) -> str:
        return await self.home.text(MAP, params={"port": PORT, "topic": TOPIC, **fields})


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with open_home(tmp_path, toml="") as opened, lines_of(opened.house):
        yield opened


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    talker = Talker()
    async with serving(talker) as where, open_home(tmp_path, toml="") as home, lines_of(home.house):
        status, page = await add(home, await home.text(PAGE), at=f"127.0.0.1:{where.port}")
        assert status == 200, text(page)
        await until(lambda: home.house.ports()[0].open)
        yield Broker(home, talker)


async def test_a_broker_is_added_once_it_lets_the_box_in(tmp_path: Path) -> None:
    talker = Talker(SECRET)
    async with serving(talker) as where, open_home(tmp_path, toml="") as home, lines_of(home.house):
        at = f"127.0.0.1:{where.port}"
        status, page = await add(home, await home.text(f"{PAGE}?at={at}"))
        assert status == 422
        assert "Ce serveur demande un utilisateur et un mot de passe : tapez-les sous son adresse." in text(page)
        status, page = await add(home, page, user=USER, password="wrong one")
        assert status == 422
        assert "Ce serveur n’accepte pas cet utilisateur avec ce mot de passe." in text(page)
        assert "wrong one" not in page
        assert (read(page).fields["at"], read(page).fields["user"]) == (at, USER)
        assert home.house.config.ports == ()
        status, page = await add(home, page, user=USER, password=SECRET)
        assert (status, "Le serveur mqtt-127-0-0-1" in text(page)) == (200, True)
        await until(lambda: home.house.ports()[0].open)
        assert "Le boîtier écoute." in text(await home.text(MINE))
        for path in ("/", "/meters", "/meters/find", MINE, "/box", "/api/v1/ports"):
            assert SECRET not in await home.text(path)
        kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*.json"))
        assert SECRET.encode() not in kept
        assert home.house.catalog.password(PORT) == SECRET


async def add(home: Home, page: str, **fields: str) -> tuple[int, str]:
    """The form as a browser sends it: a box that is not ticked is not in it."""
    typed = {name: value for name, value in {**read(page).fields, **fields}.items() if name != "tls"}
    async with home.client.post(f"{PAGE}/add", data=typed) as answer:
        return answer.status, await answer.text()


async def test_a_topic_that_nobody_knows_is_mapped_looked_at_kept_and_dropped(broker: Broker) -> None:
    home = broker.home
    await broker.say(TOPIC, {"total": "12.5", "now": 480, "name": "Pompe"})
    page = await home.text(MINE)
    assert TOPIC in text(page)
    assert '{"total": "12.5"' in text(page)

    page = await broker.map()
    assert "/total · 12.5" in text(page)
    assert "/now · 480" in text(page)
    assert "/name" not in text(page).partition("Ses nombres")[2]  # a text is no number
    assert "Ce qui serait lu" not in text(page).partition("Voir ce qui serait lu")[2]

    page = await broker.map(**NUMBERS, medium="electricity")
    preview = text(page).partition("Cela suit chaque nouveau message")[2]
    assert "12,5 kWh" in preview
    assert "480 W" in preview
    await broker.say(TOPIC, {"total": "12.6", "now": 510})
    page = await broker.map(**NUMBERS, medium="electricity")
    assert "12,6 kWh" in text(page)
    assert home.house.config.meters == ()  # looking keeps nothing

    subscribed = broker.talker.subscribed
    status, page = await send(home, f"{PAGE}/keep", page, name="Pompe", medium="electricity")
    assert status == 200
    assert "Ce compteur est le vôtre" in text(page)
    await until(lambda: broker.talker.subscribed > subscribed)
    await broker.say(TOPIC, {"total": "12.7", "now": 500})
    await until(lambda: home.house.points()[0].index)
    index, level = home.house.points()[0].index, home.house.points()[0].level
    assert index is not None
    assert level is not None
    assert (index.value, level.value) == (Decimal(12_700), Decimal(500))
    assert "Pompe" in text(await home.text(MINE)).partition("Écoutés")[2]

    status, page = await send(home, f"{PAGE}/drop", await home.text(MINE), port=PORT, meter="Pompe")
    assert status == 200
    assert home.house.config.meters == ()
    assert home.house.points()[0].index == index  # what was read stays


async def test_the_whole_broker_is_let_go_with_what_was_mapped_on_it(broker: Broker) -> None:
    home = broker.home
    await broker.say(TOPIC, {"total": 1})
    await send(home, f"{PAGE}/keep", await broker.map(**NUMBERS, medium="water"), name="Pompe", medium="water")
    page = await home.text(MINE)
    typed = {"token": read(page).fields["token"], "port": PORT}
    async with home.client.post(f"{PAGE}/drop", data=typed) as answer:
        assert answer.status == 200
    assert (home.house.config.ports, home.house.config.meters) == ((), ())
    await home.text(MINE, status=404)


async def test_the_same_broker_is_not_added_twice(broker: Broker) -> None:
    told = broker.home.house.config.ports[0].mqtt
    assert told is not None
    status, page = await add(broker.home, await broker.home.text(PAGE), at=f"127.0.0.1:{told.broker[1]}")
    assert (status, "Le serveur mqtt-127-0-0-1" in text(page)) == (200, True)
    assert len(broker.home.house.config.ports) == 1


# -- odd input ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"at": ""}, "Il faut une adresse comme 192.168.1.20"),
        ({"at": "127.0.0.1:0"}, "Il faut une adresse comme 192.168.1.20"),
        ({"at": "mqtt://127.0.0.1"}, "Il faut une adresse comme 192.168.1.20"),
        ({"at": "8.8.8.8"}, "Cette adresse n’est pas chez vous, et le boîtier n’interroge personne ailleurs."),
        ({"at": "127.0.0.1", "password": SECRET}, "Un mot de passe demande un utilisateur"),
        ({"at": "127.0.0.1", "user": "x" * 81}, "Un utilisateur d’au plus 80 caractères"),
        ({"at": "127.0.0.1", "user": USER, "password": "é" * 65}, "un mot de passe d’au plus 128"),
        ({"at": "127.0.0.1:1"}, "Aucun serveur MQTT que le boîtier puisse écouter ne répond à cette adresse."),
    ],
)
async def test_what_cannot_be_a_broker_is_one_sentence(home: Home, typed: dict[str, str], sentence: str) -> None:
    status, page = await add(home, await home.text(PAGE), **typed)
    assert status == 422
    assert sentence in text(page)
    assert (read(page).fields["at"], read(page).refused) == (typed["at"], [])
    assert SECRET not in page
    assert home.house.config.ports == ()


async def test_html_in_topics_keys_and_payloads_is_text(broker: Broker) -> None:
    topic = '<b>jardin</b>/"pompe"&<script>'
    await broker.say(topic, {"<script>alert(1)</script>": 7, "name": "<img src=x>"})
    for page in (await broker.home.text(MINE), await broker.home.text(MAP, params={"port": PORT, "topic": topic})):
        assert "<script>alert" not in page
        assert "<img src=x>" not in page
        assert (read(page).refused, topic in text(page)) == ([], True)
    assert f"topic={quote(topic)}" in (await broker.home.text(MINE)).replace("&amp;", "&")


async def test_of_more_topics_than_a_page_shows_the_rest_is_counted_and_the_oldest_are_forgotten(
    broker: Broker,
) -> None:
    for number in range(RECENT_TOPICS_MAX + 20):
        broker.talker.say(f"t/{number:03}", {"n": number})
    await until(lambda: broker.counted == RECENT_TOPICS_MAX + 20)
    assert len(broker.recent) == RECENT_TOPICS_MAX
    assert broker.recent[0] == "t/020"
    page = await broker.home.text(MINE)
    assert page.count("/meters/broker/map?") == 100
    assert "Et encore 200 sujets." in text(page)


@pytest.mark.parametrize("payload", [b"\xff\xfe\x00", b"", b"offline", b"[", b'{"a": "b"}', b"NaN"])
async def test_a_message_without_a_number_says_so(broker: Broker, payload: bytes) -> None:
    await broker.say(TOPIC, payload)
    await broker.home.text(MINE)
    assert "Il n’y a pas de nombre dans ce message." in text(await broker.map())
    page = await broker.map(**NUMBERS)
    assert "Il n’y a pas de nombre dans ce message." in text(page)


async def test_a_payload_that_is_one_number_is_mapped_whole(broker: Broker) -> None:
    await broker.say(TOPIC, b"12.50\n")
    assert "le message entier · 12.50" in text(await broker.map())
    page = await broker.map(**{"path:001": "", "what:001": "volume m3"}, medium="water")
    assert "12,5 m³" in text(page)


async def test_a_message_of_many_numbers_is_mapped_by_a_link_that_the_server_takes(broker: Broker) -> None:
    said = {f"a{number:03}": 1 for number in range(200)}
    assert len(json.dumps(said)) > RECENT_BYTES_MAX * 0.9
    said = {f"a{number:03}": 1 for number in range(180)}
    await broker.say(TOPIC, said)
    page = await broker.map()
    names = {name: value for name, value in read(page).fields.items() if name.startswith("path:")}
    assert len(names) == 180
    fields = names | {name.replace("path:", "what:"): "" for name in names} | {"what:007": "energy kWh"}
    assert "1 kWh" in text(await broker.map(**fields, medium="electricity"))


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"path:001": "/total", "what:001": "energy m3"}, "unit: one of"),
        ({"path:001": "/total", "what:001": "magic kWh"}, "quantity: one of"),
        ({"path:001": "total", "what:001": "energy kWh"}, "path: a JSON pointer such as"),
    ],
)
async def test_a_wrong_combination_is_said_and_not_kept(broker: Broker, chosen: dict[str, str], sentence: str) -> None:
    await broker.say(TOPIC, {"total": 1})
    page = await broker.map(**chosen)
    assert sentence in text(page)
    assert "Le prendre pour mien" not in text(page)
    fields = {"port": PORT, "topic": TOPIC, "name": "Pompe", "medium": "water", **chosen}
    status, _ = await send(broker.home, f"{PAGE}/keep", await broker.home.text(PAGE), **fields)
    assert status == 422
    assert broker.home.house.config.meters == ()


async def test_without_a_name_or_a_number_nothing_is_kept_and_what_was_typed_stays(broker: Broker) -> None:
    await broker.say(TOPIC, {"total": 1, "now": 2})
    page = await broker.map(**NUMBERS, medium="water")
    status, again = await send(broker.home, f"{PAGE}/keep", page, name="  ", medium="water")
    assert status == 422
    assert "Il faut un nom" in text(again)
    assert 'value="energy kWh" selected' in again
    nothing = {"what:001": "", "what:002": "", "name": "Pompe", "medium": "water"}
    status, again = await send(broker.home, f"{PAGE}/keep", page, **nothing)
    assert status == 422
    assert "Dites d’au moins un nombre ce qu’il est." in text(again)


async def test_two_numbers_of_one_quantity_are_two_registers_and_one_of_them_stands_for_the_meter(
    broker: Broker,
) -> None:
    await broker.say(TOPIC, {"day": 1, "night": 2})
    both = {"path:001": "/day", "what:001": "energy kWh", "path:002": "/night", "what:002": "energy kWh"}
    page = await broker.map(**both, medium="electricity")
    await send(broker.home, f"{PAGE}/keep", page, name="Pompe", medium="electricity")
    (meter,) = broker.home.house.config.meters
    assert [(row.register, row.main) for row in meter.values] == [("energy", True), ("energy_2", False)]


async def test_a_topic_that_is_no_longer_in_memory_leads_back_to_the_broker(broker: Broker) -> None:
    assert "Le serveur mqtt-127-0-0-1" in text(await broker.home.text(MAP, params={"port": PORT, "topic": "never"}))


@pytest.mark.parametrize("topic", ["x" * 300, "a/+", "#"])
async def test_a_topic_that_can_be_no_meters_is_refused_in_words(broker: Broker, topic: str) -> None:
    broker.talker.say(topic, {"total": 1})
    await broker.say(TOPIC, {"total": 1})
    page = await broker.home.text(MAP, params={"port": PORT, "topic": topic, **NUMBERS, "medium": "water"})
    fields = {"topic": topic, "name": "Pompe", "medium": "water", "port": PORT, **NUMBERS}
    status, page = await send(broker.home, f"{PAGE}/keep", page, **fields)
    assert status in {200, 422}
    assert broker.home.house.config.meters == ()
    assert "Traceback" not in page


async def test_what_the_broker_kept_for_us_is_not_offered(broker: Broker) -> None:
    broker.talker.say("old/one", {"total": 1}, retain=True)
    await broker.say(TOPIC, {"total": 1})
    assert broker.recent == [TOPIC]


async def test_a_broker_that_ends_says_so_on_its_page(tmp_path: Path) -> None:
    talker = Talker()
    async with open_home(tmp_path, toml="") as home, lines_of(home.house):
        async with serving(talker) as where:
            await add(home, await home.text(PAGE), at=f"127.0.0.1:{where.port}")
            await until(lambda: home.house.ports()[0].open)
            for writer in talker._writers:
                writer.close()
        await until(lambda: not home.house.ports()[0].open)
        assert "Le boîtier réessaie de lui-même." in text(await home.text(MINE))


@pytest.mark.parametrize("path", [f"{PAGE}?port=nowhere", f"{MAP}?port=nowhere&topic=a", MAP])
async def test_a_broker_that_is_not_there_has_no_page(home: Home, path: str) -> None:
    await home.text(path, status=404)


async def test_a_broker_of_a_page_is_asked_for_all_its_topics_and_for_each_only_once(broker: Broker) -> None:
    """What nobody asked a broker for can be mapped by nobody; what is asked for twice may come twice."""
    await broker.say(TOPIC, {"total": 1})
    before = broker.talker.subscribed
    await send(broker.home, f"{PAGE}/keep", await broker.map(**NUMBERS, medium="water"), name="Pompe", medium="water")
    await until(lambda: broker.talker.subscribed > before)
    asked = [each for each in broker.talker.asked if each[0] >> 4 == SUBSCRIBE]
    assert all(each.endswith(b"\x00\x00\x01#\x00") for each in asked)
