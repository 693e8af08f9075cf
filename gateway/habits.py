"""What each day took at each metering point, and how cold it was, as the habit service asks (gateway/services/habit.py)."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from statistics import fmean
from typing import Protocol
from zoneinfo import ZoneInfo

from drivers.model import Medium, Quantity
from gateway.model import SeriesKey
from gateway.services import habit
from gateway.services.days_off import is_feast, is_off
from gateway.services.habit import Day
from gateway.services.model import Finding
from gateway.store import Store, StoreError
from gateway.views import PointState, PointView

log = logging.getLogger(__name__)

# Settings. More than usual by so many per cent is told; NEVER is none of it. And the series of a thermometer outside.
LEAST_MORE, OUTSIDE = "least over-use", "outside thermometer"
NEVER = 0
PERCENTS = frozenset({15, 25, 50, 100, NEVER})
# The store answers nobody else while it reads so much; what was read stays in memory but for the last days: some come late.
PIECE_DAYS, LATE_DAYS = 40, 8
# It is known no sooner that there is another metering point, or that yesterday is whole.
PACE_S = 3600
# What was read of yesterday is waited for so long.
WAIT_S = 6 * 3600
# A meter that is heard more seldom says nothing of a day, and a water meter's leaks are looked for by the day then.
PACE_S_MAX = 26 * 3600
WATER_PACE_S_MAX = 12 * 3600
# What a thermometer outside can mean.
PLAUSIBLE_C = (-40.0, 50.0)
WATER = frozenset({Medium.WATER, Medium.HOT_WATER})
# Local hours in which a home sleeps, and how many nights say what is usual.
NIGHT_H = (2, 5)
NIGHTS, USUAL_NIGHTS = 7, 28

Asked = tuple[date, int, SeriesKey | None]  # the day on which it is looked, the least, and the thermometer
Found = tuple[list[Finding], set[str]]
# Of metering points from when to when water leaked (UTC seconds); None: it still does.
Leaks = Mapping[str, tuple[int, int | None]]


class Catalog(Protocol):
    """Where settings are kept."""

    def setting(self, name: str) -> object | None: ...


class House(Protocol):
    """What is needed of a house."""

    zone: ZoneInfo

    @property
    def catalog(self) -> Catalog: ...
    @property
    def store(self) -> Store: ...
    def points(self) -> tuple[PointView, ...]: ...
    def series(self, point_id: str) -> tuple[SeriesKey, ...]: ...
    def history_start(self, point_id: str) -> int | None: ...
    async def consumption(self, point_id: str, bounds: Sequence[int]) -> list[Decimal | None]: ...


class Habits:
    """It looks at a metering point once a day, after midnight. Methods are called in the event loop, but for `changed`."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._taken: dict[str, dict[date, float | None]] = {}
        self._outside: dict[date, float | None] = {}
        self._outside_of: SeriesKey | None = None
        self._looked: dict[str, Asked] = {}  # what it was looked at for last
        self._found: dict[str, Finding | None] = {}
        self._changed: set[SeriesKey] = set()
        self._due: object = None
        self._looked_at = 0
        self._answer: Found = [], set()

    def changed(self, keys: Collection[SeriesKey]) -> None:
        """Of these series the past is another one than it was: it is looked at anew. In any thread."""
        self._changed.update(keys)

    async def find(self, told: Mapping[str, Finding], leaks: Leaks, now: int) -> Found:
        """All over-use, and the metering points of which nobody knows now.

        `told` is what goes on, by its metering point. Where water leaks that is said, and no over-use; nor is it once that is
        over, by the days on which it did.
        """
        self._forget()
        least, outside = least_more(self._house.catalog), outside_thermometer(self._house.catalog)
        today = datetime.fromtimestamp(now, UTC).astimezone(self._house.zone).date()
        asked = today, least, outside
        due = asked, frozenset(point for point, (_, over_at) in leaks.items() if over_at is None)
        if due != self._due or not 0 <= now - self._looked_at < PACE_S or self._changed:
            self._answer = await self._find(told, leaks, asked, now)
            self._due, self._looked_at = due, now
        found, unknown = self._answer
        # Of what was erased meanwhile nobody knows.
        erased = {key.point for key in self._changed}
        unknown = unknown | {each.point for each in found if erased and self._stands(each.point) & erased}
        return [each for each in found if each.point not in unknown], unknown

    async def _find(self, told: Mapping[str, Finding], leaks: Leaks, asked: Asked, now: int) -> Found:
        today, least, _ = asked
        views = {view.point.id: view for view in self._house.points() if self._is_judged(view)}
        for gone in self._looked.keys() - views.keys():
            self._drop(gone)
        if least == NEVER:
            return [], set()
        unknown = set()
        for point, view in views.items():
            leaked = leaks.get(point) if view.point.medium in WATER else None
            if leaked is not None and leaked[1] is None:
                self._drop(point)
            elif self._looked.get(point) != asked:
                try:
                    if await self._is_in(view, today, now):
                        self._found[point] = await self._look(view, told.get(point), asked, leaked)
                        self._looked[point] = asked
                        continue
                except StoreError as error:
                    log.warning("over-use: the card does not say all of %s: %s", point, error)
                unknown.add(point)
        found = [each for each in self._found.values() if each is not None]
        # What goes on and of which yesterday says nothing stays as it was told.
        unknown |= {each.point for each in found if each is told.get(each.point)}
        return found, unknown

    def _drop(self, point: str) -> None:
        for known in (self._taken, self._looked, self._found):
            known.pop(point, None)

    def _forget(self) -> None:
        changed = set()
        while self._changed:  # one at a time: others come meanwhile, from another thread
            changed.add(self._changed.pop())
        if not changed:
            return
        if self._outside_of in changed:
            self._outside.clear()
            self._looked.clear()
        for point in list(self._looked):
            if self._stands(point) & {key.point for key in changed}:
                self._drop(point)
        self._due = None

    def _stands(self, point: str) -> set[str]:
        return {key.point for key in self._house.series(point)}

    def _is_judged(self, view: PointView) -> bool:
        if _unit(view) is None or view.produces or not view.index_series:
            return False
        if view.state is PointState.LET_GO:
            return False
        pace_s = self._house.store.pace_s(view.index_series[-1]) or view.interval_s or 0
        return pace_s <= (WATER_PACE_S_MAX if view.point.medium in WATER else PACE_S_MAX)

    async def _is_in(self, view: PointView, today: date, now: int) -> bool:
        """Whether all of yesterday was read, or is not waited for any more."""
        midnight = self._midnight(today)
        (taken,) = await self._house.consumption(view.point.id, [self._midnight(today - timedelta(1)), midnight])
        return taken is not None or now - midnight > WAIT_S

    async def _look(
        self, view: PointView, told: Finding | None, asked: Asked, leaked: tuple[int, int | None] | None
    ) -> Finding | None:
        today, least, outside = asked
        said_in = _unit(view)
        assert said_in is not None
        (unit, floor), point, zone = said_in, view.point.id, self._house.zone
        taken = await self._days_taken(point, today)
        degrees = await self._days_outside(outside, today)
        days = []
        for day, amount in sorted(taken.items()):
            start, end = self._midnight(day), self._midnight(day + timedelta(1))
            known = None if leaked and leaked[0] < end and start <= (leaked[1] or start) else amount
            days.append(Day(start, end, is_off(day, zone.key), known, degrees.get(day), is_feast(day, zone.key)))
        found = habit.find(point, unit, floor, days, told, least / 100, heats=view.point.medium not in WATER)
        if found is None or found is told or view.point.medium is not Medium.ELECTRICITY:
            return found
        return replace(found, grounds={**found.grounds, **await self._nights(point, found.since, today)})

    async def _days_taken(self, point: str, today: date) -> dict[date, float | None]:
        start = self._house.history_start(point)
        if start is None:
            return {}
        known = self._taken.setdefault(point, {})
        first = today - timedelta(habit.PAST_DAYS_MAX)
        begun = datetime.fromtimestamp(start, UTC).astimezone(self._house.zone).date()
        for day in [day for day in known if day < first]:
            del known[day]
        at = max(first, begun, max(known, default=first) - timedelta(LATE_DAYS - 1))
        while at < today:
            until = min(at + timedelta(PIECE_DAYS), today)
            asked = [at + timedelta(number) for number in range((until - at).days + 1)]
            amounts = await self._house.consumption(point, [self._midnight(day) for day in asked])
            known.update(
                (day, None if amount is None else float(amount)) for day, amount in zip(asked, amounts, strict=False)
            )
            at = until
        return known

    async def _days_outside(self, key: SeriesKey | None, today: date) -> dict[date, float | None]:
        """Of each day the mean of its quarters, where each one has a temperature: some thermometers speak by day alone."""
        if key != self._outside_of:
            self._outside, self._outside_of = {}, key
        known, store, zone = self._outside, self._house.store, self._house.zone
        yesterday, first = today - timedelta(1), today - timedelta(habit.PAST_DAYS_MAX)
        if key is None or yesterday in known:
            return known
        for day in [day for day in known if day < first]:
            del known[day]
        at = max(first, max(known, default=first) - timedelta(LATE_DAYS - 1))
        while at < today:
            until = min(at + timedelta(PIECE_DAYS), today)
            start, end = self._midnight(at), self._midnight(until)
            said = await store.run(store.curve, key, start, end, (end - start) // 3600)
            quarters: dict[tuple[date, int], list[float]] = {}
            means, exponent = ([], 0) if said is None else (list(zip(said.at, said.mean, strict=True)), said.exponent)
            for when, mean in means:
                degrees_c = mean * 10.0**exponent
                if PLAUSIBLE_C[0] <= degrees_c <= PLAUSIBLE_C[1]:
                    local = datetime.fromtimestamp(when, UTC).astimezone(zone)
                    quarters.setdefault((local.date(), local.hour // 6), []).append(degrees_c)
            for day in (at + timedelta(number) for number in range((until - at).days)):
                some = [fmean(quarters[day, number]) for number in range(4) if (day, number) in quarters]
                known[day] = fmean(some) if len(some) == 4 else None
            at = until
        return known

    async def _nights(self, point: str, since: int, today: date) -> dict[str, float]:
        """The mean power while the home sleeps, these nights and before, in W; nothing where it is not known."""
        began = datetime.fromtimestamp(since, UTC).astimezone(self._house.zone).date()
        found = {}
        for name, last, nights in (("night_w", today, NIGHTS), ("usual_night_w", began, USUAL_NIGHTS)):
            first = max(began, last - timedelta(nights)) if name == "night_w" else last - timedelta(nights)
            bounds = [
                self._midnight(first + timedelta(number), hour)
                for number in range((last - first).days)
                for hour in NIGHT_H
            ]
            amounts = (await self._house.consumption(point, bounds))[::2] if bounds else []
            hours = NIGHT_H[1] - NIGHT_H[0]
            some = [float(amount) / hours for amount in amounts if amount is not None]
            if 2 * len(some) > (last - first).days:
                found[name] = fmean(some)
        return found if len(found) == 2 else {}

    def _midnight(self, day: date, hour: int = 0) -> int:
        return _local(self._house.zone, day, hour)


@lru_cache(maxsize=4096)  # all meters of a house have the same days
def _local(zone: ZoneInfo, day: date, hour: int) -> int:
    return int(datetime.combine(day, time(hour), zone).timestamp())


def _unit(view: PointView) -> tuple[str, float] | None:
    return None if view.quantity is None else habit.UNITS.get((view.point.medium, view.quantity))


def least_more(catalog: Catalog) -> int:
    """Per cent more than usual: from so much on it is told; NEVER where its owner wants none told."""
    kept = catalog.setting(LEAST_MORE)
    return kept if isinstance(kept, int) and kept in PERCENTS else round(habit.LEAST_SHARE * 100)


def outside_thermometer(catalog: Catalog) -> SeriesKey | None:
    """The series that its owner says is outside."""
    kept = catalog.setting(OUTSIDE)
    try:
        return SeriesKey.parse(kept) if isinstance(kept, str) else None
    except ValueError:
        return None


def thermometers(house: House) -> list[tuple[PointView, SeriesKey]]:
    """All temperatures of metering points that stand here."""
    levels = {info.key for info in house.store.series() if info.quantity is Quantity.TEMPERATURE}
    return [(view, key) for view in house.points() for key in house.series(view.point.id) if key in levels]
