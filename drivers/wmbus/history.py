"""Dates of past values that come without one: month ends counted from a date the meter does state."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise

from drivers.meters import History, Model
from drivers.model import Function, Kind, Quantity, Reading
from drivers.wmbus.makers.parts import TARGET_DATE, month_end
from drivers.wmbus.records import Records

MONTHS_MAX = 60
CLOCKS = ("date_time", "date")
INTERVAL = "storage_interval_months"


def dated(read: Records, model: Model | None) -> Records:
    """The records, and a date for each past value whose moment is sure."""
    found: Iterable[Reading] = ()
    if model is not None and model.history is not None:
        found = _month_ends(read.readings, model.history)
    for reading in read.readings:
        if reading.register == INTERVAL and isinstance(reading.value, Decimal):
            found = _by_interval(read.readings, reading.storage, int(reading.value))
            break
    dates = tuple(found)
    return replace(read, readings=read.readings + dates) if dates else read


def _by_interval(readings: tuple[Reading, ...], base: int, months: int) -> Iterable[Reading]:
    """A block of storages whose first one is dated, with the interval between them (EN 13757-3, storage interval).

    Which way time runs is not said; an index that only grows says it. Where it stood still, nothing is dated.
    """
    start = _date_of(readings, base)
    known = _dates(readings)
    values = _indexes(readings)
    if start is None or not 0 < months <= MONTHS_MAX or start != month_end(start.year, start.month):
        return
    block: list[Decimal] = []
    while base + len(block) in values and (not block or base + len(block) not in known):
        block.append(values[base + len(block)])
    steps = [b - a for a, b in pairwise(block)]
    if not any(steps) or (min(steps) < 0 < max(steps)):
        return
    back = months if min(steps) < 0 else -months
    for n in range(1, min(len(block), MONTHS_MAX)):
        yield _dated(month_end(start.year, start.month, n * back), base + n)


def _month_ends(readings: tuple[Reading, ...], history: History) -> Iterable[Reading]:
    """Month ends before the meter's clock, the newest first; where the clock is not valid, around the set date.

    They must not rise into the past, and the value at the set date (storage 1) must be that of the month which ends
    there; else nothing is dated. Without a clock, one month alone must have that value.
    """
    known = _dates(readings)
    values = _indexes(readings)
    storages = [s for s in range(history.first, history.last + 1, history.step) if s in values and s not in known]
    if any(values[newer] < values[older] for newer, older in pairwise(storages)):
        return
    clock, set_date = _clock(readings), _date_of(readings, 1)
    if clock is not None:
        year, month, newest = clock.year, clock.month, history.first - history.step
        if set_date is not None and (set_date.year, set_date.month, set_date.day) > (year, month, clock.day):
            return
    else:
        alike = [storage for storage in storages if values[storage] == values.get(1)]
        if set_date is None or len(alike) != 1 or set_date != month_end(set_date.year, set_date.month):
            return
        year, month, newest = set_date.year, set_date.month, alike[0]
    ends = {s: month_end(year, month, (s - newest) // history.step) for s in storages}
    for storage, end in ends.items():
        if end == set_date and values[storage] != values.get(1):
            return
    for storage, end in ends.items():
        yield _dated(end, storage)


def _clock(readings: tuple[Reading, ...]) -> date | None:
    for reading in readings:
        now = reading.storage == 0 and reading.function is Function.INSTANTANEOUS
        if now and reading.register in CLOCKS and isinstance(reading.value, date):
            return reading.value
    return None


def _indexes(readings: tuple[Reading, ...]) -> dict[int, Decimal]:
    """The index kept at each storage: the first register that counts, of tariff and subunit 0."""
    plain = [
        r
        for r in readings
        if r.quantity.kind is Kind.INDEX and not r.tariff and not r.subunit and r.function is Function.INSTANTANEOUS
    ]
    kept = next((r.register for r in plain if r.storage > 1), None)
    return {r.storage: r.value for r in plain if r.register == kept and isinstance(r.value, Decimal)}


def _dates(readings: tuple[Reading, ...]) -> set[int]:
    return {r.storage for r in readings if r.register.startswith(TARGET_DATE)}


def _date_of(readings: tuple[Reading, ...], storage: int) -> date | None:
    for reading in readings:
        if reading.register == TARGET_DATE and reading.storage == storage and isinstance(reading.value, date):
            return reading.value
    return None


def _dated(at: date, storage: int) -> Reading:
    return Reading(TARGET_DATE, Quantity.DATE, at, storage=storage)
