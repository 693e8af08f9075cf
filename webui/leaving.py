"""`/leave`: who lives here moves out: says what becomes of what was sent, takes along what was read, erases it all, hands the box back."""

import logging

from aiohttp import web
from markupsafe import Markup

from gateway import chain
from gateway.grants import Held
from gateway.keys import KeysError
from gateway.ledger import RESTORED, LedgerError
from gateway.roles import Role
from webui import reached, targets
from webui.auth import PASSWORD_CHARACTERS_MAX, Access, Busy, StillSentError
from webui.login import BUSY, WRONG_PASSWORD, address_of, refusal
from webui.page import ACCESS, HOUSE, by_of, read_form, render, see, session_of, words_of
from webui.who import DONE, row_of
from webui.words import mark

log = logging.getLogger(__name__)

NOT_HANDED_BACK = mark("The card refuses it: nothing was erased. Try again in a moment.")
ENTRIES_AT_ONCE = 1000


async def page(request: web.Request) -> web.Response:
    return await _page(request)


async def _page(
    request: web.Request, *, status: int = 200, fault: Markup | None = None, ticket: str | None = None
) -> web.Response:
    if session_of(request) is None:
        raise web.HTTPNotFound
    access, house = request.app[ACCESS], request.app[HOUSE]
    grants = access.grants.all()
    sent = [await row_of(request, held) for held in access.outbox.sent()]
    return render(
        request,
        "leave.html",
        status=status,
        fault=fault,
        ticket=ticket,
        landlord=access.people.of(Role.LANDLORD),
        apps=[held.grant.target for held in grants if held.end is None and held.grant.way is None],
        ever_sent=any(held.grant.way is not None for held in grants),
        standing=[row for row in sent if row.held.end is None],
        ending=[row for row in sent if row.held.end is not None],
        stayed=_stayed(access),
        told=any(held.left and held.grant.telling is not None and held.total.reads for held in grants),
        reached=reached,
        stays=targets.STAYS,
        done=DONE.get(request.query.get("done", ""), ""),
        backed_up=house.config.backup is not None,
    )


async def leave(request: web.Request) -> web.Response:
    """With the password, the page that asks once more; with what that carries, all is gone and the box begins anew."""
    access, words, session = request.app[ACCESS], words_of(request), session_of(request)
    fields = await read_form(request)
    if session is None:
        raise web.HTTPNotFound
    if access.outbox.sent():
        return await _page(request, status=409)
    if access.is_leaving(session.id, fields.get("ticket", "")):
        stayed = _stayed(access)
        try:
            await access.hand_back(by_of(request))
        except StillSentError:
            return await _page(request, status=409)
        except (OSError, KeysError, LedgerError) as error:
            log.warning("the house could not be handed back: %s", error)
            return await _page(request, status=507, fault=words.say(NOT_HANDED_BACK))
        return render(request, "left.html", landlord=access.people.of(Role.LANDLORD), begins=False, stayed=stayed)
    said = refusal(request, Role.OCCUPANT, known=True)
    if said is not None:
        return said(await _page(request, status=429, fault=said.fault))
    address, now = address_of(request), request.app[HOUSE].now()
    access.patience.failed(address, now)
    try:
        fits = await access.password_fits(fields.get("password", "")[:PASSWORD_CHARACTERS_MAX])
    except Busy:
        return await _page(request, status=503, fault=words.say(BUSY))
    if not fits:
        return await _page(request, status=422, fault=words.say(WRONG_PASSWORD))
    access.patience.succeeded(address, now)
    return await _page(request, ticket=access.leaving(session.id))


async def end_sending(request: web.Request) -> web.Response:
    """The accesses that the form names end, and what was sent under them is erased at each target, or stays: a person says which.

    What is to be done there takes its time: the page says so until it is done.
    """
    access, fields = request.app[ACCESS], await read_form(request)
    if session_of(request) is None:
        raise web.HTTPNotFound
    if fields.get("what") not in ("erase", "stay"):
        raise web.HTTPBadRequest
    done = ""
    for held in access.outbox.sent():
        if held.end is None and f"grant-{held.grant.id}" in fields:
            try:
                await access.grants.withdraw(held.grant.id, by_of(request), erase=fields["what"] == "erase")
            except LedgerError as error:
                log.warning("an access was taken back, and the card does not take it: %s", error)
                done = "?done=unwritten"
    raise see(f"/leave{done}")


def _stayed(access: Access) -> list[Held]:
    """Of which accesses that ended something stays at the target, as far as the box knows."""
    return [
        held
        for held in access.grants.all()
        if held.left and held.grant.way is not None and (held.stays or (held.end == RESTORED and held.total.points))
    ]


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
