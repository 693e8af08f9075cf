"""What a service says, and what becomes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Service(StrEnum):
    LEAK = "leak"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a service finds now: `kind` is its own word, `since` when it began (UTC seconds).

    `grounds` are the figures that it rests on, by names that say their units; a page shows them in words.
    """

    service: Service
    point: str  # the id of a metering point
    kind: str
    since: int
    grounds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Story:
    """One event, from its first finding until it is over: told once, however long it lasts. Times are UTC seconds."""

    id: int
    finding: Finding  # the last one
    raised_at: int
    seen_at: int | None = None  # a person said: I have seen it
    snoozed_until: int | None = None
    solved_at: int | None = None  # it was found no longer

    @property
    def is_open(self) -> bool:
        return self.solved_at is None
