"""How the furnished house lives: what two people use in each half-hour of two years, and on into the present.

Everything follows from (seed, start day): the same house at every start of the same day. No I/O and no clock.
Amounts are whole numbers of the stream's own small unit, so that indexes are exact sums of them.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import accumulate, islice
from math import cos, tau
from random import Random
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
DAY_S = 86_400
SLOT_S = 1_800
SLOTS = DAY_S // SLOT_S
HISTORY_DAYS = 730

SWAP_DAYS_AGO = 270
GAP_DAYS_AGO = 400
GAP_DAYS = 2
LEAK_DAYS_AGO = 4
HOLIDAY = (3, 17)  # of August: the first day away, the first day back

STEP_S = 10  # within a half-hour the rate changes at most this often
STEPS = SLOT_S // STEP_S


class Stream(StrEnum):
    """What flows into or within the house, and the unit its amounts are counted in."""

    HOUSEHOLD = "household"  # Wh, all of the home's electricity but the heat pump
    HEAT_PUMP = "heat_pump"  # Wh
    WORKSHOP = "workshop"  # Wh
    COLD_WATER = "cold_water"  # mL: a leak of 12 L/h must be seen to run between two litres
    HOT_WATER = "hot_water"  # mL
    GAS = "gas"  # mL of gas
    RADIATOR = "radiator"  # thousandths of a heat cost unit
    HEAT = "heat"  # Wh
    NEIGHBOUR = "neighbour"  # mL


@dataclass(frozen=True, slots=True)
class Events:
    """What happened in this house, in UTC seconds."""

    away_from: int
    away_until: int
    swap_at: int
    gap_from: int
    gap_until: int
    leak_from: int


@dataclass(frozen=True, slots=True)
class Day:
    """One UTC day: for each of its half-hours, the local one (0-47) it falls in and the temperature outside."""

    number: int
    weekend: bool
    away: bool
    winter: float  # 0 at midsummer, 1 in mid-January
    slots: tuple[int, ...]
    temperatures: tuple[float, ...]
    leaking: tuple[bool, ...]


def day_start(number: int) -> date:
    return date(1970, 1, 1) + timedelta(days=number)


def local_time(day: date, hour: int) -> int:
    return int(datetime(day.year, day.month, day.day, hour, tzinfo=PARIS).timestamp())


def events(start_day: int) -> Events:
    today = day_start(start_day + HISTORY_DAYS)
    year = today.year if today > date(today.year, 8, HOLIDAY[1]) else today.year - 1
    gap = today - timedelta(days=GAP_DAYS_AGO)
    return Events(
        away_from=local_time(date(year, 8, HOLIDAY[0]), 8),
        away_until=local_time(date(year, 8, HOLIDAY[1]), 18),
        swap_at=local_time(today - timedelta(days=SWAP_DAYS_AGO), 10),
        gap_from=local_time(gap, 19),
        gap_until=local_time(gap + timedelta(days=GAP_DAYS), 19),
        leak_from=local_time(today - timedelta(days=LEAK_DAYS_AGO), 21),
    )


def _random(*words: object) -> Random:
    return Random(" ".join(map(str, words)))  # noqa: S311 - repeatable is what is wanted here, not secret


def off_peak(at: float) -> bool:
    """Heures creuses: 22 h to 6 h, local time."""
    return not 6 <= datetime.fromtimestamp(at, PARIS).hour < 22


def _profile(*parts: tuple[float, float]) -> tuple[float, ...]:
    """A day's 48 levels from (until local hour, level)."""
    levels: list[float] = []
    for until, level in parts:
        levels += [level] * (int(until * 2) - len(levels))
    assert len(levels) == SLOTS, parts
    return tuple(levels)


# Mean power in W, then litres a half-hour. The second row of each is for Saturday and Sunday.
_POWER_W = (
    _profile((6.5, 120), (8.5, 420), (12, 190), (13.5, 380), (18, 190), (20, 620), (22.5, 480), (24, 230)),
    _profile((7.5, 120), (10, 400), (12, 360), (14, 700), (18, 330), (20, 600), (23, 470), (24, 260)),
)
_WORKSHOP_W = (
    _profile((8, 22), (12, 75), (14, 30), (18, 95), (24, 22)),
    _profile((9, 22), (12, 260), (14, 40), (18.5, 330), (24, 22)),
)
_COLD_L = (
    _profile((6, 0.15), (6.5, 3), (8.5, 13), (12, 2), (13.5, 8), (18, 2), (20.5, 11), (22.5, 7), (24, 1)),
    _profile((7, 0.15), (8, 3), (11, 14), (14, 10), (18, 5), (20.5, 11), (23, 6), (24, 0.5)),
)
_HOT_L = (
    _profile((6, 0), (6.5, 1.5), (8, 10), (12, 0.4), (13.5, 2), (18, 0.3), (20.5, 3), (22, 2.5), (24, 0.1)),
    _profile((7.5, 0), (10.5, 7), (12, 2), (14, 3), (18, 0.8), (20.5, 3), (22.5, 2), (24, 0)),
)
_COOKING_L = _profile((7, 0), (8, 4), (12, 0), (13.5, 30), (19, 0), (20.5, 45), (24, 0))
_DRAWS = (0.0, 0.0, 0.5, 1.0, 1.5, 3.0)  # taps: nothing, a little, or a lot; 1 on average


def _household(day: Day, rng: Random) -> list[int]:
    if day.away:
        return [52 + rng.randrange(9) for _ in day.slots]  # fridge, box, standby
    light = 0.85 + 0.4 * day.winter
    profile = _POWER_W[day.weekend]
    amounts = [int(profile[slot] / 2 * light * (0.6 + 0.8 * rng.random())) for slot in day.slots]
    if rng.random() < 0.5:  # the dishwasher waits for the cheap hours
        for slot, wh in ((45, 420), (46, 380), (47, 110)):
            amounts[day.slots.index(slot)] += wh
    if rng.random() < (0.6 if day.weekend else 0.2):  # the washing machine does not
        first = 20 + rng.randrange(8)
        for slot, wh in ((first, 380), (first + 1, 140), (first + 2, 70)):
            amounts[day.slots.index(slot)] += wh
    return amounts


def _degrees(day: Day, base: float) -> list[float]:
    """How much is missing to the base temperature in each half-hour; nothing outside the heating season."""
    month = day_start(day.number).month
    if 5 <= month <= 9:
        return [0.0] * SLOTS
    if day.away:
        base -= 6
    return [max(0.0, base - degrees) for degrees in day.temperatures]


def _heat_pump(day: Day, rng: Random) -> list[int]:
    # It works in runs: a half-hour at rest is followed by one with more.
    amounts = []
    debt = 0.0
    for missing in _degrees(day, 16.5):
        debt += missing * 32
        run = debt > 260 or rng.random() < 0.45
        amounts.append(int(debt) + 6 if run else 6)
        debt = 0.0 if run else debt
    return amounts


def _workshop(day: Day, rng: Random) -> list[int]:
    busy = not day.away and rng.random() < (0.55 if day.weekend else 0.4)
    profile = _WORKSHOP_W[day.weekend]
    return [
        int(profile[slot] / 2 * (0.4 + 1.2 * rng.random())) if busy else 10 + rng.randrange(3) for slot in day.slots
    ]


def _draws(day: Day, rng: Random, profile: tuple[float, ...]) -> list[int]:
    if day.away:
        return [0] * SLOTS
    return [int(1000 * profile[slot] * rng.choice(_DRAWS) * (0.7 + 0.6 * rng.random())) for slot in day.slots]


def _cold_water(day: Day, rng: Random) -> list[int]:
    draws = _draws(day, rng, _COLD_L[day.weekend])
    return [
        draw + (5000 + rng.randrange(2001) if leaking else 0) for draw, leaking in zip(draws, day.leaking, strict=True)
    ]


def _hot_water(day: Day, rng: Random) -> list[int]:
    return _draws(day, rng, _HOT_L[day.weekend])


def _gas(day: Day, rng: Random) -> list[int]:
    if day.away:
        return [0] * SLOTS
    # Cooking, the boiler's hot water, and its help to the heat pump when it freezes.
    cold = [max(0.0, 3 - degrees) for degrees in day.temperatures]
    profile = _HOT_L[day.weekend]
    return [
        int(1000 * (rng.choice(_DRAWS) * (4.5 * profile[slot] + _COOKING_L[slot]) + 22 * missing * rng.random()))
        for slot, missing in zip(day.slots, cold, strict=True)
    ]


def _radiator(day: Day, rng: Random) -> list[int]:
    return [int(missing * (14 + 6 * rng.random())) for missing in _degrees(day, 15.5)]


def _heat(day: Day, rng: Random) -> list[int]:
    return [int(missing * (60 + 20 * rng.random())) for missing in _degrees(day, 16.0)]


def _neighbour(day: Day, rng: Random) -> list[int]:
    return [amount * 2 for amount in _draws(day, rng, _COLD_L[day.weekend])]


_STREAMS: dict[Stream, Callable[[Day, Random], list[int]]] = {
    Stream.HOUSEHOLD: _household,
    Stream.HEAT_PUMP: _heat_pump,
    Stream.WORKSHOP: _workshop,
    Stream.COLD_WATER: _cold_water,
    Stream.HOT_WATER: _hot_water,
    Stream.GAS: _gas,
    Stream.RADIATOR: _radiator,
    Stream.HEAT: _heat,
    Stream.NEIGHBOUR: _neighbour,
}

_BURSTY = {Stream.COLD_WATER, Stream.HOT_WATER, Stream.GAS, Stream.NEIGHBOUR}


class Life:
    """The house's amounts, grown day by day as they are asked for."""

    def __init__(self, seed: int, start_day: int) -> None:
        self.seed = seed
        self.start_day = start_day
        self.start = start_day * DAY_S
        self.events = events(start_day)
        self._slots = 0
        self._temperatures = array("d")
        self._amounts = {stream: array("q") for stream in Stream}
        self._sums = {stream: array("q", [0]) for stream in Stream}
        self._off_peak_sums = {stream: array("q", [0]) for stream in Stream}
        self._steps: dict[Stream, tuple[int, list[int]]] = {}

    def live_until(self, at: float) -> None:
        """Live all the days up to this time now, rather than when they are asked for."""
        self._slot(at)

    def amount(self, stream: Stream, at: float) -> int:
        """What flows in the half-hour that holds this time."""
        return self._amounts[stream][self._slot(at)[0]]

    def total(self, stream: Stream, at: float) -> int:
        """What has flowed from the start day to this time."""
        slot, passed_s = self._slot(at)
        total = self._sums[stream][slot]
        return total + self._within(stream, slot, passed_s) if passed_s else total

    def total_off_peak(self, stream: Stream, at: float) -> int:
        """As total, in the hours of the cheap tariff only."""
        slot, passed_s = self._slot(at)
        total = self._off_peak_sums[stream][slot]
        return total + self._within(stream, slot, passed_s) if passed_s and off_peak(at) else total

    def per_hour(self, stream: Stream, at: float) -> int:
        """How much an hour flows at this time: the slope of the total (of Wh: W)."""
        slot, passed_s = self._slot(at)
        sums = self._shape(stream, slot)
        step = int(passed_s) // STEP_S
        return self._amounts[stream][slot] * (sums[step + 1] - sums[step]) * 3600 // (sums[-1] * STEP_S)

    def temperature(self, at: float) -> float:
        """Outside, in degC."""
        slot, _ = self._slot(at)
        return self._temperatures[slot]

    def _slot(self, at: float) -> tuple[int, float]:
        """The half-hour that holds this time, counted from the start, and how much of it has passed."""
        slot, passed_s = divmod(at - self.start, SLOT_S)
        assert slot >= 0, (at, self.start)
        while slot >= self._slots:
            self._grow()
        return int(slot), passed_s

    def _within(self, stream: Stream, slot: int, passed_s: float) -> int:
        sums = self._shape(stream, slot)
        passed_ms = int(passed_s * 1000)
        step, step_ms = divmod(passed_ms, STEP_S * 1000)
        weight = sums[step] * STEP_S * 1000 + (sums[step + 1] - sums[step]) * step_ms
        return self._amounts[stream][slot] * weight // (sums[-1] * STEP_S * 1000)

    def _shape(self, stream: Stream, slot: int) -> list[int]:
        """How a half-hour's amount is spread over its steps, as running sums of weights."""
        kept = self._steps.get(stream)
        if kept is not None and kept[0] == slot:
            return kept[1]
        rng = _random(self.seed, stream, "slot", self.start // SLOT_S + slot)
        if stream in _BURSTY:
            weights = [0] * STEPS
            for _ in range(rng.randint(2, 5)):  # taps and burners run for half a minute to three
                first = rng.randrange(STEPS - 18)
                for step in range(first, first + rng.randint(3, 18)):
                    weights[step] += 100
            if stream is Stream.COLD_WATER and (leak := self._leak(slot)):
                drawn = self._amounts[stream][slot] - leak
                even = sum(weights) * leak // (STEPS * drawn) if drawn > 0 else 100
                weights = [(weight if drawn > 0 else 0) + max(1, even) for weight in weights]
        else:
            level, weights = 100, []
            for _ in range(STEPS):
                if rng.random() < 0.08:  # something is switched on or off
                    level = rng.choice((70, 85, 100, 120, 160))
                weights.append(level + rng.randrange(-2, 3))
        sums = [0, *accumulate(weights)]
        self._steps[stream] = (slot, sums)
        return sums

    def _leak(self, slot: int) -> int:
        return 6000 if self.start + slot * SLOT_S >= self.events.leak_from else 0

    def _grow(self) -> None:
        """Live one more day."""
        number = self.start_day + self._slots // SLOTS
        day = self._day(number)
        self._slots += SLOTS
        self._temperatures.extend(day.temperatures)
        cheap = [not 12 <= local < 44 for local in day.slots]
        for stream, use in _STREAMS.items():
            amounts = use(day, _random(self.seed, stream, "day", number))
            self._amounts[stream].extend(amounts)
            _add_up(self._sums[stream], amounts)
            off_peak_amounts = [amount if is_cheap else 0 for amount, is_cheap in zip(amounts, cheap, strict=True)]
            _add_up(self._off_peak_sums[stream], off_peak_amounts)

    def _day(self, number: int) -> Day:
        first = number * DAY_S
        noon = first + DAY_S // 2
        happened = self.events
        slots = tuple(_local_slot(first + slot * SLOT_S) for slot in range(SLOTS))
        winter = (1 + cos(tau * (day_start(number).timetuple().tm_yday - 15) / 365.25)) / 2
        mean = 20.5 - 16.0 * winter + self._weather(number)
        return Day(
            number=number,
            weekend=datetime.fromtimestamp(noon, UTC).weekday() >= 5,
            away=happened.away_from <= noon < happened.away_until,
            winter=winter,
            slots=slots,
            temperatures=tuple(mean + 4.0 * cos(tau * (slot - 31) / SLOTS) for slot in slots),
            leaking=tuple(first + slot * SLOT_S >= happened.leak_from for slot in range(SLOTS)),
        )

    def _weather(self, number: int) -> float:
        """Spells of five days, warmer or colder than the season."""
        spell, day = divmod(number, 5)
        here, there = (_random(self.seed, "weather", n).gauss(0, 3.5) for n in (spell, spell + 1))
        return here + (there - here) * day / 5


def _add_up(sums: array[int], amounts: list[int]) -> None:
    sums.extend(islice(accumulate(amounts, initial=sums[-1]), 1, None))


def _local_slot(at: int) -> int:
    local = datetime.fromtimestamp(at, PARIS)
    return local.hour * 2 + local.minute // 30
