"""How the house hears its meters and lines, and how the box does, as the silence service asks (gateway/services/silence.py)."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from gateway.collect import AWAY
from gateway.model import SeriesKey
from gateway.services import silence
from gateway.services.model import Finding
from gateway.services.room import Room, Space
from gateway.services.silence import Box, Line, Meter
from gateway.store import Store
from gateway.views import PointView, PortView

# The store answers nobody else while it reads so much.
PIECE_S = 7 * silence.DAY_S


class House(Protocol):
    """What is needed of a house."""

    @property
    def store(self) -> Store: ...
    @property
    def store_trouble(self) -> str | None: ...
    @property
    def card_full(self) -> bool: ...
    @property
    def keys_trouble(self) -> str | None: ...
    @property
    def unvouched_s(self) -> float | None: ...
    def card_space(self) -> Space | None: ...
    def ports(self) -> tuple[PortView, ...]: ...
    def history_start(self, point_id: str) -> int | None: ...


class Schedule(Protocol):
    """Back-ups that are made by themselves."""

    @property
    def every_s(self) -> int: ...
    @property
    def last_at(self) -> int | None: ...


class Hearing:
    """What it remembers lasts as long as the box listens: it is asked each `look_s`, and a longer break begins it anew."""

    def __init__(self, house: House, look_s: float, schedule: Schedule | None = None) -> None:
        self._house = house
        self._schedule = schedule
        self._break_s = 3 * look_s
        self._asked_at: int | None = None
        self._listening_since = 0
        self._since: dict[tuple[str, str], int] = {}  # a subject and what is wrong with it: since when
        self._room = Room()
        self._pauses: dict[SeriesKey, tuple[int, tuple[int, ...]]] = {}  # the last point, and those before it

    async def find(self, told: Mapping[str, Finding], views: Sequence[PointView], now: int) -> list[Finding]:
        """All that is wrong, of the metering points `views` that are read and beside them; StoreError from the card."""
        if self._asked_at is None or not 0 <= now - self._asked_at <= self._break_s:
            # It was off, or slept, or its clock was set: nobody knows what was said meanwhile.
            self._listening_since, self._since, self._room = now, {}, Room()
        self._asked_at = now
        ports = self._house.ports()
        self._since = {each: self._since.get(each, now) for each in self._wrong(views)}
        meters = [await self._meter(view, view.address, ports, now) for view in views if view.address is not None]
        lines = [Line(port.name, port.protocol, port.open, port.since, port.heard_at) for port in ports]
        found = silence.find(meters, lines, self._box(now), told, now)
        space = await asyncio.to_thread(self._house.card_space)
        nearly = None if space is None else self._room.find(space, told.get(silence.CARD_SUBJECT), now)
        refuses = any(one.point == silence.CARD_SUBJECT for one in found)
        return found if nearly is None or refuses else [*found, nearly]

    def _wrong(self, views: Sequence[PointView]) -> Collection[tuple[str, str]]:
        house = self._house
        found = {(view.point.id, code) for view in views for code in view.status if code != AWAY}
        if house.store_trouble is not None:
            found.add((silence.CARD_SUBJECT, silence.FULL if house.card_full else silence.REFUSING))
        if house.keys_trouble is not None:
            found.add((silence.KEYS_SUBJECT, silence.KEYS))
        return found

    def _box(self, now: int) -> Box:
        since, schedule = self._since, self._schedule
        unvouched_s = self._house.unvouched_s
        return Box(
            self._listening_since,
            since.get((silence.CARD_SUBJECT, silence.FULL)),
            since.get((silence.CARD_SUBJECT, silence.REFUSING)),
            since.get((silence.KEYS_SUBJECT, silence.KEYS)),
            None if schedule is None else schedule.every_s,
            None if schedule is None else schedule.last_at,
            None if unvouched_s is None else now - int(unvouched_s),
        )

    async def _meter(self, view: PointView, address: str, ports: Sequence[PortView], now: int) -> Meter:
        protocol, point = address.partition(":")[0], view.point.id
        alike = [port.name for port in ports if port.protocol == protocol]
        key = next(iter(view.index_series[-1:]), None)
        pace_s = None if key is None else self._house.store.pace_s(key)
        pauses: tuple[int, ...] = ()
        is_late = view.heard_at is not None and now - view.heard_at > silence.LEAST_S
        if key is not None and is_late and protocol not in silence.STEADY:
            pauses = await self._long_pauses(key, now)
        start = self._house.history_start(point)
        return Meter(
            point,
            protocol,
            # Before it was heard since the start: where it can only have been.
            view.port or (alike[0] if len(alike) == 1 else None),
            view.heard_at,
            view.telegrams > 0,
            view.interval_s if pace_s is None else float(pace_s),
            pauses,
            0 if start is None else now - start,
            {code: since for (subject, code), since in self._since.items() if subject == point},
            AWAY in view.status,
            key is not None,
        )

    async def _long_pauses(self, key: SeriesKey, now: int) -> tuple[int, ...]:
        """Of a meter that is late, read once as long as it says nothing."""
        store = self._house.store
        latest = store.latest(key)
        known = self._pauses.get(key)
        if latest is None or (known is not None and known[0] == latest.at):
            return () if known is None else known[1]
        ats: list[int] = []
        for start in range(now - silence.HABIT_S, now + 1, PIECE_S):
            points = await store.run(store.points, key, start, min(start + PIECE_S, now + 1))
            ats += [] if points is None else points.at
        self._pauses[key] = latest.at, silence.long_pauses(ats)
        return self._pauses[key][1]
