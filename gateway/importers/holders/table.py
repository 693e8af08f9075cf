"""Any table: which column is the time, which the value, and what they mean, as somebody who knows the file has said.

What can be guessed is (guess.py), and shown before it is used; nothing of it is taken silently.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from drivers.model import Medium, Quantity
from gateway.importers.holders import cells
from gateway.importers.holders.found import FileRefusedError, Found, Left, RowRefusedError, What, Why
from gateway.importers.holders.kind import CurveRow, add_curve, rows
from gateway.importers.holders.opened import Table
from gateway.periods import Shape

_SHEET = re.compile(r"[3-5]\d{4}(\.\d{1,12})?", re.ASCII)
_MONTH = re.compile(r"(\d{1,2})/(\d{4})|(\d{4})-(\d{2})", re.ASCII)
# A sign that groups thousands stands before each three digits.
_GROUPED = {sign: re.compile(rf"-?\d{{1,3}}(?:{re.escape(sign)}\d{{3}})+", re.ASCII) for sign in ",."}
UTC_ZONE = ZoneInfo("UTC")
EPOCH_MS_MIN = 10**11  # larger than that a number of seconds is one of milliseconds


class Dates(StrEnum):
    """How a time is written."""

    OFFSET = "2025-12-31T23:30:00+01:00"
    DMY = "31/12/2025 23:30"
    YMD = "2025-12-31 23:30"
    MDY = "12/31/2025 23:30"
    SHEET = "46022.979"  # a spreadsheet's days
    EPOCH = "1767220200"


class Clock(StrEnum):
    """Whose clock a time without offset is."""

    LOCAL = "local"
    UTC = "utc"


class Each(StrEnum):
    """How long the period of a row is; `STEP`: as far apart as the rows are."""

    STEP = "step"
    DAY = "day"
    MONTH = "month"


class Stamp(StrEnum):
    """Which end of its period a row's time is."""

    START = "start"
    END = "end"


# A unit that may be chosen: what it measures, and its power of ten.
UNITS: dict[str, tuple[Quantity, int]] = {
    "Wh": (Quantity.ENERGY, 0),
    "kWh": (Quantity.ENERGY, 3),
    "MWh": (Quantity.ENERGY, 6),
    "W": (Quantity.ENERGY, 0),
    "kW": (Quantity.ENERGY, 3),
    "L": (Quantity.VOLUME, 0),
    "m3": (Quantity.VOLUME, 3),
}
POWERS = frozenset({"W", "kW"})


@dataclass(frozen=True, slots=True)
class Choice:
    """What the columns of a table hold. `after_s` is added to each time; `only` keeps the rows whose cell is that."""

    header: int
    time: int
    value: int
    dates: Dates
    clock: Clock
    what: Shape
    each: Each
    stamp: Stamp
    decimal: str
    unit: str
    medium: Medium
    only: tuple[int, str] | None = None
    after_s: int = 0
    register: str = "table"


def read(document: Table, found: Found, choice: Choice, zone: ZoneInfo) -> None:
    """Gather the rows of a table as they were said to be."""
    if choice.unit not in UNITS:
        raise FileRefusedError(Why.UNIT_MISSING)
    if (choice.unit in POWERS) is not (choice.what is Shape.POWER):
        raise FileRefusedError(
            Why.UNIT_OF_FILE, needed="W, kW" if choice.what is Shape.POWER else "Wh, kWh, MWh, L, m3", met=choice.unit
        )
    quantity, exponent = UNITS[choice.unit]
    what = What(f"{choice.register}_{choice.what}", quantity, choice.what)
    curve: list[CurveRow] = []
    for line, at, end, number in _placed(document, found, choice, zone):
        scaled = None if number is None else cells.times(number, exponent)
        if choice.what is Shape.INDEX:
            if scaled is not None:
                found.add(what, at, at, scaled, line)
        elif choice.each is Each.STEP:
            curve.append((at, line, scaled))
        elif scaled is not None:
            found.add(what, at, end, scaled, line)
    if curve:
        add_curve(found, what, 0, curve, starts=choice.stamp is Stamp.START)


def _placed(
    document: Table, found: Found, choice: Choice, zone: ZoneInfo
) -> Iterator[tuple[int, int, int, tuple[int, int] | None]]:
    """(line, time, end of its day or month, number) of each row."""
    width = 1 + max(choice.time, choice.value, choice.only[0] if choice.only else 0)
    clock = zone if choice.clock is Clock.LOCAL else UTC_ZONE
    kept: list[tuple[int, tuple[int, int] | None]] = []
    walls: list[datetime] = []
    for line, row in rows(document, found, choice.header, width):
        if choice.only is not None and row[choice.only[0]].strip() != choice.only[1]:
            found.left[Left.OTHER] += 1
            continue
        try:
            wall = _wall(row[choice.time], choice, clock)
            number = None if cells.is_no_value(row[choice.value]) else _number(row[choice.value], choice.decimal)
        except RowRefusedError as refused:
            found.refuse(line, refused.why, **refused.values)
            continue
        if number is None:
            found.left[Left.VALUE] += 1
        walls.append(wall)
        kept.append((line, number))
    known = choice.dates in (Dates.OFFSET, Dates.EPOCH)
    for (line, number), wall, at in zip(kept, walls, cells.placed(walls, UTC_ZONE if known else clock), strict=True):
        if isinstance(at, Why):
            if number is not None:
                found.refuse(line, at, met=wall)
        else:
            yield line, at + choice.after_s, _end(wall, choice.each, clock), number


def _end(wall: datetime, each: Each, zone: ZoneInfo) -> int:
    """The end of the day or the month that begins at a time."""
    day = date(wall.year, wall.month, wall.day)
    then = day + timedelta(days=1) if each is Each.DAY else (day.replace(day=1) + timedelta(days=31)).replace(day=1)
    return int(datetime(then.year, then.month, then.day, tzinfo=zone).timestamp())


def _wall(text: str, choice: Choice, zone: ZoneInfo) -> datetime:
    """A clock's time: in UTC where the text says its offset, else on the clock that was chosen."""
    if choice.dates in (Dates.OFFSET, Dates.EPOCH):
        at = cells.moment(text) if choice.dates is Dates.OFFSET else epoch(text)
        if choice.each is Each.STEP or choice.what is Shape.INDEX:
            return datetime.fromtimestamp(at, UTC).replace(tzinfo=None)
        local = datetime.fromtimestamp(at, UTC).astimezone(zone).replace(tzinfo=None)
        raise RowRefusedError(Why.TIME, needed="31/12/2025", met=local)
    wall = wall_of(text, choice.dates)
    if choice.each is not Each.STEP and choice.what is not Shape.INDEX:
        wall = wall.replace(hour=0, minute=0, second=0)
        return wall.replace(day=1) if choice.each is Each.MONTH else wall
    return wall


def wall_of(text: str, dates: Dates) -> datetime:
    """What a clock showed, in one of the ways to write it; a month alone is its first day."""
    text = text.strip()
    if dates is Dates.SHEET:
        if not _SHEET.fullmatch(text):
            raise RowRefusedError(Why.TIME, needed=dates, met=text or "–")
        days = Decimal(text)
        return cells.wall(text) + timedelta(seconds=round((days - int(days)) * cells.DAY_S))
    sign = "-" if dates is Dates.YMD else "/"
    text = text if sign == "-" else text.replace(".", sign)
    if month_only := _MONTH.fullmatch(text):
        text = f"01/{month_only[1]}/{month_only[2]}" if month_only[1] else f"{month_only[3]}-{month_only[4]}-01"
    elif dates is Dates.MDY:
        month, _, rest = text.partition("/")
        day, _, rest = rest.partition("/")
        text = f"{day}/{month}/{rest}"
    if sign not in text.partition(" ")[0]:
        raise RowRefusedError(Why.TIME, needed=dates, met=text or "–")
    return cells.wall(text)


def epoch(text: str) -> int:
    """Seconds or milliseconds since 1970."""
    whole = text.strip().partition(".")[0]
    if not (whole.isdecimal() and whole.isascii() and 9 <= len(whole) <= 13):
        raise RowRefusedError(Why.TIME, needed=Dates.EPOCH, met=text or "–")
    at = int(whole)
    return at // 1000 if at >= EPOCH_MS_MIN else at


def _number(text: str, decimal: str) -> tuple[int, int]:
    other = "," if decimal == "." else "."
    if text.count(decimal) > 1 or (other in text and not _GROUPED[other].fullmatch(text.strip().partition(decimal)[0])):
        raise RowRefusedError(Why.NUMBER, met=text)
    return cells.number(text.replace(other, ""))
