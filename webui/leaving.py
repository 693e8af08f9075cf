"""`/leave`: who lives here moves out: takes along what was read, erases it all, hands the box back."""

import logging

from aiohttp import web
from markupsafe import Markup

from gateway import chain
from gateway.keys import KeysError
from gateway.ledger import LedgerError
from gateway.roles import Role
from webui.auth import PASSWORD_CHARACTERS_MAX, Busy
from webui.login import BUSY, WRONG_PASSWORD, address_of, refusal
from webui.page import ACCESS, HOUSE, by_of, read_form, render, session_of, words_of
from webui.words import mark

log = logging.getLogger(__name__)

NOT_HANDED_BACK = mark("The card refuses it: nothing was erased. Try again in a moment.")
ENTRIES_AT_ONCE = 1000


async def page(request: web.Request) -> web.Response:
    return _page(request)


def _page(
    request: web.Request, *, status: int = 200, fault: Markup | None = None, ticket: str | None = None
) -> web.Response:
    if session_of(request) is None:
        raise web.HTTPNotFound
    access, house = request.app[ACCESS], request.app[HOUSE]
    standing = [held.grant for held in access.grants.all() if held.end is None]
    return render(
        request,
        "leave.html",
        status=status,
        fault=fault,
        ticket=ticket,
        landlord=access.people.of(Role.LANDLORD),
        targets=[grant.target for grant in standing if grant.way is not None],
        apps=[grant.target for grant in standing if grant.way is None],
        backed_up=house.config.backup is not None,
    )


async def leave(request: web.Request) -> web.Response:
    """With the password, the page that asks once more; with what that carries, all is gone and the box begins anew."""
    access, words, session = request.app[ACCESS], words_of(request), session_of(request)
    fields = await read_form(request)
    if session is None:
        raise web.HTTPNotFound
    if access.is_leaving(session.id, fields.get("ticket", "")):
        try:
            await access.hand_back(by_of(request))
        except (OSError, KeysError, LedgerError) as error:
            log.warning("the house could not be handed back: %s", error)
            return _page(request, status=507, fault=words.say(NOT_HANDED_BACK))
        return render(request, "left.html", landlord=access.people.of(Role.LANDLORD), begins=False)
    said = refusal(request, Role.OCCUPANT, known=True)
    if said is not None:
        return said(_page(request, status=429, fault=said.fault))
    address, now = address_of(request), request.app[HOUSE].now()
    access.patience.failed(address, now)
    try:
        fits = await access.password_fits(fields.get("password", "")[:PASSWORD_CHARACTERS_MAX])
    except Busy:
        return _page(request, status=503, fault=words.say(BUSY))
    if not fits:
        return _page(request, status=422, fault=words.say(WRONG_PASSWORD))
    access.patience.succeeded(address, now)
    return _page(request, ticket=access.leaving(session.id))


async def ledger_file(request: web.Request) -> web.StreamResponse:
    """The whole ledger as `releve ledger export` writes it."""
    access = request.app[ACCESS]
    entries = await access.following(0, ENTRIES_AT_ONCE)
    response = web.StreamResponse(headers={"Content-Disposition": 'attachment; filename="releve-ledger.jsonl"'})
    response.content_type = "application/x-ndjson"
    await response.prepare(request)
    while entries:
        await response.write(b"".join(chain.line(one).encode() + b"\n" for one in entries))
        entries = await access.following(entries[-1].i, ENTRIES_AT_ONCE)
    await response.write_eof()
    return response
