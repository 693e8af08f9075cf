"""Suez (toutsurmoneau.fr, `statJData`): [date, m3 of the day, index in m3 at its end]; a day of 0 is one not read yet."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from drivers.model import Medium, Quantity
from gateway.importers.holders import cells
from gateway.importers.holders.found import Found, Left, RowRefusedError, What, Why
from gateway.importers.holders.kind import Kind, add_index
from gateway.importers.holders.opened import Document, Tree
from gateway.periods import Shape

INDEX = What("suez_index", Quantity.VOLUME, Shape.INDEX)
M3 = 3

Day = tuple[date, int, tuple[int, int], tuple[int, int]]  # day, line, taken, index


def fits(document: Document) -> bool:
    if not isinstance(document, Tree) or not isinstance(document.value, list) or not document.value:
        return False
    return all(_is_row(each) for each in document.value[:10])


def _is_row(value: Any) -> bool:
    if not isinstance(value, list) or len(value) < 3 or not all(isinstance(each, str | None) for each in value[:3]):
        return False
    try:
        cells.day(value[0] or "")
    except RowRefusedError:
        return False
    return True


def read(document: Document, found: Found) -> None:
    """Rows are counted from 1, as lines are: JSON has none of its own."""
    assert isinstance(document, Tree)
    days: list[Day] = []
    for line, each in enumerate(document.value, 1):
        found.rows += 1
        if not _is_row(each):
            found.refuse(line, Why.TIME, needed="31/12/2025", met=each)
            continue
        try:
            taken, index = (cells.times(cells.number(text or "0"), M3) for text in each[1:3])
            days.append((cells.day(each[0]), line, taken, index))
        except RowRefusedError as refused:
            found.refuse(line, refused.why, **refused.values)
    add_days(found, INDEX, days)


def add_days(found: Found, what: What, days: Sequence[Day]) -> None:
    """Each day's index at its end, and at its start: less by what was taken.

    A day of 0 is one that was not read yet; what is known of it is only that the next reading includes it.
    """
    indexes: dict[int, tuple[int, int]] = {}
    later: date | None = None
    for day, line, taken, index in sorted(days):
        if not taken[0] or not index[0]:
            found.left[Left.LATER] += 1
            later = day
            continue
        fine = min(taken[1], index[1])
        last = index[0] * 10 ** (index[1] - fine)
        first = last - taken[0] * 10 ** (taken[1] - fine)
        if later is None or (day - later).days > 1:
            add_index(found, what, indexes, cells.start_of(day), (first, fine), line)
        add_index(found, what, indexes, cells.end_of(day), (last, fine), line)


KIND = Kind("suez", "Suez", "Suez: m³ by day", Medium.WATER, fits, read)
