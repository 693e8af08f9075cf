"""What is to be sent under grants: parcels whose content differs from what lies at the target, and what became of them.

A parcel is all that is granted of one period. What lies at a target is a row a period in the ledger's file, with the
hash of the parcel that was acknowledged: so what is due is what differs, whatever happened in between (an outage, a
kill, a clock that was set, a late reading, a correction), and sending it again changes nothing.
"""

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from secrets import randbelow
from typing import Any, Protocol
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from gateway import granted, ledger
from gateway.chain import canonical
from gateway.grants import Grant, Grants, Held, Resolution, Total
from gateway.keys import KeysError
from gateway.ledger import Ledger, LedgerError, Parcel
from gateway.model import SeriesKey
from gateway.store import Points
from gateway.way import Form

log = logging.getLogger(__name__)

# A batch is at most so much: as JSON about 1 MB, and a day of half-hours of 35 series is more than 1,600 values.
BATCH_VALUES_MAX = 20_000
BATCH_PARCELS_MAX = 100
# What is new is looked for so often; for a live target, sooner.
STEP_S = 600
LIVE_S = 10
HOUR_S = 3600
# All of the past is compared once a day; else only what ended not longer ago: late telegrams, held back ones.
WALK_S = 86_400.0
OPEN_S = {
    Resolution.RAW: 2 * HOUR_S,
    Resolution.TEN_MINUTES: 3 * 86_400,
    Resolution.HALF_HOUR: 3 * 86_400,
    Resolution.DAY: 3 * 86_400,
    Resolution.MONTH: 3 * 86_400,
}
# Live values are summed in one entry for so long: an entry each ten seconds would wear the card.
LIVE_WINDOW_S = 540
# The one period of all that is sent live.
LIVE = "live"
PIECES_MAX = 500
# A target that is opened is asked so often what lies there.
LOOK_AT_TARGET_S = 86_400.0
LOOK_S = 30.0
BROUGHT_S = 25.0


@dataclass(frozen=True, slots=True)
class Period:
    """A span with a name (UTC seconds, start <= t < end)."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a target takes nothing now, as sync said it: `why` is a word of sync.model.Why."""

    why: str
    detail: str
    since: int
    next_at: int | None


@dataclass(frozen=True, slots=True)
class Lies:
    """What a target said of itself: `thing` is a word of sync.model.Thing, which is None where it cannot say what lies there.

    Of `of` periods the box knew then that they were taken; `periods` are those that the target says it holds.
    """

    at: int
    of: int
    thing: str | None = None
    count: int = 0
    periods: int | None = None
    bytes: int | None = None

    @property
    def fewer(self) -> bool:
        return self.periods is not None and self.periods < self.of


@dataclass(slots=True)
class Live:
    """What is known of a target beside what stands in the ledger; lost with the program, and found again."""

    trouble: Trouble | None = None
    answers: bool = False
    well_at: int | None = None  # when it answered and nothing was due
    lies: Lies | None = None
    looks: bool = False  # a person wants to know what lies there
    looked_at: float | None = None  # on the monotonic clock
    link: str | None = None
    brought: asyncio.Future[dict[str, str]] | None = None
    poke: int = 0  # raised by a person who says: now
    walked_at: float | None = None  # on the monotonic clock: when all of the past was compared
    walk_from: int = 0  # nothing before it is due, as far as is known
    settled_at: int | None = None  # nothing was due at this time, cut to the step
    batch: int = 0
    handed: dict[str, "Made"] = field(default_factory=dict)
    window: "Window | None" = None
    lying: Parcel | None = None  # of a live target, what lies there: each figure on the card would wear it


@dataclass(slots=True)
class Window:
    """Live values that were sent since `since`, to be summed in one entry."""

    since: int
    start: int
    end: int = 0
    batches: int = 0
    points: int = 0
    bytes: int = 0
    hash: Any = field(default_factory=hashlib.sha256)
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """A parcel as it was handed out."""

    period: Period
    sha256: str
    points: int
    there: Parcel | None
    body: dict[str, object]

    @property
    def revision(self) -> int:
        return 1 if self.there is None else self.there.revision + 1

    @property
    def underway(self) -> Parcel:
        """As it stands until it is acknowledged: nobody knows whether it arrived."""
        revision, held, points = (self.there.revision, self.there.held, self.there.points) if self.there else (0, "", 0)
        most = max(points, self.points)
        return Parcel(self.period.name, self.period.start, self.period.end, ledger.UNDERWAY, most, revision, held)


class House(Protocol):
    """What is needed of a house."""

    @property
    def zone(self) -> ZoneInfo: ...
    @property
    def dating(self) -> bool: ...
    @property
    def store_damaged(self) -> bool: ...
    @property
    def saved_to(self) -> int: ...
    def now(self) -> int: ...
    async def indexes(self, series: SeriesKey, bounds: Sequence[int]) -> list[Any]: ...
    async def raw(self, series: SeriesKey, start: int, end: int) -> Points | None: ...
    def first_at(self, keys: Collection[SeriesKey]) -> int | None: ...


class Secrets(Protocol):
    """Where what opens a target is kept, sealed."""

    def secrets(self, grant: str) -> dict[str, str]: ...
    def set_secrets(self, grant: str, secrets: Mapping[str, str] | None) -> None: ...
    def forget_secrets(self, but: Collection[str]) -> None: ...


class Outbox:
    """All grants whose readings are sent. Methods are called in the event loop."""

    def __init__(self, grants: Grants, ledger_: Ledger, house: House, secrets: Secrets) -> None:
        self._grants = grants
        self._ledger = ledger_
        self._house = house
        self._secrets = secrets
        self._live: dict[str, Live] = {}
        self._walking = asyncio.Lock()
        self._removals = 0
        # Where a target sends its owner's browser back to: as the last who gave an access reached this box.
        self.page = ""
        # After a restore nothing stands, and what opened the targets came back with the keys.
        try:
            secrets.forget_secrets([held.grant.id for held in self.sent()])
        except (KeysError, OSError) as error:
            log.warning("what opened targets of accesses that ended is not forgotten yet: %s", error)

    # -- for who works --------------------------------------------------------------------------------------------------
    def sent(self) -> list[Held]:
        """The grants whose readings are sent, and at whose target something is to be done: now, or when it goes on."""
        return [held for held in self._grants.all() if held.grant.way is not None and not held.left]

    def wanted(self) -> bool:
        """Whether there is anything for the sync process to do, now or soon."""
        return any(held.end is not None or not held.paused for held in self.sent())

    def jobs(self) -> list[dict[str, object]]:
        """What the sync process is to do, a job a grant; with what opens the target."""
        if not self._house.dating:
            return []
        found: list[dict[str, object]] = []
        for held in self.sent():
            grant = held.grant
            assert grant.way is not None
            if held.end is not None:
                do = "erase" if held.erase else "leave"
            elif self._grants.is_in_force(held):
                do = "send"
            else:
                continue
            secrets, live = self._secrets.secrets(grant.id), self.live(grant.id)
            found.append(
                {
                    "grant": grant.id,
                    "do": do,
                    "way": grant.way.body(),
                    "secrets": secrets,
                    # A job that changes is begun again at once: another password, a person who says "now".
                    "stamp": hashlib.sha256(canonical([do, live.poke]).encode()).hexdigest()[:16],
                }
            )
        return found

    def live(self, grant: str) -> Live:
        return self._live.setdefault(grant, Live())

    async def due(self, id_: str) -> bool:
        """Whether a batch would hold anything, or a person wants to know what lies there."""
        made = await self._make(id_, parcels_max=1)
        return bool(made) or self.live(id_).looks

    async def batch(self, id_: str) -> tuple[int, list[dict[str, object]]] | None:
        """The next parcels of a grant, and the batch's number; in the ledger before they are handed out. None: none is due.

        What a batch before it held and nobody acknowledged is in it again, as it is by now.
        """
        removals = self._removals
        made = await self._make(id_, BATCH_PARCELS_MAX)
        held = self._grants.get(id_)
        if not made or held is None or not self._grants.is_in_force(held):
            return None
        live, now = self.live(id_), self._house.now()
        # None that was told before a restart is taken for one that was handed out after it.
        number = randbelow(2**53 - 1) + 1
        body = {
            "grant": id_,
            "batch": number,
            "series": [str(one.key) for one in held.grant.series],
            "from": made[0].period.start,
            "to": made[-1].period.end,
            "periods": len(made),
            "points": sum(one.points for one in made),
            "sha256": hashlib.sha256("".join(one.sha256 for one in made).encode()).hexdigest(),
        }
        opens = live.window is None or _is_over(live.window, now)
        if opens:
            notes = [*self._sum(id_), (ledger.SENDING, body)]
            await self._ledger.put(now, id_, [one.underway for one in made], *notes)
            self._close(id_)
        # Taken back, or read before a person took readings away, while the card wrote.
        held = self._grants.get(id_)
        if held is None or not self._grants.is_in_force(held) or removals != self._removals:
            return None
        if opens and _is_live(held.grant):
            live.window = Window(now, made[0].period.start)
        live.batch = number
        live.handed = {one.period.name: one for one in made}
        return live.batch, [one.body for one in made]

    async def acknowledge(self, id_: str, batch: int, puts: Sequence[Mapping[str, Any]]) -> bool:
        """These parcels of the batch lie at the target, in the words of sync.model.Put; False for a batch that is not the last."""
        live, held = self.live(id_), self._grants.get(id_)
        if batch != live.batch or held is None or not puts:
            return False
        made = [live.handed[str(put["period"])] for put in puts]
        rows, gone = [], []
        for one, put in zip(made, puts, strict=True):
            if one.points:
                span = one.period.start, one.period.end
                rows.append(Parcel(one.period.name, *span, one.sha256, one.points, one.revision, str(put["held"])))
            else:
                gone.append(one.period.name)
        now, sizes = self._house.now(), sum(int(put["bytes"]) for put in puts)
        points = sum(one.points for one in made)
        if (window := live.window) is not None:
            if not window.batches or gone or any(row.held != (live.lying and live.lying.held) for row in rows):
                await self._ledger.put(now, id_, rows, gone=gone)
            live.lying = rows[-1] if rows else None
            window.end, window.answer = made[-1].period.end, str(puts[-1]["answer"])
            window.batches += 1
            window.points += points
            window.bytes += sizes
            for put in puts:
                window.hash.update(str(put["sha256"]).encode())
        else:
            was = held.total
            total = Total(was.reads + 1, was.points + points, was.bytes + sizes, now)
            body = {
                "grant": id_,
                "batch": batch,
                "from": made[0].period.start,
                "to": made[-1].period.end,
                "periods": len(made),
                "points": points,
                "bytes": sizes,
                "sha256": hashlib.sha256("".join(str(put["sha256"]) for put in puts).encode()).hexdigest(),
                "answer": str(puts[-1]["answer"]),
                "in_all": total.body(),
            }
            await self._ledger.put(now, id_, rows, (ledger.SENT, body), gone=gone)
            self._grants.moved(id_, total)
        for one in made:
            live.handed.pop(one.period.name, None)
        live.trouble, live.answers = None, True
        return True

    def tell(self, id_: str, why: str, detail: str, next_s: int | None) -> None:
        """The target takes nothing now; tried again in `next_s` seconds, or not before a person changes something."""
        live, now = self.live(id_), self._house.now()
        since = live.trouble.since if live.trouble is not None and live.trouble.why == why else now
        live.trouble = Trouble(why, detail, since, None if next_s is None else now + next_s)
        live.link = None

    def well(self, id_: str) -> None:
        """The target let us in."""
        live = self.live(id_)
        live.trouble, live.link, live.answers = None, None, True

    async def looks(self, id_: str) -> bool:
        """Whether the target is to be asked now what lies there: a person says so, or nobody asked it for a day. Says so once."""
        live, held = self.live(id_), self._grants.get(id_)
        due = live.looks or live.looked_at is None or time.monotonic() - live.looked_at > LOOK_AT_TARGET_S
        if held is None or _is_live(held.grant) or not (due and await self._taken(id_)):
            live.looks = False
            return False
        live.looks, live.looked_at = False, time.monotonic()
        return True

    async def lies(self, id_: str, said: Mapping[str, Any] | None) -> None:
        """What the target says lies there, in the words of sync.model.Lies; None: it cannot say."""
        now, of = self._house.now(), await self._taken(id_)
        if said is None:
            self.live(id_).lies = Lies(now, of)
            return
        count, periods, size = (
            None if said[name] is None else int(said[name]) for name in ("count", "periods", "bytes")
        )
        self.live(id_).lies = Lies(now, of, str(said["thing"]), count or 0, periods, size)

    async def _taken(self, id_: str) -> int:
        """Of how many periods the target said that it took something."""
        return sum(bool(one.held) and one.points > 0 for one in (await self._ledger.parcels(id_)).values())

    async def again(self, id_: str) -> None:
        """A person says: all of it once more. What was acknowledged is forgotten, and so due."""
        await self._ledger.forget(id_)
        self.live(id_).lies = None
        self.poke(id_)

    def show(self, id_: str, link: str) -> None:
        """The page shows this address, where the owner says yes; ValueError for one that is not the target's own."""
        held = self._grants.get(id_)
        way = held.grant.way if held is not None else None
        asked, there = urlsplit(link), urlsplit("" if way is None else way.address)
        if way is None or asked.hostname != there.hostname:
            raise ValueError("it names an address of another host")
        if asked.scheme != "https" and not (asked.scheme == there.scheme == "http" and way.at_home):
            raise ValueError("it names an address that is not https")
        self.live(id_).link = link

    def poke(self, id_: str) -> None:
        """A person says: now. All of the past is compared, too."""
        live = self.live(id_)
        live.poke += 1
        live.looks = True
        live.settled_at = live.walked_at = None

    def take_away(self, keys: Collection[SeriesKey], start: int, end: int) -> None:
        """A person is about to take readings away (UTC seconds), or has: what was sent of them may follow. Waits for the card."""
        self._removals += 1
        self._ledger.take_away(keys, start, end)
        for live in tuple(self._live.values()):
            live.settled_at = live.walked_at = live.lying = None

    def keep(self, id_: str, secrets: Mapping[str, str]) -> None:
        """What opens the target from now on, sealed on the card when it returns; KeysError and OSError."""
        self._secrets.set_secrets(id_, secrets)

    async def brought(self, id_: str) -> dict[str, str] | None:
        """What the owner's browser brought back from the target; None if nothing came for a while."""
        live = self.live(id_)
        if live.brought is None:
            live.brought = asyncio.get_running_loop().create_future()
        asked = live.brought
        try:
            async with asyncio.timeout(BROUGHT_S):
                found = await asyncio.shield(asked)
        except TimeoutError:
            return None
        if live.brought is asked:  # what came between two questions was kept until here
            live.brought = None
        return found

    def bring(self, id_: str, fields: dict[str, str]) -> bool:
        """The owner's browser came back with this; False where nobody waits for it."""
        live = self.live(id_)
        if live.brought is None or live.brought.done():
            return False
        live.brought.set_result(fields)
        return True

    async def pieces(self, id_: str) -> list[Parcel]:
        """What still lies at the target, some of it: to be erased."""
        return list((await self._ledger.parcels(id_)).values())[:PIECES_MAX]

    async def erased(self, id_: str, periods: Sequence[str]) -> None:
        """These were taken away at the target."""
        there = await self._ledger.parcels(id_)
        gone = [there[name] for name in periods if name in there]
        if gone:
            body = {
                "grant": id_,
                "from": gone[0].start,
                "to": gone[-1].stop,
                "periods": len(gone),
                "points": sum(one.points for one in gone),
            }
            names = [one.period for one in gone]
            await self._ledger.put(self._house.now(), id_, (), (ledger.ERASED, body), gone=names)

    async def left(self, id_: str) -> None:
        """Nothing more is to be done at the target: what opened it is forgotten."""
        there = await self._ledger.parcels(id_)
        await self._grants.left(id_, {"points": sum(one.points for one in there.values())})
        await self._ledger.put(self._house.now(), id_, (), gone=list(there))
        self._secrets.set_secrets(id_, None)

    async def there(self, id_: str) -> tuple[int, int]:
        """How many figures of how many periods lie at the target."""
        found = await self._ledger.parcels(id_)
        return sum(one.points for one in found.values()), len(found)

    async def run(self) -> None:
        """As `look`, now and then, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    def periods(self, grant: Grant) -> int:
        """How many periods the readings of a grant fill by now."""
        first = self._house.first_at([one.key for one in grant.series])
        start, end = granted.span(grant, self._house.now(), first or 0, 1 << 62)
        if first is None or start >= end:
            return 0
        if _is_live(grant):
            return 1
        if grant.resolution is Resolution.RAW:  # ten years have 87,600 hours: counted, not gone through
            return len(range(start // HOUR_S, -(-end // HOUR_S)))
        return sum(1 for _ in periods(grant.resolution, self._house.zone, start, end))

    async def look(self, *, stopping: bool = False) -> None:
        """Write down the sums of live values that are due, or all. What the card refuses is tried again."""
        now = self._house.now()
        for id_, live in tuple(self._live.items()):
            if live.window is None or not (stopping or _is_over(live.window, now)):
                continue
            try:
                if notes := self._sum(id_):
                    await self._ledger.append(now, *notes)
            except LedgerError as error:
                log.warning("the sum of what was sent is not written: %s", error)
                continue
            self._close(id_)

    # -- what is due ----------------------------------------------------------------------------------------------------
    async def _make(self, id_: str, parcels_max: int) -> list[Made]:
        """The next parcels that differ from what lies at the target, oldest first."""
        held = self._grants.get(id_)
        if held is None or held.grant.way is None or not self._house.dating or not self._grants.is_in_force(held):
            return []
        async with self._walking:
            grant, live = held.grant, self.live(id_)
            if _is_live(grant):
                now = self._house.now() // LIVE_S * LIVE_S
            else:  # what a power cut would take from the card stays here: it would be lost at the target, too
                step_s = HOUR_S if grant.resolution in (Resolution.DAY, Resolution.MONTH) else STEP_S
                now = min(self._house.now(), self._house.saved_to) // step_s * step_s
            if live.settled_at == now:
                return []
            there = await self._ledger.parcels(id_)
            if live.lying is not None:
                there = {live.lying.period: live.lying}
            first = self._first(grant, there)
            start, end = granted.span(grant, now, first or 0, 1 << 62)
            if first is None or start >= end:
                return []
            if live.walked_at is None or time.monotonic() - live.walked_at > WALK_S:
                live.walked_at, live.walk_from = time.monotonic(), 0
            made: list[Made] = []
            values, going = 0, True
            if _is_live(grant):
                spans = iter([self._last(grant, end)])
            else:
                spans = periods(grant.resolution, self._house.zone, max(start, min(live.walk_from, end - 1)), end)
            for period in spans:
                one = await self._parcel(grant, period, there.get(period.name), now)
                if one is not None:
                    made.append(one)
                    values += one.points
                    going = len(made) < parcels_max and values < BATCH_VALUES_MAX
                if not going:
                    break
                if period.end <= end - OPEN_S[grant.resolution] and not made:
                    live.walk_from = period.end
            if not made:
                live.settled_at = now
            live.well_at = self._house.now() if live.answers and not made else None
            return made

    def _last(self, grant: Grant, end: int) -> Period:
        """Where the last figure is looked for: all that was ever sent live is one row, of one name."""
        if grant.resolution is Resolution.RAW:
            return Period(LIVE, end - STEP_S, end)
        (last,) = periods(grant.resolution, self._house.zone, end - 1, end)
        return replace(last, name=LIVE)

    def _first(self, grant: Grant, there: Mapping[str, Parcel]) -> int | None:
        """When what is to be compared begins: with the first reading, or one that may have been sent and was taken away."""
        kept = self._house.first_at([one.key for one in grant.series])
        open_ = (ledger.TAKEN, ledger.FOLLOWING, ledger.UNDERWAY)
        taken = [one.start for one in there.values() if one.sha256 in open_]
        return min(taken if kept is None else [kept, *taken], default=None)

    async def _parcel(self, grant: Grant, period: Period, there: Parcel | None, now: int) -> Made | None:
        """What is granted of a period by now, if it differs from what lies there; live, the last figure of each series."""
        taken = there is not None and there.sha256 in (ledger.TAKEN, ledger.FOLLOWING)
        # What the card lost is no reason to lose it at the target, too: what lies there is better than what is here.
        if there is not None and not taken and (there.sha256.startswith(ledger.LOST) or self._house.store_damaged):
            return None
        series: list[dict[str, object]] = []
        points = 0
        live = _is_live(grant)
        asked = (period.start, period.end)
        for one in grant.series:
            columns = (
                await granted.give(grant, one, self._house.zone, asked, now, self._house.indexes, self._house.raw)
            ).columns
            name = next(name for name in columns if name not in ("at", "until"))
            if live:
                last = next((i for i in reversed(range(len(columns[name]))) if columns[name][i] is not None), -1)
                columns = {name: cells[last:][:1] if last >= 0 else [] for name, cells in columns.items()}
            values = [None if value is None else format(value, "f") for value in columns[name]]
            until = {"until": columns["until"]} if "until" in columns else {}
            series.append({**one.body(), "at": columns["at"], **until, "value": values})
            ends = len(values) if live else sum(at < period.end for at in _times(columns))
            points += sum(value is not None for value in values[:ends])
        sha256 = hashlib.sha256(json.dumps(series, sort_keys=True).encode()).hexdigest()
        if there is not None and sha256 == there.sha256:
            return None
        if points == 0 and (there is None or (live and not taken)):  # live, a meter that is silent says nothing new
            return None
        made = Made(period, sha256, points, there, {})
        body = {
            "period": period.name,
            "from": period.start,
            "to": period.end,
            "resolution": grant.resolution,
            "revision": made.revision,
            "series": series if points else [],
            "held": (there.held or None) if there is not None else None,
        }
        return replace(made, body=body)

    # -- live values ----------------------------------------------------------------------------------------------------
    def _sum(self, id_: str) -> list[tuple[str, dict[str, object]]]:
        window, held = self.live(id_).window, self._grants.get(id_)
        if window is None or not window.batches or held is None:
            return []
        return [
            (
                ledger.SENT,
                {
                    "grant": id_,
                    "since": window.since,
                    "batches": window.batches,
                    "from": window.start,
                    "to": window.end,
                    "points": window.points,
                    "bytes": window.bytes,
                    "sha256": window.hash.hexdigest(),
                    "answer": window.answer,
                    "in_all": self._total(held, window).body(),
                },
            )
        ]

    def _total(self, held: Held, window: Window) -> Total:
        was = held.total
        return Total(was.reads + window.batches, was.points + window.points, was.bytes + window.bytes, window.since)

    def _close(self, id_: str) -> None:
        live, held = self.live(id_), self._grants.get(id_)
        if live.window is not None and held is not None:
            self._grants.moved(id_, self._total(held, live.window))
        live.window = None


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


def _times(columns: granted.Columns) -> list[int]:
    return [at for at in columns["at"] if isinstance(at, int)]


def _midnight(day: date, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, time_of_day(), zone).timestamp())


def _is_over(window: Window, now: int) -> bool:
    return not window.since <= now < window.since + LIVE_WINDOW_S


def _is_live(grant: Grant) -> bool:
    return grant.way is not None and grant.way.form is Form.LIVE
