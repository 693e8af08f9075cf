"""How what is due is found: a piece at a time, nothing that a power cut would take, and nothing less because of the card."""

import asyncio
import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.model import State
from gateway import app, heal
from gateway.collect import MeterLog
from gateway.grants import Resolution, Wish
from gateway.ledger import Ledger
from gateway.model import Point, SeriesKey
from gateway.outbox import LOOK_S, PAGES_MAX
from gateway.store import schema
from gateway.walk import READS_MAX
from gateway.way import Form, Kind, Way
from sync.model import Parcel
from tests.house import NOON
from tests.sync.box import BY, DAY, INDEX, POWER, Box, box

LIVE = Way(Kind.MQTT, "mqtt://192.0.2.5", "", Form.LIVE, at_home=True)
COZY = Way(Kind.COZY, "https://ada.mycozy.cloud", "", Form.DOCUMENTS)
WISH = Wish("Mon Cozy", "moi", "garder mes relevés", (INDEX,), Resolution.DAY, 0, 30 * DAY, True, COZY)
STEP_S = {Resolution.MONTH: 30 * DAY, Resolution.DAY: DAY, Resolution.HALF_HOUR: 1800, Resolution.TEN_MINUTES: 600}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Box]:
    with box(tmp_path) as made:
        yield made


def put(home: Box, first: int, last: int, step_s: int = 1800) -> None:
    """Readings of a file, straight into the past."""
    ats = list(range(-(-first // step_s) * step_s, last, step_s))
    home.home.store.bulk(INDEX.key, INDEX.quantity, 0, True, ats, [10_000_000 + (at - NOON) // 10 for at in ats])


# -- a piece at a time ------------------------------------------------------------------------------------------------
async def test_each_ask_compares_a_bounded_piece_and_the_next_one_goes_on(
    home: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(home, NOON - 3 * READS_MAX * DAY, NOON)
    grant = await home.give()
    await home.send(grant)
    assert len(home.shelf.parcels) > 3 * READS_MAX
    asked = 0
    indexes = home.home.indexes

    async def counted(series: SeriesKey, bounds: Any) -> Any:
        nonlocal asked
        asked += 1
        return await indexes(series, bounds)

    monkeypatch.setattr(home.home, "indexes", counted)
    home.restart()
    asks = 0
    while asks == 0 or home.outbox.live(grant.id).walk.is_under_way:
        asked, asks = 0, asks + 1
        assert not await home.outbox.due(grant.id)
        assert 0 < asked <= READS_MAX
    assert asks == 4
    asked = 0
    assert not await home.outbox.due(grant.id)
    assert not asked  # all is known


async def test_a_walk_that_found_nothing_yet_goes_on_by_itself(home: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    put(home, NOON - 3 * READS_MAX * DAY, NOON)
    grant = await home.give()
    await home.send(grant)
    home.restart()
    assert not await home.outbox.due(grant.id)
    running = asyncio.ensure_future(home.outbox.run())
    async with asyncio.timeout(20):
        while home.outbox.live(grant.id).walk.is_under_way:
            await asyncio.sleep(0.01)
    running.cancel()
    put(home, NOON, NOON + 3600)
    home.clock.at += 4000
    home.save()
    assert await home.outbox.due(grant.id)


async def test_a_grant_that_is_paused_while_it_is_walked_costs_nothing(
    home: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(home, NOON - 3 * READS_MAX * DAY, NOON)
    grant = await home.give()
    await home.send(grant)
    home.restart()
    assert not await home.outbox.due(grant.id)
    await home.grants.pause(grant.id, BY, paused=True)
    waits: list[float] = []

    async def sleep(pause_s: float) -> None:
        waits.append(pause_s)
        raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await home.outbox.run()
    assert waits == [LOOK_S]


async def test_a_grant_whose_past_is_being_compared_keeps_no_other_waiting(
    home: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.say(NOON - 3 * DAY, NOON + 1)
    slow, quick = await home.give(series=(POWER,)), await home.give()
    held = asyncio.Event()
    raw = home.home.raw

    async def stuck(*asked: Any) -> Any:
        await held.wait()
        return await raw(*asked)

    monkeypatch.setattr(home.home, "raw", stuck)
    home.say(NOON - 3 * DAY, NOON + 1, series=POWER)
    waiting = asyncio.ensure_future(home.outbox.due(slow.id))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert await home.outbox.due(quick.id)
    held.set()
    assert await waiting


async def test_what_is_asked_of_the_ledger_is_of_the_piece_alone(home: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten years of hours are 87,600 rows: they are not held in memory for each grant."""
    home.say(NOON - 60 * DAY, NOON + 1)
    grant = await home.give()
    await home.send(grant)
    home.say(NOON, NOON + 7200)
    home.clock.at += 7200
    rows = 0
    parcels = home.ledger.parcels

    async def counted(*asked: Any) -> Any:
        nonlocal rows
        found = await parcels(*asked)
        rows += len(found)
        return found

    monkeypatch.setattr(home.ledger, "parcels", counted)
    home.save()
    assert await home.outbox.due(grant.id)
    assert 0 < rows <= 5


# -- what changed long ago --------------------------------------------------------------------------------------------
async def test_a_file_of_the_past_is_due_at_once(home: Box) -> None:
    home.say(NOON - 10 * DAY, NOON + 1)
    grant = await home.give()
    await home.send(grant)
    put(home, NOON - 400 * DAY, NOON - 300 * DAY)
    await home.send(grant)
    assert home.shelf.values(INDEX) == await home.expected(INDEX, NOON - 400 * DAY, NOON)


async def test_a_telegram_that_comes_days_late_is_due_at_once(home: Box) -> None:
    home.say(NOON - 30 * DAY, NOON - 20 * DAY)
    home.say(NOON - 10 * DAY, NOON + 1)
    grant = await home.give()
    await home.send(grant)
    home.say(NOON - 20 * DAY, NOON - 10 * DAY)
    await home.send(grant)
    assert home.shelf.values(INDEX) == await home.expected(INDEX, NOON - 30 * DAY, NOON)


async def test_an_index_that_is_counted_on_since_long_ago_is_due_at_once(home: Box) -> None:
    put(home, NOON - 30 * DAY, NOON)
    grant = await home.give()
    await home.send(grant)
    swap = home.home.store.swap(INDEX.key, NOON - 20 * DAY, 20_000_000, 0, 0)
    await home.send(grant)
    assert home.shelf.values(INDEX) == await home.expected(INDEX, NOON - 30 * DAY, NOON)
    assert home.home.store.undo(swap.id)
    await home.send(grant)
    assert home.shelf.values(INDEX) == await home.expected(INDEX, NOON - 30 * DAY, NOON)


async def test_the_days_without_a_reading_before_an_exchange_are_due_at_once_when_it_is_told(home: Box) -> None:
    put(home, NOON - 30 * DAY, NOON - 23 * DAY)
    put(home, NOON - 20 * DAY, NOON)
    grant = await home.give()
    await home.send(grant)
    lying = home.shelf.values(INDEX)
    before = home.home.store.points(INDEX.key, NOON - 40 * DAY, NOON - 23 * DAY)
    after = home.home.store.points(INDEX.key, NOON - 20 * DAY, NOON)
    assert before is not None
    assert after is not None
    # Nothing was used between the two meters: so each time in between has an index.
    home.home.store.swap(INDEX.key, after.at[0], before.value[-1], after.value[0], 0)
    await home.send(grant)
    whole = await home.expected(INDEX, NOON - 30 * DAY, NOON)
    assert len(whole) > len(lying)
    assert home.shelf.values(INDEX) == whole


async def test_a_restart_takes_nothing_away_at_the_target_of_a_meter_that_speaks_each_four_hours(home: Box) -> None:
    meter = "wmbus:SAP:12345678:15:7"
    home.home.catalog.adopt(meter, "Maison", INDEX.medium, NOON - 20 * DAY)
    home.home.collect.meters[meter] = MeterLog("radio", State.DECODED, NOON, interval_s=4 * 3600)
    home.say(NOON - 10 * DAY, NOON + 1, step_s=4 * 3600)
    grant = await home.give()
    await home.send(grant)
    lying = home.shelf.values(INDEX)
    assert len(lying) > 9 * 48
    del home.home.collect.meters[meter]  # how often it speaks is not known yet
    home.restart()
    assert await home.send(grant) == 0
    home.home.collect.meters[meter] = MeterLog("radio", State.DECODED, NOON, interval_s=20 * 3600)  # after a gap
    home.restart()
    assert await home.send(grant) == 0
    assert home.shelf.values(INDEX) == lying


async def test_what_changes_while_it_is_being_compared_is_not_passed_over(
    home: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(home, NOON - 30 * DAY, NOON - 20 * DAY)
    home.say(NOON - 10 * DAY, NOON + 1)
    grant = await home.give()
    await home.send(grant)
    home.outbox.poke(grant.id)
    indexes = home.home.indexes
    comes = iter([True])

    async def late(series: SeriesKey, bounds: Any) -> Any:
        found = await indexes(series, bounds)
        if bounds[0] > NOON - 15 * DAY and next(comes, False):
            put(home, NOON - 20 * DAY, NOON - 10 * DAY)
        return found

    monkeypatch.setattr(home.home, "indexes", late)
    await home.send(grant)
    await home.send(grant)
    assert home.shelf.values(INDEX) == await home.expected(INDEX, NOON - 30 * DAY, NOON)


@pytest.mark.timeout(120)
@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["say", "file", "pass", "send", "erase"]), st.integers(0, 700), st.integers(1, 60)),
        max_size=10,
    ),
    resolution=st.sampled_from([Resolution.TEN_MINUTES, Resolution.HALF_HOUR]),
)
async def test_what_is_told_suffices_for_the_target_to_hold_in_the_end_what_the_house_says(
    steps: list[tuple[str, int, int]], resolution: Resolution
) -> None:
    """Without a restart, the daily walk or a person who asks; what is told is not all of the past."""
    with tempfile.TemporaryDirectory() as folder, box(Path(folder)) as home:
        put(home, NOON - 30 * DAY, NOON - 25 * DAY)
        grant = await home.give(resolution, lasts_s=300 * DAY)
        await home.send(grant)
        for what, hour, more in steps:
            start = NOON - 30 * DAY + hour * 3600
            end = min(start + more * 3600, home.clock.at)
            match what:
                case "say":
                    home.say(start, end)
                case "file":
                    put(home, start, max(end, start + 1800))
                case "pass":
                    home.clock.at += more * 1800
                case "send":
                    await home.send(grant)
                case _:
                    await home.home.store.run(home.home.store.erase, (INDEX.key,), start, end + 1)
        for _ in range(2):
            home.clock.at += 600
            await home.send(grant)
        since, now = home.home.first_at([INDEX.key]), home.clock.at // 600 * 600
        expected = {} if since is None else await home.expected(INDEX, since, now + 1, STEP_S[resolution])
        assert home.shelf.values(INDEX) == expected


async def test_a_look_that_is_held_up_for_hours_passes_nothing_over(home: Box) -> None:
    home.say(NOON - DAY, NOON + 601, step_s=60)
    home.clock.at += 601
    home.save()
    grant = await home.give(Resolution.RAW)
    found = await home.outbox.batch(grant.id)
    assert found is not None
    parcels = [Parcel.read(one) for one in found[1]]
    await home.acknowledge(grant, found[0], parcels, await home.shelf.put(parcels))
    home.clock.at += 5 * 3600  # and nobody asks
    home.say(NOON + 660, home.clock.at + 1, step_s=60)
    assert await home.send(grant)  # what is left of that look
    assert await home.send(grant)  # and the next one
    points = await home.home.raw(INDEX.key, NOON - DAY, home.clock.at // 600 * 600)
    assert points is not None
    assert list(home.shelf.values(INDEX)) == points.at.tolist()


async def test_parts_without_readings_are_not_said_to_be_missing(home: Box) -> None:
    put(home, NOON - 3000 * DAY, NOON - 2990 * DAY)
    home.say(NOON - 10 * DAY, NOON + 1)
    grant = await home.give()
    while await home.send(grant) or home.outbox.live(grant.id).walk.is_under_way:
        pass
    _, parts = await home.outbox.there(grant.id)
    assert 20 <= parts <= 24
    assert home.outbox.all_there_to(grant.id) is None
    assert home.outbox.live(grant.id).sent_to == home.clock.at // 600 * 600


# -- the power cut ----------------------------------------------------------------------------------------------------
async def test_a_late_reading_leaves_only_once_it_is_on_the_card(home: Box) -> None:
    home.say(NOON - 3 * DAY, NOON - DAY)
    home.say(NOON - DAY // 2, NOON + 1)
    grant = await home.give()
    await home.send(grant)
    lying = dict(home.shelf.parcels)
    home.saves = False
    home.say(NOON - DAY, NOON - DAY // 2)  # heard now, and not committed yet
    home.clock.at += 700
    assert await home.outbox.batch(grant.id) is None
    home.outbox.poke(grant.id)
    assert await home.outbox.batch(grant.id) is None
    assert home.shelf.parcels == lying
    home.saves = True
    await home.send(grant)
    assert home.shelf.values(INDEX) == await home.expected(INDEX, NOON - 3 * DAY, home.clock.at)


async def test_a_meter_whose_clock_is_slow_and_always_late_holds_nothing_up_for_ever(
    home: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.say(NOON - 3 * DAY, NOON - DAY)
    grant = await home.give()
    await home.send(grant)
    home.clock.at += 700
    home.save()
    home.saves = False
    home.say(NOON - DAY, NOON - DAY // 2)
    while (found := await home.outbox.batch(grant.id)) is not None:
        parcels = [Parcel.read(one) for one in found[1]]
        await home.acknowledge(grant, found[0], parcels, await home.shelf.put(parcels))
    assert max(home.shelf.values(INDEX)) < NOON - DAY + 3 * 3600
    monkeypatch.setattr("gateway.outbox.HELD_S", 0.0)
    assert await home.outbox.batch(grant.id) is not None
    assert home.home.store.unsaved(INDEX.key) is None  # on the card first


async def test_a_reading_that_ends_a_gap_vouches_for_it_only_once_it_is_on_the_card(home: Box) -> None:
    """An index that says the same after a silence says that nothing was taken in it: known by the second reading alone."""
    home.say(NOON - 3 * DAY, NOON - DAY)
    home.clock.at += 700
    home.save()
    grant = await home.give()
    await home.send(grant)
    lying = dict(home.shelf.parcels)
    last = home.home.store.latest(INDEX.key)
    assert last is not None
    home.home.store.add([Point(last.series, last.quantity, NOON + 600, last.value, 0, main=True)])
    home.outbox.poke(grant.id)
    assert await home.outbox.batch(grant.id) is None
    home.save()
    await home.send(grant)
    assert len(home.shelf.values(INDEX)) > 3 * 48 - 10
    assert home.shelf.parcels != lying


async def test_readings_in_their_order_wait_for_no_card(home: Box) -> None:
    """Each meter has said something since the last commit, always: that alone keeps nothing here."""
    home.say(NOON - 3 * DAY, NOON + 601, step_s=600)
    home.clock.at += 601
    home.save()
    grant = await home.give()
    home.saves = False
    home.say(NOON + 602, NOON + 3600, step_s=600)
    assert await home.outbox.batch(grant.id) is not None


# -- a damaged card ---------------------------------------------------------------------------------------------------
async def lose(home: Box, first: int, last: int) -> None:
    """The card loses readings, and nobody wished it."""
    home.home.store.on_removal = lambda keys, start, end: None
    await home.home.store.run(home.home.store.erase, (INDEX.key,), first, last)
    home.ledger.lost()
    home.restart()


@pytest.mark.parametrize("resolution", [Resolution.MONTH, Resolution.DAY, Resolution.HALF_HOUR])
async def test_of_a_period_that_goes_on_nothing_is_lost_there_and_what_is_new_arrives(
    home: Box, resolution: Resolution
) -> None:
    home.say(NOON - 100 * DAY, NOON + 1)
    home.say(NOON - 100 * DAY, NOON + 1, series=POWER)
    grant = await home.give(resolution, series=(INDEX, POWER), lasts_s=300 * DAY)
    await home.send(grant)
    before = {one: home.shelf.values(one) for one in (INDEX, POWER)}
    await lose(home, NOON - 90 * DAY, NOON - 3600)
    for _ in range(3):
        home.clock.at += 20 * DAY
        for one in (INDEX, POWER):
            home.say(home.clock.at - 20 * DAY, home.clock.at + 1, series=one)
        await home.send(grant)
        home.restart()
    assert await home.send(grant) == 0
    for one in (INDEX, POWER):
        there = home.shelf.values(one)
        assert before[one].items() <= there.items()
        new = [at for at in there if at > NOON]
        assert len(new) >= 60 * DAY // STEP_S[resolution] - 1


async def test_what_was_handed_out_and_may_have_arrived_is_not_lost_by_the_card_either(home: Box) -> None:
    home.say(NOON - 10 * DAY, NOON + 1)
    grant = await home.give(Resolution.DAY)
    await home.send(grant, acknowledged=False)
    before = home.shelf.values(INDEX)
    await lose(home, NOON - 5 * DAY, NOON - 2 * DAY)
    home.clock.at += DAY
    home.say(NOON, home.clock.at + 1)
    await home.send(grant)
    assert before.items() < home.shelf.values(INDEX).items()


@pytest.mark.parametrize("forward", [True, False])
async def test_an_index_that_is_counted_otherwise_since_the_loss_is_not_mixed_with_what_lies_there(
    home: Box, *, forward: bool
) -> None:
    put(home, NOON - 10 * DAY, NOON)
    swap = None if forward else home.home.store.swap(INDEX.key, NOON - 9 * DAY, 90_000_000, 0, 0)
    home.save()
    grant = await home.give(Resolution.DAY)
    await home.send(grant)
    lying = dict(home.shelf.parcels)
    if swap is None:
        home.home.store.swap(INDEX.key, NOON - 9 * DAY, 90_000_000, 0, 0)
    else:
        home.home.store.undo(swap.id)  # as where the events cannot be read
    await lose(home, NOON - 5 * DAY, NOON - 2 * DAY)
    home.clock.at += DAY
    home.say(NOON, home.clock.at + 1)
    await home.send(grant)
    assert home.shelf.parcels == lying


async def test_of_a_day_of_which_the_card_lost_nothing_what_comes_later_is_sent(home: Box) -> None:
    home.say(NOON - 40 * DAY, NOON - 30 * DAY)
    home.say(NOON - 20 * DAY, NOON + 1)
    grant = await home.give()
    await home.send(grant)
    before = home.shelf.values(INDEX)
    await lose(home, NOON - 10 * DAY, NOON - 5 * DAY)
    await home.send(grant)
    put(home, NOON - 30 * DAY, NOON - 20 * DAY)
    await home.send(grant)
    there = home.shelf.values(INDEX)
    # Of the two days at its ends the one or other half was there.
    assert (await home.expected(INDEX, NOON - 29 * DAY, NOON - 21 * DAY)).items() <= there.items()
    assert before.items() <= there.items()
    home.restart()
    await home.send(grant)
    assert home.shelf.values(INDEX) == there


async def test_a_day_that_the_card_cannot_give_back_is_not_taken_away_there(home: Box) -> None:
    put(home, NOON - 40 * DAY, NOON)
    home.say(NOON - 40 * DAY, NOON + 1, series=POWER)
    grant = await home.give(series=(INDEX, POWER))
    await home.send(grant)
    lying = dict(home.shelf.parcels)
    assert home.home.store.fold()

    def forget_a_bit() -> None:
        home.home.store._card.db.execute("UPDATE chunk SET b = zeroblob(40) WHERE day % 5 = 0")

    await home.home.store.run(forget_a_bit)
    home.outbox.poke(grant.id)
    await home.send(grant)
    assert home.shelf.parcels == lying
    another = await home.give(series=(INDEX, POWER))
    home.shelf.parcels.clear()
    await home.send(another)
    assert home.shelf.parcels
    assert home.shelf.parcels.items() <= lying.items()  # nothing else than it was: absent rather than false
    await home.home.store.run(home.home.store.erase, (INDEX.key, POWER.key), 0, NOON - 2 * DAY)
    home.shelf.parcels = dict(lying)
    await home.send(grant)
    assert min(home.shelf.values(INDEX)) >= NOON - 2 * DAY


@pytest.mark.timeout(120)
@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["say", "pass", "send", "restart"]), st.integers(0, 12), st.integers(1, 60)),
        max_size=8,
    ),
    losses=st.lists(st.tuples(st.integers(0, 13), st.integers(1, 100)), min_size=1, max_size=3),
    resolution=st.sampled_from([Resolution.TEN_MINUTES, Resolution.HALF_HOUR, Resolution.DAY, Resolution.MONTH]),
)
async def test_whatever_the_card_loses_no_figure_goes_at_the_target_and_new_ones_arrive(
    steps: list[tuple[str, int, int]], losses: list[tuple[int, int]], resolution: Resolution
) -> None:
    with tempfile.TemporaryDirectory() as folder, box(Path(folder)) as home:
        home.say(NOON - 12 * DAY, NOON - 6 * DAY)
        grant = await home.give(resolution, lasts_s=300 * DAY)
        for what, first, more in steps:
            start = NOON - 12 * DAY + first * DAY
            match what:
                case "say":
                    home.say(start, min(start + more * 3600, home.clock.at))
                case "pass":
                    home.clock.at += more * 1800
                case "send":
                    await home.send(grant)
                case _:
                    home.restart()
        for day, hours in losses:
            before = home.shelf.values(INDEX)
            await lose(home, NOON - 12 * DAY + day * DAY, NOON - 12 * DAY + day * DAY + hours * 3600)
            began = home.clock.at
            home.clock.at += 2 * DAY
            home.say(began, home.clock.at + 1)
            await home.send(grant)
            there = home.shelf.values(INDEX)
            assert before.items() <= there.items()
            if resolution in (Resolution.TEN_MINUTES, Resolution.HALF_HOUR):
                new = await home.expected(INDEX, began, home.clock.at - 600, STEP_S[resolution])
                assert new.items() <= there.items()


async def test_what_a_person_erases_is_kept_in_no_copy_of_what_was_sent(home: Box) -> None:
    put(home, NOON - 10 * DAY, NOON)
    home.save()
    grant = await home.give(Resolution.DAY)
    await home.send(grant)
    (figure,) = {value for at, value in home.shelf.values(INDEX).items() if NOON - 3 * DAY <= at < NOON - 2 * DAY}
    assert figure.encode() in home.path.read_bytes()
    await home.home.store.run(home.home.store.erase, (INDEX.key,), 0, NOON + 1)
    home.ledger.close()
    assert figure.encode() not in home.path.read_bytes()
    home.ledger = Ledger.open(home.path)


async def test_a_kill_between_the_loss_and_its_mark_takes_nothing_away_at_the_target(tmp_path: Path) -> None:
    with box(tmp_path) as home:
        home.home.catalog.adopt("tic:041276123456", "Maison", INDEX.medium, NOON - 20 * DAY)
        put(home, NOON - 10 * DAY, NOON)
        home.save()
        grant = await home.give()
        await home.send(grant)
        shelf, series = home.shelf, tmp_path / "series.db"
    figures = shelf.values(INDEX)
    schema.suspect(series).touch()
    series.write_bytes(b"not a database, " * 1000)
    series.with_name("series.db-wal").unlink(missing_ok=True)

    def opened() -> Any:
        raise KeyboardInterrupt  # killed: nobody heard of it

    with pytest.raises(KeyboardInterrupt):
        heal.opened(opened, series, lambda: NOON)
    with box(tmp_path) as home:
        heal.tell(series, home.ledger.lost)
        home.shelf = shelf
        home.clock.at += DAY
        home.say(NOON + DAY // 2, home.clock.at + 1)
        await home.send(grant)
        assert figures.items() <= home.shelf.values(INDEX).items()


async def test_a_start_that_cannot_read_all_of_the_last_days_takes_nothing_away_at_the_target(tmp_path: Path) -> None:
    with box(tmp_path) as home:
        home.say(NOON - 10 * DAY, NOON + 1)
        grant = await home.give()
        await home.send(grant)
        shelf = home.shelf
        config = replace(home.home.config, secret=tmp_path / "elsewhere" / "box-secret")
    figures = shelf.values(INDEX)
    with contextlib.closing(sqlite3.connect(tmp_path / "series.db")) as db, db:
        assert db.execute("UPDATE log SET b = zeroblob(40)").rowcount
    with app.backups_stopped(config):
        pass
    with box(tmp_path) as home:
        home.shelf = shelf
        home.clock.at += DAY
        home.say(NOON + DAY // 2, home.clock.at + 1)
        await home.send(grant)
        assert figures.items() < home.shelf.values(INDEX).items()


# -- live -------------------------------------------------------------------------------------------------------------
def said(parcels: list[Parcel], puts: Any) -> list[Mapping[str, Any]]:
    return [
        {"period": parcel.period, "held": one.held, "bytes": one.bytes, "sha256": one.sha256, "answer": one.answer}
        for parcel, one in zip(parcels, puts, strict=True)
    ]


@pytest.mark.parametrize("windows", [0, 40])
async def test_a_live_figure_that_is_erased_while_it_is_acknowledged_goes_at_the_target(
    home: Box, windows: int
) -> None:
    home.say(NOON - DAY, NOON + 3600, step_s=10)
    grant = await home.give(Resolution.RAW, way=LIVE)
    for _ in range(windows):
        home.clock.at += 10
        await home.send(grant)
    home.clock.at += 10
    found = await home.outbox.batch(grant.id)
    assert found is not None
    parcels = [Parcel.read(one) for one in found[1]]
    puts = await home.shelf.put(parcels)
    await home.home.store.run(home.home.store.erase, (INDEX.key,), home.clock.at - 60, home.clock.at + DAY)
    assert await home.outbox.acknowledge(grant.id, found[0], said(parcels, puts))
    home.clock.at += 1000
    await home.send(grant)
    assert not home.shelf.parcels


async def test_who_asks_for_grants_that_are_none_fills_no_memory(home: Box) -> None:
    grant = await home.give()
    for number in range(PAGES_MAX + 10):
        home.outbox.bring(f"{number:016x}", {"code": "x"})
        home.outbox.tell(f"{number:016x}", "odd", "", None)
        assert not await home.outbox.due(f"{number:016x}")
        home.outbox.page = "http://releve.local/data/connect"
        home.outbox.keep(f"{number:016x}", {})
    home.outbox.well(grant.id)
    assert len(home.outbox._live) == 1
    assert len(home.ledger.pages()) <= PAGES_MAX
    await home.grants.withdraw(grant.id, BY)
    await home.outbox.left(grant.id)
    home.outbox.well(grant.id)
    assert not home.outbox._live


# -- the way back of a browser ----------------------------------------------------------------------------------------
async def test_where_a_browser_comes_back_to_is_what_it_was_when_the_access_was_given(home: Box) -> None:
    """A Cozy takes back the very address that it was told first: not another one since, and none after a restart."""
    first, second = "http://releve.local/data/connect", "http://192.168.1.10/data/connect"
    home.outbox.page = first
    home.outbox.keep("00000000000000aa", {})
    one = (await home.grants.give("00000000000000aa", WISH, BY))[0]
    home.outbox.page = second
    home.outbox.keep("00000000000000bb", {})
    two = (await home.grants.give("00000000000000bb", WISH, BY))[0]
    home.outbox.keep(one.id, {"client": "x"})
    home.outbox.keep("00000000000000cc", {})  # was not given in the end
    for _ in range(2):
        assert {job["grant"]: job["page"] for job in home.outbox.jobs()} == {one.id: first, two.id: second}
        home.restart()
    assert home.ledger.pages() == {one.id: first, two.id: second}
    await home.grants.withdraw(one.id, BY)
    await home.outbox.left(one.id)
    assert home.ledger.pages() == {two.id: second}


@pytest.mark.parametrize("while_it_runs", [False, True])
async def test_a_live_target_gets_the_last_figure_after_a_loss_of_the_card_too(
    home: Box, monkeypatch: pytest.MonkeyPatch, *, while_it_runs: bool
) -> None:
    home.say(NOON - 3 * DAY, NOON + 1)
    grant = await home.give(way=LIVE)
    assert await home.send(grant) == 1
    if while_it_runs:
        monkeypatch.setattr(home.home.store, "damaged", True)
    else:
        await lose(home, NOON - 2 * DAY, NOON - DAY)
    home.clock.at += 1800
    home.say(NOON, home.clock.at + 1)
    assert await home.send(grant) == 1
    (lying,) = home.shelf.parcels.values()
    assert lying.series[0].at[-1] > NOON
    home.clock.at += 1800
    home.say(NOON, home.clock.at + 1)
    assert await home.send(grant) == 1


async def test_after_a_loss_of_the_card_no_older_figure_takes_the_place_of_the_last_one(home: Box) -> None:
    home.say(NOON - 3 * DAY, NOON + 1)
    grant = await home.give(way=LIVE)
    assert await home.send(grant) == 1
    before = dict(home.shelf.parcels)
    await lose(home, NOON - 4 * 3600, NOON + 1)
    assert await home.send(grant) == 0
    assert home.shelf.parcels == before
