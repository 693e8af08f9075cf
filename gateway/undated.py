"""Points heard while the box does not know the time: on the card until it does, then given their place."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import quote, unquote

from drivers.model import Kind, Quantity
from gateway.aside import Aside, behind
from gateway.model import Point, SeriesKey

NAME = "undated"
# Dated later than a time that the network vouches for: kept as they were, for whoever repairs.
AHEAD = "dated ahead "
AHEAD_AT_A_TIME = 1000
# Placing one takes some microseconds: so many at a time, and the event loop has its turn.
PLACED_AT_A_TIME = 200
NEVER = "-"


class Timekeeper(Protocol):
    """The part of `gateway.clock.Clock` that is asked here."""

    @property
    def known(self) -> bool: ...
    def now(self) -> int: ...
    def stamp(self, at: int) -> str: ...
    def time_of(self, stamp: str) -> int | None: ...


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
        self._placed = False  # and still on the card
        self.untimed = 0
        self.last: dict[SeriesKey, Point] = {}
        for line in aside.read(NAME).result():
            self._remember(_heard(line)[1].point)
        self._waits = aside.kept(NAME) is not None

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
        self._waits = True
        self._appended += 1
        self._remember(heard.point)
        self._aside.append(NAME, _line(self._clock.stamp(self._clock.now()), heard))

    async def place(
        self, take: Callable[[UndatedPoint, int], Awaitable[None]], settle: Callable[[], Awaitable[bool]]
    ) -> None:
        """Once the time is known: hand on each with the time it was heard, in the order they came.

        They leave the card when `settle` answers that what they gave is there; where it does not, they stay and are
        handed on once more, which must do no harm.
        """
        if not self._is_known() or not (self._waits or self._placed):
            return
        last: str | None = None
        untimed = 0
        while self._waits:
            appended = self._appended
            lines = behind(last, await asyncio.wrap_future(self._aside.read(NAME)))
            for number, line in enumerate(lines, 1):
                stamp, heard = _heard(line)
                at = self._clock.time_of(stamp)
                if not self._is_known():  # it was set just now
                    return
                if at is None:
                    untimed += 1
                else:
                    await take(heard, at)
                if number % PLACED_AT_A_TIME == 0:
                    await asyncio.sleep(0)
            if lines:
                last = lines[-1]
            elif appended == self._appended:
                self._waits, self._placed = False, True
        if await settle() and self.dating:
            # No wait since the last look: what is heard while the time is not known is written behind this.
            replaced = self._aside.replace(NAME, [])
            self._placed = False
            self.untimed += untimed
            self.last.clear()
            await asyncio.wrap_future(replaced)

    @property
    def ahead(self) -> int:
        """How many points were dated later than they can have been."""
        kept = (self._aside.kept(name) for name in self._aside.names() if name.startswith(AHEAD))
        return sum(each.lines for each in kept if each is not None)

    def keep_ahead(self, points: Sequence[Point]) -> None:
        """Points of one series whose date cannot be true; on the card when it returns, for which it waits."""
        for number, point in enumerate(points, 1):
            self._aside.append(AHEAD + str(point.series), _line(str(point.at), UndatedPoint(NEVER, point, None)))
            if number % AHEAD_AT_A_TIME == 0:
                self._aside.sync().result()
        self._aside.sync().result()

    def _is_known(self) -> bool:
        return self._clock.known

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
