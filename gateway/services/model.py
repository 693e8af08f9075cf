"""What a service says, and what becomes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

# The ground of a story that is another kind than it was: when it began as the first one, UTC seconds.
FIRST = "first_at"


class Service(StrEnum):
    LEAK = "leak"
    FROST = "frost"
    SILENCE = "silence"
    HABIT = "habit"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a service finds now: `kind` is its own word, `since` when it began (UTC seconds).

    `grounds` are the figures that it rests on, by names that say their units; a page shows them in words. A kind that
    is worse has a higher `rank`: a person who has seen the other is told again. `at` is the last reading that it rests on:
    of what came after a meter fell silent nobody knows; None where that is now.
    """

    service: Service
    point: str  # the id of a metering point; of what belongs to no meter a word with a colon, which no id has
    kind: str
    since: int
    grounds: Mapping[str, float]
    rank: int = 0
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """One event, from its first finding until it is over: told once, however long it lasts. Times are UTC seconds."""

    id: int
    finding: Finding  # the last one that was kept
    raised_at: int
    seen_at: int | None = None  # a person said: I have seen it
    snoozed_until: int | None = None
    solved_at: int | None = None  # it was found no longer
    found_at: int = 0  # up to then the figures of `finding` count
    worst: int = 0  # the highest rank that it ever had

    @property
    def began_at(self) -> int:
        """When it was first so at all, whatever it has become since."""
        return int(min(self.finding.since, self.finding.grounds.get(FIRST, self.finding.since)))

    @property
    def is_open(self) -> bool:
        return self.solved_at is None

    def is_put_off(self, now: int) -> bool:
        return self.snoozed_until is not None and now < self.snoozed_until

    @property
    def is_seen(self) -> bool:
        """A person has seen it, and did not ask to be reminded since then."""
        return self.seen_at is not None and self.seen_at >= (self.snoozed_until or 0)
