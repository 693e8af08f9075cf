"""Water while nobody is at home, on made-up homes (bench/homes.py), a year each: what is told, and what is told wrongly.

Each time that everybody is away for a night or more, they say so as they leave. What runs then is a neighbour's watering, a
softener, a garden that waters itself, or a leak: all of it is to be told. An event is wrong where less than 4 L ran between the
times that it names. To be found are hours of 10 L or more; not those that the meter stood still for, nor where a
reading before it or after it is of when somebody was there.
"""

import os
import sys
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from statistics import median

from bench import homes
from bench.homes import Home
from bench.household.year import DAY, HOUR, Span
from bench.leaks import EXCHANGED_L, HEARD
from gateway.absence import LEAST_USED_L_DEFAULT, LEAVING_S
from gateway.services.absence import Used

COUNT = 200
NIGHT_S = 12 * HOUR
WRONG_L, SURE_L = 4.0, 10.0
# Hours that are looked for lie so far apart that no event holds two.
APART_S = 2 * DAY


@dataclass
class Told:
    """An event as it was told last: between which times, and how many litres."""

    since: int
    last_at: int
    used_l: float


@dataclass(frozen=True)
class Judged:
    """What became of one home: days away, events with what truly ran in them, hours to be found and those that were."""

    interval_s: int
    days: float
    events: tuple[tuple[float, float], ...]
    hours: int
    seen: int  # by its meter and readings
    found: int


def judge(number: int) -> Judged:
    home = homes.home(number)
    ats, _ = home.readings()
    spans = [span for span in home.away if span.end - span.start > NIGHT_S]
    told = list(watch(home, spans))
    hours = [(at, span) for span in spans for at in used_hours(home, span)]
    seen = [at for at, span in hours if is_seen(ats, at, span) and not any(at in each for each in home.troubles.stuck)]
    found = [at for at in seen if any(each.since < at + HOUR and each.last_at > at - DAY for each in told)]
    return Judged(
        home.meter.interval_s,
        sum(span.end - span.start for span in spans) / DAY,
        tuple((each.used_l, home.truth(each.since, each.last_at)) for each in told),
        len(hours),
        len(seen),
        len(found),
    )


def watch(home: Home, spans: Sequence[Span]) -> Iterator[Told]:
    """What the service tells, as its readings come."""
    used = Used("eau", home.resolution_l)
    before, counted_on, away, told = 0, 0, None, None
    for at, steps in zip(*home.readings(), strict=True):
        if before - steps > EXCHANGED_L / home.resolution_l:
            counted_on += before - steps
        before = steps
        span = next((each for each in spans if at in each), None)
        if span != away:
            away = span
            used.watch(None if span is None else span.start + LEAVING_S, LEAST_USED_L_DEFAULT)
        used.hear(at, steps + counted_on)
        finding = used.find()
        if told is not None and (finding is None or finding.since != told.since):
            yield told
            told = None
        if finding is not None:
            told = Told(finding.since, int(finding.grounds["last_at"]), finding.grounds["used_l"])
    if told is not None:
        yield told


def used_hours(home: Home, span: Span) -> Iterator[int]:
    """When an hour began in which more ran than hands take."""
    at, last = span.start + LEAVING_S, 0
    while at + HOUR < span.end:
        if at - last > APART_S and home.truth(at, at + HOUR) >= SURE_L:
            last = at
            yield at
        at += HOUR


def is_seen(ats: Sequence[int], at: int, span: Span) -> bool:
    """Whether its meter was heard before this hour and after it, while nobody was there."""
    first, last = bisect_left(ats, span.start + LEAVING_S), bisect_left(ats, at + HOUR)
    return first < len(ats) and ats[first] <= at and last < len(ats) and ats[last] < span.end


def table(judged: Sequence[Judged]) -> Iterator[str]:
    yield "| heard | homes | days away | events told | of them wrong | litres, median error | hours of 10 L or more | that could be seen | found |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for interval_s, heard in HEARD.items():
        some = [one for one in judged if one.interval_s == interval_s]
        events = [each for one in some for each in one.events]
        wrong = sum(litres < WRONG_L for _, litres in events)
        error = median(abs(used_l - litres) / max(litres, 1.0) for used_l, litres in events)
        yield (
            f"| {heard} | {len(some)} | {sum(one.days for one in some):.0f} | {len(events)} | {wrong} | {error:.1%} "
            f"| {sum(one.hours for one in some)} | {sum(one.seen for one in some)} | {sum(one.found for one in some)} |"
        )


def main() -> None:
    first, count = (int(each) for each in sys.argv[1:3]) if len(sys.argv) > 2 else (0, COUNT)
    with ProcessPoolExecutor(os.cpu_count()) as workers:
        judged = list(workers.map(judge, range(first, first + count), chunksize=4))
    sys.stdout.write("\n".join(table(judged)) + "\n")


if __name__ == "__main__":
    main()
