from __future__ import annotations

import random

import pytest

from drivers.model import Quantity

from .conftest import INDEX, LEVEL, NOW, House, everything, index, level

DAY = 86_400


@pytest.mark.parametrize("days", [1, 2, 10, 60, 400, 1500])
def test_every_tier_draws_the_same_points(house: House, days: int) -> None:
    rng = random.Random(days)
    end = NOW
    ats = range(end - days * DAY, end, max(600, days * 60))
    values = [rng.randrange(-300, 3000) for _ in ats]
    house.store.bulk(LEVEL, Quantity.POWER, 0, False, ats, values)
    start = end - days * DAY
    curve = house.store.curve(LEVEL, start, end, 37)
    assert curve is not None
    assert sum(curve.n) == len(ats)
    assert sum(curve.total) == sum(values)
    assert (min(curve.low), max(curve.high)) == (min(values), max(values))
    assert len(curve.at) <= 39
    for at, n, low, high, total in zip(curve.at, curve.n, curve.low, curve.high, curve.total, strict=True):
        part = [value for t, value in zip(ats, values, strict=True) if at <= t < at + curve.step_s]
        assert (n, low, high, total) == (len(part), min(part), max(part), sum(part))
    assert curve.mean.tolist() == [round(t / n + 1e-9) for t, n in zip(curve.total, curve.n, strict=True)]


def test_an_index_is_drawn_by_its_first_and_last(house: House) -> None:
    ats = range(NOW - 300 * DAY, NOW, 1800)
    house.store.bulk(INDEX, Quantity.ENERGY, 0, True, ats, range(len(ats)))
    curve = house.store.curve(INDEX, NOW - 300 * DAY, NOW, 50)
    assert curve is not None
    assert (curve.first[0], curve.last[-1]) == (0, len(ats) - 1)
    assert all(first == last + 1 for first, last in zip(curve.first[1:], curve.last, strict=False))


def test_few_points_are_drawn_as_they_are_and_a_gap_has_no_bucket(house: House) -> None:
    house.store.add([level(NOW - 7000, 5), level(NOW - 10, 9)])
    curve = house.store.curve(LEVEL, NOW - DAY, NOW, 100)
    assert curve is not None
    assert (curve.step_s, curve.at.tolist(), curve.mean.tolist()) == (0, [NOW - 7000, NOW - 10], [5, 9])
    house.store.add([level(NOW - i, 9) for i in range(200)])
    curve = house.store.curve(LEVEL, NOW - DAY, NOW, 100)
    assert curve is not None
    assert len(curve.at) == 2


@pytest.mark.parametrize("age_days", [0, 5])
def test_a_finer_point_makes_its_series_finer_everywhere(house: House, age_days: int) -> None:
    start = NOW - 100 * DAY
    house.store.bulk(LEVEL, Quantity.APPARENT_POWER, 0, False, range(start, start + 50 * DAY, 600), [21] * 7200)
    house.store.add([level(NOW - 3 * 3600, 20)])
    house.store.add([level(NOW - age_days * DAY - 60, 20_625, -3), level(NOW - age_days * DAY - 30, 2, 1)])
    before = everything(house.store)
    for _ in range(2):
        latest = house.store.latest(LEVEL)
        assert latest is not None
        assert latest.exponent == -3
        year = house.store.curve(LEVEL, NOW - 365 * DAY, NOW, 50)
        assert year is not None
        assert (year.exponent, max(year.high), year.low[0]) == (-3, 21_000, 21_000)
        points = house.store.points(LEVEL, 0, NOW)
        assert points is not None
        assert sorted(set(points.value)) == [20_000, 20_625, 21_000]
        assert everything(house.reopen()) == before


def test_an_absurd_number_is_refused_and_counted(house: House) -> None:
    house.store.add([level(NOW, 10**15), index(NOW, 10**17), level(NOW, 1, 30), level(NOW, 1)])
    house.store.add([level(NOW + 1, 1, -17)])
    assert house.store.counts.refused == 4
    assert house.store.latest(LEVEL) == level(NOW, 1)


def test_a_coarser_import_after_a_finer_point_is_scaled(house: House) -> None:
    house.store.add([level(NOW, 5, -2)])
    house.store.bulk(LEVEL, Quantity.APPARENT_POWER, 0, False, [NOW - 90 * DAY, NOW - 60], [3, 4])
    points = house.store.points(LEVEL, 0, NOW + 1)
    assert points is not None
    assert (points.exponent, points.value.tolist()) == (-2, [300, 400, 5])
    before = everything(house.store)
    assert everything(house.reopen()) == before
