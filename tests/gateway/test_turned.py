"""An index that begins anew at zero is counted on, once the card knows of it, and a person may take that back."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.encode import records, wmbus
from drivers.model import Address, Frame, Medium
from gateway.house import House
from gateway.model import SeriesKey
from gateway.store import StoreError
from tests.house import NOON, Clock, house
from tests.webui.home import open_home, read

KEY = bytes(range(16))
WATER = Address("wmbus", "10000001", "REL", 1, 7)
HCA = Address("wmbus", "10000003", "QDS", 0x35, 8)
RADIO = '[[port]]\nname = "radio"\nprotocol = "wmbus"\nreceiver = "hexlines"\ntcp = "127.0.0.1:9"\n'
FULL = 100_000_000
PACE_S = 900


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def home(tmp_path: Path, clock: Clock) -> Iterator[House]:
    with house(tmp_path, RADIO, clock) as opened:
        opened.collect.opened("radio")
        yield opened


def litres(total: int, key: bytes | None = None) -> Frame:
    """What a register of eight digits says of so many litres."""
    return Frame(wmbus.telegram(WATER, records.volume(total % FULL), total % 256, key=key), -61)


async def hear(home: House, clock: Clock, *totals: int) -> None:
    for total in totals:
        clock.at += PACE_S
        home.collect.frame("radio", litres(total))
        await home.count_on()


async def taken(home: House, clock: Clock, since: int) -> Decimal | None:
    (amount,) = await home.consumption("eau", [since, clock.at])
    return amount


async def test_water_is_counted_on_over_the_last_digit_and_nobody_is_told_of_a_leap(home: House, clock: Clock) -> None:
    home.catalog.adopt(str(WATER), "Eau", Medium.WATER, clock.at)
    await hear(home, clock, FULL - 30, FULL - 20)
    since = clock.at
    await hear(home, clock, *range(FULL - 10, FULL + 60, 10))
    assert await taken(home, clock, since) == 70
    (view,) = home.points()
    assert view.index is not None
    assert view.index.value == 50  # as its own counter shows it
    (turned,) = view.turned
    assert (int(turned.last), turned.at) == (FULL, NOON + 6 * PACE_S)
    assert await home.uncount("eau", turned.event)
    assert await taken(home, clock, since) is None
    assert not await home.uncount("eau", turned.event)
    assert home.points()[0].turned == ()


async def test_a_card_that_refuses_leaves_no_step_back_and_is_told_again(
    home: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.catalog.adopt(str(WATER), "Eau", Medium.WATER, clock.at)
    await hear(home, clock, FULL - 20)
    since = clock.at

    def refuse(*args: object) -> None:
        raise StoreError("series.db: the disk is full; free some space")

    with monkeypatch.context() as patched:
        patched.setattr(home.store, "swap", refuse)
        await hear(home, clock, FULL - 10, FULL, FULL + 1, FULL + 2, FULL + 3)
        points = home.store.points(SeriesKey("eau", "volume"), 0, 2**40)
        assert points is not None
        assert list(points.value) == [FULL - 20, FULL - 10]
    await home.count_on()
    await hear(home, clock, FULL + 4)
    assert await taken(home, clock, since) == 24


async def test_two_at_once_tell_the_card_once(home: House, clock: Clock) -> None:
    home.catalog.adopt(str(WATER), "Eau", Medium.WATER, clock.at)
    await hear(home, clock, FULL - 20, FULL - 10, FULL, FULL + 1)
    clock.at += PACE_S
    home.collect.frame("radio", litres(FULL + 2))
    await asyncio.gather(home.count_on(), home.count_on())
    assert len(home.points()[0].turned) == 1


async def test_telegrams_that_waited_for_their_key_come_round_too(home: House, clock: Clock) -> None:
    since = clock.at + PACE_S
    for total in range(FULL - 20, FULL + 20):
        clock.at += PACE_S
        home.collect.frame("radio", litres(total, KEY))
    await home.adopt(str(WATER), "Eau", KEY)
    assert await taken(home, clock, since) == 39
    assert home.points()[0].turned != ()


async def test_a_heat_cost_allocator_begins_its_year_and_nothing_is_lost_of_the_last_one(
    home: House, clock: Clock
) -> None:
    point = home.catalog.adopt(str(HCA), "Radiateur", Medium.HEAT_COST, clock.at).point

    async def says(units: int, last_year: int) -> None:
        clock.at += 4 * 3600
        said = records.heat_cost(units) + records.heat_cost(last_year, 1)
        home.collect.frame("radio", Frame(wmbus.telegram(HCA, said, units % 256), -61))
        await home.count_on()

    for units in (1230, 1231, 1232):
        await says(units, 900)
    since = clock.at
    await says(0, 900)  # damaged: last year's is not below what was counted since
    assert home.points()[0].turned == ()
    await says(1, 1234)
    await says(2, 1234)
    (amount,) = await home.consumption(point, [since, clock.at])
    assert amount == 4
    assert [turned.last for turned in home.points()[0].turned] == [1234]


@settings(max_examples=30)
@given(st.lists(st.integers(0, 40), min_size=8, max_size=60), st.integers(1, 300))
def test_what_is_consumed_is_what_went_through_whatever_the_register_shows(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], before: int
) -> None:
    async def live() -> None:
        clock = Clock()
        with house(tmp_path_factory.mktemp("home"), RADIO, clock) as home:
            home.collect.opened("radio")
            home.catalog.adopt(str(WATER), "Eau", Medium.WATER, clock.at)
            total = FULL - before
            await hear(home, clock, total - 40, total)
            since, first = clock.at, total
            for step in steps:
                total += step
                await hear(home, clock, total)
            await hear(home, clock, total, total, total)  # what came round at the end is confirmed
            assert await taken(home, clock, since) == total - first

    asyncio.run(live())


async def test_the_page_says_it_and_takes_it_back(tmp_path: Path) -> None:
    async with open_home(tmp_path) as home:
        home.house.catalog.adopt(str(WATER), "Eau", Medium.WATER, home.clock.at)
        await hear(home.house, home.clock, FULL - 20, FULL - 10, FULL, FULL + 1, FULL + 2)
        page = await home.text("/meters")
        assert "Son index est reparti de zéro" in page
        (point,) = (await home.json("/api/v1/points"))["points"]
        (turned,) = point["turned"]
        assert (turned["last"], turned["unit"]) == (str(FULL), "L")
        fields = read(page).fields
        for event, status in (("x", 404), ("9" * 19, 404), (fields["event"], 200)):
            data = {"token": fields["token"], "point": point["id"], "event": event}
            async with home.client.post("/meters/uncount", data=data) as answer:
                assert answer.status == status
        assert "Son index est reparti de zéro" not in await home.text("/meters")
