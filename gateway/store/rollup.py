"""From points to hours, six hours and days (UTC), and from chunks to a merged day."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import lt

from drivers.model import Kind

HOUR_S = 3_600
Q6_S = 21_600
DAY_S = 86_400

PART = 8_192

# A bucket of a level: t, n, low, high, total. Of an index: t, n, first_s, first, last_s, last, the seconds being those
# after t.
Rollup = tuple[int, ...]
COLUMNS = {Kind.LEVEL: "t, n, low, high, total", Kind.INDEX: "t, n, first_s, first, last_s, last"}


def hours(kind: Kind, ats: Sequence[int], values: Sequence[int]) -> list[Rollup]:
    """Rows of the hours these points (in order of time) lie in."""
    return buckets(kind, ats, values, HOUR_S)


def buckets(kind: Kind, ats: Sequence[int], values: Sequence[int], step_s: int, origin: int = 0) -> list[Rollup]:
    """Rows of the buckets of `step_s` seconds, counted from `origin`, that these points lie in."""
    rows: list[Rollup] = []
    i, n = 0, len(ats)
    index = kind is Kind.INDEX
    while i < n:
        t = (ats[i] - origin) // step_s * step_s + origin
        j = bisect_left(ats, t + step_s, i, min(n, i + step_s))
        if index:
            rows.append((t, j - i, ats[i] - t, values[i], ats[j - 1] - t, values[j - 1]))
        else:
            part = values[i:j]
            if isinstance(part, array):
                part = part.tolist()  # each number is looked at three times
            rows.append((t, j - i, min(part), max(part), sum(part)))
        i = j
    return rows


def coarser(kind: Kind, rows: Iterable[Rollup], step_s: int, origin: int = 0) -> list[Rollup]:
    """The same in wider buckets; rows come in order of time, and each lies within one wider bucket."""
    index = kind is Kind.INDEX
    out: list[Rollup] = []
    for row in rows:
        t = (row[0] - origin) // step_s * step_s + origin
        if index:
            at, n, first_s, first, last_s, last = row
            row = (t, n, at - t + first_s, first, at - t + last_s, last)
        else:
            row = (t, *row[1:])
        if out and out[-1][0] == t:
            out[-1] = _joined(index, out[-1], row)
        else:
            out.append(row)
    return out


def _joined(index: bool, whole: Rollup, row: Rollup) -> Rollup:
    """Two parts of one bucket, the later one last."""
    if index:
        t, n, first_s, first, _, _ = whole
        return (t, n + row[1], first_s, first, row[4], row[5])
    t, n, low, high, total = whole
    return (t, n + row[1], min(low, row[2]), max(high, row[3]), total + row[4])


def merged(
    ats: Sequence[int], values: Sequence[int], new_ats: Sequence[int], new_values: Sequence[int]
) -> tuple[list[int], list[int], int, int]:
    """Both sets of points in order of time, the new one winning; and how many were the same, how many replaced."""
    if not ats or (new_ats and new_ats[0] > ats[-1]):
        return [*ats, *new_ats], [*values, *new_values], 0, 0
    points = dict(zip(ats, values, strict=True))
    known = [(points[at], value) for at, value in zip(new_ats, new_values, strict=True) if at in points]
    same = sum(old == new for old, new in known)
    points.update(zip(new_ats, new_values, strict=True))
    order = sorted(points)
    return order, list(map(points.__getitem__, order)), same, len(known) - same


def in_order(ats: Sequence[int], values: Sequence[int]) -> tuple[array[int], array[int], int]:
    """The points sorted, each time once (the last one given wins), and how many were given twice."""
    at_array, value_array = _packed(ats), _packed(values)
    if all(all(map(lt, part, islice(part, 1, None))) for part in parts(at_array, 1)):
        return at_array, value_array, 0
    last = dict(zip(at_array, value_array, strict=True))
    order = sorted(last)
    return array("q", order), array("q", map(last.__getitem__, order)), len(at_array) - len(order)


def parts(column: array[int], more: int = 0) -> Iterator[list[int]]:
    """An array as lists, and of each next one its `more` first numbers.

    An array makes a number anew each time it is looked at; a whole list takes five times the memory, and the garbage
    collector goes through it again and again.
    """
    for start in range(0, len(column), PART):
        yield column[start : start + PART + more].tolist()


def _packed(column: Sequence[int]) -> array[int]:
    return column if isinstance(column, array) and column.typecode == "q" else array("q", column)
