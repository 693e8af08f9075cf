"""Grants: what an app may read, or a target is sent, or a person told; on whose word, until when. What stands is what the ledger's entries say."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from drivers.model import Medium, Quantity
from gateway import people
from gateway.chain import Entry
from gateway.ledger import ANEW, ERASED, READ, READS, RESTORED, DamagedLedgerError, Ledger, LedgerError
from gateway.model import SeriesKey
from gateway.telling import Telling
from gateway.way import Way

log = logging.getLogger(__name__)

GIVEN, WITHDRAWN, EXPIRED = "given", "withdrawn", "expired"
PAUSED, RESUMED = "paused", "resumed"
# After the end of a grant whose readings were sent: nothing is left to be done at its target.
LEFT = "left"
# Reads of so long are summed in one entry, which is written with the next read, or so much later: an app that asks
# each ten seconds costs the card one commit in ten minutes, and a kill takes ten minutes of sums at most.
WINDOW_S = 540
LATE_S = 60
LOOK_S = 5.0
# More apps than a home has; each of them is looked through at each read.
GRANTS_MAX = 100
# Of one app: who hangs up before its answer is worked out leaves the request behind, and could leave any number.
ASKING_MAX = 4
# Of each window so many series have an entry before their first answer; the rest is in the sum.
SERIES_NOTED_MAX = 8
# A grant that begins so far ahead was given while the clock was.
AHEAD_S = 600
SERIES_MAX = 1000
NAME_CHARACTERS_MAX = 80
PURPOSE_CHARACTERS_MAX = 300
AGENT_CHARACTERS_MAX = 200
GRANT_S_MAX = 366 * 86_400
TOKEN_BYTES = 32
ID_BYTES = 8
NOT_DATING = "the box does not know the time yet: nothing is given until it does"


class Resolution(StrEnum):
    """How fine: a step that is never undercut. Days and months are the home's own."""

    RAW = "raw"
    TEN_MINUTES = "10min"
    HALF_HOUR = "30min"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class GrantedSeries:
    """A series, and what it was called and measured when it was granted: the ledger says it in ten years, too."""

    key: SeriesKey
    name: str
    medium: Medium
    quantity: Quantity

    def body(self) -> dict[str, object]:
        quantity = self.quantity
        return {
            "series": str(self.key),
            "name": self.name,
            "medium": self.medium,
            "quantity": quantity.word,
            "unit": quantity.unit,
            "kind": quantity.kind,
        }

    @classmethod
    def read(cls, said: dict[str, Any]) -> GrantedSeries:
        measured = said["quantity"], said["unit"]
        quantity = next(one for one in Quantity if (one.word, one.unit) == measured)
        return cls(SeriesKey.parse(said["series"]), said["name"], Medium(said["medium"]), quantity)


@dataclass(frozen=True, slots=True)
class By:
    """Who did it: the browser and the address, as the list of who is logged in shows them."""

    agent: str
    address: str

    def body(self) -> dict[str, object]:
        # A browser may call itself anything, also what no text is.
        agent = self.agent.encode("utf-8", "replace").decode()[:AGENT_CHARACTERS_MAX]
        return {"agent": agent, "address": self.address}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is about to be granted: whom, what for, what, how fine, how late (`delay_s`) and for how long.

    Of messages: `telling`, and no series.
    """

    target: str
    operator: str
    purpose: str
    series: tuple[GrantedSeries, ...]
    resolution: Resolution
    delay_s: int
    lasts_s: int
    past: bool
    way: Way | None = None
    telling: Telling | None = None

    def check(self) -> None:
        """ValueError for what no form of ours lets through."""
        for name, text, characters_max in (
            ("target", self.target, NAME_CHARACTERS_MAX),
            ("operator", self.operator, NAME_CHARACTERS_MAX),
            ("purpose", self.purpose, PURPOSE_CHARACTERS_MAX),
        ):
            if not 1 <= len(text) <= characters_max or not text.isprintable():
                raise ValueError(f"{name}: 1 to {characters_max} characters are needed")
        if (self.telling is not None) is not (self.way is not None and self.way.is_for_messages):
            raise ValueError("telling: it is needed where messages are sent, and only there")
        if self.telling is not None:
            self.telling.check()
        elif not self.series:
            raise ValueError(f"series: 1 to {SERIES_MAX} are needed")
        if len(self.series) > (0 if self.telling is not None else SERIES_MAX):
            raise ValueError(f"series: at most {SERIES_MAX} are possible, and none where messages are sent")
        if self.delay_s < 0 or not 0 < self.lasts_s <= GRANT_S_MAX:
            raise ValueError(f"a delay, and an end within {GRANT_S_MAX} seconds, are needed")
        if self.way is not None:
            self.way.check()


@dataclass(frozen=True, slots=True)
class Grant:
    """A consent as it was given, which nothing changes. Times are UTC seconds; it is in force from `start` to `until`.

    Either an app reads, and `token_hash` is the SHA-256 of its token in hexadecimal, which itself is kept nowhere; or
    readings are sent, on their `way`; or messages are, and `telling` says about what.
    """

    id: str
    by: By
    target: str
    operator: str
    purpose: str
    series: tuple[GrantedSeries, ...]
    resolution: Resolution
    delay_s: int
    start: int
    until: int
    past: bool
    token_hash: str | None = field(default=None, repr=False)
    way: Way | None = None
    telling: Telling | None = None

    @property
    def data_from(self) -> int:
        """No reading from before this is given."""
        return 0 if self.past else self.start

    def one(self, series: str) -> GrantedSeries | None:
        """The series of this key, if it is granted."""
        return next((one for one in self.series if str(one.key) == series), None)

    def body(self) -> dict[str, object]:
        return {
            "grant": self.id,
            "by": self.by.body(),
            "target": self.target,
            "operator": self.operator,
            "purpose": self.purpose,
            "series": [one.body() for one in self.series],
            "resolution": self.resolution,
            "delay_s": self.delay_s,
            "from": self.start,
            "until": self.until,
            "past": self.past,
            **({"token_sha256": self.token_hash} if self.way is None else {"way": self.way.body()}),
            **({"telling": self.telling.body()} if self.telling is not None else {}),
        }

    @classmethod
    def read(cls, said: dict[str, Any]) -> Grant:
        return cls(
            said["grant"],
            By(said["by"]["agent"], said["by"]["address"]),
            said["target"],
            said["operator"],
            said["purpose"],
            tuple(GrantedSeries.read(one) for one in said["series"]),
            Resolution(said["resolution"]),
            said["delay_s"],
            said["from"],
            said["until"],
            said["past"],
            said.get("token_sha256"),
            Way.read(said["way"]) if "way" in said else None,
            Telling.read(said["telling"]) if "telling" in said else None,
        )


@dataclass(frozen=True, slots=True)
class Total:
    """What was read of a grant, or sent: how often, how many values, how many bytes, and when last."""

    reads: int = 0
    points: int = 0
    bytes: int = 0
    last_at: int | None = None

    def body(self) -> dict[str, int]:
        return {"reads": self.reads, "points": self.points, "bytes": self.bytes}


@dataclass(frozen=True, slots=True)
class Held:
    """A grant, and what became of it: `end` is the kind of entry that ended it, at `ended_at`; None while it stands.

    Of one that is sent: `erase`, what lies at its target is to be erased; `left`, nothing is to be done there any longer, and `stays` figures stay.
    """

    grant: Grant
    end: str | None = None
    ended_at: int | None = None
    total: Total = Total()
    paused: bool = False
    erase: bool = False
    left: bool = False
    stays: int = 0


def stand(entries: Iterable[Entry]) -> dict[str, Held]:
    """All grants ever given, by id, in the order in which they were, and how each stands.

    DamagedLedgerError names an entry that cannot be read: nobody knows then what stands.
    """
    found: dict[str, Held] = {}
    for entry in entries:
        try:
            _take(entry, found)
        except (ValueError, TypeError, KeyError, StopIteration):
            raise DamagedLedgerError(
                f"ledger.db: entry {entry.i} cannot be read; `releve ledger verify` says which was changed first"
            ) from None
    return found


def _take(entry: Entry, found: dict[str, Held]) -> None:
    said = entry.fields
    match entry.kind:
        case "given":
            found[said["grant"]] = Held(Grant.read(said))
        case "withdrawn" | "expired":
            if (held := found[said["grant"]]).end is None:
                found[said["grant"]] = replace(held, end=entry.kind, ended_at=entry.at, erase=said.get("erase", False))
        case "paused" | "resumed":
            found[said["grant"]] = replace(found[said["grant"]], paused=entry.kind == PAUSED)
        case "left":
            found[said["grant"]] = replace(found[said["grant"]], left=True, stays=said.get("points", 0))
        case "anew":
            found.clear()
        case "restored":
            for id_, held in found.items():
                if held.end is None:
                    found[id_] = replace(held, end=RESTORED, ended_at=entry.at, left=True)
        case kind if kind not in people.KINDS:
            raise ValueError


@dataclass(frozen=True, slots=True)
class Answer:
    """What an app is about to get: values of a series between two times, and the bytes that say it."""

    series: SeriesKey
    start: int
    end: int
    points: int
    data: bytes


class GrantError(Exception):
    """Why nothing is given, in one sentence."""


class NotDatingError(GrantError):
    """The box does not know the time, so nobody can say whether a grant is in force."""


class ShutError(GrantError):
    """The house is being handed back."""


class BusyError(Exception):
    """An app asks faster than it can be answered, in one sentence."""


@dataclass(slots=True)
class _Window:
    """Reads of one grant since `since`, to be summed in one entry."""

    since: int
    hash: Any = field(default_factory=hashlib.sha256)
    reads: int = 0
    series: set[str] = field(default_factory=set)
    start: int = 1 << 62
    end: int = 0
    points: int = 0
    bytes: int = 0

    def is_over(self, now: int, late_s: int = 0) -> bool:
        return not self.since <= now < self.since + WINDOW_S + late_s

    def add(self, answer: Answer) -> None:
        self.reads += 1
        self.series.add(str(answer.series))
        self.start, self.end = min(self.start, answer.start), max(self.end, answer.end)
        self.points += answer.points
        self.bytes += len(answer.data)
        self.hash.update(answer.data)


class Grants:
    """The grants of a house. Methods are called in the event loop; one entry after the other is written."""

    def __init__(
        self,
        ledger: Ledger,
        now: Callable[[], int],
        dating: Callable[[], bool],
        settled: Callable[[], bool] = lambda: True,
    ) -> None:
        """`dating`: the time is known; `settled`: and has been for a while, so that what has ended may be written down."""
        self._ledger = ledger
        self._now = now
        self._dating = dating
        self._settled = settled
        self._writing = asyncio.Lock()
        self._held, self.anew_at = self._found()
        for id_, held in self._held.items():
            self._held[id_] = replace(held, total=_total(ledger.last_moved(id_)))
        self._windows: dict[str, _Window] = {}
        # Taken back, and the card does not take the entry yet: nothing is read, and the entry is tried again.
        self._closed: dict[str, dict[str, object]] = {}
        self._trouble: str | None = None
        self._is_shut = False
        # One answer is worked out at a time: an app that asks without a pause must not keep the household waiting.
        self._reading = asyncio.Lock()
        self._asking: Counter[str] = Counter()

    def _found(self) -> tuple[dict[str, Held], int | None]:
        """What stands, and when it began anew; where that is damaged nothing stands: nobody knows what was given.

        LedgerError where the card only refuses: what was given may be there the next time.
        """
        try:
            entries = self._ledger.consents()
            held = stand(entries)
        except DamagedLedgerError as error:
            log.warning("%s: nothing that was given before stands any longer", error)
            return {}, self._ledger.begin_anew(self._now(), str(error)).at
        return held, next((entry.at for entry in entries if entry.kind == ANEW), None)

    def all(self) -> list[Held]:
        """Every grant ever given, the newest first; what is in no sum yet is counted."""
        return [self._counted(held) for held in reversed(self._held.values())]

    def get(self, id_: str) -> Held | None:
        held = self._held.get(id_)
        return None if held is None else self._counted(held)

    def is_in_force(self, held: Held) -> bool:
        """Whether it stands, is not paused, and its time is now, as far as the clock of this box is right."""
        stands = held.end is None and not held.paused and held.grant.id not in self._closed
        return stands and held.grant.start <= self._now() < held.grant.until

    def opened_by(self, token: str) -> Grant | None:
        """The grant in force that this token opens. NotDatingError while the box does not know the time.

        A token has 256 random bits: no delay is needed against guessing, nor a comparison in constant time.
        """
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
        for held in self._held.values():
            if held.grant.token_hash == digest and held.end is None:
                if not self._dating():
                    raise NotDatingError(NOT_DATING)
                return held.grant if self.is_in_force(held) else None
        return None

    async def give(self, id_: str, wish: Wish, by: By) -> tuple[Grant, str]:
        """Write the grant down; the app's token is said this once, and is empty where readings are sent. GrantError says why not.

        `id_` is of the caller's choosing (`new_id`), so that a form that is sent twice gives one grant.
        """
        wish.check()
        async with self._writing:
            now = self._now()
            if self._is_shut:
                raise ShutError("the house is being handed back")
            if not self._dating():
                raise NotDatingError(NOT_DATING)
            if id_ in self._held:
                raise GrantError("this was given already")
            if sum(held.end is None for held in self._held.values()) >= GRANTS_MAX:
                raise GrantError(f"{GRANTS_MAX} grants stand already: withdraw one first")
            token = "" if wish.way is not None else secrets.token_urlsafe(TOKEN_BYTES)
            grant = Grant(
                id_,
                by,
                wish.target,
                wish.operator,
                wish.purpose,
                wish.series,
                wish.resolution,
                wish.delay_s,
                now,
                now + wish.lasts_s,
                wish.past,
                hashlib.sha256(token.encode()).hexdigest() if token else None,
                wish.way,
                wish.telling,
            )
            (entry,) = await self._ledger.append(now, (GIVEN, grant.body()))
            self._held[id_] = Held(Grant.read(entry.fields))
            return grant, token

    @asynccontextmanager
    async def shut(self) -> AsyncIterator[None]:
        """From here on nothing is given, and what was about to be has been; where what is done within fails, it is again."""
        async with self._writing:
            self._is_shut = True
        try:
            yield
        except BaseException:
            self._is_shut = False
            raise

    async def withdraw(self, id_: str, by: By, *, erase: bool = False) -> bool:
        """End a grant, from this moment on; False where none of this id stands. `erase`: and what was sent, at its target.

        Where the card refuses the entry (LedgerError), it opens nothing until the program ends, and the entry is tried again.
        """
        async with self._writing:
            held = self._held.get(id_)
            if held is None or held.end is not None:
                return False
            undated = {} if self._dating() else {"dated": False}
            wished = {"erase": True} if erase and held.grant.way is not None else {}
            self._closed[id_] = {"grant": id_, "by": by.body(), **wished, **undated}
            await self._end(held, WITHDRAWN, self._closed[id_])
            return True

    async def pause(self, id_: str, by: By, *, paused: bool) -> bool:
        """From this moment on nothing is given under a grant that stands, or it is again; False where that is so already.

        LedgerError where the card refuses: then nothing has changed.
        """
        async with self._writing:
            held = self._held.get(id_)
            if held is None or held.end is not None or held.paused is paused:
                return False
            note = (PAUSED if paused else RESUMED, {"grant": id_, "by": by.body()})
            await self._ledger.append(self._now(), *self._sum(id_), note)
            self._close(id_)
            self._held[id_] = replace(self._held[id_], paused=paused)
            return True

    def moved(self, id_: str, total: Total) -> None:
        """So much was sent under this grant, and the ledger says so already."""
        self._held[id_] = replace(self._held[id_], total=total)

    async def left(self, id_: str, stays: int) -> None:
        """Nothing is to be done at its target any longer; so many figures stay there."""
        async with self._writing:
            if not self._held[id_].left:
                await self._ledger.append(self._now(), (LEFT, {"grant": id_, "points": stays}))
                self._held[id_] = replace(self._held[id_], left=True, stays=stays)

    @asynccontextmanager
    async def turn(self, grant: Grant) -> AsyncIterator[None]:
        """The turn of this app to have an answer worked out; BusyError where too many of its requests wait for theirs."""
        if self._asking[grant.id] >= ASKING_MAX:
            raise BusyError(f"{ASKING_MAX} requests with this token wait already: ask one after the other")
        self._asking[grant.id] += 1
        try:
            async with self._reading:
                yield
        finally:
            self._asking[grant.id] -= 1

    async def note(self, grant: Grant, answer: Answer) -> None:
        """Write down that this is about to be given; only then may it be sent. GrantError when it no longer may."""
        async with self._writing:
            now, held = self._now(), self._held[grant.id]  # the time first: asking for it shows that the clock was set
            if not self._dating():
                raise NotDatingError(NOT_DATING)
            if not self.is_in_force(held):
                raise GrantError("this access has ended")
            window = self._windows.get(grant.id)
            first = {"grant": grant.id, "series": str(answer.series), "from": answer.start, "to": answer.end}
            if window is None or window.is_over(now):
                await self._ledger.append(now, *self._sum(grant.id), (READ, first))
                self._close(grant.id)
                window = self._windows[grant.id] = _Window(now)
            elif str(answer.series) not in window.series and len(window.series) < SERIES_NOTED_MAX:
                await self._ledger.append(now, (READ, first))
            window.add(answer)

    async def run(self) -> None:
        """Write down what expires, and the sums that are due, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """As `run`, once. What the card refuses is tried again."""
        try:
            async with self._writing:
                now = self._now()
                for held in tuple(self._held.values()):
                    if held.end is None and held.grant.id in self._closed:
                        await self._end(held, WITHDRAWN, self._closed[held.grant.id])
                    elif held.end is None and self._dating() and self._settled() and self._is_past(held.grant, now):
                        await self._end(held, EXPIRED, {"grant": held.grant.id})
                for id_, window in tuple(self._windows.items()):
                    if window.is_over(now, LATE_S):
                        await self._ledger.append(now, *self._sum(id_))
                        self._close(id_)
        except LedgerError as error:
            if self._trouble is None:
                log.warning("the ledger is not written now, and is tried again: %s", error)
            self._trouble = str(error)
        else:
            self._trouble = None

    def _is_past(self, grant: Grant, now: int) -> bool:
        """At its end; or given while the clock was ahead, and it would wake up when nobody remembers it."""
        return now >= grant.until or grant.start > now + AHEAD_S

    async def stop(self) -> None:
        """Write the sums down: the program ends."""
        async with self._writing:
            notes = [note for id_ in self._windows for note in self._sum(id_)]
            notes += [(WITHDRAWN, body) for body in self._closed.values()]
            try:
                await self._ledger.append(self._now(), *notes)
            except LedgerError as error:
                log.warning("the last sums of what was read are not written: %s", error)
            for id_ in tuple(self._windows):
                self._close(id_)

    async def _end(self, held: Held, kind: str, body: dict[str, object]) -> None:
        id_ = held.grant.id
        entries = await self._ledger.append(self._now(), *self._sum(id_), (kind, body))
        self._close(id_)
        self._closed.pop(id_, None)
        erase = bool(body.get("erase", False))
        self._held[id_] = replace(self._held[id_], end=kind, ended_at=entries[-1].at, erase=erase)

    def _sum(self, id_: str) -> list[tuple[str, dict[str, object]]]:
        window = self._windows.get(id_)
        if window is None:
            return []
        total = self._counted(self._held[id_]).total
        return [
            (
                READS,
                {
                    "grant": id_,
                    "since": window.since,
                    "reads": window.reads,
                    "series": sorted(window.series),
                    "from": window.start,
                    "to": window.end,
                    "points": window.points,
                    "bytes": window.bytes,
                    "sha256": window.hash.hexdigest(),
                    "in_all": total.body(),
                },
            )
        ]

    def _close(self, id_: str) -> None:
        """Its sum is on the card."""
        self._held[id_] = self._counted(self._held[id_])
        self._windows.pop(id_, None)

    def _counted(self, held: Held) -> Held:
        window, total = self._windows.get(held.grant.id), held.total
        if window is None:
            return held
        more = Total(total.reads + window.reads, total.points + window.points, total.bytes + window.bytes, window.since)
        return replace(held, total=more)


def new_id() -> str:
    return secrets.token_hex(ID_BYTES)


def _total(last: Iterable[Entry]) -> Total:
    """Of the last entries that say what was read. A kill took what came after the last sum, but for when it began."""
    total = Total()
    for entry in last:
        if "in_all" in (said := entry.fields):
            total = Total(**said["in_all"], last_at=said.get("since", entry.at))
        elif entry.kind != ERASED:
            total = replace(total, last_at=max(entry.at, total.last_at or 0))
    return total
