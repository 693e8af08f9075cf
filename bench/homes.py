"""Made-up homes with labelled leaks: a year of water each, and what the box hears of their meters.

What they are drawn from is published (bench/household/ says what, beside each number); a detector is judged on them, so
nothing here knows of one. A home is made by its number alone: number 7 of 2025 is the same whatever else is made.
SIMDEUM's tables were read as KWR's pysimdeum has them and the shares as CIEau gives them; the other sources are named as
they are usually quoted. How often a leak, a gap or an oddity comes is chosen so that each is met, and is no statistic.

Not in it: a main tap that is closed on leaving, second homes, frost, cuts of the supply, more than a leak at a time.

    python -m bench.homes [how many]    prints how they compare with what is published
"""

from __future__ import annotations

import random
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

from bench.household.leaks import Leak, leaked, leaks
from bench.household.meter import Meter, Troubles, heard, meter, registered, troubles, with_backflow
from bench.household.people import Household, household
from bench.household.presence import away
from bench.household.use import live
from bench.household.water import Oddity, Use
from bench.household.year import MINUTE, ZONE, Day, Span, days, weather

YEAR = 2025
COUNT = 500


@dataclass(frozen=True)
class Home:
    """One home's year: who lives there, its water by the minute, its labels, and its meter.

    `use` and `leaking` are litres in each minute of `year`, 16 MB a home in all, so a set of homes is to be walked
    through. `oddities` are use, and no leaks: forgotten taps, a pool's filling, works.
    """

    number: int
    calendar_year: int
    zone: str
    year: Span
    household: Household
    away: tuple[Span, ...]
    use: array[float] = field(repr=False)
    litres_by_use: dict[Use, float] = field(repr=False)
    leaking: array[float] = field(repr=False)
    leaks: tuple[Leak, ...]
    oddities: tuple[Oddity, ...]
    meter: Meter
    troubles: Troubles

    @property
    def days(self) -> tuple[Day, ...]:
        """Its local days, of 23, 24 or 25 hours."""
        return days(self.calendar_year)

    @property
    def resolution_l(self) -> float:
        """Litres a step of the meter's index."""
        return self.meter.resolution_l

    def readings(self) -> tuple[array[int], array[int]]:
        """As the box hears them: when (UTC seconds, growing), and the index then, in steps of `resolution_l`."""
        rng = _rng(self.number, self.calendar_year, "heard")
        through = array("d", map(float.__add__, self.use, self.leaking))
        counted = registered(self.meter, through)
        if self.meter.backward:
            counted = with_backflow(rng, counted, self.year)
        return heard(rng, self.meter, self.troubles, self.year, counted)

    def truth(self, start: int, end: int) -> float:
        """Litres that passed from `start` to `end` (UTC seconds within the year), leaks included."""
        return self._until(end) - self._until(start)

    @cached_property
    def _passed(self) -> array[float]:
        """Litres from the beginning of the year to the end of each minute."""
        return array("d", accumulate(map(float.__add__, self.use, self.leaking), initial=0.0))

    def _until(self, at: int) -> float:
        minute, second = divmod(at - self.year.start, MINUTE)
        litres = self._passed[minute]
        return litres + (self._passed[minute + 1] - litres) * second / MINUTE if second else litres


def home(number: int, *, year: int = YEAR) -> Home:
    """The home of this number in this year."""
    who = household(_rng(number, year, "household"))
    gone = away(_rng(number, year, "away"), who, year)
    sky = weather(_rng(number, year, "weather"), year, south=who.south)
    water = live(_rng(number, year, "use"), who, year, gone, sky)
    found = leaks(_rng(number, year, "leaks"), water.span, gone)
    leaking = leaked(_rng(number, year, "leaking"), water.span, found, water.flushes)
    return Home(
        number,
        year,
        ZONE,
        water.span,
        who,
        gone,
        water.minutes,
        water.litres,
        leaking,
        found,
        tuple(water.oddities),
        meter(_rng(number, year, "meter")),
        troubles(_rng(number, year, "troubles"), water.span),
    )


def homes(count: int = COUNT, *, year: int = YEAR) -> Iterator[Home]:
    """The first so many homes, one at a time."""
    return (home(number, year=year) for number in range(count))


def _rng(number: int, year: int, part: str) -> random.Random:
    """A source of its own for each part, so that a change in one leaves the others as they were."""
    return random.Random(f"{year} {number} {part}")


if __name__ == "__main__":
    from bench.household.table import table

    sys.stdout.write(table(homes(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)))
