"""Points heard while the box does not know the time: on the card until it does, then given their place."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import quote, unquote

from drivers.model import Kind, Quantity
from gateway.aside import Aside, behind
from gateway.model import Point, SeriesKey

NAME = "undated"
# Placing one takes some tens of microseconds: so many at a time, and the event loop has its turn.
PLACED_AT_A_TIME = 20
NEVER = "-"


class Timekeeper(Protocol):
    """The part of `gateway.clock.Clock` that is asked here."""

    @property
    def known(self) -> bool: ...
    def now(self) -> int: ...
    def stamp(self, at: int) -> str: ...
    def time_of(self, stamp: str) -> int | None: ...
    def is_of_this_boot(self, stamp: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class UndatedPoint:
    """A point whose time is not known: its `at` is not to be believed.

    `said` is the meter's own time for it, where it told one.
    """

    port: str
    point: Point
    said: datetime | None


class Undated:
    """Keeps them with the box's uptime, and has them placed when the time is known; `dating` says whether it is.

    What an earlier boot heard has no time that anybody could find: given up and counted (`untimed`). Of an index
    nothing but the course is lost, as the next one counts it all; `last` says where a count that the box makes itself
    must go on.
    """

    def __init__(self, aside: Aside, clock: Timekeeper) -> None:
        self._aside = aside
        self._clock = clock
        self._appended = 0
        self._done: str | None = None  # the last line that was handed on
        self.untimed = 0
        self.last: dict[SeriesKey, Point] = {}
        for line in aside.read(NAME).result():
            self._remember(_heard(line)[1].point)
        self._waits = aside.kept(NAME) is not None
        self._lies = self._waits  # on the card, placed or not

    @property
    def dating(self) -> bool:
        """What is heard now may be dated: the time is known, and what was heard before has its place."""
        return self._clock.known and not self._waits

    @property
    def waiting(self) -> int:
        kept = self._aside.kept(NAME)
        return kept.lines if kept is not None else 0

    @property
    def thinned(self) -> int:
        kept = self._aside.kept(NAME)
        return kept.thinned if kept is not None else 0

    def keep(self, heard: UndatedPoint) -> None:
        """On the card as soon as it can; it waits for nothing."""
        self._waits = self._lies = True
        self._appended += 1
        self._remember(heard.point)
        self._aside.append(NAME, _line(self._clock.stamp(self._clock.now()), heard))

    async def place(
        self, take: Callable[[UndatedPoint, int], Awaitable[None]], settle: Callable[[], Awaitable[bool]]
    ) -> None:
        """Once the time is known: hand on each with the time it was heard, in the order they came.

        They leave the card when `settle` answers that what they gave is there. Before that their times are written
        down: handed on once more after a kill, they have the same ones, and what is there already does no harm.
        OSError where the card does not answer; StoreError from `take`, behind which it goes on the next time.
        """
        if not self._clock.known or not self._lies:
            return
        await self._write_times()
        while self._waits:
            appended = self._appended
            lines = behind(self._done, await asyncio.wrap_future(self._aside.read(NAME)))
            for number, line in enumerate(lines, 1):
                stamp, heard = _heard(line)
                if not stamp.isdecimal() and self._clock.is_of_this_boot(stamp):
                    return  # the time was lost again, just now
                self._done = line
                if stamp.isdecimal():
                    await take(heard, int(stamp))
                if number % PLACED_AT_A_TIME == 0:
                    await asyncio.sleep(0)
            if not lines and appended == self._appended:
                self._waits = False
        if await settle() and self.dating:
            # No wait since the last look: what is heard while the time is not known is written behind this.
            await self._let_go()

    async def erase(self, stands: Collection[str]) -> int:
        """What waits of these is gone when it returns; how many. OSError from the card."""
        for series in [series for series in self.last if series.point in stands]:
            del self.last[series]
        return await asyncio.wrap_future(
            self._aside.drop(NAME, lambda line: _heard(line)[1].point.series.point in stands)
        )

    async def _write_times(self) -> None:
        """In place of this boot and its uptimes; nobody knows those of another one."""

        def timed(line: str) -> str:
            stamp, _, rest = line.partition(" ")
            at = self._clock.time_of(stamp)
            return line if at is None else f"{at} {rest}"

        await asyncio.wrap_future(self._aside.rewrite(NAME, timed))

    async def _let_go(self) -> None:
        placed = dict(self.last)
        untimed = 0

        def goes(line: str) -> bool:
            nonlocal untimed
            untimed += not line.partition(" ")[0].isdecimal()
            return True

        await asyncio.wrap_future(self._aside.drop(NAME, goes))
        self.untimed += untimed
        self._lies, self._done = self._waits, None
        for series, point in placed.items():
            if self.last.get(series) is point:
                del self.last[series]

    def _remember(self, point: Point) -> None:
        if point.quantity.kind is Kind.INDEX:
            self.last[point.series] = point


def _line(stamp: str, heard: UndatedPoint) -> str:
    point = heard.point
    said = NEVER if heard.said is None else int(heard.said.timestamp())
    return (
        f"{stamp} {quote(heard.port)} {said} {quote(str(point.series))} {point.quantity.name} "
        f"{point.value} {point.exponent} {int(point.main)}"
    )


def _heard(line: str) -> tuple[str, UndatedPoint]:
    stamp, port, said, series, quantity, value, exponent, main = line.split()
    point = Point(
        SeriesKey.parse(unquote(series)), Quantity[quantity], 0, int(value), int(exponent), main=bool(int(main))
    )
    at = None if said == NEVER else datetime.fromtimestamp(int(said), UTC)
    return stamp, UndatedPoint(unquote(port), point, at)
