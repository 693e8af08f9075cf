"""What must survive and must not be forged: accounts and sessions of this box, and its ledger, in `ledger.db`.

The ledger is what was consented to, read and sent: entries that are added, chained by their hashes (`gateway/chain.py`),
and never changed or removed. A small SQLite file of its own, with FULL commits: a login that was confirmed is on the card.
One thread does all of it; the methods are awaited from the event loop.
"""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gateway import chain, database
from gateway.chain import Entry
from gateway.model import SeriesKey
from gateway.roles import Account, Role

SESSION_IDLE_S_MAX = 30 * 86400
SESSION_S_MAX = 180 * 86400
# One that was seen later than now was opened under a clock that was ahead, and would not grow old.
SESSION_AHEAD_S_MAX = 86400
# Of an account. A household has phones and tablets; a script that logs in each minute must not fill the card.
SESSIONS_MAX = 100
# "Last seen" is written this often, a hundred KB each time (bench/wear.py); what came since is in memory.
SEEN_PACE_S = 86400
AGENT_CHARACTERS_MAX = 200

_MIGRATIONS = (
    """
CREATE TABLE password (one INTEGER PRIMARY KEY CHECK (one = 1), hash TEXT NOT NULL, set_at INTEGER NOT NULL) STRICT;
CREATE TABLE session (
    id INTEGER PRIMARY KEY, token BLOB NOT NULL UNIQUE, opened_at INTEGER NOT NULL, seen_at INTEGER NOT NULL,
    address TEXT NOT NULL, agent TEXT NOT NULL
) STRICT;
""",
    # A new row has the next number, so that none can be replaced: REPLACE asks no trigger that forbids DELETE.
    """
CREATE TABLE entry (
    i INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE INDEX entry_of_grant ON entry (json_extract(body, '$.grant'), i);
CREATE INDEX entry_of_consent ON entry (i) WHERE kind NOT IN ('read', 'reads');
CREATE TRIGGER entry_added BEFORE INSERT ON entry WHEN NEW.i IS NOT (SELECT coalesce(max(i), 0) + 1 FROM entry)
    BEGIN SELECT RAISE(ABORT, 'an entry follows the last one'); END;
CREATE TRIGGER entry_changed BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'an entry is never changed'); END;
CREATE TRIGGER entry_removed BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'an entry is never removed'); END;
""",
    # What lies at a target, a row a period: gateway/outbox.py.
    """
CREATE TABLE parcel (
    grant_id TEXT NOT NULL, period TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, sha256 TEXT NOT NULL,
    points INTEGER NOT NULL, revision INTEGER NOT NULL, held TEXT NOT NULL, PRIMARY KEY (grant_id, period)
) STRICT, WITHOUT ROWID;
DROP INDEX entry_of_consent;
CREATE INDEX entry_of_consent ON entry (i) WHERE kind NOT IN ('read', 'reads', 'sending', 'sent', 'erased');
""",
    # The household's one password becomes its account. A number is never used again: a login that is being checked
    # while its account is ended must not open another one's.
    """
CREATE TABLE account (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    role TEXT NOT NULL UNIQUE CHECK (role IN ('occupant', 'guest', 'installer', 'landlord')),
    name TEXT NOT NULL, hash TEXT NOT NULL, set_at INTEGER NOT NULL, until INTEGER
) STRICT;
INSERT INTO account SELECT 1, 'occupant', '', hash, set_at, NULL FROM password;
DROP TABLE password;
ALTER TABLE session ADD COLUMN account INTEGER NOT NULL DEFAULT 1;
CREATE TABLE handover (
    one INTEGER PRIMARY KEY CHECK (one = 1), since INTEGER NOT NULL, hash TEXT, until INTEGER, taken_at INTEGER
) STRICT;
""",
    # What was sent of periods that may still grow; what may differ from what lies there; and where browsers come back to.
    """
ALTER TABLE parcel ADD COLUMN kept TEXT NOT NULL DEFAULT '';
CREATE INDEX parcel_open ON parcel (grant_id, start) WHERE sha256 IN ('taken', 'taken, underway', 'underway');
CREATE INDEX parcel_kept ON parcel (grant_id, stop) WHERE kept <> '';
CREATE TABLE page (grant_id TEXT PRIMARY KEY, address TEXT NOT NULL) STRICT, WITHOUT ROWID;
""",
    # What services found, a row an event: gateway/alerts.py. A number that a page named is never another story's.
    """
CREATE TABLE story (
    id INTEGER PRIMARY KEY AUTOINCREMENT, service TEXT NOT NULL, point TEXT NOT NULL, kind TEXT NOT NULL,
    since INTEGER NOT NULL, grounds TEXT NOT NULL, rank INTEGER NOT NULL, found_at INTEGER NOT NULL,
    worst INTEGER NOT NULL, raised_at INTEGER NOT NULL, seen_at INTEGER, snoozed_until INTEGER, solved_at INTEGER
) STRICT;
CREATE UNIQUE INDEX story_open ON story (service, point) WHERE solved_at IS NULL;
""",
    # What a person was told under a grant, a row a message: gateway/teller.py.
    """
CREATE TABLE message (
    grant_id TEXT NOT NULL, name TEXT NOT NULL, at INTEGER NOT NULL, told_at INTEGER, PRIMARY KEY (grant_id, name)
) STRICT, WITHOUT ROWID;
DROP INDEX entry_of_consent;
CREATE INDEX entry_of_consent ON entry (i)
    WHERE kind NOT IN ('read', 'reads', 'sending', 'sent', 'erased', 'telling', 'told');
""",
    # What a message is called elsewhere was worked out from its name, and could be guessed by who knew the grant's.
    """
ALTER TABLE message ADD COLUMN word TEXT NOT NULL DEFAULT '';
UPDATE message SET word = lower(hex(randomblob(12)));
""",
)
SCHEMA_VERSION = len(_MIGRATIONS)
# What was read of a grant, and what was sent or told under it; all other kinds change what stands.
READ, READS = "read", "reads"
SENDING, SENT, ERASED = "sending", "sent", "erased"
TELLING, TOLD = "telling", "told"
_MOVED = f"('{READ}', '{READS}', '{SENDING}', '{SENT}', '{ERASED}', '{TELLING}', '{TOLD}')"
# The house was put back from a back-up: what was withdrawn since then is not known, so nothing given before stands.
RESTORED = "restored"
# The file, or what it said of consents, was damaged: nothing given before stands.
ANEW = "anew"
UNDERWAY, TAKEN, LOST = "underway", "taken", "lost "
# The one period of all that is sent live: what lies there is the last figure, and the next one knows of no loss.
LIVE = "live"
# Taken, and handed out since: until it is acknowledged it is both.
FOLLOWING = "taken, underway"
# Before the hash: a person wants it sent again. Behind `LOST`, too: then it is if nothing of it turns out to be lost.
DOUBTED = "doubted "
# What was sent of a period is kept until so long after it has ended.
KEPT_S = 7 * 86_400
_COLUMNS = "SELECT i, at, kind, body, hash FROM entry"
_PARCEL = "SELECT period, start, stop, sha256, points, revision, held FROM parcel"
_SESSIONS = """SELECT session.id, opened_at, seen_at, address, agent, account, role, until
FROM session JOIN account ON account.id = session.account"""

_PUT = f"""
INSERT INTO parcel VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    start = excluded.start, stop = excluded.stop, points = excluded.points, revision = excluded.revision,
    held = excluded.held, sha256 = CASE
        WHEN excluded.sha256 = '{UNDERWAY}' AND sha256 IN ('{TAKEN}', '{FOLLOWING}') THEN '{FOLLOWING}'
        WHEN sha256 = '{TAKEN}' THEN '{TAKEN}'
        WHEN sha256 LIKE '{LOST}%' AND period <> '{LIVE}' THEN '{LOST}' || excluded.sha256
        ELSE excluded.sha256 END,
    kept = CASE
        WHEN sha256 = '{TAKEN}' OR excluded.sha256 = '{UNDERWAY}' AND sha256 = '{FOLLOWING}' THEN ''
        ELSE excluded.kept END
"""  # noqa: S608 - our own words
_TAKE_AWAY = f"""
UPDATE parcel SET sha256 = ?, kept = '' WHERE stop > ? AND start < ? AND grant_id IN (
    SELECT json_extract(body, '$.grant') FROM entry, json_each(body, '$.series') AS one
    WHERE kind NOT IN {_MOVED} AND kind = 'given'
    AND json_extract(one.value, '$.series') IN (SELECT value FROM json_each(?)))
"""  # noqa: S608 - our own words
_OPEN_FROM = f"""
SELECT min(start) FROM parcel WHERE grant_id = ? AND sha256 IN ('{TAKEN}', '{FOLLOWING}', '{UNDERWAY}')
"""  # noqa: S608 - our own words
_DOUBT = f"""
UPDATE parcel SET sha256 = CASE
    WHEN sha256 LIKE '{LOST}%' THEN '{LOST}{DOUBTED}' || substr(sha256, {len(LOST) + 1}) ELSE '{DOUBTED}' || sha256 END
WHERE grant_id = ? AND sha256 NOT IN ('{TAKEN}', '{FOLLOWING}', '{UNDERWAY}')
    AND sha256 NOT LIKE '{DOUBTED}%' AND sha256 NOT LIKE '{LOST}{DOUBTED}%'
"""  # noqa: S608 - our own words
_SOUND = f"""
UPDATE parcel SET sha256 = substr(sha256, {len(LOST) + 1}) WHERE grant_id = ? AND period = ? AND sha256 LIKE '{LOST}%'
"""  # noqa: S608 - our own words
_FORGET_KEPT = "UPDATE parcel SET kept = '' WHERE grant_id = ? AND kept <> ''"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that may read this box, as `role`, up to `until` (UTC seconds; None: no such bound).

    Its token is known to that browser only; a hash of it is kept.
    """

    id: int
    opened_at: int
    seen_at: int
    address: str
    agent: str
    account: int
    role: Role
    until: int | None


@dataclass(frozen=True, slots=True)
class Parcel:
    """What lies at a target of one period (UTC seconds): of the parcel that was acknowledged last, how much, and its SHA-256.

    Instead of that, `UNDERWAY`: another was handed out since, and may have arrived; `TAKEN`: a person took readings away
    since, and `FOLLOWING`, both. Behind `LOST`: the card lost readings since; behind `DOUBTED`, and a person wants all
    sent again. `held` is the target's own word for it, empty before the first acknowledgement.
    `kept` is what it says, in JSON, of a period that may still grow; it is empty in what is read, but by `Ledger.kept`.
    """

    period: str
    start: int
    stop: int
    sha256: str
    points: int
    revision: int
    held: str
    kept: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """When it was handed out first, and when it is known to have arrived; None: no answer came. UTC seconds.

    `word` is what it is called outside, drawn at random: it says nothing of what it is about.
    """

    at: int
    told_at: int | None = None
    word: str = ""


class LedgerError(Exception):
    """The file cannot be used, said in one line."""


class DamagedLedgerError(LedgerError):
    """The file is no database any longer, or an entry is not what was written: a card that only refuses may do so for a while."""


class Ledger:
    """The only owner of `ledger.db`."""

    def __init__(self, db: sqlite3.Connection, executor: ThreadPoolExecutor) -> None:
        self._db = db
        self._executor = executor
        self._seen: dict[int, int] = {}  # by session; of the ledger's thread

    @classmethod
    def open(cls, path: Path) -> "Ledger":
        """Open the file, or make it; LedgerError when it is broken or newer than this program."""
        executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        try:
            return cls(executor.submit(_open, path).result(), executor)
        except (sqlite3.Error, LedgerError) as error:
            executor.shutdown()
            raise error if isinstance(error, LedgerError) else _refusal(path.name, error) from None

    def close(self) -> None:
        self._executor.submit(self._db.close).result()
        self._executor.shutdown()

    def backup(self, path: Path, now: int) -> None:
        """Copy the household's password and the entries into a new file at `path`, which `open` takes.

        Sessions are this box's alone, and others' accounts may have been ended since. The copy ends with an entry that
        says what it is: no grant stands in it.
        """

        def work() -> None:
            database.copy(self._db, path)
            with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as copied:
                if _last(copied) is not None:
                    with _transaction(copied):
                        add_entry(copied, now, RESTORED, {})
                copied.execute("DELETE FROM session")
                copied.execute("DELETE FROM parcel")
                copied.execute("DELETE FROM page")
                copied.execute("DELETE FROM account WHERE role <> ?", (Role.OCCUPANT,))
                copied.execute("UPDATE handover SET hash = NULL")
                copied.execute("VACUUM")

        try:
            self._executor.submit(work).result()
        except sqlite3.Error as error:
            raise LedgerError(f"{path}: {error}") from None

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """LedgerError where the card refuses."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, lambda: work(self._db))
        except sqlite3.Error as error:
            raise LedgerError(f"ledger.db: {error}") from None

    async def change(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Work of one transaction: all of it, or nothing; on the card when it returns."""

        def whole(db: sqlite3.Connection) -> T:
            with _transaction(db):
                return work(db)

        return await self._run(whole)

    async def open_session(self, token: bytes, now: int, address: str, agent: str, account: Account) -> bool:
        """False where the account was ended, or its password changed, since it was looked at."""

        def work(db: sqlite3.Connection) -> bool:
            _expire(db, now)
            opened = db.execute(
                "INSERT INTO session (token, opened_at, seen_at, address, agent, account) "
                "SELECT ?, ?, ?, ?, ?, id FROM account WHERE id = ? AND hash = ?",
                (token, now, now, address, agent[:AGENT_CHARACTERS_MAX], account.id, account.hash),
            )
            db.execute(
                "DELETE FROM session WHERE account = ? AND id NOT IN "
                "(SELECT id FROM session WHERE account = ? ORDER BY seen_at DESC, id DESC LIMIT ?)",
                (account.id, account.id, SESSIONS_MAX),
            )
            return opened.rowcount == 1

        return await self.change(work)

    async def session(self, token: bytes, now: int) -> Session | None:
        """The session this hashed token opens, if it is not too old; being asked keeps it from growing idle."""

        def work(db: sqlite3.Connection) -> Session | None:
            row = db.execute(f"{_SESSIONS} WHERE token = ?", (token,)).fetchone()
            if row is None:
                return None
            found = self._as_seen(row)
            idle_s = now - found.seen_at
            if not -SESSION_AHEAD_S_MAX <= idle_s <= SESSION_IDLE_S_MAX or now - found.opened_at > SESSION_S_MAX:
                db.execute("DELETE FROM session WHERE id = ?", (found.id,))
                return None
            if now - row[2] >= SEEN_PACE_S:
                db.execute("UPDATE session SET seen_at = ? WHERE id = ?", (now, found.id))
            self._seen[found.id] = now
            return found

        return await self._run(work)

    async def sessions(self, now: int) -> list[Session]:
        """Who may read this box, the latest first."""

        def work(db: sqlite3.Connection) -> list[Session]:
            _expire(db, now)
            rows = db.execute(f"{_SESSIONS} ORDER BY seen_at DESC, session.id DESC")
            return sorted(map(self._as_seen, rows), key=lambda session: session.seen_at, reverse=True)

        return await self._run(work)

    async def renew_session(self, session: int, now: int) -> None:
        """As if it were opened now: the clock was set, and its times meant nothing."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("UPDATE session SET opened_at = ?, seen_at = ? WHERE id = ?", (now, now, session))
            self._seen[session] = now

        await self._run(work)

    def _as_seen(self, row: Sequence[Any]) -> Session:
        id_, opened_at, seen_at, address, agent, account, role, until = row
        seen_at = max(seen_at, self._seen.get(id_, 0))
        return Session(id_, opened_at, seen_at, address, agent, account, Role(role), until)

    async def end_session(self, session: int) -> None:
        await self._run(lambda db: db.execute("DELETE FROM session WHERE id = ?", (session,)))

    # -- the ledger ---------------------------------------------------------------------------------------------------
    async def append(self, now: int, *notes: tuple[str, Mapping[str, object]]) -> list[Entry]:
        """Add an entry for each (kind, body), all or none; they are on the card when it returns."""

        def work(db: sqlite3.Connection) -> list[Entry]:
            with _transaction(db):
                return [add_entry(db, now, kind, body) for kind, body in notes]

        return await self._run(work)

    def consents(self) -> list[Entry]:
        """All entries that change what stands, in order, from where it began anew; waits for the card.

        LedgerError where it refuses, DamagedLedgerError where one is not what its hash says.
        """
        anew = f"(SELECT coalesce(max(i), 0) FROM entry WHERE kind = '{ANEW}')"  # noqa: S608 - our own word
        asked = f"{_COLUMNS} WHERE i > 0 AND i >= {anew} AND kind NOT IN {_MOVED} ORDER BY i"

        def work(db: sqlite3.Connection) -> list[Entry]:
            found = [_entry(row) for row in db.execute(asked)]
            for each in found:
                before = db.execute(f"{_COLUMNS} WHERE i = ?", (each.i - 1,)).fetchone()
                if not chain.follows(_entry(before) if before else None, each):
                    raise DamagedLedgerError(f"ledger.db: entry {each.i} is not what its hash says")
            return found

        return self.ask(work)

    def begin_anew(self, now: int, why: str) -> Entry:
        """From here on nothing that was given before stands; waits for the card. LedgerError where it refuses."""

        def work(db: sqlite3.Connection) -> Entry:
            with _transaction(db):
                return add_entry(db, now, ANEW, {"because": why})

        return self.ask(work)

    def last_moved(self, grant: str) -> list[Entry]:
        """The last entries that say what was read of a grant, or sent under it, one a kind at most, in order; waits."""
        asked = f"{_COLUMNS} WHERE json_extract(body, '$.grant') = ? AND kind = ? ORDER BY i DESC LIMIT 1"

        def work(db: sqlite3.Connection) -> list[Entry]:
            found = [
                _entry(row) for kind in (READS, READ, SENT, ERASED, TOLD) for row in db.execute(asked, (grant, kind))
            ]
            return sorted(found, key=lambda one: one.i)

        return self.ask(work)

    # -- what lies at targets -----------------------------------------------------------------------------------------
    async def parcels(self, grant: str, first: str, last: str) -> dict[str, Parcel]:
        """What lies at the target of a grant of the periods from `first` to `last`, by their names, in order."""
        asked = f"{_PARCEL} WHERE grant_id = ? AND period BETWEEN ? AND ? ORDER BY period"
        return await self._run(lambda db: {row[0]: Parcel(*row) for row in db.execute(asked, (grant, first, last))})

    async def taken(self, grant: str) -> int:
        """Of how many periods the target said that it took something."""
        asked = "SELECT count(*) FROM parcel WHERE grant_id = ? AND held <> '' AND points > 0"
        return await self._run(lambda db: int(db.execute(asked, (grant,)).fetchone()[0]))

    async def named(self, grant: str, periods: Iterable[str]) -> list[Parcel]:
        """What lies there of these periods."""
        asked = f"{_PARCEL} WHERE grant_id = ? AND period IN (SELECT value FROM json_each(?)) ORDER BY period"  # noqa: S608 - our own words
        names = json.dumps(list(periods))
        return await self._run(lambda db: [Parcel(*row) for row in db.execute(asked, (grant, names))])

    async def pieces(self, grant: str, count: int) -> list[Parcel]:
        """What lies there of the first `count` periods."""
        asked = f"{_PARCEL} WHERE grant_id = ? ORDER BY period LIMIT ?"
        return await self._run(lambda db: [Parcel(*row) for row in db.execute(asked, (grant, count))])

    async def lying(self, grant: str) -> tuple[int, int]:
        """How many figures of how many periods lie there."""
        asked = "SELECT coalesce(sum(points), 0), count(*) FROM parcel WHERE grant_id = ?"
        return await self._run(lambda db: tuple(db.execute(asked, (grant,)).fetchone()))

    async def open_from(self, grant: str) -> int | None:
        """When the first period begins (UTC seconds) of which nobody knows whether what lies there is what it should be."""
        return await self._run(lambda db: db.execute(_OPEN_FROM, (grant,)).fetchone()[0])

    async def kept(self, grant: str, period: str) -> str:
        """What was sent of a period, in JSON; empty where that is kept no longer."""
        asked = "SELECT kept FROM parcel WHERE grant_id = ? AND period = ?"
        return await self._run(lambda db: (db.execute(asked, (grant, period)).fetchone() or ("",))[0])

    async def forget_kept(self, grant: str) -> None:
        """Of no period is kept what was sent of it."""
        await self._run(lambda db: db.execute(_FORGET_KEPT, (grant,)))

    async def forget(self, grant: str) -> None:
        """What lies there is no longer ours to know, nor where its owner's browser came back to."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM parcel WHERE grant_id = ?", (grant,))
            db.execute("DELETE FROM page WHERE grant_id = ?", (grant,))
            db.execute("DELETE FROM message WHERE grant_id = ?", (grant,))

        await self.change(work)

    async def put(
        self,
        now: int,
        grant: str,
        parcels: Iterable[Parcel],
        *notes: tuple[str, Mapping[str, object]],
        gone: Iterable[str] = (),
    ) -> None:
        """These may lie at the target from now on, of the periods `gone` nothing does, and entries say so: all or none.

        What a person took away since they were handed out stays taken. On the card when it returns.
        """

        def work(db: sqlite3.Connection) -> None:
            with _transaction(db):
                for one in parcels:
                    row = (grant, one.period, one.start, one.stop, one.sha256, one.points, one.revision, one.held)
                    db.execute(_PUT, (*row, one.kept))
                for period in gone:
                    db.execute("DELETE FROM parcel WHERE grant_id = ? AND period = ?", (grant, period))
                db.execute(f"{_FORGET_KEPT} AND stop < ? AND sha256 NOT LIKE '{LOST}%'", (grant, now - KEPT_S))
                for kind, body in notes:
                    add_entry(db, now, kind, body)

        await self._run(work)

    # -- what persons are told ----------------------------------------------------------------------------------------
    def messages(self) -> dict[str, dict[str, Message]]:
        """By grant and name, what was handed out; waits for the card."""

        def work(db: sqlite3.Connection) -> dict[str, dict[str, Message]]:
            found: dict[str, dict[str, Message]] = {}
            for grant, name, *rest in db.execute("SELECT grant_id, name, at, told_at, word FROM message"):
                found.setdefault(grant, {})[name] = Message(*rest)
            return found

        return self.ask(work)

    async def message(
        self, now: int, grant: str, name: str, message: Message, *notes: tuple[str, Mapping[str, object]]
    ) -> None:
        """What became of a message, and entries say so: all or none. On the card when it returns."""

        def work(db: sqlite3.Connection) -> None:
            with _transaction(db):
                row = (grant, name, message.at, message.told_at, message.word)
                db.execute("INSERT OR REPLACE INTO message VALUES (?, ?, ?, ?, ?)", row)
                for kind, body in notes:
                    add_entry(db, now, kind, body)

        await self._run(work)

    # Where a browser comes back to.
    def pages(self) -> dict[str, str]:
        """The address that a grant's target sends its owner's browser back to, by grant; waits for the card."""
        return self.ask(lambda db: dict(db.execute("SELECT grant_id, address FROM page").fetchall()))

    def set_page(self, grant: str, address: str) -> None:
        """On the card when it returns; LedgerError where it refuses."""
        self.ask(lambda db: db.execute("INSERT OR REPLACE INTO page VALUES (?, ?)", (grant, address)))

    def forget_others(self, but: Iterable[str]) -> None:
        """Of no other grants than these is anything kept but the entries; waits for the card."""
        names = json.dumps(list(but))
        others = "grant_id NOT IN (SELECT value FROM json_each(?))"

        def work(db: sqlite3.Connection) -> None:
            db.execute(f"DELETE FROM parcel WHERE {others}", (names,))  # noqa: S608 - our own words
            db.execute(f"DELETE FROM page WHERE {others}", (names,))  # noqa: S608 - our own words
            db.execute(f"DELETE FROM message WHERE {others}", (names,))  # noqa: S608 - our own words

        self.ask(work)

    def take_away(self, keys: Iterable[SeriesKey], start: int, end: int) -> None:
        """What lies at targets of these series and this span (UTC seconds) may from now on hold less than it does.

        Waits for the card.
        """
        named = json.dumps([str(key) for key in keys])
        self.ask(lambda db: db.execute(_TAKE_AWAY, (TAKEN, start, end, named)))

    async def doubt(self, grant: str) -> None:
        """Nobody knows any longer what lies at the target of a grant, so that all of it is due; but for what the card turns out to have lost.

        On the card when it returns.
        """
        await self._run(lambda db: db.execute(_DOUBT, (grant,)))

    def lost(self) -> None:
        """Readings were lost on the card: what lies at targets is not to become less by it; waits for the card."""
        asked = "UPDATE parcel SET sha256 = ?1 || sha256 WHERE sha256 NOT IN (?2, ?3) AND sha256 NOT LIKE ?1 || '%'"
        self.ask(lambda db: db.execute(asked, (LOST, TAKEN, FOLLOWING)))

    async def sound(self, grant: str, periods: Iterable[str]) -> None:
        """Of these nothing was lost: what was acknowledged is what the card has."""
        rows = [(grant, period) for period in periods]
        await self.change(lambda db: db.executemany(_SOUND, rows))

    async def entries(self, count: int, before: int | None = None) -> list[Entry]:
        """The last `count` entries, of those before the number `before`; the newest first."""
        bound = 1 << 62 if before is None else before
        asked = f"{_COLUMNS} WHERE i < ? ORDER BY i DESC LIMIT ?"
        return await self._run(lambda db: [_entry(row) for row in db.execute(asked, (bound, count))])

    async def following(self, after: int, count: int) -> list[Entry]:
        """At most `count` entries behind the number `after`, in order."""
        asked = f"{_COLUMNS} WHERE i > ? ORDER BY i LIMIT ?"
        return await self._run(lambda db: [_entry(row) for row in db.execute(asked, (after, count))])

    def ask(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` finds; waits for the card. LedgerError where it refuses."""
        try:
            return self._executor.submit(lambda: work(self._db)).result()
        except sqlite3.Error as error:
            raise _refusal("ledger.db", error) from None


def look(path: Path) -> Iterator[Entry]:
    """The entries of a file that no gateway has open, in order; LedgerError where it cannot be read."""
    try:  # not read-only: what a kill left half written is first taken back
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as db:
            if db.execute("PRAGMA user_version").fetchone()[0] > 1:
                yield from map(_entry, db.execute(f"{_COLUMNS} ORDER BY i"))
    except sqlite3.Error as error:
        raise LedgerError(f"{path}: {error}") from None


def _refusal(name: str, error: sqlite3.Error) -> LedgerError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    damaged = code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    return (DamagedLedgerError if damaged else LedgerError)(f"{name}: {error}")


def _entry(row: Sequence[Any]) -> Entry:
    i, at, kind, body, hashed = row
    return Entry(i, at, kind, body, bytes(hashed).hex())


def _last(db: sqlite3.Connection) -> Entry | None:
    row = db.execute(f"{_COLUMNS} ORDER BY i DESC LIMIT 1").fetchone()
    return _entry(row) if row else None


def add_entry(db: sqlite3.Connection, at: int, kind: str, body: Mapping[str, object]) -> Entry:
    """Within a transaction: the entry that follows the last one."""
    new = chain.entry(_last(db), at, kind, body)
    db.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", (new.i, new.at, new.kind, new.body, bytes.fromhex(new.hash)))
    return new


def _open(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600, exist_ok=True)
    with contextlib.ExitStack() as failed:
        db = sqlite3.connect(path, isolation_level=None)
        failed.callback(db.close)
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise LedgerError(f"{path}: written by a newer version ({version}, this one knows {SCHEMA_VERSION})")
        db.execute("PRAGMA journal_mode = DELETE")
        # EXTRA: with FULL a power cut soon after may bring the journal back, and take back what it had confirmed.
        db.execute("PRAGMA synchronous = EXTRA")
        # What a person erases is not in the file any longer.
        db.execute("PRAGMA secure_delete = ON")
        for number, migration in enumerate(_MIGRATIONS[version:], version + 1):
            db.executescript(f"BEGIN; {migration} PRAGMA user_version = {number}; COMMIT;")
        for table in ("account", "story", "message", "page"):  # where they are damaged, that is found out here
            db.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - our own words
        failed.pop_all()
        return db


def _expire(db: sqlite3.Connection, now: int) -> None:
    db.execute(
        "DELETE FROM session WHERE seen_at < ? OR opened_at < ?", (now - SESSION_IDLE_S_MAX, now - SESSION_S_MAX)
    )


class _transaction:  # noqa: N801 - read as a word in `with`
    """All of it or nothing, written through to the card at the end."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if kind is None:
                self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:  # a commit that somebody's look into the file held up leaves it open
                self._db.execute("ROLLBACK")
