"""The sync process against the gateway's real socket, with a shelf for a target: sentences instead of storms, and its end."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import web

from gateway import hatch, starter
from gateway.ledger import LedgerError
from gateway.way import Form, Kind, Way
from sync.model import Home, Parcel, Put, Trouble, Why
from sync.net import Net
from sync.work import DUE_S, LIVE_S, LOOK_S, PERSON_S, REFUSED_S_MAX, RETRY_S_MAX, RETRY_S_MIN, pause, work
from tests.house import NOON
from tests.sync.box import BY, DAY, INDEX, Box, Shelf, box

Sleep = Callable[[float], Awaitable[None]]


@asynccontextmanager
async def served(home: Box, folder: Path) -> AsyncIterator[Path]:
    runner = web.AppRunner(hatch.make_app(home.outbox, home.teller, home.home.now), access_log=None)
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
    ids, found = [], []
    for task in tasks.iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended since
            ids += (task / "children").read_text().split()
    for one in ids:
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended since
            if b"sync" in Path(f"/proc/{one}/cmdline").read_bytes().split(b"\0"):
                found.append(one)
    return found


def stop(starting: "asyncio.Future[None]") -> Awaitable[object]:
    starting.cancel()
    return asyncio.gather(starting, return_exceptions=True)


def pauses(waits: list[float]) -> list[float]:
    """Those after a failure: they alone are by chance."""
    return [one for one in waits if one not in (LOOK_S, DUE_S, LIVE_S)]


async def test_while_the_card_refuses_no_target_is_logged_in_to_and_the_pauses_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    with box(tmp_path) as home:
        monkeypatch.setattr("sync.targets.make", lambda way, secrets, at_home, net: home.shelf)
        home.say(NOON - 3 * DAY, NOON + 1)
        batch = home.outbox.batch

        async def refuses(_: str) -> None:
            raise LedgerError("ledger.db: database or disk is full")

        monkeypatch.setattr(home.outbox, "batch", refuses)
        async with served(home, tmp_path) as socket:
            grant = await home.give()
            working = asyncio.ensure_future(work(socket, sleeps(waits, lambda: False)))
            await wait_for(lambda: len(pauses(waits)) >= 12)
            assert home.shelf.opened == 1
            assert home.outbox.live(grant.id).trouble is None
            assert pauses(waits)[0] <= 1.5 * RETRY_S_MIN
            assert REFUSED_S_MAX / 2 <= min(pauses(waits)[8:]) <= max(pauses(waits)) <= 1.5 * REFUSED_S_MAX
            monkeypatch.setattr(home.outbox, "batch", batch)
            await wait_for(lambda: len(home.shelf.values(INDEX)) == 144)
            assert home.shelf.opened == 2
            await stop(working)


async def test_a_target_that_took_something_is_tried_again_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A live target, for months: what failed once in a while must not add up to an hour's pause."""
    waits: list[float] = []
    monkeypatch.setattr("gateway.outbox.BATCH_PARCELS_MAX", 1)
    with box(tmp_path) as home:

        class Moody(Shelf):
            """It fails eight times, takes one, and is away for good."""

            async def put(self, parcels: Sequence[Parcel]) -> list[Put]:
                self.left += 1
                if self.left == 9:
                    return await super().put(parcels)
                raise Trouble(Why.UNREACHABLE, "")

        home.shelf = Moody()
        monkeypatch.setattr("sync.targets.make", lambda way, secrets, at_home, net: home.shelf)
        home.say(NOON - 3 * DAY, NOON + 1)
        async with served(home, tmp_path) as socket:
            await home.give()
            working = asyncio.ensure_future(work(socket, sleeps(waits, lambda: False)))
            await wait_for(lambda: len(pauses(waits)) >= 9)
            await stop(working)
    assert home.shelf.puts == 1
    assert pauses(waits)[7] >= RETRY_S_MIN * 2**7 / 2
    assert pauses(waits)[8] <= 1.5 * RETRY_S_MIN


async def test_nothing_is_erased_while_a_send_is_still_being_ended_and_no_other_grant_waits_for_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with box(tmp_path) as home:
        ends, slow, other = asyncio.Event(), list[str](), Shelf()

        class Slow(Shelf):
            """It lets go late, and is asked for nothing meanwhile."""

            closing = overlapped = False

            async def open(self) -> None:
                self.overlapped = self.overlapped or self.closing
                await super().open()

            async def put(self, parcels: Sequence[Parcel]) -> list[Put]:
                self.puts = 1
                await asyncio.Event().wait()
                return []

            async def close(self) -> None:
                if self.puts:
                    self.closing = True
                    await ends.wait()
                    self.closing, self.puts = False, 0

        home.shelf = Slow()
        monkeypatch.setattr(
            "sync.targets.make", lambda way, secrets, at_home, net: home.shelf if at_home.grant in slow else other
        )
        home.say(NOON - 3 * DAY, NOON + 1)
        async with served(home, tmp_path) as socket:
            first = await home.give()
            slow.append(first.id)
            working = asyncio.ensure_future(work(socket, sleeps([], lambda: False)))
            await wait_for(lambda: home.shelf.puts == 1)
            await home.grants.withdraw(first.id, BY, erase=True)
            await wait_for(lambda: home.shelf.closing)  # type: ignore[attr-defined] # Slow's
            await home.give()
            await wait_for(lambda: len(other.values(INDEX)) == 144)
            assert (home.shelf.opened, home.shelf.left) == (1, 0)
            ends.set()
            await wait_for(lambda: home.shelf.left == 1)
            assert home.shelf.opened == 2
            assert not home.shelf.overlapped
            await stop(working)


@pytest.mark.parametrize("erase", [True, False])
async def test_a_grant_whose_target_never_answered_ends_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, erase: bool
) -> None:
    with box(tmp_path) as home:
        monkeypatch.setattr("sync.targets.make", lambda way, secrets, at_home, net: home.shelf)
        home.say(NOON - 3 * DAY, NOON + 1)
        home.shelf.fails_after = 0
        async with served(home, tmp_path) as socket:
            grant = await home.give()
            working = asyncio.ensure_future(work(socket, sleeps([], lambda: False)))
            await wait_for(lambda: home.outbox.live(grant.id).trouble is not None)
            opened = home.shelf.opened
            await home.grants.withdraw(grant.id, BY, erase=erase)
            await asyncio.wait_for(working, 10)
    assert not home.outbox.sent()
    assert home.shelf.opened <= opened + 1  # it may have been at it


@pytest.mark.parametrize("user", ["ada:lovelace", "ada"])
async def test_a_grant_that_can_never_be_logged_in_with_ends_all_the_same(tmp_path: Path, user: str) -> None:
    """A name with a colon, which no such login can say; and no password, for a folder that wants none."""
    way = Way(Kind.WEBDAV, "http://127.0.0.1:9/releve/", user, Form.FILES, at_home=True)
    with box(tmp_path) as home:
        home.say(NOON - 3 * DAY, NOON + 1)
        async with served(home, tmp_path) as socket:
            grant = await home.give(way=way)
            working = asyncio.ensure_future(work(socket, sleeps([], lambda: False)))
            await wait_for(lambda: home.outbox.live(grant.id).trouble is not None)
            trouble = home.outbox.live(grant.id).trouble
            assert trouble is not None
            assert trouble.why == (Why.REFUSED if ":" in user else Why.UNREACHABLE)
            await home.grants.withdraw(grant.id, BY, erase=True)
            await asyncio.wait_for(working, 10)
    assert not home.outbox.sent()


async def test_a_page_for_the_login_at_another_host_is_said_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with box(tmp_path) as home:

        class Asks(Shelf):
            async def open(self) -> None:
                await at_home[-1].show("https://elsewhere.example/login")

        at_home: list[Home] = []
        home.shelf = Asks()

        def make(way: Way, secrets: Mapping[str, str], one: Home, net: Net) -> Shelf:
            at_home.append(one)
            return home.shelf

        monkeypatch.setattr("sync.targets.make", make)
        home.say(NOON - 3 * DAY, NOON + 1)
        async with served(home, tmp_path) as socket:
            grant = await home.give()
            working = asyncio.ensure_future(work(socket, sleeps([], lambda: False)))
            await wait_for(lambda: home.outbox.live(grant.id).trouble is not None)
            trouble = home.outbox.live(grant.id).trouble
            assert trouble is not None
            assert (trouble.why, trouble.detail) == (Why.ODD, "it names an address of another host")
            assert home.outbox.live(grant.id).link is None
            await stop(working)


async def test_a_connection_that_does_not_end_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.work.CLOSE_S_MAX", 0.01)
    with box(tmp_path) as home:

        class Stuck(Shelf):
            async def close(self) -> None:
                self.left += 1
                await asyncio.Event().wait()

        home.shelf = Stuck()
        monkeypatch.setattr("sync.targets.make", lambda way, secrets, at_home, net: home.shelf)
        home.say(NOON - 3 * DAY, NOON + 1)
        home.shelf.fails_after = 0
        async with served(home, tmp_path) as socket:
            await home.give()
            working = asyncio.ensure_future(work(socket, sleeps([], lambda: False)))
            await wait_for(lambda: home.shelf.left >= 3)
            working.cancel()
            await asyncio.wait_for(asyncio.gather(working, return_exceptions=True), 5)


def test_who_stands_before_the_page_waits_for_another_address_a_minute_at_most() -> None:
    for tries in range(40):
        found = pause(Trouble(Why.WAITING, ""), tries)
        assert found is not None
        assert found <= 90


async def test_the_sync_process_of_a_gateway_that_was_killed_does_not_work_for_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with box(tmp_path) as home:
        monkeypatch.setattr("sync.targets.make", lambda way, secrets, at_home, net: home.shelf)
        home.say(NOON - 3 * DAY, NOON + 1)
        await home.give()
        async with served(home, tmp_path) as socket:
            working = asyncio.ensure_future(work(socket, sleeps([], lambda: False)))
            await wait_for(lambda: len(home.shelf.values(INDEX)) == 144)
            assert not working.done()
        monkeypatch.setattr("sync.work.SILENT_S_MAX", 1e9)
        async with served(home, tmp_path):
            await asyncio.wait_for(working, 10)


def begin(socket: Path, code: str = "") -> "subprocess.Popen[str]":
    """A sync process; `code` changes something of it before."""
    begun = f"import sys; sys.argv[0] = 'releve-sync'; import sync.__main__ as it\n{code}\nsys.exit(it.main())"
    return subprocess.Popen(
        [sys.executable, "-c", begun, "--socket", str(socket)],
        stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip


async def ended(process: "subprocess.Popen[str]") -> str:
    """What it said once it has ended by itself; it is not left to run."""
    try:
        return (await asyncio.wait_for(asyncio.to_thread(process.communicate), 10))[1]
    finally:
        process.kill()


async def test_a_second_process_waits_for_the_first_says_so_and_ends(tmp_path: Path) -> None:
    with box(tmp_path) as home:
        async with served(home, tmp_path) as socket:
            await home.give(past=False)
            with begin(socket) as first:
                try:
                    await wait_for((tmp_path / "sync.sock.lock").exists)
                    with begin(socket, "it.LOCK_S_MAX = 0.1") as second:
                        said = await ended(second)
                    assert second.returncode == 1
                    assert said == f"releve-sync: {socket}.lock: another releve-sync is at work here\n"
                    assert first.poll() is None
                finally:
                    first.kill()
            with begin(socket, "async def work(socket): print('alone', file=sys.stderr)\nit.work = work") as third:
                said = await ended(third)
            assert (third.returncode, said) == (0, "alone\n")  # a kill leaves no lock behind


async def test_a_lock_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    with box(tmp_path) as home:
        async with served(home, tmp_path) as socket:
            (tmp_path / "sync.sock.lock").mkdir()
            with begin(socket) as process:
                said = await ended(process)
            assert (process.returncode, said) == (1, f"releve-sync: {socket}.lock: Is a directory\n")


async def test_a_library_that_never_comes_back_ends_the_process(tmp_path: Path) -> None:
    """Though it holds the interpreter, so that no thread of Python's could."""
    stuck = "async def work(socket):\n    import asyncio; await asyncio.sleep(0); sum(iter(int, 1))\n"
    with box(tmp_path) as home:
        async with served(home, tmp_path) as socket:
            with begin(socket, f"it.STUCK_S_MAX = 0.3\n{stuck}it.work = work") as process:
                said = await ended(process)
            assert process.returncode == 1
            assert "in work" in said


async def test_a_child_that_ends_well_though_it_is_wanted_is_not_started_in_a_storm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/true")
    waits: list[float] = []

    async def sleep(pause_s: float) -> None:
        waits.append(pause_s)
        if len(waits) == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(starter.start(lambda: True, tmp_path / "sync.sock", sleep), 10)
    assert waits == [starter.PAUSE_S] * 3
