"""The sync process against the gateway's real socket, with a shelf for a target: sentences instead of storms, and its end."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from gateway import hatch, starter
from sync.model import Trouble, Why
from sync.work import PERSON_S, RETRY_S_MAX, RETRY_S_MIN, pause, work
from tests.house import NOON
from tests.sync.box import BY, DAY, INDEX, Box, box

Sleep = Callable[[float], Awaitable[None]]


@asynccontextmanager
async def served(home: Box, folder: Path) -> AsyncIterator[Path]:
    runner = web.AppRunner(hatch.make_app(home.outbox, home.home.now), access_log=None)
    await runner.setup()
    await web.UnixSite(runner, str(folder / hatch.SOCKET)).start()
    try:
        yield folder / hatch.SOCKET
    finally:
        await runner.cleanup()


def sleeps(waits: list[float], until: Callable[[], bool]) -> Sleep:
    """Time that flies; the wait is noted, and after `until` is true nothing goes on."""

    async def sleep(pause_s: float) -> None:
        waits.append(pause_s)
        await asyncio.sleep(0 if not until() else 0.01)

    return sleep


async def wait_for(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.01)


async def test_it_sends_until_the_grant_is_taken_back_and_erased_and_then_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with box(tmp_path) as home:
        monkeypatch.setattr("sync.targets.make", lambda way, secrets, at_home, net: home.shelf)
        home.say(NOON - 3 * DAY, NOON + 1)
        async with served(home, tmp_path) as socket:
            assert not home.outbox.wanted()
            await work(socket)  # nothing is granted: it is gone at once
            grant = await home.give()
            working = asyncio.ensure_future(work(socket, sleeps([], lambda: False)))
            await wait_for(lambda: len(home.shelf.values(INDEX)) == 144)
            assert home.outbox.live(grant.id).trouble is None
            await home.grants.withdraw(grant.id, BY, erase=True)
            await asyncio.wait_for(working, 10)
    assert not home.shelf.parcels
    assert home.shelf.left == 1


async def test_a_target_that_is_away_is_a_sentence_and_no_storm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    with box(tmp_path) as home:
        monkeypatch.setattr("sync.targets.make", lambda way, secrets, at_home, net: home.shelf)
        home.say(NOON - 3 * DAY, NOON + 1)
        home.shelf.fails_after = 0
        async with served(home, tmp_path) as socket:
            grant = await home.give()
            working = asyncio.ensure_future(work(socket, sleeps(waits, lambda: False)))
            await wait_for(lambda: home.shelf.opened >= 12)
            trouble = home.outbox.live(grant.id).trouble
            assert trouble is not None
            assert (trouble.why, trouble.detail) == (Why.UNREACHABLE, "the shelf is away")
            pauses = [one for one in waits if one > RETRY_S_MIN]
            assert max(pauses) > RETRY_S_MAX / 2
            assert all(one <= 1.5 * RETRY_S_MAX for one in pauses)
            home.shelf.fails_after = None
            home.outbox.poke(grant.id)
            await wait_for(lambda: len(home.shelf.values(INDEX)) == 144)
            await wait_for(lambda: home.outbox.live(grant.id).trouble is None)
            working.cancel()
            with pytest.raises(asyncio.CancelledError):
                await working


async def test_an_access_that_was_taken_back_there_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with box(tmp_path) as home:
        monkeypatch.setattr("sync.targets.make", lambda way, secrets, at_home, net: home.shelf)
        home.say(NOON - 3 * DAY, NOON + 1)
        home.shelf.fails_after, home.shelf.why = 0, Why.ENDED
        async with served(home, tmp_path) as socket:
            grant = await home.give()
            waits: list[float] = []
            working = asyncio.ensure_future(work(socket, sleeps(waits, lambda: False)))
            await wait_for(lambda: home.outbox.live(grant.id).trouble is not None)
            looks = len(waits)
            await wait_for(lambda: len(waits) > looks + 20)
            assert home.shelf.opened == 1
            working.cancel()
            with pytest.raises(asyncio.CancelledError):
                await working


def test_a_pause_grows_is_bounded_and_heeds_what_the_target_asks_for() -> None:
    for tries in range(40):
        found = pause(Trouble(Why.UNREACHABLE, ""), tries)
        assert found is not None
        assert RETRY_S_MIN / 2 <= found <= 1.5 * RETRY_S_MAX
    asked = pause(Trouble(Why.BUSY, "", 40_000), 0)
    assert asked is not None
    assert asked >= 40_000
    refused = pause(Trouble(Why.REFUSED, ""), 0)
    assert refused is not None
    assert refused >= PERSON_S / 2
    assert pause(Trouble(Why.ENDED, ""), 0) is None


def test_without_a_gateway_it_says_so_and_ends(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sync", "--socket", str(tmp_path / "none.sock")],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, f"releve-sync: {tmp_path}/none.sock: no gateway runs here\n")


async def test_the_child_is_there_only_while_it_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter, "LOOK_S", 0.01)
    monkeypatch.setattr("sync.work.LOOK_S", 0.05)
    with box(tmp_path) as home:
        async with served(home, tmp_path) as socket:
            wanted = False
            starting = asyncio.ensure_future(starter.start(lambda: wanted, socket))
            marking = asyncio.ensure_future(starter.mark(lambda: wanted, tmp_path / starter.WANTED))
            await asyncio.sleep(0.05)
            assert not children()
            assert not (tmp_path / starter.WANTED).exists()
            grant = await home.give(past=False)
            wanted = True
            await wait_for(lambda: len(children()) == 1)
            await wait_for((tmp_path / starter.WANTED).exists)
            await home.grants.withdraw(grant.id, BY)
            await home.outbox.left(grant.id)
            wanted = False
            await wait_for(lambda: not children())
            await wait_for(lambda: not (tmp_path / starter.WANTED).exists())
            for task in (starting, marking):
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task


def children() -> list[str]:
    """The sync processes that this test's own process has started."""
    me = Path("/proc/self").resolve().name
    tasks = Path(f"/proc/{me}/task")
    ids = " ".join((task / "children").read_text() for task in tasks.iterdir()).split()
    commands = [Path(f"/proc/{one}/cmdline").read_bytes().split(b"\0") for one in ids]
    return [one for one, command in zip(ids, commands, strict=True) if b"sync" in command]
