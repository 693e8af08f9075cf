"""What a target says of itself: counted there and not here, seldom, and no reason to send nothing or to send again unasked."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from gateway.outbox import LOOK_AT_TARGET_S
from gateway.way import Form, Kind, Way
from sync.cozy import documents
from sync.files import FOLDERS_MAX, MANIFEST, Files
from sync.model import Lies, Parcel, Thing, Trouble, Why
from sync.net import Net
from sync.targets import influx, mqtt, prometheus
from sync.work import work
from tests.answering import HOSTILE, Asked, answering, hostile
from tests.cozy import Cozy
from tests.house import NOON
from tests.parcels import GRANT, House
from tests.parcels import day as made
from tests.sync.box import DAY, INDEX, Box, box
from tests.sync.owner import Owner, day, day_after, midnight, target
from tests.sync.test_files import Disk
from tests.sync.test_walk import lose
from tests.sync.test_work import served, sleeps, wait_for

ENERGY = ("maison:EAST:0", "electricity", "Wh")
WATER = ("eau:volume:0", "water", "L")


# -- files ------------------------------------------------------------------------------------------------------------
async def test_files_are_counted_by_what_manifests_name_and_listings_show() -> None:
    disk = Disk()
    parcels = [made(number) for number in range(40)]
    await Files(disk, ()).put(parcels)
    size = sum(len(content) for path, content in disk.there.items() if path.count(".") == 2)
    assert await Files(disk, ()).look() == Lies(Thing.FILES, 40, 40, size)
    gone = next(path for path in disk.there if path.startswith("2025-01/2025-01-07."))
    del disk.there[gone]
    cut = next(path for path in disk.there if path.startswith("2025-01/2025-01-08."))
    disk.there[cut] = disk.there[cut][:-1]
    disk._write("2025-02/2025-02-28.0123456789ab.json", b"of no manifest")
    found = await Files(disk, ()).look()
    assert found is not None
    assert (found.count, found.periods) == (38, 38)
    await Files(disk, ()).put([parcels[6], parcels[7]])  # as they are: "send it all again" makes it whole
    assert await Files(disk, ()).look() == Lies(Thing.FILES, 40, 40, size)


async def test_a_folder_that_is_gone_and_a_manifest_that_is_gone_hold_nothing() -> None:
    disk = Disk()
    assert await Files(disk, ()).look() == Lies(Thing.FILES, 0, 0, 0)
    await Files(disk, ()).put([made(number) for number in range(40)])
    del disk.there[f"2025-01/{MANIFEST}"]
    found = await Files(disk, ()).look()
    assert found is not None
    assert found.count == 9


async def test_too_many_folders_are_not_looked_into() -> None:
    disk = Disk()
    await disk.make("")
    for number in range(FOLDERS_MAX + 1):
        await disk.make(f"{2000 + number // 12}-{number % 12 + 1:02}")
    calls = disk.calls
    assert await Files(disk, ()).look() is None
    assert disk.calls == calls + 1


# -- a Cozy -----------------------------------------------------------------------------------------------------------
def days(number: int) -> list[Parcel]:
    at, found = midnight(2026, 9, 28), list[Parcel]()
    while len(found) < number:
        found.append(day(at, lambda at: str(at // 60), ENERGY, WATER))
        at = day_after(at)
    return found


async def looked(address: str, owner: Owner, form: Form, parcels: Sequence[Parcel], *sealed_for: str) -> Lies | None:
    async with target(address, owner, form, *sealed_for) as there:
        await there.open()
        await there.put(parcels)
        return await there.look()


@pytest.mark.parametrize("page", [1, 2, 5, 6, 5000])
async def test_a_cozys_documents_are_those_of_this_grant_whatever_their_number(
    cozy: Cozy, address: str, owner: Owner, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "IDS_PAGE", page)
    await looked(address, Owner(cozy, "0123456789abcdee"), Form.DOCUMENTS, days(3))
    await looked(address, Owner(cozy, "1" * 16), Form.DOCUMENTS, days(3))
    assert await looked(address, owner, Form.DOCUMENTS, days(5)) == Lies(Thing.DOCUMENTS, 5, 5)
    cozy.doctypes["github.releve.timeseries"].save(
        {**cozy.doctypes["github.releve.timeseries"].get(f"{GRANT}-2026-09-29"), "_deleted": True}
    )
    async with target(address, owner, Form.DOCUMENTS) as there:
        assert await there.look() == Lies(Thing.DOCUMENTS, 4, 4)


async def test_of_ecolyos_documents_the_days_are_counted_once_for_two_fluids(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    async with target(address, owner, Form.ECOLYO) as there:
        await there.open()
        assert await there.look() == Lies(Thing.DAYS, 0)
    assert await looked(address, owner, Form.ECOLYO, days(3)) == Lies(Thing.DAYS, 3)
    async with target(address, Owner(cozy, "f" * 16), Form.ECOLYO) as there:
        await there.open()
        assert await there.look() == Lies(Thing.DAYS, 0)


# -- databases --------------------------------------------------------------------------------------------------------
def at(url: str, kind: Kind, end: str, user: str = "box") -> Way:
    return Way(kind, url + end, user, Form.ROWS, at_home=True)


async def asked_influx(answer: web.Response, end: str = "?db=releve&rp=long") -> tuple[Lies | None, Asked]:
    async with answering(lambda _: answer) as there, Net("127.0.0.1", at_home=True) as net:
        secrets = {"token": "t"} if "bucket" in end else {"password": "p"}
        found = await influx.make(at(there.url, Kind.INFLUX, end), secrets, House(), net).look()
    (asked,) = there.asked
    return found, asked


async def test_influxdb_counts_its_figures() -> None:
    series = [
        {"name": "releve_energy", "columns": ["time", "count_joules_total"], "values": [["1970-01-01T00:00:00Z", 240]]},
        {
            "name": "releve_power",
            "columns": ["time", "count_value", "count_watts"],
            "values": [["1970-01-01T00:00:00Z", None, 48]],
        },
    ]
    found, asked = await asked_influx(web.json_response({"results": [{"statement_id": 0, "series": series}]}))
    assert found == Lies(Thing.FIGURES, 288)
    (query,) = parse_qs(asked.body.decode())["q"]
    assert query == f'SELECT count(*) FROM "long"./^releve_/ WHERE "grant" = \'{GRANT}\''
    nothing, _ = await asked_influx(web.json_response({"results": [{"statement_id": 0}]}))
    assert nothing == Lies(Thing.FIGURES, 0)
    for refused in (
        web.json_response({"error": "not authorized"}, status=403),
        web.json_response({"results": [{"error": "not authorized to execute statement"}]}),
    ):
        assert (await asked_influx(refused))[0] is None


async def test_the_newer_influxdb_is_asked_in_its_own_tongue() -> None:
    said = "#datatype,string,long,long\r\n#group,false,false,false\r\n#default,_result,,\r\n,result,table,_value\r\n,,0,17520\r\n\r\n"
    found, asked = await asked_influx(web.Response(text=said), "?bucket=b&org=o")
    assert found == Lies(Thing.FIGURES, 17_520)
    assert (asked.path, asked.query) == ("/api/v2/query", {"org": "o"})
    query = json.loads(asked.body)["query"]
    assert query.startswith('from(bucket: "b") |> range(start: 1823-')
    assert f'r.grant == "{GRANT}"' in query
    assert (await asked_influx(web.Response(text=""), "?bucket=b&org=o"))[0] == Lies(Thing.FIGURES, 0)
    assert (await asked_influx(web.Response(status=404), "?bucket=b&org=o"))[0] is None


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("end", ["?db=releve", "?bucket=b&org=o"])
async def test_what_is_no_count_of_influxdb_is_no_number(name: str, end: str) -> None:
    try:
        found, _ = await asked_influx(hostile(name), end)
    except Trouble:
        return
    assert found in (None, Lies(Thing.FIGURES, 0))


async def test_victoriametrics_counts_the_periods_that_lie_there() -> None:
    def reply(asked: Asked) -> web.Response:
        if asked.path.endswith("force_flush"):
            return web.Response()
        (query,) = parse_qs(asked.body.decode())["query"]
        span_s = House().now + 86_400 - 946_684_800
        assert (asked.path, query) == (
            "/api/v1/query",
            f'count(count(count_over_time({{grant="{GRANT}"}}[{span_s}s])) by (period))',
        )
        return answer

    async def look() -> Lies | None:
        async with answering(reply) as there, Net("127.0.0.1", at_home=True) as net:
            way = at(there.url, Kind.PROMETHEUS, "/api/v1/write")
            return await prometheus.make(way, {"password": "p"}, House(), net).look()

    def said(*found: str) -> web.Response:
        result = [{"metric": {}, "value": [1_700_000_000, number]} for number in found]
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})

    answer = said("2")
    assert await look() == Lies(Thing.PERIODS, 2, 2)
    answer = said()
    assert await look() == Lies(Thing.PERIODS, 0, 0)
    answer = web.Response(status=403)
    assert await look() is None
    for odd in (
        web.Response(text="<html>"),
        web.Response(text="[]"),
        said("NaN"),
        said("1", "2"),
        web.json_response(None),
    ):
        answer = odd
        with pytest.raises(Trouble) as caught:
            await look()
        assert caught.value.why is Why.ODD


async def test_a_broker_cannot_say() -> None:
    async with Net("127.0.0.1", at_home=True) as net:
        way = Way(Kind.MQTT, "mqtt://127.0.0.1", "", Form.LIVE, at_home=True)
        assert await mqtt.make(way, {}, House(), net).look() is None


# -- the box ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def home(tmp_path: Path) -> Iterator[Box]:
    with box(tmp_path) as made:
        yield made


async def test_it_is_asked_once_a_day_or_when_a_person_says_so_and_never_before_anything_was_sent(
    home: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    later_s = 0.0
    real = time.monotonic
    monkeypatch.setattr("time.monotonic", lambda: real() + later_s)
    home.say(NOON - 3 * DAY, NOON + 1)
    grant = await home.give()
    assert not await home.outbox.looks(grant.id)
    home.outbox.poke(grant.id)
    assert not await home.outbox.looks(grant.id)
    await home.send(grant)
    assert not await home.outbox.due(grant.id)  # the daily question waits for something to be sent
    assert await home.outbox.looks(grant.id)
    assert not await home.outbox.looks(grant.id)
    home.outbox.poke(grant.id)
    assert await home.outbox.due(grant.id)
    assert await home.outbox.looks(grant.id)
    assert not await home.outbox.due(grant.id)
    assert not await home.outbox.looks(grant.id)
    later_s = LOOK_AT_TARGET_S + 1
    assert await home.outbox.looks(grant.id)


async def test_fewer_than_were_taken_is_told_and_nothing_is_sent_again_by_itself(home: Box) -> None:
    home.say(NOON - 3 * DAY, NOON + 1)
    grant = await home.give()
    await home.send(grant)
    await home.outbox.lies(grant.id, Lies(Thing.DOCUMENTS, 4, 4, 1000).body())
    lies = home.outbox.live(grant.id).lies
    assert lies is not None
    assert (lies.at, lies.thing, lies.count, lies.bytes, lies.of, lies.fewer) == (NOON, "documents", 4, 1000, 4, False)
    del home.shelf.parcels["2026-09-19"]
    await home.outbox.lies(grant.id, Lies(Thing.DOCUMENTS, 3, 3).body())
    lies = home.outbox.live(grant.id).lies
    assert lies is not None
    assert (lies.periods, lies.of, lies.fewer) == (3, 4, True)
    assert await home.send(grant) == 0
    home.restart()
    assert await home.send(grant) == 0
    await home.outbox.again(grant.id)
    assert home.outbox.live(grant.id).lies is None
    home.restart()  # what a person said is on the card
    assert await home.send(grant) == 1
    assert home.shelf.values(INDEX) == await home.expected(INDEX, NOON - 3 * DAY, NOON)
    assert await home.send(grant) == 0


async def test_what_cannot_be_said_is_neither_many_nor_few(home: Box) -> None:
    home.say(NOON - DAY, NOON + 1)
    grant = await home.give()
    await home.send(grant)
    await home.outbox.lies(grant.id, None)
    lies = home.outbox.live(grant.id).lies
    assert lies is not None
    assert (lies.thing, lies.fewer) == (None, False)
    await home.outbox.lies(grant.id, Lies(Thing.FIGURES, 1).body())
    assert home.outbox.live(grant.id).lies == replace(lies, thing="figures", count=1)


async def test_sending_all_again_takes_nothing_from_the_target_that_the_card_lost(home: Box) -> None:
    home.say(NOON - 20 * DAY, NOON + 1)
    grant = await home.give()
    await home.send(grant)
    before = home.shelf.values(INDEX)
    await lose(home, NOON - 15 * DAY, NOON - 3600)
    await home.outbox.again(grant.id)
    await home.send(grant)
    assert home.shelf.values(INDEX) == before


async def test_what_a_person_wants_sent_again_is_so_though_the_card_is_suspected_before_it_was(home: Box) -> None:
    home.say(NOON - 20 * DAY, NOON + 1)
    grant = await home.give()
    await home.send(grant)
    home.shelf.parcels.clear()
    await home.outbox.again(grant.id)
    await lose(home, NOON - 15 * DAY, NOON - 10 * DAY)  # the target is away meanwhile
    await home.send(grant)
    assert (await home.expected(INDEX, NOON - 9 * DAY, NOON)).items() <= home.shelf.values(INDEX).items()


@pytest.mark.parametrize("cut", [False, True])
async def test_sending_all_again_sends_each_day_of_which_the_card_lost_nothing(home: Box, *, cut: bool) -> None:
    """After a loss each day is suspected until it was compared: what a person wants is not forgotten meanwhile."""
    home.say(NOON - 20 * DAY, NOON + 1)
    grant = await home.give()
    await home.send(grant)
    await lose(home, NOON - 15 * DAY, NOON - 10 * DAY)
    await home.outbox.again(grant.id)
    await home.outbox.again(grant.id)
    home.shelf.parcels.clear()
    home.restart()  # what a person said is on the card
    if cut:
        await home.send(grant, acknowledged=False)
        home.shelf.parcels.clear()
        home.restart()
    await home.send(grant)
    # The days at the two ends of the loss held some of it.
    whole = await home.expected(INDEX, NOON - 20 * DAY, NOON - 16 * DAY)
    assert whole
    assert whole.items() <= home.shelf.values(INDEX).items()
    assert (await home.expected(INDEX, NOON - 9 * DAY, NOON)).items() <= home.shelf.values(INDEX).items()
    assert await home.send(grant) == 0


async def test_what_was_handed_out_before_a_person_wants_all_again_is_sent_again_too(home: Box) -> None:
    home.say(NOON - 3 * DAY, NOON + 1)
    grant = await home.give()
    found = await home.outbox.batch(grant.id)
    assert found is not None
    await home.shelf.put([Parcel.read(one) for one in found[1]])
    home.shelf.parcels.clear()
    await home.outbox.again(grant.id)
    puts = [
        {"period": one["period"], "held": f"at {one['period']}", "bytes": 1, "sha256": "ab" * 32, "answer": "201"}
        for one in found[1]
    ]
    assert not await home.outbox.acknowledge(grant.id, found[0], puts)
    await home.send(grant)
    assert home.shelf.values(INDEX) == await home.expected(INDEX, NOON - 3 * DAY, NOON)


async def test_the_sync_process_asks_and_tells_and_sends_though_the_target_does_not_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with box(tmp_path) as home:
        monkeypatch.setattr("sync.targets.make", lambda way, secrets, at_home, net: home.shelf)
        home.say(NOON - 3 * DAY, NOON + 1)
        grant = await home.give()
        live = home.outbox.live(grant.id)

        def told(true: Callable[[], bool]) -> Callable[[], bool]:
            return lambda: live.lies is not None and true()

        async with served(home, tmp_path) as socket:
            home.shelf.mute = True
            working = asyncio.ensure_future(work(socket, sleeps([], lambda: False)))
            await wait_for(lambda: live.looked_at is not None)
            assert len(home.shelf.values(INDEX)) == 144
            opened = home.shelf.opened
            home.outbox.poke(grant.id)
            await wait_for(lambda: home.shelf.opened > opened and not live.looks)
            assert live.lies is None
            assert live.trouble is None
            home.shelf.mute = False
            home.outbox.poke(grant.id)
            await wait_for(told(lambda: live.lies is not None and live.lies.count == 4))
            home.shelf.parcels.clear()
            home.outbox.poke(grant.id)
            await wait_for(told(lambda: live.lies is not None and live.lies.fewer))
            home.shelf.counts = False
            home.outbox.poke(grant.id)
            await wait_for(told(lambda: live.lies is not None and live.lies.thing is None))
            assert not home.shelf.parcels
            home.shelf.counts = True
            await home.outbox.again(grant.id)
            # Asked once it is all there, so that nobody is told a second time that some is missing.
            await wait_for(lambda: live.lies is not None)
            found = home.outbox.live(grant.id).lies
            assert found is not None
            assert (found.count, found.fewer) == (4, False)
            assert len(home.shelf.values(INDEX)) == 144
            working.cancel()
            with pytest.raises(asyncio.CancelledError):
                await working


@pytest.mark.parametrize("odd", ["a bug", "too many", "silent"])
async def test_what_a_target_says_of_itself_is_no_trouble_whatever_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd: str
) -> None:
    troubles: list[object] = []

    async def look() -> Lies:
        if odd == "silent":
            await asyncio.get_running_loop().create_future()
        return Lies(Thing.FILES, 2**70 if odd == "too many" else int("9" * 5000))

    with box(tmp_path) as home:
        monkeypatch.setattr("sync.targets.make", lambda way, secrets, at_home, net: home.shelf)
        monkeypatch.setattr(home.shelf, "look", look)
        monkeypatch.setattr("sync.work.LOOK_S_MAX", 0.05)
        monkeypatch.setattr(home.outbox, "tell", lambda *told: troubles.append(told))
        home.say(NOON - 3 * DAY, NOON + 1)
        grant = await home.give()
        async with served(home, tmp_path) as socket:
            working = asyncio.ensure_future(work(socket, sleeps([], lambda: False)))
            live = home.outbox.live(grant.id)
            await wait_for(lambda: live.looked_at is not None)
            opened, lying, home.clock.at = home.shelf.opened, len(home.shelf.values(INDEX)), NOON + 3600
            home.say(NOON, NOON + 3600)
            await wait_for(lambda: home.shelf.opened > opened and len(home.shelf.values(INDEX)) > lying)
            assert (troubles, live.lies) == ([], None)
            working.cancel()
            with pytest.raises(asyncio.CancelledError):
                await working


async def test_a_target_is_not_asked_before_all_that_is_due_was_found(
    home: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.say(NOON - 20 * DAY, NOON + 1)
    grant = await home.give()
    await home.send(grant)
    monkeypatch.setattr("gateway.walk.READS_MAX", 5)
    home.outbox.poke(grant.id)
    asked = []
    for _ in range(6):
        assert await home.outbox.batch(grant.id) is None
        asked.append(await home.outbox.looks(grant.id))
    assert asked == [False, False, False, False, True, False]
