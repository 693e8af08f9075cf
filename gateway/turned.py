"""Indexes that began anew at zero: told to the card as events that count on, and taken back by a person."""

import asyncio
import logging
from collections.abc import Callable, Collection
from decimal import Decimal

from gateway.collect import Collect
from gateway.store import Store, StoreError
from gateway.views import Turned

log = logging.getLogger(__name__)

# So long the page shows one, with the way to take it back.
SHOWN_S = 60 * 86_400


class Turns:
    """What `collect` found to have begun anew. Until the card knows of it nothing of that index is kept."""

    def __init__(self, store: Store, collect: Collect, now: Callable[[], int]) -> None:
        self._store = store
        self._collect = collect
        self._now = now
        self._telling = asyncio.Lock()

    async def count_on(self) -> bool:
        """Tell the card, so that nothing is consumed by it; False where it does not take all, and it is to be tried again."""
        async with self._telling:
            for series, turn in tuple(self._collect.turned.items()):
                whole, exponent = _whole(turn.last)
                try:
                    await self._store.run(self._store.swap, series, turn.point.at, whole, 0, exponent)
                except StoreError as error:
                    log.warning("%s began anew, and the card does not take it: tried again: %s", series, error)
                    continue
                self._store.add([turn.point])
                self._collect.counted_on(series)
            return not self._collect.turned

    def of(self, stands: Collection[str]) -> tuple[Turned, ...]:
        """What began anew of these meters' indexes not long ago, and still counts."""
        oldest = self._now() - SHOWN_S
        return tuple(
            Turned(swap.id, info.key, info.quantity, swap.at, Decimal(swap.old_final).scaleb(swap.exponent))
            for info in self._store.swapped()
            if info.key.point in stands
            for swap in self._store.events(info.key)
            if swap.undone_by is None and swap.at > oldest
        )


def _whole(value: Decimal) -> tuple[int, int]:
    """A number as an integer and its power of ten."""
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return int(value.scaleb(-min(exponent, 0))), min(exponent, 0)
