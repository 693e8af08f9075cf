"""Debian's VictoriaMetrics holds of each period just what was put last, whatever was cut on the way."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.way import Form, Kind, Way
from sync import measures
from sync.model import Lies, Parcel, Piece, Put, Series, Thing, Trouble, Why
from sync.net import Net
from sync.targets import influx, prometheus
from tests.integration.databases import VictoriaServer
from tests.parcels import DAY_S, FIRST, GRANT, OTHER_GRANT, House, day, revised

pytestmark = pytest.mark.timeout(120)
NOTHING = Put("", 0, "", "")

Rows = dict[tuple[str, str, str, str], list[tuple[int, float]]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[VictoriaServer]:
    server = VictoriaServer(tmp_path)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def way(server: VictoriaServer, user: str = "box") -> Way:
    return Way(Kind.PROMETHEUS, f"{server.url}/api/v1/write", user, Form.ROWS, at_home=True)


async def put(server: VictoriaServer, parcels: Sequence[Parcel], grant: str = GRANT) -> list[Put]:
    async with Net("127.0.0.1", at_home=True) as net:
        target = prometheus.make(way(server), {"password": server.password}, House(grant), net)
        await target.open()
        return await target.put(parcels)


async def look(server: VictoriaServer, grant: str = GRANT) -> Lies | None:
    async with Net("127.0.0.1", at_home=True) as net:
        target = prometheus.make(way(server), {"password": server.password}, House(grant), net)
        await target.open()
        return await target.look()


async def erase(server: VictoriaServer) -> None:
    async with Net("127.0.0.1", at_home=True) as net:
        target = prometheus.make(way(server), {"password": server.password}, House(), net)
        await target.erase([Piece("2025-01-01", 0, 1, "1")])
        await target.leave()


def rows(server: VictoriaServer) -> Rows:
    found: Rows = {}
    for line in server.export():
        labels = line["metric"]
        key = labels["__name__"], labels["grant"], labels["series"], labels["period"]
        assert labels.keys() == {"__name__", "grant", "medium", "series", "period"}
        assert key not in found
        found[key] = [(at // 1000, value) for at, value in zip(line["timestamps"], line["values"], strict=True)]
    return found


def wanted(*parcels: Parcel, grant: str = GRANT) -> Rows:
    found = {
        (
            f"{measures.measurement(series)}_{measures.field(series)}",
            grant,
            series.key,
            parcel.period,
        ): list(measures.figures(series, parcel))
        for parcel in parcels
        for series in parcel.series
    }
    return {key: figures for key, figures in found.items() if figures}


async def test_what_was_put_twice_is_there_once(server: VictoriaServer) -> None:
    days = [day(number) for number in range(3)]
    first = await put(server, days)
    again = await put(server, days)
    assert rows(server) == wanted(*days)
    assert [one.held for one in first] == [one.held for one in again] == ["244"] * 3
    assert [one.bytes for one in again] == [0] * 3
    assert min(one.bytes for one in first) > 244 * 10


async def test_a_day_that_grows_is_added_to(server: VictoriaServer) -> None:
    whole = day()
    begun = replace(
        whole,
        series=tuple(
            replace(
                one,
                value=tuple(
                    value if at < FIRST + DAY_S // 2 else None for at, value in zip(one.at, one.value, strict=True)
                ),
            )
            for one in whole.series
        ),
    )
    (first,) = await put(server, [begun])
    (second,) = await put(server, [replace(whole, revision=1, held=first.held)])
    assert rows(server) == wanted(whole)
    assert 0.4 < second.bytes / first.bytes < 1.6


async def test_a_revision_changes_and_takes_away_and_leaves_the_days_beside_it(server: VictoriaServer) -> None:
    before, between, after = (day(number) for number in range(3))
    _, first, _ = await put(server, [before, between, after])
    between = revised(between, first, s0_at0="7", s1_at5=None, s4_at47=None, without=2)
    (second,) = await put(server, [between])
    assert rows(server) == wanted(before, between, after)
    (third,) = await put(server, [replace(between, revision=2, series=(), held=second.held)])
    assert (third.held, third.bytes) == ("", 0)
    assert rows(server) == wanted(before, after)
    await put(server, [between])  # what was deleted may be written anew
    assert rows(server) == wanted(before, between, after)


async def test_erase_takes_all_of_the_grant_and_nothing_of_another(server: VictoriaServer) -> None:
    await put(server, [day()], OTHER_GRANT)
    await put(server, [day()])
    await erase(server)
    await erase(server)
    assert rows(server) == wanted(day(), grant=OTHER_GRANT)


async def test_one_that_was_cut_before_it_heard_the_answer_doubles_nothing(server: VictoriaServer) -> None:
    async with Net("127.0.0.1", at_home=True) as net:
        target = prometheus.Prometheus(way(server), {"password": server.password}, House(), net)
        ask = net.ask

        async def cut(method: str, url: str, **more: object) -> object:
            answer = await ask(method, url, **more)  # type: ignore[arg-type] # handed through
            if url.endswith("/write"):
                raise asyncio.CancelledError
            return answer

        net.ask = cut  # type: ignore[assignment,method-assign] # as a kill would
        with pytest.raises(asyncio.CancelledError):
            await target.put([day()])
    # What changed meanwhile is no revision to a gateway that never heard of the first one.
    changed = replace(revised(day(), NOTHING, s0_at3=None, s4_at9="1"), revision=0, held=None)
    await put(server, [changed])
    assert rows(server) == wanted(changed)


async def test_a_server_killed_in_the_middle_holds_all_of_it_once_after_another_try(server: VictoriaServer) -> None:
    days = [day(number) for number in range(200)]  # three portions
    putting = asyncio.create_task(put(server, days))
    while not await asyncio.to_thread(server.export):
        await asyncio.sleep(0)
    server.kill()
    with pytest.raises(Trouble) as caught:
        await putting
    assert caught.value.why is Why.UNREACHABLE
    server.start()
    assert len(rows(server)) < len(wanted(*days))
    await put(server, days)
    assert rows(server) == wanted(*days)


async def test_whatever_a_meter_counts_comes_back_near_enough_not_to_be_sent_again(server: VictoriaServer) -> None:
    chance = random.Random(7)
    every = []
    for number, (quantity, unit, kind) in enumerate(
        (
            ("energy", "Wh", "index"),
            ("volume", "L", "index"),
            ("flow", "L/h", "level"),
            ("temperature", "degC", "level"),
        )
    ):
        at = tuple(range(FIRST, FIRST + DAY_S, 60))
        value = tuple(f"{chance.randrange(10 ** chance.randrange(1, 11))}.{chance.randrange(1000):03}" for _ in at)
        every.append(Series(f"a:{number}:0", "A", "other", quantity, unit, kind, at, (), value))
    parcel = Parcel("2025-01-01", FIRST, FIRST + DAY_S, "raw", 0, tuple(every))
    await put(server, [parcel])
    (again,) = await put(server, [parcel])
    assert again.bytes == 0


async def test_what_its_retention_drops_is_said_and_not_thanked(tmp_path: Path) -> None:
    server = VictoriaServer(tmp_path, kept="1")  # a month
    server.start()
    try:
        old = replace(day(), start=FIRST - 400 * DAY_S, end=FIRST - 399 * DAY_S)
        moved = tuple(
            replace(one, at=tuple(at - 400 * DAY_S for at in one.at), until=tuple(at - 400 * DAY_S for at in one.until))
            for one in old.series
        )
        with pytest.raises(Trouble, match="retentionPeriod") as caught:
            await put(server, [replace(old, series=moved)])
        assert caught.value.why is Why.FULL
    finally:
        server.kill()


async def test_the_index_of_several_days_is_one_again_in_a_query(server: VictoriaServer) -> None:
    days = [day(number) for number in range(3)]
    await put(server, days)
    index = 'max without (period) (releve_volume_cubic_meters_total{series="eau:volume:0"})'
    used = server.value(f"max_over_time(({index})[2d:30m]) - min_over_time(({index})[2d:30m])", FIRST + 2 * DAY_S)
    said = days[0].series[1].value[0], days[1].series[1].value[-1]
    assert None not in said
    first, last = (float(each or 0) for each in said)
    assert used == pytest.approx((last - first) / 1000, abs=0.011)  # a subquery's first step may be half an hour late


@pytest.mark.parametrize(("user", "password"), [("box", "wrong"), ("", "")])
async def test_a_wrong_login_is_refused_before_anything_is_sent(
    server: VictoriaServer, user: str, password: str
) -> None:
    async with Net("127.0.0.1", at_home=True) as net:
        with pytest.raises(Trouble) as caught:
            await prometheus.make(way(server, user), {"password": password}, House(), net).open()
    assert caught.value.why is Why.REFUSED


async def test_by_line_protocol_it_is_refused_since_nothing_could_be_taken_back(server: VictoriaServer) -> None:
    there = Way(Kind.INFLUX, f"{server.url}/?db=releve", "box", Form.ROWS, at_home=True)
    async with Net("127.0.0.1", at_home=True) as net:
        with pytest.raises(Trouble, match="VictoriaMetrics is `prometheus`"):
            await influx.make(there, {"password": server.password}, House(), net).open()
    assert rows(server) == {}


async def test_it_says_itself_what_lies_there_of_this_grant(server: VictoriaServer) -> None:
    assert await look(server) == Lies(Thing.PERIODS, 0, 0)
    days = [day(number) for number in range(3)]
    _, put_between, _ = await put(server, days)
    await put(server, [day(5)], OTHER_GRANT)
    assert await look(server) == Lies(Thing.PERIODS, 3, 3)
    await put(server, [replace(days[1], revision=1, series=(), held=put_between.held)])
    assert await look(server) == Lies(Thing.PERIODS, 2, 2)
    await erase(server)
    assert await look(server) == Lies(Thing.PERIODS, 0, 0)
