"""Curves and indexes, from memory and card together."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from drivers.model import Kind
from gateway.store.card import Card
from gateway.store.memory import Series
from gateway.store.model import Columns, Consumption, Swap
from gateway.store.rollup import DAY_S, HOUR_S, Q6_S, Rollup, buckets, coarser

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
    return old_ats + ats, old_values + values


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
        return _columns(recent.exponent, step, buckets(kind, ats.tolist(), values.tolist(), step, start), series.swaps)
    table, grain = tier
    step = -(-step // grain) * grain
    origin = start // grain * grain
    rows: list[Rollup] = []
    if card is not None and origin < recent.window:
        rows = _rows(card, series, recent.exponent, table, step, origin, min(end, recent.window))
    ats, values = recent.between(origin, -(-end // grain) * grain)
    # The bucket in which memory's window begins comes from both.
    rows += buckets(kind, ats.tolist(), values.tolist(), step, origin)
    return _columns(recent.exponent, step, coarser(rows, step, origin), series.swaps)


# Grouped by SQLite: a row that becomes Python objects costs ten times one that is only added up.
LEVELS = """
    SELECT (t - :origin) / :step * :step + :origin AS bucket, sum(n), min(low), max(high), sum(total), NULL, NULL, NULL, NULL
    FROM {table} WHERE series = :series AND t >= :origin AND t < :end GROUP BY bucket ORDER BY bucket
"""
INDEXES = """
    WITH grouped AS (
        SELECT (t - :origin) / :step * :step + :origin AS bucket, sum(n) AS n, min(t) AS t_min, max(t) AS t_max
        FROM {table} WHERE series = :series AND t >= :origin AND t < :end GROUP BY bucket)
    SELECT bucket, grouped.n, NULL, NULL, NULL, a.t - bucket + a.first_s, a.first, z.t - bucket + z.last_s, z.last
    FROM grouped
    JOIN {table} a ON a.series = :series AND a.t = t_min
    JOIN {table} z ON z.series = :series AND z.t = t_max
    ORDER BY bucket
"""


def _rows(card: Card, series: Series, exponent: int, table: str, step: int, origin: int, end: int) -> list[Rollup]:
    query = INDEXES if series.quantity.kind is Kind.INDEX else LEVELS
    rows: list[Rollup] = card.db.execute(
        query.format(table=table), {"series": series.id, "origin": origin, "end": end, "step": step}
    ).fetchall()
    # The card learns of a finer exponent with the next commit.
    factor = 10 ** (card.exponents.get(series.id, exponent) - exponent)
    return rows if factor == 1 else [_times(row, factor) for row in rows]


def _times(row: Rollup, factor: int) -> Rollup:
    t, n, low, high, total, first_s, first, last_s, last = row
    if low is None or high is None or total is None:
        assert first is not None
        assert last is not None
        return (t, n, None, None, None, first_s, first * factor, last_s, last * factor)
    return (t, n, low * factor, high * factor, total * factor, None, None, None, None)


def _native(kind: Kind, exponent: int, ats: array[int], values: array[int], swaps: Sequence[Swap]) -> Columns:
    ones = array("q", [1]) * len(ats)
    if kind is not Kind.INDEX:
        return Columns(exponent, 0, ats, ones, low=values, high=values, total=values)
    fine, offset = offsets(swaps, exponent)
    values = array("q", [value * 10 ** (exponent - fine) + offset(at) for at, value in zip(ats, values, strict=True)])
    return Columns(fine, 0, ats, ones, first=values, last=values)


def _columns(exponent: int, step: int, rows: Sequence[Rollup], swaps: Sequence[Swap]) -> Columns:
    ts, ns, lows, highs, totals, first_ss, firsts, last_ss, lasts = zip(*rows, strict=True) if rows else ((),) * 9
    at, n = array("q", ts), array("q", ns)
    if not rows or lows[0] is not None:
        return Columns(exponent, step, at, n, low=array("q", lows), high=array("q", highs), total=array("q", totals))
    if not any(swap.undone_by is None for swap in swaps):
        return Columns(exponent, step, at, n, first=array("q", firsts), last=array("q", lasts))
    fine, offset = offsets(swaps, exponent)
    factor = 10 ** (exponent - fine)
    return Columns(
        fine,
        step,
        at,
        n,
        first=array("q", [v * factor + offset(t + s) for t, s, v in zip(ts, first_ss, firsts, strict=True)]),
        last=array("q", [v * factor + offset(t + s) for t, s, v in zip(ts, last_ss, lasts, strict=True)]),
    )


def offsets(swaps: Sequence[Swap], exponent: int) -> tuple[int, Callable[[int], int]]:
    """The finest exponent of all, and what must be added at a time to count on over the swaps."""
    standing = [swap for swap in swaps if swap.undone_by is None]
    fine = min([exponent, *(swap.exponent for swap in standing)])
    times = [swap.at for swap in standing]
    sums = [0]
    for swap in standing:
        sums.append(sums[-1] + (swap.old_final - swap.new_start) * 10 ** (swap.exponent - fine))
    return fine, lambda at: sums[bisect_right(times, at)]


@dataclass(frozen=True, slots=True)
class Around:
    """The points on both sides of a bound: (time, raw value) at or before it, and after it (or the same, if on it)."""

    bound: int
    before: tuple[int, int] | None
    after: tuple[int, int] | None


def around(card: Card | None, series: Series, recent: Recent, bounds: Sequence[int]) -> list[Around]:
    """The points around each bound."""
    out: list[Around] = []
    old = _around_on_card(card, series, recent, bounds) if card is not None else {}
    for bound in bounds:
        before, after = old.get(bound, (None, None))
        i = bisect_right(recent.ats, bound)
        if i:
            before = (recent.ats[i - 1], recent.values[i - 1])
        if before is not None and before[0] == bound:
            after = before
        elif after is None and i < len(recent.ats):
            after = (recent.ats[i], recent.values[i])
        out.append(Around(bound, before, after))
    return out


_Side = tuple[int, int] | None


def _around_on_card(
    card: Card, series: Series, recent: Recent, bounds: Sequence[int]
) -> dict[int, tuple[_Side, _Side]]:
    """As the card has it. A bound on an hour is answered by the hours' first and last; another opens its chunk."""
    wanted = [bound for bound in bounds if bound < recent.window or not recent.ats or recent.ats[0] > bound]
    if not wanted:
        return {}
    factor = 10 ** (card.exponents.get(series.id, recent.exponent) - recent.exponent)
    found: dict[int, tuple[_Side, _Side]] = {}
    days: dict[int, tuple[list[int], list[int]]] = {}
    for bound, p_t, p_s, p_value, q_t, q_s, q_value in card.db.execute(
        "WITH bound AS (SELECT value AS x, value - value % 3600 AS hour_start, value + (3600 - value % 3600) % 3600 AS hour_end "
        "  FROM json_each(:bounds)), "
        "near AS (SELECT x, (SELECT max(t) FROM hour WHERE series=:series AND t < hour_start) AS p, "
        "  (SELECT min(t) FROM hour WHERE series=:series AND t >= hour_end) AS q FROM bound) "
        "SELECT x, p.t, p.last_s, p.last, q.t, q.first_s, q.first FROM near "
        "LEFT JOIN hour p ON p.series=:series AND p.t=near.p LEFT JOIN hour q ON q.series=:series AND q.t=near.q",
        {"series": series.id, "bounds": json.dumps(list(wanted))},
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
    return found


def index_at(side: Around, now: int, gap_s: int, offset: Callable[[int], int], factor: int) -> int | None:
    """The virtual index at the bound, None where nothing says it."""
    if side.before is None or side.bound > now:
        return None
    at, value = side.before
    index = value * factor + offset(at)
    if at == side.bound:
        return index
    if side.after is None:
        return index if side.bound - at <= gap_s else None
    after_at, after_value = side.after
    if after_at - at <= gap_s or after_value * factor + offset(after_at) == index:
        return index
    return None


def consumption(
    sides: Sequence[Around], now: int, gap_s: int, swaps: Sequence[Swap], exponent: int
) -> list[Consumption]:
    """What the index grew by from each bound to the next."""
    fine, offset = offsets(swaps, exponent)
    factor = 10 ** (exponent - fine)
    known = [index_at(side, now, gap_s, offset, factor) for side in sides]
    out = []
    for i in range(len(sides) - 1):
        low, high = known[i], known[i + 1]
        complete = low is not None and high is not None
        if low is None and (after := sides[i].after) is not None and after[0] < sides[i + 1].bound:
            low = after[1] * factor + offset(after[0])
        if high is None and (before := sides[i + 1].before) is not None and before[0] > sides[i].bound:
            high = before[1] * factor + offset(before[0])
        value = None if low is None or high is None else high - low
        if value is not None and value < 0:
            # An index that ran back: what was consumed is not known, and less than nothing was not.
            value, complete = None, False
        out.append(Consumption(value, fine, complete))
    return out
