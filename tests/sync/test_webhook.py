"""What an address of one's own is told of a message, and what may stand where it is expected."""

import hashlib
import json
from dataclasses import replace

import pytest
from aiohttp import web

from gateway.way import Form, Kind, Way
from sync.messengers import make
from sync.messengers.webhook import Webhook
from sync.model import Message, Trouble, Why
from sync.net import Net
from tests.answering import HOSTILE, answering, hostile
from tests.parcels import House

MESSAGE = Message(
    "frost 3 1", "frost", "Gel possible\nau garage", "2 °C\x07 au compteur.\r\n", 1_795_000_000, urgent=False
)
TOKEN = "tk_secret"


def way(url: str, path: str = "/api/webhook/x7", user: str = "") -> Way:
    return Way(Kind.WEBHOOK, url + path, user, Form.WORDS, at_home=True)


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_a_message_is_posted_once_with_a_key_that_a_second_try_has_too(status: int) -> None:
    async with answering(lambda _: web.Response(status=status)) as there, Net("127.0.0.1", at_home=True) as net:
        one = make(way(there.url, "/hook?to=kitchen"), {"password": TOKEN}, House(), net)
        assert isinstance(one, Webhook)
        await one.open()
        told = await one.tell(MESSAGE)
        await one.tell(MESSAGE)
        await one.tell(replace(MESSAGE, name="frost 3 2"))
    first, second, other = there.asked
    said = json.loads(first.body)
    assert said == {
        "releve": 1,
        "id": first.headers["Idempotency-Key"],
        "about": "frost",
        "subject": "Gel possible au garage",
        "text": "2 °C  au compteur.\n",
        "at": "2026-11-18T11:06:40Z",
        "urgent": False,
    }
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"] != other.headers["Idempotency-Key"]
    assert first.body == second.body
    assert (first.method, first.path, first.query) == ("POST", "/hook", {"to": "kitchen"})
    assert first.headers["Content-Type"] == "application/json"
    assert first.headers["Authorization"] == f"Bearer {TOKEN}"
    assert (told.bytes, told.sha256) == (len(first.body), hashlib.sha256(first.body).hexdigest())
    assert told.answer.startswith(str(status))


async def test_of_another_home_the_same_message_has_another_key() -> None:
    async with answering(lambda _: web.Response()) as there, Net("127.0.0.1", at_home=True) as net:
        for grant in ("0" * 16, "1" * 16):
            await Webhook(way(there.url), {}, House(grant=grant), net).tell(MESSAGE)
    first, second = (asked.headers["Idempotency-Key"] for asked in there.asked)
    assert first != second


@pytest.mark.parametrize("address", ["http://u:secret@127.0.0.1/x", "http://127.0.0.1/x#y", "http://[", "x"])
async def test_an_address_that_is_none_is_one_sentence(address: str) -> None:
    async with Net("127.0.0.1", at_home=True) as net:
        with pytest.raises(Trouble, match="the address") as caught:
            Webhook(replace(way(""), address=address), {}, House(), net)
    assert "secret" not in str(caught.value)


async def test_in_clear_nothing_leaves_the_home() -> None:
    async with Net("127.0.0.1", at_home=False) as net:
        with pytest.raises(Trouble) as caught:
            await Webhook(replace(way("http://127.0.0.1"), at_home=False), {}, House(), net).tell(MESSAGE)
    assert caught.value.why is Why.FORBIDDEN


@pytest.mark.parametrize("name", [name for name, reply in HOSTILE.items() if not 200 <= reply.status < 300])
async def test_whatever_refuses_is_one_sentence_and_asked_once(name: str) -> None:
    async with answering(lambda _: hostile(name)) as there, Net("127.0.0.1", at_home=True) as net:
        with pytest.raises(Trouble) as caught:
            await Webhook(way(there.url), {"password": TOKEN}, House(), net).tell(MESSAGE)
        assert len(there.asked) == 1
    assert TOKEN not in str(caught.value)
    if name == "too much":
        assert (caught.value.why, caught.value.wait_s) == (Why.BUSY, 120)
