"""What a hostile second reader found in the way out: each fails on the code it was written against."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from gateway import starter
from gateway.app import erase_stopped
from gateway.grants import Resolution
from gateway.ledger import LedgerError, look
from gateway.outbox import Outbox
from gateway.store import StoreError
from gateway.way import Form, Kind, Way
from sync.model import Parcel, Put, Trouble, Why
from sync.net import Answer, Net, of_status
from sync.work import work
from tests.house import NOON
from tests.sync.box import BY, DAY, INDEX, Box, box
from tests.sync.test_work import served, sleeps, wait_for
from tests.webui.conftest import *  # noqa: F403 - the furnished home
from tests.webui.home import Home as Pages
from tests.webui.home import read
from tests.webui.test_grants import post
from tests.webui.test_sending import SENT, send

LIVE = Way(Kind.MQTT, "mqtt://192.0.2.5", "", Form.LIVE, at_home=True)


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Box]:
    with box(tmp_path) as made:
        yield made


async def hand(out: Box, id_: str) -> tuple[int, list[Parcel]]:
    found = await out.outbox.batch(id_)
    assert found is not None
    return found[0], [Parcel.read(one) for one in found[1]]


def said(parcels: list[Parcel], puts: list[Put]) -> list[Mapping[str, Any]]:
    return [
        {"period": parcel.period, "held": put.held, "bytes": put.bytes, "sha256": put.sha256, "answer": put.answer}
        for parcel, put in zip(parcels, puts, strict=True)
    ]


# -- lost, false, doubled ---------------------------------------------------------------------------------------------
async def test_what_is_erased_at_home_while_it_is_being_sent_goes_at_the_target_too(out: Box) -> None:
    out.say(NOON - 10 * DAY, NOON + 1)
    grant = await out.give()
    number, parcels = await hand(out, grant.id)
    puts = await out.shelf.put(parcels)
    await out.home.store.run(out.home.store.erase, (INDEX.key,), 0, NOON - 5 * DAY)
    await out.acknowledge(grant, number, parcels, puts)
    out.restart()
    await out.send(grant)
    assert min(out.shelf.values(INDEX)) >= NOON - 5 * DAY


async def test_what_the_command_line_erases_while_the_gateway_is_stopped_goes_at_the_target_too(tmp_path: Path) -> None:
    with box(tmp_path) as out:
        out.home.catalog.adopt("tic:041276123456", "Maison", INDEX.medium, NOON - 20 * DAY)
        out.say(NOON - 10 * DAY, NOON + 1)
        grant = await out.give()
        await out.send(grant)
        config, shelf = replace(out.home.config, secret=tmp_path / "elsewhere" / "box-secret"), out.shelf
    done = await asyncio.to_thread(erase_stopped, config, "maison", 0, NOON - 5 * DAY)
    assert done["points"] == 240
    with box(tmp_path) as out:
        out.shelf = shelf
        await out.send(grant)
        assert min(out.shelf.values(INDEX)) >= NOON - 5 * DAY


async def test_an_acknowledgement_of_a_batch_from_before_a_restart_is_none_of_the_batch_after_it(out: Box) -> None:
    out.say(NOON - 2 * DAY, NOON - DAY)
    grant = await out.give()
    number, parcels = await hand(out, grant.id)
    puts = await out.shelf.put(parcels)
    out.restart()  # the sync process lives on
    out.say(NOON - DAY, NOON + 1)
    await hand(out, grant.id)  # to another one, which never brings it
    await out.outbox.acknowledge(grant.id, number, said(parcels, puts))
    await out.send(grant)
    assert out.shelf.values(INDEX) == await out.expected(INDEX, NOON - 2 * DAY, NOON)


async def test_a_card_that_cannot_give_a_page_back_is_a_sentence_and_keeps_no_other_day_from_being_sent(
    out: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import aiohttp

    out.say(NOON - 3 * DAY, NOON + 1)
    grant = await out.give()

    async def refuses(*_: object) -> None:
        raise StoreError("series.db: the card does not answer")

    monkeypatch.setattr(out.home, "indexes", refuses)
    async with (
        served(out, tmp_path) as path,
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as asks,
        asks.get(f"http://gateway/grants/{grant.id}/due") as answer,
    ):
        assert answer.status == 507
        assert "card" in (await answer.json())["error"]


# -- sent unasked, or not written down --------------------------------------------------------------------------------
async def test_what_is_taken_back_while_a_batch_is_being_handed_out_is_not_handed_out(
    out: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    out.say(NOON - 3 * DAY, NOON + 1)
    grant = await out.give()
    put = out.ledger.put

    async def slow(*args: Any, **named: Any) -> None:
        await put(*args, **named)
        assert await out.grants.withdraw(grant.id, BY)

    monkeypatch.setattr(out.ledger, "put", slow)
    assert await out.outbox.batch(grant.id) is None


async def test_a_live_figure_leaves_only_once_the_ledger_says_that_it_does(
    out: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    out.say(NOON - DAY, NOON + 1)
    grant = await out.give(way=LIVE)
    put = out.ledger.put

    async def refuses(*_: Any, **__: Any) -> None:
        raise LedgerError("ledger.db: database or disk is full")

    monkeypatch.setattr(out.ledger, "put", refuses)
    with pytest.raises(LedgerError):
        await out.outbox.batch(grant.id)
    monkeypatch.setattr(out.ledger, "put", put)
    await hand(out, grant.id)
    assert [entry.kind for entry in look(out.path)] == ["given", "sending"]


async def test_a_sum_of_live_figures_is_not_lost_because_the_card_refuses_once(
    out: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    out.say(NOON - DAY, NOON + 3600, step_s=10)
    grant = await out.give(Resolution.RAW, way=LIVE)
    await out.send(grant)
    put = out.ledger.put

    async def refuses(*_: Any, **__: Any) -> None:
        raise LedgerError("ledger.db: database or disk is full")

    out.clock.at += 600
    monkeypatch.setattr(out.ledger, "put", refuses)
    with pytest.raises(LedgerError):
        await out.outbox.batch(grant.id)
    monkeypatch.setattr(out.ledger, "put", put)
    await out.send(grant)
    await out.outbox.look(stopping=True)
    sums = [entry.fields for entry in look(out.path) if entry.kind == "sent"]
    assert sum(one["batches"] for one in sums) == 2


async def test_a_machine_at_home_is_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ticked by mistake, readings leave in clear for the Internet while the page says that nothing leaves the home."""
    async with Net("1.1.1.1", at_home=True) as net:
        with pytest.raises(Trouble):
            await net.addresses()


@pytest.mark.parametrize("address", ["2002:c0a8:101::1", "fec0::1"])
async def test_an_address_at_home_in_another_dress_is_no_address_of_the_internet(address: str) -> None:
    async with Net(address, at_home=False) as net:
        with pytest.raises(Trouble):
            await net.addresses()


async def test_this_very_machine_over_ipv6_is_at_home_too() -> None:
    async with Net("::1", at_home=True) as net:
        assert await net.addresses() == ("::1",)


# -- the sync process -------------------------------------------------------------------------------------------------
async def test_what_a_target_asked_to_keep_opens_it_at_the_next_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with box(tmp_path) as out:
        seen: list[dict[str, str]] = []

        def make(way: Way, secrets: Mapping[str, str], at_home: Any, net: Net) -> Any:
            seen.append(dict(secrets))
            return Asks(out, at_home)

        monkeypatch.setattr("sync.targets.make", make)
        out.say(NOON - DAY, NOON + 1)
        out.shelf.fails_after = 0
        async with served(out, tmp_path) as path:
            await out.give()
            working = asyncio.ensure_future(work(path, sleeps([], lambda: False)))
            await wait_for(lambda: len(seen) > 2)
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        assert seen[:2] == [{}, {"token": "ours"}]


class Asks:
    """A target whose owner says yes at the first `open`, and which is away right after."""

    def __init__(self, out: Box, at_home: Any) -> None:
        self._shelf, self._home = out.shelf, at_home

    async def open(self) -> None:
        await self._home.keep({"token": "ours"})
        await self._shelf.open()

    async def close(self) -> None:
        pass


async def test_one_target_that_is_a_bug_keeps_no_other_from_its_readings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Asks):
        async def open(self) -> None:
            raise ValueError("an answer that nobody thought of")

    with box(tmp_path) as out:
        broken: list[str] = []
        monkeypatch.setattr(
            "sync.targets.make",
            lambda way, secrets, at_home, net: Broken(out, at_home) if at_home.grant in broken else out.shelf,
        )
        out.say(NOON - DAY, NOON + 1)
        async with served(out, tmp_path) as path:
            broken.append((await out.give()).id)
            await out.give()
            working = asyncio.ensure_future(work(path, sleeps([], lambda: False)))
            await asyncio.wait([working], timeout=2)
            ended = working.done()
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            assert not ended
            assert out.outbox.live(broken[0]).trouble is not None


def test_a_wait_that_a_target_asks_for_is_no_bug_however_long_its_number() -> None:
    headers = CIMultiDictProxy(CIMultiDict({"Retry-After": "9" * 5000}))
    assert of_status(Answer(503, "", headers, b""), "PUT").why is Why.BUSY


@pytest.mark.parametrize("url", ["https://[cloud.example/", "https://cloud.example:99999/"])
async def test_an_address_from_a_server_that_is_none_is_a_trouble_and_no_bug(url: str) -> None:
    async with Net("cloud.example", at_home=False) as net:
        with pytest.raises(Trouble):
            await net.ask("GET", url)


async def test_a_name_in_punycode_is_the_name_that_was_given() -> None:
    async with Net("xn--bcher-kva.invalid", at_home=False) as net:
        with pytest.raises(Trouble) as met:
            await net.ask("GET", "https://xn--bcher-kva.invalid/")
    assert met.value.why is Why.UNREACHABLE


async def test_a_small_answer_that_unpacks_to_much_costs_little_memory() -> None:
    import gzip
    import tracemalloc

    body = gzip.compress(bytes(200_000_000), 9)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    tracemalloc.start()
    async with server, Net("127.0.0.1", at_home=True) as net:
        with pytest.raises(Trouble):
            await net.ask("GET", f"http://127.0.0.1:{port}/")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000


async def test_a_reason_that_is_no_text_is_no_answer_that_the_ledger_cannot_hold(out: Box) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 201 Cr\xe9\xe9\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Net("127.0.0.1", at_home=True) as net:
        line = (await net.ask("PUT", f"http://127.0.0.1:{port}/")).line
    out.say(NOON - DAY, NOON + 1)
    grant = await out.give()
    number, parcels = await hand(out, grant.id)
    puts = [replace(put, answer=line) for put in await out.shelf.put(parcels)]
    await out.acknowledge(grant, number, parcels, puts)
    assert await out.send(grant) == 0


# -- live -------------------------------------------------------------------------------------------------------------
async def test_a_live_target_costs_the_card_no_commit_each_ten_seconds(
    out: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    out.say(NOON - DAY, NOON + 3600, step_s=10)
    grant = await out.give(Resolution.RAW, way=LIVE)
    commits = 0
    put = out.ledger.put

    async def counted(*args: Any, **named: Any) -> None:
        nonlocal commits
        commits += 1
        await put(*args, **named)

    monkeypatch.setattr(out.ledger, "put", counted)
    for _ in range(50):
        out.clock.at += 10
        await out.send(grant)
    assert commits < 10


async def test_at_a_live_target_lies_the_last_figure_and_no_history(out: Box) -> None:
    out.say(NOON - DAY, NOON + 5 * 3600, step_s=60)
    grant = await out.give(Resolution.RAW, way=LIVE)
    for _ in range(4):
        out.clock.at += 3600
        await out.send(grant)
    assert await out.outbox.there(grant.id) == (1, 1)


async def test_a_live_figure_that_is_granted_an_hour_late_comes_an_hour_late(out: Box) -> None:
    out.say(NOON - DAY, NOON + 5 * 3600, step_s=60)
    grant = await out.give(Resolution.RAW, way=LIVE, delay_s=3600)
    out.clock.at += 2 * 3600
    assert await out.send(grant) == 1


async def test_the_last_figure_of_a_meter_that_speaks_each_quarter_hour_is_not_taken_away_in_between(out: Box) -> None:
    out.say(NOON - DAY, NOON + 3600, step_s=900)
    grant = await out.give(Resolution.RAW, way=LIVE)
    for _ in range(180):
        out.clock.at += 20
        await out.send(grant)
        if out.clock.at > NOON + 1000:
            assert out.shelf.parcels


# -- the gateway ------------------------------------------------------------------------------------------------------
async def test_an_owner_who_comes_back_between_two_questions_is_heard(
    out: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.outbox.BROUGHT_S", 0.01)
    grant = await out.give()
    assert await out.outbox.brought(grant.id) is None
    assert out.outbox.bring(grant.id, {"code": "one"})  # and the page says: you said yes
    assert await out.outbox.brought(grant.id) == {"code": "one"}


async def test_what_opened_a_target_is_forgotten_only_once_the_card_says_that_it_was_left(
    out: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = await out.give()
    out.outbox.keep(grant.id, {"token": "ours"})
    await out.grants.withdraw(grant.id, BY)

    async def refuses(*_: Any) -> None:
        raise LedgerError("ledger.db: database or disk is full")

    monkeypatch.setattr(out.ledger, "append", refuses)
    with pytest.raises(LedgerError):
        await out.outbox.left(grant.id)
    (job,) = out.outbox.jobs()
    assert job["secrets"] == {"token": "ours"}


async def test_a_batch_that_nobody_acknowledged_may_lie_there_and_is_not_said_to_be_gone(out: Box) -> None:
    out.say(NOON - 3 * DAY, NOON + 1)
    grant = await out.give()
    await out.send(grant, acknowledged=False)
    assert out.shelf.parcels
    await out.grants.withdraw(grant.id, BY)
    await out.outbox.left(grant.id)
    *_, left = look(out.path)
    assert left.fields["points"] > 0


async def test_what_the_card_refuses_to_forget_is_forgotten_as_soon_as_it_does_not(
    out: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    out.say(NOON - 3 * DAY, NOON + 1)
    grant = await out.give()
    out.outbox.page = "http://releve.local"
    out.outbox.keep(grant.id, {"token": "ours"})
    await out.send(grant)
    await out.grants.withdraw(grant.id, BY)

    def refuses(*_: object) -> None:
        raise OSError(28, "No space left on device", "keys.json")

    with monkeypatch.context() as refusing:
        refusing.setattr("gateway.keys.replace", refuses)
        with pytest.raises(OSError, match="No space"):
            await out.outbox.left(grant.id)
        await out.outbox.look()
        assert out.home.catalog.secrets(grant.id) == {"token": "ours"}
        assert out.outbox.jobs() == []
    await out.outbox.look()
    assert out.home.catalog.secrets(grant.id) == {}
    assert await out.outbox.there(grant.id) == (0, 0)
    assert [entry.kind for entry in look(out.path)].count("left") == 1


async def test_a_kill_between_the_entry_and_the_forgetting_is_made_good_by_the_next_start(
    out: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    out.say(NOON - 3 * DAY, NOON + 1)
    grant = await out.give()
    out.outbox.keep(grant.id, {"token": "ours"})
    await out.send(grant)
    await out.grants.withdraw(grant.id, BY)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as kill:
        kill.setattr(out.home.catalog, "set_secrets", killed)
        with pytest.raises(KeyboardInterrupt):
            await out.outbox.left(grant.id)
    out.restart()
    held = out.grants.get(grant.id)
    assert held is not None
    assert (held.left, held.stays) == (True, 144)
    assert out.home.catalog.secrets(grant.id) == {}
    assert await out.outbox.there(grant.id) == (0, 0)


async def test_a_card_that_refuses_to_forget_keeps_no_gateway_from_starting(
    out: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    out.outbox.keep("0123456789abcdef", {"token": "of a grant that a restore ended"})

    def refuses(*_: object) -> None:
        raise OSError(28, "No space left on device", "keys.json")

    monkeypatch.setattr("gateway.keys.replace", refuses)
    Outbox(out.grants, out.ledger, out.home, out.home.catalog)


async def test_a_machine_without_room_for_a_child_goes_on_reading_meters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(*_: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuses)
    task = asyncio.ensure_future(starter.start(lambda: True, tmp_path / "sync.sock"))
    await asyncio.wait([task], timeout=0.1)
    ended = task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not ended


async def test_a_full_run_goes_on_reading_meters(tmp_path: Path) -> None:
    task = asyncio.ensure_future(starter.mark(lambda: True, tmp_path / "none" / "sync.wanted"))
    await asyncio.wait([task], timeout=0.1)
    ended = task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not ended


async def test_a_page_of_ten_years_of_hours_holds_no_meter_up(out: Box) -> None:
    import time

    out.home.store.bulk(INDEX.key, INDEX.quantity, 0, True, [NOON - 3650 * DAY, NOON], [1, 2])
    grant = await out.give(Resolution.RAW)
    began = time.perf_counter()
    out.outbox.all_there_to(grant.id)
    assert time.perf_counter() - began < 0.02  # here; a Pi takes five times that


# -- the pages --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "link", ["javascript:alert(document.cookie)", "data:text/html,x", "https://dav.example.org.evil.example/login"]
)
async def test_a_link_that_a_target_sends_leads_to_that_target_or_nowhere(
    home: Pages, tmp_path: Path, link: str
) -> None:
    import aiohttp
    from aiohttp import web

    from gateway import hatch

    id_, _ = await send(home, to="nextcloud", form="files", address="https://dav.example.org", user="")
    runner = web.AppRunner(hatch.make_app(home.access.outbox, home.access.teller, home.house.now), access_log=None)
    await runner.setup()
    path = str(tmp_path / "h.sock")
    await web.UnixSite(runner, path).start()
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as asks:
        await asks.post(f"http://gateway/grants/{id_}/link", json={"link": link})
    await runner.cleanup()
    assert link not in await home.text("/data")


async def test_the_page_does_not_say_that_all_was_taken_before_anything_was(home: Pages) -> None:
    id_, _ = await send(home)
    home.access.outbox.well(id_)
    assert await home.access.outbox.due(id_)
    assert "a pris tout ce qui lui revenait" not in read(await home.text("/data")).text


async def test_a_refusal_is_said_though_a_link_was_shown_before(home: Pages) -> None:
    id_, _ = await send(home, to="nextcloud", form="files", address="https://dav.example.org", user="")
    home.access.outbox.live(id_).link = "https://dav.example.org/login/v2/flow/x"
    home.access.outbox.tell(id_, "unreachable", "GET dav.example.org: no such name", 60)
    assert "ne répond pas" in read(await home.text("/data")).text


async def test_a_password_in_the_address_s_query_is_refused(home: Pages) -> None:
    address = "https://influx.example.org/write?db=x&u=ada&p=correct-horse"
    await post(home, "/data/give", {**SENT, "to": "influx", "form": "rows", "address": address}, status=422)
    address = "postgresql://db.example.org/releve?password=correct-horse"
    await post(home, "/data/give", {**SENT, "to": "postgresql", "form": "rows", "address": address}, status=422)


async def test_a_password_of_a_grant_that_was_not_given_is_kept_nowhere(
    home: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(*_: object) -> None:
        raise LedgerError("ledger.db: database or disk is full")

    confirming = await post(home, "/data/give", SENT)
    fields = {name: value for name, value in read(confirming).fields.items() if name != "token"}
    monkeypatch.setattr(home.access.grants._ledger, "append", refuses)
    await post(home, "/data/given", {**fields, "password": "correct horse"}, status=507)
    assert home.house.catalog.secrets(fields["id"]) == {}
