"""Debian's InfluxDB holds of each period just what was put last, whatever was cut on the way."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.way import Form, Kind, Way
from sync import measures
from sync.model import Lies, Parcel, Piece, Put, Thing, Trouble, Why
from sync.net import Net
from sync.targets import influx
from tests.integration.databases import InfluxServer
from tests.parcels import GRANT, OTHER_GRANT, House, day, revised

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[InfluxServer]:
    server = InfluxServer(tmp_path)
    server.start()
    try:
        server.found()
        yield server
    finally:
        server.kill()


def way(server: InfluxServer, user: str = "box") -> Way:
    return Way(Kind.INFLUX, f"{server.url}/?db=releve", user, Form.ROWS, at_home=True)


async def put(server: InfluxServer, parcels: Sequence[Parcel], grant: str = GRANT) -> list[Put]:
    async with Net("127.0.0.1", at_home=True) as net:
        target = influx.make(way(server), {"password": server.password}, House(grant), net)
        await target.open()
        return await target.put(parcels)


async def look(server: InfluxServer, grant: str = GRANT) -> Lies | None:
    async with Net("127.0.0.1", at_home=True) as net:
        target = influx.make(way(server), {"password": server.password}, House(grant), net)
        await target.open()
        return await target.look()


async def erase(server: InfluxServer, pieces: Sequence[Piece]) -> None:
    async with Net("127.0.0.1", at_home=True) as net:
        target = influx.make(way(server), {"password": server.password}, House(), net)
        await target.erase(pieces)
        await target.leave()


def wanted(*parcels: Parcel, grant: str = GRANT) -> dict[tuple[str, str, str, int], float]:
    return {
        (f"{measures.measurement(series)}_{measures.field(series)}", grant, series.key, at): value
        for parcel in parcels
        for series in parcel.series
        for at, value in measures.figures(series, parcel)
    }


async def test_what_was_put_is_there_once_and_the_last_bound_with_it(server: InfluxServer) -> None:
    days = [day(number) for number in range(3)]
    await put(server, days)
    puts = await put(server, days)
    assert server.rows() == wanted(*days)
    assert len(server.rows()) == sum(one.values for one in days) + 4  # the four indexes at the end of the last day
    assert [one.held for one in puts] == ["244"] * 3
    assert {one.answer for one in puts} == {"204 No Content"}


async def test_a_revision_changes_and_takes_away_and_leaves_the_days_beside_it(server: InfluxServer) -> None:
    before, between, after = (day(number) for number in range(3))
    _, first, _ = await put(server, [before, between, after])
    between = revised(between, first, s0_at0="7", s1_at5=None, s4_at47=None, without=2)
    (second,) = await put(server, [between])
    left = wanted(before, between, after)
    # The midnight with which this day begins is this day's to say, and it says nothing of the gas.
    del left["releve_volume_cubic_meters_total", GRANT, "gaz:volume:0", between.start]
    assert server.rows() == left
    await put(server, [revised(between, second, without=0)])
    assert ("releve_energy_joules_total", GRANT, "maison:EAST:0", between.start + 1800) not in server.rows()


async def test_a_last_bound_that_is_no_longer_known_goes(server: InfluxServer) -> None:
    (first,) = await put(server, [day()])
    gone = revised(day(), first, s0_at48=None)
    await put(server, [gone])
    assert server.rows() == wanted(gone)


async def test_a_parcel_without_figures_takes_away_what_lay_there(server: InfluxServer) -> None:
    first, second = day(0), day(1)
    put_first, _ = await put(server, [first, second])
    (empty,) = await put(server, [replace(first, revision=1, series=(), held=put_first.held)])
    assert (empty.held, empty.bytes) == ("", 0)
    assert server.rows() == wanted(second)


async def test_erase_takes_all_of_the_grant_and_nothing_of_another(server: InfluxServer) -> None:
    await put(server, [day()], OTHER_GRANT)
    puts = await put(server, [day()])
    pieces = [Piece(day().period, day().start, day().end, puts[0].held)]
    await erase(server, pieces)
    await erase(server, pieces)
    assert server.rows() == wanted(day(), grant=OTHER_GRANT)


async def test_a_server_killed_in_the_middle_holds_all_of_it_once_after_another_try(server: InfluxServer) -> None:
    days = [day(number) for number in range(200)]  # several bodies
    putting = asyncio.create_task(put(server, days))
    while not await asyncio.to_thread(server.rows):
        await asyncio.sleep(0)
    server.kill()
    with pytest.raises(Trouble, match="POST 127") as caught:
        await putting
    assert caught.value.why is Why.UNREACHABLE
    server.start()
    some = server.rows()
    assert 0 < len(some) < len(wanted(*days))
    await put(server, days)
    assert server.rows() == wanted(*days)


async def test_one_that_was_cut_itself_and_whose_parcel_then_changed_leaves_nothing_behind(
    server: InfluxServer,
) -> None:
    """The answer of the first try was lost, so that the gateway knows of no revision."""
    await put(server, [day()])
    changed = replace(revised(day(), Put("", 0, "", ""), s0_at3=None, s4_at9="1"), revision=0, held=None)
    await put(server, [changed])
    assert server.rows() == wanted(changed)


@pytest.mark.parametrize(
    ("user", "password", "database", "why"),
    [
        ("box", "wrong", "releve", Why.REFUSED),
        ("", "", "releve", Why.REFUSED),
        ("box", None, "other", Why.REFUSED),
    ],
)
async def test_a_wrong_login_or_place_is_refused_before_anything_is_sent(
    server: InfluxServer, user: str, password: str | None, database: str, why: Why
) -> None:
    there = replace(way(server, user), address=f"{server.url}/?db={database}")
    async with Net("127.0.0.1", at_home=True) as net:
        secrets = {"password": server.password if password is None else password}
        target = influx.make(there, secrets, House(), net)
        with pytest.raises(Trouble) as caught:
            await target.open()
    assert caught.value.why is why
    assert server.password not in str(caught.value)


async def test_it_says_itself_what_lies_there_of_this_grant(server: InfluxServer) -> None:
    assert await look(server) == Lies(Thing.FIGURES, 0)
    days = [day(number) for number in range(3)]
    _, put_between, _ = await put(server, days)
    await put(server, [day(5)], OTHER_GRANT)
    assert await look(server) == Lies(Thing.FIGURES, 3 * 240 + 4)
    await put(server, [replace(days[1], revision=1, series=(), held=put_between.held)])
    assert await look(server) == Lies(Thing.FIGURES, 2 * 240 + 4)
    await erase(server, [])
    assert await look(server) == Lies(Thing.FIGURES, 0)
