"""A parcel: all that is granted of one period, as it is sent, and whether it differs from what lies at the target."""

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from itertools import pairwise
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

from drivers.model import Kind
from gateway import granted, ledger
from gateway.grants import Grant, GrantedSeries, Resolution
from gateway.ledger import Parcel
from gateway.model import SeriesKey
from gateway.store import Points
from gateway.way import Form

HOUR_S = 3600
# Of a period that may still grow what was sent is kept, up to so much.
KEPT_CHARACTERS_MAX = 500_000
# How long after the end of its period a figure that is sent live may come: its row is written seldom.
LIVE_LATER_S = 600
# After a loss of the card an older figure may be older than the one that lies there.
LIVE_FRESH_S = 3600
# What is said of a series in a parcel: a row of its JSON.
Said = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Period:
    """A span with a name (UTC seconds, start <= t < end). Names of one resolution are in order of time."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Made:
    """A parcel as it is handed out; `series` is all it says, and is empty where nothing is to lie there any longer."""

    period: Period
    sha256: str
    points: int
    there: Parcel | None
    series: list[Said]
    resolution: Resolution
    kept: str  # what it says, as long as its period may still grow: the card may lose some of it

    @property
    def is_first(self) -> bool:
        """Whether the target never said that it took anything of this period."""
        return self.there is None or not self.there.held

    @property
    def revision(self) -> int:
        return 1 if self.there is None else self.there.revision + 1

    @property
    def body(self) -> dict[str, object]:
        return {
            "period": self.period.name,
            "from": self.period.start,
            "to": self.period.end,
            "resolution": self.resolution,
            "revision": self.revision,
            "series": self.series,
            "held": (self.there.held or None) if self.there is not None else None,
        }

    @property
    def underway(self) -> Parcel:
        """As it stands until it is acknowledged: nobody knows whether it arrived."""
        revision, held, points = (self.there.revision, self.there.held, self.there.points) if self.there else (0, "", 0)
        most = max(points, self.points)
        return Parcel(self.period.name, self.period.start, self._stop, ledger.UNDERWAY, most, revision, held, self.kept)

    def lying(self, held: str) -> Parcel:
        """As it stands once it is acknowledged."""
        name, start = self.period.name, self.period.start
        return Parcel(name, start, self._stop, self.sha256, self.points, self.revision, held, self.kept)

    @property
    def _stop(self) -> int:
        return self.period.end + (LIVE_LATER_S if self.period.name == ledger.LIVE else 0)


Sound = Literal["sound"]
SOUND: Sound = "sound"


class House(Protocol):
    """What is needed of a house."""

    @property
    def zone(self) -> ZoneInfo: ...
    @property
    def store_damaged(self) -> bool: ...
    def is_damaged(self, keys: Collection[SeriesKey], start: int, end: int) -> bool: ...
    async def indexes(self, series: SeriesKey, bounds: Sequence[int]) -> list[Any]: ...
    async def raw(self, series: SeriesKey, start: int, end: int) -> Points | None: ...


async def make(
    house: House, book: ledger.Ledger, grant: Grant, period: Period, there: Parcel | None, now: int, open_from: int
) -> Made | Sound | None:
    """What is granted of a period by now, if it differs from what lies there; live, the last figure of each series.

    What ends after `open_from` may still grow. SOUND: the card lost something, and nothing of this period.
    """
    taken = there is not None and there.sha256 in (ledger.TAKEN, ledger.FOLLOWING)
    lost = there is not None and there.sha256.startswith(ledger.LOST)
    series = [await _say(house, grant, one, period, now) for one in grant.series]
    if (
        lost
        and there is not None
        and _hash(series) == there.sha256.removeprefix(ledger.LOST).removeprefix(ledger.DOUBTED)
    ):
        return SOUND
    # What the card lost is no reason to lose it at the target, too: what lies there is better than what is here.
    keys = [one.key for one in grant.series]
    harmed = lost or (there is not None and house.store_damaged) or house.is_damaged(keys, period.start, period.end)
    live = is_live(grant)
    if harmed and live:
        series = [_fresh(one, now) for one in series]
    elif harmed and not taken:
        kept = await book.kept(grant.id, period.name)
        both = _together(json.loads(kept), series) if kept else None
        if both is None:
            return None
        series = both
    points = sum(
        value is not None and (live or at < period.end)
        for one in series
        for at, value in zip(one["at"], one["value"], strict=True)
    )
    sha256 = _hash(series)
    if there is not None and sha256 == there.sha256.removeprefix(ledger.LOST):
        return None
    if points == 0 and (there is None or (live and not taken)):  # live, a meter that is silent says nothing new
        return None
    grows = (lost or period.end > open_from) and grant.resolution is not Resolution.RAW and not live
    kept = json.dumps(series) if grows and points else ""
    kept = kept if len(kept) <= KEPT_CHARACTERS_MAX else ""
    return Made(period, sha256, points, there, series if points else [], grant.resolution, kept)


def _hash(series: list[Said]) -> str:
    return hashlib.sha256(json.dumps(series, sort_keys=True).encode()).hexdigest()


async def _say(house: House, grant: Grant, one: GrantedSeries, period: Period, now: int) -> Said:
    given = await granted.give(grant, one, house.zone, (period.start, period.end), now, house.indexes, house.raw)
    columns = given.columns
    name = next(name for name in columns if name not in ("at", "until"))
    if is_live(grant):
        last = next((i for i in reversed(range(len(columns[name]))) if columns[name][i] is not None), -1)
        columns = {name: cells[last:][:1] if last >= 0 else [] for name, cells in columns.items()}
        if grant.resolution is Resolution.RAW and one.quantity.kind is Kind.INDEX:
            # Who hears the last figure alone cannot know that a counter began anew: the index is counted on for them.
            columns[name] = await house.indexes(one.key, [int(at) for at in columns["at"] if at is not None])
    values = [None if value is None else format(value, "f") for value in columns[name]]
    until = {"until": columns["until"]} if "until" in columns else {}
    return {**one.body(), "at": columns["at"], **until, "value": values}


def _fresh(said: Said, now: int) -> Said:
    """A last figure, if it is of the last hour; else none is known."""
    if all(at >= now - LIVE_FRESH_S for at in said["at"]):
        return said
    return {**said, **{name: [] for name in ("at", "until", "value") if name in said}}


def _together(before: Sequence[Said], now: Sequence[Said]) -> list[Said] | None:
    """What lies there and what is known now, of a period of which the card lost something; what lies there stands.

    None where an index says something else than it did, or would run back: the two do not count alike, and one would be false.
    """
    there = {one["series"]: one for one in before}
    found = []
    for one in now:
        cells = dict(_cells(one))
        lies = {at: value for at, value in _cells(there.get(one["series"], one)) if value is not None}
        last = max(lies, default=None)
        alike = last is None or cells.get(last) in (None, lies[last])
        rows = sorted({**cells, **lies}.items())
        values = [value for _, value in rows]
        known = [Decimal(value) for value in values if value is not None]
        if one["kind"] == Kind.INDEX and (not alike or any(low > high for low, high in pairwise(known))):
            return None
        until = {"until": [until for (_, until), _ in rows]} if "until" in one else {}
        found.append({**one, "at": [at for (at, _), _ in rows], **until, "value": values})
    return found


def _cells(said: Said) -> Iterator[tuple[tuple[int, int], str | None]]:
    ends = said["until"] if "until" in said else said["at"]
    yield from zip(zip(said["at"], ends, strict=True), said["value"], strict=True)


def periods(resolution: Resolution, zone: ZoneInfo, start: int, end: int) -> Iterator[Period]:
    """The periods that touch a span, in order: hours of raw figures, days of what is finer than days, months, years."""
    if resolution is Resolution.RAW:
        for at in range(start // HOUR_S * HOUR_S, end, HOUR_S):
            yield Period(datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H"), at, at + HOUR_S)
        return
    day = datetime.fromtimestamp(start, UTC).astimezone(zone).date()
    match resolution:
        case Resolution.DAY:
            day, pattern = day.replace(day=1), "%Y-%m"
        case Resolution.MONTH:
            day, pattern = date(day.year, 1, 1), "%Y"
        case _:
            pattern = "%Y-%m-%d"
    while (at := _midnight(day, zone)) < end:
        after = _following(day, resolution)
        yield Period(day.strftime(pattern), at, _midnight(after, zone))
        day = after


def _following(day: date, resolution: Resolution) -> date:
    match resolution:
        case Resolution.DAY:
            return (day + timedelta(days=31)).replace(day=1)
        case Resolution.MONTH:
            return date(day.year + 1, 1, 1)
        case _:
            return day + timedelta(days=1)


def _midnight(day: date, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, time_of_day(), zone).timestamp())


def is_live(grant: Grant) -> bool:
    return grant.way is not None and grant.way.form is Form.LIVE
