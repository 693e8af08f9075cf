"""A year of a home's use: people at home, then machines, garden and what else is there.

Of a tap's pulses, how many, how long and how strong: Blokker et al. 2010. What they are to come to: 148 L a person a day,
of it baths and showers 39 %, WC 20 %, laundry 12 %, dishes 10 %, cooking 6 %, car and garden 6 %, other 6 %, drink 1 %
(Centre d'information sur l'eau, SISPEA); the kitchen's pulses are more than the Dutch ones, as those shares ask for.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from bench.household.machines import Outside, machines
from bench.household.people import Fixtures, Household, Person, Role
from bench.household.presence import Waking, waking
from bench.household.water import Oddity, Use, Water
from bench.household.year import DAY, HOUR, MINUTE, Day, Span, Weather, days, school_holidays

KITCHEN_A_DAY = {1: 10.1, 2: 12.7, 3: 12.8, 4: 13.1, 5: 13.5, 6: 13.5}  # Blokker et al. 2010
KITCHEN_FACTOR = 1.85
# Mean seconds, most L/s, of a hundred: to drink or cook, dishes, hands, other (Blokker et al. 2010).
KITCHEN = (((15, 0.167), (45, 0.25), (13, 0.167), (37, 0.167)), (37.5, 25, 25, 12.5))
MEALS_H = (7.5, 12.5, 19.6)
FULL_DAY_S = 11 * HOUR  # awake at home, of one who stays in
GUEST = Person(Role.AT_HOME, 0.5, 0.3, 6, 0.7, 8, 0.2, 0.1)


def live(rng: random.Random, home: Household, year: int, away: Sequence[Span], weather: Sequence[Weather]) -> Water:
    """All that this home draws in the year, without any leak."""
    water = Water(year)
    outside = Outside(rng, home.fixtures, year)
    no_school = school_holidays(year, home.school_zone)
    guests, guest_days, works_days = 0, 0, 0
    works_at = rng.randrange(350) if rng.random() < 0.05 else -1
    accident_at = rng.randrange(365) if rng.random() < 0.18 else -1
    for number, day in enumerate(days(year)):
        school = not day.free and day.date not in no_school and day.date.weekday() != 2
        absences = [span for span in away if span.start < day.end + 6 * HOUR and span.end > day.start]
        feast = day.date.month == 12 and day.date.day in (24, 31)
        if guest_days == 0 and rng.random() < (0.2 if feast else 0.02 if day.date.weekday() in (4, 5) else 0.003):
            guests, guest_days = rng.choice((1, 1, 2, 2, 3, 4)), rng.choice((1, 1, 2, 2, 3, 5))
        people = list(home.people) + [GUEST] * (guests if guest_days else 0)
        guest_days = max(guest_days - 1, 0)
        present = []
        for person in people:
            if rng.random() < 0.02:  # sleeps elsewhere: a trip, a friend's
                continue
            awake = waking(rng, person, day, school=school)
            awake = _without(awake, day, absences)
            if awake.home:
                _personal(rng, water, home.fixtures, person, day, awake, absences)
                present.append(awake)
        if present:
            _kitchen(rng, water, home.fixtures, len(home.people), day, present)
            if day.date.weekday() == 5 and rng.random() < 0.015:
                _party(rng, water, home.fixtures, day)
            if number == accident_at:
                _forget(rng, water, home.fixtures, day, present)
        if number == works_at:
            works_days = rng.randrange(5, 28)
            water.oddities.append(Oddity(Use.OTHER, Span(day.start, day.start + works_days * DAY)))
        if works_days:
            works_days -= 1
            outside.work(water, day)
        machines(rng, water, home.fixtures, day, present)
        outside.day(water, day, weather[number], home=bool(present), neighbour=home.neighbour)
    water.flushes.sort()
    return water


def _without(awake: Waking, day: Day, absences: Sequence[Span]) -> Waking:
    """The day without the hours when everybody is away."""
    home = awake.home
    for span in absences:
        gone_from, gone_to = span.start - day.start, span.end - day.start
        home = tuple(
            part
            for start, end in home
            for part in ((start, min(end, gone_from)), (max(start, gone_to), end))
            if part[1] > part[0] + 5 * MINUTE
        )
    return awake if home is awake.home else Waking(awake.wake, awake.bed, home)


def _personal(
    rng: random.Random,
    water: Water,
    fixtures: Fixtures,
    person: Person,
    day: Day,
    awake: Waking,
    absences: Sequence[Span],
) -> None:
    """WC, shower or bath, basin."""
    share = awake.home_s / FULL_DAY_S
    for _ in range(poisson(rng, person.flushes * min(0.35 + 0.65 * share, 1.2))):
        _flush(rng, water, fixtures, day.at(awake.moment(rng)))
    for _ in range(poisson(rng, person.night_flushes)):
        at = day.at(awake.bed + rng.uniform(0.3, 7.2) * HOUR)
        if not any(at in span for span in absences):
            _flush(rng, water, fixtures, at)
    if rng.random() < fixtures.baths_a_week / 7 and person.role in (Role.BABY, Role.CHILD, Role.AT_HOME, Role.RETIRED):
        at = day.at(_near(rng, awake, 19.2 * HOUR, 50))
        litres = fixtures.bath_l * (0.3 if person.role is Role.BABY else rng.uniform(0.6, 1))
        water.pour(Use.BATH, at, litres / 0.2, 0.2)
    else:
        for _ in range(int(person.showers) + (rng.random() < person.showers % 1)):
            evening = rng.random() < person.evening_shower
            clock = _near(rng, awake, 20.2 * HOUR, 80) if evening else _near(rng, awake, awake.wake + 25 * MINUTE, 18)
            seconds = person.shower_minutes * MINUTE * rng.lognormvariate(-0.1, 0.45)
            water.pour(Use.SHOWER, day.at(clock), min(seconds, 40 * MINUTE), fixtures.shower_lps * rng.uniform(0.85, 1))
    if person.role is not Role.BABY:
        for _ in range(poisson(rng, 4.1 * min(share + 0.3, 1.2))):
            shave = rng.random() < 0.33
            clock = rng.choice((awake.home[0][0] + rng.random() * HOUR, awake.moment(rng), awake.home[-1][1]))
            _basin(rng, water, fixtures, day.at(clock), 40 if shave else 15)
    elif rng.random() < 0.5:  # a bottle at night
        _basin(rng, water, fixtures, day.at(rng.uniform(25, 29) * HOUR), 20)


def _flush(rng: random.Random, water: Water, fixtures: Fixtures, at: float) -> None:
    litres = fixtures.flush_l
    if fixtures.half_flush_l and rng.random() < 0.6:
        litres = fixtures.half_flush_l
    water.pour(Use.WC, at, litres / fixtures.cistern_lps, fixtures.cistern_lps)
    water.flushes.append(at)
    if rng.random() < 0.75:
        _basin(rng, water, fixtures, at + 40, 10)
    if fixtures.weep_share and rng.random() < fixtures.weep_share:
        water.pour(Use.WEEP, at + litres / fixtures.cistern_lps, rng.uniform(5, 40) * MINUTE, fixtures.weep_lph / HOUR)


def _basin(rng: random.Random, water: Water, fixtures: Fixtures, at: float, seconds: float) -> None:
    water.pour(Use.BASIN, at, pulse_s(rng, seconds), rng.uniform(0.01, 0.11) * fixtures.tap_factor)


def _kitchen(
    rng: random.Random, water: Water, fixtures: Fixtures, people: int, day: Day, present: Sequence[Waking]
) -> None:
    """Taps there, dishes by hand, now and then a floor."""
    share = min(max(awake.home_s for awake in present) / FULL_DAY_S, 1.2)
    mean = KITCHEN_A_DAY[people] * KITCHEN_FACTOR * (0.35 + 0.65 * share)
    for _ in range(poisson(rng, rng.gammavariate(3, mean / 3))):
        awake = rng.choice(present)
        clock = awake.moment(rng)
        if rng.random() < 0.6:
            meal = rng.choice(MEALS_H) * HOUR + rng.gauss(0, 55 * MINUTE)
            clock = meal if awake.is_home(meal) else clock
        seconds, most_lps = rng.choices(*KITCHEN)[0]
        water.pour(Use.KITCHEN, day.at(clock), pulse_s(rng, seconds), rng.uniform(0.01, most_lps) * fixtures.tap_factor)
    if fixtures.dish_l is None or rng.random() < 0.15:
        clock = _near(rng, rng.choice(present), 20.2 * HOUR, 60)
        for _ in range(rng.randrange(2, 6)):
            water.pour(Use.KITCHEN, day.at(clock), pulse_s(rng, 50), rng.uniform(0.05, 0.13) * fixtures.tap_factor)
            clock += rng.uniform(60, 240)
    if rng.random() < 0.22:
        clock = rng.choice(present).moment(rng)
        for _ in range(rng.randrange(1, 5)):
            water.pour(Use.CLEANING, day.at(clock), rng.uniform(30, 90), rng.uniform(0.08, 0.17))
            clock += rng.uniform(300, 1200)


def _party(rng: random.Random, water: Water, fixtures: Fixtures, day: Day) -> None:
    for _ in range(rng.randrange(10, 35)):
        _flush(rng, water, fixtures, day.at(rng.triangular(19.5, 27.5, 22.5) * HOUR))
    for _ in range(rng.randrange(5, 20)):
        water.pour(Use.KITCHEN, day.at(rng.uniform(19, 27) * HOUR), pulse_s(rng, 25), rng.uniform(0.03, 0.15))


def _forget(rng: random.Random, water: Water, fixtures: Fixtures, day: Day, present: Sequence[Waking]) -> None:
    """A tap left open for an hour or so; in a garden in summer, the hose until the next morning."""
    clock = rng.choice(present).moment(rng)
    hours, lph = min(rng.lognormvariate(-0.1, 0.5), 4), rng.uniform(120, 600)
    if fixtures.garden and 4 < day.date.month < 10 and rng.random() < 0.5:
        clock, hours, lph = rng.uniform(19, 21.5) * HOUR, rng.uniform(2, 11), rng.uniform(400, 900)
    water.odd(Use.ACCIDENT, day.at(clock), hours * HOUR, lph / HOUR)


def _near(rng: random.Random, awake: Waking, clock_s: float, give_or_take_minutes: float) -> float:
    """About then, if this person is at home and awake then; else at any moment that they are."""
    clock = clock_s + rng.gauss(0, give_or_take_minutes * MINUTE)
    return clock if awake.is_home(clock) else awake.moment(rng)


def pulse_s(rng: random.Random, mean_s: float) -> float:
    """How long a tap runs: log-normal around its mean."""
    return mean_s * math.exp(0.7 * rng.gauss(0, 1) - 0.245)


def poisson(rng: random.Random, mean: float) -> int:
    """A Poisson draw, for the small means of here."""
    limit, count, product = math.exp(-mean), 0, rng.random()
    while product > limit:
        count += 1
        product *= rng.random()
    return count
