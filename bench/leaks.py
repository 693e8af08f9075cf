"""The leak service on made-up homes (bench/homes.py), a year each: what it finds, how soon, and what it says wrongly.

Made and judged anew by this command; the service was tuned on homes 1000 to 1499 and is judged on 0 to 499. A leak counts
where its meter can show it: one that begins to count above the leak's flow cannot, nor can one that stood still or was
not heard in the two days after. A story is of a leak where at least half of the time that it speaks of lies in the leak, and
it says no more than three times its flow; one that speaks of the litres of an hour or a day, where at least half of them are
the leak's. All others are false, also those of a garden while a tap drips.

Every eighth of the homes that are heard each ten minutes is heard each minute, and each 16 s, too: rows of their own.
"""

from __future__ import annotations

import os
import sys
import time
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from statistics import median

from bench import homes
from bench.homes import Home
from bench.household.leaks import Kind, Leak
from bench.household.year import DAY, HOUR, MINUTE
from gateway.services import leak, most

COUNT = 500
FIRST_S = 2 * DAY
HEARD = {600: "every 10 minutes", HOUR: "every hour", DAY: "every day", 60: "every minute", 16: "every 16 s"}
FAST_S = (60, 16)
FAST_EACH = 8
# As the box keeps them: an index that stands still is kept so often.
STILL_S = 600
AMOUNTS = (most.HOUR.kind, most.DAY.kind)
# The dial goes back by more than water does that flows back: another meter.
EXCHANGED_L = 50
SIZE_FACTOR = 3


@dataclass(frozen=True)
class Raised:
    """A story: when it was raised, since when the service says that it runs, and how much, in L/h (None of days).

    `leak_share`: of the litres that it speaks of, those that leaked; None where it speaks of how long water ran.
    """

    at: int
    since: int
    l_per_h: float | None
    leak_share: float | None = None


@dataclass(frozen=True)
class Judged:
    """What became of one home."""

    number: int
    interval_s: int
    leaks: tuple[
        tuple[Leak, bool, int], ...
    ]  # whether the meter could show it in the first two days, and its first reading
    counted: tuple[Leak, ...]  # those that the meter counts at all
    stories: tuple[Raised, ...]
    cpu_s: float


def judge(number: int, interval_s: int | None = None) -> Judged | None:
    """`interval_s`: a home that is heard each ten minutes is heard so often instead; None for another home."""
    home = homes.home(number)
    if interval_s is not None:
        if home.meter.interval_s != STILL_S:
            return None
        fast = replace(home.meter, interval_s=interval_s, phase_s=home.meter.phase_s % interval_s)
        home = replace(home, meter=fast)
    ats, steps = kept(*home.readings())
    began = time.process_time()
    stories = tuple(watch(home, ats, steps))
    cpu_s = time.process_time() - began
    leaks = tuple((each, shows(home, each), first(ats, each)) for each in home.leaks)
    counted = tuple(each for each in home.leaks if counts(home, each))
    return Judged(number, home.meter.interval_s, leaks, counted, stories, cpu_s)


def kept(ats: array[int], steps: array[int]) -> tuple[array[int], array[int]]:
    """Readings as the box keeps them: those that differ from the one before, or are STILL_S later."""
    if len(ats) < 2 or ats[1] - ats[0] >= STILL_S // 2:
        return ats, steps
    found = array("q"), array("q")
    for at, step in zip(ats, steps, strict=True):
        if not found[0] or step != found[1][-1] or at - found[0][-1] >= STILL_S:
            found[0].append(at)
            found[1].append(step)
    return found


def first(ats: array[int], leak_: Leak) -> int:
    """When the meter was heard first after a leak had begun; its end where it was not."""
    number = bisect_left(ats, leak_.start + 1)
    return min(ats[number], leak_.end) if number < len(ats) else leak_.end


def watch(home: Home, ats: Sequence[int], steps: Sequence[int]) -> Iterator[Raised]:
    """What the service raises, as its readings come; what begins again within a day after it was over is the same story."""
    watch = leak.Leak("eau", home.resolution_l)
    before, counted_on, over_at, goes_on = 0, 0, -DAY, False
    for at, step in zip(ats, steps, strict=True):
        if before - step > EXCHANGED_L / home.resolution_l:
            counted_on += before - step
        before = step
        watch.hear(at, step + counted_on)
        found = watch.find()
        if found is not None and not goes_on and found.since - over_at >= DAY:
            share = leak_share(home, found.since, at) if found.kind in AMOUNTS else None
            yield Raised(at, found.since, found.grounds.get("l_per_h"), share)
        if found is None and goes_on:
            over_at = at
        goes_on = found is not None


def leak_share(home: Home, start: int, end: int) -> float:
    """Of the litres that passed between two times (UTC seconds), those that leaked."""
    minutes = slice((max(start, home.year.start) - home.year.start) // MINUTE, (end - home.year.start) // MINUTE)
    leaked = sum(home.leaking[minutes])
    return leaked / (leaked + sum(home.use[minutes]) or 1)


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
    if not leaked_s > 0 or story.at >= leak_.end + DAY:
        return False
    if story.leak_share is not None:
        return story.leak_share >= 1 / 2
    size = story.l_per_h is None or story.l_per_h <= SIZE_FACTOR * leak_.litres_per_hour
    return size and leaked_s >= (story.at - story.since) / 2


def name(leak_: Leak) -> str:
    return "burst" if leak_.kind is Kind.BURST else f"{leak_.kind}, {leak_.litres_per_hour:.0f} L/h"


def table(judged: Sequence[Judged]) -> Iterator[str]:
    yield "| heard | leak | of them shown by the meter | at its first reading | within 1 h | 2 h | 48 h | 7 days | ever | median | size, median error | told again |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|---|"
    for interval_s, heard in HEARD.items():
        rows: dict[str, list[tuple[Leak, int, list[Raised]]]] = defaultdict(list)
        count: dict[str, int] = defaultdict(int)
        for one in judged:
            if one.interval_s == interval_s:
                for leak_, shown, first_at in one.leaks:
                    count[name(leak_)] += 1
                    if shown:
                        rows[name(leak_)].append((leak_, first_at, found(leak_, one.stories)))
        for kind, pairs in sorted(rows.items()):
            late = [raised[0].at - leak_.start for leak_, _, raised in pairs if raised]
            at_once = sum(raised[0].at <= first_at for _, first_at, raised in pairs if raised)
            again = sum(len(raised) > 1 for *_, raised in pairs)
            within = " | ".join(
                str(sum(each <= bound for each in late)) for bound in (HOUR, 2 * HOUR, 2 * DAY, 7 * DAY)
            )
            sizes = [
                abs(raised[0].l_per_h / leak_.litres_per_hour - 1)
                for leak_, _, raised in pairs
                if raised and raised[0].l_per_h is not None
            ]
            wrong = f"{median(sizes):.0%}" if sizes else "-"
            middle = f"{median(late) / HOUR:.1f} h" if late else "-"
            yield f"| {heard} | {kind} | {len(pairs)} of {count[kind]} | {at_once} | {within} | {len(late)} | {middle} | {wrong} | {again} |"


def alarms(judged: Sequence[Judged]) -> Iterator[str]:
    yield "| heard | homes | false alarms a home a year | homes with none | most in one home | CPU a home's year |"
    yield "|---|---|---|---|---|---|"
    fast = {one.number for one in judged if one.interval_s in FAST_S}
    rows = {heard: [one for one in judged if one.interval_s == each] for each, heard in HEARD.items()}
    rows["every 10 minutes, these homes"] = [one for one in rows[HEARD[600]] if one.number in fast]
    for heard, some in rows.items():
        if not some:
            continue
        false = [sum(not any(is_of(raised, leak_) for leak_ in one.counted) for raised in one.stories) for one in some]
        cpu_s = median(one.cpu_s for one in some)
        yield (
            f"| {heard} | {len(some)} | {sum(false) / len(some):.2f} | {sum(not each for each in false)} | {max(false)} "
            f"| {cpu_s:.2f} s |"
        )


def main() -> None:
    begin, count = (int(each) for each in sys.argv[1:3]) if len(sys.argv) > 2 else (0, COUNT)
    with ProcessPoolExecutor(os.cpu_count()) as workers:
        numbers = range(begin, begin + count)
        some = [workers.submit(judge, number) for number in numbers]
        some += [
            workers.submit(judge, number, each) for each in FAST_S for number in numbers if number % FAST_EACH == 0
        ]
        judged = [one for each in some if (one := each.result()) is not None]
    sys.stdout.write("\n".join([*table(judged), "", *alarms(judged)]) + "\n")


if __name__ == "__main__":
    main()
