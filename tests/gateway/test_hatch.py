"""The hatch takes from the sync process what is of its kind, and nothing else: that process reads what the world answers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gateway import hatch
from gateway.grants import Grant
from gateway.ledger import look
from gateway.outbox import BATCH_PARCELS_MAX, PIECES_MAX, Lies
from gateway.way import Form, Kind, Way
from sync.model import Thing
from tests.house import NOON
from tests.sync.box import BY, DAY, Box, box

NO_TEXT: tuple[object, ...] = (None, 7, True, ["x"], {"x": "y"}, "a\nb", "\x1b[2J", "\ud800", "x" * 20_000)
NO_NUMBER: tuple[object, ...] = (-1, True, 1.5, "7", None, [], 2**70)
PUT = {"held": "there", "bytes": 10, "sha256": "ab" * 32, "answer": "201 Created"}
SAY = Callable[[str, object], Awaitable[tuple[int, Any]]]


@asynccontextmanager
async def asked(home: Box, folder: Path, way: Way | None = None) -> AsyncIterator[tuple[Grant, SAY]]:
    """A grant that has a batch to send, and what the hatch answers to what is said of it."""
    home.say(NOON - 2 * DAY, NOON + 1)
    grant = await home.give(way=way) if way else await home.give()
    runner = web.AppRunner(hatch.make_app(home.outbox, home.teller, home.home.now), access_log=None)
    await runner.setup()
    path = str(folder / hatch.SOCKET)
    await web.UnixSite(runner, path).start()
    async with aiohttp.ClientSession("http://gateway", connector=aiohttp.UnixConnector(path)) as session:

        async def say(what: str, said: object = None) -> tuple[int, Any]:
            method = "GET" if what in ("due", "pieces") else "POST"
            async with session.request(method, f"/grants/{grant.id}/{what}", json=said) as response:
                return response.status, await response.json()

        try:
            yield grant, say
        finally:
            await runner.cleanup()


@pytest.mark.parametrize("odd", NO_TEXT)
@pytest.mark.parametrize("field", ["why", "detail"])
async def test_why_and_detail_are_text_that_the_page_can_show(tmp_path: Path, field: str, odd: object) -> None:
    with box(tmp_path) as home:
        async with asked(home, tmp_path) as (grant, say):
            whole = {"why": "odd", "detail": "no", "next_s": 60}
            status, answer = await say("trouble", {**whole, field: odd})
            assert status == 400
            assert answer["error"].startswith(f"{field}: printable text")
            assert home.outbox.live(grant.id).trouble is None
            assert await say("trouble", whole) == (200, {})
            assert await say("trouble", {**whole, "next_s": None}) == (200, {})


@pytest.mark.parametrize("odd", [one for one in NO_NUMBER if one is not None])
async def test_when_it_is_tried_again_is_a_number_of_seconds_or_nothing(tmp_path: Path, odd: object) -> None:
    with box(tmp_path) as home:
        async with asked(home, tmp_path) as (grant, say):
            status, answer = await say("trouble", {"why": "odd", "detail": "no", "next_s": odd})
            assert (status, answer["error"][:7]) == (400, "next_s:")
            assert home.outbox.live(grant.id).trouble is None


@pytest.mark.parametrize(
    ("field", "odd"),
    [
        *(("held", one) for one in NO_TEXT),
        *(("answer", one) for one in NO_TEXT),
        *(("period", one) for one in NO_TEXT),
        *(("sha256", one) for one in (*NO_TEXT, "", "AB" * 32, "ab" * 31)),
        *(("bytes", one) for one in NO_NUMBER),
    ],
)
async def test_what_became_of_a_parcel_is_checked_before_the_ledger_holds_it(
    tmp_path: Path, field: str, odd: object
) -> None:
    with box(tmp_path) as home:
        async with asked(home, tmp_path) as (grant, say):
            _, batch = await say("batch", None)
            periods = [one["period"] for one in batch["parcels"]]
            puts = [{**PUT, "period": period} for period in periods]
            status, answer = await say("put", {"batch": batch["batch"], "puts": [{**puts[0], field: odd}, *puts[1:]]})
            assert status == 400
            assert answer["error"].startswith(f"{field}: ")
            assert "sent" not in kinds(home)
            assert await say("put", {"batch": batch["batch"], "puts": puts}) == (200, {"done": True})
            assert "sent" in kinds(home)
            assert {one.held for one in await home.outbox.pieces(grant.id)} == {"there"}


async def test_a_list_is_a_list_and_bounded_and_says_each_period_once(tmp_path: Path) -> None:
    with box(tmp_path) as home:
        async with asked(home, tmp_path) as (_, say):
            number, period = await began(say)
            one = {**PUT, "period": period}
            odd: object
            for odd in ({}, "x", None, 7, [one] * (BATCH_PARCELS_MAX + 1), [one, one], ["x"], [[]], [None]):
                assert (await say("put", {"batch": number, "puts": odd}))[0] == 400
            for odd in (None, [], "x", 7, {}, {"batch": number}, {"batch": "x", "puts": []}):
                assert (await say("put", odd))[0] == 400
            for odd in ({}, "x", None, ["x"] * (PIECES_MAX + 1), [7], [["x"]]):
                assert (await say("erased", {"periods": odd}))[0] == 400
            assert "erased" not in kinds(home)
            assert await say("erased", {"periods": [period, period]}) == (200, {})
            assert [one.fields["periods"] for one in look(home.path) if one.kind == "erased"] == [1]


async def test_what_lies_there_is_a_count_of_a_known_thing_or_nothing(tmp_path: Path) -> None:
    assert set(Thing) == hatch.THINGS
    with box(tmp_path) as home:
        async with asked(home, tmp_path) as (grant, say):
            whole: dict[str, object] = {"thing": "files", "count": 3, "periods": 2, "bytes": None}
            odd: list[object] = [{**whole, "thing": one} for one in (*NO_TEXT, "", "secrets")]
            odd += [{**whole, "count": one} for one in (*NO_NUMBER, float("inf"), 1e300)]
            odd += [{**whole, name: one} for name in ("periods", "bytes") for one in NO_NUMBER if one is not None]
            odd += [[], "x", 7, {}, {"thing": "files"}]
            for lies in odd:
                assert (await say("lies", {"lies": lies}))[0] == 400, lies
            none: list[object] = [None, [], "x", {}]
            for said in none:
                assert (await say("lies", said))[0] == 400
            assert home.outbox.live(grant.id).lies is None
            assert await say("lies", {"lies": {**whole, "more": "x"}}) == (200, {})
            assert home.outbox.live(grant.id).lies == Lies(NOON, 0, "files", 3, 2, None)


async def test_of_a_grant_that_stands_nobody_says_that_its_target_was_left(tmp_path: Path) -> None:
    """What lies there would be erased by nobody once it is taken back."""
    with box(tmp_path) as home:
        async with asked(home, tmp_path) as (grant, say):
            assert (await say("left", None))[0] == 400
            assert await home.grants.withdraw(grant.id, BY, erase=True)
            assert home.outbox.sent()
            assert await say("left", None) == (200, {})
            assert not home.outbox.sent()


@pytest.mark.parametrize("odd", NO_TEXT)
async def test_what_opens_a_target_is_text(tmp_path: Path, odd: object) -> None:
    with box(tmp_path) as home:
        async with asked(home, tmp_path) as (grant, say):
            assert (await say("secrets", {"token": odd}))[0] == 400
            assert (await say("secrets", {"x" * 50: "y"}))[0] == 400
            assert (await say("secrets", {str(number): "y" for number in range(100)}))[0] == 400
            assert home.home.catalog.secrets(grant.id) == {}
            assert await say("secrets", {"token": "ours"}) == (200, {})


@pytest.mark.parametrize("odd", NO_TEXT)
async def test_a_link_is_text(tmp_path: Path, odd: object) -> None:
    with box(tmp_path) as home:
        async with asked(home, tmp_path) as (grant, say):
            assert (await say("link", {"link": odd}))[0] == 400
            assert home.outbox.live(grant.id).link is None


@pytest.mark.parametrize(
    ("address", "link", "right"),
    [
        ("https://cloud.home", "http://cloud.home/login", False),
        ("https://cloud.home", "https://cloud.home/login", True),
        ("http://cloud.home", "http://cloud.home/login", True),
        ("http://cloud.home", "https://cloud.home/login", True),
        ("http://cloud.home", "http://cloud.elsewhere/login", False),
        ("http://cloud.home", "ftp://cloud.home/login", False),
    ],
)
async def test_of_an_https_target_no_open_link_is_shown_at_home_either(
    tmp_path: Path, address: str, link: str, right: bool
) -> None:
    with box(tmp_path) as home:
        async with asked(home, tmp_path, Way(Kind.NEXTCLOUD, address, "", Form.FILES, at_home=True)) as (grant, say):
            assert (await say("link", {"link": link}))[0] == (200 if right else 400)
            assert home.outbox.live(grant.id).link == (link if right else None)


async def test_of_a_grant_that_is_none_nothing_is_kept(tmp_path: Path) -> None:
    with box(tmp_path) as home:
        async with asked(home, tmp_path) as (grant, say):
            for what in ("well", "batch", "left"):
                assert (await say(f"../{'0' * 16}/{what}", None))[0] == 400
            assert (await say(f"../{'0' * 16}/secrets", {"token": "x"}))[0] == 400
            assert home.home.catalog.secrets("0" * 16) == {}
            assert list(home.outbox._live) in ([], [grant.id])


async def began(say: SAY) -> tuple[int, str]:
    _, batch = await say("batch", None)
    return batch["batch"], batch["parcels"][0]["period"]


def kinds(home: Box) -> list[str]:
    return [one.kind for one in look(home.path)]
