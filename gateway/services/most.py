"""Of a meter that is heard each hour or each day: whether one of them took far more than any of the last two months."""

from collections import deque
from dataclasses import dataclass
from math import gcd

from gateway.services.model import Finding, Service

HOUR_S = 3600
DAY_S = 86_400
KNOWN_S = 10 * DAY_S
PAST_S = 60 * DAY_S
# Less than a burst that runs on may be, and a person who watches it fill a pool knows: one that runs on without a pause is worse.
RANK = 2
# As far as a meter can be wrong by its step, at both ends.
MORE_STEPS = 2


@dataclass(frozen=True, slots=True)
class While:
    """What is compared: litres of readings about `unit_s` apart.

    Far more is `share` times the most of the past, by `more_l` more than it, and `least_l` in all.
    """

    kind: str
    unit_s: int
    gap_s_min: int
    gap_s_max: int
    share: float
    more_l: float
    least_l: float


# Of the homes 1000 to 1499 of bench/homes.py, all heard so: an hour found 35 of 92 bursts at their first reading, and cost 0.16 false
# alarms a home a year beside pools and forgotten taps; a day 67, and 0.04.
HOUR = While("hour", HOUR_S, 2700, 2 * HOUR_S, 1.75, 0, 300)
DAY = While("day", DAY_S, DAY_S // 2, 2 * DAY_S, 1.25, 400, 0)


class Most:
    """The watch over one meter; fed with all its readings in order."""

    def __init__(self, step_l: float, while_: While) -> None:
        """`step_l`: litres of one step of the index."""
        self._step_l = step_l
        self._while = while_
        self._last: tuple[int, int] | None = None
        self._quantum = 0  # steps: all that was ever counted is a multiple of it
        self._known_s = 0
        self._close_s = 0  # for so long it was heard more often than that since the last while
        # When, and litres: of the last PAST_S those that were followed by no larger one, so the largest is the first.
        self._past: deque[tuple[int, float]] = deque()
        self._far_more: list[tuple[int, float]] = []
        self._since = self._gap_s = 0
        self._most_l = 0.0

    def hear(self, at: int, steps: int) -> None:
        """A reading (UTC seconds); `steps` goes on over an exchange of the meter. One that is not later is passed over."""
        if self._last is None or at <= self._last[0]:
            self._last = self._last or (at, steps)
            return
        since, before = self._last
        self._last = at, steps
        gap_s = at - since
        if steps > before:
            self._quantum = gcd(self._quantum, steps - before)
        if gap_s < self._while.gap_s_min:
            self._close_s += gap_s
            if self._close_s > self._while.unit_s:
                self._forget()
            return
        self._close_s = 0
        if gap_s > KNOWN_S:
            self._forget()
        if gap_s > self._while.gap_s_max:
            self._over()
            return
        # Of a longer while the mean: as much as it took at least in one that was as long as the others.
        litres = max(0.0, (steps - before) * self._step_l * min(1.0, self._while.unit_s / gap_s))
        most_l = self._most(at)
        if self._known_s >= KNOWN_S and litres >= self._limit(most_l):
            if not self._far_more:
                self._since = since
            self._far_more.append((at, litres))
            self._gap_s, self._most_l = gap_s, most_l
        else:
            self._over()
            self._remember(at, litres)
        self._known_s += gap_s

    def find(self, point: str, least_l_per_h: float) -> Finding | None:
        """What the last reading says; where what is too much makes so many litres an hour."""
        if not self._far_more:
            return None
        at, litres = self._far_more[-1]
        if (litres - self._most_l) * HOUR_S < least_l_per_h * self._while.unit_s:
            return None
        grounds = {"litres": litres, "most_l": self._most_l, "interval_s": float(self._gap_s)}
        return Finding(Service.LEAK, point, self._while.kind, self._since, grounds, RANK, at)

    def _limit(self, most_l: float) -> float:
        steps_l = MORE_STEPS * self._quantum * self._step_l
        return max(self._while.share * most_l + self._while.more_l, self._while.least_l, most_l + steps_l)

    def _most(self, at: int) -> float:
        while self._past and self._past[0][0] < at - PAST_S:
            self._past.popleft()
        return self._past[0][1] if self._past else 0.0

    def _over(self) -> None:
        """What took far more is past, and the home is known to take it."""
        for at, litres in self._far_more:
            self._remember(at, litres)
        self._far_more.clear()

    def _remember(self, at: int, litres: float) -> None:
        while self._past and self._past[-1][1] <= litres:
            self._past.pop()
        self._past.append((at, litres))

    def _forget(self) -> None:
        self._past.clear()
        self._far_more.clear()
        self._known_s = 0
