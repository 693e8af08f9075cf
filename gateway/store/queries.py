"""Curves and indexes, from memory and card together."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from drivers.model import Kind
from gateway.store.card import Card
from gateway.store.memory import Series
from gateway.store.model import Columns, Consumption, Swap
from gateway.store.rollup import COLUMNS, DAY_S, HOUR_S, Q6_S, Rollup, buckets, coarser

# The rollups, and the span above which each is the finest that is read: a curve has some hundreds of buckets, and
# finer rows would be read to be thrown away. Up to 14 days the points themselves are read.
TIERS = (("day", DAY_S, 731 * DAY_S), ("q6", Q6_S, 90 * DAY_S), ("hour", HOUR_S, 14 * DAY_S))

# An index is taken as known between two points no further apart than this. Two hours let a meter that is polled
# hourly miss nothing; a meter known to be slower gets its own bound from the caller.
GAP_S = 7_200


@dataclass(frozen=True, slots=True)
class Recent:
    """A copy of one series' points in memory: all of them from `window` on."""

    window: int
    exponent: int
    ats: array[int]
    values: array[int]

    def between(self, start: int, end: int) -> tuple[array[int], array[int]]:
        low, high = bisect_left(self.ats, start), bisect_left(self.ats, end)
        return self.ats[low:high], self.values[low:high]


def points(card: Card | None, series: Series, recent: Recent, start: int, end: int) -> tuple[array[int], array[int]]:
    """Raw points, start <= at < end."""
    ats, values = recent.between(start, end)
    if card is None or start >= recent.window:
        return ats, values
    old_ats, old_values = card.points(series.id, start, min(end, recent.window))
    factor = 10 ** (card.exponents.get(series.id, recent.exponent) - recent.exponent)
    if factor > 1:
        old_values = array("q", [value * factor for value in old_values])
    old_ats += ats
    old_values += values
    return old_ats, old_values


def curve(card: Card | None, series: Series, recent: Recent, start: int, end: int, count: int) -> Columns:
    """At most about `count` buckets between start and end.

    Buckets of an hour and more begin and end with an hour (six hours, a day) of UTC, so that the first and the last
    may reach beyond what was asked.
    """
    assert start < end
    assert count > 0
    kind = series.quantity.kind
    step = -(-(end - start) // count)
    tier = next(((table, grain) for table, grain, span in TIERS if end - start > span or grain <= step), None)
    if tier is None:
        ats, values = points(card, series, recent, start, end)
        if len(ats) <= count:
            return _native(kind, recent.exponent, ats, values, series.swaps)
        rows = buckets(kind, ats, values, step, start)
        return _columns(kind, recent.exponent, step, rows, series.swaps)
    table, grain = tier
    step = -(-step // grain) * grain
    origin = start // grain * grain
    rows = []
    if card is not None and origin < recent.window:
        rows = _rows(card, series, recent.exponent, table, grain, step, origin, min(end, recent.window))
    ats, values = recent.between(origin, -(-end // grain) * grain)
    newest = buckets(kind, ats, values, step, origin)
    if rows and newest and rows[-1][0] == newest[0][0]:
        # The bucket in which memory's window begins comes from both.
        newest[:1] = coarser(kind, (rows.pop(), newest[0]), step, origin)
    return _columns(kind, recent.exponent, step, rows + newest, series.swaps)


# A row that becomes Python objects costs ten times one that is only added up: SQLite groups what is to be grouped.
GROUPED = {
    Kind.LEVEL: """
        SELECT (t - :origin) / :step * :step + :origin AS bucket, sum(n), min(low), max(high), sum(total)
        FROM {table} WHERE series = :series AND t >= :origin AND t < :end GROUP BY bucket ORDER BY bucket
    """,
    Kind.INDEX: """
        WITH grouped AS (
            SELECT (t - :origin) / :step * :step + :origin AS bucket, sum(n) AS n, min(t) AS t_min, max(t) AS t_max
            FROM {table} WHERE series = :series AND t >= :origin AND t < :end GROUP BY bucket)
        SELECT bucket, grouped.n, a.t - bucket + a.first_s, a.first, z.t - bucket + z.last_s, z.last
        FROM grouped
        JOIN {table} a ON a.series = :series AND a.t = t_min
        JOIN {table} z ON z.series = :series AND z.t = t_max
        ORDER BY bucket
    """,
}
PLAIN = "SELECT {columns} FROM {table} WHERE series = :series AND t >= :origin AND t < :end ORDER BY t"


def _rows(
    card: Card, series: Series, exponent: int, table: str, grain: int, step: int, origin: int, end: int
) -> list[Rollup]:
    kind = series.quantity.kind
    query = PLAIN if step == grain else GROUPED[kind]
    rows: list[Rollup] = card.db.execute(
        query.format(table=table, columns=COLUMNS[kind]),
        {"series": series.id, "origin": origin, "end": end, "step": step},
    ).fetchall()
    # The card learns of a finer exponent with the next commit.
    factor = 10 ** (card.exponents.get(series.id, exponent) - exponent)
    return rows if factor == 1 else [_times(kind, row, factor) for row in rows]


def _times(kind: Kind, row: Rollup, factor: int) -> Rollup:
    if kind is Kind.INDEX:
        t, n, first_s, first, last_s, last = row
        return (t, n, first_s, first * factor, last_s, last * factor)
    t, n, low, high, total = row
    return (t, n, low * factor, high * factor, total * factor)


def _native(kind: Kind, exponent: int, ats: array[int], values: array[int], swaps: Sequence[Swap]) -> Columns:
    ones = array("q", [1]) * len(ats)
    if kind is not Kind.INDEX:
        return Columns(exponent, 0, ats, ones, low=values, high=values, total=values)
    fine, offset = offsets(swaps, exponent)
    if offset is not None:
        factor = 10 ** (exponent - fine)
        values = array("q", [value * factor + offset(at) for at, value in zip(ats, values, strict=True)])
    return Columns(fine, 0, ats, ones, first=values, last=values)


def _columns(kind: Kind, exponent: int, step: int, rows: Sequence[Rollup], swaps: Sequence[Swap]) -> Columns:
    columns = [array("q", column) for column in zip(*rows, strict=True)]
    if not rows:
        return Columns(exponent, step, array("q"), array("q"))
    if kind is not Kind.INDEX:
        return Columns(exponent, step, *columns)
    at, n, first_s, first, last_s, last = columns
    fine, offset = offsets(swaps, exponent)
    if offset is not None:
        factor = 10 ** (exponent - fine)
        first = array("q", [v * factor + offset(t + s) for t, s, v in zip(at, first_s, first, strict=True)])
        last = array("q", [v * factor + offset(t + s) for t, s, v in zip(at, last_s, last, strict=True)])
    return Columns(fine, step, at, n, first=first, last=last)


Offset = Callable[[int], int]


def offsets(swaps: Sequence[Swap], exponent: int) -> tuple[int, Offset | None]:
    """The finest exponent of all, and what must be added at a time to count on over the swaps; None where none stands."""
    standing = [swap for swap in swaps if swap.undone_by is None]
    if not standing:
        return exponent, None
    fine = min([exponent, *(swap.exponent for swap in standing)])
    times = [swap.at for swap in standing]
    sums = [0]
    for swap in standing:
        sums.append(sums[-1] + (swap.old_final - swap.new_start) * 10 ** (swap.exponent - fine))
    return fine, lambda at: sums[bisect_right(times, at)]


_Side = tuple[int, int] | None


class Around(NamedTuple):
    """The points on both sides of a bound: (time, raw value) at or before it, and after it (or the same, if on it)."""

    bound: int
    before: _Side
    after: _Side


def around(card: Card | None, series: Series, recent: Recent, bounds: Sequence[int]) -> list[Around]:
    """The points around each bound."""
    out: list[Around] = []
    old = _around_on_card(card, series, recent, bounds) if card is not None else {}
    ats, values = recent.ats, recent.values
    first = ats[0] if ats else FAR
    for bound in bounds:
        before, after = old.get(bound, NOTHING)
        if bound >= first:
            i = bisect_right(ats, bound)
            before = (ats[i - 1], values[i - 1])
            if i < len(ats):
                after = (ats[i], values[i])
        elif after is None and first != FAR:
            after = (first, values[0])
        if before is not None and before[0] == bound:
            after = before
        out.append(Around(bound, before, after))
    return out


FAR = 1 << 62
NOTHING: tuple[_Side, _Side] = (None, None)

# An hour that ends and one that begins with a bound, as nearly all do: two rows beside each other.
BESIDE = """
    SELECT x.value, p.last_s, p.last, q.first_s, q.first FROM json_each(:bounds) x
    CROSS JOIN hour p ON p.series = :series AND p.t = x.value - 3600
    CROSS JOIN hour q ON q.series = :series AND q.t = x.value
"""
# Where hours are missing, or a bound lies within one: the nearest on both sides.
NEAREST = """
    WITH bound AS (
        SELECT value AS x, value - value % 3600 AS hour_start, value + (3600 - value % 3600) % 3600 AS hour_end
        FROM json_each(:bounds)),
    near AS (
        SELECT x, (SELECT max(t) FROM hour WHERE series = :series AND t < hour_start) AS p,
            (SELECT min(t) FROM hour WHERE series = :series AND t >= hour_end) AS q FROM bound)
    SELECT x, p.t, p.last_s, p.last, q.t, q.first_s, q.first FROM near
    LEFT JOIN hour p ON p.series = :series AND p.t = near.p LEFT JOIN hour q ON q.series = :series AND q.t = near.q
"""


def _around_on_card(
    card: Card, series: Series, recent: Recent, bounds: Sequence[int]
) -> dict[int, tuple[_Side, _Side]]:
    """As the card has it. A bound on an hour is answered by the hours' first and last; another opens its chunk."""
    first = recent.ats[0] if recent.ats else FAR
    wanted = [bound for bound in bounds if bound < recent.window or bound < first]
    if not wanted:
        return {}
    factor = 10 ** (card.exponents.get(series.id, recent.exponent) - recent.exponent)
    found: dict[int, tuple[_Side, _Side]] = {}
    for bound, p_s, p_value, q_s, q_value in card.db.execute(
        BESIDE, {"series": series.id, "bounds": json.dumps(wanted)}
    ):
        if bound % HOUR_S == 0:
            after = (bound + q_s, q_value * factor)
            found[bound] = (after if q_s == 0 else (bound - HOUR_S + p_s, p_value * factor), after)
    left = [bound for bound in wanted if bound not in found]
    if left:
        _nearest_on_card(card, series, factor, left, found)
    return found


def _nearest_on_card(
    card: Card, series: Series, factor: int, bounds: list[int], found: dict[int, tuple[_Side, _Side]]
) -> None:
    days: dict[int, tuple[list[int], list[int]]] = {}
    for bound, p_t, p_s, p_value, q_t, q_s, q_value in card.db.execute(
        NEAREST, {"series": series.id, "bounds": json.dumps(bounds)}
    ):
        before = None if p_t is None else (p_t + p_s, p_value * factor)
        after = None if q_t is None else (q_t + q_s, q_value * factor)
        if bound % HOUR_S:
            day = bound // DAY_S
            if day not in days:
                days[day] = card.day(series.id, day)
            ats, values = days[day]
            i = bisect_right(ats, bound)
            if i and ats[i - 1] >= bound // HOUR_S * HOUR_S:
                before = (ats[i - 1], values[i - 1] * factor)
            if i < len(ats) and (after is None or ats[i] < after[0]):
                after = (ats[i], values[i] * factor)
        elif after is not None and after[0] == bound:
            before = after
        found[bound] = (before, after)


def index_at(side: Around, now: int, gap_s: int, offset: Offset | None, factor: int) -> int | None:
    """The virtual index at the bound, None where nothing says it."""
    bound, before, after = side
    if before is None or bound > now:
        return None
    at = before[0]
    index = _index(before, offset, factor)
    if at == bound:
        return index
    if after is None:
        return index if bound - at <= gap_s else None
    return index if after[0] - at <= gap_s or _index(after, offset, factor) == index else None


def _index(point: tuple[int, int], offset: Offset | None, factor: int) -> int:
    at, value = point
    return value * factor if offset is None else value * factor + offset(at)


def consumption(
    sides: Sequence[Around], now: int, gap_s: int, swaps: Sequence[Swap], exponent: int
) -> list[Consumption]:
    """What the index grew by from each bound to the next."""
    fine, offset = offsets(swaps, exponent)
    factor = 10 ** (exponent - fine)
    known = [index_at(side, now, gap_s, offset, factor) for side in sides]
    out = []
    for i, (low, high) in enumerate(pairwise(known)):
        complete = low is not None and high is not None
        if low is None and (after := sides[i].after) is not None and after[0] < sides[i + 1].bound:
            low = _index(after, offset, factor)
        if high is None and (before := sides[i + 1].before) is not None and before[0] > sides[i].bound:
            high = _index(before, offset, factor)
        value = None if low is None or high is None else high - low
        if value is not None and value < 0:
            # An index that ran back: what was consumed is not known, and less than nothing was not.
            value, complete = None, False
        out.append(Consumption(value, fine, complete))
    return out
