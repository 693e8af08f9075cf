"""The meter, and what of it the box hears.

Flows: Directive 2014/32/EU, annex III: R is Q3 over Q1, and from Q1 to Q2 a meter may be 5 % wrong, from Q2 on 2 %. Q3 is
2.5 m³/h in a home, so Q1 is 31 L/h at R80 and 3.1 at R800. Below Q1 nothing is asked: a piston starts at a fraction of
Q1, and before it starts it counts nothing (Arregui et al. 2006: 1 to 10 L/h, by type and age).
"""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from bench.household.year import DAY, HOUR, MINUTE, Span

Q3_LPH = 2500
INTERVALS = ((600, HOUR, DAY), (60, 25, 15))  # of a hundred
RESOLUTIONS_L = ((1.0, 10.0, 0.1, 5.0), (70, 12, 10, 8))
RATIOS = ((80, 160, 250, 315, 400, 800), (10, 30, 15, 20, 15, 10))


@dataclass(frozen=True)
class Meter:
    """`start_lph`: it counts nothing below; `q1_lph`: too little below; `gain`: what it counts of a litre above.

    `first_l`: litres on its dial at the year's beginning. `phase_s`: when it is heard, after a multiple of `interval_s` in UTC, give or take `jitter_s`; `loss` is the share that is not heard at any time, and
    `fading` the share of the hours in which hardly anything is.
    """

    resolution_l: float
    start_lph: float
    q1_lph: float
    gain: float
    first_l: float
    interval_s: int
    phase_s: int
    jitter_s: float
    loss: float
    fading: float
    backward: bool  # shows water that flows back into the street's pipe


@dataclass(frozen=True)
class Troubles:
    """`gaps`: the box is off. `swaps`: a new meter, whose index begins at 0. `stuck`: the index stands still."""

    gaps: tuple[Span, ...]
    swaps: tuple[int, ...]
    stuck: tuple[Span, ...]


def meter(rng: random.Random) -> Meter:
    q1_lph = Q3_LPH / rng.choices(*RATIOS)[0]
    interval_s = rng.choices(*INTERVALS)[0]
    phase_s = rng.randrange(interval_s)
    if interval_s == DAY and rng.random() < 0.7:  # around midnight in winter
        phase_s = int(23 * HOUR + rng.gauss(0, 900)) % DAY
    resolution_l = rng.choices(*RESOLUTIONS_L)[0]
    return Meter(
        resolution_l,
        q1_lph * rng.uniform(0.05, 0.22),
        q1_lph,
        1 + max(min(rng.gauss(-0.005, 0.01), 0.02), -0.02),
        rng.uniform(0, 900_000),
        interval_s,
        phase_s,
        rng.choice((0.0, 1.0, 3.0, 10.0)),
        rng.choice((0.0, 0.0, 0.005, 0.02, 0.02, 0.05, 0.1, 0.3)),
        rng.choice((0.0, 0.0, 0.0, 0.01, 0.04)),
        rng.random() < 0.05,
    )


def troubles(rng: random.Random, year: Span) -> Troubles:
    gaps: list[Span] = []
    for _ in range(rng.choices((0, 1, 2, 3), (62, 22, 11, 5))[0]):
        start = rng.randrange(year.start, year.end - DAY)
        length_s = int(min(rng.lognormvariate(2.3, 1.5), 28 * 24) * HOUR)
        gaps.append(Span(start, min(start + length_s, year.end)))
    swaps = (rng.randrange(year.start + 20 * DAY, year.end - 20 * DAY),) if rng.random() < 0.08 else ()
    stuck: tuple[Span, ...] = ()
    if rng.random() < 0.03:
        start = rng.randrange(year.start + 10 * DAY, year.end - 10 * DAY)
        stuck = (Span(start, swaps[0] if swaps and swaps[0] > start else year.end),)
    return Troubles(tuple(sorted(gaps, key=lambda span: span.start)), swaps, stuck)


def registered(meter: Meter, minutes: array[float]) -> array[float]:
    """What the meter counts, in litres, from the beginning to each minute's end, of the litres that pass in each."""
    start, q1, gain = meter.start_lph / 60, meter.q1_lph / 60, meter.gain
    counted = (
        0.0 if litres < start else litres * (gain if litres >= q1 else gain * _share(litres, start, q1))
        for litres in minutes
    )
    return array("d", accumulate(counted, initial=0.0))


def _share(flow: float, start: float, q1: float) -> float:
    """From half of it where the meter starts to all of it at Q1, most of that soon after the start."""
    return 1 - 0.5 * ((q1 - flow) / (q1 - start)) ** 2


def with_backflow(rng: random.Random, counted: array[float], year: Span) -> array[float]:
    """A water heater without a check valve, on some nights: a few litres go back while it heats, and come in again after.

    `counted` and what is returned are litres from the beginning to each minute's end.
    """
    found = array("d", counted)
    for midnight in range(year.start, year.end - DAY, DAY):
        if rng.random() < 0.1:
            litres, begin = rng.uniform(0.5, 4), (midnight - year.start) // MINUTE + rng.randrange(60, 240)
            for minute in range(240):
                found[begin + minute] -= litres * min(minute / 60, 1)
    return found


def index(meter: Meter, trouble: Troubles, year: Span, counted: array[float], at: int) -> int:
    """What the meter shows, in its steps, `counted` being what it counted until each minute's end; rounded down."""
    for span in trouble.stuck:
        at = span.start if at in span else at
    litres = meter.first_l + _counted(counted, year, at)
    for swap in trouble.swaps:
        if at >= swap:
            litres = _counted(counted, year, at) - _counted(counted, year, swap)
    return math.floor(litres / meter.resolution_l + 1e-6)


def _counted(counted: array[float], year: Span, at: int) -> float:
    """Litres from the beginning of the year until `at`."""
    minute, second = divmod(at - year.start, MINUTE)
    litres = counted[minute]
    return litres + (counted[minute + 1] - litres) * second / MINUTE if second else litres


def heard(
    rng: random.Random, meter: Meter, trouble: Troubles, year: Span, counted: array[float]
) -> tuple[array[int], array[int]]:
    """When the box heard the meter (UTC seconds, growing) and the index it said, in the meter's steps."""
    ats, indexes = array("q"), array("q")
    for at in _moments(rng, meter, trouble.gaps, year):
        ats.append(at)
        indexes.append(index(meter, trouble, year, counted, at))
    return ats, indexes


def _moments(rng: random.Random, meter: Meter, gaps: Sequence[Span], year: Span) -> Iterator[int]:
    """Each interval once, but for what is lost: single telegrams, hours of fading, and the box's absence."""
    first = year.start - year.start % meter.interval_s + meter.phase_s
    faded_until, last = 0, year.start - 1
    fade_chance = meter.fading * meter.interval_s / (5 * HOUR)
    for due in range(first, year.end, meter.interval_s):
        at = due + round(rng.gauss(0, meter.jitter_s)) if meter.jitter_s else due
        if fade_chance and rng.random() < fade_chance:
            faded_until = at + int(rng.expovariate(1 / (5 * HOUR)))
        lost = rng.random() < (0.92 if at < faded_until else meter.loss)
        if lost or not last < at < year.end or any(at in gap for gap in gaps):
            continue
        last = at
        yield at
