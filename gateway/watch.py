"""Has the services look at what the house reads; what they find is told as stories (gateway/alerts.py)."""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from drivers.model import Medium, Quantity
from gateway import habits, hearing
from gateway.ledger import LedgerError
from gateway.model import SeriesKey
from gateway.services import frost
from gateway.services.flow import LIMIT_H
from gateway.services.leak import Leak
from gateway.services.model import Finding, Service, Story
from gateway.store import StoreError, offsets

log = logging.getLogger(__name__)

LOOK_S = 300.0
# A setting: leaks of less, in L/h, are not told. None of those that the service looks for is by itself; NEVER is all of them.
LEAST_LEAK = "least leak"
NEVER = 0
# A home's habits are of so long: what is read again at a start.
PAST_S = 62 * 86_400
# The store answers nobody else while it reads so much.
PIECE_S = 7 * 86_400
# Nor does anybody in the event loop wait for longer than hearing so many takes: 2 ms, on a Pi some more.
HEARD_AT_A_TIME = 250
DAY_S = 86_400
COLD_S = 2 * DAY_S
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

    def open(self) -> list[Story]: ...
    async def tell(
        self, now: int, service: Service, findings: Sequence[Finding], unknown: Collection[str]
    ) -> list[Story]: ...


class Watch:
    """All services of one house. Methods are called in the event loop, but for `changed`."""

    def __init__(self, house: House, alerts: Alerts, schedule: hearing.Schedule | None = None) -> None:
        self._house = house
        self._alerts = alerts
        self._hearing = hearing.Hearing(house, LOOK_S, schedule)
        self._habits = habits.Habits(house)
        self._leaks: dict[SeriesKey, _Watched] = {}
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
        views = [view for view in self._house.points() if view.point.medium in WATER]
        refused: dict[str, str] = {}
        keys = {key: view.point.id for view in views for key in view.index_series[-1:]}
        found = await self._leaking(keys, now, past_s, refused)
        # Of what was erased while it was heard no story is written that nobody would erase.
        unknown = {*refused, *(point for key, point in keys.items() if key in self._changed)}
        await self._alerts.tell(now, Service.LEAK, [one for one in found if one.point not in unknown], unknown)
        if refused:
            log.warning("leaks: the card does not say all of %s", refused)
            refused = {}
        found = await self._freezing([view.point.id for view in views], now, refused)
        await self._alerts.tell(now, Service.FROST, found, tuple(refused))
        if refused:
            log.warning("frost: the card does not say all of %s", refused)
        told = {story.finding.point: story.finding for story in self._alerts.open() if _is_of_silence(story)}
        await self._alerts.tell(now, Service.SILENCE, await self._hearing.find(told, now), ())
        await self._overusing(now)

    async def _overusing(self, now: int) -> None:
        told: dict[Service, dict[str, Finding]] = {service: {} for service in Service}
        for story in self._alerts.open():
            told[story.finding.service][story.finding.point] = story.finding
        found, refused = await self._habits.find(told[Service.HABIT], told[Service.LEAK], now)
        await self._alerts.tell(now, Service.HABIT, found, refused)

    async def _leaking(
        self, keys: Mapping[SeriesKey, str], now: int, past_s: int, refused: dict[str, str]
    ) -> list[Finding]:
        """What the card `refused`, and why, is of one point alone: a damaged day blinds nobody to the others."""
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
            return []
        found = (watched.leak.find(least) for watched in self._leaks.values())
        return [each for each in found if each is not None]

    async def _freezing(self, points: Sequence[str], now: int, refused: dict[str, str]) -> list[Finding]:
        """Of each meter the coldest of its temperatures: of the water in it, of what is around it."""
        store, found = self._house.store, []
        cold = {
            info.key for info in store.series() if info.quantity is Quantity.TEMPERATURE and info.last_at > now - DAY_S
        }
        for point in points if cold else ():
            await asyncio.sleep(0)
            some = []
            for key in cold.intersection(self._house.series(point)):
                try:
                    said = await store.run(store.points, key, now - COLD_S, now + 1)
                except StoreError as error:
                    refused[point] = str(error)
                    continue
                if said is not None:
                    degrees = [(at, value * 10.0**said.exponent) for at, value in zip(said.at, said.value, strict=True)]
                    some.append(frost.find(point, degrees, now))
            worst = max((each for each in some if each is not None), key=lambda one: one.rank, default=None)
            found += [worst] if worst is not None else []
        return found

    def changed(self, keys: Collection[SeriesKey]) -> None:
        """Of these series the past is another one than it was: it is looked at anew. In any thread."""
        self._changed.update(keys)
        self._habits.changed(keys)

    async def _hear(self, key: SeriesKey, point: str, now: int, past_s: int) -> None:
        store = self._house.store
        watched = self._leaks.get(key)
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
                watched = self._leaks[key] = _Watched(Leak(point, 10.0**fine), fine, end - 1)
            factor = 10 ** (points.exponent - fine)
            for number, (at, value) in enumerate(zip(points.at, points.value, strict=True), 1):
                watched.leak.hear(at, value * factor + (offset(at) if offset is not None else 0))
                if number % HEARD_AT_A_TIME == 0:
                    await asyncio.sleep(0)
            watched.heard_to = max([watched.heard_to, *points.at[-1:]])
        return None


def _is_of_silence(story: Story) -> bool:
    return story.finding.service is Service.SILENCE


def least_leak(catalog: Catalog) -> int:
    """Litres an hour: from so much on a leak is told; NEVER where its owner wants none told."""
    kept = catalog.setting(LEAST_LEAK)
    return kept if isinstance(kept, int) and kept >= 0 else min(LIMIT_H)


class _Watched:
    def __init__(self, leak: Leak, exponent: int, heard_to: int) -> None:
        self.leak = leak
        self.exponent = exponent
        self.heard_to = heard_to
