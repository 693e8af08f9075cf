"""A leak at one water meter: what runs without a pause, or, of a meter heard seldom, what took more than ever or usual."""

from collections import deque
from math import gcd
from statistics import median

from gateway.services.flow import DAY_S, Flow, Run
from gateway.services.model import Finding, Service
from gateway.services.most import DAY, HOUR, Most

# Litres an hour from which it is called so, and its rank. CIEau: a dripping tap up to 4, a toilet that runs 25 and more.
KINDS = ((250, "burst", 3), (60, "pipe", 2), (5, "toilet", 1), (0, "drip", 0))
# A size is about what it says.
ABOUT = 0.9
# A meter that is heard seldom: between two readings so far apart there is no looking for pauses.
APART_S = 12 * 3600
# Of what lies further apart than this, no day is known: a reading a month is no day, and none in four weeks is usual.
SELDOM_S = int(2.5 * DAY_S)
# One that is heard more often for so long is watched for pauses from now on, and what it said by the day is past.
CLOSE_S = 6 * 3600
USUAL_DAYS = 28
USUAL_DAYS_MIN = 10
# More than usual: so many days, each by so many times what days differ by, by this share of the usual, and by so many litres.
MORE = ((3, 5.0, 0.6, 200.0), (5, 1.7, 0.25, 80.0))
LEARNT_DAYS = 3
# And by what a day and the usual may lack of a step each.
MORE_STEPS = 2
MAD_TO_SIGMA = 1.4826


class Leak:
    """The watch over the water meter of one metering point; fed with all its readings in order."""

    def __init__(self, point: str, step_l: float) -> None:
        """`step_l`: litres of one step of the index."""
        self.point = point
        self._flow = Flow(step_l)
        self._days = _Days(step_l)
        self._most = [Most(step_l, HOUR), Most(step_l, DAY)]

    def hear(self, at: int, steps: int) -> None:
        """A reading (UTC seconds); `steps` goes on over an exchange of the meter. One that is not later is passed over."""
        self._flow.hear(at, steps)
        self._days.hear(at, steps)
        for most in self._most:
            most.hear(at, steps)

    @property
    def flow(self) -> Flow:
        """What it heard in the last two days."""
        return self._flow

    def find(self, least_l_per_h: float = 0) -> Finding | None:
        """What is wrong by the last reading; of leaks of about so much at least."""
        odd = self._flow.odd()
        running = self._running(odd[-1]) if odd else None
        most = [found for most in self._most if (found := most.find(self.point, least_l_per_h)) is not None]
        if running is None and not most:
            return self._days.find(self.point, least_l_per_h)
        if running is not None and running.grounds["l_per_h"] < ABOUT * least_l_per_h:
            running = None
        # Water that hardly runs is no reason to be silent of a burst.
        if running is None or (most and running.rank < most[0].rank):
            return most[0] if most else None
        return running

    def _running(self, run: Run) -> Finding:
        flow = self._flow
        at, interval_s = flow.at[-1], flow.interval_s
        l_per_h = max(flow.least(run.since), run.calm_l_per_h)
        kind, rank = next((kind, rank) for least, kind, rank in KINDS if l_per_h >= least)
        return Finding(
            Service.LEAK,
            self.point,
            kind,
            run.since,
            {
                "l_per_h": l_per_h,
                "lost_l": l_per_h * (at - run.since) / 3600,
                "hours": run.heard_s / 3600,
                "limit_h": run.limit_s(interval_s) / 3600,
                "usual_h": run.usual_s() / 3600,
                "interval_s": interval_s,
            },
            rank,
            at,
        )


class _Days:
    """Of a meter that is heard about once a day: whether it took more than usual for days."""

    def __init__(self, step_l: float) -> None:
        self._step_l = step_l
        self._last: tuple[int, int] | None = None
        self._interval_s = 0
        self._close_s = 0  # for so long it was heard more often than that since the last day
        self._quantum = 0  # steps: all that was ever counted is a multiple of it
        self._usual: deque[float] = deque(maxlen=USUAL_DAYS)
        self._more: list[tuple[int, float]] = []  # when it began, and litres a day
        self._said = False  # it is so odd that it is said, and goes on until a usual day

    def hear(self, at: int, steps: int) -> None:
        if self._last is None or at <= self._last[0]:
            self._last = self._last or (at, steps)
            return
        since, before = self._last
        self._last = at, steps
        if steps > before:
            self._quantum = gcd(self._quantum, steps - before)
        if at - since < APART_S:
            self._close_s += at - since
            if self._close_s > CLOSE_S:
                self._more.clear()
                self._said = False
                self._usual.clear()
            return
        self._close_s = 0
        self._interval_s = at - since
        l_per_day = (steps - before) * self._step_l * DAY_S / (at - since)
        if at - since > SELDOM_S and not (self._said and l_per_day > self._least()):
            self._more.clear()
            self._said = False
        elif len(self._usual) < USUAL_DAYS_MIN:
            self._usual.append(l_per_day)
        elif l_per_day > self._least():
            self._more += [(since, l_per_day)] * max(1, round((at - since) / DAY_S))
            self._said = self._said or any(self._took_more(*more) for more in MORE)
        else:
            self._usual.extend(each for _, each in self._more[:LEARNT_DAYS])  # it was a habit of days, and ended
            self._more.clear()
            self._said = False
            self._usual.append(l_per_day)

    def find(self, point: str, least_l_per_h: float) -> Finding | None:
        if not self._said:
            return None
        usual = median(self._usual)
        more = median(each for _, each in self._more)
        if more - usual < least_l_per_h * DAY_S / 3600:
            return None
        grounds = {
            "l_per_day": more,
            "usual_l_per_day": usual,
            "days": float(len(self._more)),
            "interval_s": float(self._interval_s),
        }
        return Finding(Service.LEAK, point, "days", self._more[0][0], grounds, at=self._last[0] if self._last else None)

    def _took_more(self, days: int, spread: float, share: float, more_l: float) -> bool:
        """Whether each of the last so many days did, by so much."""
        limit = self._limit(spread, share, more_l)
        return len(self._more) >= days and all(each > limit for _, each in self._more[-days:])

    def _least(self) -> float:
        """What is more than usual at all; days that nobody heard, too, after days that were said, keep these going."""
        return min(self._limit(*more) for _, *more in MORE)

    def _limit(self, spread: float, share: float, more_l: float) -> float:
        usual = median(self._usual)
        differs = MAD_TO_SIGMA * median(abs(each - usual) for each in self._usual)
        steps_l = MORE_STEPS * self._quantum * self._step_l
        return usual + max(spread * differs, share * usual, more_l, steps_l)
