"""Days on which most people do not work: weekends, and the public holidays of a country where it is known."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import cache

# Month and day, and days after Easter Sunday: Code du travail, article L. 3133-1. Those of Alsace, of Moselle and
# overseas alone are not among them.
FRENCH_DATES = frozenset({(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)})
FRENCH_AFTER_EASTER = (1, 39, 50)
# A home is full, or empty: month and day, both included.
FEASTS = ((12, 22), (1, 2))


def is_off(day: date, zone: str) -> bool:
    """A Saturday, a Sunday, or a public holiday of the country of this time zone; of those nobody told us, weekends alone."""
    return day.weekday() >= 5 or HOLIDAYS.get(zone, _none)(day)


def is_feast(day: date, zone: str) -> bool:
    """From before Christmas until the New Year, where the country keeps it."""
    first, last = FEASTS
    return zone in HOLIDAYS and ((day.month, day.day) >= first or (day.month, day.day) <= last)


def _none(day: date) -> bool:
    return False


def _french(day: date) -> bool:
    return (day.month, day.day) in FRENCH_DATES or day in _after_easter(day.year)


@cache
def _after_easter(year: int) -> frozenset[date]:
    return frozenset(easter(year) + timedelta(days) for days in FRENCH_AFTER_EASTER)


def easter(year: int) -> date:
    """Easter Sunday: the one after the church's full moon on or after 21 March."""
    century = year // 100
    # How old the moon is on 21 March, by the cycle of nineteen years and what centuries shift it by.
    moon = (19 * (year % 19) + century - century // 4 - (8 * century + 13) // 25 + 15) % 30
    moon -= moon == 29 or (moon == 28 and year % 19 > 10)
    full = date(year, 3, 21) + timedelta(moon)
    return full + timedelta(7 - (full.weekday() + 1) % 7)


HOLIDAYS: Mapping[str, Callable[[date], bool]] = {"Europe/Paris": _french}
