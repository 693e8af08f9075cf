"""The made-up homes: the same by number, their meters true to their water, their labels true to their leaks."""

import dataclasses
import random
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.homes import Home, home, homes
from bench.household.leaks import APART_S, Kind, Leak, leaked, leaks
from bench.household.meter import Meter, Troubles, registered
from bench.household.table import SHARES, table
from bench.household.use import live
from bench.household.water import Use, Water
from bench.household.year import DAY, HOUR, MINUTE, Span, days, school_holidays, weather

WHOLE = Meter(1.0, 0.0, 0.0, 1.0, 500.0, 600, 0, 0.0, 0.0, 0.0, False)
QUIET = Troubles((), (), ())
YEAR = Span(days(2025)[0].start, days(2025)[-1].end)


@pytest.fixture(scope="module")
def some() -> list[Home]:
    return list(homes(16))


def of(each: Home, meter: Meter = WHOLE, troubles: Troubles = QUIET) -> Home:
    return dataclasses.replace(each, meter=meter, troubles=troubles)


def leaking(found: tuple[Leak, ...], flushes: tuple[float, ...] = ()) -> list[float]:
    return list(leaked(random.Random(1), YEAR, found, flushes))


def test_the_same_number_is_the_same_home_whatever_else_is_made(some: list[Home]) -> None:
    again = home(7)
    assert again == some[7]
    assert again.readings() == some[7].readings()
    assert again.use != some[8].use
    assert again.use != home(7, year=2024).use


@pytest.mark.parametrize("resolution_l", [0.1, 1.0, 5.0, 10.0])
def test_the_index_of_a_meter_without_fault_is_all_that_passed(some: list[Home], resolution_l: float) -> None:
    for each in some[:2]:
        made = of(each, dataclasses.replace(WHOLE, resolution_l=resolution_l, phase_s=137))
        ats, indexes = made.readings()
        assert len(ats) == 365 * 144
        for at, index in zip(ats, indexes, strict=True):
            shown_l = index * resolution_l - 500
            assert -resolution_l - 0.001 <= shown_l - made.truth(YEAR.start, at) <= 0.001


def test_water_and_leaks_add_up(some: list[Home]) -> None:
    for each in some:
        passed = each.truth(each.year.start, each.year.end)
        assert passed == pytest.approx(sum(each.litres_by_use.values()) + sum(each.leaking))
        noon = each.days[100].start + 12 * HOUR + 17
        assert each.truth(each.year.start, noon) + each.truth(noon, each.year.end) == pytest.approx(passed)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.integers(0, YEAR.end - YEAR.start - DAY), st.floats(0.5, DAY), st.floats(0.001, 0.3))))
def test_what_is_poured_is_in_the_minutes(pours: list[tuple[int, float, float]]) -> None:
    water = Water(2025)
    for at, seconds, lps in pours:
        water.pour(Use.OTHER, YEAR.start + at, seconds, lps)
    assert sum(water.minutes) == pytest.approx(water.litres[Use.OTHER])
    assert min(water.minutes) >= 0


def test_labels_are_in_the_year_and_apart() -> None:
    found = [leaks(random.Random(number), YEAR, ()) for number in range(400)]
    assert {leak.kind for each in found for leak in each} == set(Kind)
    for each in found:
        assert all(YEAR.start <= leak.start < leak.end <= YEAR.end for leak in each)
        assert all(later.start - earlier.end > APART_S for earlier, later in pairwise(each))
        assert all(leak.end - leak.start >= HOUR for leak in each)
        assert all(250 <= leak.litres_per_hour <= 3000 for leak in each if leak.kind is Kind.BURST)
    assert 0.25 < sum(not each for each in found) / len(found) < 0.42


def test_a_burst_in_an_empty_home_runs_until_somebody_is_back() -> None:
    away = (Span(YEAR.start + 100 * DAY, YEAR.start + 121 * DAY),)
    found = [leak for number in range(900) for leak in leaks(random.Random(number), YEAR, away)]
    bursts = [leak for leak in found if leak.kind is Kind.BURST and leak.start in away[0]]
    assert bursts
    assert all(leak.end > away[0].end for leak in bursts)


@settings(deadline=None, max_examples=20)
@given(st.integers(DAY, 300 * DAY), st.integers(1, 60 * DAY), st.sampled_from([2.0, 10.0, 50.0, 900.0]))
def test_a_leak_runs_from_its_start_to_its_end_at_its_rate(start: int, length_s: int, rate: float) -> None:
    leak = Leak(Kind.TOILET, rate, YEAR.start + start, YEAR.start + start + length_s)
    minutes = leaking((leak,))
    assert sum(minutes) == pytest.approx(rate * length_s / HOUR, rel=0.15)
    first, last = start // MINUTE, (start + length_s) // MINUTE
    assert not any(minutes[:first])
    assert not any(minutes[last + 1 :])
    assert all(minutes[first + 1 : last])


def test_a_fitful_leak_runs_after_flushes_only_and_never_twice_at_a_time() -> None:
    leak = Leak(Kind.FITFUL, 50.0, YEAR.start + DAY, YEAR.start + 30 * DAY)
    flushes = [YEAR.start + number * 3 * HOUR for number in range(40, 200)]
    minutes = leaking((leak,), tuple(flushes))
    assert not any(minutes[: 40 * 3 * 60])
    assert 0 < sum(minutes) < 50 * 24 * 15
    assert max(minutes) <= 50 / 60 + 1e-9
    assert not any(leaking((leak,)))


def test_two_days_have_their_own_length() -> None:
    calendar = days(2025)
    lengths = {day.date: day.end - day.start for day in calendar}
    assert len(calendar) == 365
    assert lengths.pop(date(2025, 3, 30)) == 23 * HOUR
    assert lengths.pop(date(2025, 10, 26)) == 25 * HOUR
    assert set(lengths.values()) == {DAY}
    for day in calendar:
        assert day.at(24 * HOUR) == day.end
        assert day.at_winter_clock(2 * HOUR) % DAY == HOUR


def test_holidays_of_france_are_where_they_were() -> None:
    free = {day.date for day in days(2025) if day.public_holiday}
    assert {date(2025, 4, 21), date(2025, 5, 29), date(2025, 6, 9), date(2025, 8, 15)} < free
    assert len(free) == 11
    assert date(2024, 4, 1) in {day.date for day in days(2024) if day.public_holiday}
    assert date(2025, 2, 8) in school_holidays(2025, "B")
    assert date(2025, 2, 8) not in school_holidays(2025, "C")
    assert date(2025, 9, 1) not in school_holidays(2025, "A")


def test_an_empty_home_flushes_nothing(some: list[Home]) -> None:
    gone = Span(YEAR.start + 150 * DAY, YEAR.start + 171 * DAY)
    for each in some[:3]:
        sky = weather(random.Random(1), 2025, south=False)
        water = live(random.Random(1), each.household, 2025, (gone,), sky)
        inside = [at for at in water.flushes if at in gone and at > gone.start + 12 * HOUR]
        assert water.flushes
        assert not inside


def test_a_meter_counts_nothing_below_its_starting_flow(some: list[Home]) -> None:
    slow = dataclasses.replace(WHOLE, start_lph=4.0, q1_lph=20.0)
    minutes = some[0].use[:0]
    minutes.extend([2 / 60, 3.9 / 60, 10 / 60, 19.99 / 60, 30 / 60])
    counted = registered(slow, minutes)
    passed = [60 * (after - before) for before, after in pairwise(counted)]
    assert passed[:2] == [0, 0]
    assert 5 < passed[2] < 10
    assert passed[3:] == pytest.approx([19.99, 30], rel=0.001)


def test_the_index_runs_back_only_where_a_meter_shows_that_or_is_exchanged(some: list[Home]) -> None:
    each, swap = some[1], YEAR.start + 200 * DAY
    _, indexes = of(each).readings()
    assert all(later >= earlier for earlier, later in pairwise(indexes))
    _, indexes = of(each, dataclasses.replace(WHOLE, resolution_l=0.1, backward=True)).readings()
    back = [earlier - later for earlier, later in pairwise(indexes) if later < earlier]
    assert back
    assert max(back) <= 40
    ats, indexes = of(each, troubles=Troubles((), (swap,), ())).readings()
    steps = [(at, later) for at, (earlier, later) in zip(ats[1:], pairwise(indexes), strict=True) if later < earlier]
    assert [at for at, _ in steps] == [swap]
    assert steps[0][1] == 0
    assert indexes[-1] == int(each.truth(swap, ats[-1]) + 1e-6)


def test_what_is_not_heard_is_absent_and_what_stands_still_stays(some: list[Home]) -> None:
    gap, stuck = Span(YEAR.start + 10 * DAY, YEAR.start + 17 * DAY), Span(YEAR.start + 300 * DAY, YEAR.end)
    ats, indexes = of(some[2], troubles=Troubles((gap,), (), (stuck,))).readings()
    assert len(ats) == (365 - 7) * 144
    assert not any(at in gap for at in ats)
    assert len({index for at, index in zip(ats, indexes, strict=True) if at in stuck}) == 1
    ats, _ = of(some[2], dataclasses.replace(WHOLE, loss=0.3, jitter_s=10)).readings()
    assert 0.68 < len(ats) / (365 * 144) < 0.72
    assert all(later > earlier for earlier, later in pairwise(ats))


def test_people_draw_about_what_is_published(some: list[Home]) -> None:
    people = sum(len(each.household.people) for each in some)
    litres = {use: sum(each.litres_by_use[use] for each in some) for use in Use}
    whole = sum(litres.values())
    assert 100 < whole / people / 365 < 200
    for name, published, uses in SHARES:
        if published is not None:
            share = 100 * sum(litres[use] for use in uses) / whole
            assert 0.4 * published < share < 1.7 * published, name


def test_the_table_has_its_three_columns(some: list[Home]) -> None:
    lines = table(some[:2]).splitlines()
    assert all(line.startswith("| ") and line.count(" | ") == 2 for line in lines)
    assert any("litres a person a day" in line for line in lines)
