"""The leaks of a year, and their labels.

How strong, as water companies' leaflets have it: a drip up to 5 L/h, a trickle 15, a WC valve 25, a jet 63.
A burst: what comes out of a hole of 2.5 to 8 mm at 3 bar, 0.6 x area x the square root of (2 x pressure / density), is
260 to 2,650 L/h; 3.2 mm at 2.8 bar is told as 470 L/h. How long: DeOreo and Mayer 2016 found leaks in most homes and
most of the water in few; Britton, Stewart and O'Halloran 2013 found that people left to themselves repair after months.
"""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from bench.household.year import DAY, HOUR, MINUTE, Span


class Kind(StrEnum):
    DRIP = "drip"  # a tap, a joint, a safety valve: always
    TOILET = "toilet"  # a WC valve that never closes: always
    FITFUL = "fitful toilet"  # runs on after some flushes for minutes to hours
    BURST = "burst"  # a hose, a pipe


@dataclass(frozen=True)
class Leak:
    """`litres_per_hour` is the mean while it runs; from `start` until it is repaired at `end`, or the year's end; UTC seconds.

    Of a FITFUL one `start` is when the valve was worn: the first flush after it may be minutes later, and all may go well
    for some flushes more.
    """

    kind: Kind
    litres_per_hour: float
    start: int
    end: int


# Of a hundred leaks. Fitful ones have the rates of the others.
KINDS = (
    ((Kind.DRIP, 2.0), 22),
    ((Kind.TOILET, 10.0), 28),
    ((Kind.TOILET, 50.0), 14),
    ((Kind.FITFUL, 10.0), 6),
    ((Kind.FITFUL, 50.0), 6),
    ((Kind.BURST, 0.0), 24),
)
COUNTS = ((0, 1, 2), (34, 48, 18))  # of a hundred homes
REPAIRED_DAYS = {2.0: 60.0, 10.0: 28.0, 50.0: 12.0}  # median
NEVER_SHARE = {2.0: 0.3, 10.0: 0.15, 50.0: 0.05}
NIGHT_H = 3  # by the winter clock
APART_S = 7 * DAY  # between the repair of one and the next


def leaks(rng: random.Random, year: Span, away: Sequence[Span]) -> tuple[Leak, ...]:
    """None, one or two, apart from each other; some begin while everybody is away."""
    found: list[Leak] = []
    for _ in range(rng.choices(*COUNTS)[0]):
        kind, litres_per_hour = rng.choices([each for each, _ in KINDS], [share for _, share in KINDS])[0]
        start = rng.randrange(year.start + DAY, year.end - 2 * DAY)
        if away and rng.random() < 0.12:
            span = rng.choice(away)
            start = rng.randrange(max(span.start, year.start), max(min(span.end, year.end - DAY), span.start + 1))
        if kind is Kind.BURST:
            litres_per_hour = round(math.exp(rng.uniform(math.log(250), math.log(3000))), 0)
            end = _noticed(rng, start, away)
        elif rng.random() < NEVER_SHARE[litres_per_hour]:
            end = year.end
        else:
            end = start + int(max(rng.lognormvariate(math.log(REPAIRED_DAYS[litres_per_hour]), 0.9), 0.3) * DAY)
        leak = Leak(kind, litres_per_hour, start, min(end, year.end))
        if all(leak.start > other.end + APART_S or leak.end < other.start - APART_S for other in found):
            found.append(leak)
    return tuple(sorted(found, key=lambda leak: leak.start))


def _noticed(rng: random.Random, start: int, away: Sequence[Span]) -> int:
    """A burst ends some hours after somebody could see it: at once, or behind a wall and in a cellar after days."""
    end = start + int(min(max(rng.lognormvariate(math.log(7), 0.9), 1.5), 96) * HOUR)
    for span in away:
        if start in span:
            return max(end, span.end + rng.randrange(HOUR // 4, 3 * HOUR))
    return end


def leaked(rng: random.Random, year: Span, found: Sequence[Leak], flushes: Sequence[float]) -> array[float]:
    """Litres a minute of all leaks; a little more at night, when the pressure is higher, and not the same each day.

    `flushes`: when, in UTC seconds, in their order.
    """
    minutes = array("d", bytes(8 * ((year.end - year.start) // MINUTE)))
    swing = rng.uniform(0.0, 0.08)  # the flow goes with the root of the pressure
    for leak in found:
        if leak.kind is Kind.FITFUL:
            for start, end in _runs(rng, leak, flushes):
                _add(minutes, year, start, end, leak.litres_per_hour)
            continue
        daily, begin = 1.0, leak.start
        while begin < leak.end:
            hour = begin // HOUR
            end = min((hour + 1) * HOUR, leak.end)
            if hour % 24 == 0:
                daily = 1 + max(min(rng.gauss(0, 0.02), 0.05), -0.05)
            flow = leak.litres_per_hour * daily * (1 + swing * math.cos(2 * math.pi * (hour + 1 - NIGHT_H) / 24))
            _add(minutes, year, begin, end, flow)
            begin = end
    return minutes


def _runs(rng: random.Random, leak: Leak, flushes: Sequence[float]) -> Iterator[tuple[int, int]]:
    """After some flushes, until the valve falls right or the next flush; never two at a time."""
    share = rng.uniform(0.15, 0.6)
    inside = [int(at) + 2 * MINUTE for at in flushes if leak.start <= at < leak.end - 2 * MINUTE]
    for start, following in pairwise([*inside, leak.end]):
        if rng.random() < share and following > start:
            run_s = min(max(rng.lognormvariate(math.log(90), 0.9), 10), 10 * 60) * MINUTE
            yield start, min(start + int(run_s), following, leak.end)


def _add(minutes: array[float], year: Span, start: int, end: int, litres_per_hour: float) -> None:
    per_minute = litres_per_hour / 60
    first, last = (start - year.start) // MINUTE, (end - year.start) // MINUTE
    if first == last:
        minutes[first] += per_minute * (end - start) / MINUTE
        return
    minutes[first] += per_minute * (year.start + (first + 1) * MINUTE - start) / MINUTE
    for minute in range(first + 1, last):
        minutes[minute] += per_minute
    if last < len(minutes):
        minutes[last] += per_minute * (end - year.start - last * MINUTE) / MINUTE
