"""Made-up homes with labelled over-uses: the electricity, gas and heat of each day, and what a thermometer outside says.

Who judges a detector of over-use judges it on them, so nothing here knows of one. A home is made by its number alone. What they are drawn from is in
round figures what is usually said of homes in France: 2,200 kWh a year of lamps and machines, a third heated by electricity, 40 % by gas. How often an
over-use, a guest or a gap comes is chosen so that each is met, and is no statistic.

Not in it: second homes, tariffs that a home follows (Tempo), strikes and curfews, meters that count in whole MWh, the school's zone.

    python -m bench.energy [how many]    prints what they take
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from bench.household.year import Day, days

YEARS = (2024, 2025)
COUNT = 200
WH = 1000.0  # of a kWh
GAS_L = 1000.0 / 10.8  # of a kWh: a m³ of gas holds about that many kWh
KIDS_DAY_OFF = 2  # Wednesday


class Carrier(StrEnum):
    """What a meter of the home counts: Wh, litres of gas, Wh of heat."""

    ELECTRICITY = "electricity"
    GAS = "gas"
    HEAT = "heat"


class Kind(StrEnum):
    HEATER = "electric heater left on"  # 8 kWh a day and more
    FREEZER = "freezer that fails"  # 2 kWh a day
    TANK = "water heater that never stops"  # 4 kWh a day
    BOILER = "boiler badly set"  # a fifth of the heating
    VALVE = "valve that no longer closes"  # a third of it
    WINDOW = "window left open"  # two fifths, for a week or two


@dataclass(frozen=True)
class Label:
    """From day `first` up to day `last`, which is the first without it, by their numbers since the first day of YEARS."""

    carrier: Carrier
    kind: Kind
    first: int
    last: int


@dataclass(frozen=True)
class Home:
    """`taken` in Wh or L a day by carrier, None where not all of a day was heard; `outside_c` as its thermometer says it.

    `changes` are for ever and known to who lives there: a car, a baby, a new machine: (carrier, first day).
    """

    number: int
    days: tuple[Day, ...]
    taken: dict[Carrier, tuple[float | None, ...]]
    outside_c: tuple[float | None, ...]
    over: tuple[Label, ...]
    changes: tuple[tuple[Carrier, int], ...]
    heated_by: Carrier | None


@dataclass
class _Life:
    """Of each day: who is there (1 as usual, more with guests, 0 nobody), whether people work, and the weather."""

    there: list[float]
    free: list[bool]
    degrees_c: list[float]
    sun: list[float]


def home(number: int) -> Home:
    calendar = tuple(day for year in YEARS for day in days(year))
    life = _life(_rng(number, "life"), calendar)
    rng = _rng(number, "house")
    heated_by = rng.choices((Carrier.ELECTRICITY, Carrier.GAS, Carrier.HEAT, None), (34, 36, 18, 12))[0]
    carriers = [Carrier.ELECTRICITY]
    if heated_by in (Carrier.GAS, Carrier.HEAT):
        carriers.append(heated_by)
    by_day = {Carrier.ELECTRICITY: _electricity(_rng(number, "electricity"), calendar, life)}
    heating = _heating(_rng(number, "heating"), calendar, life, by_electricity=heated_by is Carrier.ELECTRICITY)
    hot_water = _hot_water(_rng(number, "hot water"), calendar, life)
    if heated_by is Carrier.GAS:
        by_day[Carrier.GAS] = [sum(each) for each in zip(heating, hot_water, strict=True)]
    elif heated_by is Carrier.HEAT:
        by_day[Carrier.HEAT] = (
            [sum(each) for each in zip(heating, hot_water, strict=True)] if rng.random() < 0.4 else heating
        )
    elif heated_by is Carrier.ELECTRICITY:
        _add(by_day[Carrier.ELECTRICITY], heating)
    if heated_by is not Carrier.GAS and (heated_by is Carrier.ELECTRICITY or rng.random() < 0.5):
        _add(by_day[Carrier.ELECTRICITY], hot_water)
    changes = _changes(_rng(number, "changes"), by_day[Carrier.ELECTRICITY], life)
    over = _over(_rng(number, "over"), by_day, heating, life, heated_by)
    heard = _rng(number, "heard")
    taken = {
        carrier: _heard(heard, carrier, kwh, WH if carrier is not Carrier.GAS else GAS_L)
        for carrier, kwh in by_day.items()
    }
    return Home(number, calendar, taken, _thermometer(_rng(number, "outside"), life), over, changes, heated_by)


def homes(first: int = 0, count: int = COUNT) -> Iterator[Home]:
    return (home(number) for number in range(first, first + count))


def _rng(number: int, part: str) -> random.Random:
    return random.Random(f"energy {number} {part}")


# Who is there, and the weather


def _life(rng: random.Random, calendar: Sequence[Day]) -> _Life:
    count = len(calendar)
    there = [1.0] * count
    weekends = rng.choice((0.02, 0.08, 0.2))
    for number, day in enumerate(calendar):
        if day.date.weekday() == 4 and rng.random() < weekends:
            _fill(there, number + 1, number + 3, 0.0)
    for year in range(len(YEARS)):
        for _ in range(rng.choice((0, 1, 1, 2))):  # guests, or a child that comes home
            first = year * 366 + rng.randrange(366)
            _fill(there, first, first + rng.choice((2, 3, 5, 8)), rng.uniform(1.15, 1.6))
        if rng.random() < 0.5:  # Christmas at home, with others
            first = year * 366 + 354 + rng.randrange(4)
            _fill(there, first, first + rng.choice((3, 4, 6, 10)), rng.uniform(1.2, 1.9))
        for _ in range(rng.choice((0, 1, 2, 3))):  # holidays
            first = year * 366 + int(rng.triangular(20, 360, 215))
            _fill(there, first, first + rng.choice((4, 7, 9, 14, 21)), 0.0)
    free = [day.free for day in calendar]
    mean_c, swing_c = rng.choice(((11.5, 8.0), (12.5, 8.5), (9.5, 9.0), (15.0, 7.5)))
    degrees, sun = [], []
    spell = 0.0
    wave_days, wave_c = 0, 0.0
    for day in calendar:
        season = -math.cos(2 * math.pi * (day.date.timetuple().tm_yday - 18) / 365.25)
        spell = 0.82 * spell + rng.gauss(0, 1.7)
        if wave_days == 0 and rng.random() < 1 / 70:  # a cold spell, a warm one
            wave_days, wave_c = rng.randrange(4, 12), rng.choice((-1, 1)) * rng.uniform(3, 7)
        wave_days = max(0, wave_days - 1)
        degrees.append(mean_c + swing_c * season + spell + (wave_c if wave_days else 0))
        sun.append(min(1.0, max(0.0, rng.betavariate(1.2, 1.2) * (0.6 + 0.4 * season))))
    return _Life(there, free, degrees, sun)


def _fill(there: list[float], first: int, last: int, people: float) -> None:
    for number in range(first, min(last, len(there))):
        there[number] = people


def _thermometer(rng: random.Random, life: _Life) -> tuple[float | None, ...]:
    """One on a wall: too warm by what the sun gives it, silent for a while when its battery is empty."""
    off_c, in_the_sun_c = rng.gauss(0, 0.7), rng.choice((0.5, 1.5, 3.0))
    said: list[float | None] = [
        each + off_c + in_the_sun_c * sun + rng.gauss(0, 0.3)
        for each, sun in zip(life.degrees_c, life.sun, strict=True)
    ]
    for _ in range(rng.choice((0, 0, 1, 3))):
        first = rng.randrange(len(said))
        for number in range(first, min(first + rng.choice((1, 2, 10, 30)), len(said))):
            said[number] = None
    return tuple(said)


# What is taken, in kWh a day


def _electricity(rng: random.Random, calendar: Sequence[Day], life: _Life) -> list[float]:
    """Lamps and machines; cooling, a car and a roof's panels in some."""
    always = rng.lognormvariate(math.log(2.0), 0.45)
    active = rng.lognormvariate(math.log(3.6), 0.45)
    winter = rng.uniform(0.05, 0.3)
    off_work = rng.uniform(0.95, 1.5)
    wednesday = rng.choice((1.0, 1.0, 1.15))
    laundry_kwh, laundry = rng.choice((0.8, 1.2, 3.0)), rng.uniform(0.15, 0.6)
    at_home = rng.choice((0, 0, 0, 2))  # days a week that somebody works at home, from a day on that are others
    cooling = rng.uniform(0.5, 1.6) if rng.random() < 0.15 else 0.0
    car_kwh, car_days = (rng.uniform(8, 25), rng.uniform(0.15, 0.5)) if rng.random() < 0.08 else (0.0, 0.0)
    panels_kwh = rng.uniform(2, 5) if rng.random() < 0.08 else 0.0
    noise = rng.uniform(0.15, 0.35)
    busy = 0.0
    kwh = []
    for number, day in enumerate(calendar):
        season = math.cos(2 * math.pi * (day.date.timetuple().tm_yday - 10) / 365.25)
        people = life.there[number]
        busy = 0.5 * busy + rng.gauss(0, noise * 0.85)  # a home's moods last for days
        today = always * (1 + 0.1 * max(0.0, life.degrees_c[number] - 15) / 10)
        if people:
            factor = people * (1 + winter * season) * math.exp(busy - noise**2 / 2)
            factor *= off_work if life.free[number] else wednesday if day.date.weekday() == KIDS_DAY_OFF else 1.0
            if at_home and not life.free[number] and day.date.weekday() in (0, 4):
                factor *= 1.2
            today += active * factor
            today += sum(
                laundry_kwh for _ in range(2) if rng.random() < laundry * (1.4 if life.free[number] else 0.8) / 1.5
            )
            today += cooling * max(0.0, life.degrees_c[number] - 22.5)
            today += car_kwh * rng.uniform(0.6, 1.3) if rng.random() < car_days else 0.0
        today -= min(0.6 * today, panels_kwh * life.sun[number])
        kwh.append(today * (day.end - day.start) / 86_400)
    return kwh


def _heating(rng: random.Random, calendar: Sequence[Day], life: _Life, *, by_electricity: bool) -> list[float]:
    """By what is missing outside; begun in autumn after cold days, ended in spring, lowered while nobody is there."""
    kwh_per_degree = rng.lognormvariate(math.log(2.4 if by_electricity else 4.2), 0.45)
    base_c = rng.uniform(14, 17.5)
    patience = rng.uniform(0.5, 3.0)
    lowered_c = rng.choice((0, 3, 5, 8))
    sun_c, noise = rng.uniform(1, 4), rng.uniform(0.04, 0.15)
    lag, running = 0.0, calendar[0].date.month in (11, 12, 1, 2, 3)
    kwh = []
    for number in range(len(calendar)):
        lag = 0.55 * lag + 0.45 * (life.degrees_c[number] + sun_c * (life.sun[number] - 0.4))
        missing = base_c - lag
        running = (
            missing > patience if not running else missing > -patience or calendar[number].date.month in (12, 1, 2)
        )
        wanted = missing - (lowered_c if life.there[number] == 0 else 0)
        kwh.append(kwh_per_degree * max(0.0, wanted) * math.exp(rng.gauss(0, noise)) if running else 0.0)
    return kwh


def _hot_water(rng: random.Random, calendar: Sequence[Day], life: _Life) -> list[float]:
    each_day, still = rng.lognormvariate(math.log(4.5), 0.4), rng.uniform(0.5, 1.5)
    kwh = []
    for number, day in enumerate(calendar):
        cold = 1 + 0.15 * math.cos(2 * math.pi * (day.date.timetuple().tm_yday - 40) / 365.25)
        kwh.append(still + each_day * cold * life.there[number] * math.exp(rng.gauss(0, 0.25)))
    return kwh


def _add(kwh: list[float], more: Sequence[float]) -> None:
    for number, each in enumerate(more):
        kwh[number] += each


# What is odd, and what only changes


def _changes(rng: random.Random, kwh: list[float], life: _Life) -> tuple[tuple[Carrier, int], ...]:
    found = []
    if rng.random() < 0.3:
        first = rng.randrange(60, len(kwh) - 30)
        more = rng.choice((0.6, 1.0, 1.5, 3.0, 6.0))
        for number in range(first, len(kwh)):
            kwh[number] += more * rng.uniform(0.6, 1.4) if life.there[number] else 0.0
        found.append((Carrier.ELECTRICITY, first))
    return tuple(found)


def _over(
    rng: random.Random,
    by_day: dict[Carrier, list[float]],
    heating: Sequence[float],
    life: _Life,
    heated_by: Carrier | None,
) -> tuple[Label, ...]:
    """None to three, not at a time; those of the heating while it heats."""
    count = len(heating)
    found: list[Label] = []
    for _ in range(rng.choices((0, 1, 2, 3), (20, 35, 30, 15))[0]):
        kinds = [Kind.HEATER, Kind.FREEZER, Kind.TANK]
        if heated_by is not None:
            kinds += [Kind.BOILER, Kind.VALVE, Kind.WINDOW] if heated_by is not Carrier.ELECTRICITY else [Kind.WINDOW]
        kind = rng.choice(kinds)
        of_heating = kind in (Kind.BOILER, Kind.VALVE, Kind.WINDOW)
        carrier = heated_by if of_heating and heated_by is not None else Carrier.ELECTRICITY
        lasts = {
            Kind.HEATER: (6, 30), Kind.FREEZER: (20, 90), Kind.TANK: (15, 60),
            Kind.BOILER: (20, 70), Kind.VALVE: (15, 60), Kind.WINDOW: (7, 14),
        }[kind]  # fmt: skip
        first = rng.randrange(50, count - 20)
        for _ in range(20):
            if not of_heating or min(heating[first : first + 10]) > 0:
                break
            first = rng.randrange(50, count - 20)
        else:
            continue
        last = min(first + rng.randrange(*lasts), count)
        if life.there[first] == 0 or any(label.first < last + 40 and first < label.last + 40 for label in found):
            continue
        more = {Kind.HEATER: rng.uniform(7, 12), Kind.FREEZER: rng.uniform(1.6, 2.6), Kind.TANK: rng.uniform(3, 5)}
        share = {
            Kind.BOILER: rng.uniform(0.17, 0.25),
            Kind.VALVE: rng.uniform(0.25, 0.45),
            Kind.WINDOW: rng.uniform(0.3, 0.6),
        }
        for number in range(first, last):
            odd = share[kind] * heating[number] if of_heating else more[kind] * rng.uniform(0.85, 1.15)
            by_day[carrier][number] += odd
        found.append(Label(carrier, kind, first, last))
    return tuple(sorted(found, key=lambda label: label.first))


def _heard(rng: random.Random, carrier: Carrier, kwh: Sequence[float], unit: float) -> tuple[float | None, ...]:
    """In the meter's steps; days that were not heard whole, single ones and a few in a row."""
    step = {Carrier.ELECTRICITY: 1.0, Carrier.GAS: rng.choice((10.0, 100.0)), Carrier.HEAT: 1000.0}[carrier]
    lost = rng.choice((0.0, 0.003, 0.03))
    index, said = rng.uniform(0, step), []
    for each in kwh:
        before, index = index, index + each * unit
        whole = (index // step - before // step) * step
        said.append(None if rng.random() < lost else whole)
    for _ in range(rng.choice((0, 0, 1, 2))):
        first = rng.randrange(len(said))
        for number in range(first, min(first + rng.choice((2, 5, 12)), len(said))):
            said[number] = None
    return tuple(said)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    by_carrier: dict[tuple[Carrier, bool], list[float]] = {}
    labels: dict[Kind, int] = dict.fromkeys(Kind, 0)
    for each in homes(0, count):
        for carrier, taken in each.taken.items():
            known = [one for one in taken if one is not None]
            unit = GAS_L if carrier is Carrier.GAS else WH
            heats = each.heated_by is carrier
            by_carrier.setdefault((carrier, heats), []).append(sum(known) / unit / len(known) * 365.25)
        for label in each.over:
            labels[label.kind] += 1
    sys.stdout.write("| what | homes | kWh a year: p10, median, p90 |\n|---|---|---|\n")
    for (carrier, heats), found in sorted(by_carrier.items()):
        low, high = (sorted(found)[int(share * (len(found) - 1))] for share in (0.1, 0.9))
        name = f"{carrier}, {'the heating in it' if heats else 'no heating in it'}"
        sys.stdout.write(f"| {name} | {len(found)} | {low:,.0f}, {median(found):,.0f}, {high:,.0f} |\n")
    for kind, number in labels.items():
        sys.stdout.write(f"| {kind} | {number} | - |\n")


if __name__ == "__main__":
    main()
