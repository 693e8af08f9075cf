"""The calendar and the weather of a year in France: local days of 23, 24 and 25 hours, days without work or school."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

ZONE = "Europe/Paris"
MINUTE, HOUR, DAY = 60, 3600, 86_400
# Saturdays of 2025 on which school holidays begin, and their days (Journal officiel of 8 December 2022).
# Those of winter and spring are staggered by zone. In another year: the nearest Saturdays.
COMMON = (((1, 1), 4), ((7, 5), 58), ((10, 18), 16), ((12, 20), 16))
STAGGERED = {
    "A": (((2, 22), 16), ((4, 19), 16)),
    "B": (((2, 8), 16), ((4, 5), 17)),
    "C": (((2, 15), 16), ((4, 12), 16)),
}


@dataclass(frozen=True)
class Span:
    """From `start` until `end`, which is no longer in it; UTC seconds."""

    start: int
    end: int

    def __contains__(self, at: float) -> bool:
        return self.start <= at < self.end


@dataclass(frozen=True)
class Day:
    """A local day: its midnight in UTC seconds, and by how much its clock is moved at three in the morning."""

    date: date
    start: int
    end: int
    public_holiday: bool

    @property
    def free(self) -> bool:
        """Whether most people do not work."""
        return self.public_holiday or self.date.weekday() >= 5

    def at(self, clock_s: float) -> float:
        """UTC seconds of what the wall clock says; past 24 h it is the next night."""
        moved_s = self.end - self.start - DAY
        return self.start + clock_s + (moved_s if clock_s >= 3 * HOUR else 0)

    def at_winter_clock(self, clock_s: float) -> float:
        """UTC seconds of a clock that nobody moves in spring."""
        winter = datetime.combine(self.date, time(), ZoneInfo("Etc/GMT-1"))
        return winter.timestamp() + clock_s


@cache
def days(year: int) -> tuple[Day, ...]:
    """Each local day of the year."""
    zone = ZoneInfo(ZONE)
    free = _public_holidays(year)
    dates = [date(year, 1, 1) + timedelta(number) for number in range(367)]
    starts = [int(datetime.combine(each, time(), zone).timestamp()) for each in dates]
    return tuple(
        Day(each, start, end, each in free)
        for each, start, end in zip(dates, starts, starts[1:], strict=False)
        if each.year == year
    )


@cache
def school_holidays(year: int, zone: str) -> frozenset[date]:
    """The days without school in zone A, B or C."""
    found: set[date] = set()
    for (month, day), count in COMMON + STAGGERED[zone]:
        first = date(year, month, day)
        if month > 1:
            first += timedelta((5 - first.weekday() + 3) % 7 - 3)
        found.update(first + timedelta(number) for number in range(count))
    return frozenset(each for each in found if each.year == year)


def _public_holidays(year: int) -> frozenset[date]:
    easter = _easter(year)
    fixed = [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)]
    return frozenset([date(year, *each) for each in fixed] + [easter + timedelta(days) for days in (1, 39, 50)])


def _easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar: the Sunday after the full moon that the church counts."""
    golden, century = year % 19, year // 100
    epact = (century - century // 4 - (8 * century + 13) // 25 + 19 * golden + 15) % 30
    moon = epact - (epact // 28) * (1 - (29 // (epact + 1)) * ((21 - golden) // 11))
    weekday = (year + year // 4 + moon + 2 - century + century // 4) % 7
    after_february = moon - weekday
    month = 3 + (after_february + 40) // 44
    return date(year, month, after_february + 28 - 31 * (month // 4))


@dataclass(frozen=True)
class Weather:
    """A day's warmest temperature in °C, and the rain of the day and the one before in mm."""

    warmest_c: float
    rain_mm: float


def weather(rng: random.Random, year: int, *, south: bool) -> tuple[Weather, ...]:
    """Each day's weather: the season, and spells of some days (normals of Météo-France 1991-2020, roughly)."""
    found = []
    spell, rain, before = 0.0, 0.0, 0.0
    for number, _ in enumerate(days(year)):
        season = -math.cos(2 * math.pi * (number - 18) / 365.25)
        spell = 0.8 * spell + rng.gauss(0, 2.4)
        wet = (0.18 if south else 0.3) - (0.1 if south else 0.05) * season
        rain = rng.expovariate(1 / 5.5) if rng.random() < wet + (0.2 if before else 0) - spell * 0.02 else 0.0
        found.append(Weather((19 if south else 16) + 9.5 * season + spell, rain + before))
        before = rain
    return tuple(found)
