"""What is on the card: commits, folding, imports. Every method runs in the store's thread and may raise sqlite3.Error."""

from __future__ import annotations

import sqlite3
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from drivers.model import Kind, Quantity
from gateway.model import SeriesKey
from gateway.store.codec import DamagedError, decode, encode, pack, pack_numbers, unpack
from gateway.store.memory import Batch, Series, SeriesRow
from gateway.store.model import Swap
from gateway.store.rollup import COLUMNS, DAY_S, Q6_S, Rollup, coarser, hours, merged

# One log row at most: as numbers they take a megabyte.
LOG_ROW_POINTS_MAX = 20_000
# One import transaction at most: live commits wait no longer than this takes, about a quarter of a second.
BULK_POINTS_MAX = 250_000

ROLLUPS = ("hour", "q6", "day")


class Card:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self.db = connection
        # Each once, however often it is asked for: a day of a series, or a row of the log.
        self._damaged: set[tuple[str, int, int]] = set()
        (self.folded_to,) = connection.execute("SELECT folded_to FROM state").fetchone()
        self.exponents: dict[int, int] = dict(connection.execute("SELECT id, exponent FROM series"))
        self.kinds: dict[int, Kind] = {
            number: Quantity[name].kind for number, name in connection.execute("SELECT id, quantity FROM series")
        }

    @property
    def damaged(self) -> int:
        """How many days of series, and rows of the log, failed their checksum."""
        return len(self._damaged)

    @property
    def lost_log(self) -> bool:
        """Whether a row of the log did: points of the last days, and nobody knows of which series."""
        return any(kind == "log" for kind, _, _ in self._damaged)

    def is_damaged(self, series: int, start: int, end: int) -> bool:
        """Whether a day of a series did that touches this span."""
        days = range(start // DAY_S, end // DAY_S + 1) if self._damaged else ()
        return any(("chunk", series, day) in self._damaged for day in days)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        exponents, kinds = dict(self.exponents), dict(self.kinds)
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.db.execute("COMMIT")
        except BaseException:
            self.exponents, self.kinds = exponents, kinds
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise

    def series(self) -> list[Series]:
        """Every series with its ends as the chunks know them, and its swaps."""
        out = []
        for number, point, register, tariff, name, exponent, main in self.db.execute(
            "SELECT id, point, register, tariff, quantity, exponent, main FROM series"
        ):
            series = Series(number, SeriesKey(point, register, tariff), Quantity[name], exponent, bool(main))
            self.see_ends(series)
            series.swaps = self.swaps(series)
            out.append(series)
        return out

    def see_ends(self, series: Series) -> None:
        """Widen the series' ends to what its chunks hold."""
        for order in ("ASC", "DESC"):
            for day, blob in self.db.execute(
                f"SELECT day, b FROM chunk WHERE series=? ORDER BY day {order}",  # noqa: S608 - one of two words
                (series.id,),
            ):
                ats, values = self._restated(series.id, day, blob)
                if ats:
                    factor = 10 ** (self.exponents[series.id] - series.exponent)
                    series.seen(ats[0], ats[-1], values[-1] * factor)
                    break

    def log(self) -> Iterator[tuple[int, tuple[array[int], array[int], array[int], array[int]]]]:
        """Each row's number and points, one row at a time: it may be written anew, or go, when its turn is over."""
        for number in [number for (number,) in self.db.execute("SELECT i FROM log ORDER BY i")]:
            (blob,) = self.db.execute("SELECT b FROM log WHERE i=?", (number,)).fetchone()
            try:
                yield number, unpack(blob)
            except DamagedError:
                self._damaged.add(("log", 0, number))

    def write(self, batch: Batch) -> None:
        """One commit: one row of the log."""
        if not batch.n and not batch.series:
            return
        with self.transaction():
            self.define(batch.series)
            for start in range(0, batch.n, LOG_ROW_POINTS_MAX):
                part = [column[start : start + LOG_ROW_POINTS_MAX] for column in batch.columns]
                self.db.execute("INSERT INTO log (b) VALUES (?)", (pack(*part),))

    def define(self, rows: Iterable[SeriesRow]) -> None:
        """Series that are new, or finer than they were; within a transaction."""
        for row in rows:
            if row.id not in self.exponents:
                key = row.key
                self.db.execute(
                    "INSERT INTO series VALUES (?,?,?,?,?,?,?)",
                    (row.id, key.point, key.register, key.tariff, row.quantity.name, row.exponent, int(row.main)),
                )
                self.exponents[row.id], self.kinds[row.id] = row.exponent, row.quantity.kind
                continue
            # Never coarser again: an import may have begun before a finer point came.
            exponent = min(row.exponent, self.exponents[row.id])
            factor = 10 ** (self.exponents[row.id] - exponent)
            self.db.execute("UPDATE series SET exponent=?, main=? WHERE id=?", (exponent, int(row.main), row.id))
            if factor > 1:
                for table in ROLLUPS:
                    self.db.execute(
                        f"UPDATE {table} SET low=low*:k, high=high*:k, total=total*:k, first=first*:k, last=last*:k "  # noqa: S608 - our own table names
                        "WHERE series=:series",
                        {"k": factor, "series": row.id},
                    )
                self.exponents[row.id] = exponent

    def fold(self, window: int) -> None:
        """Move what the log holds from before `window` into chunks and rollups, in one transaction."""
        window = max(window, self.folded_to)
        old: dict[int, dict[int, int]] = {}
        with self.transaction():
            for number, columns in self.log():
                ids, ats, values, exponents = columns
                if min(ats, default=window) >= window:
                    continue
                kept: tuple[array[int], ...] = (array("q"), array("q"), array("q"), array("q"))
                for point in zip(ids, ats, values, exponents, strict=True):
                    series, at, value, exponent = point
                    if series not in self.exponents:
                        self._damaged.add(("log", series, number))
                    elif at < window:
                        old.setdefault(series, {})[at] = value * 10 ** (exponent - self.exponents[series])
                    else:
                        for column, field in zip(kept, point, strict=True):
                            column.append(field)
                if kept[0]:
                    self.db.execute("UPDATE log SET b=? WHERE i=?", (pack(*kept), number))
                else:
                    self.db.execute("DELETE FROM log WHERE i=?", (number,))
            for series in sorted(old):
                order = sorted(old[series])
                self._into_chunks(series, array("q", order), array("q", map(old[series].__getitem__, order)))
            self.db.execute("UPDATE state SET folded_to=?", (window,))
        self.folded_to = window

    def bulk(self, row: SeriesRow, ats: array[int], values: array[int]) -> tuple[int, int]:
        """Points before the window, in order, straight into chunks; how many were the same, how many there otherwise.

        Those that are there stay.
        """
        with self.transaction():
            self.define((row,))
            factor = 10 ** (row.exponent - self.exponents[row.id])
            scaled = values if factor == 1 else array("q", [value * factor for value in values])
            return self._into_chunks(row.id, ats, scaled, keep=True)

    def _into_chunks(self, series: int, ats: array[int], values: array[int], *, keep: bool = False) -> tuple[int, int]:
        """How many points were there the same, and how many otherwise: the new ones win, or with `keep` the old."""
        exponent, kind = self.exponents[series], self.kinds[series]
        there = {
            day
            for (day,) in self.db.execute(
                "SELECT day FROM chunk WHERE series=? AND day BETWEEN ? AND ?",
                (series, ats[0] // DAY_S, ats[-1] // DAY_S),
            )
        }
        same = other = 0
        chunks: list[tuple[int, int, int, bytes]] = []
        hour_rows: list[Rollup] = []
        start = 0
        while start < len(ats):
            day = ats[start] // DAY_S
            end = bisect_left(ats, (day + 1) * DAY_S, start)
            day_ats, day_values = ats[start:end].tolist(), values[start:end].tolist()
            if day in there:
                old_ats, old_values = self.day(series, day)
                old, new = (old_ats, old_values), (day_ats, day_values)
                day_ats, day_values, day_same, day_other = merged(*new, *old) if keep else merged(*old, *new)
                same, other = same + day_same, other + day_other
            chunks.append((series, day, len(day_ats), encode(exponent, day_ats, day_values)))
            hour_rows += hours(kind, day_ats, day_values)
            start = end
        self.db.executemany("INSERT OR REPLACE INTO chunk VALUES (?,?,?,?)", chunks)
        six_hours = coarser(kind, hour_rows, Q6_S)
        columns = COLUMNS[kind]
        places = ",".join("?" * (2 + columns.count(",")))
        for table, rows in (("hour", hour_rows), ("q6", six_hours), ("day", coarser(kind, six_hours, DAY_S))):
            self.db.executemany(
                f"INSERT OR REPLACE INTO {table} (series, {columns}) VALUES ({places})",  # noqa: S608 - our own names
                [(series, *row) for row in rows],
            )
        return same, other

    def put(self, days: Iterable[tuple[int, list[int], list[int]]]) -> None:
        """Whole days of series (id, times, values in its exponent), with their rollups, in one transaction."""
        with self.transaction():
            for series, ats, values in days:
                self._into_chunks(series, array("q", ats), array("q", values))

    def take_out(self, series: int, gone: Mapping[int, int]) -> None:
        """Points (at: value) go where exactly that is said, from chunks, rollups and log, in one transaction."""
        with self.transaction():
            for day in sorted({at // DAY_S for at in gone}):
                points = list(zip(*self.day(series, day), strict=True))
                kept = [point for point in points if gone.get(point[0]) != point[1]]
                if len(kept) == len(points):
                    continue
                self._only(series, day, kept)
            if max(gone, default=0) >= self.folded_to:
                self._keep_in_log(
                    lambda id_, at, value, exponent: (
                        id_ != series or gone.get(at) != value * 10 ** (exponent - self.exponents[series])
                    )
                )

    def erase(self, series: Iterable[int], start: int, end: int) -> int:
        """Points, start <= at < end, go from chunks, rollups and log, in one transaction; how many.

        A damaged day goes whole, and so does a damaged row of the log: nobody can say whose points it holds.
        """
        gone = 0
        wanted = set(series)
        with self.transaction():
            for number in wanted:
                for day, n in self.db.execute(
                    "SELECT day, n FROM chunk WHERE series=? AND day BETWEEN ? AND ?",
                    (number, start // DAY_S, (end - 1) // DAY_S),
                ).fetchall():
                    points = list(zip(*self.day(number, day), strict=True))
                    kept = [point for point in points if not start <= point[0] < end]
                    gone += (len(points) or n) - len(kept)
                    self._only(number, day, kept)
            self._drop_damaged_rows()
            gone += self._keep_in_log(lambda id_, at, value, exponent: id_ not in wanted or not start <= at < end)
        return gone

    def holds(self, series: int) -> bool:
        """Whether there is any day of it, and be it a damaged one."""
        (found,) = self.db.execute("SELECT EXISTS (SELECT 1 FROM chunk WHERE series=?)", (series,)).fetchone()
        return bool(found)

    def forget(self, series: Iterable[int]) -> None:
        """Series of which nothing is left, with their events, are no longer there."""
        with self.transaction():
            for number in series:
                self.db.execute("DELETE FROM series WHERE id=?", (number,))
                self.db.execute("DELETE FROM swap WHERE series=?", (number,))
                self.exponents.pop(number, None)
                self.kinds.pop(number, None)

    def scrub(self) -> None:
        """Nothing that was erased is in the file any longer, nor in its WAL."""
        self.db.execute("VACUUM")
        self.checkpoint()

    def _only(self, series: int, day: int, kept: Sequence[tuple[int, int]]) -> None:
        """A day of a series has these points, and no others."""
        start = day * DAY_S
        self.db.execute("DELETE FROM chunk WHERE series=? AND day=?", (series, day))
        for table in ROLLUPS:
            self.db.execute(
                f"DELETE FROM {table} WHERE series=? AND t>=? AND t<?",  # noqa: S608 - our own table names
                (series, start, start + DAY_S),
            )
        if kept:
            ats, values = (array("q", column) for column in zip(*kept, strict=True))
            self._into_chunks(series, ats, values)

    def _keep_in_log(self, stays: Callable[[int, int, int, int], bool]) -> int:
        """Points (series, at, value, exponent) of the log that do not stay, go; how many.

        One that was said again otherwise is in it twice, and is one.
        """
        gone: set[tuple[int, int]] = set()
        for number, columns in self.log():
            points = list(zip(*columns, strict=True))
            kept = [point for point in points if stays(*point)]
            if len(kept) == len(points):
                continue
            gone.update((id_, at) for id_, at, value, exponent in points if not stays(id_, at, value, exponent))
            if kept:
                packed = pack(*(array("q", column) for column in zip(*kept, strict=True)))
                self.db.execute("UPDATE log SET b=? WHERE i=?", (packed, number))
            else:
                self.db.execute("DELETE FROM log WHERE i=?", (number,))
        return len(gone)

    def _drop_damaged_rows(self) -> None:
        whole = {number for number, _ in self.log()}
        for number in [number for (number,) in self.db.execute("SELECT i FROM log") if number not in whole]:
            self.db.execute("DELETE FROM log WHERE i=?", (number,))

    def day(self, series: int, day: int) -> tuple[list[int], list[int]]:
        """One chunk in the series' exponent on the card."""
        row = self.db.execute("SELECT b FROM chunk WHERE series=? AND day=?", (series, day)).fetchone()
        return self._restated(series, day, row[0]) if row else ([], [])

    def points(self, series: int, start: int, end: int) -> tuple[array[int], array[int]]:
        """Raw points of the chunks, start <= at < end."""
        ats, values = array("q"), array("q")
        for day, blob in self.db.execute(
            "SELECT day, b FROM chunk WHERE series=? AND day BETWEEN ? AND ? ORDER BY day",
            (series, start // DAY_S, (end - 1) // DAY_S),
        ):
            day_ats, day_values = self._restated(series, day, blob)
            if not start <= day * DAY_S <= end - DAY_S:
                low, high = bisect_left(day_ats, start), bisect_left(day_ats, end)
                day_ats, day_values = day_ats[low:high], day_values[low:high]
            # Day by day: a list takes five times the memory of an array.
            ats += pack_numbers("q", day_ats)
            values += pack_numbers("q", day_values)
        return ats, values

    def _restated(self, series: int, day: int, blob: bytes) -> tuple[list[int], list[int]]:
        try:
            exponent, ats, values = decode(blob)
        except DamagedError:
            # A card that forgot a bit leaves a gap of one day in one series, not a box that does not start.
            self._damaged.add(("chunk", series, day))
            return [], []
        if exponent != self.exponents[series]:
            factor = 10 ** (exponent - self.exponents[series])
            values = [value * factor for value in values]
        return ats, values

    def swap(self, series: SeriesRow, swap: Swap) -> int:
        """Append an event; its id."""
        with self.transaction():
            self.define((series,))
            cursor = self.db.execute(
                "INSERT INTO swap (series, at, old_final, new_start, exponent, made_at) VALUES (?,?,?,?,?,?)",
                (series.id, swap.at, swap.old_final, swap.new_start, swap.exponent, swap.made_at),
            )
            assert cursor.lastrowid is not None
            return cursor.lastrowid

    def undo(self, number: int, made_at: int) -> int | None:
        """Append the event that takes another back; the series' id, None if there is nothing to take back."""
        with self.transaction():
            row = self.db.execute(
                "SELECT series, at FROM swap WHERE id=:event AND undoes IS NULL "
                "AND NOT EXISTS (SELECT 1 FROM swap WHERE undoes=:event)",
                {"event": number},
            ).fetchone()
            if row is None:
                return None
            self.db.execute(
                "INSERT INTO swap (series, at, old_final, new_start, exponent, made_at, undoes) VALUES (?,?,0,0,0,?,?)",
                (row[0], row[1], made_at, number),
            )
            return int(row[0])

    def swaps(self, series: Series) -> tuple[Swap, ...]:
        return tuple(
            Swap(number, series.key, at, old_final, new_start, exponent, made_at, undone_by)
            for number, at, old_final, new_start, exponent, made_at, undone_by in self.db.execute(
                "SELECT s.id, s.at, s.old_final, s.new_start, s.exponent, s.made_at, u.id FROM swap s "
                "LEFT JOIN swap u ON u.undoes=s.id WHERE s.series=? AND s.undoes IS NULL ORDER BY s.at, s.id",
                (series.id,),
            )
        )

    def checkpoint(self) -> None:
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self.db.close()


def blocks(ats: Sequence[int], size: int = BULK_POINTS_MAX) -> Iterator[tuple[int, int]]:
    """Ranges of about `size` points that end where a day ends, so that no chunk is written twice."""
    start = 0
    while start < len(ats):
        end = min(start + size, len(ats))
        if end < len(ats):
            end = bisect_left(ats, (ats[end] // DAY_S + 1) * DAY_S, end)
        yield start, end
        start = end
