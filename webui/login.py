"""Setup with the box's code, login, logout."""

from collections.abc import Collection
from dataclasses import dataclass

from aiohttp import web
from markupsafe import Markup

from gateway.roles import Account, Role
from webui.auth import PASSWORD_CHARACTERS_MAX, PASSWORD_CHARACTERS_MIN, Busy, Door
from webui.page import ACCESS, HOUSE, SESSION_COOKIE, by_of, read_form, render, see, session_of, set_cookie, words_of
from webui.people import WHO, clean_name
from webui.roles import FIRST
from webui.words import mark

WRONG_CODE = mark("This is not the code. It is printed by the box when it starts.")
TOO_SHORT = mark("The password needs at least 8 characters.")
NOT_THE_SAME = mark("The two passwords are not the same.")
WRONG_PASSWORD = mark("This is not the password.")
CODE_CHARACTERS_MAX = 40
# Who sets a box up. Without a word it is who lives here.
SETTERS = {
    Role.OCCUPANT: mark("I live here"),
    Role.INSTALLER: mark("I install it for somebody else"),
    Role.LANDLORD: mark("I let this home to somebody else"),
}
BUSY = mark("The box is checking other passwords. Try again in a moment.")


def new_password_fault(first: str, second: str) -> str | None:
    if not PASSWORD_CHARACTERS_MIN <= len(first) <= PASSWORD_CHARACTERS_MAX:
        return TOO_SHORT
    return None if first == second else NOT_THE_SAME


# The field to type again.
FIELDS = {WRONG_CODE: "code", TOO_SHORT: "password", NOT_THE_SAME: "again", WRONG_PASSWORD: "current"}


async def setup_page(request: web.Request) -> web.Response:
    return _setup_page(request, {})


def _setup_page(request: web.Request, fields: dict[str, str], *, status: int = 200, **context: object) -> web.Response:
    role = _role(fields.get("who", ""), SETTERS)
    given: dict[str, object] = {
        "code": fields.get("code", "")[:CODE_CHARACTERS_MAX],
        "role": role,
        "name": fields.get("name", ""),
    }
    given["moved_in"] = "moved_in" in fields
    given["lived_in"] = request.app[ACCESS].lived_in
    return render(
        request, "setup.html", status=status, setters=SETTERS, **{"fault": None, "fault_at": None, **given, **context}
    )


async def setup(request: web.Request) -> web.Response:
    """The first visit: who reads the code on the box lives here and chooses the password, or sets it up for others."""
    access = request.app[ACCESS]
    fields = await read_form(request)
    code = fields.get("code", "")[:CODE_CHARACTERS_MAX]
    said = refusal(request, Door.SETUP)
    if said is not None:
        return said(_setup_page(request, fields, status=429, fault=said.fault, fault_at=""))
    first = fields.get("password", "")
    fault = new_password_fault(first, fields.get("again", ""))
    if fault is None and not access.code_fits(code):
        access.patience.failed(address_of(request), request.app[HOUSE].now(), what=Door.SETUP)
        fault = WRONG_CODE
    if fault is not None:
        return _setup_page(request, fields, status=422, fault=words_of(request).say(fault), fault_at=FIELDS[fault])
    role = _role(fields.get("who", ""), SETTERS)
    by = None if role is Role.OCCUPANT else by_of(request)
    try:
        name, moved_in = clean_name(fields.get("name", "")) or "", "moved_in" in fields
        if not await access.set_up(role, first, name, by, moved_in=moved_in):
            raise see("/login")  # somebody else with the code was quicker
    except Busy:
        return _setup_page(request, fields, status=503, fault=words_of(request).say(BUSY))
    access.patience.succeeded(address_of(request), request.app[HOUSE].now(), what=Door.SETUP)
    if access.handed_back.is_set():
        return render(request, "left.html", landlord=None, begins=True)
    account = access.people.of(role)
    return await enter(request, "/" if role is Role.OCCUPANT else FIRST[Role.INSTALLER], account)


async def login_page(request: web.Request) -> web.Response:
    if not request.app[ACCESS].password_set:
        raise see("/setup")
    return _login_page(request, {"next": request.query.get("next", "")})


def _login_page(request: web.Request, fields: dict[str, str], *, status: int = 200, **context: object) -> web.Response:
    """Who it is, is asked where there are several roles to log in with."""
    there = [account.role for account in request.app[ACCESS].people.accounts]
    who = {role: said for role, said in WHO.items() if role in there}
    role = _role(fields.get("who", ""), who)
    given: dict[str, object] = {"who": who, "role": role if role in who else next(iter(who), Role.OCCUPANT)}
    given |= {"follow": _follow(fields.get("next", "")), "vacant": request.app[ACCESS].people.vacant}
    return render(request, "login.html", status=status, **{"fault": None, **given, **context})


async def login(request: web.Request) -> web.Response:
    access, house, words = request.app[ACCESS], request.app[HOUSE], words_of(request)
    fields = await read_form(request)
    role = _role(fields.get("who", ""), WHO)
    said = refusal(request, role, known=await access.known(address_of(request), role))
    if said is not None:
        return said(_login_page(request, fields, status=429, fault=said.fault))
    # Counted before it is looked at: of many tries sent at once, none would have failed yet.
    access.patience.failed(address_of(request), house.now(), what=role)
    try:
        account = await access.account(role, fields.get("password", "")[:PASSWORD_CHARACTERS_MAX])
    except Busy:
        return _login_page(request, fields, status=503, fault=words.say(BUSY))
    if account is None:
        return _login_page(request, fields, status=403, fault=words.say(WRONG_PASSWORD))
    access.patience.succeeded(address_of(request), house.now(), what=role)
    follow = _follow(fields.get("next", ""))
    return await enter(request, follow if follow != "/" or role is Role.OCCUPANT else FIRST[role], account)


async def recover_page(request: web.Request) -> web.Response:
    """What to do at the box itself; nothing is done here."""
    return render(request, "recover.html", name=request.app[HOUSE].config.recover.name)


async def logout(request: web.Request) -> web.Response:
    await read_form(request)
    session = session_of(request)
    if session is not None:
        await request.app[ACCESS].end_session(session.id)
    answer = see("/")
    answer.del_cookie(SESSION_COOKIE)
    raise answer


async def enter(request: web.Request, follow: str, account: Account | None = None) -> web.Response:
    """A session of this account, the household's without, in this browser."""
    agent = request.headers.get("User-Agent", "")
    token = await request.app[ACCESS].open_session(address_of(request), agent, account)
    answer = see(follow)
    set_cookie(request, answer, SESSION_COOKIE, token)
    raise answer


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing is looked at, in words; called with the page that says so, it says to programs, too, how long to wait."""

    fault: Markup
    wait_s: int

    def __call__(self, response: web.Response) -> web.Response:
        response.headers["Retry-After"] = str(self.wait_s)
        return response


def refusal(request: web.Request, what: Role | Door, *, known: bool = False) -> Refusal | None:
    """The refusal of an address that tried too often; nothing is checked, so nothing can be guessed meanwhile."""
    wait_s = request.app[ACCESS].patience.wait_s(address_of(request), request.app[HOUSE].now(), what=what, known=known)
    if wait_s == 0:
        return None
    words = words_of(request)
    fault = words.say("Too many tries. Wait %(time)s, then try again.", time=words.duration(wait_s))
    return Refusal(fault, wait_s)


def address_of(request: web.Request) -> str:
    return request.remote or ""


def _role(word: str, among: Collection[Role]) -> Role:
    """The role that a form says; who lives here where it says none of these."""
    return next((role for role in among if role == word), Role.OCCUPANT)


def _follow(path: str) -> str:
    """Where a login leads: a path of this box, never another site (two slashes make one, either way they lean)."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() else "/"
