"""What stands in a cell: a number with its comma and its spaces, a day, a moment; and French clocks on the nights they change."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from gateway.importers.holders.found import FRENCH, VALUE_MAX, RowRefusedError, Why

DAY_S = 86_400
DECIMALS_MAX = 6

_NUMBER = re.compile(r"(-?)(\d+|\d{1,3}(?: \d{3})+)(?:[.,](\d*))?", re.ASCII)
_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "'": " ", "’": " "})
_FRENCH_DAY = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)
_ISO_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", re.ASCII)
# A spreadsheet counts days from here; before March 1900 it counts one that never was.
_SHEET_DAY_ZERO = date(1899, 12, 30)
_SHEET_DAY = re.compile(r"(\d{5})(?:\.\d+)?", re.ASCII)

NO_VALUE = frozenset({"", "na", "n/a", "null", "none", "nan", "-", "unknown", "unavailable"})


def fold(text: str) -> str:
    """A column's name without accents, case and spaces that do not matter."""
    plain = unicodedata.normalize("NFKD", text.translate(_SPACES).replace("³", "3"))
    return " ".join("".join(letter for letter in plain if not unicodedata.combining(letter)).casefold().split())


def is_no_value(text: str) -> bool:
    return text.strip().casefold() in NO_VALUE


def number(text: str) -> tuple[int, int]:
    """Digits and their power of ten: `2 043,608` is (2043608, -3). A comma is a decimal comma, a space groups."""
    if text.isdecimal() and text.isascii() and len(text) <= 15:  # the usual case
        return int(text), 0
    found = _NUMBER.fullmatch(text.translate(_SPACES).strip())
    if found is None:
        raise RowRefusedError(Why.NUMBER, met=text or "–")
    decimals = (found[3] or "").rstrip("0") if len(found[3] or "") > DECIMALS_MAX else found[3] or ""
    digits = int(found[1] + found[2].replace(" ", "") + decimals)
    if len(decimals) > DECIMALS_MAX or abs(digits) > VALUE_MAX:
        raise RowRefusedError(Why.NUMBER, met=text)
    return digits, -len(decimals)


def times(number_: tuple[int, int], exponent: int) -> tuple[int, int]:
    """The same number in a unit 10**exponent times finer."""
    return number_[0], number_[1] + exponent


@lru_cache(maxsize=20_000)
def day(text: str) -> date:
    """`31/12/2025`, `2025-12-31`, or a spreadsheet's number of a day."""
    text = text.strip()
    try:
        if found := _FRENCH_DAY.fullmatch(text):
            return date(int(found[3]), int(found[2]), int(found[1]))
        if found := _ISO_DAY.fullmatch(text):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := _SHEET_DAY.fullmatch(text):
            return _SHEET_DAY_ZERO + timedelta(days=int(found[1]))
    except ValueError:
        pass
    raise RowRefusedError(Why.TIME, needed="31/12/2025", met=text or "–")


def clock_s(text: str) -> int:
    """`23:30` or `23:30:00` in seconds of the day."""
    found = _CLOCK.fullmatch(text.strip())
    if found is None or int(found[1]) > 24 or int(found[2]) > 59 or int(found[3] or 0) > 59:
        raise RowRefusedError(Why.TIME, needed="23:30:00", met=text or "–")
    return int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3] or 0)


@lru_cache(maxsize=20_000)
def start_of(day_: date, hour: int = 0) -> int:
    """The second at which a French day begins, or its gas day, at six."""
    return int(datetime(day_.year, day_.month, day_.day, hour, tzinfo=FRENCH).timestamp())


def end_of(day_: date, hour: int = 0) -> int:
    return start_of(day_ + timedelta(days=1), hour)


def moment(text: str) -> int:
    """A time that says its offset: no night has it twice."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise RowRefusedError(Why.TIME, needed="2025-12-31T23:30:00+01:00", met=text or "–")
    return int(at.timestamp())


def wall(text: str) -> datetime:
    """A time that says no offset: what a clock on the wall showed."""
    head, _, rest = text.strip().replace("T", " ").partition(" ")
    day_ = day(head)
    return datetime(day_.year, day_.month, day_.day) + timedelta(seconds=clock_s(rest or "00:00"))  # noqa: DTZ001 - a wall


def placed(walls: Sequence[datetime], zone: ZoneInfo = FRENCH) -> list[int | Why]:
    """When each of these clock times was, in the order of the file; Why where nobody can say.

    An hour that came twice is told apart by the order of the rows: two runs of it, the summer's first.
    """
    order = range(len(walls))
    if len(walls) > 1 and walls[-1] < walls[0]:
        order = range(len(walls) - 1, -1, -1)
    out: list[int | Why] = [Why.TIME] * len(walls)
    twice: list[int] = []
    in_order = True
    last: datetime | None = None
    for number_ in order:
        at = walls[number_]
        start, length = _day(at.date(), zone)
        if length == DAY_S:
            out[number_] = start + at.hour * 3600 + at.minute * 60 + at.second
        else:
            early, late = (at.replace(tzinfo=zone, fold=fold_) for fold_ in (0, 1))
            if early.utcoffset() == late.utcoffset():
                out[number_] = int(early.timestamp())
            elif datetime.fromtimestamp(early.timestamp(), zone).replace(tzinfo=None) != at:
                out[number_] = Why.NO_SUCH_HOUR
            else:
                twice.append(number_)
                continue
        in_order = in_order and (last is None or last <= at)
        last = at
    for group in _by_night(twice, walls):
        runs = _runs(group, walls)
        for number_ in group:
            fold_ = 0 if number_ in runs[0] else 1
            known = in_order and len(runs) == 2
            out[number_] = int(walls[number_].replace(tzinfo=zone, fold=fold_).timestamp()) if known else Why.WHICH_HOUR
    return out


def _by_night(numbers: Sequence[int], walls: Sequence[datetime]) -> list[list[int]]:
    nights: dict[date, list[int]] = {}
    for number_ in numbers:
        nights.setdefault(walls[number_].date(), []).append(number_)
    return list(nights.values())


def _runs(group: Sequence[int], walls: Sequence[datetime]) -> list[list[int]]:
    runs = [[group[0]]]
    for before, number_ in pairwise(group):
        if walls[number_] <= walls[before]:
            runs.append([])
        runs[-1].append(number_)
    return runs


@lru_cache(maxsize=20_000)
def _day(day_: date, zone: ZoneInfo) -> tuple[int, int]:
    """When a local day starts, and how long it is."""
    start, end = (
        int(datetime(each.year, each.month, each.day, tzinfo=zone).timestamp())
        for each in (day_, day_ + timedelta(days=1))
    )
    return start, end - start


def today(until: int) -> date:
    return datetime.fromtimestamp(until, UTC).astimezone(FRENCH).date()
