"""Whether an index may be believed: one that leaps is held until the meter insists, one that runs backwards for good."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from drivers.model import Quantity

# Meters tell time to a minute and count in whole steps: this much is always allowed.
SLACK_H = 0.25
CONFIRMATIONS = 2


@dataclass(frozen=True, slots=True)
class Pace:
    """The most an index can grow by in an hour, and for how many more hours it may be granted that much."""

    per_hour_max: float
    slack_h: float = SLACK_H


# The most a dwelling's or a small building's meter can count in an hour, far above what is usual: 250 kVA, a DN50
# water meter's overload flow, a G40 gas meter. A leap above this is a damaged reading or another meter.
PACES = {
    Quantity.ENERGY: Pace(250_000),
    Quantity.ENERGY_JOULE: Pace(900_000_000),
    Quantity.REACTIVE_ENERGY: Pace(250_000),
    Quantity.APPARENT_ENERGY: Pace(250_000),
    Quantity.VOLUME: Pace(70_000),
    Quantity.HEAT_COST: Pace(200),
}


# A register of so many steps at least comes round to zero within a thousandth of them on both sides. An exchange that looks
# the same by chance is rarer than one in a thousand, and is then wrong by no more than that.
ROUND_STEPS_MIN = 100_000
ROUND_SHARE = 1000


class Verdict(Enum):
    """What becomes of an index. ROUND: it is believed, and has come round to zero since the last one."""

    KEEP = "keep"
    HOLD = "hold"
    ROUND = "round"


@dataclass(slots=True)
class IndexWatch:
    """The last believed value of one index, and the one that leapt and waits to be confirmed.

    Values are exact integers of one power of ten (`exponent`); times are UTC seconds. A leap forward is believed when
    CONFIRMATIONS further readings follow it plausibly, and so is a register that comes round from its last digits to its
    first ones. Another step backwards never is: a new meter is said by a swap. Only a first reading that nothing
    followed yet gives way to readings that agree: it was the damaged one.
    """

    quantity: Quantity
    at: int | None = None
    value: int = 0
    exponent: int = 0
    _followed: bool = field(init=False)
    _held_at: int = 0
    _held_value: int = 0
    _held_exponent: int = 0
    _agreed: int = 0

    def __post_init__(self) -> None:
        self._followed = self.at is not None

    def judge(self, at: int, value: int, exponent: int, pace: Pace | None = None) -> Verdict:
        """Believe or hold one reading; `pace` is that of this very meter, where it is known."""
        pace = pace or PACES.get(self.quantity)
        if self.at is None or _follows(self.at, self.value, self.exponent, at, value, exponent, pace):
            self._followed = self.at is not None
            self._believe(at, value, exponent)
            return Verdict.KEEP
        backwards = self._followed and _less(value, exponent, self.value, self.exponent)
        if backwards and not self._comes_round(at, value, exponent, pace):
            self._agreed = 0
            return Verdict.HOLD
        held = (self._held_at, self._held_value, self._held_exponent)
        if self._agreed and _follows(*held, at, value, exponent, pace):
            self._agreed += 1
        else:
            self._agreed = 1
        self._held_at, self._held_value, self._held_exponent = at, value, exponent
        if self._agreed > CONFIRMATIONS:
            self._believe(at, value, exponent)
            return Verdict.ROUND if backwards else Verdict.KEEP
        return Verdict.HOLD

    @property
    def full(self) -> int:
        """The power of ten at which the register that said the last value comes round; in its own steps."""
        return int(10 ** len(str(self.value)))

    def _comes_round(self, at: int, value: int, exponent: int, pace: Pace | None) -> bool:
        assert self.at is not None
        full = self.full
        left = full - self.value
        begun = Decimal(value).scaleb(exponent - self.exponent)
        return (
            full >= ROUND_STEPS_MIN
            and left * ROUND_SHARE <= full
            and 0 <= begun * ROUND_SHARE <= full
            and _follows(self.at, -left, self.exponent, at, value, exponent, pace)
        )

    def _believe(self, at: int, value: int, exponent: int) -> None:
        self.at, self.value, self.exponent = at, value, exponent
        self._agreed = 0


def _follows(at0: int, value0: int, exponent0: int, at: int, value: int, exponent: int, pace: Pace | None) -> bool:
    if _less(value, exponent, value0, exponent0):
        return False
    if pace is None:
        return True
    grown = value * 10.0**exponent - value0 * 10.0**exponent0
    return grown <= pace.per_hour_max * (max(at - at0, 0) / 3600 + pace.slack_h)


def _less(value: int, exponent: int, other: int, other_exponent: int) -> bool:
    return Decimal(value).scaleb(exponent) < Decimal(other).scaleb(other_exponent)
