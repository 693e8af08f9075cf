"""`/handover`: the letter with the code for who will live here; `/welcome`: taking the box over with it."""

from aiohttp import web
from markupsafe import Markup

from gateway.holders import HoldersError
from gateway.store import StoreError
from webui.auth import Busy, Door, NotDating
from webui.login import BUSY, CODE_CHARACTERS_MAX, FIELDS, address_of, enter, new_password_fault, refusal
from webui.page import ACCESS, HOUSE, PASSWORD, by_of, read_form, render, see, words_of
from webui.people import NO_TIME
from webui.words import mark

WRONG_CODE = mark("This is not the code of the letter.")
TOO_OLD = mark("This code is no longer good: it lasts fourteen days. Ask who gave it to you for another one.")
NOT_ERASED = mark("What was kept before you could not be erased, so nothing was changed. Try again in a moment.")
AT = {**FIELDS, WRONG_CODE: "code", TOO_OLD: "code"}


async def page(request: web.Request) -> web.Response:
    return _page(request)


def _page(request: web.Request, *, status: int = 200, fault: Markup | None = None) -> web.Response:
    handover = request.app[ACCESS].people.handover
    until = handover.until if handover is not None and handover.hash is not None else None
    return render(request, "handover.html", status=status, fault=fault, until=until)


async def letter(request: web.Request) -> web.Response:
    """A code, shown this once; the one before is of no use any longer."""
    await read_form(request)
    access, words = request.app[ACCESS], words_of(request)
    try:
        code = await access.hand_over(by_of(request))
    except Busy:
        return _page(request, status=503, fault=words.say(BUSY))
    except NotDating:
        return _page(request, status=503, fault=words.say(NO_TIME))
    if code is None:
        raise see("/")
    handover = access.people.handover
    assert handover is not None
    return render(request, "letter.html", code=code, until=handover.until, address=f"http://{request.host}/welcome")


async def welcome_page(request: web.Request) -> web.Response:
    return _welcome(request, {})


def _welcome(request: web.Request, fields: dict[str, str], *, status: int = 200, **context: object) -> web.Response:
    if not request.app[PASSWORD]:
        raise see("/")
    code = fields.get("code", "")[:CODE_CHARACTERS_MAX]
    given = {"fault": None, "fault_at": None, "taken_at": None, "code": code}
    return render(request, "welcome.html", status=status, **{**given, **context})


async def welcome(request: web.Request) -> web.Response:
    """Who has the letter lives here: nothing from before is kept, and nobody else sees anything from now on."""
    access, words = request.app[ACCESS], words_of(request)
    fields = await read_form(request)
    said = refusal(request, Door.HANDOVER)
    if said is not None:
        return said(_welcome(request, fields, status=429, fault=said.fault))
    first = fields.get("password", "")
    fault = new_password_fault(first, fields.get("again", ""))
    if fault is not None:
        return _welcome(request, fields, status=422, fault=words.say(fault), fault_at=AT[fault])
    address, now = address_of(request), request.app[HOUSE].now()
    access.patience.failed(address, now, what=Door.HANDOVER)
    try:
        if not await access.handover_fits(fields.get("code", "")[:CODE_CHARACTERS_MAX]):
            return _welcome(request, fields, status=422, fault=words.say(WRONG_CODE), fault_at=AT[WRONG_CODE])
        access.patience.succeeded(address, now, what=Door.HANDOVER)
        if await access.take_over(first, by_of(request)):
            return await enter(request, "/")
    except Busy:
        return _welcome(request, fields, status=503, fault=words.say(BUSY))
    except (OSError, StoreError, HoldersError):
        return _welcome(request, fields, status=507, fault=words.say(NOT_ERASED))
    handover = access.people.handover
    if handover is not None and handover.taken_at is not None:
        return _welcome(request, fields, status=409, taken_at=handover.taken_at)
    if not request.app[HOUSE].dating:
        return _welcome(request, fields, status=503, fault=words.say(NO_TIME))
    return _welcome(request, fields, status=422, fault=words.say(TOO_OLD), fault_at=AT[TOO_OLD])
