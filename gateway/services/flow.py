"""Water that runs without a pause, found in the index of one meter alone.

Between two uses nothing runs in a home for minutes, and at night for hours. A leak has no such pause. For each flow of
LIMIT_H the watch knows since when no window was calmer. That is odd once it lasts longer than is said there, and longer than this
home is used to at this hour: a garden is watered for an hour each evening, and a burst runs on.
"""

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from math import gcd

DAY_S = 86_400
# Litres an hour, and how many hours without a pause are odd in a home whose habits are not known: docs/leaks.md.
LIMIT_H = {2: 36.0, 5: 30.0, 10: 24.0, 25: 16.0, 50: 10.0, 100: 6.0, 250: 0.8, 500: 0.71, 1000: 0.71}
# Of a meter that is heard seldom it is longer, by half the time between two readings an hour, and by so much at most.
SELDOM_S_MAX = 900
# Whatever it is used to, so many are odd.
MOST_H = {2: 96.0, 5: 48.0, 10: 36.0, 25: 30.0, 50: 24.0, 100: 12.0, 250: 8.0, 500: 8.0, 1000: 8.0}
# A window is calm where less than this part of the flow ran in it: a meter counts too little of what hardly flows.
CALM, CALM_BURST = 0.4, 0.6
BURST_L_PER_H = 100
WINDOW_S_MIN = 570
# A meter that counts too coarsely for a flow would need a longer window: that flow is not watched.
WINDOW_S_MAX = 2 * 3600
# Of what happened between two readings further apart only the sum is known.
GAP_S = 2 * 3600
# Nor is it known, over a longer one, whether what runs after it is what ran before: it begins anew, where it was not odd yet.
LONG_GAP_S = 12 * 3600
KEPT_S = 2 * DAY_S
# What was said to drip is over after a while so many times as long in which hardly anything ran: below what a meter counts
# well, a drip is now and then calm by the litre.
CLEAR_FLOW_L_PER_H_MAX = 25
CLEAR_WINDOWS, CLEAR = 2, 0.5
# A habit is what ended by itself in the last so many days, begun within so many hours of this time of day.
HABIT_S = 60 * DAY_S
HABIT_AROUND_S = 3 * 3600
HABIT_FACTOR = 1.6
HABITS_MAX = 500
# A leak's size is the least that ran in half an hour, or in as long as four of the meter's steps take at 10 L/h.
LEAST_WINDOW_S = 1800
LEAST_STEPS = 360 * 4


@dataclass(slots=True)
class Run:
    """Since when at least one flow has been running: no window was calmer since `since`; `heard_s` of it were heard."""

    flow: int
    window_s: int = WINDOW_S_MIN
    since: int = 0
    heard_s: int = 0
    odd: bool = False
    first: int = 0  # the reading with which the window begins that the last one ends
    habits: deque[tuple[int, int, int]] = field(default_factory=lambda: deque(maxlen=HABITS_MAX))  # since, end, heard_s

    @property
    def calm_l_per_h(self) -> float:
        return self.flow * (CALM_BURST if self.flow >= BURST_L_PER_H else CALM)

    @property
    def watched(self) -> bool:
        return self.window_s <= WINDOW_S_MAX

    def usual_s(self) -> int:
        """The longest that this home is used to at the hour at which this run began."""
        while self.habits and self.habits[0][1] < self.since - HABIT_S:
            self.habits.popleft()
        return max((heard_s for since, _, heard_s in self.habits if _near(since, self.since)), default=0)

    def limit_s(self, interval_s: int) -> float:
        """How long is odd for this run, of a meter that is heard each `interval_s`."""
        limit_s = LIMIT_H[self.flow] * (3600 + min(interval_s / 2, SELDOM_S_MAX))
        seldom_s = max(0, interval_s - WINDOW_S_MIN)  # by so much the habit may have lasted longer than was heard
        return max(limit_s, min(HABIT_FACTOR * self.usual_s() + seldom_s, 3600 * MOST_H[self.flow]))


class Flow:
    """The watch over one meter: fed with its readings in order, in its own steps; two days of them are held."""

    def __init__(self, step_l: float) -> None:
        """`step_l`: litres of one step, the meter's own power of ten."""
        self.step_l = step_l
        self.at: list[int] = []
        self.steps: list[int] = []
        self.quantum = 0  # steps: all that was ever counted is a multiple of it
        self.runs = [Run(flow) for flow in LIMIT_H]

    def hear(self, at: int, steps: int) -> None:
        """A reading later than the ones before; `steps` goes on over an exchange of the meter."""
        if self.at and at - self.at[-1] < WINDOW_S_MIN // 2:
            return
        self.at.append(at)
        self.steps.append(steps)
        if len(self.at) < 2:
            for run in self.runs:
                run.since = at
            return
        more, gone_s = steps - self.steps[-2], at - self.at[-2]
        if more > 0 and (quantum := gcd(self.quantum, more)) != self.quantum:
            self._count_in(quantum)
        for run in self.runs:
            if run.watched:
                self._look(run, gone_s)
        if self.at[0] < at - 2 * KEPT_S:
            self._forget(at - KEPT_S)

    def odd(self) -> list[Run]:
        """The runs that are odd now."""
        return [run for run in self.runs if run.odd]

    @property
    def interval_s(self) -> int:
        """How far the last readings are apart, usually; 0 before the second."""
        last = self.at[-25:]
        return sorted(b - a for a, b in pairwise(last))[(len(last) - 1) // 2] if len(last) > 1 else 0

    def least(self, since: int) -> float:
        """Litres an hour that ran at least in any while since then: what a leak gives when nobody takes water."""
        while_s = max(LEAST_WINDOW_S, int(LEAST_STEPS * self.quantum * self.step_l))
        first = begin = min(bisect_left(self.at, since), max(0, len(self.at) - 2))
        found = []
        for last in range(begin + 1, len(self.at)):
            while first + 1 < last and self.at[last] - self.at[first + 1] >= while_s:
                first += 1
            if self.at[last] - self.at[first] >= while_s:
                found.append(self._mean(first, last))
        return min(found, default=self._mean(begin, len(self.at) - 1))

    def _mean(self, first: int, last: int) -> float:
        gone_s = self.at[last] - self.at[first]
        return (self.steps[last] - self.steps[first]) * self.step_l * 3600 / gone_s if gone_s else 0.0

    def _count_in(self, quantum: int) -> None:
        self.quantum = quantum
        for run in self.runs:
            enough_s = int(quantum * self.step_l * 3600 / (run.flow - run.calm_l_per_h))
            run.window_s = max(WINDOW_S_MIN, enough_s)

    def _look(self, run: Run, gone_s: int) -> None:
        at = self.at
        last, first = len(at) - 1, run.first
        while first + 1 < last and at[last] - at[first + 1] >= run.window_s:
            first += 1
        run.first = first
        window_s = at[last] - at[first]
        calm = window_s >= run.window_s and self._mean(first, last) < run.calm_l_per_h
        if calm and (not run.odd or self._is_clear(run)):
            if run.heard_s >= 900 * LIMIT_H[run.flow]:
                run.habits.append((run.since, at[last], run.heard_s))
            run.since, run.heard_s, run.odd = at[last], 0, False
        elif gone_s <= GAP_S:
            run.heard_s += gone_s
            run.odd = run.odd or self._is_odd(run, gone_s)
        elif gone_s > LONG_GAP_S and not run.odd:
            run.since, run.heard_s, run.first = at[last], 0, last

    def _is_odd(self, run: Run, gone_s: int) -> bool:
        if run.heard_s <= 2 * gone_s - 60:
            return False
        return run.heard_s >= 3600 * LIMIT_H[run.flow] and run.heard_s >= run.limit_s(self.interval_s)

    def _is_clear(self, run: Run) -> bool:
        """Whether what was odd is over, where a window was calm."""
        if run.flow >= CLEAR_FLOW_L_PER_H_MAX:
            return True
        first = bisect_left(self.at, self.at[-1] - CLEAR_WINDOWS * run.window_s + 1) - 1
        return first >= 0 and self._mean(first, len(self.at) - 1) < CLEAR * run.calm_l_per_h

    def _forget(self, before: int) -> None:
        count = next(number for number, at in enumerate(self.at) if at >= before)
        count = min([count, *(run.first for run in self.runs if run.watched)])
        del self.at[:count], self.steps[:count]
        for run in self.runs:
            run.first = max(0, run.first - count)


def _near(one: int, other: int) -> bool:
    apart_s = (one - other) % DAY_S
    return min(apart_s, DAY_S - apart_s) <= HABIT_AROUND_S
