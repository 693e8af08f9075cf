"""`/settings`: language, password, and who is logged in."""

from aiohttp import web

from webui.auth import PASSWORD_CHARACTERS_MAX, Busy
from webui.login import BUSY, FIELDS, WRONG_PASSWORD, new_password_fault
from webui.page import ACCESS, HOUSE, PASSWORD, SESSION_COOKIE, read_form, render, see, session_of, set_cookie, words_of
from webui.words import LANGUAGES

NAMES = {"fr": "Français", "en": "English"}
SESSION_DIGITS_MAX = 18  # of a row in SQLite


async def page(request: web.Request) -> web.Response:
    return await _page(request)


async def _page(request: web.Request, *, status: int = 200, fault: str | None = None) -> web.Response:
    access, words = request.app[ACCESS], words_of(request)
    session = session_of(request)
    return render(
        request,
        "settings.html",
        status=status,
        languages=[(language, NAMES[language]) for language in LANGUAGES],
        sessions=await access.sessions() if request.app[PASSWORD] else [],
        current=session.id if session else None,
        fault=words.say(fault) if fault else None,
        fault_at=FIELDS.get(fault or ""),
        done=request.query.get("done") == "password",
    )


async def password(request: web.Request) -> web.Response:
    """Change the password. Everybody is logged out, and this browser in again."""
    access, house = request.app[ACCESS], request.app[HOUSE]
    fields = await read_form(request)
    if not request.app[PASSWORD]:
        raise web.HTTPNotFound
    address = request.remote or ""
    wait_s = access.patience.wait_s(address, house.now(), known=True)
    if wait_s:
        words = words_of(request)
        fault = words.say("Too many tries. Wait %(time)s, then try again.", time=words.duration(wait_s))
        return await _page(request, status=429, fault=fault)
    first = fields.get("password", "")
    access.patience.failed(address, house.now())  # before it is looked at, as at the login
    try:
        if not await access.password_fits(fields.get("current", "")[:PASSWORD_CHARACTERS_MAX]):
            return await _page(request, status=422, fault=WRONG_PASSWORD)
        access.patience.succeeded(address, house.now())
        fault_found = new_password_fault(first, fields.get("again", ""))
        if fault_found is not None:
            return await _page(request, status=422, fault=fault_found)
        await access.set_password(first)
    except Busy:
        return await _page(request, status=503, fault=BUSY)
    token = await access.open_session(address, request.headers.get("User-Agent", ""))
    answer = see("/settings?done=password")
    set_cookie(request, answer, SESSION_COOKIE, token)
    raise answer


async def end_session(request: web.Request) -> web.Response:
    fields = await read_form(request)
    session = fields.get("session", "")
    if not session.isdecimal() or len(session) > SESSION_DIGITS_MAX:
        raise web.HTTPNotFound
    await request.app[ACCESS].end_session(int(session))
    raise see("/settings")
