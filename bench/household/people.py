"""Who lives in a home, and what water runs into there.

How many people: INSEE, census of 2020. Who does what when: Blokker, Vreeburg and van Dijk 2010 (SIMDEUM), whose diaries
are of Dutch homes, moved to French hours (INSEE, Emploi du temps 2010: lunch at half past twelve, dinner at half past seven).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

SIZES = {1: 37, 2: 33, 3: 13, 4: 11, 5: 4, 6: 2}  # of a hundred homes (INSEE 2020)


class Role(StrEnum):
    WORKER = "worker"
    HOME_OFFICE = "home office"
    SHIFT_WORKER = "shift worker"  # one week by night, one from five in the morning
    AT_HOME = "at home"
    RETIRED = "retired"
    TEEN = "teen"
    CHILD = "child"
    BABY = "baby"


ADULTS = (Role.WORKER, Role.HOME_OFFICE, Role.SHIFT_WORKER, Role.AT_HOME)
ADULT_SHARES = (66, 14, 6, 14)
# Flushes of a day at home, showers a day, their minutes (Blokker et al. 2010; DeOreo and Mayer 2016, REUS, Water
# Research Foundation 4309: 5.0 flushes a person a day, 7.8 minutes a shower).
FLUSHES = {Role.TEEN: 4.7, Role.CHILD: 4.6, Role.BABY: 0.6, Role.AT_HOME: 7.0, Role.RETIRED: 7.2}
FLUSHES_WORKING = 6.3
SHOWERS = {Role.TEEN: 0.9, Role.CHILD: 0.5, Role.BABY: 0.15, Role.RETIRED: 0.72}
SHOWERS_WORKING = 0.86
SHOWER_MINUTES = {Role.TEEN: 9.8, Role.CHILD: 6.2, Role.BABY: 4.0, Role.RETIRED: 6.2}
SHOWER_MINUTES_WORKING = 7.2


@dataclass(frozen=True)
class Person:
    """One who lives here: habits that differ from those of the same role.

    `wake_h` and `bed_h` are added to the role's hours; `night_flushes` is what a night has on average.
    """

    role: Role
    wake_h: float
    bed_h: float
    flushes: float
    showers: float
    shower_minutes: float
    evening_shower: float
    night_flushes: float


@dataclass(frozen=True)
class Garden:
    """`every_days`: how often the hose is taken in dry summer; a timer runs whoever is at home."""

    every_days: float
    hose_minutes: float
    timer_h: float | None
    timer_minutes: float
    timer_lps: float


@dataclass(frozen=True)
class Pool:
    """`fill_l` is what is filled in once in spring, at the flow of the hose; it is topped up by hand or by a float valve."""

    fill_l: float
    fill_lps: float
    by_itself: bool


@dataclass(frozen=True)
class Softener:
    every_days: float
    start_h: float
    litres: float
    by_volume: bool  # one that counts litres waits while nobody is there


@dataclass(frozen=True)
class Fixtures:
    """What water runs into. Litres, litres a second (lps), shares from 0 to 1.

    WC cisterns of 9 and 6 L and their filling at 0.042 L/s, and taps: Blokker et al. 2010. Dual flush of 3 and 6 L: JRC 2013
    (European Ecolabel for toilets). Showers of 7 to 12 L/min: JRC 2014 (MEErP, taps and showers).
    """

    flush_l: float
    half_flush_l: float | None
    cistern_lps: float
    weep_share: float  # of the flushes after which the valve does not close at once
    weep_lph: float
    shower_lps: float
    baths_a_week: float
    bath_l: float
    tap_factor: float  # of all taps: aerators, pressure, habits
    wash_l: float
    wash_loads: float  # a week
    dish_l: float | None
    dish_loads: float  # a week
    off_peak: bool  # machines wait for the cheap hours at night
    garden: Garden | None
    pool: Pool | None
    softener: Softener | None
    cooler: bool
    humidifier: bool
    ice: bool
    aquarium_l: float
    osmosis: bool  # the aquarium's water drips through a membrane for hours
    heating: bool
    car_days: float  # between two washes; 0: none here


@dataclass(frozen=True)
class Household:
    people: tuple[Person, ...]
    fixtures: Fixtures
    school_zone: str
    south: bool
    weekends_away: float  # share of the weekends
    holiday_weeks: tuple[int, ...]
    neighbour: bool  # waters the plants meanwhile


def household(rng: random.Random) -> Household:
    roles = _roles(rng)
    house = rng.random() < 0.35 + 0.1 * len(roles)
    retired = roles[0] is Role.RETIRED
    south = rng.random() < 0.25
    return Household(
        tuple(_person(rng, role) for role in roles),
        _fixtures(rng, len(roles), any(role is Role.BABY for role in roles), house=house, south=south),
        rng.choice("ABC"),
        south,
        rng.choice((0.0, 0.03, 0.08, 0.15, 0.3)) * (0.6 if retired else 1),
        tuple(rng.choices((1, 2, 3, 4), (45, 35, 14, 6), k=rng.choices((0, 1, 2, 3), (25, 40, 25, 10))[0])),
        rng.random() < 0.35,
    )


def _roles(rng: random.Random) -> list[Role]:
    def adult() -> Role:
        return rng.choices(ADULTS, ADULT_SHARES)[0]

    def child() -> Role:
        return rng.choices((Role.BABY, Role.CHILD, Role.TEEN), (14, 48, 38))[0]

    size = rng.choices(tuple(SIZES), tuple(SIZES.values()))[0]
    if size <= 2 and rng.random() < 0.4:
        return [Role.RETIRED] * size
    if size == 1:
        return [adult()]
    if size == 2:
        return [adult(), child() if rng.random() < 0.25 else adult()]
    children = [child() for _ in range(size - 2)]
    return [adult(), rng.choice((adult(), child())) if rng.random() < 0.3 else adult(), *children]


def _person(rng: random.Random, role: Role) -> Person:
    """Nights: one in five adults gets up now and then, most old people once or twice (Bosch and Weiss 2010, nocturia)."""
    night = rng.uniform(0.4, 2.2) if role is Role.RETIRED else rng.choices((0.03, 0.3, 0.9), (75, 18, 7))[0]
    return Person(
        role,
        rng.gauss(0, 0.6),
        rng.gauss(0, 0.7),
        FLUSHES.get(role, FLUSHES_WORKING) * rng.lognormvariate(0, 0.2),
        min(SHOWERS.get(role, SHOWERS_WORKING) * rng.lognormvariate(0, 0.25), 1.6),
        SHOWER_MINUTES.get(role, SHOWER_MINUTES_WORKING) * rng.lognormvariate(0, 0.3),
        rng.choice((0.05, 0.2, 0.5, 0.9)) if role is not Role.CHILD else 0.9,
        0.0 if role is Role.BABY else night,
    )


def _fixtures(rng: random.Random, people: int, baby: bool, *, house: bool, south: bool) -> Fixtures:
    """What a home of so many people has.

    Owned by how many: dishwasher 65 %, own pool 10 %, softener one in eight, off-peak tariff 40 % (surveys of INSEE, FPP
    and CRE, rounded); the others are guesses that make them rare but met in five hundred homes.
    """
    dual = rng.random() < 0.7
    flush_l = rng.choice((6.0, 6.0, 6.0, 7.0)) if dual else rng.choice((6.0, 7.5, 9.0))
    weeps = rng.random() < 0.22
    dishwasher = rng.random() < (0.45 if people == 1 else 0.75)
    wash_l = rng.choice((42.0, 48.0, 52.0, 60.0, 75.0))
    return Fixtures(
        flush_l=flush_l,
        half_flush_l=3.0 if dual else None,
        cistern_lps=rng.uniform(0.035, 0.12),
        weep_share=rng.uniform(0.005, 0.06) if weeps else 0.0,
        weep_lph=rng.uniform(5, 45),
        shower_lps=rng.triangular(0.1, 0.2, 0.135),
        baths_a_week=rng.choice((0.0, 0.0, 0.3, 1.0)) + (3.5 if baby else 0),
        bath_l=rng.uniform(90, 150),
        tap_factor=rng.lognormvariate(0, 0.28),
        wash_l=wash_l,
        wash_loads=(0.8 + 1.7 * people) * rng.lognormvariate(0, 0.3) + (2 if baby else 0),
        dish_l=rng.uniform(9, 15) if dishwasher else None,
        dish_loads=(1.4 + 1.15 * people) * rng.lognormvariate(0, 0.25),
        off_peak=rng.random() < 0.4,
        garden=_garden(rng) if house and rng.random() < 0.85 else None,
        pool=_pool(rng) if house and rng.random() < (0.3 if south else 0.13) else None,
        softener=_softener(rng) if rng.random() < (0.2 if house else 0.04) else None,
        cooler=rng.random() < (0.06 if south else 0.01),
        humidifier=rng.random() < 0.02,
        ice=rng.random() < 0.06,
        aquarium_l=rng.uniform(20, 90) if rng.random() < 0.05 else 0.0,
        osmosis=rng.random() < 0.4,
        heating=rng.random() < 0.45,
        car_days=rng.uniform(14, 60) if house and rng.random() < 0.4 else 0.0,
    )


def _garden(rng: random.Random) -> Garden:
    timer = rng.random() < 0.22
    return Garden(
        every_days=rng.choice((2.0, 3.0, 4.0, 8.0, 20.0)),
        hose_minutes=rng.uniform(6, 25),
        timer_h=rng.choice((5.0, 5.5, 6.0, 21.0, 22.5, 3.0)) if timer else None,
        timer_minutes=rng.uniform(20, 100),
        timer_lps=rng.uniform(60, 300) / 3600,
    )


def _pool(rng: random.Random) -> Pool:
    above_ground = rng.random() < 0.4
    litres = rng.uniform(4_000, 14_000) if above_ground else rng.choice((0, 6_000, 12_000)) * rng.uniform(0.8, 1.2)
    hours = min(max(litres / rng.uniform(400, 1_000), 12), 48)
    return Pool(litres, litres / hours / 3600, rng.random() < 0.3)


def _softener(rng: random.Random) -> Softener:
    return Softener(
        rng.uniform(2.5, 8), rng.choice((1.0, 2.0, 2.0, 2.0, 3.0)), rng.uniform(70, 180), rng.random() < 0.6
    )
