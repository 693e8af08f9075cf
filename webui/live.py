"""`/api/v1/live`: what happens in the home, as server-sent events, until the browser goes away."""

import asyncio
import json

from aiohttp import web

from drivers.model import Kind, Medium
from gateway.house import House
from gateway.roles import Role
from gateway.views import Live
from webui import roles, shown
from webui.api import value_of
from webui.guard import same_site
from webui.page import ACCESS, HOUSE, PAGES, PASSWORD, SESSION_COOKIE, held_by
from webui.roles import Roles
from webui.words import LANGUAGES, Words

PING_S = 15.0
# A household's tabs and a few programs; each holds a connection and a queue.
LISTENERS_MAX = 20
LISTENERS = web.AppKey("listeners", set[asyncio.Task[object]])


async def live(request: web.Request) -> web.StreamResponse:
    """Events `value` and `state`, an `id` each, and a comment every 15 s so that a dead line is noticed.

    With `?lang=fr` a value also carries `number` and `unit_shown` as the pages write them.
    """
    if not same_site(request):
        raise web.HTTPForbidden(text="This request comes from another site.\n")
    listeners = request.app[LISTENERS]
    if len(listeners) >= LISTENERS_MAX:
        raise web.HTTPServiceUnavailable(text=f"{LISTENERS_MAX} listeners are already connected.\n")
    house, held = request.app[HOUSE], held_by(request)
    language = request.query.get("lang")
    words = request.app[PAGES].words[language] if language in LANGUAGES else None
    media = {view.point.id: view.point.medium for view in house.points()}
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
    listener = asyncio.current_task()
    assert listener is not None
    listeners.add(listener)
    try:
        async with house.subscribe() as queue:
            await response.prepare(request)
            await _write(request, response, b": open\n\n")
            count, checked = 0, house.now()
            while True:
                if house.now() - checked >= PING_S:
                    checked = house.now()
                    if not await still_allowed(request, held):
                        return response
                try:
                    event = await asyncio.wait_for(queue.get(), PING_S)
                except TimeoutError:
                    await _write(request, response, b": ping\n\n")
                    continue
                if not _is_for(held, event):
                    continue
                count += 1
                await _write(request, response, _event(count, house, event, words, media))
    except ConnectionResetError:
        return response  # the browser left
    finally:
        listeners.discard(listener)


async def _write(request: web.Request, response: web.StreamResponse, data: bytes) -> None:
    """Send, and hang up on who does not take it: a place is for somebody who listens."""
    try:
        async with asyncio.timeout(PING_S):
            await response.write(data)
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError from None


async def still_allowed(request: web.Request, held: Roles) -> bool:
    """Whether this listener is still logged in as what it was: a lost phone that was logged out must not go on."""
    if not request.app[PASSWORD]:
        return True
    access = request.app[ACCESS]
    session = await access.session(request.cookies.get(SESSION_COOKIE))
    return session is not None and roles.of(session.role, vacant=access.people.vacant) == held


def _is_for(held: Roles, event: Live) -> bool:
    """All of it for who lives here. For a guest no index, which sums up the past; for an installer no value at all."""
    if Role.OCCUPANT in held or event.value is None:
        return True
    return Role.GUEST in held and event.value.quantity.kind is Kind.LEVEL


def _event(count: int, house: House, event: Live, words: Words | None, media: dict[str, Medium]) -> bytes:
    data: dict[str, object] = {
        "now": house.now(),
        "dating": house.dating,
        "saved_to": house.saved_to,
        "point": event.point,
        "state": event.state,
    }
    kind = "state"
    if event.value is not None:
        kind = "value"
        data |= value_of(event.value)
        if words is not None:
            medium = media.get(event.point or "", Medium.OTHER)
            amount = shown.amount(words, event.value.quantity, medium, event.value.value)
            data |= {"number": amount.number, "unit_shown": amount.unit}
    return f"id: {count}\nevent: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
