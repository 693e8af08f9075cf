"""Indexes that were not believed: kept as the meter said them, marked, and neither charted nor summed."""

import asyncio
from collections import deque
from collections.abc import Collection
from decimal import Decimal
from urllib.parse import quote, unquote

from drivers.model import Quantity
from gateway.aside import Aside
from gateway.model import Point, SeriesKey
from gateway.views import Held

NAME = "held"
# A meter that was exchanged says its lower index with each telegram: one of them in this time says it, too.
PACE_S = 600
SHOWN_MAX = 3  # of each series, the newest
SERIES_MAX = 500


class HeldValues:
    """All are on the card; the newest of each series are in memory, with how many there were since the start."""

    def __init__(self, aside: Aside) -> None:
        self._aside = aside
        self._newest: dict[SeriesKey, deque[Held]] = {}
        for line in aside.read(NAME).result():
            self._remember(_held(line))

    def add(self, point: Point, believed: Decimal) -> None:
        held = Held(point.series, point.quantity, point.at, point.decimal, believed)
        newest = self._newest.get(point.series)
        if newest and newest[-1].backwards == held.backwards and 0 <= held.at - newest[-1].at < PACE_S:
            return
        self._remember(held)
        self._aside.append(NAME, _line(held))

    async def erase(self, point_ids: Collection[str], start: int, end: int) -> int:
        """Held values of these, start <= at < end, are gone when it returns; how many. OSError from the card."""
        gone = await asyncio.wrap_future(
            self._aside.drop(NAME, lambda line: _is_of(_held(line), point_ids, start, end))
        )
        for series, newest in self._newest.items():
            kept = [held for held in newest if not _is_of(held, point_ids, start, end)]
            self._newest[series] = deque(kept, maxlen=SHOWN_MAX)
        return gone

    def of(self, point_id: str, since: int) -> tuple[Held, ...]:
        """The newest held values of a metering point, the latest first."""
        found = [each for series, newest in self._newest.items() if series.point == point_id for each in newest]
        return tuple(sorted((each for each in found if each.at >= since), key=lambda held: -held.at))

    def _remember(self, held: Held) -> None:
        if held.series not in self._newest and len(self._newest) >= SERIES_MAX:
            del self._newest[next(iter(self._newest))]
        self._newest.setdefault(held.series, deque(maxlen=SHOWN_MAX)).append(held)


def _is_of(held: Held, point_ids: Collection[str], start: int, end: int) -> bool:
    return held.series.point in point_ids and start <= held.at < end


def _line(held: Held) -> str:
    return f"{held.at} {quote(str(held.series))} {held.quantity.name} {held.value} {held.believed}"


def _held(line: str) -> Held:
    at, series, quantity, value, believed = line.split()
    return Held(SeriesKey.parse(unquote(series)), Quantity[quantity], int(at), Decimal(value), Decimal(believed))
