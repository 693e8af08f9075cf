"""Days that take more than such days do here are found once, and nothing else is: gaps, holidays, cold, noise, swaps of habit."""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.services.days_off import easter, is_feast, is_off
from gateway.services.habit import HABIT_DAYS, Day, find
from gateway.services.model import Finding

PARIS = ZoneInfo("Europe/Paris")
FIRST = date(2025, 2, 3)  # a Monday
Amount = Callable[[date], float | None]
Weather = Callable[[date], float | None]


def midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=PARIS).timestamp())


def days_of(count: int, taken: Amount, outside: Weather = lambda day: None, first: date = FIRST) -> list[Day]:
    dates = [first + timedelta(number) for number in range(count + 1)]
    return [
        Day(
            midnight(day),
            midnight(after),
            is_off(day, "Europe/Paris"),
            taken(day),
            outside(day),
            is_feast(day, "Europe/Paris"),
        )
        for day, after in pairwise(dates)
    ]


def lived_in(seed: int = 1, wh: float = 8000.0, weekend: float = 1.3, noise: float = 0.12) -> Amount:
    def taken(day: date) -> float:
        free = is_off(day, "Europe/Paris")
        return wh * (weekend if free else 1.0) * math.exp(Random(f"{seed} {day}").gauss(0, noise))

    return taken


def with_more(taken: Amount, more: float, since: date, until: date = date(2099, 1, 1)) -> Amount:
    def said(day: date) -> float | None:
        amount = taken(day)
        return None if amount is None else amount + (more if since <= day < until else 0.0)

    return said


def told_of(days: Sequence[Day], start: int = 1) -> list[tuple[date, Finding | None]]:
    """What is told at the end of each day; the date is that of the day it was found after."""
    said: list[tuple[date, Finding | None]] = []
    told: Finding | None = None
    for number in range(start, len(days) + 1):
        told = find("maison", "electricity_wh", 1000.0, days[:number], told)
        said.append((datetime.fromtimestamp(days[number - 1].start, PARIS).date(), told))
    return said


def raised(said: Iterable[tuple[date, Finding | None]]) -> list[tuple[date, Finding]]:
    found, before = [], None
    for day, finding in said:
        if finding is not None and before is None:
            found.append((day, finding))
        before = finding
    return found


def local(at: int) -> date:
    return datetime.fromtimestamp(at, PARIS).date()


# A day in spring, when the home has been known for nine weeks.
SINCE = FIRST + timedelta(66)


def test_a_heater_that_was_forgotten_is_told_within_days_with_both_figures() -> None:
    days = days_of(90, with_more(lived_in(), 8000, SINCE))
    ((day, one), *more) = raised(told_of(days[:80], 40))
    assert more == []
    assert day - SINCE < timedelta(7)
    assert abs(local(one.since) - SINCE) <= timedelta(1)
    assert one.grounds["electricity_wh_per_day"] > 1.25 * one.grounds["usual_electricity_wh_per_day"]
    last = told_of(days[:80], 40)[-1][1]
    assert last is not None
    assert (last.since, last.kind) == (one.since, "more")
    assert last.grounds["electricity_wh_per_day"] - last.grounds["usual_electricity_wh_per_day"] == pytest.approx(
        8000, rel=0.1
    )
    assert last.at == days[79].end


def test_twice_as_much_is_much_more_and_is_told_after_three_days() -> None:
    said = told_of(days_of(75, with_more(lived_in(), 25_000, SINCE)), 60)
    ((day, one),) = raised(said)
    assert day - SINCE <= timedelta(3)
    assert (one.kind, one.rank) == ("much more", 1)


def test_it_is_over_by_itself_when_days_are_usual_again() -> None:
    until = SINCE + timedelta(12)
    said = told_of(days_of(90, with_more(lived_in(), 8000, SINCE, until)), 40)
    assert len(raised(said)) == 1
    ended = next(day for day, finding in said if finding is None and day > until)
    assert ended <= until + timedelta(3)
    assert all(finding is None for day, finding in said if day >= ended)


def test_what_lasts_four_weeks_is_a_habit_and_is_not_told_again() -> None:
    said = told_of(days_of(160, with_more(lived_in(), 8000, SINCE)), 40)
    ((_, one),) = raised(said)
    last = max(day for day, finding in said if finding is not None)
    assert timedelta(HABIT_DAYS - 2) <= last - local(one.since) <= timedelta(HABIT_DAYS)


@pytest.mark.parametrize("seed", range(8))
def test_a_home_that_lives_on_is_told_nothing(seed: int) -> None:
    assert raised(told_of(days_of(200, lived_in(seed, noise=0.25)), 20)) == []


def test_weekends_and_public_holidays_are_compared_with_their_like() -> None:
    calm = lived_in(weekend=2.2, noise=0.03)
    # The week of 1 May with a bridge, that of 8 May, Ascension Day.
    assert raised(told_of(days_of(130, calm), 40)) == []


def test_who_comes_back_from_holidays_takes_no_more_than_before_them() -> None:
    taken = lived_in()

    def away(day: date) -> float | None:
        gone = SINCE <= day < SINCE + timedelta(24)
        return 1500.0 if gone else taken(day)

    assert raised(told_of(days_of(130, away), 40)) == []


def test_a_history_of_less_than_five_weeks_says_nothing() -> None:
    more = FIRST + timedelta(20)
    assert raised(told_of(days_of(34, with_more(lived_in(), 30_000, more)))) == []
    assert raised(told_of(days_of(0, lived_in()))) == []
    assert find("maison", "electricity_wh", 1000.0, [], None) is None


def test_days_that_nobody_knows_are_never_odd_and_end_nothing() -> None:
    taken = with_more(lived_in(), 8000, SINCE)

    def gaps(day: date) -> float | None:
        return None if day.toordinal() % 2 == 0 else taken(day)

    assert raised(told_of(days_of(80, gaps), 40)) == [], "four of seven days are too few"
    days = days_of(78, taken)
    told = told_of(days, 40)[-1][1]
    assert told is not None
    silent = [*days, *days_of(3, lambda day: None, first=FIRST + timedelta(78))]
    assert find("maison", "electricity_wh", 1000.0, silent, told) is told


def test_a_day_that_makes_up_for_a_gap_is_no_habit_and_no_over_use() -> None:
    """A meter that was silent for a week, and whose index then is booked in one day."""
    taken = lived_in()

    def booked(day: date) -> float | None:
        if SINCE <= day < SINCE + timedelta(6):
            return 0.0
        return 60_000.0 if day == SINCE + timedelta(6) else taken(day)

    assert raised(told_of(days_of(110, booked), 40)) == []


def test_one_reading_a_month_says_nothing() -> None:
    def monthly(day: date) -> float:
        return 250_000.0 if day.day == 3 else 0.0

    assert raised(told_of(days_of(200, monthly), 20)) == []


def test_a_meter_that_counts_in_large_steps_is_not_judged_by_one_of_them() -> None:
    def coarse(day: date) -> float:
        return 100_000.0 if day.toordinal() % 11 == 0 else 0.0

    assert raised(told_of(days_of(200, coarse), 20)) == []


def test_days_of_23_and_25_hours_are_days() -> None:
    even = lived_in(weekend=1.0, noise=0.0)

    def by_the_hour(day: date) -> float | None:
        amount = even(day)
        assert amount is not None
        return amount * (midnight(day + timedelta(1)) - midnight(day)) / 86_400

    days = days_of(300, by_the_hour)
    assert {(day.end - day.start) // 3600 for day in days} == {23, 24, 25}
    assert raised(told_of(days, 40)) == []
    assert {round(day.per_day) for day in days} == {8000}


def test_guests_at_christmas_are_no_wonder() -> None:
    first = date(2025, 10, 6)
    christmas = date(2025, 12, 23)
    taken = with_more(lived_in(), 12_000, christmas, christmas + timedelta(9))
    winter = days_of(100, taken, lambda day: 12.0, first)
    assert raised(told_of(winter, 60)) == []
    ordinary = [Day(each.start, each.end, each.is_off, each.taken, each.degrees_c) for each in winter]
    assert raised(told_of(ordinary, 60)), "at another time they are told"


# -- the weather outside ------------------------------------------------------------------------------------------------


def season(seed: int = 1) -> Weather:
    """Degrees of a year, with spells."""

    def outside(day: date) -> float:
        number = day.timetuple().tm_yday
        spell = 3 * math.sin(day.toordinal() / 6) + Random(f"{seed} {day}").gauss(0, 1)
        return 12 - 8 * math.cos(2 * math.pi * (number - 15) / 365.25) + spell

    return outside


def heated(outside: Weather, seed: int = 1, wh_per_degree: float = 3000.0) -> Amount:
    taken = lived_in(seed)

    def said(day: date) -> float | None:
        degrees_c, amount = outside(day), taken(day)
        assert degrees_c is not None
        assert amount is not None
        return amount + wh_per_degree * max(0.0, 16 - degrees_c)

    return said


def cold_spell(outside: Weather, first: date, days: int, colder: float) -> Weather:
    def said(day: date) -> float | None:
        degrees_c = outside(day)
        assert degrees_c is not None
        return degrees_c - (colder if first <= day < first + timedelta(days) else 0.0)

    return said


SPELL = date(2026, 1, 20)


def test_a_cold_spell_is_no_over_use_where_a_thermometer_says_it() -> None:
    outside = cold_spell(season(), SPELL, 10, 7)
    days = days_of(380, heated(outside), outside)
    assert raised(told_of(days, 320)) == []


@pytest.mark.parametrize("more_per_degree", [1500.0])
def test_a_valve_that_no_longer_closes_is_told_in_winter(more_per_degree: float) -> None:
    outside = season()
    usual, worse = heated(outside), heated(outside, wh_per_degree=3000 + more_per_degree)

    def taken(day: date) -> float | None:
        return worse(day) if day >= SPELL else usual(day)

    ((day, one), *_) = raised(told_of(days_of(380, taken, outside), 330))
    assert SPELL < day <= SPELL + timedelta(10)
    assert one.grounds["electricity_wh_per_degree"] == pytest.approx(3000, rel=0.15)
    assert "degrees_c" in one.grounds


def test_weather_that_was_never_seen_is_not_judged() -> None:
    warm = date(2025, 6, 2)
    outside = season()
    days = days_of(170, heated(outside), outside, warm)
    assert raised(told_of(days, 30)) == [], "the first autumn"


@pytest.mark.parametrize("first", [date(2025, 5, 5), date(2025, 7, 7)])
def test_without_a_thermometer_the_first_autumn_and_winter_say_nothing_of_the_cold(first: date) -> None:
    outside = season()
    days = days_of(260, heated(outside), first=first)
    assert raised(told_of(days, 40)) == []


def test_a_thermometer_that_is_silent_is_as_none() -> None:
    outside = season()
    days = days_of(
        400, with_more(lived_in(), 8000, SPELL), lambda day: outside(day) if day < date(2025, 12, 1) else None
    )
    said = told_of(days, 330)
    ((_, one),) = raised(said)
    assert "degrees_c" not in one.grounds


# -- days off -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("year", "day"),
    [(2024, (3, 31)), (2025, (4, 20)), (2026, (4, 5)), (2027, (3, 28)), (2038, (4, 25)), (2285, (3, 22))],
)
def test_easter(year: int, day: tuple[int, int]) -> None:
    assert easter(year) == date(year, *day)


def test_public_holidays_are_of_a_country_that_is_known() -> None:
    for day in (
        date(2026, 1, 1),
        date(2026, 4, 6),
        date(2026, 5, 1),
        date(2026, 5, 14),
        date(2026, 5, 25),
        date(2026, 7, 14),
    ):
        assert day.weekday() < 5
        assert is_off(day, "Europe/Paris")
        assert not is_off(day, "America/New_York")
    assert not is_off(date(2026, 4, 3), "Europe/Paris"), "Good Friday is one in Alsace and Moselle alone"
    assert is_off(date(2026, 11, 28), "America/New_York")
    assert not is_feast(date(2026, 12, 25), "America/New_York")


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.floats(0, 1e7), st.just(0.0)),
            st.one_of(st.none(), st.floats(-40, 50)),
            st.booleans(),
        ),
        max_size=120,
    )
)
def test_no_history_whatever_is_too_odd(rows: list[tuple[float | None, float | None, bool]]) -> None:
    days = [
        Day(number * 86_400, (number + 1) * 86_400, is_off, taken, degrees_c)
        for number, (taken, degrees_c, is_off) in enumerate(rows)
    ]
    found = find("maison", "electricity_wh", 1000.0, days, None)
    if found is not None:
        assert all(math.isfinite(figure) for figure in found.grounds.values())
        assert found.grounds["electricity_wh_per_day"] > found.grounds["usual_electricity_wh_per_day"] >= 0
        assert find("maison", "electricity_wh", 1000.0, days, found) is not None
