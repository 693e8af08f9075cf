"""The sync process brings messages: each once, in the gateway's order, and says what became of them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway import ledger
from gateway.ledger import LedgerError
from sync.model import Message, Told, Trouble, Why
from sync.work import PERSON_S, PERSON_TOLD_S, work
from tests.sync.box import BY, box
from tests.sync.test_work import served, sleeps, wait_for


class Postman:
    """A messenger that keeps what it is told, and fails where a test says so."""

    def __init__(self) -> None:
        self.letters: list[Message] = []
        self.opened = self.left = self.closed = 0
        self.fails: Trouble | None = None
        self.refuses: Trouble | None = None  # a message, though it lets us in
        self.slow_s = 0.0

    async def open(self) -> None:
        self.opened += 1
        if self.fails is not None:
            raise self.fails

    async def tell(self, message: Message) -> Told:
        await asyncio.sleep(self.slow_s)
        if self.refuses is not None:
            raise self.refuses
        self.letters.append(message)
        return Told(len(message.text), "ab" * 32, "250 OK")

    async def leave(self) -> None:
        self.left += 1

    async def close(self) -> None:
        self.closed += 1


@pytest.fixture
def postman(monkeypatch: pytest.MonkeyPatch) -> Postman:
    made = Postman()
    monkeypatch.setattr("sync.messengers.make", lambda way, secrets, at_home, net: made)
    return made


async def test_a_message_is_brought_once_and_none_after_it_was_taken_back(tmp_path: Path, postman: Postman) -> None:
    with box(tmp_path) as home:
        grant = await home.give_messages()
        async with served(home, tmp_path) as socket:
            working = asyncio.ensure_future(work(socket, sleeps([], lambda: False)))
            await asyncio.sleep(0.1)
            assert postman.opened == 0, "nobody is logged in to without a message"
            await home.leak()
            await wait_for(lambda: not home.teller.is_due(grant.id))
            assert [one.text for one in postman.letters] == ["leak-1-0"]
            await wait_for(lambda: home.outbox.live(grant.id).well_at is not None)
            await home.leak(rank=3)
            await wait_for(lambda: not home.teller.is_due(grant.id))
            assert [(one.text, one.urgent) for one in postman.letters[1:]] == [("leak-1-3", True)]
            await home.grants.withdraw(grant.id, BY)
            await asyncio.wait_for(working, 10)
    assert postman.left == 1
    assert postman.closed == postman.opened + 1
    assert len(postman.letters) == 2


async def test_a_server_that_is_away_is_a_sentence_and_the_message_waits(tmp_path: Path, postman: Postman) -> None:
    waits: list[float] = []
    with box(tmp_path) as home:
        postman.fails = Trouble(Why.REFUSED, "535 no")
        grant = await home.give_messages()
        await home.leak()
        async with served(home, tmp_path) as socket:
            working = asyncio.ensure_future(work(socket, sleeps(waits, lambda: len(waits) > 50)))
            await wait_for(lambda: home.outbox.live(grant.id).trouble is not None)
            trouble = home.outbox.live(grant.id).trouble
            assert trouble is not None
            assert (trouble.why, trouble.detail) == ("refused", "535 no")
            assert postman.letters == []
            assert max(waits) <= 1.5 * PERSON_TOLD_S < PERSON_S
            postman.fails = None
            home.outbox.poke(grant.id)
            await wait_for(lambda: not home.teller.is_due(grant.id))
            assert home.outbox.live(grant.id).trouble is None
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
    assert [one.text for one in postman.letters] == ["leak-1-0"]


async def test_while_the_card_refuses_nobody_is_logged_in_to_and_no_letter_goes_twice(
    tmp_path: Path, postman: Postman, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    with box(tmp_path) as home:
        grant = await home.give_messages()
        write = home.ledger.message
        refused: list[str] = []

        async def refuses(now: int, id_: str, name: str, message: ledger.Message, *notes: Any) -> None:
            if message.told_at is not None and len(refused) < 5:
                refused.append(name)
                raise LedgerError("ledger.db: disk full")
            await write(now, id_, name, message, *notes)

        monkeypatch.setattr(home.ledger, "message", refuses)
        await home.leak()
        async with served(home, tmp_path) as socket:
            working = asyncio.ensure_future(work(socket, sleeps(waits, lambda: False)))
            await wait_for(lambda: not home.teller.is_due(grant.id))
            assert len(refused) == 5
            assert (len(postman.letters), postman.opened) == (1, 1)
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


async def test_a_way_that_takes_no_message_is_not_said_to_answer_before_the_next_try(
    tmp_path: Path, postman: Postman
) -> None:
    with box(tmp_path) as home:
        postman.refuses, postman.slow_s = Trouble(Why.UNREACHABLE, "POST ntfy.example.org: away"), 0.05
        grant = await home.give_messages()
        await home.leak()
        seen: set[tuple[bool, bool]] = set()
        async with served(home, tmp_path) as socket:
            working = asyncio.ensure_future(work(socket, sleeps([], lambda: False)))
            await wait_for(lambda: home.outbox.live(grant.id).trouble is not None)
            began = postman.opened
            while postman.opened < began + 3:
                live = home.outbox.live(grant.id)
                seen.add((live.trouble is not None, live.answers))
                await asyncio.sleep(0.005)
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        assert seen == {(True, False)}


async def test_what_cannot_wait_does_not_wait_for_the_hour_of_one_that_was_refused(
    tmp_path: Path, postman: Postman
) -> None:
    async def sleep(pause_s: float) -> None:
        await (asyncio.sleep(0) if pause_s < 100 else asyncio.Event().wait())

    with box(tmp_path) as home:
        postman.refuses = Trouble(Why.REFUSED, "554 spam, we think")
        grant = await home.give_messages()
        await home.leak()
        async with served(home, tmp_path) as socket:
            working = asyncio.ensure_future(work(socket, sleep))
            await wait_for(lambda: home.outbox.live(grant.id).trouble is not None)
            await asyncio.sleep(0.1)
            assert postman.opened == 1
            await home.leak(rank=3)
            await wait_for(lambda: postman.opened == 2)
            await asyncio.sleep(0.1)
            assert postman.opened == 2, "once: it is refused, too, and waits"
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


async def test_a_way_whose_address_is_none_can_be_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> Postman:
        raise Trouble(Why.ODD, "no address")

    monkeypatch.setattr("sync.messengers.make", refuses)
    with box(tmp_path) as home:
        grant = await home.give_messages()
        await home.leak()
        async with served(home, tmp_path) as socket:
            working = asyncio.ensure_future(work(socket, sleeps([], lambda: False)))
            await wait_for(lambda: home.outbox.live(grant.id).trouble is not None)
            await home.grants.withdraw(grant.id, BY)
            await asyncio.wait_for(working, 10)
        assert not home.outbox.sent()
