"""The house that the store's figures are of: twenty series, made here, and the fewest bytes that any store could give them.

Loads that come and go, heating by the season, a fridge, noise; indexes that follow them; water by bursts; radio meters
that jitter by 3 s and lose 2 %; two lines whose clock slips a second. A real home differs by some 40 % in bytes a point.
"""

from __future__ import annotations

import math
import random
import sys
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, cycle, islice
from operator import sub

from drivers.model import Quantity
from gateway.model import SeriesKey

MINUTE, HOUR, DAY, YEAR = 60, 3600, 86_400, 365 * 86_400
END = 1_767_222_000  # midnight in Paris, 1 January 2026


@dataclass(frozen=True)
class Made:
    """One series: its name, what it measures, how often at its own pace, and its points from `start` for so many days."""

    name: str
    quantity: Quantity
    exponent: int
    pace_s: int
    points: Callable[[random.Random, int, int, int], tuple[Sequence[int], Sequence[int]]]

    @property
    def key(self) -> SeriesKey:
        return SeriesKey("bench", self.name)


def years(number: int, count: int, pace_s: int | None = None) -> Iterator[tuple[array[int], array[int]]]:
    """The points of one series, a year at a time, the last ending at END; an index goes on from the year before.

    All at one pace, or each at its own.
    """
    made = SERIES[number]
    first = 0
    for year in range(count):
        rng = random.Random(1000 * number + year)
        start = END - (count - year) * YEAR
        ats, values = made.points(rng, start, 365, pace_s or made.pace_s)
        column = array("q", values if first == 0 else [value + first for value in values])
        if made.quantity.kind.name == "INDEX":
            first = column[-1]
        yield array("q", ats), column


def _season(at: int) -> float:
    """1 in the middle of January, -1 in the middle of July."""
    return math.cos(2 * math.pi * (at / DAY - 15) / 365.25)


def _wandering(rng: random.Random, n: int, stay: float, spread: float) -> Iterator[float]:
    """Noise that remembers: each is `stay` of the one before and a step of its own."""
    gauss = rng.gauss
    return accumulate((gauss(0, spread) for _ in range(n)), lambda level, step: stay * level + step)


def _watts(rng: random.Random, start: int, days: int, pace: int, base: float, scale: float) -> list[float]:
    n = days * DAY // pace
    on, off = 900 // pace, 1800 // pace
    phase = rng.randrange(on + off)
    fridge = islice(cycle([110.0] * on + [2.0] * off), phase, phase + n)
    noise = 3 + 0.01 * (base + 40 + 150 * scale)
    gauss = rng.gauss
    watts = [base + load + gauss(0, noise) for load in fridge]
    for begin in range(0, n, 600 // pace):  # heating by a thermostat
        at = start + begin * pace
        if at // 600 % 3 == 0 and (heat := _season(at) * 900 * scale) > 0:
            for i in range(begin, min(n, begin + 600 // pace)):
                watts[i] += heat
    hours = rng.choices((7, 8, 12, 18, 19, 20, 21, 22), (12, 10, 12, 16, 20, 15, 10, 5), k=6 * days)
    for run, hour in enumerate(hours):
        begin = (run // 6 * DAY + hour * HOUR + rng.randrange(HOUR)) // pace
        load = rng.randrange(200, 2400) * scale
        for i in range(begin, min(n, begin + rng.randrange(300, 5400) // pace + 1)):
            watts[i] += load
    return [max(watt, 0.0) for watt in watts]


def _counted(watts: Sequence[float], pace: int) -> list[int]:
    hours = pace / HOUR
    return [int(each) for each in accumulate(watt * hours for watt in watts)]


def _grid(start: int, days: int, pace: int) -> range:
    return range(start, start + days * DAY, pace)


def _slipping(rng: random.Random, ats: range, by: int) -> list[int]:
    randrange = rng.randrange
    return [at + randrange(by) for at in ats]


def _heard(rng: random.Random, ats: range, values: Sequence[int]) -> tuple[list[int], list[int]]:
    """As a radio meter is heard: it jitters, and two in a hundred are lost."""
    kept = [i for i in range(len(ats)) if rng.random() > 0.02]
    return [ats[i] + rng.randint(-3, 3) for i in kept], [values[i] for i in kept]


def _burst(rng: random.Random, ats: range, a_day: float) -> list[int]:
    """Litres drawn: seldom, mostly at breakfast and in the evening."""
    chances = [
        a_day * ats.step / DAY / 8
        * (0.2 + 2.2 * math.exp(-(((at / HOUR - 7.5) / 1.2) ** 2)) + 1.8 * math.exp(-(((at / HOUR - 19.5) / 1.8) ** 2)))
        for at in range(0, DAY, ats.step)
    ]  # fmt: skip
    chance, draw = rng.random, rng.randint
    drawn = (draw(1, 15) if chance() < likely else 0 for _, likely in zip(ats, cycle(chances), strict=False))
    return list(accumulate(drawn))


Columns = tuple[Sequence[int], Sequence[int]]


def _level(base: float, scale: float, factor: float = 1.0) -> Callable[[random.Random, int, int, int], Columns]:
    def points(rng: random.Random, start: int, days: int, pace: int) -> Columns:
        watts = _watts(rng, start, days, pace, base, scale)
        return _grid(start, days, pace), [round(watt * factor) for watt in watts]

    return points


def _index(base: float, scale: float, *, slips: bool = False) -> Callable[[random.Random, int, int, int], Columns]:
    def points(rng: random.Random, start: int, days: int, pace: int) -> Columns:
        ats = _grid(start, days, pace)
        counted = _counted(_watts(rng, start, days, pace, base, scale), pace)
        return _slipping(rng, ats, 2) if slips else ats, counted

    return points


def _voltage(rng: random.Random, start: int, days: int, pace: int) -> Columns:
    ats = _grid(start, days, pace)
    watts = _watts(rng, start, days, pace, 90, 1.0)
    wander = _wandering(rng, len(ats), 0.97, 0.5)
    return _slipping(rng, ats, 2), [round(233 + level - watt / 1500) for level, watt in zip(wander, watts, strict=True)]


def _pulses(rng: random.Random, start: int, days: int, pace: int) -> Columns:
    ats = _grid(start, days, pace)
    return _slipping(rng, ats, 3), _burst(rng, ats, 350)


def _water(a_day: float) -> Callable[[random.Random, int, int, int], Columns]:
    def points(rng: random.Random, start: int, days: int, pace: int) -> Columns:
        ats = _grid(start, days, pace)
        return _heard(rng, ats, _burst(rng, ats, a_day))

    return points


def _heat(rng: random.Random, start: int, days: int, pace: int) -> Columns:
    ats = _grid(start, days, pace)
    kilowatts = (max(_season(at), 0.0) * 4 * pace / HOUR for at in ats)
    return _heard(rng, ats, [int(each) for each in accumulate(kilowatts)])


def _gas(rng: random.Random, start: int, days: int, pace: int) -> Columns:
    ats = _grid(start, days, pace)
    drawn = (max(_season(at), 0.05) * 5 * pace / MINUTE if at // 600 % 3 == 0 else 0.0 for at in ats)
    return _heard(rng, ats, [int(each) for each in accumulate(drawn)])


def _radio_energy(rng: random.Random, start: int, days: int, pace: int) -> Columns:
    return _heard(rng, _grid(start, days, pace), _counted(_watts(rng, start, days, pace, 40, 0.4), pace))


def _sun(rng: random.Random, start: int, days: int, pace: int) -> list[float]:
    ats = _grid(start, days, pace)
    clear = [max(0.0, math.sin((at / HOUR - 6) / 12 * math.pi)) * 3000 for at in range(0, DAY, pace)]
    clouds = _wandering(rng, len(ats), 0.995, 0.03)
    return [light * min(1.0, max(0.05, cloud + 0.7)) for light, cloud in zip(cycle(clear), clouds, strict=False)]


def _panels(rng: random.Random, start: int, days: int, pace: int) -> Columns:
    return _grid(start, days, pace), [round(watt) for watt in _sun(rng, start, days, pace)]


def _panels_index(rng: random.Random, start: int, days: int, pace: int) -> Columns:
    return _grid(start, days, pace), _counted(_sun(rng, start, days, pace), pace)


def _temperature(
    mean: float, by_season: float, by_day: float, stay: float, spread: float, cycling: float = 0.0
) -> Callable[[random.Random, int, int, int], Columns]:
    def points(rng: random.Random, start: int, days: int, pace: int) -> Columns:
        ats = _grid(start, days, pace)
        daily = [by_day * math.cos(2 * math.pi * (at / DAY - 15 / 24)) for at in range(0, DAY, pace)]
        wander = _wandering(rng, len(ats), stay, spread)
        return ats, [
            round(mean + by_season * _season(at) + day + level + cycling * (at // 1800 % 2))
            for at, day, level in zip(ats, cycle(daily), wander, strict=False)
        ]

    return points


# At their own pace: five each 10 s, fourteen each minute, the water each quarter of an hour.
SERIES = (
    Made("papp", Quantity.APPARENT_POWER, 0, 10, _level(90, 1.0, 1.05)),
    Made("linky", Quantity.ENERGY, 0, MINUTE, _index(90, 1.0, slips=True)),
    Made("voltage", Quantity.VOLTAGE, 0, MINUTE, _voltage),
    Made("water", Quantity.VOLUME, 0, 900, _pulses),
    Made("cold", Quantity.VOLUME, 0, MINUTE, _water(200)),
    Made("hot", Quantity.VOLUME, 0, MINUTE, _water(120)),
    Made("heat", Quantity.ENERGY, 3, MINUTE, _heat),
    Made("gas", Quantity.VOLUME, 1, MINUTE, _gas),
    Made("radio", Quantity.ENERGY, 0, MINUTE, _radio_energy),
    Made("power-1", Quantity.POWER, 0, 10, _level(30, 0.5)),
    Made("power-2", Quantity.POWER, 0, 10, _level(5, 0.9)),
    Made("power-3", Quantity.POWER, 0, 10, _level(200, 0.2)),
    Made("panels", Quantity.POWER, 0, 10, _panels),
    Made("energy-1", Quantity.ENERGY, 0, MINUTE, _index(30, 0.5)),
    Made("energy-2", Quantity.ENERGY, 0, MINUTE, _index(5, 0.9)),
    Made("energy-3", Quantity.ENERGY, 0, MINUTE, _index(200, 0.2)),
    Made("panels-index", Quantity.ENERGY, 0, MINUTE, _panels_index),
    Made("indoors", Quantity.TEMPERATURE, -1, MINUTE, _temperature(205, -5, 5, 0.999, 0.15)),
    Made("outdoors", Quantity.TEMPERATURE, -1, MINUTE, _temperature(120, -90, 45, 0.9995, 0.5)),
    Made("flow", Quantity.TEMPERATURE, -1, MINUTE, _temperature(350, 80, 0, 0.98, 0.8, 20)),
)


def entropy_bytes(ats: Sequence[int], values: Sequence[int]) -> float:
    """Bytes that the points would take, were each step of time and of value coded by how often it comes."""
    bits = 0.0
    for column in (list(map(sub, ats[1:], ats)), list(map(sub, values[1:], values))):
        seen = Counter(column)
        bits += sum(-n * math.log2(n / len(column)) for n in seen.values())
    return bits / 8


def main() -> None:
    for name, pace_s in (("each minute", MINUTE), ("at its own pace", None)):
        points, least = 0, 0.0
        for number in range(len(SERIES)):
            for ats, values in years(number, 1, pace_s):
                points += len(ats)
                least += entropy_bytes(ats, values)
        sys.stdout.write(
            f"twenty series {name}: {points / 1e6:.1f} M points a year, entropy {least / points:.2f} B each\n"
        )


if __name__ == "__main__":
    main()
