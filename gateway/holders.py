"""What files of Enedis, GRDF, EDF, water companies and the like said: `holders.db`, beside the meters' own series.

A file of our own format goes into those series; here is kept what it added there, so that it can be taken back too.

A small SQLite file of its own with FULL commits. An import is one transaction, and is taken back as one: its rows are its
own, also those that another import holds too. Of overlapping rows the newest import's is shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from drivers.model import Quantity
from gateway import database
from gateway.importers.holders.found import Part, leap
from gateway.model import SeriesKey
from gateway.periods import Amount, Periods, Shape, joined, of_rows
from gateway.store import codec

SCHEMA_VERSION = 3
# One a week for ten years; above it an older one must be taken back first.
IMPORTS_MAX = 500
# A meter's number has some 11 digits that cannot be guessed: only a slow hash keeps them from whoever holds the file. 4 MB.
MARK_COST, MARK_BLOCK, MARK_BYTES = 4096, 8, 16

_TABLES = """
CREATE TABLE import (
    id INTEGER PRIMARY KEY AUTOINCREMENT, made_at INTEGER NOT NULL, kinds TEXT NOT NULL, left_out INTEGER NOT NULL,
    refused INTEGER NOT NULL) STRICT;
CREATE TABLE part (
    id INTEGER PRIMARY KEY, import INTEGER NOT NULL REFERENCES import, point TEXT NOT NULL, holder TEXT NOT NULL,
    register TEXT NOT NULL, tariff INTEGER NOT NULL, given INTEGER NOT NULL, quantity TEXT NOT NULL, shape TEXT NOT NULL,
    exponent INTEGER NOT NULL, n INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,
    longest INTEGER NOT NULL) STRICT;
CREATE INDEX part_point ON part (point, import);
CREATE TABLE row (
    part INTEGER NOT NULL REFERENCES part, start INTEGER NOT NULL, length INTEGER NOT NULL, value INTEGER NOT NULL,
    PRIMARY KEY (part, start)) STRICT, WITHOUT ROWID;
"""
# Since version 2: which numbers an import's files named, each as its mark under this box's own salt.
_MARKS = """
CREATE TABLE box (salt BLOB NOT NULL) STRICT;
INSERT INTO box VALUES (randomblob(16));
CREATE TABLE mark (
    import INTEGER NOT NULL REFERENCES import, point TEXT NOT NULL, mark BLOB NOT NULL,
    PRIMARY KEY (import, point, mark)) STRICT, WITHOUT ROWID;
"""
# Since version 3: what files of our own format added to the meters' series, and the swaps they told of.
_OWN = """
CREATE TABLE own (
    id INTEGER PRIMARY KEY, import INTEGER NOT NULL REFERENCES import, point TEXT NOT NULL, register TEXT NOT NULL,
    tariff INTEGER NOT NULL, n INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, points BLOB NOT NULL) STRICT;
CREATE INDEX own_point ON own (point, import);
CREATE TABLE own_swap (import INTEGER NOT NULL REFERENCES import, swap INTEGER NOT NULL) STRICT;
"""
_STEPS = (_TABLES, _MARKS, _OWN)  # what each version adds to the one before

T = TypeVar("T")
Rows = Sequence[tuple[int, int, int]]


class HoldersError(Exception):
    """Why the file cannot be used, or an import not be made, in one sentence."""


@dataclass(frozen=True, slots=True)
class Import:
    """One import as it stands in the list: `kinds` are the ids of its files' kinds, `points` where its rows are."""

    id: int
    made_at: int
    points: tuple[str, ...]
    kinds: tuple[str, ...]
    rows: int
    start: int
    end: int
    left_out: int
    refused: int


@dataclass(frozen=True, slots=True)
class Added:
    """Points that a file of our own format added to a series: values in 10**exponent."""

    key: SeriesKey
    exponent: int
    ats: Sequence[int]
    values: Sequence[int]


@dataclass(frozen=True, slots=True)
class Leap:
    """Two readings of an index, one kept and one new: how far apart they may be, and how far they are."""

    start: int
    end: int
    possible: str
    met: str


@dataclass(frozen=True, slots=True)
class Compared:
    """Rows of a part beside what is there: `changed` have another value there."""

    new: int
    same: int
    changed: int


class Holders:
    """The only owner of `holders.db`: one thread of its own, so that a long import keeps no meter waiting."""

    def __init__(self, db: sqlite3.Connection, executor: ThreadPoolExecutor) -> None:
        self._db = db
        self._executor = executor
        self._salt: bytes = self._call(lambda db: db.execute("SELECT salt FROM box").fetchone()[0])

    @classmethod
    def open(cls, path: Path) -> Holders:
        """Open the file, or make it; HoldersError when it is broken or newer than this program."""
        executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="holders")
        try:
            return cls(executor.submit(_open, path).result(), executor)
        except (sqlite3.Error, HoldersError) as error:
            executor.shutdown()
            raise error if isinstance(error, HoldersError) else HoldersError(f"{path.name}: {error}") from None

    def close(self) -> None:
        self._executor.submit(self._db.close).result()
        self._executor.shutdown()

    # From any thread but the event loop's

    def backup(self, path: Path) -> None:
        """Copy everything into a new file at `path`, which `open` takes."""
        self._call(lambda db: database.copy(db, path))

    def compare(self, point: str, parts: Iterable[Part]) -> list[Compared]:
        """How many rows of each part are new at a metering point."""
        return self._call(lambda db: [_compared(db, point, part) for part in parts])

    def leaps(self, point: str, part: Part) -> Leap | None:
        """The first place where an index of a part and one that is kept of the same register cannot both be right."""
        return self._call(lambda db: _leaps(db, point, part))

    def bring(
        self,
        parts: Sequence[tuple[str, Part]],
        kinds: Sequence[str],
        now: int,
        left_out: int = 0,
        refused: int = 0,
        marks: Iterable[tuple[str, bytes]] = (),
    ) -> int:
        """Keep parts, each at its metering point, as one import, with the marks of the meters they name; its number.

        HoldersError, and nothing is kept, when the card refuses.
        """
        return self._call(lambda db: _bring(db, parts, kinds, now, left_out, refused, marks))

    def mark(self, number: str) -> bytes:
        """What is kept in the place of a meter's number: it tells whether another number is the same one, and no more."""
        return hashlib.scrypt(number.encode(), salt=self._salt, n=MARK_COST, r=MARK_BLOCK, p=1, dklen=MARK_BYTES)

    def marks(self) -> list[tuple[str, bytes]]:
        """Every mark that the files of a metering point left: (point, mark)."""
        return self._call(lambda db: db.execute("SELECT DISTINCT point, mark FROM mark").fetchall())

    def add_own(self, number: int | None, kind: str, added: Added, now: int) -> int:
        """Keep what is about to be added to a series, as an import (None: a new one); its number."""
        return self._call(lambda db: _add_own(db, number, kind, added, now))

    def add_own_swap(self, number: int, swap: int) -> None:
        self._call(lambda db: db.execute("INSERT INTO own_swap VALUES (?,?)", (number, swap)))

    def own(self, number: int) -> tuple[list[Added], list[int]]:
        """What an import added to the series, but for what another one says that it added; and its swaps."""
        return self._call(lambda db: _own(db, number))

    def holds(self, point: str) -> bool:
        """Whether any import is of this metering point."""
        query = "SELECT EXISTS (SELECT 1 FROM part WHERE point=:p) OR EXISTS (SELECT 1 FROM own WHERE point=:p)"
        return bool(self._call(lambda db: db.execute(query, {"p": point}).fetchone())[0])

    def parts(self) -> list[dict[str, str | int]]:
        """What each import keeps of each register, by the names of its columns, the oldest first; `rows_of` has its rows."""
        return self._call(_all_parts)

    def rows_of(self, part: int, after: int, limit: int) -> list[tuple[int, int, int]]:
        """At most so many rows of a part that start later: (start, end, value), in order. An index has start = end."""
        query = "SELECT start, start + length, value FROM row WHERE part=? AND start>? ORDER BY start LIMIT ?"
        return self._call(lambda db: db.execute(query, (part, after, limit)).fetchall())

    def imports(self) -> list[Import]:
        """Every import, the latest first."""
        return self._call(_imports)

    def erase(self, point: str, start: int, end: int) -> int:
        """What files said of a metering point between two times is gone, from the file itself too; how many periods.

        An import of which something is erased can no longer be taken back out of the series.
        """
        return self._call(lambda db: _erase(db, point, start, end))

    def undo(self, number: int) -> bool:
        """Take an import back whole; False if there is none of that number."""
        return self._call(lambda db: _undo(db, number))

    # From the event loop

    async def said(self, point: str, start: int, end: int, *, given: bool = False) -> list[tuple[Quantity, Periods]]:
        """What holders said was taken at a point between two times, or `given` there to the network, a register each.

        Periods that reach over the ends too.
        """
        return await asyncio.wrap_future(self._executor.submit(_said, self._db, point, start, end, given))

    async def since(self, point: str) -> int | None:
        """When the first row of a point begins, of what was taken."""
        query = "SELECT min(start) FROM part WHERE point = ? AND NOT given AND tariff = 0"
        row = await asyncio.wrap_future(self._executor.submit(lambda: self._db.execute(query, (point,)).fetchone()))
        return None if row[0] is None else int(row[0])

    async def listed(self) -> list[Import]:
        return await asyncio.wrap_future(self._executor.submit(_imports, self._db))

    def _call(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return self._executor.submit(work, self._db).result()
        except sqlite3.Error as error:
            raise HoldersError(f"holders.db: {error}") from None


def _open(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600, exist_ok=True)
    with contextlib.ExitStack() as failed:
        db = sqlite3.connect(path, isolation_level=None)
        failed.callback(db.close)
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise HoldersError(f"{path.name}: written by a newer version ({version}, this one knows {SCHEMA_VERSION})")
        db.execute("PRAGMA journal_mode = DELETE")
        # EXTRA: with FULL a power cut soon after may bring the journal back, and take back what it had confirmed.
        db.execute("PRAGMA synchronous = EXTRA")
        db.execute("PRAGMA secure_delete = ON")  # what is taken back is not to be found in the file
        if version < SCHEMA_VERSION:
            steps = "".join(_STEPS[version:])
            db.executescript(f"BEGIN; {steps} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        failed.pop_all()
        return db


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _bring(
    db: sqlite3.Connection,
    parts: Sequence[tuple[str, Part]],
    kinds: Sequence[str],
    now: int,
    left_out: int,
    refused: int,
    marks: Iterable[tuple[str, bytes]],
) -> int:
    with _transaction(db):
        number = _new(db, kinds, now, left_out, refused)
        for point, part in parts:
            what, rows = part.what, part.rows
            cursor = db.execute(
                "INSERT INTO part (import, point, holder, register, tariff, given, quantity, shape, exponent, n, start, end, "
                "longest) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
                (
                    number, point, part.holder, what.register, what.tariff, int(what.out), what.quantity.name, what.shape,
                    part.exponent, len(rows), rows[0][0], rows[-1][1], max(end - start for start, end, _ in rows),
                ),
            )  # fmt: skip
            db.executemany(
                "INSERT INTO row VALUES (?,?,?,?)",
                [(cursor.lastrowid, start, end - start, value) for start, end, value in rows],
            )
        db.executemany("INSERT OR IGNORE INTO mark VALUES (?,?,?)", [(number, *each) for each in marks])
        return number


def _new(db: sqlite3.Connection, kinds: Sequence[str], now: int, left_out: int, refused: int) -> int:
    (count,) = db.execute("SELECT count(*) FROM import").fetchone()
    if count >= IMPORTS_MAX:
        raise HoldersError(f"{IMPORTS_MAX} imports are kept at most: take one back first")
    number = db.execute(
        "INSERT INTO import (made_at, kinds, left_out, refused) VALUES (?,?,?,?)",
        (now, json.dumps(list(kinds)), left_out, refused),
    ).lastrowid
    assert number is not None
    return number


def _add_own(db: sqlite3.Connection, number: int | None, kind: str, added: Added, now: int) -> int:
    with _transaction(db):
        number = _new(db, [kind], now, 0, 0) if number is None else number
        key, ats = added.key, added.ats
        db.execute(
            "INSERT INTO own (import, point, register, tariff, n, start, end, points) VALUES (?,?,?,?,?,?,?,?)",
            (
                number, key.point, key.register, key.tariff, len(ats), ats[0], ats[-1],
                codec.encode(added.exponent, ats, added.values),
            ),
        )  # fmt: skip
        return number


def _own(db: sqlite3.Connection, number: int) -> tuple[list[Added], list[int]]:
    found = []
    for point, register, tariff, start, end, blob in db.execute(
        "SELECT point, register, tariff, start, end, points FROM own WHERE import=? ORDER BY id", (number,)
    ).fetchall():
        others: set[int] = set()
        for (other,) in db.execute(
            "SELECT points FROM own WHERE import<>? AND point=? AND register=? AND tariff=? AND start<=? AND end>=?",
            (number, point, register, tariff, end, start),
        ):
            others.update(_points(other)[1])
        exponent, ats, values = _points(blob)
        kept = [(at, value) for at, value in zip(ats, values, strict=True) if at not in others]
        if kept:
            ats, values = (list(column) for column in zip(*kept, strict=True))
            found.append(Added(SeriesKey(point, register, tariff), exponent, ats, values))
    swaps = [int(swap) for (swap,) in db.execute("SELECT swap FROM own_swap WHERE import=?", (number,))]
    return found, swaps


def _points(blob: bytes) -> tuple[int, list[int], list[int]]:
    try:
        return codec.decode(blob)
    except codec.DamagedError:
        raise HoldersError("holders.db: what this import added is damaged, and cannot be taken back") from None


def _imports(db: sqlite3.Connection) -> list[Import]:
    return [
        Import(number, made_at, tuple(json.loads(points)), tuple(json.loads(kinds)), n, start, end, left_out, refused)
        for number, made_at, points, kinds, n, start, end, left_out, refused in db.execute(
            "SELECT i.id, i.made_at, json_group_array(DISTINCT p.point), i.kinds, sum(p.n), min(p.start), max(p.end), "
            "i.left_out, i.refused FROM import i JOIN (SELECT import, point, n, start, end FROM part "
            "UNION ALL SELECT import, point, n, start, end FROM own) p ON p.import = i.id GROUP BY i.id ORDER BY i.id DESC"
        )
    ]


def _all_parts(db: sqlite3.Connection) -> list[dict[str, str | int]]:
    columns = "part, import, made_at, point, holder, register, tariff, given, quantity, shape, exponent, n"
    return [
        dict(zip(columns.split(", "), row, strict=True))
        for row in db.execute(
            "SELECT p.id, p.import, i.made_at, p.point, p.holder, p.register, p.tariff, p.given, p.quantity, p.shape, "
            "p.exponent, p.n FROM part p JOIN import i ON i.id = p.import ORDER BY p.id"
        )
    ]


def _undo(db: sqlite3.Connection, number: int) -> bool:
    with _transaction(db):
        db.execute("DELETE FROM row WHERE part IN (SELECT id FROM part WHERE import = ?)", (number,))
        db.execute("DELETE FROM part WHERE import = ?", (number,))
        for table in ("mark", "own", "own_swap"):
            db.execute(f"DELETE FROM {table} WHERE import = ?", (number,))  # noqa: S608 - one of three
        return db.execute("DELETE FROM import WHERE id = ?", (number,)).rowcount > 0


def _erase(db: sqlite3.Connection, point: str, start: int, end: int) -> int:
    with _transaction(db):
        gone = db.execute(
            "DELETE FROM row WHERE part IN (SELECT id FROM part WHERE point = ?) AND start < ? AND start + length > ?",
            (point, end, start),
        ).rowcount
        db.execute("DELETE FROM part WHERE point = ? AND NOT EXISTS (SELECT 1 FROM row WHERE part = part.id)", (point,))
        db.execute(
            "UPDATE part SET (n, start, end, longest) = "
            "(SELECT count(*), min(start), max(start + length), max(length) FROM row WHERE part = part.id) WHERE point = ?",
            (point,),
        )
        own = db.execute("DELETE FROM own WHERE point = ? AND start < ? AND end >= ?", (point, end, start)).rowcount
        left = "(SELECT import FROM part WHERE point = :point UNION SELECT import FROM own WHERE point = :point)"
        db.execute(f"DELETE FROM mark WHERE point = :point AND import NOT IN {left}", {"point": point})  # noqa: S608 - our own words
        nothing = "NOT IN (SELECT import FROM part UNION SELECT import FROM own)"
        db.execute(f"DELETE FROM own_swap WHERE import {nothing}")  # noqa: S608 - our own words
        db.execute(f"DELETE FROM import WHERE id {nothing}")  # noqa: S608 - our own words
    return gone + own


_PartRow = tuple[int, str, str, str, str, int, int]  # id, holder, register, quantity, shape, exponent, longest


def _parts(db: sqlite3.Connection, point: str, start: int, end: int, given: bool) -> list[_PartRow]:
    """The parts with the totals that were taken, or given, the oldest first. An index needs its readings on both sides."""
    return db.execute(
        "SELECT p.id, p.holder, p.register, p.quantity, p.shape, p.exponent, p.longest FROM part p "
        "WHERE p.point = ? AND p.given = ? AND p.tariff = 0 "
        "AND (p.shape = 'index' OR (p.start < ? AND p.end > ?)) ORDER BY p.import, p.id",
        (point, int(given), end, start),
    ).fetchall()


def _said(db: sqlite3.Connection, point: str, start: int, end: int, given: bool) -> list[tuple[Quantity, Periods]]:
    registers: dict[tuple[str, str, str, str], list[_PartRow]] = {}
    for part in _parts(db, point, start, end, given):
        registers.setdefault(part[1:5], []).append(part)
    said = []
    for (holder, register, quantity, name), parts in registers.items():
        exponent, shape = min(part[5] for part in parts), Shape(name)
        rows = [_scaled(_rows(db, part, start, end), 10 ** (part[5] - exponent)) for part in parts]
        if shape is Shape.INDEX:
            readings: dict[int, int] = {}
            for part_rows in rows:
                readings |= {at: value for at, _, value in part_rows}
            merged = [(at, at, value) for at, value in sorted(readings.items())]
        else:
            merged = joined(rows)
        said.append((Quantity[quantity], of_rows(holder, register, exponent, shape, merged)))
    return said


def _rows(db: sqlite3.Connection, part: _PartRow, start: int, end: int) -> Iterable[Amount]:
    number, shape, longest = part[0], part[4], part[6]
    if shape == Shape.INDEX:  # the last reading before and the first one after are needed, too
        (first,) = db.execute("SELECT max(start) FROM row WHERE part=? AND start<=?", (number, start)).fetchone()
        (last,) = db.execute("SELECT min(start) FROM row WHERE part=? AND start>=?", (number, end)).fetchone()
        low, high = start if first is None else first, end if last is None else last
        query, values = "start >= ? AND start <= ?", (low, high)
    else:
        query, values = "start > ? AND start < ?", (start - longest, end)
    return db.execute(
        f"SELECT start, start + length, value FROM row WHERE part=? AND {query} ORDER BY start",  # noqa: S608 - one of two
        (number, *values),
    )


def _scaled(rows: Iterable[Amount], factor: int) -> list[Amount]:
    return [(start, end, value * factor) for start, end, value in rows]


def _leaps(db: sqlite3.Connection, point: str, part: Part) -> Leap | None:
    what, rows = part.what, part.rows
    if what.shape is not Shape.INDEX:
        return None
    readings: dict[int, tuple[float, bool]] = {}
    for number, exponent in db.execute(
        "SELECT id, exponent FROM part WHERE point=? AND register=? AND tariff=? AND given=? AND quantity=? AND shape='index' "
        "ORDER BY import, id",
        (point, what.register, what.tariff, int(what.out), what.quantity.name),
    ).fetchall():
        kept = (number, "", "", "", Shape.INDEX, exponent, 0)
        readings |= {at: (value * 10.0**exponent, True) for at, _, value in _rows(db, kept, rows[0][0], rows[-1][0])}
    readings |= {at: (value * 10.0**part.exponent, False) for at, _, value in rows}
    for (start, (low, kept_low)), (end, (high, kept_high)) in pairwise(sorted(readings.items())):
        if kept_low is not kept_high and (found := leap(what, end - start, high - low)) is not None:
            return Leap(start, end, *found)
    return None


def _compared(db: sqlite3.Connection, point: str, part: Part) -> Compared:
    there: dict[tuple[int, int], tuple[int, int]] = {}
    what = part.what
    for number, exponent in db.execute(
        "SELECT id, exponent FROM part WHERE point=? AND register=? AND tariff=? AND given=? AND quantity=? AND shape=? "
        "ORDER BY import, id",
        (point, what.register, what.tariff, int(what.out), what.quantity.name, what.shape),
    ).fetchall():
        for start, length, value in db.execute(
            "SELECT start, length, value FROM row WHERE part=? AND start BETWEEN ? AND ?",
            (number, part.rows[0][0], part.rows[-1][0]),
        ):
            there[start, start + length] = (value, exponent)
    new = same = 0
    for start, end, value in part.rows:
        known = there.get((start, end))
        if known is None:
            new += 1
        else:
            fine = min(part.exponent, known[1])
            same += value * 10 ** (part.exponent - fine) == known[0] * 10 ** (known[1] - fine)
    return Compared(new, same, len(part.rows) - new - same)
