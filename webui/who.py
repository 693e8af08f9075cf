"""`/data`: who has what. The accesses of applications: given, read, taken back; and the ledger of all that."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web
from markupsafe import Markup

from drivers.model import Kind
from gateway.grants import (
    NAME_CHARACTERS_MAX,
    PURPOSE_CHARACTERS_MAX,
    SERIES_MAX,
    By,
    Grant,
    GrantedSeries,
    GrantError,
    Held,
    NotDatingError,
    Resolution,
    Wish,
    new_id,
)
from gateway.house import House
from gateway.ledger import LedgerError
from gateway.views import PointView
from webui import consent, days
from webui.consent import DELAYS, ENDS, FINE, LASTS
from webui.page import ACCESS, HOUSE, read_form, render, see, session_of, words_of
from webui.receipt import receipt
from webui.shown import HUES
from webui.words import mark, plain

log = logging.getLogger(__name__)

ENTRIES_PAGE = 50
ENDED_SHOWN_MAX = 20
ENTRY_DIGITS_MAX = 18  # of a row in SQLite
ID_DIGITS = 16
NAME_MISSING = mark("A name of 1 to 80 characters is needed.")
OPERATOR_MISSING = mark("Who runs it, in 1 to 80 characters, is needed.")
PURPOSE_MISSING = mark("What it is for, in 1 to 300 characters, is needed.")
NO_POINT = mark("Tick at least one meter. A meter that has said nothing yet cannot be given.")
TOO_MUCH = mark("That is more than one access can hold. Tick fewer meters.")
NO_TIME = mark("The box does not know the time, so no access can begin or end. Tell it the time first.")
TOO_MANY = mark("There are as many accesses as a box can hold. Take one back first.")
FIELD_AT = {
    NAME_MISSING: "target",
    OPERATOR_MISSING: "operator",
    PURPOSE_MISSING: "purpose",
    NO_POINT: "points",
    TOO_MUCH: "points",
}


@dataclass(frozen=True, slots=True)
class Kept:
    """What the box keeps of one metering point."""

    id: str
    name: str
    hue: str
    series: int
    since: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """One access that stands, as its row says it."""

    held: Held
    what: Markup
    delay: Markup
    size: Markup


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form."""

    target: str = ""
    operator: str = ""
    purpose: str = ""
    points: tuple[str, ...] = ()
    more: bool = False
    resolution: Resolution = Resolution.DAY
    delay_s: int = 0
    lasts_s: int = 30 * 86_400
    past: bool = False


async def page(request: web.Request) -> web.Response:
    house, words = request.app[HOUSE], words_of(request)
    kept = [
        Kept(
            view.point.id,
            view.point.name,
            HUES[view.point.medium],
            len(house.series(view.point.id)),
            house.history_start(view.point.id),
        )
        for view in house.points()
    ]
    grants = request.app[ACCESS].grants.all()
    today = days.today(house.zone, house.now())
    rows = [
        Row(
            held,
            consent.what(words, held.grant.series),
            consent.delay(words, held.grant.delay_s),
            consent.size(words, held.total.bytes),
        )
        for held in grants
        if _stands(house, held)
    ]
    ended = [held for held in grants if not _stands(house, held)]
    return render(
        request,
        "data.html",
        rows=rows,
        ended=ended[:ENDED_SHOWN_MAX],
        consent=consent,
        fine=FINE,
        ends=ENDS,
        held=kept,
        since=min((one.since for one in kept if one.since is not None), default=None),
        kept=sum(one.series > 0 for one in kept),
        read=any(held.total.last_at is not None for held in grants),
        imports=len(await house.holders.listed()),
        done=request.query.get("done", ""),
        anew_at=request.app[ACCESS].grants.anew_at,
        first_day=days.year_before(today),
        last_day=today,
        unreadable=house.store.counts.damaged,
    )


def _stands(house: House, held: Held) -> bool:
    """Not ended yet, as far as anybody knows: a clock that may be wrong ends nothing."""
    return held.end is None and (not house.dating or house.now() < held.grant.until)


# -- giving -----------------------------------------------------------------------------------------------------------


async def form(request: web.Request) -> web.Response:
    return _form(request, Typed())


def _form(request: web.Request, typed: Typed, fault: str | None = None) -> web.Response:
    words, house = words_of(request), request.app[HOUSE]
    return render(
        request,
        "give.html",
        status=422 if fault else 200,
        typed=typed,
        points=[view for view in house.points() if _series(house, view, more=True)],
        fine=FINE,
        delays=DELAYS,
        lasts=LASTS,
        fault=words.say(fault) if fault else None,
        fault_at=FIELD_AT.get(fault or ""),
        hues=HUES,
    )


async def confirm(request: web.Request) -> web.Response:
    """The form was filled in: say all of it in one sentence, and give nothing yet."""
    typed = _typed(request.app[HOUSE], await read_form(request))
    wish = _wish(request.app[HOUSE], typed)
    if isinstance(wish, str):
        return _form(request, typed, wish)
    now = request.app[HOUSE].now()
    grant = Grant(
        new_id(), _by(request), wish.target, wish.operator, wish.purpose, wish.series, wish.resolution, wish.delay_s,
        now, now + wish.lasts_s, wish.past, "",
    )  # fmt: skip
    return render(
        request, "give-confirm.html", typed=typed, grant=grant, sentence=consent.sentence(words_of(request), grant)
    )


async def give(request: web.Request) -> web.Response:
    """The one click. The token is on the page that answers, and nowhere else, ever."""
    fields = await read_form(request)
    house, words = request.app[HOUSE], words_of(request)
    typed = _typed(house, fields)
    wish = _wish(house, typed)
    id_ = fields.get("id", "")
    if isinstance(wish, str):
        return _form(request, typed, wish)
    if len(id_) != ID_DIGITS or not set(id_) <= set("0123456789abcdef"):
        raise web.HTTPBadRequest
    grants = request.app[ACCESS].grants
    if grants.get(id_) is not None:  # sent twice
        raise see("/data?done=given")
    try:
        grant, token = await grants.give(id_, wish, _by(request))
    except NotDatingError:
        return _form(request, typed, NO_TIME)
    except GrantError:
        if grants.get(id_) is not None:  # two clicks at once
            raise see("/data?done=given") from None
        return _form(request, typed, TOO_MANY)
    address = f"{request.scheme}://{request.host}"
    return render(
        request,
        "given.html",
        grant=grant,
        app_token=token,
        address=address,
        first=grant.series[0].key,
        sentence=consent.sentence(words, grant),
    )


async def withdraw(request: web.Request) -> web.Response:
    fields = await read_form(request)
    try:
        if not await request.app[ACCESS].grants.withdraw(fields.get("grant", ""), _by(request)):
            raise see("/data")  # it has ended already, which is what was wanted
    except LedgerError as error:
        log.warning("an access was taken back, and the card does not take it: %s", error)
        raise see("/data?done=unwritten") from None
    raise see("/data?done=withdrawn")


def _typed(house: House, fields: Mapping[str, str]) -> Typed:
    """The fields of the form; a choice that it does not offer is refused."""
    try:
        resolution = Resolution(fields.get("resolution", ""))
        delay_s, lasts_s = int(fields.get("delay", "")), int(fields.get("lasts", ""))
    except ValueError:
        raise web.HTTPBadRequest from None
    if delay_s not in DELAYS or lasts_s not in LASTS:
        raise web.HTTPBadRequest
    return Typed(
        _clean(fields.get("target", "")),
        _clean(fields.get("operator", "")),
        _clean(fields.get("purpose", "")),
        tuple(view.point.id for view in house.points() if f"point-{view.point.id}" in fields),
        "more" in fields,
        resolution,
        delay_s,
        lasts_s,
        "past" in fields,
    )


def _wish(house: House, typed: Typed) -> Wish | str:
    """What is asked for, or what is wrong with it."""
    if not 0 < len(typed.target) <= NAME_CHARACTERS_MAX:
        return NAME_MISSING
    if not 0 < len(typed.operator) <= NAME_CHARACTERS_MAX:
        return OPERATOR_MISSING
    if not 0 < len(typed.purpose) <= PURPOSE_CHARACTERS_MAX:
        return PURPOSE_MISSING
    views = [view for view in house.points() if view.point.id in typed.points]
    found = [_series(house, view, more=typed.more) for view in views]
    if not found or not all(found):
        return NO_POINT
    if not house.dating:
        return NO_TIME
    series = tuple(one for some in found for one in some)
    if len(series) > SERIES_MAX:
        return TOO_MUCH
    return Wish(
        typed.target, typed.operator, typed.purpose, series, typed.resolution, typed.delay_s, typed.lasts_s, typed.past
    )


def _series(house: House, view: PointView, *, more: bool) -> tuple[GrantedSeries, ...]:
    """What a metering point consists of: the index that is its total, and with `more` all else that can be counted."""
    keys = house.series(view.point.id) if more else view.index_series
    return tuple(
        GrantedSeries(info.key, view.point.name, view.point.medium, info.quantity)
        for info in house.store.series()
        if info.key in keys and info.quantity.kind in (Kind.INDEX, Kind.LEVEL)
    )


def _clean(text: str) -> str:
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _by(request: web.Request) -> By:
    session = session_of(request)
    if session is not None:
        return By(session.agent, session.address)
    return By(request.headers.get("User-Agent", ""), request.remote or "")


# -- looking ----------------------------------------------------------------------------------------------------------


async def grant_page(request: web.Request) -> web.Response:
    """The receipt of one grant."""
    held, words = _held(request), words_of(request)
    return render(
        request,
        "grant.html",
        held=held,
        stands=_stands(request.app[HOUSE], held),
        sentence=consent.sentence(words, held.grant),
        what=consent.what(words, held.grant.series),
        consent=consent,
        fine=FINE,
        ends=ENDS,
    )


async def grant_file(request: web.Request) -> web.Response:
    """The receipt of one grant, for programs."""
    held, words, house = _held(request), words_of(request), request.app[HOUSE]
    sentence = plain(consent.sentence(words, held.grant))
    said = receipt(held, sentence=sentence, language=words.language, now=house.now(), path="/data")
    return web.Response(
        body=json.dumps(said, ensure_ascii=False, indent=1).encode(),
        content_type="application/ld+json",
        headers={"Content-Disposition": f'attachment; filename="releve-{held.grant.id}.jsonld"'},
    )


def _held(request: web.Request) -> Held:
    held = request.app[ACCESS].grants.get(request.match_info["grant"])
    if held is None:
        raise web.HTTPNotFound
    return held


async def ledger(request: web.Request) -> web.Response:
    """All entries in words, the newest first, a page at a time."""
    access, words = request.app[ACCESS], words_of(request)
    asked = request.query.get("before")
    if asked is not None and not (asked.isdecimal() and len(asked) <= ENTRY_DIGITS_MAX):
        raise web.HTTPNotFound
    entries = await access.entries(ENTRIES_PAGE + 1, int(asked) if asked else None)
    grants = {held.grant.id: held for held in access.grants.all()}
    lines = [consent.line(words, entry, grants) for entry in entries[:ENTRIES_PAGE]]
    return render(
        request,
        "ledger.html",
        lines=lines,
        consent=consent,
        earlier=lines[-1].i if len(entries) > ENTRIES_PAGE else None,
        later=asked is not None,
        head=entries[0].hash if entries and asked is None else None,
    )
