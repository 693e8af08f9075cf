"""What a house answers with: metering points, meters heard, ports, values, as a page or a program shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from drivers.model import Medium, Quantity, State
from gateway.model import MeteringPoint, SeriesKey

if TYPE_CHECKING:
    from drivers.tic.meaning import Meaning


class PointState(StrEnum):
    """How a metering point is doing, in one word."""

    SPEAKING = "speaking"
    SILENT = "silent"
    KEY_MISSING = "key-missing"
    WRONG_KEY = "wrong-key"
    UNREADABLE = "unreadable"
    NEVER_HEARD = "never-heard"
    LET_GO = "let-go"  # its meter is no longer asked, and no other one stands there


@dataclass(frozen=True, slots=True)
class Value:
    """A present value: what, how much in the quantity's unit, since when."""

    series: SeriesKey
    quantity: Quantity
    at: int
    value: Decimal


@dataclass(frozen=True, slots=True)
class Waits:
    """How many telegrams of a meter wait for its key, since when (UTC seconds); `thinned` were given up for room.

    Of those that were heard while the box did not know the time, `since` is None.
    """

    telegrams: int
    since: int | None
    thinned: int


@dataclass(frozen=True, slots=True)
class Held:
    """What an index said at `at` (UTC seconds) and was not believed; `believed` is the last one that was."""

    series: SeriesKey
    quantity: Quantity
    at: int
    value: Decimal
    believed: Decimal

    @property
    def backwards(self) -> bool:
        """It ran back; else it leapt."""
        return self.value < self.believed


@dataclass(frozen=True, slots=True)
class Turned:
    """An index began anew at zero at `at` (UTC seconds); before that it had counted to `last`. Taken back as `event`."""

    event: int
    series: SeriesKey
    quantity: Quantity
    at: int
    last: Decimal


@dataclass(frozen=True, slots=True)
class Exchange:
    """Since `at` (UTC seconds) another meter speaks on the wire of a metering point; `before` and `after` are addresses."""

    at: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class PointView:
    """One metering point as a page shows it.

    `index` is the total of its main index series (None if it has none yet); `level` its present power or flow, None
    when the meter does not say one. `texts` are the meter's own words (tariff in force, calendar), label -> text;
    `meaning` is what a Linky's mean, as far as it was said in its last seconds. `mean` is the mean power of a period that
    is over, dated by the meter at its end: a Linky's only true watts; `injected` all that a producer gave to the network.
    `exchange` is the last one that was found on the wire, for a while. `produces`: its main index counts what it gives, as an
    inverter's does.
    `reading` is what became of its last telegram, `error` why it was not read; `in_clear` that it came in clear though
    the meter has a key. `telegrams` are those since the start, `interval_s` what lies between two of them as a rule.
    """

    point: MeteringPoint
    address: str | None
    state: PointState
    port: str | None
    rssi_dbm: int | None
    heard_at: int | None
    telegrams: int
    index_series: tuple[SeriesKey, ...]
    quantity: Quantity | None
    index: Value | None
    level: Value | None
    texts: dict[str, str]
    status: tuple[str, ...]
    reading: State | None = None
    error: str | None = None
    in_clear: bool = False
    waits: Waits | None = None
    held: tuple[Held, ...] = ()
    turned: tuple[Turned, ...] = ()
    meaning: Meaning | None = None
    mean: Value | None = None
    injected: Value | None = None
    exchange: Exchange | None = None
    produces: bool = False
    interval_s: float | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a thing of the house said of one register before it is adopted."""

    register: str
    quantity: Quantity
    value: Decimal | str


@dataclass(frozen=True, slots=True)
class HeardMeter:
    """A meter somebody's house has and nobody adopted: header and counts only.

    A thing on the owner's broker has a `name`, a `kind`, and so many `values`; `preview` are their last ones, where nobody
    else's can be among them.
    """

    address: str
    medium: Medium
    encrypted: bool
    port: str
    count: int
    rssi_dbm: int | None
    first_at: int
    last_at: int
    name: str = ""
    kind: str = ""
    values: int = 0
    preview: tuple[Preview, ...] = ()


class Hears(StrEnum):
    """What comes on a line whose speed is found by listening."""

    NOTHING = "nothing"
    NOISE = "noise"
    GROUPS = "groups"


@dataclass(frozen=True, slots=True)
class Listening:
    """How a TIC or P1 line is heard. `mode` is the one that is spoken; `bauds` those that are tried, or the one that fits.

    No `bauds`: the far end of a socket sets the speed.
    """

    hears: Hears
    bauds: tuple[int, ...] = ()
    mode: str | None = None


class Clarity(StrEnum):
    """How well a line is understood, in one word."""

    GOOD = "good"
    NOISY = "noisy"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class LineQuality:
    """Of the last hour: how many groups were refused, and their share of all that came."""

    bad_groups: int
    share: float
    word: Clarity


@dataclass(frozen=True, slots=True)
class PortView:
    """One line or radio. `counts` names each thing that was counted: frames, faults by kind, held readings...

    `receiver` is what the radio's dongle said of itself: name, firmware, modes it listens to; `listening` how a TIC or P1 line
    is heard, whose speed and mode are found, and `quality` how well.
    """

    name: str
    protocol: str
    open: bool
    since: int
    reason: str | None
    heard_at: int | None
    counts: dict[str, int]
    last_fault: str | None
    receiver: str | None = None
    listening: Listening | None = None
    quality: LineQuality | None = None


@dataclass(frozen=True, slots=True)
class Adoption:
    """The answer to "this meter is mine": the point it stands at, and what its telegrams give now."""

    point: str
    state: State | None
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Live:
    """One thing that just happened, for the live view: a value, or a point or port whose state changed."""

    value: Value | None = None
    point: str | None = None
    state: PointState | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """A level over time, one entry a bucket that was heard in; one that is not there is a gap. Times are UTC seconds."""

    step_s: int
    at: Sequence[int]
    low: Sequence[Decimal]
    mean: Sequence[Decimal]
    high: Sequence[Decimal]
