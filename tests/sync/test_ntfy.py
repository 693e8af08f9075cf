"""What a topic of ntfy is told, how often, and what may stand where it is expected."""

import json
from dataclasses import replace

import pytest
from aiohttp import web

from gateway.way import Form, Kind, Way
from sync.messengers.ntfy import TEXT_BYTES_MAX, Ntfy, shortened
from sync.model import Message, Trouble, Why
from sync.net import Net
from tests.answering import HOSTILE, Asked, answering, hostile
from tests.parcels import House

MESSAGE = Message("leak 17 1", "leak", "Fuite d’eau probable", "Depuis 9 heures.\nRelevé", 1_795_000_000, urgent=True)


def way(url: str, topic: str = "/maison-7f3a", user: str = "") -> Way:
    return Way(Kind.NTFY, url + topic, user, Form.WORDS, at_home=True)


def ntfy(asked: Asked) -> web.Response:
    """As ntfy answers a message in JSON."""
    said = json.loads(asked.body)
    return web.json_response({"id": "sPs71M8A2T", "time": 1, "event": "message", **said})


async def test_a_message_is_its_words_and_how_urgent_it_is_and_nothing_else() -> None:
    async with answering(ntfy) as there, Net("127.0.0.1", at_home=True) as net:
        one = Ntfy(way(there.url), {}, House(), net)
        await one.open()
        told = await one.tell(MESSAGE)
        await one.tell(replace(MESSAGE, urgent=False))
        await one.tell(replace(MESSAGE, name="leak 17 2"))
    first, calm, other = (json.loads(asked.body) for asked in there.asked)
    assert first == {
        "topic": "maison-7f3a",
        "title": "Fuite d’eau probable",
        "message": "Depuis 9 heures.\nRelevé",
        "priority": 5,
        "tags": ["warning"],
        "sequence_id": first["sequence_id"],
    }
    assert (calm["priority"], calm["tags"]) == (3, [])
    assert calm["sequence_id"] == first["sequence_id"] != other["sequence_id"]
    assert "leak" not in there.asked[0].body.decode()
    assert {(asked.method, asked.path) for asked in there.asked} == {("POST", "/")}
    assert "Authorization" not in there.asked[0].headers
    assert (told.bytes, told.answer) == (len(there.asked[0].body), "200 OK")


@pytest.mark.parametrize(
    ("user", "password", "header"),
    [
        ("", "tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2", "Bearer tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2"),
        ("camille", "été", "Basic Y2FtaWxsZTrDqXTDqQ=="),
    ],
)
async def test_a_token_or_a_user_logs_in(user: str, password: str, header: str) -> None:
    async with answering(ntfy) as there, Net("127.0.0.1", at_home=True) as net:
        await Ntfy(way(there.url, user=user), {"password": password}, House(), net).tell(MESSAGE)
    assert there.asked[0].headers["Authorization"] == header


@pytest.mark.parametrize(("user", "password"), [("a:b", "x"), ("", "two words"), ("", "é"), ("", "a\r\nX-Y: z")])
async def test_a_login_that_cannot_be_said_is_one_sentence_without_it(user: str, password: str) -> None:
    async with Net("127.0.0.1", at_home=True) as net:
        with pytest.raises(Trouble, match="RFC") as caught:
            Ntfy(way("http://127.0.0.1", user=user), {"password": password}, House(), net)
    assert caught.value.why is Why.REFUSED
    assert repr(password) not in str(caught.value)


async def test_a_server_behind_a_path_is_told_there() -> None:
    async with answering(ntfy) as there, Net("127.0.0.1", at_home=True) as net:
        await Ntfy(way(there.url, "/push/maison"), {}, House(), net).tell(MESSAGE)
    assert there.asked[0].path == "/push/"
    assert json.loads(there.asked[0].body)["topic"] == "maison"


@pytest.mark.parametrize(
    "address",
    [
        *("t", "http://127.0.0.1", "http://127.0.0.1/", "http://127.0.0.1/a b", "http://127.0.0.1/" + "t" * 65),
        *("http://u:secret@127.0.0.1/t", "http://127.0.0.1/t?auth=secret", "http://127.0.0.1/t#u", "http://[/t"),
    ],
)
async def test_what_is_no_topic_is_one_sentence(address: str) -> None:
    async with Net("127.0.0.1", at_home=True) as net:
        with pytest.raises(Trouble, match="address: https://HOST/TOPIC") as caught:
            Ntfy(replace(way(""), address=address), {}, House(), net)
    assert "secret" not in str(caught.value)


WHY = {
    "a page": Why.ODD,
    "an empty 200": Why.ODD,
    "json of another kind": Why.ODD,
    "json in depth": Why.ODD,
    "a fault of its own": Why.UNREACHABLE,
    "no such page": Why.ODD,
    "not allowed": Why.REFUSED,
    "not logged in": Why.REFUSED,
    "too much": Why.BUSY,
    "full": Why.FULL,
    "elsewhere": Why.MOVED,
    "to itself": Why.MOVED,
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_whatever_stands_there_is_one_sentence_and_nothing_is_taken_as_told(name: str) -> None:
    async with answering(lambda _: hostile(name)) as there, Net("127.0.0.1", at_home=True) as net:
        with pytest.raises(Trouble) as caught:
            await Ntfy(way(there.url), {"password": "tk_secret"}, House(), net).tell(MESSAGE)
        assert len(there.asked) == 1
    assert caught.value.why is WHY[name]
    assert caught.value.wait_s == (120 if name == "too much" else None)
    assert "tk_secret" not in str(caught.value)


@pytest.mark.parametrize("character", ["a", "é", "€", "😀"])
def test_a_long_text_is_cut_at_a_letter_and_shows_it(character: str) -> None:
    cut = shortened(character * 5_000, TEXT_BYTES_MAX)
    assert len(cut.encode()) <= TEXT_BYTES_MAX
    assert set(cut.removesuffix(" …")) == {character}
    assert cut.endswith(" …")
    assert shortened(character * 10, TEXT_BYTES_MAX) == character * 10
