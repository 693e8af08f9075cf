"""What files of companies say, beside what the meter said.

The meter wins wherever it is known. Where it is not, a file may fill a slot, which says so; where both are known, both are
shown. A slot that a file covers in part is known in part, and stays a gap.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from drivers.model import Quantity
from gateway.eras import LIQUID, MAIN_QUANTITIES, VOLUME_FIRST
from gateway.house import House
from gateway.periods import SHIFT_S_MAX, Periods, Slot, best
from gateway.views import PointView
from webui import days
from webui.charts import Gap, gaps_in
from webui.taken import Taken, amounts, taken

# A slot longer than this is put together from days where neither the meter nor a file knows the whole of it.
DAYS_OF_SLOT_S = 3 * 86400
# A file and the meter are compared over so many days, and believed to be of one meter within this factor.
AGAINST_DAYS_MAX, AGAINST_DAYS_MIN, FAR = 60, 3, 2


async def with_quantity(house: House, view: PointView) -> PointView:
    """The view of a point that has no meter yet, with the quantity that its files have."""
    if view.quantity is not None:
        return view
    there = await house.said(view.point.id, 0, house.now())
    liquid = view.point.medium in LIQUID
    return replace(
        view, quantity=next((each for each in (VOLUME_FIRST if liquid else MAIN_QUANTITIES) if each in there), None)
    )


async def beside(house: House, view: PointView, bounds: Sequence[int], now: int) -> Taken:
    """What a point took in each slot: by its meter, and where that is not known by files."""
    found = await taken(house, view, bounds, now)
    registers = await _registers(house, view, bounds[0], bounds[-1])
    if not registers:
        return found
    slots, spans = best(registers, bounds)
    values = list(found.values)
    partly: list[Decimal | None] = [None] * len(values)
    holders: list[str | None] = [None] * len(values)
    shifted_at: int | None = None
    for number in _open(house, view, found, now):
        slot = slots[number]
        if slot is not None and slot.complete:
            values[number], holders[number] = slot.amount, slot.holder
            if slot.shift_s and shifted_at is None:
                shifted_at = slot.start
        elif bounds[number + 1] - bounds[number] > DAYS_OF_SLOT_S:
            month = await _by_days(house, view, bounds[number : number + 2], now)
            if month.holder is not None:
                values[number], partly[number], holders[number] = month.whole, month.part, month.holder
        elif slot is not None and values[number] is None:
            partly[number], holders[number] = slot.amount, slot.holder
    spans = [span for span in spans if all(value is None for value in values[span.first : span.last + 1])]
    return _joined(
        replace(found, values=values, partly=partly, holders=holders, spans=spans, shifted_at=shifted_at), found
    )


def _open(house: House, view: PointView, found: Taken, now: int) -> list[int]:
    """The slots of which the meter does not know all: before its first reading, in its gaps, after its last one."""
    began = house.history_start(view.point.id)
    return [
        number
        for number, value in enumerate(found.values)
        if value is None
        or began is None
        or found.bounds[number] < began
        or (number == found.running and found.bounds[number + 1] <= now)
    ]


async def _registers(house: House, view: PointView, start: int, end: int) -> list[Periods]:
    if view.quantity is None:
        return []
    said = await house.said(view.point.id, start - SHIFT_S_MAX, end + SHIFT_S_MAX)
    return said.get(view.quantity, [])


@dataclass(frozen=True, slots=True)
class _Month:
    """A long slot put together from its days: the whole of it, or the part that is known; and whose file was needed."""

    whole: Decimal | None
    part: Decimal | None
    holder: str | None


async def _by_days(house: House, view: PointView, bounds: Sequence[int], now: int) -> _Month:
    first = days.today(house.zone, bounds[0])
    midnights = [bounds[0]]
    while midnights[-1] < bounds[1]:
        midnights.append(days.midnight(house.zone, first + timedelta(days=len(midnights))))
    month = await beside(house, view, midnights, now)
    holder = next((each for each in month.holders if each is not None), None)
    over = month.end >= bounds[1] or (month.running is not None and now < bounds[1])
    if month.from_the_start and over and not month.at_least:
        return _Month(month.total, None, holder)
    return _Month(None, month.total, holder)


def _joined(whole: Taken, meters: Taken) -> Taken:
    """The gaps of both together, and the total: the meter's own where it knows the period, else the sum of what is known."""
    bounds, values = whole.bounds, whole.values
    spanned = {number for span in whole.spans for number in range(span.first, span.last + 1)}
    filled = [number for number, holder in enumerate(whole.holders) if holder is not None] + sorted(spanned)
    known = [number for number, value in enumerate(values) if value is not None] + filled
    if not filled:
        return meters
    first, last = min(known), max(known)
    gaps = [Gap(span.first, span.last, span.amount) for span in whole.spans]
    covered = [Decimal(0) if number in spanned else value for number, value in enumerate(values)]
    gaps += [
        next((gap for gap in meters.gaps if (gap.first, gap.last) == (run.first, run.last)), run)
        for run in gaps_in(covered, first, max([last, *(gap.last for gap in meters.gaps)]))
    ]
    gaps.sort(key=lambda gap: gap.first)
    whole = replace(whole, gaps=tuple(gaps))
    if meters.total is not None and meters.from_the_start and bounds[max(filled)] < meters.end:
        return whole
    parts = [each for each in (*values, *whole.partly, *(gap.total for gap in gaps)) if each is not None]
    own_start = whole.holders[first] is None and first not in spanned
    return replace(
        whole,
        total=sum(parts, Decimal(0)),
        start=max(bounds[first], meters.start) if own_start else bounds[first],
        end=max(bounds[max(filled) + 1], meters.end if meters.total is not None else bounds[0]),
        at_least=any(gap.total is None for gap in gaps),
    )


async def amount(house: House, view: PointView, start: int, end: int) -> tuple[Decimal | None, str | None]:
    """What was taken between two times: by the meter, else by a file that covers it, with its holder."""
    (meters,) = await amounts(house, view.point.id, [(start, end)])
    if meters is not None:
        return meters, None
    registers = await _registers(house, view, start, end)
    slot = best(registers, (start, end))[0][0] if registers else None
    return (slot.amount, slot.holder) if slot is not None and slot.complete else (None, None)


@dataclass(frozen=True, slots=True)
class Both:
    """A slot that a file and the meter both know: over the file's own period, `start` to `end`."""

    number: int
    holder: str
    start: int
    end: int
    theirs: Decimal
    ours: Decimal


async def both(house: House, view: PointView, found: Taken) -> list[Both]:
    """The slots that a file and the meter both know."""
    registers = await _registers(house, view, found.bounds[0], found.bounds[-1])
    if not registers or view.index is None:
        return []
    slots = [
        (number, slot)
        for number, slot in enumerate(best(registers, found.bounds)[0])
        if slot is not None and slot.complete
    ]
    ours = await _ours(house, view, [slot for _, slot in slots])
    return [
        Both(number, slot.holder, slot.start, slot.end, slot.amount, meters)
        for (number, slot), meters in zip(slots, ours, strict=True)
        if meters is not None
    ]


async def _ours(house: House, view: PointView, slots: Sequence[Slot]) -> list[Decimal | None]:
    """What the meter counted over the same periods; nothing where its readings end within one."""
    assert view.index is not None
    out: list[Decimal | None] = [None] * len(slots)
    whole = [number for number, slot in enumerate(slots) if slot.end <= view.index.at]
    found = await amounts(house, view.point.id, [(slots[number].start, slots[number].end) for number in whole])
    for number, value in zip(whole, found, strict=True):
        out[number] = value
    return out


@dataclass(frozen=True, slots=True)
class Against:
    """What a file and the meter say of the same days, which both know whole."""

    days: int
    quantity: Quantity
    theirs: Decimal
    ours: Decimal

    @property
    def far(self) -> bool:
        """Whether one is more than twice the other: another meter, or another unit."""
        return max(self.theirs, self.ours) > FAR * min(self.theirs, self.ours)


async def against(house: House, point: str, said: Sequence[tuple[Quantity, Periods]]) -> Against | None:
    """A file that is not brought in yet beside the point's meter, over the last days of both; None where they share none."""
    view, began = house.point(point), house.history_start(point)
    if view is None or view.index is None or began is None:
        return None
    registers = [periods for quantity, periods in said if quantity is view.quantity and periods.rows]
    if not registers:
        return None
    last = min(view.index.at, max(periods.rows[-1][1] for periods in registers))
    first = max(began, min(periods.rows[0][0] for periods in registers), last - AGAINST_DAYS_MAX * 86400)
    day, end = days.today(house.zone, first), days.today(house.zone, last)
    bounds = [days.midnight(house.zone, day + timedelta(days=n)) for n in range((end - day).days + 1)]
    if len(bounds) < 2:
        return None
    slots = best(registers, bounds)[0]
    meters = await house.consumption(point, bounds)
    both_ = [
        (slot.amount, ours)
        for slot, ours in zip(slots, meters, strict=True)
        if slot is not None and slot.complete and ours is not None
    ]
    if len(both_) < AGAINST_DAYS_MIN or view.quantity is None:
        return None
    return Against(
        len(both_), view.quantity, sum((each[0] for each in both_), Decimal(0)), sum((each[1] for each in both_), Decimal(0))
    )  # fmt: skip
