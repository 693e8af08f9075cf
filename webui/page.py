"""One rendered page: its language, its frame, its form token. What every handler shares."""

import secrets
from collections.abc import Mapping
from functools import partial
from typing import Any

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gateway import heal
from gateway.grants import By, Grant
from gateway.house import House
from gateway.ledger import Session
from gateway.roles import Role
from gateway.schedule import Schedule
from gateway.standing import Standing
from webui import charts, multipart, notices, shown, status
from webui.assets import Assets
from webui.auth import Access
from webui.roles import Gate, Roles
from webui.uploads import Uploads
from webui.words import AGES, LANGUAGES, Words, plain

HOUSE = web.AppKey("house", House)
ACCESS = web.AppKey("access", Access)
PASSWORD = web.AppKey("password", bool)
SCHEDULE = web.AppKey("schedule", Schedule)  # where back-ups are made by themselves
UPLOADS = web.AppKey("uploads", Uploads)
STANDING = web.AppKey("standing", Standing)
SESSION = web.RequestKey("session", Session)
GRANTED = web.RequestKey("granted", Grant)  # an app's, on the routes that a token opens
HELD = web.RequestKey("held", frozenset[Role | Gate])  # what who asks may pass as
ALLOWED = web.AppKey("allowed", dict[str, Roles])  # of each page, who may pass

LANGUAGE_COOKIE, SESSION_COOKIE, BROWSER_COOKIE = "releve_lang", "releve_session", "releve_browser"
COOKIE_S = 180 * 86400
COMPRESS_BYTES_MIN = 1024


class Pages:
    """The templates, once a language."""

    def __init__(self, house: House, assets: Assets) -> None:
        self.words = {language: Words(language, house.zone) for language in LANGUAGES}
        self._environments = {language: _environment(words, assets) for language, words in self.words.items()}

    def template(self, language: str, name: str, context: Mapping[str, object]) -> str:
        return self._environments[language].get_template(name).render(context)


PAGES = web.AppKey("pages", Pages)
UNBROKEN_CHARACTERS_MAX = 20  # a number and its unit stay on one line; what a thing calls itself need not fit into one


def _environment(words: Words, assets: Assets) -> Environment:
    environment = Environment(
        loader=PackageLoader("webui"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals.update(
        _=words.say,
        _n=words.say_n,
        words=words,
        language=words.language,
        asset=assets.url,
        charts=charts,
        shown=shown,
        status_said=partial(status.said, words),
        ages=[(step_s, words.say(message, n="{n}")) for step_s, message in AGES],
    )
    environment.filters["bold"] = _bold
    environment.filters["plain"] = plain
    return environment


def _bold(text: str) -> Markup:
    unbroken = len(text) <= UNBROKEN_CHARACTERS_MAX
    return Markup('<b class="{}">{}</b>').format("nb" if unbroken else "agent", text)


def language_of(request: web.Request) -> str:
    """`?lang=`, then the cookie it leaves, then the box's own language."""
    for language in (request.query.get("lang"), request.cookies.get(LANGUAGE_COOKIE), request.app[HOUSE].language):
        if language in LANGUAGES:
            return str(language)
    return LANGUAGES[0]


def words_of(request: web.Request) -> Words:
    return request.app[PAGES].words[language_of(request)]


def session_of(request: web.Request) -> Session | None:
    return request.get(SESSION)


def held_by(request: web.Request) -> Roles:
    """What who asks may pass as; nobody is logged in where it is empty."""
    held: Roles = request.get(HELD, frozenset())
    return held


def occupies(request: web.Request) -> bool:
    """Whether all of the dwelling may be shown; else only what docs/people.md names."""
    return Role.OCCUPANT in held_by(request)


def by_of(request: web.Request) -> By:
    """Who does something, for the ledger."""
    session = session_of(request)
    if session is not None:
        return By(session.agent, session.address)
    return By(request.headers.get("User-Agent", ""), request.remote or "")


def render(request: web.Request, template: str, /, *, status: int = 200, **context: Any) -> web.Response:
    """A whole page. Its footer says to which moment everything shown is saved."""
    house = request.app[HOUSE]
    words = words_of(request)
    browser = request.cookies.get(BROWSER_COOKIE) or secrets.token_urlsafe(24)
    session = session_of(request)
    held, allowed = held_by(request), request.app[ALLOWED]
    occupant = occupies(request)
    other = next(language for language in LANGUAGES if language != words.language)
    text = request.app[PAGES].template(
        words.language,
        template,
        {
            "path": request.path,
            "other_language": other,
            "other_link": request.rel_url.update_query(lang=other)
            if request.method == "GET" and status == 200
            else f"/?lang={other}",
            "now": house.now(),
            "saved_to": house.saved_to,
            "dating": house.dating,
            "trouble": house.store_trouble if Role.INSTALLER in held or occupant else None,
            "card_full": house.card_full,
            "damaged": occupant and house.store_damaged,
            "notices": notices.shown(
                request.app[STANDING],
                words,
                house.catalog,
                request.path,
                occupant=occupant,
                hands=Role.INSTALLER in held,
            ),
            "in_memory": notices.in_memory(request.app[STANDING]),
            "healed": heal.said(house.catalog) if occupant else (),
            "dwelling": house.dwelling_name,
            "password": request.app[PASSWORD],
            "occupant": occupant,
            "inside": bool(held),
            "may": lambda path: bool(allowed[path] & held),
            "keeper": Gate.KEEPER in held,
            "token": request.app[ACCESS].form_token(browser, session.id if session else None),
            **context,
        },
    )
    response = web.Response(text=text, status=status, content_type="text/html")
    if len(text) >= COMPRESS_BYTES_MIN:
        response.enable_compression()
    response.headers["Content-Language"] = words.language
    if BROWSER_COOKIE not in request.cookies:
        set_cookie(request, response, BROWSER_COOKIE, browser)
    return response


def set_cookie(request: web.Request, response: web.StreamResponse, name: str, value: str) -> None:
    """Lax, not Strict: a link to the box from a letter or a phone's start screen must find its reader logged in."""
    response.set_cookie(name, value, max_age=COOKIE_S, httponly=True, samesite="Lax", secure=request.secure)


async def read_form(request: web.Request) -> dict[str, str]:
    """The fields of a form of ours; 403 when its token is not this browser's."""
    fields = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    check_token(request, fields.get("token", "").encode())
    return fields


async def read_file_form(request: web.Request) -> dict[str, bytes]:
    """The fields of a form of ours that sends a file; 403 when its token is not this browser's."""
    try:
        fields = multipart.parse(request.headers.get("Content-Type", ""), await request.read())
    except multipart.MultipartError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from None
    check_token(request, fields.get("token", b""))
    return fields


async def read_files_form(request: web.Request, files_max: int) -> tuple[dict[str, str], list[tuple[str, bytes]]]:
    """The fields of a form of ours that sends several files, and those, as (name, content)."""
    try:
        body = await request.read()
        parts = multipart.parts(request.headers.get("Content-Type", ""), body, files_max + multipart.PARTS_MAX)
    except multipart.MultipartError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from None
    fields = {part.name: part.content.decode("utf-8", "replace") for part in parts if part.name != "file"}
    check_token(request, fields.get("token", "").encode())
    return fields, [(part.filename, part.content) for part in parts if part.name == "file"]


def check_token(request: web.Request, token: bytes) -> None:
    """403 when it is not this browser's."""
    session = session_of(request)
    browser = request.cookies.get(BROWSER_COOKIE, "")
    wanted = request.app[ACCESS].form_token(browser, session.id if session else None)
    if not browser or not secrets.compare_digest(token, wanted.encode()):
        raise web.HTTPForbidden(text="stale form")


def see(path: str) -> web.HTTPSeeOther:
    """After a form was taken: look there."""
    return web.HTTPSeeOther(path)


def back(fields: Mapping[str, str], path: str) -> web.HTTPSeeOther:
    """After a form of `path` was taken that stands on `/data`, too: where it was sent from."""
    return see("/data#rectify" if fields.get("from") == "data" else path)


def joined(words: Words, parts: list[Markup]) -> Markup:
    """`a, b and c`."""
    if len(parts) < 2:
        return parts[0] if parts else Markup("")
    return words.say("%(some)s and %(last)s", some=Markup(", ").join(parts[:-1]), last=parts[-1])
