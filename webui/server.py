"""The web server: every route with its role in one table, and what stands between a request and its handler."""

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import quote

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.grants import NotDatingError
from gateway.holders import HoldersError
from gateway.house import House
from gateway.importers.keyfile import FILE_BYTES_MAX as KEY_FILE_BYTES_MAX
from gateway.ledger import LedgerError
from gateway.schedule import Schedule
from gateway.store import StoreError
from webui import (
    analyze,
    api,
    box,
    broker,
    bus,
    clock,
    device,
    dial,
    erasing,
    finding,
    giving,
    granted,
    history,
    importing,
    keyfiles,
    live,
    login,
    meters,
    settings,
    takeout,
    today,
    uploads,
    who,
    wire,
)
from webui.api import Problem, problem
from webui.assets import Assets
from webui.auth import Access
from webui.guard import SAFE_METHODS, add_headers, guard
from webui.page import (
    ACCESS,
    GRANT,
    HOUSE,
    LANGUAGE_COOKIE,
    PAGES,
    PASSWORD,
    SCHEDULE,
    SESSION,
    SESSION_COOKIE,
    UPLOADS,
    Pages,
    language_of,
    render,
    see,
    set_cookie,
    words_of,
)
from webui.words import mark

log = logging.getLogger(__name__)

FORM_BYTES_MAX = 64 * 1024
# A form that trickles in byte by byte holds a connection that somebody else could use.
FORM_S_MAX = 20.0
BODIES = frozenset({"application/json", "application/x-www-form-urlencoded"})
# A file is sent to a route that says so, and to no other: and not before who sends it has logged in.
FILE_BODIES = frozenset({"multipart/form-data"})
FILES_S_MAX = 120.0
CARD_REFUSES = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


class Role(StrEnum):
    """Who may ask: anybody; whoever sets the box up, until a password is chosen; who lives here; an app with a grant."""

    PUBLIC = "public"
    SETUP = "setup"
    OCCUPANT = "occupant"
    GRANT = "grant"


class Route(NamedTuple):
    method: str
    path: str
    role: Role
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    files_bytes_max: int = 0  # of the files that its form sends; 0: it sends none


def routes(assets: Assets) -> tuple[Route, ...]:
    """The whole server. A route is reached only through this table, so none can be without a role."""
    return (
        Route("GET", "/assets/{name}", Role.PUBLIC, assets.serve),
        Route("GET", "/api/v1/health", Role.PUBLIC, api.health),
        Route("GET", "/setup", Role.SETUP, login.setup_page),
        Route("POST", "/setup", Role.SETUP, login.setup),
        Route("GET", "/login", Role.PUBLIC, login.login_page),
        Route("POST", "/login", Role.PUBLIC, login.login),
        Route("POST", "/logout", Role.OCCUPANT, login.logout),
        Route("GET", "/", Role.OCCUPANT, today.page),
        Route("GET", "/history", Role.OCCUPANT, history.first),
        Route("GET", "/history/{point}", Role.OCCUPANT, history.page),
        Route("GET", "/meters", Role.OCCUPANT, meters.page),
        Route("GET", "/meters/add", Role.OCCUPANT, meters.add_page),
        Route("POST", "/meters/add", Role.OCCUPANT, meters.add),
        Route("GET", "/meters/added", Role.OCCUPANT, meters.added),
        Route("POST", "/meters/key", Role.OCCUPANT, meters.key),
        Route("POST", "/meters/keys", Role.OCCUPANT, keyfiles.bring_in, KEY_FILE_BYTES_MAX),
        Route("POST", "/meters/name", Role.OCCUPANT, meters.rename),
        Route("POST", "/meters/apart", Role.OCCUPANT, meters.apart),
        Route("POST", "/meters/uncount", Role.OCCUPANT, meters.uncount),
        Route("GET", "/meters/dial", Role.OCCUPANT, dial.page),
        Route("POST", "/meters/dial", Role.OCCUPANT, dial.compare),
        Route("POST", "/meters/dial/correct", Role.OCCUPANT, dial.correct),
        Route("POST", "/meters/dial/undo", Role.OCCUPANT, dial.undo),
        Route("GET", "/meters/find", Role.OCCUPANT, finding.page),
        Route("POST", "/meters/find/modbus", Role.OCCUPANT, finding.modbus),
        Route("GET", "/meters/device", Role.OCCUPANT, device.page),
        Route("POST", "/meters/device/add", Role.OCCUPANT, device.add),
        Route("POST", "/meters/device/drop", Role.OCCUPANT, device.drop),
        Route("GET", "/meters/broker", Role.OCCUPANT, broker.page),
        Route("POST", "/meters/broker/add", Role.OCCUPANT, broker.add),
        Route("POST", "/meters/broker/drop", Role.OCCUPANT, broker.drop),
        Route("GET", "/meters/broker/map", Role.OCCUPANT, broker.mapping),
        Route("POST", "/meters/broker/keep", Role.OCCUPANT, broker.keep),
        Route("GET", "/meters/bus", Role.OCCUPANT, bus.page),
        Route("POST", "/meters/bus/read", Role.OCCUPANT, bus.read),
        Route("POST", "/meters/bus/keep", Role.OCCUPANT, bus.keep),
        Route("POST", "/meters/bus/search", Role.OCCUPANT, bus.search),
        Route("POST", "/meters/bus/stop", Role.OCCUPANT, bus.stop),
        Route("POST", "/meters/bus/drop", Role.OCCUPANT, bus.drop),
        Route("GET", "/meters/wire", Role.OCCUPANT, wire.page),
        Route("POST", "/meters/wire/read", Role.OCCUPANT, wire.read),
        Route("POST", "/meters/wire/keep", Role.OCCUPANT, wire.keep),
        Route("POST", "/meters/wire/search", Role.OCCUPANT, wire.search),
        Route("POST", "/meters/wire/stop", Role.OCCUPANT, wire.stop),
        Route("POST", "/meters/wire/drop", Role.OCCUPANT, wire.drop),
        Route("GET", "/analyze", Role.OCCUPANT, analyze.page),
        Route("POST", "/analyze", Role.OCCUPANT, analyze.look),
        Route("GET", "/import", Role.OCCUPANT, importing.page),
        Route("POST", "/import", Role.OCCUPANT, importing.send, uploads.BYTES_MAX),
        Route("POST", "/import/undo", Role.OCCUPANT, importing.undo),
        Route("GET", "/import/{id}", Role.OCCUPANT, importing.look),
        Route("POST", "/import/{id}", Role.OCCUPANT, importing.act),
        Route("GET", "/data", Role.OCCUPANT, who.page),
        Route("GET", "/data/give", Role.OCCUPANT, giving.form),
        Route("POST", "/data/give", Role.OCCUPANT, giving.confirm),
        Route("POST", "/data/given", Role.OCCUPANT, giving.give),
        Route("GET", "/data/send", Role.OCCUPANT, giving.choose),
        Route("GET", "/data/send/{to}", Role.OCCUPANT, giving.form_to),
        Route("GET", "/data/connect/{grant}", Role.OCCUPANT, who.connect),
        Route("POST", "/data/connect/{grant}", Role.OCCUPANT, who.connect),
        Route("POST", "/data/withdraw", Role.OCCUPANT, who.withdraw),
        Route("POST", "/data/pause", Role.OCCUPANT, who.pause),
        Route("POST", "/data/now", Role.OCCUPANT, who.now),
        Route("POST", "/data/leave", Role.OCCUPANT, who.leave),
        Route("GET", "/data/grant/{grant}", Role.OCCUPANT, who.grant_page),
        Route("GET", "/data/grant/{grant}/receipt", Role.OCCUPANT, who.grant_file),
        Route("GET", "/data/export", Role.OCCUPANT, takeout.export),
        Route("POST", "/data/erase", Role.OCCUPANT, erasing.erase),
        Route("GET", "/data/ledger", Role.OCCUPANT, who.ledger),
        Route("POST", "/box/time", Role.OCCUPANT, clock.tell),
        Route("GET", "/box", Role.OCCUPANT, box.page),
        Route("POST", "/box/seen", Role.OCCUPANT, box.seen),
        Route("GET", "/settings", Role.OCCUPANT, settings.page),
        Route("POST", "/settings/password", Role.OCCUPANT, settings.password),
        Route("POST", "/settings/sessions", Role.OCCUPANT, settings.end_session),
        Route("GET", "/api/v1/points", Role.OCCUPANT, api.points),
        Route("GET", "/api/v1/points/{id}/consumption", Role.OCCUPANT, api.consumption),
        Route("GET", "/api/v1/points/{id}/files", Role.OCCUPANT, api.files),
        Route("GET", "/api/v1/series/{key}/curve", Role.OCCUPANT, api.curve),
        Route("GET", "/api/v1/heard", Role.OCCUPANT, api.heard),
        Route("GET", "/api/v1/ports", Role.OCCUPANT, api.ports),
        Route("POST", "/api/v1/adopt", Role.OCCUPANT, api.adopt),
        Route("GET", "/api/v1/live", Role.OCCUPANT, live.live),
        Route("GET", "/api/v1/granted", Role.GRANT, granted.mine),
        Route("GET", "/api/v1/granted/readings", Role.GRANT, granted.readings),
    )


ROUTES = web.AppKey("routes", dict[tuple[str, str], Route])


def make_app(
    house: House, access: Access, *, host_names: tuple[str, ...], password: bool, schedule: Schedule | None = None
) -> web.Application:
    """The server of one box. Without `password` (a demo on loopback) whoever reaches it reads it."""
    assets = Assets()
    app = web.Application(
        middlewares=[_problems, guard(host_names), _language, _roles, _whole], client_max_size=FORM_BYTES_MAX
    )
    app[HOUSE], app[ACCESS], app[PASSWORD] = house, access, password
    if schedule is not None:
        app[SCHEDULE] = schedule
    app[PAGES] = Pages(house, assets)
    app[UPLOADS] = uploads.Uploads(house)
    app[live.LISTENERS] = set()
    app[takeout.WRITING] = asyncio.Lock()
    app[ROUTES] = {}
    for route in routes(assets):
        app.router.add_route(route.method, route.path, route.handler)
        app[ROUTES][route.method, route.path] = route
        if route.method == "GET" and route.handler is not live.live:
            app.router.add_route("HEAD", route.path, route.handler)
            app[ROUTES]["HEAD", route.path] = route
    app.on_response_prepare.append(add_headers)
    app.on_cleanup.append(_close)
    return app


async def _close(app: web.Application) -> None:
    await app[UPLOADS].close()
    app[ACCESS].close()


ERRORS = {
    403: (
        mark("Not from here"),
        mark("This form is too old, or was not ours. Open the page again and send it once more."),
    ),
    404: (mark("Nothing here"), mark("There is no such page in this box.")),
    413: (mark("Too long"), mark("What was sent is longer than any form of ours.")),
    421: (
        mark("Another name"),
        mark("This box does not answer to the name that was typed. Use its address, or releve.local."),
    ),
    503: (
        mark("The card does not answer"),
        mark("What lies on it cannot be shown now. The box goes on reading your meters, and tries the card again."),
    ),
    507: (mark("Not kept"), mark("The card refuses to be written on. Nothing was changed.")),
}
OTHER_ERROR = (mark("Not possible"), mark("The box could not do what was asked. Nothing was changed."))


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """One clear sentence for whatever was wrong with a request: JSON for programs, a page for people."""
    try:
        return await _with_card(request, handler)
    except Problem as error:
        response = problem(request, error.status, error.detail)
        if error.status == 401 and request.path.startswith(granted.PATH):
            response.headers["WWW-Authenticate"] = "Bearer"
        return response
    except web.HTTPException as error:
        if error.status < 400:
            raise
        if request.path.startswith("/api/"):
            detail = (error.text or error.reason).strip().removeprefix(f"{error.status}: ")
            return problem(request, error.status, detail)
        title, sentence = ERRORS.get(error.status, OTHER_ERROR)
        words = words_of(request)
        said = words.say(sentence)
        if error.status == 413 and (mb := _files_bytes_max(request) // 1_000_000):
            said = words.say(importing.TOO_MUCH, mb=words.number(mb))
        response = render(request, "error.html", status=error.status, title=words.say(title), sentence=said)
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response


async def _with_card(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A card that refuses is the world's fault and no bug of ours: said as such, and written to the log."""
    try:
        return await handler(request)
    except (OSError, StoreError, LedgerError, HoldersError) as error:
        if isinstance(error, OSError) and error.errno not in CARD_REFUSES:
            raise
        log.warning("%s %s: %s", request.method, request.path, error)
        if request.method in SAFE_METHODS:
            raise web.HTTPServiceUnavailable(text="The card does not answer.\n") from None
        raise web.HTTPInsufficientStorage(text="The card refuses to be written on.\n") from None


@web.middleware
async def _language(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A language chosen by `?lang=` is this browser's from now on."""
    response = await handler(request)
    language = language_of(request)
    if request.query.get("lang") == language and not response.prepared:
        set_cookie(request, response, LANGUAGE_COOKIE, language)
    return response


@web.middleware
async def _roles(request: web.Request, handler: Handler) -> web.StreamResponse:
    app = request.app
    resource = request.match_info.route.resource
    if resource is None:  # no such page: nothing to protect
        return await handler(request)
    role = app[ROUTES][request.method, resource.canonical].role
    access = app[ACCESS]
    if role is Role.GRANT:  # a session does not open them, nor does a demo
        try:
            grant = access.granted(request.headers.get("Authorization"))
        except NotDatingError as error:
            raise Problem(503, str(error)) from None
        if grant is None:
            raise Problem(401, granted.ENDED)
        request[GRANT] = grant
        return await handler(request)
    if not app[PASSWORD]:
        if role is Role.SETUP:
            raise see("/")
        return await handler(request)
    session = await access.session(request.cookies.get(SESSION_COOKIE))
    if session is not None:
        request[SESSION] = session
    if role is Role.SETUP and access.password_set:
        raise see("/login")
    if role is Role.OCCUPANT and session is None:
        if request.path.startswith("/api/"):
            raise Problem(401, "log in first")
        if not access.password_set:
            raise see("/setup")
        raise see(f"/login?next={quote(request.path_qs, safe='/')}" if request.method == "GET" else "/login")
    return await handler(request)


def _files_bytes_max(request: web.Request) -> int:
    """How much of files a path takes; 0 if it takes none."""
    resource = request.match_info.route.resource
    route = None if resource is None else request.app[ROUTES].get((request.method, resource.canonical))
    return 0 if route is None else route.files_bytes_max


@web.middleware
async def _whole(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Have all that was sent, which handlers then find in memory; refuse what no form and no program of ours sends."""
    if request.method in SAFE_METHODS:
        return await handler(request)
    files_bytes_max = _files_bytes_max(request)
    if files_bytes_max:
        request = request.clone(client_max_size=files_bytes_max + FORM_BYTES_MAX)
    try:
        async with asyncio.timeout(FILES_S_MAX if files_bytes_max else FORM_S_MAX):
            body = await request.read()
        if not files_bytes_max:
            body.decode()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (web.RequestPayloadError, UnicodeDecodeError):
        raise web.HTTPBadRequest(text="A body in UTF-8 is needed, packed as its head says.\n") from None
    bodies = FILE_BODIES if files_bytes_max else BODIES
    if body and (request.content_type not in bodies or (request.charset or "utf-8").lower() != "utf-8"):
        raise web.HTTPUnsupportedMediaType(text=f"One of {', '.join(sorted(bodies))} in UTF-8 is needed.\n")
    return await handler(request)
