from __future__ import annotations

import random
from array import array

from drivers.model import Quantity
from gateway.model import SeriesKey
from gateway.store import Imported

from .conftest import INDEX, LEVEL, NOW, House, everything, index, level

DAY = 86_400


def test_a_point_is_known_at_once_and_on_the_card_after_the_commit(house: House) -> None:
    house.store.add([index(NOW, 12_345), level(NOW, 640)])
    assert house.store.latest(INDEX) == index(NOW, 12_345)
    unsaved = house.store.oldest_unsaved
    assert unsaved == NOW
    assert (house.folder / "tail").stat().st_size > 0
    house.now += 30
    house.store.commit()
    assert house.store.saved_to == NOW + 30
    assert house.store.oldest_unsaved is None
    assert (house.folder / "tail").stat().st_size == 0


def test_a_store_opened_again_says_what_it_said_before(house: House) -> None:
    rng = random.Random(1)
    for day in range(5):
        value = 100_000 * day
        for at in range(NOW + day * DAY, NOW + (day + 1) * DAY, 600):
            house.now = at
            value += rng.randrange(50)
            house.store.add([index(at, value), level(at, rng.randrange(3000))])
    house.now += DAY
    before = everything(house.store)
    assert everything(house.reopen()) == before
    assert house.store.fold()
    assert everything(house.store) == before
    assert everything(house.reopen()) == before


def test_points_arrive_in_any_order_and_twice(house: House) -> None:
    ats = list(range(NOW, NOW + 6000, 60))
    random.Random(2).shuffle(ats)
    assert house.store.add([index(at, at - NOW) for at in ats]) == 0
    assert house.store.add([index(at, at - NOW) for at in ats[:7]]) == 7
    assert house.store.add([index(NOW + 60, 61)]) == 0
    points = house.store.points(INDEX, NOW, NOW + 6000)
    assert points is not None
    assert points.at.tolist() == sorted(ats)
    assert points.value[:3].tolist() == [0, 61, 120]
    counts = house.store.counts
    assert (counts.duplicates, counts.replaced) == (7, 1)


def test_a_point_of_last_week_is_found_where_it_belongs(house: House) -> None:
    old = NOW - 7 * DAY
    house.store.bulk(INDEX, Quantity.ENERGY, 0, True, range(old, old + DAY, 60), range(1440))
    house.store.add([index(old + 30, 7), index(old + 60, 77)])
    points = house.store.points(INDEX, old, old + 130)
    assert points is not None
    assert list(zip(points.at, points.value, strict=True)) == [(old, 0), (old + 30, 7), (old + 60, 77), (old + 120, 2)]
    assert everything(house.reopen()) == everything(house.store)


def test_an_import_over_what_is_there_counts_it_and_overwrites_nothing(house: House) -> None:
    start = NOW - 30 * DAY
    ats = array("q", range(start, NOW, 900))
    values = array("q", range(len(ats)))
    house.store.add([index(NOW - 900, 5, key=LEVEL)])
    assert house.store.bulk(INDEX, Quantity.ENERGY, 0, True, ats[::2], values[::2]) == Imported(len(ats) // 2, 0)
    assert house.store.bulk(INDEX, Quantity.ENERGY, 0, True, ats, values) == Imported(len(ats) // 2, len(ats) // 2)
    others = array("q", values)
    others[0], others[-1] = 999, 9999
    assert house.store.bulk(INDEX, Quantity.ENERGY, 0, True, ats, others) == Imported(0, len(ats) - 2, 2)
    points = house.store.points(INDEX, 0, NOW)
    assert points is not None
    assert (points.at, points.value) == (ats, values)
    assert house.store.latest(INDEX) == index(ats[-1], values[-1])
    before = everything(house.store)
    assert everything(house.reopen()) == before
    points = house.store.points(INDEX, 0, NOW)
    assert points is not None
    assert (points.at, points.value) == (ats, values)


def test_an_unknown_series_has_nothing_to_say(house: House) -> None:
    nobody = SeriesKey("cave", "none")
    assert house.store.latest(nobody) is None
    assert house.store.curve(nobody, NOW - DAY, NOW) is None
    assert house.store.points(nobody, 0, NOW) is None
    assert [item.value for item in house.store.consumption(nobody, [0, 1, 2])] == [None, None]


async def test_the_event_loop_asks_the_card_without_waiting_for_it(house: House) -> None:
    old = NOW - 7 * DAY
    imported = await house.store.run(house.store.bulk, LEVEL, Quantity.POWER, 0, True, [old, old + 60], [5, 6])
    assert imported == Imported(2, 0)
    curve = await house.store.run(house.store.curve, LEVEL, old, old + DAY, 1000)
    assert curve is not None
    assert curve.low.tolist() == [5, 6]


def test_what_an_import_added_is_taken_out_and_what_the_meter_said_stays(house: House) -> None:
    start = NOW - 30 * DAY
    mine = [index(at, at - start) for at in range(start + 450, NOW, 9000)]
    house.store.add(mine)
    before = everything(house.store)
    ats = list(range(start, NOW, 900))
    assert house.store.absent(INDEX, [point.at for point in mine]) == []
    assert house.store.absent(INDEX, ats) == ats
    house.store.bulk(INDEX, Quantity.ENERGY, 0, True, ats, [at - start for at in ats])
    assert house.store.absent(INDEX, ats) == []
    house.store.take_out(INDEX, 0, ats, [at - start for at in ats])
    assert everything(house.store) == before
    assert everything(house.reopen()) == before
    house.store.take_out(INDEX, 0, ats, [at - start for at in ats])
    house.store.fold()
    assert everything(house.reopen()) == before


def test_a_point_that_says_something_else_by_now_is_not_taken_out(house: House) -> None:
    old = NOW - 20 * DAY
    for start in (old, NOW - 3600):
        house.store.bulk(INDEX, Quantity.ENERGY, 0, True, [start, start + 60], [5, 6])
        house.store.add([index(start + 60, 7)])
        house.store.take_out(INDEX, 0, [start, start + 60], [5, 6])
        points = house.store.points(INDEX, start, start + 100)
        assert points is not None
        assert (points.at.tolist(), points.value.tolist()) == ([start + 60], [7])
    assert everything(house.reopen()) == everything(house.store)


def test_a_series_of_which_all_is_taken_out_is_no_longer_there(house: House) -> None:
    ats = range(NOW - 20 * DAY, NOW, 3600)
    house.store.bulk(LEVEL, Quantity.APPARENT_POWER, -1, False, ats, [7] * len(ats))
    house.store.bulk(LEVEL, Quantity.APPARENT_POWER, -2, False, [NOW - 5], [70])
    house.store.take_out(LEVEL, -1, ats, [7] * len(ats))
    house.store.take_out(LEVEL, -2, [NOW - 5], [70])
    assert house.store.series() == ()
    assert house.reopen().series() == ()
