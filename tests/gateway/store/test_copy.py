"""A copy of the series while they are in use: who waits is answered between two steps, and a stop ends it."""

from __future__ import annotations

import threading
import time
from array import array
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from drivers.model import Quantity
from gateway.store import Store, StoreError, bulk

from .conftest import INDEX, NOW, PARIS, House, everything, index

DAYS = 200


@pytest.fixture
def large(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """A store of many steps."""
    ats = array("q", range(NOW - DAYS * 86_400, NOW - 5 * 86_400, 600))
    house.store.bulk(INDEX, Quantity.ENERGY, 0, True, ats, array("q", range(len(ats))))
    monkeypatch.setattr(bulk, "BACKUP_PAGES", 4)
    return house


def test_a_question_a_point_and_a_commit_come_between_two_steps_of_a_copy(large: House, tmp_path: Path) -> None:
    begun, asked = threading.Event(), threading.Event()
    shares: list[float] = []

    def told(share: float) -> None:
        shares.append(share)
        begun.set()
        asked.wait(5)  # the question is in the queue when this step ends

    with ThreadPoolExecutor(3) as threads:
        copying = threads.submit(large.store.backup, tmp_path / "copy.db", told)
        assert begun.wait(5)
        large.store.add([index(NOW, 10**6)])
        question = threads.submit(large.store.at_bounds, [INDEX], [NOW - 100 * 86_400])
        committed = threads.submit(large.store.commit)
        while large.store._worker._jobs.qsize() < 2:
            time.sleep(0.001)
        asked.set()
        assert question.result(5)[0].values[0] is not None
        assert committed.result(5) is True
        copying.result(30)
    assert len(shares) > 10
    assert shares == sorted(shares)
    assert shares[-1] == 1
    copy = Store.open(tmp_path / "copy.db", tmp_path / "copy.tail", zone=PARIS, now=lambda: NOW)
    assert everything(copy) == everything(large.store)  # what was committed meanwhile is in it, too
    copy.close()


def test_a_fold_and_an_import_under_a_copy_leave_both_whole(large: House, tmp_path: Path) -> None:
    begun = threading.Event()
    ats = array("q", range(NOW - 30 * 86_400, NOW - 29 * 86_400, 60))
    with ThreadPoolExecutor(1) as threads:
        copying = threads.submit(large.store.backup, tmp_path / "copy.db", lambda share: begun.set())
        assert begun.wait(5)
        large.now += 3 * 86_400
        assert large.store.fold()
        large.store.bulk(INDEX, Quantity.ENERGY, 0, True, ats, array("q", range(10**5, 10**5 + len(ats))))
        copying.result(30)
    copy = Store.open(tmp_path / "copy.db", tmp_path / "copy.tail", zone=PARIS, now=lambda: large.now)
    (before, after) = (store.points(INDEX, 0, NOW - 31 * 86_400) for store in (copy, large.store))
    assert before == after
    copy.close()


def test_a_stop_ends_a_copy_and_is_not_kept_waiting(large: House, tmp_path: Path) -> None:
    begun = threading.Event()

    def told(share: float) -> None:
        begun.set()
        stopping.wait(5)

    stopping = threading.Event()
    with ThreadPoolExecutor(2) as threads:
        copying = threads.submit(large.store.backup, tmp_path / "copy.db", told)
        assert begun.wait(5)
        closing = threads.submit(large.store.close)
        stopping.set()
        closing.result(10)
        with pytest.raises((StoreError, RuntimeError), match=r"the copy is not whole|has ended"):
            copying.result(10)
    assert everything(large.open())
