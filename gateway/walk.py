"""How far the periods of a grant have been compared with what lies at its target: a piece at each ask."""

from dataclasses import dataclass

from drivers.model import Kind
from gateway.grants import Grant, Resolution

HOUR_S, DAY_S = 3600, 86_400
# What is new is looked for so often.
STEP_S = 600
# All of the past is compared once a day, and what is told to have changed at once; else only what ended not longer ago.
WALK_S = 86_400.0
OPEN_S = {
    Resolution.RAW: 2 * HOUR_S,
    Resolution.TEN_MINUTES: 3 * DAY_S,
    Resolution.HALF_HOUR: 3 * DAY_S,
    Resolution.DAY: 3 * DAY_S,
    Resolution.MONTH: 3 * DAY_S,
}
# A piece asks the store so often: half a second here, some on a Pi. One that finds nothing goes on at the next ask.
READS_MAX = 500
# Of a level each day of the period is read.
READS = {Resolution.DAY: 31, Resolution.MONTH: 366}
# What waits for the card is brought there once a parcel was held up by it for so long.
HELD_S = 600.0
FAR = 1 << 62


@dataclass(slots=True)
class Walk:
    """Where the comparing of one grant is. Times are UTC seconds; lost with the program, and begun again."""

    begun_at: float | None = None  # on the monotonic clock: when all of the past was last begun with
    through: int = 0  # nothing before it is due, as far as is known
    at: int | None = None  # where the look under way goes on; None: at `through`
    now: int = 0  # the time that the look under way began with
    told: int = FAR  # readings from then on were put in, or taken away
    settled_at: int | None = None  # nothing was due at this time
    held_at: float | None = None  # on the monotonic clock: when a parcel was first held up by what is not on the card
    reach: int | None = None  # all before it was compared, or is in the last batch
    open_from: int = FAR  # what ends later may still have grown after this look began

    @property
    def is_under_way(self) -> bool:
        return self.at is not None

    @property
    def start(self) -> int:
        return self.through if self.at is None else self.at

    def changed(self, start: int) -> None:
        self.told = min(self.told, start)

    def begin(self, now: int, monotonic: float) -> bool:
        """A look at this time begins, or goes on; False where it is known that nothing is due."""
        if self.told < self.through:
            self.through, self.at, self.settled_at = self.told, None, None
        self.told, self.reach = FAR, None
        if self.at is None:
            if self.begun_at is None or monotonic - self.begun_at > WALK_S:
                self.begun_at, self.through, self.settled_at = monotonic, 0, None
            self.now = now
        return self.settled_at != now

    def passed(self, end: int) -> None:
        """Nothing before `end` is due."""
        self.at = end
        self.through = max(self.through, min(end, self.open_from))

    def settle(self) -> None:
        """All was compared, and nothing is due."""
        self.at, self.held_at, self.settled_at = None, None, self.now


def pieces(grant: Grant) -> int:
    """How many periods are compared at one ask."""
    coarse = READS.get(grant.resolution, 1)
    reads = sum(1 if one.quantity.kind is Kind.INDEX else coarse for one in grant.series)
    return max(1, READS_MAX // reads)
