"""The habit service on made-up homes (bench/energy.py), two years each: which over-uses it finds, how soon, and what it says wrongly.

Made and judged anew by this command; the service was tuned on homes 1000 to 1119 and is judged on 0 to 139. It looks once a
day, first with the thermometer outside, then without. A story is of an over-use where it is of its meter, raised while
that lasts or within two days after, and begun no earlier than a week before it. One that is raised within four weeks after something
changed for ever (a car, a baby) is of a change; all others are false: guests, a cold spell, a machine that runs a while.
"""

import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial

from bench import energy
from bench.energy import Carrier, Home, Kind, Label
from drivers.model import Medium, Quantity
from gateway.services import habit
from gateway.services.model import Finding

COUNT = 140
FIRST_YEAR = 366
SAME_S = 86_400
CHANGE_DAYS, EARLY_DAYS, LATE_DAYS = 28, 7, 2
WITHIN = (3, 7, 14, 30)
UNITS = {
    Carrier.ELECTRICITY: habit.UNITS[Medium.ELECTRICITY, Quantity.ENERGY],
    Carrier.GAS: habit.UNITS[Medium.GAS, Quantity.VOLUME],
    Carrier.HEAT: habit.UNITS[Medium.HEAT, Quantity.ENERGY],
}


@dataclass(frozen=True)
class Raised:
    """A story: of which meter, the number of the day after which it was raised, and that of its beginning."""

    carrier: Carrier
    at: int
    since: int


@dataclass(frozen=True)
class Judged:
    over: tuple[Label, ...]
    changes: tuple[tuple[Carrier, int], ...]
    stories: tuple[Raised, ...]
    heated_by: Carrier | None
    meters: tuple[Carrier, ...]
    looks: int
    cpu_s: float


def judge(number: int, *, weather: bool) -> Judged:
    home = energy.home(number)
    began = time.process_time()
    stories = tuple(raised for carrier in home.taken for raised in watch(home, carrier, weather=weather))
    cpu_s = time.process_time() - began
    looks = len(home.days) * len(home.taken)
    return Judged(home.over, home.changes, stories, home.heated_by, tuple(home.taken), looks, cpu_s)


def watch(home: Home, carrier: Carrier, *, weather: bool) -> Iterator[Raised]:
    """What the service raises, a look a day; what begins again within a day after it was over is the same story."""
    days = [
        habit.Day(day.start, day.end, day.free, taken, outside if weather else None, _is_feast(day.date))
        for day, taken, outside in zip(home.days, home.taken[carrier], home.outside_c, strict=True)
    ]
    starts = {day.start: number for number, day in enumerate(days)}
    told: Finding | None = None
    over_at = -SAME_S
    for number in range(1, len(days) + 1):
        found = habit.find("meter", *UNITS[carrier], days[max(0, number - 400) : number], told)
        if found is not None and told is None and found.since - over_at >= SAME_S:
            yield Raised(carrier, number, starts[found.since])
        if found is None and told is not None:
            over_at = days[number - 1].end
        told = found


def _is_feast(day: date) -> bool:
    return (day.month, day.day) >= (12, 22) or (day.month, day.day) <= (1, 2)


def is_of(story: Raised, label: Label) -> bool:
    during = label.first < story.at <= label.last + LATE_DAYS
    return story.carrier is label.carrier and during and story.since >= label.first - EARLY_DAYS


def is_of_change(story: Raised, changes: Sequence[tuple[Carrier, int]]) -> bool:
    return any(carrier is story.carrier and first <= story.at <= first + CHANGE_DAYS for carrier, first in changes)


def table(judged: Sequence[Judged], how: str) -> Iterator[str]:
    rows: dict[Kind, list[int | None]] = defaultdict(list)
    again: dict[Kind, int] = defaultdict(int)
    for one in judged:
        for label in one.over:
            of_it = [story.at - label.first for story in one.stories if is_of(story, label)]
            rows[label.kind].append(min(of_it, default=None))
            again[label.kind] += len(of_it) > 1
    for kind in Kind:
        late = [each for each in rows[kind] if each is not None]
        within = " | ".join(str(sum(each <= bound for each in late)) for bound in WITHIN)
        yield f"| {how} | {kind} | {len(rows[kind])} | {within} | {len(late)} | {again[kind]} |"


def alarms(judged: Sequence[Judged], how: str) -> Iterator[str]:
    for year in (0, 1):
        for heats in (True, False):
            some = [one for one in judged if (one.heated_by is Carrier.ELECTRICITY) is heats]
            of_year = [[story for story in one.stories if (story.at > FIRST_YEAR) is bool(year)] for one in some]
            changes = [
                sum(is_of_change(story, one.changes) and not _is_found(story, one) for story in stories)
                for one, stories in zip(some, of_year, strict=True)
            ]
            false = [
                sum(not _is_found(story, one) and not is_of_change(story, one.changes) for story in stories)
                for one, stories in zip(some, of_year, strict=True)
            ]
            home = "heated by electricity" if heats else "the others"
            yield (
                f"| {how} | {'second' if year else 'first'} | {home}, {len(some)} | {sum(false) / len(some):.2f} "
                f"| {sum(not each for each in false)} | {max(false)} | {sum(changes)} |"
            )


def _is_found(story: Raised, one: Judged) -> bool:
    return any(is_of(story, label) for label in one.over)


def main() -> None:
    first, count = (int(each) for each in sys.argv[1:3]) if len(sys.argv) > 2 else (0, COUNT)
    found: list[str] = []
    false: list[str] = []
    cost = 0.0
    with ProcessPoolExecutor(os.cpu_count()) as workers:
        for weather in (True, False):
            how = "thermometer" if weather else "none"
            judged = list(workers.map(partial(judge, weather=weather), range(first, first + count), chunksize=4))
            found += table(judged, how)
            false += alarms(judged, how)
            cost = max(cost, sum(one.cpu_s for one in judged) / sum(one.looks for one in judged))
    within = " | ".join(f"{bound} days" for bound in WITHIN)
    lines = [
        f"| outside | over-use | of them | within {within} | ever | told again |",
        "|---" * (5 + len(WITHIN)) + "|",
        *found,
        "",
        "| outside | year of the box | homes | false stories a home a year | homes with none | most in one home | stories of changes |",
        "|---" * 7 + "|",
        *false,
        "",
        f"A look at one meter: {cost * 1e3:.1f} ms of processor.",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
