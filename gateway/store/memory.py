"""What is in memory: every series' last value, its points since the window began, and what waits for the card."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from drivers.model import Kind, Quantity
from gateway.model import EARLIEST, Point, SeriesKey
from gateway.store.codec import pack_numbers
from gateway.store.model import Counts, SeriesInfo, Swap
from gateway.store.rollup import merged

# A day of the largest level at one point a second, summed, stays below 64 bits, with room for a finer resolution.
LEVEL_MAX = 10**13
INDEX_MAX = 10**15
EXPONENT_MAX = 18

# What may wait for a card that refuses every commit; above it new points are counted as lost. 33 B a point.
PENDING_POINTS_MAX = 1_000_000


@dataclass(slots=True, eq=False)
class Series:
    """One series: `ats` and `values` hold every point from the window's start on, in order of time."""

    id: int
    key: SeriesKey
    quantity: Quantity
    exponent: int
    main: bool
    ats: array[int] = field(default_factory=lambda: array("q"))
    values: array[int] = field(default_factory=lambda: array("q"))
    first_at: int | None = None
    last_at: int | None = None
    last: int = 0
    swaps: tuple[Swap, ...] = ()
    limit: int = field(init=False)

    def __post_init__(self) -> None:
        self.limit = INDEX_MAX if self.quantity.kind is Kind.INDEX else LEVEL_MAX

    def seen(self, first_at: int, last_at: int, last: int) -> None:
        """Widen what is known of the series' ends."""
        if self.first_at is None or first_at < self.first_at:
            self.first_at = first_at
        if self.last_at is None or last_at >= self.last_at:
            self.last_at, self.last = last_at, last

    def finer(self, exponent: int) -> bool:
        """Restate what is in memory in a smaller power of ten; False when it would not fit."""
        factor = 10 ** (self.exponent - exponent)
        if any(abs(value) * factor > self.limit for value in (self.last, *self.values)):
            return False
        self.values = array("q", [value * factor for value in self.values])
        self.last *= factor
        self.exponent = exponent
        return True


@dataclass(frozen=True, slots=True)
class Batch:
    """What one commit writes: the first `n` points that waited, and the series it must know first."""

    n: int
    saved_to: int
    series: tuple[SeriesRow, ...]
    columns: tuple[array[int], array[int], array[int], array[int]]


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """A series as the card keeps it."""

    id: int
    key: SeriesKey
    quantity: Quantity
    exponent: int
    main: bool


class Memory:
    """No I/O and no lock of its own: the store holds its lock around every call."""

    def __init__(self, window: int) -> None:
        self.window = window
        self.series: dict[SeriesKey, Series] = {}
        self.counts = Counts()
        self.dirty: set[SeriesKey] = set()
        self.late: set[int] = set()
        self.oldest: int | None = None
        # Of each series of which something waits for the card: when its oldest point is, and the one before it; 0: nobody looked.
        self.unsaved: dict[int, tuple[int, int]] = {}
        # Of each series that was given points out of their order since somebody asked: from when on.
        self.changed: dict[SeriesKey, int] = {}
        self._next_id = 1
        self._columns = (array("q"), array("q"), array("q"), array("q"))

    def know(self, series: Series) -> None:
        """A series the card has."""
        self.series[series.key] = series
        self._next_id = max(self._next_id, series.id + 1)

    def add(
        self, points: Iterable[Point], now: int, until: int
    ) -> tuple[list[Series], list[tuple[int, int, int, int]]]:
        """Take points of up to `until`; what was new or changed, as (series, at, value, exponent), and whose it is."""
        touched: dict[int, Series] = {}
        taken: list[tuple[int, int, int, int]] = []
        known = self.series
        room = PENDING_POINTS_MAX - len(self._columns[0])
        for point in points:
            series, at, value, exponent = known.get(point.series), point.at, point.value, point.exponent
            if not EARLIEST <= at <= until:
                self.counts.refused += 1
                continue
            if (
                series is None
                or exponent != series.exponent
                or point.quantity is not series.quantity
                or point.main is not series.main
            ):
                series = self._defined(point)
                if series is not None:
                    exponent = series.exponent
                    value *= 10 ** (point.exponent - exponent)
            if series is None or not -series.limit <= value <= series.limit:
                self.counts.refused += 1
                continue
            if len(taken) >= room:
                self.counts.lost += 1
                continue
            ats = series.ats
            if ats and at > ats[-1]:  # in its order, as nearly all come
                if series.id not in self.unsaved:
                    self.unsaved[series.id] = at, ats[-1]
                ats.append(at)
                series.values.append(value)
                series.seen(at, at, value)
            elif not self._place(series, at, value):
                self.counts.duplicates += 1
                continue
            else:
                self._waits(series, at)
                self.changed[series.key] = min(at, self.changed.get(series.key, at))
            touched[series.id] = series
            taken.append((series.id, at, value, exponent))
        if taken and self.oldest is None:
            self.oldest = now
        for column, numbers in zip(self._columns, zip(*taken, strict=True), strict=False):
            column.extend(pack_numbers("q", numbers))
        return list(touched.values()), taken

    def merge(self, series: Series, ats: array[int], values: array[int], now: int) -> tuple[int, int]:
        """Many points of the window at once, in order; how many were there the same, how many otherwise. Those stay."""
        there = set(series.ats)
        whole_ats, whole_values, same, other = merged(ats, values, series.ats, series.values)
        series.ats, series.values = pack_numbers("q", whole_ats), pack_numbers("q", whole_values)
        new = [(at, value) for at, value in zip(ats, values, strict=True) if at not in there]
        if not new:
            return same, other
        ats, values = (array("q", column) for column in zip(*new, strict=True))
        series.seen(ats[0], ats[-1], values[-1])
        self._waits(series, ats[0])
        if self.oldest is None:
            self.oldest = now
        for column, numbers in zip(
            self._columns, (array("q", [series.id]) * len(ats), ats, values, array("q", [series.exponent]) * len(ats)),
            strict=True,
        ):  # fmt: skip
            column.extend(numbers)
        return same, other

    def take_out(self, series: Series, gone: Mapping[int, int]) -> None:
        """Points (at: value) go where exactly that is said; the series' ends are what is left here."""
        kept = [(at, value) for at, value in zip(series.ats, series.values, strict=True) if gone.get(at) != value]
        series.ats, series.values = array("q", (at for at, _ in kept)), array("q", (value for _, value in kept))
        series.first_at = series.last_at = None
        if kept:
            series.seen(kept[0][0], *kept[-1])

    def erase(self, series: Series, start: int, end: int) -> None:
        """Points, start <= at < end, are no longer there; the series' ends are what is left here."""
        kept = [each for each in zip(series.ats, series.values, strict=True) if not start <= each[0] < end]
        series.ats, series.values = array("q", (at for at, _ in kept)), array("q", (value for _, value in kept))
        series.first_at = series.last_at = None
        series.last = 0
        if kept:
            series.seen(kept[0][0], *kept[-1])
        # What came since the card was asked, for a time that is erased.
        waiting = [
            point for point in zip(*self._columns, strict=True) if point[0] != series.id or not start <= point[1] < end
        ]
        for column, numbers in zip(self._columns, zip(*waiting, strict=True) if waiting else ((),) * 4, strict=True):
            column[:] = array("q", numbers)
        for number, at, value, exponent in waiting:
            if number == series.id:  # a late one is nowhere else yet
                series.seen(at, at, value * 10 ** (exponent - series.exponent))
        self._still_waits()

    def forget(self, key: SeriesKey) -> None:
        """The series is no longer there."""
        self.series.pop(key, None)
        self.dirty.discard(key)

    def restore(self, ids: array[int], ats: array[int], values: array[int], exponents: array[int]) -> None:
        """Points of a log row of the card: placed, and waiting for nothing."""
        by_id = {series.id: series for series in self.series.values()}
        for number, at, value, exponent in zip(ids, ats, values, exponents, strict=True):
            if number not in by_id:
                self.counts.refused += 1
                continue
            series = by_id[number]
            self._place(series, at, value * 10 ** (exponent - series.exponent))

    def define(self, key: SeriesKey, quantity: Quantity, exponent: int, main: bool) -> Series | None:
        """The series of this key, made or made finer where needed; None if it measures something else."""
        series = self.series.get(key)
        if series is None:
            series = Series(self._next_id, key, quantity, exponent, main)
            self.know(series)
            self.dirty.add(key)
            return series
        if series.quantity is not quantity:
            return None
        if exponent < series.exponent:
            if not series.finer(exponent):
                return None
            self.dirty.add(key)
        if main != series.main:
            series.main = main
            self.dirty.add(key)
        return series

    def batch(self, now: int) -> Batch:
        """A copy of what waits."""
        rows = tuple(self.row(self.series[key]) for key in sorted(self.dirty))
        a, b, c, d = self._columns
        return Batch(len(a), now, rows, (a[:], b[:], c[:], d[:]))

    def row(self, series: Series) -> SeriesRow:
        return SeriesRow(series.id, series.key, series.quantity, series.exponent, series.main)

    def settle(self, batch: Batch) -> None:
        """The batch is on the card."""
        for column in self._columns:
            del column[: batch.n]
        self.oldest = batch.saved_to if self._columns[0] else None
        self._still_waits()
        for row in batch.series:
            if self.row(self.series[row.key]) == row:
                self.dirty.discard(row.key)

    def _still_waits(self) -> None:
        self.unsaved = {}
        by_id = {series.id: series for series in self.series.values()} if self._columns[0] else {}
        for number, at in zip(*self._columns[:2], strict=True):
            if number in by_id:
                self._waits(by_id[number], at)

    def _waits(self, series: Series, at: int) -> None:
        """A point of this series, which is placed, is not on the card."""
        i = 0 if at < self.window else bisect_left(series.ats, at)
        before = series.ats[i - 1] if i else 0
        oldest = self.unsaved.get(series.id, (at, before))
        self.unsaved[series.id] = min(at, oldest[0]), min(before, oldest[1])

    def waiting(self) -> tuple[list[Series], list[tuple[int, int, int, int]]]:
        """What is not on the card, as `add` returned it."""
        ids = set(self._columns[0])
        return [series for series in self.series.values() if series.id in ids], list(zip(*self._columns, strict=True))

    def folded(self, window: int) -> None:
        """The card's chunks hold all before `window` but what still waits."""
        self.window = window
        for series in self.series.values():
            old = bisect_left(series.ats, window)
            if old:
                series.ats, series.values = series.ats[old:], series.values[old:]
        self.late = {number for number, at in zip(*self._columns[:2], strict=True) if at < window}

    def info(self, series: Series) -> SeriesInfo | None:
        if series.first_at is None or series.last_at is None:
            return None
        return SeriesInfo(
            series.key, series.quantity, series.exponent, series.main, series.first_at, series.last_at
        )  # fmt: skip

    def _defined(self, point: Point) -> Series | None:
        """The point's series, made or made finer where needed; None if it cannot be one of it."""
        if point.quantity.kind not in (Kind.INDEX, Kind.LEVEL) or abs(point.exponent) > EXPONENT_MAX:
            return None
        return self.define(point.series, point.quantity, point.exponent, point.main)

    def _place(self, series: Series, at: int, value: int) -> bool:
        """False when the point was there already."""
        ats = series.ats
        if at < self.window:
            self.counts.late += 1
            self.late.add(series.id)
        elif not ats or at > ats[-1]:
            ats.append(at)
            series.values.append(value)
        else:
            i = bisect_left(ats, at)
            if ats[i] != at:
                ats.insert(i, at)
                series.values.insert(i, value)
            elif series.values[i] == value:
                return False
            else:
                series.values[i] = value
                self.counts.replaced += 1
        series.seen(at, at, value)
        return True
