"""Is what lies on the card whole: SQLite's own look, and every chunk, rollup, log row and event against each other."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise

from drivers.model import Kind, Quantity
from gateway.model import SeriesKey
from gateway.store.codec import DamagedError, decode, unpack
from gateway.store.rollup import COLUMNS, DAY_S, Q6_S, coarser, hours

EPOCH = date(1970, 1, 1)
DAYS_MAX = (date.max - EPOCH).days
FAULTS_SHOWN_MAX = 50
PAGES_SHOWN_MAX = 10
# So many chunks between two looks at who waits: some milliseconds.
STEP_CHUNKS = 50

ROLLUP = "SELECT {} FROM {} WHERE series=? AND t>=? AND t<? ORDER BY t"


@dataclass(slots=True)
class Findings:
    """What was looked at, and what is wrong with it, a sentence each up to a bound; `faulty` counts all."""

    series: int = 0
    chunks: int = 0
    points: int = 0
    faulty: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, fault: str) -> None:
        self.faulty += 1
        if len(self.faults) < FAULTS_SHOWN_MAX:
            self.faults.append(fault)


def check(db: sqlite3.Connection, step: Callable[[], object] = lambda: None) -> Findings:
    """Look at all there is; nothing is changed. `step` is called now and then, and may use the connection."""
    found = Findings()
    _quick_check(db, found)
    try:
        known = {
            number: (SeriesKey(point, register, tariff), Quantity[quantity].kind)
            for number, point, register, tariff, quantity in db.execute(
                "SELECT id, point, register, tariff, quantity FROM series"
            )
        }
    except (sqlite3.DatabaseError, KeyError) as error:
        found.add(f"the list of series: {error}")
        return found
    found.series = len(known)
    for number, (key, kind) in sorted(known.items(), key=lambda each: each[1][0]):
        _series(db, found, number, key, kind, step)
    _others(db, found)
    return found


def _quick_check(db: sqlite3.Connection, found: Findings) -> None:
    try:
        said = [text for (text,) in db.execute(f"PRAGMA quick_check({PAGES_SHOWN_MAX})")]
    except sqlite3.DatabaseError as error:
        said = [str(error)]
    for text in said:
        if text != "ok":
            found.add(f"pages: {text}")


def _series(
    db: sqlite3.Connection,
    found: Findings,
    number: int,
    key: SeriesKey,
    kind: Kind,
    step: Callable[[], object],
) -> None:
    try:
        days = [day for (day,) in db.execute("SELECT day FROM chunk WHERE series=? ORDER BY day", (number,))]
    except sqlite3.DatabaseError as error:
        found.add(f"{key}: its days cannot be listed: {error}")
        return
    for place, day in enumerate(days):
        found.chunks += 1
        try:
            fault = _day(db, found, number, kind, day)
        except (sqlite3.DatabaseError, DamagedError) as error:
            fault = str(error)
        if fault:
            found.add(f"{key}, day {_written(day)}: {fault}")
        if place % STEP_CHUNKS == 0:
            step()


def _written(day: int) -> str:
    """A day of UTC as people write it; a damaged row may say any number."""
    return f"{EPOCH + timedelta(day)}" if 0 <= day < DAYS_MAX else str(day)


def _day(db: sqlite3.Connection, found: Findings, number: int, kind: Kind, day: int) -> str | None:
    """What is wrong with a day of a series, or None."""
    row = db.execute("SELECT n, b FROM chunk WHERE series=? AND day=?", (number, day)).fetchone()
    series = db.execute("SELECT exponent FROM series WHERE id=?", (number,)).fetchone()  # it may be finer by now
    if row is None or series is None:
        return None  # taken out meanwhile
    (exponent,) = series
    stated, ats, values = decode(row[1])
    found.points += len(ats)
    if fault := fault_of(row[0], day, ats):
        return fault
    if stated < exponent:
        return f"it is finer (10^{stated}) than its series (10^{exponent})"
    wanted = hours(kind, ats, [value * 10 ** (stated - exponent) for value in values])
    quarters = coarser(kind, wanted, Q6_S)
    for table, rows in (("hour", wanted), ("q6", quarters), ("day", coarser(kind, quarters, DAY_S))):
        there = db.execute(ROLLUP.format(COLUMNS[kind], table), (number, day * DAY_S, (day + 1) * DAY_S)).fetchall()
        if there != rows:
            return f"the {table} rows are not those of its points"
    return None


def fault_of(n: int, day: int, ats: list[int]) -> str | None:
    """Why a chunk that decodes is not that of its row; None where it is."""
    if not ats or len(ats) != n:
        return f"{n} points are announced, {len(ats)} are there"
    if ats[0] // DAY_S != day or ats[-1] // DAY_S != day or any(a >= b for a, b in pairwise(ats)):
        return "its times are not of that day, or not in order"
    return None


def _others(db: sqlite3.Connection, found: Findings) -> None:
    try:
        known = dict(db.execute("SELECT id, exponent FROM series"))
        for number, blob in db.execute("SELECT i, b FROM log ORDER BY i"):
            try:
                ids, _, _, exponents = unpack(blob)
            except DamagedError as error:
                found.add(f"row {number} of the log: {error}")
                continue
            found.points += len(ids)
            if not known.keys() >= set(ids):
                found.add(f"row {number} of the log: it names a series that there is not")
            elif any(exponent < known[id_] for id_, exponent in zip(ids, exponents, strict=True)):
                found.add(f"row {number} of the log: a point is finer than its series")
        for table in ("chunk", "hour", "q6", "day", "swap"):
            (strange,) = db.execute(
                f"SELECT count(DISTINCT series) FROM {table} WHERE series NOT IN (SELECT id FROM series)"  # noqa: S608 - our own table names
            ).fetchone()
            if strange:
                found.add(f"{table}: rows of {strange} series that there are not")
    except sqlite3.DatabaseError as error:
        found.add(f"log and events: {error}")
