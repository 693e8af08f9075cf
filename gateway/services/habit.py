"""Over-use against a home's own habit: what the last days took, beside what such days usually take here.

A day is compared with days like it: of work or off, and as cold outside where a thermometer says so. What lasts, and is more
than the weeks of this home differ by, is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from math import gcd
from operator import mul
from statistics import fmean, median

from drivers.model import Medium, Quantity
from gateway.services.model import Finding, Service

DAY_S = 86_400
# Of a medium and a quantity: what the grounds call its unit, and how much more a day is worth a word, in that unit.
UNITS = {
    (Medium.ELECTRICITY, Quantity.ENERGY): ("electricity_wh", 1000.0),
    (Medium.GAS, Quantity.VOLUME): ("gas_l", 150.0),
    (Medium.GAS, Quantity.ENERGY): ("gas_wh", 1500.0),
    (Medium.HEAT, Quantity.ENERGY): ("heat_wh", 1500.0),
    (Medium.HEAT, Quantity.ENERGY_JOULE): ("heat_j", 5.4e6),
    (Medium.WATER, Quantity.VOLUME): ("water_l", 60.0),
    (Medium.HOT_WATER, Quantity.VOLUME): ("hot_water_l", 60.0),
}
# More than usual by a quarter, unless its owner says otherwise; by as much again as usual it is much more.
LEAST_SHARE, MUCH_SHARE = 0.25, 1.0
MORE, MUCH_MORE = "more", "much more"
RANKS = {MORE: 0, MUCH_MORE: 1}
# Of what is said, the middle of the mean excess: a day above it is one that took more.
HALF = 0.5
# Habit: of five weeks at least. The level is that of the last four weeks, or of the eight before, whichever is higher: after
# holidays it is the older one. Without a thermometer that of the same weeks a year ago counts, too.
PAST_DAYS_MIN, PAST_DAYS_MAX = 28, 400
LEVEL_DAYS, LEVEL_DAYS_MIN, OLDER_DAYS = 28, 14, 56
YEAR_DAYS, SEASON_DAYS = 365, 14
# What weeks like these differ by: that of the middle one, and the oddest but one.
SPREADS, TOP, DAY_SPREADS = 2.7, 1.1, 1.5
MAD_TO_SIGMA = 1.4826
ALIKE, ALIKE_MIN, YOUNG = 2.0, 8, 1.5
# On days colder than one of these something more is taken for each degree; known only where enough cold and mild ones were seen.
BASES_C = (12.0, 14.0, 16.0, 18.0)
COLD_C, SEEN_DAYS_MIN = 2.0, 14
# So many degrees a thermometer may err by, or what is heated begin sooner or later.
ERR_C = 1.5
# Weather that was never seen so far is not judged: so much colder, where the heating is known by so many days; warmer than that.
FURTHER_C, FURTHER_DAYS, HOTTER_C, MILD_C, HOT_C = 3.0, 60, 1.0, 17.0, 20.0
FIT_ROUNDS, CUT_SPREADS = 3, 4.0
# Without a thermometer and in the first year: days grow colder, and what heats is not known. Day of the year, both included.
COLDER_FROM, COLDER_UNTIL = 227, 20
# Over once three days are back at half of what is odd; after so many days it is a habit.
OVER_DAYS, HABIT_DAYS = 3, 28


@dataclass(frozen=True, slots=True)
class Span:
    """So many days are looked at: how many of them must be known and odd, and how odd.

    `share` times as much more as its owner wants to be told of, and `oddness` times as much as such spans differ by.
    """

    days: int
    known: int
    odd: int
    share: float
    oddness: float


WEEK = Span(7, 5, 4, 1.0, 1.0)
SPANS = (WEEK, Span(3, 3, 3, 2.5, 2.0), Span(14, 11, 9, 0.7, 1.1))
LONGEST_DAYS = max(span.days for span in SPANS)


@dataclass(frozen=True, slots=True)
class Day:
    """One local day of 23, 24 or 25 hours: `start` and `end` in UTC seconds.

    `taken` is in the metering point's unit, None where not all of it is known; `degrees_c` the mean outside, None where no
    thermometer says it. `is_off`: most people do not work. `is_feast`: nobody wonders that it takes more.
    """

    start: int
    end: int
    is_off: bool
    taken: float | None
    degrees_c: float | None = None
    is_feast: bool = False

    @property
    def per_day(self) -> float:
        """As if it had 24 hours."""
        assert self.taken is not None
        return self.taken * DAY_S / (self.end - self.start)


def find(
    point: str,
    unit: str,
    floor: float,
    days: Sequence[Day],
    told: Finding | None,
    least: float = LEAST_SHARE,
    *,
    heats: bool = True,
) -> Finding | None:
    """What the last days took more than usual, or None. `days` follow each other, the last one is yesterday.

    Less than `floor` a day more is not worth a word; `unit` names the grounds. `told` is what goes on by what was told
    before: it stays as it was while yesterday is not known, and ends once days are as usual, or when it is a habit itself.
    `heats`: when it is cold, it may take more.
    """
    days = days[-PAST_DAYS_MAX:]
    days = _comparable(days) if heats else _without_weather(days)
    if not days or days[-1].taken is None:
        return told
    if told is not None:
        return _going_on(point, unit, floor, days, told, least)
    habit = _Habit.of(days, len(days) - LONGEST_DAYS)
    if habit is None or (heats and not habit.knows_season(days[-1])):
        return None
    return next((found for span in SPANS if (found := _begun(point, unit, floor, days, habit, span, least))), None)


def _comparable(days: Sequence[Day]) -> Sequence[Day]:
    """Days of which the weather is known, or, where a thermometer says too little, all without it.

    What is built of stone is as warm today as yesterday's weather made it: a day's is the mean of both.
    """
    degrees = [day.degrees_c for day in days]
    weather = [
        today if today is None or before is None else (before + today) / 2
        for before, today in pairwise([None, *degrees])
    ]
    known = [day.taken is not None and degrees_c is not None for day, degrees_c in zip(days, weather, strict=True)]
    last = weather[-WEEK.days :]
    if sum(known[: -WEEK.days]) < PAST_DAYS_MIN or len(last) - last.count(None) < WEEK.known:
        return _without_weather(days)
    return [
        Day(day.start, day.end, day.is_off, day.taken if is_known else None, degrees_c, day.is_feast)
        for day, degrees_c, is_known in zip(days, weather, known, strict=True)
    ]


def _without_weather(days: Sequence[Day]) -> Sequence[Day]:
    return [day if day.degrees_c is None else replace(day, degrees_c=None) for day in days]


def _begun(
    point: str, unit: str, floor: float, days: Sequence[Day], habit: "_Habit", span: Span, least: float
) -> Finding | None:
    last = [day for day in days[-span.days :] if day.taken is not None and not day.is_feast]
    if len(last) < span.known:
        return None
    usual = habit.usual(last)
    more = fmean(day.per_day for day in last) - usual
    limit = max(least * usual, floor, ERR_C * habit.fit.per_c) * span.share
    if more < limit or more * len(last) < 2 * habit.step or not habit.knows(last):
        return None
    limit = max(limit, habit.odd(span, usual) * span.oddness)
    if more < limit:
        return None
    odd = [day for day in last if habit.more(day) > HALF * more]
    if len(odd) < span.odd or odd[-1] is not last[-1]:
        return None
    return _finding(point, unit, habit, odd[0].start, last, limit)


def _going_on(point: str, unit: str, floor: float, days: Sequence[Day], told: Finding, least: float) -> Finding | None:
    begin = next((number for number, day in enumerate(days) if day.start >= told.since), len(days))
    habit = _Habit.of(days, begin)
    since = [day for day in days[begin:] if day.taken is not None]
    if habit is None or not since or len(days) - begin > HABIT_DAYS:
        return None
    lately = since[-OVER_DAYS:]
    back = max(least * habit.usual(lately), floor, ERR_C * habit.fit.per_c) * HALF
    if fmean(habit.more(day) for day in lately) < back:
        return None
    return _finding(point, unit, habit, told.since, since, told.grounds.get(f"limit_{unit}_per_day", 0.0))


def _finding(point: str, unit: str, habit: "_Habit", since: int, last: Sequence[Day], limit: float) -> Finding:
    usual, taken = habit.usual(last), fmean(day.per_day for day in last)
    kind = MUCH_MORE if taken >= (1 + MUCH_SHARE) * usual else MORE
    grounds = {
        f"{unit}_per_day": taken,
        f"usual_{unit}_per_day": usual,
        f"limit_{unit}_per_day": limit,
        "days": float(len(last)),
        "past_days": float(len(habit.known)),
    }
    if habit.fit.base_c is not None:
        grounds["degrees_c"] = fmean(day.degrees_c for day in last if day.degrees_c is not None)
        grounds[f"{unit}_per_degree"] = habit.fit.per_c
    return Finding(Service.HABIT, point, kind, since, grounds, RANKS[kind], last[-1].end)


@dataclass(frozen=True, slots=True)
class _Fit:
    """What a day takes beyond the level: for being off, and for each degree below `base_c`."""

    off: float
    per_c: float = 0.0
    base_c: float | None = None  # None: the weather is not known, or does not count

    def beyond(self, day: Day) -> float:
        return self.off * day.is_off + self.per_c * _cold(day, self.base_c)


class _Habit:
    """What the days before some day say of those that come."""

    def __init__(self, days: Sequence[Day], begin: int, known: Sequence[int]) -> None:
        self.known = known
        self._days, self._begin = days, begin
        self.fit = _fitted([days[number] for number in known])
        self._rest = {number: days[number].per_day - self.fit.beyond(days[number]) for number in known}
        level = self._level(begin)
        assert level is not None
        self._now = level

    @classmethod
    def of(cls, days: Sequence[Day], begin: int) -> "_Habit | None":
        """None where too little is known."""
        known = [number for number, day in enumerate(days[: max(0, begin)]) if day.taken is not None]
        if len(known) < PAST_DAYS_MIN or sum(number >= begin - LEVEL_DAYS for number in known) < LEVEL_DAYS_MIN:
            return None
        return cls(days, begin, known)

    def usual(self, days: Sequence[Day]) -> float:
        return max(0.0, self._now + fmean(self.fit.beyond(day) for day in days))

    @property
    def step(self) -> int:
        """All that was ever counted is a multiple of it."""
        return gcd(*(round(self._days[number].taken or 0) for number in self.known))

    def more(self, day: Day) -> float:
        return day.per_day - self.usual([day])

    def knows(self, last: Sequence[Day]) -> bool:
        """Whether such weather was seen before, where it is known."""
        degrees = [day.degrees_c for day in last if day.degrees_c is not None]
        if not degrees:
            return True
        seen = [
            fmean(week)
            for first in range(0, len(self.known) - 6, 3)
            if (week := [self._days[each].degrees_c or 0.0 for each in self.known[first : first + 7]])
        ]
        now = fmean(degrees)
        cold = sum(_cold(self._days[each], self.fit.base_c) > COLD_C for each in self.known)
        further = FURTHER_C if cold >= FURTHER_DAYS else 0.0
        return (now >= min(seen) - further or now >= MILD_C) and (now <= max(seen) + HOTTER_C or now <= HOT_C)

    def odd(self, span: Span, usual: float) -> float:
        """How much more than usual is odd, by what such spans of the past took more."""
        found = []
        for end in range(self._begin, LEVEL_DAYS, -max(4, span.days)):
            some = [number for number in range(end - span.days, end) if number in self._rest]
            level = self._level(end - span.days)
            if len(some) >= span.known and level is not None:
                beyond = fmean(self.fit.beyond(self._days[number]) for number in some)
                found.append((level + beyond, fmean(self._rest[number] for number in some) - level))
        alike = [more for amount, more in found if usual / ALIKE <= amount <= usual * ALIKE]
        if len(alike) >= ALIKE_MIN:
            return _odd(alike, sorted(alike)[-2])
        spread = MAD_TO_SIGMA * median(abs(self._rest[each] - self._now) for each in self.known[-OLDER_DAYS:])
        all_ = [more for _, more in found]
        return YOUNG * max(DAY_SPREADS * spread, _odd(all_, max(all_)) if all_ else 0.0)

    def knows_season(self, last: Day) -> bool:
        """Whether, without a thermometer, such a season was seen before, or days do not grow colder in it."""
        if last.degrees_c is not None or not _grows_colder(last.start):
            return True
        year_ago = self._begin - YEAR_DAYS
        return self._usually(year_ago - SEASON_DAYS, year_ago + SEASON_DAYS) is not None

    def _level(self, at: int) -> float | None:
        """Before the day `at`."""
        spans = [(at - LEVEL_DAYS, at), (at - LEVEL_DAYS - OLDER_DAYS, at - LEVEL_DAYS)]
        if self.fit.base_c is None:
            spans.append((at - YEAR_DAYS - SEASON_DAYS, at - YEAR_DAYS + SEASON_DAYS))
        found = [level for each in spans if (level := self._usually(*each)) is not None]
        return max(found, default=None)

    def _usually(self, first: int, last: int) -> float | None:
        """Of some days the middle or the mean, whichever is higher: weeks of nobody count for little, a car's charges do."""
        some = [self._rest[number] for number in range(first, last) if number in self._rest]
        return max(median(some), fmean(some)) if len(some) >= LEVEL_DAYS_MIN else None


def _odd(weeks: Sequence[float], top: float) -> float:
    middle = median(weeks)
    return max(SPREADS * MAD_TO_SIGMA * median(abs(each - middle) for each in weeks), TOP * top)


def _grows_colder(at: int) -> bool:
    day = datetime.fromtimestamp(at, UTC).timetuple().tm_yday
    return day >= COLDER_FROM or day <= COLDER_UNTIL


def _cold(day: Day, base_c: float | None) -> float:
    return 0.0 if base_c is None or day.degrees_c is None else max(0.0, base_c - day.degrees_c)


# The fit


def _fitted(days: Sequence[Day]) -> _Fit:
    """By least squares, in which days that differ most count less and less."""
    per_day = [day.taken * DAY_S / (day.end - day.start) for day in days if day.taken is not None]
    off = [float(day.is_off) for day in days]
    degrees = [day.degrees_c for day in days if day.degrees_c is not None]
    best: tuple[float, float, list[float]] | None = None
    for base_c in BASES_C if degrees else ():
        cold = [base_c - each if each < base_c else 0.0 for each in degrees]
        if min(sum(each > COLD_C for each in cold), cold.count(0.0)) >= SEEN_DAYS_MIN:
            _, spread = _fit_for([off, cold], per_day, rounds=1)
            best = min(best or (spread, base_c, cold), (spread, base_c, cold))
    if best is not None:
        _, base_c, cold = best
        (off_factor, per_c), _ = _fit_for([off, cold], per_day)
        if per_c > 0:
            return _Fit(off_factor, per_c, base_c)
    (off_factor,), _ = _fit_for([off], per_day)
    return _Fit(off_factor)


def _fit_for(
    columns: Sequence[Sequence[float]], wanted: Sequence[float], rounds: int = FIT_ROUNDS
) -> tuple[list[float], float]:
    """A factor a column, beside a level; and the median of what the days differ from that by."""
    columns = [[1.0] * len(wanted), *columns]
    weights = counted = columns[0]
    if len(columns) > 2:
        counted = columns[2]
    found, spread = [0.0] * len(columns), 0.0
    for _ in range(rounds):
        found = _solved(columns, wanted, weights)
        rest = _rest(wanted, columns, found)
        # Days without heating are all alike, and would make each one with it odd.
        spread = median([abs(each) for each, counts in zip(rest, counted, strict=True) if counts])
        cut = CUT_SPREADS * MAD_TO_SIGMA * spread
        if cut <= 0:
            break
        weights = [(1 - (each / cut) ** 2) ** 2 if -cut < each < cut else 0.0 for each in rest]
    return found[1:], spread


def _rest(wanted: Sequence[float], columns: Sequence[Sequence[float]], factors: Sequence[float]) -> list[float]:
    rest = list(wanted)
    for factor, column in zip(factors, columns, strict=True):
        if factor:
            rest = [each - factor * one for each, one in zip(rest, column, strict=True)]
    return rest


def _solved(columns: Sequence[Sequence[float]], wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The factors of the columns whose sum is nearest to what is wanted, by Gauss's elimination; 0 where nothing says one."""
    rows = []
    for one in columns:
        weighted = list(map(mul, one, weights))
        rows.append([sum(map(mul, weighted, other)) for other in (*columns, wanted)])
    size = len(rows)
    for pivot in range(size):
        if abs(rows[pivot][pivot]) < 1e-9:
            rows[pivot] = [float(number == pivot) for number in range(size)] + [0.0]
        for number in range(size):
            if number != pivot:
                factor = rows[number][pivot] / rows[pivot][pivot]
                rows[number] = [a - factor * b for a, b in zip(rows[number], rows[pivot], strict=True)]
    return [rows[number][size] / rows[number][number] for number in range(size)]
