"""What stands, and what an app gets of it: whatever is given, withdrawn, expires, is asked, and whatever the clock does."""

import asyncio
import contextlib
import hashlib
import itertools
import tempfile
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.model import Medium, Quantity
from gateway import chain, granted
from gateway.granted import TooMuchError
from gateway.grants import (
    GRANTS_MAX,
    LATE_S,
    WINDOW_S,
    Answer,
    By,
    Grant,
    GrantedSeries,
    GrantError,
    Grants,
    NotDatingError,
    Resolution,
    Wish,
    new_id,
)
from gateway.ledger import Ledger, LedgerError, look
from gateway.model import SeriesKey
from gateway.store import Points

NOW = 1_790_000_000
PARIS = ZoneInfo("Europe/Paris")
DAY = 86_400
INDEX = GrantedSeries(SeriesKey("maison", "EAST"), "Maison", Medium.ELECTRICITY, Quantity.ENERGY)
POWER = GrantedSeries(SeriesKey("maison", "SINSTS"), "Maison", Medium.ELECTRICITY, Quantity.POWER)
BY = By("Firefox, Android", "192.0.2.7")
WISH = Wish("Facture claire", "moi", "voir ma facture", (INDEX, POWER), Resolution.DAY, 0, 30 * DAY, False)


class Box:
    """A ledger on a card, and a clock that a test moves."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ledger.db"
        self.now, self.dating = NOW, True
        self.start()

    def start(self) -> None:
        self.ledger = Ledger.open(self.path)
        self.grants = Grants(self.ledger, lambda: self.now, lambda: self.dating)

    def kill(self) -> None:
        """What is in memory is lost."""
        self.ledger.close()

    def kinds(self) -> list[str]:
        return [entry.kind for entry in look(self.path)]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    yield made
    made.kill()


def answer(data: bytes = b"{}", points: int = 1, series: GrantedSeries = INDEX) -> Answer:
    return Answer(series.key, NOW - 10, NOW, points, data)


async def test_a_grant_is_what_the_ledger_says_and_the_token_is_in_no_file(box: Box) -> None:
    grant, token = await box.grants.give(new_id(), WISH, BY)
    assert box.grants.opened_by(token) == grant
    box.kill()
    assert token.encode() not in box.path.read_bytes()
    assert hashlib.sha256(token.encode()).hexdigest().encode() in box.path.read_bytes()
    assert token not in repr(grant)
    assert grant.token_hash is not None
    assert grant.token_hash not in repr(grant)
    box.start()
    assert box.grants.opened_by(token) == grant
    assert (grant.by, grant.series, grant.until - grant.start) == (BY, (INDEX, POWER), 30 * DAY)
    assert box.grants.opened_by("") is None
    assert box.grants.opened_by(token + "x") is None
    assert box.grants.opened_by("\udcff") is None


async def test_a_form_that_is_sent_twice_gives_once_and_more_apps_than_a_home_has_are_refused(box: Box) -> None:
    id_ = new_id()
    await box.grants.give(id_, WISH, BY)
    with pytest.raises(GrantError, match="given already"):
        await box.grants.give(id_, WISH, BY)
    for _ in range(GRANTS_MAX - 1):
        await box.grants.give(new_id(), WISH, BY)
    with pytest.raises(GrantError, match="withdraw one first"):
        await box.grants.give(new_id(), WISH, BY)
    assert box.kinds() == ["given"] * GRANTS_MAX


@pytest.mark.parametrize(
    "wrong",
    [
        {"target": ""}, {"target": "x" * 81}, {"operator": "a\nb"}, {"purpose": ""}, {"series": ()},
        {"delay_s": -1}, {"lasts_s": 0}, {"lasts_s": 400 * DAY},
    ],
)  # fmt: skip
async def test_what_is_no_grant_is_not_written(box: Box, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="needed"):
        await box.grants.give(new_id(), replace(WISH, **wrong), BY)  # type: ignore[arg-type]
    assert box.kinds() == []


async def test_nothing_is_given_while_the_box_does_not_know_the_time_but_it_is_taken_back(box: Box) -> None:
    grant, token = await box.grants.give(new_id(), WISH, BY)
    box.dating = False
    with pytest.raises(NotDatingError):
        box.grants.opened_by(token)
    assert box.grants.opened_by("wrong") is None
    with pytest.raises(GrantError):
        await box.grants.note(grant, answer())
    with pytest.raises(NotDatingError):
        await box.grants.give(new_id(), WISH, BY)
    assert await box.grants.withdraw(grant.id, BY)
    assert not await box.grants.withdraw(grant.id, BY)
    assert box.grants.opened_by(token) is None
    assert [entry.fields.get("dated") for entry in look(box.path)] == [None, False]


async def test_the_first_read_is_on_the_card_before_its_answer_and_the_rest_is_summed(box: Box) -> None:
    grant, _ = await box.grants.give(new_id(), WISH, BY)
    said = [f"answer {number}".encode() for number in range(20)]
    for number, data in enumerate(said):
        await box.grants.note(grant, answer(data, 2, POWER if number % 2 else INDEX))
        assert box.kinds() == ["given", "read", "read"][: number + 2]  # already, before anything is sent
        box.now += 10
    assert box.grants.all()[0].total.reads == 20
    box.now = NOW + WINDOW_S + LATE_S - 1
    await box.grants.look()
    assert box.kinds() == ["given", "read", "read"]
    box.now += 1
    await box.grants.look()
    await box.grants.look()
    _, read, other, reads = look(box.path)
    assert other.fields["series"] == "maison:SINSTS:0"
    assert read.fields == {"grant": grant.id, "series": "maison:EAST:0", "from": NOW - 10, "to": NOW}
    assert reads.fields == {
        "grant": grant.id, "since": NOW, "reads": 20, "series": ["maison:EAST:0", "maison:SINSTS:0"],
        "from": NOW - 10, "to": NOW, "points": 40, "bytes": sum(map(len, said)),
        "sha256": hashlib.sha256(b"".join(said)).hexdigest(),
        "in_all": {"reads": 20, "points": 40, "bytes": sum(map(len, said))},
    }  # fmt: skip


async def test_an_app_that_never_stops_asking_costs_one_commit_a_window(box: Box) -> None:
    grant, _ = await box.grants.give(new_id(), WISH, BY)
    commits = 0
    append = box.ledger.append

    async def counted(*args: object) -> list[chain.Entry]:
        nonlocal commits
        commits += 1
        return await append(*args)  # type: ignore[arg-type]

    box.ledger.append = counted  # type: ignore[method-assign,assignment]
    for _ in range(6 * WINDOW_S // 10):
        await box.grants.note(grant, answer())
        box.now += 10
        await box.grants.look()
    assert commits == 6
    assert box.kinds() == ["given", "read", *["reads", "read"] * 5]
    await box.grants.stop()
    assert box.kinds()[-1] == "reads"
    assert list(look(box.path))[-1].fields["in_all"]["reads"] == 6 * WINDOW_S // 10


async def test_a_kill_takes_a_sum_and_never_that_something_was_read(box: Box) -> None:
    grant, _ = await box.grants.give(new_id(), WISH, BY)
    await box.grants.note(grant, answer(points=3))
    await box.grants.stop()
    box.now += 1000
    await box.grants.note(grant, answer(points=5))
    box.kill()
    box.start()
    total = box.grants.all()[0].total
    assert (total.reads, total.points, total.last_at) == (1, 3, NOW + 1000)
    assert box.kinds() == ["given", "read", "reads", "read"]


async def test_a_card_that_refuses_the_entry_has_nothing_sent(box: Box) -> None:
    grant, _ = await box.grants.give(new_id(), WISH, BY)
    box.ledger._executor.submit(box.ledger._db.execute, "PRAGMA query_only = ON").result()
    with pytest.raises(LedgerError):
        await box.grants.note(grant, answer())
    with pytest.raises(LedgerError):
        await box.grants.withdraw(grant.id, BY)
    box.now += 40 * DAY
    await box.grants.look()
    box.ledger._executor.submit(box.ledger._db.execute, "PRAGMA query_only = OFF").result()
    await box.grants.look()
    assert box.kinds() == ["given", "withdrawn"]


async def test_after_a_withdrawal_in_the_middle_nothing_more_is_noted_or_sent(box: Box) -> None:
    grant, token = await box.grants.give(new_id(), WISH, BY)
    await box.grants.note(grant, answer())
    await box.grants.withdraw(grant.id, BY)
    with pytest.raises(GrantError):  # it was being worked out meanwhile
        await box.grants.note(grant, answer())
    assert box.grants.opened_by(token) is None
    assert box.kinds() == ["given", "read", "reads", "withdrawn"]


async def test_a_house_that_was_put_back_gives_nothing_that_was_given_before(tmp_path: Path, box: Box) -> None:
    grant, token = await box.grants.give(new_id(), WISH, BY)
    box.ledger.backup(tmp_path / "copy.db", NOW)
    await box.grants.withdraw(grant.id, BY)
    box.kill()
    (tmp_path / "copy.db").replace(box.path)
    box.start()
    assert box.grants.opened_by(token) is None
    assert box.grants.all()[0].end == "restored"


async def test_an_entry_that_cannot_be_read_is_named_and_nothing_before_it_stands(box: Box) -> None:
    await box.ledger.append(NOW, ("given", {"grant": "a"}))
    assert Grants(box.ledger, lambda: NOW, lambda: True).all() == []
    *_, last = look(box.path)
    assert last.kind == "anew"
    assert "entry 1 cannot be read" in last.body


# Whatever happens

STEPS = st.one_of(
    st.tuples(st.just("give"), st.integers(1, 40)),
    st.tuples(st.just("withdraw"), st.integers(0, 5)),
    st.tuples(st.just("clock"), st.integers(-30, 45)),
    st.tuples(st.just("dating"), st.integers(0, 1)),
    st.tuples(st.just("look"), st.just(0)),
    st.tuples(st.just("restart"), st.just(0)),
    st.tuples(st.just("read"), st.integers(0, 5)),
)


@dataclass
class Expected:
    token: str
    grant: Grant
    ended: bool = False


@settings(deadline=None, max_examples=60)
@given(st.lists(STEPS, max_size=25))
def test_no_sequence_lets_a_token_read_more_than_what_stands(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Box(Path(folder)), steps))


async def play(box: Box, steps: list[tuple[str, int]]) -> None:
    model: list[Expected] = []
    reads = 0
    for what, n in steps:
        one = model[n % len(model)] if model and what in ("withdraw", "read") else None
        match what:
            case "give" if box.dating:
                grant, token = await box.grants.give(new_id(), replace(WISH, lasts_s=n * DAY), BY)
                model.append(Expected(token, grant))
            case "withdraw" if one is not None:
                assert await box.grants.withdraw(one.grant.id, BY) is not one.ended
                one.ended = True
            case "clock":
                box.now += n * DAY
            case "dating":
                box.dating = bool(n)
            case "look":
                await box.grants.look()
                for each in model:
                    each.ended |= box.dating and (box.now >= each.grant.until or each.grant.start > box.now + 600)
            case "restart":
                await box.grants.stop()
                box.kill()
                box.start()
            case "read" if one is not None:
                if box.dating and not one.ended and one.grant.start <= box.now < one.grant.until:
                    await box.grants.note(one.grant, answer())
                    reads += 1
                else:
                    with pytest.raises(GrantError):
                        await box.grants.note(one.grant, answer())
        for each in model:
            in_force = not each.ended and each.grant.start <= box.now < each.grant.until
            with contextlib.suppress(NotDatingError):
                assert (box.grants.opened_by(each.token) == each.grant) is (in_force and box.dating)
    await box.grants.stop()
    box.kill()
    entries = list(look(box.path))
    assert chain.verify(entries).fault is None
    assert sum(entry.fields["reads"] for entry in entries if entry.kind == "reads") == reads
    assert sum(entry.kind == "given" for entry in entries) == len(model)


# How much of it

GRANT = Grant("a", BY, "t", "o", "p", (INDEX, POWER), Resolution.RAW, 0, NOW - 20 * DAY, NOW + DAY, False, "00")


def at(month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return int(datetime(2026, month, day, hour, minute, tzinfo=PARIS).timestamp())


class Series:
    """Points, and the index of a meter that counts each second."""

    def __init__(self, ats: Sequence[int]) -> None:
        self.ats = sorted(set(ats))

    async def points(self, key: SeriesKey, start: int, end: int) -> Points | None:
        found = [moment for moment in self.ats if start <= moment < end]
        return Points(-1, array("q", found), array("q", [moment % 977 for moment in found]))

    async def indexes(self, key: SeriesKey, bounds: Sequence[int]) -> list[Decimal | None]:
        return [Decimal(bound) for bound in bounds]


@settings(deadline=None)
@given(
    st.lists(st.integers(NOW - 40 * DAY, NOW), max_size=60),
    st.sampled_from(Resolution),
    st.integers(0, 3 * DAY),
    st.booleans(),
    st.sampled_from([INDEX, POWER]),
    st.tuples(st.integers(NOW - 45 * DAY, NOW + 5 * DAY), st.integers(1, 20 * DAY)),
)
def test_no_answer_is_finer_newer_or_wider_than_granted(
    ats: list[int], resolution: Resolution, delay_s: int, past: bool, one: GrantedSeries, asked: tuple[int, int]
) -> None:
    grant = replace(GRANT, resolution=resolution, delay_s=delay_s, past=past)
    series = Series(ats)
    start, end = asked[0], asked[0] + asked[1]
    found = asyncio.run(granted.give(grant, one, PARIS, (start, end), NOW, series.indexes, series.points))
    low, high = max(start, 0 if past else grant.start), min(end, NOW - delay_s)
    columns = found.columns
    moments = [*columns["at"], *columns.get("until", [])]
    assert all(isinstance(moment, int) and low <= moment <= high for moment in moments)
    if resolution is Resolution.RAW:
        assert columns["at"] == [moment for moment in series.ats if low <= moment < high]
        return
    steps = granted.bounds(resolution, PARIS, low, high) if low < high else []
    assert all(on_a_bound(moment, resolution) for moment in steps)
    if one is INDEX:
        assert columns == {"at": steps, "index": [Decimal(step) for step in steps]}
        return
    values = [moment % 977 for moment in series.ats]
    expected = []
    for first, last in itertools.pairwise(steps):
        inside = values[bisect_left(series.ats, first) : bisect_left(series.ats, last)]
        if inside:
            expected.append((first, last))
            mean = columns["mean"][len(expected) - 1]
            assert isinstance(mean, Decimal)
            assert abs(mean * 10 - Decimal(sum(inside)) / len(inside)) <= Decimal("0.5")
            assert mean.as_tuple().exponent == -1
    assert list(zip(columns["at"], columns["until"], strict=True)) == expected


def on_a_bound(moment: int, resolution: Resolution) -> bool:
    local = datetime.fromtimestamp(moment, PARIS)
    match resolution:
        case Resolution.TEN_MINUTES:
            return moment % 600 == 0
        case Resolution.HALF_HOUR:
            return moment % 1800 == 0
        case Resolution.DAY:
            return (local.hour, local.minute, local.second) == (0, 0, 0)
        case _:
            return (local.day, local.hour, local.minute, local.second) == (1, 0, 0, 0)


def test_a_day_and_a_month_are_the_homes_own_where_the_clock_changes() -> None:
    days = granted.bounds(Resolution.DAY, PARIS, at(10, 24), at(10, 27))
    assert [b - a for a, b in itertools.pairwise(days)] == [DAY, DAY + 3600, DAY]
    days = granted.bounds(Resolution.DAY, PARIS, at(3, 28), at(3, 30))
    assert [b - a for a, b in itertools.pairwise(days)] == [DAY, DAY - 3600]
    assert granted.bounds(Resolution.MONTH, PARIS, at(9, 15), at(12, 31)) == [at(10, 1), at(11, 1), at(12, 1)]
    assert granted.bounds(Resolution.MONTH, PARIS, at(10, 2), at(10, 31)) == []


async def test_more_than_an_answer_holds_is_refused_in_a_sentence() -> None:
    series = Series(range(NOW - 3 * DAY, NOW, 10))
    long = replace(GRANT, past=True)
    for resolution, one, span_s in (
        (Resolution.RAW, POWER, 3 * DAY),
        (Resolution.TEN_MINUTES, INDEX, 200 * DAY),
        (Resolution.DAY, POWER, 500 * DAY),
        (Resolution.RAW, POWER, 500 * DAY),
    ):
        grant = replace(long, resolution=resolution)
        with pytest.raises(TooMuchError, match="in one answer"):
            await granted.give(grant, one, PARIS, (NOW - span_s, NOW), NOW, series.indexes, series.points)
