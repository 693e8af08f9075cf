"""Pulse counting: edges of a contact in, what one pulse is worth, and an index with its power or flow out."""

import re
from dataclasses import dataclass
from decimal import ROUND_DOWN, Context, Decimal
from fractions import Fraction

from drivers.model import Address, Medium, Quantity, Reading, State, Telegram

HOUR_NS = 3_600_000_000_000
MS_NS = 1_000_000
# S0 pulses last 30 ms at least (IEC 62053-31); a reed contact bounces for a few.
DEBOUNCE_MS, DEBOUNCE_MS_MAX = 20, 1000
# An index that does not end, as at 480 pulses a kWh, is cut here; the count behind it stays exact.
FINEST = Decimal("0.001")
WIDE = Context(prec=60, rounding=ROUND_DOWN)

WEIGHT = re.compile(r"([0-9]{1,6}(?:[.,][0-9]{1,4})?) ?(L|l|m3|m³|Wh|kWh)")
UNITS = {
    "L": (Quantity.VOLUME, 1),
    "l": (Quantity.VOLUME, 1),
    "m3": (Quantity.VOLUME, 1000),
    "m³": (Quantity.VOLUME, 1000),
    "Wh": (Quantity.ENERGY, 1),
    "kWh": (Quantity.ENERGY, 1000),
}
WEIGHT_MAX = 100_000  # 100 m3 or 100 kWh a pulse: more is a slip of the pen
PER_KWH_MAX = 100_000
# What is said of each quantity: the register of its index, that of its level and the most a level may be (as in
# gateway/plausible.py: 250 kVA, a DN50 water meter). Pulses that come faster are chatter, and no level is said.
REGISTERS = {Quantity.VOLUME: "volume", Quantity.ENERGY: "energy"}
LEVELS = {Quantity.VOLUME: ("flow", Quantity.FLOW, 70_000), Quantity.ENERGY: ("power", Quantity.POWER, 250_000)}


@dataclass(frozen=True, slots=True)
class Weight:
    """What `pulses` pulses are worth: `amount` in the quantity's unit (L or Wh). 480 pulses a kWh are 1000 for 480."""

    quantity: Quantity
    amount: Decimal
    pulses: int = 1

    def of(self, pulses: int) -> Decimal:
        """What so many pulses are worth; exact where that ends within FINEST, else cut there."""
        whole = self.amount * pulses
        worth = whole if self.pulses == 1 else WIDE.divide(whole, Decimal(self.pulses))
        exponent = worth.as_tuple().exponent
        assert isinstance(exponent, int)
        return worth.quantize(FINEST, context=WIDE) if exponent < -4 else worth

    def times(self, factor: Fraction) -> "Weight":
        """The same pulses worth `factor` times as much."""
        worth = self.exact * factor
        return Weight(self.quantity, Decimal(worth.numerator), worth.denominator)

    @property
    def exact(self) -> Fraction:
        return Fraction(self.amount) / self.pulses

    @property
    def each(self) -> Decimal:
        return self.of(1)


def parse_weight(text: str) -> Weight:
    """`10 L`, `0.01 m3`, `1 Wh`; ValueError names what is needed."""
    match = WEIGHT.fullmatch(text.strip())
    if match is not None:
        quantity, scale = UNITS[match[2]]
        amount = Decimal(match[1].replace(",", ".")) * scale
        if 0 < amount <= WEIGHT_MAX:
            return Weight(quantity, amount)
    raise ValueError(f"what one pulse is worth is needed, such as 10 L, 0.25 L or 1 Wh, not {text[:40]!r}")


def per_kwh(pulses: int) -> Weight:
    """The weight of a meter that gives so many pulses a kWh."""
    return Weight(Quantity.ENERGY, Decimal(1000), pulses)


@dataclass(frozen=True, slots=True)
class Edge:
    """The contact changed: its level from `at_ns` on. `lost`: how many changes before it nobody saw."""

    at_ns: int
    level: bool
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Counted:
    """New pulses, and the time between two of them now; None as long as two were not seen."""

    pulses: int
    spacing_ns: int | None


class Counter:
    """Pulses of one contact.

    A level is believed once it has held for the debounce time, and a pulse is the believed change to `active`: what is
    shorter than that, a bounce or a spark, counts for nothing, on closing and on opening alike. The first level that is
    believed is where it stands, and no pulse. Times are of one clock that is never set; one that runs back all the same
    is taken as no time at all.
    """

    def __init__(self, debounce_ms: int, *, active: bool) -> None:
        self._debounce_ns = debounce_ms * MS_NS
        self._active = active
        self._believed: bool | None = None
        self._level: bool | None = None
        self._since_ns: int | None = None
        self._waiting = False  # the present level has not held long enough yet
        self._new = 0
        self._last_ns: int | None = None
        self._mark_ns: int | None = None  # the last pulse that was told
        self._spacing_ns: int | None = None

    @property
    def level(self) -> bool | None:
        """The present level, believed or not."""
        return self._level

    @property
    def new(self) -> int:
        """Pulses that `take` has not told yet."""
        return self._new

    @property
    def settles_ns(self) -> int | None:
        """When the present level will have held long enough; None when it has."""
        return self._since_ns + self._debounce_ns if self._waiting and self._since_ns is not None else None

    def edge(self, edge: Edge) -> None:
        if edge.lost:
            self.forget_spacing()
        elif edge.level != self._level:  # the same level again: a change in between went unseen, nothing held
            self.settle(edge.at_ns)
        self._since_ns = edge.at_ns if self._since_ns is None else max(edge.at_ns, self._since_ns)
        self._level = edge.level
        self._waiting = True

    def settle(self, now_ns: int) -> None:
        """Believe the present level if it has held long enough by now."""
        due_ns = self.settles_ns
        if due_ns is None or now_ns < due_ns:
            return
        self._waiting = False
        rose = self._believed is not None and self._level != self._believed and self._level == self._active
        self._believed = self._level
        if rose:
            self._new += 1
            self._last_ns = self._since_ns

    def forget_spacing(self) -> None:
        """Pulses were missed: the time between those that were seen says nothing."""
        self._mark_ns = self._spacing_ns = None
        if not self._new:
            self._last_ns = None

    def take(self, now_ns: int) -> Counted:
        """What came since the last call.

        The spacing is the mean between those pulses, or the time since the last one once that is longer: the level
        then falls as 1/t towards zero, and is never below what the meter may really take.
        """
        pulses, self._new = self._new, 0
        if pulses and self._last_ns is not None:
            if self._mark_ns is not None:
                self._spacing_ns = (self._last_ns - self._mark_ns) // pulses
            self._mark_ns = self._last_ns
        if self._spacing_ns is None or self._mark_ns is None:
            return Counted(pulses, None)
        return Counted(pulses, max(self._spacing_ns, now_ns - self._mark_ns))


def level(weight: Weight, spacing_ns: int | None) -> Decimal | None:
    """Power in W, or flow in L/h, whole: one weight in the spacing. None when unknown or faster than any meter."""
    if spacing_ns is None or spacing_ns <= 0:
        return None
    per_hour = weight.exact * HOUR_NS / spacing_ns
    return Decimal(int(per_hour)) if per_hour <= LEVELS[weight.quantity][2] else None


def telegram(
    address: Address, medium: Medium, weight: Weight, index: Decimal | None, spacing_ns: int | None
) -> Telegram:
    """What a pulse meter would say if it could speak; without `index` none is told now."""
    readings = []
    if index is not None:
        readings.append(Reading(REGISTERS[weight.quantity], weight.quantity, index, main=True))
    register, quantity, _ = LEVELS[weight.quantity]
    present = level(weight, spacing_ns)
    if present is not None:
        readings.append(Reading(register, quantity, present, main=True))
    return Telegram(address, State.DECODED, medium, tuple(readings))
