"""`/settings`: language, password, and who is logged in."""

from aiohttp import web
from markupsafe import Markup

from gateway.ledger import Session
from gateway.roles import Role
from webui.auth import PASSWORD_CHARACTERS_MAX, Busy
from webui.login import BUSY, FIELDS, WRONG_PASSWORD, address_of, enter, new_password_fault, refusal
from webui.page import ACCESS, HOUSE, occupies, read_form, render, see, session_of, words_of
from webui.people import ROLES
from webui.words import LANGUAGES

NAMES = {"fr": "Français", "en": "English"}
SESSION_DIGITS_MAX = 18  # of a row in SQLite


async def page(request: web.Request) -> web.Response:
    return await _page(request)


async def _page(
    request: web.Request, *, status: int = 200, fault: str | None = None, said: Markup | None = None
) -> web.Response:
    access, words = request.app[ACCESS], words_of(request)
    session = session_of(request)
    return render(
        request,
        "settings.html",
        status=status,
        languages=[(language, NAMES[language]) for language in LANGUAGES],
        sessions=await _sessions(request),
        role=session.role if session else Role.OCCUPANT,
        roles=ROLES,
        others=[account for account in access.people.accounts if account.role is not Role.OCCUPANT],
        current=session.id if session else None,
        fault=words.say(fault) if fault else said,
        fault_at=FIELDS.get(fault or ""),
        done=request.query.get("done") == "password",
    )


async def _sessions(request: web.Request) -> list[Session]:
    """All of them for who lives here; for others, those of their own account."""
    session = session_of(request)
    if session is None:
        return []
    found = await request.app[ACCESS].sessions()
    return [one for one in found if occupies(request) or one.account == session.account]


async def password(request: web.Request) -> web.Response:
    """Change one's own password. All who used it are logged out, and this browser in again."""
    access, house = request.app[ACCESS], request.app[HOUSE]
    fields = await read_form(request)
    session = session_of(request)
    if session is None:
        raise web.HTTPNotFound
    address, role = address_of(request), session.role
    said = refusal(request, role, known=True)
    if said is not None:
        return said(await _page(request, status=429, said=said.fault))
    first = fields.get("password", "")
    access.patience.failed(address, house.now(), what=role)  # before it is looked at, as at the login
    try:
        if not await access.password_fits(fields.get("current", "")[:PASSWORD_CHARACTERS_MAX], role):
            return await _page(request, status=422, fault=WRONG_PASSWORD)
        access.patience.succeeded(address, house.now(), what=role)
        fault_found = new_password_fault(first, fields.get("again", ""))
        if fault_found is not None:
            return await _page(request, status=422, fault=fault_found)
        await access.change(role, first)
    except Busy:
        return await _page(request, status=503, fault=BUSY)
    return await enter(request, "/settings?done=password", access.people.of(role))


async def end_session(request: web.Request) -> web.Response:
    fields = await read_form(request)
    session = fields.get("session", "")
    if not session.isdecimal() or len(session) > SESSION_DIGITS_MAX:
        raise web.HTTPNotFound
    if int(session) in {one.id for one in await _sessions(request)}:
        await request.app[ACCESS].end_session(int(session))
    raise see("/settings")
