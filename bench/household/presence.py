"""When people are at home and awake, and when nobody is there."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from bench.household.people import Household, Person, Role
from bench.household.year import HOUR, Day, Span, days, school_holidays

CHILDREN = (Role.TEEN, Role.CHILD, Role.BABY)
# Wakes, goes to bed; on days of work or school: leaves, comes back. Hours of the wall clock.
HOURS = {
    Role.WORKER: (6.7, 23.0, 8.0, 17.9),
    Role.HOME_OFFICE: (7.2, 23.2, 8.6, 18.2),
    Role.SHIFT_WORKER: (4.3, 21.3, 5.0, 13.6),
    Role.AT_HOME: (7.4, 23.2, 9.5, 11.3),
    Role.RETIRED: (7.4, 22.6, 9.8, 11.5),
    Role.TEEN: (6.9, 22.7, 7.7, 17.2),
    Role.CHILD: (7.2, 20.8, 8.3, 16.8),
    Role.BABY: (6.8, 20.0, 8.4, 17.4),
}
ALWAYS_OUT = (Role.WORKER, Role.SHIFT_WORKER, Role.TEEN, Role.CHILD)


@dataclass(frozen=True)
class Waking:
    """A person's day: when it begins and ends, and the stretches awake at home; seconds of the wall clock, past 24 h too."""

    wake: float
    bed: float
    home: tuple[tuple[float, float], ...]

    @cached_property
    def home_s(self) -> float:
        return sum(end - start for start, end in self.home)

    def moment(self, rng: random.Random) -> float:
        """Any moment awake at home; needs one."""
        left = rng.random() * self.home_s
        for start, end in self.home:
            if left <= end - start:
                return start + left
            left -= end - start
        return self.home[-1][1]

    def is_home(self, clock_s: float) -> bool:
        return any(start <= clock_s < end for start, end in self.home)


def waking(rng: random.Random, person: Person, day: Day, *, school: bool) -> Waking:
    role = person.role
    busy = school if role in (Role.TEEN, Role.CHILD) else not day.free
    by_night = role is Role.SHIFT_WORKER and busy and day.date.isocalendar().week % 2 == 0
    wake_h, bed_h, leave_h, back_h = HOURS[role]
    lie_in = 0.0 if busy or role in (Role.BABY, Role.RETIRED) else rng.gauss(2.4 if role is Role.TEEN else 1.3, 0.6)
    late = (
        0.0
        if role in (Role.BABY, Role.CHILD)
        else max(rng.gauss(0.5 if day.date.weekday() in (4, 5) else 0, 0.5), -0.8)
    )
    wake = wake_h + person.wake_h * (0.5 if busy else 1) + lie_in + rng.gauss(0, 0.2)
    bed = bed_h + person.bed_h + late + rng.gauss(0, 0.3)
    if by_night:  # home from six, asleep until early afternoon, off again at nine in the evening
        start, end = 6.2 + rng.gauss(0, 0.2), 7.5 + rng.gauss(0, 0.3)
        wake = 13.7 + rng.gauss(0, 0.6)
        return Waking(wake * HOUR, end * HOUR, ((start * HOUR, end * HOUR), (wake * HOUR, 20.7 * HOUR)))
    outings = []
    if busy and (role in ALWAYS_OUT or rng.random() < {Role.HOME_OFFICE: 0.4, Role.BABY: 0.55}.get(role, 0.0)):
        leave = max(leave_h + 0.5 * person.wake_h + rng.gauss(0, 0.2), wake + 0.4)
        outings.append((leave, max(back_h + rng.gauss(0, 0.8), leave + 2)))
    else:
        if rng.random() < 0.55:
            start = rng.uniform(9.3, 11.5)
            outings.append((start, start + rng.uniform(0.5, 2.5)))
        if rng.random() < 0.5:
            start = rng.uniform(13.8, 17)
            outings.append((start, start + rng.uniform(0.5, 4)))
    if rng.random() < 0.1 and role not in CHILDREN:
        outings.append((19.2 + rng.gauss(0, 0.5), min(bed - 0.2, 22.8)))
    return Waking(wake * HOUR, bed * HOUR, _at_home(wake, bed, outings))


def _at_home(wake_h: float, bed_h: float, outings: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    stretches = []
    at = wake_h
    for start, end in sorted(outings):
        if start > at:
            stretches.append((at, min(start, bed_h)))
        at = max(at, end)
    stretches.append((at, bed_h))
    return tuple((start * HOUR, end * HOUR) for start, end in stretches if end > start + 0.05)


def away(rng: random.Random, household: Household, year: int) -> tuple[Span, ...]:
    """When nobody is there for a night or more: weekends and holidays, in their order, none touching another."""
    calendar = days(year)
    free = school_holidays(year, household.school_zone)
    children = any(person.role in CHILDREN for person in household.people)
    retired = household.people[0].role is Role.RETIRED
    found: list[tuple[int, int]] = []
    for weeks in household.holiday_weeks:
        first = _departure(rng, calendar, free, children=children, retired=retired)
        found.append((first, min(first + 7 * weeks + rng.choice((-1, 0, 0, 1, 1)), len(calendar) - 1)))
    for number, day in enumerate(calendar[:-3]):
        if day.date.weekday() == 4 and rng.random() < household.weekends_away:
            found.append((number, number + (3 if calendar[number + 3].public_holiday else 2)))
    spans: list[Span] = []
    for first, last in sorted(found):
        start, end = (
            int(calendar[day].at(rng.uniform(*hours) * HOUR)) for day, hours in ((first, (8, 19)), (last, (12, 22)))
        )
        if not spans or start > spans[-1].end:
            spans.append(Span(start, end))
    return tuple(spans)


def _departure(
    rng: random.Random, calendar: tuple[Day, ...], free: frozenset[date], *, children: bool, retired: bool
) -> int:
    """The day they leave, as its number in the year: with school children in the school holidays, most in summer."""
    while True:
        number = int(rng.triangular(0, 355, 210)) if rng.random() < 0.7 else rng.randrange(355)
        day = calendar[number].date
        if retired and day.month in (7, 8) and rng.random() < 0.7:
            continue
        if not children or (day in free and day + timedelta(5) in free):
            return number
