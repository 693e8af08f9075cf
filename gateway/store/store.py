"""The store: one owner of the series. Memory answers at once; one thread owns the card."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import ParamSpec, TypeVar
from zoneinfo import ZoneInfo

from drivers.model import Kind, Quantity
from gateway.model import EARLIEST, Point, SeriesKey
from gateway.store import queries, schema
from gateway.store.bulk import checked, copy
from gateway.store.card import Card, blocks
from gateway.store.check import Findings, check
from gateway.store.memory import EXPONENT_MAX, Memory, Series, SeriesRow
from gateway.store.model import (
    Columns,
    Consumption,
    Counts,
    Imported,
    Indexes,
    Points,
    SeriesInfo,
    StoreError,
    Swap,
)
from gateway.store.queries import GAP_S, Around, Recent
from gateway.store.rollup import DAY_S, parts
from gateway.store.tail import Tail, read
from gateway.store.worker import StoppingError, Worker

# Live values, the last day's curve and its comparison with the day before never touch the card.
MEMORY_S = 48 * 3600
# A point may be so far ahead of the clock; more is a meter's clock or ours that is wrong.
AHEAD_S = DAY_S
FOREVER = 1 << 62
# By so many points it is told how often a meter speaks: a gap or a telegram heard twice among them changes nothing.
PACE_POINTS_MIN, PACE_POINTS_MAX = 4, 9

P = ParamSpec("P")
T = TypeVar("T")


class Store:
    """One owner of the series, made by `Store.open`.

    `add`, `latest`, `series` and curves of the last 48 hours are answered from memory, in any thread. The rest waits
    for the store's thread, so the event loop asks it through `run`.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path, tail: Path, zone: ZoneInfo, now: Callable[[], int]
    ) -> None:
        self._path = path
        self._zone = zone
        self._now = now
        self._card = Card(connection)
        self._memory = Memory(self._card.folded_to)
        # Held for copies in memory and for the memory-backed tail, never while the card works.
        self._lock = threading.Lock()
        self._worker = Worker()
        self._trouble: str | None = None
        self.full = False  # what the trouble is: there is no room on the card
        self._tail_trouble: str | None = None
        # Met since the start: what lies on damaged pages is not answered, all else goes on.
        self.damaged = False
        # Told of series and a span before and after a person takes their points in it away, so that what was sent elsewhere may follow:
        # before, as a kill may come in between; after, as what was read in between is out of date.
        self.on_removal: Callable[[Collection[SeriesKey], int, int], None] = lambda keys, start, end: None
        # Told of series, and from when on they say something else than before (UTC seconds): points came late, or in files, went, or
        # are counted on otherwise. In any thread.
        self.on_change: Callable[[Collection[SeriesKey], int], None] = lambda keys, start: None
        self._saved_to = 0
        self._fold_day = ""
        for series in self._card.series():
            self._memory.know(series)
        for _, row in self._card.log():
            self._memory.restore(*row)
        batches, self._memory.counts.tail_torn = read(tail)
        for batch in batches:
            self._memory.add(batch, now(), FOREVER)  # the clock may be in the past by now
        self._tail = Tail(tail)
        self._saved_to = 0
        # What the tail holds goes to the card before anything else; a torn end is cut off with it.
        if not self._commit():
            self._cut_tail()
        self._fold_on_new_day()

    @classmethod
    def open(cls, path: Path, tail: Path, *, zone: ZoneInfo, now: Callable[[], int], commit_s: float = 60) -> Store:
        """Open or make the series at `path` and take back what `tail` holds; StoreError says why not.

        `now` gives UTC seconds. One thread owns the file, commits each `commit_s` and folds when a day of `zone` ends.
        """
        opened: Future[Store] = Future()

        def live() -> None:
            try:
                connection = schema.connect(path, (now() - MEMORY_S) // DAY_S * DAY_S)
                try:
                    store = cls(connection, path, tail, zone, now)
                except BaseException:
                    connection.close()
                    raise
            except (OSError, sqlite3.Error) as error:
                opened.set_exception(schema.refusal(error, path))
            except BaseException as error:  # noqa: BLE001 - raised again by opened.result()
                opened.set_exception(error)
            else:
                opened.set_result(store)
                store._worker.serve(commit_s, store._round)

        threading.Thread(target=live, name=f"store {path.name}", daemon=True).start()
        return opened.result()

    # In memory

    def add(self, points: Sequence[Point]) -> int:
        """Take points: into memory and the tail at once, to the card with the next commit; how many were there already.

        Order does not matter. A point at a time already known wins if its value differs (`counts.replaced`). What
        cannot be a point of its series (another quantity, a number out of all measure, a time before 2000 or after
        tomorrow) is refused and counted.
        """
        self._worker.check()
        with self._lock:
            now = self._now()
            counts = self._memory.counts
            duplicates = counts.duplicates
            self._saved_to = min(self._saved_to, now)  # the clock was set back
            touched, taken = self._memory.add(points, now, now + AHEAD_S)
            if taken and not self._tail.append(touched, taken):
                counts.tail_unwritten += len(taken)
                self._tail_trouble = "tail: no room; a crash of the program would lose what came since the last commit"
            changed, self._memory.changed = self._memory.changed, {}
            known = counts.duplicates - duplicates
        for key, start in changed.items():
            self._worker.submit(self._tell_change, key, start)
        return known

    def latest(self, key: SeriesKey) -> Point | None:
        """The newest point of a series, as the meter said it."""
        with self._lock:
            series = self._memory.series.get(key)
            if series is None or series.last_at is None:
                return None
            return Point(key, series.quantity, series.last_at, series.last, series.exponent, series.main)

    def pace_s(self, key: SeriesKey) -> int | None:
        """How far apart the last points of a series lie as a rule: a short distance rather than a gap; None where there are too few."""
        with self._lock:
            series = self._memory.series.get(key)
            ats = series.ats[-PACE_POINTS_MAX:] if series is not None else ()
        apart = sorted(after - before for before, after in pairwise(ats))
        return apart[(len(apart) - 1) // 2] if len(apart) >= PACE_POINTS_MIN - 1 else None

    def series(self) -> tuple[SeriesInfo, ...]:
        """Every series that has a point, in order of key."""
        with self._lock:
            infos = map(self._memory.info, self._memory.series.values())
            return tuple(sorted((info for info in infos if info), key=lambda info: info.key))

    @property
    def saved_to(self) -> int:
        """UTC seconds: every point whose `add` returned at an earlier clock second is on the card.

        On the card means committed with synchronous=FULL: a power cut no longer takes it. What came since is in the
        tail: a kill does not take it, a power cut does.
        """
        return self._saved_to

    @property
    def oldest_unsaved(self) -> int | None:
        """When the oldest point that is not on the card was added; None when all are."""
        return self._memory.oldest

    def unsaved(self, key: SeriesKey) -> tuple[int, int] | None:
        """When the oldest point is that a power cut would take of this series, and the one before it (0: not known); UTC seconds."""
        with self._lock:
            series = self._memory.series.get(key)
            return None if series is None else self._memory.unsaved.get(series.id)

    @property
    def lost_log(self) -> bool:
        """Whether a start could not read all that came in the last days."""
        return self._card.lost_log

    def is_damaged(self, key: SeriesKey, start: int, end: int) -> bool:
        """Whether a day of this series that touches a span was found damaged when it was read: what it held is not known."""
        with self._lock:
            series = self._memory.series.get(key)
        return series is not None and self._card.is_damaged(series.id, start, end)

    @property
    def trouble(self) -> str | None:
        """Why points are not reaching the card or the tail now, in one sentence; None when all is well."""
        if self._memory.counts.lost:
            return f"{self._trouble or self._path.name}: {self._memory.counts.lost} points lost"
        return self._trouble or self._tail_trouble

    @property
    def counts(self) -> Counts:
        """What was refused, replaced or repaired since the start."""
        with self._lock:
            return replace(self._memory.counts, damaged=self._card.damaged)

    # From memory, or with the card in the store's thread

    def points(self, key: SeriesKey, start: int, end: int) -> Points | None:
        """Raw points, start <= at < end, as the meters said them; None for an unknown series."""
        series, recent = self._recent(key)
        if series is None:
            return None
        if start >= recent.window:
            return Points(recent.exponent, *recent.between(start, end))
        return self._call(self._points, series, start, end)

    def curve(self, key: SeriesKey, start: int, end: int, buckets: int = 500) -> Columns | None:
        """The course of a series in at most about `buckets` buckets; None for an unknown series.

        Fewer points than that come as they are. Wide buckets are whole UTC hours, quarters of a day or days.
        """
        series, recent = self._recent(key)
        if series is None:
            return None
        if start >= recent.window:
            return queries.curve(None, series, recent, start, end, buckets)
        return self._call(self._curve, series, start, end, buckets)

    def at_bounds(self, keys: Sequence[SeriesKey], bounds: Sequence[int], *, gap_s: int = GAP_S) -> list[Indexes]:
        """The virtual index of each index series at each bound, None where nobody can say.

        Known is the last value at or before the bound, unless the bound lies in a gap: points more than `gap_s` apart
        with different values, or no point for `gap_s` before a bound that nothing follows, or the future.
        """
        out = []
        for key in keys:
            series, sides = self._sides(key, bounds)
            if series is None:
                out.append(Indexes(key, 0, (None,) * len(bounds)))
                continue
            fine, offset = queries.offsets(series.swaps, series.exponent)
            factor = 10 ** (series.exponent - fine)
            now = self._now()
            values = tuple(queries.index_at(side, now, gap_s, offset, factor) for side in sides)
            out.append(Indexes(key, fine, values))
        return out

    def consumption(self, key: SeriesKey, bounds: Sequence[int], *, gap_s: int = GAP_S) -> list[Consumption]:
        """What an index grew by from each bound (rising) to the next; swaps and roll-overs are counted on."""
        series, sides = self._sides(key, bounds)
        if series is None:
            return [Consumption(None, 0, False)] * (len(bounds) - 1)
        return queries.consumption(sides, self._now(), gap_s, series.swaps, series.exponent)

    def events(self, key: SeriesKey) -> tuple[Swap, ...]:
        """Every swap of a series in order of time, those taken back included."""
        with self._lock:
            series = self._memory.series.get(key)
            return series.swaps if series else ()

    def swapped(self) -> tuple[SeriesInfo, ...]:
        """As `series`, of those that have a swap."""
        with self._lock:
            infos = [self._memory.info(series) for series in self._memory.series.values() if series.swaps]
            return tuple(sorted((info for info in infos if info), key=lambda info: info.key))

    # In the store's thread

    def bulk(
        self,
        key: SeriesKey,
        quantity: Quantity,
        exponent: int,
        main: bool,
        ats: Sequence[int],
        values: Sequence[int],
        *,
        ahead: bool = False,
    ) -> Imported:
        """Import many points of one series, past the log and straight into chunks; on the card when it returns.

        Points that are there already stay as they are. A kill in the middle keeps whole blocks; importing again is
        harmless. StoreError when the series measures something else, a time is later than tomorrow (but with `ahead`),
        or the card refuses.
        """
        return self._call(self._bulk, key, quantity, exponent, main, ats, values, ahead)

    def absent(self, key: SeriesKey, ats: Sequence[int]) -> list[int]:
        """Those of some times at which a series has no point."""
        return self._call(self._absent, key, ats)

    def take_out(self, key: SeriesKey, exponent: int, ats: Sequence[int], values: Sequence[int]) -> None:
        """Points of an import that is taken back: off the card when it returns.

        A point that says something else by now is not the import's, and stays. Doing it again is harmless.
        """
        if ats:
            with self._removing((key,), min(ats), max(ats) + 1):
                self._call(self._take_out, key, exponent, ats, values)

    def erase(self, keys: Sequence[SeriesKey], start: int, end: int) -> int:
        """Points of these series, start <= at < end, are gone when it returns, from the file itself too; how many.

        A series without points is no longer there, nor are its events. StoreError when the card refuses: then nothing
        is erased, or all is erased and the file's free pages still hold it, and the sentence says which.
        """
        with self._removing(keys, start, end):
            return self._call(self._erase, keys, start, end)

    def swap(self, key: SeriesKey, at: int, old_final: int, new_start: int, exponent: int) -> Swap:
        """From `at` on the series counts on from the old meter's last index; on the card when it returns.

        The point stored at `at` itself, if any, is the new meter's.
        """
        return self._call(self._swap, key, at, old_final, new_start, exponent)

    def undo(self, event: int) -> bool:
        """Take a swap back, by a later event; False if there is none that stands."""
        return self._call(self._undo, event)

    def commit(self) -> bool:
        """Write what waits to the card now; False, and `trouble` says why, if it could not."""
        return self._call(self._commit)

    flush = commit

    def fold(self) -> bool:
        """Move what is older than memory's window into chunks now; done by itself at each day's end."""
        return self._call(lambda: self._fold(self._window()))

    def backup(self, path: Path, progress: Callable[[float], None] = lambda share: None) -> None:
        """Write everything added so far into a new file at `path`, which `open` takes.

        Points go on being added, and questions answered; `progress` is told how far it is, from 0 to 1.
        """
        self._call(self._backup, path, progress)

    def check(self) -> Findings:
        """Look at all that is on the card; points go on being added, and questions answered."""
        return self._call(self._check)

    def wait(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call in the store's thread and wait, from another thread than the event loop's; StoreError from the card."""
        return self._call(function, *args, **kwargs)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call in the store's thread, so that the event loop does not wait for the card."""
        return await self._worker.run(function, *args, **kwargs)

    def close(self) -> None:
        """Commit what waits and let go of the file. What the card refused stays in the tail."""
        if self._worker.alive:
            self._worker.stopping()
            self._call(self._close)
            self._worker.stop()

    # The thread

    @contextlib.contextmanager
    def _removing(self, keys: Collection[SeriesKey], start: int, end: int) -> Iterator[None]:
        self.on_removal(keys, start, end)
        yield
        self.on_removal(keys, start, end)

    def _round(self) -> None:
        self._commit()
        self._fold_on_new_day()

    def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return self._worker.call(function, *args, **kwargs)
        except sqlite3.Error as error:
            raise StoreError(self._refused(error)) from error

    def _refused(self, error: sqlite3.Error) -> str:
        """Why the card does not answer; a damaged file is remembered, for the next start to take out what can be read."""
        self.full = schema.is_full(error)
        if schema.damages(error) and not self.damaged:
            self.damaged = True
            with contextlib.suppress(OSError):  # a card that cannot keep it will say so again
                schema.suspect(self._path).touch(0o600)
        return f"{self._path.name}: {schema.why(error, self._path)}"

    def _commit(self) -> bool:
        with self._lock:
            batch = self._memory.batch(self._now())
        try:
            self._card.write(batch)
        except sqlite3.Error as error:
            self._trouble = self._refused(error)
            return False
        with self._lock:
            self._memory.settle(batch)
            self._saved_to = batch.saved_to
            self._trouble, self.full = None, False
            self._cut_tail()
        return True

    def _cut_tail(self) -> None:
        series, points = self._memory.waiting()
        try:
            self._tail.cut(series, points)
            self._tail_trouble = None
        except OSError as error:
            self._tail_trouble = f"tail: {error}"

    def _fold_on_new_day(self) -> None:
        now = self._now()
        today = datetime.fromtimestamp(now, self._zone).date().isoformat()
        if today != self._fold_day and self._fold(self._window()):
            self._fold_day = today

    def _window(self) -> int:
        """Where memory is to begin: a clock that is ahead moves it no further than the points have come."""
        with self._lock:
            newest = max((series.last_at or 0 for series in self._memory.series.values()), default=0)
        end: int = min(self._now(), newest)
        window: int = max(self._card.folded_to, (end - MEMORY_S) // DAY_S * DAY_S)
        return window

    def _fold(self, window: int) -> bool:
        if not self._commit():
            return False
        try:
            self._card.fold(window)
        except sqlite3.Error as error:
            self._trouble = self._refused(error)
            return False
        with self._lock:
            self._memory.folded(self._card.folded_to)
        return True

    def _tell_change(self, key: SeriesKey, at: int) -> None:
        """From the point before on: what an index is between two points, both say."""
        series, recent = self._recent(key)
        if series is not None and series.quantity.kind is Kind.INDEX:
            with contextlib.suppress(sqlite3.Error):
                (side,) = queries.around(self._card, series, recent, [at - 1])
                at = at if side.before is None else side.before[0]
        self.on_change((key,), at)

    def _bulk(
        self,
        key: SeriesKey,
        quantity: Quantity,
        exponent: int,
        main: bool,
        ats: Sequence[int],
        values: Sequence[int],
        ahead: bool,
    ) -> Imported:
        brought = checked(key, quantity, ats, values, FOREVER if ahead else self._now() + AHEAD_S)
        if brought is None:
            return Imported(0, 0)
        at_array, value_array, twice = brought
        with self._lock:
            series = self._memory.define(key, quantity, exponent, main)
            if series is None:
                raise StoreError(f"{key}: {quantity.name} * 10**{exponent} does not fit the series of that name")
            row = self._memory.row(series)
        factor = 10 ** (exponent - row.exponent)
        largest = factor * max(max(max(part), -min(part)) for part in parts(value_array))
        if largest > series.limit:
            raise StoreError(f"{key}: numbers up to {series.limit} are kept, not {largest}")
        if factor > 1:
            value_array = array("q", [value * factor for value in value_array])
        # What is there already must be where it is looked for.
        if not (self._fold(self._card.folded_to) if series.id in self._memory.late else self._commit()):
            raise StoreError(self._trouble)
        try:
            same, other = self._put_in(series, row, at_array, value_array)
        finally:  # what came in before the card refused, too
            self._tell_change(key, at_array[0])
        return Imported(len(at_array) - same - other, twice + same, other)

    def _put_in(self, series: Series, row: SeriesRow, at_array: array[int], value_array: array[int]) -> tuple[int, int]:
        """Points in order; how many were there the same, and how many otherwise."""
        same = other = 0
        recent = bisect_left(at_array, self._card.folded_to)
        for start, end in blocks(at_array[:recent]):
            counts = self._card.bulk(row, at_array[start:end], value_array[start:end])
            same, other = same + counts[0], other + counts[1]
            with self._lock:
                factor = 10 ** (row.exponent - series.exponent)
                last = series.last if at_array[end - 1] == series.last_at else value_array[end - 1] * factor
                series.seen(at_array[start], at_array[end - 1], last)
            self._commit()
        if recent < len(at_array):
            with self._lock:
                factor = 10 ** (row.exponent - series.exponent)
                new_values = array("q", [value * factor for value in value_array[recent:]])
                counts = self._memory.merge(series, at_array[recent:], new_values, self._now())
            same, other = same + counts[0], other + counts[1]
        if not self._commit():
            raise StoreError(self._trouble)
        return same, other

    def _absent(self, key: SeriesKey, ats: Sequence[int]) -> list[int]:
        series = self._recent(key)[0]
        if series is None:
            return list(ats)
        there = set(self._settled(series).ats)
        for day in {at // DAY_S for at in ats if at < self._card.folded_to}:
            there.update(self._card.day(series.id, day)[0])
        return [at for at in ats if at not in there]

    def _take_out(self, key: SeriesKey, exponent: int, ats: Sequence[int], values: Sequence[int]) -> None:
        series = self._recent(key)[0]
        if series is None or not ats:
            return
        # What is to go must be where it is looked for.
        if not (self._fold(self._card.folded_to) if series.id in self._memory.late else self._commit()):
            raise StoreError(self._trouble)
        factor = 10 ** (exponent - self._card.exponents[series.id])
        self._card.take_out(series.id, {at: value * factor for at, value in zip(ats, values, strict=True)})
        with self._lock:
            factor = 10 ** (exponent - series.exponent)
            self._memory.take_out(series, {at: value * factor for at, value in zip(ats, values, strict=True)})
            self._card.see_ends(series)
        self._tell_change(key, min(ats))

    def _erase(self, keys: Sequence[SeriesKey], start: int, end: int) -> int:
        found = [series for key in keys if (series := self._recent(key)[0]) is not None]
        # What is to go must be where it is looked for.
        if not (self._fold(self._card.folded_to) if self._memory.late else self._commit()):
            raise StoreError(self._trouble)
        gone = self._card.erase([series.id for series in found], start, end)
        with self._lock:
            for series in found:
                self._memory.erase(series, start, end)
                self._card.see_ends(series)
        for series in found:
            self._tell_change(series.key, start)
        with self._lock:
            # Those, too, that an erasing which a kill cut short left without points.
            mute = [series for series in self._memory.series.values() if series.last_at is None]
        empty = [series for series in mute if not self._card.holds(series.id)]
        self._card.forget([series.id for series in empty])
        with self._lock:
            for series in empty:
                if series.last_at is None:
                    self._memory.forget(series.key)
                else:  # it spoke just now: the card is told of it anew
                    self._memory.dirty.add(series.key)
            self._cut_tail()
        if self._tail_trouble is not None:
            raise StoreError(f"erased, and what was not on the card yet may come back: {self._tail_trouble}")
        try:
            self._card.scrub()
        except sqlite3.Error as error:
            why = schema.why(error, self._path)
            raise StoreError(f"{self._path.name}: erased, but its free pages still hold it: {why}") from error
        return gone

    def _swap(self, key: SeriesKey, at: int, old_final: int, new_start: int, exponent: int) -> Swap:
        with self._lock:
            series = self._memory.series.get(key)
            if series is None or series.quantity.kind is not Kind.INDEX:
                raise StoreError(f"{key}: only an index that has points can be counted on")
            row = self._memory.row(series)
        if max(abs(old_final), abs(new_start)) > series.limit or abs(exponent) > EXPONENT_MAX:
            raise StoreError(f"{key}: numbers up to {series.limit} are kept, not {old_final} and {new_start}")
        if not EARLIEST <= at <= self._now() + AHEAD_S:
            raise StoreError(f"{key}: times from 2000 until tomorrow are kept, not {at} (UTC seconds)")
        swap = Swap(0, key, at, old_final, new_start, exponent, self._now())
        swap = replace(swap, id=self._card.swap(row, swap))
        self._set_swaps(series)
        self._tell_change(key, at)
        return swap

    def _undo(self, event: int) -> bool:
        number = self._card.undo(event, self._now())
        for series in list(self._memory.series.values()):
            if series.id == number:
                self._set_swaps(series)
                self.on_change((series.key,), 0)
        return number is not None

    def _set_swaps(self, series: Series) -> None:
        swaps = self._card.swaps(series)
        with self._lock:
            series.swaps = swaps

    def _backup(self, path: Path, progress: Callable[[float], None]) -> None:
        if self.damaged:  # it could not be restored, and would in time take the place of one that can
            raise StoreError(
                f"{self._path.name}: damaged, so no copy is made; the next start takes out what can be read"
            )
        if not self._commit():
            raise StoreError(self._trouble)
        try:
            copy(self._card.db, path, progress, self._worker.between)
        except StoppingError:
            raise StoreError(f"{self._path.name}: the gateway ends, and the copy is not whole") from None

    def _check(self) -> Findings:
        try:
            return check(self._card.db, self._worker.between)
        except StoppingError:
            raise StoreError(f"{self._path.name}: the gateway ends, and not all was looked at") from None

    def _close(self) -> None:
        self._commit()
        try:
            self._card.checkpoint()
        except sqlite3.Error as error:
            self._trouble = self._refused(error)
        self._card.close()
        self._tail.close()

    # Queries

    def _recent(self, key: SeriesKey) -> tuple[Series | None, Recent]:
        with self._lock:
            series = self._memory.series.get(key)
            if series is None:
                return None, Recent(0, 0, array("q"), array("q"))
            return series, Recent(self._memory.window, series.exponent, series.ats[:], series.values[:])

    def _settled(self, series: Series) -> Recent:
        """The series' memory, after its late points went where the card's queries find them."""
        if series.id in self._memory.late:
            self._fold(self._card.folded_to)
        return self._recent(series.key)[1]

    def _points(self, series: Series, start: int, end: int) -> Points:
        recent = self._settled(series)
        return Points(recent.exponent, *queries.points(self._card, series, recent, start, end))

    def _curve(self, series: Series, start: int, end: int, buckets: int) -> Columns:
        return queries.curve(self._card, series, self._settled(series), start, end, buckets)

    def _sides(self, key: SeriesKey, bounds: Sequence[int]) -> tuple[Series | None, list[Around]]:
        series, recent = self._recent(key)
        if series is None or series.quantity.kind is not Kind.INDEX:
            return None, []
        if recent.ats and min(bounds, default=0) >= recent.ats[0]:
            return series, queries.around(None, series, recent, bounds)
        return series, self._call(lambda: queries.around(self._card, series, self._settled(series), bounds))
