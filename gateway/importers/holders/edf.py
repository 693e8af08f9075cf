"""EDF, the four tables of its zip (suiviconso): half-hours, index, days and months. Windows letters, newest first.

EDF repeats rows, writes sums of years between months, groups thousands with a space that does not break, and calls the last
half-hour of a day 00:00:00 of that day. Its index is taken at the start of its date, as Enedis states it.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta

from drivers.model import Medium, Quantity
from gateway.importers.holders import cells
from gateway.importers.holders.found import Found, Left, RowRefusedError, What, Why
from gateway.importers.holders.kind import CurveRow, Kind, add_curve, rows, value
from gateway.importers.holders.opened import Document, Table
from gateway.periods import Shape

NATURE = "nature de la donnee"
CURVE = ("date et heure de releve par le distributeur", "puissance atteinte (w)", NATURE)
INDEX = ("date de releve de l index", "type d index")
DAYS = ("date de consommation", "consommation (kwh)", NATURE)
MONTHS = ("periode de consommation", "consommation (kwh)", NATURE)
_MONTH = re.compile(r"(\d{1,2})/(\d{4})", re.ASCII)
_REGISTER = re.compile(r"index .*\(kwh\)")
_KWH = 3


def _fits(columns: tuple[str, ...]) -> Callable[[Document], bool]:
    return lambda document: isinstance(document, Table) and document.find(*columns) is not None


def _header(document: Document, columns: tuple[str, ...]) -> tuple[Table, int, dict[str, int], int]:
    assert isinstance(document, Table)
    start, places = document.find(*columns) or (0, {})
    return document, start, places, 1 + max(places.values())


def _measured(found: Found, nature: str) -> bool:
    """Whether a row was measured; an estimated one is counted."""
    folded = cells.fold(nature)
    if folded.startswith("estim"):
        found.left[Left.ESTIMATED] += 1
        return False
    if not folded.startswith("reel"):
        raise RowRefusedError(Why.NATURE, met=nature or "–")
    return True


def read_curve(document: Document, found: Found) -> None:
    """A line with a date, then its half-hours; each time is the end of one."""
    table, start, places, width = _header(document, CURVE)
    first, second, third = (places[name] for name in CURVE)
    day: date | None = None
    walls: list[datetime] = []
    kept: list[tuple[int, tuple[int, int] | None]] = []
    before: tuple[datetime, str] | None = None
    for line, row in rows(table, found, start, width):
        try:
            if not row[second].strip() and "/" in row[first]:
                found.rows -= 1
                day = None
                day = cells.day(row[first])
                continue
            if day is None:
                raise RowRefusedError(Why.TIME, needed="31/12/2025", met=row[first] or "–")
            wall = datetime(day.year, day.month, day.day) + timedelta(  # noqa: DTZ001 - a clock on the wall
                seconds=cells.clock_s(row[first]) or cells.DAY_S
            )
            number = value(found, row[second]) if _measured(found, row[third]) else None
        except RowRefusedError as refused:
            found.refuse(line, refused.why, **refused.values)
            continue
        if before == (wall, row[second]):
            found.left[Left.TWICE] += 1
            continue
        before = wall, row[second]
        walls.append(wall)
        kept.append((line, number))
    curve: list[CurveRow] = []
    for (line, number), wall, at in zip(kept, walls, cells.placed(walls), strict=True):
        if not isinstance(at, Why):
            curve.append((at, line, number))
        elif number is not None:
            found.refuse(line, at, met=wall)
    add_curve(found, What("edf_curve", Quantity.ENERGY, Shape.POWER), 0, curve)


def read_index(document: Document, found: Found) -> None:
    """One column a register; their sum is kept as the total, where a row has them all."""
    table, start, places, width = _header(document, INDEX)
    registers = [
        place for column, place in sorted(places.items(), key=lambda each: each[1]) if _REGISTER.fullmatch(column)
    ]
    for line, row in rows(table, found, start, width):
        if "estim" in cells.fold(row[places[INDEX[1]]]):
            found.left[Left.ESTIMATED] += 1
            continue
        try:
            at = cells.start_of(cells.day(row[places[INDEX[0]]]))
            numbers = [value(found, row[place]) for place in registers]
        except RowRefusedError as refused:
            found.refuse(line, refused.why, **refused.values)
            continue
        known = [number for number in numbers if number is not None]
        if len(registers) > 1:
            for tariff, number in enumerate(numbers, 1):
                if number is not None:
                    found.add(_index(tariff), at, at, cells.times(number, _KWH), line)
        if known and len(known) == len(registers):
            found.add(_index(0), at, at, cells.times(_sum(known), _KWH), line)


def _index(tariff: int) -> What:
    return What("edf_index", Quantity.ENERGY, Shape.INDEX, tariff)


def _sum(numbers: list[tuple[int, int]]) -> tuple[int, int]:
    exponent = min(each[1] for each in numbers)
    return sum(digits * 10 ** (its - exponent) for digits, its in numbers), exponent


def read_days(document: Document, found: Found) -> None:
    _read_periods(document, found, DAYS, "edf_daily")


def read_months(document: Document, found: Found) -> None:
    _read_periods(document, found, MONTHS, "edf_monthly")


def _read_periods(document: Document, found: Found, names: tuple[str, ...], register: str) -> None:
    table, start, places, width = _header(document, names)
    first, second, third = (places[name] for name in names)
    for line, row in rows(table, found, start, width):
        if cells.fold(row[first]).startswith("annee"):
            found.left[Left.SUBTOTAL] += 1
            continue
        try:
            begins, ends = _period(row[first])
            number = value(found, row[second]) if _measured(found, row[third]) else None
        except RowRefusedError as refused:
            found.refuse(line, refused.why, **refused.values)
            continue
        if number is not None:
            what = What(register, Quantity.ENERGY, Shape.AMOUNT)
            found.add(what, begins, ends, cells.times(number, _KWH), line)


def _period(text: str) -> tuple[int, int]:
    """`12/2025` or `31/12/2025`."""
    month = _MONTH.fullmatch(text.strip())
    if month is None:
        day = cells.day(text)
        return cells.start_of(day), cells.end_of(day)
    if not 1 <= int(month[1]) <= 12:
        raise RowRefusedError(Why.TIME, needed="12/2025", met=text)
    first = date(int(month[2]), int(month[1]), 1)
    return cells.start_of(first), cells.start_of((first + timedelta(days=31)).replace(day=1))


KINDS = (
    Kind("edf_curve", "EDF", "EDF: half-hours", Medium.ELECTRICITY, _fits(CURVE), read_curve),
    Kind("edf_index", "EDF", "EDF: index", Medium.ELECTRICITY, _fits(INDEX), read_index),
    Kind("edf_daily", "EDF", "EDF: energy by day", Medium.ELECTRICITY, _fits(DAYS), read_days),
    Kind("edf_monthly", "EDF", "EDF: energy by month", Medium.ELECTRICITY, _fits(MONTHS), read_months),
)
