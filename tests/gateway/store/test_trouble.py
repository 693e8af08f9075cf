"""A card that refuses."""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drivers.model import Quantity
from gateway.store import StoreError, schema

from .conftest import INDEX, LEVEL, NOW, House, everything, index, level

DAY = 86_400


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """No file of this process is written beyond what the database's log holds now: it has its room from the start."""
    size = len((folder / "series.db-wal").read_bytes().rstrip(b"\0"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_loses_nothing_and_is_said_until_it_is_over(house: House, tmp_path: Path) -> None:
    house.store.add([index(NOW, 1)])
    assert house.store.commit()
    with full_disk(tmp_path):
        for i in range(1, 20):
            house.now += 60
            house.store.add([index(house.now, 1 + i), level(house.now, i)])
            assert not house.store.commit()
        trouble = house.store.trouble
        assert trouble == "series.db: the disk refuses to be written or read"
        assert house.store.saved_to == NOW
        assert house.store.oldest_unsaved == NOW + 60
        assert house.store.latest(LEVEL) == level(house.now, 19)
        assert (tmp_path / "tail").stat().st_size > 0
        with pytest.raises(StoreError):
            house.store.bulk(INDEX, Quantity.ENERGY, 0, True, [NOW - 30 * DAY], [0])
    assert house.store.commit()
    assert house.store.trouble is None
    assert house.store.saved_to == house.now
    before = everything(house.store)
    assert everything(house.reopen()) == before


def test_the_log_has_its_room_from_the_start_so_a_commit_does_not_make_it_longer(house: House, tmp_path: Path) -> None:
    log = tmp_path / "series.db-wal"
    for _ in range(2):
        size = log.stat().st_size
        for i in range(1500):
            house.now += 60
            house.store.add([index(house.now, i), level(house.now, i)])
            assert house.store.commit()
        assert log.stat().st_size <= size + 4 * schema.PAGE_BYTES, (
            "the frame that ends a thousand may be of a larger commit"
        )
        house.reopen()


def test_what_a_full_disk_refused_is_in_the_tail_when_the_program_ends(house: House, tmp_path: Path) -> None:
    house.store.add([index(NOW, 1)])
    assert house.store.commit()
    with full_disk(tmp_path):
        house.store.add([index(NOW + 60, 2), level(NOW + 60, 3)])
        house.store.close()
    store = house.open()
    assert (store.latest(INDEX), store.latest(LEVEL)) == (index(NOW + 60, 2), level(NOW + 60, 3))


def test_a_disk_that_fills_while_a_day_is_folded_keeps_the_day(house: House, tmp_path: Path) -> None:
    house.now += 5 * DAY
    house.store.add([index(at, at) for at in (*range(NOW - DAY, NOW, 60), house.now)])
    assert house.store.commit()
    before = everything(house.store)
    with full_disk(tmp_path):
        assert not house.store.fold()
        assert everything(house.store) == before
    assert house.store.fold()
    assert everything(house.store) == before
    assert house.store.trouble is None


def test_points_added_while_days_are_folded_are_all_there(house: House) -> None:
    count = 3000
    done = threading.Event()

    def fold() -> None:
        while not done.is_set():
            house.store.fold()

    thread = threading.Thread(target=fold)
    thread.start()
    try:
        for i in range(count):
            house.now = NOW + i * 600
            house.store.add([index(house.now, i), level(house.now - 4 * DAY, i)])
            if i % 100 == 0:
                points = house.store.points(INDEX, 0, house.now + 1)
                assert points is not None
                assert len(points.at) == i + 1
    finally:
        done.set()
        thread.join()
    for key, start in ((INDEX, NOW), (LEVEL, NOW - 4 * DAY)):
        points = house.store.points(key, 0, house.now + 1)
        assert points is not None
        assert points.at.tolist() == [start + i * 600 for i in range(count)]
        assert points.value.tolist() == list(range(count))
    before = everything(house.store)
    assert everything(house.reopen()) == before


def test_the_clock_set_back_takes_saved_to_back(house: House) -> None:
    house.store.add([index(NOW, 1)])
    house.store.commit()
    house.now = NOW - 3600
    house.store.add([index(NOW - 3600, 0)])
    assert house.store.saved_to == NOW - 3600


def test_what_does_not_fit_is_counted_and_said(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.store.memory.PENDING_POINTS_MAX", 3)
    house.store.add([index(NOW + i, i) for i in range(5)])
    assert house.store.counts.lost == 2
    assert house.store.trouble == "series.db: 2 points lost"
    assert house.store.latest(INDEX) == index(NOW + 2, 2)


def test_a_full_tail_is_said_until_the_next_commit(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.tail.TAIL_BYTES_MAX", 100)
    house.store.add([index(NOW, 1)])
    house.store.add([index(NOW + 1, 2)])
    assert house.store.counts.tail_unwritten == 1
    trouble = house.store.trouble
    assert trouble is not None
    assert trouble.startswith("tail: no room")
    assert house.store.commit()
    assert house.store.trouble is None
    monkeypatch.undo()
    house.store.add([level(NOW, 3)])
    tail = (tmp_path / "tail").read_bytes()
    house.store.close()
    (tmp_path / "series.db").unlink()
    (tmp_path / "tail").write_bytes(tail)
    assert house.open().latest(LEVEL) == level(NOW, 3)
