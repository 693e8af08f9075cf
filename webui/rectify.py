"""What of the readings was put right, by the box or by a person, in words; and how to take it back. A section of `/data`."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from markupsafe import Markup

from gateway.house import House
from gateway.store import SeriesInfo, Swap
from gateway.views import PointView
from webui import dial, shown
from webui.words import Words

SHOWN_MAX = 50


@dataclass(frozen=True, slots=True)
class Undo:
    """A form of another page that takes it back."""

    action: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Corrected:
    """One correction of a meter's readings, from `at` (UTC seconds) on; `undone`: it was taken back."""

    name: str
    at: int
    sentence: Markup
    undone: bool = False
    undo: Undo | None = None


@dataclass(frozen=True, slots=True)
class Rectified:
    """The corrections, the newest first; of how many older ones nothing is shown; the meters whose dial can be told."""

    shown: tuple[Corrected, ...] = ()
    more: int = 0
    dials: tuple[PointView, ...] = ()


def rectified(words: Words, house: House) -> Rectified:
    infos = house.store.series()
    found = [
        one
        for view in house.points()
        for one in (
            *_exchanges(words, house, view),
            *_dials(words, house, view),
            *_swaps(words, house, view, infos),
        )
    ]
    found.sort(key=lambda one: one.at, reverse=True)
    dials = tuple(view for view in house.points() if house.dials.count(view.point.id) is not None)
    return Rectified(tuple(found[:SHOWN_MAX]), max(0, len(found) - SHOWN_MAX), dials)


def _exchanges(words: Words, house: House, view: PointView) -> Iterator[Corrected]:
    """Another meter that took the place of the one before, as it was found on the wire or added on a page."""
    point = view.point.id
    for before, after in pairwise(house.catalog.standing(point)):
        numbers = [shown.engraved(before.address), shown.engraved(after.address)]
        said = (
            words.say(
                "The meter was exchanged: n° %(before)s before, n° %(after)s since. Its history goes on.",
                before=numbers[0],
                after=numbers[1],
            )
            if all(numbers)
            else words.say("The meter was exchanged. Its history goes on.")
        )
        last = view.exchange is not None and (view.exchange.at, view.exchange.after) == (after.since, after.address)
        undo = Undo("/meters/apart", {"point": point}) if last else None
        yield Corrected(view.point.name, after.since, said, undo=undo)


def _dials(words: Words, house: House, view: PointView) -> Iterator[Corrected]:
    """What somebody read on the dial. Taking back is a correction the other way: the last one that stands can be."""
    point = view.point.id
    count, corrections = house.dials.count(point), house.dials.corrections(point)
    if count is None:
        return
    undo = Undo("/meters/dial/undo", {"point": point, "seen": str(len(corrections))})
    for one in corrections:
        said = dial.corrected(words, count.weight.quantity, one)
        yield Corrected(view.point.name, one.at, said, undo=undo if one is corrections[-1] else None)


def _swaps(words: Words, house: House, view: PointView, infos: Iterable[SeriesInfo]) -> Iterator[Corrected]:
    """Indexes that the box counts on over a new beginning: those taken back, too."""
    count, keys = house.dials.count(view.point.id), house.series(view.point.id)
    turned = {one.event for one in view.turned}
    for info in infos:
        if info.key not in keys or (count is not None and info.key == count.key):  # a dial's are said with it
            continue
        for swap in house.store.events(info.key):
            undo = Undo("/meters/uncount", {"point": view.point.id, "event": str(swap.id)})
            yield Corrected(
                view.point.name,
                swap.at,
                _said(words, view, info, swap),
                swap.undone_by is not None,
                undo if swap.id in turned and swap.undone_by is None else None,
            )


def _said(words: Words, view: PointView, info: SeriesInfo, swap: Swap) -> Markup:
    before, after = (
        shown.amount(words, info.quantity, view.point.medium, Decimal(whole).scaleb(swap.exponent))
        for whole in (swap.old_final, swap.new_start)
    )
    if not swap.new_start:
        return words.say(
            "Its index began anew at zero, after %(value)s. What you use is counted on over that.", value=before
        )
    return words.say(
        "Its index went from %(before)s to %(after)s, as when a meter is exchanged. What you use is counted on over that.",
        before=before,
        after=after,
    )
