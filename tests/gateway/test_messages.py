"""What a person is to be told: each event once, in waking hours but for what cannot wait, and a week on Monday."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alerts import SAME_S
from gateway.grants import By, Grant, Resolution
from gateway.messages import ENDING_S, MESSAGES_A_DAY, OVER_S, Due, Quiet, What, about_of, due, says_over
from gateway.services.model import Finding, Service, Story
from gateway.telling import Telling
from gateway.way import Form, Kind, Way

PARIS = ZoneInfo("Europe/Paris")
DAY = 86_400


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=PARIS).timestamp())


NOON = at("2026-11-25T12:00")  # a Wednesday
NIGHT = at("2026-11-25T23:30")


def grant(
    about: tuple[str, ...] = ("leak", "frost", "week"), form: Form = Form.WORDS, start: int = NOON - DAY
) -> Grant:
    way = Way(Kind.MAIL, "smtps://mail.example.org", "ada@example.org", form, to=("ada@example.org",))
    telling = Telling(about, "fr", "http://192.0.2.1:8080")
    return Grant(
        "00", By("", ""), "Moi", "moi", "être prévenue", (), Resolution.RAW, 0, start, start + 365 * DAY, False,
        way=way, telling=telling,
    )  # fmt: skip


def story(id_: int = 7, rank: int = 0, service: Service = Service.LEAK, raised_at: int = NOON - 60) -> Story:
    return Story(id_, Finding(service, "eau", "x", raised_at, {}, rank), raised_at, found_at=NOON, worst=rank)


def asked(
    stories: Collection[Story], now: int = NOON, done: dict[str, int | None] | None = None, **changed: object
) -> list[Due]:
    values: dict[str, object] = {
        "grant": grant(), "tried": {}, "looked": list(Service), "quiet": Quiet(), "zone": PARIS, **changed,
    }  # fmt: skip
    return due(stories=stories, done=done or {}, now=now, **values)  # type: ignore[arg-type]


def names(found: Collection[Due]) -> list[str]:
    return [one.name for one in found]


def test_an_event_is_told_once_and_once_more_where_it_grows_worse() -> None:
    done: dict[str, int | None] = {}
    (one,) = asked([story()])
    assert (one.name, one.what, one.about, one.urgent) == ("leak-7-0", What.RAISED, "leak", False)
    done[one.name] = None
    assert names(asked([story()], done=done)) == ["leak-7-0"], "nobody knows whether it arrived: once more, by its name"
    done[one.name] = NOON
    assert asked([story()], NOON + 3 * DAY // 2, done) == []
    (worse,) = asked([story(rank=3)], NOON + 60, done)
    assert (worse.name, worse.what, worse.urgent) == ("leak-7-3", What.WORSE, True)
    done[worse.name] = NOON + 60
    assert asked([replace(story(rank=1), worst=3)], NOON + 120, done) == []


def test_what_a_person_has_seen_or_put_off_is_not_sent_after_them() -> None:
    assert asked([replace(story(), seen_at=NOON)]) == []
    put_off = replace(story(), snoozed_until=NOON + 3600)
    assert asked([put_off]) == []
    (again,) = asked([put_off], NOON + 3601)
    assert (again.name, again.what) == ("leak-7-0", What.RAISED), "nobody was told yet"
    done: dict[str, int | None] = {"leak-7-0": NOON}
    (again,) = asked([put_off], NOON + 3601, done)
    assert again.what is What.AGAIN
    assert asked([put_off], NOON + 3602, {**done, again.name: NOON + 3601}) == []


def test_what_was_seen_and_then_put_off_is_told_when_that_is_over() -> None:
    put_off = replace(story(), seen_at=NOON - 30, snoozed_until=NOON)
    (again,) = asked([put_off], NOON + 1, {"leak-7-0": NOON - 60})
    assert again.what is What.AGAIN
    assert asked([replace(put_off, seen_at=NOON)], NOON + 1, {"leak-7-0": NOON - 60}) == []


def test_what_was_told_first_when_it_was_no_longer_put_off_is_told_once() -> None:
    put_off = replace(story(), snoozed_until=NOON)
    assert names(asked([put_off], NOON + 5)) == ["leak-7-0"]
    assert asked([put_off], NOON + 20, {"leak-7-0": NOON + 5}) == []


def test_what_is_open_again_after_a_person_was_told_that_it_is_over_is_told_again() -> None:
    over = NOON + SAME_S
    done: dict[str, int | None] = {"leak-7-0": NOON - 60, "leak-7-over": over}
    again = story()  # found late: it began within a day after it was over
    (said,) = asked([again], over + 3600, done)
    assert (said.what, about_of(said.name), said.name in done) == (What.RAISED, "leak", False)
    assert names(asked([replace(again, seen_at=NOON)], over + 3600, done)) == [said.name], "seen before it was over"
    assert asked([replace(again, seen_at=over + 60)], over + 3600, done) == []
    done[said.name] = over + 3600
    assert asked([again], over + 3601, done) == []
    solved = replace(again, solved_at=over + 7200)
    (end,) = asked([solved], over + 7200 + SAME_S, done)
    assert says_over(end.name)
    done[end.name] = over + 7200 + SAME_S
    assert asked([solved], over + 7201 + SAME_S, done) == []


def test_that_it_is_over_is_said_to_who_was_told_and_once_it_can_no_longer_begin_again() -> None:
    over = replace(story(), solved_at=NOON)
    done: dict[str, int | None] = {"leak-7-0": NOON - 60}
    assert asked([over], NOON + SAME_S - 1, done) == []
    (said,) = asked([over], NOON + SAME_S, done)
    assert (said.what, says_over(said.name), about_of(said.name)) == (What.OVER, True, "leak")
    assert asked([over], NOON + SAME_S, {}) == [], "who was never told of it"
    assert asked([over], NOON + SAME_S, {"leak-7-0": None}) == [], "nor who may not have been"
    assert asked([over], NOON + SAME_S, {"leak-71-0": NOON}) == [], "nor who was told of another one"
    assert asked([over], NOON + OVER_S, done) == []
    assert asked([over], NOON + SAME_S, {**done, said.name: NOON + SAME_S}) == []


def test_over_use_that_gave_way_to_a_leak_is_not_said_to_be_over() -> None:
    over_use = replace(story(3, service=Service.HABIT), solved_at=NOON - SAME_S)
    leak = story(7, rank=1)
    about = {"grant": grant(("leak", "habit")), "done": {"habit-3-0": NOON - DAY, "leak-7-1": NOON - DAY}}
    assert asked([over_use, leak], **about) == []  # type: ignore[arg-type]
    assert names(asked([over_use, replace(leak, solved_at=NOON - 60)], **about)) == ["habit-3-over"]  # type: ignore[arg-type]


def test_at_night_only_what_cannot_wait_is_told_and_the_rest_in_the_morning() -> None:
    drip, burst = story(1), story(2, rank=3)
    cold = story(3, rank=1, service=Service.FROST)
    assert names(asked([drip, burst, cold], NIGHT)) == ["leak-2-3", "frost-3-1"]
    morning = at("2026-11-26T07:00")
    assert names(asked([drip, burst, cold], morning - 60)) == ["leak-2-3", "frost-3-1"]
    assert names(asked([drip, burst, cold], morning)) == ["leak-2-3", "frost-3-1", "leak-1-0"], "the urgent first"
    assert len(asked([drip, burst, cold], NIGHT, quiet=Quiet(0, 0))) == 3, "none are quiet"


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 1439))
def test_quiet_hours_are_those_between_two_times_of_the_kitchen_clock(start: int, end: int, minute: int) -> None:
    quiet = Quiet(start, end)
    now = at(f"2026-11-25T{minute // 60:02}:{minute % 60:02}")
    passed = [(start + each) % 1440 for each in range((end - start) % 1440)]
    assert quiet.holds(PARIS, now) is (minute in passed)


def test_a_service_that_was_not_asked_for_or_has_not_looked_yet_tells_nothing() -> None:
    assert asked([story()], grant=grant(("frost",))) == []
    assert asked([story()], looked=[Service.FROST]) == []


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ("2026-11-30T07:59", False), ("2026-11-30T08:00", True), ("2026-12-01T21:59", True), ("2026-12-02T08:00", False),
        ("2026-11-29T20:00", False),
    ],
)  # fmt: skip
def test_a_week_is_told_on_the_monday_after_it(now: str, told: bool) -> None:
    found = asked([], at(now))
    assert names(found) == (["week-2026-11-23"] if told else [])
    assert asked([], at(now), {"week-2026-11-23": 1}) == []
    assert asked([], at(now), grant=grant(form=Form.NOTICE)) == [], "there is nothing to say of it without words"
    assert asked([], at(now), grant=grant(("leak",))) == []


def test_a_week_is_not_told_under_what_was_given_after_it() -> None:
    monday = at("2026-11-30T10:00")
    assert asked([], monday, grant=grant(start=at("2026-11-30T09:00"))) == []


def test_a_grant_says_itself_that_it_ends() -> None:
    given = grant(("leak",))
    assert asked([], given.until - ENDING_S - 1, grant=given) == []
    assert names(asked([], given.until - ENDING_S, grant=given)) == ["ending"]
    assert asked([], given.until - 60, {"ending": 1}, grant=given) == []
    short = replace(given, until=given.start + 30 * DAY)
    assert asked([], short.until - 60, grant=short) == []


def test_a_day_brings_no_more_than_so_many() -> None:
    stories = [story(number) for number in range(30)]
    first = asked(stories)
    assert len(first) == MESSAGES_A_DAY
    done: dict[str, int | None] = {one.name: NOON for one in first}
    assert asked(stories, NOON + 3600, done) == []
    assert len(asked(stories, NOON + DAY, done)) == MESSAGES_A_DAY
    for urgent in (story(99, rank=3), story(99, rank=1, service=Service.FROST)):
        assert [one.urgent for one in asked([*stories, urgent], NOON + 60, done)] == [True], "never kept waiting"
    ahead: dict[str, int | None] = {one.name: NOON + 365 * DAY for one in first}
    assert len(asked(stories, done=ahead)) == MESSAGES_A_DAY, "nor by what a clock that was ahead has told"
    trials: dict[str, int | None] = {f"trial-{number}": NOON for number in range(30)}
    assert len(asked(stories, done=trials)) == MESSAGES_A_DAY, "who tries out is not kept waiting by that"


def test_one_that_is_refused_for_ever_keeps_no_other_waiting() -> None:
    stories = [story(1), story(2), story(3, rank=3)]
    assert names(asked(stories)) == ["leak-3-3", "leak-1-0", "leak-2-0"]
    assert names(asked(stories, tried={"leak-3-3": 1})) == ["leak-1-0", "leak-2-0", "leak-3-3"]
    assert names(asked(stories, tried={"leak-3-3": 1, "leak-1-0": 2, "leak-2-0": 3})) == names(asked(stories))
    done: dict[str, int | None] = {f"leak-{number}-0": NOON for number in range(10, 9 + MESSAGES_A_DAY)}
    assert names(asked([story(1), story(2)], done=done, tried={"leak-1-0": 1})) == ["leak-2-0"], "of the last for today"
