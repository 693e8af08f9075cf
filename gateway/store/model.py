"""What the store takes and gives."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import NamedTuple

from drivers.model import Quantity
from gateway.model import SeriesKey


class StoreError(Exception):
    """Why the series cannot be opened or answered, in one sentence for the owner of the box."""


class InUseError(StoreError):
    """Another program has the series open."""


class DamagedStoreError(StoreError):
    """The file is damaged: what can be read of it can be taken out (`salvage`)."""


class UnreadableError(StoreError):
    """Nothing at all can be taken out of a file."""


@dataclass(frozen=True, slots=True)
class SeriesInfo:
    """One series: what it measures, how finely, since when and until when."""

    key: SeriesKey
    quantity: Quantity
    exponent: int
    main: bool
    first_at: int
    last_at: int


@dataclass(frozen=True, slots=True)
class Points:
    """Raw points in order of time, all in one power of ten."""

    exponent: int
    at: array[int]
    value: array[int]


@dataclass(frozen=True, slots=True)
class Columns:
    """A curve, an entry for each bucket that holds points; a bucket that is not there is a gap.

    `step_s` is a bucket's width, and `at` its start; 0 when every entry is one point at its own time. A level has
    `low`, `high` and `mean` (rounded to the series' own resolution; exact as total / n). An index has `first` and
    `last`, counted on over swaps. The columns of the other kind are empty. Values are * 10**exponent.
    """

    exponent: int
    step_s: int
    at: array[int]
    n: array[int]
    low: array[int] = field(default_factory=lambda: array("q"))
    high: array[int] = field(default_factory=lambda: array("q"))
    total: array[int] = field(default_factory=lambda: array("q"))
    first: array[int] = field(default_factory=lambda: array("q"))
    last: array[int] = field(default_factory=lambda: array("q"))

    @property
    def mean(self) -> array[int]:
        return array("q", [(2 * total + n) // (2 * n) for total, n in zip(self.total, self.n, strict=False)])


@dataclass(frozen=True, slots=True)
class Indexes:
    """The virtual index of one series at each bound asked for; None where it is not known."""

    key: SeriesKey
    exponent: int
    values: tuple[int | None, ...]


class Consumption(NamedTuple):
    """What an index grew by between two bounds.

    `complete`: the index is known at both bounds, so this is all of it. Otherwise `value` is what is known to have
    been consumed inside (the bucket is still running, began before the series, or a bound lies in a gap), or None if
    nothing is known.
    """

    value: int | None
    exponent: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Imported:
    """`duplicates` were there already with the same value; `kept` were there with another one, which stays."""

    added: int
    duplicates: int
    kept: int = 0


@dataclass(frozen=True, slots=True)
class Swap:
    """A new meter at a metering point, or a roll-over: from `at` on, the series counts on from the old one's last index.

    `undone_by` is the later event that took it back, None while it holds. Events are never changed or removed.
    """

    id: int
    key: SeriesKey
    at: int
    old_final: int
    new_start: int
    exponent: int
    made_at: int
    undone_by: int | None = None


@dataclass(slots=True)
class Counts:
    """What was refused or repaired since the start; shown on the status page.

    `late` points were older than the memory's window; `lost` did not fit what may wait for a card that refuses;
    `tail_torn` are bytes at the tail's end that no crash-safe record was; `damaged` chunks or log rows failed their
    checksum and are shown as a gap.
    """

    duplicates: int = 0
    replaced: int = 0
    late: int = 0
    refused: int = 0
    lost: int = 0
    tail_torn: int = 0
    tail_unwritten: int = 0
    damaged: int = 0
