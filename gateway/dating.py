"""What a house does about a time that is not known, or was wrong: finds it, and gives what was heard its place (decision 0015)."""

import asyncio
import logging
from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.clock import Clock, Trust
from gateway.collect import Collect
from gateway.dial import Dials
from gateway.model import SeriesKey
from gateway.services.silence import CLOCK_S
from gateway.store import Store, StoreError
from gateway.turned import Turns
from gateway.undated import Undated, UndatedPoint

log = logging.getLogger(__name__)

# A time that contradicts the card is believed after so long: one that was set by mistake is set right sooner.
AHEAD_S = 600
PUT_AHEAD = "~ahead"  # behind a point's id: no series of its own
FAR_S = 1 << 40
FRANCE = ZoneInfo("Europe/Paris")


class Dating:
    """The clock, what waits for it, and the series that must not be ahead of it."""

    def __init__(
        self, clock: Clock, undated: Undated, store: Store, collect: Collect, dials: Dials, turns: Turns
    ) -> None:
        self._clock = clock
        self._undated = undated
        self._store = store
        self._collect = collect
        self._dials = dials
        self._turns = turns
        self._finding = asyncio.Lock()

    async def tell(self, utc: float) -> bool:
        """A person says what time it is; False where the card holds later points: those are put aside in a while."""
        asks = self._clock.trust in (Trust.NOBODY, Trust.TOLD, Trust.PLAUSIBLE)
        if asks or (self._clock.unvouched_s or 0) > CLOCK_S:  # else the network knows better
            self._clock.tell(utc)
        await self.find()
        return self._clock.known

    def hear(self, zone: ZoneInfo, meter: str, utc: float) -> None:
        """A Linky says it: believed where the hour of mainland France, which it speaks in, is that of the home."""
        at = datetime.fromtimestamp(utc, zone)
        if at.utcoffset() == at.astimezone(FRANCE).utcoffset():
            self._clock.hear(meter, utc)

    async def find(self) -> None:
        """Find out whether the time is known, and give what was heard before its place; called now and then."""
        async with self._finding:
            self._clock.look(newest(self._store))
            self._collect.follow_clock()
            try:
                if not self._clock.known and self._clock.vouched_s >= AHEAD_S:
                    for key in await self._store.run(self._put_ahead):
                        self._collect.counted_on(key)
                    self._clock.look(newest(self._store))
                await self._undated.place(self._place, self._settle)
            except (OSError, StoreError) as error:
                log.warning("what was heard before the time was known: the card refuses its place: %s", error)

    async def _place(self, heard: UndatedPoint, at: int) -> None:
        self._collect.place(heard, at)
        if not await self._turns.count_on():
            raise StoreError("an index began anew, which the card does not take now")

    async def _settle(self) -> bool:
        """What was placed, and what the box counts itself, is on the card."""
        if not await self._turns.count_on():
            return False
        self._store.add(self._dials.now())
        return await self._store.run(self._store.commit)

    def _put_ahead(self) -> list[SeriesKey]:
        """Points dated later than the time that is vouched for are false: they leave their series for one beside it.

        Done again after a kill in the middle it does no harm. What was counted on there is counted on from now.
        """
        now = self._clock.now()
        self._store.add(self._dials.now())  # what the box counts itself is said by no meter again
        put = []
        for info in self._store.series():
            key = info.key
            if info.last_at <= now or key.point.endswith(PUT_AHEAD):
                continue
            for swap in self._store.events(key):
                if swap.undone_by is None and swap.at > now:
                    # Undone first: an index that runs back in between is not known, counted on twice it would be false.
                    self._store.undo(swap.id)
                    self._store.swap(key, now, swap.old_final, swap.new_start, swap.exponent)
            points = self._store.points(key, now + 1, FAR_S)
            assert points is not None
            beside = SeriesKey(key.point + PUT_AHEAD, key.register, key.tariff)
            self._store.bulk(beside, info.quantity, points.exponent, False, points.at, points.value, ahead=True)
            self._store.erase([key], now + 1, FAR_S)
            put.append(key)
            log.warning("%s: %d points dated ahead of the clock were put aside", key, len(points.at))
        return put


def newest(store: Store) -> int | None:
    """When the newest point was heard that is believed; None where there is none."""
    believed = (info for info in store.series() if not info.key.point.endswith(PUT_AHEAD))
    return max((info.last_at for info in believed), default=None)
