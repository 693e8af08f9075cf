"""Water that runs though nobody is at home: of one meter, whatever it takes beyond a few litres within hours."""

from collections import deque
from math import gcd

from gateway.services.model import Finding, Service

USED = "used"
# Worse than a leak that is no hurry, and than one that was known; a burst says more.
RANK = 2
DAY_S = 86_400
# So much within this time is a use. What runs more slowly is a drip, and the leak service's.
WINDOW_S = 3 * 3600
# A meter that counts too coarsely for that is given the time in which so slow a flow makes the steps that are needed.
WINDOW_S_MAX = DAY_S
# One step may be a drop that was left over from before: this many are water that ran.
STEPS_MIN = 2
# How coarse a meter counts is known by what all its changes are multiples of, from so many changes on.
CHANGES_MIN = 3
# What runs again sooner than this after it stopped is the same event; so long it is told, too. Longer, and another event
# of the next day would be the same story (gateway/alerts.py).
SAME_S = 6 * 3600
# After so long without any, it does not run any more.
STILL_S = 3600
# A leak that is known is no use: it counts so many times what it is said to run at least.
KNOWN_FACTOR = 1.5


class Used:
    """The watch over the water meter of one metering point while nobody is at home; fed with all its readings in order."""

    def __init__(self, point: str, step_l: float) -> None:
        """`step_l`: litres of one step of the index."""
        self.point = point
        self._step_l = step_l
        self._since: int | None = None
        self._least_l = 0.0
        self._last: tuple[int, int] | None = None
        self._quantum = 0  # steps: all that was ever counted is a multiple of it
        self._changes = 0
        self._forget()

    def watch(self, since: int | None, least_l: float) -> None:
        """From `since` on (UTC seconds) nobody is at home, and so many litres are told. None: somebody is."""
        if since != self._since:
            self._forget()
        self._since, self._least_l = since, least_l

    @property
    def is_told(self) -> bool:
        """Whether enough ran for it to be told, were it no leak."""
        return self._event is not None

    def _forget(self) -> None:
        self._lately: deque[tuple[int, int, int]] = deque()  # what ran lately: between two readings, so many steps
        self._event: _Event | None = None

    def hear(self, at: int, steps: int) -> None:
        """A reading (UTC seconds); `steps` goes on over an exchange of the meter. One that is not later is passed over."""
        if self._last is None or at <= self._last[0]:
            self._last = self._last or (at, steps)
            return
        start, before = self._last
        more = steps - before
        self._last = at, max(steps, before)
        if more <= 0:
            return
        self._quantum = gcd(self._quantum, more)
        self._changes += 1
        # Where nobody has been for months, there is the index alone: 12,350 is none of a meter that counts in hundreds.
        quantum = self._quantum if self._changes >= CHANGES_MIN else gcd(self._quantum, steps)
        # Of what lies between two readings nobody knows when it ran: some of it before they left.
        if self._since is None or start < self._since:
            return
        self._lately.append((start, at, more))
        while self._lately[0][0] < at - self._window_s(quantum) and len(self._lately) > 1:
            self._lately.popleft()
        ran = sum(each for _, _, each in self._lately)
        # Of a longer silence only the sum is known: a day of it may take as much.
        enough_l = self._least_l * max(1.0, (at - start) / DAY_S)
        if not self._least_l or ran * self._step_l < enough_l or ran < STEPS_MIN * quantum:
            return
        begun, first_heard, _ = self._lately[0]
        if self._event is None or begun - self._event.last_at > SAME_S:
            self._event = _Event(begun, first_heard - begun, steps - ran)
        self._event.last_at, self._event.steps = at, steps

    def find(self, known: Finding | None = None) -> Finding | None:
        """What ran, for as long as it is told; `known` is what the leak service finds here now, which it may be."""
        event, last = self._event, self._last
        if event is None or last is None or last[0] - event.last_at > SAME_S:
            return None
        used_l = (event.steps - event.before) * self._step_l
        if known is not None:  # and where that leak is over, what it gave was still no use
            event.leaked_l = max(event.leaked_l, _leaked_l(known, event))
        if event.leaked_l and used_l - event.leaked_l < self._least_l:
            return None
        grounds = {
            "used_l": used_l,
            "began_at": float(event.since),  # a story may have been open before
            "last_at": float(event.last_at),
            "runs": float(last[0] - event.last_at < STILL_S),
            "least_l": self._least_l,
            "interval_s": float(event.interval_s),
        }
        return Finding(Service.LEAK, self.point, USED, event.since, grounds, RANK, last[0])

    def _window_s(self, quantum: int) -> int:
        steps_l = STEPS_MIN * quantum * self._step_l
        return min(WINDOW_S_MAX, int(WINDOW_S * max(1.0, steps_l / self._least_l))) if self._least_l else WINDOW_S


class _Event:
    """Water ran between `since` and `last_at`, from the index `before` to `steps`; `interval_s`: how exactly `since` is known."""

    def __init__(self, since: int, interval_s: int, before: int) -> None:
        self.since = since
        self.interval_s = interval_s
        self.before = before
        self.last_at = since
        self.steps = before
        self.leaked_l = 0.0


def _leaked_l(leak: Finding, event: _Event) -> float:
    """What a leak that was found may have given in the time of an event; one that is told by the day has no flow."""
    since = max(leak.since, event.since)
    return KNOWN_FACTOR * leak.grounds.get("l_per_h", 0.0) * max(0, event.last_at - since) / 3600
