"""What an index grew by: gaps, local days, swaps."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest

from drivers.model import Quantity
from gateway.store import Consumption

from .conftest import INDEX, LEVEL, NOW, PARIS, House, index, level

DAY = 86_400
HOUR = 3_600


def midnight(day: date) -> int:
    return int(datetime.combine(day, time(), PARIS).timestamp())


def whole(*values: int) -> list[Consumption]:
    return [Consumption(value, 0, complete=True) for value in values]


@pytest.mark.parametrize("age_days", [0, 3, 400])
def test_a_bucket_inside_a_gap_is_unknown_and_the_span_over_it_is_known(house: House, age_days: int) -> None:
    start = (NOW - age_days * DAY) // HOUR * HOUR - 24 * HOUR
    ats = [at for at in range(start, start + 24 * HOUR + 1, 600) if not start + 5 * HOUR < at < start + 10 * HOUR]
    house.store.bulk(INDEX, Quantity.ENERGY, 0, True, ats, [(at - start) // 600 for at in ats])
    hours = house.store.consumption(INDEX, [start + i * HOUR for i in range(25)])
    assert hours[:5] == whole(6, 6, 6, 6, 6)
    assert hours[5:10] == [Consumption(None, 0, complete=False)] * 5
    assert hours[10:] == whole(*[6] * 14)
    assert house.store.consumption(INDEX, [start + 4 * HOUR, start + 11 * HOUR]) == whole(42)
    assert house.store.consumption(INDEX, [start, start + 24 * HOUR]) == whole(144)
    (indexes,) = house.store.at_bounds(
        [INDEX], [start - 1, start, start + 5 * HOUR, start + 7 * HOUR, start + 10 * HOUR]
    )
    assert indexes.values == (None, 0, 30, None, 60)
    # From before the gap into it: at least what was counted.
    assert house.store.consumption(INDEX, [start, start + 7 * HOUR]) == [Consumption(30, 0, complete=False)]


@pytest.mark.parametrize("age_days", [0, 3])
def test_nothing_consumed_over_a_gap_is_known_to_be_nothing(house: House, age_days: int) -> None:
    start = (NOW - age_days * DAY) // DAY * DAY - DAY
    house.store.bulk(INDEX, Quantity.ENERGY, 0, True, [start, start + 20 * HOUR], [7, 7])
    assert house.store.consumption(INDEX, [start + 3 * HOUR, start + 9 * HOUR]) == whole(0)


def test_bounds_off_the_hour_are_answered_from_the_points(house: House) -> None:
    start = NOW // DAY * DAY - 30 * DAY
    house.store.bulk(INDEX, Quantity.ENERGY, 0, True, range(start, start + DAY, 60), range(1440))
    bounds = [start + 90, start + 1800, start + 3599, start + 3661, start + 7200, start + 7230]
    (indexes,) = house.store.at_bounds([INDEX], bounds)
    assert indexes.values == (1, 30, 59, 61, 120, 120)


@pytest.mark.parametrize(("day", "hours"), [(date(2023, 3, 26), 23), (date(2023, 10, 29), 25), (date(2023, 6, 1), 24)])
def test_a_local_day_has_its_own_hours(house: House, day: date, hours: int) -> None:
    first = midnight(day - timedelta(days=2))
    ats = range(first, midnight(day + timedelta(days=2)) + 1, 60)
    house.store.bulk(INDEX, Quantity.ENERGY, 0, True, ats, range(len(ats)))
    bounds = [midnight(day + timedelta(days=i)) for i in range(-2, 3)]
    assert [item.value for item in house.store.consumption(INDEX, bounds)] == [1440, 1440, hours * 60, 1440]


def test_the_running_day_is_said_to_be_incomplete(house: House) -> None:
    start = NOW // DAY * DAY
    house.now = start + 10 * HOUR
    house.store.add([index(at, (at - start) // 60) for at in range(start - HOUR, house.now, 60)])
    assert house.store.consumption(INDEX, [start, start + DAY]) == [Consumption(599, 0, complete=False)]
    # The first day: what is known since the meter was met.
    assert house.store.consumption(INDEX, [start - DAY, start]) == [Consumption(60, 0, complete=False)]
    (indexes,) = house.store.at_bounds([INDEX], [start, house.now, start + DAY])
    assert indexes.values == (0, 599, None)


def test_an_index_that_ran_back_gives_no_consumption(house: House) -> None:
    start = NOW - 10 * HOUR
    house.store.add([index(start, 5000), index(start + HOUR, 10)])
    assert house.store.consumption(INDEX, [start, start + HOUR]) == [Consumption(None, 0, complete=False)]


def test_a_level_has_no_consumption(house: House) -> None:
    house.store.add([level(NOW, 5)])
    assert house.store.consumption(LEVEL, [NOW - 1, NOW]) == [Consumption(None, 0, complete=False)]


@pytest.mark.parametrize("age_days", [0, 30])
def test_consumption_counts_on_over_a_new_meter_and_undo_takes_it_back(house: House, age_days: int) -> None:
    start = (NOW - age_days * DAY) // HOUR * HOUR - 20 * HOUR
    swap = start + 5 * HOUR
    ats = range(start, start + 10 * HOUR + 1, 600)
    old = {at: 90_000 + (at - start) // 100 for at in ats if at < swap}
    new = {at: 3 + (at - swap) // 100 for at in ats if at >= swap}
    values = old | new
    house.store.bulk(INDEX, Quantity.ENERGY, 0, True, ats, [values[at] for at in ats])
    hours = [start + i * HOUR for i in range(11)]
    assert house.store.consumption(INDEX, [start, start + 10 * HOUR])[0].value is None
    event = house.store.swap(INDEX, swap, 90_000 + 180, 3, 0)
    assert house.store.consumption(INDEX, hours) == whole(*[36] * 10)
    assert house.store.consumption(INDEX, [start, start + 10 * HOUR]) == whole(360)
    curve = house.store.curve(INDEX, start, start + 10 * HOUR + 1, 5)
    assert curve is not None
    assert curve.last[-1] - curve.first[0] == 360
    assert sorted(curve.last) == list(curve.last)
    raw = house.store.points(INDEX, start, start + 11 * HOUR)
    assert raw is not None
    assert raw.value[-1] == 183
    house.reopen()
    assert house.store.events(INDEX) == (event,)
    assert house.store.consumption(INDEX, hours) == whole(*[36] * 10)
    assert house.store.undo(event.id)
    assert not house.store.undo(event.id)
    assert house.store.consumption(INDEX, [start, start + 10 * HOUR])[0].value is None
    (undone,) = house.reopen().events(INDEX)
    assert undone.undone_by is not None


def test_a_finer_meter_after_a_swap_counts_in_its_own_step(house: House) -> None:
    start = NOW - 10 * HOUR
    house.store.add([index(start, 12, 3), index(start + HOUR, 500, 0)])
    house.store.swap(INDEX, start + HOUR, 13, 499, 3)
    house.store.undo(1)
    house.store.swap(INDEX, start + HOUR, 13_000, 499, 0)
    assert house.store.consumption(INDEX, [start, start + HOUR]) == whole(1001)
