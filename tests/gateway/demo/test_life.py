from datetime import UTC, date, datetime, timedelta

import pytest

from gateway.demo import meters
from gateway.demo.life import DAY_S, HISTORY_DAYS, PARIS, SLOT_S, SLOTS, Life, Stream, local_time, off_peak

TODAY = (date(2026, 11, 20) - date(1970, 1, 1)).days
START = TODAY - HISTORY_DAYS
NOW = TODAY * DAY_S + 12 * 3600


@pytest.fixture(scope="module")
def life() -> Life:
    return Life(1, START)


def of_days(life: Life, stream: Stream, first: int, days: int) -> int:
    return life.total(stream, first + days * DAY_S) - life.total(stream, first)


def test_the_same_seed_and_day_give_the_same_house_and_another_seed_another_one(life: Life) -> None:
    again, other = Life(1, START), Life(2, START)
    for stream in Stream:
        assert again.total(stream, NOW) == life.total(stream, NOW) != other.total(stream, NOW)


def test_what_was_asked_before_does_not_change_the_answer(life: Life) -> None:
    asked_late = Life(1, START)
    assert asked_late.total(Stream.GAS, NOW + 3 * DAY_S + 17.3) == life.total(Stream.GAS, NOW + 3 * DAY_S + 17.3)


def test_a_year_is_that_of_two_people(life: Life) -> None:
    year = {stream: of_days(life, stream, life.start, 365) for stream in Stream}
    assert 1_800_000 < year[Stream.HOUSEHOLD] < 4_000_000  # Wh
    assert 1_500_000 < year[Stream.HEAT_PUMP] < 4_500_000
    assert 200_000 < year[Stream.WORKSHOP] < 900_000
    assert 60_000_000 < year[Stream.COLD_WATER] < 110_000_000  # mL
    assert 15_000_000 < year[Stream.HOT_WATER] < 40_000_000
    assert 600_000 < year[Stream.RADIATOR] < 2_500_000  # thousandths of a unit


@pytest.mark.parametrize("stream", list(Stream))
def test_an_index_never_falls_and_meets_the_half_hours(life: Life, stream: Stream) -> None:
    first = life.start + 40 * DAY_S
    seen = [life.total(stream, first + second) for second in range(0, 2 * SLOT_S + 1, 7)]
    assert seen == sorted(seen)
    assert life.total(stream, first + SLOT_S) - life.total(stream, first) == life.amount(stream, first)
    assert life.total(stream, first + SLOT_S - 0.001) <= life.total(stream, first + SLOT_S)


@pytest.mark.parametrize("stream", [Stream.HOUSEHOLD, Stream.HEAT_PUMP, Stream.COLD_WATER])
def test_the_present_power_is_the_slope_of_the_index(life: Life, stream: Stream) -> None:
    first = NOW // SLOT_S * SLOT_S
    by_slope = sum(life.per_hour(stream, first + second) * 10 for second in range(0, SLOT_S, 10)) / 3600
    assert by_slope == pytest.approx(life.amount(stream, first), rel=0.02, abs=180)


def test_the_cheap_hours_are_at_night_by_local_time_summer_and_winter(life: Life) -> None:
    for day in (date(2026, 1, 15), date(2026, 7, 15)):
        assert off_peak(local_time(day, 22))
        assert off_peak(local_time(day, 6) - 1)
        assert not off_peak(local_time(day, 6))
        assert not off_peak(local_time(day, 22) - 1)
        night = local_time(day, 22)
        grown = life.total_off_peak(Stream.HOUSEHOLD, night + 8 * 3600) - life.total_off_peak(Stream.HOUSEHOLD, night)
        assert grown == life.total(Stream.HOUSEHOLD, night + 8 * 3600) - life.total(Stream.HOUSEHOLD, night)
        noon = local_time(day, 12)
        assert life.total_off_peak(Stream.HOUSEHOLD, noon) == life.total_off_peak(Stream.HOUSEHOLD, noon + 3599.5)


def test_the_two_tariffs_add_up_to_the_total_at_any_second(life: Life) -> None:
    for at in range(NOW, NOW + DAY_S, 4001):
        cheap, dear = meters.home_wh(life, at)
        assert cheap + dear == 14_528_643 + life.total(Stream.HOUSEHOLD, at) + life.total(Stream.HEAT_PUMP, at)


def test_nobody_draws_water_during_the_holiday(life: Life) -> None:
    happened = life.events
    assert datetime.fromtimestamp(happened.away_from, PARIS).date() == date(2026, 8, 3)
    days = (happened.away_until - happened.away_from) // DAY_S - 1
    assert days >= 12
    away = of_days(life, Stream.COLD_WATER, happened.away_from // DAY_S * DAY_S + DAY_S, days)
    assert away == 0
    assert of_days(life, Stream.HOUSEHOLD, happened.away_from // DAY_S * DAY_S + DAY_S, days) > 0


def test_the_leak_shows_as_a_night_without_a_dry_hour(life: Life) -> None:
    def quietest_l(day: int) -> float:
        night = (TODAY - day) * DAY_S + 3600
        return (
            min(
                life.total(Stream.COLD_WATER, at + 3600) - life.total(Stream.COLD_WATER, at)
                for at in range(night, night + 10_800, 1800)
            )
            / 1000
        )

    assert 10 <= quietest_l(1) <= 15
    assert 10 <= quietest_l(2) <= 15
    assert quietest_l(10) < 1


def test_radiators_are_cold_in_summer(life: Life) -> None:
    july = int(datetime(2026, 7, 1, tzinfo=UTC).timestamp())
    january = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    assert of_days(life, Stream.RADIATOR, july, 30) == 0
    assert of_days(life, Stream.RADIATOR, january, 30) > 50_000


def test_a_day_of_a_clock_change_is_lived_once() -> None:
    life = Life(1, START)
    for day in (date(2026, 3, 29), date(2026, 10, 25)):
        number = (day - date(1970, 1, 1)).days
        before = life.total(Stream.HOUSEHOLD, number * DAY_S)
        assert sum(life.amount(Stream.HOUSEHOLD, number * DAY_S + slot * SLOT_S) for slot in range(SLOTS)) == (
            life.total(Stream.HOUSEHOLD, (number + 1) * DAY_S) - before
        )


@pytest.mark.parametrize("today", [date(2027, 1, 1), date(2026, 8, 10), date(2026, 8, 18), date(2028, 2, 29)])
def test_whatever_the_day_the_house_has_a_past_with_all_its_events(today: date) -> None:
    start = (today - date(1970, 1, 1)).days - HISTORY_DAYS
    now = (start + HISTORY_DAYS) * DAY_S
    happened = Life(1, start).events
    assert start * DAY_S < happened.gap_from < happened.gap_until < happened.swap_at < happened.leak_from < now
    assert start * DAY_S < happened.away_from < happened.away_until < now
    assert happened.gap_until - happened.gap_from in {2 * DAY_S, 2 * DAY_S + 3600, 2 * DAY_S - 3600}
    assert (
        datetime.fromtimestamp(happened.away_from, PARIS).date() + timedelta(days=14)
        == datetime.fromtimestamp(happened.away_until, PARIS).date()
    )
