"""Out of a damaged `series.db` all that can be read, into a new one; the damaged one is set aside, never deleted."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.model import Quantity
from gateway.files import flush_names
from gateway.model import SeriesKey
from gateway.store import schema
from gateway.store.card import Card
from gateway.store.check import fault_of
from gateway.store.codec import DamagedError, decode, pack, unpack
from gateway.store.memory import EXPONENT_MAX, SeriesRow
from gateway.store.model import DamagedStoreError, InUseError, StoreError, UnreadableError
from gateway.store.rollup import DAY_S

COMMIT_CHUNKS = 500
# A file of n bytes has no more rows than this; a row is never smaller.
ROW_BYTES_MIN = 16
LAST_S = 1 << 33  # no box stands in the year 2242


@dataclass(slots=True)
class Salvaged:
    """What was taken out, what was left, and where the damaged file lies now."""

    series: int = 0
    points: int = 0
    events: int = 0
    left: int = 0  # chunks, rows of the log and events that could not be read, or of no known series
    aside: Path | None = None


def salvage(path: Path, stamp: str, now: int, progress: Callable[[float], None] = lambda share: None) -> Salvaged:
    """Take out what is readable of `path`, and let it stand in its place.

    UnreadableError where nothing can be taken out at all, OSError and sqlite3.Error where there is no room for it; then
    the file is as it was. `now` says where the memory of a file begins that does not say it itself, and has no days.
    """
    with contextlib.suppress(DamagedStoreError):
        schema.refuse_newer(path)  # what it means by its rows is not known here
    new = path.with_name(f"{path.name}.salvaged")
    _remove(new)
    _go_back(path)
    done = Salvaged()
    try:
        with contextlib.closing(_damaged(path)) as old, contextlib.closing(schema.connect(new, _window(old))) as db:
            card, rows_max = Card(db), path.stat().st_size // ROW_BYTES_MIN
            names = _series(old, card, done, rows_max)
            if not names:
                raise UnreadableError(f"{path.name}: no series can be read in it; restore a back-up")
            _chunks(old, card, names, done, rows_max, progress)
            _begin_memory(db, now)
            _log(old, card, names, done, rows_max)
            _swaps(old, card, names, done, rows_max)
            card.checkpoint()
    except BaseException:
        _remove(new)
        raise
    done.aside = path.with_name(f"{path.name}.damaged-{stamp}")
    wal = path.with_name(path.name + "-wal")
    schema.suspect(path).touch(0o600)  # a kill from here on has it done again: the file may be without its WAL
    done.aside.hardlink_to(path)  # at each moment a file of this name stands: a start must not begin an empty one
    if wal.exists():  # it belongs to the damaged file, and is not to be played into the new one
        wal.rename(done.aside.with_name(done.aside.name + "-wal"))
    new.replace(path)
    _remove(new)
    schema.suspect(path).unlink(missing_ok=True)
    flush_names(path.parent)
    return done


def begin_anew(path: Path, stamp: str) -> Path:
    """A file of which nothing can be read is set aside, and none stands in its place; where it lies."""
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    wal = path.with_name(path.name + "-wal")
    if wal.exists():
        wal.rename(aside.with_name(aside.name + "-wal"))
    path.rename(aside)
    schema.suspect(path).unlink(missing_ok=True)
    flush_names(path.parent)
    return aside


def _go_back(path: Path) -> None:
    """A kill between the last steps left a second name of the file, and there its WAL."""
    wal = path.with_name(path.name + "-wal")
    for aside in path.parent.glob(f"{path.name}.damaged-*"):
        if aside.samefile(path):
            its_wal = aside.with_name(aside.name + "-wal")
            if its_wal.exists() and not wal.exists():
                its_wal.rename(wal)
            aside.unlink()


def _remove(database: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)


def _damaged(path: Path) -> sqlite3.Connection:
    """As it is; its WAL is read where that is possible."""
    try:
        db = schema.look(path)
    except InUseError:
        raise
    except StoreError:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
    db.execute("PRAGMA cell_size_check=ON")
    return db


def _window(old: sqlite3.Connection) -> int:
    """Where the file's memory began; 0 where it does not say so. Never by the clock: a box without a battery wakes in the past."""
    for (folded_to,) in _rows(old, "state", "folded_to", 10, Salvaged()):
        if isinstance(folded_to, int) and 0 < folded_to < LAST_S and folded_to % DAY_S == 0:
            return folded_to
    return 0


def _begin_memory(db: sqlite3.Connection, now: int) -> None:
    """No day that was taken out lies in what is taken to be in memory, else nobody would look for it there."""
    (last,) = db.execute("SELECT max(day) FROM chunk").fetchone()
    (said,) = db.execute("SELECT folded_to FROM state").fetchone()
    window = max(said, 0 if last is None else (last + 1) * DAY_S) or now // DAY_S * DAY_S
    db.execute("UPDATE state SET folded_to = ?", (window,))


def _rows(old: sqlite3.Connection, table: str, columns: str, last: int, done: Salvaged) -> Iterator[tuple[Any, ...]]:
    """The rows that can be read, in order of their number, past any that cannot: each place with some is counted."""
    at, damaged = 0, False
    while at < last:
        try:
            for number, *row in old.execute(
                f"SELECT rowid, {columns} FROM {table} WHERE rowid > ? ORDER BY rowid",  # noqa: S608 - our own names
                (at,),
            ):
                damaged = False
                if number > at:  # else a damaged one, and it would be read for ever
                    at = number
                    yield tuple(row)
        except sqlite3.DatabaseError as error:
            done.left += not damaged
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_NOTADB:
                return  # nor will any other row be read
            damaged = True
            at += 1  # as long as the page that is damaged
        else:
            return


def _series(old: sqlite3.Connection, card: Card, done: Salvaged, rows_max: int) -> dict[int, SeriesRow]:
    names: dict[int, SeriesRow] = {}
    columns = "id, point, register, tariff, quantity, exponent, main"
    for number, point, register, tariff, quantity, exponent, main in _rows(old, "series", columns, rows_max, done):
        try:
            if abs(exponent) > EXPONENT_MAX:
                raise KeyError(exponent)
            row = SeriesRow(number, SeriesKey(point, register, tariff), Quantity[quantity], exponent, bool(main))
            with card.transaction():
                card.define((row,))
        except (KeyError, TypeError, sqlite3.IntegrityError):
            done.left += 1
            continue
        names[number] = row
    done.series = len(names)
    return names


def _chunks(
    old: sqlite3.Connection,
    card: Card,
    names: dict[int, SeriesRow],
    done: Salvaged,
    rows_max: int,
    progress: Callable[[float], None],
) -> None:
    last = rows_max
    with contextlib.suppress(sqlite3.DatabaseError):
        (last,) = old.execute("SELECT coalesce(max(rowid), 0) FROM chunk").fetchone()
    batch: list[tuple[int, list[int], list[int]]] = []
    place = read = 0
    for series, day, n, blob in _rows(old, "chunk", "series, day, n, b", last, done):
        read += 1
        progress(min(read / max(last, 1), 1.0))
        try:
            exponent, ats, values = decode(blob)
            if series not in names or fault_of(n, day, ats) or exponent < card.exponents[series]:
                raise DamagedError(day)
        except (DamagedError, TypeError):
            done.left += 1
            continue
        done.points += len(ats)
        factor = 10 ** (exponent - card.exponents[series])
        batch.append((series, ats, [value * factor for value in values]))
        place += 1
        if place % COMMIT_CHUNKS == 0:
            card.put(batch)
            batch = []
    card.put(batch)
    done.left += max(0, _count(old) - read)


def _count(old: sqlite3.Connection) -> int:
    """How many chunks there were: the index may know it though their pages are damaged."""
    with contextlib.suppress(sqlite3.DatabaseError):
        (count,) = old.execute("SELECT count(*) FROM chunk").fetchone()
        return int(count)
    return 0


def _log(old: sqlite3.Connection, card: Card, names: dict[int, SeriesRow], done: Salvaged, rows_max: int) -> None:
    for (blob,) in _rows(old, "log", "b", rows_max, done):
        try:
            columns = unpack(blob)
        except (DamagedError, TypeError):
            done.left += 1
            continue
        points = [
            point for point in zip(*columns, strict=True) if point[0] in names and point[3] >= card.exponents[point[0]]
        ]
        done.left += len(points) < len(columns[0])
        done.points += len(points)
        if points:
            with card.transaction():
                card.db.execute("INSERT INTO log (b) VALUES (?)", (pack(*zip(*points, strict=True)),))


def _swaps(old: sqlite3.Connection, card: Card, names: dict[int, SeriesRow], done: Salvaged, rows_max: int) -> None:
    """All events, or none: one that was taken back must not stand again because the row that says so is lost.

    Without them an index that went on from another meter's runs back, and what was consumed across is not known.
    """
    columns = "id, series, at, old_final, new_start, exponent, made_at, undoes"
    left = done.left
    rows = list(_rows(old, "swap", columns, rows_max, done))
    if done.left > left:
        done.left += len(rows)
        return
    for row in rows:
        if row[1] not in names:
            done.left += 1
            continue
        try:
            with card.transaction():
                card.db.execute("INSERT INTO swap VALUES (?,?,?,?,?,?,?,?)", row)
        except sqlite3.IntegrityError:
            done.left += 1
            continue
        done.events += 1
