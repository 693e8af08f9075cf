"""What else is known of a period beside what was taken: what a producer gave, and gas in the unit that its company bills."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

from drivers.model import Medium, Quantity
from gateway.house import House
from gateway.periods import SHIFT_S_MAX, best
from gateway.views import PointView
from webui import shown
from webui.words import Words, mark

GIVEN = mark("given, %(unit)s")
BILLED = mark("%(unit)s, by the company")
GIVEN_TOTAL = mark("Given to the network: %(amount)s.")
BILLED_TOTAL = mark("By the company: %(amount)s.")


@dataclass(frozen=True, slots=True)
class Also:
    """One more column: its head, an entry a slot (None: not known), and the sum of those that are known in a sentence."""

    head: Markup
    values: Sequence[str | None]
    sentence: Markup


async def also(house: House, words: Words, view: PointView, bounds: Sequence[int]) -> list[Also]:
    """The columns that there is anything to say in, over the slots between `bounds` (UTC seconds)."""
    found = []
    over = sum(end <= house.now() for end in bounds[1:])  # of so many slots something can be known
    given = await _given(house, view, bounds)
    if any(given):
        found.append(_column(words, given, over, GIVEN, GIVEN_TOTAL))
    if view.point.medium is Medium.GAS and view.quantity is Quantity.VOLUME:
        billed = await _by_files(house, view, Quantity.ENERGY, bounds, given=False)
        if any(each is not None for each in billed):
            found.append(_column(words, billed, over, BILLED, BILLED_TOTAL))
    return found


async def _given(house: House, view: PointView, bounds: Sequence[int]) -> list[Decimal | None]:
    """By the meter, and where that does not know by files: the network's company counts it too."""
    meters: Sequence[Decimal | None] = [None] * (len(bounds) - 1)
    if view.injected is not None:
        meters = await house.injected(view.point.id, bounds)
    if view.point.medium is not Medium.ELECTRICITY:
        return list(meters)
    files = await _by_files(house, view, Quantity.ENERGY, bounds, given=True)
    return [theirs if ours is None else ours for ours, theirs in zip(meters, files, strict=True)]


async def _by_files(
    house: House, view: PointView, quantity: Quantity, bounds: Sequence[int], *, given: bool
) -> list[Decimal | None]:
    said = await house.said(view.point.id, bounds[0] - SHIFT_S_MAX, bounds[-1] + SHIFT_S_MAX, given=given)
    registers = said.get(quantity, [])
    if not registers:
        return [None] * (len(bounds) - 1)
    slots, _ = best(registers, bounds)
    return [slot.amount if slot is not None and slot.complete else None for slot in slots]


def _column(words: Words, values: Sequence[Decimal | None], over: int, head: str, total: str) -> Also:
    scale = shown.scale_for(Quantity.ENERGY, Medium.ELECTRICITY, values)
    known = [value for value in values if value is not None]
    amount = shown.amount(words, Quantity.ENERGY, Medium.ELECTRICITY, sum(known, Decimal(0)))
    said = words.say(total, amount=str(amount))
    if any(value is None for value in values[:over]):
        said = words.say(total, amount=words.say("at least %(amount)s", amount=str(amount)))
    return Also(
        words.say(head, unit=scale.unit),
        [None if value is None else scale.number(words, value) for value in values],
        said,
    )
