"""A damaged file is named, and what of it can be read is taken out: nothing false, and nothing deleted."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from array import array
from pathlib import Path

import pytest

from drivers.model import Quantity
from gateway.model import SeriesKey
from gateway.store import Store, StoreError, salvage, schema
from gateway.store.check import check

from .conftest import INDEX, LEVEL, NOW, PARIS, House, everything, index, level

STAMP = "20261126T120000Z"
DAY = 86_400
PAGE = 4096


def furnish(house: House) -> None:
    """Forty days of two series, some in the log, a meter that was exchanged, and points that came late and finer."""
    rng = random.Random(1)
    ats = array("q", range(NOW - 40 * DAY, NOW - 4 * DAY, 300))
    house.store.bulk(INDEX, Quantity.ENERGY, 0, True, ats, array("q", range(len(ats))))
    house.store.bulk(LEVEL, Quantity.APPARENT_POWER, 0, False, ats, array("q", (rng.randint(0, 9000) for _ in ats)))
    house.store.add([level(NOW - 20 * DAY + 7, 123, -1), index(NOW - 20 * DAY + 7, 5850)])
    house.store.add([index(NOW - 60 * number, 20_000 - number) for number in range(500)])
    house.store.swap(INDEX, NOW - 10 * DAY, 100, 100, 0)
    house.store.fold()
    house.store.add([index(NOW + 60, 20_001)])
    house.store.commit()


def test_a_whole_store_has_no_faults(house: House) -> None:
    furnish(house)
    found = house.store.check()
    assert (found.faulty, found.faults) == (0, [])
    assert (found.series, found.chunks) == (2, 74)
    everywhere = [house.store.points(key, 0, NOW + DAY) for key in (INDEX, LEVEL)]
    assert found.points == sum(len(points.at) for points in everywhere if points is not None)


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        ("UPDATE chunk SET b = zeroblob(length(b)) WHERE series=1 AND day=(SELECT max(day) FROM chunk)", ", day "),
        ("UPDATE chunk SET n = n + 1 WHERE series=1 AND day=(SELECT max(day) FROM chunk)", "points are announced"),
        ("UPDATE chunk SET day = day + 100 WHERE series=1 AND day=(SELECT max(day) FROM chunk)", "not of that day"),
        ("UPDATE hour SET last = last + 1 WHERE series=1 AND t=(SELECT max(t) FROM hour)", "the hour rows are not"),
        ("DELETE FROM day WHERE series=2 AND t=(SELECT max(t) FROM day)", "the day rows are not"),
        ("UPDATE log SET b = zeroblob(20)", "of the log"),
        ("DELETE FROM series WHERE id=2", "series that there are not"),
    ],
)
def test_what_does_not_fit_together_is_named(house: House, tmp_path: Path, harm: str, says: str) -> None:
    furnish(house)
    house.store.close()
    with sqlite3.connect(tmp_path / "series.db") as db:
        db.execute(harm)
    db.close()
    store = house.open()
    found = store.check()
    assert found.faulty >= 1
    assert any(says in fault for fault in found.faults), found.faults


def damaged(path: Path, seed: int) -> bytes:
    """A file some of whose pages a card has lost: overwritten, zeroed, or with one bit flipped."""
    rng = random.Random(seed)
    data = bytearray(path.read_bytes())
    for _ in range(rng.randint(1, 6)):
        page = rng.randrange(0 if seed % 7 == 6 else 1, len(data) // PAGE) * PAGE
        match rng.randrange(3):
            case 0:
                data[page : page + PAGE] = rng.randbytes(PAGE)
            case 1:
                data[page : page + PAGE] = bytes(PAGE)
            case _:
                data[page + rng.randrange(PAGE)] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    return bytes(data)


@pytest.mark.parametrize("seed", range(28))
def test_out_of_a_damaged_file_comes_nothing_false_and_the_file_stays(house: House, tmp_path: Path, seed: int) -> None:
    furnish(house)
    said = {}
    for key in (INDEX, LEVEL):
        points = house.store.points(key, 0, NOW + DAY)
        assert points is not None
        said[key] = {at: value * 10 ** (points.exponent + 1) for at, value in zip(points.at, points.value, strict=True)}
    house.store.close()
    path = tmp_path / "series.db"
    before = damaged(path, seed)
    try:
        done = salvage(path, STAMP, NOW)
    except StoreError:
        assert path.read_bytes() == before
        return
    assert done.aside == tmp_path / f"series.db.damaged-{STAMP}"
    assert done.aside.read_bytes() == before
    store = house.open()
    taken = 0
    for key in (INDEX, LEVEL):
        points = store.points(key, 0, NOW + DAY)
        if points is None:
            continue
        for at, value in zip(points.at, points.value, strict=True):
            assert said[key][at] == value * 10 ** (points.exponent + 1)
        taken += len(points.at)
    found = store.check()
    assert (found.faulty, found.faults) == (0, [])
    if taken < sum(map(len, said.values())):
        assert done.left > 0


def test_most_of_the_files_above_are_salvaged_almost_whole(tmp_path: Path) -> None:
    """Six pages of some two hundred are lost: what stands on the others is there."""
    house = House(tmp_path)
    furnish(house)
    house.store.close()
    path, whole = tmp_path / "series.db", (tmp_path / "series.db").read_bytes()
    shares = []
    for seed in range(28):
        path.write_bytes(whole)
        damaged(path, seed)
        try:
            shares.append(salvage(path, f"{STAMP}-{seed}", NOW).points / 21_238)
        except StoreError:
            shares.append(0.0)
    assert sorted(shares)[len(shares) // 4] > 0.8


def test_a_whole_file_is_salvaged_whole(house: House, tmp_path: Path) -> None:
    furnish(house)
    before = everything(house.store)
    house.store.close()
    done = salvage(tmp_path / "series.db", STAMP, NOW)
    assert (done.series, done.events, done.left) == (2, 1, 0)
    assert everything(house.open()) == before


def test_a_file_that_somebody_has_open_is_not_touched(house: House, tmp_path: Path) -> None:
    furnish(house)
    with pytest.raises(StoreError, match="already open by another process"):
        salvage(tmp_path / "series.db", STAMP, NOW)
    assert everything(house.store)


def test_a_file_that_is_none_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "series.db"
    path.write_bytes(b"no database at all" * 300)
    with pytest.raises(StoreError, match="no series can be read in it"):
        salvage(path, STAMP, NOW)
    assert path.read_bytes() == b"no database at all" * 300
    with pytest.raises(StoreError, match="not a database"):
        Store.open(path, tmp_path / "tail", zone=PARIS, now=lambda: NOW)


def test_a_series_that_became_finer_under_the_look_is_no_damage(house: House) -> None:
    furnish(house)
    finer = [
        level(NOW - 15 * DAY + 7, 5, -3),
        index(NOW + 120, 20_002, -3),
        index(NOW + 1, 1, 0, SeriesKey("x", "new")),
    ]

    def meanwhile() -> None:
        if finer:
            house.store.add(finer)
            finer.clear()
            house.store.commit()

    found = house.store._call(lambda: check(house.store._card.db, meanwhile))
    assert (found.faulty, found.faults) == (0, [])


def test_a_series_whose_fineness_was_altered_is_named_and_salvaged_so_that_it_opens(
    house: House, tmp_path: Path
) -> None:
    furnish(house)
    house.store.close()
    with sqlite3.connect(tmp_path / "series.db") as db:
        db.execute("UPDATE series SET exponent=2 WHERE id=1")
    db.close()
    with contextlib.closing(schema.look(tmp_path / "series.db")) as db:
        assert any("finer than its series" in fault for fault in check(db).faults)
    assert salvage(tmp_path / "series.db", STAMP, NOW).left > 0
    assert house.open().check().faults == []


def test_at_no_moment_of_a_salvage_is_there_no_file(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start just then must not begin an empty one."""
    furnish(house)
    house.store.close()
    path = tmp_path / "series.db"
    there: list[bool] = []
    for name in ("rename", "replace", "hardlink_to", "unlink"):

        def step(
            self: Path, *arguments: object, name: str = name, real: object = getattr(Path, name), **more: object
        ) -> object:
            done = real(self, *arguments, **more)  # type: ignore[operator]
            there.append(path.exists())
            return done

        monkeypatch.setattr(Path, name, step)
    salvage(path, STAMP, NOW)
    assert len(there) >= 2
    assert all(there)
