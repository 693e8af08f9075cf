"""What cannot be is named and counted, and the rest is served."""

from __future__ import annotations

import sqlite3
import time

import pytest

from drivers.model import Quantity
from gateway.model import EARLIEST, Point, SeriesKey
from gateway.store import StoreError

from .conftest import INDEX, LEVEL, NOW, House, index, level

DAY, YEAR = 86_400, 365 * 86_400
IN_1970, IN_2100 = 3_600, 4_102_444_800
NOBODY = SeriesKey("cave", "none")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 2**63, -(2**63) - 1, 2**200])
def test_a_number_that_no_meter_says_is_refused_and_the_rest_is_taken(house: House, value: int) -> None:
    bad = Point(LEVEL, Quantity.APPARENT_POWER, NOW, value)
    house.store.add([level(NOW - 1, 5), bad, level(NOW + 1, 7)])
    points = house.store.points(LEVEL, 0, NOW + DAY)
    assert points is not None
    assert list(zip(points.at, points.value, strict=True)) == [(NOW - 1, 5), (NOW + 1, 7)]
    assert house.store.counts.refused == 1
    reopened = house.reopen().points(LEVEL, 0, NOW + DAY)
    assert reopened == points


@pytest.mark.parametrize("at", [0, IN_1970, EARLIEST - 1, NOW + DAY + 1, IN_2100, 2**63])
def test_a_point_of_1970_or_of_2100_is_refused_and_the_rest_is_taken(house: House, at: int) -> None:
    house.store.add([index(NOW - 1, 5), index(at, 6), index(NOW, 7)])
    points = house.store.points(INDEX, 0, 1 << 40)
    assert points is not None
    assert points.at.tolist() == [NOW - 1, NOW]
    assert house.store.counts.refused == 1
    assert house.store.latest(INDEX) == index(NOW, 7)


def test_what_was_taken_comes_back_even_when_the_box_wakes_in_the_past(house: House) -> None:
    house.store.add([index(NOW, 5)])
    tail = (house.folder / "tail").read_bytes()
    house.store.close()
    for name in ("series.db", "series.db-wal"):
        (house.folder / name).unlink(missing_ok=True)
    (house.folder / "tail").write_bytes(tail)
    house.now = NOW - 30 * DAY
    assert house.open().latest(INDEX) == index(NOW, 5)


@pytest.mark.parametrize(
    ("ats", "values", "says"),
    [
        ([NOW - DAY, NOW], [1, 2**63], "64 bits"),
        ([NOW - DAY, NOW], [1, float("nan")], "64 bits"),
        ([NOW - DAY, NOW], [1, float("inf")], "64 bits"),
        ([NOW - DAY, NOW], [1, 10**17], "numbers up to"),
        ([IN_1970, NOW], [1, 2], f"not {IN_1970}"),
        ([NOW, IN_2100], [1, 2], f"not {IN_2100}"),
        ([NOW, 2**63], [1, 2], "64 bits"),
    ],
)
def test_an_import_of_what_cannot_be_names_it_and_changes_nothing(
    house: House, ats: list[int], values: list[int], says: str
) -> None:
    house.store.add([index(NOW - 5, 5)])
    with pytest.raises(StoreError, match=says) as refused:
        house.store.bulk(INDEX, Quantity.ENERGY, 0, True, ats, values)
    assert str(INDEX) in str(refused.value)
    points = house.store.points(INDEX, 0, 1 << 40)
    assert points is not None
    assert points.value.tolist() == [5]


@pytest.mark.parametrize(
    ("at", "old_final", "exponent", "says"),
    [
        (NOW, 2**63, 0, "numbers up to"),
        (NOW, 5, 40, "numbers up to"),
        (IN_1970, 5, 0, "times"),
        (IN_2100, 5, 0, "times"),
    ],
)
def test_an_exchange_that_cannot_be_is_named(house: House, at: int, old_final: int, exponent: int, says: str) -> None:
    house.store.add([index(NOW, 5)])
    with pytest.raises(StoreError, match=says):
        house.store.swap(INDEX, at, old_final, 0, exponent)
    assert house.store.events(INDEX) == ()


def test_a_series_that_is_not_there_is_unknown_to_every_question(house: House) -> None:
    assert house.store.latest(NOBODY) is None
    assert house.store.points(NOBODY, 0, NOW) is None
    assert house.store.curve(NOBODY, NOW - 1000 * YEAR, NOW) is None
    assert house.store.events(NOBODY) == ()
    assert [each.value for each in house.store.consumption(NOBODY, [0, NOW])] == [None]
    (indexes,) = house.store.at_bounds([NOBODY], [NOW])
    assert indexes.values == (None,)
    assert house.store.erase([NOBODY], 0, NOW) == 0
    with pytest.raises(StoreError, match="cave:none:0"):
        house.store.swap(NOBODY, NOW, 1, 0, 0)
    assert not house.store.undo(77)


def test_a_question_over_a_thousand_years_is_answered_with_what_there_is(house: House) -> None:
    ats = range(NOW - 400 * DAY, NOW, 3600)
    house.store.bulk(INDEX, Quantity.ENERGY, 0, True, ats, range(len(ats)))
    house.store.bulk(LEVEL, Quantity.APPARENT_POWER, 0, False, ats, range(len(ats)))
    start, end = NOW - 500 * YEAR, NOW + 500 * YEAR
    for key in (INDEX, LEVEL):
        curve = house.store.curve(key, start, end, 500)
        assert curve is not None
        assert sum(curve.n) == len(ats)
        assert len(curve.at) <= 3
    bounds = range(start, end, 100 * DAY)
    amounts = house.store.consumption(INDEX, bounds)
    assert len(amounts) == len(bounds) - 1
    assert sum(each.value or 0 for each in amounts) == len(ats) - 1
    (indexes,) = house.store.at_bounds([INDEX], bounds)
    known = [value for value in indexes.values if value is not None]
    assert known == [0, 2400, 4800, 7200, len(ats) - 1]


def test_one_flipped_bit_is_one_day_of_one_series_and_is_counted_once(house: House) -> None:
    ats = range((NOW - 40 * DAY) // DAY * DAY, NOW - 10 * DAY, 600)
    for key, quantity in ((INDEX, Quantity.ENERGY), (LEVEL, Quantity.APPARENT_POWER)):
        house.store.bulk(key, quantity, 0, True, ats, range(len(ats)))
    whole = {key: house.store.points(key, 0, NOW) for key in (INDEX, LEVEL)}
    total = house.store.consumption(INDEX, [ats[0], ats[-1]])
    house.store.close()
    day = ats[0] // DAY + 7
    with sqlite3.connect(house.folder / "series.db") as database:
        (blob,) = database.execute("SELECT b FROM chunk WHERE series=1 AND day=?", (day,)).fetchone()
        harmed = bytearray(blob)
        harmed[len(harmed) // 2] ^= 4
        database.execute("UPDATE chunk SET b=? WHERE series=1 AND day=?", (bytes(harmed), day))
    database.close()
    store = house.open()
    for _ in range(3):
        index_points, level_points = store.points(INDEX, 0, NOW), store.points(LEVEL, 0, NOW)
        assert level_points == whole[LEVEL]
        assert index_points is not None
        assert index_points.at.tolist() == [at for at in ats if at // DAY != day]
        assert store.counts.damaged == 1
    assert store.consumption(INDEX, [ats[0], ats[-1]]) == total
    (fault,) = store.check().faults
    assert str(INDEX) in fault
    assert time.strftime("%Y-%m-%d", time.gmtime(day * DAY)) in fault
