"""What passes between the gateway and a target, and what a kind of target must be able to do."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from gateway.way import DETAIL_CHARACTERS_MAX, Way

if TYPE_CHECKING:
    from sync.net import Net


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one series in one period; times are UTC seconds.

    An index: what it was at each time `at`, the first of the next period included, None where it is not known. A level: its mean from `at` until
    `until`; or, where each figure is granted as the meter says it, the figure at `at`, and `until` is empty.
    """

    key: str
    name: str
    medium: str
    quantity: str
    unit: str
    kind: str  # "index" or "level"
    at: tuple[int, ...]
    until: tuple[int, ...]
    value: tuple[str | None, ...]

    def body(self) -> dict[str, object]:
        until = {"until": list(self.until)} if self.until else {}
        return {
            "series": self.key,
            "name": self.name,
            "medium": self.medium,
            "quantity": self.quantity,
            "unit": self.unit,
            "kind": self.kind,
            "at": list(self.at),
            **until,
            "value": list(self.value),
        }

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> "Series":
        return cls(
            said["series"],
            said["name"],
            said["medium"],
            said["quantity"],
            said["unit"],
            said["kind"],
            tuple(said["at"]),
            tuple(said.get("until", ())),
            tuple(said["value"]),
        )


@dataclass(frozen=True, slots=True)
class Parcel:
    """All that is granted of one period: what the target is to hold of it, no more and no less.

    `period` is its name: `2026-11-03T14` (an hour, UTC), `2026-11-03`, `2026-11` or `2026` (local); `start` <= t < `end`
    in UTC seconds. `revision` counts what was put before under this name. `held` is what `put` answered the last time;
    None where no answer came, and then it may lie there all the same. A parcel without series takes away what lies there.
    """

    period: str
    start: int
    end: int
    resolution: str  # "raw", "10min", "30min", "day" or "month"
    revision: int
    series: tuple[Series, ...]
    held: str | None = None

    @property
    def values(self) -> int:
        """How many figures it holds, those at its end aside: the next parcel holds them too."""
        return sum(
            value is not None and at < self.end
            for one in self.series
            for at, value in zip(one.at, one.value, strict=True)
        )

    def document(self) -> bytes:
        """As a file of its own: JSON, described in docs/sync.md."""
        said = {
            "releve": 1,
            "period": self.period,
            "from": self.start,
            "to": self.end,
            "resolution": self.resolution,
            "revision": self.revision,
            "series": [one.body() for one in self.series],
        }
        return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> "Parcel":
        return cls(
            said["period"],
            said["from"],
            said["to"],
            said["resolution"],
            said["revision"],
            tuple(map(Series.read, said["series"])),
            said.get("held"),
        )


@dataclass(frozen=True, slots=True)
class Message:
    """What a person is told: plain text. A kill may have it told twice; `name` is the same then, and no other message's of its grant.

    `about` is a service's word (gateway/services/model.py), "week", "ending" or "trial"; "notice" where the grant says no more.
    """

    name: str
    about: str
    subject: str  # one line
    text: str
    at: int  # UTC seconds
    urgent: bool

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> "Message":
        return cls(said["name"], said["about"], said["subject"], said["text"], said["at"], said["urgent"])


@dataclass(frozen=True, slots=True)
class Told:
    """What left for a message: bytes and their SHA-256, without what opens the target; and what was answered."""

    bytes: int
    sha256: str
    answer: str


@dataclass(frozen=True, slots=True)
class Piece:
    """What lies at the target of one period; `held` is empty where no answer came, and nobody knows whether it does."""

    period: str
    start: int
    end: int
    held: str


@dataclass(frozen=True, slots=True)
class Put:
    """What became of one parcel: the word under which it lies there, and what left for it: bytes, their SHA-256, the answer.

    `held` is the target's own: HELD_CHARACTERS_MAX (gateway/way.py) at most, printable, handed back with the next revision and when it is erased;
    empty where nothing lies there any longer.
    """

    held: str
    bytes: int
    sha256: str
    answer: str


class Thing(StrEnum):
    """What a target counts; each is a word on the page (webui/targets.py)."""

    FILES = "files"
    DOCUMENTS = "documents"
    FIGURES = "figures"
    PERIODS = "periods"
    DAYS = "days"


@dataclass(frozen=True, slots=True)
class Lies:
    """What a target itself says lies there of a grant: so many of a thing, of so many periods, in so many bytes; None where it does not say."""

    thing: Thing
    count: int
    periods: int | None = None
    bytes: int | None = None

    def body(self) -> dict[str, object]:
        return {"thing": self.thing, "count": self.count, "periods": self.periods, "bytes": self.bytes}


class Why(StrEnum):
    """Why a target did not take what it was given; each is a sentence on the page (webui/targets.py)."""

    UNREACHABLE = "unreachable"  # no address, no connection, no answer in time
    CERTIFICATE = "certificate"  # it does not prove who it is
    FORBIDDEN = "forbidden"  # an address that was not said to be at home, or an open connection to one that is not
    REFUSED = "refused"  # the login, or a right that it lacks
    ENDED = "ended"  # its owner took our access back there
    FULL = "full"
    BUSY = "busy"  # it asks to be left alone for a while
    MOVED = "moved"  # it answers with another address
    ODD = "odd"  # an answer that is none of its kind
    WAITING = "waiting"  # its owner has not said yes there yet


class Trouble(Exception):  # noqa: N818 - said like that to the person
    """The world refused. `detail` is one line for who looks closer, without any secret; `wait_s` what the target asked for."""

    def __init__(self, why: Why, detail: str, wait_s: int | None = None) -> None:
        detail = plain(detail)[:DETAIL_CHARACTERS_MAX]
        super().__init__(f"{why}: {detail}")
        self.why, self.detail, self.wait_s = why, detail, wait_s


class Home(Protocol):
    """What a target may ask of the gateway: the owner stands there, before a page."""

    @property
    def grant(self) -> str:
        """The id of the grant: 16 hexadecimal digits."""

    @property
    def redirect(self) -> str:
        """The page of this box to which the owner's browser is sent back from the target."""

    @property
    def now(self) -> int:
        """UTC seconds, as the box knows them; the gateway sends nothing while it does not."""

    async def keep(self, secrets: Mapping[str, str]) -> None:
        """Keep these instead of the secrets that were kept; sealed on the card, and on it when this returns."""

    async def show(self, link: str) -> None:
        """The page shows this address, where the owner says yes."""

    async def brought(self) -> Mapping[str, str]:
        """What the owner's browser brought back to `redirect`, or what was pasted: the fields of the address. Waits for it.

        Trouble(WAITING) when it did not come in time.
        """


class Target(Protocol):
    """A place where granted readings lie. One call at a time. Trouble where the world refuses; whatever else is a bug.

    Each call may be the second one of its kind: a kill or a cut line took the answer of the first.
    """

    async def open(self) -> None:
        """Log in, or be let in by the owner at the first time."""

    async def put(self, parcels: Sequence[Parcel]) -> list[Put]:
        """Have the target hold of each period just this parcel, in order. Said once it is safe there."""

    async def look(self) -> Lies | None:
        """What the target itself says lies there, asked with few requests; None where it cannot tell, or does not let us ask."""

    async def erase(self, pieces: Sequence[Piece]) -> None:
        """Take away what was put. What is gone already is well."""

    async def leave(self) -> None:
        """After the grant has ended: give back the access that was ours there, where there is one."""

    async def close(self) -> None:
        """Let go of connections."""


class Messenger(Protocol):
    """Who brings messages to a person. One call at a time. Trouble where the world refuses; whatever else is a bug."""

    async def open(self) -> None:
        """Connect, and log in where there is a login."""

    async def tell(self, message: Message) -> Told:
        """Said once whoever runs the place has taken it. A second call with a message of the same name may come."""

    async def leave(self) -> None:
        """After the grant has ended: take away what of ours stands there (a device, a retained message)."""

    async def close(self) -> None:
        """Let go of connections."""


class MakeMessenger(Protocol):
    """What each file in sync/messengers has: `make(way, secrets, home, net)`, which asks nothing of anybody yet."""

    def __call__(self, way: Way, secrets: Mapping[str, str], home: Home, net: "Net") -> Messenger: ...


class Make(Protocol):
    """What each file in sync/targets has: `make(way, secrets, home, net)`, which asks nothing of anybody yet."""

    def __call__(self, way: Way, secrets: Mapping[str, str], home: Home, net: "Net") -> Target: ...


def plain(text: str) -> str:
    """What a server said, as text that can be kept and shown: it may say anything."""
    said = text.encode("utf-8", "replace").decode()
    return "".join(character if character.isprintable() else " " for character in said)
