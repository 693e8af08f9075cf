"""`/data/erase`: what the box keeps of a metering point goes, a span of days or all; said in one sentence before it is done."""

import logging
from datetime import date, timedelta

from aiohttp import web
from markupsafe import Markup

from gateway.holders import HoldersError
from gateway.ledger import LedgerError
from gateway.store import StoreError
from gateway.views import PointView
from webui import days
from webui.page import HOUSE, read_form, render, see, words_of
from webui.words import Words, mark

log = logging.getLogger(__name__)

ALWAYS = 1 << 40
DAY_WANTED = mark("A first and a last day are needed, the last one not before the first.")
NOT_ALL = mark("Not all of it could be erased. Ask for it once more.")


async def erase(request: web.Request) -> web.Response:
    """Without `sure`, the page that asks; with it, all that `House.erase` erases is gone when it answers."""
    house, words = request.app[HOUSE], words_of(request)
    fields = await read_form(request)
    view = house.point(fields.get("point", ""))
    if view is None:
        raise web.HTTPNotFound
    whole = fields.get("what") == "all"
    try:
        first, last = (None, None) if whole else _days(fields)
    except ValueError:
        return _ask(request, view, fields, Markup(""), DAY_WANTED, 422)
    sentence = _sentence(words, view, first, last)
    if fields.get("sure") != "yes":
        return _ask(request, view, fields, sentence)
    start = 0 if first is None else days.midnight(house.zone, first)
    end = ALWAYS if last is None else days.midnight(house.zone, last + timedelta(days=1))
    try:
        await house.erase(view.point.id, start, end)
    except (OSError, StoreError, HoldersError, LedgerError) as error:
        log.warning("%s: not all of it could be erased: %s", view.point.id, error)
        return _ask(request, view, fields, sentence, NOT_ALL, 507)
    raise see("/data?done=erased")


def _ask(
    request: web.Request,
    view: PointView,
    fields: dict[str, str],
    sentence: Markup,
    fault: str | None = None,
    status: int = 200,
) -> web.Response:
    words = words_of(request)
    said = words.say(fault) if fault else None
    return render(request, "erase.html", status=status, view=view, fields=fields, sentence=sentence, fault=said)


def _sentence(words: Words, view: PointView, first: date | None, last: date | None) -> Markup:
    name = Markup("<b>{}</b>").format(view.point.name)
    if first is None or last is None:
        return words.say("Erase all that the box has kept of %(name)s?", name=name)
    return words.say(
        "Erase what the box has kept of %(name)s from %(first)s to %(last)s, that day included?",
        name=name,
        first=words.day(first, weekday=False, year=True),
        last=words.day(last, weekday=False, year=True),
    )


def _days(fields: dict[str, str]) -> tuple[date, date]:
    """ValueError where they are none."""
    first, last = (date.fromisoformat(fields.get(name, "")) for name in ("from", "to"))
    if not date(2000, 1, 1) <= first <= last <= date.max - timedelta(days=2):
        raise ValueError
    return first, last
