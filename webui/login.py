"""Setup with the box's code, login, logout."""

from aiohttp import web

from webui.auth import PASSWORD_CHARACTERS_MAX, PASSWORD_CHARACTERS_MIN, Busy
from webui.page import ACCESS, HOUSE, SESSION_COOKIE, read_form, render, see, session_of, set_cookie, words_of
from webui.words import mark

WRONG_CODE = mark("This is not the code. It is printed by the box when it starts.")
TOO_SHORT = mark("The password needs at least 8 characters.")
NOT_THE_SAME = mark("The two passwords are not the same.")
WRONG_PASSWORD = mark("This is not the password.")
CODE_CHARACTERS_MAX = 40
BUSY = mark("The box is checking other passwords. Try again in a moment.")


def new_password_fault(first: str, second: str) -> str | None:
    if not PASSWORD_CHARACTERS_MIN <= len(first) <= PASSWORD_CHARACTERS_MAX:
        return TOO_SHORT
    return None if first == second else NOT_THE_SAME


# The field to type again.
FIELDS = {WRONG_CODE: "code", TOO_SHORT: "password", NOT_THE_SAME: "again", WRONG_PASSWORD: "current"}


async def setup_page(request: web.Request) -> web.Response:
    return render(request, "setup.html", fault=None, fault_at=None, code="")


async def setup(request: web.Request) -> web.Response:
    """The first visit: who reads the code on the box may choose the household's password."""
    access = request.app[ACCESS]
    fields = await read_form(request)
    code = fields.get("code", "")[:CODE_CHARACTERS_MAX]
    refused = _patience(request, "setup.html", fault_at="", code=code)
    if refused is not None:
        return refused
    first = fields.get("password", "")
    fault = new_password_fault(first, fields.get("again", ""))
    if fault is None and not access.code_fits(code):
        access.patience.failed(_address(request), request.app[HOUSE].now())
        fault = WRONG_CODE
    if fault is not None:
        said = words_of(request).say(fault)
        return render(request, "setup.html", status=422, fault=said, fault_at=FIELDS[fault], code=code)
    try:
        if not await access.set_password(first, first=True):
            raise see("/login")  # somebody else with the code was quicker
    except Busy:
        said = words_of(request).say(BUSY)
        return render(request, "setup.html", status=503, fault=said, fault_at=None, code=code)
    return await _enter(request, "/")


async def login_page(request: web.Request) -> web.Response:
    if not request.app[ACCESS].password_set:
        raise see("/setup")
    return render(request, "login.html", fault=None, follow=_follow(request.query.get("next", "")))


async def login(request: web.Request) -> web.Response:
    access = request.app[ACCESS]
    fields = await read_form(request)
    follow = _follow(fields.get("next", ""))
    known = await access.known(_address(request))
    refused = _patience(request, "login.html", known=known, follow=follow)
    if refused is not None:
        return refused
    # Counted before it is looked at: of many tries sent at once, none would have failed yet.
    access.patience.failed(_address(request), request.app[HOUSE].now())
    try:
        fits = await access.password_fits(fields.get("password", "")[:PASSWORD_CHARACTERS_MAX])
    except Busy:
        return render(request, "login.html", status=503, fault=words_of(request).say(BUSY), follow=follow)
    if not fits:
        return render(request, "login.html", status=403, fault=words_of(request).say(WRONG_PASSWORD), follow=follow)
    return await _enter(request, follow)


async def logout(request: web.Request) -> web.Response:
    await read_form(request)
    session = session_of(request)
    if session is not None:
        await request.app[ACCESS].end_session(session.id)
    answer = see("/")
    answer.del_cookie(SESSION_COOKIE)
    raise answer


async def _enter(request: web.Request, follow: str) -> web.Response:
    access = request.app[ACCESS]
    access.patience.succeeded(_address(request), request.app[HOUSE].now())
    token = await access.open_session(_address(request), request.headers.get("User-Agent", ""))
    answer = see(follow)
    set_cookie(request, answer, SESSION_COOKIE, token)
    raise answer


def _patience(request: web.Request, template: str, *, known: bool = False, **context: str) -> web.Response | None:
    """The refusal of an address that tried too often; nothing is checked, so nothing can be guessed meanwhile."""
    wait_s = request.app[ACCESS].patience.wait_s(_address(request), request.app[HOUSE].now(), known=known)
    if wait_s == 0:
        return None
    words = words_of(request)
    fault = words.say("Too many tries. Wait %(time)s, then try again.", time=words.duration(wait_s))
    response = render(request, template, status=429, fault=fault, **context)
    response.headers["Retry-After"] = str(wait_s)
    return response


def _address(request: web.Request) -> str:
    return request.remote or ""


def _follow(path: str) -> str:
    """Where a login leads: a path of this box, never another site (two slashes make one, either way they lean)."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() else "/"
