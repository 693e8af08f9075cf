"""What draws water by itself or now and then: washing machines, garden, pool, softener, air, aquarium, works."""

from __future__ import annotations

import random
from collections.abc import Sequence

from bench.household.people import Fixtures
from bench.household.presence import Waking
from bench.household.water import Use, Water
from bench.household.year import HOUR, MINUTE, Day, Weather, days

# Minutes after its start, share of the litres (a wash and three rinses; Stamminger 2011 tells loads and litres in Europe).
WASH = ((0, 0.28), (5, 0.1), (42, 0.2), (54, 0.2), (66, 0.22))
DISHES = ((0, 0.3), (40, 0.2), (65, 0.22), (85, 0.28))
TIMER_H = ((22.1, 22.6, 23.5, 24.5, 25.6, 27.0, 28.0), (25, 22, 15, 12, 10, 8, 8))
WEEK = 7
HOSE_LPS = 0.22  # about 800 L/h (CIEau: watering takes 15 to 20 L/m²)


def machines(rng: random.Random, water: Water, fixtures: Fixtures, day: Day, present: Sequence[Waking]) -> None:
    """Laundry and dishes: by day while somebody is at home, or by a timer in the cheap hours, from ten at night to six."""
    if not present:
        return
    for use, loads, litres, fills, lps in (
        (Use.LAUNDRY, fixtures.wash_loads * (1.3 if day.free else 0.88), fixtures.wash_l, WASH, 0.13),
        (Use.DISHWASHER, fixtures.dish_loads, fixtures.dish_l or 0.0, DISHES, 0.05),
    ):
        if not litres:
            continue
        chance = loads / WEEK
        for _ in range(int(chance) + (rng.random() < chance % 1)):
            if fixtures.off_peak and rng.random() < 0.55:
                clock = rng.choices(*TIMER_H)[0] * HOUR + rng.uniform(0, 900)
            elif use is Use.DISHWASHER and rng.random() < 0.6:
                clock = 20.6 * HOUR + rng.gauss(0, 65 * MINUTE)
            else:
                clock = rng.choice(present).moment(rng)
            slow = rng.uniform(0.7, 1.5)
            for minutes, share in fills:
                part = litres * share * rng.uniform(0.85, 1.15)
                water.pour(use, day.at(clock) + slow * minutes * MINUTE, part / lps, lps)


class Outside:
    """What goes by the season and by the days since it last ran."""

    def __init__(self, rng: random.Random, fixtures: Fixtures, year: int) -> None:
        self._rng = rng
        self._has = fixtures
        self._pool_day = days(year)[rng.randrange(100, 175)].date
        self._pool_filled = False
        self._softener_days = rng.uniform(0, 7)
        self._car_days = rng.uniform(0, fixtures.car_days or 1)
        self._plants_days = 2

    def day(self, water: Water, day: Day, weather: Weather, *, home: bool, neighbour: bool) -> None:
        self._garden(water, day, weather, home=home)
        self._pool(water, day, weather, home=home)
        self._softener(water, day, home=home)
        self._air(water, day, weather, home=home)
        if home:
            self._indoors(water, day, weather)
        elif neighbour:
            self._plants(water, day, weather)

    def _garden(self, water: Water, day: Day, weather: Weather, *, home: bool) -> None:
        rng, garden = self._rng, self._has.garden
        if garden is None:
            return
        if garden.timer_h is not None and 5 <= day.date.month <= 9 and weather.rain_mm < 12:
            start = day.at(garden.timer_h * HOUR)
            water.pour(Use.GARDEN, start, garden.timer_minutes * MINUTE, garden.timer_lps)
        dry = weather.warmest_c > 19 and weather.rain_mm < 3
        if home and dry and 3 < day.date.month < 11 and rng.random() < min(1.6 / garden.every_days, 1):
            clock = rng.gauss(19.6, 1.3) if rng.random() < 0.75 else rng.gauss(8.5, 0.7)
            minutes = garden.hose_minutes * rng.lognormvariate(0, 0.4) * (0.6 if garden.timer_h is not None else 1)
            water.pour(Use.GARDEN, day.at(clock * HOUR), minutes * MINUTE, HOSE_LPS * rng.uniform(0.7, 1.3))

    def _pool(self, water: Water, day: Day, weather: Weather, *, home: bool) -> None:
        """Filled once in spring for 12 to 48 hours, then topped up: 3 to 10 mm evaporate a day."""
        rng, pool = self._rng, self._has.pool
        if pool is None or day.date < self._pool_day:
            return
        if home and pool.fill_l and not self._pool_filled:
            self._pool_filled = True
            water.odd(Use.POOL, day.at(rng.uniform(9, 19) * HOUR), pool.fill_l / pool.fill_lps, pool.fill_lps)
            return
        if not 5 <= day.date.month <= 9:
            return
        if pool.by_itself:
            litres = max(rng.gauss(120, 40) * (weather.warmest_c - 10) / 15, 0) if weather.rain_mm < 5 else 0
            water.pour(Use.POOL, day.at(rng.uniform(19, 27) * HOUR), litres / 0.08, 0.08)
        elif home and weather.rain_mm < 5 and rng.random() < 0.12:
            water.pour(Use.POOL, day.at(rng.uniform(9, 20) * HOUR), rng.uniform(400, 1500) / HOSE_LPS, HOSE_LPS)

    def _softener(self, water: Water, day: Day, *, home: bool) -> None:
        """Regenerates at night by its own clock, which nobody moves in spring: backwash, brine, rinse."""
        softener = self._has.softener
        if softener is None or (softener.by_volume and not home):
            return
        self._softener_days += 1
        if self._softener_days >= softener.every_days:
            self._softener_days -= softener.every_days
            at = day.at_winter_clock(softener.start_h * HOUR)
            for minutes, share in ((8, 0.3), (self._rng.uniform(25, 55), 0.3), (9, 0.4)):
                water.pour(Use.SOFTENER, at, minutes * MINUTE, softener.litres * share / (minutes * MINUTE))
                at += minutes * MINUTE

    def _air(self, water: Water, day: Day, weather: Weather, *, home: bool) -> None:
        """A float valve lets in a little each time: an evaporative cooler when it is hot, a humidifier in the heating season."""
        rng = self._rng
        for there, hours, every_s, litres in (
            (self._has.cooler and home and weather.warmest_c > 27, (11, 26), 1500, 2.5),
            (self._has.humidifier and home and weather.warmest_c < 14, (0, 24), 3600, 0.4),
        ):
            clock = hours[0] * HOUR + rng.uniform(0, every_s)
            while there and clock < hours[1] * HOUR:
                water.pour(Use.AIR, day.at(clock), litres / 0.03, 0.03)
                clock += every_s * rng.uniform(0.7, 1.3)

    def _indoors(self, water: Water, day: Day, weather: Weather) -> None:
        rng, has = self._rng, self._has
        if has.ice:
            for _ in range(rng.randrange(4, 16)):
                water.pour(Use.OTHER, day.at(rng.uniform(0, 24) * HOUR), 8, 0.02)
        if has.heating and rng.random() < 1.5 / 365:
            water.pour(Use.OTHER, day.at(rng.uniform(9, 20) * HOUR), rng.uniform(60, 240), 0.08)
        if has.aquarium_l and rng.random() < 1 / 12:
            clock = rng.uniform(10, 21) * HOUR
            if has.osmosis:  # 20 to 30 L/h, its waste included (a membrane of 75 gallons a day)
                litres = has.aquarium_l * 3
                water.pour(Use.OTHER, day.at(clock), litres / 26 * HOUR, 26 / HOUR)
            else:
                water.pour(Use.OTHER, day.at(clock), has.aquarium_l / 0.1, 0.1)
        self._car_days += 1
        if has.car_days and self._car_days > has.car_days and weather.rain_mm < 1 and (day.free or rng.random() < 0.1):
            self._car_days = 0
            at = day.at(rng.uniform(10, 18.5) * HOUR)
            for _ in range(rng.randrange(2, 6)):
                water.pour(Use.CAR, at, rng.uniform(60, 240), HOSE_LPS)
                at += rng.uniform(300, 600)

    def _plants(self, water: Water, day: Day, weather: Weather) -> None:
        """A neighbour comes by each two to four days while everybody is away."""
        rng = self._rng
        self._plants_days -= 1
        if self._plants_days > 0:
            return
        self._plants_days = rng.randrange(2, 5)
        at = day.at(rng.uniform(9, 20.5) * HOUR)
        for _ in range(rng.randrange(1, 5)):
            water.pour(Use.GARDEN, at, rng.uniform(25, 60), 0.15)
            at += rng.uniform(90, 300)
        if self._has.garden and weather.warmest_c > 20 and weather.rain_mm < 3:
            water.pour(Use.GARDEN, at, rng.uniform(4, 15) * MINUTE, HOSE_LPS)

    def work(self, water: Water, day: Day) -> None:
        """A day of masons and painters in the home."""
        rng = self._rng
        if day.date.weekday() < 5:
            for _ in range(rng.randrange(5, 30)):
                water.pour(
                    Use.OTHER, day.at(rng.uniform(7.8, 17.3) * HOUR), rng.uniform(15, 150), rng.uniform(0.05, 0.2)
                )
