"""What services found, as stories: raised, seen, put off, over by themselves, and remembered; in `ledger.db`.

A story is one event, told to a person once. What is shown of it is on the card: a power cut takes nothing back.
"""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from gateway.ledger import Ledger
from gateway.services.absence import USED
from gateway.services.model import FIRST, Finding, Service, Story

# What begins again sooner than this after it was over is the same story: a cistern that leaks pauses when it is used.
SAME_S = 86_400
# While an event lasts its figures grow all the time, and the card is spared: they are kept anew so often at most, and
# when one of them differs by so much.
KEPT_PACE_S = 3600
KEPT_CHANGE = 0.1

_KNOWN = ", ".join(f"'{service}'" for service in Service)  # a file may come from a version that knew more
_COLUMNS = f"""
SELECT id, service, point, kind, since, grounds, rank, raised_at, seen_at, snoozed_until, solved_at, found_at, worst
FROM story WHERE service IN ({_KNOWN})
"""  # noqa: S608 - our own words
_LAST = f"{_COLUMNS} AND id IN (SELECT max(id) FROM story GROUP BY service, point)"  # noqa: S608 - as above
_PUT = """
INSERT INTO story
    (service, point, kind, since, grounds, rank, raised_at, seen_at, snoozed_until, solved_at, found_at, worst, id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
    kind = excluded.kind, since = excluded.since, grounds = excluded.grounds, rank = excluded.rank,
    seen_at = excluded.seen_at, snoozed_until = excluded.snoozed_until, solved_at = excluded.solved_at,
    found_at = excluded.found_at, worst = excluded.worst
"""
NEW = 0  # the id of a story that the card has none for yet

Key = tuple[str, str]  # a service, a metering point


class Alerts:
    """Open stories are answered from memory; what changes is awaited, and LedgerError from the card.

    While `dating` says that the box does not know the time, nothing changes.
    """

    def __init__(self, ledger: Ledger, dating: Callable[[], bool] = lambda: True) -> None:
        self._ledger = ledger
        self._dating = dating
        self._changing = asyncio.Lock()
        # Of each service and metering point the last story, open or over.
        self._last: dict[Key, Story] = {_key(story): story for story in ledger.ask(_load)}
        self._newest: dict[Key, tuple[Finding, int]] = {}  # what is not on the card of open ones, and when it was found
        self._told_at: dict[Service, int] = {}

    @property
    def any(self) -> bool:
        """Whether there ever was a story."""
        return bool(self._last)

    def open(self) -> list[Story]:
        """What goes on, the worst first, then the newest; those that were put off, too."""
        found = (story for story in self._last.values() if story.is_open)
        return sorted(found, key=lambda story: (-story.finding.rank, -story.raised_at, -story.id))

    def last(self) -> list[Story]:
        """Of each service and metering point the last story, open or over, with its newest figures; in the order they were raised."""
        return sorted((self._with_newest(story) for story in self._last.values()), key=lambda story: story.id)

    def _with_newest(self, story: Story) -> Story:
        finding, found_at = self._newest.get(_key(story), (story.finding, story.found_at))
        return replace(story, finding=finding, found_at=found_at)

    def told_at(self, service: Service) -> int | None:
        """When this service last told what it finds, since the start of the program: UTC seconds."""
        return self._told_at.get(service)

    def known_to(self, story: Story) -> int:
        """Up to when what was read says that it goes on, though the card may hold older figures: UTC seconds."""
        _, found_at = self._newest.get(_key(story), (None, 0))
        return max(story.found_at, found_at)

    async def get(self, id_: int) -> Story | None:
        found = await asyncio.to_thread(self._ledger.ask, lambda db: _stories(db, f"{_COLUMNS} AND id = ?", id_))
        return found[0] if found else None

    async def history(self, count: int, before: int | None = None) -> list[Story]:
        """The last `count` stories, of those before the id `before`, open ones included; the newest first."""
        bound = 1 << 62 if before is None else before
        asked = f"{_COLUMNS} AND id < ? ORDER BY id DESC LIMIT ?"
        return await asyncio.to_thread(self._ledger.ask, lambda db: _stories(db, asked, bound, count))

    async def between(self, start: int, end: int) -> list[Story]:
        """What went on at some time between two times (UTC seconds) and was told before the end: what still does first, the worst, the newest."""
        order = "ORDER BY solved_at IS NOT NULL, worst DESC, id DESC"
        asked = f"{_COLUMNS} AND raised_at < ? AND coalesce(solved_at, ?) >= ? {order}"
        return await asyncio.to_thread(self._ledger.ask, lambda db: _stories(db, asked, end, end, start))

    async def tell(
        self, now: int, service: Service, findings: Sequence[Finding], unknown: Collection[str] = ()
    ) -> list[Story]:
        """All that this service finds now. What is found no longer is over, but of metering points that are `unknown` now.

        The stories that a person is to be told of, each once: new ones, and those that are worse than they ever were.
        """
        if not self._dating():
            return []
        async with self._changing:
            found: dict[Key, Finding] = {}
            for finding in sorted(findings, key=lambda finding: finding.rank):
                assert finding.service is service
                found[service, finding.point] = finding
            told, kept = [], []
            newest = {}
            for key, finding in found.items():
                before = self._last.get(key)
                story, is_told = _found(before, finding, now)
                if is_told or before is None or not before.is_open or _differs(before, story):
                    kept.append(story)
                    told += [key] if is_told else []
                else:
                    newest[key] = story.finding, story.found_at
            for key, story in self._last.items():
                if key[0] == service and story.is_open and key not in found and key[1] not in unknown:
                    last, found_at = self._newest.get(key, (story.finding, story.found_at))
                    kept.append(replace(story, finding=last, found_at=found_at, solved_at=now))
            await self._put(kept)
            stay = {key: what for key, what in self._newest.items() if key[0] != service or key[1] in unknown}
            self._newest = stay | newest
            self._told_at[service] = now
            return [self._last[key] for key in told]

    async def seen(self, id_: int, now: int) -> bool:
        """A person has seen it. False where it is over, or the box does not know the time."""
        return await self._answered(id_, lambda story: replace(story, seen_at=now))

    async def snooze(self, id_: int, until: int, now: int) -> bool:
        """A person wants to be reminded at `until`, and not before. False as for `seen`, and where that is past."""
        return until > now and await self._answered(id_, lambda story: replace(story, snoozed_until=until))

    async def forget(self, point: str, start: int, end: int) -> int:
        """What was told of a metering point between two times (UTC seconds) is erased: how many stories."""
        asked = "DELETE FROM story WHERE point = ? AND min(since, raised_at) < ? AND coalesce(solved_at, ?) > ?"
        async with self._changing:
            row = point, end, end, start
            gone, last = await self._ledger.change(lambda db: (db.execute(asked, row).rowcount, _stories(db, _LAST)))
            self._last = {_key(story): story for story in last}
            self._newest = {key: what for key, what in self._newest.items() if key[1] != point}
            return gone

    async def _answered(self, id_: int, change: Callable[[Story], Story]) -> bool:
        async with self._changing:
            story = next((story for story in self._last.values() if story.id == id_ and story.is_open), None)
            if story is None or not self._dating():
                return False
            await self._put([change(story)])
            return True

    async def _put(self, stories: Sequence[Story]) -> None:
        if stories:
            for kept in await self._ledger.change(lambda db: [_put(db, story) for story in stories]):
                self._last[_key(kept)] = kept


def _found(before: Story | None, finding: Finding, now: int) -> tuple[Story, bool]:
    """The story of a finding, and whether a person is to be told."""
    found_at = now if finding.at is None else finding.at
    finding = replace(finding, at=None)
    if before is None or not (before.is_open or _is_again(before, finding)):
        return Story(NEW, finding, now, found_at=found_at, worst=finding.rank), True
    if before.is_open:
        finding = _going_on(before, finding)
    story = replace(before, finding=finding, found_at=found_at, solved_at=None, worst=max(before.worst, finding.rank))
    if finding.rank <= before.worst:
        return story, False
    return replace(story, seen_at=None, snoozed_until=None), True


def _is_again(before: Story, finding: Finding) -> bool:
    """Whether what is over is found again. Somebody took water while nobody was at home, or it leaks: one is not the other."""
    was_used, is_used = before.finding.kind == USED, finding.kind == USED
    # What is slow to be found had begun long before.
    return before.solved_at is not None and finding.since - before.solved_at < SAME_S and was_used == is_used


def _going_on(before: Story, finding: Finding) -> Finding:
    """As the same kind it never began later than was said; another one has figures of its own time, and the story's first beside."""
    since = min(before.finding.since, finding.since) if finding.kind == before.finding.kind else finding.since
    grounds = {**finding.grounds, FIRST: float(before.began_at)} if before.began_at < since else finding.grounds
    return replace(finding, since=since, grounds=grounds)


def _differs(kept: Story, story: Story) -> bool:
    """Whether the card is to have it: it grew worse, or a person would read something else than an hour ago."""
    if story.finding.rank > kept.finding.rank:
        return True
    if 0 <= story.found_at - kept.found_at < KEPT_PACE_S:
        return False
    one, other = kept.finding, story.finding
    if (one.kind, one.since, one.rank, set(one.grounds)) != (other.kind, other.since, other.rank, set(other.grounds)):
        return True
    return any(abs(other.grounds[name] - figure) > KEPT_CHANGE * abs(figure) for name, figure in one.grounds.items())


def _key(story: Story) -> Key:
    return story.finding.service, story.finding.point


def _put(db: sqlite3.Connection, story: Story) -> Story:
    finding = story.finding
    grounds = json.dumps(dict(finding.grounds), allow_nan=False, sort_keys=True)
    row = finding.service, finding.point, finding.kind, finding.since, grounds, finding.rank, story.raised_at
    row2 = story.seen_at, story.snoozed_until, story.solved_at, story.found_at, story.worst
    cursor = db.execute(_PUT, (*row, *row2, None if story.id == NEW else story.id))
    return story if story.id != NEW else replace(story, id=int(cursor.lastrowid or 0))


def _load(db: sqlite3.Connection) -> list[Story]:
    """The last story of each; one whose figures a worn card has spoilt is told anew, and keeps no box from starting."""
    db.execute("DELETE FROM story WHERE NOT json_valid(grounds)")
    return _stories(db, _LAST)


def _stories(db: sqlite3.Connection, asked: str, *values: object) -> list[Story]:
    return [_story(row) for row in db.execute(asked, values)]


def _story(row: Iterable[Any]) -> Story:
    id_, service, point, kind, since, grounds, rank, *rest = row
    return Story(id_, Finding(Service(service), point, kind, since, json.loads(grounds), rank), *rest)
