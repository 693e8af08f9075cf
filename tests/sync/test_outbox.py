"""What is due, whatever happens: at the end the target holds what the house says of what was granted, and nothing else."""

import contextlib
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import chain
from gateway.grants import Grant, Resolution
from gateway.ledger import Parcel, look
from gateway.model import Point
from gateway.parcels import periods
from gateway.way import Form, Kind, Way
from sync.model import Parcel as Sent
from sync.model import Piece, Trouble
from tests.house import NOON
from tests.sync.box import BY, DAY, INDEX, POWER, Box, box


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Box]:
    with box(tmp_path) as made:
        yield made


def kinds(home: Box) -> list[str]:
    return [entry.kind for entry in look(home.path)]


async def test_all_that_is_granted_arrives_once_and_stands_in_the_ledger(home: Box) -> None:
    home.say(NOON - 10 * DAY, NOON + 1)
    grant = await home.give()
    assert await home.send(grant) == 1
    assert home.shelf.values(INDEX) == await home.expected(INDEX, NOON - 10 * DAY, NOON)
    assert len(home.shelf.values(INDEX)) == 10 * 48
    puts = home.shelf.puts
    assert await home.send(grant) == 0
    home.restart()
    assert await home.send(grant) == 0
    assert home.shelf.puts == puts
    assert kinds(home) == ["given", "sending", "sent"]
    *_, sending, sent = look(home.path)
    assert sent.fields["points"] == sending.fields["points"] == 480
    assert sent.fields["periods"] == sending.fields["periods"] == len(home.shelf.parcels) == 11
    assert sent.fields["answer"] == "201 Created"
    assert chain.verify(look(home.path)).entries == 3
    held = home.grants.get(grant.id)
    assert held is not None
    assert held.total.points == 480
    assert await home.outbox.there(grant.id) == (480, 11)


async def test_while_the_past_is_on_its_way_it_is_known_up_to_when_all_of_it_is_there(home: Box) -> None:
    home.say(NOON - 10 * DAY, NOON + 1)
    grant = await home.give()
    days = list(periods(Resolution.HALF_HOUR, ZoneInfo("Europe/Paris"), NOON - 10 * DAY, NOON))
    for today, tomorrow in pairwise(days[:5]):
        found = await home.outbox.batch(grant.id)
        assert found is not None
        assert home.outbox.all_there_to(grant.id) == today.start
        parcel = Sent.read(found[1][0])
        await home.acknowledge(grant, found[0], [parcel], await home.shelf.put([parcel]))
        assert await home.outbox.due(grant.id)
        assert home.outbox.all_there_to(grant.id) == tomorrow.start
    await home.send(grant)
    assert home.outbox.all_there_to(grant.id) is None
    home.say(NOON - 5 * DAY, NOON - 4 * DAY, step_s=900)  # a correction is no gap
    home.outbox.poke(grant.id)
    assert home.outbox.all_there_to(grant.id) is None


async def test_what_is_before_the_grant_and_what_is_too_young_stays_here(home: Box) -> None:
    home.say(NOON - 10 * DAY, NOON + 3 * DAY)
    grant = await home.give(past=False, delay_s=DAY)
    home.clock.at = NOON + 3 * DAY
    await home.send(grant)
    assert home.shelf.values(INDEX) == await home.expected(INDEX, NOON, NOON + 2 * DAY)


async def test_an_outage_in_the_middle_of_a_batch_doubles_and_loses_nothing(home: Box) -> None:
    home.say(NOON - 10 * DAY, NOON + 1)
    grant = await home.give()
    home.shelf.fails_after = 4
    for _ in range(3):
        with pytest.raises(Trouble):
            await home.send(grant)
        home.shelf.fails_after = 4
    assert len(home.shelf.parcels) == 4
    home.shelf.fails_after = None
    await home.send(grant)
    assert home.shelf.values(INDEX) == await home.expected(INDEX, NOON - 10 * DAY, NOON)


async def test_an_acknowledgement_that_is_lost_sends_the_same_again(home: Box) -> None:
    home.say(NOON - 3 * DAY, NOON + 1)
    grant = await home.give()
    await home.send(grant, acknowledged=False)
    lying = dict(home.shelf.parcels)
    home.restart()
    await home.send(grant)
    assert home.shelf.parcels == lying


async def test_a_late_reading_is_sent_as_a_revision_of_its_day_alone(home: Box) -> None:
    home.say(NOON - 10 * DAY, NOON - 2 * DAY)
    home.say(NOON - DAY, NOON + 1)
    grant = await home.give()
    await home.send(grant)
    before = dict(home.shelf.parcels)
    home.say(NOON - 2 * DAY, NOON - DAY)
    home.clock.at += 700
    await home.send(grant)
    changed = {name for name, parcel in home.shelf.parcels.items() if parcel != before.get(name)}
    assert changed == {"2026-09-19", "2026-09-20", "2026-09-21"} & changed
    assert home.shelf.values(INDEX) == await home.expected(INDEX, NOON - 10 * DAY, NOON)
    assert {before[name].revision + 1 for name in changed if name in before} == {2}


async def test_what_came_late_long_ago_is_found_when_a_person_asks(home: Box) -> None:
    home.say(NOON - 30 * DAY, NOON - 20 * DAY)
    home.say(NOON - 10 * DAY, NOON + 1)
    grant = await home.give()
    await home.send(grant)
    home.say(NOON - 20 * DAY, NOON - 10 * DAY)
    home.outbox.poke(grant.id)
    await home.send(grant)
    assert home.shelf.values(INDEX) == await home.expected(INDEX, NOON - 30 * DAY, NOON)


async def test_a_clock_that_is_set_back_sends_nothing_twice_and_loses_nothing(home: Box) -> None:
    home.say(NOON - 3 * DAY, NOON + 1)
    grant = await home.give()
    await home.send(grant)
    puts = home.shelf.puts
    home.clock.system.shows -= DAY
    home.clock.now()
    assert await home.send(grant) == 0
    assert home.shelf.puts == puts
    home.clock.system.shows += DAY
    assert await home.home.tell_time(home.clock.system.shows)
    home.clock.at += 3600
    home.say(NOON, NOON + 3601)
    await home.send(grant)
    assert home.shelf.values(INDEX) == await home.expected(INDEX, NOON - 3 * DAY, NOON + 3000)


async def test_what_is_lost_here_stays_there_and_what_a_person_erases_goes(home: Box) -> None:
    home.say(NOON - 10 * DAY, NOON + 1)
    grant = await home.give()
    await home.send(grant)
    lying, before = dict(home.shelf.parcels), home.shelf.values(INDEX)
    # A damaged card: the series are gone, and nobody wished it.
    home.home.store.on_removal = lambda keys, start, end: None
    await home.home.store.run(home.home.store.erase, (INDEX.key,), 0, NOON - 5 * DAY)
    home.ledger.lost()
    home.restart()
    assert await home.send(grant) == 0
    assert home.shelf.parcels == lying
    home.clock.at += 3600
    home.say(NOON, NOON + 3601)
    await home.send(grant)
    assert lying.keys() == home.shelf.parcels.keys()
    assert home.shelf.values(INDEX) == {**before, **await home.expected(INDEX, NOON, NOON + 3601)}
    await home.home.store.run(home.home.store.erase, (INDEX.key,), 0, NOON - 3 * DAY)
    await home.send(grant)
    assert min(home.shelf.values(INDEX)) >= NOON - 3 * DAY
    assert home.shelf.values(INDEX) == await home.expected(INDEX, NOON - 10 * DAY, NOON + 3601)


async def test_a_pause_holds_and_ends(home: Box) -> None:
    home.say(NOON - 3 * DAY, NOON + 1)
    grant = await home.give()
    assert await home.grants.pause(grant.id, BY, paused=True)
    assert not await home.grants.pause(grant.id, BY, paused=True)
    assert await home.send(grant) == 0
    assert home.outbox.jobs() == []
    assert not home.outbox.wanted()
    home.restart()
    assert await home.send(grant) == 0
    assert await home.grants.pause(grant.id, BY, paused=False)
    assert await home.send(grant) == 1


async def test_an_end_ends_it_and_what_opened_the_target_is_forgotten(home: Box) -> None:
    home.say(NOON - 3 * DAY, NOON + 1)
    grant = await home.give()
    home.outbox.keep(grant.id, {"password": "correct horse"})
    await home.send(grant)
    assert [job["do"] for job in home.outbox.jobs()] == ["send"]
    await home.grants.withdraw(grant.id, BY, erase=True)
    assert await home.outbox.batch(grant.id) is None
    home.restart()
    (job,) = home.outbox.jobs()
    assert (job["do"], job["secrets"]) == ("erase", {"password": "correct horse"})
    while pieces := await home.outbox.pieces(grant.id):
        await home.shelf.erase([_piece(one) for one in pieces])
        await home.outbox.erased(grant.id, [one.period for one in pieces])
    await home.outbox.left(grant.id)
    assert not home.shelf.parcels
    assert home.home.catalog.secrets(grant.id) == {}
    assert not home.outbox.wanted()
    assert kinds(home) == ["given", "sending", "sent", "withdrawn", "erased", "left"]
    home.restart()
    assert home.outbox.jobs() == []


async def test_a_house_that_is_put_back_forgets_what_opens_targets(home: Box, tmp_path: Path) -> None:
    grant = await home.give()
    home.outbox.keep(grant.id, {"password": "correct horse"})
    home.ledger.backup(tmp_path / "copy.db", NOON)
    (tmp_path / "copy.db").rename(home.path)
    home.restart()
    assert home.outbox.jobs() == []
    assert home.home.catalog.secrets(grant.id) == {}


async def test_a_live_target_gets_the_last_figure_alone_and_the_ledger_a_sum(home: Box) -> None:
    home.say(NOON - DAY, NOON + 3600, step_s=10)
    grant = await home.give(Resolution.RAW, way=Way(Kind.MQTT, "mqtt://192.0.2.5", "", Form.LIVE, at_home=True))
    for _ in range(120):
        home.clock.at += 10
        await home.send(grant)
    (parcel,) = home.shelf.parcels.values()
    (series,) = parcel.series
    assert series.at == (home.clock.at - 10,)
    assert kinds(home) == ["given", "sending", "sent", "sending", "sent", "sending"]
    await home.outbox.look(stopping=True)
    sums = [entry.fields for entry in look(home.path) if entry.kind == "sent"]
    assert sum(one["batches"] for one in sums) == 120
    assert sums[-1]["in_all"]["points"] == 120


async def test_a_live_target_hears_of_no_index_that_falls_when_a_counter_begins_anew(home: Box) -> None:
    home.say(NOON - 60, NOON + 1, step_s=10)
    grant = await home.give(Resolution.RAW, way=Way(Kind.MQTT, "mqtt://192.0.2.5", "", Form.LIVE, at_home=True))
    heard: list[str | None] = []
    for counted in (10_000_001, 10_000_002, 0, 3, 7):
        home.clock.at += 10
        at = home.clock.at - 1
        if counted == 0:
            home.home.store.swap(INDEX.key, at, 10_000_004, 0, 0)
        home.home.store.add([Point(INDEX.key, INDEX.quantity, at, counted, 0, main=True)])
        await home.send(grant)
        (parcel,) = home.shelf.parcels.values()
        heard += parcel.series[0].value
    assert heard == ["10000001", "10000002", "10000004", "10000007", "10000011"]


def _piece(row: Parcel) -> Piece:
    return Piece(row.period, row.start, row.stop, row.held)


async def test_levels_and_every_resolution_come_as_they_were_granted(home: Box) -> None:
    home.say(NOON - 40 * DAY, NOON + 1, step_s=600)
    home.say(NOON - 40 * DAY, NOON + 1, step_s=600, series=POWER)
    for resolution, name in (
        (Resolution.MONTH, "2026"), (Resolution.DAY, "2026-09"), (Resolution.HALF_HOUR, "2026-09-20"),
        (Resolution.TEN_MINUTES, "2026-09-20"), (Resolution.RAW, "2026-09-20T10"),
    ):  # fmt: skip
        home.shelf.parcels.clear()
        grant = await home.give(resolution, series=(INDEX, POWER))
        await home.send(grant)
        parcel = home.shelf.parcels[name]
        index, level = parcel.series
        assert (index.kind, level.kind) == ("index", "level")
        assert bool(level.until) is (resolution is not Resolution.RAW)
        assert index.at[0] >= parcel.start
        assert index.at[-1] <= min(parcel.end, NOON)
        if resolution is Resolution.TEN_MINUTES:
            assert len(index.at) == 145
            assert len(level.at) == 144
        await home.grants.withdraw(grant.id, BY)


def test_periods_follow_the_home_s_days_of_23_and_25_hours() -> None:
    paris = ZoneInfo("Europe/Paris")
    days = {one.name: one.end - one.start for one in periods(Resolution.HALF_HOUR, paris, 1_774_600_000, 1_793_500_000)}
    assert (days["2026-03-29"], days["2026-10-25"], days["2026-10-26"]) == (23 * 3600, 25 * 3600, DAY)
    months = list(periods(Resolution.DAY, paris, NOON, NOON + 1))
    assert [one.name for one in months] == ["2026-09"]
    assert [one.name for one in periods(Resolution.MONTH, paris, NOON, NOON + 200 * DAY)] == ["2026", "2027"]


STEP = st.one_of(
    st.tuples(st.just("say"), st.integers(0, 12), st.integers(1, 60)),
    st.tuples(st.just("pass"), st.integers(600, 2 * DAY), st.just(0)),
    st.tuples(st.just("send"), st.integers(0, 9), st.just(0)),
    st.tuples(st.just("lose"), st.just(0), st.just(0)),
    st.tuples(st.just("restart"), st.just(0), st.just(0)),
    st.tuples(st.just("erase"), st.integers(0, 12), st.integers(1, 400)),
)


@pytest.mark.timeout(120)
@settings(max_examples=25, deadline=None)
@given(steps=st.lists(STEP, max_size=14), resolution=st.sampled_from([Resolution.HALF_HOUR, Resolution.TEN_MINUTES]))
async def test_whatever_happens_the_target_holds_in_the_end_what_the_house_says(
    steps: list[tuple[str, int, int]], resolution: Resolution
) -> None:
    with tempfile.TemporaryDirectory() as folder, box(Path(folder)) as home:
        home.say(NOON - 12 * DAY, NOON - 6 * DAY)
        grant = await home.give(resolution)
        for what, first, more in steps:
            await _step(home, grant, what, first, more)
        home.shelf.fails_after = None
        home.restart()
        await home.send(grant)
        assert await home.send(grant) == 0
        now = home.clock.at // 600 * 600
        step_s = 1800 if resolution is Resolution.HALF_HOUR else 600
        start = home.home.first_at([INDEX.key])
        if start is not None:
            assert home.shelf.values(INDEX) == await home.expected(INDEX, start, now + 1, step_s)
        there, _ = await home.outbox.there(grant.id)
        assert there == len(home.shelf.values(INDEX))
        assert chain.verify(look(home.path)).entries


async def _step(home: Box, grant: Grant, what: str, first: int, more: int) -> None:
    span = NOON - 12 * DAY + first * DAY, NOON - 12 * DAY + first * DAY + more * 3600
    match what:
        case "say":
            home.say(span[0], min(span[1], home.clock.at))
        case "pass":
            home.clock.at += first
        case "send":
            home.shelf.fails_after = first
            with contextlib.suppress(Trouble):
                await home.send(grant)
        case "lose":
            home.shelf.fails_after = None
            await home.send(grant, acknowledged=False)
        case "restart":
            home.restart()
        case "erase":
            await home.home.store.run(home.home.store.erase, (INDEX.key,), *span)
