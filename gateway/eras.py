"""Which index series make a point's total, and since when: a meter may be exchanged, or come to say other registers."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from drivers.model import Medium, Quantity
from gateway.model import SeriesKey
from gateway.store import SeriesInfo

# What "the index" of a point counts, first found first taken.
MAIN_QUANTITIES = (Quantity.ENERGY, Quantity.ENERGY_JOULE, Quantity.VOLUME, Quantity.HEAT_COST)
VOLUME_FIRST = (Quantity.VOLUME, Quantity.ENERGY, Quantity.ENERGY_JOULE, Quantity.HEAT_COST)
LIQUID = (Medium.WATER, Medium.HOT_WATER, Medium.GAS)
# An index that a meter has not said for so long beside others is that of an ended contract, or of another TIC mode.
SAID_S_MAX = 86400

Amounts = list[Decimal | None]


@dataclass(frozen=True, slots=True)
class Era:
    """The index series whose sum was a point's total from `start` (UTC seconds) until the next era.

    Another one begins when the meter is exchanged, or says other registers: another contract, another TIC mode.
    """

    keys: tuple[SeriesKey, ...]
    start: int


def eras(
    medium: Medium, stands: Sequence[str], mains: Mapping[str, Sequence[SeriesInfo]], said: Collection[str] = ()
) -> list[Era]:
    """How a point's total was said over time, the oldest first; the last one is how it is said now.

    `stands` are the first parts of the series' keys, a meter each, in the order in which they stood there; `mains` the
    main index series of each. `said` are the registers that the present meter says these seconds, where that is known.
    """
    found: list[Era] = []
    counted: set[SeriesKey] = set()
    for stand in reversed(stands):
        infos = list(mains.get(stand, ()))
        if not found:
            infos = [info for info in infos if info.key.register in said] or infos
        while keys := _total_of(medium, infos, found[-1].start if found else None):
            total = [info for info in mains[stand] if info.key in keys]
            start = max(info.first_at for info in total)
            found.append(Era(keys, start))
            counted.update(keys)
            infos = [
                info
                for info in mains[stand]
                if info.first_at < start and info.quantity is total[0].quantity and info.key not in counted
            ]
    return found[::-1]


def amounts(
    found: Sequence[Era], bounds: Sequence[int], of: Callable[[Sequence[SeriesKey], Sequence[int]], Amounts]
) -> Amounts:
    """What was taken between each two bounds; `of` says it of some series. A bucket in which an era begins is added up.

    What nobody heard between two eras is in neither.
    """
    if not found or len(bounds) < 2:
        return [None] * (len(bounds) - 1)
    if len(found) == 1:
        return of(found[0].keys, bounds)
    starts = [bounds[0], *(era.start for era in found[1:]), bounds[-1]]
    parts: dict[int, Decimal | None] = {}
    for era, (low, high) in zip(found, pairwise(starts), strict=True):
        cuts = sorted({at for at in (*bounds, *starts) if max(low, bounds[0]) <= at <= min(high, bounds[-1])})
        if len(cuts) > 1:
            parts |= zip(cuts, of(era.keys, cuts), strict=False)
    return [_sum(part for at, part in parts.items() if low <= at < high) for low, high in pairwise(bounds)]


def _total_of(medium: Medium, mains: Sequence[SeriesInfo], until: int | None) -> tuple[SeriesKey, ...]:
    """Of main index series those whose sum is the total, as the meter speaks now, or spoke before `until`."""
    for quantity in VOLUME_FIRST if medium in LIQUID else MAIN_QUANTITIES:
        if infos := [info for info in mains if info.quantity is quantity]:
            lasts = [info.last_at if until is None else min(info.last_at, until) for info in infos]
            said = [info.key for info, last in zip(infos, lasts, strict=True) if last > max(lasts) - SAID_S_MAX]
            totals = tuple(key for key in said if key.tariff == 0)
            return totals[:1] or tuple(said)
    return ()


def _sum(parts: Iterable[Decimal | None]) -> Decimal | None:
    total = Decimal(0)
    for part in parts:
        if part is None:
            return None
        total += part
    return total
