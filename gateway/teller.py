"""Messages under grants: handed to the sync process one at a time, and what became of each, kept and in the ledger.

What is due is what was not told (gateway/messages.py), so a restart, an outage or a kill loses none; where a kill took the
answer, a message is told once more under the same name.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol
from zoneinfo import ZoneInfo

from gateway.alerts import Alerts
from gateway.grants import Grant, Grants, Held, Total
from gateway.ledger import TELLING, TOLD, Ledger, Message
from gateway.messages import Due, Quiet, Text, What, about_of, due
from gateway.services.model import Service
from gateway.way import Form

log = logging.getLogger(__name__)

QUIET = "quiet hours"  # the setting: two minutes of the local day
DAY_MIN = 24 * 60
SUBJECT_CHARACTERS_MAX = 200
TRIAL_BYTES = 4
WORD_BYTES = 12

# The words of a message under a grant; None where there is nothing to say after all.
Speak = Callable[[Grant, Due], Awaitable[Text | None]]


@dataclass(frozen=True, slots=True)
class Last:
    """The last message that was told since the start of the program: when (UTC seconds), about what, and what was answered."""

    at: int
    about: str
    answer: str


class Catalog(Protocol):
    def setting(self, name: str) -> object | None: ...


class House(Protocol):
    """What is needed of a house."""

    @property
    def dating(self) -> bool: ...
    @property
    def zone(self) -> ZoneInfo: ...
    @property
    def catalog(self) -> Catalog: ...
    def now(self) -> int: ...


class Teller:
    """All grants of messages. Methods are called in the event loop; LedgerError where the card refuses."""

    def __init__(self, grants: Grants, ledger: Ledger, alerts: Alerts, house: House) -> None:
        self._grants = grants
        self._ledger = ledger
        self._alerts = alerts
        self._house = house
        self._done = ledger.messages()
        self._trials: dict[str, str] = {}
        self._last: dict[str, Last] = {}
        # How often anything was to be said, and when by that count each message was: by grant and name.
        self._count = 0
        self._tried: dict[str, dict[str, int]] = {}
        self._hurried: dict[str, set[str]] = {}
        # What arrived, and the card did not take that yet: by grant and name, the bytes, their SHA-256 and the answer.
        self._unwritten: dict[str, dict[str, tuple[int, str, str]]] = {}
        self._writing = asyncio.Lock()
        self.speak: Speak | None = None

    def is_due(self, id_: str) -> bool:
        """Whether there is anything to tell, or to write down of what was told."""
        return bool(self._unwritten.get(id_)) or bool(self._due(self._grants.get(id_)))

    def hurries(self, id_: str) -> bool:
        """Whether something urgent is due that was never handed out: true once for each."""
        tried, hurried = self._tried.get(id_, {}), self._hurried.setdefault(id_, set())
        new = {one.name for one in self._due(self._grants.get(id_)) if one.urgent and one.name not in tried} - hurried
        hurried |= new
        return bool(new)

    def last(self, id_: str) -> Last | None:
        return self._last.get(id_)

    def is_trial(self, id_: str) -> bool:
        """Whether a person waits for a trial message of this grant."""
        return id_ in self._trials

    def try_out(self, id_: str) -> bool:
        """A person wants to see that a message arrives; False where none may be sent."""
        held = self._grants.get(id_)
        if held is None or held.grant.telling is None or not self._grants.is_in_force(held):
            return False
        self._trials[id_] = f"trial-{secrets.token_hex(TRIAL_BYTES)}"
        return True

    async def next(self, id_: str) -> dict[str, object] | None:
        """The next message in the words of sync.model.Message, in the ledger before it is handed out; None: none is due."""
        async with self._writing:
            await self._write(id_)
            for one in self._due(self._grants.get(id_)):
                if (said := await self._say(id_, one)) is not None:
                    return said
        return None

    async def told(self, id_: str, word: str, size: int, sha256: str, answer: str) -> bool:
        """A message arrived; False for one that was not handed out, or is known to have arrived.

        Where the card refuses it (LedgerError), it is known all the same until the program ends: none is told again each ten minutes.
        """
        async with self._writing:
            held = self._grants.get(id_)
            known = self._done.get(id_, {})
            name = next((name for name, one in known.items() if one.told_at is None and one.word == word), None)
            if held is None or held.grant.telling is None or name is None:
                return False
            now = self._house.now()
            known[name] = replace(known[name], told_at=now)
            self._unwritten.setdefault(id_, {})[name] = size, sha256, answer
            self._tried.get(id_, {}).pop(name, None)
            self._last[id_] = Last(now, about_of(name), answer)
            if self._trials.get(id_) == name:
                del self._trials[id_]
            await self._write(id_)
            return True

    async def _write(self, id_: str) -> None:
        """What arrived, on the card; LedgerError where it refuses, and then what is left waits."""
        unwritten = self._unwritten.get(id_, {})
        for name, (size, sha256, answer) in tuple(unwritten.items()):
            held, arrived = self._grants.get(id_), self._done[id_][name]
            assert held is not None
            assert arrived.told_at is not None
            was = held.total
            total = Total(was.reads + 1, was.points, was.bytes + size, arrived.told_at)
            said = {"grant": id_, "message": name, "bytes": size, "sha256": sha256, "answer": answer}
            note = TOLD, {**said, "in_all": total.body()}
            await self._ledger.message(self._house.now(), id_, name, arrived, note)
            self._grants.moved(id_, total)
            del unwritten[name]

    def _due(self, held: Held | None) -> list[Due]:
        if held is None or held.grant.telling is None or not self._house.dating:
            return []
        if not self._grants.is_in_force(held):
            self._trials.pop(held.grant.id, None)
            return []
        id_ = held.grant.id
        trial = [Due(self._trials[id_], What.TRIAL, What.TRIAL)] if id_ in self._trials else []
        looked = [service for service in Service if self._alerts.told_at(service) is not None]
        stories = self._alerts.last()
        done = {name: one.told_at for name, one in self._done.get(id_, {}).items()}
        now, quiet, tried = self._house.now(), quiet_hours(self._house.catalog), self._tried.get(id_, {})
        found = trial + due(held.grant, stories, done, tried, looked, quiet, self._house.zone, now)
        return sorted(found, key=lambda one: tried.get(one.name, 0))

    async def _say(self, id_: str, one: Due) -> dict[str, object] | None:
        held = self._grants.get(id_)
        if held is None or not self._grants.is_in_force(held) or self.speak is None:
            return None
        self._count += 1
        self._tried.setdefault(id_, {})[one.name] = self._count
        text = await self.speak(held.grant, one)
        done = self._done.setdefault(id_, {})
        now = self._house.now()
        if text is None:
            nothing = Message(now, now)
            await self._ledger.message(now, id_, one.name, nothing)
            done[one.name] = nothing
            return None
        if one.name not in done:
            note = TELLING, {"grant": id_, "message": one.name}
            new = Message(now, word=secrets.token_hex(WORD_BYTES))
            await self._ledger.message(now, id_, one.name, new, note)
            done[one.name] = new
        # Taken back while the card wrote.
        if (held := self._grants.get(id_)) is None or not self._grants.is_in_force(held):
            return None
        reduced = held.grant.way is not None and held.grant.way.form is Form.NOTICE and one.what is not What.TRIAL
        return {
            "name": done[one.name].word,
            "about": "notice" if reduced else one.about,
            "subject": " ".join(text.subject.split())[:SUBJECT_CHARACTERS_MAX],
            "text": text.text,
            "at": done[one.name].at,  # a second try is the same letter
            "urgent": one.urgent,
        }


def quiet_hours(catalog: Catalog) -> Quiet:
    """As somebody who lives here set them, or as the box proposes."""
    match catalog.setting(QUIET):
        case [int(start), int(end)] if 0 <= start < DAY_MIN and 0 <= end < DAY_MIN:
            return Quiet(start, end)
        case _:
            return Quiet()
