"""Has the services look at what the house reads; what they find is told as stories (gateway/alerts.py)."""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from drivers.model import Medium, Quantity
from gateway import absence, freezing, habits, hearing
from gateway.absence import Absence
from gateway.alarm_bits import AlarmBits
from gateway.ledger import LedgerError
from gateway.model import SeriesKey
from gateway.services import same_water
from gateway.services.absence import Used
from gateway.services.flow import LIMIT_H
from gateway.services.leak import Leak
from gateway.services.model import Finding, Service, Story
from gateway.store import StoreError, offsets
from gateway.views import PointState, PointView

log = logging.getLogger(__name__)

LOOK_S = 300.0
# A setting: leaks of less, in L/h, are not told. None of those that the service looks for is by itself; NEVER is all of them.
LEAST_LEAK = "least leak"
NEVER = 0
# A home's habits are of so long: what is read again at a start.
PAST_S = 62 * 86_400
# The store answers nobody else while it reads so much.
PIECE_S = 7 * 86_400
# So often it is noted what of a use is a leak.
NOTED_S = 3600
# Nor does anybody in the event loop wait for longer than hearing so many takes: 2 ms, on a Pi some more.
HEARD_AT_A_TIME = 250
WATER = frozenset({Medium.WATER, Medium.HOT_WATER})


class Catalog(Protocol):
    """Where settings are kept."""

    def setting(self, name: str) -> object | None: ...


class House(hearing.House, habits.House, Protocol):
    """What is needed of a house, beside what tells how it hears."""

    @property
    def catalog(self) -> Catalog: ...
    @property
    def dating(self) -> bool: ...
    def now(self) -> int: ...
    def series(self, point_id: str) -> tuple[SeriesKey, ...]: ...


class Alerts(Protocol):
    """Where findings become stories."""

    def last(self) -> list[Story]: ...
    async def tell(
        self, now: int, service: Service, findings: Sequence[Finding], unknown: Collection[str]
    ) -> list[Story]: ...


class Watch:
    """All services of one house. Methods are called in the event loop, but for `changed`."""

    def __init__(self, house: House, alerts: Alerts, schedule: hearing.Schedule | None = None) -> None:
        self._house = house
        self._alerts = alerts
        self._hearing = hearing.Hearing(house, LOOK_S, schedule)
        self._bits = AlarmBits(LOOK_S)
        self._habits = habits.Habits(house)
        self._leaks: dict[SeriesKey, _Watched] = {}
        self._away: Absence | None = None
        self._changed: set[SeriesKey] = set()

    async def run(self) -> None:
        """Look now and then, until cancelled. What the card refuses is tried again."""
        while True:
            try:
                await self.look()
            except (LedgerError, StoreError) as error:
                log.warning("the services cannot look now: %s", error)
            await asyncio.sleep(LOOK_S)

    async def look(self, past_s: int = PAST_S) -> None:
        """Hear what was read since, of a meter that was not heard yet in the last `past_s`, and tell what is found."""
        if not self._house.dating:
            return
        now = self._house.now()
        self._away = absence.present(self._house.catalog, now)
        # What nobody reads any more would leak on for ever.
        every = [view for view in self._house.points() if view.state is not PointState.LET_GO]
        views = [view for view in every if view.point.medium in WATER]
        refused: dict[str, str] = {}
        keys = {key: view.point.id for view in views for key in view.index_series[-1:]}
        leaks, unsaid = await self._leaking(every, keys, now, past_s, refused)
        found = [*self._used(leaks), *leaks]
        # Of what was erased while it was heard no story is written that nobody would erase.
        unknown = {*refused, *unsaid, *(point for key, point in keys.items() if key in self._changed)}
        await self._alerts.tell(now, Service.LEAK, [one for one in found if one.point not in unknown], unknown)
        if refused:
            log.warning("leaks: the card does not say all of %s", refused)
            refused = {}
        cold_c = None if self._away is None else absence.cold_c(self._house.catalog)
        points = [view.point.id for view in views]
        found, unknown = await freezing.find(self._house, points, self._going_on(Service.FROST), now, cold_c, refused)
        await self._alerts.tell(now, Service.FROST, found, unknown)
        if refused:
            log.warning("frost: the card does not say all of %s", refused)
        told = self._open(Service.SILENCE)
        await self._alerts.tell(now, Service.SILENCE, await self._hearing.find(told, every, now), ())
        await self._overusing(now)

    async def _overusing(self, now: int) -> None:
        leaks = {
            story.finding.point: (story.began_at, story.solved_at)
            for story in self._alerts.last()
            if story.finding.service is Service.LEAK
        }
        found, refused = await self._habits.find(self._open(Service.HABIT), leaks, now)
        await self._alerts.tell(now, Service.HABIT, found, refused)

    def _open(self, service: Service) -> dict[str, Finding]:
        """What goes on by what was told before, with its newest figures."""
        return {point: story.finding for point, story in self._going_on(service).items()}

    def _going_on(self, service: Service) -> dict[str, Story]:
        stories = self._alerts.last()
        return {one.finding.point: one for one in stories if one.is_open and one.finding.service is service}

    async def _leaking(
        self,
        views: Sequence[PointView],
        keys: Mapping[SeriesKey, str],
        now: int,
        past_s: int,
        refused: dict[str, str],
    ) -> tuple[list[Finding], set[str]]:
        """What is found, and of which points it is not known whether what they said goes on.

        What the card `refused`, and why, is of one point alone: a damaged day blinds nobody to the others.
        """
        for key in self._leaks.keys() - keys.keys():
            del self._leaks[key]
        while self._changed:  # one at a time: others come meanwhile, from another thread
            self._leaks.pop(self._changed.pop(), None)
        for key, point in keys.items():
            try:
                await self._hear(key, point, now, past_s)
            except StoreError as error:
                refused[point] = str(error)
        if (least := least_leak(self._house.catalog)) == NEVER:
            return [], set()
        leaks = {watched.leak.point: watched.leak for watched in self._leaks.values()}
        found = {point: one for point, leak in leaks.items() if (one := leak.find(least)) is not None}
        told = self._open(Service.LEAK)
        every, unsaid = self._bits.beside(views, found, leaks, told, now)
        unsaid |= {watched.leak.point for watched in self._leaks.values() if watched.is_new(told)} - every.keys()
        flows = {point: leak.flow for point, leak in leaks.items()}
        if len(every) > 1:
            every = await asyncio.to_thread(same_water.beside, every, flows)
        return list(every.values()), unsaid

    def _used(self, leaks: Sequence[Finding]) -> list[Finding]:
        """Water that runs while nobody is at home; before the leaks, which are told where both are as bad."""
        known = {leak.point: leak for leak in leaks}
        found = (watched.used.find(known.get(watched.used.point)) for watched in self._leaks.values())
        return [each for each in found if each is not None]

    def changed(self, keys: Collection[SeriesKey]) -> None:
        """Of these series the past is another one than it was: it is looked at anew. In any thread."""
        self._changed.update(keys)
        self._habits.changed(keys)

    async def _hear(self, key: SeriesKey, point: str, now: int, past_s: int) -> None:
        store = self._house.store
        watched = self._leaks.get(key)
        if watched is not None:
            self._set_out(watched)
        latest = store.latest(key)
        if (
            latest is None
            or latest.quantity is not Quantity.VOLUME
            or (watched is not None and latest.at <= watched.heard_to)
        ):
            return None
        start = now - past_s if watched is None else watched.heard_to + 1
        while start <= now:
            end = min(start + PIECE_S, now + 1)
            points = await store.run(store.points, key, start, end)
            start = end
            if points is None:
                return None
            fine, offset = offsets(store.events(key), points.exponent)
            if watched is None or watched.exponent != fine:
                if watched is not None:  # it counts finer from now on
                    self._leaks.pop(key)
                    return await self._hear(key, point, now, past_s)
                watched = self._leaks[key] = _Watched(point, fine, end - 1)
                self._set_out(watched)
            factor = 10 ** (points.exponent - fine)
            for number, (at, value) in enumerate(zip(points.at, points.value, strict=True), 1):
                watched.hear(at, value * factor + (offset(at) if offset is not None else 0))
                if number % HEARD_AT_A_TIME == 0:
                    await asyncio.sleep(0)
            watched.heard_to = max([watched.heard_to, *points.at[-1:]])
            watched.first_at = min([watched.first_at or now, *points.at[:1]])
        return None

    def _set_out(self, watched: "_Watched") -> None:
        """Once those who leave have left."""
        since = None if self._away is None else self._away.since + absence.LEAVING_S
        watched.used.watch(since, absence.least_used_l(self._house.catalog))
        watched.least_leak = least_leak(self._house.catalog)


def least_leak(catalog: Catalog) -> int:
    """Litres an hour: from so much on a leak is told; NEVER where its owner wants none told."""
    kept = catalog.setting(LEAST_LEAK)
    return kept if isinstance(kept, int) and kept >= 0 else min(LIMIT_H)


class _Watched:
    def __init__(self, point: str, exponent: int, heard_to: int) -> None:
        self.leak = Leak(point, 10.0**exponent)
        self.used = Used(point, 10.0**exponent)
        self.least_leak = NEVER
        self.exponent = exponent
        self.heard_to = heard_to
        self._noted_at = 0
        self.first_at: int | None = None  # of what it has heard

    def hear(self, at: int, steps: int) -> None:
        self.leak.hear(at, steps)
        self.used.hear(at, steps)
        # A leak that is over by now was no use while it ran: after a start nobody has looked meanwhile.
        if self.used.is_told and self.least_leak != NEVER and at - self._noted_at >= NOTED_S:
            self._noted_at = at
            self.used.find(self.leak.find(self.least_leak))

    def is_new(self, told: Mapping[str, Finding]) -> bool:
        """Whether it has not counted for so long that what was told by the meter before it could be found again."""
        story = told.get(self.leak.point)
        limit_h = 0.0 if story is None else story.grounds.get("limit_h", 0.0)
        return self.first_at is not None and self.heard_to - self.first_at < limit_h * 3600
