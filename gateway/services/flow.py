"""Water that runs without a pause, found in the index of one meter alone.

Between two uses nothing runs in a home for minutes, and at night for hours. A leak has no such pause. For each flow in
FLOWS the watch knows since when no window was calmer; the larger the flow, the sooner that is odd.
"""

from dataclasses import dataclass
from math import gcd

FLOWS = (2, 5, 10, 25, 50, 100, 250, 500, 1000)  # litres an hour
# A window is calm where less than this part of the flow ran in it.
CALM = 0.6
WINDOW_S_MIN = 600
# A meter that counts too coarsely for a flow would need a longer window: that flow is not watched.
WINDOW_S_MAX = 12 * 3600
# Of what happened between two readings further apart only the sum is known.
GAP_S = 2 * 3600
KEPT_S = 2 * 86_400


@dataclass(slots=True)
class Run:
    """Since when at least one flow has been running: no window was calmer since `since`; `heard_s` of it were heard."""

    flow: int
    window_s: int = WINDOW_S_MIN
    since: int = 0
    heard_s: int = 0
    first: int = 0  # the reading with which the window begins that the last one ends


class Flow:
    """The watch over one meter: fed with its readings in order, in its own steps; two days of them are held."""

    def __init__(self, step_l: float) -> None:
        """`step_l`: litres of one step, the meter's own power of ten."""
        self.step_l = step_l
        self.at: list[int] = []
        self.steps: list[int] = []
        self.quantum = 0  # steps: all that was ever counted is a multiple of it
        self.runs = [Run(flow) for flow in FLOWS]

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
            self._look(run, gone_s)
        if self.at[0] < at - 2 * KEPT_S:
            self._forget(at - KEPT_S)

    def _count_in(self, quantum: int) -> None:
        self.quantum = quantum
        for run in self.runs:
            enough_s = int(quantum * self.step_l * 3600 / ((1 - CALM) * run.flow))
            run.window_s = max(WINDOW_S_MIN - 30, enough_s)

    def _look(self, run: Run, gone_s: int) -> None:
        at, steps = self.at, self.steps
        last, first = len(at) - 1, run.first
        while first + 1 < last and at[last] - at[first + 1] >= run.window_s:
            first += 1
        run.first = first
        window_s = at[last] - at[first]
        if window_s >= run.window_s and (steps[last] - steps[first]) * self.step_l * 3600 < CALM * run.flow * window_s:
            run.since, run.heard_s = at[last], 0
        elif gone_s <= GAP_S:
            run.heard_s += gone_s

    def _forget(self, before: int) -> None:
        count = next(number for number, at in enumerate(self.at) if at >= before)
        count = min(count, *(run.first for run in self.runs))
        del self.at[:count], self.steps[:count]
        for run in self.runs:
            run.first -= count
