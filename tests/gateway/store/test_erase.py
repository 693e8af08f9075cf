"""What is erased is nowhere: not in an answer, not after a restart, and not in the bytes of the files."""

from __future__ import annotations

import random
import sqlite3
from array import array
from pathlib import Path

import pytest

from drivers.model import Quantity
from gateway.model import SeriesKey
from gateway.store import StoreError

from .conftest import INDEX, LEVEL, NOW, House, everything, index, level

DAY = 86_400
ALWAYS = (0, 1 << 40)
# What SQLite writes big-endian into a row, and what cannot be there by chance.
SECRET = 0x1122334455
SECRET_BYTES = SECRET.to_bytes(5, "big")


def furnish(house: House) -> None:
    """Forty days of two series; on one of them the index stood at SECRET, and the level too."""
    ats = array("q", range(NOW - 40 * DAY, NOW - 4 * DAY, 600))
    house.store.bulk(INDEX, Quantity.ENERGY, 0, True, ats, array("q", [SECRET] * len(ats)))
    house.store.bulk(LEVEL, Quantity.APPARENT_POWER, 0, False, ats, array("q", [SECRET] * len(ats)))
    house.store.add([index(NOW - 60 * number, SECRET + 1) for number in range(300)])
    house.store.commit()


def raw(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("*")))


def points(house: House, key: SeriesKey) -> list[int]:
    found = house.store.points(key, *ALWAYS)
    return [] if found is None else list(found.at)


def test_a_series_that_is_erased_is_in_no_byte_of_any_file(house: House, tmp_path: Path) -> None:
    furnish(house)
    house.store.swap(INDEX, NOW - 10 * DAY, SECRET, SECRET, 0)
    house.reopen()
    house.store.add([index(NOW + 60, SECRET + 1)])  # in memory and in the tail alone
    with sqlite3.connect(f"file:{tmp_path / 'series.db'}?mode=ro&immutable=1", uri=True) as db:
        (chunk,) = db.execute("SELECT b FROM chunk ORDER BY day LIMIT 1").fetchone()
    db.close()
    before = raw(tmp_path)
    assert SECRET_BYTES in before
    assert chunk in before
    assert INDEX.register.encode() in before
    gone = house.store.erase([INDEX, LEVEL], *ALWAYS)
    assert gone == 2 * 5184 + 300 + 1
    after = raw(tmp_path)
    for what in (SECRET_BYTES, SECRET.to_bytes(8, "little")[:5], chunk[:24], INDEX.register.encode(), b"maison"):
        assert what not in after
    assert house.store.series() == ()
    assert house.store.latest(INDEX) is None
    assert house.reopen().series() == ()
    assert house.store.events(INDEX) == ()
    house.store.add([index(NOW + 120, 7)])  # the meter goes on
    assert house.store.latest(INDEX) == index(NOW + 120, 7)
    assert house.store.check().faulty == 0


@pytest.mark.parametrize("seed", range(8))
def test_a_span_that_is_erased_leaves_exactly_the_rest(house: House, seed: int) -> None:
    rng = random.Random(seed)
    furnish(house)
    house.store.add([index(NOW - 20 * DAY + 7, SECRET), level(NOW - 3 * DAY, 9)])  # late, and in the log
    start = NOW - rng.randrange(41 * DAY)
    end = start + rng.choice((1, 3600, DAY, 12 * DAY + 7, 50 * DAY))
    kept = {key: [at for at in points(house, key) if not start <= at < end] for key in (INDEX, LEVEL)}
    before = {key: len(points(house, key)) for key in kept}
    gone = house.store.erase([INDEX], start, end)
    assert gone == before[INDEX] - len(kept[INDEX])
    for _ in range(2):
        assert points(house, INDEX) == kept[INDEX]
        assert len(points(house, LEVEL)) == before[LEVEL]
        latest = house.store.latest(INDEX)
        assert (latest.at if latest else None) == max(kept[INDEX], default=None)
        assert house.store.check().faults == []
        house.reopen()


def test_a_card_that_refuses_erases_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    furnish(house)
    before = everything(house.store)

    def refuse(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(house.store._card, "_only", refuse)
    with pytest.raises(StoreError):
        house.store.erase([INDEX], *ALWAYS)
    monkeypatch.undo()
    assert everything(house.store) == before
    assert everything(house.reopen()) == before


def test_what_is_erased_but_not_yet_overwritten_is_said(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    furnish(house)

    def refuse() -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(house.store._card, "scrub", refuse)
    with pytest.raises(StoreError, match="erased, but its free pages still hold it"):
        house.store.erase([INDEX], *ALWAYS)
    assert house.store.latest(INDEX) is None


def test_a_late_point_that_comes_while_a_span_is_erased_is_kept(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The card has been asked already, and the memory has not."""
    house.store.add([level(NOW, 5)])
    house.store.commit()
    erase = house.store._card.erase

    def slow(*arguments: object) -> int:
        gone = erase(*arguments)  # type: ignore[arg-type]
        house.store.add([level(NOW - 30 * DAY, 7)])
        return gone

    monkeypatch.setattr(house.store._card, "erase", slow)
    assert house.store.erase([LEVEL], NOW - DAY, NOW + DAY) == 1
    monkeypatch.undo()
    assert house.store.latest(LEVEL) == level(NOW - 30 * DAY, 7)
    house.store.commit()
    house.now += 3 * DAY
    house.store.fold()
    house.reopen()
    assert points(house, LEVEL) == [NOW - 30 * DAY]
    assert house.store.check().faults == []


def test_a_card_that_refuses_in_the_middle_stops_no_later_commit(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    furnish(house)

    def refuse(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(house.store._card, "forget", refuse)
    with pytest.raises(StoreError):
        house.store.erase([INDEX], *ALWAYS)
    monkeypatch.undo()
    house.store.add([index(NOW + 60, 3)])
    assert house.store.commit()
    assert house.store.erase([INDEX], *ALWAYS) == 1
    assert [info.key for info in house.store.series()] == [LEVEL]
    assert house.reopen().check().faults == []


def test_a_log_row_of_a_series_that_is_not_there_stops_no_start(house: House, tmp_path: Path) -> None:
    furnish(house)
    house.store.close()
    with sqlite3.connect(tmp_path / "series.db") as db:
        db.execute("DELETE FROM series WHERE id=1")
    db.close()
    house.open()
    house.now += 5 * DAY
    assert house.store.fold()
    assert house.store.counts.refused > 0


def test_a_series_whose_days_are_damaged_keeps_its_name(house: House, tmp_path: Path) -> None:
    """Another one is erased: what is unreadable here may be read from a back-up, and must be known whose it is."""
    furnish(house)
    house.store.close()
    with sqlite3.connect(tmp_path / "series.db") as db:
        db.execute("UPDATE chunk SET b=zeroblob(length(b)) WHERE series=2")
    db.close()
    house.open()
    house.store.erase([INDEX], *ALWAYS)
    house.store.close()
    with sqlite3.connect(tmp_path / "series.db") as db:
        assert db.execute("SELECT register FROM series").fetchall() == [(LEVEL.register,)]
    db.close()


def test_a_damaged_row_of_the_log_goes_whole_as_nobody_can_say_whose_it_is(house: House, tmp_path: Path) -> None:
    house.store.add([index(NOW + n, n) for n in range(5)])
    assert house.store.commit()
    house.store.add([level(NOW + 60, 3)])
    house.store.close()
    with sqlite3.connect(tmp_path / "series.db") as db:
        first, second = db.execute("SELECT i, b FROM log ORDER BY i").fetchall()
        torn = first[1][:-1] + bytes([first[1][-1] ^ 1])
        db.execute("UPDATE log SET b=? WHERE i=?", (torn, first[0]))
    db.close()
    store = house.open()
    assert store.counts.damaged == 1
    assert store.erase([INDEX], *ALWAYS) == 0
    store.close()
    assert torn[4:-4] not in (tmp_path / "series.db").read_bytes()
    with sqlite3.connect(tmp_path / "series.db") as db:
        assert db.execute("SELECT i, b FROM log").fetchall() == [second]
    db.close()
