"""Much at once: what an import may bring into a series, and a copy of the whole file."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path

from drivers.model import Kind, Quantity
from gateway import database
from gateway.model import EARLIEST, SeriesKey
from gateway.store.model import StoreError
from gateway.store.rollup import in_order

# What is copied between two looks at who waits: 1 or 2 MB, a tenth of a second on a slow card.
BACKUP_PAGES = 500


def checked(
    key: SeriesKey, quantity: Quantity, ats: Sequence[int], values: Sequence[int], last: int
) -> tuple[array[int], array[int], int] | None:
    """Times (UTC seconds, up to `last`) and values in order, and how many were there twice; None where there are none.

    StoreError says why they are no points of a series.
    """
    if quantity.kind not in (Kind.INDEX, Kind.LEVEL) or len(ats) != len(values):
        raise StoreError(f"{key}: {len(ats)} times and {len(values)} numbers of {quantity.name} are no series")
    if not ats:
        return None
    try:
        at_array, value_array, twice = in_order(ats, values)
    except (OverflowError, TypeError) as error:
        raise StoreError(f"{key}: whole numbers of at most 64 bits are kept: {error}") from None
    for at in (at_array[0], at_array[-1]):
        if not EARLIEST <= at <= last:
            raise StoreError(f"{key}: times from 2000 until tomorrow are kept, not {at} (UTC seconds)")
    return at_array, value_array, twice


def copy(db: sqlite3.Connection, path: Path, progress: Callable[[float], None], between: Callable[[], None]) -> None:
    """The whole file at `path`; `between` is called between two pieces, and what it raises ends it."""

    def step(_: int, remaining: int, total: int) -> None:
        progress(1 - remaining / max(total, 1))
        between()

    database.copy(db, path, pages=BACKUP_PAGES, step=step)
