"""Stories of what services find: told once, kept over a restart, over by themselves, and erased with their readings."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.alerts import KEPT_PACE_S, SAME_S, Alerts
from gateway.ledger import DamagedLedgerError, Ledger, LedgerError
from gateway.services.model import Finding, Service, Story

NOW = 1_790_000_000
KINDS = ("drip", "toilet", "pipe", "burst")
LEAK = Service.LEAK


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(tmp_path / "ledger.db")
    yield opened
    opened.close()


def leak(rank: int = 1, since: int = NOW - 3600, point: str = "eau-froide", **grounds: float) -> Finding:
    return Finding(LEAK, point, KINDS[rank], since, {"l_per_h": 10.0, "lost_l": 10.0, **grounds}, rank)


async def test_an_event_is_told_once_however_often_it_is_found(ledger: Ledger) -> None:
    alerts = Alerts(ledger)
    assert not alerts.any
    (story,) = await alerts.tell(NOW, LEAK, [leak()])
    assert story == Story(1, leak(), NOW, found_at=NOW, worst=1)
    for minute in range(1, 200):
        assert await alerts.tell(NOW + 60 * minute, LEAK, [leak()]) == []
    assert alerts.open() == await alerts.history(10) == [story] == [await alerts.get(1)]
    assert await alerts.get(2) is None
    assert Alerts(ledger).any
    assert alerts.told_at(LEAK) == NOW + 60 * 199


async def test_what_is_found_no_longer_is_over_with_its_last_figures(ledger: Ledger) -> None:
    alerts = Alerts(ledger)
    await alerts.tell(NOW, LEAK, [leak()])
    await alerts.tell(NOW + 60, LEAK, [leak(lost_l=30)])
    assert alerts.open()[0].finding == leak(), "the card is spared"
    await alerts.tell(NOW + 120, LEAK, [])
    assert alerts.open() == []
    (story,) = await alerts.history(10)
    assert (story.solved_at, story.found_at, story.finding) == (NOW + 120, NOW + 60, leak(lost_l=30))


async def test_what_went_on_between_two_times_is_found_with_what_still_does_first(ledger: Ledger) -> None:
    alerts = Alerts(ledger)
    for point, rank, raised_at, solved_at in (
        ("before", 3, 0, 999),
        ("into", 1, 0, 1000),
        ("within", 2, 1200, 1300),
        ("worse", 3, 1200, 1300),
        ("through", 0, 500, 2500),
        ("goes on", 0, 1500, None),
        ("after", 3, 2000, None),
    ):
        await alerts.tell(raised_at, LEAK, [leak(rank, point=point)], [one.finding.point for one in alerts.open()])
        if solved_at is not None:
            open_ = [one.finding.point for one in alerts.open() if one.finding.point != point]
            await alerts.tell(solved_at, LEAK, [], open_)
    found = [story.finding.point for story in await alerts.between(1000, 2000)]
    assert found == ["goes on", "worse", "within", "into", "through"]
    assert [story.finding.point for story in Alerts(ledger).open()] == ["after", "goes on"]


@pytest.mark.parametrize(("pause_s", "count"), [(SAME_S - 1, 1), (SAME_S, 2)])
async def test_what_comes_back_within_a_day_is_the_same_story(ledger: Ledger, pause_s: int, count: int) -> None:
    alerts = Alerts(ledger)
    await alerts.tell(NOW, LEAK, [leak()])
    assert await alerts.seen(1, NOW)
    await alerts.tell(NOW + 60, LEAK, [])
    again = leak(since=NOW + 60 + pause_s)
    told = await alerts.tell(NOW + 60 + pause_s, LEAK, [again])
    assert len(told) == count - 1
    assert len(await alerts.history(10)) == count
    (story,) = alerts.open()
    assert story.finding == again, "it paused: it has not been so since the first time"
    assert story.is_seen == (count == 1)


async def test_what_takes_long_to_be_found_again_is_the_same_story_where_it_began_again_within_a_day(
    ledger: Ledger,
) -> None:
    """Ten litres an hour are found after a day: by then a cistern that paused for an hour was over for longer."""
    alerts = Alerts(ledger)
    await alerts.tell(NOW, LEAK, [leak()])
    await alerts.tell(NOW + 60, LEAK, [])
    assert await alerts.tell(NOW + 2 * SAME_S, LEAK, [leak(since=NOW + 3600)]) == []
    assert len(await alerts.history(10)) == 1


async def test_what_is_not_known_now_is_neither_over_nor_said_to_go_on(ledger: Ledger) -> None:
    alerts = Alerts(ledger)
    await alerts.tell(NOW, LEAK, [leak(), leak(point="jardin")])
    await alerts.tell(NOW + 60, LEAK, [leak(), leak(point="jardin")])
    await alerts.tell(NOW + 600, LEAK, [], {"eau-froide"})
    (story,) = alerts.open()
    assert story.finding.point == "eau-froide"
    assert alerts.known_to(story) == NOW + 60


async def test_what_a_silent_meter_said_counts_up_to_its_last_word(ledger: Ledger) -> None:
    alerts = Alerts(ledger)
    said = replace(leak(), at=NOW - 600)
    (story,) = await alerts.tell(NOW, LEAK, [said])
    await alerts.tell(NOW + 5 * 86_400, LEAK, [said])
    assert alerts.known_to(story) == story.found_at == NOW - 600
    await alerts.tell(NOW + 6 * 86_400, LEAK, [])
    (story,) = await alerts.history(1)
    assert (story.found_at, story.solved_at) == (NOW - 600, NOW + 6 * 86_400)


async def test_an_event_never_began_later_than_was_said(ledger: Ledger) -> None:
    alerts = Alerts(ledger)
    await alerts.tell(NOW, LEAK, [leak()])
    for hours, since, kept in ((2, NOW - 60, NOW - 3600), (4, NOW - 7200, NOW - 7200), (6, NOW, NOW - 7200)):
        await alerts.tell(NOW + 3600 * hours, LEAK, [leak(since=since)])
        assert alerts.open()[0].finding.since == kept


async def test_what_becomes_something_else_began_when_that_did_and_its_story_when_it_was_first(ledger: Ledger) -> None:
    alerts = Alerts(ledger)
    first = NOW - 10 * SAME_S
    for hours, rank, since in ((0, 1, first), (2, 2, NOW + 3600), (4, 2, NOW + 7200), (6, 3, NOW + 20_000)):
        await alerts.tell(NOW + 3600 * hours, LEAK, [leak(rank, since)])
        (story,) = Alerts(ledger).open()
        assert story.began_at == first
        assert story.finding.since == (NOW + 3600 if rank == 2 else since), "150 litres an hour never ran for ten days"
    await alerts.tell(NOW + 8 * 3600, LEAK, [leak(1, first)])
    assert (alerts.open()[0].finding, alerts.open()[0].began_at) == (leak(1, first), first)


async def test_a_meter_whose_battery_was_low_has_not_been_silent_since_then(ledger: Ledger) -> None:
    alerts = Alerts(ledger)
    battery = Finding(Service.SILENCE, "eau-froide", "battery low", NOW - 90 * SAME_S, {}, 1)
    silent = Finding(Service.SILENCE, "eau-froide", "silent", NOW, {}, 4)
    await alerts.tell(NOW, Service.SILENCE, [battery])
    await alerts.tell(NOW + SAME_S, Service.SILENCE, [silent])
    assert alerts.open()[0].finding.since == NOW


@pytest.mark.parametrize(
    ("kinds", "count"),
    [(("used", "toilet"), 2), (("toilet", "used"), 2), (("used", "used"), 1), (("toilet", "drip"), 1)],
)
async def test_a_use_that_is_over_is_another_event_than_a_leak(
    ledger: Ledger, kinds: tuple[str, str], count: int
) -> None:
    alerts = Alerts(ledger)
    one, other = (replace(leak(rank=2), kind=kind) for kind in kinds)
    await alerts.tell(NOW, LEAK, [one])
    await alerts.seen(1, NOW)
    await alerts.tell(NOW + 60, LEAK, [])
    told = await alerts.tell(NOW + 3600, LEAK, [other])
    assert (len(told), len(await alerts.history(9))) == (count - 1, count)


async def test_the_card_is_written_when_a_person_would_read_something_else_and_once_an_hour_at_most(
    ledger: Ledger,
) -> None:
    alerts = Alerts(ledger)
    await alerts.tell(NOW, LEAK, [leak(rank=2)])
    for at, finding, is_kept in (
        (NOW + 60, leak(rank=1), False),
        (NOW + KEPT_PACE_S - 1, leak(rank=2, lost_l=20), False),
        (NOW + KEPT_PACE_S, leak(rank=2, lost_l=11), False),
        (NOW + KEPT_PACE_S, leak(rank=2, lost_l=11.1), True),
        (NOW + KEPT_PACE_S + 60, leak(rank=1), False),
        (NOW + 2 * KEPT_PACE_S, leak(rank=1), True),
        (NOW + 2 * KEPT_PACE_S + 60, leak(rank=2), True),  # it grew worse
        (NOW + 4 * KEPT_PACE_S, leak(rank=2, usual_h=1), True),
    ):
        before = ledger.ask(lambda db: db.total_changes)
        assert await alerts.tell(at, LEAK, [finding]) == []
        assert (ledger.ask(lambda db: db.total_changes) > before) is is_kept
        assert (alerts.open()[0].finding == finding) is is_kept
        assert Alerts(ledger).open() == alerts.open()


async def test_what_was_seen_or_put_off_comes_back_once_when_it_grows_worse(ledger: Ledger) -> None:
    alerts = Alerts(ledger)
    await alerts.tell(NOW, LEAK, [leak(rank=0), leak(rank=0, point="jardin")])
    garden, cold = alerts.open()
    assert await alerts.seen(cold.id, NOW + 1)
    assert await alerts.snooze(garden.id, NOW + SAME_S, NOW + 1)
    assert [story.is_seen for story in alerts.open()] == [False, True]
    assert [story.is_put_off(NOW + 2) for story in alerts.open()] == [True, False]
    told = await alerts.tell(NOW + 60, LEAK, [leak(rank=3), leak(rank=3, point="jardin")])
    assert sorted(story.id for story in told) == sorted((cold.id, garden.id))
    assert not any(story.is_seen or story.is_put_off(NOW + 60) for story in alerts.open())
    assert await alerts.seen(cold.id, NOW + 61)
    for hours, rank in ((2, 0), (4, 3), (6, 1), (8, 3)):
        assert await alerts.tell(NOW + hours * 3600, LEAK, [leak(rank=rank)]) == []
    assert [story.is_seen for story in alerts.open()] == [True]


async def test_a_reminder_stands_until_it_is_seen_again(ledger: Ledger) -> None:
    alerts = Alerts(ledger)
    await alerts.tell(NOW, LEAK, [leak()])
    await alerts.seen(1, NOW)
    assert await alerts.snooze(1, NOW + 100, NOW + 50)
    assert not await alerts.snooze(1, NOW + 50, NOW + 50), "that is past"
    (story,) = alerts.open()
    assert (story.is_put_off(NOW + 99), story.is_put_off(NOW + 100), story.is_seen) == (True, False, False)
    await alerts.seen(1, NOW + 100)
    assert alerts.open()[0].is_seen


async def test_a_story_that_is_over_or_none_is_neither_seen_nor_put_off(ledger: Ledger) -> None:
    alerts = Alerts(ledger)
    await alerts.tell(NOW, LEAK, [leak()])
    await alerts.tell(NOW + 60, LEAK, [])
    before = await alerts.history(10)
    for id_ in (1, 2):
        assert not await alerts.seen(id_, NOW + 70)
        assert not await alerts.snooze(id_, NOW + 80, NOW + 70)
    assert await alerts.history(10) == before


async def test_while_nobody_knows_the_time_nothing_changes(ledger: Ledger) -> None:
    dating = [True]
    alerts = Alerts(ledger, lambda: dating[0])
    await alerts.tell(NOW, LEAK, [leak()])
    before = alerts.open()
    dating[0] = False
    assert await alerts.tell(60, LEAK, [leak(rank=3)]) == await alerts.tell(60, LEAK, []) == []
    assert not await alerts.seen(1, 60)
    assert not await alerts.snooze(1, 120, 60)
    assert alerts.open() == before == await alerts.history(10)


async def test_a_card_that_refuses_loses_no_story(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    alerts = Alerts(ledger)

    async def refuse(work: object) -> None:
        raise LedgerError("ledger.db: the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "change", refuse)
        with pytest.raises(LedgerError):
            await alerts.tell(NOW, LEAK, [leak()])
    assert alerts.open() == []
    assert len(await alerts.tell(NOW + 60, LEAK, [leak()])) == 1


async def test_what_is_erased_of_a_metering_point_takes_its_stories_and_no_other(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db")
    alerts = Alerts(ledger)
    await alerts.tell(NOW, LEAK, [leak(since=NOW - 100), leak(point="jardin")])
    await alerts.tell(NOW + 100, LEAK, [leak(point="jardin")])
    await alerts.tell(NOW + 200 + SAME_S, LEAK, [leak(since=NOW + 100 + SAME_S), leak(point="jardin")])
    assert await alerts.forget("eau-froide", 0, NOW - 100) == 0
    assert await alerts.forget("eau-froide", NOW + 100, NOW + SAME_S) == 0, "between the two"
    assert await alerts.forget("eau-froide", 0, NOW) == 1
    assert [story.id for story in await alerts.history(10)] == [3, 2]
    assert await alerts.forget("eau-froide", 0, 1 << 40) == 1
    assert [story.id for story in alerts.open()] == [2] == [story.id for story in Alerts(ledger).open()]
    (again,) = await alerts.tell(NOW + 300 + SAME_S, LEAK, [leak(), leak(point="jardin")])
    assert again.id == 4, "a page that names an erased story opens no other"
    ledger.close()


async def test_a_back_up_brings_them_along(ledger: Ledger, tmp_path: Path) -> None:
    alerts = Alerts(ledger)
    await alerts.tell(NOW, LEAK, [leak()])
    await alerts.seen(1, NOW + 1)
    ledger.backup(tmp_path / "copy.db", NOW + 2)
    copy = Ledger.open(tmp_path / "copy.db")
    assert Alerts(copy).open() == alerts.open()
    copy.close()


async def test_a_service_of_a_newer_version_keeps_no_box_from_starting(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger.open(path)
    await Alerts(ledger).tell(NOW, LEAK, [leak()])
    ledger.close()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE story SET service = 'weather'")
    ledger = Ledger.open(path)
    alerts = Alerts(ledger)
    assert alerts.open() == await alerts.history(10) == []
    ledger.close()


async def test_a_story_that_the_card_has_spoilt_keeps_no_box_from_starting(ledger: Ledger) -> None:
    await Alerts(ledger).tell(NOW, LEAK, [leak(), leak(point="jardin")])
    ledger.ask(lambda db: db.execute("UPDATE story SET grounds = substr(grounds, 2) WHERE point = 'jardin'"))
    alerts = Alerts(ledger)
    assert [story.finding.point for story in alerts.open()] == ["eau-froide"]
    assert [story.finding.point for story in await alerts.tell(NOW, LEAK, [leak(), leak(point="jardin")])] == ["jardin"]


async def test_a_damaged_page_of_stories_is_found_when_the_file_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger.open(path)
    await Alerts(ledger).tell(NOW, LEAK, [leak()])
    ledger.close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'story'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    data = bytearray(path.read_bytes())
    data[(page - 1) * size : page * size] = b"\xff" * size
    path.write_bytes(data)
    with pytest.raises(DamagedLedgerError):
        Ledger.open(path)


POINTS = ("eau-froide", "jardin")
findings = st.lists(
    st.builds(
        lambda rank, ago, point, l_per_h: Finding(
            LEAK, point, KINDS[rank], -ago, {"l_per_h": l_per_h, "lost_l": l_per_h * 2}, rank
        ),
        st.integers(0, 3),
        st.integers(0, 3600),
        st.sampled_from(POINTS),
        st.sampled_from([2.0, 10.0, 10.5, 100.0]),
    ),
    max_size=3,
)
acts = st.sampled_from(["", "", "seen", "snooze", "restart"])
steps = st.lists(st.tuples(st.integers(1, SAME_S + SAME_S // 2), findings, acts), max_size=12)


@settings(max_examples=25)  # each change waits for the disk
@given(steps)
def test_whatever_is_found_a_point_has_one_open_story_told_once_and_a_restart_changes_nothing(
    steps: list[tuple[int, list[Finding], str]],
) -> None:
    async def go(path: Path) -> None:
        ledger = Ledger.open(path)
        alerts = Alerts(ledger)
        now, ids = NOW, set[int]()
        open_until: dict[str, int] = {}
        worst: dict[int, int] = {}
        for wait_s, found, act in steps:
            now += wait_s
            found = [replace(finding, since=now + finding.since) for finding in found]
            told = await alerts.tell(now, LEAK, found)
            stories = {story.finding.point: story for story in alerts.open()}
            assert len(stories) == len(alerts.open())
            assert set(stories) == {finding.point for finding in found}
            for story in told:
                point = story.finding.point
                if story.id in ids:
                    assert story.finding.rank > worst[story.id], "told again only if it is worse than ever"
                else:
                    assert story.raised_at == now
                    assert story.finding.since - open_until.get(point, 0) >= SAME_S, "the same event has another story"
            for story in stories.values():
                assert (story.id in ids) or story in told, "nobody was told"
                assert story.finding.rank <= story.worst
                worst[story.id] = max(worst.get(story.id, 0), story.worst)
            ids |= {story.id for story in stories.values()}
            for point in POINTS:  # what is over was found to be so now
                if point in stories:
                    open_until[point] = 1 << 50
                elif open_until.get(point) == 1 << 50:
                    open_until[point] = now
            for story in stories.values():
                if act == "seen":
                    assert await alerts.seen(story.id, now)
                elif act == "snooze":
                    assert await alerts.snooze(story.id, now + 600, now)
            history = await alerts.history(1000)
            assert {story.id for story in history} == ids
            assert [await alerts.get(story.id) for story in history] == history
            if act == "restart":
                before = alerts.open(), history
                ledger.close()
                ledger = Ledger.open(path)
                alerts = Alerts(ledger)
                assert (alerts.open(), await alerts.history(1000)) == before
        ledger.close()

    with TemporaryDirectory() as folder:
        asyncio.run(go(Path(folder) / "ledger.db"))
