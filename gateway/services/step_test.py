"""Whether water runs while somebody watches: what the readings of one meter carry of it, and how long one must watch."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import ceil, gcd
from statistics import median

# What was heard last of a meter says how often it is heard.
INTERVALS = 25
# A meter that is heard more often than it counts anew says what it knew a while ago.
STALE_FACTOR = 1.5
# A tap that is just closed still gives a little, and the water in the pipe comes to rest.
REST_S = 20
# A leak at a valve comes in gulps: nothing stands still for a moment alone.
SPAN_S_MIN = 120
# Nor before half as much again as one step takes: a leak's size is known to about a third.
SURE = 1.5
# From the evening until the morning; longer than that nobody keeps the water closed.
WAIT_S_MAX = 12 * 3600

# When it was read (UTC seconds), and the index in steps of the series, rising in time.
Readings = Sequence[tuple[int, int]]


class Saw(StrEnum):
    """What was seen. Not yet: the readings carry neither of the others."""

    MOVED = "moved"
    STILL = "still"
    NOT_YET = "not-yet"


@dataclass(frozen=True, slots=True)
class Sight:
    """What a meter lets one see: litres of a step, seconds between two readings, and how old what it says may be."""

    step_l: float
    interval_s: float
    stale_s: float = 0.0

    @property
    def rest_s(self) -> float:
        """After a beginning, so long what is said may be of before it."""
        return max(self.stale_s, REST_S)

    def span_s(self, l_per_h: float) -> float:
        """Between the first reading and the last: so long a leak of this size does not hide."""
        return max(SPAN_S_MIN, self.stale_s + SURE * self.step_l / l_per_h * 3600)

    def wait_s(self, l_per_h: float) -> int:
        """How long one watches at most until it is known whether a leak of this size runs."""
        readings = ceil(max(1.0, self.span_s(l_per_h) / self.interval_s))
        return ceil(self.rest_s + self.interval_s + readings * self.interval_s)

    def sees(self, l_per_h: float) -> bool:
        """Whether somebody can wait for it."""
        return self.wait_s(l_per_h) <= WAIT_S_MAX


@dataclass(frozen=True, slots=True)
class Seen:
    """`steps` ran since the first reading that counts, the last of them at `moved_at`; None before there is one."""

    saw: Saw
    known_by: int  # UTC seconds: if nothing moves, it is known by then
    since: int | None = None
    steps: int | None = None
    moved_at: int | None = None


def sight(past: Readings, step_l: float, heard_each_s: float | None = None) -> Sight | None:
    """What a meter lets one see, by what it said these days; None where it has said too little.

    `step_l`: litres of a step of the series, which the meter need not count as finely; `heard_each_s`: what is known of
    it otherwise, since not every reading is kept.
    """
    apart = [later - earlier for (earlier, _), (later, _) in pairwise(past[-INTERVALS:])]
    interval_s = heard_each_s or (median(apart) if apart else None)
    if interval_s is None:
        return None
    quantum, moved = 0, []
    for (_, before), (at, after) in pairwise(past):
        if after > before:
            quantum = gcd(quantum, after - before)
            moved.append(at)
    fastest_s = min((later - earlier for earlier, later in pairwise(moved)), default=0)
    stale_s = fastest_s + interval_s if fastest_s > STALE_FACTOR * interval_s else 0
    return Sight(max(1, quantum) * step_l, interval_s, stale_s)


def look(readings: Readings, sight: Sight, begun_at: int, l_per_h: float) -> Seen:
    """What the readings since `begun_at` carry, of a leak of `l_per_h`; earlier ones are passed over.

    Once it stood still for long enough, it did: what runs later, when the water is opened again, takes nothing from that.
    """
    known_by = begun_at + sight.wait_s(l_per_h)
    span_s = sight.span_s(l_per_h)
    since = first = last = moved_at = None
    for at, steps in readings:
        if at < begun_at + sight.rest_s:
            continue
        if since is None or last is None or steps < last:  # the first; or another meter, and what ran nobody knows
            since, first, moved_at = at, steps, None
            known_by = max(known_by, at + ceil(span_s))
        elif steps > last:
            moved_at = at
        elif moved_at is None and at - since >= span_s:
            return Seen(Saw.STILL, known_by, since, 0)
        last = steps
    if first is None or last is None:
        return Seen(Saw.NOT_YET, known_by)
    return Seen(Saw.NOT_YET if moved_at is None else Saw.MOVED, known_by, since, last - first, moved_at)
