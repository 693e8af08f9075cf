"""`/box/reset`: all that the box holds is erased, by root, before anything else at the next start (docs/updates.md)."""

import asyncio
import logging

from aiohttp import web

from gateway.roles import Role
from gateway.standing import Wanted, ask
from webui.auth import PASSWORD_CHARACTERS_MAX, Busy
from webui.login import BUSY, WRONG_PASSWORD, address_of, refusal
from webui.page import ACCESS, HOUSE, PASSWORD, SCHEDULE, STANDING, by_of, read_form, render, words_of
from webui.words import mark

log = logging.getLogger(__name__)

NOT_SURE = mark("Say that you are sure: tick the line above the button.")
NOT_ASKED = mark("The box could not be told to erase anything. Switch it off and on, and try again.")


async def page(request: web.Request) -> web.Response:
    return _page(request)


def _page(request: web.Request, *, status: int = 200, fault: str | None = None, begun: bool = False) -> web.Response:
    access = request.app[ACCESS]
    return render(
        request,
        "reset.html",
        status=status,
        fault=fault,
        begun=begun,
        elsewhere=request.app[STANDING].image is None,
        schedule=request.app.get(SCHEDULE),
        sent=bool(access.outbox.sent()),
    )


async def reset(request: web.Request) -> web.Response:
    """With the password, and the tick that says that they are sure, root is asked for it."""
    access, house, words = request.app[ACCESS], request.app[HOUSE], words_of(request)
    fields = await read_form(request)
    if request.app[STANDING].image is None:
        raise web.HTTPNotFound
    if fields.get("sure") != "yes":
        return _page(request, status=422, fault=words.say(NOT_SURE))
    if request.app[PASSWORD]:
        said = refusal(request, Role.OCCUPANT, known=True)
        if said is not None:
            return said(_page(request, status=429, fault=said.fault))
        address, now = address_of(request), house.now()
        access.patience.failed(address, now)
        try:
            fits = await access.password_fits(fields.get("password", "")[:PASSWORD_CHARACTERS_MAX])
        except Busy:
            return _page(request, status=503, fault=words.say(BUSY))
        if not fits:
            return _page(request, status=422, fault=words.say(WRONG_PASSWORD))
        access.patience.succeeded(address, now)
    log.warning("all that the box holds is to be erased, says %s", by_of(request).address)
    try:
        await asyncio.to_thread(ask, house.config.runtime, Wanted.RESET)
    except OSError as error:
        log.warning("root cannot be asked for it: %s", error)
        return _page(request, status=507, fault=words.say(NOT_ASKED))
    return _page(request, begun=True)
