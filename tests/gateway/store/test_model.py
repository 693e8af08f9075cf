"""The store against a dictionary: whatever was done in whatever order, both say the same."""

from __future__ import annotations

import random
import shutil
from bisect import bisect_right
from decimal import Decimal
from pathlib import Path

import pytest

from drivers.model import Quantity
from gateway.store import Store, salvage

from .conftest import INDEX, LEVEL, NOW, PARIS, House, index, level

DAY = 86_400
GAP_S = 7_200
Known = dict[int, Decimal]
ACTIONS = (
    *("add", "add", "add", "add", "bulk", "commit", "fold", "time", "reopen", "kill", "ask"),
    *("erase", "look", "salvage"),
)


def some_ats(rng: random.Random, now: int) -> list[int]:
    start = now - rng.choice((0, 600, DAY, 3 * DAY, 40 * DAY))
    return [(start - rng.randrange(5000)) // step * step for step in rng.choices((1, 60, 3600), k=5)]


def index_at(known: Known, bound: int, now: int) -> Decimal | None:
    ats = sorted(known)
    i = bisect_right(ats, bound)
    if i == 0 or bound > now:
        return None
    before = ats[i - 1]
    if before == bound:
        return known[before]
    if i == len(ats):
        return known[before] if bound - before <= GAP_S else None
    return known[before] if ats[i] - before <= GAP_S or known[ats[i]] == known[before] else None


def compare(house: House, rng: random.Random, levels: Known, indexes: Known) -> None:
    store = house.store
    start = house.now - rng.choice((1000, 2 * DAY, 5 * DAY, 60 * DAY, 1000 * DAY))
    for key, known in ((LEVEL, levels), (INDEX, indexes)):
        if not known:
            continue
        points = store.points(key, start, house.now + DAY)
        assert points is not None
        said = {at: Decimal(v).scaleb(points.exponent) for at, v in zip(points.at, points.value, strict=True)}
        assert said == {at: value for at, value in known.items() if start <= at < house.now + DAY}
        latest = store.latest(key)
        assert latest is not None
        assert (latest.at, latest.decimal) == (max(known), known[max(known)])
        curve = store.curve(key, start, house.now + 1, rng.choice((3, 50, 400)))
        assert curve is not None
        assert sum(curve.n) >= sum(start <= at <= house.now for at in known)
    if indexes:
        bounds = sorted(start + rng.randrange(0, house.now - start + 10) // step * step for step in (1, 3600, 3600, 60))
        bounds += [bounds[-1] + 1]
        (said_indexes,) = store.at_bounds([INDEX], bounds, gap_s=GAP_S)
        expected = [index_at(indexes, bound, house.now) for bound in bounds]
        scaled = [None if v is None else Decimal(v).scaleb(said_indexes.exponent) for v in said_indexes.values]
        assert scaled == expected
        for i, item in enumerate(store.consumption(INDEX, bounds, gap_s=GAP_S)):
            low, high = expected[i], expected[i + 1]
            if low is not None and high is not None and high >= low:
                assert item.complete
                assert item.value is not None
                assert Decimal(item.value).scaleb(item.exponent) == high - low
            else:
                assert not item.complete


@pytest.mark.parametrize("seed", range(12))
def test_a_store_says_what_a_dictionary_would(house: House, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    levels: Known = {}
    indexes: Known = {}
    copies = 0
    for _ in range(120):
        match rng.choice(ACTIONS):
            case "add":
                exponent = rng.choice((0, 0, 0, 1, -rng.randrange(2)))
                for at in some_ats(rng, house.now):
                    value = rng.randrange(50)
                    house.store.add([level(at, value, exponent), index(at, value, exponent)])
                    levels[at] = indexes[at] = Decimal(value).scaleb(exponent)
            case "bulk":
                start = house.now - rng.choice((DAY, 3 * DAY, 30 * DAY))
                ats = list(range(start, min(house.now, start + rng.choice((3600, 3 * DAY))), rng.choice((600, 1800))))
                values = [rng.randrange(50) for _ in ats]
                house.store.bulk(LEVEL, Quantity.APPARENT_POWER, 0, False, ats, values)
                house.store.bulk(INDEX, Quantity.ENERGY, 0, True, ats, values)
                for at, value in zip(ats, values, strict=True):  # what is there stays
                    levels.setdefault(at, Decimal(value))
                    indexes.setdefault(at, Decimal(value))
            case "commit":
                house.store.commit()
            case "fold":
                house.store.fold()
            case "erase":
                start = house.now - rng.choice((600, DAY, 3 * DAY, 40 * DAY))
                end = start + rng.choice((1, 900, 2 * DAY, 1000 * DAY))
                gone = house.store.erase([LEVEL, INDEX], start, end)
                for known in (levels, indexes):
                    for at in [at for at in known if start <= at < end]:
                        del known[at]
                        gone -= 1
                assert gone == 0
            case "salvage" if house.store.series():
                house.store.close()
                assert salvage(house.folder / "series.db", f"{len(list(house.folder.iterdir()))}", house.now).left == 0
                house.open()
            case "look":
                assert house.store.check().faults == []
            case "time":
                house.now += rng.choice((60, 3600, DAY))
            case "reopen":
                house.reopen()
            case "kill":
                # What a kill leaves: the files as they are.
                copies += 1
                folder = tmp_path / f"copy{copies}"
                folder.mkdir()
                for name in ("series.db", "series.db-wal", "tail"):
                    if (house.folder / name).exists():
                        shutil.copy(house.folder / name, folder / name)
                house.folder = folder
                house.open()
            case "ask":
                compare(house, rng, levels, indexes)
    compare(house, rng, levels, indexes)
    assert house.now >= NOW


def test_a_new_store_has_no_series(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "series.db", tmp_path / "tail", zone=PARIS, now=lambda: NOW)
    assert store.series() == ()
    store.close()
