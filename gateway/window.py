"""Live values that were sent, summed in one entry of the ledger: an entry each ten seconds would wear the card."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.grants import Total

LIVE_WINDOW_S = 540


@dataclass(slots=True)
class Window:
    """What was sent since `since` (UTC seconds)."""

    since: int
    start: int
    end: int = 0
    batches: int = 0
    points: int = 0
    bytes: int = 0
    hash: Any = field(default_factory=hashlib.sha256)
    answer: str = ""

    def is_over(self, now: int) -> bool:
        return not self.since <= now < self.since + LIVE_WINDOW_S

    def add(self, end: int, points: int, puts: Sequence[Mapping[str, Any]]) -> None:
        """A batch that was acknowledged, in the words of sync.model.Put."""
        self.end, self.answer = end, str(puts[-1]["answer"])
        self.batches += 1
        self.points += points
        self.bytes += sum(int(put["bytes"]) for put in puts)
        for put in puts:
            self.hash.update(str(put["sha256"]).encode())

    def total(self, was: Total) -> Total:
        return Total(was.reads + self.batches, was.points + self.points, was.bytes + self.bytes, self.since)

    def body(self, grant: str, was: Total) -> dict[str, object]:
        """As its entry says it."""
        return {
            "grant": grant,
            "since": self.since,
            "batches": self.batches,
            "from": self.start,
            "to": self.end,
            "points": self.points,
            "bytes": self.bytes,
            "sha256": self.hash.hexdigest(),
            "answer": self.answer,
            "in_all": self.total(was).body(),
        }
