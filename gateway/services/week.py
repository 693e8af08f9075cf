"""What one whole week took, beside the weeks before it: pure functions of what is known of each week."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from drivers.model import Quantity

DAYS = 7
# What is usual is the mean of the last four weeks: further back is another season. Of fewer than three nothing is usual.
WEEKS_BACK, WEEKS_MIN = 4, 3
# What had been taken at midnight is what the last reading before it says: of one that is followed by none for so long, nothing.
APART_S_MAX = 36 * 3600
# A day is told by itself where the meter is heard so often, and where it took so much more than a seventh of the week.
DAY_APART_S_MAX = 2 * 3600
TOP_SHARE = Decimal("1.2")
# Up to so much more or less than what it is compared with: as usual, a little, more; beyond it, much.
LIKE, LITTLE, MUCH = Decimal("0.10"), Decimal("0.25"), Decimal("0.50")
# A difference of less is no news, in the quantity's own unit.
LEAST = {Quantity.ENERGY: Decimal(1000), Quantity.ENERGY_JOULE: Decimal(3_600_000), Quantity.VOLUME: Decimal(20)}


class Word(StrEnum):
    """How much more or less a week took."""

    LIKE = "like"
    LITTLE_MORE = "little more"
    MORE = "more"
    MUCH_MORE = "much more"
    LITTLE_LESS = "little less"
    LESS = "less"
    MUCH_LESS = "much less"


class Against(StrEnum):
    """What a week is compared with."""

    USUAL = "usual"  # the mean of the weeks before
    BEFORE = "before"  # the week before


@dataclass(frozen=True, slots=True)
class Week:
    """What was taken from Monday to Monday, and in each of the seven days, in the quantity's own unit; None: not known."""

    total: Decimal | None
    days: Sequence[Decimal | None]

    @property
    def is_whole(self) -> bool:
        return self.total is not None and None not in self.days

    @property
    def open_days(self) -> tuple[int, ...]:
        """The days that are not known whole: 0 is Monday."""
        return tuple(number for number, day in enumerate(self.days) if day is None)

    @property
    def at_least(self) -> Decimal | None:
        """What the days that are known took together; None where none is."""
        known = [day for day in self.days if day is not None]
        return sum(known, Decimal(0)) if known else None


@dataclass(frozen=True, slots=True)
class Facts:
    """A week; `before` and `usual` (the mean of `weeks` weeks) are None where too little is known whole."""

    week: Week
    before: Decimal | None
    usual: Decimal | None
    weeks: int
    top: int | None  # the day that took most: 0 is Monday


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def midnights(zone: ZoneInfo, monday: date, weeks: int = 1) -> list[int]:
    """When each day begins (UTC seconds) of the `weeks` weeks of which the last one begins at `monday`; then when it ends."""
    first = monday - timedelta(weeks=weeks - 1)
    days = (first + timedelta(days=number) for number in range(weeks * DAYS + 1))
    return [int(datetime.combine(day, time(), zone).timestamp()) for day in days]


def facts(weeks: Sequence[Week], *, by_day: bool) -> Facts:
    """Of the last of these weeks, which follow one another; `by_day`: the meter is heard often enough for single days.

    A week that is not known whole is compared with nothing, and nothing with it.
    """
    week, back = weeks[-1], weeks[-1 - WEEKS_BACK : -1]
    whole = [each.total for each in back if each.is_whole and each.total is not None]
    usual = sum(whole, Decimal(0)) / len(whole) if len(whole) >= WEEKS_MIN else None
    before = back[-1].total if back and back[-1].is_whole else None
    return Facts(week, before, usual, len(whole), _top(week) if by_day else None)


def _top(week: Week) -> int | None:
    """The day that took clearly more than a day of this week as a rule, and more than any other."""
    days = [day for day in week.days if day is not None]
    if not week.is_whole or len(days) < DAYS:
        return None
    most, second = sorted(days)[:-3:-1]
    return days.index(most) if most > second and most * DAYS >= TOP_SHARE * sum(days) else None


def compared(found: Facts, quantity: Quantity, step: Decimal) -> tuple[Against, Word] | None:
    """How the week compares with what is usual, else with the week before; None where that would pretend.

    `step` is what the meter counts in: where that is more than a tenth of what it is compared with, a step decides.
    """
    against, base = (Against.USUAL, found.usual) if found.usual is not None else (Against.BEFORE, found.before)
    total = found.week.total
    if total is None or not found.week.is_whole or not base or step > base * LIKE:
        return None
    more = total - base
    part = abs(more) / base
    if part <= LIKE or abs(more) < LEAST.get(quantity, Decimal(0)):
        return against, Word.LIKE
    if part <= LITTLE:
        return against, Word.LITTLE_MORE if more > 0 else Word.LITTLE_LESS
    if part <= MUCH:
        return against, Word.MORE if more > 0 else Word.LESS
    return against, Word.MUCH_MORE if more > 0 else Word.MUCH_LESS
