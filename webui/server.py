"""The web server: every route with its role in one table, and what stands between a request and its handler."""

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple
from urllib.parse import quote

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.backup import Backups
from gateway.grants import NotDatingError
from gateway.holders import HoldersError
from gateway.house import House
from gateway.importers.keyfile import FILE_BYTES_MAX as KEY_FILE_BYTES_MAX
from gateway.ledger import LedgerError
from gateway.roles import Role
from gateway.schedule import Schedule
from gateway.standing import Standing, standing
from gateway.store import StoreError
from webui import (
    about,
    alerts,
    analyze,
    api,
    away,
    backing_up,
    box,
    broker,
    bus,
    cable,
    clock,
    device,
    dial,
    erasing,
    finding,
    frost,
    giving,
    granted,
    handover,
    history,
    importing,
    joining,
    keyfiles,
    leak,
    leak_letter,
    leaving,
    live,
    login,
    message,
    meters,
    now,
    people,
    reach,
    resetting,
    settings,
    state,
    takeout,
    today,
    updating,
    uploads,
    week,
    who,
    wire,
)
from webui import roles as roles_
from webui.api import Problem, problem
from webui.assets import Assets
from webui.auth import Access
from webui.guard import SAFE_METHODS, add_headers, guard
from webui.page import (
    ACCESS,
    ALLOWED,
    GRANTED,
    HELD,
    HOUSE,
    LANGUAGE_COOKIE,
    PAGES,
    PASSWORD,
    SCHEDULE,
    SESSION,
    SESSION_COOKIE,
    STANDING,
    UPLOADS,
    Pages,
    language_of,
    render,
    see,
    set_cookie,
    words_of,
)
from webui.roles import (
    ANY,
    FIRST,
    GRANT,
    HANDS,
    KEEPER,
    LIVE,
    OCCUPANT,
    OWN_PASSWORD,
    PUBLIC,
    SETUP,
    STATE,
    Gate,
    Roles,
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


class Route(NamedTuple):
    method: str
    path: str
    roles: Roles
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    files_bytes_max: int = 0  # of the files that its form sends; 0: it sends none
    takes_pieces: bool = False  # its handler reads a form with a file piece by piece, within bounds of its own


def routes(assets: Assets) -> tuple[Route, ...]:
    """The whole server. A route is reached only through this table, so none can be without a role."""
    return (
        Route("GET", "/assets/{name}", PUBLIC, assets.serve),
        Route("GET", "/api/v1/health", PUBLIC, api.health),
        Route("GET", "/setup", SETUP, login.setup_page),
        Route("POST", "/setup", SETUP, login.setup),
        Route("GET", "/login", PUBLIC, login.login_page),
        Route("POST", "/login", PUBLIC, login.login),
        Route("GET", "/recover", PUBLIC, login.recover_page),
        Route("GET", "/welcome", PUBLIC, handover.welcome_page),
        Route("POST", "/welcome", PUBLIC, handover.welcome),
        Route("POST", "/logout", ANY, login.logout),
        Route("GET", "/", OCCUPANT, today.page),
        Route("GET", "/alerts", OCCUPANT, alerts.page),
        Route("POST", "/alerts/seen", OCCUPANT, alerts.seen),
        Route("POST", "/alerts/snooze", OCCUPANT, alerts.snooze),
        Route("POST", "/alerts/least", OCCUPANT, alerts.set_least),
        Route("GET", "/alerts/reach", OCCUPANT, reach.page),
        Route("GET", "/alerts/reach/{kind}", OCCUPANT, reach.form),
        Route("POST", "/alerts/reach", OCCUPANT, reach.confirm),
        Route("POST", "/alerts/reach/given", OCCUPANT, reach.give),
        Route("POST", "/alerts/trial", OCCUPANT, reach.trial),
        Route("POST", "/alerts/quiet", OCCUPANT, reach.set_quiet),
        Route("GET", "/week", OCCUPANT, week.page),
        Route("GET", "/away", OCCUPANT, away.page),
        Route("POST", "/away", OCCUPANT, away.say),
        Route("POST", "/away/back", OCCUPANT, away.back),
        Route("POST", "/away/told", OCCUPANT, away.set_told),
        Route("GET", "/frost", OCCUPANT, frost.page),
        Route("POST", "/frost", OCCUPANT, frost.choose),
        Route("POST", "/alerts/habit", OCCUPANT, alerts.set_habit),
        Route("GET", "/leak/{story}", OCCUPANT, leak.page),
        Route("POST", "/leak/{story}", OCCUPANT, leak.step),
        Route("POST", "/leak/{story}/price", OCCUPANT, leak.set_price),
        Route("GET", "/leak/{story}/letter", OCCUPANT, leak_letter.page),
        Route("GET", "/now", LIVE, now.page),
        Route("GET", "/state", STATE, state.page),
        Route("GET", "/people", OCCUPANT, people.page),
        Route("POST", "/people/add", OCCUPANT, people.add),
        Route("POST", "/people/end", OCCUPANT, people.end),
        Route("GET", "/handover", KEEPER, handover.page),
        Route("POST", "/handover", KEEPER, handover.letter),
        Route("GET", "/history", OCCUPANT, history.first),
        Route("GET", "/history/{point}", OCCUPANT, history.page),
        Route("GET", "/meters", HANDS, meters.page),
        Route("GET", "/meters/add", HANDS, meters.add_page),
        Route("POST", "/meters/add", HANDS, meters.add),
        Route("GET", "/meters/added", HANDS, meters.added),
        Route("POST", "/meters/key", HANDS, meters.key),
        Route("POST", "/meters/keys", HANDS, keyfiles.bring_in, KEY_FILE_BYTES_MAX),
        Route("POST", "/meters/name", HANDS, meters.rename),
        Route("POST", "/meters/apart", HANDS, meters.apart),
        Route("POST", "/meters/uncount", OCCUPANT, meters.uncount),
        Route("GET", "/meters/dial", HANDS, dial.page),
        Route("POST", "/meters/dial", HANDS, dial.compare),
        Route("POST", "/meters/dial/correct", HANDS, dial.correct),
        Route("POST", "/meters/dial/undo", OCCUPANT, dial.undo),
        Route("GET", "/meters/find", HANDS, finding.page),
        Route("POST", "/meters/find/modbus", HANDS, finding.modbus),
        Route("GET", "/meters/cable", HANDS, cable.page),
        Route("POST", "/meters/cable/listen", HANDS, cable.listen),
        Route("POST", "/meters/cable/stop", HANDS, cable.stop),
        Route("POST", "/meters/cable/add", HANDS, cable.add),
        Route("POST", "/meters/cable/drop", HANDS, cable.drop),
        Route("GET", "/meters/device", HANDS, device.page),
        Route("POST", "/meters/device/add", HANDS, device.add),
        Route("POST", "/meters/device/drop", HANDS, device.drop),
        Route("GET", "/meters/broker", HANDS, broker.page),
        Route("POST", "/meters/broker/add", HANDS, broker.add),
        Route("POST", "/meters/broker/drop", HANDS, broker.drop),
        Route("GET", "/meters/broker/map", HANDS, broker.mapping),
        Route("POST", "/meters/broker/keep", HANDS, broker.keep),
        Route("GET", "/meters/bus", HANDS, bus.page),
        Route("POST", "/meters/bus/read", HANDS, bus.read),
        Route("POST", "/meters/bus/keep", HANDS, bus.keep),
        Route("POST", "/meters/bus/search", HANDS, bus.search),
        Route("POST", "/meters/bus/stop", HANDS, bus.stop),
        Route("POST", "/meters/bus/drop", HANDS, bus.drop),
        Route("GET", "/meters/wire", HANDS, wire.page),
        Route("POST", "/meters/wire/read", HANDS, wire.read),
        Route("POST", "/meters/wire/keep", HANDS, wire.keep),
        Route("POST", "/meters/wire/search", HANDS, wire.search),
        Route("POST", "/meters/wire/stop", HANDS, wire.stop),
        Route("POST", "/meters/wire/drop", HANDS, wire.drop),
        Route("GET", "/analyze", HANDS, analyze.page),
        Route("POST", "/analyze", HANDS, analyze.look),
        Route("GET", "/import", OCCUPANT, importing.page),
        Route("POST", "/import", OCCUPANT, importing.send, uploads.BYTES_MAX),
        Route("POST", "/import/undo", OCCUPANT, importing.undo),
        Route("GET", "/import/{id}", OCCUPANT, importing.look),
        Route("POST", "/import/{id}", OCCUPANT, importing.act),
        Route("GET", "/data", OCCUPANT, who.page),
        Route("GET", "/data/give", OCCUPANT, giving.form),
        Route("POST", "/data/give", OCCUPANT, giving.confirm),
        Route("POST", "/data/given", OCCUPANT, giving.give),
        Route("GET", "/data/send", OCCUPANT, giving.choose),
        Route("GET", "/data/send/{to}", OCCUPANT, giving.form_to),
        Route("GET", "/data/connect/{grant}", OCCUPANT, who.connect),
        Route("POST", "/data/connect/{grant}", OCCUPANT, who.connect),
        Route("POST", "/data/withdraw", OCCUPANT, who.withdraw),
        Route("POST", "/data/pause", OCCUPANT, who.pause),
        Route("POST", "/data/now", OCCUPANT, who.now),
        Route("POST", "/data/again", OCCUPANT, who.again),
        Route("POST", "/data/leave", OCCUPANT, who.leave),
        Route("GET", "/data/grant/{grant}", OCCUPANT, who.grant_page),
        Route("GET", "/data/grant/{grant}/receipt", OCCUPANT, who.grant_file),
        Route("GET", "/data/releve_csv.py", OCCUPANT, who.script),
        Route("GET", "/data/export", OCCUPANT, takeout.export),
        Route("POST", "/data/erase", OCCUPANT, erasing.erase),
        Route("GET", "/data/ledger", OCCUPANT, who.ledger),
        Route("GET", "/data/ledger/file", OCCUPANT, leaving.ledger_file),
        Route("GET", "/leave", OCCUPANT, leaving.page),
        Route("POST", "/leave", OCCUPANT, leaving.leave),
        Route("POST", "/leave/targets", OCCUPANT, leaving.end_sending),
        Route("POST", "/box/time", HANDS, clock.tell),
        Route("GET", "/box", HANDS, box.page),
        Route("POST", "/box/seen", OCCUPANT, box.seen),
        Route("POST", "/box/notice", OCCUPANT, box.notice),
        Route("GET", "/box/wifi", HANDS, joining.page),
        Route("POST", "/box/wifi", HANDS, joining.join),
        Route("GET", "/box/update", OCCUPANT, updating.page),
        Route("POST", "/box/update", OCCUPANT, updating.send, takes_pieces=True),
        Route("POST", "/box/update/install", OCCUPANT, updating.install),
        Route("POST", "/box/update/drop", OCCUPANT, updating.drop),
        Route("GET", "/box/backup", OCCUPANT, backing_up.page),
        Route("POST", "/box/backup", OCCUPANT, backing_up.make),
        Route("POST", "/box/backup/file", OCCUPANT, backing_up.send, takes_pieces=True),
        Route("POST", "/box/backup/bring", OCCUPANT, backing_up.bring),
        Route("POST", "/box/backup/drop", OCCUPANT, backing_up.drop),
        Route("POST", "/box/backup/erase", OCCUPANT, backing_up.erase),
        Route("GET", "/box/reset", OCCUPANT, resetting.page),
        Route("POST", "/box/reset", OCCUPANT, resetting.reset),
        Route("GET", "/about", HANDS, about.page),
        Route("GET", "/about/{name}", HANDS, about.file),
        Route("GET", "/settings", ANY, settings.page),
        Route("POST", "/settings/password", OWN_PASSWORD, settings.password),
        Route("POST", "/settings/sessions", ANY, settings.end_session),
        Route("GET", "/api/v1/points", OCCUPANT, api.points),
        Route("GET", "/api/v1/points/{id}/consumption", OCCUPANT, api.consumption),
        Route("GET", "/api/v1/points/{id}/files", OCCUPANT, api.files),
        Route("GET", "/api/v1/series/{key}/curve", OCCUPANT, api.curve),
        Route("GET", "/api/v1/alerts", OCCUPANT, alerts.listed),
        Route("GET", "/api/v1/heard", HANDS, api.heard),
        Route("GET", "/api/v1/ports", HANDS, api.ports),
        Route("POST", "/api/v1/adopt", HANDS, api.adopt),
        Route("GET", "/api/v1/live", LIVE | HANDS, live.live),
        Route("GET", "/api/v1/granted", GRANT, granted.mine),
        Route("GET", "/api/v1/granted/readings", GRANT, granted.readings),
    )


ROUTES = web.AppKey("routes", dict[tuple[str, str], Route])


def make_app(
    house: House,
    access: Access,
    *,
    host_names: tuple[str, ...],
    password: bool,
    schedule: Schedule | None = None,
    backups: Backups | None = None,
    stands: Standing | None = None,
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
    app[STANDING] = stands = stands or standing()
    app[updating.DESK] = updating.Desk(house, stands)
    app[backing_up.DESK] = backing_up.Desk(house, backups)
    app[about.CONTENTS] = about.Contents(stands.places.share)
    app[live.LISTENERS] = set()
    app[takeout.WRITING] = asyncio.Lock()
    app[ROUTES] = {}
    # Of a path with a page and a form, those of the page.
    app[ALLOWED] = {
        route.path: route.roles for route in sorted(routes(assets), key=lambda route: route.method == "GET")
    }
    for route in routes(assets):
        app.router.add_route(route.method, route.path, route.handler)
        app[ROUTES][route.method, route.path] = route
        if route.method == "GET" and route.handler is not live.live:
            app.router.add_route("HEAD", route.path, route.handler)
            app[ROUTES]["HEAD", route.path] = route
    app.on_response_prepare.append(add_headers)
    app.on_cleanup.append(_close)
    access.teller.speak = partial(message.speak, app[PAGES].words, house, access.alerts)
    return app


async def _close(app: web.Application) -> None:
    await app[UPLOADS].close()
    await app[updating.DESK].arriving.close()
    await app[backing_up.DESK].close()
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
NOT_YOURS = (mark("Not for you"), mark("This page is for who lives here. Nothing was changed."))
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
    allowed = app[ROUTES][request.method, resource.canonical].roles
    access = app[ACCESS]
    if Gate.GRANT in allowed:  # a session does not open them, nor does a demo
        try:
            grant = access.granted(request.headers.get("Authorization"))
        except NotDatingError as error:
            raise Problem(503, str(error)) from None
        if grant is None:
            raise Problem(401, granted.ENDED)
        request[GRANTED] = grant
        return await handler(request)
    if not app[PASSWORD]:
        request[HELD] = OCCUPANT
        if Gate.SETUP in allowed:
            raise see("/")
        if Gate.PUBLIC not in allowed and Role.OCCUPANT not in allowed:
            raise web.HTTPNotFound
        return await handler(request)
    session = await access.session(request.cookies.get(SESSION_COOKIE))
    if session is not None:
        request[SESSION] = session
    held = roles_.of(session.role if session else None, vacant=access.people.vacant)
    request[HELD] = held
    if Gate.PUBLIC in allowed or allowed & held:
        return await handler(request)
    if Gate.SETUP in allowed:
        if access.password_set:
            raise see("/login")
        return await handler(request)
    if session is not None:
        if request.path == "/" and request.method in SAFE_METHODS:
            raise see(FIRST[session.role])
        if request.path.startswith("/api/"):
            raise Problem(403, f"this is not for the {session.role} of a dwelling")
        title, sentence = NOT_YOURS
        words = words_of(request)
        return render(request, "error.html", status=403, title=words.say(title), sentence=words.say(sentence))
    if request.path.startswith("/api/"):
        raise Problem(401, "log in first")
    if not access.password_set:
        raise see("/setup")
    raise see(f"/login?next={quote(request.path_qs, safe='/')}" if request.method == "GET" else "/login")


def _route(request: web.Request) -> Route | None:
    resource = request.match_info.route.resource
    return None if resource is None else request.app[ROUTES].get((request.method, resource.canonical))


def _files_bytes_max(request: web.Request) -> int:
    """How much of files a path takes; 0 if it takes none."""
    route = _route(request)
    return 0 if route is None else route.files_bytes_max


@web.middleware
async def _whole(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Have all that was sent, which handlers then find in memory; refuse what no form and no program of ours sends."""
    if request.method in SAFE_METHODS:
        return await handler(request)
    if (route := _route(request)) is not None and route.takes_pieces:
        if request.content_type not in FILE_BODIES:
            raise web.HTTPUnsupportedMediaType(text=f"{', '.join(sorted(FILE_BODIES))} is needed.\n")
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
