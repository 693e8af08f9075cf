"""What is to be sent under grants, and what became of it: parcels that differ from what was acknowledged.

A parcel is all that is granted of one period. What lies at a target is a row a period in the ledger's file, with the
hash of the parcel that was acknowledged: so what is due is what differs, whatever happened in between (an outage, a
kill, a clock that was set, a late reading, a correction), and sending it again changes nothing.
"""

import asyncio
import contextlib
import hashlib
import logging
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from secrets import randbelow
from typing import Any, Protocol
from urllib.parse import urlsplit

from gateway import granted, ledger, parcels
from gateway.chain import canonical
from gateway.grants import Grant, Grants, Held, Resolution, Total
from gateway.keys import KeysError
from gateway.ledger import LIVE, Ledger, LedgerError, Parcel
from gateway.model import SeriesKey
from gateway.parcels import SOUND, Made, Period, is_live, periods
from gateway.store import StoreError
from gateway.walk import FAR, HELD_S, HOUR_S, OPEN_S, STEP_S, Walk, pieces
from gateway.window import Window

log = logging.getLogger(__name__)

# A batch is at most so much: as JSON about 1 MB, and a day of half-hours of 35 series is more than 1,600 values.
BATCH_VALUES_MAX = 20_000
BATCH_PARCELS_MAX = 100
# A live target is asked so often.
LIVE_S = 10
PIECES_MAX = 500
# A target that is opened is asked so often what lies there.
LOOK_AT_TARGET_S = 86_400.0
# Accesses that are about to be given; those that were not in the end go with the next start.
PAGES_MAX = 200
LOOK_S = 5.0
WALK_PAUSE_S = 0.2
BROUGHT_S = 25.0


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
    walk: Walk = field(default_factory=Walk)
    looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    due: int = 0  # how many parcels the last look found
    lacks: bool = False  # of one of them the target never took anything
    sent_to: int | None = None  # all that is granted of before lies there, as far as is known (UTC seconds)
    batch: int = 0
    handed: dict[str, Made] = field(default_factory=dict)
    removals: int = 0  # how often a person had taken readings away when it was handed out
    window: Window | None = None
    lying: Parcel | None = None  # of a live target, what lies there: each figure on the card would wear it


class House(parcels.House, Protocol):
    """What is needed of a house."""

    @property
    def dating(self) -> bool: ...
    @property
    def saved_to(self) -> int: ...
    async def commit(self) -> bool: ...
    def now(self) -> int: ...
    def first_at(self, keys: Collection[SeriesKey]) -> int | None: ...
    def unsaved_from(self, keys: Collection[SeriesKey]) -> int | None: ...


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
        self._removals = 0
        self._changed: dict[SeriesKey, int] = {}  # from when on, since the walks were told
        self._telling = threading.Lock()  # held for that alone: it is told in the store's thread, too
        self._left: set[str] = set()  # and what opened the target is not forgotten yet
        # Where a target sends its owner's browser back to: as the last who gave an access reached this box.
        self.page = ""
        # And as who gave this access did: a Cozy knows one address, which is never another one.
        self._pages = ledger_.pages()
        # After a restore nothing stands, and what opened the targets came back with the keys.
        try:
            ids = [held.grant.id for held in self.sent()]
            secrets.forget_secrets(ids)
            ledger_.forget_others(ids)
        except (KeysError, LedgerError, OSError) as error:
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
                do = "erase" if held.erase and grant.telling is None else "leave"  # no message comes back
            elif self._grants.is_in_force(held):
                do = "tell" if grant.telling is not None else "send"
            else:
                continue
            secrets, live = self._secrets.secrets(grant.id), self.live(grant.id)
            found.append(
                {
                    "grant": grant.id,
                    "do": do,
                    "way": grant.way.body(),
                    "secrets": secrets,
                    "page": self._pages.get(grant.id, self.page),
                    # A job that changes is begun again at once: another password, a person who says "now".
                    "stamp": hashlib.sha256(canonical([do, live.poke]).encode()).hexdigest()[:16],
                }
            )
        return found

    def live(self, grant: str) -> Live:
        """What is known of the target of a grant; of one that is none, or has been left, nothing is kept."""
        held = self._grants.get(grant)
        if held is None or held.grant.way is None or held.left:
            return Live()
        return self._live.setdefault(grant, Live())

    async def due(self, id_: str) -> bool:
        """Whether a batch would hold anything, as far as is known, or a person wants to know what lies there.

        While the walk is under way it may be true later. Never of messages.
        """
        if (held := self._grants.get(id_)) is None or held.grant.telling is not None:
            return False
        made = await self._make(id_, parcels_max=1)
        live = self.live(id_)
        return bool(made) or (live.looks and not live.walk.is_under_way)

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
        opens = live.window is None or live.window.is_over(now)
        if opens:
            notes = [*self._sum(id_), (ledger.SENDING, body)]
            await self._ledger.put(now, id_, [one.underway for one in made], *notes)
            self._close(id_)
        # Taken back, or read before a person took readings away, while the card wrote.
        held = self._grants.get(id_)
        if removals != self._removals:
            await self._ledger.forget_kept(id_)  # the figures themselves may be in it
            return None
        if held is None or not self._grants.is_in_force(held):
            return None
        if opens and is_live(held.grant):
            live.window = Window(now, made[0].period.start)
        live.batch, live.removals = number, removals
        live.handed = {one.period.name: one for one in made}
        return live.batch, [one.body for one in made]

    async def acknowledge(self, id_: str, batch: int, puts: Sequence[Mapping[str, Any]]) -> bool:
        """These parcels of the batch lie at the target, in the words of sync.model.Put; False for a batch that is not the last."""
        live, held = self.live(id_), self._grants.get(id_)
        if batch != live.batch or held is None or not puts:
            return False
        made = [live.handed[str(put["period"])] for put in puts]
        rows = [one.lying(str(put["held"])) for one, put in zip(made, puts, strict=True) if one.points]
        gone = [one.period.name for one in made if not one.points]
        now, points = self._house.now(), sum(one.points for one in made)
        if (window := live.window) is not None:
            if not window.batches or gone or any(row.held != (live.lying and live.lying.held) for row in rows):
                await self._ledger.put(now, id_, rows, gone=gone)
            # What a person took away since it was handed out is to be looked up in the ledger.
            live.lying = rows[-1] if rows and live.removals == self._removals else None
            window.add(made[-1].period.end, points, puts)
        else:
            sizes = sum(int(put["bytes"]) for put in puts)
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
        if not live.handed and live.walk.reach is not None:
            live.walk.passed(live.walk.reach)
        live.due = max(0, live.due - len(made))
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

    def settled(self, id_: str) -> None:
        """All that was to be told is told."""
        self.live(id_).well_at = self._house.now()

    async def looks(self, id_: str) -> bool:
        """Whether the target is to be asked now what lies there: a person says so, or nobody asked it for a day. Says so once.

        Not before all that is due was found.
        """
        live, held = self.live(id_), self._grants.get(id_)
        if live.walk.is_under_way:
            return False
        due = live.looks or live.looked_at is None or time.monotonic() - live.looked_at > LOOK_AT_TARGET_S
        if held is None or is_live(held.grant) or not (due and await self._ledger.taken(id_)):
            live.looks = False
            return False
        live.looks, live.looked_at = False, time.monotonic()
        return True

    async def lies(self, id_: str, said: Mapping[str, Any] | None) -> None:
        """What the target says lies there, in the words of sync.model.Lies; None: it cannot say."""
        now, of = self._house.now(), await self._ledger.taken(id_)
        if said is None:
            self.live(id_).lies = Lies(now, of)
            return
        self.live(id_).lies = Lies(now, of, said["thing"], said["count"], said["periods"], said["bytes"])

    async def again(self, id_: str) -> None:
        """A person says: all of it once more. What was acknowledged is forgotten, and so due."""
        live = self.live(id_)
        live.batch, live.handed = 0, {}  # what was handed out before, and is acknowledged after, may be gone in between
        await self._ledger.doubt(id_)
        live.lies = None
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
        live.walk = Walk()

    def changed(self, keys: Collection[SeriesKey], start: int) -> None:
        """Readings of these series from a time on (UTC seconds) were put in late, or are counted otherwise: in any thread."""
        with self._telling:
            for key in keys:
                self._changed[key] = min(start, self._changed.get(key, start))

    def take_away(self, keys: Collection[SeriesKey], start: int, end: int) -> None:
        """A person is about to take readings away (UTC seconds), or has: what was sent of them may follow. Waits for the card."""
        self._removals += 1
        self._ledger.take_away(keys, start, end)
        self.changed(keys, start)
        for live in tuple(self._live.values()):
            live.lying = live.walk.settled_at = None

    def keep(self, id_: str, secrets: Mapping[str, str]) -> None:
        """What opens the target from now on, sealed on the card when it returns.

        Of a grant that is about to be given `page` is kept, too. KeysError where it cannot be sealed or is too much, OSError
        and LedgerError where the card refuses: then what opened it before still does.
        """
        if self.page and self._grants.get(id_) is None and len(self._pages) < PAGES_MAX:
            self._ledger.set_page(id_, self.page)
            self._pages[id_] = self.page
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
        return await self._ledger.pieces(id_, PIECES_MAX)

    async def erased(self, id_: str, periods: Sequence[str]) -> None:
        """These were taken away at the target."""
        gone = await self._ledger.named(id_, periods)
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
        """Nothing more is to be done at the target: what opened it is forgotten. As `keep`, where that is refused.

        The entry comes first: without what opens it nothing could be done there. What is refused after it is tried again.
        """
        await self._grants.left(id_, (await self.there(id_))[0])
        self._live.pop(id_, None)
        self._pages.pop(id_, None)
        self._left.add(id_)
        await self._forget(id_)

    async def _forget(self, id_: str) -> None:
        self._secrets.set_secrets(id_, None)
        await self._ledger.forget(id_)
        self._left.discard(id_)

    async def there(self, id_: str) -> tuple[int, int]:
        """How many figures of how many periods lie at the target."""
        return await self._ledger.lying(id_)

    def all_there_to(self, id_: str) -> int | None:
        """Before when (UTC seconds) all that is granted lies there, as far as is known; None where none is known to be missing."""
        live = self.live(id_)
        return live.sent_to if live.lacks else None

    async def run(self) -> None:
        """As `look`, now and then, and the walks go on; until cancelled."""
        while True:
            began = time.monotonic()
            walking = await self._go_on()
            await self.look()
            # Half of the time is the house's: who looks at a curve meanwhile must not wait for each piece.
            await asyncio.sleep(max(WALK_PAUSE_S, time.monotonic() - began) if walking else LOOK_S)

    async def look(self, *, stopping: bool = False) -> None:
        """Write down the sums of live values that are due, or all; forget what is to be forgotten. What the card refuses is tried again."""
        for id_ in tuple(self._left):
            with contextlib.suppress(KeysError, LedgerError, OSError):  # it was said when it was refused first
                await self._forget(id_)
        now = self._house.now()
        for id_, live in tuple(self._live.items()):
            if live.window is None or not (stopping or live.window.is_over(now)):
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
        """The next parcels that differ from what lies at the target, oldest first, of a piece of the walk.

        None may be found though some are due: then the walk is under way, and goes on at the next ask, or by itself.
        """
        held = self._grants.get(id_)
        if held is None or held.grant.way is None or not self._house.dating or not self._grants.is_in_force(held):
            return []
        if held.grant.telling is not None:  # gateway/teller.py
            return []
        live = self.live(id_)
        async with live.looking:
            self._tell_walks()
            made = await (
                self._last_figure(held.grant, live)
                if is_live(held.grant)
                else self._look(held.grant, live, parcels_max)
            )
            live.due, live.lacks = len(made), not is_live(held.grant) and any(one.is_first for one in made)
            if made:
                live.sent_to = made[0].period.start
            elif (reached := live.walk.at or live.walk.settled_at) is not None:
                live.sent_to = max(live.sent_to or 0, reached)
            if made or not live.answers:
                live.well_at = None
            elif live.walk.settled_at == live.walk.now:
                live.well_at = self._house.now()
            return made

    async def _look(self, grant: Grant, live: Live, parcels_max: int) -> list[Made]:
        walk, zone = live.walk, self._house.zone
        # What a power cut would take from the card stays here: it would be lost at the target, too.
        step_s = HOUR_S if grant.resolution in (Resolution.DAY, Resolution.MONTH) else STEP_S
        now = min(self._house.now(), self._house.saved_to) // step_s * step_s
        if not walk.begin(now, time.monotonic()):
            return []
        keys = [one.key for one in grant.series]
        start, end = await self._span(grant, now)
        if start >= end:
            return []
        begin = max(start, min(walk.start, end - 1))
        piece = list(islice(periods(grant.resolution, zone, begin, end), pieces(grant)))
        there = await self._ledger.parcels(grant.id, piece[0].name, piece[-1].name)
        if not walk.is_under_way:  # what was open when the look began is looked at again, however long it takes
            walk.open_from = end - OPEN_S[grant.resolution]
        made: list[Made] = []
        sound: list[str] = []
        values, reach = 0, begin
        for period in piece:
            lies = there.get(period.name)
            one = await parcels.make(self._house, self._ledger, grant, period, lies, now, walk.open_from)
            if one == SOUND:
                sound.append(period.name)
                one = None
                if lies is not None and lies.sha256.startswith(ledger.LOST + ledger.DOUBTED):
                    lies = replace(lies, sha256=ledger.UNDERWAY)
                    again = await parcels.make(self._house, self._ledger, grant, period, lies, now, walk.open_from)
                    one = again if isinstance(again, Made) else None
            if one is not None:
                unsaved = self._house.unsaved_from(keys)  # now: what came while it was made is in it
                if unsaved is not None and unsaved <= min(period.end, end) and not await self._is_brought(walk):
                    break
                made.append(one)
                values += one.points
            elif not made:
                walk.passed(period.end)
            reach = period.end
            if len(made) >= parcels_max or values >= BATCH_VALUES_MAX:
                break
        if sound:
            await self._ledger.sound(grant.id, sound)
        walk.reach = reach
        if not made and reach >= end:
            walk.settle()
        return made

    async def _is_brought(self, walk: Walk) -> bool:
        """Whether what waits for the card was brought there: not at once, for the next minute does it, but a meter whose clock is slow is always late."""
        now = time.monotonic()
        if walk.held_at is None:
            walk.held_at = now
        if now - walk.held_at < HELD_S or not await self._house.commit():
            return False
        walk.held_at = None
        return True

    async def _last_figure(self, grant: Grant, live: Live) -> list[Made]:
        now = self._house.now() // LIVE_S * LIVE_S
        if not live.walk.begin(now, time.monotonic()):
            return []
        start, end = await self._span(grant, now)
        if start >= end:
            return []
        there = live.lying or (await self._ledger.parcels(grant.id, LIVE, LIVE)).get(LIVE)
        made = await parcels.make(self._house, self._ledger, grant, self._last(grant, end), there, now, FAR)
        if isinstance(made, Made):
            return [made]
        live.walk.settle()
        return []

    def _last(self, grant: Grant, end: int) -> Period:
        """Where the last figure is looked for: all that was ever sent live is one row, of one name."""
        if grant.resolution is Resolution.RAW:
            return Period(LIVE, end - STEP_S, end)
        (last,) = periods(grant.resolution, self._house.zone, end - 1, end)
        return replace(last, name=LIVE)

    async def _span(self, grant: Grant, now: int) -> tuple[int, int]:
        """What is to be compared: from the first reading, or one that may have been sent and was taken away; empty where the two are equal."""
        firsts = self._house.first_at([one.key for one in grant.series]), await self._ledger.open_from(grant.id)
        first = min((at for at in firsts if at is not None), default=FAR)
        return granted.span(grant, now, first, FAR)

    def _tell_walks(self) -> None:
        """What changed since the last time, each walk that it concerns."""
        with self._telling:
            changed, self._changed = self._changed, {}
        for id_, live in self._live.items() if changed else ():
            held = self._grants.get(id_)
            for one in held.grant.series if held is not None else ():
                if one.key in changed:
                    live.walk.changed(changed[one.key])

    async def _go_on(self) -> bool:
        """A piece of each walk that is under way, and has found nothing yet; whether there was one."""
        went = False
        for held in self.sent():
            live = self._live.get(held.grant.id)
            if live is not None and live.walk.is_under_way and not live.due and self._grants.is_in_force(held):
                with contextlib.suppress(LedgerError, StoreError, OSError):  # said where the sync process asks
                    await self._make(held.grant.id, parcels_max=1)
                    went = True
        return went

    # -- live values ----------------------------------------------------------------------------------------------------
    def _sum(self, id_: str) -> list[tuple[str, dict[str, object]]]:
        window, held = self.live(id_).window, self._grants.get(id_)
        if window is None or not window.batches or held is None:
            return []
        return [(ledger.SENT, window.body(id_, held.total))]

    def _close(self, id_: str) -> None:
        live, held = self.live(id_), self._grants.get(id_)
        if live.window is not None and held is not None:
            self._grants.moved(id_, live.window.total(held.total))
        live.window = None
