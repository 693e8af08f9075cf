"""What an import did, or would do: counted, and what was refused named by its line."""

from dataclasses import dataclass, field
from typing import Any

from gateway.model import SeriesKey

REFUSALS_NAMED_MAX = 100


class RefusedError(ValueError):
    """What cannot be taken, and what was expected instead."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row that was not taken: its line, and what was expected there."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Swap:
    """Another meter on the same series: its first value, and the last one of the meter before. Both in `exponent`."""

    series: SeriesKey
    at: int
    old_meter: str
    old_final: int
    new_meter: str
    new_start: int
    exponent: int


@dataclass(slots=True)
class Tally:
    """What one series of the file holds."""

    points: int
    first_at: int
    last_at: int


@dataclass(slots=True)
class Report:
    """`series` counts what can be taken; `added`, `duplicates` and `kept` what became of it in the store.

    `kept`: the box had another value for the same time, and it stays.
    """

    rows: int = 0
    added: int = 0
    duplicates: int = 0
    kept: int = 0
    refused: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    series: dict[SeriesKey, Tally] = field(default_factory=dict)
    swaps: list[Swap] = field(default_factory=list)
    created: list[str] = field(default_factory=list)

    def refuse(self, line: int, reason: str, rows: int = 1) -> None:
        """Count refused rows; the first REFUSALS_NAMED_MAX times it is said where and why."""
        self.refused += rows
        if len(self.refusals) < REFUSALS_NAMED_MAX:
            self.refusals.append(Refusal(line, reason))

    def count(self, key: SeriesKey, first_at: int, last_at: int, points: int) -> None:
        """Points of one series that can be taken."""
        tally = self.series.setdefault(key, Tally(0, first_at, last_at))
        tally.points += points
        tally.first_at = min(tally.first_at, first_at)
        tally.last_at = max(tally.last_at, last_at)

    def as_dict(self) -> dict[str, Any]:
        """For the command line and the socket."""
        named = [str(refusal) for refusal in self.refusals]
        if self.refused > len(named):
            named.append(f"and {self.refused - len(named)} more")
        return {
            "rows": self.rows,
            "series": len(self.series),
            "added": self.added,
            "duplicates": self.duplicates,
            "kept": self.kept,
            "rows_refused": self.refused,
            "refused": named,
            "swaps": [f"{swap.series}: meter {swap.old_meter} was replaced by {swap.new_meter}" for swap in self.swaps],
            "points_made": self.created,
        }
