"""Amounts of periods that somebody else cut: a holder's half-hours, days and months, the time between two readings.

Nothing is divided: an amount goes whole into the slot that holds most of its period, or stands over several slots.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

# A holder's day may begin at another hour than ours (gas: at six), and by no more than this.
SHIFT_S_MAX = 12 * 3600
# Longer than so many slots, a period is one of several slots.
SLOTS_A_PERIOD = 1.5


class Shape(StrEnum):
    """What a row states."""

    INDEX = "index"  # what the meter showed at a moment
    AMOUNT = "amount"  # what was taken in a period
    POWER = "power"  # the mean power over a period


Amount = tuple[int, int, int]  # start, end, amount in 10**exponent / divisor of the unit


@dataclass(frozen=True, slots=True)
class Periods:
    """What one register of a holder says, in order of time and without overlap. UTC seconds."""

    holder: str
    register: str
    exponent: int
    divisor: int
    rows: Sequence[Amount]

    def decimal(self, amount: int) -> Decimal:
        return (Decimal(amount) / self.divisor).scaleb(self.exponent)


@dataclass(frozen=True, slots=True)
class Slot:
    """What a register says of one slot: `complete` if its periods cover it, give or take `shift_s` at both ends."""

    holder: str
    amount: Decimal
    start: int
    end: int
    complete: bool
    shift_s: int


@dataclass(frozen=True, slots=True)
class Span:
    """One amount of the slots `first` to `last`, both included: what was taken when is not known."""

    holder: str
    first: int
    last: int
    amount: Decimal


@dataclass(slots=True)
class _Gathered:
    start: int
    end: int
    first_s: int
    last_s: int
    amount: int
    whole: bool = True


def joined(parts: Iterable[Sequence[Amount]]) -> list[Amount]:
    """The rows of several imports as one, later ones winning where they overlap."""
    rows = sorted(
        ((start, -rank, end, amount) for rank, part in enumerate(parts) for start, end, amount in part)
    )  # fmt: skip
    kept: list[tuple[int, int, int, int]] = []
    for start, rank, end, amount in rows:
        while kept and start < kept[-1][2] and rank < kept[-1][1]:
            kept.pop()
        if not kept or start >= kept[-1][2]:
            kept.append((start, rank, end, amount))
    return [(start, end, amount) for start, _, end, amount in kept]


def between(readings: Sequence[tuple[int, int]]) -> list[Amount]:
    """The amounts between each two readings of an index; none where it ran back, which another meter would explain."""
    return [(at, then, high - low) for (at, low), (then, high) in pairwise(readings) if high >= low]


def of_rows(holder: str, register: str, exponent: int, shape: Shape, rows: Sequence[Amount]) -> Periods:
    """Rows of one import as the amounts they come to; a mean power is one of watts by seconds, so nothing is rounded."""
    match shape:
        case Shape.INDEX:
            return Periods(holder, register, exponent, 1, between([(at, value) for at, _, value in rows]))
        case Shape.POWER:
            return Periods(holder, register, exponent, 3600, powers(rows))
        case Shape.AMOUNT:
            return Periods(holder, register, exponent, 1, rows)


def powers(rows: Iterable[Amount]) -> list[Amount]:
    return [(start, end, power * (end - start)) for start, end, power in rows]


def slots(periods: Periods, bounds: Sequence[int]) -> tuple[list[Slot | None], list[Span]]:
    """What is said of each slot between two bounds, and the amounts that stand over several."""
    gathered: list[_Gathered | None] = [None] * (len(bounds) - 1)
    middles = [(low + high) // 2 for low, high in pairwise(bounds)]
    spans = []
    for start, end, amount in periods.rows:
        number = bisect_right(bounds, (start + end) // 2) - 1
        if end - start > SLOTS_A_PERIOD * _length(bounds, number):
            first, last = bisect_left(middles, start), bisect_left(middles, end) - 1
            if first <= last and start >= bounds[0] - SHIFT_S_MAX and end <= bounds[-1] + SHIFT_S_MAX:
                spans.append(Span(periods.holder, first, last, periods.decimal(amount)))
        elif 0 <= number < len(gathered):
            slot = gathered[number]
            if slot is None:
                gathered[number] = _Gathered(start, end, end - start, end - start, amount)
            else:
                slot.whole = slot.whole and slot.end == start
                slot.end, slot.last_s = end, end - start
                slot.amount += amount
    found = [
        None if slot is None else _slot(periods, slot, low, high)
        for slot, (low, high) in zip(gathered, pairwise(bounds), strict=True)
    ]
    return found, spans


def best(registers: Sequence[Periods], bounds: Sequence[int]) -> tuple[list[Slot | None], list[Span]]:
    """Of several registers, for each slot the one that says most of it; then the one that is cut as the slots are."""
    found: list[Slot | None] = [None] * (len(bounds) - 1)
    spans: list[Span] = []
    for periods in sorted(registers, key=lambda each: each.exponent):
        its, its_spans = slots(periods, bounds)
        found = [_better(old, new) for old, new in zip(found, its, strict=True)]
        spans += its_spans
    spans.sort(key=lambda span: (span.first, span.last))
    kept: list[Span] = []
    for span in spans:
        here = found[span.first : span.last + 1]
        if not any(slot is not None for slot in here) and (not kept or span.first > kept[-1].last):
            kept.append(span)
    return found, kept


def _better(old: Slot | None, new: Slot | None) -> Slot | None:
    if old is None or new is None:
        return old or new
    return new if (new.complete, -abs(new.shift_s)) > (old.complete, -abs(old.shift_s)) else old


def _slot(periods: Periods, slot: _Gathered, low: int, high: int) -> Slot:
    before, after = slot.start - low, slot.end - high
    complete = (
        slot.whole
        and abs(before) <= min(SHIFT_S_MAX, slot.first_s // 2)
        and abs(after) <= min(SHIFT_S_MAX, slot.last_s // 2)
    )
    return Slot(periods.holder, periods.decimal(slot.amount), slot.start, slot.end, complete, before)


def _length(bounds: Sequence[int], number: int) -> int:
    number = min(max(number, 0), len(bounds) - 2)
    return bounds[number + 1] - bounds[number]
