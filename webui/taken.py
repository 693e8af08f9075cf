"""What a metering point took over the slots of a period, and what is not known of it."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from gateway.house import House
from gateway.periods import Span
from gateway.views import PointState, PointView
from webui.charts import Gap, gaps_in


@dataclass(frozen=True, slots=True)
class Taken:
    """One value a slot, in the point's quantity; `total` counts from `start` to `end`, the part that is known.

    `running` is the slot that is still being filled. Slots before the point's history and after now are blank: not
    known, but no gap either.
    """

    bounds: Sequence[int]
    values: Sequence[Decimal | None]
    total: Decimal | None
    start: int
    end: int
    running: int | None
    gaps: Sequence[Gap]
    # What files of companies add (beside.py): whose each slot is, None the meter's own; what is known of a slot in part;
    # amounts that stand over several slots; when one of their days begins that is not ours. `at_least`: the total misses something.
    holders: Sequence[str | None] = ()
    partly: Sequence[Decimal | None] = ()
    spans: Sequence[Span] = ()
    shifted_at: int | None = None
    at_least: bool = False

    @property
    def from_the_start(self) -> bool:
        return self.start == self.bounds[0]


async def taken(house: House, view: PointView, bounds: Sequence[int], now: int) -> Taken:
    """What `view` took between each two of `bounds` (UTC seconds), up to its last index."""
    slots = len(bounds) - 1
    values: list[Decimal | None] = [None] * slots
    began = house.history_start(view.point.id)
    if began is None or view.index is None or began >= bounds[-1] or bounds[0] >= now:
        return Taken(bounds, values, None, bounds[0], bounds[0], None, ())
    start, end = max(bounds[0], began), min(bounds[-1], now, view.index.at)
    first = bisect_right(bounds, start) - 1
    total, running, reached = None, None, first - 1
    if end > start:
        cuts = [start, *(bound for bound in bounds if start < bound < end), end]
        values[first : first + len(cuts) - 1] = await house.consumption(view.point.id, cuts)
        total = (await house.consumption(view.point.id, (start, end)))[0]
        reached = first + len(cuts) - 2
        running = reached if end < bounds[reached + 1] else None
    # A meter that speaks is not missing because it has not spoken in this very hour; one that fell silent is.
    if now >= bounds[-1]:
        reached = slots - 1
    elif view.state is not PointState.SPEAKING:
        reached = bisect_right(bounds, now) - 1
    gaps = []
    for gap in gaps_in(values, first, reached):
        low, high = max(bounds[gap.first], start), bounds[gap.last + 1]
        known = (await house.consumption(view.point.id, (low, high)))[0] if high <= end and gap.slots > 1 else None
        gaps.append(replace(gap, total=known))
    return Taken(bounds, values, total, start, end, running, tuple(gaps))


async def amounts(house: House, point: str, spans: Sequence[tuple[int, int]]) -> list[Decimal | None]:
    """What was taken in each of these spans, which follow one another without overlap."""
    if not spans:
        return []
    bounds = [bound for span in spans for bound in span]
    return (await house.consumption(point, bounds))[::2]
