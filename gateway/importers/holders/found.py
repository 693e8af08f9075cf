"""What is found in a holder's file: rows of a consumption or an index, what was left out, and why, by its line."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

from drivers.model import Medium, Quantity
from gateway.importers.rise import longest_rise
from gateway.periods import Shape
from gateway.plausible import PACES

# French holders say French local time where they say no offset, wherever the box stands.
FRENCH = ZoneInfo("Europe/Paris")
REFUSALS_NAMED_MAX = 100
ROWS_MAX = 600_000  # ten years of ten-minute values
VALUE_MAX = 10**15
PERIOD_S_MAX = 400 * 86400
# A file whose index falls for so few rows has wrong rows; for more, the meter was replaced in between.
WRONG_ROWS_MAX = 2
_PLACE = 1 << 32


class Why(StrEnum):
    """Why a file or a row of it is refused, in the words of the command line; the pages translate them."""

    # the file
    EMPTY = "the file is empty"
    LARGE = "a file of at most %(mb)s MB is needed"
    BINARY = "a text file, a spreadsheet (xlsx) or a zip of them is needed"
    ENCODING = "the file says that it is %(needed)s, and it is not"
    LETTERS = "letters as UTF-8, UTF-16 or Windows write them are needed"
    ARCHIVE = "the archive is damaged or locked"
    ARCHIVE_LARGE = "the archive unpacks to more than %(mb)s MB"
    ARCHIVE_FILES = "an archive of at most %(n)s files is needed"
    XML = "the spreadsheet is damaged"
    DOCUMENT_TYPE = "a spreadsheet without document type or entities is needed"
    JSON = "good JSON is needed"
    MANY = "at most %(n)s rows are taken from one file"
    UNKNOWN = "this is no file that is known, and no table of times and values"
    UNIT_OF_FILE = "the unit %(needed)s is needed, not %(met)s"
    UNIT_MISSING = "the file does not say its unit"
    UNITS = "one unit in all rows is needed: there are %(needed)s and %(met)s"
    HOUR_APART = "the date and the hour are needed in one column: the hour stands in one of its own"
    STEP_MISSING = "too few rows to know how far apart they are"
    PLACES = "the files of one meter are needed, and these are of several"
    OURS = "its first line should name the columns of the box's own format: %(needed)s"
    STAMP = "times at the end of their periods are needed: the first one is where the file's own period begins"
    SUM_MISSING = "Home Assistant's statistics are needed with their sum: ask for them with the types sum and state"
    R64_TABLE = (
        "this is Enedis's R64 as a table, which the box does not know well enough: ask Enedis for the R64 as JSON"
    )
    QUANTITY = "active energy is needed, not %(met)s"
    # a row
    LINE = "a line of at most %(n)s characters, with its quotes closed, is needed"
    TIME = "a date such as %(needed)s is needed, not %(met)s"
    FUTURE = "a time that has passed is needed, not %(met)s"
    NUMBER = "a number is needed, not %(met)s"
    NEGATIVE = "what is taken is not less than nothing: %(met)s"
    NO_SUCH_HOUR = "%(met)s does not exist: the clocks went forward"
    WHICH_HOUR = "%(met)s came twice that night, and the order of the rows does not say which is meant"
    STEP = "rows %(needed)s minutes apart are needed, as in the rest of the file"
    PERIOD = "a period that ends after it begins, within 400 days, is needed"
    OVERLAP = "this period runs into another one, of line %(other)s"
    TWO_VALUES = "line %(other)s says another value for the same time"
    HIGH = "at most %(needed)s is possible in that time, not %(met)s"
    LEAP = "an index at most %(needed)s away from the readings beside it is needed, not %(met)s"
    BACKWARDS = "an index that does not fall is needed"
    FORMULA = "a value is needed, not a formula"
    NATURE = "a measured or an estimated value is needed, not %(met)s"
    AGREE = "the columns of this row do not agree"


class Left(StrEnum):
    """What is left out and is no fault: it is counted."""

    VALUE = "without a value"
    ESTIMATED = "estimated, not measured"
    SUBTOTAL = "sums of other rows"
    TWICE = "said twice"
    LATER = "not read yet by the company"
    OTHER = "of something else"
    DOUBTED = "doubted by the company itself"


class FileRefusedError(Exception):
    """Why nothing can be taken from a file; `line` where one is to blame."""

    def __init__(self, why: Why, line: int = 0, /, **values: object) -> None:
        self.why, self.line, self.values = why, line, {name: str(value)[:80] for name, value in values.items()}
        super().__init__((f"line {line}: " if line else "") + why % self.values)


class RowRefusedError(Exception):
    """Why one row cannot be taken."""

    def __init__(self, why: Why, /, **values: object) -> None:
        self.why, self.values = why, {name: str(value)[:40] for name, value in values.items()}
        super().__init__(why % self.values)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row that was not taken: in which file (the `document`-th one), on which line, and why."""

    document: int
    line: int
    why: Why
    values: dict[str, str]

    def __str__(self) -> str:
        return f"line {self.line}: {self.why % self.values}"


@dataclass(frozen=True, slots=True)
class What:
    """What rows say: the register they are kept under, of what, and `out` if it was given to the grid, not taken."""

    register: str
    quantity: Quantity
    shape: Shape
    tariff: int = 0
    out: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one register, in order of time: start, end (the same for an index), value in 10**exponent."""

    holder: str
    what: What
    exponent: int
    rows: Sequence[tuple[int, int, int]]


Row = tuple[int, int, int, int, int]  # start, end, digits, exponent, place
_Scaled = tuple[int, int, int, int]  # start, end, value, place


@dataclass(slots=True)
class Found:
    """Gathers what one file, or several of one medium, hold. `until`: no meter was read later than this."""

    holder: str
    medium: Medium
    until: int
    document: int = 0
    kinds: list[str] = field(default_factory=list)
    places: set[str] = field(default_factory=set)
    rows: int = 0
    left: Counter[Left] = field(default_factory=Counter)
    refused: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    _rows: dict[tuple[str, What], list[Row]] = field(default_factory=dict)
    _twice: set[int] = field(default_factory=set)

    def add(self, what: What, start: int, end: int, number: tuple[int, int], line: int) -> None:
        """One row; `number` is (digits, power of ten) in the quantity's unit."""
        if end > self.until:
            self.refuse(line, Why.FUTURE, met=_moment(end))
            return
        if start < 0 or not 0 <= end - start <= PERIOD_S_MAX or (what.shape is not Shape.INDEX and end == start):
            self.refuse(line, Why.PERIOD)
            return
        if number[0] < 0 and what.shape is not Shape.INDEX:
            self.refuse(line, Why.NEGATIVE, met=number[0])
            return
        limit = None if what.shape is Shape.INDEX else _limit(what, end - start)
        if limit is not None and number[0] * 10.0 ** number[1] > limit:
            unit = "W" if what.shape is Shape.POWER else what.quantity.unit
            met = Decimal(number[0]).scaleb(number[1])
            self.refuse(line, Why.HIGH, needed=f"{limit:.0f} {unit}", met=f"{met:.0f} {unit}")
            return
        self._rows.setdefault((self.holder, what), []).append((start, end, *number, self.document * _PLACE + line))

    def refuse(self, line: int, why: Why, /, **values: object) -> None:
        self._refuse(self.document * _PLACE + line, why, **values)

    def _refuse(self, place: int, why: Why, /, **values: object) -> None:
        self.refused += 1
        if len(self.refusals) < REFUSALS_NAMED_MAX:
            said = {name: str(value)[:40] for name, value in values.items()}
            self.refusals.append(Refusal(*divmod(place, _PLACE), why, said))

    def join(self, other: "Found") -> None:
        """Take in what another file of the same medium holds."""
        self.kinds += [kind for kind in other.kinds if kind not in self.kinds]
        self.places |= other.places
        self.rows += other.rows
        self.left += other.left
        self.refused += other.refused
        self.refusals += other.refusals[: REFUSALS_NAMED_MAX - len(self.refusals)]
        for key, rows in other._rows.items():
            self._rows.setdefault(key, []).extend(rows)

    def parts(self) -> list[Part]:
        """What can be taken: in order of time, each time once, an index that does not fall."""
        parts = []
        for (holder, what), rows in self._rows.items():
            kept = self._apart(self._one_each(sorted(rows)))
            exponent = min((row[3] for row in kept), default=0)
            scaled = [(row[0], row[1], row[2] * int(10 ** (row[3] - exponent)), row[4]) for row in kept]
            if what.shape is Shape.INDEX:
                scaled = self._believable(what, exponent, self._forwards(scaled))
            if scaled:
                parts.append(Part(holder, what, exponent, [row[:3] for row in scaled]))
        self._rows.clear()
        self.left[Left.TWICE] += len(self._twice)
        self._twice.clear()
        return sorted(parts, key=lambda part: (part.what.register, part.what.tariff))

    def _one_each(self, rows: list[Row]) -> list[Row]:
        """Each period once. Of two values for the same one neither is taken: nobody can say which is right."""
        kept: list[Row] = []
        wrong: dict[tuple[int, int], int] = {}  # the place of the row that says otherwise
        for row in rows:
            if not kept or kept[-1][:2] != row[:2]:
                kept.append(row)
            elif _value(kept[-1]) == _value(row):
                self._twice.add(row[4])
            else:
                wrong.setdefault(row[:2], row[4])
                self._refuse(row[4], Why.TWO_VALUES, other=kept[-1][4] % _PLACE)
        for row in kept:
            if row[:2] in wrong:
                self._refuse(row[4], Why.TWO_VALUES, other=wrong[row[:2]] % _PLACE)
        return [row for row in kept if row[:2] not in wrong]

    def _apart(self, rows: list[Row]) -> list[Row]:
        kept: list[Row] = []
        for row in rows:
            if kept and row[0] < kept[-1][1]:
                self._refuse(row[4], Why.OVERLAP, other=kept[-1][4] % _PLACE)
            else:
                kept.append(row)
        return kept

    def _forwards(self, rows: list[_Scaled]) -> list[_Scaled]:
        """Without the few rows that contradict the rest; where there are more, another meter stood there later."""
        if all(low[2] <= high[2] for low, high in pairwise(rows)):
            return rows
        kept = set(longest_rise([row[2] for row in rows]))
        if len(rows) - len(kept) > max(WRONG_ROWS_MAX, len(rows) // 100):
            return rows
        for number, row in enumerate(rows):
            if number not in kept:
                self._refuse(row[3], Why.BACKWARDS)
        return [row for number, row in enumerate(rows) if number in kept]

    def _believable(self, what: What, exponent: int, rows: list[_Scaled]) -> list[_Scaled]:
        """Without rows that no meter gets to in the time: where the index leaps, the side of fewer rows is wrong."""
        runs: list[list[_Scaled]] = []
        for row in rows:
            leap = _leap(what, exponent, runs[-1][-1], row) if runs else None
            if runs and leap is None and runs[-1][-1][2] <= row[2]:
                runs[-1].append(row)
            else:
                runs.append([row])
        kept: list[list[_Scaled]] = []
        for run in runs:
            while kept and (leap := _leap(what, exponent, kept[-1][-1], run[0])) is not None:
                wrong = run if len(run) <= len(kept[-1]) else kept.pop()
                for row in wrong:
                    self._refuse(row[3], Why.LEAP, needed=leap[0], met=leap[1])
                if wrong is run:
                    break
            else:
                if kept and kept[-1][-1][2] <= run[0][2]:
                    kept[-1] += run
                else:
                    kept.append(run)
        return [row for run in kept for row in run]


def _limit(what: What, seconds: int) -> float | None:
    """The most that a home takes in a time, in the quantity's unit; of a mean power, at any time."""
    pace = PACES.get(what.quantity)
    if pace is None:
        return None
    hours = 1 if what.shape is Shape.POWER else seconds / 3600
    return pace.per_hour_max * (hours + (pace.slack_h if what.shape is Shape.INDEX else 0))


def _leap(what: What, exponent: int, low: _Scaled, high: _Scaled) -> tuple[str, str] | None:
    return leap(what, high[0] - low[0], (high[2] - low[2]) * 10.0**exponent)


def leap(what: What, seconds: int, rise: float) -> tuple[str, str] | None:
    """How far an index may rise in a time, and how far it does; None where it does not leap."""
    limit = _limit(what, seconds)
    if limit is None or rise <= limit:
        return None
    return f"{limit:.0f} {what.quantity.unit}", f"{rise:.0f} {what.quantity.unit}"


def _value(row: Row) -> tuple[int, int]:
    digits, exponent = row[2], row[3]
    while digits and digits % 10 == 0:
        digits, exponent = digits // 10, exponent + 1
    return digits, exponent if digits else 0


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at, FRENCH).strftime("%Y-%m-%d %H:%M")
