"""The leak service on made-up homes (bench/homes.py), a year each: what it finds, how soon, and what it says wrongly.

Made and judged anew by this command; the service was tuned on homes 1000 to 1499 and is judged on 0 to 499. A leak counts
where its meter can show it: one that begins to count above the leak's flow cannot, nor can one that stood still or was
not heard in the two days after. A story is of a leak where at least half of the time that it speaks of lies in the leak, and
it says no more than three times its flow; all others are false, also those of a garden while a tap drips.
"""

import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from statistics import median

from bench import homes
from bench.homes import Home
from bench.household.leaks import Kind, Leak
from bench.household.year import DAY, HOUR
from gateway.services import leak

COUNT = 500
FIRST_S = 2 * DAY
HEARD = {600: "every 10 minutes", HOUR: "every hour", DAY: "every day"}
# The dial goes back by more than water does that flows back: another meter.
EXCHANGED_L = 50
SIZE_FACTOR = 3


@dataclass(frozen=True)
class Raised:
    """A story: when it was raised, since when the service says that it runs, and how much, in L/h (None of days)."""

    at: int
    since: int
    l_per_h: float | None


@dataclass(frozen=True)
class Judged:
    """What became of one home."""

    number: int
    interval_s: int
    leaks: tuple[tuple[Leak, bool], ...]  # and whether the meter could show it in the first two days
    counted: tuple[Leak, ...]  # those that the meter counts at all
    stories: tuple[Raised, ...]
    cpu_s: float


def judge(number: int) -> Judged:
    home = homes.home(number)
    began = time.process_time()
    stories = tuple(watch(home))
    cpu_s = time.process_time() - began
    leaks = tuple((each, shows(home, each)) for each in home.leaks)
    counted = tuple(each for each in home.leaks if counts(home, each))
    return Judged(number, home.meter.interval_s, leaks, counted, stories, cpu_s)


def watch(home: Home) -> Iterator[Raised]:
    """What the service raises, as its readings come; what begins again within a day after it was over is the same story."""
    watch = leak.Leak("eau", home.resolution_l)
    before, counted_on, over_at, goes_on = 0, 0, -DAY, False
    for at, steps in zip(*home.readings(), strict=True):
        if before - steps > EXCHANGED_L / home.resolution_l:
            counted_on += before - steps
        before = steps
        watch.hear(at, steps + counted_on)
        found = watch.find()
        if found is not None and not goes_on and found.since - over_at >= DAY:
            yield Raised(at, found.since, found.grounds.get("l_per_h"))
        if found is None and goes_on:
            over_at = at
        goes_on = found is not None


def shows(home: Home, leak_: Leak) -> bool:
    """Whether its meter, as it was heard, could show it at all."""
    troubles = home.troubles
    still = any(
        each.start < leak_.start + FIRST_S and each.end > leak_.start for each in (*troubles.gaps, *troubles.stuck)
    )
    return counts(home, leak_) and not still


def counts(home: Home, leak_: Leak) -> bool:
    return leak_.litres_per_hour > home.meter.start_lph


def found(leak_: Leak, stories: Sequence[Raised]) -> list[Raised]:
    """The stories that are of this leak; one is what it should be."""
    return [each for each in stories if is_of(each, leak_)]


def is_of(story: Raised, leak_: Leak) -> bool:
    leaked_s = min(story.at, leak_.end) - max(story.since, leak_.start)
    size = story.l_per_h is None or story.l_per_h <= SIZE_FACTOR * leak_.litres_per_hour
    return size and story.at < leak_.end + DAY and 0 < leaked_s >= (story.at - story.since) / 2


def name(leak_: Leak) -> str:
    return "burst" if leak_.kind is Kind.BURST else f"{leak_.kind}, {leak_.litres_per_hour:.0f} L/h"


def table(judged: Sequence[Judged]) -> Iterator[str]:
    yield "| heard | leak | of them shown by the meter | within 1 h | 2 h | 48 h | 7 days | ever | median | size, median error | told again |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for interval_s, heard in HEARD.items():
        rows: dict[str, list[tuple[Leak, list[Raised]]]] = defaultdict(list)
        count: dict[str, int] = defaultdict(int)
        for one in judged:
            if one.interval_s == interval_s:
                for leak_, shown in one.leaks:
                    count[name(leak_)] += 1
                    if shown:
                        rows[name(leak_)].append((leak_, found(leak_, one.stories)))
        for kind, pairs in sorted(rows.items()):
            late = [raised[0].at - leak_.start for leak_, raised in pairs if raised]
            again = sum(len(raised) > 1 for _, raised in pairs)
            within = " | ".join(
                str(sum(each <= bound for each in late)) for bound in (HOUR, 2 * HOUR, 2 * DAY, 7 * DAY)
            )
            sizes = [
                abs(raised[0].l_per_h / leak_.litres_per_hour - 1)
                for leak_, raised in pairs
                if raised and raised[0].l_per_h is not None
            ]
            wrong = f"{median(sizes):.0%}" if sizes else "-"
            middle = f"{median(late) / HOUR:.1f} h" if late else "-"
            yield f"| {heard} | {kind} | {len(pairs)} of {count[kind]} | {within} | {len(late)} | {middle} | {wrong} | {again} |"


def alarms(judged: Sequence[Judged]) -> Iterator[str]:
    yield "| heard | homes | false alarms a home a year | homes with none | most in one home | CPU a home's year |"
    yield "|---|---|---|---|---|---|"
    for interval_s, heard in HEARD.items():
        some = [one for one in judged if one.interval_s == interval_s]
        false = [sum(not any(is_of(raised, leak_) for leak_ in one.counted) for raised in one.stories) for one in some]
        cpu_s = median(one.cpu_s for one in some)
        yield (
            f"| {heard} | {len(some)} | {sum(false) / len(some):.2f} | {sum(not each for each in false)} | {max(false)} "
            f"| {cpu_s:.2f} s |"
        )


def main() -> None:
    first, count = (int(each) for each in sys.argv[1:3]) if len(sys.argv) > 2 else (0, COUNT)
    with ProcessPoolExecutor(os.cpu_count()) as workers:
        judged = list(workers.map(judge, range(first, first + count), chunksize=4))
    sys.stdout.write("\n".join([*table(judged), "", *alarms(judged)]) + "\n")


if __name__ == "__main__":
    main()
