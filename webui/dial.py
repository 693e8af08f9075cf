"""`/meters/dial`: what the dial of a meter shows against what the box counted of its pulses, and correcting that."""

import re
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction
from urllib.parse import urlencode

from aiohttp import web
from markupsafe import Markup

from drivers.model import Quantity
from gateway.dial import CLOCK, NEGATIVE, STALE, Compared, Correction, Count, DialError
from gateway.views import PointView
from webui import shown
from webui.page import HOUSE, back, read_form, render, see, words_of
from webui.words import Amount, Words, mark

# What is typed: at most as many digits as a dial has, a comma or a point, and the spaces that people set.
TYPED = re.compile(r"[0-9]{1,9}(?:[.,][0-9]{0,8})?")
# The dial's unit, as a power of ten of the quantity's own.
DIAL_UNITS = {Quantity.VOLUME: ("m³", 3), Quantity.ENERGY: ("kWh", 3)}
DECIMALS_MAX = 3
NOT_A_NUMBER = mark(
    "Type the digits of the dial, such as 1234.56: before the comma the black ones, behind it the red ones."
)
AHEAD = mark("Index brought to %(dial)s, %(shift)s more than the box had.")
BEHIND = mark("Index brought to %(dial)s, %(shift)s less than the box had.")
FAULTS = {
    STALE: mark("The index was corrected meanwhile. Compare once more."),
    NEGATIVE: mark("The dial would then be below zero. Read it once more."),
    CLOCK: mark("The box does not know the time now. Try again when it does."),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """The meter a form is about."""

    view: PointView
    count: Count
    corrections: tuple[Correction, ...]


async def page(request: web.Request) -> web.Response:
    asked = _asked(request, request.query.get("point", ""))
    return _page(request, asked)


def _page(
    request: web.Request,
    asked: Asked,
    *,
    status: int = 200,
    typed: str = "",
    fault: str | None = None,
    compared: Compared | None = None,
) -> web.Response:
    words, quantity = words_of(request), asked.count.weight.quantity
    decimals = _decimals(asked.count, compared)
    return render(
        request,
        "dial.html",
        status=status,
        view=asked.view,
        hue=shown.HUES[asked.view.point.medium],
        unit=DIAL_UNITS[quantity][0],
        index=said(words, quantity, asked.count.index, decimals),
        pulse=_pulse(words, quantity, asked.count.weight.exact),
        corrections=[(each.at, corrected(words, quantity, each)) for each in reversed(asked.corrections)],
        seen=len(asked.corrections),
        typed=typed,
        fault=words.say(fault) if fault else None,
        compared=compared,
        box=f"{compared.box.scaleb(-DIAL_UNITS[quantity][1]):f}" if compared else "",
        dial=said(words, quantity, compared.dial, decimals) if compared else None,
        shift=said(words, quantity, abs(compared.shift), decimals) if compared else None,
        pulse_found=_pulse(words, quantity, compared.weight.exact * compared.factor)
        if compared and compared.factor
        else None,
    )


async def compare(request: web.Request) -> web.Response:
    """What the dial shows was typed: say what it means, and change nothing."""
    fields = await read_form(request)
    asked = _asked(request, fields.get("point", ""))
    typed = fields.get("dial", "")
    dial = parse_dial(typed, asked.count.weight.quantity)
    if dial is None:
        return _page(request, asked, status=422, typed=typed, fault=NOT_A_NUMBER)
    compared = request.app[HOUSE].dials.compare(asked.count, dial, asked.count.index)
    return _page(request, asked, typed=typed, compared=compared)


async def correct(request: web.Request) -> web.Response:
    fields = await read_form(request)
    asked = _asked(request, fields.get("point", ""))
    dials, quantity = request.app[HOUSE].dials, asked.count.weight.quantity
    dial, box = (parse_dial(fields.get(name, ""), quantity) for name in ("dial", "box"))
    if dial is None or box is None:
        return _page(request, asked, status=422, typed=fields.get("dial", ""), fault=NOT_A_NUMBER)
    compared = dials.compare(asked.count, dial, box)
    try:
        await dials.correct(asked.count, compared, weigh=fields.get("weigh") == "yes", seen=_number(fields.get("seen")))
    except DialError as error:
        return _page(request, asked, status=409, fault=FAULTS[str(error)])
    raise see(_here(asked))


async def undo(request: web.Request) -> web.Response:
    fields = await read_form(request)
    asked = _asked(request, fields.get("point", ""))
    try:
        await request.app[HOUSE].dials.undo(asked.count, seen=_number(fields.get("seen")))
    except DialError as error:
        return _page(request, asked, status=409, fault=FAULTS[str(error)])
    raise back(fields, _here(asked))


def _here(asked: Asked) -> str:
    return "/meters/dial?" + urlencode({"point": asked.view.point.id})


def _asked(request: web.Request, point: str) -> Asked:
    house = request.app[HOUSE]
    view, count = house.point(point), house.dials.count(point)
    if view is None or count is None:
        raise web.HTTPNotFound
    return Asked(view, count, house.dials.corrections(point))


def parse_dial(text: str, quantity: Quantity) -> Decimal | None:
    """A dial's digits in the quantity's unit, or None for anything else."""
    digits = "".join(text.split())
    if not TYPED.fullmatch(digits):
        return None
    return Decimal(digits.replace(",", ".").rstrip(".")).scaleb(DIAL_UNITS[quantity][1])


def said(words: Words, quantity: Quantity, value: Decimal, decimals: int) -> Amount:
    """Digits are cut, never rounded up: a dial shows a digit only once it is full."""
    unit, exponent = DIAL_UNITS[quantity]
    cut = value.scaleb(-exponent).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_DOWN)
    return Amount(words.number(cut, decimals), unit)


def _decimals(count: Count, compared: Compared | None) -> int:
    """As many as the finest of these values needs, so that they stand below one another."""
    exponent = DIAL_UNITS[count.weight.quantity][1]
    values = [count.weight.each, count.index] + ([compared.dial] if compared else [])
    finest = min(int(value.normalize().as_tuple().exponent) for value in values if value)
    return max(0, min(DECIMALS_MAX, exponent - finest))


def _pulse(words: Words, quantity: Quantity, worth: Fraction) -> Amount:
    """What one pulse is worth, as it stands on meters: `10 L`, `1.25 Wh`."""
    text = f"{Decimal(worth.numerator) / worth.denominator:.4f}".rstrip("0").rstrip(".")
    return Amount(words.number(Decimal(text), len(text.partition(".")[2])), quantity.unit)


def corrected(words: Words, quantity: Quantity, correction: Correction) -> Markup:
    """A correction that was made, as a sentence."""
    return words.say(
        AHEAD if correction.shift > 0 else BEHIND,
        dial=said(words, quantity, correction.dial, DECIMALS_MAX),
        shift=said(words, quantity, abs(correction.shift), DECIMALS_MAX),
    )


def _number(text: str | None) -> int:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,6}", text) else -1
